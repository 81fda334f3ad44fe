"""The session: how input is interpreted, in what order, and the events that come of it."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from building import changed_world
from fixtures_play import (
    TO_ENDINGS,
    choices_of,
    close_session,
    inspectable_session,
    new_session,
    open_session,
    printed_text,
    read_run,
    resumed_session,
    run_file_names,
    write_run,
)
from forward_pass.loading.worlds import open_world
from forward_pass.session.commands import COMMANDS, ENDING_COMMANDS
from forward_pass.session.events import (
    Event,
    InspectionShown,
    Message,
    Quit,
    Rejected,
    SceneEntered,
    TokenDecoded,
    TreeShown,
    ViewRequested,
)
from forward_pass.session.input import answer
from forward_pass.session.session import Session
from forward_pass.storage.store import RunStore
from forward_pass.story.world import COMMANDS as RESERVED


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Return a session at the opening of a new run."""
    return new_session(tmp_path)


def rejection(session: Session, typed: str) -> str:
    """Return the message of a rejected input, which leaves the run unchanged."""
    before = session.run
    (event,) = answer(session, typed)
    assert isinstance(event, Rejected)
    assert session.run is before
    return event.message


def scene_after(session: Session, typed: str) -> str:
    """Return the scene that an input leads to."""
    event = answer(session, typed)[-1]
    assert isinstance(event, SceneEntered)
    assert event.run is session.run
    return session.run.state.scene


# -- what input can be --------------------------------------------------------------------------------------------------


def test_a_number_is_the_number_of_an_open_offer(session: Session) -> None:
    assert scene_after(session, "2") == "slope"


def test_a_number_may_be_followed_by_a_full_stop(session: Session) -> None:
    second = session.open_offers[1].choice.id
    answer(session, "2.")
    assert session.run.turns[-1].choice == second
    assert rejection(session, "99.").startswith("There is no choice 99 here")


def test_closed_offers_have_no_number(session: Session) -> None:
    session.choose("read-question")
    assert [offer.choice.id for offer in session.closed_offers] == ["think-electric"]
    assert scene_after(session, " 3 ") == "slope"


def test_a_choice_can_be_taken_by_its_id(session: Session) -> None:
    assert scene_after(session, "feel-slope") == "slope"


def test_a_choice_can_be_taken_by_words_that_no_other_choice_has(session: Session) -> None:
    assert scene_after(session, "WHICH way the floor") == "slope"


def test_words_of_several_choices_are_rejected_with_their_numbers(session: Session) -> None:
    assert rejection(session, "in") == "That could be any of 1, 3: type a number, or more of the words."


def test_an_id_has_precedence_over_another_choices_words(tmp_path: Path) -> None:
    world = changed_world({"Feel which way the floor slopes.": "say-now, the floor slopes."})
    assert scene_after(new_session(tmp_path, world), "say-now") == "second-morning"


def test_a_command_has_precedence_over_a_choices_words(tmp_path: Path) -> None:
    session = new_session(tmp_path, changed_world({"Feel which way the floor slopes.": "look about."}))
    assert scene_after(session, "look") == "waking"
    assert rejection(session, "back about.") == "Expected a number of turns, found “about.”."


def test_a_command_without_an_argument_may_begin_a_choices_words(tmp_path: Path) -> None:
    session = new_session(tmp_path, changed_world({"Feel which way the floor slopes.": "look down."}))
    assert rejection(session, "look up") == "look stands alone, with nothing after it."
    assert rejection(session, "TREE 1") == "TREE stands alone, with nothing after it."
    assert scene_after(session, "look down.") == "slope"


@pytest.mark.parametrize(("typed", "command"), [("?", "help"), ("exit", "quit"), ("Q", "quit")])
def test_common_aliases_of_commands_are_understood(session: Session, typed: str, command: str) -> None:
    assert answer(session, typed) == answer(session, command)


