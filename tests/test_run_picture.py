"""A run as a picture: where choices were made, what acts were worth, what decided the word; drawn, in words, as an object."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures_golden import flagship, golden
from fixtures_play import TO_ENDINGS, open_session
from forward_pass.errors import UsageError
from forward_pass.interface.end_picture import FORK, NEW, TREE, EndPicture, show_picture
from forward_pass.session.decision import decision
from forward_pass.session.events import PictureShown
from forward_pass.session.input import answer
from forward_pass.session.run_commands import picture
from forward_pass.session.run_picture import picture_lines, picture_object, run_picture
from forward_pass.session.session import Session
from forward_pass.story.engine import offers
from test_docs import OBJECTS, hold
from test_tree_browser import CTRL_C, record_screen, type_keys

ENDS = sorted(journal.header.created_at for journal in flagship().journals.values())


def nothing() -> None:
    """Say that no ending is near."""


@pytest.mark.parametrize("name", ENDS)
def test_every_turn_has_its_stop_and_the_deciding_acts_are_those_of_the_decision(name: str) -> None:
    run, _ = golden(name)
    drawn = run_picture(run)
    assert [stop.turn for stop in drawn.stops] == list(range(1, run.at + 1))
    for stop, turn in zip(drawn.stops, run.path, strict=True):
        open_ways = [offer for offer in offers(run.world, turn.before) if offer.is_open]
        assert (stop.token, stop.layer, stop.others) == (turn.before.token, turn.before.layer, len(open_ways) - 1)
    found = decision(run)
    turns = {found.acts[number].turn for number in found.by or ()} if found else set()
    assert {stop.turn for stop in drawn.stops if stop.decided} == turns
    said = [(turn.before.token, turn.word) for turn in run.path if turn.word is not None]
    assert [(column.token, column.said) for column in drawn.columns if column.said] == said


def test_in_words_it_says_what_is_drawn() -> None:
    run, _ = golden("zero")
    text = " ".join(" ".join(picture_lines(run, 72)).split())
    assert "402 “has”, said “zero” 0.60" in text
    assert "worth +0.42 to “zero”; without it “no”" in text
    assert "It decided the word." in text
    assert "Decided: “zero” at 402 (0.60)" in text
    assert all(len(line) <= 40 for line in picture_lines(run, 40))


def test_as_an_object_it_holds_to_its_schema() -> None:
    run, _ = golden("zero")
    row = picture_object(run)
    hold(OBJECTS["picture"], row)


def test_there_is_none_before_the_first_choice(tmp_path: Path) -> None:
    with open_session(tmp_path) as session:
        with pytest.raises(UsageError, match="Nothing has been chosen yet"):
            picture(session)
        session.choose("feel-slope")
        assert answer(session, "picture") == [PictureShown(session.run)]


# -- on the screen --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ended(tmp_path: Path) -> Session:
    """Return a session at the end of a run of the flagship that an act decided."""
    run, header = golden("zero")
    with open_session(tmp_path) as session:
        session.run, session.world, session.inspector = run, run.world, run.inspector
        session.recorder.header = header
        return session


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20), (140, 50), (30, 12)])
def test_the_picture_fits_the_screen_with_the_selected_stop_in_sight(ended: Session, columns: int, rows: int) -> None:
    with type_keys("", columns, rows):
        screen = EndPicture(ended, nothing)
        for _ in screen.stops:
            lines = "".join(piece[1] for piece in screen.fragments()).split("\n")
            assert all(len(line) <= columns for line in lines)
            assert any("class:selected" in piece[0] for piece in screen.fragments())
            screen.step(-1)
    assert len(screen.footer) <= 80


def test_it_begins_at_the_act_that_decided_the_word(ended: Session) -> None:
    screen = EndPicture(ended, nothing)
    assert (screen.stop.decided, screen.stop.token) == (True, 402)
    screen.step_token(-1)
    assert screen.stop.token == 401
    screen.step_token(-9)
    assert screen.stop.token == 400


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("s", (FORK, 25)),
        ("\r", (FORK, 25)),
        ("\x1b[A\x1b[Af", (FORK, 23)),
        ("\x1b[H\r", (FORK, 1)),
        ("t", (TREE, 0)),
        ("n", (NEW, 0)),
        ("q", None),
        (CTRL_C, None),
        ("wqq", None),
        ("?qn", (NEW, 0)),
    ],
)
def test_keys_lead_on(ended: Session, keys: str, expected: tuple[str, int] | None) -> None:
    with type_keys(keys):
        request = show_picture(ended, nothing)
    assert (tuple(request) if request else None) == expected


def test_w_shows_the_run_without_the_act_and_says_where_there_is_none(ended: Session) -> None:
    with type_keys(""):
        screen = EndPicture(ended, nothing)
        screen.show_without()
        assert screen.pane is not None
        text = "".join(piece[1] for piece in screen.fragments())
        assert "Without it “no” is said at 402, and not “zero”" in text
        assert screen.footer == " Up Down  q back"
        screen.step(3)
        assert screen.pane.top == 3
        screen.pane = None
        screen.step(-1000)
        screen.show_without()
    assert screen.pane is None
    assert "nothing was done to the pass here" in screen.message


def test_h_goes_to_the_turn_from_which_an_ending_is_near(ended: Session) -> None:
    with type_keys(""):
        screen = EndPicture(ended, lambda: ("2 choices from here: Go up.", 3))
        screen.show_nearest()
        text = "".join(piece[1] for piece in screen.fragments())
        assert "2 choices from here" in text
        assert "Turn 4 of 35" in text
        screen.nearest = nothing
        screen.show_nearest()
    assert "no ending that was not found is near enough" in screen.message


def test_the_keys_are_told(ended: Session) -> None:
    with type_keys(""):
        screen = EndPicture(ended, nothing)
        screen.show_keys()
        text = "".join(piece[1] for piece in screen.fragments())
    assert "play on from before the act that decided the word" in text


def test_a_run_that_no_act_decided_has_no_key_for_it(tmp_path: Path) -> None:
    with open_session(tmp_path, *TO_ENDINGS["half-said"]) as session, record_screen("sq") as screen:
        assert show_picture(session, nothing) is None
        assert "no act decided the word" in screen.text
