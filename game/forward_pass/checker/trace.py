"""A run through a world as the checker has it: the facts it starts with, and its choices and words."""

from __future__ import annotations

from typing import NamedTuple

from forward_pass.story.engine import then_state
from forward_pass.story.state import Prior, State


class Trace(NamedTuple):
    """A run by its prior facts and its choices, each with the word drawn (None where the decoder did not come)."""

    prior: Prior
    steps: tuple[tuple[str, str | None], ...] = ()


class Step(NamedTuple):
    """One step of a run: the state before, the choice, the word drawn where the decoder came, and the state after."""

    before: State
    choice: str
    word: str | None
    after: State

    @property
    def then_state(self) -> State:
        """The state in which what the choice says as it is carried out is read."""
        return then_state(self.before, self.after, decoded=self.word is not None)
