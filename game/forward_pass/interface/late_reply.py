"""A terminal's reply to the question for its background that comes after the deadline: it types nothing, and colours follow."""

from __future__ import annotations

import time

from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from forward_pass.interface.theme import remember_ground

PAUSE = 0.05  # seconds: what follows Escape sooner was not typed by a person


class LateReply:
    """Takes up such a reply: it begins with Escape and ``]``, and ends with Ctrl-G, or with Escape and a backslash."""

    def __init__(self) -> None:
        self.escape_at = 0.0  # when Escape was pressed last
        self.taking = False
        self.text = ""

    def keys(self) -> KeyBindings:
        """Return the bindings, to be merged after all others."""
        keys = KeyBindings()
        begins = Condition(lambda: time.monotonic() - self.escape_at < PAUSE)
        taking = Condition(lambda: self.taking)

        @keys.add("escape", "]")
        @keys.add("]", filter=begins)
        def _begin(_: KeyPressEvent) -> None:
            self.taking, self.text = True, ""

        @keys.add("<any>", filter=taking, eager=True)
        def _take(event: KeyPressEvent) -> None:
            self.text += event.data

        @keys.add("escape", filter=taking, eager=True)
        def _drop(_: KeyPressEvent) -> None:
            """Drop the Escape before the last backslash."""

        @keys.add("c-g", filter=taking, eager=True)
        @keys.add("\\", filter=taking, eager=True)
        @keys.add("enter", filter=taking, eager=True)
        def _end(_: KeyPressEvent) -> None:
            self.taking = False
            remember_ground(self.text)

        return keys
