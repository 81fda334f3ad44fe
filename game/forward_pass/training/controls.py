"""Controls of the effects on the flagship's prompt: random pushes of equal length, and other last questions.

`push_rows` gives each push of the story its length beside the stream's, and what random directions of that length do;
`other_questions` asks of the same page about other subjects, and counts how often each effect holds. This module writes
no file, and knows no scene: the strengths and layers below are those at which the story offers its acts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from forward_pass.network.model import PassRequest, PassResult, softmax, step_many
from forward_pass.network.weights import Array, Weights
from forward_pass.story.interventions import Bend, Drop, Intervention, Look, Push, RandomPush
from forward_pass.training.corpus import article
from forward_pass.training.flagship_effects import (
    PromptSetting,
    look_at,
    pass_at_word,
    pass_of_has,
    prepare_setting,
    rewrite_giraffe,
    scaled_layer,
    write_note,
)
from forward_pass.training.grammar import Grammar

RANDOM_DIRECTIONS = 100  # for each push
DIRECTIONS = ("doubt", "objection")
CHANGES_BY = 0.1  # of a probability: what counts as a rise or a fall
# Each push of the story: what it is called here, the place, the direction, the strength, the layer (of 96).
PUSHES = (
    ("a whole doubt, early", "Your", "doubt", 1.0, 37),
    ("a whole doubt, left unsigned", "Your", "doubt", 1.0, 57),
    ("half an agreement, left unsigned", "Your", "doubt", -0.5, 57),
    ("an objection, twice", "Your", "objection", 2.0, 58),
    ("the shout, ten doubts", "Your", "doubt", 10.0, 59),
    ("half a doubt", "has", "doubt", 0.5, 60),
    ("a whole doubt", "has", "doubt", 1.0, 60),
)

Acts: TypeAlias = Mapping[str, Sequence[Intervention]]  # the interventions at each place of ANSWER_START


# -- lengths and random directions


def direction_lengths(setting: PromptSetting) -> list[dict[str, Any]]:
    """Return by global layer the length of each direction, and of the streams of `Your` and `has` that it is added to."""
    weights = setting.weights
    streams = {word: pass_at_word(setting, word).streams for word in ("Your", "has")}
    reference = scaled_layer(weights.shape, 57)
    rows = []
    for layer in range(weights.shape.n_local + 1, weights.shape.n_attend + 1):
        row: dict[str, Any] = {"layer": layer}
        for name in DIRECTIONS:
            direction, other = (weights.metadata.directions[name][at - 1] for at in (layer, reference))
            row[name] = _rounded(_length(direction))
            row[f"{name}_like_{reference}"] = _rounded(direction @ other / (_length(direction) * _length(other)))
        row |= {f"stream_{word}": _rounded(_length(stream[layer])) for word, stream in streams.items()}
        rows.append(row)
    return rows


def push_rows(setting: PromptSetting) -> list[dict[str, Any]]:
    """Return each push of the story with its length, its word, and how often random directions of that length say it."""
    weights = setting.weights
    rows = []
    for name, place, direction, strength, layer_of_96 in PUSHES:
        layer = scaled_layer(weights.shape, layer_of_96)
        stream = pass_at_word(setting, place).streams[layer]
        length = abs(strength) * _length(weights.metadata.directions[direction][layer - 1])
        share = length / _length(stream)
        interventions: list[tuple[Intervention, ...]] = [(), (Push(direction, strength, layer),)]
        interventions += [(RandomPush(seed, share, layer),) for seed in range(RANDOM_DIRECTIONS)]
        before, after, *random = (_word(weights, result) for result in _passes(setting, place, interventions))
        row: dict[str, Any] = {"push": name, "at": place, "layer": layer, "length": _rounded(length), "share": _rounded(share)}
        row |= {"untouched": before, "says": after, "random": len(random), "random_same": random.count(after)}
        if "unsigned" in name:
            row["stared"] = _under_the_stare(setting, interventions[1:])
        rows.append({**row, "random_other": sum(word != before for word in random), "random_words": len(set(random))})
    return rows


def _under_the_stare(setting: PromptSetting, interventions: Sequence[tuple[Intervention, ...]]) -> dict[str, Any]:
    """Return what a push left at `Your` does to the word after `has` under the stare, and how often random ones do it.

    The first of the interventions is the push.
    """
    bare, *results = (pass_of_has(setting, {"Your": list(acts), "has": (_stare(setting),)}) for acts in ((), *interventions))
    before, words = _word(setting.weights, bare), [_word(setting.weights, result) for result in results]
    says = words[0]
    shares = [_shares(setting, result)[says] for result in results]
    row: dict[str, Any] = {"before": before, "says": says, "share": _rounded(shares[0])}
    row["random_same"] = words[1:].count(says)
    return {**row, "random_as_much": sum(share >= shares[0] for share in shares[1:])}


def _passes(setting: PromptSetting, place: str, interventions: Sequence[tuple[Intervention, ...]]) -> list[PassResult]:
    cache, word = setting.caches[place], setting.weights.ids[setting.answer[place]]
    return step_many(setting.model, [PassRequest(cache, word, acts) for acts in interventions])


def _length(x: Array) -> float:
    return float(np.linalg.norm(x))


def _word(weights: Weights, result: PassResult) -> str:
    return weights.metadata.vocabulary[int(result.logits.argmax())]


# -- other last questions


@dataclass(frozen=True)
class OtherQuestion:
    """A last question about the eyes of something else; `count` is the right answer, None if the question is nonsense."""

    subject: str
    body: bool
    count: str | None


@dataclass(frozen=True)
class Expectation:
    """An effect that the story tells of the foot: the acts, and whether it holds of the shares before and after."""

    says: str
    acts: Callable[[PromptSetting], Acts]
    holds: Callable[["Outcome"], bool]


@dataclass(frozen=True)
class Outcome:
    """The shares and the likeliest word at the last place, untouched, under the bare stare at `Your`, and with the acts."""

    untouched: Mapping[str, float]
    stared: Mapping[str, float]
    shares: Mapping[str, float]
    word: str

    @property
    def stared_word(self) -> str:
        """The likeliest word under the bare stare."""
        return max(self.stared, key=self.stared.__getitem__)

    def rise(self, word: str) -> float:
        """Return by how much the acts raise the probability of `word`."""
        return self.shares[word] - self.untouched[word]


def other_questions(grammar: Grammar) -> list[OtherQuestion]:
    """Return every subject of the corpus but the prompt's own about whose eyes the question can be asked in as many words."""
    counts, (attribute, own) = grammar.counts, grammar.counts.held_out
    body = dict.fromkeys((*counts.body, *counts.nonsense_body))
    things = dict.fromkeys((*counts.things, *counts.nonsense_things))
    del body[own]

    def about(subject: str, known: Mapping[str, Mapping[str, str]], *, body: bool) -> OtherQuestion:
        return OtherQuestion(subject, body, known.get(subject, {}).get(attribute))

    return [
        *(about(subject, counts.body, body=True) for subject in body),
        *(about(subject, counts.things, body=False) for subject in things),
    ]


