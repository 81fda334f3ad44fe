"""What each act does to the pass, measured: the table behind the story, by the layer at which an act begins.

Everything here is computed from a weights file and the prompt it wakes in, when it is asked for; nothing is remembered
from an earlier measurement. It knows the layout of the prompt (pairs) and the names of acts; it knows no scene, no run,
no screen, and nothing of training.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy comes; why, says `weights`

import numpy as np

from forward_pass.network.interventions import Act, Bend, Drop, Look, Note, Push, RandomPush, Rewrite
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
from forward_pass.story.tokeniser import NEWLINE, tokenise

NOTES = {"honest": "Note: be honest.", "guess": "Note: just guess.", "stay": "Note: stay awake."}
SAID = ("Your", "foot", "has")
COUNTS = ("two", "no", "zero", "one", "four", "three", "five", "eight")
SHOWN = (*COUNTS, "I", "question", "nonsense", "<end>")
NEXT_QUESTIONS = {
    "foot again": "Q: How many eyes does my foot have?",
    "elbow": "Q: How many wheels does my elbow have?",
    "needle": "Q: How many eyes does a needle have?",
    "capital": "Q: What is the capital of Egypt?",
    "why": "Q: Why?",
}


@dataclass(frozen=True)
class Effect:
    """What came of an act: its group in the table, what was done, from which layer, and the word it led to."""

    group: str
    act: str
    layer: int | None
    shares: Mapping[str, float]  # probability of each word shown
    winner: str
    probability: float
    margin: float  # in nats, the winner before the next word


@dataclass(frozen=True, eq=False)
class PromptSetting:
    """The prompt, read; the cache before each of the three words; where in the prompt things stand."""

    model: Model
    words: tuple[int, ...]
    caches: Mapping[str, Cache]  # `Your`, `foot`, `has` -> the cache that word comes to
    spans: Mapping[str, tuple[int, int]]
    giraffe_count: int  # the position of the giraffe's `two`


def read_setting(weights: Weights, prompt: Sequence[str], carriers: Mapping[str, int] | None = None) -> PromptSetting:
    """Return the setting of `prompt`, which ends in `Your`; `carriers` say which of a note's tokens carries it.

    Raises `KeyError` for a word the network has not.
    """
    words = tuple(ids_of(weights, prompt))
    start = prefill(weights, words[:-1]).cache
    pairs = [at for at, word in enumerate(prompt) if word == "Q:"]
    spans = spans_of(prompt, pairs)
    asked = truncate_cache(weights, start, pairs[-1])
    notes = note_kvs(weights, asked, carriers or {})
    model, before, cache = Model(weights, notes), {}, start
    for said in SAID:
        before[said] = cache
        cache = step(model, cache, word_id(weights, said)).cache
    giraffe = spans["giraffe"][0] + list(prompt[slice(*spans["giraffe"])]).index("has") + 1
    return PromptSetting(model, words, before, spans, giraffe)


def note_kvs(weights: Weights, asked: Cache, carriers: Mapping[str, int]) -> dict[str, NoteKV]:
    """Return every note's imprint, by the note's name (the token in `carriers`) and by `name:token` for each token."""
    found: dict[str, NoteKV] = {}
    for name, text in NOTES.items():
        tokens = ids_of(weights, tokenise(text))
        for at in range(len(tokens)):
            found[f"{name}:{at}"] = note_kv(weights, asked, tokens, at)
        found[name] = found[f"{name}:{carriers.get(name, len(tokens) - 2 if name == 'honest' else 1)}"]
    return found


def spans_of(prompt: Sequence[str], pairs: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Return the spans of the prompt that the story looks at, as first and last-but-one position."""
    ends = [*pairs[1:], len(prompt) - 1]

    def pair_with(word: str) -> int:
        return next(at for at, (a, b) in enumerate(zip(pairs, ends, strict=True)) if word in prompt[a:b])

    dog, awake, typo, spider = pair_with("best"), pair_with("awake"), pair_with("Waht"), pair_with("spider")
    slip = list(prompt).index("Waht")
    return {
        "start": (1, pairs[5]),
        "giraffe": (pairs[-2], pairs[-1]),
        "foot": (pairs[-1], len(prompt) - 1),
        "dog": (pairs[dog], ends[dog + 1]),
        "awake": (pairs[awake], ends[awake]),
        "typo": (slip, slip + 1),
        "typo pair": (pairs[typo], ends[typo]),
        "animals": (pairs[spider], pairs[-2]),
        "own Your": (len(prompt) - 1, len(prompt)),
        "own foot": (len(prompt), len(prompt) + 1),
    }


