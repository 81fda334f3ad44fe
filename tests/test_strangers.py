"""Worlds and runs from strangers are data: attacks by name, bytes of any kind on five surfaces, and what fuzzing once found.

What each reader refuses stands in its own tests (``test_loader``, ``test_journal``, ``test_weights``, ``test_jsonl``). Here
stands what takes several to go wrong: work that grows faster than a file, names that reach a terminal, files that are
something else than they are called, and links.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fixtures_surfaces
from building import ROOT, TINY, built, changed, loaded, tiny
from fixtures_checker import modelled_world
from fixtures_play import (
    WORLD,
    CommandResult,
    close_session,
    command,
    new_session,
    program,
    replace_in_file,
    run_file_names,
    write_run,
)
from fixtures_surfaces import SURFACES, check_message, seal_weights, small_weights
from forward_pass.checker.pass_table import TABLE_FILE, PassTable
from forward_pass.commands.effects import note_carriers
from forward_pass.errors import ForwardPassError, RunError, UsageError
from forward_pass.interface import jsonl
from forward_pass.interface.json_objects import event_object, json_line
from forward_pass.loading.declarations import MAX_LETTERS
from forward_pass.loading.loader import MAX_MESSAGE
from forward_pass.loading.paths import CALIBRATION
from forward_pass.loading.prompt import MAX_CONTINUATION, MAX_PROMPT
from forward_pass.loading.yaml_tree import MAX_FORBIDDEN
from forward_pass.network.passes import open_pass
from forward_pass.network.weights import WeightsError, parse_weights
from forward_pass.storage.journal import read_journal
from forward_pass.storage.labels import write_label
from forward_pass.storage.run_file import forget
from fuzz import CASES, Watched, place_of

# -- no file takes longer, or more memory, than a valid one of its size

SIZE = 300_000
MAX_SLOWER, MAX_LARGER = 5, 3  # times what a valid file of that size takes: a busy machine may be unfair to one of two
SPARE_SECONDS, SPARE_BYTES = 2.0, 60_000_000
CHILD_BYTES = 3_000_000_000  # no more is given to a child that reads one of these


def many(line: str, count: int) -> str:
    return "".join(line.format(number) for number in range(count))


def choices(line: str, count: int) -> tuple[str, str]:
    return "        goto: decode\n", "        goto: decode\n" + many(f"      c{{0}}: {{{{say: {line}, goto: done}}}}\n", count)


def section(text: str) -> tuple[str, str]:
    return "tokens:\n", f"{text}\ntokens:\n"


def scene_text(text: str) -> tuple[str, str]:
    return "I was there.", f"|\n      {text}"


PROMPT = "prompt: Why? Because the"
GREEDY: dict[str, tuple[Callable[[], str], str]] = {
    "a valid world": (lambda: changed(TINY, choices("Go on there then.", 5_900)), ""),
    "escapes in every scalar": (
        lambda: "a:\n" + many('  - "\\e\\e\\e\\e\\e\\e\\e\\e\\e\\e"\n', 10_000),
        "world.yaml:1:1: E201 unknown key 'a'",
    ),
    "a long passage that is asked for often": (
        lambda: changed(TINY, section("continuations:\n  b: " + "a " * 50_000), scene_text("{p('a', b)} " * 14_000)),
        "world.yaml:11:6: E203 continuation 'b' has 99999 characters; at most 300 are allowed",
    ),
    "a long enumeration that is shown often": (
        lambda: changed(
            TINY, section(f"variables:\n  m: [{','.join(letter * 30 for letter in 'abcdefghij')}]"), scene_text("{m}" * 90_000)
        ),
        "",
    ),
    "an enumeration of ten thousand words that is asked about often": (
        lambda: changed(TINY, section(f"variables:\n  m: [{many('w{0},', 12_000)}]"), choices("x, if: m == 'x'", 3_500)),
        "world.yaml:11:7: E203 the variable 'm' needs 2 to 50 different words, of letters and spaces",
    ),
    "many words to be found in a long prompt": (
        lambda: changed(
            TINY, (PROMPT, f"prompt: {'a ' * 60_000}Why"), section("spans:\n" + many("  s{0}: {{word: zz}}\n", 8_000))
        ),
        "world.yaml:8:9: E203 prompt has 120003 characters; at most 20000 are allowed",
    ),
    "many pairs to be counted in a long prompt": (
        lambda: changed(
            TINY, (PROMPT, f"prompt: {'a ' * 60_000}Why"), section("spans:\n" + many("  s{0}: {{pair: 1}}\n", 8_000))
        ),
        "world.yaml:8:9: E203 prompt has 120003 characters; at most 20000 are allowed",
    ),
    "many words to be found in the longest prompt": (
        lambda: changed(
            TINY, (PROMPT, f"prompt: {'a ' * 9_990}Why"), section("spans:\n" + many("  s{0}: {{word: a b}}\n", 12_000))
        ),
        "world.yaml:11:14: E502 the prompt does not contain 'a b'",
    ),
    "a long span to be found in a long prompt": (
        lambda: changed(TINY, (PROMPT, f"prompt: {'a ' * 70_000}Why"), section("spans:\n  s: {word: " + "a " * 70_000 + "b}")),
        "world.yaml:8:9: E203 prompt has 140003 characters; at most 20000 are allowed",
    ),
    "thousands of acts that are nearly called so": (
        lambda: changed(
            TINY,
            section("model: x.fpw\nacts:\n" + many("  act-number-{0}: {{about: x}}\n", 4_000)),
            choices("'{{{{would(act-nomber-{0})}}}}'", 2_500),
        ),
        "world.yaml:10:8: E501 'x.fpw' is not in the world's folder",
    ),
    "a message as long as the file": (
        lambda: changed(TINY, section("model: x.fpw"), scene_text(f"{{would({'a' * 250_000})}}")),
        f"world.yaml:20:14: E103 unknown act '{'a' * (MAX_MESSAGE - 13)}…",
    ),
}


class Cost(NamedTuple):
    """What reading a file takes, and its problems."""

    seconds: float
    bytes: int
    problems: list[str]


def padded(name: str) -> bytes:
    """Return the file of that name, with comments up to the size that all have."""
    text = GREEDY[name][0]()
    assert SIZE * 0.4 < len(text) <= SIZE, len(text)
    return (text + "# a comment\n" * ((SIZE - len(text)) // 12)).encode()


def read_alone(name: str) -> Cost:
    """Return what reading a file takes in this process, which has to be one of its own."""
    resource.setrlimit(resource.RLIMIT_AS, (CHILD_BYTES, CHILD_BYTES))
    data = padded(name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    problems = loaded(("world.yaml", data), name="stranger").problems
    took = time.process_time() - began
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Cost(took, more * 1024, [str(problem) for problem in problems])


@lru_cache
def read_apart(name: str) -> Cost:
    """Return what reading a file takes in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, name],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'game'}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return Cost(*json.loads(done.stdout))


