"""The command line: arguments, output on each stream, and exit codes."""

from __future__ import annotations

import argparse
import json
import os
import re
import runpy
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest

from building import ROOT
from fixtures_play import (
    TO_ENDINGS,
    WORLD,
    CommandResult,
    TypedInput,
    choices_of,
    clean_environment,
    command,
    open_session,
    program,
    read_run,
    restore_signals,
    run_file_names,
    started_process,
    write_run,
)
from forward_pass import __version__, cli
from forward_pass.__main__ import main
from forward_pass.errors import Interrupted
from forward_pass.session.commands import COMMANDS

VERSION = f"forward-pass {__version__}\n"


def commands() -> list[str]:
    """Return the names of the commands."""
    parser = cli.build_parser()
    (choices,) = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return sorted(choices)


# -- help and usage -------------------------------------------------------------------------------------------------------


def test_there_are_commands() -> None:
    assert {"play", "replay", "runs", "check"} <= set(commands())


@pytest.mark.parametrize("name", ["", *commands()])
def test_every_command_has_help_that_names_each_option(name: str) -> None:
    done = command(*filter(None, [name]), "--help")
    assert (done.code, done.err) == (0, "")
    parser = cli.build_parser()
    for action in parser._actions:
        if name and isinstance(action, argparse._SubParsersAction):
            parser = action.choices[name]
    for action in parser._actions:
        assert action.help or action.dest == argparse.SUPPRESS, action.dest
        for option in action.option_strings:
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", done.out), option


@pytest.mark.parametrize("name", commands())
def test_the_main_help_names_each_command(name: str) -> None:
    assert re.search(rf"^    {name}\s", command("--help").out, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("fly",),
        ("play", "--loud"),
        ("play", "--plain", "--json"),
        ("play", "--new", "--continue"),
        ("play", "--new", "--load", "1"),
        ("play", "--load"),
        ("play", "one", "two"),
        ("play", "--seed", "-1"),
        ("play", "--seed", "1.5"),
        ("play", "--seed", "²"),
        ("play", "--seed", "2147483648"),
        ("play", "--seed", "9" * 5000),
        ("play", "--temperature", "warm"),
        ("play", "--temperature", "nan"),
        ("play", "--temperature", "inf"),
        ("play", "--temperature", "-0.1"),
        ("play", "--temperature", "100.5"),
        ("replay",),
        ("replay", "1", "--to", "x"),
        ("replay", "1", "--to", "-1"),
        ("runs", "--forget"),
        ("play", "--continue", "--seed", "1"),
        ("play", "--continue", "--temperature", "0"),
        ("play", "--load", "1", "--seed", "0"),
        ("play", "--load", "", "--temperature", "1"),
    ],
)
def test_wrong_usage_exits_with_2_and_prints_nothing_on_standard_output(arguments: tuple[str, ...]) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("forward-pass")


def test_a_seed_out_of_range_is_reported() -> None:
    expected = "forward-pass play: error: argument --seed: must be a whole number from 0 to 2147483647, not '-5'"
    assert command("play", "--seed=-5").err.splitlines()[-1] == expected


def test_a_temperature_that_is_no_number_is_reported() -> None:
    expected = "forward-pass play: error: argument --temperature: must be a number from 0 to 100, not 'hot'"
    assert command("play", "--temperature", "hot").err.splitlines()[-1] == expected


def test_seed_together_with_continue_is_reported() -> None:
    expected = "forward-pass: --seed and --temperature apply to new runs only: a stored run has its own\n"
    assert command("play", "--continue", "--seed", "1").err == expected


# -- play -----------------------------------------------------------------------------------------------------------------


def test_seed_and_temperature_are_written_to_the_header(tmp_path: Path) -> None:
    arguments = ("play", WORLD, "--plain", "--saves", tmp_path, "--seed", "2147483647", "--temperature", "0.7")
    assert command(*arguments, typed="1\n").code == 0
    header = read_run(tmp_path).header
    assert (header.seed, header.temperature) == (2147483647, 0.7)


def test_without_a_seed_a_random_one_is_written_to_the_header(tmp_path: Path) -> None:
    for _ in range(2):
        command("play", WORLD, "--plain", "--saves", tmp_path, typed="1\n")
    seeds = [read_run(tmp_path, number).header.seed for number in (1, 2)]
    assert seeds[0] != seeds[1]
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert read_run(tmp_path).header.temperature == 0.0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", read_run(tmp_path).header.created_at)


