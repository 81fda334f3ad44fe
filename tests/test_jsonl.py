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
    open_session,
    program,
    read_run,
    run_file_names,
    started_process,
)
from forward_pass.interface import jsonl
from forward_pass.interface.json_objects import event_object, json_line, scene_object
from forward_pass.interface.json_requests import EXPECTED_1, NOT_AN_ID, REQUESTS
from forward_pass.interface.jsonl import answer_line
from forward_pass.network.passes import WrittenPass
from forward_pass.session import visited
from forward_pass.session.events import Rejected, SceneEntered
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
    assert undo == {"type": "error", "code": "refused", "message": message, "offers": offers}
    assert redo == {
        "type": "error",
        "code": "refused",
        "message": "Nothing was undone that could be done again.",
        "offers": offers,
    }


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
    assert len(result.out.splitlines()) == 5


# -- bad requests ---------------------------------------------------------------------------------------------------------


COUNT = "takes a number from 1"
TOO_LONG = f"this line is too long: at most {MAX_LINE} characters"
NOT_JSON = "not a JSON object"


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ("nonsense", "unknown", "'nonsense' is not on offer in 'waking', nor anywhere: no choice has that id"),
        ("let-be", "unknown", "'let-be' is not on offer in 'waking'"),
        ("1", "unknown", "'1' is not on offer in 'waking', nor anywhere: no choice has that id"),
        ("[1]", "unknown", "'[1]' is not on offer in 'waking', nor anywhere: no choice has that id"),
        ("{", "malformed", NOT_JSON),
        ("{" * 90_000, "malformed", NOT_JSON),
        ('{"choose":' * 9_000, "malformed", NOT_JSON),
        ('{"undo":' + "9" * 5000 + "}", "malformed", NOT_JSON),
        ("{}", "malformed", "expected one request a line, found 0: none"),
        ({"undo": 1, "redo": 1}, "malformed", "expected one request a line, found 2: undo, redo"),
        ('{"choose":"say-now","choose":"feel-slope"}', "malformed", "a key is given twice"),
        ({"id": 3}, "malformed", "expected one request a line, found 0: none"),
        ({"jump": 3}, "malformed", f"no request is called 'jump'; there are {', '.join(REQUESTS)}"),
        ({"choose": 1}, "malformed", "`choose` takes a text of at most 1000 characters"),
        ({"choose": None}, "malformed", "`choose` takes a text of at most 1000 characters"),
        ({"choose": ["say-now"]}, "malformed", "`choose` takes a text of at most 1000 characters"),
        ({"undo": 0}, "malformed", f"`undo` {COUNT}"),
        ({"undo": -1}, "malformed", f"`undo` {COUNT}"),
        ({"undo": True}, "malformed", f"`undo` {COUNT}"),
        ({"undo": 1.5}, "malformed", f"`undo` {COUNT}"),
        ({"undo": "1"}, "malformed", f"`undo` {COUNT}"),
        ({"redo": 0}, "malformed", f"`redo` {COUNT}"),
        ({"quit": False}, "malformed", "`quit` takes true"),
        ({"quit": 1}, "malformed", "`quit` takes true"),
        ({"hint": [1, 2, 3]}, "malformed", "`hint` takes true, the number of an ending, or [ENDING, STEP]"),
        ({"lens": {"layer": 3}}, "malformed", '`lens` takes true, or {"layers":[L, …],"top":N,"attention":true}'),
        ({"tree": {"limit": 0}}, "malformed", '`tree` takes true, or {"at":DIGEST,"limit":N}'),
        ({"look": True, "id": [1]}, "malformed", "`id` must be a text of at most 1000 characters or a whole number"),
        ({"goto": "no such digest"}, "unknown", "no turn of this session has the digest 'no such digest'"),
        ({"tree": {"at": "0" * 16}}, "unknown", "no kept run has a turn with the digest '0000000000000000'"),
        ({"diff": "9"}, "unknown", "no run of first-light is called 9; it has no runs"),
        ({"undo": 1}, "refused", "Nothing lies before this: it is where the run begins."),
        ({"save": "odd name!"}, "storage", "no run to name yet: a run is saved from its first choice on"),
        ({"choose": "say-now\n"}, "malformed", NOT_AN_ID),
        ({"choose": ""}, "unknown", "'' is not on offer in 'waking', nor anywhere: no choice has that id"),
        ({"choose": "x" * 61}, "malformed", NOT_AN_ID),
        ({"choose": "\u009b31m"}, "malformed", NOT_AN_ID),
        ({"choose": "\ud800"}, "malformed", NOT_AN_ID),
        ("\x00", "malformed", NOT_AN_ID),
        ("say-now" + "x" * MAX_LINE * 3, "too-long", TOO_LONG),
        (" " * (MAX_LINE - 7) + "say-nowhere", "too-long", TOO_LONG),
    ],
)
def test_a_bad_request_is_one_error_and_the_run_goes_on(tmp_path: Path, request_: Any, code: str, message: str) -> None:
    _, error, scene = play_json(tmp_path, request_, "feel-slope").objects
    assert error["message"].startswith(message)
    assert {**error, "message": "", "id": 3} == {
        "type": "error",
        "code": code,
        "message": "",
        "offers": ["read-question", "feel-slope", "say-now"],
        "id": 3,
    }
    assert (scene["type"], scene["scene"]) == ("scene", "slope")


