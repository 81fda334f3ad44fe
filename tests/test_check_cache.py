"""A report of a check is cached, and made again as soon as anything changes that it depends on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from building import TINY, changed
from forward_pass.checker import check_cache
from forward_pass.checker.check_cache import cached_check
from forward_pass.checker.explorer import Limits
from forward_pass.checker.report import CheckReport, check_world
from forward_pass.checker.verify import CheckOptions
from forward_pass.network.passes import open_pass

Once = Callable[..., CheckReport]
LATE = ("goto: decode\n", "goto: decode\n      late: {say: Late., if: layer > 8, goto: decode}\n")


@pytest.fixture
def once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Once:
    """Return a function that checks a small world, or what is made of it, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(check_cache, "MIN_SECONDS_TO_CACHE", 0.0)

    def checked(text: str = TINY, options: CheckOptions | None = None) -> CheckReport:
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        (folder / "tiny.yaml").write_text(text)
        return cached_check(folder, open_pass, options or CheckOptions())

    return checked


def before(report: CheckReport) -> bool:
    return report.figures is not None and report.figures.before


@pytest.mark.parametrize("text", [TINY, changed(TINY, LATE)], ids=["passed", "failed"])
def test_a_report_is_cached_and_says_that_it_is(once: Once, text: str) -> None:
    first, second = once(text), once(text)
    assert first.figures is not None
    assert second.figures == first.figures._replace(before=True)
    assert (second.problems, second.failed) == (first.problems, first.failed)
    assert second.summary == f"{first.summary}, from the cache"


def test_a_check_is_made_again_where_the_options_say_so(once: Once) -> None:
    once()
    assert not before(once(options=CheckOptions(again=True)))
    assert before(once())


def test_a_world_that_changed_is_checked_again(once: Once) -> None:
    once()
    assert not before(once(changed(TINY, LATE)))


def test_other_limits_are_another_check(once: Once) -> None:
    once()
    assert not before(once(options=CheckOptions(decodings=7)))
    assert not before(once(options=CheckOptions(limits=Limits(states=7))))


def test_a_check_by_other_code_is_made_again(once: Once, monkeypatch: pytest.MonkeyPatch) -> None:
    once()
    monkeypatch.setattr(check_cache, "code_hash", lambda: "other")
    assert not before(once())


def test_a_file_that_is_not_read_is_reported_whatever_was_cached(once: Once, tmp_path: Path) -> None:
    once()
    (tmp_path / "tiny" / "more.yml").touch()
    assert [problem.code for problem in once().problems] == ["W013"]


def test_another_table_beside_the_world_is_another_check(once: Once, tmp_path: Path) -> None:
    once()
    (tmp_path / "tiny" / "decodings.json").write_text("{}")
    assert not before(once())


@pytest.mark.parametrize("damage", ["", "[", "[1]", "{}", "[" * 100_000, '{"figures": {"states": 1}}', "x" * (2**20 + 1)])
def test_a_damaged_file_is_replaced(once: Once, tmp_path: Path, damage: str) -> None:
    once()
    (file,) = (tmp_path / "cache").rglob("walks/*.json")
    file.write_text(damage)
    assert not before(once())
    assert before(once())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"states": 2', '"states": "two"'),
        ('"findings": [', '"findings": [1, '),
        ('"findings": [', '"findings": [[9999, "", "", "", -1], '),
    ],
)
def test_a_value_of_another_type_is_not_shown(once: Once, tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "more.yml").touch()
    once()
    (file,) = (tmp_path / "cache").rglob("walks/*.json")
    file.write_text(changed(file.read_text(), (old, new)))
    assert not before(once())


SHOWN = ("text: I was there.", "text: 'I was there{seen(done): , at last}.'")


def test_after_an_edit_of_words_nothing_is_explored_and_findings_are_placed_and_quoted_anew(once: Once) -> None:
    first = once(changed(TINY, SHOWN))
    (never,) = (one for one in first.problems if one.code == "E418")
    assert "no run ever shows ', at last' in the text of 'waking'" in never.message
    edited = changed(
        TINY,
        ("title: Tiny", "title: Tiny\nabout: Another line."),
        ("text: I was there.", "text: 'We were here{seen(done): , in the end}.'"),
    )
    second = once(edited)
    assert before(second)
    (anew,) = (one for one in second.problems if one.code == "E418")
    assert "no run ever shows ', in the end' in the text of 'waking'" in anew.message
    assert anew.line == never.line + 1
    assert once(edited, CheckOptions(again=True)).problems == second.problems


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("text: I was there.", "text: 'I was there{layer > 3: , late}.'"),
        ("say: Go on.", "say: Go on.\n        cost: 2\n        goto: waking\n      leave:\n        say: Leave."),
        ("end: 0.9, door: 0.1", "end: 0.8, door: 0.2"),
        ("boundary: 9", "boundary: 8"),
        ("text: It was done.", "text: '{word}.'"),
    ],
)
def test_after_an_edit_of_anything_else_it_is_explored_again(once: Once, old: str, new: str) -> None:
    once()
    assert not before(once(changed(TINY, (old, new))))


def test_a_check_that_takes_little_time_is_not_cached(once: Once, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_cache, "MIN_SECONDS_TO_CACHE", 60.0)
    once()
    assert not list((tmp_path / "cache").rglob("walks/*"))


def test_a_cache_that_cannot_be_written_is_left_out(once: Once, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    assert once().problems == once().problems == ()


def test_a_world_that_cannot_be_read_is_not_explored_and_not_cached(once: Once, tmp_path: Path) -> None:
    assert once("format: 1\n").figures is None
    assert once("format: 1\n").problems == check_world(tmp_path / "tiny", open_pass).problems
