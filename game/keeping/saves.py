"""Runs on disk: a folder a world, a file a run, a line a turn. Appends and never rewrites; holds no state and no code.

A choice is appended and synced before it is made. What may not be appended to (another process holds it, it is damaged, its
world has changed) stays as it is, and whatever is chosen next begins a sibling with the path so far.
"""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from game.core.decoder import Measure
from game.core.run import Divergence, Run, Turn, begun, moved, restored
from game.core.state import Facts
from game.core.tokeniser import join
from game.core.world import World
from game.errors import RunError, printable
from game.garbage import uncollected
from game.keeping.journal import (
    FILE,
    NAME,
    Header,
    Journal,
    Kept,
    dumped,
    found_run,
    journal_of,
    kept_numbers,
    kept_runs,
    read_bytes,
    read_journal,
)
from game.keeping.shelf import Shelf, kept_shelf
from game.loading.library import FLAGSHIP, saves_folder

if sys.platform != "win32":  # pragma: no branch - Windows has no such locks
    import fcntl

UNNAMED = "run"
TRASH = ".trash"
PARTIAL = ".begun-"
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # what file systems without hard links say
NEITHER_LINK_NOR_PIPE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # in a folder that came from elsewhere
MOST_NUMBERED = 99_999_999  # beyond, a file was not numbered here, and the next number does not follow it
NOT_TAKEN = "the choice could not be kept, so it was not taken"
NOT_GONE = "this could not be kept, so the run stays where it is"


def endings_found(folder: Path, world: World) -> frozenset[str]:
    """Return the endings of a world that any run in its folder has reached.

    Of thousands of runs, only those are read as runs in which an ending stands by name that none before it had.
    """
    wanted = {ending: f'"{ending}"'.encode() for ending in world.endings}
    found: set[str] = set()
    for run in kept_runs(folder):
        if not wanted:
            break
        with suppress(RunError):
            data = read_bytes(run.path)
            if any(name in data for name in wanted.values()):
                found |= {turn.scene for turn in journal_of(data, run.path).turns} & wanted.keys()
                for ending in found & wanted.keys():
                    del wanted[ending]
    return frozenset(found)


def next_number(folder: Path) -> int:
    """Return the number that the next run will have; numbers of forgotten runs are not given again."""
    numbers = [*kept_numbers(folder), *kept_numbers(folder / TRASH)]
    return max((number for number in numbers if number <= MOST_NUMBERED), default=0) + 1


def forget(path: Path) -> Path:
    """Move a run out of the way, into ``.trash``; return where it lies. Raises ``RunError``."""
    if not FILE.fullmatch(path.name):
        raise RunError(f"{path}: not named as a run is, and left alone")
    file = _opened(path)
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
        _closed(file)
    return target


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

    def __str__(self) -> str:
        if self.problem:
            return f"{self.number:>3}  {self.name}: {self.problem}"
        turns = "1 turn" if self.turns == 1 else f"{self.turns} turns"
        branch = f", a branch of {self.parent[0]} at turn {self.parent[1]}" if self.parent else ""
        return f"{self.number:>3}  {self.name}: {turns}, {self.stands} ({self.made[:10]}{branch})"


def summaries(folder: Path, world: World) -> list[Summary]:
    """Return the runs kept in a world's folder, by number; a file that is no run is named as such."""
    with uncollected():
        return [summarised(kept, world) for kept in kept_runs(folder)]


def summarised(kept: Kept, world: World) -> Summary:
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
    return Summary(kept.number, kept.name, journal.at, stands, bool(title), header.made, header.parent)


class Resumed(NamedTuple):
    """A kept run taken up again, and what a person should know of it."""

    run: Run
    notes: tuple[str, ...]


