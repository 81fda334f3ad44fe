"""YAML as a tree in which every node knows where it stands. Refuses what a world never needs; knows nothing of worlds.

Built from the parser's events by a loop with its own stack, so that no depth of nesting reaches Python's or C's. Scalars stay
strings: what a plain ``no`` or ``12`` means is decided by whoever expects a truth or a number (YAML 1.2's ``true`` and
``false`` only). Anchors, aliases, tags and second documents are refused: with them a kilobyte can stand for gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import filterfalse, islice
from typing import Any

import yaml

from forward_pass.errors import Place, Problem
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.yaml_faults import cause

TOO_DEEP = "exceeded maximum nesting depth"  # in PyYAML from 6.0.4 on, whose scanner runs ahead of what it hands over
MAX_DEPTH = 24
MAX_KEY = 100
NOTHING_DROPPED: list[Any] = []  # shared by all nodes, and never added to
MORE_TWICE = ", and so are keys below it: a line that names them is missing above, or is indented too far"
MAX_NODES = 300_000  # in one file; eight megabytes of a world hold some 250,000
MAX_FORBIDDEN = 20  # forbidden characters named a file
STARTS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
ADVICE = {  # what to do, by the character refused or the YAML parser's words
    "\r": "; save the file with Unix line ends",
    "\ufeff": "; save the file without a byte order mark",
    "mapping values are not allowed in this context": "; a text that holds a colon and a space needs quotes",
    "found character that cannot start any token": "; indent with spaces, and put a text that begins like this in quotes",
    "found unexpected end of stream": "; a quote is not closed",
    "did not find expected key": "; look at the indentation, and at quotes inside quotes",
}
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
BLANKS = " \t\n"  # all that folding and indentation change
ATOMS = {  # what stands for one character of a scalar, by the scalar's style
    "'": re.compile(r"''|[^ \t\n]"),
    '"': re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)|[^ \t\n]", re.DOTALL),
}
ATOM = re.compile(r"[^ \t\n]")
BLANK_ESCAPES = re.compile(r"\\(?:[\n nt\t]|x(?:20|09|0[Aa])|u00(?:20|09|0[Aa])|U000000(?:20|09|0[Aa]))")


class Source:
    """The text of one file."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.room = MAX_FORBIDDEN  # how many more forbidden characters are reported

    def place(self, index: int) -> Place:
        """Return the place of the character ``index`` of the file."""
        return Place(self.file, self.text.count("\n", 0, index) + 1, index - self.text.rfind("\n", 0, index))


class Node:
    """A scalar (``value`` a string), a list (of nodes) or a mapping (key to ``(key's node, node)``), and its place."""

    __slots__ = ("dropped", "end", "mark", "source", "style", "twice", "value")

    def __init__(self, source: Source, value: Any, mark: Any, style: str | None = None, end: Any = None) -> None:
        self.source = source
        self.value = value
        self.mark = mark  # of the parser: where the node begins, counted from 0
        self.style = style
        self.end = end  # of the parser, as mark: where a scalar ends
        self.dropped: list[Node] = NOTHING_DROPPED  # of a mapping, the values of keys that stood in it already
        self.twice = 0  # of a mapping, the number of the problem that says that a key stands in it twice; 0 for none

    @property
    def index(self) -> int:
        """The index in the file, in characters, at which the node begins."""
        return int(self.mark.index)

    @property
    def place(self) -> Place:
        """The place at which the node begins."""
        return Place(self.source.file, int(self.mark.line) + 1, int(self.mark.column) + 1)

    @property
    def kind(self) -> str:
        """The kind of the node in a word for a person."""
        if isinstance(self.value, str):
            return "text"
        return "list" if isinstance(self.value, list) else "mapping"

    @property
    def raw(self) -> str:
        """What stands in the file for a scalar, quotes and indents included."""
        return self.source.text[self.index : self.end.index] if self.end is not None else ""

    @property
    def comment(self) -> str:
        """The comment that follows a scalar without quotes on its last line, from its number sign on; empty without one."""
        if self.style is not None or self.end is None:
            return ""
        text, start = self.source.text, self.end.index
        stop = text.find("\n", start)
        rest = text[start : stop if stop >= 0 else len(text)]
        return rest.strip() if rest[:1].isspace() and rest.lstrip().startswith("#") else ""

    def locator(self) -> Locator:
        """Return the function that places the characters of a scalar."""
        return Locator(self)

    def value_place(self) -> Place:
        """Return the place at which the value begins: of a scalar, inside its quotes."""
        return Locator(self)(0) if isinstance(self.value, str) else self.place


