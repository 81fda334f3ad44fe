"""The run being played, as it is recorded: a line a turn, in a file that is created at its first choice.

A turn is recorded before it is made. A file that must not be appended to (another process holds it, it is damaged, its world
has changed) is left as it is, and the next choice begins a sibling of it with the path so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import RunError, printable
from forward_pass.storage.folder import FILE_NAME_PATTERN, file_name, in_nfc, is_run_name, latest_other_mtime, same_file
from forward_pass.storage.journal import Header, cursor_line, turn_line
from forward_pass.storage.run_file import OpenRunFile, create_run_file
from forward_pass.story.history import Run, Turn, at_turn
from forward_pass.story.state import Prior

TURN_NOT_SAVED = "the choice could not be saved, so it was not taken"
CURSOR_NOT_SAVED = "the cursor could not be saved, so it was not moved"


class NewRuns(NamedTuple):
    """Where new runs of a world are stored, and what makes their headers."""

    folder: Path
    make_header: Callable[[Prior], Header]
    saving: bool = True  # whether runs are written at all


class Recorder:
    """Records one run.

    ``path`` is its file, or the file whose sibling it becomes; ``file`` is open where it may be appended to.
    """

    def __init__(self, new_runs: NewRuns, header: Header, path: Path | None = None, file: OpenRunFile | None = None) -> None:
        self.header = header
        self.file = file
        self._new_runs = new_runs
        self._path = path

    @property
    def path(self) -> Path | None:
        """The run's file, or that of the run that it goes on from; None before its first choice."""
        return self.file.path if self.file else self._path

    @property
    def number(self) -> int:
        """The number of that file in the folder; 0 before the first choice, and for a file outside the folder."""
        path = self.path
        match = FILE_NAME_PATTERN.fullmatch(path.name) if path and same_file(path.parent, self._new_runs.folder) else None
        return int(match["number"]) if match else 0

    @property
    def label(self) -> str | None:
        """The run's name as ``WORLD/NUMBER``, its path where it is outside the folder, or None before its first choice."""
        if self.file is None:
            return None
        return f"{self.header.world}/{self.number}" if self.number else printable(str(self.file.path))

    @property
    def prior(self) -> Prior:
        """The facts known before the run."""
        return self.header.prior

    @property
    def sampling(self) -> tuple[float, int]:
        """The temperature and the seed of the run."""
        return self.header.temperature, self.header.seed

    def record_turn(self, run: Run, turn: Turn) -> Turn:
        """Save a turn that ``run`` is about to make; return it with its time. Raises ``RunError`` where it cannot be saved."""
        if not self._new_runs.saving:
            return turn
        turn = turn._replace(time=self._now())
        follows = run.turns[run.at] if run.at < len(run.turns) else None
        if self.file is None or self.file.is_replaced or (follows and follows.choice != turn.choice):
            self._create(run, turn)
        elif follows:
            self.file.append(cursor_line(at_turn(run, run.at + 1), self._now()), TURN_NOT_SAVED)
        else:
            self.file.append(turn_line(turn), TURN_NOT_SAVED)
        return turn

    def _now(self) -> int:
        """Return the time for a line, in seconds since 1970; not before other runs, even if the clock was set back."""
        path = self.path or self._new_runs.folder
        latest = self.file.latest_other if self.file else latest_other_mtime(self._new_runs.folder, path)
        return max(int(time.time()), latest // 10**9)

    def record_cursor(self, run: Run) -> None:
        """Save the cursor that ``run`` is about to have; raises ``RunError`` where it cannot be saved."""
        if self.file is not None:
            self.file.append(cursor_line(run, self._now()), CURSOR_NOT_SAVED)

    def rename(self, name: str) -> None:
        """Rename the run's file; raises ``RunError`` where there is none yet, or the name is not valid or taken."""
        if self.file is None:
            raise RunError("no run to name yet: a run is saved from its first choice on")
        name = in_nfc(name)
        if name.isdigit():
            raise RunError(f"a name of digits alone would be read as a run's number; try run-{name[:9]}")
        if not is_run_name(name):
            raise RunError("a name is at most 60 letters, digits, - and _, starting with a letter or digit")
        if not self.number:
            raise RunError(f"{self.path} is outside {self._new_runs.folder}, so it cannot be renamed")
        target = file_name(self.number, name)
        try:
            self.file.rename(target)
        except FileExistsError:
            raise RunError(f"{target} already exists") from None
        except OSError as error:
            raise RunError(f"cannot be renamed: {error.strerror}") from None

    @property
    def is_saving(self) -> bool:
        """Whether turns are written to a file."""
        return self._new_runs.saving

    def close(self) -> None:
        """Close the run's file, which releases its lock."""
        if self.file is not None:
            self.file.close()
        self.file = None

    def _create(self, run: Run, turn: Turn) -> None:
        """Create the run's file, or a sibling of the present file, with the path so far and this turn."""
        header = self.header
        if self.path is not None:
            new_header = self._new_runs.make_header(header.prior)
            parent = (self.number, run.at) if self._can_be_parent() else None
            header = new_header._replace(seed=header.seed, temperature=header.temperature, parent=parent)
        lines = [header.line(), *map(turn_line, run.path), turn_line(turn)]
        file = create_run_file(self._new_runs.folder, lines, TURN_NOT_SAVED)
        self.close()
        self.header, self.file = header, file
        file.make_latest()

    def _can_be_parent(self) -> bool:
        """Return whether the present file can be named as a sibling's parent: it is there, and in the folder."""
        if not self.number or self.path is None:
            return False
        return not self.file.is_replaced if self.file else self.path.exists()
