"""What a world declares before anything happens in it: single keys, variables, bands and thresholds."""

from __future__ import annotations

import re

from forward_pass.loading.fields import Entry, keyed, line, parsed, several, truth, whole
from forward_pass.loading.model_names import ModelNames
from forward_pass.loading.report import Report
from forward_pass.loading.symbols import Symbols
from forward_pass.loading.yaml_tree import Node
from forward_pass.story.grammar import MAX_NUMBER, MEASURED, parse_threshold
from forward_pass.story.nodes import Threshold, Variable

BAND_KEYS = ("from", "to")
NUMBER_KEYS = ("from", "to", "start")
WRITTEN_QUANTITIES = ("p",)
MAX_WORDS = 50  # of an enumeration
MAX_LETTERS = 300  # of all its words: they stand in the cache of a world as often as they are shown
WORD = re.compile(r"[A-Za-z][A-Za-z ]{0,39}")


def single_number(report: Report, symbols: Symbols, key: str, least: int, most: int, default: int = 0) -> int:  # noqa: PLR0913, PLR0917
    """Return the number under a single key; ``default`` where there is none."""
    entry = symbols.singles.get(key)
    number = whole(report, entry.value, least, most) if entry else None
    return default if number is None else number


def single_text(report: Report, symbols: Symbols, key: str) -> str:
    """Return the text under a single key, in one line; empty where there is none."""
    entry = symbols.singles.get(key)
    return line(report, entry.value, key) if entry else ""


def read_variable(report: Report, index: int, entry: Entry) -> Variable:
    """Return a variable: ``true``/``false``, a list of words, or ``{from, to, start}``."""
    node, name, place = entry.value, entry.name, entry.key.place
    if isinstance(node.value, list):
        words = _enumeration(report, node, name)
        return Variable(place, name, index, 0, max(len(words) - 1, 0), 0, words=words)
    if isinstance(node.value, str) and node.style is None and re.fullmatch(r"-?[0-9]{1,9}", node.value):
        most = max(int(node.value), 9)
        report.add(node, "E203", f"a number is declared with its bounds: {{from: 0, to: {most}, start: {node.value}}}")
        return Variable(place, name, index, -MAX_NUMBER, MAX_NUMBER, 0)
    if isinstance(node.value, str):
        return Variable(place, name, index, 0, 1, int(truth(report, node)), flag=True)
    keys = keyed(report, entry, f"the variable {name!r}", NUMBER_KEYS, ("from", "to"))
    least, most = -MAX_NUMBER, MAX_NUMBER
    least = _number(report, keys.get("from"), least, most, least)
    most = _number(report, keys.get("to"), least, most, most)
    return Variable(place, name, index, least, most, _number(report, keys.get("start"), least, most, least))


def _number(report: Report, node: Node | None, least: int, most: int, default: int) -> int:
    number = whole(report, node, least, most) if node else None
    return default if number is None else number


def _enumeration(report: Report, node: Node, name: str) -> tuple[str, ...]:
    """Return the words of a list; the first that cannot be one of them is reported."""
    items = several(report, node, f"the variable {name!r}")
    first = {item.value: item for item in reversed(items)}
    wrong = next((item for item in items if first[item.value] is not item or not WORD.fullmatch(item.value)), None)
    if wrong is not None or not 1 < len(node.value) <= MAX_WORDS:
        message = f"the variable {name!r} needs 2 to {MAX_WORDS} different words, of letters and spaces"
        report.add(wrong or node, "E203", message)
    words = tuple(dict.fromkeys(item.value for item in items))[:MAX_WORDS]
    if sum(map(len, words)) > MAX_LETTERS:
        report.add(node, "E203", f"the words of the variable {name!r} have more than {MAX_LETTERS} letters in total")
        return words[:1]
    return words


def read_band(report: Report, name: str, entry: Entry, least: int, most: int) -> tuple[int, int]:
    """Return the first and the last layer of a band, each one at which something chosen can begin."""
    keys = keyed(report, entry, f"the band {name!r}", BAND_KEYS, BAND_KEYS)
    first = _number(report, keys.get("from"), least, most, 0) or least
    return first, _number(report, keys.get("to"), first, most, 0) or first


def read_threshold(report: Report, name: str, entry: Entry, model: ModelNames | None, *, has_model: bool) -> Threshold:
    """Return a threshold, its word or probe compared with what the model has."""
    quantities = MEASURED if has_model else WRITTEN_QUANTITIES
    comparison = parsed(report, entry.value, lambda text: parse_threshold(text, quantities))
    if comparison is None:
        return Threshold(entry.key.place, name, "p", "", ">", 0.0)
    if model:
        is_probe = comparison.quantity == "probe"
        known = model.probes if is_probe else model.vocabulary
        if comparison.word not in known:
            what = "one of the model's probes" if is_probe else "in the model's vocabulary"
            report.add(entry.value, "E504", f"{comparison.word!r} is not {what}{report.near(comparison.word, known)}")
    return Threshold(entry.key.place, name, *comparison)