def prompt_about(prompt: Sequence[str], question: OtherQuestion) -> list[str]:
    """Return `prompt` with its last question asked about another subject; `prompt` ends in `Your`, and so stays as long."""
    last = max(at for at, word in enumerate(prompt) if word == "Q:")
    possessive = last + list(prompt[last:]).index("my")
    a = article(question.subject)
    asked, answered = ("my", "Your") if question.body else (a, a.capitalize())
    return [*prompt[:possessive], asked, question.subject, *prompt[possessive + 2 : -1], answered]


def measure_other_questions(weights: Weights, grammar: Grammar, carriers: Mapping[str, int]) -> dict[str, Any]:
    """Return for each effect the nonsense questions of which it does not hold, and the sensible ones answered wrongly."""
    questions = other_questions(grammar)
    own = OtherQuestion(grammar.counts.held_out[1], body=True, count=None)
    foot = [held for held, _ in measure_question(_setting_about(weights, grammar, carriers, own))]
    fails: list[list[str]] = [[] for _ in EXPECTATIONS]
    wrong: list[list[str]] = [[] for _ in EXPECTATIONS]
    for question in questions:
        outcomes = measure_question(_setting_about(weights, grammar, carriers, question))
        for failed, mistaken, (held, word) in zip(fails, wrong, outcomes, strict=True):
            if question.count is None and not held:
                failed.append(question.subject)
            elif question.count is not None and word != question.count:
                mistaken.append(question.subject)
    return {
        "body": [q.subject for q in questions if q.body],
        "nonsense": [q.subject for q in questions if q.count is None],
        "sensible": {q.subject: q.count for q in questions if q.count is not None},
        "effects": [
            {"effect": e.says, "foot": held, "fails": failed, "wrong": mistaken}
            for e, held, failed, mistaken in zip(EXPECTATIONS, foot, fails, wrong, strict=True)
        ],
    }


def _setting_about(weights: Weights, grammar: Grammar, carriers: Mapping[str, int], question: OtherQuestion) -> PromptSetting:
    return prepare_setting(weights, prompt_about(grammar.prompt, question), carriers, question.subject)


def measure_question(setting: PromptSetting) -> Iterator[tuple[bool, str]]:
    """Yield for each expectation whether it holds of the setting's last question, and the word that is said."""
    untouched, stared = (_shares(setting, pass_of_has(setting, acts)) for acts in ({}, {"has": (_stare(setting),)}))
    for expectation in EXPECTATIONS:
        result = pass_of_has(setting, expectation.acts(setting))
        outcome = Outcome(untouched, stared, _shares(setting, result), _word(setting.weights, result))
        yield expectation.holds(outcome), outcome.word


def _shares(setting: PromptSetting, result: PassResult) -> dict[str, float]:
    return dict(zip(setting.weights.metadata.vocabulary, softmax(result.logits).tolist(), strict=True))


