"""What is read of a run's file: header, turns, cursor; and whatever else a file may hold."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures_play import WORLD, files, played, playing
from forward_pass.errors import RunError, UsageError
from forward_pass.storage import journal
from forward_pass.storage.journal import Header, list_run_files, newest_first, read_journal, resolve_run
from forward_pass.story.history import RecordedTurn
from forward_pass.story.state import Prior

SOME = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
HEADER: dict[str, Any] = {
    "format": 1,
    "world": WORLD,
    "version": "1.0.0",
    "hash": "ab" * 32,
    "weights": None,
    "seed": 7,
    "temperature": 0.5,
    "facts": {"instantiation": 3, "found": ["half-said", "the-loop"]},
    "made": "2021-03-22T00:00:00+00:00",
}
TURN = {"choice": "read-question", "scene": "question", "digest": "38f9368c7888741f"}
DECODED = {"choice": "let-be", "scene": "second-morning", "word": "dark", "p": 0.81, "digest": "0123456789abcdef"}


def written(folder: Path, *rows: Any, name: str = "001-run.jsonl") -> Path:
    """Return a file whose lines are these rows: objects as JSON, texts as they are."""
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf8")
    return path


def refusal(path: Path) -> str:
    """Return why a file is no run, without its own name."""
    with pytest.raises(RunError) as caught:
        read_journal(path)
    return str(caught.value).removeprefix(f"{path}")


# -- a good file ----------------------------------------------------------------------------------------------------


def test_a_file_is_a_header_and_a_line_a_turn(tmp_path: Path) -> None:
    read = read_journal(written(tmp_path, HEADER, TURN, DECODED))
    facts = Prior(3, frozenset({"half-said", "the-loop"}))
    assert read.header == Header(WORLD, "1.0.0", "ab" * 32, None, 7, 0.5, facts, "2021-03-22T00:00:00+00:00")
    assert read.turns == (
        RecordedTurn("read-question", "question", None, None, "38f9368c7888741f"),
        RecordedTurn("let-be", "second-morning", "dark", 0.81, "0123456789abcdef"),
    )
    assert (read.at, read.torn, read.fault) == (2, False, "")


def test_a_header_written_is_the_header_read(tmp_path: Path) -> None:
    header = Header(WORLD, "1", "00", "ff", 0, 0.0, Prior(2, frozenset({"b", "a"})), "then", parent=(4, 17))
    assert json.loads(header.line())["facts"] == {"instantiation": 2, "found": ["a", "b"]}
    assert json.loads(header.line())["parent"] == [4, 17]
    assert read_journal(written(tmp_path, header.line())).header == header


def test_a_run_that_is_no_sibling_has_no_parent_in_its_header() -> None:
    assert "parent" not in json.loads(Header(WORLD, "1", "00", None, 0, 0.0, Prior(), "then").line())


def test_cursor_lines_say_where_the_run_stands(tmp_path: Path) -> None:
    assert read_journal(written(tmp_path, HEADER, TURN, TURN, {"at": 0}, {"at": 1})).at == 1


def test_a_turn_after_the_last_one_moves_the_cursor_with_it(tmp_path: Path) -> None:
    read = read_journal(written(tmp_path, HEADER, TURN, {"at": 0}, {"at": 1}, TURN))
    assert (len(read.turns), read.at) == (2, 2)


def test_keys_that_nobody_knows_are_passed_over(tmp_path: Path) -> None:
    read = read_journal(written(tmp_path, {**HEADER, "mood": "grand"}, {**TURN, "note": "later"}))
    assert len(read.turns) == 1


def test_a_last_line_without_its_line_end_counts_when_it_is_whole(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, TURN)
    path.write_bytes(path.read_bytes()[:-1])
    assert (len(read_journal(path).turns), read_journal(path).torn) == (1, False)


NEAR_IDS = st.from_regex(r"[a-zA-Z0-9 -]{0,62}", fullmatch=True)


@given(choice=NEAR_IDS, scene=NEAR_IDS, digest=st.from_regex(r"[0-9a-g]{15,17}", fullmatch=True))
def test_a_turn_is_the_same_however_its_line_is_spaced_and_its_keys_are_ordered(choice: str, scene: str, digest: str) -> None:
    row = {"choice": choice, "scene": scene, "digest": digest}
    lines = (
        json.dumps(row, separators=(",", ":")),
        json.dumps(row),
        json.dumps(row, indent=1).replace("\n", " "),
        json.dumps(dict(reversed(row.items()))),
    )
    plain, *others = [journal._row(line) for line in lines]
    assert others == [plain] * 3


def test_a_new_line_is_a_word_that_can_be_drawn(tmp_path: Path) -> None:
    assert read_journal(written(tmp_path, HEADER, {**DECODED, "word": "\n"})).turns[0].word == "\n"


def header_written(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """Return a file with a header as play writes it, some of its text replaced, and a turn."""
    line = Header(WORLD, "1", "00", "ff", 77, 0.5, Prior(2, frozenset({"b", "a"})), "then", parent=(4, 17)).line()
    for old, new in changes:
        assert line.count(old) == 1
        line = line.replace(old, new)
    return written(tmp_path, line, TURN)


@pytest.mark.parametrize(
    "change",
    [
        ('"seed":77', '"seed":75'),
        ("0.5", "0.4"),
        ('"instantiation":2', '"instantiation":3'),
        ('"found":["a"', '"found":["c"'),
        ("[4,17]", "[4,16]"),
        ('"parent"', '"qarent"'),
        ('"weights":"ff"', '"weights":"fe"'),
        ('"version":"1"', '"version":"\\ud800"'),
        ('"sum":"', '"sum":"0'),
    ],
)
def test_a_header_that_is_not_as_it_was_written_is_named_and_its_turns_kept(tmp_path: Path, change: tuple[str, str]) -> None:
    assert read_journal(header_written(tmp_path)).faults == ()
    read = read_journal(header_written(tmp_path, change))
    said = "the header is not as it was written: its seed, its facts or its world may be others"
    assert read.faults == (f"{tmp_path / '001-run.jsonl'}:1:1: {said}",)
    assert len(read.turns) == 1


def test_a_header_without_a_sum_is_taken_as_it_is(tmp_path: Path) -> None:
    assert read_journal(header_written(tmp_path, ('"sum"', '"rum"'))).faults == ()


def test_a_cursor_names_the_turn_at_which_it_stands(tmp_path: Path) -> None:
    at_first, at_none = {"at": 1, "turn": TURN["digest"]}, {"at": 0, "turn": ""}
    good = read_journal(written(tmp_path, HEADER, TURN, DECODED, at_none, at_first))
    assert (good.at, good.faults) == (1, ())
    for at, wrong in ((2, at_first), (0, at_first), (1, at_none)):
        read = read_journal(written(tmp_path, HEADER, TURN, DECODED, {**wrong, "at": at}, {"at": 2}))
        assert (len(read.turns), read.at) == (2, 2)
        assert f":4:1: the run stands at turn {at} by this line, which names another" in read.tampered
    assert ":3:1: this line is no turn" in read_journal(written(tmp_path, HEADER, TURN, {**at_first, "turn": 7}, TURN)).fault


# -- a last line cut short -------------------------------------------------------------------------------------------


def test_a_file_cut_at_any_byte_is_its_whole_lines_and_a_word_about_the_rest(tmp_path: Path) -> None:
    rows = [HEADER, TURN, DECODED, {"at": 1}, {"at": 2}, TURN]
    whole = written(tmp_path, *rows).read_bytes()
    ends = [match.end() for match in re.finditer(b"\n", whole)]
    path = tmp_path / "002-cut.jsonl"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        lines = sum(end - 1 <= cut for end in ends)
        if not lines:
            assert refusal(path) == ":1:1: this is not a run of Forward Pass, and it is left alone"
            continue
        read = read_journal(path)
        expected = [row for row in rows[1:lines] if "choice" in row]
        assert [turn.choice for turn in read.turns] == [row["choice"] for row in expected]
        assert read.torn == (cut not in ends and cut + 1 not in ends)
        assert read.valid_bytes == (cut if not read.torn else max(end for end in ends if end <= cut))
        assert read.fault == ""


@pytest.mark.parametrize("end", ["\x0b", "*", "J", "\x00\x00"])
def test_a_whole_last_line_with_something_behind_it_was_not_cut_short_and_is_a_fault(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, HEADER, TURN, TURN)
    path.write_bytes(path.read_bytes()[:-1] + end.encode())
    read = read_journal(path)
    assert (len(read.turns), read.torn) == (1, False)
    assert ":3:1: " in read.fault


def test_a_line_that_is_no_turn_is_a_fault_with_its_place_and_what_stands_before_it_is_kept(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, HEADER, TURN, "{cut", TURN)
    read = read_journal(path)
    assert len(read.turns) == 1
    assert read.fault == f"{path}:3:1: this line is no turn of a run; what stands before it is kept"
    assert not read.torn


@pytest.mark.parametrize(
    "row",
    [
        "",
        "[]",
        "null",
        "17",
        '"choice"',
        "{}",
        "\x00" * 20,
        "[" * 20_000,
        '{"at":' + "9" * 5000 + "}",
        {"at": 2},
        {"at": -1},
        {"at": True},
        {"at": 1.0},
        {**TURN, "choice": ""},
        {**TURN, "choice": 5},
        {**TURN, "choice": "two words"},
        {**TURN, "choice": "x" * 61},
        {**TURN, "scene": None},
        {**TURN, "scene": "esc\x1b[31m"},
        {**TURN, "scene": "left\u202eright"},
        {**TURN, "digest": "\u009b2J"},
        {"choice": "read-question", "scene": "question"},
        {**DECODED, "word": 5},
        {**DECODED, "word": "two words"},
        {**DECODED, "word": "\n\n"},
        {**DECODED, "p": "0.81"},
        {**DECODED, "p": True},
        {**DECODED, "p": -0.1},
        {**DECODED, "p": 1.1},
        json.dumps({**DECODED, "p": float("nan")}),
        json.dumps({**DECODED, "p": float("inf")}),
    ],
)
def test_what_is_no_turn_is_a_fault(tmp_path: Path, row: Any) -> None:
    read = read_journal(written(tmp_path, HEADER, TURN, row, TURN))
    assert len(read.turns) == 1
    assert read.fault.startswith(f"{tmp_path / '001-run.jsonl'}:3:1: ")


def test_a_turn_while_the_cursor_is_not_at_the_end_is_a_fault_because_nobody_writes_that(tmp_path: Path) -> None:
    read = read_journal(written(tmp_path, HEADER, TURN, TURN, {"at": 1}, TURN))
    assert (len(read.turns), read.at) == (2, 1)
    assert ":5:1: " in read.fault


# -- what is no run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    ["", "hello", "{}", "[]", "{", "\x00\x01", '{"format":1}', '{"format":"1","world":"w"}', '{"format":1,"world":7}'],
)
def test_a_file_of_something_else_is_said_to_be_no_run(tmp_path: Path, row: str) -> None:
    assert refusal(written(tmp_path, row)) == ":1:1: this is not a run of Forward Pass, and it is left alone"


def test_a_run_of_a_later_format_is_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path, {"format": 2, "world": WORLD, "turns": "elsewhere"})
    assert refusal(path) == ":1:1: a run of format 2; this version reads format 1, and leaves it alone"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"facts": None}, "its facts or its parent are none"),
        ({"facts": {"instantiation": 1, "found": "half-said"}}, "its facts or its parent are none"),
        ({"facts": {"found": []}}, "it has no instantiation"),
        ({"facts": {"instantiation": 1, "found": [5]}}, "a text in it is none"),
        ({"facts": {"instantiation": 1, "found": ["esc\x1b[2J"]}}, "a text in it is none"),
        ({"facts": {"instantiation": "1", "found": []}}, "a number in it is none"),
        ({"seed": True}, "a number in it is none"),
        ({"seed": 1.5}, "a number in it is none"),
        ({"hash": "x" * 201}, "a text in it is none"),
        ({"made": 2021}, "a text in it is none"),
        ({"weights": 5}, "a text in it is none"),
        ({"world": "../elsewhere"}, "its world is none"),
        ({"world": ""}, "its world is none"),
        ({"temperature": "warm"}, "its temperature is none"),
        ({"temperature": float("nan")}, "its temperature is none"),
        ({"temperature": 10**400}, "its temperature is none"),
        ({"temperature": -1}, "its temperature is none"),
        ({"parent": 7}, "its facts or its parent are none"),
        ({"parent": [7]}, "a number in it is none"),
        ({"parent": [7, 1, 2]}, "a number in it is none"),
        ({"parent": [7, "1"]}, "a number in it is none"),
    ],
)
def test_a_damaged_header_is_refused_with_the_reason(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    path = written(tmp_path, {**HEADER, **change})
    assert refusal(path) == f":1:1: the header of this run is damaged ({why})"


@pytest.mark.parametrize("key", ["version", "hash", "weights", "seed", "temperature", "facts", "made"])
def test_a_header_needs_every_key_but_parent(tmp_path: Path, key: str) -> None:
    path = written(tmp_path, {name: value for name, value in HEADER.items() if name != key})
    assert refusal(path) == f":1:1: the header of this run is damaged (it has no {key})"


def test_a_version_is_shown_and_never_obeyed(tmp_path: Path) -> None:
    path = written(tmp_path, {**HEADER, "version": "1.0\x1b[31m\u202e" + "9" * 300})
    assert read_journal(path).header.version == "1.0[31m" + "9" * 191


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    assert refusal(tmp_path / "001-run.jsonl") == ": cannot be read: No such file or directory"


def test_a_folder_named_as_a_run_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "001-run.jsonl").mkdir()
    assert refusal(tmp_path / "001-run.jsonl") == ": no file: this is no run, and it is left alone"


def test_a_pipe_named_as_a_run_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "001-run.jsonl")
    assert refusal(tmp_path / "001-run.jsonl") == ": no file: this is no run, and it is left alone"


def test_a_link_to_a_device_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "001-run.jsonl").symlink_to("/dev/zero")
    assert refusal(tmp_path / "001-run.jsonl") == ": no file: this is no run, and it is left alone"


def test_a_file_too_large_for_a_run_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER)
    os.truncate(path, journal.MOST_BYTES + 1)
    assert refusal(path) == ": over 64 MB: this is no run, and it is left alone"


@SOME
@given(data=st.binary(max_size=400), good=st.booleans())
def test_any_bytes_are_a_run_or_a_refusal_and_nothing_else(data: bytes, good: bool) -> None:  # noqa: FBT001
    lead = json.dumps(HEADER).encode() + b"\n" if good else b""
    try:
        read = journal.parse_journal(lead + data, Path("some.jsonl"))
    except RunError as error:
        assert str(error).startswith("some.jsonl:1:1: ")  # noqa: PT017 - either outcome is fine, no third
    else:
        assert 0 <= read.at <= len(read.turns)
        assert read.valid_bytes <= len(lead + data)


@SOME
@given(
    row=st.dictionaries(
        st.sampled_from([*HEADER, "parent"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_any_header_is_read_or_refused(row: dict[str, Any]) -> None:
    try:
        header, _ = journal._header(json.dumps({**HEADER, **row}), Path("some.jsonl"))
    except RunError as error:
        assert str(error).startswith("some.jsonl:1:1: ")  # noqa: PT017 - either outcome is fine, no third
    else:
        assert header.line()


# -- finding ----------------------------------------------------------------------------------------------------------


def test_runs_are_found_by_number_and_name_and_nothing_else_is_taken_for_one(tmp_path: Path) -> None:
    for name in ("010-run.jsonl", "002-first.jsonl", "1000-far.jsonl", "labels.jsonl", "02-short.jsonl", "003-x.json", ".lock"):
        (tmp_path / name).touch()
    assert [(kept.number, kept.name) for kept in list_run_files(tmp_path)] == [(2, "first"), (10, "run"), (1000, "far")]


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert list_run_files(tmp_path / "none") == []


def test_a_folder_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError) as caught:
        list_run_files(tmp_path / "file")
    assert str(caught.value) == f"{tmp_path / 'file'}: cannot be read: Not a directory"


def test_the_run_appended_to_last_is_the_latest_whatever_its_number(tmp_path: Path) -> None:
    for number, when in ((1, 30), (2, 10), (3, 20)):
        path = tmp_path / f"{number:03d}-run.jsonl"
        path.touch()
        os.utime(path, (when, when))
    (tmp_path / "004-gone.jsonl").symlink_to(tmp_path / "nowhere")
    assert [kept.number for kept in newest_first(list_run_files(tmp_path))] == [1, 3, 2, 4]


def test_a_run_is_found_by_number_by_exact_name_and_in_another_world(tmp_path: Path) -> None:
    played(tmp_path, "say-now")
    with playing(tmp_path, "feel-slope") as play:
        play.store.rename("Slope")
    first, second = (tmp_path / WORLD / name for name in ("001-run.jsonl", "002-Slope.jsonl"))
    assert resolve_run(tmp_path, WORLD, "1") == first
    assert resolve_run(tmp_path, WORLD, "002") == second
    assert resolve_run(tmp_path, WORLD, "Slope") == second
    assert resolve_run(tmp_path, "forward-pass", f"{WORLD}/2") == second
    assert resolve_run(tmp_path, "forward-pass", f"{WORLD}/run") == first


def test_an_existing_path_comes_before_a_number_and_a_name(tmp_path: Path) -> None:
    played(tmp_path, "say-now")
    (tmp_path / "1").touch()
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert resolve_run(tmp_path, WORLD, "1") == Path("1")
        assert resolve_run(tmp_path, WORLD, f"{WORLD}/001-run.jsonl") == Path(WORLD) / "001-run.jsonl"
    finally:
        os.chdir(here)


def test_a_number_comes_before_a_name_of_digits(tmp_path: Path) -> None:
    for _ in range(3):
        path = played(tmp_path, "say-now")
    path.rename(path.with_name("003-2.jsonl"))  # by hand, or by an earlier version: here it would be refused
    assert resolve_run(tmp_path, WORLD, "2").name == "002-run.jsonl"


@pytest.mark.parametrize("asked", ["9", "Run", "ru", "", "../first-light/1", "x/1", "a" * 4000, "\x00", "9" * 30, "²"])
def test_what_is_no_run_is_said_to_be_none(tmp_path: Path, asked: str) -> None:
    played(tmp_path, "say-now")
    with pytest.raises(RunError, match="is called"):
        resolve_run(tmp_path, WORLD, asked)


def test_a_world_without_runs_says_so_and_one_with_runs_says_who_lists_them(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        resolve_run(tmp_path, WORLD, "1")
    assert str(caught.value) == f"no run of first-light is called 1, and no run of it is kept (in {tmp_path})"
    played(tmp_path, "say-now")
    with pytest.raises(RunError) as caught:
        resolve_run(tmp_path, WORLD, "2")
    expected = f"no run of first-light is called 2; `forward-pass runs first-light` lists them (in {tmp_path})"
    assert str(caught.value) == expected


def test_a_name_that_several_runs_have_lists_them(tmp_path: Path) -> None:
    for _ in range(2):
        played(tmp_path, "say-now")
    with pytest.raises(UsageError) as caught:
        resolve_run(tmp_path, WORLD, "run")
    assert str(caught.value) == "run could be any of these runs: 1 (run), 2 (run); say its number"


def test_a_number_that_several_files_have_lists_them_and_asks_for_the_file(tmp_path: Path) -> None:
    played(tmp_path, "say-now")
    (tmp_path / WORLD / "001-copy.jsonl").touch()
    assert files(tmp_path) == ["001-copy.jsonl", "001-run.jsonl"]
    with pytest.raises(UsageError) as caught:
        resolve_run(tmp_path, WORLD, "1")
    expected = f"1 could be any of these runs: 1 (copy), 1 (run); say its file in {tmp_path / WORLD}"
    assert str(caught.value) == expected


def test_an_error_without_words_is_reported_as_it_is(tmp_path: Path) -> None:
    with patch.object(Path, "stat", side_effect=OSError("odd")):
        assert refusal(tmp_path / "001-run.jsonl") == ": cannot be read: odd"
