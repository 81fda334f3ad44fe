"""What must not grow faster than what there is: thousands of runs in a folder, thousands of scenes in a world.

``make scale`` measures; here, work is counted, or two sizes are compared so generously that only a square would fail.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import process_time

import pytest

from forward_pass.gc_pause import gc_paused
from forward_pass.interface import title
from forward_pass.loading.lint import lint
from forward_pass.network.passes import open_pass
from forward_pass.storage import journal, listing
from forward_pass.storage.folder import next_number
from forward_pass.storage.journal import Header, Journal
from forward_pass.storage.listing import earlier_runs
from forward_pass.storage.store import RunStore
from forward_pass.storage.tree import build_tree
from forward_pass.story.history import RecordedTurn
from forward_pass.story.state import Prior
from forward_pass.story.world import World

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
from growing import grown_folder, grown_world, header_of, opened

TIMES = 40  # of ten times as much: n log n takes 13, a square 100


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """Return a folder of saves with sixty runs of a made world in it, and the world."""
    folder = tmp_path_factory.mktemp("saves")
    return folder, grown_folder(60, folder)[0]


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Path]:
    """Return the files that are read with a function of ``listing``, as it is called."""
    read: list[Path] = []
    real = getattr(listing, name)

    def reading(*arguments: object) -> Journal:
        read.append(Path(str(arguments[-1])))
        said: Journal = real(*arguments)
        return said

    monkeypatch.setattr(listing, name, reading)
    return read


def test_the_title_reads_the_run_that_was_played_last_and_no_other(
    kept: tuple[Path, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, world = kept
    read = counted(monkeypatch, "read_journal")
    keeper = RunStore(folder, world, open_pass(world), partial(header_of, world))
    last = title.last_run(keeper)
    assert last is not None
    assert (last.ended, last.runs) == (True, 60)
    assert len(read) == 1


def test_a_run_is_read_for_its_endings_only_where_one_stands_that_was_not_met_yet(
    kept: tuple[Path, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, world = kept
    every = {path: path.read_text(encoding="utf8") for path in (folder / world.id).glob("*.jsonl")}
    reached = {json.loads(text.splitlines()[-1])["scene"] for text in every.values()}
    read = counted(monkeypatch, "parse_journal")
    assert earlier_runs(folder / world.id, world).found == reached
    assert len(read) == len(reached) < len(every)


def test_once_every_ending_was_met_no_other_run_is_opened(kept: tuple[Path, World], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, world = kept
    few = dict(list(world.endings.items())[-1:])  # the one to which most words lead
    monkeypatch.setitem(world.__dict__, "endings", few)
    read = counted(monkeypatch, "read_bytes")
    assert earlier_runs(folder / world.id, world).found == frozenset(few)
    assert len(read) < 60


def test_the_next_number_is_found_by_the_names_of_files(kept: tuple[Path, World], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, world = kept
    monkeypatch.setattr(journal, "read_bytes", pytest.fail)
    assert next_number(folder / world.id) == 61


def seconds(work: Callable[[], object]) -> float:
    """Return the least time that some work takes of this process."""
    took = []
    for _ in range(3):
        began = process_time()
        work()
        took.append(process_time() - began)
    return max(min(took), 1e-3)


def journals(count: int) -> Iterator[tuple[int, Journal]]:
    """Yield so many runs of ten turns that part at their first."""
    header = Header("made", "1", "", None, 0, 0.0, Prior(), "")
    for run in range(1, count + 1):
        turns = tuple(RecordedTurn("go", "here", None, None, f"{run}-{turn}") for turn in range(10))
        yield run, Journal(header, turns, 10, 0, torn=False, fault="")


def test_ten_times_the_runs_take_about_ten_times_as_long_to_grow_into_a_tree() -> None:
    few, many = list(journals(300)), list(journals(3000))
    assert seconds(lambda: build_tree(many)) < TIMES * seconds(lambda: build_tree(few))


def test_ten_times_the_scenes_take_about_ten_times_as_long_to_read_and_to_lint() -> None:
    small, large = opened(100).story, opened(1000).story
    assert seconds(lambda: opened(1000)) < TIMES * seconds(lambda: opened(100))
    assert seconds(lambda: list(lint(large))) < TIMES * seconds(lambda: list(lint(small)))


def test_the_made_world_can_be_read_at_any_size() -> None:
    assert [len(opened(scenes).scene_ids) for scenes in (1, 30)] == [21, 50]
    assert [name for name, _ in grown_world(2500)] == ["000.yaml", "001.yaml", "002.yaml", "world.yaml"]


def test_the_collector_works_again_after_pauses_that_overlap_or_were_asked_for_while_it_was_off() -> None:
    first, second = gc_paused(), gc_paused()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # as in two threads
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()
    gc.disable()
    try:
        with gc_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
