"""A recorded run walked again, each turn's digest held against the file's: the same choices give the same pass."""

from __future__ import annotations

from typing import NamedTuple

from forward_pass.storage.journal import Journal
from forward_pass.story.distribution import PassPort
from forward_pass.story.history import Divergence, Run, replay
from forward_pass.story.world import World


class ReplayResult(NamedTuple):
    """What came of walking a recorded run again."""

    run: Run
    asked: int  # how many turns were to be walked
    differences: tuple[Divergence, ...]
    notes: tuple[str, ...]
    changed: bool = False  # whether the world is another than when it was recorded
    reweighted: bool = False  # whether its weights are others: the recorded words were followed, whatever these would say

    @property
    def identical(self) -> int:
        """How many turns came out as recorded before the first that did not."""
        return self.differences[0].turn - 1 if self.differences else len(self.run.turns)

    @property
    def proof(self) -> str:
        """The last line of a replay."""
        if self.differences:
            first = self.differences[0].turn
            return f"diverged at turn {first} of {max(first, self.asked)}"
        return f"{self.identical} of {self.asked} turns identical"


def replay_run(world: World, measure: PassPort, journal: Journal, to: int) -> ReplayResult:
    """Walk the first ``to`` turns of a recorded run again and return what came of it."""
    run, differences, probabilities = replay(world, measure, journal.header.prior, journal.turns[:to])
    if journal.fault and to == len(journal.turns) and not differences:
        differences = [Divergence(to + 1, "its line in the file is no turn", broken=True)]
    notes = []
    if journal.torn:
        notes.append("The last line of the file was cut short; the choice on it was never answered.")
    notes += [f"{fault}." for fault in journal.faults]
    if journal.header.hash != world.hash:
        notes.append(f"The world has changed since (then {journal.header.version}, now {world.version}).")
    reweighted = journal.header.weights not in (None, world.weights)
    if reweighted:
        notes.append("The weights are others than those it was recorded on: the recorded words were followed.")
    if probabilities:
        notes.append(f"Probabilities recorded otherwise than they are now: {probabilities}.")
    return ReplayResult(run, to, tuple(differences), tuple(notes), journal.header.hash != world.hash, reweighted)
