"""What a tree reads of a state, as fields; and a layout that packs the fields of a state into one whole number.

A field is a kind and an index: ``("variable", 3)``, ``("visits", 7)`` (a scene's count), ``("takings", 2)`` (a choice's),
``("threshold", 0)``, ``("layer", 0)``, ``("facts", 0)`` and ``("pass", 0)``, the words and interventions so far. The pass is
kept by number in the highest bits, which have no end; all other fields have a fixed width.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from forward_pass.story.expressions import COMPARISONS, Tree
from forward_pass.story.state import MAX_VISITS, State
from forward_pass.story.world import World

Field = tuple[str, int]
Fields = frozenset[Field]

LAYER: Field = ("layer", 0)
FACTS: Field = ("facts", 0)
PASS: Field = ("pass", 0)
NOTHING: Fields = frozenset()

OPERATORS = frozenset((*COMPARISONS, "and", "or", "not", "+", "-", "*"))
_READS = {
    "variable": "variable",
    "threshold": "threshold",
    "visits": "visits",
    "seen": "visits",
    "taken": "takings",
}
_READS_WHOLE = {
    "found": FACTS,
    "instantiation": FACTS,
    "emitted": PASS,
    "acted": PASS,
    "layer": LAYER,
    "left": LAYER,
}


def leaves(tree: Tree | None) -> Iterator[Tree]:
    """Yield every leaf of a condition's or an effect's tree."""
    stack = [tree] if tree else []
    while stack:
        node = stack.pop()
        if node[0] in OPERATORS:
            stack.extend(node[1:])
        else:
            yield node


def read_by(*trees: Tree | None) -> Fields:
    """Return the fields that trees read."""
    found: set[Field] = set()
    for tree in trees:
        for leaf in leaves(tree):
            if leaf[0] in _READS:
                found.add((_READS[leaf[0]], leaf[1]))
            elif leaf[0] in _READS_WHOLE:
                found.add(_READS_WHOLE[leaf[0]])
    return frozenset(found)


def visit_caps(trees: Iterable[Tree | None]) -> dict[int, int]:
    """Return by scene how far its visits have to be counted for these trees: one beyond what they are held against."""
    caps: dict[int, int] = {}

    def raise_to(scene: int, cap: int) -> None:
        caps[scene] = max(caps.get(scene, 1), min(cap, MAX_VISITS))

    for tree in trees:
        stack = [tree] if tree else []
        while stack:
            node = stack.pop()
            if node[0] in COMPARISONS and node[1][0] == "visits" and node[2][0] == "int":
                raise_to(node[1][1], node[2][1] + 1)
            elif node[0] in OPERATORS:
                stack.extend(node[1:])
            elif node[0] == "visits":
                raise_to(node[1], MAX_VISITS)
            elif node[0] == "seen":
                raise_to(node[1], 1)
    return caps


class BitField(NamedTuple):
    """Where a field lies in a packed state: how far up, how wide as a mask, and what is taken off its value first."""

    shift: int
    mask: int
    least: int


class Layout:
    """Where every field of interest lies in one whole number; the lowest bits are the place's."""

    def __init__(self, world: World, places: int, fields: Collection[Field], caps: Mapping[int, int], starts: int) -> None:
        self.world = world
        self.caps = caps
        self.place_mask = _mask(places - 1)
        self.slots: dict[Field, BitField] = {}
        at = self.place_mask.bit_length()
        for field in sorted(set(fields) - {PASS}):
            least, most = self._bounds(field, starts)
            mask = _mask(most - least)
            self.slots[field] = BitField(at, mask, least)
            at += mask.bit_length()
        self.pass_shift = at
        self.pass_mask = -1 << at

    def _bounds(self, field: Field, starts: int) -> tuple[int, int]:
        kind, index = field
        match kind:
            case "variable":
                variable = self.world.variables[index]
                return variable.least, variable.most
            case "visits":
                return 0, self.caps.get(index, 1)
            case "layer":
                return self.world.first_layer, self.world.boundary
            case "facts":
                return 0, starts - 1
            case _:
                return 0, 1

    def mask_of(self, fields: Iterable[Field]) -> int:
        """Return the bits of fields, as far as they are laid out."""
        mask = 0
        for field in fields:
            if field == PASS:
                mask |= self.pass_mask
            elif field in self.slots:
                slot = self.slots[field]
                mask |= slot.mask << slot.shift
        return mask

    def encode_field(self, field: Field, value: int) -> int:
        """Return the bits of a field's value; none where the field is not laid out."""
        slot = self.slots.get(field)
        if slot is None:
            return 0
        if field[0] == "visits":
            value = min(value, self.caps.get(field[1], 1))
        return (value - slot.least) << slot.shift

    def decode_field(self, field: Field, packed: int) -> int:
        """Return the value of a field that is laid out."""
        slot = self.slots[field]
        return (packed >> slot.shift & slot.mask) + slot.least


def _mask(most: int) -> int:
    return (1 << max(most, 1).bit_length()) - 1


def value_of(state: State, field: Field) -> int:
    """Return the value that a field has in a state, the facts and the pass apart."""
    kind, index = field
    if kind == "variable":
        return int(state.variables[index])
    if kind == "visits":
        return int(state.visits[index])
    if kind == "takings":
        return int(state.taken[index] > 0)
    if kind == "threshold":
        return int(state.measured[index] is True)
    return int(state.layer)
