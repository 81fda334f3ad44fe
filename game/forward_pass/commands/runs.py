"""The commands about stored runs: ``replay``, ``tree``, ``diff``, ``export``, ``import``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from forward_pass.commands.arguments import OUTPUT_HELP, RUN_HELP, Subparsers, add_output_options, add_saves, add_world
from forward_pass.errors import RunError, UsageError, printable
from forward_pass.loading.paths import FLAGSHIP, saves_folder

if TYPE_CHECKING:
    from forward_pass.session.session import Session
    from forward_pass.storage.journal import Journal
    from forward_pass.storage.replay import ReplayResult
    from forward_pass.storage.run_set import RunSet
    from forward_pass.storage.store import RunStore
    from forward_pass.story.distribution import PassPort
    from forward_pass.story.history import Run
    from forward_pass.story.world import World

MAX_SPEED = 64.0


class CommandContext(NamedTuple):
    """Functions of ``cli`` that these commands call; passed in, because ``cli`` imports this module."""

    open_world: Callable[[str | None], World]
    open_store: Callable[[World, PassPort, argparse.Namespace], RunStore]
    play_session: Callable[[Session, argparse.Namespace], int]
    on_terminal: Callable[[], bool]


def _parse_turn(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):  # noqa: PLR2004 - digits
        raise argparse.ArgumentTypeError(f"must be the number of a turn, not {text!r}")
    return int(text)


def _parse_speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed <= MAX_SPEED:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {MAX_SPEED:g}, not {text!r}")
    return speed


def _read_run(run: str, options: argparse.Namespace) -> tuple[Path, Journal]:
    """Return the file of RUN and its contents."""
    from forward_pass.storage.journal import read_journal, resolve_run

    path = resolve_run(saves_folder(options.saves), FLAGSHIP, run)
    return path, read_journal(path)


# -- replay -----------------------------------------------------------------------------------------------------------


def add_replay(subparsers: Subparsers[argparse.ArgumentParser], context: CommandContext) -> None:
    """Add ``replay``."""
    parser = subparsers.add_parser(
        "replay",
        help="replay a run and verify its digests",
        description="Replay a run turn by turn and compare the digest of each turn with the recorded one. On a terminal the "
        "run is shown at reading speed and can be paused, stepped through and forked; elsewhere it is printed.",
    )
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--to", metavar="N", type=_parse_turn, help="stop after turn N; the first turn is 1")
    parser.add_argument(
        "--speed", metavar="S", type=_parse_speed, default=1.0, help="S times reading speed; 0 advances by key only"
    )
    parser.add_argument(
        "--without", metavar="N", type=_parse_turn, help="replay without the interventions of turn N, and compare"
    )
    add_output_options(parser, "plain lines, without pauses", "one JSON object per line, for programs")
    add_saves(parser)
    parser.set_defaults(handler=lambda options: replay(options, context))


def replay(options: argparse.Namespace, context: CommandContext) -> int:
    """Replay a run; return 1 if it is not identical to its record."""
    from forward_pass.network.passes import open_pass
    from forward_pass.storage.replay import replay_run

    path, journal = _read_run(options.run, options)
    world = context.open_world(journal.header.world)
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
        return _show_ablation(options, result.run, journal, context) if not code else _refuse_ablation(result.summary)
    if options.json:
        from forward_pass.interface.jsonl import show_replay
    elif options.plain or not context.on_terminal():
        from forward_pass.interface.plain import show_replay
    else:
        from forward_pass.interface.replay_viewer import view_replay

        options.world = journal.header.world  # named in the command that continues a fork
        turn = view_replay(result, options.speed)
        print(result.summary)
        return code if turn is None else _play_fork(options, context, world, path, turn)
    show_replay(result)
    return code


def _refuse_ablation(summary: str) -> int:
    print(f"forward-pass: --without needs a run that replays as recorded: {summary}", file=sys.stderr)
    return 1


def _show_ablation(options: argparse.Namespace, run: Run, journal: Journal, context: CommandContext) -> int:
    from forward_pass.session.ablation import ablate, ablation_lines, ablation_objects
    from forward_pass.session.plain_text import text_width

    ablation = ablate(run, options.without, journal.header.temperature, journal.header.seed)
    if options.json:
        for row in ablation_objects(ablation):
            print(json.dumps(row, ensure_ascii=False))
    elif options.plain or not context.on_terminal():
        print("\n".join(ablation_lines(ablation, text_width())))
    else:
        from forward_pass.interface.widgets import page_through

        heading = f"{_display_name(options.run)} without the interventions of turn {options.without}"
        page_through(heading, lambda columns: ablation_lines(ablation, columns, bars=True))
    return 0


def _play_fork(options: argparse.Namespace, context: CommandContext, world: World, path: Path, turn: int) -> int:
    """Fork a run at a turn and play the fork."""
    from forward_pass.network.passes import open_pass
    from forward_pass.session.session import Session

    store = context.open_store(world, open_pass(world), options)
    run, notes = store.fork(path, turn)
    for note in notes:
        print(note, file=sys.stderr)
    return context.play_session(Session(world, store.pass_port, store, run), options)


# -- tree -------------------------------------------------------------------------------------------------------------


def add_tree(subparsers: Subparsers[argparse.ArgumentParser], context: CommandContext) -> None:
    """Add ``tree``."""
    parser = subparsers.add_parser(
        "tree",
        help="show all runs of a world as one tree",
        description="Show all runs of a world as one tree, in which the turns that runs share appear once, with their labels "
        "and notes. On a terminal the tree can be browsed, and runs can be read, replayed and forked (press ? for the keys); "
        "elsewhere it is printed.",
    )
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
    parser.add_argument("--golden", action="store_true", help="show the golden runs of a checkout instead (read-only)")
    add_output_options(parser, "plain lines")
    add_saves(parser)
    parser.set_defaults(handler=lambda options: tree(options, context))


def tree(options: argparse.Namespace, context: CommandContext) -> int:
    """Show the tree of runs, or annotate one of its turns."""
    from forward_pass.network.passes import open_pass
    from forward_pass.storage.run_set import golden_runs, stored_runs

    world = context.open_world(options.world)
    folder = saves_folder(options.saves) / world.id
    if options.golden and (options.label or options.note):
        raise UsageError("golden runs are read-only: --label and --note do not apply to them")
    for kind in ("label", "note"):
        if getattr(options, kind):
            _annotate(folder, kind, getattr(options, kind))
    if options.label or options.note:
        return 0
    pass_port = open_pass(world)
    run_set = golden_runs(world, pass_port) if options.golden else stored_runs(world, pass_port, folder)
    for fault in run_set.faults:
        print(fault, file=sys.stderr)
    if not (options.plain or options.json or options.prove) and run_set.journals and context.on_terminal():
        return _browse(options, context, run_set)
    return _print_tree(options, run_set, folder)


def _browse(options: argparse.Namespace, context: CommandContext, run_set: RunSet) -> int:
    """Browse a tree until the player quits or forks a run; play the fork."""
    from forward_pass.interface.tree_browser import browse_until_fork
    from forward_pass.session.session import Session

    fork_point = browse_until_fork(run_set)
    if fork_point is None:
        return 0
    store = context.open_store(run_set.world, run_set.pass_port, options)
    if run_set.read_only:
        run, notes = store.fork_foreign(run_set.journals[fork_point.run], fork_point.turn)
    else:
        run, notes = store.fork(f"{fork_point.run}", fork_point.turn)
    for note in notes:
        print(note, file=sys.stderr)
    return context.play_session(Session(run_set.world, run_set.pass_port, store, run), options)


def _print_tree(options: argparse.Namespace, run_set: RunSet, folder: Path) -> int:
    from forward_pass.session.branches import replay_verdict, tree_lines, tree_object
    from forward_pass.session.plain_text import text_width
    from forward_pass.session.transcript import wrap

    untaken, results = _replay_all(run_set) if options.prove else ({}, None)
    if options.json:
        print(json.dumps(tree_object(run_set, untaken, results), ensure_ascii=False))
    elif not run_set.journals:
        print(f"There are no runs of {run_set.world.title} in {folder.parent} yet.")
    else:
        lines = tree_lines(run_set, text_width(), untaken=untaken)
        for run, result in (results or {}).items():
            lines += wrap(f"Run {run}: {replay_verdict(result)}.", text_width())
        print("\n".join(lines))
    return int(any(result.differences for result in (results or {}).values()))


def _replay_all(run_set: RunSet) -> tuple[dict[int, tuple[int, int]], dict[int, ReplayResult]]:
    """Replay every run; return the counts of untaken and open choices by node, and the result by run."""
    from forward_pass.session.branches import count_untaken
    from forward_pass.story.history import at_turn

    counts: dict[int, tuple[int, int]] = {}
    results = {}
    for number, journal in run_set.journals.items():
        result = results[number] = run_set.replay_to(number, len(journal.turns))
        for node in run_set.tree.path(run_set.tree.last_nodes[number]):
            if node.number not in counts and node.turn <= len(result.run.turns):
                counts[node.number] = count_untaken(at_turn(result.run, node.turn), len(node.children))
    return counts, results


def _annotate(folder: Path, kind: str, values: list[str]) -> None:
    """Write a label or a note (``kind``); ``values`` are RUN, TURN and TEXT."""
    from forward_pass.storage.journal import read_journal, resolve_run
    from forward_pass.storage.labels import write_label

    run, turn, text = values
    journal = read_journal(resolve_run(folder.parent, folder.name, run))
    number = int(turn) if turn.isascii() and turn.isdigit() and len(turn) < 7 else 0  # noqa: PLR2004 - digits
    if not 1 <= number <= len(journal.turns):
        raise UsageError(f"run {run} has turns 1 to {len(journal.turns)}; there is no turn {turn}")
    write_label(folder, journal.turns[number - 1].digest, **{kind: text})
    annotation = f"the {kind} “{text}”" if text.strip() else f"no {kind}"
    print(f"Turn {number} of run {run} has {annotation}.")


# -- diff -------------------------------------------------------------------------------------------------------------


def add_diff(subparsers: Subparsers[argparse.ArgumentParser], context: CommandContext) -> None:
    """Add ``diff``."""
    parser = subparsers.add_parser(
        "diff",
        help="compare two runs",
        description="Compare two runs of a world: the first choice that differs, then its effect on the state, on every later "
        "word, and on the ending.",
    )
    parser.add_argument("first", metavar="RUN", help=RUN_HELP)
    parser.add_argument("second", metavar="RUN", help="the other run")
    add_output_options(parser, "plain lines, without bars")
    add_saves(parser)
    parser.set_defaults(handler=lambda options: diff(options, context))


def diff(options: argparse.Namespace, context: CommandContext) -> int:
    """Compare two runs."""
    from forward_pass.network.passes import open_pass
    from forward_pass.session.branches import compare_runs, difference_lines, difference_object
    from forward_pass.session.plain_text import text_width
    from forward_pass.story.history import at_turn, replay

    files = [_read_run(name, options) for name in (options.first, options.second)]
    worlds = [journal.header.world for _, journal in files]
    if worlds[0] != worlds[1]:
        raise UsageError(
            f"cannot compare runs of two worlds: {options.first} is a run of {worlds[0]}, {options.second} of {worlds[1]}"
        )
    world = context.open_world(worlds[0])
    pass_port = open_pass(world)
    runs: list[Run] = []
    for path, journal in files:
        run, differences, _ = replay(world, pass_port, journal.header.prior, journal.turns)
        if differences:
            print(printable(f"{path.name}: {differences[0].what} (turn {differences[0].turn})"), file=sys.stderr)
        runs.append(at_turn(run, min(journal.at, len(run.turns))))
    comparison, names = compare_runs(runs[0], runs[1]), (_display_name(options.first), _display_name(options.second))
    if options.json:
        print(json.dumps(difference_object(comparison, names), ensure_ascii=False))
    elif options.plain or not context.on_terminal():
        print("\n".join(difference_lines(comparison, names, text_width())))
    else:
        from forward_pass.interface.widgets import page_through

        heading = f"{names[0]} and {names[1]}"
        page_through(heading, lambda columns: difference_lines(comparison, names, columns, bars=True))
    return 0


def _display_name(run: str) -> str:
    return f"run {run}" if run.isdigit() else printable(run)


# -- export and import ------------------------------------------------------------------------------------------------


def add_export(subparsers: Subparsers[argparse.ArgumentParser], context: CommandContext) -> None:
    """Add ``export``."""
    parser = subparsers.add_parser(
        "export",
        help="write a run as text, web page, picture or recording",
        description="Write a run, up to its cursor, as text, Markdown, a web page, a picture, or a recording for asciinema. "
        "The same run always gives the same bytes.",
    )
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--format", choices=("txt", "md", "html", "svg", "cast"), default="txt", help="output format (default: txt)"
    )
    parser.add_argument(
        "--turn", metavar="N", type=_parse_turn, help="with --format svg: draw turn N alone, as a terminal shows it"
    )
    parser.add_argument(
        "--show",
        choices=("scene", "prompt", "lens"),
        default="scene",
        help="with --turn: draw the scene, the prompt or the lens (default: scene)",
    )
    parser.add_argument(
        "--colour", choices=("dark", "light"), default="dark", help="with --format svg: the background (default: dark)"
    )
    parser.add_argument("-o", dest="output", metavar="FILE", help=OUTPUT_HELP)
    add_saves(parser)
    parser.set_defaults(handler=lambda options: export(options, context))


def export(options: argparse.Namespace, context: CommandContext) -> int:
    """Write a run as a document; raises ``RunError`` if it does not replay as recorded."""
    from forward_pass.interface.export import Picture, export_run
    from forward_pass.network.passes import open_pass
    from forward_pass.storage.replay import replay_run
    from forward_pass.story.history import at_turn

    path, journal = _read_run(options.run, options)
    world = context.open_world(journal.header.world)
    result = replay_run(world, open_pass(world), journal, len(journal.turns))
    if result.differences:
        raise RunError(f"{path.name} cannot be exported: {result.summary}: {result.differences[0].what}")
    run, picture = at_turn(result.run, journal.at), Picture(options.turn, options.show, options.colour)
    if options.turn is not None and options.turn > run.at:
        raise UsageError(f"turn {options.turn} is beyond the cursor of {path.name}, which is at turn {run.at}")
    if options.turn is not None and options.format != "svg":
        raise UsageError(f"--turn {options.turn} needs --format svg")
    if options.show != "scene" and options.turn is None:
        raise UsageError(f"--show {options.show} needs --turn N")
    text = export_run(run, journal.header, options.format, picture)
    if options.output is None:
        sys.stdout.write(text)
    else:
        _write_atomically(Path(options.output), text)
    return 0


def _write_atomically(path: Path, text: str) -> None:
    """Write a file through a temporary file beside it, so that a failure leaves the old file as it was."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):  # the folder may not exist
            partial.unlink()
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def add_import(subparsers: Subparsers[argparse.ArgumentParser], context: CommandContext) -> None:
    """Add ``import``."""
    parser = subparsers.add_parser(
        "import",
        help="import a run file from somebody else",
        description="Read a run file, replay it on the world that is here, and store it among your runs under the next number. "
        "A run file is data; nothing in it is executed.",
    )
    parser.add_argument("file", metavar="FILE", help="a run file")
    parser.add_argument("world", metavar="WORLD", nargs="?", help="the world of the run (default: the one that the file names)")
    add_saves(parser)
    parser.set_defaults(handler=lambda options: import_(options, context))


