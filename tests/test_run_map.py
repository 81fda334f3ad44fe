"""The map of all runs: its places and ways, what nobody took, its screen, its page, and what is taken from it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from prompt_toolkit.utils import get_cwidth

from building import first_light
from fixtures_golden import flagship
from fixtures_play import WORLD, command, read_run, run_file_names
from forward_pass.interface.branch_browser import browse_until_fork
from forward_pass.interface.browsing import BrowserRequest, taking, without_page
from forward_pass.interface.map_browser import ENDING, OPEN, MapBrowser, browse_map
from forward_pass.interface.map_page import map_page
from forward_pass.network.passes import WrittenPass
from forward_pass.session.run_map import OpenWay, build_map, deciding_places, map_object, open_ways, run_map_lines
from forward_pass.session.tree_states import TreeStates
from forward_pass.storage.run_set import RunSet, stored_runs
from forward_pass.story.engine import offers
from test_docs import OBJECTS, hold
from test_export import contrast
from test_tree_browser import CTRL_C, END, ENTER, HOME, RIGHT, type_keys


@pytest.fixture(scope="module")
def many(many_runs: Path) -> RunSet:
    """Return 500 random runs of the small world."""
    world = first_light()
    return stored_runs(world, WrittenPass(world), many_runs / WORLD)


def test_the_map_has_exactly_the_distinct_scenes_and_ways_of_the_runs(many: RunSet) -> None:
    run_map = build_map(many.world, many.tree)
    scenes, ways = set(), set()
    for number, journal in many.journals.items():
        state = many.replay_to(number, 0).run.opening
        here = (state.token, state.scene)
        scenes.add(here)
        for turn in many.replay_to(number, len(journal.turns)).run.turns:
            there = (turn.state.token, turn.state.scene)
            ways.add((here, turn.choice, turn.word, there))
            scenes.add(there)
            here = there
    names = [(place.token, place.scene) for place in run_map.places]
    assert len(names) == len(scenes)
    assert set(names) == scenes
    drawn = [(names[way.source], way.choice, way.word, names[way.target]) for way in run_map.ways]
    assert len(drawn) == len(ways)
    assert set(drawn) == ways


def test_every_run_is_a_path_of_the_map_and_replays_identically(many: RunSet) -> None:
    run_map = build_map(many.world, many.tree)
    ways = {(way.source, way.choice, way.word, way.target) for way in run_map.ways}
    for number, journal in list(many.journals.items())[::5]:
        result = many.replay_to(number, len(journal.turns))
        assert (result.identical_turns, result.differences) == (len(journal.turns), ())
        for node in many.tree.path(many.tree.last_nodes[number])[1:]:
            assert node.recorded is not None
            step = (run_map.of_node[node.parent], node.recorded.choice, node.recorded.word, run_map.of_node[node.number])
            assert step in ways


def test_states_are_those_of_a_replay_and_open_ways_are_open_and_were_never_taken(many: RunSet) -> None:
    run_map, states = build_map(many.world, many.tree), TreeStates(many)
    for number, journal in list(many.journals.items())[::20]:
        run = many.replay_to(number, len(journal.turns)).run
        path = many.tree.path(many.tree.last_nodes[number])
        for node, state in zip(path, [run.opening, *(turn.state for turn in run.turns)], strict=True):
            known = states.state(node.number)
            assert known is not None
            assert known._replace(prior=state.prior) == state
    for place in run_map.places:
        taken = {way.choice for way in place.ways}
        for way in open_ways(run_map, place, states):
            there = states.state(way.node)
            assert there is not None
            assert way.choice not in taken
            assert way.choice in {offer.id for offer in offers(many.world, there) if offer.is_open}


def test_a_word_is_decided_where_the_act_was_made() -> None:
    runs = flagship()
    run_map, states = build_map(runs.world, runs.tree), TreeStates(runs)
    deciding = deciding_places(run_map, runs, states)
    assert len(deciding) > 10
    acting = {choice.id for choice in runs.world.choices.values() if choice.acts}
    for number in deciding:
        assert acting & {way.choice for way in run_map.ways if way.target == number}


def test_a_changed_world_leaves_states_unknown_and_the_map_stands(run_set: RunSet) -> None:
    journal = run_set.journals[1]
    turns = (journal.turns[0]._replace(choice="no-such-choice"), *journal.turns[1:])
    odd = RunSet(run_set.world, run_set.inspector, [(1, journal._replace(turns=turns))], None)
    run_map, states = build_map(odd.world, odd.tree), TreeStates(odd)
    assert states.state(odd.tree.last_nodes[1]) is None
    assert states.untaken(odd.tree.last_nodes[1]) == []
    assert states.forecast_of(odd.tree.last_nodes[1], "dark") is None
    assert run_map.places[-1].ways == ()
    assert map_page(odd).startswith("<!DOCTYPE html>")


def test_in_words_it_names_places_by_choices_and_never_by_ids(run_set: RunSet) -> None:
    lines = run_map_lines(run_set, 72)
    text = " ".join(" ".join(lines).split())
    assert lines[0] == "First Light: 3 runs, 4 places, 9 ways, 3 of 4 endings."
    assert "the opening: layer 3, 3 runs" in text
    assert "never taken: a thought" in text
    ids = {name for name in (*run_set.world.choice_ids, *run_set.world.scene_ids) if "-" in name}
    assert not [name for name in ids if name in text]
    assert all(get_cwidth(line) <= 40 for line in run_map_lines(run_set, 40))


def test_as_an_object_it_holds_to_its_schema(run_set: RunSet) -> None:
    row = map_object(run_set)
    hold(OBJECTS["map"], row)
    assert (row["runs"], row["found"], row["endings"]) == (3, 3, 4)


# -- the screen -------------------------------------------------------------------------------------------------------------


def drawing(screen: MapBrowser) -> list[str]:
    """Return the lines of the screen."""
    return "".join(part[1] for part in screen.fragments()).splitlines()


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 20), (140, 50)])
def test_every_place_of_the_flagships_golden_runs_can_be_selected_and_fits(columns: int, rows: int) -> None:
    with type_keys("", columns=columns, rows=rows):
        screen = MapBrowser(flagship(), 0)
        for place in screen.map.places:
            screen.select(place.number)
            lines = drawing(screen)
            assert max(map(get_cwidth, lines)) <= columns
            assert len(lines) <= rows - 2
            assert f"{place.token}, " in "\n".join(lines)
            styles = [style for style, *_ in screen.fragments()]
            assert styles.count("class:selected") == 1
        assert get_cwidth(screen.footer) <= columns


def test_the_selection_moves_by_places_and_by_tokens(run_set: RunSet) -> None:
    with type_keys(""):
        screen = MapBrowser(run_set, 0)
        assert screen.place.scene == "waking"
        screen.step(1)
        assert screen.place.number == 1
        screen.step_token(1)
        assert screen.place.token == 12
        screen.step_token(-1)
        assert screen.place.token == 11
        screen.step(100)
        assert screen.place.number == len(screen.map.places) - 1
        assert any(ENDING in line for line in drawing(screen))
        screen.select(0)
        screen.select_untaken()
        assert screen.open_at(screen.place)
        assert any(OPEN in line for line in drawing(screen))


def take_with_keys(run_set: RunSet, keys: str) -> BrowserRequest | None:
    """Return the request that some keys make of the map."""
    with type_keys(keys):
        return browse_map(run_set)


@pytest.mark.parametrize("key", ["q", CTRL_C, f"{ENTER}qq", "?qq", "w9q", "\x1b[B" + ENTER + "9qq"])
def test_the_map_can_be_left(run_set: RunSet, key: str) -> None:
    assert take_with_keys(run_set, key) is None


def test_a_number_takes_a_way_that_was_taken_or_one_that_nobody_took(run_set: RunSet) -> None:
    with type_keys(""):
        ways = MapBrowser(run_set, 0).ways
    open_at = next(number for number, way in enumerate(ways, 1) if isinstance(way, OpenWay))
    taken = take_with_keys(run_set, "1")
    never = take_with_keys(run_set, f"{open_at}")
    assert taken is not None
    assert never is not None
    assert (taken.action, taken.turn, taken.choice) == ("fork", 1, "")
    assert (never.action, never.turn, never.choice) == ("fork", 0, "feel-slope")


@pytest.mark.usefixtures("run_set")
def test_a_way_never_taken_is_found_and_played_in_three_keys(tmp_path: Path) -> None:
    before = {name: (tmp_path / WORLD / name).read_bytes() for name in run_file_names(tmp_path)}
    with type_keys("3\x04"):
        result = command("tree", WORLD, "--map", "--saves", tmp_path, terminal=True, ACCESSIBLE="")
    assert result.code == 0
    assert read_run(tmp_path, 4).turns[0].choice == "feel-slope"
    assert {name: (tmp_path / WORLD / name).read_bytes() for name in before} == before


def test_a_number_takes_the_way_of_a_turn_that_is_read_in_the_tree(run_set: RunSet) -> None:
    with type_keys(f"{HOME}{ENTER}2"):
        request = browse_until_fork(run_set)
    node = run_set.tree.nodes[0]
    assert request == taking(run_set, node, 2) == BrowserRequest("fork", 1, 0, 0, "feel-slope")
    assert taking(run_set, node, 9) is None
    taken = taking(run_set, node, 1)
    assert taken is not None
    assert (taken.turn, taken.choice) == (1, "")


def test_tab_goes_from_the_tree_to_the_map_and_back(run_set: RunSet) -> None:
    with type_keys(f"{RIGHT}\t{END}\tf"):
        request = browse_until_fork(run_set)
    assert request is not None
    assert request.action == "fork"
    assert run_set.tree.nodes[request.node].recorded is not None


def test_the_run_without_an_act_is_shown_from_the_map() -> None:
    runs = flagship()
    with type_keys(""):
        screen = MapBrowser(runs, 0)
        number = next(iter(screen.deciding))
        screen.select(number)
        screen.show_without()
        assert screen.pane is not None
        assert any("Without it" in line for line in screen.pane.lines)
        assert without_page(runs, runs.tree.nodes[0]) is None


# -- the page ---------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The elements of a page: ids, links, what would be fetched, and whether all are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take up an element."""
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found["href"] or ""] if tag == "a" else []
        self.fetched += [tag] if {"src", "srcset", "data", "action"} & found.keys() or tag in ("link", "img", "iframe") else []


