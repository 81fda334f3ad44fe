"""What lies ahead: the nearest ending not found, ways never taken, and skipping what was read before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from building import first_light
from fixtures_golden import golden
from fixtures_play import TO_ENDINGS, CommandResult, close_session, command, make_store, open_session
from forward_pass.session.events import Message
from forward_pass.session.from_here import nearest_ending, read_before, untaken_choices
from forward_pass.session.input import answer
from forward_pass.session.session import Session
from forward_pass.storage.run_set import stored_runs
from forward_pass.story.history import at_turn


def message(session: Session, typed: str) -> str:
    (event,) = answer(session, typed)
    assert isinstance(event, Message)
    return event.text


def test_the_nearest_ending_not_found_is_named_with_its_distance(tmp_path: Path) -> None:
    with open_session(tmp_path) as session:
        world, port, state = session.world, session.inspector, session.run.state
        first = nearest_ending(world, port, [state], ())
        assert first is not None
        assert (first.ending, first.choices) == ("half-said", 2)
        second = nearest_ending(world, port, [state], {first.ending})
        assert second is not None
        assert second.ending != first.ending
        assert second.choices >= first.choices
        assert nearest_ending(world, port, [state], set(world.endings)) is None
        text = message(session, "hint")
        assert text.startswith("0 of 4 endings found; the nearest of the others is 2 choices from here.\nEnding ")
        assert "a nudge" in text
        assert "clearer" in message(session, "hint")


def test_from_far_away_the_written_hint_is_given_and_from_near_by_the_nearest_ending() -> None:
    run, _ = golden("lineage")
    world, port = run.world, run.inspector
    near = nearest_ending(world, port, [at_turn(run, run.at - 2).state], ())
    assert near is not None
    assert near.choices <= 2


def test_of_several_states_that_nearest_to_an_ending_is_named() -> None:
    run, _ = golden("lineage")
    world, port = run.world, run.inspector
    states = [at_turn(run, turn).state for turn in range(run.at + 1)]
    found = set(world.endings) - {"zero"}
    nearest = nearest_ending(world, port, states, found)
    alone = [nearest_ending(world, port, [state], found) for state in states[-9:-1]]
    assert nearest is not None
    assert all(one is None or one.choices >= nearest.choices for one in alone)
    from_there = nearest_ending(world, port, [states[nearest.start]], found)
    assert from_there is not None
    assert from_there.choices == nearest.choices


def test_ways_that_no_kept_run_took_are_listed(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        session.go_to_turn(0)
        assert "1." not in message(session, "untaken")
        assert "2. Feel which way the floor slopes." in message(session, "untaken")
        run_set = stored_runs(session.world, session.inspector, session.store.folder)
        present = ["read-question", "feel-slope", "say-now"]
        assert untaken_choices(run_set, present) == ["feel-slope", "say-now"]


def test_skip_goes_on_by_ways_taken_before_to_the_first_scene_that_is_new(tmp_path: Path) -> None:
    for choices in (TO_ENDINGS["the-usual-order"], TO_ENDINGS["the-usual-order"][:1]):
        with open_session(tmp_path, *choices):
            pass
    store = make_store(tmp_path)
    session = Session(store, store.new())
    skipped, *_ = answer(session, "skip")
    assert isinstance(skipped, Message)
    assert skipped.text.startswith("Skipped 2 turns by ways taken before: Read the question again, slowly this time; ")
    assert session.run.state.token == 12  # a word was said: whoever skips has to see it
    answer(session, "skip")
    assert session.at_ending
    known = read_before(session.world, store.folder)
    assert "question" in known.scenes
    assert known.way_on("waking", ["feel-slope"]) is None
    close_session(session)


def test_where_nothing_was_taken_there_is_nothing_to_skip(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    session = Session(store, store.new())
    (event,) = answer(session, "skip")
    assert "Nothing to skip" in event.message  # type: ignore[union-attr]
    close_session(session)


def play_json(saves: Path, *requests: object) -> CommandResult:
    typed = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in requests)
    return command("play", "first-light", "--json", "--new", "--saves", saves, typed=typed)


@pytest.mark.parametrize("request_", [{"untaken": True}, {"hint": True}])
def test_programs_can_ask_for_it(tmp_path: Path, request_: dict[str, bool]) -> None:
    _, row = play_json(tmp_path, request_).objects
    assert row["type"] in request_
    skipped = play_json(tmp_path, "feel-slope", {"quit": True})
    assert skipped.code == 0
    assert [one["type"] for one in play_json(tmp_path, {"skip": True}).objects] == ["scene", "skipped", "scene"]
    assert first_light().id == "first-light"
