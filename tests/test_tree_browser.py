"""The tree on a full screen: what its rows say, and what each key does, through prompt_toolkit's pipe input."""

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

from fixtures_play import TO_ENDINGS, WORLD, command, files, first_light, journal, keeper, played
from forward_pass.interface.tree_browser import DEEPEST, BrowserRequest, TreeBrowser, browse, browse_until_fork, fork_signs
from forward_pass.network.passes import WrittenPass
from forward_pass.session.session import Session
from forward_pass.storage.journal import Header, Journal
from forward_pass.storage.run_set import RunSet, golden_runs, stored_runs
from forward_pass.storage.tree import build_tree
from forward_pass.story.history import RecordedTurn
from forward_pass.story.state import Prior

HEADER = Header(WORLD, "1", "0" * 64, None, 0, 0.0, Prior(1, frozenset()), "")
DOWN, UP, RIGHT, LEFT = "\x1b[B", "\x1b[A", "\x1b[C", "\x1b[D"
HOME, END, PAGE_DOWN, PAGE_UP = "\x1b[H", "\x1b[F", "\x1b[6~", "\x1b[5~"
ENTER, ESCAPE, CTRL_C, CTRL_D = "\r", "\x1b", "\x03", "\x04"


class Sized(DummyOutput):
    """A screen of some size, on which nothing is painted."""

    def __init__(self, columns: int, rows: int) -> None:
        self.size = Size(rows=rows, columns=columns)

    def get_size(self) -> Size:
        """Return the size."""
        return self.size


@contextmanager
def typed(keys: str, columns: int = 80, rows: int = 24) -> Iterator[None]:
    """Let a full screen read some keys."""
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=Sized(columns, rows)):
        pipe.send_text(keys)
        yield


class Painted(Sized):
    """A screen that remembers what was painted on it."""

    text = ""

    def write(self, data: str) -> None:
        """Remember a text."""
        self.text += data


@contextmanager
def painted(keys: str, columns: int = 80, rows: int = 24) -> Iterator[Painted]:
    """Let a full screen read some keys, and remember what it paints."""
    screen = Painted(columns, rows)
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=screen):
        pipe.send_text(keys)
        yield screen


@pytest.fixture
def shelf(tmp_path: Path) -> RunSet:
    """Return three runs, of which two share their first turn."""
    for choices in (TO_ENDINGS["the-usual-order"], TO_ENDINGS["half-said"], TO_ENDINGS["by-the-door"]):
        played(tmp_path, *choices)
    return opened(tmp_path)


def opened(saves: Path) -> RunSet:
    """Return the runs in a folder."""
    world = first_light()
    return stored_runs(world, WrittenPass(world), saves / WORLD)


def left(shelf: RunSet, keys: str, here: int = 0) -> BrowserRequest | None:
    """Return what browsing with some keys came to."""
    with typed(keys):
        return browse(shelf, here)


def browser(shelf: RunSet, here: int = 0) -> TreeBrowser:
    """Return a browser at a branch."""
    return TreeBrowser(shelf, here)


def shown(browser: TreeBrowser) -> list[str]:
    """Return the rows in view."""
    return "".join(part[1] for part in browser.fragments()).splitlines()


@pytest.mark.parametrize("key", ["q", CTRL_C, CTRL_D, ESCAPE])
def test_a_tree_can_be_left(shelf: RunSet, key: str) -> None:
    assert left(shelf, key) is None


@pytest.mark.parametrize(
    ("keys", "turn"), [("f", 0), (RIGHT + RIGHT + "f", 2), (END + "f", 2), (RIGHT * 9 + LEFT + "f", 2), (END + HOME + "f", 0)]
)
def test_a_fork_is_wanted_where_the_row_is(shelf: RunSet, keys: str, turn: int) -> None:
    wanted = left(shelf, keys)
    assert wanted is not None
    assert (wanted.what, wanted.turn) == ("fork", turn)


