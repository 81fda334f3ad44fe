"""What is kept of a run, as read back: files found by number and name, lines to turns. Writes nothing and walks nothing.

A file is JSON lines: a header, then a line for each turn, and ``{"at": K}`` wherever somebody went back or forth. What a run
means is found by walking it again, so a file from a stranger is as safe to open as one's own. docs/runs.md has the format.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple, TypeGuard

from forward_pass.errors import NoRunError, RunError, UsageError, printable
from forward_pass.gc_pause import gc_paused
from forward_pass.story.history import RecordedTurn
from forward_pass.story.state import Prior

FORMAT = 1
MOST_BYTES = 64 * 1024 * 1024
FILE = re.compile(r"(?P<number>[0-9]{3,9})-(?P<name>[\w-]{1,60})\.jsonl")
NAME = re.compile(r"(?!\d+\Z)[^\W_][\w-]{0,59}")  # no digits alone: those would be another run's number
WORLD = re.compile(r"[a-z][a-z0-9-]{0,254}")
LONGEST_WORD = 60
PLAIN = re.compile(r'\{"choice": ?"([a-z0-9-]{1,60})", ?"scene": ?"([a-z0-9-]{1,60})", ?"digest": ?"([0-9a-f]{16})"\}')
"""A turn at which no word came, as play writes it: most lines of a run, and read in half the time that JSON takes."""
LONGEST_SHOWN = 200
_DECODED = json.JSONDecoder().decode  # what json.loads does of a text, without asking what it was given
MOST_NUMBER = 2**53  # what every reader of JSON can hold


class Header(NamedTuple):
    """The first line of a run's file: which world, which pass, which draw, and what was known before."""

    world: str
    version: str
    hash: str
    weights: str | None
    seed: int
    temperature: float
    prior: Prior
    created_at: str
    parent: tuple[int, int] | None = None

    def line(self) -> str:
        """Return the header as a line of JSON."""
        row: dict[str, Any] = {
            "format": FORMAT,
            "world": self.world,
            "version": self.version,
            "hash": self.hash,
            "weights": self.weights,
            "seed": self.seed,
            "temperature": self.temperature,
            "facts": {"instantiation": self.prior.instantiation, "found": sorted(self.prior.found)},
            "made": self.created_at,
        }
        if self.parent is not None:
            row["parent"] = self.parent
        return to_json_line(row | {"sum": _sum(row)})


class RunFile(NamedTuple):
    """A file in the folder of a world that is named as a run is."""

    number: int
    name: str
    path: Path


class Cursor(NamedTuple):
    """A line that says after which turn the run stands, and that turn's digest, if it says it."""

    at: int
    turn: str | None


class Journal(NamedTuple):
    """What a run's file says: its header, its turns, where its cursor stands, and what is wrong with it."""

    header: Header
    turns: tuple[RecordedTurn, ...]
    at: int
    valid_bytes: int  # the length of the file, less a last line that is torn
    torn: bool  # the last line was cut short: the turn on it was never answered
    fault: str  # what cannot be read, and where; everything before it can
    tampered: str = ""  # what can be read and is not what was written, and where

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the file; empty where it can be appended to."""
        return tuple(fault for fault in (self.tampered, self.fault) if fault)


def list_run_files(folder: Path) -> list[RunFile]:
    """Return the runs in a world's folder by number; a folder that is not there has none."""
    with gc_paused():
        return sorted(RunFile(int(match["number"]), match["name"], folder / match[0]) for match in _named(folder))


def run_numbers(folder: Path) -> list[int]:
    """Return the numbers of the runs in a world's folder, in no order."""
    return [int(match["number"]) for match in _named(folder)]


def _named(folder: Path) -> list[re.Match[str]]:
    """Return the names in a folder that are names of runs; raises ``RunError`` where it cannot be read."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - of ten thousand names, most need no path
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{folder}: cannot be read: {error.strerror}") from None
    return [match for name in names if (match := FILE.fullmatch(name))]


def find_identical(folder: Path, turns: Sequence[RecordedTurn]) -> RunFile | None:
    """Return the first run in a world's folder that is these turns, to the last digest; one that cannot be read is not."""
    path = [(turn.choice, turn.word, turn.digest) for turn in turns]
    with suppress(RunError):
        for run in list_run_files(folder):
            with suppress(RunError):
                if [(turn.choice, turn.word, turn.digest) for turn in read_journal(run.path).turns] == path:
                    return run
    return None


