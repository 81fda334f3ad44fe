"""Text longer than the screen, a page at a time: ``[more]`` waits for a key, so that nothing scrolls away unread."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.application import Application
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.key_binding import KeyPressEvent, merge_key_bindings
from prompt_toolkit.layout import Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl

from forward_pass.interface.late_reply import LateReply
from forward_pass.interface.signals import run_application
from forward_pass.interface.widgets import STYLE, interrupt_keys, truncate
from forward_pass.session.plain_text import terminal_columns

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

CLEAR_SCREEN = "\x1b[2;1H\x1b[J\x1b[1;1H\x1b[K"  # in two steps: some terminals keep a copy of a screen cleared in one
RESIZE_DELAY = 0.1  # seconds for which a new size must last
NEXT_PAGE = ("enter", "space", "down", "pagedown", "right")
TO_THE_END = ("escape", "end", "q", "c-d")


def page_lengths(count: int, rows: int, above: int, below: int) -> list[int]:
    """Return how many of ``count`` lines to show at a time on a screen of ``rows``.

    ``above`` lines were printed since the last key, and ``below`` rows follow the last line; a row is kept for ``[more]``,
    and one of the page before stays in sight.
    """
    pages: list[int] = []
    room = max(rows - 2 - above, 1)
    while count + above + max(below, 1) > rows:  # the cursor is on a line of its own
        pages.append(min(count, room))
        count, above, room = count - pages[-1], 0, max(rows - 2, 1)
        if not count:
            break
    return [*pages, count]


def write_text(text: str) -> None:
    """Write a text to the terminal at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def print_pages(lines: Sequence[str], write: Callable[[str], object], *, above: int = 0, below: int = 0) -> bool:
    """Write lines, and wait for a key wherever the screen is full; Escape, End, q and Ctrl-D write the rest at once.

    Returns False where the screen got another size meanwhile: the lines have to be set anew.
    """
    rows, start = get_app_session().output.get_size().rows, 0
    pages = page_lengths(len(lines), rows, above, below)
    for number, length in enumerate(pages, 1):
        write("".join(f"{line}\n" for line in lines[start : start + length]))
        start += length
        left = len(lines) - start
        what = f"{left} {'line' if left == 1 else 'lines'}" if left else "the choices"
        answer = wait_for_more(f"{what} · space") if number < len(pages) else True
        if answer is None:
            return False
        if not answer:
            write("".join(f"{line}\n" for line in lines[start:]))
            return True
    return True


def wait_for_more(what: str) -> bool | None:
    """Say that there is more, and what; wait for a key, which is erased. Return False where it says to have done with it.

    None where the screen got another size. Ctrl-C interrupts.
    """
    keys = interrupt_keys("c-c")

    def leave(result: bool) -> Callable[[KeyPressEvent], None]:  # noqa: FBT001 - what the key means
        return lambda event: event.app.exit(result=result)

    for name in NEXT_PAGE:
        keys.add(name)(leave(True))  # noqa: FBT003
    for name in TO_THE_END:
        keys.add(name)(leave(False))  # noqa: FBT003

    @keys.add("<any>")
    def _ignore(_: KeyPressEvent) -> None:
        """Drop the key: a number would make a choice that has not been read."""

    def fragments() -> StyleAndTextTuples:
        return [("class:footer", truncate(f" [more] {what} ", terminal_columns() - 1))]

    size = get_app_session().output.get_size()

    def leave_if_resized(app: Application[bool | None]) -> None:
        if app.output.get_size() != size and app.is_running and not app.is_done:
            asyncio.get_running_loop().call_later(RESIZE_DELAY, _exit, app)

    window = Window(FormattedTextControl(fragments, show_cursor=False), height=1)
    bindings = merge_key_bindings([keys, LateReply().keys()])
    app: Application[bool | None] = Application(Layout(window), key_bindings=bindings, erase_when_done=True, style=STYLE)
    app.before_render += leave_if_resized
    result: bool | None = run_application(app)
    return result


def _exit(app: Application[bool | None]) -> None:
    if app.is_running and not app.is_done:
        app.exit(result=None)
