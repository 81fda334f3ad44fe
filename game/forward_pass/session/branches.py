"""The tree of runs, and two runs side by side, as plain lines and as objects. Prints nothing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from forward_pass.session.transcript import choice_words, layers, quoted, turn_distribution, wrap
from forward_pass.storage.labels import Annotation
from forward_pass.storage.replay import ReplayResult
from forward_pass.storage.run_set import RunSet
from forward_pass.storage.tree import Node, Tree
from forward_pass.story.distribution import Distribution, format_probability
from forward_pass.story.engine import offers
from forward_pass.story.history import RecordedTurn, Run, Turn, at_turn
from forward_pass.story.text import constant_text
from forward_pass.story.world import World

LIKELIEST = 4  # words of a distribution that are held against each other
DIGITS = 4
NOTHING = format_probability(0.0)  # of a word that neither run would have said
UntakenCount = Mapping[int, tuple[int, int]]
"""By branch, how many of its ways on nobody took, and how many there are."""
SIDE_BY_SIDE = 60  # columns from which two bars stand beside each other


def tree_lines(shelf: RunSet, columns: int, here: int | None = None, untaken: UntakenCount | None = None) -> list[str]:
    """Return the tree of runs in plain lines: a turn a line, farther in behind each fork; ``here`` is where somebody stands."""
    world, tree, marks = shelf.world, shelf.tree, shelf.annotations()
    lines = wrap(summary(world, tree), columns)
    for forks, branch in tree.depth_first():
        indent = "  " * min(forks, 8)
        words = node_text(world, tree, branch, marks, here)
        if untaken and untaken.get(branch.number, (0, 0))[0]:
            words += " {} of {} ways on never taken.".format(*untaken[branch.number])
        lines += [
            indent + line if not number else f"{indent}   {line}"
            for number, line in enumerate(wrap(words, columns - len(indent) - 3))
        ]
    return lines


def summary(world: World, tree: Tree) -> str:
    """Return how much there is, in a line."""
    runs, turns = len(tree.lasts), len(tree.nodes) - 1
    found = {branch.recorded.scene for branch in tree.nodes if branch.recorded and branch.recorded.scene in world.endings}
    counted = [_count(runs, "run"), _count(turns, "different turn"), _count(tree.forks, "fork")]
    return f"{world.title}: {', '.join(counted)}, {len(found)} of {len(world.endings)} endings."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def node_text(world: World, tree: Tree, branch: Node, marks: Mapping[str, Annotation], here: int | None) -> str:
    """Return a branch in a line: which it is at a fork, what was chosen, said and come to, and who stands there."""
    if branch.recorded is None:
        words = [f"Turn 0: {world.start}."]
    else:
        siblings = tree.nodes[branch.parent].children
        lead = f"Turn {branch.turn}"
        if len(siblings) > 1:
            lead += f", branch {siblings.index(branch.number) + 1} of {len(siblings)}"
        words = [f"{lead}: {branch.recorded.choice}, {outcome_text(world, branch)}."]
        marked = marks.get(branch.recorded.digest)
        if marked and marked.label:
            words.append(f"Label: {marked.label}.")
        if marked and marked.note:
            words.append(f"Note: {marked.note}.")
    if branch.standing_runs:
        stand = "stands run" if len(branch.standing_runs) == 1 else "stand runs"
        words.append(f"Here {stand} {', '.join(map(str, branch.standing_runs))}.")
    if branch.number == here:
        words.append("You are here.")
    return " ".join(words)


def outcome_text(world: World, branch: Node) -> str:
    """Return what a turn said, if the decoder came, and where it led."""
    recorded = branch.recorded
    if recorded is None:
        return world.start
    title = world.endings.get(recorded.scene)
    led = f"ends: {title}" if title else f"to {recorded.scene}"
    if recorded.word is None:
        return led
    return f"{decoded_text(recorded)}, {led}"


def decoded_text(recorded: RecordedTurn) -> str:
    """Return which word a turn said, and at what chance."""
    return f"said {quoted(recorded.word or '')} at {format_probability(recorded.probability or 0.0)}"


def choice_name(world: World, choice: str) -> str:
    """Return a choice's words where they never vary, otherwise its id: what it can be called without walking to it."""
    row = world.data["choices"].get(choice)
    return (constant_text(row["say"]) if row else None) or choice


