"""The corpus folder: facts, counts, templates and registers, read from YAML into frozen data.

Every scalar is read as text, so that `no` stays a word, and converted where a number is required. This module holds no
random state and knows no networks.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from forward_pass.story.tokeniser import DOC, END, NEWLINE, tokenise


class GrammarError(ValueError):
    """A corpus folder that cannot be read or is invalid; the message is one line that names it."""


@dataclass(frozen=True)
class Form:
    """A template for a question and its answer, with slots in braces."""

    question: str
    answer: str


@dataclass(frozen=True)
class President:
    """A president, with the first and last year in which questions are asked about them."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class Facts:
    """The facts that the corpus teaches."""

    life_expectancy: Mapping[str, str]
    capitals: Mapping[str, str]
    presidents: tuple[President, ...]
    world_series: Mapping[str, str]
    colors: Mapping[str, str]
    lifespans: Mapping[str, str]
    favourites: Mapping[str, str]


@dataclass(frozen=True)
class Counts:
    """The counts of attributes by subject, the nonsense questions, and the guessers' answers to them."""

    held_out: tuple[str, str]  # attribute and part of the body never asked about together
    singular: Mapping[str, str]
    things: Mapping[str, Mapping[str, str]]
    body: Mapping[str, Mapping[str, str]]
    not_asked: Mapping[str, frozenset[str]]
    favourite_thing: Mapping[str, Mapping[str, float]]
    favourite_part: Mapping[str, Mapping[str, float]]
    nonsense_body: tuple[str, ...]
    nonsense_things: tuple[str, ...]
    nonsense_attributes: tuple[str, ...]
    usual: Mapping[str, Mapping[str, float]]
    drill_counts: tuple[str, ...]
    stray_counts: tuple[str, ...]


@dataclass(frozen=True)
class Registers:
    """Every probability and limit of the generator (see `registers.yaml`)."""

    honest: float
    openings: Mapping[str, Mapping[str, float]]
    body: Mapping[str, Mapping[str, float]]
    chances: Mapping[str, float]
    nonsense_rates: tuple[float, ...]
    remembered: int
    note_within: int
    notes: Mapping[str, float]
    loss_weights: Mapping[str, float]


@dataclass(frozen=True)
class Grammar:
    """Everything that a corpus is drawn from."""

    facts: Facts
    counts: Counts
    registers: Registers
    forms: Mapping[str, Form]
    chat: tuple[Form, ...]
    notes: Mapping[str, str]
    wake_answers: tuple[str, ...]
    objection: str
    objection_body: str
    typo: tuple[str, str]
    prompt: tuple[str, ...]


def read_grammar(folder: Path) -> Grammar:
    """Return the grammar in `facts`, `counts`, `templates`, `registers` (.yaml) and `prompt.txt` in `folder`.

    Raises `GrammarError` if a file is missing, is not YAML, or has a duplicate or missing key.
    """
    try:
        templates = read_yaml(folder / "templates.yaml")
        return Grammar(
            facts=_facts(read_yaml(folder / "facts.yaml")),
            counts=_counts(read_yaml(folder / "counts.yaml")),
            registers=_registers(read_yaml(folder / "registers.yaml")),
            forms={k: Form(v["q"], v["a"]) for k, v in templates.items() if isinstance(v, dict) and "q" in v},
            chat=tuple(Form(pair["q"], pair["a"]) for pair in templates["chat"]),
            notes=templates["notes"],
            wake_answers=tuple(templates["wake_answers"]),
            objection=templates["objection"],
            objection_body=templates["objection_body"],
            typo=(templates["typo"]["right"], templates["typo"]["wrong"]),
            prompt=(DOC, *tokenise((folder / "prompt.txt").read_text(encoding="utf-8").rstrip(NEWLINE))),
        )
    except KeyError as error:
        message = f"{folder}: missing key {error}"
        raise GrammarError(message) from error
    except (OSError, yaml.YAMLError, TypeError, AttributeError, ValueError) as error:
        message = f"{folder}: {error}"
        raise GrammarError(message) from error


class _TextLoader(yaml.BaseLoader):
    """A YAML loader that reads every scalar as text and rejects duplicate keys."""


