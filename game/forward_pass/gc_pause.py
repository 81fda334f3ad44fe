"""A pause of Python's garbage collector while many long-lived values are made. Must not know anything else."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class _Pauses:
    """The pauses under way, in any thread, and whether the collector was enabled before the first of them."""

    def __init__(self) -> None:
        self.lock, self.count, self.was_enabled = Lock(), 0, False


_PAUSES = _Pauses()


@contextmanager
def gc_paused() -> Iterator[None]:
    """Disable the collector for the block, where it would scan the new values repeatedly and free none."""
    with _PAUSES.lock:
        if not _PAUSES.count:
            _PAUSES.was_enabled = gc.isenabled()
            gc.disable()
        _PAUSES.count += 1
    try:
        yield
    finally:
        with _PAUSES.lock:
            _PAUSES.count -= 1
            if not _PAUSES.count and _PAUSES.was_enabled:
                gc.enable()
