"""What can be read off a pass while it is under way: the lens by layer, the probes, where the heads have looked.

Everything stops at the layer that is asked for: in play, that is the present one. Prints nothing, styles nothing.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

from forward_pass.story.distribution import Distribution, PassPort
from forward_pass.story.state import Acts
from forward_pass.story.world import World

LENS_WORDS = 3
STRONGEST = 3
MAX_LISTED = 4  # layers between two readings of a pass that is over
STRIDE = 8  # the lens is read every so many layers, and at the last


class LensReading(NamedTuple):
    """The lens at a layer: its entropy in nats, and the likeliest words."""

    layer: int
    entropy: float
    likeliest: tuple[tuple[str, float], ...]


class AttentionShare(NamedTuple):
    """How much of the attention of all heads that see everything went to a position (from 1), on average."""

    position: int
    word: str
    share: float


class DecoderTrace(NamedTuple):
    """How a pass that is over came to its word: the word's chance, read at some layers as the last is read."""

    token: int
    word: str
    chances: tuple[tuple[int, float], ...]  # by layer
    since: int | None  # the layer above the boundary from which it was the likeliest word; None where it never was


class Inspection(NamedTuple):
    """A pass laid open up to a layer."""

    token: int
    word: str
    layer: int
    layers: int
    boundary: int
    most_entropy: float  # of a lens that knows nothing, in nats
    lenses: tuple[LensReading, ...]
    probes: tuple[tuple[str, float], ...]
    strongest: tuple[AttentionShare, ...]
    attention: tuple[float, ...]  # by position, from 1; empty below the layers that look
    before: DecoderTrace | None  # the pass before this one, where there was one and it was computed


def entropy(distribution: Distribution) -> float:
    """Return the entropy of a distribution in nats."""
    return -sum(p * log(p) for p in distribution.probabilities if p > 0)


def inspect_pass(world: World, measure: PassPort, words: tuple[str, ...], acts: Acts, layer: int) -> Inspection:
    """Return the pass after ``words`` laid open up to ``layer``; raises ``ForwardPassError`` where nothing is computed."""
    attention = measure.attention(words, acts, layer)
    document = (*world.prompt, *words)
    order = sorted(range(len(attention)), key=lambda at: -attention[at])[:STRONGEST]
    start = max(world.first_layer, 1)
    read = sorted({*range(start, layer, STRIDE), layer}) if layer >= start else [layer]
    lenses = tuple(_lens(measure, words, acts, at) for at in read)
    here = measure.distribution(words, acts)
    return Inspection(
        token=len(document),
        word=document[-1],
        layer=layer,
        layers=world.layers,
        boundary=world.boundary,
        most_entropy=log(len(here.words)),
        lenses=lenses,
        probes=tuple((name, measure.probe(words, acts, layer, name)) for name in measure.probes),
        strongest=tuple(AttentionShare(at + 1, document[at], attention[at]) for at in order if attention[at] > 0),
        attention=tuple(attention) if any(attention) else (),
        before=decoder_trace(world, measure, words, acts, MAX_LISTED) if words and measure.source == "model" else None,
    )


def decoder_trace(world: World, measure: PassPort, words: tuple[str, ...], acts: Acts, every: int) -> DecoderTrace:
    """Return how the pass that said the last of ``words`` came to it, read every so many layers up to the last."""
    *before, word = words
    passed, done = tuple(before), acts[: len(words)]
    chances = tuple((layer, measure.lens(passed, done, layer).p(word)) for layer in range(every, world.layers + 1, every))
    since = None
    for layer in range(world.layers, world.boundary, -1):
        if measure.lens(passed, done, layer).likeliest(1)[0][0] != word:
            break
        since = layer
    return DecoderTrace(len(world.prompt) + len(passed), word, chances, since)


def _lens(measure: PassPort, words: tuple[str, ...], acts: Acts, layer: int) -> LensReading:
    distribution = measure.lens(words, acts, layer)
    return LensReading(layer, entropy(distribution), tuple(distribution.likeliest(LENS_WORDS)))
