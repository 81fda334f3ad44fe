"""The command ``export``: a run as a document."""

from __future__ import annotations

import argparse
import sys
from pathlib import PurePath

from forward_pass.commands.front_end import read_run
from forward_pass.commands.options import RUN_HELP, add_output_file, add_saves, turn_number, write_document
from forward_pass.errors import RunError, UsageError
from forward_pass.interface.export import FORMATS, Picture, export_run
from forward_pass.interface.map_page import map_page
from forward_pass.loading.paths import APP, saves_folder
from forward_pass.loading.worlds import open_world, open_world_of_run
from forward_pass.network.passes import open_pass
from forward_pass.storage.replay import replay_run
from forward_pass.storage.run_set import stored_runs
from forward_pass.story.history import at_turn

NAME = "export"
HELP = "write a run as text, web page, picture or recording, or the map of all runs"
DESCRIPTION = (
    "Write a run, to its end or else up to its cursor, as text, Markdown, a web page, a picture, or a recording for asciinema. "
    "The same run always gives the same bytes."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("run", metavar="RUN", nargs="?", help=f"{RUN_HELP}; with --map a world")
    parser.add_argument("--map", action="store_true", help="write the map of all runs of a world instead, as a web page")
    parser.add_argument("--format", choices=FORMATS, help="output format (default: as FILE of -o ends, otherwise txt)")
    parser.add_argument(
        "--turn", metavar="N", type=turn_number, help="with --format svg: draw turn N alone, as a terminal shows it"
    )
    parser.add_argument(
        "--show",
        choices=("scene", "prompt", "lens"),
        default="scene",
        help="with --turn: draw the scene, the prompt or the lens (default: scene)",
    )
    parser.add_argument(
        "--colour", choices=("dark", "light"), default="dark", help="with --format svg: the background (default: dark)"
    )
    add_output_file(parser)
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """Write a run as a document; raises ``RunError`` if it does not replay as recorded."""
    if options.map:
        return _export_map(options)
    if options.run is None:
        raise UsageError("which run? export RUN, or export --map [WORLD]")
    path, journal = read_run(options.run, options.saves)
    world = open_world_of_run(journal.header.world)
    result = replay_run(world, open_pass(world), journal, len(journal.turns))
    if result.differences:
        raise RunError(f"{path.name} cannot be exported: {result.summary}: {result.differences[0].what}")
    run, picture = at_turn(result.run, journal.reach(world.endings)), Picture(options.turn, options.show, options.colour)
    if options.turn is not None and options.turn > run.at:
        raise UsageError(f"turn {options.turn} is beyond the cursor of {path.name}, which is at turn {run.at}")
    file_format = options.format or _format_of(options.output)
    if options.turn is not None and file_format != "svg":
        raise UsageError(f"--turn {options.turn} needs --format svg")
    if options.show != "scene" and options.turn is None:
        raise UsageError(f"--show {options.show} needs --turn N")
    text = export_run(run, journal.header, file_format, picture)
    write_document(text, options.output, force=options.force)
    return 0


def _export_map(options: argparse.Namespace) -> int:
    """Write the map of all runs of a world."""
    if options.format not in (None, "html") or (options.output or "").rpartition(".")[2] in set(FORMATS) - {"html"}:
        raise UsageError("a map is a web page: --format html, or a FILE that ends with .html")
    if options.turn is not None:
        raise UsageError("--turn does not go with --map")
    world = open_world(options.run)
    run_set = stored_runs(world, open_pass(world), saves_folder(options.saves) / world.id)
    for fault in run_set.faults:
        print(fault, file=sys.stderr)
    if not run_set.journals:
        raise RunError(f"there are no runs of {world.title} to draw yet: begin one with {APP} play")
    write_document(map_page(run_set), options.output, force=options.force)
    return 0


def _format_of(output: str | None) -> str:
    """Return the format that a file name ends with; text where it has none, raises ``UsageError`` for any other ending."""
    ending = PurePath(output).suffix.removeprefix(".") if output and output != "-" else ""
    if ending and ending not in FORMATS:
        raise UsageError(f"{output}: a document ends with .{', .'.join(FORMATS)}; or say which with --format")
    return ending or "txt"
