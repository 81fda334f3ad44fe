"""What a text can show of a pass: the nodes that it is read as, and what is refused, at which character."""

from __future__ import annotations

import pytest

from building import SCOPE
from forward_pass.story.grammar import ExpressionError
from forward_pass.story.measurement_grammar import parse_measurement
from forward_pass.story.nodes import (
    At,
    Attention,
    Continuation,
    DrawnWord,
    LensProbability,
    Likeliest,
    Measurement,
    Pick,
    Probability,
    ProbeScore,
    PromptLine,
    PromptPrediction,
    Summary,
    Would,
)
from forward_pass.story.text_grammar import parse_text

AGAIN = ("\n", "\n", "Q:", "Why", "?")


@pytest.mark.parametrize(
    ("source", "node"),
    [
        ("p('two')", Probability("two", At(), percent=False)),
        (' p ( "two" ) ', Probability("two", At(), percent=False)),
        ("percent('two', 402)", Probability("two", At(token=402), percent=True)),
        ("p(word, 400)", Probability(Pick("word"), At(token=400), percent=False)),
        ("p(likeliest, again)", Probability(Pick("likeliest"), At(passage=AGAIN), percent=False)),
        ("now('two')", Probability("two", At(now=True), percent=False)),
        ("lens('two')", LensProbability("two")),
        ("probe('nonsense')", ProbeScore("nonsense")),
        ("would(lean)", Would("lean", 0, "")),
        ("would(bend-no, 'no')", Would("bend-no", 9, "no")),
        ("foreseen('face', 3)", PromptPrediction("face", 3)),
        ("foreseen(word, 5)", PromptPrediction("Your", 5)),
        ("heed(start)", Attention(1, 3, 0)),
        ("heed(late, 403)", Attention(402, 403, 403)),
        ("onward(14)", Continuation(14, ())),
        ("onward(14, again)", Continuation(14, AGAIN)),
        ("likeliest", Likeliest(At(now=True))),
        ("likeliest(401)", Likeliest(At(token=401))),
        ("word", DrawnWord(0)),
        ("word(401)", DrawnWord(401)),
        ("typed(1)", PromptLine("Q: Why? Your")),
        (" sentence ", Summary("sentence")),
        ("likelihood", Summary("likelihood")),
        ("untouched", Summary("untouched")),
        ("twice", Summary("twice")),
    ],
)
def test_a_measurement_is_a_node(source: str, node: Measurement) -> None:
    assert repr(parse_measurement(source, 0, SCOPE)) == repr(node)  # nodes of different kinds can be equal as tuples


@pytest.mark.parametrize("source", ["reads", "visits(hall)", "p", "p 'two'", "(p('two'))", ""])
def test_anything_else_is_no_measurement(source: str) -> None:
    assert parse_measurement(source, 0, SCOPE) is None


