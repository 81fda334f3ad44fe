"""Stories without a pass: what they are read as, how they are played, and that nothing of a pass is on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from building import built, changed, loaded
from forward_pass.checker.report import check_world
from forward_pass.network.passes import open_pass
from forward_pass.session.commands import OF_A_PASS
from forward_pass.session.input import answer
from forward_pass.session.launch import Sampling, open_store, start_new
from forward_pass.session.plain_text import event_lines, opening_lines
from forward_pass.session.session import Session
from forward_pass.story.engine import initial_state, offers, take
from forward_pass.story.state import Prior

PLAIN = """\
format: 1
title: The Gate
version: 1.0.0
frame: none
start: road

variables:
  knocks: {from: 0, to: 3}
  looks: {from: 0, to: 9}

scenes:
  road:
    text: A gate. You have knocked {spelled(knocks)} times.
    do: looks += 1
    choices:
      knock:
        say: Knock.
        do: knocks += 1
        goto: answer
      leave:
        say: Leave.
        goto: home
  answer:
    text: Somebody looked out.
    goto:
      - {if: knocks == 3, goto: inside}
      - goto: road
  inside:
    text: You are in, after {looks} looks at it.
    choices:
      leave:
        say: Leave again.
        if: not taken(road.leave)
        goto: home

endings:
  home:
    title: Home
    text: You went home{taken(inside.leave):, having been in}.
"""
WORDS_OF_A_PASS = ("layer", "token", "prompt", "decoder", "instantiation", "boundary", "pass", "<doc>")


def session_of(text: str, saves: Path) -> Session:
    return start_new(open_store(built(text, "gate"), saves, "gate", Sampling())).session


def played(session: Session, *lines: str) -> str:
    """Return everything that the player reads from the opening on."""
    shown = opening_lines(session, 72)
    for line in lines:
        shown += [row for event in answer(session, line) for row in event_lines(event, session, 72)]
    return "\n".join(shown)


def test_nothing_of_a_pass_is_on_the_screen(tmp_path: Path) -> None:
    session = session_of(PLAIN, tmp_path)
    shown = played(
        session, "1", "look", "help", "transcript", "knock", "", "hint", "undo", "redo", "tree", "map", "leave", "picture"
    )
    shown += played(session, "endings", "diff 1", "undo", "untaken", "hint")
    assert [word for word in WORDS_OF_A_PASS if word in shown.lower()] == []
    assert "Ending: Home." in shown
    assert "The Gate - 1 of 1 endings" in shown


@pytest.mark.parametrize("command", OF_A_PASS)
def test_a_command_that_looks_into_a_pass_says_that_there_is_none(command: str, tmp_path: Path) -> None:
    session = session_of(PLAIN, tmp_path)
    line = f"{command} 1" if command == "without" else command
    assert f"The Gate is a story without a pass: {command} has nothing to show." in played(session, line)


def test_a_scene_that_goes_on_by_itself_does_so_at_enter_and_says_so(tmp_path: Path) -> None:
    session = session_of(PLAIN, tmp_path)
    assert "1. Go on." in played(session, "knock")
    assert "knocked one times" in played(session, "")
    assert [turn.choice for turn in session.run.turns] == ["knock", "goes-on"]
    assert "Type the number of a choice" in played(session, "")  # where there is something to choose, Enter chooses nothing


def test_arriving_in_a_scene_has_its_effects_each_time_the_first_scene_too() -> None:
    world = built(PLAIN, "gate")
    state = initial_state(world, Prior())
    assert state.variables == (0, 1)
    port = open_pass(world)
    for choice in ("knock", "goes-on", "knock", "goes-on"):
        state = take(world, port, state, choice)
    assert state.variables == (2, 3)


def test_choices_of_two_scenes_may_have_the_same_id() -> None:
    world = built(PLAIN, "gate")
    assert list(world.choices) == ["knock", "leave", "goes-on", "inside.leave"]
    state = initial_state(world, Prior())
    port = open_pass(world)
    for choice in ("knock", "goes-on") * 2 + ("knock", "goes-on"):
        state = take(world, port, state, choice)
    assert [offer.id for offer in offers(world, state)] == ["inside.leave"]
    by_either = [take(world, port, state, choice) for choice in ("leave", "inside.leave")]
    assert by_either[0] == by_either[1]


def test_within_its_scene_a_choice_is_asked_about_by_the_id_that_is_written_there() -> None:
    text = changed(PLAIN, ("        if: not taken(road.leave)\n", "        if: not taken(leave)\n"))
    world = built(text, "gate")
    condition = world.choices["inside.leave"].condition
    assert condition is not None
    assert condition.expression.operand.choice == world.choices["inside.leave"].slot  # type: ignore[union-attr]


def test_a_choice_of_several_scenes_is_asked_about_with_its_scene_elsewhere() -> None:
    problems = loaded(("world.yaml", changed(PLAIN, ("taken(inside.leave)", "taken(leave)")))).problems
    assert [problem.message for problem in problems] == ["unknown choice 'leave' (did you mean road.leave?)"]


def test_a_check_proves_such_a_story_and_finds_the_shortest_way_to_its_ending(tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    folder.mkdir()
    (folder / "world.yaml").write_text(changed(PLAIN, ("        if: not taken(road.leave)\n", "")))
    report = check_world(folder, open_pass)
    assert [str(problem) for problem in report.problems] == []
    assert [(run.ending, [choice for choice, _ in run.steps]) for run in report.endings] == [("home", ["leave"])]
    assert report.summary.startswith("gate: 3 scenes, 4 choices, 1 ending; explored ")


def test_a_claim_of_such_a_story_is_proven(tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    folder.mkdir()
    text = changed(PLAIN, ("        if: not taken(road.leave)\n", ""))
    (folder / "world.yaml").write_text(f"{text}\nclaims:\n  knocked: {{never: seen(inside) and not taken(knock)}}\n")
    messages = [problem.message for problem in check_world(folder, open_pass).problems]
    assert len(messages) == 1
    assert messages[0].startswith("the claim 'knocked' (never) is proven over ")
