"""The browser of the tree of runs on a full screen: a row for each turn with its token and layer, and lines at forks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import ConditionalContainer, VSplit, Window
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType

from forward_pass.errors import ForwardPassError
from forward_pass.interface.replay_viewer import view_replay
from forward_pass.interface.signals import run_application
from forward_pass.interface.widgets import (
    WIDE,
    Pane,
    ScrollControl,
    fit,
    full_screen,
    key_lines,
    prose_width,
    screen_size,
    truncate,
)
from forward_pass.session.branches import (
    MAX_UNFOLDED,
    chain_outcome,
    choice_name,
    compare_runs,
    decoded_text,
    difference_lines,
    node_positions,
    outcome_text,
    replay_verdict,
    tree_summary,
    untaken_text,
)
from forward_pass.session.transcript import offer_lines, scene_lines, turn_lines, wrap
from forward_pass.storage.labels import Annotation
from forward_pass.storage.replay import ReplayResult
from forward_pass.storage.run_set import RunSet
from forward_pass.storage.tree import Node, Tree
from forward_pass.story.history import Run, at_turn

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

READING_KEYS = " f fork  r replay  l label  n note  m mark  d compare  q back to the tree"
MAX_TAKERS = 3  # runs that are named beside a choice
MAX_FORK_SIGNS = 8  # of one row; deeper forks are not indented
KEYS = (
    ("Up, Down", "the row above, below"),
    ("Left, Right", "the turn before this one, the turn after"),
    ("PageUp, PageDown", "a page up or down; Home and End"),
    ("Enter", "read the turn, and what was offered there"),
    ("z", "fold the chains of turns from which no run parted, or unfold them"),
    ("/, *", "find a choice, scene, word, label or ending; the next such"),
    ("r", "replay from the opening to here"),
    ("f", "fork: play on from here, as a run of its own"),
    ("l, n", "put a label or a note on the turn; an empty one takes it off"),
    ("m, d", "mark a turn; compare another with it"),
    ("q, Ctrl-C", "leave"),
)
ROWS_HELP = (
    "Each row has a token, the layer at which the pass then stood, and the choice that led there; lines join what goes on from "
    "one turn. With a mouse, click a row to go there, and again to read it. Ways on that nobody took are counted when a turn "
    "is read, and never named."
)


class BrowserRequest(NamedTuple):
    """What to do after browsing: ``replay`` or ``fork`` a run up to a turn; ``node`` is the number of the selected node."""

    action: str
    run: int
    turn: int
    node: int


def fork_signs(tree: Tree, node: Node) -> list[str]:
    """Return the box-drawing sign of each fork above a node, the topmost first: its own branch, or a sibling's passing by."""
    signs: list[str] = []
    current = node
    while current.number:
        siblings = tree.nodes[current.parent].children
        if len(siblings) > 1:
            own, passing = ("└", " ") if current.number == siblings[-1] else ("├", "│")
            signs.append(own if current is node else passing)
        current = tree.nodes[current.parent]
    return signs[::-1]


