"""The animation of a decoding: the lens at each layer above the boundary, one after the other, for a second or two.

It shows values that the pass has computed and changes nothing. Any key ends it; the setting ``motion`` turns it off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from prompt_toolkit.application import Application
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl

from forward_pass.interface.signals import run_application
from forward_pass.interface.view import probability_bar, probability_cell
from forward_pass.session.plain_text import text_width
from forward_pass.session.transcript import quoted
from forward_pass.story.distribution import Distribution, format_probability
from forward_pass.story.ports import Inspector
from forward_pass.story.state import PassKey

DURATION = 1.6  # seconds
SKIP_KEYS = ("\r", "\n", " ", "\x1b")  # end the animation and are dropped; other keys are kept for the prompt
LIKELIEST = 3  # words shown


class Frame(NamedTuple):
    """One frame of the animation: a layer and the lens there."""

    layer: int
    lens: Distribution


def lens_frames(inspector: Inspector, key: PassKey, layers: Sequence[int]) -> list[Frame]:
    """Return a frame for each of some layers of a finished pass."""
    return [Frame(layer, inspector.lens(key, layer)) for layer in layers]


def frame_lines(frames: Sequence[Frame], index: int, words: Sequence[str], columns: int) -> list[str]:
    """Return a frame as lines: its layer, each of some words with its probability there, and a strip.

    The strip has a cell for each frame: the probability of the first word there, or a dot for frames not shown yet.
    """
    width = max(len(quoted(word)) for word in words)
    lens = frames[index].lens
    lines = [f"The decoder comes. Layer {frames[index].layer} (measured)."]
    for word in words:
        probability = lens.p(word)
        lines.append(f"  {quoted(word):<{width}} {format_probability(probability):<6} {probability_bar(probability, columns)}")
    strip = "".join(probability_cell(frame.lens.p(words[0])) for frame in frames[: index + 1])
    return [*lines, f"  {frames[0].layer} {strip}{'·' * (len(frames) - index - 1)} {frames[-1].layer}"]


def play_animation(frames: Sequence[Frame], seconds: float = DURATION) -> None:
    """Show frames one after the other, then erase them; any key ends it, Ctrl-C raises ``KeyboardInterrupt``."""
    words = [word for word, _ in frames[-1].lens.likeliest(LIKELIEST)]
    index = 0
    keys = KeyBindings()

    @keys.add("c-c")
    @keys.add("<sigint>")
    def _interrupt(event: KeyPressEvent) -> None:
        event.app.exit(exception=KeyboardInterrupt)

    @keys.add("<any>")
    def _finish(event: KeyPressEvent) -> None:
        if event.data not in SKIP_KEYS:
            store_typeahead(event.app.input, event.key_sequence)  # a key typed ahead is not lost
        event.app.exit()

    def text() -> str:
        return "\n".join(frame_lines(frames, index, words, text_width()))

    body = Window(FormattedTextControl(text, show_cursor=False), height=len(words) + 2, wrap_lines=False)
    app: Application[None] = Application(layout=Layout(HSplit([body])), key_bindings=keys, erase_when_done=True)

    async def advance_frames() -> None:
        nonlocal index
        while index < len(frames) - 1:
            await asyncio.sleep(seconds / len(frames))
            index += 1
            app.invalidate()
        await asyncio.sleep(seconds / len(frames))
        if not app.is_done:
            app.exit()

    def start() -> None:
        app.create_background_task(advance_frames())

    run_application(app, start)
