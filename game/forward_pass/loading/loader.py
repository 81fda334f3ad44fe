"""A folder of YAML to the nodes of a world, with every problem placed. Plays nothing, stores nothing, prints nothing.

Two passes: the first collects what there is (scenes, choices, variables, …) and where it stands, the second reads every
condition, effect, text and target against it. Everything wrong is reported at once, in the order of the files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import Place, Problem, suggestion
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.declarations import read_band, read_threshold, read_variable, single_number, single_text
from forward_pass.loading.fields import Entry, known_name, several
from forward_pass.loading.frame import OF_A_PASS, check_frame, has_pass
from forward_pass.loading.glossary import read_glossary, read_hints
from forward_pass.loading.interventions import ActContext, read_act
from forward_pass.loading.model_names import ModelNames, missing_words, read_model_names, word_place
from forward_pass.loading.paths import TEXT, Contents, read_world_files, world_hash
from forward_pass.loading.prompt import read_continuations, read_prompt, read_spans
from forward_pass.loading.report import Report
from forward_pass.loading.scenes import MAX_LAYERS, Context, read_endings, read_scenes
from forward_pass.loading.symbols import (
    ID,
    MAX_ID,
    POSITION,
    SINGLES,
    Symbols,
    collect_file,
    collect_glossary,
    collect_hints,
)
from forward_pass.loading.telling import read_properties, read_telling, read_verbs
from forward_pass.loading.tokens import TokenContext, read_tokens
from forward_pass.loading.yaml_tree import keys_below, read_tree
from forward_pass.story.grammar import MAX_NUMBER, Scope
from forward_pass.story.nodes import (
    FORMAT,
    NOWHERE,
    ActDeclaration,
    Decided,
    Drawn,
    Met,
    Story,
    Telling,
    Threshold,
    Token,
    Variable,
    Verb,
    WrittenCase,
)
from forward_pass.story.tokeniser import DOC
from forward_pass.story.visit import walk_nodes

MAIN = "world.yaml"
MAX_ACTS = 100  # on a token
MAX_LISTED = 100  # problems listed; more are counted
MAX_PLACES = 8  # listed in one message
OF_NAMES = ("E103", "E104", "E301")  # what follows where a name is not known
UNKNOWN_NAME = re.compile(r"unknown [a-z ]+ (?P<name>'[^']+')")
MAX_MESSAGE = 600  # characters of a problem's message
REQUIRED = ("format", "title", "version", "layers", "waking", "boundary", "start", "prompt", "tokens", "scenes", "endings")


class LoadedWorld(NamedTuple):
    """What came of reading a world: its nodes where it can be played, and every problem found."""

    story: Story | None
    problems: tuple[Problem, ...]


def read_world(folder: Path) -> LoadedWorld:
    """Return the nodes of the world in ``folder`` and every problem; there are nodes only where nothing is an error."""
    contents, problems = read_world_files(folder)
    return read_contents(folder.resolve().name, str(folder), contents, problems)


def collect_names(folder: Path) -> Symbols:
    """Return what the files of a world name, whether or not it can be played; empty where no file can be read."""
    contents, problems = read_world_files(folder)
    symbols = Symbols()
    _collect(Report(problems), symbols, str(folder), contents)
    return symbols


def read_contents(folder_name: str, shown: str, contents: Contents, problems: list[Problem]) -> LoadedWorld:
    """Return the nodes of the world whose files are given by name and content.

    ``folder_name`` is the world's id unless it declares one; ``shown`` leads the places of problems.
    """
    with gc_paused():
        report, symbols = Report(problems), Symbols()
        is_complete = _collect(report, symbols, shown, contents) and not any(map(_is_error, problems))
        story = None
        if is_complete:  # whatever a lost file held would be reported as missing
            story = _read_story(report, symbols, folder_name, shown, contents)
        listed = _listed(_grouped(_without_consequences(_without_replaced(report.problems, symbols), report)))
        return LoadedWorld(None if any(map(_is_error, listed)) else story, listed)


def _is_error(problem: Problem) -> bool:
    return problem.severity == "error"


def _collect(report: Report, symbols: Symbols, shown: str, contents: Contents) -> bool:
    """Take up every text file; return whether all could be read, and there is one."""
    texts = [(name, content) for name, content in contents if name.endswith(TEXT)]
    is_complete = bool(texts)
    for name, content in texts:
        file = f"{shown}/{name}" if shown else name
        if not name.isprintable():
            report.add(Place(ascii(file), 1, 1), "E204", "the file's name has characters that cannot be printed")
            is_complete = False
            continue
        root, problems = read_tree(file, content)
        report.problems += problems
        report.keys |= keys_below(root) if root is not None and "/" not in name else set()
        if root is None:
            is_complete = is_complete and not problems
        elif name.startswith("glossary/"):
            collect_glossary(report, symbols, root)
        elif "/" in name:
            collect_hints(report, symbols, root)
        else:
            collect_file(report, symbols, root)
    return is_complete


# -- the story --------------------------------------------------------------------------------------------------------


class _Declared(NamedTuple):
    """What a world declares before its tokens and scenes, which refer to it."""

    layers: int
    first_layer: int
    boundary: int
    prompt: tuple[str, ...]
    model: ModelNames | None
    spans: dict[str, tuple[int, int]]
    variables: tuple[Variable, ...]
    verbs: tuple[Verb, ...]
    telling: Telling | None
    acts: dict[str, ActDeclaration]
    scope: Scope


def _read_declarations(report: Report, symbols: Symbols, contents: Contents) -> _Declared:
    single_number(report, symbols, "format", FORMAT, FORMAT)
    if has_pass(symbols):
        layers = single_number(report, symbols, "layers", 1, MAX_LAYERS)
        boundary = single_number(report, symbols, "boundary", 1, layers or MAX_LAYERS)
        first_layer = single_number(report, symbols, "waking", 0, (boundary or MAX_LAYERS) - 1)
        prompt = read_prompt(report, symbols.singles.get("prompt"))
    else:
        layers, first_layer, boundary, prompt = 1, 0, 1, (DOC,)
    before = len(report.problems)
    variables = tuple(read_variable(report, index, entry) for index, entry in enumerate(symbols.sections["variables"].values()))
    report.lacks_names |= any(map(_is_error, report.problems[before:]))
    model = _model(report, symbols, prompt, contents)
    has_model = "model" in symbols.singles
    spans = read_spans(report, symbols.sections["spans"], prompt, len(symbols.sections["tokens"]))
    verbs = read_verbs(report, symbols.sections["verbs"])
    acts = _acts(report, symbols, ActContext(spans, model, boundary, tuple(verb.name for verb in verbs)))
    scope = _scope(report, symbols, variables, acts, first_layer, boundary)
    probes = model.probes if model else AnyProbe() if has_model else None
    continuations = read_continuations(report, symbols.sections["continuations"], model, has_model=has_model)
    vocabulary = model.vocabulary if model else None
    scope = scope._replace(prompt=prompt, spans=spans, probes=probes, continuations=continuations, vocabulary=vocabulary)
    scope = scope._replace(asks=_asking_choices(symbols))
    telling = read_telling(report, symbols.singles.get("telling"), scope, model)
    index = (telling.token if telling else scope.decoded[1]) - len(prompt)
    scope = scope._replace(telling=max(index, 0))
    return _Declared(layers, first_layer, boundary, prompt, model, spans, variables, verbs, telling, acts, scope)


def _asking_choices(symbols: Symbols) -> tuple[int, ...]:
    """Return the choices that are written with the verb *ask* and make no act."""
    slots = _indexed(symbols.choices)
    rows = [(name, entry.value.value) for name, entry in symbols.choices.items()]
    written = [(name, keys) for name, keys in rows if isinstance(keys, dict) and "verb" in keys and "act" not in keys]
    return tuple(slots[name] for name, keys in written if keys["verb"][1].value == "ask")


def _read_story(report: Report, symbols: Symbols, folder_name: str, shown: str, contents: Contents) -> Story:
    """Return the world's nodes; worth something only where no problem is an error."""
    check_frame(report, symbols)
    _check_required(report, symbols, shown, contents)
    declared = _read_declarations(report, symbols, contents)
    model, has_model = declared.model, "model" in symbols.singles
    verbs = tuple(verb.name for verb in declared.verbs)
    cost = single_number(report, symbols, "cost", 0, MAX_LAYERS, int(has_pass(symbols)))
    slots = _indexed(symbols.choices)
    context = Context(symbols, declared.scope, slots, declared.acts, declared.first_layer, len(declared.prompt), verbs, cost)
    tokens: tuple[Token, ...] = (Token(NOWHERE, 1, (WrittenCase(None, {"…": 1.0}),), ()),)  # no run comes to its end
    if has_pass(symbols):
        tokens = read_tokens(report, TokenContext(context, model, has_model), len(declared.prompt))
    story = Story(
        id=_id(report, symbols.singles.get("id"), folder_name, shown),
        title=single_text(report, symbols, "title"),
        about=single_text(report, symbols, "about"),
        version=single_text(report, symbols, "version"),
        hash=world_hash(contents),
        has_pass=has_pass(symbols),
        layers=declared.layers,
        first_layer=declared.first_layer,
        boundary=declared.boundary,
        start=_start(report, symbols),
        prompt=declared.prompt,
        model=model.file if model else None,
        weights=model.checksum if model else None,
        network=model.network if model else None,
        earlier_weights=_earlier_weights(report, symbols.singles.get("earlier_weights")),
        instantiations=single_number(report, symbols, "instantiations", 1, MAX_NUMBER, 1),
        acts_per_token=single_number(report, symbols, "acts_per_token", 0, MAX_ACTS, MAX_ACTS),
        lasting_per_token=single_number(report, symbols, "lasting_per_token", 0, MAX_ACTS, MAX_ACTS),
        telling=declared.telling,
        verbs=declared.verbs,
        properties=read_properties(report, symbols.sections["claims"], declared.scope),
        decided_asked=(),
        drawn_asked=(),
        met_asked=(),
        answers_required=has_pass(symbols) and _answers_required(report, symbols.singles.get("answers")),
        spans=declared.spans,
        variables=declared.variables,
        thresholds=_thresholds(report, symbols, model, has_model=has_model),
        acts=tuple(declared.acts.values()),
        tokens=tokens,
        scenes=read_scenes(report, context),
        endings=read_endings(report, context),
        scene_ids=(),
        ending_titles={},
        choice_ids=(),
        glossary=read_glossary(report, symbols.terms),
        hints=read_hints(report, symbols.hints, symbols.sections["endings"]),
    )
    return _with_what_is_asked(_with_ids(story))


