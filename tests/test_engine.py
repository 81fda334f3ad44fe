"""The rules of the machine, each as a sentence."""

from __future__ import annotations

import random

import pytest

from building import FakePass, built, changed, tiny
from forward_pass.errors import NotOfferedError
from forward_pass.network.passes import WrittenPass
from forward_pass.story.engine import (
    Availability,
    ChoiceClosedError,
    Status,
    availability,
    carry_out,
    closed_text,
    decode,
    initial_state,
    is_ending,
    is_waiting,
    offers,
    take,
    then_state,
)
from forward_pass.story.nodes import NOWHERE, Threshold
from forward_pass.story.state import MAX_VISITS, Act, Prior, State
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


class Machine:
    """A world and its pass; no method changes a state."""

    def __init__(self, text: str = RULES) -> None:
        self.world = built(text)
        self.port = WrittenPass(self.world)
        self.opening = initial_state(self.world, Prior())

    def take(self, *choices: str, state: State | None = None) -> State:
        """Return the state after some choices, from the opening or from ``state``."""
        state = state or self.opening
        for choice in choices:
            state = take(self.world, self.port, state, choice)
        return state

    def offer(self, choice: str, state: State | None = None) -> Availability | None:
        """Return the offer of a choice, None where it is not there."""
        return next((offer for offer in offers(self.world, state or self.opening) if offer.id == choice), None)

    def why(self, choice: str, state: State | None = None) -> str:
        """Return why a choice is closed, as it is shown; empty where it is open."""
        offer = self.offer(choice, state)
        assert offer is not None
        return closed_text(self.world, self.port, state or self.opening, offer)

    def refusal(self, choice: str, state: State | None = None) -> Status:
        """Return why a choice that is taken is closed."""
        with pytest.raises(ChoiceClosedError, match=f"^{choice} is closed") as caught:
            self.take(choice, state=state)
        return caught.value.closed.status

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
def machine() -> Machine:
    return Machine()


# -- 1: a state is a value


def test_a_run_begins_at_the_first_token_at_its_first_layer_in_the_first_scene(machine: Machine) -> None:
    state = machine.opening
    assert (state.scene, state.token, state.layer) == ("hall", 5, 3)
    assert (state.words, state.acts, state.measured) == ((), ((),), (None, None))
    assert machine.variables(state) == {"steps": 0, "few": -1, "mood": 0, "hurried": 0}
    assert machine.visits(state) == {"hall": 1}
    assert machine.takings(state) == {}


def test_an_instantiation_is_counted_only_as_far_as_the_world_tells_them_apart(machine: Machine) -> None:
    prior = Prior(instantiation=70, found=frozenset({"half"}))
    assert initial_state(machine.world, prior).prior == Prior(instantiation=5, found=frozenset({"half"}))
    assert initial_state(machine.world, Prior(instantiation=4)).prior.instantiation == 4


def test_take_gives_another_state_and_leaves_the_one_it_was_given(machine: Machine) -> None:
    before = initial_state(machine.world, Prior())
    after = machine.take("count", state=before)
    assert after != before
    assert before == machine.opening


def test_the_same_choices_lead_to_equal_states_with_equal_hashes(machine: Machine) -> None:
    first, second = machine.take("walk", "lean-in"), machine.take("walk", "lean-in")
    assert first == second
    assert hash(first) == hash(second)


def test_a_choice_that_the_world_has_not_is_not_on_offer(machine: Machine) -> None:
    with pytest.raises(NotOfferedError, match=r"^'fly' is not on offer in 'hall', nor anywhere: no choice has that id$"):
        machine.take("fly")


def test_a_choice_of_another_scene_is_not_on_offer(machine: Machine) -> None:
    with pytest.raises(NotOfferedError, match=r"^'speak-up' is not on offer in 'hall'$"):
        machine.take("speak-up")


def test_a_choice_that_is_not_open_raises_and_changes_nothing(machine: Machine) -> None:
    state = machine.take("walk")
    copy = State(*state)
    assert machine.refusal("jump", state) is Status.NEEDS
    assert state == copy


