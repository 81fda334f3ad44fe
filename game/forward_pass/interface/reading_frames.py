"""The reading of an act as it is taken: the bars go from what was to what is, for a moment. It then stands below the scene."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from forward_pass.interface.animation import Frame, play_frames
from forward_pass.interface.bars import bar, change_bar
from forward_pass.interface.widgets import truncate
from forward_pass.session.figures import figures_after_scene, has_effect, reading_heading
from forward_pass.session.plain_text import terminal_columns
from forward_pass.session.readings import ActReading
from forward_pass.session.transcript import quoted
from forward_pass.story.distribution import format_probability

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
    columns, words = terminal_columns(), reading.change.words
    width = max(len(quoted(word)) for word, _, _ in words)
    lines: list[StyleAndTextTuples] = [[], [("class:strong", f"{reading_heading(reading)}:")]]
    for word, was, is_now in words:
        figures = f"{format_probability(was):>5} → {format_probability(is_now) if after else '':<6} "
        cells = change_bar(was, is_now, columns) if after else bar(was, columns)
        lines.append([("", f"  {quoted(word):<{width}} "), ("class:figure", figures), ("class:bar", cells)])
    return [piece for line in lines for piece in [*((style, truncate(text, columns)) for style, text, *_ in line), ("", "\n")]]