def test_the_page_fetches_nothing_and_every_link_leads_to_a_place(run_set: RunSet) -> None:
    text = map_page(run_set)
    page = Page(text)
    assert page.fetched == []
    assert set(page.links) - {"#"} <= {f"#{one}" for one in page.ids}
    assert len(page.ids) == len(set(page.ids))
    assert "default-src 'none'" in text
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)\S+", text) == []
    assert "@media print" in text


def test_the_page_says_every_text_without_its_script(run_set: RunSet) -> None:
    text = map_page(run_set)
    body = text[: text.index("<script>")]
    for journal in run_set.journals.values():
        title = run_set.world.endings.get(journal.turns[-1].scene)
        assert title is None or title in body
    assert "never taken: a thought" in body


def test_the_page_has_enough_contrast_in_light_and_in_dark(run_set: RunSet) -> None:
    grounds = re.findall(
        r"--ground: (#\w+); --ink: (#\w+); --quiet: (#\w+);[^}]*--mark: (#\w+); --open: (#\w+)", map_page(run_set)
    )
    assert len(grounds) == 2
    for ground, *inks in grounds:
        assert min(contrast(ground, ink) for ink in inks) >= 4.5


def test_the_map_is_exported_as_a_page_alone(run_set: RunSet, tmp_path: Path) -> None:
    file = tmp_path / "map.html"
    assert command("export", "--map", WORLD, "--saves", tmp_path, "-o", file).code == 0
    assert file.read_text(encoding="utf8") == map_page(stored_runs(run_set.world, run_set.inspector, tmp_path / WORLD))
    for wrong in (["--format", "md"], ["-o", f"{tmp_path}/map.txt"], ["--turn", "1"]):
        assert command("export", "--map", WORLD, "--saves", tmp_path, *wrong).code == 2
    assert command("export", "--saves", tmp_path).code == 2
    nothing = command("export", "--map", WORLD, "--saves", tmp_path / "none")
    assert (nothing.code, nothing.out) == (1, "")
    assert "there are no runs of First Light to draw yet" in nothing.err


def test_the_map_is_printed_in_plain_lines_and_as_json(run_set: RunSet, tmp_path: Path) -> None:
    assert command("tree", WORLD, "--map", "--plain", "--saves", tmp_path).out.splitlines()[0] == run_map_lines(run_set, 72)[0]
    assert '"type": "map"' in command("tree", WORLD, "--map", "--json", "--saves", tmp_path).out