class Keeper:
    """The file that the run in play is kept in, or will be from its first choice on. One for each play; holds a lock."""

    def __init__(self, saves: Path, world: World, measure: Measure, begin: Callable[[Facts], Header], called: str = "") -> None:
        self.saves = saves
        self.folder = saves / world.id
        self.world = world
        self.measure = measure
        self.fresh = begin
        self.called = called or world.id  # what a command line calls the world: its name, or its folder
        self.header = begin(Facts())
        self.path: Path | None = None
        self.file: int | None = None
        self.number = 0  # of the run in this folder; 0 before its first choice, and for a file that lies elsewhere
        self._torn_at: int | None = None
        self._latest = 0  # when, by the clock of the disk, any other run of the folder was last appended to

    @property
    def label(self) -> str | None:
        """The run's name as ``WORLD/NUMBER`` (its file, where that lies elsewhere), or None before its first choice."""
        if self.path is None or self.file is None:
            return None
        return f"{self.world.id}/{self.number}" if self.number else printable(str(self.path))

    @property
    def way_back(self) -> str:
        """The command that goes on with the run."""
        return self._command(f" --load {self.number or _typed(str(self.path))}")

    @property
    def way_in(self) -> str:
        """The command that begins a run."""
        return self._command("")

    def _command(self, more: str) -> str:
        world = "" if self.called == FLAGSHIP else f" {shlex.quote(self.called)}"
        saves = "" if self.saves == saves_folder(None) else f" --saves {shlex.quote(str(self.saves))}"
        return f"forward-pass play{world}{more}{saves}"

    @property
    def facts(self) -> Facts:
        """What was known when the run began."""
        return self.header.facts

    @property
    def chance(self) -> tuple[float, int]:
        """The temperature and the seed that words are drawn with."""
        return self.header.temperature, self.header.seed

    def listed(self) -> list[str]:
        """Return a line for each run of the world that is kept."""
        return [str(summary) for summary in summaries(self.folder, self.world)]

    def begin(self) -> Run:
        """Let go of the present run; return one at its opening, which will be kept from its first choice on."""
        facts = Facts(next_number(self.folder), endings_found(self.folder, self.world))
        self.close()
        self.header = self.fresh(facts)
        return begun(self.world, self.measure, facts)

    def resume(self, asked: str | Path) -> Resumed:
        """Take up a kept run where its cursor stands; raises ``RunError`` or ``UsageError``, and the present run goes on.

        What cannot be appended to (another process holds it, it is damaged, or the world has changed) is left as it is,
        and the next choice begins a sibling of it.
        """
        path = asked if isinstance(asked, Path) else found_run(self.saves, self.world.id, asked)
        mine = self.file is not None and self.path is not None and _same(path, self.path)
        file = self.file if mine else _opened(path)
        try:
            journal = _journal_of(self.world, path)
        except RunError:
            if not mine:
                _closed(file)
            raise
        run, differences, _ = restored(self.world, self.measure, journal.header.facts, journal.turns)
        run = _good(run, differences, changed=journal.header.hash != self.world.hash)
        run = moved(run, min(journal.at, len(run.turns)))
        notes = _notes(path, journal, self.world, differences, held=file is None)
        if not mine:
            self.close()
        self._hold(journal.header, path, file)
        self._torn_at = journal.good_bytes if journal.torn else None
        if differences or journal.faults or journal.header.hash != self.world.hash:
            _closed(file)
            self.file = None
        return Resumed(run, notes)

    def fork(self, asked: str | Path, at: int) -> Resumed:
        """Take up a kept run at one of its turns, to play on from there in a sibling of it; its file is left as it is.

        Raises ``RunError`` or ``UsageError``, and the present run goes on.
        """
        path = asked if isinstance(asked, Path) else found_run(self.saves, self.world.id, asked)
        journal = _journal_of(self.world, path)
        run = self._walked(path, journal, at)
        self.close()
        self._hold(journal.header, path, None)
        return Resumed(run, (f"A branch of {printable(path.name)} at turn {at}: the next choice begins a run of its own.",))

    def plant(self, journal: Journal, at: int) -> Resumed:
        """Begin a run, to be kept from its next choice on, with the first turns of one that is kept elsewhere."""
        self.begin()
        self.header = self.header._replace(seed=journal.header.seed, temperature=journal.header.temperature)
        journal = journal._replace(header=journal.header._replace(facts=self.header.facts))
        run = self._walked(Path(journal.header.made), journal, at)
        return Resumed(run, (f"A branch of {journal.header.made} at turn {at}: the next choice begins a run of its own.",))

    def _walked(self, path: Path, journal: Journal, at: int) -> Run:
        run, differences, _ = restored(self.world, self.measure, journal.header.facts, journal.turns[:at])
        good = _good(run, differences, changed=journal.header.hash != self.world.hash)
        if len(good.turns) < at:
            why = f"it diverged at turn {differences[0].turn}: {differences[0].what}" if differences else "it ends before"
            raise RunError(f"{path.name} cannot be walked to turn {at}: {why}")
        return good

    def other(self, asked: str) -> Run:
        """Return a kept run where its cursor stands, to be looked at; raises ``RunError`` or ``UsageError``."""
        journal = _journal_of(self.world, found_run(self.saves, self.world.id, asked))
        run, _, _ = restored(self.world, self.measure, journal.header.facts, journal.turns)
        return moved(run, min(journal.at, len(run.turns)))

    def shelf(self) -> Shelf:
        """Return all runs of the world that are kept."""
        return kept_shelf(self.world, self.measure, self.folder)

    def keep(self, run: Run, turn: Turn) -> None:
        """Write down a turn that ``run`` is about to make, before it is made; raises ``RunError`` where that fails."""
        if self.file is None or self.path is None or _gone(self.path, self.file):
            self._create(run, turn)
        elif run.at == len(run.turns):
            self._append(self.file, _turn_line(turn), NOT_TAKEN)
        elif run.turns[run.at].choice == turn.choice:
            self._append(self.file, _cursor_line(moved(run, run.at + 1)), NOT_TAKEN)
        else:
            self._create(run, turn)

    def keep_cursor(self, run: Run) -> None:
        """Write down where a run that went back or forth will stand; raises ``RunError`` where that fails."""
        if self.file is not None:
            self._append(self.file, _cursor_line(run), NOT_GONE)

    def rename(self, name: str) -> None:
        """Give the run a name; raises ``RunError`` where it has no file yet, or the name cannot be one."""
        if self.path is None or self.file is None:
            raise RunError("there is nothing to name yet: a run is kept from its first choice on")
        if name.isdigit():
            raise RunError(f"a name that is only digits would be taken for the number of a run: say, run-{name[:9]}")
        if not NAME.fullmatch(name):
            raise RunError("a name is letters, digits, - and _, a letter or digit first, at most 60")
        if not self.number:
            raise RunError(f"{self.path} lies outside {self.folder}: it has the name that it has there")
        target = self.path.with_name(f"{self.number:03d}-{name}.jsonl")
        try:
            with _folder_lock(self.folder):
                if target.exists() and target != self.path:
                    raise RunError(f"{target.name} is there already")
                self.path.rename(target)
        except OSError as error:
            raise RunError(f"cannot be named: {error.strerror}") from None
        self.path = target

    @property
    def _orphaned(self) -> bool:
        """Whether nobody could find the run that is held by its number any more: its file is gone, or lies elsewhere."""
        if not self.number or self.path is None:
            return True
        return not self.path.exists() if self.file is None else _gone(self.path, self.file)

    def close(self) -> None:
        """Let go of the file and of its lock."""
        _closed(self.file)
        self.path = self.file = self._torn_at = None
        self.number = 0

    def _hold(self, header: Header, path: Path, file: int | None) -> None:
        match = FILE.fullmatch(path.name) if _same(path.parent, self.folder) else None
        self.header, self.path, self.file = header, path, file
        self.number = int(match["number"]) if match else 0
        self._latest = 0 if file is None else _latest(self.folder, path)

    def _stamp(self, file: int) -> None:
        """See to it that this is the run that was appended to last, though the clock may have gone backwards since."""
        with suppress(OSError):
            if self.path is not None and os.fstat(file).st_mtime_ns <= self._latest:
                os.utime(self.path, ns=(self._latest + 1, self._latest + 1))

    def _append(self, file: int, line: str, failed: str) -> None:
        """Append a whole line and sync it, or leave the file as it was and raise ``RunError``."""
        try:
            if self._torn_at is not None:
                os.ftruncate(file, self._torn_at)
                self._torn_at = None
            before = os.fstat(file).st_size
            lead = "" if os.pread(file, 1, before - 1) == b"\n" else "\n"
        except OSError as error:
            raise _not_kept(failed, self.path, error) from None
        try:
            _write(file, f"{lead}{line}\n".encode())
            os.fsync(file)
        except OSError as error:
            self._torn_at = before  # to be cut off before anything else is written, if that cannot be done now
            with suppress(OSError):
                os.ftruncate(file, before)
                self._torn_at = None
            raise _not_kept(failed, self.path, error) from None
        self._stamp(file)

    def _create(self, run: Run, turn: Turn) -> None:
        """Begin the run's file, or a sibling of the one it was taken from, with the path so far and this turn."""
        header = self.header
        if self.path is not None:
            now = self.fresh(header.facts)
            parent = None if self._orphaned else (self.number, run.at)
            header = now._replace(seed=header.seed, temperature=header.temperature, parent=parent)
        lines = [header.line(), *map(_turn_line, run.path), _turn_line(turn)]
        path, file = _created(self.folder, "".join(f"{line}\n" for line in lines).encode())
        self.close()
        self._hold(header, path, file)
        self._stamp(file)


