"""The commands. The only place where an error becomes an exit code, and where the clock and chance are asked.

0 fine; 1 the world, run or check has problems, or it does not exist; 2 wrong usage; 130, 143, 129 on SIGINT, SIGTERM, SIGHUP.
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
from forward_pass.commands.arguments import Commands, add_looks, add_saves, add_world
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

MOST_SEED = 2**31 - 1
SHELLS = ("bash", "zsh")


def run(arguments: list[str]) -> int:
    """Carry out a command line and return its exit code."""
    _heed_signals()
    _ready_streams()
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
    except OSError as error:  # nothing can be printed any more, or nothing read
        discard_stdout()
        return report_error(f"forward-pass: {error.strerror or error}", 1)
    return code


def report_error(message: str, code: int) -> int:
    """Say what went wrong, where there is anywhere to say it; return the exit code."""
    try:
        print(message, end="\n" if message else "", file=sys.stderr, flush=True)
    except OSError:
        _let_go_of(sys.stderr)
    return code


def _dispatch(arguments: list[str]) -> int:
    try:
        asked = _parser(arguments[0] if arguments else None).parse_args(arguments)
    except SystemExit as left:  # argparse has said what there was to say
        return report_error("", int(left.code or 0))
    code: int = asked.carry_out(asked)
    return code


def _heed_signals() -> None:
    def interrupt(number: int, _frame: object) -> NoReturn:
        raise Interrupted(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup, for one, has it ignored
            signal.signal(number, interrupt)


def _ready_streams() -> None:
    """See to it that there are three streams, and that a byte that is no character is no reason to lose a run."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf8"))  # noqa: SIM115 - open to the end
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def discard_stdout() -> None:
    """Point standard output nowhere, so that nothing is said about a pipe that somebody closed."""
    _let_go_of(sys.stdout)


def _let_go_of(stream: TextIO) -> None:
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Parser(argparse.ArgumentParser):
    """A parser that asks how wide the terminal is when it has something to say, and not for every option that it is given."""

    columns = 80

    def format_help(self) -> str:
        """Return all that there is to say, set to the terminal."""
        from forward_pass.session.plain_text import terminal_columns

        self.columns = terminal_columns()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Say what was wrong, where anything can be said, and leave; where nothing can, argparse failed up to Python 3.11.2."""
        raise SystemExit(report_error(f"{self.format_usage()}{self.prog}: error: {message}", 2))

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(self.prog, width=self.columns - 2)


def _parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands, or where it is ``play`` that was asked for, of that alone, in a third of the time."""
    parser: argparse.ArgumentParser = _Parser(
        prog="forward-pass",
        description="A text adventure in which you are the model, in the middle of one forward pass.",
        epilog="Without a command: the title on a terminal, otherwise play --plain. Each command explains itself: play --help.",
    )
    parser.add_argument("--version", action="version", version=f"forward-pass {__version__}")
    parser.add_argument("--saves", metavar="DIR", help="the folder in which runs are kept, one folder a world")
    parser.set_defaults(carry_out=_title)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_play(commands)
    if command == "play":
        return parser
    from forward_pass.commands import authoring, model, runs

    _add_runs(commands)
    _add_settings(commands)
    _add_complete(commands)
    runs.add_all(commands, runs.CommandContext(open_world, _keeper, _played, _on_terminal))
    authoring.add_all(commands, open_world, (_seed, _temperature))
    model.add_all(commands, open_world)
    return parser