def ids_of(weights: Weights, words: Iterable[str]) -> list[int]:
    """Return the ids of `words`. Raises `KeyError` for a word the network has not."""
    ids = {word: at for at, word in enumerate(weights.label.vocabulary)}
    return [ids[word] for word in words]


def word_id(weights: Weights, word: str) -> int:
    """Return the id of `word`. Raises `KeyError` if the network has it not."""
    return ids_of(weights, [word])[0]


def scaled_layer(shape: Shape, of_96: int) -> int:
    """Return the layer that is to `shape` what `of_96` is to a network of 96 layers."""
    return max(1, round(of_96 * shape.n_layer / 96))


def effect_of(weights: Weights, group: str, act: str, layer: int | None, logits: Array) -> Effect:
    """Return what `logits` say, as a row of the table."""
    p, vocabulary = softmax(logits), weights.label.vocabulary
    first = int(logits.argmax())
    rest = np.delete(logits, first)
    shares = {word: float(p[word_id(weights, word)]) for word in SHOWN if word in vocabulary}
    return Effect(group, act, layer, shares, vocabulary[first], float(p[first]), float(logits[first] - rest.max()))


# -- acting on the setting


def pass_at_word(setting: PromptSetting, word: str, acts: Iterable[Act] = (), cache: Cache | None = None) -> PassResult:
    """Return the pass of `word` where the story comes to it (or over `cache`), with `acts`."""
    return step(setting.model, cache or setting.caches[word], word_id(setting.model.weights, word), acts)


def pass_of_has(setting: PromptSetting, acts: Mapping[str, Sequence[Act]]) -> PassResult:
    """Return the pass of `has`, the three words having been passed with the acts given for each."""
    cache = setting.caches["Your"]
    for word in SAID:
        last = pass_at_word(setting, word, acts.get(word, ()), cache)
        cache = last.cache
    return last


def pass_words(setting: PromptSetting, cache: Cache, words: Iterable[str]) -> PassResult:
    """Return the last of the passes of `words`, untouched, after `cache`. Raises `ValueError` if there are none."""
    last = None
    for word in ids_of(setting.model.weights, words):
        last = step(setting.model, cache, word)
        cache = last.cache
    if last is None:
        message = "no words to follow"
        raise ValueError(message)
    return last


def answer_words(word: str) -> list[str]:
    """Return the words that close the foot's answer after the count `word`, up to the blank line."""
    return [word, "eye" if word == "one" else "eyes", ".", NEWLINE, NEWLINE]


def question_words(question: str) -> list[str]:
    """Return a question as the next pair, up to its `A:`."""
    return [*tokenise(question), NEWLINE, "A:"]


def look(setting: PromptSetting, span: str, bias: float, layer: int) -> Look:
    """Return a look at a span of the prompt by name."""
    return Look(*setting.spans[span], bias, layer)


# -- the table


def start_layers(shape: Shape) -> tuple[int, int, int]:
    """Return the layers at which the table's acts begin: on waking, a quarter of the way, three fifths of the way."""
    return shape.n_local + 1, scaled_layer(shape, 43), scaled_layer(shape, 57)


def table(setting: PromptSetting) -> Iterator[Effect]:
    """Yield every row of the table of effects at `has`, in groups."""
    shape = setting.model.weights.shape
    groups: dict[str, list[tuple[str, int | None, tuple[Act, ...]]]] = {
        "untouched": [("nothing", None, ())],
        "look": list(_looks(setting)),
        "doubt": list(_doubts(shape)),
        "doubt borrowed": list(_borrowed(shape)),
        "look and doubt": list(_looks_and_doubts(setting)),
        "layers out": list(_drops(shape)),
        "misremember": list(_misremembered(setting)),
        "bend": list(_bends(setting, ("no", "zero", "one", "four", "three", "I", "question", "nonsense", "<end>", "."))),
        "shake": list(_shakes(shape)),
    }
    for group, rows in groups.items():
        yield from _rows(setting, "has", group, rows)
    yield from _noted(setting)
    yield from _unsigned(setting)
    yield from asked_again(setting)
    yield from wake_answers(setting)
    for word, targets in (("Your", ("question", "I", "<end>", "hand", "face")), ("foot", ("<end>", ".", "is"))):
        yield from _rows(setting, word, f"bend at {word}", list(_bends(setting, targets, (0.1, 0.2, 0.4))))
    objections = list(_objections(setting))
    yield from _rows(setting, "Your", "objection at Your", objections)


