"""The styles of the terminal, for rich and for prompt_toolkit: on a dark, a light and an unknown ground, and without colour.

Where the ground is unknown, only what can be read on both of them among a terminal's sixteen colours: magenta, bold, underline.
No information is in a style alone.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from prompt_toolkit.styles import Style

from forward_pass.session.settings import read_settings

if TYPE_CHECKING:
    from rich.theme import Theme

BACKGROUNDS = {"dark": ("#000000", "#2b2b2b"), "light": ("#ffffff", "#eeeeee")}
"""Backgrounds on which every style has a contrast of at least 4.5, as WCAG 2.2 AA requires."""
STYLES = {
    "dark": {
        "quiet": "#b4b8c0",
        "strong": "bold #f2d98c",
        "bar": "#d9b44a",
        "figure": "#8fd3ff",
        "said": "bold #ffffff",
        "verb": "#9fe0b0",
        "new": "#ffb0d4",
    },
    "light": {
        "quiet": "#52565e",
        "strong": "bold #5c4708",
        "bar": "#755b12",
        "figure": "#004e8c",
        "said": "bold #000000",
        "verb": "#1d5c33",
        "new": "#8c1d5a",
    },
    "unknown": {
        "quiet": "",
        "strong": "bold",
        "bar": "magenta",
        "figure": "magenta",
        "said": "bold underline",
        "verb": "magenta",
        "new": "bold",
    },
    "none": {"quiet": "dim", "strong": "bold", "bar": "", "figure": "", "said": "bold underline", "verb": "", "new": "bold"},
}
SCREEN_STYLES = {"header": "reverse", "footer": "reverse", "selected": "reverse", "emphasis": "italic"}
LIGHT_NUMBERS = ("7", "15")  # white in COLORFGBG
RGB = re.compile(r"rgba?:([0-9a-f]{1,4})/([0-9a-f]{1,4})/([0-9a-f]{1,4})", re.IGNORECASE)


def theme(colour: str) -> Theme:
    """Return rich's styles for the setting ``colour``: auto, dark, light or none."""
    from rich.theme import Theme  # noqa: PLC0415 - the prompt, which has styles too, is ready without rich

    return Theme(STYLES[background(colour)])


def screen_style() -> Style:
    """Return prompt_toolkit's styles for the player's colours, under the same names as rich's."""
    return _screen_style(background(read_settings()[0].colour))


@lru_cache(len(STYLES))
def _screen_style(ground: str) -> Style:
    named = {name: style.replace("magenta", "ansimagenta").replace("dim", "") for name, style in STYLES[ground].items()}
    return Style.from_dict(SCREEN_STYLES | named)


def background(colour: str) -> str:
    """Return a key of ``STYLES`` for the setting ``colour``; auto is unknown where ``COLORFGBG`` says nothing."""
    if os.environ.get("NO_COLOR") or os.environ.get("FORCE_COLOR") == "0":
        return "none"
    if colour != "auto":
        return colour
    number = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    if not number.isascii() or not number.isdigit():
        return "unknown"
    return "light" if number in LIGHT_NUMBERS else "dark"


def ground_of(reply: str) -> str | None:
    """Return the ``COLORFGBG`` for a terminal's reply to the question for its background; None where it has no colour.

    Light is what has a relative luminance (WCAG 2.2) above that at which black and white have the same contrast to it.
    """
    match = RGB.search(reply)
    if match is None:
        return None
    red, green, blue = (_linear(int(part, 16) / (16 ** len(part) - 1)) for part in match.groups())
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "0;15" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "15;0"


def remember_ground(reply: str) -> None:
    """Keep the background that a terminal told in ``COLORFGBG``, where others tell it unasked; do nothing without one."""
    ground = ground_of(reply)
    if ground:
        os.environ["COLORFGBG"] = ground


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - sRGB
