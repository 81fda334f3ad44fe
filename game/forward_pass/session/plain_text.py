"""Lines out and lines in: events as plain play prints them, the width they are set to, and what is typed."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable
from contextlib import suppress

from forward_pass.session.session import (
    AT_END_TEXT,
    Event,
    InspectionShown,
    Message,
    Quit,
    Rejected,
    RunsCompared,
    SceneEntered,
    Session,
    TokenDecoded,
    TreeShown,
    ViewRequested,
)
from forward_pass.session.settings import read_settings
from forward_pass.session.transcript import (
    MEASURE,
    attention_lines,
    decoding_line,
    inspection_lines,
    offer_lines,
    opening_line,
    prompt_lines,
    standing_lines,
    transcript,
    wrap,
)

NARROWEST = 20
ENTRY = re.compile(r"  \S.*?  +(?=\S)")  # of a row of a list, up to its meaning
MAX_LINE = 100_000  # characters of a line that are read


def text_width() -> int:
    """Return the width that lines are set to: the terminal's, up to the measure of prose that is settled."""
    return max(min(terminal_columns() - 1, int(read_settings()[0].measure)), NARROWEST)


def terminal_columns() -> int:
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


def event_lines(event: Event, play: Session, columns: int) -> list[str]:
    """Return an event as the lines that plain play prints, an empty one first."""
    match event:
        case SceneEntered(run, then):
            lines = [*wrap(then, columns), ""] if then else []
            lines += standing_lines(run, columns)
            if play.at_ending:
                from forward_pass.session.glossary_help import share_line  # noqa: PLC0415 - the first scene can do without

                shared = share_line(run, play.store.prior.instantiation, play.found, "-")
                return [
                    "",
                    *lines,
                    "",
                    *wrap(shared, columns),
                    "",
                    *wrap(f"The run has ended: {AT_END_TEXT}.", columns),
                ]
            return ["", *lines, "", *offer_lines(run, columns)]
        case TokenDecoded(_, distribution, turn, then):
            lines = [*wrap(then, columns), ""] if then else []
            return ["", *lines, *wrap(decoding_line(turn, distribution, play.pass_port), columns)]
        case Message(text, _):
            return ["", *(line for row in hanging_text(text, columns).split("\n") for line in wrap(row, columns))]
        case ViewRequested() | InspectionShown() | TreeShown() | RunsCompared():
            return ["", *_asked_lines(event, columns)]
        case Rejected(message):
            return ["", *wrap(message, columns)]
        case Quit(text):
            first, *commands = text.split("\n")  # which are there to be copied, and are not broken
            return ["", *wrap(first, columns), *commands]


def hanging_text(text: str, columns: int) -> str:
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


def _asked_lines(event: ViewRequested | InspectionShown | TreeShown | RunsCompared, columns: int) -> Iterable[str]:
    """Return what was asked to be shown."""
    match event:
        case ViewRequested("prompt", run):
            return [*prompt_lines(run, columns), *attention_lines(run, columns)]
        case ViewRequested(_, run):
            return transcript(run, columns)
        case InspectionShown(read):
            return inspection_lines(read, columns)
        case TreeShown(shelf, here):
            from forward_pass.session.branches import tree_lines  # noqa: PLC0415 - the first scene can do without

            return tree_lines(shelf, columns, here)
        case RunsCompared(first, second, names):
            from forward_pass.session.branches import compare_runs, difference_lines  # noqa: PLC0415 - the same

            return difference_lines(compare_runs(first, second), names, columns)


def opening_lines(play: Session, columns: int) -> list[str]:
    """Return what stands above a run, and its present scene."""
    above = opening_line(play.world, play.pass_port, play.store.prior.instantiation)
    return [*wrap(above, columns), *(line for event in play.opening() for line in event_lines(event, play, columns))]


def read_line() -> str:
    """Return the next line of standard input, empty at its end; of one that is too long, its first ``MOST_LINE`` characters."""
    line = rest = sys.stdin.readline(MAX_LINE)
    while len(rest) == MAX_LINE and not rest.endswith("\n"):
        rest = sys.stdin.readline(MAX_LINE)
    return line
