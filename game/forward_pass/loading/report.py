"""The problems met while a world is read; whatever cannot be read comes back empty, so that reading goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain

from forward_pass.errors import Place, Problem, did_you_mean
from forward_pass.loading.yaml_tree import Node

MAX_COMPARED = 20_000  # names compared with misspelt ones in a world: a second or two at the worst
MAX_NAME = 100


class Report:
    """Collects problems, and suggests names like a misspelt one for as long as that takes little time."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self.problems = list(problems)
        self.comparisons = MAX_COMPARED
        self.keys: set[str] = set()  # every key of every mapping in the files
        self.lacks_names = False  # whether what is declared could not be read whole: unknown names may follow from that alone

    def add(self, at: Node | Place, code: str, message: str) -> None:
        """Report a problem at a node or a place."""
        self.problems.append(Problem.at(at.place if isinstance(at, Node) else at, code, message))

    def near(self, name: str, *known: Collection[str]) -> str:
        """Return the suggestion of a known name like ``name``; empty where there is none or looking takes too long."""
        self.comparisons -= sum(map(len, known))
        if self.comparisons < 0 or len(name) > MAX_NAME:
            return ""
        return did_you_mean(name, list(chain(*known)))
