"""Lines of at most so many terminal cells. As ``textwrap``, which counts characters, where every character takes one cell."""

from __future__ import annotations

import re
import textwrap
from functools import lru_cache
from unicodedata import category, east_asian_width

BLANKS = re.compile(r"[ \t\n\r\f\v]+")  # where a line may end: a no-break space is none of them
CLOSING = frozenset("。、，．！？：；）」』】〉》〕’”…・ー々")  # that begin no line
OPENING = frozenset("（「『【〈《〔‘“")  # that end none


@lru_cache(4096)
def character_cells(character: str) -> int:
    """Return how many cells a character takes on a terminal: none, one or two (Unicode Standard Annex 11)."""
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1


def cells(text: str) -> int:
    """Return how many cells a text takes."""
    return len(text) if text.isascii() else sum(map(character_cells, text))


def wrap_line(
    text: str, width: int, initial_indent: str = "", subsequent_indent: str = "", *, break_on_hyphens: bool = True
) -> list[str]:
    """Return a text as lines of at most ``width`` cells, as ``textwrap.wrap`` does; wide characters may part anywhere."""
    if text.isascii() or all(character_cells(character) == 1 for character in set(text)):
        return textwrap.wrap(
            text,
            width,
            initial_indent=initial_indent,
            subsequent_indent=subsequent_indent,
            break_on_hyphens=break_on_hyphens,
        )
    lines: list[str] = []
    line, used = initial_indent, cells(initial_indent)
    is_empty = True
    for gap, unit in _units(text):
        if not is_empty and used + len(gap) + cells(unit) > width:
            lines.append(line)
            line, used, is_empty = subsequent_indent, cells(subsequent_indent), True
        for piece in _chopped(unit, max(width - used, 2)) if is_empty else [gap + unit]:
            if used + cells(piece) > width and not is_empty:
                lines.append(line)
                line, used = subsequent_indent, cells(subsequent_indent)
            line, used, is_empty = line + piece, used + cells(piece), False
    return [*lines, line] if not is_empty else lines


def _units(text: str) -> list[tuple[str, str]]:
    """Return the pieces between which a line may end, each with the blank before it."""
    units: list[tuple[str, str]] = []
    for word in BLANKS.split(text.strip(" \t\n\r\f\v")):
        gap, begun = " " if units else "", ""
        for character in word:
            if begun and _may_part(begun, character):
                units.append((gap, begun))
                gap, begun = "", ""
            begun += character
        if begun:
            units.append((gap, begun))
    return units


def _may_part(before: str, character: str) -> bool:
    wide = character_cells(character) == 2 or character_cells(before[-1]) == 2  # noqa: PLR2004 - cells
    return wide and character_cells(character) > 0 and character not in CLOSING and before[-1] not in OPENING


def _chopped(unit: str, width: int) -> list[str]:
    """Return a unit in pieces that fit into a line."""
    pieces = [""]
    for character in unit:
        if cells(pieces[-1]) + character_cells(character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces
