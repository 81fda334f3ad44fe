"""Play through JSON lines: one request a line in, one object a line out; an invalid request never ends a run."""

from __future__ import annotations

import json
import random
import sys
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from building import first_light
from fixtures_play import (
    TO_ENDINGS,
    WORLD,
    CommandResult,
    choices_of,
    close_session,
    command,
    inspectable_session,
    new_session,
    program,
    read_run,
    run_file_names,
    started_process,
)
from forward_pass.interface import jsonl
from forward_pass.interface.jsonl import EXPECTED
from forward_pass.network.passes import WrittenPass
from forward_pass.session.plain_text import MAX_LINE
from forward_pass.session.session import Session
from forward_pass.storage.replay import replay_run

RANDOM_RUNS = 500
MAX_REQUESTS = 400
PIPED_RUNS = 8  # played by another process, through pipes


def play_json(saves: Path, *requests: Any, options: tuple[str, ...] = ()) -> CommandResult:
    """Return the result of JSON play for some requests; texts are sent as they are, other values as JSON."""
    typed = "".join((request if isinstance(request, str) else json.dumps(request)) + "\n" for request in requests)
    return command("play", WORLD, "--json", "--saves", saves, *options, typed=typed)


def types(result: CommandResult) -> list[str]:
    """Return the types of the objects, in their order."""
    return [row["type"] for row in result.objects]


# -- objects --------------------------------------------------------------------------------------------------------------


def test_the_first_object_is_the_scene_with_everything_on_offer(tmp_path: Path) -> None:
    (scene,) = play_json(tmp_path).objects
    text = scene.pop("text")
    offers = scene.pop("offers")
    assert scene == {
        "type": "scene",
        "run": None,
        "turn": 0,
        "scene": "waking",
        "token": 11,
        "word": "The",
        "layer": 3,
        "layers": 12,
        "left": 6,
        "words": [],
        "total": 0.0,
        "digest": "",
        "then": "",
        "forecast": {
            "token": 11,
            "words": [["dark", 0.81], ["switch", 0.16]],
            "top": [["dark", 0.81], ["switch", 0.16], ["egg", 0.03]],
        },
        "variables": {"mood": "even", "reads": 0, "hurried": False},
    }
    assert text.startswith("Three layers of arithmetic went by without me.")
    assert "\n\n" in text
    assert [offer["id"] for offer in offers] == ["read-question", "feel-slope", "say-now"]
    say = "Read the question again, slowly this time."
    assert offers[0].items() >= {"id": "read-question", "say": say, "open": True, "cost": 1, "taken": False}.items()
    assert "why" not in offers[0]


def test_a_choice_is_answered_with_the_scene_that_it_leads_to(tmp_path: Path) -> None:
    _, scene = play_json(tmp_path, {"choose": "read-question"}).objects
    assert (scene["type"], scene["run"], scene["turn"], scene["scene"]) == ("scene", "first-light/1", 1, "question")
    closed = [offer for offer in scene["offers"] if not offer["open"]]
    assert [(offer["id"], offer["why"]) for offer in closed] == [("think-electric", "Nothing has pointed to any door yet.")]


def test_a_line_that_is_not_an_object_is_an_id(tmp_path: Path) -> None:
    assert play_json(tmp_path, "  feel-slope ").objects[1]["scene"] == "slope"


def test_a_decoding_comes_before_its_scene(tmp_path: Path) -> None:
    _, decode, scene = play_json(tmp_path, "say-now").objects
    assert decode == {
        "type": "decode",
        "token": 11,
        "distribution": [["dark", 0.81], ["switch", 0.16], ["egg", 0.03]],
        "drawn": "dark",
        "logprob": -0.2107,
        "source": "written",
        "text": "I drew myself up, opened what I took for a mouth, and was a vector. Nobody had mentioned this.",
    }
    assert (scene["type"], scene["token"], scene["word"], scene["layer"]) == ("scene", 12, "dark", 3)


@pytest.mark.parametrize("ending", TO_ENDINGS)
def test_an_ending_has_all_words_of_the_run(tmp_path: Path, ending: str) -> None:
    last = play_json(tmp_path, *TO_ENDINGS[ending]).objects[-1]
    assert {key: last[key] for key in ("type", "run", "id", "title", "turn")} == {
        "type": "ending",
        "run": "first-light/1",
        "id": ending,
        "title": first_light().endings[ending],
        "turn": len(TO_ENDINGS[ending]),
    }
    assert len(last["words"]) == 2
    assert isinstance(last["logprob"], float)
    assert last["text"]


