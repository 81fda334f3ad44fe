"""What several commands take alike: a world, the folder of runs, how rows are printed. Carries nothing out."""

from __future__ import annotations

import argparse

from forward_pass.loading.paths import FLAGSHIP

Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no other name for it


def add_world(parser: argparse.ArgumentParser, nargs: str = "?") -> None:
    """Add WORLD, or as many as ``nargs`` says."""
    parser.add_argument("world", metavar="WORLD", nargs=nargs, help=f"a world's name or folder ({FLAGSHIP} if left out)")


def add_saves(parser: argparse.ArgumentParser) -> None:
    """Add ``--saves``, which can also stand before the command."""
    parser.add_argument("--saves", metavar="DIR", default=argparse.SUPPRESS, help="the folder in which runs are kept")


def add_looks(parser: argparse.ArgumentParser, plain: str, rows: str = "one JSON object") -> None:
    """Add ``--plain`` and ``--json``, of which at most one is said; ``plain`` and ``rows`` say what each prints."""
    looks = parser.add_mutually_exclusive_group()
    looks.add_argument("--plain", action="store_true", help=plain)
    looks.add_argument("--json", action="store_true", help=rows)
