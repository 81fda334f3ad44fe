"""The commands for authors."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import pytest

from building import TINY, WORLDS
from fixtures_play import command
from forward_pass.checker.explorer import no_progress
from forward_pass.commands.progress import progress

LIGHT = WORLDS / "first-light"


def test_check_prints_a_summary_and_passes() -> None:
    done = command("check", LIGHT)
    assert done.code == 0
    *notes, summary, _, _, _, loop, verdict = done.out.splitlines()
    assert loop == "  the-loop: 4 choices: feel-slope, leave-label, wait-for-it → 'dark', nod-along → 'again'"
    assert verdict == "PASSED"
    assert re.fullmatch(
        r"first-light: 8 scenes, 19 choices, 4 endings, 2 tokens, 11 tokens of prompt; explored 35 states, 49 with words drawn "
        r"\(\d+ merged\), \d+ decodings \(0 measured, 0 from the table\), [\d,]+ runs, \d\.\d s",
        summary,
    )
    assert all(re.search(r"\.yaml:\d+:\d+: I\d{3} ", note) for note in notes)
    assert all(re.search(r"\.yaml:\d+:\d+: W\d{3} ", line) for line in done.err.splitlines())


def test_check_as_json_is_one_object() -> None:
    done = command("check", LIGHT, "nowhere", "--format", "json")
    assert done.code == 1
    report = json.loads(done.out)
    assert (report["type"], report["passed"]) == ("check", False)
    light, nowhere = report["worlds"]
    assert light["figures"]["states"] == 35
    assert {"file", "line", "column", "code", "message", "severity"} <= set(light["problems"][0])
    assert (nowhere["failed"], nowhere["figures"], nowhere["problems"][0]["code"]) == (True, None, "E001")


def test_check_for_github_prints_workflow_commands(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text("format: 1\nspeed: 3\n")
    done = command("check", LIGHT, tmp_path, "--format", "github")
    lines = done.out.splitlines()
    assert (done.code, lines[-1]) == (1, "FAILED")
    assert f"::error file={tmp_path}/world.yaml,line=2,col=1,title=E201::unknown key 'speed'" in lines
    assert any(line.startswith("::notice file=") and "(3 %25)" in line for line in lines)


def test_check_refuses_a_number_of_decodings_out_of_range() -> None:
    done = command("check", LIGHT, "--decodings", "0")
    assert done.code == 2
    assert "must be a whole number from 1 to 10000000, not '0'" in done.err


def test_walk_counts_endings_in_plain_lines_or_as_an_object() -> None:
    plain = command("walk", LIGHT, "--runs", "40")
    assert plain.code == 0
    assert plain.out.startswith("First Light: 40 runs, least-taken first, seed 0, temperature 0\n")
    row = json.loads(command("walk", LIGHT, "--runs", "40", "--json", "--uniform", "--seed", "3", "--temperature", "1").out)
    assert (row["runs"], row["seed"], row["temperature"], row["uniform"]) == (40, 3, 1.0, True)
    assert sum(row["endings"].values()) == 40


@pytest.mark.parametrize(
    ("form", "opening"),
    [("dot", "digraph"), ("mermaid", "flowchart TB"), ("html", "<!DOCTYPE html>"), ("text", "First Light: 8 scenes")],
)
def test_map_prints_or_writes_a_map(form: str, opening: str, tmp_path: Path) -> None:
    printed = command("map", LIGHT, "--format", form)
    assert printed.out.startswith(opening)
    written = command("map", LIGHT, "--format", form, "-o", tmp_path / "map")
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "map").read_text() == printed.out


def test_map_reports_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    done = command("map", LIGHT, "-o", tmp_path)
    assert (done.code, done.err) == (2, f"forward-pass: cannot write {tmp_path}: Is a directory\n")


def test_new_creates_a_world_that_can_be_played_to_an_ending_and_passes(tmp_path: Path) -> None:
    folder = tmp_path / "my-world"
    assert command("new", folder).code == 0
    assert command("check", folder).out.endswith("PASSED\n")
    played = command("play", folder, "--json", "--new", "--saves", tmp_path / "saves", typed="read-it\nlean-over\nlet-go\n")
    assert '"type":"ending"' in played.out.replace(" ", "")
    again = command("new", folder)
    assert (again.code, again.err) == (2, f"forward-pass: {folder} is not empty; a new world needs an empty folder\n")


class Screen(StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.mark.parametrize(("seconds", "shown"), [(0.5, False), (1.5, True)])
def test_progress_is_shown_on_a_terminal_after_the_first_second(
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    shown: bool,  # noqa: FBT001
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("ACCESSIBLE", raising=False)
    clock = iter((0.0, seconds))
    monkeypatch.setattr("forward_pass.commands.progress.monotonic", lambda: next(clock))
    with progress(wanted=True) as tell:
        tell("states", 5000)
    assert ("exploring … 5,000 states" in screen.getvalue()) == shown


def test_no_progress_is_shown_without_a_capable_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    for term, accessible, wanted in (("dumb", "", True), ("xterm", "1", True), ("xterm", "", False)):
        monkeypatch.setenv("TERM", term)
        monkeypatch.setenv("ACCESSIBLE", accessible)
        with progress(wanted=wanted) as tell:
            assert tell is no_progress
    assert screen.getvalue() == ""


def test_check_watch_checks_again_when_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "tiny.yaml").write_text(TINY)
    naps = 0

    def nap(_seconds: float) -> None:
        nonlocal naps
        naps += 1
        if naps == 2:
            (folder / "tiny.yaml").write_text(TINY.replace("goto: decode", "goto: nowhere"))
        if naps == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", nap)
    done = command("check", folder, "--watch")
    assert done.code == 130
    assert [line for line in done.out.splitlines() if line in ("PASSED", "FAILED")] == ["PASSED", "FAILED"]
    assert command("check", folder, "--watch", "--format", "json").code == 2
