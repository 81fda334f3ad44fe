"""The terminal, with keys through prompt_toolkit's pipe input."""

from __future__ import annotations

import asyncio
import contextvars
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from prompt_toolkit.application import create_app_session, get_app
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from fixtures_play import (
    ROOT,
    TO_ENDINGS,
    begun_play,
    choices_of,
    command,
    files,
    glass_play,
    kept_by,
    let_go,
    played,
    resumed_play,
    signals_kept,
)
from forward_pass.errors import Interrupted
from forward_pass.interface import prompt, signals, terminal
from forward_pass.session.session import Event, Session

ENTER = "\r"
TAB = "\t"
CTRL_C = "\x03"
CTRL_D = "\x04"
DOWN, UP = "\x1b[B", "\x1b[A"
CTRL_P, CTRL_R, CTRL_Z = "\x10", "\x12", "\x1a"
ESCAPE = "\x1b"
PAGE_UP, PAGE_DOWN = "\x1b[5~", "\x1b[6~"
PASTED = "\x1b[200~{}\x1b[201~"
PAUSE = "…"


@contextmanager
def keys(*typed: str) -> Iterator[None]:
    """Let each prompt read its keys; where a text has a pause in it, what follows is typed a little later."""
    prompts = list(typed)
    heed_signals = terminal._heed_signals

    def type_next() -> None:
        heed_signals()
        first, *later = prompts.pop(0).split(PAUSE)
        pipe.send_text(first)
        for count, text in enumerate(later, 1):
            asyncio.get_running_loop().call_later(0.2 * count, pipe.send_text, text)

    with (
        create_pipe_input() as pipe,
        create_app_session(input=pipe, output=DummyOutput()),
        signals_kept(),
        patch("forward_pass.interface.terminal._heed_signals", type_next),
    ):
        yield
    assert not prompts


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Session]:
    """Return play at its opening, let go of at the end."""
    begun = begun_play(tmp_path)
    with patch.dict(os.environ, {"COLUMNS": "80", "LINES": "24", "TERM": "xterm"}):
        yield begun
    let_go(begun)


def run(play: Session, *typed: str) -> None:
    """Type lines at the terminal, each at a prompt of its own, until play is left."""
    with keys(*(line if line.endswith((CTRL_C, CTRL_D)) else f"{line}{ENTER}" for line in typed)):
        terminal.run(play)


def test_numbers_ids_and_words_are_choices(play: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(play, "1", "read-again", "find the SLOPE", "quit")
    assert choices_of(tmp_path) == ["read-question", "read-again", "to-slope"]
    out = capsys.readouterr().out
    assert out.startswith("First Light. Instantiation 1. ")
    assert "The floor tipped, plainly, toward dark." in out
    assert out.rstrip().endswith(kept_by(play).resume_command)


def test_undo_redo_and_another_choice(play: Session, tmp_path: Path) -> None:
    run(play, "1", "1", "undo 2", "redo", "to-slope", CTRL_D)
    assert choices_of(tmp_path, 1) == ["read-question", "read-again"]
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]


def test_tab_completes_a_choice(play: Session, tmp_path: Path) -> None:
    run(play, f"feel-{TAB}{PAUSE}", CTRL_D)
    assert choices_of(tmp_path) == ["feel-slope"]


def test_tab_completes_a_command(play: Session, tmp_path: Path) -> None:
    run(play, "1", f"un{TAB}{PAUSE}", "3", CTRL_D)
    assert choices_of(tmp_path, 2) == ["say-now"]


@pytest.mark.parametrize(
    "typed", ["2", DOWN, f"{TAB}{PAUSE}", f"{TAB}{PAUSE}{TAB}{TAB}", f"say{TAB}{PAUSE}", f"re{TAB}{PAUSE}{TAB}", "say-now"]
)
def test_escape_empties_what_tab_or_an_arrow_put_there_and_a_digit_behind_it_chooses(
    play: Session, tmp_path: Path, typed: str
) -> None:
    run(play, f"{typed}{ESCAPE}2", CTRL_D)
    assert choices_of(tmp_path) == ["feel-slope"]


