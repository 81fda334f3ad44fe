"""The command ``diff``: two runs compared."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial

from forward_pass.commands.front_end import read_run
from forward_pass.commands.options import RUN_HELP, add_output_options, add_saves
from forward_pass.errors import UsageError, printable
from forward_pass.loading.worlds import open_world_of_run
from forward_pass.network.passes import open_pass
from forward_pass.session.comparison import compare_runs, difference_lines, difference_object
from forward_pass.session.plain_text import is_interactive, text_width
from forward_pass.session.run_commands import display_name
from forward_pass.story.history import Run, at_turn, replay

NAME = "diff"
HELP = "compare two runs"
DESCRIPTION = (
    "Compare two runs of a world: the first choice that differs, then its effect on the state, on every later "
    "word, and on the ending."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("first", metavar="RUN", help=RUN_HELP)
    parser.add_argument("second", metavar="RUN", help="the other run")
    parser.add_argument("--ids", action="store_true", help="name choices and scenes by their ids too, and compare the states")
    add_output_options(parser, "plain lines, without bars")
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """Compare two runs."""
    files = [read_run(name, options.saves) for name in (options.first, options.second)]
    worlds = [journal.header.world for _, journal in files]
    if worlds[0] != worlds[1]:
        raise UsageError(
            f"cannot compare runs of two worlds: {options.first} is a run of {worlds[0]}, {options.second} of {worlds[1]}"
        )
    world = open_world_of_run(worlds[0])
    inspector = open_pass(world)
    runs: list[Run] = []
    for path, journal in files:
        run, differences, _ = replay(world, inspector, journal.header.prior, journal.turns)
        if differences:
            print(printable(f"{path.name}: {differences[0].what} (turn {differences[0].turn})"), file=sys.stderr)
        runs.append(at_turn(run, min(journal.reach(run.world.endings), len(run.turns))))
    comparison, names = compare_runs(runs[0], runs[1]), (display_name(options.first), display_name(options.second))
    if options.json:
        print(json.dumps(difference_object(comparison, names), ensure_ascii=False))
    elif options.plain or not is_interactive():
        print("\n".join(difference_lines(comparison, names, text_width(), ids=options.ids)))
    else:
        from forward_pass.interface.widgets import page_through  # noqa: PLC0415 - plain lines need no prompt_toolkit

        heading = f"{names[0]} and {names[1]}"
        page_through(heading, partial(difference_lines, comparison, names, bars=True, ids=options.ids))
    return 0
