"""The map: the picture is the pass."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import which
from subprocess import run
from xml.etree import ElementTree as ET

import pytest

from fixtures_checker import random_world, read
from forward_pass.cli import open_world
from forward_pass.interface.scene_graph import as_dot, as_mermaid, build_graph
from forward_pass.interface.svg_map import as_svg, draw_graph
from forward_pass.story.world import World

HASTY = ("-Gmclimit=0.2", "-Gnslimit=1", "-Gsplines=line")  # not the best picture, in less than a second


def test_a_scene_lies_at_the_least_layer_at_which_it_can_be_met(first_light: World) -> None:
    boxes = {box.name: (box.token, box.layer) for box in build_graph(first_light).boxes if not box.title}
    assert boxes["waking"] == (11, 3)
    assert boxes["question"] == boxes["slope"] == (11, 4)
    assert boxes["labelled"] == (11, 7)
    assert boxes["second-morning"] == boxes["stray-word"] == (12, 3)


def test_arrows_go_through_the_decoder_of_their_token_with_the_words_that_come_out(first_light: World) -> None:
    arrows = {(arrow.source, arrow.target): arrow for arrow in build_graph(first_light).arrows}
    assert arrows["decoder-11", "second-morning@12"].words == ("dark", "switch")
    assert arrows["decoder-12", "the-loop"].words == ("again",)
    assert arrows["waking@11", "question@11"].words == ("1",)
    assert arrows["question@11", "leaning@11"].conditional
    assert not arrows["waking@11", "decoder-11"].conditional


def test_dot_marks_endings_and_ranks_scenes_by_layer(first_light: World) -> None:
    dot = as_dot(build_graph(first_light))
    assert dot.startswith('digraph "First Light" {')
    assert '"the-loop" [label="Again", peripheries=2, style=rounded];' in dot
    assert '{ rank=same; "layer 4"; "question@11"; "slope@11"; }' in dot
    assert dot.count("{") == dot.count("}")


@pytest.mark.parametrize("named", ["forward-pass", "first-light"])
def test_graphviz_itself_draws_our_worlds_with_every_box_arrow_and_token(named: str) -> None:
    dot = which("dot")
    if not dot:
        pytest.skip("no Graphviz here")
    chart = build_graph(open_world(named))
    done = run([dot, "-Tsvg", *HASTY], input=as_dot(chart), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[:200]) == (0, "")
    root, space = ET.fromstring(done.stdout), {"s": "http://www.w3.org/2000/svg"}  # noqa: S314 - dot's
    titles = [title.text or "" for title in root.findall(".//s:g/s:title", space)]
    assert {box.key for box in chart.boxes} | {f"token-{token}" for token in chart.tokens} <= set(titles)
    assert {f"{arrow.source}->{arrow.target}" for arrow in chart.arrows} <= set(titles)


def test_mermaid_has_a_subgraph_a_token_and_no_bare_quote(first_light: World) -> None:
    mermaid = as_mermaid(build_graph(first_light))
    assert mermaid.startswith("flowchart TB\n")
    assert mermaid.count("subgraph") == 2
    assert mermaid.count(":::ending") == len(first_light.endings)
    assert all(line.count('"') % 2 == 0 for line in mermaid.splitlines())


@pytest.mark.parametrize("seed", range(8))
def test_any_world_can_be_drawn_in_every_form(seed: int) -> None:
    chart = build_graph(read(random_world(seed)))
    for form in ("dot", "mermaid", "svg"):
        assert draw_graph(chart, form).endswith("\n")
    ET.fromstring(draw_graph(chart, "svg"))  # noqa: S314 - our own


def test_a_title_with_marks_of_every_kind_does_no_harm() -> None:
    text = (Path(__file__).parent / "conftest.py").read_text()
    tiny = re.search(r'TINY = """\\\n(.*?)"""', text, re.DOTALL)
    assert tiny
    world = read(tiny[1].replace("title: Done", "title: '<b>\"Done\" & \\ [x]'"))
    assert "<b>" not in as_svg(build_graph(world))
    assert '\\"Done\\"' in as_dot(build_graph(world))
    assert "<" not in as_mermaid(build_graph(world))
