"""Spans of the document, and the interventions that are declared on them, read to plain rows. Runs nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from forward_pass.loading.fields import Entry
from forward_pass.loading.paths import CALIBRATION
from forward_pass.loading.symbols import SymbolCollector
from forward_pass.loading.yaml_tree import Node, Source
from forward_pass.network.weights import WeightsError, parse_weights
from forward_pass.story.expressions import Tree
from forward_pass.story.tokeniser import tokenise

SPAN_KEYS = ("pair", "word", "token", "to")
PAIR_MARKS = ("Q:", "Note:")
MARK = "\x1f"
KINDS = {
    "look": ("by",),
    "push": ("by",),
    "note": ("carrier", "ink"),
    "rewrite": ("as",),
    "bend": ("by",),
    "drop": (),
}
"""The kinds of intervention, and what each needs to be told besides."""

OPTIONAL = ("ink",)
VERBS = {"look": "looked at", "rewrite": "rewritten"}
MOST_BIAS = 100.0
MOST_STRENGTH = 10.0


class PromptIndex(NamedTuple):
    """The prompt, so that its spans are found soon however many there are: where its pairs begin, and its words backwards."""

    pairs: list[int]
    backwards: str


def index_prompt(prompt: list[str]) -> PromptIndex:
    """Return the prompt as its spans are looked for in it."""
    return PromptIndex([at for at, word in enumerate(prompt) if word in PAIR_MARKS], _backwards(prompt))


def _backwards(words: Sequence[str]) -> str:
    """Return words from the last to the first, between marks that no word holds."""
    return "".join(f"{MARK}{word}" for word in reversed(words)) + MARK


class ModelNames(NamedTuple):
    """The model that a world names: its file, its checksum, and what it has names for."""

    file: str
    checksum: str
    vocabulary: frozenset[str]
    directions: tuple[str, ...]
    probes: tuple[str, ...]


class InterventionLoader(SymbolCollector):
    """Reads the model that a world names, its spans and its acts."""

    beside: dict[str, bytes]  # the world's files that hold no text, by name
    net: ModelNames | None = None
    acts: dict[str, Tree]
    spans: dict[str, list[int]]
    laid: PromptIndex
    first: int  # the position of the first token

    def model(self, prompt: list[str]) -> ModelNames | None:
        """Return what the world's model has names for, or None where its words are written."""
        entry = self.singles.get("model")
        if entry is None:
            return None
        file = self.string(entry.source, entry.node, "model")
        if not file:
            return None
        if Path(file).name != file or not file.endswith(".fpw"):
            self.problems.append(entry.source.at(entry.node, "E501", "the model must be a .fpw file in the world's own folder"))
            return None
        try:
            weights = parse_weights(self.beside[file])
        except KeyError:
            self.problems.append(entry.source.at(entry.node, "E501", f"{file!r} is not in the world's folder"))
            return None
        except WeightsError as error:
            self.problems.append(entry.source.at(entry.node, "E501", f"the model cannot be read: {error}"))
            return None
        self.calibrated(entry, weights.checksum)
        metadata = weights.metadata
        lost = [word for word in dict.fromkeys(prompt) if word not in metadata.vocabulary]
        if lost:
            message = f"the prompt has words that are not in the model's vocabulary: {', '.join(map(repr, lost[:10]))}"
            self.problems.append(entry.source.at(entry.node, "E504", message))
        vocabulary = frozenset(metadata.vocabulary)
        return ModelNames(file, weights.checksum, vocabulary, tuple(metadata.directions), tuple(metadata.probes))

    def calibrated(self, entry: Entry, checksum: str) -> None:
        """Warn where a calibration stands beside the weights that was not measured on them, or that cannot be read."""
        content = self.beside.get(CALIBRATION)
        if content is None:
            return
        try:
            measured = json.loads(content)["weights"]
        except (ValueError, KeyError, TypeError, RecursionError):
            what = f"{CALIBRATION} cannot be read, or does not say which weights it was measured on"
        else:
            if measured == checksum:
                return
            what = f"{CALIBRATION} was measured on other weights ({str(measured)[:16]}, these are {checksum[:16]})"
        message = f"{what}: its numbers do not apply to this model; measure again"
        self.problems.append(entry.source.at(entry.node, "W507", message)._replace(severity="warning"))

    def span(self, name: str, entry: Entry, prompt: list[str]) -> list[int]:
        """Return the first position of a span, counted from 0, and the one after its last."""
        keys = self.keyed(entry, f"the span {name!r}", SPAN_KEYS)
        chosen = [key for key in ("pair", "word", "token") if key in keys]
        if len(chosen) != 1:
            message = f"the span {name!r} must have exactly one of 'pair', 'word', 'token'"
            self.problems.append(entry.source.at(entry.key_node, "E502", message))
            return [0, 1]
        kind = chosen[0]
        if kind == "word":
            return self.word_span(entry, keys["word"], prompt)
        starts = self.laid.pairs
        most = len(starts) if kind == "pair" else len(prompt) + len(self.sections["tokens"])
        first = self.whole(entry.source, keys[kind], 1, max(most, 1)) or 1
        last = (self.whole(entry.source, keys["to"], first, max(most, first)) if "to" in keys else None) or first
        if kind == "token":
            return [first - 1, last]
        if not starts:
            return [0, 1]
        return [starts[first - 1], starts[last] if last < len(starts) else len(prompt) - 1]

    def word_span(self, entry: Entry, node: Node, prompt: list[str]) -> list[int]:
        """Return the span of the last place in the prompt where a word, or words, stand."""
        try:
            words = tokenise(self.string(entry.source, node, "word"))
        except ValueError as error:
            self.problems.append(entry.source.at(node, "E502", str(error)))
            return [0, 1]
        found = self.laid.backwards.find(_backwards(words)) if words else -1
        if found >= 0:
            stop = len(prompt) - self.laid.backwards.count(MARK, 0, found)
            return [stop - len(words), stop]
        self.problems.append(
            entry.source.at(node, "E502", f"the prompt does not contain {node.value!r}{self.near(node.value, prompt)}")
        )
        return [0, 1]

    def act(self, name: str, entry: Entry, spans: dict[str, list[int]]) -> Tree:
        """Return ``[name, whether it lasts, about, kind, what it was told]`` of an intervention."""
        told_keys = sorted({key for keys in KINDS.values() for key in keys})
        keys = self.keyed(entry, f"the act {name!r}", ("about", "lasts", *KINDS, *told_keys), ("about",))
        lasts = self.truth(entry.source, keys["lasts"]) if "lasts" in keys else False
        about = self.string(entry.source, keys["about"], "about") if "about" in keys else ""
        kinds = [kind for kind in KINDS if kind in keys]
        if not kinds and self.net is None:
            return [name, lasts, about, "written", {}]
        if len(kinds) != 1:
            message = f"the act {name!r} must have exactly one of {', '.join(map(repr, KINDS))}"
            self.problems.append(entry.source.at(entry.key_node, "E503", message))
            return [name, lasts, about, "written", {}]
        kind = kinds[0]
        for key in told_keys:
            if key in keys and key not in KINDS[kind]:
                self.problems.append(entry.source.at(keys[key], "E503", f"{kind!r} does not accept {key!r}"))
            if key in KINDS[kind] and key not in keys and key not in OPTIONAL:
                self.problems.append(entry.source.at(entry.key_node, "E202", f"the act {name!r} needs the key {key!r}"))
                return [name, lasts, about, "written", {}]
        return [name, lasts, about, kind, self.told(kind, entry, keys, spans)]

    def told(self, kind: str, entry: Entry, keys: dict[str, Node], spans: dict[str, list[int]]) -> dict[str, Any]:
        """Return what an intervention of a kind is told, its words and names held against the model."""
        source = entry.source
        match kind:
            case "look":
                bias = self.decimal(source, keys["by"], -MOST_BIAS, MOST_BIAS)
                return {"span": self.name(source, keys["look"], "span", spans), "by": bias}
            case "push":
                strength = self.decimal(source, keys["by"], -MOST_STRENGTH, MOST_STRENGTH)
                known = self.net.directions if self.net else (keys["push"].value,)
                return {"direction": self.name(source, keys["push"], "direction", known), "by": strength}
            case "note":
                return self.note(entry, keys)
            case "rewrite":
                word = self.word_of_model(source, keys["as"])
                return {"span": self.name(source, keys["rewrite"], "span", spans), "as": word}
            case "bend":
                share = self.decimal(source, keys["by"], 0, 1)
                return {"word": self.word_of_model(source, keys["bend"]), "by": share}
        return {}

    def note(self, entry: Entry, keys: dict[str, Node]) -> dict[str, Any]:
        """Return the words of a note, which of them carries it, and its ink."""
        try:
            words = tokenise(self.string(entry.source, keys["note"], "note"))
        except ValueError as error:
            self.problems.append(entry.source.at(keys["note"], "E503", str(error)))
            words = ()
        carrier = self.string(entry.source, keys["carrier"], "carrier")
        if carrier not in words:
            message = f"the carrier must be a word of the note: {', '.join(map(repr, words))}"
            self.problems.append(entry.source.at(keys["carrier"], "E503", message))
            return {"words": [], "carrier": 0, "ink": 1.0}
        for word in dict.fromkeys(words):
            if self.net and word not in self.net.vocabulary:
                self.problems.append(entry.source.at(keys["note"], "E504", f"{word!r} is not in the model's vocabulary"))
        ink = self.decimal(entry.source, keys["ink"], 0, 1) if "ink" in keys else 1.0
        return {"words": list(words), "carrier": words.index(carrier), "ink": ink}

    def word_of_model(self, source: Source, node: Node) -> str:
        """Return a word that the model must have, if there is one."""
        word = self.string(source, node, "word")
        self.can_be_said(source, [node] if word else [])
        return word

    def can_be_said(self, source: Source, words: list[Node]) -> None:
        """Report the words that the world's model does not have."""
        for node in words:
            if self.net and node.value not in self.net.vocabulary:
                message = f"{node.value!r} is not in the model's vocabulary{self.near(node.value, self.net.vocabulary)}"
                self.problems.append(source.at(node, "E504", message))

    def causal(self, source: Source, node: Node | None, token: int) -> None:
        """Report an act that names positions which the pass of a token has not reached: a mask forbids it.

        ``token`` is the position of the scene's token, 0 where it may be met at any; then the first is what counts.
        """
        position = token or self.first
        for name in [] if node is None else self.several(source, node, "act"):
            act = self.acts.get(name.value)
            if act is None or "span" not in act[-1]:
                continue
            kind, (start, stop) = act[-2], self.spans.get(act[-1]["span"], [0, 0])
            reached = position - 1 if kind == "rewrite" else position
            if stop > reached:
                where = f"position {stop}" if stop == start + 1 else f"positions {start + 1} to {stop}"
                allowed = f"at token {position} only positions up to {reached} can be {VERBS[kind]}"
                message = f"the act {name.value!r} covers {where}, but {allowed}"
                self.problems.append(source.at(name, "E506", message))
