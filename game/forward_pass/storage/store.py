"""The store of runs: the file of the run being played, and the ways to begin, resume, fork and look at stored runs.

A turn is appended and synced before it is made; no line is ever rewritten. A file that must not be appended to (locked by
another process, damaged, or of a changed world) is left unchanged, and the next choice begins a sibling with the path so far.
Numbers, locks and writing are in ``files``. Must not know screens.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from forward_pass.errors import RunError, printable
from forward_pass.loading.paths import APP, FLAGSHIP, saves_folder
from forward_pass.storage.files import (
    DEFAULT_NAME,
    close_file,
    create_run_file,
    folder_lock,
    is_replaced,
    latest_other_mtime,
    next_number,
    open_locked,
    same_file,
    storage_error,
    write_all,
)
from forward_pass.storage.journal import (
    FILE_NAME_PATTERN,
    RUN_NAME_PATTERN,
    Header,
    Journal,
    read_journal,
    resolve_run,
    to_json_line,
)
from forward_pass.storage.listing import endings_found, summaries
from forward_pass.story.distribution import PassPort
from forward_pass.story.history import Divergence, Run, Turn, at_turn, new_run, replay
from forward_pass.story.state import Prior
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.storage.run_set import RunSet

TURN_NOT_SAVED = "the choice could not be saved, so it was not taken"
CURSOR_NOT_SAVED = "the cursor could not be saved, so it was not moved"


class Resumed(NamedTuple):
    """A resumed run, and notes for the player about its file."""

    run: Run
    notes: tuple[str, ...]


class RunStore:
    """The stored runs of a world, and the file of the one being played, created at its first choice. Holds its lock."""

    def __init__(
        self,
        saves: Path,
        world: World,
        pass_port: PassPort,
        make_header: Callable[[Prior], Header],
        world_argument: str = "",
    ) -> None:
        self.saves = saves
        self.folder = saves / world.id
        self.world = world
        self.pass_port = pass_port
        self.make_header = make_header
        self.program = APP  # the game's name on a command line
        self.world_argument = world_argument or world.id  # the world on a command line: its name, or its folder
        self.header = make_header(Prior())
        self.path: Path | None = None
        self.fd: int | None = None  # None while the run must not be appended to
        self.number = 0  # of the run in this folder; 0 before its first choice, and for a file outside the folder
        self._torn_at: int | None = None  # size to which the file is truncated before anything is appended
        self._latest_other_mtime = 0  # nanoseconds; the modification time that this run's file must exceed

    @property
    def label(self) -> str | None:
        """The run's name as ``WORLD/NUMBER``, its path where it is outside the folder, or None before its first choice."""
        if self.path is None or self.fd is None:
            return None
        return f"{self.world.id}/{self.number}" if self.number else printable(str(self.path))

    @property
    def resume_command(self) -> str:
        """The command line that resumes the run."""
        return self._command(f" --load {self.number or _shell_quoted(str(self.path))}")

    @property
    def new_command(self) -> str:
        """The command line that begins a run."""
        return self._command("")

    def _command(self, options: str) -> str:
        import shlex  # noqa: PLC0415 - not needed for the first scene

        world = "" if self.world_argument == FLAGSHIP else f" {shlex.quote(self.world_argument)}"
        saves = "" if self.saves == saves_folder(None) else f" --saves {shlex.quote(str(self.saves))}"
        return f"{self.program} play{world}{options}{saves}"

    @property
    def prior(self) -> Prior:
        """The facts known before the run."""
        return self.header.prior

    @property
    def sampling(self) -> tuple[float, int]:
        """The temperature and the seed of the run."""
        return self.header.temperature, self.header.seed

    def list_lines(self) -> list[str]:
        """Return a line for each stored run of the world."""
        return [str(summary) for summary in summaries(self.folder, self.world)]

    def new_run(self) -> Run:
        """Close the present run and return a new one at its opening, stored from its first choice on. Raises ``RunError``."""
        prior = Prior(next_number(self.folder), endings_found(self.folder, self.world))
        self.close()
        self.header = self.make_header(prior)
        return new_run(self.world, self.pass_port, prior)

    def resume(self, reference: str | Path) -> Resumed:
        """Return a stored run at its cursor, to be played on. On ``RunError`` or ``UsageError`` the present run stays open.

        A file that must not be appended to is left unchanged, and the next choice begins a sibling of it.
        """
        path = self._resolve(reference)
        is_current = self.fd is not None and self.path is not None and same_file(path, self.path)
        fd = self.fd if is_current else open_locked(path)
        try:
            journal = _read_journal_of(self.world, path)
        except RunError:
            if not is_current:
                close_file(fd)
            raise
        run, differences, _ = replay(self.world, self.pass_port, journal.header.prior, journal.turns)
        run = _valid_turns(run, differences, world_changed=journal.header.hash != self.world.hash)
        run = at_turn(run, min(journal.at, len(run.turns)))
        notes = _resume_notes(path, journal, self.world, differences, unavailable=fd is None)
        if not is_current:
            self.close()
        self._attach(journal.header, path, fd)
        self._torn_at = journal.valid_bytes if journal.torn else None
        if differences or journal.faults or journal.header.hash != self.world.hash:
            close_file(fd)
            self.fd = None
        return Resumed(run, notes)

    def fork(self, reference: str | Path, at: int) -> Resumed:
        """Return a stored run at one of its turns; the next choice begins a sibling, and its file is left unchanged.

        On ``RunError`` or ``UsageError`` the present run stays open.
        """
        path = self._resolve(reference)
        journal = _read_journal_of(self.world, path)
        run = self._replay_to(path, journal, at)
        self.close()
        self._attach(journal.header, path, None)
        return Resumed(run, (f"A branch of {printable(path.name)} at turn {at}: the next choice begins a run of its own.",))

    def fork_foreign(self, journal: Journal, at: int) -> Resumed:
        """Return a new run with the first turns of a golden run, stored from its next choice on. Raises ``RunError``."""
        self.new_run()
        self.header = self.header._replace(seed=journal.header.seed, temperature=journal.header.temperature)
        journal = journal._replace(header=journal.header._replace(prior=self.header.prior))
        run = self._replay_to(Path(journal.header.created_at), journal, at)
        return Resumed(
            run, (f"A branch of {journal.header.created_at} at turn {at}: the next choice begins a run of its own.",)
        )

    def _resolve(self, reference: str | Path) -> Path:
        return reference if isinstance(reference, Path) else resolve_run(self.saves, self.world.id, reference)

    def _replay_to(self, path: Path, journal: Journal, at: int) -> Run:
        run, differences, _ = replay(self.world, self.pass_port, journal.header.prior, journal.turns[:at])
        valid = _valid_turns(run, differences, world_changed=journal.header.hash != self.world.hash)
        if len(valid.turns) < at:
            first = differences[0] if differences else None
            reason = f"it diverged at turn {first.turn}: {first.what}" if first else "it has fewer turns"
            raise RunError(f"{path.name} cannot be replayed to turn {at}: {reason}")
        return valid

    def view(self, reference: str) -> Run:
        """Return a stored run at its cursor, for reading only; raises ``RunError`` or ``UsageError``."""
        journal = _read_journal_of(self.world, resolve_run(self.saves, self.world.id, reference))
        run, _, _ = replay(self.world, self.pass_port, journal.header.prior, journal.turns)
        return at_turn(run, min(journal.at, len(run.turns)))

    def run_set(self) -> RunSet:
        """Return all stored runs of the world. Raises ``RunError``."""
        from forward_pass.storage.run_set import stored_runs  # noqa: PLC0415 - not needed at start

        return stored_runs(self.world, self.pass_port, self.folder)

    def record_turn(self, run: Run, turn: Turn) -> None:
        """Save a turn that ``run`` is about to make; raises ``RunError`` where it cannot be saved."""
        if self.fd is None or self.path is None or is_replaced(self.path, self.fd):
            self._create(run, turn)
        elif run.at == len(run.turns):
            self._append(self.fd, _turn_line(turn), TURN_NOT_SAVED)
        elif run.turns[run.at].choice == turn.choice:
            self._append(self.fd, _cursor_line(at_turn(run, run.at + 1)), TURN_NOT_SAVED)
        else:
            self._create(run, turn)

    def record_cursor(self, run: Run) -> None:
        """Save the cursor that ``run`` is about to have; raises ``RunError`` where it cannot be saved."""
        if self.fd is not None:
            self._append(self.fd, _cursor_line(run), CURSOR_NOT_SAVED)

    def rename(self, name: str) -> None:
        """Rename the run's file; raises ``RunError`` where there is none yet, or the name is not valid or taken."""
        if self.path is None or self.fd is None:
            raise RunError("no run to name yet: a run is saved from its first choice on")
        if name.isdigit():
            raise RunError(f"a name of digits alone would be read as a run's number; try run-{name[:9]}")
        if not RUN_NAME_PATTERN.fullmatch(name):
            raise RunError("a name is at most 60 letters, digits, - and _, starting with a letter or digit")
        if not self.number:
            raise RunError(f"{self.path} is outside {self.folder}, so it cannot be renamed")
        target = self.path.with_name(f"{self.number:03d}-{name}.jsonl")
        try:
            with folder_lock(self.folder):
                if target.exists() and target != self.path:
                    raise RunError(f"{target.name} already exists")
                self.path.rename(target)
        except OSError as error:
            raise RunError(f"cannot be renamed: {error.strerror}") from None
        self.path = target

    @property
    def _is_orphaned(self) -> bool:
        """Whether the run cannot be a sibling's parent: its file is gone, replaced, or outside the folder."""
        if not self.number or self.path is None:
            return True
        return not self.path.exists() if self.fd is None else is_replaced(self.path, self.fd)

    def close(self) -> None:
        """Close the run's file, which releases its lock."""
        close_file(self.fd)
        self.path = self.fd = self._torn_at = None
        self.number = 0

    def _attach(self, header: Header, path: Path, fd: int | None) -> None:
        match = FILE_NAME_PATTERN.fullmatch(path.name) if same_file(path.parent, self.folder) else None
        self.header, self.path, self.fd = header, path, fd
        self.number = int(match["number"]) if match else 0
        self._latest_other_mtime = 0 if fd is None else latest_other_mtime(self.folder, path)

    def _make_latest(self, fd: int) -> None:
        """Make this run's modification time the latest in its folder, even if the clock was set back."""
        with suppress(OSError):
            if self.path is not None and os.fstat(fd).st_mtime_ns <= self._latest_other_mtime:
                os.utime(self.path, ns=(self._latest_other_mtime + 1, self._latest_other_mtime + 1))

    def _append(self, fd: int, line: str, failure: str) -> None:
        """Append a line and sync it, or leave the file unchanged and raise ``RunError``."""
        try:
            if self._torn_at is not None:
                os.ftruncate(fd, self._torn_at)
                self._torn_at = None
            size = os.fstat(fd).st_size
            lead = "" if os.pread(fd, 1, size - 1) == b"\n" else "\n"
        except OSError as error:
            raise storage_error(failure, self.path, error) from None
        try:
            write_all(fd, f"{lead}{line}\n".encode())
            os.fsync(fd)
        except OSError as error:
            self._torn_at = size  # if truncating fails now, it is done before the next append
            with suppress(OSError):
                os.ftruncate(fd, size)
                self._torn_at = None
            raise storage_error(failure, self.path, error) from None
        self._make_latest(fd)

    def _create(self, run: Run, turn: Turn) -> None:
        """Create the run's file, or a sibling of the present file, with the path so far and this turn."""
        header = self.header
        if self.path is not None:
            new_header = self.make_header(header.prior)
            parent = None if self._is_orphaned else (self.number, run.at)
            header = new_header._replace(seed=header.seed, temperature=header.temperature, parent=parent)
        lines = [header.line(), *map(_turn_line, run.path), _turn_line(turn)]
        path, fd = create_run_file(self.folder, "".join(f"{line}\n" for line in lines).encode(), TURN_NOT_SAVED)
        self.close()
        self._attach(header, path, fd)
        self._make_latest(fd)


