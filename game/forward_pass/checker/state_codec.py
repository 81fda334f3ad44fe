"""Between the states of the engine and the whole numbers of the explorer. Passes are numbered as they are first met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from forward_pass.checker.control_graph import Location
from forward_pass.checker.liveness import FILLER, Liveness
from forward_pass.checker.state_layout import LAYER, PASS, BitField, FieldKind, Fields, Layout, value_of
from forward_pass.story.engine import initial_state
from forward_pass.story.state import PassKey, Prior, State


class KnownPass(NamedTuple):
    """A pass: its key, and whether that has only what is asked about, so that any word may follow."""

    key: PassKey
    is_abstract: bool


class StateCodec:
    """The layout of a world's live fields, and its passes by number; number 0 is for where no pass is asked about."""

    def __init__(self, liveness: Liveness, starts: Sequence[Prior]) -> None:
        self.liveness = liveness
        self.starts = starts
        world, graph = liveness.world, liveness.graph
        self.locations = list(graph.numbers)
        fields: Fields = frozenset().union(*liveness.live.values())
        self.layout = Layout(world, len(self.locations), fields, liveness.caps, len(starts))
        self._passes = [KnownPass(PassKey((), ((),)), is_abstract=False)]
        self._numbers: dict[KnownPass, int] = {}
        self._abstract: dict[int, int] = {}  # by the number of a pass that of the same one, abstract
        self._initial = initial_state(world, Prior())._replace(
            visits=bytes(len(world.scene_ids)), taken=bytes(len(world.choice_ids))
        )
        self._bits = [self._bits_by_kind(location) for location in self.locations]
        self._layer = self.layout.bit_fields.get(LAYER)
        self._token_numbers = [location.token * (self._layer.mask + 1 if self._layer else 1) for location in self.locations]

    def _bits_by_kind(self, location: Location) -> dict[FieldKind, list[tuple[int, BitField]]]:
        """Return by kind the indices of the fields that are live at a location, each with its place."""
        found: dict[FieldKind, list[tuple[int, BitField]]] = {kind: [] for kind in FieldKind}
        for field in self.liveness.live[location]:
            if field in self.layout.bit_fields:
                found[field.kind].append((field.number, self.layout.bit_fields[field]))
        return found

    def location_of(self, packed: int) -> Location:
        """Return the location of a state."""
        return self.locations[packed & self.layout.location_mask]

    def progress_of(self, packed: int) -> int:
        """Return how far a state has come: a number that rises with its token and, as far as it is kept, its layer."""
        layer = packed >> self._layer.shift & self._layer.mask if self._layer else 0
        return self._token_numbers[packed & self.layout.location_mask] + layer

    def pass_of(self, packed: int) -> KnownPass:
        """Return the pass of a state."""
        return self._passes[packed >> self.layout.pass_shift]

    def forget_pass(self, packed: int) -> int:
        """Return a state whose pass has only what is asked about."""
        number = packed >> self.layout.pass_shift
        if number not in self._abstract:
            key = self.liveness.reduced_pass(self._passes[number].key)
            self._abstract[number] = self._number(KnownPass(key, is_abstract=True))
        return packed & ~self.layout.pass_mask | self._abstract[number] << self.layout.pass_shift

    def encode(self, state: State, fields: Fields, *, is_abstract: bool) -> int:
        """Return the bits of a state's location and of some of its fields."""
        bits = self.liveness.graph.numbers[Location(state.scene, state.token)]
        for field in fields:
            if field == PASS:
                bits |= self._number_of(state.key, is_abstract=is_abstract) << self.layout.pass_shift
            else:
                bits |= self.layout.encode_field(field, value_of(self.liveness.world, state, field))
        return bits

    def _number_of(self, key: PassKey, *, is_abstract: bool) -> int:
        if is_abstract or not (self.liveness.is_computed or self.liveness.keeps_pass(key)):
            key = self.liveness.reduced_pass(key)
        return self._number(KnownPass(key, is_abstract))

    def _number(self, known: KnownPass) -> int:
        """Return the number of a pass; a new one for a pass not met before."""
        number = self._numbers.get(known)
        if number is None:
            number = self._numbers[known] = len(self._passes)
            self._passes.append(known)
        return number

    def decode(self, packed: int) -> State:
        """Return a state of the engine that has these fields, and is otherwise as at the start of a run."""
        location, bits = self.location_of(packed), self._bits[packed & self.layout.location_mask]
        initial = self._initial
        variables, measured = list(initial.variables), list(initial.measured)
        visits, taken = bytearray(initial.visits), bytearray(initial.taken)
        for index, at in bits[FieldKind.VARIABLE]:
            variables[index] = at.read(packed)
        for index, at in bits[FieldKind.THRESHOLD]:
            measured[index] = bool(at.read(packed))
        for index, at in bits[FieldKind.VISITS]:
            visits[index] = at.read(packed)
        for index, at in bits[FieldKind.TAKEN]:
            taken[index] = at.read(packed)
        layer = next((at.read(packed) for _, at in bits[FieldKind.LAYER]), initial.layer)
        names, decided = self.liveness.world.story.decided_asked, bits[FieldKind.DECIDED]
        by_chance = frozenset(token for token, at in bits[FieldKind.BY_CHANCE] if at.read(packed))
        key = self._key(packed, location)
        return State(
            location.scene,
            location.token,
            layer,
            tuple(variables),
            bytes(visits),
            bytes(taken),
            key.words,
            key.acts,
            tuple(measured),
            self.starts[self.layout.start_of(packed)],
            tuple(names[index] for index, at in decided if at.read(packed)) or None,
            by_chance,
        )

    def _key(self, packed: int, location: Location) -> PassKey:
        if packed >> self.layout.pass_shift:
            return self.pass_of(packed).key
        return PassKey((FILLER,) * (location.token - self.liveness.world.first_token), ()).without_acts()
