"""Nodes to closures: what conditions and texts come to in a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from building import FIRST_TOKEN_STATE, SCOPE, STATE, FakePass
from forward_pass.story.compile import compile_expression, compile_text, usual_text
from forward_pass.story.grammar import Scope, parse_condition
from forward_pass.story.nodes import EMPTY, Text
from forward_pass.story.state import State
from forward_pass.story.text_grammar import parse_line, parse_text


def shown(source: str, state: State = STATE, parse: Callable[[str, Scope], Text] = parse_text) -> str:
    return compile_text(parse(source, SCOPE))(state, FakePass())


def visited(count: int) -> State:
    return STATE._replace(visits=bytes((count, count, 0)))


def with_variables(*variables: int) -> State:
    return STATE._replace(variables=(*variables, 0))


# -- conditions


def test_and_and_or_look_no_further_than_they_must() -> None:
    read = []

    class Recorded(tuple[int, ...]):
        __slots__ = ()

        def __getitem__(self, index: Any) -> Any:
            read.append(index)
            return super().__getitem__(index)

    state = STATE._replace(variables=Recorded(STATE.variables))
    assert compile_expression(parse_condition("reads == 3 or mood == 'even'", SCOPE))(state)
    assert not compile_expression(parse_condition("reads == 4 and mood == 'even'", SCOPE))(state)
    assert read == [0, 0]


def test_only_an_expression_has_a_value() -> None:
    nothing: Any = EMPTY
    with pytest.raises(TypeError, match="Text"):
        compile_expression(nothing)


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
    assert text(STATE, FakePass()) == text(FIRST_TOKEN_STATE, FakePass()) == "One.\n\nTwo."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Stop.", "Stop."),
        ("Two.\n\nTexts.", None),
        ("[hurried] Quickly.", None),
        ("At {layer}.", "At …."),
        ("{hurried: Now | Then}.", "Then."),
        ("{hurried: Now | {hurried: Soon | Then}}.", "Then."),
        ("{hurried: Now | At {layer}}.", "At …."),
    ],
)
def test_the_usual_text_is_what_is_said_where_no_condition_holds(source: str, expected: str | None) -> None:
    assert usual_text(parse_text(source, SCOPE)) == expected


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
