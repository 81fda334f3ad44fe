"""Parts shared by the full screens: scrolling text, lines cut to a width, an application with header, body and footer."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from prompt_toolkit.application import Application
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.data_structures import Point
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
from prompt_toolkit.layout import HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType
from prompt_toolkit.styles import DynamicStyle
from prompt_toolkit.utils import get_cwidth

from forward_pass.interface.theme import screen_style
from forward_pass.session.settings import ON, read_settings
from forward_pass.session.transcript import EMPHASIS, MAX_PROSE_COLUMNS, wrap
from forward_pass.session.wrapping import wrap_line

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyBindingsBase, KeyPressEvent
    from prompt_toolkit.layout.containers import Container

    from forward_pass.interface.bars import Row

STYLE = DynamicStyle(screen_style)
"""No information is in the style alone: what is reversed or bold is also said in words or by position."""
HEADER_AND_FOOTER = 2
WIDE = 60  # columns; narrower screens show lists in place of tables, and fewer keys in the footer


def screen_size() -> tuple[int, int]:
    """Return the columns of the screen, and its rows between header and footer."""
    size = get_app_session().output.get_size()
    return size.columns, max(size.rows - HEADER_AND_FOOTER, 1)


def prose_width() -> int:
    """Return the width of prose in columns: the screen's, within bounds."""
    return max(min(screen_size()[0] - 1, MAX_PROSE_COLUMNS), 20)


def truncate(text: str, columns: int) -> str:
    """Return a line cut to fit into ``columns`` cells; an ellipsis marks a cut."""
    if get_cwidth(text) <= columns:
        return text
    prefix, width = "", 1
    for character in text:
        width += get_cwidth(character)
        if width > columns:
            break
        prefix += character
    return f"{prefix}…"


def key_lines(title: str, rows: Sequence[tuple[str, str]], footnote: str) -> list[str]:
    """Return help on keys, set to the screen: a title, a row for each of (keys, meaning), and a paragraph below."""
    columns, key_width = prose_width(), 2 + max(len(keys) for keys, _ in rows)
    lines = [title, ""]
    for keys, meaning in rows:
        if columns >= WIDE:
            lines += wrap_line(f"  {keys:<{key_width}}{meaning}", columns, subsequent_indent=" " * (key_width + 2))
        else:
            lines += wrap_line(f"{keys}: {meaning}", columns, subsequent_indent="  ")
    return [*lines, "", *wrap(footnote, columns)]


def screen_lines(rows: Sequence[Row], columns: int) -> StyleAndTextTuples:
    """Return rows as prompt_toolkit's styled text, each piece cut to the screen, a line end after each row."""
    pieces: StyleAndTextTuples = []
    for row in rows:
        pieces += [(f"class:{style}" if style else "", truncate(text, columns)) for text, style in row]
        pieces.append(("", "\n"))
    return pieces


def fit(text: str, columns: int) -> str:
    """Return a line cut or padded to exactly ``columns`` cells."""
    line = truncate(text, columns)
    return line + " " * (columns - get_cwidth(line))


def emphasis_fragments(lines: Sequence[str]) -> list[StyleAndTextTuples]:
    """Return the fragments of each line, with ``*emphasis*`` in italics even where it goes over a line break."""
    fragments: list[StyleAndTextTuples] = [[]]
    text, end = "\n".join(lines), 0
    pieces: list[tuple[str, str]] = []
    for match in EMPHASIS.finditer(text):
        pieces += [("", text[end : match.start()]), ("class:emphasis", match[1])]
        end = match.end()
    for style, piece in [*pieces, ("", text[end:])]:
        first, *following = piece.split("\n")
        fragments[-1].append((style, first))
        fragments.extend([(style, line)] for line in following)
    return fragments


