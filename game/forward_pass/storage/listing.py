"""What is kept of a world, without walking any of it: a line for each run, and the endings that were found. Writes nothing.

Reads what runs' files say of themselves; knows no lock, no pass, and not which run is in play.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import RunError
from forward_pass.gc_pause import gc_paused
from forward_pass.storage.journal import RunFile, list_run_files, parse_journal, read_bytes, read_journal
from forward_pass.story.tokeniser import join
from forward_pass.story.world import World


def endings_found(folder: Path, world: World) -> frozenset[str]:
    """Return the endings of a world that any run in its folder has reached.

    Of thousands of runs, only those are read as runs in which an ending stands by name that none before it had.
    """
    wanted = {ending: f'"{ending}"'.encode() for ending in world.endings}
    found: set[str] = set()
    for run in list_run_files(folder):
        if not wanted:
            break
        with suppress(RunError):
            data = read_bytes(run.path)
            if any(name in data for name in wanted.values()):
                found |= {turn.scene for turn in parse_journal(data, run.path).turns} & wanted.keys()
                for ending in found & wanted.keys():
                    del wanted[ending]
    return frozenset(found)


class Summary(NamedTuple):
    """A kept run in a line: how far it went and where it stands, or what is wrong with its file."""

    number: int
    name: str
    turns: int
    stands: str
    ended: bool
    made: str
    parent: tuple[int, int] | None
    problem: str = ""
    of: int = 0  # how many turns its file has, the undone ones with them

    def __str__(self) -> str:
        if self.problem:
            return f"{self.number:>3}  {self.name}: {self.problem}"
        turns = "1 turn" if self.turns == 1 else f"{self.turns} turns"
        if self.turns < self.of:
            turns = f"turn {self.turns} of {self.of}"
        branch = f", a branch of {self.parent[0]} at turn {self.parent[1]}" if self.parent else ""
        return f"{self.number:>3}  {self.name}: {turns}, {self.stands} ({self.made[:10]}{branch})"


def summaries(folder: Path, world: World) -> list[Summary]:
    """Return the runs kept in a world's folder, by number; a file that is no run is named as such."""
    with gc_paused():
        return [summarise(kept, world) for kept in list_run_files(folder)]


def summarise(kept: RunFile, world: World) -> Summary:
    """Return a kept run in a line."""
    try:
        journal = read_journal(kept.path)
    except RunError as error:
        return Summary(kept.number, kept.name, 0, "", ended=False, made="", parent=None, problem=str(error))
    scene = journal.turns[journal.at - 1].scene if journal.at else world.start
    title = world.endings.get(scene, "")
    words = [turn.word for turn in journal.turns[: journal.at] if turn.word]
    stands = f"ended: {title}" if title else f"in {scene}"
    if words:
        stands += f", said “{join(words).strip()}”"
    if journal.faults:
        stands += "; its file is damaged"
    header = journal.header
    of = len(journal.turns)
    return Summary(kept.number, kept.name, journal.at, stands, bool(title), header.created_at, header.parent, of=of)
