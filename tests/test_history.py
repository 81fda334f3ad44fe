"""A run: the path, the digests chained along it, going back and forth, and walking a recorded path again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from building import tiny
from forward_pass.errors import NotOfferedError
from forward_pass.network.passes import WrittenPass
from forward_pass.story.distribution import Distribution, draw_word
from forward_pass.story.history import (
    PROBABILITY_TOLERANCE,
    Divergence,
    DrawFunction,
    RecordedTurn,
    ReplayedPath,
    Run,
    append,
    at_turn,
    canonical_json,
    digest,
    make_turn,
    new_run,
    replay,
)
from forward_pass.story.state import Act, PassKey, Prior
from forward_pass.story.world import World

PATH = ("read-question", "read-again", "think-electric", "check-slope", "let-be", "label-again", "so-be-it")
"""A way through First Light: two tokens, an intervention in each, both of its thresholds' truths."""


def likeliest(distribution: Distribution, token: int) -> str:
    return draw_word(distribution, 0, 0, token)


def saying(word: str) -> DrawFunction:
    return lambda _distribution, _token: word


def played(run: Run, *choices: str) -> Run:
    for choice in choices:
        run = append(run, make_turn(run, choice, likeliest))
    return run


def recorded(run: Run) -> list[RecordedTurn]:
    return [RecordedTurn(turn.choice, turn.state.scene, turn.word, turn.probability, turn.digest) for turn in run.turns]


def replayed(run: Run, lines: list[RecordedTurn]) -> ReplayedPath:
    return replay(run.world, run.inspector, run.opening.prior, lines)


@pytest.fixture(scope="module")
def opening(first_light: World) -> Run:
    return new_run(first_light, WrittenPass(first_light), Prior(3, frozenset({"half-said"})))


@pytest.fixture(scope="module")
def whole(opening: Run) -> Run:
    return played(opening, *PATH)


# -- turns


def test_a_run_begins_at_its_opening_with_no_turns_and_no_digest(opening: Run) -> None:
    assert (opening.turns, opening.at, opening.digest, opening.path) == ((), 0, "", ())
    assert opening.state.scene == "waking"


def test_a_turn_is_a_choice_and_where_it_led(opening: Run) -> None:
    turn = make_turn(opening, "read-question", likeliest)
    assert (turn.choice, turn.word, turn.probability, turn.state.scene) == ("read-question", None, None, "question")


def test_a_turn_at_which_the_decoder_comes_has_the_word_and_its_probability_to_four_places(opening: Run) -> None:
    turn = make_turn(opening, "say-now", likeliest)
    assert (turn.word, turn.probability, turn.state.scene, turn.state.token) == ("dark", 0.81, "second-morning", 12)
    assert make_turn(opening, "say-now", saying("egg")).probability == 0.03


def test_a_probability_is_rounded_to_four_places() -> None:
    world = tiny(("{end: 0.9, door: 0.1}", "{end: 0.66663, door: 0.33337}"))
    assert played(new_run(world, WrittenPass(world), Prior()), "go-on").turns[0].probability == 0.6666


def test_the_word_drawn_may_be_any_and_whatever_draws_it_knows_the_token(opening: Run) -> None:
    drawn = []

    def watched(distribution: Distribution, token: int) -> str:
        drawn.append((distribution.likeliest(1)[0][0], token))
        return "switch"

    assert make_turn(opening, "say-now", watched).state.words == ("switch",)
    assert drawn == [("dark", 11)]


def test_a_choice_that_is_not_open_makes_no_turn(opening: Run) -> None:
    with pytest.raises(NotOfferedError, match=r"^'let-be' is not on offer in 'waking'$"):
        make_turn(opening, "let-be", likeliest)
    with pytest.raises(NotOfferedError, match=r"^'think-electric' is closed: Nothing has pointed to any door yet\.$"):
        make_turn(played(opening, "read-question"), "think-electric", likeliest)


def test_a_turn_knows_the_state_before_it_the_choice_taken_and_the_pass_that_drew_its_word(whole: Run) -> None:
    assert [turn.before for turn in whole.turns] == [whole.opening, *(turn.state for turn in whole.turns[:-1])]
    assert [turn.taken(whole.world).id for turn in whole.turns] == list(PATH)
    for turn in whole.turns:
        if turn.word is not None:
            assert turn.word in whole.inspector.distribution(turn.decoding).words
            assert turn.decoding == PassKey(turn.before.words, (*turn.before.acts[:-1], turn.state.acts[-2]))


def test_what_a_choice_says_is_read_before_the_decoder_comes_and_otherwise_on_arrival(whole: Run) -> None:
    for turn in whole.turns:
        assert turn.then_state == (turn.state if turn.word is None else turn.before)


def test_a_run_is_a_value_and_following_a_turn_leaves_it_as_it_was(opening: Run) -> None:
    after = played(opening, "read-question")
    assert (opening.at, after.at, opening.turns, len(after.turns)) == (0, 1, (), 1)
    assert after.state == after.turns[0].state
    assert after.digest == after.turns[0].digest


# -- digests


