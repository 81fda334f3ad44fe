"""The control walk against a brute one, and what it says of worlds in which one thing is broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conftest import WORLDS
from fixtures_checker import brute, modelled_world, random_world, read
from forward_pass.checker.explorer import Explorer, Limits
from forward_pass.checker.nondeterministic_pass import NondeterministicPass
from forward_pass.checker.pass_table import PassTable
from forward_pass.checker.text_coverage import alternatives
from forward_pass.loading.loader import read_world
from forward_pass.network.passes import WrittenPass, open_pass
from forward_pass.story.engine import decode, initial_state, is_waiting, take
from forward_pass.story.state import Prior
from forward_pass.story.world import World
from made_worlds import counter_world


def walked(world: World, *, drawn: bool = False, watch: bool = False, limits: Limits | None = None) -> Explorer:
    watched = alternatives(world) if watch else ()
    walk = Explorer(world, PassTable(world, WrittenPass(world), 0), [Prior()], drawn=drawn, watched=watched, limits=limits)
    walk.run()
    return walk


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("drawn", [False, True])
def test_the_walk_meets_what_a_walk_over_whole_states_meets_and_nothing_else(seed: int, drawn: bool) -> None:  # noqa: FBT001
    world = read(random_world(seed))
    texts = tuple(alternatives(world))
    whole = brute(world, drawn=drawn, alternatives=texts)
    plain, sliced = walked(world, drawn=drawn), walked(world, drawn=drawn, watch=True)
    for walk in (plain, sliced):
        assert {("place", *walk.place_of(state)) for state in walk.parents} == {
            mark for mark in whole.met if mark[0] == "place"
        }
        assert {("stall", walk.place_of(state).scene) for state in walk.stalls} == {
            mark for mark in whole.met if mark[0] == "stall"
        }
        for kind in ("open", "offered", "word"):
            assert {mark for mark in walk.marks if mark[0] == kind} == {mark for mark in whole.met if mark[0] == kind}
    shown = {mark for mark in sliced.marks if mark[:2] == ("shown", "scene")}
    assert shown == {mark for mark in whole.met if mark[:2] == ("shown", "scene")}
    assert len(plain.parents) <= len(sliced.parents) <= len(whole.states)


# -- what is left out of a state, and how large it may grow ---------------------------------------------------------------


def test_what_nothing_reads_is_in_no_state() -> None:
    walk = walked(firsts())
    names = {field[0] for field in walk.layout.slots}
    assert ("variable", 0) not in walk.layout.slots, "mood chooses only text"
    assert "visits" not in names, "which scenes were met chooses only text"
    assert len(walk.parents) == 34


def firsts() -> World:
    reading = read_world(WORLDS / "first-light")
    assert reading.data is not None
    return World(reading.data)


def test_every_state_has_a_path_that_the_engine_can_walk() -> None:
    world = firsts()
    measure = WrittenPass(world)
    walk = walked(world, drawn=True)
    for packed in walk.parents:
        number, path = walk.path(packed)
        assert number == 0
        state = initial_state(world, Prior())
        for choice, word in path:
            state = take(world, measure, state, choice)
            if is_waiting(world, state):
                assert word is not None
                state = decode(world, state, word)
        assert (state.scene, state.token) == walk.place_of(packed)


def test_the_walk_of_a_large_world_is_whole_and_small() -> None:
    walk = walked(read(counter_world(12)))
    assert len(walk.parents) == 4 * 2**12 + 2
    assert walk.merged == walk.transitions + 1 - len(walk.parents)
    assert not walk.exhausted


def test_a_walk_that_comes_to_its_limit_says_so() -> None:
    walk = walked(read(counter_world(12)), limits=Limits(states=1000))
    assert walk.exhausted
    assert len(walk.parents) < 4 * 2**12


# -- with a model ---------------------------------------------------------------------------------------------------------


def marks(walk: Explorer, *kinds: str) -> set[tuple[Any, ...]]:
    """Return what a walk met of some kinds, and the scenes at their tokens."""
    return {mark for mark in walk.marks if mark[0] in kinds} | {("place", *walk.place_of(state)) for state in walk.parents}


def test_a_walk_of_a_model_meets_what_a_walk_over_whole_states_meets(tmp_path: Path) -> None:
    world = modelled_world(tmp_path / "modelled")
    texts = tuple(alternatives(world))
    whole = brute(world, drawn=False, alternatives=texts)
    walk = Explorer(world, PassTable(world, open_pass(world), 10_000), [Prior()], watched=texts)
    walk.run()
    assert not walk.supposed
    assert marks(walk, "open", "offered", "word", "shown") == whole.met
    assert len(walk.parents) <= len(whole.states)


@pytest.mark.parametrize("most", [0, 1, 4, 9])
def test_an_abstract_walk_meets_everything_that_a_measured_one_meets(tmp_path: Path, most: int) -> None:
    world = modelled_world(tmp_path / "modelled")
    walks = []
    for allowed in (most, 10_000):
        walks.append(Explorer(world, PassTable(world, open_pass(world), allowed), [Prior()], watched=alternatives(world)))
        walks[-1].run()
    supposed, measured = walks
    assert supposed.supposed
    assert supposed.decodings.measured <= most
    kinds = ("open", "offered", "word", "shown", "if", "needs", "goto", "arrival")
    assert marks(measured, *kinds) <= marks(supposed, *kinds)


def test_histories_beyond_what_can_be_walked_are_supposed(tmp_path: Path) -> None:
    world = modelled_world(tmp_path / "modelled")
    walk = Explorer(world, PassTable(world, open_pass(world), 10_000), [Prior()], limits=Limits(concrete=1))
    walk.run()
    assert walk.supposed
    assert {("place", scene, token) for scene, token in walk.slices.places} == marks(walk)


@pytest.mark.parametrize(("most", "whole"), [(39, False), (45, True)])
def test_a_history_is_guessed_to_cost_less_where_there_is_less_to_choose(tmp_path: Path, most: int, *, whole: bool) -> None:
    """Nine states came of one history with three choices; five begin a token with two: 6 each, where plainly it were 9."""
    world = modelled_world(tmp_path / "modelled")
    walk = Explorer(world, PassTable(world, open_pass(world), 10_000), [Prior()], limits=Limits(concrete=most))
    walk.run()
    assert walk.supposed is not whole


def test_a_supposed_pass_is_asked_for_nothing_but_numbers() -> None:
    supposed = NondeterministicPass([True, False, True])
    supposed.warm_up()
    assert [supposed.distribution((), ()).p("two"), supposed.lens((), (), 1).p("two"), supposed.probe((), (), 1, "x")] == [
        2,
        -2,
        2,
    ]
    assert supposed.attention((), (), 1) == []
