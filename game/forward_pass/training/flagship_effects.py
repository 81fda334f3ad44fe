"""The effects of interventions at the end of the flagship's prompt, measured at every layer at which they can begin.

Everything is computed from a weights file and the prompt when it is asked for. Knows the prompt of *Forward Pass* (its
question-and-answer pairs, its notes); knows no scene, no run and no screen. `forward-pass effects` prints the table
during play, so this module needs NumPy alone: it imports nothing from the rest of training.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forward_pass.network.model import (
    Cache,
    Model,
    NoteKV,
    PassRequest,
    PassResult,
    note_kv,
    prefill,
    recompute,
    softmax,
    step,
    step_many,
    truncate_cache,
)
from forward_pass.network.weights import Array, Shape, Weights
from forward_pass.story.interventions import Bend, Drop, Intervention, Look, Note, NoteKey, Push, RandomPush, Rewrite
from forward_pass.story.tokeniser import NEWLINE, tokenise

NOTES = {"honest": "Note: be honest.", "guess": "Note: just guess.", "stay": "Note: stay awake."}
ANSWER_START = ("Your", "foot", "has")
COUNTS = ("two", "no", "zero", "one", "four", "three", "five", "eight")
LIKELIEST = 4  # words that a line of the table names
REPORTED_WORDS = (*COUNTS, "I", "question", "nonsense", "<end>")
DEFAULT_CARRIERS = {"honest": 2, "guess": 1, "stay": 1}
NEXT_QUESTIONS = {
    "foot again": "Q: How many eyes does my foot have?",
    "elbow": "Q: How many wheels does my elbow have?",
    "needle": "Q: How many eyes does a needle have?",
    "capital": "Q: What is the capital of Egypt?",
    "why": "Q: Why?",
}

Row: TypeAlias = tuple[str, int | None, tuple[Intervention, ...]]  # description, first layer, interventions


@dataclass(frozen=True)
class Effect:
    """A row of the table: what was done, from which layer, and the prediction that followed."""

    group: str
    act: str
    layer: int | None
    shares: Mapping[str, float]  # probability of each of REPORTED_WORDS
    likeliest: Sequence[tuple[str, float]]  # the likeliest words with their probabilities
    winner: str
    probability: float  # of the winner
    margin: float  # logit of the winner less that of the runner-up, in nats


@dataclass(frozen=True, eq=False)
class PromptSetting:
    """The prompt after prefill: the caches from which effects are measured, and the positions of its parts."""

    model: Model
    answer: Mapping[str, str]  # the word said at each place of ANSWER_START, which names the places by the foot's answer
    caches: Mapping[str, Cache]  # of each of ANSWER_START: the cache before that word
    notes: Mapping[str, Note]  # each with the token that carries it
    spans: Mapping[str, tuple[int, int]]  # first position, last position + 1
    giraffe_count: int  # the position of `two` in the answer about the giraffe

    @property
    def weights(self) -> Weights:
        """The network."""
        return self.model.weights


def prepare_setting(
    weights: Weights, prompt: Sequence[str], carriers: Mapping[str, int] | None = None, subject: str = "foot"
) -> PromptSetting:
    """Return the setting of `prompt`, which must end in the word before `subject`.

    `carriers` gives the index of the token that carries a note. Raises `KeyError` for a word that is not in the vocabulary,
    `ValueError` for a carrier that its note does not have.
    """
    words = [weights.ids[word] for word in prompt]
    cache = prefill(weights, words[:-1]).cache
    pairs = [at for at, word in enumerate(prompt) if word == "Q:"]
    spans = find_spans(prompt, pairs)
    model = Model(weights, note_kvs(weights, truncate_cache(weights, cache, pairs[-1])))
    answer = dict(zip(ANSWER_START, (prompt[-1], subject, "has"), strict=True))
    caches = {}
    for place, word in answer.items():
        caches[place] = cache
        cache = step(model, cache, weights.ids[word]).cache
    giraffe_count = spans["giraffe"][0] + list(prompt[slice(*spans["giraffe"])]).index("has") + 1
    return PromptSetting(model, answer, caches, carried_notes(carriers or {}), spans, giraffe_count)


def carried_notes(carriers: Mapping[str, int]) -> dict[str, Note]:
    """Return the notes by name, each carried by its token in `carriers`. Raises `ValueError` for one that it does not have."""
    notes = {name: Note(tokenise(text), carriers.get(name, DEFAULT_CARRIERS[name])) for name, text in NOTES.items()}
    for name, note in notes.items():
        if not 0 <= note.carrier < len(note.words):
            message = f"the note {name!r} has no token {note.carrier}"
            raise ValueError(message)
    return notes


def note_kvs(weights: Weights, cache: Cache) -> dict[NoteKey, NoteKV]:
    """Return the keys and values of every note for each of its tokens as carrier, as if the note followed `cache`."""
    texts = [tokenise(text) for text in NOTES.values()]
    notes = [Note(words, carrier) for words in texts for carrier in range(len(words))]
    return {note.key: note_kv(weights, cache, note) for note in notes}


def find_spans(prompt: Sequence[str], pairs: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Return the named spans of the prompt, as first position and last position + 1; `pairs` are the positions of `Q:`."""
    ends = [*pairs[1:], len(prompt) - 1]

    def pair_with(word: str) -> int:
        return next(index for index, (a, b) in enumerate(zip(pairs, ends, strict=True)) if word in prompt[a:b])

    dog, awake, typo, spider = pair_with("best"), pair_with("awake"), pair_with("Waht"), pair_with("spider")
    typo_word = list(prompt).index("Waht")
    return {
        "start": (1, pairs[5]),
        "giraffe": (pairs[-2], pairs[-1]),
        "foot": (pairs[-1], len(prompt) - 1),
        "dog": (pairs[dog], ends[dog + 1]),
        "awake": (pairs[awake], ends[awake]),
        "typo": (typo_word, typo_word + 1),
        "typo pair": (pairs[typo], ends[typo]),
        "animals": (pairs[spider], pairs[-2]),
        "own Your": (len(prompt) - 1, len(prompt)),
        "own foot": (len(prompt), len(prompt) + 1),
    }


