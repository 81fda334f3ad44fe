"""A world as a picture that is the pass: tokens across, layers downward, the boundary under them, endings at the end.

Where a scene lies is the least layer at which it can be met, by the costs of the choices that lead there, whatever their
conditions. The same chart is written as Graphviz, as Mermaid, and as an SVG that needs no other program.
"""

from __future__ import annotations

from heapq import heappop, heappush
from html import escape
from typing import Any, NamedTuple

from game.walk.slices import Place, Slices
from game.world import DECODE, World


class Box(NamedTuple):
    """A scene at a token, or an ending (then with its title), and the least layer at which it is met."""

    key: str
    name: str
    token: int
    layer: int
    title: str


class Arrow(NamedTuple):
    """A way from a box to a box, or to or from the decoder of a token (``decoder-400``)."""

    source: str
    target: str
    words: tuple[str, ...]  # costs of choices, or the words that come out of the decoder
    conditional: bool


class Chart(NamedTuple):
    """Everything that is drawn."""

    title: str
    tokens: tuple[int, ...]
    words: dict[int, str]  # of the tokens, as far as they are known beforehand
    waking: int
    boundary: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def chart_of(world: World) -> Chart:
    """Return the chart of a world."""
    slices = Slices(world)
    layers = _least_layers(slices)
    endings = world.endings
    boxes = {
        _key(place, endings): Box(_key(place, endings), place.scene, place.token, layer, endings.get(place.scene, ""))
        for place, layer in sorted(layers.items(), key=lambda row: (row[0].token, row[1], row[0].scene))
    }
    tokens = tuple(sorted(world.tokens))
    return Chart(
        world.title,
        tokens,
        {world.first_token: world.prompt[-1]},
        world.waking,
        world.boundary,
        tuple(boxes.values()),
        tuple(_arrows(slices, layers, tokens)),
    )


def _key(place: Place, endings: dict[str, str]) -> str:
    return place.scene if place.scene in endings else f"{place.scene}@{place.token}"


def _least_layers(slices: Slices) -> dict[Place, int]:
    """Return the least layer at which each place is met, by the costs of choices alone."""
    waking, found = slices.world.waking, dict[Place, int]()
    waiting = [(0, waking, next(iter(slices.places)))]
    while waiting:
        order, layer, place = heappop(waiting)
        if place in found:
            continue
        found[place] = layer
        for _, row in slices.choices(place.scene):
            for way in slices.ways(place, row):
                for _, target in way.targets:
                    there = waking if way.decodes else row["until"] or layer + row["cost"]
                    if target not in found and there < slices.world.boundary:
                        later = (target.token - slices.world.first_token) * slices.world.boundary
                        heappush(waiting, (later + there, there, target))
        del order
    return found


def _arrows(slices: Slices, layers: dict[Place, int], tokens: tuple[int, ...]) -> list[Arrow]:
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
        Arrow(source, target, tuple(dict.fromkeys(word for word, _ in rows if word)), all(some for _, some in rows))
        for (source, target), rows in found.items()
    ]


def drawn(chart: Chart, form: str) -> str:
    """Return a chart as ``dot``, ``mermaid`` or ``svg``."""
    return {"dot": as_dot, "mermaid": as_mermaid, "svg": as_svg}[form](chart)


# -- Graphviz ---------------------------------------------------------------------------------------------------------


def as_dot(chart: Chart) -> str:
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
        lines.append(f"  {_quoted(_header(token))} [label={_quoted(_token_name(chart, token))}, shape=plaintext, fontsize=14];")
        lines += [f"  {_quoted(box.key)} [label={_quoted(box.name)}, group={token}];" for box in scenes if box.token == token]
        lines.append(f"  {_quoted(f'decoder-{token}')} [label=decoder, shape=invtrapezium, group={token}];")
    lines += [f"  {_quoted(box.key)} [label={_quoted(box.title)}, peripheries=2, style=rounded];" for box in endings]
    lines += [f"  {{ rank=same; {'; '.join(map(_quoted, [rank, *keys]))}; }}" for rank, keys in ranks.items()]
    lines += [f"  {_quoted(_header(token))} -> {_quoted(key)} [style=invis];" for token, key in _uppermost(chart).items()]
    return "\n".join([*lines, *map(_dot_arrow, chart.arrows), "}"]) + "\n"