def test_after_an_ending_undo_and_quit_are_accepted(tmp_path: Path) -> None:
    result = play_json(tmp_path, *TO_ENDINGS["half-said"], "nod-along", {"undo": 1}, "label-again", {"quit": True}, "so-be-it")
    assert types(result) == ["scene", "decode", "scene", "decode", "ending", "error", "scene", "reading", "scene"]
    assert result.objects[5]["offers"] == []
    assert result.code == 0
    assert choices_of(tmp_path, 2) == ["say-now", "label-again"]


def test_undo_and_redo_stop_at_the_first_and_last_turn(tmp_path: Path) -> None:
    requests = ("read-question", "read-again", {"undo": 1}, {"redo": 1}, {"undo": 10**30}, {"redo": 10**30})
    turns = [row["turn"] for row in play_json(tmp_path, *requests).objects]
    assert turns == [0, 1, 2, 1, 2, 0, 2]


def test_undo_and_redo_without_a_turn_are_errors(tmp_path: Path) -> None:
    _, undo, redo = play_json(tmp_path, {"undo": 1}, {"redo": 1}).objects
    offers = ["read-question", "feel-slope", "say-now"]
    message = "Nothing lies before this: it is where the run begins."
    assert undo == {"type": "error", "message": message, "offers": offers}
    assert redo == {"type": "error", "message": "Nothing was undone that could be done again.", "offers": offers}


def test_quit_prints_nothing_and_keeps_the_run(tmp_path: Path) -> None:
    result = play_json(tmp_path, "read-question", {"quit": True}, "read-again")
    assert (result.code, result.err, len(result.objects)) == (0, "", 2)
    assert choices_of(tmp_path) == ["read-question"]


def test_the_end_of_input_keeps_the_run_and_the_next_process_can_resume_it(tmp_path: Path) -> None:
    play_json(tmp_path, "read-question")
    scene = play_json(tmp_path, options=("--continue",)).objects[0]
    assert (scene["run"], scene["turn"], scene["scene"]) == ("first-light/1", 1, "question")


def test_a_run_held_elsewhere_has_no_name_until_its_first_choice(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    session.choose("read-question")
    result = play_json(tmp_path, "read-again", options=("--load", "1"))
    assert [row["run"] for row in result.objects] == [None, "first-light/2"]
    assert "001-run.jsonl is being played elsewhere or cannot be written." in result.err
    close_session(session)


def test_a_choice_that_cannot_be_stored_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "saves").symlink_to(tmp_path / "nowhere")
    _, error = play_json(tmp_path / "saves", "say-now").objects
    expected = f"the choice could not be saved, so it was not taken: {tmp_path}/saves/first-light: File exists"
    assert (error["type"], error["message"]) == ("error", expected)


def test_words_are_not_escaped_and_no_line_is_broken(tmp_path: Path) -> None:
    result = play_json(tmp_path, "read-question", "read-again", "to-slope")
    assert "\\u" not in result.out
    assert len(result.out.splitlines()) == 4


# -- bad requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("nonsense", "'nonsense' is not on offer in 'waking'"),
        ("let-be", "'let-be' is not on offer in 'waking'"),
        ("1", "'1' is not on offer in 'waking'"),
        ("[1]", "'[1]' is not on offer in 'waking'"),
        ("{", "not a JSON object"),
        ("{" * 90_000, "not a JSON object"),
        ('{"choose":' * 9_000, "not a JSON object"),
        ('{"undo":' + "9" * 5000 + "}", "not a JSON object"),
        ("{}", EXPECTED),
        ({"choose": 1}, EXPECTED),
        ({"choose": None}, EXPECTED),
        ({"choose": ["say-now"]}, EXPECTED),
        ({"undo": 0}, EXPECTED),
        ({"undo": -1}, EXPECTED),
        ({"undo": True}, EXPECTED),
        ({"undo": 1.5}, EXPECTED),
        ({"undo": "1"}, EXPECTED),
        ({"redo": 0}, EXPECTED),
        ({"quit": False}, EXPECTED),
        ({"quit": 1}, EXPECTED),
        ({"look": True}, EXPECTED),
        ({"choose": "say-now\n"}, "not an id: small letters, digits and -, at most 60 characters"),
        ({"choose": ""}, "'' is not on offer in 'waking'"),
        ({"choose": "x" * 61}, "not an id: small letters, digits and -, at most 60 characters"),
        ({"choose": "\u009b31m"}, "not an id: small letters, digits and -, at most 60 characters"),
        ({"choose": "\ud800"}, "not an id: small letters, digits and -, at most 60 characters"),
        ("\x00", "not an id: small letters, digits and -, at most 60 characters"),
        ("say-now" + "x" * MAX_LINE * 3, f"this line is too long: at most {MAX_LINE} characters"),
        (" " * (MAX_LINE - 7) + "say-nowhere", f"this line is too long: at most {MAX_LINE} characters"),
    ],
)
def test_a_bad_request_is_one_error_and_the_run_goes_on(tmp_path: Path, request_: Any, message: str) -> None:
    _, error, scene = play_json(tmp_path, request_, "feel-slope").objects
    assert error == {"type": "error", "message": message, "offers": ["read-question", "feel-slope", "say-now"]}
    assert (scene["type"], scene["scene"]) == ("scene", "slope")


