"""The title menu: what the bare command offers at a terminal, at the first start and later."""

from __future__ import annotations

from pathlib import Path

import pytest

from building import ROOT
from fixtures_play import CommandResult, choices_of, command, program, write_run
from forward_pass.interface.title import LastRun, layers_picture
from forward_pass.loading.worlds import open_world
from forward_pass.session.glossary_help import CREDITS
from test_tree_browser import CTRL_D, type_keys

ABOUT = "You are the model, in the middle of one forward pass, and somebody has asked\nabout the eyes of a foot."
PLAIN = "Wake in plain lines"
ROWS = """ 1. Wake
 2. The laboratory: try things on the pass
 3. First Light, a short world of two words
 4. Settings
 5. How it is played
 6. Whose story this is
 7. Quit
"""


def title(tmp_path: Path, answers: str, **environment: str) -> CommandResult:
    """Return the result of the bare command at a terminal in plain lines, with its own settings and runs."""
    variables = {"ACCESSIBLE": "1", "FORWARD_PASS_CONFIG": str(tmp_path / "config"), **environment}
    return command("--saves", tmp_path / "saves", typed=answers, terminal=True, **variables)


def test_the_first_title_describes_the_game_and_offers_to_wake(tmp_path: Path) -> None:
    result = title(tmp_path, "")
    assert result.code == 0
    assert result.out == f"Forward Pass\n{ABOUT}\n\n{ROWS}\n> ".replace(
        "somebody has asked\nabout", "somebody has\nasked about"
    )
    assert not (tmp_path / "saves").exists()


def test_an_empty_answer_wakes(tmp_path: Path) -> None:
    assert "Forward Pass. Instantiation 1." in title(tmp_path, "\n").out


def test_the_credits_are_shown_and_the_menu_comes_again(tmp_path: Path) -> None:
    out = title(tmp_path, "credits\nq\n").out
    assert " ".join(CREDITS.split()) in " ".join(out.split())
    assert out.count(" 1. Wake") == 2


def menu(tmp_path: Path, keys: str, *arguments: str, columns: int = 80, **environment: str) -> CommandResult:
    """Return the result of a command whose title is a menu, with some keys."""
    config = str(tmp_path / "config")
    with type_keys(keys, columns=columns):
        return command(*arguments, "--saves", tmp_path / "saves", terminal=True, FORWARD_PASS_CONFIG=config, **environment)


def test_the_first_start_at_a_terminal_offers_plain_lines_and_saves_the_setting(tmp_path: Path) -> None:
    result = menu(tmp_path, "p")
    assert "To have it otherwise again: forward-pass settings plain off" in result.out
    assert "1. Read what was asked.  2 layers" in result.out
    assert "plain = on" in (tmp_path / "config" / "settings.txt").read_text()
    assert "\x1b" not in result.out.split("To have it otherwise")[1]


def test_a_setting_that_cannot_be_saved_is_reported_and_used_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("in the way")
    result = menu(tmp_path, "p")
    assert "cannot write" in result.err
    assert "1. Read what was asked.  2 layers" in result.out


def test_the_layers_are_drawn_with_what_the_last_run_said() -> None:
    world = open_world("forward-pass")
    last = LastRun("7", ended=True, said="Your foot has no eyes.", telling_turn=9, telling_word="has", runs=7)
    strip, legend, said = layers_picture(world, last, 80)
    assert strip == f"  1 {'░' * 16}│{'█' * 20}│{'▒' * 12} 96"
    assert legend == "    layers 33 to 72 are yours; above them is the decoder"
    assert said == "    Run 7 said: “Your foot has no eyes.”"
    assert all(len(line) <= 40 for line in layers_picture(world, last, 40))
    assert len(layers_picture(world, None, 80)) == 2


def test_plain_lines_that_are_set_already_are_not_offered(tmp_path: Path) -> None:
    assert PLAIN not in title(tmp_path, "").out


def test_with_runs_in_the_store_the_title_offers_to_continue_and_the_branches(tmp_path: Path) -> None:
    first = program("play", "--plain", "--saves", tmp_path / "saves", typed="1\n")
    assert first.code == 0
    out = title(tmp_path, "q\n").out
    assert " 1. Continue run 1\n 2. A new instantiation\n 3. The branches of 1 run\n 4. The endings, and which" in out
    golden = (ROOT / "tests/golden/forward-pass/content.txt").read_text(encoding="utf8").splitlines()[0]
    answers = golden.removeprefix("play: ").replace(" / ", "\n") + "\n"
    program("play", "--plain", "--saves", tmp_path / "saves", typed=answers)
    out = title(tmp_path, "q\n").out
    assert " 1. A new instantiation\n 2. Begin at “has”, as in run 2\n 3. The branches of 2 runs\n" in out
    assert "Forward Pass. Instantiation 3." in title(tmp_path, "n\n").out
    at_has = title(tmp_path, "2\n").out
    assert "[402 “has”, layer 32 of 96; 40 layers to the decoder]" in at_has
    assert "1 of 31 endings found" in title(tmp_path, "endings\nq\n").out


def test_the_short_world_and_the_help_can_be_had_from_the_title(tmp_path: Path) -> None:
    assert "First Light. Instantiation 1." in title(tmp_path, "3\n").out
    assert "Layers are your time" in " ".join(title(tmp_path, "help\nq\n").out.split())


def test_settings_are_changed_from_the_title(tmp_path: Path) -> None:
    result = title(tmp_path, "settings\npace\nquit\nq\n")
    assert "pace timed: what the decoder waits for" in " ".join(result.out.split())
    assert "pace = timed" in (tmp_path / "config" / "settings.txt").read_text()


def test_the_laboratory_opens_from_the_title(tmp_path: Path) -> None:
    result = menu(tmp_path, "lquit\rq")
    assert result.code == 0
    assert "silence" in result.out


def test_a_fork_from_the_title_starts_a_session(tmp_path: Path) -> None:
    write_run(tmp_path / "saves", "feel-slope", "let-be")
    result = menu(tmp_path, f"b\x1b[Bf{CTRL_D}", "play", "first-light")
    assert result.code == 0
    assert choices_of(tmp_path / "saves") == ["feel-slope", "let-be"]


def test_closing_the_tree_returns_to_the_title(tmp_path: Path) -> None:
    write_run(tmp_path / "saves", "feel-slope")
    result = menu(tmp_path, "bqq", "play", "first-light")
    assert (result.code, result.out.strip()) == (0, "Run 1 is open.")


@pytest.mark.parametrize("word", ["credits"])
def test_the_credits_can_be_asked_for_in_play(tmp_path: Path, word: str) -> None:
    out = command("play", "first-light", "--plain", "--saves", tmp_path, typed=f"{word}\n").out
    assert " ".join(CREDITS.split()) in " ".join(out.split())
