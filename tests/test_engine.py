"""The rules of the machine, each as a sentence."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import log

import pytest

from conftest import built, changed
from forward_pass.errors import NotOfferedError
from forward_pass.network.passes import WrittenPass
from forward_pass.story.distribution import Distribution
from forward_pass.story.engine import decode, initial_state, is_ending, is_waiting, next_distribution, offers, scene_of, take
from forward_pass.story.state import MAX_VISITS, Act, Acts, Prior, State
from forward_pass.story.world import World

RULES = """\
format: 1
title: Rules
version: 1.0.0
layers: 12
waking: 3
boundary: 9
start: hall
prompt: Why? Because the
instantiations: 5
acts_per_token: 3
lasting_per_token: 1

variables:
  steps: {from: 0, to: 30}
  few: {from: -1, to: 1}
  mood: [even, odd]
  hurried: false

thresholds:
  end_likely: p('end') > 0.5
  end_unlikely: p('end') < 0.5

acts:
  lean: {about: A lean.}
  label: {about: A label., lasts: true}
  flag: {about: A flag., lasts: true}

tokens:
  5:
    written:
      - {if: acted(lean), say: {door: 0.6, end: 0.4}}
      - say: {end: 0.8, door: 0.2}
    then:
      end: porch
      otherwise: garden
  6:
    written: {end: 0.5, door: 0.5}
    then:
      otherwise:
        - {if: hurried, goto: half}
        - {if: "emitted('door', 5)", goto: half}
        - goto: whole

scenes:
  hall:
    text: A hall.
    choices:
      walk:
        say: Walk.
        cost: 2
        goto: hall
      stroll:
        say: Stroll.
        cost: 5
        goto: hall
      march:
        say: March.
        cost: 6
        goto: hall
      stand:
        say: Stand.
        cost: 0
        goto: hall
      count:
        say: Count.
        cost: 4
        do: [steps = layer, steps += steps, few += 5, mood = 'odd', hurried = steps > 5]
        goto: hall
      uncount:
        say: Uncount.
        do: few = 0 - 7
        goto: hall
      race:
        say: Race.
        cost: 6
        do: steps = 1
        cut: hurried = true
        goto: hall
      race-idly:
        say: Race idly.
        cost: 6
        do: hurried = true
        cut: nothing
        goto: hall
      lean-in:
        say: Lean in.
        cost: 2
        act: lean
        measure: end_likely
        goto:
          - {if: end_likely, goto: porch}
          - {if: layer == 5, goto: garden}
          - goto: hall
      lean-twice:
        say: Lean twice.
        act: [lean, lean]
        goto: hall
      put-label:
        say: Put a label.
        act: label
        goto: hall
      put-both:
        say: Put a flag and a label.
        act: [flag, label]
        goto: hall
      sit:
        say: Sit.
        once: true
        goto: hall
      wink:
        say: Wink.
        if: steps > 0
        goto: hall
      jump:
        say: Jump.
        needs: steps > 0
        why: Not one step was made{steps == 0:, not one}.
        goto: hall
      hum:
        say: Hum.
        needs: steps > 0
        why: "{steps > 0: why not}"
        goto: hall
      speak:
        say: Speak.
        act: label
        do: steps = 1
        goto: decode
      stop:
        say: Stop.
        goto: whole
  porch:
    text: A porch.
    choices:
      speak-up:
        say: Speak.
        goto: decode
  garden:
    text: A garden.
    choices:
      speak-low:
        say: Speak.
        goto: decode

endings:
  half:
    title: Half
    text: Half of it.
  whole:
    title: Whole
    text: All of it.