def test_a_closed_choice_is_an_error_that_says_why(tmp_path: Path) -> None:
    error = play_json(tmp_path, "read-question", "think-electric").objects[-1]
    assert (error["code"], error["message"]) == ("closed", "'think-electric' is closed: Nothing has pointed to any door yet.")
    assert error["offers"] == ["read-again", "stop-reading", "to-slope"]


def test_a_world_without_a_model_has_no_lens(tmp_path: Path) -> None:
    _, error = play_json(tmp_path, {"lens": True}).objects
    assert error["type"] == "error"
    assert "no model" in error["message"]


def test_a_computed_pass_has_a_lens(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path, "read-question")
    ((event,), _) = jsonl.answer_line(session, '{"lens":true}')
    row = event_object(event, session)
    assert row is not None
    assert (row["type"], row["token"], row["layer"], row["outcome"]) == ("lens", 11, 4, None)
    assert (row["probes"], row["probes_at"]) == ({"nonsense": 0.3333}, 11)
    close_session(session)


def test_a_computed_decoding_has_the_likeliest_words(tmp_path: Path) -> None:
    session = inspectable_session(tmp_path)
    decoding, _ = (event_object(event, session) for event in jsonl.answer_line(session, "say-now")[0])
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
    assert {row["code"] for row in result.objects[1:3]} == {"malformed"}


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
    events, _ = jsonl.answer_line(session, line)
    rows = [event_object(event, session) for event in events]
    assert rows
    for row in rows:
        assert row is None or json.loads(json_line(row))["type"] in ("scene", "decode", "ending", "error")
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
    assert scene_object(run, last["run"]) == last


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
            while last["type"] in ("hello", "decode", "reading", "opened"):
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
    print(json_line({"a": "“b”\n", "c": [1, 0.5]}), file=out)
    assert out.getvalue() == '{"a":"“b”\\n","c":[1,0.5]}\n'


# -- version 2 --------------------------------------------------------------------------------------------------------------


def all_objects(saves: Path, *requests: Any, options: tuple[str, ...] = (), world: str = WORLD) -> list[dict[str, Any]]:
    """Return every object of JSON play, the first of all too."""
    typed = "".join((request if isinstance(request, str) else json.dumps(request)) + "\n" for request in requests)
    out = command("play", world, "--json", "--new", "--saves", saves, *options, typed=typed).out
    return [json.loads(line) for line in out.splitlines()]


def test_hello_says_what_is_played_and_what_the_run_knows(tmp_path: Path) -> None:
    play_json(tmp_path, *TO_ENDINGS["half-said"])
    hello, scene = all_objects(tmp_path)
    assert (hello["type"], hello["protocol"], hello["world"], hello["seed"]) == ("hello", 2, WORLD, None)
    assert hello["facts"] == {"instantiation": 2, "found": ["half-said"], "met": []}
    assert (hello["layers"], hello["waking"], hello["boundary"], hello["telling"]) == (12, 3, 9, 11)
    assert hello["prompt"][-1] == scene["word"]
    assert hello["requests"] == list(REQUESTS)
    (fresh, *_) = all_objects(tmp_path, options=("--fresh",))
    assert fresh["facts"] == {"instantiation": 1, "found": [], "met": []}