def test_a_state_is_written_down_as_canonical_json_without_what_was_so_before_the_run(whole: Run) -> None:
    assert canonical_json(whole.world, whole.turns[4].state) == (
        '{"acts":[[["lean",6]],[]],"layer":3,"measured":[0],"scene":"second-morning",'
        '"seen":[["leaning",1],["question",2],["second-morning",1],["slope",1],["waking",1]],'
        '"taken":[["check-slope",1],["let-be",1],["read-again",1],["read-question",1],["think-electric",1]],'
        '"token":12,"variables":[2,2,0],"words":["switch"]}'
    )


def test_what_was_never_measured_is_written_as_minus_one(opening: Run) -> None:
    assert json.loads(canonical_json(opening.world, opening.opening)) == {
        "acts": [[]],
        "layer": 3,
        "measured": [-1],
        "scene": "waking",
        "seen": [["waking", 1]],
        "taken": [],
        "token": 11,
        "variables": [0, 0, 0],
        "words": [],
    }


def test_canonical_json_has_sorted_keys_no_spaces_and_no_fraction(whole: Run) -> None:
    for turn in whole.turns:
        text = canonical_json(whole.world, turn.state)
        plain = json.loads(text, parse_float=pytest.fail)
        assert text == json.dumps(plain, sort_keys=True, separators=(",", ":"))
        assert plain["seen"] == sorted(plain["seen"])
        assert plain["taken"] == sorted(plain["taken"])


def test_a_digest_is_sixteen_digits_of_the_hash_over_the_one_before_and_the_state(whole: Run) -> None:
    before = ""
    for turn in whole.turns:
        text = before + canonical_json(whole.world, turn.state)
        assert turn.digest == sha256(text.encode()).hexdigest()[:16] == digest(whole.world, turn.state, before)
        before = turn.digest


def test_what_was_so_before_the_run_is_in_no_digest(whole: Run) -> None:
    other = played(new_run(whole.world, whole.inspector, Prior()), *PATH)
    assert [turn.digest for turn in other.turns] == [turn.digest for turn in whole.turns]


def test_equal_states_on_different_ways_have_different_digests(opening: Run) -> None:
    here = played(opening, "read-question").turns[0]
    assert digest(opening.world, here.state, "") != digest(opening.world, here.state, here.digest)


def test_whatever_changes_in_a_state_changes_its_digest(whole: Run) -> None:
    state = whole.turns[4].state
    others = [
        state._replace(scene="stray-word"),
        state._replace(token=13),
        state._replace(layer=4),
        state._replace(variables=(2, 2, 1)),
        state._replace(visits=bytes(len(state.visits))),
        state._replace(taken=bytes(len(state.taken))),
        state._replace(words=("egg",)),
        state._replace(acts=((Act("lean", 7),), ())),
        state._replace(measured=(None,)),
    ]
    digests = {digest(whole.world, other, "") for other in [state, *others]}
    assert len(digests) == len(others) + 1


@pytest.mark.parametrize("seed", ["0", "1", "4294967295"])
def test_digests_are_the_same_in_every_process_whatever_its_hash_seed(whole: Run, seed: str) -> None:
    script = (
        "import building, test_history\n"
        "world = building.first_light()\n"
        "run = test_history.new_run(world, building.WrittenPass(world), building.Prior())\n"
        "print(*[turn.digest for turn in test_history.played(run, *test_history.PATH).turns])"
    )
    tests = Path(__file__).resolve().parent
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent / 'game'}"}
    shown = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == [turn.digest for turn in whole.turns]


# -- back and forth


def test_going_back_gives_the_earlier_state_and_digest_and_keeps_the_turns(whole: Run) -> None:
    back = at_turn(whole, 3)
    assert (back.state, back.digest, back.path) == (whole.turns[2].state, whole.turns[2].digest, whole.turns[:3])
    assert back.turns == whole.turns
    assert at_turn(whole, 0).state == whole.opening


def test_a_choice_equal_to_the_next_one_moves_along_and_keeps_what_lies_beyond(whole: Run) -> None:
    along = append(at_turn(whole, 2), whole.turns[2])
    assert (along.at, along.turns) == (3, whole.turns)


def test_another_choice_leaves_what_lay_beyond(whole: Run) -> None:
    other = played(at_turn(whole, 2), "to-slope")
    assert other.turns[:2] == whole.turns[:2]
    assert [turn.choice for turn in other.turns] == ["read-question", "read-again", "to-slope"]
    assert other.at == 3


def test_going_back_and_taking_the_same_way_leads_to_the_same_digests(whole: Run) -> None:
    for at in range(len(PATH) + 1):
        beginning = at_turn(whole, at)
        fresh = Run(whole.world, whole.inspector, whole.opening, beginning.path, at)
        assert played(fresh, *PATH[at:]) == whole


@pytest.mark.parametrize("at", [-1, 8, 10**9])
def test_a_run_has_no_turn_beyond_its_last_and_none_before_its_opening(whole: Run, at: int) -> None:
    with pytest.raises(ValueError, match=rf"^a run of 7 turns has no turn {at}$"):
        at_turn(whole, at)


