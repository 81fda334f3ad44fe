"""The scene graph as an SVG, drawn without other programs, and ``draw_graph`` for all its formats.

Boxes are on a grid: a row is a layer, and every token has lanes of its own. The space between rows and lanes is free, so an
edge that would cross a box is routed through it. Edges to the decoder run down beside their lane to the boundary; edges from
the decoder run up to the next token; endings are on the right, above the boundary, and entered from the left.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import NamedTuple

from forward_pass.interface.scene_graph import Box, Edge, SceneGraph, as_dot, as_mermaid, token_name
from forward_pass.session.transcript import quoted
from forward_pass.story.nodes import OTHERWISE

BOX_WIDTH, BOX_HEIGHT = 128, 28
LANE_WIDTH, ROW_HEIGHT = 156, 46  # least distances between the left and the upper sides of boxes
EMPTY_LAYER_HEIGHT, MAX_EMPTY_HEIGHT = 4, 32  # added for each layer without a box, and at most
LEFT, TOP = 64, 116
TOKEN_GAP = 44
MAX_ENDING_COLUMNS, ENDINGS_PER_COLUMN = 3, 9
LINE_SPACING = 6  # between parallel edges
DECODER_OFFSET = 9  # from a box to the edges that run down to the decoder
MAX_LABEL = 22  # characters that fit into a box
CORNER_RADIUS = 5
CURVE_STEP = 8  # between the points of a curve that are tested for boxes
MAX_WORDS = 3  # beside one edge
GREY, RED, GREEN = "#667", "#b22", "#374"

FONT = 'font-family="Helvetica, Arial, sans-serif" font-size="11"'
ARROWHEAD = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto"'
ENDINGS_MARGIN = 96  # room for the labels of edges to endings

Point = tuple[float, float]


class PlacedNode(NamedTuple):
    """The upper left corner of a box, or of a decoder, which has no box."""

    x: float
    y: float
    box: Box | None


class Layout(NamedTuple):
    """The coordinates: nodes by key, left sides of tokens, upper sides of layers, the boundary, the endings' left side."""

    nodes: dict[str, PlacedNode]
    tokens: dict[int, float]
    layers: dict[int, float]
    bottom: float
    endings_x: float
    width: float

    @property
    def height(self) -> float:
        """The height of the picture, with the edges below the boundary and the legend."""
        return self.bottom + 150 + LINE_SPACING * len(self.tokens)


class Line(NamedTuple):
    """An edge as it is drawn: its points, its colour, and spots for its label.

    A spot is (x, y, side): the label ends at x (side -1), is centred on it (0) or starts there (1).
    """

    points: list[Point]
    colour: str
    label_spots: list[tuple[float, float, int]]

    @property
    def curved(self) -> bool:
        """Whether the points are the control points of a cubic Bézier curve; else they are those of a polyline."""
        return len(self.points) == 4  # noqa: PLR2004 - polylines here have other numbers of points


def draw_graph(graph: SceneGraph, file_format: str) -> str:
    """Return a graph as ``dot``, ``mermaid`` or ``svg``."""
    return {"dot": as_dot, "mermaid": as_mermaid, "svg": as_svg}[file_format](graph)


def as_svg(graph: SceneGraph) -> str:
    """Return a graph as an SVG document."""
    layout = layout_graph(graph)
    size = f"{layout.width:.0f} {layout.height:.0f}"
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" {FONT}>',
        f"<title>{escape(graph.title)}</title>",
        f"<defs>{''.join(_arrowhead(colour) for colour in (GREY, RED, GREEN))}</defs>",
        f'<rect width="{layout.width:.0f}" height="{layout.height:.0f}" fill="#fff"/>',
        f'<text x="{LEFT}" y="30" font-size="18" font-weight="bold">{escape(graph.title)}</text>',
        *_background(graph, layout),
    ]
    lines = [(edge, _route(edge, layout)) for edge in graph.edges]
    svg += [_svg_edge(edge, line) for edge, line in lines]
    svg += [_svg_box(node) for node in layout.nodes.values() if node.box]
    svg += [_svg_decoder(token, layout) for token in graph.tokens]
    svg += _labels(lines, layout)
    return "\n".join([*svg, *_legend(layout), "</svg>"]) + "\n"


# -- layout -----------------------------------------------------------------------------------------------------------