# -- 2: layers only rise


def test_a_choice_raises_the_layer_by_its_cost(machine: Machine) -> None:
    assert machine.take("walk").layer == 5
    assert machine.take("walk", "walk").layer == 7


def test_a_choice_that_costs_nothing_leaves_the_layer_as_it_is(machine: Machine) -> None:
    assert machine.take("stand").layer == 3


def test_a_cost_that_would_reach_the_boundary_is_closed(machine: Machine) -> None:
    assert machine.why("march") == "That takes 6 layers; there are 6."
    assert machine.refusal("march") is Status.LAYERS


def test_a_cost_that_stops_below_the_boundary_is_open(machine: Machine) -> None:
    assert machine.why("stroll") == ""
    assert machine.take("stroll").layer == 8


def test_the_reason_counts_one_layer_as_one(machine: Machine) -> None:
    state = machine.take("stroll")
    assert machine.why("walk", state) == "That takes 2 layers; there is 1."
    assert machine.why("uncount", state) == "That takes 1 layer; there is 1."


def test_layers_rise_within_a_token_and_begin_again_at_its_first(first_light: World) -> None:
    port, chance = WrittenPass(first_light), random.Random(20)  # noqa: S311 - any walk will do
    for _ in range(200):
        state = initial_state(first_light, Prior())
        while not is_ending(first_light, state):
            offer = chance.choice([offer for offer in offers(first_light, state) if offer.is_open])
            after = carry_out(first_light, port, state, offer)
            assert state.layer <= after.layer <= first_light.boundary
            assert after.token == state.token
            if is_waiting(first_light, after):
                after = decode(first_light, after, chance.choice(port.distribution(after.key).words))
                assert (after.layer, after.token) == (first_light.first_layer, state.token + 1)
            state = after


def test_a_choice_that_says_what_happens_when_it_is_cut_short_is_open_at_the_boundary(machine: Machine) -> None:
    offer = machine.offer("race")
    assert offer is not None
    assert (offer.is_open, offer.cost, offer.layer, offer.cut_short, offer.decoder_comes) == (True, 6, 9, True, True)


def test_a_choice_cut_short_pays_what_is_left_and_has_the_effects_of_being_cut_short(machine: Machine) -> None:
    state = machine.take("race")
    assert (state.layer, state.scene) == (9, "hall")
    assert is_waiting(machine.world, state)
    assert machine.variables(state) == {"steps": 0, "few": -1, "mood": 0, "hurried": 1}


def test_a_choice_cut_short_that_says_nothing_happens_has_no_effects(machine: Machine) -> None:
    assert machine.take("race-idly").variables == machine.opening.variables


def test_a_choice_that_could_be_cut_short_has_its_own_effects_where_the_layers_suffice() -> None:
    machine = Machine(changed(RULES, ("        cost: 6\n        do: steps = 1", "        cost: 5\n        do: steps = 1")))
    state = machine.take("race")
    assert (state.layer, machine.variables(state)["steps"], machine.variables(state)["hurried"]) == (8, 1, 0)
    offer = machine.offer("race")
    assert offer is not None
    assert not offer.cut_short


def test_a_choice_that_lets_the_decoder_come_costs_whatever_is_left(machine: Machine) -> None:
    for state, cost in ((machine.opening, 6), (machine.take("stroll"), 1)):
        offer = machine.offer("speak", state)
        assert offer is not None
        assert (offer.cost, offer.layer, offer.cut_short, offer.decoder_comes) == (cost, 9, False, True)
        assert machine.take("speak", state=state).layer == 9


def test_a_choice_that_leads_up_to_a_layer_costs_what_is_missing_and_is_not_there_from_that_layer_on() -> None:
    machine = Machine(changed(RULES, ("        cost: 5\n", "        until: 7\n")))
    for state, cost in ((machine.opening, 4), (machine.take("walk"), 2)):
        offer = machine.offer("stroll", state)
        assert offer is not None
        assert (offer.status, offer.cost, offer.layer) == (Status.OPEN, cost, 7)
        assert machine.take("stroll", state=state).layer == 7
    assert machine.offer("stroll", machine.take("walk", "walk")) is None


