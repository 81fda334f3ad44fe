"""The loop between a run and whoever plays it: an answer comes in, events go out. Knows neither screen nor disk.

An answer is, in this order: the number of an open offer (1 or 1.), a choice's id, a command, or any part of an open choice's
words that fits no other. A choice is kept before it is made; where it cannot be kept it is not made. Commands cost no layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from forward_pass.errors import ForwardPassError, NoRunError, NotOfferedError, UsageError, did_you_mean
from forward_pass.session.transcript import turn_distribution
from forward_pass.story.distribution import Distribution, PassPort, draw_word
from forward_pass.story.engine import Offer, is_ending, offers
from forward_pass.story.history import DrawFunction, Run, Turn, append, at_turn, make_turn
from forward_pass.story.state import Acts, Prior
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.session.inspection import Inspection
    from forward_pass.storage.run_set import RunSet

MAX_TYPED = 500  # characters of an answer that are looked at


class SceneEntered(NamedTuple):
    """The run stands in a scene or at an ending; ``then`` is what the last choice said first."""

    run: Run
    then: str


class TokenDecoded(NamedTuple):
    """The decoder came: the token, its distribution, the turn that drew from it, and what the choice said first."""

    token: int
    distribution: Distribution
    turn: Turn
    then: str


class Message(NamedTuple):
    """Something said beside the story: paragraphs, and the object that programs are told instead."""

    text: str
    row: dict[str, Any] | None = None


class ViewRequested(NamedTuple):
    """A part of the run was asked for: ``prompt`` or ``transcript``."""

    what: str
    run: Run


class InspectionShown(NamedTuple):
    """The pass was laid open."""

    read: Inspection


class Rejected(NamedTuple):
    """An answer that could not be carried out, and why; the run stands where it stood."""

    message: str


class Quit(NamedTuple):
    """Whoever plays has left; ``text`` says where the run is kept and how to go on."""

    text: str


class TreeShown(NamedTuple):
    """The tree of all runs was asked for; ``here`` is the branch at which the present run stands."""

    shelf: RunSet
    here: int


class RunsCompared(NamedTuple):
    """Two runs were to be held against each other, and what they are called."""

    first: Run
    second: Run
    names: tuple[str, str]


Event = SceneEntered | TokenDecoded | Message | ViewRequested | InspectionShown | Rejected | Quit | TreeShown | RunsCompared


class StorePort(Protocol):
    """The port to where runs are kept."""

    @property
    def label(self) -> str | None:
        """The run's name as ``WORLD/NUMBER``; None while it is not kept yet."""
        ...

    @property
    def resume_command(self) -> str:
        """The command that goes on with the run."""
        ...

    @property
    def prior(self) -> Prior:
        """What was known when the run began."""
        ...

    @property
    def sampling(self) -> tuple[float, int]:
        """The temperature and the seed that words are drawn with."""
        ...

    def new_run(self) -> Run:
        """Return a run at its opening, kept from its first choice on."""
        ...

    def resume(self, asked: str) -> tuple[Run, tuple[str, ...]]:
        """Take up a kept run; return it with what should be known of it. Raises ``RunError`` or ``UsageError``."""
        ...

    def fork(self, asked: str, at: int) -> tuple[Run, tuple[str, ...]]:
        """Take up a kept run at a turn, as the beginning of a sibling. Raises ``RunError`` or ``UsageError``."""
        ...

    def view(self, asked: str) -> Run:
        """Return a kept run, to be looked at. Raises ``RunError`` or ``UsageError``."""
        ...

    def run_set(self) -> RunSet:
        """Return all runs that are kept."""
        ...

    def list_lines(self) -> list[str]:
        """Return a line for each run that is kept."""
        ...

    def record_turn(self, run: Run, turn: Turn) -> None:
        """Keep a turn that is about to be made; raises ``RunError`` where that fails."""
        ...

    def record_cursor(self, run: Run) -> None:
        """Keep where a run that goes back or forth will stand; raises ``RunError`` where that fails."""
        ...

    def rename(self, name: str) -> None:
        """Name the run; raises ``RunError`` where that fails."""
        ...

    def close(self) -> None:
        """Let go of the run."""
        ...


