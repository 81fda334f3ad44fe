"""Replay of a run file: walk its choices again and compare each turn's digest with the recorded one."""

from __future__ import annotations

from typing import NamedTuple

from forward_pass.storage.journal import Journal
from forward_pass.story.history import Divergence, Run, replay
from forward_pass.story.ports import Inspector
from forward_pass.story.world import World


class ReplayResult(NamedTuple):
    """The outcome of a replay."""

    run: Run
    requested_turns: int
    differences: tuple[Divergence, ...]
    notes: tuple[str, ...]
    world_changed: bool = False  # the world's hash is not the recorded one
    weights_changed: bool = False  # the weights are not the recorded ones; the recorded words were used all the same
    sampling: tuple[float, int] = (0.0, 0)  # temperature and seed of the run

    @property
    def identical_turns(self) -> int:
        """How many turns came out as recorded before the first that did not."""
        return self.differences[0].turn - 1 if self.differences else len(self.run.turns)

    @property
    def summary(self) -> str:
        """The last line that a replay prints."""
        if self.differences:
            first = self.differences[0].turn
            return f"diverged at turn {first} of {max(first, self.requested_turns)}"
        return f"{self.identical_turns} of {self.requested_turns} turns identical"


def replay_run(world: World, inspector: Inspector, journal: Journal, to: int) -> ReplayResult:
    """Replay the first ``to`` turns of a run file."""
    run, differences, changed_probabilities = replay(world, inspector, journal.header.prior, journal.turns[:to])
    if journal.fault and to == len(journal.turns) and not differences:
        differences = [Divergence(to + 1, "its line in the file is not a turn", broken=True)]
    notes = []
    if journal.torn:
        notes.append("The last line of the file was cut short; the choice on it was never answered.")
    notes += [f"{fault}." for fault in journal.faults]
    if journal.header.hash != world.hash:
        notes.append(f"The world has changed since (then {journal.header.version}, now {world.version}).")
    weights_changed = not world.gives_same_words(journal.header.weights)
    if weights_changed:
        notes.append("The weights are not those it was recorded with; the recorded words were used.")
    if changed_probabilities:
        notes.append(f"Recorded probabilities that differ from those computed now: {changed_probabilities}.")
    return ReplayResult(
        run,
        to,
        tuple(differences),
        tuple(notes),
        world_changed=journal.header.hash != world.hash,
        weights_changed=weights_changed,
        sampling=(journal.header.temperature, journal.header.seed),
    )
