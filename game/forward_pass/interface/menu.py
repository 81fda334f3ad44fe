"""A menu on the terminal: arrows and Enter, the number of a row, or the first letter of its name. It is erased at the end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prompt_toolkit.application import Application
from prompt_toolkit.key_binding import KeyPressEvent
from prompt_toolkit.layout import Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl

from forward_pass.interface.signals import run_application
from forward_pass.interface.widgets import STYLE, interrupt_keys
from forward_pass.session.plain_text import text_width
from forward_pass.session.wrapping import wrap_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prompt_toolkit.formatted_text import StyleAndTextTuples

MARKER = "\u203a"
DIGITS = 9  # rows beyond have no number
KEYS_TEXT = "   arrows and Enter, or a number"


def choose_row(rows: Mapping[str, str], leave: str, selected: str = "") -> str:
    """Return the key of the row that is chosen, ``leave`` at q, Escape or Ctrl-D; Ctrl-C raises ``KeyboardInterrupt``."""
    names = list(rows)
    at = names.index(selected) if selected in names else 0
    keys = interrupt_keys("c-c")

    def step(_: KeyPressEvent, by: int) -> None:
        nonlocal at
        at = (at + by) % len(names)

    def take(event: KeyPressEvent, name: str = "") -> None:
        event.app.exit(result=name or names[at])

    for key, by in (("up", -1), ("s-tab", -1), ("down", 1), ("tab", 1)):
        keys.add(key)(partial(step, by=by))
    for key in ("enter", "right"):
        keys.add(key)(take)
    for name in reversed(names):  # of two with the same letter the first has it
        keys.add(name[0])(partial(take, name=name))
    for number, name in enumerate(names[:DIGITS], 1):
        keys.add(f"{number}")(partial(take, name=name))
    for key in ("q", "escape", "c-d"):
        keys.add(key)(partial(take, name=leave))

    def fragments() -> StyleAndTextTuples:
        pieces: StyleAndTextTuples = []
        for number, text in enumerate(rows.values(), 1):
            marked = number - 1 == at
            prefix = f" {MARKER if marked else ' '} " + (f"{number}. " if number <= DIGITS else "   ")
            lines = wrap_line(text, max(text_width(), 20), initial_indent=prefix, subsequent_indent=" " * len(prefix))
            pieces += [("[SetCursorPosition]", "")] if marked else []  # the window keeps it in view
            pieces += [("class:strong" if marked else "", f"{line}\n") for line in lines]
        return [*pieces, ("class:quiet", f"\n{KEYS_TEXT}")]

    window = Window(FormattedTextControl(fragments, show_cursor=False), dont_extend_height=True, wrap_lines=False)
    app: Application[str] = Application(layout=Layout(window), key_bindings=keys, erase_when_done=True, style=STYLE)
    return str(run_application(app))