class Session:
    """A run being played: the only thing here that changes."""

    def __init__(self, world: World, measure: PassPort, keeping: StorePort, run: Run) -> None:
        self.world = world
        self.pass_port = measure
        self.store = keeping
        self.run = run
        self.hinted: dict[str, int] = {}  # how many steps of an ending's hint were given

    @property
    def found(self) -> frozenset[str]:
        """The endings that were found before this run, and by it."""
        return self.store.prior.found | ({self.run.state.scene} if self.at_ending else set())

    @property
    def draw(self) -> DrawFunction:
        """How words are drawn in this run."""
        temperature, seed = self.store.sampling
        return lambda distribution, token: draw_word(distribution, temperature, seed, token)

    @property
    def open_offers(self) -> list[Offer]:
        """The offers that can be taken, in the order in which they are numbered."""
        return [offer for offer in offers(self.world, self.pass_port, self.run.state) if offer.open]

    @property
    def closed_offers(self) -> list[Offer]:
        """The offers that are there and cannot be taken; each says why."""
        return [offer for offer in offers(self.world, self.pass_port, self.run.state) if not offer.open]

    @property
    def at_ending(self) -> bool:
        """Whether the run stands at an ending."""
        return is_ending(self.world, self.run.state)

    def opening(self) -> list[Event]:
        """Return what is shown before the first answer."""
        return [SceneEntered(self.run, "")]

    def answer(self, typed: str) -> list[Event]:
        """Carry out one answer and return what came of it; whatever goes wrong is an event too."""
        words = typed[:MAX_TYPED].strip()
        if not words:
            return [Rejected("Type the number of a choice, some of its words, or help.")]
        try:
            return self._answered(words)
        except NoRunError as error:
            return [Rejected(f"No run is called {error.asked}{'; load lists them' if error.others else ', and none is kept'}.")]
        except ForwardPassError as error:
            return [Rejected(f"{error}")]

    def _answered(self, words: str) -> list[Event]:
        here = self.open_offers
        digits = words.removesuffix(".")  # as the offers are numbered
        if digits.isascii() and digits.isdigit():
            number = int(digits[:6])
            if 1 <= number <= len(here):
                return self.choose(here[number - 1].choice.id)
            raise NotOfferedError(f"There is no choice {digits[:6]} here{self._numbers_hint(here)}.")
        if words in self.world.scene(self.run.state.scene).by_id:
            return self.choose(words)
        typed, *rest = words.split(maxsplit=1)
        command = COMMANDS.get(ALIASES.get(typed.lower(), typed.lower()))
        if command is None:
            return self.choose(self._match_words(words, here))
        if rest and command.stands_alone:
            return self.choose(self._match_words(words, here, f"{typed} stands alone, with nothing after it."))
        return command.run(self, rest[0] if rest else "")

    def _numbers_hint(self, here: list[Offer]) -> str:
        if self.at_ending:
            return f"; the run has ended: {AT_END_TEXT}"
        return f"; they go from 1 to {len(here)}" if here else ""

    def _match_words(self, words: str, here: list[Offer], otherwise: str = "") -> str:
        """Return the id of the one open choice that has these words; raises ``NotOfferedError`` where none or several do.

        What is said then is ``otherwise`` where none has them and that was given.
        """
        wanted = words.casefold()
        said = [(offer.choice.id, offer.choice.say(self.run.state, self.pass_port)) for offer in here]
        fitting = [choice for choice, say in said if wanted in say.casefold()]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            numbers = ", ".join(str(number) for number, (choice, _) in enumerate(said, 1) if choice in fitting)
            raise NotOfferedError(f"That could be any of {numbers}: type a number, or more of the words.")
        if otherwise:
            raise NotOfferedError(otherwise)
        shown = "".join(character for character in words[:40] if character.isprintable())
        guess = did_you_mean(words.split(maxsplit=1)[0].lower(), [*COMMANDS, *(choice for choice, _ in said)])
        raise NotOfferedError(f"Nothing here is called “{shown}”{guess}. Type help for what can be typed.")

    def choose(self, choice: str) -> list[Event]:
        """Take a choice by its id: keep it, make it, and return the decoding, if the decoder came, and the arrival."""
        before = self.run
        turn = make_turn(before, choice, self.draw)
        self.store.record_turn(before, turn)
        self.run = append(before, turn)
        turn = self.run.turns[before.at]  # where it moved along a recorded path, what was recorded
        then = self._then(before, turn)
        if turn.word is None:
            return [SceneEntered(self.run, then)]
        decoded = TokenDecoded(before.state.token, turn_distribution(self.run, turn), turn, then)
        return [decoded, SceneEntered(self.run, "")]

    def _then(self, before: Run, turn: Turn) -> str:
        then = self.world.scene(before.state.scene).by_id[turn.choice].then
        return then(before.state if turn.word is not None else turn.state, self.pass_port) if then else ""

    def move(self, at: int) -> list[Event]:
        """Go back or forth to a turn of the run; raises ``UsageError`` where it has none such."""
        if not 0 <= at <= len(self.run.turns):
            raise UsageError(f"This run has turns 0 to {len(self.run.turns)}; there is no turn {at}.")
        there = at_turn(self.run, at)
        self.store.record_cursor(there)
        self.run = there
        return [SceneEntered(self.run, "")]

    # -- commands -------------------------------------------------------------------------------------------------

    def undo(self, rest: str) -> list[Event]:
        """Go back by some turns."""
        if not self.run.at:
            raise UsageError("Nothing lies before this: it is where the run begins.")
        return self.move(max(self.run.at - _count(rest), 0))

    def redo(self, rest: str) -> list[Event]:
        """Go forth again by some turns."""
        if self.run.at == len(self.run.turns):
            raise UsageError("Nothing was undone that could be done again.")
        return self.move(min(self.run.at + _count(rest), len(self.run.turns)))

    def back(self, rest: str) -> list[Event]:
        """Go to a turn by its number."""
        if not rest:
            raise UsageError(f"Back to which turn? This is turn {self.run.at}; back 0 is the waking.")
        return self.move(_count(rest, least=0))

    def save(self, rest: str) -> list[Event]:
        """Name the run."""
        if not rest:
            raise UsageError(f"Every choice is kept already{self._saved_as()}. To name the run: save NAME.")
        self.store.rename(rest.replace(" ", "-"))
        return [Message(f"The run is named {rest.replace(' ', '-')}{self._saved_as()}.")]

    def load(self, rest: str) -> list[Event]:
        """Take up another run, or list them."""
        if not rest:
            listed = self.store.list_lines()
            if not listed:
                return [Message("No run is kept yet: the first choice begins one.")]
            return [Message("\n".join([*listed, "", "To go on with one: load NUMBER, or load NAME."]))]
        run, notes = self.store.resume(rest)
        self.run = run
        return [*(Message(note) for note in notes), *self.opening()]

    def restart(self, rest: str) -> list[Event]:
        """Begin another run; the present one stays as it is."""
        del rest
        left = self._saved_as()
        self.run = self.store.new_run()
        told = f"The run before this one is kept{left}." if left else "Nothing had been chosen; nothing was kept."
        return [Message(told), *self.opening()]

    def look(self, rest: str) -> list[Event]:
        """Show the present scene again."""
        del rest
        return self.opening()

    def prompt(self, rest: str) -> list[Event]:
        """Show the document so far."""
        del rest
        return [ViewRequested("prompt", self.run)]

    def lens(self, rest: str) -> list[Event]:
        """Lay the pass open up to the present layer."""
        del rest
        if self.at_ending:
            raise UsageError("No pass is under way at an ending.")
        from forward_pass.session.inspection import inspect_pass  # noqa: PLC0415 - the first scene can do without

        return [InspectionShown(inspect_pass(self.world, self.pass_port, *self._standing))]

    @property
    def _standing(self) -> tuple[tuple[str, ...], Acts, int]:
        state = self.run.state
        return state.words, state.acts, state.layer

    def about(self, rest: str) -> list[Event]:
        """Say what a term means, or what there is to ask about."""
        from forward_pass.session import glossary_help  # noqa: PLC0415 - the first scene can do without

        title = self.world.title.casefold()
        if not rest or (
            rest.casefold() == title and title not in {one.name.casefold() for one in glossary_help.terms(self.world)}
        ):
            names = [one.name for one in glossary_help.terms(self.world)]
            return [Message(glossary_help.terms_text(self.world), {"type": "about", "about": self.world.about, "terms": names})]
        term = glossary_help.term(self.world, rest)
        return [Message(term.paragraphs, {"type": "term", **term._asdict()})]

    def credits(self, rest: str) -> list[Event]:
        """Say whose story this is, and whose work."""
        from forward_pass.session.glossary_help import CREDITS  # noqa: PLC0415 - the same

        del rest
        return [Message(CREDITS)]

    def hint(self, rest: str) -> list[Event]:
        """Give a step toward an ending that was not found."""
        from forward_pass.session import glossary_help  # noqa: PLC0415 - the same

        before = glossary_help.found_count_text(self.world, self.found)
        given = glossary_help.next_hint(self.world, self.found, self.hinted, rest)
        if given is None:
            return [Message(f"{before}: there is nothing left to hint at.", {"type": "hint", "found": len(self.found)})]
        row = {"type": "hint", "found": len(self.found), "ending": given.number, "step": given.step, "text": given.text}
        return [Message(f"{before}.\n{given.line}", row)]

    def notes(self, rest: str) -> list[Event]:
        """Show what this run has written into the cache."""
        from forward_pass.session import glossary_help  # noqa: PLC0415 - the same

        del rest
        rows = [trace._asdict() for trace in glossary_help.cache_traces(self.run)]
        return [Message(glossary_help.cache_text(self.run), {"type": "notes", "notes": rows})]

    def tree(self, rest: str) -> list[Event]:
        """Show all runs as one tree."""
        del rest
        shelf = self.store.run_set()
        return [TreeShown(shelf, shelf.tree.at(self.run.digest))]

    def diff(self, rest: str) -> list[Event]:
        """Hold the present run against another."""
        if not rest:
            raise UsageError("Against which run? diff NUMBER, or diff NAME; load lists them.")
        names = (self.store.label or "this run", f"run {rest}" if rest.isdigit() else rest)
        return [RunsCompared(self.run, self.store.view(rest), names)]

    def fork(self, number: int, at: int) -> list[Event]:
        """Take up a kept run at a turn, to play on from there in a run of its own; the present one stays as it is."""
        run, notes = self.store.fork(f"{number}", at)
        self.run = run
        return [*(Message(note) for note in notes), *self.opening()]

    def transcript(self, rest: str) -> list[Event]:
        """Show the run so far."""
        del rest
        return [ViewRequested("transcript", self.run)]

    def help(self, rest: str) -> list[Event]:
        """Say what can be typed."""
        del rest
        rows = "\n".join(f"  {usage:<13} {COMMANDS[usage.split()[0]].about}" for usage in USAGES)
        lead = "Type the number of a choice, its id, or some of its words. These cost no layer:"
        return [Message(f"{lead}\n\n{rows}")]

    def quit(self, rest: str) -> list[Event]:
        """Leave."""
        del rest
        return [self.quit_event()]

    def quit_event(self) -> Quit:
        """Return the last event of a play: where the run is, and how to go on with it."""
        label = self.store.label
        if label is None and not self.run.at:
            return Quit("Nothing was chosen, so no run was begun.")
        return Quit(f"Kept as {label}. To go on:\n{self.store.resume_command}" if label else "Left as it was kept.")

    def _saved_as(self) -> str:
        return f" as {self.store.label}" if self.store.label else ""