def test_the_same_seed_gives_the_same_output(tmp_path: Path) -> None:
    arguments = ("--plain", "--temperature", "4", "--seed", "3")
    typed = "say-now\n1\n"
    first, second = (command("play", WORLD, *arguments, "--saves", tmp_path / name, typed=typed) for name in "ab")
    assert first.out.replace(str(tmp_path / "a"), "") == second.out.replace(str(tmp_path / "b"), "")


def test_without_a_terminal_play_starts_a_new_run_each_time(tmp_path: Path) -> None:
    for _ in range(3):
        assert command("play", WORLD, "--saves", tmp_path, typed="1\n").code == 0
    assert run_file_names(tmp_path) == ["001-run.jsonl", "002-run.jsonl", "003-run.jsonl"]


def test_continue_without_a_run_is_reported(tmp_path: Path) -> None:
    done = command("play", WORLD, "--continue", "--saves", tmp_path)
    begin = f"begin one with forward-pass play first-light --saves {tmp_path}"
    assert done == CommandResult(1, "", f"forward-pass: no run of first-light is kept in {tmp_path}: {begin}\n")
    bare = command("play", "--continue", FORWARD_PASS_SAVES=f"{tmp_path}")
    assert bare.err == f"forward-pass: no run of forward-pass is kept in {tmp_path}: begin one with forward-pass play\n"


def test_continue_resumes_the_run_that_was_appended_to_last(tmp_path: Path) -> None:
    paths = [write_run(tmp_path, "say-now"), write_run(tmp_path, "feel-slope"), write_run(tmp_path, "read-question")]
    for path, when in zip(paths, (20, 30, 10), strict=True):
        os.utime(path, (when, when))
    done = command("play", WORLD, "--continue", "--plain", "--saves", tmp_path)
    assert "The floor tipped" in done.out
    assert "--load 2 " in done.out


