"""The commands that lay the model open and make it again: ``lens``, ``effects``, ``train``.

Each ``add_`` takes the parsers of ``cli``; each other function prints and returns its exit code.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forward_pass.commands.arguments import Commands, add_looks, add_world
from forward_pass.errors import RunError, UsageError
from forward_pass.loading.paths import world_folder

if TYPE_CHECKING:
    from forward_pass.network.passes import ComputedPass
    from forward_pass.story.world import World

Opened = Callable[[str | None], "World"]

LOOKS = "plain lines (what is printed now)", "one JSON object a line, for programs"


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 6):  # noqa: PLR2004 - digits
        raise argparse.ArgumentTypeError(f"expected a whole number, not {text!r}")
    return int(text)


def add_all(commands: Commands[argparse.ArgumentParser], opened: Opened) -> None:
    """Add every command about the model."""
    _add_lens(commands, opened)
    _add_effects(commands, opened)
    _add_train(commands)


def _computed(world: World) -> ComputedPass:
    """Return the pass that a world computes; raises ``RunError`` where its words are written."""
    from forward_pass.network.passes import ComputedPass, open_pass

    measure = open_pass(world)
    if not isinstance(measure, ComputedPass):
        raise RunError(f"the words of {world.id} are written: there is no model to lay open")
    return measure


# -- lens ---------------------------------------------------------------------------------------------------------------


def _add_lens(commands: Commands[argparse.ArgumentParser], opened: Opened) -> None:
    parser = commands.add_parser(
        "lens",
        help="lay an untouched pass open, layer by layer",
        description="Lay an untouched pass open: the lens by layer, the probes, where its heads looked, what it says.",
    )
    add_world(parser)
    parser.add_argument("--at", metavar="TOKEN", type=_whole, help="the token's position (the story's first if left out)")
    parser.add_argument("--layer", metavar="L", type=_whole, help="up to this layer (the last if left out)")
    add_looks(parser, *LOOKS)
    parser.set_defaults(carry_out=lambda asked: lens(asked, opened(asked.world)))


def lens(asked: argparse.Namespace, world: World) -> int:
    """Print an untouched pass, laid open up to a layer."""
    from forward_pass.interface.jsonl import json_line, lens_object
    from forward_pass.session.effects_report import inspect_untouched
    from forward_pass.session.plain_text import text_width
    from forward_pass.session.transcript import inspection_lines, likely_words, wrap

    measure = _computed(world)
    token = world.first_token if asked.at is None else asked.at
    read, last = inspect_untouched(world, measure, token, world.layers if asked.layer is None else asked.layer)
    if asked.json:
        print(json_line(lens_object(read)))
        return 0
    lines = inspection_lines(read, text_width())
    if read.layer == world.layers:
        lines += ["", *wrap(f"So it says: {likely_words(last)}.", text_width())]
    print("\n".join(lines))
    return 0


# -- effects ------------------------------------------------------------------------------------------------------------


def _add_effects(commands: Commands[argparse.ArgumentParser], opened: Opened) -> None:
    parser = commands.add_parser(
        "effects",
        help="measure what each intervention does to the word",
        description="Measure what each intervention does, by the layer at which it begins: the table behind the story.",
    )
    add_world(parser)
    add_looks(parser, *LOOKS)
    parser.set_defaults(carry_out=lambda asked: effects(asked, opened(asked.world)))


def effects(asked: argparse.Namespace, world: World) -> int:
    """Print the table of effects, measured now, a row at a time."""
    from forward_pass.session.effects_report import effect_line, effect_object, effect_rows

    for effect in effect_rows(world, _computed(world)):
        print(json.dumps(effect_object(effect), ensure_ascii=False) if asked.json else effect_line(effect), flush=True)
    return 0


# -- train --------------------------------------------------------------------------------------------------------------


def _add_train(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "train",
        help="make a world's weights again",
        description="Train the model of a world on its corpus/ and write weights, calibration and card into its folder. "
        "Takes the better part of an hour on one core, can be stopped and gone on with, and writes nothing where the "
        "declared bands are missed. Needs the extra: pip install 'forward-pass[train]'.",
    )
    parser.add_argument("world", metavar="WORLD", help="a world's name or folder")
    parser.add_argument("--seed", metavar="N", type=_whole, default=1, help="where chance begins (1 if left out)")
    parser.add_argument("--keep", metavar="DIR", help="where checkpoints and the log are kept (WORLD/training if left out)")
    parser.add_argument("--into", metavar="DIR", help="where the weights are written (the world's folder if left out)")
    parser.add_argument("--anew", action="store_true", help="begin again, whatever was kept")
    parser.set_defaults(carry_out=train)


def train(asked: argparse.Namespace) -> int:
    """Train a world's model; raises ``RunError`` without torch or where bands are missed, ``UsageError`` without a corpus."""
    folder = world_folder(asked.world)
    if not (folder / "corpus").is_dir():
        raise UsageError(f"{folder} has no corpus/ to train on")
    try:
        import torch  # noqa: F401 - only to say so where it is missing
    except ImportError:
        raise RunError("training needs torch: pip install 'forward-pass[train]'") from None
    keep = Path(asked.keep) if asked.keep else folder / "training"
    into = Path(asked.into) if asked.into else folder
    written = _trained(asked, folder, keep, into)
    print(f"{written.weights}\n{written.calibration}\n{written.card}")
    return 0


def _trained(asked: argparse.Namespace, folder: Path, keep: Path, into: Path) -> Any:
    from forward_pass.training.grammar import GrammarError
    from forward_pass.training.progress import Display
    from forward_pass.training.publish import read_corpus
    from forward_pass.training.train import BandsMissedError, train

    try:
        with Display(read_corpus(folder).schedule) as display:
            return train(folder, keep, seed=asked.seed, resume=not asked.anew, watcher=display, into=into)
    except BandsMissedError as error:
        raise RunError(f"no weights were written: {error}") from None
    except GrammarError as error:
        raise RunError(f"{folder}/corpus: {error}") from None
