"""Which fields of a state still matter at each location: liveness, backwards over the control graph, as compilers have it.

A field that no condition, effect or pass reads any more is dropped, so that states that differ in nothing else are one state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from forward_pass.checker.control_graph import Action, ControlGraph, Edge, Location
from forward_pass.checker.state_layout import (
    LAYER,
    NO_FIELDS,
    PASS,
    Field,
    FieldKind,
    Fields,
    fields_read,
    raise_caps,
    visit_caps,
)
from forward_pass.checker.text_coverage import CHOICE_TEXTS, Alternative, TextId, TextKind
from forward_pass.story.nodes import Acted, Choice, Emitted, PassesRun, Set
from forward_pass.story.state import Act, PassKey
from forward_pass.story.visit import find_nodes
from forward_pass.story.world import World

FILLER = "…"
"""Stands for a word that nothing asks about."""

NO_LIMIT = 100  # acts per token


class Needed(NamedTuple):
    """What an action needs of the state before it."""

    deciding: Fields  # what decides whether it can be taken, where it leads, and what is new there
    live: Fields  # that, and what is read later


class Questions(NamedTuple):
    """What a token or any later one asks about the words and acts so far."""

    words: frozenset[Emitted] = frozenset()
    acts: frozenset[Acted] = frozenset()
    counts: bool = False  # whether anything counts the passes that acts took

    def has_word(self, word: str, token: int) -> bool:
        """Return whether anything asks about a word drawn at a token."""
        return not self.words.isdisjoint((Emitted(word, 0), Emitted(word, token)))

    def has_act(self, act: str, token: int) -> bool:
        """Return whether anything asks about an act made at a token."""
        return self.counts or not self.acts.isdisjoint((Acted(act, 0), Acted(act, token)))


class Liveness:
    """The live fields of each location of a world, with those that decide whether the ``watched`` alternatives are shown."""

    def __init__(self, world: World, watched: Collection[Alternative] = ()) -> None:
        self.world = world
        self.is_computed = world.model is not None
        self.limits_acts = min(world.acts_per_token, world.lasting_per_token) < NO_LIMIT
        self.watched: dict[TextId, list[Alternative]] = {}
        for alternative in watched:
            self.watched.setdefault(alternative.text, []).append(alternative)
        self.graph = ControlGraph(world)
        self.caps = visit_caps(*(node for location in self.graph.numbers for node in self.graph.decisions(location)))
        for alternative in watched:
            raise_caps(self.caps, alternative.caps)
        self._questions_by_token = self._questions()
        self.live = dict.fromkeys(self.graph.numbers, NO_FIELDS)
        while self._grow():
            pass

    def _questions(self) -> dict[int, Questions]:
        roots: dict[int, list[object]] = {}
        for location, actions in self.graph.actions.items():
            watched = self.scene_alternatives(location.scene)
            watched += (one for action in actions for one in self._choice_alternatives(action.choice.id))
            here = roots.setdefault(location.token, [])
            here += self.graph.decisions(location)
            here += (subject for one in watched for subject in one.subjects)
        questions: dict[int, Questions] = {}
        later = Questions()
        for token in sorted(roots, reverse=True):
            node = self.world.tokens.get(token)
            asked = (*roots[token], node.written if node else ())
            later = Questions(
                later.words.union(find_nodes(Emitted, *asked)),
                later.acts.union(find_nodes(Acted, *asked)),
                later.counts or any(True for _ in find_nodes(PassesRun, *asked)),
            )
            questions[token] = later
        return questions

    def scene_alternatives(self, scene: str) -> list[Alternative]:
        """Return the watched alternatives of a scene's text."""
        return [*self.watched.get(TextId(TextKind.SCENE, scene), ())]

    def _choice_alternatives(self, choice: str) -> list[Alternative]:
        return [one for kind in CHOICE_TEXTS for one in self.watched.get(TextId(kind, choice), ())]

    # -- the fixed point ----------------------------------------------------------------------------------------------

    def _grow(self) -> bool:
        """Add to each location what its actions need by now; return whether there was anything to add."""
        has_grown = False
        for location in reversed(self.graph.numbers):
            live = NO_FIELDS.union(
                *(one.fields(self.world) for one in self.scene_alternatives(location.scene)),
                *(self.needed(location, action).live for action in self.graph.actions[location]),
            )
            has_grown |= live != self.live[location]
            self.live[location] = live
        return has_grown

    def needed(self, location: Location, action: Action) -> Needed:
        """Return what an action needs of the state before it."""
        choice = action.choice
        deciding = set(fields_read(self.world, choice.condition, choice.needs))
        deciding.update(*(one.fields(self.world) for one in self._choice_alternatives(choice.id)))
        if choice.once:
            deciding.add(Field(FieldKind.TAKEN, choice.slot))
        if choice.acts and (self.limits_acts or self.is_computed):
            deciding.add(PASS)
        if choice.cost and not choice.until and not choice.decodes:
            deciding.add(LAYER)
        live: set[Field] = set()
        for edge in action.edges:
            needed = self._needed_by_edge(location, choice, edge)
            deciding |= needed.deciding
            live |= needed.live
        return Needed(frozenset(deciding), frozenset(live | deciding))

    def _needed_by_edge(self, location: Location, choice: Choice, edge: Edge) -> Needed:
        """Return what one edge of a choice needs, backwards: the arrival, the thresholds, the effects."""
        return self._before_effects(
            edge.effects, self._before_measuring(choice, edge, self._before_arrival(location, choice, edge))
        )

    def _before_effects(self, effects: tuple[Set, ...], after: Needed) -> Needed:
        deciding, live = after
        for effect in reversed(effects):
            changed = Field(FieldKind.VARIABLE, effect.variable)
            if changed in live:
                deciding = (deciding - {changed}) | fields_read(self.world, effect.value)
                live = (live - {changed}) | deciding
        return Needed(deciding, live)

    def _before_arrival(self, location: Location, choice: Choice, edge: Edge) -> Needed:
        deciding = set(fields_read(self.world, *(target.condition for target in edge.targets)))
        live: set[Field] = set()
        for target in edge.targets:
            visits = Field(FieldKind.VISITS, self.world.scenes[target.location.scene].slot)
            entering = self._before_effects(target.effects, Needed(NO_FIELDS, self.live[target.location]))
            deciding |= entering.deciding - {visits}
            live |= entering.live - {visits}
            if visits in entering.live and self.caps.get(visits.number, 1) > 1:
                deciding.add(visits)
        if edge.decodes or choice.until:  # the layer there is the same, whatever it was before
            live.discard(LAYER)
            deciding.discard(LAYER)
        told = self._told(location.token) & live if edge.decodes else NO_FIELDS
        if (PASS in live and (edge.decodes or choice.acts)) or (edge.decodes and self._asks_pass(location.token)) or told:
            deciding |= self._pass_fields(choice)
        deciding |= {field for field in told if field.kind is FieldKind.DECIDED}  # one that was told before stays
        live -= {field for field in told if field.kind is FieldKind.BY_CHANCE}
        return Needed(frozenset(deciding), frozenset(live | deciding))

    def _before_measuring(self, choice: Choice, edge: Edge, after: Needed) -> Needed:
        measured = frozenset(Field(FieldKind.THRESHOLD, index) for index in edge.thresholds)
        new = measured | {Field(FieldKind.TAKEN, choice.slot)}
        deciding = after.deciding
        if measured & after.live:
            deciding |= self._pass_fields(choice) | self._measuring_fields(measured & after.live)
        deciding -= new
        return Needed(deciding, (after.live - new) | deciding)

    def _pass_fields(self, choice: Choice) -> Fields:
        """Return what decides which pass follows: a model's interventions begin at a layer, a written one's have none."""
        return frozenset((PASS, LAYER)) if choice.acts and self.is_computed else frozenset((PASS,))

    def _asks_pass(self, token: int) -> bool:
        """Return whether the words at the end of a token depend on its pass."""
        return self.is_computed or len(self.world.tokens[token].written) > 1

    def _measuring_fields(self, thresholds: Iterable[Field]) -> Fields:
        at_layer = any(self.world.thresholds[field.number].quantity != "p" for field in thresholds)
        return frozenset((PASS, LAYER)) if at_layer else frozenset((PASS,))

    def written(self, choice: Choice, edge: Edge, target: Location) -> Fields:
        """Return the fields to which one edge of a choice gives new values."""
        entering = next(one.effects for one in edge.targets if one.location == target)
        fields = {Field(FieldKind.VARIABLE, effect.variable) for effect in (*edge.effects, *entering)}
        fields |= {Field(FieldKind.THRESHOLD, index) for index in edge.thresholds}
        fields |= {Field(FieldKind.TAKEN, choice.slot), Field(FieldKind.VISITS, self.world.scenes[target.scene].slot)}
        if edge.decodes or choice.cost or choice.until:
            fields.add(LAYER)
        if edge.decodes or choice.acts:
            fields.add(PASS)
        if edge.decodes:
            fields |= self._told(target.token - 1)
        return frozenset(fields)

    def _told(self, token: int) -> Fields:
        """Return the fields that the word of a token gives values to: what decided it, and whether it was chance."""
        story = self.world.story
        decided = range(len(story.decided_asked)) if token <= self.world.telling_token else ()
        by_chance = [Field(FieldKind.BY_CHANCE, token)] if token in story.drawn_asked else []
        return frozenset((*(Field(FieldKind.DECIDED, number) for number in decided), *by_chance))

    # -- the pass -----------------------------------------------------------------------------------------------------

    def questions_at(self, token: int) -> Questions:
        """Return what a token and all later ones ask about the words and acts so far."""
        return self._questions_by_token.get(token, Questions())

    def keeps_pass(self, key: PassKey) -> bool:
        """Return whether all words and acts of a written pass are kept: up to the telling word, where what decided is asked."""
        return bool(self.world.story.decided_asked) and len(key.words) <= self.world.telling_index

    def reduced_pass(self, key: PassKey) -> PassKey:
        """Return a key without what nothing asks about, for passes that are not computed; its acts have no layers."""
        first, decoded = self.world.first_token, len(key.words)
        questions = self.questions_at(first + decoded)
        words = tuple(word if questions.has_word(word, first + at) else FILLER for at, word in enumerate(key.words))
        acts: list[tuple[Act, ...]] = []
        for at, made in enumerate(key.acts):
            names = [act.name for act in made]
            if not (at == decoded and self.limits_acts):  # where acts are limited, those of the present token are counted
                once = names if questions.counts else dict.fromkeys(names)
                names = [name for name in once if questions.has_act(name, first + at)]
            acts.append(tuple(Act(name, 0) for name in sorted(names)))
        return PassKey(words, tuple(acts))
