"""Bars for probabilities, as text: a whole one, one of what changed, and a cell of a strip. Imports nothing heavy."""

from __future__ import annotations

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