# -- a recorded path


def test_a_recorded_path_walked_again_is_the_same_run(whole: Run) -> None:
    assert replayed(whole, recorded(whole)) == (whole, [], 0)


def test_every_beginning_of_a_recorded_path_is_a_run(whole: Run) -> None:
    for length in range(len(PATH) + 1):
        walked, differences, _ = replayed(whole, recorded(whole)[:length])
        assert (walked.turns, walked.at, differences) == (whole.turns[:length], length, [])


def test_the_recorded_words_are_drawn_whatever_is_likeliest(opening: Run) -> None:
    run = append(opening, make_turn(opening, "say-now", saying("egg")))
    walked, differences, _ = replayed(run, recorded(run))
    assert (walked.state.words, walked.state.scene, differences) == (("egg",), "stray-word", [])


def test_an_unknown_choice_ends_the_path_before_it(whole: Run) -> None:
    lines = recorded(whole)
    lines[3] = lines[3]._replace(choice="dance")
    walked, differences, _ = replayed(whole, lines)
    assert walked.turns == whole.turns[:3]
    assert differences == [
        Divergence(4, "'dance' is not on offer in 'leaning', nor anywhere: no choice has that id", broken=True)
    ]


def test_a_choice_that_is_closed_ends_the_path_before_it(opening: Run) -> None:
    lines = recorded(played(opening, "read-question"))
    lines.append(RecordedTurn("think-electric", "leaning", None, None, "0" * 16))
    walked, differences, _ = replayed(opening, lines)
    assert len(walked.turns) == 1
    assert differences == [Divergence(2, "'think-electric' is closed: Nothing has pointed to any door yet.", broken=True)]


def test_a_missing_word_ends_the_path_before_it(whole: Run) -> None:
    lines = recorded(whole)
    lines[4] = lines[4]._replace(word=None)
    walked, differences, _ = replayed(whole, lines)
    assert walked.turns == whole.turns[:4]
    assert differences == [Divergence(5, "a word was drawn here, the file has none", broken=True)]


def test_a_word_where_none_was_drawn_ends_the_path_before_it(whole: Run) -> None:
    lines = recorded(whole)
    lines[0] = lines[0]._replace(word="dark")
    walked, differences, _ = replayed(whole, lines)
    assert walked.turns == ()
    assert differences == [Divergence(1, "no word was drawn here, the file has 'dark'", broken=True)]


def test_a_word_that_the_pass_has_not_ends_the_path_before_it(whole: Run) -> None:
    lines = recorded(whole)
    lines[4] = lines[4]._replace(word="zyzzyva\x1b[31m")
    walked, differences, _ = replayed(whole, lines)
    assert walked.turns == whole.turns[:4]
    assert differences == [Divergence(5, r"the pass cannot produce 'zyzzyva\x1b[31m' here", broken=True)]


def test_another_scene_is_named_and_the_path_goes_on(whole: Run) -> None:
    lines = recorded(whole)
    lines[2] = lines[2]._replace(scene="slope")
    walked, differences, _ = replayed(whole, lines)
    assert walked == whole
    assert differences == [Divergence(3, "it led to 'leaning', the file has 'slope'", broken=False)]


def test_another_digest_is_named_with_the_turn_and_the_path_goes_on(whole: Run) -> None:
    lines = recorded(whole)
    lines[5] = lines[5]._replace(digest="0123456789abcdef")
    walked, differences, _ = replayed(whole, lines)
    assert walked == whole
    assert differences == [Divergence(6, f"its digest is {whole.turns[5].digest}, the file has 0123456789abcdef", broken=False)]


def test_another_word_changes_every_digest_from_there_on(whole: Run) -> None:
    lines = recorded(whole)
    lines[4] = lines[4]._replace(word="dark")
    _, differences, _ = replayed(whole, lines)
    assert [turn for turn, _, _ in differences] == [5, 6, 7]


@pytest.mark.parametrize(
    ("off", "count"),
    [
        (0.0, 0),
        (PROBABILITY_TOLERANCE * 0.99, 0),
        (-PROBABILITY_TOLERANCE * 0.99, 0),
        (PROBABILITY_TOLERANCE * 1.01, 1),
        (-PROBABILITY_TOLERANCE * 1.01, 1),
        (0.5, 1),
    ],
)
def test_a_probability_is_the_same_within_two_in_ten_thousand(opening: Run, off: float, count: int) -> None:
    run = played(opening, "say-now")
    (line,) = recorded(run)
    assert line.probability is not None
    assert replayed(run, [line._replace(probability=line.probability + off)]) == (run, [], count)


def test_a_probability_that_was_not_recorded_counts_as_moved(opening: Run) -> None:
    run = played(opening, "say-now")
    assert replayed(run, [line._replace(probability=None) for line in recorded(run)]) == (run, [], 1)


def test_layers_never_fall_along_a_path_but_where_a_word_was_drawn(whole: Run) -> None:
    for before, after in pairwise(whole.turns):
        assert after.word is not None or after.state.layer >= before.state.layer
