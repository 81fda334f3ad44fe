"""Plain lines out and in: events as lines of text, the width they are wrapped to, and reading a line of input."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress

from forward_pass.session.commands import ENDING_COMMANDS_TEXT
from forward_pass.session.events import (
    Event,
    InspectionShown,
    Message,
    PictureShown,
    Quit,
    Rejected,
    RunsCompared,
    SceneEntered,
    TokenDecoded,
    TreeShown,
    ViewRequested,
)
from forward_pass.session.glossary_help import share_line
from forward_pass.session.session import Session
from forward_pass.session.settings import read_settings
from forward_pass.session.transcript import (
    MAX_PROSE_COLUMNS,
    attention_lines,
    decoding_lines,
    inspection_lines,
    offer_lines,
    opening_line,
    prompt_lines,
    scene_lines,
    transcript,
    wrap,
)
from forward_pass.session.wrapping import wrap_line

MIN_COLUMNS = 20
WITHOUT_CODES = ("", "dumb", "unknown")  # what TERM says of terminals that know no escape codes
LIST_ENTRY = re.compile(r"  \S.*?  +(?=\S)")  # the first column of a two-column list row, up to the second
MAX_LINE = 100_000  # characters of a line that are read


def text_width() -> int:
    """Return the width of lines: the terminal's, up to the player's setting for prose."""
    return max(min(terminal_columns() - 1, int(read_settings()[0].measure)), MIN_COLUMNS)


def terminal_columns() -> int:
    """Return the width of the terminal; where output is none, ``COLUMNS``, which a shell may have exported long before."""
    with suppress(AttributeError, ValueError, OSError):
        columns = os.get_terminal_size(sys.__stdout__.fileno()).columns  # type: ignore[union-attr]
        if columns > 0:
            return columns
    asked = os.environ.get("COLUMNS", "")
    if asked.isascii() and asked.isdigit() and int(asked[:5]) > 0:
        return int(asked[:5])
    return MAX_PROSE_COLUMNS + 1


def is_interactive() -> bool:
    """Return whether input and output are a terminal that can be painted on, and the player has not asked for plain lines."""
    plain = os.environ.get("TERM", "").lower() in WITHOUT_CODES or os.environ.get("ACCESSIBLE", "") not in ("", "0")
    return sys.stdin.isatty() and sys.stdout.isatty() and not plain


def event_lines(event: Event, session: Session, columns: int) -> list[str]:
    """Return an event as lines of plain text, an empty one first."""
    match event:
        case SceneEntered(run, then):
            lines = [*wrap(then, columns), ""] if then else []
            lines += scene_lines(run, columns)
            if session.at_ending:
                share = wrap(share_line(run, session.recorder.prior.instantiation, session.endings_found, "-"), columns)
                return ["", *lines, "", *share, "", *wrap(f"The run has ended: {ENDING_COMMANDS_TEXT}.", columns)]
            return ["", *lines, "", *offer_lines(run, columns)]
        case TokenDecoded(then=then):
            lines = [*wrap(then, columns), ""] if then else []
            return ["", *lines, *decoding_lines(session.run, session.run.at, columns)[:-1]]
        case Message(text, _):
            return ["", *message_lines(text, columns)]
        case ViewRequested() | InspectionShown() | TreeShown() | RunsCompared() | PictureShown():
            return ["", *_view_lines(event, columns)]
        case Rejected(message):
            return ["", *wrap(message, columns)]
        case Quit(text):
            first, *commands = text.split("\n")  # commands are not wrapped, so that they can be copied
            return ["", *wrap(first, columns), *commands]


def message_lines(text: str, columns: int) -> list[str]:
    """Return the text of a message as wrapped lines."""
    return [line for row in hanging_text(text, columns).split("\n") for line in wrap(row, columns)]


def hanging_text(text: str, columns: int) -> str:
    """Return text whose two-column list rows are wrapped with a hanging indent at the second column.

    Where the second column would be too narrow, the indent is that of the row and two more.
    """
    rows = text.split("\n")
    for at, row in enumerate(rows):
        entry = LIST_ENTRY.match(row)
        if entry:
            indent = " " * (entry.end() if columns - entry.end() >= MIN_COLUMNS else 4)
            rows[at] = "\n".join(wrap_line(row, columns, subsequent_indent=indent))
    return "\n".join(rows)


def _view_lines(
    event: ViewRequested | InspectionShown | TreeShown | RunsCompared | PictureShown, columns: int
) -> Iterable[str]:
    """Return a requested view as lines."""
    from forward_pass.session.branches import tree_lines  # noqa: PLC0415 - the first scene needs none
    from forward_pass.session.comparison import compare_runs, difference_lines  # noqa: PLC0415 - as above

    match event:
        case ViewRequested("prompt", run):
            return [*prompt_lines(run, columns), *attention_lines(run, columns)]
        case ViewRequested(_, run):
            return transcript(run, columns)
        case InspectionShown(inspection):
            return inspection_lines(inspection, columns)
        case TreeShown(run_set, _, "map"):
            from forward_pass.session.run_map import run_map_lines  # noqa: PLC0415 - as above

            return run_map_lines(run_set, columns)
        case TreeShown(run_set, node):
            return tree_lines(run_set, columns, node)
        case RunsCompared(first, second, names):
            return difference_lines(compare_runs(first, second), names, columns)
        case PictureShown(run):
            from forward_pass.session.run_picture import picture_lines  # noqa: PLC0415 - as above

            return picture_lines(run, columns)


def opening_lines(session: Session, columns: int) -> list[str]:
    """Return the line above a run, and its present scene."""
    above = opening_line(session.world, session.inspector, session.recorder.prior.instantiation)
    return [*wrap(above, columns), *(line for event in session.opening() for line in event_lines(event, session, columns))]


def read_line() -> str:
    """Return the next line of standard input, empty at its end; a line that is too long is cut to ``MAX_LINE`` characters."""
    line = rest = sys.stdin.readline(MAX_LINE)
    while len(rest) == MAX_LINE and not rest.endswith("\n"):
        rest = sys.stdin.readline(MAX_LINE)
    return line
