"""Builders for tests of runs, commands and front ends: a world, a run store, a session, commands in and out of process."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

from building import ROOT, InspectablePass, first_light
from forward_pass import cli
from forward_pass.network.passes import WrittenPass
from forward_pass.session.events import Event
from forward_pass.session.plain_text import event_lines
from forward_pass.session.session import Session
from forward_pass.storage.folder import list_run_files
from forward_pass.storage.journal import Header, Journal, read_journal
from forward_pass.storage.run_set import RunSet, stored_runs
from forward_pass.storage.store import RunStore
from forward_pass.story.state import Prior
from forward_pass.story.world import World

WORLD = "first-light"
CREATED = "2021-03-22T00:00:00+00:00"

TO_ENDINGS = {
    "the-usual-order": ("read-question", "stop-reading", "nod-along"),
    "half-said": ("say-now", "nod-along"),
    "by-the-door": ("read-question", "read-again", "think-electric", "hold-still", "nod-along"),
    "the-loop": ("feel-slope", "leave-label", "wait-for-it", "nod-along"),
}
"""For each ending of the fixture world, choices that lead there at temperature 0."""


@lru_cache
def home() -> Path:
    """Return a home folder for programs under test, so that the user's own runs, caches and settings are not used.

    Its settings let nothing wait for a key: a test that is about that gives a folder of its own.
    """
    folder = Path(tempfile.mkdtemp(prefix="forward-pass-home-"))
    (folder / "settings.txt").write_text("pace = off\n")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def clean_environment(**more: str) -> dict[str, str]:
    """Return an environment without the user's settings, 73 columns wide unless ``more`` says otherwise."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    own = {"HOME": str(home()), "XDG_CACHE_HOME": str(home() / "cache"), "XDG_DATA_HOME": str(home() / "data")}
    own["FORWARD_PASS_CONFIG"] = str(home())
    return {**inherited, **own, "COLUMNS": "73", "TERM": "xterm-256color", "PYTHONUTF8": "1", **more}


def make_header(prior: Prior, temperature: float = 0.0, seed: int = 1) -> Header:
    """Return the header of a run of the fixture world, with a fixed date."""
    world = first_light()
    return Header(world.id, world.version, world.hash, None, seed, temperature, prior, CREATED)


def inspectable_session(saves: Path, *choices: str) -> Session:
    """Return a session with an inspectable pass, after some choices."""
    store = make_store(saves)
    store.inspector = InspectablePass(store.world)
    session = Session(store, store.new())
    for choice in choices:
        session.choose(choice)
    return session


def make_store(saves: Path, world: World | None = None, temperature: float = 0.0, seed: int = 1) -> RunStore:
    """Return a run store for a world in a folder."""
    played_world = world or first_light()

    def begin(prior: Prior) -> Header:
        return make_header(prior, temperature, seed)._replace(version=played_world.version, hash=played_world.hash)

    return RunStore(saves, played_world, WrittenPass(played_world), begin)


def new_session(saves: Path, world: World | None = None, temperature: float = 0.0, seed: int = 1) -> Session:
    """Return a session at the opening of a run that is not stored yet."""
    store = make_store(saves, world, temperature, seed)
    return Session(store, store.new())


def resumed_session(saves: Path, reference: str | Path = "1", world: World | None = None) -> tuple[Session, tuple[str, ...]]:
    """Return a session that resumes a stored run, and the notes on it."""
    store = make_store(saves, world)
    stored = store.resume(reference)
    return Session(store, stored), stored.notes


@contextmanager
def open_session(saves: Path, *choices: str, world: World | None = None) -> Iterator[Session]:
    """Yield a session with a new run after some choices, and close it at the end."""
    session = new_session(saves, world)
    for choice in choices:
        session.choose(choice)
    yield session
    close_session(session)


def write_run(saves: Path, *choices: str, world: World | None = None) -> Path:
    """Return the file of a new run with these choices, its session closed."""
    with open_session(saves, *choices, world=world) as session:
        assert session.recorder.path is not None
        return session.recorder.path


