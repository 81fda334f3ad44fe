"""So many steps through the story in bardic, with the text of each made: bardic_steps.py STORY.json STEPS; prints JSON."""

import json
import sys
from hashlib import sha256
from pathlib import Path
from time import perf_counter

from bardic.runtime.engine import BardEngine  # type: ignore[import-not-found]

source, steps = sys.argv[1:]
engine = BardEngine(json.loads(Path(source).read_text(encoding="utf8")))
said = []
number = 1
output = engine.current()
begun = perf_counter()
for step in range(int(steps)):
    says = [choice["text"] for choice in output.choices]
    if step < 300:  # noqa: PLR2004 - as in steps.py
        said.append(" ".join(output.content.split()) + "|" + "|".join(says))
    number = number * 16807 % 2147483647
    output = engine.choose((number >> 8) % len(says))
seconds = perf_counter() - begun
print(json.dumps({"seconds": seconds, "said": sha256("\n".join(said).encode()).hexdigest()}))
