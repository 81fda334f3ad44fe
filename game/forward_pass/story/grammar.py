r"""Conditions, effects and thresholds: a closed grammar, from characters to nodes.

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
writes can reach Python. Integers stay small: literals below ``MAX_NUMBER``, and every variable within its declared bounds.

Each rule is a function of a source and the token that comes next, and returns what it read and the token after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from forward_pass.story import nodes
from forward_pass.story.forecast import CHANCE, NOTHING

MAX_LENGTH = 500
MAX_DEPTH = 40
MAX_NUMBER = 1_000_000

FUNCTIONS = {
    "seen": "scene",
    "visits": "scene",
    "taken": "choice",
    "found": "ending",
    "met": "scene",
    "emitted": "word",
    "acted": "act",
    "decided": "act",
    "drawn": "token",
}
"""The functions of a condition, and what each asks about."""

NUMBERS = ("layer", "left", "token", "instantiation", "passes", "stopped")
"""Names that stand for a number of the state.

``left`` is the layers that remain before the boundary; ``passes`` how many passes were run for the figures of the run, and
``stopped`` how many of these were not gone on with.
"""

NOT_ACTS = (NOTHING, CHANCE)
"""What may have decided a word besides an act."""

MEASURED = ("p", "lens", "probe")
"""What is measured as no whole number, and so meets a condition only as a threshold."""

RESERVED = frozenset((*FUNCTIONS, *NUMBERS, "again", "visit", "true", "false", "and", "or", "not"))
"""The words of this grammar, so that no variable and no threshold may be called by them."""

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")

FOREIGN = {
    "&&": "say `and`",
    "||": "say `or`",
    "&": "say `and`",
    "|": "say `or`",
    "!": "say `not`",
    "/": "there is no division",
    "%": "there is no remainder",
    "“": "words stand in straight quotes: 'two'",
    "‘": "words stand in straight quotes: 'two'",
    "’": "words stand in straight quotes: 'two'",
    "[": "there are no lists",
    "{": "braces belong to texts",
}
"""Marks of other languages, and what to say instead."""

TOKENS = re.compile(
    r"""\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<word>'[^']*'|"[^"]*")|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<mark>[=!<>]=|\+=|-=|[-+*()<>=,]))"""
)
IDENTIFIER = re.compile(r"\s*(?P<quote>['\"]?)(?P<id>[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)?)(?P=quote)\s*(?=[,)])")
THRESHOLD = re.compile(
    r"\s*(?P<quantity>[a-z]+)\(\s*(?P<quote>['\"])(?P<word>[^'\"]{1,40})(?P=quote)\s*\)\s*"
    r"(?P<sign>[<>])\s*(?P<bound>-?0\.[0-9]{1,6})\s*"
)


class ExpressionError(ValueError):
    """A source that is not in the grammar, or names what the world has not; ``offset`` is the place in the source.

    Where an unknown name was used, ``known`` holds the names there are: looking for a similar one takes time, so the caller
    that shows the error decides.
    """

    def __init__(self, offset: int, code: str, message: str, unknown: str = "", *known: Collection[str]) -> None:
        super().__init__(message)
        self.offset = offset
        self.code = code
        self.message = message
        self.unknown = unknown
        self.known = known


class Scope(NamedTuple):
    """What a source may name: the world's names and their indices."""

    variables: Mapping[str, nodes.Variable]
    thresholds: Mapping[str, int]
    scenes: Mapping[str, int]  # endings too
    choices: Mapping[str, int]
    endings: Collection[str]
    acts: Mapping[str, int]  # the layer at which each always begins; 0: the one after the present
    boundary: int
    scene: int | None = None  # the scene in which the source stands: gives ``again`` and ``visit`` their meaning
    ending: bool = False  # at an ending no pass is under way
    bands: Mapping[str, tuple[int, int]] = {}  # first and last layer, by name
    probes: Collection[str] | None = None  # what a text may probe for; None: no model runs under this world
    vocabulary: Collection[str] | None = None  # of the model; None: no model runs under this world
    prompt: tuple[str, ...] = ()  # its words
    decoded: tuple[int, int] = (1, 1_000_000)  # the first and the last token at whose end a word is drawn
    spans: Mapping[str, tuple[int, int]] = {}  # the first position, counted from 0, and the one after the last
    continuations: Mapping[str, str] = {}  # passages that could follow what was said, by name
    telling: int = 0  # the index of the telling word among those said
    asks: tuple[int, ...] = ()  # the choices that ask for a figure without an act


