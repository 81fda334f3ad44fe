"""What a run file says: its lines parsed into a header, turns and a cursor, and turns and cursors as lines. Replays nothing.

A file is JSON lines: a header, a line for each turn, and ``{"at": K}`` wherever the cursor was moved. It holds no state:
states come from replaying the run, so an untrusted file is safe to open. docs/runs.md documents the format.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Container
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple, TypeGuard

from forward_pass.errors import RunError, printable, without_controls
from forward_pass.storage.folder import WORLD_ID_PATTERN
from forward_pass.story.history import RecordedTurn, Run, Turn
from forward_pass.story.state import Prior

FORMAT = 1
MAX_BYTES = 64 * 1024 * 1024  # of a run file
MAX_WORD_LENGTH = 60  # of a choice, a scene, a word or a digest
MAX_TEXT_LENGTH = 200  # of a text in a header
MAX_NUMBER = 2**53  # the largest integer that every JSON reader represents exactly
NOT_WHOLE_NUMBERS = "`seed`, `facts.instantiation` and the two of `parent` must be whole numbers"


class Header(NamedTuple):
    """The first line of a run file: world, weights, sampling parameters, and the facts known before the run."""

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
        """Return the header as a line of JSON, with its checksum."""
        row: dict[str, object] = {
            "format": FORMAT,
            "world": self.world,
            "version": self.version,
            "hash": self.hash,
            "weights": self.weights,
            "seed": self.seed,
            "temperature": self.temperature,
            "facts": _facts(self.prior),
            "made": self.created_at,
        }
        if self.parent is not None:
            row["parent"] = self.parent
        return to_json_line(row | {"sum": _checksum(row)})


class Cursor(NamedTuple):
    """A line that moves the cursor: how many turns lie before it, and the digest of the last of them, where recorded."""

    at: int
    turn: str | None  # a digest; empty at the opening
    time: int | None = None  # when it was moved, in seconds since 1970


class Journal(NamedTuple):
    """A parsed run file: header, turns, cursor, and what is wrong with it."""

    header: Header
    turns: tuple[RecordedTurn, ...]
    at: int  # the cursor: how many turns lie before it
    valid_bytes: int  # the length of the file without a torn tail
    torn: bool  # the last line is incomplete: its turn was never answered
    fault: str  # place and message of the first line that cannot be parsed; the lines before it are used
    mismatch: str = ""  # place and message of the first header or cursor that does not match its checksum or digest

    def reach(self, endings: Container[str]) -> int:
        """Return how many turns stand for the run: all where the last reached an ending, else those before the cursor."""
        return len(self.turns) if self.turns and self.turns[-1].scene in endings else self.at

    @property
    def faults(self) -> tuple[str, ...]:
        """The messages about the file; empty where it can be appended to."""
        return tuple(fault for fault in (self.mismatch, self.fault) if fault)


def read_journal(path: Path) -> Journal:
    """Return the parsed run file; raises ``RunError`` where it is not one, or has another format."""
    return parse_journal(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """Return the content of a run file; raises ``RunError`` where it cannot be read, is no regular file, or is too large."""
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):  # reading a pipe would block, reading a device never end
            raise RunError(f"{path}: not a run file: not a regular file")
        if status.st_size > MAX_BYTES:
            raise RunError(f"{path}: not a run file: over {MAX_BYTES // 2**20} MB")
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror or error}") from None


def parse_journal(data: bytes, path: Path) -> Journal:
    """Return the content of a run file, parsed; ``path`` is for messages. Raises ``RunError`` as ``read_journal`` does."""
    text = data.removeprefix(BOM_UTF8).decode(errors="surrogateescape")  # bytes that are not UTF-8 then match no turn
    first, *lines = text.split("\n")
    header, mismatch = _parse_header(first, path)
    turns: list[RecordedTurn] = []
    at = 0
    for number, line in enumerate(lines, 2):
        last = number == len(lines) + 1
        if not line.strip():  # as editors leave it at the end
            continue
        row = _parse_line(line)
        if isinstance(row, RecordedTurn) and at == len(turns):
            turns.append(row)
            at += 1
        elif isinstance(row, Cursor) and row.at <= len(turns):
            at = row.at
            mismatch = mismatch or _cursor_mismatch(row, turns, f"{path}:{number}:1")
        elif row is None and last and _is_torn(line):
            return Journal(header, tuple(turns), at, data.rfind(b"\n") + 1, torn=True, fault="", mismatch=mismatch)
        else:
            place = f"{printable(str(path))}:{number}:1"
            fault = f"{place}: this line is neither a turn nor a cursor; the lines before it are used"
            return Journal(header, tuple(turns), at, len(data), torn=False, fault=fault, mismatch=mismatch)
    return Journal(header, tuple(turns), at, len(data), torn=False, fault="", mismatch=mismatch)


def _cursor_mismatch(cursor: Cursor, turns: list[RecordedTurn], place: str) -> str:
    """Return a message where a cursor's digest is not that of its turn; a cursor without a digest passes."""
    if cursor.turn in (None, turns[cursor.at - 1].digest if cursor.at else ""):
        return ""
    return f"{place}: this cursor's digest is not that of turn {cursor.at}"


