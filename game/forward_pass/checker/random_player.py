"""Players at random: they take what was taken least, or anything; their chance comes from a seed and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from forward_pass.errors import ForwardPassError
from forward_pass.story.distribution import PassPort
from forward_pass.story.engine import decode, initial_state, is_ending, is_waiting, offers, take
from forward_pass.story.state import Prior, State
from forward_pass.story.world import World

AIMED_SHARE = 0.75  # of the choices of a player that has an aim
MAX_TURNS = 2000  # turns, after which a run is taken not to end

DrawFunction = Callable[[State], str]
"""Which word comes out of the pass of a state that waits for one."""


class Step(NamedTuple):
    """A choice, the word that came of it where the decoder came, and the state after it."""

    choice: str
    word: str | None
    state: State


class RandomRun(NamedTuple):
    """A run at random: how it went, and what was wrong with it, if anything."""

    opening: State
    steps: tuple[Step, ...]
    fault: str

    @property
    def state(self) -> State:
        """Where it came to."""
        return self.steps[-1].state if self.steps else self.opening

    @property
    def path(self) -> list[tuple[str, str | None]]:
        """The choices, each with the word that was drawn."""
        return [(step.choice, step.word) for step in self.steps]


class RandomPlayer:
    """Plays one world again and again; remembers what was taken, unless it plays uniformly."""

    def __init__(self, world: World, measure: PassPort, draw: DrawFunction, *, uniform: bool = False) -> None:
        self.world, self.measure, self.draw, self.uniform = world, measure, draw, uniform
        self.taken: Counter[str] = Counter()

    def play_once(self, facts: Prior, chance: Random, aim: frozenset[str] = frozenset()) -> RandomRun:
        """Return one run, to an ending or to where it cannot go on; more often than not by the choices that are its ``aim``."""
        world = self.world
        opening = state = initial_state(world, facts)
        steps: list[Step] = []
        while not is_ending(world, state):
            if len(steps) >= MAX_TURNS:
                return RandomRun(opening, tuple(steps), f"no ending after {MAX_TURNS} turns, in {state.scene}")
            try:
                choice = self._chosen(state, chance, aim)
                if choice is None:
                    return RandomRun(opening, tuple(steps), f"nothing is open in {state.scene} at layer {state.layer}")
                state = take(world, self.measure, state, choice)
                word = self.draw(state) if is_waiting(world, state) else None
                state = state if word is None else decode(world, state, word)
            except ForwardPassError as error:
                return RandomRun(opening, tuple(steps), str(error))
            steps.append(Step(choice, word, state))
        return RandomRun(opening, tuple(steps), "")

    def _chosen(self, state: State, chance: Random, aim: frozenset[str]) -> str | None:
        """Return an open choice: any, or one of those that were taken least so far."""
        here = [offer.choice.id for offer in offers(self.world, self.measure, state) if offer.open]
        if not here:
            return None
        aimed = [choice for choice in here if choice in aim]
        if aimed and chance.random() < AIMED_SHARE:
            return chance.choice(aimed)
        if self.uniform:
            return chance.choice(here)
        least = min(self.taken[choice] for choice in here)
        choice = chance.choice([choice for choice in here if self.taken[choice] == least])
        self.taken[choice] += 1
        return choice
