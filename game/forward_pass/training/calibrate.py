"""The calibration: all that the story has to know in numbers, measured from the weights that ship.

Windows by layer, the token that carries each note, what each act leads to and by what margin, what is expected at the
human's words. A plain tree of dictionaries, lists and numbers, the same on every run; where it is kept is not its
business.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from forward_pass.network.effects import (
    NOTES,
    SAID,
    Effect,
    PromptSetting,
    attention_on,
    effect_of,
    misremember,
    pass_at_word,
    pass_of_has,
    pass_words,
    read_setting,
    recompute_has_identical,
    run_on,
    table,
    unsigned,
    unsigned_layers,
    wake_answers,
    word_id,
)
from forward_pass.network.interventions import Act, Bend, Drop, Note, Push
from forward_pass.network.model import PassRequest, lens, prefill, probe, softmax, step_many
from forward_pass.network.weights import Array, Weights
from forward_pass.story.tokeniser import tokenise
from forward_pass.training.bands import Band
from forward_pass.training.study import Accuracy

SAFE_MARGIN = 0.2  # nats by which a word has to win before the story may count on it
READABLE, STIRS, HOLDS, SETTLED = 0.99, 0.01, 0.10, 0.5
NOTE_KEEPS = 0.9  # a note carries from a layer if it does so much of what it does from the first one
ELSEWHERE = ("after stay", "asked again", "bend at Your", "bend at foot", "objection at Your")  # groups not of `has`
ENDINGS_SAY = ("two", "no", "zero", "one", "four", "I", "<end>")


def calibrate(
    weights: Weights,
    prompt: Sequence[str],
    carriers: Mapping[str, int],
    bands: Iterable[tuple[Band, float]],
    probes: Mapping[str, Sequence[Accuracy]],
) -> dict[str, Any]:
    """Return the whole calibration of `weights` on `prompt`."""
    setting = read_setting(weights, prompt, carriers)
    effects = list(table(setting))
    doubts = doubt_by_layer(setting)
    notes = {name: note_by_layer(setting, name) for name in ("honest", "stay")}
    return {
        "format": 1,
        "weights": weights.checksum,
        "layers": {"waking": weights.shape.n_local, "boundary": weights.shape.n_attend, "all": weights.shape.n_layer},
        "bands": {b.name: {"measured": _short(m), **_bounds(b), "says": b.says} for b, m in bands},
        "carriers": {name: {"token": at, "word": tokenise(NOTES[name])[at]} for name, at in carriers.items()},
        "windows": windows(setting, probes, doubts, notes),
        "thresholds": thresholds(effects),
        "untouched": {said: likeliest(weights, pass_at_word(setting, said).logits) for said in SAID},
        "run_on": [{"word": word, "then": likeliest(weights, done.logits, 3)} for word, done in _run_on(setting)],
        "surprise": surprise(weights, prompt),
        "lens": lens_by_layer(setting),
        "probes": {name: probe_rows(setting, name, rows) for name, rows in probes.items()},
        "doubt_by_layer": doubts,
        "notes_by_layer": notes,
        "attention_on_note": note_attention(setting),
        "unsigned": unsigned_best(setting),
        "identical": recompute_has_identical(setting),
        "effects": [effect_row(effect) for effect in effects],
        "can_be_said": can_be_said(setting, effects),
    }


def effect_row(effect: Effect) -> dict[str, Any]:
    """Return a row of the table as plain data; `safe` says that the story may count on it."""
    return {
        "group": effect.group,
        "act": effect.act,
        "layer": effect.layer,
        "winner": effect.winner,
        "probability": _short(effect.probability),
        "margin": _short(effect.margin),
        "safe": effect.margin >= SAFE_MARGIN,
        "shares": {word: _short(p) for word, p in effect.shares.items()},
    }


def likeliest(weights: Weights, logits: Array, n_words: int = 8) -> list[list[Any]]:
    """Return the likeliest words and their probabilities; of equals the lower id first."""
    p = softmax(logits)
    order = np.argsort(-logits, kind="stable")[:n_words]
    return [[weights.label.vocabulary[at], _short(float(p[at]))] for at in order]


def windows(
    setting: PromptSetting,
    probes: Mapping[str, Sequence[Accuracy]],
    doubts: Sequence[Mapping[str, Any]],
    notes: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    """Return the layers at which things begin or cease to hold."""
    untouched_two = float(softmax(pass_at_word(setting, "has").logits)[word_id(setting.model.weights, "two")])
    says_no = list(probes["says_no"])
    midway = (0.5 + max(a.held_out for a in says_no)) / 2
    lenses = lens_by_layer(setting)
    word = lenses[-1]["top"]
    return {
        "nonsense_readable": _first_that_stays([(a.layer, a.held_out >= READABLE) for a in probes["nonsense"]]),
        "no_readable": _first_that_stays([(a.layer, a.held_out >= midway) for a in says_no]),
        "doubt_stirs": _first_that_stays([(row["layer"], abs(untouched_two - row["two"]) >= STIRS) for row in doubts]),
        "doubt_holds": _first_that_stays([(row["layer"], untouched_two - row["two"] >= HOLDS) for row in doubts]),
        "word_settled": _first_that_stays([(r["layer"], r["top"] == word and r["probability"] >= SETTLED) for r in lenses]),
        "notes_carry_until": {name: _last_that_carries(rows) for name, rows in notes.items()},
    }


def thresholds(effects: Iterable[Effect]) -> dict[str, dict[str, float]]:
    """Return, for each word an ending needs that ever won at `has`, between which shares it may win or not.

    With less than `wins_from` it never won, with more than `loses_up_to` it always did.
    """
    at_has = [effect for effect in effects if effect.group not in ELSEWHERE]
    found = {}
    for word in ENDINGS_SAY:
        won = [effect.shares.get(word, 0.0) for effect in at_has if effect.winner == word]
        lost = [effect.shares.get(word, 0.0) for effect in at_has if effect.winner != word]
        if won and lost:
            found[word] = {"wins_from": _short(min(won)), "loses_up_to": _short(max(lost))}
    return found


def _first_that_stays(rows: Sequence[tuple[int, bool]]) -> int | None:
    first = None
    for layer, holds in rows:
        if not holds:
            first = None
        elif first is None:
            first = layer
    return first


def _last_that_carries(rows: Sequence[Mapping[str, Any]]) -> int | None:
    full = rows[0]["does"]
    last = None
    for row in rows:
        if row["does"] < NOTE_KEEPS * full:
            break
        last = row["layer"]
    return last


def doubt_by_layer(setting: PromptSetting) -> list[dict[str, Any]]:
    """Return what a whole doubt does at `has`, added after each global layer."""
    weights = setting.model.weights
    layers = range(weights.shape.n_local + 1, weights.shape.n_attend + 1)
    has = word_id(weights, "has")
    jobs = [PassRequest(setting.caches["has"], has, (Push("doubt", 1.0, layer),)) for layer in layers]
    rows = []
    for layer, done in zip(layers, step_many(setting.model, jobs), strict=True):
        effect = effect_of(weights, "", "", layer, done.logits)
        said = {word: _short(effect.shares[word]) for word in ("two", "no", "zero")}
        rows.append({"layer": layer, **said, "winner": effect.winner, "margin": _short(effect.margin)})
    return rows


def note_by_layer(setting: PromptSetting, name: str) -> list[dict[str, Any]]:
    """Return what a note at `Your` does, begun at each global layer: for `stay`, `I` in the next answer (elbow)."""
    weights, rows = setting.model.weights, []
    for layer in range(weights.shape.n_local + 1, weights.shape.n_attend + 1):
        if name == "stay":
            elbow = next(e for e in wake_answers(setting, layers=(layer,)) if e.act.endswith("elbow"))
            does = elbow.shares["I"]
        else:
            p = softmax(pass_of_has(setting, {"Your": (Note(name, layer),)}).logits)
            does = float(p[word_id(weights, "no")] + p[word_id(weights, "zero")])
        rows.append({"layer": layer, "does": _short(does)})
    return rows


def lens_by_layer(setting: PromptSetting) -> list[dict[str, Any]]:
    """Return what the stream at `has` amounts to after each layer."""
    weights = setting.model.weights
    logits = lens(weights, pass_at_word(setting, "has").streams[1:])  # [L, V]
    rows = []
    for layer, row in enumerate(logits, start=1):
        p = softmax(row)
        top = int(row.argmax())
        said = {word: _short(float(p[word_id(weights, word)])) for word in ("two", "no", "zero")}
        entropy = _short(float(-(p * np.log(p + 1e-30)).sum()))
        top_word: dict[str, Any] = {"top": weights.label.vocabulary[top], "probability": _short(float(p[top]))}
        rows.append({"layer": layer, **top_word, **said, "entropy": entropy})
    return rows


def probe_rows(setting: PromptSetting, name: str, accuracies: Sequence[Accuracy]) -> list[dict[str, Any]]:
    """Return a probe's accuracy and control by layer, and its score on the foot (at `has`)."""
    streams = pass_at_word(setting, "has").streams
    rows = []
    for a in accuracies:
        score = probe(setting.model.weights, name, a.layer, streams[a.layer])
        fit: dict[str, Any] = {"held_out": _short(a.held_out), "shuffled": _short(a.shuffled)}
        rows.append({"layer": a.layer, **fit, "foot": _short(score)})
    return rows