class Command(NamedTuple):
    """A word that play answers itself: what it does, in words, and in fact."""

    usage: str
    about: str
    run: Callable[[Session, str], list[Event]]

    @property
    def stands_alone(self) -> bool:
        """Whether nothing can follow the word."""
        return " " not in self.usage


def _count(rest: str, least: int = 1) -> int:
    """Return the number that was typed after a command, 1 where none was; raises ``UsageError`` where it is none."""
    if not rest:
        return 1
    if not (rest.isascii() and rest.isdigit()) or len(rest) > 6 or int(rest) < least:  # noqa: PLR2004 - digits
        raise UsageError(f"Expected a number of turns, found “{rest[:20]}”.")
    return int(rest)


_TABLE = (
    Command("undo [N]", "go back one turn, or N", Session.undo),
    Command("redo [N]", "take back an undo, or N", Session.redo),
    Command("back N", "go to turn N of this run; 0 is the waking", Session.back),
    Command("save NAME", "name this run; every choice is kept anyway", Session.save),
    Command("load [RUN]", "list the runs, or go on with one", Session.load),
    Command("restart", "begin another instantiation; this one is kept", Session.restart),
    Command("look", "show this scene again", Session.look),
    Command("prompt", "show the document so far", Session.prompt),
    Command("lens", "lay this pass open up to the present layer", Session.lens),
    Command("notes", "show what this run has written into the cache", Session.notes),
    Command("about [TERM]", "say what a term means, and whether it is true", Session.about),
    Command("hint [N]", "a step toward an ending not found yet", Session.hint),
    Command("transcript", "show this run so far", Session.transcript),
    Command("tree", "all runs as one tree", Session.tree),
    Command("diff RUN", "hold this run against another", Session.diff),
    Command("credits", "whose story this is, and whose work", Session.credits),
    Command("help", "say all this", Session.help),
    Command("quit", "leave; nothing is lost and nothing is asked", Session.quit),
)
COMMANDS: dict[str, Command] = {command.usage.split()[0]: command for command in _TABLE}
USAGES = tuple(command.usage for command in _TABLE)
ALIASES = {"exit": "quit", "q": "quit", "?": "help"}  # what other programs have taught people to type
AT_END = ("undo", "restart", "tree", "quit")  # what can be done at an ending, as every front end names it
AT_END_TEXT = f"{', '.join(AT_END[:-1])} or {AT_END[-1]}"
