"""Replay without what a turn did to the pass: the same run with less done to it, up to the first other word and beyond."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from fixtures_golden import golden
from fixtures_play import TO_ENDINGS, WORLD, command, edited, journal, played
from forward_pass.errors import UsageError
from forward_pass.session.ablation import AblationResult, ablate, ablation_lines, acts_of_turn
from forward_pass.storage.store import import_run
from forward_pass.story.distribution import draw_word
from forward_pass.story.history import Run, append, make_turn, new_run
from forward_pass.story.world import World
from test_docs import OBJECTS, hold
from test_tree_browser import painted


def without(name: str, turn: int) -> AblationResult:
    """Return a golden run without what a turn did."""
    run, header = golden(name)
    return ablate(run, turn, header.temperature, header.seed)


def twin(run: Run, turn: int) -> Run:
    """Return the same choices in a world in which the choice of that turn does nothing to the pass, as far as they go."""
    data = deepcopy(run.world.data)
    data["choices"][run.turns[turn - 1].choice]["acts"] = ()
    other = new_run(World(data, run.world.folder), run.measure, run.opening.prior)
    for recorded in run.turns:
        try:
            other = append(other, make_turn(other, recorded.choice, lambda found, token: draw_word(found, 0.0, 0, token)))
        except Exception:  # noqa: BLE001 - the choice is not on offer there
            break
    return other


@pytest.mark.parametrize(
    ("name", "turn"), [("record", 21), ("lever", 22), ("zero", 22), ("other-line", 17), ("regenerate", 21), ("objection", 10)]
)
def test_a_run_without_a_turns_acts_is_the_run_of_a_world_in_which_that_choice_does_nothing(name: str, turn: int) -> None:
    run, _ = golden(name)
    found, other = without(name, turn), twin(run, turn)
    assert [one.digest for one in found.without.turns] == [one.digest for one in other.turns]
    assert [(one.word, one.probability) for one in found.without.turns] == [(one.word, one.probability) for one in other.turns]
    assert found.parted is not None


def test_every_chance_is_the_pass_without_those_acts_and_with_all_others() -> None:
    found = without("lineage", 15)
    (token, (act,)) = (len(golden("lineage")[0].turns[14].state.acts) - 1, found.acts)
    for decoding in found.decodings:
        turn = next(one for one in found.run.turns if one.word is not None and one.state.token - 1 == decoding.token)
        acts = tuple(
            tuple(one for one in here if (at, one) != (token, act))
            for at, here in enumerate(turn.state.acts[: len(turn.state.words)])
        )
        assert decoding.distributions[1].logits == found.run.measure.distribution(turn.state.words[:-1], acts).logits
    assert len(found.decodings) == len({decoding.token for decoding in found.decodings}) > 1


def test_the_word_that_a_note_changed_is_shown() -> None:
    found = without("regenerate", 5)
    assert [act.name for act in found.acts] == ["note-stay"]
    (changed,) = [decoding for decoding in found.decodings if decoding.words[0] != decoding.words[1]]
    assert (changed.token, changed.words) == (402, ("I", "no"))
    assert changed.distributions[0].p("I") > changed.distributions[1].p("I")
    text = " ".join(" ".join(ablation_lines(found, 72)).split())
    assert "Left out: note-stay from layer" in text
    assert "Token 402 said “I” (with it), “no” (without it)" in text
    assert "At turn 23 another word came. Without it the pass goes on so:" in text
    assert "Here the recorded choices end: i-wait is not on offer in no-said." in text
    assert "Ending with it: Regenerate. Without it: not ended." in text


def test_up_to_the_first_other_word_scenes_and_layers_are_the_recorded_ones() -> None:
    found = without("regenerate", 5)
    for number in range(1, found.parted or 0):
        recorded, other = found.run.turns[number - 1], found.without.turns[number - 1]
        assert (recorded.choice, recorded.word) == (other.choice, other.word)
        assert recorded.state._replace(acts=()) == other.state._replace(acts=())
        assert (recorded.digest == other.digest) == (number < found.turn)


def test_where_the_same_words_come_the_numbers_in_the_prose_are_told_anew() -> None:
    found = without("empty-bottle", 4)
    assert found.parted is None
    assert found.retold
    lines = ablation_lines(found, 72)
    assert any(line.startswith(f"Turn {found.retold[0]} told otherwise") for line in lines)
    assert "The same words came. Ending with it: A Corner Showing. Without it: A Corner Showing." in " ".join(lines)


@pytest.mark.parametrize("columns", [40, 72])
def test_an_ablation_fits_its_columns_and_draws_no_boxes(columns: int) -> None:
    lines = ablation_lines(without("regenerate", 5), columns)
    assert max(map(len, lines)) <= columns
    assert not any(0x2500 <= ord(character) < 0x2600 for line in lines for character in line)


def test_a_turn_that_did_nothing_to_the_pass_says_so(tmp_path: Path) -> None:
    played(tmp_path, *TO_ENDINGS["half-said"])
    done = command("replay", f"{WORLD}/1", "--without", "1", "--saves", tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "It did nothing to the pass: there is nothing to leave out."


@pytest.mark.parametrize("turn", ["0", "3"])
def test_a_turn_that_is_none_is_wrong_usage(tmp_path: Path, turn: str) -> None:
    played(tmp_path, *TO_ENDINGS["half-said"])
    done = command("replay", f"{WORLD}/1", "--without", turn, "--saves", tmp_path)
    assert (done.code, done.err) == (2, f"forward-pass: this run has turns 1 to 2; there is no turn {turn}\n")


def test_acts_of_a_turn_are_those_it_began_and_no_others() -> None:
    run, _ = golden("lineage")
    made = [(number, act) for number in range(1, len(run.turns) + 1) for act in acts_of_turn(run, number)]
    assert [act for _, act in made] == [act for acts in run.state.acts for act in acts]
    with pytest.raises(UsageError, match="there is no turn 0"):
        acts_of_turn(run, 0)


def test_an_ablation_as_objects_is_as_described(tmp_path: Path) -> None:
    run, header = golden("regenerate")
    import_run(tmp_path / "forward-pass", header, run, "stayed")
    done = command("replay", "stayed", "--without", "5", "--json", "--saves", tmp_path)
    assert done.code == 0
    *decodings, closing = done.objects
    for row in decodings:
        hold(OBJECTS["ablation"], row)
    hold(OBJECTS["ablated"], closing)
    assert closing["parted"] == 23
    assert closing["endings"] == ["regenerate", None]


def test_on_a_terminal_an_ablation_is_a_text_to_page_through_with_bars_and_no_asterisks(tmp_path: Path) -> None:
    run, header = golden("regenerate")
    import_run(tmp_path / "forward-pass", header, run, "stayed")
    asked = ("replay", "stayed", "--without", "5", "--saves", tmp_path)
    with painted("q", rows=200) as screen:
        assert command(*asked, terminal=True) == (0, "", "")
    assert "stayed without what turn 5 did" in screen.text
    assert "█" in screen.text
    assert "*" not in screen.text
    plain = command(*asked, "--plain", terminal=True).out
    assert "█" not in plain
    assert "*" in plain  # as every plain line has the emphasis of a world


def test_nothing_can_be_left_out_of_a_run_that_is_not_what_it_was(tmp_path: Path) -> None:
    path = played(tmp_path, *TO_ENDINGS["half-said"])
    edited(path, journal(tmp_path).turns[1].digest, "0" * 16)
    done = command("replay", f"{WORLD}/1", "--without", "1", "--saves", tmp_path)
    assert done.code == 1
    assert done.err.splitlines()[-1].endswith("a run that is not what it was: diverged at turn 2 of 2")