def test_version_1_has_no_hello_and_takes_the_first_request_that_it_knows(tmp_path: Path) -> None:
    rows = all_objects(
        tmp_path, {"undo": 1, "choose": "feel-slope", "x": 1}, {"look": True}, {"save": "x"}, options=("--protocol", "1")
    )
    assert [row["type"] for row in rows] == ["scene", "scene", "error", "error"]
    assert rows[1]["scene"] == "slope"
    assert {row["message"] for row in rows[2:]} == {EXPECTED_1}


def test_an_id_is_echoed_on_every_object_of_an_answer(tmp_path: Path) -> None:
    rows = all_objects(tmp_path, {"choose": "say-now", "id": "a"}, {"choose": "nod-along", "id": 2}, {"undo": "x", "id": 3})
    assert [row.get("id") for row in rows[2:]] == ["a", "a", 2, 2, 3]
    ending = next(row for row in rows if row["type"] == "ending")
    assert (ending["ending"], ending["id"]) == ("half-said", 2)


def test_a_byte_order_mark_and_blanks_are_no_part_of_a_request(tmp_path: Path) -> None:
    assert types(play_json(tmp_path, '\ufeff{"look":true}', "  say-now  ")) == ["scene", "scene", "decode", "scene"]


def test_new_begins_another_run_and_keeps_the_first(tmp_path: Path) -> None:
    rows = all_objects(tmp_path, "feel-slope", {"new": True}, "say-now")
    assert [(row["run"], row["turn"]) for row in rows if row["type"] == "scene"] == [
        (None, 0),
        ("first-light/1", 1),
        (None, 0),
        ("first-light/2", 1),
    ]
    assert len(run_file_names(tmp_path)) == 2


def test_goto_stands_at_any_turn_of_the_process_and_the_next_choice_is_a_run_of_its_own(tmp_path: Path) -> None:
    rows = all_objects(tmp_path, "read-question", "read-again", {"new": True}, "feel-slope")
    digests = {row["scene"]: row["digest"] for row in rows if row["type"] == "scene"}
    again = [{"goto": digests["question"]}, "to-slope", {"goto": ""}, "say-now", {"goto": digests["slope"]}]
    rows = all_objects(tmp_path / "b", "read-question", "read-again", {"new": True}, "feel-slope", *again)
    scenes = [(row["scene"], row["turn"], row["digest"]) for row in rows if row["type"] == "scene"][5:]
    assert scenes[0] == ("question", 2, digests["question"])
    assert scenes[2] == ("waking", 0, "")
    assert scenes[-1] == ("slope", 1, digests["slope"])
    assert [read_run(tmp_path / "b", number).turns[0].choice for number in (1, 2, 3, 4)] == [
        "read-question",
        "feel-slope",
        "read-question",
        "say-now",
    ]


def test_the_earliest_turns_of_a_process_are_forgotten_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visited, "MAX_TURNS", 3)
    with open_session(tmp_path, "read-question", "read-again") as session:
        first, second = (turn.digest for turn in session.run.turns)
        answer_line(session, '{"new":true}')
        for choice in ("read-question", "to-slope"):  # the first is met again, and so not the earliest any more
            answer_line(session, choice)
        answer_line(session, '{"new":true}')
        answer_line(session, "feel-slope")
        (refused,), _ = answer_line(session, f'{{"goto":"{second}"}}')
        assert refused == Rejected(f"no turn of this session has the digest {second!r}", "unknown")
        (scene,), _ = answer_line(session, f'{{"goto":"{first}"}}')
        assert isinstance(scene, SceneEntered)
        assert scene.run.state.scene == "question"


def test_the_same_requests_give_the_same_bytes_whatever_the_folder_holds(tmp_path: Path) -> None:
    play_json(tmp_path / "a", *TO_ENDINGS["half-said"])
    play_json(tmp_path / "a", *TO_ENDINGS["the-loop"])
    requests = [
        *("read-question", "read-again", {"hint": True}, {"untaken": True}, {"skip": True}, {"tree": True}, {"map": True}),
        *({"endings": True}, {"load": True}, {"diff": "1"}, {"new": True}, *TO_ENDINGS["half-said"], {"hint": True}),
        *(
            {"endings": True},
            {"replay": True},
            {"picture": True},
            {"fork": 0},
            {"transcript": True},
            {"save": "x"},
            {"goto": ""},
        ),
    ]
    flags = ("--fresh", "--no-save")
    one, other = (all_objects(tmp_path / name, *requests, options=flags) for name in "ab")
    assert one == other
    assert not (tmp_path / "b").exists()
    assert all_objects(tmp_path / "a", *requests) != all_objects(tmp_path / "c", *requests)


