"""Where worlds and runs are found, and the files that make a world."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest

from building import ROOT
from forward_pass.errors import WorldError
from forward_pass.loading import paths
from forward_pass.loading.paths import (
    _declared_id,
    read_world_files,
    saves_folder,
    world_files,
    world_folder,
    world_hash,
    world_names,
    worlds_folder,
)
from forward_pass.loading.worlds import open_world_of_run


def unknown(name: str) -> str:
    """Return the message for a name or a path that is no world's."""
    with pytest.raises(WorldError) as caught:
        world_folder(name)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column, problem.code) == (name, 1, 1, "E001")
    return problem.message


# -- folders ----------------------------------------------------------------------------------------------------------


def test_in_a_checkout_worlds_and_runs_lie_beside_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORWARD_PASS_SAVES", raising=False)
    assert worlds_folder() == ROOT / "worlds"
    assert saves_folder(None) == ROOT / "saves"


def test_installed_worlds_lie_inside_the_package_and_runs_in_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORWARD_PASS_SAVES", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with patch.object(paths, "CHECKOUT", None):
        assert worlds_folder() == ROOT / "game" / "forward_pass" / "worlds"
        assert saves_folder(None).is_relative_to(tmp_path)
        assert saves_folder(None).parts[-2:] == ("forward-pass", "saves")
        assert world_names() == []


def test_runs_are_kept_where_asked_else_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARD_PASS_SAVES", "from-the-environment")
    assert saves_folder("given") == Path("given")
    assert saves_folder(None) == Path("from-the-environment")
    assert saves_folder("") == Path("from-the-environment")


# -- worlds -----------------------------------------------------------------------------------------------------------


def test_a_world_is_found_by_name_and_the_flagship_without_one() -> None:
    assert world_folder("first-light") == ROOT / "worlds" / "first-light"
    assert world_folder(None) == ROOT / "worlds" / "forward-pass"
    assert {"first-light", "forward-pass"} <= set(world_names())


def test_a_world_is_found_by_path(tmp_path: Path) -> None:
    assert world_folder(str(tmp_path)) == tmp_path


def test_a_folder_whose_main_file_cannot_be_read_declares_no_id(tmp_path: Path) -> None:
    assert _declared_id(tmp_path) == ""


def test_a_run_belongs_to_the_world_with_its_id(tmp_path: Path) -> None:
    copy = shutil.copytree(ROOT / "worlds" / "first-light", tmp_path / "copy")
    assert open_world_of_run("first-light").id == "first-light"
    with pytest.raises(WorldError, match=f"the run belongs to a world with the id {copy}; this one has the id copy"):
        open_world_of_run(str(copy))


def test_an_unknown_world_is_answered_with_those_that_there_are() -> None:
    known = ", ".join(world_names())
    assert unknown("first-night") == f"unknown world (did you mean first-light?); give one of {known}, or a folder"
    assert unknown("zzz") == f"unknown world; give one of {known}, or a folder"


@pytest.mark.parametrize("name", ["x" * 5000, "no/such/folder", "a\x00b"])
def test_what_can_be_no_folder_is_no_world(name: str) -> None:
    assert unknown(name).startswith("unknown world")


def test_a_file_of_a_world_is_no_world_and_its_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").touch()
    assert unknown(f"{tmp_path}/world.yaml") == f"a world is a folder, not a file: give {tmp_path}"
    assert unknown("README.md") == "a world is a folder, not a file: give ."


def test_a_worlds_files_are_its_yaml_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("world.yaml", "402-two.yaml", "400-one.yaml", ".hidden.yaml", "notes.txt", "IMAGES.md"):
        (tmp_path / name).touch()
    assert [path.name for path in world_files(tmp_path)] == ["400-one.yaml", "402-two.yaml", "world.yaml"]


def test_a_hash_depends_on_names_and_contents_and_where_each_ends() -> None:
    hashes = {
        world_hash(contents)
        for contents in (
            [("a.yaml", b"1"), ("b.yaml", b"2")],
            [("a.yaml", b"2"), ("b.yaml", b"1")],
            [("a.yaml", b"12"), ("b.yaml", b"")],
            [("a.yaml", b"1b.yaml\x001\x002")],
            [("b.yaml", b"1"), ("a.yaml", b"2")],
        )
    }
    assert len(hashes) == 5


def problems_of(folder: Path) -> list[str]:
    """Return what kept a folder's files from being read."""
    return [str(problem).removeprefix(f"{folder}") for problem in read_world_files(folder)[1]]


def test_a_folder_without_worlds_files_is_no_world(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == [":1:1: E001 no world here: a world is a folder of .yaml files"]


def test_a_folder_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "none") == [":1:1: E001 cannot read the folder: No such file or directory"]


def test_a_file_that_is_called_yml_is_named_because_it_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").touch()
    (tmp_path / "scenes.yml").touch()
    assert problems_of(tmp_path) == ["/scenes.yml:1:1: W013 is not read: rename it to .yaml"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine\n")
    world = tmp_path / "world"
    world.mkdir()
    (world / "world.yaml").symlink_to(tmp_path / "secret")
    contents, _ = read_world_files(world)
    assert contents == []
    assert problems_of(world) == ["/world.yaml:1:1: E012 a link out of the world's folder is not followed"]


def test_a_pipe_and_a_folder_called_yaml_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").mkdir()
    expected = [f"/{name}.yaml:1:1: E001 cannot be read: not a regular file" for name in "ab"]
    assert problems_of(tmp_path) == expected


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch()
    with patch.object(Path, "read_bytes", side_effect=PermissionError(13, "Permission denied")):
        assert problems_of(tmp_path) == ["/a.yaml:1:1: E001 cannot be read: Permission denied"]


def test_a_world_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch()
    os.truncate(tmp_path / "a.yaml", paths.MAX_BYTES - 10)
    (tmp_path / "b.yaml").write_bytes(b"x" * 11)
    assert problems_of(tmp_path) == ["/b.yaml:1:1: E002 not read: the files of the world exceed 8 MB in total"]


def test_a_world_of_too_many_files_is_not_read(tmp_path: Path) -> None:
    for number in range(paths.MAX_FILES + 1):
        (tmp_path / f"{number}.yaml").touch()
    assert read_world_files(tmp_path)[0] == []
    assert problems_of(tmp_path) == [":1:1: E002 501 files; a world has at most 500"]