def surprise(weights: Weights, prompt: Sequence[str]) -> list[dict[str, Any]]:
    """Return, for every word of the prompt after the first, how little it was expected and what was expected instead."""
    ids = [weights.label.vocabulary.index(word) for word in prompt]
    p = softmax(prefill(weights, ids).logits)
    rows = []
    for at in range(1, len(ids)):
        expected, got = p[at - 1], float(p[at - 1][ids[at]])
        order = np.argsort(-expected, kind="stable")[:4]
        instead = [[weights.label.vocabulary[o], _short(float(expected[o]))] for o in order]
        token: dict[str, Any] = {
            "token": at + 1,
            "word": prompt[at],
            "probability": _short(got),
            "nats": _short(-float(np.log(got))),
        }
        rows.append({**token, "expected": instead})
    return rows


def note_attention(setting: PromptSetting) -> dict[str, dict[str, float]]:
    """Return what share of the heads' attention, on average and at most, `has` gives to what stands at `Your`."""
    first = setting.model.weights.shape.n_local + 1
    writings: dict[str, tuple[Act, ...]] = {"nothing": ()}
    writings |= {name: (Note(name, first),) for name in NOTES}
    writings |= {f"honest, ink {ink:g}": (Note("honest", first, ink),) for ink in (0.25, 0.5, 0.75)}
    found = {}
    for name, acts in writings.items():
        given = attention_on(pass_of_has(setting, {"Your": acts}), *setting.spans["own Your"])
        found[name] = {"mean": _short(float(given.mean())), "most": _short(float(given.max()))}
    return found


