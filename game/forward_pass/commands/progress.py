"""Progress of a long exploration, shown on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from forward_pass.checker.explorer import ProgressFunction, no_progress


@contextmanager
def progress(*, wanted: bool) -> Iterator[ProgressFunction]:
    """Yield a function that shows progress on a terminal, from the first second on."""
    dumb = os.environ.get("TERM", "") in ("dumb", "") or os.environ.get("ACCESSIBLE", "") not in ("", "0")
    if not wanted or dumb or not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal shows progress

    started = monotonic()
    with Console(stderr=True).status("exploring …") as status:
        status.stop()

        def on_progress(unit: str, count: int) -> None:
            if monotonic() - started > 1:
                status.start()
                status.update(f"exploring … {count:,} {unit}")

        yield on_progress