def import_(options: argparse.Namespace, context: CommandContext) -> int:
    """Import the turns of a run that replay as recorded; return 1 if that is not the whole run."""
    from forward_pass.network.passes import open_pass
    from forward_pass.storage.files import DEFAULT_NAME
    from forward_pass.storage.journal import RUN_NAME_PATTERN, find_identical, read_journal
    from forward_pass.storage.replay import replay_run
    from forward_pass.storage.store import import_run
    from forward_pass.story.history import at_turn

    path = Path(options.file)
    journal = read_journal(path)
    world = context.open_world(options.world or journal.header.world)
    if journal.header.world != world.id:
        raise RunError(f"{path} is a run of {journal.header.world}, not of {world.id}")
    journal = _drop_unknown_endings(journal, world)
    result = replay_run(world, open_pass(world), journal, len(journal.turns))
    for note in result.notes:
        print(note, file=sys.stderr)
    for difference in result.differences[:1]:
        print(printable(f"{path.name}: {result.summary}: {difference.what}"), file=sys.stderr)
    if not result.identical_turns:
        raise RunError(f"{path}: no turn replays as recorded; nothing was imported")
    whole = result.identical_turns == len(journal.turns) and not journal.fault
    folder = saves_folder(options.saves) / world.id
    duplicate = find_identical(folder, journal.turns[: result.identical_turns])
    if duplicate:
        print(f"{result.summary}. Already stored as {world.id}/{duplicate.number} ({duplicate.path}); nothing was added.")
        return 0 if whole else 1
    name = path.stem.lstrip("0123456789-") or DEFAULT_NAME
    header = journal.header._replace(version=world.version, hash=world.hash, weights=world.weights, parent=None)
    stored = import_run(
        folder, header, at_turn(result.run, result.identical_turns), name if RUN_NAME_PATTERN.fullmatch(name) else DEFAULT_NAME
    )
    print(f"{result.summary}. Imported as {world.id}/{int(stored.name.split('-')[0])} ({stored}).")
    return 0 if whole else 1


def _drop_unknown_endings(journal: Journal, world: World) -> Journal:
    """Return a journal without the prior endings that the world does not have; report them on standard error."""
    prior = journal.header.prior
    unknown = prior.found - world.endings.keys()
    if not unknown:
        return journal
    print(printable(f"{world.id} has no ending {', '.join(sorted(unknown))}: left out of the endings found."), file=sys.stderr)
    return journal._replace(header=journal.header._replace(prior=prior._replace(found=prior.found & world.endings.keys())))


def add_all(subparsers: Any, context: CommandContext) -> None:
    """Add every command about runs."""
    add_replay(subparsers, context)
    add_tree(subparsers, context)
    add_diff(subparsers, context)
    add_export(subparsers, context)
    add_import(subparsers, context)
