"""The terminal: prose, a prompt with completion, a toolbar. The first scene stands before anything heavy is imported."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from game.about import terms
from game.errors import ForwardPassError, Interrupted
from game.lines import opening_lines, width
from game.play import COMMANDS, Branched, Event, Left, Play, Refused
from game.transcript import EMPHASIS, layers, quoted, word_at

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import Application
    from rich.console import Console

ITALIC, UPRIGHT = "\x1b[3m", "\x1b[23m"  # ECMA-48, as rich writes them later
SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def run(play: Play) -> None:
    """Play in the terminal until whoever plays leaves; Ctrl-D leaves, Ctrl-C raises ``KeyboardInterrupt``."""
    print(EMPHASIS.sub(f"{ITALIC}\\1{UPRIGHT}", "\n".join(opening_lines(play, width()))), flush=True)
    session, console = _session(play), _console()
    while True:
        try:
            with _signals_kept():
                typed = session.prompt("\n> ", pre_run=partial(_keys_are_taken, play))
        except EOFError:
            _show([play.left()], play, console)
            return
        if not _show(_browsed(play.answer(typed), play), play, console):
            return


def _browsed(events: list[Event], play: Play) -> list[Event]:
    """Return events as they stand, or, where the tree was asked for, what came of browsing it."""
    if len(events) != 1 or not isinstance(events[0], Branched):
        return events
    from game.browser import browsed

    wanted = browsed(*events[0])
    try:
        return play.fork(wanted.run, wanted.turn) if wanted else play.opening()
    except ForwardPassError as error:
        return [Refused(f"{error}")]


def _show(events: list[Event], play: Play, console: Console) -> bool:
    """Print events; return whether play goes on."""
    from game.view import event_view

    columns = width()
    goes_on = True
    for event in events:
        console.print()
        console.print(event_view(event, play, columns), width=columns, soft_wrap=isinstance(event, Left))
        goes_on = goes_on and not isinstance(event, Left)
    return goes_on


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def _session(play: Play) -> PromptSession[str]:
    from prompt_toolkit import PromptSession

    return PromptSession(
        completer=_completer(play),
        complete_while_typing=False,
        bottom_toolbar=lambda: toolbar(play),
        reserve_space_for_menu=4,
    )


def toolbar(play: Play) -> str:
    """Return what stands at the foot of the screen: where the pass is, and the commands that matter now."""
    if play.over:
        return " ended · undo  restart  transcript  quit"
    state, world = play.run.state, play.world
    word, left = quoted(word_at(world, state)), world.boundary - state.layer
    here = f" {state.token} {word} · layer {state.layer}/{world.layers} · {layers(left)} left"
    if width() > len(here) + 28:
        return f"{here} · help  about  undo  quit"
    return here if width() > len(here) else f" {state.token} {word} · {state.layer}/{world.layers}, {left} left"


def completions(play: Play, typed: str) -> Iterator[tuple[str, str]]:
    """Yield what ``typed`` could become, each with what it means: open choices by id, and commands."""
    for offer in play.open_offers:
        if offer.choice.id.startswith(typed):
            yield offer.choice.id, offer.choice.say(play.run.state, play.measure)
    if typed.startswith("about "):
        asked = typed.removeprefix("about ").casefold()
        yield from ((f"about {term.name}", term.claim) for term in terms(play.world) if term.name.casefold().startswith(asked))
    for name, command in COMMANDS.items():
        if name.startswith(typed):
            yield name, command.about


def _completer(play: Play) -> Any:
    from prompt_toolkit.completion import Completer, Completion

    class Answers(Completer):
        def get_completions(self, document: Any, complete_event: Any) -> Iterator[Completion]:
            del complete_event
            typed = document.text_before_cursor.lstrip()
            for text, meaning in completions(play, typed):
                yield Completion(text, start_position=-len(typed), display_meta=meaning)

    return Answers()


def _keys_are_taken(play: Play) -> None:
    """Start what the next choice may need, now that nobody waits for it."""
    _heed_signals()
    play.measure.begin()


def _heed_signals() -> None:
    """While the prompt owns the terminal, end it in order on a signal, so that the terminal is as it was."""
    import asyncio

    from prompt_toolkit.application import get_app

    app = get_app()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, partial(_interrupt, app, number))


def _interrupt(app: Application[Any], number: int) -> None:
    with suppress(Exception):  # what prompt_toolkit raises where the prompt is on its way out already
        app.exit(exception=Interrupted(number))


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Put back afterwards who heeds signals: an event loop that closes leaves them to end the process unasked."""
    before = [(number, signal.getsignal(number)) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
