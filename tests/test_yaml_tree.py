"""YAML in which every node has its place: what comes out, where it stands, what is refused."""

from __future__ import annotations

import gc
import re
import unicodedata
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from forward_pass.errors import Place
from forward_pass.loading import yaml_tree
from forward_pass.loading.yaml_faults import cause
from forward_pass.loading.yaml_tree import FORBIDDEN, MAX_FORBIDDEN, MAX_NODES, Node, read_tree


def plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: plain(value) for key, (_, value) in node.value.items()}
    return [plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def tree(text: str) -> Any:
    root, problems = read_tree("a.yaml", text.encode())
    assert not problems
    assert root is not None
    return plain(root)


def problems(data: str | bytes) -> list[str]:
    root, found = read_tree("a.yaml", data if isinstance(data, bytes) else data.encode())
    assert found
    assert root is None or all(problem.code in ("E004", "E010") for problem in found)
    return [str(problem) for problem in found]


def scalar(text: str) -> Node:
    root, _ = read_tree("a.yaml", text.encode())
    assert root is not None
    node = root.value["a"][1]
    assert isinstance(node, Node)
    return node


def place(node: Node, offset: int) -> tuple[int, int]:
    """Return the line and the column of a scalar's character."""
    return node.locator()(offset)[1:]


# -- what comes out


def test_scalars_are_strings_whatever_they_look_like() -> None:
    assert tree("a: no\nb: 12:30\nc: 0x1F\nd: ~\ne:\nf: 'x'\ng: 1e3") == {
        "a": "no",
        "b": "12:30",
        "c": "0x1F",
        "d": "~",
        "e": "",
        "f": "x",
        "g": "1e3",
    }


def test_lists_and_mappings_nest() -> None:
    assert tree("a: [1, {b: [2, []]}, {}]\nc:\n  - d: 3\n  -\n    - 4") == {
        "a": ["1", {"b": ["2", []]}, {}],
        "c": [{"d": "3"}, ["4"]],
    }


def test_a_file_of_nothing_but_comments_holds_nothing_and_is_no_problem() -> None:
    for text in ("", "# nothing\n", "---\n...\n"):
        root, found = read_tree("a.yaml", text.encode())
        assert root is None or plain(root) == ""
        assert not [problem for problem in found if problem.code != "E011"]


def test_a_node_says_what_it_is_and_where_it_begins() -> None:
    root, _ = read_tree("a.yaml", b"a: x\nb:\n  - [y]\n  - {c: |\n     z}\n")
    assert root is None
    root, _ = read_tree("a.yaml", b"a: x\nb:\n  - [y]\n  - c: |\n      z\n")
    assert root is not None
    (key, text), (_, items) = root.value["a"], root.value["b"]
    assert (root.kind, text.kind, items.kind) == ("mapping", "text", "list")
    assert (key.place, text.place) == (Place("a.yaml", 1, 1), Place("a.yaml", 1, 4))
    assert [item.place[1:] for item in items.value] == [(3, 5), (4, 5)]
    block = items.value[1].value["c"][1]
    assert (block.place[1:], block.style, text.style) == ((4, 8), "|", None)
    assert (block.value_place()[1:], items.value_place()[1:]) == ((5, 7), (3, 3))


def test_collecting_garbage_goes_on_where_it_was_on_and_stays_off_where_it_was_off() -> None:
    read_tree("a.yaml", b"a: [")
    assert gc.isenabled()
    gc.disable()
    try:
        read_tree("a.yaml", b"a: 1")
        assert not gc.isenabled()
    finally:
        gc.enable()


# -- places inside scalars


@pytest.mark.parametrize(
    "text",
    [
        "a: one TWO",
        "a: one\n   and TWO",
        "a: 'one TWO'",
        "a: 'it''s TWO'",
        "a: 'it''s\n\n  TWO'",
        'a: "one TWO"',
        'a: "\\u2026\\x41\\U0001F600 TWO"',
        'a: "one\\n\\t\\x20\\u0020\\U00000020\\ TWO"',
        'a: "one \\\n    TWO"',
        'a: "\\"one\\" \\\\ \\/TWO"',
        'a: "\\_TWO"',
        "a: |\n  one\n  TWO\n",
        "a: |  # a comment\n\n\n    one\n      TWO\n",
        "a: |2-\n    one TWO",
        "a: >\n  one\n\n  two\n  TWO\n",
        "{a: one TWO, b: 1}",
        "b: 😀\na: 😀 TWO",
    ],
)
def test_a_character_of_a_scalar_is_found_where_it_stands_in_the_file(text: str) -> None:
    node, (before, _, _) = scalar(text), text.partition("TWO")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    start = node.value.index("TWO")
    assert [place(node, start + further) for further in range(3)] == [(line, column + further) for further in range(3)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a: one\nb: 1", (1, 7)),
        ("a: 'one'\nb: 1", (1, 8)),
        ('a: "one"\nb: 1', (1, 8)),
        ('a: "on\\x65"', (1, 11)),
        ("a: |\n  one\n\n\nb: 1", (2, 6)),
        ("a: ''", (1, 4)),
        ("a:", (1, 3)),
    ],
)
def test_the_end_of_a_scalar_is_just_behind_its_last_character(text: str, wanted: tuple[int, int]) -> None:
    node = scalar(text)
    assert place(node, len(node.value)) == wanted


