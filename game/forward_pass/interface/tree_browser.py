"""The browser of the tree of runs on a full screen: a row for each turn with its token and layer, and lines at forks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import ConditionalContainer, VSplit, Window
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType

from forward_pass.interface.browsing import BrowserRequest, request_at, run_action, taking, turn_page, without_page
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
from forward_pass.session.branches import tree_summary
from forward_pass.session.comparison import compare_runs, difference_lines
from forward_pass.session.tree_rows import TreeRows
from forward_pass.storage.labels import Annotation
from forward_pass.storage.run_set import RunSet
from forward_pass.storage.tree import Node, Tree
from forward_pass.story.history import Run, at_turn

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

READING_KEYS = "1-9 take  f fork  r replay  w without  l n notes  m d compare"
MAX_FORK_SIGNS = 8  # of one row; deeper forks are not indented
KEYS = (
    ("Up, Down", "the row above, below"),
    ("Left, Right", "the turn before this one, the turn after"),
    ("PageUp, PageDown", "a page up or down; Home and End"),
    ("Enter", "the turns of a folded row; or read the turn: then a number takes that way, as a run of its own"),
    ("[, ]", "the fork above, below: where runs part"),
    ("u", "the next row with a way that no run took"),
    ("f", "fork: play on from here, as a run of its own"),
    ("Tab", "the map, where runs that meet in a scene meet"),
    ("&", "only the runs with a word, an ending, a verb, a choice or a number; empty for all"),
    ("z", "fold the chains of turns from which no run parted, or unfold them"),
    ("/, *", "find a choice, scene, word, label or ending; the next such"),
    ("r", "replay from the opening to here"),
    ("w", "the run without what this turn did to the pass"),
    ("l, n", "put a label or a note on the turn; an empty one takes it off"),
    ("m, d", "mark a turn; compare another with it"),
    ("q, Ctrl-C", "leave"),
)
ROWS_HELP = (
    "Each row has a token, the layer at which the pass then stood, and the choice that led there; lines join what goes on from "
    "one turn. At the right stand the number on the table, where the run went on to be told it, and after a plus the ways on "
    "that nobody took; they are named where a turn is read."
)


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
        self.run_set, self.tree = run_set, run_set.tree
        self.view = TreeRows(run_set)
        self.selected = self.view.row_by_node.get(node, 0)
        self.top = 0
        self.query = ""
        self.message = ""  # in the footer
        self.pane: Pane | None = None
        self.is_reading = False  # whether the pane is the page of a turn
        self.input_kind = ""  # label, note, find or only while one is typed, else empty

    @property
    def rows(self) -> list[tuple[int, Node]]:
        """The rows: how many forks are above each, and its first node."""
        return self.view.rows

    @property
    def node(self) -> Node:
        """The selected node."""
        return self.rows[self.selected][1]

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

    def select_node(self, number: int) -> None:
        """Select the row of a node."""
        self.select(self.view.row_by_node.get(number, 0))

    def select_parent(self) -> None:
        """Select the parent of the selected node."""
        self.select_node(self.node.parent)

    def select_child(self) -> None:
        """Select the first child of the selected node."""
        if self.view.unfold(self.selected):
            self.select(self.selected + 1)
        elif self.node.children:
            self.select_node(self.node.children[0])
        else:
            self.message = "nothing follows: the run ends or stands here"

    def select_fork(self, step: int) -> None:
        """Select the next row at which runs part, or the one before."""
        self._select_or_say(self.view.next_fork(self.selected, step), f"no fork {'below' if step > 0 else 'above'} this")

    def select_untaken(self) -> None:
        """Select the next row with a way that no run took."""
        node = self.view.next_untaken(self.selected)
        if node is None:
            self.message = "every way that is open in these runs was taken by one"
            return
        self.view.unfold(self.view.row_by_node[node])
        self.select_node(node)

    def _select_or_say(self, row: int | None, otherwise: str) -> None:
        if row is None:
            self.message = otherwise
        else:
            self.select(row)

    def find(self, text: str) -> None:
        """Select the next row that contains a text, or the last text searched for if it is empty."""
        self.query = text or self.query
        nothing = f"nothing here has “{self.query}”" if self.query else "find what? / and some words"
        self._select_or_say(self.view.find(self.selected, self.query.casefold()), nothing)

    def show_only(self, text: str) -> None:
        """Show only the runs that have a text somewhere; all again for an empty one."""
        node = self.node.number
        count = self.view.show_only(text)
        self.select_node(node)
        if text.strip():
            self.message = (
                f"only the {count} run{'s' * (count != 1)} with “{self.view.filter}”; & and Enter shows all"
                if count
                else f"no run has “{text.strip()}”"
            )

    def toggle_fold(self) -> None:
        """Fold the chains of turns, or unfold them; the selected turn stays selected."""
        node = self.node.number
        self.view.toggle_fold()
        self.select_node(node)
        self.message = "folded: a row is a chain of turns" if self.view.folded else "unfolded: a row is a turn"

    # -- rows -----------------------------------------------------------------------------------------------------------

    def row(self, row: int, columns: int) -> str:
        """Return a row of the tree, padded to ``columns`` cells; at its right the number there, and the ways not taken."""
        node = self.rows[row][1]
        token, layer = self.view.positions[node.number]
        signs = fork_signs(self.tree, node)
        signs = signs if len(signs) <= MAX_FORK_SIGNS else [*signs[: MAX_FORK_SIGNS - 1], signs[-1]]
        indent = (" " if columns >= WIDE else "").join(signs) + " " * bool(signs)
        position = f"{token:>3} {layer:>2} " if layer is not None else f"{token:>3}  ? "
        if not self.run_set.world.has_pass:
            position = f"{node.turn:>3} "
        untaken = self.view.untaken_count(row)
        number = self.view.number_text(row) if columns >= WIDE else ""
        end = " ".join([*([number] if number else []), *([f"+{untaken}"] if untaken else [])])
        room = columns - len(end) - 1 if end else columns
        return fit(f"{position}{indent}{self.view.text(row)}", room) + (f" {end}" if end else "")

    def fragments(self) -> StyleAndTextTuples:
        """Return the rows in view with their mouse handlers, or the pane."""
        if self.pane is not None:
            return self.pane.fragments()
        columns, rows = screen_size()
        self.top = min(max(self.top, self.selected - rows + 1), self.selected)
        fragments: StyleAndTextTuples = []
        for row in range(self.top, min(self.top + rows, len(self.rows))):
            style = "class:selected" if row == self.selected else self._style(row)
            fragments += [(style, self.row(row, columns), self._click_handler(row)), ("", "\n")]
        return fragments

    def _style(self, row: int) -> str:
        """Return the style of a row that is not selected: endings and acts stand out, and no more is said by it."""
        recorded = self.view.chain(row)[-1].recorded
        if recorded is not None and recorded.scene in self.run_set.world.endings:
            return "class:strong"
        return "class:figure" if self.view.has_act(row) else ""

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
        only = f" only “{self.view.filter}” ·" if self.view.filter else ""
        return f"{only} {tree_summary(self.run_set.world, self.tree)}"

    @property
    def footer(self) -> str:
        """The footer: the last message, or the keys."""
        if self.message:
            return f" {self.message}"
        if self.pane is not None and not self.is_reading:
            return f" {self.pane.place} · Up Down  q back"
        if self.pane is not None:
            return f" {self.pane.place} · {'1-9 f r l n m d w' if screen_size()[0] < WIDE else READING_KEYS}  q back"
        place = f" {self.selected + 1}/{len(self.rows)} ·"
        if screen_size()[0] < WIDE:
            return f"{place} Enter  f  u  Tab  q  ? keys"
        return f"{place} Enter read  f fork  u untaken  & only  / find  Tab map  q quit  ? keys"

    # -- reading --------------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Show the turns of a folded row; or the selected turn in a pane: text, offers, and the verdict of a replay."""
        self.message = ""
        if self.view.unfold(self.selected):
            self.message = "unfolded: Enter reads a turn, z folds all again"
            return
        self.is_reading = True
        self.pane = turn_page(self.run_set, self.node, " · ".join(self.view.tags(self.node)))

    def show_without(self) -> None:
        """Show the run without what the selected turn did to the pass; of a folded row, its first turn that did anything."""
        self.is_reading = False
        turns = [node for node in self.view.chain(self.selected) if self.view.is_act(node)]
        self.pane = without_page(self.run_set, turns[0]) if turns else None
        if self.pane is None:
            self.message = "nothing was done to the pass here"

    def compare(self) -> None:
        """Show the difference between the marked turn and the selected one in a pane."""
        self.pane, self.is_reading = None, False
        if self.view.marked is None:
            self.message = "mark a turn first, with m"
            return
        other = self.tree.nodes[self.view.marked]
        runs: list[Run] = []
        for node in (other, self.view.chain(self.selected)[-1]):
            run = self.run_set.replay_to(node.runs[0], node.turn).run
            runs.append(at_turn(run, min(node.turn, len(run.turns))))
        names = (self.node_name(other), self.node_name(self.view.chain(self.selected)[-1]))
        self.pane = Pane(difference_lines(compare_runs(*runs), names, prose_width(), bars=True))

    def mark(self) -> None:
        """Mark the selected turn, of a folded row the last of its chain."""
        self.pane, self.is_reading, self.view.marked = None, False, self.view.chain(self.selected)[-1].number
        self.message = "marked: go to another turn and press d to compare"

    def node_name(self, node: Node) -> str:
        """Return a name for a node: a run through it, if possible one whose cursor is there, and the turn."""
        return f"{self.run_set.name_of((*node.cursor_runs, *node.runs)[0])} to turn {node.turn}"

    def annotate(self, kind: str, text: str) -> None:
        """Write the ``label`` or the ``note`` of the selected turn."""
        if self.node.recorded is not None:
            self.run_set.annotate(self.node.recorded.digest, kind, text)
            self.view.annotations = self.run_set.annotations()

    def show_keys(self) -> None:
        """Show what the keys do in a pane."""
        self.is_reading, self.pane = False, Pane(key_lines("Keys of the tree", KEYS, ROWS_HELP))

    def say(self, message: str) -> None:
        """Say something in the footer."""
        self.message = message

    def can_annotate(self) -> bool:
        """Return whether the selected turn can have a label or a note; if not, the footer says why."""
        if self.run_set.read_only:
            self.message = "golden runs are read only"
        elif self.node.recorded is None:
            self.message = "the opening is no turn, and takes no label"
        else:
            return True
        return False


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
        "]": lambda: browser.select_fork(1),
        "[": lambda: browser.select_fork(-1),
        "u": browser.select_untaken,
        "enter": browser.read,
    }
    reading = Condition(lambda: browser.pane is not None)
    for name, action in moves.items():
        keys.add(name, filter=browsing)(lambda _, action=action: action())
    for name, action in tree_only.items():
        keys.add(name, filter=browsing & ~reading)(lambda _, action=action: run_action(action, browser.say))


