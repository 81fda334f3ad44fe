"""The pass: a transformer in NumPy float64, and what can be done to it from inside.

Words are ids, positions count from 0 (`<doc>`), layers from 1. A `Cache` is a value: one long part shared by every
branch, and a short tail of the branch's own. `step` runs one word through all layers and gives a new cache; the old one
stays as it was. Same words and same acts give the same logits, rounded to six decimals, on any machine; of equals, the
lower id is likeliest. This module reads no file, draws no chance, and does not know the story.

Sources: Vaswani et al. 2017 (attention), Su et al. 2021 (RoPE), Zhang & Sennrich 2019 (RMSNorm), nostalgebraist 2020
(the lens), Turner et al. 2023 (adding directions). Shapes: B passes at once, H heads of e numbers, d = width, n shared
words, m words in the tail, A layers that attend, G of them global, L layers in all, V words.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy comes; why, says `weights`

import numpy as np

from forward_pass.network.interventions import Act, Bend, CausalityError, Drop, Look, Note, Push, RandomPush, Rewrite
from forward_pass.network.weights import NORM_EPSILON, ROPE_BASE, Array, Weights

DECIMALS = 6
_ROWS = 128  # passes run together at most: enough to be quick, few enough to fit the processor's cache


# -- values


@dataclass(frozen=True, eq=False)
class CacheEdit:
    """What a rewritten word's keys and values differ by, in the global layers."""

    position: int
    key: Array  # [G, H, e]
    value: Array  # [G, H, e]


@dataclass(frozen=True, eq=False)
class Cache:
    """All that outlives a pass: the words so far, and their keys (turned to their positions) and values."""

    words: tuple[int, ...]
    pair_start: int
    shared_k: Array  # [A, H, e, n]
    shared_v: Array  # [A, H, n, e]
    own_k: Array  # [A, H, m, e]
    own_v: Array  # [A, H, m, e]
    edits: tuple[CacheEdit, ...] = ()


@dataclass(frozen=True, eq=False)
class NoteKV:
    """The keys (not turned to any position) and values of a note's word: what a note is, in the cache."""

    key: Array  # [G, H, e]
    value: Array  # [G, H, e]


@dataclass(frozen=True, eq=False)
class Model:
    """A network and the notes that can be written in it, by name."""

    weights: Weights
    notes: Mapping[str, NoteKV]


@dataclass(frozen=True, eq=False)
class PrefillResult:
    """Many words read at once: the cache, the logits after each, the stream after the layers that were asked for."""

    cache: Cache
    logits: Array  # [T, V]
    streams: Mapping[int, Array]  # layer -> [T, d]


@dataclass(frozen=True, eq=False)
class PassResult:
    """One word's pass. `streams[0]` is the embedding; `attention` is the global heads' (None if not asked for)."""

    cache: Cache
    logits: Array  # [V]
    streams: Array  # [L + 1, d]
    attention: Array | None  # [G, H, positions]


@dataclass(frozen=True, eq=False)
class PassRequest:
    """A pass to run: over which cache, of which word, with which acts."""

    cache: Cache
    word: int
    acts: tuple[Act, ...] = ()


# -- the parts of a layer


def norm(x: Array) -> Array:
    """Return x / rms(x), [..., d] (the gain is in the matrix behind it)."""
    return np.asarray(x * scale(x))


def scale(x: Array) -> Array:
    """Return 1 / rms(x), [..., 1]."""
    # `add.reduce` is `sum` without its wrapper, which would cost as much again.
    return np.asarray(1 / np.sqrt(np.add.reduce(x * x, -1, keepdims=True) / x.shape[-1] + NORM_EPSILON))


def mlp(weights: Weights, at: int, x: Array) -> Array:
    """Return what the MLP at index `at` adds to the stream, [B, d]."""
    return np.asarray(np.maximum(norm(x) @ weights.w_up[at], 0) @ weights.w_down[at])


def softmax(scores: Array) -> Array:
    """Return probabilities over the last axis."""
    p = scores.copy()
    softmax_in_place(p)
    return p


