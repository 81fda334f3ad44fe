"""Nodes to JSON and back by one rule, so that a read world is kept between two starts.

A line has the story without its scenes and endings; one line each has those, and is decoded when the scene is first asked for.

A node or a tuple becomes ``[tag, *fields]``: the tag is the number of the node's kind in ``KINDS``, 0 for a plain tuple. Places
are not kept: only a check asks for them, and it reads the files.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any, TypeVar

from forward_pass.errors import Place
from forward_pass.story import interventions, nodes
from forward_pass.story.deferred import Deferred
from forward_pass.story.nodes import NOWHERE, Ending, Scene, Story

T = TypeVar("T")

KINDS: tuple[type, ...] = (
    tuple,
    Place,
    *(
        kind
        for module in (nodes, interventions)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, tuple) and kind.__module__ == module.__name__ and kind is not Place
    ),
)
TAGS = {kind: tag for tag, kind in enumerate(KINDS)}


def encode_story(story: Story) -> bytes:
    """Return a world's nodes as lines of JSON."""
    rows = (story._replace(scenes=(), endings=()), *story.scenes, *story.endings)
    return b"".join(json.dumps(_encoded(row), separators=(",", ":")).encode() + b"\n" for row in rows)


def decode_story(data: bytes) -> Story:
    """Return the nodes that ``encode_story`` wrote; raises ``ValueError`` or ``TypeError`` for anything else.

    What stands on the lines of scenes and endings is looked at only when they are asked for.
    """
    first, *lines = data.split(b"\n")
    story = _decoded_line(first, Story)
    count = len(story.scene_ids) - len(story.ending_titles)
    if len(lines) != len(story.scene_ids) + 1 or lines.pop():
        raise ValueError("not a whole world")
    scenes = Deferred(lines[:count], partial(_decoded_line, kind=Scene))
    return story._replace(scenes=scenes, endings=Deferred(lines[count:], partial(_decoded_line, kind=Ending)))


def _decoded_line(line: bytes, kind: type[T]) -> T:
    try:
        node = _decoded(json.loads(line))
    except (IndexError, RecursionError) as error:
        raise ValueError("not a world") from error
    if not isinstance(node, kind):
        raise TypeError("not a world")
    return node


def _encoded(value: object) -> object:
    if isinstance(value, Place):
        return [1]
    if isinstance(value, tuple):
        return [TAGS[type(value)], *map(_encoded, value)]
    if isinstance(value, dict):
        return {key: _encoded(one) for key, one in value.items()}
    return value


def _decoded(value: Any) -> Any:
    if type(value) is list:
        tag = value[0]
        if tag == 1:
            return NOWHERE
        fields = [_decoded(one) if type(one) in (list, dict) else one for one in value[1:]]
        return KINDS[tag](*fields) if tag else tuple(fields)
    if type(value) is dict:
        return {key: _decoded(one) for key, one in value.items()}
    return value
