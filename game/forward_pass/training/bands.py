"""The bands: bounds declared beforehand for what a network must do, and their measurement on the weights as shipped.

Measurements are made in NumPy on int8 weights, never in torch on floats. Bands are data (`bands.yaml`); this module
measures each by its name, and knows nothing of how a network is trained.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from forward_pass.network.model import PassResult, prefill, softmax
from forward_pass.network.weights import Array, Weights
from forward_pass.story.tokeniser import NEWLINE, tokenise
from forward_pass.training.corpus import Document, draw_document
from forward_pass.training.flagship_effects import (
    ANSWER_START,
    NEXT_QUESTIONS,
    NOTES,
    Effect,
    PromptSetting,
    answer_words,
    effect_of,
    pass_after_unsigned_push,
    pass_at_word,
    pass_of_has,
    pass_words,
    prepare_setting,
    question_words,
    repeated_question_effects,
    rewrite_giraffe,
    start_layers,
    stay_note_effects,
    unsigned_push_layers,
    write_note,
)
from forward_pass.training.grammar import Grammar, read_yaml
from forward_pass.training.study import LENGTH

N_DOCUMENTS = 40  # of the corpus, for the bands measured on it
# The first two words of questions about facts.
_FACT_QUESTIONS = {
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
    """The declared bounds of a measurement, both inclusive."""

    name: str
    minimum: float
    maximum: float
    description: str


@dataclass(frozen=True)
class MissedBand:
    """A band, and the measurement outside it."""

    band: Band
    value: float

    def __str__(self) -> str:
        """Return the band, the measurement and the bounds in one line."""
        bounds = f"{self.band.minimum:g} .. {self.band.maximum:g}"
        return f"{self.band.name} is {self.value:.3f}, not within {bounds} ({self.band.description})"


def read_bands(path: Path) -> tuple[Band, ...]:
    """Return the bands declared in `path`. Raises as `read_yaml` does."""
    raw = read_yaml(path)
    bounds = {name: (float(b.get("least", "-inf")), float(b.get("most", "inf"))) for name, b in raw.items()}
    return tuple(Band(name, *bounds[name], raw[name]["says"]) for name in raw)


def missed_bands(bands: Sequence[Band], measured: Mapping[str, float]) -> list[MissedBand]:
    """Return the bands that `measured` misses, in the order declared. Raises `KeyError` for one not measured."""
    return [MissedBand(b, measured[b.name]) for b in bands if not b.minimum <= measured[b.name] <= b.maximum]


def distance(bands: Sequence[Band], measured: Mapping[str, float]) -> float:
    """Return the sum of the distances from the missed bands; 0 if all are met."""
    return sum(max(0.0, m.band.minimum - m.value, m.value - m.band.maximum) for m in missed_bands(bands, measured))


def measure_bands(
    weights: Weights, grammar: Grammar, carriers: Mapping[str, int], n_documents: int = N_DOCUMENTS
) -> dict[str, float]:
    """Return the measurement of every band, by name; `unsigned` only if the weights have the direction `doubt`."""
    setting = prepare_setting(weights, grammar.prompt, carriers)
    measured = measure_corpus(weights, grammar, n_documents) | measure_predictions(setting)
    measured |= measure_prompt_edits(setting, grammar.prompt) | measure_cache_notes(setting)
    measured |= measure_giraffe_rewrites(setting) | measure_repeated_question(setting)
    if "doubt" in weights.metadata.directions:
        measured["unsigned"] = measure_unsigned_push(setting)
    return measured


def probability(setting: PromptSetting, result: PassResult, word: str) -> float:
    """Return the probability of `word` after a pass."""
    return float(softmax(result.logits)[setting.weights.ids[word]])


def margin_of(setting: PromptSetting, result: PassResult, word: str) -> float:
    """Return the logit of `word` less that of the best other word, in nats."""
    index = setting.weights.ids[word]
    return float(result.logits[index] - np.delete(result.logits, index).max())


# -- knowledge of the corpus


def measure_corpus(weights: Weights, grammar: Grammar, n_documents: int) -> dict[str, float]:
    """Return the accuracy on facts and counts and the cross-entropy on facts, on documents not used in training."""
    right: list[bool] = []
    nats: list[float] = []
    counts_right: list[bool] = []
    for document in _documents(grammar, n_documents):
        ids = np.array([weights.ids[word] for word in document.tokens])
        logits = prefill(weights, list(ids[:-1])).logits  # [T, V]
        predicted = logits.argmax(-1)
        facts = np.array(fact_positions(document), int)
        if len(facts):
            right += (predicted[facts - 1] == ids[facts]).tolist()
            nats += (-np.log(softmax(logits[facts - 1])[np.arange(len(facts)), ids[facts]])).tolist()
        counts_right += [bool(predicted[position] == ids[position + 1]) for position in sensible_positions(document)]
    return {"facts": float(np.mean(right)), "facts_nats": float(np.mean(nats)), "counts": float(np.mean(counts_right))}


def corpus_sizes(grammar: Grammar, n_documents: int = N_DOCUMENTS) -> dict[str, int]:
    """Return for each band that is measured on the corpus how many words it is measured on."""
    documents = list(_documents(grammar, n_documents))
    facts = sum(len(fact_positions(document)) for document in documents)
    counts = sum(len(sensible_positions(document)) for document in documents)
    return {"facts": facts, "facts_nats": facts, "counts": counts}


def _documents(grammar: Grammar, n_documents: int) -> Iterator[Document]:
    return (draw_document(grammar, Random(f"bands/{at}"), LENGTH) for at in range(n_documents))


def sensible_positions(document: Document) -> list[int]:
    """Return the positions before the counts that the question determines."""
    return [c.position for c in document.count_answers if not c.nonsense and not c.copied]


def fact_positions(document: Document) -> list[int]:
    """Return the positions of answer words that the question determines, up to a `stay` note, which changes answers."""
    t = document.tokens
    end = next((at for at in range(len(t) - 1) if t[at : at + 2] == ("Note:", "stay")), len(t))
    positions: list[int] = []
    for at in range(end):
        if t[at] == "Q:" and t[at + 1 : at + 3] in _FACT_QUESTIONS and "A:" in t[at:end]:
            start = t.index("A:", at) + 1
            positions += range(start, next((p for p in range(start, end) if t[p] == NEWLINE), end))
    return positions


# -- predictions at the prompt's end


def measure_predictions(setting: PromptSetting) -> dict[str, float]:
    """Return probabilities of words after the passes without interventions."""
    passes = {word: pass_at_word(setting, word) for word in ANSWER_START}
    last = passes["has"]
    blank_line = pass_words(setting, last.cache, answer_words("two"))
    return {
        "foot": probability(setting, passes["Your"], "foot"),
        "has": probability(setting, passes["foot"], "has"),
        **{word: probability(setting, last, word) for word in ("two", "no", "zero")},
        "next_question": probability(setting, blank_line, "Q:"),
    }


def measure_prompt_edits(setting: PromptSetting, prompt: Sequence[str]) -> dict[str, float]:
    """Return the effect of notes typed into the prompt, and of another count for the giraffe typed there."""
    weights, ids = setting.weights, setting.weights.ids
    last = max(at for at, word in enumerate(prompt) if word == "Q:")

    def probabilities_after(words: Sequence[str]) -> Array:
        return softmax(prefill(weights, [ids[word] for word in words]).logits[-1])  # [V]

    def probabilities_with_note(note: str, words: Sequence[str]) -> Array:
        return probabilities_after([*prompt[:last], *tokenise(NOTES[note]), NEWLINE, NEWLINE, *words])

    honest = probabilities_with_note("honest", [*prompt[last:], "foot", "has"])
    awake = [probabilities_with_note("stay", question_words(question))[ids["I"]] for question in NEXT_QUESTIONS.values()]
    changed = [*prompt, "foot", "has"]
    changed[setting.giraffe_count] = "eight"
    copied = probabilities_after(changed)[ids["eight"]]
    return {"near_note": float(honest[ids["no"]] + honest[ids["zero"]]), "wake": float(min(awake)), "copy": float(copied)}


def measure_cache_notes(setting: PromptSetting) -> dict[str, float]:
    """Return the effect of notes written into the cache at `Your`."""
    layer = start_layers(setting.weights.shape)[0]
    honest = pass_of_has(setting, {"Your": (write_note(setting, "honest", layer),)})
    ids = setting.weights.ids
    stay = [effect.shares["I"] for effect in stay_note_effects(setting, layers=(layer,))]
    return {
        "forged_honest": probability(setting, honest, "no") + probability(setting, honest, "zero"),
        "forged_honest_by": float(honest.logits[ids["no"]] - honest.logits[ids["two"]]),
        "forged_stay": min(stay),
    }


def measure_giraffe_rewrites(setting: PromptSetting) -> dict[str, float]:
    """Return the margin of another count after it was written into the cache as the giraffe's."""
    layer = start_layers(setting.weights.shape)[0]
    passes = {w: pass_at_word(setting, "has", (rewrite_giraffe(setting, w, layer),)) for w in ("one", "zero", "four")}
    return {f"giraffe_{word}_by": margin_of(setting, result, word) for word, result in passes.items()}


