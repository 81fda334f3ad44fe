"""The report of a check: everything that reading, linting and walking found, and the figures. Prints nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from forward_pass.checker.findings import findings
from forward_pass.checker.verify import CheckOptions, Evidence, verify
from forward_pass.errors import Problem
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.lint import lint, world_counts
from forward_pass.loading.loader import read_world
from forward_pass.story.distribution import PassPort
from forward_pass.story.world import World


class Figures(NamedTuple):
    """What a walk came to, in numbers."""

    states: int
    merged: int
    drawn_states: int
    decodings: int
    measured: int
    kept: int
    runs: int
    seconds: float
    abstract: bool
    stopped: bool
    drawn_only: bool = False  # whether it is abstract only where words are drawn
    before: bool = False  # whether this was walked before, and kept

    def __str__(self) -> str:
        drawn = f", {self.drawn_states:,} with words drawn" if self.drawn_states else ""
        said = f"{self.decodings:,} decodings ({self.measured:,} measured, {self.kept:,} from the table)"
        abstract = ", abstract where words are drawn" if self.drawn_only else ", abstract" * self.abstract
        limits = abstract + ", stopped at its limit" * self.stopped + ", from the cache" * self.before
        walked = f"{self.states:,} states{drawn} ({self.merged:,} merged), {said}"
        return f"explored {walked}, {self.runs:,} runs, {self.seconds:.1f} s{limits}"


class CheckReport(NamedTuple):
    """What came of a check: the problems in the order of the files, the world in a line, and the figures of the walk."""

    world: str
    problems: tuple[Problem, ...]
    summary: str
    figures: Figures | None

    @property
    def failed(self) -> bool:
        """Whether any problem is an error; warnings pass."""
        return any(problem.severity == "error" for problem in self.problems)


@gc_paused()  # millions of states are kept to the end, and none of them is garbage
def check_world(folder: Path, measure_of: Callable[[World], PassPort], asked: CheckOptions | None = None) -> CheckReport:
    """Read, lint and walk the world in ``folder``, on the pass that ``measure_of`` gives for it."""
    reading = read_world(folder)
    if reading.data is None:
        return CheckReport(folder.name, reading.problems, f"{folder.name}: cannot be played", None)
    linted_problems = {*reading.problems, *lint(reading.data)}
    world = World(reading.data, folder)
    began = perf_counter()
    evidence = verify(world, measure_of(world), asked)
    figures = _figures(evidence, perf_counter() - began)
    known = frozenset(f"{one.file}:{one.line}:{one.column}" for one in linted_problems if one.severity == "error")
    if not figures.stopped:
        linted_problems = {one for one in linted_problems if one.code != "W403"}  # the walk knows better
    problems = {*linted_problems, *findings(evidence, known)}
    return CheckReport(folder.name, tuple(sorted(problems)), f"{folder.name}: {world_counts(reading.data)}; {figures}", figures)


def _figures(evidence: Evidence, seconds: float) -> Figures:
    table = evidence.decodings
    return Figures(
        states=len(evidence.likely.parents),
        merged=evidence.likely.merged,
        drawn_states=len(evidence.drawn.parents) if evidence.drawn else 0,
        decodings=len(table.used),
        measured=table.measured,
        kept=max(len(table.used) - table.measured, 0) if table.source == "model" else 0,
        runs=evidence.witnesses.runs,
        seconds=seconds,
        abstract=any(walk.supposed for walk in evidence.walks),
        stopped=any(walk.exhausted for walk in evidence.walks),
        drawn_only=bool(evidence.drawn and evidence.drawn.supposed and not evidence.likely.supposed),
    )
