"""Golden transcripts, found by glob: each run played live, replayed, and resumed after every turn prints the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import bless
from bless import (
    GOLDEN,
    HELP,
    golden_files,
    help_texts,
    new_session,
    open_store,
    opened,
    outcome_of,
    play,
    play_before,
    read_golden,
    resumed_session,
    settings,
)
from building import ROOT
from fixtures_play import command, printed_text
from forward_pass.session.events import Event, SceneEntered, TokenDecoded
from forward_pass.session.input import answer
from forward_pass.session.plain_text import opening_lines
from forward_pass.session.session import Session
from forward_pass.session.transcript import then_text, turn_distribution
from forward_pass.storage.journal import read_journal
from forward_pass.storage.replay import replay_run
from forward_pass.storage.store import Stored
from forward_pass.story.history import Run, at_turn

HOW = "run `make bless`, and look at what has changed"
NAMES = {str(path.relative_to(GOLDEN)): path for path in golden_files()}


def test_there_are_golden_runs() -> None:
    assert {path.parent.name for path in golden_files()} >= {"first-light", "forward-pass"}


@pytest.mark.parametrize("world", ["first-light", "forward-pass"])
def test_every_ending_of_a_world_has_one(world: str) -> None:
    ends = {read_golden(path).outcome["ends"] for path in golden_files() if path.parent.name == world}
    assert ends == set(opened(world)[0].endings)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_played_live_prints_the_same(name: str, tmp_path: Path) -> None:
    golden = read_golden(NAMES[name])
    text, run = play(golden, tmp_path)
    assert text == golden.text, HOW
    assert outcome_of(run) == golden.outcome, HOW


@pytest.mark.parametrize("name", NAMES)
def test_a_run_played_by_the_command_prints_the_same(name: str, tmp_path: Path) -> None:
    golden = read_golden(NAMES[name])
    play_before(golden, tmp_path)
    sampling = ("--temperature", f"{golden.temperature}", "--seed", f"{golden.seed}")
    typed = "".join(f"{line}\n" for line in (*golden.typed, "quit"))
    done = command("play", golden.world, "--plain", *sampling, typed=typed, FORWARD_PASS_SAVES=str(tmp_path))
    assert (done.code, done.err, done.out) == (0, "", golden.text), HOW


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_replayed_prints_the_same(name: str, tmp_path: Path) -> None:
    golden = read_golden(NAMES[name])
    _, run = play(golden, tmp_path)
    journal = read_journal(sorted(tmp_path.glob("*/*.jsonl"))[len(golden.after)])
    result = replay_run(run.world, run.inspector, journal, len(journal.turns))
    assert (result.differences, result.notes) == ((), ())
    assert result.run == run
    parts = [opening(new_session(golden, tmp_path / "none"))]
    store = open_store(golden, tmp_path / "none")
    for number, typed in enumerate(golden.typed, 1):
        session = Session(store, Stored(at_turn(run, number), store.new().recorder))
        parts.append(f"\n> {typed}\n{printed_text(turn_events(run, number), session)}\n")
    assert golden.text.startswith("".join(parts))
    assert len(golden.typed) == len(run.turns)


def turn_events(run: Run, number: int) -> list[Event]:
    """Return the events of a turn."""
    turn, entered = run.turns[number - 1], at_turn(run, number)
    then = then_text(run, turn)
    if turn.word is None:
        return [SceneEntered(entered, then)]
    return [TokenDecoded(turn.before.token, turn_distribution(run, turn), turn, then), SceneEntered(entered, "")]


def opening(session: Session) -> str:
    """Return what is printed before anything is typed."""
    return "\n".join(opening_lines(session, 72)) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_resumed_after_every_turn_prints_the_same(name: str, tmp_path: Path) -> None:
    golden = read_golden(NAMES[name])
    session = new_session(golden, tmp_path)
    parts = [opening(session)]
    for typed in golden.typed:
        parts.append(f"\n> {typed}\n{printed_text(answer(session, typed), session)}\n")
        run = session.run
        session.recorder.close()
        session = resumed_session(golden, tmp_path)
        assert session.run == run
    with settings(tmp_path):
        parts.append(f"\n> quit\n{printed_text(answer(session, 'quit'), session)}\n")
    session.recorder.close()
    assert "".join(parts) == golden.text


def test_every_command_has_a_help_text_and_there_is_no_other() -> None:
    assert {path.name for path in HELP.glob("*.txt")} == {path.name for path in help_texts()}, HOW


OLDER_HELP = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="from Python 3.13 on, argparse words some options otherwise"
)


@OLDER_HELP
@pytest.mark.parametrize("path", help_texts(), ids=lambda path: path.stem)
def test_a_help_text_is_as_it_was(path: Path) -> None:
    assert help_texts()[path] == path.read_text(encoding="utf8"), HOW
    assert max(map(len, path.read_text(encoding="utf8").splitlines())) <= 80


@OLDER_HELP
def test_blessing_what_is_golden_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in [*golden_files(), *HELP.glob("*.txt")]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(bless, "ROOT", tmp_path)
    monkeypatch.setattr(bless, "GOLDEN", tmp_path / "tests" / "golden")
    monkeypatch.setattr(bless, "HELP", tmp_path / "tests" / "golden" / "help")
    assert list(bless.bless()) == []


def test_blessing_what_has_changed_shows_it_and_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tests" / "golden" / "first-light" / "new.txt"
    path.parent.mkdir(parents=True)
    path.write_text("play: say-now / 1\ntemperature: 0\nseed: 3\n", encoding="utf8")
    monkeypatch.setattr(bless, "ROOT", tmp_path)
    monkeypatch.setattr(bless, "GOLDEN", tmp_path / "tests" / "golden")
    monkeypatch.setattr(bless, "HELP", tmp_path / "tests" / "golden" / "help")
    path.parent.parent.joinpath("help").mkdir()
    path.parent.parent.joinpath("help", "gone.txt").touch()
    bless.main()
    assert "+Ending: Half Said." in capsys.readouterr().out.splitlines()
    assert read_golden(path).text.startswith("First Light. Instantiation 1.")
    assert not path.parent.parent.joinpath("help", "gone.txt").exists()
    bless.main()
    assert capsys.readouterr().out == "Nothing has changed.\n"
