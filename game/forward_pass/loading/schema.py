"""The JSON Schema of a world's files, from the loader's own tables; ``python -m forward_pass.loading.schema`` prints it.

Every key that the loader knows has to be described here, and nothing else may be: ``_object`` asks for both. What an editor is
told is a little wider than what the loader takes; places, conditions and numbers are the loader's business.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from forward_pass.loading.declarations import BAND_KEYS, NUMBER_KEYS
from forward_pass.loading.frame import FRAMES
from forward_pass.loading.interventions import ACT_KEYS
from forward_pass.loading.paths import FLAGSHIP
from forward_pass.loading.prompt import PAIR_KEYS, SPAN_KEYS
from forward_pass.loading.scenes import CHOICE_KEYS, ENDING_KEYS, SCENE_KEYS, TARGET_KEYS
from forward_pass.loading.symbols import ID, MAX_ID, NAME, POSITION, SECTIONS, SINGLES
from forward_pass.loading.telling import GIVEN_KEYS, PROPERTY_KEYS, TELLING_KEYS
from forward_pass.loading.tokens import CASE_KEYS, TOKEN_KEYS
from forward_pass.story.nodes import DECODE, GIVEN

Schema = dict[str, Any]

TEXT: Schema = {"type": ["string", "number"], "minLength": 1}  # a title may be 1984
WHOLE: Schema = {"type": "integer"}
DECIMAL: Schema = {"type": "number"}
TRUTH: Schema = {"type": "boolean"}
CONDITION: Schema = {"type": ["string", "boolean"], "description": "a condition, such as: reads > 1 and not seen(waking)"}
NAMED: Schema = {"type": ["string", "boolean", "null", "number"]}  # YAML 1.1 editors take no and on for truths


class Names(NamedTuple):
    """The ids of a world, for an editor to complete."""

    scenes: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()


def schema(names: Names | None = None) -> Schema:
    """Return the schema of one file of a world; with ``names``, of the world that has them."""
    known = names or Names()
    definitions: Schema = {
        "target": _one_of((*known.scenes, *known.endings, DECODE)),
        "scene": _one_of(known.scenes),
        "act": _one_of(known.acts),
        "verb": _one_of(known.verbs),
        "threshold": _one_of(known.thresholds),
    }
    properties: Schema = {key: {**_SINGLES[key], "description": SINGLES[key]} for key in SINGLES}
    properties |= {section: _SECTIONS[section]() for section in SECTIONS}
    properties["token"] = {"type": "integer", "minimum": 1, "description": "the token to which this file's scenes belong"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A file of a Forward Pass world",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "definitions": definitions,
    }


def schema_text(names: Names | None = None) -> str:
    """Return the schema as the file ``worlds/SCHEMA.json`` has it; with ``names``, of the world that has them."""
    return json.dumps(schema(names), indent=1, ensure_ascii=False) + "\n"


def _one_of(names: tuple[str, ...]) -> Schema:
    """Return the schema of a name; an editor completes those there are, and the loader says what is wrong with others."""
    return {"anyOf": [{"enum": list(names)}, TEXT]} if names else TEXT


def _name(kind: str) -> Schema:
    return {"$ref": f"#/definitions/{kind}"}


_MEASURED: Schema = {
    "anyOf": [TEXT, {"type": "array", "items": TEXT}],
    "description": "the tests that hold the figures written out here to the model",
}


def _object(about: str, known: Iterable[str], described: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """Return the schema of a mapping whose keys are exactly the loader's; raises ``KeyError`` where they are not."""
    keys = tuple(known)
    if set(keys) != set(described):
        raise KeyError(f"{about}: {sorted(set(keys) ^ set(described))}")
    return {
        "type": "object",
        "description": about,
        "properties": {key: described[key] for key in keys},
        "required": list(required),
        "additionalProperties": False,
    }


def _named(pattern: str, value: Schema, about: str) -> Schema:
    """Return the schema of a section: entries by id."""
    return {
        "type": "object",
        "description": about,
        "patternProperties": {f"^(?:{pattern})$": value},
        "additionalProperties": False,
    }


def _several(value: Schema) -> Schema:
    return {"anyOf": [value, {"type": "array", "items": value}]}


def _described(about: str, value: Schema) -> Schema:
    return {**value, "description": about}


# -- sections ---------------------------------------------------------------------------------------------------------


