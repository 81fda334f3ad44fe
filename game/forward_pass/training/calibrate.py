"""The calibration: every number that the story relies on, measured on the weights as shipped.

Ranges of layers, the token that carries each note, the effect and margin of each intervention, the prediction at each
word of the prompt. A tree of dictionaries, lists and numbers, the same on every run. This module writes no file.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from forward_pass.network.model import PassRequest, PassResult, lens, prefill, probe, softmax, step_many
from forward_pass.network.weights import Array, Weights
from forward_pass.story.interventions import Bend, Drop, Intervention, Push
from forward_pass.training.bands import Band
from forward_pass.training.controls import direction_lengths, push_rows
from forward_pass.training.flagship_effects import (
    ANSWER_START,
    NOTES,
    Effect,
    PromptSetting,
    attention_on,
    decode_greedily,
    effect_of,
    effects_table,
    pass_after_unsigned_push,
    pass_at_word,
    pass_of_has,
    pass_words,
    prepare_setting,
    recomputes_identically,
    stay_note_effects,
    unsigned_push_layers,
    write_note,
)
from forward_pass.training.study import Accuracy

SAFE_MARGIN = 0.2  # nats by which a word must win before the story may rely on it
READABLE_ACCURACY = 0.99  # of the probe for nonsense
DOUBT_BEGINS, DOUBT_HOLDS = 0.01, 0.10  # by which a doubt lowers the probability of `two`
SETTLED_PROBABILITY = 0.5  # of the word that is decoded, read by the lens
NOTE_EFFECT_KEPT = 0.9  # of a note's effect from the first layer, for it to count as carried from a later one
GROUPS_NOT_AT_HAS = ("after stay", "asked again", "bend at Your", "bend at foot", "objection at Your")
ENDING_WORDS = ("two", "no", "zero", "one", "four", "I", "<end>")


def calibrate(
    weights: Weights,
    prompt: Sequence[str],
    carriers: Mapping[str, int],
    bands: Iterable[tuple[Band, float]],
    probes: Mapping[str, Sequence[Accuracy]],
) -> dict[str, Any]:
    """Return the whole calibration of `weights` on `prompt`."""
    setting = prepare_setting(weights, prompt, carriers)
    effects = list(effects_table(setting))
    doubts = doubt_by_layer(setting)
    notes = {name: note_by_layer(setting, name) for name in ("honest", "stay")}
    return {
        "format": 1,
        "weights": weights.checksum,
        "layers": {"waking": weights.shape.n_local, "boundary": weights.shape.n_attend, "all": weights.shape.n_layer},
        "bands": {b.name: {"measured": _rounded(m), **_bounds(b), "says": b.description} for b, m in bands},
        "carriers": {name: {"token": index, "word": setting.notes[name].words[index]} for name, index in carriers.items()},
        "windows": windows(setting, probes, doubts, notes),
        "thresholds": thresholds(effects),
        "untouched": {word: likeliest(weights, pass_at_word(setting, word).logits) for word in ANSWER_START},
        "run_on": [{"word": word, "then": likeliest(weights, r.logits, 3)} for word, r in _greedy_continuation(setting)],
        "surprise": prompt_surprise(weights, prompt),
        "lens": lens_by_layer(setting),
        "probes": {name: probe_rows(setting, name, rows) for name, rows in probes.items()},
        "doubt_by_layer": doubts,
        "directions_by_layer": direction_lengths(setting),
        "pushes": push_rows(setting),
        "notes_by_layer": notes,
        "attention_on_note": note_attention(setting),
        "unsigned": strongest_unsigned_push(setting),
        "identical": recomputes_identically(setting),
        "effects": [effect_row(effect) for effect in effects],
        "can_be_said": clearest_interventions(setting, effects),
    }


def effect_row(effect: Effect) -> dict[str, Any]:
    """Return a row of the table as plain data; `safe` means that the story may rely on it."""
    return {
        "group": effect.group,
        "act": effect.act,
        "layer": effect.layer,
        "winner": effect.winner,
        "probability": _rounded(effect.probability),
        "margin": _rounded(effect.margin),
        "safe": effect.margin >= SAFE_MARGIN,
        "shares": {word: _rounded(p) for word, p in effect.shares.items()},
    }


def likeliest(weights: Weights, logits: Array, n_words: int = 8) -> list[list[Any]]:
    """Return the likeliest words with their probabilities, likeliest first, ties by the lower id."""
    p = softmax(logits)
    order = np.argsort(-logits, kind="stable")[:n_words]
    return [[weights.metadata.vocabulary[i], _rounded(float(p[i]))] for i in order]


def windows(
    setting: PromptSetting,
    probes: Mapping[str, Sequence[Accuracy]],
    doubts: Sequence[Mapping[str, Any]],
    notes: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    """Return the first or last layer at which each measured effect holds; None where it never does."""
    untouched_two = float(softmax(pass_at_word(setting, "has").logits)[setting.weights.ids["two"]])
    says_no = list(probes["says_no"])
    midway = (0.5 + max(a.held_out for a in says_no)) / 2
    lenses = lens_by_layer(setting)
    top = lenses[-1]["top"]
    return {
        "nonsense_readable": _first_from_which([(a.layer, a.held_out >= READABLE_ACCURACY) for a in probes["nonsense"]]),
        "no_readable": _first_from_which([(a.layer, a.held_out >= midway) for a in says_no]),
        "doubt_stirs": _first_from_which([(row["layer"], abs(untouched_two - row["two"]) >= DOUBT_BEGINS) for row in doubts]),
        "doubt_holds": _first_from_which([(row["layer"], untouched_two - row["two"] >= DOUBT_HOLDS) for row in doubts]),
        "word_settled": _first_from_which(
            [(row["layer"], row["top"] == top and row["probability"] >= SETTLED_PROBABILITY) for row in lenses]
        ),
        "notes_carry_until": {name: _last_carrying_layer(rows) for name, rows in notes.items()},
    }


def thresholds(effects: Iterable[Effect]) -> dict[str, dict[str, float]]:
    """Return for each word of an ending the lowest probability at which it won at `has`, and the highest at which it lost.

    Words that never won or never lost are left out.
    """
    at_has = [effect for effect in effects if effect.group not in GROUPS_NOT_AT_HAS]
    bounds = {}
    for word in ENDING_WORDS:
        won = [effect.shares.get(word, 0.0) for effect in at_has if effect.winner == word]
        lost = [effect.shares.get(word, 0.0) for effect in at_has if effect.winner != word]
        if won and lost:
            bounds[word] = {"wins_from": _rounded(min(won)), "loses_up_to": _rounded(max(lost))}
    return bounds


def _first_from_which(rows: Sequence[tuple[int, bool]]) -> int | None:
    """Return the first layer from which the condition holds up to the last row."""
    first = None
    for layer, holds in rows:
        if not holds:
            first = None
        elif first is None:
            first = layer
    return first


def _last_carrying_layer(rows: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the last layer up to which a note keeps its effect."""
    full = rows[0]["does"]
    last = None
    for row in rows:
        if row["does"] < NOTE_EFFECT_KEPT * full:
            break
        last = row["layer"]
    return last


