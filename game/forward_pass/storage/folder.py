"""The folder of a world's runs: which files are runs, by number and name, and the lock under which names are given.

Opens no run file, and does not know what one says.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from unicodedata import category, normalize

from forward_pass.errors import NoRunError, RunError, UsageError
from forward_pass.gc_pause import gc_paused

if sys.platform != "win32":  # pragma: no branch - Windows has no such locks
    import fcntl

FILE_NAME_PATTERN = re.compile(r"(?P<number>[0-9]{3,9})-(?P<name>[^/\\\s]{1,60})\.jsonl")
MAX_NAME = 60  # characters of a run's name
WORLD_ID_PATTERN = re.compile(r"[a-z][a-z0-9-]{0,254}")
DEFAULT_NAME = "run"
TRASH = ".trash"
LABELS_FILE = "labels.jsonl"  # beside the runs
MAX_RUN_NUMBER = 99_999_999  # a larger number was not given by this program and is ignored when numbering
SAFE_OPEN_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # an untrusted folder may hold a link or a pipe


class RunFile(NamedTuple):
    """A file in a world's folder that has the name of a run file."""

    number: int
    name: str
    path: Path


def in_nfc(name: str) -> str:
    """Return a name in the normal form in which names are compared: some systems give *é* as two characters."""
    return name if name.isascii() else normalize("NFC", name)


def is_run_name(name: str) -> bool:
    """Return whether a run can be given a name: not digits alone, which are read as a run's number, and no mark first."""
    return _is_of_letters(name) and name[:1].isalnum() and not name.isdigit() and len(name) <= MAX_NAME


def _is_of_letters(name: str) -> bool:
    """Return whether a name is made of letters with their marks, digits, ``_`` and ``-``."""
    return all(one in "_-" or one.isalnum() or category(one).startswith("M") for one in name)


def file_name(number: int, name: str = DEFAULT_NAME) -> str:
    """Return the name of the file of a run."""
    return f"{number:03d}-{name}.jsonl"


def list_run_files(folder: Path) -> list[RunFile]:
    """Return the run files in a world's folder, sorted by number; none where the folder does not exist. Raises ``RunError``."""
    with gc_paused():
        matching = _matching_names(folder)
        return sorted(RunFile(int(match["number"]), match["name"], folder / name) for name, match in matching)


def run_file_stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the size and the modification time, in nanoseconds, of each run file in a folder, by name. Raises ``RunError``."""
    stamps = {}
    for name, _ in _matching_names(folder):
        with suppress(OSError):
            status = os.stat(f"{folder}/{name}")  # noqa: PTH116 - of ten thousand names, as above
            stamps[name] = status.st_size, status.st_mtime_ns
    return stamps


def run_numbers(folder: Path) -> list[int]:
    """Return the numbers of the run files in a world's folder, unsorted. Raises ``RunError``."""
    return [int(match["number"]) for _, match in _matching_names(folder)]


def _matching_names(folder: Path) -> list[tuple[str, re.Match[str]]]:
    """Return each run file's name in a folder, as it stands there, and its match in NFC; raises ``RunError``."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - most of ten thousand names need no path
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{folder}: cannot be read: {error.strerror}") from None
    matches = [(name, match) for name in names if (match := FILE_NAME_PATTERN.fullmatch(in_nfc(name)))]
    return [(name, match) for name, match in matches if _is_of_letters(match["name"])]


def other_files(folder: Path) -> list[Path]:
    """Return the files of a folder that end as run files do and have no name of a run, such as a sync service's copies."""
    with suppress(OSError, RunError):
        known = {LABELS_FILE, *(run.path.name for run in list_run_files(folder))}
        names = sorted(os.listdir(folder))  # noqa: PTH208 - as above
        return [folder / name for name in names if name.endswith(".jsonl") and not name.startswith(".") and name not in known]
    return []


def next_number(folder: Path) -> int:
    """Return the number of the next run in a folder; numbers of runs in the trash are not used again."""
    numbers = [*run_numbers(folder), *run_numbers(folder / TRASH)]
    return max((number for number in numbers if number <= MAX_RUN_NUMBER), default=0) + 1


def resolve_run(saves: Path, world: str, reference: str) -> Path:
    """Return the file of a run given by an existing path, else a number, else an exact name; ``WORLD/RUN`` names the world too.

    Raises ``NoRunError`` where no run matches, ``UsageError`` where several do, ``RunError`` where the folder cannot be read.
    """
    if os.path.isfile(reference):  # noqa: PTH113 - Path.is_file raises on a name that is too long
        return Path(reference)
    if "/" in reference:
        world, reference = reference.split("/", 1)
    runs = list_run_files(saves / world) if WORLD_ID_PATTERN.fullmatch(world) else []
    reference = in_nfc(reference)
    is_number = reference.isascii() and reference.isdigit() and len(reference) < 10  # noqa: PLR2004 - as FILE_NAME_PATTERN
    number = int(reference) if is_number else None
    numbered = [run for run in runs if run.number == number]
    matching = numbered or [run for run in runs if run.name == reference]
    if not matching:
        hint = f"`forward-pass runs {world}` lists them" if runs else "it has no runs"
        raise NoRunError(f"no run of {world} is called {reference}; {hint} (in {saves})", reference, has_runs=bool(runs))
    if len(matching) > 1:
        listed = ", ".join(f"{run.path}" if numbered else f"{run.number} ({run.name})" for run in matching)
        hint = "give one of these files" if numbered else "give the number"
        raise UsageError(f"{reference} is ambiguous: {listed}; {hint}")
    return matching[0].path


def latest_other_mtime(folder: Path, path: Path) -> int:
    """Return the latest modification time, in nanoseconds, of the run files in a folder except ``path``; 0 where none is."""
    stamps: dict[str, tuple[int, int]] = {}
    with suppress(RunError):
        stamps = run_file_stamps(folder)
    return max((time for name, (_, time) in stamps.items() if name != path.name), default=0)


def same_file(one: Path, other: Path) -> bool:
    """Return whether two paths are the same file; False where one cannot be read."""
    with suppress(OSError):
        return one.samefile(other)
    return False


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, under which numbers and names are assigned."""
    fd = os.open(folder / ".lock", os.O_RDONLY | os.O_CREAT | SAFE_OPEN_FLAGS, 0o644)
    try:
        if sys.platform != "win32":  # pragma: no branch - as above
            with suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
