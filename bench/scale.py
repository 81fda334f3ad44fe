"""Measure how time and memory grow with the size of worlds and runs, and write docs/scale.md and docs/scale.svg.

The sizes are worlds of 100 to 10,000 scenes, folders of 10 to 10,000 runs, and single runs of 100 to 10,000 turns. Each is
measured in a process of its own (``sizes.py``), and each figure is the minimum of some tries. ``make scale``; some three
minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from math import log, log10
from pathlib import Path
from typing import NamedTuple

from measuring import machine

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
DECADE = (1_000, 10_000)
SIZES = {"world": (100, *DECADE), "runs": (10, *DECADE), "turns": (100, *DECADE)}
ROUNDS = 2
LINEARITHMIC = 0.125  # what the logarithm of n log n adds to the exponent from 1,000 to 10,000
NOISE = 0.125  # how far beyond it an exponent may be on a machine that does other things
LEAST = 0.05  # seconds at 10,000 below which no growth is worth a flag


# -- the page ---------------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """What was measured at three sizes, and how it grows over the last decade."""

    kind: str
    what: str
    values: tuple[float, ...]

    @property
    def timed(self) -> bool:
        """Whether it is a time: all others say in parentheses what they are."""
        return not self.what.endswith(")") and self.what not in ("bytes", "nodes in the tree")

    @property
    def exponent(self) -> float:
        """The exponent of growth from 1,000 to 10,000."""
        return log10(max(self.values[2], 1e-9) / max(self.values[1], 1e-9))

    @property
    def superlinear(self) -> bool:
        """Whether it grows faster than n log n, and is long enough for that to be told."""
        return self.timed and self.values[2] > LEAST and self.exponent > 1 + LINEARITHMIC + NOISE

    def row(self) -> str:
        """Return the line as a row of a table."""
        cells = [self.shown(value) for value in self.values]
        grows = f"n^{self.exponent:.2f}" if self.values[2] > (LEAST if self.timed else 0) else ""
        return f"| {' | '.join((self.what, *cells, grows))} | {'**no**' if self.superlinear else 'yes'} |"

    def shown(self, value: float) -> str:
        """Return a value with its unit, in three digits."""
        if not self.timed:
            return f"{value / 1000:,.0f} KB" if self.what == "bytes" else f"{value:,.0f}"
        return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def lines_of(kind: str) -> Iterator[Line]:
    """Measure all sizes of a kind, each in a process of its own; yield what came of it, line by line."""
    found = []
    for size in SIZES[kind]:
        done = subprocess.run(
            [sys.executable, BENCH / "sizes.py", kind, str(size)], check=True, capture_output=True, text=True, cwd=ROOT
        )
        found.append(json.loads(done.stdout))
    for what in found[0]:
        yield Line(kind, what, tuple(one[what] for one in found))


HEADINGS = {"world": "scenes", "runs": "runs in a folder", "turns": "turns in one run"}
TITLES = {"world": "Worlds", "runs": "Folders of runs", "turns": "Single runs"}
HEAD = """# Scale

`make scale` wrote this page and its plot. It generates worlds, folders of runs and single runs of several sizes
([bench/growing.py](../bench/growing.py)) and measures each size in processes of its own. Times are processor time, the
minimum of some tries. *Growth* is the exponent from 1,000 to 10,000. n log n corresponds to n^1.12 there; up to n^1.25 is
accepted, because larger data uses the processor's caches less well, and other programs share them. Memory is the peak of the
process, minus its memory before (for a world, including Python and the game).

![Time against size, both axes logarithmic; the grey line has the slope of n](scale.svg)
"""
WHY = """
## What the rows mean

- **A turn** is taken in the middle of the world, with its text and its digest. The state has a counter of one byte for every
  scene and choice, so a turn copies as many bytes as the world has scenes and choices, and a run keeps the state of every
  turn.
- **The title** finds the run that was played last and counts the others. **A new run** needs the endings found so far: the
  files are searched for the names of endings, and a file is parsed only if it contains an ending that has not been found
  yet.
- **Replay: every run** replays every turn of every run, as `tree --prove` does.
- **Played in one session**: each turn creates a new value that contains all earlier turns. Strictly, that is n², with copies
  of eight bytes for each turn; but 10,000 turns take a player thirty hours, and all copies together take less than a second.
- Exploration by the checker is not included: the number of states is exponential in the variables of a world. Its bounds are
  in [bench.md](bench.md).
