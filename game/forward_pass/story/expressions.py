r"""Conditions and effects: a closed grammar, parsed to plain lists, which ``closures`` compiles.

    condition   = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation    = "not" negation | comparison
    comparison  = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum ]
    sum         = product { ("+" | "-") product }
    product     = factor { "*" factor }
    factor      = "-" factor | whole number | 'word' | name | function "(" arguments ")" | "(" condition ")"
    effect      = variable ( "=" | "+=" | "-=" ) condition
    threshold   = quantity "('" word "')" ( "<" | ">" ) decimal below 1

There is no other operator, no attribute, no index, no call but of the functions in ``FUNCTIONS``, so nothing that an author
writes can reach Python. Integers stay small: literals below ``MOST_NUMBER``, and every variable within its declared bounds.

What a parse returns (``Tree``) is made of lists, strings and integers alone, because a read world is kept as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

Tree = list[Any]

MAX_LENGTH = 500
MAX_DEPTH = 40
MAX_NUMBER = 1_000_000

FUNCTIONS = {
    "seen": "scene",
    "visits": "scene",
    "taken": "choice",
    "found": "ending",
    "emitted": "word",
    "acted": "act",
}
"""The functions of a condition, and what each asks about."""

NUMBERS = ("layer", "left", "token", "instantiation")
"""Names that stand for a number of the state; ``left`` is the layers that remain before the boundary."""

MEASURED = ("p", "lens", "probe")
"""What is measured as no whole number, and so meets a condition only as a threshold."""

NOT_NAMES = frozenset((*FUNCTIONS, *NUMBERS, "again", "visit", "true", "false", "and", "or", "not"))
"""The words of this grammar, so that no variable and no threshold may be called by them."""

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")

TOKENS = re.compile(
    r"""\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<word>'[^']*'|"[^"]*")|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<mark>[=!<>]=|\+=|-=|[-+*()<>=,]))"""
)
IDENTIFIER = re.compile(r"\s*(?P<quote>['\"]?)(?P<id>[a-z0-9][a-z0-9-]*)(?P=quote)\s*(?=[,)])")


class ExpressionError(ValueError):
    """A source that is not in the grammar, or speaks of what the world has not; ``offset`` is the place in the source.

    Where a name was ``asked`` for in vain, ``known`` holds those that there are: to look for one like it takes time, so
    whoever shows the error decides.
    """

    def __init__(self, offset: int, code: str, message: str, asked: str = "", *known: Collection[str]) -> None:
        super().__init__(message)
        self.offset = offset
        self.code = code
        self.message = message
        self.asked = asked
        self.known = known


class Variable(NamedTuple):
    """A bounded integer, a flag (0 and 1) or an enumeration (the indices of ``words``)."""

    name: str
    slot: int
    least: int
    most: int
    start: int
    flag: bool = False
    words: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Return ``number``, ``truth``, or ``one of`` and the words that the variable may hold."""
        if self.words:
            return f"one of {', '.join(self.words)}"
        return "truth" if self.flag else "number"


class Scope(NamedTuple):
    """What a source may speak of: the world's names and their indices."""

    variables: Mapping[str, Variable]
    thresholds: Mapping[str, int]
    ids: Mapping[str, Mapping[str, int]]  # for ``scene``, ``choice``, ``ending``, ``act``: id to index
    boundary: int
    scene: int | None = None  # the scene in which the source stands: gives ``again`` and ``visit`` their meaning
    ending: bool = False  # at an ending no pass is under way
    bands: Mapping[str, tuple[int, int]] = {}  # first and last layer, by name
    probes: Collection[str] | None = None  # what a text may probe for; None: no model runs under this world
    prompt: tuple[str, ...] = ()  # its words
    decoded: tuple[int, int] = (1, 1_000_000)  # the first and the last token at whose end a word is drawn
    spans: Mapping[str, tuple[int, int]] = {}  # where each begins, counted from 0, and the position after its last
    continuations: Mapping[str, str] = {}  # passages that could follow what was said, by name


class _Typed(NamedTuple):
    kind: str  # "number", "truth", "word" (a literal), or an enumeration's kind
    tree: Tree
    start: int  # where it stands in the source


