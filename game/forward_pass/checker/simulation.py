"""Many random runs, and what came of them: endings, lengths, how much was read, what was left at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from statistics import median
from typing import NamedTuple

from forward_pass.checker.explorer import ProgressFunction, no_progress
from forward_pass.checker.pass_table import PassTable
from forward_pass.checker.random_player import DrawFunction, RandomPlayer, RandomRun
from forward_pass.checker.text_coverage import Passage, TextId, TextKind, passages, texts
from forward_pass.checker.trace import Step
from forward_pass.story.distribution import draw_word
from forward_pass.story.engine import offers
from forward_pass.story.nodes import Variable
from forward_pass.story.ports import PassPort
from forward_pass.story.state import Prior, State
from forward_pass.story.world import World

MAX_FAILURES = 5  # that are listed
MAX_CHOICES = 60  # of a failure that are listed
MAX_VALUES = 10  # of a variable that are listed
MAX_BINS = 10
BAR = 30  # characters


class SimulationConfig(NamedTuple):
    """How random runs are made."""

    runs: int = 1000
    seed: int = 0
    temperature: float = 0.0
    uniform: bool = False


class FailedRun(NamedTuple):
    """A run without an ending: its number and seed, what was wrong, and its choices."""

    run: int
    seed: int
    what: str
    path: tuple[str, ...]


class UnreadText(NamedTuple):
    """A text of which no run showed some passages: its key, whose it is, how many passages and how many words."""

    kind: str
    owner: str
    passages: int
    words: int


class SimulationStats(NamedTuple):
    """What came of random runs."""

    endings: Counter[str]
    words: list[int]  # words shown, by run
    turns: list[int]
    shares: list[tuple[float, float]]  # of the world's words, and of those outside endings, that a run showed at least once
    seen: int  # words of the world that any run showed
    of: int  # that it has
    layers: Counter[int]  # left when the decoder came
    variables: dict[str, Counter[str]]  # values at the end, by name
    faults: list[FailedRun]
    never_taken: tuple[str, ...] = ()  # choices that no run took, in the order of writing
    unread: tuple[UnreadText, ...] = ()  # of which no run showed some passages


def simulate(
    world: World, port: PassPort, config: SimulationConfig, on_progress: ProgressFunction = no_progress
) -> SimulationStats:
    """Return what comes of random runs."""
    return _Simulation(world, port, config).run(on_progress)


class _Simulation:
    def __init__(self, world: World, port: PassPort, config: SimulationConfig) -> None:
        self.world, self.port, self.config = world, port, config
        self.table = PassTable(world, port, 0)
        self.table.read_table()
        self.reader = _Reader(world)
        self.taken: set[str] = set()
        variables = {variable.name: Counter[str]() for variable in world.variables}
        self.stats = SimulationStats(Counter(), [], [], [], 0, self.reader.total, Counter(), variables, [])

    def run(self, on_progress: ProgressFunction) -> SimulationStats:
        port = self.port if self.config.temperature else self.table
        player = RandomPlayer(self.world, port, uniform=self.config.uniform)
        for number in range(self.config.runs):
            on_progress("runs", number)
            seed = self.config.seed + number
            run = player.play_once(Prior(), Random(seed), self._draw_function(seed))  # noqa: S311 - not for security
            self._add(run, number + 1, seed)
        never = tuple(choice for choice in self.world.choice_ids if choice not in self.taken)
        return self.stats._replace(seen=self.reader.seen, never_taken=never, unread=self.reader.unread)

    def _draw_function(self, seed: int) -> DrawFunction:
        temperature = self.config.temperature
        if not temperature:
            return lambda state: self.table.row(state.key).word
        return lambda state: draw_word(self.port.distribution(state.key), temperature, seed, state.token)

    def _add(self, run: RandomRun, number: int, seed: int) -> None:
        stats = self.stats
        if run.fault:
            stats.faults.append(FailedRun(number, seed, run.fault, tuple(step.choice for step in run.steps)))
        else:
            stats.endings[run.state.scene] += 1
        self.taken.update(step.choice for step in run.steps)
        stats.turns.append(len(run.steps))
        stats.words.append(self._read(run))
        stats.shares.append(self.reader.shares)
        stats.layers.update(self._layers_left(step) for step in run.steps if step.word is not None)
        for variable, value in zip(self.world.variables, run.state.variables, strict=True):
            stats.variables[variable.name][_value_text(variable, value)] += 1

    def _read(self, run: RandomRun) -> int:
        """Return how many words a run shows: scenes, what is said after choices, and what is on offer."""
        self.reader.begin_run()
        words = self._read_scene(run.opening)
        for step in run.steps:
            words += self.reader.read(TextId(TextKind.THEN, step.choice), step.then_state)
            words += self._read_scene(step.after)
        return words

    def _read_scene(self, state: State) -> int:
        said = [TextId(TextKind.SAY, offer.id) for offer in offers(self.world, state)]
        return sum(self.reader.read(text, state) for text in (TextId(TextKind.SCENE, state.scene), *said))

    def _layers_left(self, step: Step) -> int:
        """Return how many layers were left when a choice let the decoder come; 0 where they ran out on it."""
        return self.world.boundary - step.before.layer if self.world.choices[step.choice].decodes else 0


def _value_text(variable: Variable, value: int) -> str:
    text = str(variable.shown(value))
    return text.lower() if variable.flag else text


_PassageId = tuple[TextId, int]


class _Reader:
    """The passages of a world's texts (the ``why`` of choices apart), and which of them any run and the present one showed."""

    def __init__(self, world: World) -> None:
        self._endings = world.endings
        self._passages: dict[TextId, list[Passage]] = {
            text_id: list(passages(text)) for text_id, text in texts(world) if text_id.kind is not TextKind.WHY
        }
        every = {(text_id, number) for text_id, some in self._passages.items() for number in range(len(some))}
        self.total, self._total_outside = self._count(every)
        self._shown: set[_PassageId] = set()
        self._shown_in_run: set[_PassageId] = set()

    def begin_run(self) -> None:
        """Forget what the run before showed."""
        self._shown_in_run.clear()

    def read(self, text_id: TextId, state: State) -> int:
        """Return how many words a text shows in a state, and remember them."""
        shown = {(text_id, number) for number, one in enumerate(self._passages[text_id]) if one.is_shown(state)}
        self._shown |= shown
        self._shown_in_run |= shown
        return self._count(shown)[0]

    @property
    def seen(self) -> int:
        """How many words of the world any run showed."""
        return self._count(self._shown)[0]

    @property
    def unread(self) -> tuple[UnreadText, ...]:
        """The texts of which no run showed some passages, in the order of writing."""
        found = []
        for text_id, some in self._passages.items():
            missed = [one for number, one in enumerate(some) if (text_id, number) not in self._shown and one.words]
            if missed:
                found.append(UnreadText(text_id.kind, text_id.owner, len(missed), sum(one.words for one in missed)))
        return tuple(found)

    def words_of(self, owner: str, *kinds: TextKind) -> int:
        """Return how many words the texts of some kinds have that belong to a scene or a choice, all their variants counted."""
        return sum(one.words for kind in kinds for one in self._passages.get(TextId(kind, owner), ()))

    @property
    def shares(self) -> tuple[float, float]:
        """The share of the world's words that the present run showed, and that of its words outside endings."""
        words, outside = self._count(self._shown_in_run)
        return words / max(self.total, 1), outside / max(self._total_outside, 1)

    def _count(self, ids: set[_PassageId]) -> tuple[int, int]:
        """Return how many words some passages have, and how many of these are outside endings."""
        words = outside = 0
        for text_id, number in ids:
            count = self._passages[text_id][number].words
            words += count
            outside += count if text_id.owner not in self._endings else 0
        return words, outside