def softmax_in_place(x: Array) -> None:
    """Turn scores into probabilities over the last axis, in the memory they are in."""
    x -= np.maximum.reduce(x, -1, keepdims=True)
    np.exp(x, out=x)
    x /= np.add.reduce(x, -1, keepdims=True)


def lens(weights: Weights, x: Array) -> Array:
    """Return the logits that a stream at any layer amounts to, [..., V], rounded."""
    return np.round(norm(x) @ weights.unembed, DECIMALS)


def probe(weights: Weights, name: str, layer: int, x: Array) -> float:
    """Return a probe's score on the stream after `layer`: near +1 yes, near -1 no. A least-squares score, no per cent."""
    row = weights.label.probes[name][layer - 1]  # [d + 1]
    return float(norm(x) @ row[:-1] + row[-1])


def decoder(weights: Weights, x: Array) -> Array:
    """Return the logits that the layers without attention make of streams at their door, [..., V], rounded."""
    for at in range(weights.shape.n_attend, weights.shape.n_layer):
        x = x + mlp(weights, at, x)
    return lens(weights, x)


def logprob_gradient(weights: Weights, x: Array, words: Array) -> Array:
    """Return the gradient of log p(word) at the decoder's door, a row a pass, [B, d] (exact, by going back through it)."""
    first, last, kept = weights.shape.n_attend, weights.shape.n_layer, []
    for at in range(first, last):
        r = scale(x)
        hidden = np.maximum(x * r @ weights.w_up[at], 0)  # [B, h]
        kept.append((x, r, hidden > 0))
        x = x + hidden @ weights.w_down[at]
    r = scale(x)
    error = -softmax(x * r @ weights.unembed)  # [B, V]
    error[np.arange(len(x)), words] += 1
    g = _norm_back(x, r, error @ weights.unembed.T)
    for at in reversed(range(first, last)):
        x, r, awake = kept[at - first]
        g = g + _norm_back(x, r, (g @ weights.w_down[at].T * awake) @ weights.w_up[at].T)
    return g


def _norm_back(x: Array, r: Array, g: Array) -> Array:
    """Return the gradient before `norm`, of which `r` is the scale, from the one behind it."""
    return np.asarray(r * (g - x * (r * r * np.add.reduce(g * x, -1, keepdims=True) / x.shape[-1])))


def bend(weights: Weights, x: Array, bends: Sequence[Bend]) -> Array:
    """Return streams at the decoder's door bent as asked, one row each, [B, d]: re-linearised steps on a sphere."""
    words = np.array([b.word for b in bends])
    radius = np.array([b.share for b in bends])[:, None] * norm_of(x)
    bent = x
    for _ in range(max(b.rounds for b in bends)):
        g = logprob_gradient(weights, bent, words)
        bent = bent + radius / 4 * g / (norm_of(g) + 1e-12)
        gone = bent - x
        bent = x + gone * np.minimum(1, radius / (norm_of(gone) + 1e-12))
    return bent


def norm_of(x: Array) -> Array:
    """Return the Euclidean length over the last axis, kept, [..., 1]."""
    return np.asarray(np.sqrt((x * x).sum(-1, keepdims=True)))


def rotation(weights: Weights, positions: Array) -> tuple[Array, Array, Array]:
    """Return cosines, signed sines [T, e] and the order that swaps halves: x turned is x * cos + x[swap] * sin."""
    half = weights.shape.d_head // 2
    angle = positions[:, None] * ROPE_BASE ** (-np.arange(half) / half)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.concatenate([cos, cos], 1), np.concatenate([-sin, sin], 1), np.r_[half : 2 * half, :half]


# -- reading many words at once