class _Parser:
    """A recursive descent over one source, each method named after its rule."""

    def __init__(self, source: str, scope: Scope) -> None:
        self.source = source
        self.scope = scope
        self.at = 0
        self.depth = 0
        if len(source) > MAX_LENGTH:
            raise ExpressionError(0, "E101", f"the expression has {len(source)} characters; at most {MAX_LENGTH} are allowed")
        self.kind, self.token, self.start = "", "", 0
        self.advance()

    def advance(self) -> None:
        match = TOKENS.match(self.source, self.at)
        if match:
            self.kind = match.lastgroup or ""
            self.token = match[self.kind]
            self.start = match.start(self.kind)
            self.at = match.end()
            return
        rest = self.source[self.at :].lstrip()
        self.start = len(self.source) - len(rest)
        self.kind, self.token = "end", ""
        if rest:
            closing = ": the quote is not closed" if rest[0] in "'\"" else ""
            raise ExpressionError(self.start, "E102", f"unexpected {rest[0]!r}{closing}")

    def error(self, message: str, code: str = "E102") -> ExpressionError:
        return ExpressionError(self.start, code, message)

    def mistyped(self, operand: _Typed, message: str) -> ExpressionError:
        return ExpressionError(operand.start, "E104", message)

    def found(self) -> str:
        return repr(self.token) if self.kind != "end" else "the end"

    def accept(self, *tokens: str) -> str:
        if self.kind in ("mark", "name") and self.token in tokens:
            token = self.token
            self.advance()
            return token
        return ""

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise self.error(f"expected {token!r}, found {self.found()}")

    def finish(self) -> None:
        if self.kind != "end":
            raise self.error(f"expected the end, found {self.found()}")

    def condition(self) -> _Typed:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} deep", "E101")
        left = self.conjunction()
        while self.kind == "name" and self.token == "or":
            left = self.joined("or", left, self.conjunction)
        self.depth -= 1
        return left

    def conjunction(self) -> _Typed:
        left = self.negation()
        while self.kind == "name" and self.token == "and":
            left = self.joined("and", left, self.negation)
        return left

    def joined(self, operator: str, left: _Typed, rule: Callable[[], _Typed]) -> _Typed:
        self.truth(left)
        self.advance()
        right = rule()
        self.truth(right)
        return _Typed("truth", [operator, left.tree, right.tree], left.start)

    def truth(self, operand: _Typed) -> None:
        if operand.kind != "truth":
            raise self.mistyped(operand, f"expected something true or false, found {_described(operand.kind)}")

    def number(self, operand: _Typed) -> None:
        if operand.kind != "number":
            raise self.mistyped(operand, f"expected a number, found {_described(operand.kind)}")

    def negation(self) -> _Typed:
        start = self.start
        negations = 0
        while self.accept("not"):
            negations += 1
        operand = self.comparison()
        if not negations:
            return operand
        self.truth(operand)
        return _Typed("truth", ["not", operand.tree] if negations % 2 else operand.tree, start)

    def comparison(self) -> _Typed:
        left = self.sum()
        operator = self.accept(*COMPARISONS)
        if not operator:
            return left
        right = self.sum()
        left, right = self.matched(left, right), self.matched(right, left)
        if left.kind != right.kind:
            raise self.mistyped(right, f"cannot compare {_described(left.kind)} with {_described(right.kind)}")
        if left.kind == "word":
            raise self.mistyped(left, "cannot compare two words: one side must be an enumeration")
        if left.kind != "number" and operator not in ("==", "!="):
            raise self.mistyped(left, f"{operator!r} compares numbers, found {_described(left.kind)}")
        return _Typed("truth", [operator, left.tree, right.tree], left.start)

    def matched(self, operand: _Typed, other: _Typed) -> _Typed:
        """Return a literal word as the index that it has in the enumeration it is held against."""
        if operand.kind != "word" or not other.kind.startswith("one of "):
            return operand
        word = operand.tree[1]
        words = other.kind.removeprefix("one of ").split(", ")
        if word not in words:
            raise ExpressionError(operand.start, "E104", f"{word!r} is not {other.kind}", word, words)
        return _Typed(other.kind, ["int", words.index(word)], operand.start)

    def sum(self) -> _Typed:
        return self.chain(("+", "-"), self.product)

    def product(self) -> _Typed:
        return self.chain(("*",), self.factor)

    def chain(self, operators: tuple[str, ...], rule: Callable[[], _Typed]) -> _Typed:
        left = rule()
        while operator := self.accept(*operators):
            self.number(left)
            right = rule()
            self.number(right)
            left = _Typed("number", [operator, left.tree, right.tree], left.start)
        return left

    def factor(self) -> _Typed:
        start = self.start
        negative = False
        while self.accept("-"):
            negative = not negative
        operand = self.operand()
        if not negative:
            return operand
        self.number(operand)
        return _Typed("number", ["-", ["int", 0], operand.tree], start)

    def operand(self) -> _Typed:
        start = self.start
        if self.kind == "number":
            return self.literal()
        if self.kind == "word":
            word = self.token[1:-1]
            self.advance()
            return _Typed("word", ["word", word], start)
        if self.kind == "name":
            kind, tree = self.name()
            return _Typed(kind, tree, start)
        if self.accept("("):
            inner = self.condition()
            self.expect(")")
            return inner._replace(start=start)
        raise self.error(f"expected a value, found {self.found()}")

    def literal(self) -> _Typed:
        if "." in self.token:
            raise self.error("only whole numbers are allowed here; a measured number needs a named threshold", "E104")
        if len(self.token) > len(str(MAX_NUMBER)) or int(self.token) > MAX_NUMBER:
            raise self.error(f"the number is too large: at most {MAX_NUMBER}", "E101")
        number, start = int(self.token), self.start
        self.advance()
        return _Typed("number", ["int", number], start)

    def name(self) -> tuple[str, Tree]:
        """Read a name, or a function and its arguments; return the kind and the tree."""
        name, start = self.token, self.start
        if name in FUNCTIONS:
            return self.function(name)
        self.advance()
        if name in ("true", "false"):
            return "truth", ["int", int(name == "true")]
        if name in NUMBERS:
            return "number", [name, self.scope.boundary] if name == "left" else [name]
        if name in ("again", "visit") and self.scope.scene is not None:
            visits = ["visits", self.scope.scene]
            return ("truth", [">", visits, ["int", 1]]) if name == "again" else ("number", visits)
        if name in self.scope.variables:
            variable = self.scope.variables[name]
            return variable.kind, ["variable", variable.slot]
        if name in self.scope.thresholds:
            return "truth", ["threshold", self.scope.thresholds[name]]
        if name in self.scope.bands:
            first, last = self.scope.bands[name]  # of the layers at which something that is chosen now begins
            return "truth", ["and", [">=", ["layer"], ["int", first - 1]], ["<=", ["layer"], ["int", last - 1]]]
        raise self.unknown(name, start)

    def unknown(self, name: str, start: int) -> ExpressionError:
        if name in MEASURED:
            return ExpressionError(
                start, "E103", f"{name}('two') can be used only in texts; a condition needs a named threshold"
            )
        if self.kind == "mark" and self.token == "(":
            return ExpressionError(start, "E103", f"unknown function {name!r}", name, FUNCTIONS)
        known = (self.scope.variables, self.scope.thresholds, self.scope.bands, NOT_NAMES)
        return ExpressionError(start, "E103", f"unknown name {name!r}", name, *known)

    def function(self, name: str) -> tuple[str, Tree]:
        about = FUNCTIONS[name]
        self.advance()
        if self.token != "(":
            raise self.error(f"{name!r} takes one {about} in parentheses: {name}(...)")
        subject = self.quoted(name) if about == "word" else self.identifier(name, about)
        if about not in ("word", "act"):
            if self.token == ",":
                raise self.error(f"{name!r} takes one {about} and no other argument")
            self.expect(")")
            kind = "number" if name == "visits" else "truth"
            return kind, [name, subject if name == "found" else self.scope.ids[about][subject]]
        position = self.position()
        self.expect(")")
        return "truth", [name, subject, position]

    def quoted(self, function: str) -> str:
        self.advance()
        if self.kind != "word":
            raise self.error(f"{function!r} takes a word in quotes: {function}('two')")
        word = self.token[1:-1]
        self.advance()
        return word

    def identifier(self, function: str, about: str) -> str:
        """Read an id, whose hyphens are no minus signs, and return it if the world has it."""
        match = IDENTIFIER.match(self.source, self.at)
        if not match:
            raise ExpressionError(self.at, "E102", f"expected one {about} id in {function}(...)")
        subject = match["id"]
        known = self.scope.ids[about]
        if subject not in known:
            raise ExpressionError(match.start("id"), "E103", f"unknown {about} {subject!r}", subject, known)
        self.at = match.end()
        self.advance()
        return subject

    def position(self) -> int:
        """Return the token's position that a function asks about, or 0 for any."""
        if not self.accept(","):
            return 0
        position = self.operand()
        if position.kind != "number" or position.tree[0] != "int" or position.tree[1] < 1:
            raise ExpressionError(position.start, "E102", "expected a token's position, such as 402")
        return int(position.tree[1])