def newest_first(runs: list[RunFile]) -> list[RunFile]:
    """Return runs by when they were last appended to, the latest first."""

    def appended(run: RunFile) -> tuple[int, int]:
        try:
            return run.path.stat().st_mtime_ns, run.number
        except OSError:
            return 0, run.number

    return sorted(runs, key=appended, reverse=True)


def resolve_run(saves: Path, world: str, asked: str) -> Path:
    """Return the file that RUN means: an existing path, else a number, else an exact name, or ``WORLD/RUN``.

    Raises ``RunError`` where there is none and ``UsageError`` where there are several.
    """
    if os.path.isfile(asked):  # noqa: PTH113 - Path.is_file raises on a name that is too long
        return Path(asked)
    if "/" in asked:
        world, asked = asked.split("/", 1)
    runs = list_run_files(saves / world) if WORLD.fullmatch(world) else []
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None  # noqa: PLR2004 - as FILE
    numbered = [run for run in runs if run.number == number]
    fitting = numbered or [run for run in runs if run.name == asked]
    if not fitting:
        kept = f"; `forward-pass runs {world}` lists them" if runs else ", and no run of it is kept"
        raise NoRunError(f"no run of {world} is called {asked}{kept} (in {saves})", asked, others=bool(runs))
    if len(fitting) > 1:
        listed = ", ".join(f"{run.number} ({run.name})" for run in fitting)
        how = f"say its file in {fitting[0].path.parent}" if numbered else "say its number"
        raise UsageError(f"{asked} could be any of these runs: {listed}; {how}")
    return fitting[0].path


def read_journal(path: Path) -> Journal:
    """Return what a run's file says; raises ``RunError`` where it is no run or one of a later format."""
    return parse_journal(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """Return what stands in a run's file; raises ``RunError`` where it cannot be one."""
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):  # a pipe would be waited for, a device read for ever
            raise RunError(f"{path}: no file: this is no run, and it is left alone")
        if status.st_size > MOST_BYTES:
            raise RunError(f"{path}: over {MOST_BYTES // 2**20} MB: this is no run, and it is left alone")
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror or error}") from None


def parse_journal(data: bytes, path: Path) -> Journal:
    """Return what the content of a run's file says; raises ``RunError`` as ``read_journal`` does."""
    first, *lines = data.decode(errors="surrogateescape").split("\n")  # what is no UTF-8 is then no text of a turn
    header, altered = _header(first, path)
    turns: list[RecordedTurn] = []
    at = 0
    for number, line in enumerate(lines, 2):
        last = number == len(lines) + 1
        if last and not line:
            break
        row = _row(line)
        if isinstance(row, RecordedTurn) and at == len(turns):
            turns.append(row)
            at += 1
        elif isinstance(row, Cursor) and row.at <= len(turns):
            at = row.at
            altered = altered or _cursor_fault(row, turns, f"{path}:{number}:1")
        elif row is None and last and _cut_short(line):
            return Journal(header, tuple(turns), at, data.rfind(b"\n") + 1, torn=True, fault="", tampered=altered)
        else:
            fault = f"{printable(str(path))}:{number}:1: this line is no turn of a run; what stands before it is kept"
            return Journal(header, tuple(turns), at, len(data), torn=False, fault=fault, tampered=altered)
    return Journal(header, tuple(turns), at, len(data), torn=False, fault="", tampered=altered)


def _cursor_fault(cursor: Cursor, turns: list[RecordedTurn], place: str) -> str:
    """Return what is wrong with a line that says after which turn the run stands; one that names no turn is believed."""
    if cursor.turn in (None, turns[cursor.at - 1].digest if cursor.at else ""):
        return ""
    return f"{place}: the run stands at turn {cursor.at} by this line, which names another: one of the two was altered"


def _cut_short(line: str) -> bool:
    """Return whether a last line can be one that was not written to its end: nothing whole stands in it, with more behind."""
    try:
        json.JSONDecoder().raw_decode(line)
    except (ValueError, RecursionError):
        return True
    return False


