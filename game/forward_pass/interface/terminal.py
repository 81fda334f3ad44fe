"""The terminal: prose, a prompt with completion, a toolbar. The first scene stands before anything heavy is imported."""

from __future__ import annotations

import textwrap
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from forward_pass.errors import ForwardPassError
from forward_pass.session.plain_text import opening_lines, text_width
from forward_pass.session.session import MAX_TYPED, Event, Quit, Rejected, SceneEntered, Session, TokenDecoded, TreeShown
from forward_pass.session.settings import read_settings
from forward_pass.session.transcript import EMPHASIS, offer_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit import PromptSession
    from prompt_toolkit.document import Document
    from prompt_toolkit.output import Output
    from rich.console import Console

ITALIC, UPRIGHT = "\x1b[3m", "\x1b[23m"  # ECMA-48, as rich writes them later
UP_AND_CLEAR = "\x1b[{}F\x1b[J"  # to the beginning of a line so many above, and nothing from there on
CLEAR = "\x1b[2;1H\x1b[J\x1b[1;1H\x1b[K"  # the screen, in two steps: of one that is cleared in one, some keep what stood there


def run(play: Session, *, motion: bool = False) -> None:
    """Play in the terminal until whoever plays leaves; Ctrl-D leaves, Ctrl-C raises ``KeyboardInterrupt``.

    With ``motion`` the decoder is shown as it comes, where a model is under the story.
    """
    print(EMPHASIS.sub(f"{ITALIC}\\1{UPRIGHT}", "\n".join(opening_lines(play, text_width()))), flush=True)
    from forward_pass.interface.prompt import prompt_session as prompt
    from forward_pass.interface.tty import restore_line_mode

    restore_line_mode()
    session, console = prompt(play), cache(_console)  # it is not needed before something is answered
    _take_back_offers(session.output, play)
    events: list[Event] = []
    while True:
        try:
            typed = _typed(session, play, events, console)
        except EOFError:
            _show([play.quit_event()], play, console)
            return
        print("\n".join(answer_lines(play, typed, text_width())), flush=True)
        events = _browsed(play.answer(typed), play)
        if motion:
            _move(events, play)
        if not _show(events, play, console):
            return


def _typed(session: PromptSession[str], play: Session, events: list[Event], console: Callable[[], Console]) -> str:
    """Ask for an answer and return it; wherever the screen gets another width, show what came last again, set to that.

    A terminal breaks lines that get too long for it, so that nobody knows where the prompt began: the screen is cleared.
    """
    from forward_pass.interface.prompt import ScreenResized
    from forward_pass.interface.signals import preserve_handlers  # asyncio, which prompt_toolkit imports too

    default: Document | str = ""
    while True:
        try:
            with preserve_handlers():
                return session.prompt(default=default, pre_run=partial(_keys_are_taken, play))
        except ScreenResized as resized:
            default = resized.typed
        session.output.write_raw(CLEAR)
        session.output.flush()
        arrived = any(isinstance(event, SceneEntered) for event in events)
        _show(events if arrived else [*play.opening(), *events], play, console)


def _take_back_offers(output: Output, play: Session) -> None:
    """Clear the offers that stand below the first scene: the prompt is about to show them, and to keep them up to date."""
    count = 1 + len(offer_lines(play.run, text_width()))
    if not play.at_ending and count < output.get_size().rows:
        output.write_raw(UP_AND_CLEAR.format(count))
        output.flush()


def answer_lines(play: Session, typed: str, columns: int) -> list[str]:
    """Return what stays on the screen of an answer: the words of the choice that it takes, or what was typed."""
    from forward_pass.interface.prompt import selected_offer

    under = selected_offer(play, typed.strip())
    words = under[1].choice.say(play.run.state, play.pass_port) if under else typed.strip()[:MAX_TYPED]
    shown = "".join(character for character in EMPHASIS.sub(r"\1", words) if character.isprintable())
    return ["", *(textwrap.wrap(shown, columns, initial_indent="> ", subsequent_indent="  ") or [">"])]


def _move(events: list[Event], play: Session) -> None:
    """Show the decoder as it comes, if it came: the layers above the boundary, of the pass that the word was drawn from."""
    decoded = next((event for event in events if isinstance(event, TokenDecoded)), None)
    if decoded is None or play.pass_port.source != "model":
        return
    from forward_pass.interface.decode_animation import frames, play_animation

    words, acts = decoded.turn.state.words[:-1], decoded.turn.state.acts[:-1]
    with suppress(ForwardPassError):  # the words are there, whether or not the layers can be shown
        play_animation(frames(play.pass_port, words, acts, range(play.world.boundary + 1, play.world.layers + 1)))


def _browsed(events: list[Event], play: Session) -> list[Event]:
    """Return events as they stand, or, where the tree was asked for, what came of browsing it."""
    if len(events) != 1 or not isinstance(events[0], TreeShown):
        return events
    from forward_pass.interface.tree_browser import browse_until_fork

    wanted = browse_until_fork(*events[0])
    try:
        return play.fork(wanted.run, wanted.turn) if wanted else play.opening()
    except ForwardPassError as error:
        return [Rejected(f"{error}")]


def _show(events: list[Event], play: Session, console: Callable[[], Console]) -> bool:
    """Print events; return whether play goes on."""
    from forward_pass.interface.view import event_view

    columns = text_width()
    goes_on = True
    for event in events:
        console().print()
        console().print(event_view(event, play, columns), width=columns, soft_wrap=isinstance(event, Quit))
        goes_on = goes_on and not isinstance(event, Quit)
    return goes_on


def _console() -> Console:
    from rich.console import Console

    from forward_pass.interface.theme import ground, theme

    colour = read_settings()[0].colour
    plain = ground(colour) == "none"
    return Console(highlight=False, markup=False, emoji=False, theme=theme(colour), no_color=plain or None)


def _keys_are_taken(play: Session) -> None:
    """Start what the next choice may need, now that nobody waits for it."""
    _heed_signals()
    play.pass_port.warm_up()


def _heed_signals() -> None:
    """While the prompt owns the terminal, end it in order on a signal."""
    from prompt_toolkit.application import get_app

    from forward_pass.interface.signals import install_handlers

    install_handlers(get_app())
