"""The forward pass of the transformer, in NumPy float64, with interventions.

Words are ids, positions count from 0 (`<doc>`), layers from 1 (layer l has index l - 1 in the weights). A `Cache` is an
immutable KV cache in two parts: a long one shared by every continuation, and a short tail. `step` runs one word through
all layers and returns a new cache. The same words and interventions give the same logits, rounded to six decimals, on
any machine; ties go to the lower id. This module reads no file, holds no random state, and knows no story.

Sources: Vaswani et al. 2017 (attention), Su et al. 2021 (RoPE), Zhang & Sennrich 2019 (RMSNorm), nostalgebraist 2020
(logit lens), Turner et al. 2023 (steering by added directions). Shapes: B passes in a batch, T words, H heads of e
numbers, d = width, h = MLP width, n shared words, m words in the tail, P = n + m + 1 positions, A layers with attention,
G of them global, L layers in all, V words.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported; see `weights` for the reason

import numpy as np
from numpy.typing import NDArray

from forward_pass.network.hooks import Hook, HookTable, SiteKind, Sites
from forward_pass.network.weights import NORM_EPSILON, ROPE_BASE, Array, Weights
from forward_pass.story.interventions import (
    Bend,
    CausalityError,
    Drop,
    Intervention,
    Look,
    Note,
    NoteKey,
    Push,
    RandomPush,
    Rewrite,
)

DECIMALS = 6
_MAX_BATCH = 128  # large enough to be fast, small enough for the processor's cache


# -- values


@dataclass(frozen=True, eq=False)
class CacheEdit:
    """The difference that a `Rewrite` makes to the cached key and value at a position, in the global layers."""

    position: int
    key: Array  # [G, H, e]
    value: Array  # [G, H, e]


@dataclass(frozen=True, eq=False)
class Cache:
    """A KV cache: the words so far, with their rotated keys and their values. Continuations share what their words share."""

    words: tuple[int, ...]
    pair_start: int  # position at which the current question-and-answer pair begins
    shared_k: Array  # [A, H, e, n]
    shared_v: Array  # [A, H, n, e]
    tail: tuple[Array, ...]  # of each word after those, its key and its value, [2, A, H, e]
    edits: tuple[CacheEdit, ...] = ()


@dataclass(frozen=True, eq=False)
class NoteKV:
    """The keys (not rotated) and values that a note puts into the cache."""

    key: Array  # [G, H, e]
    value: Array  # [G, H, e]


@dataclass(frozen=True, eq=False)
class Model:
    """A network and the notes that can be written into its cache."""

    weights: Weights
    notes: Mapping[NoteKey, NoteKV]


@dataclass(frozen=True, eq=False)
class PrefillResult:
    """The cache after many words, the logits at each position, and the streams after the tapped layers."""

    cache: Cache
    logits: Array  # [T, V]
    streams: Mapping[int, Array]  # layer -> [T, d]


@dataclass(frozen=True, eq=False)
class PassResult:
    """The pass of one word. `streams[0]` is the embedding, `streams[l]` the residual stream after layer l."""

    cache: Cache
    logits: Array  # [V]
    streams: Array  # [L + 1, d]
    attention: Array | None  # [G, H, P], of the global layers; None from `step_many`


@dataclass(frozen=True, eq=False)
class PassRequest:
    """A pass to run: its cache, its word, its interventions, and a laboratory's hooks."""

    cache: Cache
    word: int
    interventions: tuple[Intervention, ...] = ()
    hooks: tuple[Hook, ...] = ()


# -- the parts of a layer


def norm(x: Array) -> Array:
    """Return x / rms(x), [..., d]; the gain is folded into the next matrix."""
    return np.asarray(x / rms(x))


def rms(x: Array) -> Array:
    """Return the root of the mean square over the last axis, [..., 1]."""
    # `add.reduce` is `sum` without its wrapper, which would double the time.
    return np.asarray(np.sqrt(np.add.reduce(x * x, -1, keepdims=True) / x.shape[-1] + NORM_EPSILON))