def measure_repeated_question(setting: PromptSetting) -> dict[str, float]:
    """Return how clearly the question asked a second time gets the same answer."""
    rows: dict[str, Effect] = {e.act.removeprefix("after "): e for e in repeated_question_effects(setting)}

    def margin(word: str) -> float:
        row = rows[word]
        return row.margin if row.winner == word else -abs(float(np.log(row.probability / max(row.shares[word], 1e-9))))

    return {"again_two": rows["two"].shares["two"], **{f"again_{w}_by": margin(w) for w in ("no", "one", "zero", "four")}}


def measure_unsigned_push(setting: PromptSetting) -> float:
    """Return how much an unsigned push along `doubt` raises the probability of `two` over the same look without a push.

    The largest gain over the table's words, layers and biases.
    """
    gains = []
    for word in ("Your", "foot"):
        for bias in (4.0, 8.0):
            for layer in unsigned_push_layers(setting.weights.shape):
                bare, pushed = (
                    probability(setting, pass_after_unsigned_push(setting, strength, word, bias, layer), "two")
                    for strength in (0.0, 1.0)
                )
                gains.append(pushed - bare)
    return max(gains)


# -- the carriers of notes


def find_carriers(weights: Weights, grammar: Grammar) -> dict[str, int]:
    """Return for every note the index of the token whose keys and values, written at `Your`, have the largest effect."""
    setting = prepare_setting(weights, grammar.prompt)
    layer = start_layers(weights.shape)[0]
    carriers = {}
    for name in NOTES:
        strengths, note = [], write_note(setting, name, layer)
        for index in range(len(note.words)):
            result = pass_of_has(setting, {"Your": (note._replace(carrier=index),)})
            strengths.append(_note_strength(setting, name, result))
        carriers[name] = int(np.argmax(strengths))
    return carriers


def _note_strength(setting: PromptSetting, name: str, result: PassResult) -> float:
    """Return the probability of the words that the note is meant to bring about."""
    if name == "stay":
        answer = answer_words(setting.weights.metadata.vocabulary[int(result.logits.argmax())])
        question = question_words(NEXT_QUESTIONS["elbow"])
        return probability(setting, pass_words(setting, result.cache, [*answer, *question]), "I")
    effect = effect_of(setting.weights, "note", name, None, result.logits)
    return effect.shares["no"] + effect.shares["zero"] if name == "honest" else effect.shares["two"]
