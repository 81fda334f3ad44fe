"""The commands for authors: ``check``, ``walk``, ``map``, ``new``, ``endings``. ``cli`` opens the worlds and sets exit codes.

Each ``add_`` function configures a parser; each handler prints and returns its exit code.
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

from forward_pass.commands.arguments import OUTPUT_HELP, Subparsers, add_output_options, add_saves, add_world
from forward_pass.errors import Problem, UsageError, WorldError
from forward_pass.loading.paths import saves_folder, world_folder, world_names

if TYPE_CHECKING:
    from forward_pass.checker.explorer import ProgressFunction
    from forward_pass.checker.report import CheckReport
    from forward_pass.story.distribution import PassPort
    from forward_pass.story.world import World

WorldOpener = Callable[[str | None], "World"]

FORMATS = ("text", "json", "github")
MAX_COUNT = 10_000_000


def _parse_count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 8 and 0 < int(text) <= MAX_COUNT):  # noqa: PLR2004 - digits
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_COUNT}, not {text!r}")
    return int(text)


# -- check ------------------------------------------------------------------------------------------------------------


def add_check(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``check``."""
    parser = subparsers.add_parser(
        "check",
        help="check worlds and report every problem",
        description="Read worlds, explore every reachable state, and report every problem with its file, line and column. "
        "The last line is PASSED or FAILED.",
    )
    add_world(parser, nargs="*", default="all worlds that come with the game")
    parser.add_argument(
        "--format", choices=FORMATS, default="text", help="lines of text, one JSON object, or GitHub workflow commands"
    )
    parser.add_argument(
        "--decodings",
        metavar="N",
        type=_parse_count,
        default=200_000,
        help="measure at most N passes; explore the rest with an abstract pass (default: 200000)",
    )
    parser.add_argument("--again", action="store_true", help="ignore cached results: explore and measure everything again")
    parser.add_argument("--table", action="store_true", help="write the table of measured passes beside the weights")
    parser.set_defaults(handler=check)


def check(options: argparse.Namespace) -> int:
    """Check worlds; return 1 if any of them has an error."""
    from forward_pass.checker.check_cache import cached_check
    from forward_pass.checker.verify import CheckOptions
    from forward_pass.network.passes import open_pass

    reports: list[CheckReport] = []
    for name in options.world or world_names():
        with _progress(wanted=options.format == "text") as on_progress:
            try:
                report = cached_check(
                    world_folder(name),
                    open_pass,
                    CheckOptions(options.decodings, tell=on_progress, again=options.again, table=options.table),
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
    from forward_pass.checker.report import CheckReport

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
    print(report.summary, flush=True)


def _report_object(report: CheckReport) -> dict[str, Any]:
    figures = report.figures._asdict() if report.figures else None
    problems = [problem._asdict() for problem in report.problems]
    return {"world": report.world, "failed": report.failed, "problems": problems, "figures": figures}


def _workflow_command(problem: Problem) -> str:
    """Return a problem as a workflow command of GitHub Actions."""
    kind = {"error": "error", "warning": "warning"}.get(problem.severity, "notice")
    message = problem.message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    file = problem.file.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} file={file},line={problem.line},col={problem.column},title={problem.code}::{message}"


@contextmanager
def _progress(*, wanted: bool) -> Iterator[ProgressFunction]:
    """Yield a function that shows progress on a terminal, from the first second on."""
    from forward_pass.checker.explorer import no_progress

    dumb = os.environ.get("TERM", "") in ("dumb", "") or os.environ.get("ACCESSIBLE", "") not in ("", "0")
    if not wanted or dumb or not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console

    started = monotonic()
    with Console(stderr=True).status("exploring …") as status:
        status.stop()

        def on_progress(unit: str, count: int) -> None:
            if monotonic() - started > 1:
                status.start()
                status.update(f"exploring … {count:,} {unit}")

        yield on_progress


# -- walk -------------------------------------------------------------------------------------------------------------