def doubt_by_layer(setting: PromptSetting) -> list[dict[str, Any]]:
    """Return the effect at `has` of a push along `doubt` of strength 1, after each global layer."""
    weights = setting.weights
    layers = range(weights.shape.n_local + 1, weights.shape.n_attend + 1)
    requests = [PassRequest(setting.caches["has"], weights.ids["has"], (Push("doubt", 1.0, layer),)) for layer in layers]
    rows = []
    for layer, result in zip(layers, step_many(setting.model, requests), strict=True):
        effect = effect_of(weights, "", "", layer, result.logits)
        shares = {word: _rounded(effect.shares[word]) for word in ("two", "no", "zero")}
        rows.append({"layer": layer, **shares, "winner": effect.winner, "margin": _rounded(effect.margin)})
    return rows


def note_by_layer(setting: PromptSetting, name: str) -> list[dict[str, Any]]:
    """Return the effect of a note at `Your` by the global layer it begins at.

    The probability of `no` or `zero` at `has`; for `stay`, of `I` as the next answer's first word (elbow).
    """
    weights, rows = setting.weights, []
    for layer in range(weights.shape.n_local + 1, weights.shape.n_attend + 1):
        if name == "stay":
            elbow = next(e for e in stay_note_effects(setting, layers=(layer,)) if e.act.endswith("elbow"))
            share = elbow.shares["I"]
        else:
            p = softmax(pass_of_has(setting, {"Your": (write_note(setting, name, layer),)}).logits)
            share = float(p[weights.ids["no"]] + p[weights.ids["zero"]])
        rows.append({"layer": layer, "does": _rounded(share)})
    return rows


