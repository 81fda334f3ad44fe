// So many steps through the story, with the text of each made: node ink_steps.js FOLDER-OF-INKJS STORY.json STEPS
const fs = require("fs");
const { createHash } = require("crypto");
const [inkjs, source, steps] = process.argv.slice(2);
const { Story } = require(inkjs + "/dist/ink.js");
const compiled = fs.readFileSync(source, "utf8");

function walk(steps) {
  const story = new Story(compiled);
  const said = [];
  let number = 1;
  const begun = process.hrtime.bigint();
  for (let step = 0; step < steps; step++) {
    const text = story.ContinueMaximally();
    const says = story.currentChoices.map((choice) => choice.text);
    if (step < 300) said.push(text.trim().split(/\s+/).join(" ") + "|" + says.join("|"));
    number = (number * 16807) % 2147483647;
    story.ChooseChoiceIndex((number >> 8) % says.length);
  }
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  return { seconds, said: createHash("sha256").update(said.join("\n")).digest("hex") };
}

walk(500);
console.log(JSON.stringify(walk(Number(steps))));
