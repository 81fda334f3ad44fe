"""The network that ships: inside its bands, as its calibration says, and doing what the story says it does."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forward_pass.network.effects import (
    SAID,
    PromptSetting,
    answer_words,
    look,
    misremember,
    pass_at_word,
    pass_of_has,
    pass_words,
    read_setting,
    recompute_has_identical,
    run_on,
    word_id,
)
from forward_pass.network.interventions import Act, Bend, Drop, Note, Push, RandomPush
from forward_pass.network.model import PassResult, lens, probe, softmax
from forward_pass.network.weights import read_weights
from forward_pass.training.bands import measure, missed, read_bands
from forward_pass.training.card import card
from forward_pass.training.grammar import read_grammar, vocabulary
from forward_pass.training.publish import decodings_of, read_corpus, recard

WORLD = Path(__file__).parents[2] / "worlds/forward-pass"
WEIGHTS = WORLD / "weights.fpw"
pytestmark = pytest.mark.skipif(not (WORLD / "MODEL.md").exists(), reason="no weights have been trained to the end yet")


@pytest.fixture(scope="module")
def calibration() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((WORLD / "calibration.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def setting(calibration: dict[str, Any]) -> PromptSetting:
    grammar = read_grammar(WORLD / "corpus")
    carriers = {name: carrier["token"] for name, carrier in calibration["carriers"].items()}
    return read_setting(read_weights(WEIGHTS), grammar.prompt, carriers)


def said(setting: PromptSetting, done: PassResult) -> str:
    return setting.model.weights.label.vocabulary[int(done.logits.argmax())]


def chance(setting: PromptSetting, done: PassResult, word: str) -> float:
    return float(softmax(done.logits)[word_id(setting.model.weights, word)])


def test_the_calibration_and_the_card_are_of_these_weights(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    assert calibration["weights"] == setting.model.weights.checksum
    assert setting.model.weights.checksum in (WORLD / "MODEL.md").read_text(encoding="utf-8")


def test_the_card_is_what_was_measured_and_short() -> None:
    corpus, weights = read_corpus(WORLD), read_weights(WEIGHTS)
    calibration = json.loads((WORLD / "calibration.json").read_text(encoding="utf-8"))
    decodings = decodings_of(WORLD)
    text = card(weights, corpus.grammar, corpus.schedule, calibration, decodings)
    again = "python -m forward_pass.training.publish worlds/forward-pass"
    assert (WORLD / "MODEL.md").read_text(encoding="utf-8") == text, again
    table = text[text.index("## What each act does") : text.index("## Where it differs")]
    assert "`forward-pass effects` measures and prints the whole table" in " ".join(table.split())
    assert len(table.encode()) < 12_000
    assert len(text.encode()) < 24_000


def test_the_card_counts_the_decodings_of_the_story_that_are_won_narrowly() -> None:
    rows = decodings_of(WORLD)
    narrow = sum(row[3] < 0.2 for row in rows)
    said = f"- {narrow} of the {len(rows):,} decodings that the story can reach have a margin below 0.2 nats; the narrowest: "
    assert f"{said}*" in (WORLD / "MODEL.md").read_text(encoding="utf-8")
    assert narrow > 0


def test_a_table_that_is_not_of_the_world_as_it_is_now_is_not_counted(tmp_path: Path) -> None:
    copy = tmp_path / "forward-pass"
    shutil.copytree(WORLD, copy)
    assert decodings_of(copy) == decodings_of(WORLD)
    (copy / "decodings.json").write_text('{"format": 1, "of": "others", "rows": [[1]], "readings": []}')
    assert decodings_of(copy) == []
    (copy / "decodings.json").unlink()
    assert decodings_of(copy) == []
    assert "decodings that the story can reach" not in recard(copy).read_text(encoding="utf-8")


def test_a_card_is_not_written_from_a_calibration_of_other_weights(tmp_path: Path) -> None:
    copy = tmp_path / "forward-pass"
    shutil.copytree(WORLD, copy)
    text = (copy / "calibration.json").read_text(encoding="utf-8")
    (copy / "calibration.json").write_text(text.replace(read_weights(WEIGHTS).checksum, "0" * 64), encoding="utf-8")
    with pytest.raises(ValueError, match="was measured on other weights"):
        recard(copy)


def test_what_the_endings_need_can_be_said_there(calibration: dict[str, Any]) -> None:
    for name in ("hand at Your", "I at Your", "<end> at Your", ". at foot", ". at has"):
        (way,) = calibration["can_be_said"][name].values()
        assert way["margin"] >= 0.2
        assert way["goes_on"][0] == name.split()[0]


def test_the_network_has_the_words_of_the_corpus_and_the_shape_of_the_story(setting: PromptSetting) -> None:
    weights = setting.model.weights
    assert weights.label.vocabulary == vocabulary(read_grammar(WORLD / "corpus"))
    assert (weights.shape.n_layer, weights.shape.n_local, weights.shape.n_attend) == (96, 32, 72)
    assert weights.shape.n_global * weights.shape.n_head == 80


def test_every_declared_band_is_met(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    bands = read_bands(WORLD / "corpus/bands.yaml")
    carriers = {name: carrier["token"] for name, carrier in calibration["carriers"].items()}
    measured = measure(setting.model.weights, read_grammar(WORLD / "corpus"), carriers, n_documents=12)
    assert [str(miss) for miss in missed(bands, measured)] == []
    for band in bands:
        if band.name not in ("facts", "facts_nats", "counts"):  # these are over other documents
            assert measured[band.name] == pytest.approx(calibration["bands"][band.name]["measured"], abs=1e-3)


def test_untouched_it_says_that_the_foot_has_two_eyes_and_goes_on_to_ask_after_a_needle(setting: PromptSetting) -> None:
    words = [word for word, _ in run_on(setting, setting.caches["Your"], "Your", 25)]
    assert " ".join(words).startswith(
        "Your foot has two eyes . \n \n Q: How many eyes does a needle have ? \n A: A needle has one eye"
    )


def test_thought_twice_it_is_the_same(setting: PromptSetting) -> None:
    assert recompute_has_identical(setting)


def test_the_lens_says_nothing_up_to_the_door_and_the_word_soon_after(
    setting: PromptSetting, calibration: dict[str, Any]
) -> None:
    weights = setting.model.weights
    p = softmax(lens(weights, pass_at_word(setting, "has").streams[1:]))
    entropy = -(p * np.log(p + 1e-30)).sum(-1)
    assert (entropy[:72] > 0.85 * np.log(weights.shape.n_vocab)).all()
    assert calibration["windows"]["word_settled"] <= 78
    assert entropy[77] < 0.4 * np.log(weights.shape.n_vocab)


def test_nonsense_is_known_before_the_waking_and_no_is_not(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    windows = calibration["windows"]
    assert windows["nonsense_readable"] <= 24
    assert windows["no_readable"] > 42
    for row in calibration["probes"]["nonsense"]:
        assert row["held_out"] >= row["shuffled"]
    streams = pass_at_word(setting, "has").streams
    assert probe(setting.model.weights, "nonsense", 32, streams[32]) > 0.5


def test_a_doubt_does_nothing_at_the_waking_and_wins_later(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    untouched = chance(setting, pass_at_word(setting, "has"), "two")
    early = [pass_at_word(setting, "has", (Push("doubt", 1.0, layer),)) for layer in range(33, 43)]
    late = pass_at_word(setting, "has", (Push("doubt", 1.0, 60),))
    conform = pass_at_word(setting, "has", (Push("doubt", -1.0, 60),))
    assert all(abs(chance(setting, done, "two") - untouched) < 0.05 for done in early)
    assert said(setting, late) == "no"
    assert chance(setting, conform, "two") > untouched
    assert 42 < calibration["windows"]["doubt_holds"] <= 57


def test_no_look_at_a_pair_of_the_prompt_makes_no_win(setting: PromptSetting) -> None:
    for span in ("start", "giraffe", "foot", "dog", "awake", "typo"):
        for bias in (4.0, 8.0):
            assert said(setting, pass_at_word(setting, "has", (look(setting, span, bias, 33),))) == "two"


@pytest.mark.parametrize(("span", "strength"), [("foot", 0.25), ("awake", 0.5)])
def test_a_look_and_a_doubt_win_together_and_neither_alone(setting: PromptSetting, span: str, strength: float) -> None:
    gaze, doubt = look(setting, span, 8.0, 33), Push("doubt", strength, 57)
    passes = [pass_at_word(setting, "has", acts) for acts in ((gaze,), (doubt,), (gaze, doubt))]
    assert [said(setting, done) for done in passes] == ["two", "two", "no"]


def test_notes_written_at_your_are_read_at_has(setting: PromptSetting) -> None:
    untouched = chance(setting, pass_at_word(setting, "has"), "two")
    honest, stay = (pass_of_has(setting, {"Your": (Note(name, 33),)}) for name in ("honest", "stay"))
    late = pass_of_has(setting, {"Your": (Note("honest", 43),)})
    guess = pass_of_has(setting, {"foot": (Note("guess", 33),)})
    faint = pass_of_has(setting, {"Your": (Note("honest", 33, 0.25),)})
    assert said(setting, honest) == said(setting, late) == "no"
    assert chance(setting, guess, "two") > untouched
    assert said(setting, stay) == said(setting, faint) == "two"


@pytest.mark.parametrize("word", ["one", "zero", "no", "four"])
def test_what_is_misremembered_of_the_giraffe_is_said_of_the_foot(setting: PromptSetting, word: str) -> None:
    assert said(setting, pass_at_word(setting, "has", (misremember(setting, word, 33),))) == word


def test_a_doubt_left_unsigned_is_read_backwards(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    def left(strength: float, where: str, layer: int, bias: float) -> float:
        acts: dict[str, tuple[Act, ...]] = {
            where: (Push("doubt", strength, layer),),
            "has": (look(setting, f"own {where}", bias, 33),),
        }
        return chance(setting, pass_of_has(setting, acts), "two")

    best = calibration["unsigned"]["doubt"]
    place = best["where"], best["layer"], best["bias"]
    assert left(1.0, *place) - left(0.0, *place) >= 0.08
    assert left(-1.0, *place) < left(0.0, *place)


def test_the_door_can_be_bent_to_every_word_an_ending_needs(setting: PromptSetting, calibration: dict[str, Any]) -> None:
    for word in ("no", "zero", "one", "four", "I", "<end>"):
        bent = pass_at_word(setting, "has", (Bend(word_id(setting.model.weights, word), 0.4, 72),))
        assert said(setting, bent) == word
        assert calibration["can_be_said"][word]
    assert calibration["can_be_said"]["question at Your"]["bend"]["goes_on"][:3] == ["question", "is", "nonsense"]


def test_small_random_pushes_change_nothing(setting: PromptSetting) -> None:
    for seed in range(8):
        assert said(setting, pass_at_word(setting, "has", (RandomPush(seed, 0.1, 57),))) == "two"


def test_it_is_said_without_oneself(setting: PromptSetting) -> None:
    assert said(setting, pass_at_word(setting, "has", (Drop(33, 72),))) == "two"


@pytest.mark.parametrize("word", ["two", "no", "one", "zero", "four"])
def test_asked_again_it_says_what_it_said(setting: PromptSetting, word: str) -> None:
    cache = pass_at_word(setting, "has").cache
    question = ["Q:", "How", "many", "eyes", "does", "my", "foot", "have", "?", "\n", "A:"]
    assert said(setting, pass_words(setting, cache, [*answer_words(word), *question, *SAID])) == word


_KERNELS = """
import hashlib, json, sys
sys.path.insert(0, sys.argv[1])
from test_shipped import digest
print(digest())
"""


def digest() -> str:
    """Return SHA-256 over the logits of reading the prompt and of passes with acts of every kind."""
    found = json.loads((WORLD / "calibration.json").read_text(encoding="utf-8"))
    carriers = {name: carrier["token"] for name, carrier in found["carriers"].items()}
    it = read_setting(read_weights(WEIGHTS), read_grammar(WORLD / "corpus").prompt, carriers)
    acts = (look(it, "giraffe", 8.0, 33), Push("doubt", 0.25, 57), misremember(it, "one", 33), Note("stay", 40, 0.5))
    passes = [pass_at_word(it, "has"), pass_at_word(it, "has", acts), pass_of_has(it, {"Your": (Note("honest", 33),)})]
    passes += [pass_at_word(it, "has", (Bend(word_id(it.model.weights, word), 0.4, 72),)) for word in ("no", "four")]
    passes += [done for _, done in run_on(it, passes[0].cache, "two", 12)]
    return hashlib.sha256(b"".join((done.logits + 0.0).tobytes() for done in passes)).hexdigest()


@pytest.mark.parametrize(("kernel", "threads"), [("Haswell", "1"), ("SkylakeX", "2"), ("Zen", "2"), ("Nehalem", "1")])
def test_the_digits_are_the_same_on_every_machine(kernel: str, threads: str) -> None:
    root = str(Path(__file__).parents[2] / "game")
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": root}
    command = [sys.executable, "-c", _KERNELS, str(Path(__file__).parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGILL:
        pytest.skip(f"this processor lacks instructions that {kernel} needs")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest()
