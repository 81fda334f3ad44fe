"""What one size of a world, of a folder of runs or of a single run takes, as JSON: sizes.py KIND SIZE."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import process_time

from forward_pass.interface.title import latest_unfinished
from forward_pass.loading.lint import lint_world
from forward_pass.loading.loader import read_world
from forward_pass.loading.paths import cache_world, read_cached_world, read_world_files
from forward_pass.network.passes import open_pass
from forward_pass.session.branches import tree_lines, tree_object
from forward_pass.session.endings import list_endings
from forward_pass.storage import journal
from forward_pass.storage.files import next_number
from forward_pass.storage.journal import list_run_files, newest_first, read_journal, resolve_run
from forward_pass.storage.listing import endings_found, summaries
from forward_pass.storage.replay import replay_run
from forward_pass.storage.run_set import stored_runs
from forward_pass.storage.store import RunStore
from forward_pass.storage.tree import build_tree
from forward_pass.story.engine import initial_state, offers, take
from forward_pass.story.history import append, digest, make_turn, new_run
from forward_pass.story.state import Prior
from growing import grown_folder, grown_run, grown_world

TRIES = 3
STEPS = 200
MEGABYTE = 2**20

Found = dict[str, float]


def least(work: Callable[[], object], tries: int = TRIES) -> float:
    """Return the least time of the processor that some tries take: whatever else the machine does falls out."""
    times = []
    for _ in range(tries):
        journal._parse_line.cache_clear()  # noqa: SLF001 - a process that begins has read no line yet
        begun = process_time()
        work()
        times.append(process_time() - begun)
    return min(times)


def peak() -> float:
    """Return the most memory that this process ever had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MEGABYTE if sys.platform == "darwin" else most / 1024


# -- one size ---------------------------------------------------------------------------------------------------------


def world_of(scenes: int, folder: Path) -> Found:
    """Return what a world of so many scenes takes: to be read, linted, opened from the cache, walked, and in memory."""
    (folder / "made").mkdir()
    files = grown_world(scenes)
    for name, content in files:
        (folder / "made" / name).write_bytes(content)
    found: Found = {"bytes": sum(len(content) for _, content in files)}
    reading = read_world(folder / "made")
    if reading.data is None:
        sys.exit(f"the world cannot be read: {reading.problems[0]}")
    found["memory, loaded (MB)"] = peak()
    data = reading.data
    found["load: read and validate"] = least(lambda: read_world(folder / "made"))
    found["check: read and lint"] = least(lambda: lint_world(folder / "made"))
    contents = read_world_files(folder / "made")[0]
    cache_world(contents, data)
    found["load: from the cache"] = least(lambda: read_cached_world(folder / "made", contents))
    world = read_cached_world(folder / "made", contents)
    if world is None:
        sys.exit("the world was not cached")
    measure = open_pass(world)

    def walked() -> None:
        chance = Random(1)  # noqa: S311 - the same walk each time
        state, chain = initial_state(world, Prior()), ""
        for _ in range(STEPS):
            here = [offer.choice.id for offer in offers(world, measure, state) if offer.open and not offer.choice.decodes]
            state = take(world, measure, state, chance.choice(here))
            world.scene(state.scene).text(state, measure)
            chain = digest(world, state, chain)

    walked()
    found["a turn, its text and its digest"] = least(walked) / STEPS
    return found


def runs_of(count: int, folder: Path) -> Found:
    """Return what a folder of so many runs takes: to be listed, laid out as a tree, proven, gone through for endings."""
    world, measure, header = grown_folder(count, folder)
    runs = folder / world.id
    found: Found = {"bytes": sum(path.stat().st_size for path in runs.glob("*.jsonl"))}
    keeper = RunStore(folder, world, measure, header)
    before = peak()
    found["title: the run played last, and the number of runs"] = least(lambda: latest_unfinished(keeper))
    found["runs: one line each"] = least(lambda: [str(row) for row in summaries(runs, world)])
    found["endings: the runs that reached them"] = least(lambda: list_endings(world, runs))
    found["a new run: finding its number"] = least(lambda: next_number(runs))
    found["a new run: the endings found so far"] = least(lambda: endings_found(runs, world))
    found["--continue: finding the run played last"] = least(lambda: newest_first(list_run_files(runs))[0])
    found["--load: finding a run by number"] = least(lambda: resolve_run(folder, world.id, str(count // 2)))
    shelf = stored_runs(world, measure, runs)
    found["tree: reading and building"] = least(lambda: stored_runs(world, measure, runs).tree)
    found["nodes in the tree"] = float(len(shelf.tree.nodes))
    found["tree: as lines"] = least(lambda: tree_lines(shelf, 80), 1)
    found["tree: as JSON"] = least(lambda: tree_object(shelf), 1)
    found["replay: every run"] = least(lambda: sum(shelf.replay_to(run, 10_000).requested_turns for run in shelf.journals), 1)
    found["memory, with the tree (MB)"] = peak() - before
    begun = keeper.new_run
    found["a new run: starting it"] = least(begun)
    return found


def turns_of(count: int, folder: Path) -> Found:
    """Return what one run of so many turns takes: to be read, replayed, played on, and in memory."""
    world, measure, path = grown_run(count, folder)
    before = peak()
    kept = read_journal(path)
    found: Found = {"bytes": path.stat().st_size}
    found["a run: reading its file"] = least(lambda: read_journal(path))
    found["a run: replayed, digests checked"] = least(lambda: replay_run(world, measure, kept, count))
    found["a run: building its tree"] = least(lambda: build_tree([(1, kept)]))

    def played() -> None:
        run = new_run(world, measure, kept.header.prior)
        for turn in kept.turns:
            run = append(run, make_turn(run, turn.choice, lambda _, __: "two"))

    found["a run: played in one session"] = least(played, 1)
    found["memory, a run (MB)"] = peak() - before
    return found


KINDS: dict[str, Callable[[int, Path], Found]] = {"world": world_of, "runs": runs_of, "turns": turns_of}


def measure_one(kind: str, size: int) -> Found:
    """Return what one size takes, in a folder and a cache of its own."""
    folder = Path(tempfile.mkdtemp())
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    try:
        return KINDS[kind](size, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    print(json.dumps(measure_one(sys.argv[1], int(sys.argv[2]))))
