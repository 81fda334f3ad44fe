"""The command ``runs``: the stored runs of a world listed, or one moved to the trash."""

from __future__ import annotations

import argparse
import json
import sys

from forward_pass.commands.options import add_output_options, add_saves, add_world
from forward_pass.errors import printable
from forward_pass.loading.paths import saves_folder, world_folder
from forward_pass.loading.worlds import open_world
from forward_pass.storage.folder import other_files, resolve_run
from forward_pass.storage.listing import summaries
from forward_pass.storage.run_file import forget

NAME = "runs"
HELP = "list the stored runs of a world"
DESCRIPTION = "List the stored runs of a world."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument("--forget", metavar="RUN", help="move a run to the folder .trash/")
    add_output_options(parser, "plain lines (same as the default)", "one JSON object per line")
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """List the runs, or forget one; return the exit code."""
    world = open_world(str(world_folder(options.world)))
    saves = saves_folder(options.saves)
    if options.forget is not None:
        path = resolve_run(saves, world.id, options.forget)
        print(f"Moved {path.name} to {forget(path).parent}")
        return 0
    rows = summaries(saves / world.id, world)
    for row in rows:
        print(json.dumps({"type": "run", **row._asdict()}, ensure_ascii=False) if options.json else row)
    for path in other_files(saves / world.id):
        print(f"{printable(str(path))}: not read: its name is not a run's; `forward-pass import` takes it in", file=sys.stderr)
    if not rows and not options.json:
        print(f"There are no runs of {world.title} in {saves} yet.")
    return 0
