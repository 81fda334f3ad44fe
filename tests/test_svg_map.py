"""The scene graph as SVG: boxes do not overlap, and no edge crosses a box that is not its own."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from fixtures_checker import random_world, read
from forward_pass.interface.scene_graph import Edge, SceneGraph, build_graph
from forward_pass.interface.svg_map import (
    BOX_HEIGHT,
    BOX_WIDTH,
    LANE_WIDTH,
    Layout,
    Line,
    PlacedNode,
    Point,
    _curve_point,
    _route,
    as_svg,
    layout_graph,
)
from forward_pass.loading.worlds import open_world

NAMESPACES = {"s": "http://www.w3.org/2000/svg"}


@lru_cache
def graph(name: str) -> SceneGraph:
    """Return the graph of a shipped world by its id, or of a random one by its seed."""
    return build_graph(read(random_world(int(name))) if name.isdigit() else open_world(name))


def parse_svg(name: str) -> ET.Element:
    """Return the SVG of a graph, parsed."""
    return ET.fromstring(as_svg(graph(name)))  # noqa: S314 - our own


def points(line: Line) -> list[Point]:
    """Return points along a line."""
    if line.curved:
        return [_curve_point(line.points, step / 40) for step in range(41)]
    pairs = pairwise(line.points)
    return [(x + (u - x) * step / 40, y + (v - y) * step / 40) for (x, y), (u, v) in pairs for step in range(41)]


def crosses(line: Line, node: PlacedNode) -> bool:
    """Return whether a line crosses a box."""
    return any(node.x < x < node.x + BOX_WIDTH and node.y < y < node.y + BOX_HEIGHT for x, y in points(line))


def edge_lines(name: str) -> tuple[Layout, list[tuple[Edge, Line]]]:
    """Return the layout of a graph, and its edges with their lines."""
    layout = layout_graph(graph(name))
    return layout, [(edge, _route(edge, layout)) for edge in graph(name).edges]


@pytest.mark.parametrize("name", ["forward-pass", "first-light", *map(str, range(8))])
def test_boxes_do_not_overlap_and_no_edge_crosses_another_box(name: str) -> None:
    layout, lines = edge_lines(name)
    boxes = {key: node for key, node in layout.nodes.items() if node.box}
    nodes = list(boxes.values())
    assert all(
        abs(a.x - b.x) >= BOX_WIDTH or abs(a.y - b.y) >= BOX_HEIGHT for index, a in enumerate(nodes) for b in nodes[:index]
    )
    for edge, line in lines:
        crossed = [key for key, node in boxes.items() if key not in (edge.source, edge.target) and crosses(line, node)]
        assert (edge, crossed) == (edge, [])


@pytest.mark.parametrize("name", ["forward-pass", "first-light"])
def test_endings_have_at_most_three_columns_above_the_boundary_and_are_entered_from_the_left(name: str) -> None:
    layout, lines = edge_lines(name)
    endings = {key: node for key, node in layout.nodes.items() if node.box and node.box.title}
    assert len({node.x for node in endings.values()}) <= 3
    assert all(node.y + BOX_HEIGHT < layout.bottom and node.x + LANE_WIDTH <= layout.width for node in endings.values())
    for edge, line in lines:
        if edge.target in endings:
            node, ((x, y), last) = endings[edge.target], line.points[-2:]
            assert last == (node.x, node.y + BOX_HEIGHT / 2)
            assert y == last[1]
            assert x < last[0]


@pytest.mark.parametrize("name", ["forward-pass", "first-light"])
def test_an_svg_is_well_formed_and_has_every_box_and_edge(name: str) -> None:
    svg, texts = parse_svg(name), [text.text or "" for text in parse_svg(name).findall(".//s:text", NAMESPACES)]
    rects = svg.findall(".//s:g/s:rect", NAMESPACES)
    assert len(rects) == len(graph(name).boxes)
    edge_paths = [path for path in svg.findall("./s:path", NAMESPACES) if path.get("marker-end") and path.get("stroke-opacity")]
    assert len(edge_paths) == len(graph(name).edges)
    assert str(graph(name).boundary) in texts
    assert any("boundary" in text for text in texts)


def test_tokens_are_named_above_and_below_and_layers_on_both_sides() -> None:
    texts = [text.text or "" for text in parse_svg("forward-pass").findall(".//s:text", NAMESPACES)]
    for token in graph("forward-pass").tokens:
        assert sum(text.startswith(f"token {token}") for text in texts) == 2
    assert texts.count("62") == 2


def test_costs_and_words_label_their_edges() -> None:
    texts = [text.text or "" for text in parse_svg("forward-pass").findall(".//s:text", NAMESPACES)]
    assert "to 64" in texts
    assert "“foot”" in texts
    assert "“two” and 3 more" in texts
    assert "otherwise" in texts  # which is no word
    costs = [text for text in parse_svg("forward-pass").findall(".//s:text", NAMESPACES) if text.get("font-size") == "9"]
    assert len(costs) > len(graph("forward-pass").edges) / 3


def test_a_choice_that_leads_back_to_its_scene_is_a_small_loop() -> None:
    layout, lines = edge_lines("first-light")
    (loop,) = (line for edge, line in lines if edge.source == edge.target == "question@11")
    node = layout.nodes["question@11"]
    assert loop.curved
    assert {x for x, _ in (loop.points[0], loop.points[-1])} == {node.x + BOX_WIDTH}
    assert all(x - node.x - BOX_WIDTH <= 20 for x, _ in loop.points)
