"""What is wrong where YAML cannot be parsed: the line at fault, its cause, and what to write, in an author's words.

The parser's message says where it gave up, which is often a line late and never says why. Here the lines up to that place are
looked at, the nearest first, for the mistakes that authors make: a text that begins with a mark of YAML, words behind a closing
quote, no colon, no blank after one, an indent of tabs or no-break spaces or one too deep.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

LINES_BEFORE = 3  # the place where a parser gives up, that are looked at for its cause
KEY = r"(?P<indent>[ ]*)(?P<dash>(?:- +)*)(?:(?P<key>[A-Za-z_][\w-]*):[ ]+)?"
VALUE = re.compile(KEY + r"(?P<value>\S.*)?$")
MARKS = "*&{[%@`!>|?-"
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"")
AFTER_QUOTE = re.compile(r"\s*(?:[,}\]]|:(?:\s|$)|#|$)")
NO_BREAK = re.compile("[ ]*(?P<mark>[\u00a0\u2007\u202f\u3000\t])")
NO_BLANK = re.compile(r"[ ]*(?:- +)*(?P<key>[a-z][\w-]*):(?P<rest>[^\s:/].*)$")
BARE = re.compile(r"[ ]*(?P<words>[A-Za-z][\w-]*(?: .*)?)$")
BLOCK_AT_END = re.compile(r":\s+[|>][+-]?\d?[+-]?\s*(?:#.*)?$")
CLOSED = re.compile(r"(?<=[\s{\[,:])(?:'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\")")
OPEN = re.compile(r"(?:^\s*(?:- +)*|[:{\[,]\s+|[{\[])(?P<quote>['\"])")
OPEN_KEY = re.compile(r"\s*(?:- +)*(?:'[\w-]+:[^']*|\"[\w-]+:[^\"]*)$")
KEY_LINE = re.compile(r"\s*(?:- +)*['\"]?[A-Za-z_0-9][\w-]*['\"]?:(?:\s|$)")
NO_BREAK_AFTER_COLON = re.compile("[ ]*(?P<key>[A-Za-z][\\w-]*):(?P<mark>[\u00a0\u2007\u202f\u3000])")
TEXT_BEGINS = ("|", ">", "|-", ">-", "|+", ">+")
BLOCK = re.compile(r"[|>][+-]?\d?[+-]?\s*(?:#.*)?$")


class Fault(NamedTuple):
    """A place, line and column from 0, and what to do there."""

    line: int
    column: int
    message: str


def cause(text: str, line: int, begun: int | None) -> Fault | None:
    """Return the cause of a fault that a parser found in a line, from 0; None where it is not known.

    ``begun`` is the line in which a quote was opened that is never closed, None where there is none.
    """
    lines = text.split("\n")
    if begun is not None:
        at = max(lines[begun].find("'"), lines[begun].find('"'))
        quotes = [index for index in (lines[begun].find("'"), lines[begun].find('"')) if index >= 0]
        return Fault(
            begun, min(quotes, default=at), "this quote is never closed; or put the text in a block (key: |) without it"
        )
    for look_above in (_open_quote, _odd_blank):
        fault = look_above(lines, min(line, len(lines) - 1))
        if fault is not None:
            return fault
    for at in _nearest(line, len(lines)):
        for look in LOOKS:
            fault = look(lines, at)
            if fault is not None:
                return fault
    for look in (_stray_dash, _shallow_text, _unlike_its_sisters):
        fault = look(lines, min(line, len(lines) - 1))
        if fault is not None:
            return fault
    return None


def _outside_blocks(lines: list[str], last: int) -> Iterator[int]:
    """Yield the lines up to the ``last`` that are YAML: not empty, no comment, and not in a text below a ``|`` or ``>``."""
    depth: int | None = None  # of the key whose text is passed by
    for at in range(last + 1):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            continue
        if depth is not None and _depth(lines[at]) > depth:
            continue
        depth = _depth(lines[at]) if BLOCK_AT_END.search(lines[at]) else None
        yield at


def _open_quote(lines: list[str], last: int) -> Fault | None:
    """Return the fault of a quote that is not closed in its line, where a key follows in the next."""
    for at in _outside_blocks(lines, last):
        rest = CLOSED.sub(lambda match: "x" * len(match[0]), lines[at])
        match = OPEN.search(rest)
        below = next((line for line in lines[at + 1 :] if line.strip()), "")
        follows = KEY_LINE.match(below) and _depth(below) <= _depth(lines[at]) + 2
        if match and (follows or OPEN_KEY.match(lines[at])):
            return Fault(
                at, match.start("quote"), "this quote is not closed in its line; or put the text in a block (key: |) without it"
            )
    return None


def _odd_blank(lines: list[str], last: int) -> Fault | None:
    """Return the fault of an indent of tabs or no-break spaces, or of a no-break space after a colon."""
    for at in _outside_blocks(lines, last):
        fault = _indent(lines, at)
        match = NO_BREAK_AFTER_COLON.match(lines[at])
        if fault is None and match:
            name = f"U+{ord(match['mark']):04X}, which is no plain space"
            fault = Fault(at, match.start("mark"), f"after the colon of `{match['key']}:` stands {name}; write a plain space")
        if fault is not None:
            return fault
    return None


def _stray_dash(lines: list[str], at: int) -> Fault | None:
    """Return the fault of a key that begins as an item of a list does, where another key follows as its sister."""
    if not KEY_LINE.match(lines[at]) or lines[at].lstrip().startswith("-"):
        return None
    for above in range(at - 1, -1, -1):
        if lines[above].strip() and _depth(lines[above]) <= _depth(lines[at]):
            if not lines[above].lstrip().startswith("- ") or _depth(lines[above]) < _depth(lines[at]):
                return None
            key = lines[at].strip().partition(":")[0]
            return Fault(
                above, _depth(lines[above]), f"this line begins with a dash, and its sister `{key}` does not: leave it out"
            )
    return None


def _shallow_text(lines: list[str], at: int) -> Fault | None:
    """Return the fault of a line that belongs to a text below a ``|``, and is indented less than the text's first line."""
    for above in range(at - 1, -1, -1):
        if lines[above].strip() and _depth(lines[above]) < _depth(lines[at]):
            first = next((below for below in range(above + 1, at) if lines[below].strip()), None)
            if not BLOCK_AT_END.search(lines[above]) or first is None or _depth(lines[first]) <= _depth(lines[at]):
                return None
            return Fault(
                first,
                _depth(lines[first]),
                f"the first line of a text is indented more than line {at + 1} of it: indent them alike",
            )
    return None


