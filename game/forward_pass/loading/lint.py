"""What can be known of a world by reading it: what leads nowhere, what nothing leads to, what is never read or changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from forward_pass.errors import Place, Problem, did_you_mean
from forward_pass.loading.frame import asks_of_a_pass
from forward_pass.story import nodes
from forward_pass.story.visit import find_nodes, walk_nodes

MAX_LISTED = 6  # ids in one message


def world_counts(story: nodes.Story) -> str:
    """Return what a world is made of, in numbers."""
    choices, tokens = sum(len(scene.choices) for scene in story.scenes), len(story.tokens)
    counts = f"{counted(len(story.scenes), 'scene')}, {counted(choices, 'choice')}, {counted(len(story.endings), 'ending')}"
    if not story.has_pass:
        return counts
    return f"{counts}, {counted(tokens, 'token')}, {counted(len(story.prompt), 'token')} of prompt"


def counted(number: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{number:,} {what}{'s' if number != 1 else ''}"


def listed(ids: Iterable[str]) -> str:
    """Return ids in the order of the alphabet; of many the first, and how many more there are."""
    names = [repr(one) for one in sorted(ids)]
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more


def lint(story: nodes.Story) -> Iterator[Problem]:
    """Yield what reading alone shows to be wrong, or likely to be."""
    yield from asks_of_a_pass(story)
    yield from _unreached(story)
    yield from _stuck(story)
    yield from _out_of_place(story)
    yield from _costs(story)
    yield from _limits(story)
    yield from _unused(story)
    yield from _never_said(story)
    yield from _unanswered(story)
    yield from _alike(story)
    yield from _universals(story)
    yield from _figures_by_hand(story)


def _choices(story: nodes.Story) -> Iterator[nodes.Choice]:
    for scene in story.scenes:
        yield from scene.choices


def _scenes(story: nodes.Story) -> list[nodes.Scene | nodes.Ending]:
    return [*story.scenes, *story.endings]


def _scenes_by_id(story: nodes.Story) -> dict[str, nodes.Scene | nodes.Ending]:
    return {scene.id: scene for scene in _scenes(story)}


def _may_decode(choice: nodes.Choice) -> bool:
    return choice.decodes or choice.cut is not None


def _leads_to(scene: nodes.Scene | nodes.Ending) -> set[str]:
    choices = scene.choices if isinstance(scene, nodes.Scene) else ()
    return {target.scene for choice in choices for target in choice.goto.targets} - {nodes.DECODE}


def _unreached(story: nodes.Story) -> Iterator[Problem]:
    """Yield the scenes and endings that no goto and no word leads to, following everything that is written."""
    scenes = _scenes_by_id(story)
    after_words = {target.scene for token in story.tokens for arrival in token.arrivals for target in arrival.goto.targets}
    reached, waiting = {story.start}, [story.start]
    decoded = False
    while waiting:
        scene = scenes[waiting.pop()]
        leads = _leads_to(scene)
        if not decoded and isinstance(scene, nodes.Scene) and any(map(_may_decode, scene.choices)):
            decoded = True
            leads |= after_words
        waiting += leads - reached
        reached |= leads
    lost = {scene.id: scene for scene in scenes.values() if scene.id not in reached}
    led_to = {target for scene in lost.values() for target in _leads_to(scene) - {scene.id}}
    while lost:
        first = next((scene for scene in lost if scene not in led_to), next(iter(lost)))
        scene, behind = lost.pop(first), []
        waiting = [*_leads_to(scene)]
        while waiting:
            if (other := lost.pop(waiting.pop(0), None)) is not None:
                behind.append(other.id)
                waiting += _leads_to(other)
        what = "ending" if isinstance(scene, nodes.Ending) else "scene"
        after = f"; so nothing leads to {listed(behind)}" if behind else ""
        yield Problem.at(scene.place, "E401", f"nothing leads to the {what} {scene.id!r}{after}")


def _stuck(story: nodes.Story) -> Iterator[Problem]:
    """Yield the scenes from which no choice leads to another scene or to the decoder."""
    for scene in story.scenes:
        if not any(map(_may_decode, scene.choices)) and _leads_to(scene) == {scene.id}:
            yield Problem.at(scene.place, "E402", f"every choice of the scene {scene.id!r} leads back to it")
        if all(choice.condition or choice.needs or choice.once for choice in scene.choices):
            message = f"every choice of {scene.id!r} has a condition or can be used up: a run may have no choice left here"
            yield Problem.at(scene.place, "W403", message)


def _out_of_place(story: nodes.Story) -> Iterator[Problem]:
    """Yield gotos from one token's scenes to another's, and words that lead to a scene of the wrong token."""
    scenes, first = _scenes_by_id(story), len(story.prompt)
    start = scenes[story.start]
    if start.token not in (0, first):
        message = f"the start scene {start.id!r} belongs to token {start.token}, but the first token is {first}"
        yield Problem.at(start.place, "E404", message)
    for scene in story.scenes:
        for choice in scene.choices:
            for target in choice.goto.targets:
                theirs = scenes[target.scene].token if target.scene != nodes.DECODE else 0
                if theirs and scene.token and theirs != scene.token:
                    where = f"{scene.id!r} belongs to token {scene.token} and {target.scene!r} to token {theirs}"
                    yield Problem.at(choice.place, "E404", f"{where}: only 'goto: decode' leads to another token")
    for token in story.tokens:
        for arrival in token.arrivals:
            for target in arrival.goto.targets:
                theirs = scenes[target.scene].token
                if theirs and theirs != token.position + 1:
                    leads = f"{arrival.word!r} leads to token {token.position + 1}"
                    message = f"{leads}, but the scene {target.scene!r} belongs to token {theirs}"
                    yield Problem.at(token.place, "E404", message)


def _costs(story: nodes.Story) -> Iterator[Problem]:
    """Yield the choices whose cost no token can pay."""
    room = story.boundary - story.first_layer
    for choice in _choices(story):
        if not choice.decodes and choice.cut is None and choice.cost >= room:
            costs = f"the choice {choice.id!r} costs {choice.cost} layer{'s' if choice.cost != 1 else ''}"
            message = f"{costs}; it must cost fewer than the {room} of a token, or have the key 'cut'"
            yield Problem.at(choice.place, "E405", message)


def _limits(story: nodes.Story) -> Iterator[Problem]:
    """Yield the choices that make more acts than any token allows."""
    lasting = {act.name for act in story.acts if act.lasts}
    for choice in _choices(story):
        made, left = len(choice.acts), sum(act in lasting for act in choice.acts)
        if made > story.acts_per_token:
            acts, most = f"{made} act{'s' * (made != 1)}", story.acts_per_token
        elif left > story.lasting_per_token:
            acts, most = f"{left} lasting act{'s' * (left != 1)}", story.lasting_per_token
        else:
            continue
        yield Problem.at(choice.place, "E409", f"the choice {choice.id!r} makes {acts}, but a token allows at most {most}")


def _unused(story: nodes.Story) -> Iterator[Problem]:
    """Yield variables that are never read or never changed, and acts and thresholds that nothing uses."""
    sets = list(find_nodes(nodes.Set, *story.scenes))
    changed = {effect.variable for effect in sets}
    read = _read_variables(story, sets)
    for variable in story.variables:
        if variable.slot not in read:
            yield Problem.at(variable.place, "W406", f"the variable {variable.name!r} is never read")
        if variable.slot not in changed:
            yield Problem.at(variable.place, "W407", f"the variable {variable.name!r} is never changed")
    thresholds = {node.threshold for node in find_nodes(nodes.ThresholdTruth, story)}
    for index, threshold in enumerate(story.thresholds):
        if index not in thresholds:
            yield Problem.at(threshold.place, "W406", f"the threshold {threshold.name!r} is never read")
    used = {act for choice in _choices(story) for act in choice.acts}
    for act in story.acts:
        if act.name not in used:
            yield Problem.at(act.place, "W408", f"no choice makes the act {act.name!r}")


def _read_variables(story: nodes.Story, sets: list[nodes.Set]) -> set[int]:
    """Return the variables that anything reads; what a variable's own next value reads of it (``reads += 1``) is no use."""
    counts: dict[int, int] = {}
    for node in find_nodes(nodes.VariableValue, story):
        counts[node.variable] = counts.get(node.variable, 0) + 1
    for effect in sets:
        for node in find_nodes(nodes.VariableValue, effect.value):
            counts[node.variable] -= node.variable == effect.variable
    return {variable for variable, count in counts.items() if count}


