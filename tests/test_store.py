"""Runs on disk: what is appended when, what begins a sibling, what is left alone, and what happens when a disk is full."""

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
from unittest.mock import patch

import pytest

from fixtures_play import (
    TO_ENDINGS,
    WORLD,
    begun_play,
    changed_world,
    choices_of,
    files,
    first_light,
    folder,
    header,
    journal,
    keeper,
    kept_by,
    let_go,
    played,
    playing,
    resumed_play,
    run_file,
    said,
)
from forward_pass.errors import RunError
from forward_pass.session.session import Rejected, Session
from forward_pass.storage.journal import read_journal
from forward_pass.storage.store import import_run
from forward_pass.story.state import Prior


def rows(path: Path) -> list[dict[str, object]]:
    """Return the lines of a run's file."""
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


# -- a line a turn ----------------------------------------------------------------------------------------------------


def test_nothing_is_kept_before_the_first_choice(tmp_path: Path) -> None:
    play = begun_play(tmp_path / "saves")
    assert play.store.label is None
    assert not (tmp_path / "saves").exists()


def test_a_run_appears_at_its_first_choice_as_number_one(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        assert files(tmp_path) == ["001-run.jsonl"]
        assert play.store.label == "first-light/1"


def test_a_turn_is_its_choice_its_scene_the_drawn_word_and_a_digest(tmp_path: Path) -> None:
    header, first, second = rows(played(tmp_path, "read-question", "stop-reading"))
    assert list(header) == ["format", "world", "version", "hash", "weights", "seed", "temperature", "facts", "made", "sum"]
    assert header["hash"] == first_light().hash
    assert header["facts"] == {"instantiation": 1, "found": []}
    assert list(first) == ["choice", "scene", "digest"]
    assert (first["choice"], first["scene"]) == ("read-question", "question")
    assert list(second) == ["choice", "scene", "word", "p", "digest"]
    assert (second["word"], second["p"]) == ("dark", 0.81)
    digests = [str(first["digest"]), str(second["digest"])]
    assert all(len(digest) == 16 and set(digest) <= set("0123456789abcdef") for digest in digests)


def test_a_digest_depends_on_every_turn_before_it(tmp_path: Path) -> None:
    straight = journal(tmp_path / "a") if played(tmp_path / "a", "read-question", "to-slope") else None
    other = journal(tmp_path / "b") if played(tmp_path / "b", "feel-slope", "reread", "to-slope") else None
    assert straight is not None
    assert other is not None
    assert straight.turns[-1].scene == other.turns[-1].scene
    assert straight.turns[-1].digest != other.turns[-1].digest


def test_a_turn_takes_at_most_a_hundred_bytes_apart_from_probabilities(tmp_path: Path) -> None:
    for choices in TO_ENDINGS.values():
        played(tmp_path, *choices)
    for name in files(tmp_path):
        for row in rows(folder(tmp_path) / name)[1:]:
            line = json.dumps({key: value for key, value in row.items() if key != "p"}, separators=(",", ":"))
            assert len(line.encode()) + 1 <= 100


def test_every_turn_is_on_the_disk_before_it_is_made(tmp_path: Path) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(file: int) -> None:
        if S_ISREG(os.fstat(file).st_mode):
            synced.append(os.fstat(file).st_size)
        real(file)

    with patch("os.fsync", fsync), playing(tmp_path, "read-question", "to-slope") as play:
        play.undo("")
    lines = run_file(tmp_path).read_bytes().splitlines(keepends=True)
    assert synced == [sum(map(len, lines[:count])) for count in (2, 3, 4)]


# -- undo, redo, siblings -----------------------------------------------------------------------------------------------


def test_going_back_and_forth_appends_where_the_run_stands(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again", "to-slope") as play:
        play.undo("2")
        play.redo("")
        play.move(0)
    assert [row["at"] for row in rows(run_file(tmp_path)) if "at" in row] == [1, 2, 0]
    assert journal(tmp_path).at == 0
    assert len(journal(tmp_path).turns) == 3


def test_the_choice_that_was_undone_moves_along_the_run_and_nothing_is_lost(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again", "to-slope") as play:
        play.undo("3")
        play.choose("read-question")
        assert len(play.run.turns) == 3
        assert play.run.at == 1
    assert files(tmp_path) == ["001-run.jsonl"]
    assert rows(run_file(tmp_path))[-2:] == [
        {"at": 0, "turn": ""},
        {"at": 1, "turn": journal(tmp_path).turns[0].digest},
    ]


def test_another_choice_begins_a_sibling_and_changes_no_byte_of_the_run(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again", "stop-reading") as play:
        play.undo("2")
        before = run_file(tmp_path).read_bytes()
        play.choose("to-slope")
        assert run_file(tmp_path).read_bytes() == before
        assert play.store.label == "first-light/2"
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]
    one, two = rows(run_file(tmp_path)), rows(run_file(tmp_path, 2))
    assert two[1] == one[1]
    assert two[0]["parent"] == [1, 1]
    assert {**two[0], "parent": None, "sum": None} == {**one[0], "parent": None, "sum": None}


def test_a_sibling_inherits_what_was_known_when_its_parent_began(tmp_path: Path) -> None:
    played(tmp_path, *TO_ENDINGS["half-said"])
    with playing(tmp_path, "read-question", "stop-reading") as play:
        play.undo("")
        played(tmp_path, *TO_ENDINGS["the-loop"])
        play.choose("to-slope")
    facts = journal(tmp_path, 4).header.prior
    assert facts == journal(tmp_path, 2).header.prior
    assert (facts.instantiation, facts.found) == (2, frozenset({"half-said"}))


def test_a_sibling_draws_as_its_parent_does(tmp_path: Path) -> None:
    play = begun_play(tmp_path, temperature=0.7, seed=99)
    for choice in ("feel-slope", "undo", "say-now"):
        play.answer(choice)
    let_go(play)
    assert (journal(tmp_path, 2).header.seed, journal(tmp_path, 2).header.temperature) == (99, 0.7)


def test_siblings_can_have_siblings(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        for choice in ("feel-slope", "say-now"):
            play.move(0)
            play.choose(choice)
    assert [journal(tmp_path, number).header.parent for number in (1, 2, 3)] == [None, (1, 0), (2, 0)]


def test_a_refused_choice_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        before = run_file(tmp_path).read_bytes()
        for typed in ("think-electric", "let-be", "nonsense", "9", "undo x", "redo", "load 7"):
            assert isinstance(play.answer(typed)[0], Rejected)
        assert run_file(tmp_path).read_bytes() == before


# -- taking up again ----------------------------------------------------------------------------------------------------


def test_a_run_goes_on_where_it_was_left_in_the_same_file(tmp_path: Path) -> None:
    played(tmp_path, "read-question", "read-again")
    play, notes = resumed_play(tmp_path)
    assert notes == ()
    assert play.run.at == 2
    play.choose("to-slope")
    let_go(play)
    assert files(tmp_path) == ["001-run.jsonl"]
    assert choices_of(tmp_path) == ["read-question", "read-again", "to-slope"]


def test_a_run_goes_on_at_its_cursor_and_can_be_redone(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again", "to-slope") as play:
        play.undo("2")
    again, _ = resumed_play(tmp_path)
    assert (again.run.at, len(again.run.turns)) == (1, 3)
    again.redo("2")
    assert again.run.state.scene == "slope"
    let_go(again)


def test_what_is_kept_and_taken_up_again_is_the_same_run(tmp_path: Path) -> None:
    for choices in TO_ENDINGS.values():
        with playing(tmp_path, *choices) as play:
            number = kept_by(play).number
        again, _ = resumed_play(tmp_path, str(number))
        assert again.run.turns == play.run.turns
        assert again.run.opening == play.run.opening
        let_go(again)


def test_a_run_that_another_process_holds_is_continued_as_a_sibling(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again") as held:
        play, notes = resumed_play(tmp_path)
        assert notes == (
            "001-run.jsonl is being played elsewhere or cannot be written.",
            "It stays as it is; the next choice begins a sibling of it.",
        )
        before = run_file(tmp_path).read_bytes()
        assert play.quit_event().text == "Left as it was kept."
        play.undo("")
        play.choose("read-again")
        assert run_file(tmp_path).read_bytes() == before
        assert play.store.label == "first-light/2"
        held.choose("to-slope")
        let_go(play)
    assert choices_of(tmp_path, 1) == ["read-question", "read-again", "to-slope"]
    assert choices_of(tmp_path, 2) == ["read-question", "read-again"]
    assert journal(tmp_path, 2).header.parent == (1, 1)


def test_the_lock_ends_with_whoever_had_it(tmp_path: Path) -> None:
    played(tmp_path, "read-question")
    play, notes = resumed_play(tmp_path)
    assert notes == ()
    other, held = resumed_play(tmp_path)
    assert held
    let_go(play)
    let_go(other)
    third, free = resumed_play(tmp_path)
    assert free == ()
    let_go(third)


def test_loading_the_run_in_play_goes_on_in_its_file(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again") as play:
        play.undo("")
        assert "elsewhere" not in said(play.answer("load 1"), play)
        assert (play.run.at, len(play.run.turns)) == (1, 2)
        play.choose("read-again")
        play.choose("to-slope")
    assert files(tmp_path) == ["001-run.jsonl"]
    assert choices_of(tmp_path) == ["read-question", "read-again", "to-slope"]


def test_loading_what_is_no_run_lets_the_run_in_play_go_on(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        (folder(tmp_path) / "007-odd.jsonl").write_text("hello\n")
        assert play.answer("load 7") == [
            Rejected(f"{folder(tmp_path)}/007-odd.jsonl:1:1: this is not a run of Forward Pass, and it is left alone")
        ]
        run_file(tmp_path).write_bytes(b"spoilt\n")
        assert isinstance(play.answer("load 1")[0], Rejected)
        assert play.store.label == "first-light/1"
    assert (folder(tmp_path) / "007-odd.jsonl").read_text() == "hello\n"


def test_restarting_begins_another_run_and_keeps_the_one_before(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        assert said(play.answer("restart"), play).startswith("\nThe run before this one is kept as first-light/1.\n")
        assert play.store.label is None
        play.choose("say-now")
    assert (choices_of(tmp_path, 1), choices_of(tmp_path, 2)) == (["read-question"], ["say-now"])
    assert journal(tmp_path, 2).header.prior.instantiation == 2
    assert journal(tmp_path, 2).header.parent is None


def test_a_restart_that_cannot_look_for_runs_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        with patch("forward_pass.storage.listing.list_run_files", side_effect=RunError("nothing to be seen")):
            assert play.answer("restart") == [Rejected("nothing to be seen")]
        play.choose("to-slope")
    assert choices_of(tmp_path) == ["read-question", "to-slope"]


def test_a_run_of_another_world_is_not_taken_up(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question")
    path.write_text(path.read_text().replace('"world":"first-light"', '"world":"elsewhere"'))
    with pytest.raises(RunError) as caught:
        keeper(tmp_path).resume("1")
    assert str(caught.value) == f"{path} is a run of elsewhere, this is first-light"


def test_a_file_that_lies_elsewhere_is_gone_on_with_where_it_lies(tmp_path: Path) -> None:
    path = played(tmp_path / "there", "read-question")
    play, notes = resumed_play(tmp_path / "here", str(path))
    assert notes == ()
    assert play.store.label == str(path)
    assert f"--load {path} --saves {tmp_path / 'here'}" in play.store.resume_command
    play.choose("to-slope")
    assert isinstance(play.answer("save mine")[0], Rejected)
    play.undo("")
    play.choose("stop-reading")
    let_go(play)
    assert [turn.choice for turn in read_journal(path).turns] == ["read-question", "to-slope"]
    assert choices_of(tmp_path / "here") == ["read-question", "stop-reading"]
    assert journal(tmp_path / "here").header.parent is None


# -- names --------------------------------------------------------------------------------------------------------------


def test_a_run_is_named_by_its_file_and_goes_on_in_it(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        assert said(play.answer("save the slow way"), play) == "\nThe run is named the-slow-way as first-light/1."
        play.choose("to-slope")
    assert files(tmp_path) == ["001-the-slow-way.jsonl"]
    assert choices_of(tmp_path) == ["read-question", "to-slope"]
    again, _ = resumed_play(tmp_path, "the-slow-way")
    assert again.run.at == 2
    let_go(again)


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "-flag", "x" * 61, "esc\x1b[m", "a.b", "\u202e"])
def test_what_cannot_be_a_name_is_refused(tmp_path: Path, name: str) -> None:
    with playing(tmp_path, "read-question") as play:
        assert play.answer(f"save {name}") == [
            Rejected("a name is letters, digits, - and _, a letter or digit first, at most 60")
        ]
    assert files(tmp_path) == ["001-run.jsonl"]


def test_a_name_that_would_pass_for_a_number_is_refused(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        refused = [Rejected("a name that is only digits would be taken for the number of a run: say, run-2")]
        assert play.answer("save 2") == refused
        assert said(play.answer("save run-2"), play).strip() == "The run is named run-2 as first-light/1."
    assert files(tmp_path) == ["001-run-2.jsonl"]


def test_before_its_first_choice_there_is_nothing_to_name(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    assert play.answer("save x") == [Rejected("there is nothing to name yet: a run is kept from its first choice on")]


def test_saving_without_a_name_says_that_all_is_kept(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        expected = "Every choice is kept already as first-light/1. To name the run: save NAME."
        assert play.answer("save") == [Rejected(expected)]


def test_a_name_that_the_number_has_already_is_not_taken_from_another_file(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        (folder(tmp_path) / "001-other.jsonl").write_text("mine\n")
        assert play.answer("save other") == [Rejected("001-other.jsonl is there already")]
        assert isinstance(play.answer("save run")[0], type(play.answer("help")[0]))
    assert (folder(tmp_path) / "001-other.jsonl").read_text() == "mine\n"


def test_a_run_whose_file_was_moved_away_cannot_be_named(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        run_file(tmp_path).rename(tmp_path / "away")
        assert play.answer("save x") == [Rejected("cannot be named: No such file or directory")]


# -- files that are not as they were written ------------------------------------------------------------------------------


def test_a_torn_last_line_is_dropped_with_a_word_at_every_byte_and_the_run_goes_on(tmp_path: Path) -> None:
    made = ["read-question", "read-again", "stop-reading"]
    then = ["read-question", "stop-reading", "to-slope", "nod-along"]
    path = played(tmp_path, *made)
    whole = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]  # of the header and of each turn
    note = "The last line of 001-run.jsonl was cut short; the choice on it was never answered, and is dropped."
    for cut in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:cut])
        turns = sum(end - 1 <= cut for end in ends[1:])
        play, notes = resumed_play(tmp_path)
        assert notes == (() if cut in ends or cut + 1 in ends else (note,))
        assert play.run.at == turns
        play.choose(then[turns])
        let_go(play)
        assert choices_of(tmp_path) == [*made[:turns], then[turns]]
        assert path.read_bytes().startswith(whole[: ends[turns]])
    assert files(tmp_path) == ["001-run.jsonl"]


def test_an_edited_digest_is_named_and_the_next_choice_begins_a_sibling(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question", "read-again")
    second = journal(tmp_path).turns[1].digest
    path.write_text(path.read_text().replace(second, "0123456789abcdef"))
    before = path.read_bytes()
    play, notes = resumed_play(tmp_path)
    assert notes == (
        f"001-run.jsonl diverged at turn 2: its digest is {second}, the file has 0123456789abcdef. It can be played to turn 1.",
        "It stays as it is; the next choice begins a sibling of it.",
    )
    assert play.run.at == len(play.run.turns) == 1
    play.choose("to-slope")
    let_go(play)
    assert path.read_bytes() == before
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]


def test_an_edited_run_cannot_be_laundered_by_going_on_with_it(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question", "read-again", "to-slope")
    first = journal(tmp_path).turns[0].digest
    path.write_text(path.read_text().replace(first, "0123456789abcdef"))
    play, notes = resumed_play(tmp_path)
    assert notes[0].endswith(f"turn 1: its digest is {first}, the file has 0123456789abcdef. It can be played to turn 0.")
    assert (play.run.at, play.run.turns) == (0, ())
    play.choose("say-now")
    let_go(play)
    assert choices_of(tmp_path, 2) == ["say-now"]


def test_no_branch_is_grown_beyond_an_edited_turn(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question", "read-again", "to-slope")
    second = journal(tmp_path).turns[1].digest
    path.write_text(path.read_text().replace(second, "0123456789abcdef"))
    with pytest.raises(RunError, match=f"cannot be walked to turn 2: it diverged at turn 2: its digest is {second}"):
        keeper(tmp_path).fork("1", 2)
    assert keeper(tmp_path).fork("1", 1).run.at == 1


def test_an_edited_choice_is_named_and_the_good_beginning_stays_playable(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question", "read-again", "stop-reading")
    path.write_text(path.read_text().replace('"choice":"read-again"', '"choice":"let-be"'))
    before = path.read_bytes()
    play, notes = resumed_play(tmp_path)
    assert notes[0] == "001-run.jsonl diverged at turn 2: let-be is not on offer in question."
    assert play.run.at == 1
    play.choose("to-slope")
    let_go(play)
    assert path.read_bytes() == before
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]
    assert journal(tmp_path, 2).header.parent == (1, 1)


def test_an_edited_scene_is_named(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question")
    path.write_text(path.read_text().replace('"scene":"question"', '"scene":"slope"'))
    play, notes = resumed_play(tmp_path)
    assert notes[0] == "001-run.jsonl diverged at turn 1: it led to question, the file has slope. It can be played to turn 0."
    let_go(play)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        ((',"word":"dark","p":0.81', ""), "the decoder came, and the file has no word for it"),
        (('"scene":"question"', '"scene":"question","word":"dark"'), "the pass drew nothing here, the file has 'dark'"),
    ],
)
def test_a_word_that_is_missing_or_too_many_is_named(tmp_path: Path, edit: tuple[str, str], what: str) -> None:
    path = played(tmp_path, "read-question", "stop-reading")
    path.write_text(path.read_text().replace(*edit))
    play, notes = resumed_play(tmp_path)
    assert what in notes[0]
    let_go(play)


def test_a_line_spoilt_in_the_middle_is_named_and_what_stands_before_it_stays_playable(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question", "read-again", "to-slope")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], "spoilt", *lines[3:]]) + "\n")
    before = path.read_bytes()
    play, notes = resumed_play(tmp_path)
    assert notes == (
        f"{path}:3:1: this line is no turn of a run; what stands before it is kept.",
        "It stays as it is; the next choice begins a sibling of it.",
    )
    assert play.run.at == 1
    play.choose("to-slope")
    let_go(play)
    assert path.read_bytes() == before


def test_on_an_edited_world_choices_are_followed_by_their_ids_and_the_run_stays_as_it_is(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question", "read-again", "to-slope")
    before = path.read_bytes()
    world = changed_world({"Find the slope.": "Look for the slope.", "version: 1.0.0": "version: 1.1.0"})
    play, notes = resumed_play(tmp_path, world=world)
    assert notes == (
        "The world has changed since 001-run.jsonl was played (then 1.0.0, now 1.1.0).",
        "It stays as it is; the next choice begins a sibling of it.",
    )
    assert play.run.at == 3
    play.choose("let-be")
    let_go(play)
    assert path.read_bytes() == before
    header = journal(tmp_path, 2).header
    assert (header.version, header.hash, header.parent) == ("1.1.0", world.hash, (1, 3))


def test_on_an_edited_world_the_first_choice_no_longer_on_offer_ends_what_is_followed(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question", "read-again", "to-slope")
    before = path.read_bytes()
    play, notes = resumed_play(tmp_path, world=changed_world({"read-again:": "read-once-more:"}))
    assert notes[1] == "001-run.jsonl diverged at turn 2: read-again is not on offer in question."
    assert play.run.at == 1
    play.choose("read-once-more")
    let_go(play)
    assert path.read_bytes() == before
    assert choices_of(tmp_path, 2) == ["read-question", "read-once-more"]


def test_a_run_whose_file_was_removed_goes_on_in_another(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again") as play:
        run_file(tmp_path).unlink()
        play.choose("to-slope")
        assert choices_of(tmp_path) == ["read-question", "read-again", "to-slope"]
        assert journal(tmp_path).header.parent is None
        run_file(tmp_path).write_bytes(b"")
        play.choose("let-be")
    assert choices_of(tmp_path, 2) == ["read-question", "read-again", "to-slope", "let-be"]
    assert journal(tmp_path, 2).header.parent is None


def test_a_run_whose_folder_was_removed_is_not_its_own_parent(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        rmtree(tmp_path / WORLD)
        play.choose("read-again")
    assert choices_of(tmp_path) == ["read-question", "read-again"]
    assert journal(tmp_path).header.parent is None


def test_a_branch_of_a_run_that_was_removed_meanwhile_has_no_parent(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question", "read-again")
    kept = keeper(tmp_path)
    run, _ = kept.fork("1", 1)
    path.unlink()
    play = Session(kept.world, kept.measure, kept, run)
    play.choose("to-slope")
    let_go(play)
    assert journal(tmp_path).header.parent is None


def test_a_run_whose_file_was_replaced_goes_on_in_another(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        (tmp_path / "other").write_bytes(run_file(tmp_path).read_bytes())
        (tmp_path / "other").replace(run_file(tmp_path))
        before = run_file(tmp_path).read_bytes()
        play.choose("to-slope")
    assert run_file(tmp_path).read_bytes() == before
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]


def test_a_recorded_word_is_shown_where_the_path_is_walked_again(tmp_path: Path) -> None:
    play = begun_play(tmp_path, temperature=5.0, seed=3)
    play.choose("say-now")
    drawn = play.run.turns[0].word
    let_go(play)
    path = run_file(tmp_path)
    path.write_text(path.read_text().replace('"temperature":5.0', '"temperature":0.0'))
    again, _ = resumed_play(tmp_path)
    again.undo("")
    events = again.choose("say-now")
    assert drawn != "dark"
    assert f"It says “{drawn}”." in said(events, again, columns=200)
    let_go(again)


# -- places where nothing can be kept -------------------------------------------------------------------------------------

REFUSED = "the choice could not be kept, so it was not taken: "


def test_in_a_folder_that_cannot_be_written_no_choice_is_taken() -> None:
    play = begun_play(Path("/proc/self/fdinfo"))
    opening = play.run
    assert play.answer("1") == [Rejected(f"{REFUSED}/proc/self/fdinfo/first-light: No such file or directory")]
    assert play.run == opening


def test_a_folder_that_turns_read_only_refuses_the_choice_and_the_next_one_works(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    real = os.open

    def read_only(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, mode)

    with patch("os.open", read_only):
        assert play.answer("1") == [Rejected(f"{REFUSED}{folder(tmp_path)}: Read-only file system")]
    play.choose("read-question")
    let_go(play)
    assert choices_of(tmp_path) == ["read-question"]


def test_a_saves_path_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "saves").write_text("a file\n")
    with pytest.raises(RunError) as caught:
        begun_play(tmp_path / "saves")
    assert str(caught.value) == f"{tmp_path}/saves/first-light: cannot be read: Not a directory"


def test_a_link_to_nowhere_refuses_the_choice(tmp_path: Path) -> None:
    (tmp_path / "saves").symlink_to(tmp_path / "nowhere")
    play = begun_play(tmp_path / "saves")
    assert play.answer("1") == [Rejected(f"{REFUSED}{tmp_path}/saves/first-light: File exists")]


def test_a_file_that_cannot_be_written_is_continued_as_a_sibling(tmp_path: Path) -> None:
    path = played(tmp_path, "read-question")
    real = os.open

    def denied(where: Path, flags: int, mode: int = 0o777) -> int:
        if Path(where) == path:
            raise OSError(errno.EACCES, "Permission denied")
        return real(where, flags, mode)

    with patch("os.open", denied):
        play, notes = resumed_play(tmp_path)
    assert notes[0] == "001-run.jsonl is being played elsewhere or cannot be written."
    play.choose("to-slope")
    let_go(play)
    assert choices_of(tmp_path, 2) == ["read-question", "to-slope"]


@contextmanager
def full(at: int) -> Iterator[None]:
    """Let no file grow beyond some bytes, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_on_a_full_disk_no_run_begins_and_nothing_is_left_lying(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    with full(100):
        (refused,) = play.answer("1")
    assert refused == Rejected(f"{REFUSED}{folder(tmp_path)}: File too large")
    assert [path.name for path in folder(tmp_path).iterdir()] == [".lock"]
    assert (play.run.at, play.store.label) == (0, None)
    play.choose("read-question")
    let_go(play)
    assert choices_of(tmp_path) == ["read-question"]


def test_on_a_full_disk_a_choice_is_not_taken_at_any_byte_and_the_next_one_works(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        before = run_file(tmp_path).read_bytes()
        for room in range(0, 60, 3):
            with full(len(before) + room):
                (refused,) = play.answer("to-slope")
            assert refused == Rejected(f"{REFUSED}{run_file(tmp_path)}: File too large")
            assert run_file(tmp_path).read_bytes() == before
            assert play.run.state.scene == "question"
        play.choose("to-slope")
    assert choices_of(tmp_path) == ["read-question", "to-slope"]


def test_on_a_full_disk_the_run_stays_where_it_is(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        with full(run_file(tmp_path).stat().st_size):
            (refused,) = play.answer("undo")
        assert refused == Rejected(
            f"this could not be kept, so the run stays where it is: {run_file(tmp_path)}: File too large"
        )
        assert play.run.at == 1
        play.answer("undo")
        assert play.run.at == 0


def test_on_a_full_disk_no_sibling_begins_and_the_run_is_as_it_was(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question", "read-again") as play:
        play.undo("")
        with full(50):
            (refused,) = play.answer("to-slope")
        assert isinstance(refused, Rejected)
        assert (play.store.label, play.run.at, len(play.run.turns)) == ("first-light/1", 1, 2)
        play.choose("read-again")
    assert files(tmp_path) == ["001-run.jsonl"]


def test_a_disk_that_cannot_sync_refuses_the_choice(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        before = run_file(tmp_path).read_bytes()
        with patch("os.fsync", side_effect=OSError(errno.EIO, "Input/output error")):
            assert play.answer("to-slope") == [Rejected(f"{REFUSED}{run_file(tmp_path)}: Input/output error")]
        assert run_file(tmp_path).read_bytes() == before


def test_a_file_that_cannot_even_be_looked_at_refuses_the_choice(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        with patch("os.pread", side_effect=OSError(errno.EIO, "Input/output error")):
            assert play.answer("to-slope") == [Rejected(f"{REFUSED}{run_file(tmp_path)}: Input/output error")]
        assert play.run.at == 1


def test_a_signal_that_ends_a_play_lets_its_lock_go(tmp_path: Path) -> None:
    with playing(tmp_path, "read-question") as play:
        with run_file(tmp_path).open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        let_go(play)
        with run_file(tmp_path).open() as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


# -- the way back ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("called", "saves", "expected"),
    [
        ("", "else where", "forward-pass play first-light --load 1 --saves 'else where'"),
        ("./my worlds/first-light", "", "forward-pass play './my worlds/first-light' --load 1"),
        ("forward-pass", "", "forward-pass play --load 1"),
    ],
)
def test_the_way_back_names_what_the_command_line_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str, saves: str, expected: str
) -> None:
    monkeypatch.setenv("FORWARD_PASS_SAVES", str(tmp_path))
    with playing(tmp_path, "say-now") as play:
        kept = kept_by(play)
        kept.world_argument = called or kept.world_argument
        kept.saves = Path(saves) if saves else tmp_path
        assert kept.resume_command == expected


def test_leaving_says_where_the_run_is_and_how_to_go_on(tmp_path: Path) -> None:
    play = begun_play(tmp_path)
    assert play.quit_event().text == "Nothing was chosen, so no run was begun."
    play.choose("say-now")
    expected = f"Kept as first-light/1. To go on:\nforward-pass play first-light --load 1 --saves {tmp_path}"
    assert play.quit_event().text == expected
    other, _ = resumed_play(tmp_path)
    assert other.quit_event().text == "Left as it was kept."
    let_go(play)
    let_go(other)


def test_a_run_from_elsewhere_that_cannot_be_named_is_kept_without_its_name(tmp_path: Path) -> None:
    with playing(tmp_path / "theirs", "feel-slope") as play, patch.object(Path, "rename", side_effect=OSError(28, "full")):
        kept = import_run(tmp_path / "mine" / WORLD, header(Prior()), play.run, "a-name")
    assert kept.name == "001-run.jsonl"
    assert choices_of(tmp_path / "mine") == ["feel-slope"]
