"""A folder of YAML to the data of a world, with every problem placed. Plays nothing, keeps nothing, prints nothing.

Two passes: the first gathers what there is (scenes, choices, variables, …) and where it stands, the second reads every
condition, effect, text and target against it. Everything wrong is reported at once, in the order of the files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from game.core.expressions import (
    MOST_NUMBER,
    Scope,
    Tree,
    Variable,
    parse_condition,
    parse_effect,
    parse_threshold,
)
from game.core.prose import Offsets, parse_line, parse_text
from game.core.tokeniser import DOC, tokenise
from game.core.world import DECODE, FORMAT, OTHERWISE
from game.errors import Problem, hint_at
from game.garbage import uncollected
from game.loading.actions import ActLoader, laid
from game.loading.beside import Beside
from game.loading.gathering import ID, POSITION, SINGLES
from game.loading.library import TEXT, Contents, world_contents, world_hash
from game.loading.reader import Entry
from game.loading.yamltree import Node, Source, read_tree

MAIN = "world.yaml"
MOST_LISTED = 100  # problems named a world; more are counted
REQUIRED = ("format", "title", "version", "layers", "waking", "boundary", "start", "prompt", "tokens", "scenes", "endings")
SCENE_KEYS = ("text", "choices")
ENDING_KEYS = ("title", "text")
CHOICE_KEYS = ("say", "if", "needs", "why", "once", "cost", "until", "act", "do", "measure", "then", "goto", "cut")
PLACED_KEYS = ("if", "needs", "until", "cost", "cut", "goto")  # those of a choice that a walk finds fault with
TOKEN_KEYS = ("written", "then")
CASE_KEYS = ("if", "say")
TARGET_KEYS = ("if", "goto")
PAIR_KEYS = ("Q", "A")
BAND_KEYS = ("from", "to")
NUMBER_KEYS = ("from", "to", "start")
QUANTITIES = ("p",)  # what a written pass has
MEASURED = ("p", "lens", "probe")  # what a model has besides
OF_THE_STORY = ("variable", "threshold", "visits", "seen", "taken", "found", "layer", "left", "instantiation")
MOST_WORDS = 50  # of an enumeration
MOST_LETTERS = 300  # of all its words: they stand in what is kept of a world as often as it is shown
LONGEST_PROMPT = 20_000  # characters; a pass looks at every word of it from every word
LONGEST_PASSAGE = 300  # characters of a continuation
LONGEST_SAID = 600  # characters of a problem
WORD = re.compile(r"[A-Za-z][A-Za-z ]{0,39}")
DISTRIBUTION_SUM = 0.001  # how far a declared distribution may be from 1


class Reading(NamedTuple):
    """What came of reading a world: its data where it can be played, and every problem found."""

    data: dict[str, Any] | None
    problems: tuple[Problem, ...]


def read_world(folder: Path) -> Reading:
    """Return the data of the world in ``folder`` and every problem; there is data only where nothing is an error."""
    contents, problems = world_contents(folder)
    return read_contents(folder.resolve().name, str(folder), contents, problems)


def read_contents(world: str, shown: str, contents: Contents, problems: list[Problem]) -> Reading:
    """Return the data of the world whose files are given by name and content; ``shown`` leads the places of problems."""
    with uncollected():
        return _read(_Loader(world, shown, list(problems)), contents)


def _read(reader: _Loader, contents: Contents) -> Reading:
    shown = reader.shown
    reader.beside = {name: content for name, content in contents if not name.endswith(TEXT)}
    reader.main = _main_file(shown, [name for name, _ in contents if name not in reader.beside and "/" not in name])
    whole = len(contents) > len(reader.beside) and not any(problem.severity == "error" for problem in reader.problems)
    for name, content in contents:
        if name in reader.beside:
            continue
        file = f"{shown}/{name}" if shown else name
        if not name.isprintable():
            reader.problems.append(Problem(ascii(file), 1, 1, "E204", "a file's name has characters that cannot be shown"))
            whole = False
            continue
        source, root, met = read_tree(file, content)
        reader.problems.extend(met)
        beside = name.split("/")[0] if "/" in name else ""
        if root is not None and beside:
            reader.gather_beside(beside, source, root)
        elif root is not None:
            reader.gather(source, root)
        elif met:
            whole = False
    data = reader.data(world_hash(contents)) if whole else None  # what a lost file held would all be missed
    found = _in_order(_without_replaced(reader))
    return Reading(None if any(problem.severity == "error" for problem in found) else data, found)


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
    scene = problem.message.partition(" ")[0]
    first = reader.sections["scenes"].get(scene) or reader.sections["endings"].get(scene)
    if first is None or problem.code not in ("E010", "E207"):
        return False
    return problem.code == "E207" or (first.source.file, first.key.column) == (problem.file, problem.column)


class Unread(tuple[str, ...]):
    """The probes of a model that could not be read: whatever is asked for may be one, and one problem is enough."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


