"""Hooks in the pass: against a pass in plain Python, against each other, and what they measure of the flagship."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from forward_pass.loading.worlds import open_world
from forward_pass.network.attribution import head_contributions
from forward_pass.network.hooks import AddDirection, Freeze, Hook, HookTable, Patch, Silence, Sites, random_direction
from forward_pass.network.model import Cache, Model, PassRequest, PassResult, mix_last, norm, observe, step, step_many
from forward_pass.network.passes import ComputedPass
from forward_pass.network.weights import NORM_EPSILON, ROPE_BASE, Array, Weights
from forward_pass.story.interventions import Drop, Push, RandomPush, Rewrite
from forward_pass.story.state import Act, PassKey
from test_model import BOUNDARY, FIRST, INTERVENTIONS, MODEL, PREFILL, SHAPE, WEIGHTS, tail

WORD, OTHER_WORD = 3, 6
LAST = SHAPE.n_layer
CACHE = PREFILL.cache
PLAIN, SITES = observe(MODEL, PassRequest(CACHE, WORD))
OTHER, OTHER_SITES = observe(MODEL, PassRequest(CACHE, OTHER_WORD, (Push("doubt", 1.0, 4),)))
MEAN = np.arange(1.0, SHAPE.d_head + 1)
DIRECTION = random_direction(5, 2.0, SHAPE.n_embd)

Put = dict[tuple[str, int, int], Array]  # (site, layer, head; 0 where the site has no heads) -> what stands there


# -- a pass in plain Python


@dataclass
class Slow:
    """A slow pass: what is put at sites of the last word, what stood at each, and the logits."""

    put: Put
    at: dict[tuple[str, int, int], list[float]] = field(default_factory=dict)
    logits: list[float] = field(default_factory=list)

    def site(self, name: str, layer: int, head: int, x: list[float]) -> list[float]:
        """Return what is put at a site, or what stands there, and remember it."""
        key = name, layer, head
        self.at[key] = [float(v) for v in self.put[key]] if key in self.put else x
        return self.at[key]


def times(x: Sequence[float], matrix: Array) -> list[float]:
    return [sum(x[i] * float(matrix[i, j]) for i in range(len(x))) for j in range(matrix.shape[1])]


def normed(x: Sequence[float]) -> list[float]:
    rms = math.sqrt(sum(v * v for v in x) / len(x) + NORM_EPSILON)
    return [v / rms for v in x]


def rotated(x: Sequence[float], position: int) -> list[float]:
    out, half = list(x), len(x) // 2
    for i in range(half):
        angle = position * ROPE_BASE ** (-i / half)
        a, b = x[i], x[i + half]
        out[i], out[i + half] = a * math.cos(angle) - b * math.sin(angle), b * math.cos(angle) + a * math.sin(angle)
    return out


def attended(q: list[float], keys: Sequence[list[float]], values: Sequence[list[float]]) -> list[float]:
    scores = [sum(a * b for a, b in zip(q, k, strict=True)) / math.sqrt(len(q)) for k in keys]
    shares = [math.exp(score - max(scores)) for score in scores]
    return [sum(w * v[i] for w, v in zip(shares, values, strict=True)) / sum(shares) for i in range(len(q))]


def added(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [a + b for a, b in zip(one, other, strict=True)]


def slow_pass(weights: Weights, words: Sequence[int], put: Put, add: Mapping[int, Array]) -> Slow:
    """Return the pass of the last of `words`, the whole document computed again, with vectors put and added in it."""
    s, slow, end = weights.shape, Slow(put), len(words) - 1
    pair = [sum(word in weights.metadata.pair_marks for word in words[: at + 1]) for at in range(len(words))]
    xs = [[float(v) for v in weights.wte[word]] for word in words]
    for layer in range(1, s.n_layer + 1):
        if layer <= s.n_attend:
            seen = [[p for p in range(at + 1) if layer > s.n_local or pair[p] == pair[at]] for at in range(len(words))]
            for at, output in enumerate(slow_heads(weights, slow, layer, xs, seen)):
                y = times(output, weights.w_o[layer - 1])
                xs[at] = added(xs[at], slow.site("attention", layer, 0, y) if at == end else y)
        for at, x in enumerate(xs):
            y = times([max(0.0, v) for v in times(normed(x), weights.w_up[layer - 1])], weights.w_down[layer - 1])
            xs[at] = added(x, slow.site("mlp", layer, 0, y) if at == end else y)
        last = slow.site("stream", layer, 0, xs[end])
        xs[end] = slow.at["stream", layer, 0] = added(last, add.get(layer, np.zeros(s.n_embd)).tolist())
    slow.logits = times(normed(xs[end]), weights.unembed)
    return slow


def slow_heads(
    weights: Weights, slow: Slow, layer: int, xs: Sequence[list[float]], seen: Sequence[list[int]]
) -> list[list[float]]:
    """Return the outputs of all heads of a layer, side by side, at every position."""
    s, end = weights.shape, len(xs) - 1
    qkv = [times(normed(x), weights.w_qkv[layer - 1]) for x in xs]
    outputs: list[list[float]] = [[] for _ in xs]
    for head in range(s.n_head):
        q, k, v = ([row[(part * s.n_head + head) * s.d_head :][: s.d_head] for row in qkv] for part in range(3))
        k[end], v[end] = slow.site("key", layer, head, k[end]), slow.site("value", layer, head, v[end])
        for at in range(len(xs)):
            keys, values = [rotated(k[p], p) for p in seen[at]], [v[p] for p in seen[at]]
            y = attended(rotated(q[at], at), keys, values)
            outputs[at] += slow.site("head", layer, head, y) if at == end else y
    return outputs


def put_sites(sites: Sites, name: str, layers: Sequence[int]) -> Put:
    """Return what `sites` has at a site without heads, for `layers`."""
    return {(name, layer, 0): getattr(sites, name)[layer - 1] for layer in layers}


def both(layers: Sequence[int]) -> Put:
    return put_sites(OTHER_SITES, "attention", [layer for layer in layers if layer <= BOUNDARY]) | put_sites(
        OTHER_SITES, "mlp", layers
    )


CASES: dict[str, tuple[tuple[Hook, ...], Put, dict[int, Array]]] = {
    "nothing": ((), {}, {}),
    "silence in a local layer": ((Silence(2, 1),), {("head", 2, 1): np.zeros(SHAPE.d_head)}, {}),
    "silence twice": (
        (Silence(FIRST, 0), Silence(5, 1, MEAN)),
        {("head", FIRST, 0): np.zeros(SHAPE.d_head), ("head", 5, 1): MEAN},
        {},
    ),
    "freeze": ((Freeze(3, 7, OTHER_SITES),), both(range(3, 8)), {}),
    "freeze attention": ((Freeze(2, 9, OTHER_SITES, mlp=False),), put_sites(OTHER_SITES, "attention", range(2, 7)), {}),
    "freeze mlp": ((Freeze(2, 9, OTHER_SITES, attention=False),), put_sites(OTHER_SITES, "mlp", range(2, 10)), {}),
    "patch stream": ((Patch("stream", 4, None, OTHER_SITES),), {("stream", 4, 0): OTHER_SITES.stream[4]}, {}),
    "patch head": ((Patch("head", 4, 1, OTHER_SITES),), {("head", 4, 1): OTHER_SITES.head[3, 1]}, {}),
    "patch key": ((Patch("key", 4, 1, OTHER_SITES),), {("key", 4, 1): OTHER_SITES.key[3, 1]}, {}),
    "patch value": ((Patch("value", 1, 0, OTHER_SITES),), {("value", 1, 0): OTHER_SITES.value[0, 0]}, {}),
    "add": ((AddDirection(4, DIRECTION),), {}, {4: DIRECTION}),
    "add in the decoder": ((AddDirection(LAST, DIRECTION),), {}, {LAST: DIRECTION}),
    "patch and add": (
        (Patch("stream", 4, None, OTHER_SITES), AddDirection(4, DIRECTION)),
        {("stream", 4, 0): OTHER_SITES.stream[4]},
        {4: DIRECTION},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_pass_with_hooks_agrees_with_one_in_plain_python_at_every_site(case: str) -> None:
    hooks, put, add = CASES[case]
    result, sites = observe(MODEL, PassRequest(CACHE, WORD, hooks=hooks))
    slow = slow_pass(WEIGHTS, (*CACHE.words, WORD), put, add)
    assert np.abs(result.logits - slow.logits).max() < 1e-6
    for (name, layer, head), expected in slow.at.items():
        if "freeze" in case and name == "head":
            continue  # recorded as frozen, which the slow pass does not do; see below
        row = layer if name == "stream" else layer - 1
        recorded = getattr(sites, name)[row]
        assert np.allclose(recorded[head] if name in {"key", "value", "head"} else recorded, expected, atol=1e-9), name


def changes(hooks: Sequence[Hook]) -> bool:
    return not np.array_equal(step(MODEL, CACHE, WORD, hooks=hooks).logits, PLAIN.logits)


def test_every_hook_changes_something() -> None:
    assert [case for case, (hooks, _, _) in CASES.items() if not changes(hooks)] == ["nothing"]


# -- nothing hooked, and a pass put into itself


def same(one: PassResult, other: PassResult) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("logits", "streams", "attention")]
    pairs += [(tail(one.cache), tail(other.cache))]
    return all(a is b is None or a.tobytes() == b.tobytes() for a, b in pairs)


@pytest.mark.parametrize("interventions", [(), INTERVENTIONS, (Drop(LAST, 4),)], ids=["none", "all", "drop"])
def test_a_pass_observed_or_put_into_itself_is_the_same_to_the_bit(interventions: tuple[Any, ...]) -> None:
    alone = step(MODEL, CACHE, WORD, interventions)
    observed, sites = observe(MODEL, PassRequest(CACHE, WORD, interventions))
    assert same(alone, observed)
    heads = [(layer, head) for layer in range(1, BOUNDARY + 1) for head in range(SHAPE.n_head)]
    for site in ("key", "value", "head"):
        assert same(alone, step(MODEL, CACHE, WORD, interventions, [Patch(site, *at, sites) for at in heads]))
    streams = [Patch("stream", layer, None, sites) for layer in range(1, LAST + 1)]
    assert same(alone, step(MODEL, CACHE, WORD, interventions, streams))
    assert same(alone, step(MODEL, CACHE, WORD, interventions, [Freeze(1, LAST, sites)]))


def test_freezing_everything_gives_the_frozen_pass_and_what_was_added() -> None:
    result, sites = observe(MODEL, PassRequest(CACHE, WORD, hooks=(Freeze(1, LAST, SITES), AddDirection(4, DIRECTION))))
    assert np.array_equal(result.streams[:4], PLAIN.streams[:4])
    assert np.allclose(result.streams[4:], PLAIN.streams[4:] + DIRECTION)
    assert all(np.array_equal(getattr(sites, name), getattr(SITES, name)) for name in ("head", "attention", "mlp"))
    assert not np.array_equal(sites.key[4], SITES.key[4])  # its own keys are those of its own stream


def test_a_row_without_hooks_is_the_same_to_the_bit_beside_rows_with_hooks() -> None:
    bare = [PassRequest(CACHE, word) for word in (WORD, 4, WORD, 5)]
    hooked = [replace(bare[0], hooks=(Silence(4, 0), AddDirection(2, DIRECTION))), *bare[1:3], replace(bare[3], hooks=())]
    before, after = step_many(MODEL, bare), step_many(MODEL, hooked)
    assert all(same(before[row], after[row]) for row in (1, 2, 3))
    assert not same(before[0], after[0])


def test_passes_with_hooks_run_together_agree_with_passes_run_alone() -> None:
    requests = [
        PassRequest(CACHE, word, acts, hooks)
        for word in (WORD, 5)
        for acts in ((), INTERVENTIONS[:6])
        for hooks, _, _ in CASES.values()
    ]
    for request, result in zip(requests, step_many(MODEL, requests), strict=True):
        alone = step(MODEL, request.cache, request.word, request.interventions, request.hooks)
        assert np.abs(result.logits - alone.logits).max() < 2e-6
        assert np.allclose(tail(result.cache)[0], tail(alone.cache)[0])


@pytest.mark.parametrize("interventions", [(), INTERVENTIONS[:8], INTERVENTIONS], ids=["none", "most", "all"])
def test_a_silenced_head_is_a_head_without_rows_in_the_output_matrix(interventions: tuple[Any, ...]) -> None:
    past = step(MODEL, CACHE, 4, (Rewrite(3, "foot", FIRST),)).cache
    w_o = WEIGHTS.w_o.copy()
    w_o[3, SHAPE.d_head :] = 0
    interventions = tuple(act for act in interventions if not isinstance(act, Rewrite))  # it runs a pass of its own
    without = step(Model(replace(WEIGHTS, w_o=w_o), MODEL.notes), past, WORD, interventions)
    silenced = step(MODEL, past, WORD, interventions, [Silence(4, 1)])
    assert np.allclose(silenced.streams, without.streams, rtol=0, atol=1e-12)


def test_a_table_of_hooks_leaves_what_it_is_given() -> None:
    table, x = HookTable(SHAPE, [[AddDirection(2, DIRECTION)]]), np.zeros((1, SHAPE.n_embd))
    assert table.apply("stream", 1, x) is x
    assert np.array_equal(table.apply("stream", 2, x), DIRECTION[None])
    assert not x.any()


def test_a_dropped_layer_adds_nothing_and_what_was_recorded_is_read_only() -> None:
    sites = observe(MODEL, PassRequest(CACHE, WORD, (Drop(BOUNDARY + 1, 5),)))[1]
    for array in (sites.head[4:BOUNDARY], sites.attention[4:BOUNDARY], sites.mlp[4 : BOUNDARY + 1]):
        assert not array.any()
    assert sites.mlp[BOUNDARY + 1].any()
    for name in ("key", "value", "head", "attention", "mlp", "stream"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(sites, name)[0] = 0


def test_a_random_direction_is_that_of_a_random_push() -> None:
    length = 0.5 * float(np.linalg.norm(PLAIN.streams[4]))
    pushed = step(MODEL, CACHE, WORD, (RandomPush(5, 0.5, 4),))
    hooked = step(MODEL, CACHE, WORD, hooks=[AddDirection(4, random_direction(5, length, SHAPE.n_embd))])
    assert np.allclose(pushed.streams, hooked.streams)
    assert np.linalg.norm(DIRECTION) == pytest.approx(2)


# -- keys and values of a word apart


def test_a_word_has_the_keys_of_one_pass_and_the_values_of_another() -> None:
    pushed = step(MODEL, CACHE, WORD, (Push("doubt", 1.0, 2),)).cache
    mixed = mix_last(pushed, PLAIN.cache)
    assert np.array_equal(tail(mixed)[0], tail(pushed)[0])
    assert np.array_equal(tail(mixed)[1], tail(PLAIN.cache)[1])
    assert not mixed.tail[-1].flags.writeable
    assert same(step(MODEL, mix_last(pushed, pushed), 5), step(MODEL, pushed, 5))
    logits = [step(MODEL, cache, 5).logits for cache in (PLAIN.cache, pushed, mixed, mix_last(PLAIN.cache, pushed))]
    assert len({row.tobytes() for row in logits}) == 4


def test_mixing_is_patching_the_keys_as_the_word_is_read_again() -> None:
    pushed = step(MODEL, CACHE, WORD, (Push("doubt", 1.0, 2),)).cache
    keys = observe(MODEL, PassRequest(CACHE, WORD, (Push("doubt", 1.0, 2),)))[1]
    at = [(layer, head) for layer in range(1, BOUNDARY + 1) for head in range(SHAPE.n_head)]
    frozen: list[Hook] = [Freeze(1, LAST, SITES), *(Patch("key", *site, keys) for site in at)]
    patched = step(MODEL, CACHE, WORD, hooks=frozen).cache
    assert np.allclose(tail(patched)[0], tail(mix_last(pushed, PLAIN.cache))[0])
    assert np.allclose(tail(patched)[1], tail(mix_last(pushed, PLAIN.cache))[1])


def pairs_that_cannot_be_mixed() -> dict[str, tuple[Cache, Cache]]:
    pushed, plain = step(MODEL, CACHE, WORD, (Push("doubt", 1.0, 2),)).cache, PLAIN.cache

    def then(cache: Cache) -> Cache:
        return step(MODEL, cache, 4).cache

    return {
        "other words": (plain, OTHER.cache),
        "one with a rewrite": (plain, step(MODEL, CACHE, WORD, (Rewrite(3, "foot", FIRST),)).cache),
        "other shared parts": (plain, replace(plain, shared_v=plain.shared_v.copy())),
        "other keys before": (then(plain), then(mix_last(pushed, plain))),
        "other values before": (then(plain), then(mix_last(plain, pushed))),
        "no tail": (CACHE, CACHE),
    }


@pytest.mark.parametrize("pair", pairs_that_cannot_be_mixed())
def test_only_passes_of_one_word_after_one_past_can_be_mixed(pair: str) -> None:
    with pytest.raises(ValueError, match="differ in the last pass only"):
        mix_last(*pairs_that_cannot_be_mixed()[pair])


# -- attribution


@pytest.mark.parametrize("hooks", [(), CASES["freeze"][0], CASES["patch and add"][0], CASES["silence twice"][0]])
@pytest.mark.parametrize("interventions", [(), INTERVENTIONS, INTERVENTIONS[2:4]], ids=["none", "all", "pushes"])
def test_the_contributions_of_all_parts_sum_to_the_logits(hooks: tuple[Hook, ...], interventions: tuple[Any, ...]) -> None:
    _, sites = observe(MODEL, PassRequest(CACHE, WORD, interventions, hooks))
    parts = head_contributions(WEIGHTS, sites, (4, 5, 0))
    assert parts.heads.shape == (SHAPE.n_attend, SHAPE.n_head, 3)
    exact = norm(sites.stream[-1]) @ WEIGHTS.unembed[:, [4, 5, 0]]
    assert np.abs(parts.total() - exact).max() < 1e-9


def test_acts_contribute_where_they_are_made_and_nowhere_else() -> None:
    _, sites = observe(MODEL, PassRequest(CACHE, WORD, (Push("doubt", 1.0, 4),)))
    acts = head_contributions(WEIGHTS, sites, (4,)).acts[:, 0]
    assert np.flatnonzero(np.abs(acts) > 1e-9).tolist() == [3]


# -- errors


WIDE = replace(SITES, stream=np.zeros((3, 8)))
NONE = replace(SITES, head=np.zeros((1, 2, 4)))


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (Silence(0, 0), "Silence: no layer 0; the layers with attention are 1 to 6"),
        (Silence(BOUNDARY + 1, 0), "Silence: no layer 7; the layers with attention are 1 to 6"),
        (Silence(1, 2), "Silence: no head 2; the heads are 0 to 1"),
        (Silence(1, -1), "Silence: no head -1"),
        (Silence(1, 0, np.zeros(3)), r"Silence: the vector has shape \(3,\), not \(4,\)"),
        (Silence(1, 0, np.full(4, np.nan)), "Silence: a number for the head of layer 1 is not finite"),
        (Freeze(0, 3, SITES), "Freeze: no layer 0; the layers are 1 to 9"),
        (Freeze(1, 10, SITES), "Freeze: no layer 10"),
        (Freeze(4, 3, SITES), "Freeze: nothing is frozen from layer 4 to 3"),
        (Freeze(1, 3, SITES, attention=False, mlp=False), "Freeze: nothing is frozen"),
        (Freeze(7, 9, SITES, mlp=False), "Freeze: nothing is frozen from layer 7 to 9"),
        (Freeze(1, 3, WIDE), "Freeze: the source is a pass of another network"),
        (Patch("head", 1, 0, NONE), "Patch: the source is a pass of another network"),
        (Patch("stream", 10, None, SITES), "Patch: no layer 10; the layers are 1 to 9"),
        (Patch("stream", 1, 0, SITES), "Patch: the stream has no head 0"),
        (Patch("key", 7, 0, SITES), "Patch: no layer 7; the layers with attention are 1 to 6"),
        (Patch("value", 1, None, SITES), "Patch: no head None; the heads are 0 to 1"),
        (Patch("mlp", 1, 0, SITES), "Patch: no site 'mlp'; the sites are stream, head, key, value"),  # type: ignore[arg-type]
        (AddDirection(10, DIRECTION), "AddDirection: no layer 10"),
        (AddDirection(1, np.zeros(2)), r"AddDirection: the vector has shape \(2,\), not \(8,\)"),
    ],
)
def test_a_hook_that_the_network_cannot_carry_out_is_rejected(hook: Hook, message: str) -> None:
    for run in (step, lambda model, cache, word, _, hooks: step_many(model, [PassRequest(cache, word, (), tuple(hooks))])):
        with pytest.raises(ValueError, match=message):
            run(MODEL, CACHE, WORD, (), [hook])


@pytest.mark.parametrize("hook", [Silence(4, 1), Patch("head", 4, 1, SITES)], ids=["silence", "patch"])
def test_a_head_is_not_changed_where_its_attention_is_frozen(hook: Hook) -> None:
    with pytest.raises(ValueError, match="head 1 of layer 4 changes nothing, as its attention is frozen"):
        step(MODEL, CACHE, WORD, hooks=[hook, Freeze(1, 9, SITES)])
    assert step(MODEL, CACHE, WORD, hooks=[hook, Freeze(1, 9, SITES, attention=False), Freeze(5, 9, SITES)])


@pytest.mark.parametrize("unknown", [None, "look", (1, 2), Silence(4, 0)], ids=str)
def test_an_unknown_kind_of_intervention_or_hook_is_rejected(unknown: Any) -> None:
    with pytest.raises(TypeError, match=f"{type(unknown).__name__} is not a kind of intervention"):
        step(MODEL, CACHE, WORD, [unknown])
    if not isinstance(unknown, Silence):
        with pytest.raises(TypeError, match=f"{type(unknown).__name__} is not a kind of hook"):
            step(MODEL, CACHE, WORD, hooks=[unknown])
    with pytest.raises(TypeError, match="Push is not a kind of hook"):
        step(MODEL, CACHE, WORD, hooks=[Push("doubt", 1.0, 4)])  # type: ignore[list-item]


# -- the flagship, at `has`


@pytest.fixture(scope="module")
def computed() -> ComputedPass:
    world = open_world("forward-pass")
    return ComputedPass(world, world.folder / str(world.model))


def request(computed: ComputedPass, words: tuple[str, ...] = ("foot", "has"), **acts: tuple[Act, ...]) -> PassRequest:
    """Return the request for the pass after some words, with acts by the name of the token: ``your``, ``foot``, ``has``."""
    key = PassKey(words, tuple(acts.get(token, ()) for token in ("your", "foot", "has")[: len(words) + 1]))
    past = computed.run_pass(key.at(len(words) - 1)).cache if words else computed.computation.prompt_cache
    return computed.computation.request(key, past)


def chances(computed: ComputedPass, request: PassRequest, *hooks: Hook, words: str = "two no") -> list[float]:
    """Return the chances of some words after a pass with hooks."""
    result = step(computed.computation.model, request.cache, request.word, request.interventions, hooks)
    distribution = computed.computation.distribution(result.logits)
    return [distribution.p(word) for word in words.split()]


def test_half_a_doubt_needs_no_layer_between_it_and_the_decoder(computed: ComputedPass) -> None:
    untouched = observe(computed.computation.model, request(computed))[1]
    doubt = request(computed, has=(Act("doubt", 60),))
    assert chances(computed, doubt) == pytest.approx([0.497, 0.316], abs=0.02)
    assert chances(computed, doubt, Freeze(61, 72, untouched)) == pytest.approx([0.508, 0.313], abs=0.02)


def test_an_honest_note_is_read_by_the_first_heads_of_six_layers(computed: ComputedPass) -> None:
    noted = request(computed, your=(Act("note-honest", 33),))
    assert chances(computed, noted, words="no") == pytest.approx([0.69], abs=0.02)
    reading = [Silence(layer, 0) for layer in range(65, 71)]
    assert chances(computed, noted, *reading) == pytest.approx([0.31, 0.42], abs=0.02)
    assert chances(computed, noted, Silence(53, 1), Silence(56, 1), words="no") == pytest.approx([0.69], abs=0.02)


def test_without_what_layers_from_33_add_after_a_note_the_pass_is_untouched(computed: ComputedPass) -> None:
    untouched, sites = observe(computed.computation.model, request(computed))
    noted = request(computed, your=(Act("note-honest", 33),))
    for freeze in (Freeze(33, 72, sites), Freeze(33, 72, sites, mlp=False)):
        result = step(computed.computation.model, noted.cache, noted.word, hooks=[freeze])
        assert np.array_equal(result.streams, untouched.streams)
    assert chances(computed, noted, Freeze(33, 72, sites)) == pytest.approx([0.72, 0.14], abs=0.02)
    assert chances(computed, noted, Freeze(33, 72, sites, attention=False), words="no") == pytest.approx([0.64], abs=0.02)


@pytest.mark.parametrize(
    ("keys_doubt", "values_doubt", "expected"),
    [
        (False, False, [0.28, 0.58]),
        (True, True, [0.59, 0.21]),
        (False, True, [0.60, 0.19]),
        (True, False, [0.32, 0.54]),
    ],
    ids=["neither", "both", "values", "keys"],
)
def test_an_unsigned_doubt_works_by_its_values(
    computed: ComputedPass, *, keys_doubt: bool, values_doubt: bool, expected: list[float]
) -> None:
    doubt, stare = (Act("doubt-whole", 57),), (Act("stare-your", 33),)
    model, words = computed.computation.model, ("foot", "has")
    passes = [
        step(model, r.cache, r.word, r.interventions).cache for r in (request(computed, ()), request(computed, (), your=doubt))
    ]
    cache = step(model, mix_last(passes[keys_doubt], passes[values_doubt]), computed.computation.ids["foot"]).cache
    stared = replace(request(computed, words, has=stare), cache=cache)
    assert chances(computed, stared) == pytest.approx(expected, abs=0.02)


def test_the_sentence_stops_at_foot_without_the_layers_from_34_and_not_without_those_from_33(computed: ComputedPass) -> None:
    def after(layer: int) -> list[float]:
        return chances(computed, request(computed, ("foot",), foot=(Act("drop-self", layer),)), words=". has")

    assert after(34) == pytest.approx([0.53, 0.46], abs=0.02)
    assert after(33) == pytest.approx([0.44, 0.56], abs=0.02)


def test_every_head_of_the_upper_layers_silenced_in_one_batch_agrees_with_one_alone(computed: ComputedPass) -> None:
    model, bare = computed.computation.model, request(computed)
    shape = model.weights.shape
    heads = [(layer, head) for layer in range(shape.n_local + 1, shape.n_attend + 1) for head in range(shape.n_head)]
    results = step_many(model, [replace(bare, hooks=(Silence(*at),)) for at in heads])
    assert len(results) == 80
    alone = step(model, bare.cache, bare.word, hooks=[Silence(*heads[50])])
    assert np.abs(results[50].logits - alone.logits).max() < 2e-6


def test_the_contributions_to_a_word_of_the_flagship_sum_to_its_logit(computed: ComputedPass) -> None:
    model = computed.computation.model
    result, sites = observe(model, request(computed, has=(Act("doubt", 60),)))
    words = [model.weights.ids[word] for word in ("two", "no")]
    total = head_contributions(model.weights, sites, words).total()
    assert np.abs(total - (norm(result.streams[-1]) @ model.weights.unembed)[words]).max() < 1e-9
    assert np.abs(total - result.logits[words]).max() < 1e-6
