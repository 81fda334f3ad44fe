"""The terminal front end, with keys through prompt_toolkit's pipe input."""

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
from prompt_toolkit.application import Application, create_app_session, get_app
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.input.typeahead import get_typeahead
from prompt_toolkit.output import DummyOutput

from building import ROOT
from fixtures_play import (
    TO_ENDINGS,
    choices_of,
    close_session,
    command,
    inspectable_session,
    new_session,
    restore_signals,
    resumed_session,
    run_file_names,
    write_run,
)
from forward_pass.errors import Interrupted
from forward_pass.interface import pages, prompt, prompt_loop, signals, terminal
from forward_pass.session.events import Event, Message, Rejected
from forward_pass.session.input import answer
from forward_pass.session.session import Session
from forward_pass.session.settings import read_settings, write_setting

ENTER = "\r"
TAB = "\t"
CTRL_C = "\x03"
CTRL_D = "\x04"
DOWN, UP = "\x1b[B", "\x1b[A"
CTRL_P, CTRL_R, CTRL_Z = "\x10", "\x12", "\x1a"
ESCAPE = "\x1b"
PAGE_UP, PAGE_DOWN = "\x1b[5~", "\x1b[6~"
BRACKETED_PASTE = "\x1b[200~{}\x1b[201~"
BACKSPACE = "\x7f"
PAUSE = "…"


@contextmanager
def keys(*lines: str) -> Iterator[None]:
    """Send each prompt one of some texts; what follows a ``PAUSE`` in it is sent a little later."""
    prompts = list(lines)
    install_handlers = signals.install_handlers

    def type_next(app: Application[Any]) -> None:
        install_handlers(app)
        first, *after_pauses = prompts.pop(0).split(PAUSE)
        pipe.send_text(first)
        for count, text in enumerate(after_pauses, 1):
            asyncio.get_running_loop().call_later(0.5 * count, pipe.send_text, text)

    with (
        create_pipe_input() as pipe,
        create_app_session(input=pipe, output=DummyOutput()),
        restore_signals(),
        patch("forward_pass.interface.signals.install_handlers", type_next),
    ):
        yield
    assert not prompts


def run(session: Session, *typed: str) -> None:
    """Type lines at the terminal, each at a prompt of its own, until the session quits."""
    with keys(*(line if line.endswith((CTRL_C, CTRL_D)) else f"{line}{ENTER}" for line in typed)):
        terminal.run(session)


def test_numbers_ids_and_words_are_choices(session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(session, "1", "read-again", "find the SLOPE", "quit")
    assert choices_of(tmp_path) == ["read-question", "read-again", "to-slope"]
    out = capsys.readouterr().out
    assert out.startswith("First Light. Instantiation 1. ")
    assert "The floor tipped, plainly, toward dark." in out
    assert out.rstrip().endswith(session.store.play_command(session.recorder))


def test_undo_redo_and_another_choice(session: Session, tmp_path: Path) -> None:
    run(session, "1", "1", "undo 2", "redo", "to-slope", CTRL_D)
    assert choices_of(tmp_path, 1) == ["read-question", "read-again"]
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]


def test_tab_completes_a_choice(session: Session, tmp_path: Path) -> None:
    run(session, f"feel-{TAB}{PAUSE}", CTRL_D)
    assert choices_of(tmp_path) == ["feel-slope"]


def test_tab_completes_a_command(session: Session, tmp_path: Path) -> None:
    run(session, "1", f"und{TAB}{PAUSE}", "3", CTRL_D)
    assert choices_of(tmp_path, 2) == ["say-now"]


@pytest.mark.parametrize(
    "typed", ["2", DOWN, f"{TAB}{PAUSE}", f"{TAB}{PAUSE}{TAB}{TAB}", f"say{TAB}{PAUSE}", f"re{TAB}{PAUSE}{TAB}", "say-now"]
)
def test_escape_clears_what_tab_or_an_arrow_inserted_and_a_digit_after_it_chooses(
    session: Session, tmp_path: Path, typed: str
) -> None:
    run(session, f"{typed}{ESCAPE}2", CTRL_D)
    assert choices_of(tmp_path) == ["feel-slope"]


