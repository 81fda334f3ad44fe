"""Texts: the nodes that they are read as, and what is refused, at which character."""

from __future__ import annotations

import pytest

from building import SCOPE
from forward_pass.errors import Place
from forward_pass.story.grammar import ExpressionError
from forward_pass.story.nodes import (
    NOWHERE,
    Branch,
    ByVisit,
    DrawnWord,
    Guard,
    If,
    NumberText,
    Paragraph,
    Piece,
    Switch,
    Text,
    ThresholdTruth,
    VariableValue,
    WordText,
)
from forward_pass.story.text_grammar import parse_line, parse_text
from forward_pass.story.visit import find_nodes

# -- what texts are read as


def pieces(source: str) -> tuple[Piece, ...]:
    (paragraph,) = parse_text(source, SCOPE, lambda _: NOWHERE).paragraphs
    return paragraph.pieces


NOT_SELECTING = "only a condition, an enumeration or 'visit' can select an alternative"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("As it is.", ("As it is.",)),
        (
            "{reads} of {spelled(reads)}",
            (NumberText(VariableValue(0), spelled=False), " of ", NumberText(VariableValue(0), spelled=True)),
        ),
        ("{mood}", (WordText(VariableValue(2), ("even", "quite odd", "curious")),)),
        ("{word}", (DrawnWord(0),)),
        ("{sure: a | b}", (If(NOWHERE, ThresholdTruth(0), ("a",), ("b",)),)),
        ("{sure: a}", (If(NOWHERE, ThresholdTruth(0), ("a",), ()),)),
        ("{visit: a | b}", (ByVisit(1, (Branch(NOWHERE, ("a",)), Branch(NOWHERE, ("b",)))),)),
        ("{visits(hall): a}", (ByVisit(0, (Branch(NOWHERE, ("a",)),)),)),
        (
            "{taste: a | at {reads}}",
            (
                Switch(
                    VariableValue(3),
                    (Branch(NOWHERE, ("a",)), Branch(NOWHERE, ("at ", NumberText(VariableValue(0), spelled=False)))),
                ),
            ),
        ),
        (r"\{a\}", ("{", "a", "}")),
    ],
)
def test_a_paragraph_is_read_as_pieces(source: str, expected: tuple[Piece, ...]) -> None:
    assert repr(pieces(source)) == repr(expected)  # nodes of different kinds can be equal as tuples


def test_a_text_is_paragraphs_some_of_which_have_guards_and_some_keep_their_lines() -> None:
    text = parse_text("One.\n\n[sure] Two.\n\n[else] Three.\n\n    four\n", SCOPE, lambda _: NOWHERE)
    assert repr(text) == repr(
        Text(
            (
                Paragraph(None, ("One.",), preformatted=False),
                Paragraph(Guard(NOWHERE, ThresholdTruth(0)), ("Two.",), preformatted=False),
                Paragraph(Guard(NOWHERE, None), ("Three.",), preformatted=False),
                Paragraph(None, ("    four\n",), preformatted=True),
            )
        )
    )


def test_a_line_is_one_paragraph_without_a_guard() -> None:
    assert repr(parse_line("[sure] Go\n\non.", SCOPE)) == repr(
        Text((Paragraph(None, ("[sure] Go\n\non.",), preformatted=False),))
    )


def test_whatever_a_check_can_find_fault_with_has_its_place() -> None:
    source = "[ sure] {hurried:  a | b}\n\n[else] {visit: c |d}"
    text = parse_text(source, SCOPE, lambda offset: Place("a.yaml", 7, offset))
    assert [guard.place.column for guard in find_nodes(Guard, text)] == [source.index("sure"), source.index("else")]
    assert [node.place.column for node in find_nodes(If, text)] == [source.index("hurried")]
    assert [branch.place.column for branch in find_nodes(Branch, text)] == [source.index("c"), source.index("d}")]


def test_in_a_source_of_no_file_places_count_its_characters() -> None:
    (node,) = find_nodes(If, parse_text("It {sure: is}.", SCOPE))
    assert node.place == Place("", 1, 5)


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
        ("a {holds: hurried | b}", 2, "E106", "expected one condition and a closing brace: {holds: condition}"),
        ("a {hurried: b | c | d}", 2, "E106", "a condition selects one of at most 2 alternatives, found 3"),
        ("a {mood: b | c}", 2, "E106", "expected 3 alternatives (one of even, quite odd, curious), found 2"),
        (
            "a {reads: b | c}",
            3,
            "E104",
            f"{NOT_SELECTING}; of a number, ask: {{coins == 0: none | {{coins == 1: one | some}}}}",
        ),
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


@pytest.mark.parametrize("inner", ["[sure]", "[else]", "[else if sure]"])
def test_a_guard_inside_a_paragraph_is_refused(inner: str) -> None:
    with pytest.raises(ExpressionError, match="a guard begins a paragraph") as caught:
        parse_text(f"[sure] One.\n{inner} Two.", SCOPE)
    assert caught.value.offset == len("[sure] One.\n")
