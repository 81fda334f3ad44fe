r"""Text with conditions in it: parsed to plain lists, compiled to one closure a text. Knows no world and no screen.

A text is paragraphs, parted by blank lines; the author's line ends are spaces, save in a paragraph that is indented, which
stands as it is. What varies:

    [condition] paragraph         only where the condition holds
    [else] paragraph              only where the guards directly above it did not
    {condition: this | that}      one of two (the second may be left out)
    {visit: first | second | …}   by how often this scene has been met; the last one stays
    {bet: … | … | …}              by an enumeration's words, in their order
    {variable}, {layer}, {left}   a number, or an enumeration's word
    {spelled(left)}               the number in words
    {p('two')}, {word}, …         what ``readings`` has: chances, words and likelihoods of the pass

``\{`` and its like stand for the mark itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from forward_pass.story import measurements
from forward_pass.story.compile import Value, compile_expression
from forward_pass.story.distribution import PassPort
from forward_pass.story.expressions import ExpressionError, Scope, Tree, parse_condition, parse_value
from forward_pass.story.measurements import Piece, parse_measurement
from forward_pass.story.state import MAX_VISITS, State

Text = Callable[[State, PassPort], str]

DEEPEST = 8
SPACES = re.compile(r"\s+")
PARAGRAPH = re.compile(r"(?:[ \t]*\n)*((?:(?!\n[ \t]*\n).)+)", re.DOTALL)
GUARD = re.compile(r"\s*\[((?:[^\]'\"\n]|'[^'\n]*'|\"[^\"\n]*\")*)\]\s?")
MARK = re.compile(r"\\.|[{}|]", re.DOTALL)
SPELLED = re.compile(r"\s*spelled\((?P<inner>.*)\)\s*", re.DOTALL)
NOT_NAMES = measurements.NOT_NAMES | {"spelled", "else"}
"""The words of a text's own grammar, so that no variable and no threshold may be called by them."""


Offsets = list[list[int]]
"""Where what varies in a text stands, in the order of the text: of a condition its own place, of a choice by number or word
those of its alternatives."""


def parse_text(source: str, scope: Scope, met: Offsets | None = None) -> Tree:
    """Return the tree of a text: a list of ``[guard, pieces, as it stands]``; raises ``ExpressionError``.

    Where what varies stands is added to ``met``.
    """
    met = [] if met is None else met
    paragraphs: Tree = []
    for match in PARAGRAPH.finditer(source):
        if match[1].strip():
            guarded = bool(paragraphs) and paragraphs[-1][0] is not None
            paragraphs.append(_paragraph(_Pieces(source, match.start(1), match.end(), scope, met), guarded))
    return paragraphs


def parse_line(source: str, scope: Scope, met: Offsets | None = None) -> Tree:
    """Return the tree of a single line of text, such as a choice's words: no paragraphs, no guards."""
    return [[None, _Pieces(source, 0, len(source), scope, [] if met is None else met).read(0), False]]


def constant_text(text: Tree) -> str | None:
    """Return a parsed text that is one paragraph and comes out the same in every state, otherwise nothing."""
    if len(text) != 1 or text[0][0] is not None or not all(isinstance(piece, str) for piece in text[0][1]):
        return None
    return "".join(text[0][1])


def _paragraph(pieces: _Pieces, guarded: bool) -> Tree:  # noqa: FBT001 - private
    source, start, end, scope = pieces.source, pieces.at, pieces.end, pieces.scope
    guard: Any = None
    match = GUARD.match(source, start, end)
    if match:
        inner = match[1].strip()
        if inner == "else":
            if not guarded:
                raise ExpressionError(match.start(1), "E106", "[else] needs a paragraph with a [condition] directly above it")
            guard = "else"
        else:
            guard = parse_at_offset(match.start(1), parse_condition, match[1], scope)
        pieces.met.append([_first(source, match.start(1))])
        pieces.at = match.end()
    elif source[start:end].lstrip().startswith("["):
        opening = source.index("[", start)
        raise ExpressionError(opening, "E106", r"this bracket is never closed (write \[ for a bracket in the text)")
    stands = not match and source[start] in " \t"
    return [guard, pieces.read(0), stands]


def _first(source: str, start: int) -> int:
    """Return where the next character stands that is no blank."""
    match = SPACES.match(source, start)
    return match.end() if match else start


def parse_at_offset(offset: int, parse: Callable[[str, Scope], Any], source: str, scope: Scope) -> Any:
    """Return ``parse(source, scope)``; an error's place is moved by ``offset``, to where the source stands in its text."""
    try:
        return parse(source, scope)
    except ExpressionError as error:
        error.offset += offset
        raise


