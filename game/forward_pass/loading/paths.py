"""Where worlds and runs are found. The one place that knows a checkout from an installation."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from platformdirs import user_cache_path, user_config_path, user_data_path

from forward_pass.errors import Problem, WorldError, did_you_mean

APP = "forward-pass"
FLAGSHIP = "forward-pass"
PACKAGE = Path(__file__).resolve().parent.parent
MAX_FILES = 500
TEXT = ".yaml"
READ = (TEXT, ".fpw")
SIDE_FOLDERS = ("glossary", "hints")
DECLARED_ID = re.compile(rb"^id: *([a-z][a-z0-9-]*)", re.MULTILINE)
CALIBRATION = "calibration.json"
MAX_BYTES = 8 * 1024 * 1024  # of all files of a world together
SOURCE_ROOT = PACKAGE.parent  # ``game/`` in a checkout, site-packages when installed
CHECKOUT = SOURCE_ROOT.parent if (SOURCE_ROOT.parent / "pyproject.toml").is_file() and SOURCE_ROOT.name == "game" else None


def worlds_folder() -> Path:
    """Return the folder of the worlds that came with the game: beside ``game/`` in a checkout, inside it when installed."""
    return (CHECKOUT or PACKAGE) / "worlds"


NO_FOLDER = Path(os.devnull) / APP
"""Stands for a folder of the user where there is no home: nothing can be read from it or written to it."""


def cache_folder() -> Path:
    """Return the folder of what can be computed again; ``NO_FOLDER`` where the user has no home."""
    return _of_user(user_cache_path)


def config_folder() -> Path:
    """Return the folder of the player's settings; ``NO_FOLDER`` where the user has no home."""
    return _of_user(user_config_path)


def _of_user(folder: Callable[[str], Path]) -> Path:
    with suppress(RuntimeError):  # platformdirs: neither HOME nor an entry of the user
        return folder(APP)
    return NO_FOLDER


def saves_folder(asked: str | None) -> Path:
    """Return the folder of all runs: as asked, else ``FORWARD_PASS_SAVES``, else the checkout's, else the user's data.

    Where the user has no home it is ``saves`` in the present folder.
    """
    if asked or os.environ.get("FORWARD_PASS_SAVES"):
        return Path(asked or os.environ["FORWARD_PASS_SAVES"])
    if CHECKOUT:
        return CHECKOUT / "saves"
    data = _of_user(user_data_path)
    return Path("saves") if data == NO_FOLDER else data / "saves"


def world_names() -> list[str]:
    """Return the names of the worlds that came with the game."""
    folder = worlds_folder()
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def world_folder(asked: str | None) -> Path:
    """Return the folder of a world given by name or path, or by id if it came with the game; raises ``WorldError``."""
    name = asked or FLAGSHIP
    bundled = worlds_folder() / name
    if os.sep not in name and name in world_names():
        return bundled
    if os.path.isdir(name):  # noqa: PTH112 - Path.is_dir raises on a name that is too long
        return Path(name)
    if os.path.isfile(name):  # noqa: PTH113 - as above
        within = os.path.dirname(name) or "."  # noqa: PTH120 - as it was typed
        raise WorldError((Problem(name, 1, 1, "E001", f"a world is a folder, not a file: give {within}"),))
    known = world_names()
    for folder in (worlds_folder() / bundled for bundled in known):
        if _declared_id(folder) == name:
            return folder
    message = f"unknown world{did_you_mean(name, known)}; give one of {', '.join(known)}, or a folder"
    raise WorldError((Problem(name, 1, 1, "E001", message),))


def _declared_id(folder: Path) -> str:
    """Return the id that the main file of a world declares; empty where it declares none or cannot be read."""
    with suppress(OSError):
        declared = DECLARED_ID.search((folder / "world.yaml").read_bytes())
        return declared[1].decode() if declared else ""
    return ""


