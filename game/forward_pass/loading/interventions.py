"""The acts that a world declares: each an intervention on its pass, or in a written world no more than a name.

``FORMS`` has an entry for each kind of intervention: the key it is written under, the keys it takes besides, and its reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from forward_pass.loading.fields import Entry, decimal, keyed, known_name, several, string, truth
from forward_pass.loading.model_names import ModelNames, check_word
from forward_pass.loading.report import Report
from forward_pass.loading.yaml_tree import Node
from forward_pass.story.interventions import Bend, Drop, Intervention, Look, Note, Push, Rewrite
from forward_pass.story.nodes import ActDeclaration
from forward_pass.story.tokeniser import tokenise

MAX_BIAS = 100.0
MAX_STRENGTH = 10.0


class ActContext(NamedTuple):
    """What acts may name, and the boundary."""

    spans: Mapping[str, tuple[int, int]]
    model: ModelNames | None
    boundary: int
    verbs: tuple[str, ...] = ()


Keys = Mapping[str, Node]
Reader = Callable[[Report, Keys, ActContext], Intervention | None]


class Form(NamedTuple):
    """How a kind of intervention is written: its reader, the keys it needs besides its own, and those it may have."""

    read: Reader
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that it accepts besides its own."""
        return self.required + self.optional


def _look(report: Report, keys: Keys, context: ActContext) -> Intervention | None:
    bias = decimal(report, keys["by"], -MAX_BIAS, MAX_BIAS)
    span = known_name(report, keys["look"], "span", context.spans)
    return Look(*context.spans[span], bias) if span else None


def _push(report: Report, keys: Keys, context: ActContext) -> Intervention:
    strength = decimal(report, keys["by"], -MAX_STRENGTH, MAX_STRENGTH)
    known = context.model.directions if context.model else (keys["push"].value,)
    return Push(known_name(report, keys["push"], "direction", known), strength)


def _note(report: Report, keys: Keys, context: ActContext) -> Intervention | None:
    try:
        words = tokenise(string(report, keys["note"], "note"))
    except ValueError as error:
        report.add(keys["note"], "E503", str(error))
        words = ()
    carrier = string(report, keys["carrier"], "carrier")
    if carrier not in words:
        report.add(keys["carrier"], "E503", f"the carrier must be a word of the note: {', '.join(map(repr, words))}")
        return None
    for word in dict.fromkeys(words):
        if context.model and word not in context.model.vocabulary:
            report.add(keys["note"], "E504", f"{word!r} is not in the model's vocabulary")
    return Note(words, words.index(carrier), decimal(report, keys["ink"], 0, 1) if "ink" in keys else 1.0)


def _rewrite(report: Report, keys: Keys, context: ActContext) -> Intervention | None:
    word = _word(report, keys["as"], context)
    span = known_name(report, keys["rewrite"], "span", context.spans)
    return Rewrite(context.spans[span][0], word) if span else None


def _bend(report: Report, keys: Keys, context: ActContext) -> Intervention:
    share = decimal(report, keys["by"], 0, 1)
    return Bend(_word(report, keys["bend"], context), share, context.boundary)  # what leaves the boundary, whenever it is made


def _drop(_report: Report, _keys: Keys, context: ActContext) -> Intervention:
    return Drop(context.boundary)


def _word(report: Report, node: Node, context: ActContext) -> str:
    word = string(report, node, "word")
    if word:
        check_word(report, context.model, node)
    return word


FORMS: dict[str, Form] = {
    "look": Form(_look, ("by",)),
    "push": Form(_push, ("by",)),
    "note": Form(_note, ("carrier",), ("ink",)),
    "rewrite": Form(_rewrite, ("as",)),
    "bend": Form(_bend, ("by",)),
    "drop": Form(_drop),
}
FORM_KEYS = tuple(sorted({key for form in FORMS.values() for key in form.keys}))
ACT_KEYS = ("about", "verb", "lasts", *FORMS, *FORM_KEYS)


def read_act(report: Report, name: str, entry: Entry, context: ActContext) -> ActDeclaration:
    """Return an act as it is declared."""
    keys = keyed(report, entry, f"the act {name!r}", ACT_KEYS, ("about",))
    about = string(report, keys["about"], "about") if "about" in keys else ""
    intervention = _intervention(report, name, entry, keys, context)
    verb = known_name(report, keys["verb"], "verb", context.verbs) if "verb" in keys else ""
    return ActDeclaration(entry.key.place, name, about, verb, truth(report, keys.get("lasts")), intervention)


def _intervention(report: Report, name: str, entry: Entry, keys: Keys, context: ActContext) -> Intervention | None:
    kinds = [kind for kind in FORMS if kind in keys]
    if not kinds and context.model is None:
        return None
    if len(kinds) != 1:
        report.add(entry.key, "E503", f"the act {name!r} must have exactly one of {', '.join(map(repr, FORMS))}")
        return None
    kind, form = kinds[0], FORMS[kinds[0]]
    for key in FORM_KEYS:
        if key in keys and key not in form.keys:
            report.add(keys[key], "E503", f"{kind!r} does not accept {key!r}")
        if key in form.required and key not in keys:
            report.add(entry.key, "E202", f"the act {name!r} needs the key {key!r}")
            return None
    return form.read(report, keys, context)


def check_causality(report: Report, node: Node | None, acts: Mapping[str, ActDeclaration], position: int) -> None:
    """Report the acts of a choice that name positions which the pass of the token at ``position`` has not reached."""
    for name in several(report, node, "act"):
        intervention = acts[name.value].intervention if name.value in acts else None
        if isinstance(intervention, Look):
            _check_reach(report, name, (intervention.start, intervention.stop), position, position, "looked at")
        elif isinstance(intervention, Rewrite):
            span = intervention.position, intervention.position + 1
            _check_reach(report, name, span, position, position - 1, "rewritten")


def _check_reach(report: Report, name: Node, span: tuple[int, int], position: int, reached: int, verb: str) -> None:  # noqa: PLR0913, PLR0917
    start, stop = span
    if stop > reached:
        where = f"position {stop}" if stop == start + 1 else f"positions {start + 1} to {stop}"
        allowed = f"at token {position} only positions up to {reached} can be {verb}"
        report.add(name, "E506", f"the act {name.value!r} covers {where}, but {allowed}")
