"""How play begins at a terminal: the title, and what can be chosen from it. Knows the keeper of runs, and no front end."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.errors import RunError, UsageError
from forward_pass.session.plain_text import on_terminal, width
from forward_pass.session.settings import settings_file, write_setting
from forward_pass.session.transcript import wrapped

if TYPE_CHECKING:
    from forward_pass.session.play import Play
    from forward_pass.storage.store import Keeper

CONTINUE, NEW, BRANCHES, PLAIN, ABOUT, QUIT = "continue", "new", "branches", "plain", "about", "quit"
STRONG = "\x1b[1m{}\x1b[22m"  # ECMA-48
PLAINLY = "Plain lines from now on. To have it otherwise again: forward-pass settings plain off"


class Begun(NamedTuple):
    """Play, what should be known of its run, and whether it goes on in plain lines, as was just asked for."""

    play: Play
    notes: tuple[str, ...] = ()
    plain: bool = False


def begun(keeper: Keeper, *, plain: bool = False) -> Begun:
    """Return play at the opening of a new run."""
    from forward_pass.session.play import Play

    return Begun(Play(keeper.world, keeper.measure, keeper, keeper.begin()), plain=plain)


def continued(keeper: Keeper) -> Begun:
    """Return play at the run that was appended to last; files that are no runs are reported and passed over."""
    from forward_pass.session.play import Play
    from forward_pass.storage.journal import kept_runs, latest_first

    for kept in latest_first(kept_runs(keeper.folder)):
        try:
            run, notes = keeper.resume(kept.path)
        except RunError as error:
            print(error, file=sys.stderr)
            continue
        return Begun(Play(keeper.world, keeper.measure, keeper, run), notes)
    begin = keeper.way_in
    raise RunError(f"no run of {keeper.world.id} is kept in {keeper.saves}: begin one with {begin}")


def entitled(keeper: Keeper, *, bare: bool) -> Begun | None:
    """Show the title until play begins; return how it does, or None where whoever sits there thought better of it.

    The ``bare`` command has the whole title: whose story it is, and at the very first start the offer of plain lines. A
    command that names its world asks only where a run is open.
    """
    from forward_pass.interface.tty import put_right

    put_right()
    number, kept = open_run(keeper)
    if not bare and number is None:
        return begun(keeper)
    rows = _rows(number, kept, bare=bare)
    print(_heading(keeper, number, bare=bare))
    while True:
        answer = _chosen(rows)
        if answer == QUIT:
            return None
        if answer == CONTINUE:
            return continued(keeper)
        if answer == NEW:
            return begun(keeper)
        if answer == PLAIN:
            return begun(keeper, plain=_settled_plain())
        if answer == ABOUT:
            from forward_pass.session.glossary_help import CREDITS

            print("\n".join(["", *wrapped(CREDITS, width()), ""]))
        else:
            forked = _branches(keeper)
            if forked is not None:
                return forked


def _heading(keeper: Keeper, number: str | None, *, bare: bool) -> str:
    if not bare:
        return f"Run {number} is open.\n"
    title = keeper.world.title
    about = wrapped(keeper.world.about, width()) if keeper.world.about else []
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


def open_run(keeper: Keeper) -> tuple[str | None, int]:
    """Return the number of the run that was played last, if it has not ended, and how many runs there are.

    Only the last one is read; were there thousands, nobody would wait for all of them to be.
    """
    from forward_pass.storage.journal import kept_runs, latest_first
    from forward_pass.storage.listing import summarised

    runs = latest_first(kept_runs(keeper.folder))
    for unread, kept in enumerate(runs):
        summary = summarised(kept, keeper.world)
        if not summary.problem:
            return None if summary.ended else str(kept.number), len(runs) - unread
    return None, 0


def _chosen(rows: dict[str, str]) -> str:
    """Ask which of some rows is wanted, by its number, its key or its first letter; an empty answer is the first."""
    for number, words in enumerate(rows.values(), 1):
        print("\n".join(textwrap.wrap(words, max(width(), 20), initial_indent=f" {number}. ", subsequent_indent="    ")))
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


def _branches(keeper: Keeper) -> Begun | None:
    """Show the tree of runs; return play at a fork of it, or None where whoever browses came back."""
    from forward_pass.session.play import Play

    shelf = keeper.shelf()
    for fault in shelf.faults:
        print(fault, file=sys.stderr)
    if not on_terminal():
        from forward_pass.session.branches import tree_lines

        print("\n".join([*tree_lines(shelf, width()), ""]))
        return None
    from forward_pass.interface.tree_browser import browsed

    wanted = browsed(shelf)
    if wanted is None:
        return None
    run, notes = keeper.fork(f"{wanted.run}", wanted.turn)
    return Begun(Play(keeper.world, keeper.measure, keeper, run), notes)
