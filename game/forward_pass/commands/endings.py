"""The command ``endings``: the endings found, and hints for the others."""

from __future__ import annotations

import argparse
import json
import sys

from forward_pass.commands.options import add_output_options, add_saves, add_world, count
from forward_pass.errors import UsageError
from forward_pass.loading.paths import saves_folder
from forward_pass.loading.worlds import open_world
from forward_pass.session.endings import ending_list_lines, ending_list_object, list_endings
from forward_pass.session.plain_text import text_width

NAME = "endings"
HELP = "list the endings found, and hints for the others"
DESCRIPTION = "List the endings of a world that were found, with the runs that reached them, and count the others."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument(
        "--hints",
        metavar="N",
        nargs="?",
        type=count,
        const=0,
        help="print the hints for every ending, or for ending N only: three each, from vague to plain",
    )
    add_output_options(parser, "plain lines (same as the default)")
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """List the endings of a world; a run that cannot be read is reported and skipped. Return the exit code."""
    world = open_world(options.world)
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
