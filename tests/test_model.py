"""The pass: the same as a plain-Python transformer, the same twice, the same on any machine; and what acts do to it."""

import hashlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forward_pass.network.interventions import Act, Bend, CausalityError, Drop, Look, Note, Push, RandomPush, Rewrite
from forward_pass.network.model import (
    Cache,
    Model,
    PassRequest,
    PassResult,
    decoder,
    lens,
    logprob_gradient,
    max_difference,
    mlp,
    norm,
    note_kv,
    prefill,
    probe,
    recompute,
    softmax,
    step,
    step_many,
    truncate_cache,
)
from forward_pass.network.weights import (
    NORM_EPSILON,
    ROPE_BASE,
    Array,
    Metadata,
    Parameters,
    Shape,
    Weights,
    pack_weights,
    parse_weights,
    read_weights,
)

SHAPE = Shape(n_vocab=9, n_embd=8, n_head=2, d_head=4, n_hidden=12, n_local=2, n_global=4, n_mlp=3)
MARK, FIRST, DOOR = 2, 3, 6  # the id that opens a pair; the first layer that sees everything; the last that attends
WORDS = (0, 2, 5, 6, 1, 2, 7, 5, 8, 3)
SHIPPED = Path(__file__).parents[1] / "worlds/forward-pass/weights.fpw"

EVERY_ACT: tuple[Act, ...] = (
    Look(1, 4, 4.0, FIRST),
    Look(2, 3, -30.0, 5),
    Push("doubt", 1.0, 4),
    Push("doubt", 0.3, FIRST, 5),
    RandomPush(3, 0.5, 5),
    Note("honest", FIRST),
    Note("honest", 4, 0.5),
    Rewrite(3, 7, FIRST),
    Bend(4, 0.2, DOOR),
    Drop(4, 5),
)


def tiny_weights() -> Weights:
    s, draw = SHAPE, np.random.RandomState(7).standard_normal
    width = s.n_head * s.d_head
    parameters = Parameters(
        s,
        wte=draw((s.n_vocab, s.n_embd)),
        ln_f=1 + 0.1 * draw(s.n_embd),
        ln_1=1 + 0.1 * draw((s.n_attend, s.n_embd)),
        ln_2=1 + 0.1 * draw((s.n_layer, s.n_embd)),
        w_qkv=draw((s.n_attend, 3 * width, s.n_embd)) / 2,
        w_o=draw((s.n_attend, s.n_embd, width)) / 4,
        w_up=draw((s.n_layer, s.n_hidden, s.n_embd)) / 3,
        w_down=draw((s.n_layer, s.n_embd, s.n_hidden)) / 4,
    )
    words = ("<doc>", "\n", "Q:", "A:", "two", "no", "has", "foot", "eyes")
    probes = {"nonsense": draw((s.n_layer, s.n_embd + 1))}
    return parse_weights(pack_weights(parameters, Metadata(words, (MARK,), {"doubt": draw((s.n_layer, s.n_embd))}, probes, {})))


WEIGHTS = tiny_weights()
READING = prefill(WEIGHTS, WORDS[:-2])
MODEL = Model(WEIGHTS, {"honest": note_kv(WEIGHTS, truncate_cache(WEIGHTS, READING.cache, 5), (2, 6, 4), 2)})


