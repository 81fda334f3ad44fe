"""The two implementations of ``PassPort``: words *written* in the world, or *computed* by the model that the world names.

A computed pass is a function of words and interventions, like a written one. Results are cached, over one prefill of the
prompt, which ``warm_up`` starts in the background.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

from forward_pass.errors import ForwardPassError
from forward_pass.story.distribution import DIGITS, Distribution
from forward_pass.story.state import Act, Acts, Prior, State
from forward_pass.story.world import Case, World

if TYPE_CHECKING:
    from threading import Thread

    from forward_pass.network import interventions
    from forward_pass.network import model as network
    from forward_pass.network.weights import Array, Weights

MAX_CACHED_PASSES = 2048  # each holds its streams, some 50 KB


class WrittenPass:
    """A pass whose words the world declares, case by case."""

    source = "written"
    checksum = None
    probes = ()

    def __init__(self, world: World) -> None:
        self.world = world
        self._distributions: dict[tuple[int, int], Distribution] = {}

    def warm_up(self) -> None:
        """Do nothing: there is no model to load."""

    def distribution(self, words: tuple[str, ...], acts: Acts) -> Distribution:
        """Return what the world declares for the token after ``words``, by the first case whose condition holds."""
        position = self.world.first_token + len(words)
        cases = self.world.tokens[position].written
        if len(cases) == 1:
            return self._cached(position, 0, cases[0])
        state = State("", position, 0, (), b"", b"", words, acts, (), Prior())
        index = next(index for index, case in enumerate(cases) if case.condition is None or case.condition(state))
        return self._cached(position, index, cases[index])

    def _cached(self, position: int, index: int, case: Case) -> Distribution:
        cached = self._distributions.get((position, index))
        if cached is None:
            logits = [round(log(chance), DIGITS) for chance in case.chances.values()]
            cached = self._distributions[position, index] = Distribution(tuple(case.chances), logits)
        return cached

    def lens(self, words: tuple[str, ...], acts: Acts, layer: int) -> Distribution:
        """Return the written distribution, which is the same at every layer."""
        del layer
        return self.distribution(words, acts)

    def probe(self, words: tuple[str, ...], acts: Acts, layer: int, name: str) -> float:
        """Raise ``ForwardPassError``: there is no residual stream."""
        del words, acts, layer
        raise ForwardPassError(f"{self.world.title} has no model: there is no probe for {name}.")

    def prompt_prediction(self, position: int) -> Distribution:
        """Raise ``ForwardPassError``: there is no prediction for the prompt."""
        raise ForwardPassError(f"{self.world.title} has no model: there is no prediction for position {position}.")

    def recompute_error(self, words: tuple[str, ...], acts: Acts, layer: int) -> float:
        """Raise ``ForwardPassError``: there is nothing to recompute."""
        del words, acts, layer
        raise ForwardPassError(f"{self.world.title} has no model: there is no pass to recompute.")

    def attention(self, words: tuple[str, ...], acts: Acts, layer: int) -> list[float]:
        """Raise ``ForwardPassError``: there are no heads."""
        del words, acts, layer
        raise ForwardPassError(f"{self.world.title} has no model: there are no layers to inspect.")


class ComputedPass:
    """A pass that the model computes. The first query waits until the weights and the prompt have been read."""

    source = "model"

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.path = path
        self.checksum: str | None = world.weights
        self._loader: Thread | None = None
        self._failure: Exception | None = None
        self._base: tuple[network.Model, network.Cache] | None = None
        self._prompt_predictions: dict[int, Distribution] = {}
        self._passes: OrderedDict[tuple[tuple[str, ...], Acts], network.PassResult] = OrderedDict()

    def warm_up(self) -> None:
        """Start reading the weights and the prompt in the background."""
        if self._loader is None:
            from threading import Thread  # noqa: PLC0415 - not needed for the first scene

            self._loader = Thread(target=self._load, name="prefill", daemon=True)
            self._loader.start()

    def _load(self) -> None:
        try:
            self._base = _read_base(self.world, self.path)
        except (OSError, ValueError, KeyError) as error:
            self._failure = error

    @property
    def base(self) -> tuple[network.Model, network.Cache]:
        """The model, and the cache of the prompt without its last word. Raises ``ForwardPassError`` if it cannot be read."""
        self.warm_up()
        if self._loader is not None:
            self._loader.join()
        if self._base is None:
            raise ForwardPassError(f"{self.path}: the model cannot be read: {self._failure}")
        return self._base

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of every word of the vocabulary."""
        return {word: index for index, word in enumerate(self.vocabulary)}

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words of the model, by id."""
        return self.base[0].weights.metadata.vocabulary

    @property
    def probes(self) -> tuple[str, ...]:
        """The names of the probes."""
        return tuple(self.weights.metadata.probes)

    @property
    def weights(self) -> Weights:
        """The network."""
        return self.base[0].weights

    def distribution(self, words: tuple[str, ...], acts: Acts) -> Distribution:
        """Return the distribution at the end of the pass that follows ``words``, with every act that was made."""
        return Distribution(self.vocabulary, self.run_pass(words, acts).logits.tolist(), self.ids)

    def lens(self, words: tuple[str, ...], acts: Acts, layer: int) -> Distribution:
        """Return the distribution that the unembedding reads from the residual stream after ``layer`` (logit lens)."""
        from forward_pass.network.model import lens  # noqa: PLC0415 - NumPy is imported with the first pass

        logits = lens(self.weights, self.run_pass(words, acts).streams[layer])
        return Distribution(self.vocabulary, logits.tolist(), self.ids)

    def probe(self, words: tuple[str, ...], acts: Acts, layer: int, name: str) -> float:
        """Return a probe's score on the residual stream after ``layer``: near +1 for yes, near -1 for no."""
        from forward_pass.network.model import probe  # noqa: PLC0415 - as above

        return probe(self.weights, name, layer, self.run_pass(words, acts).streams[layer])

    def prompt_prediction(self, position: int) -> Distribution:
        """Return the prediction for a position of the prompt, counted from 1 and at least 3, from the words before it."""
        cached = self._prompt_predictions.get(position)
        if cached is None:
            from forward_pass.network.model import step, truncate_cache  # noqa: PLC0415 - as above

            model, cache = self.base
            before = truncate_cache(model.weights, cache, position - 2)
            result = step(model, before, self.ids[self.world.prompt[position - 2]], [])
            cached = Distribution(self.vocabulary, result.logits.tolist(), self.ids)
            self._prompt_predictions[position] = cached
        return cached

    def attention(self, words: tuple[str, ...], acts: Acts, layer: int) -> list[float]:
        """Return the attention on each position, averaged over the global heads up to ``layer``.

        Sums to 1; all zeros below the first global layer.
        """
        attention = self.run_pass(words, acts).attention  # [G, H, P]
        local = self.weights.shape.n_local
        if attention is None or layer <= local:
            return [0.0] * (len(self.world.prompt) + len(words))
        mean: Array = attention[: layer - local].mean((0, 1))
        return [float(share) for share in mean]

    def recompute_error(self, words: tuple[str, ...], acts: Acts, layer: int) -> float:
        """Return the largest difference between the streams of two runs of the pass, up to ``layer``.

        Both are computed now, from the same cache; a cached result is not used.
        """
        from forward_pass.network.model import max_difference  # noqa: PLC0415 - as above

        acts = self._padded(words, acts)
        return max_difference(self._compute(words, acts), self._compute(words, acts), layer)

    def run_pass(self, words: tuple[str, ...], acts: Acts) -> network.PassResult:
        """Return the pass of the last of ``words``, computed once and cached."""
        key = (words, self._padded(words, acts))
        cached = self._passes.get(key)
        if cached is not None:
            self._passes.move_to_end(key)
            return cached
        result = self._passes[key] = self._compute(*key)
        if len(self._passes) > MAX_CACHED_PASSES:
            self._passes.popitem(last=False)
        return result

    def _padded(self, words: tuple[str, ...], acts: Acts) -> Acts:
        """Return an entry of ``acts`` for each token, empty where it has none."""
        return (*acts[: len(words) + 1], *((),) * (len(words) + 1 - len(acts)))

    def _compute(self, words: tuple[str, ...], acts: Acts) -> network.PassResult:
        """Return the pass of the last of ``words``, run through all layers."""
        from forward_pass.network.model import step  # noqa: PLC0415 - as above

        model, cache = self.base
        if words:
            cache = self.run_pass(words[:-1], acts[:-1]).cache
        word = words[-1] if words else self.world.prompt[-1]
        return step(model, cache, self.ids[word], [self.intervention(act) for act in acts[-1]])

    def intervention(self, act: Act) -> interventions.Intervention:
        """Return the model's intervention for an act of the world."""
        return _intervention(self.world, self.ids, act)


