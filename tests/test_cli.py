"""The commands: what they take, what they print where, and the code they end with."""

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

from fixtures_play import (
    ROOT,
    TO_ENDINGS,
    WORLD,
    Done,
    Typed,
    choices_of,
    command,
    files,
    journal,
    played,
    playing,
    program,
    signals_kept,
    started,
    surroundings,
)
from forward_pass import __version__, cli
from forward_pass.__main__ import main
from forward_pass.errors import Interrupted

VERSION = f"forward-pass {__version__}\n"


def commands() -> list[str]:
    """Return the names of the commands."""
    parser = cli._parser()
    (choices,) = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return sorted(choices)


# -- help and usage -------------------------------------------------------------------------------------------------------


def test_there_are_commands() -> None:
    assert {"play", "replay", "runs", "check"} <= set(commands())


@pytest.mark.parametrize("name", ["", *commands()])
def test_everything_takes_help_and_names_each_of_its_options(name: str) -> None:
    done = command(*filter(None, [name]), "--help")
    assert (done.code, done.err) == (0, "")
    parser = cli._parser()
    for action in parser._actions:
        if name and isinstance(action, argparse._SubParsersAction):
            parser = action.choices[name]
    for action in parser._actions:
        assert action.help or action.dest == argparse.SUPPRESS, action.dest
        for option in action.option_strings:
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", done.out), option


@pytest.mark.parametrize("name", commands())
def test_the_help_of_all_names_each_command(name: str) -> None:
    assert re.search(rf"^    {name} ", command("--help").out, re.MULTILINE)


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
def test_wrong_usage_ends_with_two_and_says_nothing_on_standard_output(arguments: tuple[str, ...]) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("forward-pass")


def test_a_seed_out_of_bounds_is_said_to_be_none() -> None:
    expected = "forward-pass play: error: argument --seed: a seed is a whole number from 0 to 2147483647, not '-5'"
    assert command("play", "--seed=-5").err.splitlines()[-1] == expected


def test_a_temperature_out_of_bounds_is_said_to_be_none() -> None:
    expected = "forward-pass play: error: argument --temperature: a temperature is a number from 0 to 100, not 'hot'"
    assert command("play", "--temperature", "hot").err.splitlines()[-1] == expected


def test_a_seed_beside_continue_is_said_to_be_the_runs_own() -> None:
    expected = "forward-pass: a kept run has its own seed and temperature: leave --seed and --temperature out\n"
    assert command("play", "--continue", "--seed", "1").err == expected


# -- play -----------------------------------------------------------------------------------------------------------------


def test_seed_and_temperature_are_kept_in_the_header(tmp_path: Path) -> None:
    arguments = ("play", WORLD, "--plain", "--saves", tmp_path, "--seed", "2147483647", "--temperature", "0.7")
    assert command(*arguments, typed="1\n").code == 0
    header = journal(tmp_path).header
    assert (header.seed, header.temperature) == (2147483647, 0.7)


def test_a_seed_that_was_not_given_is_made_and_kept(tmp_path: Path) -> None:
    for _ in range(2):
        command("play", WORLD, "--plain", "--saves", tmp_path, typed="1\n")
    seeds = [journal(tmp_path, number).header.seed for number in (1, 2)]
    assert seeds[0] != seeds[1]
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert journal(tmp_path).header.temperature == 0.0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", journal(tmp_path).header.created_at)


def test_the_same_seed_says_the_same(tmp_path: Path) -> None:
    arguments = ("--plain", "--temperature", "4", "--seed", "3")
    typed = "say-now\n1\n"
    first, second = (command("play", WORLD, *arguments, "--saves", tmp_path / name, typed=typed) for name in "ab")
    assert first.out.replace(str(tmp_path / "a"), "") == second.out.replace(str(tmp_path / "b"), "")


def test_where_no_terminal_is_play_begins_a_new_run_each_time(tmp_path: Path) -> None:
    for _ in range(3):
        assert command("play", WORLD, "--saves", tmp_path, typed="1\n").code == 0
    assert files(tmp_path) == ["001-run.jsonl", "002-run.jsonl", "003-run.jsonl"]


