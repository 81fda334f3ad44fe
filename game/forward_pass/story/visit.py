"""The one way to walk the nodes of a world: whatever asks which of them occur somewhere asks here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from forward_pass.errors import Place
from forward_pass.story.deferred import Deferred

T = TypeVar("T")


def walk_nodes(*roots: object) -> Iterator[object]:
    """Yield every node, tuple and value below ``roots``, each root first, in the order in which they are written."""
    stack = [iter(roots)]
    while stack:
        value = next(stack[-1], stack)
        if value is stack:
            stack.pop()
            continue
        yield value
        if isinstance(value, tuple | Deferred) and not isinstance(value, Place):
            stack.append(iter(value))
        elif isinstance(value, dict):
            stack.append(iter(value.values()))


def find_nodes(kind: type[T], *roots: object) -> Iterator[T]:
    """Yield every node of a kind below ``roots``, in the order in which they are written."""
    return (node for node in walk_nodes(*roots) if isinstance(node, kind))
