"""The prompt at which a choice is made: the offers, the mark on one of them, the toolbar, what Tab completes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.document import Document

from fixtures_play import TO_ENDINGS, begun_play, changed_world, let_go, playing
from forward_pass.interface import prompt
from forward_pass.session.session import COMMANDS, Session
from test_tree_browser import Sized


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Session]:
    """Return play at its opening, let go of at the end."""
    begun = begun_play(tmp_path)
    with patch.dict(os.environ, {"COLUMNS": "80", "LINES": "24", "TERM": "xterm"}):
        yield begun
    let_go(begun)


@contextmanager
def screen(rows: int = 24) -> Iterator[None]:
    """Have a screen of so many rows."""
    with create_app_session(output=Sized(80, rows)):
        assert get_app_session().output.get_size().rows == rows
        yield


def shown(play: Session, typed: str = "", rows: int = 24) -> list[str]:
    """Return the lines above and before what is typed."""
    with screen(rows):
        return "".join(part[1] for part in prompt.prompt_message(play, typed)).split("\n")


# -- the offers -------------------------------------------------------------------------------------------------------------


def test_the_offers_stand_above_the_prompt_with_their_costs(play: Session) -> None:
    assert shown(play) == [
        "",
        " 1. Read the question again, slowly this time. (1 layer)",
        " 2. Feel which way the floor slopes. (1 layer)",
        " 3. Say something at once, in case this is short. (all that is left)",
        "",
        "> ",
    ]


@pytest.mark.parametrize("typed", ["2", "2.", "feel-slope", "FLOOR", " feel which "])
def test_what_enter_would_take_is_marked_and_bold(play: Session, typed: str) -> None:
    assert shown(play, typed)[2] == "\u203a2. Feel which way the floor slopes. (1 layer)"
    with screen():
        bold = [part[1] for part in prompt.prompt_message(play, typed) if "strong" in part[0]]
    assert "".join(bold) == "\u203a2. Feel which way the floor slopes. (1 layer)"


@pytest.mark.parametrize("typed", ["", "4", "the", "zebra", "undo", "look around", "say NAME"])
def test_where_nothing_or_more_than_one_thing_is_meant_nothing_is_marked(play: Session, typed: str) -> None:
    assert not any("\u203a" in line for line in shown(play, typed))
    assert prompt.selected_offer(play, typed) is None


def test_closed_offers_come_last_with_their_reason_and_no_number(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        lines = shown(play)
    assert lines[-4].startswith(" -  Closed: Lean toward the thing by the door. (Nothing has pointed to")
    assert lines[-3] == "    any door yet.)"


def test_an_offer_that_was_taken_before_says_so(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again") as play:
        assert any("Read it once more, for the tone. (1 layer, taken before)" in line for line in shown(play))


def test_an_ending_has_a_prompt_and_no_offers(tmp_path: Path) -> None:
    with playing(tmp_path, *TO_ENDINGS["half-said"]) as play:
        assert shown(play) == ["", "> "]
        assert prompt.selected_offer(play, "1") is None


def test_on_a_low_screen_the_offers_are_a_window_that_follows_the_mark(play: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "30"}):
        whole, low = shown(play, "3"), shown(play, "3", rows=12)
    assert len(whole) == 11
    assert len(low) == 7
    assert low[-3] == " … more by arrow: the screen…"
    assert any(line.startswith("\u203a3. ") for line in low)
    with patch.dict(os.environ, {"COLUMNS": "30"}):
        assert shown(play, "", rows=12)[1].startswith(" 1. ")


# -- the foot of the screen, completion ---------------------------------------------------------------------------------------


def test_what_can_be_typed_is_completed_choices_first(play: Session) -> None:
    texts = [text for text, _ in prompt.completions(play, "")]
    assert texts == ["read-question", "feel-slope", "say-now", *COMMANDS]
    assert list(prompt.completions(play, "say")) == [("say-now", "Say something at once, in case this is short.")]
    assert [text for text, _ in prompt.completions(play, "re")] == ["read-question", "redo", "restart"]
    assert dict(prompt.completions(play, "qu")) == {"quit": COMMANDS["quit"].about}
    assert list(prompt.completions(play, "x")) == []


def test_what_a_completion_means_has_its_emphasis_in_italics(tmp_path: Path) -> None:
    world = changed_world({"Feel which way the floor slopes.": "Feel *which* way the floor slopes."})
    with playing(tmp_path, world=world) as play:
        (found,) = prompt._Answers(play).get_completions(Document("feel"), None)
    assert found.display_meta_text == "Feel which way the floor slopes."
    assert ("class:said", "which") in found.display_meta


def test_closed_choices_are_not_completed(play: Session) -> None:
    play.choose("read-question")
    assert "think-electric" not in [text for text, _ in prompt.completions(play, "")]


def test_the_toolbar_says_where_the_pass_is_and_what_matters_now(play: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "90"}):
        assert prompt.toolbar(play) == f" 11 “The” · 3 {'·' * 16} 9 · 6 layers left · help  about  lens  quit"
    play.choose("feel-slope")
    assert prompt.toolbar(play) == f" 11 “The” · 3 ███{'·' * 13} 9 · 5 layers left · help  about  undo  quit"
    play.move(0)
    for choice in TO_ENDINGS["half-said"]:
        play.choose(choice)
    assert prompt.toolbar(play) == " ended · undo  restart  tree  quit"


@pytest.mark.parametrize("typed", ["2", " feel-slope"])
def test_the_cost_of_the_choice_that_is_typed_stands_in_the_toolbar_before_it_is_taken(play: Session, typed: str) -> None:
    bar = f" 3 ▒▒▒{'·' * 13} 9 · 1 layer: 3 to 4"
    assert prompt.toolbar(play, typed) == f"{bar} · 2. Feel which way the floor slopes."
    with patch.dict(os.environ, {"COLUMNS": "65"}):
        assert prompt.toolbar(play, typed) == f"{bar} · 2. Feel which way the…"
    with patch.dict(os.environ, {"COLUMNS": "40"}):
        assert prompt.toolbar(play, typed) == f"{bar}"
    with patch.dict(os.environ, {"COLUMNS": "30"}):
        assert prompt.toolbar(play, typed) == " 2. · 1 layer: 3 to 4"


def test_where_the_gauge_has_no_room_the_number_of_the_choice_stands_there_once(play: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "39"}):
        assert prompt.toolbar(play, "1") == " 1. · 1 layer: 3 to 4 · Read the ques…"


def test_a_choice_that_decodes_costs_all_that_is_left(play: Session) -> None:
    assert prompt.toolbar(play, "3").startswith(f" 3 {'▒' * 16} 9 · all that is left: 3 to 9 · ")
    assert "layers left" in prompt.toolbar(play, "7")


def test_the_gauge_never_overflows(play: Session) -> None:
    for layer in range(3, 10):
        for to in range(layer, 10):
            bar = prompt.gauge(play.world, layer, to)
            assert (len(bar), bar[:2], bar[-2:]) == (20, "3 ", " 9")


def test_on_a_narrow_screen_the_toolbar_says_only_where_the_pass_is(play: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "40"}):
        assert prompt.toolbar(play) == " 11 “The” · 3/12, 6 left"