class _Pieces:
    """A reader of one paragraph's pieces: strings, and lists for what varies."""

    def __init__(self, source: str, start: int, end: int, scope: Scope, met: Offsets) -> None:
        self.source, self.at, self.end, self.scope, self.met = source, start, end, scope, met

    def read(self, depth: int) -> Tree:
        """Read pieces up to the end, or inside braces to the ``|`` or ``}`` that ends them."""
        pieces: Tree = []
        while self.at < self.end:
            match = MARK.search(self.source, self.at, self.end)
            stop = match.start() if match else self.end
            if stop > self.at:
                pieces.append(self.source[self.at : stop])
            self.at = stop
            if not match:
                break
            if match[0][0] == "\\":
                pieces.append(match[0][1:])
                self.at = match.end()
            elif match[0] == "{":
                pieces.append(self.braces(depth))
            elif depth:
                break
            elif match[0] == "}":
                raise ExpressionError(stop, "E106", r"unmatched closing brace (write \} for a brace in the text)")
            else:
                pieces.append("|")
                self.at = match.end()
        return pieces

    def braces(self, depth: int) -> Tree:
        opening = self.at
        if depth >= DEEPEST:
            raise ExpressionError(opening, "E101", f"braces are nested more than {DEEPEST} deep")
        self.at += 1
        head_end = self.head()
        head, head_start = self.source[self.at : head_end], self.at
        if head_end < self.end and self.source[head_end] == ":":
            self.at = head_end + 1
            return self.switch(head, head_start, opening, depth)
        if head_end >= self.end:
            raise ExpressionError(opening, "E106", "this brace is never closed")
        if self.source[head_end] == "{":
            raise ExpressionError(head_end, "E106", "a brace inside a condition; close the brace before it, or write ':' first")
        if self.source[head_end] == "|":
            raise ExpressionError(head_end, "E106", "expected a condition before '|': {condition: this | that}")
        self.at = head_end + 1
        return self.shown(head, head_start)

    def head(self) -> int:
        """Return where the head of these braces ends: at the first ``:``, ``|`` or ``}`` that is not inside quotes."""
        quoted = ""
        for index in range(self.at, self.end):
            character = self.source[index]
            if quoted:
                quoted = "" if character == quoted else quoted
            elif character in "'\"":
                quoted = character
            elif character in ":|}{":
                return index
        return self.end

    def switch(self, head: str, head_start: int, opening: int, depth: int) -> Tree:
        kind, tree = parse_at_offset(head_start, parse_value, head, self.scope)
        if kind == "word" or (kind == "number" and tree[0] != "visits"):
            raise ExpressionError(head_start, "E104", "only a condition, an enumeration or 'visit' can select an alternative")
        places = [_first(self.source, self.at)]
        self.met.append(places)
        branches = [self.branch(depth)]
        while self.at < self.end and self.source[self.at] == "|":
            self.at += 1
            places.append(_first(self.source, self.at))
            branches.append(self.branch(depth))
        if self.at >= self.end:
            raise ExpressionError(opening, "E106", "this brace is never closed")
        self.at += 1
        self.counted(kind, branches, opening)
        if kind == "truth":
            places[:] = [_first(self.source, head_start)]
            return ["if", tree, *branches, *([[]] if len(branches) == 1 else [])]
        return ["visit" if kind == "number" else "case", tree, branches]

    def branch(self, depth: int) -> Tree:
        """Read one alternative; the white space around it belongs to the marks."""
        pieces = self.read(depth + 1)
        if pieces and isinstance(pieces[0], str):
            pieces[0] = pieces[0].lstrip()
        if pieces and isinstance(pieces[-1], str):
            pieces[-1] = pieces[-1].rstrip()
        return pieces

    def counted(self, kind: str, branches: Tree, opening: int) -> None:
        if kind == "truth" and len(branches) > 2:  # noqa: PLR2004 - a condition has two sides
            raise ExpressionError(opening, "E106", f"a condition selects one of at most 2 alternatives, found {len(branches)}")
        if kind.startswith("one of ") and len(branches) != (words := kind.count(", ") + 1):
            raise ExpressionError(opening, "E106", f"expected {words} alternatives ({kind}), found {len(branches)}")

    def shown(self, head: str, head_start: int) -> Tree:
        reading = parse_measurement(head, head_start, self.scope)
        if reading is not None:
            return reading
        spelled = SPELLED.fullmatch(head)
        inner, start = (spelled["inner"], head_start + spelled.start("inner")) if spelled else (head, head_start)
        kind, tree = parse_at_offset(start, parse_value, inner, self.scope)
        if kind in ("truth", "word") or (spelled and kind != "number"):
            raise ExpressionError(start, "E104", "only a number or an enumeration can be shown")
        if kind == "number":
            return ["spelled" if spelled else "number", tree]
        return ["named", tree, _words_of(kind)]


@lru_cache(maxsize=256)
def _words_of(kind: str) -> list[str]:
    """Return the words of an enumeration: one list, however often a world shows it."""
    return kind.removeprefix("one of ").split(", ")