"""


class Table:
    """A world laid out to be played on: each play gives a state, and leaves the one it started from as it was."""

    def __init__(self, text: str = RULES) -> None:
        self.world = built(text)
        self.measure = WrittenPass(self.world)
        self.opening = initial_state(self.world, Prior())

    def take(self, *choices: str, state: State | None = None) -> State:
        """Return the state after some choices, from the opening or from ``state``."""
        state = state or self.opening
        for choice in choices:
            state = take(self.world, self.measure, state, choice)
        return state

    def offered(self, choice: str, state: State | None = None) -> bool:
        """Return whether a choice is there, open or closed."""
        return any(offer.choice.id == choice for offer in offers(self.world, self.measure, state or self.opening))

    def why(self, choice: str, state: State | None = None) -> str:
        """Return why a choice is closed."""
        found = offers(self.world, self.measure, state or self.opening)
        return next(offer.why for offer in found if offer.choice.id == choice)

    def cost(self, choice: str, state: State) -> int:
        """Return what a choice costs."""
        return next(offer.cost for offer in offers(self.world, self.measure, state) if offer.choice.id == choice)

    def variables(self, state: State) -> dict[str, int]:
        """Return the variables by name."""
        return {variable.name: state.variables[variable.slot] for variable in self.world.variables}

    def measured(self, state: State) -> dict[str, bool | None]:
        """Return the truths of the thresholds by name."""
        return {threshold.name: truth for threshold, truth in zip(self.world.thresholds, state.measured, strict=True)}

    def visits(self, state: State) -> dict[str, int]:
        """Return how often each scene was met."""
        return {scene: count for scene, count in zip(self.world.scene_ids, state.visits, strict=True) if count}

    def takings(self, state: State) -> dict[str, int]:
        """Return how often each choice was taken."""
        return {choice: count for choice, count in zip(self.world.choice_ids, state.taken, strict=True) if count}


@pytest.fixture(scope="module")
def table() -> Table:
    return Table()


# -- 1: a state is a value


def test_a_run_begins_at_the_first_token_at_its_waking_layer_in_the_first_scene(table: Table) -> None:
    state = table.opening
    assert (state.scene, state.token, state.layer) == ("hall", 5, 3)
    assert (state.words, state.acts, state.measured) == ((), ((),), (None, None))
    assert table.variables(state) == {"steps": 0, "few": -1, "mood": 0, "hurried": 0}
    assert table.visits(state) == {"hall": 1}
    assert table.takings(state) == {}


def test_an_instantiation_is_counted_only_as_far_as_the_world_tells_them_apart(table: Table) -> None:
    facts = Prior(instantiation=70, found=frozenset({"half"}))
    assert initial_state(table.world, facts).prior == Prior(instantiation=5, found=frozenset({"half"}))
    assert initial_state(table.world, Prior(instantiation=4)).prior.instantiation == 4


def test_take_gives_another_state_and_leaves_the_one_it_was_given(table: Table) -> None:
    before = initial_state(table.world, Prior())
    after = table.take("count", state=before)
    assert after != before
    assert before == table.opening


def test_the_same_choices_lead_to_equal_states_with_equal_hashes(table: Table) -> None:
    first, second = table.take("walk", "lean-in"), table.take("walk", "lean-in")
    assert first == second
    assert hash(first) == hash(second)


def test_a_choice_that_the_world_has_not_is_not_on_offer(table: Table) -> None:
    with pytest.raises(NotOfferedError, match=r"^'fly' is not on offer in 'hall'$"):
        table.take("fly")


def test_a_choice_of_another_scene_is_not_on_offer(table: Table) -> None:
    with pytest.raises(NotOfferedError, match=r"^'speak-up' is not on offer in 'hall'$"):
        table.take("speak-up")


def test_a_choice_that_is_not_open_raises_and_changes_nothing(table: Table) -> None:
    state = table.take("walk")
    copy = State(*state)
    with pytest.raises(NotOfferedError, match=r"^'jump' is closed: Not one step was made, not one\.$"):
        table.take("jump", state=state)
    assert state == copy


# -- 2: layers only rise


def test_a_choice_raises_the_layer_by_its_cost(table: Table) -> None:
    assert table.take("walk").layer == 5
    assert table.take("walk", "walk").layer == 7


def test_a_choice_that_costs_nothing_leaves_the_layer_as_it_is(table: Table) -> None:
    assert table.take("stand").layer == 3


def test_a_cost_that_would_reach_the_boundary_is_closed(table: Table) -> None:
    assert table.why("march") == "That takes 6 layers; there are 6."
    with pytest.raises(NotOfferedError, match=r"^'march' is closed: That takes 6 layers; there are 6\.$"):
        table.take("march")


def test_a_cost_that_stops_below_the_boundary_is_open(table: Table) -> None:
    assert table.why("stroll") == ""
    assert table.take("stroll").layer == 8


def test_the_reason_counts_one_layer_as_one(table: Table) -> None:
    state = table.take("stroll")
    assert table.why("walk", state) == "That takes 2 layers; there is 1."
    assert table.why("uncount", state) == "That takes 1 layer; there is 1."


def test_layers_rise_within_a_token_and_begin_again_at_its_waking(first_light: World) -> None:
    measure, chance = WrittenPass(first_light), random.Random(20)  # noqa: S311 - any walk will do
    for _ in range(200):
        state = initial_state(first_light, Prior())
        while not is_ending(first_light, state):
            choice = chance.choice([offer.choice.id for offer in offers(first_light, measure, state) if offer.open])
            after = take(first_light, measure, state, choice)
            assert state.layer <= after.layer <= first_light.boundary
            assert after.token == state.token
            if is_waiting(first_light, after):
                after = decode(first_light, after, chance.choice(next_distribution(measure, after).words))
                assert (after.layer, after.token) == (first_light.first_layer, state.token + 1)
            state = after


def test_a_choice_that_says_what_happens_when_it_is_cut_short_is_open_at_the_boundary(table: Table) -> None:
    offer = next(offer for offer in offers(table.world, table.measure, table.opening) if offer.choice.id == "race")
    assert (offer.open, offer.cost, offer.cut) == (True, 6, True)


def test_a_choice_cut_short_pays_what_is_left_and_has_the_effects_of_being_cut_short(table: Table) -> None:
    state = table.take("race")
    assert (state.layer, state.scene) == (9, "hall")
    assert is_waiting(table.world, state)
    assert table.variables(state) == {"steps": 0, "few": -1, "mood": 0, "hurried": 1}


def test_a_choice_cut_short_that_says_nothing_happens_has_no_effects(table: Table) -> None:
    assert table.take("race-idly").variables == table.opening.variables


def test_a_choice_that_could_be_cut_short_has_its_own_effects_where_the_layers_suffice() -> None:
    table = Table(changed(RULES, ("        cost: 6\n        do: steps = 1", "        cost: 5\n        do: steps = 1")))
    state = table.take("race")
    assert (state.layer, table.variables(state)["steps"], table.variables(state)["hurried"]) == (8, 1, 0)
    assert not next(offer for offer in offers(table.world, table.measure, table.opening) if offer.choice.id == "race").cut


def test_a_choice_that_lets_the_decoder_come_costs_whatever_is_left(table: Table) -> None:
    assert table.cost("speak", table.opening) == 6
    assert table.cost("speak", table.take("stroll")) == 1
    assert table.take("stroll", "speak").layer == 9


# -- 3: the order in which a choice is carried out


def test_interventions_begin_at_the_layer_after_the_present_one(table: Table) -> None:
    assert table.take("walk", "lean-twice").acts == ((Act("lean", 6), Act("lean", 6)),)


def test_interventions_stay_in_the_order_in_which_they_were_made(table: Table) -> None:
    assert table.take("put-label", "lean-twice").acts == ((Act("label", 4), Act("lean", 5), Act("lean", 5)),)


def test_effects_read_the_layer_before_the_cost_is_paid_and_each_sees_those_before_it(table: Table) -> None:
    state = table.take("count")
    assert state.layer == 7
    assert table.variables(state) == {"steps": 6, "few": 1, "mood": 1, "hurried": 1}


def test_a_variable_never_leaves_its_bounds(table: Table) -> None:
    assert table.variables(table.take("count"))["few"] == 1
    assert table.variables(table.take("count", "uncount"))["few"] == -1


def test_effects_do_not_see_the_choice_as_taken_yet() -> None:
    table = Table(changed(RULES, ("do: few = 0 - 7", "do: hurried = taken(uncount)")))
    assert table.variables(table.take("uncount"))["hurried"] == 0
    assert table.variables(table.take("uncount", "uncount"))["hurried"] == 1


def test_thresholds_are_measured_with_the_new_intervention_in_place(table: Table) -> None:
    state = table.take("lean-in")
    assert table.measured(state) == {"end_likely": False, "end_unlikely": None}


def test_where_a_choice_leads_is_decided_after_the_cost_is_paid(table: Table) -> None:
    assert table.take("lean-in").scene == "garden"
    assert table.take("stand", "walk", "lean-in").scene == "hall"


def test_where_a_choice_leads_may_hang_on_what_was_just_measured() -> None:
    table = Table(changed(RULES, ("        act: lean\n        measure: end_likely", "        measure: end_likely")))
    assert table.take("lean-in").scene == "porch"


def test_a_choice_counts_how_often_it_was_taken(table: Table) -> None:
    state = table.take("stand", "walk", "stand")
    assert table.takings(state) == {"stand": 2, "walk": 1}
    taken = {offer.choice.id for offer in offers(table.world, table.measure, state) if offer.taken}
    assert taken == {"stand", "walk"}


# -- what is on offer


def test_offers_stand_in_the_order_in_which_they_were_written(table: Table) -> None:
    offered = [offer.choice.id for offer in offers(table.world, table.measure, table.opening)]
    assert offered == [choice.id for choice in table.world.scene("hall").choices if choice.id != "wink"]


def test_a_choice_whose_condition_does_not_hold_is_not_there(table: Table) -> None:
    assert not table.offered("wink")
    with pytest.raises(NotOfferedError, match=r"^'wink' is not on offer in 'hall'$"):
        table.take("wink")
    assert table.take("count", "wink").scene == "hall"


def test_a_choice_whose_needs_are_not_met_is_there_and_closed_with_the_reason(table: Table) -> None:
    assert table.why("jump") == "Not one step was made, not one."
    assert table.why("jump", table.take("count")) == ""
    assert table.take("count", "jump").layer == 8


def test_a_reason_that_comes_out_empty_still_closes_the_choice(table: Table) -> None:
    assert table.why("hum") == "Not now."
    with pytest.raises(NotOfferedError, match=r"^'hum' is closed: Not now\.$"):
        table.take("hum")


def test_a_choice_for_once_is_gone_when_it_was_taken(table: Table) -> None:
    assert table.offered("sit")
    state = table.take("sit")
    assert not table.offered("sit", state)
    with pytest.raises(NotOfferedError, match=r"^'sit' is not on offer in 'hall'$"):
        table.take("sit", state=state)


def test_a_token_bears_no_more_interventions_than_the_world_says(table: Table) -> None:
    state = table.take("lean-twice")
    assert table.why("lean-twice", state) == "No more acts are possible at this token."
    assert table.why("put-label", state) == ""
    full = table.take("put-label", state=state)
    assert table.why("lean-in", full) == "No more acts are possible at this token."


def test_no_more_interventions_outlive_a_token_than_the_world_says(table: Table) -> None:
    state = table.take("put-label")
    assert table.why("put-label", state) == "No more lasting acts are possible at this token."
    assert table.why("lean-in", state) == ""
    assert table.why("put-both") == "No more lasting acts are possible at this token."


def test_a_world_may_let_more_interventions_outlive_a_token() -> None:
    table = Table(changed(RULES, ("lasting_per_token: 1", "lasting_per_token: 2")))
    assert table.take("put-both").acts == ((Act("flag", 4), Act("label", 4)),)
    assert table.take("put-label", "put-label").acts == ((Act("label", 4), Act("label", 5)),)


def test_the_next_token_bears_interventions_of_its_own() -> None:
    table = Table(changed(RULES, ("      end: porch", "      end: hall")))
    state = decode(table.world, table.take("put-label", "lean-twice", "race"), "end")
    assert table.why("put-label", state) == ""
    assert table.take("put-label", state=state).acts[1] == (Act("label", 4),)


# -- 4: the decoder


def test_every_threshold_is_measured_when_the_decoder_comes(table: Table) -> None:
    assert table.measured(table.take("speak")) == {"end_likely": True, "end_unlikely": False}
    assert table.measured(table.take("lean-twice", "speak")) == {"end_likely": False, "end_unlikely": True}
    assert table.measured(table.take("lean-twice", "race")) == {"end_likely": False, "end_unlikely": True}


def test_a_measured_truth_stands_until_it_is_measured_again(table: Table) -> None:
    state = decode(table.world, table.take("lean-twice", "race"), "door")
    assert table.measured(state) == {"end_likely": False, "end_unlikely": True}
    assert table.measured(table.take("speak-low", state=state)) == {"end_likely": False, "end_unlikely": False}


class Layered(WrittenPass):
    """A pass whose layers can be read: what is found there grows with the layer."""

    def lens(self, words: tuple[str, ...], acts: Acts, layer: int) -> Distribution:
        """Return a distribution that knows its layer."""
        assert (words, len(acts)) == ((), 1)
        return Distribution(("end", "door"), [log(layer / 10), log(1 - layer / 10)])

    def prompt_prediction(self, position: int) -> Distribution:
        """Raise: nobody asks."""
        raise AssertionError(position)

    def probe(self, words: tuple[str, ...], acts: Acts, layer: int, name: str) -> float:
        """Return a score that knows its layer."""
        assert (words, len(acts), name) == ((), 1, "doubt")
        return layer / 10 - 0.5


@pytest.mark.parametrize(
    ("choices", "truths"),
    [
        (("lean-in",), (False, None)),  # layer 5
        (("walk", "lean-in"), (True, None)),  # layer 7
        (("race",), (True, False)),  # the boundary, where both are measured
    ],
)
def test_what_is_read_off_a_layer_is_read_off_the_layer_at_which_the_choice_arrives(
    choices: tuple[str, ...], truths: tuple[bool, bool | None]
) -> None:
    rows = [["end_likely", "lens", "end", ">", 0.6], ["end_unlikely", "probe", "doubt", "<", 0.2]]
    world = World({**built(RULES).data, "thresholds": rows})
    state = initial_state(world, Prior())
    for choice in choices:
        state = take(world, Layered(world), state, choice)
    assert state.measured == truths


def test_a_world_without_thresholds_measures_nothing(tiny: Callable[..., World]) -> None:
    world = tiny()
    assert take(world, WrittenPass(world), initial_state(world, Prior()), "go-on").measured == ()


def test_a_choice_that_lets_the_decoder_come_intervenes_and_has_its_effects_first(table: Table) -> None:
    state = table.take("walk", "speak")
    assert (state.acts, table.variables(state)["steps"], state.scene) == (((Act("label", 6),),), 1, "hall")


def test_nothing_is_on_offer_while_a_word_is_awaited(table: Table) -> None:
    state = table.take("speak")
    assert is_waiting(table.world, state)
    assert offers(table.world, table.measure, state) == ()
    with pytest.raises(NotOfferedError, match=r"^'walk' is not on offer in 'hall'$"):
        table.take("walk", state=state)


def test_the_word_awaited_comes_from_the_finished_pass(table: Table) -> None:
    assert next_distribution(table.measure, table.take("speak")).p("end") == pytest.approx(0.8)
    assert next_distribution(table.measure, table.take("lean-twice", "race")).p("end") == pytest.approx(0.4)


def test_a_word_begins_the_next_token_at_its_waking_layer(table: Table) -> None:
    state = decode(table.world, table.take("speak"), "end")
    assert (state.scene, state.token, state.layer) == ("porch", 6, 3)
    assert (state.words, state.acts) == (("end",), ((Act("label", 4),), ()))


def test_a_word_that_the_token_does_not_name_leads_where_all_others_lead(table: Table) -> None:
    assert decode(table.world, table.take("speak"), "door").scene == "garden"
    assert decode(table.world, table.take("speak"), "zyzzyva").scene == "garden"


def test_no_word_is_taken_where_none_is_awaited(table: Table) -> None:
    with pytest.raises(NotOfferedError, match=r"^no word can be drawn at layer 3, before the boundary$"):
        decode(table.world, table.opening, "end")


# -- 5: targets and scenes


def test_a_target_is_the_first_whose_condition_holds(table: Table) -> None:
    def second(word: str, *choices: str) -> str:
        state = decode(table.world, table.take(*choices), word)
        return decode(table.world, table.take("speak-up" if word == "end" else "speak-low", state=state), "end").scene

    assert second("end", "speak") == "whole"
    assert second("door", "speak") == "half"
    assert second("end", "race") == "half"


def test_a_scene_is_counted_as_met_when_it_is_arrived_at(table: Table) -> None:
    assert table.visits(table.take("stand", "lean-in")) == {"hall": 2, "garden": 1}
    assert table.visits(decode(table.world, table.take("speak"), "end")) == {"hall": 1, "porch": 1}


def test_waiting_for_a_word_is_no_visit(table: Table) -> None:
    assert table.visits(table.take("speak")) == {"hall": 1}


def test_visits_and_takings_stop_counting_so_that_a_loop_has_finitely_many_states(table: Table) -> None:
    state = table.take(*["stand"] * (MAX_VISITS + 3))
    assert table.visits(state) == {"hall": MAX_VISITS}
    assert table.takings(state) == {"stand": MAX_VISITS}
    assert table.take("stand", state=state) == state


# -- 6: endings


def test_nothing_is_on_offer_at_an_ending_and_no_decoder_comes(table: Table) -> None:
    state = table.take("stop")
    assert is_ending(table.world, state)
    assert not is_ending(table.world, table.opening)
    assert not is_waiting(table.world, state)
    assert offers(table.world, table.measure, state) == ()
    assert scene_of(table.world, state).title == "Whole"
    with pytest.raises(NotOfferedError, match=r"^'walk' is not on offer in 'whole'$"):
        table.take("walk", state=state)
    with pytest.raises(NotOfferedError, match=r"^no word can be drawn at layer 4, before the boundary$"):
        decode(table.world, state, "end")
