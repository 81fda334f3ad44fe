"""Golden transcripts: runs as text beside the tests. ``make bless`` writes all of them again and shows what changed.

A file ``tests/golden/<world>/<name>.txt`` begins with what is typed, and how words are drawn; below stands what plain play
prints for it. To add one, write the first three lines and let ``make bless`` write the rest:

    play: read-question / stop-reading / nod-along
    temperature: 0
    seed: 0

A line ``after: content, lever`` names the golden runs of the world that are played before it, into the same folder.

``make bless`` adds three more, which are asserted like the text: where it ends, the digest of its last state, and the words
that were drawn with their probabilities.

``tests/golden/help/<command>.txt`` is the help of a command.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from difflib import unified_diff
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from building import ROOT
from fixtures_play import CREATED, TypedInput, clean_environment, command
from forward_pass.commands import COMMANDS
from forward_pass.interface import plain
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_pass
from forward_pass.session.session import Session
from forward_pass.storage.journal import Header
from forward_pass.storage.store import RunStore
from forward_pass.story.history import Run
from forward_pass.story.ports import Inspector
from forward_pass.story.state import Prior
from forward_pass.story.world import World

GOLDEN = ROOT / "tests" / "golden"
HELP = GOLDEN / "help"


class Golden(NamedTuple):
    """A golden run: the world, what is typed, how words are drawn, and what is printed."""

    world: str
    typed: tuple[str, ...]
    temperature: float
    seed: int
    text: str
    outcome: dict[str, str]
    after: tuple[str, ...] = ()  # the golden runs of the world that are played before it, into the same folder

    def file_text(self, text: str, outcome: dict[str, str]) -> str:
        """Return the content of the file with another text and another outcome."""
        typed = {"play": " / ".join(self.typed), "temperature": f"{self.temperature:g}", "seed": f"{self.seed}"}
        before = {"after": ", ".join(self.after)} if self.after else {}
        head = "".join(f"{key}: {value}\n" for key, value in (typed | before | outcome).items())
        return f"{head}\n{text}"


def outcome_of(run: Run) -> dict[str, str]:
    """Return where a run stands: its scene or ending, the digest of its state, the words drawn with their probabilities."""
    drawn = [f"{turn.word!r} {turn.probability:.4f}" for turn in run.path if turn.word is not None]
    return {"ends": run.state.scene, "state": run.digest, "words": ", ".join(drawn)}


def golden_files() -> list[Path]:
    """Return the files of golden runs."""
    return sorted(path for path in GOLDEN.glob("*/*.txt") if path.parent != HELP)


def read_golden(path: Path) -> Golden:
    """Return a golden run."""
    head, _, text = path.read_text(encoding="utf8").partition("\n\n")
    rows = dict(line.split(": ", 1) for line in head.splitlines())
    given = {key: rows.pop(key, "") for key in ("play", "temperature", "seed")}
    assert all(given.values()), f"{path} begins with {given}"
    after = tuple(name for name in rows.pop("after", "").split(", ") if name)
    typed, sampling = tuple(given["play"].split(" / ")), (float(given["temperature"]), int(given["seed"]))
    return Golden(path.parent.name, typed, *sampling, text, rows, after)


@lru_cache
def opened(name: str) -> tuple[World, Inspector]:
    """Return a world that comes with the game, and the pass that it runs on."""
    world = open_world(name)
    return world, open_pass(world)


@contextmanager
def settings(saves: Path) -> Iterator[None]:
    """Set lines to 72 columns, and the folder of runs to one that no command line has to name."""
    with patch.dict(os.environ, clean_environment(FORWARD_PASS_SAVES=str(saves)), clear=True):
        yield


def open_store(golden: Golden, saves: Path) -> RunStore:
    """Return the store of a golden run."""
    world, inspector = opened(golden.world)

    def make_header(prior: Prior) -> Header:
        return Header(world.id, world.version, world.hash, world.network, golden.seed, golden.temperature, prior, CREATED)

    return RunStore(saves, world, inspector, make_header)


def play_before(golden: Golden, saves: Path) -> None:
    """Play the golden runs that come before another, into the same folder."""
    for name in golden.after:
        play(read_golden(GOLDEN / golden.world / f"{name}.txt"), saves)


def new_session(golden: Golden, saves: Path) -> Session:
    """Return a session before anything is typed."""
    play_before(golden, saves)
    store = open_store(golden, saves)
    return Session(store, store.new())


def resumed_session(golden: Golden, saves: Path) -> Session:
    """Return a session that resumes the run."""
    store = open_store(golden, saves)
    stored = store.resume(f"{len(golden.after) + 1}")
    assert not stored.notes, stored.notes
    return Session(store, stored)


def play(golden: Golden, saves: Path) -> tuple[str, Run]:
    """Return what is printed when everything is typed, and the run; its file is in ``saves``."""
    session, out = new_session(golden, saves), TypedInput()
    typed = TypedInput("".join(f"{line}\n" for line in (*golden.typed, "quit")))
    with settings(saves), patch.object(sys, "stdin", typed), redirect_stdout(out):
        plain.run(session)
    session.recorder.close()
    return out.getvalue(), session.run


def help_texts() -> dict[Path, str]:
    """Return the help of each command, by its file."""
    texts = {HELP / "forward-pass.txt": command("--help").out}
    return texts | {HELP / f"{name}.txt": command(name, "--help").out for name in COMMANDS}


def bless() -> Iterator[str]:
    """Write everything that is golden again; yield what changed, as a diff."""
    texts = help_texts()
    for path in set(HELP.glob("*.txt")) - set(texts):
        path.unlink()
    for path in golden_files():
        golden, saves = read_golden(path), Path(tempfile.mkdtemp())
        text, run = play(golden, saves)
        texts[path] = golden.file_text(text, outcome_of(run))
        shutil.rmtree(saves)
    for path, text in texts.items():
        name = str(path.relative_to(ROOT))
        before = path.read_text(encoding="utf8") if path.exists() else ""
        yield from unified_diff(before.splitlines(), text.splitlines(), name, name, n=2, lineterm="")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf8")


def main() -> None:
    """Bless, and print what changed."""
    changes = list(bless())
    print("\n".join(changes or ["Nothing has changed."]))  # noqa: T201 - it is run by hand


if __name__ == "__main__":
    main()
