"""Help in a session: terms, hints in their steps, traces in the KV cache, and the share line."""

from __future__ import annotations

from pathlib import Path

import pytest

from building import first_light
from fixtures_play import TO_ENDINGS, inspectable_session, new_session, open_session, write_run
from forward_pass.errors import UsageError
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_pass
from forward_pass.session import glossary_help
from forward_pass.session.events import Message
from forward_pass.session.input import answer
from forward_pass.session.session import Session
from forward_pass.story.history import Run, append, make_turn, new_run
from forward_pass.story.state import Prior
from forward_pass.story.world import World


def message_after(session: Session, typed: str) -> Message:
    """Return the message that an input is answered with."""
    (event,) = answer(session, typed)
    assert isinstance(event, Message), event
    return event


# -- terms


def test_terms_are_listed_after_the_description_of_the_world(tmp_path: Path) -> None:
    event = message_after(new_session(tmp_path), "about")
    assert event.text == f"{first_light().about}\n\nAbout any of these, type about TERM: decoder, label, layer."
    assert message_after(new_session(tmp_path), "about First Light") == event


def test_a_world_without_a_glossary_shows_its_description() -> None:
    bare = World(first_light().story._replace(glossary=(), hints={}))
    assert glossary_help.terms_text(bare) == bare.about


@pytest.mark.parametrize("query", ["layer", "LAYERS", "lay", " layer "])
def test_a_term_is_found_by_any_of_its_names_or_an_unambiguous_part(query: str) -> None:
    assert glossary_help.find_term(first_light(), query).name == "layer"


