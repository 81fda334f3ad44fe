"""The command ``lab``: the laboratory outside play, on a stored run or on the untouched pass."""

from __future__ import annotations

import argparse

from forward_pass.commands.front_end import store_of
from forward_pass.commands.options import RUN_HELP, add_output_options, add_saves, add_world, turn_number
from forward_pass.interface.laboratory_prompt import run_laboratory
from forward_pass.loading.worlds import open_world
from forward_pass.session.laboratory_text import open_laboratory, turn_of
from forward_pass.session.plain_text import is_interactive

NAME = "lab"
HELP = "try interventions and hooks on a pass"
DESCRIPTION = (
    "A laboratory on the model of a world: set acts, pushes, looks, notes, silenced heads, frozen layers and patches, a line "
    "each, and see what the model would say. It is opened at a turn of a stored run, or without a run at the untouched pass, "
    "and changes neither. Lines are read from standard input; help lists them."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument("run", metavar="RUN", nargs="?", help=RUN_HELP)
    parser.add_argument("turn", metavar="TURN", nargs="?", type=turn_number, help="turn of the run (default: where it stands)")
    add_output_options(parser, "plain lines, without a prompt", "one JSON object per line, for programs")
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """Answer lines until the input ends or says quit; return the exit code."""
    world = open_world(options.world)
    store = store_of(world, options, options.world or "")
    run = store.new().run if options.run is None else store.view(options.run)
    if options.turn is not None:
        run = turn_of(run, options.run, options.turn)
    laboratory = open_laboratory(run, store.inspector, store)
    prompted = not (options.json or options.plain) and is_interactive()
    run_laboratory(laboratory, prompted=prompted, as_json=options.json)
    return 0
