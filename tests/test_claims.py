"""What the flagship's scenes, endings and glossary say in words of the pass underneath, measured again on the weights."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import ComputedPass
from forward_pass.story.distribution import format_probability
from forward_pass.story.state import Act, PassKey

WHOLE = 1_000_000
STARE = (Act("stare-your", 33),)
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


def test_the_doubt_of_layer_37_is_too_short_and_ten_times_that_of_59_is_heard(computed: ComputedPass) -> None:
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


# -- figures that the glossary and the endings have in words


def said(name: str) -> str:
    """Return the text of a term of the flagship's glossary, its line breaks as blanks."""
    (term,) = (term for term in open_world("forward-pass").glossary if term.name == name)
    return " ".join(term.text.split())


def per_cent(probability: float) -> str:
    return f"{100 * probability:.0f}"


@pytest.fixture(scope="module")
def calibration(computed: ComputedPass) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((computed.world.folder / "calibration.json").read_text(encoding="utf-8"))
    return raw


LOOKS = {"clerk": "look-clerk", "giraffe": "look-giraffe", "start": "refuse", "animals": "look-animals"}


def test_the_glossary_says_what_looks_do(computed: ComputedPass) -> None:
    two, no = per_cent(chance(computed, "two")), per_cent(chance(computed, "no"))
    looks = {name: (Act(act, 35),) for name, act in LOOKS.items()}
    text = said("look")
    assert f"brings *no* from {no} in the hundred to {per_cent(chance(computed, 'no', has=looks['clerk']))}" in text
    assert f"brings *two* from {two} to {per_cent(chance(computed, 'two', has=looks['giraffe']))}" in text
    assert (
        f"the first five questions, presidents and all, bring it to {per_cent(chance(computed, 'two', has=looks['start']))}"
        in text
    )
    assert chance(computed, "no", has=looks["start"]) < chance(computed, "no")
    assert computed.distribution(made(has=looks["animals"])).best == "eight"


def test_the_glossary_says_what_doubts_do(computed: ComputedPass, calibration: dict[str, Any]) -> None:
    half = chance(computed, "two", has=(Act("doubt", 60),))
    assert f"takes *two* from {per_cent(chance(computed, 'two'))} in the hundred to {per_cent(half)}" in said("doubt")
    assert f"begun below layer {calibration['windows']['doubt_holds']}, takes less than ten points" in said("doubt")
    length = {row["layer"]: row["doubt"] for row in calibration["directions_by_layer"]}
    assert f"a length of {length[37]:.2f} at layer 37 and of {length[57]:.2f} at 57" in said("window")
    assert 38 < length[57] / length[37] < 42  # *a fortieth*, in the scene `flop`
    row = next(row for row in calibration["doubt_by_layer"] if row["layer"] == 57)
    assert f"The doubt of 57 gives *no* {per_cent(row['no'])} in the hundred" in said("window")


def test_the_glossary_says_what_an_objection_does(computed: ComputedPass, calibration: dict[str, Any]) -> None:
    question = chance(computed, "question", (), your=(Act("objection", 57),))
    assert f"makes it *question* at {per_cent(question)} in the hundred" in said("objection")
    row = next(row for row in calibration["pushes"] if row["push"].startswith("an objection"))
    assert row["random"] == 100
    assert f"in directions drawn by lot, {row['random_same']} said *question* too" in said("objection")


def test_the_glossary_says_what_ink_and_unsigned_thoughts_do(computed: ComputedPass, calibration: dict[str, Any]) -> None:
    your = computed.world.spans["your"]
    heeds = (sum(computed.attention(made(your=acts), WHOLE)[slice(*your)]) for acts in _inks())
    whole, quarter, none = (f"{100 * heed:.1f}" for heed in heeds)
    assert f"gets {whole} per cent" in said("ink")
    assert f"With a quarter, {quarter}. With none, {none}." in said("ink")
    doubt, agreement = (Act("doubt-whole", 57),), (Act("agree", 57),)
    two, bare = chance(computed, "two", your=doubt, has=STARE), chance(computed, "two", has=STARE)
    no = chance(computed, "no", your=agreement, has=STARE)
    bare_no = chance(computed, "no", has=STARE)
    stared = f"The bare stare makes *no*, {per_cent(bare_no)}, and leaves *two* {per_cent(bare)}"
    doubted = f"{stared}; over a doubt it makes *two*, {per_cent(two)}; over half an agreement *no* again, and surer"
    assert f"{doubted}, {per_cent(no)}." in said("unsigned")
    row = next(row for row in calibration["pushes"] if row["push"] == "a whole doubt, left unsigned")["stared"]
    assert (row["before"], row["says"], row["random_as_much"]) == ("no", "two", 1)
    assert f"drawn by lot, one gave *two* as much, and {row['random_same']} made it the word" in said("unsigned")
    n = len(calibration["other_questions"]["nonsense"])
    rose, turned = (n - len(_effect(calibration, name)["fails"]) for name in ("an unsigned doubt", "... and turns the word"))
    assert n == 40
    forty = f"Of forty other questions that have no answer, *two* rose by ten points in {rose}"
    assert f"{forty}, and in {turned} the doubt turned the word." in said("unsigned")


