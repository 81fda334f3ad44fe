"""How everything here is measured: all sides of a row in turn, and the median of each."""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path


def in_turn(times: int, *sides: Callable[[], float]) -> list[float]:
    """Return the median of each side, all sides measured in turn so many times, after one time that does not count."""
    measured: list[list[float]] = [[] for _ in sides]
    for time in range(times + 1):
        for side, found in zip(sides, measured, strict=True):
            seconds = side()
            if time:
                found.append(seconds)
    return [statistics.median(found) for found in measured]


def machine(*others: str) -> str:
    """Return what this was measured on, with the versions of what else took part."""
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines():
            if line.startswith("model name"):
                cpu = line.partition(": ")[2]
                break
    load = f"load {os.getloadavg()[0]:.1f}"
    when = datetime.now(UTC).date().isoformat()
    versions = ", ".join((f"Python {platform.python_version()}", *others))
    return f"Measured {when} on {cpu}, {os.cpu_count()} cores, {load}; {versions}.\n"
