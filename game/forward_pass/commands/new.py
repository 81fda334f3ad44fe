"""The command ``new``: a small world to start from."""

from __future__ import annotations

import argparse
from pathlib import Path

from forward_pass.loading.scaffold import write_scaffold

NAME = "new"
HELP = "create a small world to start from"
DESCRIPTION = "Create a folder with a small world that passes its check, as a starting point for your own."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("folder", metavar="FOLDER", help="a folder that does not exist yet or is empty")


def run(options: argparse.Namespace) -> int:
    """Create a world to start from; return the exit code."""
    for line in write_scaffold(Path(options.folder)):
        print(line)
    return 0
