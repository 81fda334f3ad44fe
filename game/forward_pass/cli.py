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
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from forward_pass import __version__
from forward_pass.commands.arguments import Subparsers, add_output_options, add_saves, add_world
from forward_pass.errors import ForwardPassError, Interrupted, UsageError, WorldError
from forward_pass.loading.paths import (
    APP,
    FLAGSHIP,
    cache_world,
    read_cached_world,
    read_world_files,
    saves_folder,
    world_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from forward_pass.interface.title import StartedSession
    from forward_pass.session.session import Session
    from forward_pass.session.settings import Settings
    from forward_pass.storage.journal import Header
    from forward_pass.storage.store import RunStore
    from forward_pass.story.distribution import PassPort
    from forward_pass.story.state import Prior
    from forward_pass.story.world import World

MAX_SEED = 2**31 - 1
MAX_TEMPERATURE = 100  # above it, all words are practically equally likely
SHELLS = ("bash", "zsh")


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
        from forward_pass.session.plain_text import terminal_columns

        self.columns = terminal_columns()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print usage and message and exit with 2. Until Python 3.11.2, argparse's own method fails without a stderr."""
        raise SystemExit(report_error(f"{self.format_usage()}{self.prog}: error: {message}", 2))

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(self.prog, width=self.columns - 2)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands; of ``play`` alone if ``command`` is ``play``, in a third of the time."""
    parser: argparse.ArgumentParser = _Parser(
        prog="forward-pass",
        description="A text adventure in which you are the model, in the middle of one forward pass.",
        epilog="Without a command: the title screen on a terminal, play --plain elsewhere. For the options of a command, type "
        "its name and --help: forward-pass play --help.",
    )
    parser.add_argument("--version", action="version", version=f"forward-pass {__version__}")
    parser.add_argument("--saves", metavar="DIR", help="folder in which runs are stored, with a folder for each world")
    parser.set_defaults(handler=_run_title)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_play(subparsers)
    if command == "play":
        return parser
    from forward_pass.commands import authoring, model, runs

    _add_runs(subparsers)
    _add_settings(subparsers)
    _add_complete(subparsers)
    runs.add_all(subparsers, runs.CommandContext(open_world, _open_store, _play_session, _on_terminal))
    authoring.add_all(subparsers, open_world, (_parse_seed, _parse_temperature))
    model.add_all(subparsers, open_world)
    return parser


def _add_play(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "play", help="play a world", description="Play a world. Each choice is saved as soon as it is taken."
    )
    add_world(parser)
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--new", action="store_true", help="start a new run")
    start.add_argument("--continue", dest="continue_", action="store_true", help="continue the run that was played last")
    start.add_argument("--load", metavar="RUN", help="continue a run, given by its file, number or name")
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--plain", action="store_true", help="plain lines: no colour, no animation, suitable for a screen reader"
    )
    parser.add_argument("--no-motion", action="store_true", help="do not animate the decoder")
    output.add_argument("--json", action="store_true", help="one JSON object per line, for programs (docs/json.md)")
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=_parse_temperature,
        help="0 takes the most likely word (the default); above 0, words are sampled",
    )
    parser.add_argument("--seed", metavar="N", type=_parse_seed, help="seed for the sampling of words (default: random)")
    add_saves(parser)
    parser.set_defaults(handler=_run_play)


def _add_runs(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "runs", help="list the stored runs of a world", description="List the stored runs of a world."
    )
    add_world(parser)
    parser.add_argument("--forget", metavar="RUN", help="move a run to the folder .trash/")
    add_output_options(parser, "plain lines (same as the default)", "one JSON object per line")
    add_saves(parser)
    parser.set_defaults(handler=_run_runs)


def _add_settings(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "settings",
        help="list or change settings: motion, measure, colour, plain",
        description="List the settings, or change one: settings motion off, settings measure 60, settings colour light, "
        "settings plain on.",
    )
    parser.add_argument("key", metavar="KEY", nargs="?", help="motion, measure (width of prose in columns), colour or plain")
    parser.add_argument("value", metavar="VALUE", nargs="?", help="the new value")
    add_output_options(parser, "plain lines (same as the default)")
    parser.set_defaults(handler=_run_settings)


def _add_complete(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "complete",
        help="print a completion script for bash or zsh",
        description="Print a script with which a shell completes commands and options. For bash, add this line to ~/.bashrc: "
        'eval "$(forward-pass complete bash)". For zsh, write the script to a file named _forward-pass in a folder of $fpath: '
        "forward-pass complete zsh > FILE.",
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    parser.set_defaults(handler=_run_complete)


def _parse_temperature(text: str) -> float:
    try:
        temperature = float(text)
    except ValueError:
        temperature = -1.0
    if not 0 <= temperature <= MAX_TEMPERATURE:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {MAX_TEMPERATURE}, not {text!r}")
    return temperature


def _parse_seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAX_SEED):  # noqa: PLR2004 - digits
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {MAX_SEED}, not {text!r}")
    return int(text)


# -- worlds and runs ------------------------------------------------------------------------------------------------


def open_world(name: str | None) -> World:
    """Return the world with this name or folder, or the flagship; raises ``WorldError`` with every problem in its files."""
    folder = world_folder(name)
    contents, problems = read_world_files(folder)
    world_id = folder.resolve().name
    world = None if problems else read_cached_world(folder, contents)
    if world is not None:
        return world
    from forward_pass.loading.loader import read_contents
    from forward_pass.story.world import World

    reading = read_contents(world_id, str(folder), contents, problems)
    if reading.data is None:
        raise WorldError(reading.problems)
    cache_world(contents, reading.data)
    return World(reading.data, folder)


def _open_store(world: World, pass_port: PassPort, options: argparse.Namespace) -> RunStore:
    from forward_pass.storage.store import RunStore

    store = RunStore(
        saves_folder(options.saves), world, pass_port, _header_factory(world, options), world_argument=options.world or ""
    )
    store.program = _program_name()
    return store


def _program_name() -> str:
    """Return how a player can start the game: its name if a shell finds it, otherwise the path it was started with."""
    on_path = any(os.access(os.path.join(folder, APP), os.X_OK) for folder in os.get_exec_path())  # noqa: PTH118 - faster start
    return APP if on_path or os.path.basename(sys.argv[0]) != APP else sys.argv[0]  # noqa: PTH119 - faster start


def _header_factory(world: World, options: argparse.Namespace) -> Callable[[Prior], Header]:
    """Return a function that makes the header of a new run, with the present time and, unless given, a random seed."""
    from forward_pass.storage.journal import Header

    def header(prior: Prior) -> Header:
        return Header(
            world=world.id,
            version=world.version,
            hash=world.hash,
            weights=world.weights,
            seed=int.from_bytes(os.urandom(4)) % MAX_SEED if getattr(options, "seed", None) is None else options.seed,
            temperature=getattr(options, "temperature", None) or 0.0,
            prior=prior,
            created_at=time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),  # importing datetime takes 4 ms
        )

    return header


# -- commands -------------------------------------------------------------------------------------------------------


def _on_terminal() -> bool:
    from forward_pass.session.plain_text import is_interactive

    return is_interactive()


def _run_title(options: argparse.Namespace) -> int:
    """Run the program without a command: the title on a terminal, otherwise a new run in plain lines."""
    play_defaults = {
        "world": None,
        "continue_": False,
        "new": False,
        "load": None,
        "json": False,
        "temperature": None,
        "seed": None,
    }
    for key, value in play_defaults.items():
        setattr(options, key, value)
    options.plain = not (sys.stdin.isatty() and sys.stdout.isatty())
    options.new = options.plain
    return _run_play(options, bare=True)


def _run_play(options: argparse.Namespace, *, bare: bool = False) -> int:
    from forward_pass.network.passes import open_pass

    resumes = options.continue_ or options.load is not None
    if resumes and (options.seed is not None or options.temperature is not None):
        raise UsageError("--seed and --temperature apply to new runs only: a stored run has its own")
    world = open_world(_world_name(options))
    store = _open_store(world, open_pass(world), options)
    settings = _load_settings()
    options.plain = options.plain or (settings.plain == "on" and not options.json)
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and not options.json
    started = _start_session(options, store, interactive=interactive, bare=bare)
    if started is None:
        return 0
    for note in started.notes:
        print(note, file=sys.stderr)
    options.plain = options.plain or started.plain
    return _play_session(started.session, options)


def _play_session(session: Session, options: argparse.Namespace) -> int:
    """Play a session with the front end that the options select, until the player quits."""
    try:
        if options.json:
            from forward_pass.interface import jsonl

            jsonl.run(session)
        elif not options.plain and _on_terminal():
            from forward_pass.interface import terminal
            from forward_pass.session.settings import read_settings

            terminal.run(session, motion=not getattr(options, "no_motion", False) and read_settings()[0].motion == "on")
        else:
            from forward_pass.interface import plain
            from forward_pass.interface.tty import restore_line_mode

            restore_line_mode()
            plain.run(session)
    except (KeyboardInterrupt, Interrupted):
        _print_quit_message(session)
        raise
    finally:
        session.store.close()
    return 0


def _load_settings() -> Settings:
    """Return the settings; print problems of their file on standard error and use the defaults for those settings."""
    from forward_pass.session.settings import read_settings

    settings, problems = read_settings()
    for problem in problems:
        print(problem, file=sys.stderr)
    return settings


def _print_quit_message(session: Session) -> None:
    """Print where the run is stored, unless the terminal is gone already."""
    with suppress(OSError, ValueError):
        print(f"\n{session.quit_event().text}", file=sys.stderr)


def _world_name(options: argparse.Namespace) -> str | None:
    """Return WORLD if given; otherwise, with ``--load``, the world that the run's header names; otherwise None."""
    if options.load is None or options.world:
        return str(options.world) if options.world else None
    return _resolve_run_and_world(options.load, options)[1]


def _start_session(options: argparse.Namespace, store: RunStore, *, interactive: bool, bare: bool) -> StartedSession | None:
    """Return the session that the options select; None if the player quits at the title. ``bare`` means without a command."""
    from forward_pass.interface.title import StartedSession, continue_latest, show_title, start_new
    from forward_pass.session.session import Session

    if options.continue_:
        return continue_latest(store)
    if options.load is not None:
        run, notes = store.resume(_resolve_run_and_world(options.load, options)[0])
        return StartedSession(Session(store.world, store.pass_port, store, run), notes)
    if interactive and not options.new and options.seed is None and options.temperature is None:
        return show_title(store, bare=bare)
    return start_new(store)


def _resolve_run_and_world(run: str, options: argparse.Namespace) -> tuple[Path, str]:
    """Return the file of RUN and the world to play it in: WORLD if given, otherwise the one that its header names."""
    from forward_pass.storage.journal import read_journal, resolve_run

    name = getattr(options, "world", None)
    path = resolve_run(saves_folder(options.saves), Path(name).resolve().name if name else FLAGSHIP, run)
    world = read_journal(path).header.world
    return path, name or world


def _run_runs(options: argparse.Namespace) -> int:
    import json

    from forward_pass.storage.files import forget
    from forward_pass.storage.journal import resolve_run
    from forward_pass.storage.listing import summaries

    folder = world_folder(options.world)
    world = open_world(str(folder))
    saves = saves_folder(options.saves)
    if options.forget is not None:
        path = resolve_run(saves, world.id, options.forget)
        print(f"Moved {path.name} to {forget(path).parent}")
        return 0
    rows = summaries(saves / world.id, world)
    for row in rows:
        print(json.dumps({"type": "run", **row._asdict()}, ensure_ascii=False) if options.json else row)
    if not rows and not options.json:
        print(f"There are no runs of {world.title} in {saves} yet.")
    return 0


def _run_settings(options: argparse.Namespace) -> int:
    import json

    from forward_pass.session.settings import ALLOWED, DESCRIPTIONS, settings_file, validate_setting, write_setting

    if options.value is not None:
        print(f"{options.key} = {options.value}, in {write_setting(options.key, options.value)}")
        return 0
    settings = _load_settings()._asdict()
    if options.key is not None and options.key not in settings:
        validate_setting(options.key, "")
    if options.json:
        print(json.dumps({"type": "settings", "file": str(settings_file()), **settings}, ensure_ascii=False))
        return 0
    for key, value in settings.items():
        if options.key in (None, key):
            print(f"{key} = {value}\n  {DESCRIPTIONS[key]}: {ALLOWED[key][1]}")
    return 0


def _run_complete(options: argparse.Namespace) -> int:
    """Print the completion script of a shell, which ``make completions`` generates from the parser."""
    print((Path(__file__).parent / "completions" / f"forward-pass.{options.shell}").read_text(encoding="utf8"), end="")
    return 0
