"""The terminal's modes, put right."""

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
    """Stand a terminal for standard input; give the end that the process has."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as stream, patch.object(sys, "stdin", stream):
        yield theirs
    os.close(ours)


def test_a_terminal_that_was_left_raw_takes_lines_again(terminal: int) -> None:
    usual = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    restore_line_mode()
    found = termios.tcgetattr(terminal)
    assert found[3] & (termios.ICANON | termios.ECHO | termios.ISIG) == usual[3] & (
        termios.ICANON | termios.ECHO | termios.ISIG
    )
    assert found[0] & termios.ICRNL
    assert found[1] & termios.OPOST


def test_a_terminal_that_takes_lines_is_left_as_it_is(terminal: int) -> None:
    modes = termios.tcgetattr(terminal)
    modes[3] &= ~termios.ECHO  # as whoever reads a password has it
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
    before = termios.tcgetattr(terminal)
    restore_line_mode()
    assert termios.tcgetattr(terminal) == before


def test_what_is_no_terminal_has_no_modes() -> None:
    with open(os.devnull, encoding="utf8") as nothing, patch.object(sys, "stdin", nothing):  # noqa: PTH123 - no path
        restore_line_mode()
