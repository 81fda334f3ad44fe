"""The first pass over a world's files: what there is, by name, and where it stands. Reads no condition and no text."""

from __future__ import annotations

import re

from forward_pass.loading.fields import Entry, mapping, whole
from forward_pass.loading.report import Report
from forward_pass.loading.yaml_tree import Node
from forward_pass.story import grammar, text_grammar
from forward_pass.story.nodes import DECODE, GO_ON, OTHERWISE
from forward_pass.story.world import COMMANDS

ID = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
NAME = re.compile(r"[a-z][a-z0-9_]*")
POSITION = re.compile(r"[1-9][0-9]{0,6}")
TERM = re.compile(r"[A-Za-z][A-Za-z' -]{0,39}")
RESERVED_NAMES = grammar.RESERVED | text_grammar.RESERVED
RESERVED_IDS = frozenset((*COMMANDS, DECODE, OTHERWISE, GO_ON))
MAX_ID = 60
MAX_TOKEN = 1_000_000

SECTIONS = (
    "variables",
    "thresholds",
    "bands",
    "spans",
    "continuations",
    "verbs",
    "claims",
    "acts",
    "tokens",
    "scenes",
    "endings",
)
NAMED = ("variables", "thresholds", "bands")  # what conditions call by name
SHARED = {"scenes": ("endings",), "endings": ("scenes",)} | {one: tuple({*NAMED} - {one}) for one in NAMED}
SINGLES = {
    "format": "the version of this format",
    "id": "the name that runs of the world belong to; without it, the name of the folder",
    "title": "the world's title",
    "version": "the world's version",
    "about": "a line about the world",
    "layers": "the layers of the pass",
    "waking": "the layer at which a token's story begins",
    "boundary": "the layer at which the decoder comes",
    "start": "the first scene",
    "model": "the file of the weights, beside this one; without it, words are written",
    "earlier_weights": "SHA-256 of earlier files of the weights, in headers of runs, that give the same words",
    "prompt": "the words before the first token, that token's word last",
    "instantiations": "the highest number of an instantiation that texts tell apart",
    "acts_per_token": "how many interventions a token bears",
    "lasting_per_token": "how many of them may outlive it",
    "telling": "the token that the story is about, the words it turns on, and how figures are given before",
    "frame": "none, for a story without a pass: no layers, tokens, prompt and decoder",
    "cost": "the layers that a choice takes if it says nothing else: 1 if missing",
    "answers": "optional, where choices that let the decoder come need not be answered in words",
}


class Symbols:
    """What a world's files hold, by name: single keys, the entries of sections, choices, and the files beside them."""

    def __init__(self) -> None:
        self.singles: dict[str, Entry] = {}
        self.misread: set[str] = set()  # the sections that are no mapping, or stand in another, which is reported
        self.section_keys: dict[str, Node] = {}  # where each section first stands
        self.sections: dict[str, dict[str, Entry]] = {section: {} for section in SECTIONS}
        self.choices: dict[str, Entry] = {}
        self.choices_of: dict[str, dict[str, str]] = {}  # by scene and the id that is written there, the id in the world
        self.terms: dict[str, Entry] = {}
        self.hints: dict[str, Entry] = {}
        self.files: list[Entry] = []  # the key ``token`` of each file that has one, and the token
        self.suggested: set[str] = set()  # the suggestions made for unknown keys


def collect_file(report: Report, symbols: Symbols, root: Node) -> None:
    """Take up one file of a world: its single keys, its sections, and the token that its scenes belong to."""
    known = (*SINGLES, *SECTIONS, "token")
    token = 0
    if "token" in root.value:
        key_node, node = root.value["token"]
        token = whole(report, node, 1, MAX_TOKEN) or 0
        symbols.files.append(Entry(key_node, node, token))
    for key, (key_node, node) in root.value.items():
        if key in SECTIONS:
            symbols.section_keys.setdefault(key, key_node)
            _collect_section(report, symbols, key, node, token)
        elif key in SINGLES:
            _add_once(report, symbols.singles, Entry(key_node, node, token))
        elif key != "token":
            hint = report.near(key, known)
            symbols.suggested.add(hint)
            report.lacks_names |= isinstance(node.value, dict)  # a section, perhaps
            report.add(key_node, "E201", f"unknown key {key!r}{hint}")


def collect_glossary(report: Report, symbols: Symbols, root: Node) -> None:
    """Take up one file of the glossary."""
    for key, (key_node, node) in root.value.items():
        if TERM.fullmatch(key):
            _add_once(report, symbols.terms, Entry(key_node, node))
        else:
            shape = "use letters, spaces, ' and -, a letter first, at most 40 characters"
            report.add(key_node, "E204", f"{key[:40]!r} is not a valid term: {shape}")


