// Every state of a story, as far as so many: node ink_walk.js FOLDER-OF-INKJS STORY.json MOST
// A state is the knot and the variables; each is loaded, each of its choices made, and where that leads kept as JSON.
const fs = require("fs");
const [inkjs, source, most] = process.argv.slice(2);
const { Story } = require(inkjs + "/dist/ink.js");
const story = new Story(fs.readFileSync(source, "utf8"));
const names = [...story.variablesState._globalVariables.keys()];

function key() {
  return names.map((name) => story.variablesState[name]).join(",") + (story.currentChoices.length ? "" : "!");
}

const begun = process.hrtime.bigint();
story.ContinueMaximally();
const met = new Set([key()]);
const waiting = [story.state.toJson()];
let at = 0;
for (; at < waiting.length && at < Number(most); at++) {
  story.state.LoadJson(waiting[at]);
  const count = story.currentChoices.length;
  for (let choice = 0; choice < count; choice++) {
    if (choice) story.state.LoadJson(waiting[at]);
    story.ChooseChoiceIndex(choice);
    story.ContinueMaximally();
    const here = key();
    if (!met.has(here)) {
      met.add(here);
      waiting.push(story.state.toJson());
    }
  }
  waiting[at] = null;
}
const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
console.log(JSON.stringify({ states: at, seconds, whole: at === waiting.length }));
