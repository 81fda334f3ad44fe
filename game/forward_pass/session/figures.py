"""What stands below a scene or beside a decoding: readings, openings, forecasts, a look on the page; as values and as lines.

The terminal draws the same values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from forward_pass.session.readings import (
    ASK,
    LIKELIEST,
    ActReading,
    Chances,
    Change,
    ForecastReading,
    Opening,
    key_after,
    opening_at,
    shown_forecast,
    turn_readings,
)
from forward_pass.story.compile import compile_expression
from forward_pass.story.distribution import format_probability
from forward_pass.story.forecast import PlacedAct, leave_out
from forward_pass.story.history import Run, at_turn
from forward_pass.story.interventions import Look
from forward_pass.story.nodes import ASKED, SEALED, SHOWN
from forward_pass.story.state import State
from forward_pass.story.tokeniser import NEWLINE, join
from forward_pass.story.world import World

SHOWN_EFFECT = 0.005  # what is smaller is called no effect where it is opened
MAX_LINES = 6  # of the page that a look is shown on


class LookReading(NamedTuple):
    """A look on the page: the lines concerned, and how much of all looking so far their words have, without it and with it."""

    lines: tuple[tuple[tuple[str, bool], ...], ...]  # words, each with whether it is looked at
    more: int  # lines concerned that are left out
    away: bool  # whether heads are kept from there
    layer: int
    shares: tuple[float, float]


Figure = ActReading | Opening | ForecastReading | LookReading
"""What stands below a scene or beside a decoding, to be told in a line or drawn."""


def forecast_line(reading: ForecastReading) -> str:
    """Return the forecast as a line."""
    return f"[{forecast_heading(reading)}: {_chances_text(forecast_chances(reading))}]"


def forecast_heading(reading: ForecastReading) -> str:
    """Return what a forecast is of."""
    if reading.asked:
        return "The one above would say next"
    if reading.heard is None:
        return f"If nothing more is done, the word at {reading.token}"
    return f"Last heard, at turn {reading.heard}, of the word at {reading.token}"


def forecast_chances(reading: ForecastReading) -> Chances:
    """Return the words of a forecast: those that the world names, and the likeliest."""
    return reading.top if reading.asked else tuple(dict((*reading.words, *reading.top[:1])).items())


def reading_line(reading: ActReading) -> str:
    """Return the reading of an act as a line: what was done and the words before → after, and what is not given."""
    note = reading_note(reading)
    return f"[{reading_text(reading)}{f' · {note}' if note else ''}]"


def reading_text(reading: ActReading) -> str:
    """Return the reading of an act: its verb and what it is, where it is in force, and the words before → after."""
    return reading_heading(reading) + (f": {change_text(reading.change)}" if reading.change else "")


def reading_heading(reading: ActReading) -> str:
    """Return the verb of an act, what it is and where it is in force, and of which word there are figures."""
    first, last = reading.layers
    where = f"layer {first}" if first == last else f"layers {first} to {last}"
    parts = [*([reading.verb] if reading.verb else []), f"{reading.about}, {where}"]
    if reading.change:
        parts.append("the next word" if reading.given == SEALED else f"the word at {reading.change.token}")
    return " · ".join(parts)


def reading_note(reading: ActReading) -> str:
    """Return what is not given of an act's effect, and where it will be; empty where all is."""
    if reading.opens_at:
        token, layer = reading.opens_at
        return f"what it does to the word at {reading.telling} is shown at {token}, layer {layer}, at the latest"
    return "what it does is told when the word is said" if reading.given == ASKED else ""


def opening_lines(opening: Opening) -> list[str]:
    """Return what was sealed as lines, the act with the largest effect first; those without effect are in one line."""
    lines = []
    for reading in opened_effects(opening):
        assert reading.change is not None  # noqa: S101 - what is opened is shown
        with_it = _chances_text((word, other) for word, _, other in reading.change.words)
        without = _chances_text((word, one) for word, one, _ in reading.change.words)
        lines.append(f"[{opened_heading(reading)}: {with_it}. Without it, all else the same: {without}]")
    idle = opened_without_effect(opening)
    return [*lines, f"[{idle}]"] if idle else lines


