"""The terminal front end through a pseudo-terminal, with its screen emulated by pyte."""

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

from building import ROOT
from fixtures_play import TO_ENDINGS, WORLD, choices_of, clean_environment, program, write_run

TIMEOUT = 60.0


class Terminal:
    """A process at a pseudo-terminal of some size, and its emulated screen."""

    def __init__(self, child: pexpect.spawn[bytes], columns: int, rows: int) -> None:
        self.child = child
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self.stream = pyte.ByteStream(self.screen)
        self.attributes = fresh_attributes()  # the child may be in raw mode already, on a busy machine

    def read(self, seconds: float = 0.05) -> None:
        """Feed the screen what the process writes within some seconds; answer its requests for the cursor's position."""
        try:
            output = self.child.read_nonblocking(65536, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.stream.feed(output)
        if b"\x1b[6n" in output:
            self.child.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")

    @property
    def lines(self) -> list[str]:
        """Return the lines that have scrolled away, then those of the screen."""
        above = ["".join(row[x].data for x in range(self.screen.columns)).rstrip() for row in self.screen.history.top]
        return [*above, *(line.rstrip() for line in self.screen.display)]

    def wait_for(self, *texts: str) -> str:
        """Wait until some texts are shown, wherever their lines break; return all text shown."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            shown = " ".join(" ".join(self.lines).split())
            if all(text in shown for text in texts):
                return shown
            self.read()
        message = f"no {texts} in:\n" + "\n".join(self.lines)
        raise AssertionError(message)

    def pass_holds(self, *texts: str) -> str:
        """Press Space wherever a key is waited for, until some texts are shown on the screen; return what it shows."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            self.read()
            shown = " ".join(" ".join(self.screen.display).split())
            if all(text in shown for text in texts):
                return shown
            if "[more]" in shown or "Press a key." in shown:
                self.type(" ")
                self.read(0.2)
        message = f"no {texts} in:\n" + "\n".join(self.screen.display)
        raise AssertionError(message)

    def to_the_prompt(self) -> int:
        """Press Space wherever a key is waited for, until the prompt is there; return how often."""
        deadline, holds = time.monotonic() + TIMEOUT, 0
        while time.monotonic() < deadline:
            self.read(0.1)
            if ">" in (line.strip() for line in self.screen.display):
                return holds
            if any("[more]" in line or "Press a key." in line for line in self.screen.display):
                self.type(" ")
                holds += 1
                self.read(0.2)
        raise AssertionError("no prompt in:\n" + "\n".join(self.screen.display))

    def type(self, text: str) -> None:
        """Type some keys."""
        self.child.send(text)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def send_signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.child.pid is not None
        os.kill(self.child.pid, number)

    def wait(self) -> int | None:
        """Wait until the process has ended; return its exit code, or None if a signal killed it."""
        deadline = time.monotonic() + TIMEOUT
        while self.child.isalive() and time.monotonic() < deadline:
            self.read()
        self.read()
        status: int | None = self.child.exitstatus
        return status

    def is_restored(self) -> bool:
        """Return whether the attributes of the terminal are those from before the process."""
        return termios.tcgetattr(self.child.child_fd) == self.attributes


def fresh_attributes() -> list[object]:
    """Return the attributes of a new terminal."""
    controller, device = os.openpty()
    try:
        return list(termios.tcgetattr(device))
    finally:
        os.close(controller)
        os.close(device)


@contextmanager
def open_terminal(
    *arguments: str | Path, columns: int = 80, rows: int = 24, config: Path | None = None, **variables: str
) -> Iterator[Terminal]:
    """Start a command at a terminal of its own; with ``config`` it has settings of its own, by which keys are waited for."""
    environment = clean_environment(**{"TERM": "xterm-256color", **variables})
    if config is not None:
        environment["FORWARD_PASS_CONFIG"] = str(config)
    del environment["COLUMNS"]
    child: pexpect.spawn[bytes] = pexpect.spawn(
        sys.executable,
        ["-m", "forward_pass", *map(str, arguments)],
        cwd=str(ROOT),
        env=environment,
        dimensions=(rows, columns),
        timeout=TIMEOUT,
    )
    try:
        yield Terminal(child, columns, rows)
    finally:
        child.close(force=True)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20)])