def _is_torn(line: str) -> bool:
    """Return whether a last line may have been cut short: it does not begin with a complete JSON value."""
    try:
        json.JSONDecoder().raw_decode(line)
    except (ValueError, RecursionError):
        return True
    return False


def _load_object(line: str) -> dict[str, object] | None:
    """Return the JSON object on a line, or None."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


@lru_cache(maxsize=1 << 16)  # sibling runs repeat the lines they share
def _parse_line(line: str) -> RecordedTurn | Cursor | None:
    """Return the turn or the cursor on a line, or None for a line that is neither."""
    row = _load_object(line)
    time = row.get("time") if row else None
    if row is None or not (time is None or _is_count(time)):
        return None
    at, turn = row.get("at"), row.get("turn")
    if _is_count(at) and (turn is None or isinstance(turn, str)):
        return Cursor(at, turn, time)
    word, probability = row.get("word"), row.get("p")
    choice, scene, digest = row.get("choice"), row.get("scene"), row.get("digest")
    if not (_is_id(choice) and _is_id(scene) and _is_word(digest) and (word is None or word == "\n" or _is_word(word))):
        return None
    if probability is None:
        return RecordedTurn(choice, scene, word, None, digest, time)
    if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 <= probability <= 1:
        return None
    return RecordedTurn(choice, scene, word, probability, digest, time)


def _is_count(value: object) -> TypeGuard[int]:
    """Return whether a value is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER


def _is_word(text: object) -> TypeGuard[str]:
    """Return whether a value is a short text without spaces, control characters or direction marks."""
    return isinstance(text, str) and 0 < len(text) <= MAX_WORD_LENGTH and text.isprintable() and " " not in text


@lru_cache(1 << 12)
def _is_known_id(text: str) -> bool:
    """Return what ``_is_word`` does, for texts that come again and again."""
    return _is_word(text)


def _is_id(text: object) -> TypeGuard[str]:
    """Return whether a value is a short text as ``_is_word`` says."""
    return isinstance(text, str) and _is_known_id(text)


