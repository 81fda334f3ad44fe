"""Run files on disk: created whole, open and locked while a run is played, and appended to line by line.

Knows bytes, locks and torn tails, and what disks and other processes do to them. Must not know what a file says.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from forward_pass.errors import RunError
from forward_pass.storage.folder import (
    FILE_NAME_PATTERN,
    TRASH,
    file_name,
    folder_lock,
    latest_other_mtime,
    next_number,
)

if sys.platform != "win32":  # pragma: no branch - Windows has no such locks
    import fcntl

PARTIAL_PREFIX = ".begun-"


class OpenRunFile:
    """A run file that is open and locked until it is closed."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._torn_at: int | None = None  # the size to which the file is truncated before anything is appended
        self.latest_other = latest_other_mtime(path.parent, path)  # nanoseconds; this file's time must exceed it

    @property
    def is_replaced(self) -> bool:
        """Whether the file at the path is no longer this one, or is empty."""
        try:
            status = self.path.stat()
        except OSError:
            return True
        return not status.st_size or not os.path.samestat(status, os.fstat(self._fd))

    def cut_tail_at(self, size: int) -> None:
        """Have a torn last line cut off at ``size`` bytes before anything is appended."""
        self._torn_at = size

    def append(self, line: str, failure: str) -> None:
        """Append a line and sync it, or leave the file unchanged and raise ``RunError``, which begins with ``failure``."""
        try:
            if self._torn_at is not None:
                os.ftruncate(self._fd, self._torn_at)
                self._torn_at = None
            size = os.fstat(self._fd).st_size
            lead = "" if os.pread(self._fd, 1, size - 1) == b"\n" else "\n"
        except OSError as error:
            raise storage_error(failure, self.path, error) from None
        self._torn_at = size  # if truncating fails after a failed write, it is done before the next append
        try:
            append_whole(self._fd, f"{lead}{line}\n".encode(), size)
        except OSError as error:
            raise storage_error(failure, self.path, error) from None
        self._torn_at = None
        self.make_latest()

    def make_latest(self) -> None:
        """Make this file's modification time the latest in its folder, even if the clock was set back."""
        with suppress(OSError):
            if os.fstat(self._fd).st_mtime_ns <= self.latest_other:
                os.utime(self.path, ns=(self.latest_other + 1, self.latest_other + 1))

    def rename(self, name: str) -> None:
        """Give the file another name in its folder; raises ``FileExistsError`` where it is taken, or another ``OSError``."""
        target = self.path.with_name(name)
        with folder_lock(self.path.parent):
            if target.exists() and target != self.path:
                raise FileExistsError(errno.EEXIST, "already exists", name)
            self.path.rename(target)
        self.path = target

    def close(self) -> None:
        """Close the file, which releases its lock."""
        os.close(self._fd)


def open_run_file(path: Path) -> OpenRunFile | None:
    """Return a run file, open and locked, or None where it cannot be written or is locked elsewhere."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
    except OSError:
        return None
    if _try_lock(fd):
        return OpenRunFile(path, fd)
    os.close(fd)
    return None


def create_run_file(folder: Path, lines: list[str], failure: str) -> OpenRunFile:
    """Write a new run file under the next number; return it, open and locked.

    The file gets its number only once it is complete, so a process killed at any moment leaves a whole run or none. Raises
    ``RunError``, which begins with ``failure``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(folder):
            for leftover in folder.glob(f"{PARTIAL_PREFIX}*"):
                leftover.unlink(missing_ok=True)  # of a process that was killed here
            path, fd = _write_and_name(folder, "".join(f"{line}\n" for line in lines).encode())
            _sync_folder(folder)
    except OSError as error:
        raise storage_error(failure, folder, error) from None
    return OpenRunFile(path, fd)


def _write_and_name(folder: Path, content: bytes) -> tuple[Path, int]:
    """Write and sync a file under a partial name, then give it the next number; return its path and its descriptor."""
    partial = folder / f"{PARTIAL_PREFIX}{os.getpid()}"
    fd = os.open(partial, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        _try_lock(fd)
        _write_all(fd, content)
        os.fsync(fd)
        return _assign_number(folder, partial), fd
    except BaseException:  # a signal too
        os.close(fd)
        raise
    finally:
        with suppress(OSError):  # the run has its number; the next run created here removes what is left
            partial.unlink()


def _assign_number(folder: Path, partial: Path) -> Path:
    """Name a complete file by the next free number; return its path."""
    number = next_number(folder)
    while True:
        path = folder / file_name(number)
        try:
            _assign_name(partial, path)
        except FileExistsError:
            number += 1  # another process took it, on a file system without locks
        else:
            return path


def _assign_name(partial: Path, path: Path) -> None:
    """Name a complete file; raises ``FileExistsError`` where the name is taken.

    A link says at once whether it is. Folders that give none refuse it in many ways (EPERM, EACCES, EXDEV, EMLINK, EIO ...), so
    whatever is not that answer is taken for such a folder.
    """
    try:
        os.link(partial, path)
    except OSError as error:
        if error.errno == errno.EEXIST:
            raise
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o644))  # reserve the name, then replace the empty file
        try:
            partial.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def append_whole(fd: int, content: bytes, size: int) -> None:
    """Append to a file of ``size`` bytes and sync it, or truncate it to that size and raise ``OSError``."""
    try:
        _write_all(fd, content)
        os.fsync(fd)
    except OSError:
        with suppress(OSError):
            os.ftruncate(fd, size)
        raise


def _write_all(fd: int, content: bytes) -> None:
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


def forget(path: Path) -> Path:
    """Move a run file to ``.trash`` in its folder; return its new path. Raises ``RunError``."""
    if not FILE_NAME_PATTERN.fullmatch(path.name):
        raise RunError(f"{path}: not named as a run file (NUMBER-NAME.jsonl), so it was not moved")
    file = open_run_file(path)
    if file is None:
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
        file.close()
    return target


def storage_error(failure: str, path: Path | None, error: OSError) -> RunError:
    """Return a ``RunError`` with what failed, the path, and the system's message."""
    return RunError(f"{failure}: {path}: {error.strerror or error}")
