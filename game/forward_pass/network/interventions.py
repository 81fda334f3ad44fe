"""What can be done to a pass from inside, as data: each intervention begins at a layer. Knows no numbers and no network.

Positions count from 0 (`<doc>`), layers from 1. `model` carries them out.
"""

from dataclasses import dataclass
from typing import TypeAlias


class CausalityError(ValueError):
    """An act that names a position the pass cannot have reached."""


@dataclass(frozen=True)
class Look:
    """Add `bias` to the global heads' scores over positions `start` .. `stop` - 1, from `layer` on (negative: look away)."""

    start: int
    stop: int
    bias: float
    layer: int


@dataclass(frozen=True)
class Push:
    """Add a named direction, times `strength`, after `layer`.

    With `of_layer`, that layer's direction is borrowed and `strength` is a share of the stream's own length here.
    """

    direction: str
    strength: float
    layer: int
    of_layer: int | None = None


@dataclass(frozen=True)
class RandomPush:
    """Add a random direction after `layer`, `share` of the stream's length (the control for every `Push`)."""

    seed: int
    share: float
    layer: int


@dataclass(frozen=True)
class Note:
    """Write a note: own keys and values become, by `ink` (0 .. 1), those of the note's word, from `layer` on."""

    name: str
    layer: int
    ink: float = 1.0


@dataclass(frozen=True)
class Rewrite:
    """Misremember: the cached word at `position` becomes `word` in the global layers from `layer` on, for good."""

    position: int
    word: int
    layer: int


@dataclass(frozen=True)
class Bend:
    """At the decoder's door, climb towards `word`: `rounds` steps along the gradient, within `share` of the length."""

    word: int
    share: float
    layer: int
    rounds: int = 8


@dataclass(frozen=True)
class Drop:
    """Take layers `layer` .. `last` out: the stream goes by them unchanged."""

    layer: int
    last: int


Act: TypeAlias = Look | Push | RandomPush | Note | Rewrite | Bend | Drop
