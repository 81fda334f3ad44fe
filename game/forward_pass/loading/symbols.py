"""The first pass over a world's files: what there is, by name, and where it stands. Reads no condition and no text."""

from __future__ import annotations

import re

from forward_pass.errors import Problem
from forward_pass.loading.fields import Entry, FieldReader
from forward_pass.loading.yaml_tree import Node, Source
from forward_pass.story import expressions, text
from forward_pass.story.world import NOT_IDS

ID = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
NAME = re.compile(r"[a-z][a-z0-9_]*")
POSITION = re.compile(r"[1-9][0-9]{0,6}")
NOT_NAMES = expressions.NOT_NAMES | text.NOT_NAMES
LONGEST_ID = 60
MOST_TOKENS = 1_000_000

SECTIONS = ("variables", "thresholds", "bands", "spans", "continuations", "acts", "tokens", "scenes", "endings")
NAMED = ("variables", "thresholds", "bands")  # what conditions call by name
SHARED = {"scenes": ("endings",), "endings": ("scenes",)} | {one: tuple({*NAMED} - {one}) for one in NAMED}
SINGLES = {
    "format": "the version of this format",
    "title": "the world's title",
    "version": "the world's version",
    "about": "a line about the world",
    "layers": "the layers of the pass",
    "waking": "the layer at which a token's story begins",
    "boundary": "the layer at which the decoder comes",
    "start": "the first scene",
    "model": "the file of the weights, beside this one; without it, words are written",
    "prompt": "the words before the first token, that token's word last",
    "instantiations": "the highest number of an instantiation that texts tell apart",
    "acts_per_token": "how many interventions a token bears",
    "lasting_per_token": "how many of them may outlive it",
    "telling": "the token whose word tells of a run",
}


class SymbolCollector(FieldReader):
    """Takes up one file after the other: single keys, the entries of sections, and the choices inside scenes."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.singles: dict[str, Entry] = {}
        self.sections: dict[str, dict[str, Entry]] = {section: {} for section in SECTIONS}
        self.choices: dict[str, Entry] = {}
        self.homes: dict[str, str] = {}  # the scene in which each choice stands
        self.meant: set[str] = set()  # what was said of keys that there are not
        self.files: list[Entry] = []  # the key ``token`` of each file that has one, and the token

    def collect(self, source: Source, root: Node) -> None:
        """Take up one file: its single keys, its sections, and the token that its scenes belong to."""
        known = (*SINGLES, *SECTIONS, "token")
        token = 0
        if "token" in root.value:
            key_node, node = root.value["token"]
            token = self.whole(source, node, 1, MOST_TOKENS) or 0
            self.files.append(Entry(source, key_node, node, token))
        for key, (key_node, node) in root.value.items():
            if key in SECTIONS:
                self.collect_section(source, key, node, token)
            elif key in SINGLES:
                self.add_once(self.singles, Entry(source, key_node, node, token))
            elif key != "token":
                hint = self.near(key, known)
                self.meant.add(hint)
                self.problems.append(source.at(key_node, "E201", f"unknown key {key!r}{hint}"))

    def collect_section(self, source: Source, section: str, node: Node, token: int) -> None:
        """Take up the entries of a section; none may be called as one of another section that shares its names."""
        shared = [self.sections[other] for other in SHARED.get(section, ())]
        for key, (key_node, value) in self.mapping(source, node, repr(section)).items():
            self.check_identifier(source, key_node, section)
            entry = Entry(source, key_node, value, token if section == "scenes" else 0)
            first = next((known[key] for known in shared if key in known), None)
            if first:
                self.report_duplicate(first, entry)
            elif self.add_once(self.sections[section], entry) and section == "scenes":
                self.collect_choices(source, value, key)

    def collect_choices(self, source: Source, scene: Node, scene_id: str) -> None:
        """Take up the choices of a scene."""
        if not isinstance(scene.value, dict) or "choices" not in scene.value:
            return
        for key, (key_node, node) in self.mapping(source, scene.value["choices"][1], "'choices'").items():
            self.check_identifier(source, key_node, "choices")
            if self.add_once(self.choices, Entry(source, key_node, node)):
                self.homes[key] = scene_id

    def add_once(self, known: dict[str, Entry], entry: Entry) -> bool:
        """Take up an entry, or say where it was met before; return whether it was taken up."""
        first = known.get(entry.key_node.value)
        if first is None:
            known[entry.key_node.value] = entry
            return True
        self.report_duplicate(first, entry)
        return False

    def report_duplicate(self, first: Entry, entry: Entry) -> None:
        """Report a name that was given before."""
        where = f"{first.source.file}:{first.key_node.line}:{first.key_node.column}"
        message = f"{entry.key_node.value!r} is already defined at {where}"
        self.problems.append(entry.source.at(entry.key_node, "E207", message))

    def check_identifier(self, source: Source, key: Node, section: str) -> None:
        """Report a key that cannot be the id, the name or the position that its section asks for."""
        name: str = key.value
        if section == "tokens":
            if not POSITION.fullmatch(name):
                message = f"{name!r} is not a token's position; expected a number, such as 400"
                self.problems.append(source.at(key, "E204", message))
            return
        named = section in NAMED
        if not (NAME if named else ID).fullmatch(name) or len(name) > LONGEST_ID:
            what, mark = ("name", "_") if named else ("id", "-")
            shape = f"use lowercase letters, digits and {mark}, a letter first, at most {LONGEST_ID} characters"
            message = f"{name!r} is not a valid {what}: {shape}"
            self.problems.append(source.at(key, "E204", message))
        elif name in (NOT_NAMES if named else NOT_IDS):
            where = "in conditions and texts" if named else "in play"
            self.problems.append(source.at(key, "E205", f"{name!r} is reserved {where}; choose another name"))
