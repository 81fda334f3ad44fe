"""What lies ahead of a state: the nearest ending not found, the ways that no kept run took, and what was read before.

The search for endings goes breadth first by the engine, over the passes that are measured already (the table beside the
world): it measures nothing and stops at a pass that is not there. At temperature 0 what it finds is so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.errors import ForwardPassError, RunError
from forward_pass.storage.folder import list_run_files
from forward_pass.storage.journal import Journal, read_journal
from forward_pass.story.engine import Availability, carry_out, decode, is_ending, is_waiting, offers, outcome_of
from forward_pass.story.ports import PassPort
from forward_pass.story.state import State
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.checker.pass_table import KnownPasses
    from forward_pass.storage.run_set import RunSet

MAX_STATES = 30_000


class NearestEnding(NamedTuple):
    """An ending not found yet, how many choices away it is at least, and from which of the states it was looked for."""

    ending: str
    choices: int
    start: int = 0


def nearest_ending(world: World, port: PassPort, states: Sequence[State], found: Collection[str]) -> NearestEnding | None:
    """Return the ending not found before that is nearest to any of some states, if each word is the likeliest.

    None where none is near enough to say. Of equally near ones it is that from the latest state.
    """
    from forward_pass.checker.pass_table import KnownPasses  # noqa: PLC0415 - play begins without the checker

    passes = KnownPasses.shipped(world, port)
    frontier = [(state, start) for start, state in enumerate(states) if not is_ending(world, state)][::-1]
    seen, away = {state for state, _ in frontier}, 0
    while frontier and len(seen) <= MAX_STATES:
        away += 1
        following: list[tuple[State, int]] = []
        for one, start in frontier:
            for after in _following(world, passes, one):
                if is_ending(world, after):
                    if after.scene not in found:
                        return NearestEnding(after.scene, away, start)
                elif after not in seen:
                    seen.add(after)
                    following.append((after, start))
        frontier = following
    return None


def _following(world: World, passes: KnownPasses, state: State) -> list[State]:
    """Return the states one choice on, as far as their passes are measured."""
    found = []
    for offer in offers(world, state):
        if offer.is_open:
            try:
                found.append(_after(world, passes, state, offer))
            except ForwardPassError:  # a pass that is not measured
                continue
    return found


def _after(world: World, passes: KnownPasses, state: State, offer: Availability) -> State:
    after = carry_out(world, passes, state, offer)
    if not is_waiting(world, after):
        return after
    word = passes.row(after.key).word
    return decode(world, after, word, outcome_of(world, passes, after, word))


# -- what kept runs did -----------------------------------------------------------------------------------------------


def untaken_choices(run_set: RunSet, present: Collection[str]) -> list[str]:
    """Return the choices among ``present`` that no kept run ever took."""
    taken = {turn.choice for journal in run_set.journals.values() for turn in journal.turns}
    return [choice for choice in present if choice not in taken]


def _journals(world: World, folder: Path, but_for: Path | None) -> Iterator[Journal]:
    for run_file in list_run_files(folder):
        if run_file.path == but_for:
            continue
        with suppress(RunError):
            journal = read_journal(run_file.path)
            if journal.header.world == world.id:
                yield journal


class ReadBefore(NamedTuple):
    """What kept runs have read: the scenes they met, and how often each choice was taken from a scene."""

    scenes: frozenset[str]
    ways: dict[str, Counter[str]]

    def way_on(self, scene: str, present: Collection[str]) -> str | None:
        """Return the choice among ``present`` that was taken most often from a scene; None where none ever was."""
        known = self.ways.get(scene, Counter())
        taken = [choice for choice in present if known[choice]]
        return max(taken, key=lambda choice: known[choice]) if taken else None


def read_before(world: World, folder: Path, but_for: Path | None = None) -> ReadBefore:
    """Return what the kept runs of a world in a folder have read, all ``but_for`` one; other files are left out."""
    scenes, ways = {world.start}, dict[str, Counter[str]]()
    for journal in _journals(world, folder, but_for):
        scene = world.start
        for turn in journal.turns:
            ways.setdefault(scene, Counter())[turn.choice] += 1
            scene = turn.scene
            scenes.add(scene)
    return ReadBefore(frozenset(scenes), ways)
