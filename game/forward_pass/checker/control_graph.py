"""A world as a graph of locations (a scene at a token) and of the edges of choices, whatever their conditions."""

from __future__ import annotations

from typing import NamedTuple

from forward_pass.story.nodes import Choice, Expression, Goto, Scene, Set
from forward_pass.story.world import World


class Location(NamedTuple):
    """A scene or an ending at a token."""

    scene: str
    token: int


class Target(NamedTuple):
    """Where an edge leads if a condition holds."""

    condition: Expression | None
    location: Location
    effects: tuple[Set, ...]  # of arriving there


class Edge(NamedTuple):
    """One of the two ways in which a choice can go: on within the token, or to the decoder."""

    effects: tuple[Set, ...]
    targets: tuple[Target, ...]
    thresholds: tuple[int, ...]  # that are measured on it
    decodes: bool


class Action(NamedTuple):
    """A choice at a location, and its edges."""

    choice: Choice
    edges: tuple[Edge, ...]


class ControlGraph:
    """The locations of a world, numbered from 0 in the order of discovery, each with its actions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.actions: dict[Location, tuple[Action, ...]] = {}
        start = Location(world.start, world.first_token)
        self.numbers = {start: 0}
        waiting = [start]
        while waiting:
            location = waiting.pop()
            actions = self.actions[location] = self._actions(location)
            for target in (target for action in actions for edge in action.edges for target in edge.targets):
                if target.location not in self.numbers:
                    self.numbers[target.location] = len(self.numbers)
                    waiting.append(target.location)

    def _actions(self, location: Location) -> tuple[Action, ...]:
        scene = self.world.scenes[location.scene]
        if not isinstance(scene, Scene):
            return ()
        return tuple(Action(choice, self._edges(location.token, choice)) for choice in scene.choices)

    def _edges(self, token: int, choice: Choice) -> tuple[Edge, ...]:
        edges = []
        if not choice.decodes:
            edges.append(Edge(choice.effects.sets, self._targets(choice.goto, token), choice.measures, decodes=False))
        if choice.decodes or choice.cut is not None:
            effects = choice.cut or choice.effects
            targets = tuple(target for goto in self._arrivals(token) for target in self._targets(goto, token + 1))
            edges.append(Edge(effects.sets, targets, tuple(range(len(self.world.thresholds))), decodes=True))
        return tuple(edges)

    def _arrivals(self, token: int) -> tuple[Goto, ...]:
        node = self.world.tokens.get(token)
        return tuple(arrival.goto for arrival in node.arrivals) if node else ()

    def decisions(self, location: Location) -> list[object]:
        """Return the nodes that decide what happens at a location: conditions, effects and gotos, texts apart."""
        choices = [action.choice for action in self.actions[location]]
        nodes: list[object] = [
            node for choice in choices for node in (choice.condition, choice.needs, choice.effects, choice.cut, choice.goto)
        ]
        nodes += [self._entry_effects(location.scene)]
        if any(choice.decodes or choice.cut is not None for choice in choices):
            nodes += self._arrivals(location.token)
        return nodes

    def _targets(self, goto: Goto, token: int) -> tuple[Target, ...]:
        return tuple(
            Target(target.condition, Location(target.scene, token), self._entry_effects(target.scene))
            for target in goto.targets
        )

    def _entry_effects(self, scene: str) -> tuple[Set, ...]:
        node = self.world.scenes[scene]
        return node.effects if isinstance(node, Scene) else ()
