"""The command ``play``: a run played, new or continued, with the front end that fits."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from forward_pass.commands.front_end import play, print_notes, settings_or_defaults, store_of
from forward_pass.commands.options import add_saves, add_world, seed, temperature
from forward_pass.errors import UsageError
from forward_pass.loading.paths import FLAGSHIP, saves_folder
from forward_pass.loading.worlds import open_world, open_world_of_run
from forward_pass.session.launch import Sampling, Started, continue_latest, start, start_new
from forward_pass.storage.folder import resolve_run
from forward_pass.storage.journal import read_journal
from forward_pass.storage.store import RunStore
from forward_pass.story.world import World

NAME = "play"
HELP = "play a world"
DESCRIPTION = "Play a world. Each choice is saved as soon as it is taken."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--new", action="store_true", help="start a new run")
    begin.add_argument("--continue", dest="continue_", action="store_true", help="continue the run that was played last")
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
    parser.add_argument("--seed", metavar="N", type=seed, help="seed for the sampling of words (default: random)")
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """Play a run; return the exit code."""
    samples = options.seed is not None or options.temperature is not None
    if samples and (options.continue_ or options.load is not None):
        raise UsageError("--seed and --temperature apply to new runs only: a stored run has its own")
    path, world = _run_and_world(options) if options.load is not None else (None, open_world(options.world))
    store = store_of(world, options, options.world or "", Sampling(options.temperature or 0.0, options.seed))
    as_plain = options.plain or (settings_or_defaults().plain == "on" and not options.json)
    if path is not None:
        started: Started | None = start(store, store.resume(path))
    elif options.continue_:
        started = continue_latest(store)
    elif options.new or samples or options.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        started = start_new(store)
    else:
        started, as_plain = _ask(store, as_plain=as_plain)
    if started is None:
        return 0
    return play(print_notes(started), as_json=options.json, as_plain=as_plain, motion=not options.no_motion)


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
