"""Faults of processes, disks and files: at most the choice not yet answered is lost, and the fault is reported."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest

from building import ROOT
from fixtures_faults import (
    SCRIPT,
    bit_flips,
    difference_from_expected,
    expected_contents,
    fault_at_write,
    find_damage,
    kill_after_write,
    play_with_fault,
    read_intact_run,
    resume_damaged,
    run_contents,
    write_calls,
)
from fixtures_play import (
    WORLD,
    choices_of,
    clean_environment,
    close_session,
    command,
    make_store,
    new_session,
    open_session,
    read_run,
    resumed_session,
    run_file_names,
    write_run,
)
from forward_pass import __main__ as program
from forward_pass.errors import ForwardPassError, Interrupted, RunError, UsageError
from forward_pass.loading.paths import worlds_folder
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import ComputedPass
from forward_pass.session.commands import COMMANDS
from forward_pass.session.events import Rejected
from forward_pass.session.input import answer
from forward_pass.session.settings import Settings, read_settings, write_setting
from forward_pass.storage.labels import read_labels, write_label
from forward_pass.storage.replay import replay_run
from forward_pass.story.state import OPENING
from test_pty import open_terminal


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """Return the contents of the run files before the script and after each of its lines."""
    return expected_contents(tmp_path_factory.mktemp("straight"))


@pytest.fixture(scope="module")
def writes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the names of the write calls of the script."""
    return write_calls(tmp_path_factory.mktemp("writes"))


# -- at every write call -----------------------------------------------------------------------------------------------


def test_the_script_makes_all_kinds_of_write_calls(writes: list[str]) -> None:
    assert set(writes) >= {"open", "write", "fsync", "link", "mkdir", "unlink", "rename"}
    assert len(writes) > 40


def test_a_kill_after_any_write_loses_at_most_the_unanswered_choice(
    tmp_path: Path, moments: list[dict[str, bytes]], writes: list[str]
) -> None:
    for at in range(1, len(writes) + 1):
        saves = tmp_path / str(at)
        answered = kill_after_write(saves, at)
        difference = difference_from_expected(run_contents(saves), moments[answered], moments[answered + 1])
        assert difference == "", (at, writes[at - 1])
        assert find_damage(saves) == ""
        if run_contents(saves):
            session, notes = resumed_session(saves, str(max(int(name[:3]) for name in run_contents(saves))))
            assert notes == ()
            close_session(session)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_failed_write_rejects_the_line_and_it_can_be_repeated(
    tmp_path: Path, moments: list[dict[str, bytes]], writes: list[str], number: int
) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    rejected = 0
    for at in range(1, len(writes) + 1):
        rejected += play_with_fault(tmp_path / str(at), at, fail)
        assert run_contents(tmp_path / str(at)) == moments[-1], (at, writes[at - 1])
    assert rejected > len(writes) / 2


def test_a_line_that_could_be_neither_synced_nor_truncated_is_truncated_later(tmp_path: Path) -> None:
    disk_full = OSError(errno.ENOSPC, "No space left on device")
    with open_session(tmp_path, "read-question") as session:
        with patch("os.fsync", side_effect=disk_full), patch("os.ftruncate", side_effect=disk_full):
            assert isinstance(answer(session, "to-slope")[0], Rejected)
        assert len(read_run(tmp_path).turns) == 2
        session.choose("read-again")
    assert choices_of(tmp_path) == ["read-question", "read-again"]


@pytest.mark.parametrize("after", [False, True])
def test_a_signal_at_any_write_leaves_the_state_before_or_after_the_line(
    tmp_path: Path, moments: list[dict[str, bytes]], writes: list[str], *, after: bool
) -> None:
    def interrupt() -> None:
        raise Interrupted(signal.SIGTERM)

    for at in range(1, len(writes) + 1):
        saves = tmp_path / str(at)
        session = new_session(saves)
        answered = 0
        with fault_at_write(at, interrupt, after=after), suppress(Interrupted):
            for typed in SCRIPT:
                answer(session, typed)
                answered += 1
        assert answered < len(SCRIPT)
        close_session(session)
        difference = difference_from_expected(run_contents(saves), moments[answered], moments[answered + 1])
        assert difference == "", (at, writes[at - 1])
        assert find_damage(saves) == ""


