"""Bars for probabilities, and rows of a word with its figures and bar, as text and names of styles. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forward_pass.session.transcript import quoted
from forward_pass.story.distribution import format_probability

Row = tuple[tuple[str, str], ...]
"""A line as (text, name of a style in ``theme.STYLES`` or empty), for rich and for prompt_toolkit."""

BAR_WIDTH, NARROW_BAR_WIDTH, NARROW = 24, 10, 60  # cells of a bar for a probability of 1; NARROW is in columns
KEPT, GAINED, LOST = "█", "▓", "░"  # what a bar keeps, what an act adds to it, what it takes away
LEGEND = f"{GAINED} gained, {LOST} lost"
BLOCKS = "▁▂▃▄▅▆▇█"


def bar(probability: float, columns: int) -> str:
    """Return a bar for a probability, never empty; narrow screens have shorter ones."""
    return KEPT * round(_bar_width(columns) * probability) or "▏"


def change_bar(before: float, after: float, columns: int) -> str:
    """Return a bar for a probability that was ``before`` and is ``after``."""
    width = _bar_width(columns)
    low, high = round(width * min(before, after)), round(width * max(before, after))
    return (KEPT * low + (GAINED if after > before else LOST) * (high - low)) or "▏"


def probability_cell(probability: float) -> str:
    """Return a block character for a probability, in eighths of a cell."""
    return BLOCKS[min(int(probability * len(BLOCKS)), len(BLOCKS) - 1)]


def _bar_width(columns: int) -> int:
    return NARROW_BAR_WIDTH if columns < NARROW else BAR_WIDTH


def word_width(words: Iterable[str]) -> int:
    """Return how wide the widest of some words is in quotes."""
    return max(len(quoted(word)) for word in words)


def chance_row(word: str, width: int, probability: float, columns: int, style: str = "") -> Row:
    """Return a row for a word: its probability, as a figure and as a bar; ``style`` is that of the word."""
    space = " " * (width - len(quoted(word)) + 1)
    figure = f"{format_probability(probability):<6} "
    return (("  ", ""), (quoted(word), style), (space, ""), (figure, "figure"), (bar(probability, columns), "bar"))


def change_row(word: str, width: int, was: float, now: float | None, columns: int) -> Row:
    """Return a row for a word that had one probability and has another; where ``now`` is None it is not shown yet."""
    after, cells = ("", bar(was, columns)) if now is None else (format_probability(now), change_bar(was, now, columns))
    figures = f"{format_probability(was):>5} → {after:<6} "
    return ((f"  {quoted(word):<{width}} ", ""), (figures, "figure"), (cells, "bar"))


def change_rows(words: Sequence[tuple[str, float, float]], columns: int, *, after: bool = True) -> list[Row]:
    """Return a row for each word of a change, with both probabilities or, not ``after``, with the first alone."""
    width = word_width(word for word, _, _ in words)
    return [change_row(word, width, was, now if after else None, columns) for word, was, now in words]
