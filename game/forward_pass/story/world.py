"""A world as data: scenes, choices, endings, tokens. Built from what the loader made, knows neither files nor how to play.

The loader hands over plain lists and strings (``Tree``), which are also what is kept as JSON between two starts. Scenes are
compiled when they are first met, so that the first screen of a large world comes as soon as that of a small one.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from forward_pass.story.compile import Value, compile_expression
from forward_pass.story.expressions import Tree, Variable
from forward_pass.story.text import Text, compile_text

FORMAT = 1
DECODE = "decode"
"""As the target of a choice: no scene, the decoder comes."""

OTHERWISE = "otherwise"
"""Among the words that a token answers: every word that is not named."""

COMMANDS = (
    *("undo", "redo", "back", "save", "load", "restart", "look", "prompt", "lens", "notes", "tree", "diff"),
    *("transcript", "about", "hint", "credits", "help", "quit"),
)
"""The words that play answers itself, so that no choice may be called by them."""

NOT_IDS = frozenset((*COMMANDS, DECODE, OTHERWISE))


class Target(NamedTuple):
    """Where a choice or a word leads, if its condition holds."""

    condition: Value | None
    scene: str


class Effect(NamedTuple):
    """A variable's new value, kept within the variable's bounds."""

    variable: int
    value: Value
    least: int
    most: int


class Choice(NamedTuple):
    """A choice as it was written; whether it is on offer is another question, which the engine answers."""

    id: str
    slot: int  # its index in the state's counts
    say: Text
    condition: Value | None  # where it does not hold, the choice is not there
    needs: Value | None  # where it does not hold, the choice is there and closed, and ``why`` says why
    why: Text
    once: bool
    cost: int  # layers; for a choice that decodes, whatever is left
    until: int  # the layer to which it takes one, whatever that costs; 0: it has a cost
    acts: tuple[str, ...]
    lasting: bool  # whether one of its interventions outlives the token
    effects: tuple[Effect, ...]
    measures: tuple[int, ...]  # thresholds whose truth is taken where the choice leads
    then: Text | None  # what is said as the choice is carried out, before the next scene
    targets: tuple[Target, ...]
    decodes: bool
    cut: tuple[Effect, ...] | None  # the effects where the layers run out on it; None: then it is closed
    place: str

    def layer_after(self, layer: int) -> int:
        """Return the layer to which the choice leads from ``layer``; one that decodes leads to the boundary instead."""
        return self.until or layer + self.cost


class Scene(NamedTuple):
    """A scene, or an ending: then it has a title and no choices."""

    id: str
    slot: int  # its index in the state's counts
    token: int  # the one token at which it can be met; 0 for any
    title: str  # empty for a scene
    text: Text
    choices: tuple[Choice, ...]
    by_id: dict[str, Choice]
    place: str


class Threshold(NamedTuple):
    """A named truth about a measured number: the only way in which measuring meets the story."""

    name: str
    quantity: str
    word: str
    sign: str
    bound: float


class Case(NamedTuple):
    """One case of a written token: its condition, and the declared distribution by word."""

    condition: Value | None
    chances: dict[str, float]


class Token(NamedTuple):
    """A token of the pass: what a written pass says at its end, and where each word leads."""

    position: int
    written: tuple[Case, ...]
    arrivals: dict[str, tuple[Target, ...]]
    place: str


class World:
    """A world that was read and found playable."""

    def __init__(self, data: dict[str, Any], folder: Path = Path()) -> None:
        self.data = data
        self.folder = folder  # where its files are; only the model is ever read from there
        self.id: str = data["id"]
        self.title: str = data["title"]
        self.about: str = data["about"]
        self.version: str = data["version"]
        self.hash: str = data["hash"]
        self.layers: int = data["layers"]
        self.first_layer: int = data["waking"]
        self.boundary: int = data["boundary"]
        self.prompt: tuple[str, ...] = tuple(data["prompt"])
        self.first_token = len(self.prompt)
        self.last_token: int = self.first_token + len(data["tokens"]) - 1
        self.start: str = data["start"]
        self.instantiations: int = data["instantiations"]
        self.acts_per_token: int = data["limits"][0]
        self.lasting_per_token: int = data["limits"][1]
        self.model: str | None = data["model"]  # the file of the weights, in the world's folder
        self.weights: str | None = data["weights"]  # their checksum
        self.acts: dict[str, tuple[str, dict[str, Any]]] = {name: (kind, given) for name, _, _, kind, given in data["acts"]}
        self.glossary: list[list[Any]] = data.get("glossary", [])  # name, claim, text, source, other names, see also
        self.hints: dict[str, list[str]] = data.get("hints", {})  # three steps for each ending
        self.share_token: int = data.get("telling", 0)  # the token whose word tells of a run; 0: the last
        self.lasting: frozenset[str] = frozenset(name for name, lasts, *_ in data["acts"] if lasts)
        self.spans: dict[str, tuple[int, int]] = {name: (start, stop) for name, (start, stop) in data["spans"].items()}
        self.scene_ids: tuple[str, ...] = tuple(data["scenes"])
        self.choice_ids: tuple[str, ...] = tuple(data["choices"])
        self._scenes: dict[str, Scene] = {}

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The variables in the order of their indices."""
        return tuple(
            Variable(name, index, least, most, start, flag, tuple(words))
            for index, (name, least, most, start, flag, words) in enumerate(self.data["variables"])
        )

    @cached_property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The thresholds in the order of their indices."""
        return tuple(Threshold(*row) for row in self.data["thresholds"])

    @cached_property
    def tokens(self) -> dict[int, Token]:
        """The tokens by position."""
        return {
            self.first_token + offset: Token(
                self.first_token + offset,
                tuple(Case(_condition(tree), chances) for tree, chances in written),
                {word: _targets(rows) for word, rows in arrivals.items()},
                place,
            )
            for offset, (written, arrivals, place) in enumerate(self.data["tokens"])
        }

    @cached_property
    def endings(self) -> dict[str, str]:
        """The titles of the endings by id, in the order in which they were written."""
        return {key: row["title"] for key, row in self.data["scenes"].items() if row["title"]}

    def act_start(self, act: str, layer: int) -> int:
        """Return the first layer at which an act made at ``layer`` is in force: a bend turns what leaves the boundary."""
        return self.boundary if self.acts[act][0] == "bend" else layer + 1

    @cached_property
    def note_words(self) -> dict[str, tuple[tuple[str, ...], int]]:
        """The words of every note that an act can leave, and which of them carries it, by the act's name."""
        notes = {name: given for name, (kind, given) in self.acts.items() if kind == "note"}
        return {name: (tuple(given["words"]), given["carrier"]) for name, given in notes.items()}

    def scene(self, scene: str) -> Scene:
        """Return the scene or ending of that id, compiled on first use; raises ``KeyError`` where there is none."""
        known = self._scenes.get(scene)
        if known is None:
            known = self._scenes[scene] = self._compiled(scene)
        return known

    def _compiled(self, scene: str) -> Scene:
        row = self.data["scenes"][scene]
        choices = tuple(self._choice(key, self.data["choices"][key]) for key in row["choices"])
        return Scene(
            scene,
            row["slot"],
            row["token"],
            row["title"],
            compile_text(row["text"]),
            choices,
            {choice.id: choice for choice in choices},
            row["place"],
        )

    def _choice(self, choice: str, row: dict[str, Any]) -> Choice:
        return Choice(
            id=choice,
            slot=row["slot"],
            say=compile_text(row["say"]),
            condition=_condition(row["if"]),
            needs=_condition(row["needs"]),
            why=compile_text(row["why"]),
            once=row["once"],
            cost=row["cost"],
            until=row["until"],
            acts=tuple(row["acts"]),
            lasting=any(act in self.lasting for act in row["acts"]),
            effects=self._effects(row["do"]),
            measures=tuple(row["measure"]),
            then=compile_text(row["then"]) if row["then"] else None,
            targets=_targets(row["goto"]),
            decodes=row["goto"][0][1] == DECODE,
            cut=None if row["cut"] is None else self._effects(row["cut"]),
            place=row["place"],
        )

    def _effects(self, rows: Tree) -> tuple[Effect, ...]:
        return tuple(
            Effect(index, compile_expression(tree), self.variables[index].least, self.variables[index].most)
            for index, tree in rows
        )


def _condition(tree: Tree | None) -> Value | None:
    return None if tree is None else compile_expression(tree)


def _targets(rows: Tree) -> tuple[Target, ...]:
    return tuple(Target(_condition(tree), scene) for tree, scene in rows)