# -- saves folders -----------------------------------------------------------------------------------------------------


def test_a_saves_folder_removed_during_play_is_created_again_with_the_whole_run(tmp_path: Path) -> None:
    with open_session(tmp_path / "saves", "read-question", "read-again") as session:
        shutil.rmtree(tmp_path / "saves")
        session.choose("to-slope")
    assert choices_of(tmp_path / "saves") == ["read-question", "read-again", "to-slope"]


@pytest.mark.parametrize("replacement", ["file", "link"])
def test_a_saves_folder_that_is_replaced_rejects_choices_until_it_is_restored(tmp_path: Path, replacement: str) -> None:
    saves = tmp_path / "saves"
    with open_session(saves, "read-question") as session:
        saves.rename(tmp_path / "away")
        if replacement == "file":
            saves.write_text("a file\n")
        else:
            saves.symlink_to(tmp_path / "nowhere")
        (event,) = answer(session, "to-slope")
        assert isinstance(event, Rejected)
        assert event.message.startswith(f"the choice could not be saved, so it was not taken: {saves}/{WORLD}: ")
        saves.unlink()
        (tmp_path / "away").rename(saves)
        session.choose("to-slope")
    assert choices_of(saves) == ["read-question", "to-slope"]


# -- the clock ---------------------------------------------------------------------------------------------------------


def test_continue_takes_the_run_played_last_even_if_the_clock_was_set_back(tmp_path: Path) -> None:
    first, second = write_run(tmp_path, "read-question"), write_run(tmp_path, "feel-slope")
    tomorrow = time.time() + 86_400
    for path in (first, second):
        os.utime(path, (tomorrow, tomorrow))
    session, _ = resumed_session(tmp_path)
    session.choose("to-slope")
    close_session(session)
    assert "--load 1 " in command("play", WORLD, "--continue", "--plain", "--saves", tmp_path).out
    write_run(tmp_path, "say-now")
    assert "--load 3 " in command("play", WORLD, "--continue", "--plain", "--saves", tmp_path).out


def test_runs_are_stored_where_modification_times_cannot_be_set(tmp_path: Path) -> None:
    os.utime(write_run(tmp_path, "read-question"), (time.time() + 86_400, time.time() + 86_400))
    with patch("os.utime", side_effect=OSError(errno.EPERM, "Operation not permitted")):
        write_run(tmp_path, "feel-slope")
    assert run_file_names(tmp_path) == ["001-run.jsonl", "002-run.jsonl"]


def test_resuming_without_a_choice_does_not_change_the_run_played_last(tmp_path: Path) -> None:
    for choice in ("read-question", "feel-slope"):
        write_run(tmp_path, choice)
    close_session(resumed_session(tmp_path)[0])
    assert "--load 2 " in command("play", WORLD, "--continue", "--plain", "--saves", tmp_path).out


# -- flipped bits ------------------------------------------------------------------------------------------------------


