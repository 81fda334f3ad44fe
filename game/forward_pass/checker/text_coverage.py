"""The alternatives of a world's texts: what each requires to be shown, and how many words it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from forward_pass.checker.coverage import Item, ItemKind
from forward_pass.checker.state_layout import Fields, fields_read, raise_caps, visit_caps
from forward_pass.errors import Place
from forward_pass.story.compile import compile_expression
from forward_pass.story.nodes import (
    EMPTY,
    Alternatives,
    And,
    Branch,
    ByVisit,
    Claim,
    Compare,
    Expression,
    If,
    Literal,
    Not,
    Paragraph,
    Piece,
    Scene,
    Switch,
    Text,
    Visits,
)
from forward_pass.story.state import State
from forward_pass.story.world import World

MAX_QUOTED = 48  # characters of an alternative that are quoted

Predicate = Callable[[State], bool]


class TextKind(StrEnum):
    """The texts of scenes and choices, by their keys; that of a scene is ``text``."""

    SCENE = "text"
    SAY = "say"
    WHY = "why"
    THEN = "then"


CHOICE_TEXTS = (TextKind.SAY, TextKind.WHY, TextKind.THEN)


class TextId(NamedTuple):
    """Which text: its kind, and the id of its scene or choice."""

    kind: TextKind
    owner: str


def texts(world: World) -> Iterator[tuple[TextId, Text]]:
    """Yield every text of a world, in the order in which they are written."""
    for scene in world.scenes.values():
        yield TextId(TextKind.SCENE, scene.id), scene.text
        for choice in scene.choices if isinstance(scene, Scene) else ():
            yield TextId(TextKind.SAY, choice.id), choice.say
            yield TextId(TextKind.WHY, choice.id), choice.why
            yield TextId(TextKind.THEN, choice.id), choice.then or EMPTY


# -- which alternative is shown ---------------------------------------------------------------------------------------


class Requirement(NamedTuple):
    """That of several alternatives the one with this number is shown."""

    node: Alternatives
    number: int


def _branches(node: Alternatives) -> tuple[Branch, ...]:
    if isinstance(node, If):
        return Branch(node.place, node.then), Branch(node.place, node.otherwise)
    return node.branches


def _subject(node: Alternatives) -> Expression:
    """Return the expression by whose value an alternative is selected."""
    match node:
        case If():
            return node.condition
        case Switch():
            return node.value
        case ByVisit():
            return Visits(node.scene)


def _selected(node: Alternatives, value: int) -> int:
    """Return the number of the alternative that is shown where the subject has a value."""
    match node:
        case If():
            return int(not value)
        case Switch():
            return value
        case ByVisit():
            return min(max(value, 1), len(node.branches)) - 1


def _all_met(requirements: tuple[Requirement, ...]) -> Predicate:
    checks = [(node, compile_expression(_subject(node)), number) for node, number in requirements]
    return lambda state: all(_selected(node, int(value(state))) == number for node, value, number in checks)


def _guarded(text: Text) -> Iterator[tuple[tuple[Requirement, ...], Paragraph]]:
    """Yield the paragraphs of a text with what each requires: its own guard, or for an ``[else]`` none of those above it."""
    chain: tuple[If, ...] = ()  # the guards that an [else] here is the other side of
    after_else = False
    for paragraph in text.paragraphs:
        guard = paragraph.guard
        if guard is None:
            chain, after_else = (), False
            yield (), paragraph
        elif guard.condition is None:
            after_else = True
            yield tuple(Requirement(node, 1) for node in chain), paragraph
        else:
            node = If(guard.place, guard.condition, paragraph.pieces, ())
            chain, after_else = (*(() if after_else else chain), node), False
            yield (Requirement(node, 0),), paragraph


# -- alternatives -----------------------------------------------------------------------------------------------------


class Alternative(NamedTuple):
    """One alternative of a text; ``item`` is covered by showing it."""

    text: TextId
    item: Item
    place: Place
    words: str  # how it begins; of one that is silent, what is shown instead
    requirements: tuple[Requirement, ...]
    silent: bool  # it shows nothing

    def fields(self, world: World) -> Fields:
        """Return the fields of a state that decide whether it is shown."""
        return fields_read(world, *self.subjects)

    @property
    def subjects(self) -> list[Expression]:
        """The expressions that decide whether it is shown."""
        return [_subject(requirement.node) for requirement in self.requirements]

    @property
    def caps(self) -> dict[int, int]:
        """How far the visits of scenes have to be counted for it."""
        nodes = [requirement.node for requirement in self.requirements]
        caps = visit_caps(*(_subject(node) for node in nodes if not isinstance(node, ByVisit)))
        for node in nodes:
            if isinstance(node, ByVisit):
                raise_caps(caps, {node.scene: len(node.branches)})
        return caps

    @property
    def is_shown(self) -> Predicate:
        """The function that tells of a state whether it is shown there."""
        return _all_met(self.requirements)


def alternatives(world: World) -> list[Alternative]:
    """Return the alternatives of every text of a world, in the order in which they are written."""
    found: list[Alternative] = []
    counts = Counter[tuple[ItemKind, str]]()
    for text_id, text in texts(world):
        kind = ItemKind.SCENE_TEXT if text_id.kind is TextKind.SCENE else ItemKind.CHOICE_TEXT
        for place, words, requirements, silent in _in_text(text):
            item = Item(kind, text_id.owner, counts[kind, text_id.owner])
            found.append(Alternative(text_id, item, place, words, requirements, silent))
            counts[kind, text_id.owner] += 1
    return found


_Row = tuple[Place, str, tuple[Requirement, ...], bool]


def _in_text(text: Text) -> Iterator[_Row]:
    for requirements, paragraph in _guarded(text):
        if paragraph.guard is not None:
            place, words = paragraph.guard.place, _beginning(paragraph.pieces)
            yield place, words, requirements, False
            if paragraph.guard.condition is not None:
                yield place, words, (Requirement(requirements[0].node, 1),), True
        yield from _in_pieces(paragraph.pieces, requirements)


def _in_pieces(pieces: tuple[Piece, ...], outer: tuple[Requirement, ...]) -> Iterator[_Row]:
    for node in pieces:
        if not isinstance(node, (If, Switch, ByVisit)):
            continue
        branches = _branches(node)
        for number, branch in enumerate(branches):
            requirements = (*outer, Requirement(node, number))
            words = _beginning(branch.pieces)
            if words:
                yield branch.place, words, requirements, False
            elif isinstance(node, If):  # an empty alternative of an enumeration or of a visit is meant to be silent
                yield branch.place, _beginning(branches[1 - number].pieces), requirements, True
            yield from _in_pieces(branch.pieces, requirements)


def _beginning(pieces: tuple[Piece, ...]) -> str:
    words = " ".join("".join(map(_plain, pieces)).split())
    return words if len(words) <= MAX_QUOTED else f"{words[: MAX_QUOTED - 1].rsplit(' ', 1)[0]} …"


def _plain(piece: Piece) -> str:
    if isinstance(piece, Claim):
        return ""
    return piece if isinstance(piece, str) else "{…}"


# -- claims -----------------------------------------------------------------------------------------------------------


def claims_in_text(text: Text) -> Iterator[tuple[Claim, Expression | None]]:
    """Yield the claims of a text, each with the condition under which it is shown; None for one that always is.

    An alternative by the number of a visit is taken as shown at every visit.
    """
    for requirements, paragraph in _guarded(text):
        yield from _claims_in_pieces(paragraph.pieces, requirements)


def _claims_in_pieces(
    pieces: tuple[Piece, ...], requirements: tuple[Requirement, ...]
) -> Iterator[tuple[Claim, Expression | None]]:
    for piece in pieces:
        if isinstance(piece, Claim):
            yield piece, shown_condition(requirements)
        elif isinstance(piece, (If, Switch, ByVisit)):
            for number, branch in enumerate(_branches(piece)):
                yield from _claims_in_pieces(branch.pieces, (*requirements, Requirement(piece, number)))


def shown_condition(requirements: tuple[Requirement, ...]) -> Expression | None:
    """Return the condition under which all requirements are met, those by a visit apart; None where there is none."""
    shown: Expression | None = None
    for node, number in requirements:
        condition: Expression
        match node:
            case If():
                condition = node.condition if number == 0 else Not(node.condition)
            case Switch():
                condition = Compare("==", node.value, Literal(number))
            case ByVisit():
                continue
        shown = condition if shown is None else And(shown, condition)
    return shown


# -- words ------------------------------------------------------------------------------------------------------------


class Passage(NamedTuple):
    """Words that stand together in a text: how many, and the function that tells of a state whether they are shown there."""

    words: int
    is_shown: Predicate


def passages(text: Text) -> Iterator[Passage]:
    """Yield the passages of a text; what is measured counts as one word."""
    for requirements, paragraph in _guarded(text):
        yield from _passages(paragraph.pieces, requirements)


def _passages(pieces: tuple[Piece, ...], requirements: tuple[Requirement, ...]) -> Iterator[Passage]:
    nodes = [piece for piece in pieces if isinstance(piece, (If, Switch, ByVisit))]
    written = "".join(" " if isinstance(piece, (If, Switch, ByVisit)) else _plain(piece) for piece in pieces)
    yield Passage(len(written.split()), _all_met(requirements))
    for node in nodes:
        for number, branch in enumerate(_branches(node)):
            yield from _passages(branch.pieces, (*requirements, Requirement(node, number)))
