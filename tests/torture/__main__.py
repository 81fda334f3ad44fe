"""Inject all faults, print the table, write docs/faults.md, and exit with 1 if a case fails."""

from __future__ import annotations

import platform
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter

from torture import crowd, damage, kills, places
from torture.ground import Target
from torture.tally import FaultReport

FAULTS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
HEAD = "| fault | cases | lost at most | messages (first line; how often) | exit codes |\n|---|---:|---|---|---|"
MAX_FAILURES = 5  # shown for a row
INTRODUCTION = """\
# Faults

The guarantee: when the game is killed at any moment, when a disk is full, or when files are damaged, at most the choice that
was not answered yet is lost. The problem is reported with its location, and there is no traceback. `make torture` tests this
and wrote this page; it exits with 1 if a case breaks the guarantee. The faster tests are in `tests/test_faults.py`.

"""
EXPLANATION = """

*At each write*: strace traces a session once to list the system calls that write, create, rename or truncate a file (or
print). The session is then run again for each of these calls, and the signal is sent as the call is entered, so that every
state between two writes is tested. The exit code −9 is the kill itself. *Resumed*: the run with the flipped bit is either
*same*, with the same header and cursor, or the damage is reported with its location and the file is never appended to. A run
with an unreadable header is *rejected*; its file is not changed and can be repaired by hand. `check` prints the warnings of
a world first.
"""


def table_rows(targets: list[Target]) -> Iterable[Callable[[], Iterable[FaultReport]]]:
    """Return functions that test the rows of the table, in their order."""
    first_light, flagship = targets
    if kills.has_strace():
        yield lambda: [kills.signal_play(first_light, number) for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)]
        yield lambda: [kills.signal_play(flagship, signal.SIGKILL), kills.kill_commands()]
    else:
        print("no strace here: killing at each write is left to tests/test_faults.py", file=sys.stderr)
    yield lambda: [places.failing_writes(), places.full_file(), places.full_disk(), places.full_stream(), places.closed_pipe()]
    yield places.unusable_folders
    yield lambda: [
        crowd.play_together(2, 6),
        crowd.play_together(10, 3),
        crowd.label_and_forget_together(10),
        places.clock_set_back(),
    ]
    yield lambda: [
        row(target)
        for row in (damage.truncations, damage.bit_flips_resumed, damage.bit_flips_in_commands)
        for target in targets
    ]
    yield lambda: [damage.damaged_cache(), damage.edited_worlds(), damage.damaged_weights(), damage.replaced_weights()]


def main() -> int:
    """Inject all faults; return the exit code."""
    started = perf_counter()
    print(HEAD)
    reports: list[FaultReport] = []
    for run_row in table_rows([Target("first-light"), Target("forward-pass")]):
        for report in run_row():
            reports.append(report)
            print(report.line(), flush=True)
            for case in report.failures[:MAX_FAILURES]:
                print(f"  BROKEN: {case}", file=sys.stderr, flush=True)
    cases, failures = sum(report.cases for report in reports), sum(len(report.failures) for report in reports)
    strace = "strace" if kills.has_strace() else "without strace"
    summary = (
        f"{cases:,} cases, {failures} broken, in {perf_counter() - started:.0f} s ({platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {strace})."
    )
    print(f"\n{summary}")
    if not failures:
        FAULTS_PAGE.write_text(
            f"{INTRODUCTION}{summary}\n\n{HEAD}\n" + "\n".join(report.line() for report in reports) + EXPLANATION,
            encoding="utf8",
        )
    return int(bool(failures))


sys.exit(main())