def plain_logits(weights: Weights, words: Sequence[int]) -> list[list[float]]:  # noqa: C901  (loops in loops)
    """Return the forward pass in plain Python: lists, loops, and the formulas as the papers have them."""
    s = weights.shape
    h, e = s.n_head, s.d_head
    pair = [sum(word in weights.label.pair_marks for word in words[: at + 1]) for at in range(len(words))]

    def times(x: list[float], matrix: np.ndarray) -> list[float]:
        return [sum(x[i] * float(matrix[i, j]) for i in range(len(x))) for j in range(matrix.shape[1])]

    def normed(x: list[float]) -> list[float]:
        rms = math.sqrt(sum(v * v for v in x) / len(x) + NORM_EPSILON)
        return [v / rms for v in x]

    def turned(x: list[float], position: int) -> list[float]:
        out = list(x)
        for i in range(e // 2):
            angle = position * ROPE_BASE ** (-i / (e // 2))
            a, b = x[i], x[i + e // 2]
            out[i], out[i + e // 2] = a * math.cos(angle) - b * math.sin(angle), b * math.cos(angle) + a * math.sin(angle)
        return out

    xs = [[float(v) for v in weights.wte[word]] for word in words]
    for layer in range(s.n_layer):
        if layer < s.n_attend:
            qkv = [times(normed(x), weights.w_qkv[layer]) for x in xs]

            def cut(at: int, which: int, head: int, qkv: list[list[float]] = qkv) -> list[float]:
                start = (which * h + head) * e
                part = qkv[at][start : start + e]
                return part if which == 2 else turned(part, at)

            for at in range(len(xs)):
                seen = [p for p in range(at + 1) if layer >= s.n_local or pair[p] == pair[at]]
                read: list[float] = []
                for head in range(h):
                    q = cut(at, 0, head)
                    scores = [sum(a * b for a, b in zip(q, cut(p, 1, head), strict=True)) / math.sqrt(e) for p in seen]
                    shares = [math.exp(v - max(scores)) for v in scores]
                    values = [cut(p, 2, head) for p in seen]
                    total = sum(shares)
                    read += [sum(w * v[i] for w, v in zip(shares, values, strict=True)) / total for i in range(e)]
                xs[at] = [a + b for a, b in zip(xs[at], times(read, weights.w_o[layer]), strict=True)]
        for at, x in enumerate(xs):
            hidden = [max(0.0, v) for v in times(normed(x), weights.w_up[layer])]
            xs[at] = [a + b for a, b in zip(x, times(hidden, weights.w_down[layer]), strict=True)]
    return [times(normed(x), weights.unembed) for x in xs]


def run_words(words: Sequence[int], cache: Cache = READING.cache) -> PassResult:
    for word in words:
        done = step(MODEL, cache, word)
        cache = done.cache
    return done


# -- the pass is the transformer


def test_reading_equals_a_plain_python_transformer() -> None:
    plain = np.array(plain_logits(WEIGHTS, WORDS))
    assert np.abs(prefill(WEIGHTS, WORDS).logits - plain).max() < 1e-6
    assert (np.round(plain, 6) == prefill(WEIGHTS, WORDS).logits).mean() > 0.99


def test_one_word_at_a_time_is_the_same_as_reading_all_at_once() -> None:
    whole = prefill(WEIGHTS, WORDS)
    last = run_words(WORDS[-2:])
    assert np.abs(last.logits - whole.logits[-1]).max() < 2e-6
    assert last.cache.words == whole.cache.words


def test_a_pair_that_begins_in_the_tail_shuts_out_what_was_before_it() -> None:
    words = (*WORDS, 2, 7, 8, 2, 6)
    last = run_words(words[len(WORDS) - 2 :])
    assert np.abs(last.logits - prefill(WEIGHTS, words).logits[-1]).max() < 2e-6
    assert last.cache.pair_start == len(words) - 2


def test_local_layers_do_not_see_an_earlier_pair() -> None:
    other = (0, 2, 6, 8, 1, *WORDS[5:])
    local, everything = range(1, FIRST), range(FIRST, SHAPE.n_layer + 1)
    one, two = (prefill(WEIGHTS, words, range(1, SHAPE.n_layer + 1)).streams for words in (WORDS, other))
    assert all(np.array_equal(one[layer][5:], two[layer][5:]) for layer in local)
    assert not any(np.array_equal(one[layer][5:], two[layer][5:]) for layer in everything)


def test_two_passes_are_the_same_in_every_number_with_every_act() -> None:
    done, apart = recompute(MODEL, READING.cache, 3, EVERY_ACT)
    assert apart == 0
    assert np.isfinite(done.logits).all()


def test_two_passes_that_are_not_the_same_are_apart_from_where_they_part() -> None:
    once, other = step(MODEL, READING.cache, 3), step(MODEL, READING.cache, 3, (RandomPush(1, 0.5, FIRST),))
    assert max_difference(once, other, FIRST - 1) == 0
    assert 0 < max_difference(once, other, FIRST) <= max_difference(once, other)


def test_logits_are_rounded_to_six_decimals_and_nothing_is_writable() -> None:
    done = step(MODEL, READING.cache, 3)
    assert np.array_equal(done.logits, np.round(done.logits, 6))
    for array in (done.logits, done.streams, done.cache.own_k):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_last_stream_read_by_the_lens_is_the_word_and_the_decoder_agrees() -> None:
    done = step(MODEL, READING.cache, 3)
    assert done.streams.shape == (SHAPE.n_layer + 1, SHAPE.n_embd)
    assert np.array_equal(lens(WEIGHTS, done.streams[-1]), done.logits)
    assert np.abs(decoder(WEIGHTS, done.streams[DOOR]) - done.logits).max() < 2e-6


def test_attention_is_a_share_of_every_word_so_far() -> None:
    done = step(MODEL, READING.cache, 3)
    assert done.attention is not None
    assert done.attention.shape == (SHAPE.n_global, SHAPE.n_head, len(READING.cache.words) + 1)
    assert np.allclose(done.attention.sum(-1), 1)


def test_a_probe_is_a_line_through_the_normed_stream() -> None:
    x = step(MODEL, READING.cache, 3).streams[4]
    row = WEIGHTS.label.probes["nonsense"][3]
    assert probe(WEIGHTS, "nonsense", 4, x) == pytest.approx(
        float(x / np.sqrt((x * x).mean() + NORM_EPSILON) @ row[:-1] + row[-1])
    )


# -- caches are values


def test_a_cache_is_not_changed_by_what_follows_it() -> None:
    before = step(MODEL, READING.cache, 3)
    step(MODEL, READING.cache, 4, (Rewrite(3, 7, FIRST),))
    assert step(MODEL, READING.cache, 3).logits.tobytes() == before.logits.tobytes()


def test_branches_share_the_long_part() -> None:
    a, b = (step(MODEL, READING.cache, word).cache for word in (3, 4))
    assert a.shared_k is b.shared_k is READING.cache.shared_k


@given(st.integers(1, len(WORDS)))
@settings(deadline=None, max_examples=20)
def test_a_cache_cut_back_is_the_cache_that_was(n_words: int) -> None:
    cut = truncate_cache(WEIGHTS, run_words(WORDS[-2:]).cache, n_words)
    fresh = prefill(WEIGHTS, WORDS[:n_words]).cache
    assert (cut.words, cut.pair_start) == (fresh.words, fresh.pair_start)
    assert np.abs(step(MODEL, cut, 4).logits - step(MODEL, fresh, 4).logits).max() < 2e-6


def test_many_passes_together_say_what_each_says_alone() -> None:
    tails = [READING.cache, step(MODEL, READING.cache, 3).cache, step(MODEL, READING.cache, 4, (Rewrite(3, 7, FIRST),)).cache]
    jobs = [PassRequest(cache, word, acts) for cache in tails for word in (2, 5) for acts in ((), EVERY_ACT, EVERY_ACT[:1])]
    for job, done in zip(jobs, step_many(MODEL, jobs), strict=True):
        alone = step(MODEL, job.cache, job.word, job.acts)
        assert np.abs(done.logits - alone.logits).max() < 2e-6
        assert done.cache.words == alone.cache.words
        assert np.abs(step(MODEL, done.cache, 4).logits - step(MODEL, alone.cache, 4).logits).max() < 2e-6


# -- acts


@pytest.mark.parametrize("act", EVERY_ACT, ids=str)
def test_every_act_changes_the_word_and_nothing_below_its_layer(act: Act) -> None:
    done, untouched = step(MODEL, READING.cache, 3, (act,)), step(MODEL, READING.cache, 3)
    assert np.array_equal(done.streams[: act.layer], untouched.streams[: act.layer])  # streams[k] is after layer k
    assert not np.array_equal(done.logits, untouched.logits)


def test_looking_gives_a_span_more_of_the_attention_and_looking_away_takes_it() -> None:
    def share(*acts: Act) -> float:
        attention = step(MODEL, READING.cache, 3, acts).attention
        assert attention is not None
        return float(attention[:, :, 1:4].sum(-1).mean())

    assert share(Look(1, 4, -30.0, FIRST)) < 1e-6 < share() < share(Look(1, 4, 4.0, FIRST)) < share(Look(1, 4, 8.0, FIRST))


def test_a_look_lasts_for_one_word() -> None:
    looked = step(MODEL, READING.cache, 3, (Look(1, 4, 8.0, DOOR),)).cache
    bare = step(MODEL, READING.cache, 3).cache
    assert np.array_equal(looked.own_k[:DOOR], bare.own_k[:DOOR])
    assert np.array_equal(step(MODEL, looked, 4).logits, step(MODEL, bare, 4).logits)


def test_a_push_adds_its_direction_after_its_layer() -> None:
    done, untouched = step(MODEL, READING.cache, 3, (Push("doubt", 0.5, 4),)), step(MODEL, READING.cache, 3)
    assert np.allclose(done.streams[4] - untouched.streams[4], 0.5 * WEIGHTS.label.directions["doubt"][3])


def test_a_borrowed_push_and_a_shake_are_as_long_as_their_share() -> None:
    untouched = step(MODEL, READING.cache, 3).streams[4]
    for act in (Push("doubt", 0.3, 4, 6), RandomPush(1, 0.3, 4)):
        moved = step(MODEL, READING.cache, 3, (act,)).streams[4]
        assert np.linalg.norm(moved - untouched) == pytest.approx(0.3 * np.linalg.norm(untouched))


def test_a_note_without_ink_is_nothing_and_with_ink_it_is_the_notes_word_in_the_cache() -> None:
    bare, faint, full = (step(MODEL, READING.cache, 3, (Note("honest", FIRST, ink),)) for ink in (0.0, 0.5, 1.0))
    assert np.allclose(bare.logits, step(MODEL, READING.cache, 3).logits, atol=2e-6)
    value = full.cache.own_v[SHAPE.n_local :, :, -1]
    assert np.allclose(value, MODEL.notes["honest"].value)
    assert not np.allclose(faint.cache.own_v, full.cache.own_v)


def test_a_note_read_where_it_would_have_stood_is_the_very_word() -> None:
    cache = truncate_cache(WEIGHTS, READING.cache, 5)
    for word in (2, 6):
        cache = step(MODEL, cache, word).cache
    typed = step(MODEL, cache, 4).cache
    forged = step(MODEL, cache, 4, (Note("honest", FIRST),)).cache
    assert np.allclose(typed.own_k, forged.own_k)


def test_a_note_in_the_local_layers_waits_for_the_first_that_sees_everything() -> None:
    early, first = (step(MODEL, READING.cache, 3, (Note("honest", layer),)).logits for layer in (1, FIRST))
    assert np.array_equal(early, first)


def test_rewriting_a_word_as_itself_is_nothing() -> None:
    done = step(MODEL, READING.cache, 3, (Rewrite(3, WORDS[3], FIRST),))
    assert np.abs(done.logits - step(MODEL, READING.cache, 3).logits).max() < 2e-6


def test_a_rewritten_word_stays_rewritten_and_can_be_rewritten_back() -> None:
    wrong = step(MODEL, READING.cache, 3, (Rewrite(3, 7, FIRST),)).cache
    right = step(MODEL, READING.cache, 3).cache
    assert not np.array_equal(step(MODEL, wrong, 4).logits, step(MODEL, right, 4).logits)
    assert len(step(MODEL, wrong, 4, (Rewrite(3, WORDS[3], FIRST),)).cache.edits) == 1


def test_a_word_in_the_tail_can_be_rewritten_too() -> None:
    cache = run_words(WORDS[-2:]).cache
    done = step(MODEL, cache, 4, (Rewrite(len(WORDS) - 1, 8, 1),))
    in_place = step(MODEL, truncate_cache(WEIGHTS, cache, len(WORDS) - 1), 8).cache
    n_local = SHAPE.n_local
    edit = done.cache.edits[0]
    assert np.allclose(cache.own_k[n_local:, :, -1] + edit.key, in_place.own_k[n_local:, :, -1])


def jacobian(x: Array, poke: float) -> Array:
    """Return how each logit answers to each number at the decoder's door, [d, V], by poking all d of them both ways."""
    up, down = x + poke * np.eye(len(x)), x - poke * np.eye(len(x))
    for at in range(SHAPE.n_attend, SHAPE.n_layer):
        up, down = up + mlp(WEIGHTS, at, up), down + mlp(WEIGHTS, at, down)
    return np.asarray((norm(up) - norm(down)) @ WEIGHTS.unembed / (2 * poke))


def test_the_gradient_that_bends_follow_is_what_poking_every_number_finds() -> None:
    x = step(MODEL, READING.cache, 3).streams[DOOR]
    poked = jacobian(x, poke=1e-5)
    p = softmax(decoder(WEIGHTS, x))
    gradient = logprob_gradient(WEIGHTS, x[None], np.array([5]))[0]
    assert poked.shape == (SHAPE.n_embd, SHAPE.n_vocab)
    assert np.abs(poked[:, 5] - poked @ p - gradient).max() < 1e-5


@pytest.mark.parametrize("word", range(SHAPE.n_vocab))
def test_a_bend_makes_its_word_likelier_and_stays_within_its_share(word: int) -> None:
    done, untouched = step(MODEL, READING.cache, 3, (Bend(word, 0.3, DOOR),)), step(MODEL, READING.cache, 3)
    assert softmax(done.logits)[word] > softmax(untouched.logits)[word]
    gone = np.linalg.norm(done.streams[DOOR] - untouched.streams[DOOR])
    assert gone <= 0.3 * np.linalg.norm(untouched.streams[DOOR]) * (1 + 1e-9)


def test_layers_taken_out_leave_the_stream_as_it_was() -> None:
    streams = step(MODEL, READING.cache, 3, (Drop(FIRST, DOOR),)).streams
    assert all(np.array_equal(streams[layer], streams[FIRST - 1]) for layer in range(FIRST, DOOR + 1))


@pytest.mark.parametrize(
    "act",
    [Look(3, 10, 4.0, FIRST), Look(-1, 2, 4.0, FIRST), Look(4, 4, 4.0, FIRST), Rewrite(8, 1, FIRST), Rewrite(-1, 1, FIRST)],
)
def test_an_act_on_what_is_not_yet_there_is_refused(act: Act) -> None:
    assert len(READING.cache.words) == 8
    with pytest.raises(CausalityError, match="the pass is at position 8"):
        step(MODEL, READING.cache, 3, (act,))


def test_one_may_look_at_oneself() -> None:
    assert step(MODEL, READING.cache, 3, (Look(8, 9, 4.0, FIRST),)).attention is not None


@pytest.mark.parametrize("act", [Push("doubt", 1.0, 0), Push("doubt", 1.0, DOOR + 1), Bend(1, 0.1, DOOR - 1)])
def test_an_act_that_cannot_begin_at_its_layer_is_refused(act: Act) -> None:
    with pytest.raises(ValueError, match="cannot begin at layer"):
        step(MODEL, READING.cache, 3, (act,))


def test_an_unknown_direction_or_note_is_refused() -> None:
    for act in (Push("greed", 1.0, 4), Note("hello", 4)):
        with pytest.raises(KeyError):
            step(MODEL, READING.cache, 3, (act,))


# -- the same on every machine

_DIGEST = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_model import digest_of_everything
print(digest_of_everything())
"""


def digest_of_everything() -> str:
    """SHA-256 over the logits of reading, of passes with every act, and of passes run together."""
    parts = [READING.logits]
    parts += [step(MODEL, READING.cache, 3, (act,)).logits for act in EVERY_ACT]
    parts += [
        done.logits for done in step_many(MODEL, [PassRequest(READING.cache, word, EVERY_ACT) for word in range(SHAPE.n_vocab)])
    ]
    return hashlib.sha256(b"".join((part + 0.0).tobytes() for part in parts)).hexdigest()


def digest_under(**settings: str) -> str:
    environment = {**os.environ, **settings, "PYTHONPATH": str(Path(__file__).parents[1] / "game")}
    done = subprocess.run([sys.executable, "-c", _DIGEST], env=environment, capture_output=True, text=True, check=False)
    if done.returncode == -signal.SIGILL:
        pytest.skip(f"this processor lacks instructions that {settings} needs")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("kernel", ["Haswell", "SkylakeX", "Zen", "Nehalem", "Prescott"])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_logits_are_the_same_under_every_kernel_and_number_of_threads(kernel: str, threads: str) -> None:
    assert digest_under(OPENBLAS_CORETYPE=kernel, OPENBLAS_NUM_THREADS=threads) == digest_of_everything()


@pytest.mark.skipif(not SHIPPED.exists(), reason="no weights have been trained yet")
def test_the_shipped_network_is_quick_enough_to_play() -> None:
    weights = read_weights(SHIPPED)
    began = time.perf_counter()
    cache = prefill(weights, [index % weights.shape.n_vocab for index in range(400)]).cache
    reading = time.perf_counter() - began
    acts = (Look(1, 40, 4.0, 33), Push("doubt", 0.25, 57))
    seconds = []
    for _ in range(9):
        began = time.perf_counter()
        step(Model(weights, {}), cache, 5, acts)
        seconds.append(time.perf_counter() - began)
    assert reading < 10  # 0.5 s asked for where nothing else runs: make bench measures it
    assert sorted(seconds)[4] < 0.5  # 10 ms asked for: make bench measures it