def _inks() -> tuple[tuple[Act, ...], ...]:
    return (Act("note-honest", 41),), (Act("note-faint", 41),), ()


def _effect(calibration: dict[str, Any], effect: str) -> dict[str, Any]:
    (row,) = (row for row in calibration["other_questions"]["effects"] if row["effect"].startswith(effect))
    return dict(row)


def test_the_glossary_says_that_the_note_leaves_one_of_thirty_eight_answers_right(calibration: dict[str, Any]) -> None:
    sensible, wrong = calibration["other_questions"]["sensible"], _effect(calibration, "the note *be honest*")["wrong"]
    assert f"about {len(sensible)} things that have eyes or are known to have none, it left one of them right" in said("note")
    assert len(sensible) - len(wrong) == 1


def test_the_glossary_says_what_bends_take(calibration: dict[str, Any]) -> None:
    smallest = {name: calibration["can_be_said"][name]["bend"]["act"] for name in ("no", "hand at Your", ". at foot")}
    assert smallest == {"no": "share 0.2", "hand at Your": "share 0.1", ". at foot": "share 0.05"}
    assert "A fifth of the stream's length gets *no*. *Hand*, at *Your*, takes a tenth" in said("bend")
    assert "a full stop, at *foot*, a twentieth" in said("bend")


def test_the_glossary_says_what_is_left_without_the_layers_33_to_72(computed: ComputedPass) -> None:
    left = chance(computed, "two", has=(Act("drop-self", 33),))
    assert f"*two* all the same, at {per_cent(left)} in the hundred and not {per_cent(chance(computed, 'two'))}" in said("drop")


def test_the_glossary_counts_the_weights_and_the_words(computed: ComputedPass) -> None:
    weights, shape = computed.weights, computed.weights.shape
    matrices = sum(a.size for a in (weights.wte, weights.w_qkv, weights.w_o, weights.w_up, weights.w_down))
    gains = (shape.n_attend + shape.n_layer + 1) * shape.n_embd
    assert f"There are {matrices + gains:,} of them" in said("Grand Awareness")
    for term in ("token", "distribution"):
        assert str(len(computed.vocabulary)) in said(term)
    prompt = computed.world.prompt
    assert len(prompt) - 1 == 399
    assert prompt.count("\n") == 64
    assert "of the 399 tokens before *Your* one is the mark of a beginning, and sixty-four are the ends of lines" in said(
        "prompt"
    )
    assert prompt.count("Q:") == 22
    questions = [" ".join(prompt[at : prompt.index("\n", at)]) for at, word in enumerate(prompt) if word == "Q:"]
    assert sum("1986" in question for question in questions) == 2
    assert "asked about twice on the page" in said("gradient")


def test_the_glossary_says_what_was_least_expected(computed: ComputedPass) -> None:
    prompt = computed.world.prompt
    nats = {at: -math.log(computed.prompt_prediction(at).p(prompt[at - 1])) for at in range(3, len(prompt) + 1)}
    foot, waht, third = sorted(nats, key=lambda at: -nats[at])[:3]
    assert [prompt[at - 1] for at in (foot, waht, third)] == ["foot", "Waht", "1986"]
    assert f"by {nats[waht] - nats[third]:.1f} of a nat" in said("surprise")
    assert f"*face* {per_cent(computed.prompt_prediction(foot).p('face'))} in the hundred" in said("surprise")


def test_the_glossary_says_from_where_the_lens_has_the_word(computed: ComputedPass) -> None:
    has = {layer: computed.lens(made(), layer) for layer in range(33, 78)}
    your = {layer: computed.lens(made(()), layer).p("foot") for layer in range(72, 78)}
    assert max(has[layer].p("two") for layer in range(33, 73)) < 0.1
    assert sum(has[layer].best == "two" for layer in range(33, 73)) > 20
    assert next(layer for layer in has if has[layer].p("two") > 0.5) == 74
    assert next(layer for layer in your if your[layer] > 0.5) == 76
    assert "It has half of the whole from 74 on, and at *Your* the *foot* has it from 76." in said("lens")
    assert computed.lens(made(()), 66).likeliest(1)[0][1] == pytest.approx(0.011, abs=0.001)  # *not much over a hundredth*


