"""What the tree and the map of runs share: what can be asked for there, a turn as a page to read, a run without an act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.errors import ForwardPassError
from forward_pass.interface.widgets import Pane, prose_width
from forward_pass.session.ablation import ablate, ablation_lines
from forward_pass.session.branches import outcome_text, replay_verdict, untaken_text
from forward_pass.session.transcript import offer_lines, scene_lines, turn_lines, wrap
from forward_pass.story.engine import offers
from forward_pass.story.history import at_turn

if TYPE_CHECKING:
    from forward_pass.storage.run_set import RunSet
    from forward_pass.storage.tree import Node

MAX_TAKERS = 3  # runs that are named beside a choice


class BrowserRequest(NamedTuple):
    """What to do after browsing, at a turn of a run: ``replay`` it, ``fork`` it, or go to the ``tree`` or the ``map``.

    ``node`` is the number of the selected node; a fork takes ``choice`` at once, where there is one.
    """

    action: str
    run: int
    turn: int
    node: int
    choice: str = ""


def request_at(action: str, node: Node, choice: str = "") -> BrowserRequest:
    """Return a request at a node, by the first run through it."""
    return BrowserRequest(action, node.runs[0], node.turn, node.number, choice)


def run_action(action: Callable[[], object], say: Callable[[str], object]) -> None:
    """Run the action of a key; an error is said."""
    try:
        action()
    except ForwardPassError as error:
        say(str(error))


def turn_page(run_set: RunSet, node: Node, heading: str = "") -> Pane:
    """Return a turn as a page: its text, its offers with who took them, and the verdict of a replay up to there."""
    columns = prose_width()
    result = run_set.replay_to(node.runs[0], node.turn)
    run = result.run
    words = " · ".join(filter(None, (outcome_text(run_set.world, node), heading)))
    lines = list(wrap(f"Turn {node.turn}. {words}", columns))
    if run.at == node.turn:
        lines += ["", *(turn_lines(run, node.turn, columns) if node.turn else []), *scene_lines(run, columns)]
        who = takers(run_set)
        listed = offer_lines(run, columns, who)
        lines += ["", *listed, "", *wrap(f"{untaken_text(run, who)}. A number takes that way.", columns)] if listed else []
    return Pane([*lines, "", *wrap(f"{replay_verdict(result)}.", columns)])


def takers(run_set: RunSet) -> Mapping[str, str]:
    """Return by choice which runs ever took it."""
    runs: dict[str, list[int]] = {}
    for number, journal in run_set.journals.items():
        for choice in {turn.choice for turn in journal.turns}:
            runs.setdefault(choice, []).append(number)
    return {
        choice: f"taken by run {', '.join(map(str, taken[:MAX_TAKERS]))}{' …' if len(taken) > MAX_TAKERS else ''}"
        for choice, taken in runs.items()
    }


def taking(run_set: RunSet, node: Node, number: int) -> BrowserRequest | None:
    """Return the request to take the open way of a number (from 1) at a node, as its page lists them; None without one.

    A way that a run took there is forked behind that choice, so that it is not written twice.
    """
    run = run_set.replay_to(node.runs[0], node.turn).run
    present = [offer.id for offer in offers(run.world, run.state) if offer.is_open] if run.at == node.turn else []
    if number > len(present):
        return None
    children = (run_set.tree.nodes[child] for child in node.children)
    taken = next((child for child in children if child.recorded and child.recorded.choice == present[number - 1]), None)
    return request_at("fork", taken) if taken else request_at("fork", node, present[number - 1])


def without_page(run_set: RunSet, node: Node) -> Pane | None:
    """Return the run through a node without what that turn did to the pass, as a page; None where it did nothing."""
    number = node.runs[0]
    journal = run_set.journals[number]
    choice = run_set.world.choices.get(node.recorded.choice) if node.recorded else None
    if choice is None or not choice.acts:
        return None
    run = run_set.replay_to(number, journal.reach(run_set.world.endings)).run
    result = ablate(at_turn(run, len(run.turns)), [node.turn], journal.header.temperature, journal.header.seed)
    heading = wrap(f"{run_set.name_of(number)}, without turn {node.turn}", prose_width())
    return Pane([*heading, "", *ablation_lines(result, prose_width(), bars=True)])
