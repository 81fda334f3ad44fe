"""The modes of the terminal."""

from __future__ import annotations

import os
import pty
import sys
import termios
import tty
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from forward_pass.interface.tty import BackgroundQuestion, knows_background, restore_line_mode


@pytest.fixture
def terminal() -> Iterator[int]:
    """Use a pseudo-terminal as standard input; return its descriptor."""
    controller, device = pty.openpty()
    with os.fdopen(device, "r") as stream, patch.object(sys, "stdin", stream):
        yield device
    os.close(controller)


def test_a_terminal_left_raw_is_restored(terminal: int) -> None:
    usual = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    restore_line_mode()
    modes = termios.tcgetattr(terminal)
    assert modes[3] & (termios.ICANON | termios.ECHO | termios.ISIG) == usual[3] & (
        termios.ICANON | termios.ECHO | termios.ISIG
    )
    assert modes[0] & termios.ICRNL
    assert modes[1] & termios.OPOST


def test_a_terminal_in_line_mode_is_not_changed(terminal: int) -> None:
    modes = termios.tcgetattr(terminal)
    modes[3] &= ~termios.ECHO  # as for a password
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
    before = termios.tcgetattr(terminal)
    restore_line_mode()
    assert termios.tcgetattr(terminal) == before


def test_a_file_as_standard_input_is_ignored() -> None:
    with open(os.devnull, encoding="utf8") as null, patch.object(sys, "stdin", null):  # noqa: PTH123 - os.devnull is no path
        restore_line_mode()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\x1b]11;rgb:0000/0000/0000\x07", ("\x1b]11;rgb:0000/0000/0000\x07", "")),
        (b"12\x1b]11;rgb:ff/ff/ff\x1b\\3", ("\x1b]11;rgb:ff/ff/ff\x1b\\", "123")),
        (b"2", ("", "2")),
        (b"", ("", "")),
    ],
)
def test_a_reply_is_told_from_what_was_typed_and_the_modes_are_as_before(sent: bytes, expected: tuple[str, str]) -> None:
    controller, device = pty.openpty()
    with os.fdopen(device, "r") as stream, patch.object(sys, "stdin", stream):
        before = termios.tcgetattr(device)
        question = BackgroundQuestion()
        os.write(controller, sent)
        assert question.answer() == expected
        assert termios.tcgetattr(device) == before
    os.close(controller)


def test_without_a_terminal_nothing_is_asked() -> None:
    with open(os.devnull, encoding="utf8") as null, patch.object(sys, "stdin", null):  # noqa: PTH123 - os.devnull is no path
        assert BackgroundQuestion().answer() == ("", "")


@pytest.mark.parametrize(
    ("colour", "variables", "known"),
    [
        ("auto", {"TERM": "xterm"}, False),
        ("dark", {"TERM": "xterm"}, True),
        ("auto", {"TERM": "xterm", "COLORFGBG": "15;0"}, True),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, True),
        ("auto", {"TERM": "linux"}, True),
        ("auto", {}, True),
    ],
)
def test_a_terminal_is_asked_only_where_it_can_tell_something(colour: str, variables: dict[str, str], *, known: bool) -> None:
    with patch.dict(os.environ, variables, clear=True):
        assert knows_background(colour) == known
