"""The proof of a world against a walk over all of its whole states: what is met has a witness, what is not has none."""

from __future__ import annotations

import pytest

from fixtures_checker import brute, random_world, read
from forward_pass.checker.findings import witness_text
from forward_pass.checker.verify import Evidence, starts, verify
from forward_pass.checker.witness import Item, Witness
from forward_pass.network.passes import WrittenPass
from forward_pass.story.state import Prior
from forward_pass.story.world import World


@pytest.mark.parametrize("seed", range(100, 140))
def test_exactly_what_can_be_met_has_a_witness_and_the_likeliest_words_are_told_from_drawn_ones(seed: int) -> None:
    world = read(random_world(seed))
    evidence = verify(world, WrittenPass(world))
    texts = tuple(one for one in evidence.alternatives if one.form == "scene")
    for drawn in (False, True):
        whole = brute(world, drawn=drawn, alternatives=texts)
        expected = {Item("scene", mark[1]) for mark in whole.met if mark[0] == "place"}
        expected |= {Item(mark[0], mark[1]) for mark in whole.met if mark[0] in ("open", "offered")}
        expected |= {Item("shown", mark[1:]) for mark in whole.met if mark[0] == "shown"}
        assert met(evidence, likely=not drawn) == expected


def met(evidence: Evidence, *, likely: bool) -> set[Item]:
    found = {item for item in evidence.witnesses.met if evidence.witnesses.has(item, likely=likely)}
    return {item for item in found if item.kind != "shown" or item.name[0] == "scene"}


@pytest.mark.parametrize("seed", range(140, 150))
def test_every_witness_can_be_walked_again(seed: int) -> None:
    world = read(random_world(seed))
    evidence = verify(world, WrittenPass(world))
    for item, seen in list(evidence.witnesses.met.items()):
        before = len(evidence.witnesses.met)
        assert evidence.witnesses.follow(seen.facts, seen.path), item
        assert len(evidence.witnesses.met) == before


def test_a_path_that_is_not_open_is_followed_as_far_as_it_goes(first_light: World) -> None:
    evidence = verify(first_light, WrittenPass(first_light))
    assert not evidence.witnesses.follow(Prior(), [("read-question", None), ("leave-label", None)])
    assert evidence.witnesses.follow(Prior(), [("say-now", "nobody says this"), ("nod-along", None)])


def test_one_start_is_walked_unless_the_world_tells_runs_apart(first_light: World) -> None:
    assert starts(first_light) == [Prior()]


def test_a_run_is_told_in_its_choices_and_words() -> None:
    assert witness_text(Witness((("go-on", "two"), ("wait", None)), Prior(), likely=True)) == "go-on → 'two', wait"
    assert witness_text(Witness((), Prior(3), likely=True)) == "(instantiation 3, all endings found) at the very start"
