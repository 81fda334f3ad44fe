"""The report of a check: what reading, linting and exploring found, and the figures. Prints nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from forward_pass.checker.findings import findings
from forward_pass.checker.shortest import EndingRun, ending_runs
from forward_pass.checker.verify import CheckOptions, Evidence, verify
from forward_pass.errors import Place, Problem
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.lint import counted, lint, world_counts
from forward_pass.loading.loader import read_world
from forward_pass.loading.paths import worlds_folder
from forward_pass.story.ports import PassPort
from forward_pass.story.world import World


class Figures(NamedTuple):
    """What a check came to, in numbers."""

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
    has_pass: bool = True  # whether there are words and decodings to speak of
    before: bool = False  # whether it was made before, and comes from the cache

    def __str__(self) -> str:
        if not self.has_pass:
            limits = ", stopped at its limit" * self.stopped + ", from the cache" * self.before
            states = f"{counted(self.states, 'state')} ({self.merged:,} merged)"
            return f"explored {states}, {counted(self.runs, 'run')}, {self.seconds:.1f} s{limits}"
        drawn = f", {self.drawn_states:,} with words drawn" if self.drawn_states else ""
        passes = f"{counted(self.decodings, 'decoding')} ({self.measured:,} measured, {self.kept:,} from the table)"
        abstract = ", abstract where words are drawn" if self.drawn_only else ", abstract" * self.abstract
        limits = abstract + ", stopped at its limit" * self.stopped + ", from the cache" * self.before
        states = f"{counted(self.states, 'state')}{drawn} ({self.merged:,} merged), {passes}"
        return f"explored {states}, {counted(self.runs, 'run')}, {self.seconds:.1f} s{limits}"


class CheckReport(NamedTuple):
    """What came of a check: the problems in the order of the files, the world in a line, and the figures."""

    world: str
    problems: tuple[Problem, ...]
    summary: str
    figures: Figures | None
    endings: tuple[EndingRun, ...] = ()  # a run to each ending

    @property
    def failed(self) -> bool:
        """Whether any problem is an error; warnings pass."""
        return any(problem.severity == "error" for problem in self.problems)


class Explored(NamedTuple):
    """What exploring a world found, and its figures."""

    problems: tuple[Problem, ...]
    figures: Figures
    endings: tuple[EndingRun, ...]


ExploreFunction = Callable[[World, frozenset[Place]], Explored]
"""Explores a world; the places are those at which reading has already shown what is wrong."""


def check_world(folder: Path, open_pass: Callable[[World], PassPort], options: CheckOptions | None = None) -> CheckReport:
    """Read, lint and explore the world in ``folder``, on the pass that ``open_pass`` returns for it."""
    return report_of(folder, lambda world, known: explore_world(world, open_pass(world), options, known))


@gc_paused()  # millions of states stay to the end, and none of them is garbage
def explore_world(world: World, port: PassPort, options: CheckOptions | None, known: frozenset[Place]) -> Explored:
    """Explore a world and return what that finds."""
    started = perf_counter()
    evidence = verify(world, port, options)
    endings = ending_runs(evidence)
    return Explored(tuple(findings(evidence, known)), _figures(evidence, perf_counter() - started), endings)


def report_of(folder: Path, explore: ExploreFunction) -> CheckReport:
    """Read and lint the world in ``folder``, and return that together with what ``explore`` finds."""
    loaded, name = read_world(folder), folder.resolve().name
    if loaded.story is None:
        return CheckReport(name, loaded.problems, f"{name}: cannot be played", None)
    problems = {*loaded.problems, *lint(loaded.story)}
    known = frozenset(Place(one.file, one.line, one.column) for one in problems if one.severity == "error")
    explored = explore(World(loaded.story, folder, worlds_folder()), known)
    if not explored.figures.stopped:
        problems = {one for one in problems if one.code != "W403"}  # exploring knows better
    problems |= set(explored.problems)
    summary = f"{name}: {world_counts(loaded.story)}; {explored.figures}"
    return CheckReport(name, tuple(sorted(problems)), summary, explored.figures, explored.endings)


def _figures(evidence: Evidence, seconds: float) -> Figures:
    table, likeliest, drawn = evidence.table, evidence.likeliest, evidence.drawn
    return Figures(
        states=len(likeliest.parents),
        merged=likeliest.merged,
        drawn_states=len(drawn.parents) if drawn else 0,
        decodings=len(table.used),
        measured=table.measured,
        kept=max(len(table.used) - table.measured, 0) if table.is_computed else 0,
        runs=evidence.witnesses.runs,
        seconds=seconds,
        abstract=any(explorer.abstraction for explorer in evidence.explorers),
        stopped=any(explorer.is_exhausted for explorer in evidence.explorers),
        has_pass=evidence.world.has_pass,
        drawn_only=bool(drawn and drawn.abstraction and not likeliest.abstraction),
    )