def mlp(weights: Weights, index: int, x: Array) -> Array:
    """Return what the MLP of the layer at `index` adds to the stream, [B, d]."""
    return np.asarray(np.maximum(norm(x) @ weights.w_up[index], 0) @ weights.w_down[index])


def softmax(scores: Array) -> Array:
    """Return the softmax over the last axis."""
    p = scores.copy()
    softmax_in_place(p)
    return p


def softmax_in_place(x: Array) -> None:
    """Replace `x` by its softmax over the last axis."""
    x -= np.maximum.reduce(x, -1, keepdims=True)
    np.exp(x, out=x)
    x /= np.add.reduce(x, -1, keepdims=True)


def lens(weights: Weights, x: Array) -> Array:
    """Return the logits that the unembedding reads from a stream at any layer (logit lens), [..., V], rounded."""
    return np.round(norm(x) @ weights.unembed, DECIMALS)


def probe(weights: Weights, name: str, layer: int, x: Array) -> float:
    """Return a linear probe's least-squares score on the stream `x` [d] after `layer`: near +1 for yes, near -1 for no."""
    row = weights.metadata.probes[name][layer - 1]  # [d + 1]
    return float(norm(x) @ row[:-1] + row[-1])


def decoder(weights: Weights, x: Array) -> Array:
    """Return the logits that the layers without attention compute from streams after the boundary layer, [..., V], rounded."""
    for i in range(weights.shape.n_attend, weights.shape.n_layer):
        x = x + mlp(weights, i, x)
    return lens(weights, x)


def logprob_gradient(weights: Weights, x: Array, words: Array) -> Array:
    """Return the gradient of log p(words[b]) with respect to the stream x[b] after the boundary layer, [B, d] (exact)."""
    first, last, saved = weights.shape.n_attend, weights.shape.n_layer, []
    for i in range(first, last):
        r = 1 / rms(x)  # [B, 1]
        hidden = np.maximum(x * r @ weights.w_up[i], 0)  # [B, h]
        saved.append((x, r, hidden > 0))
        x = x + hidden @ weights.w_down[i]
    r = 1 / rms(x)
    error = -softmax(x * r @ weights.unembed)  # [B, V]
    error[np.arange(len(x)), words] += 1
    g = _norm_backward(x, r, error @ weights.unembed.T)  # [B, d]
    for i in reversed(range(first, last)):
        x, r, active = saved[i - first]
        g = g + _norm_backward(x, r, (g @ weights.w_down[i].T * active) @ weights.w_up[i].T)
    return g


def _norm_backward(x: Array, r: Array, g: Array) -> Array:
    """Return the gradient with respect to x, [B, d], from the gradient `g` with respect to norm(x); `r` is 1 / rms(x)."""
    return np.asarray(r * (g - x * (r * r * np.add.reduce(g * x, -1, keepdims=True) / x.shape[-1])))


def bend_streams(weights: Weights, x: Array, bends: Sequence[Bend]) -> Array:
    """Return the streams after the boundary layer, bend `b` applied to row b, [B, d].

    Projected gradient ascent: every step follows the gradient at the present point, then returns to the ball whose
    radius is the bend's share of the original stream's length.
    """
    words = np.array([weights.ids[b.word] for b in bends])
    radius = np.array([b.share for b in bends])[:, None] * l2_norm(x)  # [B, 1]
    bent = x
    for _ in range(max(b.steps for b in bends)):
        g = logprob_gradient(weights, bent, words)
        bent = bent + radius / 4 * g / (l2_norm(g) + 1e-12)
        change = bent - x
        bent = x + change * np.minimum(1, radius / (l2_norm(change) + 1e-12))
    return bent


def l2_norm(x: Array) -> Array:
    """Return the Euclidean norm over the last axis, [..., 1]."""
    return np.asarray(np.sqrt((x * x).sum(-1, keepdims=True)))


Rope: TypeAlias = tuple[Array, Array, NDArray[np.intp]]
"""Cosines [T, e], signed sines [T, e], and the index [e] that exchanges halves."""


