"""The command ``train``: the model of a world, trained on its corpus."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from forward_pass.commands.options import small_number
from forward_pass.errors import RunError, UsageError
from forward_pass.loading.paths import world_folder

NAME = "train"
HELP = "train the model of Forward Pass again"
DESCRIPTION = (
    "Train the model of Forward Pass, or of a world whose corpus/ has the same form and is about the same anatomy, and write "
    "the weights, the calibration and the model card into its folder. A world on the shipped weights needs no training: it "
    "says `model: forward-pass`. Training takes most of an hour on one core, can be interrupted and resumed, and writes "
    "nothing if a declared band is missed. It needs the extra: pip install 'forward-pass[train]'."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("world", metavar="WORLD", help="name or folder of a world")
    parser.add_argument("--seed", metavar="N", type=small_number, default=1, help="seed of the training (default: 1)")
    parser.add_argument("--keep", metavar="DIR", help="folder for the checkpoints and the log (default: WORLD/training)")
    parser.add_argument("--into", metavar="DIR", help="folder for the weights (default: the world's folder)")
    parser.add_argument("--anew", action="store_true", help="start again, ignoring any checkpoints")


def run(options: argparse.Namespace) -> int:
    """Train a world's model; raises ``RunError`` without torch or if a band is missed, ``UsageError`` without a corpus."""
    folder = world_folder(options.world)
    if not (folder / "corpus").is_dir():
        raise UsageError(f"{folder} has no corpus/ to train on")
    if find_spec("torch") is None:
        raise RunError("training needs torch: pip install 'forward-pass[train]'")
    checkpoints = Path(options.keep) if options.keep else folder / "training"
    into = Path(options.into) if options.into else folder
    from forward_pass.training.command import train_world  # noqa: PLC0415 - imports torch

    files = train_world(folder, checkpoints, into, seed=options.seed, resume=not options.anew)
    print(f"{files.weights}\n{files.calibration}\n{files.card}")
    return 0
