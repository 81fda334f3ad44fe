"""What a turn brings, on the terminal: events page by page, the decoder on its screen, the tree of runs. Imports rich."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.input.typeahead import clear_typeahead
from rich.console import Console, RenderableType

from forward_pass.errors import ForwardPassError
from forward_pass.interface.branch_browser import browse_until_fork
from forward_pass.interface.decoder_screen import play_decoder, rising
from forward_pass.interface.end_picture import NEW, TREE, show_picture
from forward_pass.interface.pages import CLEAR_SCREEN, print_pages, wait_for_more, write_text
from forward_pass.interface.reading_frames import play_reading
from forward_pass.interface.side_pane import WIDE, beside
from forward_pass.interface.theme import background, theme
from forward_pass.interface.view import event_view
from forward_pass.session.commands import nearest_along
from forward_pass.session.events import Event, Message, PictureShown, Quit, Rejected, SceneEntered, TokenDecoded, TreeShown
from forward_pass.session.plain_text import terminal_columns, text_width
from forward_pass.session.run_commands import fork, restart, tree_of
from forward_pass.session.session import Session
from forward_pass.session.settings import HELD, OFF, read_settings
from forward_pass.session.transcript import choice_text


class EventPrinter:
    """Prints events on a console with the player's settings, as they are at each turn; without ``motion`` nothing moves.

    Unless the pace is off, what is longer than the screen stops at ``[more]``, and the decoder has a screen of its own.
    """

    def __init__(self, *, motion: bool = True) -> None:
        self._motion = motion
        self._ground = ""

    @property
    def pace(self) -> str:
        """The player's pace: held, timed or off."""
        return read_settings()[0].pace

    @property
    def motion(self) -> bool:
        """Whether the decoder and readings move."""
        return self._motion and read_settings()[0].motion == "on"

    @property
    def console(self) -> Console:
        """The console, made anew where the colours have changed."""
        colour = read_settings()[0].colour
        ground = background(colour)
        if ground != self._ground:
            self._ground = ground
            no_colour = ground == "none" or None
            self._console = Console(highlight=False, markup=False, emoji=False, theme=theme(colour), no_color=no_colour)
        return self._console

    def print_turn(self, events: list[Event], session: Session, *, above: int, below: int) -> bool:
        """Print what an answer brought, and show what was done by it; return False after ``Quit``.

        ``above`` lines were printed since the last key, and ``below`` rows follow.
        """
        if self.pace == OFF or not events:
            return self.print_events(events, session)
        _show_what_was_done(events, session, motion=self.motion, hold=self.pace == HELD)
        if isinstance(events[-1], Quit):
            return self.print_events(events, session)
        self.print_again(events, session, above=above, below=below)
        return True

    def print_again(self, events: list[Event], session: Session, *, above: int = 0, below: int = 0) -> None:
        """Print events page by page, and anew from the first where the screen gets another size at ``[more]``."""
        if self.pace == OFF:
            self.print_events(events, session)
            return
        while not print_pages(self._event_lines(events, session), write_text, above=above, below=below):
            write_text(CLEAR_SCREEN)
            above = 0

    def print_events(self, events: list[Event], session: Session) -> bool:
        """Print events at once; return False after ``Quit``, whose command is not wrapped, so that it can be copied."""
        ended = bool(events) and isinstance(events[-1], Quit)
        lines = self._event_lines(events[:-1] if ended else events, session)
        write_text("".join(f"{line}\n" for line in lines))
        if ended:
            self.console.print()
            self.console.print(event_view(events[-1], session, text_width()), soft_wrap=True)
        return not ended

    def _event_lines(self, events: list[Event], session: Session) -> list[str]:
        columns, wide = text_width(), terminal_columns() - 1
        lines: list[str] = []
        for event in events:
            view = event_view(event, session, columns)
            if wide >= WIDE and isinstance(event, SceneEntered):
                lines += ["", *self._lines(beside(view, event.run, columns, wide), wide)]
            else:
                lines += ["", *self._lines(view, columns)]
        return lines

    def _lines(self, renderable: RenderableType, columns: int) -> list[str]:
        """Return a renderable as lines with their styles."""
        with self.console.capture() as capture:
            self.console.print(renderable, width=columns)
        return capture.get().removesuffix("\n").split("\n")

    def show_screens(self, events: list[Event], session: Session) -> list[Event]:
        """Return the events; where they are a full screen, show it and return the events of what was asked for there."""
        if len(events) != 1:
            return events
        try:
            match events[0]:
                case TreeShown(screen="map") | PictureShown() if not session.world.has_pass:
                    return events  # both are drawn over the layers of a pass; in words they say the same
                case TreeShown(run_set, node, screen):
                    request = browse_until_fork(run_set, node, screen=screen)
                    return session.fork(request.run, request.turn, request.choice) if request else session.opening()
                case PictureShown():
                    return self._show_picture(session)
        except ForwardPassError as error:
            return [Rejected(f"{error}")]
        return events

    def show_end(self, events: list[Event], session: Session) -> list[Event]:
        """Show the picture of a run that a choice has ended, once a key says so; return the events of what was asked for."""
        ended = (
            session.world.has_pass
            and bool(events)
            and isinstance(events[-1], SceneEntered)
            and events[-1].made
            and session.at_ending
        )
        if self.pace != HELD or not ended:
            return []
        while (wanted := wait_for_more("the run on one screen · space, or q")) is None:
            """The screen got another size: ask again."""
        if not wanted:
            return []
        try:
            return self._show_picture(session)
        except ForwardPassError as error:
            return [Rejected(f"{error}")]

    def _show_picture(self, session: Session) -> list[Event]:
        """Show the picture until it is closed, or something that it leads to; return the events that follow.

        Keys typed ahead are dropped: none of them was meant for it.
        """
        clear_typeahead(get_app_session().input)
        while request := show_picture(session, partial(nearest_along, session)):
            if request.action == NEW:
                return restart(session)
            if request.action == TREE:
                shown = tree_of(session)
                chosen = browse_until_fork(shown.run_set, shown.node)
                if chosen:
                    return session.fork(chosen.run, chosen.turn, chosen.choice)
            else:
                return _fork_before(session, request.turn)
        return []


def _fork_before(session: Session, turn: int) -> list[Event]:
    """Play another run from before a turn of this one; say what was chosen there."""
    said = choice_text(session.run, session.run.turns[turn - 1]).replace("*", "")
    *notes, scene = fork(session, f"{turn - 1}")
    return [*notes, Message(f"In the run before, this was chosen here: {said}"), scene]


def _show_what_was_done(events: list[Event], session: Session, *, motion: bool, hold: bool) -> None:
    """Show the decoder, or an act's reading as its bars move; the word is drawn already, so a fault leaves them out."""
    with suppress(ForwardPassError):
        for event in events:
            if isinstance(event, TokenDecoded):
                temperature, _ = session.recorder.sampling
                play_decoder(rising(session.run, event.turn, temperature), hold=hold, motion=motion)
            elif isinstance(event, SceneEntered) and event.made and motion:
                play_reading(event.run)
