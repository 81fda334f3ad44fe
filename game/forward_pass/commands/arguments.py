"""Arguments that several commands share: the world, the folder of runs, the output format. Runs no command."""

from __future__ import annotations

import argparse

from forward_pass.loading.paths import FLAGSHIP

Subparsers = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it
RUN_HELP = "file, number or name of a run; WORLD/RUN for a run of another world"
OUTPUT_HELP = "write to FILE instead of standard output"


def add_world(parser: argparse.ArgumentParser, nargs: str = "?", default: str = FLAGSHIP) -> None:
    """Add WORLD with argparse's ``nargs``; ``default`` is what the help text says of a missing WORLD."""
    parser.add_argument("world", metavar="WORLD", nargs=nargs, help=f"name or folder of a world (default: {default})")


def add_saves(parser: argparse.ArgumentParser) -> None:
    """Add ``--saves``, which is also accepted before the command and therefore has no default here."""
    parser.add_argument("--saves", metavar="DIR", default=argparse.SUPPRESS, help="folder in which runs are stored")


def add_output_options(parser: argparse.ArgumentParser, plain: str, json: str = "one JSON object") -> None:
    """Add ``--plain`` and ``--json``, which exclude each other; the parameters are their help texts."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--plain", action="store_true", help=plain)
    group.add_argument("--json", action="store_true", help=json)
