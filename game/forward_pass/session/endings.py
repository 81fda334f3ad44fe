"""The endings of a world: which were found, by which runs; of the rest, their numbers and the hints for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from forward_pass.errors import RunError
from forward_pass.gc_pause import gc_paused
from forward_pass.session.transcript import wrap
from forward_pass.storage.files import UNNAMED
from forward_pass.storage.journal import list_run_files, read_journal

if TYPE_CHECKING:
    from pathlib import Path

    from forward_pass.story.world import World


class EndingRecord(NamedTuple):
    """An ending: its number in the world's order, and the runs that came to it, as ``WORLD/NUMBER`` with their names."""

    number: int
    id: str
    title: str
    runs: tuple[str, ...]


def list_endings(world: World, folder: Path) -> tuple[list[EndingRecord], list[str]]:
    """Return the endings of a world with the runs that reached each, and what kept any run from being read."""
    reached: dict[str, list[str]] = {ending: [] for ending in world.endings}
    faults = []
    for run in list_run_files(folder):
        try:
            with gc_paused():
                scenes = {turn.scene for turn in read_journal(run.path).turns}
        except RunError as error:
            faults.append(f"{error}")
            continue
        label = f"{world.id}/{run.number}" + (f" ({run.name})" if run.name not in ("", UNNAMED) else "")
        for ending in scenes & reached.keys():
            reached[ending].append(label)
    rows = enumerate(world.endings.items(), 1)
    return [EndingRecord(number, ending, title, tuple(reached[ending])) for number, (ending, title) in rows], faults


def ending_list_lines(world: World, rows: list[EndingRecord], hinted: int | None, columns: int) -> list[str]:
    """Return the endings in plain lines; ``hinted`` is the ending whose hints are told, 0 for all that were not found."""
    found = sum(bool(row.runs) for row in rows)
    lines = wrap(f"{world.title}: {found} of {len(rows)} endings found.", columns)
    for row in rows:
        if row.runs:
            times = "once" if len(row.runs) == 1 else f"{len(row.runs)} times"
            lines += wrap(f"{row.number}. {row.title}: {times}, by {', '.join(row.runs)}", columns)
    left = [row for row in rows if not row.runs]
    if left:
        lines += ["", *wrap(f"Not found yet: {', '.join(str(row.number) for row in left)}.", columns)]
    lines += ["", *wrap(f"{hinted}. Found already: no hint is needed.", columns)] if _is_found(rows, hinted) else []
    for row in left:
        if hinted is not None and hinted in (0, row.number):
            steps = [step if step.endswith((".", "?", "!")) else f"{step}." for step in world.hints.get(row.id, [])]
            lines += ["", *wrap(f"{row.number}. {' / '.join(steps) or 'This world has no hints.'}", columns)]
    return lines


def _is_found(rows: list[EndingRecord], number: int | None) -> bool:
    return any(row.number == number and row.runs for row in rows)


def ending_list_object(world: World, rows: list[EndingRecord], hinted: int | None) -> dict[str, Any]:
    """Return the endings as an object; one that was not found keeps its id and its title to itself."""
    shown: list[dict[str, Any]] = []
    for row in rows:
        if row.runs:
            shown.append({"number": row.number, "found": True, "id": row.id, "title": row.title, "runs": list(row.runs)})
        else:
            hints = world.hints.get(row.id, []) if hinted is not None and hinted in (0, row.number) else []
            shown.append({"number": row.number, "found": False, **({"hints": hints} if hints else {})})
    return {"type": "endings", "world": world.id, "found": sum(bool(row.runs) for row in rows), "endings": shown}
