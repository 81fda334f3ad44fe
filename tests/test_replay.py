"""A run walked again: identical, or the first turn that is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures_play import TO_ENDINGS, WORLD, Done, changed_world, command, edited, files, first_light, journal, played, playing
from forward_pass.network.passes import WrittenPass
from forward_pass.storage.replay import replay_run
from forward_pass.story.history import Divergence, at_turn

WALKED = ("read-question", "read-again", "stop-reading", "nod-along")


def replay(saves: Path, *more: str, run: str = f"{WORLD}/1") -> Done:
    """Return what ``replay`` says of a run."""
    return command("replay", run, "--saves", saves, *more)


@pytest.mark.parametrize("ending", TO_ENDINGS)
def test_a_run_comes_out_again_as_it_was(tmp_path: Path, ending: str) -> None:
    played(tmp_path, *TO_ENDINGS[ending])
    turns = len(TO_ENDINGS[ending])
    done = replay(tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == f"{turns} of {turns} turns identical"
    for number, turn in enumerate(journal(tmp_path).turns, 1):
        assert f"[Turn {number}: digest {turn.digest}, identical]" in done.out


def test_a_replay_changes_no_byte_of_the_run(tmp_path: Path) -> None:
    path = played(tmp_path, *WALKED)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    replay(tmp_path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_run_in_play_can_be_replayed(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question"):
        assert replay(tmp_path).out.splitlines()[-1] == "1 of 1 turns identical"


def test_a_replay_shows_all_turns_wherever_the_cursor_stands(tmp_path: Path) -> None:
    with playing(tmp_path, *WALKED) as play:
        play.move(1)
    assert replay(tmp_path).out.splitlines()[-1] == "4 of 4 turns identical"


def test_a_replay_can_stop_after_a_turn(tmp_path: Path) -> None:
    played(tmp_path, *WALKED)
    assert replay(tmp_path, "--to", "2").out.splitlines()[-1] == "2 of 2 turns identical"
    assert replay(tmp_path, "--to", "0") == Done(2, "", "forward-pass: turns count from 1: there is no turn 0 to stop after\n")
    expected = Done(2, "", "forward-pass: 001-run.jsonl has 4 turns; there is no turn 5\n")
    assert replay(tmp_path, "--to", "5") == expected


@pytest.mark.parametrize("turn", [1, 2, 3, 4])
def test_an_edited_digest_is_named_by_its_turn(tmp_path: Path, turn: int) -> None:
    path = played(tmp_path, *WALKED)
    was = journal(tmp_path).turns[turn - 1].digest
    edited(path, was, "0123456789abcdef")
    done = replay(tmp_path)
    assert done.code == 1
    what = f"its digest is {was}, the file has 0123456789abcdef"
    assert done.out.splitlines()[-1] == f"diverged at turn {turn} of 4"
    assert f"[Turn {turn}: DIFFERENT: {what}]" in " ".join(done.out.split())
    objects = replay(tmp_path, "--json").objects
    identical = {"type": "replayed", "turns": 4, "identical": turn - 1, "message": f"diverged at turn {turn} of 4: {what}"}
    assert objects[-1] == identical


def test_an_edited_choice_ends_the_replay_before_its_turn(tmp_path: Path) -> None:
    path = played(tmp_path, *WALKED)
    edited(path, '"choice":"stop-reading"', '"choice":"to-slope"')
    done = replay(tmp_path)
    assert done.code == 1
    assert done.out.endswith("""
[Turn 3 cannot be walked: the pass drew nothing here, the file has
'dark']

