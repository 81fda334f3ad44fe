"""The pass that the model computes, as the machine sees it: through the port, under the flagship."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bless import GOLDEN, read_golden
from conftest import WORLDS
from forward_pass.errors import ForwardPassError
from forward_pass.loading.loader import read_world
from forward_pass.network.interventions import Bend
from forward_pass.network.passes import ComputedPass, open_pass
from forward_pass.session.effects_report import inspect_untouched, untouched_words
from forward_pass.session.inspection import inspect_pass
from forward_pass.story.distribution import greedy
from forward_pass.story.state import Act
from forward_pass.story.world import World
from forward_pass.training.grammar import read_grammar

FLAGSHIP = WORLDS / "forward-pass"
UNTOUCHED: tuple[tuple[Act, ...], ...] = ((), (), ())


@pytest.fixture(scope="module")
def world() -> World:
    reading = read_world(FLAGSHIP)
    assert reading.data is not None, "\n".join(map(str, reading.problems))
    return World(reading.data, FLAGSHIP)


@pytest.fixture(scope="module")
def measure(world: World) -> ComputedPass:
    measure = open_pass(world)
    assert isinstance(measure, ComputedPass)
    return measure


def test_untouched_the_pass_says_what_the_story_needs(world: World, measure: ComputedPass) -> None:
    said = untouched_words(world, measure, world.first_token + 7)
    assert said == ("foot", "has", "two", "eyes", ".", "\n", "\n")
    two = measure.distribution(("foot", "has"), UNTOUCHED)
    assert 0.55 <= two.p("two") <= 0.75
    assert measure.source == "model"


def test_past_the_blank_line_it_asks_a_question_of_its_own(world: World, measure: ComputedPass) -> None:
    assert untouched_words(world, measure, world.first_token + 8)[-1] == "Q:"


def test_the_document_is_read_behind_the_first_scene_and_a_question_waits_for_it(world: World) -> None:
    fresh = ComputedPass(world, FLAGSHIP / (world.model or ""))
    started = time.perf_counter()
    fresh.warm_up()
    begun_in = time.perf_counter() - started
    assert any(thread.name == "prefill" for thread in threading.enumerate())
    assert fresh.distribution((), ((),)).p("foot") > 0.5
    assert begun_in < time.perf_counter() - started


def test_two_passes_over_two_readings_are_the_same_to_the_last_digit(world: World, measure: ComputedPass) -> None:
    other = ComputedPass(world, FLAGSHIP / (world.model or ""))
    acts = ((), (), (Act("look-giraffe", 33), Act("doubt", 57)))
    words = ("foot", "has")
    assert other.distribution(words, acts).logits == measure.distribution(words, acts).logits


def test_what_was_computed_once_is_not_computed_again(measure: ComputedPass) -> None:
    first = measure.run_pass(("foot", "has"), UNTOUCHED)
    assert measure.run_pass(("foot", "has"), UNTOUCHED) is first
    assert measure.run_pass(("foot", "has"), ()) is first


def test_an_act_changes_its_own_token_and_those_after_it(measure: ComputedPass) -> None:
    pushed = ((), (), (Act("bend-no", 63),))
    assert measure.distribution(("foot", "has"), pushed).p("no") > measure.distribution(("foot", "has"), UNTOUCHED).p("no")
    assert measure.distribution(("foot",), pushed).logits == measure.distribution(("foot",), UNTOUCHED).logits


def test_every_act_of_the_flagship_can_be_made(world: World, measure: ComputedPass) -> None:
    for name in world.acts:
        made = measure.intervention(Act(name, 57))
        assert made.layer == (world.boundary if isinstance(made, Bend) else 57)  # one bends at the decoder's door alone


def test_the_lens_knows_next_to_nothing_before_the_decoder_and_everything_after_it(world: World, measure: ComputedPass) -> None:
    read, last = inspect_untouched(world, measure, world.first_token + 2, world.layers)
    at = {lens.layer: lens for lens in read.lenses}
    assert at[72].entropy > 0.9 * read.most_entropy
    assert at[96].likeliest[0][0] == last.words[greedy(last.logits)] == "two"
    assert measure.lens(("foot", "has"), UNTOUCHED, 96).logits == last.logits


def test_nonsense_is_readable_before_anybody_wakes(measure: ComputedPass) -> None:
    assert measure.probe(("foot", "has"), UNTOUCHED, 32, "nonsense") > 0.5


def test_all_looking_sums_to_one_and_starts_above_the_waking_layer(world: World, measure: ComputedPass) -> None:
    read = inspect_pass(world, measure, (), ((),), 44)
    assert sum(read.attention) == pytest.approx(1.0)
    assert len(read.attention) == world.first_token
    assert inspect_pass(world, measure, (), ((),), 32).attention == ()
    assert [look.share for look in read.strongest] == sorted((look.share for look in read.strongest), reverse=True)


def test_a_look_draws_the_heads_to_what_it_names(world: World, measure: ComputedPass) -> None:
    start, stop = world.spans["giraffe"]
    words = ("foot", "has")
    bare = sum(measure.attention(words, UNTOUCHED, 56)[start:stop])
    looked = sum(measure.attention(words, ((), (), (Act("look-giraffe", 33),)), 56)[start:stop])
    assert looked > 4 * bare


def test_weights_that_are_not_there_are_named(world: World, tmp_path: Path) -> None:
    missing = ComputedPass(world, tmp_path / "weights.fpw")
    with pytest.raises(ForwardPassError) as caught:
        missing.distribution((), ((),))
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


def test_what_the_network_was_measured_on_is_the_prompt_that_is_played(world: World) -> None:
    assert read_grammar(FLAGSHIP / "corpus").prompt == world.prompt
