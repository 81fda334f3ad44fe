"""The tree browser: its rows, and its keys through prompt_toolkit's pipe input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Point, Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.mouse_events import MouseButton, MouseEvent, MouseEventType
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.utils import get_cwidth

from building import first_light
from fixtures_golden import flagship
from fixtures_play import WORLD, command, make_store, open_run_set, read_run, run_file_names
from forward_pass.interface.branch_browser import browse_until_fork
from forward_pass.interface.browsing import BrowserRequest
from forward_pass.interface.tree_browser import MAX_FORK_SIGNS, TreeBrowser, browse, fork_signs
from forward_pass.network.passes import WrittenPass
from forward_pass.session.session import Session
from forward_pass.storage.journal import Header, Journal
from forward_pass.storage.run_set import RunSet, golden_runs
from forward_pass.storage.tree import build_tree
from forward_pass.story.history import RecordedTurn
from forward_pass.story.state import Prior

HEADER = Header(WORLD, "1", "0" * 64, None, 0, 0.0, Prior(1, frozenset()), "")
DOWN, UP, RIGHT, LEFT = "\x1b[B", "\x1b[A", "\x1b[C", "\x1b[D"
HOME, END, PAGE_DOWN, PAGE_UP = "\x1b[H", "\x1b[F", "\x1b[6~", "\x1b[5~"
ENTER, ESCAPE, CTRL_C, CTRL_D = "\r", "\x1b", "\x03", "\x04"


class SizedOutput(DummyOutput):
    """A screen of some size that ignores output."""

    def __init__(self, columns: int, rows: int) -> None:
        self.size = Size(rows=rows, columns=columns)

    def get_size(self) -> Size:
        """Return the size."""
        return self.size


@contextmanager
def type_keys(keys: str, columns: int = 80, rows: int = 24) -> Iterator[None]:
    """Send some keys to a full screen."""
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=SizedOutput(columns, rows)):
        pipe.send_text(keys)
        yield


class RecordingOutput(SizedOutput):
    """A screen that records its output."""

    text = ""

    def write(self, data: str) -> None:
        """Record a text."""
        self.text += data


@contextmanager
def record_screen(keys: str, columns: int = 80, rows: int = 24) -> Iterator[RecordingOutput]:
    """Send some keys to a full screen and record its output."""
    screen = RecordingOutput(columns, rows)
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=screen):
        pipe.send_text(keys)
        yield screen


def browse_with_keys(run_set: RunSet, keys: str, node: int = 0) -> BrowserRequest | None:
    """Return the result of browsing with some keys."""
    with type_keys(keys):
        return browse(run_set, node)


def make_browser(run_set: RunSet, node: int = 0) -> TreeBrowser:
    """Return a browser with a node selected."""
    return TreeBrowser(run_set, node)


def visible_rows(browser: TreeBrowser) -> list[str]:
    """Return the rows in view."""
    return "".join(part[1] for part in browser.fragments()).splitlines()


@pytest.mark.parametrize("key", ["q", CTRL_C, CTRL_D, ESCAPE])
def test_a_tree_can_be_left(run_set: RunSet, key: str) -> None:
    assert browse_with_keys(run_set, key) is None


@pytest.mark.parametrize(
    ("keys", "turn"), [("f", 0), (RIGHT + RIGHT + "f", 2), (END + "f", 2), (RIGHT * 9 + LEFT + "f", 2), (END + HOME + "f", 0)]
)
def test_a_fork_is_requested_at_the_selected_row(run_set: RunSet, keys: str, turn: int) -> None:
    request = browse_with_keys(run_set, keys)
    assert request is not None
    assert (request.action, request.turn) == ("fork", turn)


def test_a_replay_is_requested_of_a_run_through_the_node(run_set: RunSet) -> None:
    request = browse_with_keys(run_set, f"/door{ENTER}r")
    assert request is not None
    assert request.action == "replay"
    assert request.run in run_set.tree.nodes[request.node].runs


def test_rows_have_token_layer_choice_word_and_ending(run_set: RunSet) -> None:
    with type_keys(""):
        rows = visible_rows(make_browser(run_set))
    assert rows[0].split() == ["11", "3", "the", "opening", "+1"]
    assert rows[1].startswith(" 11  4 ├ Read the question again, slowly this time  ")
    assert any("said “" in row and " · " in row for row in rows)
    assert sum("ends: " in row for row in rows) == 3
    assert [get_cwidth(row) for row in rows] == [80] * len(rows)


def test_rows_fit_forty_columns(run_set: RunSet) -> None:
    with type_keys("", columns=40, rows=8):
        browser = make_browser(run_set)
        assert {get_cwidth(row) for row in visible_rows(browser)} == {40}
        assert len(visible_rows(browser)) == 6
        browser.move(100)
        assert visible_rows(browser)[-1].startswith(" 13  3   run 2 · ends")
        assert get_cwidth(browser.footer) <= 40


@pytest.mark.parametrize("columns", [40, 80])
def test_box_lines_join_the_branches_of_a_fork(columns: int) -> None:
    def journal(*choices: str) -> Journal:
        turns = tuple(RecordedTurn(choice, "s", None, None, " ".join(choices[:at])) for at, choice in enumerate(choices, 1))
        return Journal(HEADER, turns, len(turns), 0, torn=False, fault="")

    tree = build_tree(enumerate((journal(*"abc"), journal(*"abx"), journal(*"aef"), journal(*"gh")), 1))
    assert [("".join(fork_signs(tree, node)), node.recorded.choice) for _, node in tree.depth_first() if node.recorded] == [
        ("├", "a"),
        ("│├", "b"),
        ("││├", "c"),
        ("││└", "x"),
        ("│└", "e"),
        ("│ ", "f"),
        ("└", "g"),
        (" ", "h"),
    ]
    world = first_light()
    run_set = RunSet(world, WrittenPass(world), [(number, journal(*"a" * number, "b")) for number in range(15, 0, -1)], None)
    with type_keys("", columns=columns):
        rows = visible_rows(make_browser(run_set))
    assert {get_cwidth(row) for row in rows} == {columns}
    assert max(sum(row.count(sign) for sign in "├│└") for row in rows) == MAX_FORK_SIGNS


def test_a_turn_is_read_with_its_offers_the_number_never_taken_and_the_verdict(run_set: RunSet) -> None:
    with type_keys(""):
        browser = make_browser(run_set)
        browser.read()
        assert browser.pane is not None
        text = " ".join(" ".join(browser.pane.lines).split())
    assert text.startswith("Turn 0. the opening ")
    assert "1. " in text
    assert "1 of 3 ways on never taken in any run." in text
    assert "A number takes that way." in text
    assert text.endswith("proven: 0 of 0 turns identical.")


def test_an_ending_has_no_offers_never_taken(run_set: RunSet) -> None:
    with type_keys(""):
        browser = make_browser(run_set, run_set.tree.last_nodes[2])
        browser.read()
        assert browser.pane is not None
        text = " ".join(" ".join(browser.pane.lines).split())
    assert "Ending: Half Said." in text
    assert "never taken" not in text


def test_find_wraps_around_and_says_when_nothing_matches(run_set: RunSet) -> None:
    with type_keys(""):
        browser = make_browser(run_set)
        browser.find("half-said")
        first = browser.selected
        browser.find("")
        assert browser.selected == first
        browser.find("no such thing")
        assert (browser.selected, browser.message) == (first, "nothing here has “no such thing”")
        browser.select(0)
        assert browser.message == ""


def test_find_looks_through_ids_too(run_set: RunSet) -> None:
    with type_keys(""):
        browser = make_browser(run_set)
        browser.find("read-question")
        assert "read-question" not in visible_rows(browser)[browser.selected]
        assert browser.node.recorded is not None
        assert browser.node.recorded.choice == "read-question"


def test_find_without_a_text_asks_for_one(run_set: RunSet) -> None:
    with type_keys(""):
        browser = make_browser(run_set)
        browser.find("")
        assert browser.message == "find what? / and some words"


def test_labels_and_notes_are_written_and_removed_and_no_run_is_changed(run_set: RunSet, tmp_path: Path) -> None:
    before = {name: (tmp_path / WORLD / name).read_bytes() for name in run_file_names(tmp_path)}
    assert browse_with_keys(run_set, f"{DOWN}lthe long way{ENTER}nslow{ENTER}q") is None
    recorded = run_set.tree.nodes[1].recorded
    assert recorded is not None
    annotations = open_run_set(tmp_path).annotations()
    assert tuple(annotations[recorded.digest]) == ("the long way", "slow")
    assert browse_with_keys(run_set, f"{DOWN}l" + "\x7f" * 12 + f"{ENTER}q") is None
    assert tuple(open_run_set(tmp_path).annotations()[recorded.digest]) == ("", "slow")
    assert {name: (tmp_path / WORLD / name).read_bytes() for name in before} == before
    with type_keys(""):
        assert "note “slow”" in visible_rows(make_browser(open_run_set(tmp_path)))[1]


def test_typing_can_be_cancelled(run_set: RunSet, tmp_path: Path) -> None:
    assert browse_with_keys(run_set, f"{DOWN}lnever{CTRL_C}q") is None
    assert open_run_set(tmp_path).annotations() == {}


def test_the_opening_and_golden_runs_take_no_annotation(run_set: RunSet) -> None:
    world = first_light()
    with type_keys(""):
        browser = make_browser(run_set)
        assert (browser.can_annotate(), browser.message) == (False, "the opening is no turn, and takes no label")
        browser.annotate("label", "x")
        assert run_set.annotations() == {}
        golden = make_browser(golden_runs(world, WrittenPass(world)), 1)
        assert (golden.can_annotate(), golden.message) == (False, "golden runs are read only")
    assert browse_with_keys(run_set, "lxq") is None


def test_a_label_that_cannot_be_written_is_reported_in_the_footer(run_set: RunSet, tmp_path: Path) -> None:
    (tmp_path / WORLD / "labels.jsonl").mkdir()
    with type_keys(f"{DOWN}lx{ENTER}q"):
        assert browse(run_set) is None


def test_two_turns_are_compared(run_set: RunSet) -> None:
    with type_keys(""):
        browser = make_browser(run_set, run_set.tree.last_nodes[1])
        browser.compare()
        assert (browser.pane, browser.message) == (None, "mark a turn first, with m")
        browser.view.marked = run_set.tree.last_nodes[2]
        browser.compare()
        assert browser.pane is not None
        text = " ".join(browser.pane.lines)
    assert text.startswith("run 2 to turn 2 and run 1 to turn 3 They say the same words, as far as both go.")
    assert "They share 0 turns. Then run 2 to turn 2: turn 1, at 11" in text
    assert "█" in text
    assert browse_with_keys(run_set, f"m{END}dqq") is None


@pytest.mark.parametrize(("key", "action"), [("r", "replay"), ("f", "fork")])
def test_a_request_can_be_made_while_a_turn_is_read(run_set: RunSet, key: str, action: str) -> None:
    request = browse_with_keys(run_set, f"{RIGHT}{RIGHT}{ENTER}{PAGE_DOWN}{key}")
    assert request is not None
    assert (request.action, request.turn) == (action, 2)


def test_a_turn_that_is_read_can_be_labelled_noted_marked_and_compared(run_set: RunSet, tmp_path: Path) -> None:
    assert browse_with_keys(run_set, f"{DOWN}{ENTER}lslowly{ENTER}{ENTER}nso{ENTER}{ENTER}m{END}{ENTER}dqq") is None
    assert [tuple(mark) for mark in open_run_set(tmp_path).annotations().values()] == [("slowly", "so")]


@pytest.mark.parametrize("columns", [40, 80])
def test_the_footer_of_a_turn_names_its_keys(run_set: RunSet, columns: int) -> None:
    with type_keys("", columns=columns):
        browser = make_browser(run_set)
        browser.read()
        assert ("1-9 take  f fork  r replay" if columns > 40 else "1-9 f r l n m d w") in browser.footer
        assert "q back" in browser.footer
        assert get_cwidth(browser.footer) <= columns


def test_a_golden_run_has_its_name_and_is_found_by_it() -> None:
    world = first_light()
    with type_keys("", columns=120):
        browser = make_browser(golden_runs(world, WrittenPass(world)))
        browser.find("by-the-door")
        assert "label “by-the-door”" in visible_rows(browser)[browser.selected]
        first = browser.node_name(browser.node)
        browser.view.marked = browser.node.number
        browser.find("half-said")
        browser.compare()
        assert browser.pane is not None
    assert first.startswith("by-the-door to turn ")
    assert " ".join(browser.pane.lines).startswith(f"{first} and half-said to turn ")


def test_help_is_a_pane_closed_with_q(run_set: RunSet) -> None:
    assert browse_with_keys(run_set, f"?{PAGE_DOWN}{PAGE_UP}{UP}qq") is None


def test_the_mouse_selects_reads_and_scrolls(run_set: RunSet) -> None:
    def event(kind: MouseEventType) -> MouseEvent:
        return MouseEvent(Point(0, 0), kind, MouseButton.LEFT, frozenset())

    with type_keys(""):
        browser = make_browser(run_set)
        click = browser._click_handler(2)
        assert click(event(MouseEventType.MOUSE_DOWN)) is NotImplemented
        click(event(MouseEventType.MOUSE_UP))
        assert browser.selected == 2
        click(event(MouseEventType.MOUSE_UP))
        assert browser.pane is not None
        browser.move(3)
        assert browser.selected == 2


def test_closing_a_replay_returns_to_the_tree(run_set: RunSet) -> None:
    with type_keys(f"{DOWN}rqq"):
        assert browse_until_fork(run_set) is None


def test_a_replay_can_be_forked(run_set: RunSet) -> None:
    with type_keys(f"{END}r{RIGHT}f"):
        request = browse_until_fork(run_set)
    assert request is not None
    assert (request.action, request.turn) == ("fork", 1)


@pytest.mark.usefixtures("run_set")
def test_a_fork_starts_a_sibling_run_and_changes_no_file(tmp_path: Path) -> None:
    before = {name: (tmp_path / WORLD / name).read_bytes() for name in run_file_names(tmp_path)}
    store = make_store(tmp_path)
    stored = store.fork("3", 1)
    assert (stored.run.at, len(stored.run.turns)) == (1, 1)
    assert "a run of its own" in stored.notes[0]
    assert stored.recorder.label is None
    session = Session(store, stored)
    session.choose("read-again")  # the very choice that was recorded
    session.recorder.close()
    assert {name: (tmp_path / WORLD / name).read_bytes() for name in before} == before
    assert read_run(tmp_path, 4).header.parent == (3, 1)


def test_a_golden_run_can_be_forked(tmp_path: Path) -> None:
    world = first_light()
    run_set = golden_runs(world, WrittenPass(world))
    store = make_store(tmp_path)
    stored = store.fork_foreign(run_set.journals[1], 1)
    assert (stored.run.at, stored.recorder.label) == (1, None)
    with pytest.raises(Exception, match="cannot be replayed"):
        store.fork_foreign(run_set.journals[1], 99)


@pytest.mark.usefixtures("run_set")
def test_at_a_terminal_the_tree_is_browsed_and_elsewhere_it_is_lines(tmp_path: Path) -> None:
    with type_keys("q"):
        assert command("tree", WORLD, "--saves", tmp_path, terminal=True) == (0, "", "")
    assert "Turn 0: the opening." in command("tree", WORLD, "--plain", "--saves", tmp_path, terminal=True).out


@pytest.mark.usefixtures("run_set")
def test_a_fork_from_the_tree_starts_a_session(tmp_path: Path) -> None:
    with type_keys(f"{DOWN}f{CTRL_D}"):
        result = command("tree", WORLD, "--saves", tmp_path, terminal=True, ACCESSIBLE="")
    assert "A branch of " in result.err
    assert "Left as it was kept." in result.out


# -- folding -----------------------------------------------------------------------------------------------------------------


def test_a_large_tree_is_folded_and_every_run_can_be_found_in_it() -> None:
    """The golden runs of the flagship: hundreds of turns, most of them in chains from which no run parted."""
    run_set = flagship()
    with type_keys(""):
        browser = make_browser(run_set, 0)
        assert browser.view.folded
        runs = len(run_set.tree.last_nodes)
        assert len(browser.rows) <= 2 * runs < len(run_set.tree.nodes)
        assert set(browser.view.row_by_node) == {node.number for node in run_set.tree.nodes}
        for run, last in run_set.tree.last_nodes.items():
            node = run_set.tree.nodes[last]
            title = run_set.world.endings[node.recorded.scene] if node.recorded else ""
            browser.select(0)
            browser.find(f"ends: {title}")
            row = browser.row(browser.selected, 400)
            assert f"ends: {title}" in row
            assert browser.view.row_by_node[last] in range(len(browser.rows)), run
        assert all(len(browser.row(number, 80)) == 80 for number in range(len(browser.rows)))


def test_folding_keeps_the_selected_turn() -> None:
    run_set = flagship()
    last = next(iter(run_set.tree.last_nodes.values()))
    with type_keys(""):
        browser = make_browser(run_set, last)
        head = browser.node.number
        browser.toggle_fold()
        assert not browser.view.folded
        assert browser.node.number == head
        assert len(browser.rows) == len(run_set.tree.nodes)
        browser.select(browser.view.row_by_node[last])
        browser.toggle_fold()
        assert browser.node.number == head
        assert "folded" in browser.message


def test_a_small_tree_is_not_folded(run_set: RunSet) -> None:
    with type_keys(""):
        browser = make_browser(run_set, 0)
    assert not browser.view.folded
    assert len(browser.rows) == len(run_set.tree.nodes)
