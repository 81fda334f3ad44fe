"""The toolbar: where the pass stands, the number as bars, sealed or last heard, and the cost of the selected offer."""

from __future__ import annotations

import os
from unittest.mock import patch

import pytest

from fixtures_golden import golden
from fixtures_play import TO_ENDINGS
from forward_pass.interface.prompt import selected_offer
from forward_pass.interface.status import gauge, number_text, toolbar
from forward_pass.session.session import Session
from forward_pass.story.history import at_turn

NUMBER = "dark▇0.81 switch▂0.16"


def selected(session: Session, typed: str) -> str:
    """Return the toolbar where a line is typed."""
    return toolbar(session, selected_offer(session, typed.strip()))


def test_it_has_the_position_the_number_and_the_keys(session: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "100"}):
        assert toolbar(session) == f" 11 “The” · 3 {'·' * 16} 9 · 6 left · {NUMBER} · ? help  about  quit"
        session.choose("feel-slope")
        assert toolbar(session) == f" 11 “The” · 3 ███{'·' * 13} 9 · 5 left · {NUMBER} · ? help  undo  quit"
    assert toolbar(session).endswith(f"{NUMBER} · ? help")
    session.go_to_turn(0)
    for choice in TO_ENDINGS["half-said"]:
        session.choose(choice)
    assert toolbar(session) == " ended · picture  undo  restart  tree  quit"


def test_on_a_narrow_screen_the_number_has_a_line_of_its_own(session: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "40"}):
        assert toolbar(session) == f" 11 “The” · 3/12, 6 left\n {NUMBER} · ? help"
    with patch.dict(os.environ, {"COLUMNS": "30"}):
        assert all(len(line) < 30 for line in toolbar(session).split("\n"))


@pytest.mark.parametrize("typed", ["2", " feel-slope"])
def test_it_has_the_cost_of_the_selected_choice(session: Session, typed: str) -> None:
    bar = f" 3 ▒▒▒{'·' * 13} 9 · 1 layer: 3 to 4"
    assert selected(session, typed) == f"{bar} · 2. Feel which way the floor slopes."
    for columns, expected in (("65", f"{bar} · 2. Feel which way the…"), ("40", bar), ("30", " 2. · 1 layer: 3 to 4")):
        with patch.dict(os.environ, {"COLUMNS": columns}):
            assert selected(session, typed) == expected


def test_without_room_for_the_gauge_the_number_of_the_choice_is_shown_once(session: Session) -> None:
    with patch.dict(os.environ, {"COLUMNS": "39"}):
        assert selected(session, "1") == " 1. · 1 layer: 3 to 4 · Read the ques…"


def test_a_choice_that_decodes_costs_all_that_is_left(session: Session) -> None:
    assert selected(session, "3").startswith(f" 3 {'▒' * 16} 9 · the last 6 layers: 3 to 9 · ")
    assert " left" in selected(session, "7")


def test_the_gauge_never_overflows(session: Session) -> None:
    for layer in range(3, 10):
        for to in range(layer, 10):
            bar = gauge(session.world, layer, to)
            assert (len(bar), bar[:2], bar[-2:]) == (20, "3 ", " 9")


def test_the_number_is_sealed_shown_or_last_heard(session: Session) -> None:
    """In the flagship it is sealed at 400, shown from layer 41 of 402, asked for from 64, and no longer there at 403."""
    run, _ = golden("zero")
    texts = []
    for turn in range(run.at + 1):
        session.run, session.world = at_turn(run, turn), run.world
        session.inspector = run.inspector
        texts.append((session.run.state.token, session.run.state.layer, number_text(session)))
    assert {text for token, _, text in texts if token < 402} == {"two no zero ■ sealed"}
    assert all("two" in text and "0." in text for token, layer, text in texts if token == 402 and 41 <= layer < 64)
    assert any(text.startswith("heard: two") for _, _, text in texts)
    assert {text for token, _, text in texts if token > 402} == {""}


def test_off_the_road_to_the_word_there_is_no_number(session: Session) -> None:
    """None of the words that the story is about has any probability left there."""
    run, _ = golden("objection")
    there = next(turn for turn in range(run.at) if at_turn(run, turn).state.words[-1:] == ("is",))
    session.run, session.world, session.inspector = at_turn(run, there), run.world, run.inspector
    assert number_text(session) == ""
