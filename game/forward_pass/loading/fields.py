"""Nodes of YAML to numbers, truths, texts and expressions; what is not as it should be is reported."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeVar

from forward_pass.errors import suggestion
from forward_pass.loading.report import MAX_NAME, Report
from forward_pass.loading.yaml_tree import Node
from forward_pass.story.grammar import ExpressionError

T = TypeVar("T")


class Entry(NamedTuple):
    """A named part of a world: its key, its value, and the token of its file (0 for any)."""

    key: Node
    value: Node
    token: int = 0

    @property
    def name(self) -> str:
        """The key's text."""
        return str(self.key.value)


def mapping(report: Report, node: Node, what: str) -> dict[str, tuple[Node, Node]]:
    """Return the keys of a mapping, each with its key's node and its value; of anything else, none."""
    if isinstance(node.value, dict):
        return node.value
    if node.value == "":
        report.add(node, "E203", f"{what} is empty: what belongs to it is indented more than it, as key: value")
    else:
        report.add(node, "E203", f"{what} must be a mapping (key: value), found a {node.kind}")
    return {}


def keyed(report: Report, entry: Entry, what: str, known: tuple[str, ...], required: tuple[str, ...] = ()) -> dict[str, Node]:
    """Return the values of a mapping by key; unknown and missing keys are reported."""
    rows = mapping(report, entry.value, what)
    hints = {key: report.near(key, known) for key in rows if key not in known}
    after_empty = False
    for key, (_, node) in rows.items():
        if key in known:
            after_empty = node.value == "" and node.style is None
        elif after_empty and isinstance(node.value, dict):
            del hints[key]  # it belongs to the key above that is empty, which is reported
    for key, hint in hints.items():
        report.add(rows[key][0], "E201", f"unknown key {key!r} in {what}{hint}")
    if isinstance(entry.value.value, dict):
        for key in required:
            if key not in rows and suggestion(key) not in hints.values():  # a misspelt key is reported once
                report.add(entry.key, "E202", f"{what} needs the key {key!r}")
    return {key: node for key, (_, node) in rows.items() if key in known}


def string(report: Report, node: Node, what: str) -> str:
    """Return a scalar that is not empty."""
    if isinstance(node.value, str):
        if node.value.strip():
            return node.value
        report.add(node, "E203", f"{what} is empty")
    else:
        report.add(node, "E203", f"{what}: expected text, found a {node.kind}")
    return ""


def line(report: Report, node: Node, what: str) -> str:
    """Return a scalar that is not empty, in one line."""
    return " ".join(string(report, node, what).split())


def known_name(report: Report, node: Node, what: str, known: Collection[str], code: str = "E103") -> str:
    """Return the name that a scalar holds; empty where it is none of the ``known``."""
    name = string(report, node, what).strip()
    if not name or name in known:
        return name
    if len(name) > MAX_NAME or "\n" in name:
        report.add(node, "E203", f"{what}: expected one name in one line")
    else:
        report.add(node, code, f"unknown {what} {name!r}{report.near(name, known)}")
    return ""


def whole(report: Report, node: Node, least: int, most: int) -> int | None:
    """Return a whole number within bounds, None where it is none."""
    expected = f"expected a whole number from {least} to {most}" if least < most else f"expected {least}"
    text = node.value if isinstance(node.value, str) and node.style is None else ""
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        quoted = node.style is not None and re.fullmatch(r"-?[0-9]{1,9}", str(node.value))
        report.add(node, "E203", f"{expected}{', without quotes' if quoted else ''}")
        return None
    number = int(text)
    if not least <= number <= most:
        report.add(node, "E206", f"{expected}, found {number}")
        return None
    return number


def decimal(report: Report, node: Node, least: float, most: float) -> float:
    """Return a number within bounds, with at most six places; the lower bound where it is none."""
    text = node.value if isinstance(node.value, str) and node.style is None else ""
    if not re.fullmatch(r"-?[0-9]{0,6}(\.[0-9]{1,6})?", text) or not text.strip("-"):
        report.add(node, "E203", f"expected a number from {least:g} to {most:g}")
        return least
    if not least <= float(text) <= most:
        report.add(node, "E206", f"expected a number from {least:g} to {most:g}, found {text}")
        return least
    return float(text)


def truth(report: Report, node: Node | None) -> bool:
    """Return a truth: ``true`` or ``false`` and nothing else; false where there is no node."""
    if node is None:
        return False
    if node.style is None and node.value in ("true", "false"):
        return bool(node.value == "true")
    say = {"yes": "; say true", "on": "; say true", "no": "; say false", "off": "; say false"}.get(str(node.value).lower(), "")
    quoted = "; without quotes" if node.style is not None and node.value in ("true", "false") else ""
    report.add(node, "E203", f"expected true or false{say or quoted}")
    return False


def several(report: Report, node: Node | None, what: str) -> list[Node]:
    """Return the texts of a list, or the one text that stands in its place; none where there is no node."""
    if node is None:
        return []
    if isinstance(node.value, str):
        return [node]
    if isinstance(node.value, list):
        for item in node.value:
            if not isinstance(item.value, str):
                report.add(item, "E203", f"{what}: expected text, found a {item.kind}")
        return [item for item in node.value if isinstance(item.value, str)]
    report.add(node, "E203", f"{what}: expected text or a list, found a {node.kind}")
    return []


def known_names(report: Report, node: Node | None, what: str, known: Collection[str], what_list: str = "") -> list[str]:
    """Return the names of a list that are ``known``; ``what`` each of them is, and the list where that is called otherwise."""
    rows = several(report, node, what_list or what)
    return [name for row in rows if (name := known_name(report, row, what, known))]


def parsed(report: Report, node: Node, parse: Callable[[str], T]) -> T | None:
    """Return what ``parse`` makes of a scalar, None where it is not in the grammar; its error is placed in the file."""
    if not isinstance(node.value, str) or not node.value.strip():
        kind = "nothing" if isinstance(node.value, str) else f"a {node.kind}"
        report.add(node, "E203", f"expected text, found {kind}")
        return None
    try:
        return parse(node.value)
    except ExpressionError as error:
        hint = report.near(error.unknown, *error.known) if error.unknown else ""
        report.add(node.locator()(error.offset), error.code, f"{error.message}{hint}")
        return None
