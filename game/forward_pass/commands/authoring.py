"""The commands for whoever writes a world: ``check``, ``walk``, ``map``, ``new``. ``cli`` finds the worlds and sets exit codes.

Each ``add_`` takes the parsers of ``cli``; each ``carry_out`` prints and returns its exit code.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from forward_pass.commands.arguments import Commands, add_looks, add_saves, add_world
from forward_pass.errors import Problem, UsageError, WorldError
from forward_pass.loading.paths import saves_folder, world_folder, world_names

if TYPE_CHECKING:
    from forward_pass.checker.explorer import ProgressFunction
    from forward_pass.checker.report import CheckReport
    from forward_pass.story.distribution import PassPort
    from forward_pass.story.world import World

Opened = Callable[[str | None], "World"]

FORMATS = ("text", "json", "github")
MOST = 10_000_000


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 8 and 0 < int(text) <= MOST):  # noqa: PLR2004 - digits
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {MOST}, not {text!r}")
    return int(text)


# -- check ------------------------------------------------------------------------------------------------------------


def add_check(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add ``check``."""
    parser = commands.add_parser(
        "check",
        help="read worlds, walk them, and report every problem",
        description="Read worlds, walk everything that can happen in them, and report every problem with its place. "
        "The last line is PASSED or FAILED.",
    )
    add_world(parser, nargs="*")
    parser.add_argument("--format", choices=FORMATS, default="text", help="lines, one JSON object, or workflow commands")
    parser.add_argument(
        "--decodings",
        metavar="N",
        type=_count,
        default=200_000,
        help="measure at most N passes; beyond, the walk is abstract",
    )
    parser.add_argument("--again", action="store_true", help="walk again and measure every pass again, whatever was kept")
    parser.add_argument("--table", action="store_true", help="write the table of decodings beside the weights")
    parser.set_defaults(carry_out=check)


def check(asked: argparse.Namespace) -> int:
    """Check worlds; return 1 where any of them has an error."""
    from forward_pass.checker.check_cache import cached_check
    from forward_pass.checker.verify import CheckOptions
    from forward_pass.network.passes import open_pass

    reports: list[CheckReport] = []
    for name in asked.world or world_names():
        with _progress(wanted=asked.format == "text") as tell:
            try:
                report = cached_check(
                    world_folder(name),
                    open_pass,
                    CheckOptions(asked.decodings, tell=tell, again=asked.again, table=asked.table),
                )
            except WorldError as error:
                report = _not_there(name, error)
        reports.append(report)
        if asked.format == "text":
            _print_report(report)
    failed = any(report.failed for report in reports)
    if asked.format == "json":
        worlds = [_object(report) for report in reports]
        print(json.dumps({"type": "check", "passed": not failed, "worlds": worlds}, ensure_ascii=False))
        return int(failed)
    if asked.format == "github":
        for report in reports:
            for problem in report.problems:
                print(_workflow_command(problem))
            print(report.summary)
    print("FAILED" if failed else "PASSED")
    return int(failed)


def _not_there(name: str, error: WorldError) -> CheckReport:
    from forward_pass.checker.report import CheckReport

    return CheckReport(name, error.problems, f"{name}: cannot be played", None)


def _print_report(report: CheckReport) -> None:
    """Print what is wrong on standard error, and what is only worth knowing before the world's line."""
    for problem in report.problems:
        if problem.severity != "info":
            print(problem, file=sys.stderr)
    sys.stderr.flush()
    for problem in report.problems:
        if problem.severity == "info":
            print(problem)
    print(report.summary, flush=True)


def _object(report: CheckReport) -> dict[str, Any]:
    figures = report.figures._asdict() if report.figures else None
    problems = [problem._asdict() for problem in report.problems]
    return {"world": report.world, "failed": report.failed, "problems": problems, "figures": figures}


def _workflow_command(problem: Problem) -> str:
    """Return a problem as GitHub's runner reads it."""
    kind = {"error": "error", "warning": "warning"}.get(problem.severity, "notice")
    message = problem.message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    file = problem.file.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} file={file},line={problem.line},col={problem.column},title={problem.code}::{message}"


@contextmanager
def _progress(*, wanted: bool) -> Iterator[ProgressFunction]:
    """Show how far a walk has come, on a terminal and after a second."""
    from forward_pass.checker.explorer import no_progress

    dumb = os.environ.get("TERM", "") in ("dumb", "") or os.environ.get("ACCESSIBLE", "") not in ("", "0")
    if not wanted or dumb or not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console

    began = monotonic()
    with Console(stderr=True).status("walking …") as status:
        status.stop()

        def tell(doing: str, far: int) -> None:
            if monotonic() - began > 1:
                status.start()
                status.update(f"walking … {far:,} {doing}")

        yield tell


# -- walk -------------------------------------------------------------------------------------------------------------


