"""The model laid open from outside: one untouched pass, layer by layer, and the measured table of effects, in plain lines."""

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

MOST_FURTHER = 64  # tokens that an untouched pass is followed beyond the story's last


def untouched_words(world: World, measure: PassPort, token: int) -> tuple[str, ...]:
    """Return the likeliest words up to the token at a position, nothing having been done; raises ``UsageError``."""
    last = world.last_token + MOST_FURTHER
    if not world.first_token <= token <= last:
        raise UsageError(f"{world.id} can be laid open at tokens {world.first_token} to {last}, not at {token}")
    words: tuple[str, ...] = ()
    while world.first_token + len(words) < token:
        distribution = measure.distribution(words, ((),) * (len(words) + 1))
        words = (*words, distribution.words[greedy(distribution.logits)])
    return words


def inspect_untouched(world: World, measure: PassPort, token: int, layer: int) -> tuple[Inspection, Distribution]:
    """Return an untouched pass laid open up to a layer, and its last distribution; raises ``UsageError``."""
    if not 1 <= layer <= world.layers:
        raise UsageError(f"{world.id} has layers 1 to {world.layers}, not {layer}")
    words = untouched_words(world, measure, token)
    acts = ((),) * (len(words) + 1)
    return inspect_pass(world, measure, words, acts, layer), measure.distribution(words, acts)


def effect_rows(world: World, measure: ComputedPass) -> Iterator[Effect]:
    """Yield the measured table of effects, a row for each act and starting layer; raises ``RunError`` on another prompt."""
    from forward_pass.network.effects import read_setting, table  # noqa: PLC0415 - NumPy comes with the first pass

    try:
        setting = read_setting(measure.weights, world.prompt, note_carriers(world))
    except (KeyError, ValueError, StopIteration) as error:
        raise RunError(f"{world.id}: the table of effects is made for the prompt of Forward Pass ({error})") from None
    yield from table(setting)


def note_carriers(world: World) -> dict[str, int]:
    """Return which token of each note carries it, as the calibration beside the weights found; raises ``RunError``."""
    path = world.folder / CALIBRATION
    try:
        carriers = json.loads(path.read_bytes())["carriers"]
        return {name: int(row["token"]) for name, row in carriers.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise RunError(f"{path}: does not say which word of a note carries it ({error}): train the world again") from None


def effect_line(effect: Effect) -> str:
    """Return a row of the table in plain words: what was done, from which layer, and what came of it."""
    known = {effect.winner: effect.probability, **effect.shares}
    shares = sorted(known.items(), key=lambda row: -row[1])[:4]
    words = ", ".join(f"{quoted(word)} {format_probability(share)}" for word, share in shares)
    where = "" if effect.layer is None else f" from layer {effect.layer}"
    return f"{effect.group}: {effect.act}{where}: {words}; {quoted(effect.winner)} by {effect.margin:.2f} nats"


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