def test_continue_without_a_run_says_so(tmp_path: Path) -> None:
    done = command("play", WORLD, "--continue", "--saves", tmp_path)
    begin = f"begin one with forward-pass play first-light --saves {tmp_path}"
    assert done == Done(1, "", f"forward-pass: no run of first-light is kept in {tmp_path}: {begin}\n")
    bare = command("play", "--continue", FORWARD_PASS_SAVES=f"{tmp_path}")
    assert bare.err == f"forward-pass: no run of forward-pass is kept in {tmp_path}: begin one with forward-pass play\n"


def test_continue_takes_the_run_that_was_appended_to_last(tmp_path: Path) -> None:
    paths = [played(tmp_path, "say-now"), played(tmp_path, "feel-slope"), played(tmp_path, "read-question")]
    for path, when in zip(paths, (20, 30, 10), strict=True):
        os.utime(path, (when, when))
    done = command("play", WORLD, "--continue", "--plain", "--saves", tmp_path)
    assert "The floor tipped" in done.out
    assert "--load 2 " in done.out


def test_continue_passes_over_what_is_no_run_and_leaves_it_alone(tmp_path: Path) -> None:
    played(tmp_path, "feel-slope")
    odd = tmp_path / WORLD / "002-odd.jsonl"
    odd.write_text("odd\n")
    done = command("play", WORLD, "--continue", "--plain", "--saves", tmp_path)
    assert done.code == 0
    assert "The floor tipped" in done.out
    assert done.err == f"{odd}:1:1: this is not a run of Forward Pass, and it is left alone\n"
    assert odd.read_text() == "odd\n"


def test_what_is_to_be_known_of_a_run_is_said_beside_it(tmp_path: Path) -> None:
    path = played(tmp_path, "feel-slope", "let-be")
    path.write_bytes(path.read_bytes()[:-3])
    done = command("play", WORLD, "--continue", "--plain", "--saves", tmp_path)
    note = "The last line of 001-run.jsonl was cut short; the choice on it was never answered, and is dropped.\n"
    assert (done.code, done.err) == (0, note)


@pytest.mark.parametrize("run", ["1", "001", "run", "path", f"{WORLD}/1", f"{WORLD}/run"])
def test_a_run_is_loaded_by_any_of_its_names(tmp_path: Path, run: str) -> None:
    path = played(tmp_path, "feel-slope")
    done = command("play", WORLD, "--plain", "--saves", tmp_path, "--load", path if run == "path" else run)
    assert done.code == 0
    assert "The floor tipped" in done.out


def test_a_run_is_loaded_with_the_world_of_its_header(tmp_path: Path) -> None:
    path = played(tmp_path, "feel-slope")
    for run in (path, f"{WORLD}/1"):
        done = command("play", "--plain", "--saves", tmp_path, "--load", run, typed="let-be\nundo\n")
        assert done.out.startswith("First Light.")
    assert choices_of(tmp_path) == ["feel-slope", "let-be"]


def test_without_a_world_a_number_is_a_run_of_the_flagship(tmp_path: Path) -> None:
    played(tmp_path, "feel-slope")
    expected = f"forward-pass: no run of forward-pass is called 1, and no run of it is kept (in {tmp_path})\n"
    assert command("play", "--load", "1", "--plain", "--saves", tmp_path) == Done(1, "", expected)


def test_a_run_of_another_world_is_not_loaded(tmp_path: Path) -> None:
    path = played(tmp_path, "feel-slope")
    path.write_text(path.read_text().replace('"world":"first-light"', '"world":"forward-pass"'))
    done = command("play", WORLD, "--load", "1", "--plain", "--saves", tmp_path)
    assert done == Done(1, "", f"forward-pass: {path} is a run of forward-pass, this is first-light\n")