def test_a_flipped_bit_is_reported_or_changes_nothing(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question", "read-again", "stop-reading") as session:
        COMMANDS["undo"].run(session, "2")
        path = tmp_path / WORLD / run_file_names(tmp_path)[0]
        intact = read_intact_run(path, session.world, session.inspector)
    store, outcomes = make_store(tmp_path), Counter[str]()
    for content in bit_flips(intact.content, every=5):
        path.write_bytes(content)
        outcomes[resume_damaged(intact, store)] += 1
        assert path.read_bytes() == content
    assert outcomes["same"] < outcomes["rejected"] < outcomes.total() / 2


def test_a_damaged_run_is_listed_as_damaged(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "to-slope")
    path.write_bytes(path.read_bytes().replace(b'"seed":1', b'"seed":3'))
    assert (
        "2 turns, after “Enough reading. Find the slope”; its file is damaged ("
        in command("runs", WORLD, "--saves", tmp_path).out
    )


# -- weights -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def flagship(tmp_path: Path) -> Path:
    """Return a copy of the flagship, to be damaged."""
    return shutil.copytree(
        worlds_folder() / "forward-pass",
        tmp_path / "forward-pass",
        ignore=shutil.ignore_patterns("corpus", "*.md", "decodings.json"),
    )


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "flipped", "other"])
def test_weights_that_cannot_be_read_are_reported_with_their_place_and_no_run_is_stored(
    tmp_path: Path, flagship: Path, damage: str
) -> None:
    weights = flagship / "weights.fpw"
    intact = weights.read_bytes()
    messages = {
        "missing": "'weights.fpw' is not in the world's folder",
        "empty": "the model cannot be read: too short to be a weights file",
        "cut": "the model cannot be read: damaged or truncated: wrong checksum",
        "flipped": "the model cannot be read: damaged or truncated: wrong checksum",
        "other": "the model cannot be read: not a weights file: bad magic",
    }
    contents = {"empty": b"", "cut": intact[:-1], "flipped": intact[:9] + b"?" + intact[10:], "other": b"PK\3\4" + intact[4:]}
    weights.unlink()
    if damage != "missing":
        weights.write_bytes(contents[damage])
    done = command("play", flagship, "--plain", "--saves", tmp_path / "saves", typed="1\n")
    assert (done.code, done.out) == (1, "")
    place, _, message = done.err.partition(": E501 ")
    assert place.startswith(f"{flagship}/world.yaml:")
    assert message.strip() in (messages[damage], messages["cut"])
    assert not (tmp_path / "saves").exists()


def test_weights_replaced_during_play_are_rejected(flagship: Path) -> None:
    world = open_world(str(flagship))
    world.weights = "0" * 64
    model_pass = ComputedPass(world, flagship / "weights.fpw")
    with pytest.raises(ForwardPassError, match=r"weights\.fpw: the model cannot be read: its checksum is .*…, the world was"):
        model_pass.distribution(OPENING)


def test_a_run_recorded_with_other_weights_is_reported(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "stop-reading")
    read = read_run(tmp_path)
    with_other_weights = read._replace(header=read.header._replace(weights="ab" * 32))
    session = new_session(tmp_path)
    result = replay_run(session.world, session.inspector, with_other_weights, 2)
    note = "The weights are not those it was recorded with; the recorded words were used."
    assert (result.weights_changed, result.notes, result.summary) == (True, (note,), "2 of 2 turns identical")
    path.write_text("\n".join([with_other_weights.header.line(), *path.read_text().splitlines()[1:], ""]))
    done = command("replay", path)
    assert (done.code, done.err) == (1, f"{note}\n")
    assert resumed_session(tmp_path)[1] == (
        "The weights are not those 001-run.jsonl was played with; its recorded words are used.",
    )


def test_a_run_recorded_with_the_same_network_in_another_file_is_not_called_changed() -> None:
    world = open_world("forward-pass")
    (earlier,) = world.story.earlier_weights
    assert all(map(world.gives_same_words, (None, earlier, world.network)))
    assert not world.gives_same_words("ab" * 32)
    assert not world.gives_same_words(world.weights)  # the file's own checksum covers the probes too


# -- labels and settings -----------------------------------------------------------------------------------------------


def test_a_label_that_cannot_be_written_whole_is_not_stored(tmp_path: Path) -> None:
    write_label(tmp_path, "0123456789abcdef", label="good")
    before = (tmp_path / "labels.jsonl").read_bytes()
    real = os.write
    for cut in range(1, 30, 7):
        outcomes = iter([cut])

        def short(file: int, content: bytes, outcomes: object = outcomes) -> int:
            left = next(outcomes, None)  # type: ignore[call-overload]
            if left is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(file, content[:left])

        with patch("os.write", short), pytest.raises(RunError, match="the label cannot be saved: No space left on device"):
            write_label(tmp_path, "0123456789abcdef", label="bad")
        assert (tmp_path / "labels.jsonl").read_bytes() == before
    assert read_labels(tmp_path)["0123456789abcdef"].label == "good"


