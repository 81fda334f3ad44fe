"""What texts read of a pass: each form on a pass that says which question was put to it, and some on the real one."""

from __future__ import annotations

import json
from math import log
from pathlib import Path
from typing import Any

import pytest

from conftest import TINY, built
from forward_pass.cli import open_world
from forward_pass.network.passes import ComputedPass, WrittenPass
from forward_pass.story.distribution import Distribution, format_probability
from forward_pass.story.expressions import ExpressionError, Scope
from forward_pass.story.state import Act, Acts, Prior, State
from forward_pass.story.text import compile_text, parse_text

SCOPE = Scope(
    variables={},
    thresholds={},
    ids={"scene": {"hall": 0}, "choice": {}, "ending": {}, "act": {"bend-no": 0, "lean": 1}},
    boundary=9,
    probes=("nonsense",),
    prompt=("<doc>", "Q:", "Why", "?", "Your"),
    decoded=(400, 405),
    spans={"start": (1, 3), "late": (402, 403)},
    continuations={"again": "\n\nQ: Why?"},
)
STATE = State("hall", 402, 5, (), b"", b"", ("foot", "has"), ((Act("lean", 4),), (), ()), (), Prior())
FRESH = STATE._replace(token=400, words=(), acts=((Act("lean", 4),),))
AGAIN = ("\n", "\n", "Q:", "Why", "?")


class Pass(WrittenPass):
    """A pass that keeps what it was asked, and whose *two* is likelier the more words there are."""

    def __init__(self) -> None:
        super().__init__(built(TINY))
        self.asked: list[tuple[tuple[str, ...], Acts]] = []

    def distribution(self, words: tuple[str, ...], acts: Acts) -> Distribution:
        """Answer by the number of words: .05 for each, on top of .05."""
        assert len(acts) == len(words) + 1
        self.asked.append((words, acts))
        two = 0.05 * (len(words) + 1)
        rest = 0.9 - two
        return Distribution(("two", "foot", "has", "\n", "<end>"), [log(two), log(rest), log(0.05), log(0.03), log(0.02)])

    def prompt_prediction(self, position: int) -> Distribution:
        """Answer by the position."""
        return Distribution(("face", "Why"), [log(position / 10), log(1 - position / 10)])

    def recompute_error(self, words: tuple[str, ...], acts: Acts, layer: int) -> float:
        """Answer by the layer."""
        assert len(acts) == len(words) + 1
        return layer / 10

    def attention(self, words: tuple[str, ...], acts: Acts, layer: int) -> list[float]:
        """Look at the first positions only, the second the most; above any layer a little less."""
        assert len(acts) == len(words) + 1
        return [0.1, 0.6, 0.3 if layer < 100 else 0.2, *[0.0] * (398 + len(words))]


def shown(source: str, state: State = STATE, given: Pass | None = None) -> str:
    tree = json.loads(json.dumps(parse_text(source, SCOPE)))
    return compile_text(tree)(state, given or Pass())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{p('two')} {percent('two')}", "0.10 10"),  # the last decoding: after one word
        ("{p('two', 400)} {percent('two', 401)}", "0.05 10"),
        ("{p('two', 402)} {word(402)} {likeliest(402)}", "… … …"),  # not decoded yet
        ("{p(word)} {p(word, 400)} {p(word, 401)}", "0.05 0.85 0.05"),
        ("{p(likeliest, 400)} {likeliest(400)}", "0.85 foot"),
        ("{now('two')} {now(likeliest)} {likeliest}", "0.15 0.75 foot"),
        ("{word} {word(400)} {sentence}", "has foot foot has"),
        ("{p('two', again)} {percent('two', again)} {likeliest(again)}", "0.40 40 foot"),
        ("{p(likeliest, again)}", "0.50"),
        ("{would(bend-no, 'two')} {would(lean)}", "0.15 foot"),
        ("{foreseen('face', 3)} {foreseen(word, 3)}", "0.30 0.70"),
        ("{twice}", "0.5000000000000000"),
        ("{heed(start)} {heed(start, 401)} {heed(late, 405)}", "90.0 80.0 …"),
    ],
)
def test_each_form_says_what_it_was_asked(source: str, expected: str) -> None:
    assert shown(source) == expected


