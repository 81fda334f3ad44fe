"""Concrete runs: a path walked by the engine on whole states, and everything that is met on the way.

The control walk drops what nothing reads, and supposes what nobody measured. A witness supposes nothing: each choice has to
be open, each word has to be one that the pass can say, and only what is then met counts as reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from forward_pass.checker.pass_table import PassTable
from forward_pass.checker.random_player import Step
from forward_pass.checker.text_coverage import Alternative, Holds
from forward_pass.errors import NotOfferedError
from forward_pass.story.engine import decode, initial_state, is_waiting, offers, take
from forward_pass.story.state import Prior, State
from forward_pass.story.world import World

Path = Sequence[tuple[str, str | None]]


class Item(NamedTuple):
    """Something that a concrete run can meet: a scene, a choice on offer or open, or an alternative of a text."""

    kind: str  # "scene", "offered", "open" or "shown"
    name: Any


class Witness(NamedTuple):
    """A run in which something was met."""

    path: tuple[tuple[str, str | None], ...]
    facts: Prior
    likely: bool  # whether every word on the way was the likeliest


class Witnesses:
    """What concrete runs have met, and for each thing the first of them."""

    def __init__(self, world: World, decodings: PassTable, alternatives: Iterable[Alternative]) -> None:
        self.world = world
        self.decodings = decodings
        self.met: dict[Item, Witness] = {}
        self.texts: dict[tuple[str, str], list[tuple[Item, Holds]]] = {}
        for one in alternatives:
            item = Item("shown", (one.form, one.owner, one.number))
            self.texts.setdefault((one.form, one.owner), []).append((item, one.holds))
        self.runs = 0
        self._here: tuple[Prior, tuple[tuple[str, str | None], ...]] = (Prior(), ())

    def has(self, item: Item, *, likely: bool = True) -> bool:
        """Return whether something was met; ``likely``: with the likeliest words."""
        seen = self.met.get(item)
        return seen is not None and (seen.likely or not likely)

    def follow(self, facts: Prior, path: Path) -> bool:
        """Walk a path and take in what is met; return whether it could be walked to its end.

        Where a step has no word, or one that the pass does not say, the likeliest comes out.
        """
        opening = state = initial_state(self.world, facts)
        steps: list[Step] = []
        for choice, word in path:
            try:
                after = take(self.world, self.decodings, state, choice)
            except NotOfferedError:
                break
            if not is_waiting(self.world, after):
                steps.append(Step(choice, None, after))
            else:
                row = self.decodings.row(after.words, after.acts)
                said = word if word in row.chances else row.word
                steps.append(Step(choice, said, decode(self.world, after, said)))
            state = steps[-1].state
        self.add_run(facts, opening, steps)
        return len(steps) == len(path)

    def add_run(self, facts: Prior, opening: State, steps: Sequence[Step]) -> None:
        """Take in what a run met that was walked on whole states."""
        self.runs += 1
        self._here = facts, tuple((step.choice, step.word) for step in steps)
        state, likely = opening, True
        self._arrive(state, 0, likely=likely)
        for number, step in enumerate(steps, 1):
            said_in = step.state
            if step.word is not None:
                said_in = state  # what is said before the decoder is said in the pass that it ends
                acts = step.state.acts[:-1]
                likely = likely and step.word == self.decodings.row(state.words, acts).word
            self._read("then", step.choice, said_in, number, likely=likely)
            state = step.state
            self._arrive(state, number, likely=likely)

    def _arrive(self, state: State, turn: int, *, likely: bool) -> None:
        """Take in a state: its scene, the text of it, what is on offer and how that is put."""
        self._meet(Item("scene", state.scene), turn, likely=likely)
        self._read("scene", state.scene, state, turn, likely=likely)
        for offer in offers(self.world, self.decodings, state):
            choice = offer.choice
            self._meet(Item("offered", choice.id), turn, likely=likely)
            self._read("say", choice.id, state, turn, likely=likely)
            if offer.open:
                self._meet(Item("open", choice.id), turn, likely=likely)
            elif choice.needs is not None and not choice.needs(state):
                self._read("why", choice.id, state, turn, likely=likely)

    def _read(self, form: str, owner: str, state: State, turn: int, *, likely: bool) -> None:
        for item, holds in self.texts.get((form, owner), ()):
            if not self.has(item) and holds(state):
                self._meet(item, turn, likely=likely)

    def _meet(self, item: Item, turn: int, *, likely: bool) -> None:
        known = self.met.get(item)
        if known is None or (likely and not known.likely):
            facts, path = self._here
            self.met[item] = Witness(path[:turn], facts, likely)
