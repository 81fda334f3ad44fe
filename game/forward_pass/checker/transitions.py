"""What each choice makes of a packed state, computed by the engine, and what is reached on the way.

What a choice makes of a state depends on few of its bits. So each choice has a table from these bits to its successors: the
bits of the state that stay, and the bits that are added. An entry is made once, on a state that has these bits and is
otherwise as at the start; a transition is then an *and*, a look-up and an *or*.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from forward_pass.checker.control_graph import Action, Location
from forward_pass.checker.coverage import Item, ItemKind
from forward_pass.checker.nondeterministic_pass import NondeterministicPass
from forward_pass.checker.pass_table import PassTable, TablePort
from forward_pass.checker.state_codec import StateCodec
from forward_pass.checker.state_layout import Field, FieldKind, Fields
from forward_pass.checker.text_coverage import Predicate, TextId, TextKind
from forward_pass.story.engine import (
    Availability,
    Outcome,
    Status,
    availability,
    carry_out,
    decode,
    outcome_of,
    then_state,
)
from forward_pass.story.nodes import OTHERWISE
from forward_pass.story.ports import PassPort
from forward_pass.story.state import PassKey, State
from forward_pass.story.world import CompiledTarget

MAX_FREE_THRESHOLDS = 6  # that an abstract pass takes both ways at once


class Successor(NamedTuple):
    """Where a transition leads: the bits that stay, the bits that are added, and the word drawn if the next token begins."""

    stays: int
    added: int
    word: str | None


class ActionTable:
    """The successors of one action at a location, by the bits in ``mask``; without an action, what the scene's text reads."""

    __slots__ = ("action", "edges", "entries", "is_reused", "location", "mask")

    def __init__(self, location: Location, action: Action | None, mask: int, *, is_reused: bool) -> None:
        self.location = location
        self.action = action
        self.mask = mask
        self.is_reused = is_reused  # whether several states can have the same bits, so that an entry is worth its memory
        self.entries: dict[int, tuple[Successor, ...]] = {}
        self.edges: dict[tuple[bool, Location], tuple[int, Fields]] = {}  # the bits that stay, and the fields that are new


class Source(NamedTuple):
    """The state from which transitions lead."""

    packed: int
    state: State
    is_abstract: bool
    passes: TablePort


