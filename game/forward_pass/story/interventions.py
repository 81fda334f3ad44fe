"""What can be done to a pass from inside, as data: what worlds declare and the network carries out.

Positions count from 0 (``<doc>``), layers from 1. Each begins at ``layer``; a world declares them with layer 0, which means the
layer after the one at which it is made. Knows no numbers and no network: ``network.model`` carries them out.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

NoteKey: TypeAlias = tuple[tuple[str, ...], int]
"""A note's words and the index of the one that carries it."""


class CausalityError(ValueError):
    """An intervention that names a position the pass cannot have reached."""


class Look(NamedTuple):
    """Add ``bias`` to the global heads' scores over positions ``start`` .. ``stop`` - 1 (negative: look away)."""

    start: int
    stop: int
    bias: float
    layer: int = 0


class Push(NamedTuple):
    """Add a named direction, times ``strength``, after ``layer``.

    With ``direction_layer``, that layer's direction is borrowed and ``strength`` is a share of the stream's own length here.
    """

    direction: str
    strength: float
    layer: int = 0
    direction_layer: int | None = None


class RandomPush(NamedTuple):
    """Add a random direction after ``layer``, ``share`` of the stream's length (the control for every ``Push``)."""

    seed: int
    share: float
    layer: int = 0


class Note(NamedTuple):
    """Write a note: own keys and values become, by ``ink`` (0 .. 1), those of the word at index ``carrier`` of ``words``."""

    words: tuple[str, ...]
    carrier: int
    ink: float = 1.0
    layer: int = 0

    @property
    def key(self) -> NoteKey:
        """What its keys and values depend on."""
        return self.words, self.carrier


class Rewrite(NamedTuple):
    """Misremember: the cached word at ``position`` becomes ``word`` in the global layers, for good."""

    position: int
    word: str
    layer: int = 0


class Bend(NamedTuple):
    """At the decoder's door, climb towards ``word``: ``steps`` steps along the gradient, within ``share`` of the length."""

    word: str
    share: float
    layer: int = 0
    steps: int = 8


class Drop(NamedTuple):
    """Take layers ``layer`` .. ``last`` out: the stream goes by them unchanged."""

    last: int
    layer: int = 0


Intervention: TypeAlias = Look | Push | RandomPush | Note | Rewrite | Bend | Drop


def start_layer(fixed_layer: int, layer: int) -> int:
    """Return the layer at which an intervention made at ``layer`` begins: its own where that is fixed, else the next."""
    return fixed_layer or layer + 1
