"""Where faults are tried out: a world, its pass, and runs of it in a folder of their own."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from pathlib import Path

from fixtures_play import MADE
from forward_pass.cli import open_world
from forward_pass.errors import ForwardPassError
from forward_pass.network.passes import open_pass
from forward_pass.session.session import Session
from forward_pass.storage.journal import Header, list_run_files, read_journal
from forward_pass.storage.replay import replay_run
from forward_pass.storage.store import RunStore
from forward_pass.story.state import Prior

MEMORY = Path("/dev/shm")  # noqa: S108 - syncing there costs nothing; names are made by mkdtemp

PATHS = {
    "first-light": ("read-question", "read-again", "stop-reading"),
    "forward-pass": ("speak-at-once", "end-after-all", "insist", "keep-it", "keep-to-myself", "hail", "hailed-wait", "still"),
}
"""For each world, choices of which the last one ends its first token."""


class Ground:
    """A world with its pass."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.world = open_world(name)
        self.measure = open_pass(self.world)
        self.path = PATHS[name]

    def keeper(self, saves: Path) -> RunStore:
        """Return a keeper of its runs."""
        world = self.world

        def begin(facts: Prior) -> Header:
            return Header(world.id, world.version, world.hash, world.weights, 7, 0.5, facts, MADE)

        return RunStore(saves, world, self.measure, begin)

    def play(self, saves: Path) -> Session:
        """Return play of a new run."""
        keeper = self.keeper(saves)
        return Session(self.world, self.measure, keeper, keeper.new_run())

    def sibling(self, saves: Path) -> Path:
        """Return the file of a run that has a parent, turns, a drawn word and cursors, and stands in its middle."""
        play = self.play(saves)
        for typed in (*self.path, "undo", "redo", "undo 3", "redo"):
            play.answer(typed)
        for typed in (other_choice(play), other_choice(play), "undo", "redo", "undo"):
            play.answer(typed)
        assert isinstance(play.store, RunStore)
        path = play.store.path
        play.store.close()
        assert path is not None
        return path

    def unsound(self, saves: Path, cut: Path | None = None) -> str:
        """Return what is wrong with any run that is kept, or nothing: each has to be whole, but for one that was cut."""
        for run in list_run_files(saves / self.name):
            try:
                journal = read_journal(run.path)
            except ForwardPassError as error:
                return str(error)
            outcome = replay_run(self.world, self.measure, journal, len(journal.turns))
            if journal.faults or (journal.torn and run.path != cut) or outcome.differences:
                return f"{run.path.name}: {journal.faults} {outcome.proof}"
        return ""


def other_choice(play: Session) -> str:
    """Return an open choice that is not the next one of the path."""
    taken = play.run.turns[play.run.at].choice if play.run.at < len(play.run.turns) else ""
    return next(offer.choice.id for offer in play.open_offers if offer.choice.id != taken and not offer.choice.decodes)


def kept(saves: Path, world: str) -> dict[str, bytes]:
    """Return the contents of the runs' files by name, without what differs from one time to the next."""
    files = {run.path.name: run.path.read_bytes() for run in list_run_files(saves / world)}
    return {name: re.sub(rb'"(made|sum)":"[^"]*"', rb'"\1":""', content) for name, content in files.items()}


def scratch(*, memory: bool = True) -> Path:
    """Return a new folder, in memory where there is such a file system."""
    folder = Path(tempfile.mkdtemp(prefix="forward-pass-torture-", dir=MEMORY if memory and MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
