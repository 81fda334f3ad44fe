"""The seven surfaces that take untrusted bytes, each with a function that checks the outcome of an input.

``tests/fuzz.py`` drives them with coverage as its guide, ``tests/test_strangers.py`` with hypothesis and with every input
that once failed. The outcome of any bytes must be a value or one of the project's own errors, and no text in it may act on a
terminal.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import struct
import tempfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from building import ROOT, SCOPE, STATE, FakePass, first_light, loaded, random_network
from fixtures_checker import modelled_world
from fixtures_play import close_session, new_session
from forward_pass import Session, load_world
from forward_pass.errors import ForwardPassError, RunError, WorldError
from forward_pass.interface import jsonl
from forward_pass.interface.json_objects import event_object, json_line
from forward_pass.loading.codec import decode_story, encode_story
from forward_pass.loading.lint import lint
from forward_pass.loading.loader import MAX_LISTED
from forward_pass.loading.yaml_tree import FORBIDDEN
from forward_pass.network.model import prefill
from forward_pass.network.passes import ComputedPass, WrittenPass, open_pass
from forward_pass.network.weights import WeightsError, pack_weights, parse_weights
from forward_pass.session.events import Quit
from forward_pass.session.laboratory import Laboratory
from forward_pass.session.laboratory_text import answer_message
from forward_pass.storage.journal import parse_journal
from forward_pass.storage.listing import summaries
from forward_pass.storage.replay import replay_run
from forward_pass.story.compile import TextFunction, Value, compile_expression, compile_text
from forward_pass.story.engine import is_ending, offers
from forward_pass.story.grammar import MAX_LENGTH, ExpressionError, parse_condition, parse_effect, parse_threshold
from forward_pass.story.history import append, make_turn, new_run
from forward_pass.story.state import Prior
from forward_pass.story.text_grammar import parse_line, parse_text
from forward_pass.story.world import World

MAX_MESSAGE = 2_000
MAX_REQUESTS = 8  # lines of an input that are given to one session
DIGEST = hashlib.sha256().digest_size


class Surface(NamedTuple):
    """A check for any bytes, valid inputs to start from, the maximum length of an input, and words for mutations."""

    check: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    max_bytes: int
    words: tuple[str, ...]


def check_message(message: str) -> None:
    """Check that a message can be shown: it is one line, not empty, and nothing in it acts on a terminal."""
    assert message
    assert message.isprintable(), ascii(message)
    assert len(message) <= MAX_MESSAGE, len(message)


# -- a file of a world


def check_loader(data: bytes) -> None:
    """Check that a file is a playable world, or gives problems with places."""
    reading = loaded(("world.yaml", data), name="stranger")
    assert len(reading.problems) <= MAX_LISTED + 1
    for problem in reading.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        check_message(str(problem))
    if reading.story is None:
        assert any(problem.severity == "error" for problem in reading.problems)
        return
    encoded = encode_story(reading.story)
    assert encode_story(decode_story(encoded)) == encoded
    for problem in lint(reading.story):
        check_message(str(problem))
    _play_choices(World(reading.story))


def _play_choices(world: World) -> None:
    """Take the first open choice a few times, and check the text of each scene."""
    port = WrittenPass(world)
    run = new_run(world, port, Prior())
    for _ in range(5):
        assert not FORBIDDEN.search(world.scene(run.state.scene).text(run.state, port))
        open_choices = [offer.id for offer in offers(world, run.state) if offer.is_open]
        if is_ending(world, run.state) or not open_choices:
            return
        run = append(run, make_turn(run, open_choices[0], lambda distribution, _: distribution.words[0]))


def loader_seeds() -> list[bytes]:
    """Return the files of the fixture world and of the bad worlds."""
    paths = [*(ROOT / "worlds" / "first-light").glob("*.yaml"), *(ROOT / "tests" / "bad_worlds").glob("*.yaml")]
    return [path.read_bytes() for path in sorted(paths)]


# -- conditions, effects, thresholds and texts

CONDITION, EFFECT, THRESHOLD, LINE, TEXT, ENDING_TEXT = range(6)
PARSERS: tuple[Callable[[str], object], ...] = (
    lambda source: _check_value(compile_expression(parse_condition(source, SCOPE))),
    lambda source: _check_value(compile_expression(parse_effect(source, SCOPE).value)),
    lambda source: parse_threshold(source, ("p", "lens", "probe")),
    lambda source: _check_text(compile_text(parse_line(source, SCOPE))),
    lambda source: _check_text(compile_text(parse_text(source, SCOPE))),
    lambda source: _check_text(compile_text(parse_text(source, SCOPE._replace(ending=True, probes=None)))),
)


def _check_value(compiled: Value) -> None:
    value = compiled(STATE)
    assert isinstance(value, int)
    assert len(str(int(value))) <= 7 * MAX_LENGTH


def _check_text(compiled: TextFunction) -> None:
    assert isinstance(compiled(STATE, FakePass()), str)


def check_expressions(data: bytes) -> None:
    """Check that a source can be evaluated, or fails at a place inside it. Its first byte selects the parser."""
    source = data[1:].decode(errors="ignore")
    parse = PARSERS[data[0] % len(PARSERS) if data else 0]
    try:
        parse(source)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(source)
        assert error.message
        assert len(error.message) <= MAX_MESSAGE


def expression_seeds() -> list[bytes]:
    """Return sources of each kind, which together use every rule of the grammar."""
    sources = (
        (CONDITION, "not (reads >= 2 and mood != 'quite odd') or sure and early"),
        (CONDITION, "seen(hall) or taken(go-on) or found(\"the-end\") or acted(lean, 400) or emitted('foot')"),
        (CONDITION, "visits(hall) * 2 - -1 < left + layer + token - instantiation == again"),
        (EFFECT, "reads += visit * 2"),
        (EFFECT, "taste = 'sour'"),
        (THRESHOLD, "p('two') > 0.5"),
        (THRESHOLD, "probe('nonsense') < -0.25"),
        (LINE, "{reads} of {spelled(left)}, {mood} {word}"),
        (TEXT, "[sure] One.\n\n[else] Two {visit: first | second {taste: a | b} | last}.\n\n  stands \\{ as it is"),
        (TEXT, "{p('two', 400)} {percent(likeliest, again)} {now(word)} {would(lean, 'no')} {lens('two')} {probe('nonsense')}"),
        (TEXT, "{foreseen(word, 4)} {heed(start, 401)} {onward(3, again)} {likeliest(400)} {word(400)} {sentence} {twice}"),
        (ENDING_TEXT, "{untouched} {likelihood} {p('two')} {typed(1)}"),
    )
    return [bytes([kind]) + source.encode() for kind, source in sources]


# -- a run's file


def check_journal(data: bytes) -> None:
    """Check that a file is a run that can be replayed as far as it goes, or fails at a place."""
    path = Path("stranger.jsonl")
    try:
        read = parse_journal(data, path)
    except RunError as error:
        check_message(str(error))
        assert str(error).startswith("stranger.jsonl:1:1: ")
        return
    assert 0 <= read.at <= len(read.turns)
    assert 0 <= read.valid_bytes <= len(data)
    assert parse_journal(read.header.line().encode() + b"\n", path).header == read.header
    outcome = replay_run(first_light(), WrittenPass(first_light()), read, len(read.turns))
    assert 0 <= outcome.identical_turns <= len(read.turns)
    for text in (*outcome.notes, outcome.summary, *(difference.what for difference in outcome.differences)):
        check_message(text)
    folder = _shared()
    (folder / "001-run.jsonl").write_bytes(data)
    for summary in summaries(folder, first_light()):
        check_message(str(summary).replace(str(folder), ""))


@lru_cache
def _shared() -> Path:
    """Return a temporary folder, deleted at exit."""
    folder = Path(tempfile.mkdtemp(prefix="strangers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def journal_seeds() -> list[bytes]:
    """Return run files, whole and torn."""
    session = new_session(_shared() / "seeds")
    for choice in ("read-question", "read-again", "think-electric", "hold-still"):
        session.choose(choice)
    session.go_to_turn(2)
    session.go_to_turn(3)
    close_session(session)
    (path,) = (_shared() / "seeds" / "first-light").glob("*-run.jsonl")
    whole = path.read_bytes()
    shutil.rmtree(_shared() / "seeds")
    return [whole, whole[:-9], whole.replace(b'"weights":null', b'"weights":"ff","parent":[4,2]')]


# -- lines to a session


def check_lines(data: bytes) -> None:
    """Check that each line is answered by objects of one line each, until the session is quit."""
    folder = Path(tempfile.mkdtemp(dir=_shared()))
    session = new_session(folder)
    try:
        for line in data.decode(errors="replace").split("\n")[:MAX_REQUESTS]:
            events, _ = jsonl.answer_line(session, line)
            rows = [event_object(event, session) for event in events]
            assert rows
            for row in rows:
                _check_object(row)
            if any(isinstance(event, Quit) for event in events):
                break
    finally:
        close_session(session)
        shutil.rmtree(folder)


def _check_object(row: Mapping[str, object] | None) -> None:
    """Check that an object is one line of JSON, and that the message of an error can be shown."""
    if row is None:
        return
    text = json_line(row)
    assert "\n" not in text
    assert not FORBIDDEN.search(text), ascii(text)
    assert json.loads(text)["type"]
    if row["type"] == "error":
        check_message(str(row["message"]))


def line_seeds() -> list[bytes]:
    """Return requests of every kind, and choices that lead to endings."""
    requests = ('{"lens":true}', '{"notes":true}', '{"about":"token"}', '{"hint":1}', '{"tree":true}', '{"diff":"1"}')
    return [
        b"read-question\nread-again\nthink-electric\nhold-still\nnod-along",
        b'{"choose":"say-now"}\n{"undo":1}\n{"redo":1}\n{"undo":9}\n{"choose":"feel-slope"}\n{"quit":true}',
        "\n".join(requests).encode(),
        ("say-now\n" + "\n".join(requests)).encode(),
        b'{"new":true}\n{"goto":""}\n{"save":"a"}\n{"load":true}\n{"transcript":true}\n{"endings":true}\n{"replay":true}',
        b'{"id":1,"look":true}\n{"id":"x","prompt":true}\n{"restart":true}\n{"without":1}\n{"lab":"heads"}\n{"untaken":true}',
        b'say-now\n{"picture":true}\n{"map":true}\n{"fork":0}\n{"back":0}\n{"help":true}\n{"settings":true}\n{"skip":true}',
        b'{"hint":true}\n{"hint":99}\n{"about":"nothing"}\n{"diff":"first-light/1"}\n\n  \n1',
    ]


# -- a file of weights


def small_weights() -> bytes:
    """Return the weights file of a very small network."""
    return pack_weights(*random_network())


def seal_weights(header: bytes, body: bytes) -> bytes:
    """Return a weights file with the right header length and checksum for any header and body."""
    data = struct.pack("<4sHHI", b"FPWT", 1, 0, len(header)) + header + body
    return data + hashlib.sha256(data).digest()


def check_weights(data: bytes) -> None:
    """Check that a file is a network with finite logits, or fails with a one-line message.

    A zero byte in the input separates a header from tensors; the file is then sealed with a valid checksum.
    """
    header, zero, body = data.partition(b"\0")
    try:
        weights = parse_weights(seal_weights(header, body) if zero else data)
    except WeightsError as error:
        check_message(str(error))
        return
    assert weights.metadata.vocabulary
    with np.errstate(all="raise", under="ignore"):
        logits = prefill(weights, [at % weights.shape.n_vocab for at in range(4)]).logits
    assert np.isfinite(logits).all()


def weight_seeds() -> list[bytes]:
    """Return the small network sealed, the same as header and tensors, and a header alone."""
    data = small_weights()
    stop = 12 + struct.unpack_from("<I", data, 8)[0]
    return [data, data[12:stop] + b"\0" + data[stop:-DIGEST], data[12:stop] + b"\0"]


# -- lines to a laboratory


@lru_cache
def _modelled() -> World:
    """Return a world with a tiny network, in a folder that is deleted at exit."""
    return modelled_world(_shared() / "modelled")


def check_laboratory(data: bytes) -> None:
    """Check that each line to a bench is answered or refused, by what can be shown, and that the run stays as it is."""
    world = _modelled()
    port = open_pass(world)
    assert isinstance(port, ComputedPass)
    run = new_run(world, port, Prior())
    laboratory = Laboratory(run, port, lambda _reference, _turn: run)
    for line in data.decode(errors="replace").split("\n")[:MAX_REQUESTS]:
        try:
            message = answer_message(laboratory, line)
        except ForwardPassError as error:
            check_message(str(error))
            continue
        _check_object(message.row)
    assert run.digest == new_run(world, port, Prior()).digest


def laboratory_seeds() -> list[bytes]:
    """Return benches with every setting."""
    return [
        b"act lean from 5\nlook start 8 from 5\nrandom 2 from 5 seed 3\nsilence 5.1\nclear",
        b"at 5\nfreeze 4-6 attention\nfreeze 4-6\nheads\nfind two no",
        b"patch 1 0 stream 5\npatch 1 0 head 5.1\nkeys\nvalues\ndrop from 7\nnote honest from 5 ink 0.5",
    ]


# -- the library


def check_api(data: bytes) -> None:
    """Check that a folder with these bytes is a world that the library plays, or raises our own error."""
    folder = _shared() / "library"
    folder.mkdir(exist_ok=True)
    (folder / "world.yaml").write_bytes(data)
    try:
        session = Session(load_world(folder), facts=Prior())
    except WorldError as error:
        for problem in error.problems:
            check_message(str(problem))
        return
    for _ in range(6):
        ways = [offer.id for offer in session.offers if offer.is_open]
        if session.ending or not ways:
            break
        session.choose(ways[-1])
    assert isinstance(session.text, str)


GRAMMAR = ("and", "or", "not", "==", "!=", ">=", "seen(", "acted(", "emitted('", "visits(", "p('two')", "reads", "mood", "0.5")
KEYS = ("scenes:\n", "choices:\n", "goto: ", "text: |\n", "written: {", "then:\n", "otherwise: ", "variables:\n", "acts:\n")
MARKS = ("&a ", "*a", "<<: ", "!!python/object/apply:os.system ", "---\n", "\\u202e", "\\x1b", "? ", "%TAG ! x:\n")
TEXTS = ("{visit: ", "{onward(", "{would(lean)}", "{heed(start)}", "[else] ", "{spelled(", "\\{", " | ")
RUNS = ('"at":', '"choice":', '"digest":', '"facts":', '"found":[', "1e999", "NaN", "true", "null", "\\ud800", "\\u001b")
REQUESTS = ('{"choose":"', '{"undo":', '{"redo":', '{"hint":', '{"about":"', '{"diff":"', '{"tree":true}', '{"quit":true}')
BENCH = ("at 5", "act lean", "push ", "look start ", "note ", "silence ", "freeze ", "patch 1 ", "random ", "from 5", "find ")
HEADERS = ('"shape":', '"n_vocab":', '"tensors":', '"vocabulary":', '"q8"', '"f2"', '"probes":[', '"made":{', "1000000000")

SURFACES = {
    "loader": Surface(check_loader, loader_seeds, 4096, (*KEYS, *MARKS, *GRAMMAR, *TEXTS)),
    "expressions": Surface(check_expressions, expression_seeds, 600, (*GRAMMAR, *TEXTS, "likeliest", "again", "start")),
    "journal": Surface(check_journal, journal_seeds, 4096, RUNS),
    "lines": Surface(check_lines, line_seeds, 1024, (*REQUESTS, *RUNS)),
    "laboratory": Surface(check_laboratory, laboratory_seeds, 512, BENCH),
    "api": Surface(check_api, loader_seeds, 4096, (*KEYS, *MARKS, *GRAMMAR, *TEXTS, "frame: none\n", "do: ", "goto:\n")),
    "weights": Surface(check_weights, weight_seeds, 8192, (*HEADERS, *RUNS)),
}
