"""What a turn brings, printed on the terminal: events, the decoding as an animation, the tree of runs. Imports rich."""

from __future__ import annotations

from contextlib import suppress

from rich.console import Console

from forward_pass.errors import ForwardPassError
from forward_pass.interface.decode_animation import lens_frames, play_animation
from forward_pass.interface.theme import background, theme
from forward_pass.interface.tree_browser import browse_until_fork
from forward_pass.interface.view import event_view
from forward_pass.session.events import Event, Quit, Rejected, TokenDecoded, TreeShown
from forward_pass.session.plain_text import text_width
from forward_pass.session.session import Session
from forward_pass.session.settings import read_settings


class EventPrinter:
    """Prints events on a console with the player's colours, as they are set when it is made."""

    def __init__(self) -> None:
        colour = read_settings()[0].colour
        no_colour = background(colour) == "none" or None
        self._console = Console(highlight=False, markup=False, emoji=False, theme=theme(colour), no_color=no_colour)

    def print_events(self, events: list[Event], session: Session, *, motion: bool = False) -> bool:
        """Print events, a decoding animated first where there is ``motion``; return False after ``Quit``."""
        if motion:
            _animate_decoding(events, session)
        columns = text_width()
        playing = True
        for event in events:
            self._console.print()
            self._console.print(event_view(event, session, columns), width=columns, soft_wrap=isinstance(event, Quit))
            playing = playing and not isinstance(event, Quit)
        return playing

    @staticmethod
    def show_tree(events: list[Event], session: Session) -> list[Event]:
        """Return the events; if they show the tree, browse it and return the events of the fork made there, or the scene."""
        if len(events) != 1 or not isinstance(events[0], TreeShown):
            return events
        request = browse_until_fork(*events[0])
        try:
            return session.fork(request.run, request.turn) if request else session.opening()
        except ForwardPassError as error:
            return [Rejected(f"{error}")]


def _animate_decoding(events: list[Event], session: Session) -> None:
    """Animate a decoding of a model among the events: the layers above the boundary of the pass that gave the word."""
    decoding = next((event for event in events if isinstance(event, TokenDecoded)), None)
    if decoding is None or session.inspector.source != "model":
        return
    above = range(session.world.boundary + 1, session.world.layers + 1)
    with suppress(ForwardPassError):  # the word is drawn already; the animation can be left out
        play_animation(lens_frames(session.inspector, decoding.turn.decoding, above))
