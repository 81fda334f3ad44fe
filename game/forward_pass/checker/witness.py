"""Concrete runs: traces followed by the engine on whole states, and everything that is reached on the way.

The explorer drops what nothing reads, and abstracts what is not measured. A witness does neither: each choice has to be open,
each word has to be one that the pass can draw, and only what is then reached counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from forward_pass.checker.coverage import Item, ItemKind
from forward_pass.checker.pass_table import PassTable
from forward_pass.checker.text_coverage import Alternative, Predicate, TextId, TextKind
from forward_pass.checker.trace import Step, Trace
from forward_pass.errors import NotOfferedError
from forward_pass.story.engine import Status, decode, initial_state, is_waiting, offers, outcome_of, take
from forward_pass.story.state import Prior, State
from forward_pass.story.world import World

WITH_OFFERS = frozenset((TextKind.SAY, TextKind.WHY))


class Witness(NamedTuple):
    """A run that reaches something."""

    trace: Trace
    is_likeliest: bool  # whether every word of it was the likeliest


class Witnesses:
    """What concrete runs have reached, and for each item the first of them; ones with the likeliest words come first."""

    def __init__(
        self,
        world: World,
        table: PassTable,
        alternatives: Iterable[Alternative],
        everywhere: Sequence[tuple[Item, Predicate]] = (),
    ) -> None:
        self.world = world
        self.table = table
        self.by_item: dict[Item, Witness] = {}
        self.runs = 0
        # What has no witness with the likeliest words yet, by where it is looked for:
        self._everywhere = tuple(everywhere)
        self._alternatives: dict[TextId, tuple[tuple[Item, Predicate], ...]] = {}
        self._offered: dict[str, set[Item]] = {}  # by the scene that offers it, what is shown with its offers
        self._places: dict[Item, tuple[TextId | None, str | None]] = {}  # the text and the scene
        scenes = {choice.id: scene.id for scene in world.story.scenes for choice in scene.choices}
        for one in alternatives:
            self._alternatives[one.text] = (*self._alternatives.get(one.text, ()), (one.item, one.is_shown))
            self._places[one.item] = one.text, scenes.get(one.text.owner) if one.text.kind in WITH_OFFERS else None
        for choice, scene in scenes.items():
            for kind in (ItemKind.OFFERED, ItemKind.OPEN):
                self._places[Item(kind, choice)] = None, scene
        for item, (_, offering) in self._places.items():
            if offering is not None:
                self._offered.setdefault(offering, set()).add(item)

    def has(self, item: Item, *, drawn: bool = False) -> bool:
        """Return whether a run with the likeliest words reaches an item; with ``drawn``, whether any run does."""
        witness = self.by_item.get(item)
        return witness is not None and (witness.is_likeliest or drawn)

    def follow(self, trace: Trace) -> bool:
        """Follow a trace and add what it reaches; return whether it could be followed to its end.

        Where a step has no word, or one that the pass does not draw, the likeliest is drawn.
        """
        state = opening = initial_state(self.world, trace.prior)
        steps: list[Step] = []
        for choice, word in trace.steps:
            try:
                after = take(self.world, self.table, state, choice)
            except NotOfferedError:
                break
            drawn = self._draw(after, word) if is_waiting(self.world, after) else None
            after = (
                after if drawn is None else decode(self.world, after, drawn, outcome_of(self.world, self.table, after, drawn))
            )
            steps.append(Step(state, choice, drawn, after))
            state = after
        self.add_run(trace.prior, opening, tuple(steps))
        return len(steps) == len(trace.steps)

    def _draw(self, waiting: State, word: str | None) -> str:
        row = self.table.row(waiting.key)
        return word if word is not None and word in row.probabilities else row.word

    def add_run(self, prior: Prior, opening: State, steps: tuple[Step, ...]) -> None:
        """Add what a run reaches that was made on whole states."""
        self.runs += 1
        trace = Trace(prior, tuple((step.choice, step.word) for step in steps))
        is_likeliest = True
        self._add(self._items_at(opening), trace, 0, is_likeliest=True)
        for turn, step in enumerate(steps, 1):
            if step.word is not None:
                is_likeliest = is_likeliest and step.word == self.table.row(step.after.last_decoding).word
            self._add(self._shown(TextKind.THEN, step.choice, step.then_state), trace, turn, is_likeliest=is_likeliest)
            self._add(self._items_at(step.after), trace, turn, is_likeliest=is_likeliest)

    def _add(self, items: Iterator[Item], trace: Trace, turn: int, *, is_likeliest: bool) -> None:
        for item in items:
            known = self.by_item.get(item)
            if known is None or (is_likeliest and not known.is_likeliest):
                self.by_item[item] = Witness(trace._replace(steps=trace.steps[:turn]), is_likeliest)
                if is_likeliest:
                    self._look_no_more_for(item)

    def _look_no_more_for(self, item: Item) -> None:
        self._everywhere = tuple(row for row in self._everywhere if row[0] != item)
        text, scene = self._places.get(item, (None, None))
        if text is not None:
            self._alternatives[text] = tuple(row for row in self._alternatives[text] if row[0] != item)
        if scene is not None:
            self._offered[scene].discard(item)

    def _items_at(self, state: State) -> Iterator[Item]:
        """Yield what is looked for and reached in a state: its scene, the text of it, what is offered and how that is put."""
        yield Item(ItemKind.SCENE, state.scene)
        yield from (item for item, is_met in self._everywhere if is_met(state))
        yield from self._shown(TextKind.SCENE, state.scene, state)
        for offer in offers(self.world, state) if self._offered.get(state.scene) else ():
            yield Item(ItemKind.OFFERED, offer.id)
            yield from self._shown(TextKind.SAY, offer.id, state)
            if offer.is_open:
                yield Item(ItemKind.OPEN, offer.id)
            elif offer.status is Status.NEEDS:
                yield from self._shown(TextKind.WHY, offer.id, state)

    def _shown(self, kind: TextKind, owner: str, state: State) -> Iterator[Item]:
        """Yield the alternatives of a text that are shown in a state and have no witness with the likeliest words."""
        return (item for item, is_shown in self._alternatives.get(TextId(kind, owner), ()) if is_shown(state))
