"""A run as plain text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from building import TINY, InspectablePass, built, changed_world, first_light
from fixtures_play import TO_ENDINGS, close_session, inspectable_session, open_session
from forward_pass import Session
from forward_pass.network.passes import WrittenPass
from forward_pass.session.commands import COMMANDS
from forward_pass.session.inspection import inspect_pass
from forward_pass.session.transcript import (
    attention_lines,
    cost_text,
    inspection_lines,
    layers_text,
    offer_lines,
    opening_line,
    position_line,
    prompt_lines,
    quoted,
    scene_lines,
    transcript,
    wrap,
)


def test_paragraphs_are_wrapped_to_a_width_with_an_empty_line_between_them() -> None:
    assert wrap("one two three\n\nfour", 8) == ["one two", "three", "", "four"]


def test_an_indented_line_keeps_its_indentation() -> None:
    assert wrap("    as it\n    stands here", 12) == ["    as it", "    stands", "    here"]


def test_empty_text_is_an_empty_line() -> None:
    assert wrap("", 10) == [""]


@given(st.text(alphabet="ab \n", max_size=80), st.integers(8, 40))
def test_no_line_is_too_wide_and_no_word_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_choice_that_costs_nothing_and_has_no_verb_ends_on_its_words() -> None:
    session = Session(built(TINY.replace("start: waking", "start: waking\ncost: 0").replace("goto: decode", "goto: waking")))
    assert offer_lines(session.run, 72) == ["1. Go on."]
    assert offer_lines(session.run, 72, {"go-on": "new"}) == ["1. Go on.  new"]
    session.choose("go-on")
    assert offer_lines(session.run, 72, {"go-on": "new"}) == ["1. Go on.  taken before, new"]


def test_one_layer_is_singular() -> None:
    assert [layers_text(count) for count in (0, 1, 2)] == ["0 layers", "1 layer", "2 layers"]


def test_a_line_end_is_quoted_by_name() -> None:
    assert (quoted("foot"), quoted("\n")) == ("“foot”", "a new line")


def test_the_opening_line_has_the_world_the_instantiation_and_the_source_of_the_words() -> None:
    world = first_light()
    written, computed = opening_line(world, WrittenPass(world), 3), opening_line(world, InspectablePass(world), 3)
    assert written.startswith("First Light. Instantiation 3. ")
    assert "no model runs under this world" in written
    assert computed.startswith("First Light. Instantiation 3. ")
    assert "written" not in computed


def test_the_position_line_has_the_token_its_word_and_the_layer(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        assert position_line(session.world, session.run.state) == "[11 “The”, layer 4 of 12; 5 layers to the decoder]"
        session.choose("stop-reading")
        assert position_line(session.world, session.run.state) == "[12 “dark”, layer 3 of 12; 6 layers to the decoder]"


def test_offers_are_numbered_and_closed_ones_say_why(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        assert offer_lines(session.run, 60) == [
            "1. Read it once more, for the tone.  1 layer",
            "2. Shut my eyes, such as they are, and let them come.",
            "   let · the last 5 layers",
            "3. Enough reading. Find the slope.  ask · 1 layer",
            "-  Closed: Lean toward the thing by the door. (Nothing has",
            "   pointed to any door yet.)",
        ]
        session.choose("read-again")
        assert offer_lines(session.run, 72)[0] == "1. Read it once more, for the tone.  1 layer, taken before"


def test_a_choice_that_will_be_cut_short_says_so(tmp_path: Path) -> None:
    with open_session(tmp_path, "say-now") as session:
        assert [cost_text(offer) for offer in session.open_offers] == [
            "the last 6 layers",
            "2 layers",
            "7 layers, more than are left",
        ]


def test_the_prompt_is_shown_as_typed_followed_by_the_decoded_words(tmp_path: Path) -> None:
    with open_session(tmp_path, "say-now") as session:
        assert prompt_lines(session.run, 72) == ["Q: What comes before the light?", "A: The dark"]
        assert prompt_lines(session.run, 20) == ["Q: What comes before", "   the light?", "A: The dark"]


def test_an_ending_has_its_title_the_decoded_words_and_their_log_likelihood(tmp_path: Path) -> None:
    with open_session(tmp_path, *TO_ENDINGS["the-loop"]) as session:
        lines = scene_lines(session.run, 72)
    assert lines[-4:-2] == ["Ending: Again.", "Said in all: “dark again”, log-likelihood -0.81 nats."]
    assert " ".join(lines[-2:]) == "Decided by nothing that was done: “dark” at 11 (0.81) would have been said all the same."


def test_an_ending_of_a_computed_pass_has_the_log_likelihood_under_the_unmodified_pass(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, *TO_ENDINGS["the-loop"])
    text = " ".join(scene_lines(session.run, 72)[-4:-2])
    assert text.endswith("“dark again”, log-likelihood -0.81 nats at temperature 1; the same words, untouched: -2.74.")
    close_session(session)


def test_an_inspection_as_lines(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, "read-question")
    inspection = inspect_pass(session.world, session.inspector, session.run.state.key, 4)
    assert inspection_lines(inspection, 100) == [
        "Token 11, “The”, up to layer 4 of 12. All of this is measured.",
        "Lens at layer 3: “dark” 0.81, “switch” 0.16, “egg” 0.03; entropy 0.57 of 1.10 nats.",
        "Lens at layer 4: “dark” 0.81, “switch” 0.16, “egg” 0.03; entropy 0.57 of 1.10 nats.",
        "Probe for nonsense: +0.33.",
        "A probe's score is near +1 for yes and near -1 for no; it is not a probability. Each was fitted",
        "where a count is about to be said, and tested there alone.",
        "The heads that see everything have not looked yet.",
    ]
    assert max(map(len, inspection_lines(inspection, 40))) <= 40
    close_session(session)


def test_an_inspection_to_the_last_layer_has_ranks_and_away_from_the_telling_token_no_probes(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, "read-question", "stop-reading")
    lines = inspection_lines(inspect_pass(session.world, session.inspector, session.run.state.key, 12), 100)
    assert "Lens at layer 12: “comes” 0.92, “again” 0.08; entropy 0.28 of 0.69 nats; “comes” is number 1." in lines
    at = lines.index("“comes” is likeliest from layer 1 on.")
    assert lines[at + 1] == "Probes are shown at token 11 alone, where they were tested."
    close_session(session)


def test_the_strongest_attention_is_shown_under_the_prompt(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, "read-question", "read-again")
    assert attention_lines(session.run, 160) == [
        "",
        (
            "Strongest looks, averaged over the heads so far: “<doc>” at 1 (0.70), “Q:” at 2 (0.21), “What” at 3 (0.06). "
            "The sharpest single head, 5.1: “Q:” at 2 (0.90)."
        ),
    ]
    close_session(session)


def test_without_attention_nothing_is_shown_under_the_prompt(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, *TO_ENDINGS["half-said"])
    assert attention_lines(session.run, 160) == []
    close_session(session)
    with open_session(tmp_path) as written:
        assert attention_lines(written.run, 100) == []


def test_an_ending_without_decoded_words_says_so(tmp_path: Path) -> None:
    first = "      read-question:\n"
    world = changed_world({first: f"      end-it:\n        say: End.\n        goto: the-loop\n{first}"})
    with open_session(tmp_path, "end-it", world=world) as session:
        assert scene_lines(session.run, 72)[-1] == "Nothing was said."


@pytest.mark.parametrize("ending", TO_ENDINGS)
def test_a_transcript_is_the_whole_run_to_the_present_turn(tmp_path: Path, ending: str) -> None:
    with open_session(tmp_path, *TO_ENDINGS[ending]) as session:
        whole = list(transcript(session.run, 72))
        COMMANDS["undo"].run(session, "")
        part = list(transcript(session.run, 72))
    assert whole[: len(part)] == part
    assert whole[0].startswith("First Light. Instantiation 1.")
    assert sum(line.startswith("> ") for line in whole) == len(TO_ENDINGS[ending])
    assert sum(line.startswith("[The decoder comes: ") for line in whole) == 2
    assert max(map(len, whole)) <= 72