def _with_ids(story: Story) -> Story:
    """Return a story that lists the ids of its scenes, endings and choices."""
    choices = sorted((choice for scene in story.scenes for choice in scene.choices), key=lambda choice: choice.slot)
    return story._replace(
        scene_ids=tuple(scene.id for scene in story.scenes) + tuple(ending.id for ending in story.endings),
        ending_titles={ending.id: ending.title for ending in story.endings},
        choice_ids=tuple(choice.id for choice in choices),
    )


def _with_what_is_asked(story: Story) -> Story:
    """Return a story that says which acts, tokens and scenes its conditions ask about, where the machine has to know."""
    decided, drawn, met = set[str](), set[int](), set[str]()
    for node in walk_nodes(story):
        if isinstance(node, Decided):
            decided.add(node.what)
        elif isinstance(node, Drawn):
            drawn.add(node.token)
        elif isinstance(node, Met):
            met.add(node.scene)
    return story._replace(decided_asked=tuple(sorted(decided)), drawn_asked=tuple(sorted(drawn)), met_asked=tuple(sorted(met)))


def _earlier_weights(report: Report, entry: Entry | None) -> tuple[str, ...]:
    """Return the checksums of earlier weights that give the same words."""
    rows = several(report, entry.value if entry else None, "earlier_weights")
    for row in rows:
        if not re.fullmatch(r"[0-9a-f]{64}", str(row.value)):
            report.add(row, "E203", "expected a SHA-256: 64 hexadecimal digits")
    return tuple(str(row.value) for row in rows)


