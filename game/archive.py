"""The commands about runs that are kept: the tree of them all, and two of them side by side."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from game.errors import RunError, UsageError
from game.library import CHECKOUT, FLAGSHIP, saves_folder

if TYPE_CHECKING:
    from game.decoder import Distribution
    from game.journal import Journal
    from game.run import Run
    from game.tree import Tree
    from game.world import World

Commands = argparse._SubParsersAction  # noqa: SLF001 - it has no public name
Opened = Callable[[str | None], "World"]


def _saves_and_look(parser: argparse.ArgumentParser, plain: str) -> None:
    look = parser.add_mutually_exclusive_group()
    look.add_argument("--plain", action="store_true", help=plain)
    look.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--saves", metavar="DIR", default=argparse.SUPPRESS, help="the folder in which runs are kept")


# -- tree -------------------------------------------------------------------------------------------------------------


def add_tree(commands: Commands[argparse.ArgumentParser], opened: Opened) -> None:
    """Add ``tree``."""
    parser = commands.add_parser(
        "tree",
        help="all runs of a world as one tree",
        description="Show all runs of a world as one tree: what they share stands once, with whatever was put on a turn.",
    )
    parser.add_argument("world", metavar="WORLD", nargs="?", help=f"a world's name or folder ({FLAGSHIP} if left out)")
    parser.add_argument(
        "--label", nargs=3, metavar=("RUN", "TURN", "TEXT"), help="put a label on a turn; an empty one takes it off"
    )
    parser.add_argument("--note", nargs=3, metavar=("RUN", "TURN", "TEXT"), help="put a note on a turn")
    parser.add_argument("--prove", action="store_true", help="walk every run again and say what is proven")
    parser.add_argument("--golden", action="store_true", help="the golden runs of a checkout instead, which are read only")
    _saves_and_look(parser, "plain lines (the same)")
    parser.set_defaults(carry_out=lambda asked: tree(asked, opened(asked.world)))


def tree(asked: argparse.Namespace, world: World) -> int:
    """Show the tree of runs, or put a label or a note on a turn of it."""
    from game.tree import grown

    folder = saves_folder(asked.saves) / world.id
    if asked.golden and (asked.label or asked.note):
        raise UsageError("golden runs are read only: nothing can be put on their turns")
    for kind in ("label", "note"):
        if getattr(asked, kind):
            _put(folder, kind, getattr(asked, kind))
    if asked.label or asked.note:
        return 0
    runs = _golden_runs(world) if asked.golden else _kept_runs(folder)
    _show_tree(asked, world, grown((number, journal) for number, journal in runs), folder)
    return _prove(world, runs) if asked.prove else 0


def _kept_runs(folder: Path) -> list[tuple[int, Journal]]:
    """Return the runs in a folder by number; a file that is no run is named on standard error and passed over."""
    from game.journal import kept_runs, read_journal

    found = []
    for run in kept_runs(folder):
        try:
            found.append((run.number, read_journal(run.path)))
        except RunError as error:
            print(error, file=sys.stderr)
    return found


def _golden_runs(world: World) -> list[tuple[int, Journal]]:
    """Return the golden runs that came with a checkout, numbered in the order of their names, walked as they are typed."""
    from game.journal import Header, Journal
    from game.passes import measure_of
    from game.run import Recorded, begun, followed, turned
    from game.state import Facts

    folder = (CHECKOUT or Path()) / "tests" / "golden" / world.id
    files = sorted(folder.glob("*.txt")) if CHECKOUT else []
    if not files:
        raise RunError(f"there are no golden runs of {world.id} here: they come with a checkout")
    measure = measure_of(world)
    found = []
    for number, path in enumerate(files, 1):
        head = dict(line.split(": ", 1) for line in path.read_text(encoding="utf8").partition("\n\n")[0].splitlines())
        seed, temperature = int(head["seed"]), float(head["temperature"])
        known = frozenset(name for name in head.get("after", "").split(", ") if name)
        facts = Facts(len(known) + 1, known)
        run = begun(world, measure, facts)
        for choice in head["play"].split(" / "):
            run = followed(run, turned(run, _typed(run, choice), partial(_drawn, temperature, seed)))
        turns = tuple(Recorded(one.choice, one.state.scene, one.word, one.probability, one.digest) for one in run.turns)
        header = Header(world.id, world.version, world.hash, world.weights, seed, temperature, facts, path.stem)
        found.append((number, Journal(header, turns, len(turns), 0, torn=False, fault="")))
    return found


def _typed(run: Run, choice: str) -> str:
    """Return the id of a choice that was typed, by its id or its number."""
    from game.engine import offers

    if not choice.isdigit():
        return choice
    return [offer.choice.id for offer in offers(run.world, run.measure, run.state) if offer.open][int(choice) - 1]


def _drawn(temperature: float, seed: int, distribution: Distribution, token: int) -> str:
    from game.decoder import draw

    return draw(distribution, temperature, seed, token)


def _show_tree(asked: argparse.Namespace, world: World, grown: Tree, folder: Path) -> None:
    from game.branches import tree_lines, tree_object
    from game.labels import read_labels
    from game.lines import width

    marks = read_labels(folder)
    if asked.json:
        print(json.dumps(tree_object(world, grown, marks), ensure_ascii=False))
    elif not grown.lasts:
        print(f"No run of {world.title} is kept in {folder.parent} yet.")
    else:
        print("\n".join(tree_lines(world, grown, marks, width())))


def _prove(world: World, runs: list[tuple[int, Journal]]) -> int:
    """Walk runs again and say on standard error what came of each; return 1 where one is not what it was."""
    from game.branches import status
    from game.passes import measure_of
    from game.replay import replayed

    measure, failed = measure_of(world), False
    for number, journal in runs:
        outcome = replayed(world, measure, journal, len(journal.turns))
        failed = failed or bool(outcome.differences)
        print(f"Run {number}: {status(outcome, journal.header.hash)}.", file=sys.stderr)
    return int(failed)


def _put(folder: Path, kind: str, given: list[str]) -> None:
    from game.journal import found_run, read_journal
    from game.labels import write_label

    run, turn, text = given
    journal = read_journal(found_run(folder.parent, folder.name, run))
    number = int(turn) if turn.isascii() and turn.isdigit() and len(turn) < 7 else 0  # noqa: PLR2004 - digits
    if not 1 <= number <= len(journal.turns):
        raise UsageError(f"run {run} has turns 1 to {len(journal.turns)}; there is no turn {turn}")
    write_label(folder, journal.turns[number - 1].digest, **{kind: text})
    has = f"the {kind} “{text}”" if text.strip() else f"no {kind}"
    print(f"Turn {number} of run {run} has {has}.")


# -- diff -------------------------------------------------------------------------------------------------------------


def add_diff(commands: Commands[argparse.ArgumentParser], opened: Opened) -> None:
    """Add ``diff``."""
    parser = commands.add_parser(
        "diff",
        help="two runs side by side",
        description="Hold two runs of a world against each other: the first choice that differs, then what it did to the "
        "state, to every later word, and to the ending.",
    )
    parser.add_argument("first", metavar="RUN", help="a run's file, number or name; WORLD/RUN for another world's")
    parser.add_argument("second", metavar="RUN", help="the other")
    _saves_and_look(parser, "plain lines (the same)")
    parser.set_defaults(carry_out=lambda asked: diff(asked, opened))


def diff(asked: argparse.Namespace, opened: Opened) -> int:
    """Hold two runs against each other."""
    from game.branches import difference, difference_lines, difference_object
    from game.journal import found_run, read_journal
    from game.lines import width
    from game.passes import measure_of
    from game.run import moved, restored

    paths = [found_run(saves_folder(asked.saves), FLAGSHIP, name) for name in (asked.first, asked.second)]
    journals = [read_journal(path) for path in paths]
    worlds = {journal.header.world for journal in journals}
    if len(worlds) > 1:
        raise UsageError(f"{asked.first} is a run of {journals[0].header.world}, {asked.second} of {journals[1].header.world}")
    world = opened(worlds.pop())
    measure = measure_of(world)
    runs: list[Run] = []
    for journal, path in zip(journals, paths, strict=True):
        run, differences, _ = restored(world, measure, journal.header.facts, journal.turns)
        if differences:
            print(f"{path.name}: {differences[0].what} (turn {differences[0].turn})", file=sys.stderr)
        runs.append(moved(run, min(journal.at, len(run.turns))))
    found, names = difference(runs[0], runs[1]), (_shown(asked.first), _shown(asked.second))
    if asked.json:
        print(json.dumps(difference_object(found, names), ensure_ascii=False))
    else:
        print("\n".join(difference_lines(found, names, width())))
    return 0


def _shown(name: str) -> str:
    return f"run {name}" if name.isdigit() else name


def add_all(commands: Any, opened: Opened) -> None:
    """Add every command about runs."""
    add_tree(commands, opened)
    add_diff(commands, opened)
