"""What is quiet, strong or a bar, on a dark ground, a light one, or one that nobody knows: then without any colour."""

from __future__ import annotations

import os

from rich.theme import Theme

GROUNDS = {"dark": ("#000000", "#2b2b2b"), "light": ("#ffffff", "#eeeeee")}
"""The grounds that the colours are held against: every one has a contrast of 4.5 at the least, as WCAG 2.2 AA asks."""
STYLES = {
    "dark": {"quiet": "#b4b8c0", "strong": "bold #f2d98c", "bar": "#d9b44a"},
    "light": {"quiet": "#52565e", "strong": "bold #5c4708", "bar": "#755b12"},
    "none": {"quiet": "dim", "strong": "bold", "bar": ""},
}
LIGHT = ("7", "15")  # as terminals that set COLORFGBG number a white ground


def theme(colour: str) -> Theme:
    """Return the styles for a setting of ``colour``: auto asks the terminal what its ground is, and takes no chances."""
    return Theme(STYLES[ground(colour)])


def ground(colour: str) -> str:
    """Return ``dark``, ``light`` or ``none`` for a setting of ``colour``."""
    if os.environ.get("NO_COLOR") or os.environ.get("FORCE_COLOR") == "0":
        return "none"
    if colour != "auto":
        return colour
    behind = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    if not behind.isascii() or not behind.isdigit():
        return "none"
    return "light" if behind in LIGHT else "dark"
