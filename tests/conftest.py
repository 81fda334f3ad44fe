"""Fixtures that many tests use, and the settings of hypothesis."""

from __future__ import annotations

import pytest
from hypothesis import settings

import building
from forward_pass.story.world import World

settings.register_profile("house", deadline=None, max_examples=100)  # machines differ; the suite's time is watched instead
settings.load_profile("house")


@pytest.fixture(scope="session")
def first_light() -> World:
    """Return the small world of the tutorial."""
    return building.first_light()
