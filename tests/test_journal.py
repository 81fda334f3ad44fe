"""Run files parsed: header, turns and cursor; damaged files, and files of something else."""

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

from fixtures_play import WORLD, close_session, open_session, resumed_session, run_file_names, write_run
from forward_pass.errors import RunError, UsageError
from forward_pass.storage import journal
from forward_pass.storage.folder import list_run_files, resolve_run
from forward_pass.storage.journal import Header, read_journal
from forward_pass.storage.listing import newest_first
from forward_pass.story.history import RecordedTurn
from forward_pass.story.state import Prior

HYPOTHESIS_SETTINGS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
DECODED_TURN = {"choice": "let-be", "scene": "second-morning", "word": "dark", "p": 0.81, "digest": "0123456789abcdef"}


def write_file(folder: Path, *rows: Any, name: str = "001-run.jsonl") -> Path:
    """Write a file with these rows as its lines, objects as JSON and texts unchanged; return its path."""
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf8")
    return path


def read_error(path: Path) -> str:
    """Return the message with which a file is rejected, without the path."""
    with pytest.raises(RunError) as caught:
        read_journal(path)
    return str(caught.value).removeprefix(f"{path}")


# -- valid files -------------------------------------------------------------------------------------------------------


def test_a_file_is_a_header_and_a_line_a_turn(tmp_path: Path) -> None:
    read = read_journal(write_file(tmp_path, HEADER, TURN, DECODED_TURN))
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
    assert read_journal(write_file(tmp_path, header.line())).header == header


def test_a_header_without_a_parent_has_no_such_key() -> None:
    assert "parent" not in json.loads(Header(WORLD, "1", "00", None, 0, 0.0, Prior(), "then").line())


def test_the_last_cursor_line_sets_the_cursor(tmp_path: Path) -> None:
    assert read_journal(write_file(tmp_path, HEADER, TURN, TURN, {"at": 0}, {"at": 1})).at == 1


def test_a_turn_after_the_last_one_moves_the_cursor_with_it(tmp_path: Path) -> None:
    read = read_journal(write_file(tmp_path, HEADER, TURN, {"at": 0}, {"at": 1}, TURN))
    assert (len(read.turns), read.at) == (2, 2)


def test_unknown_keys_are_ignored(tmp_path: Path) -> None:
    read = read_journal(write_file(tmp_path, {**HEADER, "mood": "grand"}, {**TURN, "note": "later"}))
    assert len(read.turns) == 1


def test_a_last_line_without_its_line_end_counts_when_it_is_whole(tmp_path: Path) -> None:
    path = write_file(tmp_path, HEADER, TURN)
    path.write_bytes(path.read_bytes()[:-1])
    assert (len(read_journal(path).turns), read_journal(path).torn) == (1, False)


ID_LIKE_TEXTS = st.from_regex(r"[a-zA-Z0-9 -]{0,62}", fullmatch=True)


@given(choice=ID_LIKE_TEXTS, scene=ID_LIKE_TEXTS, digest=st.from_regex(r"[0-9a-g]{15,17}", fullmatch=True))
def test_a_turn_is_the_same_however_its_line_is_spaced_and_its_keys_are_ordered(choice: str, scene: str, digest: str) -> None:
    row = {"choice": choice, "scene": scene, "digest": digest}
    lines = (
        json.dumps(row, separators=(",", ":")),
        json.dumps(row),
        json.dumps(row, indent=1).replace("\n", " "),
        json.dumps(dict(reversed(row.items()))),
    )
    first, *others = [journal._parse_line(line) for line in lines]
    assert others == [first] * 3


def test_a_line_break_is_a_valid_word(tmp_path: Path) -> None:
    assert read_journal(write_file(tmp_path, HEADER, {**DECODED_TURN, "word": "\n"})).turns[0].word == "\n"


