"""What holds of every run and of every text, whatever is chosen and whatever is written."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from building import SCOPE, STATE, TINY, WORLDS, FakePass, loaded
from forward_pass.errors import Problem
from forward_pass.loading.codec import decode_story, encode_story
from forward_pass.loading.lint import lint
from forward_pass.loading.loader import MAX_LISTED, LoadedWorld
from forward_pass.loading.yaml_tree import FORBIDDEN
from forward_pass.network.passes import WrittenPass
from forward_pass.story.compile import compile_expression, compile_text
from forward_pass.story.engine import is_ending, is_waiting, offers
from forward_pass.story.grammar import ExpressionError, Scope, parse_condition, parse_effect, parse_threshold
from forward_pass.story.history import RecordedTurn, Run, append, at_turn, make_turn, new_run, replay
from forward_pass.story.nodes import Text
from forward_pass.story.state import Prior
from forward_pass.story.text_grammar import parse_line, parse_text
from forward_pass.story.world import World

SEEDS = st.integers(0, 2**32)


def walked(world: World, seed: int, most: int = 30) -> Run:
    """Return a run of at most so many turns in which every choice and every word is drawn by ``seed``."""
    chance = random.Random(seed)  # noqa: S311 - any walk will do
    run = new_run(world, WrittenPass(world), Prior())
    while len(run.turns) < most and not is_ending(world, run.state):
        choices = [offer.id for offer in offers(world, run.state) if offer.is_open]
        if not choices:  # a world may be badly made
            break
        run = append(
            run, make_turn(run, chance.choice(choices), lambda distribution, _token: chance.choice(distribution.words))
        )
    return run


def recorded(run: Run) -> list[RecordedTurn]:
    return [RecordedTurn(turn.choice, turn.state.scene, turn.word, turn.probability, turn.digest) for turn in run.turns]


def replayed(run: Run, lines: list[RecordedTurn]) -> Run:
    path = replay(run.world, run.inspector, run.opening.prior, lines)
    assert (path.differences, path.moved_probabilities) == ([], 0)
    return path.run


# -- runs


@given(SEEDS, st.integers(0, 30))
def test_replay_of_a_whole_path_is_replay_of_its_beginning_and_then_of_the_rest(first_light: World, seed: int, at: int) -> None:
    run = walked(first_light, seed)
    lines = recorded(run)
    continued = replayed(run, lines[:at])
    for line in lines[at:]:
        continued = append(continued, make_turn(continued, line.choice, lambda _, __, word=line.word: str(word)))  # type: ignore[misc]
    assert continued == replayed(run, lines) == run


@given(SEEDS, st.lists(st.integers(0, 30), max_size=10))
def test_going_back_and_forth_gives_the_states_that_were(first_light: World, seed: int, places: list[int]) -> None:
    run = walked(first_light, seed)
    states = [run.opening, *(turn.state for turn in run.turns)]
    for place in places:
        at = min(place, len(run.turns))
        run = at_turn(run, at)
        assert run.state == states[at]
        assert hash(run.state) == hash(states[at])


@given(SEEDS)
def test_every_state_can_be_hashed_and_comes_again_from_the_choices_alone(first_light: World, seed: int) -> None:
    run = walked(first_light, seed)
    again = replayed(run, recorded(run))
    assert [hash(turn.state) for turn in again.turns] == [hash(turn.state) for turn in run.turns]
    assert again.turns == run.turns
    assert len({run.opening, *(turn.state for turn in run.turns)}) <= len(run.turns) + 1


@given(SEEDS)
def test_the_state_keeps_within_the_bounds_of_its_world(first_light: World, seed: int) -> None:
    for turn in walked(first_light, seed).turns:
        state = turn.state
        assert first_light.first_layer <= state.layer < first_light.boundary
        assert not is_waiting(first_light, state)
        assert first_light.first_token <= state.token <= first_light.last_token + 1
        assert len(state.acts) == len(state.words) + 1 == state.token - first_light.first_token + 1
        for variable, value in zip(first_light.variables, state.variables, strict=True):
            assert variable.least <= value <= variable.most
        for acts in state.acts:
            assert len(acts) <= first_light.acts_per_token
            assert sum(first_light.is_lasting(act.name) for act in acts) <= first_light.lasting_per_token
        assert len(first_light.scene(state.scene).text(state, WrittenPass(first_light))) > 0


@given(SEEDS)
def test_there_is_a_way_on_from_every_state_that_is_no_ending(first_light: World, seed: int) -> None:
    run = walked(first_light, seed, most=300)
    assert is_ending(first_light, run.state)


# -- any text to a parser


PIECES = st.sampled_from(
    [
        *("reads", "hurried", "mood", "sure", "layer", "again", "visit", "true", "nothing"),
        *("seen", "visits", "acted", "emitted", "hall", "lean", "go-on", "'even'", '"odd"'),
        *("'", '"', "0", "402", "1000001", "0.5", "p('two')", "word", "spelled", "likeliest", "onward", "heed", "start"),
        *("and", "or", "not", "==", "!=", "<", ">=", "=", "+=", "-=", "+", "-", "*", "(", ")", ",", ".", "[", "]", "{", "}"),
        *("|", ":", "\\", "\n", "\n\n", " ", "\t", "[else]", "…", "\u202e", "__class__"),
    ]
)
SOURCES = st.one_of(
    st.text(max_size=60), st.lists(PIECES, max_size=30).map("".join), st.lists(PIECES, max_size=30).map(" ".join)
)


def parsed(parse: Callable[..., Any], source: str, *arguments: Any) -> Any:
    """Return what a parser makes of a source, or None where it refuses it at a place inside."""
    try:
        return parse(source, *arguments)
    except ExpressionError as error:
        refused = error
    assert 0 <= refused.offset <= len(source)
    assert refused.code.startswith("E1")
    assert refused.message
    return None


@given(SOURCES)
@example("not " * 124 + "sure")
@example("(" * 39 + "sure" + ")" * 39)
def test_any_string_is_a_condition_or_refused_at_a_place_inside_it(source: str) -> None:
    condition = parsed(parse_condition, source, SCOPE)
    if condition is not None:
        assert compile_expression(condition)(STATE) in (True, False)


@given(SOURCES)
@example("reads = " + "-" * 400 + "1")
def test_any_string_is_an_effect_or_refused_at_a_place_inside_it(source: str) -> None:
    effect = parsed(parse_effect, source, SCOPE)
    if effect is not None:
        assert 0 <= effect.variable < len(SCOPE.variables)
        assert isinstance(int(compile_expression(effect.value)(STATE)), int)


@given(SOURCES)
def test_any_string_is_a_threshold_or_refused_at_a_place_inside_it(source: str) -> None:
    parsed(parse_threshold, source, ("p",))


@pytest.mark.parametrize("parse", [parse_text, parse_line])
@given(source=SOURCES)
@example(source="{again: " * 8 + "x" + "}" * 8)
@example(source="a\n \n" * 50 + "[sure] b\n\n[else] {p('two')} {word}")
def test_any_string_is_a_text_or_refused_at_a_place_inside_it(parse: Callable[[str, Scope], Text], source: str) -> None:
    text = parsed(parse, source, SCOPE)
    if text is not None:
        assert isinstance(compile_text(text)(STATE, FakePass()), str)


# -- any file to the loader


def world_or_problems(*files: bytes) -> LoadedWorld:
    """Read files and check that they are a world that can be played, or problems with places, and soon."""
    began = time.process_time()
    reading = loaded(*((f"{number}.yaml", data) for number, data in enumerate(files)), name="any-world")
    assert time.process_time() - began < 20  # milliseconds; what is not linear would take hours
    assert all(isinstance(problem, Problem) and problem.line >= 1 and problem.column >= 1 for problem in reading.problems)
    assert len(reading.problems) <= MAX_LISTED + 1
    for problem in reading.problems:
        assert not FORBIDDEN.search(str(problem)), ascii(str(problem))
        assert "\n" not in str(problem)
    if reading.story is None:
        assert any(problem.severity == "error" for problem in reading.problems)
    else:
        list(lint(reading.story))
        encoded = encode_story(reading.story)
        assert encode_story(decode_story(encoded)) == encoded
        world = World(reading.story)
        assert walked(world, 0, most=5).state.scene in world.scene_ids
    return reading


@given(st.lists(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)), min_size=1, max_size=3))
def test_any_bytes_are_a_world_or_problems_and_nothing_else(files: list[bytes]) -> None:
    assert world_or_problems(*files).story is None


VALUES = ["waking", "decode", "go-on", "done", "otherwise", "1", "-1", "0.5", "true", "reads > 1", "{reads}", ""]
KEYS = [
    *("text", "choices", "say", "goto", "if", "cost", "act", "do", "measure", "then", "cut", "needs", "why", "once"),
    *("title", "written", "otherwise", "5", "6", "from", "to", "start", "about", "lasts", "Q", "A", "by", "look"),
    *("push", "note", "carrier", "ink", "rewrite", "as", "bend", "drop", "pair", "word", "token", "waking", "end"),
]
YAML = st.recursive(
    st.one_of(st.text(max_size=10), st.sampled_from(VALUES)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)),
    max_leaves=12,
)
CHOICE_KEYS = ("say", "goto", "if", "cost", "until", "act", "do", "measure", "cut", "then", "needs", "once")
PLACES = st.sampled_from(
    [
        *("title", "layers", "prompt", "start", "token", "model", "acts_per_token", "instantiations"),
        *("tokens", "tokens/5", "tokens/5/written", "tokens/5/then", "tokens/5/then/otherwise"),
        *("scenes", "scenes/waking", "scenes/waking/text", "scenes/waking/choices", "scenes/waking/choices/go-on"),
        *(f"scenes/waking/choices/go-on/{key}" for key in CHOICE_KEYS),
        *("variables", "variables/reads", "thresholds", "thresholds/sure", "spans", "spans/question"),
        *("acts", "acts/lean", "acts/lean/look", "endings", "endings/done", "endings/done/text"),
    ]
).map(lambda place: [5 if key == "5" else key for key in place.split("/")])


@given(st.lists(st.tuples(PLACES, YAML), min_size=1, max_size=4))
@settings(max_examples=200)
def test_any_shape_in_any_place_of_a_world_is_a_world_or_problems_and_nothing_else(
    changes: list[tuple[list[Any], Any]],
) -> None:
    world = yaml.safe_load(TINY)
    world |= {
        "variables": {"reads": {"from": 0, "to": 3}},
        "thresholds": {"sure": "p('end') > 0.5"},
        "spans": {"question": {"word": "Why"}},
        "acts": {"lean": {"about": "A lean."}},
    }
    for place, value in changes:
        part = world
        for key in place[:-1]:
            part = part[key] if isinstance(part, dict) and isinstance(part.get(key), dict) else {}
        part[place[-1]] = value
    world_or_problems(yaml.dump(world, allow_unicode=True).encode())


FILES = [path.read_bytes() for path in sorted((WORLDS / "first-light").glob("*.yaml"))]
BAD = [path.read_bytes() for path in sorted((Path(__file__).resolve().parent / "bad_worlds").glob("*.yaml"))]


@given(st.data())
def test_a_world_with_a_piece_cut_out_or_put_in_is_a_world_or_problems_and_nothing_else(data: st.DataObject) -> None:
    files = list(FILES)
    which = data.draw(st.integers(0, len(files) - 1))
    start = data.draw(st.integers(0, len(files[which])))
    stop = start + data.draw(st.integers(0, 40))
    piece = data.draw(
        st.one_of(st.just(b""), st.binary(max_size=5), st.sampled_from([b"{", b"}", b"'", b'"', b"\n", b": ", b"- "]))
    )
    files[which] = files[which][:start] + piece + files[which][stop:]
    world_or_problems(*files)


@given(st.sampled_from(BAD), st.sampled_from(BAD))
def test_the_files_of_two_bad_worlds_together_are_problems_and_nothing_else(first: bytes, second: bytes) -> None:
    assert world_or_problems(first, second).story is None
