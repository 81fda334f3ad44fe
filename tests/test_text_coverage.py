"""The alternatives of texts: in which states each is shown, and how many words stand in them."""

from __future__ import annotations

import pytest

from building import tiny
from forward_pass.checker.text_coverage import TextId, TextKind, alternatives, passages
from forward_pass.story.engine import initial_state
from forward_pass.story.state import Prior, State
from forward_pass.story.world import World

VARIABLES = ("tokens:\n", "variables:\n  n: {from: 0, to: 3, start: 0}\n  mood: [low, high]\n\ntokens:\n")
SCENE = TextId(TextKind.SCENE, "waking")


def world_with(text: str) -> World:
    """Return the smallest world with two variables and another text of its scene."""
    indented = text.replace("\n", "\n      ")
    return tiny(VARIABLES, ("    text: I was there.\n", f"    text: |\n      {indented}\n"))


def state_with(world: World, n: int, mood: int = 0, visits: int = 1) -> State:
    return initial_state(world, Prior())._replace(variables=(n, mood), visits=bytes((visits, 0)))


def shown(world: World, state: State) -> list[str]:
    """Return how the alternatives of the scene begin that are shown in a state."""
    return [one.words for one in alternatives(world) if one.text == SCENE and not one.silent and one.is_shown(state)]


CHAIN = "[n == 1] One.\n\n[n == 2] Two.\n\n[else] Neither.\n\nAlways.\n\n[n == 3] Three.\n\n[else] Not three."


@pytest.mark.parametrize(
    ("n", "words"),
    [(0, ["Neither.", "Not three."]), (1, ["One.", "Not three."]), (2, ["Two.", "Not three."]), (3, ["Neither.", "Three."])],
)
def test_an_else_stands_for_none_of_the_guards_above_it(n: int, words: list[str]) -> None:
    world = world_with(CHAIN)
    assert shown(world, state_with(world, n)) == words


def test_guards_after_an_else_begin_anew() -> None:
    world = world_with("[n == 1] One.\n\n[else] Not one.\n\n[n == 2] Two.\n\n[else] Not two.")
    assert shown(world, state_with(world, 1)) == ["One.", "Not two."]


def test_of_each_kind_of_alternatives_the_one_is_shown_that_a_player_would_read() -> None:
    world = world_with("{n > 1: Many {mood: low | high}. | Few.} {visit: First. | Second. | Later.}")
    assert shown(world, state_with(world, 2, mood=1, visits=2)) == ["Many {…}.", "high", "Second."]
    assert shown(world, state_with(world, 0, visits=9)) == ["Few.", "Later."]


def test_a_condition_with_nothing_on_its_other_side_has_a_silent_alternative() -> None:
    world = world_with("There{n > 1: , lit}.\n\n[n == 3] Three.")
    found = [(one.words, one.silent, one.place.line, one.place.column) for one in alternatives(world)]
    assert found == [
        (", lit", False, 23, 13),
        (", lit", True, 23, 13),
        ("Three.", False, 25, 8),
        ("Three.", True, 25, 8),
    ]


def test_the_alternatives_of_a_choice_are_numbered_through_its_texts() -> None:
    says = "        say: 'Go{n > 1: on}.'\n        then: '{mood: Low. | High.}'\n"
    world = tiny(VARIABLES, ("        say: Go on.\n", says))
    assert [(one.text.kind, one.item.number) for one in alternatives(world)] == [
        (TextKind.SAY, 0),
        (TextKind.SAY, 1),
        (TextKind.THEN, 2),
        (TextKind.THEN, 3),
    ]


def test_words_are_counted_once_each_and_what_is_measured_as_one() -> None:
    world = world_with("I am {n} years{n > 1: and a bit more | or less} old.\n\n[n == 3] Three.")
    counted = [(passage.words, passage.is_shown(state_with(world, 3))) for passage in passages(world.scenes["waking"].text)]
    assert counted == [(5, True), (4, True), (2, False), (1, True)]
