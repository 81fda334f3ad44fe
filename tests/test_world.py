"""A world ready to be played: what stands in it, its indexes, and what its acts do."""

from __future__ import annotations

import pytest

from building import TINY, changed, loaded, tiny
from forward_pass.errors import Place
from forward_pass.story.interventions import Bend, Note
from forward_pass.story.nodes import NOWHERE, Threshold, Variable
from forward_pass.story.state import Act
from forward_pass.story.world import COMMANDS, World

ACTS = """\
acts:
  label: {about: A label., lasts: true, note: Because the, carrier: the}
  force: {about: A shove., bend: door, by: 0.5}

tokens:
"""


def test_the_first_token_is_the_last_word_of_the_prompt_and_the_last_is_where_the_machine_ends(first_light: World) -> None:
    assert first_light.prompt[0] == "<doc>"
    assert first_light.prompt[-1] == "The"
    assert (first_light.first_token, first_light.last_token) == (len(first_light.prompt), 12)
    assert sorted(first_light.tokens) == [11, 12]


def test_its_head_says_what_the_pass_is_like(first_light: World) -> None:
    assert (first_light.layers, first_light.first_layer, first_light.boundary) == (12, 3, 9)
    assert (first_light.id, first_light.title, first_light.start) == ("first-light", "First Light", "waking")
    assert (first_light.acts_per_token, first_light.lasting_per_token) == (1, 1)
    assert [act for act in first_light.acts if first_light.is_lasting(act)] == ["label"]


def test_variables_and_thresholds_stand_in_the_order_of_their_indices(first_light: World) -> None:
    assert tuple(variable._replace(place=NOWHERE) for variable in first_light.variables) == (
        Variable(NOWHERE, "mood", 0, 0, 2, 0, words=("even", "curious", "stubborn")),
        Variable(NOWHERE, "reads", 1, 0, 3, 0),
        Variable(NOWHERE, "hurried", 2, 0, 1, 0, flag=True),
    )
    assert [threshold[1:] for threshold in first_light.thresholds] == [("dark_is_likely", "p", "dark", ">", 0.5)]
    assert all(isinstance(threshold, Threshold) for threshold in first_light.thresholds)


def test_a_value_is_shown_as_its_variable_has_it(first_light: World) -> None:
    mood, reads, hurried = first_light.variables
    assert [mood.shown(1), reads.shown(1), hurried.shown(1), hurried.shown(0)] == ["curious", 1, True, False]
    assert [mood.text(1), reads.text(1), hurried.text(1), hurried.text(0)] == ["curious", "1", "true", "false"]


def test_an_ending_has_a_title_and_no_choices_and_a_scene_has_choices_and_no_title(first_light: World) -> None:
    assert set(first_light.endings) == {"the-usual-order", "by-the-door", "half-said", "the-loop"}
    for key in first_light.scene_ids:
        scene = first_light.scene(key)
        assert scene.id == key
        assert scene.node is first_light.scenes[key]
        assert bool(scene.title) == (key in first_light.endings) == (not scene.choices)
        assert [choice.id for choice in scene.choices] == list(scene.by_id)


def test_a_scene_is_compiled_once(first_light: World) -> None:
    assert first_light.scene("waking") is first_light.scene("waking")


def test_a_scene_that_there_is_not_is_a_key_error(first_light: World) -> None:
    with pytest.raises(KeyError):
        first_light.scene("nowhere")


def test_every_scene_and_every_choice_has_a_slot_of_its_own(first_light: World) -> None:
    assert [first_light.scenes[key].slot for key in first_light.scene_ids] == list(range(len(first_light.scene_ids)))
    assert [first_light.choices[key].slot for key in first_light.choice_ids] == list(range(len(first_light.choice_ids)))
    written = {choice.id for scene in first_light.story.scenes for choice in scene.choices}
    assert {*first_light.choice_ids} == written


def test_everything_says_where_it_was_written(first_light: World) -> None:
    for node in (*first_light.scenes.values(), *first_light.choices.values(), *first_light.tokens.values()):
        assert isinstance(node.place, Place)
        assert node.place.file.endswith(".yaml")
        assert node.place.line >= 1
        assert node.place.column >= 1


def test_an_act_is_an_intervention_that_begins_after_its_layer_or_where_its_own_is_fixed() -> None:
    world = tiny(("tokens:\n", ACTS))
    assert (world.act_start("label", 4), world.act_start("force", 4)) == (5, 9)
    assert world.intervention(Act("label", 5)) == Note(("Because", "the"), 1, layer=5)
    assert world.intervention(Act("force", 9)) == Bend("door", 0.5, layer=9)
    assert (world.is_lasting("label"), world.is_lasting("force")) == (True, False)


def test_an_act_of_a_written_world_may_be_no_more_than_a_name(first_light: World) -> None:
    assert first_light.intervention(Act("label", 5)) is None
    assert first_light.act_start("label", 5) == 6


def test_each_token_says_where_its_words_lead(first_light: World) -> None:
    for position, token in first_light.tokens.items():
        assert list(first_light.arrivals[position]) == [arrival.word for arrival in token.arrivals]
        for arrival in token.arrivals:
            targets = first_light.arrivals[position][arrival.word]
            assert [target.scene for target in targets] == [target.scene for target in arrival.goto.targets]


def test_a_span_is_where_its_words_stand_in_the_prompt() -> None:
    world = tiny(("tokens:\n", "spans:\n  reason: {word: Because}\n\ntokens:\n"))
    assert world.spans == {"reason": (3, 4)}


@pytest.mark.parametrize("word", [*COMMANDS, "decode", "otherwise"])
def test_no_command_of_play_may_be_an_id(word: str) -> None:
    text = changed(TINY, ("      go-on:", f"      {word}:"))
    (problem,) = loaded(("tiny.yaml", text)).problems
    assert (problem.code, problem.message) == ("E205", f"{word!r} is reserved in play; choose another name")
