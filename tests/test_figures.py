"""What stands below a scene: a look on the page, the decoder's answer, readings as bars, and the pane beside a wide screen."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console, Group

from fixtures_golden import golden
from fixtures_play import open_session
from forward_pass.errors import UsageError
from forward_pass.interface.bars import change_bar
from forward_pass.interface.figures_view import figures_view, shelf_row
from forward_pass.interface.side_pane import beside
from forward_pass.interface.theme import theme
from forward_pass.session.events import Message
from forward_pass.session.figures import (
    answer_of_turn,
    figures_after_scene,
    lines_after_scene,
    looks_of_turn,
)
from forward_pass.session.input import answer
from forward_pass.story.forecast import PlacedAct, leave_out
from forward_pass.story.history import Run, at_turn
from forward_pass.story.interventions import Look

RUNS = ("zero", "clerk", "other-line", "upside-down", "lever", "objection")


def turn_of(run: Run, choice: str) -> int:
    """Return the turn (from 1) that took a choice."""
    return next(number for number, turn in enumerate(run.turns, 1) if turn.choice == choice)


def drawn(run: Run, number: int, columns: int = 72) -> str:
    """Return the figures of a turn as the terminal draws them."""
    out = StringIO()
    console = Console(file=out, width=columns, theme=theme("none"))
    console.print(Group(*figures_view(figures_after_scene(run, number), None, run.world, columns)))
    return out.getvalue()


@pytest.mark.parametrize("name", RUNS)
def test_every_look_is_shown_on_the_page_with_the_attention_that_it_has(name: str) -> None:
    run, _ = golden(name)
    for number, turn in enumerate(run.path, 1):
        made = [] if turn.word is not None else turn.state.acts[-1][len(turn.before.acts[-1]) :]
        looks = [act for act in made if isinstance(run.world.acts[act.name].intervention, Look)]
        readings = looks_of_turn(run, number)
        assert len(readings) == len(looks)
        for reading, act in zip(readings, looks, strict=True):
            look = run.world.acts[act.name].intervention
            assert isinstance(look, Look)
            place = turn.state.acts[-1].index(act)
            keys = (leave_out(turn.state.key, [PlacedAct(len(turn.state.acts) - 1, place, act)]), turn.state.key)
            shares = [sum(run.inspector.attention(key, turn.state.layer)[look.start : look.stop]) for key in keys]
            assert reading.shares == pytest.approx(tuple(shares))
            document = (*run.world.prompt, *turn.state.words)
            words = [word for word in document[look.start : look.stop] if word != "\n"]
            shown = [word for line in reading.lines for word, looked in line if looked]
            assert words[: len(shown)] == shown
            assert reading.more or shown == words


def test_a_look_is_told_in_a_line_and_painted() -> None:
    run, _ = golden("clerk")
    number = turn_of(run, "look-awake")
    (line,) = [line for line in lines_after_scene(run, number) if line.startswith("[Looked at")]
    assert "“A: I am awake.”" in line
    assert "of all looking; without the look," in line
    text = drawn(run, number)
    assert "Looked at, on the page:" in text
    assert "  A: I am awake." in text


@pytest.mark.parametrize("name", RUNS)
def test_who_asks_early_hears_the_next_word_and_nothing_that_is_sealed(name: str) -> None:
    run, _ = golden(name)
    heard = told = 0
    for number, turn in enumerate(run.path, 1):
        reading = answer_of_turn(run, number)
        if reading is None:
            continue
        heard += 1
        assert turn.state.token < run.world.telling_token
        assert turn.taken(run.world).node.verb == "ask"
        assert reading.top == tuple(run.inspector.distribution(turn.state.key).likeliest(3))
        figures = figures_after_scene(run, number)
        assert (figures == [reading]) == ("The one above would say next: “" in " ".join(lines_after_scene(run, number)))
        told += figures == [reading]
    assert heard
    assert told


def test_a_change_is_drawn_as_what_is_kept_gained_and_lost() -> None:
    assert change_bar(0.5, 0.25, 80) == "█" * 6 + "░" * 6
    assert change_bar(0.25, 0.5, 80) == "█" * 6 + "▓" * 6
    assert change_bar(0.0, 0.001, 80) == "▏"
    assert change_bar(1, 0, 40) == "░" * 10


def test_a_reading_has_a_row_for_each_word_and_a_note_its_shelves() -> None:
    run, _ = golden("zero")
    text = drawn(run, turn_of(run, "half-doubt"))
    assert "“two”   0.48 → 0.18   ████░░░░░░░░" in text
    assert "▓ gained, ░ lost" in text
    note = drawn(run, turn_of(run, "pen-honest"))
    assert f"shelves 32 {'·' * 9}{'▤' * 32} 72" in note
    assert "is shown at 402, layer 41, at the latest" in " ".join(note.split())
    assert "Now shown: “be honest”" in drawn(run, turn_of(run, "needless-shelf"))
    assert shelf_row((41, 72), run.world, 40).plain.count("▤") == 16


@pytest.mark.parametrize("name", RUNS)
def test_beside_a_wide_scene_stand_the_page_the_number_and_what_was_done(name: str) -> None:
    run, _ = golden(name)
    for number in range(run.at):
        out = StringIO()
        there = at_turn(run, number)
        Console(file=out, width=139, theme=theme("none")).print(beside("the scene", there, 72, 139), width=139)
        text = out.getvalue()
        assert "the page" in text
        assert "what was done" in text
        assert all(len(line) <= 139 for line in text.splitlines())
        if there.state.token < 402 and there.state.words[:1] in ((), ("foot",)):
            assert "the word at 402: sealed" in text
    assert beside("the scene", run, 72, 139) == "the scene"  # an ending stands alone


# -- commands about the run that is played ---------------------------------------------------------------------------------


def said(session_answer: list[object]) -> str:
    """Return the text of the one message that an input was answered with."""
    (event,) = session_answer
    assert isinstance(event, Message), event
    return event.text


def test_a_run_is_replayed_forked_left_without_a_turn_and_its_endings_are_listed_in_play(tmp_path: Path) -> None:
    with open_session(tmp_path) as session:
        for typed in ("replay", "fork"):
            (event,) = answer(session, typed)
            assert "Nothing is kept of this run yet" in str(event)
        session.choose("feel-slope")
        assert "1 of 1 turns identical" in said(list(answer(session, "replay")))
        assert "It did nothing to the pass" in said(list(answer(session, "without 1")))
        session.choose("leave-label")
        assert "Left out: " in said(list(answer(session, "without 2")))
        for typed in ("without", "without 9", "fork 9", "fork x"):
            (event,) = answer(session, typed)
            assert type(event).__name__ == "Rejected", typed
        assert "0 of 4 endings found" in said(list(answer(session, "endings")))
        note, _ = answer(session, "fork 1")
        assert "A branch of run 1 at turn 1" in str(note)
        assert session.run.at == 1


def test_a_run_is_exported_in_play_where_the_front_end_writes(tmp_path: Path) -> None:
    from forward_pass.commands.front_end import write_run  # noqa: PLC0415 - imports front ends

    target = tmp_path / "run.md"
    with open_session(tmp_path / "saves") as session:
        session.choose("feel-slope")
        (refused,) = answer(session, f"export {target}")
        assert "writes no documents" in str(refused)
        session.writer = write_run
        assert "Written: " in said(list(answer(session, f"export {target}")))
        before = target.read_bytes()
        (again,) = answer(session, f"export {target}")
        assert "is there already, and is left as it is" in str(again)
        assert target.read_bytes() == before
        for typed in ("export", "export run.doc", f"export {tmp_path}/nowhere/run.txt"):
            (event,) = answer(session, typed)
            assert type(event).__name__ == "Rejected", typed
        with pytest.raises(UsageError):
            write_run(session.run, session.recorder.header, tmp_path / "x")