def _loaded(line: str) -> dict[str, Any] | None:
    try:
        row = _DECODED(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


@lru_cache(maxsize=1 << 16)  # siblings hold the lines that they share, letter for letter
def _row(line: str) -> RecordedTurn | Cursor | None:
    """Return a turn, or where the cursor was put, or None for a line that is neither."""
    if plain := PLAIN.fullmatch(line):
        return RecordedTurn(plain[1], plain[2], None, None, plain[3])
    row = _loaded(line)
    if row is None:
        return None
    at, turn = row.get("at"), row.get("turn")
    if type(at) is int and at >= 0 and (turn is None or isinstance(turn, str)):
        return Cursor(at, turn)
    word, probability = row.get("word"), row.get("p")
    choice, scene, digest = row.get("choice"), row.get("scene"), row.get("digest")
    if not (_is_word(choice) and _is_word(scene) and _is_word(digest) and (word is None or word == "\n" or _is_word(word))):
        return None
    if probability is not None and not (type(probability) in (int, float) and 0 <= probability <= 1):
        return None
    return RecordedTurn(choice, scene, word, probability, digest)


def _is_word(text: object) -> TypeGuard[str]:
    """Return whether something is a short text without spaces, controls or marks of direction."""
    return isinstance(text, str) and 0 < len(text) <= LONGEST_WORD and text.isprintable() and " " not in text


def _header(line: str, path: Path) -> tuple[Header, str]:
    """Return the header that a first line says, and what tells that it is not the one that was written."""
    row = _loaded(line)
    if row is None or not isinstance(row.get("format"), int) or not isinstance(row.get("world"), str):
        raise RunError(f"{path}:1:1: this is not a run of Forward Pass, and it is left alone")
    if row["format"] != FORMAT:
        message = f"a run of format {str(row['format'])[:20]}; this version reads format {FORMAT}, and leaves it alone"
        raise RunError(f"{path}:1:1: {message}")
    try:
        header = _header_of(row)
    except KeyError as error:
        raise RunError(f"{path}:1:1: the header of this run is damaged (it has no {error.args[0]})") from None
    except (TypeError, ValueError) as error:
        raise RunError(f"{path}:1:1: the header of this run is damaged ({error})") from None
    if row.pop("sum", None) in (None, _sum(row)):  # no sum: of an earlier version, or written by hand
        return header, ""
    return header, f"{path}:1:1: the header is not as it was written: its seed, its facts or its world may be others"


def _sum(row: dict[str, Any]) -> str:
    """Return the sum of a header, by which one that was damaged is known."""
    return sha256(to_json_line(row).encode(errors="surrogatepass")).hexdigest()[:16]


def _header_of(row: dict[str, Any]) -> Header:
    """Return the header that a line says; raises ``KeyError``, ``TypeError`` or ``ValueError`` where it says none."""
    facts, parent, weights = row["facts"], row.get("parent"), row["weights"]
    if not isinstance(facts, dict) or not isinstance(facts["found"], list) or not isinstance(parent or [], list):
        raise TypeError("its facts or its parent are none")
    texts = [row["hash"], row["made"], *facts["found"], *([] if weights is None else [weights])]
    if not all(isinstance(text, str) and len(text) <= LONGEST_SHOWN and text.isprintable() for text in texts):
        raise ValueError("a text in it is none")
    numbers = [row["seed"], facts["instantiation"], *(parent or [0, 0])]
    if len(numbers) != 4 or not all(type(number) is int and abs(number) <= MOST_NUMBER for number in numbers):  # noqa: PLR2004 - the two, and the two of a parent
        raise ValueError("a number in it is none")
    if row["seed"] < 0 or facts["instantiation"] < 1 or min(parent or [0]) < 0:
        raise ValueError("its seed, its instantiation or its parent is below the least that there is")
    temperature = row["temperature"]
    if type(temperature) not in (int, float) or not 0 <= temperature < 1000:  # noqa: PLR2004 - no such temperature is meant
        raise ValueError("its temperature is none")
    if not WORLD.fullmatch(row["world"]):
        raise ValueError("its world is none")
    return Header(
        world=row["world"],
        version="".join(character for character in str(row["version"])[:LONGEST_SHOWN] if character.isprintable()),
        hash=row["hash"],
        weights=weights,
        seed=row["seed"],
        temperature=float(temperature),
        prior=Prior(facts["instantiation"], frozenset(facts["found"])),
        created_at=row["made"],
        parent=(parent[0], parent[1]) if parent else None,
    )


def to_json_line(row: dict[str, Any]) -> str:
    """Return an object as one line of JSON."""
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)
