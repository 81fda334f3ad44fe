"""What typed input means: once, for play, for the mark at the prompt, for what stays on the screen and for completion."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures_play import new_session
from forward_pass.interface.prompt import selected_offer
from forward_pass.interface.prompt_loop import answer_lines
from forward_pass.session.events import Quit, SceneEntered
from forward_pass.session.input import Ambiguous, Choose, RunCommand, Unknown, answer, interpret
from forward_pass.session.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Return a session at the opening of First Light."""
    return new_session(tmp_path)


def test_a_letter_that_names_a_command_marks_no_choice_and_is_not_echoed_as_one(session: Session) -> None:
    meaning = interpret(session, "q")
    assert isinstance(meaning, RunCommand)
    assert meaning.command.name == "quit"
    assert selected_offer(session, "q") is None
    assert answer_lines(session, "q", 72) == ["", "> q"]
    assert isinstance(answer(session, "q")[0], Quit)


@pytest.mark.parametrize("typed", ["1", "1.", "01", "0001", " 1 "])
def test_a_number_however_written_marks_the_choice_that_it_takes(session: Session, typed: str) -> None:
    assert interpret(session, typed) == Choose("read-question", 1)
    selected = selected_offer(session, typed)
    assert selected is not None
    assert (selected[0], selected[1].id) == (1, "read-question")
    assert answer_lines(session, typed, 72)[1].startswith("> Read the question again")
    assert isinstance(answer(session, typed)[-1], SceneEntered)
    assert session.run.turns[0].choice == "read-question"


@pytest.mark.parametrize(
    ("typed", "meaning"),
    [
        ("feel-slope", Choose("feel-slope", 2)),
        ("which way", Choose("feel-slope", 2)),
        ("the", Ambiguous((1, 2))),
        ("9", Unknown("There is no choice 9 here; they go from 1 to 3.")),
        ("", Unknown("Type the number of a choice, some of its words, or help.")),
        ("look around", Unknown("look stands alone, with nothing after it.")),
    ],
)
def test_every_other_line_means_one_thing(session: Session, typed: str, meaning: object) -> None:
    assert interpret(session, typed) == meaning


def test_whatever_is_marked_is_what_is_taken(session: Session) -> None:
    for typed in ("1", "2.", "03", "say-now", "q", "?", "undo", "in case", "floor", "x", "the"):
        selected, meaning = selected_offer(session, typed), interpret(session, typed)
        assert (selected[1].id if selected else None) == (meaning.choice if isinstance(meaning, Choose) else None)


def test_where_one_choice_is_open_a_higher_number_is_told_so(session: Session) -> None:
    session.choose("feel-slope")
    session.choose("leave-label")
    assert interpret(session, "2") == Unknown("There is no choice 2 here; there is only 1.")
