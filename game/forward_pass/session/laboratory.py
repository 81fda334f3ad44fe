"""The laboratory: settings on the passes of a document, and what the model says then. Touches no run.

The document is that of a run, continued with the likeliest words up to the telling token (the token whose word stands for a
run). Positions and layers count from 1, heads from 0. Knows no
line that is typed (``laboratory_input``) and no screen (``laboratory_text``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from forward_pass.network.bench import Bench, Half, Lengths, Settings
from forward_pass.network.hooks import Hook
from forward_pass.network.model import PassResult
from forward_pass.network.passes import ComputedPass
from forward_pass.story.distribution import Distribution
from forward_pass.story.history import Run
from forward_pass.story.interventions import Intervention, Push

RANDOM_PUSHES = 20
MAX_WORDS = 3  # likeliest words before and after that an answer names
FOUND_HEADS = 10


class Entry(NamedTuple):
    """A setting: its text, the index of its token (``at``), and what it does there."""

    text: str
    at: int
    intervention: Intervention | None = None
    hook: Hook | None = None
    half: Half | None = None


class Comparison(NamedTuple):
    """The words that are likeliest before or after, each with both probabilities."""

    token: int
    words: tuple[tuple[str, float, float], ...]


class RandomControl(NamedTuple):
    """How many of ``n`` random pushes of the same length move a token's likeliest word at least as far as a push does."""

    token: int
    word: str
    n: int
    as_far: int


class BenchAnswer(NamedTuple):
    """What the model says with the settings: at the telling token, and at their own where that is another."""

    settings: tuple[str, ...]
    telling: Comparison
    here: Comparison
    lengths: Lengths | None = None
    control: RandomControl | None = None


class HeadEffect(NamedTuple):
    """A head, and the probabilities of two words where it is silenced."""

    layer: int
    head: int
    probabilities: tuple[float, float]


class HeadsFound(NamedTuple):
    """Heads ranked by what silencing each does between two words at a token; the largest change of their odds first."""

    token: int
    words: tuple[str, str]
    probabilities: tuple[float, float]  # with no head silenced
    heads: tuple[HeadEffect, ...]


class HeadLook(NamedTuple):
    """The position (from 1) that a head attends to most, its word, and the share."""

    layer: int
    head: int
    position: int
    word: str
    share: float


class HeadsShown(NamedTuple):
    """Where each head looks most at a token, and the document up to it."""

    token: int
    heads: tuple[HeadLook, ...]
    document: tuple[str, ...]


Answer: TypeAlias = BenchAnswer | HeadsFound | HeadsShown


