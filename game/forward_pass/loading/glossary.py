"""What stands in the folders beside a world's own files: its glossary and its hints."""

from __future__ import annotations

from collections.abc import Mapping

from forward_pass.loading.fields import Entry, keyed, known_name, known_names, line, several
from forward_pass.loading.report import Report
from forward_pass.story.nodes import Term

TERM_KEYS = ("claim", "text", "source", "also", "see", "measured")
CLAIMS = ("measured", "true", "invented")
HINT_STEPS = ("a nudge", "something clearer", "the solution")


def read_glossary(report: Report, entries: Mapping[str, Entry]) -> tuple[Term, ...]:
    """Return the terms in the order in which they are written."""
    terms = tuple(_term(report, entry, entries) for entry in entries.values())
    named: dict[str, str] = {}
    for term, entry in zip(terms, entries.values(), strict=True):
        for name in (term.name, *term.also):
            if name.casefold() in named:
                report.add(entry.key, "E207", f"{name!r} is already a name of the term {named[name.casefold()]!r}")
            named[name.casefold()] = term.name
    return terms


def _term(report: Report, entry: Entry, entries: Mapping[str, Entry]) -> Term:
    name = entry.name
    keys = keyed(report, entry, f"the term {name!r}", TERM_KEYS, ("claim", "text"))
    claim = known_name(report, keys["claim"], "claim", CLAIMS, "E203") if "claim" in keys else ""
    text = line(report, keys["text"], "text") if "text" in keys else ""
    source = line(report, keys["source"], "source") if "source" in keys else ""
    if claim == "true" and not source:
        report.add(entry.key, "E202", f"the term {name!r} has the claim 'true' and needs the key 'source'")
    also = tuple(row.value.strip() for row in several(report, keys.get("also"), "also"))
    see = tuple(known_names(report, keys.get("see"), "term", entries, what_list="see"))
    measured = tuple(row.value.strip() for row in several(report, keys.get("measured"), "measured"))
    return Term(name, claim, text, source, also, see, measured, entry.key.place)


def read_hints(report: Report, hints: Mapping[str, Entry], endings: Mapping[str, Entry]) -> dict[str, tuple[str, ...]]:
    """Return by ending the steps of its hint; a world that has any has them for all, or is warned."""
    read: dict[str, tuple[str, ...]] = {}
    for ending, entry in hints.items():
        if ending not in endings:
            report.add(entry.key, "E301", f"unknown ending {ending!r}{report.near(ending, endings)}")
        rows = entry.value.value if isinstance(entry.value.value, list) else []
        if len(rows) != len(HINT_STEPS):
            message = f"the hint for {ending!r} must be a list of {len(HINT_STEPS)} texts: {', '.join(HINT_STEPS)}"
            report.add(entry.key, "E203", message)
        read[ending] = tuple(line(report, row, f"the hint for {ending!r}") for row in rows)
    for ending, entry in endings.items():
        if read and ending not in read:
            report.add(entry.key, "W308", f"the world has hints, but none for the ending {ending!r}")
    return read
