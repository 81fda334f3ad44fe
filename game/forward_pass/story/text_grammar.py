r"""Texts, from characters to nodes.

A text is paragraphs, parted by blank lines; the author's line ends are spaces, save in a paragraph that is indented, which
keeps its lines. What varies:

    [condition] paragraph         only where the condition holds
    [else if condition] paragraph only where it holds and the guards directly above it did not
    [else] paragraph              only where the guards directly above it did not
    {condition: this | that}      one of two (the second may be left out)
    {visit: first | second | …}   by how often this scene has been met; the last one stays
    {bet: … | … | …}              by an enumeration's words, in their order
    {holds: condition}            nothing: what the words about it claim of the run, which a check proves
    {variable}, {layer}, {left}   a number, or an enumeration's word
    {spelled(left)}               the number in words
    {p('two')}, {word}, …         a measurement of the pass: ``measurement_grammar`` lists them

``\{`` and its like stand for the mark itself. Flat functions: each takes a source and a position in it, and returns what it
read and the position after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from forward_pass.errors import Place
from forward_pass.story import nodes
from forward_pass.story.grammar import NUMBER, TRUTH, WORD, ExpressionError, Kind, Scope, Typed, parse_condition, parse_value
from forward_pass.story.measurement_grammar import RESERVED as MEASUREMENTS
from forward_pass.story.measurement_grammar import parse_measurement

MAX_DEPTH = 8
SPACES = re.compile(r"\s+")
PARAGRAPH = re.compile(r"(?:[ \t]*\n)*((?:(?!\n[ \t]*\n).)+)", re.DOTALL)
GUARD = re.compile(r"\s*\[((?:[^\]'\"\n]|'[^'\n]*'|\"[^\"\n]*\")*)\]\s?")
INNER_GUARD = re.compile(r"(?<!\\)\[((?:[^\]'\"\n]|'[^'\n]*'|\"[^\"\n]*\")+)\]")
ELSE = re.compile(r"\s*else(?:\s+if\s+(?P<condition>.+?))?\s*$", re.DOTALL)
MARK = re.compile(r"\\.|[{}|]", re.DOTALL)
SPELLED = re.compile(r"\s*spelled\((?P<inner>.*)\)\s*", re.DOTALL)
RESERVED = MEASUREMENTS | {"spelled", "else", "holds"}
"""The words of this grammar, so that no variable and no threshold may be called by them."""

Locate = Callable[[int], Place]
"""Where the character at an offset of a source stands in its file."""

T = TypeVar("T")


def locate_in_source(offset: int) -> Place:
    """Return a place in a source that belongs to no file: its first line."""
    return Place("", 1, offset + 1)


def parse_text(text: str, scope: Scope, locate: Locate = locate_in_source) -> nodes.Text:
    """Return a text of one or more paragraphs; raises ``ExpressionError``."""
    paragraphs: list[nodes.Paragraph] = []
    for match in PARAGRAPH.finditer(text):
        if match[1].strip():
            source = _Source(text, match.end(), scope, locate)
            paragraphs.append(_paragraph(source, match.start(1), _guards_above(paragraphs)))
    return nodes.Text(tuple(paragraphs))


def _guards_above(paragraphs: list[nodes.Paragraph]) -> list[nodes.Guard]:
    """Return the guards of the paragraphs directly above, the nearest first, up to one without a guard or an ``[else]``."""
    guards: list[nodes.Guard] = []
    for paragraph in reversed(paragraphs):
        if paragraph.guard is None:
            break
        guards.append(paragraph.guard)
        if paragraph.guard.condition is None:
            break
    return guards


def parse_line(text: str, scope: Scope, locate: Locate = locate_in_source) -> nodes.Text:
    """Return a single line of text, such as a choice's words: no paragraphs, no guards; raises ``ExpressionError``."""
    pieces, _ = _pieces(_Source(text, len(text), scope, locate), 0, depth=0)
    return nodes.Text((nodes.Paragraph(None, pieces, preformatted=False),))


class _Source(NamedTuple):
    text: str
    end: int  # of the paragraph
    scope: Scope
    locate: Locate


