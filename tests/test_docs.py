"""What the documents show is so: the README's transcripts, and every schema and example of docs/."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from building import ROOT
from fixtures_golden import golden
from fixtures_play import TO_ENDINGS, WORLD, command, open_session, read_run, run_file_names, write_run
from forward_pass.interface.export import Picture, export_run
from forward_pass.interface.json_objects import lens_object
from forward_pass.interface.json_requests import REQUESTS
from forward_pass.session.commands import COMMANDS
from forward_pass.session.input import answer
from forward_pass.session.inspection import AttentionShare, DecoderTrace, Inspection, LensReading
from forward_pass.storage.journal import FORMAT
from forward_pass.story.ports import SharpestHead

FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def fenced(document: str, kind: str) -> list[str]:
    """Return the blocks of a kind that a document has."""
    text = (ROOT / document).read_text(encoding="utf8")
    return [match["text"] for match in FENCE.finditer(text) if match["kind"] == kind]


def schemas(document: str) -> dict[str, Any]:
    """Return the schemas of a document by their titles."""
    found = [json.loads(block) for block in fenced(document, "json schema")]
    for schema in found:
        Draft202012Validator.check_schema(schema)
    return {schema["title"]: schema for schema in found}


def exact(schema: Any) -> Any:
    """Return a schema in which an object has no keys but those that are described."""
    if isinstance(schema, list):
        return [exact(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: exact(part) for key, part in schema.items()}
    described = schema.get("type") == "object" and "properties" in schema
    return {**inner, "additionalProperties": schema.get("additionalProperties", False)} if described else inner


def hold(schema: Any, row: Any) -> None:
    """Assert that an object is as its schema says, and has no key that the schema does not describe."""
    errors = [error.message for error in Draft202012Validator(exact(schema)).iter_errors(row)]
    assert not errors, (errors, row)


# -- docs/json.md ---------------------------------------------------------------------------------------------------------

OBJECTS = schemas("docs/json.md")
RUNS = schemas("docs/runs.md")


def test_every_object_has_a_schema_and_an_example() -> None:
    titles = [
        *(
            "hello",
            "scene",
            "reading",
            "opened",
            "decode",
            "ending",
            "lens",
            "lab",
            "bench",
            "heads-found",
            "heads",
            "attribution",
        ),
        *("about", "verbs", "term", "hint", "picture", "untaken", "skipped", "notes", "error"),
        *("message", "prompt", "transcript", "help", "replayed", "run", "runs", "endings", "tree", "map", "diff"),
        *("ablation", "ablated", "without", "acts", "settings", "check", "walk", "stats", "words", "directions", "effect"),
    ]
    assert list(OBJECTS) == ["request", *titles]
    examples = [json.loads(block) for block in fenced("docs/json.md", "json example")]
    assert [row["type"] for row in examples[1:]] == titles
    hold(OBJECTS["request"], examples[0])
    for row in examples[1:]:
        hold(OBJECTS[row["type"]], row)


def test_an_object_that_is_not_as_described_is_found() -> None:
    for row in (
        {"type": "error", "code": "refused", "message": "", "offers": []},
        {"type": "error", "code": "refused", "message": "x", "offers": [], "more": 1},
    ):
        with pytest.raises(AssertionError):
            hold(OBJECTS["error"], row)


def test_everything_that_play_answers_is_as_described(tmp_path: Path) -> None:
    for number, choices in enumerate(TO_ENDINGS.values(), 1):
        requests = ['{"about":""}', '{"about":"layer"}', '{"about":"zz"}', '{"hint":true}', '{"hint":2}', '{"notes":true}']
        lines = [*choices, *requests, "nonsense", "{", '{"undo":1}', '{"redo":1}', '{"undo":9}', '{"lens":true}', "say-now"]
        typed = "".join(f"{line}\n" for line in lines)
        objects = command("play", WORLD, "--json", "--new", "--saves", tmp_path / f"{number}", typed=typed).objects
        types = {"scene", "decode", "ending", "error", "about", "term", "hint", "notes"}
        assert {row["type"] for row in objects} - {"reading"} == types
        for row in objects:
            hold(OBJECTS[row["type"]], row)


def test_every_request_is_described_and_answered_as_described(tmp_path: Path) -> None:
    requests = [part["required"][0] for part in OBJECTS["request"]["oneOf"]]
    assert requests == list(REQUESTS)
    values = {
        "choose": "feel-slope",
        "undo": 1,
        "redo": 1,
        "back": 0,
        "goto": "",
        "fork": 1,
        "lab": "",
        "about": "",
        "diff": 1,
        "without": 1,
        "save": "x",
        "export": f"{tmp_path}/a.txt",
    }
    for name in requests:
        row = {name: values.get(name, True)}
        hold(OBJECTS["request"], {**row, "id": 4})
        typed = f"read-question\n{json.dumps(row)}\n"
        done = command("play", WORLD, "--json", "--new", "--saves", tmp_path / name, typed=typed)
        for answer_row in [json.loads(line) for line in done.out.splitlines()]:
            hold(OBJECTS[answer_row["type"]], answer_row)


def test_what_the_tools_print_is_as_described() -> None:
    for arguments in (("check", WORLD, "--format", "json"), ("walk", WORLD, "--runs", "3", "--json"), ("effects", "--json")):
        for row in command(*arguments).objects[:50]:
            hold(OBJECTS[row["type"]], row)
    bad, good = command("lab", "--json", typed="nonsense\nhelp\n").objects
    hold(OBJECTS["error"], bad)
    hold(OBJECTS["lab"], good)


def test_everything_that_replay_prints_is_as_described(tmp_path: Path) -> None:
    path = write_run(tmp_path, *TO_ENDINGS["by-the-door"])
    good = command("replay", path, "--json").objects
    path.write_text(path.read_text().replace(read_run(tmp_path).turns[2].digest, "0" * 16))
    bad = command("replay", path, "--json").objects
    assert ("message" in good[-1], "message" in bad[-1]) == (False, True)
    for row in (*good, *bad):
        hold(OBJECTS[row["type"]], row)


def test_everything_that_runs_prints_is_as_described(tmp_path: Path) -> None:
    with open_session(tmp_path, "feel-slope") as play:
        answer(play, "undo")
        play.choose("say-now")
    (tmp_path / WORLD / "009-odd.jsonl").write_text("odd\n")
    objects = command("runs", WORLD, "--json", "--saves", tmp_path).objects
    assert len(objects) == 3
    for row in objects:
        hold(OBJECTS["run"], row)


def test_a_pass_laid_open_is_as_described() -> None:
    lens = LensReading(40, 2.99573, (("foot", 0.314159), ("hand", 0.12)))
    looks, before = (AttentionShare(3, "foot", 0.18),), DecoderTrace(399, "Your", ((4, 0.01), (96, 0.98)), 75)
    read = Inspection(
        400,
        "Your",
        40,
        96,
        72,
        7.6,
        (lens,),
        ("foot", 75),
        (("nonsense", 0.41),),
        402,
        looks,
        (SharpestHead(58, 0, 2, 0.9), "foot"),
        (0.05, 0.02, 0.18),
        before,
    )
    row = lens_object(read)
    hold(OBJECTS["lens"], row)
    assert row["lens"] == [{"layer": 40, "entropy": 2.9957, "likeliest": [["foot", 0.3142], ["hand", 0.12]]}]
    hold(
        OBJECTS["lens"],
        lens_object(read._replace(lenses=(), probes=(), top_attention=(), sharpest=None, attention=(), previous=None)),
    )


# -- docs/runs.md ---------------------------------------------------------------------------------------------------------


def kind(row: dict[str, Any]) -> str:
    """Return which line of a run's file this is."""
    return "header" if "format" in row else "cursor" if "at" in row else "turn"


