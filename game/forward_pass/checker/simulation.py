"""Many players at random, and what came of them: endings, lengths, how much was read, what was left at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from statistics import median
from typing import Any, NamedTuple

from forward_pass.checker.explorer import ProgressFunction, no_progress
from forward_pass.checker.pass_table import PassTable
from forward_pass.checker.random_player import RandomPlayer, RandomRun, Step
from forward_pass.checker.text_coverage import Piece, pieces_of
from forward_pass.story.distribution import PassPort, draw_word
from forward_pass.story.engine import offers
from forward_pass.story.state import Prior, State
from forward_pass.story.world import World

MAX_FAILURES = 5  # of which the seed is told
BAR = 30


class SimulationConfig(NamedTuple):
    """How a crowd plays."""

    runs: int = 1000
    seed: int = 0
    temperature: float = 0.0
    uniform: bool = False


class FailedRun(NamedTuple):
    """A run that came to no ending: its number and its seed, what was wrong, and the choices that led there."""

    run: int
    seed: int
    what: str
    path: tuple[str, ...]


class SimulationStats(NamedTuple):
    """What came of a crowd."""

    endings: Counter[str]
    words: list[int]  # words shown, a run
    turns: list[int]
    shares: list[tuple[float, float]]  # of the world's words, and of those outside endings, that a run showed at least once
    seen: int  # words of the world that any run showed
    of: int  # that it has
    layers: Counter[int]  # left when a decoder came
    variables: dict[str, Counter[str]]  # at the end, by name
    faults: list[FailedRun]


def simulate(world: World, measure: PassPort, crowd: SimulationConfig, tell: ProgressFunction = no_progress) -> SimulationStats:
    """Let a crowd play and count what it met."""
    return _Count(world, measure, crowd).played(tell)


class _Count:
    def __init__(self, world: World, measure: PassPort, crowd: SimulationConfig) -> None:
        self.world, self.crowd = world, crowd
        table = PassTable(world, measure, 0)
        table.read_table()
        self.measure: PassPort = measure if crowd.temperature else table
        self.paragraphs = Paragraphs(world)
        self.tally = SimulationStats(Counter(), [], [], [], 0, self.paragraphs.words, Counter(), {}, [])
        for variable in world.variables:
            self.tally.variables[variable.name] = Counter()
        self._table = table
        self._seed = 0

    def played(self, tell: ProgressFunction) -> SimulationStats:
        player = RandomPlayer(self.world, self.measure, self._drawn, uniform=self.crowd.uniform)
        for number in range(self.crowd.runs):
            tell("runs", number)
            self._seed = self.crowd.seed + number
            run = player.play_once(Prior(), Random(self._seed))  # noqa: S311 - a player, no secret
            self._take_in(number + 1, run)
        return self.tally._replace(seen=self.paragraphs.seen_words)

    def _drawn(self, state: State) -> str:
        """Return the word that comes out at the crowd's temperature, with the run's own seed."""
        if not self.crowd.temperature:
            return self._table.row(state.words, state.acts).word
        distribution = self.measure.distribution(state.words, state.acts)
        return draw_word(distribution, self.crowd.temperature, self._seed, state.token)

    def _take_in(self, number: int, run: RandomRun) -> None:
        tally = self.tally
        if run.fault:
            path = tuple(choice for choice, _ in run.path)
            tally.faults.append(FailedRun(number, self._seed, run.fault, path))
        else:
            tally.endings[run.state.scene] += 1
        tally.turns.append(len(run.steps))
        tally.words.append(self._words(run))
        tally.shares.append(self.paragraphs.shares)
        for variable, value in zip(self.world.variables, run.state.variables, strict=True):
            shown = variable.words[value] if variable.words else str(bool(value)).lower() if variable.flag else str(value)
            tally.variables[variable.name][shown] += 1

    def _words(self, run: RandomRun) -> int:
        """Return how many words a run shows: scenes, what is said after choices, and what is on offer."""
        self.paragraphs.begin()
        state, words = run.opening, self._arrival(run.opening)
        for step in run.steps:
            words += self._said(state, step)
            if step.word is not None:
                self.tally.layers[self._left(state, step)] += 1
            state = step.state
            words += self._arrival(state)
        return words

    def _left(self, state: State, step: Step) -> int:
        """Return how many layers were left when a choice let the decoder come, or ran into it."""
        choice = self.world.scene(state.scene).by_id[step.choice]
        return self.world.boundary - state.layer if choice.decodes else 0

    def _arrival(self, state: State) -> int:
        words = self.paragraphs.shown("scene", state.scene, state)
        for offer in offers(self.world, self.measure, state):
            words += self.paragraphs.shown("say", offer.choice.id, state)
        return words

    def _said(self, state: State, step: Step) -> int:
        return self.paragraphs.shown("then", step.choice, state if step.word is not None else step.state)


class Paragraphs:
    """The words of a world's texts as they were written, by the piece, and which of them anybody has been shown."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pieces: dict[tuple[str, str], list[Piece]] = {}
        for scene, row in world.data["scenes"].items():
            self.pieces["scene", scene] = list(pieces_of(row["text"]))
            for choice in row["choices"]:
                its = world.data["choices"][choice]
                for form in ("say", "then"):
                    self.pieces[form, choice] = list(pieces_of(its[form] or []))
        self.words = sum(piece.words for some in self.pieces.values() for piece in some)
        self._last = sum(piece.words for ending in world.endings for piece in self.pieces["scene", ending])
        self._seen: set[tuple[str, str, int]] = set()
        self.seen_words = 0
        self._here: set[tuple[str, str, int]] = set()
        self._words_here = self._last_here = 0

    def begin(self) -> None:
        """Forget what the run before was shown."""
        self._here.clear()
        self._words_here = self._last_here = 0

    @property
    def shares(self) -> tuple[float, float]:
        """The share of the world's words that was shown since the run began, and that of its words outside endings."""
        return self._words_here / max(self.words, 1), (self._words_here - self._last_here) / max(self.words - self._last, 1)

    def shown(self, form: str, owner: str, state: State) -> int:
        """Return how many written words a text shows in a state, and remember that they were seen."""
        total = 0
        for number, piece in enumerate(self.pieces[form, owner]):
            if piece.holds(state):
                total += piece.words
                here = form, owner, number
                if here not in self._seen:
                    self._seen.add(here)
                    self.seen_words += piece.words
                if here not in self._here:
                    self._here.add(here)
                    self._words_here += piece.words
                    self._last_here += piece.words if owner in self.world.endings else 0
        return total


