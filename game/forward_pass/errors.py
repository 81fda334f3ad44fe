"""What goes wrong, as data: a problem has a place, a code and a sentence. Knows nothing of worlds, runs or screens."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One fault in a file that a person wrote: where it stands (line and column from 1), a stable code, what to do."""

    file: str
    line: int
    column: int
    code: str
    message: str
    severity: str = "error"

    def __str__(self) -> str:
        return printable(f"{self.file}:{self.line}:{self.column}: {self.code} {self.message}")


def printable(text: str) -> str:
    """Return a text in which what would act on a terminal, or cannot be seen, is written out."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


class ForwardPassError(Exception):
    """The family of errors whose message is meant for a person; ``cli`` turns each into an exit code."""

    def __str__(self) -> str:
        """Return the message; a stranger's file name or id may stand in it, and may not act on a terminal."""
        return printable(super().__str__())


class WorldError(ForwardPassError):
    """A world that cannot be played; carries every problem that was found, in the order of the files."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        """Return the problems, a line each."""
        return "\n".join(map(str, self.problems))


class NotOfferedError(ForwardPassError):
    """A choice that is not open here and now; the state it was tried on is as it was."""


class RunError(ForwardPassError):
    """A file of a run that cannot be read, found or written; the file is as it was."""


class NoRunError(RunError):
    """A run that is not there, under the name or number that was asked for; ``others`` says whether any is."""

    def __init__(self, message: str, asked: str, *, others: bool) -> None:
        super().__init__(message)
        self.asked = printable(asked)
        self.others = others


class UsageError(ForwardPassError):
    """A command line that cannot be carried out as it was typed."""


class Interrupted(BaseException):
    """A signal that ends the process; unwinds like Ctrl-C, so that terminals are restored and files closed."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def did_you_mean(word: str, known: list[str]) -> str:
    """Return `` (did you mean X?)`` for the known word most like ``word``, or nothing where none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - 3 ms that only a mistake should pay for

    close = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return suggestion(close[0]) if close else ""


def suggestion(word: str) -> str:
    """Return the hint that ``word`` was meant."""
    return f" (did you mean {word}?)"
