"""YAML as a tree in which every node knows where it stands. Refuses what a world never needs; knows nothing of worlds.

Built from the parser's events by a loop with its own stack, so that no depth of nesting reaches Python's or C's. Scalars stay
strings: what a plain ``no`` or ``12`` means is decided by whoever expects a truth or a number (YAML 1.2's ``true`` and
``false`` only). Anchors, aliases, tags and second documents are refused: with them a kilobyte can stand for gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import yaml

from forward_pass.errors import Problem
from forward_pass.gc_pause import gc_paused

TOO_DEEP = "exceeded maximum nesting depth"  # in PyYAML from 6.0.4 on, whose scanner runs ahead of what it hands over
DEEPEST = 24
LONGEST_KEY = 100
MOST_NODES = 300_000  # in one file; eight megabytes of a world hold some 250,000
MOST_FORBIDDEN = 20  # forbidden characters named a file
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


class Node:
    """A scalar (``value`` a string), a list (of nodes) or a mapping (key to ``(key's node, node)``), and its place."""

    __slots__ = ("mark", "style", "value")

    def __init__(self, value: Any, mark: Any, style: str | None = None) -> None:
        self.value = value
        self.mark = mark  # of the parser: where the node begins, counted from 0
        self.style = style

    @property
    def index(self) -> int:
        """Where in the file the node begins, in characters."""
        return int(self.mark.index)

    @property
    def line(self) -> int:
        """Its line, the first being 1."""
        return int(self.mark.line) + 1

    @property
    def column(self) -> int:
        """Its column, the first being 1."""
        return int(self.mark.column) + 1

    @property
    def kind(self) -> str:
        """What the node is, in a word for a person."""
        if isinstance(self.value, str):
            return "text"
        return "list" if isinstance(self.value, list) else "mapping"


class Source:
    """The text of one file, and the places in it."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.room = MOST_FORBIDDEN  # how many more forbidden characters are named

    def problem(self, index: int, code: str, message: str) -> Problem:
        """Return a problem at the character ``index`` of the file."""
        line = self.text.count("\n", 0, index) + 1
        return Problem(self.file, line, index - self.text.rfind("\n", 0, index), code, message)

    def at(self, node: Node, code: str, message: str) -> Problem:
        """Return a problem at the start of a node."""
        return Problem(self.file, node.line, node.column, code, message)

    def inside(self, node: Node, offset: int, code: str, message: str) -> Problem:
        """Return a problem at the character ``offset`` of a scalar, wherever quotes, escapes and folding have put it."""
        index = self._index(node, offset)
        line_start = self.text.rfind("\n", node.index, index)
        if line_start < 0:
            return Problem(self.file, node.line, node.column + index - node.index, code, message)
        line = node.line + self.text.count("\n", node.index, index)
        return Problem(self.file, line, index - line_start, code, message)

    def places(self, node: Node, offsets: Iterable[int]) -> dict[int, str]:
        """Return where the characters at ``offsets`` of a scalar stand, as ``file:line:column``; in one go, however many."""
        found: dict[int, str] = {}
        atoms = enumerate(self._atoms(node))
        line, line_start, index = node.line, node.index - node.column, node.index
        at = before = 0
        count = -1
        for offset in sorted(offsets):
            before += sum(character not in BLANKS for character in node.value[at:offset])
            at, begun = offset, index
            while count < before and (atom := next(atoms, None)):
                count, index = atom[0], atom[1].start()
            if breaks := self.text.count("\n", begun, index):
                line, line_start = line + breaks, self.text.rfind("\n", begun, index)
            found[offset] = f"{self.file}:{line}:{index - line_start}"
        return found

    def _index(self, node: Node, offset: int) -> int:
        """Return where in the file the character at ``offset`` of a scalar stands; past its end, the place after its last.

        Folding and indentation change nothing but blanks, so the place is found by counting all other characters.
        """
        before = sum(character not in BLANKS for character in node.value[:offset])
        past = not node.value[offset:].strip(BLANKS)
        after = node.index
        for count, atom in enumerate(self._atoms(node)):
            if count == before:
                return after if past else atom.start()
            after = atom.end()
        return after

    def _atoms(self, node: Node) -> Iterator[re.Match[str]]:
        """Yield what stands in the file for each character of a scalar that is no blank, and whatever follows the scalar."""
        start = node.index
        if node.style in ("|", ">"):
            start = self.text.find("\n", start)
        elif node.style in ("'", '"'):
            start += 1
        for atom in ATOMS.get(node.style or "", ATOM).finditer(self.text, start):
            if node.style != '"' or not BLANK_ESCAPES.fullmatch(atom[0]):
                yield atom


def read_tree(file: str, data: bytes) -> tuple[Source, Node | None, list[Problem]]:
    """Return the source, its mapping (None where there is none) and every problem met on the way."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        source = Source(file, data[: error.start].decode("utf-8"))
        return source, None, [source.problem(error.start, "E003", "not UTF-8 from here on; save the file as UTF-8")]
    source = Source(file, text)
    forbidden = islice(FORBIDDEN.finditer(text), MOST_FORBIDDEN)
    problems = [source.problem(match.start(), "E004", _forbidden(match[0])) for match in forbidden]
    if problems:
        return source, None, problems
    try:
        with gc_paused():
            root = _built(source, problems)
    except yaml.MarkedYAMLError as error:
        problems.append(_unparsed(source, error))
        root = None
    except _RefusedError as error:
        problems.append(source.problem(error.index, error.code, error.message))
        root = None
    if root is not None and root.kind != "mapping":
        problems.append(source.at(root, "E011", "a file of a world must be a mapping (key: value)"))
        root = None
    return source, root, problems


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
        return source.problem(error.problem_mark.index, "E009", f"nested more than {DEEPEST} deep")
    message = f"YAML: {error.problem}{ADVICE.get(error.problem, '')}"
    if error.context_mark is not None and error.context_mark.line < error.problem_mark.line:
        message += f" ({error.context} that begins in line {error.context_mark.line + 1})"
    return source.problem(error.problem_mark.index, "E005", message)


def _built(source: Source, problems: list[Problem]) -> Node | None:
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
            node = _open(event, len(stack))
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
        if nodes > MOST_NODES:
            raise _RefusedError(node.index, "E009", f"more than {MOST_NODES} values in one file")
        if stack:
            _placed(source, problems, stack, node)
        else:
            root = node
        if kind is not yaml.ScalarEvent:
            stack.append((node, None))
    return root


def _plain(event: Any) -> None:
    """Refuse an anchor or a tag."""
    if event.anchor is not None:
        message = "anchors are not supported; a text that begins with & needs quotes"
        raise _RefusedError(event.start_mark.index, "E006", message)
    if event.tag is not None:
        raise _RefusedError(event.start_mark.index, "E007", "tags are not supported; a text that begins with ! needs quotes")


def _open(event: Any, depth: int) -> Node:
    """Return the node of a list or a mapping that begins."""
    _plain(event)
    if depth >= DEEPEST:
        raise _RefusedError(event.start_mark.index, "E009", f"nested more than {DEEPEST} deep")
    return Node({} if type(event) is yaml.MappingStartEvent else [], event.start_mark)


def _scalar(source: Source, problems: list[Problem], event: Any) -> Node:
    if event.anchor is not None or event.tag is not None:
        _plain(event)
    value = event.value
    node = Node(value, event.start_mark, event.style or None)
    if not value.isprintable() and FORBIDDEN.search(value):
        forbidden = list(islice(FORBIDDEN.finditer(value), source.room))
        source.room -= len(forbidden)
        problems += [source.inside(node, match.start(), "E004", _forbidden(match[0])) for match in forbidden]
        node.value = FORBIDDEN.sub("\ufffd", value)  # problems are shown, so no message may hold one
    return node


def _placed(source: Source, problems: list[Problem], stack: list[tuple[Node, Node | None]], node: Node) -> None:
    """Put a node where it belongs in the innermost open list or mapping."""
    parent, key = stack[-1]
    if isinstance(parent.value, list):
        parent.value.append(node)
    elif key is None:
        if not isinstance(node.value, str) or len(node.value) > LONGEST_KEY or ("\n" in node.value and node.value != "\n"):
            raise _RefusedError(node.index, "E203", f"a key must be text in one line, at most {LONGEST_KEY} characters")
        stack[-1] = (parent, node)
    else:
        if key.value in parent.value:
            first = parent.value[key.value][0]
            problems.append(source.at(key, "E010", f"{key.value!r} is defined twice; first in line {first.line}"))
        else:
            parent.value[key.value] = (key, node)
        stack[-1] = (parent, None)