def test_what_was_not_yet_said_is_an_ellipsis() -> None:
    assert shown("{word} {word(400)} {p(word, 400)} {p(word)}", FRESH) == "… … … 0.00"
    assert shown("{p('two')}", FRESH) == "0.05"


def test_a_passage_is_run_over_the_words_so_far_with_their_acts_and_none_of_its_own() -> None:
    given = Pass()
    shown("{p('two', again)}", STATE, given)
    assert given.asked == [((*STATE.words, *AGAIN), (*STATE.acts, *((),) * 5))]


def test_an_act_that_would_be_made_begins_where_a_choice_would_have_it_begin() -> None:
    given = Pass()
    shown("{would(lean, 'two')}", STATE, given)
    assert given.asked == [(STATE.words, (*STATE.acts[:-1], (Act("lean", 6),)))]


def test_what_follows_is_the_likeliest_each_time_and_typed_as_one_would() -> None:
    given = Pass()
    assert shown("{onward(3)}", STATE, given) == "foot foot foot"
    assert [len(words) for words, _ in given.asked] == [2, 3, 4]
    assert shown("{onward(1, again)}") == "foot"
    late = STATE._replace(words=("foot",) * 9, acts=((),) * 10, token=409)
    assert shown("{onward(2)}", late) == "two two"


def test_a_line_of_the_prompt_is_told_as_it_was_typed() -> None:
    assert shown("{typed(1)} _") == "Q: Why? Your _"


def test_what_follows_ends_with_the_document() -> None:
    class Ending(Pass):
        def distribution(self, words: tuple[str, ...], acts: Acts) -> Distribution:
            """Say that it is over at once."""
            del words, acts
            return Distribution(("<end>", "two"), [log(0.9), log(0.1)])

    assert shown("{onward(9)}", STATE, Ending()) == "<end>"


