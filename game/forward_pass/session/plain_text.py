"""Lines out and lines in: events as plain play prints them, the width they are set to, and what is typed."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable
from contextlib import suppress

from forward_pass.session.play import (
    AFTERWARDS,
    Arrived,
    Asked,
    Branched,
    Compared,
    Decoded,
    Event,
    Left,
    Opened,
    Play,
    Refused,
    Told,
)
from forward_pass.session.settings import read_settings
from forward_pass.session.transcript import (
    MEASURE,
    decoding_line,
    instrument_lines,
    look_lines,
    offer_lines,
    opening_line,
    prompt_lines,
    standing_lines,
    transcript,
    wrapped,
)

NARROWEST = 20
ENTRY = re.compile(r"  \S.*?  +(?=\S)")  # of a row of a list, up to its meaning
MOST_LINE = 100_000  # characters of a line that are read


def width() -> int:
    """Return the width that lines are set to: the terminal's, up to the measure of prose that is settled."""
    return max(min(columns_of_terminal() - 1, int(read_settings()[0].measure)), NARROWEST)


def columns_of_terminal() -> int:
    """Return how wide the terminal is, as ``shutil`` finds it, whose import costs a start 4 ms."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isascii() and asked.isdigit() and int(asked[:5]) > 0:
        return int(asked[:5])
    with suppress(AttributeError, ValueError, OSError):
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or MEASURE + 1  # type: ignore[union-attr]
    return MEASURE + 1


def on_terminal() -> bool:
    """Return whether there is a terminal, at both ends, that can be painted on, and whoever sits there wants it painted."""
    dumb = os.environ.get("TERM", "") in ("dumb", "") or os.environ.get("ACCESSIBLE", "") not in ("", "0")
    return sys.stdin.isatty() and sys.stdout.isatty() and not dumb


def event_lines(event: Event, play: Play, columns: int) -> list[str]:
    """Return an event as the lines that plain play prints, an empty one first."""
    match event:
        case Arrived(run, then):
            lines = [*wrapped(then, columns), ""] if then else []
            lines += standing_lines(run, columns)
            if play.over:
                from forward_pass.session.glossary_help import share_line  # noqa: PLC0415 - the first scene can do without

                shared = share_line(run, play.keeping.facts.instantiation, play.found, "-")
                return [
                    "",
                    *lines,
                    "",
                    *wrapped(shared, columns),
                    "",
                    *wrapped(f"The run has ended: {AFTERWARDS}.", columns),
                ]
            return ["", *lines, "", *offer_lines(run, columns)]
        case Decoded(_, distribution, turn, then):
            lines = [*wrapped(then, columns), ""] if then else []
            return ["", *lines, *wrapped(decoding_line(turn, distribution, play.measure), columns)]
        case Told(text, _):
            return ["", *(line for row in hung(text, columns).split("\n") for line in wrapped(row, columns))]
        case Asked() | Opened() | Branched() | Compared():
            return ["", *_asked_lines(event, columns)]
        case Refused(message):
            return ["", *wrapped(message, columns)]
        case Left(text):
            first, *commands = text.split("\n")  # which are there to be copied, and are not broken
            return ["", *wrapped(first, columns), *commands]


def hung(text: str, columns: int) -> str:
    """Return a text whose rows of an entry and its meaning are set, so that a meaning goes on below where it began.

    Where that leaves it no room, it goes on a little farther in than the entry.
    """
    rows = text.split("\n")
    for at, row in enumerate(rows):
        entry = ENTRY.match(row)
        if entry:
            indent = " " * (entry.end() if columns - entry.end() >= NARROWEST else 4)
            rows[at] = "\n".join(textwrap.wrap(row, columns, subsequent_indent=indent))
    return "\n".join(rows)


def _asked_lines(event: Asked | Opened | Branched | Compared, columns: int) -> Iterable[str]:
    """Return what was asked to be shown."""
    match event:
        case Asked("prompt", run):
            return [*prompt_lines(run, columns), *look_lines(run, columns)]
        case Asked(_, run):
            return transcript(run, columns)
        case Opened(read):
            return instrument_lines(read, columns)
        case Branched(shelf, here):
            from forward_pass.session.branches import tree_lines  # noqa: PLC0415 - the first scene can do without

            return tree_lines(shelf, columns, here)
        case Compared(first, second, names):
            from forward_pass.session.branches import difference, difference_lines  # noqa: PLC0415 - the same

            return difference_lines(difference(first, second), names, columns)


def opening_lines(play: Play, columns: int) -> list[str]:
    """Return what stands above a run, and its present scene."""
    above = opening_line(play.world, play.measure, play.keeping.facts.instantiation)
    return [*wrapped(above, columns), *(line for event in play.opening() for line in event_lines(event, play, columns))]


def read_line() -> str:
    """Return the next line of standard input, empty at its end; of one that is too long, its first ``MOST_LINE`` characters."""
    line = rest = sys.stdin.readline(MOST_LINE)
    while len(rest) == MOST_LINE and not rest.endswith("\n"):
        rest = sys.stdin.readline(MOST_LINE)
    return line