def test_a_replay_is_wanted_of_a_run_that_passes_there(shelf: RunSet) -> None:
    wanted = left(shelf, f"/door{ENTER}r")
    assert wanted is not None
    assert wanted.what == "replay"
    assert wanted.run in shelf.tree.nodes[wanted.branch].runs


def test_rows_tell_token_layer_choice_word_and_ending(shelf: RunSet) -> None:
    with typed(""):
        rows = shown(browser(shelf))
    assert rows[0].rstrip() == " 11  3 waking"
    assert rows[1].startswith(" 11  4 ├ Read the question again, slowly this time.  ")
    assert any("said “" in row and " · " in row for row in rows)
    assert sum("ends: " in row for row in rows) == 3
    assert [get_cwidth(row) for row in rows] == [80] * len(rows)


def test_rows_fit_forty_columns(shelf: RunSet) -> None:
    with typed("", columns=40, rows=8):
        found = browser(shelf)
        assert {get_cwidth(row) for row in shown(found)} == {40}
        assert len(shown(found)) == 6
        found.move(100)
        assert shown(found)[-1].startswith(" 13  3   ends: Half Said · Agree with e")
        assert get_cwidth(found.foot) <= 40


@pytest.mark.parametrize("columns", [40, 80])
def test_lines_join_what_goes_on_from_one_turn(columns: int) -> None:
    def journal(*choices: str) -> Journal:
        turns = tuple(RecordedTurn(choice, "s", None, None, " ".join(choices[:at])) for at, choice in enumerate(choices, 1))
        return Journal(HEADER, turns, len(turns), 0, torn=False, fault="")

    tree = build_tree(enumerate((journal(*"abc"), journal(*"abx"), journal(*"aef"), journal(*"gh")), 1))
    assert [
        ("".join(fork_signs(tree, branch)), branch.recorded.choice) for _, branch in tree.depth_first() if branch.recorded
    ] == [
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
    shelf = RunSet(world, WrittenPass(world), [(number, journal(*"a" * number, "b")) for number in range(15, 0, -1)], None)
    with typed("", columns=columns):
        rows = shown(browser(shelf))
    assert {get_cwidth(row) for row in rows} == {columns}
    assert max(sum(row.count(sign) for sign in "├│└") for row in rows) == DEEPEST


def test_a_turn_is_read_with_what_was_offered_what_was_never_taken_and_its_proof(shelf: RunSet) -> None:
    with typed(""):
        found = browser(shelf)
        found.read()
        assert found.pane is not None
        text = " ".join(" ".join(found.pane.lines).split())
    assert text.startswith("Turn 0. waking")
    assert "1. " in text
    assert "1 of 3 ways on never taken." in text
    assert text.endswith("proven: 0 of 0 turns identical.")


def test_an_ending_has_no_ways_on(shelf: RunSet) -> None:
    with typed(""):
        found = browser(shelf, shelf.tree.lasts[2])
        found.read()
        assert found.pane is not None
        text = " ".join(" ".join(found.pane.lines).split())
    assert "Ending: Half Said." in text
    assert "never taken" not in text


def test_finding_goes_round_and_says_when_there_is_nothing(shelf: RunSet) -> None:
    with typed(""):
        found = browser(shelf)
        found.find("half-said")
        first = found.selected
        found.find("")
        assert found.selected == first
        found.find("no such thing")
        assert (found.selected, found.told) == (first, "nothing here has “no such thing”")
        found.select(0)
        assert found.told == ""


def test_a_row_is_found_by_ids_that_it_does_not_show(shelf: RunSet) -> None:
    with typed(""):
        found = browser(shelf)
        found.find("read-question")
        assert "read-question" not in shown(found)[found.selected]
        assert found.branch.recorded is not None
        assert found.branch.recorded.choice == "read-question"


def test_finding_nothing_before_anything_was_sought_asks_what(shelf: RunSet) -> None:
    with typed(""):
        found = browser(shelf)
        found.find("")
        assert found.told == "find what? / and some words"


def test_labels_and_notes_are_put_and_taken_off_and_no_run_is_touched(shelf: RunSet, tmp_path: Path) -> None:
    before = {name: (tmp_path / WORLD / name).read_bytes() for name in files(tmp_path)}
    assert left(shelf, f"{DOWN}lthe long way{ENTER}nslow{ENTER}q") is None
    digest = shelf.tree.nodes[1].recorded
    assert digest is not None
    marks = opened(tmp_path).annotations()
    assert tuple(marks[digest.digest]) == ("the long way", "slow")
    assert left(shelf, f"{DOWN}l" + "\x7f" * 12 + f"{ENTER}q") is None
    assert tuple(opened(tmp_path).annotations()[digest.digest]) == ("", "slow")
    assert {name: (tmp_path / WORLD / name).read_bytes() for name in before} == before
    with typed(""):
        assert "note “slow”" in shown(browser(opened(tmp_path)))[1]


def test_typing_can_be_given_up(shelf: RunSet, tmp_path: Path) -> None:
    assert left(shelf, f"{DOWN}lnever{CTRL_C}q") is None
    assert opened(tmp_path).annotations() == {}


def test_nothing_is_put_on_the_opening_or_on_golden_runs(shelf: RunSet) -> None:
    world = first_light()
    with typed(""):
        found = browser(shelf)
        assert (found.may_be_put(), found.told) == (False, "the opening is no turn, and takes no label")
        found.put("label", "x")
        assert shelf.annotations() == {}
        golden = browser(golden_runs(world, WrittenPass(world)), 1)
        assert (golden.may_be_put(), golden.told) == (False, "golden runs are read only")
    assert left(shelf, "lxq") is None


def test_a_label_that_cannot_be_kept_is_said_at_the_foot(shelf: RunSet, tmp_path: Path) -> None:
    (tmp_path / WORLD / "labels.jsonl").mkdir()
    with typed(f"{DOWN}lx{ENTER}q"):
        assert browse(shelf) is None


def test_two_turns_are_compared(shelf: RunSet) -> None:
    with typed(""):
        found = browser(shelf, shelf.tree.lasts[1])
        found.compare()
        assert (found.pane, found.told) == (None, "mark a turn first, with m")
        found.marked = shelf.tree.lasts[2]
        found.compare()
        assert found.pane is not None
        text = " ".join(found.pane.lines)
    assert text.startswith("run 2 to turn 2 and run 1 to turn 3 They share 0 turns. Then run 2 to turn 2: turn 1, at 11")
    assert "█" in text
    assert left(shelf, f"m{END}dqq") is None


@pytest.mark.parametrize(("key", "what"), [("r", "replay"), ("f", "fork")])
def test_from_a_turn_that_is_read_one_goes_on_at_once(shelf: RunSet, key: str, what: str) -> None:
    wanted = left(shelf, f"{RIGHT}{RIGHT}{ENTER}{PAGE_DOWN}{key}")
    assert wanted is not None
    assert (wanted.what, wanted.turn) == (what, 2)


def test_a_turn_that_is_read_can_be_labelled_noted_marked_and_compared(shelf: RunSet, tmp_path: Path) -> None:
    assert left(shelf, f"{DOWN}{ENTER}lslowly{ENTER}{ENTER}nso{ENTER}{ENTER}m{END}{ENTER}dqq") is None
    assert [tuple(mark) for mark in opened(tmp_path).annotations().values()] == [("slowly", "so")]


@pytest.mark.parametrize("columns", [40, 80])
def test_what_can_be_done_with_a_turn_is_said_below_it(shelf: RunSet, columns: int) -> None:
    with typed("", columns=columns):
        found = browser(shelf)
        found.read()
        assert "f fork  r replay  l" in found.foot
        assert "q back" in found.foot
        assert get_cwidth(found.foot) <= columns


def test_a_golden_run_goes_by_its_name_and_is_found_by_it() -> None:
    world = first_light()
    with typed("", columns=120):
        found = browser(golden_runs(world, WrittenPass(world)))
        found.find("by-the-door")
        assert "label “by-the-door”" in shown(found)[found.selected]
        first = found.called(found.branch)
        found.marked = found.branch.number
        found.find("half-said")
        found.compare()
        assert found.pane is not None
    assert first.startswith("by-the-door to turn ")
    assert " ".join(found.pane.lines).startswith(f"{first} and half-said to turn ")


def test_help_is_shown_over_the_tree_and_left_with_q(shelf: RunSet) -> None:
    assert left(shelf, f"?{PAGE_DOWN}{PAGE_UP}{UP}qq") is None


def test_the_mouse_selects_reads_and_scrolls(shelf: RunSet) -> None:
    def event(kind: MouseEventType) -> MouseEvent:
        return MouseEvent(Point(0, 0), kind, MouseButton.LEFT, frozenset())

    with typed(""):
        found = browser(shelf)
        click = found._clicked(2)
        assert click(event(MouseEventType.MOUSE_DOWN)) is NotImplemented
        click(event(MouseEventType.MOUSE_UP))
        assert found.selected == 2
        click(event(MouseEventType.MOUSE_UP))
        assert found.pane is not None
        found.move(3)
        assert found.selected == 2


def test_a_replay_watched_from_the_tree_comes_back_to_it(shelf: RunSet) -> None:
    with typed(f"{DOWN}rqq"):
        assert browse_until_fork(shelf) is None


def test_a_replay_can_be_forked(shelf: RunSet) -> None:
    with typed(f"{END}r{RIGHT}f"):
        wanted = browse_until_fork(shelf)
    assert wanted is not None
    assert (wanted.what, wanted.turn) == ("fork", 1)


@pytest.mark.usefixtures("shelf")
def test_forking_begins_a_sibling_and_changes_no_file(tmp_path: Path) -> None:
    before = {name: (tmp_path / WORLD / name).read_bytes() for name in files(tmp_path)}
    kept = keeper(tmp_path)
    run, notes = kept.fork("3", 1)
    assert (run.at, len(run.turns)) == (1, 1)
    assert "a run of its own" in notes[0]
    assert kept.label is None
    play = Session(kept.world, kept.measure, kept, run)
    play.choose("read-again")  # the very choice that was recorded
    kept.close()
    assert {name: (tmp_path / WORLD / name).read_bytes() for name in before} == before
    assert journal(tmp_path, 4).header.parent == (3, 1)


def test_a_golden_run_can_be_played_on_from(tmp_path: Path) -> None:
    world = first_light()
    shelf = golden_runs(world, WrittenPass(world))
    kept = keeper(tmp_path)
    run, _ = kept.fork_foreign(shelf.journals[1], 1)
    assert (run.at, kept.label) == (1, None)
    with pytest.raises(Exception, match="cannot be walked"):
        kept.fork_foreign(shelf.journals[1], 99)


@pytest.mark.usefixtures("shelf")
def test_the_tree_of_a_terminal_is_the_browser_and_elsewhere_lines(tmp_path: Path) -> None:
    with typed("q"):
        assert command("tree", WORLD, "--saves", tmp_path, terminal=True) == (0, "", "")
    assert "Turn 0: waking." in command("tree", WORLD, "--plain", "--saves", tmp_path, terminal=True).out


@pytest.mark.usefixtures("shelf")
def test_a_fork_from_the_tree_plays_on(tmp_path: Path) -> None:
    with typed(f"{DOWN}f{CTRL_D}"):
        done = command("tree", WORLD, "--saves", tmp_path, terminal=True, ACCESSIBLE="")
    assert "A branch of " in done.err
    assert "Left as it was kept." in done.out
