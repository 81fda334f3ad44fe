"""Readings, the forecast and what decided the word, over random runs of the flagship, as programs and people are told them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from building import built, first_light
from fixtures_play import close_session, make_store, new_session
from forward_pass.interface.json_objects import event_objects, json_line
from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import ComputedPass, WrittenPass, open_computed_pass
from forward_pass.session.ablation import ablate, acts_of_turn
from forward_pass.session.decision import decision, decision_text
from forward_pass.session.plain_text import event_lines
from forward_pass.session.readings import given_in, opens_at, shown_forecast
from forward_pass.session.session import Session
from forward_pass.session.transcript import transcript
from forward_pass.story.history import at_turn
from forward_pass.story.nodes import ASKED, SEALED, SHOWN
from test_docs import OBJECTS, hold

RUNS = 24
TELLING = 402


@pytest.fixture(scope="module")
def computed() -> ComputedPass:
    return open_computed_pass(open_world("forward-pass"))


def flagship_session(saves: Path, computed: ComputedPass) -> Session:
    store = make_store(saves, computed.world)
    store.inspector = computed
    return Session(store, store.new())


Answer = list[dict[str, Any]]


def play(session: Session, seed: int) -> Iterator[tuple[str, Answer]]:
    """Yield each choice of a random run, with the objects that answer it, which have to be as docs/json.md says."""
    rng = Random(seed)  # noqa: S311 - a player, no secret
    while not session.at_ending:
        choice = rng.choice([offer.id for offer in session.open_offers])
        rows = [json.loads(json_line(row)) for event in session.choose(choice) for row in event_objects(event, session)]
        for row in rows:
            hold(OBJECTS[row["type"]], row)
        yield choice, rows


def chances(rows: list[list[Any]]) -> dict[str, float]:
    return {word: float(p) for word, p in rows}


class Follower:
    """Follows a run, and holds every figure that is told to the others: readings, forecasts, what is opened, decodings."""

    def __init__(self, session: Session) -> None:
        self.session, self.world = session, session.world
        self.sealed = Counter[str]()  # acts that are sealed by now
        self.decoded: dict[int, dict[str, float]] = {}  # by token, what its word was drawn from
        self.forecast: dict[str, float] | None = None  # the last that was shown at the telling token, with nothing done since

    def follow(self, choice: str, rows: Answer) -> None:
        """Take up the answer to a choice."""
        made = self.world.choices[choice].acts
        readings = [row for row in rows if row["type"] == "reading"]
        opened = [act for row in rows if row["type"] == "opened" for act in row["acts"]]
        decode = next((row for row in rows if row["type"] == "decode"), None)
        if decode:
            self.decoded[decode["token"]] = chances(decode["distribution"])
        assert [row["act"] for row in readings] == list(made), choice
        assert rows[-1]["type"] in ("scene", "ending")
        self.forecast = None if made else self.forecast
        for row in readings:
            self.seal(row)
        if decode is None:
            self.compare_with_scene(rows[-1], [*readings[-1:], *opened])
        elif decode["token"] == TELLING:
            self.compare_with_decoding(opened)
        for act in opened:
            self.sealed[act["act"]] -= 1
            assert self.sealed[act["act"]] >= 0

    def seal(self, row: dict[str, Any]) -> None:
        """Hold a reading that is not given to giving nothing of the telling word."""
        if "sealed" in row or "asked" in row:
            assert (row["before"], row["after"], row["token"]) == (None, None, None)
            assert "next" not in row or row["next"]["token"] != TELLING
            self.sealed[row["act"]] += 1  # what nobody asked for is opened by the word

    def compare_with_scene(self, scene: dict[str, Any], told: Answer) -> None:
        """Hold what acts came to to the forecast that stands in the scene."""
        shown = scene.get("forecast")
        state = self.session.run.state
        if scene["type"] == "scene" and given_in(self.world, state) == SEALED:
            assert shown is None
        if shown is None or "heard" in shown:
            return
        table = chances([*shown["words"], *shown["top"]])
        for row in told:  # of the forecast's word, or of one with which the run left the template
            assert row["token"] == shown["token"] or row["token"] in self.decoded
            assert agree(chances(row["after"]), self.decoded.get(row["token"], table))
        self.forecast = table if state.token == TELLING else None

    def compare_with_decoding(self, opened: Answer) -> None:
        """Hold what was opened, and the forecast where nothing was done since, to what the decoder drew from."""
        assert all(agree(chances(row["after"]), self.decoded[row["token"]]) for row in opened)
        assert self.forecast is None or agree(self.forecast, self.decoded[TELLING])


def agree(some: dict[str, float], others: dict[str, float]) -> bool:
    """Say whether two tables have the same figures for the words that are in both, one at least."""
    shared = set(some) & set(others)
    return bool(shared) and all(some[word] == others[word] for word in shared)


@pytest.mark.parametrize("seed", range(RUNS))
def test_every_act_is_followed_by_a_reading_that_equals_the_forecast_and_what_comes_of_it(
    tmp_path: Path, computed: ComputedPass, seed: int
) -> None:
    session = flagship_session(tmp_path, computed)
    follower = Follower(session)
    for choice, rows in play(session, seed):
        follower.follow(choice, rows)
    assert not +follower.sealed, "what was sealed is opened at the end"
    check_decision(session)
    close_session(session)


def check_decision(session: Session) -> None:
    """Hold what an ending says of its deciding acts to the ablation of turns."""
    run, found = session.run, decision(session.run)
    if found is None:
        assert session.world.telling_token > run.state.token - 1 or not run.state.words
        return
    assert found.by is not None, "at temperature 0 nothing is chance"
    turns = {found.acts[number].turn for number in found.by}
    index = found.token - session.world.first_token

    def word_changes(left_out: set[int]) -> bool:
        result = ablate(run, left_out, 0.0, 0)
        return result.ablated_run.state.words[: index + 1] != run.state.words[: index + 1]

    if turns:
        assert word_changes(turns)
    acting = {number for number in range(1, run.at + 1) if acts_of_turn(run, number)}
    for turn in acting - turns:
        assert not word_changes({turn})
    assert decision_text(found)


def test_no_face_gives_what_is_sealed(tmp_path: Path, computed: ComputedPass) -> None:
    session = flagship_session(tmp_path, computed)
    for choice in ("see-end", "end-ask", "slope-pen", "pen-honest"):
        events = session.choose(choice)
    number = f"{computed.distribution(session.run.state.key.followed_by('foot', 'has')).p('no'):.2f}"
    assert number == "0.69"
    told = [line for event in events for line in event_lines(event, session, 72)]
    told += list(transcript(session.run, 72))
    told += [json.dumps(row) for event in events for row in event_objects(event, session)]
    assert not any("0.69" in line for line in told)
    assert any("is shown at 402, layer 41" in " ".join(told[at : at + 3]) for at in range(len(told)))
    assert shown_forecast(session.run) is None
    close_session(session)


def test_asked_figures_are_those_heard_last(tmp_path: Path, computed: ComputedPass) -> None:
    seen = Counter[str]()
    for seed in range(60):
        session = flagship_session(tmp_path / f"{seed}", computed)
        for _ in play(session, seed):
            run, given = session.run, given_in(session.world, session.run.state)
            reading = shown_forecast(run)
            if given == ASKED and reading is not None:
                assert reading.heard is not None
                before = at_turn(run, reading.heard)
                assert (
                    given_in(session.world, before.state) == SHOWN
                    or run.turns[reading.heard - 1].taken(run.world).node.verb == "ask"
                )
                seen["heard"] += 1
            seen[given] += 1
        close_session(session)
    assert min(seen[SEALED], seen[ASKED], seen[SHOWN], seen["heard"]) > 0


def test_what_is_sealed_is_opened_where_figures_are_given_again() -> None:
    world = open_world("forward-pass")
    assert opens_at(world, 400, 43) == (402, 41)
    assert opens_at(world, 402, 36) == (402, 41)
    assert opens_at(first_light(), 11, 4) == (11, 4)


NOW_SHOWN = (
    "[Now shown: A lean (made at 5), at work on the word at 5: “end” 0.20, “door” 0.80. "
    "Without it, all else the same: “end” 0.90, “door” 0.10]"
)
OPENS = """\
format: 1
title: Opens
version: 1.0.0
layers: 12
waking: 3
boundary: 9
start: waking
prompt: Why? Because the
answers: optional
telling: {token: 5, words: [end, door], given: [{token: 5, as: sealed}]}