def prefill(weights: Weights, words: Sequence[int], taps: Iterable[int] = ()) -> PrefillResult:
    """Return a reading of `words` from nothing, with the stream kept after each layer in `taps`."""
    s, n = weights.shape, len(words)
    x, kept, wanted = weights.wte[list(words)], {}, frozenset(taps)
    k_all, v_all = np.empty((s.n_attend, s.n_head, s.d_head, n)), np.empty((s.n_attend, s.n_head, n, s.d_head))
    cos, sin, swap = rotation(weights, np.arange(n, dtype=np.float64))
    starts = sorted({0} | {at for at, word in enumerate(words) if word in weights.label.pair_marks})
    pairs, everything = list(zip(starts, [*starts[1:], n], strict=True)), [(0, n)]
    for at in range(s.n_layer):
        if at < s.n_attend:
            qkv = (norm(x) @ weights.w_qkv[at]).reshape(n, 3, s.n_head, s.d_head).transpose(1, 2, 0, 3)  # [3, H, T, e]
            q, k = qkv[:2] * cos + qkv[:2][..., swap] * sin
            k_all[at], v_all[at] = k.transpose(0, 2, 1), qkv[2]
            y = _attend_within(q, k_all[at], qkv[2], pairs if at < s.n_local else everything)
            x = x + y.transpose(1, 0, 2).reshape(n, -1) @ weights.w_o[at]
        x = x + mlp(weights, at, x)
        if at + 1 in wanted:
            kept[at + 1] = x
    k_all.flags.writeable = v_all.flags.writeable = False
    empty = np.empty((s.n_attend, s.n_head, 0, s.d_head))
    cache = Cache(tuple(words), starts[-1], k_all, v_all, empty, empty)
    return PrefillResult(cache, lens(weights, x), kept)


def _attend_within(q: Array, k: Array, v: Array, spans: Sequence[tuple[int, int]]) -> Array:
    y = np.empty(q.shape)  # [H, T, e]
    for a, b in spans:
        scores = q[:, a:b] @ k[:, :, a:b] / np.sqrt(q.shape[-1])  # [H, t, t]
        scores += np.triu(np.full((b - a, b - a), -np.inf), 1)
        y[:, a:b] = softmax(scores) @ v[:, a:b]
    return y


# -- one word at a time


def step(model: Model, cache: Cache, word: int, acts: Iterable[Act] = ()) -> PassResult:
    """Return the pass of `word` after `cache`, with `acts`.

    Raises `CausalityError` for an act on a position not yet reached, `KeyError` for an unknown direction or note, and
    `ValueError` for a layer at which the act cannot begin.
    """
    return _run(model, [PassRequest(cache, word, tuple(acts))], attention=True)[0]


def step_many(model: Model, jobs: Sequence[PassRequest]) -> list[PassResult]:
    """Return the pass of every job, in order, without attention; those over one shared part run together.

    Logits agree with `step`'s to the rounding. Raises what `step` raises.
    """
    groups: dict[tuple[int, int, int, int], list[int]] = {}
    for at, job in enumerate(jobs):
        c = job.cache
        key = (id(c.shared_k), c.shared_k.shape[-1], len(c.words), _pair_start(model.weights, c, job.word))
        groups.setdefault(key, []).append(at)
    passes: dict[int, PassResult] = {}
    for members in groups.values():
        for first in range(0, len(members), _ROWS):
            some = members[first : first + _ROWS]
            passes.update(zip(some, _run(model, [jobs[at] for at in some], attention=False), strict=True))
    return [passes[at] for at in range(len(jobs))]


def recompute(model: Model, cache: Cache, word: int, acts: Iterable[Act] = ()) -> tuple[PassResult, float]:
    """Return the pass, and the largest difference in any number of it when it is run again: 0 where each is the same."""
    acts = tuple(acts)
    once, again = step(model, cache, word, acts), step(model, cache, word, acts)
    return once, max(max_difference(once, again), float(np.abs(once.logits - again.logits).max()))


def max_difference(once: PassResult, again: PassResult, layer: int | None = None) -> float:
    """Return the largest difference between two passes in any number of their streams, up to a layer or to the last."""
    last = len(once.streams) if layer is None else layer + 1
    return float(np.abs(once.streams[:last] - again.streams[:last]).max())


def truncate_cache(weights: Weights, cache: Cache, n_words: int) -> Cache:
    """Return the cache as it stood after its first `n_words` words, sharing their keys and values."""
    words, n = cache.words[:n_words], cache.shared_v.shape[2]
    marks = [at for at, word in enumerate(words) if word in weights.label.pair_marks]
    own = max(0, n_words - n)
    return Cache(
        words,
        marks[-1] if marks else 0,
        cache.shared_k[..., :n_words],
        cache.shared_v[:, :, :n_words],
        cache.own_k[:, :, :own],
        cache.own_v[:, :, :own],
        tuple(edit for edit in cache.edits if edit.position < n_words),
    )


