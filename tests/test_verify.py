"""The evidence of a check against a search over whole states: what is reached has a witness, what is not has none."""

from __future__ import annotations

import pytest

from fixtures_checker import brute, random_world, read
from forward_pass.checker.coverage import Item, ItemKind
from forward_pass.checker.findings import trace_text
from forward_pass.checker.text_coverage import TextKind
from forward_pass.checker.trace import Trace
from forward_pass.checker.verify import Evidence, starts, verify
from forward_pass.network.passes import WrittenPass
from forward_pass.story.state import Prior
from forward_pass.story.world import World

NOT_COUNTED = (ItemKind.WORD, ItemKind.CHOICE_TEXT)
"""Kinds of items that only one of the two counts."""


@pytest.mark.parametrize("seed", range(100, 140))
def test_exactly_what_can_be_reached_has_a_witness_and_the_likeliest_words_are_told_from_drawn_ones(seed: int) -> None:
    world = read(random_world(seed))
    evidence = verify(world, WrittenPass(world))
    texts = tuple(one for one in evidence.alternatives if one.text.kind is TextKind.SCENE)
    for drawn in (False, True):
        whole = brute(world, drawn=drawn, alternatives=texts)
        assert with_witness(evidence, drawn=drawn) == {item for item in whole.items if item.kind not in NOT_COUNTED}


def with_witness(evidence: Evidence, *, drawn: bool) -> set[Item]:
    witnesses = evidence.witnesses
    return {item for item in witnesses.by_item if witnesses.has(item, drawn=drawn) and item.kind not in NOT_COUNTED}


@pytest.mark.parametrize("seed", range(140, 150))
def test_every_witness_can_be_followed_again(seed: int) -> None:
    world = read(random_world(seed))
    witnesses = verify(world, WrittenPass(world)).witnesses
    for item, witness in list(witnesses.by_item.items()):
        before = len(witnesses.by_item)
        assert witnesses.follow(witness.trace), item
        assert len(witnesses.by_item) == before


def test_a_trace_that_is_not_open_is_followed_as_far_as_it_goes(first_light: World) -> None:
    witnesses = verify(first_light, WrittenPass(first_light)).witnesses
    assert not witnesses.follow(Trace(Prior(), (("read-question", None), ("leave-label", None))))
    assert witnesses.follow(Trace(Prior(), (("say-now", "no word of the pass"), ("nod-along", None))))


def test_one_start_is_explored_unless_the_world_tells_runs_apart(first_light: World) -> None:
    assert starts(first_light) == [Prior()]


def test_a_trace_is_shown_by_its_choices_and_words() -> None:
    assert trace_text(Trace(Prior(), (("go-on", "two"), ("wait", None)))) == "go-on → 'two', wait"
    assert trace_text(Trace(Prior(3))) == "(instantiation 3, all endings found, all scenes met) at the very start"
