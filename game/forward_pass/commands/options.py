"""Options that several commands share: the world, the folder of runs, the output format, and numbers. Runs no command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from forward_pass.atomic_write import write_whole
from forward_pass.errors import UsageError
from forward_pass.loading.paths import FLAGSHIP

RUN_HELP = "file, number or name of a run; WORLD/RUN for a run of another world"
OUTPUT_HELP = "write to FILE instead of standard output"
MAX_SEED = 2**31 - 1
MAX_TEMPERATURE = 100  # above it, all words are practically equally likely
MAX_COUNT = 10_000_000
MAX_SPEED = 64.0


KEPT_ENDINGS = (".jsonl", ".fpw", ".yaml", ".yml", ".json", ".py")  # of runs, weights, worlds and programs


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


def add_output_file(parser: argparse.ArgumentParser) -> None:
    """Add ``-o`` and ``--force``."""
    parser.add_argument("-o", dest="output", metavar="FILE", help=OUTPUT_HELP)
    parser.add_argument("--force", action="store_true", help="write over FILE if it is there; never over a run or a world")


def write_document(text: str, output: str | None, *, force: bool = False) -> None:
    """Write a document to the file of ``-o``, whole or not at all, or to standard output (also for ``-``).

    Raises ``UsageError`` where it cannot be written, or the file is there and ``force`` is not given; never writes over a file
    that is a run, or part of a world.
    """
    if output is None or output == "-":
        sys.stdout.write(text)
        return
    path = Path(output)
    if path.suffix in KEPT_ENDINGS:
        raise UsageError(f"{output} has the name of a run or of a world's file: give the document another ending")
    if path.is_file() and not force:
        raise UsageError(f"{output} is there already, and is left as it is: --force writes over it")
    try:
        write_whole(Path(output), text.encode())
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None


def whole_number(text: str, least: int, most: int, what: str = "") -> int:
    """Return a whole number within bounds; raises argparse's error, which says ``what`` it should be."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        expected = what or f"a whole number from {least} to {most}"
        raise argparse.ArgumentTypeError(f"must be {expected}, not {text!r}")
    return int(text)


def number(text: str, most: float) -> float:
    """Return a number from 0 to ``most``; raises argparse's error."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {most:g}, not {text!r}")
    return value


def count(text: str) -> int:
    """Return how many of something."""
    return whole_number(text, 1, MAX_COUNT)


def turn_number(text: str) -> int:
    """Return the number of a turn."""
    return whole_number(text, 0, 999_999, "the number of a turn")


def turn_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of one or more turns, separated by commas."""
    return tuple(turn_number(part.strip()) for part in text.split(","))


def seed(text: str) -> int:
    """Return a seed."""
    return whole_number(text, 0, MAX_SEED)


def temperature(text: str) -> float:
    """Return a temperature."""
    return number(text, MAX_TEMPERATURE)


def speed(text: str) -> float:
    """Return a speed: how many times the speed of reading."""
    return number(text, MAX_SPEED)


def small_number(text: str) -> int:
    """Return a whole number of at most six digits."""
    return whole_number(text, 0, 999_999, "a whole number of at most 6 digits")
