"""What varies in a world's texts: every guard, every alternative, each with what has to hold for it to be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from forward_pass.checker.state_layout import Fields, read_by, visit_caps
from forward_pass.story.compile import compile_expression
from forward_pass.story.expressions import Tree
from forward_pass.story.state import State
from forward_pass.story.world import World

Holds = Callable[[State], bool]


class Guard(NamedTuple):
    """Something that has to hold: a tree, how its value is counted (``if``, ``case`` or ``visit``), and what it must be."""

    tree: Tree
    form: str
    wanted: int
    of: int  # how many alternatives there are


class Alternative(NamedTuple):
    """One way in which a text can come out. ``silent``: what shows nothing, so that never meeting it means less."""

    form: str  # whose text: "scene", "say", "why" or "then"
    owner: str  # the scene's or the choice's id
    number: int  # within its owner
    place: str
    words: str  # how it begins, for whoever has to find it
    guards: tuple[Guard, ...]
    silent: bool

    @property
    def fields(self) -> Fields:
        """What has to be known of a state to say whether it is shown."""
        return read_by(*(need.tree for need in self.guards))

    @property
    def caps(self) -> dict[int, int]:
        """How far visits have to be counted for it."""
        caps = visit_caps(need.tree for need in self.guards if need.form != "visit")
        for need in self.guards:
            if need.form == "visit":
                caps[need.tree[1]] = max(caps.get(need.tree[1], 1), need.of)
        return caps

    @property
    def holds(self) -> Holds:
        """The closure that says in a state whether it is shown."""
        return all_hold(self.guards)


def all_hold(needs: tuple[Guard, ...]) -> Holds:
    """Return the closure that says in a state whether everything holds that is needed."""
    checks = [(compile_expression(need.tree), need.form, need.wanted, need.of) for need in needs]
    return lambda state: all(_selected(int(value(state)), form, of) == wanted for value, form, wanted, of in checks)


def _selected(value: int, form: str, of: int) -> int:
    if form == "if":
        return int(value != 0)
    return min(max(value, 1), of) - 1 if form == "visit" else value


def alternatives(world: World) -> list[Alternative]:
    """Return every alternative of every text of a world, in the order of the files."""
    found: list[Alternative] = []
    places = world.data["places"]
    for scene, row in world.data["scenes"].items():
        found += _of_text("scene", scene, _Places(places.get(f"text.scene.{scene}"), row["place"]), row["text"])
        for choice in row["choices"]:
            its = world.data["choices"][choice]
            number = 0
            for form in ("say", "why", "then"):
                where = _Places(places.get(f"text.{form}.{choice}"), its["place"])
                some = list(_of_text(form, choice, where, its[form] or []))
                found += [one._replace(number=number + one.number) for one in some]
                number += len(some)
    return found


class _Places:
    """Where what varies in a text stands, given out in the order of the text; the text's owner where that was not kept."""

    def __init__(self, kept: list[list[str]] | None, owner: str) -> None:
        self.kept, self.owner = iter(kept or ()), owner

    def take(self) -> list[str]:
        """Return the places of what varies next: of its condition, or of its alternatives."""
        return next(self.kept, [self.owner])


def _of_text(form: str, owner: str, places: _Places, text: Tree) -> Iterator[Alternative]:
    for number, (place, words, needs, silent) in enumerate(_varying(text, places)):
        yield Alternative(form, owner, number, place, words, needs, silent)


_Row = tuple[str, str, tuple[Guard, ...], bool]


class _Paragraph(NamedTuple):
    needs: tuple[Guard, ...]
    pieces: Tree
    guard: Tree | str | None


def _paragraphs(text: Tree) -> Iterator[_Paragraph]:
    """Yield the paragraphs of a text with what each needs, chains of guards as ``prose`` reads them."""
    chain: list[Tree] = []
    closing = False
    for guard, pieces, _ in text:
        needs: tuple[Guard, ...] = ()
        if guard == "else":
            closing = True
            needs = tuple(Guard(tree, "if", 0, 2) for tree in chain)
        else:
            chain = [] if guard is None or closing else chain
            closing = False
            if guard is not None:
                chain = [*chain, guard]
                needs = (Guard(guard, "if", 1, 2),)
        yield _Paragraph(needs, pieces, guard)


def _varying(text: Tree, places: _Places) -> Iterator[_Row]:
    """Yield what varies in a text, each with its place."""
    for needs, pieces, guard in _paragraphs(text):
        place = places.take()[0] if guard is not None else ""
        if guard is not None:
            yield place, _opening(pieces), needs, False
        if isinstance(guard, list):
            yield place, _opening(pieces), (Guard(guard, "if", 0, 2),), True
        yield from _inside(pieces, needs, places)


class Piece(NamedTuple):
    """Words that stand in a text as they were written, and when they are shown."""

    words: int
    holds: Holds


def pieces_of(text: Tree) -> Iterator[Piece]:
    """Yield the words of a text, piece by piece."""
    for needs, pieces, _ in _paragraphs(text):
        yield from _worded(pieces, needs)


def _worded(pieces: Tree, needs: tuple[Guard, ...]) -> Iterator[Piece]:
    said = "".join(" " if _switches(piece) else _plain(piece) for piece in pieces)
    yield Piece(len(said.split()), all_hold(needs))
    for piece in pieces:
        if _switches(piece):
            for wanted, branch in _branches(piece):
                yield from _worded(branch, (*needs, Guard(piece[1], piece[0], wanted, len(_branches(piece)))))


def _switches(piece: Any) -> bool:
    return not isinstance(piece, str) and piece[0] in ("if", "case", "visit")


def _branches(piece: Tree) -> list[tuple[int, Tree]]:
    """Return the branches of a switch as they were written, each with the number that selects it: false is 0."""
    return [(1, piece[2]), (0, piece[3])] if piece[0] == "if" else list(enumerate(piece[2]))


def _inside(pieces: Tree, outer: tuple[Guard, ...], places: _Places) -> Iterator[_Row]:
    for piece in filter(_switches, pieces):
        form, tree, branches = piece[0], piece[1], _branches(piece)
        its = places.take()
        for wanted, branch in branches:
            place = its[wanted] if len(its) == len(branches) else its[0]
            needs = (*outer, Guard(tree, form, wanted, len(branches)))
            words = _opening(branch)
            if words:
                yield place, words, needs, False
            elif form == "if":  # an enumeration's alternative that is left empty says that it is not waited for
                yield place, _opening(branches[wanted][1]), needs, True
            yield from _inside(branch, needs, places)


def _opening(pieces: Tree) -> str:
    """Return the first words of a text, for whoever looks for it."""
    said = " ".join("".join(_plain(piece) for piece in pieces).split())
    return said if len(said) <= 48 else f"{said[:47].rsplit(' ', 1)[0]} …"  # noqa: PLR2004 - fits a line


def _plain(piece: Any) -> str:
    return piece if isinstance(piece, str) else "{…}"
