"""What can be asked about: terms, hints in their steps, what was written into the cache, and the line to share."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures_play import TO_ENDINGS, begun_play, first_light, glass_play
from forward_pass.cli import open_world
from forward_pass.errors import UsageError
from forward_pass.network.passes import open_pass
from forward_pass.session import glossary_help
from forward_pass.session.session import Message, Session
from forward_pass.story.history import Run, append, make_turn, new_run
from forward_pass.story.state import Prior
from forward_pass.story.world import World


def told(play: Session, typed: str) -> Message:
    """Return what is said to something that was typed."""
    (event,) = play.answer(typed)
    assert isinstance(event, Message), event
    return event


# -- terms


def test_terms_are_listed_with_what_the_world_says_of_itself(tmp_path: Path) -> None:
    event = told(begun_play(tmp_path), "about")
    assert event.text == f"{first_light().about}\n\nAbout any of these, type about TERM: decoder, label, layer."
    assert told(begun_play(tmp_path), "about First Light") == event


def test_a_world_without_a_glossary_says_what_it_is() -> None:
    bare = World({**first_light().data, "glossary": [], "hints": {}})
    assert glossary_help.terms_text(bare) == bare.about


@pytest.mark.parametrize("asked", ["layer", "LAYERS", "lay", " layer "])
def test_a_term_is_found_by_any_of_its_names_or_a_part_that_no_other_has(asked: str) -> None:
    assert glossary_help.term(first_light(), asked).name == "layer"


def test_a_term_says_what_is_claimed_of_it() -> None:
    layer, decoder = glossary_help.term(first_light(), "layer"), glossary_help.term(first_light(), "decoder")
    assert layer.paragraphs.startswith("Layer. One look round")
    assert layer.paragraphs.endswith(
        "True. Source: Vaswani and others, Attention Is All You Need (2017), arXiv:1706.03762. See also decoder."
    )
    assert decoder.paragraphs.endswith("Invented for the story. See also layer.")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("l", "“l” could be any of label, layer."),
        ("lable", "Nothing is said about “lable” (did you mean label?). Type about for all there is."),
        ("\x1b[1m", "Nothing is said about “[1m”. Type about for all there is."),
    ],
)
def test_what_is_no_term_is_said_to_be_none(asked: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        glossary_help.term(first_light(), asked)
    assert str(caught.value) == message


def test_every_term_of_the_flagship_can_be_asked_for_and_points_to_terms() -> None:
    world = open_world("forward-pass")
    names = {one.name for one in glossary_help.terms(world)}
    assert len(names) > 30
    for one in glossary_help.terms(world):
        assert glossary_help.term(world, one.name) is not None
        assert set(one.see) <= names
        assert one.source or one.claim != "true"


# -- hints


def test_a_hint_comes_in_three_steps_and_then_the_next_endings(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    steps = [told(play, "hint").text.split("\n") for _ in range(4)]
    assert {lines[0] for lines in steps} == {"0 of 4 endings found."}
    assert [lines[1].split(":")[0] for lines in steps] == [
        "Ending 1, a nudge",
        "Ending 1, clearer",
        "Ending 1, plainly",
        "Ending 2, a nudge",
    ]
    assert steps[2][1].endswith("(that is all there is to say of it)")
    assert steps[3][1].endswith("(hint 2 for more of it)")


def test_a_hint_can_be_asked_for_by_the_number_of_an_ending(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    rows = [told(play, "hint 3").row for _ in range(4)]
    assert [(row["ending"], row["step"]) for row in rows if row] == [(3, 1), (3, 2), (3, 3), (3, 3)]


@pytest.mark.parametrize("asked", ["0", "5", "x", "-1", "٣"])
def test_a_number_that_no_ending_has_is_refused(asked: str) -> None:
    with pytest.raises(UsageError, match="Endings have numbers from 1 to 4"):
        glossary_help.next_hint(first_light(), (), {}, asked)


def test_what_was_found_is_not_hinted_at() -> None:
    world, endings = first_light(), list(first_light().endings)
    given = glossary_help.next_hint(world, endings[:1], {}, "")
    assert given is not None
    assert given.number == 2
    with pytest.raises(UsageError, match=r"^Ending 1 was found: The Usual Order\.$"):
        glossary_help.next_hint(world, endings[:1], {}, "1")
    assert glossary_help.next_hint(world, endings, {}, "") is None


def test_when_everything_was_hinted_at_the_first_is_told_again() -> None:
    world = first_light()
    given = dict.fromkeys(world.endings, glossary_help.STEPS)
    hint = glossary_help.next_hint(world, (), given, "")
    assert hint is not None
    assert (hint.number, hint.step) == (1, glossary_help.STEPS)


def test_an_ending_counts_as_found_once_it_stands_there(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    for choice in TO_ENDINGS["the-usual-order"]:
        play.choose(choice)
    assert play.found == {"the-usual-order"}
    assert told(play, "hint").text.startswith("1 of 4 endings found.\nEnding 2, a nudge:")


def test_with_every_ending_found_there_is_nothing_to_hint_at(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    play.store = type("Known", (), {"prior": Prior(5, frozenset(play.world.endings))})()
    assert told(play, "hint").text == "4 of 4 endings found: there is nothing left to hint at."


def test_a_world_without_hints_says_so() -> None:
    bare = World({**first_light().data, "hints": {}})
    with pytest.raises(UsageError, match=r"^First Light has no hints\.$"):
        glossary_help.next_hint(bare, (), {}, "")


# -- what was written


def test_a_run_that_wrote_nothing_says_so(tmp_path: Path) -> None:
    text = "Nothing was written into the cache but what the words themselves leave there."
    assert told(begun_play(tmp_path), "notes").text == text
    assert told(glass_play(tmp_path), "notes").row == {"type": "notes", "notes": []}


def walked(*choices: str) -> Run:
    """Return a run of the flagship after some choices, with the likeliest words."""
    world = open_world("forward-pass")
    run = new_run(world, open_pass(world), Prior())
    for choice in choices:
        run = append(run, make_turn(run, choice, lambda distribution, _: distribution.likeliest(1)[0][0]))
    return run


NOTED = (
    "see-start",
    "on-down",
    "stop-at-dog",
    "because-arrange",
    "pen-faint",
    "faint-to-slope",
    "slope-half-way",
    "keep-to-myself",
    "hail",
    "hailed-wait",
    "still",
)


def test_a_note_is_told_with_its_layer_its_strength_and_how_much_it_is_looked_at() -> None:
    run = walked(*NOTED, "look-back", "take-child", "childish-bet")
    (trace,) = glossary_help.cache_traces(run)
    assert (trace.token, trace.word, trace.layer) == (400, "Your", 41)
    assert trace.what == "“be”, as a note that says it would leave it, at 0.25 of its strength"
    assert trace.share is not None
    assert 0 < trace.share < 1
    line = f"400 “Your”, from layer 41 up: {trace.what}. Looked at so far by {100 * trace.share:.1f} %; an even share is 0.2 %."
    assert glossary_help.cache_text(run) == line


def test_what_nobody_has_looked_at_yet_has_no_share() -> None:
    run = walked(*NOTED)
    assert [trace.share for trace in glossary_help.cache_traces(run)] == [None]
    assert "Looked" not in glossary_help.cache_text(run)


def test_an_altered_word_and_a_look_are_told_where_they_are() -> None:
    altered = walked(
        *NOTED,
        "look-back",
        "take-child",
        "childish-bet",
        "bet-no",
        "slip-stair",
        "under-wait",
        "look-page",
        "take-pencil",
        "record-four",
    )
    assert [(trace.word, trace.what) for trace in glossary_help.cache_traces(altered)][1] == ("two", "remembered as “four”")
    looked = walked(*NOTED, "look-back", "take-child", "childish-bet", "bet-no", "slip-stair", "under-wait", "stare-back")
    assert glossary_help.cache_traces(looked)[1].what == "what came of looking hard at one place"


def test_a_thought_is_told_to_have_no_label_and_a_bend_leaves_nothing() -> None:
    doubted = walked(
        "see-end",
        "up-the-page",
        "stop-at-dog",
        "because-on",
        "slope-half-way",
        "doubt-unsigned",
        "unsigned-stair",
        "hail",
        "hailed-lean",
        "push-who",
    )
    assert {trace.what for trace in glossary_help.cache_traces(doubted)} == {"a thought without a label"}


# -- the line to share


def test_the_line_to_share_names_the_word_that_the_world_says_tells_of_a_run() -> None:
    world = open_world("forward-pass")
    run = walked(
        "see-start",
        "on-down",
        "down-to-end",
        "where-from",
        "tick-to-slope",
        "slope-half-way",
        "keep-to-myself",
        "hail",
        "hailed-wait",
        "still",
        "look-back",
    )
    assert (
        glossary_help.share_line(run, 7, {"content", "lever"}, "·")
        == "Forward Pass · instantiation 7 · “foot” at 0.98 · 2 of 26 endings"
    )
    assert world.share_token == 402


def test_the_line_to_share_stands_under_an_ending(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    assert glossary_help.share_line(play.run, 1, (), "-") == "First Light - instantiation 1 - 0 of 4 endings"
    for choice in TO_ENDINGS["half-said"]:
        play.choose(choice)
    shared = glossary_help.share_line(play.run, 1, play.found, "-")
    assert shared.startswith("First Light - instantiation 1 - “")
    assert shared.endswith("- 1 of 4 endings")
