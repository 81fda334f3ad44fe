"""The two ports to a pass: what the rules need of it, and what whoever looks inside needs besides."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from forward_pass.story.distribution import Distribution
from forward_pass.story.state import PassKey


class SharpestHead(NamedTuple):
    """The head, of those that see the whole document, that gives one position the largest share of its attention."""

    layer: int  # from 1
    head: int  # from 0
    at: int  # the position in the document, from 0
    share: float


class PassPort(Protocol):
    """What the engine asks of a pass: three pure functions of the words drawn and the interventions made."""

    def distribution(self, key: PassKey) -> Distribution:
        """Return the distribution of the next word at the end of a pass."""
        ...

    def lens(self, key: PassKey, layer: int) -> Distribution:
        """Return the distribution read off the residual stream after ``layer``, as the last layer is read."""
        ...

    def probe(self, key: PassKey, layer: int, name: str) -> float:
        """Return the score of a probe on the residual stream after ``layer``; near +1 yes, near -1 no."""
        ...


class Inspector(PassPort, Protocol):
    """What texts, the lens and the screens ask of a pass besides."""

    @property
    def source(self) -> str:
        """``model`` where the numbers are computed, ``written`` where the world declares them."""
        ...

    @property
    def probes(self) -> tuple[str, ...]:
        """The names of the probes; none where nothing is computed."""
        ...

    def warm_up(self) -> None:
        """Start reading what a pass needs, in the background, so that the first question waits less."""
        ...

    def read_ahead(self, key: PassKey, words: tuple[str, ...]) -> None:
        """Prepare for being asked about the passes after a key's that follow these words: a guess, which need not hold."""
        ...

    def attention(self, key: PassKey, layer: int) -> list[float]:
        """Return the share of attention on each position of the document, averaged over the global heads up to ``layer``."""
        ...

    def sharpest_head(self, key: PassKey, layer: int) -> SharpestHead | None:
        """Return the head up to ``layer`` that looks hardest at one position; None where none has looked yet."""
        ...

    def prompt_prediction(self, position: int) -> Distribution:
        """Return the prediction of the word at a position of the prompt, counted from 1, from the words before it."""
        ...

    def recompute_error(self, key: PassKey, layer: int) -> float:
        """Return the largest difference up to ``layer`` between a pass and the same one, computed again."""
        ...
