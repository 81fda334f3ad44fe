"""Scenes and endings, the choices in them, and where gotos lead. Knows no word that a pass might draw."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from forward_pass.loading.fields import Entry, keyed, known_name, known_names, line, parsed, several, truth, whole
from forward_pass.loading.frame import OF_A_PASS_IN_CHOICES, has_pass
from forward_pass.loading.interventions import check_causality
from forward_pass.loading.report import Report
from forward_pass.loading.symbols import Symbols
from forward_pass.loading.written_text import check_text
from forward_pass.loading.yaml_tree import Node
from forward_pass.story import nodes
from forward_pass.story.grammar import Scope, parse_condition, parse_effect
from forward_pass.story.text_grammar import parse_line, parse_text

SCENE_KEYS = ("text", "opens", "measured", "do", "choices", "goto")
ENDING_KEYS = ("title", "text", "holds", "measured")
CHOICE_KEYS = ("say", "if", "needs", "why", "once", "cost", "until", "act", "verb", "do", "measure", "then", "goto", "cut")
TARGET_KEYS = ("if", "goto")
MAX_LAYERS = 10_000


class Context(NamedTuple):
    """What scenes are read against: the names of the world, its acts, and the layers of a token."""

    symbols: Symbols
    scope: Scope
    slots: Mapping[str, int]  # where the state counts each choice
    acts: Mapping[str, nodes.ActDeclaration]
    first_layer: int
    first_token: int
    verbs: tuple[str, ...]
    cost: int  # of a choice that does not say


class GotoKind(Enum):
    """Whose a goto is, which decides where it may lead."""

    CHOICE = "choice"
    WORD = "word"
    LAST_WORD = "word of the last token"


def read_scenes(report: Report, context: Context) -> tuple[nodes.Scene, ...]:
    """Return the scenes, in the order in which they are written."""
    entries = context.symbols.sections["scenes"]
    return tuple(_scene(report, context, key, entry) for key, entry in entries.items())


def _scene(report: Report, context: Context, key: str, entry: Entry) -> nodes.Scene:
    written = entry.value.value if isinstance(entry.value.value, dict) else {}
    goes_on = "goto" in written and "choices" not in written
    keys = keyed(report, entry, f"the scene {key!r}", SCENE_KEYS, ("text",) if goes_on else ("text", "choices"))
    _check_ways_on(report, context, entry, key, keys)
    symbols, index = context.symbols, context.scope.scenes[key]
    scope = _scope_in(context, index, symbols.choices_of[key])
    choices = tuple(_choice(report, context, scope, choice, entry.token) for choice in symbols.choices_of[key].values())
    effects = _effects(report, keys.get("do"), scope)
    return nodes.Scene(
        place=entry.key.place,
        id=key,
        slot=index,
        token=entry.token,
        text=read_text(report, keys.get("text"), scope),
        opens=truth(report, keys.get("opens")),
        measured=_names(report, keys.get("measured")),
        effects=effects.sets if effects else (),
        choices=tuple(choice._replace(cost=0) for choice in choices) if goes_on else choices,  # to read on takes no layer
        goes_on=goes_on,
    )


def _scope_in(context: Context, scene: int, own: Mapping[str, str]) -> Scope:
    """Return what the parts of a scene may name: its own choices by the ids that are written there, all others in full."""
    names = context.scope.choices
    local = {written: context.slots[choice] for written, choice in own.items() if written not in names}
    return context.scope._replace(scene=scene, choices=ChainMap(local, dict(names)) if local else names)


def _check_ways_on(report: Report, context: Context, entry: Entry, scene: str, keys: Mapping[str, Node]) -> None:
    """Report a scene that has choices and goes on by itself too, has none of them, or leaves the token by itself."""
    if "choices" in keys and "goto" in keys and not entry.value.twice:
        report.add(keys["goto"], "E202", f"the scene {scene!r} must have 'choices' or 'goto', not both")
    elif "choices" in keys and keys["choices"].value == {}:
        report.add(entry.key, "E202", f"the scene {scene!r} needs at least one choice")
    elif "goto" in keys and keys["goto"].value == nodes.DECODE and has_pass(context.symbols):
        report.add(keys["goto"], "E303", "a scene that goes on by itself must lead to a scene or an ending, not to 'decode'")


def read_endings(report: Report, context: Context) -> tuple[nodes.Ending, ...]:
    """Return the endings, in the order in which they are written."""
    endings = []
    for key, entry in context.symbols.sections["endings"].items():
        keys = keyed(report, entry, f"the ending {key!r}", ENDING_KEYS, ("title", "text"))
        title = line(report, keys["title"], "title") if "title" in keys else "?"
        if "title" in keys:
            check_text(report, keys["title"])
        index = context.scope.scenes[key]
        scope = context.scope._replace(scene=index, ending=True)
        text = read_text(report, keys.get("text"), scope)
        claims = [_placed_condition(report, row, scope) for row in several(report, keys.get("holds"), "holds")]
        holds = tuple(claim for claim in claims if claim is not None)
        measured = _names(report, keys.get("measured"))
        endings.append(nodes.Ending(entry.key.place, key, index, entry.token, title, text, holds, measured))
    return tuple(endings)


def _names(report: Report, node: Node | None) -> tuple[str, ...]:
    return tuple(row.value.strip() for row in several(report, node, "measured"))


def read_text(report: Report, node: Node | None, scope: Scope) -> nodes.Text:
    """Return a text of paragraphs; empty where there is none."""
    if node is None:
        return nodes.EMPTY
    check_text(report, node)
    return parsed(report, node, lambda text: parse_text(text, scope, node.locator())) or nodes.EMPTY


def read_condition(report: Report, node: Node | None, scope: Scope) -> nodes.Expression | None:
    """Return a condition, None where there is none."""
    return None if node is None else parsed(report, node, lambda text: parse_condition(text, scope))


# -- choices ----------------------------------------------------------------------------------------------------------


def _choice(report: Report, context: Context, scope: Scope, choice: str, token: int) -> nodes.Choice:
    entry = context.symbols.choices[choice]
    keys = keyed(report, entry, f"the choice {entry.name!r}", CHOICE_KEYS, ("say", "goto"))
    if not has_pass(context.symbols):
        keys = {name: node for name, node in keys.items() if name not in OF_A_PASS_IN_CHOICES}  # they are reported
    if ("needs" in keys) != ("why" in keys):
        report.add(entry.key, "E202", f"the choice {entry.name!r} must have both 'needs' and 'why', or neither")
    goto = read_goto(report, keys["goto"], context, scope, GotoKind.CHOICE) if "goto" in keys else None
    decodes = goto is not None and _decodes(report, keys["goto"], goto)
    _check_layers(report, keys, decodes=decodes)
    check_causality(report, keys.get("act"), context.acts, token or context.first_token)
    until = _until(report, keys["until"], context) if "until" in keys else 0
    then = read_text(report, keys.get("then"), scope)
    _check_no_claims(report, keys)
    acts = tuple(known_names(report, keys.get("act"), "act", context.acts))
    return nodes.Choice(
        place=entry.key.place,
        id=choice,
        slot=context.slots[choice],
        say=_line(report, keys.get("say"), scope),
        condition=_below(_placed_condition(report, keys.get("if"), scope), keys.get("until"), until),
        needs=_placed_condition(report, keys.get("needs"), scope),
        why=_line(report, keys.get("why"), scope),
        once=truth(report, keys.get("once")),
        cost=_cost(report, keys.get("cost"), context.cost),
        cost_place=keys["cost"].value_place() if "cost" in keys else entry.key.place,
        until=until,
        acts=acts,
        verb=_verb(report, keys.get("verb"), acts, context),
        measures=_measures(report, keys.get("measure"), scope),
        effects=_effects(report, keys.get("do"), scope) or nodes.Effects(entry.key.place, ()),
        cut=_effects(report, keys.get("cut"), scope),
        then=then if then.paragraphs else None,
        goto=goto or nodes.Goto(entry.key.place, ()),
    )


def _check_no_claims(report: Report, keys: Mapping[str, Node]) -> None:
    """Report a claim in the texts of a choice: what is claimed of a run is claimed in scenes and endings."""
    for key in ("say", "why", "then"):
        node = keys.get(key)
        if node is not None and isinstance(node.value, str) and re.search(r"\{\s*holds\s*:", node.value):
            report.add(node, "E106", "'holds' can be used only in the texts of scenes and endings")
            return


def _verb(report: Report, node: Node | None, acts: tuple[str, ...], context: Context) -> str:
    """Return a choice's verb: its own, else that of the first of its acts that has one."""
    if node is not None:
        return known_name(report, node, "verb", context.verbs)
    return next((context.acts[act].verb for act in acts if context.acts[act].verb), "")


