"""The toolbar: where the pass stands, the number that the story is about as small bars, and the keys that matter here."""

from __future__ import annotations

from forward_pass.interface.bars import probability_cell
from forward_pass.interface.widgets import truncate
from forward_pass.session.commands import ENDING_COMMANDS
from forward_pass.session.figures import SHOWN_EFFECT
from forward_pass.session.plain_text import terminal_columns, text_width
from forward_pass.session.readings import given_in, measure_forecast, shown_forecast
from forward_pass.session.session import Session
from forward_pass.session.transcript import EMPHASIS, cost_text, current_word, quoted
from forward_pass.story.distribution import format_probability
from forward_pass.story.engine import Availability
from forward_pass.story.nodes import ASKED, SEALED
from forward_pass.story.world import World

GAUGE_WIDTH = 16  # cells
MIN_CHOICE_WIDTH = 12  # cells; with fewer, the toolbar leaves the words of a choice out


def toolbar(session: Session, selection: tuple[int, Availability] | None = None) -> str:
    """Return the toolbar: the position in the pass, the number and the keys or, if an offer is selected, its cost and words.

    Where they do not fit in one line the number has a line of its own.
    """
    columns = max(terminal_columns() - 1, text_width())
    if session.at_ending:
        return truncate(f" ended · {'  '.join(ENDING_COMMANDS)}", columns)
    if selection is not None:
        return _selection_toolbar(session, *selection, columns)
    position, number = _position(session, columns), number_text(session)
    keys = (f" · ? help  {'undo' if session.run.at else 'about'}  quit", " · ? help")
    lines = [f"{position} · {number}" if number else position]
    if len(lines[0]) > columns:
        lines = [position, truncate(f" {number}", columns)]
    lines[-1] += next((text for text in keys if len(lines[-1]) + len(text) <= columns), "")
    return "\n".join(lines)


def _position(session: Session, columns: int) -> str:
    state, world = session.run.state, session.world
    if not world.has_pass:
        return f" {world.title} · turn {session.run.at}"
    word, left = quoted(current_word(world, state)), world.boundary - state.layer
    position = f" {state.token} {word} · {gauge(world, state.layer)} · {left} left"
    return position if columns >= len(position) else f" {state.token} {word} · {state.layer}/{world.layers}, {left} left"


def number_text(session: Session) -> str:
    """Return the word that the story is about as small bars, that it is sealed, or what was last heard; empty after it."""
    run, telling = session.run, session.world.telling
    if telling is None or not telling.words or run.state.token > telling.token:
        return ""
    given = given_in(session.world, run.state)
    if given == SEALED and not run.state.words and not any(run.state.acts):
        return f"{' '.join(telling.words)} ■ sealed"  # nothing was done that could leave the road: nothing is measured for it
    measured = measure_forecast(session.inspector, session.world, run.state.key)
    if not any(p >= SHOWN_EFFECT for _, p in measured.words):
        return ""  # the run has left the road to that word
    if given == SEALED:
        return f"{' '.join(telling.words)} ■ sealed"
    reading = shown_forecast(run)
    if reading is None or not reading.words:
        return f"{' '.join(telling.words)} □ not heard" if given == ASKED else ""
    heard = "" if reading.heard is None else "heard: "
    return heard + " ".join(f"{word}{probability_cell(p)}{format_probability(p)}" for word, p in reading.words)


def _selection_toolbar(session: Session, number: int, offer: Availability, columns: int) -> str:
    """Return the toolbar of a selected offer: its cost, on the gauge and in words, and its words."""
    say = EMPHASIS.sub(r"\1", offer.choice.say(session.run.state, session.inspector))
    if not session.world.has_pass:
        return truncate(f" {number}. {say}", columns)
    layer, boundary = session.run.state.layer, session.world.boundary
    target = min(layer + offer.cost, boundary)
    cost = f" · {cost_text(offer)}: {layer} to {target}"
    text = f" {gauge(session.world, layer, target)}{cost}"
    if columns < len(text):
        text, say = f" {number}.{cost}", f" · {say}"
    else:
        say = f" · {number}. {say}"
    width = columns - len(text)
    return text + (say if len(say) <= width else f"{say[: width - 1]}…" if width > MIN_CHOICE_WIDTH else "")


def gauge(world: World, layer: int, target: int = 0) -> str:
    """Return the layers from the first to the boundary as a bar: those computed, those up to ``target``, and the rest."""
    first, last = world.first_layer, world.boundary
    done_cells = round(GAUGE_WIDTH * (layer - first) / (last - first))
    cost_cells = max(round(GAUGE_WIDTH * (target - first) / (last - first)) - done_cells, 0)
    return f"{first} {'█' * done_cells}{'▒' * cost_cells}{'·' * (GAUGE_WIDTH - done_cells - cost_cells)} {last}"
