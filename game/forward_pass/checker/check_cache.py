"""What a walk came to, kept in the user's cache until anything changes on which it hangs: no walk of minutes is made twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import platformdirs

from forward_pass.checker.pass_table import MOST_BYTES, TABLE_FILE
from forward_pass.checker.report import CheckReport, Figures, check_world
from forward_pass.checker.verify import CheckOptions
from forward_pass.errors import Problem
from forward_pass.loading.paths import APP, PACKAGE, read_world_files, world_hash
from forward_pass.story.distribution import PassPort
from forward_pass.story.world import World

FORMAT = 1
MIN_SECONDS_TO_CACHE = 1.0  # seconds; what is walked faster is walked again
MAX_CACHED = 2**20  # bytes; a hundred problems are some 50,000

Row = dict[str, Any]


def cached_check(folder: Path, measure_of: Callable[[World], PassPort], asked: CheckOptions) -> CheckReport:
    """Return what a check of the world in ``folder`` came to, as it was kept if nothing has changed; otherwise walk it."""
    path = _path(folder, asked)
    report = None if asked.again or asked.table else _read_walk(path, folder.name)
    if report is not None:
        return report
    report = check_world(folder, measure_of, asked)
    if report.figures and report.figures.seconds >= MIN_SECONDS_TO_CACHE:
        _write_walk(path, report)
    return report


def _path(folder: Path, asked: CheckOptions) -> Path:
    """Return where a walk is kept: named by all that it hangs on, the world's files and place, the code, what was asked."""
    contents, problems = read_world_files(folder)
    told = [
        FORMAT,
        str(folder),
        world_hash(contents),
        problems,
        _table_hash(folder),
        code_hash(),
        asked.decodings,
        asked.limits,
    ]
    return platformdirs.user_cache_path(APP) / "walks" / f"{sha256(json.dumps(told).encode()).hexdigest()[:32]}.json"


def _table_hash(folder: Path) -> str:
    """Return the hash of the table of decodings beside a world, which is no part of the world; nothing where it is not read."""
    path = folder / TABLE_FILE
    with suppress(OSError):
        if path.is_file() and path.stat().st_size <= MOST_BYTES:  # a pipe would be waited for
            return sha256(path.read_bytes()).hexdigest()
    return ""


def code_hash() -> str:
    """Return the hash of the code that reads and walks: every module, for whichever of them has changed may matter."""
    files = sorted(path for path in PACKAGE.rglob("*.py") if "training" not in path.parts)
    return world_hash((str(path.relative_to(PACKAGE)), path.read_bytes()) for path in files)


def _read_walk(path: Path, world: str) -> CheckReport | None:
    """Return a walk that was kept; None where there is none, or what is there was damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        if path.is_file() and path.stat().st_size <= MAX_CACHED:
            kept = json.loads(path.read_text(encoding="utf8"))
            figures = _figures_of(kept["figures"])
            return CheckReport(world, tuple(map(_problem_of, kept["problems"])), _summary(kept["summary"], figures), figures)
    return None


def _summary(world: Any, figures: Figures) -> str:
    if not isinstance(world, str):
        raise TypeError
    return f"{world}{figures}"


def _figures_of(row: Row) -> Figures:
    """Return figures as they were written, marked as kept; raises ``ValueError`` or ``TypeError`` where they are none."""
    figures = Figures(**row)._replace(before=True)
    if not all(isinstance(number, int | float) for number in figures):
        raise TypeError
    return figures


def _problem_of(row: Row) -> Problem:
    """Return a problem as it was written; raises ``ValueError`` or ``TypeError`` where it is none."""
    problem = Problem(**row)
    if [type(value) for value in problem] != [str, int, int, str, str, str]:
        raise TypeError
    return problem


def _write_walk(path: Path, report: CheckReport) -> None:
    """Keep a walk; a cache that cannot be written is done without."""
    assert report.figures is not None  # noqa: S101 - what was not walked is not kept
    kept = {
        "summary": report.summary.removesuffix(str(report.figures)),
        "problems": [problem._asdict() for problem in report.problems],
        "figures": report.figures._asdict(),
    }
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            partial.write_text(json.dumps(kept), encoding="utf8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
