"""The files of runs: which number each has, what happens on disks that can do little, and what is moved out of the way."""

from __future__ import annotations

import errno
import multiprocessing
import os
from pathlib import Path
from unittest.mock import patch

import pytest

from fixtures_play import (
    begun_play,
    choices_of,
    files,
    first_light,
    folder,
    let_go,
    played,
    playing,
    resumed_play,
    run_file,
)
from forward_pass.errors import Interrupted, RunError
from forward_pass.session.session import Rejected
from forward_pass.storage.files import forget, next_number

# -- numbers ------------------------------------------------------------------------------------------------------------


def test_a_new_run_has_the_number_after_the_highest(tmp_path: Path) -> None:
    played(tmp_path, "say-now")
    (folder(tmp_path) / "041-other.jsonl").touch()
    played(tmp_path, "say-now")
    assert files(tmp_path) == ["001-run.jsonl", "041-other.jsonl", "042-run.jsonl"]


def test_a_number_that_nobody_here_gave_is_not_followed(tmp_path: Path) -> None:
    folder(tmp_path).mkdir()
    (folder(tmp_path) / "999999999-run.jsonl").touch()
    assert next_number(folder(tmp_path)) == 1
    assert played(tmp_path, "say-now") == run_file(tmp_path)


def test_the_number_of_a_forgotten_run_is_not_given_again(tmp_path: Path) -> None:
    assert forget(played(tmp_path, "say-now")) == folder(tmp_path) / ".trash" / "001-run.jsonl"
    assert played(tmp_path, "say-now") == run_file(tmp_path, 2)


def test_where_there_are_no_locks_the_number_goes_to_who_created_the_file(tmp_path: Path) -> None:
    played(tmp_path, "say-now")
    with patch("forward_pass.storage.files.next_number", return_value=1):
        assert played(tmp_path, "feel-slope") == run_file(tmp_path, 2)
    assert choices_of(tmp_path, 1) == ["say-now"]


def test_ten_processes_that_begin_at_once_get_ten_numbers(tmp_path: Path) -> None:
    forks = multiprocessing.get_context("fork")
    together = forks.Barrier(10)
    first_light()

    def begin_three() -> None:
        together.wait(timeout=30)
        for _ in range(3):
            played(tmp_path, "read-question", "to-slope")

    started = [forks.Process(target=begin_three) for _ in range(10)]
    for process in started:
        process.start()
    for process in started:
        process.join(timeout=60)
    assert [process.exitcode for process in started] == [0] * 10
    assert files(tmp_path) == [f"{number:03d}-run.jsonl" for number in range(1, 31)]
    for number in range(1, 31):
        assert choices_of(tmp_path, number) == ["read-question", "to-slope"]


# -- what a disk can do, and what is left lying -------------------------------------------------------------------------


def test_a_folder_that_cannot_be_synced_keeps_runs_all_the_same(tmp_path: Path) -> None:
    real = os.open

    def no_folders(path: Path, flags: int, mode: int = 0o777) -> int:
        if Path(path).is_dir():
            raise OSError(errno.EISDIR, "Is a directory")
        return real(path, flags, mode)

    with patch("os.open", no_folders):
        played(tmp_path, "read-question")
    assert choices_of(tmp_path) == ["read-question"]


def test_a_disk_without_locks_keeps_runs_all_the_same(tmp_path: Path) -> None:
    with patch("fcntl.flock", side_effect=OSError(errno.ENOLCK, "No locks available")):
        played(tmp_path, "read-question")
        play, notes = resumed_play(tmp_path)
        assert notes == ()
        play.choose("to-slope")
        let_go(play)
    assert choices_of(tmp_path) == ["read-question", "to-slope"]


def test_a_disk_without_hard_links_keeps_runs_all_the_same(tmp_path: Path) -> None:
    with patch("os.link", side_effect=OSError(errno.EPERM, "Operation not permitted")):
        for _ in range(2):
            played(tmp_path, "read-question", "to-slope")
        with patch("forward_pass.storage.files.next_number", return_value=1):
            played(tmp_path, "say-now")
    assert sorted(path.name for path in folder(tmp_path).iterdir()) == [".lock", *files(tmp_path)]
    assert [choices_of(tmp_path, number) for number in (1, 2, 3)] == [["read-question", "to-slope"]] * 2 + [["say-now"]]


def test_a_run_that_can_be_given_no_name_is_not_begun(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    with patch("os.link", side_effect=OSError(errno.EIO, "Input/output error")):
        assert play.answer("1") == [
            Rejected(f"the choice could not be kept, so it was not taken: {folder(tmp_path)}: Input/output error")
        ]
    assert [path.name for path in folder(tmp_path).iterdir()] == [".lock"]


def test_a_signal_while_a_run_begins_leaves_no_half_of_it(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    with patch("os.fsync", side_effect=Interrupted(15)), pytest.raises(Interrupted):
        play.answer("1")
    assert [path.name for path in folder(tmp_path).iterdir()] == [".lock"]


def test_what_a_process_left_that_was_killed_while_a_run_began_is_cleared_away(tmp_path: Path) -> None:
    folder(tmp_path).mkdir()
    (folder(tmp_path) / ".begun-7").write_text('{"format":1,')
    played(tmp_path, "say-now")
    assert sorted(path.name for path in folder(tmp_path).iterdir()) == [".lock", "001-run.jsonl"]


# -- forgotten ----------------------------------------------------------------------------------------------------------


def refused_to_forget(path: Path) -> str:
    """Return why a file is not forgotten."""
    with pytest.raises(RunError) as caught:
        forget(path)
    return str(caught.value)


def test_what_is_not_named_as_a_run_is_not_forgotten(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").touch()
    expected = f"{tmp_path / 'letters.txt'}: not named as a run is, and left alone"
    assert refused_to_forget(tmp_path / "letters.txt") == expected


def test_a_run_in_play_is_not_forgotten(tmp_path: Path) -> None:
    with playing(tmp_path, "say-now"):
        expected = f"{run_file(tmp_path)} is being played elsewhere or cannot be written, and is left alone"
        assert refused_to_forget(run_file(tmp_path)) == expected
    assert files(tmp_path) == ["001-run.jsonl"]


def test_a_run_is_not_forgotten_over_another(tmp_path: Path) -> None:
    path = played(tmp_path, "say-now")
    target = folder(tmp_path) / ".trash" / path.name
    target.parent.mkdir()
    target.write_text("before\n")
    assert refused_to_forget(path) == f"{target} is there already"
    assert (target.read_text(), files(tmp_path)) == ("before\n", ["001-run.jsonl"])


def test_a_run_that_cannot_be_moved_stays(tmp_path: Path) -> None:
    path = played(tmp_path, "say-now")
    (folder(tmp_path) / ".trash").write_text("a file\n")
    assert refused_to_forget(path) == f"{path}: cannot be moved: File exists"
    assert files(tmp_path) == ["001-run.jsonl"]
