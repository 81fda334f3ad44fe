"""The pass of an abstract state: each threshold comes out as the explorer chooses."""

from __future__ import annotations

from collections.abc import Iterable

from forward_pass.checker.partial_distribution import PartialDistribution
from forward_pass.story.distribution import Distribution
from forward_pass.story.state import PassKey


class NondeterministicPass:
    """A ``PassPort`` whose answers are above or below every bound, in the order in which the engine asks for them."""

    def __init__(self, is_high: Iterable[bool]) -> None:
        self._is_high = iter(is_high)

    def distribution(self, key: PassKey) -> Distribution:
        """Return a distribution that gives every word the next number."""
        del key
        number = self._next()
        return PartialDistribution(lambda _: number)

    def lens(self, key: PassKey, layer: int) -> Distribution:
        """Return a distribution that gives every word the next number."""
        del layer
        return self.distribution(key)

    def probe(self, key: PassKey, layer: int, name: str) -> float:
        """Return the next number."""
        del key, layer, name
        return self._next()

    def _next(self) -> float:
        return 2.0 if next(self._is_high) else -2.0
