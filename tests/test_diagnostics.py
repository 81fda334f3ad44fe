"""Every code that the source gives is in the table, and the page is made from the table."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from forward_pass.diagnostics import CODES, GROUPS, page
from forward_pass.errors import SEVERITIES

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r'"([EWI][0-9]{3})"')


def codes_in_source() -> set[str]:
    sources = [path for path in (ROOT / "game").rglob("*.py") if path.name != "diagnostics.py"]
    return {code for path in sources for code in CODE.findall(path.read_text())}


def test_every_code_in_the_source_has_a_line_of_meaning_and_no_line_is_for_nothing() -> None:
    assert codes_in_source() == set(CODES)


def test_every_number_is_used_once_and_every_code_belongs_to_a_group() -> None:
    numbers = [code[1:] for code in CODES]
    assert len(numbers) == len(set(numbers))
    assert {code[1] for code in CODES} == set(GROUPS)
    assert {code[0] for code in CODES} == set(SEVERITIES)


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "diagnostics.md").read_text() == page(), "python -m forward_pass.diagnostics > docs/diagnostics.md"


def test_the_module_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(RuntimeWarning, match="found in sys.modules"):
        runpy.run_module("forward_pass.diagnostics", run_name="__main__")
    assert capsys.readouterr().out == page()