# -- 3: the order in which a choice is carried out


def test_interventions_begin_at_the_layer_after_the_present_one(machine: Machine) -> None:
    assert machine.take("walk", "lean-twice").acts == ((Act("lean", 6), Act("lean", 6)),)


def test_interventions_stay_in_the_order_in_which_they_were_made(machine: Machine) -> None:
    assert machine.take("put-label", "lean-twice").acts == ((Act("label", 4), Act("lean", 5), Act("lean", 5)),)


def test_effects_read_the_layer_before_the_cost_is_paid_and_each_sees_those_before_it(machine: Machine) -> None:
    state = machine.take("count")
    assert state.layer == 7
    assert machine.variables(state) == {"steps": 6, "few": 1, "mood": 1, "hurried": 1}


def test_a_variable_never_leaves_its_bounds(machine: Machine) -> None:
    assert machine.variables(machine.take("count"))["few"] == 1
    assert machine.variables(machine.take("count", "uncount"))["few"] == -1


def test_effects_do_not_see_the_choice_as_taken_yet() -> None:
    machine = Machine(changed(RULES, ("do: few = 0 - 7", "do: hurried = taken(uncount)")))
    assert machine.variables(machine.take("uncount"))["hurried"] == 0
    assert machine.variables(machine.take("uncount", "uncount"))["hurried"] == 1


def test_thresholds_are_measured_with_the_new_intervention_in_place(machine: Machine) -> None:
    state = machine.take("lean-in")
    assert machine.measured(state) == {"end_likely": False, "end_unlikely": None}


def test_where_a_choice_leads_is_decided_after_the_cost_is_paid(machine: Machine) -> None:
    assert machine.take("lean-in").scene == "garden"
    assert machine.take("stand", "walk", "lean-in").scene == "hall"


def test_where_a_choice_leads_may_hang_on_what_was_just_measured() -> None:
    machine = Machine(changed(RULES, ("        act: lean\n        measure: end_likely", "        measure: end_likely")))
    assert machine.take("lean-in").scene == "porch"


def test_a_choice_counts_how_often_it_was_taken(machine: Machine) -> None:
    state = machine.take("stand", "walk", "stand")
    assert machine.takings(state) == {"stand": 2, "walk": 1}
    assert {offer.id for offer in offers(machine.world, state) if offer.taken} == {"stand", "walk"}


# -- what is on offer


def test_offers_stand_in_the_order_in_which_they_were_written(machine: Machine) -> None:
    offered = [offer.id for offer in offers(machine.world, machine.opening)]
    assert offered == [choice.id for choice in machine.world.scene("hall").choices if choice.id != "wink"]


def test_whether_a_choice_is_offered_and_open_has_one_answer_for_every_choice(machine: Machine) -> None:
    statuses = {Status.OPEN, Status.ABSENT, Status.NEEDS, Status.ACTS, Status.LASTING, Status.LAYERS, Status.USED}
    state = machine.take("sit", "put-label", "lean-twice")
    every = [availability(machine.world, state, choice) for choice in machine.world.scene("hall").choices]
    fewer = [availability(machine.world, machine.take("put-label"), choice) for choice in machine.world.scene("hall").choices]
    assert {offer.status for offer in (*every, *fewer)} == statuses
    assert tuple(offer for offer in every if offer.is_offered) == offers(machine.world, state)
    assert all(offer.is_offered for offer in every if offer.is_open)


def test_only_a_closed_offer_has_a_reason(machine: Machine) -> None:
    for offer in offers(machine.world, machine.take("put-label")):
        assert bool(closed_text(machine.world, machine.port, machine.opening, offer)) == (not offer.is_open)


def test_a_choice_whose_condition_does_not_hold_is_not_there(machine: Machine) -> None:
    assert machine.offer("wink") is None
    with pytest.raises(NotOfferedError, match=r"^'wink' is not on offer in 'hall'$"):
        machine.take("wink")
    assert machine.take("count", "wink").scene == "hall"


