"""Scenes and endings, the choices in them, and where gotos lead, read to plain rows. Knows no word that a pass might draw.

What conditions, texts, effects and gotos may name has to be known before any of it is read: ``scope`` and ``goals``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from forward_pass.loading.fields import Entry, key_place, value_place
from forward_pass.loading.interventions import InterventionLoader
from forward_pass.loading.yaml_tree import Node, Source
from forward_pass.story.expressions import Scope, Tree, parse_condition, parse_effect
from forward_pass.story.text import Offsets, parse_line, parse_text
from forward_pass.story.world import DECODE

SCENE_KEYS = ("text", "choices")
ENDING_KEYS = ("title", "text")
CHOICE_KEYS = ("say", "if", "needs", "why", "once", "cost", "until", "act", "do", "measure", "then", "goto", "cut")
PLACED_KEYS = ("if", "needs", "until", "cost", "cut", "goto")  # those of a choice that a walk finds fault with
TARGET_KEYS = ("if", "goto")


class SceneLoader(InterventionLoader):
    """Reads scenes, endings and choices, and the conditions and gotos of whatever else has any."""

    scope: Scope  # what conditions, texts and effects may name
    goals: dict[str, int]  # what a goto may name
    waking: int  # the layer at which a token's story begins
    places: dict[str, Any]  # where conditions, cases and what varies in texts stand

    def scenes(self) -> dict[str, Any]:
        """Return the scenes and the endings by id, in the order of their slots: scenes first."""
        rows: dict[str, Any] = {}
        for index, (key, entry) in enumerate(self.sections["scenes"].items()):
            keys = self.keyed(entry, f"the scene {key!r}", SCENE_KEYS, SCENE_KEYS)
            choices = keys["choices"].value if "choices" in keys else None
            if choices == {}:
                self.problems.append(entry.source.at(entry.key_node, "E202", f"the scene {key!r} needs at least one choice"))
            mine = [choice for choice in choices if self.homes[choice] == key] if isinstance(choices, dict) else []
            rows[key] = self.scene_row(index, entry, "", self.scene_text(key, entry, index, keys.get("text")), mine)
        for index, (key, entry) in enumerate(self.sections["endings"].items(), len(rows)):
            keys = self.keyed(entry, f"the ending {key!r}", ENDING_KEYS, ENDING_KEYS)
            title = self.string(entry.source, keys["title"], "title") if "title" in keys else "?"
            text = self.scene_text(key, entry, index, keys.get("text"), ending=True)
            rows[key] = self.scene_row(index, entry, " ".join(title.split()), text, [])
        return rows

    def scene_text(self, key: str, entry: Entry, index: int, node: Node | None, *, ending: bool = False) -> Tree:
        """Return the text of a scene or an ending."""
        scope = self.scope._replace(scene=index, ending=ending)
        return self.text(entry.source, node, parse_text, scope, f"scene.{key}")

    def text(self, source: Source, node: Node | None, parse: Callable[..., Tree], scope: Scope, name: str) -> Tree:
        """Return the tree of a text, having kept under its name where what varies in it stands."""
        met: Offsets = []
        tree = self.parsed(source, node, parse, scope, met) if node else None
        if node and tree and met:
            found = source.places(node, {offset for some in met for offset in some})
            self.places[f"text.{name}"] = [[found[offset] for offset in some] for some in met]
        return tree or []

    def condition(self, source: Source, node: Node | None, scene: int | None = None) -> Tree | None:
        """Return a condition as a tree, or None where there is none or it was reported; ``scene`` is where it stands."""
        return None if node is None else self.parsed(source, node, parse_condition, self.scope._replace(scene=scene))

    def scene_row(self, index: int, entry: Entry, title: str, text: Tree, choices: list[str]) -> dict[str, Any]:
        """Return a scene or an ending as a row."""
        return {
            "slot": index,
            "token": entry.token,
            "title": title,
            "text": text,
            "choices": choices,
            "place": key_place(entry),
        }

    def choice(self, key: str, entry: Entry) -> dict[str, Any]:
        """Return a choice as a row."""
        source = entry.source
        keys = self.keyed(entry, f"the choice {key!r}", CHOICE_KEYS, ("say", "goto"))
        scene = self.scope.ids["scene"][self.homes[key]]
        scope = self.scope._replace(scene=scene)

        def text(name: str, parse: Callable[..., Tree] = parse_line) -> Tree:
            return self.text(source, keys.get(name), parse, scope, f"{name}.{key}")

        if ("needs" in keys) != ("why" in keys):
            message = f"the choice {key!r} must have both 'needs' and 'why', or neither"
            self.problems.append(source.at(entry.key_node, "E202", message))
        goto = self.targets(source, keys["goto"], "choice", scene, place=key) if "goto" in keys else []
        self.places |= {f"{name}.{key}": value_place(source, keys[name]) for name in PLACED_KEYS if name in keys}
        decodes = any(target == DECODE for _, target in goto)
        if decodes and any(target not in ("", DECODE) for _, target in goto):
            self.problems.append(source.at(keys["goto"], "E303", "either every case of a 'goto' must be 'decode', or none"))
        self.placed(source, keys, decodes=decodes)
        until = self.until(source, keys["until"]) if "until" in keys else 0
        condition = self.condition(source, keys.get("if"), scene)
        if until:
            below: Tree = ["<", ["layer"], ["int", until]]
            condition = ["and", condition, below] if condition else below
        self.causal(source, keys.get("act"), self.sections["scenes"][self.homes[key]].token)
        return {
            "slot": self.scope.ids["choice"][key],
            "say": text("say"),
            "if": condition,
            "needs": self.condition(source, keys.get("needs"), scene),
            "why": text("why"),
            "once": self.truth(source, keys["once"]) if "once" in keys else False,
            "cost": self.whole(source, keys["cost"], 0, 10_000) if "cost" in keys else 1,
            "until": until,
            "acts": self.named(source, keys.get("act"), "act", self.scope.ids["act"]),
            "measure": [
                self.scope.thresholds[name]
                for name in self.named(source, keys.get("measure"), "threshold", self.scope.thresholds)
            ],
            "do": self.effects(source, keys.get("do"), scope),
            "cut": self.effects(source, keys.get("cut"), scope) if "cut" in keys else None,
            "then": text("then", parse_text),
            "goto": goto,
            "place": key_place(entry),
        }

    def placed(self, source: Source, keys: dict[str, Node], *, decodes: bool) -> None:
        """Report the keys of a choice that say how many layers it takes where something else says it already."""
        for name in ("cost", "until", "cut"):
            if decodes and name in keys:
                message = f"{name!r} cannot be combined with 'goto: decode', which takes all layers that are left"
                self.problems.append(source.at(keys[name], "E306", message))
            elif "until" in keys and name in keys and name != "until":
                message = f"{name!r} cannot be combined with 'until', which takes the layers up to its own and no more"
                self.problems.append(source.at(keys[name], "E306", message))

    def until(self, source: Source, node: Node) -> int:
        """Return the layer to which a choice takes one; one at which no token is under way was reported, and is 0."""
        layer = self.whole(source, node, 0, 10_000)
        if layer is None or self.waking < layer < self.scope.boundary:
            return layer or 0
        bounds = f"above {self.waking} (waking) and below {self.scope.boundary} (boundary)"
        message = f"'until' must be a layer {bounds}, found {layer}"
        self.problems.append(source.at(node, "E206", message))
        return 0

    def effects(self, source: Source, node: Node | None, scope: Scope) -> Tree:
        """Return the effects of a list as trees."""
        rows = [] if node is None else self.several(source, node, "effects")
        parsed = [self.parsed(source, row, parse_effect, scope) for row in rows if row.value.strip() not in ("", "nothing")]
        return [effect for effect in parsed if effect is not None]

    def named(self, source: Source, node: Node | None, what: str, known: Collection[str]) -> list[str]:
        """Return the names of a list that are ``known``, having reported all others."""
        rows = [] if node is None else self.several(source, node, what)
        return [name for row in rows if (name := self.name(source, row, what, known))]

    def targets(self, source: Source, node: Node, kind: str, scene: int | None = None, *, place: str) -> Tree:
        """Return ``[condition, scene]`` rows of a goto: one id, or a list of ``{if, goto}`` whose last has no ``if``.

        The goto's ``kind`` says whose it is: a ``choice``'s, a ``word``'s, or a word's of the ``last`` token. Where each row
        stands is kept under ``place``.
        """
        if isinstance(node.value, str):
            return [[None, self.target(source, node, kind)]]
        if not isinstance(node.value, list) or not node.value:
            self.problems.append(source.at(node, "E203", "expected a scene's id, or a list of cases {if, goto}"))
            return []
        rows: Tree = []
        for number, item in enumerate(node.value):
            keys = self.keyed(Entry(source, item, item), "a case", TARGET_KEYS, ("goto",))
            self.places[f"case.{number}.{place}"] = value_place(source, keys.get("if") or keys.get("goto") or item)
            target = self.target(source, keys["goto"], kind) if "goto" in keys else ""
            rows.append([self.condition(source, keys.get("if"), scene), target])
        self.last_is_open(source, node)
        return rows

    def last_is_open(self, source: Source, node: Node) -> None:
        """Report a list of cases that might select none, or whose later cases can never be selected."""
        if not all(isinstance(item.value, dict) for item in node.value):
            return
        for item in node.value:
            if item is not node.value[-1] and "if" not in item.value:
                self.problems.append(source.at(item, "E302", "the cases after this one can never be selected: it has no 'if'"))
            if item is node.value[-1] and "if" in item.value:
                place = item.value["if"][0]
                self.problems.append(source.at(place, "E302", "the last case must not have 'if': it is for everything else"))

    def target(self, source: Source, node: Node, kind: str) -> str:
        """Return the scene, the ending or ``decode`` that a goto names; one that its ``kind`` may not name was reported."""
        scene = self.name(source, node, "scene or ending", self.goals, "E301")
        if kind != "choice" and scene == DECODE:
            self.problems.append(source.at(node, "E303", "a word must lead to a scene or an ending, not to 'decode'"))
        if kind == "last" and scene in self.sections["scenes"]:
            message = f"{scene!r} is not an ending, and every word of the last token must lead to one"
            self.problems.append(source.at(node, "E307", message))
        return scene