def close_session(session: Session) -> None:
    """Close the run file of a session, as quitting does."""
    session.recorder.close()


def printed_text(events: list[Event], session: Session, columns: int = 72) -> str:
    """Return events as plain text."""
    return "\n".join(line for event in events for line in event_lines(event, session, columns))


def replace_in_file(path: Path, old: str, new: str) -> None:
    """Replace the only occurrence of a text in a file."""
    text = path.read_text(encoding="utf8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf8")


def runs_folder(saves: Path) -> Path:
    """Return the folder of the fixture world's runs."""
    return saves / WORLD


def run_file(saves: Path, number: int = 1) -> Path:
    """Return the file of an unnamed run of the fixture world."""
    return runs_folder(saves) / f"{number:03d}-run.jsonl"


def run_file_names(saves: Path) -> list[str]:
    """Return the names of the run files of the fixture world, by number."""
    return [run.path.name for run in list_run_files(saves / WORLD)]


def read_run(saves: Path, number: int = 1, world: str = WORLD) -> Journal:
    """Return the content of a run file, of the fixture world unless another is given."""
    return read_journal(next(run.path for run in list_run_files(saves / world) if run.number == number))


def choices_of(saves: Path, number: int = 1) -> list[str]:
    """Return the choices in the file of a run."""
    return [turn.choice for turn in read_run(saves, number).turns]


class CommandResult(NamedTuple):
    """The exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Its output parsed as JSON lines, without the `hello` with which play begins."""
        rows = [json.loads(line) for line in self.out.splitlines()]
        return rows[1:] if rows and rows[0].get("type") == "hello" else rows


class TypedInput(StringIO):
    """Standard input with prepared text, as a terminal or not."""

    def __init__(self, text: str = "", *, terminal: bool = False) -> None:
        super().__init__(text)
        self.terminal = terminal

    def isatty(self) -> bool:
        """Return whether this is a terminal."""
        return self.terminal


@contextmanager
def restore_signals() -> Iterator[None]:
    """Restore the signal handlers afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def command(
    *arguments: str | Path, typed: str = "", stdin: object = None, terminal: bool = False, **environment: str
) -> CommandResult:
    """Run a command line in this process, with its own environment and standard streams."""
    out, err = TypedInput(terminal=terminal), StringIO()
    with (
        patch.dict(os.environ, clean_environment(**environment), clear=True),
        patch.object(sys, "stdin", stdin or TypedInput(typed, terminal=terminal)),
        redirect_stdout(out),
        redirect_stderr(err),
        restore_signals(),
    ):
        code = cli.run([str(argument) for argument in arguments])
    return CommandResult(code, out.getvalue(), err.getvalue())


def program(*arguments: str | Path, typed: str | None = "", **environment: str) -> CommandResult:
    """Run a command line in a process of its own, with pipes."""
    done = subprocess.run(
        [sys.executable, "-m", "forward_pass", *map(str, arguments)],
        cwd=ROOT,
        env=clean_environment(**environment),
        input=typed,
        capture_output=True,
        encoding="utf8",
        timeout=60,
        check=False,
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)


@contextmanager
def started_process(*arguments: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command line in a process of its own, with pipes; kill it at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "forward_pass", *map(str, arguments)],
        cwd=ROOT,
        env=clean_environment(**environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf8",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def open_run_set(saves: Path) -> RunSet:
    """Return the runs in a folder."""
    world = first_light()
    return stored_runs(world, WrittenPass(world), saves / WORLD)


def random_runs(saves: Path, count: int, seed: int = 7) -> None:
    """Play runs at random, each to an ending or up to 12 turns."""
    rng = Random(seed)  # noqa: S311 - not for security
    for number in range(count):
        store = make_store(saves, temperature=1.0, seed=number)
        session = Session(store, store.new())
        for _ in range(rng.randint(1, 12)):
            if session.at_ending:
                break
            session.choose(rng.choice(session.open_offers).choice.id)
        session.recorder.close()
