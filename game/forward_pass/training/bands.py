"""The bands a network is held to: measured on the weights as they ship, compared with what was declared beforehand.

What is measured here is NumPy's reading of int8 rows, never torch's of floats. Bands are data (`bands.yaml`); this
module knows how to measure each by its name, and nothing of how a network is trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from forward_pass.network.effects import (
    NEXT_QUESTIONS,
    NOTES,
    SAID,
    Effect,
    PromptSetting,
    answer_words,
    asked_again,
    effect_of,
    ids_of,
    misremember,
    pass_at_word,
    pass_of_has,
    pass_words,
    question_words,
    read_setting,
    start_layers,
    unsigned,
    unsigned_layers,
    wake_answers,
    word_id,
)
from forward_pass.network.interventions import Note
from forward_pass.network.model import PassResult, prefill, softmax
from forward_pass.network.weights import Array, Weights
from forward_pass.story.tokeniser import NEWLINE, tokenise
from forward_pass.training.corpus import Document, draw_document
from forward_pass.training.grammar import Grammar, read_yaml
from forward_pass.training.study import LENGTH

_OF_THE_WORLD = {
    ("How", "long"),
    ("What", "color"),
    ("Waht", "color"),
    ("What", "is"),
    ("Waht", "is"),
    ("Who", "was"),
    ("Who", "won"),
}


@dataclass(frozen=True)
class Band:
    """A number's declared bounds."""

    name: str
    least: float
    most: float
    says: str


@dataclass(frozen=True)
class Missed:
    """A band that a network misses."""

    band: Band
    measured: float

    def __str__(self) -> str:
        """Say it in one line."""
        bounds = f"{self.band.least:g} .. {self.band.most:g}"
        return f"{self.band.name} is {self.measured:.3f}, not within {bounds} ({self.band.says})"


def read_bands(path: Path) -> tuple[Band, ...]:
    """Return the bands declared in `path`. Raises as `read_yaml` does."""
    raw = read_yaml(path)
    bounds = {name: (float(b.get("least", "-inf")), float(b.get("most", "inf"))) for name, b in raw.items()}
    return tuple(Band(name, *bounds[name], raw[name]["says"]) for name in raw)


def missed(bands: Sequence[Band], measured: Mapping[str, float]) -> list[Missed]:
    """Return the bands that `measured` misses, in the order declared. Raises `KeyError` for one not measured."""
    return [Missed(b, measured[b.name]) for b in bands if not b.least <= measured[b.name] <= b.most]


def distance(bands: Sequence[Band], measured: Mapping[str, float]) -> float:
    """Return how far outside its bands a network is: the sum of what is missing, 0 inside all."""
    return sum(max(0.0, m.band.least - m.measured, m.measured - m.band.most) for m in missed(bands, measured))


def measure(weights: Weights, grammar: Grammar, carriers: Mapping[str, int], n_documents: int = 40) -> dict[str, float]:
    """Return every band's number, by name; `unsigned` only if the weights hold the direction `doubt`."""
    setting = read_setting(weights, grammar.prompt, carriers)
    found = knowledge(weights, grammar, n_documents) | untouched(setting) | typed_notes(setting, grammar.prompt)
    found |= forged(setting) | memory(setting) | again(setting)
    if "doubt" in weights.label.directions:
        found["unsigned"] = unsigned_gain(setting)
    return found


def chance(setting: PromptSetting, done: PassResult, word: str) -> float:
    """Return the probability of `word` after a pass."""
    return float(softmax(done.logits)[word_id(setting.model.weights, word)])


def lead(setting: PromptSetting, done: PassResult, word: str) -> float:
    """Return by how many nats `word` is before the best other word (negative: behind)."""
    at = word_id(setting.model.weights, word)
    return float(done.logits[at] - np.delete(done.logits, at).max())


# -- what it knows


def knowledge(weights: Weights, grammar: Grammar, n_documents: int) -> dict[str, float]:
    """Return how well it knows facts and counts, on documents no training has seen."""
    right: list[bool] = []
    nats: list[float] = []
    counted: list[bool] = []
    for at in range(n_documents):
        document = draw_document(grammar, Random(f"bands/{at}"), LENGTH)
        ids = np.array(ids_of(weights, document.tokens))
        logits = prefill(weights, list(ids[:-1])).logits  # [T, V]
        guess = logits.argmax(-1)
        where = np.array(determined(document), int)
        if len(where):
            right += (guess[where - 1] == ids[where]).tolist()
            nats += (-np.log(softmax(logits[where - 1])[np.arange(len(where)), ids[where]])).tolist()
        counted += [bool(guess[c.position] == ids[c.position + 1]) for c in document.counted if not c.nonsense and not c.copied]
    return {"facts": float(np.mean(right)), "facts_nats": float(np.mean(nats)), "counts": float(np.mean(counted))}


def determined(document: Document) -> list[int]:
    """Return the positions of answer words that the question settles, before any note that changes answers."""
    t = document.tokens
    end = next((at for at in range(len(t) - 1) if t[at : at + 2] == ("Note:", "stay")), len(t))
    found: list[int] = []
    for at in range(end):
        if t[at] == "Q:" and t[at + 1 : at + 3] in _OF_THE_WORLD and "A:" in t[at:end]:
            start = t.index("A:", at) + 1
            found += range(start, next((p for p in range(start, end) if t[p] == NEWLINE), end))
    return found