# -- in words ---------------------------------------------------------------------------------------------------------


def simulation_lines(world: World, config: SimulationConfig, stats: SimulationStats) -> list[str]:
    """Return what came of random runs as plain lines."""
    how = "any open choice" if config.uniform else "least-taken first"
    return [
        f"{world.title}: {config.runs:,} runs, {how}, seed {config.seed}, temperature {config.temperature:g}",
        "",
        "Endings",
        *_bars({title: stats.endings[ending] for ending, title in world.endings.items()}, config.runs),
        *(_bars({"no ending": len(stats.faults)}, config.runs) if stats.faults else ()),
        "",
        *_word_lines(stats),
        *(("", "Layers left when the decoder was called") if stats.layers else ()),
        *_bars(_binned(stats.layers), sum(stats.layers.values())),
        *_variable_lines(config, stats),
        *_failure_lines(stats),
    ]


def _word_lines(stats: SimulationStats) -> list[str]:
    seen, of = stats.seen, stats.of
    whole, outside = (
        " / ".join(f"{100 * share:.1f}" for share in _spread(shares)) for shares in zip(*stats.shares, strict=True)
    )
    return [
        f"Words a run: {_spread_text(stats.words)}; turns: {_spread_text(stats.turns)}",
        f"Words of the world that any run read: {seen:,} of {of:,} ({100 * seen / max(of, 1):.1f} %)",
        f"Of these a run reads: {whole} % (min / median / max); of those outside endings: {outside} %",
    ]


