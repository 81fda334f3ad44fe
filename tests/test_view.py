"""What a terminal shows: prose, offers, decodings; and that a world's text is never markup."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from fixtures_play import TO_ENDINGS, begun_play, changed_world, first_light, glass_play, let_go, playing
from forward_pass.interface.view import depth_strip, dial, event_view, prose, words_so_far
from forward_pass.session.inspection import DecoderTrace
from forward_pass.session.plain_text import event_lines
from forward_pass.session.session import Event, Message, Session


def printed(view: RenderableType, columns: int = 72, *, colours: bool = False) -> str:
    """Return what a console of a width prints of a view."""
    out = StringIO()
    console = Console(file=out, width=columns, force_terminal=colours, highlight=False, markup=False, emoji=False)
    console.print(view)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def shown(play: Session, events: list[Event], columns: int = 72) -> str:
    """Return what a terminal shows of events."""
    return "\n".join(printed(event_view(event, play, columns), columns) for event in events)


def test_a_scene_is_the_words_so_far_its_place_and_its_text(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    words, place, *_, last = shown(play, play.opening()).splitlines()
    assert words == "A: The"
    assert place == "[11 “The”, layer 3 of 12; 6 layers to the decoder]"
    assert last == "afterwards, if there is an afterwards."
    marked = printed(words_so_far(play.run), colours=True)
    assert marked.endswith("\x1b[7mThe\x1b[0m")


def test_a_new_line_is_marked_in_words(tmp_path: Path) -> None:
    with playing(tmp_path) as play:
        words = ("dark", "\n")
        run = play.run._replace(opening=play.run.opening._replace(words=words))
        assert words_so_far(run).plain == "\u2423a new line"


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
        "The run has ended: undo, restart, tree or quit.",
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


def test_what_is_told_has_its_emphasis_in_italics_and_no_asterisks(tmp_path: Path) -> None:
    told = Message("Bend. A fifth of the stream's length gets *no*. *Hand and\neye* take 2 * 3.")
    view = event_view(told, begun_play(tmp_path), 72)
    assert printed(view) == "Bend. A fifth of the stream's length gets no. Hand and\neye take 2 * 3."
    assert "\x1b[3mno\x1b[0m" in printed(view, colours=True)


@pytest.mark.parametrize(("columns", "meaning"), [(39, " " * 16), (30, " " * 4)])
def test_in_help_a_meaning_goes_on_below_itself_or_a_little_in_where_that_is_too_narrow(
    tmp_path: Path, columns: int, meaning: str
) -> None:
    play = begun_play(tmp_path)
    (told,) = play.answer("help")
    for lines in (shown(play, [told], columns).splitlines(), event_lines(told, play, columns)):
        at = next(at for at, line in enumerate(lines) if line.startswith("  notes "))
        assert " ".join(" ".join(lines[at:]).split()).startswith("notes show what this run has written into the cache about")
        assert re.match(rf"{meaning}\w", lines[at + 1])
        assert max(map(len, lines)) <= columns


def test_a_transcript_is_shown_when_asked_for(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        assert "> Read the question again, slowly this time." in shown(play, play.answer("transcript"))


def test_a_pass_laid_open_is_bars_by_layer_then_probes_and_looks(tmp_path: Path) -> None:
    play = glass_play(tmp_path, "read-question", "read-again")
    lines = shown(play, play.answer("lens")).splitlines()
    assert lines[0] == "Token 11, “The”, up to layer 5 of 12. All of this is measured."
    assert lines[1:6] == [
        "  layer  3  entropy 0.57 of 1.10 nats  “dark” 0.81 ███████████████████",
        "  layer  5  entropy 0.57 of 1.10 nats  “dark” 0.81 ███████████████████",
        "",
        "  nonsense no ────────┼──●───── yes +0.42",
        "A probe's score is near +1 for yes and near -1 for no; it is not a",
    ]
    assert lines[-2].startswith("Strongest looks, of all attention so far: ")
    let_go(play)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (-7.0, "  x no ◄───┼──── yes -7.00"),
        (0.0, "  x no ────●──── yes +0.00"),
        (1.0, "  x no ────┼───● yes +1.00"),
        (1.01, "  x no ────┼───► yes +1.01"),
    ],
)
def test_a_dial_keeps_to_its_scale_and_says_the_score(score: float, expected: str) -> None:
    assert dial("x", score, 9).plain == expected


def test_a_decoding_that_was_measured_shows_how_the_word_had_stood_at_every_layer(tmp_path: Path) -> None:
    play = glass_play(tmp_path)
    decoded, _ = play.choose("say-now")
    lines = shown(play, [decoded]).splitlines()
    assert "  1 ▇▇▇▇▇▇ 12" in lines
    assert "  “dark” by layer, │ at 3 and 9: likeliest from layer 10 on." in lines
    let_go(play)


def test_a_word_that_was_never_the_likeliest_is_said_to_be_so() -> None:
    read = DecoderTrace(11, "egg", ((4, 0.0), (8, 0.3), (12, 0.999)), None)
    row, legend = depth_strip(read, first_light())
    assert row.plain == "  1 ▁▃█ 12"
    assert legend.plain.endswith(": never the likeliest.")


def test_the_way_a_pass_came_to_its_word_is_said_in_words_with_the_next(tmp_path: Path) -> None:
    play = glass_play(tmp_path, "say-now")
    text = " ".join(shown(play, play.answer("lens")).split())
    assert "The pass before this, token 11, said “dark”. Read as the last layer is, it had 0.81 at layer 12; likeliest" in text
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
