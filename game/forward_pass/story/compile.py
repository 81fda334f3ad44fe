"""Nodes to closures: conditions over a state, texts over a state and an inspector of its pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from operator import add, eq, ge, gt, le, lt, mul, ne, sub

from forward_pass.story import nodes
from forward_pass.story.forecast import passes_run
from forward_pass.story.measurements import Piece, compile_measurement
from forward_pass.story.ports import Inspector
from forward_pass.story.spelling import spell_number
from forward_pass.story.state import MAX_VISITS, State

Value = Callable[[State], int]
TextFunction = Callable[[State, Inspector], str]

OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": add,
    "-": sub,
    "*": mul,
    "==": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


@singledispatch
def compile_expression(node: nodes.Expression) -> Value:
    """Return the closure that gives an expression's value (a truth as a bool) in any state."""
    raise TypeError(type(node))


@compile_expression.register(nodes.Compare)
@compile_expression.register(nodes.Arithmetic)
def _pair(node: nodes.Compare | nodes.Arithmetic) -> Value:
    operator, left, right = OPERATORS[node.operator], compile_expression(node.left), compile_expression(node.right)
    if isinstance(node.right, nodes.Literal):
        constant = node.right.value
        return lambda state: operator(left(state), constant)
    return lambda state: operator(left(state), right(state))


@compile_expression.register(nodes.And)
def _and(node: nodes.And) -> Value:
    left, right = compile_expression(node.left), compile_expression(node.right)
    return lambda state: left(state) and right(state)


@compile_expression.register(nodes.Or)
def _or(node: nodes.Or) -> Value:
    left, right = compile_expression(node.left), compile_expression(node.right)
    return lambda state: left(state) or right(state)


@compile_expression.register(nodes.Not)
def _not(node: nodes.Not) -> Value:
    operand = compile_expression(node.operand)
    return lambda state: not operand(state)


@compile_expression.register(nodes.Literal)
def _literal(node: nodes.Literal) -> Value:
    value = node.value
    return lambda _: value


@compile_expression.register(nodes.VariableValue)
def _variable(node: nodes.VariableValue) -> Value:
    index = node.variable
    return lambda state: state.variables[index]


@compile_expression.register(nodes.ThresholdTruth)
def _threshold(node: nodes.ThresholdTruth) -> Value:
    index = node.threshold
    return lambda state: state.measured[index] is True


@compile_expression.register(nodes.StateNumber)
def _state_number(node: nodes.StateNumber) -> Value:
    match node.name:
        case "layer":
            return lambda state: state.layer
        case "token":
            return lambda state: state.token
    return lambda state: state.prior.instantiation


@compile_expression.register(nodes.LayersLeft)
def _layers_left(node: nodes.LayersLeft) -> Value:
    boundary = node.boundary
    return lambda state: boundary - state.layer


@compile_expression.register(nodes.Visits)
def _visits(node: nodes.Visits) -> Value:
    index = node.scene
    return lambda state: state.visits[index]


@compile_expression.register(nodes.Seen)
def _seen(node: nodes.Seen) -> Value:
    index = node.scene
    return lambda state: state.visits[index] > 0


@compile_expression.register(nodes.Taken)
def _taken(node: nodes.Taken) -> Value:
    index = node.choice
    return lambda state: state.taken[index] > 0


@compile_expression.register(nodes.Met)
def _met(node: nodes.Met) -> Value:
    scene = node.scene
    return lambda state: scene in state.prior.met


@compile_expression.register(nodes.Found)
def _found(node: nodes.Found) -> Value:
    ending = node.ending
    return lambda state: ending in state.prior.found


@compile_expression.register(nodes.Emitted)
def _emitted(node: nodes.Emitted) -> Value:
    word, token = node
    if not token:
        return lambda state: word in state.words

    def emitted(state: State) -> bool:
        index = state.drawn_at(token)
        return index is not None and state.words[index] == word

    return emitted


@compile_expression.register(nodes.Acted)
def _acted(node: nodes.Acted) -> Value:
    name, token = node

    def acted(state: State) -> bool:
        first = state.token - len(state.acts) + 1
        return any(
            act.name == name for position, acts in enumerate(state.acts, first) if token in (0, position) for act in acts
        )

    return acted


@compile_expression.register(nodes.Decided)
def _decided(node: nodes.Decided) -> Value:
    what = node.what
    return lambda state: state.decided is not None and what in state.decided


@compile_expression.register(nodes.Drawn)
def _drawn(node: nodes.Drawn) -> Value:
    token = node.token
    return lambda state: token in state.by_chance