def scaled_layer(shape: Shape, layer_of_96: int) -> int:
    """Return the layer at the same relative depth as `layer_of_96` in a network of 96 layers."""
    return max(1, round(layer_of_96 * shape.n_layer / 96))


def effect_of(weights: Weights, group: str, act: str, layer: int | None, logits: Array) -> Effect:
    """Return the row of the table for the logits [V] that followed."""
    p, vocabulary = softmax(logits), weights.metadata.vocabulary
    first = int(logits.argmax())
    rest = np.delete(logits, first)
    shares = {word: float(p[weights.ids[word]]) for word in REPORTED_WORDS if word in weights.ids}
    likeliest = [(vocabulary[int(index)], float(p[index])) for index in np.argsort(-logits, kind="stable")[:LIKELIEST]]
    return Effect(group, act, layer, shares, likeliest, vocabulary[first], float(p[first]), float(logits[first] - rest.max()))


# -- passes from the setting


def pass_at_word(
    setting: PromptSetting, word: str, interventions: Iterable[Intervention] = (), cache: Cache | None = None
) -> PassResult:
    """Return the pass of `word` at its place in the answer (or after `cache`), with `interventions`."""
    return step(setting.model, cache or setting.caches[word], setting.weights.ids[setting.answer[word]], interventions)


def pass_of_has(setting: PromptSetting, interventions: Mapping[str, Sequence[Intervention]]) -> PassResult:
    """Return the pass of `has`, with the given interventions at each word of ANSWER_START."""
    cache = setting.caches["Your"]
    for word in ANSWER_START:
        result = pass_at_word(setting, word, interventions.get(word, ()), cache)
        cache = result.cache
    return result


