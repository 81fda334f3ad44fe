"""Try everything, print the table, write docs/faults.md, and end with 1 where a case breaks the promise."""

from __future__ import annotations

import platform
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter

from torture import crowd, damage, kills, places
from torture.ground import Ground
from torture.tally import Tally

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
HEAD = "| fault | cases | lost at most | said (first line; how often) | exit codes |\n|---|---:|---|---|---|"
SHOWN = 5  # broken cases of a fault
OPENING = """\
# Faults

What is promised: killed at any moment, on a full disk, with files spoilt by hand or by accident, at most the choice that was
not answered yet is lost; what is wrong is said, with its place; no traceback. `make torture` tries it and wrote this page; it
ends with 1 where a case breaks the promise. The quick half is `tests/test_faults.py`.

"""
CLOSING = """

*At each writing call*: a play is traced once by strace, then played once for each call that writes, makes, names or cuts a
file (or prints), with the signal as that call is entered; so every state between two writes is met. −9 is the kill itself.
*Taken up*: `same` is the very same run with the same header and cursor; whatever else is named, with its place, and never
appended to. What is *refused* (a header that cannot be read) is left alone, and can be mended by hand. `check` of a world
with warnings says those first.
"""


def rows(grounds: list[Ground]) -> Iterable[Callable[[], Iterable[Tally]]]:
    """Return what there is to try, in the order in which it is shown."""
    light, flagship = grounds
    if kills.there():
        yield lambda: [kills.play(light, number) for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)]
        yield lambda: [kills.play(flagship, signal.SIGKILL), kills.commands()]
    else:
        print("no strace here: killing at each write is left to tests/test_faults.py", file=sys.stderr)
    yield lambda: [places.failing(), places.full_file(), places.full_disk(), places.full_stream(), places.closed_pipe()]
    yield places.folders
    yield lambda: [crowd.together(2, 6), crowd.together(10, 3), crowd.one_thing(10), places.clock()]
    yield lambda: [row(ground) for row in (damage.cuts, damage.flipped, damage.told) for ground in grounds]
    yield lambda: [damage.cache(), damage.edited(), damage.weights(), damage.swapped()]


def main() -> int:
    """Try everything; return the exit code."""
    began = perf_counter()
    print(HEAD)
    tallies: list[Tally] = []
    for several in rows([Ground("first-light"), Ground("forward-pass")]):
        for tally in several():
            tallies.append(tally)
            print(tally.line(), flush=True)
            for case in tally.broken[:SHOWN]:
                print(f"  BROKEN: {case}", file=sys.stderr, flush=True)
    cases, broken = sum(tally.cases for tally in tallies), sum(len(tally.broken) for tally in tallies)
    strace = "strace" if kills.there() else "without strace"
    last = (
        f"{cases:,} cases, {broken} broken, in {perf_counter() - began:.0f} s ({platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {strace})."
    )
    print(f"\n{last}")
    if not broken:
        PAGE.write_text(
            f"{OPENING}{last}\n\n{HEAD}\n" + "\n".join(tally.line() for tally in tallies) + CLOSING, encoding="utf8"
        )
    return int(bool(broken))


sys.exit(main())
