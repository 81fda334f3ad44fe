"""The map of a world's scenes in words and as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from building import built
from fixtures_checker import random_world, read
from forward_pass.interface.scene_map import scene_map_lines, scene_map_page
from forward_pass.loading.worlds import open_world
from forward_pass.story.nodes import Scene
from forward_pass.story.world import World
from test_frame import PLAIN


def test_a_scene_stands_under_its_token_with_the_words_of_its_choices_and_where_they_lead(first_light: World) -> None:
    lines = scene_map_lines(first_light, 200)
    at = lines.index("  question, layer 4")
    assert lines.index("Token 11") < at < lines.index("Token 12")
    assert lines[at + 1 : at + 5] == [
        "    ? Read it once more, for the tone (1 layer) → question",
        "    ? Lean toward the thing by the door (lean · 2 layers) → leaning",
        "    Shut my eyes, such as they are, and let them come (let) → the decoder",
        "    Enough reading. Find the slope (ask · 1 layer) → slope",
    ]
    assert "  the decoder: “dark” → second-morning" in lines
    assert "    Try to think of a third thing before they come (7 layers) → copied-out, or the decoder, cut short" in lines
    assert "  the decoder: otherwise → ends: By the Door, or ends: Half Said, or ends: The Usual Order" in lines


def test_a_story_without_a_pass_has_scenes_in_the_order_of_writing_and_nothing_of_a_pass() -> None:
    lines = scene_map_lines(built(PLAIN, "gate"), 72)
    assert lines[2:] == [
        "  road",
        "    Knock → answer",
        "    Leave → ends: Home",
        "  answer",
        "    Go on → inside, or road",
        "  inside",
        "    ? Leave again → ends: Home",
    ]


@pytest.mark.parametrize("columns", [30, 72])
def test_it_is_no_wider_than_it_may_be(columns: int) -> None:
    assert max(map(len, scene_map_lines(open_world(None), columns))) <= columns


def test_what_nothing_leads_to_is_named() -> None:
    text = PLAIN.replace("endings:\n", "  attic: {text: An attic., goto: home}\n\nendings:\n")
    assert scene_map_lines(built(text, "gate"), 72)[-1] == "Nothing leads to attic."


class _Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids, self.links, self.places = set[str](), set[str](), 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take up what can be linked to, and what is."""
        values = dict(attrs)
        self.ids.add(values.get("id") or "")
        self.links.add((values.get("href") or "").removeprefix("#"))
        self.places += tag == "a" and "data-place" in values


@pytest.mark.parametrize("world", ["first-light", "forward-pass", *range(6)])
def test_the_page_has_every_scene_and_ending_and_every_link_leads_somewhere(world: str | int) -> None:
    subject = read(random_world(world)) if isinstance(world, int) else open_world(world)
    text = scene_map_page(subject)
    page = _Page(text)
    assert page.links - {""} <= page.ids
    reached = {line.strip().partition(",")[0] for line in scene_map_lines(subject, 10_000) if re.match(r"  \S", line)}
    scenes = [scene for scene in subject.scenes.values() if isinstance(scene, Scene) and scene.id in reached]
    assert page.places >= len(scenes)
    assert all(f">{scene.id}</h2>" in text for scene in scenes)
    assert set(re.findall(r'(?:src|href)="([^#"][^"]*)"', text)) == set()  # nothing is fetched


def test_what_an_author_wrote_is_escaped() -> None:
    page = scene_map_page(built(PLAIN.replace("say: Knock.", "say: Knock <b>hard</b>."), "gate"))
    assert "<b>" not in page
    assert "Knock &lt;b&gt;hard&lt;/b&gt;" in page
