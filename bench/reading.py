"""The rows of reading: the bench's story in two sizes, as plain YAML, as our tree, and as a whole world; prints JSON.

Plain is PyYAML's ``CSafeLoader``, which keeps no places and checks nothing. All three are measured in turn.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter
from typing import TYPE_CHECKING

import yaml

from forward_pass.loading.loader import read_contents
from forward_pass.loading.yaml_tree import read_tree
from measuring import in_turn
from story import ours

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = ((130, 15), (3250, 5))  # scenes, and how often: 200 KB and 5 MB
FILE = "world.yaml"


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def measured(scenes: int, times: int) -> dict[str, float]:
    """Return the size of a world of so many scenes, and the seconds that each way of reading it takes."""
    content = ("\n".join(ours(scenes)) + "\n").encode()
    if read_contents("bench", "", [(FILE, content)], []).story is None:
        sys.exit("the world of the bench cannot be read")
    plain, tree, world = in_turn(
        times,
        lambda: seconds_of(lambda: yaml.load(content, yaml.CSafeLoader)),
        lambda: seconds_of(lambda: read_tree(FILE, content)),
        lambda: seconds_of(lambda: read_contents("bench", "", [(FILE, content)], [])),
    )
    return {"bytes": len(content), "plain": plain, "tree": tree, "world": world}


def main() -> None:
    """Read both sizes, and print how long that took."""
    print(json.dumps([measured(*size) for size in SIZES]))


if __name__ == "__main__":
    main()