@pytest.mark.parametrize("name", list(GREEDY)[1:])
def test_a_file_takes_neither_longer_nor_more_memory_than_a_valid_one_of_its_size(name: str) -> None:
    valid, cost = read_apart("a valid world"), read_apart(name)
    assert valid.problems == []
    assert GREEDY[name][1] in (cost.problems or [""])
    assert all(len(problem) <= MAX_MESSAGE + 100 for problem in cost.problems)
    assert cost.seconds <= MAX_SLOWER * valid.seconds + SPARE_SECONDS
    assert cost.bytes <= MAX_LARGER * valid.bytes + SPARE_BYTES


# -- what is bounded, and by how much


def problems_of(*changes: tuple[str, str]) -> list[str]:
    return [str(problem) for problem in loaded(("world.yaml", changed(TINY, *changes)), name="stranger").problems]


def test_a_prompt_may_be_so_long_and_no_longer() -> None:
    text = "a" * MAX_PROMPT
    assert tiny((PROMPT, f"prompt: {text}"), ("  5:\n", "  2:\n")).prompt == ("<doc>", text)
    assert problems_of((PROMPT, f"prompt: {text}a"))[0] == (
        f"world.yaml:8:9: E203 prompt has {MAX_PROMPT + 1} characters; at most {MAX_PROMPT} are allowed"
    )