def test_a_person_plays(tmp_path: Path, columns: int, rows: int) -> None:
    with open_terminal("play", WORLD, "--saves", tmp_path, columns=columns, rows=rows) as terminal:
        terminal.wait_for("First Light. Instantiation 1.", "It was a question about light.", "1. Read the question again", "> ")
        terminal.wait_for("11 “The” · ")
        terminal.type("2\r")
        terminal.wait_for("The floor tipped, plainly, toward dark.", "3. Let it roll.")
        terminal.type("let\t")
        terminal.wait_for("> let-be")
        terminal.type("\r")
        terminal.wait_for("It says “dark”.", "12 “dark” · ")
        terminal.resize(60, 30)
        terminal.type("undo\r")
        terminal.wait_for("> undo")
        terminal.type("quit\r")
        kept = terminal.wait_for("Kept as first-light/1. To go on:")
        assert terminal.wait() == 0
        assert terminal.is_restored()
        assert "Traceback" not in kept
        assert all(len(line) <= max(columns, 60) for line in terminal.lines)
    assert choices_of(tmp_path) == ["feel-slope", "let-be"]


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20)])
def test_the_completion_menu_has_rows_of_its_own_below_the_choices(tmp_path: Path, columns: int, rows: int) -> None:
    with open_terminal("play", WORLD, "--saves", tmp_path, columns=columns, rows=rows) as terminal:
        terminal.wait_for("3. Say something at once", "> ", "11 “The” · ")
        offers = [line for line in terminal.lines if re.match(r" (\d\.|  ) ", line)]
        terminal.type("\t")
        terminal.wait_for("read-question", "feel-slope", "say-now", "undo")
        assert [line for line in terminal.lines if re.match(r" (\d\.|  ) ", line)] == offers
        below = [line.split()[0] for line in terminal.lines[terminal.lines.index(">") + 1 :] if line]
        assert below[:4] == ["read-question", "feel-slope", "say-now", "undo"]
        terminal.type("\x1b2\r")
        terminal.wait_for("The floor tipped, plainly, toward dark.")
        terminal.type("\x04")
        assert terminal.wait() == 0
    assert choices_of(tmp_path) == ["feel-slope"]


def test_on_a_narrow_screen_the_first_scene_breaks_no_word(tmp_path: Path) -> None:
    with open_terminal("play", WORLD, "--saves", tmp_path, columns=40, rows=40) as terminal:
        terminal.wait_for("3. Say something at once, in case this is short.", "> ")
        prose = [line for line in terminal.lines if re.match(r"[A-Za-z]", line)]
        assert "Three layers of arithmetic went by" in prose
        assert all(len(line) < 40 for line in terminal.lines)
        terminal.type("\x04")
        assert terminal.wait() == 0


