"""What acts did, as figures: the forecast in a state, the reading after each act, and what was sealed told when it is opened.

Everything is a function of a run, so that play, replays, transcripts and exports tell the same. How figures are given is the
world's to say (``telling``): *shown*; *sealed*, which withholds them until a later layer, a scene that ``opens``, or the
decoding of the telling word; *asked*, which repeats those that were heard last.
"""

from __future__ import annotations

from typing import NamedTuple

from forward_pass.story.distribution import Distribution
from forward_pass.story.engine import is_ending
from forward_pass.story.forecast import PlacedAct, first_departure, forecast, leave_out, placed_acts
from forward_pass.story.history import Run, Turn, at_turn
from forward_pass.story.interventions import Bend, Push, RandomPush
from forward_pass.story.nodes import ASKED, SEALED, SHOWN
from forward_pass.story.ports import Inspector
from forward_pass.story.state import PassKey, State
from forward_pass.story.world import World

MAX_WORDS = 4  # of a change
LIKELIEST = 3  # of a forecast, besides the words that the world names
DIGITS = 4  # of a probability in an object
ASK = "ask"  # the verb of choices after which an asked forecast is heard

Chances = tuple[tuple[str, float], ...]
Changes = tuple[tuple[str, float, float], ...]


class ForecastReading(NamedTuple):
    """The forecast in a state: at which token, the words that the world names, and the likeliest, with their probabilities.

    ``heard`` is the turn at which it was last heard, where the figures are given only to who asks; None where they are shown.
    """

    token: int
    words: Chances
    top: Chances
    heard: int | None = None
    asked: bool = False  # the next word alone, as the decoder's answer to who asked it


class Change(NamedTuple):
    """The words at a token, each with its probability without an act and with it."""

    token: int
    words: Changes


class ActReading(NamedTuple):
    """An act that was made, and what it changed, as far as that is given here."""

    act: str
    about: str
    verb: str
    token: int
    layers: tuple[int, int]  # the first and the last in which it is in force
    given: str  # how: one of ``GIVEN``
    change: Change | None  # of the forecast, or where that is sealed of the next word; None where neither is given
    opens_at: tuple[int, int] | None = None  # token and layer where what is sealed is opened
    telling: int = 0  # the token whose word the story is about


class Opening(NamedTuple):
    """What was sealed and is now told: each act with the word without it and with everything that was done."""

    readings: tuple[ActReading, ...]


# -- how figures are given --------------------------------------------------------------------------------------------


def how_given(world: World, token: int, layer: int, scene: str = "") -> str:
    """Return how figures are given at a layer of a token, and in a scene."""
    telling = world.telling
    if telling is None or token > telling.token:
        return SHOWN
    node = world.scenes.get(scene)
    if node is not None and getattr(node, "opens", False):
        return SHOWN
    cases = (case for case in telling.given if case.token == token and case.first <= layer <= case.last)
    return next((case.how for case in cases), SHOWN)


def given_in(world: World, state: State) -> str:
    """Return how figures are given in a state."""
    return SHOWN if is_ending(world, state) else how_given(world, state.token, state.layer, state.scene)


def opens_at(world: World, token: int, layer: int) -> tuple[int, int]:
    """Return the token and the layer, from here on, at which what is sealed is opened: at the latest where it is decoded."""
    while token <= world.telling_token:
        for at in range(layer, world.boundary + 1):
            if how_given(world, token, at) != SEALED:
                return token, at
        token, layer = token + 1, world.first_layer
    return world.telling_token, world.boundary


# -- the forecast -----------------------------------------------------------------------------------------------------


def shown_forecast(run: Run) -> ForecastReading | None:
    """Return the forecast that is on the table in the present state; None where there is none, or it is sealed."""
    world, state = run.world, run.state
    if world.telling is None or is_ending(world, state):
        return None
    given = given_in(world, state)
    if given == SHOWN:
        return measure_forecast(run.inspector, world, state.key)
    if given == ASKED:
        heard = next((turn for turn in range(run.at, -1, -1) if _is_heard(run, turn)), None)
        if heard is not None:
            key = at_turn(run, heard).state.key
            return measure_forecast(run.inspector, world, key)._replace(heard=heard)
    return None


