"""The loop between a run and a front end: typed input comes in, events go out. Knows neither screen nor disk.

Input is interpreted in this order: the number of an open offer (``1`` or ``1.``), a choice's id, a command, or a part of the
text of exactly one open choice. A choice is recorded before it is made; where recording fails it is not made. Commands cost no
layer.
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

MAX_INPUT = 500  # characters of typed input that are read


class SceneEntered(NamedTuple):
    """The run is in a scene or at an ending; ``then`` is the ``then`` text of the last choice, empty where it has none."""

    run: Run
    then: str


class TokenDecoded(NamedTuple):
    """A word was decoded: the token, its distribution, the turn that drew from it, and the ``then`` text of the choice."""

    token: int
    distribution: Distribution
    turn: Turn
    then: str


class Message(NamedTuple):
    """Text that is not part of the story: paragraphs, and the object that JSON front ends get instead."""

    text: str
    row: dict[str, Any] | None = None


class ViewRequested(NamedTuple):
    """A view of the run was requested: ``prompt`` or ``transcript``."""

    view: str
    run: Run


class InspectionShown(NamedTuple):
    """The pass was inspected."""

    inspection: Inspection


class Rejected(NamedTuple):
    """Input that could not be carried out, and why; the run is unchanged."""

    message: str


class Quit(NamedTuple):
    """The player has left; ``text`` says where the run is stored and how to resume it."""

    text: str


class TreeShown(NamedTuple):
    """The tree of all runs was requested; ``node`` is the number of the node that the present run is at."""

    run_set: RunSet
    node: int


class RunsCompared(NamedTuple):
    """Two runs were to be compared; ``names`` are how they are called."""

    first: Run
    second: Run
    names: tuple[str, str]


Event = SceneEntered | TokenDecoded | Message | ViewRequested | InspectionShown | Rejected | Quit | TreeShown | RunsCompared


class StorePort(Protocol):
    """The port to the run store."""

    @property
    def label(self) -> str | None:
        """The run's name as ``WORLD/NUMBER``; None while nothing of it is stored."""
        ...

    @property
    def resume_command(self) -> str:
        """The command line that resumes the run."""
        ...

    @property
    def prior(self) -> Prior:
        """The facts known when the run began."""
        ...

    @property
    def sampling(self) -> tuple[float, int]:
        """The temperature and the seed that words are drawn with."""
        ...

    def new_run(self) -> Run:
        """Return a run at its opening; its file is made with its first choice."""
        ...

    def resume(self, reference: str) -> tuple[Run, tuple[str, ...]]:
        """Resume a stored run by its number or name; return it with notes on it. Raises ``RunError`` or ``UsageError``."""
        ...

    def fork(self, reference: str, turn: int) -> tuple[Run, tuple[str, ...]]:
        """Begin a sibling of a stored run at a turn; return it with notes on it. Raises ``RunError`` or ``UsageError``."""
        ...

    def view(self, reference: str) -> Run:
        """Return a stored run without resuming it. Raises ``RunError`` or ``UsageError``."""
        ...

    def run_set(self) -> RunSet:
        """Return all stored runs."""
        ...

    def list_lines(self) -> list[str]:
        """Return a line for each stored run."""
        ...

    def record_turn(self, run: Run, turn: Turn) -> None:
        """Record a turn before it is made; raises ``RunError`` where that fails."""
        ...

    def record_cursor(self, run: Run) -> None:
        """Record the present turn of a run after undo or redo; raises ``RunError`` where that fails."""
        ...

    def rename(self, name: str) -> None:
        """Name the run; raises ``RunError`` where that fails."""
        ...

    def close(self) -> None:
        """Release the run's file and its lock."""
        ...