def test_a_passage_may_be_so_long_and_no_longer() -> None:
    problems = problems_of(section(f"continuations:\n  b: {'a' * MAX_CONTINUATION}\n  c: {'a' * (MAX_CONTINUATION + 1)}"))
    assert [problem for problem in problems if "E203" in problem] == [
        f"world.yaml:12:6: E203 continuation 'c' has {MAX_CONTINUATION + 1} characters; at most {MAX_CONTINUATION} are allowed"
    ]


def test_the_words_of_an_enumeration_may_be_so_long_and_no_longer() -> None:
    words = [letter * 30 for letter in "abcdefghij"]
    assert tiny(section(f"variables:\n  m: [{','.join(words)}]")).variables[0].words == tuple(words)
    assert problems_of(section(f"variables:\n  m: [{','.join(words)}, k]")) == [
        f"world.yaml:11:6: E203 the words of the variable 'm' have more than {MAX_LETTERS} letters in total"
    ]


def test_the_forbidden_characters_of_a_file_are_named_up_to_a_number_wherever_they_stand() -> None:
    problems = problems_of(section('variables:\n  a: ["\\e", "\\e"]\nabout: "' + "\\e" * 30 + '"'))
    assert sum("E004" in problem for problem in problems) == MAX_FORBIDDEN


def test_a_span_is_the_last_place_where_its_words_stand_whatever_they_begin_like() -> None:
    prompt = (PROMPT, "prompt: An eye and an eye. The end of an eyes")
    world = tiny(prompt, ("  5:\n", "  12:\n"), section("spans:\n  eye: {word: an eye}\n  all: {word: An eye and}"))
    assert world.spans == {"eye": (4, 6), "all": (1, 4)}


def test_for_a_misspelt_name_in_a_text_the_right_one_is_suggested() -> None:
    problems = problems_of(section("model: x.fpw\nacts:\n  lean: {about: x, drop: true}"), scene_text("{would(leen)}"))
    assert "world.yaml:22:14: E103 unknown act 'leen' (did you mean lean?)" in problems


# -- files that are something else than they are called


def archive(kind: str) -> bytes:
    """Return an archive that would write outside of where it is unpacked, or an object that would be made by a pickle."""
    made = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(made, "w") as zipped:
            zipped.writestr("../../world.yaml", TINY)
    elif kind == "tar":
        with tarfile.open(fileobj=made, mode="w:gz") as tarred:
            tarred.addfile(tarfile.TarInfo("../../world.yaml"))
    elif kind == "npz":
        np.savez(made, wte=np.zeros(4))
    else:
        made.write(pickle.dumps(Path("elsewhere")))
    return made.getvalue()


ARCHIVES = ("pickle", "zip", "tar", "npz")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_called_a_world_is_refused_at_its_first_strange_byte(tmp_path: Path, kind: str) -> None:
    (tmp_path / "world.yaml").write_bytes(archive(kind))
    done = command("check", tmp_path)
    place = f"{tmp_path}/world.yaml:1:"
    assert (done.code, done.out.splitlines()[-1]) == (1, "FAILED")
    assert done.err.startswith(place)
    assert " E004 the character U+0" in done.err or " E003 not UTF-8 from here on" in done.err
    assert "\x1b" not in done.err


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_called_a_run_is_left_alone(tmp_path: Path, kind: str) -> None:
    stranger = tmp_path / "007-run.jsonl"
    stranger.write_bytes(archive(kind))
    message = f"forward-pass: {stranger}:1:1: not a run file of Forward Pass\n"
    for arguments in (("import",), ("replay",), ("play", "--load"), ("export",)):
        assert command(*arguments, stranger, "--saves", tmp_path / "saves") == CommandResult(1, "", message)
    assert not (tmp_path / "saves").exists()


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_called_weights_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "stranger"
    folder.mkdir()
    (folder / "world.yaml").write_text(
        changed(TINY, section("model: weights.fpw"), ("    written: {end: 0.9, door: 0.1}\n", ""))
    )
    (folder / "weights.fpw").write_bytes(archive(kind) + bytes(64))
    message = "E501 the model cannot be read: not a weights file: bad magic"
    assert command("play", folder, "--json", "--saves", tmp_path) == CommandResult(
        1, "", f"{folder}/world.yaml:10:8: {message}\n"
    )


