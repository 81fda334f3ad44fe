"""The rows of the model under the flagship: reading it, a token, many at once, and restoring its golden runs; prints JSON."""

from __future__ import annotations

import json
from time import perf_counter
from typing import TYPE_CHECKING

from forward_pass.cli import open_world
from forward_pass.loading.paths import FLAGSHIP
from forward_pass.network.model import PassRequest, step, step_many
from forward_pass.network.passes import ComputedPass, open_pass
from forward_pass.storage.run_set import golden_runs
from forward_pass.story.history import replay
from forward_pass.story.state import Act
from measuring import in_turn

if TYPE_CHECKING:
    from forward_pass.story.world import World

TIMES = 21
BATCH = 256
ACTS = ("look-giraffe", "doubt", "note-honest")  # all at once: heads drawn, the stream pushed, a note's keys and values
BENT = "bend-i"
KINDS = ("look", "push", "note", "rewrite", "drop")


def passes(world: World) -> ComputedPass:
    """Return passes of which none was computed yet, with the weights and the prompt read."""
    measure = open_pass(world)
    assert isinstance(measure, ComputedPass)  # noqa: S101 - the flagship has a model
    _ = measure.base
    return measure


def begun(world: World) -> float:
    """Return how long it takes to read the weights and the prompt."""
    start = perf_counter()
    passes(world)
    return perf_counter() - start


def token(measure: ComputedPass, *names: str) -> float:
    """Return how long the first token's pass takes with some acts."""
    model, cache = measure.base
    world = measure.world
    acts = [measure.intervention(Act(name, world.act_start(name, world.first_layer))) for name in names]
    start = perf_counter()
    step(model, cache, measure.ids[world.prompt[-1]], acts)
    return perf_counter() - start


def batch(measure: ComputedPass, kinds: tuple[str, ...] = KINDS) -> float:
    """Return how long a pass takes of many that are run together, each with another act of some kinds, or another layer."""
    model, cache = measure.base
    world = measure.world
    names = [name for name, (kind, _) in world.acts.items() if kind in kinds]
    layers = range(world.first_layer, world.boundary)
    made = [Act(names[at % len(names)], layers[at % len(layers)] + 1) for at in range(BATCH)]
    jobs = [PassRequest(cache, measure.ids[world.prompt[-1]], (measure.intervention(act),)) for act in made]
    start = perf_counter()
    step_many(model, jobs)
    return (perf_counter() - start) / BATCH


def golden(world: World) -> tuple[float, int]:
    """Return the seconds that it takes to restore all golden runs, and how many decodings there are in them."""
    journals = golden_runs(world, passes(world)).journals.values()
    measure = passes(world)
    start = perf_counter()
    runs = [replay(world, measure, journal.header.prior, journal.turns)[0] for journal in journals]
    seconds = perf_counter() - start
    decoded = {(turn.state.words, turn.state.acts) for run in runs for turn in run.turns if turn.word is not None}
    return seconds, len(decoded)


def main() -> None:
    """Measure, and say what came of it."""
    world = open_world(FLAGSHIP)
    (reading,) = in_turn(5, lambda: begun(world))
    measure = passes(world)
    plain, acted, bent, together, pushed = in_turn(
        TIMES,
        lambda: token(measure),
        lambda: token(measure, *ACTS),
        lambda: token(measure, BENT),
        lambda: batch(measure),
        lambda: batch(measure, ("push",)),
    )
    seconds, decodings = golden(world)
    found = {"reading": reading, "token": plain, "acted": acted, "bent": bent, "batched": together, "pushed": pushed}
    print(json.dumps({**found, "restored": seconds, "decodings": decodings}))


if __name__ == "__main__":
    main()
