"""The tokens of a world: what a written pass says at the end of each, and where each word leads."""

from __future__ import annotations

import re
from typing import NamedTuple

from forward_pass.loading.fields import Entry, keyed, mapping
from forward_pass.loading.model_names import ModelNames, check_word
from forward_pass.loading.report import Report
from forward_pass.loading.scenes import Context, GotoKind, check_last_case, read_condition, read_goto
from forward_pass.loading.symbols import POSITION
from forward_pass.loading.yaml_tree import Node
from forward_pass.story import nodes
from forward_pass.story.visit import find_nodes, walk_nodes

TOKEN_KEYS = ("written", "then")
CASE_KEYS = ("if", "say")
SUM_TOLERANCE = 0.001  # how far the sum of a declared distribution may be from 1
OF_THE_STORY = (
    *(nodes.VariableValue, nodes.ThresholdTruth, nodes.LayersLeft),
    *(nodes.Visits, nodes.Seen, nodes.Taken, nodes.Found, nodes.Met),
)
PROBABILITY = re.compile(r"(?:0?\.[0-9]{1,6}|1(?:\.0{1,6})?)")
WORD = re.compile(r"\S{1,40}")


class TokenContext(NamedTuple):
    """What tokens are read against."""

    context: Context
    model: ModelNames | None
    has_model: bool  # whether the world names one, readable or not


def read_tokens(report: Report, its: TokenContext, prompt_length: int) -> tuple[nodes.Token, ...]:
    """Return the tokens in the order of their positions; the first is the prompt's last word."""
    symbols = its.context.symbols
    named = symbols.sections["tokens"]
    entries = {int(key): entry for key, entry in sorted(named.items()) if POSITION.fullmatch(key)}
    positions = sorted(entries)
    if prompt_length and len(entries) == len(named):
        _check_positions(report, entries, positions, prompt_length)
    for entry in symbols.files:
        if entries and entry.token and entry.token not in entries:
            report.add(entry.value, "E304", f"the world has no token {entry.token}")
    last = max(positions, default=0)
    return tuple(_token(report, its, position, entries[position], is_last=position == last) for position in positions)


def _check_positions(report: Report, entries: dict[int, Entry], positions: list[int], prompt_length: int) -> None:
    for expected, position in enumerate(positions, prompt_length):
        if position != expected:
            count = f"the prompt has {prompt_length} tokens, counting <doc>, so the first is {prompt_length}"
            report.add(entries[position].key, "E304", f"expected token {expected}, found {position}; {count}")
            return


def _token(report: Report, its: TokenContext, position: int, entry: Entry, *, is_last: bool) -> nodes.Token:
    required = ("then",) if its.has_model else TOKEN_KEYS
    keys = keyed(report, entry, f"token {position}", TOKEN_KEYS, required)
    if its.model and "written" in keys:
        message = f"token {position} must not have the key 'written': its word comes from the model"
        report.add(keys["written"], "E505", message)
    arrivals = _arrivals(report, its, keys["then"], position, is_last=is_last) if "then" in keys else ()
    written = _written(report, its, keys["written"]) if "written" in keys else ()
    return nodes.Token(entry.key.place, position, written, arrivals)


def _arrivals(report: Report, its: TokenContext, node: Node, position: int, *, is_last: bool) -> tuple[nodes.Arrival, ...]:
    rows = mapping(report, node, "'then'")
    kind = GotoKind.LAST_WORD if is_last else GotoKind.WORD
    arrivals = []
    for word, (key, value) in rows.items():
        goto = read_goto(report, value, its.context, its.context.scope, kind)
        arrivals.append(nodes.Arrival(word, goto._replace(place=key.place)))
    if nodes.OTHERWISE not in rows and isinstance(node.value, dict):
        report.add(node, "E302", f"'then' of token {position} needs the key {nodes.OTHERWISE!r}: where any other word leads")
    for word, (key, _) in rows.items():
        if word != nodes.OTHERWISE:
            check_word(report, its.model, key)
    return tuple(arrivals)


# -- written words ----------------------------------------------------------------------------------------------------


def _written(report: Report, its: TokenContext, node: Node) -> tuple[nodes.WrittenCase, ...]:
    """Return the cases of a written token: one distribution, or a list of ``{if, say}`` whose last has no ``if``."""
    if isinstance(node.value, dict):
        return (nodes.WrittenCase(None, _chances(report, node)),)
    if not isinstance(node.value, list) or not node.value:
        report.add(node, "E203", "expected a mapping (word: probability), or a list of cases {if, say}")
        return ()
    cases = []
    for item in node.value:
        keys = keyed(report, Entry(item, item), "a case", CASE_KEYS, ("say",))
        condition = read_condition(report, keys.get("if"), its.context.scope)
        if condition is not None and _reads_the_story(condition):
            report.add(keys["if"], "E305", "a case of 'written' can use only emitted(...), acted(...) and token")
        cases.append(nodes.WrittenCase(condition, _chances(report, keys["say"]) if "say" in keys else {}))
    check_last_case(report, node)
    return tuple(cases)


def _reads_the_story(condition: nodes.Expression) -> bool:
    """Return whether a condition asks about more than a pass knows: words and interventions."""
    if any(number.name != "token" for number in find_nodes(nodes.StateNumber, condition)):
        return True
    return any(isinstance(node, OF_THE_STORY) for node in walk_nodes(condition))


def _chances(report: Report, node: Node) -> dict[str, float]:
    """Return a declared distribution, its sum made exactly 1."""
    chances: dict[str, float] = {}
    if node.value == {}:
        report.add(node, "E305", "a distribution needs at least one word and its probability")
    for word, (key, value) in mapping(report, node, "a distribution").items():
        text = value.value if isinstance(value.value, str) else ""
        if PROBABILITY.fullmatch(text) and float(text) > 0:
            chances[word] = float(text)
        else:
            report.add(value, "E305", f"the probability of {word!r} must be a decimal above 0, up to 1")
        if not WORD.fullmatch(word):
            report.add(key, "E305", f"{word!r} is not a valid word: 1 to 40 characters, no space")
    total = sum(chances.values())
    if chances and len(chances) == len(node.value) and abs(total - 1) > SUM_TOLERANCE:
        report.add(node, "E305", f"these probabilities sum to {total:.4f}; they must sum to 1")
    return {word: chance / total for word, chance in chances.items()}
