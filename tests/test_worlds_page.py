"""docs/worlds.md: every block stands in first-light, is a whole world, parses, or is a command that works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from building import ROOT, WORLDS, built
from fixtures_play import command
from forward_pass import Session
from forward_pass.checker.report import check_world
from forward_pass.loading.scenes import CHOICE_KEYS
from forward_pass.network.passes import open_pass
from forward_pass.story.grammar import Scope, parse_condition, parse_effect
from forward_pass.story.nodes import Claim
from forward_pass.story.text_grammar import parse_text
from forward_pass.story.visit import find_nodes
from forward_pass.story.world import World

PAGE = (ROOT / "docs" / "worlds.md").read_text(encoding="utf8")
BLOCKS = [(match[1], match[2]) for match in re.finditer(r"^```([^\n]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]


def blocks(kind: str) -> list[str]:
    found = [text for name, text in BLOCKS if name == kind]
    assert found, kind
    return found


@pytest.fixture(scope="module")
def scope(first_light: World) -> Scope:
    """Return the names of first-light, as they stand in one of its scenes."""
    scenes = {id_: scene.slot for id_, scene in first_light.scenes.items()}
    return Scope(
        variables={variable.name: variable for variable in first_light.variables},
        thresholds={threshold.name: index for index, threshold in enumerate(first_light.thresholds)},
        scenes=scenes,
        choices={id_: choice.slot for id_, choice in first_light.choices.items()},
        endings=first_light.endings,
        acts={name: act.fixed_layer for name, act in first_light.acts.items()},
        boundary=first_light.boundary,
        scene=scenes["slope"],
        prompt=first_light.prompt,
    )


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    kinds = {name for name, _ in BLOCKS}
    folder = WORLDS / "first-light"
    files = {f"yaml {path.relative_to(folder).as_posix()}" for path in folder.rglob("*.yaml")}
    assert kinds - files == {"console", "effect", "condition", "text", "yaml world"}


@pytest.mark.parametrize(
    ("name", "text"), [block for block in BLOCKS if block[0].startswith("yaml ") and block[0] != "yaml world"]
)
def test_every_piece_of_first_light_stands_there_as_it_is_shown(name: str, text: str) -> None:
    assert text in (WORLDS / "first-light" / name.removeprefix("yaml ")).read_text()


def test_every_condition_effect_and_text_is_in_the_grammar(scope: Scope) -> None:
    for line in (line for block in blocks("condition") for line in block.splitlines()):
        assert parse_condition(line, scope)
    for line in blocks("effect")[0].splitlines():
        assert parse_effect(line, scope)
    paragraphs, *others = (parse_text(text, scope) for text in blocks("text"))
    assert any(list(find_nodes(Claim, text)) for text in others)
    assert len(paragraphs.paragraphs) == 8
    assert all(text.paragraphs for text in others)


def test_every_key_of_a_choice_is_explained() -> None:
    section = PAGE.partition("## Scenes and choices")[2].partition("\n## ")[0]
    assert [key for key in CHOICE_KEYS if f"`{key}`" not in section] == []


def test_the_whole_world_is_one_and_passes(tmp_path: Path) -> None:
    (text,) = blocks("yaml world")
    assert len(text.splitlines()) <= 20
    folder = tmp_path / "the-ferry"
    folder.mkdir()
    (folder / "world.yaml").write_text(text)
    report = check_world(folder, open_pass)
    assert report.problems == ()
    assert [(run.ending, len(run.steps)) for run in report.endings] == [("across", 4), ("home", 1)]
    (folder / "world.yaml").write_text(text.replace("to: 3", "to: 2"))
    messages = [problem.message for problem in check_world(folder, open_pass).problems if problem.code == "E413"]
    why = "its 'needs' never holds; 'coins' goes from 0 to 2; so no run reaches 'across'"
    assert messages == [f"the choice 'board' is on offer but never open: {why}"]


def test_the_story_for_authors_who_know_ink_passes_and_has_two_ends(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "ink.md").read_text(encoding="utf8")
    (text,) = re.findall(r"^```yaml world\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    folder = tmp_path / "the-ferry"
    folder.mkdir()
    (folder / "world.yaml").write_text(text)
    report = check_world(folder, open_pass)
    assert report.problems == ()
    assert report.summary.startswith("the-ferry: 3 scenes, 8 choices, 2 endings; explored ")
    session = Session(built(text))
    for choice in ("search", "ask", "sing"):
        session.choose(choice)
    assert session.ending == "across"
    assert "they know your song" in session.text


def test_every_command_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert len(lines) == 8
    (tmp_path / "the-ferry").mkdir()
    (tmp_path / "the-ferry" / "world.yaml").write_text(blocks("yaml world")[0])
    for line in lines:
        prompt, program, *arguments = shlex.split(line)
        assert (prompt, program) == ("$", "forward-pass")
        saves = ["--plain", "--saves", "saves"] if arguments[0] == "play" else []
        done = command(*arguments, *saves, typed="quit\n")
        assert done.code == 0, (line, done.err)
