"""The prompt at which a choice is made: the offers with a mark on one of them, what it costs on a gauge, what Tab completes.

Shown for as long as nothing is chosen; what stays on the screen is the answer. Knows the run, and neither loop nor signals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
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

from forward_pass.interface.widgets import STYLE, emphasised, truncate
from forward_pass.session.glossary_help import terms
from forward_pass.session.plain_text import terminal_columns, text_width
from forward_pass.session.session import AT_END, COMMANDS, Session
from forward_pass.session.transcript import EMPHASIS, cost_words, current_word, layers, offer_row, quoted
from forward_pass.story.engine import Offer
from forward_pass.story.world import World

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.document import Document
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyPressEvent

GAUGE = 16  # cells
SHORTEST = 12  # cells in which words of a choice are worth showing
MARK = "\u203a"  # on the offer that Enter would take
SETTLED = 0.1  # seconds for which a screen has kept its width
MENU = 4  # rows of what Tab completes
TAKEN = 4 + MENU  # rows of a screen that are not the offers': the prompt and what parts it from them, its menu, the toolbar


def prompt_session(play: Session) -> PromptSession[str]:
    """Return a prompt that shows what is on offer while it asks, and then is gone."""
    pasted = _Pasted()
    made: PromptSession[str] = PromptSession(
        message=lambda: prompt_message(play, get_app().current_buffer.text),
        completer=_Answers(play),
        complete_while_typing=False,
        bottom_toolbar=lambda: pasted.said(get_app().current_buffer.text) or toolbar(play, get_app().current_buffer.text),
        key_bindings=merge_key_bindings([_arrows(play), _escape(play), pasted.keys()]),
        reserve_space_for_menu=0,
        enable_suspend=True,
        erase_when_done=True,
        style=STYLE,
    )
    _menu_on_rows_of_its_own(made.layout)
    made.app.before_render += _Width().heed
    return made


class ScreenResized(Exception):  # noqa: N818 - nothing is wrong
    """The screen has another width than what stands on it was set to; the prompt was left for that, with what was typed."""

    def __init__(self, typed: Document) -> None:
        self.typed = typed


class _Width:
    """The width of the screen as it was last seen."""

    def __init__(self) -> None:
        self.seen = 0

    def heed(self, app: Application[str]) -> None:
        """Before each rendering, see to it that the prompt is left once the screen has another width, and keeps it."""
        before, self.seen = self.seen, text_width()
        if app.render_counter > 1 and self.seen != before:
            asyncio.get_running_loop().call_later(SETTLED, self._leave, app, self.seen)

    def _leave(self, app: Application[str], seen: int) -> None:
        if self.seen == seen and app.is_running and not app.is_done:
            app.exit(exception=ScreenResized(app.current_buffer.document))


def _menu_on_rows_of_its_own(layout: Layout) -> None:
    """Have what Tab completes below the prompt: where it floats, it hides offers and leaves their numbers beside its rows."""
    for container in layout.walk():
        if isinstance(container, FloatContainer):
            container.floats.clear()
    if isinstance(layout.container, HSplit):
        layout.container.children.insert(1, to_container(CompletionsMenu(MENU, scroll_offset=1)))


# -- the offers -------------------------------------------------------------------------------------------------------


def prompt_message(play: Session, typed: str) -> StyleAndTextTuples:
    """Return what stands above and before what is typed: the offers, the one that is meant marked and bold."""
    shown: StyleAndTextTuples = []
    if not play.at_ending:
        under = selected_offer(play, typed.strip())
        for row in _in_view(play, under[1] if under else None):
            shown += [("", "\n"), *row]
        shown.append(("", "\n"))
    return [*shown, ("", "\n> ")]


def _in_view(play: Session, meant: Offer | None) -> list[StyleAndTextTuples]:
    """Return the lines of the offers that the screen has rows for, among them those of the one that is meant."""
    rows = _rows(play, meant)
    room = max(get_app_session().output.get_size().rows - TAKEN, 2)
    if len(rows) <= room:
        return rows
    at = next((at for at, row in enumerate(rows) if row[0][1] == MARK), 0)
    top = min(max(at - 1, 0), len(rows) - room + 1)
    return [*rows[top : top + room - 1], [("class:quiet", truncate(" … more by arrow: the screen is low", text_width()))]]


def _rows(play: Session, meant: Offer | None) -> list[StyleAndTextTuples]:
    """Return the lines of the offers, the open ones first; a column is left for the mark."""
    rows: list[StyleAndTextTuples] = []
    here = [(f"{number}. ", offer) for number, offer in enumerate(play.open_offers, 1)]
    for lead, offer in [*here, *(("-  ", offer) for offer in play.closed_offers)]:
        style = "class:strong" if offer == meant else "" if offer.open else "class:quiet"
        mark = MARK if offer == meant else " "
        for line in emphasised(offer_row(play.run, offer, lead, text_width() - 1)):
            rows.append([(style, mark), *((f"{style} {own}", text) for own, text, *_ in line)])
            mark = " "
    return rows


def selected_offer(play: Session, typed: str) -> tuple[int, Offer] | None:
    """Return the open offer that ``typed`` would take, with its number: by number, by id, or by words of it alone."""
    if not typed:
        return None
    here = list(enumerate(play.open_offers, 1))
    for number, offer in here:
        if typed in (f"{number}", f"{number}.", offer.choice.id):
            return number, offer
    if typed.isdigit() or typed.split(maxsplit=1)[0].lower() in COMMANDS:
        return None
    wanted = typed.casefold()
    fitting = [one for one in here if wanted in one[1].choice.say(play.run.state, play.pass_port).casefold()]
    return fitting[0] if len(fitting) == 1 else None


def _arrows(play: Session) -> KeyBindings:
    """Return keys by which the arrows go through the open offers, where nothing else is typed."""
    keys = KeyBindings()

    def choosing() -> bool:
        typed = get_app().current_buffer
        return bool(play.open_offers) and not typed.complete_state and (not typed.text or typed.text.isdigit())

    def step(by: int) -> Callable[[KeyPressEvent], None]:
        def steps(event: KeyPressEvent) -> None:
            buffer, most = event.current_buffer, len(play.open_offers)
            under = selected_offer(play, buffer.text)
            at = under[0] + by if under else (1 if by > 0 else most)
            buffer.text = f"{(at - 1) % most + 1}"
            buffer.cursor_position = len(buffer.text)

        return steps

    keys.add("down", filter=Condition(choosing))(step(1))
    keys.add("up", filter=Condition(choosing))(step(-1))
    for name in ("pageup", "pagedown"):
        keys.add(name)(lambda _: None)  # no answer of before: whoever presses them wants to read
    return keys


def _escape(play: Session) -> KeyBindings:
    """Return keys by which Escape empties, at once, a line with a menu or an offer on it; a digit behind it is that digit.

    A line of other words it leaves: there Escape and a letter go on being Alt and that letter.
    """
    keys = KeyBindings()

    def put() -> bool:
        typed = get_app().current_buffer
        return bool(typed.complete_state) or _offered(play, typed.text)

    @keys.add("escape", filter=Condition(put) & has_focus(DEFAULT_BUFFER), eager=True)  # a search heeds it too
    def _empty(event: KeyPressEvent) -> None:
        event.current_buffer.reset()

    for digit in f"-{digits}":  # which would be an argument, in Emacs
        keys.add("escape", digit)(lambda event: event.current_buffer.insert_text(event.data))
    return keys


def _offered(play: Session, typed: str) -> bool:
    """Return whether a line is empty, a number, or what Tab could have completed."""
    return not typed or typed.isdigit() or typed in (text for text, _ in completions(play, typed))


class _Pasted:
    """What a paste put on the line, and how many lines of it were left out: an answer is one line, and seen before it is taken.

    Were the others taken one after another, nobody would have read what they answer, and each of them is kept.
    """

    def __init__(self) -> None:
        self.line, self.left_out = "", 0

    def keys(self) -> KeyBindings:
        """Return what a paste does."""
        keys = KeyBindings()

        @keys.add(Keys.BracketedPaste)
        def _paste(event: KeyPressEvent) -> None:
            first, *others = [line for line in event.data.splitlines() if line.strip()] or [""]
            event.current_buffer.insert_text(first)
            self.line, self.left_out = event.current_buffer.text, len(others)

        return keys

    def said(self, typed: str) -> str:
        """Return what is said of the lines that were left out, for as long as the line stands as it was pasted."""
        if typed != self.line:
            self.left_out = 0
        if not self.left_out:
            return ""
        return f" The first line; {self.left_out} more {'was' if self.left_out == 1 else 'were'} left out"


# -- the foot of the screen -------------------------------------------------------------------------------------------


def toolbar(play: Session, typed: str = "") -> str:
    """Return what stands at the foot of the screen: where the pass is and the commands that matter now.

    Where a choice is typed or pointed at, what it says and costs stands there instead, before it is taken.
    """
    if play.at_ending:
        return f" ended · {'  '.join(AT_END)}"
    columns = max(terminal_columns() - 1, text_width())
    under = selected_offer(play, typed.strip())
    if under is not None:
        return _priced(play, *under, columns)
    state, world = play.run.state, play.world
    word, left = quoted(current_word(world, state)), world.boundary - state.layer
    here = f" {state.token} {word} · {gauge(world, state.layer)} · {layers(left)} left"
    matter = f" · help  about  {'undo' if play.run.at else 'lens'}  quit"
    if columns >= len(here) + len(matter):
        return here + matter
    return here if columns >= len(here) else f" {state.token} {word} · {state.layer}/{world.layers}, {left} left"


def _priced(play: Session, number: int, offer: Offer, columns: int) -> str:
    """Return a choice with what it costs, on the gauge and in words."""
    layer, boundary = play.run.state.layer, play.world.boundary
    to = min(layer + offer.cost, boundary)
    costs = f" · {cost_words(offer)}: {layer} to {to}"
    shown = f" {gauge(play.world, layer, to)}{costs}"
    say = EMPHASIS.sub(r"\1", offer.choice.say(play.run.state, play.pass_port))
    if columns < len(shown):
        shown, say = f" {number}.{costs}", f" · {say}"
    else:
        say = f" · {number}. {say}"
    room = columns - len(shown)
    return shown + (say if len(say) <= room else f"{say[: room - 1]}…" if room > SHORTEST else "")


def gauge(world: World, layer: int, to: int = 0) -> str:
    """Return the layers from the waking one to the boundary as a bar: those computed, those up to ``to``, and the rest."""
    first, last = world.first_layer, world.boundary
    done = round(GAUGE * (layer - first) / (last - first))
    spent = max(round(GAUGE * (to - first) / (last - first)) - done, 0)
    return f"{first} {'█' * done}{'▒' * spent}{'·' * (GAUGE - done - spent)} {last}"


# -- completion -------------------------------------------------------------------------------------------------------


def completions(play: Session, typed: str) -> Iterator[tuple[str, str]]:
    """Yield what ``typed`` could become, each with what it means: open choices by id, and commands."""
    for offer in play.open_offers:
        if offer.choice.id.startswith(typed):
            yield offer.choice.id, offer.choice.say(play.run.state, play.pass_port)
    if typed.startswith("about "):
        asked_of = typed.removeprefix("about ").casefold()
        yield from (
            (f"about {term.name}", term.claim) for term in terms(play.world) if term.name.casefold().startswith(asked_of)
        )
    for name, command in COMMANDS.items():
        if name.startswith(typed):
            yield name, command.about


class _Answers(Completer):
    def __init__(self, play: Session) -> None:
        self.play = play

    def get_completions(self, document: Any, complete_event: Any) -> Iterator[Completion]:
        """Yield what can stand where the cursor is."""
        del complete_event
        typed = document.text_before_cursor.lstrip()
        for text, meaning in completions(self.play, typed):
            yield Completion(text, start_position=-len(typed), display_meta=emphasised([meaning])[0])