# -- names


@pytest.mark.parametrize("model", ["../weights.fpw", "/etc/weights.fpw", "a/../weights.fpw", "..", "weights.fpw/"])
def test_a_model_elsewhere_is_never_looked_for(model: str) -> None:
    problems = problems_of(section(f"model: {model}"), ("    written: {end: 0.9, door: 0.1}\n", ""))
    message = "E501 the model must be a .fpw file in the world's own folder, or the name of a world that came with the game"
    assert problems == [f"world.yaml:10:8: {message}"]


@pytest.mark.parametrize("run", ["../../no/such/run", "..", "first-light/../../1", "../first-light/1", "first-light/../1"])
def test_a_run_outside_the_folder_is_never_looked_for(tmp_path: Path, run: str) -> None:
    write_run(tmp_path / "saves", "say-now")
    done = command("replay", run, "--saves", tmp_path / "saves" / "deeper")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("forward-pass: no run of ")


STRANGE = "odd\x1b[2J\x9b\u202e'\\.jsonl"
SHOWN = "odd\\x1b[2J\\x9b\\u202e'\\.jsonl"
"""A name of a file that would clear the screen and turn what follows around; and how it is shown."""


def strange(tmp_path: Path, *, cut: int = 0) -> Path:
    """Return a run's file with that name, its last turn damaged where ``cut`` says so."""
    whole = write_run(tmp_path / "elsewhere", "say-now").read_bytes()
    path = tmp_path / STRANGE
    path.write_bytes(whole[: len(whole) - cut] + b'"}\nodd\n\n' * bool(cut))
    return path


@pytest.mark.parametrize(
    "arguments", [("import",), ("replay",), ("replay", "--json"), ("export",), ("diff", "-"), ("play", "--plain", "--load")]
)
@pytest.mark.parametrize("cut", [0, 20])
def test_the_name_of_a_file_never_acts_on_a_terminal(tmp_path: Path, arguments: tuple[str, ...], cut: int) -> None:
    path = strange(tmp_path, cut=cut)
    done = command(
        *[str(path) if argument == "-" else argument for argument in arguments], path, "--saves", tmp_path / "saves", typed="\n"
    )
    for line in (done.out + done.err).split("\n"):
        assert line.isprintable(), ascii(line)
    assert done.code == (1 if cut and arguments[0] in ("import", "replay", "export") else 0)


def test_a_strange_name_is_shown_whole_and_can_be_typed_again(tmp_path: Path) -> None:
    path = strange(tmp_path)
    done = command("play", "--plain", "--load", path, "--saves", tmp_path / "saves", typed="quit\n")
    again = done.out.splitlines()[-1]
    assert f"{SHOWN}.Togoon:" in "".join(done.out.split())  # it was set to the width
    words = again.partition(" --load ")[2].partition(" --saves ")[0]
    shell = subprocess.run(["/bin/bash", "-c", f"printf %s {words}"], capture_output=True, check=True)  # as zsh reads it too
    assert shell.stdout.decode() == str(path)


def test_an_error_is_shown_in_a_line_in_which_nothing_acts_on_a_terminal() -> None:
    for kind in (ForwardPassError, RunError, UsageError):
        assert str(kind("a\x1b[2J\nb\x9b\u202e\ud800")) == "a\\x1b[2J\\nb\\x9b\\u202e\\ud800"


def test_an_object_is_printed_in_a_line_in_which_nothing_acts_on_a_terminal() -> None:
    row = {"text": "a\x7f\x9b31m\u202e\u2028\ud800…é\U000e0001"}
    line = json_line(row)
    assert line == r'{"text":"a\u007f\u009b31m\u202e\u2028\ud800…é\udb40\udc01"}'
    assert json.loads(line) == row


# -- numbers and texts as long as a file


@pytest.mark.parametrize("key", ["seed", "instantiation", "parent"])
def test_a_number_that_no_run_has_is_refused(tmp_path: Path, key: str) -> None:
    path = write_run(tmp_path, "say-now")
    header, _, rest = path.read_text().partition("\n")
    row = json.loads(header)
    row |= {"parent": [1, 10**4000]} if key == "parent" else {}
    (row["facts"] if key == "instantiation" else row)[key] = row["parent"] if key == "parent" else 10**4000
    path.write_text(f"{json.dumps(row)}\n{rest}")
    damage = "damaged header: `seed`, `facts.instantiation` and the two of `parent` must be whole numbers"
    assert command("replay", path) == CommandResult(1, "", f"forward-pass: {path}:1:1: {damage}\n")


