"""A new world passes its check and can be played to an ending."""

from __future__ import annotations

from pathlib import Path

import pytest

from forward_pass.checker.report import check_world
from forward_pass.errors import UsageError
from forward_pass.loading.scaffold import write_scaffold
from forward_pass.network.passes import open_pass


def test_a_new_world_passes_its_check_without_a_warning(tmp_path: Path) -> None:
    lines = write_scaffold(tmp_path / "my-world")
    assert lines[1:] == [f"  forward-pass play {tmp_path}/my-world", f"  forward-pass check {tmp_path}/my-world"]
    report = check_world(tmp_path / "my-world", open_pass)
    assert [problem for problem in report.problems if problem.severity != "info"] == []
    assert "title: My World\n" in (tmp_path / "my-world" / "world.yaml").read_text()
    assert (tmp_path / "my-world" / "SCHEMA.json").is_file()


def test_a_folder_with_anything_in_it_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match=r"is not empty|is not a valid folder name"):
        write_scaffold(tmp_path)
    folder = tmp_path / "world"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with pytest.raises(UsageError, match="is not empty; a new world needs an empty folder"):
        write_scaffold(folder)
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_a_folder_that_cannot_be_a_world_or_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="'My World' is not a valid folder name for a world: use lowercase letters, digits and -"
    ):
        write_scaffold(tmp_path / "My World")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot make .*: Not a directory"):
        write_scaffold(tmp_path / "file" / "world")
