"""The prompt: the offers, the marker on the selected one, the toolbar, completion."""

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

from building import changed_world
from fixtures_play import TO_ENDINGS, close_session, new_session, open_session
from forward_pass.interface import prompt
from forward_pass.session.commands import COMMANDS
from forward_pass.session.session import Session
from test_tree_browser import SizedOutput


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Return a session at the opening of a new run, closed at the end."""
    opened = new_session(tmp_path)
    with patch.dict(os.environ, {"COLUMNS": "80", "LINES": "24", "TERM": "xterm"}):
        yield opened
    close_session(opened)


@contextmanager
def screen(rows: int = 24) -> Iterator[None]:
    """Use a screen of 80 columns and some rows."""
    with create_app_session(output=SizedOutput(80, rows)):
        assert get_app_session().output.get_size().rows == rows
        yield


def message_lines(session: Session, typed: str = "", rows: int = 24) -> list[str]:
    """Return the lines before the input."""
    with screen(rows):
        return "".join(part[1] for part in prompt.prompt_message(session, typed)).split("\n")


# -- the offers -------------------------------------------------------------------------------------------------------------


def test_the_offers_stand_above_the_prompt_with_their_costs(session: Session) -> None:
    assert message_lines(session) == [
        "",
        " 1. Read the question again, slowly this time.  1 layer",
        " 2. Feel which way the floor slopes.  ask · 1 layer",
        " 3. Say something at once, in case this is short.  the last 6 layers",
        "",
        "> ",
    ]


@pytest.mark.parametrize("typed", ["2", "2.", "feel-slope", "FLOOR", " feel which "])
def test_what_enter_would_take_is_marked_and_bold(session: Session, typed: str) -> None:
    assert message_lines(session, typed)[2] == "\u203a2. Feel which way the floor slopes.  ask · 1 layer"
    with screen():
        bold = [part[1] for part in prompt.prompt_message(session, typed) if "strong" in part[0]]
    assert "".join(bold) == "\u203a2. Feel which way the floor slopes.  ask · 1 layer"


@pytest.mark.parametrize("typed", ["", "4", "the", "zebra", "undo", "look around", "say NAME"])
def test_where_no_offer_or_several_match_none_is_marked(session: Session, typed: str) -> None:
    assert not any("\u203a" in line for line in message_lines(session, typed))
    assert prompt.selected_offer(session, typed) is None


def test_closed_offers_come_last_with_their_reason_and_no_number(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        lines = message_lines(session)
    assert lines[-4].startswith(" -  Closed: Lean toward the thing by the door. (Nothing has pointed to")
    assert lines[-3] == "    any door yet.)"


def test_an_offer_that_was_taken_before_says_so(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question", "read-again") as session:
        assert any("Read it once more, for the tone.  1 layer, taken before" in line for line in message_lines(session))


def test_an_ending_has_a_prompt_and_no_offers(tmp_path: Path) -> None:
    with open_session(tmp_path, *TO_ENDINGS["half-said"]) as session:
        assert message_lines(session) == ["", "> "]
        assert prompt.selected_offer(session, "1") is None


def test_on_a_low_screen_the_offers_are_a_window_that_follows_the_mark(session: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "30"}):
        full, low = message_lines(session, "3"), message_lines(session, "3", rows=12)
    assert len(full) == 11
    assert len(low) == 7
    assert low[-3] == " … more by arrow: the screen…"
    assert any(line.startswith("\u203a3. ") for line in low)
    with patch.dict(os.environ, {"COLUMNS": "30"}):
        assert message_lines(session, "", rows=12)[1].startswith(" 1. ")


# -- the foot of the screen, completion ---------------------------------------------------------------------------------------


def test_completions_are_choices_then_commands(session: Session) -> None:
    texts = [text for text, _ in prompt.completions(session, "")]
    assert texts == ["read-question", "feel-slope", "say-now", *COMMANDS]
    assert list(prompt.completions(session, "say")) == [("say-now", "Say something at once, in case this is short.")]
    assert [text for text, _ in prompt.completions(session, "re")] == ["read-question", "redo", "restart"]
    assert dict(prompt.completions(session, "qu")) == {"quit": COMMANDS["quit"].help}
    assert list(prompt.completions(session, "x")) == []


def test_the_meaning_of_a_completion_has_its_emphasis_in_italics(tmp_path: Path) -> None:
    world = changed_world({"Feel which way the floor slopes.": "Feel *which* way the floor slopes."})
    with open_session(tmp_path, world=world) as session:
        (completion,) = prompt._SessionCompleter(session).get_completions(Document("feel"), None)
    assert completion.display_meta_text == "Feel which way the floor slopes."
    assert ("class:emphasis", "which") in completion.display_meta


def test_closed_choices_are_not_completed(session: Session) -> None:
    session.choose("read-question")
    assert "think-electric" not in [text for text, _ in prompt.completions(session, "")]


def test_the_toolbar_shows_the_position_in_the_pass_and_commands(session: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "90"}):
        assert prompt.toolbar(session) == f" 11 “The” · 3 {'·' * 16} 9 · 6 layers left · help  about  lens  quit"
    session.choose("feel-slope")
    assert prompt.toolbar(session) == f" 11 “The” · 3 ███{'·' * 13} 9 · 5 layers left · help  about  undo  quit"
    session.go_to_turn(0)
    for choice in TO_ENDINGS["half-said"]:
        session.choose(choice)
    assert prompt.toolbar(session) == " ended · undo  restart  tree  quit"


@pytest.mark.parametrize("typed", ["2", " feel-slope"])
def test_the_toolbar_shows_the_cost_of_the_selected_choice(session: Session, typed: str) -> None:
    bar = f" 3 ▒▒▒{'·' * 13} 9 · 1 layer: 3 to 4"
    assert prompt.toolbar(session, typed) == f"{bar} · 2. Feel which way the floor slopes."
    with patch.dict(os.environ, {"COLUMNS": "65"}):
        assert prompt.toolbar(session, typed) == f"{bar} · 2. Feel which way the…"
    with patch.dict(os.environ, {"COLUMNS": "40"}):
        assert prompt.toolbar(session, typed) == f"{bar}"
    with patch.dict(os.environ, {"COLUMNS": "30"}):
        assert prompt.toolbar(session, typed) == " 2. · 1 layer: 3 to 4"


def test_without_room_for_the_gauge_the_number_of_the_choice_is_shown_once(session: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "39"}):
        assert prompt.toolbar(session, "1") == " 1. · 1 layer: 3 to 4 · Read the ques…"


def test_a_choice_that_decodes_costs_all_that_is_left(session: Session) -> None:
    assert prompt.toolbar(session, "3").startswith(f" 3 {'▒' * 16} 9 · the last 6 layers: 3 to 9 · ")
    assert "layers left" in prompt.toolbar(session, "7")


def test_the_gauge_never_overflows(session: Session) -> None:
    for layer in range(3, 10):
        for to in range(layer, 10):
            bar = prompt.gauge(session.world, layer, to)
            assert (len(bar), bar[:2], bar[-2:]) == (20, "3 ", " 9")


def test_on_a_narrow_screen_the_toolbar_shows_only_the_position(session: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "40"}):
        assert prompt.toolbar(session) == " 11 “The” · 3/12, 6 left"
