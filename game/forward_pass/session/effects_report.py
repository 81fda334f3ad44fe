"""The model inspected outside a run: one unmodified pass, layer by layer, and the measured table of intervention effects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from forward_pass.errors import RunError, UsageError
from forward_pass.loading.paths import CALIBRATION
from forward_pass.session.inspection import Inspection, inspect_pass
from forward_pass.session.transcript import quoted
from forward_pass.story.distribution import Distribution, PassPort, format_probability, greedy
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.network.effects import Effect
    from forward_pass.network.passes import ComputedPass

MAX_EXTRA_TOKENS = 64  # how far past the story's last token an unmodified pass can be inspected
MAX_SHARES = 4  # words that a line of the table names


def unmodified_words(world: World, pass_port: PassPort, token: int) -> tuple[str, ...]:
    """Return the words that greedy decoding without interventions gives up to a token; raises ``UsageError``."""
    last = world.last_token + MAX_EXTRA_TOKENS
    if not world.first_token <= token <= last:
        raise UsageError(f"{world.id} can be inspected at tokens {world.first_token} to {last}, not at {token}")
    words: tuple[str, ...] = ()
    while world.first_token + len(words) < token:
        distribution = pass_port.distribution(words, ((),) * (len(words) + 1))
        words = (*words, distribution.words[greedy(distribution.logits)])
    return words


def inspect_unmodified(world: World, pass_port: PassPort, token: int, layer: int) -> tuple[Inspection, Distribution]:
    """Return an unmodified pass inspected up to a layer, and its next-word distribution; raises ``UsageError``."""
    if not 1 <= layer <= world.layers:
        raise UsageError(f"{world.id} has layers 1 to {world.layers}, not {layer}")
    words = unmodified_words(world, pass_port, token)
    acts = ((),) * (len(words) + 1)
    return inspect_pass(world, pass_port, words, acts, layer), pass_port.distribution(words, acts)


def effect_rows(world: World, pass_port: ComputedPass) -> Iterator[Effect]:
    """Yield the measured table of effects, a row for each intervention and starting layer.

    Raises ``RunError`` where the world's prompt is not the one that the table is made for.
    """
    from forward_pass.network.effects import effects_table, prepare_setting  # noqa: PLC0415 - NumPy comes with the first pass

    try:
        setting = prepare_setting(pass_port.weights, world.prompt, note_carriers(world))
    except (KeyError, ValueError, StopIteration) as error:
        raise RunError(f"{world.id}: the table of effects is made for the prompt of Forward Pass ({error})") from None
    yield from effects_table(setting)


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
    shares = {effect.winner: effect.probability, **effect.shares}
    largest = sorted(shares.items(), key=lambda row: -row[1])[:MAX_SHARES]
    words = ", ".join(f"{quoted(word)} {format_probability(share)}" for word, share in largest)
    layer = "" if effect.layer is None else f" from layer {effect.layer}"
    return f"{effect.group}: {effect.act}{layer}: {words}; {quoted(effect.winner)} by {effect.margin:.2f} nats"


def effect_object(effect: Effect) -> dict[str, Any]:
    """Return a row of the table as an object."""
    return {
        "type": "effect",
        "group": effect.group,
        "act": effect.act,
        "layer": effect.layer,
        "shares": {word: round(share, 4) for word, share in effect.shares.items()},
        "winner": effect.winner,
        "probability": round(effect.probability, 4),
        "margin": round(effect.margin, 4),
    }
