"""Numbers in words."""

from __future__ import annotations

import pytest

from forward_pass.story.spelling import spell_number


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "no"),
        (1, "one"),
        (12, "twelve"),
        (19, "nineteen"),
        (20, "twenty"),
        (21, "twenty-one"),
        (72, "seventy-two"),
        (99, "ninety-nine"),
        (100, "100"),
        (-1, "-1"),
        (-20, "-20"),
    ],
)
def test_a_number_is_spelled_up_to_ninety_nine(number: int, words: str) -> None:
    assert spell_number(number) == words
