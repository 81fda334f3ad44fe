"""Texts: what varies in them and how, and what they refuse, at which character."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import log
from typing import Any

import pytest

from conftest import TINY, built
from forward_pass.network.passes import WrittenPass
from forward_pass.story.distribution import Distribution
from forward_pass.story.expressions import ExpressionError, Scope, Variable
from forward_pass.story.state import Act, Acts, Prior, State
from forward_pass.story.text import compile_text, constant_text, parse_line, parse_text, spell_number

SCOPE = Scope(
    variables={
        "reads": Variable("reads", 0, 0, 99, 0),
        "hurried": Variable("hurried", 1, 0, 1, 0, flag=True),
        "mood": Variable("mood", 2, 0, 2, 0, words=("even", "quite odd", "curious")),
    },
    thresholds={"sure": 0},
    ids={"scene": {"hall": 0}, "choice": {}, "ending": {}, "act": {}},
    boundary=9,
    scene=0,
    probes=("nonsense",),
)
STATE = State("hall", 400, 5, (3, 1, 2), bytes((1,)), b"", (), ((),), (True,), Prior())
LATER = STATE._replace(token=402, words=("foot", "has"), acts=((Act("lean", 4),), (), ()))


class Pass(WrittenPass):
    """A pass that says which question was put to it: the chance of ``two`` tells the question apart."""

    def distribution(self, words: tuple[str, ...], acts: Acts) -> Distribution:
        """Answer with a chance for each length, and another where nothing was done."""
        assert len(acts) == len(words) + 1
        two = (0.1 if any(acts) else 0.2) + 0.1 * len(words)
        return Distribution(("two", "foot", "has"), [log(two), log(0.9 - two), log(0.1)])

    def lens(self, words: tuple[str, ...], acts: Acts, layer: int) -> Distribution:
        """Answer with a chance for each layer."""
        del words, acts
        return Distribution(("two", "one"), [log(layer / 100), log(1 - layer / 100)])

    def probe(self, words: tuple[str, ...], acts: Acts, layer: int, name: str) -> float:
        """Answer with a score for each layer."""
        assert (words, acts, name) == ((), ((),), "nonsense")
        return layer / 4


PASS = Pass(built(TINY))


def shown(source: str, state: State = STATE, parse: Callable[[str, Scope], Any] = parse_text) -> str:
    tree = json.loads(json.dumps(parse(source, SCOPE)))
    return compile_text(tree)(state, PASS)


def visited(count: int) -> State:
    return STATE._replace(visits=bytes((count,)))


def with_variables(*variables: int) -> State:
    return STATE._replace(variables=variables)


# -- paragraphs


def test_the_lines_of_a_paragraph_are_one_line_and_its_blanks_one_blank() -> None:
    assert shown("It   was\n\tlate,\nand dark.\n") == "It was late, and dark."


def test_paragraphs_are_parted_by_blank_lines_however_many() -> None:
    assert shown("\n\nOne.\n  \t\nTwo.\n\n\n\nThree.\n\n") == "One.\n\nTwo.\n\nThree."


def test_a_paragraph_that_is_indented_stands_as_it_is() -> None:
    assert shown("He read:\n\n    Q: Why?\n      A: Because  \n\nAnd that was it.") == (
        "He read:\n\n    Q: Why?\n      A: Because\n\nAnd that was it."
    )


def test_a_single_line_has_neither_paragraphs_nor_guards() -> None:
    assert shown("[sure] Go\n\non. {reads}", parse=parse_line) == "[sure] Go on. 3"


def test_a_text_without_anything_that_varies_is_the_same_in_every_state() -> None:
    text = compile_text(parse_text("One.\n\nTwo.", SCOPE))
    assert text(STATE, PASS) == text(LATER, PASS) == "One.\n\nTwo."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Stop.", "Stop."),
        ("Two.\n\nTexts.", None),
        ("[hurried] Quickly.", None),
        ("At {layer}.", None),
        ("{hurried: Now | Then}.", None),
    ],
)
def test_only_one_paragraph_that_is_the_same_in_every_state_does_not_vary(source: str, expected: str | None) -> None:
    assert constant_text(parse_text(source, SCOPE)) == expected


def test_a_mark_that_is_escaped_is_the_mark() -> None:
    assert shown(r"\[sure] \{reads\} this \| that \\ one") == r"[sure] {reads} this | that \ one"
    assert shown("{hurried: a \\| b \\} c | d}") == "a | b } c"
    assert shown("The last is \\") == "The last is \\"


def test_a_bar_outside_braces_is_a_bar() -> None:
    assert shown("this | that") == "this | that"
    assert shown("this | that", parse=parse_line) == "this | that"


# -- guards


@pytest.mark.parametrize(
    ("variables", "expected"),
    [((3, 1, 2), "Some.\n\nIn haste."), ((0, 1, 2), "None.\n\nIn haste."), ((0, 0, 2), "None.\n\nAt leisure.")],
)
def test_a_guarded_paragraph_is_there_where_its_condition_holds_and_else_where_not(
    variables: tuple[int, ...], expected: str
) -> None:
    source = "[reads > 0] Some.\n\n[else] None.\n\n[hurried] In haste.\n\n[else] At leisure."
    assert shown(source, with_variables(*variables)) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [((0, 0, 0), "Neither."), ((1, 0, 0), "Reads."), ((0, 1, 0), "Hurry."), ((1, 1, 0), "Reads.\n\nHurry.")],
)
def test_else_is_for_all_the_guards_directly_above_it(variables: tuple[int, ...], expected: str) -> None:
    assert shown("[reads > 0] Reads.\n\n[hurried] Hurry.\n\n[else] Neither.", with_variables(*variables)) == expected


def test_several_paragraphs_may_be_for_else() -> None:
    source = "[reads > 5] Many.\n\n[else] Few.\n\n[else] Very few.\n\n[hurried] Hurry."
    assert shown(source) == "Few.\n\nVery few.\n\nHurry."
    assert shown(source, with_variables(6, 0, 0)) == "Many."


def test_a_plain_paragraph_ends_what_else_looks_back_on() -> None:
    source = "[reads > 0] Reads.\n\nPlain.\n\n[hurried] Hurry.\n\n[else] Leisure."
    assert shown(source, with_variables(1, 0, 0)) == "Reads.\n\nPlain.\n\nLeisure."


def test_a_guard_with_nothing_behind_it_shows_nothing() -> None:
    assert shown("[reads > 0]\n\nPlain.\n\n[reads > 9] \n\n[else] Few.") == "Plain.\n\nFew."


def test_a_guard_may_hold_quotes_with_brackets_in_them() -> None:
    assert shown("[emitted(']') or hurried] Yes.\n\n[mood == \"even\"] Even.") == "Yes."


def test_a_paragraph_that_comes_out_empty_is_no_paragraph() -> None:
    assert shown("One.\n\n{reads > 5: Many.}\n\nTwo.") == "One.\n\nTwo."


# -- what varies


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("I {hurried: ran | walked}.", "I ran."),
        ("I {not hurried: ran | walked}.", "I walked."),
        ("I{reads > 2:  ran} home.", "Iran home."),
        ("I{reads > 5:, ran,} home.", "I home."),
        ("I was {mood: even | odd | {reads > 2: very | rather} curious}.", "I was very curious."),
        ("{sure: {hurried: {reads == 3: deep | no} | no} | no}", "deep"),
        ("{hurried: | walked}gone", "gone"),
        ("{hurried:ran|walked}, {not hurried:ran|walked}", "ran, walked"),
        ("{emitted('a:b|c}') or sure: yes | no}", "yes"),
    ],
)
def test_braces_choose(source: str, expected: str) -> None:
    assert shown(source) == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "first"), (1, "first"), (2, "second"), (3, "third and last"), (9, "third and last")]
)
def test_a_visit_chooses_by_its_number_and_the_last_stays(count: int, expected: str) -> None:
    assert shown("{visit: first | second | third and last}", visited(count)) == expected
    assert shown("{visits(hall): first | second | third and last}", visited(count)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{reads}", "3"),
        ("{reads * layer - 1}", "14"),
        ("{left}", "4"),
        ("{mood}", "curious"),
        ("{spelled(reads)}", "three"),
        ("{ spelled( left * 10 + 2 ) }", "forty-two"),
        ("{visit}", "1"),
    ],
)
def test_braces_show_a_number_or_the_word_of_an_enumeration(source: str, expected: str) -> None:
    assert shown(source) == expected


# -- the words and the pass


def test_before_a_word_was_drawn_there_is_none_to_show() -> None:
    assert shown("{word} {word(400)} {p(word)} [{sentence}]") == "… … 0.00 []"


def test_words_are_shown_by_the_token_they_were_drawn_at() -> None:
    assert shown("{word}, {word(400)}, {word( 401 )}, {word(402)}, {word(399)}; {sentence}", LATER) == (
        "has, foot, has, …, …; foot has"
    )


def test_a_chance_is_of_the_last_decoding_with_what_had_been_done_by_then() -> None:
    assert shown("{p('two')} {percent(\"two\")} {p(word)} {percent(likeliest)}", LATER) == "0.20 20 0.10 70"


def test_before_the_first_decoding_a_chance_is_of_the_pass_as_it_stands() -> None:
    assert shown("{p('two')} {now('two')}") == "0.20 0.20"


def test_now_is_the_pass_as_it_stands() -> None:
    assert shown("{now('two')} {now(likeliest)} {likeliest}", LATER) == "0.30 0.60 foot"


def test_a_word_that_the_pass_has_not_has_no_chance() -> None:
    assert shown("{p('zyzzyva')}") == "0.00"


def test_the_layers_can_be_read_where_a_model_has_them() -> None:
    assert shown("{lens('two')} {probe('nonsense')}") == "0.05 +1.25"


def test_what_was_said_is_scored_by_the_passes_that_drew_it_and_by_one_that_nobody_touched() -> None:
    touched, untouched = log(0.8) + log(0.1), log(0.7) + log(0.1)
    assert shown("{likelihood} {untouched}", LATER) == f"{touched:.2f} {untouched:.2f}"
    assert shown("{likelihood}") == "0.00"


# -- numbers in words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "no"),
        (1, "one"),
        (12, "twelve"),
        (19, "nineteen"),
        (20, "twenty"),
        (21, "twenty-one"),
        (72, "seventy-two"),
        (99, "ninety-nine"),
        (100, "100"),
        (-1, "-1"),
        (-20, "-20"),
    ],
)
def test_a_number_is_spelled_up_to_ninety_nine(number: int, words: str) -> None:
    assert spell_number(number) == words


# -- what is refused


@pytest.mark.parametrize(
    ("source", "offset", "code", "message"),
    [
        ("a }", 2, "E106", r"unmatched closing brace (write \} for a brace in the text)"),
        ("a {reads", 2, "E106", "this brace is never closed"),
        ("a {reads\n\nb}", 2, "E106", "this brace is never closed"),
        ("a {", 2, "E106", "this brace is never closed"),
        ("a {hurried: b | c", 2, "E106", "this brace is never closed"),
        ("a {hurried:", 2, "E106", "this brace is never closed"),
        ("a {'b}", 2, "E106", "this brace is never closed"),
        ("a {b | c}", 5, "E106", "expected a condition before '|': {condition: this | that}"),
        ("a {b {c}}", 5, "E106", "a brace inside a condition; close the brace before it, or write ':' first"),
        ("a {}", 3, "E102", "expected a value, found the end"),
        ("a {: b}", 3, "E102", "expected a value, found the end"),
        ("a {hurried: b | c | d}", 2, "E106", "a condition selects one of at most 2 alternatives, found 3"),
        ("a {mood: b | c}", 2, "E106", "expected 3 alternatives (one of even, quite odd, curious), found 2"),
        ("a {reads: b | c}", 3, "E104", "only a condition, an enumeration or 'visit' can select an alternative"),
        ("a { 'b': c}", 3, "E104", "only a condition, an enumeration or 'visit' can select an alternative"),
        ("a {hurried}", 3, "E104", "only a number or an enumeration can be shown"),
        ("a {'b'}", 3, "E104", "only a number or an enumeration can be shown"),
        ("a {spelled(mood)}", 11, "E104", "only a number or an enumeration can be shown"),
        ("a {spelled(red)}", 11, "E103", "unknown name 'red'"),
        ("a {red}", 3, "E103", "unknown name 'red'"),
        ("a {hurried: {sure: {red}}}", 20, "E103", "unknown name 'red'"),
        ("a {probe('sense')}", 3, "E103", "invalid argument of 'probe'; use probe('nonsense')"),
        ("a {lens(word)}", 3, "E103", "invalid argument of 'lens'; use lens('two')"),
        ("One.\n\n[red] Two.", 7, "E103", "unknown name 'red'"),
        ("One.\n\n[] Two.", 7, "E102", "expected a value, found the end"),
        ("One.\n\n[reads] Two.", 7, "E104", "a condition must be true or false, found a number"),
        ("One.\n\n [sure Two.", 7, "E106", r"this bracket is never closed (write \[ for a bracket in the text)"),
        ("[don't] Two.", 0, "E106", r"this bracket is never closed (write \[ for a bracket in the text)"),
        ("[else] One.", 1, "E106", "[else] needs a paragraph with a [condition] directly above it"),
        ("[sure] One.\n\nTwo.\n\n[else] Three.", 20, "E106", "[else] needs a paragraph with a [condition] directly above it"),
        ("{sure: " * 9 + "x" + "}" * 9, 56, "E101", "braces are nested more than 8 deep"),
    ],
)
def test_a_text_is_refused_at_the_character_that_is_wrong(source: str, offset: int, code: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_text(source, SCOPE)
    assert (caught.value.offset, caught.value.code, caught.value.message) == (offset, code, message)


def test_a_line_is_refused_like_a_text() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_line("Go {red}.", SCOPE)
    assert (caught.value.offset, caught.value.message) == (4, "unknown name 'red'")
    with pytest.raises(ExpressionError) as caught:
        parse_line("Go } on.", SCOPE)
    assert caught.value.offset == 3


@pytest.mark.parametrize("source", ["{now('two')}", "{likeliest}", "{p(likeliest)}", "{lens('two')}", "{probe('nonsense')}"])
def test_at_an_ending_there_is_no_pass_to_ask(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_text(source, SCOPE._replace(ending=True))
    assert (caught.value.offset, caught.value.code) == (1, "E106")
    assert caught.value.message == "no pass is running at an ending; use p('two') for the last decoding"


@pytest.mark.parametrize("form", ["lens", "probe"])
def test_where_words_are_written_there_are_no_layers_to_read(form: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_text(f"{{{form}('two')}}", SCOPE._replace(probes=None))
    assert caught.value.message == f"{form!r} needs a model, and this world has none"
