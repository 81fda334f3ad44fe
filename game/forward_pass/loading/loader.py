"""A folder of YAML to the data of a world, with every problem placed. Plays nothing, keeps nothing, prints nothing.

Two passes: the first gathers what there is (scenes, choices, variables, …) and where it stands, the second reads every
condition, effect, text and target against it. Everything wrong is reported at once, in the order of the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from forward_pass.errors import Problem, suggestion
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.declarations import DeclarationLoader
from forward_pass.loading.fields import Entry, key_place
from forward_pass.loading.glossary import GlossaryLoader
from forward_pass.loading.interventions import index_prompt
from forward_pass.loading.paths import TEXT, Contents, read_world_files, world_hash
from forward_pass.loading.scenes import SceneLoader
from forward_pass.loading.symbols import ID, POSITION, SINGLES
from forward_pass.loading.yaml_tree import Node, Source, read_tree
from forward_pass.story.expressions import MAX_NUMBER, Scope, Tree, Variable
from forward_pass.story.world import DECODE, FORMAT, OTHERWISE

MAIN = "world.yaml"
MOST_LISTED = 100  # problems named a world; more are counted
REQUIRED = ("format", "title", "version", "layers", "waking", "boundary", "start", "prompt", "tokens", "scenes", "endings")
TOKEN_KEYS = ("written", "then")
CASE_KEYS = ("if", "say")
OF_THE_STORY = ("variable", "threshold", "visits", "seen", "taken", "found", "layer", "left", "instantiation")
LONGEST_SAID = 600  # characters of a problem
DISTRIBUTION_SUM = 0.001  # how far a declared distribution may be from 1


class LoadedWorld(NamedTuple):
    """What came of reading a world: its data where it can be played, and every problem found."""

    data: dict[str, Any] | None
    problems: tuple[Problem, ...]


def read_world(folder: Path) -> LoadedWorld:
    """Return the data of the world in ``folder`` and every problem; there is data only where nothing is an error."""
    contents, problems = read_world_files(folder)
    return read_contents(folder.resolve().name, str(folder), contents, problems)


def read_contents(world: str, shown: str, contents: Contents, problems: list[Problem]) -> LoadedWorld:
    """Return the data of the world whose files are given by name and content; ``shown`` leads the places of problems."""
    with gc_paused():
        return _read(_Loader(world, shown, list(problems)), contents)


def _read(reader: _Loader, contents: Contents) -> LoadedWorld:
    shown = reader.shown
    reader.beside = {name: content for name, content in contents if not name.endswith(TEXT)}
    reader.main = _main_file(shown, [name for name, _ in contents if name not in reader.beside and "/" not in name])
    whole = len(contents) > len(reader.beside) and not any(problem.severity == "error" for problem in reader.problems)
    for name, content in contents:
        if name in reader.beside:
            continue
        file = f"{shown}/{name}" if shown else name
        if not name.isprintable():
            reader.problems.append(Problem(ascii(file), 1, 1, "E204", "the file's name has characters that cannot be printed"))
            whole = False
            continue
        source, root, met = read_tree(file, content)
        reader.problems.extend(met)
        beside = name.split("/")[0] if "/" in name else ""
        if root is not None and beside:
            reader.collect_side_file(beside, source, root)
        elif root is not None:
            reader.collect(source, root)
        elif met:
            whole = False
    data = reader.data(world_hash(contents)) if whole else None  # what a lost file held would all be missed
    found = _in_order(_without_replaced(reader))
    return LoadedWorld(None if any(problem.severity == "error" for problem in found) else data, found)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    found = sorted({_shortened(problem) for problem in problems}, key=lambda problem: problem[:5])
    if len(found) > MOST_LISTED:
        last = found[MOST_LISTED - 1]
        more = f"and {len(found) - MOST_LISTED} more problems after this one"
        severity = min(problem.severity for problem in found[MOST_LISTED:])  # error comes before warning
        return (*found[:MOST_LISTED], Problem(last.file, last.line, last.column, "E000", more, severity))
    return tuple(found)


def _shortened(problem: Problem) -> Problem:
    """Return a problem that can be read: what an author wrote may stand in it, and may be a megabyte long."""
    if len(problem.message) <= LONGEST_SAID:
        return problem
    return problem._replace(message=f"{problem.message[:LONGEST_SAID]}…")


def _main_file(shown: str, names: list[str]) -> str:
    """Return the file in which a missing key is missed: ``world.yaml``, or else the first there is."""
    name = MAIN if MAIN in names or not names else names[0]
    return f"{shown}/{name}" if shown else name


def _without_replaced(reader: _Loader) -> list[Problem]:
    """Return the problems without gotos to scenes that are missing because they were given an id that is there already."""
    twice = sum(_is_scene_twice(problem, reader) for problem in reader.problems)
    missing = {problem.message for problem in reader.problems if problem.code == "E301"}
    if not twice or len(missing) > twice:
        return reader.problems
    return [problem for problem in reader.problems if problem.code != "E301"]


def _is_scene_twice(problem: Problem, reader: _Loader) -> bool:
    """Return whether a problem is that of a scene or an ending whose id is there already."""
    scene = problem.message.partition(" ")[0].strip("'")
    first = reader.sections["scenes"].get(scene) or reader.sections["endings"].get(scene)
    if first is None or problem.code not in ("E010", "E207"):
        return False
    return problem.code == "E207" or (first.source.file, first.key_node.column) == (problem.file, problem.column)


class UnknownProbes(tuple[str, ...]):
    """The probes of a model that could not be read: whatever is asked for may be one, and one problem is enough."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


