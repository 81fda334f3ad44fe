"""The ablation of turns: the same run without the interventions of some turns, and how the pass and the text then differ.

As long as the same words are decoded, every turn keeps its recorded choice, scene and layer, only with fewer interventions:
distributions are measured again, and the numbers that the text shows. At the first different word the run leaves the recorded
path; the recorded choices are then followed as long as they are on offer. Nothing is written to disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from forward_pass.errors import NotOfferedError, UsageError
from forward_pass.session.comparison import TokenComparison, comparison_lines, comparison_object
from forward_pass.session.decision import act_rows, decision, decision_object, decision_text
from forward_pass.session.figures import SHOWN_EFFECT
from forward_pass.session.transcript import choice_text, quoted, scene_text, then_text, turn_distribution, wrap
from forward_pass.story.distribution import Distribution, draw_word, format_probability
from forward_pass.story.engine import decode, measure_thresholds, outcome_of, retold, take
from forward_pass.story.forecast import PlacedAct, leave_out
from forward_pass.story.history import Run, Turn, append, at_turn, digest, make_turn
from forward_pass.story.state import Act, State


class AblationResult(NamedTuple):
    """A run, the same run without the interventions of some turns, and their differences."""

    run: Run
    ablated_run: Run  # recorded turns up to the first ablated one, then its own
    turns: tuple[int, ...]  # the ablated turns, from 1, in order
    acts: tuple[Act, ...]  # the interventions left out
    comparisons: tuple[
        TokenComparison, ...
    ]  # of the tokens that both decoded from that turn on, up to the first different word
    diverged_at: int | None  # the turn of the first different word
    stop_reason: str  # why the recorded choices could not be followed to the end; empty where they were

    @property
    def changed_texts(self) -> list[int]:
        """The turns before the divergence whose text differs, as it shows a number measured on another pass."""
        last = self.diverged_at - 1 if self.diverged_at else self.run.at
        turns = range(self.turns[0], last + 1)
        return [turn for turn in turns if _turn_paragraphs(self.run, turn) != _turn_paragraphs(self.ablated_run, turn)]


def acts_of_turn(run: Run, turn: int) -> tuple[Act, ...]:
    """Return the interventions that a turn of a run (from 1) made; raises ``UsageError`` where there is no such turn."""
    if not 1 <= turn <= len(run.turns):
        raise UsageError(f"this run has turns 1 to {len(run.turns)}; there is no turn {turn}")
    before, after = at_turn(run, turn - 1).state, run.turns[turn - 1].state
    token = len(before.acts) - 1
    return after.acts[token][len(before.acts[token]) :]


def ablate(run: Run, turns: Iterable[int], temperature: float, seed: int) -> AblationResult:
    """Return a run without the interventions of some turns (from 1), its words drawn at the run's temperature and seed.

    Raises ``UsageError`` where there is no such turn. Where the turns made no interventions, nothing differs.
    """
    left_out = tuple(sorted(set(turns)))
    placed = [act for turn in left_out for act in _placed_acts_of_turn(run, turn)]
    recorded_turns = run.turns[: left_out[0] - 1]
    other: list[Turn] = list(recorded_turns)
    comparisons: list[TokenComparison] = []
    previous_digest = other[-1].digest if other else ""
    acts = tuple(one.act for one in placed)
    for number in range(left_out[0], run.at + 1):
        recorded, state = run.turns[number - 1], _without(run, run.turns[number - 1].state, placed)
        word, probability = recorded.word, recorded.probability
        known = (other[-1].state if other else run.opening).measured
        if word is None:
            measures = recorded.taken(run.world).node.measures
            state = measure_thresholds(run.world, run.inspector, state._replace(measured=known), measures)
        else:
            waiting = _state_before_decoding(run, number, placed)
            state = state._replace(measured=waiting.measured)
            distribution = run.inspector.distribution(waiting.key)
            word = draw_word(distribution, temperature, seed, waiting.token)
            probability = round(distribution.p(word), 4)
            comparisons.append(_compare_token(run, recorded, word, distribution))
            if word != recorded.word:
                state = decode(run.world, waiting, word, outcome_of(run.world, run.inspector, waiting, word))
        previous_digest = digest(run.world, state, previous_digest)
        before = _without(run, recorded.before, placed)._replace(measured=known)
        other.append(Turn(before, recorded.choice, word, probability, state, previous_digest))
        if word != recorded.word:
            diverged = run._replace(turns=tuple(other), at=number)
            followed, stop_reason = _follow_choices(diverged, run, temperature, seed)
            return AblationResult(run, followed, left_out, acts, tuple(comparisons), number, stop_reason)
    return AblationResult(run, run._replace(turns=tuple(other), at=len(other)), left_out, acts, tuple(comparisons), None, "")


def _placed_acts_of_turn(run: Run, turn: int) -> list[PlacedAct]:
    """Return the interventions that a turn made, each with its place among those of the run."""
    made, before = acts_of_turn(run, turn), run.turns[turn - 1].before
    first = len(before.acts[-1])
    return [PlacedAct(len(before.acts) - 1, first + number, act) for number, act in enumerate(made)]


def _without(run: Run, state: State, left_out: list[PlacedAct]) -> State:
    """Return a state without some interventions, and with what decided its word told again."""
    return retold(run.world, run.inspector, state._replace(acts=leave_out(state.key, left_out).acts))


def _state_before_decoding(run: Run, turn: int, left_out: list[PlacedAct]) -> State:
    """Return the state that waits for a turn's word, without the removed interventions, its thresholds measured again."""
    recorded = run.turns[turn - 1]
    waiting = take(run.world, run.inspector, recorded.before, recorded.choice)
    return measure_thresholds(run.world, run.inspector, _without(run, waiting, left_out))


