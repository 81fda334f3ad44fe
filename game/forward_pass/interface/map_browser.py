"""The map of all runs on a full screen: tokens across, layers down, below them the ways from a place; a number takes one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import Window

from forward_pass.interface.browsing import BrowserRequest, request_at, run_action, taking, turn_page, without_page
from forward_pass.interface.signals import run_application
from forward_pass.interface.widgets import (
    WIDE,
    Pane,
    ScrollControl,
    full_screen,
    key_lines,
    screen_size,
    truncate,
)
from forward_pass.session.run_map import (
    OpenWay,
    Place,
    Way,
    arrival_words,
    build_map,
    deciding_places,
    map_summary,
    open_way_text,
    open_ways,
    place_name,
    way_text,
    ways_in,
)
from forward_pass.session.transcript import count_text, wrap
from forward_pass.session.tree_states import TreeStates

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from forward_pass.storage.run_set import RunSet

FEW, MANY, DECIDING, ENDING, OPEN = "•", "●", "★", "■", "○"
THIN, THICK, MORE = "│", "┃", "…"
LEGEND = f"{MANY} a place  {FEW} few runs  {DECIDING} decided a word  {ENDING} ending  {OPEN} a way not taken"
NARROW_LEGEND = f"{MANY}{FEW} places {DECIDING} decided {ENDING} end {OPEN} open"
MIN_COLUMN, MAX_COLUMN, MARGIN = 8, 16, 4  # cells of a token's column; cells of the layers at the left
NARROW_COLUMN = 6
MIN_LAYER_ROWS, MAX_LAYER_ROWS = 4, 20
DETAIL_ROWS = 9  # below the drawing, of which one is the legend
SHARE_OF_MANY = 0.25  # of the runs, so that a place or a line counts as one of many
MAX_RUNS = 12  # that are named at an ending
MAX_DECIDING_RUNS = 1_000  # of more runs it is not worked out where words were decided
KEYS = (
    ("Up, Down", "the place above, below; PageUp and PageDown ten, Home and End"),
    ("Left, Right", "the token before, after, at the nearest layer"),
    ("1 to 9", "take that way, as a run of its own: one that was taken, or one that nobody took"),
    ("Enter", "read the place as the first run met it"),
    ("u", "the next place with a way that no run took"),
    ("f", "fork: play on from here, as a run of its own"),
    ("w", "a run without what the choice that led here did to the pass"),
    ("Tab", "the tree, where every run is a branch"),
    ("q, Ctrl-C", "leave"),
)
LEGEND_HELP = (
    "Runs that meet in a scene meet here. Each column is a token, its layers from the top down, endings below them; a line is "
    "thick where many runs pass. The places that the selected one leads to are underlined. Of a way that nobody took only the "
    "verb is told."
)


class MapBrowser:
    """The state of the screen: the map, the selected place, the pane over it."""

    def __init__(self, run_set: RunSet, node: int) -> None:
        self.world, self.tree, self.run_set = run_set.world, run_set.tree, run_set
        self.map = build_map(self.world, self.tree)
        self.states = TreeStates(run_set)
        few = len(run_set.journals) <= MAX_DECIDING_RUNS
        self.deciding = deciding_places(self.map, run_set, self.states) if few else {}
        self.named = ways_in(self.map)
        self.origin = node
        self.selected = self.map.of_node[node]
        self.is_reading = False  # whether the pane is the page of a turn
        self.first_way = 0  # of those below the drawing
        self.pane: Pane | None = None
        self.message = ""
        self._words = arrival_words(self.world, self.map)
        self._open: dict[int, list[OpenWay]] = {}

    @property
    def node(self) -> int:
        """A node of the selected place: the one that the screen came from, else the first."""
        return self.origin if self.map.of_node[self.origin] == self.selected else self.place.nodes[0]

    @property
    def place(self) -> Place:
        """The selected place."""
        return self.map.places[self.selected]

    def open_at(self, place: Place) -> list[OpenWay]:
        """Return the ways from a place that no run took."""
        if place.number not in self._open:
            self._open[place.number] = open_ways(self.map, place, self.states)
        return self._open[place.number]

    @property
    def ways(self) -> list[Way | OpenWay]:
        """The ways from the selected place in the order of their numbers: those taken, then those that nobody took."""
        return [*self.place.ways, *self.open_at(self.place)]

    # -- keys -----------------------------------------------------------------------------------------------------------

    def select(self, number: int) -> None:
        """Select the place of a number, or the first or last."""
        self.selected, self.message = min(max(number, 0), len(self.map.places) - 1), ""

    def step(self, by: int) -> None:
        """Go to an earlier or later place, or scroll the pane."""
        if self.pane is not None:
            self.pane.scroll(by)
        else:
            self.select(self.selected + by)

    def step_token(self, by: int) -> None:
        """Go to the place of a neighbouring token that is nearest in layers."""
        tokens, here = self.map.tokens, self.place
        token = tokens[min(max(tokens.index(here.token) + by, 0), len(tokens) - 1)]
        near = (place for place in self.map.places if place.token == token)
        self.select(min(near, key=lambda place: abs((place.layer or 0) - (here.layer or 0)) + 100 * bool(place.title)).number)

    def select_untaken(self) -> None:
        """Select the next place with a way that no run took."""
        count = len(self.map.places)
        for by in range(1, count + 1):
            place = self.map.places[(self.selected + by) % count]
            if self.open_at(place):
                self.select(place.number)
                return
        self.message = "every way that is open in these runs was taken"

    def say(self, message: str) -> None:
        """Say something in the footer."""
        self.message = message

    def show_keys(self) -> None:
        """Show what the keys do in a pane."""
        self.pane = Pane(key_lines("Keys of the map", KEYS, LEGEND_HELP))

    def read(self) -> None:
        """Show the selected place in a pane, as the first run met it."""
        self.message, self.pane, self.is_reading = "", turn_page(self.run_set, self.tree.nodes[self.node]), True

    def show_without(self) -> None:
        """Show the first run that came to the selected place by an act, without that act."""
        self.message = ""
        for number in self.place.nodes:
            self.pane = without_page(self.run_set, self.tree.nodes[number])
            if self.pane is not None:
                return
        self.message = "what led here did nothing to the pass"

    def taking(self, number: int) -> BrowserRequest | None:
        """Return the request to take the way of a number (from 1), of the place or of its page; None where there is none."""
        if self.pane is not None:
            return taking(self.run_set, self.tree.nodes[self.node], number) if self.is_reading else None
        if number > len(self.ways):
            self.message = "no way has that number here"
            return None
        way = self.ways[number - 1]
        if isinstance(way, OpenWay):
            return request_at("fork", self.tree.nodes[way.node], way.choice)
        node = next(
            node
            for source in self.place.nodes
            for node in map(self.tree.nodes.__getitem__, self.tree.nodes[source].children)
            if node.recorded and (node.recorded.choice, self.map.of_node[node.number]) == (way.choice, way.target)
        )
        return request_at("fork", node)

    # -- what is drawn --------------------------------------------------------------------------------------------------

    def fragments(self) -> StyleAndTextTuples:
        """Return the map, or the pane."""
        if self.pane is not None:
            return self.pane.fragments()
        columns, rows = screen_size()
        most = min(self.world.boundary - self.world.first_layer, MAX_LAYER_ROWS)
        layer_rows = min(max(rows - DETAIL_ROWS - 3, MIN_LAYER_ROWS), most)
        tokens, width = self.visible_tokens(columns)
        lines = [*self._token_lines(tokens, width)]
        lines += [self._layer_line(row, layer_rows, tokens, width) for row in range(layer_rows)]
        lines.append(self._ending_line(tokens, width))
        lines.append([("class:quiet", truncate(LEGEND if columns >= len(LEGEND) else NARROW_LEGEND, columns))])
        lines += self._detail(columns, rows - len(lines))
        return [piece for line in lines for piece in [*line, ("", "\n")]]

    def visible_tokens(self, columns: int) -> tuple[list[int], int]:
        """Return the tokens that fit the screen, the selected one among them, and the width of a token's column."""
        tokens = self.map.tokens
        least = MIN_COLUMN if columns >= WIDE else NARROW_COLUMN
        width = min(max((columns - MARGIN) // len(tokens), least), MAX_COLUMN)
        count = max((columns - MARGIN) // width, 1)
        first = min(max(tokens.index(self.place.token) - count // 2, 0), max(len(tokens) - count, 0))
        return tokens[first : first + count], width

    def _token_lines(self, tokens: list[int], width: int) -> list[StyleAndTextTuples]:
        """Return the tokens, and below each the word that most runs came to it with."""
        numbers = "".join(f"{token}".ljust(width) for token in tokens)
        words = "".join(truncate(self._words.get(token, ""), width - 1).ljust(width) for token in tokens)
        return [[("class:strong", " " * MARGIN + numbers)], [("class:quiet", " " * MARGIN + words)]]

    def _row_of(self, layer: int | None, rows: int) -> int:
        first, last = self.world.first_layer, self.world.boundary
        return min(max(((layer or first) - first) * rows // (last - first), 0), rows - 1)

    def _layer_line(self, row: int, rows: int, tokens: list[int], width: int) -> StyleAndTextTuples:
        first, last = self.world.first_layer, self.world.boundary
        line: StyleAndTextTuples = [("class:quiet", f"{first + row * (last - first) // rows:>3} ")]
        for token in tokens:
            here = [place for place in self.map.places if place.token == token and not place.title]
            at_row = [place for place in here if self._row_of(place.layer, rows) == row]
            line += self._cell(at_row, width) if at_row else [("class:quiet", self._passing(here, row, rows).ljust(width))]
        return line

    def _passing(self, here: list[Place], row: int, rows: int) -> str:
        """Return the line of a token at a row without places: how many runs pass there."""
        count = 0
        for place in here:
            if self._row_of(place.layer, rows) < row:
                for way in place.ways:
                    target = self.map.places[way.target]
                    beyond = target.token != place.token or bool(target.title) or self._row_of(target.layer, rows) > row
                    count += way.times if beyond else 0
        return "" if not count else THICK if count >= SHARE_OF_MANY * len(self.run_set.journals) else THIN

    def _ending_line(self, tokens: list[int], width: int) -> StyleAndTextTuples:
        line: StyleAndTextTuples = [("class:quiet", "end ")]
        for token in tokens:
            line += self._cell([place for place in self.map.places if place.token == token and place.title], width)
        return line

    def _cell(self, places: list[Place], width: int) -> StyleAndTextTuples:
        """Return the cell of some places, the selected one in view, each with a sign for ways that nobody took."""
        signs: list[tuple[str, str]] = []
        at = 0
        targets = {way.target for way in self.place.ways}
        for place in places:
            if place.number == self.selected:
                at = len(signs)
                style = "class:selected"
            elif place.number in targets:
                style = "class:figure underline"
            else:
                style = "class:strong" if place.title or place.number in self.deciding else ""
            signs.append((style, self._sign(place)))
            if self.open_at(place):
                signs.append(("class:quiet", OPEN))
        room = width - 1
        first = max(min(at - room // 2, len(signs) - room), 0)
        shown = signs[first : first + room]
        if first + room < len(signs):
            shown[-1] = ("class:quiet", MORE)
        if first:
            shown[0] = ("class:quiet", MORE)
        return [*shown, ("", " " * (width - len(shown)))]

    def _sign(self, place: Place) -> str:
        if place.title:
            return ENDING
        if place.number in self.deciding:
            return DECIDING
        return MANY if place.runs >= SHARE_OF_MANY * len(self.run_set.journals) else FEW

    def _detail(self, columns: int, rows: int) -> list[StyleAndTextTuples]:
        """Return the selected place and its numbered ways, in some rows."""
        place, width = self.place, min(columns - 1, 100)
        where = "ending" if place.title else f"layer {place.layer}" if place.layer is not None else "layer unknown"
        runs = count_text(place.runs, "run")
        name = place_name(self.world, place, self.named.get(place.number))
        head = f"{place.token}, {where} · {runs} · {name}"
        if place.title:
            head += f" · run {self._runs_here()}"
        if place.number in self.deciding:
            head += f" · decided the word of {self.deciding[place.number]}"
        lines: list[tuple[str, str]] = [("class:strong", line) for line in wrap(head, width)[:2]]
        texts = [
            (way, open_way_text(self.world, way))
            if isinstance(way, OpenWay)
            else (way, way_text(self.world, way, self.map.places[way.target]))
            for way in self.ways
        ]
        listed = [
            ("class:new" if isinstance(way, OpenWay) else "", f"{number}. {text}")
            for number, (way, text) in enumerate(texts, 1)
        ]
        wrapped = [(style, line) for style, text in listed for line in wrap(text, width)]
        fits = len(lines) + len(wrapped) <= rows
        lines += wrapped if fits else [(style, truncate(text, columns - 1)) for style, text in listed]
        if len(lines) > rows:
            lines = [*lines[: rows - 1], ("class:quiet", f"{len(lines) - rows + 1} more: Enter reads the place")]
        return [[line] for line in lines]

    def _runs_here(self) -> str:
        runs = sorted({run for number in self.place.nodes for run in self.tree.nodes[number].runs})
        return f"{', '.join(map(str, runs[:MAX_RUNS]))}{' …' if len(runs) > MAX_RUNS else ''}"

    @property
    def header(self) -> str:
        """The header: a summary of the map."""
        return f" {map_summary(self.world, self.map, len(self.run_set.journals))}"

    @property
    def footer(self) -> str:
        """The footer: the last message, or the keys."""
        if self.message:
            return f" {self.message}"
        if self.pane is not None:
            return f" {self.pane.place} · {'a number takes that way  ' if self.is_reading else ''}q back"
        if screen_size()[0] <= WIDE:
            return " ←↑↓→ 1-9 Enter u f w Tab ? q"
        return " 1-9 take  Enter read  u untaken  f fork  Tab tree  q  ? keys"


def browse_map(run_set: RunSet, node: int = 0) -> BrowserRequest | None:
    """Show the map of runs; return the request to fork, or to go to the tree. ``node`` is of the place selected first."""
    screen = MapBrowser(run_set, node)
    body = Window(ScrollControl(screen.fragments, screen.step))
    app = full_screen(lambda: screen.header, [body], lambda: screen.footer, _keys(screen))
    request: BrowserRequest | None = run_application(app)
    return request


def _keys(screen: MapBrowser) -> KeyBindings:
    keys = KeyBindings()
    drawing = Condition(lambda: screen.pane is None)
    steps: dict[str, Callable[[], object]] = {
        "up": partial(screen.step, -1),
        "down": partial(screen.step, 1),
        "pageup": partial(screen.step, -10),
        "pagedown": partial(screen.step, 10),
        "home": partial(screen.step, -100_000),
        "end": partial(screen.step, 100_000),
    }
    drawn: dict[str, Callable[[], object]] = {
        "left": partial(screen.step_token, -1),
        "right": partial(screen.step_token, 1),
        "u": screen.select_untaken,
        "enter": screen.read,
        "w": screen.show_without,
        "?": screen.show_keys,
    }
    for name, action in steps.items():
        keys.add(name)(lambda _, action=action: action())
    for name, action in drawn.items():
        keys.add(name, filter=drawing)(lambda _, action=action: run_action(action, screen.say))
    _bind_leaving(screen, keys, drawing)
    return keys


def _bind_leaving(screen: MapBrowser, keys: KeyBindings, drawing: Condition) -> None:
    def take(event: KeyPressEvent) -> None:
        request = screen.taking(int(event.key_sequence[0].key))
        if request is not None:
            event.app.exit(result=request)

    def leave_for(event: KeyPressEvent, action: str) -> None:
        event.app.exit(result=request_at(action, screen.tree.nodes[screen.node]))

    def close(event: KeyPressEvent) -> None:
        if screen.pane is None:
            event.app.exit()
        screen.pane, screen.is_reading = None, False

    for digit in "123456789":
        keys.add(digit)(take)
    keys.add("f")(partial(leave_for, action="fork"))
    keys.add("tab", filter=drawing)(partial(leave_for, action="tree"))
    for name in ("q", "escape", "c-c", "c-d"):
        keys.add(name)(close)
