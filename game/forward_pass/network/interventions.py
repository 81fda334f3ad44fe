"""Interventions on a pass, as data. Each begins at a layer; `model` carries them out.

Positions count from 0 (`<doc>`), layers from 1. This module knows no arrays and no network.
"""

from dataclasses import dataclass
from typing import TypeAlias


class CausalityError(ValueError):
    """An intervention on a position that the pass has not reached."""


@dataclass(frozen=True)
class Look:
    """Add `bias` to the global heads' scores at positions `start` .. `stop` - 1, from `layer` on."""

    start: int
    stop: int
    bias: float
    layer: int


@dataclass(frozen=True)
class Push:
    """Add a named direction, times `strength`, to the residual stream after `layer` (steering).

    Without `direction_layer` the direction is the one found at `layer`. With it, the direction found at that layer is
    added instead, and `strength` is the length of the added vector as a share of the stream's length.
    """

    direction: str
    strength: float
    layer: int
    direction_layer: int | None = None


@dataclass(frozen=True)
class RandomPush:
    """Add a random direction of `share` of the stream's length after `layer`: the control for `Push`."""

    seed: int
    share: float
    layer: int


@dataclass(frozen=True)
class Note:
    """Mix the keys and values of the note `name` into the pass's own, in the global layers from `layer` on.

    `ink` is the note's share in the mixture, 0 .. 1.
    """

    name: str
    layer: int
    ink: float = 1.0


@dataclass(frozen=True)
class Rewrite:
    """Replace the cached word at `position` with `word`, in the global layers from `layer` on; later passes see it too."""

    position: int
    word: int
    layer: int


@dataclass(frozen=True)
class Bend:
    """Move the stream after the boundary layer `layer` along the gradient of log p(`word`).

    Takes `steps` steps, and stays within `share` of the stream's length.
    """

    word: int
    share: float
    layer: int
    steps: int = 8


@dataclass(frozen=True)
class Drop:
    """Ablate layers `layer` .. `last`: the stream passes them unchanged."""

    layer: int
    last: int


Intervention: TypeAlias = Look | Push | RandomPush | Note | Rewrite | Bend | Drop
