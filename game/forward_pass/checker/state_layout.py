"""The fields of a state, which of them a node reads, and a layout that packs them into one whole number.

The pass (the words and acts so far) is stored by number in the highest bits, which have no end; every other field has a fixed
width. Must not know which fields matter where.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

from forward_pass.story.nodes import (
    Acted,
    Compare,
    Decided,
    Drawn,
    Emitted,
    Found,
    LayersLeft,
    Literal,
    Met,
    PassesRun,
    Seen,
    StateNumber,
    Taken,
    ThresholdTruth,
    VariableValue,
    Visits,
)
from forward_pass.story.state import MAX_VISITS, State
from forward_pass.story.visit import walk_nodes
from forward_pass.story.world import World


class FieldKind(IntEnum):
    """The parts of a state, in the order in which they are laid out."""

    PRIOR = 0  # by the number of the start
    LAYER = 1
    PASS = 2
    TAKEN = 3  # whether a choice was taken
    THRESHOLD = 4
    VARIABLE = 5
    VISITS = 6  # how often a scene was met, up to its cap
    DECIDED = 7  # whether an act decided the word, by its number among the names that the world asks about
    BY_CHANCE = 8  # whether the word of a token was drawn by chance


class Field(NamedTuple):
    """One field of a state: a part of it, and the number there of a variable, a scene, a choice or a threshold."""

    kind: FieldKind
    number: int = 0


Fields = frozenset[Field]

LAYER = Field(FieldKind.LAYER)
PRIOR = Field(FieldKind.PRIOR)
PASS = Field(FieldKind.PASS)
NO_FIELDS: Fields = frozenset()


def fields_read(world: World, *roots: object) -> Fields:
    """Return the fields that the nodes below ``roots`` read."""
    return frozenset(field for node in walk_nodes(*roots) for field in _fields_read(world, node))


def _fields_read(world: World, node: object) -> tuple[Field, ...]:
    match node:
        case VariableValue():
            return (Field(FieldKind.VARIABLE, node.variable),)
        case ThresholdTruth():
            return (Field(FieldKind.THRESHOLD, node.threshold),)
        case Visits() | Seen():
            return (Field(FieldKind.VISITS, node.scene),)
        case Taken():
            return (Field(FieldKind.TAKEN, node.choice),)
        case Emitted() | Acted():
            return (PASS,)
        case Found() | Met() | StateNumber(name="instantiation"):
            return (PRIOR,)
        case LayersLeft() | StateNumber(name="layer"):
            return (LAYER,)
    return _told_fields_read(world, node)


def _told_fields_read(world: World, node: object) -> tuple[Field, ...]:
    """Return the fields of what is told once words are said."""
    match node:
        case PassesRun():
            return (PASS, *(Field(FieldKind.TAKEN, choice) for choice in node.asks))
        case Decided():
            return (Field(FieldKind.DECIDED, world.story.decided_asked.index(node.what)),)
        case Drawn():
            return (Field(FieldKind.BY_CHANCE, node.token),)
    return ()


def visit_caps(*roots: object) -> dict[int, int]:
    """Return by scene how far its visits are counted for the nodes below ``roots``: one beyond what they compare them with."""
    caps: dict[int, int] = {}
    stack: list[object] = [*roots]
    while stack:
        match stack.pop():
            case Compare(left=Visits(scene=scene), right=Literal(value=value)):
                raise_caps(caps, {scene: min(value + 1, MAX_VISITS)})
            case Visits(scene=scene):
                raise_caps(caps, {scene: MAX_VISITS})
            case Seen(scene=scene):
                raise_caps(caps, {scene: 1})
            case tuple() as node:
                stack += node
    return caps


def raise_caps(caps: dict[int, int], others: Mapping[int, int]) -> None:
    """Raise caps to other caps where these are higher; every cap is at least 1."""
    for scene, cap in others.items():
        caps[scene] = max(caps.get(scene, 1), cap)


class BitField(NamedTuple):
    """Where a field lies in a packed state: how far up, its mask there, and the value of which all bits are 0."""

    shift: int
    mask: int
    least: int

    def read(self, packed: int) -> int:
        """Return the field's value in a packed state."""
        return (packed >> self.shift & self.mask) + self.least


class Layout:
    """Where each field lies in one whole number; the lowest bits are the number of the location."""

    def __init__(self, world: World, locations: int, fields: Collection[Field], caps: Mapping[int, int], starts: int) -> None:
        self.caps = caps
        self.location_mask = _mask(locations - 1)
        self.bit_fields: dict[Field, BitField] = {}
        shift = self.location_mask.bit_length()
        for field in sorted(set(fields) - {PASS}):
            least, most = _bounds(world, field, caps, starts)
            mask = _mask(most - least)
            self.bit_fields[field] = BitField(shift, mask, least)
            shift += mask.bit_length()
        self.pass_shift = shift
        self.pass_mask = -1 << shift

    def mask_of(self, fields: Iterable[Field]) -> int:
        """Return the bits of fields, as far as they are laid out."""
        mask = 0
        for field in fields:
            if field == PASS:
                mask |= self.pass_mask
            elif field in self.bit_fields:
                bits = self.bit_fields[field]
                mask |= bits.mask << bits.shift
        return mask

    def encode_field(self, field: Field, value: int) -> int:
        """Return the bits of the value of a field that is laid out."""
        bits = self.bit_fields[field]
        if field.kind is FieldKind.VISITS:
            value = min(value, self.caps.get(field.number, 1))
        return (value - bits.least) << bits.shift

    def start_of(self, packed: int) -> int:
        """Return the number of the start from which a packed state came; 0 where nothing reads it."""
        return self.bit_fields[PRIOR].read(packed) if PRIOR in self.bit_fields else 0


def _bounds(world: World, field: Field, caps: Mapping[int, int], starts: int) -> tuple[int, int]:
    """Return the least and the greatest value of a field."""
    match field.kind:
        case FieldKind.VARIABLE:
            variable = world.variables[field.number]
            return variable.least, variable.most
        case FieldKind.VISITS:
            return 0, caps.get(field.number, 1)
        case FieldKind.LAYER:
            return world.first_layer, world.boundary
        case FieldKind.PRIOR:
            return 0, starts - 1
    return 0, 1


def _mask(most: int) -> int:
    return (1 << max(most, 1).bit_length()) - 1


def value_of(world: World, state: State, field: Field) -> int:
    """Return the value of a field in a state; the prior facts and the pass have numbers that only a codec knows."""
    match field.kind:
        case FieldKind.VARIABLE:
            return int(state.variables[field.number])
        case FieldKind.VISITS:
            return state.visits[field.number]
        case FieldKind.TAKEN:
            return int(state.taken[field.number] > 0)
        case FieldKind.THRESHOLD:
            return int(state.measured[field.number] is True)
        case FieldKind.DECIDED:
            return int(world.story.decided_asked[field.number] in (state.decided or ()))
        case FieldKind.BY_CHANCE:
            return int(field.number in state.by_chance)
    return state.layer
