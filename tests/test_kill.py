"""Killed at any moment of play: at most the choice that was not answered yet is gone."""

from __future__ import annotations

import json
import random
import re
import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fixtures_play import WORLD, command, started
from forward_pass.storage.journal import list_run_files

KILLS = 36
REQUESTS = 300
ARGUMENTS = ("play", WORLD, "--json", "--new", "--seed", "7", "--temperature", "2")


class Moment(NamedTuple):
    """What is so after some of the requests: what is kept, and where the run stands."""

    kept: dict[str, bytes]
    standing: tuple[str | None, int, str]


def requests() -> list[str]:
    """Return requests to be made one after the other, whatever is answered."""
    chance = random.Random(400)  # noqa: S311 - no secret
    others = ['{"undo":1}', '{"undo":2}', '{"undo":9}', '{"redo":1}', '{"redo":9}']
    choices = ["read-question", "read-again", "to-slope", "let-be", "nod-along", "say-now", "stop-reading", "label-again"]
    return [chance.choice(others if chance.random() < 0.35 else choices) for _ in range(REQUESTS)]


def kept(saves: Path) -> dict[str, bytes]:
    """Return the runs' files, with nothing in their headers that differs from one time to the next."""
    files = {run.path.name: run.path.read_bytes() for run in list_run_files(saves / WORLD)}
    return {name: re.sub(rb'"(made|sum)":"[^"]*"', b'"once":""', content) for name, content in files.items()}


def answers(out: str) -> list[dict[str, Any]]:
    """Return the whole objects that were written, less decodings: the first scene, and one for each request answered."""
    rows = [json.loads(line) for line in out.splitlines(keepends=True) if line.endswith("\n")]
    return [row for row in rows if row["type"] != "decode"]


class Requests:
    """Standard input that looks at the files before each request is made."""

    def __init__(self, saves: Path) -> None:
        self.saves = saves
        self.left = requests()
        self.kept: list[dict[str, bytes]] = []

    def readline(self, _size: int) -> str:
        """Return the next request."""
        self.kept.append(kept(self.saves))
        return f"{self.left.pop(0)}\n" if self.left else ""

    def isatty(self) -> bool:
        """Return that this is no terminal."""
        return False


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> list[Moment]:
    """Return what is so before and after each request of a play that nobody kills."""
    saves = tmp_path_factory.mktemp("straight")
    stdin = Requests(saves)
    rows = answers(command(*ARGUMENTS, "--saves", saves, stdin=stdin).out)
    assert len(rows) == len(stdin.kept) == REQUESTS + 1
    standing: tuple[str | None, int, str] = (None, 0, "")
    found = []
    for row, files in zip(rows, stdin.kept, strict=True):
        if row["type"] != "error":
            standing = (row["run"], row["turn"], row.get("scene") or row["id"])
        found.append(Moment(files, standing))
    return found


def test_what_is_kept_is_only_ever_appended_to(moments: list[Moment]) -> None:
    for before, after in pairwise(moments):
        assert all(after.kept[name].startswith(content) for name, content in before.kept.items())
    assert len(moments[-1].kept) > 10


def test_killed_at_any_moment_only_what_was_not_answered_is_gone(moments: list[Moment], tmp_path: Path) -> None:
    chance = random.Random(72)  # noqa: S311 - no secret
    answered = []
    for kill in range(KILLS):
        saves = tmp_path / str(kill)
        with started(*ARGUMENTS, "--saves", saves) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("".join(f"{request}\n" for request in requests()))
            process.stdin.flush()
            read = "".join(process.stdout.readline() for _ in range(chance.randrange(1, REQUESTS)))
            time.sleep(chance.random() * 0.004)
            process.send_signal(signal.SIGKILL)
            out = read + process.stdout.read()
        answered.append(len(answers(out)) - 1)
        compared(saves, moments[answered[-1]], moments[min(answered[-1] + 1, REQUESTS)])
    assert len([count for count in answered if 0 < count < REQUESTS]) > KILLS / 2
    assert len(set(answered)) > KILLS / 2


def compared(saves: Path, before: Moment, after: Moment) -> None:
    """Assert that what a killed process kept lies between two moments, and that it can be gone on with and replayed."""
    found = kept(saves)
    assert found.keys() in (before.kept.keys(), after.kept.keys())
    for name, content in found.items():
        assert content.startswith(before.kept.get(name, b""))
        assert after.kept[name].startswith(content)
    done = command("play", WORLD, "--continue", "--json", "--saves", saves)
    if not found:
        assert done.code == 1
        return
    assert (done.code, done.err) == (0, "")
    (row,) = done.objects
    assert (row["run"], row["turn"], row.get("scene") or row["id"]) in (before.standing, after.standing)
    replay = command("replay", row["run"], "--saves", saves)
    assert replay.code == 0
    assert re.fullmatch(r"(\d+) of \1 turns identical", replay.out.splitlines()[-1])
