"""A replay on a full screen: pages, the clock, the keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures_play import TO_ENDINGS, WORLD, command, edited, first_light, journal, played
from forward_pass.interface.replay_viewer import FASTEST, Playback, pages, show
from forward_pass.network.passes import WrittenPass
from forward_pass.storage.replay import ReplayResult, replay_run
from test_tree_browser import CTRL_C, DOWN, END, ENTER, HOME, LEFT, PAGE_DOWN, PAGE_UP, RIGHT, UP, typed

WALKED = TO_ENDINGS["by-the-door"]


@pytest.fixture
def outcome(tmp_path: Path) -> ReplayResult:
    """Return a run walked again."""
    played(tmp_path, *WALKED)
    return walked(tmp_path)


def walked(saves: Path) -> ReplayResult:
    """Return the first run in a folder walked again."""
    world, found = first_light(), journal(saves)
    return replay_run(world, WrittenPass(world), found, len(found.turns))


def playback(outcome: ReplayResult, speed: float = 1.0) -> Playback:
    """Return a replay at its opening, set to 72 columns."""
    found = Playback(outcome, speed)
    found.set_to(72)
    return found


def test_every_turn_is_a_page_with_its_proof_and_the_last_has_the_sum(outcome: ReplayResult) -> None:
    shown = pages(outcome, 72)
    assert len(shown) == len(WALKED) + 1
    for number, (page, turn) in enumerate(zip(shown[1:], outcome.run.turns, strict=True), 1):
        assert f"[Turn {number} of {len(WALKED)}: digest {turn.digest}, identical]" in page.lines
    assert shown[-1].lines[-1] == f"{len(WALKED)} of {len(WALKED)} turns identical"
    assert [page.decoded for page in shown] == [False, *(turn.word is not None for turn in outcome.run.turns)]


def test_a_turn_that_differs_is_told_on_its_page(tmp_path: Path) -> None:
    path = played(tmp_path, *WALKED)
    edited(path, journal(tmp_path).turns[1].digest, "0" * 16)
    shown = pages(walked(tmp_path), 72)
    assert any(line.startswith("[Turn 2 of 5: DIFFERENT: its digest is") for line in shown[2].lines)
    assert shown[-1].lines[-1] == "diverged at turn 2 of 5"
    found = playback(walked(tmp_path))
    with typed(""):
        found.turn_to(3)
        assert found.head == " turn 3 of 5, 1 identical"


def test_a_turn_that_cannot_be_walked_is_told_on_the_last_page(tmp_path: Path) -> None:
    path = played(tmp_path, *WALKED)
    edited(path, '"choice":"hold-still"', '"choice":"no-such"')
    shown = pages(walked(tmp_path), 72)
    assert any("cannot be walked" in line for line in shown[-1].lines)


def test_time_turns_the_pages_at_reading_speed_and_stops_at_the_end(outcome: ReplayResult) -> None:
    with typed(""):
        found = playback(outcome)
        seconds = [page.seconds for page in found.pages]
        assert seconds[0] == pytest.approx(sum(len(line.split()) for line in found.pages[0].lines) / 4)
        found.tick(seconds[0] - 0.5)
        assert found.at == 0
        found.tick(0.6)
        assert found.at == 1
        for _ in range(10):
            found.tick(max(seconds) + 1)
        assert (found.at, found.running) == (len(WALKED), False)


def test_a_long_page_is_scrolled_while_it_is_read(outcome: ReplayResult) -> None:
    with typed("", rows=6):
        found = playback(outcome)
        assert found.pane.most > 0
        found.tick(found.pages[0].seconds * 0.9)
        assert found.at == 0
        assert found.pane.top == round(found.pane.most * 0.9)


def test_speed_nought_goes_by_key_alone(outcome: ReplayResult) -> None:
    with typed(""):
        found = playback(outcome, 0)
        found.tick(10_000)
        assert (found.at, found.foot[:8]) == (0, " stopped")


def test_going_on_scrolls_and_then_turns(outcome: ReplayResult) -> None:
    with typed("", rows=6):
        found = playback(outcome)
        found.on()
        assert (found.at, found.pane.top > 0) == (0, True)
        while found.at == 0:
            found.on()
        assert found.at == 1


def test_the_next_decoding_is_found(outcome: ReplayResult) -> None:
    with typed(""):
        found = playback(outcome)
        first = next(number for number, page in enumerate(found.pages) if page.decoded)
        found.turn_to(found.decoded_after())
        assert found.at == first
        found.turn_to(len(found.pages) - 1)
        assert found.decoded_after() == len(found.pages) - 1


def test_speed_has_its_ends(outcome: ReplayResult) -> None:
    found = playback(outcome)
    for _ in range(20):
        found.faster(2)
    assert found.speed == FASTEST


@pytest.mark.parametrize(
    ("keys", "turn"),
    [
        ("f", 0),
        (f"{RIGHT}nf", 2),
        (f"{RIGHT}{RIGHT}{LEFT}f", 1),
        (f"{END}f", len(WALKED)),
        (f"{END}{HOME}f", 0),
        (f"pp+-={ENTER}f", 1),
        (f"?{DOWN}{UP}qnf", 1),
        (f"{PAGE_DOWN}{PAGE_UP}cf", 1),
        (f"?{ENTER}f", 0),
    ],
)
def test_keys_go_where_they_say(outcome: ReplayResult, keys: str, turn: int) -> None:
    with typed(keys):
        assert show(outcome, 0) == turn


@pytest.mark.parametrize("key", ["q", CTRL_C])
def test_a_replay_can_be_left(outcome: ReplayResult, key: str) -> None:
    with typed(key):
        assert show(outcome) is None


def test_on_a_terminal_replay_is_watched_and_the_proof_stands_after_it(tmp_path: Path) -> None:
    played(tmp_path, *WALKED)
    with typed("q"):
        done = command("replay", f"{WORLD}/1", "--saves", tmp_path, terminal=True)
    assert done == (0, "5 of 5 turns identical\n", "")


@pytest.mark.parametrize("columns", [40, 80])
def test_the_keys_fit_the_screen(outcome: ReplayResult, columns: int) -> None:
    with typed("", columns=columns):
        found = playback(outcome)
        found.help()
        assert max(map(len, found.pane.lines)) <= columns
        assert len(found.foot) <= columns
        assert found.helping
