"""What of a world its exploration depends on: everything but words outside braces, the glossary and the hints.

Two worlds of the same structure have the same findings, at the corresponding nodes: a finding is kept with the number of its
place among all places of the world, and placed anew by that number.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from forward_pass.checker.text_coverage import alternatives
from forward_pass.errors import Place, Problem
from forward_pass.story.nodes import (
    NOWHERE,
    ActDeclaration,
    Branch,
    ByVisit,
    Ending,
    If,
    Paragraph,
    Scene,
    Story,
    Switch,
    Text,
)
from forward_pass.story.visit import walk_nodes
from forward_pass.story.world import World

WORDS = "…"
"""Stands for words that are always the same."""


class PlacedFinding(NamedTuple):
    """A finding, by the number of its place; where it quotes a text, ``QUOTE`` stands for the words with that number there."""

    place: int
    code: str
    message: str
    severity: str
    quote: int  # -1: it quotes nothing


QUOTE = "\0"


def structure_key(story: Story) -> str:
    """Return the hash of a world's structure: equal for worlds that an exploration cannot tell apart."""
    bare = story._replace(title="", about="", version="", hash="", glossary=(), hints={}, verbs=())
    return sha256(repr(_structure(bare)).encode()).hexdigest()


def _structure(value: object) -> object:
    """Return a node without places, and with a mark for words that are always the same."""
    match value:
        case Place():
            return None
        case Text():
            return ("Text", *map(_paragraph, value.paragraphs))
        case ActDeclaration():
            return _fields(value._replace(about=""))
        case Ending():
            return _fields(value._replace(title="", measured=()))
        case Scene():
            return _fields(value._replace(measured=()))
        case tuple():
            return _fields(value)
        case dict():
            return {key: _structure(one) for key, one in value.items()}
    return value


def _fields(value: tuple[object, ...]) -> object:
    return (type(value).__name__, *map(_structure, value))


def _paragraph(paragraph: Paragraph) -> object:
    return ("Paragraph", _structure(paragraph.guard), *map(_piece, paragraph.pieces))


def _piece(piece: object) -> object:
    """Return a piece of a text: words as a mark, unless they are blank, and the words inside alternatives too."""
    if isinstance(piece, str):
        return WORDS if piece.strip() else ""
    if isinstance(piece, If | Switch | ByVisit | Branch):
        return (type(piece).__name__, *(_pieces_or_node(field) for field in piece))
    return _structure(piece)


def _pieces_or_node(field: object) -> object:
    """Return a field of an alternative: its pieces, its branches, or what decides between them."""
    if type(field) is tuple:
        return tuple(map(_piece, field))
    return _structure(field)


def places(story: Story) -> list[Place]:
    """Return all places of a world but those of its glossary, in one order for all worlds of the same structure."""
    bare = story._replace(glossary=(), hints={})
    return [node for node in walk_nodes(bare) if isinstance(node, Place) and node != NOWHERE]


def placed(world: World, problems: Iterable[Problem]) -> list[PlacedFinding] | None:
    """Return findings by the numbers of their places; None where one has a place that is no node's."""
    numbers: dict[Place, int] = {}
    for number, place in enumerate(places(world.story)):
        numbers.setdefault(place, number)
    quotes = _quotes(world)
    found = []
    for one in problems:
        place = Place(one.file, one.line, one.column)
        if place not in numbers:
            return None
        quote = next((number for number, words in enumerate(quotes.get(place, ())) if repr(words) in one.message), -1)
        message = one.message if quote < 0 else one.message.replace(repr(quotes[place][quote]), QUOTE)
        found.append(PlacedFinding(numbers[place], one.code, message, one.severity, quote))
    return found


def placed_anew(world: World, findings: Iterable[PlacedFinding]) -> list[Problem]:
    """Return findings at the places of a world of the same structure, quoting its own words; raises ``IndexError``."""
    every, quotes = places(world.story), _quotes(world)
    problems = []
    for one in findings:
        place = every[one.place]
        message = one.message if one.quote < 0 else one.message.replace(QUOTE, repr(quotes.get(place, [])[one.quote]))
        problems.append(Problem(*place, one.code, message, one.severity))
    return problems


def _quotes(world: World) -> dict[Place, list[str]]:
    """Return the beginnings of texts that findings may quote, by their place."""
    found: dict[Place, list[str]] = {}
    for alternative in alternatives(world):
        found.setdefault(alternative.place, []).append(alternative.words)
    return found
