"""The map of all runs as one web page that needs nothing else: a drawing whose places lead to their texts, pan and zoom.

Without scripts the drawing scrolls, and a place that is clicked shows its text all the same. Nothing is fetched.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.interface.export import SOURCE, paragraphs_html
from forward_pass.session.branches import plain_choice
from forward_pass.session.run_map import (
    Place,
    RunMap,
    arrival_words,
    build_map,
    deciding_places,
    map_summary,
    open_way_text,
    open_ways,
    place_name,
    place_text,
    ways_in,
)
from forward_pass.session.transcript import count_text, quoted
from forward_pass.session.tree_states import TreeStates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forward_pass.session.run_map import OpenWay, Way
    from forward_pass.storage.run_set import RunSet
    from forward_pass.story.world import World

BOX_WIDTH, BOX_HEIGHT = 178, 38  # of a place, in CSS pixels
COLUMN_WIDTH, ROW_HEIGHT = 330, 54  # from one place to the next
LEFT, TOP = 60, 60
LABEL_CHARACTERS, LABEL_LINES = 27, 2
ENDING_GAP = 26  # above the first ending of a token
MAX_STUBS = 2  # open ends that are drawn at one place
STUB_LENGTH, STUB_SPACING = 22, 15
MIN_LINE, MAX_LINE = 1.0, 9.0  # width of a way
MAX_RUNS_LISTED = 12
MAX_DECIDING_RUNS = 1_000
LEGEND = (
    "Runs that meet in a scene meet here: tokens across, layers down, endings below. A line is the wider the more often the "
    "way was taken; a broken one ends where a way was never taken. What led to a framed place decided a word. Click a place "
    "for its text."
)
TOOLS = '<button id="in">+</button> <button id="out">−</button> <button id="all">all of it</button>'


class Drawn(NamedTuple):
    """The map and what the page shows of it: where each place is, the ways not taken, the size of the drawing."""

    world: World
    map: RunMap
    corners: Mapping[int, tuple[float, float]]  # the upper left corner of each place
    open: Mapping[int, list[OpenWay]]
    deciding: Mapping[int, int]
    names: Mapping[int, str]
    size: tuple[float, float]


def map_page(run_set: RunSet) -> str:
    """Return the map of some runs as a web page."""
    states = TreeStates(run_set)
    drawn = _drawn(run_set, states)
    summary = map_summary(run_set.world, drawn.map, len(run_set.journals))
    title = f"{run_set.world.title}: the map of {count_text(len(run_set.journals), 'run')}"
    sections = (_section(place, drawn, run_set, states) for place in drawn.map.places)
    return web_page(title, summary, LEGEND, drawing(drawn, partial(_way_title, drawn)), sections)


def web_page(title: str, summary: str, legend: str, svg: str, sections: Iterable[str]) -> str:
    """Return a page that needs nothing else: a drawing that can be moved and zoomed, and the sections that it leads to."""
    style, script = _part("css"), _part("js")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n",
            f"<header><h1>{escape(title)}</h1>\n<p>{escape(summary)}</p>\n",
            f'<p class="quiet">{legend} <span id="tools">{TOOLS}</span></p></header>\n',
            f'<div id="view">\n{svg}</div>\n<main>\n',
            *sections,
            f'<p class="quiet">{escape(SOURCE)}</p>\n</main>\n<script>{script}</script>\n</body>\n</html>\n',
        ]
    )


def _part(kind: str) -> str:
    """Return the style sheet or the script of the page, which lie beside this module."""
    return files(__package__).joinpath(f"map_page.{kind}").read_text(encoding="utf8")


def _drawn(run_set: RunSet, states: TreeStates) -> Drawn:
    world, run_map = run_set.world, build_map(run_set.world, run_set.tree)
    named = ways_in(run_map)
    corners, lowest = corners_of(run_map)
    few = len(run_set.journals) <= MAX_DECIDING_RUNS
    return Drawn(
        world,
        run_map,
        corners,
        {place.number: open_ways(run_map, place, states) for place in run_map.places},
        deciding_places(run_map, run_set, states) if few else {},
        {place.number: place_name(world, place, named.get(place.number)) for place in run_map.places},
        (LEFT + len(run_map.tokens) * COLUMN_WIDTH, lowest + TOP / 2),
    )


def corners_of(run_map: RunMap) -> tuple[dict[int, tuple[float, float]], float]:
    """Return the upper left corner of each place, tokens across and places down, and how far down the lowest ends."""
    corners: dict[int, tuple[float, float]] = {}
    lowest = 0.0
    for column, token in enumerate(run_map.tokens):
        y, in_endings = float(TOP), False
        for place in run_map.places:
            if place.token == token:
                y += ENDING_GAP if place.title and not in_endings else 0
                in_endings = bool(place.title)
                corners[place.number] = (LEFT + column * COLUMN_WIDTH, y)
                y += ROW_HEIGHT
        lowest = max(lowest, y)
    return corners, lowest


# -- the drawing ------------------------------------------------------------------------------------------------------------


def drawing(drawn: Drawn, title_of: Callable[[Way], str]) -> str:
    """Return the map as an SVG: the places at their corners, the ways between them with their titles, the open ends."""
    width, height = drawn.size
    words = arrival_words(drawn.world, drawn.map)
    most = max((way.times for way in drawn.map.ways), default=1) or 1
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    label = 'role="img" aria-label="The map; its places are listed below."'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {label}>\n']
    for column, token in enumerate(drawn.map.tokens):
        word = escape(f"{token} {words.get(token, '')}" if drawn.world.has_pass else "")
        parts.append(f'<text class="head" x="{LEFT + column * COLUMN_WIDTH}" y="{TOP - 22}">{word}</text>\n')
    parts += [_way_line(way, drawn, most, title_of(way)) for way in drawn.map.ways]
    parts += [piece for place in drawn.map.places for piece in _stubs(place, drawn)]
    parts += [_box(place, drawn) for place in drawn.map.places]
    return "".join([*parts, "</svg>\n"])


def _way_title(drawn: Drawn, way: Way) -> str:
    said = f" → {quoted(way.word)}" if way.word is not None else ""
    return f"{plain_choice(drawn.world, way.choice)}{said}: {count_text(way.times, 'time')}"


def _way_line(way: Way, drawn: Drawn, most: int, title: str) -> str:
    (x, y), (to_x, to_y) = drawn.corners[way.source], drawn.corners[way.target]
    width = MIN_LINE + (MAX_LINE - MIN_LINE) * (way.times / most) ** 0.5
    middle, to_middle = y + BOX_HEIGHT / 2, to_y + BOX_HEIGHT / 2
    if to_x == x:  # within a token: around the left, the wider the further
        bend = min(12 + abs(to_y - y) / 14, LEFT - 14)
        path = f"M{x:.0f} {middle:.0f}C{x - bend:.0f} {middle:.0f} {x - bend:.0f} {to_middle:.0f} {x:.0f} {to_middle:.0f}"
    else:
        start, bend = x + BOX_WIDTH, (to_x - x - BOX_WIDTH) * 0.55
        path = (
            f"M{start:.0f} {middle:.0f}C{start + bend:.0f} {middle:.0f} {to_x - bend:.0f} {to_middle:.0f} "
            f"{to_x:.0f} {to_middle:.0f}"
        )
    ends = f'data-from="{way.source}" data-to="{way.target}"'
    return f'<path class="way" {ends} d="{path}" stroke-width="{width:.1f}"><title>{escape(title)}</title></path>\n'


def _stubs(place: Place, drawn: Drawn) -> Iterator[str]:
    """Yield the open ends of a place: a broken line to a circle, with the verb of the way that was never taken."""
    ways = drawn.open[place.number]
    x, y = drawn.corners[place.number]
    start = x + BOX_WIDTH
    for at, way in enumerate(ways[:MAX_STUBS]):
        height = y + BOX_HEIGHT / 2 + (at - (min(len(ways), MAX_STUBS) - 1) / 2) * STUB_SPACING
        more = f" +{len(ways) - MAX_STUBS}" if at == MAX_STUBS - 1 and len(ways) > MAX_STUBS else ""
        end = start + STUB_LENGTH
        yield f'<path class="stub" d="M{start:.0f} {height:.1f}H{end:.0f}"/>'
        yield f'<circle class="end" cx="{end + 4}" cy="{height:.1f}" r="4"/>'
        yield f'<text class="open" x="{end + 12}" y="{height + 4:.1f}">{escape((way.verb or "a thought") + more)}</text>\n'


def _box(place: Place, drawn: Drawn) -> str:
    x, y = drawn.corners[place.number]
    kinds = ["place", *(["ending"] if place.title else []), *(["decided"] if place.number in drawn.deciding else [])]
    lines = _label(drawn.names[place.number])
    first = y + BOX_HEIGHT / 2 + 4 - 7 * (len(lines) - 1)
    texts = "".join(f'<text x="{x + 10:.0f}" y="{first + 14 * at:.0f}">{escape(line)}</text>' for at, line in enumerate(lines))
    layer = "" if place.title or place.layer is None or not drawn.world.has_pass else f"{place.layer}"
    counts = f'<text class="quiet" x="{x + BOX_WIDTH - 6:.0f}" y="{y - 3:.0f}" text-anchor="end">{place.runs or ""}</text>'
    counts += f'<text class="quiet" x="{x + 2:.0f}" y="{y - 3:.0f}">{layer}</text>'
    rect = f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="4"/>'
    runs = f", {count_text(place.runs, 'run')}" if place.runs else ""
    label = escape(f"{drawn.names[place.number]}{runs}")
    return (
        f'<a href="#p{place.number}" class="{" ".join(kinds)}" data-place="{place.number}" aria-label="{label}">'
        f"<title>{label}</title>{rect}{texts}{counts}</a>\n"
    )


def _label(name: str) -> list[str]:
    """Return a name as lines that fit a box; an ellipsis marks a cut."""
    lines, words = [""], name.split()
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > LABEL_CHARACTERS:
            if len(lines) == LABEL_LINES:
                return [*lines[:-1], f"{lines[-1]} …"]
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + (word if len(word) <= LABEL_CHARACTERS else f"{word[:LABEL_CHARACTERS]}…")
    return lines


# -- the places -------------------------------------------------------------------------------------------------------------


def _section(place: Place, drawn: Drawn, run_set: RunSet, states: TreeStates) -> str:
    where = place_text(drawn.world, place)
    at = f"Token {place.token}, {where}; run" if drawn.world.has_pass else "Run"
    state = states.state(place.nodes[0])
    text = drawn.world.scene(place.scene).text(state, run_set.inspector) if state is not None else ""
    runs = sorted({run for number in place.nodes for run in run_set.tree.nodes[number].runs})
    more = f" and {len(runs) - MAX_RUNS_LISTED} more" if len(runs) > MAX_RUNS_LISTED else ""
    decided = f" What led here decided the word of {drawn.deciding[place.number]}." if place.number in drawn.deciding else ""
    rows = [_way_row(way, drawn) for way in place.ways]
    rows += [f'<li class="open">{escape(open_way_text(drawn.world, way))}</li>' for way in drawn.open[place.number]]
    listed = f"<ul>{''.join(rows)}</ul>" if rows else ""
    return (
        f'<section id="p{place.number}"><a class="close" href="#">close</a><h2>{escape(drawn.names[place.number])}</h2>\n'
        f'<p class="quiet">{at} {", ".join(map(str, runs[:MAX_RUNS_LISTED]))}{more}.'
        f"{escape(decided)}</p>\n{paragraphs_html(text)}{listed}</section>\n"
    )


def _way_row(way: Way, drawn: Drawn) -> str:
    said = f" → {escape(quoted(way.word))}" if way.word is not None else ""
    target = drawn.map.places[way.target]
    ends = f" → ends: {escape(target.title)}" if target.title else ""
    verb = drawn.world.choices[way.choice].verb if way.choice in drawn.world.choices else ""
    words = f"{escape(plain_choice(drawn.world, way.choice))}{f' [{escape(verb)}]' if verb else ''}{said}{ends}"
    return f'<li><a href="#p{way.target}">{words}</a> ({count_text(way.times, "time")})</li>'
