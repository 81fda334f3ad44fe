"""The cache of read worlds: what is found in it, what is read anew, and that it is never in the way."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from building import TINY, WORLDS, loaded
from forward_pass.errors import WorldError
from forward_pass.loading import cache
from forward_pass.loading.cache import cache_story, read_cached_story
from forward_pass.loading.codec import encode_story
from forward_pass.loading.paths import Contents
from forward_pass.loading.worlds import open_world
from forward_pass.story.nodes import Story

FOLDER = Path("worlds/tiny")
CONTENTS: Contents = [("tiny.yaml", TINY.encode())]


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the user's caches, which is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def story() -> Story:
    read = loaded(*CONTENTS).story
    assert read is not None
    return read


def cached_file(home: Path) -> Path:
    """Return the only file in the cache."""
    (file,) = [path for path in home.rglob("*") if path.is_file()]
    return file


def same(one: Story | None, other: Story) -> bool:
    """Return whether two stories are the same but for their places."""
    return one is not None and encode_story(one) == encode_story(other)


# -- what is found


def test_what_was_cached_is_found(story: Story) -> None:
    assert read_cached_story(FOLDER, CONTENTS) is None
    cache_story(FOLDER, CONTENTS, story)
    assert same(read_cached_story(FOLDER, CONTENTS), story)


def test_other_contents_are_not_found(story: Story) -> None:
    cache_story(FOLDER, CONTENTS, story)
    assert read_cached_story(FOLDER, [("tiny.yaml", TINY.encode() + b"\n")]) is None
    assert read_cached_story(FOLDER, [("other.yaml", TINY.encode())]) is None


def test_a_world_of_the_same_contents_under_another_name_is_not_found(story: Story) -> None:
    cache_story(FOLDER, CONTENTS, story)
    assert read_cached_story(Path("worlds/other"), CONTENTS) is None


def test_the_cache_lies_where_the_environment_says_or_in_the_users_home(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_story(FOLDER, CONTENTS, story)
    assert cached_file(tmp_path / "cache").parent == tmp_path / "cache" / "forward-pass" / "worlds"
    monkeypatch.setenv("XDG_CACHE_HOME", " ")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    cache_story(FOLDER, CONTENTS, story)
    assert cached_file(tmp_path / "home").parent == tmp_path / "home" / ".cache" / "forward-pass" / "worlds"


# -- what is read anew


def test_what_older_code_cached_is_not_found(story: Story) -> None:
    with patch.object(cache, "__version__", "0.0.1"):
        cache_story(FOLDER, CONTENTS, story)
    assert read_cached_story(FOLDER, CONTENTS) is None


def test_what_was_cached_before_a_module_that_reads_worlds_changed_is_not_found(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("loading", "story"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "module.py").touch()
    monkeypatch.setattr(cache, "PACKAGE", tmp_path)
    cache_story(FOLDER, CONTENTS, story)
    assert read_cached_story(FOLDER, CONTENTS) is not None
    os.utime(tmp_path / "story" / "module.py", (0, 0))
    assert read_cached_story(FOLDER, CONTENTS) is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"id":"tiny"}', b"\x00" * 100, b"0\n[]", b"\n"])
def test_a_damaged_file_is_refused(story: Story, cache_home: Path, content: bytes) -> None:
    cache_story(FOLDER, CONTENTS, story)
    cached_file(cache_home).write_bytes(content)
    assert read_cached_story(FOLDER, CONTENTS) is None


def test_a_file_with_any_bit_changed_is_refused(story: Story, cache_home: Path) -> None:
    cache_story(FOLDER, CONTENTS, story)
    file = cached_file(cache_home)
    content = bytearray(file.read_bytes())
    for index in range(0, len(content), 23):
        content[index] ^= 1
        file.write_bytes(content)
        assert read_cached_story(FOLDER, CONTENTS) is None
        content[index] ^= 1


@pytest.mark.parametrize("content", [b'{"id":"tiny","scenes":{}}', b"null", b"[2]", b"[9999]", b"["])
def test_a_foreign_file_is_refused_though_its_checksum_is_right(
    story: Story, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "encode_story", lambda _: content)
    cache_story(FOLDER, CONTENTS, story)
    assert read_cached_story(FOLDER, CONTENTS) is None


# -- never in the way


def test_a_cache_that_cannot_be_written_is_done_without(story: Story, cache_home: Path) -> None:
    cache_home.write_text("a file, not a folder")
    cache_story(FOLDER, CONTENTS, story)
    assert read_cached_story(FOLDER, CONTENTS) is None


def test_a_file_that_was_written_in_part_is_taken_away(story: Story, cache_home: Path) -> None:
    with patch.object(Path, "replace", side_effect=OSError(28, "No space left on device")):
        cache_story(FOLDER, CONTENTS, story)
    assert [path for path in cache_home.rglob("*") if path.is_file()] == []


# -- opening a world


def test_a_world_is_read_once_and_then_comes_from_the_cache() -> None:
    first = open_world("first-light")
    with patch("forward_pass.loading.loader.read_contents", side_effect=AssertionError("read again")):
        assert same(open_world("first-light").story, first.story)


@pytest.mark.parametrize("content", [b"", b"{", b'{"id":"first-light"}', b"\x00" * 100])
def test_a_world_whose_cache_is_damaged_is_read_anew_without_a_word(
    cache_home: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    first = open_world("first-light")
    file = cached_file(cache_home)
    whole = file.read_bytes()
    file.write_bytes(content)
    assert same(open_world("first-light").story, first.story)
    assert file.read_bytes() == whole
    assert capfd.readouterr() == ("", "")


def test_a_world_that_older_code_cached_is_read_anew_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    with patch.object(cache, "__version__", "0.0.1"):
        first = open_world("first-light")
    assert same(open_world("first-light").story, first.story)
    assert capfd.readouterr() == ("", "")


def test_a_world_with_a_fault_is_never_cached(tmp_path: Path, cache_home: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "world.yaml").write_text(TINY.replace("goto: decode", "goto: nowhere"))
    with pytest.raises(WorldError, match="unknown scene or ending 'nowhere'"):
        open_world(str(tmp_path / "tiny"))
    assert not cache_home.exists()


def test_a_world_knows_the_folder_that_it_was_opened_from() -> None:
    assert open_world("first-light").folder == WORLDS / "first-light"
    assert open_world(None).folder == WORLDS / "forward-pass"
