"""A chart as an SVG that needs no other program, and the door to every form that a chart is written in.

Boxes lie on a grid: a row is a layer, and every token has some lanes of its own. Between rows and lanes nothing lies, so an
arrow that would cross a box goes round it there. What leads to the decoder falls to the boundary beside its lane; what the
decoder says goes up to the next token; endings lie to the right, above the boundary, each entered from its left.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import NamedTuple

from forward_pass.interface.scene_graph import Box, Edge, SceneGraph, as_dot, as_mermaid, token_name
from forward_pass.session.transcript import quoted
from forward_pass.story.world import OTHERWISE

WIDTH, HEIGHT = 128, 28  # of a box
LANE, LINE = 156, 46  # how far apart boxes are, at least
SCALED, MOST_SCALED = 4, 32  # how much farther for each layer that nothing lies at, and at most
LEFT, TOP = 64, 116
GAP = 44  # between tokens
ENDING_COLUMNS, ENDING_ROWS = 3, 9
STEP = 6  # between lines that run beside each other
RAIL = 9  # how far beside a lane what leads to the decoder falls
NAME = 22  # characters that fit into a box
ROUND = 5  # of a corner
FINE = 8  # how far along a curve one looks for what lies on it
MANY = 4  # words beside one arrow
GREY, RED, GREEN = "#667", "#b22", "#374"

FONT = 'font-family="Helvetica, Arial, sans-serif" font-size="11"'
TIP = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto"'
BEFORE_ENDINGS = 96  # where words stand

Point = tuple[float, float]


class Spot(NamedTuple):
    """Where a box lies, or a decoder (which has none)."""

    x: float
    y: float
    box: Box | None


class Layout(NamedTuple):
    """Where everything lies: boxes by key, tokens by number, layers by number; the boundary; where endings begin."""

    spots: dict[str, Spot]
    tokens: dict[int, float]
    layers: dict[int, float]
    bottom: float
    gate: float
    width: float

    @property
    def height(self) -> float:
        """How high the picture is, with the lines below the boundary and the legend."""
        return self.bottom + 150 + STEP * len(self.tokens)


class Line(NamedTuple):
    """An arrow as it is drawn: its points, its colour, and where its words may stand (before, upon or after a point)."""

    points: list[Point]
    colour: str
    places: list[tuple[float, float, int]]

    @property
    def curved(self) -> bool:
        """Whether its points are those of a cubic curve."""
        return len(self.points) == 4  # noqa: PLR2004 - as every such curve has


def draw_graph(chart: SceneGraph, form: str) -> str:
    """Return a chart as ``dot``, ``mermaid`` or ``svg``."""
    return {"dot": as_dot, "mermaid": as_mermaid, "svg": as_svg}[form](chart)


def as_svg(chart: SceneGraph) -> str:
    """Return a chart as one SVG."""
    layout = layout_graph(chart)
    size = f"{layout.width:.0f} {layout.height:.0f}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" {FONT}>',
        f"<title>{escape(chart.title)}</title>",
        f"<defs>{''.join(_tip(colour) for colour in (GREY, RED, GREEN))}</defs>",
        f'<rect width="{layout.width:.0f}" height="{layout.height:.0f}" fill="#fff"/>',
        f'<text x="{LEFT}" y="30" font-size="18" font-weight="bold">{escape(chart.title)}</text>',
        *_ground(chart, layout),
    ]
    routes = [(arrow, _line(arrow, layout)) for arrow in chart.arrows]
    lines += [_svg_line(arrow, line) for arrow, line in routes]
    lines += [_svg_spot(spot) for spot in layout.spots.values() if spot.box]
    lines += [_svg_decoder(token, layout) for token in chart.tokens]
    lines += _words(routes, layout)
    return "\n".join([*lines, *_legend(layout), "</svg>"]) + "\n"


# -- where things lie -------------------------------------------------------------------------------------------------


def layout_graph(chart: SceneGraph) -> Layout:
    """Return where everything in a chart lies."""
    scenes, endings = [box for box in chart.boxes if not box.title], [box for box in chart.boxes if box.title]
    layers, y = dict[int, float](), float(TOP)
    for layer, following in pairwise([*sorted({box.layer for box in scenes}), chart.boundary]):
        layers[layer] = y
        y += LINE + min(SCALED * max(following - layer - 1, 0), MOST_SCALED)
    across = min(ENDING_COLUMNS, 1 + len(endings) // ENDING_ROWS)
    pitch = max((HEIGHT + 8) * across, LINE)
    bottom = max(y, TOP + pitch * -(-len(endings) // across))
    spots, tokens, x = dict[str, Spot](), dict[int, float](), float(LEFT)
    for token in chart.tokens:
        tokens[token], taken = x, dict[int, int]()
        for box in scenes:
            if box.token == token:
                lane = taken[box.layer] = taken.get(box.layer, -1) + 1
                spots[box.key] = Spot(x + lane * LANE, layers[box.layer], box)
        width = (max(taken.values(), default=0) + 1) * LANE
        spots[f"decoder-{token}"] = Spot(x + (width - LANE) / 2, bottom + 12, None)
        x += width + GAP
    gate = x + STEP * (len(tokens) + 4)
    for number, box in enumerate(endings):
        row, column = divmod(number, across)
        spots[box.key] = Spot(gate + BEFORE_ENDINGS + column * LANE, TOP + row * pitch + column * (HEIGHT + 8), box)
    return Layout(spots, tokens, layers, bottom, gate, gate + BEFORE_ENDINGS + across * LANE)


def _line(arrow: Edge, layout: Layout) -> Line:
    """Return an arrow as it is drawn."""
    source, target = layout.spots[arrow.source], layout.spots[arrow.target]
    if arrow.source == arrow.target:
        x, y = source.x + WIDTH, source.y
        return Line([(x, y + 6), (x + 18, y - 6), (x + 18, y + 30), (x, y + 18)], GREY, [(x + 16, y + 6, 1)])
    if target.box is None:
        x, y = source.x + WIDTH, source.y + HEIGHT - 6
        return Line([(x, y), (x + RAIL, y), (x + RAIL, layout.bottom)], RED, [])
    if target.box.title:
        return _to_ending(source, target, layout)
    if source.box is None:
        return _to_next_token(source, target, layout)
    return _to_scene(source, target, layout)


def _to_ending(source: Spot, target: Spot, layout: Layout) -> Line:
    """Return the way to an ending: below the boundary from a decoder, between rows from a scene, and in from the left."""
    nearest = sum(x <= source.x for x in layout.tokens.values())
    order = len(layout.tokens) - nearest  # of two decoders, the one farther left goes lower and nearer to the endings
    rail, y = layout.gate - STEP * order, target.y + HEIGHT / 2
    if source.box is None:
        start, channel, colour = (source.x + WIDTH / 2, source.y + 20), layout.bottom + 54 + STEP * order, RED
        rail -= STEP * 3
    else:
        start, channel, colour = (source.x + WIDTH / 2, source.y + HEIGHT), source.y + HEIGHT + STEP, GREEN
        rail = layout.gate + STEP * 3 - STEP * (order % 3)
    points = [start, (start[0], channel), (rail, channel), (rail, y), (target.x, y)]
    return Line(points, colour, [(target.x - 10, y - 6, -1), (target.x - 10, y + 8, -1)])


def _to_next_token(source: Spot, target: Spot, layout: Layout) -> Line:
    """Return the way of a word to a scene of the next token: up beside its lanes, along above them, and down into it."""
    rail = max(x for x in layout.tokens.values() if x <= target.x) - GAP / 2
    x, over = target.x + WIDTH / 2, TOP - 30
    points = [(source.x + WIDTH - 16, source.y + 10), (rail, source.y + 10), (rail, over), (x, over), (x, target.y)]
    return Line(points, RED, [(x + 4, target.y - 14, 1)])


def _to_scene(source: Spot, target: Spot, layout: Layout) -> Line:
    """Return the way to another scene of the token: a curve where nothing lies on it, else between rows and lanes."""
    x1, y1, x2, y2 = source.x + WIDTH / 2, source.y + HEIGHT, target.x + WIDTH / 2, target.y
    bend = (y2 - y1) / 2
    curve = [(x1, y1), (x1, y1 + bend), (x2, y2 - bend), (x2, y2)]
    token = target.box.token if target.box else 0
    here = (spot for spot in layout.spots.values() if spot.box and spot.box.token == token)
    others = [spot for spot in here if spot not in (source, target)]
    steps = 1 + int((abs(y2 - y1) + abs(x2 - x1)) / FINE)
    if y2 > y1 and not any(_inside(_at(curve, step / steps), spot, 3) for spot in others for step in range(steps + 1)):
        return Line(curve, GREY, [(*_at(curve, share), 0) for share in (0.5, 0.35, 0.65, 0.25, 0.75)])
    turn = int(source.x + source.y) % 3  # so that not all go along one line
    channel, gutter, y = y1 + 4 + 3 * turn, target.x - 5 - 3 * turn, target.y + HEIGHT / 2
    points = [(x1, y1), (x1, channel), (gutter, channel), (gutter, y), (target.x, y)]
    return Line(points, GREY, [(gutter, y - 24, 0), ((x1 + gutter) / 2, channel, 0), (gutter, (channel + y) / 2, 0)])


def _at(curve: list[Point], share: float) -> Point:
    """Return a point of a cubic curve."""
    rest = 1 - share
    weights = (rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3)
    return (
        sum(weight * x for weight, (x, _) in zip(weights, curve, strict=True)),
        sum(weight * y for weight, (_, y) in zip(weights, curve, strict=True)),
    )


def _inside(point: Point, spot: Spot, margin: float) -> bool:
    across = spot.x - margin < point[0] < spot.x + WIDTH + margin
    return across and spot.y - margin < point[1] < spot.y + HEIGHT + margin


# -- how they are drawn -----------------------------------------------------------------------------------------------


def _tip(colour: str) -> str:
    shape = f'<path d="M0 0 8 4 0 8z" fill="{colour}"/>'
    return f'<marker id="{_id(colour)}" {TIP}>{shape}</marker>'


def _id(colour: str) -> str:
    return f"tip{colour[1:]}"


def _ground(chart: SceneGraph, layout: Layout) -> list[str]:
    """Return what lies under everything: a band a token with its name above and below, a line a layer, the boundary."""
    lines = []
    edges = [*layout.tokens.values(), layout.gate - STEP * (len(layout.tokens) + 4)]
    for token, (x, following) in zip(chart.tokens, pairwise(edges), strict=True):
        size = f'width="{following - x - GAP + 12:.0f}" height="{layout.bottom - 56:.0f}"'
        lines.append(f'<rect x="{x - 12:.0f}" y="56" {size} fill="#f7f7fa"/>')
        for y, font in ((76, 14), (layout.bottom + 45, 12)):
            name = escape(token_name(chart, token))
            lines.append(f'<text x="{x:.0f}" y="{y:.0f}" font-size="{font}" font-weight="bold" fill="#333">token {name}</text>')
    end = edges[-1] - GAP
    for layer, y in layout.layers.items():
        middle = y + HEIGHT / 2
        lines.append(f'<line x1="{LEFT - 20}" x2="{end:.0f}" y1="{middle:.0f}" y2="{middle:.0f}" stroke="#e4e4ea"/>')
        lines += [
            f'<text x="{x:.0f}" y="{middle + 4:.0f}" text-anchor="{anchor}" fill="#777">{layer}</text>'
            for x, anchor in ((LEFT - 24, "end"), (end + 4, "start"))
        ]
    if any(box.title for box in chart.boxes):
        x = layout.gate + BEFORE_ENDINGS
        lines.append(f'<text x="{x:.0f}" y="76" font-size="14" font-weight="bold" fill="{GREEN}">endings</text>')
    bottom = f'y1="{layout.bottom:.0f}" y2="{layout.bottom:.0f}"'
    return [
        *lines,
        f'<line x1="{LEFT - 20}" x2="{layout.width - 16:.0f}" {bottom} stroke="{RED}" stroke-width="2"/>',
        f'<text x="{LEFT - 24}" y="{layout.bottom + 4:.0f}" text-anchor="end" fill="{RED}">{chart.boundary}</text>',
    ]


def _svg_line(arrow: Edge, line: Line) -> str:
    dashes = ' stroke-dasharray="4 3"' if arrow.conditional else ""
    told = f"<title>{escape(', '.join(arrow.words))}</title>" if arrow.words else ""
    shape = _curved(line.points) if line.curved else _cornered(line.points)
    look = f'fill="none" stroke="{line.colour}" stroke-opacity="0.7"{dashes} marker-end="url(#{_id(line.colour)})"'
    return f'<path d="{shape}" {look}>{told}</path>'


def _curved(points: list[Point]) -> str:
    start, *rest = (f"{x:.0f} {y:.0f}" for x, y in points)
    return f"M{start}C{' '.join(rest)}"


def _cornered(points: list[Point]) -> str:
    """Return a line with rounded corners."""
    shape = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (x1, y1), (x2, y2) = _toward(corner, before), _toward(corner, after)
        shape += f"L{x1:.1f} {y1:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {x2:.1f} {y2:.1f}"
    return f"{shape}L{points[-1][0]:.0f} {points[-1][1]:.0f}"


def _toward(corner: Point, other: Point) -> Point:
    """Return the point of the way from a corner to another where its rounding ends."""
    x, y = other[0] - corner[0], other[1] - corner[1]
    length = max(abs(x), abs(y), 1.0)
    share = min(ROUND, length / 2) / length
    return corner[0] + x * share, corner[1] + y * share


def _svg_spot(spot: Spot) -> str:
    box = spot.box or Box("", "", 0, 0, "")
    look = f'fill="#eef6ee" stroke="{GREEN}" rx="14"' if box.title else 'fill="#fff" stroke="#446" rx="3"'
    told = f"{box.title} ({box.name})" if box.title else f"{box.name}: token {box.token}, layer {box.layer}"
    label = box.title or box.name
    shown = label if len(label) <= NAME else f"{label[: NAME - 1]}…"
    return (
        f'<g><title>{escape(told)}</title><rect x="{spot.x:.0f}" y="{spot.y:.0f}" width="{WIDTH}" height="{HEIGHT}" {look}/>'
        f'<text x="{spot.x + WIDTH / 2:.0f}" y="{spot.y + 18:.0f}" text-anchor="middle">{escape(shown)}</text></g>'
    )


def _svg_decoder(token: int, layout: Layout) -> str:
    spot = layout.spots[f"decoder-{token}"]
    shape = f"M{spot.x + 16:.0f} {spot.y:.0f}h{WIDTH - 32}l-12 20h{-(WIDTH - 56)}z"
    return (
        f'<g><path d="{shape}" fill="#fbeaea" stroke="{RED}"/><text x="{spot.x + WIDTH / 2:.0f}" y="{spot.y + 14:.0f}" '
        f'text-anchor="middle">decoder {token}</text></g>'
    )


def _words(routes: list[tuple[Edge, Line]], layout: Layout) -> list[str]:
    """Return costs and words beside their arrows, as far as there is room for them."""
    spots = [spot for spot in layout.spots.values() if spot.box]
    taken: set[tuple[str, Point]] = set()
    shown: list[Point] = []
    lines = []
    for arrow, line in routes:
        text = _said(arrow)
        half = 2.3 * len(text) + 1
        for before, y, side in line.places if text and (text, line.points[-1]) not in taken else ():
            x = before + side * half
            if line.colour == GREY and any(_inside((x, y), spot, half) for spot in spots if abs(spot.y - y) < 2 * HEIGHT):
                continue
            if any(abs(x - u) < half + 12 and abs(y - v) < 9 for u, v in shown):  # noqa: PLR2004 - the height of a line
                continue
            taken.add((text, line.points[-1]))
            shown.append((x, y))
            lines.append(
                f'<text x="{x:.0f}" y="{y + 3:.0f}" font-size="9" text-anchor="middle" fill="{line.colour}" stroke="#fff" '
                f'stroke-width="3" paint-order="stroke">{escape(text)}</text>'
            )
            break
    return lines


def _said(arrow: Edge) -> str:
    """Return what stands beside an arrow: what a choice costs, or the words that lead on, as many as there is room for."""
    if not arrow.source.startswith("decoder-"):
        return ", ".join(arrow.words)
    words = [word if word == OTHERWISE else quoted(word) for word in arrow.words]
    return ", ".join(words) if len(words) < MANY else f"{words[0]} and {len(words) - 1} more"


def _legend(layout: Layout) -> list[str]:
    """Return what the lines mean, at the foot."""
    told = [
        (GREY, "dashed: under a condition"),
        (GREY, "a choice, with the layers that it costs"),
        (RED, "to the boundary, where the decoder comes, and the word that leads on"),
        (GREEN, "to an ending"),
    ]
    lines = []
    for row, (colour, text) in enumerate(told):
        y = layout.height - 16 - 17 * (len(told) - row - 1)
        look = f'stroke="{colour}" marker-end="url(#{_id(colour)})"' if row else f'stroke="{GREY}" stroke-dasharray="4 3"'
        lines.append(f'<path d="M{LEFT} {y - 4:.0f}h26" {look}/><text x="{LEFT + 34}" y="{y:.0f}" fill="#333">{text}</text>')
    return lines