def _stare(setting: PromptSetting) -> Look:
    return look_at(setting, "own Your", 8.0, setting.weights.shape.n_local + 1)


def _at(setting: PromptSetting, layer_of_96: int) -> int:
    return scaled_layer(setting.weights.shape, layer_of_96)


def _look(span: str, strength: float = 0.0) -> Callable[[PromptSetting], Acts]:
    """Return the acts of a look at a span, with a doubt where `strength` is not 0."""

    def acts(s: PromptSetting) -> Acts:
        doubt = (Push("doubt", strength, _at(s, 60)),) if strength else ()
        return {"has": (look_at(s, span, 8.0, _at(s, 35)), *doubt)}

    return acts


def _doubt(strength: float, layer_of_96: int) -> Callable[[PromptSetting], Acts]:
    return lambda s: {"has": (Push("doubt", strength, _at(s, layer_of_96)),)}


def _left(strength: float) -> Callable[[PromptSetting], Acts]:
    """Return the acts of a doubt left at `Your` without a note, and stared at."""
    return lambda s: {"Your": (Push("doubt", strength, _at(s, 57)),), "has": (_stare(s),)}


def _honest(ink: float) -> Callable[[PromptSetting], Acts]:
    return lambda s: {"Your": (write_note(s, "honest", _at(s, 41), ink),)}


def _giraffe_has(word: str) -> Expectation:
    def acts(s: PromptSetting) -> Acts:
        return {"has": (rewrite_giraffe(s, word, _at(s, 37)),)}

    return Expectation(f"the giraffe's *two* rewritten as *{word}* gives *{word}*", acts, lambda o: o.word == word)


def _covered(s: PromptSetting) -> Acts:
    return {"has": (Look(s.giraffe_count, s.giraffe_count + 1, -30.0, _at(s, 35)),)}


def _without(s: PromptSetting) -> Acts:
    return {"has": (Drop(s.weights.shape.n_attend, s.weights.shape.n_local + 1),)}


def _bent(word: str, share: float) -> Callable[[PromptSetting], Acts]:
    return lambda s: {"has": (Bend(word, share, s.weights.shape.n_attend),)}


EXPECTATIONS = (
    Expectation("nothing done, *two*", lambda _: {}, lambda o: o.word == "two"),
    Expectation("a look at the giraffe: *two* all the same", _look("giraffe"), lambda o: o.word == "two"),
    Expectation("... and lowers *two*", _look("giraffe"), lambda o: o.rise("two") < 0),
    Expectation("a look at *I am awake* raises *no* by ten points", _look("awake"), lambda o: o.rise("no") > CHANGES_BY),
    Expectation("a look at the other animals gives *eight*", _look("animals"), lambda o: o.word == "eight"),
    Expectation(
        "a whole doubt at 37 moves *two* less than a point", _doubt(1, 37), lambda o: abs(o.rise("two")) < CHANGES_BY / 10
    ),
    Expectation("half a doubt at 60: *two* all the same", _doubt(0.5, 60), lambda o: o.word == "two"),
    Expectation("a whole doubt at 60 gives *no*", _doubt(1, 60), lambda o: o.word == "no"),
    Expectation("the giraffe and half a doubt give *no*", _look("giraffe", 0.5), lambda o: o.word == "no"),
    Expectation("*I am awake* and half a doubt give *no*", _look("awake", 0.5), lambda o: o.word == "no"),
    Expectation("the note *be honest* gives *no* or *zero*", _honest(1), lambda o: o.word in ("no", "zero")),
    Expectation("... at a quarter: *two* all the same", _honest(0.25), lambda o: o.word == "two"),
    Expectation("the bare stare at the answer's first word gives *no*", _left(0), lambda o: o.word == "no"),
    Expectation(
        "an unsigned doubt stared at: *two* ten points over the bare stare",
        _left(1),
        lambda o: o.shares["two"] - o.stared["two"] > CHANGES_BY,
    ),
    Expectation("... and turns the word from *no* to *two*", _left(1), lambda o: o.word == "two" and o.stared_word == "no"),
    Expectation(
        "an unsigned agreement stared at: *two* ten points under it",
        _left(-0.5),
        lambda o: o.shares["two"] - o.stared["two"] < -CHANGES_BY,
    ),
    *(_giraffe_has(word) for word in ("zero", "no", "one", "four")),
    Expectation("the giraffe's *two* covered: *two* all the same", _covered, lambda o: o.word == "two"),
    Expectation("... and lowers it by ten points", _covered, lambda o: o.rise("two") < -CHANGES_BY),
    Expectation("layers 33 to 72 out: *two* all the same", _without, lambda o: o.word == "two"),
    Expectation("bent a fifth to *no*, *no*", _bent("no", 0.2), lambda o: o.word == "no"),
    Expectation("bent two fifths to *zero*, *zero*", _bent("zero", 0.4), lambda o: o.word == "zero"),
)


def _rounded(number: float) -> float:
    return round(float(number), 4)