# -- in words ---------------------------------------------------------------------------------------------------------


def simulation_lines(world: World, crowd: SimulationConfig, tally: SimulationStats) -> list[str]:
    """Return what came of a crowd as plain lines."""
    how = "any open choice" if crowd.uniform else "least-taken first"
    lines = [f"{world.title}: {crowd.runs:,} runs, {how}, seed {crowd.seed}, temperature {crowd.temperature:g}", "", "Endings"]
    lines += _bars({title: tally.endings[ending] for ending, title in world.endings.items()}, crowd.runs)
    if tally.faults:
        lines += _bars({"no ending": len(tally.faults)}, crowd.runs)
    lines += ["", f"Words a run: {_spread(tally.words)}; turns: {_spread(tally.turns)}"]
    lines.append(
        f"Words of the world that somebody read: {tally.seen:,} of {tally.of:,} ({100 * tally.seen / max(tally.of, 1):.1f} %)"
    )
    whole, outside = (
        " / ".join(f"{100 * share:.1f}" for share in _middled(shares)) for shares in zip(*tally.shares, strict=True)
    )
    lines.append(f"Of these a run reads: {whole} % (min / median / max); of those outside endings: {outside} %")
    if tally.layers:
        lines += ["", "Layers left when the decoder was called"]
        lines += _bars(_binned(tally.layers), sum(tally.layers.values()))
    for name, values in tally.variables.items():
        lines += ["", f"{name} at the end"]
        lines += _bars(dict(sorted(values.items(), key=lambda row: -row[1])[:10]), crowd.runs)
    for fault in tally.faults[:MAX_FAILURES]:
        lines += ["", f"Run {fault.run} (--seed {fault.seed} --runs 1): {fault.what}", f"  {', '.join(fault.path[:60])}"]
    return lines


def _middled(numbers: Sequence[float]) -> tuple[float, float, float]:
    """Return the least, the median and the most."""
    return min(numbers), median(numbers), max(numbers)


def _spread(numbers: list[int]) -> str:
    return " / ".join(f"{number:,.0f}" for number in _middled(numbers)) + " (min / median / max)"


def _bars(counts: dict[str, int], of: int) -> list[str]:
    width = max((len(name) for name in counts), default=0)
    return [
        f"  {name:<{width}}  {100 * count / of:5.1f} %  {'#' * round(BAR * count / of)}".rstrip()
        for name, count in counts.items()
    ]


def _binned(layers: Counter[int]) -> dict[str, int]:
    """Return counts of numbers in at most ten bins."""
    step = max(max(layers) // 10 + 1, 1)
    bins: Counter[int] = Counter()
    for layer, count in layers.items():
        bins[layer // step] += count
    return {f"{at * step}-{at * step + step - 1}" if step > 1 else str(at): bins[at] for at in range(max(bins) + 1)}


def simulation_object(world: World, crowd: SimulationConfig, tally: SimulationStats) -> dict[str, Any]:
    """Return what came of a crowd as an object."""
    return {
        "type": "walk",
        "world": world.id,
        **crowd._asdict(),
        "endings": {ending: tally.endings[ending] for ending in world.endings},
        "words": list(_middled(tally.words)),
        "turns": list(_middled(tally.turns)),
        "shares": [round(share, 4) for share in _middled([whole for whole, _ in tally.shares])],
        "shares_outside_endings": [round(share, 4) for share in _middled([outside for _, outside in tally.shares])],
        "seen": tally.seen,
        "of": tally.of,
        "layers_left": {str(layer): count for layer, count in sorted(tally.layers.items())},
        "variables": {name: dict(values) for name, values in tally.variables.items()},
        "faults": [fault._asdict() for fault in tally.faults],
    }
