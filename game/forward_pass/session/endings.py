"""The endings of a world: which were found, by which runs; of the others only their numbers, and hints on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from forward_pass.errors import RunError, printable
from forward_pass.gc_pause import gc_paused
from forward_pass.session.transcript import wrap
from forward_pass.storage.folder import DEFAULT_NAME, list_run_files
from forward_pass.storage.journal import read_journal
from forward_pass.storage.listing import set_aside_note

if TYPE_CHECKING:
    from pathlib import Path

    from forward_pass.story.world import World


class EndingRecord(NamedTuple):
    """An ending: its number in the world's order (from 1), and the runs that reached it, as ``WORLD/NUMBER (NAME)``."""

    number: int
    id: str
    title: str
    runs: tuple[str, ...]


def list_endings(world: World, folder: Path) -> tuple[list[EndingRecord], list[str]]:
    """Return the endings of a world with the runs that reached each, and an error message for each unreadable run."""
    reached: dict[str, list[str]] = {ending: [] for ending in world.endings}
    errors = []
    for run in list_run_files(folder):
        try:
            with gc_paused():
                journal = read_journal(run.path)
        except RunError as error:
            errors.append(f"{error}")
            continue
        set_aside = set_aside_note(run.path, journal.header, world)
        if set_aside:
            errors.append(f"{printable(str(run.path))}: {set_aside}")
            continue
        label = f"{world.id}/{run.number}" + (f" ({run.name})" if run.name not in ("", DEFAULT_NAME) else "")
        for ending in {turn.scene for turn in journal.turns} & reached.keys():
            reached[ending].append(label)
    endings = enumerate(world.endings.items(), 1)
    return [EndingRecord(number, ending, title, tuple(reached[ending])) for number, (ending, title) in endings], errors


def ending_list_lines(world: World, records: list[EndingRecord], hinted: int | None, columns: int) -> list[str]:
    """Return the endings as lines; ``hinted`` is the number of the ending to give hints for, 0 for all not found yet."""
    found = sum(bool(record.runs) for record in records)
    lines = wrap(f"{world.title}: {found} of {len(records)} endings found.", columns)
    for record in records:
        if record.runs:
            times = "once" if len(record.runs) == 1 else f"{len(record.runs)} times"
            lines += wrap(f"{record.number}. {record.title}: {times}, by {', '.join(record.runs)}", columns)
    missing = [record for record in records if not record.runs]
    if missing:
        lines += ["", *wrap(f"Not found yet: {', '.join(str(record.number) for record in missing)}.", columns)]
    lines += ["", *wrap(f"{hinted}. Found already: no hint is needed.", columns)] if _is_found(records, hinted) else []
    for record in missing:
        if hinted is not None and hinted in (0, record.number):
            steps = [step if step.endswith((".", "?", "!")) else f"{step}." for step in world.hints.get(record.id, [])]
            lines += ["", *wrap(f"{record.number}. {' / '.join(steps) or 'This world has no hints.'}", columns)]
    return lines


def _is_found(records: list[EndingRecord], number: int | None) -> bool:
    return any(record.number == number and record.runs for record in records)


def ending_list_object(world: World, records: list[EndingRecord], hinted: int | None) -> dict[str, object]:
    """Return the endings as an object; one not found yet has neither its id nor its title in it."""
    endings: list[dict[str, object]] = []
    for record in records:
        if record.runs:
            row = {"number": record.number, "found": True, "id": record.id, "title": record.title, "runs": list(record.runs)}
            endings.append(row)
        else:
            hints = world.hints.get(record.id, ()) if hinted is not None and hinted in (0, record.number) else ()
            endings.append({"number": record.number, "found": False, **({"hints": hints} if hints else {})})
    return {"type": "endings", "world": world.id, "found": sum(bool(record.runs) for record in records), "endings": endings}
