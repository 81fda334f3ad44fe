"""The decoder as it comes: what the residual stream amounts to above the boundary, layer by layer, for a second or two.

It shows what was computed and changes nothing; any key finishes it, and whoever wants no movement never sees it.
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
from forward_pass.interface.view import bar_of, eighth
from forward_pass.session.plain_text import text_width
from forward_pass.session.transcript import quoted
from forward_pass.story.distribution import Distribution, PassPort, format_probability
from forward_pass.story.state import Acts

DURATION = 1.6  # seconds
FINISHING = ("\r", "\n", " ", "\x1b")  # keys that mean only: go on
WORDS = 3


class Frame(NamedTuple):
    """What stands at a layer: the lens there."""

    layer: int
    lens: Distribution


def frames(measure: PassPort, words: tuple[str, ...], acts: Acts, above: Sequence[int]) -> list[Frame]:
    """Return the lens at each of some layers of a finished pass."""
    return [Frame(layer, measure.lens(words, acts, layer)) for layer in above]


def frame_lines(shown: Sequence[Frame], at: int, named: Sequence[str], columns: int) -> list[str]:
    """Return a frame as lines: the layer; the words that will be likeliest at the end, with their chances so far; a strip.

    The strip has a cell for each frame: how likely the first of those words was there. What has not come yet is a dot.
    """
    longest = max(len(quoted(word)) for word in named)
    lens = shown[at].lens
    lines = [f"The decoder comes. Layer {shown[at].layer} (measured)."]
    for word in named:
        chance = lens.p(word)
        lines.append(f"  {quoted(word):<{longest}} {format_probability(chance):<6} {bar_of(chance, columns)}")
    come = "".join(eighth(frame.lens.p(named[0])) for frame in shown[: at + 1])
    return [*lines, f"  {shown[0].layer} {come}{'·' * (len(shown) - at - 1)} {shown[-1].layer}"]


def play_animation(shown: Sequence[Frame], seconds: float = DURATION) -> None:
    """Show frames one after the other, and leave nothing behind; any key finishes it, Ctrl-C raises ``KeyboardInterrupt``."""
    named = [word for word, _ in shown[-1].lens.likeliest(WORDS)]
    at = 0
    keys = KeyBindings()

    @keys.add("c-c")
    @keys.add("<sigint>")
    def _interrupt(event: KeyPressEvent) -> None:
        event.app.exit(exception=KeyboardInterrupt)

    @keys.add("<any>")
    def _finish(event: KeyPressEvent) -> None:
        if event.data not in FINISHING:
            store_typeahead(event.app.input, event.key_sequence)  # whoever types ahead loses no letter
        event.app.exit()

    def text() -> str:
        return "\n".join(frame_lines(shown, at, named, text_width()))

    body = Window(FormattedTextControl(text, show_cursor=False), height=len(named) + 2, wrap_lines=False)
    app: Application[None] = Application(layout=Layout(HSplit([body])), key_bindings=keys, erase_when_done=True)

    async def run_through() -> None:
        nonlocal at
        while at < len(shown) - 1:
            await asyncio.sleep(seconds / len(shown))
            at += 1
            app.invalidate()
        await asyncio.sleep(seconds / len(shown))
        if not app.is_done:
            app.exit()

    def begin() -> None:
        app.create_background_task(run_through())

    run_application(app, begin)
