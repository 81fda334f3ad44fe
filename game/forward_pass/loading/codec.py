"""Nodes to JSON and back by one rule, so that a read world is kept between two starts.

A node or a tuple becomes ``[tag, *fields]``: the tag is the number of the node's kind in ``KINDS``, 0 for a plain tuple. Places
are not kept: only a check asks for them, and it reads the files.
"""

from __future__ import annotations

import json
from typing import Any

from forward_pass.errors import Place
from forward_pass.story import interventions, nodes
from forward_pass.story.nodes import NOWHERE, Story

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
    """Return a world's nodes as JSON."""
    return json.dumps(_encoded(story), separators=(",", ":")).encode()


def decode_story(data: bytes) -> Story:
    """Return the nodes that ``encode_story`` wrote; raises ``ValueError`` or ``TypeError`` for anything else."""
    try:
        story = _decoded(json.loads(data))
    except (IndexError, RecursionError) as error:
        raise ValueError("not a world") from error
    if not isinstance(story, Story):
        raise TypeError("not a world")
    return story


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
