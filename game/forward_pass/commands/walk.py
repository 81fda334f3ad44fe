"""The command ``walk``: runs simulated with random players."""

from __future__ import annotations

import argparse
import json

from forward_pass.checker.simulation import SimulationConfig, simulate, simulation_lines, simulation_object
from forward_pass.commands.options import add_world, count, seed, temperature
from forward_pass.commands.progress import progress
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_pass

NAME = "walk"
HELP = "simulate runs with random players"
DESCRIPTION = (
    "Simulate runs with random players and count the endings that they reach. A player prefers the choices "
    "that were taken least often so far."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument("--runs", metavar="N", type=count, default=1000, help="number of runs (default: 1000)")
    parser.add_argument("--seed", metavar="N", type=seed, default=0, help="seed of the random numbers (default: 0)")
    parser.add_argument("--uniform", action="store_true", help="take each open choice with equal probability")
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=temperature,
        default=0.0,
        help="0 takes the most likely word (the default); above 0, words are sampled",
    )
    parser.add_argument("--plain", action="store_true", help="plain lines (same as the default)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(options: argparse.Namespace) -> int:
    """Simulate runs with random players; return 1 if a run failed."""
    world = open_world(options.world)
    inspector = open_pass(world)
    with progress(wanted=not options.json) as on_progress:
        config = SimulationConfig(options.runs, options.seed, options.temperature, uniform=options.uniform)
        stats = simulate(world, inspector, config, on_progress)
    if options.json:
        print(json.dumps(simulation_object(world, config, stats), ensure_ascii=False))
    else:
        for line in simulation_lines(world, config, stats):
            print(line)
    return int(bool(stats.faults))