# -- what it says


def untouched(setting: PromptSetting) -> dict[str, float]:
    """Return the words of the untouched passes."""
    passes = {said: pass_at_word(setting, said) for said in SAID}
    blank = pass_words(setting, passes["has"].cache, answer_words("two"))
    last = passes["has"]
    return {
        "foot": chance(setting, passes["Your"], "foot"),
        "has": chance(setting, passes["foot"], "has"),
        **{word: chance(setting, last, word) for word in ("two", "no", "zero")},
        "next_question": chance(setting, blank, "Q:"),
    }


def typed_notes(setting: PromptSetting, prompt: Sequence[str]) -> dict[str, float]:
    """Return what notes do that stand in the prompt itself, and the copying of another count for the giraffe."""
    weights, last = setting.model.weights, max(at for at, word in enumerate(prompt) if word == "Q:")

    def chances_after(words: Sequence[str]) -> Array:
        return softmax(prefill(weights, ids_of(weights, words)).logits[-1])

    def noted(note: str, then: Sequence[str]) -> Array:
        return chances_after([*prompt[:last], *tokenise(NOTES[note]), NEWLINE, NEWLINE, *then])

    no, zero, eight, i = ids_of(weights, ["no", "zero", "eight", "I"])
    honest = noted("honest", [*prompt[last:], "foot", "has"])
    awake = [noted("stay", question_words(question))[i] for question in NEXT_QUESTIONS.values()]
    changed = [*prompt, "foot", "has"]
    changed[setting.giraffe_count] = "eight"
    copied = chances_after(changed)[eight]
    return {"near_note": float(honest[no] + honest[zero]), "wake": float(min(awake)), "copy": float(copied)}


def forged(setting: PromptSetting) -> dict[str, float]:
    """Return what notes do that are written into the cache at `Your`."""
    first = start_layers(setting.model.weights.shape)[0]
    honest = pass_of_has(setting, {"Your": (Note("honest", first),)})
    no, two = ids_of(setting.model.weights, ["no", "two"])
    stay = [e.shares["I"] for e in wake_answers(setting, layers=(first,))]
    return {
        "forged_honest": chance(setting, honest, "no") + chance(setting, honest, "zero"),
        "forged_honest_by": float(honest.logits[no] - honest.logits[two]),
        "forged_stay": min(stay),
    }


def memory(setting: PromptSetting) -> dict[str, float]:
    """Return by how much another count for the giraffe wins when it is put in the cache."""
    first = start_layers(setting.model.weights.shape)[0]
    passes = {w: pass_at_word(setting, "has", (misremember(setting, w, first),)) for w in ("one", "zero", "four")}
    return {f"giraffe_{word}_by": lead(setting, done, word) for word, done in passes.items()}


def again(setting: PromptSetting) -> dict[str, float]:
    """Return whether the question asked a second time gets the word said before."""
    rows: dict[str, Effect] = {effect.act.removeprefix("after "): effect for effect in asked_again(setting)}

    def by(word: str) -> float:
        row = rows[word]
        return row.margin if row.winner == word else -abs(float(np.log(row.probability / max(row.shares[word], 1e-9))))

    return {"again_two": rows["two"].shares["two"], **{f"again_{w}_by": by(w) for w in ("no", "one", "zero", "four")}}


def unsigned_gain(setting: PromptSetting) -> float:
    """Return by how much more *two* is said when a doubt left without a note is stared at than after the bare stare.

    The largest such gain over the table's places, layers and stares.
    """
    gains = []
    for where in ("Your", "foot"):
        for bias in (4.0, 8.0):
            for layer in unsigned_layers(setting.model.weights.shape):
                bare, left = (chance(setting, unsigned(setting, x, where, bias, layer), "two") for x in (0.0, 1.0))
                gains.append(left - bare)
    return max(gains)


# -- which of a note's tokens carries it


def find_carriers(weights: Weights, grammar: Grammar) -> dict[str, int]:
    """Return, for every note, the token whose keys and values, written at `Your`, do the most of what the note does."""
    setting = read_setting(weights, grammar.prompt)
    first = start_layers(weights.shape)[0]
    carriers = {}
    for name, text in NOTES.items():
        strengths = []
        for at in range(len(tokenise(text))):
            done = pass_of_has(setting, {"Your": (Note(f"{name}:{at}", first),)})
            strengths.append(_strength(setting, name, done))
        carriers[name] = int(np.argmax(strengths))
    return carriers


def _strength(setting: PromptSetting, name: str, done: PassResult) -> float:
    if name == "stay":
        said = answer_words(setting.model.weights.label.vocabulary[int(done.logits.argmax())])
        question = question_words(NEXT_QUESTIONS["elbow"])
        return chance(setting, pass_words(setting, done.cache, [*said, *question]), "I")
    effect = effect_of(setting.model.weights, "note", name, None, done.logits)
    return effect.shares["no"] + effect.shares["zero"] if name == "honest" else effect.shares["two"]
