"""Fixtures that many tests use, and the settings of hypothesis."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import settings

import building
from fixtures_play import close_session, home, new_session
from forward_pass.session.session import Session
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


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Return a session of the small world at the opening of a new run, on a terminal of 80 by 24, closed at the end."""
    opened = new_session(tmp_path)
    with patch.dict(os.environ, {"COLUMNS": "80", "LINES": "24", "TERM": "xterm"}):
        yield opened
    close_session(opened)
