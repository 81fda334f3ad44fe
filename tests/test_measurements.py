"""What texts show of a pass: each measurement on a pass with simple answers, and some on the flagship's."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import pytest

from building import FIRST_TOKEN_STATE, SCOPE, STATE, FakePass, distribution_of, tiny
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import ComputedPass, WrittenPass
from forward_pass.story.compile import compile_text
from forward_pass.story.distribution import Distribution, format_probability
from forward_pass.story.measurements import compile_measurement, log_likelihood, untouched_log_likelihood
from forward_pass.story.nodes import EMPTY
from forward_pass.story.state import Act, PassKey, State
from forward_pass.story.text_grammar import parse_text

AGAIN = ("\n", "\n", "Q:", "Why", "?")
HAS = PassKey(("foot", "has"), ((), (), ()))


def shown(source: str, state: State = STATE, fake: FakePass | None = None) -> str:
    return compile_text(parse_text(source, SCOPE))(state, fake or FakePass())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{p('two')} {percent('two')} {percent(\"two\")}", "0.11 11 11"),  # the last decoding: after a word and an act
        ("{p('two', 400)} {percent('two', 401)}", "0.06 11"),
        ("{p('two', 402)} {word(402)} {likeliest(402)}", "… … …"),  # not decoded yet
        ("{p(word)} {p(word, 400)} {p(word, 401)}", "0.05 0.84 0.05"),
        ("{p(likeliest)} {p(likeliest, 400)} {likeliest(400)}", "0.79 0.84 foot"),
        ("{p('zyzzyva')}", "0.00"),
        ("{now('two')} {now(likeliest)} {likeliest}", "0.17 0.73 foot"),
        ("{word} {word(400)} {word( 401 )} {word(399)} {sentence}", "has foot has … foot has"),
        ("{p('two', again)} {percent('two', again)} {likeliest(again)}", "0.42 42 foot"),
        ("{p(likeliest, again)}", "0.48"),
        ("{would(bend-no, 'two')} {would(lean)}", "0.18 foot"),
        ("{foreseen('face', 3)} {foreseen(word, 3)}", "0.30 0.70"),
        ("{lens('two')} {probe('nonsense')}", "0.05 +1.25"),
        ("{twice}", "0.5000000000000000"),
        ("{heed(start)} {heed(start, 401)} {heed(late, 405)}", "90.0 80.0 …"),
        ("{typed(1)} _", "Q: Why? Your _"),
    ],
)
def test_each_measurement_says_what_it_was_asked(source: str, expected: str) -> None:
    assert shown(source) == expected


def test_only_a_measurement_is_shown_as_one() -> None:
    with pytest.raises(TypeError, match="Text"):
        compile_measurement(EMPTY)


def test_before_a_word_was_drawn_an_ellipsis_stands_for_it() -> None:
    assert shown("{word} {word(400)} {p(word, 400)} {p(word)} [{sentence}]", FIRST_TOKEN_STATE) == "… … … 0.00 []"


def test_before_the_first_decoding_a_probability_is_of_the_pass_as_it_stands() -> None:
    assert shown("{p('two')} {now('two')}", FIRST_TOKEN_STATE) == "0.05 0.05"


def test_a_passage_is_run_over_the_words_so_far_with_their_acts_and_none_of_its_own() -> None:
    fake = FakePass()
    shown("{p('two', again)}", STATE, fake)
    assert fake.requested == [PassKey((*STATE.words, *AGAIN), (*STATE.acts, *((),) * 5))]


@pytest.mark.parametrize(("act", "layer"), [("lean", 6), ("bend-no", 9)])
def test_an_act_that_would_be_made_begins_where_a_choice_would_have_it_begin(act: str, layer: int) -> None:
    fake = FakePass()
    shown(f"{{would({act}, 'two')}}", STATE, fake)
    assert fake.requested == [PassKey(STATE.words, (*STATE.acts[:-1], (*STATE.acts[-1], Act(act, layer))))]


def test_what_follows_is_the_likeliest_each_time_and_typed_as_one_would() -> None:
    fake = FakePass()
    assert shown("{onward(3)}", STATE, fake) == "foot foot foot"
    assert [len(key.words) for key in fake.requested] == [2, 3, 4]
    assert shown("{onward(1, again)}") == "foot"
    late = STATE._replace(words=("foot",) * 9, acts=((),) * 10, token=409)
    assert shown("{onward(2)}", late) == "two two"


def test_what_followed_last_is_guessed_to_follow_again() -> None:
    class Guessing(FakePass):
        def read_ahead(self, key: PassKey, words: tuple[str, ...]) -> None:
            guesses.append((key, words))

    guesses: list[tuple[PassKey, tuple[str, ...]]] = []
    text = compile_text(parse_text("{onward(3)}", SCOPE))
    assert [text(STATE, Guessing()) for _ in range(2)] == ["foot foot foot"] * 2
    assert guesses == [(STATE.key, ()), (STATE.key, ("foot",) * 3)]


def test_what_follows_ends_with_the_document() -> None:
    class Ending(FakePass):
        def distribution(self, key: PassKey) -> Distribution:
            del key
            return distribution_of({"<end>": 0.9, "two": 0.1})

    assert shown("{onward(9)}", STATE, Ending()) == "<end>"


def test_the_words_drawn_are_scored_by_the_passes_that_drew_them_and_by_untouched_ones() -> None:
    touched, untouched = log(0.84) + log(0.05), log(0.85) + log(0.05)
    assert shown("{likelihood} {untouched}") == f"{touched:.2f} {untouched:.2f}"
    assert shown("{likelihood}", FIRST_TOKEN_STATE) == "0.00"
    assert log_likelihood(FakePass(), STATE.key) == pytest.approx(touched)
    assert untouched_log_likelihood(FakePass(), STATE.words) == pytest.approx(untouched)


def test_where_words_are_written_nothing_is_predicted_for_the_prompt_and_nothing_recomputed() -> None:
    written = WrittenPass(tiny())
    with pytest.raises(Exception, match="Tiny has no model: there is no prediction for position 3"):
        written.prompt_prediction(3)
    with pytest.raises(Exception, match="Tiny has no model: there is no pass to recompute"):
        written.recompute_error(FIRST_TOKEN_STATE.key, 3)


# -- on the flagship's pass


@pytest.fixture(scope="module")
def computed() -> ComputedPass:
    world = open_world("forward-pass")
    return ComputedPass(world, Path(world.folder) / str(world.model))


def test_a_prediction_for_the_prompt_is_that_of_a_pass_over_the_whole_prompt(computed: ComputedPass) -> None:
    from forward_pass.network.model import prefill  # noqa: PLC0415 - NumPy comes with the first pass

    world = computed.world
    logits = prefill(computed.weights, [computed.weights.ids[word] for word in world.prompt]).logits
    for position in (3, 223, 395):
        expected = Distribution(computed.vocabulary, logits[position - 2].tolist(), computed.weights.ids)
        assert computed.prompt_prediction(position).p("face") == pytest.approx(expected.p("face"), abs=1e-9)
        assert computed.prompt_prediction(position) is computed.prompt_prediction(position)
    assert world.prompt[394] == "foot"


def test_the_attention_of_a_whole_token_is_one_and_is_shared_among_spans(computed: ComputedPass) -> None:
    shares = computed.attention(HAS, 1_000_000)
    assert sum(shares) == pytest.approx(1)
    assert len(shares) == len(computed.world.prompt) + 2


def test_a_pass_run_twice_is_the_same_to_the_last_place(computed: ComputedPass) -> None:
    text = compile_text(parse_text("{twice}", SCOPE))
    acts = (Act("look-giraffe", 36), Act("doubt", 57))
    assert text(STATE._replace(layer=60, acts=((), (), acts)), computed) == "0.0000000000000000"


def test_a_pass_is_recomputed_whatever_is_cached_of_it(computed: ComputedPass, monkeypatch: pytest.MonkeyPatch) -> None:
    from forward_pass.network.computation import Computation  # noqa: PLC0415 - NumPy comes with the first pass

    run_pass, keys = Computation.run_pass, []

    def counted(self: Computation, key: PassKey, cache: Any, **options: Any) -> Any:
        keys.append(key)
        return run_pass(self, key, cache, **options)

    computed.run_pass(HAS)
    monkeypatch.setattr(Computation, "run_pass", counted)
    assert computed.recompute_error(HAS, 50) == 0
    assert keys == [HAS, HAS]


def test_the_question_asked_again_is_answered_from_what_was_said(computed: ComputedPass) -> None:
    question = "\n\nQ: How many eyes does my foot have?\nA: Your foot has"
    text = compile_text(parse_text("{p('two', again)}", SCOPE._replace(continuations={"again": question})))
    words = ("foot", "has", "two", "eyes", ".")
    state = STATE._replace(token=computed.world.first_token + 5, layer=32, words=words, acts=((),) * 6)
    assert text(state, computed) == format_probability(0.946)