def test_a_term_shows_its_claim_and_its_source() -> None:
    layer, decoder = glossary_help.find_term(first_light(), "layer"), glossary_help.find_term(first_light(), "decoder")
    assert glossary_help.term_paragraphs(layer).startswith("Layer. One look round")
    assert glossary_help.term_paragraphs(layer).endswith(
        "True. Source: Vaswani and others, Attention Is All You Need (2017), arXiv:1706.03762. See also decoder."
    )
    assert glossary_help.term_paragraphs(decoder).endswith("Invented for the story. See also layer.")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("l", "“l” could be any of label, layer."),
        ("lable", "Nothing is said about “lable” (did you mean label?). Type about for all there is."),
        ("\x1b[1m", "Nothing is said about “[1m”. Type about for all there is."),
    ],
)
def test_an_unknown_or_ambiguous_term_is_rejected(query: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        glossary_help.find_term(first_light(), query)
    assert str(caught.value) == message


def test_every_term_of_the_flagship_can_be_found_and_refers_to_terms() -> None:
    world = open_world("forward-pass")
    names = {term.name for term in glossary_help.terms(world)}
    assert len(names) > 30
    for term in glossary_help.terms(world):
        assert glossary_help.find_term(world, term.name) == term
        assert set(term.see) <= names
        assert term.source or term.claim != "true"


# -- hints


def test_a_hint_comes_in_three_steps_and_then_the_next_endings(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    steps = [message_after(session, "hint").text.split("\n") for _ in range(4)]
    assert {lines[0] for lines in steps[:3]} == {"0 of 4 endings found; the nearest of the others is 2 choices from here."}
    assert [lines[1].split(":")[0] for lines in steps] == [
        "Ending 3, a nudge",
        "Ending 3, clearer",
        "Ending 3, plainly",
        "Ending 1, a nudge",
    ]
    assert steps[2][1].endswith("(that is all there is to say of it)")
    assert steps[3][1].endswith("(hint 1 for more of it)")


def test_a_hint_can_be_requested_by_the_number_of_an_ending(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    rows = [message_after(session, "hint 3").row for _ in range(4)]
    assert [(row["ending"], row["step"]) for row in rows if row] == [(3, 1), (3, 2), (3, 3), (3, 3)]


@pytest.mark.parametrize("query", ["0", "5", "x", "-1", "٣"])
def test_a_number_that_no_ending_has_is_rejected(query: str) -> None:
    with pytest.raises(UsageError, match="Endings have numbers from 1 to 4"):
        glossary_help.next_hint(first_light(), (), {}, query)


def test_there_is_no_hint_for_a_found_ending() -> None:
    world, endings = first_light(), list(first_light().endings)
    hint = glossary_help.next_hint(world, endings[:1], {}, "")
    assert hint is not None
    assert hint.number == 2
    with pytest.raises(UsageError, match=r"^Ending 1 was found: The Usual Order\.$"):
        glossary_help.next_hint(world, endings[:1], {}, "1")
    assert glossary_help.next_hint(world, endings, {}, "") is None


def test_when_every_step_was_given_the_first_ending_is_hinted_at_again() -> None:
    world = first_light()
    steps_given = dict.fromkeys(world.endings, glossary_help.HINT_STEPS)
    hint = glossary_help.next_hint(world, (), steps_given, "")
    assert hint is not None
    assert (hint.number, hint.step) == (1, glossary_help.HINT_STEPS)


def test_an_ending_counts_as_found_once_it_is_reached(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    for choice in TO_ENDINGS["the-usual-order"]:
        session.choose(choice)
    assert session.endings_found == {"the-usual-order"}
    assert message_after(session, "hint").text.startswith("1 of 4 endings found.\nEnding 2, a nudge:")


def test_with_every_ending_found_there_is_nothing_to_hint_at(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    for choices in TO_ENDINGS.values():
        write_run(tmp_path, *choices)
    text = message_after(session, "hint").text
    assert text == "4 of 4 endings found: there is nothing left to hint at."


def test_the_endings_counted_are_those_of_the_kept_runs_and_not_of_a_forks_parent(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    write_run(tmp_path, *TO_ENDINGS["by-the-door"])
    with open_session(tmp_path) as session:
        session.fork(1, 0)
        assert not session.recorder.prior.found  # the parent was the first run
        assert message_after(session, "hint").text.startswith("2 of 4 endings found")


def test_a_world_without_hints_says_so() -> None:
    bare = World(first_light().story._replace(hints={}))
    with pytest.raises(UsageError, match=r"^First Light has no hints\.$"):
        glossary_help.next_hint(bare, (), {}, "")


# -- traces in the cache


def test_a_run_without_traces_says_so(tmp_path: Path) -> None:
    text = "Nothing was written into the cache but what the words themselves leave there."
    assert message_after(new_session(tmp_path), "notes").text == text
    assert message_after(inspectable_session(tmp_path), "notes").row == {"type": "notes", "notes": []}


def run_after(*choices: str) -> Run:
    """Return a run of the flagship after some choices, with the likeliest words."""
    world = open_world("forward-pass")
    run = new_run(world, open_pass(world), Prior())
    for choice in choices:
        run = append(run, make_turn(run, choice, lambda distribution, _: distribution.likeliest(1)[0][0]))
    return run


NOTED = ("see-end", "end-ask", "slope-pen", "pen-faint", "faint-stair", "hailed-wait")


def test_a_note_is_shown_with_its_layer_its_strength_and_its_share_of_attention() -> None:
    run = run_after(*NOTED, "foot-page", "take-child", "childish-kind")
    (trace,) = glossary_help.cache_traces(run)
    assert (trace.token, trace.word, trace.layer) == (400, "Your", 41)
    assert trace.what == "“be”, as a note that says it would leave it, at 0.25 of its strength"
    assert trace.share is not None
    assert 0 < trace.share < 1
    line = f"400 “Your”, from layer 41 up: {trace.what}. Looked at so far by {100 * trace.share:.1f} %; an even share is 0.2 %."
    assert glossary_help.cache_text(run) == line


def test_a_trace_that_no_head_has_attended_to_has_no_share() -> None:
    run = run_after(*NOTED)
    assert [trace.share for trace in glossary_help.cache_traces(run)] == [None]
    assert "Looked" not in glossary_help.cache_text(run)


def test_a_rewritten_word_and_a_look_are_shown_with_their_words() -> None:
    at_has = (*NOTED, "foot-page", "take-child", "childish-kind", "under-wait")
    altered = run_after(*at_has, "look-page", "go-to-her-two", "record-four")
    assert [(trace.word, trace.what) for trace in glossary_help.cache_traces(altered)][1] == ("two", "remembered as “four”")
    looked = run_after(*at_has, "climb-shelf", "stare-back")
    assert glossary_help.cache_traces(looked)[1].what == "what came of looking hard at one place"


def test_a_push_leaves_a_thought_without_a_label_and_a_bend_leaves_nothing() -> None:
    doubted = run_after(
        *("see-end", "end-start", "start-ask", "slope-climb", "doubt-unsigned", "unsigned-stair", "feel-early", "push-who")
    )
    assert {trace.what for trace in glossary_help.cache_traces(doubted)} == {"a thought without a label"}


# -- the share line


def test_the_share_line_has_the_word_of_the_telling_token() -> None:
    world = open_world("forward-pass")
    run = run_after(*NOTED, "foot-page")
    assert (
        glossary_help.share_line(run, 7, {"content", "lever"}, "·")
        == "Forward Pass · instantiation 7 · “foot” at 0.98 · 2 of 31 endings"
    )
    assert world.telling_token == 402


def test_the_share_line_of_an_ended_run_counts_its_ending(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    assert glossary_help.share_line(session.run, 1, (), "-") == "First Light - instantiation 1 - 0 of 4 endings"
    for choice in TO_ENDINGS["half-said"]:
        session.choose(choice)
    shared = glossary_help.share_line(session.run, 1, session.endings_found, "-")
    assert shared.startswith("First Light - instantiation 1 - “")
    assert shared.endswith("- 1 of 4 endings")
