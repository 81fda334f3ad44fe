"""The endings found and the runs that reached them, read from the run files without replay."""

from __future__ import annotations

from pathlib import Path

from building import first_light
from fixtures_play import TO_ENDINGS, WORLD, command, write_run
from forward_pass.session.endings import ending_list_lines, list_endings
from forward_pass.story.world import World
from test_docs import OBJECTS, hold


def test_endings_not_found_are_listed_by_number_without_titles(tmp_path: Path) -> None:
    result = command("endings", WORLD, "--saves", tmp_path)
    assert (result.code, result.err) == (0, "")
    assert result.out == "First Light: 0 of 4 endings found.\n\nNot found yet: 1, 2, 3, 4.\n"
    assert not any(title in result.out for title in first_light().endings.values())


def test_an_ending_names_the_runs_that_reached_it(tmp_path: Path) -> None:
    for _ in range(2):
        write_run(tmp_path, *TO_ENDINGS["half-said"])
    write_run(tmp_path, *TO_ENDINGS["by-the-door"])
    result = command("endings", WORLD, "--plain", "--saves", tmp_path)
    lines = result.out.splitlines()
    assert lines[0] == "First Light: 2 of 4 endings found."
    assert lines[1] == f"2. By the Door: once, by {WORLD}/3"
    assert lines[2] == f"3. Half Said: 2 times, by {WORLD}/1, {WORLD}/2"
    assert lines[-1] == "Not found yet: 1, 4."


def test_hints_are_given_for_endings_not_found(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    every = command("endings", WORLD, "--hints", "--saves", tmp_path).out
    assert every.count(" / ") == 6
    assert "Some remarks are too long" not in every
    second = command("endings", WORLD, "--hints", "2", "--saves", tmp_path).out
    assert second.count(" / ") == 2
    assert "There is another thing that comes before the light. / It hangs by" in " ".join(second.split())
    found = command("endings", WORLD, "--hints", "3", "--saves", tmp_path).out
    assert found.endswith("\n\n3. Found already: no hint is needed.\n")
    assert command("endings", WORLD, "--hints", "0", "--saves", tmp_path).code == 2


def test_hints_for_an_ending_that_a_world_does_not_have_are_a_usage_error(tmp_path: Path) -> None:
    for look in ("--plain", "--json"):
        result = command("endings", WORLD, "--hints", "99", look, "--saves", tmp_path)
        assert result == (2, "", "forward-pass: first-light has endings 1 to 4; there is no ending 99\n")
    assert command("endings", WORLD, "--hints", "4", "--saves", tmp_path).code == 0


def test_a_world_without_hints_says_so(tmp_path: Path) -> None:
    records, errors = list_endings(first_light(), tmp_path)
    bare = World(first_light().story._replace(hints={}))
    assert errors == []
    assert "1. This world has no hints." in ending_list_lines(bare, records, 1, 72)


def test_a_file_that_is_not_a_run_is_skipped_with_a_message(tmp_path: Path) -> None:
    path = write_run(tmp_path, *TO_ENDINGS["half-said"])
    (path.parent / "009-odd.jsonl").write_text("odd\n")
    result = command("endings", WORLD, "--saves", tmp_path)
    assert result.code == 0
    assert "009-odd.jsonl" in result.err
    assert "Half Said: once" in result.out


def test_the_object_matches_its_schema(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    for arguments in ((), ("--hints",), ("--hints", "1")):
        (row,) = command("endings", WORLD, "--json", *arguments, "--saves", tmp_path).objects
        hold(OBJECTS["endings"], row)
        assert row["found"] == 1
        assert [ending["number"] for ending in row["endings"]] == [1, 2, 3, 4]
        assert {"id", "title"} & row["endings"][0].keys() == set()
