"""A run as a value: a world, the path through it, and the state after each turn. Going back loses nothing that was walked.

A turn is a choice and, where the decoder came, the word that was drawn. Every state has a digest, chained to the one before,
in which no measured number stands: the same choices and words give the same digests on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from forward_pass.errors import NotOfferedError
from forward_pass.gc_pause import gc_paused
from forward_pass.story.distribution import Distribution
from forward_pass.story.engine import (
    ChoiceClosedError,
    closed_text,
    decode,
    initial_state,
    is_waiting,
    outcome_of,
    take,
    then_state,
)
from forward_pass.story.ports import Inspector
from forward_pass.story.state import PassKey, Prior, State
from forward_pass.story.world import CompiledChoice, World

DrawFunction = Callable[[Distribution, int], str]
"""Which word comes out of a distribution at the token of a position: chance, the likeliest, or what a file recorded."""

PROBABILITY_TOLERANCE = 2e-4  # recorded probabilities within this are the same


class Turn(NamedTuple):
    """One step of a path: what was chosen and where, what was drawn, and where that led."""

    before: State
    choice: str
    word: str | None  # the word drawn, where the decoder came
    probability: float | None  # of that word at temperature 1, to four places
    state: State
    digest: str
    time: int | None = None  # when it was made, in seconds since 1970; None where that was not recorded

    def taken(self, world: World) -> CompiledChoice:
        """Return the choice that was taken."""
        return world.scene(self.before.scene).by_id[self.choice]

    @property
    def then_state(self) -> State:
        """The state in which what the choice says as it is carried out is read."""
        return then_state(self.before, self.state, decoded=self.word is not None)

    @property
    def decoding(self) -> PassKey:
        """The pass whose word was drawn."""
        return self.state.last_decoding


class Run(NamedTuple):
    """A path through a world. The turns after ``at`` were undone and can be walked again."""

    world: World
    inspector: Inspector
    opening: State
    turns: tuple[Turn, ...] = ()
    at: int = 0

    @property
    def state(self) -> State:
        """The present state."""
        return self.turns[self.at - 1].state if self.at else self.opening

    @property
    def digest(self) -> str:
        """The digest of the path so far; empty at the opening."""
        return self.turns[self.at - 1].digest if self.at else ""

    @property
    def path(self) -> tuple[Turn, ...]:
        """The turns up to the present one."""
        return self.turns[: self.at]


def new_run(world: World, inspector: Inspector, prior: Prior) -> Run:
    """Return a run at its opening."""
    return Run(world, inspector, initial_state(world, prior))


def make_turn(run: Run, choice: str, draw: DrawFunction) -> Turn:
    """Return the turn that ``choice`` makes of the present state; raises ``NotOfferedError`` where it is not open."""
    return _make_turn(run, run.state, run.digest, choice, draw)


def _make_turn(run: Run, before: State, digest_before: str, choice: str, draw: DrawFunction) -> Turn:
    world, inspector = run.world, run.inspector
    try:
        after = take(world, inspector, before, choice)
    except ChoiceClosedError as error:
        why = closed_text(world, inspector, before, error.closed)
        raise NotOfferedError(f"{choice!r} is closed: {why}", "closed") from None
    if not is_waiting(world, after):
        return Turn(before, choice, None, None, after, digest(world, after, digest_before))
    distribution = inspector.distribution(after.key)
    word = draw(distribution, after.token)
    probability = round(distribution.p(word), 4)
    after = decode(world, after, word, outcome_of(world, inspector, after, word))
    return Turn(before, choice, word, probability, after, digest(world, after, digest_before))


def append(run: Run, turn: Turn) -> Run:
    """Return the run with a turn after the present one; undone turns are dropped unless the first is the same choice."""
    if run.at < len(run.turns) and run.turns[run.at].choice == turn.choice:
        return run._replace(at=run.at + 1)
    return run._replace(turns=run.path + (turn,), at=run.at + 1)  # noqa: RUF005 - one copy, not two


def at_turn(run: Run, at: int) -> Run:
    """Return the run at another of its turns; raises ``ValueError`` where it has no such turn."""
    if not 0 <= at <= len(run.turns):
        raise ValueError(f"a run of {len(run.turns)} turns has no turn {at}")
    return run._replace(at=at)


class RecordedTurn(NamedTuple):
    """A turn as a file has it; what is empty was not recorded."""

    choice: str
    scene: str
    word: str | None
    probability: float | None
    digest: str
    time: int | None = None


def recorded_turn(turn: Turn) -> RecordedTurn:
    """Return a turn as a file would have it."""
    return RecordedTurn(turn.choice, turn.state.scene, turn.word, turn.probability, turn.digest, turn.time)


class Divergence(NamedTuple):
    """Where replaying a recorded path came to something else, and what."""

    turn: int  # from 1
    what: str
    broken: bool  # whether the path cannot be followed beyond the turn before


class ReplayedPath(NamedTuple):
    """A recorded path replayed: the run as far as it went, what came out differently, and how many probabilities moved."""

    run: Run
    differences: list[Divergence]
    moved_probabilities: int  # recorded ones more than ``PROBABILITY_TOLERANCE`` away from the measured ones


def replay(world: World, inspector: Inspector, prior: Prior, recorded: Iterable[RecordedTurn]) -> ReplayedPath:
    """Replay a recorded path, drawing the recorded words."""
    with gc_paused():  # a tenth of the time for a long run
        return _replay(new_run(world, inspector, prior), recorded)


def _replay(run: Run, recorded: Iterable[RecordedTurn]) -> ReplayedPath:
    state, chain = run.opening, ""
    turns: list[Turn] = []
    differences: list[Divergence] = []
    moved_probabilities = 0

    def draw(distribution: Distribution, token: int) -> str:
        return _draw_recorded(line.word, distribution, token)

    for number, line in enumerate(recorded, 1):
        try:
            turn = _make_turn(run, state, chain, line.choice, draw)
        except NotOfferedError as error:
            differences.append(Divergence(number, str(error), broken=True))
            break
        if turn.word != line.word:
            what = f"no word was drawn here, the file has {line.word!r}"
            differences.append(Divergence(number, what, broken=True))
            break
        what = _difference(turn, line)
        if what:
            differences.append(Divergence(number, what, broken=False))
        if turn.probability is not None and abs(turn.probability - (line.probability or 0.0)) > PROBABILITY_TOLERANCE:
            moved_probabilities += 1
        turns.append(turn if line.time is None else turn._replace(time=line.time))
        state, chain = turn.state, turn.digest
    return ReplayedPath(run._replace(turns=tuple(turns), at=len(turns)), differences, moved_probabilities)


def _draw_recorded(word: str | None, distribution: Distribution, token: int) -> str:
    """Draw what a file recorded, whatever the pass says."""
    del token
    if word is None:
        raise NotOfferedError("a word was drawn here, the file has none")
    if word not in distribution.ids:
        raise NotOfferedError(f"the pass cannot produce {word!r} here")
    return word


def _difference(turn: Turn, line: RecordedTurn) -> str:
    if turn.state.scene != line.scene:
        return f"it led to {turn.state.scene!r}, the file has {line.scene!r}"
    if turn.digest != line.digest:
        return f"its digest is {turn.digest}, the file has {line.digest}"
    return ""


# -- digests ----------------------------------------------------------------------------------------------------------


def digest(world: World, state: State, before: str) -> str:
    """Return the digest of a state: 16 hexadecimal digits of SHA-256 over the digest before it and the canonical JSON."""
    return sha256((before + canonical_json(world, state)).encode()).hexdigest()[:16]


def canonical_json(world: World, state: State) -> str:
    """Return a state without what was so before the run as canonical JSON: sorted keys, no spaces, no floats.

    ``seen`` and ``taken`` are sorted lists of ids, each with how often; ``acts`` has ``[name, layer]`` for each token.
    """
    scenes, choices = _counted(world)
    return (
        f'{{"acts":{_dumped(state.acts)},"layer":{state.layer},"measured":{_truths(state.measured)},'
        f'"scene":{_dumped(state.scene)},"seen":{scenes.list(state.visits)},'
        f'"taken":{choices.list(state.taken)},"token":{state.token},'
        f'"variables":{_dumped(state.variables)},"words":{_dumped(state.words)}}}'
    )


@lru_cache(maxsize=4096)
def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


@lru_cache(maxsize=4096)
def _truths(measured: tuple[bool | None, ...]) -> str:
    """Return truths as integers: 1, 0, and -1 for what was never measured."""
    return "[" + ",".join("-1" if truth is None else str(int(truth)) for truth in measured) + "]"


class _Counted:
    """The ids of a world's scenes or choices, which are listed in their order with their counts.

    The list of before is kept, as a turn changes one count of a hundred.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = [json.dumps(name) for name in names]
        self._places = {slot: place for place, slot in enumerate(sorted(range(len(names)), key=names.__getitem__))}
        self._counts, self._entries = 0, [""] * len(names)

    def list(self, counts: bytes) -> str:
        """Return the list of all ids that have a count, each with it."""
        number = int.from_bytes(counts, "little")
        changed, self._counts = number ^ self._counts, number
        while changed:
            slot = (changed.bit_length() - 1) // 8  # the last that differs
            changed &= (1 << 8 * slot) - 1
            self._entries[self._places[slot]] = f"[{self._names[slot]},{counts[slot]}]," if counts[slot] else ""
        return f"[{''.join(self._entries)[:-1]}]"


@lru_cache(maxsize=4)
def _counted(world: World) -> tuple[_Counted, _Counted]:
    """Return a world's scenes and choices."""
    return _Counted(world.scene_ids), _Counted(world.choice_ids)
