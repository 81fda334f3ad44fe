"""The control walk: every state that can be reached, over what is still read of it.

A state is one whole number (``fields.Layout``). What a choice makes of it depends on few of its bits, so each choice keeps a
table from those bits to ``(bits to keep, bits to add)``; an entry is made once, by the engine itself, on a state that has
these bits and nothing else. A transition is then an *and*, a look-up and an *or*.

Tokens are walked one after the other. A state whose pass nobody has measured waits until all such passes are measured
together. Where there are more than may be measured, or more histories than can be walked, the rest becomes *abstract*: its
pass is forgotten but for what the world asks about, and every word and every threshold is taken as possible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from forward_pass.checker.liveness import Edge, Liveness, Place
from forward_pass.checker.nondeterministic_pass import NondeterministicPass
from forward_pass.checker.pass_table import NotMeasuredError, PassTable
from forward_pass.checker.state_codec import StateCodec
from forward_pass.checker.state_layout import FACTS, Fields
from forward_pass.checker.text_coverage import Alternative, Holds
from forward_pass.errors import NotOfferedError
from forward_pass.story.engine import decode, initial_state, is_waiting, take
from forward_pass.story.state import Acts, Prior, State
from forward_pass.story.world import OTHERWISE, Choice, Target, World

Outcome = tuple[tuple[int, int, bool], ...]
"""Bits to keep, bits to add, and whether that is at the next token: one such for each way in which it can come out."""

Mark = tuple[Any, ...]
"""Something that was met: ``("open", choice)``, ``("shown", alternative)``, ``("goto", choice, case, truth)`` …"""

ProgressFunction = Callable[[str, int], None]
"""Told what is being done, and how far it has come."""

MAX_STATES = 4_000_000
MAX_MEASURED_STATES = 2_500_000  # states that are walked with their passes measured
MAX_SUPPOSED_THRESHOLDS = 6  # thresholds that are taken both ways at once


def no_progress(doing: str, far: int) -> None:
    """Tell nobody."""
    del doing, far


class AbstractionPoint(NamedTuple):
    """Where a walk first had to forget passes: at which token, for how many of what there was room, and which limit it was."""

    token: int
    what: str  # "histories" with which a token begins, or "passes" that wait to be measured
    of: int
    room: int
    limit: str  # "states" that are walked with their passes measured, or "passes" that are measured
    spent: int  # of the limit, before


class Limits(NamedTuple):
    """How far a walk may go before it says that it stopped."""

    states: int = MAX_STATES
    concrete: int = MAX_MEASURED_STATES


class _ChoiceTable:
    """A choice at a place (or, without a choice, the scene's own text), with its table."""

    __slots__ = ("again", "choice", "keeps", "mask", "place", "table", "ways", "words")

    def __init__(self, place: Place, choice: Choice | None, ways: list[Edge], mask: int, *, again: bool = True) -> None:
        self.place, self.choice, self.ways, self.mask = place, choice, ways, mask
        self.again = again  # whether another state can have the same bits, so that a table is worth its memory
        self.table: dict[int, Outcome] = {}
        self.words: dict[int, tuple[str | None, ...]] = {}  # what was drawn for each way in which it can come out
        self.keeps: dict[tuple[bool, Place], tuple[int, Fields]] = {}


class Explorer:
    """A walk over a world's states. ``parents`` holds every state that was met, with the one from which it was."""

    def __init__(  # noqa: PLR0913 - what a walk is of, and three ways to differ from the plain one
        self,
        world: World,
        decodings: PassTable,
        starts: Sequence[Prior],
        *,
        drawn: bool = False,
        watched: Sequence[Alternative] = (),
        limits: Limits | None = None,
        tell: ProgressFunction = no_progress,
    ) -> None:
        self.world = world
        self.decodings = decodings
        self.starts = starts
        self.drawn = drawn  # whether words may be drawn, as at a temperature above 0
        self.limits = limits or Limits()
        self.tell = tell
        self.slices = Liveness(world, watched)
        self.packing = StateCodec(self.slices, starts)
        self.layout = self.packing.layout
        self.parents: dict[int, int | None] = {}
        self.marks: dict[Mark, int] = {}
        self.stalls: list[int] = []
        self.decoded: dict[tuple[tuple[str, ...], Acts], int] = {}  # the passes whose word came out, and a state of each
        self.transitions = 0
        self.beyond: AbstractionPoint | None = None  # where passes were first taken as saying anything, if they were
        self.exhausted = False  # whether the walk stopped at its limit
        self._last: tuple[str | None, ...] = ()  # the words of the outcome that was made last, where no table keeps it
        self._blocked: dict[int, NotMeasuredError] = {}
        self._spent = 0, decodings.measured, 1  # states, passes and histories when the present token began
        self._keeps = {place: self.layout.mask_of(live) for place, live in self.slices.live.items()}
        self._watching: dict[tuple[str, str], list[tuple[Mark, Holds]]] = {
            owner: [(("shown", *_name(one)), one.holds) for one in some] for owner, some in self.slices.watched.items()
        }
        self._programs = [self._programs_at(place) for place in self.packing.places]
        self._choices = Counter[int]()  # that can be on offer at a token
        for place in self.packing.places:
            self._choices[place.token] += len(world.scene(place.scene).choices)

    # -- walking --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Walk everything."""
        self.decodings.gathers = True
        try:
            self._walk()
        finally:
            self.decodings.gathers = False

    def _walk(self) -> None:
        frontier = []
        for number, facts in enumerate(self.starts):
            opening = self._opening(number, facts)
            self.parents[opening] = None
            frontier.append(opening)
        for _ in range(len(self.world.tokens) + 1):
            frontier = self._token_walked(self._admitted(frontier))
            if not frontier or self.exhausted:
                break

    def _opening(self, number: int, facts: Prior) -> int:
        place = self.packing.places[0]
        live = self.slices.live[place]
        packed = self.packing.encode(initial_state(self.world, facts), live - {FACTS}, supposed=False)
        return packed | (self.layout.encode_field(FACTS, number) if FACTS in live else 0)

    def _token_walked(self, frontier: list[int]) -> list[int]:
        """Walk one token from the states in which it begins; return those in which the next one does."""
        later: list[int] = []
        while frontier:
            frontier = self._expanded(frontier, later)
            self.tell("states", len(self.parents))
            if len(self.parents) > self.limits.states:
                self.exhausted = True
                return []
            if not frontier and self._blocked:
                frontier = self._measured()
        return later

    def _expanded(self, frontier: list[int], later: list[int]) -> list[int]:
        """Return the states that are one choice further within the token; add those at the next one to ``later``."""
        parents, programs, place_mask = self.parents, self._programs, self.layout.place_mask
        found: list[int] = []
        transitions = 0
        for state in frontier:
            moved = 0
            for mask, table, program in programs[state & place_mask]:
                outcome = table.get(state & mask)
                if outcome is None:
                    outcome = self._computed(program, state)
                    if outcome is None:
                        moved = -1
                        break
                for keep, add, advances in outcome:
                    moved += 1
                    after = state & keep | add
                    if after not in parents:
                        parents[after] = state
                        (later if advances else found).append(after)
            transitions += max(moved, 0)
            if not moved and programs[state & place_mask]:
                self._stood(state)
        self.transitions += transitions
        return found

    def _stood(self, state: int) -> None:
        """Keep a state from which nothing leads, unless it is an ending."""
        if not self.world.scene(self.packing.place_of(state).scene).title:
            self.stalls.append(state)

    def _measured(self) -> list[int]:
        """Have the passes measured that states wait for; return those states, abstract where there was no room."""
        waiting, self._blocked = self._blocked, {}
        spent = self.decodings.measured
        self.decodings.measure_waiting(waiting.values())
        self.tell("decodings", self.decodings.measured)
        keys = {error.key for error in waiting.values()}
        unknown = {error.key for error in waiting.values() if not self._known(error)}
        if unknown:
            token, room = self.packing.place_of(next(iter(waiting))).token, len(keys) - len(unknown)
            self.beyond = self.beyond or AbstractionPoint(token, "passes", len(keys), room, "passes", spent)
        return self._fresh(list(waiting), lambda state: state if self._known(waiting[state]) else self._abstracted(state))

    def _known(self, error: NotMeasuredError) -> bool:
        table = self.decodings
        return error.key in table.rows and (error.reading is None or (*error.reading, error.key) in table.readings)

    def _admitted(self, entering: list[int]) -> list[int]:
        """Return the states in which a token begins, with as many histories as can be walked with their passes measured.

        What one history costs is guessed from what it cost on average at the token before, less where fewer choices stand.
        """
        if self.decodings.source != "model":
            return entering
        shift = self.layout.pass_shift
        histories = list(dict.fromkeys(state >> shift for state in entering))
        states, measured, before = self._spent
        self._spent = len(self.parents), self.decodings.measured, max(len(histories), 1)
        token = self.packing.place_of(entering[0]).token if entering else 0
        fewer = min(self._choices[token] / max(self._choices[token - 1], 1), 1) if states else 1
        states_each = max(int((len(self.parents) - states) / before * fewer), 1)
        measured_each = max((self.decodings.measured - measured) // before, 1)
        by_states, by_decodings = (
            (self.limits.concrete - len(self.parents)) // states_each,
            self.decodings.room // measured_each,
        )
        room = max(min(by_states, by_decodings), 1)
        if len(histories) <= room:
            return entering
        spent = ("states", len(self.parents)) if by_states <= by_decodings else ("passes", self.decodings.measured)
        self.beyond = self.beyond or AbstractionPoint(token, "histories", len(histories), room, *spent)
        kept = set(histories[:room])
        return self._fresh(entering, lambda state: state if state >> shift in kept else self._abstracted(state))

    def _fresh(self, states: list[int], become: Callable[[int], int]) -> list[int]:
        """Return what states become, each once, without what was met already in another shape."""
        known = len(self.parents)
        found = []
        for state in states:
            after = become(state)
            if after == state or len(self.parents) > known:
                found.append(after)
            known = len(self.parents)
        return found

    def _abstracted(self, state: int) -> int:
        """Return the state with its pass forgotten but for what is asked about."""
        after = self.packing.forget_pass(state)
        self.parents.setdefault(after, state)
        return after

    # -- the tables -----------------------------------------------------------------------------------------------

    def _programs_at(self, place: Place) -> list[tuple[int, dict[int, Outcome], _ChoiceTable]]:
        """Return the tables of a place: one for its text, where that is watched, and one for each choice."""
        found = []
        if ("scene", place.scene) in self._watching:
            mask = self.layout.place_mask | self.layout.mask_of(self.slices.read_on_arrival(place))
            found.append(_ChoiceTable(place, None, [], mask))
        for choice in self.world.scene(place.scene).choices:
            row = self.world.data["choices"][choice.id]
            mask = self.layout.mask_of(self.slices.used(place, choice.id, row)[0])
            again = bool(self._keeps[place] & ~mask)
            found.append(_ChoiceTable(place, choice, self.slices.edges(place, row), mask, again=again))
        return [(program.mask, program.table, program) for program in found]

    def _computed(self, program: _ChoiceTable, packed: int) -> Outcome | None:
        """Make the entry of a table that a state needs; None where its pass has to be measured first."""
        state, supposed = self.packing.decode(packed), self.packing.pass_of(packed).supposed
        try:
            came = list(self._came(program, state, packed, supposed=supposed))
        except NotMeasuredError as error:
            self._blocked[packed] = error.with_traceback(None)  # which would keep all that was at hand when it was raised
            return None
        outcome = tuple(self._packed_way(program, after, decoded=word is not None, supposed=supposed) for word, after in came)
        if program.again:
            program.table[packed & program.mask] = outcome
            if any(word is not None for word, _ in came):
                program.words[packed & program.mask] = tuple(word for word, _ in came)
        else:
            self._last = tuple(word for word, _ in came)
        return outcome

    def _mark(self, mark: Mark, packed: int) -> None:
        self.marks.setdefault(mark, packed)

    def _watch(self, form: str, owner: str, state: State, packed: int) -> None:
        for mark, holds in self._watching.get((form, owner), ()):
            if mark not in self.marks and holds(state):
                self.marks[mark] = packed

    def _came(self, program: _ChoiceTable, state: State, packed: int, *, supposed: bool) -> Iterator[tuple[str | None, State]]:
        """Yield what comes of a choice in a state, the engine's own word for it, and mark what was met on the way."""
        choice = program.choice
        if choice is None:
            self._watch("scene", program.place.scene, state, packed)
            return
        if choice.condition is not None:
            holds = bool(choice.condition(state))
            self._mark(("if", choice.id, holds), packed)
            if not holds:
                return
        if choice.once and state.taken[choice.slot]:
            return
        self._mark(("offered", choice.id), packed)
        self._watch("say", choice.id, state, packed)
        if choice.needs is not None:
            holds = bool(choice.needs(state))
            self._mark(("needs", choice.id, holds), packed)
            if not holds:
                self._watch("why", choice.id, state, packed)
                return
        for after in self._taken(choice, state, packed, supposed=supposed):
            self._mark(("open", choice.id), packed)
            if is_waiting(self.world, after):
                self._watch("then", choice.id, state, packed)
                self._mark(("cut", choice.id, not choice.decodes), packed)
                for word in self._words(after, packed, supposed=supposed):
                    final = decode(self.world, after, word)
                    self._mark_arrival(after, final, word, packed)
                    yield word, final
            else:
                self._watch("then", choice.id, after, packed)
                self._mark(("cut", choice.id, False), packed)
                self._mark_cases(("goto", choice.id), choice.targets, after, packed, state)
                yield None, after

    def _taken(self, choice: Choice, state: State, packed: int, *, supposed: bool) -> Iterator[State]:
        """Yield the states after a choice: one, or where its thresholds are only supposed, one for each way they can be."""
        measures: Iterator[PassTable | NondeterministicPass] = iter((self.decodings,))
        if supposed:
            measures = self._suppositions(choice, state)
        try:
            for measure in measures:
                yield take(self.world, measure, state, choice.id)
        except NotOfferedError:
            lacking = not choice.decodes and choice.cut is None and choice.layer_after(state.layer) >= self.world.boundary
            self._mark(("short" if lacking else "limited", choice.id), packed)

    def _suppositions(self, choice: Choice, state: State) -> Iterator[NondeterministicPass]:
        runs_out = choice.decodes or choice.layer_after(state.layer) >= self.world.boundary
        indices = list(range(len(self.world.thresholds)) if runs_out else choice.measures)
        asked = [index for index in indices if ("threshold", index) in self.layout.slots][:MAX_SUPPOSED_THRESHOLDS]
        for truths in product((False, True), repeat=len(asked)):
            true = {index for index, truth in zip(asked, truths, strict=True) if truth}
            yield NondeterministicPass([(index in true) == (self.world.thresholds[index].sign == ">") for index in indices])

    def _words(self, state: State, packed: int, *, supposed: bool) -> list[str]:
        """Return the words that can come out of a pass that waits for one."""
        if supposed:
            asked = {word for form, word, _ in self.slices.asked.get(state.token + 1, ()) if form == "emitted"}
            return [*dict.fromkeys([*self.world.tokens[state.token].arrivals, *sorted(asked)])]
        row = self.decodings.row(state.words, state.acts)
        self.decoded.setdefault((state.words, state.acts), packed)
        return self.decodings.possible_words(row, len(state.words)) if self.drawn else [row.word]

    def _mark_arrival(self, before: State, after: State, word: str, packed: int) -> None:
        arrivals = self.world.tokens[before.token].arrivals
        named = word if word in arrivals else OTHERWISE
        self._mark(("word", before.token, named), packed)
        met = after._replace(scene=before.scene, visits=before.visits)
        self._mark_cases(("arrival", before.token, named), arrivals[named], met, packed, before)

    def _mark_cases(self, mark: Mark, targets: tuple[Target, ...], after: State, packed: int, before: State) -> None:
        """Mark which case of a goto was selected, and which were not; they were asked before the arrival was counted."""
        met = after._replace(scene=before.scene, visits=before.visits)
        for number, target in enumerate(targets):
            holds = target.condition is None or bool(target.condition(met))
            self._mark((*mark, number, holds), packed)
            if holds:
                return

    # -- packing --------------------------------------------------------------------------------------------------

    def _packed_way(self, program: _ChoiceTable, after: State, *, decoded: bool, supposed: bool) -> tuple[int, int, bool]:
        place = Place(after.scene, after.token)
        keeps = program.keeps.get((decoded, place))
        if keeps is None:
            assert program.choice is not None  # noqa: S101 - a scene's text leads nowhere
            way = next(way for way in program.ways if way.decodes == decoded)
            written = self.slices.written(self.world.data["choices"][program.choice.id], way, after.scene)
            keep = self._keeps[place] & ~self.layout.mask_of(written)
            keeps = program.keeps[decoded, place] = keep, written & self.slices.live[place]
        return keeps[0], self.packing.encode(after, keeps[1], supposed=supposed), decoded

    # -- what came of it ------------------------------------------------------------------------------------------

    def outcomes(self, state: int) -> Iterator[tuple[Choice, str | None, int]]:
        """Yield where a state that was walked leads: the choice, the word drawn, and the state after it."""
        for mask, table, program in self._programs[state & self.layout.place_mask]:
            if program.choice is None:
                continue
            key = state & mask
            outcome, words = table.get(key), program.words.get(key)
            if outcome is None:
                outcome, words = self._computed(program, state) or (), self._last
            for number, (keep, add, _) in enumerate(outcome):
                yield program.choice, words[number] if words else None, state & keep | add

    def path(self, state: int) -> tuple[int, list[tuple[str, str | None]]]:
        """Return which start leads to a state, and the choices that do, each with the word that was drawn."""
        steps: list[tuple[str, str | None]] = []
        parent = self.parents[state]
        while parent is not None:
            step = next(((choice.id, word) for choice, word, after in self.outcomes(parent) if after == state), None)
            if step is not None:  # otherwise the pass was forgotten here
                steps.append(step)
            state, parent = parent, self.parents[parent]
        facts = self.layout.decode_field(FACTS, state) if FACTS in self.layout.slots else 0
        return facts, steps[::-1]

    def place_of(self, state: int) -> Place:
        """Return the scene and the token of a state."""
        return self.packing.place_of(state)

    @property
    def supposed(self) -> bool:
        """Whether any pass was taken as saying anything."""
        return self.beyond is not None

    @property
    def merged(self) -> int:
        """How many transitions led to a state that was known already."""
        return self.transitions - len(self.parents) + len(self.starts)


def _name(alternative: Alternative) -> tuple[str, str, int]:
    return alternative.form, alternative.owner, alternative.number
