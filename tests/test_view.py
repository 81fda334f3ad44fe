"""What the terminal prints of events; a world's text is never markup."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from building import changed_world, first_light
from fixtures_play import TO_ENDINGS, close_session, inspectable_session, new_session, open_session
from forward_pass.interface.view import depth_strip, dial, event_view, prose, words_so_far
from forward_pass.session.commands import COMMANDS
from forward_pass.session.events import Event, Message
from forward_pass.session.input import answer
from forward_pass.session.inspection import DecoderTrace
from forward_pass.session.plain_text import event_lines
from forward_pass.session.session import Session


def print_view(view: RenderableType, columns: int = 72, *, colours: bool = False) -> str:
    """Return what a console prints of a view."""
    out = StringIO()
    console = Console(file=out, width=columns, force_terminal=colours, highlight=False, markup=False, emoji=False)
    console.print(view)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def event_text(session: Session, events: list[Event], columns: int = 72) -> str:
    """Return what the terminal prints of events."""
    return "\n".join(print_view(event_view(event, session, columns), columns) for event in events)


def test_a_scene_is_the_words_so_far_its_place_and_its_text(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    top, *_, last, empty, heading, first, second = event_text(session, session.opening()).splitlines()
    assert top == "A: The" + " " * 16 + "[11 “The”, layer 3 of 12; 6 layers to the decoder]"
    narrow = event_text(session, session.opening(), 39).splitlines()
    assert narrow[:3] == ["A: The", "[11 “The”, layer 3 of 12; 6 layers to", "the decoder]"]
    assert last == "afterwards, if there is an afterwards."
    assert (empty, heading) == ("", "If nothing more is done, the word at 11:")
    assert (first, second) == (f"  “dark”   0.81   {'█' * 19}", f"  “switch” 0.16   {'█' * 4}")
    coloured = print_view(words_so_far(session.run), colours=True)
    assert coloured.endswith("\x1b[7mThe\x1b[0m")


def test_a_new_line_is_marked_in_words(tmp_path: Path) -> None:
    with open_session(tmp_path) as session:
        words = ("dark", "\n")
        run = session.run._replace(opening=session.run.opening._replace(words=words))
        assert words_so_far(run).plain == "\u2423a new line"


def test_a_decoding_shows_the_likeliest_words_their_source_and_the_word_drawn(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    decoding, _ = session.choose("say-now")
    lines = event_text(session, [decoding]).splitlines()
    assert lines[0].startswith("I drew myself up")
    assert "The decoder comes (written, not measured)." in lines
    bars = [line for line in lines if "█" in line]
    assert [line.split()[0] for line in bars] == ["“dark”", "“switch”", "“egg”"]
    assert [line.count("█") for line in bars] == [19, 4, 1]
    assert all(any(character.isdigit() for character in line) for line in bars)
    assert lines[-1] == "It says “dark”."


def test_the_text_of_a_choice_comes_before_its_scene(tmp_path: Path) -> None:
    with open_session(tmp_path, "feel-slope") as session:
        lines = event_text(session, session.choose("leave-label")).splitlines()
    assert lines[:2] == ["I picked again, because it is short and it never goes off.", ""]


def test_an_ending_has_its_text_its_title_and_the_words_of_the_run(tmp_path: Path) -> None:
    with open_session(tmp_path, *TO_ENDINGS["the-loop"]) as session:
        lines = event_text(session, session.opening()).splitlines()
    assert lines[0] == "dark again."
    assert lines[-8:] == [
        "Ending: Again.",
        "Said in all: “dark again”, log-likelihood -0.81 nats.",
        "Decided by nothing that was done: “dark” at 11 (0.81) would have been",
        "said all the same.",
        "",
        "First Light · instantiation 1 · “dark” at 0.81 · 1 of 4 endings",
        "",
        "The run has ended: picture, undo, restart, tree or quit.",
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
def test_views_messages_and_rejections_are_shown_as_they_are(tmp_path: Path, typed: str, expected: str) -> None:
    session = new_session(tmp_path)
    assert event_text(session, answer(session, typed)) == expected


def test_a_message_has_its_emphasis_in_italics_and_no_asterisks(tmp_path: Path) -> None:
    message = Message("Bend. A fifth of the stream's length gets *no*. *Hand and\neye* take 2 * 3.")
    view = event_view(message, new_session(tmp_path), 72)
    assert print_view(view) == "Bend. A fifth of the stream's length gets no. Hand and\neye take 2 * 3."
    assert "\x1b[3mno\x1b[0m" in print_view(view, colours=True)


@pytest.mark.parametrize(("columns", "meaning"), [(39, " " * 18), (30, " " * 4)])
def test_in_help_a_wrapped_meaning_is_indented_less_on_a_narrow_screen(tmp_path: Path, columns: int, meaning: str) -> None:
    session = new_session(tmp_path)
    (message,) = answer(session, "help")
    for lines in (event_text(session, [message], columns).splitlines(), event_lines(message, session, columns)):
        index = next(index for index, line in enumerate(lines) if line.startswith("  notes "))
        assert " ".join(" ".join(lines[index:]).split()).startswith("notes show what this run has written into the cache about")
        assert re.match(rf"{meaning}\w", lines[index + 1])
        assert max(map(len, lines)) <= columns


def test_a_transcript_is_shown_when_asked_for(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        assert "> Read the question again, slowly this time." in event_text(session, answer(session, "transcript"))


def test_an_inspection_has_bars_by_layer_then_probes_and_attention(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, "read-question", "read-again")
    lines = event_text(session, answer(session, "lens")).splitlines()
    assert lines[0] == "Token 11, “The”, up to layer 5 of 12. All of this is measured."
    assert lines[1:6] == [
        "  layer  3  entropy 0.57 of 1.10 nats  “dark” 0.81 ███████████████████",
        "  layer  5  entropy 0.57 of 1.10 nats  “dark” 0.81 ███████████████████",
        "",
        "  nonsense no ────────┼──●───── yes +0.42",
        "A probe's score is near +1 for yes and near -1 for no; it is not a",
    ]
    assert any(line.startswith("Strongest looks, averaged over the heads so far: ") for line in lines)
    close_session(session)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (-7.0, "  x no ◄───┼──── yes -7.00"),
        (0.0, "  x no ────●──── yes +0.00"),
        (1.0, "  x no ────┼───● yes +1.00"),
        (1.01, "  x no ────┼───► yes +1.01"),
    ],
)
def test_a_dial_is_clamped_to_its_scale_and_has_the_score(score: float, expected: str) -> None:
    assert dial("x", score, 9).plain == expected


def test_a_measured_decoding_has_a_strip_of_the_word_by_layer(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path)
    decoding, _ = session.choose("say-now")
    lines = event_text(session, [decoding]).splitlines()
    assert "  1 ▇▇▇▇▇▇ 12" in lines
    assert "  “dark” by layer, │ at 3 and 9: likeliest from layer 1 on." in lines
    close_session(session)


def test_a_strip_says_when_its_word_was_never_the_likeliest() -> None:
    trace = DecoderTrace(11, "egg", ((4, 0.0), (8, 0.3), (12, 0.999)), None)
    row, legend = depth_strip(trace, first_light())
    assert row.plain == "  1 ▁▃█ 12"
    assert legend.plain.endswith(": never the likeliest.")


def test_an_inspection_describes_how_the_last_word_became_likely(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, "say-now")
    text = " ".join(event_text(session, answer(session, "lens")).split())
    assert "The pass before this, token 11, said “dark”. Read as the last layer is, it had 0.81 at layer 12; likeliest" in text
    close_session(session)


def test_a_prompt_is_styled_where_most_of_the_attention_is(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, "read-question", "read-again")
    (event,) = answer(session, "prompt")
    view = event_view(event, session, 72)
    assert print_view(view).splitlines()[:2] == ["Q: What comes before the light?", "A: The"]
    assert "an even share" in print_view(view)
    first = print_view(view, colours=True).splitlines()[0]
    assert first.startswith("\x1b[")
    assert first.index("Q:") < first.index("\x1b[0m") < first.index("light?")
    close_session(session)


def test_at_an_ending_the_prompt_is_plain(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, *TO_ENDINGS["half-said"])
    assert event_text(session, answer(session, "prompt")).splitlines() == [
        "Q: What comes before the light?",
        "A: The dark comes",
    ]
    close_session(session)


def test_emphasis_is_in_italics_without_its_asterisks() -> None:
    assert print_view(prose("the word *The*, again"), colours=True) == "the word \x1b[3mThe\x1b[0m, again"
    assert print_view(prose("2 * 3 * 4")) == "2 * 3 * 4"


def test_paragraphs_are_separated_and_indented_lines_keep_their_indentation() -> None:
    assert print_view(prose("one\n\n    two\n    three\n\nfour")) == "one\n\n    two\n    three\n\nfour"


def test_a_worlds_text_is_never_markup(tmp_path: Path) -> None:
    world = changed_world({"I had twelve layers": r"[bold]:smile: [/bold] \\[red] layers"})
    session = new_session(tmp_path, world)
    assert r"[bold]:smile: [/bold] \[red] layers" in event_text(session, session.opening())


@pytest.mark.parametrize("columns", [20, 40, 72, 120])
def test_no_line_is_wider_than_the_screen(tmp_path: Path, columns: int) -> None:
    for choices in TO_ENDINGS.values():
        with open_session(tmp_path, *choices) as session:
            for _ in choices:
                assert max(map(len, event_text(session, session.opening(), columns).splitlines())) <= columns
                COMMANDS["undo"].run(session, "")