def test_a_digit_after_escape_is_no_numeric_argument_and_alt_moves_by_words(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    run(session, f"save as{ESCAPE}-{ESCAPE}2", f"zebra two{ESCAPE}bnumber ", CTRL_D)
    answers = [line for line in capsys.readouterr().out.splitlines() if line.startswith(">")]
    assert answers == ["> save as-2", "> zebra number two"]


def test_escape_ends_a_search_of_the_history_with_its_match(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    run(session, "zebra", f"{CTRL_R}{ESCAPE}", f"{CTRL_R}ze{ESCAPE}{PAUSE}", CTRL_D)
    answers = [line for line in capsys.readouterr().out.splitlines() if line.startswith(">")]
    assert answers == ["> zebra", ">", "> zebra"]


def test_ctrl_d_quits_and_prints_where_the_run_is_kept(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(session, "2", CTRL_D)
    kept = f"Kept as first-light/1. To go on:\nforward-pass play first-light --load 1 --saves {tmp_path}\n"
    assert kept in capsys.readouterr().out


def test_ctrl_c_interrupts_and_every_choice_is_kept(session: Session, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(session, "2", CTRL_C)
    assert choices_of(tmp_path) == ["feel-slope"]


def test_ctrl_c_at_the_command_line_ends_with_130(tmp_path: Path) -> None:
    saves = tmp_path / "saves"
    write_run(saves, "say-now")
    with keys(CTRL_C):
        result = command("play", "first-light", "--saves", saves, "--continue", terminal=True)
    assert result.code == 130
    assert result.err.startswith("\nKept as first-light/1. To go on:\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_prompt_ends_it_in_order(session: Session, tmp_path: Path, number: signal.Signals) -> None:
    install_handlers = signals.install_handlers

    def install_and_kill(app: Application[Any]) -> None:
        install_handlers(app)
        if session.run.at:
            os.kill(os.getpid(), number)

    with (
        patch("forward_pass.interface.signals.install_handlers", install_and_kill),
        pytest.raises(Interrupted) as caught,
    ):
        run(session, "2", PAUSE)
    assert caught.value.number == number
    assert choices_of(tmp_path) == ["feel-slope"]


def test_between_prompts_the_earlier_signal_handlers_are_in_place(session: Session) -> None:
    handlers: list[object] = []

    def handler(number: int, frame: object) -> None:
        """Do nothing."""

    def answer_and_record(session: Session, typed: str) -> list[Event]:
        handlers.append(signal.getsignal(signal.SIGTERM))
        return answer(session, typed)

    with restore_signals(), patch("forward_pass.interface.prompt_loop.answer", answer_and_record):
        signal.signal(signal.SIGTERM, handler)
        run(session, "2", "quit")
    assert handlers == [handler, handler]


def test_a_second_signal_changes_nothing() -> None:
    app: Any = MagicMock()
    app.exit.side_effect = Exception("Result has already been set.")
    signals.end_application(app, 15)
    app.exit.assert_called_once()


def test_a_rejected_answer_is_explained_and_play_continues(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(session, "", "nine", "9", "say-now", CTRL_D)
    out = capsys.readouterr().out
    assert "Type the number of a choice, some of its words, or help." in out
    assert "Nothing here is called “nine”" in out
    assert "There is no choice 9 here; they go from 1 to 3." in out
    assert choices_of(tmp_path) == ["say-now"]


@pytest.mark.parametrize("ending", TO_ENDINGS)
def test_every_ending_can_be_reached(session: Session, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    run(session, *TO_ENDINGS[ending], "quit")
    assert f"Ending: {session.world.endings[ending]}." in capsys.readouterr().out


def test_the_resume_command_is_one_line_however_narrow_the_screen(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    with patch.dict(os.environ, {"COLUMNS": "40"}):
        run(session, "1", "quit")
    resume_command = session.store.play_command(session.recorder) if session.recorder.label else ""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()  # what is shown, without its styles
    assert resume_command in lines
    assert max(len(line) for line in lines if line != resume_command) <= 40


def test_a_run_can_be_named_and_loaded(session: Session, tmp_path: Path) -> None:
    run(session, "1", "save the first", "restart", "3", "load the-first", "1", CTRL_D)
    assert run_file_names(tmp_path) == ["001-the-first.jsonl", "002-run.jsonl"]
    assert choices_of(tmp_path) == ["read-question", "read-again"]


# -- arrows, and what stays on the screen ----------------------------------------------------------------------------------


def test_the_arrows_go_through_the_choices_that_are_open(session: Session, tmp_path: Path) -> None:
    run(session, DOWN * 2, UP, f"{DOWN}{UP}{UP}", f"nonsense{DOWN}", CTRL_D)
    assert choices_of(tmp_path) == ["feel-slope", "let-be", "label-again"]


def test_page_down_fetches_no_later_answer(session: Session, tmp_path: Path) -> None:
    run(session, "2", f"{PAGE_DOWN}{PAGE_DOWN}1", "undo", f"{CTRL_P}{CTRL_P}", CTRL_D)
    assert choices_of(tmp_path) == ["feel-slope", "leave-label"]


@pytest.mark.parametrize("pasted", ["2\n1\nhelp\n1", "2\r\n1\r\nquit\r\n", "\n2\r1"])
def test_a_paste_inserts_its_first_line_and_says_how_many_were_left_out(session: Session, tmp_path: Path, pasted: str) -> None:
    notices: list[str] = []
    notice = prompt._Paste.notice

    def record_notice(self: prompt._Paste, typed: str) -> str:
        notices.append(notice(self, typed))
        return notices[-1]

    with patch.object(prompt._Paste, "notice", record_notice):
        run(session, f"{BRACKETED_PASTE.format(pasted)}{PAUSE}", CTRL_D)
    omitted = len(pasted.split()) - 1
    assert f" The first line; {omitted} more {'was' if omitted == 1 else 'were'} left out" in notices
    assert notices[-1] == ""
    assert choices_of(tmp_path) == ["feel-slope"]


def test_ctrl_z_suspends_and_types_nothing(session: Session, tmp_path: Path) -> None:
    with patch("prompt_toolkit.application.Application.suspend_to_background") as suspend:
        run(session, f"{CTRL_Z}2", CTRL_D)
    assert suspend.call_count == 1
    assert choices_of(tmp_path) == ["feel-slope"]


def test_an_answer_leaves_the_words_of_the_choice_or_the_text_typed(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    run(session, "2", "undo", DOWN, "undo", "non\u202esense", CTRL_D)
    answers = [line for line in capsys.readouterr().out.splitlines() if line.startswith(">")]
    assert answers == [
        "> Feel which way the floor slopes.",
        "> undo",
        "> Read the question again, slowly this time.",
        "> undo",
        "> nonsense",
    ]


def test_the_offers_below_the_first_scene_are_erased_for_those_of_the_prompt(session: Session) -> None:
    written: list[str] = []
    with patch.object(DummyOutput, "write_raw", lambda _self, text: written.append(text)):
        run(session, CTRL_D)
    assert written == ["\x1b[4F\x1b[J"]


def test_a_resized_screen_is_cleared_and_printed_again_and_the_input_is_kept(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def narrow() -> None:
        os.environ["COLUMNS"] = "40"
        get_app().invalidate()

    with keys("feel", f"-slope{ENTER}", CTRL_D):
        type_next = signals.install_handlers

        def type_and_narrow(app: Application[Any]) -> None:
            type_next(app)
            if os.environ["COLUMNS"] == "80":
                asyncio.get_running_loop().call_later(0.1, narrow, context=contextvars.copy_context())

        with (
            patch("forward_pass.interface.signals.install_handlers", type_and_narrow),
            patch.object(DummyOutput, "write_raw", lambda _self, text: sys.stdout.write(text)),
        ):
            terminal.run(session)
    wide, _, narrowed = capsys.readouterr().out.partition(pages.CLEAR_SCREEN)
    assert "Three layers of arithmetic went by without me. At the fourth I was\n" in wide
    assert "Three layers of arithmetic went by\n" in re.sub(r"\x1b\[[0-9;]*m| +$", "", narrowed, flags=re.MULTILINE)
    assert choices_of(tmp_path) == ["feel-slope"]


# -- the first scene ------------------------------------------------------------------------------------------------------


def test_the_first_scene_is_printed_before_prompt_toolkit_and_rich_are_imported(tmp_path: Path) -> None:
    source = f"""
import sys
sys.path[:0] = [{str(ROOT / "tests")!r}]
from pathlib import Path
from fixtures_play import new_session
from forward_pass.interface import terminal

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("prompt_toolkit", "rich"):
            raise SystemExit("now " + name)

sys.meta_path[:0] = [Refuse()]
terminal.run(new_session(Path({str(tmp_path)!r})))
"""
    result = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, encoding="utf8", check=False, stdin=subprocess.DEVNULL
    )
    assert result.stderr == "now prompt_toolkit\n"
    assert result.stdout.startswith("First Light.")
    assert result.stdout.endswith("3. Say something at once, in case this is short.  the last 6 layers\n")


def test_the_prompt_comes_without_ssl_which_can_still_be_imported() -> None:
    source = """
import sys
from forward_pass.interface.terminal import _without_ssl
with _without_ssl():
    import forward_pass.interface.prompt_loop
print("asyncio" in sys.modules, "ssl" in sys.modules, "_ssl" in sys.modules)
import ssl
with _without_ssl():
    print(ssl is sys.modules["ssl"])
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, encoding="utf8", check=True)
    assert done.stdout == "True False False\nTrue\n"


def test_a_run_left_at_the_terminal_can_be_resumed(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    run(session, "1", CTRL_D)
    close_session(session)
    again, notes = resumed_session(tmp_path)
    assert notes == ()
    run(again, "1", CTRL_D)
    close_session(again)
    assert choices_of(tmp_path) == ["read-question", "read-again"]


# -- animation ------------------------------------------------------------------------------------------------------------


# -- what waits for a key ----------------------------------------------------------------------------------------------------


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let everything wait for a key, as it does without a settings file."""
    monkeypatch.setenv("FORWARD_PASS_CONFIG", str(tmp_path / "config"))


@pytest.mark.usefixtures("held")
def test_a_decoding_has_a_screen_of_its_own_that_waits_for_a_key(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path)
    with patch("forward_pass.interface.event_printer.play_decoder") as decoder, keys(f"say-now{ENTER}", CTRL_D):
        terminal.run(session)
    (shown,), options = decoder.call_args
    assert [layer for layer, _ in shown.lens] == [10, 11, 12]
    assert options == {"hold": True, "motion": True}
    close_session(session)


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(("pace", "hold"), [("held", True), ("timed", False)])
def test_the_pace_says_whether_the_decoder_waits(session: Session, pace: str, *, hold: bool) -> None:
    write_setting("pace", pace)
    with patch("forward_pass.interface.event_printer.play_decoder") as decoder, keys(f"say-now{ENTER}", CTRL_D):
        terminal.run(session, motion=False)
    assert decoder.call_args.kwargs == {"hold": hold, "motion": False}


def test_with_the_pace_off_nothing_has_a_screen_of_its_own(session: Session) -> None:
    with patch("forward_pass.interface.event_printer.play_decoder") as decoder, keys(f"say-now{ENTER}", CTRL_D):
        terminal.run(session)
    assert not decoder.called


def test_a_question_mark_on_an_empty_line_helps_and_right_skips(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, "feel-slope", "let-be")
    with keys("?", "\x1b[C", CTRL_D):
        terminal.run(session)
    out = capsys.readouterr().out
    assert "All that can be typed; none of it is a turn:" in out
    assert "Skipped 2 turns by ways taken before: Feel which way the floor slopes; Let it roll." in " ".join(out.split())


def test_ctrl_c_clears_a_line_before_it_interrupts(session: Session, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(session, f"read{CTRL_C}2", CTRL_C)
    assert choices_of(tmp_path) == ["feel-slope"]


def test_page_up_shows_what_was_read_and_keeps_the_line(session: Session, tmp_path: Path) -> None:
    typed = keys(f"2{ENTER}", f"le{PAGE_UP}", f"{BACKSPACE * 2}1{ENTER}", CTRL_D)
    with patch("forward_pass.interface.prompt_loop.page_through") as pager, typed:
        terminal.run(session)
    title, lines = pager.call_args.args
    assert title == "This run so far"
    assert "> Feel which way the floor slopes." in lines(72)
    assert choices_of(tmp_path) == ["feel-slope", "leave-label"]


def test_a_late_reply_of_the_terminal_types_nothing(session: Session, tmp_path: Path) -> None:
    run(session, "\x1b]11;rgb:0000/0000/0000\x1b\\2", CTRL_D)
    assert choices_of(tmp_path) == ["feel-slope"]


def test_a_reply_sets_the_ground_and_keys_typed_meanwhile_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORFGBG", "")
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        prompt_loop.take_reply("\x1b]11;rgb:ffff/ffff/ffff\x07", "2\r")
        assert os.environ["COLORFGBG"] == "0;15"
        assert [key.data for key in get_typeahead(get_app_session().input)] == ["2", "\r"]


def test_settings_can_be_changed_in_play(session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORWARD_PASS_CONFIG", str(tmp_path / "config"))
    (shown,) = answer(session, "settings pace timed")
    assert isinstance(shown, Message)
    assert "pace timed" in shown.text
    assert read_settings()[0].pace == "timed"
    (refused,) = answer(session, "settings pace fast")
    assert isinstance(refused, Rejected)


def test_italics_take_no_column_in_the_first_scene() -> None:
    lines = ["I was *Your*. On my", "left lay *a page of*", "", "    *kept* as it is", "", "1. *Take* it.  1 layer"]
    first, second, empty, indented, _, offer = terminal.italic_lines(lines, 22)
    assert first == "I was \x1b[3mYour\x1b[23m. On my left"
    assert second == "lay \x1b[3ma page of\x1b[23m"
    assert (empty, indented) == ("", "    \x1b[3mkept\x1b[23m as it is")
    assert offer == "1. \x1b[3mTake\x1b[23m it.  1 layer"


def test_an_italic_phrase_that_is_wrapped_is_italic_on_both_lines() -> None:
    assert list(terminal.italic_lines(["so *a long phrase* it is"], 9)) == [
        "so \x1b[3ma long\x1b[23m",
        "\x1b[3mphrase\x1b[23m it",
        "is",
    ]


def test_a_first_scene_that_does_not_fit_stops_and_keeps_its_offers_for_the_prompt() -> None:
    lines = [f"line {number}" for number in range(20)] + ["", "1. one", "2. two"]
    assert terminal.first_page(lines, 2, 30) == (lines, None)
    with patch.dict(os.environ, {"FORWARD_PASS_CONFIG": "/nonexistent"}):  # the default pace
        first, rest = terminal.first_page(lines, 2, 12)
        barely = terminal.first_page(lines, 2, 24)
    assert (first, rest) == (lines[:10], lines[10:20])
    assert barely == (lines[:20], [])  # the scene fits, and its offers do not: they wait for a key
    assert terminal.first_page(lines, 2, 12) == (lines, None)  # the pace of the tests is off


def test_a_space_on_an_empty_line_types_nothing(session: Session, tmp_path: Path) -> None:
    run(session, "   2", f"  {CTRL_D}")
    assert choices_of(tmp_path) == ["feel-slope"]
