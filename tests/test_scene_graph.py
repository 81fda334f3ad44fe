"""The scene graph, and its output as DOT and Mermaid."""

from __future__ import annotations

from shutil import which
from subprocess import run
from xml.etree import ElementTree as ET

import pytest

from building import TINY
from fixtures_checker import random_world, read
from forward_pass.interface.scene_graph import as_dot, as_mermaid, build_graph, draw_graph
from forward_pass.loading.worlds import open_world
from forward_pass.story.world import World

FAST_OPTIONS = ("-Gmclimit=0.2", "-Gnslimit=1", "-Gsplines=line")  # a rough layout in less than a second


def test_a_scene_has_the_least_layer_at_which_it_is_reachable(first_light: World) -> None:
    boxes = {box.name: (box.token, box.layer) for box in build_graph(first_light).boxes if not box.title}
    assert boxes["waking"] == (11, 3)
    assert boxes["question"] == boxes["slope"] == (11, 4)
    assert boxes["labelled"] == (11, 7)
    assert boxes["second-morning"] == boxes["stray-word"] == (12, 3)


def test_edges_go_through_the_decoder_of_their_token_with_the_words_decoded(first_light: World) -> None:
    edges = {(edge.source, edge.target): edge for edge in build_graph(first_light).edges}
    assert edges["decoder-11", "second-morning@12"].labels == ("dark", "switch")
    assert edges["decoder-12", "the-loop"].labels == ("again",)
    assert edges["waking@11", "question@11"].labels == ("Read the question again, slowly this time",)
    assert edges["question@11", "leaning@11"].conditional
    assert not edges["waking@11", "decoder-11"].conditional


def test_dot_marks_endings_and_ranks_scenes_by_layer(first_light: World) -> None:
    dot = as_dot(build_graph(first_light))
    assert dot.startswith('digraph "First Light" {')
    assert '"the-loop" [label="Again", peripheries=2, style=rounded];' in dot
    assert '{ rank=same; "layer 4"; "question@11"; "slope@11"; }' in dot
    assert dot.count("{") == dot.count("}")


@pytest.mark.parametrize("name", ["forward-pass", "first-light"])
def test_graphviz_draws_our_worlds_with_every_box_edge_and_token(name: str) -> None:
    dot = which("dot")
    if not dot:
        pytest.skip("no Graphviz here")
    graph = build_graph(open_world(name))
    result = run([dot, "-Tsvg", *FAST_OPTIONS], input=as_dot(graph), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr[:200]) == (0, "")
    root, namespaces = ET.fromstring(result.stdout), {"s": "http://www.w3.org/2000/svg"}  # noqa: S314 - dot's
    titles = [title.text or "" for title in root.findall(".//s:g/s:title", namespaces)]
    assert {box.key for box in graph.boxes} | {f"token-{token}" for token in graph.tokens} <= set(titles)
    assert {f"{edge.source}->{edge.target}" for edge in graph.edges} <= set(titles)


def test_mermaid_has_a_subgraph_a_token_and_no_bare_quote(first_light: World) -> None:
    mermaid = as_mermaid(build_graph(first_light))
    assert mermaid.startswith("flowchart TB\n")
    assert mermaid.count("subgraph") == 2
    assert mermaid.count(":::ending") == len(first_light.endings)
    assert all(line.count('"') % 2 == 0 for line in mermaid.splitlines())


@pytest.mark.parametrize("seed", range(8))
def test_any_world_can_be_drawn_in_every_format(seed: int) -> None:
    graph = build_graph(read(random_world(seed)))
    for file_format in ("dot", "mermaid"):
        assert draw_graph(graph, file_format).endswith("\n")


def test_titles_are_escaped() -> None:
    world = read(TINY.replace("title: Done", "title: '<b>\"Done\" & \\ [x]'"))
    assert '\\"Done\\"' in as_dot(build_graph(world))
    assert "<" not in as_mermaid(build_graph(world))
