"""The command ``tree``: all runs of a world as one tree."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from forward_pass.commands.front_end import play, print_notes, store_of
from forward_pass.commands.options import add_output_options, add_saves, add_world
from forward_pass.errors import UsageError
from forward_pass.loading.paths import saves_folder
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_pass
from forward_pass.session.branches import count_untaken, replay_verdict, tree_lines, tree_object
from forward_pass.session.launch import start_fork
from forward_pass.session.plain_text import is_interactive, text_width
from forward_pass.session.run_map import map_object, run_map_lines
from forward_pass.session.transcript import wrap
from forward_pass.storage.folder import resolve_run
from forward_pass.storage.journal import read_journal
from forward_pass.storage.labels import write_label
from forward_pass.storage.replay import ReplayResult
from forward_pass.storage.run_set import RunSet, golden_runs, stored_runs
from forward_pass.story.history import at_turn

NAME = "tree"
HELP = "show all runs of a world as one tree"
DESCRIPTION = (
    "Show all runs of a world as one tree, in which the turns that runs share appear once, with their labels "
    "and notes. On a terminal the tree can be browsed, and runs can be read, replayed and forked (press ? for the keys); "
    "elsewhere it is printed."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument(
        "--label", nargs=3, metavar=("RUN", "TURN", "TEXT"), help="put a label on a turn; an empty TEXT removes it"
    )
    parser.add_argument(
        "--note", nargs=3, metavar=("RUN", "TURN", "TEXT"), help="put a note on a turn; an empty TEXT removes it"
    )
    parser.add_argument(
        "--prove", action="store_true", help="replay every run, report which are identical, and count the choices never taken"
    )
    parser.add_argument("--all", action="store_true", help="print every turn, where a large tree would be folded")
    parser.add_argument("--ids", action="store_true", help="name choices and scenes by their ids too, in plain lines")
    parser.add_argument("--map", action="store_true", help="show the map instead: runs that meet in a scene meet on it")
    parser.add_argument("--golden", action="store_true", help="show the golden runs of a checkout instead (read-only)")
    add_output_options(parser, "plain lines")
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """Show the tree of runs, or annotate one of its turns."""
    world = open_world(options.world)
    folder = saves_folder(options.saves) / world.id
    if options.golden and (options.label or options.note):
        raise UsageError("golden runs are read-only: --label and --note do not apply to them")
    for kind in ("label", "note"):
        if getattr(options, kind):
            _annotate(folder, kind, getattr(options, kind))
    if options.label or options.note:
        return 0
    inspector = open_pass(world)
    run_set = golden_runs(world, inspector) if options.golden else stored_runs(world, inspector, folder)
    for fault in run_set.faults:
        print(fault, file=sys.stderr)
    in_words = options.plain or options.json or options.prove or (options.map and not run_set.world.has_pass)
    if not in_words and run_set.journals and is_interactive():
        return _browse(options, run_set)
    return _print_tree(options, run_set, folder)


def _browse(options: argparse.Namespace, run_set: RunSet) -> int:
    """Browse a tree until the player quits or forks a run; play the fork."""
    from forward_pass.interface.branch_browser import browse_until_fork  # noqa: PLC0415 - plain lines need no prompt_toolkit

    point = browse_until_fork(run_set, screen="map" if options.map else "tree")
    if point is None:
        return 0
    store = store_of(run_set.world, options, options.world or "")
    if run_set.read_only:
        stored = store.fork_foreign(run_set.journals[point.run], point.turn)
    else:
        stored = store.fork(f"{point.run}", point.turn)
    return play(print_notes(start_fork(store, stored, point.choice)))


def _print_tree(options: argparse.Namespace, run_set: RunSet, folder: Path) -> int:

    if options.map and run_set.journals:
        if options.json:
            print(json.dumps(map_object(run_set), ensure_ascii=False))
        else:
            print("\n".join(run_map_lines(run_set, text_width())))
        return 0
    untaken, results = _replay_all(run_set) if options.prove else ({}, None)
    if options.json:
        print(json.dumps(tree_object(run_set, untaken, results), ensure_ascii=False))
    elif not run_set.journals:
        print(f"There are no runs of {run_set.world.title} in {folder.parent} yet.")
    else:
        lines = tree_lines(run_set, text_width(), untaken=untaken, fold=not (options.all or options.prove), ids=options.ids)
        for run, result in (results or {}).items():
            lines += wrap(f"Run {run}: {replay_verdict(result)}.", text_width())
        print("\n".join(lines))
    return int(any(result.differences for result in (results or {}).values()))


def _replay_all(run_set: RunSet) -> tuple[dict[int, tuple[int, int]], dict[int, ReplayResult]]:
    """Replay every run; return the counts of untaken and open choices by node, and the result by run."""
    counts: dict[int, tuple[int, int]] = {}
    taken = {turn.choice for journal in run_set.journals.values() for turn in journal.turns}
    results = {}
    for number, journal in run_set.journals.items():
        result = results[number] = run_set.replay_to(number, len(journal.turns))
        for node in run_set.tree.path(run_set.tree.last_nodes[number]):
            if node.number not in counts and node.turn <= len(result.run.turns):
                counts[node.number] = count_untaken(at_turn(result.run, node.turn), taken)
    return counts, results


def _annotate(folder: Path, kind: str, values: list[str]) -> None:
    """Write a label or a note (``kind``); ``values`` are RUN, TURN and TEXT."""
    run, turn, text = values
    journal = read_journal(resolve_run(folder.parent, folder.name, run))
    number = int(turn) if turn.isascii() and turn.isdigit() and len(turn) < 7 else 0  # noqa: PLR2004 - digits
    if not 1 <= number <= len(journal.turns):
        raise UsageError(f"run {run} has turns 1 to {len(journal.turns)}; there is no turn {turn}")
    write_label(folder, journal.turns[number - 1].digest, **{kind: text})
    annotation = f"the {kind} “{text}”" if text.strip() else f"no {kind}"
    print(f"Turn {number} of run {run} has {annotation}.")
