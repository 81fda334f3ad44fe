"""Worlds that cannot be played, one fault a file, each with all that is said of it; and folders that mean harm."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import forward_pass
from building import TINY, built, changed, loaded, tiny
from forward_pass.errors import Problem
from forward_pass.loading import yaml_tree
from forward_pass.loading.codec import encode_story
from forward_pass.loading.lint import lint
from forward_pass.loading.loader import MAX_LISTED, MAX_MESSAGE, LoadedWorld, read_contents, read_world
from forward_pass.loading.paths import MAX_BYTES, MAX_FILES

BAD_WORLDS = Path(__file__).resolve().parent / "bad_worlds"
EXPECTED = sorted(BAD_WORLDS.glob("*.txt"))
SHAPE = "use lowercase letters, digits and -, a letter first"
SOON = 20.0  # seconds of computing: these take milliseconds, the largest half a second; what is not linear would take hours


def read(*files: tuple[str, bytes | str]) -> LoadedWorld:
    return loaded(*files, name="bad-world")


def shown(problems: tuple[Problem, ...]) -> str:
    return "".join(f"{problem}\n" for problem in problems)


def all_problems(reading: LoadedWorld) -> tuple[Problem, ...]:
    return tuple(sorted({*reading.problems, *(lint(reading.story) if reading.story else ())}))


# -- one fault a file


def test_there_are_bad_worlds() -> None:
    assert len(EXPECTED) > 100


def test_every_bad_world_says_what_is_expected_of_it() -> None:
    worlds = {path.stem for path in BAD_WORLDS.iterdir() if path.suffix == ".yaml" or path.is_dir()}
    assert worlds == {path.stem for path in EXPECTED}


def files(expected: Path) -> list[tuple[str, bytes]]:
    """Return the file, or the folder of files, whose problems a text holds."""
    file = expected.with_suffix(".yaml")
    if file.exists():
        return [(file.name, file.read_bytes())]
    folder = expected.with_suffix("")
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in sorted(folder.rglob("*.yaml"))]


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.stem)
def test_a_bad_world_is_told_every_fault_at_its_place_and_no_other(expected: Path) -> None:
    reading = read(*files(expected))
    assert shown(all_problems(reading)) == expected.read_text(encoding="utf8")
    assert (reading.story is None) == any(problem.severity == "error" for problem in reading.problems)


def test_the_places_do_not_depend_on_which_yaml_parser_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def places() -> dict[str, list[tuple[int, int, str]]]:
        found = {}
        for expected in EXPECTED:
            problems = read(*files(expected)).problems
            if not any(problem.code == "E005" for problem in problems):  # each parser has its own words for these
                found[expected.stem] = [(problem.line, problem.column, problem.code) for problem in problems]
        return found

    compiled = places()
    monkeypatch.setattr(yaml_tree, "LOADER", yaml.SafeLoader)
    assert places() == compiled


# -- folders


def long_list(folder: Path) -> None:
    names = "".join(f"  Name{number}: false\n" for number in range(150))
    (folder / "world.yaml").write_text(changed(TINY, ("tokens:\n", f"variables:\n{names}\ntokens:\n")))


def too_large(folder: Path) -> None:
    (folder / "a.yaml").write_bytes(b"#" * (MAX_BYTES // 2))
    (folder / "b.yaml").write_bytes(b"\xff" * (MAX_BYTES // 2 + 1))
    (folder / "c.yaml").write_bytes(b"\xff")


def too_many(folder: Path) -> None:
    for number in range(MAX_FILES + 1):
        (folder / f"{number:03}.yaml").touch()


def link_out(folder: Path) -> None:
    (folder / "world.yaml").write_text(TINY)
    (folder / "more.yaml").symlink_to("/etc/passwd")


def folder_inside(folder: Path) -> None:
    (folder / "world.yaml").write_text(TINY)
    (folder / "more.yaml").mkdir()


def pipe_inside(folder: Path) -> None:
    (folder / "world.yaml").write_text(TINY)
    os.mkfifo(folder / "more.yaml")


def broken_link(folder: Path) -> None:
    (folder / "world.yaml").write_text(TINY)
    (folder / "more.yaml").symlink_to(folder / "nowhere.yaml")


def old_ending(folder: Path) -> None:
    (folder / "world.yaml").write_text(TINY)
    (folder / "more.yml").write_text("scenes: {}")


def folder_below(folder: Path) -> None:
    (folder / "world.yaml").write_text(TINY)
    (folder / "scenes").mkdir()
    (folder / "scenes" / "all.yaml").touch()


def nothing(folder: Path) -> None:
    (folder / ".hidden.yaml").write_text(TINY)
    (folder / "notes.txt").write_text("A world is a folder.")


FOLDERS: list[tuple[Callable[[Path], None], str]] = [
    (nothing, "FOLDER:1:1: E001 no world here: a world is a folder of .yaml files\n"),
    (folder_inside, "FOLDER/more.yaml:1:1: E001 cannot be read: not a regular file\n"),
    (pipe_inside, "FOLDER/more.yaml:1:1: E001 cannot be read: not a regular file\n"),
    (too_large, "FOLDER/b.yaml:1:1: E002 not read: the files of the world exceed 8 MB in total\n"),
    (too_many, "FOLDER:1:1: E002 501 files; a world has at most 500\n"),
    (broken_link, "FOLDER/more.yaml:1:1: E001 cannot be read: not a regular file\n"),
    (link_out, "FOLDER/more.yaml:1:1: E012 a link out of the world's folder is not followed\n"),
    (
        folder_below,
        (
            "FOLDER/scenes:1:1: W014 has YAML files, and folders below a world are not read, but for glossary/ and hints/: "
            "move what is in scenes/ up\n"
        ),
    ),
    (old_ending, "FOLDER/more.yml:1:1: W013 is not read: rename it to .yaml\n"),
    (
        long_list,
        "".join(
            f"FOLDER/world.yaml:{number + 11}:3: E204 'Name{number}' is not a valid name: "
            "use lowercase letters, digits and _, a letter first, at most 60 characters\n"
            for number in range(MAX_LISTED)
        )
        + "FOLDER/world.yaml:110:3: E000 and 50 more problems after this one\n",
    ),
]


@pytest.mark.parametrize(("made", "expected"), FOLDERS, ids=lambda part: getattr(part, "__name__", ""))
def test_a_bad_folder_is_refused_with_a_place_and_soon(tmp_path: Path, made: Callable[[Path], None], expected: str) -> None:
    folder = tmp_path / "bad-world"
    folder.mkdir()
    made(folder)
    began = time.process_time()
    reading = read_world(folder)
    assert time.process_time() - began < SOON
    assert shown(reading.problems).replace(str(folder), "FOLDER") == expected
    assert (reading.story is None) == (" W" not in expected)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "world"
    file.touch()
    assert shown(read_world(file).problems) == f"{file}:1:1: E001 cannot read the folder: Not a directory\n"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    assert shown(read_world(folder).problems) == f"{folder}:1:1: E001 cannot read the folder: No such file or directory\n"


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    (tmp_path / "world.yaml").write_text(TINY)
    monkeypatch.setattr(Path, "read_bytes", denied)  # root could read it
    problems = shown(read_world(tmp_path).problems)
    assert problems == f"{tmp_path}/world.yaml:1:1: E001 cannot be read: Permission denied\n"


def test_the_folder_of_a_world_is_called_by_an_id(tmp_path: Path) -> None:
    folder = tmp_path / "My World"
    folder.mkdir()
    (folder / "world.yaml").write_text(TINY)
    expected = f"{folder}:1:1: E204 'My World' is not a valid folder name for a world: {SHAPE}; or give the world an `id:`\n"
    assert shown(read_world(folder).problems) == expected
    (folder / "world.yaml").write_text(f"id: tiny-one\n{TINY}")
    story = read_world(folder).story
    assert story is not None
    assert story.id == "tiny-one"


@pytest.mark.parametrize("declared", ["Tiny", "tiny one", "1st", "a" * 61, "se\u00f1or"])
def test_the_id_of_a_world_has_the_shape_of_an_id(tmp_path: Path, declared: str) -> None:
    (tmp_path / "world.yaml").write_text(f"id: {declared}\n{TINY}", encoding="utf8")
    expected = f"{tmp_path}/world.yaml:1:5: E204 {declared!r} is not a valid id for a world: {SHAPE}, at most 60\n"
    assert expected in shown(read_world(tmp_path).problems)


@pytest.mark.parametrize("name", ["a\x1b[31m.yaml", "a\n.yaml", "a\u202e.yaml", "a\udcff.yaml"])
def test_a_file_whose_name_cannot_be_shown_is_refused_and_its_name_not_shown(name: str) -> None:
    reading = read((name, TINY))
    assert reading.story is None
    assert shown(reading.problems) == f"{name!a}:1:1: E204 the file's name has characters that cannot be printed\n"


# -- every code has its example


def test_every_problem_that_can_be_reported_has_an_example() -> None:
    elsewhere = {"diagnostics.py", "checker", "training"}  # the list of them all; what has its examples in other tests
    modules = [path for path in Path(forward_pass.__file__).parent.rglob("*.py") if not elsewhere & set(path.parts)]
    source = "".join(path.read_text(encoding="utf8") for path in modules)
    known = set(re.findall(r'"([EW][0-4][0-9]{2})"', source))  # E5.. are of models, and are tested where models are
    messages = "".join(path.read_text(encoding="utf8") for path in EXPECTED) + "".join(expected for _, expected in FOLDERS)
    assert known <= set(re.findall(r"^\S+:[0-9]+:[0-9]+: ([EW][0-9]{3}) ", messages, re.MULTILINE))
    assert len(known) > 30


# -- what is well


def test_the_smallest_world_has_no_problem() -> None:
    reading = read(("tiny.yaml", TINY))
    assert all_problems(reading) == ()
    assert reading.story is not None


def test_the_files_of_a_world_make_one_world_whatever_stands_in_which() -> None:
    head, tokens, scenes, endings = re.split(r"\n(?=tokens:|scenes:|endings:)", TINY)
    one = read(("tiny.yaml", TINY)).story
    four = read(("1.yaml", head), ("2.yaml", endings), ("3.yaml", scenes), ("4.yaml", tokens), ("5.yaml", "")).story
    assert one is not None
    assert four is not None
    assert encode_story(one._replace(hash="")) == encode_story(four._replace(hash=""))  # places are not encoded
    assert one.hash != four.hash


def test_a_file_may_say_at_which_token_its_scenes_are_met() -> None:
    world = tiny(("scenes:\n", "token: 5\n\nscenes:\n"))
    assert (world.scenes["waking"].token, world.scenes["done"].token) == (5, 0)


def test_numbers_and_truths_have_their_defaults() -> None:
    world = built(TINY)
    choice = world.choices["go-on"]
    assert (choice.cost, choice.until, choice.once, choice.acts, choice.effects.sets) == (1, 0, False, (), ())
    assert (choice.condition, choice.needs, choice.cut, choice.then) == (None, None, None, None)
    assert (world.instantiations, world.acts_per_token, world.lasting_per_token) == (1, 100, 100)
    assert world.about == ""


def test_the_word_no_is_a_word() -> None:
    world = tiny(("{end: 0.9, door: 0.1}", "{no: 0.5, on: 0.5}"), ("      otherwise", "      no: done\n      otherwise"))
    assert world.tokens[5].written[0].chances == {"no": 0.5, "on": 0.5}
    assert list(world.arrivals[5]) == ["no", "otherwise"]


def test_probabilities_that_nearly_make_one_are_made_to() -> None:
    world = tiny(("{end: 0.9, door: 0.1}", "{end: 0.333, door: 0.333, gate: .3335}"))
    assert sum(world.tokens[5].written[0].chances.values()) == pytest.approx(1, abs=1e-12)


def test_a_prompt_may_be_pairs_of_questions_and_answers() -> None:
    pairs = "prompt:\n  - {Q: Why?, A: Because.}\n  - Q: What?\n    A: The"
    world = tiny(("prompt: Why? Because the", pairs), ("  5:\n", "  16:\n"))
    assert " ".join(world.prompt) == "<doc> Q: Why ? \n A: Because . \n \n Q: What ? \n A: The"


def test_a_lost_file_is_reported_and_nothing_that_it_may_have_held_is_missed() -> None:
    head, tokens, scenes, endings = re.split(r"\n(?=tokens:|scenes:|endings:)", TINY)
    reading = read(("1.yaml", head), ("2.yaml", endings + "\n\t"), ("3.yaml", scenes), ("4.yaml", tokens))
    assert [(problem.file, problem.code) for problem in reading.problems] == [("2.yaml", "E005")]


def test_problems_stand_in_the_order_of_the_files_and_none_twice() -> None:
    bad = changed(
        TINY, ("        goto: decode", "        goto: attic\n        colour: red"), ("title: Tiny\n", "title: Tiny\nhue: red\n")
    )
    problems = read(("a.yaml", "x: 1\ny: 2"), ("b.yaml", bad)).problems
    places = [(problem.file, problem.line, problem.column) for problem in problems]
    assert places == [("a.yaml", 1, 1), ("a.yaml", 2, 1), ("b.yaml", 3, 1), ("b.yaml", 23, 15), ("b.yaml", 24, 9)]


def test_a_message_that_quotes_a_long_text_is_cut_short() -> None:
    text = changed(TINY, ("I was there.", f"At {{likeliest({'a' * 1000})}}."))
    (problem,) = read(("tiny.yaml", text)).problems
    assert problem.message == f"unknown continuation 'aaaa{'a' * 1000}"[:MAX_MESSAGE] + "…"


def test_more_than_a_hundred_warnings_are_no_error() -> None:
    warnings = [Problem(f"{number:03}.yml", 1, 1, "W013", "is not read", "warning") for number in range(MAX_LISTED + 1)]
    reading = read_contents("bad-world", "", [("tiny.yaml", TINY.encode())], warnings)
    assert reading.story is not None
    assert reading.problems[-1].message == "and 1 more problems after this one"


# -- what means harm, refused soon


def many(line: str, count: int) -> str:
    return "".join(line.format(number) for number in range(count))


HOSTILE: dict[str, tuple[bytes | str, str]] = {
    "25,000 nested lists": ("a: " + "[" * 25_000, "E009"),
    "25,000 nested mappings": ("a: " + "{a: " * 25_000, "E009"),
    "nested block lists": ("a:\n" + "- " * 25_000 + "x", "E009"),
    "nested complex keys": ("? " * 25_000 + "a", "E203"),
    "a bomb of aliases": ("a: &a [x,x]\n" + many("b{0}: [*a,*a,*a]\n", 20), "E006"),
    "a bomb of merge keys": ("a: {<<: *a}\n", "E006"),
    "an object of Python": ("a: !!python/object/apply:os.system [true]", "E007"),
    "a local tag": ("a: !include /etc/passwd", "E007"),
    "a declared tag": ("%TAG ! tag:example.com,2000:\n---\na: !x y", "E007"),
    "a second document": ("a: 1\n---\nb: 1", "E008"),
    "a long list of documents": ("---\n" * 100_000, "E008"),
    "more values than a file may have": ("[" + "x," * 301_000 + "]", "E009"),
    "a scalar of a megabyte where a number belongs": (TINY.replace("layers: 12", "layers: " + "9" * 1_000_000), "E203"),
    "a scalar of a megabyte where an id belongs": (TINY.replace("goto: decode", "goto: " + "a" * 1_000_000), "E203"),
    "a scalar of a megabyte where an expression belongs": (
        TINY.replace("goto: decode", "goto: decode\n        if: " + "a+" * 50_000 + "a"),
        "E101",
    ),
    "a key of a megabyte": ("? " + "a" * 1_000_000 + "\n: 1", "E203"),
    "10**5000 for a token": (TINY.replace("  5:\n", "  ? " + "1" * 5000 + "\n  :\n"), "E203"),
    "10**5000 for a layer": (TINY.replace("boundary: 9", "boundary: 1" + "0" * 5000), "E203"),
    "control characters": (b"\x00\x01\x1b" * 1_000_000, "E004"),
    "control characters as escapes": ('a: "' + "\\u202e\\x1b" * 10_000 + '"', "E004"),
    "random bytes": (bytes(range(256)) * 1000, "E003"),
    "UTF-16": (TINY.encode("utf-16"), "E003"),
    "half a character": (TINY.encode() + "é".encode()[:1], "E003"),
    "a surrogate": (b"a: \xed\xa0\x80", "E003"),
    "a surrogate as an escape": ('a: "\\ud800"', "E005"),
    "a hundred thousand quotes": ("'" * 100_001, "E005"),
    "a hundred thousand question marks": ("?" * 100_000 + " ", "E011"),
    "a hundred thousand percent signs": ("%" * 100_000, "E005"),
    "ten thousand unknown keys": (TINY + many("variable{0}: 1\n", 10_000), "E201"),
    "ten thousand times the same key": (TINY + "about: x\n" * 10_000, "E010"),
    "ten thousand unknown scenes": (
        TINY.replace("otherwise: done", many("w{0}: dones\n      ", 5_000) + "otherwise: done"),
        "E301",
    ),
    "five thousand unknown names among as many": (
        TINY.replace("tokens:", "variables:\n" + many("  name_{0}: false\n", 5_000) + "tokens:").replace(
            "        goto: decode\n", "        goto: decode\n" + many("      c{0}: {{say: x, if: nome_1, goto: done}}\n", 5_000)
        ),
        "E103",
    ),
    "braces": (TINY.replace("I was there.", "'" + "{" * 100_000 + "'"), "E106"),
    "braces with heads": (TINY.replace("I was there.", "'" + "{again: " * 50_000 + "'"), "E101"),
    "brackets": (TINY.replace("I was there.", "'" + "[" * 100_000 + "'"), "E106"),
    "guards of quotes": (TINY.replace("I was there.", "|\n      [" + "\"'" * 50_000), "E106"),
    "a spelled number of parentheses": (TINY.replace("I was there.", "'{spelled(" + ") " * 50_000 + "x}'"), "E101"),
    "blank lines": (TINY.replace("I was there.", "|\n" + "      \n" * 50_000 + "      }"), "E106"),
    "a line of blanks": (TINY.replace("I was there.", "|\n      x\n" + " " * 500_000 + "y}"), "E106"),
}


@pytest.mark.parametrize(("content", "code"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_means_harm_is_refused_with_a_place_and_soon(content: bytes | str, code: str) -> None:
    began = time.process_time()
    reading = read(("bad.yaml", content))
    took = time.process_time() - began
    assert reading.story is None
    assert code in {problem.code for problem in reading.problems}
    assert all(problem.line >= 1 and problem.column >= 1 for problem in reading.problems)
    assert len(reading.problems) <= MAX_LISTED + 1
    assert len(shown(reading.problems)) < 50_000
    assert not re.search(yaml_tree.FORBIDDEN, shown(reading.problems).replace("\n", ""))
    assert took < SOON


def test_eight_megabytes_are_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "world.yaml").open("wb") as file:
        file.truncate(10**12)  # holes: nobody could read this
    began = time.process_time()
    reading = read_world(tmp_path)
    assert time.process_time() - began < SOON
    assert [problem.code for problem in reading.problems] == ["E002"]
