"""The modes of the terminal, put right where a process that was killed left it reading single keys and echoing nothing."""

from __future__ import annotations

import sys
from contextlib import suppress

if sys.platform != "win32":  # pragma: no branch - Windows has no such modes
    import termios

INPUT, OUTPUT, LOCAL = 0, 1, 3  # where these flags stand in what termios gives


def restore_line_mode() -> None:
    """See to it that lines can be typed and are seen, and that Ctrl-C is heeded, where standard input is a terminal."""
    if sys.platform == "win32":  # pragma: no cover - the tests run on Linux
        return
    with suppress(AttributeError, OSError, ValueError, termios.error):  # whatever stands for standard input
        file = sys.stdin.fileno()
        modes = termios.tcgetattr(file)
        if modes[LOCAL] & termios.ICANON:
            return
        modes[INPUT] |= termios.ICRNL
        modes[OUTPUT] |= termios.OPOST
        modes[LOCAL] |= termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN
        termios.tcsetattr(file, termios.TCSADRAIN, modes)