@given(
    st.text(st.sampled_from("ab \"'\\…😀é\t:#{}[]|>-"), min_size=1, max_size=30).filter(lambda text: text.strip(" \t")),
    st.sampled_from(["'", '"', "|"]),
    st.booleans(),
    st.integers(5, 80),
)
def test_any_character_of_any_scalar_is_found(value: str, style: str, unicode: bool, width: int) -> None:  # noqa: FBT001
    dumped = yaml.dump([value], default_style=style, allow_unicode=unicode, width=width)
    (item,) = scalar("a:\n" + dumped).value
    rising, falling = item.locator(), item.locator()
    places = [rising(offset) for offset in range(len(item.value))]
    assert [falling(offset) for offset in reversed(range(len(item.value)))] == places[::-1]
    for character, (_, line, column) in zip(item.value, places, strict=True):
        if character not in " \t\n":
            there = ("a:\n" + dumped).split("\n")[line - 1][column - 1 :]
            escape = re.match(r"\\(x..|u....|U........|.)", there) if item.style == '"' else None
            assert (yaml.safe_load(f'"{escape[0]}"') if escape else there[0]) == character


# -- what is refused


@pytest.mark.parametrize("parser", [yaml_tree.LOADER, yaml.SafeLoader])
def test_no_other_character_stops_yaml_from_reading(parser: Any) -> None:
    codes = [*range(0x3100), *range(0xD7F0, 0xD800), *range(0xE000, 0xE010), *range(0xFE00, 0x10010), 0x10FFFF]
    allowed = "".join(chr(code) for code in codes if chr(code) != "\n" and not FORBIDDEN.match(chr(code)))
    values = [event.value for event in yaml.parse("|\n  x" + allowed, Loader=parser) if isinstance(event, yaml.ScalarEvent)]
    assert [len(value) for value in values] == [len(allowed) + 1]


def test_no_control_and_no_bidi_character_may_stand_in_a_world() -> None:
    allowed = {"\t", "\n"}
    for code in range(0x110000):
        character = chr(code)
        bidi = unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
        if (unicodedata.category(character) in {"Cc", "Cs"} or bidi) and character not in allowed:
            assert FORBIDDEN.match(character), f"U+{code:04X}"


def test_only_so_many_forbidden_characters_are_named() -> None:
    assert len(problems("a: x" + "\x1b" * 1000)) == MAX_FORBIDDEN
    assert len(problems('a: "' + "\\e" * 1000 + '"')) == MAX_FORBIDDEN