def _paragraph(source: _Source, start: int, above: list[nodes.Guard]) -> nodes.Paragraph:
    match = GUARD.match(source.text, start, source.end)
    if not match:
        if source.text[start : source.end].lstrip().startswith("["):
            opening = source.text.index("[", start)
            raise ExpressionError(opening, "E106", r"this bracket is never closed (write \[ for a bracket in the text)")
        _check_no_guard_inside(source, start)
        pieces, _ = _pieces(source, start, depth=0)
        return nodes.Paragraph(None, pieces, preformatted=source.text[start] in " \t")
    condition = None
    otherwise = ELSE.match(match[1])
    if otherwise and (not above or (otherwise["condition"] and above[0].condition is None)):
        written = "[else if …]" if otherwise["condition"] else "[else]"
        raise ExpressionError(match.start(1), "E106", f"{written} needs a paragraph with a [condition] directly above it")
    if otherwise is None:
        condition = _parse_at(match.start(1), parse_condition, match[1], source.scope)
    elif otherwise["condition"]:
        at = match.start(1) + otherwise.start("condition")
        condition = _parse_at(at, parse_condition, otherwise["condition"], source.scope)
        for failed in [guard.condition for guard in above if guard.condition is not None]:
            condition = nodes.And(nodes.Not(failed), condition)
    guard = nodes.Guard(source.locate(_skip_spaces(source.text, match.start(1))), condition)
    _check_no_guard_inside(source, match.end())
    pieces, _ = _pieces(source, match.end(), depth=0)
    return nodes.Paragraph(guard, pieces, preformatted=False)


def _check_no_guard_inside(source: _Source, start: int) -> None:
    """Raise ``ExpressionError`` for a guard that stands inside a paragraph, where it would be shown as it is written."""
    for match in INNER_GUARD.finditer(source.text, start, source.end):
        if not ELSE.match(match[1]):
            try:
                parse_condition(match[1], source.scope)
            except ExpressionError:
                continue
        message = r"a guard begins a paragraph: put an empty line before it, or write \[ for a bracket in the text"
        raise ExpressionError(match.start(), "E106", message)


def _skip_spaces(text: str, start: int) -> int:
    match = SPACES.match(text, start)
    return match.end() if match else start


def _parse_at(offset: int, parse: Callable[[str, Scope], T], text: str, scope: Scope) -> T:
    """Return ``parse(text, scope)``; an error's offset is moved to where the text stands in its source."""
    try:
        return parse(text, scope)
    except ExpressionError as error:
        error.offset += offset
        raise


def _pieces(source: _Source, at: int, *, depth: int) -> tuple[tuple[nodes.Piece, ...], int]:
    """Read pieces up to the end, or inside braces to the ``|`` or ``}`` that ends them."""
    pieces: list[nodes.Piece] = []
    while at < source.end:
        match = MARK.search(source.text, at, source.end)
        stop = match.start() if match else source.end
        if stop > at:
            pieces.append(source.text[at:stop])
        at = stop
        if not match:
            break
        if match[0] == "{":
            piece, at = _braces(source, at, depth)
            pieces.append(piece)
        elif match[0][0] == "\\":
            pieces.append(match[0][1:])
            at = match.end()
        elif depth:
            break
        elif match[0] == "}":
            raise ExpressionError(stop, "E106", r"unmatched closing brace (write \} for a brace in the text)")
        else:
            pieces.append("|")
            at = match.end()
    return tuple(pieces), at


def _braces(source: _Source, opening: int, depth: int) -> tuple[nodes.Piece, int]:
    if depth >= MAX_DEPTH:
        raise ExpressionError(opening, "E101", f"braces are nested more than {MAX_DEPTH} deep")
    start = opening + 1
    stop = _end_of_head(source, start)
    if stop >= source.end:
        raise ExpressionError(opening, "E106", "this brace is never closed")
    head, mark = source.text[start:stop], source.text[stop]
    if mark == ":" and head.strip() == "holds":
        return _claim(source, opening, stop)
    if mark == ":":
        return _alternatives(source, opening, stop, depth)
    if mark == "{":
        raise ExpressionError(stop, "E106", "a brace inside a condition; close the brace before it, or write ':' first")
    if mark == "|":
        raise ExpressionError(stop, "E106", "expected a condition before '|': {condition: this | that}")
    return _shown(head, start, source.scope), stop + 1