def layout_graph(graph: SceneGraph) -> Layout:
    """Return the layout of a graph."""
    scenes, endings = [box for box in graph.boxes if not box.title], [box for box in graph.boxes if box.title]
    layers, y = dict[int, float](), float(TOP)
    for layer, next_layer in pairwise([*sorted({box.layer for box in scenes}), graph.boundary]):
        layers[layer] = y
        y += ROW_HEIGHT + min(EMPTY_LAYER_HEIGHT * max(next_layer - layer - 1, 0), MAX_EMPTY_HEIGHT)
    columns = min(MAX_ENDING_COLUMNS, 1 + len(endings) // ENDINGS_PER_COLUMN)
    ending_row_height = max((BOX_HEIGHT + 8) * columns, ROW_HEIGHT)
    bottom = max(y, TOP + ending_row_height * -(-len(endings) // columns))
    nodes, tokens, x = dict[str, PlacedNode](), dict[int, float](), float(LEFT)
    for token in graph.tokens:
        tokens[token], last_lanes = x, dict[int, int]()
        for box in scenes:
            if box.token == token:
                lane = last_lanes[box.layer] = last_lanes.get(box.layer, -1) + 1
                nodes[box.key] = PlacedNode(x + lane * LANE_WIDTH, layers[box.layer], box)
        width = (max(last_lanes.values(), default=0) + 1) * LANE_WIDTH
        nodes[f"decoder-{token}"] = PlacedNode(x + (width - LANE_WIDTH) / 2, bottom + 12, None)
        x += width + TOKEN_GAP
    endings_x = x + LINE_SPACING * (len(tokens) + 4)
    for number, box in enumerate(endings):
        row, column = divmod(number, columns)
        nodes[box.key] = PlacedNode(
            endings_x + ENDINGS_MARGIN + column * LANE_WIDTH, TOP + row * ending_row_height + column * (BOX_HEIGHT + 8), box
        )
    return Layout(nodes, tokens, layers, bottom, endings_x, endings_x + ENDINGS_MARGIN + columns * LANE_WIDTH)


def _route(edge: Edge, layout: Layout) -> Line:
    """Return the line of an edge."""
    source, target = layout.nodes[edge.source], layout.nodes[edge.target]
    if edge.source == edge.target:
        x, y = source.x + BOX_WIDTH, source.y
        return Line([(x, y + 6), (x + 18, y - 6), (x + 18, y + 30), (x, y + 18)], GREY, [(x + 16, y + 6, 1)])
    if target.box is None:
        x, y = source.x + BOX_WIDTH, source.y + BOX_HEIGHT - 6
        return Line([(x, y), (x + DECODER_OFFSET, y), (x + DECODER_OFFSET, layout.bottom)], RED, [])
    if target.box.title:
        return _to_ending(source, target, layout)
    if source.box is None:
        return _to_next_token(source, target, layout)
    return _to_scene(source, target, layout)


def _to_ending(source: PlacedNode, target: PlacedNode, layout: Layout) -> Line:
    """Return the line to an ending: below the boundary from a decoder, between rows from a scene, then in from the left."""
    tokens_before = sum(x <= source.x for x in layout.tokens.values())
    order = len(layout.tokens) - tokens_before  # decoders farther left have lower channels, nearer to the endings
    rail, y = layout.endings_x - LINE_SPACING * order, target.y + BOX_HEIGHT / 2
    if source.box is None:
        start, channel, colour = (source.x + BOX_WIDTH / 2, source.y + 20), layout.bottom + 54 + LINE_SPACING * order, RED
        rail -= LINE_SPACING * 3
    else:
        start, channel, colour = (source.x + BOX_WIDTH / 2, source.y + BOX_HEIGHT), source.y + BOX_HEIGHT + LINE_SPACING, GREEN
        rail = layout.endings_x + LINE_SPACING * 3 - LINE_SPACING * (order % 3)
    points = [start, (start[0], channel), (rail, channel), (rail, y), (target.x, y)]
    return Line(points, colour, [(target.x - 10, y - 6, -1), (target.x - 10, y + 8, -1)])


def _to_next_token(source: PlacedNode, target: PlacedNode, layout: Layout) -> Line:
    """Return the line from a decoder to a scene of the next token: up beside its lanes, along above them, and down."""
    rail = max(x for x in layout.tokens.values() if x <= target.x) - TOKEN_GAP / 2
    x, above = target.x + BOX_WIDTH / 2, TOP - 30
    points = [(source.x + BOX_WIDTH - 16, source.y + 10), (rail, source.y + 10), (rail, above), (x, above), (x, target.y)]
    return Line(points, RED, [(x + 4, target.y - 14, 1)])


def _to_scene(source: PlacedNode, target: PlacedNode, layout: Layout) -> Line:
    """Return the line to another scene of the token: a curve if it crosses no box, else a polyline between rows and lanes."""
    x1, y1, x2, y2 = source.x + BOX_WIDTH / 2, source.y + BOX_HEIGHT, target.x + BOX_WIDTH / 2, target.y
    half = (y2 - y1) / 2
    curve = [(x1, y1), (x1, y1 + half), (x2, y2 - half), (x2, y2)]
    token = target.box.token if target.box else 0
    token_nodes = (node for node in layout.nodes.values() if node.box and node.box.token == token)
    others = [node for node in token_nodes if node not in (source, target)]
    steps = 1 + int((abs(y2 - y1) + abs(x2 - x1)) / CURVE_STEP)
    if y2 > y1 and not any(_inside(_curve_point(curve, step / steps), node, 3) for node in others for step in range(steps + 1)):
        return Line(curve, GREY, [(*_curve_point(curve, share), 0) for share in (0.5, 0.35, 0.65, 0.25, 0.75)])
    offset = int(source.x + source.y) % 3  # so that not all edges share one line
    channel, gutter, y = y1 + 4 + 3 * offset, target.x - 5 - 3 * offset, target.y + BOX_HEIGHT / 2
    points = [(x1, y1), (x1, channel), (gutter, channel), (gutter, y), (target.x, y)]
    return Line(points, GREY, [(gutter, y - 24, 0), ((x1 + gutter) / 2, channel, 0), (gutter, (channel + y) / 2, 0)])


def _curve_point(curve: list[Point], share: float) -> Point:
    """Return the point of a cubic Bézier curve at a parameter from 0 to 1."""
    rest = 1 - share
    weights = (rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3)
    return (
        sum(weight * x for weight, (x, _) in zip(weights, curve, strict=True)),
        sum(weight * y for weight, (_, y) in zip(weights, curve, strict=True)),
    )


def _inside(point: Point, node: PlacedNode, margin: float) -> bool:
    inside_x = node.x - margin < point[0] < node.x + BOX_WIDTH + margin
    return inside_x and node.y - margin < point[1] < node.y + BOX_HEIGHT + margin


# -- drawing ----------------------------------------------------------------------------------------------------------


def _arrowhead(colour: str) -> str:
    shape = f'<path d="M0 0 8 4 0 8z" fill="{colour}"/>'
    return f'<marker id="{_arrowhead_id(colour)}" {ARROWHEAD}>{shape}</marker>'


def _arrowhead_id(colour: str) -> str:
    return f"tip{colour[1:]}"


def _background(graph: SceneGraph, layout: Layout) -> list[str]:
    """Return the background: a band for each token with its name above and below, a line for each layer, the boundary."""
    lines = []
    lefts = [*layout.tokens.values(), layout.endings_x - LINE_SPACING * (len(layout.tokens) + 4)]
    for token, (x, next_x) in zip(graph.tokens, pairwise(lefts), strict=True):
        size = f'width="{next_x - x - TOKEN_GAP + 12:.0f}" height="{layout.bottom - 56:.0f}"'
        lines.append(f'<rect x="{x - 12:.0f}" y="56" {size} fill="#f7f7fa"/>')
        for y, font in ((76, 14), (layout.bottom + 45, 12)):
            name = escape(token_name(graph, token))
            lines.append(f'<text x="{x:.0f}" y="{y:.0f}" font-size="{font}" font-weight="bold" fill="#333">token {name}</text>')
    end = lefts[-1] - TOKEN_GAP
    for layer, y in layout.layers.items():
        middle = y + BOX_HEIGHT / 2
        lines.append(f'<line x1="{LEFT - 20}" x2="{end:.0f}" y1="{middle:.0f}" y2="{middle:.0f}" stroke="#e4e4ea"/>')
        lines += [
            f'<text x="{x:.0f}" y="{middle + 4:.0f}" text-anchor="{anchor}" fill="#777">{layer}</text>'
            for x, anchor in ((LEFT - 24, "end"), (end + 4, "start"))
        ]
    if any(box.title for box in graph.boxes):
        x = layout.endings_x + ENDINGS_MARGIN
        lines.append(f'<text x="{x:.0f}" y="76" font-size="14" font-weight="bold" fill="{GREEN}">endings</text>')
    bottom = f'y1="{layout.bottom:.0f}" y2="{layout.bottom:.0f}"'
    return [
        *lines,
        f'<line x1="{LEFT - 20}" x2="{layout.width - 16:.0f}" {bottom} stroke="{RED}" stroke-width="2"/>',
        f'<text x="{LEFT - 24}" y="{layout.bottom + 4:.0f}" text-anchor="end" fill="{RED}">{graph.boundary}</text>',
    ]


def _svg_edge(edge: Edge, line: Line) -> str:
    dashes = ' stroke-dasharray="4 3"' if edge.conditional else ""
    tooltip = f"<title>{escape(', '.join(edge.labels))}</title>" if edge.labels else ""
    shape = _curve_path(line.points) if line.curved else _rounded_path(line.points)
    style = f'fill="none" stroke="{line.colour}" stroke-opacity="0.7"{dashes} marker-end="url(#{_arrowhead_id(line.colour)})"'
    return f'<path d="{shape}" {style}>{tooltip}</path>'


def _curve_path(points: list[Point]) -> str:
    start, *rest = (f"{x:.0f} {y:.0f}" for x, y in points)
    return f"M{start}C{' '.join(rest)}"


def _rounded_path(points: list[Point]) -> str:
    """Return the path of a polyline with rounded corners."""
    shape = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (x1, y1), (x2, y2) = _corner_end(corner, before), _corner_end(corner, after)
        shape += f"L{x1:.1f} {y1:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {x2:.1f} {y2:.1f}"
    return f"{shape}L{points[-1][0]:.0f} {points[-1][1]:.0f}"


def _corner_end(corner: Point, other: Point) -> Point:
    """Return the point between a corner and the next point where the rounding of the corner ends."""
    x, y = other[0] - corner[0], other[1] - corner[1]
    length = max(abs(x), abs(y), 1.0)
    share = min(CORNER_RADIUS, length / 2) / length
    return corner[0] + x * share, corner[1] + y * share


def _svg_box(node: PlacedNode) -> str:
    box = node.box or Box("", "", 0, 0, "")
    style = f'fill="#eef6ee" stroke="{GREEN}" rx="14"' if box.title else 'fill="#fff" stroke="#446" rx="3"'
    tooltip = f"{box.title} ({box.name})" if box.title else f"{box.name}: token {box.token}, layer {box.layer}"
    label = box.title or box.name
    text = label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"
    return (
        f"<g><title>{escape(tooltip)}</title>"
        f'<rect x="{node.x:.0f}" y="{node.y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" {style}/>'
        f'<text x="{node.x + BOX_WIDTH / 2:.0f}" y="{node.y + 18:.0f}" text-anchor="middle">{escape(text)}</text></g>'
    )


def _svg_decoder(token: int, layout: Layout) -> str:
    node = layout.nodes[f"decoder-{token}"]
    shape = f"M{node.x + 16:.0f} {node.y:.0f}h{BOX_WIDTH - 32}l-12 20h{-(BOX_WIDTH - 56)}z"
    return (
        f'<g><path d="{shape}" fill="#fbeaea" stroke="{RED}"/><text x="{node.x + BOX_WIDTH / 2:.0f}" y="{node.y + 14:.0f}" '
        f'text-anchor="middle">decoder {token}</text></g>'
    )


def _labels(lines: list[tuple[Edge, Line]], layout: Layout) -> list[str]:
    """Return the labels of the edges, as far as there is room for them."""
    boxes = [node for node in layout.nodes.values() if node.box]
    labelled: set[tuple[str, Point]] = set()
    centres: list[Point] = []
    svg = []
    for edge, line in lines:
        label = _label(edge)
        half_width = 2.3 * len(label) + 1
        for anchor, y, direction in line.label_spots if label and (label, line.points[-1]) not in labelled else ():
            x = anchor + direction * half_width
            if line.colour == GREY and any(
                _inside((x, y), node, half_width) for node in boxes if abs(node.y - y) < 2 * BOX_HEIGHT
            ):
                continue
            if any(abs(x - u) < half_width + 12 and abs(y - v) < 9 for u, v in centres):  # noqa: PLR2004 - the height of a label
                continue
            labelled.add((label, line.points[-1]))
            centres.append((x, y))
            svg.append(
                f'<text x="{x:.0f}" y="{y + 3:.0f}" font-size="9" text-anchor="middle" fill="{line.colour}" stroke="#fff" '
                f'stroke-width="3" paint-order="stroke">{escape(label)}</text>'
            )
            break
    return svg


def _label(edge: Edge) -> str:
    """Return the label of an edge: the costs of choices, or the decoded words, shortened."""
    if not edge.source.startswith("decoder-"):
        return ", ".join(edge.labels)
    words = [word if word == OTHERWISE else quoted(word) for word in edge.labels]
    return ", ".join(words) if len(words) <= MAX_WORDS else f"{words[0]} and {len(words) - 1} more"


def _legend(layout: Layout) -> list[str]:
    """Return the legend."""
    entries = [
        (GREY, "dashed: under a condition"),
        (GREY, "a choice, with the layers that it costs"),
        (RED, "to the boundary, where the decoder comes, and the word that leads on"),
        (GREEN, "to an ending"),
    ]
    lines = []
    for row, (colour, text) in enumerate(entries):
        y = layout.height - 16 - 17 * (len(entries) - row - 1)
        style = (
            f'stroke="{colour}" marker-end="url(#{_arrowhead_id(colour)})"'
            if row
            else f'stroke="{GREY}" stroke-dasharray="4 3"'
        )
        lines.append(f'<path d="M{LEFT} {y - 4:.0f}h26" {style}/><text x="{LEFT + 34}" y="{y:.0f}" fill="#333">{text}</text>')
    return lines
