"""A run being played: choices are recorded before they are made, and what happened comes out as events. Knows no screen.

Where recording fails, nothing is made.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

from forward_pass.errors import ForwardPassError, UsageError
from forward_pass.session.events import Event, Message, Quit, SceneEntered, TokenDecoded
from forward_pass.session.transcript import then_text, turn_distribution
from forward_pass.session.visited import VisitedTurns
from forward_pass.storage.store import RunStore, Stored
from forward_pass.story.distribution import draw_word
from forward_pass.story.engine import Availability, is_ending, offers
from forward_pass.story.history import DrawFunction, Run, append, at_turn, make_turn, recorded_turn, replay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from forward_pass.session.from_here import ReadBefore
    from forward_pass.session.laboratory import Laboratory
    from forward_pass.storage.journal import Header


class Session:
    """A run being played: the only mutable object of this package."""

    def __init__(self, store: RunStore, stored: Stored) -> None:
        self.world = store.world
        self.inspector = store.inspector
        self.store = store
        self.run, self.recorder, _ = stored
        self.hint_steps: dict[str, int] = {}  # by ending, how many steps of its hint were given
        self.laboratory: Laboratory | None = None  # the bench that was opened last, at the state where it was opened
        self.known: ReadBefore | None = None  # what the kept runs had read when this session began, once it is known
        self._reader: Thread | None = None  # of what the kept runs had read
        self._reached: set[str] = set()  # endings, in this session
        self.visited = VisitedTurns()
        self.made: Counter[tuple[str, str]] = Counter()  # how often it was chosen in this session: the scene, and the choice
        self.before_input: Callable[[], list[Event]] | None = None  # what is to be done before a line is carried out
        self.writer: Callable[[Run, Header, Path], str] | None = None  # writes a run as a document, and says so

    @property
    def endings_found(self) -> frozenset[str]:
        """The endings that the kept runs have found, and the one that this run is at.

        The facts in a run's header are no such count: a fork has its parent's.
        """
        return self.store.facts.found | self._reached | ({self.run.state.scene} if self.at_ending else set())

    @property
    def draw(self) -> DrawFunction:
        """The function that draws a word from a distribution in this run."""
        temperature, seed = self.recorder.sampling
        return lambda distribution, token: draw_word(distribution, temperature, seed, token)

    @property
    def open_offers(self) -> list[Availability]:
        """The offers that can be taken, in the order of their numbers."""
        return [offer for offer in offers(self.world, self.run.state) if offer.is_open]

    @property
    def closed_offers(self) -> list[Availability]:
        """The offers that are shown but cannot be taken; each says why."""
        return [offer for offer in offers(self.world, self.run.state) if not offer.is_open]

    @property
    def at_ending(self) -> bool:
        """Whether the run is at an ending."""
        return is_ending(self.world, self.run.state)

    def choice_texts(self) -> list[tuple[str, str]]:
        """Return the open choices in the order of their numbers, each id with the words of the choice."""
        return [(offer.id, offer.choice.say(self.run.state, self.inspector)) for offer in self.open_offers]

    def is_new(self, choice: str) -> bool:
        """Return whether no other kept run has taken a choice here; False until they are read, or without any."""
        if self.known is None or not self.known.ways:
            return False
        scene = self.run.state.scene
        taken = self.known.ways.get(scene)
        return (taken is None or not taken[choice]) and (scene, choice) not in self.made

    def read_kept_runs(self) -> None:
        """Read what the kept runs have read, for ``is_new``, once, on a thread of its own: there may be thousands."""
        played = self.recorder.file.path if self.recorder.file else None  # a run that is resumed is no other run

        def read() -> None:
            from forward_pass.session.from_here import read_before  # noqa: PLC0415 - play begins without

            with suppress(ForwardPassError):
                self.known = read_before(self.world, self.store.folder, played)

        if self._reader is None:
            self._reader = Thread(target=read, daemon=True)
            self._reader.start()

    def opening(self) -> list[Event]:
        """Return the events before the first input."""
        return [SceneEntered(self.run, "")]

    def choose(self, choice: str) -> list[Event]:
        """Take a choice by its id: record it, make it, and return the decoding, if there was one, and the new scene."""
        before = self.run
        turn = make_turn(before, choice, self.draw)
        turn = self.recorder.record_turn(before, turn)
        self.run = append(before, turn)
        self.made[before.state.scene, choice] += 1
        self.visited.add(before.digest, self.run.turns[before.at], self.recorder)
        if self.at_ending:
            self._reached.add(self.run.state.scene)
        turn = self.run.turns[before.at]  # the recorded turn, where it repeats an undone one
        then = then_text(self.run, turn)
        if turn.word is None:
            return [SceneEntered(self.run, then, made=True)]
        decoded = TokenDecoded(before.state.token, turn_distribution(self.run, turn), turn, then)
        return [decoded, SceneEntered(self.run, "", made=True)]

    def go_to_turn(self, turn: int) -> list[Event]:
        """Go back or forward to a turn of the run; raises ``UsageError`` where there is no such turn."""
        if not 0 <= turn <= len(self.run.turns):
            raise UsageError(f"This run has turns 0 to {len(self.run.turns)}; there is no turn {turn}.")
        target = at_turn(self.run, turn)
        self.recorder.record_cursor(target)
        self.run = target
        return [SceneEntered(self.run, "")]

    def fork(self, number: int, turn: int, choice: str = "") -> list[Event]:
        """Begin a sibling of a stored run at a turn and play it, with a choice taken at once where there is one.

        The present run is unchanged.
        """
        events = self.play_on(self.store.fork(f"{number}", turn))
        if not choice:
            return events
        chosen = self.choose(choice)
        return [
            Message(f"This is {self.recorder.label}, a branch of run {number} at turn {turn}; that one stays as it is."),
            *chosen,
        ]

    def go_to_digest(self, digest: str) -> list[Event]:
        """Go to the latest turn of this session with a digest, under the facts of its run; empty is the opening.

        On the present run its cursor moves there; elsewhere the next choice begins a sibling. Raises ``RequestError`` where no
        turn of this session has it.
        """
        here = next((at for at, turn in enumerate(self.run.turns, 1) if turn.digest == digest), None if digest else 0)
        if here is not None:
            return self.go_to_turn(here)
        run, recorder = self.visited.run_to(self.run, digest)
        return self.play_on(self.store.branch(run, recorder))

    def fork_here(self, turn: int) -> list[Event]:
        """Play on from a turn of this run, as a run of its own; raises ``UsageError`` where there is no such turn."""
        if not 0 <= turn <= len(self.run.turns):
            raise UsageError(f"This run has turns 0 to {len(self.run.turns)}; there is no turn {turn}.")
        return self.play_on(self.store.branch(at_turn(self.run, turn), self.recorder))

    def play_on(self, stored: Stored) -> list[Event]:
        """Play another run from where it stands; return what should be known of it, and its scene."""
        self.recorder.close()
        if self.known is not None:  # the run that is left is another run from now on
            for (scene, choice), count in self.made.items():
                self.known.ways.setdefault(scene, Counter())[choice] += count
            self.made.clear()
        self.run, self.recorder, notes = stored
        return [*map(Message, notes), *self.opening()]

    def play_in(self, store: RunStore) -> tuple[int, str]:
        """Play this run on in another store, whose world may have changed; return how many turns it still has, and why no more.

        The turns are made again by their choices and words, as far as these are on offer.
        """
        recorded = list(map(recorded_turn, self.run.path))
        run, differences, _ = replay(store.world, store.inspector, self.recorder.prior, recorded)
        broken = next((difference for difference in differences if difference.broken), None)
        self.world, self.inspector, self.store = store.world, store.inspector, store
        stored = store.branch(at_turn(run, len(run.turns)), self.recorder)
        self.run, self.recorder = stored.run, stored.recorder
        return len(run.turns), broken.what if broken else ""

    def quit_event(self) -> Quit:
        """Return the last event of a session: where the run is stored, and how to resume it."""
        label = self.recorder.label
        if label is None and not self.run.at:
            return Quit("Nothing was chosen, so no run was begun.")
        resume = self.store.play_command(self.recorder)
        return Quit(f"Kept as {label}. To go on:\n{resume}" if label else "Left as it was kept.")
