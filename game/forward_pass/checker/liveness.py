"""What still matters where: a world cut into places (a scene at a token), and for each the fields that anything later reads.

Liveness, backwards over the graph of places, as compilers have it for variables: what no condition, effect or pass will read
any more is dropped from the state, so that what differs in nothing but that is one state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from forward_pass.checker.state_layout import LAYER, NOTHING, PASS, Field, Fields, leaves, read_by, visit_caps
from forward_pass.checker.text_coverage import Alternative
from forward_pass.story.expressions import Tree
from forward_pass.story.state import Act, Acts
from forward_pass.story.world import DECODE, World

FILLER = "…"
"""A word or an act that nobody asks about."""

NO_LIMIT = 100


class Place(NamedTuple):
    """A scene at a token."""

    scene: str
    token: int


class Edge(NamedTuple):
    """One of the ways in which a choice can go: on within the token, or to the decoder."""

    decodes: bool
    effects: Tree
    targets: tuple[tuple[Tree | None, Place], ...]


class Liveness:
    """The places of a world, what is live at each, and how a pass looks when what nobody asks about is left out."""

    def __init__(self, world: World, watched: Iterable[Alternative] = ()) -> None:
        self.world = world
        self.data = world.data
        self.model = world.model is not None
        self.limited = min(world.acts_per_token, world.lasting_per_token) < NO_LIMIT
        self.watched: dict[tuple[str, str], list[Alternative]] = {}
        for alternative in watched:
            self.watched.setdefault((alternative.form, alternative.owner), []).append(alternative)
        self.places: dict[Place, int] = {}
        self._find_places()
        self.caps = self._caps()
        self.asked = self._asked()
        self.live: dict[Place, Fields] = dict.fromkeys(self.places, NOTHING)
        self._find_live()

    # -- the graph ------------------------------------------------------------------------------------------------

    def choices(self, scene: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the choices of a scene as they were written, by id."""
        return [(choice, self.data["choices"][choice]) for choice in self.data["scenes"][scene]["choices"]]

    def edges(self, place: Place, row: dict[str, Any]) -> list[Edge]:
        """Return the ways in which a choice can go at a place."""
        decodes = row["goto"][0][1] == DECODE
        ways = []
        if not decodes:
            targets = tuple((tree, Place(target, place.token)) for tree, target in row["goto"])
            ways.append(Edge(decodes=False, effects=row["do"], targets=targets))
        if decodes or row["cut"] is not None:
            ways.append(Edge(decodes=True, effects=row["do"] if decodes else row["cut"], targets=self.arrivals(place.token)))
        return ways

    def arrivals(self, token: int) -> tuple[tuple[Tree | None, Place], ...]:
        """Return where the words after a token can lead."""
        at = token - self.world.first_token
        rows = self.data["tokens"][at][1].values() if 0 <= at < len(self.data["tokens"]) else ()
        return tuple((tree, Place(target, token + 1)) for targets in rows for tree, target in targets)

    def _find_places(self) -> None:
        waiting = [Place(self.world.start, self.world.first_token)]
        self.places[waiting[0]] = 0
        while waiting:
            place = waiting.pop()
            for _, row in self.choices(place.scene):
                for way in self.edges(place, row):
                    for _, target in way.targets:
                        if target not in self.places:
                            self.places[target] = len(self.places)
                            waiting.append(target)

    # -- what is read ---------------------------------------------------------------------------------------------

    def _trees(self, place: Place) -> Iterator[Tree | None]:
        """Yield every tree that decides something at a place."""
        for _, row in self.choices(place.scene):
            yield row["if"]
            yield row["needs"]
            for way in self.edges(place, row):
                yield from (tree for _, tree in way.effects)
                yield from (tree for tree, _ in way.targets)

    def _watched_trees(self, place: Place) -> Iterator[Tree]:
        """Yield every tree of the watched alternatives at a place."""
        owners = [("scene", place.scene)]
        owners += [(form, choice) for choice, _ in self.choices(place.scene) for form in ("say", "why", "then")]
        yield from (need.tree for owner in owners for one in self.watched.get(owner, ()) for need in one.guards)

    def _caps(self) -> dict[int, int]:
        caps = visit_caps(tree for place in self.places for tree in self._trees(place))
        for some in self.watched.values():
            for alternative in some:
                for scene, cap in alternative.caps.items():
                    caps[scene] = max(caps.get(scene, 1), cap)
        return caps

    def _asked(self) -> dict[int, set[tuple[str, str, int]]]:
        """Return by token what that token or any later one asks of the pass: ``("emitted" or "acted", name, position)``."""
        asked: dict[int, set[tuple[str, str, int]]] = {}
        for place in self.places:
            here = asked.setdefault(place.token, set())
            at = place.token - self.world.first_token
            cases = self.data["tokens"][at][0] if at < len(self.data["tokens"]) else []
            for tree in (*self._trees(place), *self._watched_trees(place), *(tree for tree, _ in cases)):
                here.update((leaf[0], leaf[1], leaf[2]) for leaf in leaves(tree) if leaf[0] in ("emitted", "acted"))
        later: set[tuple[str, str, int]] = set()
        for token in sorted(asked, reverse=True):
            later = asked[token] = asked[token] | later
        return asked

    # -- liveness -------------------------------------------------------------------------------------------------

    def _find_live(self) -> None:
        order = list(reversed(self.places))
        changed = True
        while changed:
            changed = False
            for place in order:
                found = self.read_on_arrival(place)
                for choice, row in self.choices(place.scene):
                    found |= self.used(place, choice, row)[1]
                if found != self.live[place]:
                    self.live[place] = found
                    changed = True

    def read_on_arrival(self, place: Place) -> Fields:
        """Return what the watched alternatives of the scene's own text read."""
        return NOTHING.union(*(one.fields for one in self.watched.get(("scene", place.scene), ())))

    def used(self, place: Place, choice: str, row: dict[str, Any]) -> tuple[Fields, Fields]:
        """Return what decides how a choice comes out, and that with what has to outlive it, before the choice."""
        deciding = read_by(row["if"], row["needs"])
        if row["once"]:
            deciding |= {("takings", row["slot"])}
        if row["acts"] and (self.limited or self.model):
            deciding |= {PASS}
        if row["cost"] and not row["until"] and row["goto"][0][1] != DECODE:
            deciding |= {LAYER}
        for form in ("say", "why", "then"):
            for one in self.watched.get((form, choice), ()):
                deciding |= one.fields
        kept = NOTHING
        for way in self.edges(place, row):
            before, used = self._before(place, row, way)
            deciding |= used
            kept |= before
        return deciding, deciding | kept

    def _before(self, place: Place, row: dict[str, Any], way: Edge) -> tuple[Fields, Fields]:
        """Return what is live before one way of a choice, and what of it decides where the way leads.

        Backwards: the arrival, the cases of the goto, what is measured, the effects.
        """
        live: set[Field] = set()
        used = set(read_by(*(tree for tree, _ in way.targets)))
        for _, target in way.targets:
            met: Field = ("visits", self.data["scenes"][target.scene]["slot"])
            there = self.live[target]
            live |= there - {met}
            if met in there and self.caps.get(met[1], 1) > 1:
                used.add(met)
        acts = bool(row["acts"])
        if way.decodes or row["until"]:  # the layer there is the same from wherever one comes
            live.discard(LAYER)
            used.discard(LAYER)
        if (PASS in live and (way.decodes or acts)) or (way.decodes and self._asks_pass(place.token)):
            used |= self._passing(acts=acts)
        live |= used
        measured = self._measured(row, way)
        if measured & live:
            used |= self._passing(acts=acts) | self._measuring(measured & live)
        for field in (*measured, ("takings", row["slot"])):
            live.discard(field)
            used.discard(field)
        live |= used
        for variable, tree in reversed(way.effects):
            changed: Field = ("variable", variable)
            if changed in live:
                live.discard(changed)
                used.discard(changed)
                used |= read_by(tree)
                live |= used
        return frozenset(live), frozenset(used)

    def _passing(self, *, acts: bool) -> Fields:
        """Return what says how a pass goes on: a model's interventions begin at a layer, and elsewhere that is all the same."""
        return frozenset((PASS, LAYER)) if acts and self.model else frozenset((PASS,))

    def _asks_pass(self, token: int) -> bool:
        return self.model or len(self.data["tokens"][token - self.world.first_token][0]) > 1

    def _measured(self, row: dict[str, Any], way: Edge) -> Fields:
        indices = range(len(self.world.thresholds)) if way.decodes else row["measure"]
        return frozenset(("threshold", index) for index in indices)

    def _measuring(self, thresholds: Iterable[Field]) -> Fields:
        layered = any(self.world.thresholds[index].quantity != "p" for _, index in thresholds)
        return frozenset((PASS, LAYER)) if layered else frozenset((PASS,))

    def written(self, row: dict[str, Any], way: Edge, target: str) -> Fields:
        """Return the fields that one way of a choice gives new values to."""
        found = {("variable", variable) for variable, _ in way.effects} | self._measured(row, way)
        found |= {("takings", row["slot"]), ("visits", self.data["scenes"][target]["slot"])}
        if way.decodes or row["cost"] or row["until"]:
            found.add(LAYER)
        if way.decodes or row["acts"]:
            found.add(PASS)
        return frozenset(found)

    # -- the pass -------------------------------------------------------------------------------------------------

    def reduced_pass(self, words: tuple[str, ...], acts: Acts) -> tuple[tuple[str, ...], Acts]:
        """Return words and interventions with what nobody asks about left out, for passes that nobody computes."""
        token = self.world.first_token + len(words)
        asked = self.asked.get(token, set())
        said = tuple(
            word if asked & {("emitted", word, 0), ("emitted", word, self.world.first_token + at)} else FILLER
            for at, word in enumerate(words)
        )
        made = tuple(
            tuple(sorted(self._asked_acts(here, self.world.first_token + at, asked, keep=at == len(words) and self.limited)))
            for at, here in enumerate(acts)
        )
        return said, made

    def _asked_acts(
        self, here: tuple[Act, ...], position: int, asked: set[tuple[str, str, int]], *, keep: bool
    ) -> Iterator[Act]:
        names = [act.name for act in here]
        for name in names if keep else dict.fromkeys(names):
            if keep or asked & {("acted", name, 0), ("acted", name, position)}:
                yield Act(name, 0)