def test_without_saving_runs_can_be_forked_replayed_and_taken_back(tmp_path: Path) -> None:
    rows = all_objects(
        tmp_path, "read-question", "read-again", {"replay": True}, {"fork": 1}, "to-slope", {"undo": 9}, options=("--no-save",)
    )
    assert [row["type"] for row in rows] == ["hello", "scene", "scene", "scene", "replayed", "scene", "scene", "scene"]
    assert rows[4] == {"type": "replayed", "turns": 2, "identical": 2}
    assert [row["run"] for row in rows if row["type"] == "scene"] == [None] * 6
    assert list(tmp_path.iterdir()) == []


def test_facts_are_given_by_a_file_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text('{"instantiation":7,"found":["the-loop"],"met":[]}')
    (hello, _) = all_objects(tmp_path, options=("--facts", f"{file}", "--no-save"))
    assert hello["facts"] == {"instantiation": 7, "found": ["the-loop"], "met": []}
    for wrong in ("{", "[]", '{"instantiation":0,"found":[],"met":[]}', '{"instantiation":1,"found":["x"],"met":[]}'):
        file.write_text(wrong)
        done = command("play", WORLD, "--json", "--facts", file, "--saves", tmp_path)
        assert (done.code, done.out) == (2, "")
        assert f"{file}" in done.err
    assert command("play", WORLD, "--json", "--facts", tmp_path / "none", "--saves", tmp_path).code == 2


def test_only_some_requests_can_be_allowed(tmp_path: Path) -> None:
    rows = all_objects(tmp_path, {"hint": True}, {"undo": 1}, "say-now", options=("--only", "choose,lens"))
    assert rows[0]["requests"] == ["choose", "lens", "quit"]
    assert [row.get("code") for row in rows[2:]] == ["forbidden", "forbidden", None, None]
    for wrong in (("--only", "choose,jump"), ("--only", "choose", "--plain"), ("--protocol", "2", "--plain")):
        arguments = [flag for flag in ("--json",) if "--plain" not in wrong]
        assert command("play", WORLD, *arguments, *wrong, "--saves", tmp_path).code == 2


def test_the_tree_is_bounded_and_takes_a_subtree(tmp_path: Path) -> None:
    play_json(tmp_path, *TO_ENDINGS["by-the-door"])
    play_json(tmp_path, "feel-slope")
    digest = read_run(tmp_path, 1).turns[0].digest
    rows = all_objects(tmp_path, {"tree": {"limit": 2}}, {"tree": {"at": digest}}, {"tree": True})
    assert [(len(row["branches"]), row.get("more")) for row in rows[2:]] == [(2, 5), (5, None), (7, None)]


def test_a_hint_has_no_memory(tmp_path: Path) -> None:
    rows = all_objects(tmp_path, {"hint": 2}, {"hint": 2}, {"hint": [2, 3]}, {"hint": [2, 99]}, {"hint": 99})
    assert [row.get("step") for row in rows[2:]] == [1, 1, 3, 3, None]


def test_a_choice_at_an_ending_has_a_code_of_its_own(tmp_path: Path) -> None:
    rows = all_objects(tmp_path, *TO_ENDINGS["half-said"], "say-now")
    assert rows[-1]["code"] == "ended"


def test_what_is_sealed_can_be_opened_for_research(tmp_path: Path) -> None:
    choices = ("read-start", "object-early")
    for options, is_open in (((), False), (("--open",), True)):
        rows = all_objects(tmp_path / f"{is_open}", *choices, options=("--fresh", "--no-save", *options), world="forward-pass")
        assert rows[0]["open"] == is_open
        scenes = [row for row in rows if row["type"] == "scene"]
        assert (scenes[-1]["forecast"] is not None) == is_open
        assert not [row for row in rows if row.get("sealed")] or not is_open


def test_every_request_is_answered_by_an_object(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "choose": "feel-slope",
        "undo": 1,
        "redo": 1,
        "back": 0,
        "goto": "",
        "lab": "",
        "about": "layer",
        "diff": "1",
        "without": 1,
        "save": "named",
        "export": f"{tmp_path}/out.txt",
        "fork": 0,
        "hint": 1,
        "lens": {"layers": [3]},
    }
    for name in REQUESTS:
        rows = all_objects(tmp_path / name, "feel-slope", {name: values.get(name, True), "id": 5})
        answered = [row for row in rows if row.get("id") == 5]
        assert answered or name == "quit", name
