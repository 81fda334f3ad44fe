"""The command ``lens``: a pass without interventions, inspected layer by layer."""

from __future__ import annotations

import argparse

from forward_pass.commands.options import add_output_options, add_world, small_number
from forward_pass.errors import UsageError
from forward_pass.interface.json_objects import json_line, lens_object
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_computed_pass
from forward_pass.session.attribution import attribute, attribution_lines, attribution_object
from forward_pass.session.inspection import inspect_unmodified, unmodified_key
from forward_pass.session.plain_text import text_width
from forward_pass.session.transcript import inspection_lines, likely_words_text, wrap

NAME = "lens"
HELP = "inspect a pass without interventions, layer by layer"
DESCRIPTION = (
    "Inspect a pass without interventions: the lens at each layer, the probes, the attention of the heads, and "
    "the predicted words."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument(
        "--at", metavar="TOKEN", type=small_number, help="position of the token (default: the first of the story)"
    )
    parser.add_argument("--layer", metavar="L", type=small_number, help="inspect up to this layer (default: the last)")
    parser.add_argument(
        "--by-head",
        action="store_true",
        help="also divide the likeliest word's lead into direct parts of heads and MLPs",
    )
    add_output_options(parser, "plain lines (same as the default)", "one JSON object per line, for programs")


def run(options: argparse.Namespace) -> int:
    """Print the inspection of a pass without interventions, up to a layer."""
    world = open_world(options.world)
    inspector = open_computed_pass(world)
    token = world.first_token if options.at is None else options.at
    if options.by_head and options.layer not in (None, world.layers):
        raise UsageError("--by-head reads the finished pass: leave --layer out")
    inspection, output = inspect_unmodified(world, inspector, token, world.layers if options.layer is None else options.layer)
    attribution = attribute(inspector, unmodified_key(world, inspector, token)) if options.by_head else None
    if options.json:
        print(json_line(lens_object(inspection)))
        if attribution:
            print(json_line(attribution_object(attribution)))
        return 0
    lines = inspection_lines(inspection, text_width())
    if inspection.layer == world.layers:
        lines += ["", *wrap(f"So it says: {likely_words_text(output)}.", text_width())]
    if attribution:
        lines += ["", *attribution_lines(attribution, text_width())]
    print("\n".join(lines))
    return 0
