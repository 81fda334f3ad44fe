"""All runs of a world as one tree, a value: what they share stands once, and every end of it is a run that is kept.

It is built from the lines of the files and from nothing else: no run is walked again. What only walking can show (the states,
the exits that nobody took, whether a run is still what it was) is asked for a branch at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from forward_pass.gc_pause import gc_paused
from forward_pass.storage.journal import Journal
from forward_pass.story.history import RecordedTurn


class Node(NamedTuple):
    """A turn that runs have in common: its number among the branches, the one before it, and those after it."""

    number: int
    parent: int  # the branch that it goes on from; the opening goes on from itself
    turn: int  # how many choices were made up to here
    recorded: RecordedTurn | None  # None at the opening
    runs: tuple[int, ...]  # the runs that pass through, by number
    standing_runs: tuple[int, ...]  # those whose cursor stands here
    children: tuple[int, ...]


class Tree(NamedTuple):
    """The branches, the opening first, each before those that go on from it."""

    nodes: tuple[Node, ...]
    standing: dict[int, int]  # by run, the branch at which its cursor stands
    lasts: dict[int, int]  # by run, the branch of its last turn, undone or not

    @property
    def forks(self) -> int:
        """How many branches more than one goes on from."""
        return sum(len(branch.children) > 1 for branch in self.nodes)

    def at(self, digest: str) -> int:
        """Return the branch of the turn that has a digest, or the opening where there is none."""
        return next((one.number for one in self.nodes if one.recorded and one.recorded.digest == digest), 0)

    def path(self, number: int) -> list[Node]:
        """Return the branches from the opening to one, both among them."""
        path = [self.nodes[number]]
        while path[-1].number:
            path.append(self.nodes[path[-1].parent])
        return path[::-1]

    def depth_first(self) -> Iterator[tuple[int, Node]]:
        """Yield every branch, with how many forks lie before it."""
        waiting = [(0, 0)]
        while waiting:
            forks, number = waiting.pop()
            branch = self.nodes[number]
            yield forks, branch
            deeper = forks + (len(branch.children) > 1)
            waiting.extend((deeper, after) for after in reversed(branch.children))


class _NodeBuilder:
    """A branch while runs are still laid over it."""

    __slots__ = ("after", "before", "recorded", "runs", "stand", "turn")

    def __init__(self, before: int, turn: int, recorded: RecordedTurn | None) -> None:
        self.before, self.turn, self.recorded = before, turn, recorded
        self.runs: list[int] = []
        self.stand: list[int] = []
        self.after: dict[tuple[str, str | None, str], int] = {}


def build_tree(runs: Iterable[tuple[int, Journal]]) -> Tree:
    """Return the tree of runs, given by number: turns are one where choice, word and digest are, and all before them."""
    with gc_paused():
        return _build_tree(runs)


def _build_tree(runs: Iterable[tuple[int, Journal]]) -> Tree:
    growing = [_NodeBuilder(0, 0, None)]
    standing: dict[int, int] = {}
    lasts: dict[int, int] = {}
    for run, journal in runs:
        at = 0
        growing[0].runs.append(run)
        reached = [0]
        for recorded in journal.turns:
            key = (recorded.choice, recorded.word, recorded.digest)
            after = growing[at].after.get(key)
            if after is None:
                after = growing[at].after[key] = len(growing)
                growing.append(_NodeBuilder(at, growing[at].turn + 1, recorded))
            at = after
            growing[at].runs.append(run)
            reached.append(at)
        lasts[run] = at
        standing[run] = reached[journal.at]
        growing[standing[run]].stand.append(run)
    branches = (
        Node(number, one.before, one.turn, one.recorded, tuple(one.runs), tuple(one.stand), tuple(one.after.values()))
        for number, one in enumerate(growing)
    )
    return Tree(tuple(branches), standing, lasts)