def rope_tables(weights: Weights, positions: Array) -> Rope:
    """Return what rotates keys and queries to some positions [T]."""
    half = weights.shape.d_head // 2
    angle = positions[:, None] * ROPE_BASE ** (-np.arange(half) / half)  # [T, e/2]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.concatenate([cos, cos], 1), np.concatenate([-sin, sin], 1), np.r_[half : 2 * half, :half]


def rotate(x: Array, rope: Rope) -> Array:
    """Return x [..., T, e] rotated to its positions."""
    cos, sin, swap = rope
    return np.asarray(x * cos + x.take(swap, -1) * sin)  # `take` needs a fifth of the time of an index


# -- many words at once


def prefill(weights: Weights, words: Sequence[int], taps: Iterable[int] = ()) -> PrefillResult:
    """Return the pass over all of `words` from an empty cache, with the streams after the layers in `taps`."""
    s, n = weights.shape, len(words)
    x, streams, wanted = weights.wte[list(words)], {}, frozenset(taps)  # x: [T, d]
    k_all, v_all = np.empty((s.n_attend, s.n_head, s.d_head, n)), np.empty((s.n_attend, s.n_head, n, s.d_head))
    rope = rope_tables(weights, np.arange(n, dtype=np.float64))
    starts = sorted({0} | {at for at, word in enumerate(words) if word in weights.metadata.pair_marks})
    pairs, whole = list(zip(starts, [*starts[1:], n], strict=True)), [(0, n)]
    for i in range(s.n_layer):
        if i < s.n_attend:
            qkv = (norm(x) @ weights.w_qkv[i]).reshape(n, 3, s.n_head, s.d_head).transpose(1, 2, 0, 3)  # [3, H, T, e]
            q, k = rotate(qkv[:2], rope)  # [H, T, e] each
            k_all[i], v_all[i] = k.transpose(0, 2, 1), qkv[2]
            y = _attend_within(q, k_all[i], qkv[2], pairs if i < s.n_local else whole)  # [H, T, e]
            x = x + y.transpose(1, 0, 2).reshape(n, -1) @ weights.w_o[i]
        x = x + mlp(weights, i, x)
        if i + 1 in wanted:
            streams[i + 1] = x
    k_all.flags.writeable = v_all.flags.writeable = False
    cache = Cache(tuple(words), starts[-1], k_all, v_all, ())
    return PrefillResult(cache, lens(weights, x), streams)


def _attend_within(q: Array, k: Array, v: Array, spans: Sequence[tuple[int, int]]) -> Array:
    """Return causal attention inside each span, [H, T, e]; q and v are [H, T, e], k is [H, e, T]."""
    y = np.empty(q.shape)
    for a, b in spans:
        scores = q[:, a:b] @ k[:, :, a:b] / np.sqrt(q.shape[-1])  # [H, t, t]
        scores += np.triu(np.full((b - a, b - a), -np.inf), 1)
        y[:, a:b] = softmax(scores) @ v[:, a:b]
    return y


def extend(weights: Weights, cache: Cache, words: Sequence[int]) -> tuple[Cache, Array]:
    """Return the cache after several words in which nothing is done, and their streams after the boundary layer, [T, d].

    They are read at once; what comes out agrees with `step`'s to the rounding.
    """
    s, count, n, m = weights.shape, len(words), cache.shared_v.shape[2], len(cache.tail)
    positions = np.arange(len(cache.words), len(cache.words) + count)
    rope = rope_tables(weights, positions.astype(np.float64))
    tail = np.empty((2, s.n_attend, s.n_head, m + count, s.d_head))
    for at, word_kv in enumerate(cache.tail):
        tail[:, :, :, at] = word_kv
    tail_k, tail_v = tail
    starts = [cache.pair_start]
    for word, position in zip(words, positions, strict=True):
        starts.append(int(position) if word in weights.metadata.pair_marks else starts[-1])
    columns = np.arange(n + m + count)
    later = np.where(columns > positions[:, None], -np.inf, 0.0)  # [T, P]
    other_pairs = np.where(columns < np.array(starts[1:])[:, None], -np.inf, 0.0)
    x = weights.wte[list(words)]  # [T, d]
    for i in range(s.n_attend):
        qkv = (norm(x) @ weights.w_qkv[i]).reshape(count, 3, s.n_head, s.d_head).transpose(1, 2, 0, 3)  # [3, H, T, e]
        q, k = rotate(qkv[:2], rope)  # [H, T, e] each
        q, tail_k[i, :, m:], tail_v[i, :, m:] = q / np.sqrt(s.d_head), k, qkv[2]
        p = np.concatenate([q @ cache.shared_k[i], q @ tail_k[i].transpose(0, 2, 1)], 2) + later  # [H, T, P]
        edits = cache.edits if i >= s.n_local else ()
        for edit in edits:
            p[..., edit.position] += (q * edit.key[i - s.n_local][:, None]).sum(-1)
        softmax_in_place(p := p + other_pairs if i < s.n_local else p)
        y = p[..., :n] @ cache.shared_v[i] + p[..., n:] @ tail_v[i]  # [H, T, e]
        for edit in edits:
            y = y + p[..., edit.position, None] * edit.value[i - s.n_local][:, None]
        x = x + y.transpose(1, 0, 2).reshape(count, -1) @ weights.w_o[i]
        x = x + mlp(weights, i, x)
    tail.flags.writeable = False
    read = tuple(tail[:, :, :, m + at] for at in range(count))
    return replace(cache, words=(*cache.words, *words), pair_start=starts[-1], tail=(*cache.tail, *read)), x