@pytest.mark.parametrize(
    ("source", "offset", "code", "message"),
    [
        ("a {p(two)}", 5, "E102", "'p' takes a word in quotes, word or likeliest, then optionally a token or a continuation: "),
        ("a {p()}", 5, "E102", "'p' takes "),
        ("a {p('two', 402, 403)}", 3, "E102", "'p' takes "),
        ("a {p('two', 399)}", 11, "E206", "the tokens of this world are 400 to 405, not 399"),
        ("a {p('two', agan)}", 11, "E103", "unknown continuation 'agan'"),
        ("a {p('two', 'again')}", 11, "E103", "unknown continuation 'again'"),
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
        ("a {word(two)}", 8, "E102", "'word' takes a token: word(402)"),
        ("a {typed(0)}", 9, "E206", "the prompt has lines 1 to 1, not 0"),
        ("a {typed(2)}", 9, "E206", "the prompt has lines 1 to 1, not 2"),
        ("a {typed(last)}", 9, "E206", "the prompt has lines 1 to 1, not last"),
    ],
)
def test_a_reading_is_refused_where_it_is_wrong(source: str, offset: int, code: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_text(source, SCOPE)
    assert (caught.value.offset, caught.value.code) == (offset, code)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("source", "asked", "known"),
    [("{p('two', agan)}", "agan", "again"), ("{would(bend-now)}", "bend-now", "bend-no"), ("{heed(stat)}", "stat", "start")],
)
def test_a_name_asked_for_in_vain_comes_with_those_that_there_are(source: str, asked: str, known: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_text(source, SCOPE)
    assert caught.value.asked == asked
    assert known in caught.value.known[0]


@pytest.mark.parametrize(
    "source", ["{now('two')}", "{likeliest}", "{p(likeliest)}", "{would(lean)}", "{heed(start)}", "{lens('two')}", "{twice}"]
)
def test_at_an_ending_no_pass_is_under_way(source: str) -> None:
    with pytest.raises(ExpressionError, match="no pass is running at an ending"):
        parse_text(source, SCOPE._replace(ending=True))


@pytest.mark.parametrize(
    "source", ["{p('two', 402)}", "{onward(3)}", "{heed(start, 401)}", "{foreseen('face', 3)}", "{likeliest(again)}"]
)
def test_what_is_over_can_be_read_at_an_ending(source: str) -> None:
    assert parse_text(source, SCOPE._replace(ending=True))


@pytest.mark.parametrize(
    "source", ["{would(lean)}", "{foreseen('face', 3)}", "{heed(start)}", "{onward(3)}", "{lens('two')}", "{twice}"]
)
def test_where_words_are_written_nothing_is_read_of_layers(source: str) -> None:
    with pytest.raises(ExpressionError, match="needs a model, and this world has none"):
        parse_text(source, SCOPE._replace(probes=None))


def test_a_written_pass_expected_nothing() -> None:
    with pytest.raises(Exception, match="Tiny has no model: there is no prediction for position 3"):
        WrittenPass(built(TINY)).prompt_prediction(3)


def test_a_written_pass_is_not_thought_twice() -> None:
    with pytest.raises(Exception, match="Tiny has no model: there is no pass to recompute"):
        WrittenPass(built(TINY)).recompute_error((), ((),), 3)


# -- on the real pass


@pytest.fixture(scope="module")
def computed() -> ComputedPass:
    world = open_world("forward-pass")
    return ComputedPass(world, Path(world.folder) / str(world.model))


def test_what_was_foreseen_is_what_a_reading_of_the_whole_prompt_says(computed: ComputedPass) -> None:
    from forward_pass.network.model import prefill  # noqa: PLC0415 - NumPy comes with the first pass

    world = computed.world
    logits = prefill(computed.weights, [computed.ids[word] for word in world.prompt]).logits
    for position in (3, 223, 395):
        expected = Distribution(computed.vocabulary, logits[position - 2].tolist(), computed.ids)
        assert computed.prompt_prediction(position).p("face") == pytest.approx(expected.p("face"), abs=1e-9)
        assert computed.prompt_prediction(position) is computed.prompt_prediction(position)
    assert world.prompt[394] == "foot"


def test_the_attention_of_a_whole_token_is_one_and_is_shared_among_spans(computed: ComputedPass) -> None:
    shares = computed.attention(("foot", "has"), ((), (), ()), 1_000_000)
    assert sum(shares) == pytest.approx(1)
    assert len(shares) == len(computed.world.prompt) + 2


def test_a_pass_thought_twice_is_the_same_to_the_last_place(computed: ComputedPass) -> None:
    tree = parse_text("{twice}", SCOPE)
    done = (Act("look-giraffe", 36), Act("doubt", 57))
    state = State("", 402, 60, (), b"", b"", ("foot", "has"), ((), (), done), (), Prior())
    assert compile_text(tree)(state, computed) == "0.0000000000000000"


def test_thought_twice_the_pass_is_run_twice_whatever_is_remembered_of_it(
    computed: ComputedPass, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forward_pass.network import model  # noqa: PLC0415 - NumPy comes with the first pass

    step, ran = model.step, []

    def counted(*given: Any) -> model.PassResult:
        ran.append(given[2])
        return step(*given)

    computed.run_pass(("foot", "has"), ((), (), ()))
    monkeypatch.setattr(model, "step", counted)
    assert computed.recompute_error(("foot", "has"), (), 50) == 0
    assert ran == [computed.ids["has"]] * 2


def test_the_question_asked_again_is_answered_from_what_was_said(computed: ComputedPass) -> None:
    world = computed.world
    tree = parse_text(
        "{p('two', again)}",
        SCOPE._replace(continuations={"again": "\n\nQ: How many eyes does my foot have?\nA: Your foot has"}),
    )
    words = ("foot", "has", "two", "eyes", ".")
    state = State("", world.first_token + 5, 32, (), b"", b"", words, ((),) * 6, (), Prior())
    assert compile_text(tree)(state, computed) == format_probability(0.946)
