"""Files written whole or not at all. Knows nothing of what they hold."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes, *, make_folder: bool = False) -> None:
    """Write a file through a temporary file beside it, so that a failure leaves the old file; raises ``OSError``."""
    write_whole_by(path, lambda partial: partial.write_bytes(data), make_folder=make_folder)


def write_whole_by(path: Path, write: Callable[[Path], object], *, make_folder: bool = False) -> None:
    """Have ``write`` fill a temporary file beside ``path``, which then takes its place; raises ``OSError``."""
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(partial)
        partial.replace(path)
    finally:
        with suppress(OSError):  # gone where all went well; the folder may not exist
            partial.unlink()
