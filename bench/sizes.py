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

from forward_pass.interface.title import open_run
from forward_pass.loading.lint import checked
from forward_pass.loading.loader import read_world
from forward_pass.loading.paths import cached_world, keep_world, world_contents
from forward_pass.network.passes import measure_of
from forward_pass.session.branches import tree_lines, tree_object
from forward_pass.session.endings import collected
from forward_pass.storage import journal
from forward_pass.storage.files import next_number
from forward_pass.storage.journal import found_run, kept_runs, latest_first, read_journal
from forward_pass.storage.listing import endings_found, summaries
from forward_pass.storage.replay import replayed
from forward_pass.storage.run_set import kept_shelf
from forward_pass.storage.store import Keeper
from forward_pass.storage.tree import grown
from forward_pass.story.engine import offers, start, take
from forward_pass.story.history import begun, digest, followed, turned
from forward_pass.story.state import Facts
from growing import grown_folder, grown_run, grown_world

TRIES = 3
STEPS = 200
MEGABYTE = 2**20

Found = dict[str, float]


def least(work: Callable[[], object], tries: int = TRIES) -> float:
    """Return the least time of the processor that some tries take: whatever else the machine does falls out."""
    times = []
    for _ in range(tries):
        journal._row.cache_clear()  # noqa: SLF001 - a process that begins has read no line yet
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
    found["memory, read (MB)"] = peak()
    data = reading.data
    found["load: read and validate"] = least(lambda: read_world(folder / "made"))
    found["check: read and lint"] = least(lambda: checked(folder / "made"))
    contents = world_contents(folder / "made")[0]
    keep_world(contents, data)
    found["load: from the cache"] = least(lambda: cached_world(folder / "made", contents))
    world = cached_world(folder / "made", contents)
    if world is None:
        sys.exit("the cache did not keep the world")
    measure = measure_of(world)

    def walked() -> None:
        chance = Random(1)  # noqa: S311 - the same walk each time
        state, chain = start(world, Facts()), ""
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
    keeper = Keeper(folder, world, measure, header)
    before = peak()
    found["title: the run played last, how many there are"] = least(lambda: open_run(keeper))
    found["runs: a line for each"] = least(lambda: [str(row) for row in summaries(runs, world)])
    found["endings: by which runs"] = least(lambda: collected(world, runs))
    found["a new run: its number"] = least(lambda: next_number(runs))
    found["a new run: endings known"] = least(lambda: endings_found(runs, world))
    found["--continue: the file played last"] = least(lambda: latest_first(kept_runs(runs))[0])
    found["--load: a run by its number"] = least(lambda: found_run(folder, world.id, str(count // 2)))
    shelf = kept_shelf(world, measure, runs)
    found["tree: read and grown"] = least(lambda: kept_shelf(world, measure, runs).tree)
    found["branches in the tree"] = float(len(shelf.tree.branches))
    found["tree: as lines"] = least(lambda: tree_lines(shelf, 80), 1)
    found["tree: as an object"] = least(lambda: tree_object(shelf), 1)
    found["replay: every run proven"] = least(lambda: sum(shelf.walked(run, 10_000).asked for run in shelf.journals), 1)
    found["memory, the tree grown (MB)"] = peak() - before
    begun = keeper.begin
    found["a new run begun"] = least(begun)
    return found


def turns_of(count: int, folder: Path) -> Found:
    """Return what one run of so many turns takes: to be read, replayed, played on, and in memory."""
    world, measure, path = grown_run(count, folder)
    before = peak()
    kept = read_journal(path)
    found: Found = {"bytes": path.stat().st_size}
    found["a run: its file read"] = least(lambda: read_journal(path))
    found["a run: replayed, digests checked"] = least(lambda: replayed(world, measure, kept, count))
    found["a run: its tree"] = least(lambda: grown([(1, kept)]))

    def played() -> None:
        run = begun(world, measure, kept.header.facts)
        for turn in kept.turns:
            run = followed(run, turned(run, turn.choice, lambda _, __: "two"))

    found["a run: played in one sitting"] = least(played, 1)
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
