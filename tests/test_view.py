"""What a terminal shows: prose, offers, decodings; and that a world's text is never markup."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from fixtures_play import TO_ENDINGS, begun_play, changed_world, glass_play, let_go, playing
from rich.console import Console, RenderableType

from game.play import Event, Play
from game.view import event_view, prose


def printed(view: RenderableType, columns: int = 72, *, colours: bool = False) -> str:
    """Return what a console of a width prints of a view."""
    out = StringIO()
    console = Console(file=out, width=columns, force_terminal=colours, highlight=False, markup=False, emoji=False)
    console.print(view)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def shown(play: Play, events: list[Event], columns: int = 72) -> str:
    """Return what a terminal shows of events."""
    return "\n".join(printed(event_view(event, play, columns), columns) for event in events)


def test_a_scene_is_its_place_its_text_and_its_offers(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    words, first, *_, third, second, last = shown(play, play.opening()).splitlines()
    assert words == "What comes before the light? The"
    assert first == "[11 “The”, layer 3 of 12; 6 layers to the decoder]"
    assert third == " 1. Read the question again, slowly this time.  (1 layer)"
    assert second == " 2. Feel which way the floor slopes.  (1 layer)"
    assert last == " 3. Say something at once, in case this is short.  (all that is left)"


def test_closed_offers_come_after_the_open_ones_with_their_reason(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        last = shown(play, play.opening()).splitlines()[-2:]
    assert last == ["  - Lean toward the thing by the door. (closed: Nothing has pointed to", "    any door yet.)"]


def test_an_offer_that_was_taken_before_says_so(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again") as play:
        assert "Read it once more, for the tone.  (1 layer, taken before)" in shown(play, play.opening())


def test_a_decoding_shows_what_was_likely_where_it_came_from_and_what_was_said(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    decoded, _ = play.choose("say-now")
    lines = shown(play, [decoded]).splitlines()
    assert lines[0].startswith("I drew myself up")
    assert "The decoder comes (written, not measured)." in lines
    bars = [line for line in lines if "█" in line]
    assert [line.split()[0] for line in bars] == ["“dark”", "“switch”", "“egg”"]
    assert [line.count("█") for line in bars] == [19, 4, 1]
    assert all(any(character.isdigit() for character in line) for line in bars)
    assert lines[-1] == "It says “dark”."


def test_what_a_choice_says_stands_before_its_scene(tmp_path: Path) -> None:
    with playing(tmp_path, "feel-slope") as play:
        lines = shown(play, play.choose("leave-label")).splitlines()
    assert lines[:2] == ["I picked again, because it is short and it never goes off.", ""]


def test_an_ending_is_its_text_its_title_and_what_was_said(tmp_path: Path) -> None:
    with playing(tmp_path, *TO_ENDINGS["the-loop"]) as play:
        lines = shown(play, play.opening()).splitlines()
    assert lines[0] == "dark again."
    assert lines[-6:] == [
        "Ending: Again.",
        "Said in all: “dark again”, log-likelihood -0.81 nats.",
        "",
        "First Light · instantiation 1 · “again” at 0.55 · 1 of 4 endings",
        "",
        "The run has ended: undo, restart, transcript or quit.",
    ]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("prompt", "Q: What comes before the light?\nA: The"),
        ("9", "There is no choice 9 here; they go from 1 to 3."),
        ("quit", "Nothing was chosen, so no run was begun."),
        ("load", "No run is kept yet: the first choice begins one."),
    ],
)
def test_what_is_asked_for_told_or_refused_is_shown_as_it_is(tmp_path: Path, typed: str, expected: str) -> None:
    play = begun_play(tmp_path)
    assert shown(play, play.answer(typed)) == expected


def test_a_transcript_is_shown_when_asked_for(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        assert "> Read the question again, slowly this time." in shown(play, play.answer("transcript"))


def test_a_pass_laid_open_is_bars_by_layer_then_probes_and_looks(tmp_path: Path) -> None:
    play = glass_play(tmp_path, "read-question", "read-again")
    lines = shown(play, play.answer("lens")).splitlines()
    assert lines[0] == "Token 11, “The”, up to layer 5 of 12. All of this is measured."
    assert lines[1:3] == [
        "  layer  3  0.57 of 1.10 nats  “dark”     0.81   ███████████████████",
        "  layer  5  0.57 of 1.10 nats  “dark”     0.81   ███████████████████",
    ]
    assert lines[3] == ""
    assert lines[4].startswith("Probe for nonsense: +0.42 (near +1 yes")
    let_go(play)


def test_a_prompt_that_is_looked_at_is_painted_where_it_was_looked_at_most(tmp_path: Path) -> None:
    play = glass_play(tmp_path, "read-question", "read-again")
    (asked,) = play.answer("prompt")
    view = event_view(asked, play, 72)
    assert printed(view).splitlines()[:2] == ["Q: What comes before the light?", "A: The"]
    assert "an even share" in printed(view)
    first = printed(view, colours=True).splitlines()[0]
    assert first.startswith("\x1b[")
    assert first.index("Q:") < first.index("\x1b[0m") < first.index("light?")
    let_go(play)


def test_a_prompt_that_nobody_looks_at_any_more_is_shown_plain(tmp_path: Path) -> None:
    play = glass_play(tmp_path, *TO_ENDINGS["half-said"])
    assert shown(play, play.answer("prompt")).splitlines() == ["Q: What comes before the light?", "A: The dark comes"]
    let_go(play)


def test_emphasis_is_set_in_italics_and_its_stars_are_gone() -> None:
    assert printed(prose("the word *The*, again"), colours=True) == "the word \x1b[3mThe\x1b[0m, again"
    assert printed(prose("2 * 3 * 4")) == "2 * 3 * 4"


def test_paragraphs_are_parted_and_indented_lines_keep_their_place() -> None:
    assert printed(prose("one\n\n    two\n    three\n\nfour")) == "one\n\n    two\n    three\n\nfour"


def test_a_worlds_text_is_never_markup(tmp_path: Path) -> None:
    world = changed_world({"I had twelve layers": r"[bold]:smile: [/bold] \\[red] layers"})
    play = begun_play(tmp_path, world)
    assert r"[bold]:smile: [/bold] \[red] layers" in shown(play, play.opening())


@pytest.mark.parametrize("columns", [20, 40, 72, 120])
def test_no_line_is_wider_than_the_screen(tmp_path: Path, columns: int) -> None:
    for choices in TO_ENDINGS.values():
        with playing(tmp_path, *choices) as play:
            for _ in choices:
                assert max(map(len, shown(play, play.opening(), columns).splitlines())) <= columns
                play.undo("")
