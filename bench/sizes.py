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

from forward_pass.interface.title import last_run
from forward_pass.loading.cache import cache_story, read_cached_story
from forward_pass.loading.lint import lint
from forward_pass.loading.loader import read_world
from forward_pass.loading.paths import read_world_files
from forward_pass.network.passes import open_pass
from forward_pass.session.branches import tree_lines, tree_object
from forward_pass.session.endings import list_endings
from forward_pass.storage import journal
from forward_pass.storage.folder import list_run_files, next_number, resolve_run
from forward_pass.storage.journal import read_journal
from forward_pass.storage.listing import earlier_runs, newest_first, summaries
from forward_pass.storage.replay import replay_run
from forward_pass.storage.run_set import stored_runs
from forward_pass.storage.store import RunStore
from forward_pass.storage.tree import build_tree
from forward_pass.story.engine import carry_out, initial_state, offers
from forward_pass.story.history import append, digest, make_turn, new_run
from forward_pass.story.nodes import Story
from forward_pass.story.state import Prior
from forward_pass.story.world import World
from growing import grown_folder, grown_run, grown_world

TRIES = 3
STEPS = 200
MEGABYTE = 2**20

Figures = dict[str, float]


def least(work: Callable[[], object], tries: int = TRIES) -> float:
    """Return the least processor time of some tries, so that whatever else the machine does falls out."""
    times = []
    for _ in range(tries):
        journal._parse_line.cache_clear()  # noqa: SLF001 - a process that begins has read no line yet
        start = process_time()
        work()
        times.append(process_time() - start)
    return min(times)


def peak() -> float:
    """Return the most memory that this process ever had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MEGABYTE if sys.platform == "darwin" else most / 1024


# -- one size ---------------------------------------------------------------------------------------------------------


def world_of(scenes: int, folder: Path) -> Figures:
    """Return what a world of so many scenes takes: to be read, linted, opened from the cache, walked, and in memory."""
    (folder / "made").mkdir()
    files = grown_world(scenes)
    for name, content in files:
        (folder / "made" / name).write_bytes(content)
    figures: Figures = {"bytes": sum(len(content) for _, content in files)}
    story = _story(folder / "made")
    figures["memory, loaded (MB)"] = peak()
    figures["load: read and validate"] = least(lambda: _story(folder / "made"))
    figures["check: read and lint"] = least(lambda: sorted(lint(_story(folder / "made"))))
    contents = read_world_files(folder / "made")[0]
    cache_story(folder / "made", contents, story)
    figures["load: from the cache"] = least(lambda: read_cached_story(folder / "made", contents))
    cached = read_cached_story(folder / "made", contents)
    if cached is None:
        sys.exit("the world was not cached")
    world = World(cached)
    inspector = open_pass(world)

    def walk() -> None:
        chance = Random(1)  # noqa: S311 - the same walk each time
        state, chain = initial_state(world, Prior()), ""
        for _ in range(STEPS):
            open_offers = [offer for offer in offers(world, state) if offer.is_open and not offer.decoder_comes]
            state = carry_out(world, inspector, state, chance.choice(open_offers))
            world.scene(state.scene).text(state, inspector)
            chain = digest(world, state, chain)

    walk()
    figures["a turn, its text and its digest"] = least(walk) / STEPS
    return figures


def _story(folder: Path) -> Story:
    reading = read_world(folder)
    if reading.story is None:
        sys.exit(f"the world cannot be read: {reading.problems[0]}")
    return reading.story


def runs_of(count: int, folder: Path) -> Figures:
    """Return what a folder of so many runs takes: to be listed, laid out as a tree, proven, gone through for endings."""
    world, inspector, make_header = grown_folder(count, folder)
    runs = folder / world.id
    figures: Figures = {"bytes": sum(path.stat().st_size for path in runs.glob("*.jsonl"))}
    store = RunStore(folder, world, inspector, make_header)
    before = peak()
    figures["title: the run played last, and the number of runs"] = least(lambda: last_run(store))
    figures["runs: one line each"] = least(lambda: [str(row) for row in summaries(runs, world)])
    figures["endings: the runs that reached them"] = least(lambda: list_endings(world, runs))
    figures["a new run: finding its number"] = least(lambda: next_number(runs))
    figures["a new run: the endings found so far"] = least(lambda: earlier_runs(runs, world))
    figures["--continue: finding the run played last"] = least(lambda: newest_first(list_run_files(runs))[0])
    figures["--load: finding a run by number"] = least(lambda: resolve_run(folder, world.id, str(count // 2)))
    run_set = stored_runs(world, inspector, runs)
    figures["tree: reading and building"] = least(lambda: stored_runs(world, inspector, runs).tree)
    figures["nodes in the tree"] = float(len(run_set.tree.nodes))
    figures["tree: as lines"] = least(lambda: tree_lines(run_set, 80), 1)
    figures["tree: as JSON"] = least(lambda: tree_object(run_set), 1)
    figures["replay: every run"] = least(
        lambda: sum(run_set.replay_to(run, 10_000).requested_turns for run in run_set.journals), 1
    )
    figures["memory, with the tree (MB)"] = peak() - before
    figures["a new run: starting it"] = least(store.new)
    return figures


def turns_of(count: int, folder: Path) -> Figures:
    """Return what one run of so many turns takes: to be read, replayed, played on, and in memory."""
    world, inspector, path = grown_run(count, folder)
    before = peak()
    read = read_journal(path)
    figures: Figures = {"bytes": path.stat().st_size}
    figures["a run: reading its file"] = least(lambda: read_journal(path))
    figures["a run: replayed, digests checked"] = least(lambda: replay_run(world, inspector, read, count))
    figures["a run: building its tree"] = least(lambda: build_tree([(1, read)]))

    def play() -> None:
        run = new_run(world, inspector, read.header.prior)
        for turn in read.turns:
            run = append(run, make_turn(run, turn.choice, lambda _, __: "two"))

    figures["a run: played in one session"] = least(play, 1)
    figures["memory, a run (MB)"] = peak() - before
    return figures


KINDS: dict[str, Callable[[int, Path], Figures]] = {"world": world_of, "runs": runs_of, "turns": turns_of}


def measure_one(kind: str, size: int) -> Figures:
    """Return what one size takes, in a folder and a cache of its own."""
    folder = Path(tempfile.mkdtemp())
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    try:
        return KINDS[kind](size, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    print(json.dumps(measure_one(sys.argv[1], int(sys.argv[2]))))