def _bind_requests(browser: TreeBrowser, keys: KeyBindings, line: Buffer) -> None:
    browsing = Condition(lambda: not browser.input_kind)  # also while a pane is open: it is closed then

    def leave_for(event: KeyPressEvent, action: str) -> None:
        event.app.exit(result=request_at(action, browser.node))

    def take(event: KeyPressEvent) -> None:
        if browser.pane is None or not browser.is_reading:
            browser.message = "Enter reads the turn; then a number takes that way"
            return
        request = taking(browser.run_set, browser.node, int(event.key_sequence[0].key))
        if request is None:
            browser.message = "no open way has that number here"
        else:
            event.app.exit(result=request)

    for key, action in (("r", "replay"), ("f", "fork"), ("tab", "map")):
        keys.add(key, filter=browsing)(partial(leave_for, action=action))
    for digit in "123456789":
        keys.add(digit, filter=browsing)(take)
    for key, kind in (("l", "label"), ("n", "note"), ("/", "find"), ("&", "only")):
        keys.add(key, filter=browsing)(partial(_start_input, browser, line, kind))
    for key, show in (("m", browser.mark), ("d", browser.compare), ("w", browser.show_without), ("?", browser.show_keys)):
        keys.add(key, filter=browsing)(lambda _, show=show: run_action(show, browser.say))


