"""The commands about the model: ``lens`` and ``effects`` inspect it, ``train`` trains it.

Each ``_add_`` function configures a parser; each handler prints and returns its exit code.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forward_pass.commands.arguments import Subparsers, add_output_options, add_world
from forward_pass.errors import RunError, UsageError
from forward_pass.loading.paths import world_folder

if TYPE_CHECKING:
    from forward_pass.network.passes import ComputedPass
    from forward_pass.story.world import World

WorldOpener = Callable[[str | None], "World"]

OUTPUT_OPTIONS = "plain lines (same as the default)", "one JSON object per line, for programs"


def _parse_whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 6):  # noqa: PLR2004 - digits
        raise argparse.ArgumentTypeError(f"must be a whole number of at most 6 digits, not {text!r}")
    return int(text)


def add_all(subparsers: Subparsers[argparse.ArgumentParser], open_world: WorldOpener) -> None:
    """Add every command about the model."""
    _add_lens(subparsers, open_world)
    _add_effects(subparsers, open_world)
    _add_train(subparsers)


def _open_computed_pass(world: World) -> ComputedPass:
    """Return the pass that a world's model computes; raises ``RunError`` if the world has no model."""
    from forward_pass.network.passes import ComputedPass, open_pass

    pass_port = open_pass(world)
    if not isinstance(pass_port, ComputedPass):
        raise RunError(f"{world.id} has no model to inspect: its words are written")
    return pass_port


# -- lens ---------------------------------------------------------------------------------------------------------------


def _add_lens(subparsers: Subparsers[argparse.ArgumentParser], open_world: WorldOpener) -> None:
    parser = subparsers.add_parser(
        "lens",
        help="inspect a pass without interventions, layer by layer",
        description="Inspect a pass without interventions: the lens at each layer, the probes, the attention of the heads, and "
        "the predicted words.",
    )
    add_world(parser)
    parser.add_argument(
        "--at", metavar="TOKEN", type=_parse_whole_number, help="position of the token (default: the first of the story)"
    )
    parser.add_argument("--layer", metavar="L", type=_parse_whole_number, help="inspect up to this layer (default: the last)")
    add_output_options(parser, *OUTPUT_OPTIONS)
    parser.set_defaults(handler=lambda options: lens(options, open_world(options.world)))


def lens(options: argparse.Namespace, world: World) -> int:
    """Print the inspection of a pass without interventions, up to a layer."""
    from forward_pass.interface.jsonl import json_line, lens_object
    from forward_pass.session.effects_report import inspect_unmodified
    from forward_pass.session.plain_text import text_width
    from forward_pass.session.transcript import inspection_lines, likely_words_text, wrap

    pass_port = _open_computed_pass(world)
    token = world.first_token if options.at is None else options.at
    inspection, output = inspect_unmodified(world, pass_port, token, world.layers if options.layer is None else options.layer)
    if options.json:
        print(json_line(lens_object(inspection)))
        return 0
    lines = inspection_lines(inspection, text_width())
    if inspection.layer == world.layers:
        lines += ["", *wrap(f"So it says: {likely_words_text(output)}.", text_width())]
    print("\n".join(lines))
    return 0


# -- effects ------------------------------------------------------------------------------------------------------------


def _add_effects(subparsers: Subparsers[argparse.ArgumentParser], open_world: WorldOpener) -> None:
    parser = subparsers.add_parser(
        "effects",
        help="measure the effect of each intervention on the word",
        description="Measure the effect of each intervention on the predicted word, for each layer at which it can begin.",
    )
    add_world(parser)
    add_output_options(parser, *OUTPUT_OPTIONS)
    parser.set_defaults(handler=lambda options: effects(options, open_world(options.world)))


def effects(options: argparse.Namespace, world: World) -> int:
    """Print the table of effects, each row as soon as it is measured."""
    from forward_pass.session.effects_report import effect_line, effect_object, effect_rows

    for effect in effect_rows(world, _open_computed_pass(world)):
        print(json.dumps(effect_object(effect), ensure_ascii=False) if options.json else effect_line(effect), flush=True)
    return 0


# -- train --------------------------------------------------------------------------------------------------------------


def _add_train(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "train",
        help="train the model of a world",
        description="Train the model of a world on its corpus/ and write the weights, the calibration and the model card into "
        "its folder. Training takes most of an hour on one core, can be interrupted and resumed, and writes nothing if a "
        "declared band is missed. It needs the extra: pip install 'forward-pass[train]'.",
    )
    parser.add_argument("world", metavar="WORLD", help="name or folder of a world")
    parser.add_argument("--seed", metavar="N", type=_parse_whole_number, default=1, help="seed of the training (default: 1)")
    parser.add_argument("--keep", metavar="DIR", help="folder for the checkpoints and the log (default: WORLD/training)")
    parser.add_argument("--into", metavar="DIR", help="folder for the weights (default: the world's folder)")
    parser.add_argument("--anew", action="store_true", help="start again, ignoring any checkpoints")
    parser.set_defaults(handler=train)


def train(options: argparse.Namespace) -> int:
    """Train a world's model; raises ``RunError`` without torch or if a band is missed, ``UsageError`` without a corpus."""
    folder = world_folder(options.world)
    if not (folder / "corpus").is_dir():
        raise UsageError(f"{folder} has no corpus/ to train on")
    try:
        import torch  # noqa: F401 - to report that it is missing before anything else happens
    except ImportError:
        raise RunError("training needs torch: pip install 'forward-pass[train]'") from None
    checkpoints = Path(options.keep) if options.keep else folder / "training"
    into = Path(options.into) if options.into else folder
    published = _run_training(options, folder, checkpoints, into)
    print(f"{published.weights}\n{published.calibration}\n{published.card}")
    return 0


def _run_training(options: argparse.Namespace, folder: Path, checkpoints: Path, into: Path) -> Any:
    from forward_pass.training.grammar import GrammarError
    from forward_pass.training.progress import Display
    from forward_pass.training.publish import read_corpus
    from forward_pass.training.train import BandsMissedError, train

    try:
        with Display(read_corpus(folder).schedule) as display:
            return train(folder, checkpoints, seed=options.seed, resume=not options.anew, observer=display, folder=into)
    except BandsMissedError as error:
        raise RunError(f"no weights were written: {error}") from None
    except GrammarError as error:
        raise RunError(f"{folder}/corpus: {error}") from None