def compile_text(tree: Tree) -> Text:
    """Return the closure that gives a text in a state: paragraphs parted by a blank line, each on one line."""
    parts: list[tuple[Value | None, str, Piece]] = []  # where it stands; what it always says, or what makes it
    chain: list[Value] = []  # the guards that an [else] here would be the other side of
    closing = False  # whether an [else] has ended the chain
    for guard, pieces, stands in tree:
        condition = None
        if guard == "else":
            closing, condition = True, _none_of(tuple(chain))
        elif guard is None:
            closing, chain = False, []
        else:
            condition = compile_expression(guard)
            closing, chain = False, [*(() if closing else chain), condition]
        piece = _paragraph_piece(pieces, stands)
        if piece:
            parts.append((condition, piece, _NOTHING) if isinstance(piece, str) else (condition, "", piece))
    if all(condition is None and fixed for condition, fixed, _ in parts):
        whole = "\n\n".join([fixed for _, fixed, _ in parts])
        return lambda _state, _measure: whole

    def text(state: State, measure: PassPort) -> str:
        return "\n\n".join(
            [
                said
                for condition, fixed, piece in parts
                if (condition is None or condition(state)) and (said := fixed or piece(state, measure))
            ]
        )

    return text


def _none_of(conditions: tuple[Value, ...]) -> Value:
    return lambda state: not any(condition(state) for condition in conditions)


def _flat(tree: Any) -> Any:
    """Return pieces with every run of white space as one space, so that it need not be done each time they are shown."""
    if isinstance(tree, str):
        return SPACES.sub(" ", tree)
    return [_flat(part) for part in tree] if isinstance(tree, list) else tree


def _paragraph_piece(tree: Tree, stands: bool) -> str | Piece:  # noqa: FBT001 - private
    """Return a paragraph where nothing varies in it, otherwise what makes it."""
    pieces = compile_pieces(tree if stands else _flat(tree))
    if isinstance(pieces, str):
        return _set(pieces, stands)
    if not stands and _settled(tree):
        return pieces

    def paragraph(state: State, measure: PassPort) -> str:
        text = pieces(state, measure)
        if not stands and "  " not in text and text.isprintable() and text == text.strip():
            return text  # it is flat already: only where pieces meet may there be spaces too many
        return _set(text, stands)

    return paragraph


def _settled(tree: Tree) -> bool:
    """Return whether flat pieces are no more than one of several strings: no spaces can meet in them."""
    if len(tree) != 1 or tree[0][0] not in ("if", "case", "visit"):
        return False
    branches = tree[0][2:] if tree[0][0] == "if" else tree[0][2]
    return all(not branch or (len(branch) == 1 and isinstance(branch[0], str)) for branch in branches)


def _set(paragraph: str, stands: bool) -> str:  # noqa: FBT001 - private
    return paragraph.strip("\n").rstrip() if stands else " ".join(paragraph.split())


def compile_pieces(pieces: Tree) -> str | Piece:
    """Return the pieces as one string where nothing varies, otherwise as one closure."""
    if len(pieces) == 1 and not isinstance(pieces[0], str):
        return _SHOWN[pieces[0][0]](*pieces[0][1:])
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(pieces)
    parts = [_piece(piece if isinstance(piece, str) else _SHOWN[piece[0]](*piece[1:])) for piece in pieces]
    return lambda state, measure: "".join([part(state, measure) for part in parts])


def _piece(piece: str | Piece) -> Piece:
    if isinstance(piece, str):
        return lambda _state, _measure: piece
    return piece


_NOTHING = _piece("")


def _if(tree: Tree, this: Tree, that: Tree) -> Piece:
    condition, yes, no = compile_expression(tree), _piece(compile_pieces(this)), _piece(compile_pieces(that))
    return lambda state, measure: (yes if condition(state) else no)(state, measure)


def _case(tree: Tree, branches: Tree) -> Piece:
    value, parts = compile_expression(tree), [_piece(compile_pieces(branch)) for branch in branches]
    return lambda state, measure: parts[value(state)](state, measure)


def _visit(tree: Tree, branches: Tree) -> Piece:
    slot, parts = tree[1], [_piece(compile_pieces(branch)) for branch in branches]
    by_count = [parts[min(max(count, 1), len(parts)) - 1] for count in range(MAX_VISITS + 1)]
    return lambda state, measure: by_count[state.visits[slot]](state, measure)


def _number(tree: Tree) -> Piece:
    value = compile_expression(tree)
    return lambda state, _: str(int(value(state)))


def _spelled(tree: Tree) -> Piece:
    value = compile_expression(tree)
    return lambda state, _: spell_number(int(value(state)))


def _named(tree: Tree, words: list[str]) -> Piece:
    value = compile_expression(tree)
    return lambda state, _: words[value(state)]


_SHOWN: dict[str, Callable[..., Piece]] = {
    "if": _if,
    "case": _case,
    "visit": _visit,
    "number": _number,
    "spelled": _spelled,
    "named": _named,
    **measurements.COMPILED,
}

ONES = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def spell_number(number: int) -> str:
    """Return a number in words up to ninety-nine (0 is *no*, as before a noun), in digits beyond."""
    if 0 <= number < len(ONES):
        return ONES[number]
    tens, ones = divmod(number, 10)
    if 0 <= number < 100:  # noqa: PLR2004 - the words end there
        return TENS[tens - 2] + (f"-{ONES[ones]}" if ones else "")
    return str(number)