class TreeBrowser:
    """The state of the browser: the rows, the selected one, the pane over them, the line being typed."""

    def __init__(self, run_set: RunSet, node: int) -> None:
        self.world, self.tree, self.run_set = run_set.world, run_set.tree, run_set
        self.positions = node_positions(self.world, self.tree)
        self.folded = len(self.tree.nodes) > MAX_UNFOLDED
        self.rows: list[tuple[int, Node]] = []
        self.row_by_node: dict[int, int] = {}
        self.chains: dict[int, list[Node]] = {}  # by the first node of a folded chain, those after it
        self.set_rows()
        self.annotations = run_set.annotations()
        self.selected = self.row_by_node.get(node, 0)
        self.top = 0
        self.marked: int | None = None
        self.query = ""
        self.message = ""  # in the footer
        self.pane: Pane | None = None
        self.input_kind = ""  # label, note or find while one is typed, else empty

    @property
    def node(self) -> Node:
        """The selected node."""
        return self.rows[self.selected][1]

    # -- folding --------------------------------------------------------------------------------------------------------

    def set_rows(self) -> None:
        """Set the rows: every node or, folded, the first of each chain of turns from which no run parted."""
        self.rows, self.row_by_node, self.chains = [], {}, {}
        for forks, first, others in self.tree.chains():
            shown = [first] if self.folded else [first, *others]
            self.rows += [(forks, node) for node in shown]
            self.chains[first.number] = others if self.folded else []
            for number, node in enumerate((first, *others)):
                self.row_by_node[node.number] = len(self.rows) - (1 if self.folded else len(shown) - number)

    def toggle_fold(self) -> None:
        """Fold the chains of turns, or unfold them; the selected turn stays selected."""
        node = self.node.number
        self.folded = not self.folded
        self.set_rows()
        self.select(self.row_by_node[node])
        self.message = "folded: a row is a chain of turns" if self.folded else "unfolded: a row is a turn"

    def chain_text(self, node: Node) -> tuple[list[str], str]:
        """Return what a folded row says of its chain: how it ends and on which word, and how many turns follow."""
        chain = self.chains.get(node.number, [])
        if not chain:
            return [], ""
        tags = [tag for one in chain for tag in self.node_tags(one)]
        more = f"{len(chain)} more turn{'s' * (len(chain) > 1)}"
        return chain_outcome(self.world, self.positions, chain), " · ".join([more, *tags])

    # -- moving ---------------------------------------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """Move the selection, or scroll the pane if one is open."""
        if self.pane is not None:
            self.pane.scroll(by)
        else:
            self.select(self.selected + by)

    def select(self, row: int) -> None:
        """Select the row at an index, or the first or last."""
        self.selected, self.message = min(max(row, 0), len(self.rows) - 1), ""

    def select_parent(self) -> None:
        """Select the parent of the selected node."""
        self.select(self.row_by_node[self.node.parent])

    def select_child(self) -> None:
        """Select the first child of the selected node."""
        if self.node.children:
            self.select(self.row_by_node[self.node.children[0]])

    def find(self, text: str) -> None:
        """Select the next row that contains a text, or the last text searched for if it is empty."""
        self.query = text or self.query
        needle = self.query.casefold()
        order = [*range(self.selected + 1, len(self.rows)), *range(self.selected + 1)]
        match = next((row for row in order if needle and needle in self.search_text(row)), None)
        if match is None:
            self.message = f"nothing here has “{self.query}”" if needle else "find what? / and some words"
        else:
            self.select(match)

    # -- rows -----------------------------------------------------------------------------------------------------------

    def node_text(self, node: Node) -> str:
        """Return a node in words, without its position."""
        if node.recorded is None:
            words = [self.world.start]
        else:
            title = self.world.endings.get(node.recorded.scene)
            words = [f"ends: {title}"] if title else []  # first, so that narrow screens show it
            words += [] if node.recorded.word is None or title else [decoded_text(node.recorded)]
            words.append(choice_name(self.world, node.recorded.choice).replace("*", ""))
        outcome, more = self.chain_text(node)  # how it ends comes first, so that narrow screens show it
        return " · ".join([*outcome, *words, *self.node_tags(node), *([more] if more else [])])

    def node_tags(self, node: Node) -> list[str]:
        """Return a node's label and note, the runs whose cursor is there, and whether it is marked, each in words."""
        annotation = self.annotations.get(node.recorded.digest, Annotation()) if node.recorded else Annotation()
        words = [f"label “{annotation.label}”"] if annotation.label else []
        words += [f"note “{annotation.note}”"] if annotation.note else []
        words += [f"run {', '.join(map(str, node.cursor_runs))}"] if node.cursor_runs else []
        return words + (["marked"] if node.number == self.marked else [])

    def search_text(self, row: int) -> str:
        """Return what ``find`` looks through, case-folded: the words of a row and its ids."""
        node = self.rows[row][1]
        recorded = [(one, one.recorded) for one in self.chains.get(node.number, []) if one.recorded]
        chain = [f"{choice_name(self.world, turn.choice)} {self.ids(one)}" for one, turn in recorded]
        return " ".join([self.node_text(node), self.ids(node), *chain]).casefold()

    def ids(self, node: Node) -> str:
        """Return the id of a node's choice, and its outcome."""
        outcome = outcome_text(self.world, node)
        return f"{node.recorded.choice}: {outcome}" if node.recorded else outcome

    def row(self, row: int, columns: int) -> str:
        """Return a row of the tree, padded to ``columns`` cells."""
        node = self.rows[row][1]
        token, layer = self.positions[node.number]
        signs = fork_signs(self.tree, node)
        signs = signs if len(signs) <= MAX_FORK_SIGNS else [*signs[: MAX_FORK_SIGNS - 1], signs[-1]]
        indent = (" " if columns >= WIDE else "").join(signs) + " " * bool(signs)
        position = f"{token:>3} {layer:>2} " if layer is not None else f"{token:>3}  ? "
        return fit(f"{position}{indent}{self.node_text(node)}", columns)

    def fragments(self) -> StyleAndTextTuples:
        """Return the rows in view with their mouse handlers, or the pane."""
        if self.pane is not None:
            return self.pane.fragments()
        columns, rows = screen_size()
        self.top = min(max(self.top, self.selected - rows + 1), self.selected)
        fragments: StyleAndTextTuples = []
        for row in range(self.top, min(self.top + rows, len(self.rows))):
            style = "class:selected" if row == self.selected else ""
            fragments += [(style, self.row(row, columns), self._click_handler(row)), ("", "\n")]
        return fragments

    def _click_handler(self, row: int) -> Callable[[MouseEvent], object]:
        def handle(event: MouseEvent) -> object:
            if event.event_type != MouseEventType.MOUSE_UP:
                return NotImplemented
            if row == self.selected:
                self.read()
            else:
                self.select(row)
            return None

        return handle

    @property
    def header(self) -> str:
        """The header: a summary of the tree."""
        return f" {tree_summary(self.world, self.tree)}"

    @property
    def footer(self) -> str:
        """The footer: the last message, or the keys."""
        if self.message:
            return f" {self.message}"
        if self.pane is not None:
            return " f fork  r replay  l n m d  q back" if screen_size()[0] < WIDE else READING_KEYS
        place = f" {self.selected + 1}/{len(self.rows)} ·"
        if screen_size()[0] < WIDE:
            return f"{place} Enter  r  f  /  q  ? keys"
        return f"{place} Enter read  r replay  f fork  / find  z fold  q quit  ? keys"

    # -- reading --------------------------------------------------------------------------------------------------------

    def replay(self) -> tuple[int, ReplayResult]:
        """Return the number of a run through the selected node, and its replay up to there."""
        node = self.node
        run = node.runs[0]
        return run, self.run_set.replay_to(run, node.turn)

    def read(self) -> None:
        """Show the selected turn in a pane: its text, its offers, how many were never taken, and the verdict of a replay."""
        node, columns = self.node, prose_width()
        _, result = self.replay()
        run = result.run
        lines = list(wrap(f"Turn {node.turn}. {' · '.join([self.ids(node), *self.node_tags(node)])}", columns))
        if run.at == node.turn:
            lines += ["", *(turn_lines(run, node.turn, columns) if node.turn else []), *scene_lines(run, columns)]
            offers = offer_lines(run, columns, self.takers(node))
            lines += ["", *offers, "", f"{untaken_text(run, len(node.children))}."] if offers else []
        lines += ["", *wrap(f"{replay_verdict(result)}.", columns)]
        self.pane = Pane(lines)

    def takers(self, node: Node) -> dict[str, str]:
        """Return by choice which runs took it at a node."""
        children = (self.tree.nodes[child] for child in node.children)
        return {
            child.recorded.choice: f"taken by run {', '.join(map(str, child.runs[:MAX_TAKERS]))}"
            for child in children
            if child.recorded
        }

    def compare(self) -> None:
        """Show the difference between the marked turn and the selected one in a pane."""
        if self.marked is None:
            self.message = "mark a turn first, with m"
            return
        other = self.tree.nodes[self.marked]
        runs: list[Run] = []
        for node in (other, self.node):
            run = self.run_set.replay_to(node.runs[0], node.turn).run
            runs.append(at_turn(run, min(node.turn, len(run.turns))))
        names = (self.node_name(other), self.node_name(self.node))
        self.pane = Pane(difference_lines(compare_runs(*runs), names, prose_width(), bars=True))

    def node_name(self, node: Node) -> str:
        """Return a name for a node: a run through it, if possible one whose cursor is there, and the turn."""
        return f"{self.run_set.name_of((*node.cursor_runs, *node.runs)[0])} to turn {node.turn}"

    def annotate(self, kind: str, text: str) -> None:
        """Write the ``label`` or the ``note`` of the selected turn."""
        if self.node.recorded is not None:
            self.run_set.annotate(self.node.recorded.digest, kind, text)
            self.annotations = self.run_set.annotations()

    def can_annotate(self) -> bool:
        """Return whether the selected turn can have a label or a note; if not, the footer says why."""
        if self.run_set.read_only:
            self.message = "golden runs are read only"
        elif self.node.recorded is None:
            self.message = "the opening is no turn, and takes no label"
        else:
            return True
        return False


