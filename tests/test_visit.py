"""The walk over the nodes of a world."""

from __future__ import annotations

from forward_pass.errors import Place
from forward_pass.story.nodes import (
    NOWHERE,
    And,
    Branch,
    Choice,
    Compare,
    Ending,
    Goto,
    If,
    Literal,
    Paragraph,
    Scene,
    Seen,
    Switch,
    Target,
    Text,
    VariableValue,
    Visits,
    WrittenCase,
)
from forward_pass.story.visit import find_nodes, walk_nodes
from forward_pass.story.world import World

CONDITION = And(Seen(0), Compare(">", Visits(1), Literal(2)))


def test_every_node_and_value_comes_once_each_before_what_stands_in_it_in_the_order_of_writing() -> None:
    expected = [CONDITION, Seen(0), 0, CONDITION.right, ">", Visits(1), 1, Literal(2), 2]
    assert list(map(repr, walk_nodes(CONDITION))) == list(map(repr, expected))


def test_several_roots_are_walked_one_after_the_other() -> None:
    assert [type(node) for node in walk_nodes(Seen(0), Visits(1))] == [Seen, int, Visits, int]
    assert list(walk_nodes()) == []


def test_the_values_of_a_mapping_are_walked_and_its_keys_are_not() -> None:
    case = WrittenCase(Seen(0), {"end": 0.25, "door": 0.75})
    assert [value for value in walk_nodes(case) if isinstance(value, float)] == [0.25, 0.75]
    assert not list(find_nodes(str, case))


def test_a_place_comes_whole() -> None:
    goto = Goto(NOWHERE, (Target(Place("a.yaml", 3, 5), None, "hall"),))
    assert list(find_nodes(Place, goto)) == [NOWHERE, Place("a.yaml", 3, 5)]
    assert list(find_nodes(int, goto)) == []


def test_the_nodes_of_a_kind_are_found_however_deep_they_are() -> None:
    inner = If(NOWHERE, Seen(3), ("a",), ("b",))
    switch = Switch(VariableValue(0), (Branch(NOWHERE, ("c", inner)), Branch(NOWHERE, ())))
    text = Text((Paragraph(None, (If(NOWHERE, Seen(1), (switch,), ()), "d"), preformatted=False),))
    assert [node.scene for node in find_nodes(Seen, text)] == [1, 3]
    assert [node.pieces for node in find_nodes(Branch, text)] == [("c", inner), ()]


def test_nodes_of_another_kind_that_look_alike_are_not_found() -> None:
    assert tuple(Seen(1)) == tuple(Visits(1))
    assert list(find_nodes(Seen, Visits(1))) == []


def test_a_whole_story_can_be_walked(first_light: World) -> None:
    story = first_light.story
    assert list(find_nodes(Scene, story)) == list(story.scenes)
    assert list(find_nodes(Ending, story)) == list(story.endings)
    assert [choice.id for choice in find_nodes(Choice, story)] == [
        choice.id for scene in story.scenes for choice in scene.choices
    ]


def test_a_tree_may_be_deeper_than_python_calls_functions() -> None:
    condition: And | Seen = Seen(0)
    for _ in range(5_000):
        condition = And(condition, Seen(1))
    assert sum(1 for _ in find_nodes(Seen, condition)) == 5_001
