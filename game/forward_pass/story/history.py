"""A run: a world, the path through it, and the state after each turn. A value; going back loses nothing that was walked.

A turn is a choice and, where the decoder came, the word that was drawn. Every state has a digest, chained to the one before,
in which no measured number stands: the same choices and words give the same digests on every machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import NamedTuple

from forward_pass.errors import NotOfferedError
from forward_pass.gc_pause import gc_paused
from forward_pass.story.distribution import Distribution, PassPort
from forward_pass.story.engine import decode, initial_state, is_waiting, next_distribution, take
from forward_pass.story.state import Prior, State
from forward_pass.story.world import World

DrawFunction = Callable[[Distribution, int], str]
"""Which word comes out of a distribution at the token of a position: chance, the likeliest, or what a file recorded."""

SPARSE = 8  # a world is large for a run that has met less than an eighth of it
PART = 16  # ids whose text is remembered together
MET = re.compile(rb"[^\0]", re.DOTALL)
PROBABILITY_TOLERANCE = 2e-4  # recorded probabilities within this are the same


class Turn(NamedTuple):
    """One step of a path: what was chosen, what was drawn, and where that led."""

    choice: str
    word: str | None  # the word drawn, where the decoder came
    probability: float | None  # of that word at temperature 1, to four places
    state: State
    digest: str


class Run(NamedTuple):
    """A path through a world. The turns after ``at`` were undone and can be walked again."""

    world: World
    measure: PassPort
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


def new_run(world: World, measure: PassPort, facts: Prior) -> Run:
    """Return a run at its opening."""
    return Run(world, measure, initial_state(world, facts))


def make_turn(run: Run, choice: str, draw: DrawFunction) -> Turn:
    """Return the turn that ``choice`` makes of the present state; raises ``NotOfferedError`` where it is not open."""
    return _turn(run, (run.state, run.digest), choice, draw)


def _turn(run: Run, standing: tuple[State, str], choice: str, draw: DrawFunction) -> Turn:
    """Return the turn that ``choice`` makes of a state and the digest that led to it."""
    world, measure, (state, before) = run.world, run.measure, standing
    after = take(world, measure, state, choice)
    if not is_waiting(world, after):
        return Turn(choice, None, None, after, digest(world, after, before))
    distribution = next_distribution(measure, after)
    word = draw(distribution, after.token)
    after = decode(world, after, word)
    return Turn(choice, word, round(distribution.p(word), 4), after, digest(world, after, before))


def append(run: Run, turn: Turn) -> Run:
    """Return the run with a turn after the present one; what lay beyond is no part of it unless it is the same choice."""
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


class Divergence(NamedTuple):
    """Where following a recorded path again came to something else, and what."""

    turn: int  # from 1
    what: str
    broken: bool  # whether the path cannot be followed beyond the turn before


def replay(
    world: World, measure: PassPort, facts: Prior, recorded: Iterable[RecordedTurn]
) -> tuple[Run, list[Divergence], int]:
    """Walk a recorded path again, drawing the recorded words.

    Returns the run as far as the path could be walked, everything that came out differently, and how many recorded
    probabilities were more than ``SAME`` away from the measured ones.
    """
    with gc_paused():  # a tenth of the time for a long run
        return _restored(new_run(world, measure, facts), recorded)


def _restored(run: Run, recorded: Iterable[RecordedTurn]) -> tuple[Run, list[Divergence], int]:
    state, chain = run.opening, ""
    turns: list[Turn] = []
    differences: list[Divergence] = []
    moved_probabilities = 0

    def draw(distribution: Distribution, token: int) -> str:
        return _recorded(line.word, distribution, token)

    for number, line in enumerate(recorded, 1):
        try:
            turn = _turn(run, (state, chain), line.choice, draw)
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
        turns.append(turn)
        state, chain = turn.state, turn.digest
    return run._replace(turns=tuple(turns), at=len(turns)), differences, moved_probabilities


def _recorded(word: str | None, distribution: Distribution, token: int) -> str:
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


def digest(world: World, state: State, before: str) -> str:
    """Return the digest of a state: 16 hexadecimal digits of SHA-256 over the digest before it and the canonical JSON."""
    return sha256((before + canonical_json(world, state)).encode()).hexdigest()[:16]


def canonical_json(world: World, state: State) -> str:
    """Return a state without its header's facts as canonical JSON: sorted keys, no spaces, integers, strings, lists.

    ``seen`` and ``taken`` are sorted lists of ids, each with how often; ``acts`` has ``[name, layer]`` for each token.
    """
    scenes, choices = _orders(world)
    return (
        f'{{"acts":{_dumped(state.acts)},"layer":{state.layer},"measured":{_truths(state.measured)},'
        f'"scene":{_dumped(state.scene)},"seen":{scenes.text(state.visits)},'
        f'"taken":{choices.text(state.taken)},"token":{state.token},'
        f'"variables":{_dumped(state.variables)},"words":{_dumped(state.words)}}}'
    )


@lru_cache(maxsize=4096)
def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


@lru_cache(maxsize=4096)
def _truths(measured: tuple[bool | None, ...]) -> str:
    """Return truths as integers: 1, 0, and -1 for what was never measured."""
    return "[" + ",".join("-1" if truth is None else str(int(truth)) for truth in measured) + "]"


class _Order:
    """Ids in their order, and their counts as canonical JSON: in parts, each of which is remembered as it last was."""

    def __init__(self, ids: tuple[str, ...]) -> None:
        self.indices = sorted(range(len(ids)), key=ids.__getitem__)
        self.names = [json.dumps(ids[index]) for index in self.indices]
        self.ranks = sorted(self.indices, key=self.indices.__getitem__)
        starts = range(0, len(ids), PART)
        self.gathered = itemgetter(*self.indices, 0)  # one more, which no part takes: with one alone it gives no tuple
        self.text = lru_cache(maxsize=64)(self._text)
        self.parts = [(start, min(start + PART, len(ids)), _part(tuple(self.names[start : start + PART]))) for start in starts]

    def _text(self, counts: bytes) -> str:
        """Return the list of all ids that have a count, each with it."""
        if len(counts) >= SPARSE * (len(counts) - counts.count(0)):  # of a large world little was met: look for that alone
            ranks = sorted([self.ranks[match.start()] for match in MET.finditer(counts)])
            listed = "".join([f",[{self.names[rank]},{counts[self.indices[rank]]}]" for rank in ranks])
        else:
            ordered = bytes(self.gathered(counts))
            listed = "".join([part(ordered[start:stop]) for start, stop, part in self.parts])
        return f"[{listed[1:]}]"


def _part(names: tuple[str, ...]) -> Callable[[bytes], str]:
    @lru_cache(maxsize=256)
    def part(counts: bytes) -> str:
        return "".join([f",[{name},{count}]" for name, count in zip(names, counts, strict=True) if count])

    return part


@lru_cache(maxsize=4)
def _orders(world: World) -> tuple[_Order, _Order]:
    """Return the orders of a world's scenes and of its choices."""
    return _Order(world.scene_ids), _Order(world.choice_ids)
