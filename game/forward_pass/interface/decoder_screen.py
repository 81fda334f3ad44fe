"""The decoder, on a screen of its own: what the choice says, then the likeliest words, the smallest first; the top two wait.

Where a model runs, the layers above the boundary go by meanwhile: the lens at each, and what the word at the top had there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.application.current import get_app_session

from forward_pass.interface.animation import Frame, play_frames
from forward_pass.interface.bars import Row, chance_row, probability_cell, word_width
from forward_pass.interface.widgets import emphasis_fragments, screen_lines
from forward_pass.session.transcript import MAX_PROSE_COLUMNS, quoted, then_text, wrap
from forward_pass.story.distribution import Distribution
from forward_pass.story.history import Run, Turn
from forward_pass.story.ports import Inspector

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

DURATION = 1.6  # seconds in which the words rise
MOMENT = 1.2  # seconds for which the top two stay, where nothing waits for a key
LIKELIEST = 6  # words shown
LAST = 2  # of them rise last, together
OPEN = 0.05  # the probability of the second word from which on there are two of them
OTHER_ROWS = 9  # besides the words and what the choice says


class Rising(NamedTuple):
    """What the decoder's screen shows: what the choice says, a heading, the words with their probabilities, and the lens."""

    then: str
    heading: str
    chances: tuple[tuple[str, float], ...]  # the likeliest first
    lens: tuple[tuple[int, float], ...]  # (layer, probability of the likeliest word), empty where no model runs


def rising(run: Run, turn: Turn, temperature: float = 0.0) -> Rising:
    """Return what the decoder's screen shows of the decoding of a turn, its word drawn at some temperature."""
    world, inspector = run.world, run.inspector
    distribution = inspector.distribution(turn.decoding)
    source = "measured" if inspector.source == "model" else "written"
    taken = "the largest taken" if temperature == 0 else f"one drawn, at temperature {temperature:g}"
    word = quoted(turn.before.words[-1] if turn.before.words else world.prompt[-1])
    heading = f"{turn.before.token} {word}: {source}, {taken}"
    layers = range(world.boundary + 1, world.layers + 1) if inspector.source == "model" else ()
    lens = _lens(inspector, turn, layers, distribution)
    return Rising(then_text(run, turn), heading, tuple(distribution.likeliest(LIKELIEST)), lens)


def _lens(inspector: Inspector, turn: Turn, layers: Sequence[int], top: Distribution) -> tuple[tuple[int, float], ...]:
    return tuple((layer, inspector.lens(turn.decoding, layer).p(top.best)) for layer in layers)


def play_decoder(shown: Rising, *, hold: bool, motion: bool) -> None:
    """Show the decoder; with ``hold`` it waits for a key, without ``motion`` nothing moves."""
    steps = max(len(shown.lens), len(shown.chances)) if motion else 1
    frames: list[Frame] = [partial(_frame, shown, step / steps, hold=hold) for step in range(1, steps + 1)]
    if not hold:  # what is there at the end stays for a moment
        frames += [frames[-1]] * max(round(len(frames) * MOMENT / DURATION), 1)
    play_frames(frames, DURATION if hold else DURATION + MOMENT, hold=hold, full_screen=True)


def _frame(shown: Rising, share: float, *, hold: bool) -> StyleAndTextTuples:
    size = get_app_session().output.get_size()
    return frame_fragments(shown, share, size.columns, size.rows, hold=hold)


def frame_fragments(shown: Rising, share: float, columns: int, rows: int, *, hold: bool) -> StyleAndTextTuples:
    """Return the screen after a share of its time, from 0 to 1: at 1 every word is there. Few rows have fewer words."""
    then = emphasis_fragments(wrap(shown.then, min(columns - 1, MAX_PROSE_COLUMNS))) if shown.then else []
    then = then[: max(rows - OTHER_ROWS - LAST - 2, 0)]
    above: StyleAndTextTuples = [piece for line in [*then, *([[]] if then else [])] for piece in [*line, ("", "\n")]]
    room = rows - len(then) - bool(then) - OTHER_ROWS
    chances = shown.chances[: max(room, LAST)]
    later = max(len(chances) - LAST, 0)  # words that rise one by one
    risen = min(int(share * (later + 1)), later) + (LAST if share >= 1 else 0)
    width = word_width(word for word, _ in chances)
    lines: list[Row] = [(("The decoder comes.", "strong"),), ((shown.heading, "quiet"),), ()]
    for place, (word, probability) in enumerate(chances):
        has_risen = place >= len(chances) - risen
        style = "strong" if place < LAST else ""
        lines.append(chance_row(word, width, probability, columns, style) if has_risen else (("  …", "quiet"),))
    lines += [(), *_lens_rows(shown.lens, share)] if shown.lens else []
    is_open = len(chances) > 1 and chances[1][1] >= OPEN
    note = "One of these two. Press a key." if hold and is_open else "Press a key." if hold else ""
    return above + screen_lines([*lines, (), ((note if share >= 1 else "", "quiet"),)], columns)


def _lens_rows(lens: tuple[tuple[int, float], ...], share: float) -> list[Row]:
    shown = round(share * len(lens))
    strip = "".join(probability_cell(p) for _, p in lens[:shown]) + "·" * (len(lens) - shown)
    return [
        ((f"  {lens[0][0]} ", "quiet"), (strip, "bar"), (f" {lens[-1][0]}", "quiet")),
        (("  the first of them, layer by layer", "quiet"),),
    ]
