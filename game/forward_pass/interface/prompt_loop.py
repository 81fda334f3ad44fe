"""The terminal front end, second part: prompt for an answer, carry it out, print what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.document import Document
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.output import Output

from forward_pass.errors import without_controls
from forward_pass.interface import signals
from forward_pass.interface.pages import CLEAR_SCREEN, print_pages, write_text
from forward_pass.interface.prompt import HistoryRequested, ScreenResized, prompt_height, prompt_session
from forward_pass.interface.theme import remember_ground
from forward_pass.interface.tty import restore_line_mode
from forward_pass.interface.widgets import page_through
from forward_pass.session.events import Event, SceneEntered
from forward_pass.session.input import MAX_INPUT, Choose, answer, interpret
from forward_pass.session.plain_text import text_width
from forward_pass.session.session import Session
from forward_pass.session.transcript import EMPHASIS, offer_lines, transcript
from forward_pass.session.wrapping import wrap_line

if TYPE_CHECKING:
    from forward_pass.interface.event_printer import EventPrinter

ERASE_LINES = "\x1b[{}F\x1b[J"  # some lines up, then erase to the end of the screen


def take_reply(reply: str, typed: str) -> None:
    """Take a terminal's reply to the question for its background, and keep what was typed meanwhile for the prompt."""
    remember_ground(reply)
    pressed: list[KeyPress] = []
    parser = Vt100Parser(pressed.append)
    parser.feed(typed)
    parser.flush()
    store_typeahead(get_app_session().input, pressed)


def ask_and_answer(session: Session, rest: tuple[int, Sequence[str]] | None = None, *, motion: bool) -> None:
    """Play from the scene that is on the screen until the player quits; without ``motion`` nothing moves.

    Where the screen had no room for all of that scene, ``rest`` is how many lines stand there, and those that do not.
    """
    restore_line_mode()
    prompt, printer = prompt_session(session), cache(partial(_event_printer, motion=motion))
    if rest is not None:
        above, lines = rest
        if not print_pages(lines, write_text, above=above, below=prompt_height(session)):
            write_text(CLEAR_SCREEN)
            printer().print_again(session.opening(), session, below=prompt_height(session))
    else:
        _erase_offers(prompt.output, session)
    events: list[Event] = []
    while True:
        try:
            typed = _read_answer(prompt, session, events, printer)
        except EOFError:
            printer().print_events([session.quit_event()], session)
            return
        answered = answer_lines(session, typed, text_width())
        print("\n".join(answered), flush=True)
        events = printer().show_screens(answer(session, typed), session)
        if not printer().print_turn(events, session, above=len(answered), below=prompt_height(session)):
            return
        after = printer().show_end(events, session)
        if after:
            events = after
            printer().print_turn(events, session, above=0, below=prompt_height(session))


def _read_answer(prompt: PromptSession[str], session: Session, events: list[Event], printer: Callable[[], EventPrinter]) -> str:
    """Prompt for an answer and return it; when the screen gets a new width, print the last events again, set to it.

    The screen is cleared then: a terminal wraps lines that are too long for it, so the prompt's first row is not known.
    """
    default: Document | str = ""
    while True:
        try:
            with signals.preserve_handlers():
                return prompt.prompt(default=default, pre_run=partial(_on_prompt_start, session))
        except HistoryRequested as request:
            default = request.typed
            page_through("This run so far", lambda columns: list(transcript(session.run, columns)), at_end=True)
            continue
        except ScreenResized as resize:
            default = resize.typed
        prompt.output.write_raw(CLEAR_SCREEN)
        prompt.output.flush()
        in_scene = any(isinstance(event, SceneEntered) for event in events)
        shown = events if in_scene else [*session.opening(), *events]
        printer().print_again(shown, session, below=prompt_height(session))


def _event_printer(*, motion: bool) -> EventPrinter:
    from forward_pass.interface.event_printer import EventPrinter  # rich is imported at the first answer

    return EventPrinter(motion=motion)


def _erase_offers(output: Output, session: Session) -> None:
    """Erase the offers printed below the first scene: the prompt shows them from now on."""
    count = 1 + len(offer_lines(session.run, text_width()))
    if not session.at_ending and count < output.get_size().rows:
        output.write_raw(ERASE_LINES.format(count))
        output.flush()


def answer_lines(session: Session, typed: str, columns: int) -> list[str]:
    """Return the lines that an answer leaves on the screen: the words of the choice it selects, or the text typed."""
    meaning = interpret(session, typed)
    words = typed.strip()[:MAX_INPUT]
    if isinstance(meaning, Choose) and meaning.number:
        words = session.choice_texts()[meaning.number - 1][1]
    printable = without_controls(EMPHASIS.sub(r"\1", words))
    return ["", *(wrap_line(printable, columns, initial_indent="> ", subsequent_indent="  ") or [">"])]


def _on_prompt_start(session: Session) -> None:
    """Prepare the running prompt: handle signals, and once it is drawn start computing what the next choice may need."""
    signals.install_handlers(get_app())
    loop = asyncio.get_running_loop()  # calls come after the first drawing: before it, threads would delay the prompt
    loop.call_soon(session.inspector.warm_up)
    loop.call_soon(session.read_kept_runs)