Contents = list[tuple[str, bytes]]
"""The names and contents of a world's files, in the order in which they are read."""


def world_files(folder: Path) -> list[Path]:
    """Return the files that make a world, in the order in which they are read: texts, weights, calibration, glossary, hints."""
    made_of = [path for path in folder.iterdir() if path.suffix in READ or path.name == CALIBRATION]
    for beside in SIDE_FOLDERS:
        made_of += [path for path in (folder / beside).glob(f"*{TEXT}") if not (folder / beside).is_symlink()]
    return sorted(path for path in made_of if not path.name.startswith("."))


def world_hash(contents: Iterable[tuple[str, bytes]]) -> str:
    """Return the hash of a world: SHA-256 over its files' names and contents, hexadecimal."""
    digest = sha256()
    for name, content in contents:
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


WEIGHTS = "weights.fpw"
READ_BELOW = ("glossary", "hints", "corpus")


def _below_text(name: str) -> str:
    return f"has YAML files, and folders below a world are not read, but for glossary/ and hints/: move what is in {name}/ up"


def read_world_files(folder: Path) -> tuple[list[tuple[str, bytes]], list[Problem]]:
    """Return the names and contents of a world's files, and what kept any of them from being read."""
    shown = str(folder)
    contents: list[tuple[str, bytes]] = []
    try:
        files = world_files(folder)
        real = folder.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself, in Python 3.11
        return [], [Problem(shown, 1, 1, "E001", f"cannot read the folder: {getattr(error, 'strerror', '') or error}")]
    problems = [
        Problem(f"{shown}/{path.name}", 1, 1, "W013", "is not read: rename it to .yaml", "warning")
        for path in sorted(folder.glob("*.yml"))
    ]
    problems += [
        Problem(f"{shown}/{below.name}", 1, 1, "W014", _below_text(below.name), "warning")
        for below in sorted(folder.iterdir())
        if below.is_dir() and below.name not in READ_BELOW and any(below.glob("*.yaml"))
    ]
    if not any(path.suffix == TEXT for path in files):
        problems.append(Problem(shown, 1, 1, "E001", "no world here: a world is a folder of .yaml files"))
    if len(files) > MAX_FILES:
        return [], [Problem(shown, 1, 1, "E002", f"{len(files)} files; a world has at most {MAX_FILES}")]
    total = 0
    for path in files:
        name = path.relative_to(folder).as_posix()
        file = f"{shown}/{name}"
        try:
            if path.is_symlink() and not path.resolve().is_relative_to(real):
                problems.append(Problem(file, 1, 1, "E012", "a link out of the world's folder is not followed"))
                continue
            if not path.is_file():  # a pipe would be waited for
                problems.append(Problem(file, 1, 1, "E001", "cannot be read: not a regular file"))
                continue
            total += path.stat().st_size
            if total > MAX_BYTES:
                problems.append(
                    Problem(file, 1, 1, "E002", f"not read: the files of the world exceed {MAX_BYTES // 2**20} MB in total")
                )
                break
            contents.append((name, path.read_bytes()))
        except (OSError, RuntimeError) as error:
            problems.append(Problem(file, 1, 1, "E001", f"cannot be read: {getattr(error, 'strerror', '') or error}"))
    return [*contents, *_shipped_weights(contents)], problems


MODEL_NAME = re.compile(rb"^model:[ \t]*([a-z][a-z0-9-]*)[ \t]*(?:#.*)?$", re.MULTILINE)


def _shipped_weights(contents: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return the weights of the world that came with the game and is named as the model, under that name; none without one."""
    found = next((match for name, text in contents if name.endswith(TEXT) and (match := MODEL_NAME.search(text))), None)
    name = found[1].decode() if found else ""
    if name not in world_names():
        return []
    with suppress(OSError):
        return [(name, (worlds_folder() / name / WEIGHTS).read_bytes())]
    return []  # pragma: no cover - an installation without its weights
