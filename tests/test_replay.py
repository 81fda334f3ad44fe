"""Replay of a run: identical, or the first turn that is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from building import changed_world, first_light
from fixtures_play import (
    TO_ENDINGS,
    WORLD,
    CommandResult,
    command,
    open_session,
    read_run,
    replace_in_file,
    run_file_names,
    write_run,
)
from forward_pass.network.passes import WrittenPass
from forward_pass.storage.replay import replay_run
from forward_pass.story.history import Divergence, at_turn

CHOICES = ("read-question", "read-again", "stop-reading", "nod-along")


def replay(saves: Path, *more: str, run: str = f"{WORLD}/1") -> CommandResult:
    """Run the ``replay`` command on a run."""
    return command("replay", run, "--saves", saves, *more)


@pytest.mark.parametrize("ending", TO_ENDINGS)
def test_an_unchanged_run_is_identical(tmp_path: Path, ending: str) -> None:
    write_run(tmp_path, *TO_ENDINGS[ending])
    turns = len(TO_ENDINGS[ending])
    result = replay(tmp_path)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[-1] == f"{turns} of {turns} turns identical"
    for number, turn in enumerate(read_run(tmp_path).turns, 1):
        assert f"[Turn {number}: digest {turn.digest}, identical]" in result.out


def test_a_replay_changes_no_byte_of_the_run(tmp_path: Path) -> None:
    path = write_run(tmp_path, *CHOICES)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    replay(tmp_path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_run_being_played_can_be_replayed(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question"):
        assert replay(tmp_path).out.splitlines()[-1] == "1 of 1 turns identical"


def test_a_replay_shows_all_turns_wherever_the_cursor_is(tmp_path: Path) -> None:
    with open_session(tmp_path, *CHOICES) as session:
        session.go_to_turn(1)
    assert replay(tmp_path).out.splitlines()[-1] == "4 of 4 turns identical"


def test_a_replay_can_stop_after_a_turn(tmp_path: Path) -> None:
    write_run(tmp_path, *CHOICES)
    assert replay(tmp_path, "--to", "2").out.splitlines()[-1] == "2 of 2 turns identical"
    assert replay(tmp_path, "--to", "0") == CommandResult(
        2, "", "forward-pass: --to must be at least 1: the first turn is turn 1\n"
    )
    expected = CommandResult(2, "", "forward-pass: 001-run.jsonl has 4 turns; there is no turn 5\n")
    assert replay(tmp_path, "--to", "5") == expected


@pytest.mark.parametrize("turn", [1, 2, 3, 4])
def test_an_edited_digest_is_reported_with_its_turn(tmp_path: Path, turn: int) -> None:
    path = write_run(tmp_path, *CHOICES)
    digest = read_run(tmp_path).turns[turn - 1].digest
    replace_in_file(path, digest, "0123456789abcdef")
    result = replay(tmp_path)
    assert result.code == 1
    what = f"its digest is {digest}, the file has 0123456789abcdef"
    assert result.out.splitlines()[-1] == f"diverged at turn {turn} of 4"
    assert f"[Turn {turn}: DIFFERENT: {what}]" in " ".join(result.out.split())
    objects = replay(tmp_path, "--json").objects
    expected = {"type": "replayed", "turns": 4, "identical": turn - 1, "message": f"diverged at turn {turn} of 4: {what}"}
    assert objects[-1] == expected


def test_an_edited_choice_ends_the_replay_before_its_turn(tmp_path: Path) -> None:
    path = write_run(tmp_path, *CHOICES)
    replace_in_file(path, '"choice":"stop-reading"', '"choice":"to-slope"')
    result = replay(tmp_path)
    assert result.code == 1
    assert result.out.endswith("""
[Turn 3 cannot be replayed: no word was drawn here, the file has 'dark']

