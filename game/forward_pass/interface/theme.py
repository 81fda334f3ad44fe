"""The rich styles of the terminal for a dark, a light and an unknown background; for the last, without colour."""

from __future__ import annotations

import os

from rich.theme import Theme

BACKGROUNDS = {"dark": ("#000000", "#2b2b2b"), "light": ("#ffffff", "#eeeeee")}
"""Backgrounds on which every style has a contrast of at least 4.5, as WCAG 2.2 AA requires."""
STYLES = {
    "dark": {"quiet": "#b4b8c0", "strong": "bold #f2d98c", "bar": "#d9b44a"},
    "light": {"quiet": "#52565e", "strong": "bold #5c4708", "bar": "#755b12"},
    "none": {"quiet": "dim", "strong": "bold", "bar": ""},
}
LIGHT_NUMBERS = ("7", "15")  # white in COLORFGBG


def theme(colour: str) -> Theme:
    """Return the styles for the setting ``colour``: auto, dark, light or none."""
    return Theme(STYLES[background(colour)])


def background(colour: str) -> str:
    """Return ``dark``, ``light`` or ``none`` for the setting ``colour``; auto is none where ``COLORFGBG`` says nothing."""
    if os.environ.get("NO_COLOR") or os.environ.get("FORCE_COLOR") == "0":
        return "none"
    if colour != "auto":
        return colour
    number = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    if not number.isascii() or not number.isdigit():
        return "none"
    return "light" if number in LIGHT_NUMBERS else "dark"
