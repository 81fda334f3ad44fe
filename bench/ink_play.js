// Plays a story in the terminal, as plainly as can be: node ink_play.js FOLDER-OF-INKJS STORY.json
const fs = require("fs");
const [inkjs, source] = process.argv.slice(2);
const { Story } = require(inkjs + "/dist/ink.js");
const story = new Story(fs.readFileSync(source, "utf8"));

function show() {
  process.stdout.write("\n" + story.ContinueMaximally() + "\n");
  story.currentChoices.forEach((choice, index) => process.stdout.write(`${index + 1}. ${choice.text}\n`));
}

show();
const asking = require("readline").createInterface({ input: process.stdin, output: process.stdout });
asking.setPrompt("\n> ");
asking.prompt();
asking.on("line", (line) => {
  const index = Number(line) - 1;
  if (story.currentChoices[index]) {
    story.ChooseChoiceIndex(index);
    show();
  }
  asking.prompt();
});
