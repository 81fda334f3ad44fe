"""The command ``map``: the scenes of a world as a map in words, a web page, or a graph for other programs."""

from __future__ import annotations

import argparse

from forward_pass.commands.options import add_output_file, add_world, write_document
from forward_pass.interface.scene_graph import build_graph, draw_graph
from forward_pass.interface.scene_map import scene_map_lines, scene_map_page
from forward_pass.loading.worlds import open_world
from forward_pass.session.plain_text import text_width
from forward_pass.story.world import World

NAME = "map"
HELP = "show where the choices of a world lead"
DESCRIPTION = (
    "Show the scenes of a world by token and layer, each with the words of its choices and where they lead: in words, or as a "
    "web page with pan and zoom."
)
FORMATS = ("text", "html", "dot", "mermaid")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument(
        "--format", choices=FORMATS, default="text", help="text (the default), a web page, or a graph for Graphviz or Mermaid"
    )
    add_output_file(parser)


def run(options: argparse.Namespace) -> int:
    """Write the map, to a file or to standard output."""
    write_document(_document(open_world(options.world), options.format), options.output, force=options.force)
    return 0


def _document(world: World, file_format: str) -> str:
    if file_format == "text":
        return "\n".join(scene_map_lines(world, text_width())) + "\n"
    return scene_map_page(world) if file_format == "html" else draw_graph(build_graph(world), file_format)
