"""Livelocks: states from which choices lead on for ever, and none of them costs a layer.

Within a token layers only rise, so a run that pays for anything comes to the decoder at last. Only choices that cost nothing
can go round in a loop.
"""

from __future__ import annotations

from forward_pass.checker.explorer import Explorer
from forward_pass.story.nodes import Choice


def livelocked_states(explorer: Explorer) -> list[int]:
    """Return the states from which only choices that cost nothing can ever be made, and no ending is reached."""
    successors = _free_successors(explorer)
    predecessors: dict[int, list[int]] = {}
    for state, after in successors.items():
        for one in after:
            predecessors.setdefault(one, []).append(state)
    leaving = [state for state, after in successors.items() if any(one not in successors for one in after)]
    while leaving:
        state = leaving.pop()
        if successors.pop(state, None) is not None:
            leaving += predecessors.get(state, ())
    return list(successors)


def _free_successors(explorer: Explorer) -> dict[int, list[int]]:
    """Return the states in which every open choice costs nothing and stays within the token, with what follows each."""
    graph = explorer.codec.liveness.graph
    free = {location for location, actions in graph.actions.items() if any(_is_free(action.choice) for action in actions)}
    found: dict[int, list[int]] = {}
    for state in explorer.parents if free else ():
        location = explorer.location_of(state)
        if location in free:
            outcomes = list(explorer.outcomes(state))
            if outcomes and all(_is_free(action.choice) and word is None for action, word, _ in outcomes):
                found[state] = [after for _, _, after in outcomes]
    return found


def _is_free(choice: Choice) -> bool:
    return not choice.decodes and choice.cost == 0 and not choice.until
