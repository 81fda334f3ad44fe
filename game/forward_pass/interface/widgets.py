"""What the full screens share: text that scrolls, lines cut to a width, an application with a head, a body and a foot."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from prompt_toolkit.application import Application
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.data_structures import Point
from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
from prompt_toolkit.layout import HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from forward_pass.session.transcript import EMPHASIS, MEASURE, wrap

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyBindingsBase, KeyPressEvent
    from prompt_toolkit.layout.containers import Container

STYLE = Style.from_dict(
    {"head": "reverse", "foot": "reverse", "here": "reverse", "quiet": "", "strong": "bold", "said": "italic"}
)
"""Nothing is said by a colour: what is reversed or bold is said in words or by its place too."""
HEAD_AND_FOOT = 2
WIDE = 60  # columns from which there is room for a table, and for all the keys at the foot


def screen_size() -> tuple[int, int]:
    """Return the columns of the screen, and the rows between head and foot."""
    size = get_app_session().output.get_size()
    return size.columns, max(size.rows - HEAD_AND_FOOT, 1)


def measure() -> int:
    """Return how wide prose is set."""
    return max(min(screen_size()[0] - 1, MEASURE), 20)


def truncate(text: str, columns: int) -> str:
    """Return a line that fits into some columns; what is left out is marked."""
    if get_cwidth(text) <= columns:
        return text
    kept, width = "", 1
    for character in text:
        width += get_cwidth(character)
        if width > columns:
            break
        kept += character
    return f"{kept}…"


def key_lines(title: str, rows: Sequence[tuple[str, str]], below: str) -> list[str]:
    """Return what keys do, set to the screen: a title, a row for each, and a paragraph below."""
    columns, lead = measure(), 2 + max(len(keys) for keys, _ in rows)
    shown = [title, ""]
    for keys, does in rows:
        if columns >= WIDE:
            shown += textwrap.wrap(f"  {keys:<{lead}}{does}", columns, subsequent_indent=" " * (lead + 2))
        else:
            shown += textwrap.wrap(f"{keys}: {does}", columns, subsequent_indent="  ")
    return [*shown, "", *wrap(below, columns)]


def fit(text: str, columns: int) -> str:
    """Return a line cut or filled up to exactly some columns."""
    shown = truncate(text, columns)
    return shown + " " * (columns - get_cwidth(shown))


def emphasised(lines: Sequence[str]) -> list[StyleAndTextTuples]:
    """Return lines with ``*emphasis*`` in italics, wherever the lines break."""
    shown: list[StyleAndTextTuples] = [[]]
    text, end = "\n".join(lines), 0
    pieces: list[tuple[str, str]] = []
    for match in EMPHASIS.finditer(text):
        pieces += [("", text[end : match.start()]), ("class:said", match[1])]
        end = match.end()
    for style, piece in [*pieces, ("", text[end:])]:
        first, *rest = piece.split("\n")
        shown[-1].append((style, first))
        shown.extend([(style, line)] for line in rest)
    return shown


class Pane:
    """A text that is longer than its window, and the line at its top."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self.lines: list[str] = list(lines)
        self.top = 0

    @property
    def most(self) -> int:
        """The farthest that it can be scrolled."""
        return max(len(self.lines) - screen_size()[1], 0)

    def show(self, lines: Sequence[str]) -> None:
        """Show another text, from its beginning."""
        self.lines, self.top = list(lines), 0

    def scroll(self, by: int) -> bool:
        """Scroll by some lines; return whether that moved anything."""
        before = self.top
        self.top = min(max(self.top + by, 0), self.most)
        return self.top != before

    def fragments(self) -> StyleAndTextTuples:
        """Return the lines in view, ready to be painted."""
        self.top = min(self.top, self.most)
        shown: StyleAndTextTuples = []
        for line in emphasised(self.lines)[self.top : self.top + screen_size()[1]]:
            shown += [*line, ("", "\n")]
        return shown


class Scrolled(FormattedTextControl):
    """Text whose wheel is answered by a function, given the lines to move by."""

    def __init__(self, text: Callable[[], StyleAndTextTuples], wheel: Callable[[int], object]) -> None:
        super().__init__(text, focusable=True, show_cursor=False, get_cursor_position=lambda: Point(0, 0))
        self.wheel = wheel

    def mouse_handler(self, mouse_event: MouseEvent) -> Any:
        """Answer the wheel; leave the rest to the fragments."""
        by = {MouseEventType.SCROLL_UP: -3, MouseEventType.SCROLL_DOWN: 3}.get(mouse_event.event_type)
        if by is None:
            return super().mouse_handler(mouse_event)
        self.wheel(by)
        return None


def screen(
    head: Callable[[], str],
    body: Sequence[Container],
    foot: Callable[[], str],
    keys: KeyBindingsBase,
    *,
    more: Sequence[Container] = (),
) -> Application[Any]:
    """Return a full-screen application: a line above, the body, ``more`` below it, a line at the foot."""

    def line(text: Callable[[], str], style: str) -> Window:
        shown = FormattedTextControl(lambda: [(style, fit(text(), screen_size()[0]))])
        return Window(shown, height=Dimension.exact(1), wrap_lines=False)

    layout = Layout(HSplit([line(head, "class:head"), *body, *more, line(foot, "class:foot")]))
    return Application(
        layout=layout,
        key_bindings=merge_key_bindings([keys, _interrupts()]),
        full_screen=True,
        mouse_support=True,
        style=STYLE,
    )


def _interrupts() -> KeyBindings:
    """Return what a screen does on SIGINT, which is no key: prompt_toolkit takes the signal and leaves it to be bound."""
    keys = KeyBindings()

    @keys.add("<sigint>")
    def _interrupt(event: KeyPressEvent) -> None:
        event.app.exit(exception=KeyboardInterrupt)

    return keys


def page_through(head: str, lines: Callable[[int], Sequence[str]]) -> None:
    """Show a text on the full screen, set to its width, until whoever reads it leaves."""
    pane, set_to, keys = Pane(), lru_cache(1)(lines), KeyBindings()

    def fragments() -> StyleAndTextTuples:
        pane.lines = list(set_to(measure()))
        return pane.fragments()

    def foot() -> str:
        last = min(pane.top + screen_size()[1], len(pane.lines))
        keys_told = "Up Down PageUp PageDown  q quit" if screen_size()[0] >= WIDE else "Up Down  q quit"
        return f" {last}/{len(pane.lines)} · {keys_told}"

    steps: dict[str, Callable[[], int]] = {
        "up": lambda: -1,
        "down": lambda: 1,
        "pageup": lambda: -screen_size()[1],
        "pagedown": lambda: screen_size()[1],
        "space": lambda: screen_size()[1],
        "enter": lambda: screen_size()[1],
        "home": lambda: -len(pane.lines),
        "end": lambda: len(pane.lines),
    }
    for name, step in steps.items():
        keys.add(name)(lambda _, step=step: pane.scroll(step()) and None)
    for name in ("q", "escape", "c-c", "c-d"):
        keys.add(name)(lambda event: event.app.exit())
    screen(lambda: f" {head}", [Window(Scrolled(fragments, pane.scroll))], foot, keys).run()
