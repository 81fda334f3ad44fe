"""A distribution of which only the probabilities of single words are known: all that the rules of the machine ask for."""

from __future__ import annotations

from collections.abc import Callable

from forward_pass.story.distribution import Distribution


class PartialDistribution(Distribution):
    """A distribution without a vocabulary: ``probability`` gives that of any word."""

    def __init__(self, probability: Callable[[str], float], best: str = "") -> None:
        super().__init__((), ())
        self.probability = probability
        self.likeliest_word = best

    @property
    def best(self) -> str:
        """The likeliest word."""
        return self.likeliest_word

    def p(self, word: str) -> float:
        """Return the probability of a word."""
        return self.probability(word)
