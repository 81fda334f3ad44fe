"""The command ``map``: the scenes of a world as a graph."""

from __future__ import annotations

import argparse

from forward_pass.commands.options import add_output_file, add_world, write_document
from forward_pass.interface.scene_graph import build_graph
from forward_pass.interface.svg_map import draw_graph
from forward_pass.loading.worlds import open_world

NAME = "map"
HELP = "draw the scenes of a world as a graph"
DESCRIPTION = (
    "Draw the scenes of a world as a graph: tokens from left to right, layers from top to bottom, the boundary "
    "below them, and the endings last."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument("--format", choices=("dot", "mermaid", "svg"), default="svg", help="output format (default: svg)")
    add_output_file(parser)


def run(options: argparse.Namespace) -> int:
    """Draw the graph of scenes, to a file or to standard output."""
    write_document(draw_graph(build_graph(open_world(options.world)), options.format), options.output, force=options.force)
    return 0
