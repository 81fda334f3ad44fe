"""What a world declares before anything happens in it: prompt, variables, bands, thresholds, continuations, as plain values.

Holds words and names against the model, where there is one. Each is read by itself: no scene and no condition is known here.
"""

from __future__ import annotations

import re

from forward_pass.loading.fields import Entry
from forward_pass.loading.interventions import InterventionLoader
from forward_pass.loading.yaml_tree import Node, Source
from forward_pass.story.expressions import MAX_NUMBER, Tree, Variable, parse_threshold
from forward_pass.story.tokeniser import DOC, tokenise

PAIR_KEYS = ("Q", "A")
BAND_KEYS = ("from", "to")
NUMBER_KEYS = ("from", "to", "start")
QUANTITIES = ("p",)  # what a written pass has
MEASURED = ("p", "lens", "probe")  # what a model has besides
MOST_WORDS = 50  # of an enumeration
MOST_LETTERS = 300  # of all its words: they stand in what is kept of a world as often as it is shown
LONGEST_PROMPT = 20_000  # characters; a pass looks at every word of it from every word
LONGEST_PASSAGE = 300  # characters of a continuation
WORD = re.compile(r"[A-Za-z][A-Za-z ]{0,39}")


class DeclarationLoader(InterventionLoader):
    """Reads the single keys of a world, and whatever it declares besides spans and acts."""

    def single_number(self, key: str, least: int, most: int, otherwise: int = 0) -> int:
        """Return the number that a single key has, or what holds where it is not there or was reported."""
        entry = self.singles.get(key)
        number = self.whole(entry.source, entry.node, least, most) if entry else None
        return otherwise if number is None else number

    def single_text(self, key: str) -> str:
        """Return the text that a single key has, in one line; nothing where it is not there or was reported."""
        entry = self.singles.get(key)
        return " ".join(self.string(entry.source, entry.node, key).split()) if entry else ""

    def prompt(self) -> list[str]:
        """Return the tokens of the prompt (text, or a list of pairs of ``Q`` and ``A``), the document's mark first; or none."""
        entry = self.singles.get("prompt")
        if entry is None:
            return []
        if isinstance(entry.node.value, list):
            text = self.pairs(entry, "prompt")
        else:
            text = self.typed(entry.source, entry.node, "prompt").strip()
        text = self.short(entry, "prompt", text, LONGEST_PROMPT)
        return [DOC, *tokenise(text)] if text else []

    def short(self, entry: Entry, what: str, text: str, longest: int) -> str:
        """Return a text, or nothing, having said so, where it is longer than a pass can be asked to read."""
        if len(text) <= longest:
            return text
        message = f"{what} has {len(text)} characters; at most {longest} are allowed"
        self.problems.append(entry.source.at(entry.node, "E203", message))
        return ""

    def pairs(self, entry: Entry, what: str) -> str:
        """Return pairs of ``Q`` and ``A`` as they are typed, an empty line between two; nothing where one cannot be read."""
        pairs = []
        for item in entry.node.value:
            keys = self.keyed(Entry(entry.source, item, item), f"a pair of the {what}", PAIR_KEYS, PAIR_KEYS)
            said = [self.typed(entry.source, keys[key], key) if key in keys else "" for key in PAIR_KEYS]
            pairs.append("\n".join(f"{key}: {' '.join(text.split())}" for key, text in zip(PAIR_KEYS, said, strict=True)))
            if not all(said):
                return ""
        if not pairs:
            self.problems.append(entry.source.at(entry.node, "E203", f"{what} is empty"))
        return "\n\n".join(pairs)

    def typed(self, source: Source, node: Node, what: str) -> str:
        """Return a text that the tokeniser reads whole, or nothing, having said where it cannot."""
        text = self.string(source, node, what)
        try:
            tokenise(text)
        except ValueError as error:
            offset = int(str(error).rpartition(" ")[2].rstrip(")")) - 1  # it ends in "(character N)"
            self.problems.append(source.inside(node, offset, "E304", f"{what}: {error}"))
            return ""
        return text

    def continuation(self, name: str, entry: Entry) -> str:
        """Return a passage that could follow what was said: text, or pairs as in a prompt, which begin after an empty line."""
        if isinstance(entry.node.value, list):
            pairs = self.pairs(entry, f"continuation {name!r}")
            text = f"\n\n{pairs}" if pairs else ""
        else:
            text = self.typed(entry.source, entry.node, f"continuation {name!r}")
        text = self.short(entry, f"continuation {name!r}", text, LONGEST_PASSAGE)
        if self.net is None and "model" in self.singles:
            return text  # why it cannot be read was said where it is named
        if self.net is None:
            message = f"the continuation {name!r} needs a model, and this world has none"
            self.problems.append(entry.source.at(entry.key_node, "E304", message))
            return text
        lost = [word for word in dict.fromkeys(tokenise(text)) if word not in self.net.vocabulary]
        if lost:
            message = f"not in the model's vocabulary: {', '.join(map(repr, lost[:10]))}"
            self.problems.append(entry.source.at(entry.node, "E504", message))
        return text

    def variable(self, index: int, entry: Entry) -> Variable:
        """Return a variable: ``true``/``false``, a list of words, or ``{from, to, start}``."""
        source, node, name = entry.source, entry.node, entry.key_node.value
        if isinstance(node.value, list):
            words = self.enumeration(source, node, name)
            return Variable(name, index, 0, max(len(words) - 1, 0), 0, words=words)
        if isinstance(node.value, str):
            return Variable(name, index, 0, 1, int(self.truth(source, node)), flag=True)
        keys = self.keyed(entry, f"the variable {name!r}", NUMBER_KEYS, ("from", "to"))
        bounds = [-MAX_NUMBER, MAX_NUMBER]
        for bound, key in enumerate(("from", "to")):
            number = self.whole(source, keys[key], *bounds) if key in keys else None
            bounds[bound] = bounds[bound] if number is None else number
        start = self.whole(source, keys["start"], *bounds) if "start" in keys else None
        return Variable(name, index, bounds[0], bounds[1], bounds[0] if start is None else start)

    def enumeration(self, source: Source, node: Node, name: str) -> tuple[str, ...]:
        """Return the words of a list, having reported the first that cannot be one of them."""
        items = self.several(source, node, f"the variable {name!r}")
        first = {item.value: item for item in reversed(items)}
        wrong = next((item for item in items if first[item.value] is not item or not WORD.fullmatch(item.value)), None)
        if wrong is not None or not 1 < len(node.value) <= MOST_WORDS:
            message = f"the variable {name!r} needs 2 to {MOST_WORDS} different words, of letters and spaces"
            self.problems.append(source.at(wrong or node, "E203", message))
        words = tuple(dict.fromkeys(item.value for item in items))[:MOST_WORDS]
        if sum(map(len, words)) > MOST_LETTERS:
            message = f"the words of the variable {name!r} have more than {MOST_LETTERS} letters in total"
            self.problems.append(source.at(node, "E203", message))
            return words[:1]
        return words

    def band(self, name: str, entry: Entry, least: int, most: int) -> tuple[int, int]:
        """Return the first and the last layer of a band, each one at which something chosen can begin."""
        keys = self.keyed(entry, f"the band {name!r}", BAND_KEYS, BAND_KEYS)
        first = (self.whole(entry.source, keys["from"], least, most) if "from" in keys else None) or least
        return first, (self.whole(entry.source, keys["to"], first, most) if "to" in keys else None) or first

    def threshold(self, name: str, entry: Entry) -> Tree:
        """Return ``[name, quantity, word or probe, comparison, bound]`` of a threshold."""
        net = self.net
        row = self.parsed(entry.source, entry.node, parse_threshold, MEASURED if "model" in self.singles else QUANTITIES)
        if row is None:
            return [name, "p", "", ">", 0.0]
        known = (net.probes if row[0] == "probe" else net.vocabulary) if net else (row[1],)
        if row[1] not in known:
            what = "one of the model's probes" if row[0] == "probe" else "in the model's vocabulary"
            message = f"{row[1]!r} is not {what}{self.near(row[1], known)}"
            self.problems.append(entry.source.at(entry.node, "E504", message))
        return [name, *row]
