"""The row of the explorer: states a second on a world of 150,000 states, ours and inkjs's, and bytes a state; prints JSON.

    walk.py FOLDER-OF-INKJS

The same graph in both languages: rooms in a ring with switches in them, and two endings. inkjs explores its first 4,000 states;
ours are explored whole, once for the time and once for the memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from forward_pass.checker.explorer import Explorer
from forward_pass.checker.pass_table import PassTable
from forward_pass.loading.loader import read_contents
from forward_pass.network.passes import open_pass
from forward_pass.story.state import Prior
from forward_pass.story.world import World

HERE = Path(__file__).resolve().parent
SWITCHES = 15
ROOMS = 5
INK_STATES = 4000


def ours() -> Iterator[str]:
    """Yield the lines of the world."""
    yield "format: 1\ntitle: Switches\nversion: 1.0.0\nlayers: 12\nwaking: 3\nboundary: 9\nstart: room-0"
    yield "prompt: Why? Because the\nvariables:"
    yield from (f"  s{at}: false" for at in range(SWITCHES))
    yield "tokens:\n  5:\n    written: {two: 0.9, no: 0.1}\n    then:"
    yield f"      two: [{{if: s0 and s{SWITCHES - 1}, goto: lit}}, {{goto: dark}}]\n      otherwise: dark\nscenes:"
    for room in range(ROOMS):
        yield f"  room-{room}:\n    text: This is room {room}.\n    choices:"
        for at in range(room, SWITCHES, ROOMS):
            yield f"      on-{at}: {{say: Put on switch {at}., if: not s{at}, cost: 0, do: s{at} = true, goto: room-{room}}}"
        yield f"      go-{room}: {{say: Go on., cost: 0, goto: room-{(room + 1) % ROOMS}}}"
        yield f"      stop-{room}: {{say: Stop., goto: decode}}"
    yield "endings:\n  lit: {title: Lit, text: It was light.}\n  dark: {title: Dark, text: It was dark.}"


def ink() -> Iterator[str]:
    """Yield the lines of the same in ink."""
    yield "VAR room = 0"
    yield from (f"VAR s{at} = false" for at in range(SWITCHES))
    yield "-> room_0"
    for room in range(ROOMS):
        yield f"=== room_{room} ===\n~ room = {room}\nThis is room {room}."
        for at in range(room, SWITCHES, ROOMS):
            yield f"+ {{not s{at}}} [Put on switch {at}.]\n  ~ s{at} = true\n  -> room_{room}"
        yield f"+ [Go on.] -> room_{(room + 1) % ROOMS}\n+ [Stop.]\n  {{s0 and s{SWITCHES - 1}: -> lit}}\n  -> dark"
    yield "=== lit ===\nIt was light.\n-> END\n=== dark ===\nIt was dark.\n-> END"


def explore(world: World) -> tuple[int, float]:
    """Explore our world; return how many states it has, and the seconds that it took."""
    started = perf_counter()
    explorer = Explorer(world, PassTable(world, open_pass(world), 0), [Prior()])
    explorer.run()
    return len(explorer.parents), perf_counter() - started


def ink_rate(inkjs: str) -> float:
    """Return how many states a second inkjs explores."""
    with TemporaryDirectory() as folder:
        source, compiled = Path(folder) / "walk.ink", Path(folder) / "walk.json"
        source.write_text("\n".join(ink()) + "\n", encoding="utf8")
        subprocess.run(["node", str(HERE / "ink_compile.js"), inkjs, str(source), str(compiled)], check=True)
        command = ["node", str(HERE / "ink_walk.js"), inkjs, str(compiled), str(INK_STATES)]
        done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return float(done["states"] / done["seconds"])


def main() -> None:
    """Explore both, and print how they compare."""
    story = read_contents("switches", "", [("switches.yaml", "\n".join(ours()).encode())], []).story
    assert story is not None  # noqa: S101 - the world above has no problems
    world = World(story)
    explore(world)
    theirs = ink_rate(sys.argv[1])
    states, seconds = explore(world)
    tracemalloc.start()
    explore(world)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    rates = {
        "states": states,
        "ours": round(states / seconds),
        "inkjs": round(theirs),
        "ratio": round(states / seconds / theirs, 1),
    }
    print(json.dumps({**rates, "bytes": round(peak / states)}))


if __name__ == "__main__":
    main()