def _start_input(browser: TreeBrowser, line: Buffer, kind: str, event: KeyPressEvent) -> None:
    """Ask for a label, a note or what to find, where the player may give one."""
    browser.pane = None
    if kind not in ("find", "only") and not browser.can_annotate():
        return
    line.reset()
    recorded = browser.node.recorded
    annotation = browser.view.annotations.get(recorded.digest, Annotation()) if recorded else Annotation()
    line.insert_text("" if kind in ("find", "only") else getattr(annotation, kind))
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
        actions = {"find": browser.find, "only": browser.show_only}
        run_action(partial(actions[kind], text) if kind in actions else partial(browser.annotate, kind, text), browser.say)

    @keys.add("q", filter=~typing)
    @keys.add("escape", filter=~typing)
    @keys.add("c-c", filter=~typing)
    @keys.add("c-d", filter=~typing)
    def _close(event: KeyPressEvent) -> None:
        if browser.pane is None:
            event.app.exit(result=None)
        browser.pane, browser.is_reading = None, False


def browse(run_set: RunSet, node: int = 0) -> BrowserRequest | None:
    """Show a tree; return the request to replay or to fork, or None. ``node`` is the node selected first, by number."""
    browser, keys, line = TreeBrowser(run_set, node), KeyBindings(), Buffer(multiline=False)
    _bind_movement(browser, keys)
    _bind_requests(browser, keys, line)
    _bind_leaving(browser, keys)
    prompts = {"label": "Label: ", "note": "Note: ", "find": "Find: ", "only": "Only: "}
    prompt = FormattedTextControl(lambda: truncate(prompts.get(browser.input_kind, ""), screen_size()[0]))
    line_row = VSplit([Window(prompt, width=7, height=1), Window(BufferControl(line), height=1)])
    input_row = ConditionalContainer(line_row, Condition(lambda: bool(browser.input_kind)))
    rows = Window(ScrollControl(browser.fragments, browser.move))
    app = full_screen(lambda: browser.header, [rows], lambda: browser.footer, keys, below=[input_row])
    request: BrowserRequest | None = run_application(app)
    return request
