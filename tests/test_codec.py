"""Nodes to JSON and back: what comes back, and what is refused."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from building import TINY, WORLDS, built, first_light, tiny
from forward_pass.loading.codec import decode_story, encode_story
from forward_pass.loading.loader import read_world
from forward_pass.loading.paths import world_names
from forward_pass.network.passes import WrittenPass
from forward_pass.story.distribution import Distribution
from forward_pass.story.history import append, make_turn, new_run
from forward_pass.story.nodes import Story
from forward_pass.story.state import Prior
from forward_pass.story.world import World

PATH = ("read-question", "to-slope", "leave-label", "wait-for-it", "retrace", "so-be-it")
ENCODED = encode_story(first_light().story)


def stories() -> dict[str, Story]:
    """Return the stories of all worlds that come with the game, and of the smallest one."""
    readings = {name: read_world(WORLDS / name).story for name in world_names()}
    return {"tiny": built(TINY).story} | {name: story for name, story in readings.items() if story}


def without_places(story: Story) -> str:
    """Return every node and value of a story but its places."""
    story = story._replace(scenes=tuple(story.scenes), endings=tuple(story.endings))
    return re.sub(r"Place\(file='[^']*', line=\d+, column=\d+\)", "Place", repr(story))


@pytest.mark.parametrize("story", stories().values(), ids=stories())
def test_a_story_comes_back_as_it_was_but_for_its_places_and_is_encoded_to_the_same_bytes(story: Story) -> None:
    encoded = encode_story(story)
    decoded = decode_story(encoded)
    assert without_places(decoded) == without_places(story)
    assert encode_story(decoded) == encoded


def test_no_place_is_kept() -> None:
    assert b".yaml" not in ENCODED


def test_what_anybody_wrote_comes_back() -> None:
    text = "'\"]\\}, \\ 😀 \u00a0[1]'"
    story = tiny(("I was there.", text), ("title: Tiny", f"title: {text}")).story
    assert without_places(decode_story(encode_story(story))) == without_places(story)


def test_a_world_that_came_back_is_played_alike(first_light: World) -> None:
    def played(world: World) -> list[str]:
        def last(distribution: Distribution, _token: int) -> str:
            return distribution.words[-1]

        run = new_run(world, WrittenPass(world), Prior())
        for choice in PATH:
            run = append(run, make_turn(run, choice, last))
        texts = [world.scene(turn.state.scene).text(turn.state, run.inspector) for turn in run.turns]
        return [turn.digest for turn in run.turns] + texts

    assert played(World(decode_story(ENCODED))) == played(first_light)


def test_a_scene_is_decoded_when_it_is_first_asked_for() -> None:
    first, scene, *rest = ENCODED.split(b"\n")
    for damaged, refused in ((b"[", ValueError), (b"7", TypeError), (rest[-2], TypeError)):  # the last is an ending
        story = decode_story(b"\n".join((first, damaged, *rest)))
        assert story.scenes[1].id == story.scene_ids[1]
        with pytest.raises(refused):
            list(story.scenes)
    assert decode_story(ENCODED).scenes[0].id == json.loads(scene)[2]


@given(st.integers(0, len(ENCODED) - 1))
def test_a_story_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises((ValueError, TypeError)):
        decode_story(ENCODED[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"7",
        b'{"id":"first-light","scenes":{}}',  # as older code wrote worlds
        b"[]",
        b"[[]]",
        b"[0,1]",
        b"[1]",
        b"[9999]",
        b'["tuple",1]',
        b"[2]",
        ENCODED[: ENCODED.index(b",")] + b"]",
        b"[0," + ENCODED + b"]",
        b"[" * 100_000,
    ],
)
def test_what_is_no_story_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, TypeError)):
        decode_story(data)