def _read_base(world: World, path: Path) -> tuple[network.Model, network.Cache]:
    """Return the model with the world's notes, and the cache of the prompt without its last word."""
    from forward_pass.network.model import Model, note_kv, prefill, truncate_cache  # noqa: PLC0415 - NumPy comes with the first pass
    from forward_pass.network.weights import read_weights  # noqa: PLC0415 - as above

    weights = read_weights(path)
    if world.weights not in (None, weights.checksum):  # the file was replaced between loading the world and the first pass
        raise ValueError(f"its checksum is {weights.checksum[:16]}…, the world was loaded with {str(world.weights)[:16]}…")
    ids = {word: index for index, word in enumerate(weights.metadata.vocabulary)}
    prompt = [ids[word] for word in world.prompt]
    cache = prefill(weights, prompt[:-1]).cache
    last_pair = max(at for at, word in enumerate(prompt) if word in weights.metadata.pair_marks)
    before_question = truncate_cache(weights, cache, last_pair)
    notes = {
        name: note_kv(weights, before_question, [ids[word] for word in words], carrier)
        for name, (words, carrier) in world.note_words.items()
    }
    return Model(weights, notes), cache


def _intervention(world: World, ids: dict[str, int], act: Act) -> interventions.Intervention:
    from forward_pass.network.interventions import Bend, Drop, Look, Note, Push, Rewrite  # noqa: PLC0415 - as above

    kind, fields = world.acts[act.name]
    layer = act.layer
    match kind:
        case "look":
            return Look(*world.spans[fields["span"]], fields["by"], layer)
        case "push":
            return Push(fields["direction"], fields["by"], layer)
        case "note":
            return Note(act.name, layer, fields["ink"])
        case "rewrite":
            return Rewrite(world.spans[fields["span"]][0], ids[fields["as"]], layer)
        case "bend":
            return Bend(ids[fields["word"]], fields["by"], world.boundary)  # at the boundary layer, whenever it was chosen
        case _:
            return Drop(layer, world.boundary)


def open_pass(world: World) -> WrittenPass | ComputedPass:
    """Return the pass that a world runs on."""
    return ComputedPass(world, world.folder / world.model) if world.model else WrittenPass(world)