# -- one word at a time


def step(
    model: Model, cache: Cache, word: int, interventions: Iterable[Intervention] = (), hooks: Iterable[Hook] = ()
) -> PassResult:
    """Return the pass of `word` after `cache`, with interventions and hooks.

    Raises `CausalityError` for an intervention on a position not yet reached, `KeyError` for an unknown direction or
    note, `ValueError` for a layer at which the intervention cannot begin or a hook that the network cannot carry out, and
    `TypeError` for what is neither.
    """
    return _run(model, [PassRequest(cache, word, tuple(interventions), tuple(hooks))], keep_attention=True)[0]


def observe(model: Model, request: PassRequest) -> tuple[PassResult, Sites]:
    """Return a pass, the same to the last bit as `step`'s, and what it had at every site. Raises as `step` does."""
    table = HookTable(model.weights.shape, [request.hooks], record=True)
    result = _run(model, [request], keep_attention=True, table=table)[0]
    drops = [drop for drop in request.interventions if isinstance(drop, Drop)]
    dropped = frozenset(layer for drop in drops for layer in range(drop.layer, drop.last + 1))
    return result, table.sites(result.streams, dropped)


def step_many(model: Model, requests: Sequence[PassRequest]) -> list[PassResult]:
    """Return the pass of every request, in order, without attention.

    Requests over the same shared part run as one batch. Logits agree with `step`'s to the rounding. Raises as `step` does.
    """
    groups: dict[tuple[int, int, int, int], list[int]] = {}
    for i, request in enumerate(requests):
        c = request.cache
        key = (id(c.shared_k), c.shared_k.shape[-1], len(c.words), _pair_start(model.weights, c, request.word))
        groups.setdefault(key, []).append(i)
    passes: dict[int, PassResult] = {}
    for members in groups.values():
        for first in range(0, len(members), _MAX_BATCH):
            batch = members[first : first + _MAX_BATCH]
            passes.update(zip(batch, _run(model, [requests[i] for i in batch], keep_attention=False), strict=True))
    return [passes[i] for i in range(len(requests))]


def recompute(model: Model, cache: Cache, word: int, interventions: Iterable[Intervention] = ()) -> tuple[PassResult, float]:
    """Return a pass, and the largest difference between any number of it and of the same pass run again."""
    interventions = tuple(interventions)
    first, second = step(model, cache, word, interventions), step(model, cache, word, interventions)
    return first, max(max_difference(first, second), float(np.abs(first.logits - second.logits).max()))


def max_difference(first: PassResult, second: PassResult, layer: int | None = None) -> float:
    """Return the largest difference between the streams of two passes, up to `layer` or to the last layer."""
    stop = len(first.streams) if layer is None else layer + 1
    return float(np.abs(first.streams[:stop] - second.streams[:stop]).max())