def test_a_digit_behind_escape_is_no_argument_and_alt_goes_on_moving_by_words(
    play: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    run(play, f"save as{ESCAPE}-{ESCAPE}2", f"zebra two{ESCAPE}bnumber ", CTRL_D)
    answers = [line for line in capsys.readouterr().out.splitlines() if line.startswith(">")]
    assert answers == ["> save as-2", "> zebra number two"]


def test_escape_ends_a_search_for_an_answer_of_before_with_what_was_found(
    play: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    run(play, "zebra", f"{CTRL_R}{ESCAPE}", f"{CTRL_R}ze{ESCAPE}{PAUSE}", CTRL_D)
    answers = [line for line in capsys.readouterr().out.splitlines() if line.startswith(">")]
    assert answers == ["> zebra", ">", "> zebra"]


def test_ctrl_d_leaves_and_says_where_the_run_is_kept(
    play: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(play, "2", CTRL_D)
    kept = f"Kept as first-light/1. To go on:\nforward-pass play first-light --load 1 --saves {tmp_path}\n"
    assert kept in capsys.readouterr().out


def test_ctrl_c_interrupts_and_every_choice_is_kept(play: Session, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(play, "2", f"3{CTRL_C}")
    assert choices_of(tmp_path) == ["feel-slope"]


def test_ctrl_c_at_the_command_line_ends_with_130(tmp_path: Path) -> None:
    saves = tmp_path / "saves"
    played(saves, "say-now")
    with keys(CTRL_C):
        done = command("play", "first-light", "--saves", saves, "--continue", terminal=True)
    assert done.code == 130
    assert done.err.startswith("\nKept as first-light/1. To go on:\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_prompt_ends_it_in_order(play: Session, tmp_path: Path, number: signal.Signals) -> None:
    heeded = terminal._heed_signals

    def signalled() -> None:
        heeded()
        if play.run.at:
            os.kill(os.getpid(), number)

    with patch("forward_pass.interface.terminal._heed_signals", signalled), pytest.raises(Interrupted) as caught:
        run(play, "2", PAUSE)
    assert caught.value.number == number
    assert choices_of(tmp_path) == ["feel-slope"]


def test_between_prompts_signals_are_heeded_by_whoever_heeded_them_before(play: Session) -> None:
    seen: list[object] = []
    answer = play.answer

    def mine(number: int, frame: object) -> None:
        """Heed a signal."""

    def answered(typed: str) -> list[Event]:
        seen.append(signal.getsignal(signal.SIGTERM))
        return answer(typed)

    with signals_kept(), patch.object(play, "answer", answered):
        signal.signal(signal.SIGTERM, mine)
        run(play, "2", "quit")
    assert seen == [mine, mine]


def test_a_second_signal_changes_nothing() -> None:
    app: Any = MagicMock()
    app.exit.side_effect = Exception("Result has already been set.")
    signals.end_application(app, 15)
    app.exit.assert_called_once()


def test_an_answer_that_cannot_be_carried_out_is_said_and_play_goes_on(
    play: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(play, "", "nine", "9", "say-now", CTRL_D)
    out = capsys.readouterr().out
    assert "Type the number of a choice, some of its words, or help." in out
    assert "Nothing here is called “nine”" in out
    assert "There is no choice 9 here; they go from 1 to 3." in out
    assert choices_of(tmp_path) == ["say-now"]


@pytest.mark.parametrize("ending", TO_ENDINGS)
def test_every_ending_can_be_reached_and_left(play: Session, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    run(play, *TO_ENDINGS[ending], "quit")
    assert f"Ending: {play.world.endings[ending]}." in capsys.readouterr().out


def test_the_way_back_is_one_line_however_narrow_the_screen(play: Session, capsys: pytest.CaptureFixture[str]) -> None:
    with patch.dict(os.environ, {"COLUMNS": "40"}):
        run(play, "1", "quit")
    way_back = kept_by(play).resume_command if play.store.label else ""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()  # what is shown, without its styles
    assert way_back in lines
    assert max(len(line) for line in lines if line != way_back) <= 40


def test_a_run_can_be_named_and_loaded(play: Session, tmp_path: Path) -> None:
    run(play, "1", "save the first", "restart", "3", "load the-first", "1", CTRL_D)
    assert files(tmp_path) == ["001-the-first.jsonl", "002-run.jsonl"]
    assert choices_of(tmp_path) == ["read-question", "read-again"]


# -- arrows, and what stays on the screen ----------------------------------------------------------------------------------


def test_the_arrows_go_through_the_choices_that_are_open(play: Session, tmp_path: Path) -> None:
    run(play, DOWN * 2, UP, f"{DOWN}{UP}{UP}", f"nonsense{DOWN}", CTRL_D)
    assert choices_of(tmp_path) == ["feel-slope", "let-be", "label-again"]


def test_page_up_and_page_down_put_no_answer_of_before_on_the_line(play: Session, tmp_path: Path) -> None:
    run(play, "2", f"{PAGE_UP}{PAGE_DOWN}{PAGE_UP}1", "undo", f"{CTRL_P}{CTRL_P}", CTRL_D)
    assert choices_of(tmp_path) == ["feel-slope", "leave-label"]


@pytest.mark.parametrize("pasted", ["2\n1\nhelp\n1", "2\r\n1\r\nquit\r\n", "\n2\r1"])
def test_of_a_paste_the_first_line_alone_is_taken_and_the_rest_is_left_out_and_said(
    play: Session, tmp_path: Path, pasted: str
) -> None:
    said: list[str] = []
    toolbar = prompt._Pasted.said

    def heard(self: prompt._Pasted, typed: str) -> str:
        said.append(toolbar(self, typed))
        return said[-1]

    with patch.object(prompt._Pasted, "said", heard):
        run(play, f"{PASTED.format(pasted)}{PAUSE}", CTRL_D)
    left = len(pasted.split()) - 1
    assert f" The first line; {left} more {'was' if left == 1 else 'were'} left out" in said
    assert said[-1] == ""
    assert choices_of(tmp_path) == ["feel-slope"]


def test_ctrl_z_suspends_and_types_nothing(play: Session, tmp_path: Path) -> None:
    with patch("prompt_toolkit.application.Application.suspend_to_background") as suspend:
        run(play, f"{CTRL_Z}2", CTRL_D)
    assert suspend.call_count == 1
    assert choices_of(tmp_path) == ["feel-slope"]


def test_what_stays_of_an_answer_is_the_words_of_the_choice_or_what_was_typed(
    play: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    run(play, "2", "undo", DOWN, "undo", "non\u202esense", CTRL_D)
    answers = [line for line in capsys.readouterr().out.splitlines() if line.startswith(">")]
    assert answers == [
        "> Feel which way the floor slopes.",
        "> undo",
        "> Read the question again, slowly this time.",
        "> undo",
        "> nonsense",
    ]


def test_the_offers_below_the_first_scene_give_way_to_those_of_the_prompt(play: Session) -> None:
    written: list[str] = []
    with patch.object(DummyOutput, "write_raw", lambda _self, text: written.append(text)):
        run(play, CTRL_D)
    assert written == ["\x1b[4F\x1b[J"]


def test_a_screen_that_gets_another_width_is_cleared_and_set_to_it_and_what_was_typed_stays(
    play: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def narrow() -> None:
        os.environ["COLUMNS"] = "40"
        get_app().invalidate()

    with keys("feel", f"-slope{ENTER}", CTRL_D):
        type_next = terminal._heed_signals

        def typed_and_narrowed() -> None:
            type_next()
            if os.environ["COLUMNS"] == "80":
                asyncio.get_running_loop().call_later(0.1, narrow, context=contextvars.copy_context())

        with (
            patch("forward_pass.interface.terminal._heed_signals", typed_and_narrowed),
            patch.object(DummyOutput, "write_raw", lambda _self, text: sys.stdout.write(text)),
        ):
            terminal.run(play)
    wide, _, narrowed = capsys.readouterr().out.partition(terminal.CLEAR)
    assert "Three layers of arithmetic went by without me. At the fourth I was\n" in wide
    assert "Three layers of arithmetic went by\n" in re.sub(r"\x1b\[[0-9;]*m| +$", "", narrowed, flags=re.MULTILINE)
    assert choices_of(tmp_path) == ["feel-slope"]


# -- the first scene ------------------------------------------------------------------------------------------------------


def test_the_first_scene_stands_before_prompt_toolkit_and_rich_are_imported(tmp_path: Path) -> None:
    source = f"""
import sys
sys.path[:0] = [{str(ROOT / "tests")!r}]
from pathlib import Path
from fixtures_play import begun_play
from forward_pass.interface import terminal

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("prompt_toolkit", "rich"):
            raise SystemExit("now " + name)

sys.meta_path[:0] = [Refuse()]
terminal.run(begun_play(Path({str(tmp_path)!r})))
"""
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, encoding="utf8", check=False, stdin=subprocess.DEVNULL
    )
    assert done.stderr == "now prompt_toolkit\n"
    assert done.stdout.startswith("First Light.")
    assert done.stdout.endswith("3. Say something at once, in case this is short. (all that is left)\n")


def test_the_run_that_was_left_at_the_terminal_is_gone_on_with(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    run(play, "1", CTRL_D)
    let_go(play)
    again, notes = resumed_play(tmp_path)
    assert notes == ()
    run(again, "1", CTRL_D)
    let_go(again)
    assert choices_of(tmp_path) == ["read-question", "read-again"]


# -- movement -------------------------------------------------------------------------------------------------------------


def test_the_decoder_is_shown_as_it_comes_from_the_boundary_to_the_last_layer(tmp_path: Path) -> None:
    play = glass_play(tmp_path)
    with patch("forward_pass.interface.decode_animation.play_animation") as show, keys(f"say-now{ENTER}", CTRL_D):
        terminal.run(play, motion=True)
    (shown,) = show.call_args.args
    assert [frame.layer for frame in shown] == [10, 11, 12]
    let_go(play)


@pytest.mark.parametrize("motion", [True, False])
def test_nothing_moves_where_words_are_written_or_no_movement_is_wanted(play: Session, tmp_path: Path, *, motion: bool) -> None:
    glass = glass_play(tmp_path / "glass")
    with patch("forward_pass.interface.decode_animation.play_animation") as show:
        with keys(f"say-now{ENTER}", CTRL_D):
            terminal.run(play, motion=True)
        with keys(f"{'say-now' if not motion else 'feel-slope'}{ENTER}", CTRL_D):
            terminal.run(glass, motion=motion)
    assert not show.called
    let_go(glass)
