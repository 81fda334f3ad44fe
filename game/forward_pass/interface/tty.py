"""The modes of the terminal: back to line input with echo, where a killed process left it in raw mode."""

from __future__ import annotations

import sys
from contextlib import suppress

if sys.platform != "win32":  # pragma: no branch - Windows has no such modes
    import termios

INPUT, OUTPUT, LOCAL = 0, 1, 3  # indices into the list of termios.tcgetattr


def restore_line_mode() -> None:
    """Turn on line input, echo and signal keys where standard input is a terminal in raw mode; else do nothing."""
    if sys.platform == "win32":  # pragma: no cover - the tests run on Linux
        return
    with suppress(AttributeError, OSError, ValueError, termios.error):  # standard input may be any object
        descriptor = sys.stdin.fileno()
        modes = termios.tcgetattr(descriptor)
        if modes[LOCAL] & termios.ICANON:
            return
        modes[INPUT] |= termios.ICRNL
        modes[OUTPUT] |= termios.OPOST
        modes[LOCAL] |= termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN
        termios.tcsetattr(descriptor, termios.TCSADRAIN, modes)