def test_a_term_with_the_name_of_the_world_is_explained(tmp_path: Path) -> None:
    messages = answer(new_session(tmp_path, open_world("forward-pass")), "about FORWARD PASS")
    assert isinstance(messages[0], Message)
    assert messages[0].row is not None
    assert messages[0].row["type"] == "term"


def test_a_number_has_precedence_over_a_choices_words(tmp_path: Path) -> None:
    session = new_session(tmp_path, changed_world({"Feel which way the floor slopes.": "Take 3 steps."}))
    assert scene_after(session, "3") == "second-morning"


def test_commands_ignore_case_and_surrounding_space(session: Session) -> None:
    session.choose("read-question")
    assert scene_after(session, "\tUNDO\t1 ") == "waking"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Type the number of a choice, some of its words, or help."),
        ("  \t ", "Type the number of a choice, some of its words, or help."),
        ("0", "There is no choice 0 here; they go from 1 to 3."),
        ("4", "There is no choice 4 here; they go from 1 to 3."),
        ("9" * 400, "There is no choice 999999 here; they go from 1 to 3."),
        ("let-be", "Nothing here is called “let-be”. Type help for what can be typed."),
        ("feel-slop", "Nothing here is called “feel-slop” (did you mean feel-slope?). Type help for what can be typed."),
        ("qiut", "Nothing here is called “qiut” (did you mean quit?). Type help for what can be typed."),
        ("\x1b[31mred\u202e", "Nothing here is called “[31mred”. Type help for what can be typed."),
        ("x" * 600, f"Nothing here is called “{'x' * 40}”. Type help for what can be typed."),
        ("²", "Nothing here is called “²”. Type help for what can be typed."),
    ],
)
def test_input_that_is_not_understood_is_rejected_and_changes_nothing(session: Session, typed: str, message: str) -> None:
    assert rejection(session, typed) == message


def test_a_closed_choice_says_why(session: Session) -> None:
    session.choose("read-question")
    assert rejection(session, "think-electric") == "'think-electric' is closed: Nothing has pointed to any door yet."


def test_at_an_ending_there_are_no_numbers(session: Session) -> None:
    for choice in TO_ENDINGS["half-said"]:
        session.choose(choice)
    assert session.at_ending
    assert rejection(session, "1") == "There is no choice 1 here; the run has ended: picture, undo, restart, tree or quit."
    assert set(ENDING_COMMANDS) <= set(COMMANDS)
    assert scene_after(session, "undo") == "second-morning"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(command=st.sampled_from(["", *(f"{word} " for word in COMMANDS)]), rest=st.text(max_size=40))
def test_anything_can_be_typed(tmp_path: Path, command: str, rest: str) -> None:
    session = new_session(tmp_path / "saves")
    with patch("os.fsync"):  # durability is not tested here
        session.choose("read-question")
        events = answer(session, command + rest)
    assert events
    assert all(isinstance(event, Event) for event in events)
    close_session(session)


# -- the events of an input ---------------------------------------------------------------------------------------------


def test_a_choice_leads_to_a_scene(session: Session) -> None:
    (event,) = session.choose("read-question")
    assert event == SceneEntered(session.run, "", made=True)


def test_a_choice_that_decodes_gives_the_decoding_first(session: Session) -> None:
    decoded, arrived = session.choose("say-now")
    assert isinstance(decoded, TokenDecoded)
    assert (decoded.token, decoded.turn.word, decoded.turn.probability) == (11, "dark", 0.81)
    assert decoded.then.startswith("I drew myself up, opened what I took for a mouth")
    likeliest = [(word, round(chance, 4)) for word, chance in decoded.distribution.likeliest(2)]
    assert likeliest == [("dark", 0.81), ("switch", 0.16)]
    assert arrived == SceneEntered(session.run, "", made=True)


def test_the_then_text_of_a_choice_comes_with_the_scene_that_it_leads_to(session: Session) -> None:
    session.choose("feel-slope")
    (event,) = session.choose("leave-label")
    assert isinstance(event, SceneEntered)
    assert event.then == "I picked *again*, because it is short and it never goes off."


