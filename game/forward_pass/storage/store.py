"""The store of a world's runs: begin a run, resume one, fork one, look at one, list them, import one. Writes no file itself."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import ForwardPassError, RunError, escaped, printable
from forward_pass.loading.paths import APP, FLAGSHIP, saves_folder
from forward_pass.storage.folder import RunFile, file_name, list_run_files, resolve_run, same_file
from forward_pass.storage.journal import Header, Journal, read_journal, turn_line
from forward_pass.storage.listing import EarlierRuns, newest_first, set_aside_note
from forward_pass.storage.recorder import NewRuns, Recorder
from forward_pass.storage.run_file import create_run_file, open_run_file
from forward_pass.story.history import Divergence, RecordedTurn, ReplayedPath, Run, at_turn, new_run, replay
from forward_pass.story.ports import Inspector
from forward_pass.story.state import Prior
from forward_pass.story.world import World


class Stored(NamedTuple):
    """A run to be played, what records it, and notes for the player about its file."""

    run: Run
    recorder: Recorder
    notes: tuple[str, ...] = ()


class StoreOptions(NamedTuple):
    """What new runs are given to know of earlier ones (None: what the kept runs say), and whether runs are written at all."""

    facts: Prior | None = None
    saving: bool = True


class RunStore:
    """The runs of a world in a folder of saves."""

    def __init__(  # noqa: PLR0913, PLR0917 - the last two have defaults
        self,
        saves: Path,
        world: World,
        inspector: Inspector,
        make_header: Callable[[Prior], Header],
        world_argument: str = "",
        options: StoreOptions = StoreOptions(),  # noqa: B008 - it is a value
    ) -> None:
        self.saves = saves
        self.folder = saves / world.id
        self.world = world
        self.inspector = inspector
        self.program = APP  # the game's name on a command line
        self._world_argument = world_argument or world.id  # the world on a command line: its name, or its folder
        self._facts = options.facts
        self._earlier = EarlierRuns(self.folder, world)
        self._new_runs = NewRuns(self.folder, make_header, options.saving)

    @property
    def facts(self) -> Prior:
        """What a new run knows of earlier ones: what the store was given to be known, else what the kept runs say.

        Raises ``RunError``.
        """
        return self._earlier.prior() if self._facts is None else self._facts

    def new(self) -> Stored:
        """Return a run at its opening, stored from its first choice on. Raises ``RunError``."""
        prior = self.facts
        return Stored(new_run(self.world, self.inspector, prior), Recorder(self._new_runs, self._new_runs.make_header(prior)))

    def resume(self, reference: str | Path, current: Recorder | None = None) -> Stored:
        """Return a stored run at its cursor, to be played on; ``current`` is what this process records already.

        A file that must not be appended to is left unchanged, and the next choice begins a sibling of it. Raises
        ``RunError`` or ``UsageError``.
        """
        path = self._resolve(reference)
        is_current = current is not None and current.file is not None and same_file(path, current.file.path)
        file = current.file if current and is_current else open_run_file(path)
        try:
            journal = self._read(path)
            replayed = self._replay(journal, journal.turns)
        except ForwardPassError:
            if file and not is_current:
                file.close()
            raise
        if current and is_current:
            current.file = None  # handed over, with its lock
        run = _valid_turns(journal, replayed)
        notes = _resume_notes(path, journal, self.world, replayed.differences, unavailable=file is None)
        if file and journal.torn:
            file.cut_tail_at(journal.valid_bytes)
        if file and (replayed.differences or journal.faults or _has_changed(journal, self.world)):
            file.close()
            file = None
        recorder = Recorder(self._new_runs, journal.header, path, file)
        return Stored(at_turn(run, min(journal.at, len(run.turns))), recorder, notes)

    def resume_latest(self) -> tuple[Stored | None, list[RunError]]:
        """Return the run that was played last, None where there is none, and why others before it could not be read."""
        errors: list[RunError] = []
        for run_file in newest_first(list_run_files(self.folder)):
            try:
                return self.resume(run_file.path), errors
            except RunError as error:
                errors.append(error)
        return None, errors

    def fork(self, reference: str | Path, turn: int) -> Stored:
        """Return a stored run at one of its turns; the next choice begins a sibling, and its file is left unchanged.

        Raises ``RunError`` or ``UsageError``.
        """
        path = self._resolve(reference)
        journal = self._read(path)
        run = self._replay_to(path.name, journal, turn)
        return Stored(run, Recorder(self._new_runs, journal.header, path), (_fork_note(printable(path.name), turn),))

    def fork_foreign(self, journal: Journal, turn: int) -> Stored:
        """Return a new run with the first turns of a golden run, stored from its next choice on. Raises ``RunError``."""
        recorder = self.new().recorder
        recorder.header = recorder.header._replace(seed=journal.header.seed, temperature=journal.header.temperature)
        name, journal = journal.header.created_at, journal._replace(header=journal.header._replace(prior=recorder.prior))
        return Stored(self._replay_to(name, journal, turn), recorder, (_fork_note(name, turn),))

    def view(self, reference: str) -> Run:
        """Return a stored run for reading only, at its end if it reached one, else at its cursor.

        Raises ``RunError`` or ``UsageError``.
        """
        journal = self._read(self._resolve(reference))
        run = self._replay(journal, journal.turns).run
        return at_turn(run, min(journal.reach(self.world.endings), len(run.turns)))

    def journal(self, reference: str) -> Journal:
        """Return what the file of a stored run says; raises ``RunError`` or ``UsageError``."""
        return self._read(self._resolve(reference))

    def branch(self, run: Run, recorder: Recorder) -> Stored:
        """Return a run at its cursor, to be played on: the next choice begins a sibling of what ``recorder`` records."""
        return Stored(run, Recorder(self._new_runs, recorder.header, recorder.path))

    def import_run(self, header: Header, run: Run, name: str) -> Path:
        """Store a run from elsewhere, up to its cursor, under the next number; return its file. Raises ``RunError``."""
        file = create_run_file(self.folder, [header.line(), *map(turn_line, run.path)], "the run could not be saved")
        number = int(file.path.name.partition("-")[0])
        with suppress(OSError):  # it stays under the default name
            file.rename(file_name(number, name))
        file.close()
        return file.path

    def find_identical(self, turns: Sequence[RecordedTurn]) -> RunFile | None:
        """Return the first run file with exactly these turns, or None; unreadable files are skipped."""
        path = [(turn.choice, turn.word, turn.digest) for turn in turns]
        with suppress(RunError):
            for run_file in list_run_files(self.folder):
                with suppress(RunError):
                    header, turns, *_ = read_journal(run_file.path)
                    if header.world == self.world.id and [(turn.choice, turn.word, turn.digest) for turn in turns] == path:
                        return run_file
        return None

    def play_command(self, recorder: Recorder | None = None) -> str:
        """Return the command line that resumes a recorded run, or begins one."""
        load = f" --load {recorder.number or _shell_quoted(str(recorder.path))}" if recorder else ""
        world = "" if self._world_argument == FLAGSHIP else f" {shlex.quote(self._world_argument)}"
        saves = "" if self.saves == saves_folder(None) else f" --saves {shlex.quote(str(self.saves))}"
        return f"{self.program} play{world}{load}{saves}"

    def _resolve(self, reference: str | Path) -> Path:
        return reference if isinstance(reference, Path) else resolve_run(self.saves, self.world.id, reference)

    def _read(self, path: Path) -> Journal:
        """Return a parsed run file; raises ``RunError`` where it is of another world."""
        journal = read_journal(path)
        set_aside = set_aside_note(path, journal.header, self.world)
        if set_aside:
            raise RunError(f"{printable(str(path))}: {set_aside}")
        return journal

    def _replay(self, journal: Journal, turns: Sequence[RecordedTurn]) -> ReplayedPath:
        return replay(self.world, self.inspector, journal.header.prior, turns)

    def _replay_to(self, name: str, journal: Journal, turn: int) -> Run:
        replayed = self._replay(journal, journal.turns[:turn])
        run = _valid_turns(journal, replayed)
        if len(run.turns) < turn:
            first = replayed.differences[0] if replayed.differences else None
            reason = f"it diverged at turn {first.turn}: {first.what}" if first else "it has fewer turns"
            raise RunError(f"{name} cannot be replayed to turn {turn}: {reason}")
        return run


def _valid_turns(journal: Journal, replayed: ReplayedPath) -> Run:
    """Return a replayed run without its first differing turn and those after it; all of it where the world has changed.

    Differing turns are dropped because a sibling would store them with new digests, as if they had been played.
    """
    run, differences = replayed.run, replayed.differences
    count = len(run.turns) if _has_changed(journal, run.world) or not differences else differences[0].turn - 1
    return run._replace(turns=run.turns[:count], at=count)


def _has_changed(journal: Journal, world: World) -> bool:
    return journal.header.hash != world.hash


FILE_NUMBER = re.compile(r"([0-9]+)-")  # at the beginning of a run file's name


def _fork_note(name: str, turn: int) -> str:
    number = FILE_NUMBER.match(name)
    run = f"run {int(number[1])}" if number else name
    return f"A branch of {run} at turn {turn}: the next choice begins a run of its own; that one stays as it is."


def _shell_quoted(path: str) -> str:
    """Return a path quoted for a shell, with characters escaped that would act on the terminal."""
    if path.isprintable():
        return shlex.quote(path)
    quotes_escaped = path.replace("\\", "\\x5c").replace("'", "\\x27")
    return f"$'{escaped(quotes_escaped, _escaped_bytes)}'"


def _escaped_bytes(character: str) -> str:
    """Return the bytes of a character as they are written within the shell's ``$'...'``."""
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


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
    if not world.gives_same_words(journal.header.weights):
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