def note_kv(weights: Weights, cache: Cache, words: Sequence[int], carrier: int) -> NoteKV:
    """Return what the `carrier`-th of a note's `words` leaves in the cache, had the note come next."""
    model = Model(weights, {})
    for word in words[: carrier + 1]:
        cache = step(model, cache, word).cache
    cos, sin, swap = rotation(weights, np.array([len(cache.words) - 1.0]))
    key = cache.own_k[weights.shape.n_local :, :, -1]  # [G, H, e]
    return NoteKV(key * cos[0] - key[..., swap] * sin[0], cache.own_v[weights.shape.n_local :, :, -1])


def _pair_start(weights: Weights, cache: Cache, word: int) -> int:
    return len(cache.words) if word in weights.label.pair_marks else cache.pair_start


def _run(model: Model, jobs: Sequence[PassRequest], *, attention: bool) -> list[PassResult]:
    """Run passes that share their long part, their number of words and the start of their pair."""
    weights, shape = model.weights, model.weights.shape
    tails, plan = _Tails(weights, jobs), _Plan(model, jobs)
    x = weights.wte[[job.word for job in jobs]]  # [B, d]
    streams, seen = np.empty((shape.n_layer + 1, *x.shape)), []
    streams[0] = x
    for at in range(shape.n_layer):
        before = x
        if at < shape.n_attend:
            y, p = tails.attend(plan, at, x)
            x = x + y
            if attention and at >= shape.n_local:
                seen.append(p[:, 0].copy())
        x = plan.moved(at + 1, before, x + mlp(weights, at, x))
        streams[at + 1] = x
    logits = lens(weights, x)
    streams.flags.writeable = logits.flags.writeable = False
    caches = tails.caches(plan.edits)
    heads = np.stack(seen) if seen else None
    return [PassResult(cache, logits[row], streams[:, row], heads) for row, cache in enumerate(caches)]


class _Tails:
    """The working memory of some passes: the part they share, and for each its own keys and values, this word's last."""

    def __init__(self, weights: Weights, jobs: Sequence[PassRequest]) -> None:
        s, self.weights, self.jobs, self.shared = weights.shape, weights, jobs, jobs[0].cache
        self.n, self.m = self.shared.shared_v.shape[2], self.shared.own_k.shape[2]
        self.pair_start = _pair_start(weights, self.shared, jobs[0].word)
        self.turn = rotation(weights, np.array([float(len(self.shared.words))]))
        self.k, self.v = np.empty((2, s.n_attend, s.n_head, len(jobs), self.m + 1, s.d_head))
        self.scores = np.empty((s.n_head, len(jobs), self.n + self.m + 1))  # one memory for all layers: new ones cost more
        for row, job in enumerate(jobs):
            self.k[:, :, row, : self.m], self.v[:, :, row, : self.m] = job.cache.own_k, job.cache.own_v

    def attend(self, plan: "_Plan", at: int, x: Array) -> tuple[Array, Array]:
        """Return what the heads of the layer at index `at` add [B, d] and the attention they gave [H, B, positions]."""
        s, m, n = self.weights.shape, self.m, self.n
        cos, sin, swap = self.turn
        qkv = (norm(x) @ self.weights.w_qkv[at]).reshape(len(x), 3, s.n_head, s.d_head)
        q, k, v = qkv.transpose(1, 2, 0, 3)  # [H, B, e] each
        k, v = plan.written(at, k, v)
        self.k[at, :, :, m], self.v[at, :, :, m] = k * cos + k[..., swap] * sin, v
        q = (q * cos + q[..., swap] * sin) / np.sqrt(s.d_head)
        start = self.pair_start if at < s.n_local else 0
        lo, low = min(start, n), max(0, start - n)  # where what it may see begins, in the shared part and in the tail
        k, v = self.k[at, :, :, low:], self.v[at, :, :, low:]
        p = self.scores if not lo + low else np.empty((*q.shape[:2], n - lo + k.shape[2]))
        np.matmul(q, self.shared.shared_k[at, :, :, lo:], out=p[..., : n - lo])
        p[..., n - lo :] = (k @ q[..., None])[..., 0]
        plan.turn(at, p, q)
        softmax_in_place(p)
        y = p[..., : n - lo] @ self.shared.shared_v[at, :, lo:] + (p[..., None, n - lo :] @ v)[..., 0, :]
        y = plan.misread(at, p, y)  # [H, B, e]
        return y.transpose(1, 0, 2).reshape(len(x), -1) @ self.weights.w_o[at], p

    def caches(self, edits: Sequence[tuple[CacheEdit, ...]]) -> list[Cache]:
        """Return the cache that each pass leaves."""
        self.k.flags.writeable = self.v.flags.writeable = False
        k, v = self.shared.shared_k, self.shared.shared_v
        return [
            Cache((*job.cache.words, job.word), self.pair_start, k, v, self.k[:, :, row], self.v[:, :, row], edits[row])
            for row, job in enumerate(self.jobs)
        ]


