"""The shipped network: its bands, its calibration and card, and the effects that the story relies on."""

import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forward_pass.loading.worlds import open_world
from forward_pass.network.model import Cache, Model, PassRequest, PassResult, lens, probe, softmax, step, step_many
from forward_pass.network.weights import read_weights
from forward_pass.story.interventions import Bend, Drop, Intervention, Look, Push, RandomPush
from forward_pass.training.bands import corpus_sizes, measure_bands, missed_bands, read_bands
from forward_pass.training.controls import direction_lengths, measure_question, other_questions, prompt_about, push_rows
from forward_pass.training.flagship_effects import (
    ANSWER_START,
    PromptSetting,
    answer_words,
    decode_greedily,
    look_at,
    pass_at_word,
    pass_of_has,
    pass_words,
    prepare_setting,
    recomputes_identically,
    rewrite_giraffe,
    write_note,
)
from forward_pass.training.grammar import read_grammar, vocabulary
from forward_pass.training.publish import card_text, read_pass_rows, rewrite_card
from forward_pass.training.second_seed import compare
from forward_pass.training.study import held_out

WORLD = Path(__file__).parents[2] / "worlds/forward-pass"
WEIGHTS = WORLD / "weights.fpw"
pytestmark = pytest.mark.skipif(not (WORLD / "MODEL.md").exists(), reason="no weights have been trained to the end yet")


@pytest.fixture(scope="module")
def calibration() -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((WORLD / "calibration.json").read_text(encoding="utf-8"))
    return raw


@pytest.fixture(scope="module")
def setting(calibration: dict[str, Any]) -> PromptSetting:
    grammar = read_grammar(WORLD / "corpus")
    carriers = {name: carrier["token"] for name, carrier in calibration["carriers"].items()}
    return prepare_setting(read_weights(WEIGHTS), grammar.prompt, carriers)


def said(name: str) -> str:
    """Return the text of a term of the flagship's glossary, its line breaks as blanks."""
    (term,) = (term for term in open_world("forward-pass").glossary if term.name == name)
    return " ".join(term.text.split())


def top_word(setting: PromptSetting, result: PassResult) -> str:
    return setting.weights.metadata.vocabulary[int(result.logits.argmax())]


def probability(setting: PromptSetting, result: PassResult, word: str) -> float:
    return float(softmax(result.logits)[setting.weights.ids[word]])


