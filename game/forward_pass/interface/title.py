"""The title menu at a terminal, and the sessions that it starts. Knows the store of runs, and no front end."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

from forward_pass.errors import UsageError
from forward_pass.interface.tty import restore_line_mode
from forward_pass.session.branches import tree_lines
from forward_pass.session.glossary_help import CREDITS
from forward_pass.session.launch import Started, continue_latest, start, start_new
from forward_pass.session.plain_text import is_interactive, text_width
from forward_pass.session.settings import settings_file, write_setting
from forward_pass.session.transcript import wrap
from forward_pass.storage.folder import list_run_files
from forward_pass.storage.listing import newest_first, summarise
from forward_pass.storage.run_set import stored_runs

if TYPE_CHECKING:
    from forward_pass.storage.store import RunStore

CONTINUE, NEW, BRANCHES, PLAIN, ABOUT, QUIT = "continue", "new", "branches", "plain", "about", "quit"
STRONG = "\x1b[1m{}\x1b[22m"  # ECMA-48
PLAIN_NOTICE = "Plain lines from now on. To have it otherwise again: forward-pass settings plain off"


def show_title(store: RunStore, *, bare: bool) -> tuple[Started | None, bool]:
    """Show the title menu until a session starts; return it, None for quit, and whether plain lines were chosen for it.

    The ``bare`` command has the whole menu: credits and, at the very first start, plain lines. A command that names its
    world shows a menu only where the last run has not ended.
    """
    restore_line_mode()
    number, run_count = latest_unfinished(store)
    if not bare and number is None:
        return start_new(store), False
    rows = _menu_rows(number, run_count, bare=bare)
    print(_heading(store, number, bare=bare))
    while True:
        answer = _ask_row(rows)
        if answer == QUIT:
            return None, False
        if answer == CONTINUE:
            return continue_latest(store), False
        if answer in (NEW, PLAIN):
            return start_new(store), answer == PLAIN and _save_plain()
        if answer == ABOUT:
            print("\n".join(["", *wrap(CREDITS, text_width()), ""]))
        else:
            started = _browse_tree(store)
            if started is not None:
                return started, False


def _heading(store: RunStore, number: str | None, *, bare: bool) -> str:
    if not bare:
        return f"Run {number} is open.\n"
    title = store.world.title
    about = wrap(store.world.about, text_width()) if store.world.about else []
    return "\n".join([STRONG.format(title) if is_interactive() else title, *about, ""])


def _menu_rows(number: str | None, run_count: int, *, bare: bool) -> dict[str, str]:
    """Return the rows of the menu by key."""
    rows = {CONTINUE: f"Continue run {number}"} if number is not None else {}
    rows[NEW] = "A new instantiation" if run_count else "Wake"
    if run_count:
        rows[BRANCHES] = "The branches of 1 run" if run_count == 1 else f"The branches of {run_count} runs"
    if bare and is_interactive() and not settings_file().exists():
        rows[PLAIN] = "Wake in plain lines: no colour, no movement, good with a screen reader"
    if bare:
        rows[ABOUT] = "Whose story this is"
    return {**rows, QUIT: "Quit"}


def _save_plain() -> bool:
    """Save the setting ``plain`` if it can be written; return True."""
    try:
        write_setting("plain", "on")
        print(f"\n{PLAIN_NOTICE}\n")
    except UsageError as error:
        print(error, file=sys.stderr)
    return True


def latest_unfinished(store: RunStore) -> tuple[str | None, int]:
    """Return the number of the run that was played last, or None if it has ended, and the number of runs.

    Reads files only until one is a valid run: a store may have thousands.
    """
    run_files = newest_first(list_run_files(store.folder))
    for index, run_file in enumerate(run_files):
        summary = summarise(run_file, store.world)
        if not summary.problem:
            return None if summary.ended else str(run_file.number), len(run_files) - index
    return None, 0


def _ask_row(rows: dict[str, str]) -> str:
    """Print the rows and return the key of the one chosen by number, key or first letter; an empty answer is the first."""
    for number, text in enumerate(rows.values(), 1):
        print("\n".join(textwrap.wrap(text, max(text_width(), 20), initial_indent=f" {number}. ", subsequent_indent="    ")))
    answers = (
        {f"{number}": key for number, key in enumerate(rows, 1)} | {key[0]: key for key in rows} | {key: key for key in rows}
    )
    while True:
        print("\n> ", end="", flush=True)
        line = sys.stdin.readline()
        typed = line.strip().lower().rstrip(".") or next(iter(rows)) if line else QUIT
        if typed in answers:
            return answers[typed]
        print(f"Type a number from 1 to {len(rows)}, or the first letter of its name.")


def _browse_tree(store: RunStore) -> Started | None:
    """Show the tree of runs; return a session at a fork of one, or None."""
    run_set = stored_runs(store.world, store.inspector, store.folder)
    for fault in run_set.faults:
        print(fault, file=sys.stderr)
    if not is_interactive():
        print("\n".join([*tree_lines(run_set, text_width()), ""]))
        return None
    from forward_pass.interface.tree_browser import browse_until_fork

    request = browse_until_fork(run_set)
    if request is None:
        return None
    return start(store, store.fork(f"{request.run}", request.turn))
