"""What is lost or wrong in a text as it stands in a file, though it can be read: each is told, and what to write instead."""

from __future__ import annotations

import re

from forward_pass.loading.report import Report
from forward_pass.loading.yaml_tree import Node

INVISIBLE = {
    "\u00ad": "a soft hyphen",
    "\u200b": "a zero-width space",
    "\u2060": "a word joiner",
    "\u180e": "a vowel separator",
}
INVISIBLE_CHARACTERS = re.compile(f"[{''.join(INVISIBLE)}]")
TODO = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
NOT_SHOWN = re.compile(r"\{[^{}|:]*[:}]|\\.|(?<![\w*])\*(?=\S)[^*]+(?<=\S)\*(?!\w)|\*(?=\S)[^*]+(?<=\S)\*")
"""The heads of braces, escaped marks and emphasis: what is left of a text has no star in it that is meant as a mark."""
JOINED = re.compile(r"(?<![ \t])(?P<blank>[ \t]+)\}(?=\w)")
BLANK_LINE = re.compile(r"\n[ \t]*\n")


def check_text(report: Report, node: Node) -> None:
    """Report what of a text would be lost, or shown otherwise than it was meant."""
    if not isinstance(node.value, str):
        return
    if node.comment:
        message = f"the text ends before {node.comment[:30]!r}: a number sign begins a comment; put the text in quotes"
        report.add(node, "W107", message)
    if node.style != "|" and BLANK_LINE.search(node.raw.rstrip()):
        how = "under >" if node.style == ">" else "in a text without a block"
        report.add(node, "W108", f"{how} blank lines part no paragraphs; write `|` and the text below it")
    locate = node.locator()
    for match in TODO.finditer(node.value):
        report.add(locate(match.start()), "W109", f"{match[0]} is in a text that is shown")
    for match in INVISIBLE_CHARACTERS.finditer(node.value):
        report.add(
            locate(match.start()), "W110", f"{INVISIBLE[match[0]]} (U+{ord(match[0]):04X}) is in this text and cannot be seen"
        )
    for match in JOINED.finditer(node.value):
        message = "the blank before } is dropped, so that words are joined: put it behind the brace"
        report.add(locate(match.start("blank")), "W112", message)
    shown = NOT_SHOWN.sub(lambda match: " " * len(match[0]), node.value)
    if "*" in shown:
        place = locate(shown.index("*"))
        report.add(place, "W113", "a * that is not one of two around words is shown as it is; write \\* if it is meant")
