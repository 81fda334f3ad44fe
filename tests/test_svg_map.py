"""A chart drawn: boxes apart, no arrow over a box that it has nothing to do with, everything in its place."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from fixtures_checker import random_world, read
from forward_pass.cli import open_world
from forward_pass.interface.scene_graph import Edge, SceneGraph, build_graph
from forward_pass.interface.svg_map import HEIGHT, LANE, WIDTH, Layout, Line, Point, Spot, _at, _line, as_svg, layout_graph

SPACE = {"s": "http://www.w3.org/2000/svg"}


@lru_cache
def chart(named: str) -> SceneGraph:
    """Return the chart of a world of ours, or of a random one."""
    return build_graph(read(random_world(int(named))) if named.isdigit() else open_world(named))


def root(named: str) -> ET.Element:
    """Return a picture, read."""
    return ET.fromstring(as_svg(chart(named)))  # noqa: S314 - our own


def points(line: Line) -> list[Point]:
    """Return points all along a line."""
    if line.curved:
        return [_at(line.points, step / 40) for step in range(41)]
    pairs = pairwise(line.points)
    return [(x + (u - x) * step / 40, y + (v - y) * step / 40) for (x, y), (u, v) in pairs for step in range(41)]


def over(line: Line, spot: Spot) -> bool:
    """Return whether a line goes over a box."""
    return any(spot.x < x < spot.x + WIDTH and spot.y < y < spot.y + HEIGHT for x, y in points(line))


def drawn_lines(named: str) -> tuple[Layout, list[tuple[Edge, Line]]]:
    """Return where things lie, and how every arrow is drawn."""
    layout = layout_graph(chart(named))
    return layout, [(arrow, _line(arrow, layout)) for arrow in chart(named).arrows]


@pytest.mark.parametrize("named", ["forward-pass", "first-light", *map(str, range(8))])
def test_boxes_lie_apart_and_no_arrow_goes_over_another_box(named: str) -> None:
    layout, lines = drawn_lines(named)
    boxes = {key: spot for key, spot in layout.spots.items() if spot.box}
    spots = list(boxes.values())
    assert all(abs(a.x - b.x) >= WIDTH or abs(a.y - b.y) >= HEIGHT for at, a in enumerate(spots) for b in spots[:at])
    for arrow, line in lines:
        crossed = [key for key, spot in boxes.items() if key not in (arrow.source, arrow.target) and over(line, spot)]
        assert (arrow, crossed) == (arrow, [])


@pytest.mark.parametrize("named", ["forward-pass", "first-light"])
def test_endings_stand_in_three_columns_at_most_above_the_boundary_and_are_entered_from_the_left(named: str) -> None:
    layout, lines = drawn_lines(named)
    endings = {key: spot for key, spot in layout.spots.items() if spot.box and spot.box.title}
    assert len({spot.x for spot in endings.values()}) <= 3
    assert all(spot.y + HEIGHT < layout.bottom and spot.x + LANE <= layout.width for spot in endings.values())
    for arrow, line in lines:
        if arrow.target in endings:
            spot, ((x, y), last) = endings[arrow.target], line.points[-2:]
            assert last == (spot.x, spot.y + HEIGHT / 2)
            assert y == last[1]
            assert x < last[0]


@pytest.mark.parametrize("named", ["forward-pass", "first-light"])
def test_a_picture_is_well_formed_and_has_every_box_and_arrow(named: str) -> None:
    found, texts = root(named), [text.text or "" for text in root(named).findall(".//s:text", SPACE)]
    rects = found.findall(".//s:g/s:rect", SPACE)
    assert len(rects) == len(chart(named).boxes)
    marked = [path for path in found.findall("./s:path", SPACE) if path.get("marker-end") and path.get("stroke-opacity")]
    assert len(marked) == len(chart(named).arrows)
    assert str(chart(named).boundary) in texts
    assert any("boundary" in text for text in texts)


def test_tokens_are_named_above_and_below_and_layers_on_both_sides() -> None:
    texts = [text.text or "" for text in root("forward-pass").findall(".//s:text", SPACE)]
    for token in chart("forward-pass").tokens:
        assert sum(text.startswith(f"token {token}") for text in texts) == 2
    assert texts.count("62") == 2


def test_costs_and_words_stand_beside_their_arrows() -> None:
    texts = [text.text or "" for text in root("forward-pass").findall(".//s:text", SPACE)]
    assert "to 64" in texts
    assert "“foot”" in texts
    assert "“two” and 3 more" in texts
    assert "otherwise" in texts  # which is no word
    costs = [text for text in root("forward-pass").findall(".//s:text", SPACE) if text.get("font-size") == "9"]
    assert len(costs) > len(chart("forward-pass").arrows) / 3


def test_a_choice_that_leads_back_to_its_own_scene_is_a_small_loop() -> None:
    layout, lines = drawn_lines("first-light")
    (loop,) = (line for arrow, line in lines if arrow.source == arrow.target == "question@11")
    spot = layout.spots["question@11"]
    assert loop.curved
    assert {x for x, _ in (loop.points[0], loop.points[-1])} == {spot.x + WIDTH}
    assert all(x - spot.x - WIDTH <= 20 for x, _ in loop.points)