class _Plan:
    """The acts of some passes, sorted by the layer and the place where each does something."""

    def __init__(self, model: Model, jobs: Sequence[PassRequest]) -> None:
        self.model, self.jobs = model, jobs
        self.position = len(jobs[0].cache.words)
        self.looks: dict[int, list[tuple[int, Look]]] = {}  # by the index of the first layer
        self.notes: dict[int, list[tuple[int, Note]]] = {}  # by every layer's index
        self.moves: dict[int, list[tuple[int, Act]]] = {}  # by the layer after which they act
        self.edits = [job.cache.edits for job in jobs]
        for row, job in enumerate(jobs):
            for act in job.acts:
                self._add(row, act)
        self.bias: Array | None = None
        self.edit_at, self.edit_k, self.edit_v = self._edit_arrays()

    def _add(self, row: int, act: Act) -> None:
        shape = self.model.weights.shape
        first, last = shape.n_local + 1, shape.n_attend
        if not 1 <= act.layer <= last or (isinstance(act, Bend) and act.layer != last):
            message = f"{act}: cannot begin at layer {act.layer}"
            raise ValueError(message)
        if isinstance(act, Look):
            self._check(act, act.stop - 1)
            self.looks.setdefault(max(act.layer, first) - 1, []).append((row, act))
        elif isinstance(act, Rewrite):
            self._check(act, act.position + 1)
            self.edits[row] = _rewritten(self.model, self.jobs[row].cache, self.edits[row], act)
        elif isinstance(act, Note):
            for at in range(max(act.layer, first) - 1, last):
                self.notes.setdefault(at, []).append((row, act))
        elif isinstance(act, Drop):
            for layer in range(act.layer, act.last + 1):
                self.moves.setdefault(layer, []).append((row, act))
        else:
            self.moves.setdefault(act.layer, []).append((row, act))

    def _check(self, act: Look | Rewrite, latest: int) -> None:
        earliest = act.start if isinstance(act, Look) else act.position
        if latest > self.position or earliest < 0 or (isinstance(act, Look) and act.stop <= act.start):
            message = f"{act}: the pass is at position {self.position}"
            raise CausalityError(message)

    def _edit_arrays(self) -> tuple[Array, Array, Array]:
        s, rows = self.model.weights.shape, len(self.jobs)
        most = max(len(edits) for edits in self.edits)
        at = np.full((rows, most), self.position)  # where there is none: here, and nothing
        k, v = np.zeros((2, s.n_global, s.n_head, rows, most, s.d_head))
        for row, edits in enumerate(self.edits):
            for column, edit in enumerate(edits):
                at[row, column], k[:, :, row, column], v[:, :, row, column] = edit.position, edit.key, edit.value
        return at, k, v

    def written(self, at: int, k: Array, v: Array) -> tuple[Array, Array]:
        """Return keys and values with the notes written in, [H, B, e]."""
        if at not in self.notes:
            return k, v
        k, v = k.copy(), v.copy()
        for row, note in self.notes[at]:
            word = self.model.notes[note.name]
            g = at - self.model.weights.shape.n_local
            k[:, row] = note.ink * word.key[g] + (1 - note.ink) * k[:, row]
            v[:, row] = note.ink * word.value[g] + (1 - note.ink) * v[:, row]
        return k, v

    def turn(self, at: int, scores: Array, q: Array) -> None:
        """Turn scores [H, B, positions] as looking and misremembering do."""
        if at < self.model.weights.shape.n_local:
            return
        for row, look in self.looks.get(at, ()):
            self.bias = np.zeros(scores.shape[1:]) if self.bias is None else self.bias
            self.bias[row, look.start : look.stop] += look.bias
        if self.edit_at.size:
            rows, g = np.arange(len(self.jobs))[:, None], at - self.model.weights.shape.n_local
            scores[:, rows, self.edit_at] += (q[:, :, None] * self.edit_k[g]).sum(-1)
        if self.bias is not None:
            scores += self.bias

    def misread(self, at: int, p: Array, y: Array) -> Array:
        """Return what the heads read, rewritten values included, [H, B, e]."""
        if not self.edit_at.size or at < self.model.weights.shape.n_local:
            return y
        rows, g = np.arange(len(self.jobs))[:, None], at - self.model.weights.shape.n_local
        return np.asarray(y + (p[:, rows, self.edit_at][..., None] * self.edit_v[g]).sum(2))

    def moved(self, layer: int, before: Array, x: Array) -> Array:
        """Return the stream after `layer` as pushes, drops and, last, bends leave it, [B, d]."""
        moves = self.moves.get(layer, ())
        if not moves:
            return x
        x = x.copy()
        for row, act in moves:
            if isinstance(act, Drop):
                x[row] = before[row]
        for row, act in moves:
            if isinstance(act, (Push, RandomPush)):
                x[row] += _pushed(self.model.weights, act, x[row])
        bends = [(row, act) for row, act in moves if isinstance(act, Bend)]
        while bends:  # a row's bends one after another, different rows' together
            now = dict(reversed(bends))
            x[list(now)] = bend(self.model.weights, x[list(now)], list(now.values()))
            bends = [(row, act) for row, act in bends if act is not now[row]]
        return x


