"""The run in play, as it is kept: a line a turn, appended and never rewritten, with no state in it and no code.

A choice is appended and synced before it is made. What may not be appended to (another process holds it, it is damaged, its
world has changed) stays as it is, and whatever is chosen next begins a sibling with the path so far. How files come to be,
and to their numbers and locks, is for ``files`` to know; no screen is known here.
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
    UNNAMED,
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
from forward_pass.storage.journal import FILE, NAME, Header, Journal, read_journal, resolve_run, to_json_line
from forward_pass.storage.listing import endings_found, summaries
from forward_pass.story.distribution import PassPort
from forward_pass.story.history import Divergence, Run, Turn, at_turn, new_run, replay
from forward_pass.story.state import Prior
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.storage.run_set import RunSet

TURN_NOT_SAVED = "the choice could not be kept, so it was not taken"
CURSOR_NOT_SAVED = "this could not be kept, so the run stays where it is"


class Resumed(NamedTuple):
    """A kept run taken up again, and what a person should know of it."""

    run: Run
    notes: tuple[str, ...]


class RunStore:
    """The file that the run in play is kept in, or will be from its first choice on. One for each play; holds a lock."""

    def __init__(
        self, saves: Path, world: World, measure: PassPort, begin: Callable[[Prior], Header], called: str = ""
    ) -> None:
        self.saves = saves
        self.folder = saves / world.id
        self.world = world
        self.measure = measure
        self.make_header = begin
        self.program = APP  # what a command line calls the game
        self.world_argument = called or world.id  # what a command line calls the world: its name, or its folder
        self.header = begin(Prior())
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
    def resume_command(self) -> str:
        """The command that goes on with the run."""
        return self._command(f" --load {self.number or _typed(str(self.path))}")

    @property
    def new_command(self) -> str:
        """The command that begins a run."""
        return self._command("")

    def _command(self, more: str) -> str:
        import shlex  # noqa: PLC0415 - the first scene can do without

        world = "" if self.world_argument == FLAGSHIP else f" {shlex.quote(self.world_argument)}"
        saves = "" if self.saves == saves_folder(None) else f" --saves {shlex.quote(str(self.saves))}"
        return f"{self.program} play{world}{more}{saves}"

    @property
    def prior(self) -> Prior:
        """What was known when the run began."""
        return self.header.prior

    @property
    def sampling(self) -> tuple[float, int]:
        """The temperature and the seed that words are drawn with."""
        return self.header.temperature, self.header.seed

    def list_lines(self) -> list[str]:
        """Return a line for each run of the world that is kept."""
        return [str(summary) for summary in summaries(self.folder, self.world)]

    def new_run(self) -> Run:
        """Let go of the present run; return one at its opening, which will be kept from its first choice on."""
        facts = Prior(next_number(self.folder), endings_found(self.folder, self.world))
        self.close()
        self.header = self.make_header(facts)
        return new_run(self.world, self.measure, facts)

    def resume(self, asked: str | Path) -> Resumed:
        """Take up a kept run where its cursor stands; raises ``RunError`` or ``UsageError``, and the present run goes on.

        What cannot be appended to (another process holds it, it is damaged, or the world has changed) is left as it is,
        and the next choice begins a sibling of it.
        """
        path = asked if isinstance(asked, Path) else resolve_run(self.saves, self.world.id, asked)
        mine = self.file is not None and self.path is not None and same_file(path, self.path)
        file = self.file if mine else open_locked(path)
        try:
            journal = _journal_of(self.world, path)
        except RunError:
            if not mine:
                close_file(file)
            raise
        run, differences, _ = replay(self.world, self.measure, journal.header.prior, journal.turns)
        run = _good(run, differences, changed=journal.header.hash != self.world.hash)
        run = at_turn(run, min(journal.at, len(run.turns)))
        notes = _notes(path, journal, self.world, differences, held=file is None)
        if not mine:
            self.close()
        self._hold(journal.header, path, file)
        self._torn_at = journal.valid_bytes if journal.torn else None
        if differences or journal.faults or journal.header.hash != self.world.hash:
            close_file(file)
            self.file = None
        return Resumed(run, notes)

    def fork(self, asked: str | Path, at: int) -> Resumed:
        """Take up a kept run at one of its turns, to play on from there in a sibling of it; its file is left as it is.

        Raises ``RunError`` or ``UsageError``, and the present run goes on.
        """
        path = asked if isinstance(asked, Path) else resolve_run(self.saves, self.world.id, asked)
        journal = _journal_of(self.world, path)
        run = self._walked(path, journal, at)
        self.close()
        self._hold(journal.header, path, None)
        return Resumed(run, (f"A branch of {printable(path.name)} at turn {at}: the next choice begins a run of its own.",))

    def fork_foreign(self, journal: Journal, at: int) -> Resumed:
        """Begin a run, to be kept from its next choice on, with the first turns of one that is kept elsewhere."""
        self.new_run()
        self.header = self.header._replace(seed=journal.header.seed, temperature=journal.header.temperature)
        journal = journal._replace(header=journal.header._replace(prior=self.header.prior))
        run = self._walked(Path(journal.header.created_at), journal, at)
        return Resumed(
            run, (f"A branch of {journal.header.created_at} at turn {at}: the next choice begins a run of its own.",)
        )

    def _walked(self, path: Path, journal: Journal, at: int) -> Run:
        run, differences, _ = replay(self.world, self.measure, journal.header.prior, journal.turns[:at])
        good = _good(run, differences, changed=journal.header.hash != self.world.hash)
        if len(good.turns) < at:
            why = f"it diverged at turn {differences[0].turn}: {differences[0].what}" if differences else "it ends before"
            raise RunError(f"{path.name} cannot be walked to turn {at}: {why}")
        return good

    def view(self, asked: str) -> Run:
        """Return a kept run where its cursor stands, to be looked at; raises ``RunError`` or ``UsageError``."""
        journal = _journal_of(self.world, resolve_run(self.saves, self.world.id, asked))
        run, _, _ = replay(self.world, self.measure, journal.header.prior, journal.turns)
        return at_turn(run, min(journal.at, len(run.turns)))

    def run_set(self) -> RunSet:
        """Return all runs of the world that are kept."""
        from forward_pass.storage.run_set import stored_runs  # noqa: PLC0415 - a start can do without

        return stored_runs(self.world, self.measure, self.folder)

    def record_turn(self, run: Run, turn: Turn) -> None:
        """Write down a turn that ``run`` is about to make, before it is made; raises ``RunError`` where that fails."""
        if self.file is None or self.path is None or is_replaced(self.path, self.file):
            self._create(run, turn)
        elif run.at == len(run.turns):
            self._append(self.file, _turn_line(turn), TURN_NOT_SAVED)
        elif run.turns[run.at].choice == turn.choice:
            self._append(self.file, _cursor_line(at_turn(run, run.at + 1)), TURN_NOT_SAVED)
        else:
            self._create(run, turn)

    def record_cursor(self, run: Run) -> None:
        """Write down where a run that went back or forth will stand; raises ``RunError`` where that fails."""
        if self.file is not None:
            self._append(self.file, _cursor_line(run), CURSOR_NOT_SAVED)

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
            with folder_lock(self.folder):
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
        return not self.path.exists() if self.file is None else is_replaced(self.path, self.file)

    def close(self) -> None:
        """Let go of the file and of its lock."""
        close_file(self.file)
        self.path = self.file = self._torn_at = None
        self.number = 0

    def _hold(self, header: Header, path: Path, file: int | None) -> None:
        match = FILE.fullmatch(path.name) if same_file(path.parent, self.folder) else None
        self.header, self.path, self.file = header, path, file
        self.number = int(match["number"]) if match else 0
        self._latest = 0 if file is None else latest_other_mtime(self.folder, path)

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
            raise storage_error(failed, self.path, error) from None
        try:
            write_all(file, f"{lead}{line}\n".encode())
            os.fsync(file)
        except OSError as error:
            self._torn_at = before  # to be cut off before anything else is written, if that cannot be done now
            with suppress(OSError):
                os.ftruncate(file, before)
                self._torn_at = None
            raise storage_error(failed, self.path, error) from None
        self._stamp(file)

    def _create(self, run: Run, turn: Turn) -> None:
        """Begin the run's file, or a sibling of the one it was taken from, with the path so far and this turn."""
        header = self.header
        if self.path is not None:
            now = self.make_header(header.prior)
            parent = None if self._orphaned else (self.number, run.at)
            header = now._replace(seed=header.seed, temperature=header.temperature, parent=parent)
        lines = [header.line(), *map(_turn_line, run.path), _turn_line(turn)]
        path, file = create_run_file(self.folder, "".join(f"{line}\n" for line in lines).encode(), TURN_NOT_SAVED)
        self.close()
        self._hold(header, path, file)
        self._stamp(file)