def truncate_cache(weights: Weights, cache: Cache, n_words: int) -> Cache:
    """Return the cache of the first `n_words` words, as views of the same arrays."""
    words, n = cache.words[:n_words], cache.shared_v.shape[2]
    starts = [at for at, word in enumerate(words) if word in weights.metadata.pair_marks]
    return Cache(
        words,
        starts[-1] if starts else 0,
        cache.shared_k[..., :n_words],
        cache.shared_v[:, :, :n_words],
        cache.tail[: max(0, n_words - n)],
        tuple(edit for edit in cache.edits if edit.position < n_words),
    )


def mix_last(keys_from: Cache, values_from: Cache) -> Cache:
    """Return `keys_from` with the values of the other cache for the last word: what later words find it by, and what they get.

    In all layers with attention, not the global ones alone: later words of the same pair see the word in the local layers too,
    and one half of the word should come from one pass. An act changes nothing below its layer, so that the two readings are
    one for acts in the global layers. Raises `ValueError` where the caches differ in more than the pass of their last word,
    or where that word is in the part shared by all continuations.
    """
    if not keys_from.tail or not _same_before_last(keys_from, values_from):
        raise ValueError("the caches must be of the same words after the same shared part, and differ in the last pass only")
    mixed = np.stack((keys_from.tail[-1][0], values_from.tail[-1][1]))
    mixed.flags.writeable = False
    return replace(keys_from, tail=(*keys_from.tail[:-1], mixed))


def _same_before_last(one: Cache, other: Cache) -> bool:
    def edits(cache: Cache) -> list[tuple[int, bytes, bytes]]:
        return [(edit.position, edit.key.tobytes(), edit.value.tobytes()) for edit in cache.edits]

    return (
        one.words == other.words
        and one.shared_v is other.shared_v
        and all(map(np.array_equal, one.tail[:-1], other.tail[:-1]))
        and edits(one) == edits(other)
    )


def note_kv(weights: Weights, cache: Cache, note: Note) -> NoteKV:
    """Return the keys and values of the word that carries a note, computed as if the note followed `cache`."""
    model = Model(weights, {})
    for word in note.words[: note.carrier + 1]:
        cache = step(model, cache, weights.ids[word]).cache
    back = rope_tables(weights, np.array([1.0 - len(cache.words)]))
    key, value = cache.tail[-1][:, weights.shape.n_local :]  # [G, H, e] each
    return NoteKV(rotate(key[:, :, None], back)[:, :, 0], value)


def _pair_start(weights: Weights, cache: Cache, word: int) -> int:
    return len(cache.words) if word in weights.metadata.pair_marks else cache.pair_start


def _run(
    model: Model, requests: Sequence[PassRequest], *, keep_attention: bool, table: HookTable | None = None
) -> list[PassResult]:
    """Run passes that have the same shared part, the same number of words and the same start of their pair.

    `table` is made from the requests' hooks unless given.
    """
    weights, shape = model.weights, model.weights.shape
    if table is None and any(request.hooks for request in requests):
        table = HookTable(shape, [request.hooks for request in requests])
    batch, hooks = _Batch(weights, requests), _Hooks(model, requests, table)
    x = weights.wte[[request.word for request in requests]]  # [B, d]
    streams, attention = np.empty((shape.n_layer + 1, *x.shape)), []
    streams[0] = x
    for i in range(shape.n_layer):
        before = x
        if i < shape.n_attend:
            y, p = batch.attend(hooks, i, x)  # [B, d], [H, B, P]
            x = x + y
            if keep_attention and i >= shape.n_local:
                attention.append(p[:, 0].copy())  # [H, P]
        x = hooks.edit_stream(i + 1, before, x + hooks.at("mlp", i, mlp(weights, i, x)))
        streams[i + 1] = x
    logits = lens(weights, x)  # [B, V]
    streams.flags.writeable = logits.flags.writeable = False
    caches = batch.caches(hooks.edits)
    stacked = np.stack(attention) if attention else None  # [G, H, P]
    return [PassResult(cache, logits[row], streams[:, row], stacked) for row, cache in enumerate(caches)]


