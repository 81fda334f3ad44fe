"""The golden runs of the flagship, walked on its real pass."""

from __future__ import annotations

from functools import lru_cache

from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_pass
from forward_pass.storage.journal import Header
from forward_pass.storage.run_set import RunSet, golden_runs
from forward_pass.story.history import Run


@lru_cache
def flagship() -> RunSet:
    """Return the golden runs of the flagship, over its measured pass."""
    world = open_world(None)
    return golden_runs(world, open_pass(world))


def golden(name: str) -> tuple[Run, Header]:
    """Return a golden run and its header."""
    number, found = next((number, one) for number, one in flagship().journals.items() if one.header.created_at == name)
    return flagship().replay_to(number, len(found.turns)).run, found.header