def write_header_file(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """Write a file with a header as play writes it, after text replacements, and a turn; return its path."""
    line = Header(WORLD, "1", "00", "ff", 77, 0.5, Prior(2, frozenset({"b", "a"})), "then", parent=(4, 17)).line()
    for old, new in changes:
        assert line.count(old) == 1
        line = line.replace(old, new)
    return write_file(tmp_path, line, TURN)


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
def test_an_altered_header_is_reported_and_the_turns_are_read(tmp_path: Path, change: tuple[str, str]) -> None:
    assert read_journal(write_header_file(tmp_path)).faults == ()
    read = read_journal(write_header_file(tmp_path, change))
    message = "the header does not match its checksum: its seed, facts or world may have been changed"
    assert read.faults == (f"{tmp_path / '001-run.jsonl'}:1:1: {message}",)
    assert len(read.turns) == 1


def test_a_header_without_a_checksum_is_accepted(tmp_path: Path) -> None:
    assert read_journal(write_header_file(tmp_path, ('"sum"', '"rum"'))).faults == ()


def test_a_cursor_with_another_turns_digest_is_reported(tmp_path: Path) -> None:
    at_first, at_opening = {"at": 1, "turn": TURN["digest"]}, {"at": 0, "turn": ""}
    good = read_journal(write_file(tmp_path, HEADER, TURN, DECODED_TURN, at_opening, at_first))
    assert (good.at, good.faults) == (1, ())
    for at, wrong in ((2, at_first), (0, at_first), (1, at_opening)):
        read = read_journal(write_file(tmp_path, HEADER, TURN, DECODED_TURN, {**wrong, "at": at}, {"at": 2}))
        assert (len(read.turns), read.at) == (2, 2)
        assert f":4:1: this cursor's digest is not that of turn {at}" in read.mismatch
    assert (
        ":3:1: this line is neither a turn nor a cursor"
        in read_journal(write_file(tmp_path, HEADER, TURN, {**at_first, "turn": 7}, TURN)).fault
    )


# -- torn last lines ---------------------------------------------------------------------------------------------------


def test_a_file_cut_at_any_byte_yields_its_complete_lines_and_a_torn_flag(tmp_path: Path) -> None:
    rows = [HEADER, TURN, DECODED_TURN, {"at": 1}, {"at": 2}, TURN]
    whole = write_file(tmp_path, *rows).read_bytes()
    ends = [match.end() for match in re.finditer(b"\n", whole)]
    path = tmp_path / "002-cut.jsonl"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        lines = sum(end - 1 <= cut for end in ends)
        if not lines:
            assert read_error(path) == ":1:1: not a run file of Forward Pass"
            continue
        read = read_journal(path)
        expected = [row for row in rows[1:lines] if "choice" in row]
        assert [turn.choice for turn in read.turns] == [row["choice"] for row in expected]
        assert read.torn == (cut not in ends and cut + 1 not in ends)
        assert read.valid_bytes == (cut if not read.torn else max(end for end in ends if end <= cut))
        assert read.fault == ""


@pytest.mark.parametrize("end", ["\x0b", "*", "J", "\x00\x00"])
def test_a_complete_last_line_with_trailing_bytes_is_a_fault_and_not_torn(tmp_path: Path, end: str) -> None:
    path = write_file(tmp_path, HEADER, TURN, TURN)
    path.write_bytes(path.read_bytes()[:-1] + end.encode())
    read = read_journal(path)
    assert (len(read.turns), read.torn) == (1, False)
    assert ":3:1: " in read.fault


def test_an_invalid_line_is_a_fault_with_its_place_and_the_lines_before_it_are_read(
    tmp_path: Path,
) -> None:
    path = write_file(tmp_path, HEADER, TURN, "{cut", TURN)
    read = read_journal(path)
    assert len(read.turns) == 1
    assert read.fault == f"{path}:3:1: this line is neither a turn nor a cursor; the lines before it are used"
    assert not read.torn


@pytest.mark.parametrize(
    "row",
    [
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
        {**DECODED_TURN, "word": 5},
        {**DECODED_TURN, "word": "two words"},
        {**DECODED_TURN, "word": "\n\n"},
        {**DECODED_TURN, "p": "0.81"},
        {**DECODED_TURN, "p": True},
        {**DECODED_TURN, "p": -0.1},
        {**DECODED_TURN, "p": 1.1},
        json.dumps({**DECODED_TURN, "p": float("nan")}),
        json.dumps({**DECODED_TURN, "p": float("inf")}),
    ],
)
def test_invalid_turns_are_faults(tmp_path: Path, row: Any) -> None:
    read = read_journal(write_file(tmp_path, HEADER, TURN, row, TURN))
    assert len(read.turns) == 1
    assert read.fault.startswith(f"{tmp_path / '001-run.jsonl'}:3:1: ")


def test_a_turn_after_a_cursor_before_the_end_is_a_fault(tmp_path: Path) -> None:
    read = read_journal(write_file(tmp_path, HEADER, TURN, TURN, {"at": 1}, TURN))
    assert (len(read.turns), read.at) == (2, 1)
    assert ":5:1: " in read.fault


# -- not a run file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    ["", "hello", "{}", "[]", "{", "\x00\x01", '{"format":1}', '{"format":"1","world":"w"}', '{"format":1,"world":7}'],
)
def test_other_files_are_rejected(tmp_path: Path, row: str) -> None:
    assert read_error(write_file(tmp_path, row)) == ":1:1: not a run file of Forward Pass"


