"""The command line. The only place where an error becomes an exit code, and where the clock and randomness are read.

Exit codes: 0 success; 1 a world, run or check has problems or does not exist; 2 wrong usage; 130, 143, 129 on SIGINT, SIGTERM,
SIGHUP.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TextIO

from forward_pass import __version__
from forward_pass.commands import COMMANDS, command_module
from forward_pass.errors import ForwardPassError, Interrupted, UsageError, WorldError
from forward_pass.loading.paths import APP


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code."""
    _install_signal_handlers()
    _prepare_streams()
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
        return 0
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Interrupted as interrupted:
        return 128 + interrupted.number
    except WorldError as error:
        return report_error(f"{error}", 1)
    except UsageError as error:
        return report_error(f"forward-pass: {error}", 2)
    except ForwardPassError as error:
        return report_error(f"forward-pass: {error}", 1)
    except OSError as error:  # a standard stream cannot be written or read
        discard_stdout()
        return report_error(f"forward-pass: {error.strerror or error}", 1)
    return code


def report_error(message: str, code: int) -> int:
    """Print a message on standard error, if that can be written; return ``code``."""
    try:
        print(message, end="\n" if message else "", file=sys.stderr, flush=True)
    except OSError:
        _redirect_to_devnull(sys.stderr)
    return code


def _dispatch(arguments: list[str]) -> int:
    try:
        options = build_parser(arguments[0] if arguments else None).parse_args(arguments)
    except SystemExit as error:  # argparse has printed help, the version or an error
        return report_error("", int(error.code or 0))
    if getattr(options, "json", False) or "output" in options:  # JSON and documents are UTF-8 in any locale
        for stream in (sys.stdin, sys.stdout):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf8")
    code: int = options.handler(options)
    return code


def _install_signal_handlers() -> None:
    def interrupt(number: int, _frame: object) -> NoReturn:
        raise Interrupted(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP, and that must stay so
            signal.signal(number, interrupt)


def _prepare_streams() -> None:
    """Open missing standard streams on the null device, and replace bytes that cannot be decoded instead of failing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf8"))  # noqa: SIM115 - open until the process ends
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def discard_stdout() -> None:
    """Redirect standard output to the null device, so that Python's flush at exit does not fail on a closed pipe."""
    _redirect_to_devnull(sys.stdout)


def _redirect_to_devnull(stream: TextIO) -> None:
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Parser(argparse.ArgumentParser):
    """A parser that looks up the terminal's width only when it prints help; argparse does so for each option added."""

    columns = 80

    def format_help(self) -> str:
        """Return the help text, wrapped to the terminal's width."""
        from forward_pass.session.plain_text import terminal_columns  # noqa: PLC0415 - only help needs it

        self.columns = terminal_columns()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print usage and message and exit with 2. Until Python 3.11.2, argparse's own method fails without a stderr."""
        raise SystemExit(report_error(f"{self.format_usage()}{self.prog}: error: {message}", 2))

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(self.prog, width=self.columns - 2)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of a command, or, where there is no such command, of all: each imports what it needs."""
    parser: argparse.ArgumentParser = _Parser(
        prog=APP,
        description="A text adventure in which you are the model, in the middle of one forward pass.",
        epilog="Without a command: the title screen on a terminal, play --plain elsewhere. For the options of a command, type "
        "its name and --help: forward-pass play --help.",
    )
    parser.add_argument("--version", action="version", version=f"{APP} {__version__}")
    parser.add_argument("--saves", metavar="DIR", help="folder in which runs are stored, with a folder for each world")
    parser.set_defaults(handler=_run_without_command)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in (command,) if command in COMMANDS else COMMANDS:
        module = command_module(name)
        subparser = subparsers.add_parser(module.NAME, help=module.HELP, description=module.DESCRIPTION)
        module.configure(subparser)
        subparser.set_defaults(handler=module.run)
    return parser


def _run_without_command(options: argparse.Namespace) -> int:
    from forward_pass.commands.play import run_without_command  # noqa: PLC0415 - the other commands do without

    return run_without_command(options.saves)
