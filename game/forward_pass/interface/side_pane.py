"""Beside a scene on a wide screen: the end of the page, the number as bars, what was done where, and the layers as a gauge."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from forward_pass.interface.figures_view import chance_rows, shelf_row
from forward_pass.session.figures import forecast_chances, forecast_heading
from forward_pass.session.readings import given_in, shown_forecast
from forward_pass.session.transcript import prompt_lines, wrap
from forward_pass.story.engine import is_ending
from forward_pass.story.forecast import placed_acts
from forward_pass.story.history import Run
from forward_pass.story.nodes import SEALED

WIDE = 110  # columns from which on there is a pane
PAGE_LINES = 8
GAP = 4  # cells between the scene and the pane
MAX_PANE = 48  # cells


def beside(scene: RenderableType, run: Run, scene_columns: int, columns: int) -> RenderableType:
    """Return a scene with the pane at its right; the scene alone at an ending, and in a story without a pass."""
    if is_ending(run.world, run.state) or not run.world.has_pass:
        return scene
    width = min(columns - scene_columns - GAP, MAX_PANE)
    table = Table.grid(padding=0)
    table.add_column(width=scene_columns)
    table.add_column(width=width + GAP)
    table.add_row(scene, Padding(_pane(run, width), (0, 0, 0, GAP)))
    return table


def _pane(run: Run, width: int) -> RenderableType:
    parts = [
        _page(run, width),
        _number(run, width),
        _acts(run, width),
        shelf_row((run.world.first_layer, run.state.layer), run.world, width, "layers"),
    ]
    rows: list[RenderableType] = []
    for part in parts:
        rows += [part, Text("")]
    return Group(*rows[:-1])


def _page(run: Run, width: int) -> RenderableType:
    lines = prompt_lines(run, width)[-PAGE_LINES:]
    return Group(Text("the page", style="strong"), *(Text(line, style="quiet") for line in lines[:-1]), Text(f"{lines[-1]} _"))


def _number(run: Run, width: int) -> RenderableType:
    telling = run.world.telling
    if telling is None or run.state.token > telling.token:
        return Text("the number is said" if telling else "", style="quiet")
    if given_in(run.world, run.state) == SEALED:
        return Text(f"the word at {telling.token}: sealed", style="strong")
    reading = shown_forecast(run)
    if reading is None:
        return Text(f"the word at {telling.token}: not asked", style="strong")
    return Group(Text(forecast_heading(reading), style="strong"), *chance_rows(forecast_chances(reading), width))


def _acts(run: Run, width: int) -> RenderableType:
    world = run.world
    lines = [
        line
        for placed in placed_acts(run.state.key)
        for line in wrap(
            f"{world.first_token + placed.at}, from {placed.act.layer}: {world.acts[placed.act.name].about.rstrip('.')}", width
        )
    ]
    return Group(Text("what was done", style="strong"), *(Text(line) for line in lines or ["nothing"]))