@pytest.mark.parametrize("ending", TO_ENDINGS)
def test_every_ending_can_be_reached(session: Session, ending: str) -> None:
    for choice in TO_ENDINGS[ending]:
        answer(session, choice)
    assert (session.run.state.scene, session.at_ending) == (ending, True)


def test_the_same_seed_draws_the_same_word_after_undo(tmp_path: Path) -> None:
    words = set()
    for seed in range(30):
        session = new_session(tmp_path, temperature=3.0, seed=seed)
        session.choose("say-now")
        first = session.run.state.words
        COMMANDS["undo"].run(session, "")
        session.choose("say-now")
        assert session.run.state.words == first
        words |= set(first)
        close_session(session)
    assert words == {"dark", "switch", "egg"}


# -- commands -----------------------------------------------------------------------------------------------------------


def test_no_choice_can_have_the_name_of_a_command() -> None:
    assert set(COMMANDS) <= set(RESERVED)


def test_undo_and_redo_go_back_and_forth_by_turns(session: Session) -> None:
    for choice in ("read-question", "read-again", "to-slope"):
        session.choose(choice)
    assert scene_after(session, "undo") == "question"
    assert scene_after(session, "undo 9") == "waking"
    assert scene_after(session, "redo") == "question"
    assert scene_after(session, "redo 99") == "slope"
    assert scene_after(session, "back 1") == "question"
    assert scene_after(session, "back 0") == "waking"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("undo", "Nothing lies before this: it is where the run begins."),
        ("redo", "Nothing was undone that could be done again."),
        ("back", "Back to which turn? This is turn 0; back 0 is the opening."),
        ("back 1", "This run has turns 0 to 0; there is no turn 1."),
        ("back -1", "Expected a number of turns, found “-1”."),
        ("back 1000000", "Expected a number of turns, found “1000000”."),
        ("back two", "Expected a number of turns, found “two”."),
    ],
)
def test_a_turn_that_does_not_exist_is_rejected(session: Session, typed: str, message: str) -> None:
    assert rejection(session, typed) == message


def test_a_number_of_turns_is_at_least_one(session: Session) -> None:
    session.choose("read-question")
    assert rejection(session, "undo 0") == "Expected a number of turns, found “0”."
    assert rejection(session, "undo two") == "Expected a number of turns, found “two”."


def test_look_shows_the_scene_again_and_changes_nothing(session: Session) -> None:
    session.choose("read-question")
    before = session.run
    assert answer(session, "look") == [SceneEntered(before, "")]
    assert session.run is before


def test_the_prompt_and_the_transcript_can_be_requested(session: Session) -> None:
    assert answer(session, "prompt") == [ViewRequested("prompt", session.run)]
    assert answer(session, "transcript") == [ViewRequested("transcript", session.run)]


def test_a_computed_pass_can_be_inspected_up_to_the_present_layer(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, "read-question")
    (event,) = answer(session, "lens")
    assert isinstance(event, InspectionShown)
    assert (event.inspection.token, event.inspection.layer, event.inspection.layers) == (11, 4, 12)
    assert [lens.layer for lens in event.inspection.lenses] == [3, 4]
    close_session(session)


def test_a_written_pass_cannot_be_inspected(session: Session) -> None:
    assert rejection(session, "lens") == "First Light has no model: there are no layers to inspect."


def test_at_an_ending_there_is_no_pass_to_inspect(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, *TO_ENDINGS["half-said"])
    assert rejection(session, "lens") == "No pass is under way at an ending."
    close_session(session)