def opened_effects(opening: Opening) -> list[ActReading]:
    """Return the acts among what is opened that change a word, that with the largest effect first."""
    return sorted((one for one in opening.readings if _effect(one) >= SHOWN_EFFECT), key=_effect, reverse=True)


def opened_heading(reading: ActReading) -> str:
    """Return which act is opened, and on which word it is at work."""
    assert reading.change is not None  # noqa: S101 - what is opened is shown
    return f"Now shown: {_act_text(reading)}, at work on the word at {reading.change.token}"


def opened_without_effect(opening: Opening) -> str:
    """Return the acts among what is opened that change nothing, in a sentence; empty where there are none."""
    by_token: dict[int, list[str]] = {}
    for reading in opening.readings:
        if reading.change and _effect(reading) < SHOWN_EFFECT:
            by_token.setdefault(reading.change.token, []).append(_act_text(reading))
    rows = [f"on the word at {token}, all else the same: {'; '.join(acts)}" for token, acts in by_token.items()]
    return f"Now shown: without effect {'. Without effect '.join(rows)}" if rows else ""


def _act_text(reading: ActReading) -> str:
    verb = f"{reading.verb}, " if reading.verb else ""
    return f"{reading.about} ({verb}made at {reading.token})"


def _effect(reading: ActReading) -> float:
    """Return by how much an act changes the probability of the word that it changes most."""
    return max(abs(other - one) for _, one, other in reading.change.words) if reading.change else 0.0


def change_text(change: Change) -> str:
    """Return the words of a change, each with both probabilities; that nothing changed where no figure would."""
    if not has_effect(change):
        return f"no effect ({_chances_text((word, other) for word, _, other in change.words[:1])})"
    rows = (f"{_word(word)} {format_probability(one)} → {format_probability(other)}" for word, one, other in change.words)
    return ", ".join(rows)


def has_effect(change: Change) -> bool:
    """Return whether any figure of a change would be shown as another."""
    return any(format_probability(one) != format_probability(other) for _, one, other in change.words)