class Kind(NamedTuple):
    """The kind of a value, by the words that describe it; an enumeration's with its words."""

    described: str
    words: tuple[str, ...] = ()


NUMBER, TRUTH, WORD = Kind("a number"), Kind("something true or false"), Kind("a word")


def kind_of(variable: nodes.Variable) -> Kind:
    """Return the kind of a variable's values."""
    if variable.words:
        return Kind(f"one of {', '.join(variable.words)}", variable.words)
    return TRUTH if variable.flag else NUMBER


class Typed(NamedTuple):
    """An expression with its kind and where it begins in its source; a literal word is an index once its kind is known."""

    kind: Kind
    node: nodes.Expression
    start: int
    word: str = ""


class _Source(NamedTuple):
    text: str
    scope: Scope
    depth: int = 0


class _Token(NamedTuple):
    kind: str  # "number", "word", "name", "mark" or "end"
    text: str
    start: int
    end: int

    def __str__(self) -> str:
        return repr(self.text) if self.kind != "end" else "the end"

    def is_one_of(self, *texts: str) -> bool:
        return self.kind in ("mark", "name") and self.text in texts

    def error(self, message: str, code: str = "E102") -> ExpressionError:
        return ExpressionError(self.start, code, message)


Rule = Callable[[_Source, _Token], tuple[Typed, _Token]]


# -- what the rest of the program calls -------------------------------------------------------------------------------


def parse_condition(text: str, scope: Scope) -> nodes.Expression:
    """Return a condition; raises ``ExpressionError`` where it is not one."""
    condition = parse_value(text, scope)
    if condition.kind != TRUTH:
        raise _mistyped(condition, f"a condition must be true or false, found {condition.kind.described}")
    return condition.node


def parse_value(text: str, scope: Scope) -> Typed:
    """Return any expression with its kind; raises ``ExpressionError``."""
    source = _Source(text, scope)
    value, token = _condition(source, _first(source))
    _expect_end(token)
    return value


def parse_effect(text: str, scope: Scope) -> nodes.Set:
    """Return an effect; raises ``ExpressionError`` where it is not one."""
    source = _Source(text, scope)
    name = _first(source)
    if name.kind != "name":
        raise name.error("an effect begins with a variable: name = value, name += value or name -= value")
    sign = _after(source, name)
    if name.text not in scope.variables:
        if sign.kind == "name":
            raise name.error("an effect is name = value, name += value or name -= value, without other words")
        raise ExpressionError(name.start, "E103", f"unknown variable {name.text!r}", name.text, scope.variables)
    variable = scope.variables[name.text]
    kind, current = kind_of(variable), nodes.VariableValue(variable.slot)
    if not sign.is_one_of("=", "+=", "-="):
        advice = (
            "; to set, say =" if sign.text == "==" else f"; say {name.text} {sign.text}= 1" if sign.text in ("+", "-") else ""
        )
        raise sign.error(f"expected '=', '+=' or '-=', found {sign}{advice}")
    if sign.text != "=" and kind != NUMBER:
        message = f"{sign.text!r} needs a number, but {name.text!r} is {kind.described}"
        raise ExpressionError(sign.start, "E104", message)
    value, token = _condition(source, _after(source, sign))
    value = _as_kind(value, kind)
    _expect_end(token)
    if value.kind != kind:
        raise _mistyped(value, f"expected {kind.described} for {name.text!r}, found {value.kind.described}")
    node = value.node if sign.text == "=" else nodes.Arithmetic(sign.text[0], current, value.node)
    return nodes.Set(variable.slot, node, variable.least, variable.most)


class Comparison(NamedTuple):
    """What a threshold says: a measured quantity of a word (or a probe's name), compared with a bound."""

    quantity: str
    word: str
    sign: str
    bound: float


def parse_threshold(text: str, quantities: tuple[str, ...]) -> Comparison:
    """Return what a threshold says; raises ``ExpressionError`` where it is not one."""
    match = THRESHOLD.fullmatch(text)
    if not match or match["quantity"] not in quantities:
        shapes = " or ".join(f"{quantity}('two') > 0.5" for quantity in quantities)
        raise ExpressionError(0, "E105", f"a threshold compares one measured quantity with a decimal below 1: {shapes}")
    return Comparison(match["quantity"], match["word"], match["sign"], float(match["bound"]))


# -- tokens -----------------------------------------------------------------------------------------------------------