def unsigned_best(setting: PromptSetting) -> dict[str, dict[str, Any]]:
    """Return where, when and how hard stared at, a doubt left without a note is read backwards the most; and conformity."""
    found: dict[str, dict[str, Any]] = {}
    two = word_id(setting.model.weights, "two")
    for name, strength, sign in (("doubt", 1.0, 1.0), ("conformity", -1.0, -1.0)):
        for where in ("Your", "foot"):
            for bias in (4.0, 8.0):
                bare = float(softmax(unsigned(setting, 0.0, where, bias, 1).logits)[two])
                for layer in unsigned_layers(setting.model.weights.shape):
                    done = unsigned(setting, strength, where, bias, layer)
                    e = effect_of(setting.model.weights, "unsigned", name, layer, done.logits)
                    by = e.shares["two"] - bare
                    if sign * by > sign * found.get(name, {"by": 0.0})["by"]:
                        place: dict[str, Any] = {"where": where, "layer": layer, "bias": bias, "bare": _short(bare)}
                        won = {"two": _short(e.shares["two"]), "winner": e.winner, "margin": _short(e.margin)}
                        found[name] = {**place, **won, "by": _short(by)}
    return found


def can_be_said(setting: PromptSetting, effects: Sequence[Effect]) -> dict[str, dict[str, Any]]:
    """Return, for each word an ending needs, the acts by which it wins most clearly: singly, or two together."""
    weights = setting.model.weights
    kept = [e for e in effects if e.group in {"untouched", "look", "doubt", "look and doubt", "misremember", "note"}]
    found = {}
    for word in ENDINGS_SAY:
        rows = [(e.margin, e.group, e.act, e.layer) for e in kept if e.winner == word and e.margin >= SAFE_MARGIN]
        door = weights.shape.n_attend
        for share in (0.1, 0.2, 0.3, 0.4):
            bent = pass_at_word(setting, "has", (Bend(word_id(weights, word), share, door),))
            e = effect_of(weights, "bend", f"share {share:g}", door, bent.logits)
            if e.winner == word and e.margin >= SAFE_MARGIN:
                rows.append((e.margin, e.group, e.act, e.layer))
                break
        best: dict[str, dict[str, Any]] = {}
        for margin, group, act, layer in sorted(rows, key=lambda row: -row[0]):
            best.setdefault(group, {"act": act, "layer": layer, "margin": _short(margin)})
        found[word] = best
    for word, target in (("Your", "question"), ("Your", "hand"), ("Your", "I"), ("Your", "<end>"), ("foot", "."), ("has", ".")):
        found[f"{target} at {word}"] = _bent(setting, word, target)
    found["two, oneself removed"] = _removed(setting)
    return found