def _parse_header(line: str, path: Path) -> tuple[Header, str]:
    """Return the header on the first line, and a message where it does not match its checksum. Raises ``RunError``."""
    row = _load_object(line)
    if row is None or not isinstance(row.get("format"), int) or not isinstance(row.get("world"), str):
        raise RunError(f"{path}:1:1: not a run file of Forward Pass")
    if row["format"] != FORMAT:
        message = f"run file format {str(row['format'])[:20]} is not supported; this version reads format {FORMAT}"
        raise RunError(f"{path}:1:1: {message}")
    try:
        header = _build_header(row)
    except KeyError as error:
        raise RunError(f"{path}:1:1: damaged header: `{error.args[0]}` is missing") from None
    except (TypeError, ValueError) as error:
        raise RunError(f"{path}:1:1: damaged header: {error}") from None
    if row.pop("sum", None) in (None, _checksum(row)):  # earlier versions wrote no sum
        return header, ""
    message = "the header does not match its checksum: its seed, facts or world may have been changed"
    return header, f"{path}:1:1: {message}"


def _facts(prior: Prior) -> dict[str, object]:
    """Return what a header says of earlier runs; scenes met only where there are any."""
    facts: dict[str, object] = {"instantiation": prior.instantiation, "found": sorted(prior.found)}
    return {**facts, "met": sorted(prior.met)} if prior.met else facts


def _checksum(row: dict[str, object]) -> str:
    """Return the checksum of a header: the first 16 hexadecimal digits of the SHA-256 of its JSON line."""
    return sha256(to_json_line(row).encode(errors="surrogatepass")).hexdigest()[:16]


def _build_header(row: dict[str, object]) -> Header:
    """Return the header in a JSON object; raises ``KeyError``, ``TypeError`` or ``ValueError`` where it is not valid."""
    facts, parent, weights = row["facts"], row.get("parent") or [], row["weights"]
    found, met = (facts["found"], facts.get("met", [])) if isinstance(facts, dict) else (None, None)
    if not isinstance(facts, dict) or not isinstance(found, list) or not isinstance(met, list) or not isinstance(parent, list):
        raise TypeError("`facts` must be an object, `facts.found`, `facts.met` and `parent` must be lists")
    seed, instantiation, *parents = map(_whole_number, (row["seed"], facts["instantiation"], *parent))
    if len(parents) not in (0, 2):
        raise ValueError(NOT_WHOLE_NUMBERS)
    if seed < 0 or instantiation < 1 or min(parents, default=0) < 0:
        raise ValueError("`seed`, `facts.instantiation` or `parent` out of range")
    temperature = row["temperature"]
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 <= temperature < 1000:  # noqa: PLR2004 - as the message says
        raise ValueError("`temperature` must be a number from 0 to below 1000")
    if not WORLD_ID_PATTERN.fullmatch(f"{row['world']}"):
        raise ValueError("`world` must be the id of a world")
    return Header(
        world=f"{row['world']}",
        version=without_controls(str(row["version"]), MAX_TEXT_LENGTH),
        hash=_short_text(row["hash"]),
        weights=None if weights is None else _short_text(weights),
        seed=seed,
        temperature=float(temperature),
        prior=Prior(instantiation, frozenset(map(_short_text, found)), frozenset(map(_short_text, met))),
        created_at=_short_text(row["made"]),
        parent=(parents[0], parents[1]) if parents else None,
    )


def _short_text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH or not value.isprintable():
        raise ValueError(f"`hash`, `weights`, `made`, endings, scenes: printable texts of at most {MAX_TEXT_LENGTH} characters")
    return value


def _whole_number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_NUMBER:
        raise ValueError(NOT_WHOLE_NUMBERS)
    return value


def turn_line(turn: Turn) -> str:
    """Return the line of a turn."""
    row: dict[str, object] = {"choice": turn.choice, "scene": turn.state.scene}
    if turn.word is not None:
        row |= {"word": turn.word, "p": turn.probability}
    row["digest"] = turn.digest
    if turn.time is not None:
        row["time"] = turn.time
    return to_json_line(row)


def cursor_line(run: Run, time: int) -> str:
    """Return the line that says where a run stands since a time, in seconds since 1970."""
    return to_json_line({"at": run.at, "turn": run.digest, "time": time})


def to_json_line(row: dict[str, object]) -> str:
    """Return an object as compact JSON on one line."""
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)
