"""How play begins at a terminal: the title, and what can be chosen from it. Knows the keeper of runs, and no front end."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.errors import RunError, UsageError
from forward_pass.session.plain_text import on_terminal, text_width
from forward_pass.session.settings import settings_file, write_setting
from forward_pass.session.transcript import wrap

if TYPE_CHECKING:
    from forward_pass.session.session import Session
    from forward_pass.storage.store import RunStore

CONTINUE, NEW, BRANCHES, PLAIN, ABOUT, QUIT = "continue", "new", "branches", "plain", "about", "quit"
STRONG = "\x1b[1m{}\x1b[22m"  # ECMA-48
PLAINLY = "Plain lines from now on. To have it otherwise again: forward-pass settings plain off"


class StartedSession(NamedTuple):
    """Play, what should be known of its run, and whether it goes on in plain lines, as was just asked for."""

    play: Session
    notes: tuple[str, ...] = ()
    plain: bool = False


def start_new(keeper: RunStore, *, plain: bool = False) -> StartedSession:
    """Return play at the opening of a new run."""
    from forward_pass.session.session import Session

    return StartedSession(Session(keeper.world, keeper.measure, keeper, keeper.new_run()), plain=plain)


def continue_latest(keeper: RunStore) -> StartedSession:
    """Return play at the run that was appended to last; files that are no runs are reported and passed over."""
    from forward_pass.session.session import Session
    from forward_pass.storage.journal import list_run_files, newest_first

    for kept in newest_first(list_run_files(keeper.folder)):
        try:
            run, notes = keeper.resume(kept.path)
        except RunError as error:
            print(error, file=sys.stderr)
            continue
        return StartedSession(Session(keeper.world, keeper.measure, keeper, run), notes)
    begin = keeper.new_command
    raise RunError(f"no run of {keeper.world.id} is kept in {keeper.saves}: begin one with {begin}")


def show_title(keeper: RunStore, *, bare: bool) -> StartedSession | None:
    """Show the title until play begins; return how it does, or None where whoever sits there thought better of it.

    The ``bare`` command has the whole title: whose story it is, and at the very first start the offer of plain lines. A
    command that names its world asks only where a run is open.
    """
    from forward_pass.interface.tty import restore_line_mode

    restore_line_mode()
    number, kept = latest_unfinished(keeper)
    if not bare and number is None:
        return start_new(keeper)
    rows = _rows(number, kept, bare=bare)
    print(_heading(keeper, number, bare=bare))
    while True:
        answer = _chosen(rows)
        if answer == QUIT:
            return None
        if answer == CONTINUE:
            return continue_latest(keeper)
        if answer == NEW:
            return start_new(keeper)
        if answer == PLAIN:
            return start_new(keeper, plain=_settled_plain())
        if answer == ABOUT:
            from forward_pass.session.glossary_help import CREDITS

            print("\n".join(["", *wrap(CREDITS, text_width()), ""]))
        else:
            forked = _branches(keeper)
            if forked is not None:
                return forked


def _heading(keeper: RunStore, number: str | None, *, bare: bool) -> str:
    if not bare:
        return f"Run {number} is open.\n"
    title = keeper.world.title
    about = wrap(keeper.world.about, text_width()) if keeper.world.about else []
    return "\n".join([STRONG.format(title) if on_terminal() else title, *about, ""])


def _rows(number: str | None, kept: int, *, bare: bool) -> dict[str, str]:
    """Return what can be chosen, by its key."""
    rows = {CONTINUE: f"Continue run {number}"} if number is not None else {}
    rows[NEW] = "A new instantiation" if kept else "Wake"
    if kept:
        rows[BRANCHES] = "The branches of 1 run" if kept == 1 else f"The branches of {kept} runs"
    if bare and on_terminal() and not settings_file().exists():
        rows[PLAIN] = "Wake in plain lines: no colour, no movement, good with a screen reader"
    if bare:
        rows[ABOUT] = "Whose story this is"
    return {**rows, QUIT: "Quit"}


def _settled_plain() -> bool:
    """Have plain lines from now on, if that can be kept, and in any case now."""
    try:
        write_setting("plain", "on")
        print(f"\n{PLAINLY}\n")
    except UsageError as error:
        print(error, file=sys.stderr)
    return True


def latest_unfinished(keeper: RunStore) -> tuple[str | None, int]:
    """Return the number of the run that was played last, if it has not ended, and how many runs there are.

    Only the last one is read; were there thousands, nobody would wait for all of them to be.
    """
    from forward_pass.storage.journal import list_run_files, newest_first
    from forward_pass.storage.listing import summarise

    runs = newest_first(list_run_files(keeper.folder))
    for unread, kept in enumerate(runs):
        summary = summarise(kept, keeper.world)
        if not summary.problem:
            return None if summary.ended else str(kept.number), len(runs) - unread
    return None, 0


def _chosen(rows: dict[str, str]) -> str:
    """Ask which of some rows is wanted, by its number, its key or its first letter; an empty answer is the first."""
    for number, words in enumerate(rows.values(), 1):
        print("\n".join(textwrap.wrap(words, max(text_width(), 20), initial_indent=f" {number}. ", subsequent_indent="    ")))
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


def _branches(keeper: RunStore) -> StartedSession | None:
    """Show the tree of runs; return play at a fork of it, or None where whoever browses came back."""
    from forward_pass.session.session import Session

    shelf = keeper.run_set()
    for fault in shelf.faults:
        print(fault, file=sys.stderr)
    if not on_terminal():
        from forward_pass.session.branches import tree_lines

        print("\n".join([*tree_lines(shelf, text_width()), ""]))
        return None
    from forward_pass.interface.tree_browser import browse_until_fork

    wanted = browse_until_fork(shelf)
    if wanted is None:
        return None
    run, notes = keeper.fork(f"{wanted.run}", wanted.turn)
    return StartedSession(Session(keeper.world, keeper.measure, keeper, run), notes)
