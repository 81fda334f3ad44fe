"""The reading of an act as it is taken: the bars go from what was to what is, for a moment. It then stands below the scene."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from forward_pass.interface.animation import Frame, play_frames
from forward_pass.interface.bars import change_rows
from forward_pass.interface.widgets import screen_lines
from forward_pass.session.figures import figures_after_scene, has_effect, reading_heading
from forward_pass.session.plain_text import terminal_columns
from forward_pass.session.readings import ActReading

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from forward_pass.story.history import Run

MOMENT = 0.9  # seconds


def play_reading(run: Run) -> None:
    """Show the acts of the last turn that changed a figure; any key ends it, and where nothing changed nothing is shown."""
    for figure in figures_after_scene(run, run.at) if run.at else ():
        if isinstance(figure, ActReading) and figure.change and has_effect(figure.change):
            frames: list[Frame] = [partial(reading_fragments, figure, after=after) for after in (False, True, True)]
            play_frames(frames, MOMENT)


def reading_fragments(reading: ActReading, *, after: bool) -> StyleAndTextTuples:
    """Return a reading with its bars as they were before the act, or after it."""
    assert reading.change is not None  # noqa: S101 - only such readings are shown
    columns = terminal_columns()
    rows = change_rows(reading.change.words, columns, after=after)
    return screen_lines([(), ((f"{reading_heading(reading)}:", "strong"),), *rows], columns)
