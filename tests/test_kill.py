"""Play killed at any moment loses at most the choice that was not yet answered."""

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

from fixtures_play import WORLD, command, started_process
from forward_pass.storage.folder import list_run_files

KILLS = 36
REQUESTS = 300
ARGUMENTS = ("play", WORLD, "--json", "--new", "--seed", "7", "--temperature", "2")


class Moment(NamedTuple):
    """The state after a number of requests."""

    files: dict[str, bytes]  # contents by name
    position: tuple[str | None, int, str]  # run, turn, scene or ending


def make_requests() -> list[str]:
    """Return a random sequence of requests, the same each time."""
    rng = random.Random(400)  # noqa: S311 - not for security
    moves = ['{"undo":1}', '{"undo":2}', '{"undo":9}', '{"redo":1}', '{"redo":9}']
    choices = ["read-question", "read-again", "to-slope", "let-be", "nod-along", "say-now", "stop-reading", "label-again"]
    return [rng.choice(moves if rng.random() < 0.35 else choices) for _ in range(REQUESTS)]


def run_contents(saves: Path) -> dict[str, bytes]:
    """Return the contents of the run files by name, without times and the checksum in their headers."""
    files = {run.path.name: run.path.read_bytes() for run in list_run_files(saves / WORLD)}
    return {name: re.sub(rb'"(made|sum|time)":("[^"]*"|\d+)', b'"once":""', content) for name, content in files.items()}


def read_answers(out: str) -> list[dict[str, Any]]:
    """Return the complete objects printed but decodings and readings: the first scene, then one for each answered request."""
    rows = [json.loads(line) for line in out.splitlines(keepends=True) if line.endswith("\n")]
    return [row for row in rows if row["type"] not in ("hello", "decode", "reading", "opened")]


class Requests:
    """Standard input that records the run files before each request."""

    def __init__(self, saves: Path) -> None:
        self.saves = saves
        self.remaining = make_requests()
        self.snapshots: list[dict[str, bytes]] = []

    def readline(self, _size: int) -> str:
        """Return the next request."""
        self.snapshots.append(run_contents(self.saves))
        return f"{self.remaining.pop(0)}\n" if self.remaining else ""

    def isatty(self) -> bool:
        """Return False: not a terminal."""
        return False


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> list[Moment]:
    """Return the state before and after each request of a session that is not killed."""
    saves = tmp_path_factory.mktemp("not-killed")
    stdin = Requests(saves)
    rows = read_answers(command(*ARGUMENTS, "--saves", saves, stdin=stdin).out)
    assert len(rows) == len(stdin.snapshots) == REQUESTS + 1
    position: tuple[str | None, int, str] = (None, 0, "")
    states = []
    for row, files in zip(rows, stdin.snapshots, strict=True):
        if row["type"] != "error":
            position = (row["run"], row["turn"], row.get("scene") or row["id"])
        states.append(Moment(files, position))
    return states


def test_run_files_are_only_appended_to(moments: list[Moment]) -> None:
    for before, after in pairwise(moments):
        assert all(after.files[name].startswith(content) for name, content in before.files.items())
    assert len(moments[-1].files) > 10


def test_a_kill_at_any_moment_loses_at_most_the_unanswered_choice(moments: list[Moment], tmp_path: Path) -> None:
    rng = random.Random(72)  # noqa: S311 - not for security
    answered = []
    for kill in range(KILLS):
        saves = tmp_path / str(kill)
        with started_process(*ARGUMENTS, "--saves", saves) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("".join(f"{request}\n" for request in make_requests()))
            process.stdin.flush()
            read = "".join(process.stdout.readline() for _ in range(rng.randrange(1, REQUESTS)))
            time.sleep(rng.random() * 0.004)
            process.send_signal(signal.SIGKILL)
            out = read + process.stdout.read()
        answered.append(len(read_answers(out)) - 1)
        assert_between(saves, moments[answered[-1]], moments[min(answered[-1] + 1, REQUESTS)])
    assert len([count for count in answered if 0 < count < REQUESTS]) > KILLS / 2
    assert len(set(answered)) > KILLS / 2


def assert_between(saves: Path, before: Moment, after: Moment) -> None:
    """Assert that the files of a killed process lie between two states, and that the run can be resumed and replayed."""
    contents = run_contents(saves)
    assert contents.keys() in (before.files.keys(), after.files.keys())
    for name, content in contents.items():
        assert content.startswith(before.files.get(name, b""))
        assert after.files[name].startswith(content)
    result = command("play", WORLD, "--continue", "--json", "--saves", saves)
    if not contents:
        assert result.code == 1
        return
    assert (result.code, result.err) == (0, "")
    (row,) = result.objects
    assert (row["run"], row["turn"], row.get("scene") or row["id"]) in (before.position, after.position)
    result = command("replay", row["run"], "--saves", saves)
    assert result.code == 0
    assert re.fullmatch(r"(\d+) of \1 turns identical", result.out.splitlines()[-1])
