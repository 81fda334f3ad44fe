"""All runs of a world as one tree, an immutable value: turns that runs share are one node, and every leaf ends a run.

Built from run files alone, without replaying: states, choices never taken and whether a run still replays are found elsewhere.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from forward_pass.gc_pause import gc_paused
from forward_pass.storage.journal import Journal
from forward_pass.story.history import RecordedTurn


class Node(NamedTuple):
    """A turn that one or more runs have in common. Nodes are referred to by number, runs by theirs."""

    number: int
    parent: int  # the opening is its own parent
    turn: int  # how many choices lead here
    recorded: RecordedTurn | None  # None at the opening
    runs: tuple[int, ...]  # the runs that contain this turn
    cursor_runs: tuple[int, ...]  # the runs whose cursor is here
    children: tuple[int, ...]


class Tree(NamedTuple):
    """The nodes of all runs: the opening first, each before its children."""

    nodes: tuple[Node, ...]
    cursors: dict[int, int]  # by run: the node at its cursor
    last_nodes: dict[int, int]  # by run: the node of its last turn, undone or not

    @property
    def fork_count(self) -> int:
        """How many nodes have more than one child."""
        return sum(len(node.children) > 1 for node in self.nodes)

    def find(self, digest: str) -> int:
        """Return the number of the node whose turn has a digest, or 0, the opening, where none has."""
        return next((node.number for node in self.nodes if node.recorded and node.recorded.digest == digest), 0)

    def path(self, number: int) -> list[Node]:
        """Return the nodes from the opening to a node, both included."""
        path = [self.nodes[number]]
        while path[-1].number:
            path.append(self.nodes[path[-1].parent])
        return path[::-1]

    def below(self, number: int) -> Sequence[Node]:
        """Return a node and all nodes that follow it, each before its children."""
        if not number:
            return self.nodes
        wanted, found = {number}, []
        for node in self.nodes[number:]:
            if node.number in wanted:
                found.append(node)
                wanted.update(node.children)
        return found

    def chains(self) -> Iterator[tuple[int, Node, list[Node]]]:
        """Yield each chain of turns from which no run parted, depth first: the forks before it, its first node, the others."""
        nodes = self.depth_first()
        chain: tuple[int, Node, list[Node]] = (*next(nodes), [])
        for forks, node in nodes:
            if node.parent and len(self.nodes[node.parent].children) == 1:
                chain[2].append(node)
            else:
                yield chain
                chain = (forks, node, [])
        yield chain

    def depth_first(self) -> Iterator[tuple[int, Node]]:
        """Yield every node in depth-first order, with the number of forks above it."""
        pending = [(0, 0)]
        while pending:
            forks, number = pending.pop()
            node = self.nodes[number]
            yield forks, node
            forks += len(node.children) > 1
            pending.extend((forks, child) for child in reversed(node.children))


class _NodeBuilder:
    """A node while runs are being added to it."""

    __slots__ = ("children", "cursor_runs", "parent", "recorded", "runs", "turn")

    def __init__(self, parent: int, turn: int, recorded: RecordedTurn | None) -> None:
        self.parent, self.turn, self.recorded = parent, turn, recorded
        self.runs: list[int] = []
        self.cursor_runs: list[int] = []
        self.children: dict[tuple[str, str | None, str], int] = {}  # by choice, word and digest


def build_tree(runs: Iterable[tuple[int, Journal]], endings: Container[str] = ()) -> Tree:
    """Return the tree of runs; turns are one node where choice, word, digest and all turns before them are equal."""
    with gc_paused():
        return _build_tree(runs, endings)


def _build_tree(runs: Iterable[tuple[int, Journal]], endings: Container[str]) -> Tree:
    builders = [_NodeBuilder(0, 0, None)]
    cursors: dict[int, int] = {}
    last_nodes: dict[int, int] = {}
    for run, journal in runs:
        at = 0
        builders[0].runs.append(run)
        path = [0]
        for recorded in journal.turns:
            key = (recorded.choice, recorded.word, recorded.digest)
            child = builders[at].children.get(key)
            if child is None:
                child = builders[at].children[key] = len(builders)
                builders.append(_NodeBuilder(at, builders[at].turn + 1, recorded))
            at = child
            builders[at].runs.append(run)
            path.append(at)
        last_nodes[run] = at
        cursors[run] = path[journal.reach(endings)]
        builders[cursors[run]].cursor_runs.append(run)
    nodes = (
        Node(number, one.parent, one.turn, one.recorded, tuple(one.runs), tuple(one.cursor_runs), tuple(one.children.values()))
        for number, one in enumerate(builders)
    )
    return Tree(tuple(nodes), cursors, last_nodes)
