"""From logits to a word: ties, temperature, and the number that decides."""

from __future__ import annotations

from hashlib import sha256
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from building import distribution_of
from forward_pass.story.distribution import (
    Distribution,
    draw_word,
    format_nats,
    format_probability,
    greedy,
    sample,
    softmax,
    uniform_number,
)

LOGITS = st.lists(st.floats(-50, 50), min_size=1, max_size=20)


def distribution(**chances: float) -> Distribution:
    return distribution_of(chances)


# -- scoring


def test_probabilities_sum_to_one_and_keep_the_order_of_the_ids() -> None:
    two = distribution(two=0.66, one=0.3, no=0.04)
    assert two.probabilities == pytest.approx([0.66, 0.3, 0.04])
    assert two.p("one") == pytest.approx(0.3)


def test_a_word_that_the_vocabulary_has_not_has_no_probability_and_no_score() -> None:
    two = distribution(two=0.66, one=0.34)
    assert two.p("three") == 0.0
    with pytest.raises(KeyError):
        two.logprob("three")


def test_a_score_is_the_logarithm_of_the_probability() -> None:
    two = Distribution(("two", "one"), [7.0, 5.0])
    assert two.logprob("two") == pytest.approx(log(two.p("two")))
    assert two.logprob("one") == pytest.approx(5 - 7 - log(1 + exp(-2)))


def test_the_score_of_a_sentence_is_the_sum_of_its_words_scores() -> None:
    two, eyes = distribution(two=0.66, one=0.34), distribution(eyes=0.5, ears=0.5)
    assert two.logprob("two") + eyes.logprob("eyes") == pytest.approx(log(0.66 * 0.5))


def test_very_large_logits_overflow_nothing() -> None:
    large = Distribution(("two", "one"), [10_000.0, 9_999.0])
    assert large.p("two") == pytest.approx(1 / (1 + exp(-1)))
    assert large.logprob("one") == pytest.approx(-1 - log(1 + exp(-1)))
    assert softmax([0.0, -10_000.0]) == [1.0, 0.0]


def test_the_likeliest_come_first_and_ties_by_the_lower_id() -> None:
    tied = Distribution(("d", "c", "b", "a"), [1.0, 2.0, 1.0, 2.0])
    assert [word for word, _ in tied.likeliest(4)] == ["c", "a", "d", "b"]
    assert tied.likeliest(1) == [("c", tied.p("c"))]
    assert len(tied.likeliest(99)) == 4


def test_ids_that_were_worked_out_already_are_taken_as_they_are() -> None:
    ids = {"two": 1, "one": 0}
    assert Distribution(("one", "two"), [0.0, 1.0], ids).ids is ids
    assert Distribution(("one", "two"), [0.0, 1.0]).ids == {"one": 0, "two": 1}


def test_a_temperature_below_one_sharpens_and_above_one_flattens() -> None:
    cold, plain, hot = (softmax([1.0, 0.0], temperature)[0] for temperature in (0.5, 1.0, 2.0))
    assert cold > plain > hot > 0.5
    assert cold == pytest.approx(1 / (1 + exp(-2)))
    assert hot == pytest.approx(1 / (1 + exp(-0.5)))


@given(LOGITS, st.floats(1e-300, 1e300))
def test_at_any_temperature_the_probabilities_sum_to_one(logits: list[float], temperature: float) -> None:
    probabilities = softmax(logits, temperature)
    assert sum(probabilities) == pytest.approx(1)
    assert all(0 <= probability <= 1 for probability in probabilities)


# -- drawing


def test_the_greedy_take_the_largest_and_of_equals_the_lower_id() -> None:
    assert greedy([0.0, 3.0, 1.0]) == 1
    assert greedy([3.0, 1.0, 3.0]) == 0
    assert greedy([1.0, 3.0, 3.0, 3.0]) == 1


@given(LOGITS)
def test_the_greedy_never_leave_a_larger_one_behind(logits: list[float]) -> None:
    chosen = greedy(logits)
    assert logits[chosen] == max(logits)
    assert chosen == logits.index(max(logits))


@pytest.mark.parametrize(
    ("number", "index"),
    [(0.0, 0), (0.24, 0), (0.25, 2), (0.49, 2), (0.5, 3), (0.999, 3)],
)
def test_a_sample_is_the_first_id_whose_cumulated_probability_passes_the_number(number: float, index: int) -> None:
    assert sample([0.25, 0.0, 0.25, 0.5], number) == index


def test_where_rounding_leaves_the_sum_short_of_the_number_the_last_possible_id_is_drawn() -> None:
    assert sample([0.3, 0.3, 0.3, 0.0], 0.95) == 2


def test_the_number_is_the_first_53_bits_of_the_hash_of_seed_and_token() -> None:
    for seed, token in ((0, 400), (7, 401), (2**63, 1)):
        bits = f"{int.from_bytes(sha256(f'{seed}:{token}'.encode()).digest()):0256b}"
        assert uniform_number(seed, token) == int(bits[:53], 2) / 2**53


def test_the_number_is_the_same_on_every_machine() -> None:
    numbers = [uniform_number(seed, token) for seed, token in ((0, 400), (1, 400), (0, 401))]
    assert numbers == [0.5370034166399745, 0.8223976790843709, 0.8291073213805257]


@given(st.integers(0, 2**64), st.integers(1, 10**6))
def test_the_number_is_at_least_zero_and_below_one(seed: int, token: int) -> None:
    assert 0 <= uniform_number(seed, token) < 1


def test_at_temperature_zero_the_likeliest_is_drawn_whatever_the_seed() -> None:
    two = distribution(one=0.33, two=0.34, no=0.33)
    assert {draw_word(two, 0, seed, 400) for seed in range(50)} == {"two"}


def test_above_zero_the_seed_and_the_token_decide_and_nothing_else() -> None:
    two = distribution(two=0.5, one=0.3, no=0.2)
    numbers = [uniform_number(seed, 400) for seed in range(200)]
    expected = ["two" if number < 0.5 else "one" if number < 0.8 else "no" for number in numbers]
    assert [draw_word(two, 1.0, seed, 400) for seed in range(200)] == expected
    assert [draw_word(two, 1.0, seed, 401) for seed in range(200)] != expected


# -- showing


@pytest.mark.parametrize(
    ("probability", "shown"),
    [
        (0.0, "0.00"),
        (0.000001, "0.00"),
        (0.00006, "0.0001"),
        (0.0021, "0.002"),
        (0.004, "0.004"),
        (0.006, "0.01"),
        (0.664, "0.66"),
        (0.994, "0.99"),
        (0.996, "0.996"),
        (0.9996, "0.9996"),
        (0.99996, "1.00"),
        (1.0, "1.00"),
    ],
)
def test_a_probability_is_shown_as_certain_or_impossible_only_where_four_places_say_so(probability: float, shown: str) -> None:
    assert format_probability(probability) == shown


@pytest.mark.parametrize(("log_likelihood", "shown"), [(-0.004, "0.00"), (0.0, "0.00"), (-0.006, "-0.01"), (-8.856, "-8.86")])
def test_a_log_likelihood_of_next_to_nothing_has_no_minus(log_likelihood: float, shown: str) -> None:
    assert format_nats(log_likelihood) == shown
