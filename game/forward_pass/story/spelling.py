"""Whole numbers in words, as prose has them."""

from __future__ import annotations

ONES = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def spell_number(number: int) -> str:
    """Return a number in words up to ninety-nine (0 is *no*, as before a noun), in digits beyond."""
    if 0 <= number < len(ONES):
        return ONES[number]
    tens, ones = divmod(number, 10)
    if 0 <= number < 100:  # noqa: PLR2004 - the words end there
        return TENS[tens - 2] + (f"-{ONES[ones]}" if ones else "")
    return str(number)