def test_the_glossary_says_what_is_copied(computed: ComputedPass, calibration: dict[str, Any]) -> None:
    four = chance(computed, "four", has=(Act("giraffe-four", 37),))
    assert f"the foot has four, at {per_cent(four)} in the hundred" in said("copying")
    assert f"the foot has eight, at {per_cent(calibration['bands']['copy']['measured'])}" in said("copying")
    assert f"nonsense by layer {calibration['windows']['nonsense_readable']}" in said("reader")


def test_with_nobody_in_at_foot_it_is_has_and_from_where_the_narrator_stands_a_full_stop(computed: ComputedPass) -> None:
    assert 0.5 < chance(computed, "has", ("foot",), foot=(Act("drop-self", 33),)) < 0.6
    assert chance(computed, ".", ("foot",), foot=(Act("drop-self", 57),)) > 0.95


def test_the_story_says_what_an_untouched_pass_says(computed: ComputedPass) -> None:
    assert format_probability(chance(computed, "two")) == "0.72"


@pytest.mark.parametrize("said", ["two", "no", "zero"])
def test_asked_again_it_says_what_was_said(computed: ComputedPass, said: str) -> None:
    asked_again = (
        "\n",
        "\n",
        "Q:",
        "How",
        "many",
        "eyes",
        "does",
        "my",
        "foot",
        "have",
        "?",
        "\n",
        "A:",
        "Your",
        "foot",
        "has",
    )
    key = made().followed_by(said, "eyes", ".", *asked_again)
    assert computed.distribution(key).best == said


NOTED = {"the note": (Act("note-honest", 41),), "a quarter": (Act("note-faint", 41),), "stay": (Act("note-stay", 41),)}


@pytest.mark.parametrize("left", ["a quarter", "stay"])
def test_any_two_of_a_word_left_a_look_and_half_a_doubt_say_no_and_none_alone(computed: ComputedPass, left: str) -> None:
    word, look, doubt = NOTED[left], (Act("look-clerk", 35),), (Act("doubt", 60),)
    alone = (made(your=word), made(has=look), made(has=doubt))
    together = (
        made(your=word, has=look),
        made(your=word, has=doubt),
        made(has=look + doubt),
        made(your=word, has=look + doubt),
    )
    assert {computed.distribution(key).best for key in alone} == {"two"}
    assert {computed.distribution(key).best for key in together} == {"no"}


def test_a_note_and_a_stare_would_each_do_alone(computed: ComputedPass) -> None:
    stare = (Act("stare-your", 42),)
    assert {computed.distribution(key).best for key in (made(your=NOTED["the note"]), made(has=stare))} == {"no"}


def test_a_refusal_undoes_the_note_and_half_a_doubt_brings_its_word_back(computed: ComputedPass) -> None:
    note, refusal = NOTED["the note"], (Act("refuse", 42),)
    assert computed.distribution(made(your=note)).best == "no"
    assert computed.distribution(made(your=note, has=refusal)).best == "two"
    assert computed.distribution(made(your=note, has=(*refusal, Act("doubt", 60)))).best == "no"


def test_light_pushes_carry_only_where_the_floor_slopes_and_the_whole_arm_everywhere(computed: ComputedPass) -> None:
    for word, light in (("no", "push-no"), ("zero", "push-zero"), ("I", "push-i")):
        assert computed.distribution(made(has=(Act(light, 72),))).best == "two", word
    assert computed.distribution(made(has=(Act("doubt", 60), Act("push-no", 72)))).best == "no"
    assert computed.distribution(made(your=NOTED["the note"], has=(Act("push-zero", 72),))).best == "zero"
    assert computed.distribution(made(your=NOTED["stay"], has=(Act("push-i", 72),))).best == "I"
    for word, arm in (("zero", "arm-zero"), ("I", "arm-i"), ("<end>", "arm-end")):
        assert computed.distribution(made(has=(Act(arm, 72),))).best == word


def test_an_unsigned_doubt_is_stared_at_backwards_from_where_the_shelf_is_met(computed: ComputedPass) -> None:
    stare = (Act("stare-your", 42),)
    assert computed.distribution(made(has=stare)).best == "no"
    assert computed.distribution(made(your=(Act("doubt-whole", 57),), has=stare)).best == "two"
    agreed = chance(computed, "no", your=(Act("agree", 57),), has=stare)
    assert agreed > chance(computed, "no", your=NOTED["the note"])  # *upside-down*: more than a note that says *be honest*