class _Loader(ActLoader, Beside):
    """The second pass: everything that was gathered, read against everything else."""

    def __init__(self, world: str, shown: str, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.world = world
        self.shown = shown
        self.main = shown or world  # the file that says what the world is
        self.scope = Scope({}, {}, {}, 0)
        self.goals: dict[str, int] = {}  # what a goto may name
        self.places: dict[str, Any] = {}  # where conditions, cases and what varies in texts stand

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
            "instantiations": self.single_number("instantiations", 1, MOST_NUMBER, 1),
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
                f"{section}.{name}": _place(entry)
                for section in ("variables", "thresholds", "acts")
                for name, entry in self.sections[section].items()
            },
        }

    def whole_enough(self) -> None:
        """Report what no world can do without, and a folder whose name cannot be a world's."""
        for key in REQUIRED:
            if key not in self.singles and not self.sections.get(key) and hint_at(key) not in self.meant:
                meaning = SINGLES.get(key, f"its {key}")
                self.problems.append(Problem(self.main, 1, 1, "E202", f"the world needs {key}: {meaning}"))
        if not ID.fullmatch(self.world):
            message = f"{self.world!r} cannot be a world's folder: small letters, digits, -"
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
            probes=net.probes if net else Unread() if "model" in self.singles else None,
        )
        self.goals = {**self.scope.ids["scene"], DECODE: 0}
        self.first = len(prompt)
        self.laid = laid(prompt)
        self.spans = {name: self.span(name, entry, prompt) for name, entry in self.sections["spans"].items()}
        self.acts = {name: self.act(name, entry, self.spans) for name, entry in self.sections["acts"].items()}
        positions = [int(position) for position in self.sections["tokens"] if POSITION.fullmatch(position)]
        self.scope = self.scope._replace(
            prompt=tuple(prompt),
            decoded=(min(positions, default=1), max(positions, default=1)),
            spans={name: (start, stop) for name, (start, stop) in self.spans.items()},
            continuations={name: self.continuation(name, entry) for name, entry in self.sections["continuations"].items()},
        )

    def single_number(self, key: str, least: int, most: int, otherwise: int = 0) -> int:
        entry = self.singles.get(key)
        number = self.whole(entry.source, entry.node, least, most) if entry else None
        return otherwise if number is None else number

    def single_text(self, key: str) -> str:
        entry = self.singles.get(key)
        return " ".join(self.string(entry.source, entry.node, key).split()) if entry else ""

    def start(self) -> str:
        entry = self.singles.get("start")
        return self.name(entry.source, entry.node, "scene", self.sections["scenes"], "E301") if entry else ""

    def prompt(self) -> list[str]:
        """Return the tokens of the prompt (text, or a list of pairs of ``Q`` and ``A``), the document's mark first; or none."""
        entry = self.singles.get("prompt")
        if entry is None:
            return []
        if isinstance(entry.node.value, list):
            text = self.pairs(entry, "prompt")
        else:
            text = self.typed(entry.source, entry.node, "prompt").strip()
        text = self.short(entry, "prompt", text, LONGEST_PROMPT)
        return [DOC, *tokenise(text)] if text else []

    def short(self, entry: Entry, what: str, text: str, longest: int) -> str:
        """Return a text, or nothing, having said so, where it is longer than a pass can be asked to read."""
        if len(text) <= longest:
            return text
        message = f"{what} has {len(text)} characters; {longest} are allowed"
        self.problems.append(entry.source.at(entry.node, "E203", message))
        return ""

    def pairs(self, entry: Entry, what: str) -> str:
        """Return pairs of ``Q`` and ``A`` as they are typed, an empty line between two; nothing where one cannot be read."""
        pairs = []
        for item in entry.node.value:
            keys = self.keyed(Entry(entry.source, item, item), f"a pair of the {what}", PAIR_KEYS, PAIR_KEYS)
            said = [self.typed(entry.source, keys[key], key) if key in keys else "" for key in PAIR_KEYS]
            pairs.append("\n".join(f"{key}: {' '.join(text.split())}" for key, text in zip(PAIR_KEYS, said, strict=True)))
            if not all(said):
                return ""
        if not pairs:
            self.problems.append(entry.source.at(entry.node, "E203", f"{what} is empty"))
        return "\n\n".join(pairs)

    def typed(self, source: Source, node: Node, what: str) -> str:
        """Return a text that the tokeniser reads whole, or nothing, having said where it cannot."""
        text = self.string(source, node, what)
        try:
            tokenise(text)
        except ValueError as error:
            offset = int(str(error).rpartition(" ")[2].rstrip(")")) - 1  # it ends in "(character N)"
            self.problems.append(source.inside(node, offset, "E304", f"{what}: {error}"))
            return ""
        return text

    def telling(self) -> int:
        """Return the token whose word tells of a run, 0 where none was named."""
        entry = self.singles.get("telling")
        first, last = self.scope.decoded
        return (self.whole(entry.source, entry.node, first, last) or 0) if entry else 0

    def continuation(self, name: str, entry: Entry) -> str:
        """Return a passage that could follow what was said: text, or pairs as in a prompt, which begin after an empty line."""
        if isinstance(entry.node.value, list):
            pairs = self.pairs(entry, f"continuation {name}")
            text = f"\n\n{pairs}" if pairs else ""
        else:
            text = self.typed(entry.source, entry.node, name)
        text = self.short(entry, f"continuation {name}", text, LONGEST_PASSAGE)
        if self.net is None and "model" in self.singles:
            return text  # why it cannot be read was said where it is named
        if self.net is None:
            message = f"the continuation {name} is for a model to read, and the words of this world are written"
            self.problems.append(entry.source.at(entry.key, "E304", message))
            return text
        lost = [word for word in dict.fromkeys(tokenise(text)) if word not in self.net.vocabulary]
        if lost:
            message = f"the model has no word for {', '.join(map(repr, lost[:10]))}"
            self.problems.append(entry.source.at(entry.node, "E504", message))
        return text

    def variable(self, index: int, entry: Entry) -> Variable:
        """Return a variable: ``true``/``false``, a list of words, or ``{from, to, start}``."""
        source, node, name = entry.source, entry.node, entry.key.value
        if isinstance(node.value, list):
            words = self.enumeration(source, node, name)
            return Variable(name, index, 0, max(len(words) - 1, 0), 0, words=words)
        if isinstance(node.value, str):
            return Variable(name, index, 0, 1, int(self.truth(source, node)), flag=True)
        keys = self.keyed(entry, f"the variable {name}", NUMBER_KEYS, ("from", "to"))
        bounds = [-MOST_NUMBER, MOST_NUMBER]
        for bound, key in enumerate(("from", "to")):
            number = self.whole(source, keys[key], *bounds) if key in keys else None
            bounds[bound] = bounds[bound] if number is None else number
        start = self.whole(source, keys["start"], *bounds) if "start" in keys else None
        return Variable(name, index, bounds[0], bounds[1], bounds[0] if start is None else start)

    def enumeration(self, source: Source, node: Node, name: str) -> tuple[str, ...]:
        """Return the words of a list, having reported the first that cannot be one of them."""
        items = self.several(source, node, name)
        first = {item.value: item for item in reversed(items)}
        wrong = next((item for item in items if first[item.value] is not item or not WORD.fullmatch(item.value)), None)
        if wrong is not None or not 1 < len(node.value) <= MOST_WORDS:
            message = f"{name}: expected 2 to {MOST_WORDS} different words, of letters and spaces"
            self.problems.append(source.at(wrong or node, "E203", message))
        words = tuple(dict.fromkeys(item.value for item in items))[:MOST_WORDS]
        if sum(map(len, words)) > MOST_LETTERS:
            message = f"{name}: its words have more than {MOST_LETTERS} letters in all"
            self.problems.append(source.at(node, "E203", message))
            return words[:1]
        return words

    def band(self, name: str, entry: Entry, least: int, most: int) -> tuple[int, int]:
        """Return the first and the last layer of a band, each one at which something chosen can begin."""
        keys = self.keyed(entry, f"the band {name}", BAND_KEYS, BAND_KEYS)
        first = (self.whole(entry.source, keys["from"], least, most) if "from" in keys else None) or least
        return first, (self.whole(entry.source, keys["to"], first, most) if "to" in keys else None) or first

    def threshold(self, name: str, entry: Entry) -> Tree:
        net = self.net
        row = self.parsed(entry.source, entry.node, parse_threshold, MEASURED if "model" in self.singles else QUANTITIES)
        if row is None:
            return [name, "p", "", ">", 0.0]
        known = (net.probes if row[0] == "probe" else net.vocabulary) if net else (row[1],)
        if row[1] not in known:
            what = "probe" if row[0] == "probe" else "word"
            message = f"the model has no {what} {row[1]}{self.near(row[1], known)}"
            self.problems.append(entry.source.at(entry.node, "E504", message))
        return [name, *row]

    def condition(self, source: Source, node: Node | None, scene: int | None = None) -> Tree | None:
        return None if node is None else self.parsed(source, node, parse_condition, self.scope._replace(scene=scene))

    # -- tokens ---------------------------------------------------------------------------------------------------

    def tokens(self, prompt: list[str]) -> dict[int, Tree]:
        entries = {int(key): entry for key, entry in self.sections["tokens"].items() if POSITION.fullmatch(key)}
        positions = sorted(entries)
        known = prompt and len(entries) == len(self.sections["tokens"])
        for expected, position in enumerate(positions, len(prompt)):
            if known and position != expected:
                entry = entries[position]
                count = f"the prompt has {len(prompt)} tokens with its mark, so the first is {len(prompt)}"
                message = f"expected token {expected} here, this is {position}; {count}"
                self.problems.append(entry.source.at(entry.key, "E304", message))
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
            message = f"the words after token {position} come out of the model: nothing is written"
            self.problems.append(entry.source.at(keys["written"], "E505", message))
        arrivals: dict[str, Tree] = {}
        if "then" in keys:
            rows = self.mapping(entry.source, keys["then"], "then is")
            kind = "last" if last else "word"
            for word, (key, node) in rows.items():
                self.places[f"word.{position}.{word}"] = _place(entry._replace(key=key))
                arrivals[word] = self.targets(entry.source, node, kind, place=f"{position}.{word}")
            if OTHERWISE not in arrivals and isinstance(keys["then"].value, dict):
                message = f"token {position} must say where any other word leads: {OTHERWISE}: scene"
                self.problems.append(entry.source.at(keys["then"], "E302", message))
            self.can_be_said(entry.source, [key for key, _ in rows.values() if key.value != OTHERWISE])
        written = self.written(entry.source, keys["written"]) if "written" in keys else []
        return [written, arrivals, _place(entry)]

    def written(self, source: Source, node: Node) -> Tree:
        """Return the cases of a written token: one distribution, or a list of ``{if, say}`` whose last has no ``if``."""
        if isinstance(node.value, dict):
            return [[None, self.chances(source, node)]]
        if not isinstance(node.value, list) or not node.value:
            self.problems.append(source.at(node, "E203", "expected word: probability, or a list of cases {if, say}"))
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
                message = "a pass knows only emitted(...), acted(...) and token"
                self.problems.append(source.at(node, "E305", message))
                return
            stack.extend(operand for operand in part[1:] if isinstance(operand, list))

    def chances(self, source: Source, node: Node) -> dict[str, float]:
        chances: dict[str, float] = {}
        if node.value == {}:
            self.problems.append(source.at(node, "E305", "a distribution needs a word and its probability"))
        for word, (key_node, value) in self.mapping(source, node, "a distribution is").items():
            text = value.value if isinstance(value.value, str) else ""
            if re.fullmatch(r"(?:0?\.[0-9]{1,6}|1(?:\.0{1,6})?)", text) and float(text) > 0:
                chances[word] = float(text)
            else:
                self.problems.append(source.at(value, "E305", f"the probability of {word} is a decimal above 0, up to 1"))
            if not re.fullmatch(r"\S{1,40}", word):
                self.problems.append(source.at(key_node, "E305", "a word that is drawn has 1 to 40 characters and no space"))
        total = sum(chances.values())
        if chances and len(chances) == len(node.value) and abs(total - 1) > DISTRIBUTION_SUM:
            self.problems.append(source.at(node, "E305", f"these probabilities sum to {total:.4f}; they must sum to 1"))
        return {word: chance / total for word, chance in chances.items()}

    # -- scenes ---------------------------------------------------------------------------------------------------

    def scenes(self) -> dict[str, Any]:
        rows: dict[str, Any] = {}
        for index, (key, entry) in enumerate(self.sections["scenes"].items()):
            keys = self.keyed(entry, f"the scene {key}", SCENE_KEYS, SCENE_KEYS)
            choices = keys["choices"].value if "choices" in keys else None
            if choices == {}:
                self.problems.append(entry.source.at(entry.key, "E202", f"the scene {key} needs a choice"))
            mine = [choice for choice in choices if self.homes[choice] == key] if isinstance(choices, dict) else []
            rows[key] = self.scene_row(index, entry, "", self.scene_text(key, entry, index, keys.get("text")), mine)
        for index, (key, entry) in enumerate(self.sections["endings"].items(), len(rows)):
            keys = self.keyed(entry, f"the ending {key}", ENDING_KEYS, ENDING_KEYS)
            title = self.string(entry.source, keys["title"], "title") if "title" in keys else "?"
            text = self.scene_text(key, entry, index, keys.get("text"), ending=True)
            rows[key] = self.scene_row(index, entry, " ".join(title.split()), text, [])
        return rows

    def scene_text(self, key: str, entry: Entry, index: int, node: Node | None, *, ending: bool = False) -> Tree:
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

    def scene_row(self, index: int, entry: Entry, title: str, text: Tree, choices: list[str]) -> dict[str, Any]:
        return {
            "slot": index,
            "token": entry.token,
            "title": title,
            "text": text,
            "choices": choices,
            "place": _place(entry),
        }

    def choice(self, key: str, entry: Entry) -> dict[str, Any]:
        source = entry.source
        keys = self.keyed(entry, f"the choice {key}", CHOICE_KEYS, ("say", "goto"))
        scene = self.scope.ids["scene"][self.homes[key]]
        scope = self.scope._replace(scene=scene)

        def text(name: str, parse: Callable[..., Tree] = parse_line) -> Tree:
            return self.text(source, keys.get(name), parse, scope, f"{name}.{key}")

        if ("needs" in keys) != ("why" in keys):
            self.problems.append(source.at(entry.key, "E202", f"the choice {key}: needs and why go together"))
        goto = self.targets(source, keys["goto"], "choice", scene, place=key) if "goto" in keys else []
        self.places |= {f"{name}.{key}": _placed(source, keys[name]) for name in PLACED_KEYS if name in keys}
        decodes = any(target == DECODE for _, target in goto)
        if decodes and any(target not in ("", DECODE) for _, target in goto):
            self.problems.append(source.at(keys["goto"], "E303", "either every case of a goto is decode, or none"))
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
            "place": _place(entry),
        }

    def placed(self, source: Source, keys: dict[str, Node], *, decodes: bool) -> None:
        """Report the keys of a choice that say how many layers it takes where something else says it already."""
        for name in ("cost", "until", "cut"):
            if decodes and name in keys:
                message = f"{name} has no place beside goto: decode, which takes all layers that are left"
                self.problems.append(source.at(keys[name], "E306", message))
            elif "until" in keys and name in keys and name != "until":
                message = f"{name} has no place beside until, which takes the layers below its own and never more"
                self.problems.append(source.at(keys[name], "E306", message))

    def until(self, source: Source, node: Node) -> int:
        """Return the layer to which a choice takes one; one at which no token is under way was reported, and is 0."""
        layer = self.whole(source, node, 0, 10_000)
        if layer is None or self.waking < layer < self.scope.boundary:
            return layer or 0
        message = f"until is a layer above {self.waking}, at which a token wakes, and below {self.scope.boundary}, its boundary"
        self.problems.append(source.at(node, "E206", message))
        return 0

    def effects(self, source: Source, node: Node | None, scope: Scope) -> Tree:
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
            self.places[f"case.{number}.{place}"] = _placed(source, keys.get("if") or keys.get("goto") or item)
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
                self.problems.append(source.at(item, "E302", "the cases after this one can never be selected: it has no if"))
            if item is node.value[-1] and "if" in item.value:
                place = item.value["if"][0]
                self.problems.append(source.at(place, "E302", "the last case needs no if: it is for all others"))

    def target(self, source: Source, node: Node, kind: str) -> str:
        scene = self.name(source, node, "scene or ending", self.goals, "E301")
        if kind != "choice" and scene == DECODE:
            self.problems.append(source.at(node, "E303", "a word leads to a scene or an ending"))
        if kind == "last" and scene in self.sections["scenes"]:
            message = f"{scene} is no ending, and the machine ends with this token"
            self.problems.append(source.at(node, "E307", message))
        return scene


def _indexed(names: Iterable[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(names)}


def _placed(source: Source, node: Node) -> str:
    """Return where a value begins, inside its quotes."""
    problem = source.inside(node, 0, "", "") if isinstance(node.value, str) else source.at(node, "", "")
    return f"{problem.file}:{problem.line}:{problem.column}"


def _place(entry: Entry) -> str:
    problem = entry.source.at(entry.key, "", "")
    return f"{problem.file}:{problem.line}:{problem.column}"
