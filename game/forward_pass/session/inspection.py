"""What can be read off a pass in progress: the lens by layer, the probes, the attention, and how the previous pass decoded.

Nothing above the layer asked for is read; in play that is the present layer. Prints nothing, styles nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import NamedTuple

from forward_pass.errors import UsageError
from forward_pass.story.distribution import Distribution
from forward_pass.story.ports import Inspector, SharpestHead
from forward_pass.story.state import OPENING, PassKey
from forward_pass.story.world import World

MAX_LENS_WORDS = 3
MAX_ATTENTION_SHARES = 3
LENS_STRIDE = 8  # the lens is read every so many layers, and at the last
TRACE_STRIDE = 4  # the trace of the previous pass is read every so many layers

MAX_EXTRA_TOKENS = 64  # how far past the story's last token an unmodified pass can be inspected


class LensReading(NamedTuple):
    """The lens at a layer: the entropy of its distribution in nats, and the likeliest words with their probabilities.

    ``rank`` is the place, from 1, of the word that the pass ends on; None where the pass is not read to its end.
    """

    layer: int
    entropy: float
    likeliest: tuple[tuple[str, float], ...]
    rank: int | None = None


class AttentionShare(NamedTuple):
    """The share of attention on a position (from 1), averaged over the heads of the global layers so far."""

    position: int
    word: str
    share: float


class DecoderTrace(NamedTuple):
    """How a finished pass came to its word: the word's probability under the lens, by layer."""

    token: int
    word: str
    probabilities: tuple[tuple[int, float], ...]  # (layer, probability)
    likeliest_from: int | None  # the lowest layer from which on the word stays likeliest; None where it is not at the last


class Inspection(NamedTuple):
    """A pass inspected up to a layer."""

    token: int
    word: str
    layer: int
    layers: int
    boundary: int
    max_entropy: float  # of a uniform distribution over the vocabulary, in nats
    lenses: tuple[LensReading, ...]
    outcome: tuple[str, int | None] | None  # as `DecoderTrace` has word and `likeliest_from`; None below the last layer
    probes: tuple[tuple[str, float], ...]  # (name, score); empty where none was validated
    probes_at: int | None  # the token where the probes were validated, where there are any
    top_attention: tuple[AttentionShare, ...]
    sharpest: tuple[SharpestHead, str] | None  # with the word it looks at
    attention: tuple[float, ...]  # by position, from 1; empty below the first global layer
    previous: DecoderTrace | None  # None at the first token, and where nothing is computed


def entropy(distribution: Distribution) -> float:
    """Return the entropy of a distribution in nats."""
    return -sum(p * log(p) for p in distribution.probabilities if p > 0)


def inspect_pass(  # noqa: PLR0913 - the last two have defaults
    world: World,
    inspector: Inspector,
    key: PassKey,
    layer: int,
    *,
    layers: Sequence[int] | None = None,
    top: int | None = None,
) -> Inspection:
    """Return a pass inspected up to ``layer``; raises ``ForwardPassError`` where nothing is computed.

    The lens is read at some ``layers``, else at every eighth, with the ``top`` likeliest words.
    """
    attention = inspector.attention(key, layer)
    document = (*world.prompt, *key.words)
    sharpest = inspector.sharpest_head(key, layer)
    order = sorted(range(len(attention)), key=lambda index: -attention[index])[:MAX_ATTENTION_SHARES]
    start = max(world.first_layer, 1)
    lens_layers = sorted(set(layers or (*range(start, layer, LENS_STRIDE), layer))) if layer >= start else [layer]
    outcome = inspector.distribution(key).best if layer == world.layers else None
    lenses = tuple(_read_lens(inspector, key, at, outcome, top or MAX_LENS_WORDS) for at in lens_layers)
    vocabulary = inspector.distribution(key).words
    probes_at = world.telling_token if inspector.probes else None
    probes = inspector.probes if len(document) == probes_at else ()
    return Inspection(
        token=len(document),
        word=document[-1],
        layer=layer,
        layers=world.layers,
        boundary=world.boundary,
        max_entropy=log(len(vocabulary)),
        lenses=lenses,
        outcome=(outcome, _likeliest_from(world, inspector, key, outcome)) if outcome is not None else None,
        probes=tuple((name, inspector.probe(key, layer, name)) for name in probes),
        probes_at=probes_at,
        top_attention=tuple(AttentionShare(at + 1, document[at], attention[at]) for at in order if attention[at] > 0),
        sharpest=(sharpest, document[sharpest.at]) if sharpest else None,
        attention=tuple(attention) if any(attention) else (),
        previous=decoder_trace(world, inspector, key, TRACE_STRIDE) if key.words and inspector.source == "model" else None,
    )


def decoder_trace(world: World, inspector: Inspector, key: PassKey, stride: int) -> DecoderTrace:
    """Return how the pass that decoded the last word of ``key`` came to it, its lens read every ``stride`` layers."""
    word, before = key.words[-1], key.at(len(key.words) - 1)
    layers = range(stride, world.layers + 1, stride)
    probabilities = tuple((layer, inspector.lens(before, layer).p(word)) for layer in layers)
    likeliest_from = _likeliest_from(world, inspector, before, word)
    return DecoderTrace(len(world.prompt) + len(before.words), word, probabilities, likeliest_from)


def _likeliest_from(world: World, inspector: Inspector, key: PassKey, word: str) -> int | None:
    """Return the lowest layer from which on a word stays likeliest under the lens; None where it is not at the last."""
    likeliest_from = None
    for layer in range(world.layers, 0, -1):
        if inspector.lens(key, layer).best != word:
            break
        likeliest_from = layer
    return likeliest_from


def _read_lens(inspector: Inspector, key: PassKey, layer: int, outcome: str | None, top: int) -> LensReading:
    distribution = inspector.lens(key, layer)
    rank = None if outcome is None else 1 + sum(p > distribution.p(outcome) for p in distribution.probabilities)
    return LensReading(layer, entropy(distribution), tuple(distribution.likeliest(top)), rank)


def unmodified_key(world: World, inspector: Inspector, token: int) -> PassKey:
    """Return the pass of a token that greedy decoding without interventions comes to; raises ``UsageError``."""
    last = world.last_token + MAX_EXTRA_TOKENS
    if not world.first_token <= token <= last:
        raise UsageError(f"{world.id} can be inspected at tokens {world.first_token} to {last}, not at {token}")
    key = OPENING
    while world.first_token + len(key.words) < token:
        key = key.followed_by(inspector.distribution(key).best)
    return key


def inspect_unmodified(world: World, inspector: Inspector, token: int, layer: int) -> tuple[Inspection, Distribution]:
    """Return an unmodified pass inspected up to a layer, and its next-word distribution; raises ``UsageError``."""
    if not 1 <= layer <= world.layers:
        raise UsageError(f"{world.id} has layers 1 to {world.layers}, not {layer}")
    key = unmodified_key(world, inspector, token)
    return inspect_pass(world, inspector, key, layer), inspector.distribution(key)
