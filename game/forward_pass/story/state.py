"""Where the pass stands, as a value. Frozen, hashable, small; knows no world, disk, clock or chance.

Scenes and choices are counted in ``bytes`` by their index in the world: small, hashable at C speed, and turned back into
ids when a state is written down. Counts stop at ``MAX_VISITS``, so that a loop in a story has finitely many states.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_VISITS = 9


class Act(NamedTuple):
    """An intervention that was made: its name in the world, and the first layer at which it is in force."""

    name: str
    layer: int


Acts = tuple[tuple[Act, ...], ...]
"""The interventions of each token begun so far, in the order in which they were made; the last entry is the present token's."""


class PassKey(NamedTuple):
    """What names a pass: the words drawn before it, and the acts made at each token, its own last."""

    words: tuple[str, ...]
    acts: Acts

    def at(self, index: int) -> PassKey:
        """Return the pass that drew word ``index`` (from 0) of this one's words."""
        return PassKey(self.words[:index], self.acts[: index + 1])

    def adding(self, act: Act) -> PassKey:
        """Return the same pass with one act more."""
        return PassKey(self.words, (*self.acts[:-1], (*self.acts[-1], act)))

    def followed_by(self, *words: str) -> PassKey:
        """Return the pass that follows more words, with nothing done in it."""
        return PassKey((*self.words, *words), (*self.acts[: len(self.words) + 1], *((),) * len(words)))

    def without_layers(self) -> PassKey:
        """Return the same pass where words are written: its acts have no layers there, and no order."""
        return PassKey(self.words, tuple(tuple(sorted(Act(act.name, 0) for act in made)) for made in self.acts))

    def without_acts(self) -> PassKey:
        """Return the pass after the same words in which nothing was ever done."""
        return PassKey(self.words, ((),) * (len(self.words) + 1))


OPENING = PassKey((), ((),))
"""The pass of the first token, before anything was done in it."""


class Prior(NamedTuple):
    """What was so before the run began, from its header: the number of this instantiation, endings found, scenes met before.

    Of the scenes only those are kept that the world asks about.
    """

    instantiation: int = 1
    found: frozenset[str] = frozenset()
    met: frozenset[str] = frozenset()


class State(NamedTuple):
    """Where the pass stands."""

    scene: str
    token: int  # the position of the token being computed, counted from 1 with the document mark
    layer: int  # the last layer that has been computed of it
    variables: tuple[int, ...]  # by the variable's index; an enumeration holds its word's index
    visits: bytes  # by the scene's index: how often met, up to MAX_VISITS
    taken: bytes  # by the choice's index: how often taken, up to MAX_VISITS
    words: tuple[str, ...]  # the words drawn so far
    acts: Acts
    measured: tuple[bool | None, ...]  # by the threshold's index: the truth when last measured, None before
    prior: Prior
    decided: tuple[str, ...] | None = None  # what decided the word that stands for the run, where a world asks; None before
    by_chance: frozenset[int] = frozenset()  # the tokens whose word was not the likeliest, where a world asks

    @property
    def key(self) -> PassKey:
        """The pass as it stands."""
        return PassKey(self.words, self.acts)

    @property
    def last_decoding(self) -> PassKey:
        """The pass that drew the last word, or the pass as it stands before the first."""
        return self.key.at(len(self.words) - 1) if self.words else self.key

    def drawn_at(self, token: int) -> int | None:
        """Return the index of the word drawn at the end of a token, None where none was drawn yet."""
        index = token - (self.token - len(self.words))
        return index if 0 <= index < len(self.words) else None


def increment(counts: bytes, index: int) -> bytes:
    """Return ``counts`` with the count at ``index`` one higher, or unchanged where it has reached ``MAX_VISITS``."""
    count = counts[index]
    if count >= MAX_VISITS:
        return counts
    return counts[:index] + bytes((count + 1,)) + counts[index + 1 :]
