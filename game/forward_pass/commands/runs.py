"""The commands about runs that are kept: replay, the tree, two side by side, runs out and in."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from forward_pass.commands.arguments import Commands, add_looks, add_saves, add_world
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

MOST_SPEED = 64.0


class CommandContext(NamedTuple):
    """What the commands are given by ``cli``: how a world is opened, what keeps its runs, and how one is played on."""

    opened: Callable[[str | None], World]
    keeper: Callable[[World, PassPort, argparse.Namespace], RunStore]
    played: Callable[[Session, argparse.Namespace], int]
    on_terminal: Callable[[], bool]


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):  # noqa: PLR2004 - digits
        raise argparse.ArgumentTypeError(f"a turn is a whole number, not {text!r}")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed <= MOST_SPEED:
        raise argparse.ArgumentTypeError(f"a speed is a number from 0 to {MOST_SPEED:g}, not {text!r}")
    return speed


def _open_run(run: str, asked: argparse.Namespace) -> tuple[Path, Journal]:
    """Return the file of RUN, and what it says."""
    from forward_pass.storage.journal import read_journal, resolve_run

    path = resolve_run(saves_folder(asked.saves), FLAGSHIP, run)
    return path, read_journal(path)


# -- replay -----------------------------------------------------------------------------------------------------------


def add_replay(commands: Commands[argparse.ArgumentParser], doors: CommandContext) -> None:
    """Add ``replay``."""
    parser = commands.add_parser(
        "replay",
        help="walk a run again and prove that it is the same",
        description="Walk a run again, turn by turn, and check each turn's digest against the one recorded. On a terminal it "
        "is shown at reading speed, and can be stopped, stepped and forked; elsewhere it is printed.",
    )
    parser.add_argument("replayed", metavar="RUN", help="a run's file, number or name; WORLD/RUN for another world's")
    parser.add_argument("--to", metavar="N", type=_whole, help="stop after turn N, counted from 1")
    parser.add_argument("--speed", metavar="S", type=_speed, default=1.0, help="S times reading speed; 0 goes by key alone")
    parser.add_argument("--without", metavar="N", type=_whole, help="leave out what turn N did to the pass, and compare")
    add_looks(parser, "plain lines, all at once", "one JSON object a line, for programs")
    add_saves(parser)
    parser.set_defaults(carry_out=lambda asked: replay(asked, doors))


def replay(asked: argparse.Namespace, doors: CommandContext) -> int:
    """Walk a run again; return 1 where it did not come out as it was."""
    from forward_pass.network.passes import open_pass
    from forward_pass.storage.replay import replay_run

    path, journal = _open_run(asked.replayed, asked)
    world = doors.opened(journal.header.world)
    to = len(journal.turns) if asked.to is None else asked.to
    if asked.to == 0:
        raise UsageError("turns count from 1: there is no turn 0 to stop after")
    if to > len(journal.turns):
        raise UsageError(f"{path.name} has {len(journal.turns)} turns; there is no turn {to}")
    outcome = replay_run(world, open_pass(world), journal, to)
    for note in outcome.notes:
        print(note, file=sys.stderr)
    code = 0 if outcome.identical == to and not journal.fault and not outcome.reweighted else 1
    if asked.without is not None:
        return _without(asked, outcome.run, journal, doors) if not code else _not_the_same(outcome.proof)
    if asked.json:
        from forward_pass.interface.jsonl import show_replay
    elif asked.plain or not doors.on_terminal():
        from forward_pass.interface.plain import show_replay
    else:
        from forward_pass.interface.replay_viewer import show

        asked.world = journal.header.world  # to play on in, where the run is forked
        turn = show(outcome, asked.speed)
        print(outcome.proof)
        return code if turn is None else _forked(asked, doors, world, path, turn)
    show_replay(outcome)
    return code


def _not_the_same(proof: str) -> int:
    print(f"forward-pass: nothing can be left out of a run that is not what it was: {proof}", file=sys.stderr)
    return 1


def _without(asked: argparse.Namespace, run: Run, journal: Journal, doors: CommandContext) -> int:
    from forward_pass.session.ablation import ablate, ablation_lines, ablation_objects
    from forward_pass.session.plain_text import text_width

    found = ablate(run, asked.without, journal.header.temperature, journal.header.seed)
    if asked.json:
        for row in ablation_objects(found):
            print(json.dumps(row, ensure_ascii=False))
    elif asked.plain or not doors.on_terminal():
        print("\n".join(ablation_lines(found, text_width())))
    else:
        from forward_pass.interface.widgets import page_through

        head = f"{_shown(asked.replayed)} without what turn {asked.without} did"
        page_through(head, lambda columns: ablation_lines(found, columns, bars=True))
    return 0


def _forked(asked: argparse.Namespace, doors: CommandContext, world: World, path: Path, turn: int) -> int:
    """Play on from a turn of a run, in a run of its own."""
    from forward_pass.network.passes import open_pass
    from forward_pass.session.session import Session

    keeper = doors.keeper(world, open_pass(world), asked)
    run, notes = keeper.fork(path, turn)
    for note in notes:
        print(note, file=sys.stderr)
    return doors.played(Session(world, keeper.measure, keeper, run), asked)


# -- tree -------------------------------------------------------------------------------------------------------------


def add_tree(commands: Commands[argparse.ArgumentParser], doors: CommandContext) -> None:
    """Add ``tree``."""
    parser = commands.add_parser(
        "tree",
        help="all runs of a world as one tree",
        description="Show all runs of a world as one tree: what they share stands once, with whatever was put on a turn. On a "
        "terminal it can be walked, read, replayed and forked by key (? tells which); elsewhere it is printed.",
    )
    add_world(parser)
    parser.add_argument(
        "--label", nargs=3, metavar=("RUN", "TURN", "TEXT"), help="put a label on a turn; an empty one takes it off"
    )
    parser.add_argument("--note", nargs=3, metavar=("RUN", "TURN", "TEXT"), help="put a note on a turn")
    parser.add_argument(
        "--prove", action="store_true", help="walk every run again: say what is proven, and count the ways on never taken"
    )
    parser.add_argument("--golden", action="store_true", help="the golden runs of a checkout instead, which are read only")
    add_looks(parser, "plain lines")
    add_saves(parser)
    parser.set_defaults(carry_out=lambda asked: tree(asked, doors))


def tree(asked: argparse.Namespace, doors: CommandContext) -> int:
    """Show the tree of runs, or put a label or a note on a turn of it."""
    from forward_pass.network.passes import open_pass
    from forward_pass.storage.run_set import golden_runs, stored_runs

    world = doors.opened(asked.world)
    folder = saves_folder(asked.saves) / world.id
    if asked.golden and (asked.label or asked.note):
        raise UsageError("golden runs are read only: nothing can be put on their turns")
    for kind in ("label", "note"):
        if getattr(asked, kind):
            _put(folder, kind, getattr(asked, kind))
    if asked.label or asked.note:
        return 0
    measure = open_pass(world)
    shelf = golden_runs(world, measure) if asked.golden else stored_runs(world, measure, folder)
    for fault in shelf.faults:
        print(fault, file=sys.stderr)
    if not (asked.plain or asked.json or asked.prove) and shelf.journals and doors.on_terminal():
        return _browse(asked, doors, shelf)
    return _show_tree(asked, shelf, folder)


def _browse(asked: argparse.Namespace, doors: CommandContext, shelf: RunSet) -> int:
    """Let a tree be browsed, and play on wherever it is forked, until whoever browses leaves."""
    from forward_pass.interface.tree_browser import browse_until_fork
    from forward_pass.session.session import Session

    wanted = browse_until_fork(shelf)
    if wanted is None:
        return 0
    keeper = doors.keeper(shelf.world, shelf.measure, asked)
    if shelf.read_only:
        run, notes = keeper.fork_foreign(shelf.journals[wanted.run], wanted.turn)
    else:
        run, notes = keeper.fork(f"{wanted.run}", wanted.turn)
    for note in notes:
        print(note, file=sys.stderr)
    return doors.played(Session(shelf.world, shelf.measure, keeper, run), asked)


def _show_tree(asked: argparse.Namespace, shelf: RunSet, folder: Path) -> int:
    from forward_pass.session.branches import tree_lines, tree_object, verdict
    from forward_pass.session.plain_text import text_width
    from forward_pass.session.transcript import wrap

    untaken, walked = _proven(shelf) if asked.prove else ({}, None)
    if asked.json:
        print(json.dumps(tree_object(shelf, untaken, walked), ensure_ascii=False))
    elif not shelf.journals:
        print(f"No run of {shelf.world.title} is kept in {folder.parent} yet.")
    else:
        lines = tree_lines(shelf, text_width(), untaken=untaken)
        for run, outcome in (walked or {}).items():
            lines += wrap(f"Run {run}: {verdict(outcome)}.", text_width())
        print("\n".join(lines))
    return int(any(outcome.differences for outcome in (walked or {}).values()))


def _proven(shelf: RunSet) -> tuple[dict[int, tuple[int, int]], dict[int, ReplayResult]]:
    """Walk all runs again; return by branch how many ways on were never taken, and what came of each run."""
    from forward_pass.session.branches import count_untaken
    from forward_pass.story.history import at_turn

    counts: dict[int, tuple[int, int]] = {}
    walked = {}
    for number, journal in shelf.journals.items():
        outcome = walked[number] = shelf.replay_to(number, len(journal.turns))
        for branch in shelf.tree.path(shelf.tree.lasts[number]):
            if branch.number not in counts and branch.turn <= len(outcome.run.turns):
                counts[branch.number] = count_untaken(at_turn(outcome.run, branch.turn), len(branch.children))
    return counts, walked


def _put(folder: Path, kind: str, given: list[str]) -> None:
    from forward_pass.storage.journal import read_journal, resolve_run
    from forward_pass.storage.labels import write_label

    run, turn, text = given
    journal = read_journal(resolve_run(folder.parent, folder.name, run))
    number = int(turn) if turn.isascii() and turn.isdigit() and len(turn) < 7 else 0  # noqa: PLR2004 - digits
    if not 1 <= number <= len(journal.turns):
        raise UsageError(f"run {run} has turns 1 to {len(journal.turns)}; there is no turn {turn}")
    write_label(folder, journal.turns[number - 1].digest, **{kind: text})
    has = f"the {kind} “{text}”" if text.strip() else f"no {kind}"
    print(f"Turn {number} of run {run} has {has}.")


# -- diff -------------------------------------------------------------------------------------------------------------


def add_diff(commands: Commands[argparse.ArgumentParser], doors: CommandContext) -> None:
    """Add ``diff``."""
    parser = commands.add_parser(
        "diff",
        help="two runs side by side",
        description="Hold two runs of a world against each other: the first choice that differs, then what it did to the "
        "state, to every later word, and to the ending.",
    )
    parser.add_argument("first", metavar="RUN", help="a run's file, number or name; WORLD/RUN for another world's")
    parser.add_argument("second", metavar="RUN", help="the other")
    add_looks(parser, "plain lines, without bars")
    add_saves(parser)
    parser.set_defaults(carry_out=lambda asked: diff(asked, doors))


def diff(asked: argparse.Namespace, doors: CommandContext) -> int:
    """Hold two runs against each other."""
    from forward_pass.network.passes import open_pass
    from forward_pass.session.branches import compare_runs, difference_lines, difference_object
    from forward_pass.session.plain_text import text_width
    from forward_pass.story.history import at_turn, replay

    found_runs = [_open_run(name, asked) for name in (asked.first, asked.second)]
    worlds = [journal.header.world for _, journal in found_runs]
    if worlds[0] != worlds[1]:
        raise UsageError(f"{asked.first} is a run of {worlds[0]}, {asked.second} of {worlds[1]}")
    world = doors.opened(worlds[0])
    measure = open_pass(world)
    runs: list[Run] = []
    for path, journal in found_runs:
        run, differences, _ = replay(world, measure, journal.header.prior, journal.turns)
        if differences:
            print(printable(f"{path.name}: {differences[0].what} (turn {differences[0].turn})"), file=sys.stderr)
        runs.append(at_turn(run, min(journal.at, len(run.turns))))
    found, names = compare_runs(runs[0], runs[1]), (_shown(asked.first), _shown(asked.second))
    if asked.json:
        print(json.dumps(difference_object(found, names), ensure_ascii=False))
    elif asked.plain or not doors.on_terminal():
        print("\n".join(difference_lines(found, names, text_width())))
    else:
        from forward_pass.interface.widgets import page_through

        page_through(f"{names[0]} and {names[1]}", lambda columns: difference_lines(found, names, columns, bars=True))
    return 0


def _shown(name: str) -> str:
    return f"run {name}" if name.isdigit() else printable(name)


# -- export and import ------------------------------------------------------------------------------------------------


def add_export(commands: Commands[argparse.ArgumentParser], doors: CommandContext) -> None:
    """Add ``export``."""
    parser = commands.add_parser(
        "export",
        help="a run as text, page, picture or recording",
        description="Write a run, up to where it stands, as text, Markdown, a page of its own, a picture, or a recording for "
        "asciinema. The same run gives the same bytes.",
    )
    parser.add_argument("exported", metavar="RUN", help="a run's file, number or name; WORLD/RUN for another world's")
    parser.add_argument("--format", choices=("txt", "md", "html", "svg", "cast"), default="txt", help="what to write (txt)")
    parser.add_argument("--turn", metavar="N", type=_whole, help="of a picture: turn N alone, as a terminal shows it")
    parser.add_argument(
        "--show", choices=("scene", "prompt", "lens"), default="scene", help="... or an instrument, as it read there"
    )
    parser.add_argument("--colour", choices=("dark", "light"), default="dark", help="of a picture: its ground (dark)")
    parser.add_argument("-o", dest="output", metavar="FILE", help="write to a file, not to standard output")
    add_saves(parser)
    parser.set_defaults(carry_out=lambda asked: export(asked, doors))


def export(asked: argparse.Namespace, doors: CommandContext) -> int:
    """Write a run as a document; raises ``RunError`` where it is not what it was."""
    from forward_pass.interface.export import Picture, export_run
    from forward_pass.network.passes import open_pass
    from forward_pass.storage.replay import replay_run
    from forward_pass.story.history import at_turn

    path, journal = _open_run(asked.exported, asked)
    world = doors.opened(journal.header.world)
    outcome = replay_run(world, open_pass(world), journal, len(journal.turns))
    if outcome.differences:
        raise RunError(f"{path.name} {outcome.proof}: {outcome.differences[0].what}; what it was cannot be told any more")
    run, picture = at_turn(outcome.run, journal.at), Picture(asked.turn, asked.show, asked.colour)
    if asked.turn is not None and asked.turn > run.at:
        raise UsageError(f"{path.name} stands at turn {run.at}; there is no turn {asked.turn}")
    if asked.turn is not None and asked.format != "svg":
        raise UsageError(f"--turn {asked.turn} is of a picture: --format svg --turn {asked.turn}")
    if asked.show != "scene" and asked.turn is None:
        raise UsageError(f"--show {asked.show} is of one turn: --turn N")
    text = export_run(run, journal.header, asked.format, picture)
    if asked.output is None:
        sys.stdout.write(text)
    else:
        _write_whole(Path(asked.output), text)
    return 0


def _write_whole(path: Path, text: str) -> None:
    """Write a file or leave what was there: what is written stands beside it until it is whole."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):  # where the folder is none, for one
            partial.unlink()
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def add_import(commands: Commands[argparse.ArgumentParser], doors: CommandContext) -> None:
    """Add ``import``."""
    parser = commands.add_parser(
        "import",
        help="make a stranger's run file one of yours",
        description="Read a run's file, walk it again on the world that is here, and keep it among the runs, under the next "
        "number. A file is data: nothing in it is carried out.",
    )
    parser.add_argument("file", metavar="FILE", help="a run's file")
    parser.add_argument("world", metavar="WORLD", nargs="?", help="the world it is a run of (the one it names if left out)")
    add_saves(parser)
    parser.set_defaults(carry_out=lambda asked: import_(asked, doors))