diverged at turn 3 of 4
""")


def test_an_edited_word_is_named(tmp_path: Path) -> None:
    path = played(tmp_path, *WALKED)
    edited(path, '"word":"dark"', '"word":"switch"')
    done = replay(tmp_path)
    assert done.code == 1
    assert done.out.splitlines()[-1] == "diverged at turn 3 of 4"


def test_a_spoilt_line_is_where_the_replay_ends(tmp_path: Path) -> None:
    path = played(tmp_path, *WALKED)
    edited(path, '"choice":"stop-reading"', '"choice":"stop reading"')
    done = replay(tmp_path)
    assert done.code == 1
    assert done.err == f"{path}:4:1: this line is no turn of a run; what stands before it is kept.\n"
    assert done.out.endswith("[Turn 3 cannot be walked: its line in the file is no turn]\n\ndiverged at turn 3 of 3\n")
    assert replay(tmp_path, "--json").objects[-1]["identical"] == 2
    assert replay(tmp_path, "--to", "1").out.splitlines()[-1] == "1 of 1 turns identical"


def test_a_last_line_cut_short_is_said_and_what_is_left_is_identical(tmp_path: Path) -> None:
    path = played(tmp_path, *WALKED)
    path.write_bytes(path.read_bytes()[:-5])
    done = replay(tmp_path)
    assert (done.code, done.out.splitlines()[-1]) == (0, "3 of 3 turns identical")
    assert done.err == "The last line of the file was cut short; the choice on it was never answered.\n"


def test_a_probability_recorded_otherwise_is_reported_apart(tmp_path: Path) -> None:
    path = played(tmp_path, *WALKED)
    edited(path, '"p":0.81', '"p":0.8104')
    done = replay(tmp_path)
    assert (done.code, done.out.splitlines()[-1]) == (0, "4 of 4 turns identical")
    assert done.err == "Probabilities recorded otherwise than they are now: 1.\n"
    edited(path, '"p":0.8104', '"p":0.8101')
    assert replay(tmp_path).err == ""


def test_a_world_that_has_changed_is_said(tmp_path: Path) -> None:
    path = played(tmp_path, *WALKED)
    edited(path, first_light().hash, "0" * 64)
    edited(path, '"version":"1.0.0"', '"version":"0.9.0"')
    done = replay(tmp_path)
    assert (done.code, done.out.splitlines()[-1]) == (0, "4 of 4 turns identical")
    header, changed = done.err.splitlines()
    assert header.startswith(f"{path}:1:1: the header is not as it was written")
    assert changed == "The world has changed since (then 0.9.0, now 1.0.0)."


def test_on_a_changed_world_the_replay_goes_as_far_as_the_choices_are_on_offer(tmp_path: Path) -> None:
    played(tmp_path, *WALKED)
    world = changed_world({"stop-reading:": "stop-there:"})
    outcome = replay_run(world, WrittenPass(world), journal(tmp_path), 4)
    assert (len(outcome.run.turns), outcome.identical) == (2, 2)
    assert outcome.differences == (Divergence(3, "stop-reading is not on offer in question", broken=True),)


def test_a_replay_as_json_is_the_objects_of_play_and_a_proof(tmp_path: Path) -> None:
    played(tmp_path, *TO_ENDINGS["half-said"])
    objects = replay(tmp_path, "--json").objects
    assert [row["type"] for row in objects] == ["scene", "decode", "scene", "decode", "ending", "replayed"]
    assert objects[-1] == {"type": "replayed", "turns": 2, "identical": 2}
    typed = "".join(json.dumps({"choose": choice}) + "\n" for choice in TO_ENDINGS["half-said"])
    live = command("play", WORLD, "--json", "--saves", tmp_path / "live", typed=typed).objects
    without = [{key: value for key, value in row.items() if key not in ("run", "digest")} for row in objects[:-1]]
    assert without == [{key: value for key, value in row.items() if key != "run"} for row in live]
    assert [row["digest"] for row in objects if "digest" in row] == [turn.digest for turn in journal(tmp_path).turns]


def test_a_replay_as_plain_lines_says_at_each_turn_what_play_says(tmp_path: Path) -> None:
    played(tmp_path, *WALKED)
    run = replay_run(first_light(), WrittenPass(first_light()), journal(tmp_path), 4).run
    out = replay(tmp_path, "--plain").out
    assert out == replay(tmp_path).out
    for number in range(5):
        scene = at_turn(run, number).state.scene
        place = "[11 “The”, layer 3 of 12; 6 layers to the decoder]" if not number else ""
        assert place in out, scene


def test_what_is_no_run_is_not_replayed(tmp_path: Path) -> None:
    assert replay(tmp_path, run="7").code == 1
    (tmp_path / WORLD).mkdir()
    (tmp_path / WORLD / "007-odd.jsonl").write_text("odd\n")
    odd = tmp_path / WORLD / "007-odd.jsonl"
    expected = f"forward-pass: {odd}:1:1: this is not a run of Forward Pass, and it is left alone\n"
    assert replay(tmp_path, run=f"{WORLD}/7") == Done(1, "", expected)


def test_a_run_of_a_world_that_is_not_there_is_not_replayed(tmp_path: Path) -> None:
    path = played(tmp_path, *WALKED)
    edited(path, '"world":"first-light"', '"world":"last-light"')
    done = replay(tmp_path, run=str(path))
    assert done.code == 1
    assert done.err.startswith("last-light:1:1: E001 no world is called that (did you mean first-light?)")


def test_a_name_of_several_runs_is_a_wrong_usage(tmp_path: Path) -> None:
    for _ in range(2):
        played(tmp_path, *WALKED)
    assert files(tmp_path) == ["001-run.jsonl", "002-run.jsonl"]
    expected = "forward-pass: run could be any of these runs: 1 (run), 2 (run); say its number\n"
    assert replay(tmp_path, run=f"{WORLD}/run") == Done(2, "", expected)
