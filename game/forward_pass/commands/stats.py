"""The command ``stats``: what a world is made of, and what random runs leave of it unread."""

from __future__ import annotations

import argparse
import json

from forward_pass.checker.simulation import SimulationConfig, simulate
from forward_pass.checker.statistics import statistics_lines, statistics_object
from forward_pass.commands.options import add_output_options, add_world, count, seed
from forward_pass.commands.progress import progress
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_pass

NAME = "stats"
HELP = "count a world's words, and what random runs leave unread"
DESCRIPTION = (
    "Count the words of every scene and ending, and list the choices that no random run took and the texts of which none "
    "showed some passages."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument("--runs", metavar="N", type=count, default=1000, help="number of random runs (default: 1000)")
    parser.add_argument("--seed", metavar="N", type=seed, default=0, help="seed of the random numbers (default: 0)")
    add_output_options(parser, "plain lines (same as the default)")


def run(options: argparse.Namespace) -> int:
    """Print the counts."""
    world = open_world(options.world)
    with progress(wanted=not options.json) as on_progress:
        stats = simulate(world, open_pass(world), SimulationConfig(options.runs, options.seed), on_progress)
    if options.json:
        print(json.dumps(statistics_object(world, stats, options.runs), ensure_ascii=False))
    else:
        print("\n".join(statistics_lines(world, stats, options.runs)))
    return 0
