"""Readings, openings and forecasts as rich renderables: bars for the words before and after, the layers that an act is in."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from forward_pass.interface.bars import LEGEND, NARROW, chance_row, change_rows, word_width
from forward_pass.session.figures import (
    Figure,
    LookReading,
    forecast_chances,
    forecast_heading,
    has_effect,
    look_heading,
    look_shares_text,
    opened_effects,
    opened_heading,
    opened_without_effect,
    reading_heading,
    reading_note,
    reading_text,
)
from forward_pass.session.readings import ActReading, Change, ForecastReading, Opening
from forward_pass.story.tokeniser import CLINGS
from forward_pass.story.world import World


def figures_view(figures: list[Figure], tally: int | None, world: World, columns: int) -> list[RenderableType]:
    """Return figures as renderables, an empty line above each; the last has the tally, where the world keeps one."""
    rows: list[RenderableType] = []
    for figure in figures:
        rows += [Text(""), *_figure(figure, world, columns)]
    if rows and tally is not None and isinstance(rows[-1], Text):
        rows[-1].append(f" · tally {tally}", style="quiet")
    return rows


def _figure(figure: Figure, world: World, columns: int) -> list[RenderableType]:
    match figure:
        case ActReading():
            return _reading(figure, world, columns)
        case ForecastReading():
            heading = Text(f"{forecast_heading(figure)}:", style="strong")
            return [heading, *chance_rows(forecast_chances(figure), columns)]
        case Opening():
            return _opening(figure, columns)
        case LookReading():
            return _look(figure)


def _look(reading: LookReading) -> list[RenderableType]:
    """Return a look painted on the lines of the page that it is at."""
    rows: list[RenderableType] = [Text(look_heading(reading), style="strong")]
    for line in reading.lines:
        row = Text("  ")
        for number, (word, looked) in enumerate(line):
            row.append("" if word in CLINGS or not number else " ").append(word, style="reverse" if looked else "quiet")
        rows.append(row)
    rows += [Text(f"  and {reading.more} more lines", style="quiet")] if reading.more else []
    return [*rows, Text(f"{look_shares_text(reading)}.", style="quiet")]


def _reading(reading: ActReading, world: World, columns: int) -> list[RenderableType]:
    note = [Text(f"{reading_note(reading)}.".capitalize(), style="quiet")] if reading_note(reading) else []
    shelf = [shelf_row((reading.layers[0], world.boundary), world, columns)] if reading.verb == "leave" else []
    if reading.change is None:
        return [Text(f"{reading_heading(reading)}.", style="strong"), *shelf, *note]
    if not has_effect(reading.change):
        return [Text(reading_text(reading), style="strong"), *shelf, *note]
    return [Text(f"{reading_heading(reading)}:", style="strong"), *shelf, *_changes(reading.change, columns), *note]


def _opening(opening: Opening, columns: int) -> list[RenderableType]:
    rows: list[RenderableType] = []
    for reading in opened_effects(opening):
        assert reading.change is not None  # noqa: S101 - what is opened is shown
        rows.append(Text(f"{opened_heading(reading)}. Without it → with it:", style="strong"))
        rows += _changes(reading.change, columns)
    idle = opened_without_effect(opening)
    return [*rows, Text(f"{idle}.", style="strong")] if idle else rows


def chance_rows(chances: tuple[tuple[str, float], ...], columns: int, said: str = "") -> list[RenderableType]:
    """Return a row for each word: its probability, as a figure and as a bar; the word that was ``said`` stands out."""
    width = word_width(word for word, _ in chances)
    return [Text.assemble(*chance_row(word, width, p, columns, "said" if word == said else "")) for word, p in chances]


def _changes(change: Change, columns: int) -> list[RenderableType]:
    """Return a row for each word of a change: both probabilities, and a bar of what is kept, gained or lost."""
    return [*(Text.assemble(*row) for row in change_rows(change.words, columns)), Text(f"  {LEGEND}", style="quiet")]


def shelf_row(layers: tuple[int, int], world: World, columns: int, name: str = "shelves") -> Text:
    """Return the layers of a token, a cell for one layer or more, those from one to another filled."""
    first, last = world.first_layer, world.boundary
    step = 2 if columns < NARROW else 1
    cells = "".join("▤" if layers[0] <= layer <= layers[1] else "·" for layer in range(first, last + 1, step))
    return Text.assemble(f"  {name} {first} ", (cells, "bar"), f" {last}")