class Session:
    """A run being played: the only mutable object of this package."""

    def __init__(self, world: World, pass_port: PassPort, store: StorePort, run: Run) -> None:
        self.world = world
        self.pass_port = pass_port
        self.store = store
        self.run = run
        self.hint_steps: dict[str, int] = {}  # by ending, how many steps of its hint were given

    @property
    def endings_found(self) -> frozenset[str]:
        """The endings found before this run, and the one that it is at."""
        return self.store.prior.found | ({self.run.state.scene} if self.at_ending else set())

    @property
    def draw(self) -> DrawFunction:
        """The function that draws a word from a distribution in this run."""
        temperature, seed = self.store.sampling
        return lambda distribution, token: draw_word(distribution, temperature, seed, token)

    @property
    def open_offers(self) -> list[Offer]:
        """The offers that can be taken, in the order of their numbers."""
        return [offer for offer in offers(self.world, self.pass_port, self.run.state) if offer.open]

    @property
    def closed_offers(self) -> list[Offer]:
        """The offers that are shown but cannot be taken; each says why."""
        return [offer for offer in offers(self.world, self.pass_port, self.run.state) if not offer.open]

    @property
    def at_ending(self) -> bool:
        """Whether the run is at an ending."""
        return is_ending(self.world, self.run.state)

    def opening(self) -> list[Event]:
        """Return the events before the first input."""
        return [SceneEntered(self.run, "")]

    def answer(self, typed: str) -> list[Event]:
        """Carry out one line of input and return its events; an error is an event too."""
        words = typed[:MAX_INPUT].strip()
        if not words:
            return [Rejected("Type the number of a choice, some of its words, or help.")]
        try:
            return self._dispatch(words)
        except NoRunError as error:
            return [
                Rejected(
                    f"No run is called {error.reference}{'; load lists them' if error.has_runs else ', and none is kept'}."
                )
            ]
        except ForwardPassError as error:
            return [Rejected(f"{error}")]

    def _dispatch(self, words: str) -> list[Event]:
        open_offers = self.open_offers
        digits = words.removesuffix(".")  # as offers are numbered
        if digits.isascii() and digits.isdigit():
            number = int(digits[:6])
            if 1 <= number <= len(open_offers):
                return self.choose(open_offers[number - 1].choice.id)
            raise NotOfferedError(f"There is no choice {digits[:6]} here{self._numbers_hint(open_offers)}.")
        if words in self.world.scene(self.run.state.scene).by_id:
            return self.choose(words)
        first, *rest = words.split(maxsplit=1)
        command = COMMANDS.get(ALIASES.get(first.lower(), first.lower()))
        if command is None:
            return self.choose(self._match_words(words, open_offers))
        if rest and not command.takes_argument:
            return self.choose(self._match_words(words, open_offers, f"{first} stands alone, with nothing after it."))
        return command.run(self, rest[0] if rest else "")

    def _numbers_hint(self, open_offers: list[Offer]) -> str:
        if self.at_ending:
            return f"; the run has ended: {ENDING_COMMANDS_TEXT}"
        return f"; they go from 1 to {len(open_offers)}" if open_offers else ""

    def _match_words(self, words: str, open_offers: list[Offer], otherwise: str = "") -> str:
        """Return the id of the one open choice whose text contains ``words``.

        Raises ``NotOfferedError`` where several choices or none match; in the latter case with ``otherwise``, if given.
        """
        wanted = words.casefold()
        texts = [(offer.choice.id, offer.choice.say(self.run.state, self.pass_port)) for offer in open_offers]
        matches = [choice for choice, text in texts if wanted in text.casefold()]
        if len(matches) == 1:
            return matches[0]
        if matches:
            numbers = ", ".join(str(number) for number, (choice, _) in enumerate(texts, 1) if choice in matches)
            raise NotOfferedError(f"That could be any of {numbers}: type a number, or more of the words.")
        if otherwise:
            raise NotOfferedError(otherwise)
        shown = "".join(character for character in words[:40] if character.isprintable())
        guess = did_you_mean(words.split(maxsplit=1)[0].lower(), [*COMMANDS, *(choice for choice, _ in texts)])
        raise NotOfferedError(f"Nothing here is called “{shown}”{guess}. Type help for what can be typed.")

    def choose(self, choice: str) -> list[Event]:
        """Take a choice by its id: record it, make it, and return the decoding, if there was one, and the new scene."""
        before = self.run
        turn = make_turn(before, choice, self.draw)
        self.store.record_turn(before, turn)
        self.run = append(before, turn)
        turn = self.run.turns[before.at]  # the recorded turn, where it repeats an undone one
        then = self._then_text(before, turn)
        if turn.word is None:
            return [SceneEntered(self.run, then)]
        decoded = TokenDecoded(before.state.token, turn_distribution(self.run, turn), turn, then)
        return [decoded, SceneEntered(self.run, "")]

    def _then_text(self, before: Run, turn: Turn) -> str:
        then = self.world.scene(before.state.scene).by_id[turn.choice].then
        return then(before.state if turn.word is not None else turn.state, self.pass_port) if then else ""

    def go_to_turn(self, turn: int) -> list[Event]:
        """Go back or forward to a turn of the run; raises ``UsageError`` where there is no such turn."""
        if not 0 <= turn <= len(self.run.turns):
            raise UsageError(f"This run has turns 0 to {len(self.run.turns)}; there is no turn {turn}.")
        target = at_turn(self.run, turn)
        self.store.record_cursor(target)
        self.run = target
        return [SceneEntered(self.run, "")]

    # -- commands -------------------------------------------------------------------------------------------------

    def undo(self, argument: str) -> list[Event]:
        """Go back by a number of turns."""
        if not self.run.at:
            raise UsageError("Nothing lies before this: it is where the run begins.")
        return self.go_to_turn(max(self.run.at - _turn_count(argument), 0))

    def redo(self, argument: str) -> list[Event]:
        """Go forward again by a number of undone turns."""
        if self.run.at == len(self.run.turns):
            raise UsageError("Nothing was undone that could be done again.")
        return self.go_to_turn(min(self.run.at + _turn_count(argument), len(self.run.turns)))

    def back(self, argument: str) -> list[Event]:
        """Go to a turn by its number."""
        if not argument:
            raise UsageError(f"Back to which turn? This is turn {self.run.at}; back 0 is the waking.")
        return self.go_to_turn(_turn_count(argument, minimum=0))

    def save(self, argument: str) -> list[Event]:
        """Name the run."""
        if not argument:
            raise UsageError(f"Every choice is kept already{self._saved_as()}. To name the run: save NAME.")
        self.store.rename(argument.replace(" ", "-"))
        return [Message(f"The run is named {argument.replace(' ', '-')}{self._saved_as()}.")]

    def load(self, argument: str) -> list[Event]:
        """Resume another run, or list the runs."""
        if not argument:
            listed = self.store.list_lines()
            if not listed:
                return [Message("No run is kept yet: the first choice begins one.")]
            return [Message("\n".join([*listed, "", "To go on with one: load NUMBER, or load NAME."]))]
        run, notes = self.store.resume(argument)
        self.run = run
        return [*(Message(note) for note in notes), *self.opening()]

    def restart(self, argument: str) -> list[Event]:
        """Begin another run; the present one is unchanged."""
        del argument
        saved_as = self._saved_as()
        self.run = self.store.new_run()
        text = f"The run before this one is kept{saved_as}." if saved_as else "Nothing had been chosen; nothing was kept."
        return [Message(text), *self.opening()]

    def look(self, argument: str) -> list[Event]:
        """Show the present scene again."""
        del argument
        return self.opening()

    def prompt(self, argument: str) -> list[Event]:
        """Show the document so far: the prompt and the words decoded since."""
        del argument
        return [ViewRequested("prompt", self.run)]

    def lens(self, argument: str) -> list[Event]:
        """Inspect the pass up to the present layer."""
        del argument
        if self.at_ending:
            raise UsageError("No pass is under way at an ending.")
        from forward_pass.session.inspection import inspect_pass  # noqa: PLC0415 - not needed for the first scene

        return [InspectionShown(inspect_pass(self.world, self.pass_port, *self._position))]

    @property
    def _position(self) -> tuple[tuple[str, ...], Acts, int]:
        state = self.run.state
        return state.words, state.acts, state.layer

    def about(self, argument: str) -> list[Event]:
        """Explain a term, or list the terms."""
        from forward_pass.session import glossary_help  # noqa: PLC0415 - not needed for the first scene

        title = self.world.title.casefold()
        if not argument or (
            argument.casefold() == title and title not in {one.name.casefold() for one in glossary_help.terms(self.world)}
        ):
            names = [one.name for one in glossary_help.terms(self.world)]
            return [Message(glossary_help.terms_text(self.world), {"type": "about", "about": self.world.about, "terms": names})]
        term = glossary_help.find_term(self.world, argument)
        return [Message(term.paragraphs, {"type": "term", **term._asdict()})]

    def credits(self, argument: str) -> list[Event]:
        """Show the credits."""
        from forward_pass.session.glossary_help import CREDITS  # noqa: PLC0415 - the same

        del argument
        return [Message(CREDITS)]

    def hint(self, argument: str) -> list[Event]:
        """Give the next hint for an ending not found yet."""
        from forward_pass.session import glossary_help  # noqa: PLC0415 - the same

        count = glossary_help.found_count_text(self.world, self.endings_found)
        hint = glossary_help.next_hint(self.world, self.endings_found, self.hint_steps, argument)
        row = {"type": "hint", "found": len(self.endings_found)}
        if hint is None:
            return [Message(f"{count}: there is nothing left to hint at.", row)]
        return [Message(f"{count}.\n{hint.line}", {**row, "ending": hint.number, "step": hint.step, "text": hint.text})]

    def notes(self, argument: str) -> list[Event]:
        """Show what this run has written into the cache."""
        from forward_pass.session import glossary_help  # noqa: PLC0415 - the same

        del argument
        rows = [trace._asdict() for trace in glossary_help.cache_traces(self.run)]
        return [Message(glossary_help.cache_text(self.run), {"type": "notes", "notes": rows})]

    def tree(self, argument: str) -> list[Event]:
        """Show all runs as one tree."""
        del argument
        run_set = self.store.run_set()
        return [TreeShown(run_set, run_set.tree.find(self.run.digest))]

    def diff(self, argument: str) -> list[Event]:
        """Compare the present run with another."""
        if not argument:
            raise UsageError("Against which run? diff NUMBER, or diff NAME; load lists them.")
        names = (self.store.label or "this run", f"run {argument}" if argument.isdigit() else argument)
        return [RunsCompared(self.run, self.store.view(argument), names)]

    def fork(self, number: int, turn: int) -> list[Event]:
        """Begin a sibling of a stored run at a turn and play it; the present run is unchanged."""
        run, notes = self.store.fork(f"{number}", turn)
        self.run = run
        return [*(Message(note) for note in notes), *self.opening()]

    def transcript(self, argument: str) -> list[Event]:
        """Show the run so far."""
        del argument
        return [ViewRequested("transcript", self.run)]

    def help(self, argument: str) -> list[Event]:
        """List the commands."""
        del argument
        rows = "\n".join(f"  {usage:<13} {COMMANDS[usage.split()[0]].help}" for usage in USAGES)
        heading = "Type the number of a choice, its id, or some of its words. These cost no layer:"
        return [Message(f"{heading}\n\n{rows}")]

    def quit(self, argument: str) -> list[Event]:
        """Leave; every choice is stored already."""
        del argument
        return [self.quit_event()]

    def quit_event(self) -> Quit:
        """Return the last event of a session: where the run is stored, and how to resume it."""
        label = self.store.label
        if label is None and not self.run.at:
            return Quit("Nothing was chosen, so no run was begun.")
        return Quit(f"Kept as {label}. To go on:\n{self.store.resume_command}" if label else "Left as it was kept.")

    def _saved_as(self) -> str:
        return f" as {self.store.label}" if self.store.label else ""


class Command(NamedTuple):
    """A command: its usage, its line in the help, and the method that carries it out."""

    usage: str
    help: str
    run: Callable[[Session, str], list[Event]]

    @property
    def takes_argument(self) -> bool:
        """Whether an argument can follow the command."""
        return " " in self.usage


def _turn_count(argument: str, minimum: int = 1) -> int:
    """Return the number after a command, 1 where there is none; raises ``UsageError`` where it is not a number of turns."""
    if not argument:
        return 1
    if not (argument.isascii() and argument.isdigit()) or len(argument) > 6 or int(argument) < minimum:  # noqa: PLR2004 - digits
        raise UsageError(f"Expected a number of turns, found “{argument[:20]}”.")
    return int(argument)


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
ALIASES = {"exit": "quit", "q": "quit", "?": "help"}  # as other programs call these commands
ENDING_COMMANDS = ("undo", "restart", "tree", "quit")  # the commands that front ends name at an ending
ENDING_COMMANDS_TEXT = f"{', '.join(ENDING_COMMANDS[:-1])} or {ENDING_COMMANDS[-1]}"
