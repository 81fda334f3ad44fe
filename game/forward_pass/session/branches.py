"""The tree of runs, and the comparison of two runs, as plain lines and as objects. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from forward_pass.session.decision import act_rows, decision
from forward_pass.session.transcript import choice_text, layers_text, quoted, turn_distribution, wrap
from forward_pass.storage.labels import Annotation
from forward_pass.storage.replay import ReplayResult
from forward_pass.storage.run_set import RunSet
from forward_pass.storage.tree import Node, Tree
from forward_pass.story.compile import usual_text
from forward_pass.story.distribution import Distribution, format_probability
from forward_pass.story.engine import offers
from forward_pass.story.history import RecordedTurn, Run, Turn, at_turn
from forward_pass.story.world import World

MAX_LIKELIEST = 4  # words of a distribution that are compared
DIGITS = 4  # of a probability in an object
ZERO_TEXT = format_probability(0.0)
MAX_UNFOLDED = 100  # nodes of a tree that is shown turn by turn
MAX_INDENTED_FORKS = 8  # a node behind more forks is not indented any further
MIN_SIDE_BY_SIDE_COLUMNS = 60  # in fewer columns the two bars of a word are on two lines
UntakenCounts = Mapping[int, tuple[int, int]]
"""By node, how many open choices no run took there, and how many are open."""


def tree_lines(
    run_set: RunSet,
    columns: int,
    current: int | None = None,
    untaken: UntakenCounts | None = None,
    *,
    fold: bool = True,
) -> list[str]:
    """Return the tree of runs as lines, one for each node, indented by forks; ``current`` is the node of the present run.

    A large tree is folded, unless ``fold`` is false: one line for each chain of turns from which no run parted.
    """
    world, tree, annotations = run_set.world, run_set.tree, run_set.annotations()
    lines = wrap(tree_summary(world, tree), columns)
    if fold and len(tree.nodes) > MAX_UNFOLDED:
        return [*lines, *_folded_lines(run_set, columns, current)]
    for forks, node in tree.depth_first():
        indent = "  " * min(forks, MAX_INDENTED_FORKS)
        text = node_text(world, tree, node, annotations, current)
        if untaken and untaken.get(node.number, (0, 0))[0]:
            text += " {} of {} ways on never taken.".format(*untaken[node.number])
        lines += [
            indent + line if not number else f"{indent}   {line}"
            for number, line in enumerate(wrap(text, columns - len(indent) - 3))
        ]
    return lines


def _folded_lines(run_set: RunSet, columns: int, current: int | None) -> Iterator[str]:
    """Yield a line for each chain of turns: its first choice in words, how many follow, how it ends, whose runs are there."""
    world, tree, positions = run_set.world, run_set.tree, node_positions(run_set.world, run_set.tree)
    for forks, node, others in tree.chains():
        indent = "  " * min(forks, MAX_INDENTED_FORKS)
        first = choice_name(world, node.recorded.choice).replace("*", "") if node.recorded else "the opening"
        parts = [f"Turn {node.turn}: {first}"]
        parts += [f"{len(others)} more turn{'s' * (len(others) > 1)}"] if others else []
        parts += chain_outcome(world, positions, [node, *others])
        runs = [run for one in (node, *others) for run in one.cursor_runs]
        parts += [f"run {', '.join(map(str, runs))}"] if runs else []
        parts += ["you are here"] if current is not None and current in {one.number for one in (node, *others)} else []
        for number, line in enumerate(wrap("; ".join(parts), columns - len(indent) - 3)):
            yield indent + line if not number else f"{indent}   {line}"


def chain_outcome(world: World, positions: Sequence[tuple[int, int | None]], chain: Sequence[Node]) -> list[str]:
    """Return how a chain of turns ends, and the word in it that stands for its run, where it has either."""
    last = chain[-1].recorded if chain else None
    title = world.endings.get(last.scene) if last else None
    telling = world.telling_token + 1  # the token that its word begins
    said = [
        decoded_text(one.recorded)
        for one in chain
        if one.recorded and one.recorded.word is not None and positions[one.number][0] == telling
    ]
    return [*([f"ends: {title}"] if title else []), *said]


def tree_summary(world: World, tree: Tree) -> str:
    """Return the counts of runs, turns, forks and endings as a line."""
    runs, turns = len(tree.last_nodes), len(tree.nodes) - 1
    endings = {node.recorded.scene for node in tree.nodes if node.recorded and node.recorded.scene in world.endings}
    counts = [_plural(runs, "run"), _plural(turns, "different turn"), _plural(tree.fork_count, "fork")]
    return f"{world.title}: {', '.join(counts)}, {len(endings)} of {len(world.endings)} endings."


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def node_text(world: World, tree: Tree, node: Node, annotations: Mapping[str, Annotation], current: int | None) -> str:
    """Return a node as a line: its number at a fork, its choice and outcome, its annotation, and the runs that are at it."""
    if node.recorded is None:
        parts = [f"Turn 0: {world.start}."]
    else:
        siblings = tree.nodes[node.parent].children
        turn = f"Turn {node.turn}"
        if len(siblings) > 1:
            turn += f", branch {siblings.index(node.number) + 1} of {len(siblings)}"
        parts = [f"{turn}: {node.recorded.choice}, {outcome_text(world, node)}."]
        annotation = annotations.get(node.recorded.digest)
        if annotation and annotation.label:
            parts.append(f"Label: {annotation.label}.")
        if annotation and annotation.note:
            parts.append(f"Note: {annotation.note}.")
    if node.cursor_runs:
        stand = "stands run" if len(node.cursor_runs) == 1 else "stand runs"
        parts.append(f"Here {stand} {', '.join(map(str, node.cursor_runs))}.")
    if node.number == current:
        parts.append("You are here.")
    return " ".join(parts)


def outcome_text(world: World, node: Node) -> str:
    """Return the word that a turn decoded, if any, and the scene or ending that it led to."""
    recorded = node.recorded
    if recorded is None:
        return world.start
    title = world.endings.get(recorded.scene)
    target = f"ends: {title}" if title else f"to {recorded.scene}"
    if recorded.word is None:
        return target
    return f"{decoded_text(recorded)}, {target}"


def decoded_text(recorded: RecordedTurn) -> str:
    """Return the word that a turn decoded, with its probability."""
    return f"said {quoted(recorded.word or '')} at {format_probability(recorded.probability or 0.0)}"


def choice_name(world: World, choice: str) -> str:
    """Return the text of a choice as it usually is; its id where that shows what was measured."""
    node = world.choices.get(choice)
    return (usual_text(node.say) if node else None) or choice


def tree_object(
    run_set: RunSet, untaken: UntakenCounts | None = None, replays: Mapping[int, ReplayResult] | None = None
) -> dict[str, object]:
    """Return the tree of runs as an object; with ``replays`` (by run), it has the status of each of these runs."""
    world, tree, annotations = run_set.world, run_set.tree, run_set.annotations()
    rows = []
    for node in tree.nodes:
        recorded = node.recorded
        row: dict[str, object] = {"branch": node.number, "before": node.parent, "turn": node.turn}
        scene = recorded.scene if recorded else world.start
        row |= {"scene": scene, "runs": list(node.runs), "stand": list(node.cursor_runs)}
        if recorded:
            row |= {"choice": recorded.choice, "word": recorded.word, "p": recorded.probability, "digest": recorded.digest}
            annotation = annotations.get(recorded.digest, Annotation())
            row |= {key: text for key, text in annotation._asdict().items() if text}
        if untaken and node.number in untaken:
            row["untaken"] = untaken[node.number][0]
        rows.append(row)
    counts = {"runs": len(tree.last_nodes), "forks": tree.fork_count}
    result: dict[str, object] = {"type": "tree", "world": world.id, **counts, "branches": rows}
    if replays is not None:
        result["status"] = [
            {"run": run, "status": replay_status(replay), "words": replay_verdict(replay)} for run, replay in replays.items()
        ]
    return result


def count_untaken(run: Run, taken: int) -> tuple[int, int]:
    """Return how many open choices of the present scene no run took, where ``taken`` were, and how many are open."""
    open_count = sum(offer.is_open for offer in offers(run.world, run.state))
    return max(open_count - taken, 0), open_count


def untaken_text(run: Run, taken: int) -> str:
    """Return the counts of ``count_untaken`` as text; the choices are not named."""
    untaken, open_count = count_untaken(run, taken)
    return f"{untaken} of {open_count} ways on never taken"


def replay_status(result: ReplayResult) -> str:
    """Return the status of a replayed run: ``proven``, ``changed`` (its world has changed) or ``diverged``."""
    return "diverged" if result.differences else "changed" if result.world_changed else "proven"


def replay_verdict(result: ReplayResult) -> str:
    """Return the status of a replayed run in words, with how far it was identical."""
    if result.differences:
        return result.summary
    return f"the world has changed since, and {result.summary}" if result.world_changed else f"proven: {result.summary}"


def node_positions(world: World, tree: Tree) -> list[tuple[int, int | None]]:
    """Return for each node the token and the layer of the pass, computed from the costs of the choices.

    No run is replayed: a layer is None where the world no longer has the choice that led there, or it led past the boundary.
    """
    positions: list[tuple[int, int | None]] = [(world.first_token, world.first_layer)]
    scenes, known = [world.start], set(world.scene_ids)
    for node in tree.nodes[1:]:
        recorded = node.recorded or RecordedTurn("", world.start, None, None, "")
        token, layer = positions[node.parent]
        scenes.append(recorded.scene)
        if recorded.word is not None:
            positions.append((token + 1, world.first_layer))
            continue
        scene = scenes[node.parent]
        choice = world.scene(scene).by_id.get(recorded.choice) if scene in known else None
        positions.append((token, choice.node.layer_after(layer) if choice and layer is not None else None))
    return positions


# -- two runs compared --------------------------------------------------------------------------------------------------


class TokenComparison(NamedTuple):
    """A token that two runs decoded: the word and the distribution of each."""

    token: int
    words: tuple[str, str]
    distributions: tuple[Distribution, Distribution]

    @property
    def word_probabilities(self) -> list[tuple[str, float, float]]:
        """The decoded words and the likeliest of each run, with their probabilities in the first and the second."""
        first, second = self.distributions
        likeliest = [word for distribution in self.distributions for word, _ in distribution.likeliest(MAX_LIKELIEST)]
        words = list(dict.fromkeys([*self.words, *likeliest]))[: MAX_LIKELIEST + 2]
        return [(word, first.p(word), second.p(word)) for word in words]


class RunDifference(NamedTuple):
    """How two runs differ, up to the present turn of each."""

    first: Run
    second: Run
    shared_turns: int  # turns that they have in common
    comparisons: tuple[TokenComparison, ...]  # of the tokens that both decoded after the shared turns

    @property
    def state_differences(self) -> list[str]:
        """How the states differ just after the first differing choice, or at the end of a run without one."""
        return state_differences(*(at_turn(run, min(self.shared_turns + 1, run.at)) for run in (self.first, self.second)))


def compare_runs(first: Run, second: Run) -> RunDifference:
    """Return how two runs of one world differ."""
    pairs = zip_longest(first.path, second.path)
    shared = next((turn for turn, (one, other) in enumerate(pairs) if not _is_same(one, other)), first.at)
    decoded = [
        {
            turn.state.token - 1: (turn.word or "", turn_distribution(run, turn))
            for turn in run.path[shared:]
            if turn.word is not None
        }
        for run in (first, second)
    ]
    comparisons = (
        TokenComparison(token, (decoded[0][token][0], decoded[1][token][0]), (decoded[0][token][1], decoded[1][token][1]))
        for token in sorted(decoded[0].keys() & decoded[1].keys())
    )
    return RunDifference(first, second, shared, tuple(comparisons))


def _is_same(one: Turn | None, other: Turn | None) -> bool:
    return one is not None and other is not None and one.digest == other.digest


def state_differences(first: Run, second: Run) -> list[str]:
    """Return the differences between the present states of two runs, as ``NAME: FIRST; SECOND``."""
    one, other = first.state, second.state
    rows: list[tuple[str, object, object]] = [
        ("scene", one.scene, other.scene),
        ("token", one.token, other.token),
        ("layer", one.layer, other.layer),
        ("said", " ".join(one.words) or "nothing", " ".join(other.words) or "nothing"),
    ]
    for variable, *values in zip(first.world.variables, one.variables, other.variables, strict=True):
        value, other_value = map(variable.text, values)
        rows.append((variable.name, value, other_value))
    rows.append(("interventions", _interventions_text(first), _interventions_text(second)))
    return [f"{name}: {value}; {other_value}" for name, value, other_value in rows if value != other_value]


def _interventions_text(run: Run) -> str:
    names = [f"{act.name} from {act.layer}" for acts in run.state.acts for act in acts]
    return ", ".join(names) or "none"


def difference_lines(difference: RunDifference, names: tuple[str, str], columns: int, *, bars: bool = False) -> list[str]:
    """Return a difference as lines: the first differing choices, the states after them, decoded words, and endings.

    With ``bars``, probabilities are shown as bars too; without, everything is words and numbers.
    """
    first, second, shared = difference.first, difference.second, difference.shared_turns
    lines = wrap(f"{names[0]} and {names[1]}", columns)
    if shared == first.at == second.at:
        return [*lines, *wrap(f"They are the same run: {_plural(shared, 'turn')}, to the last digest.", columns)]
    for text in difference_verdict(difference, names):
        lines += wrap(text, columns)
    lines += ["", *wrap(f"They share {_plural(shared, 'turn')}.", columns)]
    for name, run in zip(names, (first, second), strict=True):
        lines += wrap(f"Then {name}: {_next_turn_text(run, shared)}", columns)
    lines += ["", "Just after that"]
    for row in difference.state_differences or ["nothing differs"]:
        lines += wrap(f"  {row}", columns)
    for comparison in difference.comparisons:
        lines += ["", *comparison_lines(comparison, names, columns, bars=bars)]
    endings = [run.world.endings.get(run.state.scene, "not ended") for run in (first, second)]
    return [*lines, "", *wrap(f"Endings: {endings[0]}; {endings[1]}", columns)]


def difference_verdict(difference: RunDifference, names: tuple[str, str]) -> list[str]:
    """Return what makes the difference: the first other word, and what was done in one of the runs alone, with its worth."""
    parted = next((one for one in difference.comparisons if one.words[0] != one.words[1]), None)
    if parted:
        one, other = (f"{quoted(word)} ({name})" for word, name in zip(parted.words, names, strict=True))
        texts = [f"They say another word first at {parted.token}: {one}, {other}."]
    else:
        texts = ["They say the same words, as far as both go."]
    found = [decision(run) for run in (difference.first, difference.second)]
    made = [{(act.act, act.token) for act in one.acts} if one else set() for one in found]
    for name, mine, others, decided in zip(names, made, made[::-1], found, strict=True):
        alone = [number for number, act in enumerate(decided.acts) if (act.act, act.token) in mine - others] if decided else []
        if decided and alone:
            texts += [f"Done in {name} alone:", *(f"  {row}" for row in act_rows(decided, alone))]
        elif decided:
            texts.append(f"Nothing was done to the pass in {name} alone.")
    return texts


def comparison_lines(comparison: TokenComparison, names: tuple[str, str], columns: int, *, bars: bool = False) -> list[str]:
    """Return the decoded word of each run, and the probabilities of the likeliest words in both."""
    decoded = [f"{quoted(word)} ({name})" for word, name in zip(comparison.words, names, strict=True)]
    lines = wrap(f"Token {comparison.token} said {', '.join(decoded)}", columns)
    for word, first, second in comparison.word_probabilities:
        texts = format_probability(first), format_probability(second)
        if texts == (ZERO_TEXT, ZERO_TEXT):
            continue
        if bars:
            lines += _bar_lines(quoted(word), (first, second), columns)
        else:
            change = f"({100 * (second - first):+.0f} points)"
            lines += wrap(f"  {quoted(word)}: {texts[0]}, then {texts[1]} {change}", columns)
    return lines


def _bar_lines(word: str, probabilities: tuple[float, float], columns: int) -> list[str]:
    """Return two probabilities of a word as bars: side by side, or one below the other in few columns."""
    wide = columns >= MIN_SIDE_BY_SIDE_COLUMNS
    width = (columns - 28) // 2 if wide else columns - 20
    bars = [f"{format_probability(p):<6} {('█' * round(width * p) or '▏'):<{width}}" for p in probabilities]
    if wide:
        return [f"  {word:<10} {bars[0]} {bars[1]}".rstrip()]
    return [f"  {word:<10} {bars[0]}".rstrip(), f"  {'':<10} {bars[1]}".rstrip()]


def comparison_object(comparison: TokenComparison) -> dict[str, object]:
    """Return the comparison of a token as an object."""
    likeliest = [[word, round(first, DIGITS), round(second, DIGITS)] for word, first, second in comparison.word_probabilities]
    return {"token": comparison.token, "words": list(comparison.words), "likeliest": likeliest}


def _next_turn_text(run: Run, shared: int) -> str:
    if run.at == shared:
        return "goes no further."
    turn = run.turns[shared]
    state = at_turn(run, shared).state
    position = f"at {state.token}, layer {state.layer}, {layers_text(run.world.boundary - state.layer)} left"
    return f"turn {shared + 1}, {position}: {choice_text(run, turn)} ({turn.choice})"


def difference_object(difference: RunDifference, names: tuple[str, str]) -> dict[str, object]:
    """Return a difference as an object."""
    runs, shared = (difference.first, difference.second), difference.shared_turns
    return {
        "type": "diff",
        "runs": list(names),
        "shared": shared,
        "choices": [run.turns[shared].choice if run.at > shared else None for run in runs],
        "state": difference.state_differences,
        "decodings": [comparison_object(comparison) for comparison in difference.comparisons],
        "endings": [run.state.scene if run.state.scene in run.world.endings else None for run in runs],
    }
