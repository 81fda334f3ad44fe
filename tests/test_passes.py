"""Written passes, whose words the world declares."""

from __future__ import annotations

from math import log

import pytest

from building import TINY, built, changed
from forward_pass.errors import ForwardPassError
from forward_pass.network.passes import WrittenPass, open_pass
from forward_pass.story.state import OPENING, Act, PassKey
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
    distribution = WrittenPass(world).distribution(PassKey(words, acts))
    return {word: round(distribution.p(word), 6) for word in distribution.words}


def test_a_written_pass_has_the_declared_distribution(world: World) -> None:
    assert chances(world, (), ()) == {"end": 0.9, "door": 0.1}
    assert WrittenPass(world).source == "written"


def test_the_first_case_whose_condition_holds_applies(world: World) -> None:
    assert chances(world, (), (LEAN,)) == {"door": 0.75, "end": 0.25}
    assert chances(world, (), (LEAN, LABEL)) == {"end": 1.0}
    assert chances(world, (), (LABEL,)) == {"end": 0.9, "door": 0.1}


def test_a_condition_can_depend_on_words_and_on_acts_by_token(world: World) -> None:
    assert chances(world, ("end",), (LEAN,), ()) == {"door": 1.0}
    assert chances(world, ("door",), (LEAN,), ()) == {"gate": 1.0}
    assert chances(world, ("door",), (), (LEAN,)) == {"lamp": 1.0}
    assert chances(world, ("door",), (), ()) == {"end": 1.0}


def test_distributions_are_cached_by_case(world: World) -> None:
    written = WrittenPass(world)
    first = written.distribution(OPENING.adding(LEAN))
    assert written.distribution(OPENING.adding(Act("lean", 8))) is first
    assert written.distribution(OPENING) is not first


def test_written_logits_are_rounded(world: World) -> None:
    assert list(WrittenPass(world).distribution(OPENING).logits) == [round(log(0.9), 6), round(log(0.1), 6)]


def test_a_token_with_one_case_has_one_distribution() -> None:
    written = WrittenPass(built(TINY))
    assert written.distribution(OPENING) is written.distribution(OPENING.adding(LEAN))


def test_the_lens_gives_the_same_distribution_at_every_layer(world: World) -> None:
    written = WrittenPass(world)
    assert written.lens(OPENING.adding(LEAN), 4) is written.distribution(OPENING.adding(LEAN))


def test_a_written_pass_has_no_probes_and_no_attention(world: World) -> None:
    written = WrittenPass(world)
    written.warm_up()
    assert written.probes == ()
    with pytest.raises(ForwardPassError, match=r"^Tiny has no model: there is no probe for doubt\.$"):
        written.probe(OPENING, 4, "doubt")
    with pytest.raises(ForwardPassError, match=r"^Tiny has no model: there are no layers to inspect\.$"):
        written.attention(OPENING, 4)


def test_a_world_without_a_model_opens_a_written_pass(world: World) -> None:
    written = open_pass(world)
    assert isinstance(written, WrittenPass)
    assert written.checksum is None
