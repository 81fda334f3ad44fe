"""The tree of runs on a full screen: a turn a row, its token and layer before it, lines where runs part."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import ConditionalContainer, VSplit, Window
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType

from forward_pass.errors import ForwardPassError
from forward_pass.interface.replay_viewer import show
from forward_pass.interface.signals import run_application
from forward_pass.interface.widgets import WIDE, Pane, Scrolled, fit, key_lines, measure, screen, screen_size, truncate
from forward_pass.session.branches import (
    choice_name,
    compare_runs,
    decoded_text,
    difference_lines,
    node_positions,
    outcome_text,
    summary,
    untaken_text,
    verdict,
)
from forward_pass.session.transcript import offer_lines, standing_lines, turn_lines, wrap
from forward_pass.storage.labels import Annotation
from forward_pass.storage.replay import ReplayResult
from forward_pass.storage.run_set import RunSet
from forward_pass.storage.tree import Node, Tree
from forward_pass.story.history import Run, at_turn

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

READING = " f fork  r replay  l label  n note  m mark  d compare  q back to the tree"
DEEPEST = 8  # levels that are set in; below, forks are told by their words alone
KEYS = (
    ("Up, Down", "the row above, below"),
    ("Left, Right", "the turn before this one, the turn after"),
    ("PageUp, PageDown", "a page up or down; Home and End"),
    ("Enter", "read the turn, and what was offered there"),
    ("/, *", "find a choice, scene, word, label or ending; the next such"),
    ("r", "replay from the opening to here"),
    ("f", "fork: play on from here, as a run of its own"),
    ("l, n", "put a label or a note on the turn; an empty one takes it off"),
    ("m, d", "mark a turn; compare another with it"),
    ("q, Ctrl-C", "leave"),
)
ROWS = (
    "Each row has a token, the layer at which the pass then stood, and the choice that led there; lines join what goes on from "
    "one turn. With a mouse, click a row to go there, and again to read it. Ways on that nobody took are counted when a turn "
    "is read, and never named."
)


class BrowserRequest(NamedTuple):
    """What whoever browses goes on to: ``replay`` or ``fork``, of which run, up to which turn; ``branch`` is where they are."""

    what: str
    run: int
    turn: int
    branch: int


def fork_signs(tree: Tree, branch: Node) -> list[str]:
    """Return what stands before a branch for each fork that it lies behind: how it joins on, or how others go by."""
    signs: list[str] = []
    at = branch
    while at.number:
        siblings = tree.nodes[at.parent].children
        if len(siblings) > 1:
            joins, by = ("└", " ") if at.number == siblings[-1] else ("├", "│")
            signs.append(joins if at is branch else by)
        at = tree.nodes[at.parent]
    return signs[::-1]


class TreeBrowser:
    """The tree being browsed: the rows, the one selected, what is read or typed."""

    def __init__(self, shelf: RunSet, here: int) -> None:
        self.world, self.tree, self.shelf = shelf.world, shelf.tree, shelf
        self.rows = list(self.tree.depth_first())
        self.row_of = {branch.number: row for row, (_, branch) in enumerate(self.rows)}
        self.marks = shelf.annotations()
        self.places = node_positions(self.world, self.tree)
        self.selected = self.row_of.get(here, 0)
        self.top = 0
        self.marked: int | None = None
        self.sought = ""
        self.told = ""  # what was last said at the foot
        self.pane: Pane | None = None
        self.asking = ""  # label, note or find, while that is typed

    @property
    def branch(self) -> Node:
        """The branch that is selected."""
        return self.rows[self.selected][1]

    # -- moving ---------------------------------------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """Select another row, or scroll what is being read."""
        if self.pane is not None:
            self.pane.scroll(by)
        else:
            self.select(self.selected + by)

    def select(self, row: int) -> None:
        """Select a row, or the first or last where there is none such."""
        self.selected, self.told = min(max(row, 0), len(self.rows) - 1), ""

    def before(self) -> None:
        """Select the turn before."""
        self.select(self.row_of[self.branch.parent])

    def after(self) -> None:
        """Select the first turn that follows."""
        if self.branch.children:
            self.select(self.row_of[self.branch.children[0]])

    def find(self, text: str) -> None:
        """Select the next row that has a text in it."""
        self.sought = text or self.sought
        wanted = self.sought.casefold()
        later = [*range(self.selected + 1, len(self.rows)), *range(self.selected + 1)]
        found = next((row for row in later if wanted and wanted in self.sought_in(row)), None)
        if found is None:
            self.told = f"nothing here has “{self.sought}”" if wanted else "find what? / and some words"
        else:
            self.select(found)

    # -- what is shown --------------------------------------------------------------------------------------------------

    def said(self, branch: Node) -> str:
        """Return a branch in words, without where it stands."""
        if branch.recorded is None:
            words = [self.world.start]
        else:
            title = self.world.endings.get(branch.recorded.scene)
            words = [f"ends: {title}"] if title else []  # first, where there is little room
            words += [] if branch.recorded.word is None or title else [decoded_text(branch.recorded)]
            words.append(choice_name(self.world, branch.recorded.choice).replace("*", ""))
        return " · ".join([*words, *self.put_on(branch)])

    def put_on(self, branch: Node) -> list[str]:
        """Return what was put on a branch and who stands there, each in words."""
        mark = self.marks.get(branch.recorded.digest, Annotation()) if branch.recorded else Annotation()
        words = [f"label “{mark.label}”"] if mark.label else []
        words += [f"note “{mark.note}”"] if mark.note else []
        words += [f"run {', '.join(map(str, branch.standing_runs))}"] if branch.standing_runs else []
        return words + (["marked"] if branch.number == self.marked else [])

    def sought_in(self, row: int) -> str:
        """Return what a row is found by, in small letters: what it says, and its ids."""
        branch = self.rows[row][1]
        return f"{self.said(branch)} {self.ids(branch)}".casefold()

    def ids(self, branch: Node) -> str:
        """Return a branch by its ids: what was chosen, and where that led."""
        led = outcome_text(self.world, branch)
        return f"{branch.recorded.choice}: {led}" if branch.recorded else led

    def row(self, row: int, columns: int) -> str:
        """Return a row of the tree."""
        branch = self.rows[row][1]
        token, layer = self.places[branch.number]
        signs = fork_signs(self.tree, branch)
        signs = signs if len(signs) <= DEEPEST else [*signs[: DEEPEST - 1], signs[-1]]
        lead = (" " if columns >= WIDE else "").join(signs) + " " * bool(signs)
        place = f"{token:>3} {layer:>2} " if layer is not None else f"{token:>3}  ? "
        return fit(f"{place}{lead}{self.said(branch)}", columns)

    def fragments(self) -> StyleAndTextTuples:
        """Return the rows in view, each answering to the mouse."""
        if self.pane is not None:
            return self.pane.fragments()
        columns, rows = screen_size()
        self.top = min(max(self.top, self.selected - rows + 1), self.selected)
        shown: StyleAndTextTuples = []
        for row in range(self.top, min(self.top + rows, len(self.rows))):
            style = "class:here" if row == self.selected else ""
            shown += [(style, self.row(row, columns), self._clicked(row)), ("", "\n")]
        return shown

    def _clicked(self, row: int) -> Callable[[MouseEvent], object]:
        def clicked(event: MouseEvent) -> object:
            if event.event_type != MouseEventType.MOUSE_UP:
                return NotImplemented
            if row == self.selected:
                self.read()
            else:
                self.select(row)
            return None

        return clicked

    @property
    def head(self) -> str:
        """What stands above the rows."""
        return f" {summary(self.world, self.tree)}"

    @property
    def foot(self) -> str:
        """What stands below: what was last said, or the keys."""
        if self.told:
            return f" {self.told}"
        if self.pane is not None:
            return " f fork  r replay  l n m d  q back" if screen_size()[0] < WIDE else READING
        place = f" {self.selected + 1}/{len(self.rows)} ·"
        if screen_size()[0] < WIDE:
            return f"{place} Enter  r  f  /  q  ? keys"
        return f"{place} Enter read  r replay  f fork  / find  q quit  ? keys"

    # -- reading --------------------------------------------------------------------------------------------------------

    def walked(self) -> tuple[int, ReplayResult]:
        """Return a run that passes through the selected branch, walked up to there."""
        branch = self.branch
        run = branch.runs[0]
        return run, self.shelf.replay_to(run, branch.turn)

    def read(self) -> None:
        """Show the selected turn: what was said, what was offered, what was never tried, and whether it is proven."""
        branch, columns = self.branch, measure()
        _, outcome = self.walked()
        run = outcome.run
        lines = list(wrap(f"Turn {branch.turn}. {' · '.join([self.ids(branch), *self.put_on(branch)])}", columns))
        if run.at == branch.turn:
            lines += ["", *(turn_lines(run, branch.turn, columns) if branch.turn else []), *standing_lines(run, columns)]
            offered = offer_lines(run, columns)
            lines += ["", *offered, "", f"{untaken_text(run, len(branch.children))}."] if offered else []
        lines += ["", *wrap(f"{verdict(outcome)}.", columns)]
        self.pane = Pane(lines)

    def compare(self) -> None:
        """Show the selected turn against the marked one."""
        if self.marked is None:
            self.told = "mark a turn first, with m"
            return
        other = self.tree.nodes[self.marked]
        runs: list[Run] = []
        for branch in (other, self.branch):
            run = self.shelf.replay_to(branch.runs[0], branch.turn).run
            runs.append(at_turn(run, min(branch.turn, len(run.turns))))
        names = (self.called(other), self.called(self.branch))
        self.pane = Pane(difference_lines(compare_runs(*runs), names, measure(), bars=True))

    def called(self, branch: Node) -> str:
        """Return a branch by a run that passes there (one that stands there, if any does), and how far it has then come."""
        return f"{self.shelf.name_of((*branch.standing_runs, *branch.runs)[0])} to turn {branch.turn}"

    def put(self, kind: str, text: str) -> None:
        """Put a label or a note on the selected turn."""
        if self.branch.recorded is not None:
            self.shelf.annotate(self.branch.recorded.digest, kind, text)
            self.marks = self.shelf.annotations()

    def may_be_put(self) -> bool:
        """Return whether something can be put on the selected turn; say why where it cannot."""
        if self.shelf.read_only:
            self.told = "golden runs are read only"
        elif self.branch.recorded is None:
            self.told = "the opening is no turn, and takes no label"
        else:
            return True
        return False


def _guarded(browser: TreeBrowser, carry_out: Callable[[], object]) -> None:
    """Carry out what a key asks for; what goes wrong is said at the foot."""
    try:
        carry_out()
    except ForwardPassError as error:
        browser.told = str(error)


def _movements(browser: TreeBrowser, keys: KeyBindings) -> None:
    browsing = Condition(lambda: not browser.asking)
    moves: dict[str, Callable[[], object]] = {
        "up": lambda: browser.move(-1),
        "down": lambda: browser.move(1),
        "pageup": lambda: browser.move(-screen_size()[1]),
        "pagedown": lambda: browser.move(screen_size()[1]),
        "home": lambda: browser.move(-len(browser.rows) - 100_000),
        "end": lambda: browser.move(len(browser.rows) + 100_000),
    }
    tree_only: dict[str, Callable[[], object]] = {
        "left": browser.before,
        "right": browser.after,
        "*": lambda: browser.find(""),
        "enter": browser.read,
    }
    reading = Condition(lambda: browser.pane is not None)
    for name, carry_out in moves.items():
        keys.add(name, filter=browsing)(lambda _, carry_out=carry_out: carry_out())
    for name, carry_out in tree_only.items():
        keys.add(name, filter=browsing & ~reading)(lambda _, carry_out=carry_out: _guarded(browser, carry_out))


def _requests(browser: TreeBrowser, keys: KeyBindings, line: Buffer) -> None:
    browsing = Condition(lambda: not browser.asking)  # from what is read too, which is then closed

    def leave_for(what: str) -> Callable[[KeyPressEvent], None]:
        def leave(event: KeyPressEvent) -> None:
            branch = browser.branch
            event.app.exit(result=BrowserRequest(what, branch.runs[0], branch.turn, branch.number))

        return leave

    def ask(kind: str) -> Callable[[KeyPressEvent], None]:
        def asks(event: KeyPressEvent) -> None:
            browser.pane = None
            if kind != "find" and not browser.may_be_put():
                return
            line.reset()
            recorded = browser.branch.recorded
            mark = browser.marks.get(recorded.digest, Annotation()) if recorded else Annotation()
            line.insert_text("" if kind == "find" else getattr(mark, kind))
            browser.asking, browser.told = kind, ""
            event.app.layout.focus(line)

        return asks

    keys.add("r", filter=browsing)(leave_for("replay"))
    keys.add("f", filter=browsing)(leave_for("fork"))
    for key, kind in (("l", "label"), ("n", "note"), ("/", "find")):
        keys.add(key, filter=browsing)(ask(kind))

    @keys.add("m", filter=browsing)
    def _mark(_: KeyPressEvent) -> None:
        browser.pane, browser.marked = None, browser.branch.number
        browser.told = "marked: go to another turn and press d to compare"

    @keys.add("d", filter=browsing)
    def _compare(_: KeyPressEvent) -> None:
        browser.pane = None
        _guarded(browser, browser.compare)

    @keys.add("?", filter=browsing)
    def _help(_: KeyPressEvent) -> None:
        browser.pane = Pane(key_lines("Keys of the tree", KEYS, ROWS))


def _leaving(browser: TreeBrowser, keys: KeyBindings) -> None:
    typing = Condition(lambda: bool(browser.asking))

    def stop(event: KeyPressEvent) -> None:
        browser.asking = ""
        event.app.layout.focus_previous()

    @keys.add("escape", filter=typing, eager=True)
    @keys.add("c-c", filter=typing)
    def _give_up(event: KeyPressEvent) -> None:
        stop(event)

    @keys.add("enter", filter=typing)
    def _typed(event: KeyPressEvent) -> None:
        kind, text = browser.asking, event.current_buffer.text
        stop(event)
        _guarded(browser, lambda: browser.find(text) if kind == "find" else browser.put(kind, text))

    @keys.add("q", filter=~typing)
    @keys.add("escape", filter=~typing)
    @keys.add("c-c", filter=~typing)
    @keys.add("c-d", filter=~typing)
    def _leave(event: KeyPressEvent) -> None:
        if browser.pane is not None:
            browser.pane = None
        else:
            event.app.exit(result=None)


def browse_until_fork(shelf: RunSet, here: int = 0) -> BrowserRequest | None:
    """Show a tree, and replays of it, until whoever browses leaves (None) or wants a fork; ``here`` is where to begin."""
    while True:
        wanted = browse(shelf, here)
        if wanted is None or wanted.what == "fork":
            return wanted
        turn = show(shelf.replay_to(wanted.run, wanted.turn))
        if turn is not None:
            return wanted._replace(what="fork", turn=turn)
        here = wanted.branch


def browse(shelf: RunSet, here: int = 0) -> BrowserRequest | None:
    """Show a tree until whoever browses leaves, or wants a replay or a fork; ``here`` is the branch to begin at."""
    browser, keys, line = TreeBrowser(shelf, here), KeyBindings(), Buffer(multiline=False)
    _movements(browser, keys)
    _requests(browser, keys, line)
    _leaving(browser, keys)
    names = {"label": "Label: ", "note": "Note: ", "find": "Find: "}
    prompt = FormattedTextControl(lambda: truncate(names.get(browser.asking, ""), screen_size()[0]))
    typed = VSplit([Window(prompt, width=7, height=1), Window(BufferControl(line), height=1)])
    asked = ConditionalContainer(typed, Condition(lambda: bool(browser.asking)))
    rows = Window(Scrolled(browser.fragments, browser.move))
    app = screen(lambda: browser.head, [rows], lambda: browser.foot, keys, more=[asked])
    wanted: BrowserRequest | None = run_application(app)
    return wanted