def _is_heard(run: Run, turn: int) -> bool:
    """Return whether the forecast was told at a turn: shown there, or asked for."""
    given = given_in(run.world, at_turn(run, turn).state)
    return given == SHOWN or (given == ASKED and turn > 0 and run.turns[turn - 1].taken(run.world).node.verb == ASK)


def measure_forecast(inspector: Inspector, world: World, key: PassKey) -> ForecastReading:
    """Return the forecast of a pass, whatever is given where."""
    index, distribution = forecast(inspector, key, world.telling_index)
    named = world.telling.words if world.telling and index == world.telling_index else ()
    words = tuple((word, distribution.p(word)) for word in named)
    return ForecastReading(world.first_token + index, words, tuple(distribution.likeliest(LIKELIEST)))


# -- readings ---------------------------------------------------------------------------------------------------------


def turn_readings(run: Run, number: int) -> tuple[ActReading, ...]:
    """Return a reading for each act that a turn (from 1) made, in their order."""
    turn = run.turns[number - 1]
    key = key_after(turn)
    made = key.acts[-1][len(turn.before.acts[-1]) :]
    given, layer = _given_at(run, turn)
    before = PassKey(key.words, turn.before.acts)
    readings = []
    for number_of_act, act in enumerate(made, len(turn.before.acts[-1])):
        after = before.adding(act)
        placed = PlacedAct(len(key.acts) - 1, number_of_act, act)
        change = _change(run, before, after) if given == SHOWN else _next_change(run, before, after, given)
        where = opens_at(run.world, turn.before.token, layer) if given == SEALED else None
        readings.append(_act_reading(run.world, placed, given, change, where))
        before = after
    return tuple(readings)


def _given_at(run: Run, turn: Turn) -> tuple[str, int]:
    """Return how the figures of a turn's acts are given, and the layer at which they are."""
    layer, scene = (run.world.boundary, "") if turn.word is not None else (turn.state.layer, turn.state.scene)
    return how_given(run.world, turn.before.token, layer, scene), layer


def key_after(turn: Turn) -> PassKey:
    """Return the pass that a turn left as it stood: before the decoder came, if it did."""
    return turn.decoding if turn.word is not None else turn.state.key


def _act_reading(
    world: World, placed: PlacedAct, given: str, change: Change | None, where: tuple[int, int] | None
) -> ActReading:
    declared = world.acts[placed.act.name]
    once = isinstance(declared.intervention, Push | RandomPush | Bend)  # added to the stream once, after its layer
    last = placed.act.layer if once else world.boundary
    token = world.first_token + placed.at
    return ActReading(
        placed.act.name,
        declared.about.rstrip("."),
        declared.verb,
        token,
        (placed.act.layer, last),
        given,
        change,
        where,
        world.telling_token,
    )


def _change(run: Run, before: PassKey, after: PassKey) -> Change:
    """Return what the forecast was and is; without a telling word, what the next word's distribution was and is."""
    if run.world.telling is None:
        return _next_word(run, before, after)
    index, without = forecast(run.inspector, before, run.world.telling_index)
    other, with_it = forecast(run.inspector, after, run.world.telling_index)
    named = run.world.telling.words if index == other == run.world.telling_index else ()
    return Change(run.world.first_token + index, _changed_words(without, with_it, named))


def _next_word(run: Run, before: PassKey, after: PassKey) -> Change:
    without, with_it = run.inspector.distribution(before), run.inspector.distribution(after)
    return Change(run.world.first_token + len(after.words), _changed_words(without, with_it, ()))


def _next_change(run: Run, before: PassKey, after: PassKey, given: str) -> Change | None:
    """Return what the next word's distribution was and is, where the forecast is sealed and is not that word's."""
    is_forecast = len(after.words) >= run.world.telling_index
    return _next_word(run, before, after) if given == SEALED and not is_forecast else None


def _changed_words(without: Distribution, with_it: Distribution, named: tuple[str, ...]) -> Changes:
    """Return the words that the world names, then the likeliest before and after, each with both probabilities."""
    likeliest = [word for one in (without, with_it) for word, _ in one.likeliest(2)]
    words = list(dict.fromkeys([*named, *likeliest]))[: max(MAX_WORDS, len(named))]
    return tuple((word, without.p(word), with_it.p(word)) for word in words)


