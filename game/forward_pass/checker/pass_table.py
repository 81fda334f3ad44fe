"""What the passes say that a check asks about: measured, kept in a table, and given to the engine through its port.

A pass has a row: the words that are likeliest and the probabilities of those that the world asks about. ``PassTable`` measures
what it does not have when it is asked for; ``KnownPasses`` raises instead, so that many passes can be measured together. The
table depends on the weights and on what of the world a pass depends on: a change of prose leaves it as it is.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from forward_pass.checker.partial_distribution import PartialDistribution
from forward_pass.checker.pass_batches import PassBatches
from forward_pass.checker.table_file import Reading, Row, read_table, write_table
from forward_pass.errors import ForwardPassError
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.paths import cache_folder
from forward_pass.network.passes import ComputedPass
from forward_pass.story.distribution import Distribution, greedy
from forward_pass.story.nodes import OTHERWISE
from forward_pass.story.ports import PassPort
from forward_pass.story.state import PassKey
from forward_pass.story.world import World

TABLE_FILE = "decodings.json"
MIN_PROBABILITY = 1e-4  # a word less likely than this is not explored


class Missing(NamedTuple):
    """A pass that has yet to be measured, or a reading of one of its layers."""

    key: PassKey
    reading: Reading | None = None


class NotMeasuredError(ForwardPassError):
    """What was asked for is not in the table."""

    def __init__(self, missing: Missing) -> None:
        super().__init__("not measured yet")
        self.missing = missing


class TablePort(ABC):
    """A ``PassPort`` over rows and readings."""

    @abstractmethod
    def row(self, key: PassKey) -> Row:
        """Return what a pass says."""

    @abstractmethod
    def reading(self, reading: Reading) -> float:
        """Return the value of a reading."""

    def distribution(self, key: PassKey) -> Distribution:
        """Return what a pass says of the words that the world asks about; 0.0 for any other."""
        row = self.row(key)
        return PartialDistribution(lambda word: row.probabilities.get(word, 0.0), row.word)

    def lens(self, key: PassKey, layer: int) -> Distribution:
        """Return what the lens says of single words after a layer."""
        return PartialDistribution(lambda word: self.reading(Reading("lens", word, layer, key)))

    def probe(self, key: PassKey, layer: int, name: str) -> float:
        """Return the score of a probe after a layer."""
        return self.reading(Reading("probe", name, layer, key))


class PassTable(TablePort):
    """The table of a world's passes; at most ``most`` of a model's are measured together, and any that is asked for alone."""

    def __init__(self, world: World, source: PassPort, most: int) -> None:
        self.world = world
        self.source = source
        self.most = most
        self.is_computed = world.model is not None
        self.rows: dict[PassKey, Row] = {}
        self.readings: dict[Reading, float] = {}
        self.used: set[PassKey] = set()
        self.measured = 0  # passes
        self._words = _words_asked(world)
        self._layered = [(threshold.quantity, threshold.word) for threshold in world.thresholds if threshold.quantity != "p"]

    def row(self, key: PassKey) -> Row:
        """Return what a pass says, measured now if it was not yet."""
        if key not in self.rows:
            if self.is_computed:
                self._measure([key], [Missing(key)])
            else:
                self.rows[key] = self._row(key, self.source.distribution(key))
        self.used.add(key)
        return self.rows[key]

    def reading(self, reading: Reading) -> float:
        """Return the value of a reading, measured now if it was not yet."""
        if reading not in self.readings:
            if self.is_computed:
                self._measure([reading.key], [Missing(reading.key, reading)])
            else:  # a written pass has one answer at every layer
                self.readings[reading] = self.source.lens(reading.key, reading.layer).p(reading.name)
        return self.readings[reading]

    def is_known(self, missing: Missing) -> bool:
        """Return whether the table has by now what was missing."""
        return missing.key in self.rows and (missing.reading is None or missing.reading in self.readings)

    # -- measuring ----------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many more passes may be measured together."""
        return max(self.most - self.measured, 0)

    def measure(self, missing: Collection[Missing]) -> None:
        """Measure passes together, as many as there is room for."""
        keys = list(dict.fromkeys(one.key for one in missing))
        self._measure(keys[: self.room], missing)

    def _measure(self, keys: Collection[PassKey], missing: Iterable[Missing]) -> None:
        layers: dict[PassKey, set[int]] = {}
        for key, reading in missing:
            layers.setdefault(key, {self.world.boundary}).update({reading.layer} if reading else ())
        before = len(self.rows)
        for key, result in self._batches.results(keys):
            self.rows[key] = self._row(key, self._batches.distribution(result))
            for layer in layers[key]:
                for quantity, name in self._layered:
                    value = self._batches.reading(result, quantity, name, layer)
                    self.readings[Reading(quantity, name, layer, key)] = value
        self.measured += len(self.rows) - before

    @cached_property
    def _batches(self) -> PassBatches:
        assert isinstance(self.source, ComputedPass)  # noqa: S101 - only a model's passes are measured
        return PassBatches(self.source)

    def _row(self, key: PassKey, distribution: Distribution) -> Row:
        logits, words = distribution.logits, distribution.words
        first = greedy(logits)
        others = [index for index in range(len(logits)) if index != first]
        second = max(others, key=lambda index: (logits[index], -index)) if others else first
        margin = logits[first] - logits[second] if others else float("inf")
        wanted = words if not self.is_computed else self._words_wanted(key, distribution, words[first], words[second])
        probabilities = {word: distribution.p(word) for word in dict.fromkeys(wanted)}
        return Row(words[first], words[second], margin, dict(sorted(probabilities.items(), key=lambda item: -item[1])))

    def _words_wanted(self, key: PassKey, distribution: Distribution, *likeliest: str) -> Iterable[str]:
        """Return the words whose probabilities a row has: those asked about, and the likeliest that leads to ``otherwise``."""
        asked, named = self._words_at(key)
        unnamed = [word for word, _ in distribution.likeliest(len(named) + 1) if word not in named]
        return (*likeliest, *sorted(asked), *unnamed[:1])

    def _words_at(self, key: PassKey) -> _WordsAsked:
        return self._words[len(key.words)] if len(key.words) < len(self._words) else _WordsAsked(frozenset(), frozenset())

    def possible_words(self, key: PassKey) -> list[str]:
        """Return the words that a pass may draw: those that are likely enough, and of a model's only one that has no name."""
        named = self._words_at(key).named
        likely = [word for word, probability in self.row(key).probabilities.items() if probability >= MIN_PROBABILITY]
        unnamed = [word for word in likely if word not in named]
        followed = {*named, *(unnamed[:1] if self.is_computed else unnamed)}
        return [word for word in likely if word in followed]

    # -- files --------------------------------------------------------------------------------------------------------

    def read_table(self, *, shipped_only: bool = False) -> int:
        """Read the rows in the world's folder and, unless told not to, in the user's cache; return how many there are."""
        if self.is_computed:
            paths = (self.world.folder / TABLE_FILE, self._cache_path)
            with gc_paused():
                for path in paths[:1] if shipped_only else paths:
                    rows, readings = read_table(path, self.digest)
                    self.rows |= rows
                    self.readings |= readings
        return len(self.rows)

    def write_table(self) -> None:
        """Write all rows into the user's cache, if any was measured."""
        if self.is_computed and self.measured:
            write_table(self._cache_path, self.digest, self.rows, self.readings)

    def write_beside_world(self) -> None:
        """Write the rows that were used into the world's folder."""
        if self.is_computed:
            used = {key: row for key, row in self.rows.items() if key in self.used}
            write_table(self.world.folder / TABLE_FILE, self.digest, used, self.readings)

    @property
    def _cache_path(self) -> Path:
        return cache_folder() / "decodings" / f"{self.digest}.json"

    @cached_property
    def digest(self) -> str:
        """What rows depend on, as 32 hexadecimal digits: the weights, the prompt, the interventions, the words asked about."""
        world = self.world
        acts = [(act.name, repr(act.intervention)) for act in world.story.acts]
        words = [(sorted(asked), sorted(named)) for asked, named in self._words]
        content = json.dumps([world.weights, world.prompt, world.boundary, acts, words, self._layered])
        return sha256(content.encode()).hexdigest()[:32]