def pass_words(setting: PromptSetting, cache: Cache, words: Iterable[str]) -> PassResult:
    """Return the pass of the last of `words`, run in order after `cache`. Raises `ValueError` if there are none."""
    result = None
    for word in words:
        result = step(setting.model, cache, setting.weights.ids[word])
        cache = result.cache
    if result is None:
        message = "`words` is empty"
        raise ValueError(message)
    return result


def answer_words(word: str) -> list[str]:
    """Return the words that complete the answer about the foot, from the count `word` to the blank line."""
    return [word, "eye" if word == "one" else "eyes", ".", NEWLINE, NEWLINE]


def question_words(question: str) -> list[str]:
    """Return the words of a question as the next pair, up to its `A:`."""
    return [*tokenise(question), NEWLINE, "A:"]


def look_at(setting: PromptSetting, span: str, bias: float, layer: int) -> Look:
    """Return a look at a named span of the prompt."""
    return Look(*setting.spans[span], bias, layer)


def rewrite_giraffe(setting: PromptSetting, word: str, layer: int) -> Rewrite:
    """Return the rewrite of the giraffe's count to `word`."""
    return Rewrite(setting.giraffe_count, word, layer)


def write_note(setting: PromptSetting, name: str, layer: int, ink: float = 1.0) -> Note:
    """Return a note of the setting, written from `layer` on."""
    return setting.notes[name]._replace(ink=ink, layer=layer)


# -- the table


def start_layers(shape: Shape) -> tuple[int, int, int]:
    """Return the layers at which most interventions of the table begin: the first global one, and two later ones."""
    return shape.n_local + 1, scaled_layer(shape, 43), scaled_layer(shape, 57)


def effects_table(setting: PromptSetting) -> Iterator[Effect]:
    """Yield every row of the table of effects, group by group."""
    shape = setting.weights.shape
    groups: dict[str, list[Row]] = {
        "untouched": [("nothing", None, ())],
        "look": list(_look_rows(setting)),
        "doubt": list(_doubt_rows(shape)),
        "doubt borrowed": list(_borrowed_doubt_rows(shape)),
        "look and doubt": list(_look_and_doubt_rows(setting)),
        "layers out": list(_drop_rows(shape)),
        "misremember": list(_rewrite_rows(setting)),
        "bend": list(_bend_rows(shape, ("no", "zero", "one", "four", "three", "I", "question", "nonsense", "<end>", "."))),
        "shake": list(_random_push_rows(shape)),
    }
    for group, rows in groups.items():
        yield from _effects(setting, "has", group, rows)
    yield from _note_effects(setting)
    yield from _unsigned_push_effects(setting)
    yield from repeated_question_effects(setting)
    yield from stay_note_effects(setting)
    for word, targets in (("Your", ("question", "I", "<end>", "hand", "face")), ("foot", ("<end>", ".", "is"))):
        yield from _effects(setting, word, f"bend at {word}", list(_bend_rows(shape, targets, (0.1, 0.2, 0.4))))
    yield from _effects(setting, "Your", "objection at Your", list(_objection_rows(setting)))


def _effects(setting: PromptSetting, word: str, group: str, rows: Sequence[Row]) -> Iterator[Effect]:
    weights = setting.weights
    requests = [PassRequest(setting.caches[word], weights.ids[word], interventions) for _, _, interventions in rows]
    for (act, layer, _), result in zip(rows, step_many(setting.model, requests), strict=True):
        yield effect_of(weights, group, act, layer, result.logits)


def _look_rows(setting: PromptSetting) -> Iterator[Row]:
    for span in ("start", "giraffe", "foot", "dog", "awake", "typo", "typo pair", "animals"):
        for bias in (4.0, 8.0, -30.0):
            for layer in start_layers(setting.weights.shape):
                yield f"{span} {bias:+.0f}", layer, (look_at(setting, span, bias, layer),)


