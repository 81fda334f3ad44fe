"""The command ``directions``: what acts and texts of a world can name in its model."""

from __future__ import annotations

import argparse
import json

from forward_pass.commands.options import add_output_options, add_world
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_computed_pass

NAME = "directions"
HELP = "list the directions, probes and spans that a world can name"
DESCRIPTION = (
    "List what acts and texts of a world can name: the directions of its model that a push can be along, its probes, its "
    "layers, and the spans of the prompt that a look can be at."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    add_output_options(parser, "plain lines (same as the default)")


def run(options: argparse.Namespace) -> int:
    """Print the names."""
    world = open_world(options.world)
    weights = open_computed_pass(world).weights
    shape, metadata = weights.shape, weights.metadata
    spans = {name: [start + 1, stop] for name, (start, stop) in world.spans.items()}
    directions, probes = sorted(metadata.directions), sorted(metadata.probes)
    whole = [shape.n_local + 1, shape.n_attend]
    if options.json:
        layers = {"all": shape.n_layer, "attention": shape.n_attend, "whole_document": whole}
        row = {"type": "directions", "directions": directions, "probes": probes, "spans": spans, "layers": layers}
        print(json.dumps(row, ensure_ascii=False))
        return 0
    print(f"Directions (push): {', '.join(directions)}")
    print(f"Probes: {', '.join(probes)}")
    print(f"Layers: {shape.n_layer}; attention up to {shape.n_attend}, to the whole document from {whole[0]} on")
    print("Spans of the prompt (look), first and last position:")
    for name, (first, last) in spans.items():
        print(f"  {name}: {first} to {last}")
    return 0
