"""The decoder as it comes: what the residual stream amounts to above the boundary, layer by layer, for a second or two.

It shows what was computed and changes nothing; any key finishes it, and whoever wants no movement never sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from prompt_toolkit.application import Application
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl

from game.decoder import Distribution, Measure, figures
from game.signals import carried_out
from game.state import Acts
from game.transcript import quoted

LASTS = 1.6  # seconds
WORDS = 3
BAR = 24  # cells of a bar for a probability of 1


class Frame(NamedTuple):
    """What stands at a layer: the lens there."""

    layer: int
    lens: Distribution


def frames(measure: Measure, words: tuple[str, ...], acts: Acts, above: Sequence[int]) -> list[Frame]:
    """Return the lens at each of some layers of a finished pass."""
    return [Frame(layer, measure.lens(words, acts, layer)) for layer in above]


def frame_lines(frame: Frame, named: Sequence[str]) -> list[str]:
    """Return a frame as lines: the layer, then the words that will be likeliest at the end, with their chances so far."""
    longest = max(len(quoted(word)) for word in named)
    lines = [f"The decoder comes. Layer {frame.layer}, read as the last is read (measured):"]
    for word in named:
        chance = frame.lens.p(word)
        lines.append(f"  {quoted(word):<{longest}} {figures(chance):<6} {'█' * round(BAR * chance) or '▏'}")
    return lines


def show(shown: Sequence[Frame], seconds: float = LASTS) -> None:
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
        event.app.exit()

    def text() -> str:
        return "\n".join(frame_lines(shown[at], named))

    body = Window(FormattedTextControl(text, show_cursor=False), height=len(named) + 1, wrap_lines=False)
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

    carried_out(app, begin)
