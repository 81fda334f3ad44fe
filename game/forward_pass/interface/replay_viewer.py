"""A run shown again on a full screen, turn by turn at reading speed or by key, each digest verified before one's eyes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import Window

from forward_pass.interface.signals import run_application
from forward_pass.interface.widgets import WIDE, Pane, Scrolled, key_lines, measure, screen, screen_size
from forward_pass.session.transcript import MEASURE, opening_line, standing_lines, turn_lines, wrap
from forward_pass.storage.replay import ReplayResult
from forward_pass.story.history import at_turn

WORDS_A_MINUTE = 240
SLOWEST, FASTEST = 0.125, 64.0
TICK = 0.1  # seconds
LEAST = 1.5  # seconds that a turn stays, however short

KEYS = (
    ("p", "stop the clock, or let it go on"),
    ("Enter, Space", "on: down a page, or to the next turn"),
    ("Right, n, c", "the next turn, which is the next choice"),
    ("Left, b", "the turn before"),
    ("d", "the next turn on which the decoder came"),
    ("Home, End", "the opening, the end"),
    ("Up, Down", "a line up or down; PageUp and PageDown a page"),
    ("+, -", "twice as fast, half as fast"),
    ("f", "fork: play on from here, as a run of its own"),
    ("q, Ctrl-C", "leave"),
)
PROVEN = "Each turn is walked again, and its digest held against the one in the file."


class Page(NamedTuple):
    """A turn as it is shown, and whether the decoder came on it."""

    lines: list[str]
    decoded: bool

    @property
    def seconds(self) -> float:
        """How long it takes to read, at the speed of 1."""
        words = sum(len(line.split()) for line in self.lines)
        return max(60 * words / WORDS_A_MINUTE, LEAST)


def pages(outcome: ReplayResult, columns: int) -> list[Page]:
    """Return a replay as pages: the opening, then one a turn, the proof under the last."""
    run = outcome.run
    above = wrap(opening_line(run.world, run.measure, run.opening.prior.instantiation), columns)
    shown = [Page([*above, "", *standing_lines(at_turn(run, 0), columns)], decoded=False)]
    different = {difference.turn: difference.what for difference in outcome.differences}
    for number, turn in enumerate(run.turns, 1):
        lines = [*turn_lines(run, number, columns), *standing_lines(at_turn(run, number), columns), ""]
        proof = f"DIFFERENT: {different[number]}" if number in different else f"digest {turn.digest}, identical"
        lines += wrap(f"[Turn {number} of {outcome.asked}: {proof}]", columns)
        shown.append(Page(lines, decoded=turn.word is not None))
    for number, what in different.items():
        if number > len(run.turns):
            shown[-1].lines.extend(["", *wrap(f"[Turn {number} cannot be walked: {what}]", columns)])
    shown[-1].lines.extend(["", *wrap(outcome.proof, columns)])
    return shown


class Playback:
    """A replay under way: the page in view, how long it has been there, and how fast time goes."""

    def __init__(self, outcome: ReplayResult, speed: float) -> None:
        self.outcome = outcome
        self.pane = Pane()
        self.at = 0
        self.spent = 0.0
        self.speed = speed or 1.0
        self.running = speed > 0
        self.helping = False
        self.columns = 0
        self.pages: list[Page] = []
        self.set_to(MEASURE)

    def set_to(self, columns: int) -> None:
        """Set the pages to a width, if they are not."""
        if columns != self.columns:
            self.columns, self.pages = columns, pages(self.outcome, columns)
            if not self.helping:
                self.pane.show(self.pages[self.at].lines)

    def turn_to(self, page: int) -> None:
        """Show another page, from its beginning."""
        self.at = min(max(page, 0), len(self.pages) - 1)
        self.spent, self.helping = 0.0, False
        self.pane.show(self.pages[self.at].lines)

    def decoded_after(self) -> int:
        """Return the next page on which the decoder came, or the last one."""
        later = (number for number in range(self.at + 1, len(self.pages)) if self.pages[number].decoded)
        return next(later, len(self.pages) - 1)

    def tick(self, seconds: float) -> None:
        """Let time go by: scroll through the page as it is read, and turn it when it has been."""
        if not self.running or self.helping or not self.pages:
            return
        self.spent += seconds * self.speed
        whole = self.pages[self.at].seconds
        if self.spent < whole:
            self.pane.top = max(self.pane.top, round(self.pane.most * self.spent / whole))
        elif self.at < len(self.pages) - 1:
            self.turn_to(self.at + 1)
        else:
            self.running = False

    def on(self) -> None:
        """Go a page of the screen down, or to the next turn."""
        if self.helping or not self.pane.scroll(screen_size()[1]):
            self.turn_to(self.at + (not self.helping))

    def faster(self, factor: float) -> None:
        """Change how fast time goes."""
        self.speed = min(max(self.speed * factor, SLOWEST), FASTEST)

    def start_or_stop(self) -> None:
        """Stop the clock, or let it go on."""
        self.running = not self.running

    def help(self) -> None:
        """Show the keys."""
        self.helping = True
        self.pane.show(key_lines("Keys of a replay", KEYS, PROVEN))

    @property
    def head(self) -> str:
        """What stands above: which turn this is, and what has been proven so far."""
        same = min(self.at, self.outcome.identical)
        so_far = "identical so far" if same == self.at else f"{same} identical"
        return f" turn {self.at} of {self.outcome.asked}, {so_far}"

    @property
    def foot(self) -> str:
        """What stands below: the clock, and the keys."""
        clock = f"{self.speed:g}x" if self.running else "stopped"
        if screen_size()[0] < WIDE:
            return f" {clock} · n next  f fork  q  ? keys"
        return f" {clock} · p clock  n next  d decoding  f fork  q quit  ? keys"


def _bound(playback: Playback) -> KeyBindings:
    """Return the keys of a replay."""
    keys = KeyBindings()
    answers: dict[tuple[str, ...], Callable[[], object]] = {
        ("right", "n", "c"): lambda: playback.turn_to(playback.at + 1),
        ("left", "b"): lambda: playback.turn_to(playback.at - 1),
        ("d",): lambda: playback.turn_to(playback.decoded_after()),
        ("home",): lambda: playback.turn_to(0),
        ("end",): lambda: playback.turn_to(len(playback.pages) - 1),
        ("enter", "space"): playback.on,
        ("+", "="): lambda: playback.faster(2),
        ("-",): lambda: playback.faster(0.5),
        ("up",): lambda: playback.pane.scroll(-1),
        ("down",): lambda: playback.pane.scroll(1),
        ("pageup",): lambda: playback.pane.scroll(-screen_size()[1]),
        ("pagedown",): lambda: playback.pane.scroll(screen_size()[1]),
        ("p",): playback.start_or_stop,
        ("?",): playback.help,
    }
    for names, carry_out in answers.items():
        for name in names:
            keys.add(name)(lambda _, carry_out=carry_out: carry_out() and None)

    @keys.add("f")
    def _fork(event: KeyPressEvent) -> None:
        event.app.exit(result=min(playback.at, len(playback.outcome.run.turns)))

    @keys.add("q")
    @keys.add("escape")
    @keys.add("c-c")
    @keys.add("c-d")
    def _leave(event: KeyPressEvent) -> None:
        if playback.helping:
            playback.turn_to(playback.at)
        else:
            event.app.exit(result=None)

    return keys


def show(outcome: ReplayResult, speed: float = 1.0) -> int | None:
    """Show a replay until whoever watches leaves; return the turn to fork at, or None."""
    playback = Playback(outcome, speed)

    def text() -> Any:
        playback.set_to(measure())
        return playback.pane.fragments()

    body = Window(Scrolled(text, playback.pane.scroll))
    app = screen(lambda: playback.head, [body], lambda: playback.foot, _bound(playback))

    async def clock() -> None:
        while True:
            await asyncio.sleep(TICK)
            before = (playback.at, playback.pane.top, playback.running)
            playback.tick(TICK)
            if before != (playback.at, playback.pane.top, playback.running):
                app.invalidate()

    def begin() -> None:
        app.create_background_task(clock())

    chosen: int | None = run_application(app, begin)
    return chosen
