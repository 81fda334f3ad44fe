"""The terminal front end: prose, a prompt, a toolbar. It prints the first scene before it imports prompt_toolkit and rich."""

from __future__ import annotations

import textwrap
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from forward_pass.errors import ForwardPassError
from forward_pass.session.plain_text import opening_lines, text_width
from forward_pass.session.session import MAX_INPUT, Event, Quit, Rejected, SceneEntered, Session, TokenDecoded, TreeShown
from forward_pass.session.settings import read_settings
from forward_pass.session.transcript import EMPHASIS, offer_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit import PromptSession
    from prompt_toolkit.document import Document
    from prompt_toolkit.output import Output
    from rich.console import Console

ITALIC, NOT_ITALIC = "\x1b[3m", "\x1b[23m"  # ECMA-48, as rich writes them
ERASE_LINES = "\x1b[{}F\x1b[J"  # some lines up, then erase to the end of the screen
CLEAR_SCREEN = "\x1b[2;1H\x1b[J\x1b[1;1H\x1b[K"  # in two steps: some terminals keep a copy of a screen cleared in one


def run(session: Session, *, motion: bool = False) -> None:
    """Play in the terminal until the player quits; Ctrl-D quits, Ctrl-C raises ``KeyboardInterrupt``.

    With ``motion``, decodings of a model are animated.
    """
    print(EMPHASIS.sub(f"{ITALIC}\\1{NOT_ITALIC}", "\n".join(opening_lines(session, text_width()))), flush=True)
    from forward_pass.interface.prompt import prompt_session
    from forward_pass.interface.tty import restore_line_mode

    restore_line_mode()
    prompt, console = prompt_session(session), cache(_console)  # rich is imported at the first answer
    _erase_offers(prompt.output, session)
    events: list[Event] = []
    while True:
        try:
            typed = _read_answer(prompt, session, events, console)
        except EOFError:
            _print_events([session.quit_event()], session, console)
            return
        print("\n".join(answer_lines(session, typed, text_width())), flush=True)
        events = _browse_tree(session.answer(typed), session)
        if motion:
            _animate_decoding(events, session)
        if not _print_events(events, session, console):
            return


def _read_answer(prompt: PromptSession[str], session: Session, events: list[Event], console: Callable[[], Console]) -> str:
    """Prompt for an answer and return it; when the screen gets a new width, print the last events again, set to it.

    The screen is cleared then: a terminal wraps lines that are too long for it, so the prompt's first row is not known.
    """
    from forward_pass.interface.prompt import ScreenResized
    from forward_pass.interface.signals import preserve_handlers  # imports asyncio

    default: Document | str = ""
    while True:
        try:
            with preserve_handlers():
                return prompt.prompt(default=default, pre_run=partial(_on_prompt_start, session))
        except ScreenResized as resize:
            default = resize.typed
        prompt.output.write_raw(CLEAR_SCREEN)
        prompt.output.flush()
        in_scene = any(isinstance(event, SceneEntered) for event in events)
        _print_events(events if in_scene else [*session.opening(), *events], session, console)


def _erase_offers(output: Output, session: Session) -> None:
    """Erase the offers printed below the first scene: the prompt shows them from now on."""
    count = 1 + len(offer_lines(session.run, text_width()))
    if not session.at_ending and count < output.get_size().rows:
        output.write_raw(ERASE_LINES.format(count))
        output.flush()


def answer_lines(session: Session, typed: str, columns: int) -> list[str]:
    """Return the lines that an answer leaves on the screen: the words of the choice it selects, or the text typed."""
    from forward_pass.interface.prompt import selected_offer

    selection = selected_offer(session, typed.strip())
    words = selection[1].choice.say(session.run.state, session.pass_port) if selection else typed.strip()[:MAX_INPUT]
    printable = "".join(character for character in EMPHASIS.sub(r"\1", words) if character.isprintable())
    return ["", *(textwrap.wrap(printable, columns, initial_indent="> ", subsequent_indent="  ") or [">"])]


def _animate_decoding(events: list[Event], session: Session) -> None:
    """Animate a decoding of a model among the events: the layers above the boundary of the pass that gave the word."""
    decoding = next((event for event in events if isinstance(event, TokenDecoded)), None)
    if decoding is None or session.pass_port.source != "model":
        return
    from forward_pass.interface.decode_animation import lens_frames, play_animation

    words, acts = decoding.turn.state.words[:-1], decoding.turn.state.acts[:-1]
    with suppress(ForwardPassError):  # the word is drawn already; the animation can be left out
        play_animation(lens_frames(session.pass_port, words, acts, range(session.world.boundary + 1, session.world.layers + 1)))


def _browse_tree(events: list[Event], session: Session) -> list[Event]:
    """Return the events; if they show the tree, browse it and return the events of the fork made there, or the scene."""
    if len(events) != 1 or not isinstance(events[0], TreeShown):
        return events
    from forward_pass.interface.tree_browser import browse_until_fork

    request = browse_until_fork(*events[0])
    try:
        return session.fork(request.run, request.turn) if request else session.opening()
    except ForwardPassError as error:
        return [Rejected(f"{error}")]


def _print_events(events: list[Event], session: Session, console: Callable[[], Console]) -> bool:
    """Print events; return False after ``Quit``."""
    from forward_pass.interface.view import event_view

    columns = text_width()
    playing = True
    for event in events:
        console().print()
        console().print(event_view(event, session, columns), width=columns, soft_wrap=isinstance(event, Quit))
        playing = playing and not isinstance(event, Quit)
    return playing


def _console() -> Console:
    from rich.console import Console

    from forward_pass.interface.theme import background, theme

    colour = read_settings()[0].colour
    no_colour = background(colour) == "none"
    return Console(highlight=False, markup=False, emoji=False, theme=theme(colour), no_color=no_colour or None)


def _on_prompt_start(session: Session) -> None:
    """Prepare the running prompt: handle signals, and start computing what the next choice may need."""
    _install_signal_handlers()
    session.pass_port.warm_up()


def _install_signal_handlers() -> None:
    """Have signals end the running prompt in order."""
    from prompt_toolkit.application import get_app

    from forward_pass.interface.signals import install_handlers

    install_handlers(get_app())
