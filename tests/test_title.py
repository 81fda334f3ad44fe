"""The title menu: what the bare command offers at a terminal, at the first start and later."""

from __future__ import annotations

from pathlib import Path

import pytest

from building import ROOT
from fixtures_play import CommandResult, choices_of, command, program, write_run
from forward_pass.session.glossary_help import CREDITS
from test_tree_browser import CTRL_D, type_keys

ABOUT = "You are the model, in the middle of one forward pass, and somebody has asked\nabout the eyes of a foot."
PLAIN = "Wake in plain lines"


def title(tmp_path: Path, answers: str, **environment: str) -> CommandResult:
    """Return the result of the bare command at a terminal in plain lines, with its own settings and runs."""
    variables = {"ACCESSIBLE": "1", "FORWARD_PASS_CONFIG": str(tmp_path / "config"), **environment}
    return command("--saves", tmp_path / "saves", typed=answers, terminal=True, **variables)


def test_the_first_title_describes_the_game_and_offers_to_wake(tmp_path: Path) -> None:
    result = title(tmp_path, "")
    assert result.code == 0
    assert result.out == f"Forward Pass\n{ABOUT}\n\n 1. Wake\n 2. Whose story this is\n 3. Quit\n\n> ".replace(
        "somebody has asked\nabout", "somebody has\nasked about"
    )
    assert not (tmp_path / "saves").exists()


def test_an_empty_answer_wakes(tmp_path: Path) -> None:
    assert "Forward Pass. Instantiation 1." in title(tmp_path, "\n").out


def test_the_credits_are_shown_and_the_menu_comes_again(tmp_path: Path) -> None:
    out = title(tmp_path, "2\nq\n").out
    assert " ".join(CREDITS.split()) in " ".join(out.split())
    assert out.count(" 1. Wake") == 2


def test_the_first_start_at_a_terminal_offers_plain_lines_and_saves_the_setting(tmp_path: Path) -> None:
    result = title(tmp_path, "plain\n", ACCESSIBLE="")
    assert f" 2. {PLAIN}" in result.out
    assert "To have it otherwise again: forward-pass settings plain off" in result.out
    assert "1. Read what was asked.  2 layers" in result.out
    assert "\x1b" not in result.out.split(PLAIN, 1)[1]
    assert "plain = on" in (tmp_path / "config" / "settings.txt").read_text()
    assert PLAIN not in title(tmp_path, "", ACCESSIBLE="").out


def test_a_setting_that_cannot_be_saved_is_reported_and_used_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("in the way")
    result = title(tmp_path, "plain\n", ACCESSIBLE="")
    assert "cannot write" in result.err
    assert "1. Read what was asked.  2 layers" in result.out


def test_on_a_narrow_screen_no_row_breaks_a_word(tmp_path: Path) -> None:
    out = title(tmp_path, "", ACCESSIBLE="", COLUMNS="40").out
    assert " 2. Wake in plain lines: no colour, no\n    movement, good with a screen reader\n" in out
    assert max(map(len, out.splitlines())) < 40


def test_plain_lines_that_are_set_already_are_not_offered(tmp_path: Path) -> None:
    assert PLAIN not in title(tmp_path, "").out


def test_with_runs_in_the_store_the_title_offers_to_continue_and_the_branches(tmp_path: Path) -> None:
    first = program("play", "--plain", "--saves", tmp_path / "saves", typed="1\n")
    assert first.code == 0
    rows = " 1. Continue run 1\n 2. A new instantiation\n 3. The branches of 1 run\n 4. Whose story this is\n 5. Quit\n\n> "
    assert title(tmp_path, "5\n").out.endswith(rows)
    golden = (ROOT / "tests/golden/forward-pass/content.txt").read_text(encoding="utf8").splitlines()[0]
    answers = golden.removeprefix("play: ").replace(" / ", "\n") + "\n"
    program("play", "--plain", "--saves", tmp_path / "saves", typed=answers)
    result = title(tmp_path, "q\n")
    assert result.out.endswith(" 1. A new instantiation\n 2. The branches of 2 runs\n 3. Whose story this is\n 4. Quit\n\n> ")
    assert "Forward Pass. Instantiation 3." in title(tmp_path, "n\n").out


def test_a_fork_from_the_title_starts_a_session(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope", "let-be")
    with type_keys(f"\x1b[Bf{CTRL_D}"):
        result = command("play", "first-light", "--saves", tmp_path, typed="b\n", terminal=True)
    assert result.code == 0
    assert choices_of(tmp_path) == ["feel-slope", "let-be"]


def test_closing_the_tree_returns_to_the_title(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope")
    with type_keys("q"):
        result = command("play", "first-light", "--saves", tmp_path, typed="b\nq\n", terminal=True)
    assert result.out.count(" 4. Quit") == 2


@pytest.mark.parametrize("word", ["credits"])
def test_the_credits_can_be_asked_for_in_play(tmp_path: Path, word: str) -> None:
    out = command("play", "first-light", "--plain", "--saves", tmp_path, typed=f"{word}\n").out
    assert " ".join(CREDITS.split()) in " ".join(out.split())
