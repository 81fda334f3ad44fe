"""The terminal: its modes, back to line input where a killed process left it raw, and the question for its background."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import suppress

if sys.platform != "win32":  # pragma: no branch - Windows has no such modes
    import select
    import termios

INPUT, OUTPUT, LOCAL = 0, 1, 3  # indices into the list of termios.tcgetattr
LEAVE_SCREENS = "\x1b[?1049l\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?7h\x1b[?25h"
"""What undoes a full screen, its mouse, bracketed paste, and a hidden cursor, which a killed process may have left."""
ASK_BACKGROUND = "\x1b]11;?\x1b\\"  # OSC 11, as xterm has it
REPLY = re.compile(rb"\x1b\]11;[^\x07\x1b]*(?:\x07|\x1b\\)")
DEADLINE = 0.06  # seconds from the question to the last moment at which an answer is waited for
NO_QUESTION = ("linux", "dumb", "")  # values of TERM: consoles that print the question, or have no colour


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
        if sys.stdout.isatty():
            sys.stdout.write(LEAVE_SCREENS)


def knows_background(colour: str) -> bool:
    """Return whether the terminal need not be asked for its background, or cannot be, with the setting ``colour``."""
    told = colour != "auto" or any(os.environ.get(name) for name in ("NO_COLOR", "COLORFGBG"))
    return told or os.environ.get("FORCE_COLOR") == "0" or os.environ.get("TERM", "") in NO_QUESTION


class BackgroundQuestion:
    """The question for the terminal's background, asked when this is made, so that the program can go on meanwhile.

    Until ``answer`` is called, echo and line input are off: the reply would stand on the screen.
    """

    def __init__(self) -> None:
        self._modes: list[object] | None = None
        self._asked_at = time.monotonic()
        if sys.platform == "win32":  # pragma: no cover - the tests run on Linux
            return
        with suppress(AttributeError, OSError, ValueError, termios.error):
            self._descriptor = sys.stdin.fileno()
            modes = termios.tcgetattr(self._descriptor)
            quiet = [*modes]
            quiet[LOCAL] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(self._descriptor, termios.TCSANOW, quiet)
            self._modes = modes
            sys.stdout.write(ASK_BACKGROUND)
            sys.stdout.flush()

    def answer(self) -> tuple[str, str]:
        """Return the reply, empty where none came in time, and what was typed meanwhile; the modes are as they were."""
        if self._modes is None:
            return "", ""
        read = b""
        try:
            while not REPLY.search(read):
                left = max(self._asked_at + DEADLINE - time.monotonic(), 0)
                if not select.select([self._descriptor], [], [], left)[0]:
                    break
                part = os.read(self._descriptor, 1024)
                if not part:
                    break
                read += part
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._modes)  # type: ignore[arg-type]
        reply = REPLY.search(read)
        typed = read.replace(reply.group(), b"") if reply else read
        return (reply.group().decode("latin-1") if reply else ""), typed.decode("utf8", "replace")