def _pushed(weights: Weights, act: Push | RandomPush, x: Array) -> Array:
    if isinstance(act, Push) and act.of_layer is None:
        return np.asarray(weights.label.directions[act.direction][act.layer - 1] * act.strength)
    if isinstance(act, Push):
        u, share = weights.label.directions[act.direction][(act.of_layer or act.layer) - 1], act.strength
    else:
        u, share = np.random.RandomState(act.seed).standard_normal(len(x)), act.share  # its numbers are fixed (NEP 19)
    return np.asarray(u * share * norm_of(x) / norm_of(u))


def _rewritten(model: Model, cache: Cache, edits: tuple[CacheEdit, ...], act: Rewrite) -> tuple[CacheEdit, ...]:
    """Return `edits` with this one made: what the word's cell would hold had it been `act.word`, less what it holds."""
    n_local, n = model.weights.shape.n_local, cache.shared_v.shape[2]
    past = truncate_cache(model.weights, replace(cache, edits=edits), act.position)
    cell = step(model, past, act.word).cache
    if act.position < n:
        k, v = cache.shared_k[n_local:, :, :, act.position], cache.shared_v[n_local:, :, act.position]
    else:
        k, v = cache.own_k[n_local:, :, act.position - n], cache.own_v[n_local:, :, act.position - n]
    key, value = cell.own_k[n_local:, :, -1] - k, cell.own_v[n_local:, :, -1] - v
    kept = max(0, act.layer - 1 - n_local)
    earlier = next((edit for edit in edits if edit.position == act.position), None)
    key[:kept] = earlier.key[:kept] if earlier else 0
    value[:kept] = earlier.value[:kept] if earlier else 0
    others = tuple(edit for edit in edits if edit.position != act.position)
    return (*others, CacheEdit(act.position, key, value))