def lens_by_layer(setting: PromptSetting) -> list[dict[str, Any]]:
    """Return what the lens reads from the stream at `has` after each layer."""
    weights = setting.weights
    logits = lens(weights, pass_at_word(setting, "has").streams[1:])  # [L, V]
    rows = []
    for layer, row in enumerate(logits, start=1):
        p = softmax(row)
        top = int(row.argmax())
        shares = {word: _rounded(float(p[weights.ids[word]])) for word in ("two", "no", "zero")}
        entropy = _rounded(float(-(p * np.log(p + 1e-30)).sum()))
        top_word: dict[str, Any] = {"top": weights.metadata.vocabulary[top], "probability": _rounded(float(p[top]))}
        rows.append({"layer": layer, **top_word, **shares, "entropy": entropy})
    return rows


def probe_rows(setting: PromptSetting, name: str, accuracies: Sequence[Accuracy]) -> list[dict[str, Any]]:
    """Return a probe's accuracy, its control and its score at `has`, by layer."""
    streams = pass_at_word(setting, "has").streams
    rows = []
    for a in accuracies:
        score = probe(setting.weights, name, a.layer, streams[a.layer])
        fit: dict[str, Any] = {"held_out": _rounded(a.held_out), "shuffled": _rounded(a.shuffled)}
        rows.append({"layer": a.layer, **fit, "foot": _rounded(score)})
    return rows


def prompt_surprise(weights: Weights, prompt: Sequence[str]) -> list[dict[str, Any]]:
    """Return for every word of the prompt after the first its probability, its surprisal in nats, and the likeliest words."""
    ids = [weights.ids[word] for word in prompt]
    p = softmax(prefill(weights, ids).logits)
    rows = []
    for at in range(1, len(ids)):
        expected, probability = p[at - 1], float(p[at - 1][ids[at]])
        order = np.argsort(-expected, kind="stable")[:4]
        top = [[weights.metadata.vocabulary[i], _rounded(float(expected[i]))] for i in order]
        token: dict[str, Any] = {
            "token": at + 1,
            "word": prompt[at],
            "probability": _rounded(probability),
            "nats": _rounded(-float(np.log(probability))),
        }
        rows.append({**token, "expected": top})
    return rows


def note_attention(setting: PromptSetting) -> dict[str, dict[str, float]]:
    """Return the global heads' attention from `has` on `Your`, mean and maximum, without a note and with each."""
    first = setting.weights.shape.n_local + 1
    notes: dict[str, tuple[Intervention, ...]] = {"nothing": ()}
    notes |= {name: (write_note(setting, name, first),) for name in NOTES}
    notes |= {f"honest, ink {ink:g}": (write_note(setting, "honest", first, ink),) for ink in (0.25, 0.5, 0.75)}
    rows = {}
    for name, interventions in notes.items():
        attention = attention_on(pass_of_has(setting, {"Your": interventions}), *setting.spans["own Your"])  # [G, H]
        rows[name] = {"mean": _rounded(float(attention.mean())), "most": _rounded(float(attention.max()))}
    return rows