def test_a_forbidden_character_reaches_no_message() -> None:
    root, found = read_tree("a.yaml", b'a: "x\\x1b[31m\\u202ey"')
    assert root is not None
    assert plain(root) == {"a": "x\ufffd[31m\ufffdy"}
    assert [str(problem) for problem in found] == [
        "a.yaml:1:6: E004 the character U+001B is not allowed in a world",
        "a.yaml:1:14: E004 the character U+202E is not allowed in a world",
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: the\xe9", "a.yaml:1:7: E003 not UTF-8 from here on; save the file as UTF-8"),
        (b"a: 1\nb: \xf0\x9f\x98", "a.yaml:2:4: E003 not UTF-8 from here on; save the file as UTF-8"),
        ("a: 1\rb: 2", "a.yaml:1:5: E004 the character U+000D is not allowed in a world; save the file with Unix line ends"),
        ("a: [1, 2\n", "a.yaml:1:4: E005 this [ is never closed with ]; a text that begins so needs quotes"),
        ("a: [1, 2}", "a.yaml:1:4: E005 this [ is never closed with ]; a text that begins so needs quotes"),
        ("a: &x 1", "a.yaml:1:4: E006 anchors are not supported; a text that begins with & needs quotes"),
        ("a: &x [1]", "a.yaml:1:4: E006 anchors are not supported; a text that begins with & needs quotes"),
        ("a: *x", "a.yaml:1:4: E006 aliases are not supported: write the value out; a text that begins with * needs quotes"),
        ("a: !x {b: 1}", "a.yaml:1:4: E007 tags are not supported; a text that begins with ! needs quotes"),
        ("!!map a: 1", "a.yaml:1:1: E007 tags are not supported; a text that begins with ! needs quotes"),
        ("a: 1\n--- b: 2", "a.yaml:2:1: E008 a second YAML document; a file must hold only one"),
        ("a: " + "[" * 23 + "]" * 23 + "\nb: " + "[" * 24, "a.yaml:2:27: E009 nested more than 24 deep"),
        ("a: 1\na: 2", "a.yaml:2:1: E010 'a' is defined twice; first in line 1"),
        ("just text", "a.yaml:1:1: E011 a file of a world must be a mapping (key: value)"),
        ("- a\n- b", "a.yaml:1:1: E011 a file of a world must be a mapping (key: value)"),
        ("{a: 1}: 2", "a.yaml:1:1: E203 a key must be text in one line, at most 100 characters"),
        ("? " + "a" * 101 + "\n: 1", "a.yaml:1:3: E203 a key must be text in one line, at most 100 characters"),
    ],
)
def test_what_a_world_never_needs_is_refused_at_its_place(data: str | bytes, expected: str) -> None:
    assert problems(data) == [expected]


def test_a_file_has_so_many_values_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_NODES * 28 > 8 * 2**20
    monkeypatch.setattr(yaml_tree, "MAX_NODES", 5)
    assert tree("a: [x, x]") == {"a": ["x", "x"]}
    assert problems("a: [x, x, x]") == ["a.yaml:1:11: E009 more than 5 values in one file"]


def test_of_two_equal_keys_the_first_one_stands_and_reading_goes_on() -> None:
    root, found = read_tree("a.yaml", b"a: {b: 1, c: 2, b: 3}\nd: 4\na: 5")
    assert root is not None
    assert plain(root) == {"a": {"b": "1", "c": "2"}, "d": "4"}
    assert [(problem.line, problem.column, problem.code) for problem in found] == [(1, 17, "E010"), (3, 1, "E010")]


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_no_part_of_a_world() -> None:
    root, problems = read_tree("a.yaml", "\ufeffa: one\r\nb: |\r\n  two\r\n  three\r\n".encode())
    assert problems == []
    assert root is not None
    assert [node.value for _, node in root.value.values()] == ["one", "two\nthree\n"]
    assert root.value["b"][1].place[1:] == (2, 4)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("say: -5 x: y", 0),  # a number, not a dash of a list
        ("text: |\n  Words here", 1),  # the first line of a text has no colon
        ("goto:\n  decode", 1),  # a value on a line of its own has none
    ],
)
def test_what_is_no_fault_is_not_named_as_one(text: str, line: int) -> None:
    assert cause(text, line, None) is None


def test_a_key_between_its_sisters_and_their_parent_is_found_across_an_empty_line() -> None:
    fault = cause("a:\n    b: 1\n\n  c: 2", 3, None)
    assert fault is not None
    assert (fault.line, fault.column) == (3, 2)
    assert fault.message.startswith("this line stands under no key above it")