def test_every_line_of_a_run_is_as_described(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["the-loop"])
    with open_session(tmp_path, *TO_ENDINGS["by-the-door"]) as play:
        answer(play, "undo 4")
        answer(play, "redo")
        play.choose("stop-reading")
    lines = [(tmp_path / WORLD / name).read_text(encoding="utf8").splitlines() for name in run_file_names(tmp_path)]
    assert len(lines) == 3
    for first, *rest in lines:
        assert kind(json.loads(first)) == "header"
        for line in (first, *rest):
            hold(RUNS[kind(json.loads(line))], json.loads(line))
    assert RUNS["header"]["properties"]["format"]["const"] == FORMAT


def test_the_example_of_a_run_is_a_run_and_is_identical(tmp_path: Path) -> None:
    (example,) = fenced("docs/runs.md", "jsonl")
    for line in example.splitlines():
        hold(RUNS[kind(json.loads(line))], json.loads(line))
    path = tmp_path / "001-example.jsonl"
    path.write_text(example, encoding="utf8")
    done = command("replay", path)
    assert (done.code, done.out.splitlines()[-1]) == (0, "2 of 2 turns identical")


# -- the README -----------------------------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A command that a document shows, and what it shows of the answer."""

    line: str
    text: str


def shown(document: str) -> Iterator[Shown]:
    """Yield the commands of a document's ``console`` blocks: a line ``$ forward-pass …``, and what follows to the next.

    What is typed stands after ``> ``. A line of three dots stands for any lines.
    """
    for block in fenced(document, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, text = part.partition("\n")
            yield Shown(line, text)


def pattern(text: str) -> str:
    """Return the expression that a shown text stands for."""
    parts = re.split(r"^(?:\.\.\.|…)\n", text, flags=re.MULTILINE)
    return "(?:.*\n)*".join(re.escape(part) for part in parts)


def test_what_the_readme_shows_is_what_is_said(tmp_path: Path) -> None:
    commands = list(shown("README.md"))
    assert commands, "README.md shows nothing: it needs a ```console block that begins with `$ forward-pass …`"
    for line, text in commands:
        name, *arguments = shlex.split(line)
        assert name == "forward-pass", f"README.md shows {line!r}, which is not run here: mark the block as text"
        typed = "".join(f"{words}\n" for words in re.findall(r"^> (.*)\n", text, flags=re.MULTILINE))
        done = command(*arguments, typed=typed, FORWARD_PASS_SAVES=str(tmp_path))
        assert (done.code, done.err) == (0, ""), line
        if not re.fullmatch(pattern(text.rstrip("\n") + "\n"), done.out):
            assert done.out == text, f"README.md shows this of {line!r}"


def test_dots_in_a_shown_text_stand_for_any_lines() -> None:
    assert re.fullmatch(pattern("a\n...\nd\n"), "a\nb\nc\nd\n")
    assert re.fullmatch(pattern("a\n...\n"), "a\nb\n")
    assert not re.fullmatch(pattern("a\n...\nd\n"), "a\nb\nc\n")
    assert not re.fullmatch(pattern("a\nd\n"), "a\nb\nd\n")


def test_the_readme_names_every_command_that_can_be_typed() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf8")
    for name in COMMANDS:
        assert re.search(rf"`{name}[ `]", text), name


def test_every_link_of_the_readme_inside_the_repository_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / "README.md").read_text(encoding="utf8"))
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


