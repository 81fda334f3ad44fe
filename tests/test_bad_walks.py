"""One fault that only exploring finds in each world of bad_walks/, with all problems of that world beside it.

A first line ``# asked: states 500`` says how far the check goes. A world that names ``weights.fpw`` gets the tiny network.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from fixtures_checker import tiny_network
from forward_pass.checker.explorer import Limits
from forward_pass.checker.report import check_world
from forward_pass.checker.verify import CheckOptions
from forward_pass.diagnostics import CODES
from forward_pass.network.passes import open_pass

FOLDER = Path(__file__).resolve().parent / "bad_walks"
EXPECTED = sorted(FOLDER.glob("*.txt"))
LIMIT = re.compile(r"# asked: (states|concrete|decodings) ([0-9]+)\n")
NO_FILES = {
    "E002": "501 files, or eight megabytes: made in test_loader.py",
    "E012": "a link, which a copy would follow: made in test_loader.py",
}
"""The codes for which there is no failing example among the files, each with the reason."""


def world(expected: Path, folder: Path) -> Path:
    """Return the folder of a bad world, copied, with the weights that it names."""
    copied = folder / "tiny"
    if expected.with_suffix("").is_dir():
        shutil.copytree(expected.with_suffix(""), copied)
    else:
        copied.mkdir()
        shutil.copy(expected.with_suffix(".yaml"), copied)
    if any("weights.fpw" in file.read_text() for file in copied.glob("*.yaml")):
        (copied / "weights.fpw").write_bytes(tiny_network())
    return copied


def options(expected: Path) -> CheckOptions:
    """Return how far the check of a bad world goes."""
    file = expected.with_suffix(".yaml")
    match = LIMIT.match(file.read_text()) if file.exists() else None
    if match is None:
        return CheckOptions()
    number = int(match[2])
    if match[1] == "decodings":
        return CheckOptions(decodings=number)
    return CheckOptions(limits=Limits()._replace(**{match[1]: number}))


def problem_lines(expected: Path, folder: Path) -> str:
    """Return the problems of a bad world, one a line."""
    problems = [str(problem) for problem in check_world(world(expected, folder), open_pass, options(expected)).problems]
    return "".join(f"{problem.replace(f'{folder}/', '').removeprefix('tiny/')}\n" for problem in problems)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.stem)
def test_the_problems_of_a_bad_world_are_those_beside_it(
    expected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert problem_lines(expected, tmp_path) == expected.read_text(encoding="utf8")


def test_every_bad_world_has_its_problems_beside_it() -> None:
    worlds = {path.stem for path in FOLDER.iterdir() if path.suffix == ".yaml" or path.is_dir()}
    assert worlds == {path.stem for path in EXPECTED}


def test_every_code_has_a_failing_example_among_the_files_or_a_reason_why_it_has_none() -> None:
    every = "".join(path.read_text(encoding="utf8") for path in [*EXPECTED, *FOLDER.parent.glob("bad_worlds/*.txt")])
    shown = {code for code in CODES if f": {code} " in every}
    assert set(CODES) - shown == set(NO_FILES)
