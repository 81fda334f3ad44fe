"""The loop between a run and whoever plays it: what an answer can be, in what order, and what comes of it."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures_play import (
    TO_ENDINGS,
    begun_play,
    changed_world,
    choices_of,
    files,
    glass_play,
    journal,
    let_go,
    played,
    playing,
    resumed_play,
    said,
)
from forward_pass.cli import open_world
from forward_pass.session.session import (
    AT_END,
    COMMANDS,
    USAGES,
    Event,
    InspectionShown,
    Message,
    Quit,
    Rejected,
    SceneEntered,
    Session,
    TokenDecoded,
    TreeShown,
    ViewRequested,
)
from forward_pass.storage.store import RunStore
from forward_pass.story.world import COMMANDS as RESERVED


@pytest.fixture
def play(tmp_path: Path) -> Session:
    """Return play at its opening."""
    return begun_play(tmp_path)


def refusal(play: Session, typed: str) -> str:
    """Return why an answer could not be carried out, which leaves everything as it was."""
    before = play.run
    (event,) = play.answer(typed)
    assert isinstance(event, Rejected)
    assert play.run is before
    return event.message


def scene(play: Session, typed: str) -> str:
    """Return the scene that an answer leads to."""
    event = play.answer(typed)[-1]
    assert isinstance(event, SceneEntered)
    assert event.run is play.run
    return play.run.state.scene


# -- what an answer can be ----------------------------------------------------------------------------------------------


def test_a_number_is_the_number_of_an_open_offer(play: Session) -> None:
    assert scene(play, "2") == "slope"


def test_a_number_may_have_the_full_stop_that_it_is_shown_with(play: Session) -> None:
    second = play.open_offers[1].choice.id
    play.answer("2.")
    assert play.run.turns[-1].choice == second
    assert refusal(play, "99.").startswith("There is no choice 99 here")


def test_closed_offers_have_no_number(play: Session) -> None:
    play.choose("read-question")
    assert [offer.choice.id for offer in play.closed_offers] == ["think-electric"]
    assert scene(play, " 3 ") == "slope"


def test_a_choice_can_be_called_by_its_id(play: Session) -> None:
    assert scene(play, "feel-slope") == "slope"


def test_a_choice_can_be_called_by_words_that_no_other_has(play: Session) -> None:
    assert scene(play, "WHICH way the floor") == "slope"


def test_words_that_several_choices_have_are_answered_with_their_numbers(play: Session) -> None:
    assert refusal(play, "in") == "That could be any of 1, 3: type a number, or more of the words."


def test_an_id_comes_before_another_choices_words(tmp_path: Path) -> None:
    world = changed_world({"Feel which way the floor slopes.": "say-now, the floor slopes."})
    assert scene(begun_play(tmp_path, world), "say-now") == "second-morning"


def test_a_command_comes_before_a_choices_words(tmp_path: Path) -> None:
    play = begun_play(tmp_path, changed_world({"Feel which way the floor slopes.": "look about."}))
    assert scene(play, "look") == "waking"
    assert refusal(play, "back about.") == "Expected a number of turns, found “about.”."


def test_what_follows_a_command_that_stands_alone_may_be_a_choices_words(tmp_path: Path) -> None:
    play = begun_play(tmp_path, changed_world({"Feel which way the floor slopes.": "look down."}))
    assert refusal(play, "look up") == "look stands alone, with nothing after it."
    assert refusal(play, "TREE 1") == "TREE stands alone, with nothing after it."
    assert scene(play, "look down.") == "slope"


@pytest.mark.parametrize(("typed", "meant"), [("?", "help"), ("exit", "quit"), ("Q", "quit")])
def test_what_other_programs_are_asked_with_is_understood(play: Session, typed: str, meant: str) -> None:
    assert play.answer(typed) == play.answer(meant)


def test_a_term_that_the_world_is_named_after_is_explained(tmp_path: Path) -> None:
    told = begun_play(tmp_path, open_world("forward-pass")).answer("about FORWARD PASS")
    assert isinstance(told[0], Message)
    assert told[0].row is not None
    assert told[0].row["type"] == "term"


def test_a_number_comes_before_a_choices_words(tmp_path: Path) -> None:
    play = begun_play(tmp_path, changed_world({"Feel which way the floor slopes.": "Take 3 steps."}))
    assert scene(play, "3") == "second-morning"


def test_commands_can_be_typed_in_capitals_and_with_any_space(play: Session) -> None:
    play.choose("read-question")
    assert scene(play, "\tUNDO\t1 ") == "waking"


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
def test_what_cannot_be_understood_is_answered_and_changes_nothing(play: Session, typed: str, message: str) -> None:
    assert refusal(play, typed) == message


def test_a_closed_choice_says_why(play: Session) -> None:
    play.choose("read-question")
    assert refusal(play, "think-electric") == "think-electric is closed: Nothing has pointed to any door yet."


def test_at_an_ending_there_are_no_numbers(play: Session) -> None:
    for choice in TO_ENDINGS["half-said"]:
        play.choose(choice)
    assert play.at_ending
    assert refusal(play, "1") == "There is no choice 1 here; the run has ended: undo, restart, tree or quit."
    assert set(AT_END) <= set(COMMANDS)
    assert scene(play, "undo") == "second-morning"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(command=st.sampled_from(["", *(f"{word} " for word in COMMANDS)]), rest=st.text(max_size=40))
def test_anything_can_be_typed(tmp_path: Path, command: str, rest: str) -> None:
    play = begun_play(tmp_path / "saves")
    with patch("os.fsync"):  # the disk is not under test
        play.choose("read-question")
        events = play.answer(command + rest)
    assert events
    assert all(isinstance(event, Event) for event in events)
    let_go(play)


# -- what comes of it ---------------------------------------------------------------------------------------------------


def test_a_choice_leads_to_a_scene(play: Session) -> None:
    (event,) = play.choose("read-question")
    assert event == SceneEntered(play.run, "")


def test_a_choice_that_lets_the_decoder_come_shows_the_decoding_first(play: Session) -> None:
    decoded, arrived = play.choose("say-now")
    assert isinstance(decoded, TokenDecoded)
    assert (decoded.token, decoded.turn.word, decoded.turn.probability) == (11, "dark", 0.81)
    assert decoded.then.startswith("I drew myself up, opened what I took for a mouth")
    likeliest = [(word, round(chance, 4)) for word, chance in decoded.distribution.likeliest(2)]
    assert likeliest == [("dark", 0.81), ("switch", 0.16)]
    assert arrived == SceneEntered(play.run, "")


def test_what_a_choice_says_comes_before_the_scene_that_it_leads_to(play: Session) -> None:
    play.choose("feel-slope")
    (event,) = play.choose("leave-label")
    assert isinstance(event, SceneEntered)
    assert event.then == "I picked *again*, because it is short and it never goes off."


@pytest.mark.parametrize("ending", TO_ENDINGS)
def test_every_ending_can_be_reached(play: Session, ending: str) -> None:
    for choice in TO_ENDINGS[ending]:
        play.answer(choice)
    assert (play.run.state.scene, play.at_ending) == (ending, True)


def test_words_are_drawn_from_the_seed_and_undone_and_redone_alike(tmp_path: Path) -> None:
    words = set()
    for seed in range(30):
        play = begun_play(tmp_path, temperature=3.0, seed=seed)
        play.choose("say-now")
        first = play.run.state.words
        play.undo("")
        play.choose("say-now")
        assert play.run.state.words == first
        words |= set(first)
        let_go(play)
    assert words == {"dark", "switch", "egg"}


# -- commands -----------------------------------------------------------------------------------------------------------


def test_no_choice_can_be_called_as_a_command_is() -> None:
    assert set(COMMANDS) <= set(RESERVED)


def test_undo_and_redo_go_back_and_forth_by_turns(play: Session) -> None:
    for choice in ("read-question", "read-again", "to-slope"):
        play.choose(choice)
    assert scene(play, "undo") == "question"
    assert scene(play, "undo 9") == "waking"
    assert scene(play, "redo") == "question"
    assert scene(play, "redo 99") == "slope"
    assert scene(play, "back 1") == "question"
    assert scene(play, "back 0") == "waking"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("undo", "Nothing lies before this: it is where the run begins."),
        ("redo", "Nothing was undone that could be done again."),
        ("back", "Back to which turn? This is turn 0; back 0 is the waking."),
        ("back 1", "This run has turns 0 to 0; there is no turn 1."),
        ("back -1", "Expected a number of turns, found “-1”."),
        ("back 1000000", "Expected a number of turns, found “1000000”."),
        ("back two", "Expected a number of turns, found “two”."),
    ],
)
def test_going_where_there_is_nothing_is_refused(play: Session, typed: str, message: str) -> None:
    assert refusal(play, typed) == message


def test_a_number_of_turns_is_one_at_least(play: Session) -> None:
    play.choose("read-question")
    assert refusal(play, "undo 0") == "Expected a number of turns, found “0”."
    assert refusal(play, "undo two") == "Expected a number of turns, found “two”."


def test_looking_shows_the_scene_again_and_costs_nothing(play: Session) -> None:
    play.choose("read-question")
    before = play.run
    assert play.answer("look") == [SceneEntered(before, "")]
    assert play.run is before


def test_the_prompt_and_the_transcript_are_shown_when_asked_for(play: Session) -> None:
    assert play.answer("prompt") == [ViewRequested("prompt", play.run)]
    assert play.answer("transcript") == [ViewRequested("transcript", play.run)]


def test_a_pass_that_is_computed_can_be_laid_open_up_to_the_present_layer(tmp_path: Path) -> None:
    play = glass_play(tmp_path, "read-question")
    (event,) = play.answer("lens")
    assert isinstance(event, InspectionShown)
    assert (event.read.token, event.read.layer, event.read.layers) == (11, 4, 12)
    assert [lens.layer for lens in event.read.lenses] == [3, 4]
    let_go(play)


def test_a_pass_that_is_written_cannot_be_laid_open(play: Session) -> None:
    assert refusal(play, "lens") == "The words of First Light are written: there are no layers to look into."


def test_at_an_ending_no_pass_is_under_way(tmp_path: Path) -> None:
    play = glass_play(tmp_path, *TO_ENDINGS["half-said"])
    assert refusal(play, "lens") == "No pass is under way at an ending."
    let_go(play)


def test_help_names_every_command_and_what_it_does(play: Session) -> None:
    (told,) = play.answer("help")
    assert isinstance(told, Message)
    rows = told.text.splitlines()[2:]
    assert len(rows) == len(USAGES) == len(COMMANDS)
    for row, command in zip(rows, COMMANDS.values(), strict=True):
        assert row == f"  {command.usage:<13} {command.about}"


def test_quitting_leaves_and_keeps(play: Session, tmp_path: Path) -> None:
    play.choose("read-question")
    (left,) = play.answer("quit")
    assert isinstance(left, Quit)
    assert choices_of(tmp_path) == ["read-question"]


def test_loading_another_run_shows_where_it_stands_and_lets_the_first_one_go(tmp_path: Path) -> None:
    with playing(tmp_path, "say-now"):
        pass
    with playing(tmp_path, "read-question") as play:
        assert scene(play, "load 1") == "second-morning"
        assert play.store.label == "first-light/1"
        other, notes = resumed_play(tmp_path, "2")
        assert notes == ()
        let_go(other)


def test_loading_a_run_says_what_is_to_be_known_of_it(tmp_path: Path) -> None:
    with playing(tmp_path, "say-now"), playing(tmp_path, "read-question") as play:
        *told, arrived = play.answer("load 1")
        assert [type(event) for event in told] == [Message, Message]
        assert isinstance(arrived, SceneEntered)


def test_a_name_too_long_to_be_a_file_is_only_no_run(play: Session) -> None:
    assert refusal(play, "load " + "x" * 490) == f"No run is called {'x' * 490}, and none is kept."


def test_restarting_at_the_opening_keeps_nothing(play: Session, tmp_path: Path) -> None:
    assert said(play.answer("restart"), play).startswith("\nNothing had been chosen; nothing was kept.\n")
    assert files(tmp_path) == []


def test_a_sibling_goes_on_from_the_state_that_it_branched_from(play: Session, tmp_path: Path) -> None:
    assert isinstance(play.store, RunStore)
    for typed in ("read-question", "read-again", "undo", "to-slope", "undo 2", "redo 2"):
        play.answer(typed)
    assert play.run.state.scene == "slope"
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]


# -- other runs -----------------------------------------------------------------------------------------------------------


def test_the_tree_is_of_all_runs_and_opens_where_the_run_stands(tmp_path: Path) -> None:
    played(tmp_path, *TO_ENDINGS["half-said"])
    play = begun_play(tmp_path)
    assert "You are here" in said(play.answer("tree"), play).split("Turn 1")[0]
    play.choose("feel-slope")
    (event,) = play.answer("tree")
    assert isinstance(event, TreeShown)
    assert event.shelf.tree.nodes[event.here].recorded == journal(tmp_path, 2).turns[0]
    assert "feel-slope, to slope. Here stands run 2. You are here." in " ".join(said([event], play).split())
    let_go(play)


def test_a_run_is_held_against_another(tmp_path: Path) -> None:
    played(tmp_path, *TO_ENDINGS["half-said"])
    play = begun_play(tmp_path)
    play.choose("feel-slope")
    text = said(play.answer("diff 1"), play)
    assert text.startswith("\nfirst-light/2 and run 1\nThey share 0 turns.")
    assert text.endswith("Endings: not ended; Half Said")
    assert refusal(play, "diff").startswith("Against which run?")
    assert refusal(play, "diff 7") == "No run is called 7; load lists them."
    let_go(play)


def test_play_can_go_on_from_a_turn_of_another_run(tmp_path: Path) -> None:
    path = played(tmp_path, *TO_ENDINGS["by-the-door"])
    before = path.read_bytes()
    play = begun_play(tmp_path)
    told, arrived = play.fork(1, 2)
    assert isinstance(told, Message)
    assert isinstance(arrived, SceneEntered)
    assert play.run.at == 2
    play.choose("stop-reading")
    assert (path.read_bytes(), journal(tmp_path, 2).header.parent) == (before, (1, 2))
    let_go(play)
