"""What exploring a world found, in the user's cache, for as long as nothing changes that it depends on.

That is the world's structure (``structure``), the table of passes, the code and the options; an edit of words outside braces,
of the glossary or of hints is no change, and findings are placed anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from forward_pass.atomic_write import write_whole
from forward_pass.checker import table_file
from forward_pass.checker.pass_table import TABLE_FILE
from forward_pass.checker.report import CheckReport, Explored, Figures, explore_world, report_of
from forward_pass.checker.shortest import EndingRun
from forward_pass.checker.structure import PlacedFinding, placed, placed_anew, structure_key
from forward_pass.checker.verify import CheckOptions
from forward_pass.errors import Place
from forward_pass.loading.paths import PACKAGE, cache_folder, world_hash
from forward_pass.story.ports import PassPort
from forward_pass.story.world import World

FORMAT = 3
MIN_SECONDS_TO_CACHE = 1.0  # what takes less is checked again
MAX_BYTES = 2**20  # of a file; a hundred findings are some 50,000


def cached_check(folder: Path, open_pass: Callable[[World], PassPort], options: CheckOptions) -> CheckReport:
    """Return the report of the world in ``folder``; what exploring finds comes from the cache if nothing has changed for it."""

    def explore(world: World, known: frozenset[Place]) -> Explored:
        path = None if known else _cache_path(world, options)  # what reading finds wrong is explored again
        kept = None if path is None or options.again or options.table else _read(path, world)
        if kept is not None:
            return kept
        explored = explore_world(world, open_pass(world), options, known)
        if path is not None and explored.figures.seconds >= MIN_SECONDS_TO_CACHE:
            _write(path, world, explored)
        return explored

    return report_of(folder, explore)


def _cache_path(world: World, options: CheckOptions) -> Path:
    """Return the path of what exploring a world found: named by all it depends on."""
    depends_on = [
        FORMAT,
        structure_key(world.story),
        _table_hash(world.folder),
        code_hash(),
        options.decodings,
        options.limits,
    ]
    return cache_folder() / "walks" / f"{sha256(json.dumps(depends_on).encode()).hexdigest()[:32]}.json"


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


def _write(path: Path, world: World, explored: Explored) -> None:
    """Write what exploring found; left out where it cannot be written or placed anew."""
    found = placed(world, explored.problems)
    if found is None:
        return
    content = {"figures": explored.figures._asdict(), "findings": found, "endings": explored.endings}
    with suppress(OSError):
        write_whole(path, json.dumps(content).encode(), make_folder=True)


# -- from JSON; each raises ``ValueError``, ``TypeError`` or ``IndexError`` for anything else -------------------------


def _read(path: Path, world: World) -> Explored | None:
    """Return what a file says that exploring found; None where there is none, or the file is damaged."""
    with suppress(OSError, ValueError, TypeError, IndexError, RecursionError):
        if path.is_file() and path.stat().st_size <= MAX_BYTES:
            return _explored(json.loads(path.read_text(encoding="utf8")), world)
    return None


def _explored(content: object, world: World) -> Explored:
    match content:
        case {"figures": dict(row), "findings": list(rows), "endings": list(runs)}:
            return Explored(tuple(placed_anew(world, map(_finding, rows))), _figures(row), tuple(map(_ending_run, runs)))
    raise ValueError("not what exploring found")


def _figures(row: dict[str, object]) -> Figures:
    numbers = [row.get(name) for name in Figures._fields]
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("not figures")
    return Figures._make(numbers)._replace(before=True)


def _ending_run(row: object) -> EndingRun:
    match row:
        case [str(ending), list(steps), bool(is_first), bool(is_shortest)]:
            return EndingRun(ending, tuple(map(_step, steps)), is_first, is_shortest)
    raise TypeError("not a run to an ending")


def _step(row: object) -> tuple[str, str | None]:
    match row:
        case [str(choice), (str() | None) as word]:
            return choice, word
    raise TypeError("not a step")


def _finding(row: object) -> PlacedFinding:
    values = row if isinstance(row, list) else []
    if [type(value) for value in values] != [int, str, str, str, int]:
        raise TypeError("not a finding")
    return PlacedFinding._make(values)
