"""The command ``import``: a run file from somebody else, stored among one's own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from forward_pass.commands.front_end import store_of
from forward_pass.commands.options import add_saves
from forward_pass.errors import RunError, UsageError, printable
from forward_pass.loading.worlds import open_world, open_world_of_run
from forward_pass.network.passes import open_pass
from forward_pass.storage.folder import DEFAULT_NAME, in_nfc, is_run_name
from forward_pass.storage.journal import Header, Journal, read_journal
from forward_pass.storage.replay import replay_run
from forward_pass.story.history import at_turn
from forward_pass.story.world import World

NAME = "import"
HELP = "import a run file from somebody else"
DESCRIPTION = (
    "Read a run file, replay it on the world that is here, and store it among your runs under the next number. "
    "A run file is data; nothing in it is executed."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("file", metavar="FILE", help="a run file")
    parser.add_argument("world", metavar="WORLD", nargs="?", help="the world of the run (default: the one that the file names)")
    parser.add_argument("--world", metavar="WORLD", dest="taken_by", help="take over a run of another world, as one of WORLD")
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """Import the turns of a run that replay as recorded; return 1 if that is not the whole run."""
    path = Path(options.file)
    journal = read_journal(path)
    world = _world_of(options, path, journal)
    journal = _drop_unknown_facts(journal, world)
    result = replay_run(world, open_pass(world), journal, len(journal.turns))
    for note in result.notes:
        print(note, file=sys.stderr)
    for difference in result.differences[:1]:
        print(printable(f"{path.name}: {result.summary}: {difference.what}"), file=sys.stderr)
    if not result.identical_turns:
        raise RunError(f"{path}: no turn replays as recorded; nothing was imported")
    whole = result.identical_turns == len(journal.turns) and not journal.fault
    store = store_of(world, options)
    duplicate = store.find_identical(journal.turns[: result.identical_turns])
    if duplicate:
        print(f"{result.summary}. Already stored as {world.id}/{duplicate.number} ({duplicate.path}); nothing was added.")
        return 0 if whole else 1
    name = in_nfc(path.stem).lstrip("0123456789-") or DEFAULT_NAME
    header = _own_header(journal.header, world)
    stored = store.import_run(header, at_turn(result.run, result.identical_turns), name if is_run_name(name) else DEFAULT_NAME)
    print(f"{result.summary}. Imported as {world.id}/{int(stored.name.split('-')[0])} ({stored}).")
    return 0 if whole else 1


def _world_of(options: argparse.Namespace, path: Path, journal: Journal) -> World:
    """Return the world of which a run is imported; raises ``RunError`` where it is of another and not taken over."""
    if options.taken_by:
        if options.world:
            raise UsageError("give WORLD or --world WORLD, not both")
        return open_world(options.taken_by)
    if not options.world:
        return open_world_of_run(journal.header.world)
    world = open_world(options.world)
    if journal.header.world != world.id:
        takes_over = f"`--world {options.world}` instead of `{options.world}` takes it over"
        raise RunError(printable(f"{path} is a run of {journal.header.world}, not of {world.id}; {takes_over}"))
    return world


def _own_header(header: Header, world: World) -> Header:
    """Return the header of a run that replays on a world, as a run of that world."""
    weights = world.network if world.gives_same_words(header.weights) else header.weights
    return header._replace(world=world.id, version=world.version, hash=world.hash, weights=weights, parent=None)


def _drop_unknown_facts(journal: Journal, world: World) -> Journal:
    """Return a journal without the facts that its world does not have; endings are reported on standard error."""
    prior = journal.header.prior
    unknown = prior.found - world.endings.keys()
    if unknown:
        message = f"{world.id} has no ending {', '.join(sorted(unknown))}: left out of the endings found."
        print(printable(message), file=sys.stderr)
    known = prior._replace(found=prior.found & world.endings.keys(), met=prior.met & world.scenes_remembered)
    return journal._replace(header=journal.header._replace(prior=known))
