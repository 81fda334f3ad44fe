"""Frames and the decoder's screen: what they show, and the keys that end them."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.input.typeahead import get_typeahead

from fixtures_golden import golden
from forward_pass.interface.animation import Frame, play_frames
from forward_pass.interface.decoder_screen import Rising, frame_fragments, play_decoder, rising
from forward_pass.interface.reading_frames import play_reading, reading_fragments
from forward_pass.session.figures import figures_after_scene
from forward_pass.session.readings import ActReading
from forward_pass.session.transcript import turn_distribution
from forward_pass.story.history import at_turn
from test_tree_browser import CTRL_C, record_screen, type_keys

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples


def frame(number: int) -> StyleAndTextTuples:
    """Return a frame."""
    return [("", f"frame {number}")]


FRAMES: list[Frame] = [partial(frame, number) for number in range(3)]


def shown_of(name: str = "zero", word: str = "zero") -> tuple[Rising, dict[str, float]]:
    """Return the decoder's screen of the turn of a golden run that drew a word, and the distribution that it was drawn from."""
    run, _ = golden(name)
    turn = next(turn for turn in run.turns if turn.word == word)
    return rising(run, turn), dict(turn_distribution(run, turn).likeliest(6))


def lines_of(shown: Rising, share: float, columns: int = 80, rows: int = 24, *, hold: bool = True) -> list[str]:
    """Return a frame of the decoder's screen as lines."""
    return "".join(piece[1] for piece in frame_fragments(shown, share, columns, rows, hold=hold)).split("\n")


def test_frames_advance_by_themselves() -> None:
    start = time.monotonic()
    with type_keys(""):
        play_frames(FRAMES, 0.2)
    assert time.monotonic() - start >= 0.2


def test_any_key_ends_frames_that_are_not_held() -> None:
    with type_keys("x"):
        play_frames(FRAMES, 3600)


def test_held_frames_need_a_key_for_the_end_of_what_moves_and_one_to_go_on() -> None:
    with type_keys("xy"):
        play_frames(FRAMES, 3600, hold=True)
        assert not get_typeahead(get_app_session().input)  # no choice is made unread


def test_ctrl_c_interrupts() -> None:
    with type_keys(CTRL_C), pytest.raises(KeyboardInterrupt):
        play_frames(FRAMES, 3600, hold=True)


@pytest.mark.parametrize(("keys", "expected"), [("\r", ""), (" ", ""), ("2", "2"), ("undo", "undo")])
def test_keys_typed_ahead_are_kept_for_the_prompt_where_nothing_is_held(keys: str, expected: str) -> None:
    with type_keys(keys):
        play_frames(FRAMES, 3600)
        typeahead = get_typeahead(get_app_session().input)
    assert "".join(key.data for key in typeahead) == expected


def test_at_the_end_every_word_stands_with_the_probability_that_it_was_drawn_with() -> None:
    shown, distribution = shown_of()
    assert dict(shown.chances) == distribution
    lines = lines_of(shown, 1)
    assert any(line.startswith("  “zero” ") and " 0.60 " in line for line in lines)
    assert "One of these two. Press a key." in lines
    assert [layer for layer, _ in shown.lens] == list(range(73, 97))
    assert shown.lens[-1][1] == pytest.approx(distribution["zero"], abs=2e-4)


def test_words_rise_from_the_smallest_and_the_top_two_come_last() -> None:
    shown, _ = shown_of()
    counts = [sum("“" in line and "0." in line for line in lines_of(shown, step / 24)) for step in range(1, 25)]
    assert counts == sorted(counts)
    assert counts[-2:] == [4, 6]
    before_last = "\n".join(lines_of(shown, 23 / 24))
    assert "“zero” " not in before_last
    assert "Press a key" not in before_last


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20), (40, 14), (140, 50)])
def test_the_screen_fits_and_has_the_words_row_in_sight(columns: int, rows: int) -> None:
    for name, word in (("zero", "zero"), ("zero", "foot"), ("objection", "question")):
        shown, _ = shown_of(name, word)
        lines = lines_of(shown, 1, columns, rows)
        assert len(lines) <= rows + 1
        assert all(len(line) <= columns for line in lines)
        assert any(f"“{word}”" in line for line in lines)


def test_where_nothing_else_is_likely_there_are_no_two() -> None:
    shown, _ = shown_of("zero", "foot")
    lines = lines_of(shown, 1)
    assert "Press a key." in lines
    assert "One of these two. Press a key." not in lines
    assert any("measured, the largest taken" in line for line in lines)


def test_what_the_choice_says_stands_above_the_decoder() -> None:
    shown, _ = shown_of()
    assert lines_of(shown, 1)[0].startswith("I said it over")


def test_without_motion_the_last_frame_alone_is_shown() -> None:
    shown, _ = shown_of()
    with record_screen("x") as screen:
        play_decoder(shown, hold=True, motion=False)
    assert "One of these two" in screen.text


def test_a_reading_goes_from_what_was_to_what_is() -> None:
    run, _ = golden("zero")
    at = next(number for number in range(run.at) if run.turns[number].choice == "half-doubt") + 1
    reading = next(figure for figure in figures_after_scene(run, at) if isinstance(figure, ActReading))
    before, after = ("".join(piece[1] for piece in reading_fragments(reading, after=after)) for after in (False, True))
    assert "“two”   0.48 → " in before
    assert "0.48 → 0.18" in after
    assert before.count("█") > after.split("“no”")[0].count("█")
    with record_screen("x") as screen:
        play_reading(at_turn(run, at))
    assert "half a doubt" in screen.text
    with type_keys(""):
        play_reading(at_turn(run, 0))  # nothing was done: nothing is shown
