"""The run store: what is appended when, what begins a sibling, which files stay unchanged, and full disks."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from stat import S_ISREG
from unittest.mock import ANY, patch

import pytest

from building import changed_world, first_light
from fixtures_play import (
    TO_ENDINGS,
    WORLD,
    choices_of,
    close_session,
    make_header,
    make_store,
    new_session,
    open_session,
    printed_text,
    read_run,
    resumed_session,
    run_file,
    run_file_names,
    runs_folder,
    write_run,
)
from forward_pass.errors import RunError
from forward_pass.session.commands import COMMANDS
from forward_pass.session.events import Rejected
from forward_pass.session.input import answer
from forward_pass.session.session import Session
from forward_pass.storage.journal import read_journal
from forward_pass.storage.store import RunStore
from forward_pass.story.state import Prior


def rows(path: Path) -> list[dict[str, object]]:
    """Return the parsed lines of a run file."""
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


# -- a line for each turn ----------------------------------------------------------------------------------------------


def test_nothing_is_stored_before_the_first_choice(tmp_path: Path) -> None:
    session = new_session(tmp_path / "saves")
    assert session.recorder.label is None
    assert not (tmp_path / "saves").exists()


def test_a_run_is_stored_at_its_first_choice_as_number_one(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        assert run_file_names(tmp_path) == ["001-run.jsonl"]
        assert session.recorder.label == "first-light/1"


def test_a_turn_line_has_its_choice_its_scene_the_drawn_word_and_a_digest(tmp_path: Path) -> None:
    header, first, second = rows(write_run(tmp_path, "read-question", "stop-reading"))
    assert list(header) == ["format", "world", "version", "hash", "weights", "seed", "temperature", "facts", "made", "sum"]
    assert header["hash"] == first_light().hash
    assert header["facts"] == {"instantiation": 1, "found": []}
    assert list(first) == ["choice", "scene", "digest", "time"]
    assert (first["choice"], first["scene"]) == ("read-question", "question")
    assert list(second) == ["choice", "scene", "word", "p", "digest", "time"]
    assert (second["word"], second["p"]) == ("dark", 0.81)
    digests = [str(first["digest"]), str(second["digest"])]
    assert all(len(digest) == 16 and set(digest) <= set("0123456789abcdef") for digest in digests)


def test_a_digest_depends_on_every_turn_before_it(tmp_path: Path) -> None:
    straight = read_run(tmp_path / "a") if write_run(tmp_path / "a", "read-question", "to-slope") else None
    other = read_run(tmp_path / "b") if write_run(tmp_path / "b", "feel-slope", "reread", "to-slope") else None
    assert straight is not None
    assert other is not None
    assert straight.turns[-1].scene == other.turns[-1].scene
    assert straight.turns[-1].digest != other.turns[-1].digest


def test_a_turn_takes_at_most_a_hundred_bytes_apart_from_probabilities_and_times(tmp_path: Path) -> None:
    for choices in TO_ENDINGS.values():
        write_run(tmp_path, *choices)
    for name in run_file_names(tmp_path):
        for row in rows(runs_folder(tmp_path) / name)[1:]:
            line = json.dumps({key: value for key, value in row.items() if key not in ("p", "time")}, separators=(",", ":"))
            assert len(line.encode()) + 1 <= 100


def test_every_turn_is_synced_before_it_is_made(tmp_path: Path) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(file: int) -> None:
        if S_ISREG(os.fstat(file).st_mode):
            synced.append(os.fstat(file).st_size)
        real(file)

    with patch("os.fsync", fsync), open_session(tmp_path, "read-question", "to-slope") as session:
        COMMANDS["undo"].run(session, "")
    lines = run_file(tmp_path).read_bytes().splitlines(keepends=True)
    assert synced == [sum(map(len, lines[:count])) for count in (2, 3, 4)]


# -- undo, redo, siblings ----------------------------------------------------------------------------------------------


def test_undo_redo_and_back_append_the_cursor(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question", "read-again", "to-slope") as session:
        COMMANDS["undo"].run(session, "2")
        COMMANDS["redo"].run(session, "")
        session.go_to_turn(0)
    assert [row["at"] for row in rows(run_file(tmp_path)) if "at" in row] == [1, 2, 0]
    assert read_run(tmp_path).at == 0
    assert len(read_run(tmp_path).turns) == 3


def test_choosing_what_was_undone_moves_the_cursor_and_loses_no_turn(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question", "read-again", "to-slope") as session:
        COMMANDS["undo"].run(session, "3")
        session.choose("read-question")
        assert len(session.run.turns) == 3
        assert session.run.at == 1
    assert run_file_names(tmp_path) == ["001-run.jsonl"]
    assert rows(run_file(tmp_path))[-2:] == [
        {"at": 0, "turn": "", "time": ANY},
        {"at": 1, "turn": read_run(tmp_path).turns[0].digest, "time": ANY},
    ]


def test_another_choice_begins_a_sibling_and_changes_no_byte_of_the_run(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question", "read-again", "stop-reading") as session:
        COMMANDS["undo"].run(session, "2")
        before = run_file(tmp_path).read_bytes()
        session.choose("to-slope")
        assert run_file(tmp_path).read_bytes() == before
        assert session.recorder.label == "first-light/2"
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]
    first, second = rows(run_file(tmp_path)), rows(run_file(tmp_path, 2))
    assert second[1] == first[1]
    assert second[0]["parent"] == [1, 1]
    assert {**second[0], "parent": None, "sum": None} == {**first[0], "parent": None, "sum": None}


def test_a_sibling_inherits_the_prior_of_its_parent(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    with open_session(tmp_path, "read-question", "stop-reading") as session:
        COMMANDS["undo"].run(session, "")
        write_run(tmp_path, *TO_ENDINGS["the-loop"])
        session.choose("to-slope")
    facts = read_run(tmp_path, 4).header.prior
    assert facts == read_run(tmp_path, 2).header.prior
    assert (facts.instantiation, facts.found) == (2, frozenset({"half-said"}))


def test_a_sibling_has_the_seed_and_temperature_of_its_parent(tmp_path: Path) -> None:
    session = new_session(tmp_path, temperature=0.7, seed=99)
    for choice in ("feel-slope", "undo", "say-now"):
        answer(session, choice)
    close_session(session)
    assert (read_run(tmp_path, 2).header.seed, read_run(tmp_path, 2).header.temperature) == (99, 0.7)


def test_siblings_can_have_siblings(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        for choice in ("feel-slope", "say-now"):
            session.go_to_turn(0)
            session.choose(choice)
    assert [read_run(tmp_path, number).header.parent for number in (1, 2, 3)] == [None, (1, 0), (2, 0)]


def test_a_rejected_choice_leaves_the_file_unchanged(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        before = run_file(tmp_path).read_bytes()
        for typed in ("think-electric", "let-be", "nonsense", "9", "undo x", "redo", "load 7"):
            assert isinstance(answer(session, typed)[0], Rejected)
        assert run_file(tmp_path).read_bytes() == before


# -- resuming ----------------------------------------------------------------------------------------------------------


def test_a_resumed_run_continues_in_the_same_file(tmp_path: Path) -> None:
    write_run(tmp_path, "read-question", "read-again")
    session, notes = resumed_session(tmp_path)
    assert notes == ()
    assert session.run.at == 2
    session.choose("to-slope")
    close_session(session)
    assert run_file_names(tmp_path) == ["001-run.jsonl"]
    assert choices_of(tmp_path) == ["read-question", "read-again", "to-slope"]


def test_a_run_is_resumed_at_its_cursor_and_can_be_redone(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question", "read-again", "to-slope") as session:
        COMMANDS["undo"].run(session, "2")
    resumed, _ = resumed_session(tmp_path)
    assert (resumed.run.at, len(resumed.run.turns)) == (1, 3)
    COMMANDS["redo"].run(resumed, "2")
    assert resumed.run.state.scene == "slope"
    close_session(resumed)


def test_a_resumed_run_equals_the_stored_one(tmp_path: Path) -> None:
    for choices in TO_ENDINGS.values():
        with open_session(tmp_path, *choices) as session:
            number = session.recorder.number
        resumed, _ = resumed_session(tmp_path, str(number))
        assert resumed.run.turns == session.run.turns
        assert resumed.run.opening == session.run.opening
        close_session(resumed)


def test_a_locked_run_is_continued_as_a_sibling(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question", "read-again") as other:
        session, notes = resumed_session(tmp_path)
        assert notes == (
            "001-run.jsonl is being played elsewhere or cannot be written.",
            "It stays unchanged; the next choice begins a sibling of it.",
        )
        before = run_file(tmp_path).read_bytes()
        assert session.quit_event().text == "Left as it was kept."
        COMMANDS["undo"].run(session, "")
        session.choose("read-again")
        assert run_file(tmp_path).read_bytes() == before
        assert session.recorder.label == "first-light/2"
        other.choose("to-slope")
        close_session(session)
    assert choices_of(tmp_path, 1) == ["read-question", "read-again", "to-slope"]
    assert choices_of(tmp_path, 2) == ["read-question", "read-again"]
    assert read_run(tmp_path, 2).header.parent == (1, 1)


def test_closing_a_session_releases_its_lock(tmp_path: Path) -> None:
    write_run(tmp_path, "read-question")
    session, notes = resumed_session(tmp_path)
    assert notes == ()
    other, notes = resumed_session(tmp_path)
    assert notes
    close_session(session)
    close_session(other)
    session, notes = resumed_session(tmp_path)
    assert notes == ()
    close_session(session)


def test_loading_the_run_being_played_continues_in_its_file(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question", "read-again") as session:
        COMMANDS["undo"].run(session, "")
        assert "elsewhere" not in printed_text(answer(session, "load 1"), session)
        assert (session.run.at, len(session.run.turns)) == (1, 2)
        session.choose("read-again")
        session.choose("to-slope")
    assert run_file_names(tmp_path) == ["001-run.jsonl"]
    assert choices_of(tmp_path) == ["read-question", "read-again", "to-slope"]


def test_a_failed_load_leaves_the_present_run_open(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        (runs_folder(tmp_path) / "007-odd.jsonl").write_text("hello\n")
        assert answer(session, "load 7") == [
            Rejected(f"{runs_folder(tmp_path)}/007-odd.jsonl:1:1: not a run file of Forward Pass")
        ]
        run_file(tmp_path).write_bytes(b"damaged\n")
        assert isinstance(answer(session, "load 1")[0], Rejected)
        assert session.recorder.label == "first-light/1"
    assert (runs_folder(tmp_path) / "007-odd.jsonl").read_text() == "hello\n"


def test_restarting_begins_another_run_and_leaves_the_one_before_stored(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        assert printed_text(answer(session, "restart"), session).startswith(
            "\nThe run before this one is kept as first-light/1.\n"
        )
        assert session.recorder.label is None
        session.choose("say-now")
    assert (choices_of(tmp_path, 1), choices_of(tmp_path, 2)) == (["read-question"], ["say-now"])
    assert read_run(tmp_path, 2).header.prior.instantiation == 2
    assert read_run(tmp_path, 2).header.parent is None


def test_a_failed_restart_leaves_the_present_run_open(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        with patch("forward_pass.storage.listing.run_file_stamps", side_effect=RunError("nothing to be seen")):
            assert answer(session, "restart") == [Rejected("nothing to be seen")]
        session.choose("to-slope")
    assert choices_of(tmp_path) == ["read-question", "to-slope"]


def test_a_run_of_another_world_is_not_resumed(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question")
    path.write_text(path.read_text().replace('"world":"first-light"', '"world":"elsewhere"'))
    with pytest.raises(RunError) as caught:
        make_store(tmp_path).resume("1")
    takes_over = f"`forward-pass import {path} --world first-light` takes it over"
    assert str(caught.value) == f"{path}: a run of elsewhere, not of first-light: set aside; {takes_over}"


def test_a_file_outside_the_folder_is_continued_in_place(tmp_path: Path) -> None:
    path = write_run(tmp_path / "there", "read-question")
    session, notes = resumed_session(tmp_path / "here", str(path))
    assert notes == ()
    assert session.recorder.label == str(path)
    assert f"--load {path} --saves {tmp_path / 'here'}" in session.store.play_command(session.recorder)
    session.choose("to-slope")
    assert isinstance(answer(session, "save mine")[0], Rejected)
    COMMANDS["undo"].run(session, "")
    session.choose("stop-reading")
    close_session(session)
    assert [turn.choice for turn in read_journal(path).turns] == ["read-question", "to-slope"]
    assert choices_of(tmp_path / "here") == ["read-question", "stop-reading"]
    assert read_run(tmp_path / "here").header.parent is None


# -- names -------------------------------------------------------------------------------------------------------------


def test_naming_a_run_renames_its_file_and_play_continues_in_it(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        assert (
            printed_text(answer(session, "save the slow way"), session) == "\nThe run is named the-slow-way as first-light/1."
        )
        session.choose("to-slope")
    assert run_file_names(tmp_path) == ["001-the-slow-way.jsonl"]
    assert choices_of(tmp_path) == ["read-question", "to-slope"]
    resumed, _ = resumed_session(tmp_path, "the-slow-way")
    assert resumed.run.at == 2
    close_session(resumed)


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "-flag", "x" * 61, "esc\x1b[m", "a.b", "\u202e"])
def test_an_invalid_name_is_rejected(tmp_path: Path, name: str) -> None:
    with open_session(tmp_path, "read-question") as session:
        assert answer(session, f"save {name}") == [
            Rejected("a name is at most 60 letters, digits, - and _, starting with a letter or digit")
        ]
    assert run_file_names(tmp_path) == ["001-run.jsonl"]


def test_a_name_of_digits_is_rejected(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        refused = [Rejected("a name of digits alone would be read as a run's number; try run-2")]
        assert answer(session, "save 2") == refused
        assert printed_text(answer(session, "save run-2"), session).strip() == "The run is named run-2 as first-light/1."
    assert run_file_names(tmp_path) == ["001-run-2.jsonl"]


def test_a_run_cannot_be_named_before_its_first_choice(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    assert answer(session, "save x") == [Rejected("no run to name yet: a run is saved from its first choice on")]


def test_save_without_a_name_reports_that_every_choice_is_stored(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        expected = "Every choice is kept already as first-light/1. To name the run: save NAME."
        assert answer(session, "save") == [Rejected(expected)]


def test_naming_a_run_does_not_overwrite_another_file(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        (runs_folder(tmp_path) / "001-other.jsonl").write_text("mine\n")
        assert answer(session, "save other") == [Rejected("001-other.jsonl already exists")]
        assert isinstance(answer(session, "save run")[0], type(answer(session, "help")[0]))
    assert (runs_folder(tmp_path) / "001-other.jsonl").read_text() == "mine\n"


def test_a_run_whose_file_was_moved_cannot_be_named(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        run_file(tmp_path).rename(tmp_path / "away")
        assert answer(session, "save x") == [Rejected("cannot be renamed: No such file or directory")]


# -- damaged files and changed worlds ----------------------------------------------------------------------------------


def test_a_last_line_torn_at_any_byte_is_dropped_with_a_note_and_the_run_continues(tmp_path: Path) -> None:
    played = ["read-question", "read-again", "stop-reading"]
    next_choices = ["read-question", "stop-reading", "to-slope", "nod-along"]
    path = write_run(tmp_path, *played)
    whole = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]  # of the header and of each turn
    note = "The last line of 001-run.jsonl was cut short; the choice on it was never answered, and is dropped."
    for cut in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:cut])
        turns = sum(end - 1 <= cut for end in ends[1:])
        session, notes = resumed_session(tmp_path)
        assert notes == (() if cut in ends or cut + 1 in ends else (note,))
        assert session.run.at == turns
        session.choose(next_choices[turns])
        close_session(session)
        assert choices_of(tmp_path) == [*played[:turns], next_choices[turns]]
        assert path.read_bytes().startswith(whole[: ends[turns]])
    assert run_file_names(tmp_path) == ["001-run.jsonl"]


def test_an_edited_digest_is_reported_and_the_next_choice_begins_a_sibling(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "read-again")
    second = read_run(tmp_path).turns[1].digest
    path.write_text(path.read_text().replace(second, "0123456789abcdef"))
    before = path.read_bytes()
    session, notes = resumed_session(tmp_path)
    assert notes == (
        f"001-run.jsonl diverged at turn 2: its digest is {second}, the file has 0123456789abcdef. It can be played to turn 1.",
        "It stays unchanged; the next choice begins a sibling of it.",
    )
    assert session.run.at == len(session.run.turns) == 1
    session.choose("to-slope")
    close_session(session)
    assert path.read_bytes() == before
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]


def test_edited_turns_are_not_copied_into_a_sibling(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "read-again", "to-slope")
    first = read_run(tmp_path).turns[0].digest
    path.write_text(path.read_text().replace(first, "0123456789abcdef"))
    session, notes = resumed_session(tmp_path)
    assert notes[0].endswith(f"turn 1: its digest is {first}, the file has 0123456789abcdef. It can be played to turn 0.")
    assert (session.run.at, session.run.turns) == (0, ())
    session.choose("say-now")
    close_session(session)
    assert choices_of(tmp_path, 2) == ["say-now"]


def test_a_run_cannot_be_forked_after_an_edited_turn(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "read-again", "to-slope")
    second = read_run(tmp_path).turns[1].digest
    path.write_text(path.read_text().replace(second, "0123456789abcdef"))
    with pytest.raises(RunError, match=f"cannot be replayed to turn 2: it diverged at turn 2: its digest is {second}"):
        make_store(tmp_path).fork("1", 2)
    assert make_store(tmp_path).fork("1", 1).run.at == 1


def test_an_edited_choice_is_reported_and_the_turns_before_it_can_be_played(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "read-again", "stop-reading")
    path.write_text(path.read_text().replace('"choice":"read-again"', '"choice":"let-be"'))
    before = path.read_bytes()
    session, notes = resumed_session(tmp_path)
    assert notes[0] == "001-run.jsonl diverged at turn 2: 'let-be' is not on offer in 'question'."
    assert session.run.at == 1
    session.choose("to-slope")
    close_session(session)
    assert path.read_bytes() == before
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]
    assert read_run(tmp_path, 2).header.parent == (1, 1)


def test_an_edited_scene_is_reported(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question")
    path.write_text(path.read_text().replace('"scene":"question"', '"scene":"slope"'))
    session, notes = resumed_session(tmp_path)
    what = "it led to 'question', the file has 'slope'"
    assert notes[0] == f"001-run.jsonl diverged at turn 1: {what}. It can be played to turn 0."
    close_session(session)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        ((',"word":"dark","p":0.81', ""), "a word was drawn here, the file has none"),
        (('"scene":"question"', '"scene":"question","word":"dark"'), "no word was drawn here, the file has 'dark'"),
    ],
)
def test_a_missing_or_extra_word_is_reported(tmp_path: Path, edit: tuple[str, str], what: str) -> None:
    path = write_run(tmp_path, "read-question", "stop-reading")
    path.write_text(path.read_text().replace(*edit))
    session, notes = resumed_session(tmp_path)
    assert what in notes[0]
    close_session(session)


def test_a_damaged_line_is_reported_and_the_turns_before_it_can_be_played(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "read-again", "to-slope")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], "damaged", *lines[3:]]) + "\n")
    before = path.read_bytes()
    session, notes = resumed_session(tmp_path)
    assert notes == (
        f"{path}:3:1: this line is neither a turn nor a cursor; the lines before it are used.",
        "It stays unchanged; the next choice begins a sibling of it.",
    )
    assert session.run.at == 1
    session.choose("to-slope")
    close_session(session)
    assert path.read_bytes() == before


def test_on_a_changed_world_choices_are_replayed_by_id_and_the_file_stays_unchanged(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "read-again", "to-slope")
    before = path.read_bytes()
    world = changed_world({"Find the slope.": "Look for the slope.", "version: 1.0.0": "version: 1.1.0"})
    session, notes = resumed_session(tmp_path, world=world)
    assert notes == (
        "The world has changed since 001-run.jsonl was played (then 1.0.0, now 1.1.0).",
        "It stays unchanged; the next choice begins a sibling of it.",
    )
    assert session.run.at == 3
    session.choose("let-be")
    close_session(session)
    assert path.read_bytes() == before
    header = read_run(tmp_path, 2).header
    assert (header.version, header.hash, header.parent) == ("1.1.0", world.hash, (1, 3))


def test_on_a_changed_world_the_replay_ends_at_the_first_choice_not_offered(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "read-again", "to-slope")
    before = path.read_bytes()
    session, notes = resumed_session(tmp_path, world=changed_world({"read-again:": "read-once-more:"}))
    assert (
        notes[1]
        == "001-run.jsonl diverged at turn 2: 'read-again' is not on offer in 'question', nor anywhere: no choice has that id."
    )
    assert session.run.at == 1
    session.choose("read-once-more")
    close_session(session)
    assert path.read_bytes() == before
    assert choices_of(tmp_path, 2) == ["read-question", "read-once-more"]


def test_a_run_whose_file_was_removed_continues_in_another(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question", "read-again") as session:
        run_file(tmp_path).unlink()
        session.choose("to-slope")
        assert choices_of(tmp_path) == ["read-question", "read-again", "to-slope"]
        assert read_run(tmp_path).header.parent is None
        run_file(tmp_path).write_bytes(b"")
        session.choose("let-be")
    assert choices_of(tmp_path, 2) == ["read-question", "read-again", "to-slope", "let-be"]
    assert read_run(tmp_path, 2).header.parent is None


def test_a_run_whose_folder_was_removed_is_not_its_own_parent(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        rmtree(tmp_path / WORLD)
        session.choose("read-again")
    assert choices_of(tmp_path) == ["read-question", "read-again"]
    assert read_run(tmp_path).header.parent is None


def test_a_fork_of_a_run_removed_since_has_no_parent(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question", "read-again")
    store = make_store(tmp_path)
    stored = store.fork("1", 1)
    path.unlink()
    session = Session(store, stored)
    session.choose("to-slope")
    close_session(session)
    assert read_run(tmp_path).header.parent is None


def test_a_run_whose_file_was_replaced_continues_in_another(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        (tmp_path / "other").write_bytes(run_file(tmp_path).read_bytes())
        (tmp_path / "other").replace(run_file(tmp_path))
        before = run_file(tmp_path).read_bytes()
        session.choose("to-slope")
    assert run_file(tmp_path).read_bytes() == before
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]


def test_choosing_what_was_undone_shows_the_recorded_word(tmp_path: Path) -> None:
    session = new_session(tmp_path, temperature=5.0, seed=3)
    session.choose("say-now")
    drawn = session.run.turns[0].word
    close_session(session)
    path = run_file(tmp_path)
    path.write_text(path.read_text().replace('"temperature":5.0', '"temperature":0.0'))
    resumed, _ = resumed_session(tmp_path)
    COMMANDS["undo"].run(resumed, "")
    events = resumed.choose("say-now")
    assert drawn != "dark"
    assert f"It says “{drawn}”." in printed_text(events, resumed, columns=200)
    close_session(resumed)


# -- disks that cannot be written --------------------------------------------------------------------------------------

NOT_SAVED = "the choice could not be saved, so it was not taken: "


def test_a_folder_that_cannot_be_written_rejects_the_choice() -> None:
    session = new_session(Path("/proc/self/fdinfo"))
    opening = session.run
    assert answer(session, "1") == [Rejected(f"{NOT_SAVED}/proc/self/fdinfo/first-light: No such file or directory")]
    assert session.run == opening


def test_a_folder_that_becomes_read_only_rejects_the_choice_and_the_next_one_works(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    real = os.open

    def read_only(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, mode)

    with patch("os.open", read_only):
        assert answer(session, "1") == [Rejected(f"{NOT_SAVED}{runs_folder(tmp_path)}: Read-only file system")]
    session.choose("read-question")
    close_session(session)
    assert choices_of(tmp_path) == ["read-question"]


def test_a_saves_path_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "saves").write_text("a file\n")
    with pytest.raises(RunError) as caught:
        new_session(tmp_path / "saves")
    assert str(caught.value) == f"{tmp_path}/saves/first-light: cannot be read: Not a directory"


def test_a_dangling_link_rejects_the_choice(tmp_path: Path) -> None:
    (tmp_path / "saves").symlink_to(tmp_path / "nowhere")
    session = new_session(tmp_path / "saves")
    assert answer(session, "1") == [Rejected(f"{NOT_SAVED}{tmp_path}/saves/first-light: File exists")]


def test_a_file_that_cannot_be_written_is_continued_as_a_sibling(tmp_path: Path) -> None:
    path = write_run(tmp_path, "read-question")
    real = os.open

    def denied(target: Path, flags: int, mode: int = 0o777) -> int:
        if Path(target) == path:
            raise OSError(errno.EACCES, "Permission denied")
        return real(target, flags, mode)

    with patch("os.open", denied):
        session, notes = resumed_session(tmp_path)
    assert notes[0] == "001-run.jsonl is being played elsewhere or cannot be written."
    session.choose("to-slope")
    close_session(session)
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]


@contextmanager
def limit_file_size(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_rejects_the_first_choice_and_leaves_no_file(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    with limit_file_size(100):
        (refused,) = answer(session, "1")
    assert refused == Rejected(f"{NOT_SAVED}{runs_folder(tmp_path)}: File too large")
    assert [path.name for path in runs_folder(tmp_path).iterdir()] == [".lock"]
    assert (session.run.at, session.recorder.label) == (0, None)
    session.choose("read-question")
    close_session(session)
    assert choices_of(tmp_path) == ["read-question"]


def test_a_disk_that_fills_at_any_byte_rejects_the_choice_and_the_next_one_works(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        before = run_file(tmp_path).read_bytes()
        for room in range(0, 60, 3):
            with limit_file_size(len(before) + room):
                (refused,) = answer(session, "to-slope")
            assert refused == Rejected(f"{NOT_SAVED}{run_file(tmp_path)}: File too large")
            assert run_file(tmp_path).read_bytes() == before
            assert session.run.state.scene == "question"
        session.choose("to-slope")
    assert choices_of(tmp_path) == ["read-question", "to-slope"]


def test_a_full_disk_rejects_undo(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        with limit_file_size(run_file(tmp_path).stat().st_size):
            (refused,) = answer(session, "undo")
        assert refused == Rejected(f"the cursor could not be saved, so it was not moved: {run_file(tmp_path)}: File too large")
        assert session.run.at == 1
        answer(session, "undo")
        assert session.run.at == 0


def test_a_full_disk_rejects_a_sibling_and_leaves_the_run_unchanged(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question", "read-again") as session:
        COMMANDS["undo"].run(session, "")
        with limit_file_size(50):
            (refused,) = answer(session, "to-slope")
        assert isinstance(refused, Rejected)
        assert (session.recorder.label, session.run.at, len(session.run.turns)) == ("first-light/1", 1, 2)
        session.choose("read-again")
    assert run_file_names(tmp_path) == ["001-run.jsonl"]


def test_a_failed_sync_rejects_the_choice(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        before = run_file(tmp_path).read_bytes()
        with patch("os.fsync", side_effect=OSError(errno.EIO, "Input/output error")):
            assert answer(session, "to-slope") == [Rejected(f"{NOT_SAVED}{run_file(tmp_path)}: Input/output error")]
        assert run_file(tmp_path).read_bytes() == before


def test_a_file_that_cannot_be_read_rejects_the_choice(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        with patch("os.pread", side_effect=OSError(errno.EIO, "Input/output error")):
            assert answer(session, "to-slope") == [Rejected(f"{NOT_SAVED}{run_file(tmp_path)}: Input/output error")]
        assert session.run.at == 1


def test_a_lock_is_held_until_the_session_is_closed(tmp_path: Path) -> None:
    with open_session(tmp_path, "read-question") as session:
        with run_file(tmp_path).open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        close_session(session)
        with run_file(tmp_path).open() as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


# -- commands to resume ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world_argument", "saves", "expected"),
    [
        ("", "else where", "forward-pass play first-light --load 1 --saves 'else where'"),
        ("./my worlds/first-light", "", "forward-pass play './my worlds/first-light' --load 1"),
        ("forward-pass", "", "forward-pass play --load 1"),
    ],
)
def test_the_resume_command_names_the_world_and_the_folder_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world_argument: str, saves: str, expected: str
) -> None:
    monkeypatch.setenv("FORWARD_PASS_SAVES", str(tmp_path))
    with open_session(tmp_path, "say-now") as session:
        store = RunStore(Path(saves or tmp_path), session.world, session.inspector, make_header, world_argument)
        assert store.play_command(session.recorder) == expected


def test_leaving_prints_the_run_and_the_resume_command(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    assert session.quit_event().text == "Nothing was chosen, so no run was begun."
    session.choose("say-now")
    expected = f"Kept as first-light/1. To go on:\nforward-pass play first-light --load 1 --saves {tmp_path}"
    assert session.quit_event().text == expected
    other, _ = resumed_session(tmp_path)
    assert other.quit_event().text == "Left as it was kept."
    close_session(session)
    close_session(other)


def test_an_imported_run_that_cannot_be_renamed_is_stored_under_the_default_name(tmp_path: Path) -> None:
    with (
        open_session(tmp_path / "theirs", "feel-slope") as session,
        patch.object(Path, "rename", side_effect=OSError(28, "full")),
    ):
        path = make_store(tmp_path / "mine").import_run(make_header(Prior()), session.run, "a-name")
    assert path.name == "001-run.jsonl"
    assert choices_of(tmp_path / "mine") == ["feel-slope"]
