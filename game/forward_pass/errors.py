"""Problems and exceptions: a problem has a place, a code and a message. Must not know worlds, runs or screens."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

SEVERITIES = {"E": "error", "W": "warning", "I": "info"}
"""The severity of a problem, by the first letter of its code."""


class Place(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One fault in a file written by hand: its place (line and column count from 1), a stable code, and what to do."""

    file: str
    line: int
    column: int
    code: str
    message: str
    severity: str = "error"

    @classmethod
    def at(cls, place: Place, code: str, message: str) -> Problem:
        """Return a problem at a place, as severe as its code says."""
        return cls(*place, code, message, SEVERITIES[code[0]])

    def __str__(self) -> str:
        return printable(f"{self.file}:{self.line}:{self.column}: {self.code} {self.message}")


def printable(text: str) -> str:
    """Return a text with its control and invisible characters escaped, so that it cannot act on a terminal."""
    return escaped(text, lambda character: ascii(character)[1:-1])


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """Return a text with what cannot be printed replaced by ``escape`` of it, so that it cannot act on a terminal."""
    return text if text.isprintable() else "".join(one if one.isprintable() else escape(one) for one in text)


def without_controls(text: str, longest: int | None = None) -> str:
    """Return the beginning of a text without the characters that cannot be printed."""
    return escaped(text[:longest], lambda _: "")


class ForwardPassError(Exception):
    """Base of all errors whose message is meant for the user; ``cli`` turns each into an exit code.

    ``code`` says in one word what kind of error it is, for programs that play.
    """

    code = "refused"

    def __str__(self) -> str:
        """Return the message, escaped: it may quote a file name or an id from an untrusted file."""
        return printable(super().__str__())


class WorldError(ForwardPassError):
    """A world that cannot be played; ``problems`` has every problem found, in the order of the files."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        """Return the problems, one a line."""
        return "\n".join(map(str, self.problems))


class NotOfferedError(ForwardPassError):
    """A choice that is not open in the present state, which is unchanged. ``code``: ``unknown``, ``closed`` or ``ended``."""

    def __init__(self, message: str, code: str = "unknown") -> None:
        super().__init__(message)
        self.code = code


class RunError(ForwardPassError):
    """A run file that cannot be read, found or written; the file is unchanged."""

    code = "storage"


class NoRunError(RunError):
    """No run has the number or name in ``reference``; ``has_runs`` tells whether the world has any run."""

    code = "unknown"

    def __init__(self, message: str, reference: str, *, has_runs: bool) -> None:
        super().__init__(message)
        self.reference = printable(reference)
        self.has_runs = has_runs


class UsageError(ForwardPassError):
    """A command line, or a command in play, that cannot be carried out as typed."""


class RequestError(UsageError):
    """A request that is none, or not allowed. ``code``: ``malformed``, ``too-long``, ``forbidden`` or ``unknown``."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code
        self.request_id: str | int | None = None  # what the answer is to be called by, where that could be read


class Interrupted(BaseException):
    """A signal that ends the process; it unwinds as Ctrl-C does, so that terminals are restored and files closed."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def did_you_mean(word: str, known: list[str]) -> str:
    """Return `` (did you mean X?)`` for the known word closest to ``word``, or an empty text where none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - takes 3 ms, needed only after a mistake

    close = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return suggestion(close[0]) if close else ""


def suggestion(word: str) -> str:
    """Return the hint `` (did you mean X?)`` for ``word``."""
    return f" (did you mean {word}?)"
