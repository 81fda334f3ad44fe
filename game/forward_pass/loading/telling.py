"""What a world declares of the number on the table: the telling token and its words, how figures are given where; the verbs."""

from __future__ import annotations

from collections.abc import Mapping

from forward_pass.loading.fields import Entry, keyed, known_name, line, parsed, several, truth, whole
from forward_pass.loading.model_names import ModelNames, check_word
from forward_pass.loading.report import Report
from forward_pass.loading.yaml_tree import Node
from forward_pass.story.grammar import Scope, parse_condition
from forward_pass.story.nodes import GIVEN, Given, PassesRun, Property, Telling, Verb

PROPERTY_KEYS = ("always", "never", "sometimes")
TELLING_KEYS = ("token", "words", "given", "tally")
GIVEN_KEYS = ("token", "from", "to", "as")
MAX_TELLING_WORDS = 6


def read_verbs(report: Report, entries: Mapping[str, Entry]) -> tuple[Verb, ...]:
    """Return the verbs that choices can have, each with its sentence."""
    return tuple(Verb(name, line(report, entry.value, f"the verb {name!r}")) for name, entry in entries.items())


def read_properties(report: Report, entries: Mapping[str, Entry], scope: Scope) -> tuple[Property, ...]:
    """Return what the world claims of all its runs: ``{always: CONDITION}``, ``{never: …}`` or ``{sometimes: …}`` by id."""
    properties = []
    for name, entry in entries.items():
        keys = keyed(report, entry, f"the claim {name!r}", PROPERTY_KEYS)
        if len(keys) != 1:
            report.add(entry.key, "E203", f"the claim {name!r} needs exactly one of {', '.join(PROPERTY_KEYS)}")
            continue
        ((how, node),) = keys.items()
        condition = parsed(report, node, lambda text: parse_condition(text, scope))
        if condition is not None:
            properties.append(Property(node.value_place(), name, how, condition))
    return tuple(properties)


def read_telling(report: Report, entry: Entry | None, scope: Scope, model: ModelNames | None) -> Telling | None:
    """Return the token that the story is about, written as a position or as a mapping; None without one."""
    if entry is None:
        return None
    if isinstance(entry.value.value, str):
        return Telling(whole(report, entry.value, *scope.decoded) or 0, (), ())
    keys = keyed(report, entry, "'telling'", TELLING_KEYS, ("token",))
    token = whole(report, keys["token"], *scope.decoded) if "token" in keys else None
    words = several(report, keys.get("words"), "words")
    for word in words:
        check_word(report, model, word)
    if len(words) > MAX_TELLING_WORDS:
        report.add(words[MAX_TELLING_WORDS], "E203", f"'words' may have at most {MAX_TELLING_WORDS} words")
    given = keys.get("given")
    rows = given.value if given is not None and isinstance(given.value, list) else []
    if given is not None and not isinstance(given.value, list):
        report.add(given, "E203", f"'given': expected a list of cases {{token, from, to, as}}, found a {given.kind}")
    index = max((token or 0) - len(scope.prompt), 0)
    counted = PassesRun(index, scope.asks, stopped=False, has_layers=scope.probes is not None)
    passes = counted if truth(report, keys.get("tally")) else None
    return Telling(token or 0, tuple(word.value for word in words), tuple(_given(report, row, scope) for row in rows), passes)


def _given(report: Report, node: Node, scope: Scope) -> Given:
    """Return how figures are given in a band of layers of a token, by default in all of its layers."""
    keys = keyed(report, Entry(node, node), "a case of 'given'", GIVEN_KEYS, ("token", "as"))
    first, last = scope.decoded
    token = whole(report, keys["token"], first, last) if "token" in keys else None
    start = whole(report, keys["from"], 0, scope.boundary) if "from" in keys else None
    stop = whole(report, keys["to"], start or 0, scope.boundary) if "to" in keys else None
    how = known_name(report, keys["as"], "way to give figures", GIVEN) if "as" in keys else ""
    return Given(token or 0, start or 0, scope.boundary if stop is None else stop, how)