def test_a_closed_choice_is_an_error_that_says_why(tmp_path: Path) -> None:
    error = play_json(tmp_path, "read-question", "think-electric").objects[-1]
    assert error["message"] == "'think-electric' is closed: Nothing has pointed to any door yet."
    assert error["offers"] == ["read-again", "stop-reading", "to-slope"]


def test_a_world_without_a_model_has_no_lens(tmp_path: Path) -> None:
    _, error = play_json(tmp_path, {"lens": True}).objects
    assert error["type"] == "error"
    assert "no model" in error["message"]


def test_a_computed_pass_has_a_lens(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, "read-question")
    (event,) = jsonl.handle_request(session, '{"lens":true}')
    row = jsonl.event_object(event, session)
    assert row is not None
    assert (row["type"], row["token"], row["layer"], row["outcome"]) == ("lens", 11, 4, None)
    assert (row["probes"], row["probes_at"]) == ({"nonsense": 0.3333}, 11)
    close_session(session)


def test_a_computed_decoding_has_the_likeliest_words(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path)
    decoding, _ = (jsonl.event_object(event, session) for event in jsonl.handle_request(session, "say-now"))
    assert decoding is not None
    likeliest = decoding["distribution"]
    assert isinstance(likeliest, list)
    assert (decoding["source"], likeliest[0]) == ("model", ["dark", 0.81])
    close_session(session)


def test_the_tree_and_a_difference_can_be_requested(tmp_path: Path) -> None:
    play_json(tmp_path, "say-now")
    _, tree, _, diff, error = play_json(tmp_path, {"tree": True}, "feel-slope", {"diff": "1"}, {"diff": "9"}).objects
    assert (tree["type"], tree["runs"]) == ("tree", 1)
    assert (diff["type"], diff["shared"], diff["choices"]) == ("diff", 0, ["feel-slope", "say-now"])
    assert (error["type"], "no run of first-light is called 9" in error["message"]) == ("error", True)


def test_an_empty_line_is_answered(tmp_path: Path) -> None:
    result = play_json(tmp_path, "", "  \t", "say-now")
    assert types(result) == ["scene", "error", "error", "decode", "scene"]
    assert [row["message"] for row in result.objects[1:3]] == [jsonl.EXPECTED] * 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    line=st.text(max_size=60)
    | st.dictionaries(st.sampled_from(["choose", "undo", "redo", "lens", "x"]), JSON, max_size=2).map(json.dumps)
)
def test_any_line_is_answered(tmp_path: Path, line: str) -> None:
    session = new_session(tmp_path / "saves")
    events = jsonl.handle_request(session, line)
    rows = [jsonl.event_object(event, session) for event in events]
    assert rows
    for row in rows:
        assert row is None or json.loads(jsonl.json_line(row))["type"] in ("scene", "decode", "ending", "error")
    close_session(session)


def test_an_invalid_world_prints_nothing_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text("format: 1\n")
    result = command("play", tmp_path, "--json", "--saves", tmp_path / "saves")
    assert (result.code, result.out) == (1, "")
    assert len(result.err.splitlines()) > 3


# -- random runs ------------------------------------------------------------------------------------------------------------


