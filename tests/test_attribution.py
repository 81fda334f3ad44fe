"""The lead of one word over another, by heads and MLPs: the parts sum to it, and the command prints them."""

from __future__ import annotations

import pytest

from fixtures_play import command
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_computed_pass
from forward_pass.session.attribution import attribute, attribution_object
from forward_pass.session.inspection import unmodified_key
from test_docs import OBJECTS, hold


def test_the_parts_sum_to_the_difference_of_the_logits() -> None:
    world = open_world("forward-pass")
    computed = open_computed_pass(world)
    key = unmodified_key(world, computed, 402)
    found = attribute(computed, key)
    assert found.words == ("two", "no")
    lead = computed.distribution(key).logprob("two") - computed.distribution(key).logprob("no")
    assert found.total == pytest.approx(lead, abs=1e-5)
    parts = [found.embedding, found.acts, *(value for _, value in found.heads), *(value for _, value in found.mlps)]
    assert sum(parts) == pytest.approx(found.total, abs=1e-9)
    assert (len(found.heads), len(found.mlps)) == (144, 96)
    hold(OBJECTS["attribution"], attribution_object(found))


def test_the_command_prints_it_below_the_lens() -> None:
    done = command("lens", "--at", "402", "--by-head")
    assert done.code == 0
    assert "By head: “two” leads “no” by 1.63 in logits" in done.out
    lens, attribution = command("lens", "--at", "402", "--by-head", "--json").objects
    assert (lens["type"], attribution["type"]) == ("lens", "attribution")
    wrong = command("lens", "--by-head", "--layer", "40")
    assert (wrong.code, "reads the finished pass" in wrong.err) == (2, True)


def test_a_lens_that_is_nearly_level_is_called_so_and_shows_where_the_word_stands() -> None:
    text = " ".join(command("lens").out.split())
    row = text[text.index("Lens at layer 72") : text.index("Lens at layer 80")]
    assert row.endswith("5.89 of 5.95 nats; “foot” is number 1. ")
    assert "the lens is nearly level: the stream points mostly where the unembedding reads little" in text
    assert "Probes are shown at token 402 alone, where they were tested." in text