def _run_action(browser: TreeBrowser, action: Callable[[], object]) -> None:
    """Run the action of a key; an error is shown in the footer."""
    try:
        action()
    except ForwardPassError as error:
        browser.message = str(error)


def _bind_movement(browser: TreeBrowser, keys: KeyBindings) -> None:
    browsing = Condition(lambda: not browser.input_kind)
    moves: dict[str, Callable[[], object]] = {
        "up": lambda: browser.move(-1),
        "down": lambda: browser.move(1),
        "pageup": lambda: browser.move(-screen_size()[1]),
        "pagedown": lambda: browser.move(screen_size()[1]),
        "home": lambda: browser.move(-len(browser.rows) - 100_000),
        "end": lambda: browser.move(len(browser.rows) + 100_000),
    }
    tree_only: dict[str, Callable[[], object]] = {
        "left": browser.select_parent,
        "right": browser.select_child,
        "*": lambda: browser.find(""),
        "z": browser.toggle_fold,
        "enter": browser.read,
    }
    reading = Condition(lambda: browser.pane is not None)
    for name, action in moves.items():
        keys.add(name, filter=browsing)(lambda _, action=action: action())
    for name, action in tree_only.items():
        keys.add(name, filter=browsing & ~reading)(lambda _, action=action: _run_action(browser, action))