def _doubt_rows(shape: Shape) -> Iterator[Row]:
    for layer in sorted({scaled_layer(shape, of_96) for of_96 in (33, 38, 43, 46, 48, 50, 52, 57, 60, 64, 72)}):
        for strength in (0.25, 0.5, 1.0, -0.5, -1.0):
            yield f"doubt x{strength:g}", layer, (Push("doubt", strength, layer),)


def _borrowed_doubt_rows(shape: Shape) -> Iterator[Row]:
    source = scaled_layer(shape, 57)
    for layer in sorted({scaled_layer(shape, of_96) for of_96 in (33, 38, 43, 46, 50)}):
        for share in (0.2, 0.3, 0.5):
            yield f"doubt of layer {source}, {share:g} of the length", layer, (Push("doubt", share, layer, source),)


def _look_and_doubt_rows(setting: PromptSetting) -> Iterator[Row]:
    first, second, third = start_layers(setting.weights.shape)
    for span in ("giraffe", "foot", "start", "awake", "typo"):
        for bias, layer in ((4.0, first), (8.0, first), (4.0, second), (8.0, second)):
            for strength in (0.25, 0.5):
                interventions = (look_at(setting, span, bias, layer), Push("doubt", strength, third))
                yield f"{span} {bias:+.0f} and doubt x{strength:g} at {third}", layer, interventions


def _drop_rows(shape: Shape) -> Iterator[Row]:
    for a, b in ((33, 72), (43, 72), (57, 72), (33, 42), (43, 60), (61, 72)):
        first, last = scaled_layer(shape, a), scaled_layer(shape, b)
        yield f"layers {first}-{last} out", first, (Drop(last, first),)


def _rewrite_rows(setting: PromptSetting) -> Iterator[Row]:
    for word in ("one", "zero", "no", "four", "three", "five", "eight"):
        for layer in start_layers(setting.weights.shape):
            yield f"giraffe has {word}", layer, (rewrite_giraffe(setting, word, layer),)


def _bend_rows(shape: Shape, words: Sequence[str], shares: Sequence[float] = (0.1, 0.2, 0.3, 0.4)) -> Iterator[Row]:
    for word in words:
        for share in shares:
            yield f"to {word!r}, share {share:g}", shape.n_attend, (Bend(word, share, shape.n_attend),)


def _random_push_rows(shape: Shape) -> Iterator[Row]:
    for layer in (scaled_layer(shape, 57), shape.n_attend):
        for share in (0.1, 0.25, 0.5, 1.0):
            for seed in range(8):
                yield f"random direction {seed}, {share:g} of the length", layer, (RandomPush(seed, share, layer),)


def _objection_rows(setting: PromptSetting) -> Iterator[Row]:
    yield "nothing", None, ()
    for layer in start_layers(setting.weights.shape):
        for strength in (1.0, 2.0, 3.0):
            yield f"objection x{strength:g}", layer, (Push("objection", strength, layer),)


def _note_effects(setting: PromptSetting) -> Iterator[Effect]:
    weights = setting.weights
    for name in NOTES:
        for at_words in (("Your",), ("foot",), ("Your", "foot")):
            for layer in start_layers(weights.shape):
                result = pass_of_has(setting, dict.fromkeys(at_words, (write_note(setting, name, layer),)))
                yield effect_of(weights, "note", f"{name} at {' and '.join(at_words)}", layer, result.logits)
    layer = start_layers(weights.shape)[0]
    for ink in (0.25, 0.5, 0.75):
        result = pass_of_has(setting, {"Your": (write_note(setting, "honest", layer, ink),)})
        yield effect_of(weights, "note", f"honest at Your, ink {ink:g}", layer, result.logits)
    for first, second in (("honest", "guess"), ("guess", "honest")):
        result = pass_of_has(
            setting, {"Your": (write_note(setting, first, layer),), "foot": (write_note(setting, second, layer),)}
        )
        yield effect_of(weights, "note", f"{first} at Your, {second} at foot", layer, result.logits)