class Transitions:
    """The transitions of a world over packed states. ``reached`` has a state from which each item is reached."""

    def __init__(self, codec: StateCodec, table: PassTable, *, draws: bool) -> None:
        self.codec, self.table, self.draws = codec, table, draws
        self.liveness, self.layout = codec.liveness, codec.layout
        self.world = codec.liveness.world
        self.reached: dict[Item, int] = {}
        self.decoded: dict[PassKey, int] = {}  # the passes that drew a word, with a state of each
        self._watched: dict[TextId, list[tuple[Item, Predicate]]] = {
            text: [(one.item, one.is_shown) for one in some] for text, some in self.liveness.watched.items()
        }
        self._live_masks = {location: self.layout.mask_of(live) for location, live in self.liveness.live.items()}
        self.tables = [self._tables_at(location) for location in codec.locations]

    def _tables_at(self, location: Location) -> list[ActionTable]:
        tables = []
        watched = self.liveness.scene_alternatives(location.scene)
        if watched:
            mask = self.layout.location_mask | self.layout.mask_of(field for one in watched for field in one.fields(self.world))
            tables.append(ActionTable(location, None, mask, is_reused=True))
        for action in self.liveness.graph.actions[location]:
            mask = self.layout.location_mask | self.layout.mask_of(self.liveness.needed(location, action).deciding)
            is_reused = bool(self._live_masks[location] & ~mask)
            tables.append(ActionTable(location, action, mask, is_reused=is_reused))
        return tables

    def successors(self, table: ActionTable, packed: int, passes: TablePort) -> tuple[Successor, ...]:
        """Return the successors of an action in a state; raises ``NotMeasuredError`` where ``passes`` does."""
        entry = table.entries.get(packed & table.mask)
        if entry is None:
            known = self.codec.pass_of(packed)
            source = Source(packed, self.codec.decode(packed), known.is_abstract, passes)
            outcomes = list(self._outcomes(table, source))
            entry = tuple(self._successor(table, word, after, source) for word, after in outcomes)
            if table.is_reused:
                table.entries[packed & table.mask] = entry
        return entry

    def _successor(self, table: ActionTable, word: str | None, after: State, source: Source) -> Successor:
        location = Location(after.scene, after.token)
        edge = table.edges.get((word is not None, location))
        if edge is None:
            edge = table.edges[word is not None, location] = self._edge(table, location, decodes=word is not None)
        stays, new = edge
        return Successor(stays, self.codec.encode(after, new, is_abstract=source.is_abstract), word)

    def _edge(self, table: ActionTable, target: Location, *, decodes: bool) -> tuple[int, Fields]:
        """Return which bits stay on an edge to a target, and which fields get new values there."""
        assert table.action is not None  # noqa: S101 - a scene's text leads nowhere
        edge = next(edge for edge in table.action.edges if edge.decodes == decodes)
        written = self.liveness.written(table.action.choice, edge, target)
        return self._live_masks[target] & ~self.layout.mask_of(written), written & self.liveness.live[target]

    # -- by the engine ------------------------------------------------------------------------------------------------

    def _outcomes(self, table: ActionTable, source: Source) -> Iterator[tuple[str | None, State]]:
        """Yield the states to which an action leads, each with the word drawn; record what is reached on the way."""
        if table.action is None:
            self._watch(TextKind.SCENE, table.location.scene, source.state, source)
            return
        choice = self.world.scene(table.location.scene).by_id[table.action.choice.id]
        offer = availability(self.world, source.state, choice)
        self._record_offer(offer, source)
        if not offer.is_open:
            return
        for port in self._ports(offer, source):
            after = carry_out(self.world, port, source.state, offer)
            self._record(Item(ItemKind.OPEN, choice.id), source)
            self._record(Item(ItemKind.CUT_SHORT if offer.cut_short else ItemKind.NOT_CUT_SHORT, choice.id), source)
            self._watch(TextKind.THEN, choice.id, then_state(source.state, after, decoded=offer.decoder_comes), source)
            if not offer.decoder_comes:
                self._record_target(Item(ItemKind.TARGET, choice.id), choice.targets, after, source)
                yield None, after
                continue
            for word in self._words(after, source):
                for outcome in self._tell(after, word, source):
                    final = decode(self.world, after, word, outcome)
                    self._record_word(word, final, source)
                    yield word, final

    def _ports(self, offer: Availability, source: Source) -> Iterator[PassPort]:
        """Yield the passes to carry an offer out with: the measured one, or one for each way its thresholds can come out."""
        if not source.is_abstract:
            yield source.passes
            return
        thresholds = self.world.thresholds
        measured = range(len(thresholds)) if offer.decoder_comes else offer.choice.node.measures
        free = [index for index in measured if Field(FieldKind.THRESHOLD, index) in self.layout.bit_fields]
        free = free[:MAX_FREE_THRESHOLDS]
        for truths in product((False, True), repeat=len(free)):
            true = {index for index, truth in zip(free, truths, strict=True) if truth}
            yield NondeterministicPass([(index in true) == (thresholds[index].sign == ">") for index in measured])

    def _tell(self, waiting: State, word: str, source: Source) -> Iterator[Outcome]:
        """Yield what is known of a word once it is drawn; of an abstract pass's, everything that the search tells apart."""
        fields = [field for field in self.layout.bit_fields if field.kind in (FieldKind.DECIDED, FieldKind.BY_CHANCE)]
        if not fields:
            yield Outcome(waiting.decided)
        elif not source.is_abstract:
            yield outcome_of(self.world, source.passes, waiting, word)
        else:
            names = [self.world.story.decided_asked[field.number] for field in fields if field.kind is FieldKind.DECIDED]
            names = [] if waiting.decided or waiting.token > self.world.telling_token else names[:MAX_FREE_THRESHOLDS]
            chances = (False, True) if Field(FieldKind.BY_CHANCE, waiting.token) in fields else (False,)
            for truths in product((False, True), repeat=len(names)):
                decided = tuple(name for name, truth in zip(names, truths, strict=True) if truth) or waiting.decided
                yield from (Outcome(decided, by_chance) for by_chance in chances)

    def _words(self, waiting: State, source: Source) -> list[str]:
        """Return the words that the pass of a waiting state can draw."""
        if source.is_abstract:
            asked = {node.word for node in self.liveness.questions_at(waiting.token + 1).words}
            return [*dict.fromkeys([*self.world.arrivals[waiting.token], *sorted(asked)])]
        row = source.passes.row(waiting.key)
        self.decoded.setdefault(waiting.key, source.packed)
        return self.table.possible_words(waiting.key) if self.draws else [row.word]

    # -- what is reached ----------------------------------------------------------------------------------------------

    def _record(self, item: Item, source: Source) -> None:
        self.reached.setdefault(item, source.packed)

    def _watch(self, kind: TextKind, owner: str, state: State, source: Source) -> None:
        """Record the watched alternatives of a text that are shown in a state."""
        for item, is_shown in self._watched.get(TextId(kind, owner), ()):
            if item not in self.reached and is_shown(state):
                self.reached[item] = source.packed

    def _record_offer(self, offer: Availability, source: Source) -> None:
        if offer.is_offered:
            self._record(Item(ItemKind.OFFERED, offer.id), source)
            self._watch(TextKind.SAY, offer.id, source.state, source)
        if offer.status is Status.ABSENT:
            self._record(Item(ItemKind.ABSENT, offer.id), source)
        elif offer.status is Status.NEEDS:
            self._record(Item(ItemKind.UNMET, offer.id), source)
            self._watch(TextKind.WHY, offer.id, source.state, source)
        elif offer.is_offered and offer.layer >= self.world.boundary and not offer.decoder_comes:
            self._record(Item(ItemKind.NO_LAYERS, offer.id), source)

    def _record_word(self, word: str, after: State, source: Source) -> None:
        token = source.state.token
        arrivals = self.world.arrivals[token]
        answered = word if word in arrivals else OTHERWISE
        self._record(Item(ItemKind.WORD, answered, token=token), source)
        self._record_target(Item(ItemKind.WORD_TARGET, answered, token=token), arrivals[answered], after, source)

    def _record_target(self, item: Item, targets: tuple[CompiledTarget, ...], after: State, source: Source) -> None:
        """Record which target was selected; targets are selected before the arrival is counted."""
        before = after._replace(scene=source.state.scene, visits=source.state.visits)
        for number, target in enumerate(targets):
            if target.condition is None or target.condition(before):
                self._record(item._replace(number=number), source)
                return