def test_a_later_format_is_rejected(tmp_path: Path) -> None:
    path = write_file(tmp_path, {"format": 2, "world": WORLD, "turns": "elsewhere"})
    assert read_error(path) == ":1:1: run file format 2 is not supported; this version reads format 1"


BAD_TEXT = "`hash`, `weights`, `made`, endings, scenes: printable texts of at most 200 characters"
BAD_NUMBER = "`seed`, `facts.instantiation` and the two of `parent` must be whole numbers"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"facts": None}, "`facts` must be an object, `facts.found`, `facts.met` and `parent` must be lists"),
        (
            {"facts": {"instantiation": 1, "found": "half-said"}},
            "`facts` must be an object, `facts.found`, `facts.met` and `parent` must be lists",
        ),
        ({"facts": {"found": []}}, "`instantiation` is missing"),
        ({"facts": {"instantiation": 1, "found": [5]}}, BAD_TEXT),
        ({"facts": {"instantiation": 1, "found": ["esc\x1b[2J"]}}, BAD_TEXT),
        ({"facts": {"instantiation": "1", "found": []}}, BAD_NUMBER),
        ({"seed": True}, BAD_NUMBER),
        ({"seed": 1.5}, BAD_NUMBER),
        ({"hash": "x" * 201}, BAD_TEXT),
        ({"made": 2021}, BAD_TEXT),
        ({"weights": 5}, BAD_TEXT),
        ({"world": "../elsewhere"}, "`world` must be the id of a world"),
        ({"world": ""}, "`world` must be the id of a world"),
        ({"temperature": "warm"}, "`temperature` must be a number from 0 to below 1000"),
        ({"temperature": float("nan")}, "`temperature` must be a number from 0 to below 1000"),
        ({"temperature": 10**400}, "`temperature` must be a number from 0 to below 1000"),
        ({"temperature": -1}, "`temperature` must be a number from 0 to below 1000"),
        ({"parent": 7}, "`facts` must be an object, `facts.found`, `facts.met` and `parent` must be lists"),
        ({"parent": [7]}, BAD_NUMBER),
        ({"parent": [7, 1, 2]}, BAD_NUMBER),
        ({"parent": [7, "1"]}, BAD_NUMBER),
    ],
)
def test_a_damaged_header_is_rejected_with_the_reason(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = write_file(tmp_path, {**HEADER, **change})
    assert read_error(path) == f":1:1: damaged header: {reason}"


@pytest.mark.parametrize("key", ["version", "hash", "weights", "seed", "temperature", "facts", "made"])
def test_a_header_needs_every_key_but_parent(tmp_path: Path, key: str) -> None:
    path = write_file(tmp_path, {name: value for name, value in HEADER.items() if name != key})
    assert read_error(path) == f":1:1: damaged header: `{key}` is missing"


def test_a_version_is_stripped_of_control_characters(tmp_path: Path) -> None:
    path = write_file(tmp_path, {**HEADER, "version": "1.0\x1b[31m\u202e" + "9" * 300})
    assert read_journal(path).header.version == "1.0[31m" + "9" * 191


def test_a_missing_file_cannot_be_read(tmp_path: Path) -> None:
    assert read_error(tmp_path / "001-run.jsonl") == ": cannot be read: No such file or directory"


def test_a_folder_is_not_a_run_file(tmp_path: Path) -> None:
    (tmp_path / "001-run.jsonl").mkdir()
    assert read_error(tmp_path / "001-run.jsonl") == ": not a run file: not a regular file"


def test_a_pipe_is_rejected_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "001-run.jsonl")
    assert read_error(tmp_path / "001-run.jsonl") == ": not a run file: not a regular file"