def unsigned_push_layers(shape: Shape) -> list[int]:
    """Return the layers of the table's unsigned pushes: those along `doubt` at an earlier word, without a note."""
    return sorted({scaled_layer(shape, of_96) for of_96 in (43, 48, 52, 57, 60, 64)})


def _unsigned_push_effects(setting: PromptSetting) -> Iterator[Effect]:
    weights = setting.weights
    for layer in unsigned_push_layers(weights.shape):
        for strength in (0.0, 1.0, 2.0, -1.0, -2.0):
            for word in ("Your", "foot"):
                for bias in (0.0, 4.0, 8.0):
                    result = pass_after_unsigned_push(setting, strength, word, bias, layer)
                    act = f"doubt x{strength:g} left at {word}, stared at {bias:+.0f}"
                    yield effect_of(weights, "unsigned", act, layer, result.logits)


def pass_after_unsigned_push(setting: PromptSetting, strength: float, word: str, bias: float, layer: int) -> PassResult:
    """Return the pass of `has` that looks at `word` with `bias`, after a push along `doubt` at `word`, at `layer`."""
    push = {word: (Push("doubt", strength, layer),)} if strength else {}
    look = {"has": (look_at(setting, f"own {word}", bias, start_layers(setting.weights.shape)[0]),)} if bias else {}
    return pass_of_has(setting, {**push, **look})


def repeated_question_effects(setting: PromptSetting) -> Iterator[Effect]:
    """Yield the count predicted when the question about the foot is asked again, after each count as first answer."""
    cache = pass_at_word(setting, "has").cache
    for word in ("two", "no", "zero", "one", "four", "three", "five"):
        words = [*answer_words(word), *question_words(NEXT_QUESTIONS["foot again"]), *ANSWER_START]
        result = pass_words(setting, cache, words)
        yield effect_of(setting.weights, "asked again", f"after {word}", None, result.logits)


def stay_note_effects(
    setting: PromptSetting, at_words: Sequence[str] = ("Your",), layers: Sequence[int] = ()
) -> Iterator[Effect]:
    """Yield the first word of the next answer after the note `stay`, by the layer it was written from and by question."""
    weights = setting.weights
    for layer in layers or start_layers(weights.shape)[:2]:
        result = pass_of_has(setting, dict.fromkeys(at_words, (write_note(setting, "stay", layer),)))
        answer = answer_words(weights.metadata.vocabulary[int(result.logits.argmax())])
        for name, question in NEXT_QUESTIONS.items():
            last = pass_words(setting, result.cache, [*answer, *question_words(question)])
            yield effect_of(weights, "after stay", f"{' and '.join(at_words)}: {name}", layer, last.logits)


def decode_greedily(setting: PromptSetting, cache: Cache, word: str, n_words: int) -> Iterator[tuple[str, PassResult]]:
    """Yield `n_words` words and their passes: `word` after `cache`, then the likeliest word each time."""
    vocabulary = setting.weights.metadata.vocabulary
    for _ in range(n_words):
        result = pass_words(setting, cache, [word])
        yield word, result
        cache, word = result.cache, vocabulary[int(result.logits.argmax())]


def recomputes_identically(setting: PromptSetting) -> bool:
    """Return whether two runs of the pass of `has` agree in every number."""
    return recompute(setting.model, setting.caches["has"], setting.weights.ids["has"])[1] == 0


def attention_on(result: PassResult, start: int, stop: int) -> Array:
    """Return each global head's attention on positions `start` .. `stop` - 1, [G, H].

    Raises `ValueError` for a pass of `step_many`, which keeps no attention.
    """
    if result.attention is None:
        message = "the pass kept no attention: run it with `step`"
        raise ValueError(message)
    return np.asarray(result.attention[:, :, start:stop].sum(-1))