def _first(source: _Source) -> _Token:
    if len(source.text) > MAX_LENGTH:
        message = f"the expression has {len(source.text)} characters; at most {MAX_LENGTH} are allowed"
        raise ExpressionError(0, "E101", message)
    return _token_at(source, 0)


def _after(source: _Source, token: _Token) -> _Token:
    return _token_at(source, token.end)


def _token_at(source: _Source, at: int) -> _Token:
    match = TOKENS.match(source.text, at)
    if match:
        kind = match.lastgroup or ""
        return _Token(kind, match[kind], match.start(kind), match.end())
    rest = source.text[at:].lstrip()
    start = len(source.text) - len(rest)
    if rest:
        closing = ": the quote is not closed" if rest[0] in "'\"" else ""
        advice = next((f"; {say}" for mark, say in FOREIGN.items() if rest.startswith(mark)), closing)
        raise ExpressionError(start, "E102", f"unexpected {rest[0]!r}{advice}")
    return _Token("end", "", start, start)


def _expect(source: _Source, token: _Token, mark: str) -> _Token:
    if not token.is_one_of(mark):
        raise token.error(f"expected {mark!r}, found {token}")
    return _after(source, token)


def _expect_end(token: _Token) -> None:
    if token.kind != "end":
        advice = "; to compare, say ==" if token.text == "=" else ""
        raise token.error(f"expected the end, found {token}{advice}")


# -- the rules --------------------------------------------------------------------------------------------------------


def _condition(source: _Source, token: _Token) -> tuple[Typed, _Token]:
    source = source._replace(depth=source.depth + 1)
    if source.depth > MAX_DEPTH:
        raise token.error(f"nested more than {MAX_DEPTH} deep", "E101")
    return _joined("or", nodes.Or, _conjunction, source, token)


def _conjunction(source: _Source, token: _Token) -> tuple[Typed, _Token]:
    return _joined("and", nodes.And, _negation, source, token)


def _joined(word: str, node: type[nodes.And | nodes.Or], rule: Rule, source: _Source, token: _Token) -> tuple[Typed, _Token]:
    left, token = rule(source, token)
    while token.kind == "name" and token.text == word:
        _expect_kind(left, TRUTH)
        right, token = rule(source, _after(source, token))
        _expect_kind(right, TRUTH)
        left = Typed(TRUTH, node(left.node, right.node), left.start)
    return left, token


def _negation(source: _Source, token: _Token) -> tuple[Typed, _Token]:
    start, negations = token.start, 0
    while token.is_one_of("not"):
        token = _after(source, token)
        negations += 1
    operand, token = _comparison(source, token)
    if not negations:
        return operand, token
    _expect_kind(operand, TRUTH)
    return Typed(TRUTH, nodes.Not(operand.node) if negations % 2 else operand.node, start), token


def _comparison(source: _Source, token: _Token) -> tuple[Typed, _Token]:
    left, token = _sum(source, token)
    if not token.is_one_of(*COMPARISONS):
        return left, token
    operator = token.text
    right, token = _sum(source, _after(source, token))
    left, right = _as_kind(left, right.kind), _as_kind(right, left.kind)
    if left.kind != right.kind:
        raise _mistyped(right, f"cannot compare {left.kind.described} with {right.kind.described}")
    if left.kind == WORD:
        raise _mistyped(left, "cannot compare two words: one side must be an enumeration")
    if left.kind != NUMBER and operator not in ("==", "!="):
        raise _mistyped(left, f"{operator!r} compares numbers, found {left.kind.described}")
    return Typed(TRUTH, nodes.Compare(operator, left.node, right.node), left.start), token


def _sum(source: _Source, token: _Token) -> tuple[Typed, _Token]:
    return _chain(("+", "-"), _product, source, token)


def _product(source: _Source, token: _Token) -> tuple[Typed, _Token]:
    return _chain(("*",), _factor, source, token)


def _chain(operators: tuple[str, ...], rule: Rule, source: _Source, token: _Token) -> tuple[Typed, _Token]:
    left, token = rule(source, token)
    while token.is_one_of(*operators):
        operator = token.text
        token = _after(source, token)
        _expect_kind(left, NUMBER)
        right, token = rule(source, token)
        _expect_kind(right, NUMBER)
        left = Typed(NUMBER, nodes.Arithmetic(operator, left.node, right.node), left.start)
    return left, token


