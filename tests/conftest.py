"""Fixtures that many tests use, and the settings of hypothesis."""

from __future__ import annotations

import pytest
from hypothesis import settings

import building
from fixtures_play import home
from forward_pass.story.world import World

settings.register_profile("house", deadline=None, max_examples=100)  # machines differ; the suite's time is watched instead
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _settings_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARD_PASS_CONFIG", str(home()))


@pytest.fixture(scope="session")
def first_light() -> World:
    """Return the small world of the tutorial."""
    return building.first_light()