# -- pictures -------------------------------------------------------------------------------------------------------------

PICTURES = {"waking": Picture(0), "decoder": Picture(18), "lens": Picture(14, "lens", "light")}
"""The pictures of the README, as ``make pictures`` takes them of a golden run."""


def test_the_readme_shows_pictures_that_are_there() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(docs/pictures/([a-z]+)\.svg\)", (ROOT / "README.md").read_text(encoding="utf8"))
    assert sorted(shown) == sorted([*PICTURES, "play"]) == sorted(path.stem for path in (ROOT / "docs" / "pictures").iterdir())


def test_the_moving_picture_shows_the_waking_a_reading_the_decoder_and_the_run_as_a_picture() -> None:
    text = (ROOT / "docs" / "pictures" / "play.svg").read_text(encoding="utf8")
    assert "@keyframes" in text
    seconds = int(re.search(r"--animation-duration: (\d+)ms", text)[1]) / 1000  # type: ignore[index]
    assert 15 <= seconds <= 25
    words = re.sub(r"\s", "", unescape(re.sub(r"<[^>]+>", "", text)))
    for piece in (
        "Therehadbeenagooddealofarithmetic",
        "0.48→0.18",
        "Thedecodercomes.",
        "Oneofthesetwo.Pressakey.",
        "★decidedit",
    ):
        assert piece in words, piece


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_the_program_shows_now(name: str) -> None:
    run, head = golden("clerk")
    taken = export_run(run, head, "svg", PICTURES[name])
    assert taken == (ROOT / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf8"), "make pictures"


# -- docs/architecture.md -------------------------------------------------------------------------------------------------


def test_every_module_and_page_that_a_page_names_is_there() -> None:
    sources = {path.as_posix() for path in ROOT.glob("game/**/*.py")} | {path.as_posix() for path in ROOT.glob("tests/**/*.py")}
    sources |= {path.as_posix() for path in ROOT.glob("bench/*.py")}
    for page in (*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        text = page.read_text(encoding="utf8")
        for name in re.findall(r"`([\w/]+\.py)`", text):
            assert any(source.endswith(f"/{name}") for source in sources), f"{page.name}: {name}"
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