@pytest.mark.parametrize("run", ["", "9", "elsewhere", "x/1"])
def test_a_run_that_is_not_there_is_not_loaded(tmp_path: Path, run: str) -> None:
    played(tmp_path, "feel-slope")
    done = command("play", WORLD, "--load", run, "--plain", "--saves", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert "is called" in done.err


def test_a_name_that_several_runs_have_is_a_wrong_usage_that_lists_them(tmp_path: Path) -> None:
    for _ in range(2):
        played(tmp_path, "feel-slope")
    expected = "forward-pass: run could be any of these runs: 1 (run), 2 (run); say its number\n"
    assert command("play", WORLD, "--load", "run", "--saves", tmp_path) == Done(2, "", expected)


def test_a_world_that_is_not_there_is_said_to_be_none() -> None:
    done = command("play", "first-lihgt")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("first-lihgt:1:1: E001 no world is called that (did you mean first-light?)")


def test_a_world_can_be_a_folder_and_the_way_back_names_it(tmp_path: Path) -> None:
    folder = ROOT / "worlds" / WORLD
    done = command("play", folder, "--plain", "--saves", tmp_path, typed="1\n")
    assert files(tmp_path) == ["001-run.jsonl"]
    assert done.out.endswith(f"forward-pass play {folder} --load 1 --saves {tmp_path}\n")


def test_runs_are_kept_where_the_environment_says_and_an_option_comes_first(tmp_path: Path) -> None:
    there = str(tmp_path / "there")
    done = command("play", WORLD, "--plain", typed="1\n", FORWARD_PASS_SAVES=there)
    assert done.out.endswith("forward-pass play first-light --load 1\n")
    assert files(tmp_path / "there") == ["001-run.jsonl"]
    command("play", WORLD, "--plain", "--saves", tmp_path / "here", typed="1\n", FORWARD_PASS_SAVES=there)
    assert files(tmp_path / "here") == ["001-run.jsonl"]
    command("--saves", tmp_path / "first", "play", WORLD, "--plain", typed="1\n", FORWARD_PASS_SAVES=there)
    assert files(tmp_path / "first") == ["001-run.jsonl"]


def test_a_saves_path_that_is_a_file_ends_play_with_a_word(tmp_path: Path) -> None:
    (tmp_path / "saves").touch()
    expected = f"forward-pass: {tmp_path}/saves/first-light: cannot be read: Not a directory\n"
    assert command("play", WORLD, "--plain", "--saves", tmp_path / "saves") == Done(1, "", expected)


def test_in_a_folder_that_cannot_be_written_play_goes_on_and_says_at_each_choice_that_it_is_not_taken() -> None:
    done = command("play", WORLD, "--plain", "--saves", "/proc/self/fdinfo", typed="1\n2\nprompt\n")
    assert done.code == 0
    assert done.out.count("the choice could not be kept, so it was not taken") == 2
    assert done.out.endswith("Nothing was chosen, so no run was begun.\n")


# -- the title, and asking ------------------------------------------------------------------------------------------------


def asked(saves: Path, typed: str, *more: str) -> Done:
    """Return what play says at a terminal that wants plain lines."""
    return command("play", WORLD, *more, "--saves", saves, typed=typed, terminal=True, ACCESSIBLE="1")


def test_at_a_terminal_play_asks_whether_to_go_on_with_an_open_run(tmp_path: Path) -> None:
    played(tmp_path, "feel-slope")
    done = asked(tmp_path, "\n")
    assert done.out.startswith(
        "Run 1 is open.\n\n 1. Continue run 1\n 2. A new instantiation\n 3. The branches of 1 run\n 4. Quit\n\n> "
    )
    assert "The floor tipped" in done.out


@pytest.mark.parametrize("typed", ["1", "c", "Continue"])
def test_the_open_run_is_gone_on_with(tmp_path: Path, typed: str) -> None:
    played(tmp_path, "feel-slope")
    assert asked(tmp_path, f"nonsense\n{typed}\n3\n").code == 0
    assert choices_of(tmp_path) == ["feel-slope", "let-be"]


@pytest.mark.parametrize("typed", ["2", "n", "new"])
def test_a_new_run_is_begun(tmp_path: Path, typed: str) -> None:
    played(tmp_path, "feel-slope")
    assert asked(tmp_path, f"{typed}\n3\n").code == 0
    assert choices_of(tmp_path, 2) == ["say-now"]


@pytest.mark.parametrize("typed", ["4\n", "q\n", "quit\n", ""])
def test_whoever_is_asked_can_think_better_of_it(tmp_path: Path, typed: str) -> None:
    played(tmp_path, "feel-slope")
    done = asked(tmp_path, typed)
    assert done.code == 0
    assert done.out.endswith(" 4. Quit\n\n> ")
    assert files(tmp_path) == ["001-run.jsonl"]


def test_what_is_no_answer_is_asked_again(tmp_path: Path) -> None:
    played(tmp_path, "feel-slope")
    assert asked(tmp_path, "5\n4\n").out.endswith("> Type a number from 1 to 4, or the first letter of its name.\n\n> ")


def test_the_branches_are_shown_in_lines_where_no_full_screen_is_wanted(tmp_path: Path) -> None:
    played(tmp_path, "feel-slope")
    (tmp_path / WORLD / "009-odd.jsonl").write_text("odd\n")
    done = asked(tmp_path, "3\n4\n")
    assert "Turn 1: feel-slope, to slope. Here stands run 1." in done.out
    assert done.out.count(" 4. Quit") == 2
    assert "009-odd.jsonl" in done.err


@pytest.mark.parametrize("more", [("--new",), ("--seed", "1"), ("--temperature", "0.5")])
def test_nothing_is_asked_of_whoever_has_said_it(tmp_path: Path, more: tuple[str, ...]) -> None:
    played(tmp_path, "feel-slope")
    assert asked(tmp_path, "", *more).out.startswith("First Light.")


def test_nothing_is_asked_where_the_run_played_last_has_ended_or_none_is_kept(tmp_path: Path) -> None:
    assert asked(tmp_path, "").out.startswith("First Light.")
    played(tmp_path, *TO_ENDINGS["half-said"])
    (tmp_path / WORLD / "009-odd.jsonl").write_text("odd\n")
    assert asked(tmp_path, "").out.startswith("First Light.")


def test_without_a_command_and_a_terminal_the_flagship_is_played_in_plain_lines(tmp_path: Path) -> None:
    done = command("--saves", tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done == command("play", "--plain", "--saves", tmp_path)


@pytest.mark.parametrize("environment", [{"ACCESSIBLE": "1"}, {"TERM": "dumb"}, {"TERM": ""}])
def test_a_terminal_that_wants_plain_lines_gets_them(tmp_path: Path, environment: dict[str, str]) -> None:
    with patch("forward_pass.interface.terminal.run", side_effect=AssertionError("not plain")):
        done = command("play", WORLD, "--saves", tmp_path, terminal=True, **environment)
    assert done.code == 0
    assert done.out.startswith("First Light.")


@pytest.mark.parametrize("environment", [{"ACCESSIBLE": "0"}, {"ACCESSIBLE": ""}, {}])
def test_any_other_terminal_gets_the_terminal(tmp_path: Path, environment: dict[str, str]) -> None:
    with patch("forward_pass.interface.terminal.run") as front:
        assert command("play", WORLD, "--saves", tmp_path, terminal=True, **environment).code == 0
        assert command("play", WORLD, "--plain", "--saves", tmp_path, terminal=True, **environment).code == 0
        assert command("play", WORLD, "--json", "--saves", tmp_path, terminal=True, **environment).code == 0
    assert front.call_count == 1


# -- runs and check -------------------------------------------------------------------------------------------------------


def test_the_runs_of_a_world_are_listed(tmp_path: Path) -> None:
    expected = f"No run of First Light is kept in {tmp_path} yet.\n"
    assert command("runs", WORLD, "--saves", tmp_path) == Done(0, expected, "")
    played(tmp_path, *TO_ENDINGS["half-said"])
    expected = "  1  run: 2 turns, ended: Half Said, said “dark comes” (2021-03-22)\n"
    assert command("runs", WORLD, "--saves", tmp_path) == Done(0, expected, "")
    assert command("runs", WORLD, "--plain", "--saves", tmp_path).out == expected


def test_the_runs_of_a_world_are_listed_as_objects(tmp_path: Path) -> None:
    assert command("runs", WORLD, "--json", "--saves", tmp_path).out == ""
    with playing(tmp_path, "feel-slope") as play:
        play.undo("")
        play.choose("say-now")
    first, second = command("runs", WORLD, "--json", "--saves", tmp_path).objects
    assert first == {
        "type": "run",
        "number": 1,
        "name": "run",
        "turns": 0,
        "stands": "in waking",
        "ended": False,
        "made": "2021-03-22T00:00:00+00:00",
        "parent": None,
        "problem": "",
        "of": 1,
    }
    assert second["parent"] == [1, 0]


def test_a_run_that_is_forgotten_lies_in_the_trash(tmp_path: Path) -> None:
    played(tmp_path, "feel-slope")
    done = command("runs", WORLD, "--forget", "1", "--saves", tmp_path)
    assert done == Done(0, f"001-run.jsonl lies in {tmp_path / WORLD / '.trash'}\n", "")
    assert files(tmp_path) == []
    assert (tmp_path / WORLD / ".trash" / "001-run.jsonl").is_file()


def test_what_is_no_run_is_not_forgotten(tmp_path: Path) -> None:
    mine = tmp_path / "letters.txt"
    mine.write_text("mine\n")
    for run in ("7", mine):
        assert command("runs", WORLD, "--forget", run, "--saves", tmp_path).code == 1
    assert mine.read_text() == "mine\n"


def test_check_ends_with_passed() -> None:
    done = command("check", WORLD)
    assert done.code == 0
    assert done.out.splitlines()[-1] == "PASSED"
    assert any(line.startswith("first-light: ") for line in done.out.splitlines())


def test_check_of_a_world_with_problems_ends_with_failed_and_names_them_on_standard_error(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text("format: 1\nspeed: 3\n")
    done = command("check", WORLD, tmp_path)
    assert (done.code, done.out.splitlines()[-1]) == (1, "FAILED")
    assert re.search(rf"^{re.escape(str(tmp_path))}/world\.yaml:2:1: E201 ", done.err, re.MULTILINE)


def test_check_of_a_world_that_is_not_there_goes_on_with_the_others_and_ends_with_failed() -> None:
    done = command("check", "nowhere", WORLD)
    assert (done.code, done.out.splitlines()[-1]) == (1, "FAILED")
    assert any(line.startswith("first-light: ") for line in done.out.splitlines())
    assert done.err.startswith("nowhere:1:1: E001 no world is called that")


# -- what is imported -----------------------------------------------------------------------------------------------------


def imported(*arguments: str | Path) -> tuple[str, set[str]]:
    """Return what a command prints, and the modules that it imported."""
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
        env=surroundings(),
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


class Closed(StringIO):
    """A pipe that nobody reads."""

    def write(self, text: str, /) -> int:
        """Say that nobody reads it."""
        raise BrokenPipeError(text)


def test_the_package_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    with patch("sys.argv", ["forward-pass", "--version"]), pytest.raises(SystemExit) as left:
        runpy.run_path(str(ROOT / "game" / "forward_pass" / "__main__.py"), run_name="__main__")
    assert (left.value.code, capsys.readouterr().out) == (0, VERSION)


def test_the_version_alone_is_answered_by_the_entry_point(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        patch("sys.argv", ["forward-pass", "--version"]),
        patch("forward_pass.cli.run", side_effect=AssertionError("imported")),
    ):
        assert main() == 0
    assert capsys.readouterr().out == VERSION


def test_the_version_told_to_a_closed_pipe_ends_with_nought() -> None:
    with patch("sys.argv", ["forward-pass", "--version"]), redirect_stdout(Closed()):
        assert main() == 0


def test_whatever_else_is_asked_goes_to_the_commands() -> None:
    with patch("sys.argv", ["forward-pass", "play", "--json"]), patch("forward_pass.cli.run", return_value=7) as run:
        assert main() == 7
    run.assert_called_once_with(["play", "--json"])


def test_the_version_is_also_an_option_among_others(tmp_path: Path) -> None:
    assert command("--saves", tmp_path, "--version") == Done(0, VERSION, "")


def test_where_no_terminal_is_the_terminal_is_never_imported(tmp_path: Path) -> None:
    played(tmp_path, "say-now")
    path = tmp_path / WORLD / "001-run.jsonl"
    imported("play", WORLD, "--saves", tmp_path)  # the world is cached from here on: reading one may import numpy
    for arguments in (("play", WORLD, "--saves", tmp_path), ("play", WORLD, "--json", "--saves", tmp_path), ("replay", path)):
        _, modules = imported(*arguments)
        assert "forward_pass.cli" in modules
        assert (
            not {"prompt_toolkit", "rich", "forward_pass.interface.terminal", "forward_pass.interface.view", "numpy"} & modules
        )


def test_a_world_that_was_read_before_is_played_without_reading_yaml(tmp_path: Path) -> None:
    imported("play", WORLD, "--saves", tmp_path)
    _, modules = imported("play", WORLD, "--saves", tmp_path)
    assert not {"yaml", "forward_pass.loading.loader"} & modules


# -- signals, pipes, streams ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
@pytest.mark.parametrize("look", ["--plain", "--json"])
def test_a_signal_ends_play_with_its_code_and_says_where_the_run_is_kept(
    tmp_path: Path, number: signal.Signals, code: int, look: str
) -> None:
    with started("play", WORLD, look, "--saves", tmp_path) as process:
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


def test_a_signal_in_process_ends_play_with_its_code(tmp_path: Path) -> None:
    with patch("forward_pass.interface.plain.run", side_effect=lambda _: os.kill(os.getpid(), signal.SIGTERM)):
        assert command("play", WORLD, "--plain", "--saves", tmp_path).code == 143


def test_a_hangup_that_was_ignored_stays_ignored(tmp_path: Path) -> None:
    with signals_kept():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with patch("forward_pass.interface.plain.run", side_effect=lambda _: os.kill(os.getpid(), signal.SIGHUP)):
            assert command("play", WORLD, "--plain", "--saves", tmp_path).code == 0


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt(), 130), (Interrupted(15), 143), (Interrupted(1), 129)])
def test_an_interrupted_play_is_kept_and_says_where(tmp_path: Path, raised: BaseException, code: int) -> None:
    played(tmp_path, "feel-slope")
    with patch("forward_pass.interface.plain.run", side_effect=raised):
        done = command("play", WORLD, "--plain", "--continue", "--saves", tmp_path)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("\nKept as first-light/1. To go on:\n")


