"""What the run files of a world say, without replaying any: a line for each run, what they found and met. Writes nothing.

Must not know locks, the pass, or which run is being played.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import RunError, printable
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.paths import APP
from forward_pass.storage.folder import SAFE_OPEN_FLAGS, RunFile, list_run_files, next_number, run_file_stamps
from forward_pass.storage.journal import Header, parse_journal, read_bytes, read_journal
from forward_pass.story.compile import usual_text
from forward_pass.story.state import Prior
from forward_pass.story.tokeniser import join
from forward_pass.story.world import World

TAIL_BYTES = 1024  # more than the longest line of a turn
LINE_TIME = re.compile(rb'"time":([0-9]{1,16})\}\n')


def earlier_runs(folder: Path, world: World) -> Prior:
    """Return what the runs in a world's folder say to the next one; raises ``RunError``."""
    return EarlierRuns(folder, world).prior()


class EarlierRuns:
    """What the runs in a world's folder say to the next one: how many there were, what they found and met.

    Asked again, only files are read that are new or have grown since. A file is parsed only if its bytes contain the id of an
    ending or a scene not found before: few of thousands do.
    """

    def __init__(self, folder: Path, world: World) -> None:
        self._folder, self._world = folder, world
        self._begin()

    def _begin(self) -> None:
        names = (*self._world.endings, *self._world.scenes_remembered)
        self._unmet = {name: f'"{name}"'.encode() for name in names}  # endings and scenes as a file would have them
        self._read: dict[str, tuple[int, int]] = {}  # by a file's name: its size and its time when it was read

    def prior(self) -> Prior:
        """Return what is said now; raises ``RunError``."""
        present = run_file_stamps(self._folder)
        changed = [name for name, stamp in self._read.items() if present.get(name) != stamp]
        if any(name not in present or present[name][0] <= self._read[name][0] for name in changed):
            self._begin()  # something was taken away or rewritten, and with it perhaps what was found there
        for name, stamp in present.items():
            if self._read.get(name) != stamp and self._has_read(self._folder / name):
                self._read[name] = stamp
        endings = frozenset(self._world.endings).difference(self._unmet)
        return Prior(next_number(self._folder), endings, self._world.scenes_remembered.difference(self._unmet))

    def _has_read(self, path: Path) -> bool:
        """Take up what a file says, as far as anything is unmet; return False where it cannot be read now."""
        with suppress(RunError):
            data = read_bytes(path) if self._unmet else b""
            if any(name in data for name in self._unmet.values()):
                journal = parse_journal(data, path)
                for turn in journal.turns if journal.header.world == self._world.id else ():
                    self._unmet.pop(turn.scene, None)
            return True
        return False


def newest_first(run_files: Iterable[RunFile]) -> list[RunFile]:
    """Return run files, those played last first: by the time in their last line, else by modification time."""
    return sorted(run_files, key=_last_played, reverse=True)


def _last_played(run_file: RunFile) -> tuple[int, int, int]:
    """Return the second in which a run was played last, the nanosecond in which its file was modified, and its number."""
    try:
        fd = os.open(run_file.path, os.O_RDONLY | SAFE_OPEN_FLAGS)
        try:
            status = os.fstat(fd)
            tail = os.pread(fd, TAIL_BYTES, max(0, status.st_size - TAIL_BYTES))
        finally:
            os.close(fd)
    except OSError:
        return 0, 0, run_file.number
    times = LINE_TIME.findall(tail)
    return int(times[-1]) if times else status.st_mtime_ns // 10**9, status.st_mtime_ns, run_file.number


def set_aside_note(path: Path, header: Header, world: World) -> str:
    """Return why a run in a world's folder is not one of its runs, and what takes it over; empty where it is one."""
    if header.world == world.id:
        return ""
    takes_over = f"`{APP} import {shlex.quote(str(path))} --world {world.id}` takes it over"
    return printable(f"a run of {header.world}, not of {world.id}: set aside; {takes_over}")


class Summary(NamedTuple):
    """A run file on one line: how far the run went and where its cursor is, or what is wrong with the file.

    ``runs --json`` prints these fields under their names.
    """

    number: int
    name: str
    turns: int  # all of a run that reached an ending, else those up to the cursor
    stands: str
    ended: bool
    made: str
    parent: tuple[int, int] | None
    problem: str = ""
    of: int = 0  # all turns in the file, including undone ones

    def __str__(self) -> str:
        if self.problem:
            return f"{self.number:>3}  {self.name}: {self.problem}"
        turns = "1 turn" if self.turns == 1 else f"{self.turns} turns"
        if self.turns < self.of:
            turns = f"turn {self.turns} of {self.of}"
        branch = f", a branch of {self.parent[0]} at turn {self.parent[1]}" if self.parent else ""
        return f"{self.number:>3}  {self.name}: {turns}, {self.stands} ({local_day(self.made)}{branch})"


def local_day(made: str) -> str:
    """Return the day of a time in UTC, as headers have it, where the player is; as it is written where it is no time."""
    from datetime import datetime  # noqa: PLC0415 - a start, which lists nothing, does without

    try:
        return f"{datetime.fromisoformat(made).astimezone():%Y-%m-%d}"
    except (ValueError, OverflowError):
        return made[:10]


def summaries(folder: Path, world: World) -> list[Summary]:
    """Return a summary of each run file in a world's folder, sorted by number. Raises ``RunError``."""
    with gc_paused():
        return [summarise(run_file, world) for run_file in list_run_files(folder)]


def _open_at(world: World, choice: str) -> str:
    """Return where a run stands that has not ended: after a choice, in its words."""
    node = world.choices.get(choice)
    words = (usual_text(node.say) if node else None) or choice
    return f"after “{words.replace('*', '').rstrip('.')}”"


def summarise(run_file: RunFile, world: World) -> Summary:
    """Return the summary of a run file; one that cannot be read has a ``problem``."""
    try:
        journal = read_journal(run_file.path)
    except RunError as error:
        return Summary(run_file.number, run_file.name, 0, "", ended=False, made="", parent=None, problem=str(error))
    set_aside = set_aside_note(run_file.path, journal.header, world)
    if set_aside:
        return Summary(run_file.number, run_file.name, 0, "", ended=False, made="", parent=None, problem=set_aside)
    reach = journal.reach(world.endings)  # a run that was finished is finished, wherever its cursor is
    scene = journal.turns[reach - 1].scene if reach else world.start
    title = world.endings.get(scene, "")
    words = [turn.word for turn in journal.turns[:reach] if turn.word]
    position = f"ended: {title}" if title else _open_at(world, journal.turns[reach - 1].choice) if reach else "at its opening"
    if words:
        position += f", said “{' '.join(join(words).split())}”"  # on one line, whatever was said
    if journal.faults:
        position += "; its file is damaged"
    header = journal.header
    of = len(journal.turns)
    return Summary(run_file.number, run_file.name, reach, position, bool(title), header.created_at, header.parent, of=of)