def _compare_token(run: Run, recorded: Turn, word: str, distribution: Distribution) -> TokenComparison:
    distributions = turn_distribution(run, recorded), distribution
    return TokenComparison(recorded.state.token - 1, (recorded.word or "", word), distributions)


def _follow_choices(other: Run, run: Run, temperature: float, seed: int) -> tuple[Run, str]:
    """Return ``other`` continued with the choices of ``run`` after it, and why it stopped before the last; empty if not."""
    for number in range(other.at + 1, run.at + 1):
        choice = run.turns[number - 1].choice
        try:
            turn = make_turn(other, choice, lambda distribution, token: draw_word(distribution, temperature, seed, token))
        except NotOfferedError:
            title = other.world.endings.get(other.state.scene)
            say = choice_text(run, run.turns[number - 1])
            return other, f"it has ended: {title}" if title else f"“{say.rstrip('.')}” is not on offer there"
        other = append(other, turn)
    return other, ""


def _turn_paragraphs(run: Run, turn: int) -> list[str]:
    """Return the text of a turn as paragraphs: the ``then`` text of its choice, and its scene."""
    texts = (then_text(run, run.turns[turn - 1]), scene_text(at_turn(run, turn)))
    return [paragraph for text in texts if text for paragraph in text.split("\n\n")]


# -- as lines and as objects --------------------------------------------------------------------------------------------


def ablation_lines(result: AblationResult, columns: int, *, bars: bool = False) -> list[str]:
    """Return an ablation as lines: what was left out, changed texts, each decoding with and without it, and the endings."""
    lines = []
    for number in result.turns:
        removed = result.run.turns[number - 1]
        lines += wrap(f"Turn {number}: {choice_text(result.run, removed)}", columns)
    if not result.acts:
        return [*lines, *wrap("It did nothing to the pass: there is nothing to leave out.", columns)]
    lines += ["", *wrap(verdict_text(result), columns), ""]
    declared = result.run.world.acts
    left_out = ", ".join(f"{declared[act.name].about.rstrip('.')}, from layer {act.layer}" for act in result.acts)
    lines += wrap(f"Left out: {left_out}. All else is the same; all of this is measured.", columns)
    for turn in result.changed_texts:
        lines += _changed_text_lines(result, turn, columns)
    same = [comparison for comparison in result.comparisons if not has_moved(comparison)]
    for comparison in result.comparisons:
        if has_moved(comparison):
            lines += ["", *comparison_lines(comparison, ("with it", "without it"), columns, bars=bars)]
    if same:
        tokens = ", ".join(f"{comparison.token}" for comparison in same)
        lines += ["", *wrap(f"Of these tokens no word moved by half a hundredth: {tokens}.", columns)]
    if result.diverged_at is None:
        return lines
    lines += ["", *wrap(f"At turn {result.diverged_at} another word came. Without it the pass goes on so:", columns)]
    for turn in range(result.diverged_at, result.ablated_run.at + 1):
        lines += ["", *_turn_text_lines(result.ablated_run, turn, columns, with_choice=turn > result.diverged_at)]
    if result.stop_reason:
        lines += ["", *wrap(f"Here the recorded choices end: {result.stop_reason}.", columns)]
    return lines


