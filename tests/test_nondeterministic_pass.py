"""A nondeterministic pass answers as the explorer chooses, whatever is asked."""

from __future__ import annotations

from forward_pass.checker.nondeterministic_pass import NondeterministicPass
from forward_pass.story.state import PassKey

KEY = PassKey((), ((),))


def test_its_answers_are_above_or_below_every_bound_in_the_order_of_the_questions() -> None:
    port = NondeterministicPass([True, False, True])
    assert [port.distribution(KEY).p("two"), port.lens(KEY, 1).p("two"), port.probe(KEY, 1, "odd")] == [2, -2, 2]
