"""What is kept of a world, listed: a line for each run, and the endings that any of them has reached."""

from __future__ import annotations

from pathlib import Path

from fixtures_play import TO_ENDINGS, begun_play, first_light, folder, played, playing, said
from forward_pass.storage.listing import endings_found, summaries


def test_the_endings_found_are_those_that_any_kept_run_has_reached(tmp_path: Path) -> None:
    assert endings_found(folder(tmp_path), first_light()) == frozenset()
    played(tmp_path, *TO_ENDINGS["half-said"])
    with playing(tmp_path, *TO_ENDINGS["the-loop"]) as play:
        play.undo("3")
    (folder(tmp_path) / "009-odd.jsonl").write_text("odd\n")
    assert endings_found(folder(tmp_path), first_light()) == {"half-said", "the-loop"}
    assert begun_play(tmp_path).store.prior == (10, frozenset({"half-said", "the-loop"}))


def test_runs_are_listed_with_what_they_said_and_where_they_stand(tmp_path: Path) -> None:
    played(tmp_path, *TO_ENDINGS["the-loop"])
    with playing(tmp_path, "read-question", "stop-reading") as play:
        play.undo("")
        play.choose("to-slope")
    (folder(tmp_path) / "009-odd.jsonl").write_text("odd\n")
    assert [str(summary) for summary in summaries(folder(tmp_path), first_light())] == [
        "  1  run: 4 turns, ended: Again, said “dark again” (2021-03-22)",
        "  2  run: turn 1 of 2, in question (2021-03-22)",
        "  3  run: 2 turns, in slope (2021-03-22, a branch of 2 at turn 1)",
        f"  9  odd: {folder(tmp_path)}/009-odd.jsonl:1:1: this is not a run of Forward Pass, and it is left alone",
    ]


def test_load_without_a_run_lists_them(tmp_path: Path) -> None:
    with playing(tmp_path / "none") as play:
        assert said(play.answer("load"), play) == "\nNo run is kept yet: the first choice begins one."
    with playing(tmp_path, "say-now") as play:
        first, _, how = said(play.answer("load"), play).strip("\n").split("\n")
        assert first == "  1  run: 1 turn, in second-morning, said “dark” (2021-03-22)"
        assert how == "To go on with one: load NUMBER, or load NAME."
