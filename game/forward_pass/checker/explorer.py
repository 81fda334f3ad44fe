"""Breadth-first search over every state that can be reached, packed into whole numbers (``state_codec``).

Tokens are explored one after the other. A state whose pass has not been measured waits until all such passes are measured
together. Where there are more than may be measured, or more histories than can be explored, the rest becomes *abstract*: its
pass keeps only what the world asks about, and every word and every threshold is taken as possible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from forward_pass.checker.control_graph import Action, Location
from forward_pass.checker.coverage import Item
from forward_pass.checker.liveness import Liveness
from forward_pass.checker.pass_table import KnownPasses, Missing, NotMeasuredError, PassTable
from forward_pass.checker.state_codec import StateCodec
from forward_pass.checker.state_layout import PASS, PRIOR
from forward_pass.checker.text_coverage import Alternative
from forward_pass.checker.trace import Trace
from forward_pass.checker.transitions import Transitions
from forward_pass.story.engine import initial_state
from forward_pass.story.state import Act, PassKey, Prior
from forward_pass.story.world import World

ProgressFunction = Callable[[str, int], None]
"""Called with what is counted, and how many there are so far."""

MAX_STATES = 4_000_000
MAX_MEASURED_STATES = 2_500_000  # states that are explored with their passes measured


def no_progress(unit: str, count: int) -> None:
    """Show nothing."""
    del unit, count


class Limits(NamedTuple):
    """How far a search may go before it says that it stopped."""

    states: int = MAX_STATES
    concrete: int = MAX_MEASURED_STATES


class AbstractionPoint(NamedTuple):
    """Where passes were first abstracted: at which token, how many wanted a place, and for how many there was room."""

    token: int
    unit: str  # "histories" with which a token begins, or "passes" that wait to be measured
    wanted: int
    room: int
    limit: str  # "states" that are explored with their passes measured, or "passes" that are measured
    spent: int  # of the limit, before


class _TokenStart(NamedTuple):
    """How far the search was when a token began, and with how many histories it did."""

    states: int
    passes: int
    histories: int


class Explorer:
    """A search of a world's states. ``parents`` has every state that was reached, with the one before it."""

    def __init__(  # noqa: PLR0913 - what is explored, and four ways to differ from the plain search
        self,
        world: World,
        table: PassTable,
        starts: Sequence[Prior],
        *,
        draws: bool = False,
        watched: Sequence[Alternative] = (),
        limits: Limits | None = None,
        on_progress: ProgressFunction = no_progress,
    ) -> None:
        self.world = world
        self.starts = starts
        self.draws = draws  # whether any word may be drawn, as at a temperature above 0
        self.limits = limits or Limits()
        self.codec = StateCodec(Liveness(world, watched), starts)
        self.parents: dict[int, int | None] = {}
        self.openings: tuple[int, ...] = ()  # the states in which runs begin, in the order of ``starts``
        self.stalls: list[int] = []  # states from which nothing leads, endings apart
        self.transition_count = 0
        self.abstraction: AbstractionPoint | None = None
        self.is_exhausted = False  # whether the search stopped at its limit
        self.table, self._on_progress = table, on_progress
        self._transitions = Transitions(self.codec, table, draws=draws)
        self._known_passes = KnownPasses(table)
        self._blocked: dict[int, Missing] = {}
        self._start = _TokenStart(0, table.measured, 1)
        self._choices = Counter[int]()  # at the locations of each token
        for location, actions in self.codec.liveness.graph.actions.items():
            self._choices[location.token] += len(actions)

    # -- the search ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Explore everything."""
        self.openings = tuple(self._opening(number, prior) for number, prior in enumerate(self.starts))
        frontier = [*self.openings]
        self.parents.update(dict.fromkeys(frontier))
        for _ in range(len(self.world.tokens) + 1):
            frontier = self._explore_token(self._admitted(frontier))
            if not frontier or self.is_exhausted:
                break

    def _opening(self, number: int, prior: Prior) -> int:
        live = self.codec.liveness.live[self.codec.locations[0]]
        packed = self.codec.encode(initial_state(self.world, prior), live - {PRIOR}, is_abstract=False)
        return packed | (self.codec.layout.encode_field(PRIOR, number) if PRIOR in live else 0)

    def _explore_token(self, frontier: list[int]) -> list[int]:
        """Explore one token from the states in which it begins; return those in which the next one does."""
        later: list[int] = []
        while frontier:
            frontier = self._expand(frontier, later)
            self._on_progress("states", len(self.parents))
            if len(self.parents) > self.limits.states:
                self.is_exhausted = True
                return []
            if not frontier and self._blocked:
                frontier = self._measure_blocked()
        return later

    def _expand(self, frontier: list[int], later: list[int]) -> list[int]:
        """Return the new states one choice further within the token; add those at the next one to ``later``."""
        parents, tables, location_mask = self.parents, self._transitions.tables, self.codec.layout.location_mask
        found: list[int] = []
        for state in frontier:
            count = 0
            try:
                for table in tables[state & location_mask]:
                    successors = table.entries.get(state & table.mask)
                    if successors is None:
                        successors = self._transitions.successors(table, state, self._known_passes)
                    for stays, added, word in successors:
                        after = state & stays | added
                        if after not in parents:
                            parents[after] = state
                            (found if word is None else later).append(after)
                    count += len(successors)
            except NotMeasuredError as error:
                self._blocked[state] = error.missing
                continue
            self.transition_count += count
            if not count and self.location_of(state).scene not in self.world.endings:
                self.stalls.append(state)
        return found

    # -- where passes are abstracted ----------------------------------------------------------------------------------

    def _measure_blocked(self) -> list[int]:
        """Measure the passes that states wait for; return those states, abstract where there was no room."""
        blocked, self._blocked = self._blocked, {}
        spent = self.table.measured
        self.table.measure(blocked.values())
        self._on_progress("decodings", self.table.measured)
        keys = {missing.key for missing in blocked.values()}
        unknown = {missing.key for missing in blocked.values() if not self.table.is_known(missing)}
        if unknown:
            token, room = self.location_of(next(iter(blocked))).token, len(keys) - len(unknown)
            self.abstraction = self.abstraction or AbstractionPoint(token, "passes", len(keys), room, "passes", spent)
        return self._renewed(blocked, lambda state: self.table.is_known(blocked[state]))

    def _admitted(self, entering: list[int]) -> list[int]:
        """Return the states in which a token begins, abstract for the histories for which there is no room."""
        if self.world.model is None or not entering:
            return entering
        shift = self.codec.layout.pass_shift
        histories = list(dict.fromkeys(state >> shift for state in entering))
        point = self._room(self.location_of(entering[0]).token, len(histories))
        self._start = _TokenStart(len(self.parents), self.table.measured, len(histories))
        if len(histories) <= point.room:
            return entering
        self.abstraction = self.abstraction or point
        concrete = set(histories[: point.room])
        return self._renewed(entering, lambda state: state >> shift in concrete)

    def _room(self, token: int, histories: int) -> AbstractionPoint:
        """Return for how many histories there is room, and which limit says so.

        What a history costs is estimated from the average of the token before, less where there are fewer choices.
        """
        before, states, passes = self._start, len(self.parents), self.table.measured
        fewer = min(self._choices[token] / max(self._choices[token - 1], 1), 1) if before.states else 1
        states_each = max(int((states - before.states) / before.histories * fewer), 1)
        passes_each = max((passes - before.passes) // before.histories, 1)
        by_states, by_passes = (self.limits.concrete - states) // states_each, self.table.room // passes_each
        room = max(min(by_states, by_passes), 1)
        if by_states <= by_passes:
            return AbstractionPoint(token, "histories", histories, room, "states", states)
        return AbstractionPoint(token, "histories", histories, room, "passes", passes)

    def _renewed(self, states: Iterable[int], stays_concrete: Callable[[int], bool]) -> list[int]:
        """Return states, abstract where they do not stay concrete, without those that were reached before as abstract ones."""
        renewed = []
        for state in states:
            after = state if stays_concrete(state) else self.codec.forget_pass(state)
            if after == state:
                renewed.append(state)
            elif after not in self.parents:
                self.parents[after] = state
                renewed.append(after)
        return renewed

    # -- what was found -----------------------------------------------------------------------------------------------

    @property
    def reached(self) -> dict[Item, int]:
        """Everything that was reached, with a state from which it is."""
        return self._transitions.reached

    @property
    def decoded(self) -> dict[PassKey, int]:
        """The passes that drew a word, with a state of each."""
        return self._transitions.decoded

    @property
    def merged(self) -> int:
        """How many transitions led to a state that was known already."""
        return self.transition_count - len(self.parents) + len(self.starts)

    def location_of(self, state: int) -> Location:
        """Return the scene and the token of a state."""
        return self.codec.location_of(state)

    def outcomes(self, state: int) -> Iterator[tuple[Action, str | None, int]]:
        """Yield where a state that was explored leads: the action, the word drawn, and the state after it."""
        return ((action, word, after) for _, action, word, after in self.edges(state))

    def edges(self, state: int) -> Iterator[tuple[int, Action, str | None, int]]:
        """Yield what ``outcomes`` does, each with a number that stands for the action at its location."""
        for table in self._transitions.tables[state & self.codec.layout.location_mask]:
            if table.action is None:
                continue
            successors = table.entries.get(state & table.mask)
            if successors is None:
                successors = self._transitions.successors(table, state, self.table)
            for stays, added, word in successors:
                yield id(table), table.action, word, state & stays | added

    def decoded_pass(self, state: int, action: Action) -> PassKey | None:
        """Return the pass that draws a word after an action; None where it was abstracted, or the state does not have it."""
        if PASS not in self.codec.liveness.live[self.location_of(state)] or self.codec.pass_of(state).is_abstract:
            return None
        whole = self.codec.decode(state)
        key = whole.key
        for name in action.choice.acts:
            key = key.adding(Act(name, self.world.act_start(name, whole.layer)))
        return key

    def trace(self, state: int) -> Trace:
        """Return the run that reached a state first."""
        steps: list[tuple[str, str | None]] = []
        parent = self.parents[state]
        while parent is not None:
            step = next(((action.choice.id, word) for action, word, after in self.outcomes(parent) if after == state), None)
            if step is not None:  # otherwise the pass was abstracted here
                steps.append(step)
            state, parent = parent, self.parents[parent]
        return Trace(self.starts[self.codec.layout.start_of(state)], tuple(reversed(steps)))