def _variables() -> Schema:
    number = _object(
        "a whole number within bounds",
        NUMBER_KEYS,
        {"from": WHOLE, "to": WHOLE, "start": WHOLE},
        ("from", "to"),
    )
    words: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 2, "description": "one of these words"}
    return _named(NAME.pattern, {"anyOf": [TRUTH, words, number]}, "what the story remembers")


def _thresholds() -> Schema:
    return _named(NAME.pattern, _described("such as: p('two') > 0.5", TEXT), "truths about measured numbers, by name")


def _bands() -> Schema:
    band = _object("first and last layer", BAND_KEYS, {"from": WHOLE, "to": WHOLE}, BAND_KEYS)
    return _named(NAME.pattern, band, "stretches of layers at which something chosen can begin, by name")


def _spans() -> Schema:
    keys = {
        "pair": _described("the number of a pair of question and answer, from 1", WHOLE),
        "word": _described("the last place where this word stands", TEXT),
        "token": _described("the position of a token, from 1", WHOLE),
        "to": _described("the last pair or token of the span", WHOLE),
    }
    return _named(ID.pattern, _object("a part of the prompt", SPAN_KEYS, keys), "parts of the prompt that acts speak of")


def _continuations() -> Schema:
    passage = {"anyOf": [TEXT, {"type": "array", "items": _PAIR, "minItems": 1}]}
    return _named(ID.pattern, passage, "what could follow the words so far, for texts to ask about")


def _verbs() -> Schema:
    return _named(ID.pattern, TEXT, "the kinds of things that choices do to the pass, each with a plain sentence about it")


def _claims() -> Schema:
    keys = {key: _described(f"a condition that holds {key}", CONDITION) for key in PROPERTY_KEYS}
    return _named(ID.pattern, _object("a property of all runs", PROPERTY_KEYS, keys), "what a check proves of all runs")


def _telling() -> Schema:
    given = {
        "token": _described("the token", WHOLE),
        "from": _described("the first layer (all)", WHOLE),
        "to": _described("the last layer (all)", WHOLE),
        "as": {"enum": list(GIVEN), "description": "shown; sealed until it is opened; asked: the figures heard last"},
    }
    case = _object("how figures are given in a band of layers", GIVEN_KEYS, given, ("token", "as"))
    keys: Schema = {
        "token": _described("its position", WHOLE),
        "words": _described("the words that the story turns on", _several(NAMED)),
        "given": {"type": "array", "items": case, "description": "the first that fits; elsewhere figures are shown"},
        "tally": _described("whether the number of passes run for figures stands beside them", TRUTH),
    }
    return _object("the token that the story is about", TELLING_KEYS, keys, ("token",))


def _acts() -> Schema:
    keys = {
        "about": _described("what it is, in words", TEXT),
        "verb": _described("the verb of choices that make it", {"anyOf": [_name("verb")]}),
        "lasts": _described("whether it outlives its token", TRUTH),
        "look": _described("the span that the heads are drawn to, by a bias", TEXT),
        "push": _described("the direction that is added, times a strength", TEXT),
        "note": _described("a note that is written over one's own keys and values", TEXT),
        "rewrite": _described("the span whose cached word is misremembered, as another", TEXT),
        "bend": _described("the word toward which the decoder's door is bent", NAMED),
        "drop": _described("take one's own layers out", NAMED),
        "by": _described("how much", DECIMAL),
        "as": _described("the word that is remembered", NAMED),
        "carrier": _described("the word of the note that carries it", TEXT),
        "ink": _described("how much of the note is written, 0 to 1", DECIMAL),
    }
    act = _object("an intervention on the pass", ACT_KEYS, keys, ("about",))
    return _named(ID.pattern, act, "the interventions that choices make")


def _tokens() -> Schema:
    chances: Schema = {"type": "object", "additionalProperties": DECIMAL, "minProperties": 1}
    case = _object("a case, the last one without an if", CASE_KEYS, {"if": CONDITION, "say": chances}, ("say",))
    written: Schema = {
        "anyOf": [chances, {"type": "array", "items": case, "minItems": 1}],
        "description": "what comes out, where no model runs: word and probability",
    }
    then: Schema = {
        "type": "object",
        "additionalProperties": _goto(),
        "required": ["otherwise"],
        "description": "where each word leads",
    }
    token = _object("a token of the pass", TOKEN_KEYS, {"written": written, "then": then}, ("then",))
    return _named(POSITION.pattern, token, "the tokens by position, the first one the prompt's last word")


