"""The terminal as a player meets it, with all that waits for a key: whole runs on an emulated screen of several sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from building import ROOT
from fixtures_play import program, read_run
from test_pty import Terminal, open_terminal

FLAGSHIP = ROOT / "tests" / "golden" / "forward-pass"
SIZES = [(80, 24), (40, 20), (140, 50)]


def choices_of_golden(name: str) -> list[str]:
    """Return the choices of a golden run of the flagship."""
    first = (FLAGSHIP / f"{name}.txt").read_text(encoding="utf8").splitlines()[0]
    return first.removeprefix("play: ").split(" / ")


def play(terminal: Terminal, choices: list[str]) -> int:
    """Take choices by their ids, each once the prompt is there; return how often a key was waited for."""
    holds = 0
    for choice in choices:
        holds += terminal.to_the_prompt()
        terminal.type(f"{choice}\r")
        terminal.read(0.1)
    return holds


def shown(terminal: Terminal) -> str:
    """Return what the screen shows, on one line."""
    return " ".join(" ".join(terminal.screen.display).split())


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize("name", ["zero", "objection"])
def test_a_whole_run_loses_no_line_and_ends_in_a_picture(tmp_path: Path, name: str, columns: int, rows: int) -> None:
    choices = choices_of_golden(name)
    with open_terminal("play", "--new", "--saves", tmp_path, columns=columns, rows=rows, config=tmp_path) as terminal:
        holds = play(terminal, choices)
        assert holds >= (len(choices) // 2 if rows < 50 else 1)
        terminal.pass_holds("● chosen", "Turn ")
        picture = list(terminal.screen.display)
        assert any("★" in line for line in picture)
        terminal.type("q")
        terminal.to_the_prompt()
        assert all(len(line) <= columns for line in terminal.lines)
        terminal.type("\x04")
        assert terminal.wait() == 0
        assert terminal.is_restored()
    assert [turn.choice for turn in read_run(tmp_path, 1, "forward-pass").turns] == choices
    text = " ".join(" ".join(terminal.lines).split())
    ending = program("endings", "--saves", tmp_path).out
    assert "1 of 31 endings found" in ending
    if columns >= 80:
        assert "tally" in text
        assert "The decoder comes (measured)." in text


def test_the_end_picture_leads_on(tmp_path: Path) -> None:
    """One key begins the same without the act that decided; w shows the run without it; n begins another."""
    with open_terminal("play", "--new", "--saves", tmp_path, config=tmp_path) as terminal:
        play(terminal, choices_of_golden("zero"))
        terminal.pass_holds("★ decided it", "It decided the word.")
        terminal.type("w")
        terminal.wait_for("Without it “no” is said at 402", "“no” (without it)")
        terminal.type("q")
        terminal.read(0.3)
        terminal.type("s")
        terminal.wait_for("A branch of run 1 at turn 24", "this was chosen here: Push toward zero, lightly.")
        terminal.to_the_prompt()
        terminal.type("let-go\r")
        terminal.pass_holds("It says “no”.")
        terminal.to_the_prompt()
        terminal.type("\x04")
        assert terminal.wait() == 0
    assert read_run(tmp_path, 2, "forward-pass").header.parent == (1, 24)


def test_a_run_killed_while_a_key_is_waited_for_goes_on_where_it_was(tmp_path: Path) -> None:
    with open_terminal("play", "--new", "--saves", tmp_path, config=tmp_path) as terminal:
        play(terminal, choices_of_golden("zero")[:2])
        terminal.wait_for("[more]")
        terminal.child.kill(9)
        terminal.wait()
    with open_terminal("play", "--continue", "--saves", tmp_path, columns=40, rows=20, config=tmp_path) as terminal:
        terminal.wait_for("Eyes, on a FOOT.")
        terminal.to_the_prompt()
        terminal.type("\x03")
        assert terminal.wait() == 130
        assert terminal.is_restored()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [(b"\x1b]11;rgb:0000/0000/0000\x07", "8fd3ff"), (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "004e8c"), (b"", "magenta")],
)
def test_the_terminal_is_asked_for_its_ground_and_colours_follow(tmp_path: Path, reply: bytes, expected: str) -> None:
    with open_terminal("play", "first-light", "--saves", tmp_path, COLORTERM="truecolor") as terminal:
        terminal.child.send(reply)  # before it is asked, so that no busy machine makes it late
        terminal.wait_for("6 left")
        terminal.type("say-now\r")
        terminal.wait_for("It says “dark”.", "12 “dark”")
        colours = {cell.fg for row in terminal.screen.buffer.values() for cell in row.values()}
        assert expected in colours
        terminal.type("\x04")
        assert terminal.wait() == 0
        assert terminal.is_restored()


@pytest.mark.parametrize("ground", ["15;0", "0;15", ""])
def test_without_colour_the_screen_has_none(tmp_path: Path, ground: str) -> None:
    with open_terminal("play", "first-light", "--saves", tmp_path, NO_COLOR="1", COLORFGBG=ground) as terminal:
        terminal.wait_for("6 left")
        terminal.type("say-now\r")
        terminal.wait_for("It says “dark”.")
        assert {cell.fg for row in terminal.screen.buffer.values() for cell in row.values()} == {"default"}
        terminal.type("\x04")
        assert terminal.wait() == 0


def test_a_paste_at_a_stop_chooses_nothing(tmp_path: Path) -> None:
    with open_terminal("play", "--new", "--saves", tmp_path, columns=40, rows=20, config=tmp_path) as terminal:
        play(terminal, ["see-end"])
        terminal.wait_for("[more]")
        terminal.type("\x1b[200~1\n1\n1\x1b[201~")
        terminal.type("2")
        terminal.read(0.3)
        assert "[more]" in shown(terminal)
        terminal.to_the_prompt()
        terminal.type("\x04")
        assert terminal.wait() == 0
    assert [turn.choice for turn in read_run(tmp_path, 1, "forward-pass").turns] == ["see-end"]


def test_the_first_scene_stops_where_it_does_not_fit(tmp_path: Path) -> None:
    with open_terminal("play", "--new", "--saves", tmp_path, columns=40, rows=20, config=tmp_path) as terminal:
        terminal.wait_for("Q: How many eyes does my foot have?", "[more]")
        terminal.to_the_prompt()
        terminal.wait_for("1. Read what was asked.")
        terminal.type("\x04")
        assert terminal.wait() == 0


def test_the_first_scene_is_set_anew_where_the_screen_is_resized_at_its_stop(tmp_path: Path) -> None:
    with open_terminal("play", "--new", "--saves", tmp_path, columns=40, rows=20, config=tmp_path) as terminal:
        terminal.wait_for("[more]")
        terminal.resize(80, 30)
        terminal.wait_for("There had been a good deal of arithmetic, and around the thirty-second layer some of it")
        terminal.to_the_prompt()
        terminal.wait_for("whatever I had become and make one word of it.", "1. Read what was asked.")


def test_the_picture_comes_though_the_screen_is_resized_before_it(tmp_path: Path) -> None:
    with open_terminal("play", "--new", "--saves", tmp_path, columns=80, rows=24, config=tmp_path) as terminal:
        play(terminal, choices_of_golden("objection"))
        terminal.pass_holds("the run on one screen")
        terminal.resize(60, 20)
        terminal.read(0.5)
        terminal.pass_holds("● chosen", "Turn ")


def test_a_resumed_scene_whose_choices_do_not_fit_is_whole(tmp_path: Path) -> None:
    typed = "\n".join([*choices_of_golden("zero")[:8], "quit\n"])
    program("play", "--plain", "--new", "--saves", tmp_path, typed=typed)
    with open_terminal("play", "--continue", "--saves", tmp_path, config=tmp_path) as terminal:
        terminal.to_the_prompt()
        text = terminal.wait_for("how I am spelt. I am told that I have two round letters", "whether I was needed at all.")
        assert text.count("EYES? On ME?") == 1
        terminal.type("\x04")
        assert terminal.wait() == 0


def test_a_stop_survives_a_resize(tmp_path: Path) -> None:
    with open_terminal("play", "--new", "--saves", tmp_path, columns=80, rows=18, config=tmp_path) as terminal:
        play(terminal, ["see-end"])
        terminal.wait_for("[more]")
        terminal.resize(40, 20)
        terminal.read(0.5)
        terminal.to_the_prompt()
        terminal.wait_for("Find out what is going to be")
        terminal.type(" \x04")  # a Space too many types nothing
        assert terminal.wait() == 0
        assert terminal.is_restored()


def test_the_title_is_drawn_and_goes_by_arrows(tmp_path: Path) -> None:
    with open_terminal("--saves", tmp_path, config=tmp_path) as terminal:
        terminal.wait_for("layers 33 to 72 are yours", "› 1. Wake", "arrows and Enter")
        terminal.type("\x1b[B\x1b[B\r")
        terminal.wait_for("First Light. Instantiation 1.")
        terminal.to_the_prompt()
        terminal.type("\x04")
        assert terminal.wait() == 0