def test_a_choice_whose_needs_are_not_met_is_there_and_closed_with_the_reason(machine: Machine) -> None:
    assert machine.why("jump") == "Not one step was made, not one."
    assert machine.why("jump", machine.take("count")) == ""
    assert machine.take("count", "jump").layer == 8


def test_a_reason_that_comes_out_empty_still_closes_the_choice(machine: Machine) -> None:
    assert machine.why("hum") == "Not now."
    assert machine.refusal("hum") is Status.NEEDS


def test_a_choice_for_once_is_gone_when_it_was_taken(machine: Machine) -> None:
    assert machine.offer("sit")
    state = machine.take("sit")
    assert machine.offer("sit", state) is None
    with pytest.raises(NotOfferedError, match=r"^'sit' is not on offer in 'hall'$"):
        machine.take("sit", state=state)


def test_a_token_bears_no_more_interventions_than_the_world_says(machine: Machine) -> None:
    state = machine.take("lean-twice")
    assert machine.why("lean-twice", state) == "No more acts are possible at this token."
    assert machine.why("put-label", state) == ""
    full = machine.take("put-label", state=state)
    assert machine.why("lean-in", full) == "No more acts are possible at this token."
    assert machine.refusal("lean-in", full) is Status.ACTS


def test_no_more_interventions_outlive_a_token_than_the_world_says(machine: Machine) -> None:
    state = machine.take("put-label")
    assert machine.why("put-label", state) == "No more lasting acts are possible at this token."
    assert machine.why("lean-in", state) == ""
    assert machine.why("put-both") == "No more lasting acts are possible at this token."
    assert machine.refusal("put-both") is Status.LASTING


def test_a_world_may_let_more_interventions_outlive_a_token() -> None:
    machine = Machine(changed(RULES, ("lasting_per_token: 1", "lasting_per_token: 2")))
    assert machine.take("put-both").acts == ((Act("flag", 4), Act("label", 4)),)
    assert machine.take("put-label", "put-label").acts == ((Act("label", 4), Act("label", 5)),)


def test_the_next_token_bears_interventions_of_its_own() -> None:
    machine = Machine(changed(RULES, ("      end: porch", "      end: hall")))
    state = decode(machine.world, machine.take("put-label", "lean-twice", "race"), "end")
    assert machine.why("put-label", state) == ""
    assert machine.take("put-label", state=state).acts[1] == (Act("label", 4),)


# -- 4: the decoder


def test_every_threshold_is_measured_when_the_decoder_comes(machine: Machine) -> None:
    assert machine.measured(machine.take("speak")) == {"end_likely": True, "end_unlikely": False}
    assert machine.measured(machine.take("lean-twice", "speak")) == {"end_likely": False, "end_unlikely": True}
    assert machine.measured(machine.take("lean-twice", "race")) == {"end_likely": False, "end_unlikely": True}


def test_a_measured_truth_stands_until_it_is_measured_again(machine: Machine) -> None:
    state = decode(machine.world, machine.take("lean-twice", "race"), "door")
    assert machine.measured(state) == {"end_likely": False, "end_unlikely": True}
    assert machine.measured(machine.take("speak-low", state=state)) == {"end_likely": False, "end_unlikely": False}


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
    lens = Threshold(NOWHERE, "end_likely", "lens", "two", ">", 0.06)
    probe = Threshold(NOWHERE, "end_unlikely", "probe", "nonsense", "<", 2)
    world = World(built(RULES).story._replace(thresholds=(lens, probe)))
    state = initial_state(world, Prior())
    for choice in choices:
        state = take(world, FakePass(), state, choice)
    assert state.measured == truths


def test_a_world_without_thresholds_measures_nothing() -> None:
    world = tiny()
    assert take(world, WrittenPass(world), initial_state(world, Prior()), "go-on").measured == ()