def _unlike_its_sisters(lines: list[str], at: int) -> Fault | None:
    """Return the fault of a line that is indented unlike the first line below the same key."""
    depth = _depth(lines[at])
    known = [above for above in _outside_blocks(lines, at) if above < at]
    parent = next((above for above in reversed(known) if _depth(lines[above]) < depth), None)
    first = next((above for above in known if parent is not None and above > parent), None)
    if parent is None or first is None or _depth(lines[first]) == depth:
        return None
    name, other = lines[parent].split(":")[0].strip(), lines[first].split(":")[0].strip()
    return Fault(
        at,
        depth,
        f"this line is indented by {depth}, but `{other}` in line {first + 1}, the first below `{name}` in line {parent + 1}, "
        f"by {_depth(lines[first])}: what stands below one key is indented alike",
    )


def _nearest(line: int, count: int) -> Iterator[int]:
    """Yield the line in which the parser gave up, then those above it."""
    yield from (at for at in range(min(line, count - 1), max(line - LINES_BEFORE, -1), -1))


def _indent(lines: list[str], at: int) -> Fault | None:
    match = NO_BREAK.match(lines[at])
    if not match or match.end() > len(lines[at]) - len(lines[at].lstrip()):
        return None
    name = "a tab" if match["mark"] == "\t" else f"U+{ord(match['mark']):04X}, which is no plain space"
    return Fault(at, match.start("mark"), f"this line is indented with {name}; indent with plain spaces")


