"""The golden runs of the flagship, walked on its real pass."""

from __future__ import annotations

from functools import lru_cache

from forward_pass.cli import opened_world
from forward_pass.network.passes import measure_of
from forward_pass.storage.journal import Header
from forward_pass.storage.run_set import Shelf, golden_shelf
from forward_pass.story.history import Run


@lru_cache
def flagship() -> Shelf:
    """Return the golden runs of the flagship, over its measured pass."""
    world = opened_world(None)
    return golden_shelf(world, measure_of(world))


def golden(name: str) -> tuple[Run, Header]:
    """Return a golden run and its header."""
    number, found = next((number, one) for number, one in flagship().journals.items() if one.header.made == name)
    return flagship().walked(number, len(found.turns)).run, found.header
