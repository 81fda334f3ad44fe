"""Faults to order: something that happens at one of the system calls by which a play writes, and a play to be faulted."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from fixtures_play import WORLD, begun_play, first_light, let_go
from forward_pass.errors import RunError
from forward_pass.session.session import Rejected
from forward_pass.storage.journal import Journal, list_run_files, read_journal
from forward_pass.storage.replay import replay_run
from forward_pass.storage.store import RunStore
from forward_pass.story.distribution import PassPort
from forward_pass.story.history import Run
from forward_pass.story.world import World

WRITES = ("open", "write", "fsync", "link", "mkdir", "unlink", "rename", "replace", "ftruncate")  # utime: as the clock ticks
SCRIPT = (
    "read-question",
    "read-again",
    "undo",
    "redo",
    "back 1",
    "to-slope",
    "save Slope",
    "undo 2",
    "read-question",
    "restart",
    "say-now",
    "undo",
    "feel-slope",
    "leave-label",
)
"""A play in which everything happens that is written down: turns, cursors, siblings, a name, another run."""


class Writes:
    """The system calls that write, as they are made; at one of them something happens before or after it."""

    def __init__(self, at: int, happens: Callable[[], None], *, after: bool) -> None:
        self.at = at
        self.happens = happens
        self.after = after
        self.made: list[str] = []

    def faulty(self, name: str) -> Callable[..., Any]:
        """Return a call of ``os`` that counts itself, and to which something happens when its turn has come."""
        real = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **named)
            self.made.append(name)
            now = len(self.made) == self.at
            if now and not self.after:
                self.happens()
            try:
                return real(*arguments, **named)
            finally:
                if now and self.after:
                    self.happens()

        return call


@contextmanager
def at_write(at: int, happens: Callable[[], None], *, after: bool = False) -> Iterator[Writes]:
    """Let something happen at one of the writes that are made here, counted from 1."""
    writes = Writes(at, happens, after=after)
    with ExitStack() as stack:
        for name in WRITES:
            stack.enter_context(patch.object(os, name, writes.faulty(name)))
        yield writes


def kept(saves: Path) -> dict[str, bytes]:
    """Return the contents of the runs' files by name."""
    return {run.path.name: run.path.read_bytes() for run in list_run_files(saves / WORLD)}


def straight(saves: Path) -> list[dict[str, bytes]]:
    """Return what is kept before and after each answer of the script, in a play to which nothing happens."""
    play = begun_play(saves)
    moments = [kept(saves)]
    for typed in SCRIPT:
        assert not any(isinstance(event, Rejected) for event in play.answer(typed)), typed
        moments.append(kept(saves))
    let_go(play)
    return moments


def writes_of(saves: Path) -> list[str]:
    """Return the system calls that write in a play of the script, in their order."""
    play = begun_play(saves)
    with at_write(0, lambda: None) as writes:
        for typed in SCRIPT:
            play.answer(typed)
    let_go(play)
    return writes.made


def killed_after(saves: Path, at: int) -> int:
    """Play the script in a process that is killed right after one of its writes; return how many answers were carried out."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        said = os.write  # what says that an answer was carried out is no write of the play
        play = begun_play(saves)
        with at_write(at, lambda: os.kill(os.getpid(), signal.SIGKILL), after=True):
            for typed in SCRIPT:
                play.answer(typed)
                said(writing, b".")
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as answered:
        count = len(answered.read())
    assert os.WIFSIGNALED(status), (at, status)
    return count


def faulted(saves: Path, at: int, happens: Callable[[], None]) -> int:
    """Play the script while something goes wrong once; whatever was refused is asked again. Return how often that was."""
    play = begun_play(saves)
    refused = 0
    with at_write(at, happens):
        for typed in SCRIPT:
            before = kept(saves)
            if isinstance(play.answer(typed)[0], Rejected):
                refused += 1
                assert kept(saves) == before, typed
                assert not isinstance(play.answer(typed)[0], Rejected), typed
    let_go(play)
    return refused


def between(found: dict[str, bytes], before: dict[str, bytes], after: dict[str, bytes]) -> str:
    """Return what is kept that is neither what was so before an answer nor after it, or nothing."""
    if found.keys() not in (before.keys(), after.keys()):
        return f"files {sorted(found)}"
    longest = {_number(name): content for name, content in after.items()}
    shortest = {_number(name): content for name, content in before.items()}
    for name, content in found.items():
        if not (content.startswith(shortest.get(_number(name), b"")) and longest[_number(name)].startswith(content)):
            return f"{name} is {content!r}"
    return ""


def _number(name: str) -> str:
    return name.split("-", maxsplit=1)[0]


def sound(saves: Path) -> str:
    """Return what is wrong with any run that is kept: each has to be whole and the same again; or nothing."""
    world = first_light()
    measure = begun_play(saves).pass_port
    for run in list_run_files(saves / WORLD):
        journal = read_journal(run.path)
        outcome = replay_run(world, measure, journal, len(journal.turns))
        if journal.faults or journal.torn or outcome.differences:
            return f"{run.path.name}: {journal.faults} {outcome.proof}"
    return ""


# -- a file that is not as it was written -----------------------------------------------------------------------------


class Whole(NamedTuple):
    """A run's file as it was written, and what it says."""

    path: Path
    content: bytes
    journal: Journal
    run: Run


def whole(path: Path, world: World, measure: PassPort) -> Whole:
    """Return a run's file with what it says."""
    journal = read_journal(path)
    return Whole(path, path.read_bytes(), journal, replay_run(world, measure, journal, len(journal.turns)).run)


def taken_up(was: Whole, keeper: RunStore) -> str:
    """Return what a player hears of a file that was changed on the disk: ``same``, or what is said of it.

    Raises ``AssertionError`` where a run is taken up that is not the one that was written, and nothing is said.
    """
    try:
        resumed = keeper.resume(was.path)
    except RunError as error:
        assert str(was.path) in str(error), error  # noqa: PT017 - either outcome is fine, in silence none
        return "refused"
    appends = keeper.file is not None
    keeper.close()
    if not resumed.notes:
        journal = read_journal(was.path)
        assert journal.header == was.journal.header, journal.header
        assert (journal.at, journal.faults) == (was.journal.at, ())
        assert resumed.run.turns == was.run.turns
        assert resumed.run.at == was.journal.at
        return "same"
    assert was.path.name in " ".join(resumed.notes), resumed.notes
    assert not appends, resumed.notes
    return "named, the good beginning played on in a sibling"


def flips(content: bytes, every: int = 1) -> Iterator[bytes]:
    """Yield contents in which one bit is another, of each bit or of some."""
    for bit in range(0, 8 * len(content), every):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)
