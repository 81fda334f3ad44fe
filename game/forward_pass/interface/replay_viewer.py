"""A replay on a full screen, turn by turn, at reading speed or by key, with the digest of each turn verified."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import Window

from forward_pass.interface.signals import run_application
from forward_pass.interface.widgets import WIDE, Pane, ScrollControl, full_screen, key_lines, prose_width, screen_size
from forward_pass.session.ablation import ablate, ablation_lines
from forward_pass.session.transcript import MAX_PROSE_COLUMNS, opening_line, scene_lines, turn_lines, wrap
from forward_pass.storage.replay import ReplayResult
from forward_pass.story.history import at_turn

WORDS_PER_MINUTE = 240
MIN_SPEED, MAX_SPEED = 0.125, 64.0
TICK = 0.1  # seconds
MIN_SECONDS = 1.5  # for which a turn is shown

KEYS = (
    ("p", "stop the clock, or let it go on"),
    ("Enter, Space", "on: down a page, or to the next turn"),
    ("Right, n, c", "the next turn, which is the next choice"),
    ("Left, b", "the turn before"),
    ("d, D", "the next turn on which the decoder came, or the one before: from token to token"),
    ("w", "the run without what this turn did to the pass"),
    ("Home, End", "the opening, the end"),
    ("Up, Down", "a line up or down; PageUp and PageDown a page"),
    ("+, -", "twice as fast, half as fast"),
    ("f", "fork: play on from here, as a run of its own"),
    ("q, Ctrl-C", "leave"),
)
DIGEST_HELP = "Each turn is replayed, and its digest compared with the one in the file."


class Page(NamedTuple):
    """The lines of a turn, and whether a word was decoded on it."""

    lines: list[str]
    decoded: bool

    @property
    def seconds(self) -> float:
        """The reading time at speed 1."""
        words = sum(len(line.split()) for line in self.lines)
        return max(60 * words / WORDS_PER_MINUTE, MIN_SECONDS)


def replay_pages(result: ReplayResult, columns: int) -> list[Page]:
    """Return a replay as pages: the opening, then one a turn, the summary at the end of the last."""
    run = result.run
    opening = wrap(opening_line(run.world, run.inspector, run.opening.prior.instantiation), columns)
    pages = [Page([*opening, "", *scene_lines(at_turn(run, 0), columns)], decoded=False)]
    reasons = {difference.turn: difference.what for difference in result.differences}
    for number, turn in enumerate(run.turns, 1):
        lines = [*turn_lines(run, number, columns), *scene_lines(at_turn(run, number), columns), ""]
        proof = f"DIFFERENT: {reasons[number]}" if number in reasons else f"digest {turn.digest}, identical"
        lines += wrap(f"[Turn {number} of {result.requested_turns}: {proof}]", columns)
        pages.append(Page(lines, decoded=turn.word is not None))
    for number, reason in reasons.items():
        if number > len(run.turns):
            pages[-1].lines.extend(["", *wrap(f"[Turn {number} cannot be replayed: {reason}]", columns)])
    pages[-1].lines.extend(["", *wrap(result.summary, columns)])
    return pages


class Playback:
    """The state of the viewer: the page in view, the seconds elapsed on it, and the speed of the clock."""

    def __init__(self, result: ReplayResult, speed: float) -> None:
        self.result = result
        self.pane = Pane()
        self.page = 0
        self.elapsed = 0.0
        self.speed = speed or 1.0
        self.running = speed > 0
        self.help_shown = False
        self.columns = 0
        self.pages: list[Page] = []
        self.set_width(MAX_PROSE_COLUMNS)

    def set_width(self, columns: int) -> None:
        """Set the pages to a width, unless they are."""
        if columns != self.columns:
            self.columns, self.pages = columns, replay_pages(self.result, columns)
            if not self.help_shown:
                self.pane.show(self.pages[self.page].lines)

    def show_page(self, index: int) -> None:
        """Show the page at an index, or the first or last, from its top."""
        self.page = min(max(index, 0), len(self.pages) - 1)
        self.elapsed, self.help_shown = 0.0, False
        self.pane.show(self.pages[self.page].lines)

    def next_decoding(self) -> int:
        """Return the index of the next page with a decoding, or of the last page."""
        later = (number for number in range(self.page + 1, len(self.pages)) if self.pages[number].decoded)
        return next(later, len(self.pages) - 1)

    def previous_decoding(self) -> int:
        """Return the index of the page before with a decoding, or of the first page."""
        return next((number for number in range(self.page - 1, 0, -1) if self.pages[number].decoded), 0)

    def show_without(self) -> None:
        """Show the run without what the turn in view did to the pass."""
        run = self.result.run
        if not 0 < self.page <= len(run.turns) or not run.turns[self.page - 1].taken(run.world).node.acts:
            lines = ["Nothing was done to the pass on this turn."]
        else:
            result = ablate(at_turn(run, len(run.turns)), [self.page], *self.result.sampling)
            lines = ablation_lines(result, prose_width(), bars=True)
        self.help_shown, self.running = True, False
        self.pane.show([*lines, "", "q goes back to the replay."])

    def tick(self, seconds: float) -> None:
        """Advance the clock: scroll the page in view, then show the next."""
        if not self.running or self.help_shown or not self.pages:
            return
        self.elapsed += seconds * self.speed
        duration = self.pages[self.page].seconds
        if self.elapsed < duration:
            self.pane.top = max(self.pane.top, round(self.pane.max_top * self.elapsed / duration))
        elif self.page < len(self.pages) - 1:
            self.show_page(self.page + 1)
        else:
            self.running = False

    def advance(self) -> None:
        """Scroll down by a screen, or show the next page."""
        if self.help_shown or not self.pane.scroll(screen_size()[1]):
            self.show_page(self.page + (not self.help_shown))

    def multiply_speed(self, factor: float) -> None:
        """Multiply the speed of the clock, within its bounds."""
        self.speed = min(max(self.speed * factor, MIN_SPEED), MAX_SPEED)

    def toggle_clock(self) -> None:
        """Stop or start the clock."""
        self.running = not self.running

    def show_help(self) -> None:
        """Show the help on keys."""
        self.help_shown = True
        self.pane.show(key_lines("Keys of a replay", KEYS, DIGEST_HELP))

    @property
    def header(self) -> str:
        """The header: the turn, and how many turns so far are identical."""
        identical = min(self.page, self.result.identical_turns)
        progress = "identical so far" if identical == self.page else f"{identical} identical"
        return f" turn {self.page} of {self.result.requested_turns}, {progress}"

    @property
    def footer(self) -> str:
        """The footer: the clock, and the keys."""
        clock = f"{self.speed:g}x" if self.running else "stopped"
        if screen_size()[0] < WIDE:
            return f" {clock} · n next  f fork  q  ? keys"
        return f" {clock} · p clock  n next  d decoding  w without  f fork  q quit  ? keys"


def _key_bindings(playback: Playback) -> KeyBindings:
    """Return the key bindings of the viewer."""
    keys = KeyBindings()
    actions: dict[tuple[str, ...], Callable[[], object]] = {
        ("right", "n", "c"): lambda: playback.show_page(playback.page + 1),
        ("left", "b"): lambda: playback.show_page(playback.page - 1),
        ("d",): lambda: playback.show_page(playback.next_decoding()),
        ("D",): lambda: playback.show_page(playback.previous_decoding()),
        ("w",): playback.show_without,
        ("home",): lambda: playback.show_page(0),
        ("end",): lambda: playback.show_page(len(playback.pages) - 1),
        ("enter", "space"): playback.advance,
        ("+", "="): lambda: playback.multiply_speed(2),
        ("-",): lambda: playback.multiply_speed(0.5),
        ("up",): lambda: playback.pane.scroll(-1),
        ("down",): lambda: playback.pane.scroll(1),
        ("pageup",): lambda: playback.pane.scroll(-screen_size()[1]),
        ("pagedown",): lambda: playback.pane.scroll(screen_size()[1]),
        ("p",): playback.toggle_clock,
        ("?",): playback.show_help,
    }
    for names, action in actions.items():
        for name in names:
            keys.add(name)(lambda _, action=action: action() and None)

    @keys.add("f")
    def _fork(event: KeyPressEvent) -> None:
        event.app.exit(result=min(playback.page, len(playback.result.run.turns)))

    @keys.add("q")
    @keys.add("escape")
    @keys.add("c-c")
    @keys.add("c-d")
    def _quit(event: KeyPressEvent) -> None:
        if playback.help_shown:
            playback.show_page(playback.page)
        else:
            event.app.exit(result=None)

    return keys


def view_replay(result: ReplayResult, speed: float = 1.0) -> int | None:
    """Show a replay until it is closed; ``speed`` 0 starts with the clock stopped. Return the turn to fork at, or None."""
    playback = Playback(result, speed)

    def text() -> Any:
        playback.set_width(prose_width())
        return playback.pane.fragments()

    body = Window(ScrollControl(text, playback.pane.scroll))
    app = full_screen(lambda: playback.header, [body], lambda: playback.footer, _key_bindings(playback))

    async def run_clock() -> None:
        while True:
            await asyncio.sleep(TICK)
            before = (playback.page, playback.pane.top, playback.running)
            playback.tick(TICK)
            if before != (playback.page, playback.pane.top, playback.running):
                app.invalidate()

    def start_clock() -> None:
        app.create_background_task(run_clock())

    fork_turn: int | None = run_application(app, start_clock)
    return fork_turn
