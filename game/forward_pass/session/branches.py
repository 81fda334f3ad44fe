"""The tree of runs as plain lines and as an object. Prints nothing."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from forward_pass.gc_pause import gc_paused
from forward_pass.session.transcript import count_text, quoted, wrap
from forward_pass.storage.labels import Annotation
from forward_pass.storage.replay import ReplayResult
from forward_pass.storage.run_set import RunSet
from forward_pass.storage.tree import Node, Tree
from forward_pass.story.compile import usual_text
from forward_pass.story.distribution import format_probability
from forward_pass.story.engine import offers
from forward_pass.story.history import RecordedTurn, Run
from forward_pass.story.world import World

MAX_UNFOLDED = 100  # nodes of a tree that is shown turn by turn
MAX_INDENTED_FORKS = 8  # a node behind more forks is not indented any further
UntakenCounts = Mapping[int, tuple[int, int]]
"""By node, how many open choices no run took there, and how many are open."""


def tree_lines(  # noqa: PLR0913 - each has a default
    run_set: RunSet,
    columns: int,
    current: int | None = None,
    untaken: UntakenCounts | None = None,
    *,
    fold: bool = True,
    ids: bool = False,
) -> list[str]:
    """Return the tree of runs as lines, one for each node, indented by forks; ``current`` is the node of the present run.

    A large tree is folded, unless ``fold`` is false: one line for each chain of turns from which no run parted. With ``ids``,
    choices and scenes are named by their ids too.
    """
    world, tree, annotations = run_set.world, run_set.tree, run_set.annotations()
    lines = wrap(tree_summary(world, tree), columns)
    if fold and len(tree.nodes) > MAX_UNFOLDED:
        return [*lines, *_folded_lines(run_set, columns, current)]
    for forks, node in tree.depth_first():
        indent = "  " * min(forks, MAX_INDENTED_FORKS)
        text = node_text(world, tree, node, annotations, current, ids=ids)
        if untaken and untaken.get(node.number, (0, 0))[0]:
            text += " {} of {} ways on never taken in any run.".format(*untaken[node.number])
        lines += [
            indent + line if not number else f"{indent}   {line}"
            for number, line in enumerate(wrap(text, columns - len(indent) - 3))
        ]
    return lines


def _folded_lines(run_set: RunSet, columns: int, current: int | None) -> Iterator[str]:
    """Yield a line for each chain of turns: its first choice in words, how many follow, how it ends, whose runs are there."""
    world, tree, positions = run_set.world, run_set.tree, NodePositions(run_set.world, run_set.tree)
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


def chain_outcome(world: World, positions: NodePositions, chain: Sequence[Node]) -> list[str]:
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
    counts = [count_text(runs, "run"), count_text(turns, "different turn"), count_text(tree.fork_count, "fork")]
    return f"{world.title}: {', '.join(counts)}, {len(endings)} of {len(world.endings)} endings."


def node_text(  # noqa: PLR0913 - a line of a tree needs its tree
    world: World, tree: Tree, node: Node, annotations: Mapping[str, Annotation], current: int | None, *, ids: bool = False
) -> str:
    """Return a node as a line: its number at a fork, its choice and outcome, its annotation, and the runs that are at it."""
    if node.recorded is None:
        parts = [f"Turn 0: the opening{f' ({world.start})' if ids else ''}."]
    else:
        siblings = tree.nodes[node.parent].children
        turn = f"Turn {node.turn}"
        if len(siblings) > 1:
            turn += f", branch {siblings.index(node.number) + 1} of {len(siblings)}"
        parts = [f"{turn}: {outcome_text(world, node)}"]
        parts += [f"({node.recorded.choice}, to {node.recorded.scene})."] if ids else []
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
    """Return the choice of a turn in words, the word that it decoded, if any, and the ending that it led to."""
    recorded = node.recorded
    if recorded is None:
        return "the opening"
    title = world.endings.get(recorded.scene)
    said = [decoded_text(recorded)] if recorded.word is not None else []
    ends = [f"ends: {title}"] if title else []
    return f"{'; '.join([plain_choice(world, recorded.choice), *said, *ends])}."


def decoded_text(recorded: RecordedTurn) -> str:
    """Return the word that a turn decoded, with its probability."""
    return f"said {quoted(recorded.word or '')} at {format_probability(recorded.probability or 0.0)}"


def choice_name(world: World, choice: str) -> str:
    """Return the text of a choice as it usually is; its id where that shows what was measured."""
    node = world.choices.get(choice)
    return (usual_text(node.say) if node else None) or choice


def plain_choice(world: World, choice: str) -> str:
    """Return the words of a choice, without marks of emphasis and without its full stop."""
    return choice_name(world, choice).replace("*", "").rstrip(".")


def tree_object(
    run_set: RunSet,
    untaken: UntakenCounts | None = None,
    replays: Mapping[int, ReplayResult] | None = None,
    *,
    below: int = 0,
    limit: int | None = None,
) -> dict[str, object]:
    """Return the tree of runs as an object; with ``replays`` (by run), it has the status of each of these runs.

    It has the nodes ``below`` one, that one first, at most ``limit`` of them by their turns, and how many ``more`` there are.
    """
    tree = run_set.tree
    nodes = tree.below(below)
    shown = nodes if limit is None else sorted(nodes, key=lambda node: node.turn)[:limit]
    with gc_paused():  # a large tree is a million objects, and none is garbage
        rows = _node_objects(run_set, shown, untaken or {})
    counts = {"runs": len(tree.last_nodes), "forks": tree.fork_count}
    result: dict[str, object] = {"type": "tree", "world": run_set.world.id, **counts, "branches": rows}
    if len(shown) < len(nodes):
        result["more"] = len(nodes) - len(shown)
    if replays is not None:
        result["status"] = [
            {"run": run, "status": replay_status(replay), "words": replay_verdict(replay)} for run, replay in replays.items()
        ]
    return result


def _node_objects(run_set: RunSet, nodes: Iterable[Node], untaken: UntakenCounts) -> list[dict[str, object]]:
    annotations, rows = run_set.annotations(), []
    for node in nodes:
        recorded = node.recorded
        row: dict[str, object] = {"branch": node.number, "before": node.parent, "turn": node.turn}
        scene = recorded.scene if recorded else run_set.world.start
        row |= {"scene": scene, "runs": list(node.runs), "stand": list(node.cursor_runs)}
        if recorded:
            row |= {"choice": recorded.choice, "word": recorded.word, "p": recorded.probability, "digest": recorded.digest}
            annotation = annotations.get(recorded.digest)
            row |= {key: text for key, text in annotation._asdict().items() if text} if annotation else {}
        if node.number in untaken:
            row["untaken"] = untaken[node.number][0]
        rows.append(row)
    return rows


def count_untaken(run: Run, taken: Container[str]) -> tuple[int, int]:
    """Return how many open choices of the present scene are not among those ``taken`` in any run, and how many are open."""
    present = [offer.id for offer in offers(run.world, run.state) if offer.is_open]
    return sum(choice not in taken for choice in present), len(present)


def untaken_text(run: Run, taken: Container[str]) -> str:
    """Return the counts of ``count_untaken`` as text; the choices are not named."""
    untaken, open_count = count_untaken(run, taken)
    return f"{untaken} of {open_count} ways on never taken in any run"


def replay_status(result: ReplayResult) -> str:
    """Return the status of a replayed run: ``proven``, ``changed`` (its world has changed) or ``diverged``."""
    return "diverged" if result.differences else "changed" if result.world_changed else "proven"


def replay_verdict(result: ReplayResult) -> str:
    """Return the status of a replayed run in words, with how far it was identical."""
    if result.differences:
        return result.summary
    return f"the world has changed since, and {result.summary}" if result.world_changed else f"proven: {result.summary}"


class NodePositions:
    """The token and the layer of the pass at each node, computed from the costs of the choices as they are asked for.

    No run is replayed: a layer is None where the world no longer has the choice that led there, or it led past the boundary.
    """

    def __init__(self, world: World, tree: Tree) -> None:
        self._world, self._nodes = world, tree.nodes
        self._known: dict[int, tuple[int, int | None]] = {0: (world.first_token, world.first_layer)}
        self._scenes = set(world.scene_ids)

    def __getitem__(self, number: int) -> tuple[int, int | None]:
        """Return the token and the layer of a node."""
        path = []
        while number not in self._known:
            path.append(number)
            number = self._nodes[number].parent
        for following in reversed(path):
            self._known[following] = self._after(self._nodes[following])
        return self._known[path[0] if path else number]

    def _after(self, node: Node) -> tuple[int, int | None]:
        recorded, before = node.recorded, self._nodes[node.parent].recorded
        token, layer = self._known[node.parent]
        if recorded is None or recorded.word is not None:
            return token + 1, self._world.first_layer
        scene = before.scene if before else self._world.start
        choice = self._world.scene(scene).by_id.get(recorded.choice) if scene in self._scenes else None
        return token, choice.node.layer_after(layer) if choice and layer is not None else None
