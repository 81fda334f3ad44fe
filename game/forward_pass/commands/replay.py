"""The command ``replay``: a run replayed turn by turn, its digests verified."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from forward_pass.commands.front_end import play, print_notes, read_run, store_of
from forward_pass.commands.options import RUN_HELP, add_output_options, add_saves, speed, turn_number, turn_numbers
from forward_pass.errors import UsageError
from forward_pass.interface import jsonl, plain
from forward_pass.loading.worlds import open_world_of_run
from forward_pass.network.passes import open_pass
from forward_pass.session.ablation import ablate, ablation_lines, ablation_objects, act_lines, act_objects
from forward_pass.session.launch import start
from forward_pass.session.plain_text import is_interactive, text_width
from forward_pass.session.run_commands import display_name
from forward_pass.storage.journal import Journal
from forward_pass.storage.replay import replay_run
from forward_pass.story.history import Run
from forward_pass.story.world import World

NAME = "replay"
HELP = "replay a run and verify its digests"
DESCRIPTION = (
    "Replay a run turn by turn and compare the digest of each turn with the recorded one. On a terminal the "
    "run is shown at reading speed and can be paused, stepped through and forked; elsewhere it is printed."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--to", metavar="N", type=turn_number, help="stop after turn N; the first turn is 1")
    parser.add_argument("--speed", metavar="S", type=speed, default=1.0, help="S times reading speed; 0 advances by key only")
    parser.add_argument(
        "--without",
        metavar="N[,N...]",
        type=turn_numbers,
        help="replay without the interventions of turn N, or of several, and compare",
    )
    parser.add_argument("--acts", action="store_true", help="list every act with what it was worth, and what decided the word")
    add_output_options(parser, "plain lines, without pauses", "one JSON object per line, for programs")
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """Replay a run; return 1 if it is not identical to its record."""
    path, journal = read_run(options.run, options.saves)
    world = open_world_of_run(journal.header.world)
    to = len(journal.turns) if options.to is None else options.to
    if options.to == 0:
        raise UsageError("--to must be at least 1: the first turn is turn 1")
    if to > len(journal.turns):
        raise UsageError(f"{path.name} has {len(journal.turns)} turns; there is no turn {to}")
    result = replay_run(world, open_pass(world), journal, to)
    for note in result.notes:
        print(note, file=sys.stderr)
    code = 0 if result.identical_turns == to and not journal.fault and not result.weights_changed else 1
    if options.without is not None:
        return _show_ablation(options, result.run, journal) if not code else _refuse_ablation(result.summary)
    if options.acts:
        return _show_acts(options, result.run, code)
    if options.json:
        jsonl.show_replay(result)
    elif options.plain or not is_interactive():
        plain.show_replay(result)
    else:
        from forward_pass.interface.replay_viewer import view_replay  # noqa: PLC0415 - plain lines need no prompt_toolkit

        turn = view_replay(result, options.speed)
        print(result.summary)
        return code if turn is None else _play_fork(options, world, path, turn)
    return code


def _show_acts(options: argparse.Namespace, run: Run, code: int) -> int:
    if options.json:
        for row in act_objects(run):
            print(json.dumps(row, ensure_ascii=False))
    else:
        print("\n".join(act_lines(run, text_width())))
    return code


def _refuse_ablation(summary: str) -> int:
    print(f"forward-pass: --without needs a run that replays as recorded: {summary}", file=sys.stderr)
    return 1


def _show_ablation(options: argparse.Namespace, run: Run, journal: Journal) -> int:
    ablation = ablate(run, options.without, journal.header.temperature, journal.header.seed)
    if options.json:
        for row in ablation_objects(ablation):
            print(json.dumps(row, ensure_ascii=False))
    elif options.plain or not is_interactive():
        print("\n".join(ablation_lines(ablation, text_width())))
    else:
        from forward_pass.interface.widgets import page_through  # noqa: PLC0415 - as above

        turns = ", ".join(map(str, options.without))
        heading = f"{display_name(options.run)} without the interventions of turn {turns}"
        page_through(heading, lambda columns: ablation_lines(ablation, columns, bars=True))
    return 0


def _play_fork(options: argparse.Namespace, world: World, path: Path, turn: int) -> int:
    """Fork a run at a turn and play the fork."""
    store = store_of(world, options, world.id)
    return play(print_notes(start(store, store.fork(path, turn))))
