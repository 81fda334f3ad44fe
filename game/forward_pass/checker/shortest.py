"""The shortest run to each ending, of those with the likeliest words: breadth first over the states that were explored."""

from __future__ import annotations

from typing import NamedTuple

from forward_pass.checker.coverage import Item, ItemKind
from forward_pass.checker.explorer import Explorer
from forward_pass.checker.trace import Trace
from forward_pass.checker.verify import Evidence


class EndingRun(NamedTuple):
    """A run to an ending: its choices, each with the word drawn after it (None where the decoder did not come)."""

    ending: str
    steps: tuple[tuple[str, str | None], ...]
    is_first: bool  # whether it is one that knows nothing of earlier runs
    is_shortest: bool  # of those with the likeliest words; else it is only a run that was found


def ending_runs(evidence: Evidence) -> tuple[EndingRun, ...]:
    """Return a run to each ending that any run reaches, in the order in which the endings are declared."""
    shortest = {} if evidence.likeliest.abstraction else _shortest_traces(evidence.likeliest)
    runs = []
    for ending in evidence.world.endings:
        witness = evidence.witnesses.by_item.get(Item(ItemKind.SCENE, ending))
        trace = shortest.get(ending) or (witness.trace if witness else None)
        if trace is not None:
            is_first = trace.prior == evidence.likeliest.starts[0]
            runs.append(EndingRun(ending, trace.steps, is_first, ending in shortest))
    return tuple(runs)


def _shortest_traces(explorer: Explorer) -> dict[str, Trace]:
    """Return the shortest run to each ending, one that knows nothing of earlier runs where there is any."""
    found: dict[str, Trace] = {}
    for number, prior in enumerate(explorer.starts):
        if len(found) < len(explorer.world.endings):
            found |= {end: Trace(prior, steps) for end, steps in _shortest_from(explorer, number).items() if end not in found}
    return found


def _shortest_from(explorer: Explorer, start: int) -> dict[str, tuple[tuple[str, str | None], ...]]:
    opening = explorer.openings[start]
    before: dict[int, tuple[int, str, str | None] | None] = {opening: None}
    ends: dict[str, int] = {}
    frontier = [opening]
    while frontier and len(ends) < len(explorer.world.endings):
        reached: list[int] = []
        for state in frontier:
            for action, word, after in explorer.outcomes(state):
                if after not in before:
                    before[after] = state, action.choice.id, word
                    reached.append(after)
                    scene = explorer.location_of(after).scene
                    if scene in explorer.world.endings:
                        ends.setdefault(scene, after)
        frontier = reached
    return {scene: _steps_to(state, before) for scene, state in ends.items()}


def _steps_to(state: int, before: dict[int, tuple[int, str, str | None] | None]) -> tuple[tuple[str, str | None], ...]:
    steps = []
    while (row := before[state]) is not None:
        state, choice, word = row
        steps.append((choice, word))
    return tuple(reversed(steps))
