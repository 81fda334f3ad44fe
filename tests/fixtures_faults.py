"""Fault injection: a fault at any of the system calls with which a session writes, and a scripted session to inject it into."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from building import first_light
from fixtures_play import WORLD, close_session, new_session
from forward_pass.errors import RunError
from forward_pass.session.events import Rejected
from forward_pass.session.input import answer
from forward_pass.storage.folder import list_run_files
from forward_pass.storage.journal import Journal, read_journal
from forward_pass.storage.replay import replay_run
from forward_pass.storage.store import RunStore
from forward_pass.story.history import Run
from forward_pass.story.ports import Inspector
from forward_pass.story.world import World

# Without utime: whether it is called depends on the clock.
WRITES = ("open", "write", "fsync", "link", "mkdir", "unlink", "rename", "replace", "ftruncate")
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
"""Input of a session that writes in every way: turns, cursors, siblings, a name, another run."""


class WriteCounter:
    """Counts the system calls that write, and injects a fault before or after one of them."""

    def __init__(self, at: int, fault: Callable[[], None], *, after: bool) -> None:
        self.at = at
        self.fault = fault
        self.after = after
        self.calls: list[str] = []

    def wrap(self, name: str) -> Callable[..., Any]:
        """Return a function of ``os`` that counts its calls and injects the fault."""
        real = getattr(os, name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **keywords)
            self.calls.append(name)
            now = len(self.calls) == self.at
            if now and not self.after:
                self.fault()
            try:
                return real(*arguments, **keywords)
            finally:
                if now and self.after:
                    self.fault()

        return call


@contextmanager
def fault_at_write(at: int, fault: Callable[[], None], *, after: bool = False) -> Iterator[WriteCounter]:
    """Inject a fault at one of the write calls made here, counted from 1; at none where ``at`` is 0."""
    counter = WriteCounter(at, fault, after=after)
    with ExitStack() as stack:
        for name in WRITES:
            stack.enter_context(patch.object(os, name, counter.wrap(name)))
        yield counter


def run_contents(saves: Path) -> dict[str, bytes]:
    """Return the contents of the run files by name, without the times in their lines."""
    return {run.path.name: re.sub(rb',"time":\d+', b"", run.path.read_bytes()) for run in list_run_files(saves / WORLD)}


def expected_contents(saves: Path) -> list[dict[str, bytes]]:
    """Return the contents of the run files before the script and after each of its lines, without a fault."""
    session = new_session(saves)
    moments = [run_contents(saves)]
    for typed in SCRIPT:
        assert not any(isinstance(event, Rejected) for event in answer(session, typed)), typed
        moments.append(run_contents(saves))
    close_session(session)
    return moments


def write_calls(saves: Path) -> list[str]:
    """Return the names of the write calls of the script, in order."""
    session = new_session(saves)
    with fault_at_write(0, lambda: None) as counter:
        for typed in SCRIPT:
            answer(session, typed)
    close_session(session)
    return counter.calls


def kill_after_write(saves: Path, at: int) -> int:
    """Play the script in a process killed right after one of its write calls; return how many lines it completed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        write = os.write  # reports completed lines to the parent, uncounted
        session = new_session(saves)
        with fault_at_write(at, lambda: os.kill(os.getpid(), signal.SIGKILL), after=True):
            for typed in SCRIPT:
                answer(session, typed)
                write(writing, b".")
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as answered:
        count = len(answered.read())
    assert os.WIFSIGNALED(status), (at, status)
    return count


def play_with_fault(saves: Path, at: int, fault: Callable[[], None]) -> int:
    """Play the script with one fault, repeating a rejected line; return how many were rejected."""
    session = new_session(saves)
    rejected = 0
    with fault_at_write(at, fault):
        for typed in SCRIPT:
            before = run_contents(saves)
            if isinstance(answer(session, typed)[0], Rejected):
                rejected += 1
                assert run_contents(saves) == before, typed
                assert not isinstance(answer(session, typed)[0], Rejected), typed
    close_session(session)
    return rejected


def difference_from_expected(contents: dict[str, bytes], before: dict[str, bytes], after: dict[str, bytes]) -> str:
    """Return a description of contents that lie outside those before and after a line, or an empty text."""
    if contents.keys() not in (before.keys(), after.keys()):
        return f"files {sorted(contents)}"
    longest = {_number(name): content for name, content in after.items()}
    shortest = {_number(name): content for name, content in before.items()}
    for name, content in contents.items():
        if not (content.startswith(shortest.get(_number(name), b"")) and longest[_number(name)].startswith(content)):
            return f"{name} is {content!r}"
    return ""


def _number(name: str) -> str:
    return name.split("-", maxsplit=1)[0]


def find_damage(saves: Path) -> str:
    """Return a description of a stored run that is damaged or does not replay identically, or an empty text."""
    world = first_light()
    inspector = new_session(saves).inspector
    for run in list_run_files(saves / WORLD):
        journal = read_journal(run.path)
        result = replay_run(world, inspector, journal, len(journal.turns))
        if journal.faults or journal.torn or result.differences:
            return f"{run.path.name}: {journal.faults} {result.summary}"
    return ""


# -- damaged files -------------------------------------------------------------------------------------------------------


class IntactRun(NamedTuple):
    """A run file as it was written, and its content."""

    path: Path
    content: bytes
    journal: Journal
    run: Run


def read_intact_run(path: Path, world: World, inspector: Inspector) -> IntactRun:
    """Read a run file that is known to be intact."""
    journal = read_journal(path)
    return IntactRun(path, path.read_bytes(), journal, replay_run(world, inspector, journal, len(journal.turns)).run)


def resume_damaged(intact: IntactRun, store: RunStore) -> str:
    """Resume a run file changed on the disk; return ``same``, ``rejected``, or that the change was reported.

    Raises ``AssertionError`` where a run that differs from the intact one is resumed without a note.
    """
    try:
        resumed = store.resume(intact.path)
    except RunError as error:
        assert str(intact.path) in str(error), error  # noqa: PT017 - being rejected is a valid outcome
        return "rejected"
    appends = resumed.recorder.file is not None
    resumed.recorder.close()
    if not resumed.notes:
        journal = read_journal(intact.path)
        assert journal.header == intact.journal.header, journal.header
        assert (journal.at, journal.faults) == (intact.journal.at, ())
        timeless = [[turn._replace(time=None) for turn in run.turns] for run in (resumed.run, intact.run)]
        assert timeless[0] == timeless[1]
        assert resumed.run.at == intact.journal.at
        return "same"
    assert intact.path.name in " ".join(resumed.notes), resumed.notes
    assert not appends, resumed.notes
    return "reported; the valid turns continued in a sibling"


def bit_flips(content: bytes, every: int = 1) -> Iterator[bytes]:
    """Yield contents with one bit flipped, for every bit or every n-th."""
    for bit in range(0, 8 * len(content), every):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)