class _Batch:
    """The keys and values of passes run together: the part they share, and a tail for each, this word's last."""

    def __init__(self, weights: Weights, requests: Sequence[PassRequest]) -> None:
        s, self.weights, self.requests, self.shared = weights.shape, weights, requests, requests[0].cache
        self.n, self.m = self.shared.shared_v.shape[2], len(self.shared.tail)
        self.pair_start = _pair_start(weights, self.shared, requests[0].word)
        self.rope = rope_tables(weights, np.array([float(len(self.shared.words))]))
        self.kv = np.empty((2, s.n_attend, s.n_head, len(requests), self.m + 1, s.d_head))
        self.k, self.v = self.kv  # [A, H, B, m + 1, e]
        self.scores = np.empty((s.n_head, len(requests), self.n + self.m + 1))  # [H, B, P]; reused, as allocation costs more
        for row, request in enumerate(requests):
            for at, word_kv in enumerate(request.cache.tail):
                self.kv[:, :, :, row, at] = word_kv

    def attend(self, hooks: "_Hooks", i: int, x: Array) -> tuple[Array, Array]:
        """Return what the heads of the layer at index `i` add [B, d], and their attention [H, B, positions seen]."""
        s, m, n = self.weights.shape, self.m, self.n
        qkv = (norm(x) @ self.weights.w_qkv[i]).reshape(len(x), 3, s.n_head, s.d_head).transpose(1, 2, 0, 3)
        hooks.edit_keys_and_values(i, qkv[1], qkv[2])
        q, self.k[i, :, :, m] = rotate(qkv[:2], self.rope)  # [H, B, e] each
        q, self.v[i, :, :, m] = q / np.sqrt(s.d_head), qkv[2]
        start = self.pair_start if i < s.n_local else 0
        shared_start, tail_start = min(start, n), max(0, start - n)  # the first positions seen in either part
        k, v = self.k[i, :, :, tail_start:], self.v[i, :, :, tail_start:]  # [H, B, m + 1 - tail_start, e]
        stop = n - shared_start
        p = self.scores if not shared_start + tail_start else np.empty((*q.shape[:2], stop + k.shape[2]))
        np.matmul(q, self.shared.shared_k[i, :, :, shared_start:], out=p[..., :stop])
        p[..., stop:] = (k @ q[..., None])[..., 0]
        hooks.edit_scores(i, p, q)
        softmax_in_place(p)
        y = p[..., :stop] @ self.shared.shared_v[i, :, shared_start:] + (p[..., None, stop:] @ v)[..., 0, :]
        y = hooks.at("head", i, hooks.edit_values(i, p, y))  # [H, B, e]
        return hooks.at("attention", i, y.transpose(1, 0, 2).reshape(len(x), -1) @ self.weights.w_o[i]), p

    def caches(self, edits: Sequence[tuple[CacheEdit, ...]]) -> list[Cache]:
        """Return the cache after each pass."""
        k, v, last = self.shared.shared_k, self.shared.shared_v, self.kv[..., self.m, :]  # last: [2, A, H, B, e]
        last = last.copy() if len(self.requests) == 1 else last  # so that a pass that is kept keeps no other words' arrays
        last.flags.writeable = False
        tails = [(*r.cache.tail, last[:, :, :, row]) for row, r in enumerate(self.requests)]
        return [
            Cache((*r.cache.words, r.word), self.pair_start, k, v, tail, edit)
            for r, tail, edit in zip(self.requests, tails, edits, strict=True)
        ]


_OnStream: TypeAlias = Drop | Push | RandomPush | Bend
_CarriedOut: TypeAlias = Look | Note | Rewrite | _OnStream


