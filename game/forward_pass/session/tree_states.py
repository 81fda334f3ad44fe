"""The states of the turns of kept runs, each computed once, from the passes that are measured already where there are any.

What a turn's state is and what is open there is not in a run's file: it is computed again, by the recorded choices and words.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from forward_pass.errors import ForwardPassError
from forward_pass.storage.run_set import RunSet
from forward_pass.story.engine import carry_out, decode, initial_state, is_waiting, offers, outcome_of
from forward_pass.story.forecast import forecast
from forward_pass.story.history import RecordedTurn
from forward_pass.story.nodes import Choice
from forward_pass.story.ports import PassPort
from forward_pass.story.state import Prior, State

if TYPE_CHECKING:
    from forward_pass.storage.tree import Node


class TreeStates:
    """The states of a run set's nodes, each that of the first run through it."""

    def __init__(self, run_set: RunSet) -> None:
        self.world, self.tree, self._journals = run_set.world, run_set.tree, run_set.journals
        self._inspector = run_set.inspector
        self._known: PassPort | None = None
        self._states: dict[int, State | None] = {}
        self._taken = {node.recorded.choice for node in self.tree.nodes if node.recorded}

    def state(self, number: int) -> State | None:
        """Return the state of a node; None where the world no longer leads there, or not to the recorded scene."""
        for node in self._path_from_known(number):
            self._states[node.number] = self._following(node)
        state = self._states[number]
        prior = self._prior(self.tree.nodes[number])
        instantiation = min(prior.instantiation, self.world.instantiations)
        return state and state._replace(prior=prior._replace(instantiation=instantiation))

    def untaken(self, number: int) -> list[Choice]:
        """Return the choices that are open at a node and that no run ever took; none where its state is not known."""
        state = self.state(number)
        if state is None:
            return []
        return [offer.choice.node for offer in offers(self.world, state) if offer.is_open and offer.id not in self._taken]

    def forecast_of(self, number: int, word: str) -> float | None:
        """Return the probability of a word at the telling token if nothing more is done after a node; None where unknown."""
        state, telling = self.state(number), self.world.telling_index
        if state is None:
            return None
        for port in (self._port, self._inspector):
            with suppress(ForwardPassError):  # a pass that the table has not
                return forecast(port, state.key, telling).distribution.p(word)
        return None

    def _path_from_known(self, number: int) -> list[Node]:
        path = []
        while number not in self._states:
            node = self.tree.nodes[number]
            path.append(node)
            if not number:
                break
            number = node.parent
        return path[::-1]

    def _prior(self, node: Node) -> Prior:
        """Return what the first run through a node knew of earlier ones."""
        return self._journals[node.runs[0]].header.prior if node.runs else Prior()

    def _following(self, node: Node) -> State | None:
        recorded = node.recorded
        if recorded is None:
            return initial_state(self.world, self._prior(node))
        before = self._states[node.parent]
        if before is None:
            return None
        before = before._replace(prior=self._prior(node))
        try:
            after = self._after(self._port, before, recorded)
        except ForwardPassError:  # a pass that the table has not
            after = self._after(self._inspector, before, recorded)
        return after if after is not None and after.scene == recorded.scene else None

    def _after(self, port: PassPort, before: State, recorded: RecordedTurn) -> State | None:
        """Return the state after a recorded turn; None where it is not open there or leads elsewhere."""
        world = self.world
        offer = next((offer for offer in offers(world, before) if offer.id == recorded.choice and offer.is_open), None)
        if offer is None:
            return None
        after = carry_out(world, port, before, offer)
        if is_waiting(world, after) != (recorded.word is not None):
            return None
        if recorded.word is None:
            return after
        return decode(world, after, recorded.word, outcome_of(world, port, after, recorded.word))

    @property
    def _port(self) -> PassPort:
        if self._known is None:
            from forward_pass.checker.pass_table import KnownPasses  # noqa: PLC0415 - play begins without the checker

            self._known = KnownPasses.shipped(self.world, self._inspector)
        return self._known