def _line(report: Report, node: Node | None, scope: Scope) -> nodes.Text:
    if node is None:
        return nodes.EMPTY
    check_text(report, node)
    return parsed(report, node, lambda text: parse_line(text, scope, node.locator())) or nodes.EMPTY


def _placed_condition(report: Report, node: Node | None, scope: Scope) -> nodes.Condition | None:
    expression = read_condition(report, node, scope)
    return nodes.Condition(node.value_place(), expression) if node and expression is not None else None


def _below(condition: nodes.Condition | None, node: Node | None, until: int) -> nodes.Condition | None:
    """Return a condition that also asks for a layer below the one to which a choice leads, if it leads to one."""
    if node is None or not until:
        return condition
    below = nodes.Compare("<", nodes.StateNumber("layer"), nodes.Literal(until))
    return (
        nodes.Condition(condition.place, nodes.And(condition.expression, below))
        if condition
        else nodes.Condition(node.value_place(), below)
    )


def _cost(report: Report, node: Node | None, default: int) -> int:
    cost = whole(report, node, 0, MAX_LAYERS) if node else None
    return default if cost is None else cost


def _measures(report: Report, node: Node | None, scope: Scope) -> tuple[int, ...]:
    return tuple(scope.thresholds[name] for name in known_names(report, node, "threshold", scope.thresholds))