def _quote(lines: list[str], at: int) -> Fault | None:
    """Return the fault of a text that begins with a quote and goes on behind the closing one."""
    match = VALUE.match(lines[at])
    value = match["value"] if match else None
    if not match or not value or value[0] not in "'\"":
        return None
    quoted = QUOTED.match(value)
    if quoted and AFTER_QUOTE.match(value, quoted.end()):
        return None
    key = match["key"] or "text"
    return Fault(at, match.start("value"), f"this text begins with a quote: put it in a block ({key}: | and the text below)")


def _mark(lines: list[str], at: int) -> Fault | None:
    """Return the fault of a text that begins with a mark that means something else in YAML."""
    match = VALUE.match(lines[at])
    value = match["value"] if match else None
    if not match or not match["key"] or not value or value[0] not in MARKS or BLOCK.match(value):
        return None
    closing = {"{": "}", "[": "]"}.get(value[0], "")
    if closing and value.rstrip().endswith(closing):
        return None
    if closing and closing not in value:
        return Fault(
            at, match.start("value"), f"this {value[0]} is never closed with {closing}; a text that begins so needs quotes"
        )
    if value[0] in "?-" and not value[1:2].isspace():
        return None
    advice = f"needs quotes, or a block ({match['key']}: | and the text below)"
    return Fault(at, match.start("value"), f"a text that begins with {value[0]} {advice}")


def _no_blank(lines: list[str], at: int) -> Fault | None:
    match = NO_BLANK.match(lines[at])
    if not match or match["rest"][0] in "'\"":
        return None
    return Fault(at, match.end("key"), f"a blank is missing after the colon: {match['key']}: {match['rest'][:40]}")


def _no_colon(lines: list[str], at: int) -> Fault | None:
    """Return the fault of a line without a colon that stands where a key should."""
    match = BARE.match(lines[at])
    if not match or ":" in match["words"]:
        return None
    before = next((lines[above] for above in range(at - 1, -1, -1) if lines[above].strip()), "")
    after = next((lines[below] for below in range(at + 1, len(lines)) if lines[below].strip()), "")
    key_follows = VALUE.match(after) is not None and ":" in after and _depth(after) >= _depth(lines[at])
    if before.rstrip().endswith(TEXT_BEGINS) and _depth(lines[at]) > _depth(before):
        return None  # the first line of a text
    if before.rstrip().endswith(":") and _depth(lines[at]) > _depth(before) and not key_follows:
        return None  # a value on a line of its own
    first, _, rest = match["words"].partition(" ")
    return Fault(at, match.start("words"), f"no colon: `{first}:{' ' if rest else ''}{rest[:40]}`")


def _too_deep(lines: list[str], at: int) -> Fault | None:
    """Return the fault of a key that stands deeper than the one above it, which has a value already."""
    match = VALUE.match(lines[at])
    before = next((above for above in range(at - 1, -1, -1) if lines[above].strip()), None)
    if not match or not match["key"] or before is None:
        return None
    above = VALUE.match(lines[before])
    if not above or not above["key"] or not above["value"] or BLOCK.match(above["value"]):
        return None
    if _depth(lines[at]) <= _depth(lines[before]):
        return None
    return Fault(at, len(match["indent"]), f"this line is indented more than `{above['key']}` above it, which has its value")


def _not_below(lines: list[str], at: int) -> Fault | None:
    """Return the fault of a key that is indented less than its sisters and more than what they belong to."""
    match = VALUE.match(lines[at])
    if not match or not match["key"]:
        return None
    depths = []
    for above in range(at - 1, -1, -1):
        if lines[above].strip() and not lines[above].lstrip().startswith("#"):
            depths.append(_depth(lines[above]))
            if depths[-1] < _depth(lines[at]):
                break
    if depths and _depth(lines[at]) not in depths and max(depths, default=0) > _depth(lines[at]):
        return Fault(at, len(match["indent"]), "this line stands under no key above it: indent it as its sisters are")
    return None


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


LOOKS: tuple[Callable[[list[str], int], Fault | None], ...] = (
    _indent,
    _quote,
    _mark,
    _no_blank,
    _too_deep,
    _no_colon,
    _not_below,
)
"""What is looked for in a line, in this order."""
