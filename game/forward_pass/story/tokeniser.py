"""Words in, words out: the tokeniser shared by the prompt, the corpus and the machine.

It is word-level and closed: a token is a role mark (`Q:` `A:` `Note:`), an initial (`D.`), a word, a number, one of
`. ? ,`, a new line, or one of the two marks of a document (`<doc>`, `<end>`). It knows no vocabulary and no ids (those
belong to the weights) and imports nothing but the standard library.
"""

import re
from collections.abc import Iterable

DOC = "<doc>"
END = "<end>"
NEWLINE = "\n"
ROLES = ("Q:", "A:", "Note:")

_TOKEN = re.compile(r"<doc>|<end>|Q:|A:|Note:|[A-Z]\.(?= [A-Z])|[A-Za-z]+|\d+|[.?,]|\n")
CLINGS = frozenset((".", "?", ",", NEWLINE))
"""Tokens that follow the one before without a space."""


def tokenise(text: str) -> tuple[str, ...]:
    """Return the tokens of `text`, in order; spaces separate tokens and are dropped.

    A capital letter with a full stop is one token (`D.`) when another capital follows, as in a name.
    Raises `ValueError`, with the place, at the first character that belongs to no token.
    """
    tokens: list[str] = []
    at = 0
    for match in _TOKEN.finditer(text):
        _refuse_anything_but_spaces(text, at, match.start())
        tokens.append(match.group())
        at = match.end()
    _refuse_anything_but_spaces(text, at, len(text))
    return tuple(tokens)


def join(tokens: Iterable[str]) -> str:
    """Return the text that `tokens` make, typed as a person would: no space before a stop or at the start of a line.

    For text that `tokenise` accepts and that holds single spaces only, `join(tokenise(text)) == text`.
    """
    text = ""
    for token in tokens:
        opens_line = not text or text.endswith((NEWLINE, DOC))
        text += token if opens_line or token in CLINGS else " " + token
    return text


def _refuse_anything_but_spaces(text: str, start: int, end: int) -> None:
    for place in range(start, end):
        if text[place] != " ":
            message = f"no token begins with {text[place]!r} (character {place + 1})"
            raise ValueError(message)
