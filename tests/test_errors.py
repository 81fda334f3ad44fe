"""Problems, and the errors whose message is meant for the user."""

from __future__ import annotations

import pytest

from forward_pass.errors import (
    ForwardPassError,
    Interrupted,
    NotOfferedError,
    Place,
    Problem,
    RunError,
    UsageError,
    WorldError,
    did_you_mean,
)

FIRST = Problem("world.yaml", 3, 7, "E301", "no scene is called hal")
SECOND = Problem("world.yaml", 12, 1, "W406", "reads is never read", "warning")


def test_a_problem_prints_its_place_its_code_and_its_message() -> None:
    assert str(FIRST) == "world.yaml:3:7: E301 no scene is called hal"


def test_a_problem_is_an_error_by_default() -> None:
    assert (FIRST.severity, SECOND.severity) == ("error", "warning")


@pytest.mark.parametrize(("code", "severity"), [("E301", "error"), ("W406", "warning"), ("I424", "info")])
def test_a_problem_at_a_place_is_as_severe_as_its_code_says(code: str, severity: str) -> None:
    place = Place("world.yaml", 3, 7)
    assert Problem.at(place, code, "message") == Problem("world.yaml", 3, 7, code, "message", severity)
    assert str(place) == "world.yaml:3:7"


def test_a_world_error_prints_each_problem_on_its_own_line() -> None:
    error = WorldError((FIRST, SECOND))
    assert str(error) == f"{FIRST}\n{SECOND}"
    assert error.problems == (FIRST, SECOND)


@pytest.mark.parametrize("kind", [NotOfferedError, RunError, UsageError])
def test_errors_for_the_user_have_a_common_base(kind: type[ForwardPassError]) -> None:
    with pytest.raises(ForwardPassError, match=r"^message$"):
        raise kind("message")


def test_a_signal_is_not_caught_as_an_exception() -> None:
    assert not issubclass(Interrupted, Exception)
    assert Interrupted(15).number == 15


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("wakking", " (did you mean waking?)"),
        ("waking", " (did you mean waking?)"),
        ("zyzzyva", ""),
        ("", ""),
    ],
)
def test_the_closest_word_is_suggested_where_one_is_close(word: str, hint: str) -> None:
    assert did_you_mean(word, ["sleeping", "waking", "walk"]) == hint


def test_of_two_equally_close_words_the_same_is_suggested_in_any_order() -> None:
    assert did_you_mean("abcd", ["abcf", "abce"]) == did_you_mean("abcd", ["abce", "abcf"]) != ""