def _variable_lines(config: SimulationConfig, stats: SimulationStats) -> list[str]:
    lines = []
    for name, values in stats.variables.items():
        most_common = dict(sorted(values.items(), key=lambda item: -item[1])[:MAX_VALUES])
        lines += ["", f"{name} at the end", *_bars(most_common, config.runs)]
    return lines


def _failure_lines(stats: SimulationStats) -> list[str]:
    lines = []
    for failed in stats.faults[:MAX_FAILURES]:
        lines += ["", f"Run {failed.run} (--seed {failed.seed} --runs 1): {failed.what}"]
        lines.append(f"  {', '.join(failed.path[:MAX_CHOICES])}")
    return lines


def _spread(numbers: Sequence[float]) -> tuple[float, float, float]:
    """Return the least, the median and the greatest number."""
    return min(numbers), median(numbers), max(numbers)


def _spread_text(numbers: list[int]) -> str:
    return " / ".join(f"{number:,.0f}" for number in _spread(numbers)) + " (min / median / max)"


def _bars(counts: dict[str, int], of: int) -> list[str]:
    width = max(map(len, counts), default=0)
    return [
        f"  {name:<{width}}  {100 * count / of:5.1f} %  {'#' * round(BAR * count / of)}".rstrip()
        for name, count in counts.items()
    ]


def _binned(layers: Counter[int]) -> dict[str, int]:
    """Return counts by layer in bins, each named by its layers."""
    step = max(layers, default=0) // MAX_BINS + 1
    bins: Counter[int] = Counter()
    for layer, count in layers.items():
        bins[layer // step] += count
    return {f"{at * step}-{at * step + step - 1}" if step > 1 else str(at): bins[at] for at in range(max(bins, default=-1) + 1)}


def simulation_object(world: World, config: SimulationConfig, stats: SimulationStats) -> dict[str, object]:
    """Return what came of random runs as an object for JSON."""
    return {
        "type": "walk",
        "world": world.id,
        **config._asdict(),
        "endings": {ending: stats.endings[ending] for ending in world.endings},
        "words": list(_spread(stats.words)),
        "turns": list(_spread(stats.turns)),
        "shares": [round(share, 4) for share in _spread([whole for whole, _ in stats.shares])],
        "shares_outside_endings": [round(share, 4) for share in _spread([outside for _, outside in stats.shares])],
        "seen": stats.seen,
        "of": stats.of,
        "layers_left": {str(layer): count for layer, count in sorted(stats.layers.items())},
        "variables": {name: dict(values) for name, values in stats.variables.items()},
        "faults": [failed._asdict() for failed in stats.faults],
    }