def _described(kind: str) -> str:
    return {"number": "a number", "truth": "something true or false", "word": "a word"}.get(kind, kind)


def parse_condition(source: str, scope: Scope) -> Tree:
    """Return the tree of a condition; raises ``ExpressionError`` where it is not one."""
    parser = _Parser(source, scope)
    condition = parser.condition()
    parser.finish()
    if condition.kind != "truth":
        raise parser.mistyped(condition, f"a condition must be true or false, found {_described(condition.kind)}")
    return condition.tree


def parse_value(source: str, scope: Scope) -> tuple[str, Tree]:
    """Return the kind (``number``, ``truth``, ``word`` or an enumeration's) and the tree of any expression."""
    parser = _Parser(source, scope)
    value = parser.condition()
    parser.finish()
    return value.kind, value.tree


def parse_effect(source: str, scope: Scope) -> Tree:
    """Return ``[variable's index, value's tree]`` of an effect; raises ``ExpressionError`` where it is not one."""
    parser = _Parser(source, scope)
    name, start = parser.token, parser.start
    if parser.kind != "name":
        raise parser.error("an effect begins with a variable: name = value, name += value or name -= value")
    parser.advance()
    if name not in scope.variables:
        raise ExpressionError(start, "E103", f"unknown variable {name!r}", name, scope.variables)
    variable = scope.variables[name]
    sign = parser.start
    operator = parser.accept("=", "+=", "-=")
    if not operator:
        raise parser.error(f"expected '=', '+=' or '-=', found {parser.found()}")
    if operator != "=" and variable.kind != "number":
        raise ExpressionError(sign, "E104", f"{operator!r} needs a number, but {name!r} is {_described(variable.kind)}")
    assigned = _Typed(variable.kind, ["variable", variable.slot], start)
    value = parser.matched(parser.condition(), assigned)
    parser.finish()
    if value.kind != variable.kind:
        held, found = _described(variable.kind), _described(value.kind)
        raise parser.mistyped(value, f"expected {held} for {name!r}, found {found}")
    tree = value.tree if operator == "=" else [operator[0], assigned.tree, value.tree]
    return [variable.slot, tree]


THRESHOLD = re.compile(
    r"\s*(?P<quantity>[a-z]+)\(\s*(?P<quote>['\"])(?P<word>[^'\"]{1,40})(?P=quote)\s*\)\s*"
    r"(?P<sign>[<>])\s*(?P<bound>-?0\.[0-9]{1,6})\s*"
)


def parse_threshold(source: str, quantities: tuple[str, ...]) -> Tree:
    """Return ``[quantity, word, sign, bound]`` of a threshold; raises ``ExpressionError`` where it is not one."""
    match = THRESHOLD.fullmatch(source)
    if not match or match["quantity"] not in quantities:
        shapes = " or ".join(f"{quantity}('two') > 0.5" for quantity in quantities)
        raise ExpressionError(0, "E105", f"a threshold compares one measured quantity with a decimal below 1: {shapes}")
    return [match["quantity"], match["word"], match["sign"], float(match["bound"])]