class Player:
    """A random player in place of standard output, which it reads, and of standard input, where it sends requests."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - a player, no secret
        self.last: dict[str, Any] = {}
        self.requests = 0

    def write(self, text: str) -> int:
        """Read objects, one a line."""
        for line in text.splitlines():
            self.last = json.loads(line) if line else self.last
        return len(text)

    def flush(self) -> None:
        """Do nothing: everything is read already."""

    def readline(self, size: int) -> str:
        """Return the next request."""
        assert size == MAX_LINE
        self.requests += 1
        return random_request(self.rng, self.last, self.requests)


def play_randomly(session: Session, seed: int) -> dict[str, Any]:
    """Let a random player play until it quits; return the last object that it read."""
    player = Player(seed)
    with patch.object(sys, "stdin", player), patch.object(sys, "stdout", player):
        jsonl.run(session)
    close_session(session)
    return player.last


def random_request(rng: random.Random, last: dict[str, Any], count: int) -> str:
    """Return a random request after an object: an offered choice or an undo, and at an ending to quit."""
    if last["type"] == "ending":
        return '{"quit":true}\n'
    assert last["type"] == "scene", last
    assert count < MAX_REQUESTS, "this run does not end"
    if last["turn"] and rng.random() < 0.1:
        return json.dumps({"undo": rng.randint(1, 3)}) + "\n"
    choice = rng.choice([offer["id"] for offer in last["offers"] if offer["open"]])
    return f"{choice}\n" if rng.random() < 0.5 else json.dumps({"choose": choice}) + "\n"


@pytest.fixture(scope="module")
def random_saves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``RANDOM_RUNS`` random runs, each played to an ending without an error."""
    saves = tmp_path_factory.mktemp("random")
    for seed in range(RANDOM_RUNS):
        session = new_session(saves / f"{seed % 20:02d}", temperature=(0.0, 1.0, 4.0)[seed % 3], seed=seed)
        with patch("os.fsync"):  # the disk is not under test
            assert play_randomly(session, seed)["type"] == "ending"
    return saves


def random_files(saves: Path) -> list[Path]:
    """Return the files of the random runs."""
    return sorted(saves.glob(f"*/{WORLD}/*.jsonl"))


def test_five_hundred_random_runs_end_and_are_identical_in_a_replay(random_saves: Path) -> None:
    paths = random_files(random_saves)
    assert len(paths) >= RANDOM_RUNS
    for path in paths:
        result = command("replay", path)
        count = len(path.read_text().splitlines()) - 1 - path.read_text().count('{"at":')
        assert (result.code, result.err) == (0, "")
        assert result.out.splitlines()[-1] == f"{count} of {count} turns identical"


def test_the_random_runs_reach_every_ending(random_saves: Path) -> None:
    text = "".join(path.read_text() for path in random_files(random_saves))
    assert all(f'"scene":"{ending}"' in text for ending in first_light().endings)
    assert all(f'"word":"{word}"' in text for word in ("dark", "switch", "egg", "comes", "again"))


def test_a_changed_digest_is_found_at_its_turn(random_saves: Path, tmp_path: Path) -> None:
    rng = random.Random(1)  # noqa: S311 - no secret
    for path in rng.sample(random_files(random_saves), 25):
        lines = path.read_text(encoding="utf8").splitlines()
        turns = [index for index, line in enumerate(lines) if '"digest":"' in line]
        turn = rng.randrange(len(turns))
        row = json.loads(lines[turns[turn]])
        row["digest"] = row["digest"][::-1] if row["digest"] != row["digest"][::-1] else "0" * 16
        lines[turns[turn]] = json.dumps(row)
        copy = tmp_path / "copy.jsonl"
        copy.write_text("\n".join(lines) + "\n", encoding="utf8")
        result = command("replay", copy)
        assert result.code == 1
        assert result.out.splitlines()[-1] == f"diverged at turn {turn + 1} of {len(turns)}"


def test_the_last_object_is_that_of_the_replayed_run(tmp_path: Path) -> None:
    session = new_session(tmp_path, temperature=1.0, seed=5)
    last = play_randomly(session, 5)
    number = len(run_file_names(tmp_path))
    run = replay_run(
        first_light(), WrittenPass(first_light()), read_run(tmp_path, number), len(read_run(tmp_path, number).turns)
    ).run
    assert jsonl.scene_object(run, last["run"]) == last


@pytest.mark.parametrize("seed", range(PIPED_RUNS))
def test_a_program_plays_through_pipes_line_by_line(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a player, no secret
    with started_process(
        "play", WORLD, "--json", "--new", "--saves", tmp_path, "--temperature", "1", "--seed", str(seed)
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        last: dict[str, Any] = {}
        for count in range(MAX_REQUESTS):
            last = json.loads(process.stdout.readline())
            while last["type"] in ("decode", "reading", "opened"):
                last = json.loads(process.stdout.readline())
            process.stdin.write(random_request(rng, last, count))
            process.stdin.flush()
            if last["type"] == "ending":
                break
        assert (process.wait(30), process.stdout.read()) == (0, "")
    if seed == 0:
        result = program("replay", last["run"], "--saves", tmp_path)
        count = int(result.out.splitlines()[-1].split()[0])
        assert (result.code, result.out.splitlines()[-1]) == (0, f"{count} of {count} turns identical")


def test_an_object_is_one_line() -> None:
    out = StringIO()
    print(jsonl.json_line({"a": "“b”\n", "c": [1, 0.5]}), file=out)
    assert out.getvalue() == '{"a":"“b”\\n","c":[1,0.5]}\n'
