"""The prompt of a world, the spans that are named in it, and the passages that could follow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from forward_pass.loading.fields import Entry, keyed, string, whole
from forward_pass.loading.model_names import ModelNames, missing_words
from forward_pass.loading.report import Report
from forward_pass.loading.yaml_tree import Node
from forward_pass.story.tokeniser import DOC, tokenise

PAIR_KEYS = ("Q", "A")
SPAN_KEYS = ("pair", "word", "token", "to")
PAIR_MARKS = ("Q:", "Note:")
SEPARATOR = "\x1f"
MAX_PROMPT = 20_000  # characters; a pass looks at every word of it from every word
MAX_CONTINUATION = 300  # characters


def read_prompt(report: Report, entry: Entry | None) -> tuple[str, ...]:
    """Return the tokens of the prompt (text, or a list of pairs of ``Q`` and ``A``), the document's mark first; or none."""
    if entry is None:
        return ()
    if isinstance(entry.value.value, list):
        text = _pairs(report, entry.value, "prompt")
    else:
        text = _tokenisable(report, entry.value, "prompt").strip()
    text = _bounded(report, entry.value, "prompt", text, MAX_PROMPT)
    return (DOC, *tokenise(text)) if text else ()


def read_continuations(
    report: Report, entries: Mapping[str, Entry], model: ModelNames | None, *, has_model: bool
) -> dict[str, str]:
    """Return the passages that could follow what was said, by name."""
    return {name: _continuation(report, name, entry, model, has_model=has_model) for name, entry in entries.items()}


def _continuation(report: Report, name: str, entry: Entry, model: ModelNames | None, *, has_model: bool) -> str:
    """Return a passage: text, or pairs as in a prompt, which begin after an empty line."""
    what = f"continuation {name!r}"
    if isinstance(entry.value.value, list):
        pairs = _pairs(report, entry.value, what)
        text = f"\n\n{pairs}" if pairs else ""
    else:
        text = _tokenisable(report, entry.value, what)
    text = _bounded(report, entry.value, what, text, MAX_CONTINUATION)
    if not has_model:
        report.add(entry.key, "E304", f"the {what} needs a model, and this world has none")
    missing = missing_words(model, tokenise(text))
    if missing:
        report.add(entry.value, "E504", f"not in the model's vocabulary: {missing}")
    return text


def _bounded(report: Report, node: Node, what: str, text: str, longest: int) -> str:
    """Return a text, or nothing where it is longer than a pass can be asked to read."""
    if len(text) <= longest:
        return text
    report.add(node, "E203", f"{what} has {len(text)} characters; at most {longest} are allowed")
    return ""


def _pairs(report: Report, node: Node, what: str) -> str:
    """Return pairs of ``Q`` and ``A`` as they are typed, an empty line between two; nothing where one cannot be read."""
    pairs = []
    for item in node.value:
        keys = keyed(report, Entry(item, item), f"a pair of the {what}", PAIR_KEYS, PAIR_KEYS)
        texts = [_tokenisable(report, keys[key], key) if key in keys else "" for key in PAIR_KEYS]
        pairs.append("\n".join(f"{key}: {' '.join(text.split())}" for key, text in zip(PAIR_KEYS, texts, strict=True)))
        if not all(texts):
            return ""
    if not pairs:
        report.add(node, "E203", f"{what} is empty")
    return "\n\n".join(pairs)


def _tokenisable(report: Report, node: Node, what: str) -> str:
    """Return a text that the tokeniser reads whole, or nothing where it cannot."""
    text = string(report, node, what)
    try:
        tokenise(text)
    except ValueError as error:
        offset = int(str(error).rpartition(" ")[2].rstrip(")")) - 1  # it ends in "(character N)"
        report.add(node.locator()(offset), "E304", f"{what}: {error}")
        return ""
    return text


# -- spans ------------------------------------------------------------------------------------------------------------


class _PromptIndex(NamedTuple):
    """The prompt, so that its spans are found soon however many there are: where its pairs begin, and its words backwards."""

    words: Sequence[str]
    pairs: list[int]
    backwards: str
    last: int  # the number of tokens, those of the story included


def read_spans(report: Report, entries: Mapping[str, Entry], prompt: Sequence[str], tokens: int) -> dict[str, tuple[int, int]]:
    """Return the spans by name: the first position, counted from 0, and the one after the last."""
    pairs = [at for at, word in enumerate(prompt) if word in PAIR_MARKS]
    index = _PromptIndex(prompt, pairs, _backwards(prompt), len(prompt) + tokens)
    return {name: _span(report, name, entry, index) for name, entry in entries.items()}


def _backwards(words: Sequence[str]) -> str:
    """Return words from the last to the first, between separators that no word holds."""
    return "".join(f"{SEPARATOR}{word}" for word in reversed(words)) + SEPARATOR


def _span(report: Report, name: str, entry: Entry, index: _PromptIndex) -> tuple[int, int]:
    keys = keyed(report, entry, f"the span {name!r}", SPAN_KEYS)
    chosen = [key for key in ("pair", "word", "token") if key in keys]
    if len(chosen) != 1:
        report.add(entry.key, "E502", f"the span {name!r} must have exactly one of 'pair', 'word', 'token'")
        return 0, 1
    if chosen == ["word"]:
        return _word_span(report, keys["word"], index)
    most = len(index.pairs) if chosen == ["pair"] else index.last
    first = whole(report, keys[chosen[0]], 1, max(most, 1)) or 1
    last = (whole(report, keys["to"], first, max(most, first)) if "to" in keys else None) or first
    if chosen == ["token"]:
        return first - 1, last
    if not index.pairs:
        return 0, 1
    return index.pairs[first - 1], index.pairs[last] if last < len(index.pairs) else len(index.words) - 1


def _word_span(report: Report, node: Node, index: _PromptIndex) -> tuple[int, int]:
    """Return the span of the last place in the prompt where a word, or words, stand."""
    try:
        words = tokenise(string(report, node, "word"))
    except ValueError as error:
        report.add(node, "E502", str(error))
        return 0, 1
    found = index.backwards.find(_backwards(words)) if words else -1
    if found >= 0:
        stop = len(index.words) - index.backwards.count(SEPARATOR, 0, found)
        return stop - len(words), stop
    report.add(node, "E502", f"the prompt does not contain {node.value!r}{report.near(node.value, index.words)}")
    return 0, 1
