"""A world's model with its prompt read: passes over it, and what is read off their residual streams. Imports NumPy.

Keeps nothing but predictions for the prompt; ``passes.ComputedPass`` caches passes by their keys.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from forward_pass.network.model import (
    Cache,
    Model,
    NoteKV,
    PassRequest,
    PassResult,
    decoder,
    extend,
    lens,
    max_difference,
    note_kv,
    prefill,
    probe,
    step,
    step_many,
    truncate_cache,
)
from forward_pass.network.weights import Array, Weights, read_weights
from forward_pass.story.distribution import Distribution
from forward_pass.story.interventions import Intervention, Note, NoteKey
from forward_pass.story.ports import SharpestHead
from forward_pass.story.state import Act, PassKey
from forward_pass.story.world import World


class Computation:
    """The model of a world, and the cache of the prompt without its last word.

    Raises ``OSError``, ``ValueError`` or ``KeyError`` where the weights cannot be read or are not those of the world.
    """

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.weights: Weights = read_weights(path)
        if world.weights not in (None, self.weights.checksum):  # the file was replaced after the world was loaded
            expected = str(world.weights)[:16]
            raise ValueError(f"its checksum is {self.weights.checksum[:16]}…, the world was loaded with {expected}…")
        self.ids = self.weights.ids
        self.prompt_cache: Cache = prefill(self.weights, [self.ids[word] for word in world.prompt[:-1]]).cache
        self.model = Model(self.weights, self._note_kvs())
        self._prompt_predictions: dict[int, Distribution] = {}

    def _note_kvs(self) -> Mapping[NoteKey, NoteKV]:
        """Return the keys and values of the world's notes, as they are read between the examples and the question."""
        marks = self.weights.metadata.pair_marks  # ids
        last_pair = max(at for at, word in enumerate(self.world.prompt) if self.ids[word] in marks)
        before_question = truncate_cache(self.weights, self.prompt_cache, last_pair)
        notes = [act.intervention for act in self.world.acts.values() if isinstance(act.intervention, Note)]
        return {note.key: note_kv(self.weights, before_question, note) for note in notes}

    def request(self, key: PassKey, cache: Cache) -> PassRequest:
        """Return the request for the pass of a key over the cache that the passes before it left."""
        word = key.words[-1] if key.words else self.world.prompt[-1]
        acts = key.acts[-1] if len(key.acts) > len(key.words) else ()
        return PassRequest(cache, self.ids[word], tuple(map(self._intervention, acts)))

    def _intervention(self, act: Act) -> Intervention:
        intervention = self.world.intervention(act)
        assert intervention is not None  # noqa: S101 - in a world with a model every act has one
        return intervention

    def run_pass(self, key: PassKey, cache: Cache, *, keep_attention: bool = False) -> PassResult:
        """Return the pass of a key over the cache that the passes before it left."""
        request = self.request(key, cache)
        if not keep_attention:
            return step_many(self.model, [request])[0]
        return step(self.model, request.cache, request.word, request.interventions)

    def extended(self, cache: Cache, words: Iterable[str]) -> Cache:
        """Return the cache after several words in which nothing is done, read at once."""
        return extend(self.weights, cache, [self.ids[word] for word in words])[0]

    def read_at_once(self, cache: Cache, words: Iterable[str]) -> list[Distribution]:
        """Return the distribution after each of several words in which nothing is done, read at once."""
        _, streams = extend(self.weights, cache, [self.ids[word] for word in words])
        return list(map(self.distribution, decoder(self.weights, streams)))

    def run_passes(self, requests: Iterable[tuple[PassKey, Cache]]) -> list[PassResult]:
        """Return the passes of several keys, computed together."""
        return step_many(self.model, [self.request(key, cache) for key, cache in requests])

    def distribution(self, logits: Array) -> Distribution:
        """Return logits ``[vocabulary]`` as a distribution over the words."""
        return Distribution(self.weights.metadata.vocabulary, array("d", logits.tolist()), self.ids)

    def lens(self, result: PassResult, layer: int) -> Distribution:
        """Return what the unembedding reads from the residual stream after a layer of a pass (logit lens)."""
        return self.distribution(lens(self.weights, result.streams[layer]))

    def probe(self, result: PassResult, layer: int, name: str) -> float:
        """Return a probe's score on the residual stream after a layer of a pass."""
        return probe(self.weights, name, layer, result.streams[layer])

    def attention(self, key: PassKey, result: PassResult, layer: int) -> list[float]:
        """Return the attention on each position, averaged over the global heads up to a layer; zeros below the first one."""
        local = self.weights.shape.n_local
        if result.attention is None or layer <= local:
            return [0.0] * (len(self.world.prompt) + len(key.words))
        mean: Array = result.attention[: layer - local].mean((0, 1))  # from [G, H, P]
        return [float(share) for share in mean]

    def sharpest_head(self, result: PassResult, layer: int) -> SharpestHead | None:
        """Return the global head up to a layer with the largest share on one position; None below the first global layer."""
        local = self.weights.shape.n_local
        if result.attention is None or layer <= local:
            return None
        shares = result.attention[: layer - local]  # [G, H, P]
        above, head, index = np.unravel_index(int(shares.argmax()), shares.shape)
        return SharpestHead(local + 1 + int(above), int(head), int(index), float(shares[above, head, index]))

    def difference(self, one: PassResult, other: PassResult, layer: int) -> float:
        """Return the largest difference between the streams of two passes, up to a layer."""
        return max_difference(one, other, layer)

    def prompt_prediction(self, position: int) -> Distribution:
        """Return the prediction for a position of the prompt, counted from 1 and at least 3, from the words before it."""
        cached = self._prompt_predictions.get(position)
        if cached is None:
            before = truncate_cache(self.weights, self.prompt_cache, position - 2)
            result = step(self.model, before, self.ids[self.world.prompt[position - 2]], [])
            cached = self._prompt_predictions[position] = self.distribution(result.logits)
        return cached