@pytest.mark.parametrize(
    ("source", "offset", "code", "message"),
    [
        (
            "a {p(two)}",
            5,
            "E102",
            "'p' takes a word in quotes, word or likeliest, then optionally a token or a continuation, and ",
        ),
        ("a {p()}", 5, "E102", "'p' takes "),
        ("a {p('two', 402, 403)}", 16, "E102", "'p' takes "),
        ("a {p('two', 399)}", 11, "E206", "the tokens of this world are 400 to 405, not 399"),
        ("a {p('two', agan)}", 11, "E103", "unknown continuation 'agan'"),
        ("a {p('two', 'again')}", 11, "E103", "the continuation again stands without quotes"),
        ("a {p(word, again)}", 5, "E106", "no word is drawn after a continuation: use 'likeliest' instead"),
        ("a {now('two', 402)}", 3, "E102", "'now' takes a word in quotes, word or likeliest: now('two')"),
        ("a {lens(word)}", 3, "E103", "invalid argument of 'lens'; use lens('two')"),
        ("a {probe('sense')}", 3, "E103", "invalid argument of 'probe'; use probe('nonsense')"),
        ("a {would(bend-now)}", 9, "E103", "unknown act 'bend-now'"),
        ("a {would(lean, two)}", 14, "E102", "'would' takes an act, then optionally a word in quotes"),
        ("a {foreseen('face', 2)}", 19, "E206", "expected a position of the prompt from 3 to 5, found 2"),
        ("a {foreseen('face', six)}", 19, "E206", "expected a position of the prompt from 3 to 5, found six"),
        ("a {foreseen(likeliest, 3)}", 12, "E102", "'foreseen' takes a word in quotes, or word, and a position"),
        ("a {heed(stat)}", 8, "E103", "unknown span 'stat'"),
        ("a {heed(start, again)}", 14, "E102", "'heed' takes a span, then optionally a token"),
        ("a {heed(start, 499)}", 14, "E206", "the tokens of this world are 400 to 405, not 499"),
        ("a {heed(late, 402)}", 8, "E106", "the span 'late' ends at position 403, after token 402"),
        ("a {onward(61)}", 10, "E206", "expected a number of words from 1 to 60, found 61"),
        ("a {onward(two)}", 10, "E206", "expected a number of words from 1 to 60, found two"),
        ("a {likeliest(nobody)}", 13, "E103", "unknown continuation 'nobody'"),
        ("a {p('two', again, without lean)}", 18, "E102", "'p' takes a word in quotes, word or likeliest"),
        ("a {p('two', 402, lean)}", 16, "E102", "'p' takes a word in quotes, word or likeliest"),
        ("a {p('two', 402, without leap)}", 16, "E103", "unknown act 'leap'"),
        ("a {worth(leap)}", 9, "E103", "unknown act 'leap'"),
        ("a {word(two)}", 8, "E102", "'word' takes a token: word(402)"),
        ("a {typed(0)}", 9, "E206", "the prompt has lines 1 to 1, not 0"),
        ("a {typed(2)}", 9, "E206", "the prompt has lines 1 to 1, not 2"),
        ("a {typed(last)}", 9, "E206", "the prompt has lines 1 to 1, not last"),
    ],
)
def test_a_measurement_is_refused_at_the_character_that_is_wrong(source: str, offset: int, code: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_text(source, SCOPE)
    assert (caught.value.offset, caught.value.code) == (offset, code)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("source", "unknown", "known"),
    [("{p('two', agan)}", "agan", "again"), ("{would(bend-now)}", "bend-now", "bend-no"), ("{heed(stat)}", "stat", "start")],
)
def test_an_unknown_name_comes_with_the_known_ones(source: str, unknown: str, known: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_text(source, SCOPE)
    assert caught.value.unknown == unknown
    assert known in caught.value.known[0]


@pytest.mark.parametrize(
    "head",
    ["now('two')", "likeliest", "p(likeliest)", "would(lean)", "heed(start)", "lens('two')", "probe('nonsense')", "twice"],
)
def test_at_an_ending_no_pass_is_under_way(head: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_text(f"{{{head}}}", SCOPE._replace(ending=True))
    assert (caught.value.offset, caught.value.code) == (1, "E106")
    assert caught.value.message == "no pass is running at an ending; use p('two') for the last decoding"


@pytest.mark.parametrize(
    "source", ["{p('two', 402)}", "{onward(3)}", "{heed(start, 401)}", "{foreseen('face', 3)}", "{likeliest(again)}"]
)
def test_what_is_over_can_be_measured_at_an_ending(source: str) -> None:
    assert parse_text(source, SCOPE._replace(ending=True))


@pytest.mark.parametrize(
    ("form", "head"),
    [
        ("would", "would(lean)"),
        ("foreseen", "foreseen('face', 3)"),
        ("heed", "heed(start)"),
        ("onward", "onward(3)"),
        ("lens", "lens('two')"),
        ("probe", "probe('nonsense')"),
        ("twice", "twice"),
    ],
)
def test_where_words_are_written_there_is_no_model_to_measure(form: str, head: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_text(f"{{{head}}}", SCOPE._replace(probes=None))
    assert caught.value.message == f"{form!r} needs a model, and this world has none"
