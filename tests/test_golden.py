"""Golden play, found by glob: each run live, by replay, and with a save and load after every turn, says the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import bless
from bless import GOLDEN, HELP, begun, came_to, golden_files, help_texts, live, read_golden, resumed, settings
from fixtures_play import ROOT, command, printed_text, store_of
from forward_pass.session.plain_text import opening_lines
from forward_pass.session.session import Event, SceneEntered, Session, TokenDecoded
from forward_pass.session.transcript import then_text, turn_distribution
from forward_pass.storage.journal import read_journal
from forward_pass.storage.replay import replay_run
from forward_pass.story.history import Run, at_turn

HOW = "run `make bless`, and look at what has changed"
NAMES = {str(path.relative_to(GOLDEN)): path for path in golden_files()}


def test_there_are_golden_plays() -> None:
    assert {path.parent.name for path in golden_files()} >= {"first-light", "forward-pass"}


@pytest.mark.parametrize("world", ["first-light", "forward-pass"])
def test_every_ending_of_a_world_has_one(world: str) -> None:
    ends = {read_golden(path).came["ends"] for path in golden_files() if path.parent.name == world}
    assert ends == set(bless.opened(world)[0].endings)


@pytest.mark.parametrize("name", NAMES)
def test_played_live_it_says_the_same(name: str, tmp_path: Path) -> None:
    golden = read_golden(NAMES[name])
    said, play = live(golden, tmp_path)
    assert said == golden.text, HOW
    assert came_to(play) == golden.came, HOW


@pytest.mark.parametrize("name", NAMES)
def test_played_by_the_command_it_says_the_same(name: str, tmp_path: Path) -> None:
    golden = read_golden(NAMES[name])
    bless.inherit(golden, tmp_path)
    chance = ("--temperature", f"{golden.temperature}", "--seed", f"{golden.seed}")
    typed = "".join(f"{line}\n" for line in (*golden.typed, "quit"))
    done = command("play", golden.world, "--plain", *chance, typed=typed, FORWARD_PASS_SAVES=str(tmp_path))
    assert (done.code, done.err, done.out) == (0, "", golden.text), HOW


@pytest.mark.parametrize("name", NAMES)
def test_walked_again_it_says_the_same(name: str, tmp_path: Path) -> None:
    golden = read_golden(NAMES[name])
    _, play = live(golden, tmp_path)
    path = sorted(tmp_path.glob("*/*.jsonl"))[len(golden.after)]
    journal = read_journal(path)
    outcome = replay_run(play.world, play.pass_port, journal, len(journal.turns))
    assert (outcome.differences, outcome.notes) == ((), ())
    assert outcome.run == play.run
    parts = [opening(begun(golden, tmp_path / "none"))]
    for number, typed in enumerate(golden.typed, 1):
        here = Session(play.world, play.pass_port, play.store, at_turn(outcome.run, number))
        parts.append(f"\n> {typed}\n{printed_text(told(outcome.run, number), here)}\n")
    assert golden.text.startswith("".join(parts))
    assert len(golden.typed) == len(outcome.run.turns)


def told(run: Run, number: int) -> list[Event]:
    """Return what a turn of a run came to."""
    turn, then = run.turns[number - 1], then_text(run, number)
    if turn.word is None:
        return [SceneEntered(at_turn(run, number), then)]
    return [
        TokenDecoded(turn.state.token - 1, turn_distribution(run, turn), turn, then),
        SceneEntered(at_turn(run, number), ""),
    ]


def opening(play: Session) -> str:
    """Return what is said before anything is typed."""
    return "\n".join(opening_lines(play, 72)) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_with_a_save_and_load_after_every_turn_it_says_the_same(name: str, tmp_path: Path) -> None:
    golden = read_golden(NAMES[name])
    play = begun(golden, tmp_path)
    parts = [opening(play)]
    for typed in golden.typed:
        parts.append(f"\n> {typed}\n{printed_text(play.answer(typed), play)}\n")
        run = play.run
        store_of(play).close()
        play = resumed(golden, tmp_path)
        assert play.run == run
    with settings(tmp_path):
        parts.append(f"\n> quit\n{printed_text(play.answer('quit'), play)}\n")
    store_of(play).close()
    assert "".join(parts) == golden.text


def test_every_help_text_is_kept_and_no_other() -> None:
    assert {path.name for path in HELP.glob("*.txt")} == {path.name for path in help_texts()}, HOW


OLDER_HELP = pytest.mark.skipif(sys.version_info >= (3, 13), reason="from Python 3.13 on, argparse says some options otherwise")


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
