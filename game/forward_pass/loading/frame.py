"""Stories without a pass (``frame: none``): what they cannot declare and cannot ask about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from forward_pass.errors import Place, Problem
from forward_pass.loading.fields import known_name
from forward_pass.loading.report import Report
from forward_pass.loading.symbols import SECTIONS, SINGLES, Symbols
from forward_pass.loading.yaml_tree import Node
from forward_pass.story import nodes
from forward_pass.story.visit import walk_nodes

FRAMES = ("none", "pass")
OF_A_STORY = (
    *("format", "id", "title", "version", "about", "frame", "start", "instantiations"),
    *("variables", "claims", "scenes", "endings"),
)
OF_A_PASS = frozenset((*SINGLES, *SECTIONS)).difference(OF_A_STORY)
OF_A_PASS_IN_SCENES = frozenset(("opens", "measured"))
OF_A_PASS_IN_CHOICES = frozenset(("cost", "until", "act", "verb", "measure", "cut"))
ASKS_OF_A_PASS = (
    *(nodes.LayersLeft, nodes.Emitted, nodes.Acted, nodes.Decided, nodes.Drawn, nodes.PassesRun, nodes.ThresholdTruth),
    *get_args(nodes.Measurement),
)


def has_pass(symbols: Symbols) -> bool:
    """Return whether a world has a pass: not where it says ``frame: none``, or something that is no frame."""
    frame = symbols.singles.get("frame")
    return frame is None or frame.value.value == "pass"


def check_frame(report: Report, symbols: Symbols) -> None:
    """Report a frame that is unknown, and every key of a pass in a world that has none."""
    frame = symbols.singles.get("frame")
    if frame:
        known_name(report, frame.value, "frame", FRAMES)
    if has_pass(symbols):
        return
    keys = [entry.key for entry in symbols.singles.values()] + [*symbols.section_keys.values()]
    keys += [entry.key for entry in symbols.files]
    for scene in symbols.sections["scenes"].values():
        keys += _keys_of(scene.value, OF_A_PASS_IN_SCENES)
    for choice in symbols.choices.values():
        keys += _keys_of(choice.value, OF_A_PASS_IN_CHOICES)
    for key in keys:
        if key.value in OF_A_PASS | OF_A_PASS_IN_SCENES | OF_A_PASS_IN_CHOICES | {"token"}:
            report.add(key, "E309", f"{key.value!r} is about a pass, and this story has none (frame: none)")


def _keys_of(mapping: Node, names: frozenset[str]) -> list[Node]:
    return [key for name, (key, _) in mapping.value.items() if name in names] if isinstance(mapping.value, dict) else []


def asks_of_a_pass(story: nodes.Story) -> Iterator[Problem]:
    """Yield the scenes, choices and endings of a story without a pass that ask about one."""
    if story.has_pass:
        return
    scenes: list[nodes.Scene | nodes.Ending] = [*story.scenes, *story.endings]
    for scene in scenes:
        if _asks(scene._replace(choices=()) if isinstance(scene, nodes.Scene) else scene):
            yield _problem(scene.place, f"{scene.id!r}")
        for choice in scene.choices if isinstance(scene, nodes.Scene) else ():
            if _asks(choice):
                yield _problem(choice.place, f"the choice {choice.id!r}")
    for claim in story.properties:
        if _asks(claim):
            yield _problem(claim.place, f"the claim {claim.id!r}")


def _asks(node: object) -> bool:
    return any(
        isinstance(one, ASKS_OF_A_PASS) or (isinstance(one, nodes.StateNumber) and one.name != "instantiation")
        for one in walk_nodes(node)
    )


def _problem(place: Place, what: str) -> Problem:
    return Problem.at(
        place, "E309", f"{what} asks about words, layers or acts of a pass, and this story has none (frame: none)"
    )
