"""Labels and notes on turns: a file of lines beside the runs, appended to and never rewritten; the last word on a turn holds.

They are kept by the digest of the turn, which is the same in every run that shares it, so no run's file is touched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import RunError
from forward_pass.storage.files import NEITHER_LINK_NOR_PIPE, write_all
from forward_pass.storage.journal import to_json_line

FILE = "labels.jsonl"
MOST_BYTES = 8 * 1024 * 1024
LONGEST = 500  # characters of a label or a note
DIGEST = 16


class Annotation(NamedTuple):
    """What was put on a turn."""

    label: str = ""
    note: str = ""


def read_labels(folder: Path) -> Mapping[str, Annotation]:
    """Return by digest what is written on turns; a line that is none, as where writing was cut short, says nothing."""
    try:
        path = folder / FILE
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return {}
        lines = path.read_bytes().decode(errors="replace").split("\n")
    except OSError:
        return {}
    found: dict[str, Annotation] = {}
    for line in lines:
        try:
            row = json.loads(line)
            digest, texts = row["turn"], {key: _text(row[key]) for key in ("label", "note") if key in row}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(digest, str) and len(digest) <= DIGEST:
            found[digest] = found.get(digest, Annotation())._replace(**texts)
    return {digest: marked for digest, marked in found.items() if any(marked)}


def _text(value: object) -> str:
    """Return a text as it may be shown; raises ``TypeError`` for what is none."""
    if not isinstance(value, str):
        raise TypeError(type(value))
    return "".join(character for character in " ".join(value.split())[:LONGEST] if character.isprintable())


def write_label(folder: Path, digest: str, *, label: str | None = None, note: str | None = None) -> None:
    """Put a label or a note on a turn (an empty one takes it off); raises ``RunError`` where it cannot be kept."""
    texts = {key: _text(text) for key, text in (("label", label), ("note", note)) if text is not None}
    line = f"{to_json_line({'turn': digest, **texts})}\n".encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND | NEITHER_LINK_NOR_PIPE, 0o644)
        try:
            size = os.fstat(file).st_size
            torn = size and os.pread(file, 1, size - 1) != b"\n"
            _write(file, (b"\n" if torn else b"") + line, size)
        finally:
            os.close(file)
    except OSError as error:
        raise RunError(f"{folder / FILE}: the label cannot be kept: {error.strerror or error}") from None


def _write(file: int, content: bytes, size: int) -> None:
    """Append to a file of some size, wholly and synced, or leave it as it was and raise ``OSError``."""
    try:
        write_all(file, content)
        os.fsync(file)
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, size)
        raise
