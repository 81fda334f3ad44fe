"""What can be known of a world by reading it: what leads nowhere, what nothing leads to, what is never read or changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from forward_pass.errors import Problem, did_you_mean
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.loader import read_world
from forward_pass.story.expressions import Tree
from forward_pass.story.world import DECODE, OTHERWISE

Data = dict[str, Any]


class LintReport(NamedTuple):
    """What a check found: every problem in the order of the files, and the world in a line."""

    problems: tuple[Problem, ...]
    summary: str

    @property
    def failed(self) -> bool:
        """Whether any problem is an error; warnings pass."""
        return any(problem.severity == "error" for problem in self.problems)


def lint_world(folder: Path) -> LintReport:
    """Read the world in ``folder``, lint it, and return the report."""
    reading = read_world(folder)
    if reading.data is None:
        return LintReport(reading.problems, f"{folder.name}: cannot be played")
    data = reading.data
    with gc_paused():
        found = sorted({*reading.problems, *lint(data)})
    return LintReport(tuple(found), f"{folder.name}: {world_counts(data)}; read, not yet explored")


def world_counts(data: Data) -> str:
    """Return what a world is made of, in numbers."""
    endings = sum(bool(row["title"]) for row in data["scenes"].values())
    return (
        f"{len(data['scenes']) - endings} scenes, {len(data['choices'])} choices, {endings} endings, "
        f"{len(data['tokens'])} token{'s' if len(data['tokens']) != 1 else ''}, {len(data['prompt'])} tokens of prompt"
    )


def lint(data: Data) -> Iterator[Problem]:
    """Yield what reading alone shows to be wrong, or likely to be."""
    yield from _unreached(data)
    yield from _stuck(data)
    yield from _out_of_place(data)
    yield from _costs(data)
    yield from _limits(data)
    yield from _names(data)
    yield from _unsaid(data)


def _problem(place: str, code: str, message: str) -> Problem:
    file, line, column = place.rsplit(":", 2)
    return Problem(file, int(line), int(column), code, message, "warning" if code.startswith("W") else "error")


def _targets(data: Data, scene: str) -> Iterator[str]:
    for choice in data["scenes"][scene]["choices"]:
        yield from (target for _, target in data["choices"][choice]["goto"])


def _may_decode(row: Data) -> bool:
    return row["goto"][0][1] == DECODE or row["cut"] is not None


def _unreached(data: Data) -> Iterator[Problem]:
    """Yield the scenes and endings that no goto and no word leads to, walking over everything that is written."""
    arrivals = [target for _, rows, _ in data["tokens"] for targets in rows.values() for _, target in targets]
    reached = {data["start"]}
    waiting = [data["start"]]
    decoded = False
    while waiting:
        scene = waiting.pop()
        choices = [data["choices"][choice] for choice in data["scenes"][scene]["choices"]]
        leads = [target for target in _targets(data, scene) if target != DECODE]
        if not decoded and any(map(_may_decode, choices)):
            decoded = True
            leads += arrivals
        for target in leads:
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    for scene, row in data["scenes"].items():
        if scene not in reached:
            what = "ending" if row["title"] else "scene"
            yield _problem(row["place"], "E401", f"nothing leads to the {what} {scene!r}")


def _stuck(data: Data) -> Iterator[Problem]:
    """Yield the scenes from which no choice leads to another scene or to the decoder."""
    for scene, row in data["scenes"].items():
        if row["choices"]:
            choices = [data["choices"][choice] for choice in row["choices"]]
            if not any(map(_may_decode, choices)) and set(_targets(data, scene)) == {scene}:
                yield _problem(row["place"], "E402", f"every choice of the scene {scene!r} leads back to it")
            if not any(choice["if"] is None and choice["needs"] is None and not choice["once"] for choice in choices):
                message = f"every choice of {scene!r} has a condition or can be used up: a run may have no choice left here"
                yield _problem(row["place"], "W403", message)


def _out_of_place(data: Data) -> Iterator[Problem]:
    """Yield gotos from one token's scenes to another's, and words that lead to a scene of the wrong token."""
    first = len(data["prompt"])
    start = data["scenes"][data["start"]]
    if start["token"] not in (0, first):
        message = f"the start scene {data['start']!r} belongs to token {start['token']}, but the first token is {first}"
        yield _problem(start["place"], "E404", message)
    for scene, row in data["scenes"].items():
        for choice in row["choices"]:
            for _, target in data["choices"][choice]["goto"]:
                theirs = data["scenes"][target]["token"] if target != DECODE else 0
                if theirs and row["token"] and theirs != row["token"]:
                    where = f"{scene!r} belongs to token {row['token']} and {target!r} to token {theirs}"
                    message = f"{where}: only 'goto: decode' leads to another token"
                    yield _problem(data["choices"][choice]["place"], "E404", message)
    for position, (_, arrivals, place) in enumerate(data["tokens"], first):
        for word, targets in arrivals.items():
            for _, target in targets:
                theirs = data["scenes"][target]["token"]
                if theirs and theirs != position + 1:
                    message = f"{word!r} leads to token {position + 1}, but the scene {target!r} belongs to token {theirs}"
                    yield _problem(place, "E404", message)


def _costs(data: Data) -> Iterator[Problem]:
    """Yield the choices whose cost no token can pay."""
    room = data["boundary"] - data["waking"]
    for choice, row in data["choices"].items():
        if row["goto"][0][1] != DECODE and row["cut"] is None and row["cost"] >= room:
            costs = f"the choice {choice!r} costs {row['cost']} layers"
            message = f"{costs}; it must cost fewer than the {room} of a token, or have the key 'cut'"
            yield _problem(row["place"], "E405", message)


def _limits(data: Data) -> Iterator[Problem]:
    """Yield the choices that change the pass more than any token bears."""
    lasting = {name for name, lasts, *_ in data["acts"] if lasts}
    most, most_lasting = data["limits"]
    for choice, row in data["choices"].items():
        made, left = len(row["acts"]), sum(act in lasting for act in row["acts"])
        if made > most:
            acts = f"{made} act{'s' * (made != 1)}"
            yield _problem(row["place"], "E409", f"the choice {choice!r} makes {acts}, but a token allows at most {most}")
        elif left > most_lasting:
            acts = f"{left} lasting act{'s' * (left != 1)}"
            message = f"the choice {choice!r} makes {acts}, but a token allows at most {most_lasting}"
            yield _problem(row["place"], "E409", message)


def _names(data: Data) -> Iterator[Problem]:
    """Yield variables that are never read or never changed, and acts and thresholds that nothing uses."""
    read = set(_read(data))
    changed = {index for row in data["choices"].values() for index, _ in [*row["do"], *(row["cut"] or [])]}
    places = data["places"]
    for index, (name, *_) in enumerate(data["variables"]):
        if ("variable", index) not in read:
            yield _problem(places[f"variables.{name}"], "W406", f"the variable {name!r} is never read")
        if index not in changed:
            yield _problem(places[f"variables.{name}"], "W407", f"the variable {name!r} is never changed")
    for index, (name, *_) in enumerate(data["thresholds"]):
        if ("threshold", index) not in read:
            yield _problem(places[f"thresholds.{name}"], "W406", f"the threshold {name!r} is never read")
    used = {act for row in data["choices"].values() for act in row["acts"]}
    for name, *_ in data["acts"]:
        if name not in used:
            yield _problem(places[f"acts.{name}"], "W408", f"no choice makes the act {name!r}")


def _read(data: Data) -> Iterator[tuple[str, int]]:
    """Yield what a condition, an effect or a text reads: ``("variable", index)`` and ``("threshold", index)``.

    What a variable's own next value reads of it (``reads += 1``) is no use of it.
    """
    choices = data["choices"].values()
    texts = [{key: row for key, row in choice.items() if key not in ("do", "cut")} for choice in choices]
    yield from _leaves([data["tokens"], *data["scenes"].values(), *texts])
    for choice in choices:
        for index, tree in [*choice["do"], *(choice["cut"] or [])]:
            yield from (leaf for leaf in _leaves(tree) if leaf != ("variable", index))


def _leaves(tree: Tree) -> Iterator[tuple[str, int]]:
    for node in _lists(tree):
        if len(node) == 2 and node[0] in ("variable", "threshold") and isinstance(node[1], int):  # noqa: PLR2004 - a leaf
            yield node[0], node[1]


def _lists(tree: Tree) -> Iterator[Tree]:
    """Yield every list inside a tree, itself included."""
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list):
            yield node
            stack.extend(node)


def _unsaid(data: Data) -> Iterator[Problem]:
    """Yield the words that a written world asks about and never says."""
    cases = [written for written, *_ in data["tokens"]]
    if not all(cases):
        return  # a model says what it says
    said = {word for written in cases for _, chances in written for word in chances}
    places = data["places"]
    asked = [(word, places[f"thresholds.{name}"]) for name, _, word, *_ in data["thresholds"]]
    for token, (_, arrivals, _) in enumerate(data["tokens"], len(data["prompt"])):
        asked += [(word, places[f"word.{token}.{word}"]) for word in arrivals if word != OTHERWISE]
    for row in data["scenes"].values():
        asked += [(word, row["place"]) for word in _asked(row["text"])]
    for choice, row in data["choices"].items():
        for key, tree in row.items():
            asked += [(word, places.get(f"{key}.{choice}", row["place"])) for word in _asked(tree)]
    for written, _, place in data["tokens"]:
        asked += [(word, place) for word in _asked(written)]
    for word, place in asked:
        if word not in said:
            yield _problem(place, "W410", f"no token can produce the word {word!r}{did_you_mean(word, list(said))}")


def _asked(tree: Tree) -> Iterator[str]:
    """Yield the words that conditions and texts ask about."""
    for node in _lists(tree):
        if len(node) == 3 and node[0] == "emitted":  # noqa: PLR2004 - the word and the position
            yield node[1]
        if len(node) == 5 and node[0] == "chance" and not node[3]:  # noqa: PLR2004 - the form, the word, whether it varies, when
            yield node[2]
