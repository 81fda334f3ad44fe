"""What stands in the folders beside a world's own files: its glossary and its hints, read to plain rows."""

from __future__ import annotations

import re
from typing import Any

from forward_pass.loading.fields import Entry
from forward_pass.loading.symbols import SymbolCollector
from forward_pass.loading.yaml_tree import Node, Source

TERM = re.compile(r"[A-Za-z][A-Za-z' -]{0,39}")
TERM_KEYS = ("claim", "text", "source", "also", "see")
CLAIMS = ("measured", "true", "invented")
STEPS = 3  # of a hint
SINGLE = ("a nudge", "something clearer", "the solution")


class GlossaryLoader(SymbolCollector):
    """Reads the glossary and the hints of a world."""

    def __init__(self, problems: list[Any]) -> None:
        super().__init__(problems)
        self.terms: dict[str, Entry] = {}
        self.hinted: dict[str, Entry] = {}

    def collect_side_file(self, folder: str, source: Source, root: Node) -> None:
        """Take up one file of a folder beside the world's own: ``glossary`` or ``hints``."""
        known = self.terms if folder == "glossary" else self.hinted
        for key, (key_node, node) in root.value.items():
            if folder == "glossary" and not TERM.fullmatch(key):
                shape = "use letters, spaces, ' and -, a letter first, at most 40 characters"
                message = f"{key[:40]!r} is not a valid term: {shape}"
                self.problems.append(source.at(key_node, "E204", message))
            else:
                self.add_once(known, Entry(source, key_node, node))

    def glossary(self) -> list[list[Any]]:
        """Return the terms: name, claim, text, source, other names, and where to read on."""
        rows = [self.term(name, entry) for name, entry in self.terms.items()]
        named: dict[str, str] = {}
        for (name, _, _, _, also, _), entry in zip(rows, self.terms.values(), strict=True):
            for one in (name, *also):
                if one.casefold() in named:
                    message = f"{one!r} is already a name of the term {named[one.casefold()]!r}"
                    self.problems.append(entry.source.at(entry.key_node, "E207", message))
                named[one.casefold()] = name
        return rows

    def term(self, name: str, entry: Entry) -> list[Any]:
        """Return one term as a row."""
        source = entry.source
        keys = self.keyed(entry, f"the term {name!r}", TERM_KEYS, ("claim", "text"))
        claim = self.name(source, keys["claim"], "claim", CLAIMS, "E203") if "claim" in keys else ""
        text = self.string(source, keys["text"], "text") if "text" in keys else ""
        where = self.string(source, keys["source"], "source") if "source" in keys else ""
        if claim == "true" and not where:
            message = f"the term {name!r} has the claim 'true' and needs the key 'source'"
            self.problems.append(source.at(entry.key_node, "E202", message))
        also = [one.value.strip() for one in self.several(source, keys["also"], "also")] if "also" in keys else []
        see = (
            [self.name(source, one, "term", self.terms) for one in self.several(source, keys["see"], "see")]
            if "see" in keys
            else []
        )
        return [name, claim, " ".join(text.split()), " ".join(where.split()), also, [one for one in see if one]]

    def hint_steps(self) -> dict[str, list[str]]:
        """Return by ending the three steps of its hint; a world that has any has them for all, or is warned."""
        endings = self.sections["endings"]
        found: dict[str, list[str]] = {}
        for ending, entry in self.hinted.items():
            if ending not in endings:
                message = f"unknown ending {ending!r}{self.near(ending, endings)}"
                self.problems.append(entry.source.at(entry.key_node, "E301", message))
            rows = entry.node.value if isinstance(entry.node.value, list) else []
            if len(rows) != STEPS:
                message = f"the hint for {ending!r} must be a list of {STEPS} texts: {', '.join(SINGLE)}"
                self.problems.append(entry.source.at(entry.key_node, "E203", message))
            found[ending] = [" ".join(self.string(entry.source, row, f"the hint for {ending!r}").split()) for row in rows]
        if found:
            for ending, entry in endings.items():
                if ending not in found:
                    message = f"the world has hints, but none for the ending {ending!r}"
                    self.problems.append(entry.source.at(entry.key_node, "W308", message)._replace(severity="warning"))
        return found
