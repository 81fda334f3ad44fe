"""One fault that only a walk finds in each file of bad_walks/, with everything that is said of it beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from game.diagnostics import CODES
from game.passes import measure_of
from game.walk.report import walked

FOLDER = Path(__file__).resolve().parent / "bad_walks"
FILES = sorted(FOLDER.glob("*.yaml"))
FOUND_BY_READING = {"E401", "E402", "W403", "E404", "E405", "W406", "W407", "W408", "E409", "W410"}
OF_MODELS_AND_LIMITS = {"E417", "E419", "W420", "W423", "W426", "W428", "W429"}  # see test_check.py


def said(path: Path, folder: Path) -> str:
    """Return what a check says of a world in one file."""
    (folder / "tiny").mkdir()
    shutil.copy(path, folder / "tiny")
    problems = [str(problem) for problem in walked(folder / "tiny", measure_of).problems]
    return "".join(f"{problem.replace(f'{folder}/tiny/', '')}\n" for problem in problems)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_walk_finds_is_said_in_these_words(path: Path, tmp_path: Path) -> None:
    assert said(path, tmp_path) == path.with_suffix(".txt").read_text()


def test_every_code_that_only_a_walk_gives_has_a_file() -> None:
    told = "".join(path.with_suffix(".txt").read_text() for path in FILES)
    walks = {code for code in CODES if code[1] == "4"} - FOUND_BY_READING - OF_MODELS_AND_LIMITS
    assert walks == {code for code in walks if f" {code} " in told}
