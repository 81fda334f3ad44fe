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

from forward_pass.interface.tty import restore_line_mode


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
