"""What helps to write a world: words counted, what a model knows, a rehearsal at a scene, a world read again as it changes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from building import ROOT, first_light
from fixtures_play import WORLD, command, printed_text
from forward_pass.checker.report import check_world
from forward_pass.checker.simulation import SimulationConfig, simulate
from forward_pass.checker.statistics import statistics_lines, words_by_scene
from forward_pass.loading.interventions import FORMS
from forward_pass.loading.loader import read_world
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import WrittenPass, open_pass
from forward_pass.session.input import answer
from forward_pass.session.launch import Watch, open_store, start_new
from forward_pass.session.session import Session
from forward_pass.session.way_there import choices_away, way_to
from forward_pass.storage.store import StoreOptions
from forward_pass.story.state import Prior
from test_docs import OBJECTS, hold

# -- counts


def test_the_words_of_every_scene_are_counted_and_what_nobody_reads_is_named() -> None:
    world = first_light()
    rows = {row.id: row for row in words_by_scene(world)}
    assert list(rows) == list(world.scenes)
    assert rows["waking"].text > 20
    assert rows["waking"].choices > 10
    assert rows["by-the-door"].choices == 0
    few = simulate(world, WrittenPass(world), SimulationConfig(1, 0))
    many = simulate(world, WrittenPass(world), SimulationConfig(300, 0))
    assert set(many.never_taken) < set(few.never_taken)
    assert sum(text.words for text in few.unread) == few.of - few.seen
    lines = statistics_lines(world, few, 1)
    assert any(line.strip() == few.never_taken[0] for line in lines)
    assert any("stray-word (text)" in line for line in lines)


def test_stats_prints_lines_and_one_object() -> None:
    done = command("stats", WORLD, "--runs", "20")
    assert done.code == 0
    assert done.out.startswith("First Light: 1,077 words with every variant, in ")
    (row,) = command("stats", WORLD, "--runs", "20", "--json").objects
    hold(OBJECTS["stats"], row)


# -- what a model knows


def test_the_words_and_directions_of_a_model_are_listed() -> None:
    assert command("words", "forward-pass", "eye").out == "eye eyes\n"
    nothing = command("words", "forward-pass", "xyzzy")
    assert (nothing.code, nothing.out) == (1, "None of the model's 383 words contains 'xyzzy'.\n")
    listed = command("words", "forward-pass").out.split()
    assert {"foot", "two", "nonsense"} <= set(listed)
    out = command("directions").out
    assert "Directions (push): doubt, objection\n" in out
    assert "Probes: nonsense, says_no\n" in out
    assert "  your: 400 to 400\n" in out
    hold(OBJECTS["words"], command("words", "forward-pass", "eye", "--json").objects[0])
    hold(OBJECTS["directions"], command("directions", "--json").objects[0])
    assert "no model" in command("words", WORLD).err


# -- the shipped weights


def test_a_world_runs_on_the_weights_that_came_with_the_game(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf8")
    (text,) = re.findall(r"^```yaml world\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "giraffe").mkdir()
    (tmp_path / "giraffe" / "world.yaml").write_text(text, encoding="utf8")
    report = check_world(tmp_path / "giraffe", open_pass)
    assert not report.failed
    world = open_world(f"{tmp_path}/giraffe")
    assert (world.weights, world.network) == (open_world(None).weights, open_world(None).network)
    done = command("play", tmp_path / "giraffe", "--plain", "--saves", tmp_path / "saves", typed="lean-honest\nlet-go\n")
    assert "(measured). It says “two”." in " ".join(done.out.split())
    assert "`drop`" in page or "drop: true" in page
    assert set(FORMS) <= set(re.findall(r"^\| `(\w+):", page, re.MULTILINE))


def test_a_model_of_another_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text("format: 1\nmodel: no-such-world\n", encoding="utf8")
    problems = read_world(tmp_path).problems
    assert "or the name of a world that came with the game" in " ".join(problem.message for problem in problems)


# -- a rehearsal


@pytest.mark.parametrize("scene", ["waking", "slope", "copied-out", "by-the-door"])
def test_a_run_to_a_scene_is_found_and_leads_there(scene: str) -> None:
    world = first_light()
    path = way_to(world, WrittenPass(world), scene, Prior())
    session = start_new(open_store(world, Path(), options=StoreOptions(Prior(), saving=False))).session
    for choice in path:
        session.choose(choice)
    assert session.run.state.scene == scene


def test_scenes_of_the_flagship_are_reached_at_every_token() -> None:
    world = open_world(None)
    inspector = open_pass(world)
    for scene in ("shelf", "verdict", "keeper", "other-line"):
        path = way_to(world, inspector, scene, Prior())
        assert path
        assert min(choices_away(world, scene).values()) == 0


def test_play_at_a_scene_is_a_rehearsal_that_is_not_stored(tmp_path: Path) -> None:
    done = command("play", WORLD, "--at", "slope", "--plain", "--saves", tmp_path)
    assert done.err == "A rehearsal at slope, which is not stored. The way there: feel-slope.\n"
    assert "The floor tipped, plainly" in done.out
    assert list(tmp_path.iterdir()) == []
    odd = command("play", WORLD, "--at", "slopes", "--plain", "--saves", tmp_path)
    assert (odd.code, odd.err) == (2, "forward-pass: there is no scene 'slopes' (did you mean slope?)\n")
    never = command("play", WORLD, "--at", "stray-word", "--plain", "--saves", tmp_path)
    assert never.code == 2
    assert "no run to the scene 'stray-word' was found" in never.err


def test_play_at_a_scene_with_a_condition_comes_there_by_choices_on_which_it_holds(tmp_path: Path) -> None:
    done = command("play", WORLD, "--at", "leaning", "--with", "reads = 3", "--plain", "--saves", tmp_path)
    assert done.err == (
        "A rehearsal at leaning, which is not stored. The way there: read-question, read-again, read-again, think-electric.\n"
    )
    other = command("play", WORLD, "--at", "leaning", "--with", "seen(slope) and reads == 2", "--plain", "--saves", tmp_path)
    assert "feel-slope" in other.err or "to-slope" in other.err
    odd = command("play", WORLD, "--at", "leaning", "--with", "readsx = 3", "--saves", tmp_path)
    assert (odd.code, odd.err) == (2, "forward-pass: --with 'readsx = 3': unknown name 'readsx' (did you mean reads?)\n")
    never = command("play", WORLD, "--at", "waking", "--with", "reads == 3", "--saves", tmp_path)
    assert "no run to the scene 'waking' on which that holds was found" in never.err
    alone = command("play", WORLD, "--with", "reads = 3", "--saves", tmp_path)
    assert (alone.code, alone.err) == (2, "forward-pass: --with goes with --at\n")
    assert list(tmp_path.iterdir()) == []


def test_a_rehearsal_is_kept_if_that_is_asked(tmp_path: Path) -> None:
    done = command("play", WORLD, "--at", "slope", "--keep", "--plain", "--saves", tmp_path)
    assert done.err == "A rehearsal at slope. The way there: feel-slope.\n"
    assert [path.name for path in tmp_path.rglob("*.jsonl")] == ["001-run.jsonl"]
    assert command("play", WORLD, "--keep", "--saves", tmp_path).err == "forward-pass: --keep goes with --at\n"


# -- a world that changes


@pytest.fixture
def watched(tmp_path: Path) -> Session:
    """Return a session of a copy of the small world, at its slope, that looks for changes."""
    folder = tmp_path / "copy"
    shutil.copytree(ROOT / "worlds" / WORLD, folder)
    store = open_store(open_world(str(folder)), tmp_path / "saves", options=StoreOptions(Prior(), saving=False))
    session = start_new(store).session
    session.before_input = Watch(session, lambda: open_world(str(folder)))
    answer(session, "feel-slope")
    return session


def change(session: Session, old: str, new: str) -> None:
    """Change the file of the first token."""
    path = session.world.folder / "11-the.yaml"
    text = path.read_text(encoding="utf8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf8")


def test_a_world_that_has_changed_is_read_again_where_the_run_stands(watched: Session) -> None:
    assert answer(watched, "look")
    change(watched, "The floor tipped, plainly", "The ground leaned, quite plainly")
    told = " ".join(printed_text(answer(watched, ""), watched).split())
    assert told.startswith("The world was read again. [11 “The”, layer 4 of 12")
    assert "The ground leaned, quite plainly" in told
    assert watched.run.at == 1


def test_what_is_typed_is_answered_in_the_world_as_it_is_now(watched: Session) -> None:
    change(watched, "        say: Let it roll.", "        say: Let it go.")
    told = printed_text(answer(watched, "let it go"), watched)
    assert "The world was read again." in told
    assert watched.run.at == 2


def test_a_world_that_cannot_be_read_is_told_and_played_on_as_it_was(watched: Session) -> None:
    change(watched, "scenes:", "scene:")
    told = " ".join(printed_text(answer(watched, "look"), watched).split())
    assert "cannot be read; it is played on as it was." in told
    assert ":3:1: E201 unknown key 'scene' (did you mean" in told
    assert "The floor tipped, plainly" in told


def test_a_choice_that_is_gone_ends_the_run_before_it(watched: Session) -> None:
    change(watched, "feel-slope:", "feel-floor:")
    told = " ".join(printed_text(answer(watched, ""), watched).split())
    assert (
        "The world was read again; at turn 1: 'feel-slope' is not on offer in 'waking', nor anywhere: no choice has that id."
        in told
    )
    assert watched.run.at == 0


def test_play_watches_without_storing(tmp_path: Path) -> None:
    done = command("play", WORLD, "--watch", "--plain", "--saves", tmp_path, typed="feel-slope\nquit\n")
    assert "The floor tipped, plainly" in done.out
    assert list(tmp_path.iterdir()) == []
