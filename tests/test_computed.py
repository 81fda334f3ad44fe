"""The pass that the model computes, through the port and with the flagship's prompt."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bless import GOLDEN, read_golden
from building import WORLDS
from forward_pass.errors import ForwardPassError
from forward_pass.loading.loader import read_world
from forward_pass.network.model import Cache, PassResult
from forward_pass.network.passes import MAX_LONG_BYTES, MAX_SHORT_BYTES, ComputedPass, open_pass
from forward_pass.session.inspection import inspect_pass, inspect_unmodified, unmodified_key
from forward_pass.story.interventions import Bend
from forward_pass.story.state import OPENING, Act, PassKey
from forward_pass.story.world import World
from forward_pass.training.grammar import read_grammar

FLAGSHIP = WORLDS / "forward-pass"
HAS = OPENING.followed_by("foot", "has")


@pytest.fixture(scope="module")
def world() -> World:
    reading = read_world(FLAGSHIP)
    assert reading.story is not None, "\n".join(map(str, reading.problems))
    return World(reading.story, FLAGSHIP)


@pytest.fixture(scope="module")
def computed(world: World) -> ComputedPass:
    computed = open_pass(world)
    assert isinstance(computed, ComputedPass)
    return computed


def test_without_acts_the_likeliest_words_are_those_the_story_needs(world: World, computed: ComputedPass) -> None:
    key = unmodified_key(world, computed, world.first_token + 7)
    assert key.words == ("foot", "has", "two", "eyes", ".", "\n", "\n")
    assert 0.55 <= computed.distribution(HAS).p("two") <= 0.75
    assert computed.source == "model"


def test_after_the_blank_line_a_question_is_likeliest(world: World, computed: ComputedPass) -> None:
    assert unmodified_key(world, computed, world.first_token + 8).words[-1] == "Q:"


@pytest.mark.parametrize("acts", [(), (Act("doubt", 60),)])
@pytest.mark.parametrize("guess", [("two", "eyes", ".", "\n"), ("two", "no", "no", "no"), ("no", "eyes"), ("two",), ()])
def test_passes_that_are_guessed_at_are_those_computed_one_by_one(
    world: World, computed: ComputedPass, acts: tuple[Act, ...], guess: tuple[str, ...]
) -> None:
    fresh, key = ComputedPass(world, FLAGSHIP / (world.model or "")), HAS._replace(acts=((), (), acts))
    fresh.read_ahead(key, guess)
    for count in range(1, len(guess) + 1):
        after = key.followed_by(*guess[:count])
        assert fresh.distribution(after).logits == computed.distribution(after).logits


def test_words_that_are_guessed_right_are_read_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, computed_keys = ComputedPass(world, FLAGSHIP / (world.model or "")), list[PassKey]()
    run_pass = fresh.computation.run_pass

    def counted(key: PassKey, cache: Cache, *, keep_attention: bool = False) -> PassResult:
        computed_keys.append(key)
        return run_pass(key, cache, keep_attention=keep_attention)

    monkeypatch.setattr(fresh.computation, "run_pass", counted)
    no = HAS.followed_by("no")
    fresh.read_ahead(no, ("eyes", "."))
    asked_before = list(computed_keys)
    assert fresh.distribution(no.followed_by("eyes", ".")).best == "\n"
    assert computed_keys == asked_before


def test_warm_up_runs_in_the_background_and_a_query_waits_for_it(world: World) -> None:
    fresh = ComputedPass(world, FLAGSHIP / (world.model or ""))
    start = time.perf_counter()
    fresh.warm_up()
    warm_up_seconds = time.perf_counter() - start
    assert any(thread.name == "prefill" for thread in threading.enumerate())
    assert fresh.distribution(OPENING).p("foot") > 0.5
    assert warm_up_seconds < time.perf_counter() - start


def test_two_prefills_give_identical_logits(world: World, computed: ComputedPass) -> None:
    other = ComputedPass(world, FLAGSHIP / (world.model or ""))
    key = HAS.adding(Act("look-giraffe", 33)).adding(Act("doubt", 57))
    assert other.distribution(key).logits == computed.distribution(key).logits


def test_passes_are_cached(computed: ComputedPass) -> None:
    first = computed.run_pass(HAS)
    assert computed.run_pass(HAS) is first
    assert computed.run_pass(PassKey(HAS.words, ())) is first


def test_many_words_in_which_nothing_is_done_are_read_at_once_and_say_the_same(world: World) -> None:
    question = ("\n", "\n", "Q:", "How", "many", "eyes", "does", "my", "foot", "have", "?", "\n", "A:", "Your", "foot", "has")
    key = HAS.adding(Act("doubt", 60)).followed_by("two", "eyes", ".", *question)
    at_once, one_by_one = (ComputedPass(world, FLAGSHIP / (world.model or "")) for _ in range(2))
    for index in range(len(key.words)):
        one_by_one.run_pass(key.at(index))
    assert at_once.distribution(key).logits == one_by_one.distribution(key).logits


def test_what_is_remembered_of_passes_is_bounded_in_bytes(world: World) -> None:
    computed = ComputedPass(world, FLAGSHIP / (world.model or ""))
    for layer in range(33, 72):
        key = HAS.adding(Act("doubt", layer)).followed_by("two", "eyes", ".", "\n")
        computed.distribution(key)
    assert computed._long._bytes <= MAX_LONG_BYTES
    assert computed._short._bytes <= MAX_SHORT_BYTES
    assert len(computed._long._passes) < 39 <= len(computed._distributions)


def test_an_act_changes_its_own_token_and_those_after_it(computed: ComputedPass) -> None:
    bent = HAS.adding(Act("push-no", 63))
    assert computed.distribution(bent).p("no") > computed.distribution(HAS).p("no")
    assert computed.distribution(bent.at(1)).logits == computed.distribution(HAS.at(1)).logits


def test_every_act_of_the_flagship_is_an_intervention(world: World, computed: ComputedPass) -> None:
    for name in world.acts:
        (intervention,) = computed.computation.request(
            OPENING.adding(Act(name, 57)), computed.computation.prompt_cache
        ).interventions
        assert intervention.layer == (world.boundary if isinstance(intervention, Bend) else 57)  # a bend has one layer only


def test_the_lens_is_flat_at_the_boundary_layer_and_exact_at_the_last(world: World, computed: ComputedPass) -> None:
    inspection, last = inspect_unmodified(world, computed, world.first_token + 2, world.layers)
    at = {lens.layer: lens for lens in inspection.lenses}
    assert at[72].entropy > 0.9 * inspection.max_entropy
    assert at[96].likeliest[0][0] == last.best == "two"
    assert computed.lens(HAS, 96).logits == last.logits


def test_nonsense_is_readable_below_the_first_layer(computed: ComputedPass) -> None:
    assert computed.probe(HAS, 32, "nonsense") > 0.5


def test_attention_sums_to_one_and_begins_at_the_first_global_layer(world: World, computed: ComputedPass) -> None:
    inspection = inspect_pass(world, computed, OPENING, 44)
    assert sum(inspection.attention) == pytest.approx(1.0)
    assert len(inspection.attention) == world.first_token
    assert inspect_pass(world, computed, OPENING, 32).attention == ()
    assert [look.share for look in inspection.top_attention] == sorted(
        (look.share for look in inspection.top_attention), reverse=True
    )


def test_a_look_raises_attention_on_its_span(world: World, computed: ComputedPass) -> None:
    start, stop = world.spans["giraffe"]
    bare = sum(computed.attention(HAS, 56)[start:stop])
    looked = sum(computed.attention(HAS.adding(Act("look-giraffe", 33)), 56)[start:stop])
    assert looked > 4 * bare


def test_missing_weights_are_named_in_the_error(world: World, tmp_path: Path) -> None:
    missing = ComputedPass(world, tmp_path / "weights.fpw")
    with pytest.raises(ForwardPassError) as caught:
        missing.distribution(OPENING)
    assert str(caught.value).startswith(f"{tmp_path}/weights.fpw: the model cannot be read: ")


KERNELS = ("Haswell", "Nehalem", "Prescott")


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_run_replayed_on_another_kernel_and_more_threads_is_identical(kernel: str, tmp_path: Path) -> None:
    choices = read_golden(GOLDEN / "forward-pass" / "lineage.txt").typed
    played = "".join(f"{choice}\n" for choice in choices)
    command = [sys.executable, "-m", "forward_pass"]
    saves = ["--saves", str(tmp_path)]
    subprocess.run([*command, "play", "--plain", *saves], input=played, text=True, capture_output=True, check=True)
    elsewhere = {**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": "2"}
    replay = [*command, "replay", "1", *saves]
    done = subprocess.run(replay, text=True, capture_output=True, check=True, env=elsewhere)
    assert done.stdout.splitlines()[-1] == f"{len(choices)} of {len(choices)} turns identical"
    assert done.stderr == ""


def test_the_corpus_and_the_world_have_the_same_prompt(world: World) -> None:
    assert read_grammar(FLAGSHIP / "corpus").prompt == world.prompt
