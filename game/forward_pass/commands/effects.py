"""The command ``effects``: what each intervention does to the word, measured now."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import product
from math import log
from typing import Any

from forward_pass.commands.options import add_output_options, add_world
from forward_pass.errors import RunError
from forward_pass.loading.paths import CALIBRATION, FLAGSHIP
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import ComputedPass, open_computed_pass
from forward_pass.session.transcript import quoted
from forward_pass.story.distribution import Distribution, format_probability
from forward_pass.story.state import Act, PassKey
from forward_pass.story.world import World
from forward_pass.training.flagship_effects import Effect, effects_table, prepare_setting

NAME = "effects"
HELP = "measure the effect of each intervention on the word"
DESCRIPTION = (
    "Measure the effect of each intervention on the predicted word: of the flagship those of its model card, of any other "
    "world with a model those of its acts on the telling word."
)
BEGINNINGS = 4  # layers at which an act of another world is begun


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    add_output_options(parser, "plain lines (same as the default)", "one JSON object per line, for programs")


def run(options: argparse.Namespace) -> int:
    """Print the table of effects, each row as soon as it is measured; return the exit code."""
    world = open_world(options.world)
    for effect in effect_rows(world, open_computed_pass(world)):
        print(json.dumps(effect_object(effect), ensure_ascii=False) if options.json else effect_line(effect), flush=True)
    return 0


def effect_rows(world: World, inspector: ComputedPass) -> Iterator[Effect]:
    """Yield the measured table of effects, a row for each intervention and starting layer.

    Raises ``RunError`` where the calibration beside the flagship's weights cannot be read.
    """
    if world.id != FLAGSHIP:
        yield from act_effects(world, inspector)
        return
    try:
        setting = prepare_setting(inspector.weights, world.prompt, note_carriers(world))
    except (LookupError, ValueError, StopIteration) as error:
        raise RunError(f"{world.id}: the table of effects is made for the prompt of Forward Pass ({error})") from None
    yield from effects_table(setting)


def act_effects(world: World, inspector: ComputedPass) -> Iterator[Effect]:
    """Yield what each act of a world does to its telling word: first the word untouched, then a row for each beginning.

    An act is made at the telling token, one that lasts at the first token too; before it stand the likeliest words.
    """
    key = PassKey((), ((),))
    for _ in range(world.telling_index):
        key = key.followed_by(inspector.distribution(key).best)
    words = [*(world.telling.words if world.telling else ()), *(word for word, _ in inspector.distribution(key).likeliest(4))]
    yield _row(f"word {world.telling_token}", "nothing", None, inspector.distribution(key), words)
    for name in world.acts:
        tokens = (0, world.telling_index) if world.is_lasting(name) and world.telling_index else (world.telling_index,)
        for token, layer in product(tokens, _beginnings(world, name)):
            acts = tuple((*made, *((Act(name, layer),) if at == token else ())) for at, made in enumerate(key.acts))
            group = f"word {world.telling_token}, made at {world.first_token + token}"
            yield _row(group, name, layer, inspector.distribution(PassKey(key.words, acts)), words)


def _beginnings(world: World, act: str) -> list[int]:
    """Return the layers at which an act is begun: its own, or some from the first of a token to the last."""
    if world.acts[act].fixed_layer:
        return [world.acts[act].fixed_layer]
    first, last = world.first_layer + 1, world.boundary
    return sorted({first + step * (last - first) // BEGINNINGS for step in range(BEGINNINGS)})


def _row(group: str, act: str, layer: int | None, distribution: Distribution, words: Sequence[str]) -> Effect:
    (winner, probability), (_, second), *_ = likeliest = distribution.likeliest(3)
    shares = {word: distribution.p(word) for word in words}
    return Effect(group, act, layer, shares, likeliest, winner, probability, log(probability / second))


def note_carriers(world: World) -> dict[str, int]:
    """Return for each note the token that carries it, as the calibration beside the weights says; raises ``RunError``."""
    path = world.folder / CALIBRATION
    try:
        carriers = json.loads(path.read_bytes())["carriers"]
        return {name: int(row["token"]) for name, row in carriers.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise RunError(f"{path}: does not name the token that carries each note ({error}): train the world again") from None


def effect_line(effect: Effect) -> str:
    """Return a row of the table as a line: the intervention, its first layer, the likeliest words, and the margin in nats."""
    words = ", ".join(f"{quoted(word)} {format_probability(share)}" for word, share in effect.likeliest)
    layer = "" if effect.layer is None else f" from layer {effect.layer}"
    return f"{effect.group}: {effect.act}{layer}: {words}; {quoted(effect.winner)} by {effect.margin:.2f} nats"


def effect_object(effect: Effect) -> dict[str, Any]:
    """Return a row of the table as an object."""
    return {
        "type": "effect",
        "group": effect.group,
        "act": effect.act,
        "layer": effect.layer,
        "likeliest": [[word, round(share, 4)] for word, share in effect.likeliest],
        "shares": {word: round(share, 4) for word, share in effect.shares.items()},
        "winner": effect.winner,
        "probability": round(effect.probability, 4),
        "margin": round(effect.margin, 4),
    }