def _shell_quoted(path: str) -> str:
    """Return a path quoted for a shell, with characters escaped that would act on the terminal."""
    import shlex  # noqa: PLC0415 - not needed for the first scene

    if path.isprintable():
        return shlex.quote(path)
    escaped = [one if one.isprintable() and one not in "'\\" else _escaped_bytes(one) for one in path]
    return f"$'{''.join(escaped)}'"


def _escaped_bytes(character: str) -> str:
    """Return the bytes of a character as they are written within the shell's ``$'...'``."""
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


def _read_journal_of(world: World, path: Path) -> Journal:
    """Return a parsed run file; raises ``RunError`` where it is of another world."""
    journal = read_journal(path)
    if journal.header.world != world.id:
        raise RunError(f"{path} is a run of {journal.header.world}, this is {world.id}")
    return journal


def _valid_turns(run: Run, differences: list[Divergence], *, world_changed: bool) -> Run:
    """Return a replayed run without its first differing turn and those after it; all of it where the world has changed.

    Differing turns are dropped because a sibling would store them with new digests, as if they had been played.
    """
    count = len(run.turns) if world_changed or not differences else differences[0].turn - 1
    return run._replace(turns=run.turns[:count], at=count)


def _resume_notes(
    path: Path, journal: Journal, world: World, differences: list[Divergence], *, unavailable: bool
) -> tuple[str, ...]:
    """Return the notes for the player about a resumed run; ``unavailable``: its file could not be opened and locked."""
    name = printable(path.name)
    world_changed = journal.header.hash != world.hash
    notes = []
    if journal.torn:
        notes.append(f"The last line of {name} was cut short; the choice on it was never answered, and is dropped.")
    notes += [f"{fault}." for fault in journal.faults]
    if world_changed:
        notes.append(f"The world has changed since {name} was played (then {journal.header.version}, now {world.version}).")
    if journal.header.weights not in (None, world.weights):
        notes.append(f"The weights are not those {name} was played with; its recorded words are used.")
    if differences:
        first = differences[0]
        playable = "" if first.broken or world_changed else f" It can be played to turn {first.turn - 1}."
        notes.append(f"{name} diverged at turn {first.turn}: {first.what}.{playable}")
    if unavailable:
        notes.append(f"{name} is being played elsewhere or cannot be written.")
    if differences or journal.faults or unavailable or world_changed:
        notes.append("It stays unchanged; the next choice begins a sibling of it.")
    return tuple(notes)


def import_run(folder: Path, header: Header, run: Run, name: str) -> Path:
    """Store a run from elsewhere, up to its cursor, under the next number; return its file. Raises ``RunError``."""
    content = "".join(f"{line}\n" for line in (header.line(), *map(_turn_line, run.path)))
    path, fd = create_run_file(folder, content.encode(), "the run could not be saved")
    try:
        target = path.with_name(path.name.replace(f"-{DEFAULT_NAME}.", f"-{name}."))
        path.rename(target)
    except OSError:
        return path  # saved, under the default name
    finally:
        os.close(fd)
    return target


def _cursor_line(run: Run) -> str:
    return to_json_line({"at": run.at, "turn": run.digest})


def _turn_line(turn: Turn) -> str:
    row: dict[str, Any] = {"choice": turn.choice, "scene": turn.state.scene}
    if turn.word is not None:
        row |= {"word": turn.word, "p": turn.probability}
    return to_json_line(row | {"digest": turn.digest})
