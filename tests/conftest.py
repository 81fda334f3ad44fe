"""What the tests share: the small world that comes with the game, and worlds made of a few lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from forward_pass.loading.loader import read_contents, read_world
from forward_pass.story.world import World

WORLDS = Path(__file__).resolve().parent.parent / "worlds"

settings.register_profile("house", deadline=None, max_examples=100)  # machines differ; the suite's time is watched instead
settings.load_profile("house")

TINY = """\
format: 1
title: Tiny
version: 1.0.0
layers: 12
waking: 3
boundary: 9
start: waking
prompt: Why? Because the

tokens:
  5:
    written: {end: 0.9, door: 0.1}
    then:
      otherwise: done

scenes:
  waking:
    text: I was there.
    choices:
      go-on:
        say: Go on.
        goto: decode

endings:
  done:
    title: Done
    text: It was done.
"""
"""The smallest world there is: one token, one scene, one choice, one ending. Other worlds are made by replacing lines of it."""


def built(text: str) -> World:
    """Return the world that one file of YAML makes; fails with its problems where it is none."""
    reading = read_contents("tiny", "", [("tiny.yaml", text.encode())], [])
    assert reading.data is not None, "\n".join(map(str, reading.problems))
    return World(reading.data)


def changed(text: str, *changes: tuple[str, str]) -> str:
    """Return a text with each ``(old, new)`` replaced, each of which must stand in it once."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="session")
def first_light() -> World:
    """Return the small world of the tutorial."""
    reading = read_world(WORLDS / "first-light")
    assert reading.data is not None, "\n".join(map(str, reading.problems))
    return World(reading.data)


@pytest.fixture
def tiny() -> Callable[..., World]:
    """Return a function that gives the smallest world with lines of it replaced."""
    return lambda *changes: built(changed(TINY, *changes))
