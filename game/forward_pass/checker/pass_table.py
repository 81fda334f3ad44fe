"""What the passes that a walk can reach say: measured in batches, kept in a table, and given to the engine through its port.

A pass is known by its words and interventions. Its row holds the word that comes out at temperature 0 and the one after it,
and the chances of every word that the world asks about there. While somebody gathers passes, what is not in the table raises
``NotMeasuredError``, and they are measured together; otherwise a pass is measured when it is asked for. The table depends on
the weights and on what of the world a pass depends on, so that a change of prose leaves it as it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from hashlib import sha256
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import platformdirs

from forward_pass.errors import ForwardPassError
from forward_pass.loading.paths import APP
from forward_pass.story.distribution import Distribution, PassPort, greedy
from forward_pass.story.state import Act, Acts
from forward_pass.story.world import OTHERWISE, World

if TYPE_CHECKING:
    from forward_pass.network.model import Cache, PassRequest, PassResult
    from forward_pass.network.passes import ComputedPass

FORMAT = 1
TABLE_FILE = "decodings.json"
BATCH = 256
MOST_BYTES = 64 * 2**20  # of a table; a larger one is measured again
DIGITS_KEPT = 8
MOST_CACHES = 1024  # caches of earlier tokens that are kept: some 40 KB a word each
LEAST_SAID = 1e-300
LEAST = 1e-4  # a word less likely than this is not waited for

Key = tuple[tuple[str, ...], Acts]


class Row(NamedTuple):
    """What a pass says: its likeliest word, the one after it and by how many nats, and the chances that are asked for."""

    word: str
    second: str
    margin: float
    chances: dict[str, float]


class NotMeasuredError(ForwardPassError):
    """A pass, or a reading of one of its layers, that is not in the table yet."""

    def __init__(self, key: Key, reading: tuple[str, str, int] | None = None) -> None:
        super().__init__("not measured yet")
        self.key = key
        self.reading = reading


class _TableDistribution(Distribution):
    """A row as the engine asks for it: the chance of a word, and nothing else."""

    def __init__(self, row: Row) -> None:
        super().__init__((), ())
        self.row = row

    def p(self, word: str) -> float:
        """Return the chance of a word; 0.0 where the world does not ask for it."""
        return self.row.chances.get(word, 0.0)

    def likeliest(self, count: int) -> list[tuple[str, float]]:
        """Return the likeliest of the words that the world asks for."""
        return list(self.row.chances.items())[:count]

    def logprob(self, word: str) -> float:
        """Return the log-probability of a word; of one that the world does not ask for, that of the least there is."""
        return log(max(self.p(word), LEAST_SAID))


class PassTable:
    """The table, as a port to the pass; ``measure_waiting`` adds to it."""

    probes: tuple[str, ...] = ()

    def __init__(self, world: World, measure: PassPort, most: int) -> None:
        self.world = world
        self.measure = measure
        self.most = most
        self.source = measure.source
        self.rows: dict[Key, Row] = {}
        self.readings: dict[tuple[str, str, int, Key], float] = {}
        self.used: set[Key] = set()
        self.measured = 0
        self.gathers = False  # whether somebody walks who gathers what is not measured, and has it measured together
        self.limited = False
        self._caches: dict[Key, Cache] = {}
        self._asked = _asked_words(world)
        self._layered = [(one.quantity, one.word) for one in world.thresholds if one.quantity != "p"]

    def warm_up(self) -> None:
        """Nothing has to be read before it is asked for."""

    def row(self, words: tuple[str, ...], acts: Acts) -> Row:
        """Return what a pass says; raises ``NotMeasuredError`` where nobody knows yet."""
        key = (words, acts)
        row = self.rows.get(key)
        if row is None:
            row = self._measured(NotMeasuredError(key)) or self._written(key)
        self.used.add(key)
        return row

    def _measured(self, error: NotMeasuredError) -> Row | None:
        """Measure one pass at once, if nobody gathers them; None where there is no model to measure with."""
        if self.source != "model":
            return None
        if self.gathers:
            raise error
        self.measure_waiting([error], beyond=True)
        return self.rows[error.key]

    def _written(self, key: Key) -> Row:
        row = self.rows[key] = self._row(len(key[0]), self.measure.distribution(*key))
        return row

    def distribution(self, words: tuple[str, ...], acts: Acts) -> Distribution:
        """Return what a pass says, as far as the world asks about it."""
        return _TableDistribution(self.row(words, acts))

    def lens(self, words: tuple[str, ...], acts: Acts, layer: int) -> Distribution:
        """Return what can be read after a layer; only single words can be asked for."""
        return _Lens(self, (words, acts), layer)

    def probe(self, words: tuple[str, ...], acts: Acts, layer: int, name: str) -> float:
        """Return the score of a probe after a layer."""
        return self.reading("probe", name, layer, (words, acts))

    def prompt_prediction(self, position: int) -> Distribution:
        """Return a distribution of nothing: no rule of the machine asks what was expected of the prompt."""
        del position
        return Distribution((), ())

    def recompute_error(self, words: tuple[str, ...], acts: Acts, layer: int) -> float:
        """Return nothing: no rule of the machine asks for a pass to be run again."""
        del words, acts, layer
        return 0.0

    def attention(self, words: tuple[str, ...], acts: Acts, layer: int) -> list[float]:
        """Return nothing: no rule of the machine asks where heads look."""
        del words, acts, layer
        return []

    def reading(self, quantity: str, asked: str, layer: int, key: Key) -> float:
        """Return what was read after a layer; raises ``NotMeasuredError`` where nobody has read it yet."""
        known = self.readings.get((quantity, asked, layer, key))
        if known is not None:
            return known
        if self._measured(NotMeasuredError(key, (quantity, asked, layer))):
            return self.readings[quantity, asked, layer, key]
        value = self.measure.lens(*key, layer).p(asked)  # a written pass has one answer at every layer
        self.readings[quantity, asked, layer, key] = value
        return value

    # -- measuring ------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many more passes may be measured."""
        return max(self.most - self.measured, 0)

    def measure_waiting(self, waiting: Collection[NotMeasuredError], *, beyond: bool = False) -> None:
        """Measure the passes that were asked for in vain, together; those ``beyond`` the limit only where that is said."""
        keys = list(dict.fromkeys(error.key for error in waiting))
        if len(keys) > self.room and not beyond:
            self.limited = True
            keys = keys[: self.room]
        layers: dict[Key, set[int]] = {}
        for error in waiting:
            layers.setdefault(error.key, {self.world.boundary}).update({error.reading[2]} if error.reading else ())
        known = len(self.rows)
        for key, done in self._passed(keys):
            self.rows[key] = self._row(len(key[0]), self._distribution(done))
            for layer in layers[key]:
                for quantity, asked in self._layered:
                    self.readings[quantity, asked, layer, key] = self._read(done, quantity, asked, layer)
        self.measured += len(self.rows) - known

    @property
    def _computed(self) -> ComputedPass:
        from forward_pass.network.passes import ComputedPass  # noqa: PLC0415 - NumPy comes with the first pass

        assert isinstance(self.measure, ComputedPass)  # noqa: S101 - only a model's passes wait to be measured
        return self.measure

    def _distribution(self, done: PassResult) -> Distribution:
        return Distribution(self._computed.vocabulary, done.logits.tolist(), self._computed.ids)

    def _read(self, done: PassResult, quantity: str, asked: str, layer: int) -> float:
        from forward_pass.network.model import lens, probe  # noqa: PLC0415 - as above

        computed = self._computed
        if quantity == "probe":
            return probe(computed.weights, asked, layer, done.streams[layer])
        logits = lens(computed.weights, done.streams[layer])
        return Distribution(computed.vocabulary, logits.tolist(), computed.ids).p(asked)

    def _passed(self, keys: list[Key]) -> Iterable[tuple[Key, PassResult]]:
        """Yield the passes of keys, those over one history together, batch by batch."""
        from forward_pass.network.model import step_many  # noqa: PLC0415 - as above

        model = self._computed.base[0]
        ordered = sorted(keys, key=lambda key: (len(key[0]), key[0], key[1][:-1]))
        for at in range(0, len(ordered), BATCH):
            some = ordered[at : at + BATCH]
            if len(self._caches) > MOST_CACHES:
                self._caches.clear()
            self._recall([(key[0][:-1], key[1][:-1]) for key in some if key[0]])
            yield from zip(some, step_many(model, [self._job(key) for key in some]), strict=True)

    def _recall(self, histories: list[Key]) -> None:
        """See to it that the caches of earlier passes are at hand."""
        from forward_pass.network.model import step_many  # noqa: PLC0415 - as above

        unknown = [key for key in dict.fromkeys(histories) if key not in self._caches]
        if not unknown:
            return
        self._recall([(key[0][:-1], key[1][:-1]) for key in unknown if key[0]])
        done = step_many(self._computed.base[0], [self._job(key) for key in unknown])
        self._caches.update(zip(unknown, (one.cache for one in done), strict=True))

    def _job(self, key: Key) -> PassRequest:
        from forward_pass.network.model import PassRequest  # noqa: PLC0415 - as above

        words, acts = key
        computed = self._computed
        cache = self._caches[words[:-1], acts[:-1]] if words else computed.base[1]
        word = words[-1] if words else self.world.prompt[-1]
        return PassRequest(cache, computed.ids[word], tuple(computed.intervention(act) for act in acts[-1]))

    def _row(self, decoded: int, distribution: Distribution) -> Row:
        """Return the row of a distribution after so many words."""
        probabilities = distribution.probabilities
        first = greedy(distribution.logits)
        rest = [index for index in range(len(probabilities)) if index != first]
        second = max(rest, key=lambda index: (distribution.logits[index], -index)) if rest else first
        margin = distribution.logits[first] - distribution.logits[second] if rest else float("inf")
        asked, named = self._asked[decoded] if decoded < len(self._asked) else (frozenset(), frozenset())
        strange = next((word for word, _ in distribution.likeliest(len(named) + 1) if word not in named), None)
        words = distribution.words
        if self.source == "written":
            wanted = dict.fromkeys(words)
        else:
            wanted = dict.fromkeys((words[first], words[second], *sorted(asked), *([strange] if strange else [])))
        chances = {word: distribution.p(word) for word in wanted}
        return Row(words[first], words[second], margin, dict(sorted(chances.items(), key=lambda item: -item[1])))

    def possible_words(self, row: Row, decoded: int) -> list[str]:
        """Return the words that have to be waited for where words are drawn: those answered by name, and one besides."""
        asked, named = self._asked[decoded]
        del asked
        likely = [word for word, chance in row.chances.items() if chance >= LEAST]
        strange = [word for word in likely if word not in named]
        return [word for word in likely if word in named or word in strange[: None if self.source == "written" else 1]]

    # -- the table on disk ----------------------------------------------------------------------------------------

    def read_table(self) -> int:
        """Read the rows that were kept, in the world's folder or the user's cache; return how many there are."""
        if self.source != "model":
            return 0
        for path in (self.world.folder / TABLE_FILE, self._kept_path()):
            with suppress(OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
                if not path.is_file() or path.stat().st_size > MOST_BYTES:  # a pipe would be waited for
                    continue
                kept = json.loads(path.read_text(encoding="utf8"))
                if kept["format"] == FORMAT and kept["of"] == self.digest:
                    rows, readings = dict(map(_row_of, kept["rows"])), dict(map(_reading_of, kept["readings"]))
                    self.rows |= rows
                    self.readings |= readings
        return len(self.rows)

    def write_table(self, path: Path | None = None) -> None:
        """Keep the rows for the next walk, beside a world only those that this one used; a cache may fail to be written."""
        if self.source != "model" or (path is None and not self.measured):
            return
        chosen = path or self._kept_path()
        kept = sorted(key for key in self.rows if path is None or key in self.used)
        rows = [[_text_of(key), *_rounded(self.rows[key])] for key in kept]
        readings = [[*row[:3], _text_of(row[3]), value] for row, value in sorted(self.readings.items())]
        text = json.dumps({"format": FORMAT, "of": self.digest, "rows": rows, "readings": readings}, separators=(",", ":"))
        with suppress(OSError):
            chosen.parent.mkdir(parents=True, exist_ok=True)
            partial = chosen.with_name(f"{chosen.name}.{os.getpid()}")
            try:
                partial.write_text(text, encoding="utf8")
                partial.replace(chosen)
            finally:
                partial.unlink(missing_ok=True)

    def _kept_path(self) -> Path:
        return platformdirs.user_cache_path(APP) / "decodings" / f"{self.digest}.json"

    @property
    def digest(self) -> str:
        """What a row depends on, as one number: the weights, the prompt, the interventions, the words asked about."""
        world = self.world
        asked = [[sorted(some), sorted(named)] for some, named in self._asked]
        told: list[Any] = [world.weights, world.prompt, world.boundary, world.acts, world.spans, asked, self._layered]
        return sha256(json.dumps(told).encode()).hexdigest()[:32]


class _Lens(Distribution):
    """What can be read after a layer, a word at a time."""

    def __init__(self, table: PassTable, key: Key, layer: int) -> None:
        super().__init__((), ())
        self.table, self.key, self.layer = table, key, layer

    def p(self, word: str) -> float:
        """Return a word's chance, read after the layer."""
        return self.table.reading("lens", word, self.layer, self.key)


def _asked_words(world: World) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return by decoding the words whose chances the world asks for, and those of them that it answers by name."""
    thresholds = {threshold.word for threshold in world.thresholds if threshold.quantity == "p"}
    found = []
    for _, arrivals, _ in world.data["tokens"]:
        named = frozenset(arrivals) - {OTHERWISE}
        found.append((named | thresholds, named))
    return found


def _rounded(row: Row) -> Row:
    """Return a row with as many digits as are worth keeping: no finding hangs on more."""
    chances = {word: float(f"{chance:.{DIGITS_KEPT}g}") for word, chance in row.chances.items()}
    return row._replace(margin=float(f"{row.margin:.{DIGITS_KEPT}g}"), chances=chances)


def _text_of(key: Key) -> str:
    words, acts = key
    return json.dumps([words, acts], separators=(",", ":"))


def _key_of(text: str) -> Key:
    """Return a key as it was written; raises ``ValueError`` or ``TypeError`` where it is none."""
    words, acts = json.loads(text)
    return tuple(map(str, words)), tuple(tuple(Act(str(name), int(layer)) for name, layer in here) for here in acts)


def _row_of(row: list[Any]) -> tuple[Key, Row]:
    """Return a row of the table as it was written: whoever wrote the file may have written anything."""
    key, word, second, margin, chances = row
    told = {str(one): float(chance) for one, chance in dict(chances).items()}
    return _key_of(key), Row(str(word), str(second), float(margin), told)


def _reading_of(row: list[Any]) -> tuple[tuple[str, str, int, Key], float]:
    quantity, asked, layer, key, value = row
    return (str(quantity), str(asked), int(layer), _key_of(key)), float(value)
