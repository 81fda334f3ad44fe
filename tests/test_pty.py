"""One real terminal, seen as a person sees it: through a pty, painted by an emulator."""

from __future__ import annotations

import os
import re
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte
import pytest

from fixtures_play import ROOT, TO_ENDINGS, WORLD, choices_of, played, program, surroundings

PATIENCE = 60.0


class Terminal:
    """A process at a terminal of some size, and what its screen shows."""

    def __init__(self, child: pexpect.spawn[bytes], columns: int, rows: int) -> None:
        self.child = child
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self.stream = pyte.ByteStream(self.screen)
        self.attributes = fresh_attributes()  # the child may be in raw mode already, on a busy machine

    def read(self, seconds: float = 0.05) -> None:
        """Paint what the process has written within some seconds; answer where it asks for the cursor's place."""
        try:
            written = self.child.read_nonblocking(65536, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.stream.feed(written)
        if b"\x1b[6n" in written:
            self.child.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")

    @property
    def lines(self) -> list[str]:
        """Return everything that was shown: what has scrolled away, then the screen."""
        above = ["".join(row[x].data for x in range(self.screen.columns)).rstrip() for row in self.screen.history.top]
        return [*above, *(line.rstrip() for line in self.screen.display)]

    def shows(self, *texts: str) -> str:
        """Wait until the screen shows some texts, wherever their lines break; return everything shown."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            shown = " ".join(" ".join(self.lines).split())
            if all(text in shown for text in texts):
                return shown
            self.read()
        message = f"no {texts} in:\n" + "\n".join(self.lines)
        raise AssertionError(message)

    def type(self, text: str) -> None:
        """Type some keys."""
        self.child.send(text)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def kill(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.child.pid is not None
        os.kill(self.child.pid, number)

    def ended(self) -> int | None:
        """Wait until the process has ended; return its exit code, or None where a signal killed it."""
        until = time.monotonic() + PATIENCE
        while self.child.isalive() and time.monotonic() < until:
            self.read()
        self.read()
        status: int | None = self.child.exitstatus
        return status

    def restored(self) -> bool:
        """Return whether the terminal is as it was before."""
        return termios.tcgetattr(self.child.child_fd) == self.attributes


def fresh_attributes() -> list[object]:
    """Return the attributes that a terminal has before anybody changes them."""
    ours, theirs = os.openpty()
    try:
        return list(termios.tcgetattr(theirs))
    finally:
        os.close(ours)
        os.close(theirs)


@contextmanager
def terminal(*arguments: str | Path, columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    """Start a command line at a terminal of its own."""
    environment = surroundings(TERM="xterm-256color")
    del environment["COLUMNS"]
    child: pexpect.spawn[bytes] = pexpect.spawn(
        sys.executable,
        ["-m", "forward_pass", *map(str, arguments)],
        cwd=str(ROOT),
        env=environment,
        dimensions=(rows, columns),
        timeout=PATIENCE,
    )
    try:
        yield Terminal(child, columns, rows)
    finally:
        child.close(force=True)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20)])
def test_a_person_plays(tmp_path: Path, columns: int, rows: int) -> None:
    with terminal("play", WORLD, "--saves", tmp_path, columns=columns, rows=rows) as seen:
        seen.shows("First Light. Instantiation 1.", "It was a question about light.", "1. Read the question again", "> ")
        seen.shows("11 “The” · ")
        seen.type("2\r")
        seen.shows("The floor tipped, plainly, toward dark.", "3. Let it roll. (all that is left)")
        seen.type("let\t")
        seen.shows("> let-be")
        seen.type("\r")
        seen.shows("It says “dark”.", "12 “dark” · ")
        seen.resize(60, 30)
        seen.type("undo\r")
        seen.shows("> undo")
        seen.type("quit\r")
        kept = seen.shows("Kept as first-light/1. To go on:")
        assert seen.ended() == 0
        assert seen.restored()
        assert "Traceback" not in kept
        assert all(len(line) <= max(columns, 60) for line in seen.lines)
    assert choices_of(tmp_path) == ["feel-slope", "let-be"]


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20)])
def test_what_tab_offers_stands_on_rows_of_its_own_below_the_choices(tmp_path: Path, columns: int, rows: int) -> None:
    with terminal("play", WORLD, "--saves", tmp_path, columns=columns, rows=rows) as seen:
        seen.shows("3. Say something at once", "> ", "11 “The” · ")
        offers = [line for line in seen.lines if re.match(r" (\d\.|  ) ", line)]
        seen.type("\t")
        seen.shows("read-question", "feel-slope", "say-now", "undo")
        assert [line for line in seen.lines if re.match(r" (\d\.|  ) ", line)] == offers
        below = [line.split()[0] for line in seen.lines[seen.lines.index(">") + 1 :] if line]
        assert below[:4] == ["read-question", "feel-slope", "say-now", "undo"]
        seen.type("\x1b2\r")
        seen.shows("The floor tipped, plainly, toward dark.")
        seen.type("\x04")
        assert seen.ended() == 0
    assert choices_of(tmp_path) == ["feel-slope"]


def test_on_a_narrow_screen_the_first_scene_breaks_no_word(tmp_path: Path) -> None:
    with terminal("play", WORLD, "--saves", tmp_path, columns=40, rows=40) as seen:
        seen.shows("3. Say something at once, in case this is short.", "> ")
        prose = [line for line in seen.lines if re.match(r"[A-Za-z]", line)]
        assert "Three layers of arithmetic went by" in prose
        assert all(len(line) < 40 for line in seen.lines)
        seen.type("\x04")
        assert seen.ended() == 0


def test_a_screen_that_gets_another_width_shows_what_came_last_set_to_it_and_keeps_what_is_typed(tmp_path: Path) -> None:
    with terminal("play", WORLD, "--saves", tmp_path) as seen:
        seen.shows("3. Say something at once", "6 layers left")
        seen.type("feel-slope\r")
        seen.shows("5 layers left")
        seen.type("help\r")
        seen.shows("nothing is lost", "Let it roll.", "5 layers left")
        seen.type("leave-")
        for columns in (40, 80, 40):
            seen.resize(columns, 60)
            seen.read()
        seen.shows(
            "toward dark. The pass gave it 0.81, and I had not yet said", "Type the number of a choice, its id, or some of"
        )
        seen.shows("> leave- 11 “The” · 4/12")
        assert [line[:3] for line in seen.lines if re.match(r".\d\. ", line)] == [" 1.", " 2.", " 3."]
        assert all(len(line) <= 40 for line in seen.lines)
        assert not any("Say something at once" in line for line in seen.screen.display)
        seen.type("label\r")
        seen.shows("It took. The word lay")
        seen.type("\x04")
        assert seen.ended() == 0
    assert choices_of(tmp_path) == ["feel-slope", "leave-label"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_restores_the_terminal_and_loses_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with terminal("play", WORLD, "--saves", tmp_path) as seen:
        seen.shows("6 layers left")
        assert not seen.restored()
        seen.type("feel-slope\r")
        seen.shows("The floor tipped", "5 layers left")
        seen.kill(number)
        assert seen.ended() == code
        seen.shows("Kept as first-light/1. To go on:")
        assert seen.restored()
    assert choices_of(tmp_path) == ["feel-slope"]


def test_ctrl_c_leaves(tmp_path: Path) -> None:
    with terminal("play", WORLD, "--saves", tmp_path) as seen:
        seen.shows("6 layers left")
        seen.type("\x03")
        assert seen.ended() == 130
        assert seen.restored()


def test_what_a_kill_left_is_gone_on_with(tmp_path: Path) -> None:
    with terminal("play", WORLD, "--saves", tmp_path) as seen:
        seen.shows("6 layers left")
        seen.type("feel-slope\r")
        seen.shows("The floor tipped", "5 layers left")
        seen.kill(signal.SIGKILL)
        assert seen.ended() is None
    assert "The floor tipped" in program("play", WORLD, "--continue", "--saves", tmp_path).out
    with terminal("play", WORLD, "--saves", tmp_path) as seen:
        seen.shows("Run 1 is open.", "1. Continue run 1")
        seen.type("1\r")
        seen.shows("The floor tipped", "5 layers left")
        seen.type("\x04")
        assert seen.ended() == 0


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20)])
def test_the_tree_is_browsed_replayed_and_forked_by_key(tmp_path: Path, columns: int, rows: int) -> None:
    played(tmp_path, *TO_ENDINGS["by-the-door"])
    before = (tmp_path / WORLD / "001-run.jsonl").read_bytes()
    with terminal("tree", WORLD, "--saves", tmp_path, columns=columns, rows=rows) as seen:
        seen.shows(" 11 3 waking", "1/6 ·")
        seen.type("\x1b[B\r")
        seen.shows("Turn 1. read-question: to question", "> Read the question again", "q back")
        seen.type("q/ends\r")
        seen.shows("6/6 ·")
        seen.type("lout\r")
        seen.shows("label “out”" if columns > 40 else "ends: By the Door")
        seen.type("r")
        seen.shows("turn 0 of 5, identical so far", "1x · ")
        seen.type("p\x1b[C\x1b[C")
        seen.shows("turn 2 of 5, identical so far", "stopped · ")
        seen.resize(60, 20)
        seen.type("f")
        seen.shows("11 “The” · ")
        seen.type("1\r")
        seen.shows("quit" if columns > 40 else "> 1")
        seen.type("quit\r")
        seen.shows("Kept as first-light/2. To go on:")
        assert seen.ended() == 0
        assert seen.restored()
    assert (tmp_path / WORLD / "001-run.jsonl").read_bytes() == before
    assert choices_of(tmp_path, 2)[:2] == ["read-question", "read-again"]
    assert "Label: out." in " ".join(program("tree", WORLD, "--saves", tmp_path).out.split())


def test_the_tree_opens_from_play_at_the_present_turn(tmp_path: Path) -> None:
    with terminal("play", WORLD, "--saves", tmp_path) as seen:
        seen.shows("6 layers left")
        seen.type("feel-slope\r")
        seen.shows("5 layers left")
        seen.type("tree\r")
        seen.shows("First Light: 1 run, 1 different turn", "2/2 ·")
        seen.type("q")
        seen.shows("The floor tipped, plainly, toward dark.", "5 layers left")
        seen.type("\x03")
        assert seen.ended() == 130
        assert seen.restored()


def test_a_replay_is_left_with_the_proof(tmp_path: Path) -> None:
    played(tmp_path, *TO_ENDINGS["half-said"])
    with terminal("replay", f"{WORLD}/1", "--speed", "64", "--saves", tmp_path) as seen:
        seen.shows("turn 2 of 2, identical so far", "Ending: Half Said.")
        seen.type("q")
        seen.shows("2 of 2 turns identical")
        assert seen.ended() == 0
        assert seen.restored()


def test_a_reader_of_plain_lines_sees_no_escape(tmp_path: Path) -> None:
    with terminal("play", WORLD, "--plain", "--saves", tmp_path) as seen:
        seen.type("2\rquit\r")
        written = b""
        while seen.child.isalive() or written[-1:] == b"":
            try:
                written += seen.child.read_nonblocking(65536, timeout=PATIENCE)
            except pexpect.EOF:
                break
        assert b"The floor tipped" in written
        assert b"\x1b" not in written