@compile_expression.register(nodes.PassesRun)
def _passes_run(node: nodes.PassesRun) -> Value:
    telling, asks, stopped, has_layers = node

    def passes(state: State) -> int:
        key = state.key if has_layers else state.key.without_layers()
        run = set(passes_run(key, telling, asked=any(state.taken[slot] for slot in asks)))
        return len(run) - stopped * sum(key.at(index) in run for index in range(len(state.words) + 1))

    return passes


# -- texts ------------------------------------------------------------------------------------------------------------


def compile_text(text: nodes.Text) -> TextFunction:
    """Return the closure that gives a text in a state: paragraphs parted by a blank line, each on one line."""
    parts: list[tuple[Value | None, Piece]] = []
    guards: list[Value] = []  # those that an [else] here would be the other side of
    after_else = False
    for paragraph in text.paragraphs:
        condition = None
        if paragraph.guard is None:
            guards, after_else = [], False
        elif paragraph.guard.condition is None:
            condition, after_else = _none_of(tuple(guards)), True
        else:
            condition = compile_expression(paragraph.guard.condition)
            guards, after_else = [*(() if after_else else guards), condition], False
        parts.append((condition, _paragraph(paragraph)))

    if len(parts) == 1 and parts[0][0] is None:
        return parts[0][1]

    def paragraphs(state: State, inspector: Inspector) -> str:
        shown = [piece(state, inspector) for condition, piece in parts if condition is None or condition(state)]
        return "\n\n".join(filter(None, shown))

    return paragraphs


def usual_text(text: nodes.Text) -> str | None:
    """Return a text of one paragraph as it is where none of its conditions hold, ``…`` for what is measured; else None."""
    if len(text.paragraphs) != 1 or text.paragraphs[0].guard is not None:
        return None
    pieces = [part for piece in text.paragraphs[0].pieces for part in _usual_pieces(piece)]
    return "".join(piece if isinstance(piece, str) else "…" for piece in pieces)


def _usual_pieces(piece: nodes.Piece) -> list[nodes.Piece]:
    if not isinstance(piece, nodes.If):
        return [piece]
    return [part for inner in piece.otherwise for part in _usual_pieces(inner)]


def _none_of(conditions: tuple[Value, ...]) -> Value:
    return lambda state: not any(condition(state) for condition in conditions)


def _paragraph(paragraph: nodes.Paragraph) -> Piece:
    pieces = compile_pieces(paragraph.pieces)
    if paragraph.preformatted:
        return lambda state, inspector: pieces(state, inspector).strip("\n").rstrip()
    if all(isinstance(piece, str) for piece in paragraph.pieces):
        line = " ".join("".join(map(str, paragraph.pieces)).split())
        return lambda _state, _inspector: line
    return lambda state, inspector: " ".join(pieces(state, inspector).split())


def compile_pieces(pieces: tuple[nodes.Piece, ...]) -> Piece:
    """Return the closure that gives some pieces, one after another."""
    parts = [_compile_piece(piece) for piece in pieces]
    if len(parts) == 1:
        return parts[0]
    return lambda state, inspector: "".join([part(state, inspector) for part in parts])


@singledispatch
def _compile_piece(node: nodes.Piece) -> Piece:
    return compile_measurement(node)


@_compile_piece.register(str)
def _constant(text: str) -> Piece:
    return lambda _state, _inspector: text


@_compile_piece.register(nodes.Claim)
def _claim(_node: nodes.Claim) -> Piece:
    return lambda _state, _inspector: ""


@_compile_piece.register(nodes.If)
def _if(node: nodes.If) -> Piece:
    condition, then, otherwise = compile_expression(node.condition), compile_pieces(node.then), compile_pieces(node.otherwise)
    return lambda state, inspector: (then if condition(state) else otherwise)(state, inspector)


def _branches(branches: tuple[nodes.Branch, ...]) -> list[Piece]:
    return [compile_pieces(branch.pieces) for branch in branches]


@_compile_piece.register(nodes.Switch)
def _switch(node: nodes.Switch) -> Piece:
    value, parts = compile_expression(node.value), _branches(node.branches)
    return lambda state, inspector: parts[value(state)](state, inspector)


@_compile_piece.register(nodes.ByVisit)
def _by_visit(node: nodes.ByVisit) -> Piece:
    scene, parts = node.scene, _branches(node.branches)
    by_count = [parts[min(max(count, 1), len(parts)) - 1] for count in range(MAX_VISITS + 1)]
    return lambda state, inspector: by_count[state.visits[scene]](state, inspector)


@_compile_piece.register(nodes.NumberText)
def _number(node: nodes.NumberText) -> Piece:
    value, show = compile_expression(node.value), spell_number if node.spelled else str
    return lambda state, _inspector: show(int(value(state)))


@_compile_piece.register(nodes.WordText)
def _word(node: nodes.WordText) -> Piece:
    value, words = compile_expression(node.value), node.words
    return lambda state, _inspector: words[value(state)]