def _answers_required(report: Report, entry: Entry | None) -> bool:
    """Return whether every choice that lets the decoder come has to be answered: not where the world says ``optional``."""
    return entry is None or known_name(report, entry.value, "answers", ("optional", "required")) != "optional"


def _thresholds(report: Report, symbols: Symbols, model: ModelNames | None, *, has_model: bool) -> tuple[Threshold, ...]:
    entries = symbols.sections["thresholds"].items()
    return tuple(read_threshold(report, name, entry, model, has_model=has_model) for name, entry in entries)


def _check_required(report: Report, symbols: Symbols, shown: str, contents: Contents) -> None:
    """Report what no world can do without."""
    names = [name for name, _ in contents if name.endswith(TEXT) and "/" not in name]
    main = MAIN if MAIN in names or not names else names[0]
    place = Place(f"{shown}/{main}" if shown else main, 1, 1)
    required = REQUIRED if has_pass(symbols) else [key for key in REQUIRED if key not in OF_A_PASS]
    missing = [key for key in required if key not in symbols.singles and not symbols.sections.get(key)]
    missing = [key for key in missing if key not in symbols.misread]
    missing = [key for key in missing if suggestion(key) not in symbols.suggested]
    if OF_A_PASS.intersection(REQUIRED) <= {*missing}:
        if suggestion("frame") not in symbols.suggested:
            message = "the world needs the keys 'layers', 'waking', 'boundary', 'prompt' and 'tokens'"
            report.add(place, "E202", f"{message}; or, for a story without a pass, `frame: none`")
        missing = [key for key in missing if key not in OF_A_PASS]
    for key in missing:
        meaning = SINGLES.get(key, f"its {key}")
        report.add(place, "E202", f"the world needs the key {key!r}: {meaning}")


