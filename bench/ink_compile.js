// Compiles ink to JSON: node ink_compile.js FOLDER-OF-INKJS STORY.ink STORY.json
const fs = require("fs");
const [inkjs, source, target] = process.argv.slice(2);
const { Compiler } = require(inkjs + "/dist/ink-full.js");
fs.writeFileSync(target, new Compiler(fs.readFileSync(source, "utf8")).Compile().ToJson());