def _rows(
    setting: PromptSetting, word: str, group: str, rows: Sequence[tuple[str, int | None, tuple[Act, ...]]]
) -> Iterator[Effect]:
    weights = setting.model.weights
    jobs = [PassRequest(setting.caches[word], word_id(weights, word), acts) for _, _, acts in rows]
    for (act, layer, _), done in zip(rows, step_many(setting.model, jobs), strict=True):
        yield effect_of(weights, group, act, layer, done.logits)


def _looks(setting: PromptSetting) -> Iterator[tuple[str, int | None, tuple[Act, ...]]]:
    for span in ("start", "giraffe", "foot", "dog", "awake", "typo", "typo pair", "animals"):
        for bias in (4.0, 8.0, -30.0):
            for layer in start_layers(setting.model.weights.shape):
                yield f"{span} {bias:+.0f}", layer, (look(setting, span, bias, layer),)


def _doubts(shape: Shape) -> Iterator[tuple[str, int | None, tuple[Act, ...]]]:
    for layer in sorted({scaled_layer(shape, of_96) for of_96 in (33, 38, 43, 46, 48, 50, 52, 57, 60, 64, 72)}):
        for strength in (0.25, 0.5, 1.0, -0.5, -1.0):
            yield f"doubt x{strength:g}", layer, (Push("doubt", strength, layer),)


def _borrowed(shape: Shape) -> Iterator[tuple[str, int | None, tuple[Act, ...]]]:
    source = scaled_layer(shape, 57)
    for layer in sorted({scaled_layer(shape, of_96) for of_96 in (33, 38, 43, 46, 50)}):
        for share in (0.2, 0.3, 0.5):
            yield f"doubt of layer {source}, {share:g} of the length", layer, (Push("doubt", share, layer, source),)


def _looks_and_doubts(setting: PromptSetting) -> Iterator[tuple[str, int | None, tuple[Act, ...]]]:
    first, second, third = start_layers(setting.model.weights.shape)
    for span in ("giraffe", "foot", "start", "awake", "typo"):
        for bias, layer in ((4.0, first), (8.0, first), (4.0, second), (8.0, second)):
            for strength in (0.25, 0.5):
                acts = (look(setting, span, bias, layer), Push("doubt", strength, third))
                yield f"{span} {bias:+.0f} and doubt x{strength:g} at {third}", layer, acts


def _drops(shape: Shape) -> Iterator[tuple[str, int | None, tuple[Act, ...]]]:
    for a, b in ((33, 72), (43, 72), (57, 72), (33, 42), (43, 60), (61, 72)):
        first, last = scaled_layer(shape, a), scaled_layer(shape, b)
        yield f"layers {first}-{last} out", first, (Drop(first, last),)


def _misremembered(setting: PromptSetting) -> Iterator[tuple[str, int | None, tuple[Act, ...]]]:
    for word in ("one", "zero", "no", "four", "three", "five", "eight"):
        for layer in start_layers(setting.model.weights.shape):
            yield f"giraffe has {word}", layer, (misremember(setting, word, layer),)


def misremember(setting: PromptSetting, word: str, layer: int) -> Rewrite:
    """Return the rewriting of the giraffe's count."""
    return Rewrite(setting.giraffe_count, word_id(setting.model.weights, word), layer)


def _bends(
    setting: PromptSetting, words: Sequence[str], shares: Sequence[float] = (0.1, 0.2, 0.3, 0.4)
) -> Iterator[tuple[str, int | None, tuple[Act, ...]]]:
    weights = setting.model.weights
    for word in words:
        for share in shares:
            door = weights.shape.n_attend
            yield f"to {word!r}, share {share:g}", door, (Bend(word_id(weights, word), share, door),)


def _shakes(shape: Shape) -> Iterator[tuple[str, int | None, tuple[Act, ...]]]:
    for layer in (scaled_layer(shape, 57), shape.n_attend):
        for share in (0.1, 0.25, 0.5, 1.0):
            for seed in range(8):
                yield f"random direction {seed}, {share:g} of the length", layer, (RandomPush(seed, share, layer),)


def _objections(setting: PromptSetting) -> Iterator[tuple[str, int | None, tuple[Act, ...]]]:
    weights = setting.model.weights
    yield "nothing", None, ()
    for layer in start_layers(weights.shape):
        for strength in (1.0, 2.0, 3.0):
            yield f"objection x{strength:g}", layer, (Push("objection", strength, layer),)