diverged at turn 3 of 4
""")


def test_an_edited_word_is_reported(tmp_path: Path) -> None:
    path = write_run(tmp_path, *CHOICES)
    replace_in_file(path, '"word":"dark"', '"word":"switch"')
    result = replay(tmp_path)
    assert result.code == 1
    assert result.out.splitlines()[-1] == "diverged at turn 3 of 4"


def test_a_replay_ends_at_a_damaged_line(tmp_path: Path) -> None:
    path = write_run(tmp_path, *CHOICES)
    replace_in_file(path, '"choice":"stop-reading"', '"choice":"stop reading"')
    result = replay(tmp_path)
    assert result.code == 1
    assert result.err == f"{path}:4:1: this line is neither a turn nor a cursor; the lines before it are used.\n"
    assert result.out.endswith("[Turn 3 cannot be replayed: its line in the file is not a turn]\n\ndiverged at turn 3 of 3\n")
    assert replay(tmp_path, "--json").objects[-1]["identical"] == 2
    assert replay(tmp_path, "--to", "1").out.splitlines()[-1] == "1 of 1 turns identical"


def test_a_torn_last_line_is_reported_and_the_rest_is_identical(tmp_path: Path) -> None:
    path = write_run(tmp_path, *CHOICES)
    path.write_bytes(path.read_bytes()[:-5])
    result = replay(tmp_path)
    assert (result.code, result.out.splitlines()[-1]) == (0, "3 of 3 turns identical")
    assert result.err == "The last line of the file was cut short; the choice on it was never answered.\n"


def test_a_different_probability_is_reported_and_is_no_divergence(tmp_path: Path) -> None:
    path = write_run(tmp_path, *CHOICES)
    replace_in_file(path, '"p":0.81', '"p":0.8104')
    result = replay(tmp_path)
    assert (result.code, result.out.splitlines()[-1]) == (0, "4 of 4 turns identical")
    assert result.err == "Recorded probabilities that differ from those computed now: 1.\n"
    replace_in_file(path, '"p":0.8104', '"p":0.8101')
    assert replay(tmp_path).err == ""


def test_a_changed_world_is_reported(tmp_path: Path) -> None:
    path = write_run(tmp_path, *CHOICES)
    replace_in_file(path, first_light().hash, "0" * 64)
    replace_in_file(path, '"version":"1.0.0"', '"version":"0.9.0"')
    result = replay(tmp_path)
    assert (result.code, result.out.splitlines()[-1]) == (0, "4 of 4 turns identical")
    header, changed = result.err.splitlines()
    assert header.startswith(f"{path}:1:1: the header does not match its checksum")
    assert changed == "The world has changed since (then 0.9.0, now 1.0.0)."


def test_on_a_changed_world_the_replay_ends_at_the_first_choice_not_offered(tmp_path: Path) -> None:
    write_run(tmp_path, *CHOICES)
    world = changed_world({"stop-reading:": "stop-there:"})
    result = replay_run(world, WrittenPass(world), read_run(tmp_path), 4)
    assert (len(result.run.turns), result.identical_turns) == (2, 2)
    assert result.differences == (
        Divergence(3, "'stop-reading' is not on offer in 'question', nor anywhere: no choice has that id", broken=True),
    )


def test_a_replay_as_json_is_the_objects_of_play_and_a_summary(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    objects = replay(tmp_path, "--json").objects
    assert [row["type"] for row in objects] == ["scene", "decode", "scene", "decode", "ending", "replayed"]
    assert objects[-1] == {"type": "replayed", "turns": 2, "identical": 2}
    typed = "".join(json.dumps({"choose": choice}) + "\n" for choice in TO_ENDINGS["half-said"])
    live = command("play", WORLD, "--json", "--saves", tmp_path / "live", typed=typed).objects
    replayed = [{key: value for key, value in row.items() if key != "run"} for row in objects[:-1]]
    assert replayed == [{key: value for key, value in row.items() if key != "run"} for row in live]
    assert [row["digest"] for row in objects if row.get("digest")] == [turn.digest for turn in read_run(tmp_path).turns]


def test_a_replay_in_plain_lines_shows_each_turn_as_play_does(tmp_path: Path) -> None:
    write_run(tmp_path, *CHOICES)
    run = replay_run(first_light(), WrittenPass(first_light()), read_run(tmp_path), 4).run
    out = replay(tmp_path, "--plain").out
    assert out == replay(tmp_path).out
    for number in range(5):
        scene = at_turn(run, number).state.scene
        place = "[11 “The”, layer 3 of 12; 6 layers to the decoder]" if not number else ""
        assert place in out, scene


def test_an_unknown_run_and_another_file_are_rejected(tmp_path: Path) -> None:
    assert replay(tmp_path, run="7").code == 1
    (tmp_path / WORLD).mkdir()
    (tmp_path / WORLD / "007-odd.jsonl").write_text("odd\n")
    odd = tmp_path / WORLD / "007-odd.jsonl"
    expected = f"forward-pass: {odd}:1:1: not a run file of Forward Pass\n"
    assert replay(tmp_path, run=f"{WORLD}/7") == CommandResult(1, "", expected)


def test_a_run_of_an_unknown_world_is_rejected(tmp_path: Path) -> None:
    path = write_run(tmp_path, *CHOICES)
    replace_in_file(path, '"world":"first-light"', '"world":"last-light"')
    result = replay(tmp_path, run=str(path))
    assert result.code == 1
    assert result.err.startswith("last-light:1:1: E001 unknown world (did you mean first-light?)")


def test_an_ambiguous_name_is_a_usage_error(tmp_path: Path) -> None:
    for _ in range(2):
        write_run(tmp_path, *CHOICES)
    assert run_file_names(tmp_path) == ["001-run.jsonl", "002-run.jsonl"]
    expected = "forward-pass: run is ambiguous: 1 (run), 2 (run); give the number\n"
    assert replay(tmp_path, run=f"{WORLD}/run") == CommandResult(2, "", expected)