def test_help_names_every_command_and_what_it_does(session: Session) -> None:
    (message,) = answer(session, "help")
    assert isinstance(message, Message)
    first, rows_text, verbs = re.split(r"\n\nAll that can be typed; none of it is a turn:\n\n|\n\n(?=What)", message.text)
    rows = rows_text.splitlines()
    assert [row.split("  ")[1] for row in first.splitlines()] == ["a number", "undo", "hint"]
    empty = ""
    assert (empty, verbs) == ("", "What the words beside the choices mean: help verbs.")
    assert len(rows) == len(COMMANDS)
    for row, command in zip(rows, COMMANDS.values(), strict=True):
        assert row == f"  {command.usage:<15} {command.help}"


def test_quit_keeps_every_choice(session: Session, tmp_path: Path) -> None:
    session.choose("read-question")
    (event,) = answer(session, "quit")
    assert isinstance(event, Quit)
    assert choices_of(tmp_path) == ["read-question"]


def test_load_shows_the_scene_of_the_other_run_and_releases_the_first(tmp_path: Path) -> None:
    with open_session(tmp_path, "say-now"):
        pass
    with open_session(tmp_path, "read-question") as session:
        assert scene_after(session, "load 1") == "second-morning"
        assert session.recorder.label == "first-light/1"
        other, notes = resumed_session(tmp_path, "2")
        assert notes == ()
        close_session(other)


def test_load_gives_the_notes_on_a_run(tmp_path: Path) -> None:
    with open_session(tmp_path, "say-now"), open_session(tmp_path, "read-question") as session:
        *messages, arrived = answer(session, "load 1")
        assert [type(event) for event in messages] == [Message, Message]
        assert isinstance(arrived, SceneEntered)


def test_a_name_too_long_for_a_file_is_rejected_as_an_unknown_run(session: Session) -> None:
    assert rejection(session, "load " + "x" * 490) == f"No run is called {'x' * 490}, and none is kept."


def test_restart_at_the_opening_stores_nothing(session: Session, tmp_path: Path) -> None:
    assert printed_text(answer(session, "restart"), session).startswith("\nNothing had been chosen; nothing was kept.\n")
    assert run_file_names(tmp_path) == []


def test_a_sibling_run_continues_from_the_state_of_its_fork(session: Session, tmp_path: Path) -> None:
    assert isinstance(session.store, RunStore)
    for typed in ("read-question", "read-again", "undo", "to-slope", "undo 2", "redo 2"):
        answer(session, typed)
    assert session.run.state.scene == "slope"
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]


# -- other runs -----------------------------------------------------------------------------------------------------------


def test_the_tree_has_all_runs_and_the_node_of_the_present_one(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    session = new_session(tmp_path)
    assert "You are here" in printed_text(answer(session, "tree"), session).split("Turn 1")[0]
    session.choose("feel-slope")
    (event,) = answer(session, "tree")
    assert isinstance(event, TreeShown)
    assert event.run_set.tree.nodes[event.node].recorded == read_run(tmp_path, 2).turns[0]
    assert "Feel which way the floor slopes. Here stands run 2. You are here." in " ".join(
        printed_text([event], session).split()
    )
    close_session(session)


def test_a_run_can_be_compared_with_another(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    session = new_session(tmp_path)
    session.choose("feel-slope")
    text = printed_text(answer(session, "diff 1"), session)
    assert text.startswith("\nfirst-light/2 and run 1\nThey say the same words, as far as both go.")
    assert "\nThey share 0 turns.\n" in text
    assert text.endswith("Endings: not ended; Half Said")
    assert rejection(session, "diff").startswith("Against which run?")
    assert rejection(session, "diff 7") == "No run is called 7; load lists them."
    close_session(session)


def test_a_run_can_be_forked_at_a_turn_of_another_run(tmp_path: Path) -> None:
    path = write_run(tmp_path, *TO_ENDINGS["by-the-door"])
    before = path.read_bytes()
    session = new_session(tmp_path)
    message, arrived = session.fork(1, 2)
    assert isinstance(message, Message)
    assert isinstance(arrived, SceneEntered)
    assert session.run.at == 2
    session.choose("stop-reading")
    assert (path.read_bytes(), read_run(tmp_path, 2).header.parent) == (before, (1, 2))
    close_session(session)
