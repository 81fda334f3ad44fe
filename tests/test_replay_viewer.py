"""The replay viewer: its pages, its clock, its keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from building import first_light
from fixtures_play import TO_ENDINGS, WORLD, command, read_run, replace_in_file, write_run
from forward_pass.interface.replay_viewer import MAX_SPEED, Playback, replay_pages, view_replay
from forward_pass.network.passes import WrittenPass
from forward_pass.storage.replay import ReplayResult, replay_run
from test_tree_browser import CTRL_C, DOWN, END, ENTER, HOME, LEFT, PAGE_DOWN, PAGE_UP, RIGHT, UP, type_keys

CHOICES = TO_ENDINGS["by-the-door"]


@pytest.fixture
def result(tmp_path: Path) -> ReplayResult:
    """Return a replay of a run."""
    write_run(tmp_path, *CHOICES)
    return replay(tmp_path)


def replay(saves: Path) -> ReplayResult:
    """Return a replay of the first run in a folder."""
    world, recorded = first_light(), read_run(saves)
    return replay_run(world, WrittenPass(world), recorded, len(recorded.turns))


def make_viewer(result: ReplayResult, speed: float = 1.0) -> Playback:
    """Return a viewer at the opening, set to 72 columns."""
    viewer = Playback(result, speed)
    viewer.set_width(72)
    return viewer


def test_every_turn_is_a_page_with_its_verdict_and_the_last_has_the_summary(result: ReplayResult) -> None:
    pages = replay_pages(result, 72)
    assert len(pages) == len(CHOICES) + 1
    for number, (page, turn) in enumerate(zip(pages[1:], result.run.turns, strict=True), 1):
        assert f"[Turn {number} of {len(CHOICES)}: digest {turn.digest}, identical]" in page.lines
    assert pages[-1].lines[-1] == f"{len(CHOICES)} of {len(CHOICES)} turns identical"
    assert [page.decoded for page in pages] == [False, *(turn.word is not None for turn in result.run.turns)]


def test_a_turn_that_differs_says_so_on_its_page(tmp_path: Path) -> None:
    path = write_run(tmp_path, *CHOICES)
    replace_in_file(path, read_run(tmp_path).turns[1].digest, "0" * 16)
    pages = replay_pages(replay(tmp_path), 72)
    assert any(line.startswith("[Turn 2 of 5: DIFFERENT: its digest is") for line in pages[2].lines)
    assert pages[-1].lines[-1] == "diverged at turn 2 of 5"
    viewer = make_viewer(replay(tmp_path))
    with type_keys(""):
        viewer.show_page(3)
        assert viewer.header == " turn 3 of 5, 1 identical"


def test_a_turn_that_cannot_be_replayed_is_named_on_the_last_page(tmp_path: Path) -> None:
    path = write_run(tmp_path, *CHOICES)
    replace_in_file(path, '"choice":"hold-still"', '"choice":"no-such"')
    pages = replay_pages(replay(tmp_path), 72)
    assert any("cannot be replayed" in line for line in pages[-1].lines)


def test_the_clock_shows_the_pages_at_reading_speed_and_stops_at_the_end(result: ReplayResult) -> None:
    with type_keys(""):
        viewer = make_viewer(result)
        seconds = [page.seconds for page in viewer.pages]
        assert seconds[0] == pytest.approx(sum(len(line.split()) for line in viewer.pages[0].lines) / 4)
        viewer.tick(seconds[0] - 0.5)
        assert viewer.page == 0
        viewer.tick(0.6)
        assert viewer.page == 1
        for _ in range(10):
            viewer.tick(max(seconds) + 1)
        assert (viewer.page, viewer.running) == (len(CHOICES), False)


def test_the_clock_scrolls_a_long_page(result: ReplayResult) -> None:
    with type_keys("", rows=6):
        viewer = make_viewer(result)
        assert viewer.pane.max_top > 0
        viewer.tick(viewer.pages[0].seconds * 0.9)
        assert viewer.page == 0
        assert viewer.pane.top == round(viewer.pane.max_top * 0.9)


def test_at_speed_zero_the_clock_is_stopped(result: ReplayResult) -> None:
    with type_keys(""):
        viewer = make_viewer(result, 0)
        viewer.tick(10_000)
        assert (viewer.page, viewer.footer[:8]) == (0, " stopped")


def test_advance_scrolls_and_then_shows_the_next_page(result: ReplayResult) -> None:
    with type_keys("", rows=6):
        viewer = make_viewer(result)
        viewer.advance()
        assert (viewer.page, viewer.pane.top > 0) == (0, True)
        while viewer.page == 0:
            viewer.advance()
        assert viewer.page == 1


def test_the_next_decoding_is_found(result: ReplayResult) -> None:
    with type_keys(""):
        viewer = make_viewer(result)
        first = next(number for number, page in enumerate(viewer.pages) if page.decoded)
        viewer.show_page(viewer.next_decoding())
        assert viewer.page == first
        viewer.show_page(len(viewer.pages) - 1)
        assert viewer.next_decoding() == len(viewer.pages) - 1


def test_the_speed_has_a_maximum(result: ReplayResult) -> None:
    viewer = make_viewer(result)
    for _ in range(20):
        viewer.multiply_speed(2)
    assert viewer.speed == MAX_SPEED


@pytest.mark.parametrize(
    ("keys", "turn"),
    [
        ("f", 0),
        (f"{RIGHT}nf", 2),
        (f"{RIGHT}{RIGHT}{LEFT}f", 1),
        (f"{END}f", len(CHOICES)),
        (f"{END}{HOME}f", 0),
        (f"pp+-={ENTER}f", 1),
        (f"?{DOWN}{UP}qnf", 1),
        (f"{PAGE_DOWN}{PAGE_UP}cf", 1),
        (f"?{ENTER}f", 0),
    ],
)
def test_keys_move_between_turns(result: ReplayResult, keys: str, turn: int) -> None:
    with type_keys(keys):
        assert view_replay(result, 0) == turn


@pytest.mark.parametrize("key", ["q", CTRL_C])
def test_a_replay_can_be_closed(result: ReplayResult, key: str) -> None:
    with type_keys(key):
        assert view_replay(result) is None


def test_at_a_terminal_the_replay_is_viewed_and_its_summary_printed(tmp_path: Path) -> None:
    write_run(tmp_path, *CHOICES)
    with type_keys("q"):
        result = command("replay", f"{WORLD}/1", "--saves", tmp_path, terminal=True)
    assert result == (0, "5 of 5 turns identical\n", "")


@pytest.mark.parametrize("columns", [40, 80])
def test_the_keys_fit_the_screen(result: ReplayResult, columns: int) -> None:
    with type_keys("", columns=columns):
        viewer = make_viewer(result)
        viewer.show_help()
        assert max(map(len, viewer.pane.lines)) <= columns
        assert len(viewer.footer) <= columns
        assert viewer.help_shown
