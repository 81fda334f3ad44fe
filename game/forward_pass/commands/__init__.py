"""The commands: a module each, with NAME, HELP, DESCRIPTION, configure(parser) and run(options); imported only when called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import argparse

COMMANDS = {  # in the order of the help: the module of each command
    "play": "play",
    "runs": "runs",
    "settings": "settings",
    "complete": "complete",
    "replay": "replay",
    "tree": "tree",
    "diff": "diff",
    "export": "export",
    "import": "import_",
    "check": "check",
    "walk": "walk",
    "stats": "stats",
    "map": "map",
    "new": "new",
    "schema": "schema",
    "endings": "endings",
    "lens": "lens",
    "lab": "lab",
    "effects": "effects",
    "words": "words",
    "directions": "directions",
    "train": "train",
}


class CommandModule(Protocol):
    """What the module of a command has."""

    NAME: str
    HELP: str
    DESCRIPTION: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the command."""
        ...

    def run(self, options: argparse.Namespace) -> int:
        """Carry the command out; return the exit code."""
        ...


def command_module(name: str) -> CommandModule:
    """Return the module of a command, imported now; raises ``KeyError`` where there is no such command."""
    return cast("CommandModule", import_module(f"{__name__}.{COMMANDS[name]}"))