def _chances_text(chances: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{_word(word)} {format_probability(p)}" for word, p in chances)


def _word(word: str) -> str:
    return "a new line" if word == "\n" else f"“{word}”"


def figures_after_scene(run: Run, number: int) -> list[Figure]:
    """Return what stands below the scene of a turn: a look, readings, what is opened, the answer to who asked, the forecast.

    The forecast stands there where it is new, and the answer where nothing else does.
    """
    turn = run.turns[number - 1] if number else None
    readings = turn_readings(run, number) if turn and turn.word is None else ()
    opening = opening_at(run, number) if turn and turn.word is None else None
    figures: list[Figure] = [*looks_of_turn(run, number), *readings, *([opening] if opening else [])]
    present = shown_forecast(at_turn(run, number))
    if present and not any(reading.given == SHOWN for reading in readings) and not opening:
        before = shown_forecast(at_turn(run, number - 1)) if turn else None
        is_new = present.heard == number if present.heard is not None else present != before
        figures += [present] if is_new and at_turn(run, number).state.token <= run.world.telling_token else []
    answer = answer_of_turn(run, number) if turn and not figures else None
    return [answer] if answer else figures


def answer_of_turn(run: Run, number: int) -> ForecastReading | None:
    """Return what the decoder would say next, where a turn asked before the telling word's token; None elsewhere."""
    turn = run.turns[number - 1]
    if turn.word is not None or turn.taken(run.world).node.verb != ASK:
        return None
    if run.world.telling is None or turn.state.token >= run.world.telling_token:
        return None
    distribution = run.inspector.distribution(turn.state.key)
    return ForecastReading(turn.state.token, (), tuple(distribution.likeliest(LIKELIEST)), asked=True)


def looks_of_turn(run: Run, number: int) -> list[LookReading]:
    """Return the looks that a turn made, shown on the page; none where it decoded, or no model runs."""
    turn = run.turns[number - 1] if number else None
    if turn is None or turn.word is not None or run.inspector.source != "model":
        return []
    made = turn.state.acts[-1][len(turn.before.acts[-1]) :]
    return [
        _look_reading(run, turn.state, PlacedAct(len(turn.state.acts) - 1, place, act), look)
        for place, act in enumerate(made, len(turn.before.acts[-1]))
        if isinstance(look := run.world.acts[act.name].intervention, Look)
    ]


def _look_reading(run: Run, state: State, placed: PlacedAct, look: Look) -> LookReading:
    document = (*run.world.prompt, *state.words)
    lines: list[list[tuple[str, bool]]] = [[]]
    for position, word in enumerate(document[1:], 1):
        if word == NEWLINE:
            lines.append([])
        else:
            lines[-1].append((word, look.start <= position < look.stop))
    concerned = [tuple(line) for line in lines if any(looked for _, looked in line)]
    without, with_it = (
        sum(run.inspector.attention(key, state.layer)[look.start : look.stop])
        for key in (leave_out(state.key, [placed]), state.key)
    )
    shown = tuple(concerned[:MAX_LINES])
    return LookReading(shown, len(concerned) - len(shown), look.bias < 0, state.layer, (without, with_it))


def figures_before_decoding(run: Run, number: int) -> list[Figure]:
    """Return what stands between what a choice says and the decoder that comes: the readings of its acts."""
    return list(turn_readings(run, number))


def figures_after_decoding(run: Run, number: int) -> list[Figure]:
    """Return what stands below a decoding: what it opens."""
    opening = opening_at(run, number)
    return [opening] if opening else []


def figure_lines(figure: Figure) -> list[str]:
    """Return a figure as lines."""
    match figure:
        case ActReading():
            return [reading_line(figure)]
        case Opening():
            return opening_lines(figure)
        case ForecastReading():
            return [forecast_line(figure)]
        case LookReading():
            return [look_line(figure)]


def look_line(reading: LookReading) -> str:
    """Return a look as a line: the lines of the page that it is at, and its share of all looking."""
    lines = ", ".join(f"“{join(word for word, _ in line)}”" for line in reading.lines)
    more = f" and {reading.more} more lines" if reading.more else ""
    return f"[{look_heading(reading)} {lines}{more}. {look_shares_text(reading)}]"


def look_heading(reading: LookReading) -> str:
    """Return what kind of a look it is."""
    return "Kept from, on the page:" if reading.away else "Looked at, on the page:"


def look_shares_text(reading: LookReading) -> str:
    """Return a look's share of all looking so far, with it and without."""
    without, with_it = (f"{100 * share:.0f} %" for share in reading.shares)
    return f"Up to layer {reading.layer} that has {with_it} of all looking; without the look, {without}"


def lines_after_scene(run: Run, number: int) -> list[str]:
    """Return the lines that stand below the scene of a turn."""
    return _with_tally(run.world, at_turn(run, number).state, figures_after_scene(run, number))


def lines_before_decoding(run: Run, number: int) -> list[str]:
    """Return the lines that stand between what a choice says and the decoder that comes."""
    return _with_tally(run.world, state_before_decoding(run, number), figures_before_decoding(run, number))


def lines_after_decoding(run: Run, number: int) -> list[str]:
    """Return the lines that stand below a decoding."""
    return _with_tally(run.world, run.turns[number - 1].state, figures_after_decoding(run, number))


def state_before_decoding(run: Run, number: int) -> State:
    """Return the state in which a turn waited for its word."""
    turn = run.turns[number - 1]
    return turn.state._replace(words=turn.before.words, acts=key_after(turn).acts)


def tally(world: World, state: State) -> int | None:
    """Return how many passes were run for the figures up to a state; None where the world wants no tally beside them."""
    node = world.telling.passes if world.telling else None
    return int(compile_expression(node)(state)) if node else None


def _with_tally(world: World, state: State, figures: list[Figure]) -> list[str]:
    """Return figures as lines, the last with the number of passes that were run for figures so far."""
    lines = [line for figure in figures for line in figure_lines(figure)]
    count = tally(world, state) if lines else None
    return lines if count is None else [*lines[:-1], f"{lines[-1].removesuffix(']')} · tally {count}]"]
