"""The player's settings: animation, pace, width of prose, colour, plain lines. A small text file in the config folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from forward_pass.atomic_write import write_whole
from forward_pass.errors import UsageError, did_you_mean, without_controls
from forward_pass.loading.paths import config_folder

FILE_NAME = "settings.txt"
MAX_BYTES = 64 * 1024
MIN_MEASURE, MAX_MEASURE = 40, 120  # columns
ON, OFF = "on", "off"
SWITCH = (ON, OFF)
HELD, TIMED = "held", "timed"
PACES = (HELD, TIMED, OFF)
COLOURS = ("auto", "dark", "light", "none")


class Settings(NamedTuple):
    """The settings and their defaults; the field names are the keys of the file."""

    motion: str = "on"
    measure: str = "72"
    colour: str = "auto"
    plain: str = "off"
    pace: str = HELD
    mouse: str = "off"


def _one_of(*values: str) -> tuple[Callable[[str], bool], str]:
    return (lambda value: value in values), f"{', '.join(values[:-1])} or {values[-1]}"


def _is_measure(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 4 and MIN_MEASURE <= int(value) <= MAX_MEASURE  # noqa: PLR2004


ALLOWED: dict[str, tuple[Callable[[str], bool], str]] = {
    "motion": _one_of(*SWITCH),
    "measure": (_is_measure, f"a number of columns from {MIN_MEASURE} to {MAX_MEASURE}"),
    "colour": _one_of(*COLOURS),
    "plain": _one_of(*SWITCH),
    "pace": _one_of(*PACES),
    "mouse": _one_of(*SWITCH),
}
"""By key, a test for allowed values, and the allowed values in words."""
STEPS = {
    "motion": SWITCH,
    "measure": ("72", "84", "100", "60"),
    "colour": COLOURS,
    "plain": SWITCH,
    "pace": PACES,
    "mouse": SWITCH,
}
"""By key, the values that a menu goes through."""
DESCRIPTIONS = {
    "motion": "whether the decoder is shown as it comes",
    "measure": "the widest line of prose, in columns",
    "colour": "the ground that colours are chosen for, or none",
    "plain": "whether play begins in plain lines",
    "pace": "what the decoder waits for: held, a key; timed, a moment; off, nothing, and long texts do not stop either",
    "mouse": "whether full screens take the mouse; text cannot be selected with it then",
}


def settings_file() -> Path:
    """Return the path of the settings: in ``FORWARD_PASS_CONFIG`` where that is set, else in the user's config folder."""
    folder = os.environ.get("FORWARD_PASS_CONFIG")
    return (Path(folder) if folder else config_folder()) / FILE_NAME


def read_settings() -> tuple[Settings, list[str]]:
    """Return the settings, and a message with its place for each faulty line of their file; such lines are ignored."""
    path = settings_file()
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return Settings(), []
        lines = path.read_text(encoding="utf8", errors="replace").split("\n")
    except OSError as error:
        return Settings(), [f"{path}: cannot be read: {error.strerror or error}"]
    settings, problems = Settings(), []
    for number, line in enumerate(lines, 1):
        key, _, value = (part.strip() for part in line.partition("="))
        if not key or key.startswith("#"):
            continue
        try:
            settings = settings._replace(**{validate_setting(key, value): value})
        except UsageError as error:
            problems.append(f"{path}:{number}:1: {error}")
    return settings, problems


def validate_setting(key: str, value: str) -> str:
    """Return ``key``; raises ``UsageError`` where there is no such setting or it does not allow ``value``."""
    if key not in ALLOWED:
        shown = without_controls(key, 40)
        raise UsageError(f"there is no setting {shown!r}{did_you_mean(key, list(ALLOWED))}; there are {', '.join(ALLOWED)}")
    is_allowed, allowed_values = ALLOWED[key]
    if not is_allowed(value):
        shown = without_controls(value, 40)
        raise UsageError(f"{key} must be {allowed_values}, not {shown!r}")
    return key


def write_setting(key: str, value: str) -> Path:
    """Write a setting to the file and return its path.

    Raises ``UsageError`` where there is no such setting, it does not allow the value, or the file cannot be written.
    """
    settings = read_settings()[0]._replace(**{validate_setting(key, value): value})
    path = settings_file()
    try:
        write_whole(path, "".join(f"{name} = {text}\n" for name, text in settings._asdict().items()).encode(), make_folder=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    return path