def add_walk(
    subparsers: Subparsers[argparse.ArgumentParser], open_world: WorldOpener, parse_seed: Any, parse_temperature: Any
) -> None:
    """Add ``walk``."""
    parser = subparsers.add_parser(
        "walk",
        help="simulate runs with random players",
        description="Simulate runs with random players and count the endings that they reach. A player prefers the choices "
        "that were taken least often so far.",
    )
    add_world(parser)
    parser.add_argument("--runs", metavar="N", type=_parse_count, default=1000, help="number of runs (default: 1000)")
    parser.add_argument("--seed", metavar="N", type=parse_seed, default=0, help="seed of the random numbers (default: 0)")
    parser.add_argument("--uniform", action="store_true", help="take each open choice with equal probability")
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=parse_temperature,
        default=0.0,
        help="0 takes the most likely word (the default); above 0, words are sampled",
    )
    parser.add_argument("--plain", action="store_true", help="plain lines (same as the default)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(handler=lambda options: walk(options, open_world(options.world)))


def walk(options: argparse.Namespace, world: World) -> int:
    """Simulate runs with random players; return 1 if a run failed."""
    from forward_pass.checker.simulation import SimulationConfig, simulate, simulation_lines, simulation_object
    from forward_pass.network.passes import open_pass

    pass_port: PassPort = open_pass(world)
    with _progress(wanted=not options.json) as on_progress:
        config = SimulationConfig(options.runs, options.seed, options.temperature, uniform=options.uniform)
        stats = simulate(world, pass_port, config, on_progress)
    if options.json:
        print(json.dumps(simulation_object(world, config, stats), ensure_ascii=False))
    else:
        for line in simulation_lines(world, config, stats):
            print(line)
    return int(bool(stats.faults))


# -- map and new ------------------------------------------------------------------------------------------------------


def add_map(subparsers: Subparsers[argparse.ArgumentParser], open_world: WorldOpener) -> None:
    """Add ``map``."""
    parser = subparsers.add_parser(
        "map",
        help="draw the scenes of a world as a graph",
        description="Draw the scenes of a world as a graph: tokens from left to right, layers from top to bottom, the boundary "
        "below them, and the endings last.",
    )
    add_world(parser)
    parser.add_argument("--format", choices=("dot", "mermaid", "svg"), default="svg", help="output format (default: svg)")
    parser.add_argument("-o", dest="output", metavar="FILE", help=OUTPUT_HELP)
    parser.set_defaults(handler=lambda options: draw_map(options, open_world(options.world)))


def draw_map(options: argparse.Namespace, world: World) -> int:
    """Draw the graph of scenes, to a file or to standard output."""
    from forward_pass.interface.scene_graph import build_graph
    from forward_pass.interface.svg_map import draw_graph

    _write(draw_graph(build_graph(world), options.format), options.output)
    return 0


def _write(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        Path(output).write_text(text, encoding="utf8")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None


def add_new(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``new``."""
    parser = subparsers.add_parser(
        "new",
        help="create a small world to start from",
        description="Create a folder with a small world that passes its check, as a starting point for your own.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="a folder that does not exist yet or is empty")
    parser.set_defaults(handler=new)


def new(options: argparse.Namespace) -> int:
    """Create a world to start from."""
    from forward_pass.loading.scaffold import write_scaffold

    for line in write_scaffold(Path(options.folder)):
        print(line)
    return 0


# -- endings ----------------------------------------------------------------------------------------------------------


def add_endings(subparsers: Subparsers[argparse.ArgumentParser], open_world: WorldOpener) -> None:
    """Add ``endings``."""
    parser = subparsers.add_parser(
        "endings",
        help="list the endings found, and hints for the others",
        description="List the endings of a world that were found, with the runs that reached them, and count the others.",
    )
    add_world(parser)
    parser.add_argument(
        "--hints",
        metavar="N",
        nargs="?",
        type=_parse_count,
        const=0,
        help="print the hints for every ending, or for ending N only: three each, from vague to plain",
    )
    add_output_options(parser, "plain lines (same as the default)")
    add_saves(parser)
    parser.set_defaults(handler=lambda options: endings(options, open_world(options.world)))


def endings(options: argparse.Namespace, world: World) -> int:
    """List the endings of a world; a run that cannot be read is reported and skipped."""
    from forward_pass.session.endings import ending_list_lines, ending_list_object, list_endings
    from forward_pass.session.plain_text import text_width

    if options.hints and options.hints > len(world.endings):
        raise UsageError(f"{world.id} has endings 1 to {len(world.endings)}; there is no ending {options.hints}")
    rows, faults = list_endings(world, saves_folder(options.saves) / world.id)
    for fault in faults:
        print(fault, file=sys.stderr)
    if options.json:
        print(json.dumps(ending_list_object(world, rows, options.hints), ensure_ascii=False))
    else:
        print("\n".join(ending_list_lines(world, rows, options.hints, text_width())))
    return 0


def add_all(
    subparsers: Subparsers[argparse.ArgumentParser], open_world: WorldOpener, seed_and_temperature: Sequence[Any]
) -> None:
    """Add every command for authors; ``seed_and_temperature`` are the argparse types of these two options."""
    parse_seed, parse_temperature = seed_and_temperature
    add_check(subparsers)
    add_walk(subparsers, open_world, parse_seed, parse_temperature)
    add_map(subparsers, open_world)
    add_new(subparsers)
    add_endings(subparsers, open_world)
