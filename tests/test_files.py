"""Run files on disk: numbers, file systems with few features, leftovers, and the trash."""

from __future__ import annotations

import errno
import multiprocessing
import os
from pathlib import Path
from unittest.mock import patch

import pytest

from building import first_light
from fixtures_play import (
    choices_of,
    close_session,
    new_session,
    open_session,
    resumed_session,
    run_file,
    run_file_names,
    runs_folder,
    write_run,
)
from forward_pass.errors import Interrupted, RunError
from forward_pass.session.events import Rejected
from forward_pass.session.input import answer
from forward_pass.storage.folder import next_number
from forward_pass.storage.run_file import forget

# -- numbers -----------------------------------------------------------------------------------------------------------


def test_a_new_run_has_the_number_after_the_highest(tmp_path: Path) -> None:
    write_run(tmp_path, "say-now")
    (runs_folder(tmp_path) / "041-other.jsonl").touch()
    write_run(tmp_path, "say-now")
    assert run_file_names(tmp_path) == ["001-run.jsonl", "041-other.jsonl", "042-run.jsonl"]


def test_a_number_over_the_limit_is_ignored(tmp_path: Path) -> None:
    runs_folder(tmp_path).mkdir()
    (runs_folder(tmp_path) / "999999999-run.jsonl").touch()
    assert next_number(runs_folder(tmp_path)) == 1
    assert write_run(tmp_path, "say-now") == run_file(tmp_path)


def test_the_number_of_a_run_in_the_trash_is_not_used_again(tmp_path: Path) -> None:
    assert forget(write_run(tmp_path, "say-now")) == runs_folder(tmp_path) / ".trash" / "001-run.jsonl"
    assert write_run(tmp_path, "say-now") == run_file(tmp_path, 2)


def test_a_number_taken_meanwhile_is_skipped(tmp_path: Path) -> None:
    write_run(tmp_path, "say-now")
    with patch("forward_pass.storage.run_file.next_number", return_value=1):
        assert write_run(tmp_path, "feel-slope") == run_file(tmp_path, 2)
    assert choices_of(tmp_path, 1) == ["say-now"]


def test_ten_processes_that_begin_runs_at_once_get_different_numbers(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(10)
    first_light()

    def begin_three() -> None:
        barrier.wait(timeout=30)
        for _ in range(3):
            write_run(tmp_path, "read-question", "to-slope")

    processes = [context.Process(target=begin_three) for _ in range(10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0] * 10
    assert run_file_names(tmp_path) == [f"{number:03d}-run.jsonl" for number in range(1, 31)]
    for number in range(1, 31):
        assert choices_of(tmp_path, number) == ["read-question", "to-slope"]


# -- file systems with few features, and leftovers ---------------------------------------------------------------------


def test_runs_are_stored_where_a_folder_cannot_be_synced(tmp_path: Path) -> None:
    real = os.open

    def no_folders(path: Path, flags: int, mode: int = 0o777) -> int:
        if Path(path).is_dir():
            raise OSError(errno.EISDIR, "Is a directory")
        return real(path, flags, mode)

    with patch("os.open", no_folders):
        write_run(tmp_path, "read-question")
    assert choices_of(tmp_path) == ["read-question"]


def test_runs_are_stored_on_a_file_system_without_locks(tmp_path: Path) -> None:
    with patch("fcntl.flock", side_effect=OSError(errno.ENOLCK, "No locks available")):
        write_run(tmp_path, "read-question")
        session, notes = resumed_session(tmp_path)
        assert notes == ()
        session.choose("to-slope")
        close_session(session)
    assert choices_of(tmp_path) == ["read-question", "to-slope"]


@pytest.mark.parametrize("refusal", ["EPERM", "EACCES", "EXDEV", "EMLINK", "EINVAL", "EIO", "ENOTSUP", "ENOSYS"])
def test_runs_are_stored_in_a_folder_without_hard_links(refusal: str, tmp_path: Path) -> None:
    with patch("os.link", side_effect=OSError(getattr(errno, refusal), refusal)):
        for _ in range(2):
            write_run(tmp_path, "read-question", "to-slope")
        with patch("forward_pass.storage.run_file.next_number", return_value=1):
            write_run(tmp_path, "say-now")
    assert sorted(path.name for path in runs_folder(tmp_path).iterdir()) == [".lock", *run_file_names(tmp_path)]
    assert [choices_of(tmp_path, number) for number in (1, 2, 3)] == [["read-question", "to-slope"]] * 2 + [["say-now"]]


def test_a_file_that_cannot_be_named_rejects_the_choice_and_is_removed(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    full = OSError(errno.EIO, "Input/output error")
    with patch("os.link", side_effect=full), patch("pathlib.Path.replace", side_effect=full):
        assert answer(session, "1") == [
            Rejected(f"the choice could not be saved, so it was not taken: {runs_folder(tmp_path)}: Input/output error")
        ]
    assert [path.name for path in runs_folder(tmp_path).iterdir()] == [".lock"]


def test_a_signal_while_a_file_is_created_leaves_no_partial_file(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    with patch("os.fsync", side_effect=Interrupted(15)), pytest.raises(Interrupted):
        answer(session, "1")
    assert [path.name for path in runs_folder(tmp_path).iterdir()] == [".lock"]


def test_a_partial_file_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    runs_folder(tmp_path).mkdir()
    (runs_folder(tmp_path) / ".begun-7").write_text('{"format":1,')
    write_run(tmp_path, "say-now")
    assert sorted(path.name for path in runs_folder(tmp_path).iterdir()) == [".lock", "001-run.jsonl"]


# -- the trash ---------------------------------------------------------------------------------------------------------


def forget_error(path: Path) -> str:
    """Return the message with which a file is not moved to the trash."""
    with pytest.raises(RunError) as caught:
        forget(path)
    return str(caught.value)


def test_a_file_not_named_as_a_run_is_not_moved(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").touch()
    expected = f"{tmp_path / 'letters.txt'}: not named as a run file (NUMBER-NAME.jsonl), so it was not moved"
    assert forget_error(tmp_path / "letters.txt") == expected


def test_a_run_being_played_is_not_moved(tmp_path: Path) -> None:
    with open_session(tmp_path, "say-now"):
        expected = f"{run_file(tmp_path)} is being played elsewhere or cannot be written, so it was not moved"
        assert forget_error(run_file(tmp_path)) == expected
    assert run_file_names(tmp_path) == ["001-run.jsonl"]


def test_a_run_in_the_trash_is_not_overwritten(tmp_path: Path) -> None:
    path = write_run(tmp_path, "say-now")
    target = runs_folder(tmp_path) / ".trash" / path.name
    target.parent.mkdir()
    target.write_text("before\n")
    assert forget_error(path) == f"{target} already exists"
    assert (target.read_text(), run_file_names(tmp_path)) == ("before\n", ["001-run.jsonl"])


def test_a_run_that_cannot_be_moved_stays(tmp_path: Path) -> None:
    path = write_run(tmp_path, "say-now")
    (runs_folder(tmp_path) / ".trash").write_text("a file\n")
    assert forget_error(path) == f"{path}: cannot be moved: File exists"
    assert run_file_names(tmp_path) == ["001-run.jsonl"]
