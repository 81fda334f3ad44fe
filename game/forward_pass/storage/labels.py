"""Labels and notes on turns: a file beside the runs, appended to and never rewritten; the last line on a turn counts.

A turn is identified by its digest, which is the same in every run that shares it, so run files stay untouched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import RunError, without_controls
from forward_pass.storage.folder import LABELS_FILE, SAFE_OPEN_FLAGS
from forward_pass.storage.journal import to_json_line
from forward_pass.storage.run_file import append_whole

MAX_BYTES = 8 * 1024 * 1024  # of the file
MAX_TEXT_LENGTH = 500  # characters of a label or a note
DIGEST_LENGTH = 16


class Annotation(NamedTuple):
    """The label and the note on a turn; empty where there is none."""

    label: str = ""
    note: str = ""


def read_labels(folder: Path) -> Mapping[str, Annotation]:
    """Return the annotations in a world's folder by digest; invalid lines, such as a torn one, are skipped."""
    try:
        path = folder / LABELS_FILE
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return {}
        lines = path.read_bytes().decode(errors="replace").split("\n")
    except OSError:
        return {}
    annotations: dict[str, Annotation] = {}
    for line in lines:
        try:
            row = json.loads(line)
            digest, texts = row["turn"], {key: _clean_text(row[key]) for key in ("label", "note") if key in row}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(digest, str) and len(digest) <= DIGEST_LENGTH:
            annotations[digest] = annotations.get(digest, Annotation())._replace(**texts)
    return {digest: annotation for digest, annotation in annotations.items() if any(annotation)}


def _clean_text(value: object) -> str:
    """Return a text shortened, printable and with single spaces; raises ``TypeError`` where the value is no text."""
    if not isinstance(value, str):
        raise TypeError(type(value))
    return without_controls(" ".join(value.split()), MAX_TEXT_LENGTH)


def write_label(folder: Path, digest: str, *, label: str | None = None, note: str | None = None) -> None:
    """Put a label or a note on a turn, or remove it where the text is empty; raises ``RunError`` where it cannot be saved."""
    texts = {key: _clean_text(text) for key, text in (("label", label), ("note", note)) if text is not None}
    line = f"{to_json_line({'turn': digest, **texts})}\n".encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / LABELS_FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND | SAFE_OPEN_FLAGS, 0o644)
        try:
            size = os.fstat(fd).st_size
            torn = size and os.pread(fd, 1, size - 1) != b"\n"
            append_whole(fd, (b"\n" if torn else b"") + line, size)
        finally:
            os.close(fd)
    except OSError as error:
        raise RunError(f"{folder / LABELS_FILE}: the label cannot be saved: {error.strerror or error}") from None
