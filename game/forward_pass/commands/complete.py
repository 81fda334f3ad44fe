"""The command ``complete``: the completion script of a shell, which ``make completions`` makes from the parser."""

from __future__ import annotations

import argparse

from forward_pass.loading.paths import PACKAGE

NAME = "complete"
HELP = "print a completion script for bash or zsh"
DESCRIPTION = (
    "Print a script with which a shell completes commands and options. For bash, add this line to ~/.bashrc: "
    'eval "$(forward-pass complete bash)". For zsh, write the script to a file named _forward-pass in a folder of $fpath: '
    "forward-pass complete zsh > FILE."
)
SHELLS = ("bash", "zsh")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("shell", choices=SHELLS, help="the shell")


def run(options: argparse.Namespace) -> int:
    """Print the script; return the exit code."""
    print((PACKAGE / "completions" / f"forward-pass.{options.shell}").read_text(encoding="utf8"), end="")
    return 0
