"""The terminal: prose, a prompt with completion, a toolbar. The first scene stands before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from game.about import terms
from game.errors import ForwardPassError
from game.lines import columns_of_terminal, opening_lines, width
from game.play import COMMANDS, Branched, Decoded, Event, Left, Play, Refused
from game.settings import read_settings
from game.transcript import EMPHASIS, cost_words, layers, quoted, word_at

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from rich.console import Console

    from game.engine import Offer
    from game.world import World

ITALIC, UPRIGHT = "\x1b[3m", "\x1b[23m"  # ECMA-48, as rich writes them later
GAUGE = 16  # cells
MATTER = " · help  about  undo  quit"
SHORTEST = 12  # cells in which words of a choice are worth showing


def run(play: Play, *, motion: bool = False) -> None:
    """Play in the terminal until whoever plays leaves; Ctrl-D leaves, Ctrl-C raises ``KeyboardInterrupt``.

    With ``motion`` the decoder is shown as it comes, where a model is under the story.
    """
    print(EMPHASIS.sub(f"{ITALIC}\\1{UPRIGHT}", "\n".join(opening_lines(play, width()))), flush=True)
    from game.signals import signals_kept  # asyncio, which prompt_toolkit imports too

    session, console = _session(play), _console()
    while True:
        try:
            with signals_kept():
                typed = session.prompt("\n> ", pre_run=partial(_keys_are_taken, play))
        except EOFError:
            _show([play.left()], play, console)
            return
        events = _browsed(play.answer(typed), play)
        if motion:
            _move(events, play)
        if not _show(events, play, console):
            return


def _move(events: list[Event], play: Play) -> None:
    """Show the decoder as it comes, if it came: the layers above the boundary, of the pass that the word was drawn from."""
    decoded = next((event for event in events if isinstance(event, Decoded)), None)
    if decoded is None or play.measure.source != "model":
        return
    from game.motion import frames, show

    words, acts = decoded.turn.state.words[:-1], decoded.turn.state.acts[:-1]
    with suppress(ForwardPassError):  # the words are there, whether or not the layers can be shown
        show(frames(play.measure, words, acts, range(play.world.boundary + 1, play.world.layers + 1)))


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

    from game.theme import ground, theme

    colour = read_settings()[0].colour
    plain = ground(colour) == "none"
    return Console(highlight=False, markup=False, emoji=False, theme=theme(colour), no_color=plain or None)


def _session(play: Play) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import get_app

    return PromptSession(
        completer=_completer(play),
        complete_while_typing=False,
        bottom_toolbar=lambda: toolbar(play, get_app().current_buffer.text),
        key_bindings=_arrows(play),
        reserve_space_for_menu=4,
    )


def _arrows(play: Play) -> KeyBindings:
    """Return keys by which the arrows go through the open choices, where nothing else is typed."""
    from prompt_toolkit.application import get_app
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    def choosing() -> bool:
        typed = get_app().current_buffer
        here = [offer.choice.id for offer in play.open_offers]
        return bool(here) and not typed.complete_state and (not typed.text or typed.text in here)

    def step(by: int) -> Callable[[KeyPressEvent], None]:
        def steps(event: KeyPressEvent) -> None:
            buffer, here = event.current_buffer, [offer.choice.id for offer in play.open_offers]
            at = here.index(buffer.text) + by if buffer.text in here else (0 if by > 0 else -1)
            buffer.text = here[at % len(here)]
            buffer.cursor_position = len(buffer.text)

        return steps

    keys.add("down", filter=Condition(choosing))(step(1))
    keys.add("up", filter=Condition(choosing))(step(-1))
    return keys


def toolbar(play: Play, typed: str = "") -> str:
    """Return what stands at the foot of the screen: where the pass is and the commands that matter now.

    Where a choice is typed or pointed at, what it says and costs stands there instead, before it is taken.
    """
    if play.over:
        return " ended · undo  restart  tree  quit"
    columns = max(columns_of_terminal() - 1, width())
    under = _under_the_cursor(play, typed.strip())
    if under is not None:
        return _priced(play, *under, columns)
    state, world = play.run.state, play.world
    word, left = quoted(word_at(world, state)), world.boundary - state.layer
    here = f" {state.token} {word} · {gauge(world, state.layer)} · {layers(left)} left"
    if columns >= len(here) + len(MATTER):
        return here + MATTER
    return here if columns >= len(here) else f" {state.token} {word} · {state.layer}/{world.layers}, {left} left"


def _under_the_cursor(play: Play, typed: str) -> tuple[int, Offer] | None:
    """Return the open offer that is typed, by its number or its id, with its number."""
    for number, offer in enumerate(play.open_offers, 1):
        if typed in (f"{number}", offer.choice.id):
            return number, offer
    return None


def _priced(play: Play, number: int, offer: Offer, columns: int) -> str:
    """Return a choice with what it costs, on the gauge and in words."""
    layer, boundary = play.run.state.layer, play.world.boundary
    to = min(layer + offer.cost, boundary)
    costs = f" · {cost_words(offer)}: {layer} to {to}"
    shown = f" {gauge(play.world, layer, to)}{costs}"
    if columns < len(shown):
        shown = f" {number}.{costs}"
    words = EMPHASIS.sub(r"\1", offer.choice.say(play.run.state, play.measure))
    say = f" · {number}. {words}"
    room = columns - len(shown)
    return shown + (say if len(say) <= room else f"{say[: room - 1]}…" if room > SHORTEST else "")


def gauge(world: World, layer: int, to: int = 0) -> str:
    """Return the layers from the waking one to the boundary as a bar: those computed, those up to ``to``, and the rest."""
    first, last = world.waking, world.boundary
    done = round(GAUGE * (layer - first) / (last - first))
    spent = max(round(GAUGE * (to - first) / (last - first)) - done, 0)
    return f"{first} {'█' * done}{'▒' * spent}{'·' * (GAUGE - done - spent)} {last}"


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
    """While the prompt owns the terminal, end it in order on a signal."""
    from prompt_toolkit.application import get_app

    from game.signals import heed_signals

    heed_signals(get_app())
