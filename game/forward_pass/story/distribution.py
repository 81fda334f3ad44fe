"""From logits to a word: softmax, temperature, greedy, sample.

Scoring and drawing are apart: nothing here holds a random state. The number that decides a draw comes from the run's seed
and the token's position alone, so that undo, continue and ablation draw alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from math import exp, log

FEW = 8  # likeliest words, whose order is remembered: thousands of distributions are
DIGITS = 6  # logits are rounded to this many, so that every machine sees the same ties


class Distribution:
    """The next word's distribution: a vocabulary in the order of its ids, and a logit for each word."""

    def __init__(self, words: Sequence[str], logits: Sequence[float], ids: dict[str, int] | None = None) -> None:
        self.words = words
        self.logits = logits
        if ids is not None:
            self.ids = ids

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of every word."""
        return {word: index for index, word in enumerate(self.words)}

    @property
    def probabilities(self) -> list[float]:
        """The probability of every word at temperature 1, by id."""
        return softmax(self.logits)

    @cached_property
    def best(self) -> str:
        """The likeliest word, of equals the one with the lower id."""
        return self.words[greedy(self.logits)]

    def p(self, word: str) -> float:
        """Return the probability of ``word`` at temperature 1; 0.0 for a word that the vocabulary has not."""
        index = self.ids.get(word)
        return 0.0 if index is None else self._p(index)

    def logprob(self, word: str) -> float:
        """Return the log-probability of ``word`` in nats; raises ``KeyError`` for a word that the vocabulary has not."""
        highest, total = self._highest_and_total
        return self.logits[self.ids[word]] - (highest + log(total))

    def likeliest(self, count: int) -> list[tuple[str, float]]:
        """Return the ``count`` likeliest words with their probabilities, likeliest first, ties by the lower id."""
        first = self._first[:count] if count <= FEW else self._ordered(count)
        return [(self.words[index], self._p(index)) for index in first]

    def _p(self, index: int) -> float:
        highest, total = self._highest_and_total
        return exp(self.logits[index] - highest) / total

    @cached_property
    def _highest_and_total(self) -> tuple[float, float]:
        """The largest logit, and the sum of the exponentials of all logits less that one."""
        highest = max(self.logits)
        return highest, sum(exp(logit - highest) for logit in self.logits)

    @cached_property
    def _first(self) -> list[int]:
        """The ids of the few likeliest words, in their order."""
        return self._ordered(FEW)

    def _ordered(self, count: int) -> list[int]:
        """Return the ids of the ``count`` likeliest words, likeliest first, of equals the lower first."""
        return sorted(range(len(self.words)), key=lambda index: (-self.logits[index], index))[:count]


def format_probability(probability: float) -> str:
    """Return a probability as it is shown: two places, and more where two would make it certain or impossible."""
    for places in (2, 3, 4):
        shown = f"{probability:.{places}f}"
        if 0 < float(shown) < 1:
            return shown
    return "0.00" if probability < 0.5 else "1.00"  # noqa: PLR2004 - which end it is at


def format_worth(difference: float) -> str:
    """Return a difference of probabilities as it is shown: signed, two places, and no sign before nothing."""
    shown = f"{difference:+.2f}"
    return "0.00" if shown in ("-0.00", "+0.00") else shown


def format_nats(log_likelihood: float) -> str:
    """Return a log-likelihood as it is shown: two places, and no minus before nothing."""
    shown = f"{log_likelihood:.2f}"
    return "0.00" if shown == "-0.00" else shown


def softmax(logits: Sequence[float], temperature: float = 1.0) -> list[float]:
    """Return the probabilities of ``logits`` at a temperature above 0."""
    highest = max(logits)
    weights = [exp((logit - highest) / temperature) for logit in logits]
    total = sum(weights)
    return [weight / total for weight in weights]


def greedy(logits: Sequence[float]) -> int:
    """Return the id of the largest logit, the lowest such id where there are several."""
    return max(range(len(logits)), key=lambda index: (logits[index], -index))


def sample(probabilities: Sequence[float], number: float) -> int:
    """Return the first id whose cumulated probability passes ``number`` in [0, 1)."""
    cumulated = 0.0
    for index, probability in enumerate(probabilities):
        cumulated += probability
        if number < cumulated:
            return index
    return max(index for index, probability in enumerate(probabilities) if probability > 0)


def uniform_number(seed: int, token: int) -> float:
    """Return the number in [0, 1) that decides the draw at a token: the first 53 bits of SHA-256 of ``seed:token``."""
    return (int.from_bytes(sha256(f"{seed}:{token}".encode()).digest()[:8]) >> 11) / 2**53


def draw_word(distribution: Distribution, temperature: float, seed: int, token: int) -> str:
    """Return the word drawn: the likeliest at temperature 0, otherwise as the seed and the token's position decide."""
    if temperature == 0:
        return distribution.best
    probabilities = softmax(distribution.logits, temperature)
    return distribution.words[sample(probabilities, uniform_number(seed, token))]