def verdict_text(result: AblationResult) -> str:
    """Return what leaving the acts out changes, in a sentence or two."""
    moved = [comparison for comparison in result.comparisons if has_moved(comparison)]
    parted = next((comparison for comparison in result.comparisons if comparison.words[0] != comparison.words[1]), None)
    if parted:
        said, other = parted.words
        first, second = parted.distributions
        figures = f"{format_probability(first.p(said))} → {format_probability(second.p(said))}"
        text = f"Without it {quoted(other)} is said at {parted.token}, and not {quoted(said)} ({quoted(said)} {figures})."
        return f"{text} {_endings_text(result)}"
    if not result.comparisons:
        return f"No word came after it. {_endings_text(result)}"
    if not moved:
        return f"Without it the same words come, with the same probabilities. {_endings_text(result)}"
    most = max(moved, key=lambda one: abs(one.distributions[0].p(one.words[0]) - one.distributions[1].p(one.words[0])))
    figures = " → ".join(format_probability(one.p(most.words[0])) for one in most.distributions)
    return f"Without it the same words come; {quoted(most.words[0])} at {most.token}: {figures}. {_endings_text(result)}"


def has_moved(comparison: TokenComparison) -> bool:
    """Return whether a word of a comparison has another probability, by more than half a hundredth, or another word came."""
    moved = any(abs(first - second) >= SHOWN_EFFECT for _, first, second in comparison.word_probabilities)
    return moved or comparison.words[0] != comparison.words[1]


def _changed_text_lines(result: AblationResult, turn: int, columns: int) -> list[str]:
    original, ablated = _turn_paragraphs(result.run, turn), _turn_paragraphs(result.ablated_run, turn)
    lines = ["", *wrap(f"Turn {turn} told otherwise", columns)]
    for name, paragraphs, others in (("With it", original, ablated), ("Without it", ablated, original)):
        for paragraph in paragraphs:
            if paragraph not in others:
                lines += wrap(f"  {name}: {' '.join(paragraph.split())}", columns)
    return lines


def _turn_text_lines(run: Run, number: int, columns: int, *, with_choice: bool) -> list[str]:
    turn, lines = run.turns[number - 1], []
    if with_choice:
        lines = [*wrap(f"> {choice_text(run, run.turns[number - 1])}", columns), ""]
        if turn.word is not None:
            lines += [*wrap(f"[It says {quoted(turn.word)}.]", columns), ""]
    return [*lines, *(line for text in _turn_paragraphs(run, number) for line in [*wrap(text, columns), ""])][:-1]


def _endings_text(result: AblationResult) -> str:
    runs = (result.run, result.ablated_run)
    original, ablated = (run.world.endings.get(run.state.scene, "not ended") for run in runs)
    return f"Ending with it: {original}. Without it: {ablated}."


def ablation_objects(result: AblationResult) -> list[dict[str, object]]:
    """Return an ablation as objects: one for each decoding, and a last one with its outcome."""
    runs = (result.run, result.ablated_run)
    outcome = {
        "type": "ablated",
        "turn": result.turns[0],
        "without": list(result.turns),
        "acts": [[act.name, act.layer] for act in result.acts],
        "retold": result.changed_texts,
        "parted": result.diverged_at,
        "turns": [run.at for run in runs],
        "stopped": result.stop_reason,
        "endings": [run.state.scene if run.state.scene in run.world.endings else None for run in runs],
    }
    return [*({"type": "ablation", **comparison_object(one)} for one in result.comparisons), outcome]


# -- all acts of a run ---------------------------------------------------------------------------------------------------


def act_lines(run: Run, columns: int) -> list[str]:
    """Return all acts of a run, up to the word that stands for it, as lines, and what decided that word."""
    found = decision(run)
    if found is None:
        return wrap("The word that this run is about was not said: no act can be held against it.", columns)
    rows = act_rows(found) or ["Nothing was done to the pass."]
    return [line for row in [*rows, "", decision_text(found)] for line in wrap(row, columns)]


def act_objects(run: Run) -> list[dict[str, object]]:
    """Return what decided the word of a run, with the worth of every act, as one object; an empty list without such a word."""
    found = decision_object(decision(run))
    return [{"type": "acts", **found}] if found else []
