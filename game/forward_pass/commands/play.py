"""The command ``play``: a run played, new or continued, with the front end that fits."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from forward_pass.commands.front_end import play, print_notes, settings_or_defaults, store_of
from forward_pass.commands.options import add_saves, add_world, seed, temperature
from forward_pass.errors import UsageError
from forward_pass.loading.paths import FLAGSHIP, saves_folder
from forward_pass.loading.worlds import open_world, open_world_of_run
from forward_pass.session.launch import Sampling, Started, Watch, continue_latest, start, start_at, start_new
from forward_pass.storage.folder import resolve_run
from forward_pass.storage.journal import read_journal
from forward_pass.storage.store import RunStore, StoreOptions
from forward_pass.story.state import Prior
from forward_pass.story.world import World, unsealed

if TYPE_CHECKING:
    from forward_pass.interface.jsonl import Seat

NAME = "play"
HELP = "play a world"
DESCRIPTION = "Play a world. Each choice is saved as soon as it is taken."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--new", action="store_true", help="start a new run")
    begin.add_argument("--continue", dest="continue_", action="store_true", help="continue the run that was played last")
    begin.add_argument("--at", metavar="SCENE", help="begin at a scene, by choices that lead there; a rehearsal, not stored")
    parser.add_argument(
        "--with", dest="with_", metavar="CONDITION", help="with --at: by choices after which this holds, such as 'coins == 3'"
    )
    parser.add_argument("--keep", action="store_true", help="with --at: store the rehearsal as a run")
    begin.add_argument("--load", metavar="RUN", help="continue a run, given by its file, number or name")
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--plain", action="store_true", help="plain lines: no colour, no animation, suitable for a screen reader"
    )
    parser.add_argument("--no-motion", action="store_true", help="do not animate the decoder")
    output.add_argument("--json", action="store_true", help="one JSON object per line, for programs (docs/json.md)")
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=temperature,
        help="0 takes the most likely word (the default); above 0, words are sampled",
    )
    knowing = parser.add_mutually_exclusive_group()
    knowing.add_argument("--fresh", action="store_true", help="new runs know nothing of earlier ones, whatever is stored")
    knowing.add_argument("--facts", metavar="FILE", help="new runs know what FILE says of earlier ones, as `hello` does (JSON)")
    parser.add_argument(
        "--watch", action="store_true", help="read the world again when its files change; a rehearsal, not stored"
    )
    parser.add_argument("--no-save", action="store_true", help="store no run")
    parser.add_argument("--open", action="store_true", help="show every figure, also what the world withholds; for research")
    parser.add_argument(
        "--only", metavar="REQUESTS", help="with --json: allow only these requests, separated by commas, and quit"
    )
    parser.add_argument("--protocol", type=int, choices=(1, 2), help="with --json: the version of the protocol (default: 2)")
    parser.add_argument("--seed", metavar="N", type=seed, help="seed for the sampling of words (default: random)")
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """Play a run; return the exit code."""
    samples = options.seed is not None or options.temperature is not None
    if samples and (options.continue_ or options.load is not None):
        raise UsageError("--seed and --temperature apply to new runs only: a stored run has its own")
    if options.at is None and (options.with_ is not None or options.keep):
        raise UsageError(f"{'--keep' if options.keep else '--with'} goes with --at")
    seat = _seat(options)
    path, world = _run_and_world(options) if options.load is not None else (None, open_world(options.world))
    sampling = Sampling(options.temperature or 0.0, options.seed)
    store_options = StoreOptions(
        _facts(options, world), saving=not (options.no_save or options.watch or (options.at is not None and not options.keep))
    )
    store = store_of(unsealed(world) if options.open else world, options, options.world or "", sampling, store_options)
    as_plain = options.plain or (settings_or_defaults().plain == "on" and not options.json)
    if path is not None:
        started: Started | None = start(store, store.resume(path))
    elif options.at is not None:
        started = start_at(store, options.at, options.with_)
    elif options.continue_:
        started = continue_latest(store)
    elif options.new or samples or options.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        started = start_new(store)
    else:
        started, as_plain = _ask(store, as_plain=as_plain)
    if started is None:
        return 0
    if options.watch:
        started.session.before_input = Watch(started.session, partial(open_world, options.world))
    return play(print_notes(started), seat=seat, as_plain=as_plain, motion=not options.no_motion)


def _seat(options: argparse.Namespace) -> Seat | None:
    """Return how a program plays, None where a person does; raises ``UsageError``."""
    if not options.json:
        for name in ("only", "protocol"):
            if getattr(options, name) is not None:
                raise UsageError(f"--{name} goes with --json")
        return None
    from forward_pass.interface.json_requests import REQUESTS  # noqa: PLC0415 - people play without
    from forward_pass.interface.jsonl import LATEST, Seat  # noqa: PLC0415 - as above

    only = list(REQUESTS) if options.only is None else [name for name in options.only.split(",") if name]
    unknown = [name for name in only if name not in REQUESTS]
    if unknown:
        raise UsageError(f"no request is called {unknown[0]!r}; there are {', '.join(REQUESTS)}")
    return Seat(options.protocol or LATEST, tuple(dict.fromkeys([*only, "quit"])), options.open)


def _facts(options: argparse.Namespace, world: World) -> Prior | None:
    """Return what new runs are given to know of earlier ones; None where the kept runs say it. Raises ``UsageError``."""
    if options.fresh:
        return Prior()
    if options.facts is None:
        return None
    try:
        row = json.loads(Path(options.facts).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{options.facts}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{options.facts}: not JSON") from None
    return _prior(row, world, options.facts)


def _prior(row: object, world: World, name: str) -> Prior:
    """Return the facts in a JSON object; raises ``UsageError`` where it has others, or names what the world has not."""
    match row:
        case {"instantiation": int(number), "found": list(found), "met": list(met), **others} if (
            type(number) is int and number > 0 and not others
        ):
            pass
        case _:
            raise UsageError(f'{name}: expected {{"instantiation":N,"found":[ENDING, …],"met":[SCENE, …]}}, as `hello` has it')
    for what, names, known in (("ending", found, world.endings), ("scene", met, world.scenes)):
        odd = next((one for one in names if not isinstance(one, str) or one not in known), None)
        if odd is not None:
            raise UsageError(f"{name}: {world.title} has no {what} {odd!r}")
    return Prior(number, frozenset(found), frozenset(met) & world.scenes_remembered)


def _ask(store: RunStore, *, as_plain: bool, bare: bool = False) -> tuple[Started | None, bool]:
    from forward_pass.interface.title import show_title  # noqa: PLC0415 - a run that is named needs no title

    started, chose_plain = show_title(store, bare=bare)
    return started, as_plain or chose_plain


def run_without_command(saves: str | None) -> int:
    """Play without a command: the title on a terminal, otherwise a new run in plain lines."""
    world = open_world(None)
    store = store_of(world, argparse.Namespace(saves=saves))
    as_plain = settings_or_defaults().plain == "on"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return play(print_notes(start_new(store)), as_plain=True)
    started, as_plain = _ask(store, as_plain=as_plain, bare=True)
    return play(print_notes(started), as_plain=as_plain) if started else 0


def _run_and_world(options: argparse.Namespace) -> tuple[Path, World]:
    """Return the file of RUN and the world to play it in: WORLD if given, otherwise the one that its header names."""
    saves = saves_folder(options.saves)
    if options.world:
        world = open_world(options.world)
        return resolve_run(saves, world.id, options.load), world
    path = resolve_run(saves, FLAGSHIP, options.load)
    return path, open_world_of_run(read_journal(path).header.world)
