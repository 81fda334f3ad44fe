"""What the commands that play share: which front end plays a session, and how it is left."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from forward_pass.commands.options import write_document
from forward_pass.errors import Interrupted, UsageError, printable
from forward_pass.interface import plain
from forward_pass.interface.tty import restore_line_mode
from forward_pass.loading.paths import APP, FLAGSHIP, NO_FOLDER, cache_folder, saves_folder
from forward_pass.session.launch import Sampling, Started, open_store
from forward_pass.session.plain_text import is_interactive, text_width
from forward_pass.session.session import Session
from forward_pass.session.settings import Settings, read_settings
from forward_pass.session.wrapping import wrap_line
from forward_pass.storage.folder import resolve_run
from forward_pass.storage.journal import Header, Journal, read_journal
from forward_pass.storage.store import RunStore, StoreOptions
from forward_pass.story.history import Run
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.interface.jsonl import Seat


NOTHING_KEPT = Path(".nothing-is-kept")
"""Where a program plays that has its facts given and keeps nothing: a folder that is neither read nor made."""


def store_of(
    world: World,
    options: argparse.Namespace,
    world_argument: str = "",
    sampling: Sampling | None = None,
    store_options: StoreOptions = StoreOptions(),  # noqa: B008 - it is a value
) -> RunStore:
    """Return the store of a world's runs where the options say that runs are kept."""
    from_nowhere = store_options.facts is not None and not store_options.saving
    saves = NOTHING_KEPT if from_nowhere else saves_folder(options.saves)
    if cache_folder() == NO_FOLDER and saves != NOTHING_KEPT:
        print(f"There is no home folder: settings are the defaults, and runs are stored in {saves.resolve()}.", file=sys.stderr)
    store = open_store(world, saves, world_argument, sampling, store_options)
    store.program = _program_name()
    return store


def _program_name() -> str:
    """Return how a player can start the game: its name if a shell finds it, otherwise the path it was started with."""
    on_path = any(os.access(os.path.join(folder, APP), os.X_OK) for folder in os.get_exec_path())  # noqa: PTH118 - faster start
    return APP if on_path or os.path.basename(sys.argv[0]) != APP else sys.argv[0]  # noqa: PTH119 - faster start


def read_run(reference: str, saves: str | None) -> tuple[Path, Journal]:
    """Return the file of RUN and its contents."""
    path = resolve_run(saves_folder(saves), FLAGSHIP, reference)
    return path, read_journal(path)


def settings_or_defaults() -> Settings:
    """Return the settings; print problems of their file on standard error and use the defaults for those settings."""
    settings, problems = read_settings()
    for problem in problems:
        print(problem, file=sys.stderr)
    return settings


def print_notes(started: Started) -> Session:
    """Print what the player should be told first, on standard error; return the session."""
    for note in started.notes:
        print("\n".join(wrap_line(note, text_width(), break_on_hyphens=False)) if is_interactive() else note, file=sys.stderr)
    return started.session


def play(session: Session, *, seat: Seat | None = None, as_plain: bool = False, motion: bool = True) -> int:
    """Play a session until the player quits, with the front end that is asked for or fits; return the exit code.

    With a ``seat`` a program plays, by JSON lines.
    """
    session.writer = write_run
    try:
        if seat is not None:
            from forward_pass.interface import jsonl  # noqa: PLC0415 - the other front ends do without

            jsonl.run(session, seat)
        elif not as_plain and is_interactive():
            from forward_pass.interface import terminal  # noqa: PLC0415 - plain play needs no rich

            terminal.run(session, motion=motion)
        else:
            restore_line_mode()
            plain.run(session)
    except (KeyboardInterrupt, Interrupted):
        _print_quit_message(session)
        raise
    finally:
        session.recorder.close()
    return 0


def write_run(run: Run, header: Header, path: Path) -> str:
    """Write a run to a new file, in the format that its name ends with, and say so; raises ``UsageError``."""
    from forward_pass.interface.export import FORMATS, export_run  # noqa: PLC0415 - play begins without

    file_format = path.suffix.removeprefix(".")
    if file_format not in FORMATS:
        raise UsageError(f"{printable(str(path))}: the name must end with .{', .'.join(FORMATS)}.")
    if path.exists():
        raise UsageError(f"{printable(str(path))} is there already, and is left as it is: give another name.")
    write_document(export_run(run, header, file_format), str(path))
    return f"Written: {printable(str(path))}"


def _print_quit_message(session: Session) -> None:
    """Print where the run is stored, unless the terminal is gone already."""
    with suppress(OSError, ValueError):
        print(f"\n{session.quit_event().text}", file=sys.stderr)