class Pane:
    """A scrollable text; ``top`` is the index of the first line in view."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self.lines: list[str] = list(lines)
        self.top = 0

    @property
    def max_top(self) -> int:
        """The largest ``top``: the last line is in view."""
        return max(len(self.lines) - screen_size()[1], 0)

    def show(self, lines: Sequence[str]) -> None:
        """Replace the text and scroll to its first line."""
        self.lines, self.top = list(lines), 0

    @property
    def place(self) -> str:
        """Where the view is: its last line, and how many lines there are."""
        return f"{min(self.top + screen_size()[1], len(self.lines))}/{len(self.lines)}"

    def scroll(self, by: int) -> bool:
        """Scroll by some lines; return whether the view moved."""
        previous = self.top
        self.top = min(max(self.top + by, 0), self.max_top)
        return self.top != previous

    def fragments(self) -> StyleAndTextTuples:
        """Return the lines in view as prompt_toolkit's styled text."""
        self.top = min(self.top, self.max_top)
        fragments: StyleAndTextTuples = []
        for line in emphasis_fragments(self.lines)[self.top : self.top + screen_size()[1]]:
            fragments += [*line, ("", "\n")]
        return fragments


class ScrollControl(FormattedTextControl):
    """Text that calls ``wheel`` with a number of lines, negative for up, when the mouse wheel turns."""

    def __init__(self, text: Callable[[], StyleAndTextTuples], wheel: Callable[[int], object]) -> None:
        super().__init__(text, focusable=True, show_cursor=False, get_cursor_position=lambda: Point(0, 0))
        self.wheel = wheel

    def mouse_handler(self, mouse_event: MouseEvent) -> Any:
        """Handle the wheel; other events go to the handlers in the fragments."""
        lines = {MouseEventType.SCROLL_UP: -3, MouseEventType.SCROLL_DOWN: 3}.get(mouse_event.event_type)
        if lines is None:
            return super().mouse_handler(mouse_event)
        self.wheel(lines)
        return None


def full_screen(
    header: Callable[[], str],
    body: Sequence[Container],
    footer: Callable[[], str],
    keys: KeyBindingsBase,
    *,
    below: Sequence[Container] = (),
) -> Application[Any]:
    """Return a full-screen application: a header line, the body, ``below`` under it, a footer line."""

    def line(text: Callable[[], str], style: str) -> Window:
        control = FormattedTextControl(lambda: [(style, fit(text(), screen_size()[0]))])
        return Window(control, height=Dimension.exact(1), wrap_lines=False)

    layout = Layout(HSplit([line(header, "class:header"), *body, *below, line(footer, "class:footer")]))
    return Application(
        layout=layout,
        key_bindings=merge_key_bindings([keys, interrupt_keys()]),
        full_screen=True,
        mouse_support=Condition(lambda: read_settings()[0].mouse == ON),
        style=STYLE,
    )


def interrupt_keys(*names: str) -> KeyBindings:
    """Return bindings that interrupt, ``names`` and SIGINT, which has none of its own; Ctrl-Z suspends."""
    keys = KeyBindings()

    def interrupt(event: KeyPressEvent) -> None:
        event.app.exit(exception=KeyboardInterrupt)

    for name in ("<sigint>", *names):
        keys.add(name)(interrupt)
    if hasattr(signal, "SIGTSTP"):  # Windows has no suspending
        keys.add("c-z")(lambda event: event.app.suspend_to_background())
    return keys


def page_through(title: str, lines: Callable[[int], Sequence[str]], *, at_end: bool = False) -> None:
    """Show a text on the full screen until it is closed; ``lines`` is called with the width in columns."""
    pane, lines_at, keys = Pane(), lru_cache(1)(lines), KeyBindings()
    pane.top = 1_000_000 if at_end else 0

    def fragments() -> StyleAndTextTuples:
        pane.lines = list(lines_at(prose_width()))
        return pane.fragments()

    def footer() -> str:
        last = min(pane.top + screen_size()[1], len(pane.lines))
        key_names = "Up Down PageUp PageDown  q quit" if screen_size()[0] >= WIDE else "Up Down  q quit"
        return f" {last}/{len(pane.lines)} · {key_names}"

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
    full_screen(lambda: f" {title}", [Window(ScrollControl(fragments, pane.scroll))], footer, keys).run()
