"""All runs as one tree: exactly their prefixes, every end of it a run that is proven, and a fork that changes no file."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from fixtures_play import TO_ENDINGS, begun_play, files, first_light, keeper, kept_by, let_go, played
from forward_pass.cli import open_world
from forward_pass.network.passes import WrittenPass
from forward_pass.session.branches import choice_name
from forward_pass.session.session import Session
from forward_pass.storage.journal import Journal, list_run_files, read_journal
from forward_pass.storage.labels import FILE, Annotation, read_labels, write_label
from forward_pass.storage.replay import replay_run
from forward_pass.storage.tree import Tree, build_tree

RUNS = 500


def random_runs(saves: Path, count: int, seed: int = 7) -> None:
    """Play so many runs at random, to their endings or to somewhere on the way."""
    chance = Random(seed)  # noqa: S311 - a player, no secret
    for number in range(count):
        kept = keeper(saves, temperature=1.0, seed=number)
        play = Session(kept.world, kept.measure, kept, kept.new_run())
        for _ in range(chance.randint(1, 12)):
            if play.at_ending:
                break
            play.choose(chance.choice(play.open_offers).choice.id)
        kept.close()


def journals(saves: Path) -> list[tuple[int, Journal]]:
    """Return the runs of first-light that are kept, by number."""
    return [(run.number, read_journal(run.path)) for run in list_run_files(saves / "first-light")]


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with many runs at random."""
    saves = tmp_path_factory.mktemp("forest")
    random_runs(saves, RUNS)
    return saves


def test_the_tree_has_exactly_the_distinct_prefixes_of_the_runs(forest: Path) -> None:
    runs = journals(forest)
    assert len(runs) == RUNS
    tree = build_tree(runs)
    paths = [tuple((turn.choice, turn.word, turn.digest) for turn in journal.turns) for _, journal in runs]
    prefixes = {path[:length] for path in paths for length in range(len(path) + 1)}
    shown = {
        tuple((one.recorded.choice, one.recorded.word, one.recorded.digest) for one in tree.path(branch.number) if one.recorded)
        for branch in tree.nodes
    }
    assert len(shown) == len(tree.nodes)
    assert shown == prefixes


def test_every_end_of_the_tree_is_a_run_that_replays_identically(forest: Path) -> None:
    runs = dict(journals(forest))
    tree = build_tree(runs.items())
    world, measure = first_light(), WrittenPass(first_light())
    ends = [branch for branch in tree.nodes if not branch.children]
    assert len(ends) > 20
    for branch in ends:
        journal = runs[branch.runs[0]]
        outcome = replay_run(world, measure, journal, len(journal.turns))
        assert (outcome.identical, outcome.differences) == (branch.turn, ())


def test_forking_at_any_turn_makes_a_sibling_and_changes_no_file_that_was_there(tmp_path: Path) -> None:
    random_runs(tmp_path, 40)
    chance = Random(1)  # noqa: S311 - as above
    before = files(tmp_path)
    forked = 0
    for number, journal in journals(tmp_path):
        kept = keeper(tmp_path, temperature=1.0, seed=journal.header.seed)
        run, _ = kept.resume(f"{number}")
        play = Session(kept.world, kept.measure, kept, run)
        turn = chance.randrange(len(journal.turns))
        path = kept.path
        assert path is not None
        held = path.read_bytes()
        play.move(turn)
        other = [offer.choice.id for offer in play.open_offers if offer.choice.id != journal.turns[turn].choice]
        if other:
            play.choose(chance.choice(other))
            forked += 1
            assert kept.path != path
            assert kept.header.parent == (number, turn)
        kept.close()
        assert path.read_bytes().startswith(held)  # where its cursor was moved to is all that was added
    assert len(files(tmp_path)) == len(before) + forked
    assert forked > 20


def test_runs_share_their_trunk_once_and_each_knows_who_passes(tmp_path: Path) -> None:
    for ending in ("half-said", "by-the-door", "half-said"):
        played(tmp_path, *TO_ENDINGS[ending])
    tree = build_tree(journals(tmp_path))
    opening = tree.nodes[0]
    assert (opening.recorded, opening.turn, opening.runs, opening.parent) == (None, 0, (1, 2, 3), 0)
    assert len(opening.children) == 2
    assert tree.standing[1] == tree.standing[3] == tree.lasts[1]
    assert tree.nodes[tree.standing[1]].standing_runs == (1, 3)
    assert tree.forks == 1


def test_a_branch_stands_behind_as_many_forks_as_lie_before_it(tmp_path: Path) -> None:
    random_runs(tmp_path, 30)
    tree = build_tree(journals(tmp_path))
    seen = []
    for forks, branch in tree.depth_first():
        path = tree.path(branch.number)
        assert [one.turn for one in path] == list(range(branch.turn + 1))
        assert forks == sum(len(one.children) > 1 for one in path[:-1])
        seen.append(branch.number)
    assert sorted(seen) == list(range(len(tree.nodes)))


def test_a_run_stands_where_its_cursor_is_and_goes_on_to_its_last_turn(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    for choice in ("feel-slope", "let-be"):
        play.choose(choice)
    play.undo("")
    let_go(play)
    tree = build_tree(journals(tmp_path))
    assert tree.nodes[tree.standing[1]].turn == 1
    assert tree.nodes[tree.lasts[1]].turn == 2


def test_no_runs_are_an_opening_and_nothing_else() -> None:
    tree = build_tree([])
    assert tree == Tree(tree.nodes, {}, {})
    assert len(tree.nodes) == 1


# -- labels


def test_a_label_is_kept_by_the_turn_and_the_last_word_holds(tmp_path: Path) -> None:
    assert read_labels(tmp_path) == {}
    write_label(tmp_path, "a" * 16, label="first")
    write_label(tmp_path, "a" * 16, note="why  not\n")
    write_label(tmp_path, "b" * 16, label="gone")
    write_label(tmp_path, "a" * 16, label="second")
    write_label(tmp_path, "b" * 16, label=" ")
    assert read_labels(tmp_path) == {"a" * 16: Annotation("second", "why not")}


def test_a_line_that_was_cut_short_says_nothing_and_the_next_stands_alone(tmp_path: Path) -> None:
    write_label(tmp_path, "a" * 16, label="kept")
    path = tmp_path / FILE
    for bad in (b'{"turn":"bbbb', b"\xff\n", b"[1]\n", b'{"turn":1,"label":"x"}\n', b'{"turn":"c","label":1}\n'):
        path.write_bytes(path.read_bytes() + bad)
    write_label(tmp_path, "d" * 16, label="after \x1b[1mall")
    assert read_labels(tmp_path) == {"a" * 16: Annotation("kept"), "d" * 16: Annotation("after [1mall")}


def test_a_label_that_cannot_be_kept_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    assert read_labels(tmp_path) == {}
    with pytest.raises(Exception, match=r"labels\.jsonl: the label cannot be kept"):
        write_label(tmp_path, "a" * 16, label="x")
    assert kept_by(begun_play(tmp_path)) is not None


def test_a_choice_is_called_by_its_words_where_they_never_vary_and_otherwise_by_its_id() -> None:
    world = open_world("forward-pass")
    assert choice_name(world, "see-start") == "See who started this."
    assert choice_name(world, "because-on") == "because-on"
    assert choice_name(world, "of-another-world") == "of-another-world"
