"""A run without what one of its turns did to the pass: the same choices, scenes and layers, and all else that follows.

As long as the words that come out are those that were recorded, every turn stands where it stood, and only its interventions
are fewer: what is measured anew are the distributions, and the numbers that the prose sets. At the first other word the machine
is left to itself, and goes on with the recorded choices for as long as they are on offer. Nothing is written to disk.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from forward_pass.errors import NotOfferedError, UsageError
from forward_pass.session.branches import TokenComparison, decoding_lines, decoding_object
from forward_pass.session.transcript import choice_words, quoted, scene_text, then_text, turn_distribution, wrap
from forward_pass.story.distribution import Distribution, draw_word
from forward_pass.story.engine import decode, measure_thresholds, next_distribution, take
from forward_pass.story.history import Run, Turn, append, at_turn, digest, make_turn
from forward_pass.story.state import Act, State


class AblationResult(NamedTuple):
    """A run, the same without what one turn did, and what that came to."""

    run: Run
    without: Run  # its turns are the recorded ones, then its own
    turn: int  # from 1
    acts: tuple[Act, ...]  # what was left out
    decodings: tuple[TokenComparison, ...]  # of the tokens that both decoded from that turn on, up to the first other word
    parted: int | None  # the turn at which another word came
    stopped: str  # why the recorded choices could not be followed to their end; empty where they were

    @property
    def retold(self) -> list[int]:
        """The turns, up to the parting, whose words are others: a number in them was measured on another pass."""
        last = self.parted - 1 if self.parted else self.run.at
        return [number for number in range(self.turn, last + 1) if _text(self.run, number) != _text(self.without, number)]


class _RemovedActs(NamedTuple):
    """Which interventions are left out: those of a token, from one place in their order to another."""

    token: int
    first: int
    last: int

    def of(self, state: State) -> State:
        """Return a state without them."""
        if len(state.acts) <= self.token:
            return state
        mine = state.acts[self.token]
        kept = (*mine[: self.first], *mine[self.last :])
        return state._replace(acts=(*state.acts[: self.token], kept, *state.acts[self.token + 1 :]))


def acts_of_turn(run: Run, turn: int) -> tuple[Act, ...]:
    """Return the interventions that a turn of a run (from 1) made; raises ``UsageError`` where there is no such turn."""
    if not 1 <= turn <= len(run.turns):
        raise UsageError(f"this run has turns 1 to {len(run.turns)}; there is no turn {turn}")
    before, after = at_turn(run, turn - 1).state, run.turns[turn - 1].state
    token = len(before.acts) - 1
    return after.acts[token][len(before.acts[token]) :]


def ablate(run: Run, turn: int, temperature: float, seed: int) -> AblationResult:
    """Return a run without what turn ``turn`` (from 1) did to the pass, words drawn as the run draws its own.

    Raises ``UsageError`` where the run has no such turn. A turn without interventions leaves everything as it was.
    """
    acts = acts_of_turn(run, turn)
    before = at_turn(run, turn - 1).state
    first = len(before.acts[-1])
    cut = _RemovedActs(len(before.acts) - 1, first, first + len(acts))
    kept: list[Turn] = list(run.turns[: turn - 1])
    decodings: list[TokenComparison] = []
    chain = kept[-1].digest if kept else ""
    for number in range(turn, run.at + 1):
        recorded, state = run.turns[number - 1], cut.of(run.turns[number - 1].state)
        word, chance = recorded.word, recorded.probability
        if word is not None:
            waiting = _waiting(run, number, cut)
            distribution = next_distribution(run.measure, waiting)
            word = draw_word(distribution, temperature, seed, waiting.token)
            chance = round(distribution.p(word), 4)
            decodings.append(_decoding(run, recorded, word, distribution))
            if word != recorded.word:
                state = decode(run.world, waiting, word)
        chain = digest(run.world, state, chain)
        kept.append(Turn(recorded.choice, word, chance, state, chain))
        if word != recorded.word:
            parted = run._replace(turns=tuple(kept), at=number)
            other, stopped = _followed(parted, run, temperature, seed)
            return AblationResult(run, other, turn, acts, tuple(decodings), number, stopped)
    return AblationResult(run, run._replace(turns=tuple(kept), at=len(kept)), turn, acts, tuple(decodings), None, "")


def _waiting(run: Run, number: int, cut: _RemovedActs) -> State:
    """Return the state that awaited the word of a turn, without what was cut, measured on the pass as it then is."""
    before = cut.of(at_turn(run, number - 1).state)
    waiting = take(run.world, run.measure, before, run.turns[number - 1].choice)
    return measure_thresholds(run.world, run.measure, cut.of(waiting))


def _decoding(run: Run, recorded: Turn, word: str, distribution: Distribution) -> TokenComparison:
    return TokenComparison(
        recorded.state.token - 1, (recorded.word or "", word), (turn_distribution(run, recorded), distribution)
    )


def _followed(other: Run, run: Run, temperature: float, seed: int) -> tuple[Run, str]:
    """Follow the recorded choices from where the runs parted; return how far that went, and why no farther."""
    for number in range(other.at + 1, run.at + 1):
        choice = run.turns[number - 1].choice
        try:
            turn = make_turn(other, choice, lambda distribution, token: draw_word(distribution, temperature, seed, token))
        except NotOfferedError as error:
            title = other.world.endings.get(other.state.scene)
            return other, f"it has ended: {title}" if title else str(error)
        other = append(other, turn)
    return other, ""


def _text(run: Run, number: int) -> list[str]:
    """Return what turn ``number`` said, as paragraphs."""
    told = (then_text(run, number), scene_text(at_turn(run, number)))
    return [paragraph for text in told if text for paragraph in text.split("\n\n")]


# -- as lines and as objects --------------------------------------------------------------------------------------------


def ablation_lines(found: AblationResult, columns: int, *, bars: bool = False) -> list[str]:
    """Return an ablation in lines: what was left out, each decoding with and without it, texts, and endings."""
    said = f"Turn {found.turn}: {choice_words(found.run, found.turn)} ({found.run.turns[found.turn - 1].choice})"
    lines = wrap(said, columns)
    if not found.acts:
        return [*lines, *wrap("It did nothing to the pass: there is nothing to leave out.", columns)]
    left_out = ", ".join(f"{act.name} from layer {act.layer}" for act in found.acts)
    lines += wrap(f"Left out: {left_out}. All else is the same; all of this is measured.", columns)
    for number in found.retold:
        lines += _retold(found, number, columns)
    for decoding in found.decodings:
        lines += ["", *decoding_lines(decoding, ("with it", "without it"), columns, bars=bars)]
    if found.parted is None:
        same = "The same words came." if found.decodings else "No word came after it."
        return [*lines, "", *wrap(f"{same} {_endings(found)}", columns)]
    lines += ["", *wrap(f"At turn {found.parted} another word came. Without it the pass goes on so:", columns)]
    for number in range(found.parted, found.without.at + 1):
        lines += ["", *_passage(found.without, number, columns, words=number > found.parted)]
    if found.stopped:
        lines += ["", *wrap(f"Here the recorded choices end: {found.stopped}.", columns)]
    return [*lines, "", *wrap(_endings(found), columns)]


def _retold(found: AblationResult, number: int, columns: int) -> list[str]:
    with_it, without = _text(found.run, number), _text(found.without, number)
    lines = ["", *wrap(f"Turn {number} told otherwise", columns)]
    for name, mine, theirs in (("With it", with_it, without), ("Without it", without, with_it)):
        for paragraph in mine:
            if paragraph not in theirs:
                lines += wrap(f"  {name}: {' '.join(paragraph.split())}", columns)
    return lines


def _passage(run: Run, number: int, columns: int, *, words: bool) -> list[str]:
    turn, lines = run.turns[number - 1], []
    if words:
        lines = [*wrap(f"> {choice_words(run, number)}", columns), ""]
        if turn.word is not None:
            lines += [*wrap(f"[It says {quoted(turn.word)}.]", columns), ""]
    return [*lines, *(line for text in _text(run, number) for line in [*wrap(text, columns), ""])][:-1]


def _endings(found: AblationResult) -> str:
    with_it, without = (run.world.endings.get(run.state.scene, "not ended") for run in (found.run, found.without))
    return f"Ending with it: {with_it}. Without it: {without}."


def ablation_objects(found: AblationResult) -> list[dict[str, Any]]:
    """Return an ablation as objects: one a decoding, and one that closes."""
    endings = [run.state.scene if run.state.scene in run.world.endings else None for run in (found.run, found.without)]
    closing = {
        "type": "ablated",
        "turn": found.turn,
        "acts": [[act.name, act.layer] for act in found.acts],
        "retold": found.retold,
        "parted": found.parted,
        "turns": [found.run.at, found.without.at],
        "stopped": found.stopped,
        "endings": endings,
    }
    return [*({"type": "ablation", **decoding_object(one)} for one in found.decodings), closing]