class KnownPasses(TablePort):
    """The passes of a table; raises ``NotMeasuredError`` for one that has yet to be measured."""

    def __init__(self, table: PassTable) -> None:
        self.table = table

    @classmethod
    def shipped(cls, world: World, source: PassPort) -> KnownPasses:
        """Return the passes in the table that ships beside a world: half a second for twenty thousand."""
        table = PassTable(world, source, 0)
        table.read_table(shipped_only=True)
        return cls(table)

    def row(self, key: PassKey) -> Row:
        """Return what a pass says."""
        if self.table.is_computed and key not in self.table.rows:
            raise NotMeasuredError(Missing(key))
        return self.table.row(key)

    def reading(self, reading: Reading) -> float:
        """Return the value of a reading."""
        if self.table.is_computed and reading not in self.table.readings:
            raise NotMeasuredError(Missing(reading.key, reading))
        return self.table.reading(reading)


class _WordsAsked(NamedTuple):
    """The words at the end of a token that a world asks about, and those of them that it answers by name."""

    asked: frozenset[str]
    named: frozenset[str]


def _words_asked(world: World) -> list[_WordsAsked]:
    """Return what each token asks about, in the order of the tokens."""
    thresholds = {threshold.word for threshold in world.thresholds if threshold.quantity == "p"}
    named = [frozenset(arrival.word for arrival in token.arrivals) - {OTHERWISE} for token in world.story.tokens]
    return [_WordsAsked(words | thresholds, words) for words in named]
