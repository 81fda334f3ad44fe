"""A world ready to be played: the story's nodes, indexes into them, and the closures they compile to.

Scenes are compiled when they are first met, so that the first screen of a large world comes as soon as that of a small one.
Knows neither files nor how to play.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from forward_pass.story.compile import TextFunction, Value, compile_expression, compile_text
from forward_pass.story.interventions import Intervention, start_layer
from forward_pass.story.nodes import Choice, Ending, Expression, Goto, Scene, Set, Story
from forward_pass.story.state import Act

COMMANDS = (
    *("undo", "redo", "back", "save", "load", "restart", "look", "prompt", "lens", "lab", "notes", "tree"),
    *("diff", "transcript", "about", "hint", "untaken", "skip", "credits", "help", "quit"),
    *("fork", "replay", "without", "picture", "map", "endings", "export", "settings"),
)
"""The commands of play, so that no choice may be called by them."""


class CompiledSet(NamedTuple):
    """An effect, compiled."""

    node: Set
    value: Value


class CompiledTarget(NamedTuple):
    """Where a choice or a word leads, if its condition holds."""

    condition: Value | None
    scene: str


class CompiledChoice(NamedTuple):
    """A choice with its closures; whether it is on offer is another question, which the engine answers."""

    node: Choice
    say: TextFunction
    condition: Value | None
    needs: Value | None
    why: TextFunction
    then: TextFunction | None
    decodes: bool  # whether the decoder comes after it
    lasting: int  # how many of its interventions outlive the token
    effects: tuple[CompiledSet, ...]
    cut: tuple[CompiledSet, ...] | None
    targets: tuple[CompiledTarget, ...]

    @property
    def id(self) -> str:
        """The choice's id."""
        return self.node.id


class CompiledScene(NamedTuple):
    """A scene or an ending with its closures; an ending has no choices."""

    node: Scene | Ending
    text: TextFunction
    choices: tuple[CompiledChoice, ...]
    effects: tuple[CompiledSet, ...]  # of arriving there
    by_id: dict[str, CompiledChoice]  # and by the part of an id after the scene's own

    @property
    def id(self) -> str:
        """The scene's id."""
        return self.node.id

    @property
    def title(self) -> str:
        """The title of an ending; empty for a scene."""
        return self.node.title if isinstance(self.node, Ending) else ""


def unsealed(world: World) -> World:
    """Return a world whose figures are shown everywhere, whatever it seals."""
    telling = world.telling
    return World(world.story._replace(telling=telling._replace(given=())), world.folder, world.shipped) if telling else world


class _ById(Mapping[str, Scene | Ending]):
    """The scenes, then the endings, by id."""

    def __init__(self, story: Story) -> None:
        self._scenes, self._endings = story.scenes, story.endings
        self._slots = {scene: slot for slot, scene in enumerate(story.scene_ids)}

    def __getitem__(self, scene: str) -> Scene | Ending:
        slot = self._slots[scene]
        return self._scenes[slot] if slot < len(self._scenes) else self._endings[slot - len(self._scenes)]

    def __contains__(self, scene: object) -> bool:
        return scene in self._slots

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)