def _check_layers(report: Report, keys: Mapping[str, Node], *, decodes: bool) -> None:
    """Report the keys of a choice that say how many layers it takes where another key says so already."""
    for name in ("cost", "until", "cut"):
        if decodes and name in keys:
            message = f"{name!r} cannot be combined with 'goto: decode', which takes all layers that are left"
            report.add(keys[name], "E306", message)
        elif "until" in keys and name in keys and name != "until":
            message = f"{name!r} cannot be combined with 'until', which takes the layers up to its own and no more"
            report.add(keys[name], "E306", message)


def _until(report: Report, node: Node, context: Context) -> int:
    """Return the layer to which a choice leads; 0 where it is none at which a token is under way."""
    layer, first, boundary = whole(report, node, 0, MAX_LAYERS), context.first_layer, context.scope.boundary
    if layer is None or first < layer < boundary:
        return layer or 0
    bounds = f"above {first} (waking) and below {boundary} (boundary)"
    report.add(node, "E206", f"'until' must be a layer {bounds}, found {layer}")
    return 0


def _effects(report: Report, node: Node | None, scope: Scope) -> nodes.Effects | None:
    """Return the effects of a list, None where there is none."""
    if node is None:
        return None
    rows = [row for row in several(report, node, "effects") if row.value.strip() != "nothing"]
    sets = [parsed(report, row, lambda text: parse_effect(text, scope)) for row in rows]
    for row, effect in zip(rows, sets, strict=True):
        _check_within(report, row, effect, scope)
    return nodes.Effects(node.value_place(), tuple(one for one in sets if one is not None))


def _check_within(report: Report, row: Node, effect: nodes.Set | None, scope: Scope) -> None:
    """Warn of a number that a variable can never hold, and of a step wider than all its values: both are cut to its bounds."""
    if effect is None:
        return
    name = next(name for name, variable in scope.variables.items() if variable.slot == effect.variable)
    value, least, most = effect.value, effect.least, effect.most
    if isinstance(value, nodes.Literal) and not least <= value.value <= most:
        bound = most if value.value > most else least
        report.add(row, "W111", f"{name} goes from {least} to {most}: {value.value} becomes {bound}")
    if isinstance(value, nodes.Arithmetic) and isinstance(value.right, nodes.Literal):
        by = value.right.value
        if value.left == nodes.VariableValue(effect.variable) and by > most - least:
            report.add(row, "W111", f"{name} goes from {least} to {most}: a step of {by} always ends at a bound")


# -- gotos ------------------------------------------------------------------------------------------------------------


def read_goto(report: Report, node: Node, context: Context, scope: Scope, kind: GotoKind) -> nodes.Goto:
    """Return where something leads: one id, or a list of ``{if, goto}`` whose last has no ``if``."""
    place = node.value_place()
    if isinstance(node.value, str):
        return nodes.Goto(place, (nodes.Target(place, None, _target(report, node, context, kind)),))
    if not isinstance(node.value, list) or not node.value:
        report.add(node, "E203", "expected a scene's id, or a list of cases {if, goto}")
        return nodes.Goto(place, ())
    targets = []
    for item in node.value:
        keys = keyed(report, Entry(item, item), "a case", TARGET_KEYS, ("goto",))
        where = keys.get("if") or keys.get("goto") or item
        scene = _target(report, keys["goto"], context, kind) if "goto" in keys else ""
        targets.append(nodes.Target(where.value_place(), read_condition(report, keys.get("if"), scope), scene))
    check_last_case(report, node)
    return nodes.Goto(place, tuple(targets))


def _decodes(report: Report, node: Node, goto: nodes.Goto) -> bool:
    """Return whether a choice lets the decoder come; reports a goto that mixes scenes and the decoder."""
    scenes = {target.scene for target in goto.targets}
    if nodes.DECODE in scenes and scenes - {"", nodes.DECODE}:
        report.add(node, "E303", "either every case of a 'goto' must be 'decode', or none")
    return nodes.DECODE in scenes


def _target(report: Report, node: Node, context: Context, kind: GotoKind) -> str:
    is_decode = isinstance(node.value, str) and node.value.strip() == nodes.DECODE
    scene = nodes.DECODE if is_decode else known_name(report, node, "scene or ending", context.scope.scenes, "E301")
    if scene == nodes.DECODE and not has_pass(context.symbols):
        report.add(node, "E309", "'decode' is about a pass, and this story has none (frame: none)")
    if kind is not GotoKind.CHOICE and scene == nodes.DECODE:
        report.add(node, "E303", "a word must lead to a scene or an ending, not to 'decode'")
    if kind is GotoKind.LAST_WORD and scene in context.symbols.sections["scenes"]:
        report.add(node, "E307", f"{scene!r} is not an ending, and every word of the last token must lead to one")
    return scene


def check_last_case(report: Report, node: Node) -> None:
    """Report a list of cases that might select none, or whose later cases can never be selected."""
    if not all(isinstance(item.value, dict) for item in node.value):
        return
    *others, last = node.value
    for item in others:
        if "if" not in item.value:
            report.add(item, "E302", "the cases after this one can never be selected: it has no 'if'")
    if "if" in last.value:
        report.add(last.value["if"][0], "E302", "the last case must not have 'if': it is for everything else")