def _bind_requests(browser: TreeBrowser, keys: KeyBindings, line: Buffer) -> None:
    browsing = Condition(lambda: not browser.input_kind)  # also while a pane is open: it is closed then

    def leave_for(action: str) -> Callable[[KeyPressEvent], None]:
        def leave(event: KeyPressEvent) -> None:
            node = browser.node
            event.app.exit(result=BrowserRequest(action, node.runs[0], node.turn, node.number))

        return leave

    keys.add("r", filter=browsing)(leave_for("replay"))
    keys.add("f", filter=browsing)(leave_for("fork"))
    for key, kind in (("l", "label"), ("n", "note"), ("/", "find")):
        keys.add(key, filter=browsing)(partial(_start_input, browser, line, kind))

    @keys.add("m", filter=browsing)
    def _mark(_: KeyPressEvent) -> None:
        browser.pane, browser.marked = None, browser.node.number
        browser.message = "marked: go to another turn and press d to compare"

    @keys.add("d", filter=browsing)
    def _compare(_: KeyPressEvent) -> None:
        browser.pane = None
        _run_action(browser, browser.compare)

    @keys.add("?", filter=browsing)
    def _help(_: KeyPressEvent) -> None:
        browser.pane = Pane(key_lines("Keys of the tree", KEYS, ROWS_HELP))


def _start_input(browser: TreeBrowser, line: Buffer, kind: str, event: KeyPressEvent) -> None:
    """Ask for a label, a note or what to find, where the player may give one."""
    browser.pane = None
    if kind != "find" and not browser.can_annotate():
        return
    line.reset()
    recorded = browser.node.recorded
    annotation = browser.annotations.get(recorded.digest, Annotation()) if recorded else Annotation()
    line.insert_text("" if kind == "find" else getattr(annotation, kind))
    browser.input_kind, browser.message = kind, ""
    event.app.layout.focus(line)


def _bind_leaving(browser: TreeBrowser, keys: KeyBindings) -> None:
    typing = Condition(lambda: bool(browser.input_kind))

    def end_input(event: KeyPressEvent) -> None:
        browser.input_kind = ""
        event.app.layout.focus_previous()

    @keys.add("escape", filter=typing, eager=True)
    @keys.add("c-c", filter=typing)
    def _cancel(event: KeyPressEvent) -> None:
        end_input(event)

    @keys.add("enter", filter=typing)
    def _submit(event: KeyPressEvent) -> None:
        kind, text = browser.input_kind, event.current_buffer.text
        end_input(event)
        _run_action(browser, lambda: browser.find(text) if kind == "find" else browser.annotate(kind, text))

    @keys.add("q", filter=~typing)
    @keys.add("escape", filter=~typing)
    @keys.add("c-c", filter=~typing)
    @keys.add("c-d", filter=~typing)
    def _close(event: KeyPressEvent) -> None:
        if browser.pane is not None:
            browser.pane = None
        else:
            event.app.exit(result=None)


def browse_until_fork(run_set: RunSet, node: int = 0) -> BrowserRequest | None:
    """Show a tree and replays of its runs; return the request to fork, or None. ``node`` is the node selected first."""
    while True:
        request = browse(run_set, node)
        if request is None or request.action == "fork":
            return request
        turn = view_replay(run_set.replay_to(request.run, request.turn))
        if turn is not None:
            return request._replace(action="fork", turn=turn)
        node = request.node


def browse(run_set: RunSet, node: int = 0) -> BrowserRequest | None:
    """Show a tree; return the request to replay or to fork, or None. ``node`` is the node selected first, by number."""
    browser, keys, line = TreeBrowser(run_set, node), KeyBindings(), Buffer(multiline=False)
    _bind_movement(browser, keys)
    _bind_requests(browser, keys, line)
    _bind_leaving(browser, keys)
    prompts = {"label": "Label: ", "note": "Note: ", "find": "Find: "}
    prompt = FormattedTextControl(lambda: truncate(prompts.get(browser.input_kind, ""), screen_size()[0]))
    line_row = VSplit([Window(prompt, width=7, height=1), Window(BufferControl(line), height=1)])
    input_row = ConditionalContainer(line_row, Condition(lambda: bool(browser.input_kind)))
    rows = Window(ScrollControl(browser.fragments, browser.move))
    app = full_screen(lambda: browser.header, [rows], lambda: browser.footer, keys, below=[input_row])
    request: BrowserRequest | None = run_application(app)
    return request
