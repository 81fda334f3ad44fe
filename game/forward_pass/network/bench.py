"""Passes of a laboratory: a run's words computed again with settings of one's own. Imports NumPy; changes no run.

The words stay those of the run, or of the likeliest continuation, so that what differs comes of the settings alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from forward_pass.network.hooks import AddDirection, Hook, Silence, Sites, random_direction
from forward_pass.network.model import Cache, PassRequest, PassResult, mix_last, observe, push_vector, step, step_many
from forward_pass.network.passes import ComputedPass
from forward_pass.story.distribution import Distribution
from forward_pass.story.interventions import Intervention, Push
from forward_pass.story.state import PassKey

Half: TypeAlias = Literal["keys", "values"]


class Settings(NamedTuple):
    """What is set at a token, besides what the run did there.

    ``half`` is what later tokens see of ``divided``, one of the interventions: its keys or its values.
    """

    interventions: tuple[Intervention, ...] = ()
    hooks: tuple[Hook, ...] = ()
    half: Half | None = None
    divided: Intervention | None = None

    def without_divided(self) -> Settings:
        """Return the settings without the intervention that is divided."""
        return self._replace(interventions=tuple(one for one in self.interventions if one is not self.divided))


class Lengths(NamedTuple):
    """The Euclidean length of what a push adds, and of the residual stream to which it is added."""

    added: float
    stream: float


class Bench:
    """The passes of a document, given as the key of its last pass, on the model of a world."""

    def __init__(self, computed: ComputedPass, key: PassKey) -> None:
        self.computed, self.key = computed, key

    def base(self, index: int) -> PassResult:
        """Return the pass of the token at an index (from 0) without settings."""
        return self.computed.run_pass(self.key.at(index))

    def sites(self, index: int) -> Sites:
        """Return what the pass of a token had at every site, without settings."""
        return self.sites_of(self.key.at(index))

    def sites_of(self, key: PassKey) -> Sites:
        """Return what the pass of a key had at every site."""
        return observe(self.computed.computation.model, self._request(key, len(key.words), self._cache_before(key)))[1]

    def distribution(self, result: PassResult) -> Distribution:
        """Return the distribution of the next word at the end of a pass."""
        return self.computed.computation.distribution(result.logits)

    def run(self, settings: Mapping[int, Settings], to: int) -> dict[int, PassResult]:
        """Return the passes from the first token with settings up to index ``to``; raises as ``model.step`` does."""
        return {index: result for index, result, _ in self._passes(settings, to)}

    def observed(self, settings: Mapping[int, Settings]) -> tuple[PassResult, Sites]:
        """Return the pass of the last token of the key with settings, and what it had at every site."""
        last = len(self.key.words)
        earlier = {at: here for at, here in settings.items() if at < last}
        cache = list(self._passes(earlier, last - 1))[-1][2] if earlier else self._cache_before(self.key)
        return observe(self.computed.computation.model, self._request(self.key, last, cache, settings.get(last)))

    def run_each(self, settings: Mapping[int, Settings], index: int, hooks: Sequence[Hook], to: int) -> list[PassResult]:
        """Return the pass of token ``to`` once for each of some hooks at token ``index``, computed together.

        Where the settings there divide an intervention, each hook stands in its place.
        """
        earlier = {at: here for at, here in settings.items() if at < index}
        before = list(self._passes(earlier, index - 1))[-1][2] if earlier else self._cache_before(self.key.at(index))
        here = settings.get(index, Settings()).without_divided()
        requests = [self._request(self.key, index, before, here._replace(hooks=(*here.hooks, hook))) for hook in hooks]
        model = self.computed.computation.model
        results = step_many(model, requests)
        without = self._without_divided(index, before, here)
        caches = [_left(here, result.cache, without) for result in results]
        for later in range(index + 1, to + 1):
            there = settings.get(later, Settings())
            results = step_many(model, [self._request(self.key, later, cache, there) for cache in caches])
            caches = [result.cache for result in results]
        return results

    def _passes(self, settings: Mapping[int, Settings], to: int) -> Iterator[tuple[int, PassResult, Cache]]:
        """Yield the index of each token from the first with settings on, its pass, and what later tokens see of it."""
        first = min((*settings, to))
        cache = self._cache_before(self.key.at(first))
        for index in range(first, to + 1):
            here = settings.get(index, Settings())
            result = self._step(index, cache, here)
            cache = _left(here, result.cache, self._without_divided(index, cache, here))
            yield index, result, cache

    def _without_divided(self, index: int, before: Cache, here: Settings) -> Cache | None:
        """Return the cache of a token without the intervention that is divided; None where none is."""
        return self._step(index, before, here.without_divided()).cache if here.half else None

    def lengths(self, push: Push, index: int) -> Lengths:
        """Return the length of a push at a token, and that of the stream after its layer without settings."""
        stream = self.base(index).streams[push.layer]
        added = push_vector(self.computed.weights, push, stream)
        return Lengths(float((added @ added) ** 0.5), float((stream @ stream) ** 0.5))

    def random_hooks(self, length: float, layer: int, seeds: Iterable[int]) -> list[AddDirection]:
        """Return random pushes of a length after a layer, one for each seed."""
        width = self.computed.weights.shape.n_embd
        return [AddDirection(layer, random_direction(seed, length, width)) for seed in seeds]

    @property
    def heads(self) -> list[tuple[int, int]]:
        """The heads that see the whole document, as layer (from 1) and head (from 0)."""
        shape = self.computed.weights.shape
        return [(layer, head) for layer in range(shape.n_local + 1, shape.n_attend + 1) for head in range(shape.n_head)]

    def silenced(self, settings: Mapping[int, Settings], index: int) -> list[tuple[tuple[int, int], Distribution]]:
        """Return for each of these heads the distribution at a token where it alone is silenced."""
        results = self.run_each(settings, index, [Silence(layer, head) for layer, head in self.heads], index)
        return [(head, self.distribution(result)) for head, result in zip(self.heads, results, strict=True)]

    def attention(self, result: PassResult) -> list[tuple[tuple[int, int], list[float]]]:
        """Return for each of these heads the shares of its attention, by position (from index 0)."""
        assert result.attention is not None  # noqa: S101 - `step` keeps it
        local = self.computed.weights.shape.n_local
        return [((layer, head), result.attention[layer - local - 1, head].tolist()) for layer, head in self.heads]

    def _cache_before(self, key: PassKey) -> Cache:
        """Return the cache that the passes before the last of a key left."""
        return self.computed.run_pass(key.at(len(key.words) - 1)).cache if key.words else self.computed.computation.prompt_cache

    def _request(self, key: PassKey, index: int, cache: Cache, here: Settings | None = None) -> PassRequest:
        request = self.computed.computation.request(key.at(index), cache)
        here = here or Settings()
        return PassRequest(cache, request.word, (*request.interventions, *here.interventions), here.hooks)

    def _step(self, index: int, cache: Cache, here: Settings) -> PassResult:
        request = self._request(self.key, index, cache, here)
        return step(self.computed.computation.model, cache, request.word, request.interventions, request.hooks)


def _left(here: Settings, cache: Cache, without: Cache | None) -> Cache:
    """Return what later tokens see of a token: its cache, or half of it and half of the one without what is divided."""
    if without is None:
        return cache
    return mix_last(cache, without) if here.half == "keys" else mix_last(without, cache)