def _typed(path: str) -> str:
    """Return a path as it is typed to a shell, without anything in it that would act on the terminal it is read on."""
    if path.isprintable():
        return shlex.quote(path)
    shown = [one if one.isprintable() and one not in "'\\" else _bytes(one) for one in path]
    return f"$'{''.join(shown)}'"


def _bytes(character: str) -> str:
    """Return a character as a shell spells its bytes between ``$'`` and ``'``."""
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


def _journal_of(world: World, path: Path) -> Journal:
    journal = read_journal(path)
    if journal.header.world != world.id:
        raise RunError(f"{path} is a run of {journal.header.world}, this is {world.id}")
    return journal


def _opened(path: Path) -> int | None:
    """Return the file of a run, open and locked, or None where it cannot be written or somebody else has it."""
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND)
    except OSError:
        return None
    if _locked(file):
        return file
    os.close(file)
    return None


def _good(run: Run, differences: list[Divergence], *, changed: bool) -> Run:
    """Return a run up to the first turn that came out differently; on a world that has changed, as far as it was walked.

    What lies beyond is no part of it any more: copied into a sibling, with new digests, it would pass for what was played.
    """
    good = len(run.turns) if changed or not differences else differences[0].turn - 1
    return run._replace(turns=run.turns[:good], at=good)


