"""The map of all runs: the tree has a node for each turn; here, runs that meet in a scene meet. Tokens across, layers down.

A place is a scene at a token, a way is a choice that led from one place to another. Both come from run files alone; which ways
nobody took is computed again, place by place (``tree_states``). Here the map is a value, lines and an object; prints nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.gc_pause import gc_paused
from forward_pass.session.branches import NodePositions, choice_name, plain_choice
from forward_pass.session.transcript import count_text, quoted, wrap
from forward_pass.session.tree_states import TreeStates

if TYPE_CHECKING:
    from forward_pass.storage.run_set import RunSet
    from forward_pass.storage.tree import Node, Tree
    from forward_pass.story.world import World

LARGE = 20_000  # turns of a tree
STATES_ASKED = 200  # turns at one place that are asked which ways are open there
STATES_ASKED_OF_LARGE = 20
SPREAD_RUNS = 3  # runs that are named beside a way


class Way(NamedTuple):
    """What led from one place to another: the choice, the word drawn if the decoder came, how often, by which runs first."""

    choice: str
    word: str | None
    source: int
    target: int
    times: int
    runs: tuple[int, ...]  # the first that took it, at most ``SPREAD_RUNS``


class Place(NamedTuple):
    """A scene at a token, or an ending: where runs met."""

    number: int
    scene: str
    title: str  # of an ending, else empty
    token: int
    layer: int | None  # the least at which a run was here; None where the world has changed too much to say
    runs: int  # how many were here
    nodes: tuple[int, ...]  # of the tree, which are the turns that led here
    ways: tuple[Way, ...]  # that were taken from here, the most taken first


class OpenWay(NamedTuple):
    """A way that is open at a place and that no run took there, and the node of the tree at which it is open."""

    choice: str
    say: str
    verb: str  # empty for one that is not an act
    node: int


class RunMap(NamedTuple):
    """The places of all runs, by token and layer, the opening first."""

    places: tuple[Place, ...]
    of_node: tuple[int, ...]  # by node of the tree, the number of its place

    @property
    def ways(self) -> list[Way]:
        """All ways, place by place."""
        return [way for place in self.places for way in place.ways]

    @property
    def tokens(self) -> list[int]:
        """The tokens with places, in order; endings stand at the token that they were reached at."""
        return sorted({place.token for place in self.places})


def build_map(world: World, tree: Tree) -> RunMap:
    """Return the map of a tree of runs."""
    with gc_paused():
        return _build_map(world, tree)


def _build_map(world: World, tree: Tree) -> RunMap:
    positions = NodePositions(world, tree)
    least: dict[tuple[int, str], int | None] = {}
    members: dict[tuple[int, str], list[int]] = {}
    keys: list[tuple[int, str]] = []
    for node in tree.nodes:
        token, layer = positions[node.number]
        key = (token, node.recorded.scene if node.recorded else world.start)
        keys.append(key)
        members.setdefault(key, []).append(node.number)
        known = least.get(key)
        least[key] = known if layer is None else layer if known is None else min(known, layer)
    order = sorted(members, key=lambda key: (key[0], key[1] in world.endings, least[key] or 0, members[key][0]))
    numbers = {key: number for number, key in enumerate(order)}
    of_node = [numbers[key] for key in keys]
    taken = _ways_by_source(tree, of_node)
    places = tuple(
        Place(
            number=number,
            scene=scene,
            title=world.endings.get(scene, ""),
            token=token,
            layer=least[token, scene],
            runs=_run_count(tree, members[token, scene]),
            nodes=tuple(members[token, scene]),
            ways=tuple(sorted(taken.get(number, ()), key=lambda way: (-way.times, way.choice, way.target))),
        )
        for number, (token, scene) in enumerate(order)
    )
    return RunMap(places, tuple(of_node))


def _ways_by_source(tree: Tree, of_node: list[int]) -> dict[int, list[Way]]:
    children: dict[tuple[int, str, str | None, int], list[Node]] = {}
    for node in tree.nodes[1:]:
        if node.recorded is not None:
            key = (of_node[node.parent], node.recorded.choice, node.recorded.word, of_node[node.number])
            children.setdefault(key, []).append(node)
    ways: dict[int, list[Way]] = {}
    for (source, choice, word, target), nodes in children.items():
        times = sum(len(node.runs) for node in nodes)
        named = tuple(sorted({run for node in nodes[:SPREAD_RUNS] for run in node.runs[:SPREAD_RUNS]}))[:SPREAD_RUNS]
        ways.setdefault(source, []).append(Way(choice, word, source, target, times, named))
    return ways


def _run_count(tree: Tree, nodes: list[int]) -> int:
    if len(nodes) == 1:
        return len(tree.nodes[nodes[0]].runs)
    return len({run for number in nodes for run in tree.nodes[number].runs})


def open_ways(run_map: RunMap, place: Place, states: TreeStates) -> list[OpenWay]:
    """Return the ways that are open at a place and that no run ever took, in the order of writing.

    Of a place with very many turns the first are asked, so that a map of ten thousand runs can be drawn at once.
    """
    found: dict[str, OpenWay] = {}
    for number in place.nodes[: STATES_ASKED_OF_LARGE if len(run_map.of_node) > LARGE else STATES_ASKED]:
        for choice in states.untaken(number):
            if choice.id not in found:
                found[choice.id] = OpenWay(choice.id, choice_name(states.world, choice.id), choice.verb or "", number)
    slots = {choice: slot for slot, choice in enumerate(states.world.choice_ids)}
    return sorted(found.values(), key=lambda way: slots[way.choice])


def deciding_places(run_map: RunMap, run_set: RunSet, states: TreeStates) -> Mapping[int, int]:
    """Return by place how many runs decided their word by the choice that led there: one of its acts is among what did."""
    deciding: dict[int, int] = {}
    for last in run_set.tree.last_nodes.values():
        state = states.state(last)
        names = set((state and state.decided) or ())
        for node in run_set.tree.path(last)[1:] if names else []:
            choice = node.recorded and states.world.choices.get(node.recorded.choice)
            if choice and names & set(choice.acts):
                place = run_map.of_node[node.number]
                deciding[place] = deciding.get(place, 0) + 1
    return deciding


# -- words ----------------------------------------------------------------------------------------------------------------


def place_name(world: World, place: Place, before: Way | None = None) -> str:
    """Return what a place is called: an ending by its title, the opening, else by the words of the way that led there."""
    if place.title:
        return place.title
    if not place.number:
        return "the opening"
    if before is None:
        return f"a scene at {place.token}"
    if before.word is not None:
        return f"after {quoted(before.word)}"
    return f"“{plain_choice(world, before.choice)}”"


def ways_in(run_map: RunMap) -> dict[int, Way]:
    """Return by place the way by which most runs came."""
    found: dict[int, Way] = {}
    for way in run_map.ways:
        known = found.get(way.target)
        if known is None or way.times > known.times:
            found[way.target] = way
    return found


def arrival_words(world: World, run_map: RunMap) -> dict[int, str]:
    """Return by token the word that most runs came to it with."""
    counts: dict[int, Counter[str]] = {}
    for way in run_map.ways:
        if way.word is not None:
            counts.setdefault(run_map.places[way.target].token, Counter())[way.word.replace("\n", "↵")] += way.times
    return {world.first_token: world.prompt[-1]} | {token: words.most_common(1)[0][0] for token, words in counts.items()}


def way_text(world: World, way: Way, target: Place) -> str:
    """Return a way in words: the choice, the word drawn, where it led, and how often it was taken."""
    verb = world.choices[way.choice].verb if way.choice in world.choices else ""
    parts = [plain_choice(world, way.choice), *([f"[{verb}]"] if verb else [])]
    if way.word is not None:
        parts.append(f"→ {quoted(way.word)}")
    if target.title:
        parts.append(f"→ ends: {target.title}")
    runs = f"run {', '.join(map(str, way.runs))}{' …' if way.times > len(way.runs) else ''}"
    return f"{way.times}× {' '.join(parts)} ({runs})"


def place_text(world: World, place: Place) -> str:
    """Return at which layer a place is, or that it is an ending; empty in a story without a pass."""
    if place.title:
        return "ending"
    if not world.has_pass:
        return ""
    return f"layer {place.layer}" if place.layer is not None else "layer unknown"


def open_way_text(world: World, way: OpenWay) -> str:
    """Return a way that nobody took by its verb: what it says is for who takes it."""
    return f"never taken: {way.verb or ('a thought' if world.has_pass else 'another way')}"


def map_summary(world: World, run_map: RunMap, runs: int) -> str:
    """Return the counts of a map as a line."""
    endings = len({place.scene for place in run_map.places if place.title})
    places = sum(not place.title for place in run_map.places)
    counts = f"{count_text(runs, 'run')}, {count_text(places, 'place')}, {count_text(len(run_map.ways), 'way')}"
    return f"{world.title}: {counts}, {endings} of {len(world.endings)} endings."


def run_map_lines(run_set: RunSet, columns: int) -> list[str]:
    """Return the map of some runs in words: each place under its token, with the ways taken and those that nobody took."""
    world, run_map, states = run_set.world, build_map(run_set.world, run_set.tree), TreeStates(run_set)
    named = ways_in(run_map)
    deciding = deciding_places(run_map, run_set, states)
    lines = wrap(map_summary(world, run_map, len(run_set.journals)), columns)
    token = 0
    for place in run_map.places:
        if place.token != token:
            token = place.token
            lines += ["", f"Token {token}"] if world.has_pass else [""]
        where = place_text(world, place)
        runs = count_text(place.runs, "run")
        decided = f"; decided the word of {deciding[place.number]}" if place.number in deciding else ""
        name = place_name(world, place, named.get(place.number))
        lines += _indented(f"{name}: {f'{where}, ' if where else ''}{runs}{decided}", columns, 2)
        for way in place.ways:
            lines += _indented(way_text(world, way, run_map.places[way.target]), columns, 4)
        for open_way in open_ways(run_map, place, states):
            lines += _indented(open_way_text(world, open_way), columns, 4)
    return lines


def _indented(text: str, columns: int, indent: int) -> list[str]:
    first, *rest = wrap(text, columns - indent - 2)
    return [" " * indent + first, *(" " * (indent + 2) + line for line in rest)]


def map_object(run_set: RunSet) -> dict[str, object]:
    """Return the map of some runs as an object: places with the ways taken and those that nobody took."""
    world, run_map, states = run_set.world, build_map(run_set.world, run_set.tree), TreeStates(run_set)
    deciding = deciding_places(run_map, run_set, states)
    places = [
        {
            "place": place.number,
            "scene": place.scene,
            "title": place.title or None,
            "token": place.token,
            "layer": place.layer,
            "runs": place.runs,
            "decided": deciding.get(place.number, 0),
            "ways": [
                {"choice": way.choice, "word": way.word, "to": way.target, "count": way.times, "runs": list(way.runs)}
                for way in place.ways
            ],
            "untaken": [{"choice": way.choice, "verb": way.verb or None} for way in open_ways(run_map, place, states)],
        }
        for place in run_map.places
    ]
    found = len({place.scene for place in run_map.places if place.title})
    counts = {"runs": len(run_set.journals), "found": found, "endings": len(world.endings)}
    return {"type": "map", "world": world.id, **counts, "places": places}
