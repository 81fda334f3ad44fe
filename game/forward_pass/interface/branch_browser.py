"""The tree and the map of runs and the replays of its turns, one after another, until a run is forked or all are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forward_pass.interface.browsing import BrowserRequest
from forward_pass.interface.map_browser import browse_map
from forward_pass.interface.replay_viewer import view_replay
from forward_pass.interface.tree_browser import browse

if TYPE_CHECKING:
    from forward_pass.storage.run_set import RunSet

SCREENS = {"tree": browse, "map": browse_map}


def browse_until_fork(run_set: RunSet, node: int = 0, *, screen: str = "tree") -> BrowserRequest | None:
    """Show the ``tree`` or the ``map`` first, and what is asked for there; return the request to fork, or None.

    ``node`` is the node selected first.
    """
    while True:
        request = SCREENS[screen](run_set, node)
        if request is None or request.action == "fork":
            return request
        node = request.node
        if request.action in SCREENS:
            screen = request.action if run_set.world.has_pass else "tree"  # the map is drawn over the layers of a pass
            continue
        turn = view_replay(run_set.replay_to(request.run, request.turn))
        if turn is not None:
            return request._replace(action="fork", turn=turn)