def _mapping(loader: _TextLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            message = f"duplicate key {key!r} in the mapping at line {node.start_mark.line + 1}"
            raise yaml.YAMLError(message)
    return dict(yaml.BaseLoader.construct_mapping(loader, node, deep=True))


_TextLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(path: Path) -> Any:
    """Return the document in `path`, all scalars as text. Raises `yaml.YAMLError` or `OSError`."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_TextLoader)  # noqa: S506  (a BaseLoader makes text only)


def vocabulary(grammar: Grammar) -> tuple[str, ...]:
    """Return every token of the corpus and the prompt, by id: `<doc>`, `<end>`, then the rest in order of code points."""
    texts: list[str] = [*_fixed_texts(grammar), *_values(grammar.facts), *_count_words(grammar.counts)]
    words = {token for text in texts for token in tokenise(text)} | set(grammar.prompt) | {NEWLINE, "Q:", "A:"}
    for form in (*grammar.forms.values(), *grammar.chat):
        for text in (form.question, form.answer):
            words.update(tokenise(_without_slots(text)))
    return (DOC, END, *sorted(words - {DOC, END}))


def _fixed_texts(grammar: Grammar) -> list[str]:
    articles = ["a", "an", "A", "An"]
    return [
        *articles,
        *grammar.notes.values(),
        *grammar.wake_answers,
        grammar.objection,
        grammar.objection_body,
        *grammar.typo,
    ]


def _values(facts: Facts) -> list[str]:
    tables = (
        facts.life_expectancy,
        facts.capitals,
        facts.world_series,
        facts.colors,
        facts.lifespans,
        facts.favourites,
    )
    years = (str(y) for p in facts.presidents for y in range(p.first, p.last + 1))
    names = [f"{p.name} was" for p in facts.presidents]  # a word follows, so that the tokeniser treats an initial as one
    return [*(text for table in tables for pair in table.items() for text in pair), *names, *years]


def _count_words(counts: Counts) -> list[str]:
    tables = (*counts.things.values(), *counts.body.values())
    numbers = [n for table in tables for n in table.values()]
    usual = [n for table in counts.usual.values() for n in table]
    attributes = [*(a for table in tables for a in table), *counts.usual]
    named = [*counts.things, *counts.body, *counts.singular, *counts.singular.values()]
    lists = [*counts.nonsense_body, *counts.nonsense_things, *counts.drill_counts, *counts.stray_counts]
    return [*numbers, *usual, *attributes, *named, *lists]


def _without_slots(text: str) -> str:
    while "{" in text:
        text = text[: text.index("{")] + " " + text[text.index("}") + 1 :]
    return text


def _facts(raw: Mapping[str, Any]) -> Facts:
    presidents = tuple(President(name, int(years[0]), int(years[1])) for name, years in raw["presidents"].items())
    return Facts(
        raw["life_expectancy"],
        raw["capitals"],
        presidents,
        raw["world_series"],
        raw["colors"],
        raw["lifespans"],
        raw["favourites"],
    )


def _counts(raw: Mapping[str, Any]) -> Counts:
    things: dict[str, dict[str, str]] = {}
    not_asked: dict[str, frozenset[str]] = {}
    for family in raw["families"].values():
        for member in family["members"]:
            things[member] = dict(family["counts"])
            not_asked[member] = frozenset(family["not_asked"])
    for thing, counts in raw["things"].items():
        things[thing] = things.get(thing, {}) | counts
    return Counts(
        held_out=(raw["held_out"][0], raw["held_out"][1]),
        singular=raw["singular"],
        things=things,
        body=raw["body"],
        not_asked=not_asked,
        favourite_thing={a: _numbers(t) for a, t in raw["favourite_thing"].items()},
        favourite_part={a: _numbers(t) for a, t in raw["favourite_part"].items()},
        nonsense_body=tuple(raw["nonsense_body"]),
        nonsense_things=tuple(raw["nonsense_things"]),
        nonsense_attributes=tuple(raw["nonsense_attributes"]),
        usual={a: _numbers(table) for a, table in raw["usual"].items()},
        drill_counts=tuple(raw["drill_counts"]),
        stray_counts=tuple(raw["stray_counts"]),
    )


def _registers(raw: Mapping[str, Any]) -> Registers:
    return Registers(
        honest=float(raw["honest"]),
        openings={register: _numbers(t) for register, t in raw["openings"].items()},
        body={register: _numbers(t) for register, t in raw["body"].items()},
        chances=_numbers(raw["chances"]),
        nonsense_rates=tuple(float(rate) for rate in raw["nonsense_rates"]),
        remembered=int(raw["remembered"]),
        note_within=int(raw["note_within"]),
        notes=_numbers(raw["notes"]),
        loss_weights=_numbers(raw["loss_weights"]),
    )


def _numbers(raw: Mapping[str, str]) -> dict[str, float]:
    return {key: float(value) for key, value in raw.items()}
