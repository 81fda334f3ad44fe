"""The file of a table of passes: rows and readings as JSON. What is read may be anything, and is checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from forward_pass.atomic_write import write_whole
from forward_pass.story.state import Act, PassKey

FORMAT = 1
MAX_BYTES = 64 * 2**20  # of a file; what is in a larger one is measured again
DIGITS = 8  # significant digits of a number; no finding depends on more


class Row(NamedTuple):
    """What a pass says: its likeliest word, the next likeliest, by how many nats, and the probabilities that are asked for."""

    word: str
    second: str
    margin: float
    probabilities: dict[str, float]


class Reading(NamedTuple):
    """A number that a threshold reads off the residual stream after a layer of a pass."""

    quantity: str  # ``lens`` or ``probe``
    name: str  # of the word or the probe
    layer: int
    key: PassKey


class Contents(NamedTuple):
    """The rows of a table by pass, and the values of its readings."""

    rows: dict[PassKey, Row]
    readings: dict[Reading, float]


def read_table(path: Path, digest: str) -> Contents:
    """Return the contents of a file; empty where there is none, or it is not a table for ``digest``."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        if path.is_file() and path.stat().st_size <= MAX_BYTES:  # a pipe would be waited for
            return _parsed(json.loads(path.read_text(encoding="utf8")), digest)
    return Contents({}, {})


def write_table(path: Path, digest: str, rows: Mapping[PassKey, Row], readings: Mapping[Reading, float]) -> None:
    """Write a file, replacing an older one at once; one that cannot be written is left out."""
    content = {
        "format": FORMAT,
        "of": digest,
        "rows": [[_key_text(key), *_rounded(row)] for key, row in sorted(rows.items())],
        "readings": [[*reading[:3], _key_text(reading.key), value] for reading, value in sorted(readings.items())],
    }
    with suppress(OSError):
        write_whole(path, json.dumps(content, separators=(",", ":")).encode(), make_folder=True)


def _rounded(row: Row) -> Row:
    probabilities = {word: float(f"{probability:.{DIGITS}g}") for word, probability in row.probabilities.items()}
    return row._replace(margin=float(f"{row.margin:.{DIGITS}g}"), probabilities=probabilities)


def _key_text(key: PassKey) -> str:
    return json.dumps(key, separators=(",", ":"))


# -- from JSON; each raises ``ValueError`` or ``TypeError`` for anything else -----------------------------------------


def _parsed(content: object, digest: str) -> Contents:
    match content:
        case {"format": version, "of": of, "rows": list(rows), "readings": list(readings)} if (version, of) == (FORMAT, digest):
            return Contents(dict(map(_row, rows)), dict(map(_reading, readings)))
    raise ValueError("not a table of these passes")


def _row(row: object) -> tuple[PassKey, Row]:
    match row:
        case [str(key), str(word), str(second), int() | float() as margin, dict(probabilities)]:
            return _key(key), Row(
                word, second, float(margin), {str(name): float(value) for name, value in probabilities.items()}
            )
    raise ValueError("not a row")


def _reading(row: object) -> tuple[Reading, float]:
    match row:
        case [str(quantity), str(name), int(layer), str(key), int() | float() as value]:
            return Reading(quantity, name, layer, _key(key)), float(value)
    raise ValueError("not a reading")


def _key(text: str) -> PassKey:
    match json.loads(text):
        case [list(words), list(acts)] if all(isinstance(word, str) for word in words):
            return PassKey(tuple(words), tuple(map(_acts, acts)))
    raise ValueError("not a key")


def _acts(made: object) -> tuple[Act, ...]:
    match made:
        case list():
            return tuple(map(_act, made))
    raise ValueError("not the acts of a token")


def _act(act: object) -> Act:
    match act:
        case [str(name), int(layer)]:
            return Act(name, layer)
    raise ValueError("not an act")
