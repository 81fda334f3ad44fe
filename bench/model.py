"""The rows of the model under the flagship: reading it, a token, many at once, and restoring its golden runs; prints JSON."""

from __future__ import annotations

import json
from time import perf_counter
from typing import TYPE_CHECKING

from forward_pass.loading.paths import FLAGSHIP
from forward_pass.loading.worlds import open_world
from forward_pass.network.model import step, step_many
from forward_pass.network.passes import ComputedPass, open_pass
from forward_pass.storage.run_set import golden_runs
from forward_pass.story.history import replay
from forward_pass.story.interventions import Drop, Intervention, Look, Note, Push, Rewrite
from forward_pass.story.state import Act, PassKey
from measuring import in_turn

if TYPE_CHECKING:
    from forward_pass.story.world import World

TIMES = 21
BATCH = 256
ACTS = ("look-giraffe", "doubt", "note-honest")  # all at once: heads drawn, the stream pushed, a note's keys and values
BENT = "bend-i"
KINDS: tuple[type[Intervention], ...] = (Look, Push, Note, Rewrite, Drop)


def passes(world: World) -> ComputedPass:
    """Return passes of which none was computed yet, with the weights and the prompt read."""
    computed = open_pass(world)
    assert isinstance(computed, ComputedPass)  # noqa: S101 - the flagship has a model
    _ = computed.computation
    return computed


def begun(world: World) -> float:
    """Return how long it takes to read the weights and the prompt."""
    start = perf_counter()
    passes(world)
    return perf_counter() - start


def token(computed: ComputedPass, *names: str) -> float:
    """Return how long the first token's pass takes with some acts."""
    model, cache = computed.computation.model, computed.computation.prompt_cache
    world = computed.world
    acts = tuple(Act(name, world.act_start(name, world.first_layer)) for name in names)
    request = computed.computation.request(PassKey((), (acts,)), cache)
    start = perf_counter()
    step(model, request.cache, request.word, request.interventions)
    return perf_counter() - start


def batch(computed: ComputedPass, kinds: tuple[type[Intervention], ...] = KINDS) -> float:
    """Return how long a pass takes of many that are run together, each with another act of some kinds, or another layer."""
    model, cache = computed.computation.model, computed.computation.prompt_cache
    world = computed.world
    names = [name for name, act in world.acts.items() if isinstance(act.intervention, kinds)]
    layers = range(world.first_layer, world.boundary)
    acts = [Act(names[at % len(names)], layers[at % len(layers)] + 1) for at in range(BATCH)]
    requests = [computed.computation.request(PassKey((), ((act,),)), cache) for act in acts]
    start = perf_counter()
    step_many(model, requests)
    return (perf_counter() - start) / BATCH


def golden(world: World) -> tuple[float, int]:
    """Return the seconds that it takes to restore all golden runs, and how many decodings there are in them."""
    journals = golden_runs(world, passes(world)).journals.values()
    computed = passes(world)
    start = perf_counter()
    runs = [replay(world, computed, journal.header.prior, journal.turns).run for journal in journals]
    seconds = perf_counter() - start
    decoded = {turn.state.key for run in runs for turn in run.turns if turn.word is not None}
    return seconds, len(decoded)


def main() -> None:
    """Measure, and say what came of it."""
    world = open_world(FLAGSHIP)
    (reading,) = in_turn(5, lambda: begun(world))
    computed = passes(world)
    plain, acted, bent, together, pushed = in_turn(
        TIMES,
        lambda: token(computed),
        lambda: token(computed, *ACTS),
        lambda: token(computed, BENT),
        lambda: batch(computed),
        lambda: batch(computed, (Push,)),
    )
    seconds, decodings = golden(world)
    found = {"reading": reading, "token": plain, "acted": acted, "bent": bent, "batched": together, "pushed": pushed}
    print(json.dumps({**found, "restored": seconds, "decodings": decodings}))


if __name__ == "__main__":
    main()
