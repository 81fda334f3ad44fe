"""Whatever happens to a process, a disk or a file, at most the choice that was not answered yet is lost, and it is said."""

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

from fixtures_faults import (
    SCRIPT,
    at_write,
    between,
    faulted,
    flips,
    kept,
    killed_after,
    sound,
    straight,
    taken_up,
    whole,
    writes_of,
)
from fixtures_play import (
    ROOT,
    WORLD,
    begun_play,
    choices_of,
    command,
    files,
    journal,
    keeper,
    let_go,
    played,
    playing,
    resumed_play,
    surroundings,
)
from forward_pass import __main__ as program
from forward_pass.cli import open_world
from forward_pass.errors import ForwardPassError, Interrupted, RunError, UsageError
from forward_pass.loading.paths import worlds_folder
from forward_pass.network.passes import ComputedPass
from forward_pass.session.session import Rejected
from forward_pass.session.settings import Settings, read_settings, write_setting
from forward_pass.storage.labels import read_labels, write_label
from forward_pass.storage.replay import replay_run
from test_pty import terminal


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """Return what is kept before and after each answer of the script."""
    return straight(tmp_path_factory.mktemp("straight"))


@pytest.fixture(scope="module")
def writes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the writes of the script."""
    return writes_of(tmp_path_factory.mktemp("writes"))


# -- at every write -----------------------------------------------------------------------------------------------------


def test_the_script_writes_in_every_way_that_there_is(writes: list[str]) -> None:
    assert set(writes) >= {"open", "write", "fsync", "link", "mkdir", "unlink", "rename"}
    assert len(writes) > 40


def test_killed_after_any_write_at_most_what_was_not_answered_is_gone(
    tmp_path: Path, moments: list[dict[str, bytes]], writes: list[str]
) -> None:
    for at in range(1, len(writes) + 1):
        saves = tmp_path / str(at)
        answered = killed_after(saves, at)
        assert between(kept(saves), moments[answered], moments[answered + 1]) == "", (at, writes[at - 1])
        assert sound(saves) == ""
        if kept(saves):
            play, notes = resumed_play(saves, str(max(int(name[:3]) for name in kept(saves))))
            assert notes == ()
            let_go(play)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_where_any_write_fails_the_answer_is_refused_and_can_be_given_again(
    tmp_path: Path, moments: list[dict[str, bytes]], writes: list[str], number: int
) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    refused = 0
    for at in range(1, len(writes) + 1):
        refused += faulted(tmp_path / str(at), at, fail)
        assert kept(tmp_path / str(at)) == moments[-1], (at, writes[at - 1])
    assert refused > len(writes) / 2


def test_a_line_that_could_be_neither_kept_nor_taken_back_is_taken_back_later(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with playing(tmp_path, "read-question") as play:
        with patch("os.fsync", side_effect=full), patch("os.ftruncate", side_effect=full):
            assert isinstance(play.answer("to-slope")[0], Rejected)
        assert len(journal(tmp_path).turns) == 2
        play.choose("read-again")
    assert choices_of(tmp_path) == ["read-question", "read-again"]


@pytest.mark.parametrize("after", [False, True])
def test_a_signal_at_any_write_leaves_what_was_or_what_was_asked_for(
    tmp_path: Path, moments: list[dict[str, bytes]], writes: list[str], *, after: bool
) -> None:
    def interrupt() -> None:
        raise Interrupted(signal.SIGTERM)

    for at in range(1, len(writes) + 1):
        saves = tmp_path / str(at)
        play = begun_play(saves)
        answered = 0
        with at_write(at, interrupt, after=after), suppress(Interrupted):
            for typed in SCRIPT:
                play.answer(typed)
                answered += 1
        assert answered < len(SCRIPT)
        let_go(play)
        assert between(kept(saves), moments[answered], moments[answered + 1]) == "", (at, writes[at - 1])
        assert sound(saves) == ""


# -- places ---------------------------------------------------------------------------------------------------------------


def test_a_saves_folder_that_is_removed_under_a_play_is_made_again_with_the_whole_run(tmp_path: Path) -> None:
    with playing(tmp_path / "saves", "read-question", "read-again") as play:
        shutil.rmtree(tmp_path / "saves")
        play.choose("to-slope")
    assert choices_of(tmp_path / "saves") == ["read-question", "read-again", "to-slope"]


@pytest.mark.parametrize("becomes", ["file", "link"])
def test_a_saves_folder_that_becomes_something_else_refuses_choices_until_it_is_a_folder_again(
    tmp_path: Path, becomes: str
) -> None:
    saves = tmp_path / "saves"
    with playing(saves, "read-question") as play:
        saves.rename(tmp_path / "away")
        if becomes == "file":
            saves.write_text("a file\n")
        else:
            saves.symlink_to(tmp_path / "nowhere")
        (refused,) = play.answer("to-slope")
        assert isinstance(refused, Rejected)
        assert refused.message.startswith(f"the choice could not be kept, so it was not taken: {saves}/{WORLD}: ")
        saves.unlink()
        (tmp_path / "away").rename(saves)
        play.choose("to-slope")
    assert choices_of(saves) == ["read-question", "to-slope"]


# -- the clock ------------------------------------------------------------------------------------------------------------


def test_the_run_played_last_is_gone_on_with_though_the_clock_has_gone_backwards(tmp_path: Path) -> None:
    first, second = played(tmp_path, "read-question"), played(tmp_path, "feel-slope")
    tomorrow = time.time() + 86_400
    for path in (first, second):
        os.utime(path, (tomorrow, tomorrow))
    play, _ = resumed_play(tmp_path)
    play.choose("to-slope")
    let_go(play)
    assert "--load 1 " in command("play", WORLD, "--continue", "--plain", "--saves", tmp_path).out
    played(tmp_path, "say-now")
    assert "--load 3 " in command("play", WORLD, "--continue", "--plain", "--saves", tmp_path).out


def test_a_disk_that_keeps_no_times_keeps_runs_all_the_same(tmp_path: Path) -> None:
    os.utime(played(tmp_path, "read-question"), (time.time() + 86_400, time.time() + 86_400))
    with patch("os.utime", side_effect=OSError(errno.EPERM, "Operation not permitted")):
        played(tmp_path, "feel-slope")
    assert files(tmp_path) == ["001-run.jsonl", "002-run.jsonl"]


def test_looking_at_a_run_does_not_make_it_the_one_played_last(tmp_path: Path) -> None:
    for choice in ("read-question", "feel-slope"):
        played(tmp_path, choice)
    let_go(resumed_play(tmp_path)[0])
    assert "--load 2 " in command("play", WORLD, "--continue", "--plain", "--saves", tmp_path).out


# -- flipped bits -----------------------------------------------------------------------------------------------------------


def test_a_flipped_bit_is_the_same_run_or_is_named(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again", "stop-reading") as play:
        play.undo("2")
        path = tmp_path / WORLD / files(tmp_path)[0]
        was = whole(path, play.world, play.pass_port)
    kept_again, heard = keeper(tmp_path), Counter[str]()
    for content in flips(was.content, every=5):
        path.write_bytes(content)
        heard[taken_up(was, kept_again)] += 1
        assert path.read_bytes() == content
    assert heard["same"] < heard["refused"] < heard.total() / 2


def test_a_damaged_run_is_listed_as_such(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question", "to-slope")
    path.write_bytes(path.read_bytes().replace(b'"seed":1', b'"seed":3'))
    assert "2 turns, in slope; its file is damaged (" in command("runs", WORLD, "--saves", tmp_path).out


# -- weights ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def flagship(tmp_path: Path) -> Path:
    """Return a copy of the flagship, to be spoilt."""
    return shutil.copytree(
        worlds_folder() / "forward-pass",
        tmp_path / "forward-pass",
        ignore=shutil.ignore_patterns("corpus", "*.md", "decodings.json"),
    )


@pytest.mark.parametrize("spoilt", ["missing", "empty", "cut", "flipped", "other"])
def test_weights_that_cannot_be_read_end_play_with_their_place_and_take_up_no_run(
    tmp_path: Path, flagship: Path, spoilt: str
) -> None:
    weights = flagship / "weights.fpw"
    good = weights.read_bytes()
    said = {
        "missing": "there is no weights.fpw beside this file",
        "empty": "the model cannot be read: too short to be a weights file",
        "cut": "the model cannot be read: damaged or cut short: the checksum is not right",
        "flipped": "the model cannot be read: damaged or cut short: the checksum is not right",
        "other": "the model cannot be read: not a weights file (it begins otherwise)",
    }
    contents = {"empty": b"", "cut": good[:-1], "flipped": good[:9] + b"?" + good[10:], "other": b"PK\3\4" + good[4:]}
    weights.unlink()
    if spoilt != "missing":
        weights.write_bytes(contents[spoilt])
    done = command("play", flagship, "--plain", "--saves", tmp_path / "saves", typed="1\n")
    assert (done.code, done.out) == (1, "")
    place, _, message = done.err.partition(": E501 ")
    assert place.startswith(f"{flagship}/world.yaml:")
    assert message.strip() in (said[spoilt], said["cut"])
    assert not (tmp_path / "saves").exists()


def test_weights_that_are_replaced_under_a_play_are_refused(flagship: Path) -> None:
    world = open_world(str(flagship))
    world.weights = "0" * 64
    measure = ComputedPass(world, flagship / "weights.fpw")
    with pytest.raises(ForwardPassError, match=r"weights\.fpw: the model cannot be read: its checksum is .*…, the world was"):
        measure.distribution((), ((),))


def test_a_run_that_was_recorded_on_other_weights_is_said_to_be(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question", "stop-reading")
    read = journal(tmp_path)
    on_others = read._replace(header=read.header._replace(weights="ab" * 32))
    play = begun_play(tmp_path)
    outcome = replay_run(play.world, play.pass_port, on_others, 2)
    note = "The weights are others than those it was recorded on: the recorded words were followed."
    assert (outcome.reweighted, outcome.notes, outcome.proof) == (True, (note,), "2 of 2 turns identical")
    path.write_text("\n".join([on_others.header.line(), *path.read_text().splitlines()[1:], ""]))
    done = command("replay", path)
    assert (done.code, done.err) == (1, f"{note}\n")
    assert resumed_play(tmp_path)[1] == (
        "The weights are others than those 001-run.jsonl was played on: its recorded words are followed.",
    )


# -- labels and settings ------------------------------------------------------------------------------------------------------


def test_a_label_that_cannot_be_kept_whole_is_not_kept(tmp_path: Path) -> None:
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

        with patch("os.write", short), pytest.raises(RunError, match="the label cannot be kept: No space left on device"):
            write_label(tmp_path, "0123456789abcdef", label="bad")
        assert (tmp_path / "labels.jsonl").read_bytes() == before
    assert read_labels(tmp_path)["0123456789abcdef"].label == "good"


def test_settings_that_cannot_be_kept_leave_what_was_and_nothing_lying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARD_PASS_CONFIG", str(tmp_path))
    write_setting("measure", "60")
    with (
        patch.object(Path, "replace", side_effect=OSError(errno.ENOSPC, "No space left on device")),
        pytest.raises(UsageError, match=r"cannot write .*: No space left on device"),
    ):
        write_setting("measure", "80")
    assert [path.name for path in tmp_path.iterdir()] == ["settings.txt"]
    assert read_settings() == (Settings(measure="60"), [])


# -- streams and signals ------------------------------------------------------------------------------------------------------


def ended(*arguments: str, out: str = os.devnull, err: str = "") -> tuple[int, str]:
    """Return how a command line ends whose streams go to some files, and what it says on standard error if that is read."""
    with Path(out).open("w") as stdout, Path(err or os.devnull).open("w") as stderr:
        done = subprocess.run(
            [sys.executable, "-m", "forward_pass", *arguments],
            cwd=ROOT,
            env=surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr if err else subprocess.PIPE,
            encoding="utf8",
            check=False,
        )
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("endings", WORLD), ("play", WORLD, "--json")])
def test_a_full_disk_under_standard_output_is_said(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    more = ("--saves", str(tmp_path)) if len(arguments) > 1 else ()
    assert ended(*arguments, *more, out="/dev/full") == (1, "forward-pass: No space left on device\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("play", "--continue", "--seed", "1"), 2), (("play", "nowhere"), 1), (("replay", "no-such-run"), 1), (("nonsense",), 2)],
)
def test_where_nothing_can_be_said_the_exit_code_still_says_it(arguments: tuple[str, ...], code: int) -> None:
    assert ended(*arguments, err="/dev/full")[0] == code


def test_ctrl_c_while_modules_are_read_ends_with_130_and_without_a_traceback() -> None:
    with patch("forward_pass.cli.run", side_effect=KeyboardInterrupt), patch("sys.argv", ["forward-pass", "runs"]):
        assert program.main() == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (None, 130)])
def test_a_signal_while_the_decoder_comes_restores_the_terminal_and_loses_nothing(
    tmp_path: Path, number: signal.Signals | None, code: int
) -> None:
    before = command("play", "--json", "--new", "--saves", tmp_path, typed="\n".join(TO_THE_DECODER[:-1]))
    assert before.objects[-1]["turn"] == len(TO_THE_DECODER) - 1
    with terminal("play", "--continue", "--saves", tmp_path) as seen:
        seen.shows("left · help")
        seen.type(f"{TO_THE_DECODER[-1]}\r")
        seen.shows("The decoder comes. Layer")
        if number is None:
            seen.type("\x03")
        else:
            seen.kill(number)
        assert seen.ended() == code
        seen.shows("Kept as forward-pass/1. To go on:")
        assert seen.restored()
        assert "Traceback" not in "\n".join(seen.lines)
    lines = (tmp_path / "forward-pass" / "001-run.jsonl").read_text().splitlines()
    assert [json.loads(line)["choice"] for line in lines[1:]] == list(TO_THE_DECODER)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    ("arguments", "shows"), [(("tree", WORLD), "1/3 ·"), (("replay", f"{WORLD}/1"), "of 2, identical so far")]
)
def test_a_signal_on_a_full_screen_restores_the_terminal(
    tmp_path: Path, arguments: tuple[str, str], shows: str, number: signal.Signals, code: int
) -> None:
    path = played(tmp_path, "read-question", "to-slope")
    before = path.read_bytes()
    with terminal(*arguments, "--saves", tmp_path) as seen:
        seen.shows(shows)
        seen.kill(number)
        assert seen.ended() == code
        assert seen.restored()
        assert "Traceback" not in "\n".join(seen.lines)
    assert path.read_bytes() == before


TO_THE_DECODER = ("speak-at-once", "end-after-all", "insist", "keep-it", "keep-to-myself", "hail", "hailed-wait", "still")
"""Choices of the flagship of which the last one ends its first token."""
