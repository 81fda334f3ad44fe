"""The animation of a decoding: its frames, and the keys that end it."""

from __future__ import annotations

import time

import pytest
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.input.typeahead import get_typeahead

from building import InspectablePass, first_light
from fixtures_golden import golden
from forward_pass.interface.decode_animation import Frame, frame_lines, lens_frames, play_animation
from forward_pass.session.transcript import quoted, turn_distribution
from forward_pass.story.state import OPENING
from test_tree_browser import CTRL_C, type_keys


def flagship_frames() -> list[Frame]:
    """Return the layers above the boundary of a decoding of the flagship."""
    run, _ = golden("objection")
    turn = next(turn for turn in run.turns if turn.word is not None)
    return lens_frames(run.inspector, turn.decoding, range(73, 97))


def test_the_last_frame_is_the_distribution_that_the_word_was_drawn_from() -> None:
    run, _ = golden("objection")
    turn = next(turn for turn in run.turns if turn.word is not None)
    last = flagship_frames()[-1]
    assert last.layer == 96
    for word, probability in turn_distribution(run, turn).likeliest(5):
        assert last.lens.p(word) == pytest.approx(probability, abs=2e-4)


@pytest.mark.parametrize(("columns", "bar"), [(72, 24), (39, 12)])
def test_a_frame_has_its_layer_words_with_probabilities_and_a_strip(columns: int, bar: int) -> None:
    frames = flagship_frames()
    lines = frame_lines(frames, 23, ["question", "foot"], columns)
    assert lines[0] == "The decoder comes. Layer 96 (measured)."
    assert lines[1].startswith(f"  {quoted('question')} 0.9")
    assert lines[1].count("█") == round(bar * frames[-1].lens.p("question"))
    assert lines[-1].startswith("  73 ▁")
    assert lines[-1].endswith("█ 96")
    assert frame_lines(frames, 2, ["question", "foot"], columns)[-1].endswith(f"{'·' * 21} 96")
    assert all(len(line) <= columns for line in lines)


def test_frames_advance_by_themselves() -> None:
    frames = lens_frames(InspectablePass(first_light()), OPENING, (10, 11, 12))
    start = time.monotonic()
    with type_keys(""):
        play_animation(frames, seconds=0.2)
    assert time.monotonic() - start >= 0.2


def test_any_key_ends_the_animation() -> None:
    frames = lens_frames(InspectablePass(first_light()), OPENING, (10, 11, 12))
    with type_keys("x"):
        play_animation(frames, seconds=3600)


def test_ctrl_c_interrupts() -> None:
    frames = lens_frames(InspectablePass(first_light()), OPENING, (10, 11, 12))
    with type_keys(CTRL_C), pytest.raises(KeyboardInterrupt):
        play_animation(frames, seconds=3600)


@pytest.mark.parametrize(("keys", "expected"), [("\r", ""), (" ", ""), ("2", "2"), ("undo", "undo")])
def test_keys_typed_ahead_are_kept_for_the_prompt(keys: str, expected: str) -> None:
    frames = lens_frames(InspectablePass(first_light()), OPENING, (10, 11, 12))
    with type_keys(keys):
        play_animation(frames, seconds=3600)
        typeahead = get_typeahead(get_app_session().input)
    assert "".join(key.data for key in typeahead) == expected