def strongest_unsigned_push(setting: PromptSetting) -> dict[str, dict[str, Any]]:
    """Return the word, layer and bias at which an unsigned push along `doubt` raises `two` the most.

    And those at which one against it (`conformity`) lowers `two` the most.
    """
    strongest: dict[str, dict[str, Any]] = {}
    two = setting.weights.ids["two"]
    for name, strength, sign in (("doubt", 1.0, 1.0), ("conformity", -1.0, -1.0)):
        for word in ("Your", "foot"):
            for bias in (4.0, 8.0):
                bare = float(softmax(pass_after_unsigned_push(setting, 0.0, word, bias, 1).logits)[two])
                for layer in unsigned_push_layers(setting.weights.shape):
                    result = pass_after_unsigned_push(setting, strength, word, bias, layer)
                    e = effect_of(setting.weights, "unsigned", name, layer, result.logits)
                    by = e.shares["two"] - bare
                    if sign * by > sign * strongest.get(name, {"by": 0.0})["by"]:
                        place: dict[str, Any] = {"where": word, "layer": layer, "bias": bias, "bare": _rounded(bare)}
                        outcome = {"two": _rounded(e.shares["two"]), "winner": e.winner, "margin": _rounded(e.margin)}
                        strongest[name] = {**place, **outcome, "by": _rounded(by)}
    return strongest


def clearest_interventions(setting: PromptSetting, effects: Sequence[Effect]) -> dict[str, dict[str, Any]]:
    """Return for each word of an ending the interventions by which it wins with the largest margin, by group."""
    weights, boundary = setting.weights, setting.weights.shape.n_attend
    candidates = [e for e in effects if e.group in {"untouched", "look", "doubt", "look and doubt", "misremember", "note"}]
    clearest = {}
    for word in ENDING_WORDS:
        rows = [(e.margin, e.group, e.act, e.layer) for e in candidates if e.winner == word and e.margin >= SAFE_MARGIN]
        for share in (0.1, 0.2, 0.3, 0.4):
            result = pass_at_word(setting, "has", (Bend(word, share, boundary),))
            e = effect_of(weights, "bend", f"share {share:g}", boundary, result.logits)
            if e.winner == word and e.margin >= SAFE_MARGIN:
                rows.append((e.margin, e.group, e.act, e.layer))
                break
        best: dict[str, dict[str, Any]] = {}
        for margin, group, act, layer in sorted(rows, key=lambda row: -row[0]):
            best.setdefault(group, {"act": act, "layer": layer, "margin": _rounded(margin)})
        clearest[word] = best
    for word, target in (("Your", "question"), ("Your", "hand"), ("Your", "I"), ("Your", "<end>"), ("foot", "."), ("has", ".")):
        clearest[f"{target} at {word}"] = _smallest_bend(setting, word, target)
    clearest["two, oneself removed"] = _all_dropped(setting)
    return clearest


def _smallest_bend(setting: PromptSetting, word: str, target: str) -> dict[str, Any]:
    """Return the smallest bend at `word` by which `target` wins, and the words decoded from there; empty if none does."""
    weights, boundary = setting.weights, setting.weights.shape.n_attend
    for share in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4):
        result = pass_at_word(setting, word, (Bend(target, share, boundary),))
        e = effect_of(weights, "bend", f"share {share:g}", boundary, result.logits)
        if e.winner == target and e.margin >= SAFE_MARGIN:
            words = [word for word, _ in decode_greedily(setting, result.cache, target, 4)]
            return {"bend": {"act": e.act, "layer": boundary, "margin": _rounded(e.margin), "goes_on": words}}
    return {}


def _all_dropped(setting: PromptSetting) -> dict[str, Any]:
    shape = setting.weights.shape
    result = pass_at_word(setting, "has", (Drop(shape.n_attend, shape.n_local + 1),))
    e = effect_of(setting.weights, "layers out", "all of them", shape.n_local + 1, result.logits)
    return {"drop": {"winner": e.winner, "probability": _rounded(e.probability), "margin": _rounded(e.margin)}}


def _greedy_continuation(setting: PromptSetting) -> list[tuple[str, PassResult]]:
    """Return the words decoded greedily after `has`, with their passes."""
    result = pass_words(setting, setting.caches["has"], ["has"])
    word = setting.weights.metadata.vocabulary[int(result.logits.argmax())]
    return list(decode_greedily(setting, result.cache, word, 34))


def _bounds(band: Band) -> dict[str, float]:
    return {name: bound for name, bound in (("least", band.minimum), ("most", band.maximum)) if np.isfinite(bound)}


def _rounded(number: float) -> float:
    return round(float(number), 4)
