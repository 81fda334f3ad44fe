"""Problems and the family of errors whose message is meant for a person."""

from __future__ import annotations

import pytest

from forward_pass.errors import (
    ForwardPassError,
    Interrupted,
    NotOfferedError,
    Problem,
    RunError,
    UsageError,
    WorldError,
    did_you_mean,
)

FIRST = Problem("world.yaml", 3, 7, "E301", "no scene is called hal")
SECOND = Problem("world.yaml", 12, 1, "W406", "reads is never read", "warning")


def test_a_problem_is_shown_as_its_place_its_code_and_its_sentence() -> None:
    assert str(FIRST) == "world.yaml:3:7: E301 no scene is called hal"


def test_a_problem_is_an_error_where_nothing_else_is_said() -> None:
    assert (FIRST.severity, SECOND.severity) == ("error", "warning")


def test_a_world_that_cannot_be_played_says_every_problem_on_a_line_of_its_own() -> None:
    error = WorldError((FIRST, SECOND))
    assert str(error) == f"{FIRST}\n{SECOND}"
    assert error.problems == (FIRST, SECOND)


@pytest.mark.parametrize("kind", [NotOfferedError, RunError, UsageError])
def test_an_error_for_a_person_is_one_of_the_family(kind: type[ForwardPassError]) -> None:
    with pytest.raises(ForwardPassError, match=r"^in words$"):
        raise kind("in words")


def test_a_signal_is_no_error_that_anything_would_catch_in_passing() -> None:
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
def test_the_nearest_word_is_offered_where_one_is_near(word: str, hint: str) -> None:
    assert did_you_mean(word, ["sleeping", "waking", "walk"]) == hint


def test_of_two_that_are_as_near_the_same_one_is_offered_whatever_their_order() -> None:
    assert did_you_mean("abcd", ["abcf", "abce"]) == did_you_mean("abcd", ["abce", "abcf"]) != ""
