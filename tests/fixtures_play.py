"""What the tests of runs, commands and front ends share: a world, a keeper, a play, the command line inside and outside."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from forward_pass import cli
from forward_pass.loading.loader import read_contents
from forward_pass.loading.paths import read_world_files, worlds_folder
from forward_pass.network.passes import WrittenPass
from forward_pass.session.plain_text import event_lines
from forward_pass.session.session import Event, Session
from forward_pass.storage.journal import Header, Journal, list_run_files, read_journal
from forward_pass.storage.store import RunStore
from forward_pass.story.distribution import Distribution
from forward_pass.story.state import Acts, Prior
from forward_pass.story.world import World

ROOT = Path(__file__).resolve().parent.parent
WORLD = "first-light"
MADE = "2021-03-22T00:00:00+00:00"

TO_ENDINGS = {
    "the-usual-order": ("read-question", "stop-reading", "nod-along"),
    "half-said": ("say-now", "nod-along"),
    "by-the-door": ("read-question", "read-again", "think-electric", "hold-still", "nod-along"),
    "the-loop": ("feel-slope", "leave-label", "wait-for-it", "nod-along"),
}
"""For each ending of the fixture world, choices that lead there at temperature 0."""


@lru_cache
def home() -> Path:
    """Return a home for the programs under test, so that nobody's own runs and caches are met."""
    folder = Path(tempfile.mkdtemp(prefix="forward-pass-home-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def surroundings(**more: str) -> dict[str, str]:
    """Return an environment without settings of whoever runs the tests; set to 72 columns unless told otherwise."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    own = {"HOME": str(home()), "XDG_CACHE_HOME": str(home() / "cache"), "XDG_DATA_HOME": str(home() / "data")}
    return {**kept, **own, "COLUMNS": "73", "TERM": "xterm-256color", "PYTHONUTF8": "1", **more}


@lru_cache
def first_light() -> World:
    """Return the fixture world."""
    return changed_world({})


def changed_world(changes: Mapping[str, str]) -> World:
    """Return the fixture world with some of its text replaced, as if its author had edited it."""
    contents, problems = read_world_files(worlds_folder() / WORLD)
    edited = []
    for name, content in contents:
        text = content.decode()
        for old, new in changes.items():
            text = text.replace(old, new)
        edited.append((name, text.encode()))
    assert not changes or edited != contents
    reading = read_contents(WORLD, "", edited, problems)
    assert reading.data is not None, "\n".join(map(str, reading.problems))
    return World(reading.data)


class Glass(WrittenPass):
    """A pass that lets itself be looked into, as one that is computed does; from layer 5 on its heads look around."""

    source = "model"
    probes: tuple[str, ...] = ("nonsense",)  # type: ignore[assignment]

    def prompt_prediction(self, position: int) -> Distribution:
        """Raise: nobody asks."""
        raise AssertionError(position)

    def probe(self, words: tuple[str, ...], acts: Acts, layer: int, name: str) -> float:
        """Return a score."""
        del words, acts, name
        return layer / 12

    def attention(self, words: tuple[str, ...], acts: Acts, layer: int) -> list[float]:
        """Return that the heads have looked at the first words most, or nowhere yet."""
        del acts
        shares = [0.3**at if layer > 4 else 0.0 for at in range(self.world.first_token + len(words))]
        return [share / (sum(shares) or 1.0) for share in shares]


def header(facts: Prior, temperature: float = 0.0, seed: int = 1) -> Header:
    """Return the header of a run that begins now, whenever that is."""
    world = first_light()
    return Header(world.id, world.version, world.hash, None, seed, temperature, facts, MADE)


def glass_play(saves: Path, *choices: str) -> Session:
    """Return play of a world whose pass lets itself be looked into, after some choices."""
    kept = keeper(saves)
    kept.measure = Glass(kept.world)
    play = Session(kept.world, kept.measure, kept, kept.new_run())
    for choice in choices:
        play.choose(choice)
    return play


def keeper(saves: Path, world: World | None = None, temperature: float = 0.0, seed: int = 1) -> RunStore:
    """Return a keeper of runs of a world in a folder."""
    played = world or first_light()

    def begin(facts: Prior) -> Header:
        return header(facts, temperature, seed)._replace(version=played.version, hash=played.hash)

    return RunStore(saves, played, WrittenPass(played), begin)


def begun_play(saves: Path, world: World | None = None, temperature: float = 0.0, seed: int = 1) -> Session:
    """Return play at the opening of a run that is not kept yet."""
    kept = keeper(saves, world, temperature, seed)
    return Session(kept.world, kept.measure, kept, kept.new_run())


def resumed_play(saves: Path, asked: str | Path = "1", world: World | None = None) -> tuple[Session, tuple[str, ...]]:
    """Return play at a kept run, and what is to be known of it."""
    kept = keeper(saves, world)
    run, notes = kept.resume(asked)
    return Session(kept.world, kept.measure, kept, run), notes


@contextmanager
def playing(saves: Path, *choices: str, world: World | None = None) -> Iterator[Session]:
    """Play a new run's first choices, and let go of its file at the end."""
    play = begun_play(saves, world)
    for choice in choices:
        play.choose(choice)
    yield play
    let_go(play)


def played(saves: Path, *choices: str, world: World | None = None) -> Path:
    """Return the file of a new run in which these choices were made, and which nobody plays any more."""
    with playing(saves, *choices, world=world) as play:
        assert isinstance(play.store, RunStore)
        assert play.store.path is not None
        return play.store.path


def kept_by(play: Session) -> RunStore:
    """Return the keeper of a play."""
    assert isinstance(play.store, RunStore)
    return play.store


def let_go(play: Session) -> None:
    """Close the file of a play, as leaving does."""
    kept_by(play).close()


def said(events: list[Event], play: Session, columns: int = 72) -> str:
    """Return events as plain play prints them."""
    return "\n".join(line for event in events for line in event_lines(event, play, columns))


def edited(path: Path, old: str, new: str) -> None:
    """Replace the only occurrence of a text in a file."""
    text = path.read_text(encoding="utf8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf8")


def folder(saves: Path) -> Path:
    """Return the folder of the fixture world's runs."""
    return saves / WORLD


def run_file(saves: Path, number: int = 1) -> Path:
    """Return the file of an unnamed run of the fixture world."""
    return folder(saves) / f"{number:03d}-run.jsonl"


def files(saves: Path) -> list[str]:
    """Return the names of the runs of the fixture world, by number."""
    return [kept.path.name for kept in list_run_files(saves / WORLD)]


def journal(saves: Path, number: int = 1) -> Journal:
    """Return what the file of a run of the fixture world says."""
    return read_journal(next(kept.path for kept in list_run_files(saves / WORLD) if kept.number == number))


def choices_of(saves: Path, number: int = 1) -> list[str]:
    """Return the choices in the file of a run."""
    return [turn.choice for turn in journal(saves, number).turns]


class Done(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """What it printed, as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Typed(StringIO):
    """Standard input that was typed beforehand; a terminal or not."""

    def __init__(self, text: str = "", *, terminal: bool = False) -> None:
        super().__init__(text)
        self.terminal = terminal

    def isatty(self) -> bool:
        """Return whether this is a terminal."""
        return self.terminal


@contextmanager
def signals_kept() -> Iterator[None]:
    """Put back afterwards who heeds signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def command(*arguments: str | Path, typed: str = "", stdin: object = None, terminal: bool = False, **environment: str) -> Done:
    """Carry out a command line in this process; everything but the process is as it is outside."""
    out, err = Typed(terminal=terminal), StringIO()
    with (
        patch.dict(os.environ, surroundings(**environment), clear=True),
        patch.object(sys, "stdin", stdin or Typed(typed, terminal=terminal)),
        redirect_stdout(out),
        redirect_stderr(err),
        signals_kept(),
    ):
        code = cli.run([str(argument) for argument in arguments])
    return Done(code, out.getvalue(), err.getvalue())


def program(*arguments: str | Path, typed: str | None = "", **environment: str) -> Done:
    """Carry out a command line in a process of its own, through pipes."""
    done = subprocess.run(
        [sys.executable, "-m", "forward_pass", *map(str, arguments)],
        cwd=ROOT,
        env=surroundings(**environment),
        input=typed,
        capture_output=True,
        encoding="utf8",
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def started(*arguments: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command line in a process of its own, with a pipe to and from it; end it, if it has not ended, at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "forward_pass", *map(str, arguments)],
        cwd=ROOT,
        env=surroundings(**environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf8",
    ) as process:
        try:
            yield process
        finally:
            process.kill()