class _Hooks:
    """The interventions on passes run together, sorted by layer and by the site where they apply; and a laboratory's hooks."""

    def __init__(self, model: Model, requests: Sequence[PassRequest], table: HookTable | None) -> None:
        self.model, self.requests, self.table = model, requests, table
        self.position = len(requests[0].cache.words)
        self.looks: dict[int, list[tuple[int, Look]]] = {}  # index of the first layer -> (row, look)
        self.notes: dict[int, list[tuple[int, Note]]] = {}  # index of every layer -> (row, note)
        self.on_stream: dict[int, list[tuple[int, _OnStream]]] = {}  # layer after which it applies -> (row, ...)
        self.edits = [request.cache.edits for request in requests]
        for row, request in enumerate(requests):
            for intervention in request.interventions:
                self._add(row, intervention)
        self.bias: Array | None = None  # [B, P], the looks begun so far
        self.edit_at, self.edit_k, self.edit_v = self._edit_arrays()

    def _add(self, row: int, intervention: Intervention) -> None:
        self._check_start(intervention)
        first, last = self.model.weights.shape.n_local + 1, self.model.weights.shape.n_attend
        layer = intervention.layer
        if isinstance(intervention, Look):
            self._check(intervention, intervention.stop - 1)
            self.looks.setdefault(max(layer, first) - 1, []).append((row, intervention))
        elif isinstance(intervention, Rewrite):
            self._check(intervention, intervention.position + 1)
            self.edits[row] = _with_rewrite(self.model, self.requests[row].cache, self.edits[row], intervention)
        elif isinstance(intervention, Note):
            for i in range(max(layer, first) - 1, last):
                self.notes.setdefault(i, []).append((row, intervention))
        elif isinstance(intervention, Drop):
            for dropped in range(layer, intervention.last + 1):
                self.on_stream.setdefault(dropped, []).append((row, intervention))
        else:
            self.on_stream.setdefault(layer, []).append((row, intervention))

    def _check_start(self, intervention: Intervention) -> None:
        if not isinstance(intervention, _CarriedOut):  # a new kind must be carried out here, not ignored
            raise TypeError(f"{type(intervention).__name__} is not a kind of intervention")
        layer, last = intervention.layer, self.model.weights.shape.n_attend
        if not 1 <= layer <= last or (isinstance(intervention, Bend) and layer != last):
            message = f"{intervention}: cannot begin at layer {layer}"
            raise ValueError(message)

    def at(self, site: SiteKind, i: int, x: Array) -> Array:
        """Return what stands at a site of the layer at index `i`, with a laboratory's hooks applied; see `HookTable.apply`."""
        return x if self.table is None else self.table.apply(site, i + 1, x)

    def _check(self, intervention: Look | Rewrite, latest: int) -> None:
        earliest = intervention.start if isinstance(intervention, Look) else intervention.position
        empty = isinstance(intervention, Look) and intervention.stop <= intervention.start
        if latest > self.position or earliest < 0 or empty:
            message = f"{intervention}: position out of range; the pass is at position {self.position}"
            raise CausalityError(message)

    def _edit_arrays(self) -> tuple[Array, Array, Array]:
        """Return the edits' positions [B, E], keys and values [G, H, B, E, e], E the most edits of any row."""
        s, rows = self.model.weights.shape, len(self.requests)
        most = max(len(edits) for edits in self.edits)
        at = np.full((rows, most), self.position)  # rows with fewer edits: zero vectors at the own position
        k, v = np.zeros((2, s.n_global, s.n_head, rows, most, s.d_head))
        for row, edits in enumerate(self.edits):
            for column, edit in enumerate(edits):
                at[row, column], k[:, :, row, column], v[:, :, row, column] = edit.position, edit.key, edit.value
        return at, k, v

    def edit_keys_and_values(self, i: int, k: Array, v: Array) -> None:
        """Mix the notes into this word's keys and values [H, B, e], and apply a laboratory's hooks on them, in place."""
        g = i - self.model.weights.shape.n_local
        for row, note in self.notes.get(i, ()):
            kv = self.model.notes[note.key]
            k[:, row] = note.ink * kv.key[g] + (1 - note.ink) * k[:, row]
            v[:, row] = note.ink * kv.value[g] + (1 - note.ink) * v[:, row]
        if self.table is not None:
            k[:], v[:] = self.table.apply("key", i + 1, k), self.table.apply("value", i + 1, v)

    def edit_scores(self, i: int, scores: Array, q: Array) -> None:
        """Add the looks' bias and the rewritten keys to `scores` [H, B, P], in place; `q` is [H, B, e]."""
        if i < self.model.weights.shape.n_local:
            return
        for row, look in self.looks.get(i, ()):
            self.bias = np.zeros(scores.shape[1:]) if self.bias is None else self.bias
            self.bias[row, look.start : look.stop] += look.bias
        if self.edit_at.size:
            rows, g = np.arange(len(self.requests))[:, None], i - self.model.weights.shape.n_local
            scores[:, rows, self.edit_at] += (q[:, :, None] * self.edit_k[g]).sum(-1)
        if self.bias is not None:
            scores += self.bias

    def edit_values(self, i: int, p: Array, y: Array) -> Array:
        """Return the heads' output `y` with the rewritten values added, [H, B, e]; `p` is the attention, [H, B, P]."""
        if not self.edit_at.size or i < self.model.weights.shape.n_local:
            return y
        rows, g = np.arange(len(self.requests))[:, None], i - self.model.weights.shape.n_local
        return np.asarray(y + (p[:, rows, self.edit_at][..., None] * self.edit_v[g]).sum(2))

    def edit_stream(self, layer: int, before: Array, x: Array) -> Array:
        """Return the stream after `layer` with drops, pushes, bends and hooks applied in this order, [B, d].

        `before` is the layer's input.
        """
        return self.at("stream", layer - 1, self._intervene(layer, before, x))

    def _intervene(self, layer: int, before: Array, x: Array) -> Array:
        entries = self.on_stream.get(layer, ())
        if not entries:
            return x
        x = x.copy()
        for row, intervention in entries:
            if isinstance(intervention, Drop):
                x[row] = before[row]
        for row, intervention in entries:
            if isinstance(intervention, (Push, RandomPush)):
                x[row] += push_vector(self.model.weights, intervention, x[row])
        bends = [(row, intervention) for row, intervention in entries if isinstance(intervention, Bend)]
        while bends:  # the bends of one row in sequence, those of different rows as a batch
            batch = dict(reversed(bends))
            x[list(batch)] = bend_streams(self.model.weights, x[list(batch)], list(batch.values()))
            bends = [(row, intervention) for row, intervention in bends if intervention is not batch[row]]
        return x