# -- what was sealed --------------------------------------------------------------------------------------------------


def opening_at(run: Run, number: int) -> Opening | None:
    """Return what is opened at a turn (from 1): what earlier turns sealed, where figures are given again; None without any."""
    if run.world.telling is None:
        return None
    turn = run.turns[number - 1]
    if not _opens(run, number):
        return None
    key = key_after(turn)
    sealed = [placed for placed in placed_acts(key) if _is_sealed_before(run, placed, number)]
    if not sealed:
        return None
    left = first_departure(run.inspector, key.words)
    readings = [_act_reading(run.world, placed, SHOWN, _opened_change(run, key, placed, left), None) for placed in sealed]
    return Opening(tuple(readings))


def _opened_change(run: Run, key: PassKey, placed: PlacedAct, left: int | None) -> Change:
    """Return what an act did to the forecast; where the run ``left`` the template since, to the word with which it did."""
    without = leave_out(key, [placed])
    if left is not None and placed.at <= left:
        return _next_word(run, without.at(left), key.at(left))
    return _change(run, without, key)


def _opens(run: Run, number: int) -> bool:
    """Return whether figures are given at a turn that were not before: shown in its state, or spoken by its decoding."""
    turn = run.turns[number - 1]
    if turn.word is not None and len(turn.state.words) > run.world.telling_index:
        return True
    return given_in(run.world, turn.state) == SHOWN


def _is_sealed_before(run: Run, placed: PlacedAct, number: int) -> bool:
    """Return whether the effect of an act was withheld up to turn ``number`` and is not opened yet.

    What was not told because nobody asked is opened by the word, and by nothing before.
    """
    made = next(
        turn
        for turn in range(1, number + 1)
        if len(run.turns[turn - 1].state.acts) > placed.at and len(run.turns[turn - 1].state.acts[placed.at]) > placed.number
    )
    given, _ = _given_at(run, run.turns[made - 1])
    if given == ASKED:
        turn = run.turns[number - 1]
        return turn.word is not None and len(turn.state.words) == run.world.telling_index + 1
    if made == number or given != SEALED:
        return False
    return not any(_opens(run, turn) for turn in range(made + 1, number))


# -- as objects -------------------------------------------------------------------------------------------------------


def forecast_object(reading: ForecastReading | None) -> dict[str, object] | None:
    """Return the forecast as an object; None where there is none or it is sealed."""
    if reading is None:
        return None
    row: dict[str, object] = {"token": reading.token, "words": _rounded(reading.words), "top": _rounded(reading.top)}
    return row if reading.heard is None else {**row, "heard": reading.heard}


def reading_object(reading: ActReading) -> dict[str, object]:
    """Return the reading of an act as an object; what is not given is null, and the next word's change under ``next``."""
    row: dict[str, object] = {"type": "reading", **_act_object(reading)}
    if reading.given == SHOWN and reading.change:
        return {**row, **_change_object(reading.change)}
    row |= {"token": None, "before": None, "after": None, reading.given: True}
    if reading.change:
        row["next"] = _change_object(reading.change)
    if reading.opens_at:
        row["opens"] = list(reading.opens_at)
    return row


def opening_object(opening: Opening) -> dict[str, object]:
    """Return what was sealed as an object: each act with the words without it (``before``) and with it."""
    acts = [{**_act_object(one), **_change_object(one.change)} for one in opening.readings if one.change]
    return {"type": "opened", "acts": acts}


def _act_object(reading: ActReading) -> dict[str, object]:
    row: dict[str, object] = {"act": reading.act, "about": reading.about, "at": reading.token, "layers": list(reading.layers)}
    return {**row, "verb": reading.verb} if reading.verb else row


def _change_object(change: Change) -> dict[str, object]:
    before = _rounded(tuple((word, one) for word, one, _ in change.words))
    after = _rounded(tuple((word, other) for word, _, other in change.words))
    return {"token": change.token, "before": before, "after": after}


def _rounded(chances: Chances) -> list[list[object]]:
    return [[word, round(probability, DIGITS)] for word, probability in chances]
