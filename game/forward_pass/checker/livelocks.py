"""Loops without a way out: states from which choices lead on for ever, and none of them costs a layer.

Within a token layers only rise, so a run that pays for anything comes to the decoder at last. Only where choices cost nothing
can it go round, and only there is anything looked for.
"""

from __future__ import annotations

from forward_pass.checker.explorer import Explorer
from forward_pass.story.world import Choice


def livelocked_states(walk: Explorer) -> list[int]:
    """Return the states of a walk from which only choices that cost nothing can ever be made, and no ending is come to."""
    idle = {place for place in walk.packing.places if any(map(_idles, walk.world.scene(place.scene).choices))}
    if not idle:
        return []
    lingering: dict[int, list[int]] = {}
    for state in walk.parents:
        place = walk.place_of(state)
        if place in idle:
            leads = list(walk.outcomes(state))
            if leads and all(_idles(choice) and walk.place_of(after).token == place.token for choice, _, after in leads):
                lingering[state] = [after for _, _, after in leads]
    leaving = [state for state, ways in lingering.items() if any(after not in lingering for after in ways)]
    before: dict[int, list[int]] = {}
    for state, ways in lingering.items():
        for after in ways:
            before.setdefault(after, []).append(state)
    while leaving:
        state = leaving.pop()
        if lingering.pop(state, None) is not None:
            leaving += before.get(state, ())
    return list(lingering)


def _idles(choice: Choice) -> bool:
    return not choice.decodes and choice.cost == 0 and not choice.until