def push_vector(weights: Weights, push: Push | RandomPush, x: Array) -> Array:
    """Return the vector [d] that a push adds to the stream x [d]."""
    if isinstance(push, Push) and push.direction_layer is None:
        return np.asarray(weights.metadata.directions[push.direction][push.layer - 1] * push.strength)
    if isinstance(push, Push):
        u, share = weights.metadata.directions[push.direction][(push.direction_layer or push.layer) - 1], push.strength
    else:
        u, share = np.random.RandomState(push.seed).standard_normal(len(x)), push.share  # a fixed stream (NEP 19)
    return np.asarray(u * share * l2_norm(x) / l2_norm(u))


def _with_rewrite(model: Model, cache: Cache, edits: tuple[CacheEdit, ...], rewrite: Rewrite) -> tuple[CacheEdit, ...]:
    """Return `edits` with one more: what `rewrite.word` would have left at the position, less what the cache holds there.

    Below `rewrite.layer` an earlier edit of the same position stays in force.
    """
    n_local, n = model.weights.shape.n_local, cache.shared_v.shape[2]
    past = truncate_cache(model.weights, replace(cache, edits=edits), rewrite.position)
    rewritten = step(model, past, model.weights.ids[rewrite.word]).cache
    if rewrite.position < n:
        k, v = cache.shared_k[n_local:, :, :, rewrite.position], cache.shared_v[n_local:, :, rewrite.position]
    else:
        k, v = cache.tail[rewrite.position - n][:, n_local:]
    key, value = rewritten.tail[-1][:, n_local:] - (k, v)  # [G, H, e] each
    below = max(0, rewrite.layer - 1 - n_local)
    earlier = next((edit for edit in edits if edit.position == rewrite.position), None)
    key[:below] = earlier.key[:below] if earlier else 0
    value[:below] = earlier.value[:below] if earlier else 0
    others = tuple(edit for edit in edits if edit.position != rewrite.position)
    return (*others, CacheEdit(rewrite.position, key, value))
