"""Golden play: what a run says, kept as text beside the tests. ``make bless`` writes all of it again and shows what changed.

A file ``tests/golden/<world>/<name>.txt`` begins with what is typed, and how words are drawn; below stands what plain play
says to it. To add one, write the first three lines and let ``make bless`` write the rest:

    play: read-question / stop-reading / nod-along
    temperature: 0
    seed: 0

A line ``after: content, lever`` says which other golden plays of the world are played before it, into the same folder.

``make bless`` adds three more, which are asserted like the text: where it ends, the digest of its last state, and the words
that were drawn with their probabilities.

``tests/golden/help/<command>.txt`` is what a command says of itself.
"""

from __future__ import annotations

import argparse
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

from fixtures_play import CREATED, ROOT, TypedInput, clean_environment, command
from forward_pass import cli
from forward_pass.interface import plain
from forward_pass.network.passes import open_pass
from forward_pass.session.session import Session
from forward_pass.storage.journal import Header
from forward_pass.storage.store import RunStore
from forward_pass.story.distribution import PassPort
from forward_pass.story.state import Prior
from forward_pass.story.world import World

GOLDEN = ROOT / "tests" / "golden"
HELP = GOLDEN / "help"


class Golden(NamedTuple):
    """A golden play: the world, what is typed, how words are drawn, and what is said."""

    world: str
    typed: tuple[str, ...]
    temperature: float
    seed: int
    text: str
    came: dict[str, str]
    after: tuple[str, ...] = ()  # the golden plays of the world that are played before it, into the same folder

    def written(self, text: str, came: dict[str, str]) -> str:
        """Return the file that says ``text``, and what it came to."""
        typed = {"play": " / ".join(self.typed), "temperature": f"{self.temperature:g}", "seed": f"{self.seed}"}
        before = {"after": ", ".join(self.after)} if self.after else {}
        head = "".join(f"{key}: {value}\n" for key, value in (typed | before | came).items())
        return f"{head}\n{text}"


def came_to(play: Session) -> dict[str, str]:
    """Return where a play stands: its scene or ending, the digest of its state, the words drawn with their probabilities."""
    drawn = [f"{turn.word!r} {turn.probability:.4f}" for turn in play.run.path if turn.word is not None]
    return {"ends": play.run.state.scene, "state": play.run.digest, "words": ", ".join(drawn)}


def golden_files() -> list[Path]:
    """Return the files of golden plays."""
    return sorted(path for path in GOLDEN.glob("*/*.txt") if path.parent != HELP)


def read_golden(path: Path) -> Golden:
    """Return a golden play."""
    head, _, text = path.read_text(encoding="utf8").partition("\n\n")
    rows = dict(line.split(": ", 1) for line in head.splitlines())
    asked = {key: rows.pop(key, "") for key in ("play", "temperature", "seed")}
    assert all(asked.values()), f"{path} begins with {asked}"
    after = tuple(name for name in rows.pop("after", "").split(", ") if name)
    typed, chance = tuple(asked["play"].split(" / ")), (float(asked["temperature"]), int(asked["seed"]))
    return Golden(path.parent.name, typed, *chance, text, rows, after)


@lru_cache
def opened(world: str) -> tuple[World, PassPort]:
    """Return a world that came with the game, and the pass that it runs on."""
    found = cli.open_world(world)
    return found, open_pass(found)


@contextmanager
def settings(saves: Path) -> Iterator[None]:
    """Set lines to 72 columns, and keep runs in a folder that no way back has to name."""
    with patch.dict(os.environ, clean_environment(FORWARD_PASS_SAVES=str(saves)), clear=True):
        yield


def keeper(golden: Golden, saves: Path) -> RunStore:
    """Return what keeps a golden play."""
    world, measure = opened(golden.world)

    def begin(facts: Prior) -> Header:
        return Header(world.id, world.version, world.hash, world.weights, golden.seed, golden.temperature, facts, CREATED)

    return RunStore(saves, world, measure, begin)


def inherit(golden: Golden, saves: Path) -> None:
    """Play what comes before a golden play, into the same folder."""
    for name in golden.after:
        _, play = live(read_golden(GOLDEN / golden.world / f"{name}.txt"), saves)
        assert isinstance(play.store, RunStore)


def begun(golden: Golden, saves: Path) -> Session:
    """Return a golden play before anything is typed."""
    inherit(golden, saves)
    kept = keeper(golden, saves)
    return Session(kept.world, kept.pass_port, kept, kept.new_run())


def resumed(golden: Golden, saves: Path) -> Session:
    """Return a golden play as it is taken up again."""
    kept = keeper(golden, saves)
    run, notes = kept.resume(f"{len(golden.after) + 1}")
    assert not notes, notes
    return Session(kept.world, kept.pass_port, kept, run)


def live(golden: Golden, saves: Path) -> tuple[str, Session]:
    """Return what is said when everything is typed, and the play that it came to; the run is kept in ``saves``."""
    play, out = begun(golden, saves), TypedInput()
    typed = TypedInput("".join(f"{line}\n" for line in (*golden.typed, "quit")))
    with settings(saves), patch.object(sys, "stdin", typed), redirect_stdout(out):
        plain.run(play)
    assert isinstance(play.store, RunStore)
    play.store.close()
    return out.getvalue(), play


def commands() -> list[str]:
    """Return the names of the commands."""
    parser = cli.build_parser()
    (choices,) = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return sorted(choices)


def help_texts() -> dict[Path, str]:
    """Return what each command says of itself, by the file that it is kept in."""
    texts = {HELP / "forward-pass.txt": command("--help").out}
    return texts | {HELP / f"{name}.txt": command(name, "--help").out for name in commands()}


def bless() -> Iterator[str]:
    """Write everything that is golden again; yield what changed, as a diff."""
    texts = help_texts()
    for path in set(HELP.glob("*.txt")) - set(texts):
        path.unlink()
    for path in golden_files():
        golden, saves = read_golden(path), Path(tempfile.mkdtemp())
        said, play = live(golden, saves)
        texts[path] = golden.written(said, came_to(play))
        shutil.rmtree(saves)
    for path, text in texts.items():
        name = str(path.relative_to(ROOT))
        before = path.read_text(encoding="utf8") if path.exists() else ""
        yield from unified_diff(before.splitlines(), text.splitlines(), name, name, n=2, lineterm="")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf8")


def main() -> None:
    """Bless, and say what changed."""
    changes = list(bless())
    print("\n".join(changes or ["Nothing has changed."]))  # noqa: T201 - it is run by hand


if __name__ == "__main__":
    main()