def _never_said(story: nodes.Story) -> Iterator[Problem]:
    """Yield the words that a written world asks about and never says."""
    if not story.has_pass or not all(token.written for token in story.tokens):
        return  # a model says what it says
    said = {word for token in story.tokens for case in token.written for word in case.chances}
    for word, place in _asked_words(story):
        if word not in said:
            yield Problem.at(place, "W410", f"no token can produce the word {word!r}{did_you_mean(word, list(said))}")


def _asked_words(story: nodes.Story) -> Iterator[tuple[str, Place]]:
    """Yield the words that conditions and texts ask about, each with the place of what asks."""
    for threshold in story.thresholds:
        yield threshold.word, threshold.place
    for token in story.tokens:
        yield from ((arrival.word, arrival.goto.place) for arrival in token.arrivals if arrival.word != nodes.OTHERWISE)
        yield from ((word, token.place) for word in _words_in(token.written))
    for scene in _scenes(story):
        yield from ((word, scene.place) for word in _words_in(scene.text))
    for choice in _choices(story):
        for part in choice:
            place = getattr(part, "place", choice.place)
            yield from ((word, place) for word in _words_in(part))


def _words_in(node: object) -> Iterator[str]:
    for asked in walk_nodes(node):
        if isinstance(asked, (nodes.Emitted, nodes.Probability, nodes.LensProbability)) and isinstance(asked.word, str):
            yield asked.word


