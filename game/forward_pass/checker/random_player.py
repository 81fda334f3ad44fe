"""Players who choose at random: what was taken least, or anything. Their random numbers come from a seed and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from forward_pass.checker.trace import Step
from forward_pass.errors import ForwardPassError
from forward_pass.story.engine import Availability, carry_out, decode, initial_state, is_ending, is_waiting, offers, outcome_of
from forward_pass.story.ports import PassPort
from forward_pass.story.state import Prior, State
from forward_pass.story.world import World

AIMED_SHARE = 0.75  # of the choices of a player with an aim
MAX_TURNS = 2000  # after which a run is taken to have no end

DrawFunction = Callable[[State], str]
"""Which word comes out of the pass of a state that waits for one."""


class RandomRun(NamedTuple):
    """A run at random, and why it has no ending; empty where it has one."""

    opening: State
    steps: tuple[Step, ...]
    fault: str

    @property
    def state(self) -> State:
        """The last state."""
        return self.steps[-1].after if self.steps else self.opening


class RandomPlayer:
    """Plays one world again and again; remembers what was taken, unless it plays uniformly."""

    def __init__(self, world: World, port: PassPort, *, uniform: bool = False) -> None:
        self.world, self.port, self.uniform = world, port, uniform
        self.taken: Counter[str] = Counter()

    def play_once(self, prior: Prior, rng: Random, draw: DrawFunction, aim: frozenset[str] = frozenset()) -> RandomRun:
        """Return one run, to an ending or as far as it goes; it prefers the choices in ``aim``."""
        state = opening = initial_state(self.world, prior)
        steps: list[Step] = []
        try:
            while not is_ending(self.world, state):
                offer = self._choose(state, rng, aim, len(steps))
                steps.append(self._take(state, offer, draw))
                state = steps[-1].after
        except ForwardPassError as error:
            return RandomRun(opening, tuple(steps), str(error))
        return RandomRun(opening, tuple(steps), "")

    def _take(self, state: State, offer: Availability, draw: DrawFunction) -> Step:
        after = carry_out(self.world, self.port, state, offer)
        if not is_waiting(self.world, after):
            return Step(state, offer.id, None, after)
        word = draw(after)
        outcome = outcome_of(self.world, self.port, after, word)
        return Step(state, offer.id, word, decode(self.world, after, word, outcome))

    def _choose(self, state: State, rng: Random, aim: frozenset[str], turns: int) -> Availability:
        """Return an open choice: any, or one of those that were taken least; raises ``ForwardPassError`` where a run ends."""
        if turns >= MAX_TURNS:
            raise ForwardPassError(f"no ending after {MAX_TURNS} turns, in {state.scene}")
        open_offers = [offer for offer in offers(self.world, state) if offer.is_open]
        if not open_offers:
            raise ForwardPassError(f"nothing is open in {state.scene} at layer {state.layer}")
        aimed = [offer for offer in open_offers if offer.id in aim]
        if aimed and rng.random() < AIMED_SHARE:
            return rng.choice(aimed)
        if self.uniform:
            return rng.choice(open_offers)
        least = min(self.taken[offer.id] for offer in open_offers)
        offer = rng.choice([offer for offer in open_offers if self.taken[offer.id] == least])
        self.taken[offer.id] += 1
        return offer