def _factor(source: _Source, token: _Token) -> tuple[Typed, _Token]:
    start, negative = token.start, False
    while token.is_one_of("-"):
        token = _after(source, token)
        negative = not negative
    operand, token = _operand(source, token)
    if not negative:
        return operand, token
    _expect_kind(operand, NUMBER)
    return Typed(NUMBER, nodes.Arithmetic("-", nodes.Literal(0), operand.node), start), token


def _operand(source: _Source, token: _Token) -> tuple[Typed, _Token]:
    if token.kind == "number":
        return Typed(NUMBER, nodes.Literal(_whole_number(token)), token.start), _after(source, token)
    if token.kind == "word":
        return Typed(WORD, nodes.Literal(0), token.start, word=token.text[1:-1]), _after(source, token)
    if token.kind == "name":
        return _function(source, token) if token.text in FUNCTIONS else _name(source, token)
    if token.is_one_of("("):
        inner, after = _condition(source, _after(source, token))
        return inner._replace(start=token.start), _expect(source, after, ")")
    advice = "; unequal is !=" if token.text == ">" and source.text[: token.start].endswith("<") else ""
    raise token.error(f"expected a value, found {token}{advice}")


def _whole_number(token: _Token) -> int:
    if "." in token.text:
        raise token.error("only whole numbers are allowed here; a measured number needs a named threshold", "E104")
    if len(token.text) > len(str(MAX_NUMBER)) or int(token.text) > MAX_NUMBER:
        raise token.error(f"the number is too large: at most {MAX_NUMBER}", "E101")
    return int(token.text)


def _name(source: _Source, token: _Token) -> tuple[Typed, _Token]:
    after = _after(source, token)
    known = _named(source.scope, token.text)
    if known is None:
        raise _unknown(source, token, after)
    return Typed(*known, token.start), after


def _named(scope: Scope, name: str) -> tuple[Kind, nodes.Expression] | None:
    """Return the kind and the node of what a name stands for, or None where nothing is called so."""
    if name in ("true", "false"):
        return TRUTH, nodes.Literal(int(name == "true"))
    if name in NUMBERS:
        return NUMBER, _number(scope, name)
    if name in ("again", "visit") and scope.scene is not None:
        visits = nodes.Visits(scope.scene)
        return (TRUTH, nodes.Compare(">", visits, nodes.Literal(1))) if name == "again" else (NUMBER, visits)
    if name in scope.variables:
        variable = scope.variables[name]
        return kind_of(variable), nodes.VariableValue(variable.slot)
    if name in scope.thresholds:
        return TRUTH, nodes.ThresholdTruth(scope.thresholds[name])
    if name in scope.bands:
        first, last = scope.bands[name]  # the layers at which something that is chosen now begins
        layer = nodes.StateNumber("layer")
        return TRUTH, nodes.And(
            nodes.Compare(">=", layer, nodes.Literal(first - 1)), nodes.Compare("<=", layer, nodes.Literal(last - 1))
        )
    return None


def _number(scope: Scope, name: str) -> nodes.Expression:
    if name in ("passes", "stopped"):
        return nodes.PassesRun(scope.telling, scope.asks, stopped=name == "stopped", has_layers=scope.probes is not None)
    return nodes.LayersLeft(scope.boundary) if name == "left" else nodes.StateNumber(name)


def _unknown(source: _Source, name: _Token, after: _Token) -> ExpressionError:
    if name.text in MEASURED:
        message = f"{name.text}('two') can be used only in texts; a condition needs a named threshold"
        return ExpressionError(name.start, "E103", message)
    if after.kind == "mark" and after.text == "(":
        return ExpressionError(name.start, "E103", f"unknown function {name.text!r}", name.text, FUNCTIONS)
    scope = source.scope
    owner = next((variable.name for variable in scope.variables.values() if name.text in variable.words), "")
    if owner:
        message = f"{name.text!r} is a word of {owner!r}: write it in quotes, '{name.text}'"
        return ExpressionError(name.start, "E103", message)
    known = (scope.variables, scope.thresholds, scope.bands, RESERVED)
    return ExpressionError(name.start, "E103", f"unknown name {name.text!r}", name.text, *known)


# -- functions --------------------------------------------------------------------------------------------------------


