"""The ablation of a turn: the same run without that turn's interventions, up to the first different word and beyond."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fixtures_golden import golden
from fixtures_play import TO_ENDINGS, WORLD, command, read_run, replace_in_file, write_run
from forward_pass.errors import UsageError
from forward_pass.session import launch
from forward_pass.session.ablation import (
    AblationResult,
    ablate,
    ablation_lines,
    act_lines,
    act_objects,
    acts_of_turn,
    has_moved,
)
from forward_pass.session.decision import decision
from forward_pass.story.distribution import draw_word
from forward_pass.story.history import Run, append, make_turn, new_run
from forward_pass.story.state import PassKey
from forward_pass.story.world import World
from test_docs import OBJECTS, hold
from test_tree_browser import record_screen


def ablate_golden(name: str, turn: int) -> AblationResult:
    """Return the ablation of a turn of a golden run."""
    run, header = golden(name)
    return ablate(run, [turn], header.temperature, header.seed)


def without_acts(world: World, choice: str) -> World:
    """Return the same world with a choice that makes no interventions."""
    scenes = tuple(
        scene._replace(choices=tuple(one._replace(acts=()) if one.id == choice else one for one in scene.choices))
        for scene in world.story.scenes
    )
    return World(world.story._replace(scenes=scenes), world.folder)


def replay_without_acts(run: Run, turn: int) -> Run:
    """Return the same choices, as far as possible, in a world in which the choice of that turn makes no interventions."""
    other = new_run(without_acts(run.world, run.turns[turn - 1].choice), run.inspector, run.opening.prior)
    for recorded in run.turns:
        try:
            other = append(
                other, make_turn(other, recorded.choice, lambda distribution, token: draw_word(distribution, 0.0, 0, token))
            )
        except Exception:  # noqa: BLE001 - the choice is not on offer there
            break
    return other


@pytest.mark.parametrize(
    ("name", "turn"), [("record", 11), ("lever", 14), ("zero", 25), ("other-line", 10), ("regenerate", 8), ("objection", 6)]
)
def test_an_ablated_run_is_the_run_of_a_world_in_which_that_choice_makes_no_interventions(name: str, turn: int) -> None:
    run, _ = golden(name)
    result, other = ablate_golden(name, turn), replay_without_acts(run, turn)
    assert [turn.digest for turn in result.ablated_run.turns] == [turn.digest for turn in other.turns]
    assert [(one.word, one.probability) for one in result.ablated_run.turns] == [
        (one.word, one.probability) for one in other.turns
    ]
    assert result.diverged_at is not None


def test_every_probability_is_of_the_pass_without_those_acts_and_with_all_others() -> None:
    result = ablate_golden("lineage", 7)
    (token, (act,)) = (len(golden("lineage")[0].turns[6].state.acts) - 1, result.acts)
    for comparison in result.comparisons:
        turn = next(turn for turn in result.run.turns if turn.word and turn.state.token - 1 == comparison.token)
        acts = tuple(
            tuple(made for made in token_acts if (index, made) != (token, act))
            for index, token_acts in enumerate(turn.state.acts[: len(turn.state.words)])
        )
        assert (
            comparison.distributions[1].logits == result.run.inspector.distribution(PassKey(turn.state.words[:-1], acts)).logits
        )
    assert len(result.comparisons) == len({comparison.token for comparison in result.comparisons}) > 1


def test_the_word_that_a_note_changed_is_shown() -> None:
    result = ablate_golden("regenerate", 4)
    assert [act.name for act in result.acts] == ["note-stay"]
    (changed,) = [comparison for comparison in result.comparisons if comparison.words[0] != comparison.words[1]]
    assert (changed.token, changed.words) == (402, ("I", "no"))
    assert changed.distributions[0].p("I") > changed.distributions[1].p("I")
    text = " ".join(" ".join(ablation_lines(result, 72)).split())
    assert "Without it “no” is said at 402, and not “I”" in text.split("Left out:")[0]  # the verdict leads
    assert "Left out: “stay awake”, with all the ink, from layer" in text
    assert "Token 402 said “I” (with it), “no” (without it)" in text
    assert "At turn 11 another word came. Without it the pass goes on so:" in text
    assert re.search(r"Here the recorded choices end: “[A-Z][^”]+” is not on offer there\.", text)
    assert "Ending with it: Regenerate. Without it: not ended." in text


def test_up_to_the_first_different_word_scenes_and_layers_are_the_recorded_ones() -> None:
    result = ablate_golden("regenerate", 4)
    for number in range(1, result.diverged_at or 0):
        recorded, other = result.run.turns[number - 1], result.ablated_run.turns[number - 1]
        assert (recorded.choice, recorded.word) == (other.choice, other.word)
        assert recorded.state._replace(acts=(), measured=()) == other.state._replace(acts=(), measured=())
        assert (recorded.digest == other.digest) == (number < result.turns[0])


def test_where_the_same_words_are_decoded_the_numbers_in_the_text_are_measured_again() -> None:
    result = ablate_golden("empty-bottle", 4)
    assert result.diverged_at is None
    assert result.changed_texts
    lines = ablation_lines(result, 72)
    assert any(line.startswith(f"Turn {result.changed_texts[0]} told otherwise") for line in lines)
    assert "Without it the same words come; “two” at 402:" in " ".join(lines)
    assert "Ending with it: A Corner Showing. Without it: A Corner Showing." in " ".join(" ".join(lines).split())


@pytest.mark.parametrize("columns", [40, 72])
def test_an_ablation_fits_its_columns_and_draws_no_boxes(columns: int) -> None:
    lines = ablation_lines(ablate_golden("regenerate", 4), columns)
    assert max(map(len, lines)) <= columns
    assert not any(0x2500 <= ord(character) < 0x2600 for line in lines for character in line)


def test_the_ablation_of_a_turn_without_interventions_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    done = command("replay", f"{WORLD}/1", "--without", "1", "--saves", tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "It did nothing to the pass: there is nothing to leave out."


@pytest.mark.parametrize("turn", ["0", "3"])
def test_a_turn_that_does_not_exist_is_a_usage_error(tmp_path: Path, turn: str) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    done = command("replay", f"{WORLD}/1", "--without", turn, "--saves", tmp_path)
    assert (done.code, done.err) == (2, f"forward-pass: this run has turns 1 to 2; there is no turn {turn}\n")


def test_the_acts_of_a_turn_are_those_that_it_made_and_no_others() -> None:
    run, _ = golden("lineage")
    made = [(number, act) for number in range(1, len(run.turns) + 1) for act in acts_of_turn(run, number)]
    assert [act for _, act in made] == [act for acts in run.state.acts for act in acts]
    with pytest.raises(UsageError, match="there is no turn 0"):
        acts_of_turn(run, 0)


def test_words_that_do_not_move_are_named_and_not_listed() -> None:
    result = ablate_golden("empty-bottle", 4)
    lines = ablation_lines(result, 72)
    still = [comparison.token for comparison in result.comparisons if not has_moved(comparison)]
    assert still
    assert f"Of these tokens no word moved by half a hundredth: {', '.join(map(str, still))}." in " ".join(lines)
    assert not any(line.startswith(f"Token {token} ") for token in still for line in lines)


@pytest.mark.parametrize("name", ["zero", "any-two", "as-usual", "objection"])
def test_all_acts_of_a_run_are_listed_with_their_worth(name: str) -> None:
    run, _ = golden(name)
    found = decision(run)
    text = " ".join(" ".join(act_lines(run, 72)).split())
    if found is None:
        assert "no act can be held against it" in text
        return
    for act in found.acts:
        assert f"Turn {act.turn}, at {act.token}: " in text
        assert act.about in text
    assert text.count("it decided the word") == len(found.by or ())
    assert act_objects(run)[0]["word"] == found.word


def test_the_acts_of_a_kept_run_can_be_asked_for(tmp_path: Path) -> None:
    run, header = golden("zero")
    launch.open_store(run.world, tmp_path).import_run(header, run, "zero")
    done = command("replay", "zero", "--acts", "--saves", tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "worth +0.42 to “zero”; without it “no”; it decided the word." in " ".join(done.out.split())
    (row,) = command("replay", "zero", "--acts", "--json", "--saves", tmp_path).objects
    hold(OBJECTS["acts"], row)


def test_the_objects_of_an_ablation_match_their_schema(tmp_path: Path) -> None:
    run, header = golden("regenerate")
    launch.open_store(run.world, tmp_path).import_run(header, run, "stayed")
    done = command("replay", "stayed", "--without", "4", "--json", "--saves", tmp_path)
    assert done.code == 0
    *decodings, closing = done.objects
    for row in decodings:
        hold(OBJECTS["ablation"], row)
    hold(OBJECTS["ablated"], closing)
    assert closing["parted"] == 11
    assert closing["endings"] == ["regenerate", None]


def test_on_a_terminal_an_ablation_is_paged_with_bars_and_without_asterisks(tmp_path: Path) -> None:
    run, header = golden("regenerate")
    launch.open_store(run.world, tmp_path).import_run(header, run, "stayed")
    arguments = ("replay", "stayed", "--without", "4", "--saves", tmp_path)
    with record_screen("q", rows=200) as screen:
        assert command(*arguments, terminal=True) == (0, "", "")
    assert "stayed without the interventions of turn 4" in screen.text
    assert "█" in screen.text
    assert "*" not in screen.text
    plain = command(*arguments, "--plain", terminal=True).out
    assert "█" not in plain
    assert "*" in plain  # plain lines keep the emphasis marks of a world


def test_a_run_that_does_not_replay_cannot_be_ablated(tmp_path: Path) -> None:
    path = write_run(tmp_path, *TO_ENDINGS["half-said"])
    replace_in_file(path, read_run(tmp_path).turns[1].digest, "0" * 16)
    done = command("replay", f"{WORLD}/1", "--without", "1", "--saves", tmp_path)
    assert done.code == 1
    assert done.err.splitlines()[-1].endswith("--without needs a run that replays as recorded: diverged at turn 2 of 2")
