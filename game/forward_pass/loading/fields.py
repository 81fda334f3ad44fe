"""Nodes to numbers, truths, texts and trees: what is not as it should be becomes a problem, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from itertools import chain
from typing import Any, NamedTuple

from forward_pass.errors import Problem, did_you_mean, suggestion
from forward_pass.loading.yaml_tree import Node, Source
from forward_pass.story.expressions import ExpressionError, Tree


class Entry(NamedTuple):
    """A named part of a world: where it was written, its key and its node, and the token of its file (0 for any)."""

    source: Source
    key_node: Node
    node: Node
    token: int = 0


def key_place(entry: Entry) -> str:
    """Return where an entry's key stands, as ``file:line:column``."""
    problem = entry.source.at(entry.key_node, "", "")
    return f"{problem.file}:{problem.line}:{problem.column}"


def value_place(source: Source, node: Node) -> str:
    """Return where a value begins, inside its quotes, in the same way."""
    problem = source.inside(node, 0, "", "") if isinstance(node.value, str) else source.at(node, "", "")
    return f"{problem.file}:{problem.line}:{problem.column}"


MAX_HINTS = 20_000  # names that are compared with misspelt ones in a world: a second or two at the worst
MAX_NAME = 100


class FieldReader:
    """Reads nodes and collects the problems met; whatever cannot be read comes back empty, so that reading goes on."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.hints = MAX_HINTS

    def near(self, name: str, *known: Collection[str]) -> str:
        """Return ``nearest``'s hint, or nothing where a world has so many faults or names that looking takes too long."""
        self.hints -= sum(map(len, known))
        return did_you_mean(name, list(chain(*known))) if self.hints >= 0 and len(name) <= MAX_NAME else ""

    def mapping(self, source: Source, node: Node, what: str) -> dict[str, tuple[Node, Node]]:
        """Return the keys of a mapping, each with its key's node and its value; of anything else, none."""
        if isinstance(node.value, dict):
            return node.value
        self.problems.append(source.at(node, "E203", f"{what} must be a mapping (key: value), found a {node.kind}"))
        return {}

    def keyed(self, entry: Entry, what: str, known: tuple[str, ...], required: tuple[str, ...] = ()) -> dict[str, Node]:
        """Return the values of a mapping by key, having reported unknown and missing keys."""
        rows = self.mapping(entry.source, entry.node, what)
        hints = {key: self.near(key, known) for key in rows if key not in known}
        for key, hint in hints.items():
            self.problems.append(entry.source.at(rows[key][0], "E201", f"unknown key {key!r} in {what}{hint}"))
        if isinstance(entry.node.value, dict):
            for key in required:
                if key not in rows and suggestion(key) not in hints.values():  # a misspelt key is told once
                    self.problems.append(entry.source.at(entry.key_node, "E202", f"{what} needs the key {key!r}"))
        return {key: node for key, (_, node) in rows.items() if key in known}

    def string(self, source: Source, node: Node, what: str) -> str:
        """Return a scalar that is not empty."""
        if isinstance(node.value, str):
            if node.value.strip():
                return node.value
            self.problems.append(source.at(node, "E203", f"{what} is empty"))
        else:
            self.problems.append(source.at(node, "E203", f"{what}: expected text, found a {node.kind}"))
        return ""

    def name(self, source: Source, node: Node, what: str, known: Collection[str], code: str = "E103") -> str:
        """Return the name that a scalar holds, or nothing, having said so, where it is none of the ``known``."""
        name = self.string(source, node, what).strip()
        if not name or name in known:
            return name
        if len(name) > MAX_NAME or "\n" in name:
            self.problems.append(source.at(node, "E203", f"{what}: expected one name in one line"))
        else:
            self.problems.append(source.at(node, code, f"unknown {what} {name!r}{self.near(name, known)}"))
        return ""

    def whole(self, source: Source, node: Node, least: int, most: int) -> int | None:
        """Return a whole number within bounds, or None, having said so, where it is none."""
        expected = f"expected a whole number from {least} to {most}" if least < most else f"expected {least}"
        text = node.value if isinstance(node.value, str) and node.style is None else ""
        if not re.fullmatch(r"-?[0-9]{1,9}", text):
            self.problems.append(source.at(node, "E203", expected))
            return None
        number = int(text)
        if not least <= number <= most:
            self.problems.append(source.at(node, "E206", f"{expected}, found {number}"))
            return None
        return number

    def decimal(self, source: Source, node: Node, least: float, most: float) -> float:
        """Return a number within bounds, with at most six places, or the lower bound."""
        text = node.value if isinstance(node.value, str) and node.style is None else ""
        if not re.fullmatch(r"-?[0-9]{0,6}(\.[0-9]{1,6})?", text) or not text.strip("-"):
            self.problems.append(source.at(node, "E203", f"expected a number from {least:g} to {most:g}"))
            return least
        if not least <= float(text) <= most:
            self.problems.append(source.at(node, "E206", f"expected a number from {least:g} to {most:g}, found {text}"))
            return least
        return float(text)

    def truth(self, source: Source, node: Node) -> bool:
        """Return a truth: ``true`` or ``false`` and nothing else."""
        if node.style is None and node.value in ("true", "false"):
            return bool(node.value == "true")
        self.problems.append(source.at(node, "E203", "expected true or false"))
        return False

    def several(self, source: Source, node: Node, what: str) -> list[Node]:
        """Return the texts of a list, or the one text that stands in its place."""
        if isinstance(node.value, str):
            return [node]
        if isinstance(node.value, list):
            for item in node.value:
                if not isinstance(item.value, str):
                    self.problems.append(source.at(item, "E203", f"{what}: expected text, found a {item.kind}"))
            return [item for item in node.value if isinstance(item.value, str)]
        self.problems.append(source.at(node, "E203", f"{what}: expected text or a list, found a {node.kind}"))
        return []

    def parsed(self, source: Source, node: Node, parse: Callable[..., Tree], *arguments: Any) -> Tree | None:
        """Return what ``parse`` makes of a scalar, with its error placed where it stands in the file."""
        if not isinstance(node.value, str) or not node.value.strip():
            kind = "nothing" if isinstance(node.value, str) else f"a {node.kind}"
            self.problems.append(source.at(node, "E203", f"expected text, found {kind}"))
            return None
        try:
            return parse(node.value, *arguments)
        except ExpressionError as error:
            hint = self.near(error.asked, *error.known) if error.asked else ""
            self.problems.append(source.inside(node, error.offset, error.code, f"{error.message}{hint}"))
            return None
