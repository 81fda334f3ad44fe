"""The command ``schema``: what an editor has to know of a world's files, with the ids of a world for it to complete."""

from __future__ import annotations

import argparse

from forward_pass.loading.loader import collect_names
from forward_pass.loading.paths import world_folder
from forward_pass.loading.schema import Names, schema_text

NAME = "schema"
HELP = "print the JSON Schema of worlds, for editors"
DESCRIPTION = (
    "Print the JSON Schema of a world's files. Of a WORLD, it has the ids of its scenes, endings, acts, verbs and thresholds, "
    "so that an editor completes them: forward-pass schema my-world > my-world/SCHEMA.json"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("world", metavar="WORLD", nargs="?", help="name or folder of a world, whose ids are completed")


def run(options: argparse.Namespace) -> int:
    """Write the schema, to a file or to standard output."""
    names = None
    if options.world:
        sections = collect_names(world_folder(options.world)).sections
        names = Names(*(tuple(sections[kind]) for kind in Names._fields))
    print(schema_text(names), end="")
    return 0