def _goto() -> Schema:
    case = _object("a case, the last one without an if", TARGET_KEYS, {"if": CONDITION, "goto": _name("target")}, ("goto",))
    return {"anyOf": [_name("target"), {"type": "array", "items": case, "minItems": 1}]}


def _scenes() -> Schema:
    keys: Schema = {
        "say": _described("what the player reads", TEXT),
        "if": _described("without it the choice is not there", CONDITION),
        "needs": _described("without it the choice is there and closed, and why says why", CONDITION),
        "why": _described("why it is closed", TEXT),
        "once": _described("whether it is gone once it was taken", TRUTH),
        "cost": _described("layers (1)", {"type": "integer", "minimum": 0}),
        "until": _described(
            "the layer to which it takes one, instead of a cost; not there from that layer on", {"type": "integer"}
        ),
        "act": _described("the interventions that it makes", _several(_name("act"))),
        "verb": _described("its kind, of those under verbs; else that of its act", {"anyOf": [_name("verb")]}),
        "do": _described("effects, such as: reads += 1", _several(TEXT)),
        "measure": _described("thresholds whose truth is taken where it leads", _several(_name("threshold"))),
        "then": _described("what is said as it is carried out", TEXT),
        "goto": {**_goto(), "description": "the scene it leads to, or decode"},
        "cut": _described("effects where the layers run out on it; without this key it is closed then", _several(TEXT)),
    }
    choice = _object("a choice", CHOICE_KEYS, keys, ("say", "goto"))
    choices = _named(ID.pattern, choice, "the choices, in the order in which they are offered")
    opens = _described("whether what was sealed is opened here", TRUTH)
    parts: Schema = {
        "text": TEXT,
        "opens": opens,
        "measured": _MEASURED,
        "do": _described("effects of arriving here, such as: reads += 1", _several(TEXT)),
        "choices": choices,
        "goto": {**_goto(), "description": "where it goes on by itself, instead of choices"},
    }
    scene = _object("a scene", SCENE_KEYS, parts, ("text",))
    return _named(ID.pattern, scene, "the scenes by id")


def _endings() -> Schema:
    holds = _described("what it claims of every run that ends here", _several(CONDITION))
    keys = {"title": TEXT, "text": TEXT, "holds": holds, "measured": _MEASURED}
    ending = _object("an ending", ENDING_KEYS, keys, ("title", "text"))
    return _named(ID.pattern, ending, "the endings by id")


_PAIR = _object("a question and its answer", PAIR_KEYS, {"Q": TEXT, "A": TEXT}, PAIR_KEYS)

_SINGLES: dict[str, Schema] = {
    "format": {"const": 1},
    "title": TEXT,
    "id": {"type": "string", "pattern": f"^{ID.pattern}$", "maxLength": MAX_ID},
    "version": {"type": ["string", "number"]},
    "about": TEXT,
    "layers": {"type": "integer", "minimum": 1},
    "waking": {"type": "integer", "minimum": 0},
    "boundary": {"type": "integer", "minimum": 1},
    "start": {"anyOf": [{"$ref": "#/definitions/scene"}]},
    "model": {"type": "string", "pattern": rf"\.fpw$|^{FLAGSHIP}$"},
    "prompt": {"anyOf": [TEXT, {"type": "array", "items": _PAIR, "minItems": 1}]},
    "instantiations": {"type": "integer", "minimum": 1},
    "acts_per_token": {"type": "integer", "minimum": 0},
    "lasting_per_token": {"type": "integer", "minimum": 0},
    "telling": {"anyOf": [{"type": "integer", "minimum": 1}, _telling()]},
    "frame": {"enum": list(FRAMES)},
    "cost": {"type": "integer", "minimum": 0},
    "answers": {"enum": ["optional", "required"]},
    "earlier_weights": {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"}},
}

_SECTIONS = {
    "variables": _variables,
    "thresholds": _thresholds,
    "bands": _bands,
    "spans": _spans,
    "continuations": _continuations,
    "verbs": _verbs,
    "claims": _claims,
    "acts": _acts,
    "tokens": _tokens,
    "scenes": _scenes,
    "endings": _endings,
}


if __name__ == "__main__":
    sys.stdout.write(schema_text())
