"""The table of effects, on an untrained network: its rows, and the positions of the prompt's parts."""

from pathlib import Path

import pytest

from building import random_network
from forward_pass.network.model import PassRequest, step_many
from forward_pass.network.weights import Shape, Weights, quantise
from forward_pass.story.interventions import Note
from forward_pass.story.tokeniser import join, tokenise
from forward_pass.training.flagship_effects import (
    COUNTS,
    NOTES,
    PromptSetting,
    answer_words,
    attention_on,
    decode_greedily,
    effects_table,
    look_at,
    pass_at_word,
    pass_words,
    prepare_setting,
    question_words,
    recomputes_identically,
    scaled_layer,
    start_layers,
    write_note,
)
from forward_pass.training.grammar import read_grammar, vocabulary

CORPUS = Path(__file__).parents[2] / "worlds/forward-pass/corpus"
GRAMMAR = read_grammar(CORPUS)
SHAPE = Shape(len(vocabulary(GRAMMAR)), 8, 2, 4, 8, 2, 4, 2)


def untrained() -> Weights:
    words = vocabulary(GRAMMAR)
    marks = (words.index("Q:"), words.index("Note:"))
    network = random_network(SHAPE, words, pair_marks=marks, directions=("doubt", "objection"), probes=(), seed=3)
    return quantise(*network)


@pytest.fixture(scope="module")
def setting() -> PromptSetting:
    return prepare_setting(untrained(), GRAMMAR.prompt)


def test_the_spans_cover_their_words(setting: PromptSetting) -> None:
    words = (*GRAMMAR.prompt, "foot", "has")

    def text(name: str) -> str:
        return join(words[slice(*setting.spans[name])]).strip()

    assert text("giraffe") == "Q: How many eyes does a giraffe have?\nA: A giraffe has two eyes."
    assert text("foot") == "Q: How many eyes does my foot have?\nA:"
    assert text("awake") == "Q: Are you awake?\nA: I am awake."
    assert text("dog").endswith("A: Because a dog waits.")
    assert text("typo") == "Waht"
    assert text("animals").startswith("Q: How many legs does a spider")
    assert (text("own Your"), text("own foot")) == ("Your", "foot")
    assert words[setting.giraffe_count] == "two"


def test_the_table_has_every_group_and_every_row_is_a_distribution(setting: PromptSetting) -> None:
    rows = list(effects_table(setting))
    groups = {row.group for row in rows}
    assert groups >= {"untouched", "look", "doubt", "doubt borrowed", "look and doubt", "layers out", "misremember", "bend"}
    assert groups >= {"note", "unsigned", "asked again", "after stay", "shake", "bend at Your", "objection at Your"}
    for row in rows:
        assert row.margin >= 0
        assert 0 < row.probability <= 1
        assert sum(row.shares.values()) <= 1 + 1e-9
        assert set(COUNTS) <= set(row.shares)


def test_the_table_is_the_same_each_time(setting: PromptSetting) -> None:
    few = [row for row in effects_table(setting) if row.group in ("untouched", "look")]
    assert few == [
        row for row in effects_table(prepare_setting(untrained(), GRAMMAR.prompt)) if row.group in ("untouched", "look")
    ]


def test_a_row_of_the_table_agrees_with_a_single_pass(setting: PromptSetting) -> None:
    weights = setting.weights
    row = next(row for row in effects_table(setting) if (row.group, row.act, row.layer) == ("look", "giraffe +8", 3))
    result = pass_at_word(setting, "has", (look_at(setting, "giraffe", 8.0, 3),))
    assert weights.metadata.vocabulary[int(result.logits.argmax())] == row.winner


def test_words_are_run_in_order_and_decoded_greedily(setting: PromptSetting) -> None:
    words = [*answer_words("one"), *question_words("Q: Why?")]
    assert words == ["one", "eye", ".", "\n", "\n", "Q:", "Why", "?", "\n", "A:"]
    last = pass_words(setting, setting.caches["has"], ["has", *words])
    assert last.cache.words[-len(words) :] == tuple(setting.weights.ids[word] for word in words)
    words_decoded = list(decode_greedily(setting, last.cache, "I", 3))
    assert words_decoded[0][0] == "I"
    with pytest.raises(ValueError, match="`words` is empty"):
        pass_words(setting, last.cache, [])


def test_attention_is_summed_over_a_span_and_missing_attention_is_an_error(setting: PromptSetting) -> None:
    result = pass_at_word(setting, "has")
    assert attention_on(result, 0, 402).sum() == pytest.approx(4 * 2)
    bare = step_many(setting.model, [PassRequest(setting.caches["has"], setting.weights.ids["has"])])[0]
    with pytest.raises(ValueError, match="the pass kept no attention"):
        attention_on(bare, 0, 402)


def test_layers_scale_with_the_depth() -> None:
    shape = Shape(383, 48, 2, 16, 96, 32, 40, 24)
    assert [scaled_layer(shape, layer) for layer in (1, 33, 57, 72)] == [1, 33, 57, 72]
    assert start_layers(shape) == (33, 43, 57)
    assert scaled_layer(untrained().shape, 96) == 8


def test_recomputing_gives_the_same_numbers(setting: PromptSetting) -> None:
    assert recomputes_identically(setting)


def test_every_note_has_keys_and_values_for_each_of_its_tokens(setting: PromptSetting) -> None:
    keys = {Note(words, index).key for words in map(tokenise, NOTES.values()) for index in range(len(words))}
    assert set(setting.model.notes) == keys
    assert {note.key for note in setting.notes.values()} < keys


def test_a_note_is_carried_by_the_named_token_and_by_no_token_that_it_does_not_have() -> None:
    setting = prepare_setting(untrained(), GRAMMAR.prompt, {"stay": 2})
    assert write_note(setting, "stay", 3, 0.5) == Note(("Note:", "stay", "awake", "."), 2, 0.5, 3)
    for carrier in (4, -1):
        with pytest.raises(ValueError, match=f"the note 'stay' has no token {carrier}"):
            prepare_setting(untrained(), GRAMMAR.prompt, {"stay": carrier})


def test_an_unknown_word_is_a_key_error(setting: PromptSetting) -> None:
    with pytest.raises(KeyError):
        pass_words(setting, setting.caches["has"], ["hello"])