@pytest.mark.parametrize(
    "arguments",
    [("play", WORLD, "--plain"), ("play", WORLD, "--json"), ("--help",), ("play", "--help"), ("--version",), ("runs", WORLD)],
)
def test_a_pipe_that_nobody_reads_ends_quietly_with_nought(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "forward_pass", *arguments],
            cwd=ROOT,
            env=surroundings(FORWARD_PASS_SAVES=str(tmp_path)),
            input="1\n" * 20_000,
            stdout=writing,
            stderr=subprocess.PIPE,
            encoding="utf8",
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_first_line_can_be_read_and_the_rest_left(tmp_path: Path) -> None:
    play = f"{sys.executable} -m forward_pass play {WORLD} --plain --saves {tmp_path}"
    line = f"yes 1 | head -2000 | {play} | head -1; echo ${{PIPESTATUS[2]}}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=surroundings(), capture_output=True, encoding="utf8", check=True)  # noqa: S607
    first, code = done.stdout.splitlines()
    assert first.startswith("First Light. Instantiation 1.")
    assert (code, done.stderr) == ("0", "")


def test_a_pipe_closed_in_process_ends_quietly_with_nought(tmp_path: Path) -> None:
    with patch("forward_pass.interface.plain.run", side_effect=BrokenPipeError):
        assert command("play", WORLD, "--plain", "--saves", tmp_path) == Done(0, "", "")


