"""The end of a run as a picture on the full screen: tokens across, layers down; arrows move, a key forks where they stand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import Window
from prompt_toolkit.layout.controls import FormattedTextControl

from forward_pass.interface.signals import run_application
from forward_pass.interface.widgets import WIDE, Pane, full_screen, key_lines, prose_width, truncate
from forward_pass.session.ablation import ablate, ablation_lines
from forward_pass.session.run_picture import RunPicture, Stop, TokenColumn, run_picture, stop_text
from forward_pass.session.transcript import quoted, wrap
from forward_pass.story.distribution import format_probability

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from forward_pass.session.session import Session

CHOICE, ACT, DECIDING, OTHER = "●", "◆", "★", "○"
LEGEND = f"{CHOICE} chosen  {ACT} act  {DECIDING} decided it  {OTHER} a way not taken"
NARROW_LEGEND = f"{CHOICE} chosen {ACT} act {DECIDING} decided {OTHER} not taken"
MIN_COLUMN, MAX_COLUMN, MARGIN = 5, 14, 3  # cells of a token's column; cells of the layers at the left
MAX_OTHERS = 3  # open dots of one stop
DETAIL_ROWS, MIN_LAYER_ROWS, MAX_LAYER_ROWS = 6, 4, 20
FIXED_ROWS = 5  # header, words, words said with their figures, footer
PAUSE = 0.05  # seconds, for the screen to be drawn
FORK, TREE, NEW = "fork", "tree", "new"


KEYS = (
    ("Up, Down", "the turn before, after; PageUp and PageDown ten, Home and End"),
    ("Left, Right", "the token before, after, at the nearest layer"),
    ("Enter", "play on from before the selected turn, as a run of its own"),
    ("s", "play on from before the act that decided the word (★), wherever the cursor is: choose otherwise there"),
    ("w", "the same run without the act of the selected turn (◆): every word and figure, measured"),
    ("h", "the nearest ending that was not found, and where to leave this run for it"),
    ("t, n", "the tree of all runs; a new instantiation"),
    ("q", "back to the ending"),
)
LEGEND_HELP = (
    "Each column is a token, its layers from the top down, the word said below it. A row has the choices made in its layers; "
    "the selected one is reversed. What an act is worth is the probability of the word that stands for the run, less the same "
    "without the act."
)


class PictureRequest(NamedTuple):
    """What to do after the picture: ``fork`` before a turn (from 1), ``tree`` or ``new``; the turn is 0 for the last two."""

    action: str
    turn: int = 0


class EndPicture:
    """The state of the screen: the picture, the selected stop, the pane over it."""

    def __init__(self, session: Session, nearest: Callable[[], tuple[str, int] | None]) -> None:
        self.session, self.nearest = session, nearest
        self.picture: RunPicture = run_picture(session.run)
        self.stops = self.picture.stops
        deciding = self.picture.deciding
        self.selected = self.stops.index(deciding) if deciding else len(self.stops) - 1
        self.pane: Pane | None = None
        self.message = ""

    @property
    def stop(self) -> Stop:
        """The selected stop."""
        return self.stops[self.selected]

    # -- keys -----------------------------------------------------------------------------------------------------------

    def step(self, by: int) -> None:
        """Go to an earlier or later turn, or scroll the pane."""
        if self.pane is not None:
            self.pane.scroll(by)
        else:
            self.selected, self.message = min(max(self.selected + by, 0), len(self.stops) - 1), ""

    def step_token(self, by: int) -> None:
        """Go to the stop of a neighbouring token that is nearest in layers."""
        tokens = [column.token for column in self.picture.columns]
        at = min(max(tokens.index(self.stop.token) + by, 0), len(tokens) - 1)
        near = min(self.picture.columns[at].stops, key=lambda stop: abs(stop.layer - self.stop.layer))
        self.selected, self.message = self.stops.index(near), ""

    def show_without(self) -> None:
        """Show the run without the acts of the selected stop in a pane."""
        if not self.stop.acted:
            self.message = "nothing was done to the pass here; an act has the sign " + ACT
            return
        temperature, seed = self.session.recorder.sampling
        result = ablate(self.session.run, [self.stop.turn], temperature, seed)
        self.pane = Pane(ablation_lines(result, prose_width(), bars=True))

    def show_nearest(self) -> None:
        """Go to the turn from which the nearest ending not found is nearest, and show a hint for it."""
        found = self.nearest()
        if found is None:
            self.message = "no ending that was not found is near enough to say"
            return
        self.message, turn = found
        if turn < len(self.stops):
            self.selected = turn

    def show_keys(self) -> None:
        """Show what the keys do in a pane."""
        self.pane = Pane(key_lines("Keys of the picture", KEYS, LEGEND_HELP))

    # -- what is drawn --------------------------------------------------------------------------------------------------

    def fragments(self) -> StyleAndTextTuples:
        """Return the picture, or the pane."""
        if self.pane is not None:
            return self.pane.fragments()
        size = get_app_session().output.get_size()
        rows = self.layer_rows(size.rows)
        shown, width = self.visible_columns(size.columns)
        lines = [self._word_line(shown, width), *self._layer_lines(shown, width, rows), *self._said_lines(shown, width)]
        legend = LEGEND if size.columns >= WIDE else NARROW_LEGEND
        lines += [[("class:quiet", truncate(legend, size.columns))], *self._detail(size.columns)]
        return [piece for line in lines for piece in [*line, ("", "\n")]]

    @staticmethod
    def layer_rows(rows: int) -> int:
        """Return how many rows the layers have on a screen of some rows."""
        return min(max(rows - FIXED_ROWS - DETAIL_ROWS, MIN_LAYER_ROWS), MAX_LAYER_ROWS)

    def visible_columns(self, columns: int) -> tuple[tuple[TokenColumn, ...], int]:
        """Return the tokens that fit the screen, the selected one among them, and the width of a token's column."""
        tokens = self.picture.columns
        width = min(max((columns - MARGIN) // len(tokens), MIN_COLUMN), MAX_COLUMN)
        count = max((columns - MARGIN) // width, 1)
        at = next(number for number, column in enumerate(tokens) if column.token == self.stop.token)
        first = min(max(at - count // 2, 0), max(len(tokens) - count, 0))
        return tokens[first : first + count], width

    @staticmethod
    def _word_line(columns: tuple[TokenColumn, ...], width: int) -> StyleAndTextTuples:
        cells = _word_cells([column.word for column in columns], width)
        return [("class:strong", " " * MARGIN + cells)]

    @staticmethod
    def _said_lines(columns: tuple[TokenColumn, ...], width: int) -> list[StyleAndTextTuples]:
        words = _word_cells([column.said for column in columns], width)
        figures = "".join(_figure_cell(column, width) for column in columns)
        return [[("class:said", f" ↓ {words}")], [("class:figure", f"   {figures}")]]

    def _layer_lines(self, columns: tuple[TokenColumn, ...], width: int, rows: int) -> list[StyleAndTextTuples]:
        first, last = self.picture.first_layer, self.picture.boundary

        def row_of(stop: Stop) -> int:
            return min((stop.layer - first) * rows // (last - first), rows - 1)

        lines: list[StyleAndTextTuples] = []
        for row in range(rows):
            line: StyleAndTextTuples = [("class:quiet", f"{first + row * (last - first) // rows:>2} ")]
            for column in columns:
                line += self._cell([stop for stop in column.stops if row_of(stop) == row], width)
            lines.append(line)
        return lines

    def _cell(self, stops: list[Stop], width: int) -> StyleAndTextTuples:
        """Return the cell of a token at some layers: the way down, what was chosen there and what was not."""
        if not stops:
            return [("class:quiet", "│"), ("", " " * (width - 1))]
        pieces: StyleAndTextTuples = []
        left = width - 1
        for stop in stops:
            sign = DECIDING if stop.decided else ACT if stop.acted else CHOICE
            style = "class:selected" if stop == self.stop else "class:figure" if stop.acted else "class:strong"
            others = OTHER * min(stop.others, MAX_OTHERS, max(left - len(stops), 0))
            pieces += [(style, sign), ("class:quiet", others)]
            left -= 1 + len(others)
        return [*pieces, ("", " " * (left + 1))]

    def _detail(self, columns: int) -> list[StyleAndTextTuples]:
        stop, width = self.stop, min(columns - 1, 100)
        verb = f" · {stop.verb}" if stop.verb else ""
        lines = [truncate(f"Turn {stop.turn} of {len(self.stops)} · {stop.token}, layer {stop.layer}{verb}", columns - 1)]
        if self.message:
            lines += wrap(self.message, width)
        lines += wrap(stop_text(stop, self.picture.word), width)
        if self.picture.decided and len(lines) < DETAIL_ROWS - 1:
            lines += wrap(self.picture.decided, width)
        if len(lines) > DETAIL_ROWS - 1:
            lines = [*lines[: DETAIL_ROWS - 2], truncate(f"{lines[DETAIL_ROWS - 2]} …", columns)]
        return [[("class:strong" if not number else "", line)] for number, line in enumerate(lines)]

    @property
    def header(self) -> str:
        """The header: the ending."""
        title = self.session.world.endings.get(self.session.run.state.scene, "this run so far")
        return f" {title} · {len(self.stops)} turns"

    @property
    def footer(self) -> str:
        """The footer: the keys."""
        if self.pane is not None:
            return " Up Down  q back"
        if get_app_session().output.get_size().columns < WIDE:
            return " ←↑↓→ Enter  s w h t n  ?  q"
        same = "  s before it" if self.picture.deciding else ""
        return f" Enter fork{same}  w the same without it  h hint  t tree  n new  ? keys"


def _word_cells(words: Sequence[str], width: int) -> str:
    """Return words in cells of some width: in quotes where there is room for all of them."""
    texts = [quoted(word) if word else "" for word in words]
    if any(len(text) >= width for text in texts):
        texts = [text.strip("“”") for text in texts]
    return "".join(truncate(text, width - 1).ljust(width) for text in texts)


def _figure_cell(column: TokenColumn, width: int) -> str:
    """Return the probability of the word that was said after a token; in two decimals where there is no room for more."""
    if not column.said:
        return " " * width
    text = format_probability(column.probability)
    return (text if len(text) < width else f"{column.probability:.2f}").ljust(width)


def show_picture(session: Session, nearest: Callable[[], tuple[str, int] | None]) -> PictureRequest | None:
    """Show the picture of a run; return what is to be done then, None where it was closed.

    ``nearest`` returns a hint for the nearest ending not found, and the turn after which it is nearest.
    """
    screen = EndPicture(session, nearest)
    control = FormattedTextControl(screen.fragments, focusable=True, show_cursor=False)
    app = full_screen(lambda: screen.header, [Window(control)], lambda: screen.footer, _keys(screen))
    request: PictureRequest | None = run_application(app)
    return request


def _look_ahead(screen: EndPicture, event: KeyPressEvent) -> None:
    """Say that an ending is looked for, then look for it: that can take a second or two."""
    screen.message = "looking ahead …"

    def look() -> None:
        screen.show_nearest()
        event.app.invalidate()

    asyncio.get_running_loop().call_later(PAUSE, look)


def _keys(screen: EndPicture) -> KeyBindings:
    keys = KeyBindings()
    drawing = Condition(lambda: screen.pane is None)

    def leave(event: KeyPressEvent, action: str) -> None:
        event.app.exit(result=PictureRequest(action, screen.stop.turn if action == FORK else 0))

    def without_it(event: KeyPressEvent) -> None:
        deciding = screen.picture.deciding
        if deciding is None:
            screen.message = "no act decided the word"
        else:
            event.app.exit(result=PictureRequest(FORK, deciding.turn))

    def close(event: KeyPressEvent) -> None:
        if screen.pane is None:
            event.app.exit()
        screen.pane = None

    steps: dict[str, Callable[[], object]] = {
        "up": partial(screen.step, -1),
        "down": partial(screen.step, 1),
        "pageup": partial(screen.step, -10),
        "pagedown": partial(screen.step, 10),
        "home": partial(screen.step, -100_000),
        "end": partial(screen.step, 100_000),
    }
    for name, action in steps.items():
        keys.add(name)(lambda _, action=action: action())
    for name, action in {"left": partial(screen.step_token, -1), "right": partial(screen.step_token, 1)}.items():
        keys.add(name, filter=drawing)(lambda _, action=action: action())
    keys.add("w", filter=drawing)(lambda _: screen.show_without())
    keys.add("h", filter=drawing)(partial(_look_ahead, screen))
    keys.add("?", filter=drawing)(lambda _: screen.show_keys())
    keys.add("space")(lambda _: screen.step(10))
    for name, request in {"enter": FORK, "f": FORK, "t": TREE, "n": NEW}.items():
        keys.add(name, filter=drawing)(partial(leave, action=request))
    keys.add("s", filter=drawing)(without_it)
    for name in ("q", "escape", "c-c", "c-d"):
        keys.add(name)(close)
    return keys
