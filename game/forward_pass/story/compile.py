"""Trees of conditions and effects, compiled: a closure for each node, over a state and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from operator import add, eq, ge, gt, le, lt, mul, ne, sub
from typing import Any

from forward_pass.story.expressions import Tree
from forward_pass.story.state import State

Value = Callable[[State], int]

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": add, "-": sub, "*": mul}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def compile_expression(tree: Tree) -> Value:
    """Return the closure that gives a tree's value (a truth as a bool) in any state."""
    kind = tree[0]
    if kind in ARITHMETIC or kind in COMPARISONS:
        return _compiled_pair(ARITHMETIC.get(kind) or COMPARISONS[kind], tree[1], tree[2])
    if kind == "and":
        left, right = compile_expression(tree[1]), compile_expression(tree[2])
        return lambda state: left(state) and right(state)
    if kind == "or":
        left, right = compile_expression(tree[1]), compile_expression(tree[2])
        return lambda state: left(state) or right(state)
    if kind == "not":
        operand = compile_expression(tree[1])
        return lambda state: not operand(state)
    return _LEAVES[kind](*tree[1:])


def _compiled_pair(operator: Callable[[Any, Any], Any], left_tree: Tree, right_tree: Tree) -> Value:
    left = compile_expression(left_tree)
    if right_tree[0] == "int":
        constant = right_tree[1]
        if left_tree[0] == "variable":  # what most conditions and effects are: one call less
            index = left_tree[1]
            return lambda state: operator(state.variables[index], constant)
        return lambda state: operator(left(state), constant)
    right = compile_expression(right_tree)
    return lambda state: operator(left(state), right(state))


def _constant(number: int) -> Value:
    return lambda _: number


def _variable(index: int) -> Value:
    return lambda state: state.variables[index]


def _threshold(index: int) -> Value:
    return lambda state: state.measured[index] is True


def _visits(index: int) -> Value:
    return lambda state: state.visits[index]


def _seen(index: int) -> Value:
    return lambda state: state.visits[index] > 0


def _taken(index: int) -> Value:
    return lambda state: state.taken[index] > 0


def _found(ending: str) -> Value:
    return lambda state: ending in state.prior.found


def _emitted(word: str, position: int) -> Value:
    """Return whether ``word`` was drawn at the decoding of the token at ``position`` (0: at any)."""
    if not position:
        return lambda state: word in state.words

    def emitted(state: State) -> bool:
        index = position - (state.token - len(state.words))
        return 0 <= index < len(state.words) and state.words[index] == word

    return emitted


def _acted(act: str, position: int) -> Value:
    """Return whether ``act`` was made at the token at ``position`` (0: at any)."""

    def acted(state: State) -> bool:
        first = state.token - len(state.acts) + 1
        return any(
            made.name == act
            for offset, made_here in enumerate(state.acts)
            if position in (0, first + offset)
            for made in made_here
        )

    return acted


_LEAVES: dict[str, Callable[..., Value]] = {
    "int": _constant,
    "variable": _variable,
    "threshold": _threshold,
    "visits": _visits,
    "seen": _seen,
    "taken": _taken,
    "found": _found,
    "emitted": _emitted,
    "acted": _acted,
    "layer": lambda: lambda state: state.layer,
    "left": lambda boundary: lambda state: boundary - state.layer,
    "token": lambda: lambda state: state.token,
    "instantiation": lambda: lambda state: state.prior.instantiation,
}