def test_settings_that_cannot_be_written_stay_unchanged_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARD_PASS_CONFIG", str(tmp_path))
    write_setting("measure", "60")
    with (
        patch.object(Path, "replace", side_effect=OSError(errno.ENOSPC, "No space left on device")),
        pytest.raises(UsageError, match=r"cannot write .*: No space left on device"),
    ):
        write_setting("measure", "80")
    assert [path.name for path in tmp_path.iterdir()] == ["settings.txt"]
    assert read_settings() == (Settings(measure="60"), [])


# -- streams and signals -----------------------------------------------------------------------------------------------


def run_command(*arguments: str, out: str = os.devnull, err: str = "") -> tuple[int, str]:
    """Run a command line with its streams going to files; return its exit code, and standard error unless in a file."""
    with Path(out).open("w") as stdout, Path(err or os.devnull).open("w") as stderr:
        done = subprocess.run(
            [sys.executable, "-m", "forward_pass", *arguments],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr if err else subprocess.PIPE,
            encoding="utf8",
            check=False,
        )
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("endings", WORLD), ("play", WORLD, "--json")])
def test_a_full_disk_under_standard_output_is_reported(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    more = ("--saves", str(tmp_path)) if len(arguments) > 1 else ()
    assert run_command(*arguments, *more, out="/dev/full") == (1, "forward-pass: No space left on device\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("play", "--continue", "--seed", "1"), 2), (("play", "nowhere"), 1), (("replay", "no-such-run"), 1), (("nonsense",), 2)],
)
def test_the_exit_code_is_right_where_standard_error_cannot_be_written(arguments: tuple[str, ...], code: int) -> None:
    assert run_command(*arguments, err="/dev/full")[0] == code


def test_ctrl_c_during_imports_exits_with_130_and_without_a_traceback() -> None:
    with patch("forward_pass.cli.run", side_effect=KeyboardInterrupt), patch("sys.argv", ["forward-pass", "runs"]):
        assert program.main() == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (None, 130)])
def test_a_signal_while_the_decoder_is_shown_restores_the_terminal_and_loses_no_turn(
    tmp_path: Path, number: signal.Signals | None, code: int
) -> None:
    before = command("play", "--json", "--new", "--saves", tmp_path, typed="\n".join(TO_THE_DECODER[:-1]))
    assert before.objects[-1]["turn"] == len(TO_THE_DECODER) - 1
    with open_terminal("play", "--continue", "--saves", tmp_path, config=tmp_path / "config") as screen:
        screen.to_the_prompt()
        screen.type(f"{TO_THE_DECODER[-1]}\r")
        screen.wait_for("The decoder comes.")
        if number is None:
            screen.type("\x03")
        else:
            screen.send_signal(number)
        assert screen.wait() == code
        screen.wait_for("Kept as forward-pass/1. To go on:")
        assert screen.is_restored()
        assert "Traceback" not in "\n".join(screen.lines)
    lines = (tmp_path / "forward-pass" / "001-run.jsonl").read_text().splitlines()
    assert [json.loads(line)["choice"] for line in lines[1:]] == list(TO_THE_DECODER)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    ("arguments", "shows"), [(("tree", WORLD), "1/3 ·"), (("replay", f"{WORLD}/1"), "of 2, identical so far")]
)
def test_a_signal_on_a_full_screen_restores_the_terminal(
    tmp_path: Path, arguments: tuple[str, str], shows: str, number: signal.Signals, code: int
) -> None:
    path = write_run(tmp_path, "read-question", "to-slope")
    before = path.read_bytes()
    with open_terminal(*arguments, "--saves", tmp_path) as screen:
        screen.wait_for(shows)
        screen.send_signal(number)
        assert screen.wait() == code
        assert screen.is_restored()
        assert "Traceback" not in "\n".join(screen.lines)
    assert path.read_bytes() == before


TO_THE_DECODER = ("speak-at-once", "overruled-read", "insist", "flop-climb", "keep-it", "hailed-wait")
"""Choices of the flagship; the last one ends the first token."""
