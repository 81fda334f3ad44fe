"""The value that everything is about: where the pass stands. Frozen, hashable, small; knows no world, disk, clock or chance.

Scenes and choices are counted in ``bytes`` by their index in the world: small, hashable at C speed, and turned back into
ids by whoever writes a state down. Counts stop at ``MOST_VISITS``, so that a loop in a story has finitely many states.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_VISITS = 9
NEXT_COUNT = tuple(bytes((count + 1,)) for count in range(MAX_VISITS))
"""By a count, the byte of the next one."""


class Act(NamedTuple):
    """An intervention on the pass: its name in the world, and the first layer at which it is in force."""

    name: str
    layer: int


Acts = tuple[tuple[Act, ...], ...]
"""The interventions of each token begun so far, in the order in which they were made; the last entry is the present token's."""


class Prior(NamedTuple):
    """What was so before the run began, taken from its header: the number of this instantiation, the endings known."""

    instantiation: int = 1
    found: frozenset[str] = frozenset()


class State(NamedTuple):
    """Where the pass stands."""

    scene: str
    token: int  # the position of the token being computed, counted from 1 with the document mark
    layer: int  # the last layer that has been computed of it
    variables: tuple[int, ...]  # by the variable's index; an enumeration holds its word's index
    visits: bytes  # by the scene's index: how often met, up to MOST_VISITS
    taken: bytes  # by the choice's index: how often taken, up to MOST_VISITS
    words: tuple[str, ...]  # the words that came out of the pass so far
    acts: Acts
    measured: tuple[bool | None, ...]  # by the threshold's index: the truth when last measured, None before
    prior: Prior


def increment(counts: bytes, index: int) -> bytes:
    """Return ``counts`` with the count at ``index`` one higher, or as they are where it has reached ``MOST_VISITS``."""
    count = counts[index]
    if count >= MAX_VISITS:
        return counts
    return counts[:index] + NEXT_COUNT[count] + counts[index + 1 :]
