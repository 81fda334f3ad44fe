"""The explorer against a search over whole states, and how far it goes with a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures_checker import brute, modelled_world, random_world, read
from forward_pass.checker.coverage import Item, ItemKind
from forward_pass.checker.explorer import Explorer, Limits
from forward_pass.checker.pass_table import PassTable
from forward_pass.checker.state_layout import Field, FieldKind
from forward_pass.checker.text_coverage import alternatives
from forward_pass.network.passes import WrittenPass, open_pass
from forward_pass.story.engine import decode, initial_state, is_waiting, take
from forward_pass.story.state import Prior
from forward_pass.story.world import World
from made_worlds import counter_world

COVERED = (ItemKind.OFFERED, ItemKind.OPEN, ItemKind.WORD, ItemKind.SCENE_TEXT)
"""Kinds of items that the search over whole states counts too."""


def explored(
    world: World, *, draws: bool = False, watch: bool = False, passes: int = 10_000, limits: Limits | None = None
) -> Explorer:
    table = PassTable(world, open_pass(world), passes)
    watched = alternatives(world) if watch else ()
    explorer = Explorer(world, table, [Prior()], draws=draws, watched=watched, limits=limits)
    explorer.run()
    return explorer


def locations(explorer: Explorer) -> set[tuple[str, int]]:
    return {explorer.location_of(state) for state in explorer.parents}


def reached(explorer: Explorer, *kinds: ItemKind) -> set[Item]:
    return {item for item in explorer.reached if item.kind in kinds}


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("draws", [False, True])
def test_it_reaches_what_a_search_over_whole_states_reaches_and_nothing_else(seed: int, draws: bool) -> None:  # noqa: FBT001
    world = read(random_world(seed))
    whole = brute(world, drawn=draws, alternatives=tuple(alternatives(world)))
    plain, watching = explored(world, draws=draws), explored(world, draws=draws, watch=True)
    for explorer in (plain, watching):
        assert locations(explorer) == whole.locations
        assert {explorer.location_of(state) for state in explorer.stalls} == whole.stalls
        assert reached(explorer, *COVERED[:3]) == {item for item in whole.items if item.kind in COVERED[:3]}
    assert reached(watching, *COVERED) == {item for item in whole.items if item.kind in COVERED}
    assert len(plain.parents) <= len(watching.parents) <= len(whole.states)


# -- what is left out of a state, and how large it may grow -----------------------------------------------------------


def test_what_nothing_reads_is_in_no_state(first_light: World) -> None:
    explorer = explored(first_light)
    fields = explorer.codec.layout.bit_fields
    assert Field(FieldKind.VARIABLE, 0) not in fields, "mood chooses only text"
    assert FieldKind.VISITS not in {field.kind for field in fields}, "which scenes were met chooses only text"
    assert len(explorer.parents) == 35


def test_every_state_has_a_trace_that_the_engine_can_follow(first_light: World) -> None:
    port = WrittenPass(first_light)
    explorer = explored(first_light, draws=True)
    for packed in explorer.parents:
        trace = explorer.trace(packed)
        state = initial_state(first_light, trace.prior)
        for choice, word in trace.steps:
            state = take(first_light, port, state, choice)
            if is_waiting(first_light, state):
                assert word is not None
                state = decode(first_light, state, word)
        assert (state.scene, state.token) == explorer.location_of(packed)


def test_a_large_world_is_explored_whole_in_few_states() -> None:
    explorer = explored(read(counter_world(12)))
    assert len(explorer.parents) == 4 * 2**12 + 2
    assert explorer.merged == explorer.transition_count + 1 - len(explorer.parents)
    assert not explorer.is_exhausted


def test_a_search_that_comes_to_its_limit_says_so() -> None:
    explorer = explored(read(counter_world(12)), limits=Limits(states=1000))
    assert explorer.is_exhausted
    assert len(explorer.parents) < 4 * 2**12


# -- with a model -----------------------------------------------------------------------------------------------------


def test_with_a_model_it_reaches_what_a_search_over_whole_states_reaches(tmp_path: Path) -> None:
    world = modelled_world(tmp_path / "modelled")
    whole = brute(world, drawn=False, alternatives=tuple(alternatives(world)))
    explorer = explored(world, watch=True)
    assert explorer.abstraction is None
    assert locations(explorer) == whole.locations
    assert reached(explorer, *COVERED) == {item for item in whole.items if item.kind in COVERED}
    assert len(explorer.parents) <= len(whole.states)


@pytest.mark.parametrize("passes", [0, 1, 4, 9])
def test_an_abstract_search_reaches_everything_that_a_measured_one_reaches(tmp_path: Path, passes: int) -> None:
    world = modelled_world(tmp_path / "modelled")
    table = PassTable(world, open_pass(world), passes)
    abstract = Explorer(world, table, [Prior()], watched=alternatives(world))
    abstract.run()
    measured = explored(world, watch=True)
    assert abstract.abstraction is not None
    assert table.measured <= passes
    assert set(measured.reached) <= set(abstract.reached)
    assert locations(measured) <= locations(abstract)


def test_histories_for_which_there_is_no_room_are_abstracted(tmp_path: Path) -> None:
    explorer = explored(modelled_world(tmp_path / "modelled"), limits=Limits(concrete=1))
    assert explorer.abstraction is not None
    assert locations(explorer) == set(explorer.codec.locations)


@pytest.mark.parametrize(("states", "is_whole"), [(39, False), (45, True)])
def test_a_history_is_estimated_to_cost_less_where_there_is_less_to_choose(
    tmp_path: Path, states: int, *, is_whole: bool
) -> None:
    """One history had nine states with three choices; five begin a token with two, at 6 each where 9 would be too many."""
    explorer = explored(modelled_world(tmp_path / "modelled"), limits=Limits(concrete=states))
    assert (explorer.abstraction is None) is is_whole
