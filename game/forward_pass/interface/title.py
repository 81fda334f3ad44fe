"""The title menu at a terminal, and the sessions that it starts. Knows the store of runs, and no front end."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.errors import RunError, UsageError
from forward_pass.session.plain_text import is_interactive, text_width
from forward_pass.session.settings import settings_file, write_setting
from forward_pass.session.transcript import wrap

if TYPE_CHECKING:
    from forward_pass.session.session import Session
    from forward_pass.storage.store import RunStore

CONTINUE, NEW, BRANCHES, PLAIN, ABOUT, QUIT = "continue", "new", "branches", "plain", "about", "quit"
STRONG = "\x1b[1m{}\x1b[22m"  # ECMA-48
PLAIN_NOTICE = "Plain lines from now on. To have it otherwise again: forward-pass settings plain off"


class StartedSession(NamedTuple):
    """A session, notes on its run for the player, and whether plain lines were chosen for it."""

    session: Session
    notes: tuple[str, ...] = ()
    plain: bool = False


def start_new(store: RunStore, *, plain: bool = False) -> StartedSession:
    """Return a session at the opening of a new run."""
    from forward_pass.session.session import Session

    return StartedSession(Session(store.world, store.pass_port, store, store.new_run()), plain=plain)


def continue_latest(store: RunStore) -> StartedSession:
    """Return a session at the run that was appended to last, skipping files that cannot be read; raises ``RunError``."""
    from forward_pass.session.session import Session
    from forward_pass.storage.journal import list_run_files, newest_first

    for run_file in newest_first(list_run_files(store.folder)):
        try:
            run, notes = store.resume(run_file.path)
        except RunError as error:
            print(error, file=sys.stderr)
            continue
        return StartedSession(Session(store.world, store.pass_port, store, run), notes)
    new_command = store.new_command
    raise RunError(f"no run of {store.world.id} is kept in {store.saves}: begin one with {new_command}")


def show_title(store: RunStore, *, bare: bool) -> StartedSession | None:
    """Show the title menu until a session starts; return it, or None for quit.

    The ``bare`` command has the whole menu: credits and, at the very first start, plain lines. A command that names its
    world shows a menu only where the last run has not ended.
    """
    from forward_pass.interface.tty import restore_line_mode

    restore_line_mode()
    number, run_count = latest_unfinished(store)
    if not bare and number is None:
        return start_new(store)
    rows = _menu_rows(number, run_count, bare=bare)
    print(_heading(store, number, bare=bare))
    while True:
        answer = _ask_row(rows)
        if answer == QUIT:
            return None
        if answer == CONTINUE:
            return continue_latest(store)
        if answer == NEW:
            return start_new(store)
        if answer == PLAIN:
            return start_new(store, plain=_save_plain())
        if answer == ABOUT:
            from forward_pass.session.glossary_help import CREDITS

            print("\n".join(["", *wrap(CREDITS, text_width()), ""]))
        else:
            started = _browse_tree(store)
            if started is not None:
                return started


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
    from forward_pass.storage.journal import list_run_files, newest_first
    from forward_pass.storage.listing import summarise

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


def _browse_tree(store: RunStore) -> StartedSession | None:
    """Show the tree of runs; return a session at a fork of one, or None."""
    from forward_pass.session.session import Session

    run_set = store.run_set()
    for fault in run_set.faults:
        print(fault, file=sys.stderr)
    if not is_interactive():
        from forward_pass.session.branches import tree_lines

        print("\n".join([*tree_lines(run_set, text_width()), ""]))
        return None
    from forward_pass.interface.tree_browser import browse_until_fork

    request = browse_until_fork(run_set)
    if request is None:
        return None
    run, notes = store.fork(f"{request.run}", request.turn)
    return StartedSession(Session(store.world, store.pass_port, store, run), notes)