def test_a_link_to_a_device_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "001-run.jsonl").symlink_to("/dev/zero")
    assert read_error(tmp_path / "001-run.jsonl") == ": not a run file: not a regular file"


def test_a_file_over_the_size_limit_is_not_read(tmp_path: Path) -> None:
    path = write_file(tmp_path, HEADER)
    os.truncate(path, journal.MAX_BYTES + 1)
    assert read_error(path) == ": not a run file: over 64 MB"


@HYPOTHESIS_SETTINGS
@given(data=st.binary(max_size=400), with_header=st.booleans())
def test_any_bytes_are_parsed_or_rejected(data: bytes, with_header: bool) -> None:  # noqa: FBT001
    lead = json.dumps(HEADER).encode() + b"\n" if with_header else b""
    try:
        read = journal.parse_journal(lead + data, Path("some.jsonl"))
    except RunError as error:
        assert str(error).startswith("some.jsonl:1:1: ")  # noqa: PT017 - both outcomes are valid
    else:
        assert 0 <= read.at <= len(read.turns)
        assert read.valid_bytes <= len(lead + data)


@HYPOTHESIS_SETTINGS
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
def test_any_header_is_parsed_or_rejected(row: dict[str, Any]) -> None:
    try:
        header, _ = journal._parse_header(json.dumps({**HEADER, **row}), Path("some.jsonl"))
    except RunError as error:
        assert str(error).startswith("some.jsonl:1:1: ")  # noqa: PT017 - both outcomes are valid
    else:
        assert header.line()


# -- finding runs ------------------------------------------------------------------------------------------------------


def test_only_files_named_as_runs_are_listed(tmp_path: Path) -> None:
    for name in ("010-run.jsonl", "002-first.jsonl", "1000-far.jsonl", "labels.jsonl", "02-short.jsonl", "003-x.json", ".lock"):
        (tmp_path / name).touch()
    assert [(run_file.number, run_file.name) for run_file in list_run_files(tmp_path)] == [
        (2, "first"),
        (10, "run"),
        (1000, "far"),
    ]


def test_a_missing_folder_has_no_runs(tmp_path: Path) -> None:
    assert list_run_files(tmp_path / "none") == []


def test_a_folder_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError) as caught:
        list_run_files(tmp_path / "file")
    assert str(caught.value) == f"{tmp_path / 'file'}: cannot be read: Not a directory"


def test_newest_first_sorts_by_modification_time(tmp_path: Path) -> None:
    for number, when in ((1, 30), (2, 10), (3, 20)):
        path = tmp_path / f"{number:03d}-run.jsonl"
        path.touch()
        os.utime(path, (when, when))
    (tmp_path / "004-gone.jsonl").symlink_to(tmp_path / "nowhere")
    assert [run_file.number for run_file in newest_first(list_run_files(tmp_path))] == [1, 3, 2, 4]


def test_newest_first_goes_by_the_time_in_the_last_line(tmp_path: Path) -> None:
    for number, when in ((1, 30), (2, 10), (3, 20)):
        path = tmp_path / f"{number:03d}-run.jsonl"
        path.write_text(f'{{"choice":"a","time":{when}}}\n{{"choice":"torn","ti')
        os.utime(path, (1000 - when, 1000 - when))  # as after a copy
    (tmp_path / "004-other.jsonl").write_text("")
    os.utime(tmp_path / "004-other.jsonl", (25, 25))
    os.mkfifo(tmp_path / "005-pipe.jsonl")
    os.utime(tmp_path / "005-pipe.jsonl", (1, 1))
    assert [run_file.number for run_file in newest_first(list_run_files(tmp_path))] == [1, 4, 3, 2, 5]


@pytest.mark.parametrize("time", ["-1", "1.5", '"now"', "true", "null", str(2**60)])
def test_a_time_is_whole_seconds(tmp_path: Path, time: str) -> None:
    path = write_run(tmp_path, "read-question")
    changed = re.sub(r'"time":\d+', f'"time":{time}', path.read_text())
    path.write_text(changed)
    assert len(read_journal(path).turns) == (time == "null")


