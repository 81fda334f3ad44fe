"""What a line of typed input means, decided once: for playing it, for the mark at the prompt, and for what stays on screen.

In this order: the number of an open offer (``1`` or ``1.``), a choice's id, a command, or a part of the words of exactly one
open choice.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias
from unicodedata import normalize

from forward_pass.errors import ForwardPassError, NoRunError, did_you_mean, without_controls
from forward_pass.session.commands import COMMANDS, ENDING_COMMANDS_TEXT, Command, command_called
from forward_pass.session.events import Event, Rejected
from forward_pass.session.session import Session
from forward_pass.story.nodes import Scene

MAX_INPUT = 500  # characters of typed input that are read
MAX_NUMBER_DIGITS = 6
MAX_QUOTED = 40


class Choose(NamedTuple):
    """A choice is to be taken; ``number`` is its number among the open offers, 0 where it is not open."""

    choice: str
    number: int


class RunCommand(NamedTuple):
    """A command is to be carried out."""

    command: Command
    argument: str


class Ambiguous(NamedTuple):
    """The input fits several open choices, given by their numbers."""

    numbers: tuple[int, ...]


class Unknown(NamedTuple):
    """The input means nothing here, and why."""

    reason: str


Meaning: TypeAlias = Choose | RunCommand | Ambiguous | Unknown


def interpret(session: Session, typed: str) -> Meaning:
    """Return what a line of input means in the present scene."""
    words = normalize("NFC", typed[:MAX_INPUT].strip())  # some keyboards give *é* as two characters
    scene = session.world.scene(session.run.state.scene)
    if not words and isinstance(scene.node, Scene) and scene.node.goes_on:
        return _numbered(session, "1")
    if not words:
        return Unknown("Type the number of a choice, some of its words, or help.")
    digits = words.removesuffix(".")  # as offers are numbered
    if digits.isascii() and digits.isdigit():
        return _numbered(session, digits[:MAX_NUMBER_DIGITS])
    if words in scene.by_id:
        return _choose(session, scene.by_id[words].id)
    first, *rest = words.split(maxsplit=1)
    command = command_called(first)
    if command and (not rest or command.takes_argument):
        return RunCommand(command, rest[0] if rest else "")
    return _matching(session, words, f"{first} stands alone, with nothing after it." if command else "")


def _choose(session: Session, choice: str) -> Choose:
    ids = [offer.id for offer in session.open_offers]
    return Choose(choice, ids.index(choice) + 1 if choice in ids else 0)


def _numbered(session: Session, digits: str) -> Meaning:
    ids = [offer.id for offer in session.open_offers]
    if 1 <= int(digits) <= len(ids):
        return Choose(ids[int(digits) - 1], int(digits))
    if session.at_ending:
        return Unknown(f"There is no choice {digits} here; the run has ended: {ENDING_COMMANDS_TEXT}.")
    if len(ids) == 1:
        return Unknown(f"There is no choice {digits} here; there is only 1.")
    return Unknown(f"There is no choice {digits} here{f'; they go from 1 to {len(ids)}' if ids else ''}.")


def _matching(session: Session, words: str, otherwise: str) -> Meaning:
    """Return the one open choice whose words contain ``words``; where none does, the reason is ``otherwise``, if given."""
    choices = session.choice_texts()
    numbers = tuple(
        number for number, (_, say) in enumerate(choices, 1) if words.casefold() in normalize("NFC", say).casefold()
    )
    if len(numbers) == 1:
        return Choose(choices[numbers[0] - 1][0], numbers[0])
    if numbers:
        return Ambiguous(numbers)
    if otherwise:
        return Unknown(otherwise)
    shown = without_controls(words, MAX_QUOTED)
    guess = did_you_mean(words.split(maxsplit=1)[0].lower(), [*COMMANDS, *(choice for choice, _ in choices)])
    return Unknown(f"Nothing here is called “{shown}”{guess}. Type help for what can be typed.")


def answer(session: Session, typed: str) -> list[Event]:
    """Carry out one line of input and return its events; an error is an event too."""
    before = session.before_input() if session.before_input else []
    if before and not typed.strip():
        return before
    return [*before, *_answer(session, typed)]


def _answer(session: Session, typed: str) -> list[Event]:
    try:
        match interpret(session, typed):
            case Choose(choice):
                return session.choose(choice)
            case RunCommand(command, _) if not command.is_for(session.world):
                return [Rejected(f"{session.world.title} is a story without a pass: {command.name} has nothing to show.")]
            case RunCommand(command, argument):
                return command.run(session, argument)
            case Ambiguous(numbers):
                return [Rejected(f"That could be any of {', '.join(map(str, numbers))}: type a number, or more of the words.")]
            case Unknown(reason):
                return [Rejected(reason)]
    except NoRunError as error:
        others = "; load lists them" if error.has_runs else ", and none is kept"
        return [Rejected(f"No run is called {error.reference}{others}.")]
    except ForwardPassError as error:
        return [Rejected(f"{error}")]
