"""What the flagship's scenes, endings and glossary say in words of the pass underneath, measured again on the weights."""

from __future__ import annotations

import pytest

from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import ComputedPass
from forward_pass.story.distribution import format_probability
from forward_pass.story.state import Act, PassKey

WHOLE = 1_000_000
HAS = ("foot", "has")


@pytest.fixture(scope="module")
def computed() -> ComputedPass:
    world = open_world("forward-pass")
    return ComputedPass(world, world.folder / str(world.model))


def chance(computed: ComputedPass, word: str, words: tuple[str, ...] = HAS, **acts: tuple[Act, ...]) -> float:
    """Return the chance of a word after some, with acts by the name of the token: ``your``, ``foot``, ``has``."""
    return computed.distribution(made(words, **acts)).p(word)


def made(words: tuple[str, ...] = HAS, **acts: tuple[Act, ...]) -> PassKey:
    """Return the pass after some words, with acts by the name of the token at which they are made."""
    tokens = ("your", "foot", "has", "count", "eyes", "stop")[: len(words) + 1]
    return PassKey(words, tuple(acts.get(token, ()) for token in tokens))


def test_left_to_itself_the_one_above_has_the_word_by_its_second_step_and_takes_some_of_it_back(computed: ComputedPass) -> None:
    boundary = computed.world.boundary
    at = {step: computed.lens(made(), boundary + step) for step in (2, 4, 24)}
    assert at[2].best == "two"
    assert 0.75 < at[4].p("two") < 0.8
    assert at[24].p("two") < at[4].p("two") - 0.03


def test_what_will_be_said_is_nowhere_on_the_stream_before_the_stair(computed: ComputedPass) -> None:
    for layer in (64, 66, 68):
        lens = computed.lens(made(()), layer)
        assert lens.p("foot") < 0.01
        assert lens.likeliest(1)[0][1] < 0.02


def test_neither_the_giraffe_nor_half_a_doubt_is_enough_and_together_they_are(computed: ComputedPass) -> None:
    look, doubt = Act("look-giraffe", 35), Act("doubt", 60)
    assert chance(computed, "no", has=(look,)) < chance(computed, "two", has=(look,))
    assert chance(computed, "no", has=(doubt,)) < chance(computed, "two", has=(doubt,))
    assert chance(computed, "no", has=(look, doubt)) > chance(computed, "two", has=(look, doubt))
    assert chance(computed, "two") - chance(computed, "two", has=(look,)) == pytest.approx(0.07, abs=0.01)


def test_nor_the_one_who_was_awake_and_he_brings_no_up_to_a_third(computed: ComputedPass) -> None:
    look, doubt = Act("look-clerk", 35), Act("doubt", 60)
    assert chance(computed, "no", has=(look,)) == pytest.approx(1 / 3, abs=0.01)
    assert chance(computed, "no", has=(look, doubt)) > chance(computed, "two", has=(look, doubt))


def test_an_unsigned_doubt_stared_at_is_read_backwards_and_an_unsigned_agreement_too(computed: ComputedPass) -> None:
    stare = (Act("stare-your", 33),)
    bare = chance(computed, "two", has=stare)
    assert chance(computed, "no", has=stare) > bare
    assert chance(computed, "two", your=(Act("doubt-whole", 57),), has=stare) > bare + 0.2
    assert chance(computed, "no", your=(Act("agree", 57),), has=stare) > 0.75


def test_a_faint_note_is_looked_at_half_as_much_as_no_note(computed: ComputedPass) -> None:
    your = computed.world.spans["your"]

    def heed(*acts: Act) -> float:
        return sum(computed.attention(made(your=acts), WHOLE)[slice(*your)])

    blank = heed()
    assert heed(Act("note-faint", 41)) == pytest.approx(blank / 2, rel=0.1)
    assert heed(Act("note-honest", 41)) > 1.4 * blank


def test_a_faint_note_stared_at_is_read_and_otherwise_is_not(computed: ComputedPass) -> None:
    faint = (Act("note-faint", 41),)
    assert chance(computed, "two", your=faint) > 0.5
    assert chance(computed, "no", your=faint, has=(Act("stare-your", 33),)) > 0.8


def test_stepping_aside_leaves_the_word_and_three_tenths_of_the_certainty(computed: ComputedPass) -> None:
    without = computed.distribution(made(has=(Act("drop-self", 34),)))
    assert without.best == "two"
    assert chance(computed, "two") - without.p("two") == pytest.approx(0.33, abs=0.02)


def test_a_giraffe_with_no_eyes_of_hers_gives_the_foot_zero_nine_times_in_ten(computed: ComputedPass) -> None:
    assert chance(computed, "zero", has=(Act("giraffe-zero", 37),)) == pytest.approx(0.9, abs=0.01)


def test_a_doubt_is_too_soon_below_layer_53(computed: ComputedPass) -> None:
    assert chance(computed, "foot", (), your=(Act("early-doubt", 37),)) == pytest.approx(chance(computed, "foot", ()), abs=0.01)
    assert computed.distribution(made((), your=(Act("shout", 59),))).best == "no"


def test_half_a_doubt_makes_one_in_seven_nearly_a_third(computed: ComputedPass) -> None:
    assert chance(computed, "no") == pytest.approx(1 / 7, abs=0.005)
    assert chance(computed, "no", has=(Act("doubt", 60),)) == pytest.approx(0.32, abs=0.01)


def test_no_other_words_of_the_prompt_were_so_little_expected_as_foot_and_waht(computed: ComputedPass) -> None:
    prompt = computed.world.prompt
    foreseen = {at: computed.prompt_prediction(at).p(prompt[at - 1]) for at in range(3, len(prompt) + 1)}
    least = sorted(foreseen, key=lambda at: foreseen[at])[:2]
    assert [prompt[at - 1] for at in least] == ["foot", "Waht"]
    assert least == [395, 223]
    assert format_probability(computed.prompt_prediction(395).p("face")) == "0.41"


def test_run_on_past_the_stop_it_asks_how_many_eyes_a_needle_has_and_is_right(computed: ComputedPass) -> None:
    key = made().followed_by("two", "eyes", ".")
    while len(key.words) < 24:
        key = key.followed_by(computed.distribution(key).best)
    assert " ".join(key.words[8:]) == "How many eyes does a needle have ? \n A: A needle has one eye ."


def test_with_the_giraffes_number_covered_two_is_still_said_and_with_half_a_doubt_it_is_not(computed: ComputedPass) -> None:
    cover, doubt = Act("cover", 35), Act("doubt", 60)
    covered = {word: chance(computed, word, has=(cover,)) for word in ("two", "no", "four")}
    assert covered["two"] < chance(computed, "two") - 0.2
    assert covered["two"] > covered["no"]
    assert covered["four"] > 4 * chance(computed, "four")
    assert chance(computed, "no", has=(cover, doubt)) > chance(computed, "two", has=(cover, doubt))