class Locator:
    """The places of a scalar's characters, by their offsets in its value, whatever quotes, escapes and folding did to them.

    Folding and indentation change nothing but blanks, so a place is found by counting all other characters. An offset past the
    last of them has the place after it. Fast where offsets rise: counting goes on from the last one.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.end = len(node.value.rstrip(BLANKS))
        self._restart()

    def _restart(self) -> None:
        self.offset = self.passed = 0  # the last offset, and how many characters before it are not blank
        self.atoms = _atoms(self.node)
        self.count = 0  # how many atoms were taken
        self.atom: re.Match[str] | None = None  # the last of them
        self.index, self.line, self.line_start = self.node.index, self.node.place.line, self.node.index - self.node.place.column

    def __call__(self, offset: int) -> Place:
        """Return the place of the character at ``offset``."""
        if offset < self.offset:
            self._restart()
        self.passed += sum(character not in BLANKS for character in self.node.value[self.offset : offset])
        self.offset = offset
        past = offset >= self.end
        while self.count < self.passed + (not past) and (atom := next(self.atoms, None)):
            self.count, self.atom = self.count + 1, atom
        if self.atom is not None:
            self._advance_to(self.atom.end() if past else self.atom.start())
        return Place(self.node.source.file, self.line, self.index - self.line_start)

    def _advance_to(self, index: int) -> None:
        text = self.node.source.text
        breaks = text.count("\n", self.index, index)
        if breaks:
            self.line, self.line_start = self.line + breaks, text.rfind("\n", self.index, index)
        self.index = index


def _atoms(node: Node) -> Iterator[re.Match[str]]:
    """Return what stands in the file for each character of a scalar that is not blank, and whatever follows the scalar."""
    start = node.index
    if node.style in ("|", ">"):
        start = node.source.text.find("\n", start)
    elif node.style in ("'", '"'):
        start += 1
    atoms = ATOMS.get(node.style or "", ATOM).finditer(node.source.text, start)
    return atoms if node.style != '"' else filterfalse(lambda atom: BLANK_ESCAPES.fullmatch(atom[0]), atoms)


def read_tree(file: str, data: bytes) -> tuple[Node | None, list[Problem]]:
    """Return the mapping of a file (None where there is none) and every problem met on the way."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        source = Source(file, data[: error.start].decode("utf-8"))
        message = "not UTF-8 from here on; save the file as UTF-8"
        return None, [Problem.at(source.place(error.start), "E003", message)]
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")  # as some editors save
    source = Source(file, text)
    forbidden = islice(FORBIDDEN.finditer(text), MAX_FORBIDDEN)
    problems = [Problem.at(source.place(match.start()), "E004", _forbidden(match[0])) for match in forbidden]
    if problems:
        return None, problems
    try:
        with gc_paused():
            root = _build(source, problems)
    except yaml.MarkedYAMLError as error:
        problems.append(_unparsed(source, error))
        root = None
    except _RefusedError as error:
        problems.append(Problem.at(source.place(error.index), error.code, error.message))
        root = None
    if root is not None and root.kind != "mapping":
        problems.append(Problem.at(root.place, "E011", "a file of a world must be a mapping (key: value)"))
        root = None
    return root, problems


