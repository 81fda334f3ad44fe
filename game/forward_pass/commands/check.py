"""The command ``check``: worlds read and explored, every problem reported."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from forward_pass.checker.check_cache import cached_check
from forward_pass.checker.report import CheckReport
from forward_pass.checker.shortest import EndingRun
from forward_pass.checker.verify import CheckOptions
from forward_pass.commands.options import add_world, count
from forward_pass.commands.progress import progress
from forward_pass.errors import Problem, UsageError, WorldError
from forward_pass.loading.lint import counted
from forward_pass.loading.paths import world_folder, world_names
from forward_pass.network.passes import open_pass

WATCH_SECONDS = 0.5

NAME = "check"
HELP = "check worlds and report every problem"
DESCRIPTION = (
    "Read worlds, explore every reachable state, and report every problem with its file, line and column. "
    "The last line is PASSED or FAILED."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser, nargs="*", default="all worlds that come with the game")
    parser.add_argument(
        "--format",
        choices=("text", "json", "github"),
        default="text",
        help="lines of text, one JSON object, or GitHub workflow commands",
    )
    parser.add_argument(
        "--decodings",
        metavar="N",
        type=count,
        default=200_000,
        help="measure at most N passes; explore the rest with an abstract pass (default: 200000)",
    )
    parser.add_argument("--again", action="store_true", help="ignore cached results: explore and measure everything again")
    parser.add_argument("--watch", action="store_true", help="check again whenever a file changes, until interrupted")
    parser.add_argument("--table", action="store_true", help="write the table of measured passes beside the weights")


def run(options: argparse.Namespace) -> int:
    """Check worlds, once or whenever they change; return 1 if any of them has an error."""
    if not options.watch:
        return _check(options)
    if options.format != "text":
        raise UsageError("--watch prints text: leave --format out")
    folders = [world_folder(name) for name in options.world or world_names()]
    seen: object = None
    while True:
        changed = _file_times(folders)
        if changed != seen:
            seen = changed
            _check(options)
            print(f"watching {', '.join(folder.resolve().name for folder in folders)}; Ctrl-C ends it", flush=True)
        time.sleep(WATCH_SECONDS)


def _file_times(folders: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Return the files below some folders, each with its size and when it changed last."""
    found = []
    for path in (path for folder in folders for path in sorted(folder.rglob("*"))):
        with suppress(OSError):  # it may be gone by now
            status = path.stat()
            found.append((str(path), status.st_mtime_ns, status.st_size))
    return found


def _check(options: argparse.Namespace) -> int:
    reports: list[CheckReport] = []
    for name in options.world or world_names():
        with progress(wanted=options.format == "text") as on_progress:
            try:
                report = cached_check(
                    world_folder(name),
                    open_pass,
                    CheckOptions(options.decodings, on_progress=on_progress, again=options.again, table=options.table),
                )
            except WorldError as error:
                report = _missing_world_report(name, error)
        reports.append(report)
        if options.format == "text":
            _print_report(report)
    failed = any(report.failed for report in reports)
    if options.format == "json":
        worlds = [_report_object(report) for report in reports]
        print(json.dumps({"type": "check", "passed": not failed, "worlds": worlds}, ensure_ascii=False))
        return int(failed)
    if options.format == "github":
        for report in reports:
            for problem in report.problems:
                print(_workflow_command(problem))
            print(report.summary)
    print("FAILED" if failed else "PASSED")
    return int(failed)


def _missing_world_report(name: str, error: WorldError) -> CheckReport:

    return CheckReport(name, error.problems, f"{name}: cannot be played", None)


def _print_report(report: CheckReport) -> None:
    """Print errors and warnings on standard error; infos and the summary on standard output."""
    for problem in report.problems:
        if problem.severity != "info":
            print(problem, file=sys.stderr)
    sys.stderr.flush()
    for problem in report.problems:
        if problem.severity == "info":
            print(problem)
    print(report.summary)
    for run in report.endings:
        print(f"  {ending_run_text(run)}")
    sys.stdout.flush()


def ending_run_text(run: EndingRun) -> str:
    """Return a run to an ending as a line: how many choices it takes, which, and the words that come."""
    steps = ", ".join(choice if word is None else f"{choice} → {word!r}" for choice, word in run.steps)
    kind = "" if run.is_shortest else " (a run, perhaps not the shortest)"
    later = "" if run.is_first else " (once everything is found)"
    return f"{run.ending}{later}: {counted(len(run.steps), 'choice')}{kind}: {steps or 'at the very start'}"


def _report_object(report: CheckReport) -> dict[str, object]:
    figures = report.figures._asdict() if report.figures else None
    problems = [problem._asdict() for problem in report.problems]
    endings = [
        {"ending": run.ending, "steps": [list(step) for step in run.steps], "first": run.is_first, "shortest": run.is_shortest}
        for run in report.endings
    ]
    return {"world": report.world, "failed": report.failed, "problems": problems, "figures": figures, "endings": endings}


def _workflow_command(problem: Problem) -> str:
    """Return a problem as a workflow command of GitHub Actions."""
    kind = {"error": "error", "warning": "warning"}.get(problem.severity, "notice")
    message = problem.message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    file = problem.file.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} file={file},line={problem.line},col={problem.column},title={problem.code}::{message}"