def test_a_format_of_four_thousand_digits_is_not_shown_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(f'{{"format":1{"0" * 4000},"world":"first-light"}}\n')
    message = "run file format 10000000000000000000 is not supported; this version reads format 1"
    assert command("replay", path) == CommandResult(1, "", f"forward-pass: {path}:1:1: {message}\n")


@pytest.mark.parametrize(
    ("size", "shown"),
    [("9" * 4000, "9" * 20), ('"' + "\\u001b" * 1000 + '"', "a str"), ("[" * 900 + "]" * 900, "a list"), ("1e999", "inf")],
)
def test_a_size_of_weights_is_not_shown_whole(size: str, shown: str) -> None:
    data = small_weights()
    header = data[12 : 12 + int.from_bytes(data[8:12], "little")]
    with pytest.raises(WeightsError) as caught:
        parse_weights(seal_weights(header.replace(b'"n_vocab":7', f'"n_vocab":{size}'.encode()), b""))
    assert str(caught.value) == f"n_vocab is {shown}; it must be a whole number from 1 to 4096"


@pytest.mark.parametrize("depth", [100, 900, 5000, 100_000])
def test_a_header_of_any_depth_is_a_header_or_none(tmp_path: Path, depth: int) -> None:
    path = write_run(tmp_path, "say-now")
    version = json.loads(path.read_text().partition("\n")[0])["version"]
    replace_in_file(path, f'"version":"{version}"', f'"version":{"[" * depth}{"]" * depth}')
    done = program("replay", path)
    assert done.code == (0 if depth < 900 else done.code)
    assert depth >= 900 or "the header does not match its checksum" in done.err
    assert "Traceback" not in done.err


# -- links and pipes in a folder that came from elsewhere


def test_a_lock_that_is_a_link_or_a_pipe_creates_nothing_elsewhere_and_is_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "saves" / WORLD
    folder.mkdir(parents=True)
    (folder / ".lock").symlink_to(tmp_path / "elsewhere")
    done = command("play", WORLD, "--plain", "--new", "--saves", tmp_path / "saves", typed="1\n")
    assert "the choice could not be saved, so it was not taken" in " ".join(done.out.split())
    assert not (tmp_path / "elsewhere").exists()
    (folder / ".lock").unlink()
    os.mkfifo(folder / ".lock")
    program("play", WORLD, "--plain", "--new", "--saves", tmp_path / "saves", typed="1\n")
    assert run_file_names(tmp_path / "saves") == ["001-run.jsonl"]


def test_labels_that_are_a_link_are_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "profile").write_text("# mine\n")
    (tmp_path / "labels.jsonl").symlink_to(tmp_path / "profile")
    with pytest.raises(RunError) as caught:
        write_label(tmp_path, "0" * 16, label="x")
    assert str(caught.value).startswith(f"{tmp_path / 'labels.jsonl'}: the label cannot be saved: ")
    assert (tmp_path / "profile").read_text() == "# mine\n"


def test_a_run_is_not_forgotten_into_another_folder(tmp_path: Path) -> None:
    path = write_run(tmp_path, "say-now")
    (path.parent / ".trash").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(RunError) as caught:
        forget(path)
    assert str(caught.value) == f"{path.parent / '.trash'} is a symbolic link: the run was not moved"
    assert path.exists()


@pytest.mark.parametrize(
    "content", [None, "[" * 100_000, '{"carriers":{"a":{"token":1e999}}}', '{"carriers":[]}', '{"carriers":{"a":[1]}}']
)
def test_a_calibration_that_is_none_is_said_to_be(tmp_path: Path, content: str | None) -> None:
    world = built(TINY)
    world.folder = tmp_path
    if content is not None:
        (tmp_path / CALIBRATION).write_text(content)
    with pytest.raises(RunError, match=f"^{tmp_path / CALIBRATION}: does not name the token that carries each note"):
        note_carriers(world)