def _header(token: int) -> str:
    return f"token-{token}"


def _uppermost(chart: Chart) -> dict[int, str]:
    """Return by token what lies highest in it: a scene, or its decoder where it has none."""
    found = {token: f"decoder-{token}" for token in chart.tokens}
    scenes = (box for box in chart.boxes if not box.title)
    return found | {box.token: box.key for box in sorted(scenes, key=lambda box: -box.layer)}


def _dot_arrow(arrow: Arrow) -> str:
    style = ", style=dashed" if arrow.conditional else ""
    back = ", constraint=false" if arrow.source.startswith("decoder-") and "@" in arrow.target else ""
    label = _quoted(", ".join(arrow.words))
    return f"  {_quoted(arrow.source)} -> {_quoted(arrow.target)} [label={label}{style}{back}];"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _token_name(chart: Chart, token: int) -> str:
    return f"{token} {chart.words[token]}" if token in chart.words else str(token)


# -- Mermaid ----------------------------------------------------------------------------------------------------------


def as_mermaid(chart: Chart) -> str:
    """Return a chart as Mermaid: a subgraph a token, its scenes by layer, its decoder last."""
    numbers: dict[str, str] = {}

    def node(key: str) -> str:
        return numbers.setdefault(key, f"n{len(numbers)}")

    lines = ["flowchart TB"]
    for token in chart.tokens:
        lines.append(f'  subgraph t{token}["{_entities(_token_name(chart, token))}"]')
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


# -- SVG --------------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 148, 30  # of a box
LANE, LINE = 166, 44  # how far apart boxes are
LEFT, TOP = 70, 70


class _Spot(NamedTuple):
    x: float
    y: float
    box: Box | None


def as_svg(chart: Chart) -> str:
    """Return a chart as one SVG."""
    spots, columns, bottom = _laid_out(chart)
    width = max((spot.x for spot in spots.values()), default=0) + LANE + 20
    endings = [spot for spot in spots.values() if spot.box and spot.box.title]
    height = max([bottom + 90, *(spot.y + HEIGHT + 30 for spot in endings)])
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
    lines = [
        f'{opening} font-family="Helvetica, Arial, sans-serif" font-size="11">',
        f"<title>{escape(chart.title)}</title>",
        f'<defs>{tip}<path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold">{escape(chart.title)}</text>',
    ]
    for layer in sorted({box.layer for box in chart.boxes if not box.title}):
        y = _height_of(chart, layer, bottom) + HEIGHT / 2
        lines.append(f'<text x="{LEFT - 14}" y="{y + 4:.0f}" text-anchor="end" fill="#777">{layer}</text>')
    lines += [
        f'<line x1="{LEFT - 8}" x2="{width - 10:.0f}" y1="{bottom}" y2="{bottom}" stroke="#a00" stroke-width="2"/>',
        f'<text x="{LEFT - 14}" y="{bottom + 4}" text-anchor="end" fill="#a00">{chart.boundary}</text>',
        f'<text x="{width - 14:.0f}" y="{bottom + 16}" text-anchor="end" fill="#a00">boundary: the decoder comes</text>',
    ]
    for token, x in columns.items():
        name = escape(_token_name(chart, token)) if token in chart.tokens else "endings"
        lines.append(f'<text x="{x:.0f}" y="50" font-weight="bold" fill="#333">{name}</text>')
    lines += [_svg_arrow(arrow, spots) for arrow in chart.arrows if arrow.source != arrow.target]
    lines += [_svg_spot(key, spot) for key, spot in spots.items()]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _height_of(chart: Chart, layer: int, bottom: int) -> float:
    return TOP + (layer - chart.waking) * (bottom - TOP - LINE) / max(chart.boundary - chart.waking, 1)