def test_a_choice_that_lets_the_decoder_come_intervenes_and_has_its_effects_first(machine: Machine) -> None:
    state = machine.take("walk", "speak")
    assert (state.acts, machine.variables(state)["steps"], state.scene) == (((Act("label", 6),),), 1, "hall")


def test_nothing_is_on_offer_while_a_word_is_awaited(machine: Machine) -> None:
    state = machine.take("speak")
    assert is_waiting(machine.world, state)
    assert offers(machine.world, state) == ()
    with pytest.raises(NotOfferedError, match=r"^'walk' is not on offer in 'hall'$"):
        machine.take("walk", state=state)


def test_the_word_awaited_comes_from_the_finished_pass(machine: Machine) -> None:
    assert machine.port.distribution(machine.take("speak").key).p("end") == pytest.approx(0.8)
    assert machine.port.distribution(machine.take("lean-twice", "race").key).p("end") == pytest.approx(0.4)


def test_a_word_begins_the_next_token_at_its_first_layer(machine: Machine) -> None:
    state = decode(machine.world, machine.take("speak"), "end")
    assert (state.scene, state.token, state.layer) == ("porch", 6, 3)
    assert (state.words, state.acts) == (("end",), ((Act("label", 4),), ()))


def test_a_word_that_the_token_does_not_name_leads_where_all_others_lead(machine: Machine) -> None:
    assert decode(machine.world, machine.take("speak"), "door").scene == "garden"
    assert decode(machine.world, machine.take("speak"), "zyzzyva").scene == "garden"


def test_no_word_is_taken_where_none_is_awaited(machine: Machine) -> None:
    with pytest.raises(NotOfferedError, match=r"^no word can be drawn at layer 3, before the boundary$"):
        decode(machine.world, machine.opening, "end")


def test_what_a_choice_says_is_read_before_the_decoder_comes_and_otherwise_where_the_choice_leads(machine: Machine) -> None:
    before, after = machine.opening, machine.take("walk")
    assert then_state(before, after, decoded=False) == after
    assert then_state(before, after, decoded=True) == before


# -- 5: targets and scenes


def test_a_target_is_the_first_whose_condition_holds(machine: Machine) -> None:
    def second(word: str, *choices: str) -> str:
        state = decode(machine.world, machine.take(*choices), word)
        return decode(machine.world, machine.take("speak-up" if word == "end" else "speak-low", state=state), "end").scene

    assert second("end", "speak") == "whole"
    assert second("door", "speak") == "half"
    assert second("end", "race") == "half"


def test_a_scene_is_counted_as_met_when_it_is_arrived_at(machine: Machine) -> None:
    assert machine.visits(machine.take("stand", "lean-in")) == {"hall": 2, "garden": 1}
    assert machine.visits(decode(machine.world, machine.take("speak"), "end")) == {"hall": 1, "porch": 1}


def test_waiting_for_a_word_is_no_visit(machine: Machine) -> None:
    assert machine.visits(machine.take("speak")) == {"hall": 1}


def test_visits_and_takings_stop_counting_so_that_a_loop_has_finitely_many_states(machine: Machine) -> None:
    state = machine.take(*["stand"] * (MAX_VISITS + 3))
    assert machine.visits(state) == {"hall": MAX_VISITS}
    assert machine.takings(state) == {"stand": MAX_VISITS}
    assert machine.take("stand", state=state) == state


# -- 6: endings


def test_nothing_is_on_offer_at_an_ending_and_no_decoder_comes(machine: Machine) -> None:
    state = machine.take("stop")
    assert is_ending(machine.world, state)
    assert not is_ending(machine.world, machine.opening)
    assert not is_waiting(machine.world, state)
    assert offers(machine.world, state) == ()
    assert machine.world.scene(state.scene).title == "Whole"
    with pytest.raises(NotOfferedError, match=r"^'walk' is not on offer in 'whole'$"):
        machine.take("walk", state=state)
    with pytest.raises(NotOfferedError, match=r"^no word can be drawn at layer 4, before the boundary$"):
        decode(machine.world, state, "end")
