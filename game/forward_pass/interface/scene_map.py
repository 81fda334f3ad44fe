"""The map of a world's scenes, for authors: in words, and as a web page with pan and zoom.

Scenes stand by token and by the least layer at which they can be reached, each with the words of its choices and where they
lead, whatever their conditions.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from forward_pass.interface.map_page import COLUMN_WIDTH, LEFT, TOP, Drawn, corners_of, drawing, web_page
from forward_pass.interface.scene_graph import SceneGraph, build_graph
from forward_pass.session.branches import plain_choice
from forward_pass.session.run_map import Place, RunMap, Way, place_text
from forward_pass.session.transcript import count_text, layers_text, quoted, wrap
from forward_pass.story.nodes import OTHERWISE, Choice, Goto, Scene
from forward_pass.story.world import World

LEGEND = (
    "Tokens across, layers down, endings below; the decoder of a token leads by its word. Click a scene for its choices and "
    "where they lead."
)
PLAIN_LEGEND = "Scenes in the order of writing, endings below. Click a scene for its choices and where they lead."
CONDITIONAL = "? "  # before a choice that has a condition


class Line(NamedTuple):
    """A choice, or a word, and where it leads."""

    text: str
    targets: tuple[str, ...]  # scenes and endings by id


# -- in words ---------------------------------------------------------------------------------------------------------


def scene_map_lines(world: World, columns: int) -> list[str]:
    """Return the map of a world in words, at most ``columns`` wide."""
    graph = build_graph(world)
    counts = f"{count_text(len(world.story.scenes), 'scene')}, {count_text(len(world.endings), 'ending')}"
    lines = wrap(f"{world.title}: {counts}. {CONDITIONAL.strip()} marks what has a condition.", columns)
    for token in graph.tokens:
        lines += ["", f"Token {token}"] if world.has_pass else [""]
        for box in (box for box in graph.boxes if box.token == token and not box.title):
            lines += _indented(f"{box.name}, layer {box.layer}" if world.has_pass else box.name, columns, 2)
            lines += [row for line in _choice_lines(world, box.name) for row in _indented(_written(line, world), columns, 4)]
        lines += [
            row for line in _word_lines(world, token) for row in _indented(f"the decoder: {_written(line, world)}", columns, 2)
        ]
    reached = {box.name for box in graph.boxes}
    lost = [scene for scene in world.scenes if scene not in reached]
    return [*lines, *(["", *wrap(f"Nothing leads to {', '.join(lost)}.", columns)] if lost else [])]


def _indented(text: str, columns: int, indent: int) -> list[str]:
    first, *rest = wrap(text, columns - indent - 2)
    return [" " * indent + first, *(" " * (indent + 2) + row for row in rest)]


def _written(line: Line, world: World) -> str:
    names = [f"ends: {world.endings[scene]}" if scene in world.endings else scene for scene in line.targets]
    return f"{line.text} → {', or '.join(names)}"


def _choice_lines(world: World, scene: str) -> Iterator[Line]:
    node = world.scenes[scene]
    for choice in node.choices if isinstance(node, Scene) else ():
        mark = CONDITIONAL if choice.has_own_condition or choice.needs else ""
        price = f" ({_price(choice)})" if _price(choice) else ""
        targets = ("the decoder",) if choice.decodes else _ids(choice.goto)
        cut = ("the decoder, cut short",) if choice.cut is not None else ()
        yield Line(f"{mark}{plain_choice(world, choice.id)}{price}", (*targets, *cut))


def _price(choice: Choice) -> str:
    layers = f"to layer {choice.until}" if choice.until else layers_text(choice.cost) if choice.cost else ""
    return " · ".join(filter(None, (choice.verb, "" if choice.decodes else layers)))


def _word_lines(world: World, token: int) -> Iterator[Line]:
    for arrival in world.tokens[token].arrivals:
        yield Line(arrival.word if arrival.word == OTHERWISE else quoted(arrival.word), _ids(arrival.goto))


def _ids(goto: Goto) -> tuple[str, ...]:
    return tuple(dict.fromkeys(target.scene for target in goto.targets))


# -- as a page --------------------------------------------------------------------------------------------------------


def scene_map_page(world: World) -> str:
    """Return the map of a world as a web page that needs nothing else."""
    graph = build_graph(world)
    scene_map = _places(world, graph)
    corners, lowest = corners_of(scene_map)
    names = {place.number: place.scene or f"the decoder at {place.token}" for place in scene_map.places}
    names |= {place.number: place.title for place in scene_map.places if place.title}
    size = (LEFT + len(scene_map.tokens) * COLUMN_WIDTH, lowest + TOP / 2)
    drawn = Drawn(world, scene_map, corners, {place.number: [] for place in scene_map.places}, {}, names, size)
    counts = f"{count_text(len(world.story.scenes), 'scene')}, {count_text(len(world.endings), 'ending')}"
    title = f"{world.title}: the map of its scenes"
    numbers = {place.scene: place.number for place in scene_map.places if place.scene}
    sections = (_section(place, drawn, numbers) for place in scene_map.places)
    summary = f"{counts}, {count_text(len(scene_map.ways), 'way')}."
    legend = LEGEND if world.has_pass else PLAIN_LEGEND
    return web_page(title, summary, legend, drawing(drawn, lambda way: way.choice), sections)


def _places(world: World, graph: SceneGraph) -> RunMap:
    """Return the scenes, the decoders and the endings as places, with the choices and words that lead from one to another."""
    keys: list[tuple[str, int, int]] = []  # the key in the graph, the token, the layer
    for token in graph.tokens:
        keys += [(box.key, token, box.layer) for box in graph.boxes if box.token == token and not box.title]
        if world.tokens[token].arrivals:
            keys.append((f"decoder-{token}", token, graph.boundary))
        keys += [(box.key, token, graph.boundary) for box in graph.boxes if box.token == token and box.title]
    last = graph.tokens[-1]
    keys += [(box.key, box.token, graph.boundary) for box in graph.boxes if box.title and box.token > last]
    numbers = {key: number for number, (key, _, _) in enumerate(keys)}
    boxes = {box.key: box for box in graph.boxes}
    ways: dict[int, list[Way]] = {}
    for edge in graph.edges:
        source, target = numbers[edge.source], numbers[edge.target]
        ways.setdefault(source, []).append(Way(" / ".join(edge.labels), None, source, target, 0, ()))
    places = [
        Place(
            number=number,
            scene=boxes[key].name if key in boxes else "",
            title=boxes[key].title if key in boxes else "",
            token=token,
            layer=layer,
            runs=0,
            nodes=(),
            ways=tuple(ways.get(number, ())),
        )
        for number, (key, token, layer) in enumerate(keys)
    ]
    return RunMap(tuple(places), ())


def _section(place: Place, drawn: Drawn, numbers: dict[str, int]) -> str:
    world = drawn.world
    lines = [*(_choice_lines(world, place.scene) if place.scene else _word_lines(world, place.token))]
    rows = "".join(f"<li>{_linked(line, world, numbers)}</li>" for line in lines)
    at = f"Token {place.token}, {place_text(world, place)}. " if world.has_pass else ""
    written = world.scenes[place.scene].place if place.scene else world.tokens[place.token].place
    return (
        f'<section id="p{place.number}"><a class="close" href="#">close</a><h2>{escape(drawn.names[place.number])}</h2>\n'
        f'<p class="quiet">{escape(f"{at}{written.file}:{written.line}")}</p>\n<ul>{rows}</ul></section>\n'
    )


def _linked(line: Line, world: World, numbers: dict[str, int]) -> str:
    """Return a line with links to the scenes and endings that it leads to."""
    links = [
        f'<a href="#p{numbers[scene]}">{escape(world.endings.get(scene, scene))}</a>' if scene in numbers else escape(scene)
        for scene in line.targets
    ]
    return f"{escape(line.text)} → {', or '.join(links)}"