def _add_play(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("play", help="play a world", description="Play a world. Every choice is kept as it is taken.")
    add_world(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--new", action="store_true", help="begin a new run")
    which.add_argument("--continue", dest="continue_", action="store_true", help="go on with the run played last")
    which.add_argument("--load", metavar="RUN", help="go on with a run: its file, number or name")
    look = parser.add_mutually_exclusive_group()
    look.add_argument("--plain", action="store_true", help="plain lines: no colour, no movement, good for a screen reader")
    parser.add_argument("--no-motion", action="store_true", help="do not show the decoder as it comes")
    look.add_argument("--json", action="store_true", help="one JSON object a line, for programs (docs/json.md)")
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=_temperature,
        help="0 takes the likeliest word (the default); above, words are drawn",
    )
    parser.add_argument("--seed", metavar="N", type=_seed, help="the seed that words are drawn with")
    add_saves(parser)
    parser.set_defaults(carry_out=_play)


def _add_runs(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("runs", help="list the runs that are kept", description="List the runs of a world.")
    add_world(parser)
    parser.add_argument("--forget", metavar="RUN", help="move a run to .trash/")
    add_looks(parser, "plain lines (the same list)", "one JSON object a line")
    add_saves(parser)
    parser.set_defaults(carry_out=_runs)


def _add_settings(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "settings",
        help="what is settled once: motion, measure, colour, plain",
        description="List the settings, or settle something: settings motion off, settings measure 60, "
        "settings colour light, settings plain on.",
    )
    parser.add_argument("key", metavar="KEY", nargs="?", help="motion, measure, colour or plain")
    parser.add_argument("value", metavar="VALUE", nargs="?", help="what it shall be")
    add_looks(parser, "plain lines (the same list)")
    parser.set_defaults(carry_out=_settings)


def _add_complete(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "complete",
        help="what a shell needs to complete these commands",
        description='Print what a shell reads to complete commands and options. For bash: eval "$(forward-pass complete '
        'bash)" in ~/.bashrc. For zsh: forward-pass complete zsh > a file named _forward-pass in a folder of $fpath.',
    )
    parser.add_argument("shell", choices=SHELLS, help="which shell")
    parser.set_defaults(carry_out=_complete)


def _temperature(text: str) -> float:
    try:
        temperature = float(text)
    except ValueError:
        temperature = -1.0
    if not 0 <= temperature <= 100:  # noqa: PLR2004 - beyond, every word is as likely as any
        raise argparse.ArgumentTypeError(f"a temperature is a number from 0 to 100, not {text!r}")
    return temperature


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MOST_SEED):  # noqa: PLR2004 - digits
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 to {MOST_SEED}, not {text!r}")
    return int(text)


# -- worlds and runs ------------------------------------------------------------------------------------------------


def open_world(asked: str | None) -> World:
    """Return a world that can be played; raises ``WorldError`` with every problem where it cannot."""
    folder = world_folder(asked)
    contents, problems = read_world_files(folder)
    name = folder.resolve().name
    world = None if problems else read_cached_world(folder, contents)
    if world is not None:
        return world
    from forward_pass.loading.loader import read_contents
    from forward_pass.story.world import World

    reading = read_contents(name, str(folder), contents, problems)
    if reading.data is None:
        raise WorldError(reading.problems)
    cache_world(contents, reading.data)
    return World(reading.data, folder)


def _keeper(world: World, measure: PassPort, asked: argparse.Namespace) -> RunStore:
    from forward_pass.storage.store import RunStore

    keeper = RunStore(saves_folder(asked.saves), world, measure, _headers(world, asked), called=asked.world or "")
    keeper.program = _program()
    return keeper


def _program() -> str:
    """Return the game's name where a shell finds it, or the path of it by which this was started."""
    found = any(os.access(os.path.join(folder, APP), os.X_OK) for folder in os.get_exec_path())  # noqa: PTH118 - a start's time
    return APP if found or os.path.basename(sys.argv[0]) != APP else sys.argv[0]  # noqa: PTH119 - the same


def _headers(world: World, asked: argparse.Namespace) -> Callable[[Prior], Header]:
    """Return what makes the header of a run begun now: the clock and chance are asked here and nowhere else."""
    from forward_pass.storage.journal import Header

    def header(facts: Prior) -> Header:
        return Header(
            world=world.id,
            version=world.version,
            hash=world.hash,
            weights=world.weights,
            seed=int.from_bytes(os.urandom(4)) % MOST_SEED if getattr(asked, "seed", None) is None else asked.seed,
            temperature=getattr(asked, "temperature", None) or 0.0,
            prior=facts,
            created_at=time.strftime(
                "%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()
            ),  # without the 4 ms that datetime takes to import
        )

    return header


# -- commands -------------------------------------------------------------------------------------------------------


def _on_terminal() -> bool:
    from forward_pass.session.plain_text import on_terminal

    return on_terminal()


def _title(asked: argparse.Namespace) -> int:
    rest = {"world": None, "continue_": False, "new": False, "load": None, "json": False, "temperature": None, "seed": None}
    for key, value in rest.items():
        setattr(asked, key, value)
    asked.plain = not (sys.stdin.isatty() and sys.stdout.isatty())
    asked.new = asked.plain
    return _play(asked, bare=True)


def _play(asked: argparse.Namespace, *, bare: bool = False) -> int:
    from forward_pass.network.passes import open_pass

    if (asked.continue_ or asked.load is not None) and (asked.seed is not None or asked.temperature is not None):
        raise UsageError("a kept run has its own seed and temperature: leave --seed and --temperature out")
    world = open_world(_world_of_load(asked))
    keeper = _keeper(world, open_pass(world), asked)
    settled = _settled()
    asked.plain = asked.plain or (settled.plain == "on" and not asked.json)
    by_hand = sys.stdin.isatty() and sys.stdout.isatty() and not asked.json
    begun = _begun(asked, keeper, by_hand=by_hand, bare=bare)
    if begun is None:
        return 0
    for note in begun.notes:
        print(note, file=sys.stderr)
    asked.plain = asked.plain or begun.plain
    return _played(begun.play, asked)


def _played(play: Session, asked: argparse.Namespace) -> int:
    """Play a run with the front end that was asked for, to where whoever plays leaves."""
    try:
        if asked.json:
            from forward_pass.interface import jsonl

            jsonl.run(play)
        elif not asked.plain and _on_terminal():
            from forward_pass.interface import terminal as front
            from forward_pass.session.settings import read_settings

            front.run(play, motion=not getattr(asked, "no_motion", False) and read_settings()[0].motion == "on")
        else:
            from forward_pass.interface import plain
            from forward_pass.interface.tty import restore_line_mode

            restore_line_mode()
            plain.run(play)
    except (KeyboardInterrupt, Interrupted):
        _say_where(play)
        raise
    finally:
        play.store.close()
    return 0


def _settled() -> Settings:
    """Return the settings; what is wrong with their file is said and passed over."""
    from forward_pass.session.settings import read_settings

    settled, problems = read_settings()
    for problem in problems:
        print(problem, file=sys.stderr)
    return settled


def _say_where(play: Session) -> None:
    """Say where the run is kept, on the way out; the terminal may be gone already."""
    with suppress(OSError, ValueError):
        print(f"\n{play.quit_event().text}", file=sys.stderr)


def _world_of_load(asked: argparse.Namespace) -> str | None:
    """Return the world that is asked for; with ``--load``, the one in the run's header unless one was named."""
    if asked.load is None or asked.world:
        return str(asked.world) if asked.world else None
    return _run_and_world(asked.load, asked)[1]


def _begun(asked: argparse.Namespace, keeper: RunStore, *, by_hand: bool, bare: bool) -> StartedSession | None:
    """Return play as it was asked for; None where whoever plays thought better of it."""
    from forward_pass.interface.title import StartedSession, continue_latest, show_title, start_new
    from forward_pass.session.session import Session

    if asked.continue_:
        return continue_latest(keeper)
    if asked.load is not None:
        run, notes = keeper.resume(_run_and_world(asked.load, asked)[0])
        return StartedSession(Session(keeper.world, keeper.measure, keeper, run), notes)
    if by_hand and not asked.new and asked.seed is None and asked.temperature is None:
        return show_title(keeper, bare=bare)
    return start_new(keeper)


def _run_and_world(run: str, asked: argparse.Namespace) -> tuple[Path, str]:
    """Return the file of RUN and the world that plays it: the one that was named, else the header's."""
    from forward_pass.storage.journal import read_journal, resolve_run

    named = getattr(asked, "world", None)
    path = resolve_run(saves_folder(asked.saves), Path(named).resolve().name if named else FLAGSHIP, run)
    world = read_journal(path).header.world
    return path, named or world


def _runs(asked: argparse.Namespace) -> int:
    import json

    from forward_pass.storage.files import forget
    from forward_pass.storage.journal import resolve_run
    from forward_pass.storage.listing import summaries

    folder = world_folder(asked.world)
    world = open_world(str(folder))
    saves = saves_folder(asked.saves)
    if asked.forget is not None:
        path = resolve_run(saves, world.id, asked.forget)
        print(f"{path.name} lies in {forget(path).parent}")
        return 0
    rows = summaries(saves / world.id, world)
    for row in rows:
        print(json.dumps({"type": "run", **row._asdict()}, ensure_ascii=False) if asked.json else row)
    if not rows and not asked.json:
        print(f"No run of {world.title} is kept in {saves} yet.")
    return 0


def _settings(asked: argparse.Namespace) -> int:
    import json

    from forward_pass.session.settings import ALLOWED, DESCRIPTIONS, settings_file, validate_setting, write_setting

    if asked.value is not None:
        print(f"{asked.key} = {asked.value}, in {write_setting(asked.key, asked.value)}")
        return 0
    settled = _settled()._asdict()
    if asked.key is not None and asked.key not in settled:
        validate_setting(asked.key, "")
    if asked.json:
        print(json.dumps({"type": "settings", "file": str(settings_file()), **settled}, ensure_ascii=False))
        return 0
    for key, value in settled.items():
        if asked.key in (None, key):
            print(f"{key} = {value}\n  {DESCRIPTIONS[key]}: {ALLOWED[key][1]}")
    return 0


def _complete(asked: argparse.Namespace) -> int:
    """Print the completion of a shell, as it was made from the parser by ``make completions``."""
    print((Path(__file__).parent / "completions" / f"forward-pass.{asked.shell}").read_text(encoding="utf8"), end="")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, from which the completions of shells are made."""
    return _parser()