def _closed(file: int | None) -> None:
    if file is not None:
        os.close(file)


def _latest(folder: Path, path: Path) -> int:
    """Return when any run in a folder but the one at ``path`` was last appended to, in nanoseconds; 0 where there is none."""
    latest = 0
    with suppress(RunError):
        for kept in kept_runs(folder):
            with suppress(OSError):
                latest = max(latest, 0 if kept.path.name == path.name else kept.path.stat().st_mtime_ns)
    return latest


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False


def _gone(path: Path, file: int) -> bool:
    """Return whether an open file is no longer what lies at its path, or was emptied: a run goes on in another one."""
    try:
        status = path.stat()
    except OSError:
        return True
    return not status.st_size or not os.path.samestat(status, os.fstat(file))


def _notes(path: Path, journal: Journal, world: World, differences: list[Divergence], *, held: bool) -> tuple[str, ...]:
    """Return what a person should know of a run that is taken up again."""
    name = printable(path.name)
    notes = []
    if journal.torn:
        notes.append(f"The last line of {name} was cut short; the choice on it was never answered, and is dropped.")
    notes += [f"{fault}." for fault in journal.faults]
    if journal.header.hash != world.hash:
        notes.append(f"The world has changed since {name} was played (then {journal.header.version}, now {world.version}).")
    if journal.header.weights not in (None, world.weights):
        notes.append(f"The weights are others than those {name} was played on: its recorded words are followed.")
    if differences:
        first = differences[0]
        stands = "" if first.broken or journal.header.hash != world.hash else f" It can be played to turn {first.turn - 1}."
        notes.append(f"{name} diverged at turn {first.turn}: {first.what}.{stands}")
    if held:
        notes.append(f"{name} is being played elsewhere or cannot be written.")
    if differences or journal.faults or held or journal.header.hash != world.hash:
        notes.append("It stays as it is; the next choice begins a sibling of it.")
    return tuple(notes)


def take_in(folder: Path, header: Header, run: Run, name: str) -> Path:
    """Keep a run from elsewhere, up to where it stands, under the next number; return its file. Raises ``RunError``."""
    content = "".join(f"{line}\n" for line in (header.line(), *map(_turn_line, run.path)))
    path, file = _created(folder, content.encode(), "the run could not be kept")
    try:
        target = path.with_name(path.name.replace(f"-{UNNAMED}.", f"-{name}."))
        path.rename(target)
    except OSError:
        return path  # it is kept, if under no name
    finally:
        os.close(file)
    return target


def _created(folder: Path, content: bytes, failed: str = NOT_TAKEN) -> tuple[Path, int]:
    """Write a new run into a folder under the next number; return its path and its open, locked file.

    It has its number only when it is whole: killed at any moment, a process leaves a run or none.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _folder_lock(folder):
            for left in folder.glob(f"{PARTIAL}*"):
                left.unlink(missing_ok=True)  # of a process that was killed here
            partial = folder / f"{PARTIAL}{os.getpid()}"
            file = os.open(partial, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                _locked(file)
                _write(file, content)
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
        raise _not_kept(failed, folder, error) from None
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


def _write(file: int, content: bytes) -> None:
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
def _folder_lock(folder: Path) -> Iterator[None]:
    """Keep other processes from giving out numbers and names in a folder."""
    handle = os.open(folder / ".lock", os.O_RDONLY | os.O_CREAT | NEITHER_LINK_NOR_PIPE, 0o644)
    try:
        if sys.platform != "win32":  # pragma: no branch - as above
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _not_kept(failed: str, path: Path | None, error: OSError) -> RunError:
    return RunError(f"{failed}: {path}: {error.strerror or error}")


def _cursor_line(run: Run) -> str:
    return dumped({"at": run.at, "turn": run.digest})


def _turn_line(turn: Turn) -> str:
    row: dict[str, Any] = {"choice": turn.choice, "scene": turn.state.scene}
    if turn.word is not None:
        row |= {"word": turn.word, "p": turn.probability}
    return dumped(row | {"digest": turn.digest})