def _unanswered(story: nodes.Story) -> Iterator[Problem]:
    """Yield the choices that let the decoder come and say nothing first, where the world wants them answered."""
    for choice in _choices(story):
        if story.answers_required and choice.decodes and choice.then is None:
            message = f"the choice {choice.id!r} lets the decoder come and has no 'then': nothing answers it"
            yield Problem.at(choice.place, "E431", message)


def _alike(story: nodes.Story) -> Iterator[Problem]:
    """Yield the choices of a scene with a verb that cannot be told from one above: verb, acts, target and cost are the same.

    Choices with different conditions are let be: they may never stand side by side.
    """
    for scene in story.scenes:
        first: dict[tuple[object, ...], nodes.Choice] = {}
        for choice in scene.choices:
            targets = tuple(target.scene for target in choice.goto.targets)
            conditions = choice.condition and choice.condition.expression, choice.needs and choice.needs.expression
            same = first.setdefault((choice.verb, choice.acts, targets, choice.cost, choice.until, *conditions), choice)
            if choice.verb and same is not choice:
                message = f"{choice.id!r} and {same.id!r} cannot be told apart: the same verb, target and cost"
                yield Problem.at(choice.place, "W432", message)


UNIVERSALS = re.compile(r"\b(nobody|no one|never|didn't|nothing|everybody|all of them)\b", re.IGNORECASE)
FIGURE = re.compile(r"(?<![\d.,])(?:0?\.\d+|\d+(?:\.\d+)?(?: per cent| in the hundred| in the thousand| %))(?!\d)")


def _universals(story: nodes.Story) -> Iterator[Problem]:
    """Yield the texts that say *nobody* or *never* of the run where nothing near says what makes it true.

    An ending may claim it for its whole text, a paragraph for itself.
    """
    for scene in _scenes(story):
        if isinstance(scene, nodes.Ending) and scene.holds:
            continue
        said = [word for paragraph in scene.text.paragraphs if not _claims(paragraph) for word in _said(UNIVERSALS, paragraph)]
        if said:
            listed = ", ".join(dict.fromkeys(word.lower() for word in said))
            message = f"the text of {scene.id!r} says {listed}, and no 'holds' says of which runs that is true"
            yield Problem.at(scene.place, "I436", message)


def _figures_by_hand(story: nodes.Story) -> Iterator[Problem]:
    """Yield the texts in which a figure is written by hand and no test is named that holds it to the model."""
    if story.model is None:
        return
    for scene in _scenes(story):
        figures = [figure for paragraph in scene.text.paragraphs for figure in _said(FIGURE, paragraph)]
        if figures and not scene.measured:
            message = (
                f"the text of {scene.id!r} has {', '.join(figures)} by hand: make it a reading, or name its test in 'measured'"
            )
            yield Problem.at(scene.place, "I437", message)
    for term in story.glossary:
        figures = FIGURE.findall(term.text)
        if figures and not term.measured:
            message = f"the term {term.name!r} has {', '.join(figures)} by hand: name the test that holds it in 'measured'"
            yield Problem.at(term.place, "I437", message)


def _claims(paragraph: nodes.Paragraph) -> bool:
    return next(find_nodes(nodes.Claim, paragraph), None) is not None


def _said(pattern: re.Pattern[str], paragraph: nodes.Paragraph) -> list[str]:
    """Return what of a pattern the constant words of a paragraph say."""
    words = [node for piece in paragraph.pieces for node in walk_nodes(piece) if isinstance(node, str)]
    return [match[0] for text in words for match in pattern.finditer(text)]