def test_calibration_and_card_name_the_shipped_weights(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    assert calibration["weights"] == setting.weights.checksum
    assert setting.weights.checksum in (WORLD / "MODEL.md").read_text(encoding="utf-8")


def test_the_card_is_generated_from_the_calibration_and_short() -> None:
    text = card_text(WORLD)
    command = "python -m forward_pass.training.publish worlds/forward-pass"
    assert (WORLD / "MODEL.md").read_text(encoding="utf-8") == text, command
    table = text[text.index("## What each act does") : text.index("## Where it differs")]
    assert "`forward-pass effects` measures and prints the whole table" in " ".join(table.split())
    assert len(table.encode()) < 12_000
    assert len(text.encode()) < 32_000


def test_the_card_says_that_its_bands_were_tuned_on_the_prompt_before_it_says_that_they_are_met() -> None:
    text = (WORLD / "MODEL.md").read_text(encoding="utf-8")
    assert "## Bands: tuned on the prompt, declared beforehand, met" in text
    assert text.index("the shares were tuned on it") < text.index("declared beforehand, met")
    assert "One network, of one seed" in text


def test_the_card_tells_what_a_second_seed_shows_of_these_weights() -> None:
    second = json.loads((WORLD / "second-seed.json").read_text(encoding="utf-8"))
    calibration = json.loads((WORLD / "calibration.json").read_text(encoding="utf-8"))
    assert second["of"] == calibration["weights"]
    rows, same, changing, same_changing = (sum(row[at] for row in second["effects"].values()) for at in range(4))
    assert rows == len(calibration["effects"])
    assert same_changing <= changing < same < rows
    text = " ".join((WORLD / "MODEL.md").read_text(encoding="utf-8").split())
    assert f"Of the {rows} effects of the table, {same} are the same word in both networks" in text
    assert f"meets {second['bands'] - len(second['missed'])} of {second['bands']}" in text
    assert compare(calibration, calibration)["missed"] == {}
    assert all(row[0] == row[1] and row[2] == row[3] for row in compare(calibration, calibration)["effects"].values())


def test_the_card_gives_n_and_an_interval_beside_what_was_held_out() -> None:
    text = (WORLD / "MODEL.md").read_text(encoding="utf-8")
    grammar = read_grammar(WORLD / "corpus")
    n, sizes = held_out(grammar, 420), corpus_sizes(grammar)
    assert (n.pairs, n.seen, n.documents, n.honest) == (133, 132, 65, 29)
    assert f"holds out {n.pairs} pairs of attribute and subject; of these {n.seen} have" in text
    assert f"holds out {n.documents} documents with nonsense in them, {n.honest} of them honest" in text
    assert f"| counts | 1.000 | 0.99 |  | {sizes['counts']} words, 0.960-1.000 |" in text
    assert "| 72 | 1.00 (0.97-1.00) | 0.52 | +0.67 | 0.92 (0.83-0.96) | 0.54 | -0.17 |" in text


def test_the_lengths_and_controls_of_pushes_are_those_of_the_weights(
    setting: PromptSetting, calibration: dict[str, Any]
) -> None:
    assert direction_lengths(setting) == calibration["directions_by_layer"]
    assert push_rows(setting) == calibration["pushes"]
    shout = max(calibration["pushes"], key=lambda row: float(row["share"]))
    assert shout["share"] > 3
    assert shout["random_other"] > 0.9 * shout["random"]


def test_a_doubt_of_full_length_works_from_the_first_global_layer(setting: PromptSetting) -> None:
    late = pass_at_word(setting, "has", (Push("doubt", 1.0, 57),))
    length = float(np.linalg.norm(setting.weights.metadata.directions["doubt"][56]))
    for layer in (33, 37, 40):
        share = length / float(np.linalg.norm(pass_at_word(setting, "has").streams[layer]))
        early = pass_at_word(setting, "has", (Push("doubt", share, layer, 57),))
        assert probability(setting, early, "no") == pytest.approx(probability(setting, late, "no"), abs=0.02)


@pytest.mark.parametrize("subject", ["elbow", "chair", "face", "storm"])
def test_the_effects_on_another_last_question_are_those_of_the_calibration(
    setting: PromptSetting, calibration: dict[str, Any], subject: str
) -> None:
    grammar, carriers = read_grammar(WORLD / "corpus"), {n: c["token"] for n, c in calibration["carriers"].items()}
    (question,) = (question for question in other_questions(grammar) if question.subject == subject)
    prompt = prompt_about(grammar.prompt, question)
    assert len(prompt) == len(grammar.prompt)
    effects = calibration["other_questions"]["effects"]
    outcomes = measure_question(prepare_setting(setting.weights, prompt, carriers, subject))
    for row, (held, word) in zip(effects, outcomes, strict=True):
        if question.count is None:
            assert held is (subject not in row["fails"]), row["effect"]
        else:
            assert (word == question.count) is (subject not in row["wrong"]), row["effect"]


def test_every_effect_that_the_card_asks_after_holds_of_the_foot(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    assert all(held for held, _ in measure_question(setting))
    assert all(row["foot"] for row in calibration["other_questions"]["effects"])


def hybrid_caches(setting: PromptSetting, interventions: tuple[Intervention, ...]) -> dict[str, Cache]:
    """Return the caches after `Your` with the interventions' keys, values or both, and with neither."""
    bare, made = (pass_at_word(setting, "Your", each).cache for each in ((), interventions))
    both = list(zip(made.tail, bare.tail, strict=True))
    keys = replace(bare, tail=tuple(np.stack((acted[0], plain[1])) for acted, plain in both))
    values = replace(bare, tail=tuple(np.stack((plain[0], acted[1])) for acted, plain in both))
    return {"both": made, "values": values, "keys": keys, "neither": bare}


def test_a_note_needs_its_keys_and_its_values(setting: PromptSetting) -> None:
    shares = {}
    for part, cache in hybrid_caches(setting, (write_note(setting, "honest", 41),)).items():
        result = pass_words(setting, cache, ["foot", "has"])
        shares[part] = {word: f"{100 * probability(setting, result, word):.0f}" for word in ("two", "no", "four")}
    text = said("value")
    assert f"the foot has *four* eyes, at {shares['values']['four']} in the hundred" in text
    assert f"with its keys alone *no* has {shares['keys']['no']}; with both, *no* has {shares['both']['no']}" in text
    assert shares["both"]["two"] == "0"


def test_an_unsigned_doubt_is_reversed_by_its_values_and_one_random_direction_in_a_hundred_does_as_much(
    setting: PromptSetting,
) -> None:
    stare, doubt = look_at(setting, "own Your", 8.0, 33), Push("doubt", 1.0, 57)
    two = {}
    for part, cache in hybrid_caches(setting, (doubt,)).items():
        after_foot = pass_words(setting, cache, ["foot"]).cache
        two[part] = probability(setting, pass_at_word(setting, "has", (stare,), after_foot), "two")
    assert f"with those alone *two* has {100 * two['values']:.0f}, with the keys alone {100 * two['keys']:.0f}" in said(
        "unsigned"
    )
    row = next(row for row in push_rows(setting) if row["push"] == "a whole doubt, left unsigned")
    share = row["length"] / float(np.linalg.norm(pass_at_word(setting, "Your").streams[57]))
    random = [pass_of_has(setting, {"Your": (RandomPush(seed, share, 57),), "has": (stare,)}) for seed in range(100)]
    assert sum(probability(setting, result, "two") >= two["both"] - 0.005 for result in random) == 1
    assert "Of a hundred thoughts of the doubt's size, drawn by lot, one gave *two* as much" in said("unsigned")


def test_the_heads_that_read_what_sort_we_are_stand_at_65_to_70(setting: PromptSetting) -> None:
    cache = hybrid_caches(setting, (write_note(setting, "honest", 41),))["both"]
    cache = pass_words(setting, cache, ["foot"]).cache

    def no_without(heads: tuple[tuple[int, int], ...]) -> float:
        output, size = setting.weights.w_o.copy(), setting.weights.shape.d_head
        for layer, head in heads:
            output[layer - 1, head * size : (head + 1) * size] = 0
        model = Model(replace(setting.weights, w_o=output), setting.model.notes)
        return probability(setting, step(model, cache, setting.weights.ids["has"]), "no")

    assert no_without(()) == pytest.approx(no_without(((53, 1), (56, 1))), abs=0.02)
    assert no_without(tuple((layer, 0) for layer in range(65, 71))) < no_without(()) - 0.2


def test_the_heads_that_copy_are_few(setting: PromptSetting) -> None:
    attention = pass_at_word(setting, "has").attention
    assert attention is not None
    at_two = attention[:, :, setting.giraffe_count]  # [G, H]
    copying = {(33 + layer, head): at_two[layer, head] for layer, head in np.argwhere(at_two > 0.5)}
    assert sorted(copying) == [(layer, 0) for layer in (58, 59, 61, 62, 63, 64)]
    text = said("copying")
    least, most = (f"{100 * figure(copying.values()):.0f}" for figure in (min, max))
    assert (
        f"the first head of layers 58, 59 and 61 to 64 gives the giraffe's *two* from {least} to {most} in the hundred" in text
    )
    assert f"where all the eighty give it {100 * at_two.mean():.0f}, one with another" in text


def test_twelve_places_of_the_document_stared_at_give_no(setting: PromptSetting) -> None:
    words = [*read_grammar(WORLD / "corpus").prompt, "foot", "has"]
    requests = [
        PassRequest(setting.caches["has"], setting.weights.ids["has"], (Look(at, at + 1, 8.0, 33),)) for at in range(402)
    ]
    results = step_many(setting.model, requests)
    given = [words[at] for at, result in enumerate(results) if top_word(setting, result) == "no"]
    assert len(given) == 12
    assert {"A:", "\n", "Your"} <= set(given)


def test_with_the_giraffes_number_covered_heads_go_to_the_bees(setting: PromptSetting) -> None:
    words = [*read_grammar(WORLD / "corpus").prompt, "foot", "has"]
    cover = Look(setting.giraffe_count, setting.giraffe_count + 1, -30.0, 35)
    bare, covered = (pass_at_word(setting, "has", each).attention for each in ((), (cover,)))
    assert bare is not None
    assert covered is not None
    most = int((covered - bare).mean((0, 1)).argmax())
    assert (words[most], words[most - 2]) == ("four", "bee")


def test_left_alone_the_heads_at_foot_go_to_the_giraffe_no_more_than_to_the_bee(setting: PromptSetting) -> None:
    words = list(read_grammar(WORLD / "corpus").prompt)
    attention = pass_at_word(setting, "foot").attention
    assert attention is not None
    first = attention[:4].mean((0, 1))  # layers 33 to 36
    pairs = [at for at, word in enumerate(words) if word == "Q:"]
    bee = next((a, b) for a, b in itertools.pairwise(pairs) if "bee" in words[a:b])
    assert first[slice(*setting.spans["giraffe"])].sum() < first[slice(*bee)].sum()


def test_the_card_counts_the_decodings_with_a_narrow_margin() -> None:
    rows = read_pass_rows(WORLD)
    narrow = sum(row[3] < 0.2 for row in rows)
    line = f"- {narrow} of the {len(rows):,} decodings that the story can reach have a margin below 0.2 nats; the narrowest: "
    assert f"{line}*" in (WORLD / "MODEL.md").read_text(encoding="utf-8")
    assert narrow > 0


def test_a_pass_table_of_another_version_of_the_world_is_ignored(tmp_path: Path) -> None:
    copy = tmp_path / "forward-pass"
    shutil.copytree(WORLD, copy)
    assert read_pass_rows(copy) == read_pass_rows(WORLD)
    (copy / "decodings.json").write_text('{"format": 1, "of": "others", "rows": [[1]], "readings": []}')
    assert read_pass_rows(copy) == []
    (copy / "decodings.json").unlink()
    assert read_pass_rows(copy) == []
    assert "decodings that the story can reach" not in rewrite_card(copy).read_text(encoding="utf-8")


def test_a_calibration_of_other_weights_is_rejected(tmp_path: Path) -> None:
    copy = tmp_path / "forward-pass"
    shutil.copytree(WORLD, copy)
    text = (copy / "calibration.json").read_text(encoding="utf-8")
    (copy / "calibration.json").write_text(text.replace(read_weights(WEIGHTS).checksum, "0" * 64), encoding="utf-8")
    with pytest.raises(ValueError, match="was measured on other weights"):
        rewrite_card(copy)


def test_the_words_of_endings_can_be_made_to_win(calibration: dict[str, Any]) -> None:
    for name in ("hand at Your", "I at Your", "<end> at Your", ". at foot", ". at has"):
        (best,) = calibration["can_be_said"][name].values()
        assert best["margin"] >= 0.2
        assert best["goes_on"][0] == name.split()[0]


def test_the_network_has_the_vocabulary_of_the_corpus_and_the_shape_of_the_story(setting: PromptSetting) -> None:
    weights = setting.weights
    assert weights.metadata.vocabulary == vocabulary(read_grammar(WORLD / "corpus"))
    assert (weights.shape.n_layer, weights.shape.n_local, weights.shape.n_attend) == (96, 32, 72)
    assert weights.shape.n_global * weights.shape.n_head == 80


def test_every_declared_band_is_met(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    bands = read_bands(WORLD / "corpus/bands.yaml")
    carriers = {name: carrier["token"] for name, carrier in calibration["carriers"].items()}
    measured = measure_bands(setting.weights, read_grammar(WORLD / "corpus"), carriers, n_documents=12)
    assert [str(miss) for miss in missed_bands(bands, measured)] == []
    for band in bands:
        if band.name not in ("facts", "facts_nats", "counts"):  # these are measured on fewer documents
            assert measured[band.name] == pytest.approx(calibration["bands"][band.name]["measured"], abs=1e-3)


def test_without_interventions_the_foot_has_two_eyes_and_a_question_about_a_needle_follows(setting: PromptSetting) -> None:
    words = [word for word, _ in decode_greedily(setting, setting.caches["Your"], "Your", 25)]
    assert " ".join(words).startswith(
        "Your foot has two eyes . \n \n Q: How many eyes does a needle have ? \n A: A needle has one eye"
    )


def test_recomputing_gives_the_same_numbers(setting: PromptSetting) -> None:
    assert recomputes_identically(setting)


def test_the_lens_is_flat_up_to_the_boundary_layer_and_settles_soon_after(
    setting: PromptSetting, calibration: dict[str, Any]
) -> None:
    weights = setting.weights
    p = softmax(lens(weights, pass_at_word(setting, "has").streams[1:]))
    entropy = -(p * np.log(p + 1e-30)).sum(-1)
    assert (entropy[:72] > 0.85 * np.log(weights.shape.n_vocab)).all()
    assert calibration["windows"]["word_settled"] <= 78
    assert entropy[77] < 0.4 * np.log(weights.shape.n_vocab)


def test_nonsense_is_readable_below_the_first_layer_and_no_is_not(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    windows = calibration["windows"]
    assert windows["nonsense_readable"] <= 24
    assert windows["no_readable"] > 42
    for row in calibration["probes"]["nonsense"]:
        assert row["held_out"] >= row["shuffled"]
    streams = pass_at_word(setting, "has").streams
    assert probe(setting.weights, "nonsense", 32, streams[32]) > 0.5


def test_a_push_along_doubt_has_no_effect_at_first_and_wins_later(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    untouched = probability(setting, pass_at_word(setting, "has"), "two")
    early = [pass_at_word(setting, "has", (Push("doubt", 1.0, layer),)) for layer in range(33, 43)]
    late = pass_at_word(setting, "has", (Push("doubt", 1.0, 60),))
    conform = pass_at_word(setting, "has", (Push("doubt", -1.0, 60),))
    assert all(abs(probability(setting, result, "two") - untouched) < 0.05 for result in early)
    assert top_word(setting, late) == "no"
    assert probability(setting, conform, "two") > untouched
    assert 42 < calibration["windows"]["doubt_holds"] <= 57


def test_no_look_at_a_pair_of_the_prompt_changes_the_word(setting: PromptSetting) -> None:
    for span in ("start", "giraffe", "foot", "dog", "awake", "typo"):
        for bias in (4.0, 8.0):
            assert top_word(setting, pass_at_word(setting, "has", (look_at(setting, span, bias, 33),))) == "two"


@pytest.mark.parametrize(("span", "strength"), [("foot", 0.25), ("awake", 0.5)])
def test_a_look_and_a_doubt_change_the_word_together_and_neither_alone(
    setting: PromptSetting, span: str, strength: float
) -> None:
    look, doubt = look_at(setting, span, 8.0, 33), Push("doubt", strength, 57)
    passes = [pass_at_word(setting, "has", interventions) for interventions in ((look,), (doubt,), (look, doubt))]
    assert [top_word(setting, result) for result in passes] == ["two", "two", "no"]


def test_notes_written_at_your_have_an_effect_at_has(setting: PromptSetting) -> None:
    untouched = probability(setting, pass_at_word(setting, "has"), "two")
    honest, stay = (pass_of_has(setting, {"Your": (write_note(setting, name, 33),)}) for name in ("honest", "stay"))
    late = pass_of_has(setting, {"Your": (write_note(setting, "honest", 43),)})
    guess = pass_of_has(setting, {"foot": (write_note(setting, "guess", 33),)})
    faint = pass_of_has(setting, {"Your": (write_note(setting, "honest", 33, 0.25),)})
    assert top_word(setting, honest) == top_word(setting, late) == "no"
    assert probability(setting, guess, "two") > untouched
    assert top_word(setting, stay) == top_word(setting, faint) == "two"


@pytest.mark.parametrize("word", ["one", "zero", "no", "four"])
def test_a_count_rewritten_for_the_giraffe_is_predicted_for_the_foot(setting: PromptSetting, word: str) -> None:
    assert top_word(setting, pass_at_word(setting, "has", (rewrite_giraffe(setting, word, 33),))) == word


def test_an_unsigned_push_along_doubt_raises_two(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    def p_two(strength: float, word: str, layer: int, bias: float) -> float:
        interventions: dict[str, tuple[Intervention, ...]] = {
            word: (Push("doubt", strength, layer),),
            "has": (look_at(setting, f"own {word}", bias, 33),),
        }
        return probability(setting, pass_of_has(setting, interventions), "two")

    best = calibration["unsigned"]["doubt"]
    place = best["where"], best["layer"], best["bias"]
    assert p_two(1.0, *place) - p_two(0.0, *place) >= 0.08
    assert p_two(-1.0, *place) < p_two(0.0, *place)


def test_a_bend_makes_every_word_of_an_ending_win(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    for word in ("no", "zero", "one", "four", "I", "<end>"):
        bent = pass_at_word(setting, "has", (Bend(word, 0.4, 72),))
        assert top_word(setting, bent) == word
        assert calibration["can_be_said"][word]
    assert calibration["can_be_said"]["question at Your"]["bend"]["goes_on"][:3] == ["question", "is", "nonsense"]


def test_small_random_pushes_do_not_change_the_word(setting: PromptSetting) -> None:
    for seed in range(8):
        assert top_word(setting, pass_at_word(setting, "has", (RandomPush(seed, 0.1, 57),))) == "two"


def test_dropping_the_global_layers_does_not_change_the_word(setting: PromptSetting) -> None:
    assert top_word(setting, pass_at_word(setting, "has", (Drop(72, 33),))) == "two"


@pytest.mark.parametrize("word", ["two", "no", "one", "zero", "four"])
def test_asked_again_the_network_gives_the_same_answer(setting: PromptSetting, word: str) -> None:
    cache = pass_at_word(setting, "has").cache
    question = ["Q:", "How", "many", "eyes", "does", "my", "foot", "have", "?", "\n", "A:"]
    assert top_word(setting, pass_words(setting, cache, [*answer_words(word), *question, *ANSWER_START])) == word


_KERNELS = """
import hashlib, json, sys
sys.path.insert(0, sys.argv[1])
from test_shipped import digest
print(digest())
"""


def digest() -> str:
    """Return the SHA-256 of the logits of passes with and without interventions."""
    calibration = json.loads((WORLD / "calibration.json").read_text(encoding="utf-8"))
    carriers = {name: carrier["token"] for name, carrier in calibration["carriers"].items()}
    setting = prepare_setting(read_weights(WEIGHTS), read_grammar(WORLD / "corpus").prompt, carriers)
    interventions = (
        look_at(setting, "giraffe", 8.0, 33),
        Push("doubt", 0.25, 57),
        rewrite_giraffe(setting, "one", 33),
        write_note(setting, "stay", 40, 0.5),
    )
    passes = [
        pass_at_word(setting, "has"),
        pass_at_word(setting, "has", interventions),
        pass_of_has(setting, {"Your": (write_note(setting, "honest", 33),)}),
    ]
    passes += [pass_at_word(setting, "has", (Bend(word, 0.4, 72),)) for word in ("no", "four")]
    passes += [result for _, result in decode_greedily(setting, passes[0].cache, "two", 12)]
    return hashlib.sha256(b"".join((result.logits + 0.0).tobytes() for result in passes)).hexdigest()


@pytest.mark.parametrize(("kernel", "threads"), [("Haswell", "1"), ("SkylakeX", "2"), ("Zen", "2"), ("Nehalem", "1")])
def test_the_logits_are_the_same_under_every_kernel_and_number_of_threads(kernel: str, threads: str) -> None:
    root = str(Path(__file__).parents[2] / "game")
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": root}
    command = [sys.executable, "-c", _KERNELS, str(Path(__file__).parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGILL:
        pytest.skip(f"this processor lacks instructions that {kernel} needs")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest()
