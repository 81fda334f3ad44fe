"""The passes that stand behind the ``Measure`` port: *written* by the world, or *computed* by the model that it names.

A computed pass is a function of words and interventions like a written one; whatever was computed is remembered, over one
shared reading of the prompt. That reading starts in the background when it is asked for and nobody waits for it but a choice.
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

MAX_CACHED_PASSES = 2048  # passes; each holds what its layers left, some 50 KB


class WrittenPass:
    """A pass whose words the world declares, case by case."""

    source = "written"
    checksum = None
    probes = ()

    def __init__(self, world: World) -> None:
        self.world = world
        self._distributions: dict[tuple[int, int], Distribution] = {}

    def warm_up(self) -> None:
        """Nothing has to be read."""

    def distribution(self, words: tuple[str, ...], acts: Acts) -> Distribution:
        """Return what the world declares for the token after ``words``, with the cases that ``acts`` select."""
        position = self.world.first_token + len(words)
        cases = self.world.tokens[position].written
        if len(cases) == 1:
            return self._known(position, 0, cases[0])
        state = State("", position, 0, (), b"", b"", words, acts, (), Prior())
        index = next(index for index, case in enumerate(cases) if case.condition is None or case.condition(state))
        return self._known(position, index, cases[index])

    def _known(self, position: int, index: int, case: Case) -> Distribution:
        known = self._distributions.get((position, index))
        if known is None:
            logits = [round(log(chance), DIGITS) for chance in case.chances.values()]
            known = self._distributions[position, index] = Distribution(tuple(case.chances), logits)
        return known

    def lens(self, words: tuple[str, ...], acts: Acts, layer: int) -> Distribution:
        """Return what would be said: a written pass has one answer at every layer."""
        del layer
        return self.distribution(words, acts)

    def probe(self, words: tuple[str, ...], acts: Acts, layer: int, name: str) -> float:
        """Raise: nothing can be probed where nothing is computed."""
        del words, acts, layer
        raise ForwardPassError(f"The words of {self.world.title} are written: there is nothing to probe for {name}.")

    def prompt_prediction(self, position: int) -> Distribution:
        """Raise: nobody read the prompt where nothing is computed."""
        raise ForwardPassError(f"The words of {self.world.title} are written: nothing was expected at position {position}.")

    def recompute_error(self, words: tuple[str, ...], acts: Acts, layer: int) -> float:
        """Raise: nothing can be computed again where nothing is computed."""
        del words, acts, layer
        raise ForwardPassError(f"The words of {self.world.title} are written: nothing can be thought twice.")

    def attention(self, words: tuple[str, ...], acts: Acts, layer: int) -> list[float]:
        """Raise: no head looks anywhere where nothing is computed."""
        del words, acts, layer
        raise ForwardPassError(f"The words of {self.world.title} are written: there are no layers to look into.")


class ComputedPass:
    """A pass that the model computes. The first question waits for the weights and the prompt to have been read."""

    source = "model"

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.path = path
        self.checksum: str | None = world.weights
        self._reading: Thread | None = None
        self._failure: Exception | None = None
        self._base: tuple[network.Model, network.Cache] | None = None
        self._foreseen: dict[int, Distribution] = {}
        self._passes: OrderedDict[tuple[tuple[str, ...], Acts], network.PassResult] = OrderedDict()

    def warm_up(self) -> None:
        """Start reading the weights and the prompt in the background."""
        if self._reading is None:
            from threading import Thread  # noqa: PLC0415 - the first scene can do without

            self._reading = Thread(target=self._read, name="prefill", daemon=True)
            self._reading.start()

    def _read(self) -> None:
        try:
            self._base = _read_base(self.world, self.path)
        except (OSError, ValueError, KeyError) as error:
            self._failure = error

    @property
    def base(self) -> tuple[network.Model, network.Cache]:
        """The model, and the cache of the prompt but for its last word. Raises ``ForwardPassError`` where there is none."""
        self.warm_up()
        if self._reading is not None:
            self._reading.join()
        if self._base is None:
            raise ForwardPassError(f"{self.path}: the model cannot be read: {self._failure}")
        return self._base

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of every word of the vocabulary."""
        return {word: index for index, word in enumerate(self.vocabulary)}

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words that the model knows, by id."""
        return self.base[0].weights.label.vocabulary

    @property
    def probes(self) -> tuple[str, ...]:
        """The names of what can be probed for."""
        return tuple(self.weights.label.probes)

    @property
    def weights(self) -> Weights:
        """The network."""
        return self.base[0].weights

    def distribution(self, words: tuple[str, ...], acts: Acts) -> Distribution:
        """Return the distribution at the end of the pass after ``words``, with every act that was made."""
        return Distribution(self.vocabulary, self.run_pass(words, acts).logits.tolist(), self.ids)

    def lens(self, words: tuple[str, ...], acts: Acts, layer: int) -> Distribution:
        """Return what the residual stream after ``layer`` amounts to, read as the last layer is read."""
        from forward_pass.network.model import lens  # noqa: PLC0415 - NumPy is not imported before a pass is asked for

        logits = lens(self.weights, self.run_pass(words, acts).streams[layer])
        return Distribution(self.vocabulary, logits.tolist(), self.ids)

    def probe(self, words: tuple[str, ...], acts: Acts, layer: int, name: str) -> float:
        """Return the score of a probe on the residual stream after ``layer``; near +1 yes, near -1 no, and no percentage."""
        from forward_pass.network.model import probe  # noqa: PLC0415 - as above

        return probe(self.weights, name, layer, self.run_pass(words, acts).streams[layer])

    def prompt_prediction(self, position: int) -> Distribution:
        """Return what the pass expected at a position of the prompt, counted from 1, from the words before it (two or more)."""
        known = self._foreseen.get(position)
        if known is None:
            from forward_pass.network.model import step, truncate_cache  # noqa: PLC0415 - as above

            model, cache = self.base
            before = truncate_cache(model.weights, cache, position - 2)
            passed = step(model, before, self.ids[self.world.prompt[position - 2]], [])
            known = self._foreseen[position] = Distribution(self.vocabulary, passed.logits.tolist(), self.ids)
        return known

    def attention(self, words: tuple[str, ...], acts: Acts, layer: int) -> list[float]:
        """Return how much the heads that see everything looked at each position, on average, up to ``layer``; it sums to 1."""
        seen = self.run_pass(words, acts).attention
        local = self.weights.shape.n_local
        if seen is None or layer <= local:
            return [0.0] * (len(self.world.prompt) + len(words))
        looked: Array = seen[: layer - local].mean((0, 1))
        return [float(share) for share in looked]

    def recompute_error(self, words: tuple[str, ...], acts: Acts, layer: int) -> float:
        """Return the largest difference between two runs of the pass, in any number of its streams up to ``layer``.

        Both are computed now, one after the other, from the same cache: what is remembered of the pass is not asked.
        """
        from forward_pass.network.model import max_difference  # noqa: PLC0415 - as above

        acts = self._acts(words, acts)
        return max_difference(self._computed(words, acts), self._computed(words, acts), layer)

    def run_pass(self, words: tuple[str, ...], acts: Acts) -> network.PassResult:
        """Return the pass of the word that stands last, after ``words``; computed once."""
        key = (words, self._acts(words, acts))
        known = self._passes.get(key)
        if known is not None:
            self._passes.move_to_end(key)
            return known
        known = self._passes[key] = self._computed(*key)
        if len(self._passes) > MAX_CACHED_PASSES:
            self._passes.popitem(last=False)
        return known

    def _acts(self, words: tuple[str, ...], acts: Acts) -> Acts:
        """Return the acts of each token, none where nothing is said of one."""
        return (*acts[: len(words) + 1], *((),) * (len(words) + 1 - len(acts)))

    def _computed(self, words: tuple[str, ...], acts: Acts) -> network.PassResult:
        """Return the pass of the word that stands last, after ``words``, run through all layers."""
        from forward_pass.network.model import step  # noqa: PLC0415 - as above

        model, cache = self.base
        if words:
            cache = self.run_pass(words[:-1], acts[:-1]).cache
        word = words[-1] if words else self.world.prompt[-1]
        return step(model, cache, self.ids[word], [self.intervention(act) for act in acts[-1]])

    def intervention(self, act: Act) -> interventions.Act:
        """Return an intervention as the model understands it, beginning at its layer."""
        return _act_of(self.world, self.ids, act)


def _read_base(world: World, path: Path) -> tuple[network.Model, network.Cache]:
    from forward_pass.network.model import Model, note_kv, prefill, truncate_cache  # noqa: PLC0415 - NumPy comes with the first pass
    from forward_pass.network.weights import read_weights  # noqa: PLC0415 - as above

    weights = read_weights(path)
    if world.weights not in (None, weights.checksum):  # the file was replaced between reading the world and the first pass
        raise ValueError(f"its checksum is {weights.checksum[:16]}…, the world was read with {str(world.weights)[:16]}…")
    ids = {word: index for index, word in enumerate(weights.label.vocabulary)}
    prompt = [ids[word] for word in world.prompt]
    cache = prefill(weights, prompt[:-1]).cache
    asked = truncate_cache(
        weights, cache, max(at for at, word in enumerate(world.prompt) if ids[word] in weights.label.pair_marks)
    )
    notes = {
        name: note_kv(weights, asked, [ids[word] for word in words], carrier)
        for name, (words, carrier) in world.note_words.items()
    }
    return Model(weights, notes), cache


def _act_of(world: World, ids: dict[str, int], act: Act) -> interventions.Act:
    from forward_pass.network.interventions import Bend, Drop, Look, Note, Push, Rewrite  # noqa: PLC0415 - as above

    kind, given = world.acts[act.name]
    layer = act.layer
    match kind:
        case "look":
            return Look(*world.spans[given["span"]], given["by"], layer)
        case "push":
            return Push(given["direction"], given["by"], layer)
        case "note":
            return Note(act.name, layer, given["ink"])
        case "rewrite":
            return Rewrite(world.spans[given["span"]][0], ids[given["as"]], layer)
        case "bend":
            return Bend(ids[given["word"]], given["by"], world.boundary)  # at the decoder's door, whenever it was chosen
        case _:
            return Drop(layer, world.boundary)


def open_pass(world: World) -> WrittenPass | ComputedPass:
    """Return the pass that a world runs on."""
    return ComputedPass(world, world.folder / world.model) if world.model else WrittenPass(world)
