"""The two passes that a world can run on: words *written* in the world, or *computed* by the model that the world names.

A computed pass is a function of words and interventions, like a written one. Results are cached, over one prefill of the
prompt, which ``warm_up`` starts in the background.
"""

from __future__ import annotations

from collections import OrderedDict
from math import log
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from forward_pass.errors import ForwardPassError, RunError
from forward_pass.story.compile import Value, compile_expression
from forward_pass.story.distribution import DIGITS, Distribution
from forward_pass.story.nodes import WrittenCase
from forward_pass.story.ports import SharpestHead
from forward_pass.story.state import PassKey, Prior, State
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.network.computation import Computation
    from forward_pass.network.model import Cache, PassResult
    from forward_pass.network.weights import Weights

SHORT = 2  # words; passes after at most so many are what later ones go on from, again and again
MAX_SHORT_BYTES, MAX_LONG_BYTES = 14 * 2**20, 6 * 2**20  # of passes that are kept, some 80 KB each
MAX_DISTRIBUTIONS = 2_000  # that are kept, of some 4 KB each
MAX_LOOKS = 8  # passes that are kept with their attention, half a megabyte each


class WrittenPass:
    """A pass whose words the world declares, case by case."""

    source = "written"
    checksum = None
    probes = ()

    def __init__(self, world: World) -> None:
        self.world = world
        self._cases: dict[int, list[tuple[Value | None, Distribution]]] = {}

    def warm_up(self) -> None:
        """Do nothing: there is no model to load."""

    def read_ahead(self, key: PassKey, words: tuple[str, ...]) -> None:
        """Do nothing: there is nothing to compute."""

    def distribution(self, key: PassKey) -> Distribution:
        """Return what the world declares for the token after the key's words, by the first case whose condition holds."""
        position = self.world.first_token + len(key.words)
        if position not in self._cases:
            self._cases[position] = [_compiled_case(case) for case in self.world.tokens[position].written]
        state = State("", position, 0, (), b"", b"", key.words, key.acts, (), Prior())
        cases = self._cases[position]
        return next(distribution for condition, distribution in cases if condition is None or condition(state))

    def lens(self, key: PassKey, layer: int) -> Distribution:
        """Return the written distribution, which is the same at every layer."""
        del layer
        return self.distribution(key)

    def probe(self, key: PassKey, layer: int, name: str) -> float:
        """Raise ``ForwardPassError``: there is no residual stream."""
        del key, layer
        raise ForwardPassError(f"{self.world.title} has no model: there is no probe for {name}.")

    def prompt_prediction(self, position: int) -> Distribution:
        """Raise ``ForwardPassError``: there is no prediction for the prompt."""
        raise ForwardPassError(f"{self.world.title} has no model: there is no prediction for position {position}.")

    def recompute_error(self, key: PassKey, layer: int) -> float:
        """Raise ``ForwardPassError``: there is nothing to recompute."""
        del key, layer
        raise ForwardPassError(f"{self.world.title} has no model: there is no pass to recompute.")

    def attention(self, key: PassKey, layer: int) -> list[float]:
        """Raise ``ForwardPassError``: there are no heads."""
        del key, layer
        raise ForwardPassError(f"{self.world.title} has no model: there are no layers to inspect.")

    def sharpest_head(self, key: PassKey, layer: int) -> SharpestHead | None:
        """Return None: there are no heads."""
        del key, layer
        return None


def _compiled_case(case: WrittenCase) -> tuple[Value | None, Distribution]:
    condition = None if case.condition is None else compile_expression(case.condition)
    logits = [round(log(chance), DIGITS) for chance in case.chances.values()]
    return condition, Distribution(tuple(case.chances), logits)