def test_a_disk_too_full_for_what_is_printed_is_said(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "forward_pass", "play", WORLD, "--saves", str(tmp_path)],
            cwd=ROOT,
            env=surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf8",
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "forward-pass: No space left on device\n")


def test_without_standard_streams_play_begins_and_leaves(tmp_path: Path) -> None:
    line = f"{sys.executable} -m forward_pass play {WORLD} --saves {tmp_path} <&- >&- 2>&-; echo $?"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=surroundings(), capture_output=True, encoding="utf8", check=True)  # noqa: S607
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_streams_that_are_none_are_replaced() -> None:
    with patch("sys.stdin", None), patch("sys.stdout", None), patch("sys.stderr", None), signals_kept():
        assert cli.run(["--version"]) == 0
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()


def test_bytes_that_are_no_characters_are_no_reason_to_lose_a_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "forward_pass", "play", WORLD, "--plain", "--saves", str(tmp_path)],
        cwd=ROOT,
        env={**surroundings(), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        input=b"\xff\xfe\x00\n2\n",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"[11 ?The?, layer 4 of 12" in done.stdout
    assert choices_of(tmp_path) == ["feel-slope"]


def test_a_terminal_that_has_gone_is_said_as_it_is(tmp_path: Path) -> None:
    with patch.object(Typed, "readline", side_effect=OSError(5, "Input/output error")):
        done = command("play", WORLD, "--plain", "--saves", tmp_path)
    assert (done.code, done.err) == (1, "forward-pass: Input/output error\n")


def test_where_the_run_is_kept_is_not_said_to_a_terminal_that_has_gone(tmp_path: Path) -> None:
    with (
        patch("forward_pass.interface.plain.run", side_effect=Interrupted(1)),
        patch("forward_pass.session.session.Session.quit_event", side_effect=OSError(5, "gone")),
    ):
        assert command("play", WORLD, "--plain", "--saves", tmp_path) == Done(129, "", "")


def test_the_command_line_outside_is_the_one_inside(tmp_path: Path) -> None:
    played(tmp_path, *TO_ENDINGS["the-loop"])
    for arguments in (("--version",), ("runs", WORLD, "--saves", tmp_path), ("play", "--fly"), ("replay", f"{WORLD}/9")):
        assert program(*arguments, FORWARD_PASS_SAVES=str(tmp_path)) == command(*arguments, FORWARD_PASS_SAVES=str(tmp_path))


def test_three_choices_through_a_pipe_are_three_turns_and_can_be_gone_on_with(tmp_path: Path) -> None:
    done = program("play", WORLD, "--plain", "--saves", tmp_path, typed="1\n1\n1\n")
    assert (done.code, done.err) == (0, "")
    assert len(journal(tmp_path).turns) == 3
    again = program("play", WORLD, "--continue", "--saves", tmp_path, typed='1\n{"quit":true}\n')
    assert (again.code, len(journal(tmp_path).turns)) == (0, 4)
    flagship = program("play", "--plain", "--saves", tmp_path, typed="1\n1\n1\n")
    assert flagship.code == 0
    (path,) = (tmp_path / "forward-pass").glob("*.jsonl")
    assert len(path.read_text().splitlines()) == 4
    assert json.loads(path.read_text().splitlines()[0])["world"] == "forward-pass"
    assert program("play", "--continue", "--saves", tmp_path).code == 0


def test_the_way_back_is_the_path_it_was_started_by_where_no_shell_finds_the_game(tmp_path: Path) -> None:
    with patch.object(sys, "argv", [".venv/bin/forward-pass"]):
        done = command("play", WORLD, "--plain", "--saves", tmp_path, typed="1\n", PATH="/nowhere")
        assert f"\n.venv/bin/forward-pass play {WORLD} --load 1 --saves {tmp_path}" in done.out
    found = tmp_path / "bin" / "forward-pass"
    found.parent.mkdir()
    found.touch(0o755)
    with patch.object(sys, "argv", [".venv/bin/forward-pass"]):
        done = command("play", WORLD, "--plain", "--saves", tmp_path, typed="1\n", PATH=str(found.parent))
        assert f"\nforward-pass play {WORLD} --load 2 --saves {tmp_path}" in done.out