def _function(source: _Source, token: _Token) -> tuple[Typed, _Token]:
    name, about = token.text, FUNCTIONS[token.text]
    opening = _after(source, token)
    if opening.text != "(":
        raise opening.error(f"{name!r} takes one {about} in parentheses: {name}(...)")
    if name == "drawn":
        number = _after(source, opening)
        position, after = _position(source, number._replace(text=",", kind="mark", end=opening.end))
        return Typed(TRUTH, nodes.Drawn(position), token.start), _expect(source, after, ")")
    if name == "decided":
        subject, after = _identifier(source, opening, name, NOT_ACTS)
        return Typed(TRUTH, nodes.Decided(subject), token.start), _expect(source, after, ")")
    if about in ("word", "act"):
        subject, after = _quoted_word(source, opening, name) if about == "word" else _identifier(source, opening, name)
        at = after
        position, after = _position(source, after)
        after = _expect(source, after, ")")
        first, last = source.scope.decoded
        if position and not first <= position <= last:
            place = _after(source, at).start
            raise ExpressionError(place, "E103", f"there is no token {position}: they are {first} to {last}")
        node: nodes.Expression = nodes.Emitted(subject, position) if about == "word" else nodes.Acted(subject, position)
        return Typed(TRUTH, node, token.start), after
    subject, after = _identifier(source, opening, name)
    if after.text == ",":
        raise after.error(f"{name!r} takes one {about} and no other argument")
    after = _expect(source, after, ")")
    scope = source.scope
    if name == "visits":
        return Typed(NUMBER, nodes.Visits(scope.scenes[subject]), token.start), after
    if name == "seen":
        return Typed(TRUTH, nodes.Seen(scope.scenes[subject]), token.start), after
    if name == "met":
        return Typed(TRUTH, nodes.Met(subject), token.start), after
    node = nodes.Taken(scope.choices[subject]) if name == "taken" else nodes.Found(subject)
    return Typed(TRUTH, node, token.start), after


def _quoted_word(source: _Source, opening: _Token, function: str) -> tuple[str, _Token]:
    token = _after(source, opening)
    if token.kind != "word":
        raise token.error(f"{function!r} takes a word in quotes: {function}('two')")
    return token.text[1:-1], _after(source, token)


def _identifier(source: _Source, opening: _Token, function: str, also: tuple[str, ...] = ()) -> tuple[str, _Token]:
    """Read an id, whose hyphens are no minus signs, and return it if the world has it, or it is one of ``also``."""
    about = FUNCTIONS[function]
    match = IDENTIFIER.match(source.text, opening.end)
    if not match:
        raise ExpressionError(opening.end, "E102", f"expected one {about} id in {function}(...)")
    subject = match["id"]
    scope = source.scope
    known = {"scene": scope.scenes, "choice": scope.choices, "ending": scope.endings, "act": scope.acts}[about]
    if subject not in known and subject not in also:
        other = {"scene": ("taken", scope.choices), "choice": ("seen", scope.scenes)}.get(about)
        if other and subject in other[1]:
            kind = "choice" if about == "scene" else "scene or ending"
            raise ExpressionError(match.start("id"), "E103", f"{subject!r} is a {kind}: say {other[0]}({subject})")
        raise ExpressionError(match.start("id"), "E103", f"unknown {about} {subject!r}", subject, known)
    return subject, _token_at(source, match.end())


def _position(source: _Source, token: _Token) -> tuple[int, _Token]:
    """Return the token's position that a function asks about, or 0 for any."""
    if not token.is_one_of(","):
        return 0, token
    position, after = _operand(source, _after(source, token))
    if position.kind != NUMBER or not isinstance(position.node, nodes.Literal) or position.node.value < 1:
        raise ExpressionError(position.start, "E102", "expected a token's position, such as 402")
    return position.node.value, after


# -- kinds ------------------------------------------------------------------------------------------------------------


def _expect_kind(operand: Typed, kind: Kind) -> None:
    if operand.kind != kind:
        raise _mistyped(operand, f"expected {kind.described}, found {operand.kind.described}")


def _mistyped(operand: Typed, message: str) -> ExpressionError:
    return ExpressionError(operand.start, "E104", message)


def _as_kind(operand: Typed, kind: Kind) -> Typed:
    """Return a literal word as the index that it has in the enumeration it is compared with; anything else as it is."""
    if operand.kind != WORD or not kind.words:
        return operand
    if operand.word not in kind.words:
        message = f"{operand.word!r} is not {kind.described}"
        raise ExpressionError(operand.start, "E104", message, operand.word, kind.words)
    return Typed(kind, nodes.Literal(kind.words.index(operand.word)), operand.start)