class World:
    """A world that was read and found playable."""

    def __init__(self, story: Story, folder: Path = Path(), shipped: Path = Path()) -> None:
        self.story = story
        self.folder = folder  # where its files are; only the model is ever read from there
        self.shipped = shipped  # where the worlds are that came with the game, one of which may have the model
        self.id, self.title, self.about, self.version, self.hash = story[:5]
        self.has_pass = story.has_pass
        self.layers, self.first_layer, self.boundary = story.layers, story.first_layer, story.boundary
        self.prompt = story.prompt
        self.first_token = len(story.prompt)
        self.last_token = self.first_token + len(story.tokens) - 1
        self.start = story.start
        self.instantiations = story.instantiations
        self.acts_per_token, self.lasting_per_token = story.acts_per_token, story.lasting_per_token
        self.model, self.weights, self.network = story.model, story.weights, story.network
        self.glossary, self.hints = story.glossary, story.hints
        self.telling = story.telling
        self.telling_token = story.telling.token if story.telling else self.last_token
        self.telling_index = self.telling_token - self.first_token  # among the words said
        self.spans = story.spans
        self.variables, self.thresholds = story.variables, story.thresholds
        self.acts = {act.name: act for act in story.acts}
        self.tokens = {token.position: token for token in story.tokens}
        self.scene_ids, self.choice_ids = story.scene_ids, story.choice_ids  # in the order of their slots
        self.scenes = _ById(story)
        self.endings = story.ending_titles
        self._compiled: dict[str, CompiledScene] = {}

    @property
    def model_path(self) -> Path | None:
        """The file of the model: the world's own, or that of a world that came with the game; None where words are written."""
        if self.model is None:
            return None
        return self.folder / self.model if self.model.endswith(".fpw") else self.shipped / self.model / "weights.fpw"

    def gives_same_words(self, network: str | None) -> bool:
        """Say whether weights with this checksum, from a run's header, give the words that the world's own give."""
        return network in (None, self.network, *self.story.earlier_weights)

    @cached_property
    def scenes_remembered(self) -> frozenset[str]:
        """The scenes of which the story asks whether an earlier run met them."""
        return frozenset(self.story.met_asked)

    @cached_property
    def choices(self) -> dict[str, Choice]:
        """The choices by id, in the order of their slots."""
        choices = [choice for scene in self.story.scenes for choice in scene.choices]
        return {choice.id: choice for choice in sorted(choices, key=lambda choice: choice.slot)}

    @cached_property
    def arrivals(self) -> dict[int, dict[str, tuple[CompiledTarget, ...]]]:
        """Where each word leads that a token answers, by the token's position."""
        return {
            token.position: {arrival.word: _targets(arrival.goto) for arrival in token.arrivals} for token in self.story.tokens
        }

    def act_start(self, act: str, layer: int) -> int:
        """Return the first layer at which an act made at ``layer`` is in force."""
        return start_layer(self.acts[act].fixed_layer, layer)

    def intervention(self, act: Act) -> Intervention | None:
        """Return what an act does to the pass, beginning at its layer; None in a written world."""
        template = self.acts[act.name].intervention
        return None if template is None else template._replace(layer=template.layer or act.layer)

    def is_lasting(self, act: str) -> bool:
        """Return whether an act outlives its token."""
        return self.acts[act].lasts

    def scene(self, scene: str) -> CompiledScene:
        """Return the scene or ending of that id, compiled on first use; raises ``KeyError`` where there is none."""
        compiled = self._compiled.get(scene)
        if compiled is None:
            compiled = self._compiled[scene] = self._compile(self.scenes[scene])
        return compiled

    def _compile(self, node: Scene | Ending) -> CompiledScene:
        choices = tuple(map(self._choice, node.choices)) if isinstance(node, Scene) else ()
        by_id = {choice.id.rpartition(".")[2]: choice for choice in choices} | {choice.id: choice for choice in choices}
        effects = _effects(node.effects) if isinstance(node, Scene) else ()
        return CompiledScene(node, compile_text(node.text), choices, effects, by_id)

    def _choice(self, node: Choice) -> CompiledChoice:
        return CompiledChoice(
            node=node,
            say=compile_text(node.say),
            condition=_condition(node.condition and node.condition.expression),
            needs=_condition(node.needs and node.needs.expression),
            why=compile_text(node.why),
            then=node.then and compile_text(node.then),
            decodes=node.decodes,
            lasting=sum(map(self.is_lasting, node.acts)),
            effects=_effects(node.effects.sets),
            cut=node.cut and _effects(node.cut.sets),
            targets=_targets(node.goto),
        )


def _condition(node: Expression | None) -> Value | None:
    return None if node is None else compile_expression(node)


def _effects(sets: tuple[Set, ...]) -> tuple[CompiledSet, ...]:
    return tuple(CompiledSet(effect, compile_expression(effect.value)) for effect in sets)


def _targets(node: Goto) -> tuple[CompiledTarget, ...]:
    return tuple(CompiledTarget(_condition(target.condition), target.scene) for target in node.targets)
