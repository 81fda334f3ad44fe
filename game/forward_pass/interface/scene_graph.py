"""The graph of a world's scenes, laid out as the pass: tokens across, layers downward, the boundary below, then endings.

A scene's layer is the least at which it is reachable by the costs of choices, whatever their conditions. This module writes
the graph as Graphviz and as Mermaid; ``scene_map`` has it in words and as a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from forward_pass.session.branches import plain_choice
from forward_pass.story.nodes import Choice, Scene
from forward_pass.story.world import World


class Box(NamedTuple):
    """A scene at a token and the least layer at which it is reachable; an ending has its title, a scene an empty one."""

    key: str
    name: str
    token: int
    layer: int
    title: str


class Edge(NamedTuple):
    """An edge between boxes, by their keys, or to or from the decoder of a token (``decoder-400``)."""

    source: str
    target: str
    labels: tuple[str, ...]  # the words of choices, or the words decoded
    conditional: bool


class SceneGraph(NamedTuple):
    """The boxes and edges of a world, its tokens and its boundary layer."""

    title: str
    tokens: tuple[int, ...]
    words: dict[int, str]  # by token, where known before a run
    first_layer: int
    boundary: int
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


def build_graph(world: World) -> SceneGraph:
    """Return the scene graph of a world."""
    layers = _least_layers(world)
    endings = world.endings
    written = {scene: number for number, scene in enumerate(world.scenes)}
    placed = sorted(layers.items(), key=lambda item: (item[0].token, item[1], written[item[0].scene]))
    boxes = {
        _box_key(place, endings): Box(_box_key(place, endings), place.scene, place.token, layer, endings.get(place.scene, ""))
        for place, layer in placed
    }
    return SceneGraph(
        world.title,
        tuple(sorted(world.tokens)),
        {world.first_token: world.prompt[-1]},
        world.first_layer,
        world.boundary,
        tuple(boxes.values()),
        tuple(_edges(world, layers)),
    )


class ScenePlace(NamedTuple):
    """A scene or an ending at a token."""

    scene: str
    token: int


def _box_key(place: ScenePlace, endings: dict[str, str]) -> str:
    return place.scene if place.scene in endings else f"{place.scene}@{place.token}"


def _choices(world: World, scene: str) -> tuple[Choice, ...]:
    node = world.scenes[scene]
    return node.choices if isinstance(node, Scene) else ()


def _least_layers(world: World) -> dict[ScenePlace, int]:
    """Return the least layer at which each place is reachable, by the costs of choices alone (Dijkstra's algorithm)."""
    layers = dict[ScenePlace, int]()
    queue = [(0, world.first_layer, ScenePlace(world.start, world.first_token))]
    while queue:
        _, layer, place = heappop(queue)
        if place in layers:
            continue
        layers[place] = layer
        for target, target_layer in _successors(world, place, layer):
            if target not in layers and target_layer < world.boundary:
                token_order = (target.token - world.first_token) * world.boundary
                heappush(queue, (token_order + target_layer, target_layer, target))
    return layers


def _successors(world: World, place: ScenePlace, layer: int) -> Iterator[tuple[ScenePlace, int]]:
    """Yield the places that the choices of a place lead to, each with its layer."""
    for choice in _choices(world, place.scene):
        if not choice.decodes:
            for target in choice.goto.targets:
                yield ScenePlace(target.scene, place.token), choice.layer_after(layer)
        if choice.decodes or choice.cut is not None:
            for arrival in world.tokens[place.token].arrivals:
                for target in arrival.goto.targets:
                    yield ScenePlace(target.scene, place.token + 1), world.first_layer


def _edges(world: World, layers: dict[ScenePlace, int]) -> list[Edge]:
    labels: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for place in layers:
        for source, box, label, conditional in _choice_edges(world, place, layers):
            labels.setdefault((source, box), []).append((label, conditional))
    for token in world.story.tokens:
        for arrival in token.arrivals:
            for target in arrival.goto.targets:
                there = ScenePlace(target.scene, token.position + 1)
                if there in layers:
                    key = (f"decoder-{token.position}", _box_key(there, world.endings))
                    labels.setdefault(key, []).append((arrival.word, target.condition is not None))
    return [
        Edge(source, target, tuple(dict.fromkeys(label for label, _ in pairs if label)), all(flag for _, flag in pairs))
        for (source, target), pairs in labels.items()
    ]


def _choice_edges(world: World, place: ScenePlace, layers: dict[ScenePlace, int]) -> Iterator[tuple[str, str, str, bool]]:
    """Yield (source, target, label, whether it is conditional) for each way that a choice of a place can lead."""
    source = _box_key(place, world.endings)
    for choice in _choices(world, place.scene):
        conditional = choice.condition is not None or choice.needs is not None
        label = plain_choice(world, choice.id)
        if choice.decodes or choice.cut is not None:
            yield source, f"decoder-{place.token}", label, conditional
        for case in choice.goto.targets:
            there = ScenePlace(case.scene, place.token)
            if there in layers:
                yield source, _box_key(there, world.endings), label, conditional or case.condition is not None


def draw_graph(graph: SceneGraph, file_format: str) -> str:
    """Return a graph as ``dot`` or ``mermaid``, for other programs to draw."""
    return {"dot": as_dot, "mermaid": as_mermaid}[file_format](graph)


# -- Graphviz ---------------------------------------------------------------------------------------------------------


def as_dot(graph: SceneGraph) -> str:
    """Return a graph in the DOT language of Graphviz: a rank for each layer, with the tokens named above.

    Tokens are not clusters: Graphviz fails where one rank goes through several.
    """
    scenes, endings = [box for box in graph.boxes if not box.title], [box for box in graph.boxes if box.title]
    layers = sorted({box.layer for box in scenes})
    boundary = f"boundary {graph.boundary}"
    ranks = {"token": [_token_key(token) for token in graph.tokens]}
    ranks |= {f"layer {layer}": [box.key for box in scenes if box.layer == layer] for layer in layers}
    ranks |= {boundary: [f"decoder-{token}" for token in graph.tokens], "endings": [box.key for box in endings]}
    lines = [
        f"digraph {_quote(graph.title)} {{",
        "  rankdir=TB; node [shape=box, fontname=Helvetica, fontsize=10]; edge [fontname=Helvetica, fontsize=8];",
        f"  {' '.join(f'{_quote(rank)} [shape=plaintext];' for rank in ranks)}",
        f"  {' -> '.join(map(_quote, ranks))} [style=invis];",
    ]
    for token in graph.tokens:
        lines.append(f"  {_quote(_token_key(token))} [label={_quote(token_name(graph, token))}, shape=plaintext, fontsize=14];")
        lines += [f"  {_quote(box.key)} [label={_quote(box.name)}, group={token}];" for box in scenes if box.token == token]
        lines.append(f"  {_quote(f'decoder-{token}')} [label=decoder, shape=invtrapezium, group={token}];")
    lines += [f"  {_quote(box.key)} [label={_quote(box.title)}, peripheries=2, style=rounded];" for box in endings]
    lines += [f"  {{ rank=same; {'; '.join(map(_quote, [rank, *keys]))}; }}" for rank, keys in ranks.items()]
    lines += [f"  {_quote(_token_key(token))} -> {_quote(key)} [style=invis];" for token, key in _top_nodes(graph).items()]
    return "\n".join([*lines, *map(_dot_edge, graph.edges), "}"]) + "\n"


def _token_key(token: int) -> str:
    return f"token-{token}"


def _top_nodes(graph: SceneGraph) -> dict[int, str]:
    """Return by token the key of its topmost node: a scene, or its decoder where it has none."""
    decoders = {token: f"decoder-{token}" for token in graph.tokens}
    scenes = (box for box in graph.boxes if not box.title)
    return decoders | {box.token: box.key for box in sorted(scenes, key=lambda box: -box.layer)}


def _dot_edge(edge: Edge) -> str:
    style = ", style=dashed" if edge.conditional else ""
    constraint = ", constraint=false" if edge.source.startswith("decoder-") and "@" in edge.target else ""
    label = _quote(", ".join(edge.labels))
    return f"  {_quote(edge.source)} -> {_quote(edge.target)} [label={label}{style}{constraint}];"


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def token_name(graph: SceneGraph, token: int) -> str:
    """Return a token's number, with its word where that is known before a run."""
    return f"{token} {graph.words[token]}" if token in graph.words else str(token)


# -- Mermaid ----------------------------------------------------------------------------------------------------------


def as_mermaid(graph: SceneGraph) -> str:
    """Return a graph as Mermaid: a subgraph a token, with its scenes by layer and its decoder last."""
    node_ids: dict[str, str] = {}

    def node_id(key: str) -> str:
        return node_ids.setdefault(key, f"n{len(node_ids)}")

    lines = ["flowchart TB"]
    for token in graph.tokens:
        lines.append(f'  subgraph t{token}["{_escape_mermaid(token_name(graph, token))}"]')
        scenes = [box for box in graph.boxes if box.token == token and not box.title]
        lines += [f'    {node_id(box.key)}["{_escape_mermaid(box.name)} · {box.layer}"]' for box in scenes]
        lines += [f'    {node_id(f"decoder-{token}")}[/"boundary {graph.boundary}: decoder"/]', "  end"]
    endings = [box for box in graph.boxes if box.title]
    lines += [f'  {node_id(box.key)}(["{_escape_mermaid(box.title)}"]):::ending' for box in endings]
    for edge in graph.edges:
        line = "-.->" if edge.conditional else "-->"
        label = f'|"{_escape_mermaid(", ".join(edge.labels))}"|' if edge.labels else ""
        lines.append(f"  {node_id(edge.source)} {line}{label} {node_id(edge.target)}")
    return "\n".join([*lines, "  classDef ending stroke-width:3px"]) + "\n"


def _escape_mermaid(text: str) -> str:
    return "".join(character if character.isalnum() or character in " -·,.:" else f"#{ord(character)};" for character in text)
