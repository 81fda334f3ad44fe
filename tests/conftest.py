"""Fixtures that many tests use, and the settings of hypothesis."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import settings

import building
from fixtures_play import TO_ENDINGS, close_session, home, new_session, open_run_set, random_runs, write_run
from forward_pass.session.session import Session
from forward_pass.storage.run_set import RunSet
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


@pytest.fixture
def run_set(tmp_path: Path) -> RunSet:
    """Return three runs, of which two share their first turn."""
    for choices in (TO_ENDINGS["the-usual-order"], TO_ENDINGS["half-said"], TO_ENDINGS["by-the-door"]):
        write_run(tmp_path, *choices)
    return open_run_set(tmp_path)


@pytest.fixture(scope="session")
def many_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with many random runs."""
    saves = tmp_path_factory.mktemp("many_runs")
    random_runs(saves, 500)
    return saves
