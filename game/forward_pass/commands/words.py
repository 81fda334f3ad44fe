"""The command ``words``: the words that a world's model knows."""

from __future__ import annotations

import argparse
import json

from forward_pass.commands.options import add_output_options, add_world
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_computed_pass
from forward_pass.session.plain_text import text_width
from forward_pass.session.transcript import wrap

NAME = "words"
HELP = "list the words that a world's model knows"
DESCRIPTION = (
    "List the words that a world's model knows: a prompt and a text can ask about no others. With PART, those that contain it."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument("part", metavar="PART", nargs="?", default="", help="only words that contain this")
    add_output_options(parser, "plain lines (same as the default)")


def run(options: argparse.Namespace) -> int:
    """Print the words; return 1 where none contains the part."""
    known = open_computed_pass(open_world(options.world)).vocabulary
    found = [word for word in known if options.part.casefold() in word.casefold()]
    if options.json:
        print(json.dumps({"type": "words", "words": found}, ensure_ascii=False))
    elif found:
        print("\n".join(wrap(" ".join("(line end)" if word == "\n" else word for word in sorted(found)), text_width())))
    else:
        print(f"None of the model's {len(known)} words contains {options.part!r}.")
    return int(not found)