def test_names_are_compared_in_one_normal_form(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question")
    path = path.rename(path.with_name("001-sen\u0303or.jsonl"))  # as some systems write an ñ
    assert [run_file.name for run_file in list_run_files(path.parent)] == ["se\u00f1or"]
    for name in ("se\u00f1or", "sen\u0303or"):
        assert resolve_run(tmp_path, WORLD, name) == path
    with open_session(tmp_path, "read-question") as session:
        session.recorder.rename("ne\u0301e")
    assert (path.parent / "002-n\u00e9e.jsonl").is_file()


def test_a_run_is_resolved_by_number_by_exact_name_and_with_its_world(tmp_path: Path) -> None:
    write_run(tmp_path, "say-now")
    with open_session(tmp_path, "feel-slope") as play:
        play.recorder.rename("Slope")
    first, second = (tmp_path / WORLD / name for name in ("001-run.jsonl", "002-Slope.jsonl"))
    assert resolve_run(tmp_path, WORLD, "1") == first
    assert resolve_run(tmp_path, WORLD, "002") == second
    assert resolve_run(tmp_path, WORLD, "Slope") == second
    assert resolve_run(tmp_path, "forward-pass", f"{WORLD}/2") == second
    assert resolve_run(tmp_path, "forward-pass", f"{WORLD}/run") == first


def test_an_existing_path_comes_before_a_number_and_a_name(tmp_path: Path) -> None:
    write_run(tmp_path, "say-now")
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
        path = write_run(tmp_path, "say-now")
    path.rename(path.with_name("003-2.jsonl"))  # `save 2` would be rejected
    assert resolve_run(tmp_path, WORLD, "2").name == "002-run.jsonl"


@pytest.mark.parametrize("reference", ["9", "Run", "ru", "", "../first-light/1", "x/1", "a" * 4000, "\x00", "9" * 30, "²"])
def test_an_unknown_run_is_reported(tmp_path: Path, reference: str) -> None:
    write_run(tmp_path, "say-now")
    with pytest.raises(RunError, match="is called"):
        resolve_run(tmp_path, WORLD, reference)


def test_an_unknown_run_is_reported_with_the_command_that_lists_runs(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        resolve_run(tmp_path, WORLD, "1")
    assert str(caught.value) == f"no run of first-light is called 1; it has no runs (in {tmp_path})"
    write_run(tmp_path, "say-now")
    with pytest.raises(RunError) as caught:
        resolve_run(tmp_path, WORLD, "2")
    expected = f"no run of first-light is called 2; `forward-pass runs first-light` lists them (in {tmp_path})"
    assert str(caught.value) == expected


def test_an_ambiguous_name_is_reported_with_the_numbers(tmp_path: Path) -> None:
    for _ in range(2):
        write_run(tmp_path, "say-now")
    with pytest.raises(UsageError) as caught:
        resolve_run(tmp_path, WORLD, "run")
    assert str(caught.value) == "run is ambiguous: 1 (run), 2 (run); give the number"


def test_an_ambiguous_number_is_reported_with_the_files(tmp_path: Path) -> None:
    write_run(tmp_path, "say-now")
    (tmp_path / WORLD / "001-copy.jsonl").touch()
    assert run_file_names(tmp_path) == ["001-copy.jsonl", "001-run.jsonl"]
    with pytest.raises(UsageError) as caught:
        resolve_run(tmp_path, WORLD, "1")
    folder = tmp_path / WORLD
    expected = f"1 is ambiguous: {folder / '001-copy.jsonl'}, {folder / '001-run.jsonl'}; give one of these files"
    assert str(caught.value) == expected


def test_an_error_without_a_message_is_reported_by_its_text(tmp_path: Path) -> None:
    with patch.object(Path, "stat", side_effect=OSError("odd")):
        assert read_error(tmp_path / "001-run.jsonl") == ": cannot be read: odd"


def test_a_mark_before_a_run_and_blank_lines_in_it_are_no_damage(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "to-slope")
    whole = path.read_bytes()
    first, rest = whole.split(b"\n", 1)
    for content in (
        b"\xef\xbb\xbf" + whole,
        whole + b"\n",
        whole + b"\n  \n",
        first + b"\n\n" + rest,
        whole.replace(b"\n", b"\r\n"),
    ):
        path.write_bytes(content)
        journal = read_journal(path)
        assert (len(journal.turns), journal.torn, journal.faults) == (2, False, ())
    session, notes = resumed_session(tmp_path)  # and such a run is played on
    assert notes == ()
    session.choose("leave-label")
    close_session(session)
    assert len(read_journal(path).turns) == 3
