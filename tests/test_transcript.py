"""A run as plain lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures_play import TO_ENDINGS, Glass, changed_world, first_light, glass_play, let_go, playing
from forward_pass.network.passes import WrittenPass
from forward_pass.session.inspection import inspect_pass
from forward_pass.session.transcript import (
    attention_lines,
    cost_words,
    inspection_lines,
    layers,
    offer_lines,
    opening_line,
    place_line,
    prompt_lines,
    quoted,
    standing_lines,
    transcript,
    wrap,
)


def test_paragraphs_are_set_to_a_width_and_parted_by_empty_lines() -> None:
    assert wrap("one two three\n\nfour", 8) == ["one two", "three", "", "four"]


def test_a_line_that_stands_as_it_is_keeps_its_indentation() -> None:
    assert wrap("    as it\n    stands here", 12) == ["    as it", "    stands", "    here"]


def test_nothing_is_an_empty_line() -> None:
    assert wrap("", 10) == [""]


@given(st.text(alphabet="ab \n", max_size=80), st.integers(8, 40))
def test_no_line_is_wider_than_it_may_be_and_no_word_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_one_layer_is_one_layer() -> None:
    assert [layers(count) for count in (0, 1, 2)] == ["0 layers", "1 layer", "2 layers"]


def test_the_end_of_a_line_is_called_by_its_name() -> None:
    assert (quoted("foot"), quoted("\n")) == ("“foot”", "a new line")


def test_above_a_run_stands_its_world_its_number_and_where_its_words_come_from() -> None:
    world = first_light()
    written, computed = opening_line(world, WrittenPass(world), 3), opening_line(world, Glass(world), 3)
    assert written.startswith("First Light. Instantiation 3. ")
    assert "no model runs under this world" in written
    assert computed.startswith("First Light. Instantiation 3. ")
    assert "written" not in computed


def test_where_the_pass_stands_is_its_token_its_word_and_its_layer(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        assert place_line(play.world, play.run.state) == "[11 “The”, layer 4 of 12; 5 layers to the decoder]"
        play.choose("stop-reading")
        assert place_line(play.world, play.run.state) == "[12 “dark”, layer 3 of 12; 6 layers to the decoder]"


def test_offers_are_numbered_and_closed_ones_say_why(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        assert offer_lines(play.run, 60) == [
            "1. Read it once more, for the tone. (1 layer)",
            "2. Shut my eyes, such as they are, and let them come. (all",
            "   that is left)",
            "3. Enough reading. Find the slope. (1 layer)",
            "-  Closed: Lean toward the thing by the door. (Nothing has",
            "   pointed to any door yet.)",
        ]
        play.choose("read-again")
        assert offer_lines(play.run, 72)[0] == "1. Read it once more, for the tone. (1 layer, taken before)"


def test_a_choice_that_will_be_cut_short_says_so(tmp_path: Path) -> None:
    with playing(tmp_path, "say-now") as play:
        assert [cost_words(offer) for offer in play.open_offers] == [
            "all that is left",
            "2 layers",
            "7 layers, more than are left",
        ]


def test_the_prompt_is_shown_as_typed_and_what_was_said_after_it(tmp_path: Path) -> None:
    with playing(tmp_path, "say-now") as play:
        assert prompt_lines(play.run, 72) == ["Q: What comes before the light?", "A: The dark"]
        assert prompt_lines(play.run, 20) == ["Q: What comes before", "   the light?", "A: The dark"]


def test_an_ending_says_its_title_what_was_said_and_how_likely_it_was(tmp_path: Path) -> None:
    with playing(tmp_path, *TO_ENDINGS["the-loop"]) as play:
        lines = standing_lines(play.run, 72)
    assert lines[-2:] == ["Ending: Again.", "Said in all: “dark again”, log-likelihood -0.81 nats."]


def test_an_ending_of_a_computed_pass_says_how_likely_that_was_to_a_pass_that_nobody_touched(tmp_path: Path) -> None:
    play = glass_play(tmp_path, *TO_ENDINGS["the-loop"])
    said = " ".join(standing_lines(play.run, 72)[-2:])
    assert said.endswith("“dark again”, log-likelihood -0.81 nats; to the pass that nobody touched, -2.74.")
    let_go(play)


def test_a_pass_laid_open_is_said_in_words(tmp_path: Path) -> None:
    play = glass_play(tmp_path, "read-question")
    read = inspect_pass(play.world, play.pass_port, play.run.state.words, play.run.state.acts, 4)
    assert inspection_lines(read, 100) == [
        "Token 11, “The”, up to layer 4 of 12. All of this is measured.",
        "Lens at layer 3: “dark” 0.81, “switch” 0.16, “egg” 0.03; entropy 0.57 of 1.10 nats.",
        "Lens at layer 4: “dark” 0.81, “switch” 0.16, “egg” 0.03; entropy 0.57 of 1.10 nats.",
        "Probe for nonsense: +0.33.",
        "A probe's score is near +1 for yes and near -1 for no; it is not a probability. They were fitted",
        "where a count is about to be said; elsewhere they mean little, and can run past either end.",
        "The heads that see everything have not looked yet.",
    ]
    assert max(map(len, inspection_lines(read, 40))) <= 40
    let_go(play)


def test_where_the_heads_looked_is_said_under_the_prompt(tmp_path: Path) -> None:
    play = glass_play(tmp_path, "read-question", "read-again")
    assert attention_lines(play.run, 100) == [
        "",
        "Strongest looks, of all attention so far: “<doc>” at 1 (0.70), “Q:” at 2 (0.21), “What” at 3 (0.06).",
    ]
    let_go(play)


def test_where_nobody_looks_nothing_is_said_of_it(tmp_path: Path) -> None:
    play = glass_play(tmp_path, *TO_ENDINGS["half-said"])
    assert attention_lines(play.run, 100) == []
    let_go(play)
    with playing(tmp_path) as written:
        assert attention_lines(written.run, 100) == []


def test_an_ending_where_nothing_was_said_says_that(tmp_path: Path) -> None:
    first = "      read-question:\n"
    world = changed_world({first: f"      end-it:\n        say: End.\n        goto: the-loop\n{first}"})
    with playing(tmp_path, "end-it", world=world) as play:
        assert standing_lines(play.run, 72)[-1] == "Nothing was said."


@pytest.mark.parametrize("ending", TO_ENDINGS)
def test_a_transcript_is_the_whole_run_to_the_present_turn(tmp_path: Path, ending: str) -> None:
    with playing(tmp_path, *TO_ENDINGS[ending]) as play:
        whole = list(transcript(play.run, 72))
        play.undo("")
        part = list(transcript(play.run, 72))
    assert whole[: len(part)] == part
    assert whole[0].startswith("First Light. Instantiation 1.")
    assert sum(line.startswith("> ") for line in whole) == len(TO_ENDINGS[ending])
    assert sum(line.startswith("[The decoder comes: ") for line in whole) == 2
    assert max(map(len, whole)) <= 72