def _typed(path: str) -> str:
    """Return a path as it is typed to a shell, without anything in it that would act on the terminal it is read on."""
    import shlex  # noqa: PLC0415 - the first scene can do without

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


def _good(run: Run, differences: list[Divergence], *, changed: bool) -> Run:
    """Return a run up to the first turn that came out differently; on a world that has changed, as far as it was walked.

    What lies beyond is no part of it any more: copied into a sibling, with new digests, it would pass for what was played.
    """
    good = len(run.turns) if changed or not differences else differences[0].turn - 1
    return run._replace(turns=run.turns[:good], at=good)


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


def import_run(folder: Path, header: Header, run: Run, name: str) -> Path:
    """Keep a run from elsewhere, up to where it stands, under the next number; return its file. Raises ``RunError``."""
    content = "".join(f"{line}\n" for line in (header.line(), *map(_turn_line, run.path)))
    path, file = create_run_file(folder, content.encode(), "the run could not be kept")
    try:
        target = path.with_name(path.name.replace(f"-{UNNAMED}.", f"-{name}."))
        path.rename(target)
    except OSError:
        return path  # it is kept, if under no name
    finally:
        os.close(file)
    return target


def _cursor_line(run: Run) -> str:
    return to_json_line({"at": run.at, "turn": run.digest})


def _turn_line(turn: Turn) -> str:
    row: dict[str, Any] = {"choice": turn.choice, "scene": turn.state.scene}
    if turn.word is not None:
        row |= {"word": turn.word, "p": turn.probability}
    return to_json_line(row | {"digest": turn.digest})