def import_(asked: argparse.Namespace, doors: CommandContext) -> int:
    """Take in a run from elsewhere, as far as it comes out here as it was recorded; return 1 where that is not to its end."""
    from forward_pass.network.passes import open_pass
    from forward_pass.storage.files import UNNAMED
    from forward_pass.storage.journal import NAME, find_identical, read_journal
    from forward_pass.storage.replay import replay_run
    from forward_pass.storage.store import import_run
    from forward_pass.story.history import at_turn

    path = Path(asked.file)
    journal = read_journal(path)
    world = doors.opened(asked.world or journal.header.world)
    if journal.header.world != world.id:
        raise RunError(f"{path} is a run of {journal.header.world}, this is {world.id}")
    journal = _of_this_world(journal, world)
    outcome = replay_run(world, open_pass(world), journal, len(journal.turns))
    for note in outcome.notes:
        print(note, file=sys.stderr)
    for difference in outcome.differences[:1]:
        print(printable(f"{path.name}: {outcome.proof}: {difference.what}"), file=sys.stderr)
    if not outcome.identical:
        raise RunError(f"{path}: no turn of it comes out here as it was recorded; nothing was kept")
    whole = outcome.identical == len(journal.turns) and not journal.fault
    folder = saves_folder(asked.saves) / world.id
    there = find_identical(folder, journal.turns[: outcome.identical])
    if there:
        print(f"{outcome.proof}. It is kept already, as {world.id}/{there.number} ({there.path}); nothing was added.")
        return 0 if whole else 1
    name = path.stem.lstrip("0123456789-") or UNNAMED
    header = journal.header._replace(version=world.version, hash=world.hash, weights=world.weights, parent=None)
    kept = import_run(folder, header, at_turn(outcome.run, outcome.identical), name if NAME.fullmatch(name) else UNNAMED)
    print(f"{outcome.proof}. Kept as {world.id}/{int(kept.name.split('-')[0])} ({kept}).")
    return 0 if whole else 1


def _of_this_world(journal: Journal, world: World) -> Journal:
    """Return a journal without the endings in its facts that a world does not have, and say where there were any."""
    facts = journal.header.prior
    unknown = facts.found - world.endings.keys()
    if not unknown:
        return journal
    print(printable(f"{world.id} has no ending {', '.join(sorted(unknown))}: left out of the facts."), file=sys.stderr)
    return journal._replace(header=journal.header._replace(prior=facts._replace(found=facts.found & world.endings.keys())))


def add_all(commands: Any, doors: CommandContext) -> None:
    """Add every command about runs."""
    add_replay(commands, doors)
    add_tree(commands, doors)
    add_diff(commands, doors)
    add_export(commands, doors)
    add_import(commands, doors)
