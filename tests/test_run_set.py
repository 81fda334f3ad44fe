"""Runs to browse: those stored in a folder, and the golden runs of a checkout, which are read only."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from building import first_light
from fixtures_play import TO_ENDINGS, runs_folder, write_run
from forward_pass.errors import RunError
from forward_pass.network.passes import WrittenPass
from forward_pass.storage.run_set import golden_runs, stored_runs


def test_stored_runs_are_known_by_number_and_faulty_files_by_a_message(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    (runs_folder(tmp_path) / "002-odd.jsonl").write_text("odd\n")
    world = first_light()
    run_set = stored_runs(world, WrittenPass(world), runs_folder(tmp_path))
    assert list(run_set.journals) == [1]
    assert [fault.partition(":1:1: ")[2] for fault in run_set.faults] == ["not a run file of Forward Pass"]
    assert (run_set.name_of(1), run_set.read_only) == ("run 1", False)


def test_a_turn_of_a_stored_run_takes_a_label(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    world = first_light()
    run_set = stored_runs(world, WrittenPass(world), runs_folder(tmp_path))
    digest = run_set.journals[1].turns[0].digest
    run_set.annotate(digest, "label", "here")
    assert run_set.annotations()[digest].label == "here"


def test_golden_runs_take_no_label(tmp_path: Path) -> None:
    world = first_light()
    run_set = golden_runs(world, WrittenPass(world))
    assert run_set.read_only
    with pytest.raises(RunError, match="golden runs are read only"):
        run_set.annotate("0" * 16, "label", "here")
    assert not list(tmp_path.iterdir())


def test_without_a_source_checkout_there_are_no_golden_runs() -> None:
    world = first_light()
    with (
        patch("forward_pass.storage.run_set.CHECKOUT", None),
        pytest.raises(RunError, match="no golden runs of first-light: they are part of a source checkout"),
    ):
        golden_runs(world, WrittenPass(world))
