"""Labels and notes on turns: what is read, what is appended, and what cannot be."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from forward_pass.errors import RunError
from forward_pass.storage.folder import LABELS_FILE
from forward_pass.storage.labels import Annotation, read_labels, write_label

DIGEST = "0123456789abcdef"


def test_labels_are_stored_by_digest_and_the_last_one_counts(tmp_path: Path) -> None:
    assert read_labels(tmp_path) == {}
    write_label(tmp_path, "a" * 16, label="first")
    write_label(tmp_path, "a" * 16, note="why  not\n")
    write_label(tmp_path, "b" * 16, label="gone")
    write_label(tmp_path, "a" * 16, label="second")
    write_label(tmp_path, "b" * 16, label=" ")
    assert read_labels(tmp_path) == {"a" * 16: Annotation("second", "why not")}


def test_invalid_lines_are_skipped_and_the_next_label_is_read(tmp_path: Path) -> None:
    write_label(tmp_path, "a" * 16, label="kept")
    path = tmp_path / LABELS_FILE
    for bad in (b'{"turn":"bbbb', b"\xff\n", b"[1]\n", b'{"turn":1,"label":"x"}\n', b'{"turn":"c","label":1}\n'):
        path.write_bytes(path.read_bytes() + bad)
    write_label(tmp_path, "d" * 16, label="after \x1b[1mall")
    assert read_labels(tmp_path) == {"a" * 16: Annotation("kept"), "d" * 16: Annotation("after [1mall")}


def test_a_label_that_cannot_be_saved_is_reported(tmp_path: Path) -> None:
    (tmp_path / LABELS_FILE).mkdir()
    assert read_labels(tmp_path) == {}
    with pytest.raises(Exception, match=r"labels\.jsonl: the label cannot be saved"):
        write_label(tmp_path, "a" * 16, label="x")


def test_a_torn_line_is_skipped_and_the_next_begins_on_a_line_of_its_own(tmp_path: Path) -> None:
    (tmp_path / LABELS_FILE).write_text('{"turn":"0123456789abcdef","label":"cut')
    write_label(tmp_path, DIGEST, label="whole")
    assert read_labels(tmp_path) == {DIGEST: Annotation("whole")}


def test_a_file_that_cannot_be_read_has_no_labels(tmp_path: Path) -> None:
    write_label(tmp_path, DIGEST, label="one")
    with patch.object(Path, "read_bytes", side_effect=OSError(5, "input/output error")):
        assert read_labels(tmp_path) == {}


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    write_label(tmp_path, DIGEST, label="one")
    before = (tmp_path / LABELS_FILE).read_bytes()
    with patch("os.fsync", side_effect=OSError(28, "No space left on device")), pytest.raises(RunError, match="No space left"):
        write_label(tmp_path, DIGEST, label="two")
    assert (tmp_path / LABELS_FILE).read_bytes() == before
