"""The decoder as it comes: frames of a pass, shown for a second or two, finished by any key."""

from __future__ import annotations

import time

import pytest
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.input.typeahead import get_typeahead

from fixtures_golden import golden
from fixtures_play import Glass, first_light
from forward_pass.interface.decode_animation import Frame, frame_lines, frames, play_animation
from forward_pass.session.transcript import quoted, turn_distribution
from test_tree_browser import CTRL_C, typed


def flagship_frames() -> list[Frame]:
    """Return the layers above the boundary of a decoding of the flagship."""
    run, _ = golden("objection")
    turn = next(turn for turn in run.turns if turn.word is not None)
    return frames(run.measure, turn.state.words[:-1], turn.state.acts[:-1], range(73, 97))


def test_the_last_frame_is_the_distribution_that_the_word_was_drawn_from() -> None:
    run, _ = golden("objection")
    turn = next(turn for turn in run.turns if turn.word is not None)
    last = flagship_frames()[-1]
    assert last.layer == 96
    for word, chance in turn_distribution(run, turn).likeliest(5):
        assert last.lens.p(word) == pytest.approx(chance, abs=2e-4)


@pytest.mark.parametrize(("columns", "bar"), [(72, 24), (39, 12)])
def test_a_frame_names_its_layer_each_word_with_its_chance_and_what_has_come(columns: int, bar: int) -> None:
    shown = flagship_frames()
    lines = frame_lines(shown, 23, ["question", "foot"], columns)
    assert lines[0] == "The decoder comes. Layer 96 (measured)."
    assert lines[1].startswith(f"  {quoted('question')} 0.9")
    assert lines[1].count("█") == round(bar * shown[-1].lens.p("question"))
    assert lines[-1].startswith("  73 ▁")
    assert lines[-1].endswith("█ 96")
    assert frame_lines(shown, 2, ["question", "foot"], columns)[-1].endswith(f"{'·' * 21} 96")
    assert all(len(line) <= columns for line in lines)


def test_frames_run_through_by_themselves() -> None:
    shown = frames(Glass(first_light()), (), ((),), (10, 11, 12))
    began = time.monotonic()
    with typed(""):
        play_animation(shown, seconds=0.2)
    assert time.monotonic() - began >= 0.2


def test_any_key_finishes_them() -> None:
    shown = frames(Glass(first_light()), (), ((),), (10, 11, 12))
    with typed("x"):
        play_animation(shown, seconds=3600)


def test_ctrl_c_is_no_such_key() -> None:
    shown = frames(Glass(first_light()), (), ((),), (10, 11, 12))
    with typed(CTRL_C), pytest.raises(KeyboardInterrupt):
        play_animation(shown, seconds=3600)


@pytest.mark.parametrize(("keys", "left"), [("\r", ""), (" ", ""), ("2", "2"), ("undo", "undo")])
def test_what_is_typed_ahead_is_there_when_the_prompt_is(keys: str, left: str) -> None:
    shown = frames(Glass(first_light()), (), ((),), (10, 11, 12))
    with typed(keys):
        play_animation(shown, seconds=3600)
        kept = get_typeahead(get_app_session().input)
    assert "".join(key.data for key in kept) == left
