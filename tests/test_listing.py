"""Stored runs listed: a line for each, and the endings that any of them has reached."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest

from building import first_light
from fixtures_play import TO_ENDINGS, new_session, open_session, printed_text, runs_folder, write_run
from forward_pass.errors import RunError
from forward_pass.session.commands import COMMANDS
from forward_pass.session.input import answer
from forward_pass.storage import listing
from forward_pass.storage.listing import EarlierRuns, earlier_runs, summaries
from forward_pass.story.state import Prior


def test_the_endings_found_are_those_that_any_stored_run_has_reached(tmp_path: Path) -> None:
    assert earlier_runs(runs_folder(tmp_path), first_light()).found == frozenset()
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    with open_session(tmp_path, *TO_ENDINGS["the-loop"]) as session:
        COMMANDS["undo"].run(session, "3")
    (runs_folder(tmp_path) / "009-odd.jsonl").write_text("odd\n")
    assert earlier_runs(runs_folder(tmp_path), first_light()).found == {"half-said", "the-loop"}
    assert new_session(tmp_path).recorder.prior == Prior(10, frozenset({"half-said", "the-loop"}))


def test_what_earlier_runs_say_follows_their_files(tmp_path: Path) -> None:
    folder, world = runs_folder(tmp_path), first_light()
    earlier = EarlierRuns(folder, world)

    def said() -> Prior:
        prior = earlier.prior()
        assert prior == earlier_runs(folder, world)  # as one finds it who asks for the first time
        return prior

    assert said() == Prior(1)
    half_said, loop = (write_run(tmp_path, *TO_ENDINGS[ending]) for ending in ("half-said", "the-loop"))
    assert said().found == {"half-said", "the-loop"}
    lines = loop.read_text(encoding="utf8").splitlines(keepends=True)
    loop.write_text("".join(lines[:-1]), encoding="utf8")
    assert said().found == {"half-said"}
    with loop.open("a", encoding="utf8") as file:
        file.write(lines[-1])
    assert said().found == {"half-said", "the-loop"}
    half_said.unlink()
    assert said() == Prior(3, frozenset({"the-loop"}))


def test_a_file_of_an_earlier_run_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, read = runs_folder(tmp_path), list[str]()
    paths = [write_run(tmp_path, *TO_ENDINGS["half-said"]) for _ in range(2)]

    def read_and_note(path: Path) -> bytes:
        read.append(path.name)
        return path.read_bytes()

    monkeypatch.setattr(listing, "read_bytes", read_and_note)
    earlier = EarlierRuns(folder, first_light())
    assert earlier.prior() == earlier.prior()
    with paths[1].open("a", encoding="utf8") as file:
        file.write("\n")
    earlier.prior()
    assert sorted(read[:2]) == [path.name for path in paths]
    assert read[2:] == [paths[1].name]


def test_a_file_that_could_not_be_read_is_read_the_next_time(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    earlier = EarlierRuns(runs_folder(tmp_path), first_light())
    with patch.object(listing, "read_bytes", side_effect=RunError("held elsewhere")):
        assert earlier.prior() == Prior(2)
    assert earlier.prior() == Prior(2, frozenset({"half-said"}))


def test_runs_are_listed_with_their_words_and_cursors(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["the-loop"])
    with open_session(tmp_path, "read-question", "stop-reading") as session:
        COMMANDS["undo"].run(session, "")
        session.choose("to-slope")
    (runs_folder(tmp_path) / "009-odd.jsonl").write_text("odd\n")
    assert [str(summary) for summary in summaries(runs_folder(tmp_path), first_light())] == [
        "  1  run: 4 turns, ended: Again, said “dark again” (2021-03-22)",
        "  2  run: turn 1 of 2, after “Read the question again, slowly this time” (2021-03-22)",
        "  3  run: 2 turns, after “Enough reading. Find the slope” (2021-03-22, a branch of 2 at turn 1)",
        f"  9  odd: {runs_folder(tmp_path)}/009-odd.jsonl:1:1: not a run file of Forward Pass",
    ]


def test_in_play_any_kept_run_can_be_computed_again(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["the-loop"])
    with open_session(tmp_path, "read-question") as session:

        def told(typed: str) -> str:
            return " ".join(printed_text(answer(session, typed), session).split())

        assert told("replay") == "1 of 1 turns identical"
        assert told("replay 1") == "run 1: 4 of 4 turns identical"
        assert told("replay run") == "run is ambiguous: 1 (run), 2 (run); give the number"
        path = runs_folder(tmp_path) / "001-run.jsonl"
        path.write_text(path.read_text(encoding="utf8").replace('"scene":"', '"scene":"not-', 1), encoding="utf8")
        assert "run 1: diverged at turn 1 of 4: it led to" in told("replay 1")
        assert told("replay 9").startswith("No run is called 9")


def test_load_without_a_run_lists_them(tmp_path: Path) -> None:
    with open_session(tmp_path / "none") as session:
        assert printed_text(answer(session, "load"), session) == "\nNo run is kept yet: the first choice begins one."
    with open_session(tmp_path, "say-now") as session:
        *rows, _, hint = printed_text(answer(session, "load"), session).strip("\n").split("\n")
        assert (
            " ".join(" ".join(rows).split())
            == "1 run: 1 turn, after “Say something at once, in case this is short”, said “dark” (2021-03-22)"
        )
        assert hint == "To go on with one: load NUMBER, or load NAME."


def test_a_run_that_said_a_line_end_is_still_one_line(tmp_path: Path) -> None:
    path = write_run(tmp_path, *TO_ENDINGS["the-usual-order"])
    header, *turns = path.read_text(encoding="utf8").splitlines()
    spoken = next(turn for turn in map(json.loads, turns) if turn.get("word"))
    said = [json.dumps({**spoken, "word": word}) for word in ("dark", "\n", "Q:")]
    path.write_text("\n".join([header, *said]) + "\n", encoding="utf8")
    (summary,) = summaries(runs_folder(tmp_path), first_light())
    assert "said “dark Q:”" in f"{summary}"