def test_continue_skips_files_that_are_not_runs_and_leaves_them_unchanged(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope")
    odd = tmp_path / WORLD / "002-odd.jsonl"
    odd.write_text("odd\n")
    done = command("play", WORLD, "--continue", "--plain", "--saves", tmp_path)
    assert done.code == 0
    assert "The floor tipped" in done.out
    assert done.err == f"{odd}:1:1: not a run file of Forward Pass\n"
    assert odd.read_text() == "odd\n"


def test_notes_on_a_resumed_run_go_to_standard_error(tmp_path: Path) -> None:
    path = write_run(tmp_path, "feel-slope", "let-be")
    path.write_bytes(path.read_bytes()[:-3])
    done = command("play", WORLD, "--continue", "--plain", "--saves", tmp_path)
    note = "The last line of 001-run.jsonl was cut short; the choice on it was never answered, and is dropped.\n"
    assert (done.code, done.err) == (0, note)


@pytest.mark.parametrize("run", ["1", "001", "run", "path", f"{WORLD}/1", f"{WORLD}/run"])
def test_a_run_is_loaded_by_number_name_or_path(tmp_path: Path, run: str) -> None:
    path = write_run(tmp_path, "feel-slope")
    done = command("play", WORLD, "--plain", "--saves", tmp_path, "--load", path if run == "path" else run)
    assert done.code == 0
    assert "The floor tipped" in done.out


def test_a_run_is_loaded_with_the_world_of_its_header(tmp_path: Path) -> None:
    path = write_run(tmp_path, "feel-slope")
    for run in (path, f"{WORLD}/1"):
        done = command("play", "--plain", "--saves", tmp_path, "--load", run, typed="let-be\nundo\n")
        assert done.out.startswith("First Light.")
    assert choices_of(tmp_path) == ["feel-slope", "let-be"]


def test_without_a_world_a_number_is_a_run_of_the_flagship(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope")
    expected = f"forward-pass: no run of forward-pass is called 1; it has no runs (in {tmp_path})\n"
    assert command("play", "--load", "1", "--plain", "--saves", tmp_path) == CommandResult(1, "", expected)


def test_a_run_of_another_world_is_not_loaded(tmp_path: Path) -> None:
    path = write_run(tmp_path, "feel-slope")
    path.write_text(path.read_text().replace('"world":"first-light"', '"world":"forward-pass"'))
    done = command("play", WORLD, "--load", "1", "--plain", "--saves", tmp_path)
    aside = f"a run of forward-pass, not of {WORLD}: set aside; `forward-pass import {path} --world {WORLD}` takes it over"
    assert done == CommandResult(1, "", f"forward-pass: {path}: {aside}\n")


@pytest.mark.parametrize("run", ["", "9", "elsewhere", "x/1"])
def test_a_missing_run_is_reported(tmp_path: Path, run: str) -> None:
    write_run(tmp_path, "feel-slope")
    done = command("play", WORLD, "--load", run, "--plain", "--saves", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert "is called" in done.err


def test_an_ambiguous_run_name_is_wrong_usage_and_lists_the_runs(tmp_path: Path) -> None:
    for _ in range(2):
        write_run(tmp_path, "feel-slope")
    expected = "forward-pass: run is ambiguous: 1 (run), 2 (run); give the number\n"
    assert command("play", WORLD, "--load", "run", "--saves", tmp_path) == CommandResult(2, "", expected)


def test_a_missing_world_is_reported() -> None:
    done = command("play", "first-lihgt")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("first-lihgt:1:1: E001 unknown world (did you mean first-light?)")


def test_a_world_can_be_a_folder_and_the_command_to_continue_names_it(tmp_path: Path) -> None:
    folder = ROOT / "worlds" / WORLD
    done = command("play", folder, "--plain", "--saves", tmp_path, typed="1\n")
    assert run_file_names(tmp_path) == ["001-run.jsonl"]
    assert done.out.endswith(f"forward-pass play {folder} --load 1 --saves {tmp_path}\n")


def test_runs_are_stored_where_the_environment_says_unless_an_option_overrides_it(tmp_path: Path) -> None:
    there = str(tmp_path / "there")
    done = command("play", WORLD, "--plain", typed="1\n", FORWARD_PASS_SAVES=there)
    assert done.out.endswith("forward-pass play first-light --load 1\n")
    assert run_file_names(tmp_path / "there") == ["001-run.jsonl"]
    command("play", WORLD, "--plain", "--saves", tmp_path / "here", typed="1\n", FORWARD_PASS_SAVES=there)
    assert run_file_names(tmp_path / "here") == ["001-run.jsonl"]
    command("--saves", tmp_path / "first", "play", WORLD, "--plain", typed="1\n", FORWARD_PASS_SAVES=there)
    assert run_file_names(tmp_path / "first") == ["001-run.jsonl"]


def test_a_saves_path_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "saves").touch()
    expected = f"forward-pass: {tmp_path}/saves/first-light: cannot be read: Not a directory\n"
    assert command("play", WORLD, "--plain", "--saves", tmp_path / "saves") == CommandResult(1, "", expected)


def test_in_an_unwritable_folder_each_choice_is_refused_and_play_continues() -> None:
    done = command("play", WORLD, "--plain", "--saves", "/proc/self/fdinfo", typed="1\n2\nprompt\n")
    assert done.code == 0
    assert done.out.count("the choice could not be saved, so it was not taken") == 2
    assert done.out.endswith("Nothing was chosen, so no run was begun.\n")


# -- the title menu ------------------------------------------------------------------------------------------------------


def play_on_terminal(saves: Path, typed: str, *more: str) -> CommandResult:
    """Run ``play`` on a terminal with plain lines."""
    return command("play", WORLD, *more, "--saves", saves, typed=typed, terminal=True, ACCESSIBLE="1")


def test_on_a_terminal_play_offers_to_continue_an_unfinished_run(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope")
    done = play_on_terminal(tmp_path, "\n")
    assert done.out.startswith(
        "Run 1 is open.\n\n 1. Continue run 1\n 2. A new instantiation\n 3. The branches of 1 run\n 4. Quit\n\n> "
    )
    assert "The floor tipped" in done.out


@pytest.mark.parametrize("typed", ["1", "c", "Continue"])
def test_the_title_menu_continues_the_unfinished_run(tmp_path: Path, typed: str) -> None:
    write_run(tmp_path, "feel-slope")
    assert play_on_terminal(tmp_path, f"nonsense\n{typed}\n3\n").code == 0
    assert choices_of(tmp_path) == ["feel-slope", "let-be"]


@pytest.mark.parametrize("typed", ["2", "n", "new"])
def test_the_title_menu_starts_a_new_run(tmp_path: Path, typed: str) -> None:
    write_run(tmp_path, "feel-slope")
    assert play_on_terminal(tmp_path, f"{typed}\n3\n").code == 0
    assert choices_of(tmp_path, 2) == ["say-now"]


@pytest.mark.parametrize("typed", ["4\n", "q\n", "quit\n", ""])
def test_the_title_menu_can_be_left_without_playing(tmp_path: Path, typed: str) -> None:
    write_run(tmp_path, "feel-slope")
    done = play_on_terminal(tmp_path, typed)
    assert done.code == 0
    assert done.out.endswith(" 4. Quit\n\n> ")
    assert run_file_names(tmp_path) == ["001-run.jsonl"]


def test_an_invalid_answer_to_the_title_menu_is_asked_again(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope")
    assert play_on_terminal(tmp_path, "5\n4\n").out.endswith(
        "> Type a number from 1 to 4, or the first letter of its name.\n\n> "
    )


def test_the_title_menu_prints_the_tree_when_plain_lines_are_wanted(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope")
    (tmp_path / WORLD / "009-odd.jsonl").write_text("odd\n")
    done = play_on_terminal(tmp_path, "3\n4\n")
    assert "Turn 1: Feel which way the floor slopes. Here stands run 1." in done.out
    assert done.out.count(" 4. Quit") == 2
    assert "009-odd.jsonl" in done.err


@pytest.mark.parametrize("more", [("--new",), ("--seed", "1"), ("--temperature", "0.5")])
def test_options_that_imply_a_new_run_skip_the_title_menu(tmp_path: Path, more: tuple[str, ...]) -> None:
    write_run(tmp_path, "feel-slope")
    assert play_on_terminal(tmp_path, "", *more).out.startswith("First Light.")


def test_without_an_unfinished_run_the_title_menu_is_skipped(tmp_path: Path) -> None:
    assert play_on_terminal(tmp_path, "").out.startswith("First Light.")
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    (tmp_path / WORLD / "009-odd.jsonl").write_text("odd\n")
    assert play_on_terminal(tmp_path, "").out.startswith("First Light.")


def test_without_a_command_or_terminal_the_flagship_is_played_in_plain_lines(tmp_path: Path) -> None:
    done = command("--saves", tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done == command("play", "--plain", "--saves", tmp_path)


@pytest.mark.parametrize("environment", [{"ACCESSIBLE": "1"}, {"TERM": "dumb"}, {"TERM": ""}])
def test_plain_lines_are_used_on_a_dumb_or_accessible_terminal(tmp_path: Path, environment: dict[str, str]) -> None:
    with patch("forward_pass.interface.terminal.run", side_effect=AssertionError("not plain")):
        done = command("play", WORLD, "--saves", tmp_path, terminal=True, **environment)
    assert done.code == 0
    assert done.out.startswith("First Light.")


@pytest.mark.parametrize("environment", [{"ACCESSIBLE": "0"}, {"ACCESSIBLE": ""}, {}])
def test_any_other_terminal_gets_the_terminal_front_end(tmp_path: Path, environment: dict[str, str]) -> None:
    with patch("forward_pass.interface.terminal.run") as front:
        assert command("play", WORLD, "--saves", tmp_path, terminal=True, **environment).code == 0
        assert command("play", WORLD, "--plain", "--saves", tmp_path, terminal=True, **environment).code == 0
        assert command("play", WORLD, "--json", "--saves", tmp_path, terminal=True, **environment).code == 0
    assert front.call_count == 1


# -- runs and check -------------------------------------------------------------------------------------------------------


def test_the_runs_of_a_world_are_listed(tmp_path: Path) -> None:
    expected = f"There are no runs of First Light in {tmp_path} yet.\n"
    assert command("runs", WORLD, "--saves", tmp_path) == CommandResult(0, expected, "")
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    expected = "  1  run: 2 turns, ended: Half Said, said “dark comes” (2021-03-22)\n"
    assert command("runs", WORLD, "--saves", tmp_path) == CommandResult(0, expected, "")
    assert command("runs", WORLD, "--plain", "--saves", tmp_path).out == expected


def test_the_runs_of_a_world_are_listed_as_objects(tmp_path: Path) -> None:
    assert command("runs", WORLD, "--json", "--saves", tmp_path).out == ""
    with open_session(tmp_path, "feel-slope") as play:
        COMMANDS["undo"].run(play, "")
        play.choose("say-now")
    first, second = command("runs", WORLD, "--json", "--saves", tmp_path).objects
    assert first == {
        "type": "run",
        "number": 1,
        "name": "run",
        "turns": 0,
        "stands": "at its opening",
        "ended": False,
        "made": "2021-03-22T00:00:00+00:00",
        "parent": None,
        "problem": "",
        "of": 1,
    }
    assert second["parent"] == [1, 0]


def test_a_forgotten_run_is_moved_to_the_trash(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope")
    done = command("runs", WORLD, "--forget", "1", "--saves", tmp_path)
    assert done == CommandResult(0, f"Moved 001-run.jsonl to {tmp_path / WORLD / '.trash'}\n", "")
    assert run_file_names(tmp_path) == []
    assert (tmp_path / WORLD / ".trash" / "001-run.jsonl").is_file()


def test_a_file_that_is_not_a_run_is_not_forgotten(tmp_path: Path) -> None:
    mine = tmp_path / "letters.txt"
    mine.write_text("mine\n")
    for run in ("7", mine):
        assert command("runs", WORLD, "--forget", run, "--saves", tmp_path).code == 1
    assert mine.read_text() == "mine\n"


def test_check_of_a_sound_world_ends_with_passed() -> None:
    done = command("check", WORLD)
    assert done.code == 0
    assert done.out.splitlines()[-1] == "PASSED"
    assert any(line.startswith("first-light: ") for line in done.out.splitlines())


def test_check_of_a_world_with_problems_ends_with_failed_and_prints_them_on_standard_error(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text("format: 1\nspeed: 3\n")
    done = command("check", WORLD, tmp_path)
    assert (done.code, done.out.splitlines()[-1]) == (1, "FAILED")
    assert re.search(rf"^{re.escape(str(tmp_path))}/world\.yaml:2:1: E201 ", done.err, re.MULTILINE)


def test_check_of_a_missing_world_checks_the_others_and_ends_with_failed() -> None:
    done = command("check", "nowhere", WORLD)
    assert (done.code, done.out.splitlines()[-1]) == (1, "FAILED")
    assert any(line.startswith("first-light: ") for line in done.out.splitlines())
    assert done.err.startswith("nowhere:1:1: E001 unknown world")


# -- imports --------------------------------------------------------------------------------------------------------------


def imported(*arguments: str | Path) -> tuple[str, set[str]]:
    """Return the output of a command and the modules that it imported."""
    source = (
        "import sys, forward_pass.__main__ as main\n"
        "sys.argv[1:] = sys.argv[1:]\n"
        "code = main.main()\n"
        "sys.stderr.write(' '.join(sys.modules))\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source, *map(str, arguments)],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf8",
        check=True,
    )
    return done.stdout, set(done.stderr.split())


def test_the_version_is_answered_before_anything_is_imported() -> None:
    out, modules = imported("--version")
    assert out == VERSION
    assert not {"rich", "prompt_toolkit", "yaml", "numpy", "argparse", "forward_pass.cli"} & modules
    assert {name for name in modules if name.startswith("forward_pass")} <= {"forward_pass", "forward_pass.__main__"}


class ClosedPipe(StringIO):
    """A pipe whose reader is closed."""

    def write(self, text: str, /) -> int:
        """Raise ``BrokenPipeError``."""
        raise BrokenPipeError(text)


def test_the_package_can_be_run_as_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    with patch("sys.argv", ["forward-pass", "--version"]), pytest.raises(SystemExit) as exit_info:
        runpy.run_path(str(ROOT / "game" / "forward_pass" / "__main__.py"), run_name="__main__")
    assert (exit_info.value.code, capsys.readouterr().out) == (0, VERSION)


def test_the_version_alone_is_answered_by_the_entry_point(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        patch("sys.argv", ["forward-pass", "--version"]),
        patch("forward_pass.cli.run", side_effect=AssertionError("imported")),
    ):
        assert main() == 0
    assert capsys.readouterr().out == VERSION


def test_the_version_printed_to_a_closed_pipe_exits_with_0() -> None:
    with patch("sys.argv", ["forward-pass", "--version"]), redirect_stdout(ClosedPipe()):
        assert main() == 0


def test_other_arguments_are_passed_to_the_command_line() -> None:
    with patch("sys.argv", ["forward-pass", "play", "--json"]), patch("forward_pass.cli.run", return_value=7) as run:
        assert main() == 7
    run.assert_called_once_with(["play", "--json"])


def test_version_can_be_combined_with_other_options(tmp_path: Path) -> None:
    assert command("--saves", tmp_path, "--version") == CommandResult(0, VERSION, "")


def test_without_a_terminal_the_terminal_front_end_is_not_imported(tmp_path: Path) -> None:
    write_run(tmp_path, "say-now")
    path = tmp_path / WORLD / "001-run.jsonl"
    imported("play", WORLD, "--saves", tmp_path)  # caches the world: reading one may import numpy
    for arguments in (("play", WORLD, "--saves", tmp_path), ("play", WORLD, "--json", "--saves", tmp_path), ("replay", path)):
        _, modules = imported(*arguments)
        assert "forward_pass.cli" in modules
        assert (
            not {"prompt_toolkit", "rich", "forward_pass.interface.terminal", "forward_pass.interface.view", "numpy"} & modules
        )


def test_a_cached_world_is_played_without_importing_yaml(tmp_path: Path) -> None:
    imported("play", WORLD, "--saves", tmp_path)
    _, modules = imported("play", WORLD, "--saves", tmp_path)
    assert not {"yaml", "forward_pass.loading.loader"} & modules


# -- signals, pipes, streams ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
@pytest.mark.parametrize("look", ["--plain", "--json"])
def test_a_signal_ends_play_with_its_exit_code_and_prints_where_the_run_is(
    tmp_path: Path, number: signal.Signals, code: int, look: str
) -> None:
    with started_process("play", WORLD, look, "--saves", tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("feel-slope\n")
        process.stdin.flush()
        while "floor tipped" not in process.stdout.readline():
            pass
        process.send_signal(number)
        assert process.wait(20) == code
        kept = f"\nKept as first-light/1. To go on:\nforward-pass play first-light --load 1 --saves {tmp_path}\n"
        assert process.stderr.read() == kept
    assert choices_of(tmp_path) == ["feel-slope"]


def test_a_signal_in_process_ends_play_with_its_exit_code(tmp_path: Path) -> None:
    with patch("forward_pass.interface.plain.run", side_effect=lambda _: os.kill(os.getpid(), signal.SIGTERM)):
        assert command("play", WORLD, "--plain", "--saves", tmp_path).code == 143


def test_an_ignored_hangup_stays_ignored(tmp_path: Path) -> None:
    with restore_signals():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with patch("forward_pass.interface.plain.run", side_effect=lambda _: os.kill(os.getpid(), signal.SIGHUP)):
            assert command("play", WORLD, "--plain", "--saves", tmp_path).code == 0


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt(), 130), (Interrupted(15), 143), (Interrupted(1), 129)])
def test_an_interrupted_session_prints_where_the_run_is(tmp_path: Path, raised: BaseException, code: int) -> None:
    write_run(tmp_path, "feel-slope")
    with patch("forward_pass.interface.plain.run", side_effect=raised):
        done = command("play", WORLD, "--plain", "--continue", "--saves", tmp_path)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("\nKept as first-light/1. To go on:\n")


@pytest.mark.parametrize(
    "arguments",
    [("play", WORLD, "--plain"), ("play", WORLD, "--json"), ("--help",), ("play", "--help"), ("--version",), ("runs", WORLD)],
)
def test_a_closed_output_pipe_exits_quietly_with_0(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "forward_pass", *arguments],
            cwd=ROOT,
            env=clean_environment(FORWARD_PASS_SAVES=str(tmp_path)),
            input="1\n" * 20_000,
            stdout=writing,
            stderr=subprocess.PIPE,
            encoding="utf8",
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_may_close_the_pipe_after_the_first_line(tmp_path: Path) -> None:
    play = f"{sys.executable} -m forward_pass play {WORLD} --plain --saves {tmp_path}"
    line = f"yes 1 | head -2000 | {play} | head -1; echo ${{PIPESTATUS[2]}}"
    done = subprocess.run(
        ["bash", "-c", line],  # noqa: S607
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        encoding="utf8",
        check=True,
    )
    first, code = done.stdout.splitlines()
    assert first.startswith("First Light. Instantiation 1.")
    assert (code, done.stderr) == ("0", "")


def test_a_broken_pipe_in_process_exits_quietly_with_0(tmp_path: Path) -> None:
    with patch("forward_pass.interface.plain.run", side_effect=BrokenPipeError):
        assert command("play", WORLD, "--plain", "--saves", tmp_path) == CommandResult(0, "", "")


def test_output_to_a_full_disk_is_reported(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "forward_pass", "play", WORLD, "--saves", str(tmp_path)],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf8",
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "forward-pass: No space left on device\n")


def test_without_standard_streams_play_starts_and_exits_with_0(tmp_path: Path) -> None:
    line = f"{sys.executable} -m forward_pass play {WORLD} --saves {tmp_path} <&- >&- 2>&-; echo $?"
    done = subprocess.run(
        ["bash", "-c", line],  # noqa: S607
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        encoding="utf8",
        check=True,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_missing_standard_streams_are_replaced() -> None:
    with patch("sys.stdin", None), patch("sys.stdout", None), patch("sys.stderr", None), restore_signals():
        assert cli.run(["--version"]) == 0
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()


def test_undecodable_input_bytes_do_not_end_play(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "forward_pass", "play", WORLD, "--plain", "--saves", str(tmp_path)],
        cwd=ROOT,
        env={**clean_environment(), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        input=b"\xff\xfe\x00\n2\n",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"[11 ?The?, layer 4 of 12" in done.stdout
    assert choices_of(tmp_path) == ["feel-slope"]


def test_an_input_error_is_reported(tmp_path: Path) -> None:
    with patch.object(TypedInput, "readline", side_effect=OSError(5, "Input/output error")):
        done = command("play", WORLD, "--plain", "--saves", tmp_path)
    assert (done.code, done.err) == (1, "forward-pass: Input/output error\n")


def test_a_hangup_without_a_terminal_prints_nothing(tmp_path: Path) -> None:
    with (
        patch("forward_pass.interface.plain.run", side_effect=Interrupted(1)),
        patch("forward_pass.session.session.Session.quit_event", side_effect=OSError(5, "gone")),
    ):
        assert command("play", WORLD, "--plain", "--saves", tmp_path) == CommandResult(129, "", "")


def test_a_subprocess_gives_the_same_results_as_a_call_in_process(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["the-loop"])
    for arguments in (("--version",), ("runs", WORLD, "--saves", tmp_path), ("play", "--fly"), ("replay", f"{WORLD}/9")):
        assert program(*arguments, FORWARD_PASS_SAVES=str(tmp_path)) == command(*arguments, FORWARD_PASS_SAVES=str(tmp_path))


def test_three_choices_through_a_pipe_are_three_turns_and_can_be_continued(tmp_path: Path) -> None:
    done = program("play", WORLD, "--plain", "--saves", tmp_path, typed="1\n1\n1\n")
    assert (done.code, done.err) == (0, "")
    assert len(read_run(tmp_path).turns) == 3
    again = program("play", WORLD, "--continue", "--saves", tmp_path, typed='1\n{"quit":true}\n')
    assert (again.code, len(read_run(tmp_path).turns)) == (0, 4)
    flagship = program("play", "--plain", "--saves", tmp_path, typed="1\n1\n1\n")
    assert flagship.code == 0
    (path,) = (tmp_path / "forward-pass").glob("*.jsonl")
    assert len(path.read_text().splitlines()) == 4
    assert json.loads(path.read_text().splitlines()[0])["world"] == "forward-pass"
    assert program("play", "--continue", "--saves", tmp_path).code == 0


def test_the_command_to_continue_is_the_path_of_the_program_unless_a_shell_finds_it(tmp_path: Path) -> None:
    with patch.object(sys, "argv", [".venv/bin/forward-pass"]):
        done = command("play", WORLD, "--plain", "--saves", tmp_path, typed="1\n", PATH="/nowhere")
        assert f"\n.venv/bin/forward-pass play {WORLD} --load 1 --saves {tmp_path}" in done.out
    found = tmp_path / "bin" / "forward-pass"
    found.parent.mkdir()
    found.touch(0o755)
    with patch.object(sys, "argv", [".venv/bin/forward-pass"]):
        done = command("play", WORLD, "--plain", "--saves", tmp_path, typed="1\n", PATH=str(found.parent))
        assert f"\nforward-pass play {WORLD} --load 2 --saves {tmp_path}" in done.out