def tree_object(
    shelf: RunSet, untaken: UntakenCount | None = None, walked: Mapping[int, ReplayResult] | None = None
) -> dict[str, Any]:
    """Return the tree of runs as an object; with ``walked``, runs walked again, it says what that has shown of each."""
    world, tree, marks = shelf.world, shelf.tree, shelf.annotations()
    rows = []
    for branch in tree.nodes:
        recorded = branch.recorded
        row: dict[str, Any] = {"branch": branch.number, "before": branch.parent, "turn": branch.turn}
        row |= {
            "scene": recorded.scene if recorded else world.start,
            "runs": list(branch.runs),
            "stand": list(branch.standing_runs),
        }
        if recorded:
            row |= {"choice": recorded.choice, "word": recorded.word, "p": recorded.probability, "digest": recorded.digest}
            row |= {key: text for key, text in marks.get(recorded.digest, Annotation())._asdict().items() if text}
        if untaken and branch.number in untaken:
            row["untaken"] = untaken[branch.number][0]
        rows.append(row)
    shown: dict[str, Any] = {"type": "tree", "world": world.id, "runs": len(tree.lasts), "forks": tree.forks, "branches": rows}
    if walked is not None:
        shown["status"] = [{"run": run, "status": verdict_text(one), "words": verdict(one)} for run, one in walked.items()]
    return shown


def count_untaken(run: Run, walked: int) -> tuple[int, int]:
    """Return how many of the open ways on from the present scene nobody took, and how many there are."""
    here = sum(offer.open for offer in offers(run.world, run.measure, run.state))
    return max(here - walked, 0), here


def untaken_text(run: Run, walked: int) -> str:
    """Return how many ways on nobody took, in words: as a number and never as names."""
    never, here = count_untaken(run, walked)
    return f"{never} of {here} ways on never taken"


def verdict_text(outcome: ReplayResult) -> str:
    """Return in a word what walking a run again has shown of it."""
    return "diverged" if outcome.differences else "changed" if outcome.changed else "proven"


def verdict(outcome: ReplayResult) -> str:
    """Return what walking a run again has shown of it: proven, diverged, or that the world has changed."""
    if outcome.differences:
        return outcome.proof
    return f"the world has changed since, and {outcome.proof}" if outcome.changed else f"proven: {outcome.proof}"


def node_positions(world: World, tree: Tree) -> list[tuple[int, int | None]]:
    """Return for each branch the token and the layer at which the pass then stood, as the choices cost them.

    No run is walked: a layer is None where the world no longer has the choice that led there, or it led past the boundary.
    """
    places: list[tuple[int, int | None]] = [(world.first_token, world.first_layer)]
    scenes, known = [world.start], set(world.scene_ids)
    for branch in tree.nodes[1:]:
        recorded = branch.recorded or RecordedTurn("", world.start, None, None, "")
        token, layer = places[branch.parent]
        scenes.append(recorded.scene)
        if recorded.word is not None:
            places.append((token + 1, world.first_layer))
            continue
        scene = scenes[branch.parent]
        choice = world.scene(scene).by_id.get(recorded.choice) if scene in known else None
        places.append((token, choice.layer_after(layer) if choice and layer is not None else None))
    return places


# -- two runs side by side ----------------------------------------------------------------------------------------------


class TokenComparison(NamedTuple):
    """A token that both runs decoded: the words that came, and the distributions they came from."""

    token: int
    words: tuple[str, str]
    distributions: tuple[Distribution, Distribution]

    @property
    def likeliest(self) -> list[tuple[str, float, float]]:
        """The words that either run held likeliest or said, with their chances in the first and in the second."""
        first, second = self.distributions
        names = [*self.words, *(word for one in self.distributions for word, _ in one.likeliest(LIKELIEST))]
        return [(word, first.p(word), second.p(word)) for word in dict.fromkeys(names)][: LIKELIEST + 2]


class RunDifference(NamedTuple):
    """Two runs held against each other, up to where they stand."""

    first: Run
    second: Run
    shared: int  # how many turns they have in common
    decodings: tuple[TokenComparison, ...]  # of the tokens that both decoded after they parted

    @property
    def state(self) -> list[str]:
        """In what the states differ just after the first differing choice; a run that goes no further stands where it is."""
        return state_words(*(at_turn(run, min(self.shared + 1, run.at)) for run in (self.first, self.second)))


def compare_runs(first: Run, second: Run) -> RunDifference:
    """Return how two runs of one world differ."""
    pairs = zip_longest(first.path, second.path)
    shared = next((at for at, (one, other) in enumerate(pairs) if not _same(one, other)), first.at)
    drawn = [
        {
            turn.state.token - 1: (turn.word or "", turn_distribution(run, turn))
            for turn in run.path[shared:]
            if turn.word is not None
        }
        for run in (first, second)
    ]
    decodings = (
        TokenComparison(token, (drawn[0][token][0], drawn[1][token][0]), (drawn[0][token][1], drawn[1][token][1]))
        for token in sorted(drawn[0].keys() & drawn[1].keys())
    )
    return RunDifference(first, second, shared, tuple(decodings))


def _same(one: Turn | None, other: Turn | None) -> bool:
    return one is not None and other is not None and one.digest == other.digest


