"""Run files on disk: create, number, lock, write, sync, and move to the trash.

Knows file names and bytes, and what disks and other processes do to them. Must not know what a file says, nor what a run is.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forward_pass.errors import RunError
from forward_pass.storage.journal import FILE_NAME_PATTERN, list_run_files, run_numbers

if sys.platform != "win32":  # pragma: no branch - Windows has no such locks
    import fcntl

DEFAULT_NAME = "run"
TRASH = ".trash"
PARTIAL_PREFIX = ".begun-"
NO_LINK_ERRNOS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # raised by file systems without hard links
SAFE_OPEN_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # an untrusted folder may hold a link or a pipe
MAX_RUN_NUMBER = 99_999_999  # a larger number was not given by this program and is ignored when numbering


def next_number(folder: Path) -> int:
    """Return the number of the next run in a folder; numbers of runs in the trash are not used again."""
    numbers = [*run_numbers(folder), *run_numbers(folder / TRASH)]
    return max((number for number in numbers if number <= MAX_RUN_NUMBER), default=0) + 1


def create_run_file(folder: Path, content: bytes, failure: str) -> tuple[Path, int]:
    """Write a new run file under the next number; return its path and its descriptor, open and locked.

    The file gets its number only once it is complete, so a process killed at any moment leaves a whole run or none. Raises
    ``RunError``, whose message begins with ``failure``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(folder):
            for leftover in folder.glob(f"{PARTIAL_PREFIX}*"):
                leftover.unlink(missing_ok=True)  # of a process that was killed here
            partial = folder / f"{PARTIAL_PREFIX}{os.getpid()}"
            fd = os.open(partial, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                _try_lock(fd)
                write_all(fd, content)
                os.fsync(fd)
                path = _assign_number(folder, partial)
            except BaseException:  # a signal too
                os.close(fd)
                raise
            finally:
                with suppress(OSError):  # the run has its number; the next run created here removes what is left
                    partial.unlink()
            _sync_folder(folder)
    except OSError as error:
        raise storage_error(failure, folder, error) from None
    return path, fd


def _assign_number(folder: Path, partial: Path) -> Path:
    """Name a complete file by the next free number; return its path."""
    number = next_number(folder)
    while True:
        path = folder / f"{number:03d}-{DEFAULT_NAME}.jsonl"
        try:
            _assign_name(partial, path)
        except FileExistsError:
            number += 1  # another process took it, on a file system without locks
        else:
            return path


def _assign_name(partial: Path, path: Path) -> None:
    """Name a complete file; raises ``FileExistsError`` where the name is taken."""
    try:
        os.link(partial, path)
    except OSError as error:
        if error.errno not in NO_LINK_ERRNOS:
            raise
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o644))  # reserve the name, then replace the empty file
        partial.replace(path)


def open_locked(path: Path) -> int | None:
    """Return the descriptor of a run file, open and locked, or None where it cannot be written or is locked elsewhere."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
    except OSError:
        return None
    if _try_lock(fd):
        return fd
    os.close(fd)
    return None


def close_file(fd: int | None) -> None:
    """Close a descriptor, which releases its lock; None is ignored."""
    if fd is not None:
        os.close(fd)


def write_all(fd: int, content: bytes) -> None:
    """Write all of ``content``, in as many system calls as it takes."""
    while content:
        content = content[os.write(fd, content) :]


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot sync a folder; the file itself is synced
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _try_lock(fd: int) -> bool:
    """Lock an open file until it is closed; return False where another process holds the lock."""
    if sys.platform == "win32":  # pragma: no cover - runs are saved there without locks
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)  # any other error: a file system without locks
    return True


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


def same_file(one: Path, other: Path) -> bool:
    """Return whether two paths are the same file; False where one cannot be read."""
    with suppress(OSError):
        return one.samefile(other)
    return False


def is_replaced(path: Path, fd: int) -> bool:
    """Return whether the file at ``path`` is no longer the open one, or is empty."""
    try:
        status = path.stat()
    except OSError:
        return True
    return not status.st_size or not os.path.samestat(status, os.fstat(fd))


def latest_other_mtime(folder: Path, path: Path) -> int:
    """Return the latest modification time, in nanoseconds, of the run files in a folder except ``path``; 0 where none is."""
    latest = 0
    with suppress(RunError):
        for run_file in list_run_files(folder):
            with suppress(OSError):
                latest = max(latest, 0 if run_file.path.name == path.name else run_file.path.stat().st_mtime_ns)
    return latest


def forget(path: Path) -> Path:
    """Move a run file to ``.trash`` in its folder; return its new path. Raises ``RunError``."""
    if not FILE_NAME_PATTERN.fullmatch(path.name):
        raise RunError(f"{path}: not named as a run file (NUMBER-NAME.jsonl), so it was not moved")
    fd = open_locked(path)
    if fd is None:
        raise RunError(f"{path} is being played elsewhere or cannot be written, so it was not moved")
    try:
        target = path.parent / TRASH / path.name
        if target.parent.is_symlink():
            raise RunError(f"{target.parent} is a symbolic link: the run was not moved")
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            raise RunError(f"{target} already exists")
        path.rename(target)
    except OSError as error:
        raise RunError(f"{path}: cannot be moved: {error.strerror}") from None
    finally:
        close_file(fd)
    return target


def storage_error(failure: str, path: Path | None, error: OSError) -> RunError:
    """Return a ``RunError`` with what failed, the path, and the system's message."""
    return RunError(f"{failure}: {path}: {error.strerror or error}")