def _id(report: Report, entry: Entry | None, folder_name: str, shown: str) -> str:
    """Return the id of a world: as declared, otherwise the name of its folder."""
    world = str(entry.value.value) if entry else folder_name
    shape = "use lowercase letters, digits and -, a letter first"
    if entry and not (ID.fullmatch(world) and len(world) <= MAX_ID):
        report.add(entry.value, "E204", f"{world!r} is not a valid id for a world: {shape}, at most {MAX_ID}")
    elif not ID.fullmatch(world):
        message = f"{world!r} is not a valid folder name for a world: {shape}; or give the world an `id:`"
        report.add(Place(shown or world, 1, 1), "E204", message)
    return world


class AnyProbe(tuple[str, ...]):
    """The probes of a model that could not be read: any name may be one, and one problem is enough."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


def _model(report: Report, symbols: Symbols, prompt: tuple[str, ...], contents: Contents) -> ModelNames | None:
    entry = symbols.singles.get("model")
    model = read_model_names(report, entry, {name: content for name, content in contents if not name.endswith(TEXT)})
    missing = missing_words(model, prompt)
    if entry and model and missing:
        written = symbols.singles.get("prompt")
        first = next(word for word in prompt if word not in model.vocabulary)
        where = word_place(written.value, first) if written else entry.value
        near = report.near(first, model.vocabulary)
        report.add(where, "E504", f"the prompt has words that are not in the model's vocabulary: {missing}{near}")
    return model


def _acts(report: Report, symbols: Symbols, context: ActContext) -> dict[str, ActDeclaration]:
    return {name: read_act(report, name, entry, context) for name, entry in symbols.sections["acts"].items()}


def _scope(  # noqa: PLR0913, PLR0917 - all that names can stand for
    report: Report,
    symbols: Symbols,
    variables: tuple[Variable, ...],
    acts: Mapping[str, ActDeclaration],
    first_layer: int,
    boundary: int,
) -> Scope:
    """Return what conditions, effects and gotos may name."""
    sections = symbols.sections
    bands = sections["bands"].items()
    positions = [int(position) for position in sections["tokens"] if POSITION.fullmatch(position)]
    return Scope(
        variables={variable.name: variable for variable in variables},
        thresholds=_indexed(sections["thresholds"]),
        scenes=_indexed((*sections["scenes"], *sections["endings"])),
        choices=_choice_names(symbols),
        endings=sections["endings"],
        acts={name: act.fixed_layer for name, act in acts.items()},
        boundary=boundary,
        bands={name: read_band(report, name, entry, first_layer + 1, boundary) for name, entry in bands},
        decoded=(min(positions, default=1), max(positions, default=1)),
    )


def _choice_names(symbols: Symbols) -> dict[str, int]:
    """Return the choices by the names that conditions have for them: with its scene's, where several scenes have the same."""
    homes = [(scene, written) for scene, own in symbols.choices_of.items() for written in own]
    scenes = Counter(written for _, written in homes)
    return {f"{scene}.{written}" if scenes[written] > 1 else written: slot for slot, (scene, written) in enumerate(homes)}


