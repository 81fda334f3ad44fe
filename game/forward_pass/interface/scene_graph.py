"""A world as a picture that is the pass: tokens across, layers downward, the boundary under them, endings at the end.

Where a scene lies is the least layer at which it can be met, by the costs of the choices that lead there, whatever their
conditions. Here the chart is written as Graphviz and as Mermaid; ``picture`` draws it.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

from forward_pass.checker.liveness import Liveness, Place
from forward_pass.story.world import DECODE, World


class Box(NamedTuple):
    """A scene at a token, or an ending (then with its title), and the least layer at which it is met."""

    key: str
    name: str
    token: int
    layer: int
    title: str


class Edge(NamedTuple):
    """A way from a box to a box, or to or from the decoder of a token (``decoder-400``)."""

    source: str
    target: str
    words: tuple[str, ...]  # costs of choices, or the words that come out of the decoder
    conditional: bool


class SceneGraph(NamedTuple):
    """Everything that is drawn."""

    title: str
    tokens: tuple[int, ...]
    words: dict[int, str]  # of the tokens, as far as they are known beforehand
    waking: int
    boundary: int
    boxes: tuple[Box, ...]
    arrows: tuple[Edge, ...]


def build_graph(world: World) -> SceneGraph:
    """Return the chart of a world."""
    slices = Liveness(world)
    layers = _least_layers(slices)
    endings = world.endings
    boxes = {
        _key(place, endings): Box(_key(place, endings), place.scene, place.token, layer, endings.get(place.scene, ""))
        for place, layer in sorted(layers.items(), key=lambda row: (row[0].token, row[1], row[0].scene))
    }
    tokens = tuple(sorted(world.tokens))
    return SceneGraph(
        world.title,
        tokens,
        {world.first_token: world.prompt[-1]},
        world.first_layer,
        world.boundary,
        tuple(boxes.values()),
        tuple(_arrows(slices, layers, tokens)),
    )


def _key(place: Place, endings: dict[str, str]) -> str:
    return place.scene if place.scene in endings else f"{place.scene}@{place.token}"


def _least_layers(slices: Liveness) -> dict[Place, int]:
    """Return the least layer at which each place is met, by the costs of choices alone."""
    waking, found = slices.world.first_layer, dict[Place, int]()
    waiting = [(0, waking, next(iter(slices.places)))]
    while waiting:
        order, layer, place = heappop(waiting)
        if place in found:
            continue
        found[place] = layer
        for _, row in slices.choices(place.scene):
            for way in slices.edges(place, row):
                for _, target in way.targets:
                    there = waking if way.decodes else row["until"] or layer + row["cost"]
                    if target not in found and there < slices.world.boundary:
                        later = (target.token - slices.world.first_token) * slices.world.boundary
                        heappush(waiting, (later + there, there, target))
        del order
    return found


def _arrows(slices: Liveness, layers: dict[Place, int], tokens: tuple[int, ...]) -> list[Edge]:
    endings = slices.world.endings
    found: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for place in layers:
        for _, row in slices.choices(place.scene):
            source, conditional = _key(place, endings), row["if"] is not None or row["needs"] is not None
            if row["goto"][0][1] == DECODE or row["cut"] is not None:
                found.setdefault((source, f"decoder-{place.token}"), []).append(("", conditional))
            for tree, target in row["goto"]:
                there = Place(target, place.token)
                if target != DECODE and there in layers:
                    rows = found.setdefault((source, _key(there, endings)), [])
                    rows.append((f"to {row['until']}" if row["until"] else str(row["cost"]), conditional or tree is not None))
    for token in tokens:
        for word, cases in slices.data["tokens"][token - tokens[0]][1].items():
            for tree, target in cases:
                there = Place(target, token + 1)
                if there in layers:
                    found.setdefault((f"decoder-{token}", _key(there, endings)), []).append((word, tree is not None))
    return [
        Edge(source, target, tuple(dict.fromkeys(word for word, _ in rows if word)), all(some for _, some in rows))
        for (source, target), rows in found.items()
    ]


# -- Graphviz ---------------------------------------------------------------------------------------------------------


def as_dot(chart: SceneGraph) -> str:
    """Return a chart as Graphviz: layers are ranks, so that what lies at one layer lies on one line, tokens named above.

    Tokens are no clusters: Graphviz fails where one rank goes through several.
    """
    scenes, endings = [box for box in chart.boxes if not box.title], [box for box in chart.boxes if box.title]
    layers = sorted({box.layer for box in scenes})
    boundary = f"boundary {chart.boundary}"
    ranks = {"token": [_header(token) for token in chart.tokens]}
    ranks |= {f"layer {layer}": [box.key for box in scenes if box.layer == layer] for layer in layers}
    ranks |= {boundary: [f"decoder-{token}" for token in chart.tokens], "endings": [box.key for box in endings]}
    lines = [
        f"digraph {_quoted(chart.title)} {{",
        "  rankdir=TB; node [shape=box, fontname=Helvetica, fontsize=10]; edge [fontname=Helvetica, fontsize=8];",
        f"  {' '.join(f'{_quoted(rank)} [shape=plaintext];' for rank in ranks)}",
        f"  {' -> '.join(map(_quoted, ranks))} [style=invis];",
    ]
    for token in chart.tokens:
        lines.append(f"  {_quoted(_header(token))} [label={_quoted(token_name(chart, token))}, shape=plaintext, fontsize=14];")
        lines += [f"  {_quoted(box.key)} [label={_quoted(box.name)}, group={token}];" for box in scenes if box.token == token]
        lines.append(f"  {_quoted(f'decoder-{token}')} [label=decoder, shape=invtrapezium, group={token}];")
    lines += [f"  {_quoted(box.key)} [label={_quoted(box.title)}, peripheries=2, style=rounded];" for box in endings]
    lines += [f"  {{ rank=same; {'; '.join(map(_quoted, [rank, *keys]))}; }}" for rank, keys in ranks.items()]
    lines += [f"  {_quoted(_header(token))} -> {_quoted(key)} [style=invis];" for token, key in _uppermost(chart).items()]
    return "\n".join([*lines, *map(_dot_arrow, chart.arrows), "}"]) + "\n"


def _header(token: int) -> str:
    return f"token-{token}"


def _uppermost(chart: SceneGraph) -> dict[int, str]:
    """Return by token what lies highest in it: a scene, or its decoder where it has none."""
    found = {token: f"decoder-{token}" for token in chart.tokens}
    scenes = (box for box in chart.boxes if not box.title)
    return found | {box.token: box.key for box in sorted(scenes, key=lambda box: -box.layer)}


def _dot_arrow(arrow: Edge) -> str:
    style = ", style=dashed" if arrow.conditional else ""
    back = ", constraint=false" if arrow.source.startswith("decoder-") and "@" in arrow.target else ""
    label = _quoted(", ".join(arrow.words))
    return f"  {_quoted(arrow.source)} -> {_quoted(arrow.target)} [label={label}{style}{back}];"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def token_name(chart: SceneGraph, token: int) -> str:
    """Return a token's number, with its word where that is known beforehand."""
    return f"{token} {chart.words[token]}" if token in chart.words else str(token)


