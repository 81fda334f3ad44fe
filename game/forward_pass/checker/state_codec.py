"""Between the states of the engine and the whole numbers of the walk. Passes are numbered as they are met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from forward_pass.checker.liveness import FILLER, Liveness, Place
from forward_pass.checker.state_layout import FACTS, PASS, BitField, Fields, Layout, value_of
from forward_pass.story.state import Acts, Prior, State


class KnownPass(NamedTuple):
    """A pass by number: its words and interventions, and whether they are only what is asked about."""

    words: tuple[str, ...]
    acts: Acts
    supposed: bool


class StateCodec:
    """The layout of a sliced world, and the passes by number; number 0 is for where no pass is asked about."""

    def __init__(self, slices: Liveness, starts: Sequence[Prior]) -> None:
        self.slices = slices
        self.starts = starts
        self.places: list[Place] = list(slices.places)
        fields: Fields = frozenset().union(*slices.live.values())
        self.layout = Layout(slices.world, len(self.places), fields, slices.caps, len(starts))
        self.passes: list[KnownPass] = [KnownPass((), ((),), supposed=False)]
        self._numbers: dict[KnownPass, int] = {}
        world = slices.world
        self._starting = tuple(variable.start for variable in world.variables)
        self._unmeasured: tuple[bool | None, ...] = (None,) * len(world.thresholds)
        self._unvisited, self._untaken = bytes(len(world.scene_ids)), bytes(len(world.choice_ids))
        self._unpack = [(place, self._live_slots(place)) for place in self.places]

    def _live_slots(self, place: Place) -> list[tuple[str, int, BitField]]:
        """Return the fields that a state has at a place, and where each lies: of the others all bits are 0."""
        slots = self.layout.slots
        return [(*field, slots[field]) for field in sorted(self.slices.live[place]) if field in slots]

    def pass_of(self, packed: int) -> KnownPass:
        """Return the pass of a state."""
        return self.passes[packed >> self.layout.pass_shift]

    def forget_pass(self, packed: int) -> int:
        """Return a state with its pass forgotten but for what is asked about."""
        known = self.pass_of(packed)
        number = self.number(KnownPass(*self.slices.reduced_pass(known.words, known.acts), supposed=True))
        return packed & ~self.layout.pass_mask | number << self.layout.pass_shift

    def encode(self, state: State, fields: Fields, *, supposed: bool) -> int:
        """Return the place of a state and the bits of some of its fields."""
        bits = self.slices.places[Place(state.scene, state.token)]
        for field in fields:
            if field == PASS:
                bits |= self.number_of(state.words, state.acts, supposed=supposed) << self.layout.pass_shift
            else:
                bits |= self.layout.encode_field(field, value_of(state, field))
        return bits

    def number_of(self, words: tuple[str, ...], acts: Acts, *, supposed: bool) -> int:
        """Return the number of a pass, with what nobody asks about left out where no model computes it."""
        if not self.slices.model or supposed:
            words, acts = self.slices.reduced_pass(words, acts)
        return self.number(KnownPass(words, acts, supposed))

    def number(self, known: KnownPass) -> int:
        """Return the number of a pass; a new one for a pass not met before."""
        number = self._numbers.get(known)
        if number is None:
            number = self._numbers[known] = len(self.passes)
            self.passes.append(known)
        return number

    def place_of(self, packed: int) -> Place:
        """Return the scene and the token of a state."""
        return self.places[packed & self.layout.place_mask]

    def decode(self, packed: int) -> State:
        """Return a state of the engine that has these fields, and what nothing reads as it was at the start."""
        number, known = packed & self.layout.place_mask, self.pass_of(packed)
        place, slots = self._unpack[number]
        layer = self.slices.world.first_layer
        variables, measured = list(self._starting), list(self._unmeasured)
        visits, takings = bytearray(self._unvisited), bytearray(self._untaken)
        for kind, index, slot in slots:
            value = (packed >> slot.shift & slot.mask) + slot.least
            match kind:
                case "variable":
                    variables[index] = value
                case "visits":
                    visits[index] = value
                case "takings":
                    takings[index] = value
                case "threshold":
                    measured[index] = bool(value)
                case "layer":
                    layer = value
        decoded = place.token - self.slices.world.first_token
        filler = packed >> self.layout.pass_shift == 0
        return State(
            place.scene,
            place.token,
            layer,
            tuple(variables),
            bytes(visits),
            bytes(takings),
            (FILLER,) * decoded if filler else known.words,
            ((),) * (decoded + 1) if filler else known.acts,
            tuple(measured),
            self.starts[self.layout.decode_field(FACTS, packed) if FACTS in self.layout.slots else 0],
        )