class ComputedPass:
    """A pass that the model computes. The first query waits until the weights and the prompt have been read."""

    source = "model"

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.path = path
        self.checksum: str | None = world.weights
        self._loader: Thread | None = None
        self._failure: Exception | None = None
        self._computation: Computation | None = None
        self._short, self._long = _Kept(MAX_SHORT_BYTES), _Kept(MAX_LONG_BYTES)
        self._distributions: OrderedDict[PassKey, Distribution] = OrderedDict()
        self._looks: OrderedDict[PassKey, PassResult] = OrderedDict()

    def warm_up(self) -> None:
        """Start reading the weights and the prompt in the background."""
        if self._loader is None:
            self._loader = Thread(target=self._load, name="prefill", daemon=True)
            self._loader.start()

    def _load(self) -> None:
        from forward_pass.network.computation import Computation  # noqa: PLC0415 - NumPy is imported with the first pass

        try:
            self._computation = Computation(self.world, self.path)
        except (OSError, ValueError, KeyError) as error:
            self._failure = error

    @property
    def computation(self) -> Computation:
        """The model with the prompt read. Raises ``ForwardPassError`` if it cannot be read."""
        self.warm_up()
        if self._loader is not None:
            self._loader.join()
        if self._computation is None:
            raise ForwardPassError(f"{self.path}: the model cannot be read: {self._failure}")
        return self._computation

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words of the model, by id."""
        return self.weights.metadata.vocabulary

    @property
    def probes(self) -> tuple[str, ...]:
        """The names of the probes."""
        return tuple(self.weights.metadata.probes)

    @property
    def weights(self) -> Weights:
        """The network."""
        return self.computation.weights

    def distribution(self, key: PassKey) -> Distribution:
        """Return the distribution of the next word at the end of a pass."""
        key = _padded(key)
        known = self._distributions.get(key)
        if known is not None:
            self._distributions.move_to_end(key)
            return known
        return self._keep(key, self.computation.distribution(self.run_pass(key).logits))

    def _keep(self, key: PassKey, distribution: Distribution) -> Distribution:
        self._distributions[key] = distribution
        if len(self._distributions) > MAX_DISTRIBUTIONS:
            self._distributions.popitem(last=False)
        return distribution

    def read_ahead(self, key: PassKey, words: tuple[str, ...]) -> None:
        """Compute at once the passes that will be asked for if these words turn out to follow; none where the first does not.

        A likely continuation is so read in one go (Leviathan et al. 2023, speculative decoding); a wrong guess costs only time.
        """
        following = [_padded(key.followed_by(*words[:count])) for count in range(1, len(words) + 1)]
        if len(words) > 1 and following[0] not in self._distributions and self.distribution(key).best == words[0]:
            for one, distribution in zip(
                following, self.computation.read_at_once(self.run_pass(key).cache, words), strict=True
            ):
                self._keep(one, distribution)

    def lens(self, key: PassKey, layer: int) -> Distribution:
        """Return the distribution that the unembedding reads from the residual stream after ``layer`` (logit lens)."""
        return self.computation.lens(self.run_pass(key), layer)

    def probe(self, key: PassKey, layer: int, name: str) -> float:
        """Return a probe's score on the residual stream after ``layer``: near +1 for yes, near -1 for no."""
        return self.computation.probe(self.run_pass(key), layer, name)

    def prompt_prediction(self, position: int) -> Distribution:
        """Return the prediction for a position of the prompt, counted from 1 and at least 3, from the words before it."""
        return self.computation.prompt_prediction(position)

    def attention(self, key: PassKey, layer: int) -> list[float]:
        """Return the attention on each position, averaged over the global heads up to ``layer``.

        Sums to 1; all zeros below the first global layer.
        """
        return self.computation.attention(key, self._look(key), layer)

    def sharpest_head(self, key: PassKey, layer: int) -> SharpestHead | None:
        """Return the global head up to ``layer`` with the largest share on one position; None below the first global layer."""
        return self.computation.sharpest_head(self._look(key), layer)

    def recompute_error(self, key: PassKey, layer: int) -> float:
        """Return the largest difference between the streams of two runs of the pass, up to ``layer``.

        Both are computed now, from the same cache; a cached result is not used.
        """
        key = _padded(key)
        return self.computation.difference(self._compute(key), self._compute(key), layer)

    def run_pass(self, key: PassKey) -> PassResult:
        """Return the pass of a key, without its attention: that of its last word, or of the prompt's where it has none.

        Those used last are kept, within a bound of bytes.
        """
        key = _padded(key)
        kept = self._kept_for(key)
        return kept.get(key) or kept.add(key, self._compute(key))

    def _kept_for(self, key: PassKey) -> _Kept:
        return self._short if len(key.words) <= SHORT else self._long

    def _look(self, key: PassKey) -> PassResult:
        """Return the pass of a key with its attention, which is computed when it is asked for."""
        key = _padded(key)
        if key not in self._looks:
            self._looks[key] = self._compute(key, keep_attention=True)
            if len(self._looks) > MAX_LOOKS:
                self._looks.popitem(last=False)
        return self._looks[key]

    def _compute(self, key: PassKey, *, keep_attention: bool = False) -> PassResult:
        return self.computation.run_pass(key, self._cache_before(key), keep_attention=keep_attention)

    def _cache_before(self, key: PassKey) -> Cache:
        """Return what the passes before a key's left in the cache; several in which nothing was done are read at once."""
        if not key.words:
            return self.computation.prompt_cache
        last = at = len(key.words) - 1
        while at > 0 and not key.acts[at] and self._kept_for(key.at(at)).get(key.at(at)) is None:
            at -= 1
        if last - at < 2:  # noqa: PLR2004 - one word is a pass, and is kept
            return self.run_pass(key.at(last)).cache
        words = (self.world.prompt[-1], *key.words)
        return self.computation.extended(self.run_pass(key.at(at)).cache, words[at + 1 : last + 1])


class _Kept:
    """The passes used last, as many as fit into some bytes."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._passes: OrderedDict[PassKey, PassResult] = OrderedDict()

    def get(self, key: PassKey) -> PassResult | None:
        """Return the pass of a key, None where it is not kept."""
        if key in self._passes:
            self._passes.move_to_end(key)
        return self._passes.get(key)

    def add(self, key: PassKey, result: PassResult) -> PassResult:
        """Keep a pass, and drop those that were not used for longest where there is no room; return it."""
        self._passes[key] = result
        self._bytes += _bytes_of(result)
        while self._bytes > self._most and len(self._passes) > 1:
            self._bytes -= _bytes_of(self._passes.popitem(last=False)[1])
        return result


def _bytes_of(result: PassResult) -> int:
    """Return the memory of a pass, without the keys and values of the prompt and of the first words, which many share."""
    tail = result.cache.tail
    return result.streams.nbytes + result.logits.nbytes + sum(kv.nbytes for kv in tail[SHORT:] or tail[-1:])


def _padded(key: PassKey) -> PassKey:
    """Return a key with an entry of acts for each token, empty where it has none."""
    tokens = len(key.words) + 1
    return PassKey(key.words, (*key.acts[:tokens], *((),) * (tokens - len(key.acts))))


def open_pass(world: World) -> WrittenPass | ComputedPass:
    """Return the pass that a world runs on."""
    return ComputedPass(world, world.model_path) if world.model_path else WrittenPass(world)


def open_computed_pass(world: World) -> ComputedPass:
    """Return the pass that a world's model computes; raises ``RunError`` if the world has no model."""
    inspector = open_pass(world)
    if not isinstance(inspector, ComputedPass):
        raise RunError(f"{world.id} has no model to inspect: its words are written")
    return inspector
