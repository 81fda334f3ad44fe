"""What faults are injected into: a world, its pass, and runs in a temporary folder."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from pathlib import Path

from fixtures_play import CREATED
from forward_pass.errors import ForwardPassError
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_pass
from forward_pass.session.input import answer
from forward_pass.session.session import Session
from forward_pass.storage.folder import list_run_files
from forward_pass.storage.journal import Header, read_journal
from forward_pass.storage.replay import replay_run
from forward_pass.storage.store import RunStore
from forward_pass.story.state import Prior

MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - syncing is fast there; names come from mkdtemp

PATHS = {
    "first-light": ("read-question", "read-again", "stop-reading"),
    "forward-pass": ("see-end", "end-ask", "slope-pen", "pen-honest", "note-wait"),
}
"""For each world, choices; the last one ends the first token."""


class Target:
    """A world and its pass."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.world = open_world(name)
        self.inspector = open_pass(self.world)
        self.path = PATHS[name]

    def make_store(self, saves: Path) -> RunStore:
        """Return a store of its runs."""
        world = self.world

        def make_header(prior: Prior) -> Header:
            return Header(world.id, world.version, world.hash, world.network, 7, 0.5, prior, CREATED)

        return RunStore(saves, world, self.inspector, make_header)

    def new_session(self, saves: Path) -> Session:
        """Return a session with a new run."""
        store = self.make_store(saves)
        return Session(store, store.new())

    def write_sibling(self, saves: Path) -> Path:
        """Write a run with a parent, turns, a drawn word, and a cursor in its middle; return its file."""
        session = self.new_session(saves)
        for typed in (*self.path, "undo", "redo", "undo 3", "redo"):
            answer(session, typed)
        for typed in (other_choice(session), other_choice(session), "undo", "redo", "undo"):
            answer(session, typed)
        path = session.recorder.path
        session.recorder.close()
        assert path is not None
        return path

    def find_damage(self, saves: Path, cut: Path | None = None) -> str:
        """Return a description of a damaged run, or an empty text; ``cut`` is a run that may have a torn tail."""
        for run in list_run_files(saves / self.name):
            try:
                journal = read_journal(run.path)
            except ForwardPassError as error:
                return str(error)
            result = replay_run(self.world, self.inspector, journal, len(journal.turns))
            if journal.faults or (journal.torn and run.path != cut) or result.differences:
                return f"{run.path.name}: {journal.faults} {result.summary}"
        return ""


def other_choice(session: Session) -> str:
    """Return an open choice other than the next recorded one."""
    taken = session.run.turns[session.run.at].choice if session.run.at < len(session.run.turns) else ""
    return next(offer.id for offer in session.open_offers if offer.id != taken and not offer.choice.node.decodes)


def run_contents(saves: Path, world: str) -> dict[str, bytes]:
    """Return the contents of the run files by name, without the times in them and the checksum of their headers."""
    files = {run.path.name: run.path.read_bytes() for run in list_run_files(saves / world)}
    return {name: re.sub(rb'"(made|sum|time)":("[^"]*"|[0-9]+)', rb'"\1":""', content) for name, content in files.items()}


def new_folder(*, memory: bool = True) -> Path:
    """Return a new temporary folder, in memory where such a file system exists and ``memory`` is true."""
    parent = MEMORY_FOLDER if memory and MEMORY_FOLDER.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="forward-pass-torture-", dir=parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
