"""Reports of checks in the user's cache, for as long as nothing changes that they depend on."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import platformdirs

from forward_pass.atomic_write import write_whole
from forward_pass.checker import table_file
from forward_pass.checker.pass_table import TABLE_FILE
from forward_pass.checker.report import CheckReport, Figures, check_world
from forward_pass.checker.verify import CheckOptions
from forward_pass.errors import Problem
from forward_pass.loading.paths import APP, PACKAGE, read_world_files, world_hash
from forward_pass.story.ports import PassPort
from forward_pass.story.world import World

FORMAT = 1
MIN_SECONDS_TO_CACHE = 1.0  # what takes less is checked again
MAX_BYTES = 2**20  # of a file; a hundred problems are some 50,000


def cached_check(folder: Path, open_pass: Callable[[World], PassPort], options: CheckOptions) -> CheckReport:
    """Return the report of the world in ``folder``, from the cache if nothing has changed."""
    path = _cache_path(folder, options)
    report = None if options.again or options.table else _read_report(path, folder.name)
    if report is not None:
        return report
    report = check_world(folder, open_pass, options)
    if report.figures and report.figures.seconds >= MIN_SECONDS_TO_CACHE:
        _write_report(path, report, report.figures)
    return report


def _cache_path(folder: Path, options: CheckOptions) -> Path:
    """Return the path of a report: named by all it depends on, the world's files and place, the code, the options."""
    contents, problems = read_world_files(folder)
    depends_on = [
        FORMAT,
        str(folder),
        world_hash(contents),
        problems,
        _table_hash(folder),
        code_hash(),
        options.decodings,
        options.limits,
    ]
    return platformdirs.user_cache_path(APP) / "walks" / f"{sha256(json.dumps(depends_on).encode()).hexdigest()[:32]}.json"


def _table_hash(folder: Path) -> str:
    """Return the hash of the table of passes beside a world, which is not part of the world; empty where it is not read."""
    path = folder / TABLE_FILE
    with suppress(OSError):
        if path.is_file() and path.stat().st_size <= table_file.MAX_BYTES:  # a pipe would be waited for
            return sha256(path.read_bytes()).hexdigest()
    return ""


def code_hash() -> str:
    """Return the hash of the code that reads and checks: every module but the training, as any of them may matter."""
    files = sorted(path for path in PACKAGE.rglob("*.py") if "training" not in path.parts)
    return world_hash((str(path.relative_to(PACKAGE)), path.read_bytes()) for path in files)


def _write_report(path: Path, report: CheckReport, figures: Figures) -> None:
    """Write a report; one that cannot be written is left out."""
    content = {
        "summary": report.summary.removesuffix(str(figures)),
        "problems": [problem._asdict() for problem in report.problems],
        "figures": figures._asdict(),
    }
    with suppress(OSError):
        write_whole(path, json.dumps(content).encode(), make_folder=True)


# -- from JSON; each raises ``ValueError`` or ``TypeError`` for anything else -----------------------------------------


def _read_report(path: Path, world: str) -> CheckReport | None:
    """Return the report in a file; None where there is none, or the file is damaged."""
    with suppress(OSError, ValueError, TypeError, RecursionError):
        if path.is_file() and path.stat().st_size <= MAX_BYTES:
            return _report(json.loads(path.read_text(encoding="utf8")), world)
    return None


def _report(content: object, world: str) -> CheckReport:
    match content:
        case {"summary": str(summary), "problems": list(problems), "figures": dict(row)}:
            figures = _figures(row)
            return CheckReport(world, tuple(map(_problem, problems)), f"{summary}{figures}", figures)
    raise ValueError("not a report")


def _figures(row: dict[str, object]) -> Figures:
    numbers = [row.get(name) for name in Figures._fields]
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("not figures")
    return Figures._make(numbers)._replace(before=True)


def _problem(row: object) -> Problem:
    values = [row.get(name) for name in Problem._fields] if isinstance(row, dict) else []
    if [type(value) for value in values] != [str, int, int, str, str, str]:
        raise TypeError("not a problem")
    return Problem._make(values)