def state_words(first: Run, second: Run) -> list[str]:
    """Return in which of the story's own numbers and words two states differ."""
    one, other = first.state, second.state
    rows: list[tuple[str, object, object]] = [
        ("scene", one.scene, other.scene),
        ("token", one.token, other.token),
        ("layer", one.layer, other.layer),
        ("said", " ".join(one.words) or "nothing", " ".join(other.words) or "nothing"),
    ]
    for variable, mine, theirs in zip(first.world.variables, one.variables, other.variables, strict=True):
        shown = [
            variable.words[value] if variable.words else str(bool(value)).lower() if variable.flag else value
            for value in (mine, theirs)
        ]
        rows.append((variable.name, shown[0], shown[1]))
    rows.append(("interventions", _made(first), _made(second)))
    return [f"{name}: {mine}; {theirs}" for name, mine, theirs in rows if mine != theirs]


def _made(run: Run) -> str:
    made = [f"{act.name} from {act.layer}" for acts in run.state.acts for act in acts]
    return ", ".join(made) or "none"


def difference_lines(found: RunDifference, names: tuple[str, str], columns: int, *, bars: bool = False) -> list[str]:
    """Return a difference in lines: where the runs parted, how the state then differs, how words moved, the endings.

    With ``bars``, chances stand side by side as bars too; without, nothing is but words and numbers.
    """
    first, second = found.first, found.second
    lines = wrap(f"{names[0]} and {names[1]}", columns)
    if found.shared == first.at == second.at:
        return [*lines, *wrap(f"They are the same run: {_count(found.shared, 'turn')}, to the last digest.", columns)]
    lines += wrap(f"They share {_count(found.shared, 'turn')}.", columns)
    for name, run in zip(names, (first, second), strict=True):
        lines += wrap(f"Then {name}: {_next(run, found.shared)}", columns)
    lines += ["", "Just after that"]
    for row in found.state or ["nothing differs"]:
        lines += wrap(f"  {row}", columns)
    for decoding in found.decodings:
        lines += ["", *decoding_lines(decoding, names, columns, bars=bars)]
    endings = [run.world.endings.get(run.state.scene, "not ended") for run in (first, second)]
    return [*lines, "", *wrap(f"Endings: {endings[0]}; {endings[1]}", columns)]


def decoding_lines(decoding: TokenComparison, names: tuple[str, str], columns: int, *, bars: bool = False) -> list[str]:
    """Return what came out of a token in two runs, and how the likeliest words moved from one to the other."""
    said = [f"{quoted(word)} ({name})" for word, name in zip(decoding.words, names, strict=True)]
    lines = wrap(f"Token {decoding.token} said {', '.join(said)}", columns)
    for word, one, other in decoding.likeliest:
        if format_probability(one) == format_probability(other) == NOTHING:
            continue
        moved_by = f"({100 * (other - one):+.0f} points)"
        if bars:
            lines += _bars(quoted(word), (one, other), columns)
        else:
            lines += wrap(f"  {quoted(word)}: {format_probability(one)}, then {format_probability(other)} {moved_by}", columns)
    return lines


def _bars(word: str, chances: tuple[float, float], columns: int) -> list[str]:
    """Return two chances of a word as bars side by side, one below the other where there is no room."""
    wide = columns >= SIDE_BY_SIDE
    room = (columns - 28) // 2 if wide else columns - 20
    shown = [f"{format_probability(chance):<6} {('█' * round(room * chance) or '▏'):<{room}}" for chance in chances]
    if wide:
        return [f"  {word:<10} {shown[0]} {shown[1]}".rstrip()]
    return [f"  {word:<10} {shown[0]}".rstrip(), f"  {'':<10} {shown[1]}".rstrip()]


def decoding_object(decoding: TokenComparison) -> dict[str, Any]:
    """Return a token that two runs decoded as an object."""
    likeliest = [[word, round(one, DIGITS), round(other, DIGITS)] for word, one, other in decoding.likeliest]
    return {"token": decoding.token, "words": list(decoding.words), "likeliest": likeliest}


def _next(run: Run, shared: int) -> str:
    if run.at == shared:
        return "goes no further."
    turn = run.turns[shared]
    before = at_turn(run, shared).state
    place = f"at {before.token}, layer {before.layer}, {layers(run.world.boundary - before.layer)} left"
    return f"turn {shared + 1}, {place}: {choice_words(run, shared + 1)} ({turn.choice})"


def difference_object(found: RunDifference, names: tuple[str, str]) -> dict[str, Any]:
    """Return a difference as an object."""
    endings = [run.state.scene if run.state.scene in run.world.endings else None for run in (found.first, found.second)]
    parted = [run.turns[found.shared].choice if run.at > found.shared else None for run in (found.first, found.second)]
    return {
        "type": "diff",
        "runs": list(names),
        "shared": found.shared,
        "choices": parted,
        "state": found.state,
        "decodings": [decoding_object(decoding) for decoding in found.decodings],
        "endings": endings,
    }
