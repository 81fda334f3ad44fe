"""The commands about stored runs: ``tree``, ``diff``, ``import``, ``replay``, ``export``."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest

from fixtures_golden import golden
from fixtures_play import TO_ENDINGS, WORLD, choices_of, command, new_session, read_run, run_file_names, write_run
from forward_pass.loading import paths
from forward_pass.loading.paths import worlds_folder
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_pass
from forward_pass.session.comparison import changed_texts, compare_runs, difference_lines, state_differences
from forward_pass.session.launch import open_store, start_new
from forward_pass.storage.journal import read_journal
from forward_pass.storage.listing import earlier_runs
from forward_pass.story.history import new_run
from forward_pass.story.state import Prior
from test_docs import OBJECTS, hold
from test_tree_browser import record_screen

HEADER = (
    '{"format":1,"world":"first-light","version":"1","hash":"","weights":null,"seed":0,"temperature":0,"made":"",'
    '"facts":{"found":[],"instantiation":1}}\n'
)


@pytest.fixture
def saves(tmp_path: Path) -> Path:
    """Return a folder with two runs that differ from their first turn on."""
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    write_run(tmp_path, *TO_ENDINGS["by-the-door"])
    return tmp_path


def test_a_tree_prints_every_turn_once_with_the_runs_whose_cursor_is_there(saves: Path) -> None:
    done = command("tree", WORLD, "--saves", saves)
    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert lines[0].startswith("First Light: 2 runs, ")
    assert lines[1] == "Turn 0: the opening."
    assert sum("branch 1 of 2" in line for line in lines) == 1
    text = " ".join(done.out.split())
    assert "ends: Half Said. Here stands run 1." in text
    assert "ends: By the Door. Here stands run 2." in text


def test_a_tree_has_ids_only_where_they_are_asked_for(saves: Path) -> None:
    plain, with_ids = (command("tree", WORLD, *flags, "--saves", saves).out for flags in ((), ("--ids",)))
    assert "say-now" not in plain
    assert "(say-now, to second-morning)" in " ".join(with_ids.split())


def test_texts_are_compared_where_both_runs_met_a_scene_at_the_same_token() -> None:
    golden_runs = [golden(name)[0] for name in ("zero", "honest-foot")]
    (changed, *_) = changed_texts(compare_runs(*golden_runs))
    assert changed.paragraphs[0] or changed.paragraphs[1]
    text = " ".join(difference_lines(compare_runs(*golden_runs), ("one", "the other"), 72))
    assert f"At {changed.token}, after" in text
    assert "Done in one alone:" in text


def test_a_tree_has_no_escape_codes_or_boxes_and_fits_40_columns(saves: Path) -> None:
    out = command("tree", WORLD, "--plain", "--saves", saves, COLUMNS="41").out
    assert max(map(len, out.splitlines())) <= 40
    assert out.isascii() or not any(ord(character) in range(0x2500, 0x2600) for character in out)
    assert "\x1b" not in out


def test_without_runs_tree_says_that_there_are_none(tmp_path: Path) -> None:
    assert command("tree", WORLD, "--saves", tmp_path).out == f"There are no runs of First Light in {tmp_path} yet.\n"


def test_a_tree_as_json_matches_its_schema(saves: Path) -> None:
    assert command("tree", WORLD, "--saves", saves, "--note", "1", "1", "in haste").code == 0
    (row,) = command("tree", WORLD, "--json", "--saves", saves).objects
    hold(OBJECTS["tree"], row)
    assert row["runs"] == 2
    assert row["branches"][1]["note"] == "in haste"


def test_a_label_is_added_shown_and_removed(saves: Path) -> None:
    before = (saves / WORLD / "001-run.jsonl").read_bytes()
    put = command("tree", WORLD, "--label", "1", "2", "the short way", "--saves", saves)
    assert put.out == "Turn 2 of run 1 has the label “the short way”.\n"
    assert "Label: the short way." in " ".join(command("tree", WORLD, "--saves", saves).out.split())
    assert command("tree", WORLD, "--label", "1", "2", "", "--saves", saves).out == "Turn 2 of run 1 has no label.\n"
    assert "Label" not in command("tree", WORLD, "--saves", saves).out
    assert (saves / WORLD / "001-run.jsonl").read_bytes() == before


@pytest.mark.parametrize("turn", ["0", "9", "x"])
def test_a_label_on_a_missing_turn_is_wrong_usage(saves: Path, turn: str) -> None:
    done = command("tree", WORLD, "--label", "1", turn, "x", "--saves", saves)
    assert (done.code, done.err) == (2, f"forward-pass: run 1 has turns 1 to 2; there is no turn {turn}\n")


def test_prove_replays_every_run(saves: Path) -> None:
    done = command("tree", WORLD, "--prove", "--saves", saves)
    assert done.code == 0
    assert "Run 1: proven: 2 of 2 turns identical." in done.out
    path = saves / WORLD / "001-run.jsonl"
    path.write_text(path.read_text().replace(read_run(saves).turns[1].digest, "0" * 16))
    done = command("tree", WORLD, "--prove", "--saves", saves)
    assert done.code == 1
    assert "Run 1: diverged at turn 2 of 2." in done.out
    assert done.err == ""
    (row,) = command("tree", WORLD, "--prove", "--json", "--saves", saves).objects
    hold(OBJECTS["tree"], row)
    assert [(one["run"], one["status"]) for one in row["status"]] == [(1, "diverged"), (2, "proven")]


def test_prove_reports_a_world_that_has_changed(saves: Path) -> None:
    path = saves / WORLD / "001-run.jsonl"
    path.write_text(path.read_text().replace(read_run(saves).header.hash, "f" * 64))
    assert "Run 1: the world has changed since, and 2 of 2" in command("tree", WORLD, "--prove", "--saves", saves).out
    (row,) = command("tree", WORLD, "--prove", "--json", "--saves", saves).objects
    assert row["status"][0]["status"] == "changed"
    assert row["status"][0]["words"] == "the world has changed since, and 2 of 2 turns identical"


def test_a_file_that_is_not_a_run_is_reported_and_skipped(saves: Path) -> None:
    (saves / WORLD / "009-odd.jsonl").write_text("odd\n")
    done = command("tree", WORLD, "--saves", saves)
    assert (done.code, "009-odd.jsonl" in done.err) == (0, True)


def test_the_tree_of_golden_runs_cannot_be_annotated(tmp_path: Path) -> None:
    out = command("tree", WORLD, "--golden", "--saves", tmp_path).out
    assert "4 of 4 endings" in out
    done = command("tree", WORLD, "--golden", "--label", "1", "1", "x", "--saves", tmp_path)
    assert (done.code, "read-only" in done.err) == (2, True)


# -- diff


def test_two_runs_are_compared(saves: Path) -> None:
    out = command("diff", f"{WORLD}/1", f"{WORLD}/2", "--saves", saves).out
    verdict, rest = out.split("\n\nThey share 0 turns.\n")
    assert verdict.startswith(
        f"{WORLD}/1 and {WORLD}/2\nThey say another word first at 11: “dark” ({WORLD}/1), “switch”\n({WORLD}/2)."
    )
    assert f"Nothing was done to the pass in {WORLD}/1 alone." in verdict
    assert f"Done in {WORLD}/2 alone:\n" in verdict
    assert rest.startswith(f"Then {WORLD}/1: ")
    assert "(say-now)" not in out
    with_ids = command("diff", f"{WORLD}/1", f"{WORLD}/2", "--ids", "--saves", saves).out
    assert "(say-now)" in with_ids
    assert "Just after that\n  scene: second-morning; question\n" in with_ids
    assert f"Token 11 said “dark” ({WORLD}/1), “switch” ({WORLD}/2)\n  “dark”: 0.81, then 0.39 (-42 points)\n" in out
    assert out.endswith("Endings: Half Said; By the Door\n")


def test_a_run_is_compared_with_its_beginning(saves: Path) -> None:
    write_run(saves, *TO_ENDINGS["by-the-door"][:2])
    out = " ".join(command("diff", f"{WORLD}/2", f"{WORLD}/3", "--saves", saves).out.split())
    assert "They share 2 turns." in out
    assert f"Then {WORLD}/3: goes no further." in out
    assert out.endswith("Endings: By the Door; not ended")


def test_a_run_equals_itself(saves: Path) -> None:
    out = command("diff", f"{WORLD}/1", f"{WORLD}/1", "--saves", saves).out
    assert out.endswith("They are the same run: 2 turns, to the last digest.\n")


def test_a_comparison_as_json_matches_its_schema(saves: Path) -> None:
    (row,) = command("diff", f"{WORLD}/1", f"{WORLD}/2", "--json", "--saves", saves).objects
    hold(OBJECTS["diff"], row)
    assert row["endings"] == ["half-said", "by-the-door"]


def test_runs_of_two_worlds_are_not_compared(saves: Path, tmp_path: Path) -> None:
    path = saves / WORLD / "001-run.jsonl"
    other = tmp_path / "other.jsonl"
    other.write_text(path.read_text().replace('"world":"first-light"', '"world":"forward-pass"'))
    done = command("diff", path, other, "--saves", saves)
    assert (done.code, "is a run of first-light" in done.err) == (2, True)


def test_a_run_that_diverges_is_reported_and_compared_up_to_there(saves: Path) -> None:
    path = saves / WORLD / "001-run.jsonl"
    path.write_text(path.read_text().replace(read_run(saves).turns[1].digest, "0" * 16))
    done = command("diff", f"{WORLD}/1", f"{WORLD}/2", "--saves", saves)
    assert (done.code, "001-run.jsonl: its digest is" in done.err) == (0, True)


def test_the_state_is_compared_just_after_the_runs_part(saves: Path) -> None:
    write_run(saves, *TO_ENDINGS["the-usual-order"])
    out = command("diff", f"{WORLD}/2", f"{WORLD}/3", "--ids", "--saves", saves).out
    (differences,) = re.findall(r"Just after that\n((?:  .*\n)+)", out)
    assert differences.startswith("  scene: question; second-morning\n  token: 11; 12\n")


def test_on_a_terminal_a_comparison_is_paged(saves: Path) -> None:
    arguments = ("diff", f"{WORLD}/1", f"{WORLD}/2", "--saves", saves)
    for keys in ("q", "\x1b[B\x1b[A\x1b[6~\x1b[5~ \r\x1b[F\x1b[H\x03"):
        with record_screen(keys, 40, 12) as screen:
            assert command(*arguments, terminal=True) == (0, "", "")
    assert f" {WORLD}/1 and {WORLD}/2" in screen.text
    assert "q quit" in screen.text
    assert "█" not in command(*arguments, "--plain", terminal=True).out


def test_a_boolean_variable_is_shown_as_true_or_false() -> None:
    world = open_world(None)
    flag = next(at for at, variable in enumerate(world.variables) if variable.flag)
    run = new_run(world, open_pass(world), Prior(1, frozenset()))
    values = tuple(not value if at == flag else value for at, value in enumerate(run.state.variables))
    other = run._replace(opening=run.opening._replace(variables=values))
    before, after = ("true", "false") if run.state.variables[flag] else ("false", "true")
    assert state_differences(run, other) == [f"{world.variables[flag].name}: {before}; {after}"]


# -- import


def test_an_imported_run_gets_the_next_number(saves: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "elsewhere" / "007-quick.jsonl"
    foreign.parent.mkdir()
    foreign.write_bytes(write_run(tmp_path / "theirs", *TO_ENDINGS["the-usual-order"]).read_bytes())
    before = {path: path.read_bytes() for path in (saves / WORLD).glob("*.jsonl")}
    done = command("import", foreign, "--saves", saves)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("3 of 3 turns identical. Imported as first-light/3 (")
    assert {path: path.read_bytes() for path in before} == before
    assert run_file_names(saves)[-1] == "003-quick.jsonl"
    assert choices_of(saves, 3) == list(TO_ENDINGS["the-usual-order"])
    assert command("replay", f"{WORLD}/3", "--saves", saves).code == 0


def test_a_run_that_is_stored_already_is_not_imported_again(saves: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "007-quick.jsonl"
    foreign.write_bytes((saves / WORLD / "001-run.jsonl").read_bytes())
    (saves / WORLD / "000-odd.jsonl").write_text("odd\n")
    before = run_file_names(saves)
    done = command("import", foreign, "--saves", saves)
    path = saves / WORLD / "001-run.jsonl"
    assert done == (0, f"2 of 2 turns identical. Already stored as first-light/1 ({path}); nothing was added.\n", "")
    assert run_file_names(saves) == before


def test_prior_endings_that_the_world_does_not_have_are_dropped(saves: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "odd.jsonl"
    text = write_run(tmp_path / "theirs", *TO_ENDINGS["the-usual-order"]).read_text()
    foreign.write_text(text.replace('"found":[]', '"found":["half-said","no-such-ending"],"met":["no-such-scene"]'))
    done = command("import", foreign, "--saves", saves)
    assert (done.code, done.err.splitlines()[0]) == (
        0,
        "first-light has no ending no-such-ending: left out of the endings found.",
    )
    assert read_run(saves, 3).header.prior == Prior(1, frozenset({"half-said"}))


def test_of_a_run_that_diverges_the_identical_turns_are_imported(saves: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "odd name!.jsonl"
    text = (saves / WORLD / "001-run.jsonl").read_text()
    foreign.write_text(text.replace(read_run(saves).turns[1].digest, "0" * 16))
    done = command("import", foreign, "--saves", saves)
    assert done.code == 1
    assert "odd name!.jsonl: diverged at turn 2 of 2: its digest is " in done.err
    assert done.out.startswith("diverged at turn 2 of 2. Imported as first-light/3 (")
    assert (run_file_names(saves)[-1], choices_of(saves, 3)) == ("003-run.jsonl", choices_of(saves, 1)[:1])


@pytest.mark.parametrize("name", ["2", "007-2", "007-\u0663"])
def test_an_imported_run_gets_no_name_that_looks_like_a_number(saves: Path, tmp_path: Path, name: str) -> None:
    foreign = tmp_path / f"{name}.jsonl"
    foreign.write_bytes(write_run(tmp_path / "theirs", *TO_ENDINGS["the-usual-order"]).read_bytes())
    assert command("import", foreign, "--saves", saves).code == 0
    assert run_file_names(saves)[-1] == "003-run.jsonl"


def test_a_run_that_diverges_at_its_first_turn_is_not_imported(saves: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "odd.jsonl"
    text = (saves / WORLD / "001-run.jsonl").read_text()
    foreign.write_text(text.replace(read_run(saves).turns[0].choice, "no-such-choice"))
    done = command("import", foreign, "--saves", saves)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].endswith("no turn replays as recorded; nothing was imported")
    assert len(run_file_names(saves)) == 2


def test_a_truncated_last_line_is_dropped_on_import(saves: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "cut.jsonl"
    foreign.write_bytes((saves / WORLD / "001-run.jsonl").read_bytes()[:-9])
    done = command("import", foreign, "--saves", saves)
    assert (done.code, "1 of 1 turns identical" in done.out) == (0, True)
    assert "cut short" in done.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no run\n", "not a run file of Forward Pass"),
        ('{"format":99,"world":"first-light"}\n', "run file format 99"),
        ('{"format":1,"world":"../etc"}\n', "damaged header"),
        (HEADER.replace('"seed":0', '"seed":-1'), "`parent` out of range"),
        (HEADER.replace('"instantiation":1', '"instantiation":0'), "`parent` out of range"),
        (HEADER.replace("}}", '},"parent":[-1,0]}'), "`parent` out of range"),
    ],
)
def test_a_file_that_is_not_a_run_is_not_imported(tmp_path: Path, content: str, message: str) -> None:
    foreign = tmp_path / "odd.jsonl"
    foreign.write_text(content)
    done = command("import", foreign, "--saves", tmp_path)
    assert (done.code, message in done.err, run_file_names(tmp_path)) == (1, True, [])


def test_a_run_of_another_world_is_not_imported(saves: Path, tmp_path: Path) -> None:
    done = command("import", saves / WORLD / "001-run.jsonl", "forward-pass", "--saves", tmp_path)
    assert (done.code, "is a run of first-light, not of forward-pass" in done.err) == (1, True)


@pytest.fixture
def foreign(saves: Path) -> Path:
    """Return the first run of the folder, made a run of another world that ended in its turn."""
    path = saves / WORLD / "001-run.jsonl"
    _, *turns = path.read_text(encoding="utf8").splitlines()
    header = read_journal(path).header._replace(world="elsewhere")
    path.write_text("\n".join([header.line(), *turns, ""]), encoding="utf8")
    return path


@pytest.mark.parametrize("arguments", [("runs",), ("tree", "--plain"), ("endings",), ("play", "--continue", "--plain")])
def test_a_run_of_another_world_in_the_folder_is_set_aside_with_a_word(
    saves: Path, foreign: Path, arguments: tuple[str, ...]
) -> None:
    os.utime(saves / WORLD / "002-run.jsonl", (1, 1))
    command_name, *more = arguments
    done = command(command_name, WORLD, *more, "--saves", saves)
    aside = f"a run of elsewhere, not of {WORLD}: set aside; `forward-pass import {foreign} --world {WORLD}` takes it over"
    assert done.code == 0
    assert aside in done.out + done.err
    assert "Half Said" not in done.out  # its ending counts nowhere


def test_a_run_of_another_world_counts_no_ending_as_found(saves: Path, foreign: Path) -> None:
    with_it = earlier_runs(saves / WORLD, open_world(WORLD)).found
    foreign.unlink()
    assert with_it == earlier_runs(saves / WORLD, open_world(WORLD)).found == {"by-the-door"}


def test_a_run_of_another_world_is_taken_over_as_far_as_it_replays(saves: Path, foreign: Path) -> None:
    done = command("import", foreign, "--world", WORLD, "--saves", saves)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"Imported as {WORLD}/3 ({saves / WORLD / '003-run.jsonl'}).\n")
    assert read_run(saves, 3).header.world == WORLD
    assert [turn.digest for turn in read_run(saves, 3).turns] == [turn.digest for turn in read_journal(foreign).turns]
    assert command("replay", f"{WORLD}/3", "--plain", "--saves", saves).code == 0


def test_a_world_is_given_once_to_import(saves: Path) -> None:
    done = command("import", saves / WORLD / "001-run.jsonl", WORLD, "--world", WORLD, "--saves", saves)
    assert (done.code, done.err.splitlines()[0]) == (2, "forward-pass: give WORLD or --world WORLD, not both")


def test_an_imported_run_keeps_the_checksum_of_what_its_words_depend_on(tmp_path: Path) -> None:
    world = open_world("forward-pass")
    play = start_new(open_store(world, tmp_path / "a")).session
    play.choose(play.open_offers[0].id)
    play.recorder.close()
    path = next((tmp_path / "a" / world.id).glob("*.jsonl"))
    assert command("import", path, "--saves", tmp_path / "b").code == 0
    stored = next((tmp_path / "b" / world.id).glob("*.jsonl"))
    assert read_journal(stored).header.weights == read_journal(path).header.weights == world.network
    assert command("replay", stored, "--plain").code == 0


def test_runs_belong_to_the_id_that_a_world_declares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds = tmp_path / "worlds"
    folder = worlds / "renamed"
    shutil.copytree(worlds_folder() / WORLD, folder)
    main = folder / "world.yaml"
    main.write_text(f"id: dawn\n{main.read_text(encoding='utf8')}", encoding="utf8")
    monkeypatch.setattr(paths, "worlds_folder", lambda: worlds)
    assert command("play", "renamed", "--plain", "--saves", tmp_path, typed="1\nquit\n").code == 0
    assert (tmp_path / "dawn" / "001-run.jsonl").is_file()
    assert command("replay", "dawn/1", "--plain", "--saves", tmp_path).code == 0
    for name in ("dawn", "renamed"):
        assert command("runs", name, "--saves", tmp_path).out.startswith("  1  run: 1 turn")
        assert command("play", name, "--load", "1", "--plain", "--saves", tmp_path, typed="quit\n").code == 0


def test_an_import_into_an_unwritable_folder_is_reported(saves: Path, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file")
    done = command("import", saves / WORLD / "001-run.jsonl", "--saves", tmp_path / "blocked")
    assert (done.code, "the run could not be saved" in done.err) == (1, True)


# -- choices never taken


def test_prove_counts_the_choices_never_taken(saves: Path) -> None:
    done = command("tree", WORLD, "--prove", "--json", "--saves", saves)
    rows = done.objects[0]["branches"]
    hold(OBJECTS["tree"], done.objects[0])
    opening = len(new_session(saves).open_offers)
    assert rows[0]["untaken"] == opening - 2
    assert f"{opening - 2} of {opening} ways on never taken in any run." in " ".join(
        command("tree", WORLD, "--prove", "--saves", saves).out.split()
    )


# -- replay


@pytest.mark.parametrize("speed", ["x", "-1", "65", "nan"])
def test_a_speed_out_of_range_is_wrong_usage(saves: Path, speed: str) -> None:
    done = command("replay", f"{WORLD}/1", f"--speed={speed}", "--saves", saves)
    assert (done.code, "must be a number from 0 to 64" in done.err) == (2, True)


def test_a_replay_forked_on_a_terminal_is_played_in_its_own_world(saves: Path) -> None:
    with (
        patch("forward_pass.interface.replay_viewer.view_replay", return_value=1),
        patch("forward_pass.commands.replay.is_interactive", return_value=True),
        patch("forward_pass.commands.front_end.is_interactive", return_value=True),
        patch("forward_pass.interface.terminal.run") as front,
    ):
        done = command("replay", f"{WORLD}/1", "--saves", saves, terminal=True)
    assert done.code == 0
    play = front.call_args.args[0]
    assert (play.world.id, play.run.at, len(play.run.turns)) == (WORLD, 1, 1)
    assert play.store.play_command() == f"forward-pass play {WORLD} --saves {saves}"


def test_a_single_turn_can_only_be_exported_as_svg(saves: Path) -> None:
    done = command("export", f"{WORLD}/1", "--turn", "1", "--saves", saves)
    assert (done.code, done.out) == (2, "")
    assert done.err == "forward-pass: --turn 1 needs --format svg\n"
