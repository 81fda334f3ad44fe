"""The rows of a tree of runs as a screen shows them: folded or not, those of some runs alone, and what each says in words."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from forward_pass.gc_pause import gc_paused
from forward_pass.session.branches import (
    MAX_UNFOLDED,
    NodePositions,
    chain_outcome,
    decoded_text,
    plain_choice,
)
from forward_pass.session.tree_states import TreeStates
from forward_pass.storage.labels import Annotation
from forward_pass.story.distribution import format_probability

if TYPE_CHECKING:
    from forward_pass.storage.run_set import RunSet
    from forward_pass.storage.tree import Node

MAX_DATED = 3  # runs whose days stand on one row


class TreeRows:
    """The rows of a tree: every turn or, folded, the first of each chain of turns from which no run parted."""

    def __init__(self, run_set: RunSet) -> None:
        self.world, self.tree, self.run_set = run_set.world, run_set.tree, run_set
        self.positions = NodePositions(self.world, self.tree)
        self.states = TreeStates(run_set)
        self.annotations = run_set.annotations()
        self.marked: int | None = None
        self.folded = len(self.tree.nodes) > MAX_UNFOLDED
        self.filter = ""
        self._shown_runs: frozenset[int] | None = None  # None: all
        self._untaken: dict[int, frozenset[str]] = {}
        self._unfolded: set[int] = set()  # the first nodes of chains that are shown turn by turn, where others are folded
        self.rows: list[tuple[int, Node]] = []
        self.row_by_node: dict[int, int] = {}
        self._chains: dict[int, list[Node]] = {}  # by the first node of a folded chain, those after it
        with gc_paused():
            self.set_rows()

    # -- which rows -----------------------------------------------------------------------------------------------------

    def set_rows(self) -> None:
        """Set the rows, from whether they are folded and which runs are shown."""
        self.rows, self.row_by_node, self._chains = [], {}, {}
        for forks, first, others in self.tree.chains():
            chain = [node for node in (first, *others) if self._is_shown(node)]
            folded = self.folded and first.number not in self._unfolded
            shown = chain[:1] if folded else chain
            self.rows += [(forks, node) for node in shown]
            if chain:
                self._chains[first.number] = chain[1:] if folded else []
            for number, node in enumerate(chain):
                self.row_by_node[node.number] = len(self.rows) - (1 if folded else len(shown) - number)

    def _is_shown(self, node: Node) -> bool:
        return self._shown_runs is None or not self._shown_runs.isdisjoint(node.runs)

    def toggle_fold(self) -> None:
        """Fold the chains of turns, or unfold them."""
        self.folded = not self.folded
        self._unfolded.clear()
        self.set_rows()

    def unfold(self, row: int) -> bool:
        """Show the turns of a folded row; return False where it is not folded."""
        if len(self.chain(row)) == 1:
            return False
        self._unfolded.add(self.rows[row][1].number)
        self.set_rows()
        return True

    def show_only(self, text: str) -> int:
        """Show only the runs that have a text somewhere: an ending, a word, a choice; all for an empty one. Return how many.

        Where no run has it, nothing changes.
        """
        needle = text.strip().casefold()
        runs = self._runs_with(needle) if needle else set()
        if needle and not runs:
            return 0
        self.filter, self._shown_runs = (text.strip(), frozenset(runs)) if needle else ("", None)
        self.set_rows()
        return len(runs)

    def _runs_with(self, needle: str) -> set[int]:
        """Return the runs that have a text: as their number, as a word said, an ending, a verb, or else in a choice."""
        number = needle.removeprefix("run ")
        if number.isdigit() and int(number) in self.run_set.journals:
            return {int(number)}
        for test in (self._says, self._ends, self._has_verb, self._has_text):
            runs = {run for node in self.tree.nodes if node.recorded and test(node, needle) for run in node.runs}
            if runs:
                return runs
        return set()

    def _says(self, node: Node, needle: str) -> bool:
        return node.recorded is not None and (node.recorded.word or "").casefold() == needle

    def _ends(self, node: Node, needle: str) -> bool:
        title = self.world.endings.get(node.recorded.scene) if node.recorded else None
        return title is not None and needle in title.casefold()

    def _has_verb(self, node: Node, needle: str) -> bool:
        choice = self.world.choices.get(node.recorded.choice) if node.recorded else None
        return choice is not None and choice.verb == needle

    def _has_text(self, node: Node, needle: str) -> bool:
        return needle in self._node_search_text(node)

    def next_fork(self, row: int, step: int) -> int | None:
        """Return the next row, or with step -1 the one before, at which runs part; None where there is none."""
        at = row + step
        while 0 <= at < len(self.rows):
            if len(self._last(at).children) > 1:
                return at
            at += step
        return None

    def next_untaken(self, row: int) -> int | None:
        """Return the node after a row, around the end, at which a way is open that no run ever took; None without one."""
        order = [*range(row + 1, len(self.rows)), *range(row + 1)]
        return next((node.number for at in order for node in self.chain(at) if self._untaken_at(node)), None)

    def find(self, row: int, needle: str) -> int | None:
        """Return the next row, around the end, that contains a text; None where none does."""
        order = [*range(row + 1, len(self.rows)), *range(row + 1)]
        number = re.fullmatch(r"run ([0-9]{1,9})", needle)
        if number:
            return next((at for at in order if any(int(number[1]) in one.cursor_runs for one in self.chain(at))), None)
        return next((at for at in order if needle and needle in self.search_text(at)), None)

    # -- what they say --------------------------------------------------------------------------------------------------

    def chain(self, row: int) -> list[Node]:
        """Return the turns of a row: one, or all of a folded chain."""
        node = self.rows[row][1]
        return [node, *self._chains.get(node.number, [])]

    def _last(self, row: int) -> Node:
        return self.chain(row)[-1]

    def untaken_count(self, row: int) -> int:
        """Return how many ways are open at the turns of a row that no run ever took; turns are computed again for it."""
        return len({choice for node in self.chain(row) for choice in self._untaken_at(node)})

    def _untaken_at(self, node: Node) -> frozenset[str]:
        if node.number not in self._untaken:
            self._untaken[node.number] = frozenset(choice.id for choice in self.states.untaken(node.number))
        return self._untaken[node.number]

    def is_act(self, node: Node) -> bool:
        """Return whether a turn did something to the pass."""
        choice = self.world.choices.get(node.recorded.choice) if node.recorded else None
        return choice is not None and bool(choice.acts)

    def has_act(self, row: int) -> bool:
        """Return whether a turn of a row did something to the pass."""
        return any(map(self.is_act, self.chain(row)))

    def text(self, row: int) -> str:
        """Return a row in words, without its position."""
        node = self.rows[row][1]
        more = len(self.chain(row)) - 1
        runs = [run for one in self.chain(row) for run in one.cursor_runs]
        parts = [tag for one in self.chain(row) for tag in self.tags(one)]
        parts += [f"run {', '.join(map(str, runs))}"] if runs else []
        parts += [*self._outcome(row), plain_choice(self.world, node.recorded.choice) if node.recorded else "the opening"]
        parts += [f"{more} more turn{'s' * (more > 1)}"] if more else []
        return " · ".join([*parts, *self._days(runs)])

    def _outcome(self, row: int) -> list[str]:
        """Return how a row ends and what it said: first, so that narrow screens show it."""
        if len(self.chain(row)) > 1:
            return chain_outcome(self.world, self.positions, self.chain(row))
        node = self.rows[row][1]
        if node.recorded is None:
            return []
        title = self.world.endings.get(node.recorded.scene)
        said = [decoded_text(node.recorded)] if node.recorded.word is not None and not title else []
        return [*([f"ends: {title}"] if title else []), *said]

    def number_text(self, row: int) -> str:
        """Return the forecast at the end of a row: the first of the words that the story turns on, with its probability.

        Empty where the world names no such word, or where no run through that turn has said it: it may be sealed there.
        """
        telling, node = self.world.telling, self._last(row)
        if telling is None or not telling.words or node.recorded is None or not self._was_told(node):
            return ""
        if self.positions[node.number][0] > telling.token:
            return ""
        shown = self.states.forecast_of(node.number, telling.words[0])
        return f"{telling.words[0]} {format_probability(shown)}" if shown is not None else ""

    def _was_told(self, node: Node) -> bool:
        lasts = (self.tree.last_nodes[run] for run in node.runs[:1])
        return any(self.positions[last][0] > self.world.telling_token for last in lasts)

    def tags(self, node: Node) -> list[str]:
        """Return a turn's label and note, and whether it is marked, each in words."""
        annotation = self.annotations.get(node.recorded.digest, Annotation()) if node.recorded else Annotation()
        words = [f"label “{annotation.label}”"] if annotation.label else []
        words += [f"note “{annotation.note}”"] if annotation.note else []
        return words + (["marked"] if node.number == self.marked else [])

    def _days(self, runs: Sequence[int]) -> list[str]:
        """Return the days on which some runs were played last, each once; none where there are many runs."""
        days = [day_of(self.run_set, run) for run in runs[:MAX_DATED]]
        return list(dict.fromkeys(filter(None, days))) if len(runs) <= MAX_DATED else []

    def search_text(self, row: int) -> str:
        """Return what ``find`` looks through, case-folded: the words of a row, of the turns folded into it, and their ids."""
        return " ".join([self.text(row).casefold(), *map(self._node_search_text, self.chain(row))])

    def _node_search_text(self, node: Node) -> str:
        recorded = node.recorded
        if recorded is None:
            return self.world.start
        title = self.world.endings.get(recorded.scene, "")
        choice = self.world.choices.get(recorded.choice)
        verb = choice.verb if choice and choice.verb else ""
        words = [plain_choice(self.world, recorded.choice), recorded.choice, recorded.scene, verb]
        words += [f"ends: {title}"] if title else []
        words += [f"said “{recorded.word}”"] if recorded.word is not None else []
        return " ".join(words).casefold()


def day_of(run_set: RunSet, run: int) -> str:
    """Return the day on which a run was played last, as the local calendar has it; empty where no turn has its time."""
    turns = run_set.journals[run].turns
    played = turns[-1].time if turns else None
    return "" if played is None else time.strftime("%Y-%m-%d", time.localtime(played))
