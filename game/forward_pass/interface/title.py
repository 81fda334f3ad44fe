"""The title menu at a terminal, and the sessions that it starts. Knows the store of runs, and no front end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.errors import UsageError
from forward_pass.interface.laboratory_prompt import run_laboratory
from forward_pass.interface.tty import restore_line_mode
from forward_pass.loading.worlds import open_world
from forward_pass.session.branches import tree_lines
from forward_pass.session.endings import ending_list_lines, list_endings
from forward_pass.session.glossary_help import CREDITS
from forward_pass.session.laboratory_text import open_laboratory
from forward_pass.session.launch import Started, continue_latest, open_store, start, start_fork, start_new
from forward_pass.session.plain_text import is_interactive, terminal_columns, text_width
from forward_pass.session.settings import DESCRIPTIONS, STEPS, read_settings, settings_file, write_setting
from forward_pass.session.transcript import quoted, wrap
from forward_pass.session.wrapping import wrap_line
from forward_pass.storage.folder import list_run_files
from forward_pass.storage.journal import read_journal
from forward_pass.storage.listing import newest_first, summarise
from forward_pass.storage.run_set import stored_runs
from forward_pass.story.tokeniser import join

if TYPE_CHECKING:
    from forward_pass.storage.store import RunStore
    from forward_pass.story.world import World

CONTINUE, NEW, HAS, BRANCHES, ENDINGS = "continue", "new", "at", "branches", "endings"
LABORATORY, LIGHT, SETTINGS, PLAIN, HELP, ABOUT, QUIT = "laboratory", "first", "settings", "plain", "help", "credits", "quit"
STRONG = "\x1b[1m{}\x1b[22m"  # ECMA-48
PLAIN_NOTICE = "Plain lines from now on. To have it otherwise again: forward-pass settings plain off"
TUTORIAL = "first-light"
LAYERS_PER_CELL, NARROW_LAYERS_PER_CELL, NARROW = 2, 4, 60  # of the drawn layers; NARROW is in columns
HELP_TEXT = (
    "You read a scene and choose what to do next; a number, or the arrows and Enter. A choice with a verb beside it does "
    "something to the pass, or asks it something, and a figure answers: look, lean, leave, ask, let. Layers are your time. "
    "Every choice is kept at once; undo takes one back, and any turn of any run can be played on from. In play, ? helps."
)


def show_title(store: RunStore, *, bare: bool) -> tuple[Started | None, bool]:
    """Show the title menu until a session starts; return it, None for quit, and whether plain lines were chosen for it.

    The ``bare`` command has the whole menu; a command that names its world shows one only where the last run has not ended.
    """
    restore_line_mode()
    last = last_run(store)
    if not bare and (last is None or last.ended):
        return start_new(store), False
    print(_heading(store, last, bare=bare))
    answer = ""
    while True:
        answer = _ask_row(_menu_rows(store, last, bare=bare), answer)
        if answer == QUIT:
            return None, False
        if answer in (NEW, PLAIN):
            return start_new(store), answer == PLAIN and _save_plain()
        started = _begin(store, last, answer)
        if started is not None:
            return started, False
        _show(store, answer)


def _begin(store: RunStore, last: LastRun | None, answer: str) -> Started | None:
    """Return the session that a row of the menu begins; None where it begins none."""
    if answer == CONTINUE:
        return continue_latest(store)
    if answer == HAS and last is not None:
        return start(store, store.fork(last.number, last.telling_turn))
    if answer == LIGHT:
        return start_new(open_store(open_world(TUTORIAL), store.saves, TUTORIAL))
    return _browse_tree(store) if answer == BRANCHES else None


def _show(store: RunStore, answer: str) -> None:
    """Show what a row of the menu has to say, and return to it."""
    if answer == LABORATORY:
        run_laboratory(open_laboratory(store.new().run, store.inspector, store))
    elif answer == SETTINGS:
        _change_settings()
    else:
        lines = {
            ABOUT: lambda: wrap(CREDITS, text_width()),
            HELP: lambda: wrap(HELP_TEXT, text_width()),
            ENDINGS: lambda: ending_list_lines(store.world, list_endings(store.world, store.folder)[0], None, text_width()),
        }.get(answer, list)()
        _print(["", *lines, ""])


def _print(lines: list[str]) -> None:
    """Print lines; on a terminal they stop wherever the screen is full."""
    if not is_interactive():
        print("\n".join(lines))
        return
    from forward_pass.interface.pages import CLEAR_SCREEN, print_pages, write_text

    while not print_pages(lines, write_text, below=1):  # a terminal folds lines that have become too long for it
        write_text(CLEAR_SCREEN)


def _change_settings() -> None:
    """Show the settings as a menu; a row that is chosen takes its next value."""
    chosen = ""
    while chosen != QUIT:
        values = read_settings()[0]._asdict()
        rows = {key: f"{key} {value}: {DESCRIPTIONS[key]}" for key, value in values.items()}
        chosen = _ask_row({**rows, QUIT: "Back"}, chosen)
        if chosen != QUIT:
            steps = STEPS[chosen]
            at = steps.index(values[chosen]) if values[chosen] in steps else -1
            try:
                write_setting(chosen, steps[(at + 1) % len(steps)])
            except UsageError as error:
                print(error, file=sys.stderr)
                return


def _heading(store: RunStore, last: LastRun | None, *, bare: bool) -> str:
    if not bare:
        return f"Run {last.number if last else ''} is open.\n"
    title = store.world.title
    about = wrap(store.world.about, text_width()) if store.world.about else []
    drawn = is_interactive() and store.world.has_pass
    picture = ["", *layers_picture(store.world, last, terminal_columns())] if drawn else []
    return "\n".join([STRONG.format(title) if is_interactive() else title, *about, *picture, ""])


def layers_picture(world: World, last: LastRun | None, columns: int) -> list[str]:
    """Return the layers of a pass as a drawing, those of the one who plays in the middle, and what the last run said."""
    step = NARROW_LAYERS_PER_CELL if columns < NARROW else LAYERS_PER_CELL
    counts = (world.first_layer, world.boundary - world.first_layer, world.layers - world.boundary)
    cells = "│".join(sign * max(count // step, 1) for sign, count in zip("░█▒", counts, strict=True))
    yours = f"{world.first_layer + 1} to {world.boundary} are yours"
    legend = f"    {yours}" if columns < NARROW else f"    layers {yours}; above them is the decoder"
    lines = [f"  1 {cells} {world.layers}", legend]
    said = [*wrap(f"Run {last.number} said: {quoted(last.said)}", columns - 5)] if last and last.said else []
    return [*lines, *(f"    {line}" for line in said)]


def _menu_rows(store: RunStore, last: LastRun | None, *, bare: bool) -> dict[str, str]:
    """Return the rows of the menu by key."""
    rows = {CONTINUE: f"Continue run {last.number}"} if last is not None and not last.ended else {}
    first, another = ("Wake", "A new instantiation") if store.world.has_pass else ("Begin", "A new run")
    rows[NEW] = another if last is not None else first
    if last is not None and last.telling_turn:
        rows[HAS] = f"Begin at {quoted(last.telling_word)}, as in run {last.number}"
    if last is not None:
        rows[BRANCHES] = "The branches of 1 run" if last.runs == 1 else f"The branches of {last.runs} runs"
    if bare and last is not None:
        rows[ENDINGS] = "The endings, and which were found"
    if bare and store.inspector.source == "model":
        rows[LABORATORY] = "The laboratory: try things on the pass"
    if bare and store.world.id != TUTORIAL:
        rows[LIGHT] = "First Light, a short world of two words"
    if bare and is_interactive() and not settings_file().exists():
        rows[PLAIN] = f"{first} in plain lines: no colour, no movement, good with a screen reader"
    if bare:
        rows |= {SETTINGS: "Settings", HELP: "How it is played", ABOUT: "Whose story this is"}
    return {**rows, QUIT: "Quit"}


def _save_plain() -> bool:
    """Save the setting ``plain`` if it can be written; return True."""
    try:
        write_setting("plain", "on")
        print(f"\n{PLAIN_NOTICE}\n")
    except UsageError as error:
        print(error, file=sys.stderr)
    return True


class LastRun(NamedTuple):
    """The run that was played last: its number, whether it ended, what it said, and the turn that begins the telling token."""

    number: str
    ended: bool
    said: str
    telling_turn: int  # 0 where it did not come so far
    telling_word: str
    runs: int  # how many are kept


def last_run(store: RunStore) -> LastRun | None:
    """Return the run that was played last; None where there is none.

    Reads files only until one is a valid run: a store may have thousands.
    """
    run_files, world = newest_first(list_run_files(store.folder)), store.world
    for index, run_file in enumerate(run_files):
        if summarise(run_file, world).problem:
            continue
        journal = read_journal(run_file.path)
        turns = journal.turns[: journal.reach(world.endings)]
        words = [turn.word for turn in turns if turn.word]
        decoded = [number for number, turn in enumerate(turns, 1) if turn.word]
        before = world.telling_index  # words before the telling word
        reached = 0 < before <= len(decoded)
        return LastRun(
            number=f"{run_file.number}",
            ended=bool(turns) and turns[-1].scene in world.endings,
            said=" ".join(join((world.prompt[-1], *words)).split()) if words else "",
            telling_turn=decoded[before - 1] if reached else 0,
            telling_word=words[before - 1] if reached else "",
            runs=len(run_files) - index,
        )
    return None


def _ask_row(rows: dict[str, str], selected: str) -> str:
    """Return the key of a row: from a menu on the terminal, else chosen by number, key or first letter below printed rows.

    There an empty answer is the first.
    """
    if is_interactive():
        from forward_pass.interface.menu import choose_row

        return choose_row(rows, QUIT, selected)
    for number, text in enumerate(rows.values(), 1):
        print("\n".join(wrap_line(text, max(text_width(), 20), initial_indent=f" {number}. ", subsequent_indent="    ")))
    answers = (
        {f"{number}": key for number, key in enumerate(rows, 1)}
        | {key[0]: key for key in reversed(rows)}
        | {key: key for key in rows}
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
    from forward_pass.interface.branch_browser import browse_until_fork

    request = browse_until_fork(run_set)
    if request is None:
        return None
    return start_fork(store, store.fork(f"{request.run}", request.turn), request.choice)
