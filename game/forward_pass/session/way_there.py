"""How to come to a scene: a search for choices that lead there, at temperature 0. Measures passes that are in no table."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from forward_pass.errors import ForwardPassError, UsageError, did_you_mean
from forward_pass.story.compile import Value, compile_expression
from forward_pass.story.engine import Availability, carry_out, decode, initial_state, is_ending, is_waiting, offers, outcome_of
from forward_pass.story.grammar import ExpressionError, Scope, parse_condition
from forward_pass.story.state import Prior, State

if TYPE_CHECKING:
    from forward_pass.story.ports import PassPort
    from forward_pass.story.world import World

MAX_TRIED = 300_000  # choices
SET_TO = re.compile(r"(?<![=!<>])=(?!=)")

Place = tuple[int, str]
"""A token and a scene at it."""


def condition_on(world: World, text: str) -> Value:
    """Return a condition of a world, typed outside of its files; ``coins = 3`` is taken for ``coins == 3``.

    Raises ``UsageError`` where it is none.
    """
    story = world.story
    scope = Scope(
        variables={variable.name: variable for variable in story.variables},
        thresholds={threshold.name: index for index, threshold in enumerate(story.thresholds)},
        scenes={scene: node.slot for scene, node in world.scenes.items()},
        choices={choice: node.slot for choice, node in world.choices.items()},
        endings=world.endings,
        acts={name: act.fixed_layer for name, act in world.acts.items()},
        boundary=world.boundary,
        decoded=(world.first_token, world.last_token),
        telling=world.telling_index,
    )
    try:
        return compile_expression(parse_condition(SET_TO.sub("==", text), scope))
    except ExpressionError as error:
        near = did_you_mean(error.unknown, [name for names in error.known for name in names]) if error.unknown else ""
        raise UsageError(f"--with {text!r}: {error.message}{near}") from None


def way_to(world: World, port: PassPort, scene: str, prior: Prior, condition: Value | None = None) -> list[str]:
    """Return choices that lead to a scene or an ending, where a condition holds there if one is given.

    Raises ``UsageError`` where there are none, or none are found.
    """
    from forward_pass.checker.pass_table import PassTable  # noqa: PLC0415 - play begins without the checker

    if scene not in world.scenes:
        raise UsageError(f"there is no scene {scene!r}{did_you_mean(scene, list(world.scenes))}")
    table = PassTable(world, port, 0)
    table.read_table(shipped_only=True)
    away = choices_away(world, scene)
    opening = initial_state(world, prior)
    order, met, seen = count(), Counter[tuple[object, ...]](), {opening}
    frontier: list[tuple[int, int, State, tuple[str, ...]]] = [(0, next(order), opening, ())]
    while frontier and next(order) < MAX_TRIED:
        _, _, state, path = heapq.heappop(frontier)
        if state.scene == scene and (condition is None or condition(state)):
            return list(path)
        for offer in offers(world, state):
            after = _after(world, table, state, offer)
            if after is None or after in seen or (after.token, after.scene) not in away:
                continue
            seen.add(after)
            kind = (after.token, after.scene, after.words, after.variables)
            met[kind] += 1
            distance = away[after.token, after.scene] + met[kind]
            heapq.heappush(frontier, (distance, next(order), after, (*path, offer.id)))
    which = " on which that holds" if condition else ""
    raise UsageError(f"no run to the scene {scene!r}{which} was found: forward-pass check says whether there is one")


def _after(world: World, port: PassPort, state: State, offer: Availability) -> State | None:
    """Return the state after an offer, with the likeliest word where the decoder comes; None where it is closed."""
    if not offer.is_open or is_ending(world, state):
        return None
    try:
        after = carry_out(world, port, state, offer)
        if not is_waiting(world, after):
            return after
        word = port.distribution(after.key).best
        return decode(world, after, word, outcome_of(world, port, after, word))
    except ForwardPassError:  # pragma: no cover - a pass that the model refuses
        return None


def choices_away(world: World, target: str) -> dict[Place, int]:
    """Return how many choices each scene at each token is from a scene or an ending, if every condition held."""
    before: dict[Place, set[Place]] = {}
    for token in world.story.tokens:
        for scene in world.story.scenes:
            here = (token.position, scene.id)
            for choice in scene.choices:
                if not choice.decodes:
                    for case in choice.goto.targets:
                        before.setdefault((token.position, case.scene), set()).add(here)
                if choice.decodes or choice.cut is not None:
                    for case in (case for arrival in token.arrivals for case in arrival.goto.targets):
                        before.setdefault((token.position + 1, case.scene), set()).add(here)
    places = {place for place in before if place[1] == target} | {(world.first_token, target)}
    away = dict.fromkeys(places, 0)
    layer = list(away)
    while layer:
        following = {one for place in layer for one in before.get(place, ()) if one not in away}
        away |= dict.fromkeys(following, away[layer[0]] + 1)
        layer = list(following)
    return away