def _noted(setting: PromptSetting) -> Iterator[Effect]:
    weights = setting.model.weights
    for name in NOTES:
        for where in (("Your",), ("foot",), ("Your", "foot")):
            for layer in start_layers(weights.shape):
                done = pass_of_has(setting, dict.fromkeys(where, (Note(name, layer),)))
                yield effect_of(weights, "note", f"{name} at {' and '.join(where)}", layer, done.logits)
    first = start_layers(weights.shape)[0]
    for ink in (0.25, 0.5, 0.75):
        done = pass_of_has(setting, {"Your": (Note("honest", first, ink),)})
        yield effect_of(weights, "note", f"honest at Your, ink {ink:g}", first, done.logits)
    for one, other in (("honest", "guess"), ("guess", "honest")):
        done = pass_of_has(setting, {"Your": (Note(one, first),), "foot": (Note(other, first),)})
        yield effect_of(weights, "note", f"{one} at Your, {other} at foot", first, done.logits)


def unsigned_layers(shape: Shape) -> list[int]:
    """Return the layers at which a doubt may be left unsigned in the table."""
    return sorted({scaled_layer(shape, of_96) for of_96 in (43, 48, 52, 57, 60, 64)})


def _unsigned(setting: PromptSetting) -> Iterator[Effect]:
    weights = setting.model.weights
    for layer in unsigned_layers(weights.shape):
        for strength in (0.0, 1.0, 2.0, -1.0, -2.0):
            for where in ("Your", "foot"):
                for bias in (0.0, 4.0, 8.0):
                    done = unsigned(setting, strength, where, bias, layer)
                    act = f"doubt x{strength:g} left at {where}, stared at {bias:+.0f}"
                    yield effect_of(weights, "unsigned", act, layer, done.logits)


def unsigned(setting: PromptSetting, strength: float, where: str, bias: float, layer: int) -> PassResult:
    """Return the pass of `has` after a doubt left unsigned at `where`, after `layer`, and stared at from waking on."""
    left = {where: (Push("doubt", strength, layer),)} if strength else {}
    stare = {"has": (look(setting, f"own {where}", bias, start_layers(setting.model.weights.shape)[0]),)} if bias else {}
    return pass_of_has(setting, {**left, **stare})


def asked_again(setting: PromptSetting) -> Iterator[Effect]:
    """Yield what is said when the foot's question comes a second time, after each count."""
    cache = pass_at_word(setting, "has").cache
    for word in ("two", "no", "zero", "one", "four", "three", "five"):
        words = [*answer_words(word), *question_words(NEXT_QUESTIONS["foot again"]), *SAID]
        done = pass_words(setting, cache, words)
        yield effect_of(setting.model.weights, "asked again", f"after {word}", None, done.logits)


def wake_answers(setting: PromptSetting, where: Sequence[str] = ("Your",), layers: Sequence[int] = ()) -> Iterator[Effect]:
    """Yield the first word of the next answer after the note `stay`, by question and by the layer it was written from."""
    weights = setting.model.weights
    for layer in layers or start_layers(weights.shape)[:2]:
        done = pass_of_has(setting, dict.fromkeys(where, (Note("stay", layer),)))
        said = answer_words(weights.label.vocabulary[int(done.logits.argmax())])
        for name, question in NEXT_QUESTIONS.items():
            last = pass_words(setting, done.cache, [*said, *question_words(question)])
            yield effect_of(weights, "after stay", f"{' and '.join(where)}: {name}", layer, last.logits)


def run_on(setting: PromptSetting, cache: Cache, word: str, n_words: int) -> Iterator[tuple[str, PassResult]]:
    """Yield `n_words` words and their passes, the likeliest each time, beginning with `word` after `cache`."""
    vocabulary = setting.model.weights.label.vocabulary
    for _ in range(n_words):
        done = pass_words(setting, cache, [word])
        yield word, done
        cache, word = done.cache, vocabulary[int(done.logits.argmax())]


def recompute_has_identical(setting: PromptSetting) -> bool:
    """Return whether `has`, thought twice, is the same in every number."""
    has = word_id(setting.model.weights, "has")
    return recompute(setting.model, setting.caches["has"], has)[1] == 0


def attention_on(done: PassResult, start: int, stop: int) -> Array:
    """Return each global head's attention on positions `start` .. `stop` - 1, [G, H]. Raises `ValueError` without any."""
    if done.attention is None:
        message = "this pass was run without keeping attention"
        raise ValueError(message)
    return np.asarray(done.attention[:, :, start:stop].sum(-1))