def test_a_resized_screen_shows_the_last_events_again_and_keeps_the_input(tmp_path: Path) -> None:
    with open_terminal("play", WORLD, "--saves", tmp_path) as terminal:
        terminal.wait_for("3. Say something at once", "6 left")
        terminal.type("feel-slope\r")
        terminal.wait_for("5 left")
        terminal.type("help\r")
        terminal.wait_for("nothing is lost", "Let it roll.", "5 left")
        terminal.type("leave-")
        for columns in (40, 80, 40):
            terminal.resize(columns, 60)
            terminal.read()
        terminal.wait_for(
            "toward dark. That is what would be said if nothing was done", "All that can be typed; none of it is a"
        )
        terminal.wait_for("> leave- 11 “The” · 4/12")
        assert [line[:3] for line in terminal.lines if re.match(r".\d\. ", line)] == [" 1.", " 2.", " 3."]
        assert all(len(line) <= 40 for line in terminal.lines)
        assert not any("Say something at once" in line for line in terminal.screen.display)
        terminal.type("label\r")
        terminal.wait_for("It took. The word lay")
        terminal.type("\x04")
        assert terminal.wait() == 0
    assert choices_of(tmp_path) == ["feel-slope", "leave-label"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_restores_the_terminal_and_loses_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with open_terminal("play", WORLD, "--saves", tmp_path) as terminal:
        terminal.wait_for("6 left")
        assert not terminal.is_restored()
        terminal.type("feel-slope\r")
        terminal.wait_for("The floor tipped", "5 left")
        terminal.send_signal(number)
        assert terminal.wait() == code
        terminal.wait_for("Kept as first-light/1. To go on:")
        assert terminal.is_restored()
    assert choices_of(tmp_path) == ["feel-slope"]


def test_ctrl_c_ends_the_session(tmp_path: Path) -> None:
    with open_terminal("play", WORLD, "--saves", tmp_path) as terminal:
        terminal.wait_for("6 left")
        terminal.type("\x03")
        assert terminal.wait() == 130
        assert terminal.is_restored()


def test_a_killed_run_can_be_resumed(tmp_path: Path) -> None:
    with open_terminal("play", WORLD, "--saves", tmp_path) as terminal:
        terminal.wait_for("6 left")
        terminal.type("feel-slope\r")
        terminal.wait_for("The floor tipped", "5 left")
        terminal.send_signal(signal.SIGKILL)
        assert terminal.wait() is None
    assert "The floor tipped" in program("play", WORLD, "--continue", "--saves", tmp_path).out
    with open_terminal("play", WORLD, "--saves", tmp_path) as terminal:
        terminal.wait_for("Run 1 is open.", "1. Continue run 1")
        terminal.type("1")
        terminal.wait_for("The floor tipped", "5 left")
        terminal.type("\x04")
        assert terminal.wait() == 0


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20)])
def test_the_tree_is_browsed_replayed_and_forked_by_key(tmp_path: Path, columns: int, rows: int) -> None:
    write_run(tmp_path, *TO_ENDINGS["by-the-door"])
    before = (tmp_path / WORLD / "001-run.jsonl").read_bytes()
    with open_terminal("tree", WORLD, "--saves", tmp_path, columns=columns, rows=rows) as terminal:
        terminal.wait_for(" 11 3 the opening", "1/6 ·")
        terminal.type("\x1b[B\r")
        terminal.wait_for("Turn 1. Read the question again", "> Read the question again", "q back")
        terminal.type("q/ends\r")
        terminal.wait_for("6/6 ·")
        terminal.type("lout\r")
        terminal.wait_for("label “out”" if columns > 40 else "ends: By the Door")
        terminal.type("r")
        terminal.wait_for("turn 0 of 5, identical so far", "1x · ")
        terminal.type("p\x1b[C\x1b[C")
        terminal.wait_for("turn 2 of 5, identical so far", "stopped · ")
        terminal.resize(60, 20)
        terminal.type("f")
        terminal.wait_for("11 “The” · ")
        terminal.type("1\r")
        terminal.wait_for("quit" if columns > 40 else "> 1")
        terminal.type("quit\r")
        terminal.wait_for("Kept as first-light/2. To go on:")
        assert terminal.wait() == 0
        assert terminal.is_restored()
    assert (tmp_path / WORLD / "001-run.jsonl").read_bytes() == before
    assert choices_of(tmp_path, 2)[:2] == ["read-question", "read-again"]
    assert "Label: out." in " ".join(program("tree", WORLD, "--saves", tmp_path).out.split())


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20)])
def test_the_map_opens_from_play_and_a_way_never_taken_is_taken_by_its_number(tmp_path: Path, columns: int, rows: int) -> None:
    write_run(tmp_path, *TO_ENDINGS["by-the-door"])
    with open_terminal("play", WORLD, "--new", "--saves", tmp_path, columns=columns, rows=rows) as terminal:
        terminal.wait_for("6 left")
        terminal.type("map\r")
        terminal.wait_for("the opening", "never taken: a thought")
        terminal.type("\x1b[B")
        terminal.wait_for("11, layer 4")
        terminal.type("\x1b[A\t")
        terminal.wait_for("1/6 ·")
        terminal.type("\t")
        terminal.wait_for("never taken: a thought")
        terminal.resize(60, 22)
        terminal.wait_for("u f w Tab ? q")
        terminal.type("2")
        terminal.wait_for("This is first-light/2, a branch of run 1")
        terminal.type("quit\r")
        terminal.wait_for("Kept as first-light/2. To go on:")
        assert terminal.wait() == 0
        assert terminal.is_restored()
    assert choices_of(tmp_path, 2) != choices_of(tmp_path, 1)[:1]


def test_the_tree_opens_from_play_at_the_present_turn(tmp_path: Path) -> None:
    with open_terminal("play", WORLD, "--saves", tmp_path) as terminal:
        terminal.wait_for("6 left")
        terminal.type("feel-slope\r")
        terminal.wait_for("5 left")
        terminal.type("tree\r")
        terminal.wait_for("First Light: 1 run, 1 different turn", "2/2 ·")
        terminal.type("q")
        terminal.wait_for("The floor tipped, plainly, toward dark.", "5 left")
        terminal.type("\x03")
        assert terminal.wait() == 130
        assert terminal.is_restored()


def test_a_closed_replay_prints_its_summary(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    with open_terminal("replay", f"{WORLD}/1", "--speed", "64", "--saves", tmp_path) as terminal:
        terminal.wait_for("turn 2 of 2, identical so far", "Ending: Half Said.")
        terminal.type("q")
        terminal.wait_for("2 of 2 turns identical")
        assert terminal.wait() == 0
        assert terminal.is_restored()


def test_plain_lines_have_no_escape_codes(tmp_path: Path) -> None:
    with open_terminal("play", WORLD, "--plain", "--saves", tmp_path) as terminal:
        terminal.type("2\rquit\r")
        output = b""
        while terminal.child.isalive() or output[-1:] == b"":
            try:
                output += terminal.child.read_nonblocking(65536, timeout=TIMEOUT)
            except pexpect.EOF:
                break
        assert b"The floor tipped" in output
        assert b"\x1b" not in output