def _claim(source: _Source, opening: int, colon: int) -> tuple[nodes.Claim, int]:
    stop = _end_of_head(source, colon + 1)
    if stop >= source.end or source.text[stop] != "}":
        raise ExpressionError(opening, "E106", "expected one condition and a closing brace: {holds: condition}")
    condition = _parse_at(colon + 1, parse_condition, source.text[colon + 1 : stop], source.scope)
    return nodes.Claim(source.locate(_skip_spaces(source.text, colon + 1)), condition), stop + 1


def _end_of_head(source: _Source, start: int) -> int:
    """Return where the head of braces ends: at the first ``:``, ``|``, ``{`` or ``}`` that is not inside quotes."""
    quote = ""
    for index in range(start, source.end):
        character = source.text[index]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in ":|}{":
            return index
    return source.end


def _alternatives(source: _Source, opening: int, colon: int, depth: int) -> tuple[nodes.Alternatives, int]:
    start = opening + 1
    decides = _parse_at(start, parse_value, source.text[start:colon], source.scope)
    if decides.kind == WORD or (decides.kind == NUMBER and not isinstance(decides.node, nodes.Visits)):
        advice = "; of a number, ask: {coins == 0: none | {coins == 1: one | some}}" if decides.kind == NUMBER else ""
        message = f"only a condition, an enumeration or 'visit' can select an alternative{advice}"
        raise ExpressionError(start, "E104", message)
    branches, at = _branches(source, opening, colon, depth)
    _check_count(decides.kind, len(branches), opening)
    if decides.kind == TRUTH:
        place = source.locate(_skip_spaces(source.text, start))
        return nodes.If(place, decides.node, branches[0].pieces, branches[1].pieces if len(branches) > 1 else ()), at
    if isinstance(decides.node, nodes.Visits):
        return nodes.ByVisit(decides.node.scene, branches), at
    return nodes.Switch(decides.node, branches), at


def _branches(source: _Source, opening: int, at: int, depth: int) -> tuple[tuple[nodes.Branch, ...], int]:
    """Read alternatives from the colon at ``at`` to the closing brace; white space around one belongs to the marks."""
    branches: list[nodes.Branch] = []
    while at < source.end and (not branches or source.text[at] == "|"):
        place = source.locate(_skip_spaces(source.text, at + 1))
        pieces, at = _pieces(source, at + 1, depth=depth + 1)
        branches.append(nodes.Branch(place, _stripped(pieces)))
    if at >= source.end:
        raise ExpressionError(opening, "E106", "this brace is never closed")
    return tuple(branches), at + 1


def _stripped(pieces: tuple[nodes.Piece, ...]) -> tuple[nodes.Piece, ...]:
    if pieces and isinstance(pieces[0], str):
        pieces = (pieces[0].lstrip(), *pieces[1:])
    if pieces and isinstance(pieces[-1], str):
        pieces = (*pieces[:-1], pieces[-1].rstrip())
    return pieces


def _check_count(kind: Kind, count: int, opening: int) -> None:
    if kind == TRUTH and count > 2:  # noqa: PLR2004 - a condition has two sides
        raise ExpressionError(opening, "E106", f"a condition selects one of at most 2 alternatives, found {count}")
    if kind.words and count != len(kind.words):
        message = f"expected {len(kind.words)} alternatives ({kind.described}), found {count}"
        raise ExpressionError(opening, "E106", message)


def _shown(head: str, start: int, scope: Scope) -> nodes.Piece:
    """Return what braces without alternatives show: a measurement, a number or an enumeration's word."""
    measurement = parse_measurement(head, start, scope)
    if measurement is not None:
        return measurement
    spelled = SPELLED.fullmatch(head)
    if spelled:
        start += spelled.start("inner")
    value: Typed = _parse_at(start, parse_value, spelled["inner"] if spelled else head, scope)
    if value.kind == NUMBER:
        return nodes.NumberText(value.node, spelled is not None)
    if spelled or not value.kind.words:
        raise ExpressionError(start, "E104", "only a number or an enumeration can be shown")
    return nodes.WordText(value.node, value.kind.words)
