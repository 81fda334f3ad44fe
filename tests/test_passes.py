"""The pass whose words the world declares."""

from __future__ import annotations

from math import log

import pytest

from conftest import TINY, built, changed
from forward_pass.errors import ForwardPassError
from forward_pass.network.passes import WrittenPass, open_pass
from forward_pass.story.state import Act
from forward_pass.story.world import World

CASES = """\
    written:
      - {if: "acted(lean) and acted(label, 5)", say: {end: 1.0}}
      - {if: acted(lean), say: {door: 0.75, end: 0.25}}
      - say: {end: 0.9, door: 0.1}
    then:
      otherwise: later
  6:
    written:
      - {if: token == 5, say: {wrong: 1.0}}
      - {if: "emitted('end', 5)", say: {door: 1.0}}
      - {if: "acted(lean, 6)", say: {lamp: 1.0}}
      - {if: "acted(lean, 5)", say: {gate: 1.0}}
      - say: {end: 1.0}
    then:
      otherwise: done
"""
ACTS = "acts:\n  lean: {about: A lean.}\n  label: {about: A label., lasts: true}\n\ntokens:\n"
LATER = """\
  later:
    text: Later.
    choices:
      go-further:
        say: Go further.
        goto: decode

endings:
"""
LEAN, LABEL = Act("lean", 4), Act("label", 5)


@pytest.fixture(scope="module")
def world() -> World:
    written = "    written: {end: 0.9, door: 0.1}\n    then:\n      otherwise: done\n"
    return built(changed(TINY, (written, CASES), ("tokens:\n", ACTS), ("endings:\n", LATER)))


def chances(world: World, words: tuple[str, ...], *acts: tuple[Act, ...]) -> dict[str, float]:
    distribution = WrittenPass(world).distribution(words, acts)
    return {word: round(distribution.p(word), 6) for word in distribution.words}


def test_a_written_pass_says_what_the_world_declares(world: World) -> None:
    assert chances(world, (), ()) == {"end": 0.9, "door": 0.1}
    assert WrittenPass(world).source == "written"


def test_the_first_case_whose_condition_holds_is_declared(world: World) -> None:
    assert chances(world, (), (LEAN,)) == {"door": 0.75, "end": 0.25}
    assert chances(world, (), (LEAN, LABEL)) == {"end": 1.0}
    assert chances(world, (), (LABEL,)) == {"end": 0.9, "door": 0.1}


def test_a_case_may_ask_what_was_said_and_what_was_done_at_which_token(world: World) -> None:
    assert chances(world, ("end",), (LEAN,), ()) == {"door": 1.0}
    assert chances(world, ("door",), (LEAN,), ()) == {"gate": 1.0}
    assert chances(world, ("door",), (), (LEAN,)) == {"lamp": 1.0}
    assert chances(world, ("door",), (), ()) == {"end": 1.0}


def test_the_same_question_has_the_same_answer_and_is_worked_out_once(world: World) -> None:
    measure = WrittenPass(world)
    first = measure.distribution((), ((LEAN,),))
    assert measure.distribution((), ((Act("lean", 8),),)) is first
    assert measure.distribution((), ((),)) is not first


def test_its_logits_are_rounded_so_that_every_machine_sees_the_same_ties(world: World) -> None:
    assert list(WrittenPass(world).distribution((), ((),)).logits) == [round(log(0.9), 6), round(log(0.1), 6)]


def test_a_token_with_one_case_only_has_one_answer() -> None:
    measure = WrittenPass(built(TINY))
    assert measure.distribution((), ((),)) is measure.distribution((), ((LEAN,),))


def test_read_at_any_layer_it_says_the_same(world: World) -> None:
    measure = WrittenPass(world)
    assert measure.lens((), ((LEAN,),), 4) is measure.distribution((), ((LEAN,),))


def test_it_has_no_layers_that_could_be_looked_into(world: World) -> None:
    measure = WrittenPass(world)
    measure.warm_up()
    assert measure.probes == ()
    with pytest.raises(ForwardPassError, match=r"^The words of Tiny are written: there is nothing to probe for doubt\.$"):
        measure.probe((), ((),), 4, "doubt")
    with pytest.raises(ForwardPassError, match=r"^The words of Tiny are written: there are no layers to look into\.$"):
        measure.attention((), ((),), 4)


def test_a_world_that_names_no_model_is_played_on_its_written_words(world: World) -> None:
    measure = open_pass(world)
    assert isinstance(measure, WrittenPass)
    assert measure.checksum is None