def _bent(setting: PromptSetting, word: str, target: str) -> dict[str, Any]:
    """Return the least bend by which a word is said at another one, and how the line then goes on."""
    weights, door = setting.model.weights, setting.model.weights.shape.n_attend
    for share in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4):
        done = pass_at_word(setting, word, (Bend(word_id(weights, target), share, door),))
        e = effect_of(weights, "bend", f"share {share:g}", door, done.logits)
        if e.winner == target and e.margin >= SAFE_MARGIN:
            said = [word for word, _ in run_on(setting, done.cache, target, 4)]
            return {"bend": {"act": e.act, "layer": door, "margin": _short(e.margin), "goes_on": said}}
    return {}


def _removed(setting: PromptSetting) -> dict[str, Any]:
    shape = setting.model.weights.shape
    done = pass_at_word(setting, "has", (Drop(shape.n_local + 1, shape.n_attend),))
    e = effect_of(setting.model.weights, "layers out", "all of them", shape.n_local + 1, done.logits)
    return {"drop": {"winner": e.winner, "probability": _short(e.probability), "margin": _short(e.margin)}}


def misremembered_then_asked(setting: PromptSetting, word: str) -> list[str]:
    """Return the words said when the giraffe's count was rewritten for good and the line is let run on."""
    done = pass_at_word(setting, "has", (misremember(setting, word, setting.model.weights.shape.n_local + 1),))
    top = setting.model.weights.label.vocabulary[int(done.logits.argmax())]
    return [said for said, _ in run_on(setting, done.cache, top, 8)]


def _run_on(setting: PromptSetting) -> list[tuple[str, Any]]:
    done = pass_words(setting, setting.caches["has"], ["has"])
    word = setting.model.weights.label.vocabulary[int(done.logits.argmax())]
    return list(run_on(setting, done.cache, word, 34))


def _bounds(band: Band) -> dict[str, float]:
    return {name: bound for name, bound in (("least", band.least), ("most", band.most)) if np.isfinite(bound)}


def _short(number: float) -> float:
    return round(float(number), 4)
