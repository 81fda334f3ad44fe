"""A pass of which nothing is known but what was supposed: the port to the pass where the walk is abstract."""

from __future__ import annotations

from forward_pass.story.distribution import Distribution
from forward_pass.story.state import Acts


class ConstantDistribution(Distribution):
    """The chance of any word, so that a threshold comes out as it is supposed to."""

    def __init__(self, chance: float) -> None:
        super().__init__((), ())
        self.chance = chance

    def p(self, word: str) -> float:
        """Return the supposed chance, whatever the word."""
        del word
        return self.chance


class NondeterministicPass:
    """A pass that makes the thresholds true and false as it was told, in the order in which the engine asks."""

    source = "supposed"
    probes: tuple[str, ...] = ()

    def __init__(self, highs: list[bool]) -> None:
        self.highs = iter(highs)

    def warm_up(self) -> None:
        """Nothing has to be read."""

    def distribution(self, words: tuple[str, ...], acts: Acts) -> Distribution:
        """Return a distribution that gives any word what is supposed."""
        del words, acts
        return ConstantDistribution(self.high())

    def lens(self, words: tuple[str, ...], acts: Acts, layer: int) -> Distribution:
        """Return the same after any layer."""
        del words, acts, layer
        return ConstantDistribution(self.high())

    def probe(self, words: tuple[str, ...], acts: Acts, layer: int, name: str) -> float:
        """Return the same for any probe."""
        del words, acts, layer, name
        return self.high()

    def prompt_prediction(self, position: int) -> Distribution:
        """Return a distribution of nothing: no rule of the machine asks what was expected of the prompt."""
        del position
        return Distribution((), ())

    def recompute_error(self, words: tuple[str, ...], acts: Acts, layer: int) -> float:
        """Return nothing: no rule of the machine asks for a pass to be run again."""
        del words, acts, layer
        return 0.0

    def attention(self, words: tuple[str, ...], acts: Acts, layer: int) -> list[float]:
        """Return nothing: no rule of the machine asks where heads look."""
        del words, acts, layer
        return []

    def high(self) -> float:
        """Return a number above or below every bound, as the next threshold was told."""
        return 2.0 if next(self.highs) else -2.0
