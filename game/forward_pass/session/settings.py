"""What a player has settled once: movement, the measure of prose, colour, plain lines. A small file in their config folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import UsageError, did_you_mean

APP = "forward-pass"
FILE = "settings.txt"
MOST_BYTES = 64 * 1024
WIDEST, NARROWEST = 120, 40
SWITCH = ("on", "off")
COLOURS = ("auto", "dark", "light", "none")


class Settings(NamedTuple):
    """The settings, as they are where nobody has said otherwise."""

    motion: str = "on"
    measure: str = "72"
    colour: str = "auto"
    plain: str = "off"


def _one_of(*words: str) -> tuple[Callable[[str], bool], str]:
    return (lambda value: value in words), f"{', '.join(words[:-1])} or {words[-1]}"


def _is_measure(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 4 and NARROWEST <= int(value) <= WIDEST  # noqa: PLR2004 - digits


ALLOWED: dict[str, tuple[Callable[[str], bool], str]] = {
    "motion": _one_of(*SWITCH),
    "measure": (_is_measure, f"a number of columns from {NARROWEST} to {WIDEST}"),
    "colour": _one_of(*COLOURS),
    "plain": _one_of(*SWITCH),
}
DESCRIPTIONS = {
    "motion": "whether the decoder is shown as it comes",
    "measure": "the widest line of prose, in columns",
    "colour": "the ground that colours are chosen for, or none",
    "plain": "whether play begins in plain lines",
}


def settings_file() -> Path:
    """Return where settings are kept: in ``FORWARD_PASS_CONFIG``, else in the user's folder for such files."""
    asked = os.environ.get("FORWARD_PASS_CONFIG")
    if asked:
        return Path(asked) / FILE
    if sys.platform != "linux":  # pragma: no cover - the tests run on Linux
        from platformdirs import user_config_path  # noqa: PLC0415 - 5 ms that a start on Linux can do without

        return user_config_path(APP) / FILE
    asked = os.environ.get("XDG_CONFIG_HOME", "").strip()
    return (Path(asked) if asked else Path.home() / ".config") / APP / FILE


def read_settings() -> tuple[Settings, list[str]]:
    """Return the settings, and what is wrong with their file, each with its place; what is wrong is passed over."""
    path = settings_file()
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return Settings(), []
        lines = path.read_text(encoding="utf8", errors="replace").split("\n")
    except OSError as error:
        return Settings(), [f"{path}: cannot be read: {error.strerror or error}"]
    found, problems = Settings(), []
    for number, line in enumerate(lines, 1):
        key, _, value = (part.strip() for part in line.partition("="))
        if not key or key.startswith("#"):
            continue
        try:
            found = found._replace(**{validate_setting(key, value): value})
        except UsageError as error:
            problems.append(f"{path}:{number}:1: {error}")
    return found, problems


def validate_setting(key: str, value: str) -> str:
    """Return a key that is one and takes a value; raises ``UsageError`` otherwise."""
    if key not in ALLOWED:
        shown = "".join(character for character in key[:40] if character.isprintable())
        raise UsageError(f"there is no setting {shown!r}{did_you_mean(key, list(ALLOWED))}; there are {', '.join(ALLOWED)}")
    takes, which = ALLOWED[key]
    if not takes(value):
        shown = "".join(character for character in value[:40] if character.isprintable())
        raise UsageError(f"{key} is {which}, not {shown!r}")
    return key


def write_setting(key: str, value: str) -> Path:
    """Settle something; return the file. Raises ``UsageError`` where it is no setting or cannot be kept."""
    settled = read_settings()[0]._replace(**{validate_setting(key, value): value})
    path = settings_file()
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text("".join(f"{name} = {one}\n" for name, one in settled._asdict().items()), encoding="utf8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    return path