# -- Mermaid ----------------------------------------------------------------------------------------------------------


def as_mermaid(chart: SceneGraph) -> str:
    """Return a chart as Mermaid: a subgraph a token, its scenes by layer, its decoder last."""
    numbers: dict[str, str] = {}

    def node(key: str) -> str:
        return numbers.setdefault(key, f"n{len(numbers)}")

    lines = ["flowchart TB"]
    for token in chart.tokens:
        lines.append(f'  subgraph t{token}["{_entities(token_name(chart, token))}"]')
        here = [box for box in chart.boxes if box.token == token and not box.title]
        lines += [f'    {node(box.key)}["{_entities(box.name)} · {box.layer}"]' for box in here]
        lines += [f'    {node(f"decoder-{token}")}[/"boundary {chart.boundary}: decoder"/]', "  end"]
    endings = [box for box in chart.boxes if box.title]
    lines += [f'  {node(box.key)}(["{_entities(box.title)}"]):::ending' for box in endings]
    for arrow in chart.arrows:
        line = "-.->" if arrow.conditional else "-->"
        label = f'|"{_entities(", ".join(arrow.words))}"|' if arrow.words else ""
        lines.append(f"  {node(arrow.source)} {line}{label} {node(arrow.target)}")
    return "\n".join([*lines, "  classDef ending stroke-width:3px"]) + "\n"


def _entities(text: str) -> str:
    return "".join(character if character.isalnum() or character in " -·,.:" else f"#{ord(character)};" for character in text)