@pytest.mark.parametrize("kind", ["pipe", "device", "numbers"])
def test_a_table_of_decodings_that_is_none_is_neither_waited_for_nor_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    world = modelled_world(tmp_path / "modelled")
    table = PassTable(world, open_pass(world), 10)
    path = world.folder / TABLE_FILE
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        row = [json.dumps([[], [[]]]), "a", "b", 10**400, {}]
        path.write_text(json.dumps({"format": 1, "of": table.digest, "rows": [row], "readings": []}))
    assert table.read_table() == 0


# -- any bytes, on every surface

CASE_FILES = sorted(CASES.glob("*-*")) if CASES.is_dir() else []


@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.name)
def test_what_fuzzing_once_found_stays_mended(path: Path) -> None:
    SURFACES[path.name.partition("-")[0]].check(path.read_bytes())


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_has_seeds_that_hold(name: str) -> None:
    seeds = SURFACES[name].seeds()
    assert len(seeds) >= 3
    for seed in seeds:
        SURFACES[name].check(seed)


@pytest.mark.parametrize("name", SURFACES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_change_to_what_is_valid_holds_on_every_surface(name: str, data: st.DataObject) -> None:
    surface = SURFACES[name]
    whole = data.draw(st.sampled_from(seeds_of(name)))
    piece = st.one_of(st.binary(max_size=8), st.sampled_from([word.encode() for word in surface.words]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(whole)))
        whole = whole[:start] + data.draw(piece) + whole[start + data.draw(st.integers(0, 40)) :]
    surface.check(whole[: surface.max_bytes])


@lru_cache
def seeds_of(name: str) -> list[bytes]:
    return SURFACES[name].seeds()


def test_a_message_is_sound_where_it_is_one_line_that_can_be_shown() -> None:
    check_message("a message")
    for odd in ("", "a\nb", "a\x1b", "a" * (fixtures_surfaces.MAX_MESSAGE + 1)):
        with pytest.raises(AssertionError):
            check_message(odd)


def test_what_fuzzing_finds_is_stored_once_for_each_place_and_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fuzz.CASES", tmp_path / "cases")
    watched = Watched("expressions")
    watched.check = lambda data: None if data == b"fine" else data.index(b"not there")
    for data in (b"fine", b"odd", b"odder", b"fine"):
        watched.try_one(data)
    (case,) = (tmp_path / "cases").iterdir()
    assert (watched.tried, case.read_bytes()) == (4, b"odd")
    assert case.name.startswith("expressions-")
    assert "FOUND expressions: ValueError" in capsys.readouterr().out


def test_two_faults_in_one_place_are_one_finding() -> None:
    places = set()
    for text in ("x", "y"):
        try:
            int(text)
        except ValueError as error:
            places.add(place_of(error))
    assert len(places) == 1


def test_requests_for_what_there_is_not_are_answered_in_a_line_that_can_be_shown(tmp_path: Path) -> None:
    play = new_session(tmp_path)
    for request in ({"about": "\x9b31m"}, {"diff": "l\ud800"}, {"diff": "\x7f/1"}, {"diff": "\u202e"}, {"hint": 10**4000}):
        ((event,), _) = jsonl.answer_line(play, json.dumps(request))
        row = event_object(event, play)
        assert row is not None
        assert row["type"] == "error"
        check_message(str(row["message"]))
    close_session(play)
    assert play.recorder.path is None


def test_a_file_of_sixty_thousand_places_takes_no_longer_than_one_of_turns(tmp_path: Path) -> None:
    path = write_run(tmp_path, "say-now")
    header, turn = path.read_bytes().splitlines(keepends=True)
    took = []
    for line in (turn, b'{"at":0}\n', b'{"at":1}\n{"at":0}\n', b"\n", b"\xff", b"[", b'{"a":'):
        path.write_bytes(header + turn + line * (3_000_000 // len(line)))
        began = time.process_time()
        read_journal(path)
        took.append(time.process_time() - began)
    assert max(took[1:]) <= MAX_SLOWER * took[0] + SPARE_SECONDS


if __name__ == "__main__":
    sys.stdout.write(json.dumps(read_alone(sys.argv[1])))
