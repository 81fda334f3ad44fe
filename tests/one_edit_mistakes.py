"""The one-edit mistakes of an author, made at every line of a small world: what an edit is called, and the line it makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

KEY = re.compile(r"( *)(\w[\w-]*)(:.*)")
VALUE = re.compile(r": (?=\w)")


class Mistake(NamedTuple):
    """A world with one line of it, counted from 1, written wrongly."""

    kind: str
    line: int
    text: str


def mistakes(text: str) -> Iterator[Mistake]:
    """Yield a world with each mistake at each line."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        for kind, written in _edits(line):
            if written != line:
                yield Mistake(kind, number, "\n".join([*lines[: number - 1], written, *lines[number:]]))


def _edits(line: str) -> Iterator[tuple[str, str]]:
    if not line.strip():
        return
    indent = line[: len(line) - len(line.lstrip())]
    yield "indented less", line[2:] if indent else line
    yield "indented more", f"  {line}"
    yield "indented by one more", f" {line}"
    yield "indented by a tab", f"\t{line.lstrip()}" if indent else line
    yield "indented by no-break spaces", line.replace("  ", "\u00a0\u00a0", 1)
    yield "a dash before it", f"{indent}- {line.lstrip()}"
    yield "commented out", f"{indent}# {line.lstrip()}"
    yield "written twice", f"{line}\n{line}"
    yield "a comma behind it", f"{line},"
    yield "a semicolon behind it", f"{line};"
    yield from _edits_of_marks(line)
    yield from _edits_of_values(line)


def _edits_of_marks(line: str) -> Iterator[tuple[str, str]]:
    yield "no colon", line.replace(":", "", 1)
    yield "no blank after the colon", line.replace(": ", ":", 1)
    yield "a no-break space after the colon", line.replace(": ", ":\u00a0", 1)
    yield "two colons", line.replace(":", "::", 1)
    yield "an equals sign for a colon", line.replace(":", " =", 1)
    yield "a brace not closed", line.replace("}", "", 1)
    yield "a brace not opened", line.replace("{", "", 1)
    yield "a bracket not closed", line.replace("]", "", 1)
    yield "no mark of a block", line.replace(": |", ":")
    yield "a folded block", line.replace(": |", ": >")
    yield "one equals sign in a condition", line.replace("==", "=")
    yield "an exclamation mark for not", line.replace("not ", "! ")
    yield "yes for true", re.sub("true|false", "yes", line)
    match = KEY.match(line)
    if match:
        before, key, rest = match.groups()
        yield "a key misspelt", f"{before}{key[:-1]}x{rest}"
        yield "a key with a capital", f"{before}{key.capitalize()}{rest}"
        yield "a key without a value", f"{before}{key}:"
        yield "a quote opened at a key", f'{before}"{key}{rest}'


def _edits_of_values(line: str) -> Iterator[tuple[str, str]]:
    for mark, name in (
        ("*", "a star"),
        ("&", "an ampersand"),
        ("%", "a per cent sign"),
        ("@", "an at sign"),
        ("`", "a backtick"),
    ):
        yield f"{name} first", VALUE.sub(f": {mark}", line, count=1)
    for mark, name in (("[", "a bracket"), ("{", "a brace"), ('"', "a quote"), ("'", "an apostrophe")):
        yield f"{name} first", VALUE.sub(f": {mark}", line, count=1)
    yield "a word in quotes first", re.sub(r": (\w+) ", r': "\1" ', line, count=1)
    yield "curly quotes", re.sub(r": (\w.*)", r": “\1”", line)
    yield "a colon in the text", f"{line}: so" if line.endswith(".") else line
    yield "a number sign in the text", re.sub(r" (\w+)\.$", r" #\1.", line)
    yield "a goto misspelt", re.sub(r"goto: (\w+)", r"goto: \1s", line)
    yield "a name misspelt", re.sub(r"(?<=[ {])coins(?=[ }])", "conis", line)