class Laboratory:
    """A bench at a state of a run; ``run_at`` returns another run at one of its turns, for patching."""

    def __init__(self, run: Run, computed: ComputedPass, run_at: Callable[[str, int], Run]) -> None:
        self.world, self.digest, self.run_at = run.world, run.digest, run_at
        self.telling = run.world.telling_token - run.world.first_token
        key = run.state.key
        while len(key.words) < self.telling:
            key = key.followed_by(computed.distribution(key).best)
        self.bench = Bench(computed, key)
        self.index = self.telling
        self.entries: list[Entry] = []

    def answer(self) -> BenchAnswer:
        """Return what the model says with the present settings."""
        results = self.bench.run(self.settings(), self.telling)
        telling, here = (
            self._compare(index, results.get(index) or self.bench.base(index)) for index in (self.telling, self.index)
        )
        entry = next((entry for entry in reversed(self.entries) if isinstance(entry.intervention, Push)), None)
        if entry is None:
            return BenchAnswer(self._texts(), telling, here)
        lengths, control = self._control(entry, results)
        return BenchAnswer(self._texts(), telling, here, lengths, control)

    def add(self, entry: Entry) -> BenchAnswer:
        """Return what the model says with one more setting; where that cannot be carried out, nothing has changed."""
        self.entries.append(entry)
        try:
            return self.answer()
        except BaseException:
            self.entries.pop()
            raise

    def set(self, text: str, intervention: Intervention | None = None, hook: Hook | None = None) -> BenchAnswer:
        """Add a setting at the present token."""
        return self.add(Entry(text, self.index, intervention, hook))

    def position(self, index: int) -> int:
        """Return the position (from 1) of the token at an index."""
        return self.world.first_token + index

    def find(self, first: str, second: str) -> HeadsFound:
        """Rank the heads by what silencing each does between two words at the present token."""
        settings, words = self.settings(), (first, second)
        with_all = self.bench.distribution(self._result(settings))
        base = with_all.logprob(first) - with_all.logprob(second)
        silenced = self.bench.silenced(settings, self.index)
        silenced.sort(key=lambda row: -abs(row[1].logprob(first) - row[1].logprob(second) - base))
        rows = [HeadEffect(layer, head, (one.p(first), one.p(second))) for (layer, head), one in silenced[:FOUND_HEADS]]
        return HeadsFound(self.position(self.index), words, (with_all.p(first), with_all.p(second)), tuple(rows))

    def looks(self) -> HeadsShown:
        """Return where each head looks most at the present token."""
        document = (*self.world.prompt, *self.bench.key.words)
        rows = []
        for (layer, head), shares in self.bench.attention(self._result(self.settings())):
            at = max(range(len(shares)), key=shares.__getitem__)
            rows.append(HeadLook(layer, head, at + 1, document[at], shares[at]))
        return HeadsShown(self.position(self.index), tuple(rows), document[: self.position(self.index)])

    # -- how it is worked out -------------------------------------------------------------------------------------------

    def _texts(self) -> tuple[str, ...]:
        return tuple(f"at {self.position(entry.at)}: {entry.text}" for entry in self.entries)

    def settings(self) -> dict[int, Settings]:
        """Return the settings by the index of their token."""
        settings: dict[int, Settings] = {}
        for entry in self.entries:
            here = settings.get(entry.at, Settings())
            if entry.half:
                settings[entry.at] = here._replace(half=entry.half, divided=here.interventions[-1])
            elif entry.intervention:
                settings[entry.at] = here._replace(interventions=(*here.interventions, entry.intervention))
            elif entry.hook:
                settings[entry.at] = here._replace(hooks=(*here.hooks, entry.hook))
        return settings

    def _result(self, settings: dict[int, Settings]) -> PassResult:
        return self.bench.run(settings, self.index)[self.index]

    def _compare(self, index: int, result: PassResult) -> Comparison:
        before, after = self.bench.distribution(self.bench.base(index)), self.bench.distribution(result)
        words = dict.fromkeys(word for one in (before, after) for word, _ in one.likeliest(MAX_WORDS))
        return Comparison(self.position(index), tuple((word, before.p(word), after.p(word)) for word in words))

    def _control(self, entry: Entry, results: dict[int, PassResult]) -> tuple[Lengths, RandomControl]:
        """Return the length of a push, and how many random ones in its place move the likeliest word as far.

        The word is that of its own token where the push changes it there, and that of the telling token otherwise.
        """
        assert isinstance(entry.intervention, Push)  # noqa: S101 - it is asked of a push alone
        lengths = self.bench.lengths(entry.intervention, entry.at)
        hooks = self.bench.random_hooks(lengths.added, entry.intervention.layer, range(RANDOM_PUSHES))
        settings = self.settings()
        settings[entry.at] = settings[entry.at]._replace(divided=entry.intervention)
        own = self.bench.distribution(self.bench.base(entry.at))
        index = entry.at if self.bench.distribution(results[entry.at]).best != own.best else self.telling
        before = self.bench.distribution(self.bench.base(index))
        distances = [self._distance(before, one) for one in self.bench.run_each(settings, entry.at, hooks, index)]
        as_far = sum(distance >= self._distance(before, results[index]) for distance in distances)
        return lengths, RandomControl(self.position(index), before.best, len(distances), as_far)

    def _distance(self, before: Distribution, result: PassResult) -> float:
        """Return how far a pass moves the probability of the word that was likeliest before."""
        return abs(self.bench.distribution(result).p(before.best) - before.p(before.best))