"""


def table(kind: str, lines: list[Line]) -> str:
    """Return the table of a kind."""
    sizes = " | ".join(f"{size:,}" for size in SIZES[kind])
    rows = "".join(f"{line.row()}\n" for line in lines)
    head = f"| {HEADINGS[kind]} | {sizes} | growth | within n log n |\n|---|---|---|---|---|---|\n"
    return f"\n## {TITLES[kind]}\n\n{head}{rows}"


COLOURS = ("#0b62a4", "#b5462f", "#3d7f3d", "#7a4fa3", "#a06a00", "#008080", "#c2185b", "#555555")
WIDTH, HEIGHT, LEFT, TOP = 360, 300, 46, 34
DECADES = (-5, 2)  # of seconds


def plot(lines: list[Line]) -> str:
    """Return the times as an SVG: a panel for each kind, both axes logarithmic, every line named beneath."""
    kinds = list(SIZES)
    most = max(sum(line.timed and line.kind == kind for line in lines) for kind in kinds)
    width, height = len(kinds) * (WIDTH + LEFT) + 20, TOP + HEIGHT + 40 + 16 * most
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
    ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
    panels = (panel(kind, [line for line in lines if line.kind == kind], at * (WIDTH + LEFT)) for at, kind in enumerate(kinds))
    return "\n".join([opening, ground, *(part for one in panels for part in one), "</svg>", ""])


def panel(kind: str, lines: list[Line], x: float) -> Iterator[str]:
    """Yield the parts of one panel, whose left edge is at ``x``."""
    sizes = SIZES[kind]

    def place(size: float, seconds: float) -> tuple[float, float]:
        along = log(size / sizes[0]) / log(sizes[-1] / sizes[0])
        low, high = DECADES
        up = (min(max(log10(max(seconds, 1e-9)), low), high) - low) / (high - low)
        return x + LEFT + along * (WIDTH - 20), TOP + HEIGHT * (1 - up)

    yield f'<text x="{x + LEFT}" y="{TOP - 14}" font-weight="bold">{TITLES[kind]}: seconds by number of {HEADINGS[kind]}</text>'
    for decade in range(DECADES[0], DECADES[1] + 1):
        left, y = place(sizes[0], 10.0**decade)
        yield f'<path d="M{left:.0f} {y:.0f}H{left + WIDTH - 20:.0f}" stroke="#e4e4e4"/>'
        yield f'<text x="{left - 6:.0f}" y="{y + 4:.0f}" text-anchor="end" fill="#666666">{10.0**decade:g}</text>'
    for size in sizes:
        at, y = place(size, 0)
        yield f'<text x="{at:.0f}" y="{y + 16:.0f}" text-anchor="middle" fill="#666666">{size:,}</text>'
    (x1, y1), (x2, y2) = place(sizes[1], 1e-3), place(sizes[2], 1e-2)
    yield f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#999999" stroke-dasharray="4 3" fill="none"/>'
    for at, line in enumerate(line for line in lines if line.timed):
        colour, dashes = COLOURS[at % len(COLOURS)], ' stroke-dasharray="6 2"' if at >= len(COLOURS) else ""
        points = [place(size, value) for size, value in zip(sizes, line.values, strict=True)]
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
        y = TOP + HEIGHT + 36 + 16 * at
        yield f'<path d="M{path}" stroke="{colour}" stroke-width="1.6" fill="none"{dashes}/>'
        yield f'<path d="M{x + LEFT} {y - 4}h18" stroke="{colour}" stroke-width="1.6"{dashes}/>'
        yield f'<text x="{x + LEFT + 24}" y="{y}">{line.what} (n^{line.exponent:.2f})</text>'


def main() -> None:
    """Measure all sizes, and write the page."""
    os.environ["PYTHONPATH"] = str(ROOT / "game")  # this checkout's game, whichever one the environment was made for
    page, lines = HEAD, []
    for kind in SIZES:
        some = list(lines_of(kind))
        print(table(kind, some), flush=True)
        page += table(kind, some)
        lines += some
    (ROOT / "docs" / "scale.md").write_text(f"{page}\n{machine()}{WHY}", encoding="utf8")
    (ROOT / "docs" / "scale.svg").write_text(plot(lines), encoding="utf8")
    if any(line.superlinear for line in lines):
        sys.exit(f"worse than n log n: {', '.join(line.what for line in lines if line.superlinear)}")


if __name__ == "__main__":
    main()