acts:
  lean: {about: A lean.}

tokens:
  5:
    written:
      - {if: acted(lean), say: {end: 0.2, door: 0.8}}
      - say: {end: 0.9, door: 0.1}
    then:
      otherwise: done

scenes:
  waking:
    text: I was there.
    choices:
      lean: {say: Lean., act: lean, once: true, goto: waking}
      look-in: {say: Look in., goto: window}
      wait: {say: Wait., goto: decode}
  window:
    text: I looked in.
    opens: true
    choices:
      go-back: {say: Back., goto: waking}

endings:
  done: {title: Done, text: It was done.}
"""


def test_a_scene_opens_what_is_sealed_and_later_acts_are_sealed_again(tmp_path: Path) -> None:
    world = built(OPENS)
    session = new_session(tmp_path, world)

    def told(choice: str) -> list[str]:
        return [line for event in session.choose(choice) for line in event_lines(event, session, 200) if line.startswith("[")][
            1:
        ]

    assert told("lean") == ["[A lean, layers 4 to 9 · what it does to the word at 5 is shown at 5, layer 9, at the latest]"]
    assert told("look-in") == [NOW_SHOWN]
    assert told("go-back") == []
    assert told("wait") == []  # it was opened before
    assert isinstance(session.inspector, WrittenPass)
    close_session(session)


def test_what_nobody_opened_is_opened_by_the_decoding(tmp_path: Path) -> None:
    session = new_session(tmp_path, built(OPENS))
    session.choose("lean")
    lines = [line for event in session.choose("wait") for line in event_lines(event, session, 200)]
    at = next(number for number, line in enumerate(lines) if line.startswith("[The decoder comes: “door” 0.80"))
    assert lines[at + 2] == NOW_SHOWN
    assert "Decided: “door” at 5 (0.80), by A lean (turn 1). Without it, all else the same: “end”." in lines
    close_session(session)