class _Loader(DeclarationLoader, SceneLoader, GlossaryLoader):
    """The second pass: everything that was gathered, read against everything else."""

    def __init__(self, world: str, shown: str, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.world = world
        self.shown = shown
        self.main = shown or world  # the file that says what the world is
        self.places = {}

    # -- the world ------------------------------------------------------------------------------------------------

    def data(self, digest: str) -> dict[str, Any]:
        """Return the world's data; worth something only where no problem is an error."""
        self.whole_enough()
        layers = self.single_number("layers", 1, 10_000)
        boundary = self.single_number("boundary", 1, layers or 10_000)
        waking = self.single_number("waking", 0, (boundary or 10_000) - 1)
        self.single_number("format", FORMAT, FORMAT)
        prompt = self.prompt()
        variables = [self.variable(index, entry) for index, entry in enumerate(self.sections["variables"].values())]
        self.take_scope(variables, prompt, waking, boundary)
        tokens = self.tokens(prompt)
        scenes = self.scenes()
        return {
            "id": self.world,
            "title": self.single_text("title"),
            "about": self.single_text("about"),
            "version": self.single_text("version"),
            "hash": digest,
            "layers": layers,
            "waking": waking,
            "boundary": boundary,
            "start": self.start(),
            "prompt": prompt,
            "model": self.net.file if self.net else None,
            "weights": self.net.checksum if self.net else None,
            "spans": self.spans,
            "instantiations": self.single_number("instantiations", 1, MAX_NUMBER, 1),
            "limits": [self.single_number(key, 0, 100, 100) for key in ("acts_per_token", "lasting_per_token")],
            "variables": [[v.name, v.least, v.most, v.start, v.flag, list(v.words)] for v in variables],
            "thresholds": [self.threshold(name, entry) for name, entry in self.sections["thresholds"].items()],
            "acts": list(self.acts.values()),
            "tokens": [tokens[position] for position in sorted(tokens)],
            "scenes": scenes,
            "choices": {key: self.choice(key, entry) for key, entry in self.choices.items()},
            "telling": self.telling(),
            "glossary": self.glossary(),
            "hints": self.hint_steps(),
            "places": self.places
            | {
                f"{section}.{name}": key_place(entry)
                for section in ("variables", "thresholds", "acts")
                for name, entry in self.sections[section].items()
            },
        }

    def whole_enough(self) -> None:
        """Report what no world can do without, and a folder whose name cannot be a world's."""
        for key in REQUIRED:
            if key not in self.singles and not self.sections.get(key) and suggestion(key) not in self.meant:
                meaning = SINGLES.get(key, f"its {key}")
                self.problems.append(Problem(self.main, 1, 1, "E202", f"the world needs the key {key!r}: {meaning}"))
        if not ID.fullmatch(self.world):
            shape = "use lowercase letters, digits and -, a letter first"
            message = f"{self.world!r} is not a valid folder name for a world: {shape}"
            self.problems.append(Problem(self.shown or self.world, 1, 1, "E204", message))

    def take_scope(self, variables: list[Variable], prompt: list[str], waking: int, boundary: int) -> None:
        """Take up all that conditions, gotos and acts may name: ids, names, bands, the model's words, spans and acts."""
        self.waking = waking
        self.net = net = self.model(prompt)
        self.scope = Scope(
            {variable.name: variable for variable in variables},
            {name: index for index, name in enumerate(self.sections["thresholds"])},
            {
                "scene": _indexed((*self.sections["scenes"], *self.sections["endings"])),
                "choice": _indexed(self.choices),
                "ending": _indexed(self.sections["endings"]),
                "act": _indexed(self.sections["acts"]),
            },
            boundary,
            bands={name: self.band(name, entry, waking + 1, boundary) for name, entry in self.sections["bands"].items()},
            probes=net.probes if net else UnknownProbes() if "model" in self.singles else None,
        )
        self.goals = {**self.scope.ids["scene"], DECODE: 0}
        self.first = len(prompt)
        self.laid = index_prompt(prompt)
        self.spans = {name: self.span(name, entry, prompt) for name, entry in self.sections["spans"].items()}
        self.acts = {name: self.act(name, entry, self.spans) for name, entry in self.sections["acts"].items()}
        positions = [int(position) for position in self.sections["tokens"] if POSITION.fullmatch(position)]
        self.scope = self.scope._replace(
            prompt=tuple(prompt),
            decoded=(min(positions, default=1), max(positions, default=1)),
            spans={name: (start, stop) for name, (start, stop) in self.spans.items()},
            continuations={name: self.continuation(name, entry) for name, entry in self.sections["continuations"].items()},
        )

    def start(self) -> str:
        entry = self.singles.get("start")
        return self.name(entry.source, entry.node, "scene", self.sections["scenes"], "E301") if entry else ""

    def telling(self) -> int:
        """Return the token whose word tells of a run, 0 where none was named."""
        entry = self.singles.get("telling")
        first, last = self.scope.decoded
        return (self.whole(entry.source, entry.node, first, last) or 0) if entry else 0

    # -- tokens ---------------------------------------------------------------------------------------------------

    def tokens(self, prompt: list[str]) -> dict[int, Tree]:
        entries = {int(key): entry for key, entry in self.sections["tokens"].items() if POSITION.fullmatch(key)}
        positions = sorted(entries)
        known = prompt and len(entries) == len(self.sections["tokens"])
        for expected, position in enumerate(positions, len(prompt)):
            if known and position != expected:
                entry = entries[position]
                count = f"the prompt has {len(prompt)} tokens, counting <doc>, so the first is {len(prompt)}"
                message = f"expected token {expected}, found {position}; {count}"
                self.problems.append(entry.source.at(entry.key_node, "E304", message))
                break
        for entry in self.files:
            if entries and entry.token and entry.token not in entries:
                message = f"the world has no token {entry.token}"
                self.problems.append(entry.source.at(entry.node, "E304", message))
        last = max(positions, default=0)
        return {position: self.token(position, entries[position], position == last) for position in positions}

    def token(self, position: int, entry: Entry, last: bool) -> Tree:  # noqa: FBT001 - private
        keys = self.keyed(entry, f"token {position}", TOKEN_KEYS, ("then",) if "model" in self.singles else TOKEN_KEYS)
        if self.net and "written" in keys:
            message = f"token {position} must not have the key 'written': its word comes from the model"
            self.problems.append(entry.source.at(keys["written"], "E505", message))
        arrivals: dict[str, Tree] = {}
        if "then" in keys:
            rows = self.mapping(entry.source, keys["then"], "'then'")
            kind = "last" if last else "word"
            for word, (key, node) in rows.items():
                self.places[f"word.{position}.{word}"] = key_place(entry._replace(key_node=key))
                arrivals[word] = self.targets(entry.source, node, kind, place=f"{position}.{word}")
            if OTHERWISE not in arrivals and isinstance(keys["then"].value, dict):
                message = f"'then' of token {position} needs the key {OTHERWISE!r}: where any other word leads"
                self.problems.append(entry.source.at(keys["then"], "E302", message))
            self.can_be_said(entry.source, [key for key, _ in rows.values() if key.value != OTHERWISE])
        written = self.written(entry.source, keys["written"]) if "written" in keys else []
        return [written, arrivals, key_place(entry)]

    def written(self, source: Source, node: Node) -> Tree:
        """Return the cases of a written token: one distribution, or a list of ``{if, say}`` whose last has no ``if``."""
        if isinstance(node.value, dict):
            return [[None, self.chances(source, node)]]
        if not isinstance(node.value, list) or not node.value:
            message = "expected a mapping (word: probability), or a list of cases {if, say}"
            self.problems.append(source.at(node, "E203", message))
            return []
        cases: Tree = []
        for item in node.value:
            keys = self.keyed(Entry(source, item, item, 0), "a case", CASE_KEYS, ("say",))
            condition = self.condition(source, keys.get("if"))
            if condition is not None:
                self.reads_only_the_pass(source, keys["if"], condition)
            cases.append([condition, self.chances(source, keys["say"]) if "say" in keys else {}])
        self.last_is_open(source, node)
        return cases

    def reads_only_the_pass(self, source: Source, node: Node, tree: Tree) -> None:
        """Report a case that asks about the story: a pass knows only words and interventions."""
        stack = [tree]
        while stack:
            part = stack.pop()
            if part[0] in OF_THE_STORY:
                message = "a case of 'written' can use only emitted(...), acted(...) and token"
                self.problems.append(source.at(node, "E305", message))
                return
            stack.extend(operand for operand in part[1:] if isinstance(operand, list))

    def chances(self, source: Source, node: Node) -> dict[str, float]:
        chances: dict[str, float] = {}
        if node.value == {}:
            self.problems.append(source.at(node, "E305", "a distribution needs at least one word and its probability"))
        for word, (key_node, value) in self.mapping(source, node, "a distribution").items():
            text = value.value if isinstance(value.value, str) else ""
            if re.fullmatch(r"(?:0?\.[0-9]{1,6}|1(?:\.0{1,6})?)", text) and float(text) > 0:
                chances[word] = float(text)
            else:
                message = f"the probability of {word!r} must be a decimal above 0, up to 1"
                self.problems.append(source.at(value, "E305", message))
            if not re.fullmatch(r"\S{1,40}", word):
                message = f"{word!r} is not a valid word: 1 to 40 characters, no space"
                self.problems.append(source.at(key_node, "E305", message))
        total = sum(chances.values())
        if chances and len(chances) == len(node.value) and abs(total - 1) > DISTRIBUTION_SUM:
            self.problems.append(source.at(node, "E305", f"these probabilities sum to {total:.4f}; they must sum to 1"))
        return {word: chance / total for word, chance in chances.items()}


def _indexed(names: Iterable[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(names)}
