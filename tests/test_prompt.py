"""The prompt: the offers, the marker on the selected one, the toolbar, completion."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.document import Document

from building import changed_world
from fixtures_play import TO_ENDINGS, open_session, write_run
from forward_pass.errors import RunError
from forward_pass.interface import prompt
from forward_pass.session.commands import COMMANDS
from forward_pass.session.from_here import read_before
from forward_pass.session.session import Session
from test_tree_browser import SizedOutput


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
    assert len(low) == 6
    assert low[-3] == " … more by arrow: the screen…"
    assert any(line.startswith("\u203a3. ") for line in low)
    with patch.dict(os.environ, {"COLUMNS": "30"}):
        assert message_lines(session, "", rows=12)[1].startswith(" 1. ")


# -- the foot of the screen, completion ---------------------------------------------------------------------------------------


def test_completions_are_choices_then_commands(session: Session) -> None:
    texts = [text for text, _ in prompt.completions(session, "")]
    assert texts == ["read-question", "feel-slope", "say-now", *COMMANDS]
    assert list(prompt.completions(session, "say")) == [("say-now", "Say something at once, in case this is short.")]
    assert [text for text, _ in prompt.completions(session, "re")] == ["read-question", "redo", "restart", "replay"]
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


def test_an_offer_that_no_kept_run_has_taken_is_marked_new(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope", "let-be")
    with open_session(tmp_path) as session:
        assert not any("new" in line for line in message_lines(session))  # they are not read yet
        session.known = read_before(session.world, session.store.folder)
        lines = message_lines(session)
    assert lines[1].endswith("1 layer · new")
    assert lines[2] == " 2. Feel which way the floor slopes.  ask · 1 layer"


def test_a_first_run_has_nothing_marked_new(session: Session) -> None:
    session.known = read_before(session.world, session.store.folder)
    assert not any("new" in line for line in message_lines(session))


def test_kept_runs_are_read_beside_play(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope")
    (tmp_path / "first-light" / "009-run.jsonl").write_text("broken")
    with open_session(tmp_path) as session:
        session.read_kept_runs()
        deadline = time.monotonic() + 10
        while session.known is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert session.is_new("read-question")
        assert not session.is_new("feel-slope")


def test_the_prompt_takes_as_many_rows_as_is_said(session: Session) -> None:
    with screen():
        assert prompt.prompt_height(session) == len(message_lines(session)) - 1 + 2
        for choice in TO_ENDINGS["half-said"]:
            session.choose(choice)
        assert prompt.prompt_height(session) == 3


def test_what_was_chosen_in_this_session_is_not_new_after_a_fork(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope", "let-be")
    with open_session(tmp_path) as session:
        session.known = read_before(session.world, session.store.folder)
        assert session.is_new("read-question")
        session.choose("read-question")
        session.fork(2, 0)
        assert not session.is_new("read-question")
        assert session.is_new("say-now")


def test_a_choice_is_counted_once_however_often_another_run_is_played_on(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope", "let-be")
    with open_session(tmp_path) as session:
        session.known = read_before(session.world, session.store.folder)
        session.choose("read-question")
        for _ in range(3):
            session.fork(2, 0)
        assert session.known.ways["waking"]["read-question"] == 1


def test_a_choice_that_could_not_be_recorded_was_not_made(tmp_path: Path) -> None:
    with open_session(tmp_path) as session:
        with (
            patch.object(session.recorder, "record_turn", side_effect=RunError("the disk is full")),
            pytest.raises(RunError, match="the disk is full"),
        ):
            session.choose("read-question")
        assert not session.made


def test_kept_runs_are_read_once(tmp_path: Path) -> None:
    with open_session(tmp_path) as session, patch("forward_pass.session.from_here.read_before", return_value=None) as read:
        for _ in range(3):
            session.read_kept_runs()
        assert session._reader is not None
        session._reader.join(10)
    assert read.call_count == 1
