"""The prompt: the offers with a marker on the selected one, a toolbar with a gauge of the layers, completion by Tab.

It is erased when an answer is given. Knows the session, and neither the loop of play nor signals.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from string import digits
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import FloatContainer, HSplit, Layout
from prompt_toolkit.layout.containers import to_container
from prompt_toolkit.layout.menus import CompletionsMenu

from forward_pass.interface.late_reply import LateReply
from forward_pass.interface.status import toolbar
from forward_pass.interface.widgets import STYLE, emphasis_fragments, truncate
from forward_pass.session.commands import COMMANDS
from forward_pass.session.glossary_help import terms
from forward_pass.session.input import Choose, interpret
from forward_pass.session.plain_text import text_width
from forward_pass.session.session import Session
from forward_pass.session.transcript import offer_tail, wrap_offer
from forward_pass.story.engine import Availability

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.document import Document
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyPressEvent

MARKER = "\u203a"  # before the offer that Enter would take
RESIZE_DELAY = 0.1  # seconds for which a new width must last
SEPARATOR = " · "
NEW_WAY = f"{SEPARATOR}new"  # after an offer that no kept run has ever taken
MENU_ROWS = 4  # of the completion menu
RESERVED_ROWS = 4 + MENU_ROWS  # rows below and above the offers: two empty lines, the prompt, its menu, the toolbar


def prompt_session(session: Session) -> PromptSession[str]:
    """Return a prompt that shows the offers and is erased when an answer is given."""
    paste, reply = _Paste(), LateReply()
    prompt: PromptSession[str] = PromptSession(
        message=lambda: prompt_message(session, get_app().current_buffer.text),
        completer=_SessionCompleter(session),
        complete_while_typing=False,
        bottom_toolbar=lambda: paste.notice(get_app().current_buffer.text) or _toolbar(session, get_app().current_buffer.text),
        key_bindings=merge_key_bindings(
            [_arrow_keys(session), _escape_keys(session, reply), _command_keys(session), paste.keys(), reply.keys()]
        ),
        reserve_space_for_menu=0,
        enable_suspend=True,
        erase_when_done=True,
        style=STYLE,
    )
    _place_menu_below(prompt.layout)
    prompt.app.before_render += _ResizeWatcher().check
    return prompt


class ScreenResized(Exception):  # noqa: N818 - nothing is wrong
    """The screen has a new width: the prompt has ended, so that its text is set again; ``typed`` is the unfinished answer."""

    def __init__(self, typed: Document) -> None:
        self.typed = typed


class HistoryRequested(Exception):  # noqa: N818 - nothing is wrong
    """What was read is to be shown again: the prompt has ended for it; ``typed`` is the unfinished answer."""

    def __init__(self, typed: Document) -> None:
        self.typed = typed


class _ResizeWatcher:
    """Ends a prompt with ``ScreenResized`` once the screen has a new width."""

    def __init__(self) -> None:
        self.columns = 0
        self.prompted: object = None  # the prompt that was rendered last: what was resized before it is set to the new width

    def check(self, app: Application[str]) -> None:
        """Compare the width with that of the last rendering of this prompt; if it is new and stays, end the prompt."""
        previous, self.columns = self.columns, text_width()
        is_first, self.prompted = app.future is not self.prompted, app.future
        if not is_first and self.columns != previous:
            asyncio.get_running_loop().call_later(RESIZE_DELAY, self._exit, app, self.columns)

    def _exit(self, app: Application[str], columns: int) -> None:
        if self.columns == columns and app.is_running and not app.is_done:
            app.exit(exception=ScreenResized(app.current_buffer.document))


def _place_menu_below(layout: Layout) -> None:
    """Move the completion menu below the prompt: as a float it covers offers in part."""
    for container in layout.walk():
        if isinstance(container, FloatContainer):
            container.floats.clear()
    if isinstance(layout.container, HSplit):
        layout.container.children.insert(1, to_container(CompletionsMenu(MENU_ROWS, scroll_offset=1)))


# -- the offers -------------------------------------------------------------------------------------------------------


def prompt_message(session: Session, typed: str) -> StyleAndTextTuples:
    """Return the text before the input: the offers, the selected one marked and bold, then the prompt."""
    fragments: StyleAndTextTuples = []
    if not session.at_ending:
        selection = selected_offer(session, typed.strip())
        for row in _visible_rows(session, selection[1] if selection else None):
            fragments += [("", "\n"), *row]
        fragments.append(("", "\n"))
    return [*fragments, ("", "\n> ")]


def _toolbar(session: Session, typed: str) -> str:
    return toolbar(session, selected_offer(session, typed.strip()))


def prompt_height(session: Session) -> int:
    """Return how many rows the prompt takes: the offers, the empty lines about them, the line typed and the toolbar."""
    toolbar_rows = 1 + toolbar(session).count("\n")
    return 2 + toolbar_rows if session.at_ending else len(_visible_rows(session, None)) + 3 + toolbar_rows


def _visible_rows(session: Session, selected: Availability | None) -> list[StyleAndTextTuples]:
    """Return as many lines of the offers as the screen has rows for, with those of the selected offer in view."""
    rows = _offer_rows(session, selected)
    height = max(get_app_session().output.get_size().rows - RESERVED_ROWS - toolbar(session).count("\n"), 2)
    if len(rows) <= height:
        return rows
    marked = next((marked for marked, row in enumerate(rows) if row[0][1] == MARKER), 0)
    top = min(max(marked - 1, 0), len(rows) - height + 1)
    return [*rows[top : top + height - 1], [("class:quiet", truncate(" … more by arrow: the screen is low", text_width()))]]


def _offer_rows(session: Session, selected: Availability | None) -> list[StyleAndTextTuples]:
    """Return the lines of the offers, the open ones first, with a column for the marker."""
    rows: list[StyleAndTextTuples] = []
    numbered = [(f"{number}. ", offer) for number, offer in enumerate(session.open_offers, 1)]
    for prefix, offer in [*numbered, *(("-  ", offer) for offer in session.closed_offers)]:
        style = "class:strong" if offer == selected else "" if offer.is_open else "class:quiet"
        marker = MARKER if offer == selected else " "
        tail = (offer_tail(offer) + (NEW_WAY if session.is_new(offer.id) else "")).removeprefix(SEPARATOR)
        for line in emphasis_fragments(wrap_offer(session.run, offer, prefix, text_width() - 1, tail)):
            pieces: StyleAndTextTuples = [(f"{style} {emphasis}", text) for emphasis, text, *_ in line]
            if offer.is_open and pieces and pieces[-1][1].endswith(tail):
                pieces[-1:] = [(style, pieces[-1][1].removesuffix(tail)), *_tail_fragments(tail, offer, style)]
            rows.append([(style, marker), *pieces])
            marker = " "
    return rows


def _tail_fragments(tail: str, offer: Availability, style: str) -> StyleAndTextTuples:
    """Return the end of an offer with its verb, and that its way is new, each in a style of its own."""
    verb = offer.choice.node.verb or ""
    new = next((new for new in (NEW_WAY, NEW_WAY.removeprefix(SEPARATOR)) if tail.endswith(new)), "")
    rest = tail.removeprefix(verb).removesuffix(new)
    return [(f"class:verb {style}", verb), (f"class:quiet {style}", rest), (f"class:new {style}", new)]


def selected_offer(session: Session, typed: str) -> tuple[int, Availability] | None:
    """Return the open offer that ``typed`` would take, with its number."""
    meaning = interpret(session, typed)
    if not isinstance(meaning, Choose) or not meaning.number:
        return None
    return meaning.number, session.open_offers[meaning.number - 1]


def _arrow_keys(session: Session) -> KeyBindings:
    """Return bindings for the arrows: they go through the open offers while the line is empty or a number."""
    keys = KeyBindings()

    def can_select() -> bool:
        buffer = get_app().current_buffer
        return bool(session.open_offers) and not buffer.complete_state and (not buffer.text or buffer.text.isdigit())

    def step(by: int) -> Callable[[KeyPressEvent], None]:
        def handle(event: KeyPressEvent) -> None:
            buffer, count = event.current_buffer, len(session.open_offers)
            selection = selected_offer(session, buffer.text)
            number = selection[0] + by if selection else (1 if by > 0 else count)
            buffer.text = f"{(number - 1) % count + 1}"
            buffer.cursor_position = len(buffer.text)

        return handle

    keys.add("down", filter=Condition(can_select))(step(1))
    keys.add("up", filter=Condition(can_select))(step(-1))
    return keys


def _command_keys(session: Session) -> KeyBindings:
    """Return bindings on an empty line: ``?`` for help, Right to skip; PageUp for what was read; Ctrl-C clears a line first."""
    keys = KeyBindings()
    empty = Condition(lambda: not get_app().current_buffer.text)

    def submit(event: KeyPressEvent, text: str) -> None:
        event.current_buffer.text = text
        event.current_buffer.validate_and_handle()

    keys.add("?", filter=empty)(partial(submit, text="help"))
    keys.add("right", filter=empty & Condition(lambda: not session.at_ending))(partial(submit, text="skip"))

    @keys.add("pageup")
    def _history(event: KeyPressEvent) -> None:
        event.app.exit(exception=HistoryRequested(event.current_buffer.document))

    keys.add("space", filter=empty)(lambda _: None)  # pressed once too often at [more]: a blank line would not end at Ctrl-D
    keys.add("pagedown")(lambda _: None)  # it would fetch a later answer from the history

    @keys.add("c-c", filter=~empty)
    def _clear(event: KeyPressEvent) -> None:
        event.current_buffer.reset()

    return keys


def _escape_keys(session: Session, reply: LateReply) -> KeyBindings:
    """Return bindings for Escape: it clears a line that is empty, a number or a completion; a digit after it is typed.

    On any other line Escape and a letter stay Alt and that letter.
    """
    keys = KeyBindings()

    def can_clear() -> bool:
        buffer = get_app().current_buffer
        return bool(buffer.complete_state) or _is_completable(session, buffer.text)

    @keys.add("escape", filter=Condition(can_clear) & has_focus(DEFAULT_BUFFER), eager=True)  # a search keeps its own Escape
    def _clear(event: KeyPressEvent) -> None:
        reply.escape_at = time.monotonic()
        event.current_buffer.reset()

    for digit in f"-{digits}":  # after Escape, prompt_toolkit would read a numeric argument, as Emacs does
        keys.add("escape", digit)(lambda event: event.current_buffer.insert_text(event.data))
    return keys


def _is_completable(session: Session, typed: str) -> bool:
    """Return whether a line is empty, a number, or one of its own completions."""
    return not typed or typed.isdigit() or typed in (text for text, _ in completions(session, typed))


class _Paste:
    """The last paste: its first line, which is inserted, and the number of other lines, which are left out.

    An answer is one line. If a paste gave several, choices would be made, and stored, in scenes that nobody has read.
    """

    def __init__(self) -> None:
        self.line, self.omitted = "", 0

    def keys(self) -> KeyBindings:
        """Return the binding for a paste."""
        keys = KeyBindings()

        @keys.add(Keys.BracketedPaste)
        def _paste(event: KeyPressEvent) -> None:
            first, *others = [line for line in event.data.splitlines() if line.strip()] or [""]
            event.current_buffer.insert_text(first)
            self.line, self.omitted = event.current_buffer.text, len(others)

        return keys

    def notice(self, typed: str) -> str:
        """Return a notice about the lines left out, for as long as the line is as it was pasted; else an empty text."""
        if typed != self.line:
            self.omitted = 0
        if not self.omitted:
            return ""
        return f" The first line; {self.omitted} more {'was' if self.omitted == 1 else 'were'} left out"


# -- completion -------------------------------------------------------------------------------------------------------


def completions(session: Session, typed: str) -> Iterator[tuple[str, str]]:
    """Yield (completion, meaning) for ``typed``: ids of open choices, terms after ``about``, and commands."""
    yield from (choice for choice in session.choice_texts() if choice[0].startswith(typed))
    if typed.startswith("about "):
        prefix = typed.removeprefix("about ").casefold()
        yield from (
            (f"about {term.name}", term.claim) for term in terms(session.world) if term.name.casefold().startswith(prefix)
        )
    for name, command in COMMANDS.items():
        if name.startswith(typed) and command.is_for(session.world):
            yield name, command.help


class _SessionCompleter(Completer):
    def __init__(self, session: Session) -> None:
        self.session = session

    def get_completions(self, document: Any, complete_event: Any) -> Iterator[Completion]:
        """Yield the completions of the text before the cursor."""
        del complete_event
        typed = document.text_before_cursor.lstrip()
        for text, meaning in completions(self.session, typed):
            yield Completion(text, start_position=-len(typed), display_meta=emphasis_fragments([meaning])[0])
