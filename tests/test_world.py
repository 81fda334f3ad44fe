"""A world as data: what stands in it, and that it survives being kept as JSON."""

from __future__ import annotations

import json

import pytest

from conftest import TINY, built, changed
from forward_pass.network.passes import WrittenPass
from forward_pass.story.distribution import Distribution
from forward_pass.story.engine import initial_state
from forward_pass.story.expressions import Variable
from forward_pass.story.history import append, make_turn, new_run
from forward_pass.story.state import MAX_VISITS, Prior, increment
from forward_pass.story.world import COMMANDS, NOT_IDS, Threshold, World


def test_the_first_token_is_the_last_word_of_the_prompt_and_the_last_is_where_the_machine_ends(first_light: World) -> None:
    assert first_light.prompt[0] == "<doc>"
    assert first_light.prompt[-1] == "The"
    assert (first_light.first_token, first_light.last_token) == (len(first_light.prompt), 12)
    assert sorted(first_light.tokens) == [11, 12]


def test_its_head_says_what_the_pass_is_like(first_light: World) -> None:
    assert (first_light.layers, first_light.first_layer, first_light.boundary) == (12, 3, 9)
    assert (first_light.id, first_light.title, first_light.start) == ("first-light", "First Light", "waking")
    assert (first_light.acts_per_token, first_light.lasting_per_token) == (1, 1)
    assert first_light.lasting == {"label"}


def test_variables_and_thresholds_stand_in_the_order_of_their_indices(first_light: World) -> None:
    assert first_light.variables == (
        Variable("mood", 0, 0, 2, 0, words=("even", "curious", "stubborn")),
        Variable("reads", 1, 0, 3, 0),
        Variable("hurried", 2, 0, 1, 0, flag=True),
    )
    assert first_light.thresholds == (Threshold("dark_is_likely", "p", "dark", ">", 0.5),)


def test_a_variable_says_what_kind_of_thing_it_holds(first_light: World) -> None:
    kinds = [variable.kind for variable in first_light.variables]
    assert kinds == ["one of even, curious, stubborn", "number", "truth"]


def test_an_ending_has_a_title_and_no_choices_and_a_scene_has_choices_and_no_title(first_light: World) -> None:
    assert set(first_light.endings) == {"the-usual-order", "by-the-door", "half-said", "the-loop"}
    for key in first_light.scene_ids:
        scene = first_light.scene(key)
        assert bool(scene.title) == (key in first_light.endings) == (not scene.choices)
        assert [choice.id for choice in scene.choices] == list(scene.by_id)


def test_a_scene_is_compiled_once(first_light: World) -> None:
    assert first_light.scene("waking") is first_light.scene("waking")


def test_a_scene_that_there_is_not_is_a_key_error(first_light: World) -> None:
    with pytest.raises(KeyError):
        first_light.scene("nowhere")


def test_every_scene_and_every_choice_has_a_slot_of_its_own(first_light: World) -> None:
    scenes = [first_light.scene(key) for key in first_light.scene_ids]
    choices = [choice for scene in scenes for choice in scene.choices]
    assert [scene.slot for scene in scenes] == list(range(len(first_light.scene_ids)))
    assert sorted(choice.slot for choice in choices) == list(range(len(first_light.choice_ids)))
    assert {first_light.choice_ids[choice.slot] for choice in choices} == {choice.id for choice in choices}


def test_everything_says_where_it_was_written(first_light: World) -> None:
    for key in first_light.scene_ids:
        scene = first_light.scene(key)
        for place in (scene.place, *(choice.place for choice in scene.choices)):
            file, line, column = place.rsplit(":", 2)
            assert file.endswith(".yaml")
            assert int(line) >= 1
            assert int(column) >= 1


def test_a_note_says_its_words_and_which_of_them_carries_it() -> None:
    note = "acts:\n  label: {about: A label., lasts: true, note: Because the, carrier: the}\n\ntokens:\n"
    world = built(changed(TINY, ("tokens:\n", note)))
    assert world.note_words == {"label": (("Because", "the"), 1)}
    assert world.lasting == {"label"}


def test_a_span_is_where_its_words_stand_in_the_prompt() -> None:
    world = built(changed(TINY, ("tokens:\n", "spans:\n  reason: {word: Because}\n\ntokens:\n")))
    assert world.spans == {"reason": (3, 4)}


def test_a_world_that_was_kept_as_json_is_the_same_world(first_light: World) -> None:
    kept = World(json.loads(json.dumps(first_light.data)))

    def digests(world: World) -> list[str]:
        def last(distribution: Distribution, _token: int) -> str:
            return distribution.words[-1]

        run = new_run(world, WrittenPass(world), Prior())
        for choice in ("read-question", "to-slope", "leave-label", "wait-for-it", "retrace", "so-be-it"):
            run = append(run, make_turn(run, choice, last))
        texts = [world.scene(turn.state.scene).text(turn.state, run.measure) for turn in run.turns]
        return [turn.digest for turn in run.turns] + texts

    assert digests(kept) == digests(first_light)
    assert initial_state(kept, Prior()) == initial_state(first_light, Prior())


def test_no_command_of_play_may_be_an_id() -> None:
    assert {"undo", "quit", "help"} < set(COMMANDS)
    assert {*COMMANDS, "decode", "otherwise"} == NOT_IDS


def test_counting_stops_at_the_most_visits() -> None:
    counts = bytes((0, MAX_VISITS - 1, MAX_VISITS))
    assert increment(counts, 0) == bytes((1, MAX_VISITS - 1, MAX_VISITS))
    assert increment(counts, 1) == bytes((0, MAX_VISITS, MAX_VISITS))
    assert increment(counts, 2) is counts
