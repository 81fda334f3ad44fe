"""The graph of a world's scenes, laid out as the pass: tokens across, layers downward, the boundary below, then endings.

A scene's layer is the least at which it is reachable by the costs of choices, whatever their conditions. This module writes
the graph as Graphviz and as Mermaid; ``svg_map`` draws it.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

from forward_pass.checker.liveness import Liveness, Place
from forward_pass.story.world import DECODE, World


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
    labels: tuple[str, ...]  # costs of choices, or the words decoded
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
    liveness = Liveness(world)
    layers = _least_layers(liveness)
    endings = world.endings
    boxes = {
        _box_key(place, endings): Box(_box_key(place, endings), place.scene, place.token, layer, endings.get(place.scene, ""))
        for place, layer in sorted(layers.items(), key=lambda item: (item[0].token, item[1], item[0].scene))
    }
    tokens = tuple(sorted(world.tokens))
    return SceneGraph(
        world.title,
        tokens,
        {world.first_token: world.prompt[-1]},
        world.first_layer,
        world.boundary,
        tuple(boxes.values()),
        tuple(_edges(liveness, layers, tokens)),
    )


def _box_key(place: Place, endings: dict[str, str]) -> str:
    return place.scene if place.scene in endings else f"{place.scene}@{place.token}"


def _least_layers(liveness: Liveness) -> dict[Place, int]:
    """Return the least layer at which each place is reachable, by the costs of choices alone (Dijkstra's algorithm)."""
    first_layer, layers = liveness.world.first_layer, dict[Place, int]()
    queue = [(0, first_layer, next(iter(liveness.places)))]
    while queue:
        _, layer, place = heappop(queue)
        if place in layers:
            continue
        layers[place] = layer
        for _, row in liveness.choices(place.scene):
            for edge in liveness.edges(place, row):
                for _, target in edge.targets:
                    target_layer = first_layer if edge.decodes else row["until"] or layer + row["cost"]
                    if target not in layers and target_layer < liveness.world.boundary:
                        token_order = (target.token - liveness.world.first_token) * liveness.world.boundary
                        heappush(queue, (token_order + target_layer, target_layer, target))
    return layers


def _edges(liveness: Liveness, layers: dict[Place, int], tokens: tuple[int, ...]) -> list[Edge]:
    endings = liveness.world.endings
    labels: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for place in layers:
        for _, row in liveness.choices(place.scene):
            source, conditional = _box_key(place, endings), row["if"] is not None or row["needs"] is not None
            if row["goto"][0][1] == DECODE or row["cut"] is not None:
                labels.setdefault((source, f"decoder-{place.token}"), []).append(("", conditional))
            for tree, target in row["goto"]:
                target_place = Place(target, place.token)
                if target != DECODE and target_place in layers:
                    key = (source, _box_key(target_place, endings))
                    label = f"to {row['until']}" if row["until"] else str(row["cost"])
                    labels.setdefault(key, []).append((label, conditional or tree is not None))
    for token in tokens:
        for word, cases in liveness.data["tokens"][token - tokens[0]][1].items():
            for tree, target in cases:
                target_place = Place(target, token + 1)
                if target_place in layers:
                    key = (f"decoder-{token}", _box_key(target_place, endings))
                    labels.setdefault(key, []).append((word, tree is not None))
    return [
        Edge(source, target, tuple(dict.fromkeys(label for label, _ in pairs if label)), all(flag for _, flag in pairs))
        for (source, target), pairs in labels.items()
    ]


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
