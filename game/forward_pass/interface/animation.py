"""Frames shown one after the other on the terminal, and what then waits for a key. They are erased at the end.

What is animated was computed before: a key ends it at any time and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from prompt_toolkit.application import Application
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.key_binding import KeyPressEvent
from prompt_toolkit.layout import HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl

from forward_pass.interface.signals import run_application
from forward_pass.interface.widgets import STYLE, interrupt_keys

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

SKIP_KEYS = ("\r", "\n", " ", "\x1b")  # end what moves and are dropped; other keys are kept for the prompt
Frame: TypeAlias = "Callable[[], StyleAndTextTuples]"
"""What stands on the screen, as a function, so that a resized screen is set again."""


def play_frames(frames: Sequence[Frame], seconds: float, *, hold: bool = False, full_screen: bool = False) -> None:
    """Show frames for some seconds in all, then erase them; Ctrl-C raises ``KeyboardInterrupt``.

    With ``hold`` the last frame stays until a key; keys are then dropped, so that no choice is made unread. Without it any
    key ends the frames, and one that means something is kept for the prompt.
    """
    player = _Player(frames, seconds, hold=hold)
    keys = interrupt_keys("c-c")
    keys.add("<any>")(player.on_key)
    body = Window(FormattedTextControl(player.frame, show_cursor=False), wrap_lines=False, dont_extend_height=True)
    app: Application[None] = Application(
        layout=Layout(HSplit([body])), key_bindings=keys, erase_when_done=True, full_screen=full_screen, style=STYLE
    )

    def start() -> None:
        app.create_background_task(player.advance(app))

    run_application(app, start)


class _Player:
    """Which frame is shown, and what time and keys do to it."""

    def __init__(self, frames: Sequence[Frame], seconds: float, *, hold: bool) -> None:
        self.frames, self.pause, self.hold, self.index = frames, seconds / len(frames), hold, 0

    def frame(self) -> StyleAndTextTuples:
        """Return the frame that is shown."""
        return self.frames[self.index]()

    def on_key(self, event: KeyPressEvent) -> None:
        """Go to the last frame if it is to be held and is not there yet, else end; keep a key that means something."""
        if self.hold and self.index < len(self.frames) - 1:
            self.index = len(self.frames) - 1
        elif not event.app.is_done:
            if not self.hold and event.data not in SKIP_KEYS:
                store_typeahead(event.app.input, event.key_sequence)
            event.app.exit()

    async def advance(self, app: Application[None]) -> None:
        """Show the frames one after the other, and end unless the last is to be held."""
        for _ in self.frames[1:]:
            await asyncio.sleep(self.pause)
            self.index = min(self.index + 1, len(self.frames) - 1)
            app.invalidate()
        if not self.hold:
            await asyncio.sleep(self.pause)
            if not app.is_done:
                app.exit()
