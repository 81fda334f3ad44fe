"""Many passes of a model at once, those over one history together."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from forward_pass.story.distribution import Distribution
from forward_pass.story.state import PassKey

if TYPE_CHECKING:
    from forward_pass.network.model import Cache, PassResult
    from forward_pass.network.passes import ComputedPass

BATCH = 256
MAX_CACHES = 1024  # of earlier passes: some 40 KB a word each


class PassBatches:
    """Computes passes in batches, and keeps the caches that earlier passes left."""

    def __init__(self, computed: ComputedPass) -> None:
        self.computed = computed
        self._caches: dict[PassKey, Cache] = {}

    def results(self, keys: Collection[PassKey]) -> Iterator[tuple[PassKey, PassResult]]:
        """Yield each key with its pass, batch by batch."""
        ordered = sorted(keys, key=lambda key: (len(key.words), key.words, key.acts[:-1]))
        for start in range(0, len(ordered), BATCH):
            batch = ordered[start : start + BATCH]
            if len(self._caches) > MAX_CACHES:
                self._caches.clear()
            yield from zip(batch, self._compute(batch), strict=True)

    def _compute(self, keys: Collection[PassKey]) -> list[PassResult]:
        self._compute_caches(dict.fromkeys(_previous(key) for key in keys if key.words))
        computation = self.computed.computation
        caches = [self._caches[_previous(key)] if key.words else computation.prompt_cache for key in keys]
        return computation.run_passes(zip(keys, caches, strict=True))

    def _compute_caches(self, keys: Collection[PassKey]) -> None:
        missing = [key for key in keys if key not in self._caches]
        if missing:
            results = self._compute(missing)
            self._caches.update(zip(missing, (result.cache for result in results), strict=True))

    def distribution(self, result: PassResult) -> Distribution:
        """Return the distribution of the next word at the end of a pass."""
        return self.computed.computation.distribution(result.logits)

    def reading(self, result: PassResult, quantity: str, name: str, layer: int) -> float:
        """Return the score of a probe, or the probability that the lens gives a word, after a layer of a pass."""
        computation = self.computed.computation
        if quantity == "probe":
            return computation.probe(result, layer, name)
        return computation.lens(result, layer).p(name)


def _previous(key: PassKey) -> PassKey:
    """Return the pass that drew the last word of a key."""
    return key.at(len(key.words) - 1)