def _indexed(names: Iterable[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(names)}


def _start(report: Report, symbols: Symbols) -> str:
    entry = symbols.singles.get("start")
    return known_name(report, entry.value, "scene", symbols.sections["scenes"], "E301") if entry else ""


# -- the list of problems ---------------------------------------------------------------------------------------------


def _listed(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return problems in the order of the files, each once; those past a limit are counted in one."""
    found = sorted({_shortened(problem) for problem in problems}, key=lambda problem: problem[:5])
    if len(found) <= MAX_LISTED:
        return tuple(found)
    last = found[MAX_LISTED - 1]
    more = f"and {len(found) - MAX_LISTED} more problems after this one"
    severity = min(problem.severity for problem in found[MAX_LISTED:])  # error comes before warning
    return (*found[:MAX_LISTED], Problem(last.file, last.line, last.column, "E000", more, severity))


def _without_consequences(problems: list[Problem], report: Report) -> list[Problem]:
    """Return problems without unknown names that follow from another problem.

    They may, where not all that is declared could be read, or where something of that name stands in the files.
    """
    causes = [problem for problem in problems if problem.code not in OF_NAMES]
    if not any(problem.code[1] in "012" and _is_error(problem) for problem in causes):
        return problems
    lacks = report.lacks_names or any(problem.message.startswith("the world needs the key") for problem in causes)
    return causes if lacks else [problem for problem in problems if problem in causes or not _is_written(problem, report)]


def _is_written(problem: Problem, report: Report) -> bool:
    """Return whether the name that a problem is about is a key somewhere in the files."""
    match = UNKNOWN_NAME.match(problem.message)
    return match is not None and match["name"].strip("'").rpartition(".")[2] in report.keys


def _grouped(problems: list[Problem]) -> list[Problem]:
    """Return problems, those about one unknown name as one, which lists the other places."""
    found: dict[str, list[Problem]] = {}
    others = []
    for problem in sorted(set(problems), key=lambda problem: problem[:5]):
        match = UNKNOWN_NAME.match(problem.message) if problem.code in ("E103", "E301") else None
        if match:
            found.setdefault(match["name"], []).append(problem)
        else:
            others.append(problem)
    for first, *more in found.values():
        places = [f"{one.file}:{one.line}" if one.file != first.file else f"{one.line}" for one in more]
        listed = ", ".join(places[:MAX_PLACES]) + (f" and {len(places) - MAX_PLACES} more" if len(places) > MAX_PLACES else "")
        also = f"; the same in line{'s' if len(places) > 1 else ''} {listed}" if places else ""
        others.append(first._replace(message=f"{first.message}{also}"))
    return others


def _shortened(problem: Problem) -> Problem:
    """Return a problem whose message can be read: it may quote what an author wrote, which may be a megabyte long."""
    if len(problem.message) <= MAX_MESSAGE:
        return problem
    return problem._replace(message=f"{problem.message[:MAX_MESSAGE]}…")


def _without_replaced(problems: list[Problem], symbols: Symbols) -> list[Problem]:
    """Return problems without gotos to scenes that are missing because their id was already taken."""
    duplicates = sum(_is_duplicate_scene(problem, symbols) for problem in problems)
    missing = {problem.message for problem in problems if problem.code == "E301"}
    if not duplicates or len(missing) > duplicates:
        return problems
    return [problem for problem in problems if problem.code != "E301"]


def _is_duplicate_scene(problem: Problem, symbols: Symbols) -> bool:
    scene = problem.message.partition(" ")[0].strip("'")
    first = symbols.sections["scenes"].get(scene) or symbols.sections["endings"].get(scene)
    if first is None or problem.code not in ("E010", "E207"):
        return False
    place = first.key.place
    return problem.code == "E207" or (place.file, place.column) == (problem.file, problem.column)