class _RefusedError(Exception):
    def __init__(self, index: int, code: str, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.code = code
        self.message = message


def _forbidden(character: str) -> str:
    advice = ADVICE.get(character, "")
    return f"the character U+{ord(character):04X} is not allowed in a world{advice}"


def _unparsed(source: Source, error: Any) -> Problem:
    """Return the parser's words, with what to do where that is known, and where the thing began that it was reading."""
    if error.problem == TOO_DEEP:
        return Problem.at(source.place(error.problem_mark.index), "E009", f"nested more than {MAX_DEPTH} deep")
    mark, context = error.problem_mark, error.context_mark
    begun = context.line if error.context == "while scanning a quoted scalar" and context is not None else None
    fault = cause(source.text, mark.line, begun)
    if fault is not None:
        return Problem(source.file, fault.line + 1, fault.column + 1, "E005", fault.message)
    message = f"YAML: {error.problem}{ADVICE.get(error.problem, '')}"
    if error.context_mark is not None and error.context_mark.line < error.problem_mark.line:
        message += f" ({error.context} that begins in line {error.context_mark.line + 1})"
    return Problem.at(source.place(error.problem_mark.index), "E005", message)


def _build(source: Source, problems: list[Problem]) -> Node | None:
    """Return the tree of the only document; a duplicate key is a problem and the first one stands."""
    root: Node | None = None
    stack: list[tuple[Node, Node | None]] = []  # what is open, and in a mapping the key that waits for its value
    documents = nodes = 0
    events: Iterator[Any] = yaml.parse(source.text, Loader=LOADER)
    for event in events:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            node = _scalar(source, problems, event)
        elif kind in ENDS:
            stack.pop()
            continue
        elif kind in STARTS:
            node = _open(source, event, len(stack))
        elif kind is yaml.AliasEvent:
            raise _RefusedError(
                event.start_mark.index,
                "E006",
                "aliases are not supported: write the value out; a text that begins with * needs quotes",
            )
        else:  # of a stream or a document
            documents += kind is yaml.DocumentStartEvent
            if documents > 1:
                raise _RefusedError(event.start_mark.index, "E008", "a second YAML document; a file must hold only one")
            continue
        nodes += 1
        if nodes > MAX_NODES:
            raise _RefusedError(node.index, "E009", f"more than {MAX_NODES} values in one file")
        if stack:
            _insert(problems, stack, node)
        else:
            root = node
        if kind is not yaml.ScalarEvent:
            stack.append((node, None))
    return root


def _refuse_anchor_or_tag(event: Any) -> None:
    """Refuse an anchor or a tag."""
    if event.anchor is not None:
        message = "anchors are not supported; a text that begins with & needs quotes"
        raise _RefusedError(event.start_mark.index, "E006", message)
    if event.tag is not None:
        raise _RefusedError(event.start_mark.index, "E007", "tags are not supported; a text that begins with ! needs quotes")


def _open(source: Source, event: Any, depth: int) -> Node:
    """Return the node of a list or a mapping that begins."""
    _refuse_anchor_or_tag(event)
    if depth >= MAX_DEPTH:
        raise _RefusedError(event.start_mark.index, "E009", f"nested more than {MAX_DEPTH} deep")
    return Node(source, {} if type(event) is yaml.MappingStartEvent else [], event.start_mark)


def _scalar(source: Source, problems: list[Problem], event: Any) -> Node:
    if event.anchor is not None or event.tag is not None:
        _refuse_anchor_or_tag(event)
    value = event.value
    node = Node(source, value, event.start_mark, event.style or None, event.end_mark)
    if not value.isprintable() and FORBIDDEN.search(value):
        forbidden = list(islice(FORBIDDEN.finditer(value), source.room))
        source.room -= len(forbidden)
        locate = node.locator()
        problems += [Problem.at(locate(match.start()), "E004", _forbidden(match[0])) for match in forbidden]
        node.value = FORBIDDEN.sub("\ufffd", value)  # problems are shown, so no message may hold one
    return node


def _report_twice(problems: list[Problem], parent: Node, key: Node, first: Node) -> None:
    """Report a key that stands twice in a mapping; of several only the first, with what may be missing."""
    if parent.twice:
        told = problems[parent.twice - 1]
        problems[parent.twice - 1] = told._replace(message=told.message.removesuffix(MORE_TWICE) + MORE_TWICE)
        return
    problems.append(Problem.at(key.place, "E010", f"{key.value!r} is defined twice; first in line {first.place.line}"))
    parent.twice = len(problems)


def keys_below(root: Node) -> set[str]:
    """Return every key of every mapping in a tree."""
    found: set[str] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting += node.dropped
        if isinstance(node.value, dict):
            found.update(node.value)
            waiting += [value for _, value in node.value.values()]
        elif isinstance(node.value, list):
            waiting += node.value
    return found


def _insert(problems: list[Problem], stack: list[tuple[Node, Node | None]], node: Node) -> None:
    """Put a node where it belongs in the innermost open list or mapping."""
    parent, key = stack[-1]
    if isinstance(parent.value, list):
        parent.value.append(node)
    elif key is None:
        if not isinstance(node.value, str) or len(node.value) > MAX_KEY or ("\n" in node.value and node.value != "\n"):
            raise _RefusedError(node.index, "E203", f"a key must be text in one line, at most {MAX_KEY} characters")
        stack[-1] = (parent, node)
    else:
        if key.value in parent.value:
            first = parent.value[key.value][0]
            _report_twice(problems, parent, key, first)
            parent.dropped = [*parent.dropped, node]
        else:
            parent.value[key.value] = (key, node)
        stack[-1] = (parent, None)
