"""The five surfaces that take untrusted bytes, each with a function that checks the outcome of an input.

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
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fixtures_play import InspectablePass, close_session, first_light, new_session
from forward_pass.errors import RunError
from forward_pass.interface import jsonl
from forward_pass.loading.lint import lint
from forward_pass.loading.loader import MOST_LISTED, read_contents
from forward_pass.loading.yaml_tree import FORBIDDEN
from forward_pass.network.model import prefill
from forward_pass.network.passes import WrittenPass
from forward_pass.network.weights import Metadata, Parameters, Shape, WeightsError, pack_weights, parse_weights
from forward_pass.session.session import Quit
from forward_pass.storage.journal import parse_journal
from forward_pass.storage.listing import summaries
from forward_pass.storage.replay import replay_run
from forward_pass.story.compile import compile_expression
from forward_pass.story.distribution import Distribution
from forward_pass.story.engine import is_ending, offers
from forward_pass.story.expressions import (
    MAX_LENGTH,
    ExpressionError,
    Scope,
    Variable,
    parse_condition,
    parse_effect,
    parse_threshold,
)
from forward_pass.story.history import append, make_turn, new_run
from forward_pass.story.state import Act, Prior, State
from forward_pass.story.text import compile_text, parse_line, parse_text
from forward_pass.story.world import World

ROOT = Path(__file__).resolve().parent.parent
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
    reading = read_contents("stranger", "", [("world.yaml", data)], [])
    assert len(reading.problems) <= MOST_LISTED + 1
    for problem in reading.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        check_message(str(problem))
    if reading.data is None:
        assert any(problem.severity == "error" for problem in reading.problems)
        return
    assert json.loads(json.dumps(reading.data)) is not None
    for problem in lint(reading.data):
        check_message(str(problem))
    _play_choices(World(reading.data))


def _play_choices(world: World) -> None:
    """Take the first open choice a few times, and check the text of each scene."""
    pass_port = WrittenPass(world)
    run = new_run(world, pass_port, Prior())
    for _ in range(5):
        assert not FORBIDDEN.search(world.scene(run.state.scene).text(run.state, pass_port))
        open_choices = [offer.choice.id for offer in offers(world, pass_port, run.state) if offer.open]
        if is_ending(world, run.state) or not open_choices:
            return
        run = append(run, make_turn(run, open_choices[0], lambda distribution, _: distribution.words[0]))


def loader_seeds() -> list[bytes]:
    """Return the files of the fixture world and of the bad worlds."""
    paths = [*(ROOT / "worlds" / "first-light").glob("*.yaml"), *(ROOT / "tests" / "bad_worlds").glob("*.yaml")]
    return [path.read_bytes() for path in sorted(paths)]


# -- conditions, effects, thresholds and texts

SCOPE = Scope(
    variables={
        "reads": Variable("reads", 0, 0, 9, 0),
        "hurried": Variable("hurried", 1, 0, 1, 0, flag=True),
        "mood": Variable("mood", 2, 0, 1, 0, words=("even", "odd")),
    },
    thresholds={"sure": 0},
    ids={"scene": {"hall": 0}, "choice": {"go-on": 0}, "ending": {"hall": 0}, "act": {"lean": 0}},
    boundary=9,
    scene=0,
    bands={"early": (4, 6)},
    probes=("nonsense",),
    prompt=("<doc>", "Why", "?", "Because", "the"),
    decoded=(11, 12),
    spans={"question": (1, 3)},
    continuations={"again": "Why? Because"},
)
PARSERS: tuple[Callable[[str], Any], ...] = (
    lambda source: compile_expression(parse_condition(source, SCOPE)),
    lambda source: compile_expression(parse_effect(source, SCOPE)[1]),
    lambda source: parse_threshold(source, ("p", "lens", "probe")),
    lambda source: compile_text(parse_line(source, SCOPE)),
    lambda source: compile_text(parse_text(source, SCOPE)),
    lambda source: compile_text(parse_text(source, SCOPE._replace(ending=True, probes=None))),
)


class AnsweringPass(InspectablePass):
    """A pass that has the same answers for any words and interventions."""

    def distribution(self, words: tuple[str, ...], acts: Any) -> Distribution:
        """Return the distribution of the first token."""
        del words, acts
        return super().distribution((), ((),))

    def prompt_prediction(self, position: int) -> Distribution:
        """Return the distribution of the first token."""
        del position
        return super().distribution((), ((),))

    def recompute_error(self, words: tuple[str, ...], acts: Any, layer: int) -> float:
        """Return zero."""
        del words, acts, layer
        return 0.0

    def attention(self, words: tuple[str, ...], acts: Any, layer: int) -> list[float]:
        """Return the same share for every position."""
        del acts, layer
        return [1 / 20] * (len(words) + 20)


STATE = State("hall", 12, 5, (3, 1, 1), b"\x01", b"\x00", ("dark",), ((Act("lean", 4),), ()), (None,), Prior())


def check_expressions(data: bytes) -> None:
    """Check that a source can be evaluated, or fails at a place inside it. Its first byte selects the parser."""
    source = data[1:].decode(errors="ignore")
    which = data[0] % len(PARSERS) if data else 0
    try:
        compiled = PARSERS[which](source)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(source)
        assert error.message
        assert len(error.message) <= MAX_MESSAGE
        return
    if which <= 1:
        value = compiled(STATE)
        assert isinstance(value, int)
        assert len(str(int(value))) <= 7 * MAX_LENGTH
    elif which > 2:
        assert isinstance(compiled(STATE, AnsweringPass(first_light())), str)


def expression_seeds() -> list[bytes]:
    """Return sources of each kind, which together use every rule of the grammar."""
    sources = (
        (0, "not (reads >= 2 and mood != 'odd') or sure and early"),
        (0, "seen(hall) or taken(go-on) or found(\"hall\") or acted(lean, 11) or emitted('dark')"),
        (0, "visits(hall) * 2 - -1 < left + layer + token - instantiation == again"),
        (1, "reads += visit * 2"),
        (1, "mood = 'odd'"),
        (2, "p('two') > 0.5"),
        (2, "probe('nonsense') < -0.25"),
        (3, "{reads} of {spelled(left)}, {mood} {word}"),
        (4, "[sure] One.\n\n[else] Two {visit: first | second {mood: a | b} | last}.\n\n  stands \\{ as it is"),
        (4, "{p('two', 11)} {percent(likeliest, again)} {now(word)} {would(lean, 'no')} {lens('two')} {probe('nonsense')}"),
        (4, "{foreseen(word, 4)} {heed(question, 12)} {onward(3, again)} {likeliest(11)} {word(11)} {sentence} {likelihood}"),
        (5, "{untouched} {p('two')}"),
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
    session.undo("2")
    session.redo("1")
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
            events = jsonl.handle_request(session, line)
            rows = [jsonl.event_object(event, session) for event in events]
            assert rows
            for row in rows:
                _check_object(row)
            if any(isinstance(event, Quit) for event in events):
                break
    finally:
        close_session(session)
        shutil.rmtree(folder)


def _check_object(row: dict[str, Any] | None) -> None:
    """Check that an object is one line of JSON, and that the message of an error can be shown."""
    if row is None:
        return
    text = jsonl.json_line(row)
    assert "\n" not in text
    assert not FORBIDDEN.search(text), ascii(text)
    assert json.loads(text)["type"]
    if row["type"] == "error":
        check_message(row["message"])


def line_seeds() -> list[bytes]:
    """Return requests of every kind, and choices that lead to endings."""
    requests = ('{"lens":true}', '{"notes":true}', '{"about":"token"}', '{"hint":1}', '{"tree":true}', '{"diff":"1"}')
    return [
        b"read-question\nread-again\nthink-electric\nhold-still\nnod-along",
        b'{"choose":"say-now"}\n{"undo":1}\n{"redo":1}\n{"undo":9}\n{"choose":"feel-slope"}\n{"quit":true}',
        "\n".join(requests).encode(),
        ("say-now\n" + "\n".join(requests)).encode(),
        b'{"hint":true}\n{"hint":99}\n{"about":"nothing"}\n{"diff":"first-light/1"}\n\n  \n1',
    ]


# -- a file of weights

SHAPE = Shape(n_vocab=7, n_embd=8, n_head=2, d_head=4, n_hidden=6, n_local=1, n_global=2, n_mlp=1)


def small_weights() -> bytes:
    """Return the weights file of a very small network."""
    draw = np.random.RandomState(0).standard_normal
    s, width = SHAPE, SHAPE.n_head * SHAPE.d_head
    parameters = Parameters(
        s,
        wte=draw((s.n_vocab, s.n_embd)),
        ln_f=draw(s.n_embd),
        ln_1=draw((s.n_attend, s.n_embd)),
        ln_2=draw((s.n_layer, s.n_embd)),
        w_qkv=draw((s.n_attend, 3 * width, s.n_embd)),
        w_o=draw((s.n_attend, s.n_embd, width)),
        w_up=draw((s.n_layer, s.n_hidden, s.n_embd)),
        w_down=draw((s.n_layer, s.n_embd, s.n_hidden)),
    )
    directions, probes = {"doubt": draw((s.n_layer, s.n_embd))}, {"nonsense": draw((s.n_layer, s.n_embd + 1))}
    metadata = Metadata(("<doc>", "\n", "Q:", "A:", "two", "no", "has"), (2,), directions, probes, {"seed": "1"})
    return pack_weights(parameters, metadata)


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


GRAMMAR = ("and", "or", "not", "==", "!=", ">=", "seen(", "acted(", "emitted('", "visits(", "p('two')", "reads", "mood", "0.5")
KEYS = ("scenes:\n", "choices:\n", "goto: ", "text: |\n", "written: {", "then:\n", "otherwise: ", "variables:\n", "acts:\n")
MARKS = ("&a ", "*a", "<<: ", "!!python/object/apply:os.system ", "---\n", "\\u202e", "\\x1b", "? ", "%TAG ! x:\n")
TEXTS = ("{visit: ", "{onward(", "{would(lean)}", "{heed(question)}", "[else] ", "{spelled(", "\\{", " | ")
RUNS = ('"at":', '"choice":', '"digest":', '"facts":', '"found":[', "1e999", "NaN", "true", "null", "\\ud800", "\\u001b")
REQUESTS = ('{"choose":"', '{"undo":', '{"redo":', '{"hint":', '{"about":"', '{"diff":"', '{"tree":true}', '{"quit":true}')
HEADERS = ('"shape":', '"n_vocab":', '"tensors":', '"vocabulary":', '"q8"', '"f2"', '"probes":[', '"made":{', "1000000000")

SURFACES = {
    "loader": Surface(check_loader, loader_seeds, 4096, (*KEYS, *MARKS, *GRAMMAR, *TEXTS)),
    "expressions": Surface(check_expressions, expression_seeds, 600, (*GRAMMAR, *TEXTS, "likeliest", "again", "question")),
    "journal": Surface(check_journal, journal_seeds, 4096, RUNS),
    "lines": Surface(check_lines, line_seeds, 1024, (*REQUESTS, *RUNS)),
    "weights": Surface(check_weights, weight_seeds, 8192, (*HEADERS, *RUNS)),
}
