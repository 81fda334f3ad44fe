"""The tree of runs: its nodes are the prefixes of runs, its leaves replay identically, a fork changes no file; and labels."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

from building import first_light
from fixtures_golden import flagship
from fixtures_play import TO_ENDINGS, close_session, make_store, new_session, random_runs, run_file_names, write_run
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import WrittenPass
from forward_pass.session.branches import choice_name, tree_lines
from forward_pass.session.commands import COMMANDS
from forward_pass.session.session import Session
from forward_pass.storage.folder import list_run_files
from forward_pass.storage.journal import Journal, read_journal
from forward_pass.storage.replay import replay_run
from forward_pass.storage.tree import Tree, build_tree

RUNS = 500


def journals(saves: Path) -> list[tuple[int, Journal]]:
    """Return the stored runs of first-light with their numbers."""
    return [(run.number, read_journal(run.path)) for run in list_run_files(saves / "first-light")]


def test_the_tree_has_exactly_the_distinct_prefixes_of_the_runs(many_runs: Path) -> None:
    runs = journals(many_runs)
    assert len(runs) == RUNS
    tree = build_tree(runs)
    paths = [tuple((turn.choice, turn.word, turn.digest) for turn in journal.turns) for _, journal in runs]
    prefixes = {path[:length] for path in paths for length in range(len(path) + 1)}
    tree_paths = {
        tuple((one.recorded.choice, one.recorded.word, one.recorded.digest) for one in tree.path(node.number) if one.recorded)
        for node in tree.nodes
    }
    assert len(tree_paths) == len(tree.nodes)
    assert tree_paths == prefixes


def test_every_leaf_is_a_run_that_replays_identically(many_runs: Path) -> None:
    runs = dict(journals(many_runs))
    tree = build_tree(runs.items())
    world, inspector = first_light(), WrittenPass(first_light())
    leaves = [node for node in tree.nodes if not node.children]
    assert len(leaves) > 20
    for node in leaves:
        journal = runs[node.runs[0]]
        result = replay_run(world, inspector, journal, len(journal.turns))
        assert (result.identical_turns, result.differences) == (node.turn, ())


def test_choosing_otherwise_at_any_turn_makes_a_sibling_and_changes_no_existing_file(tmp_path: Path) -> None:
    random_runs(tmp_path, 40)
    rng = Random(1)  # noqa: S311 - as above
    names_before = run_file_names(tmp_path)
    forked = 0
    for number, journal in journals(tmp_path):
        store = make_store(tmp_path, temperature=1.0, seed=journal.header.seed)
        session = Session(store, store.resume(f"{number}"))
        turn = rng.randrange(len(journal.turns))
        path = session.recorder.path
        assert path is not None
        before = path.read_bytes()
        session.go_to_turn(turn)
        other = [offer.choice.id for offer in session.open_offers if offer.choice.id != journal.turns[turn].choice]
        if other:
            session.choose(rng.choice(other))
            forked += 1
            assert session.recorder.path != path
            assert session.recorder.header.parent == (number, turn)
        session.recorder.close()
        assert path.read_bytes().startswith(before)  # only the moved cursor was added
    assert len(run_file_names(tmp_path)) == len(names_before) + forked
    assert forked > 20


def test_shared_turns_are_one_node_with_its_runs(tmp_path: Path) -> None:
    for ending in ("half-said", "by-the-door", "half-said"):
        write_run(tmp_path, *TO_ENDINGS[ending])
    tree = build_tree(journals(tmp_path))
    opening = tree.nodes[0]
    assert (opening.recorded, opening.turn, opening.runs, opening.parent) == (None, 0, (1, 2, 3), 0)
    assert len(opening.children) == 2
    assert tree.cursors[1] == tree.cursors[3] == tree.last_nodes[1]
    assert tree.nodes[tree.cursors[1]].cursor_runs == (1, 3)
    assert tree.fork_count == 1


def test_depth_first_counts_the_forks_above_a_node(tmp_path: Path) -> None:
    random_runs(tmp_path, 30)
    tree = build_tree(journals(tmp_path))
    seen = []
    for forks, node in tree.depth_first():
        path = tree.path(node.number)
        assert [one.turn for one in path] == list(range(node.turn + 1))
        assert forks == sum(len(one.children) > 1 for one in path[:-1])
        seen.append(node.number)
    assert sorted(seen) == list(range(len(tree.nodes)))


def test_a_run_has_a_node_at_its_cursor_and_one_at_its_last_turn(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    for choice in ("feel-slope", "let-be"):
        session.choose(choice)
    COMMANDS["undo"].run(session, "")
    close_session(session)
    tree = build_tree(journals(tmp_path))
    assert tree.nodes[tree.cursors[1]].turn == 1
    assert tree.nodes[tree.last_nodes[1]].turn == 2


def test_without_runs_the_tree_is_its_opening() -> None:
    tree = build_tree([])
    assert tree == Tree(tree.nodes, {}, {})
    assert len(tree.nodes) == 1


def test_a_choice_is_named_by_its_text_as_it_usually_is() -> None:
    world = open_world("forward-pass")
    assert choice_name(world, "see-start") == "Read how the page begins."
    assert choice_name(world, "keep-note") == "Keep the note: let my heads read it, and climb to where a lean is strong."
    assert choice_name(world, "of-another-world") == "of-another-world"


def test_every_turn_is_in_one_chain_and_no_run_parts_from_within_one() -> None:
    tree = flagship().tree
    met: list[int] = []
    for _, first, others in tree.chains():
        assert not first.number or not first.parent or len(tree.nodes[first.parent].children) > 1
        chain = [first, *others]
        assert all(one.children == (other.number,) for one, other in pairwise(chain))
        met += [node.number for node in chain]
    assert sorted(met) == [node.number for node in tree.nodes]


def test_a_large_tree_is_folded_into_a_line_for_each_chain() -> None:
    run_set = flagship()
    folded = " ".join(" ".join(tree_lines(run_set, 72)).split())
    for run, last in run_set.tree.last_nodes.items():
        node = run_set.tree.nodes[last]
        assert node.recorded is not None
        assert f"ends: {run_set.world.endings[node.recorded.scene]}" in folded, run
        assert f"run {run}" in folded
    assert len(tree_lines(run_set, 400)) <= 2 * len(run_set.tree.last_nodes)
    assert len(tree_lines(run_set, 400, fold=False)) == len(run_set.tree.nodes) + 1
