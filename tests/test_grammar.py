"""Conditions, effects and thresholds: what they mean, and what they refuse, at which character."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from building import SCOPE, STATE
from forward_pass.story.compile import compile_expression
from forward_pass.story.grammar import (
    MAX_DEPTH,
    MAX_LENGTH,
    NUMBER,
    TRUTH,
    WORD,
    Comparison,
    ExpressionError,
    Kind,
    parse_condition,
    parse_effect,
    parse_threshold,
    parse_value,
)
from forward_pass.story.nodes import (
    Acted,
    And,
    Arithmetic,
    Compare,
    Emitted,
    Expression,
    Found,
    LayersLeft,
    Literal,
    Not,
    Or,
    Seen,
    StateNumber,
    Taken,
    ThresholdTruth,
    VariableValue,
    Visits,
)
from forward_pass.story.state import State


def value(source: str, state: State = STATE) -> int:
    return compile_expression(parse_value(source, SCOPE).node)(state)


def refused(parse: Callable[..., Any], source: str, *arguments: Any) -> tuple[int, str, str]:
    with pytest.raises(ExpressionError) as caught:
        parse(source, *(arguments or (SCOPE,)))
    assert str(caught.value) == caught.value.message
    return caught.value.offset, caught.value.code, caught.value.message


# -- what conditions mean


@pytest.mark.parametrize(
    "source",
    [
        "true",
        "not false",
        "not not true",
        "hurried",
        "hurried == true",
        "reads == 3",
        "reads != 4",
        "reads < 4",
        "reads <= 3",
        "reads > 2",
        "reads >= 3",
        "  reads\n>\t2  ",
        "mood == 'curious'",
        'mood != "quite odd"',
        "'curious' == mood",
        "mood == mood",
        "taste == 'sweet'",
        "seen(hall)",
        "seen('hall')",
        "seen( attic-stairs )",
        "not seen(the-end)",
        "visits(hall) == 2",
        "visits(hall) + visits(the-end) == 2",
        "taken(go-on)",
        "not taken(go-back)",
        "found(the-end)",
        "emitted('foot')",
        'emitted("has")',
        "emitted('foot', 400)",
        "not emitted('foot', 401)",
        "emitted('has', 401)",
        "not emitted('has', 402)",
        "not emitted('has', 403)",
        "not emitted('two')",
        "acted(lean)",
        "acted(lean, 400)",
        "not acted(lean, 401)",
        "acted(label, 402)",
        "not acted(label, 400)",
        "sure",
        "not unsure",
        "not unknown",
        "layer == 5",
        "left == 4",
        "token == 402",
        "instantiation == 4",
        "not again",
        "visit == 1",
        "hurried and sure",
        "unsure or sure",
        "unsure and unsure or sure",
        "sure or unsure and unsure",
        "not (sure and unsure)",
        "not sure == false",
        "(hurried)",
        "((reads)) == ((3))",
    ],
)
def test_a_condition_holds(source: str) -> None:
    assert compile_expression(parse_condition(source, SCOPE))(STATE)
    assert not compile_expression(parse_condition(f"not ({source})", SCOPE))(STATE)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 - 2 - 1", 4),
        ("- reads", -3),
        ("--reads", 3),
        ("2 * -3 + 1", -5),
        ("reads * reads - reads", 6),
        ("1000000", 1_000_000),
    ],
)
def test_arithmetic_binds_as_it_does_on_paper(source: str, expected: int) -> None:
    assert value(source) == expected


def test_every_value_has_a_kind() -> None:
    kinds = {source: parse_value(source, SCOPE).kind for source in ("reads", "hurried", "mood", "'word'", "reads > 1", "visit")}
    assert kinds == {
        "reads": NUMBER,
        "hurried": TRUTH,
        "mood": Kind("one of even, quite odd, curious", ("even", "quite odd", "curious")),
        "'word'": WORD,
        "reads > 1": TRUTH,
        "visit": NUMBER,
    }


@pytest.mark.parametrize(
    ("source", "node"),
    [
        ("reads > 2", Compare(">", VariableValue(0), Literal(2))),
        ("mood == 'curious'", Compare("==", VariableValue(2), Literal(2))),
        ("hurried and not sure or true", Or(And(VariableValue(1), Not(ThresholdTruth(0))), Literal(1))),
        ("seen(hall)", Seen(0)),
        ("visits(the-end) * 2 == 2", Compare("==", Arithmetic("*", Visits(2), Literal(2)), Literal(2))),
        ("again", Compare(">", Visits(1), Literal(1))),
        ("taken(go-back)", Taken(1)),
        ("found(the-end)", Found("the-end")),
        ("emitted('two')", Emitted("two", 0)),
        ("acted(lean, 400)", Acted("lean", 400)),
        ("left < layer", Compare("<", LayersLeft(9), StateNumber("layer"))),
        ("-1 == 1", Compare("==", Arithmetic("-", Literal(0), Literal(1)), Literal(1))),
    ],
)
def test_a_condition_is_nodes_whose_names_are_indices_in_the_state(source: str, node: Expression) -> None:
    assert repr(parse_condition(source, SCOPE)) == repr(node)  # nodes of different kinds can be equal as tuples


def test_again_and_visit_are_of_the_scene_in_which_they_stand() -> None:
    hall = SCOPE._replace(scene=0)
    assert compile_expression(parse_condition("again and visit == 2", hall))(STATE)
    assert refused(parse_condition, "again", SCOPE._replace(scene=None)) == (0, "E103", "unknown name 'again'")


def test_a_band_is_the_layers_at_which_what_is_chosen_now_begins() -> None:
    for layer, bands in ((3, {"early"}), (4, {"early"}), (5, {"middle"}), (6, {"middle", "late"}), (8, {"late"}), (9, set())):
        state = STATE._replace(layer=layer)
        assert {band for band in ("early", "middle", "late") if value(band, state)} == bands


def test_a_threshold_that_was_never_measured_does_not_hold() -> None:
    assert value("unknown") is False
    assert value("not unknown") is True


# -- what conditions refuse


@pytest.mark.parametrize(
    ("source", "offset", "code", "message"),
    [
        ("", 0, "E102", "expected a value, found the end"),
        ("   ", 3, "E102", "expected a value, found the end"),
        ("reads >", 7, "E102", "expected a value, found the end"),
        ("reads > > 1", 8, "E102", "expected a value, found '>'"),
        ("hurried sure", 8, "E102", "expected the end, found 'sure'"),
        ("hurried 'sure'", 8, "E102", "expected the end, found \"'sure'\""),
        ("(hurried", 8, "E102", "expected ')', found the end"),
        ("hurried)", 7, "E102", "expected the end, found ')'"),
        ("1 < 2 < 3", 6, "E102", "expected the end, found '<'"),
        ("reads = 1", 6, "E102", "expected the end, found '='; to compare, say =="),
        ("reads & 1", 6, "E102", "unexpected '&'; say `and`"),
        ("reads > \u0663", 8, "E102", "unexpected '\u0663'"),
        ("mood == 'even", 8, "E102", 'unexpected "\'": the quote is not closed'),
        ("reads > 0.5", 8, "E104", "only whole numbers are allowed here; a measured number needs a named threshold"),
        ("reads > 1000001", 8, "E101", "the number is too large: at most 1000000"),
        ("reads > 1" + "0" * 300, 8, "E101", "the number is too large: at most 1000000"),
        ("p('two') > 1", 0, "E103", "p('two') can be used only in texts; a condition needs a named threshold"),
        ("hurried and red", 12, "E103", "unknown name 'red'"),
        ("see(hall)", 0, "E103", "unknown function 'see'"),
        ("seen", 4, "E102", "'seen' takes one scene in parentheses: seen(...)"),
        ("seen hall", 5, "E102", "'seen' takes one scene in parentheses: seen(...)"),
        ("seen()", 5, "E102", "expected one scene id in seen(...)"),
        ("seen(Hall)", 5, "E102", "expected one scene id in seen(...)"),
        ("seen('hall\")", 5, "E102", "expected one scene id in seen(...)"),
        ("seen(hall", 5, "E102", "expected one scene id in seen(...)"),
        ("seen(hall, 402)", 9, "E102", "'seen' takes one scene and no other argument"),
        ("seen(hall,)", 9, "E102", "'seen' takes one scene and no other argument"),
        ("seen( wall)", 6, "E103", "unknown scene 'wall'"),
        ("found(hall)", 6, "E103", "unknown ending 'hall'"),
        ("taken(hall)", 6, "E103", "'hall' is a scene or ending: say seen(hall)"),
        ("acted(lean, 399)", 12, "E103", "there is no token 399: they are 400 to 405"),
        ("acted(hall)", 6, "E103", "unknown act 'hall'"),
        ("acted(lean, reads)", 12, "E102", "expected a token's position, such as 402"),
        ("acted(lean, true)", 12, "E102", "expected a token's position, such as 402"),
        ("acted(lean, 0)", 12, "E102", "expected a token's position, such as 402"),
        ("acted(lean, 1, 2)", 13, "E102", "expected ')', found ','"),
        ("emitted(two)", 8, "E102", "'emitted' takes a word in quotes: emitted('two')"),
        ("emitted('two'", 13, "E102", "expected ')', found the end"),
        ("emitted('two', -1)", 15, "E102", "expected a value, found '-'"),
        ("reads", 0, "E104", "a condition must be true or false, found a number"),
        (" mood", 1, "E104", "a condition must be true or false, found one of even, quite odd, curious"),
        ("'two'", 0, "E104", "a condition must be true or false, found a word"),
        ("reads and hurried", 0, "E104", "expected something true or false, found a number"),
        ("hurried or reads", 11, "E104", "expected something true or false, found a number"),
        ("hurried or mood", 11, "E104", "expected something true or false, found one of even, quite odd, curious"),
        ("not (reads)", 4, "E104", "expected something true or false, found a number"),
        ("not 'two'", 4, "E104", "expected something true or false, found a word"),
        ("hurried + 1 > 0", 0, "E104", "expected a number, found something true or false"),
        ("1 + (mood) > 0", 4, "E104", "expected a number, found one of even, quite odd, curious"),
        ("2 * 'two' > 0", 4, "E104", "expected a number, found a word"),
        ("- hurried > 0", 2, "E104", "expected a number, found something true or false"),
        ("hurried == 1", 11, "E104", "cannot compare something true or false with a number"),
        ("mood == 1", 8, "E104", "cannot compare one of even, quite odd, curious with a number"),
        ("mood == taste", 8, "E104", "cannot compare one of even, quite odd, curious with one of sweet, sour"),
        ("reads == 'even'", 9, "E104", "cannot compare a number with a word"),
        ("mood == 'ever'", 8, "E104", "'ever' is not one of even, quite odd, curious"),
        ("'ever' == mood", 0, "E104", "'ever' is not one of even, quite odd, curious"),
        ("mood < 'even'", 0, "E104", "'<' compares numbers, found one of even, quite odd, curious"),
        ("hurried >= true", 0, "E104", "'>=' compares numbers, found something true or false"),
        ("'even' == 'even'", 0, "E104", "cannot compare two words: one side must be an enumeration"),
    ],
)
def test_a_condition_is_refused_at_the_character_that_is_wrong(source: str, offset: int, code: str, message: str) -> None:
    assert refused(parse_condition, source) == (offset, code, message)


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os').system('true')",
        "().__class__",
        "''.__class__ == mood",
        "seen.__globals__",
        "seen(hall).__class__",
        "reads.real",
        "reads[0]",
        "lambda: true",
        "[hurried]",
        "{hurried}",
        "exec('hurried')",
        "hurried if sure else sure",
        "hurried := true",
        "reads ** 2 > 1",
        "reads / 2 > 1",
        "reads % 2 == 1",
        "`hurried`",
        "hurried; sure",
        "hurried # sure",
        "seen(__class__)",
        "f'{hurried}'",
        "hurried is true",
        "mood in 'even'",
    ],
)
def test_nothing_that_is_written_reaches_python(source: str) -> None:
    _, code, _ = refused(parse_condition, source)
    assert code in ("E102", "E103")


def test_an_unknown_name_comes_with_the_known_ones() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_condition("reeds > 1", SCOPE)
    known = {name for names in caught.value.known for name in names}
    assert caught.value.unknown == "reeds"
    assert {"reads", "mood", "sure", "layer", "again", "seen"} <= known


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100_000,
        "(" * 100_000 + "true" + ")" * 100_000,
        "not " * 100_000 + "true",
        "-" * 100_000 + "1 > 0",
        "+".join("a" * 50_000),
        "'" * 100_000,
        "9" * 100_000,
        " " * 100_000,
    ],
)
def test_a_source_that_is_too_long_is_refused_unread(source: str) -> None:
    began = time.process_time()
    message = f"the expression has {len(source)} characters; at most {MAX_LENGTH} are allowed"
    assert refused(parse_condition, source) == (0, "E101", message)
    assert time.process_time() - began < 20  # milliseconds; what is not linear would take hours


def test_a_source_may_be_so_long_and_no_longer() -> None:
    assert value("1" + " " * (MAX_LENGTH - 1)) == 1
    assert refused(parse_condition, "1" + " " * MAX_LENGTH)[:2] == (0, "E101")


def test_parentheses_side_by_side_are_not_nested() -> None:
    assert value("+".join(["(1)"] * 100)) == 100


def test_parentheses_may_be_nested_so_deep_and_no_deeper() -> None:
    deep = MAX_DEPTH - 1
    assert value("(" * deep + "reads" + ")" * deep) == 3
    assert refused(parse_condition, "(" * MAX_DEPTH + "hurried" + ")" * MAX_DEPTH) == (40, "E101", "nested more than 40 deep")


def test_the_longest_sums_and_negations_are_worked_out() -> None:
    assert value("+".join("1" * 250)) == 250
    assert value("not " * 123 + "hurried") is False
    assert value("-" * 498 + "1") == 1
    assert value("*".join(["1000000"] * 62)) == 10**372


# -- effects


@pytest.mark.parametrize(
    ("source", "slot", "expected"),
    [
        ("reads = 7", 0, 7),
        ("reads += 2", 0, 5),
        ("reads -= 2 * 2", 0, -1),
        ("reads = reads * layer", 0, 15),
        ("hurried = false", 1, 0),
        ("hurried = reads > 2 and sure", 1, 1),
        ("mood = 'quite odd'", 2, 1),
        ("mood = mood", 2, 2),
        (" taste='sour' ", 3, 1),
    ],
)
def test_an_effect_names_a_variable_and_its_next_value(source: str, slot: int, expected: int) -> None:
    effect = parse_effect(source, SCOPE)
    assert (effect.variable, int(compile_expression(effect.value)(STATE))) == (slot, expected)


@pytest.mark.parametrize(("source", "bounds"), [("reads = 1", (0, 9)), ("mood = mood", (0, 2)), ("hurried = true", (0, 1))])
def test_an_effect_knows_the_bounds_of_its_variable(source: str, bounds: tuple[int, int]) -> None:
    effect = parse_effect(source, SCOPE)
    assert (effect.least, effect.most) == bounds


@pytest.mark.parametrize(
    ("source", "offset", "code", "message"),
    [
        ("3 = 4", 0, "E102", "an effect begins with a variable: name = value, name += value or name -= value"),
        ("", 0, "E102", "an effect begins with a variable: name = value, name += value or name -= value"),
        (" red = 4", 1, "E103", "unknown variable 'red'"),
        ("layer = 4", 0, "E103", "unknown variable 'layer'"),
        ("reads", 5, "E102", "expected '=', '+=' or '-=', found the end"),
        ("reads == 3", 6, "E102", "expected '=', '+=' or '-=', found '=='; to set, say ="),
        ("reads = ", 8, "E102", "expected a value, found the end"),
        ("reads = 3 4", 10, "E102", "expected the end, found '4'"),
        ("reads = hurried", 8, "E104", "expected a number for 'reads', found something true or false"),
        ("reads = 'even'", 8, "E104", "expected a number for 'reads', found a word"),
        ("hurried = 1", 10, "E104", "expected something true or false for 'hurried', found a number"),
        ("hurried += 1", 8, "E104", "'+=' needs a number, but 'hurried' is something true or false"),
        ("mood -= 1", 5, "E104", "'-=' needs a number, but 'mood' is one of even, quite odd, curious"),
        ("mood = 'sour'", 7, "E104", "'sour' is not one of even, quite odd, curious"),
        ("mood = taste", 7, "E104", "expected one of even, quite odd, curious for 'mood', found one of sweet, sour"),
    ],
)
def test_an_effect_is_refused_at_the_character_that_is_wrong(source: str, offset: int, code: str, message: str) -> None:
    assert refused(parse_effect, source) == (offset, code, message)


# -- thresholds


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("p('two') > 0.5", Comparison("p", "two", ">", 0.5)),
        (' p( "." ) < 0.000125 ', Comparison("p", ".", "<", 0.000125)),
        ("probe('doubt') > -0.25", Comparison("probe", "doubt", ">", -0.25)),
    ],
)
def test_a_threshold_compares_one_measured_quantity(source: str, expected: Comparison) -> None:
    assert parse_threshold(source, ("p", "probe")) == expected


@pytest.mark.parametrize(
    "source",
    [
        "",
        "p('two')",
        "p('two') > 2",
        "p('two') > 1.5",
        "p('two') >= 0.5",
        "p('two') > .5",
        "p('two') > 0.1234567",
        "p('two') > \u0660.5",
        "p(two) > 0.5",
        "p('two\") > 0.5",
        f"p('{'o' * 41}') > 0.5",
        "r('two') > 0.5",
        "p('two') > 0.5 and p('two') < 0.6",
        "0.5 < p('two')",
    ],
)
def test_nothing_else_is_a_threshold(source: str) -> None:
    message = "a threshold compares one measured quantity with a decimal below 1: p('two') > 0.5 or q('two') > 0.5"
    assert refused(parse_threshold, source, ("p", "q")) == (0, "E105", message)
