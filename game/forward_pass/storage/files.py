"""The files that runs are kept in: begun, numbered, named, locked, written, synced, moved out of the way.

Knows their names and their bytes, and what disks and other processes do to them; not what stands in them, nor what a run is.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forward_pass.errors import RunError
from forward_pass.storage.journal import FILE, list_run_files, run_numbers

if sys.platform != "win32":  # pragma: no branch - Windows has no such locks
    import fcntl

UNNAMED = "run"
TRASH = ".trash"
PARTIAL = ".begun-"
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # what file systems without hard links say
NEITHER_LINK_NOR_PIPE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # in a folder that came from elsewhere
MAX_RUN_NUMBER = 99_999_999  # beyond, a file was not numbered here, and the next number does not follow it


def next_number(folder: Path) -> int:
    """Return the number that the next run will have; numbers of forgotten runs are not given again."""
    numbers = [*run_numbers(folder), *run_numbers(folder / TRASH)]
    return max((number for number in numbers if number <= MAX_RUN_NUMBER), default=0) + 1


def create_run_file(folder: Path, content: bytes, failed: str) -> tuple[Path, int]:
    """Write a new run into a folder under the next number; return its path and its open, locked file.

    It has its number only when it is whole: killed at any moment, a process leaves a run or none. Raises ``RunError``, which
    begins with what ``failed``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(folder):
            for left in folder.glob(f"{PARTIAL}*"):
                left.unlink(missing_ok=True)  # of a process that was killed here
            partial = folder / f"{PARTIAL}{os.getpid()}"
            file = os.open(partial, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                _locked(file)
                write_all(file, content)
                os.fsync(file)
                path = _numbered(folder, partial)
            except BaseException:  # a signal too
                os.close(file)
                raise
            finally:
                with suppress(OSError):  # the run has its number; what is left lying is cleared away by the next one
                    partial.unlink()
            _sync_folder(folder)
    except OSError as error:
        raise storage_error(failed, folder, error) from None
    return path, file


def _numbered(folder: Path, partial: Path) -> Path:
    """Give a file the next number that nobody else has; return its path."""
    number = next_number(folder)
    while True:
        path = folder / f"{number:03d}-{UNNAMED}.jsonl"
        try:
            _named(partial, path)
        except FileExistsError:
            number += 1  # somebody was faster, where a file system has no locks
        else:
            return path


def _named(partial: Path, path: Path) -> None:
    """Give a file its name; raises ``FileExistsError`` where that is taken."""
    try:
        os.link(partial, path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o644))  # the name first, and then at once what belongs there
        partial.replace(path)


def open_locked(path: Path) -> int | None:
    """Return the file of a run, open and locked, or None where it cannot be written or somebody else has it."""
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND)
    except OSError:
        return None
    if _locked(file):
        return file
    os.close(file)
    return None


def close_file(file: int | None) -> None:
    """Close a file, and let its lock go with it, where there is one."""
    if file is not None:
        os.close(file)


def write_all(file: int, content: bytes) -> None:
    """Write a content wholly, however little of it is taken at a time."""
    while content:
        content = content[os.write(file, content) :]


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot sync a folder; the file itself is synced
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _locked(file: int) -> bool:
    """Take the lock of an open file, which lasts until it is closed; return whether nobody else has it."""
    if sys.platform == "win32":  # pragma: no cover - runs are kept there, two processes are not kept apart
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)  # a file system without locks keeps runs all the same
    return True


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other processes from giving out numbers and names in a folder."""
    handle = os.open(folder / ".lock", os.O_RDONLY | os.O_CREAT | NEITHER_LINK_NOR_PIPE, 0o644)
    try:
        if sys.platform != "win32":  # pragma: no branch - as above
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one and the same; what cannot be looked at is not."""
    with suppress(OSError):
        return one.samefile(other)
    return False


def is_replaced(path: Path, file: int) -> bool:
    """Return whether an open file is no longer what lies at its path, or was emptied: a run goes on in another one."""
    try:
        status = path.stat()
    except OSError:
        return True
    return not status.st_size or not os.path.samestat(status, os.fstat(file))


def latest_other_mtime(folder: Path, path: Path) -> int:
    """Return when any run in a folder but the one at ``path`` was last appended to, in nanoseconds; 0 where there is none."""
    latest = 0
    with suppress(RunError):
        for kept in list_run_files(folder):
            with suppress(OSError):
                latest = max(latest, 0 if kept.path.name == path.name else kept.path.stat().st_mtime_ns)
    return latest


def forget(path: Path) -> Path:
    """Move a run out of the way, into ``.trash``; return where it lies. Raises ``RunError``."""
    if not FILE.fullmatch(path.name):
        raise RunError(f"{path}: not named as a run is, and left alone")
    file = open_locked(path)
    if file is None:
        raise RunError(f"{path} is being played elsewhere or cannot be written, and is left alone")
    try:
        target = path.parent / TRASH / path.name
        if target.parent.is_symlink():
            raise RunError(f"{target.parent} is a link: nothing is moved out of the folder")
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            raise RunError(f"{target} is there already")
        path.rename(target)
    except OSError as error:
        raise RunError(f"{path}: cannot be moved: {error.strerror}") from None
    finally:
        close_file(file)
    return target


def storage_error(failed: str, path: Path | None, error: OSError) -> RunError:
    """Return the error that says what ``failed`` where, and how the disk put it."""
    return RunError(f"{failed}: {path}: {error.strerror or error}")