def add_walk(commands: Commands[argparse.ArgumentParser], opened: Opened, seed: Any, temperature: Any) -> None:
    """Add ``walk``."""
    parser = commands.add_parser(
        "walk",
        help="let random players loose on a world",
        description="Let random players play a world and count where they come to. They take what was taken least.",
    )
    add_world(parser)
    parser.add_argument("--runs", metavar="N", type=_count, default=1000, help="how many runs (1000)")
    parser.add_argument("--seed", metavar="N", type=seed, default=0, help="the seed of all chance (0)")
    parser.add_argument("--uniform", action="store_true", help="take any open choice, each as likely as the others")
    parser.add_argument("--temperature", metavar="T", type=temperature, default=0.0, help="0 takes the likeliest word")
    parser.add_argument("--plain", action="store_true", help="plain lines (the same)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(carry_out=lambda asked: walk(asked, opened(asked.world)))


def walk(asked: argparse.Namespace, world: World) -> int:
    """Let random players loose; return 1 where a run failed."""
    from forward_pass.checker.simulation import SimulationConfig, simulate, simulation_lines, simulation_object
    from forward_pass.network.passes import open_pass

    measure: PassPort = open_pass(world)
    with _progress(wanted=not asked.json) as tell:
        crowd = SimulationConfig(asked.runs, asked.seed, asked.temperature, uniform=asked.uniform)
        tally = simulate(world, measure, crowd, tell)
    if asked.json:
        print(json.dumps(simulation_object(world, crowd, tally), ensure_ascii=False))
    else:
        for line in simulation_lines(world, crowd, tally):
            print(line)
    return int(bool(tally.faults))


# -- map and new ------------------------------------------------------------------------------------------------------


def add_map(commands: Commands[argparse.ArgumentParser], opened: Opened) -> None:
    """Add ``map``."""
    parser = commands.add_parser(
        "map",
        help="draw the scenes of a world",
        description="Draw the scenes of a world: tokens across, layers downward, the boundary below, the endings last.",
    )
    add_world(parser)
    parser.add_argument("--format", choices=("dot", "mermaid", "svg"), default="svg", help="what to write (svg)")
    parser.add_argument("-o", dest="output", metavar="FILE", help="write to a file, not to standard output")
    parser.set_defaults(carry_out=lambda asked: draw_map(asked, opened(asked.world)))


def draw_map(asked: argparse.Namespace, world: World) -> int:
    """Draw a map, to a file or to standard output."""
    from forward_pass.interface.scene_graph import build_graph
    from forward_pass.interface.svg_map import draw_graph

    _write(draw_graph(build_graph(world), asked.format), asked.output)
    return 0


def _write(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        Path(output).write_text(text, encoding="utf8")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None


def add_new(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add ``new``."""
    parser = commands.add_parser(
        "new",
        help="begin a world of your own",
        description="Make a folder with a small world in it that passes its check, to be changed line by line.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="a folder that is not there yet, or is empty")
    parser.set_defaults(carry_out=new)


def new(asked: argparse.Namespace) -> int:
    """Make a world to start from."""
    from forward_pass.loading.scaffold import write_scaffold

    for line in write_scaffold(Path(asked.folder)):
        print(line)
    return 0


# -- endings ----------------------------------------------------------------------------------------------------------


def add_endings(commands: Commands[argparse.ArgumentParser], opened: Opened) -> None:
    """Add ``endings``."""
    parser = commands.add_parser(
        "endings",
        help="which endings were found, and hints for the rest",
        description="List the endings of a world that were found, with the runs that reached them, and count the rest.",
    )
    add_world(parser)
    parser.add_argument(
        "--hints",
        metavar="N",
        nargs="?",
        type=_count,
        const=0,
        help="tell all hints, or those for ending N: nudge, clearer, plain",
    )
    add_looks(parser, "plain lines (the same list)")
    add_saves(parser)
    parser.set_defaults(carry_out=lambda asked: endings(asked, opened(asked.world)))


def endings(asked: argparse.Namespace, world: World) -> int:
    """List the endings of a world; a run that cannot be read is passed over, and said to be."""
    from forward_pass.session.endings import ending_list_lines, ending_list_object, list_endings
    from forward_pass.session.plain_text import text_width

    if asked.hints and asked.hints > len(world.endings):
        raise UsageError(f"{world.id} has endings 1 to {len(world.endings)}; there is no ending {asked.hints}")
    rows, faults = list_endings(world, saves_folder(asked.saves) / world.id)
    for fault in faults:
        print(fault, file=sys.stderr)
    if asked.json:
        print(json.dumps(ending_list_object(world, rows, asked.hints), ensure_ascii=False))
    else:
        print("\n".join(ending_list_lines(world, rows, asked.hints, text_width())))
    return 0


def add_all(commands: Commands[argparse.ArgumentParser], opened: Opened, checked: Sequence[Any]) -> None:
    """Add every command for authors; ``checked`` reads a seed and a temperature."""
    seed, temperature = checked
    add_check(commands)
    add_walk(commands, opened, seed, temperature)
    add_map(commands, opened)
    add_new(commands)
    add_endings(commands, opened)
