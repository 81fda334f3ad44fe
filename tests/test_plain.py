"""The plain front end: append-only lines and numbered choices, suitable for screen readers."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from unittest.mock import patch

import pytest

from bless import GOLDEN, read_golden
from building import changed_world
from fixtures_play import (
    TO_ENDINGS,
    WORLD,
    CommandResult,
    TypedInput,
    choices_of,
    close_session,
    command,
    inspectable_session,
    open_session,
    printed_text,
    read_run,
    run_file_names,
)
from forward_pass.session import plain_text
from forward_pass.session.input import answer

EVERYTHING = (
    *("1", "1", "look", "prompt", "transcript", "help", "undo", "redo", "back 0", "2", "save", "save the slope", "load"),
    *("3", "nonsense", "77", "1", "1", "transcript", "undo", "restart", "load 1", "quit"),
)


def plain(saves: Path, *typed: str, columns: int = 73, more: tuple[str, ...] = ()) -> CommandResult:
    """Return what the plain front end prints when these lines are typed."""
    text = "".join(f"{line}\n" for line in typed)
    return command("play", WORLD, "--plain", *more, "--saves", saves, typed=text, COLUMNS=str(columns))


def test_three_numbers_are_three_turns_and_the_end_of_input_quits(tmp_path: Path) -> None:
    result = plain(tmp_path, "1", "1", "1")
    assert (result.code, result.err) == (0, "")
    assert choices_of(tmp_path) == ["read-question", "read-again", "read-again"]
    last_lines = f"Kept as first-light/1. To go on:\nforward-pass play first-light --load 1 --saves {tmp_path}\n"
    assert result.out.endswith(f"\n> \n\n{last_lines}")


def test_a_run_is_resumed_at_its_last_turn(tmp_path: Path) -> None:
    plain(tmp_path, "1", "1")
    result = plain(tmp_path, "to-slope", "quit", more=("--continue",))
    assert "[11 “The”, layer 5 of 12; 4 layers to the decoder]" in result.out
    assert choices_of(tmp_path) == ["read-question", "read-again", "to-slope"]
    assert run_file_names(tmp_path) == ["001-run.jsonl"]


def test_input_is_echoed_where_it_is_not_typed_at_a_terminal(tmp_path: Path) -> None:
    result = plain(tmp_path, "  2  ", "\x1b[31mred\x07")
    assert "\n> 2\n\n[11 “The”, layer 4" in result.out
    assert "\n> [31mred\n\nNothing here is called “[31mred”." in result.out


def test_input_typed_at_a_terminal_is_not_echoed(tmp_path: Path) -> None:
    result = command("play", WORLD, "--plain", "--new", "--saves", tmp_path, typed="2\nquit\n", terminal=True)
    assert "\n> \n[11 “The”, layer 4" in result.out


@pytest.mark.parametrize("columns", [21, 40, 41, 73, 200])
def test_all_output_is_free_of_escapes_and_boxes_and_within_the_width(tmp_path: Path, columns: int) -> None:
    out = plain(tmp_path, *EVERYTHING, columns=columns).out
    for character in set(out) - {"\n"}:
        assert unicodedata.category(character) not in ("Cc", "Cf", "So"), hex(ord(character))
        assert not 0x2500 <= ord(character) <= 0x259F
    resume_command = f"forward-pass play first-light --load 1 --saves {tmp_path}"
    assert resume_command in out.splitlines()
    assert max(len(line) for line in out.splitlines() if line != resume_command) <= min(columns, 73)
    assert all(line == line.rstrip() for line in out.splitlines() if not line.startswith("> "))


INSPECTION_COMMANDS = ("lens", "prompt", "notes", "about layer", "hint", "tree", "look", "credits")


@pytest.mark.parametrize("name", ["clerk", "lever", "regenerate"])
def test_whole_runs_of_the_flagship_with_its_inspections_are_plain_in_forty_columns(tmp_path: Path, name: str) -> None:
    choices = read_golden(GOLDEN / "forward-pass" / f"{name}.txt").typed
    typed: list[str] = []
    for number, choice in enumerate(choices):
        typed += [choice, INSPECTION_COMMANDS[number % len(INSPECTION_COMMANDS)]]
    ended = command("play", "--plain", "--new", "--saves", tmp_path, typed="\n".join([*typed, "diff 1", ""]), COLUMNS="41")
    assert "Ending: " in ended.out
    assert "Nothing here is called" not in ended.out
    for character in set(ended.out) - {"\n"}:
        assert unicodedata.category(character) not in ("Cc", "Cf", "So"), hex(ord(character))
        assert not 0x2500 <= ord(character) <= 0x259F
    resume_command = f"forward-pass play --load 1 --saves {tmp_path}"
    assert max(len(line) for line in ended.out.splitlines() if line != resume_command) <= 40


def test_a_screen_narrower_than_twenty_columns_is_treated_as_twenty(tmp_path: Path) -> None:
    assert plain(tmp_path, "1", columns=5).out == plain(tmp_path / "other", "1", columns=21).out.replace(
        f"{tmp_path / 'other'}", f"{tmp_path}"
    )


@pytest.mark.parametrize(
    ("columns", "terminal", "expected"),
    [
        ("50", 60, 59),  # as a shell exports it, perhaps before the window was made narrower
        ("50", 0, 49),
        ("", 60, 59),
        ("0", 60, 59),
        ("wide", 60, 59),
        ("-9", 60, 59),
        ("9" * 5000, 0, 72),
        ("", 0, 72),
        ("", 9, 20),
    ],
)
def test_lines_are_as_wide_as_the_terminal_or_else_as_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, columns: str, terminal: int, expected: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.__stdout__", TypedInput(terminal=True))
    monkeypatch.setattr(TypedInput, "fileno", lambda _: 1)
    monkeypatch.setattr("os.get_terminal_size", lambda _: os.terminal_size((terminal, 24)))
    assert plain_text.text_width() == expected


def test_without_a_terminal_lines_are_72_columns_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    for stdout in (None, TypedInput()):
        monkeypatch.setattr("sys.__stdout__", stdout)
        assert plain_text.text_width() == 72


def test_no_line_is_printed_twice(tmp_path: Path) -> None:
    out = plain(tmp_path, "1", "2", "1", "quit").out
    for line in out.splitlines():
        if len(line) > 30:
            assert out.count(line) == 1


def test_the_end_of_input_in_the_middle_of_a_line_is_the_end_of_the_line(tmp_path: Path) -> None:
    command("play", WORLD, "--plain", "--saves", tmp_path, typed="2\n3")
    assert choices_of(tmp_path) == ["feel-slope", "let-be"]


def test_without_input_nothing_is_stored(tmp_path: Path) -> None:
    result = plain(tmp_path / "saves")
    assert (result.code, result.out.splitlines()[-1]) == (0, "Nothing was chosen, so no run was begun.")
    assert not (tmp_path / "saves").exists()


def test_a_line_of_any_length_is_one_input(tmp_path: Path) -> None:
    result = plain(tmp_path, "x" * 350_000, "say-now\x00", "say-now")
    assert result.out.count("Nothing here is called") == 2
    assert choices_of(tmp_path) == ["say-now"]


def test_a_line_is_read_to_its_end_and_cut_to_the_maximum_length() -> None:
    for length in (plain_text.MAX_LINE - 1, plain_text.MAX_LINE, plain_text.MAX_LINE + 1, 3 * plain_text.MAX_LINE):
        with patch("sys.stdin", TypedInput("x" * length + "\nnext\n")):
            assert len(plain_text.read_line()) == min(length + 1, plain_text.MAX_LINE)
            assert [plain_text.read_line(), plain_text.read_line()] == ["next\n", ""]


@pytest.mark.parametrize("ending", TO_ENDINGS)
def test_an_ending_shows_its_text_its_title_and_the_commands_that_remain(tmp_path: Path, ending: str) -> None:
    out = plain(tmp_path, *TO_ENDINGS[ending], "1", "quit").out
    paragraphs = out.split("\n\n")
    ended = paragraphs.index("The run has ended: picture, undo, restart, tree or quit.")
    assert paragraphs[ended - 2].startswith("Ending: ")
    assert paragraphs[ended - 1].endswith("1 of 4 endings")
    assert paragraphs[ended + 1] == "> 1"
    assert "There is no choice 1 here; the run has ended" in paragraphs[ended + 2]


def test_a_found_ending_is_known_to_the_next_run(tmp_path: Path) -> None:
    plain(tmp_path, *TO_ENDINGS["half-said"])
    result = plain(tmp_path, "1")
    assert result.out.startswith("First Light. Instantiation 2. ")
    assert read_run(tmp_path, 2).header.prior.found == {"half-said"}


def test_a_transcript_has_the_lines_of_play(tmp_path: Path) -> None:
    out = plain(tmp_path, *TO_ENDINGS["by-the-door"], "transcript").out
    live, _, transcript = out.partition("\n> transcript\n\n")
    paragraphs = [paragraph for paragraph in transcript.split("\n\n> \n")[0].split("\n\n") if not paragraph.startswith("> ")]
    assert len(paragraphs) > 15
    assert all(paragraph in live for paragraph in paragraphs)


def test_a_replay_keeps_to_the_width(tmp_path: Path) -> None:
    plain(tmp_path, *TO_ENDINGS["by-the-door"])
    out = command("replay", f"{WORLD}/1", "--saves", tmp_path, COLUMNS="41").out
    assert max(map(len, out.splitlines())) <= 40
    assert len(re.findall(r"identical\]", " ".join(out.split()))) == 5


def test_a_computed_pass_is_inspected_in_words(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, "read-question", "read-again")
    assert printed_text(answer(session, "lens"), session).startswith(
        "\nToken 11, “The”, up to layer 5 of 12. All of this is measured.\nLens at"
    )
    assert "\nA: The\n\nStrongest looks, averaged over the heads so far:" in printed_text(answer(session, "prompt"), session)
    close_session(session)


def test_indented_paragraphs_keep_their_line_ends(tmp_path: Path) -> None:
    first = "      It was a question about light."
    world = changed_world({first: "          a list\n          of lines\n\n      It was a question."})
    with open_session(tmp_path, world=world) as session:
        assert "\n    a list\n    of lines\n\nIt was a question." in printed_text(session.opening(), session)
