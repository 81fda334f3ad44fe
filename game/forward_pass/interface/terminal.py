"""The terminal front end, first part: it prints the first scene before prompt_toolkit and rich are imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby

from forward_pass.interface.tty import BackgroundQuestion, knows_background
from forward_pass.session.plain_text import opening_lines, text_width
from forward_pass.session.session import Session
from forward_pass.session.settings import OFF, read_settings
from forward_pass.session.transcript import EMPHASIS, offer_lines
from forward_pass.session.wrapping import wrap_line

ROWS = 24  # where the terminal does not say
PROMPT_ROWS = 4  # below the offers: an empty line, the prompt, the toolbar of two
ITALIC, NOT_ITALIC = "\x1b[3m", "\x1b[23m"  # ECMA-48, as rich writes them


def run(session: Session, *, motion: bool = True) -> None:
    """Play in the terminal until the player quits; Ctrl-D quits, Ctrl-C raises ``KeyboardInterrupt``.

    Without ``motion`` nothing moves, whatever the setting.
    """
    columns = text_width()
    lines = list(italic_lines(opening_lines(session, columns), columns))
    first, rest = first_page(lines, len(offer_lines(session.run, columns)), terminal_rows())
    print("\n".join(first), flush=True)
    question = None if knows_background(read_settings()[0].colour) else BackgroundQuestion()
    try:
        with _without_ssl():
            from forward_pass.interface.prompt_loop import ask_and_answer, take_reply
    finally:
        reply = question.answer() if question else ("", "")
    take_reply(*reply)
    ask_and_answer(session, None if rest is None else (len(first), rest), motion=motion)


@contextmanager
def _without_ssl() -> Iterator[None]:
    """Keep ``asyncio`` from importing ``ssl``, which is optional there, for no connection here, and a twentieth of a start."""
    absent = "ssl" not in sys.modules
    if absent:
        sys.modules["ssl"] = None  # type: ignore[assignment]  # as Python marks what cannot be imported
    try:
        yield
    finally:
        if absent:
            del sys.modules["ssl"]


def first_page(lines: list[str], offers: int, rows: int) -> tuple[list[str], list[str] | None]:
    """Return what of the first scene to print at once, and what waits for a key: neither has the last lines, its ``offers``.

    Where all fits, or nothing waits, all is printed at once and the second is None: the offers stand on the screen.
    """
    if read_settings()[0].pace == OFF or len(lines) + PROMPT_ROWS <= rows:
        return lines, None
    scene = lines[: len(lines) - offers - 1] if offers else lines
    return scene[: rows - 2], scene[rows - 2 :]


def terminal_rows() -> int:
    """Return the rows of the terminal."""
    with suppress(AttributeError, ValueError, OSError):
        return os.get_terminal_size(sys.__stdout__.fileno()).lines or ROWS  # type: ignore[union-attr]
    return ROWS


def italic_lines(lines: Sequence[str], columns: int) -> Iterator[str]:
    """Yield wrapped lines with ``*emphasis*`` in italics; paragraphs with any are wrapped anew, since its marks take no column.

    Lines that are indented, and lists, stay as they are wrapped.
    """
    for is_prose, block in groupby(lines, lambda line: (bool(line) and line[0].isalpha()) or line.startswith("*")):
        group = list(block)
        joined = " ".join(group)
        if not is_prose or not EMPHASIS.search(joined):
            yield from EMPHASIS.sub(f"{ITALIC}\\1{NOT_ITALIC}", "\n".join(group)).split("\n")
            continue
        plain = EMPHASIS.sub(r"\1", joined)
        italic = iter([flag for flag, character in _characters(joined) if character != " "])
        for line in wrap_line(plain, columns):
            flags = [next(italic) if character != " " else None for character in line]
            yield _with_italics(line, flags)


def _characters(text: str) -> Iterator[tuple[bool, str]]:
    """Yield each character of a text without the marks of emphasis, and whether it is emphasised."""
    end = 0
    for match in EMPHASIS.finditer(text):
        yield from ((False, character) for character in text[end : match.start()])
        yield from ((True, character) for character in match[1])
        end = match.end()
    yield from ((False, character) for character in text[end:])


def _with_italics(line: str, flags: Sequence[bool | None]) -> str:
    """Return a line with italics turned on and off where the flags change; spaces (None) are italic between such words."""
    text, spaces, on = "", "", False
    for character, flag in zip(line, flags, strict=True):
        if flag is None:
            spaces += character
            continue
        change = "" if flag == on else ITALIC if flag else NOT_ITALIC
        text += (change + spaces if on else spaces + change) + character
        spaces, on = "", flag
    return text + (NOT_ITALIC if on else "")