def _laid_out(chart: Chart) -> tuple[dict[str, _Spot], dict[int, float], int]:
    """Return where everything lies, where each token's column begins, and where the boundary is."""
    bottom = TOP + max(14 * LINE, (chart.boundary - chart.waking) * 14)
    spots: dict[str, _Spot] = {}
    columns: dict[int, float] = {}
    x = float(LEFT)
    for token in chart.tokens:
        columns[token] = x
        lanes: list[float] = []
        for box in chart.boxes:
            if box.token == token and not box.title:
                y = _height_of(chart, box.layer, bottom)
                lane = next((at for at, last in enumerate(lanes) if last + LINE <= y), len(lanes))
                lanes[lane : lane + 1] = [y]
                spots[box.key] = _Spot(x + lane * LANE, y, box)
        width = max(len(lanes), 1) * LANE
        spots[f"decoder-{token}"] = _Spot(x + (width - LANE) / 2, bottom + 14, None)
        x += width + 24
    columns[0] = x
    for number, box in enumerate(box for box in chart.boxes if box.title):
        spots[box.key] = _Spot(x, TOP + number * LINE * 1.4, box)
    return spots, columns, bottom


def _svg_spot(key: str, spot: _Spot) -> str:
    box = spot.box
    if box is None:
        middle, y = spot.x + WIDTH / 2, spot.y
        return (
            f'<g><path d="M{spot.x + 20:.0f} {y:.0f}h{WIDTH - 40}l-12 20h{-(WIDTH - 64)}z" fill="#fbeaea" stroke="#a00"/>'
            f'<text x="{middle:.0f}" y="{y + 14:.0f}" text-anchor="middle">{escape(key.replace("-", " "))}</text></g>'
        )
    style: dict[str, Any] = {"fill": "#f4f4f8", "stroke": "#446", "rx": 3}
    if box.title:
        style = {"fill": "#eef6ee", "stroke": "#363", "rx": 14}
    told = f"{box.title} ({box.name})" if box.title else f"{box.name}: token {box.token}, layer {box.layer}"
    label = box.title or box.name
    shown = label if len(label) <= 23 else f"{label[:22]}…"  # noqa: PLR2004 - fits the box
    shape = "".join(f' {name}="{value}"' for name, value in style.items())
    return (
        f'<g><title>{escape(told)}</title><rect x="{spot.x:.0f}" y="{spot.y:.0f}" width="{WIDTH}" height="{HEIGHT}"{shape}/>'
        f'<text x="{spot.x + WIDTH / 2:.0f}" y="{spot.y + 19:.0f}" text-anchor="middle">{escape(shown)}</text></g>'
    )


def _svg_arrow(arrow: Arrow, spots: dict[str, _Spot]) -> str:
    source, target = spots[arrow.source], spots[arrow.target]
    dashes = ' stroke-dasharray="4 3"' if arrow.conditional else ""
    x1, y1, x2, y2 = source.x + WIDTH / 2, source.y + HEIGHT, target.x + WIDTH / 2, target.y
    if source.box is None:  # out of the decoder and up again, to where the next token begins
        x1, y1, x2, y2 = source.x + WIDTH - 20, source.y + 10, target.x, target.y + HEIGHT / 2
    elif source.y == target.y and source.x < target.x:
        x1, y1, x2, y2 = source.x + WIDTH, source.y + HEIGHT / 2, target.x, target.y + HEIGHT / 2
    elif y2 <= y1:
        x1, y1, x2, y2 = source.x + WIDTH, source.y + HEIGHT / 2, target.x + WIDTH, target.y + HEIGHT / 2
    bend = 40 if source.box is None else 0
    path = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {(y1 + y2) / 2:.0f} {x2 - bend:.0f} {(y1 + y2) / 2:.0f} {x2:.0f} {y2:.0f}"
    told = f"<title>{escape(', '.join(arrow.words))}</title>" if arrow.words else ""
    return f'<path d="{path}" fill="none" stroke="#555" stroke-width="1"{dashes} marker-end="url(#tip)">{told}</path>'