def collect_hints(report: Report, symbols: Symbols, root: Node) -> None:
    """Take up one file of hints."""
    for key_node, node in root.value.values():
        _add_once(report, symbols.hints, Entry(key_node, node))


def _collect_section(report: Report, symbols: Symbols, section: str, node: Node, token: int) -> None:
    """Take up the entries of a section; none may be called as one of another section that shares its names."""
    shared = [symbols.sections[other] for other in SHARED.get(section, ())]
    if not isinstance(node.value, dict):
        report.lacks_names = True
        symbols.misread.add(section)
    above = ""  # the entry before
    for key, (key_node, value) in mapping(report, node, repr(section)).items():
        if key in SECTIONS and section != key and (value.value == "" or isinstance(value.value, dict)):
            message = f"{key!r} is indented as a part of {section!r}: it belongs at the beginning of its line"
            report.add(key_node, "E203", message)
            symbols.section_keys.setdefault(key, key_node)
            symbols.misread.add(key)
            if value.value == "":
                section, shared = (
                    key,
                    [symbols.sections[other] for other in SHARED.get(key, ())],
                )  # what follows is meant for it
            else:
                _collect_section(report, symbols, key, value, token)
            continue
        if section == "scenes" and key == "choices" and above and _adopt(report, symbols, above, key_node, value):
            continue
        above = key
        _check_identifier(report, key_node, section)
        entry = Entry(key_node, value, token if section == "scenes" else 0)
        first = next((known[key] for known in shared if key in known), None)
        if first:
            _report_duplicate(report, first, entry)
        elif _add_once(report, symbols.sections[section], entry) and section == "scenes":
            _collect_choices(report, symbols, value, key)


def _adopt(report: Report, symbols: Symbols, scene_id: str, key: Node, value: Node) -> bool:
    """Give a scene the choices that stand below it as if they were a scene; return whether it had none."""
    scene = symbols.sections["scenes"][scene_id].value
    if not isinstance(scene.value, dict) or "choices" in scene.value:
        return False
    report.add(key, "E203", f"'choices' is indented as a scene of its own: it belongs to {scene_id!r} above")
    scene.value["choices"] = (key, value)
    _collect_choices(report, symbols, scene, scene_id)
    return True


def _collect_choices(report: Report, symbols: Symbols, scene: Node, scene_id: str) -> None:
    """Take up the choices of a scene. An id that a scene before it has too stands for ``scene.id`` in the world."""
    own = symbols.choices_of[scene_id] = {}
    if not isinstance(scene.value, dict):
        return
    if "goto" in scene.value and "choices" not in scene.value:
        choices = {GO_ON: (scene.value["goto"][0], _going_on(scene.value["goto"][1]))}
    elif "choices" in scene.value:
        choices = mapping(report, scene.value["choices"][1], "'choices'")
    else:
        return
    for key, (key_node, node) in choices.items():
        if key_node.value == key:
            _check_identifier(report, key_node, "choices")
        own[key] = f"{scene_id}.{key}" if key in symbols.choices else key
        symbols.choices[own[key]] = Entry(key_node, node)


def _going_on(goto: Node) -> Node:
    """Return the one choice of a scene that goes on by itself, as if it were written."""
    say = Node(goto.source, "Go on.", goto.mark)
    return Node(goto.source, {"say": (goto, say), "goto": (goto, goto)}, goto.mark)


def _add_once(report: Report, known: dict[str, Entry], entry: Entry) -> bool:
    """Take up an entry and return True, or report where its name was defined before."""
    first = known.setdefault(entry.name, entry)
    if first is not entry:
        _report_duplicate(report, first, entry)
    return first is entry


def _report_duplicate(report: Report, first: Entry, entry: Entry) -> None:
    report.add(entry.key, "E207", f"{entry.name!r} is already defined at {first.key.place}")


def _check_identifier(report: Report, key: Node, section: str) -> None:
    """Report a key that cannot be the id, the name or the position that its section asks for."""
    name: str = key.value
    if section == "tokens":
        if not POSITION.fullmatch(name):
            report.add(key, "E204", f"{name!r} is not a token's position; expected a number, such as 400")
        return
    named = section in NAMED
    if not (NAME if named else ID).fullmatch(name) or len(name) > MAX_ID:
        what, mark = ("name", "_") if named else ("id", "-")
        shape = f"use lowercase letters, digits and {mark}, a letter first, at most {MAX_ID} characters"
        report.add(key, "E204", f"{name!r} is not a valid {what}: {shape}")
        report.lacks_names = True
    elif section not in ("verbs", "claims") and name in (RESERVED_NAMES if named else RESERVED_IDS):  # nobody types these
        where = "in conditions and texts" if named else "in play"
        report.add(key, "E205", f"{name!r} is reserved {where}; choose another name")
