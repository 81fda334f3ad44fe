"""Exports of runs: the same run gives the same bytes, a world's text is never markup, nothing is fetched."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from building import changed_world, first_light
from fixtures_golden import golden
from fixtures_play import TO_ENDINGS, WORLD, command, make_header, resumed_session, write_run
from forward_pass.commands.options import write_document
from forward_pass.errors import UsageError
from forward_pass.interface.export import FORMATS, PICTURE_VIEWS, Picture, build_document, export_run
from forward_pass.session.transcript import choice_text
from forward_pass.story.history import at_turn
from forward_pass.story.state import Prior

HOSTILE = {"Three layers of arithmetic": "<script>alert(1)</script> ]]> `x` **b** [a](http://b.c) & Three layers of arithmetic"}
VOID = {"meta", "br", "hr", "img", "link"}


class BalancedParser(HTMLParser):
    """A parser of HTML that checks that tags are balanced, and that nothing is fetched or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a tag that may neither fetch nor run anything."""
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("src", "action", "formaction"), name
            assert name != "href" or (value or "").startswith("#"), value
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the tag opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data


def export_golden(kind: str, name: str = "another-answer") -> str:
    """Return a golden run of the flagship in a format."""
    run, header = golden(name)
    return export_run(run, header, kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_run_gives_the_same_bytes(kind: str) -> None:
    assert export_golden(kind) == export_golden(kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_scene_and_choice_of_a_run_is_in_every_format(kind: str) -> None:
    text = export_golden(kind)
    if kind == "cast":
        text = "".join(row[2] for row in map(json.loads, text.splitlines()[1:]) if row[1] == "o")
        text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    if kind == "html":
        parser = BalancedParser()
        parser.feed(text)
        text = parser.text
    if kind == "svg":
        text = " ".join(ET.fromstring(text).itertext())  # noqa: S314 - our own
    letters = re.sub(r"[^a-z]", "", text.casefold())
    for turn in build_document(*golden("another-answer")).turns:
        for words in (turn.choice, turn.then, turn.text.rpartition("\n\n")[2]):
            assert re.sub(r"[^a-z]", "", words.casefold()) in letters


@pytest.mark.parametrize("name", TO_ENDINGS)
def test_every_run_of_the_small_world_can_be_written_in_every_format(tmp_path: Path, name: str) -> None:
    write_run(tmp_path, *TO_ENDINGS[name])
    for kind in FORMATS:
        result = command("export", f"{WORLD}/1", "--format", kind, "--saves", tmp_path)
        assert (result.code, result.err) == (0, "")
        assert first_light().endings[name] in result.out or kind == "svg"


def test_html_is_well_formed_and_fetches_and_runs_nothing() -> None:
    page = export_golden("html")
    parser = BalancedParser()
    parser.feed(page)
    assert parser.open == []
    assert "script" not in parser.tags
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page
    assert "default-src 'none'" in page
    assert [f'href="#token-{token}"' in page and f'id="token-{token}"' in page for token in (400, 401, 402)] == [True] * 3


def test_html_has_enough_contrast_in_light_and_in_dark() -> None:
    themes = re.findall(r"--(ground|ink|quiet): (#[0-9a-f]{6})", export_golden("html"))
    for theme in (dict(themes[:3]), dict(themes[3:])):
        assert contrast(theme["ink"], theme["ground"]) >= 7
        assert contrast(theme["quiet"], theme["ground"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours by WCAG 2.2: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""

    def luminance(colour: str) -> float:
        shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Return a run in every format, of a world with markup in its text."""
    world = changed_world(HOSTILE)
    path = write_run(tmp_path, *TO_ENDINGS["half-said"], world=world)
    session, _ = resumed_session(tmp_path, path, world)
    return {kind: export_run(at_turn(session.run, 2), make_header(Prior()), kind) for kind in FORMATS}


def test_a_worlds_text_is_no_markup_in_html(hostile: dict[str, str]) -> None:
    parser = BalancedParser()
    parser.feed(hostile["html"])
    assert "script" not in parser.tags
    assert "<script>alert(1)</script> ]]>" in parser.text


def test_a_worlds_text_is_no_markup_in_markdown(hostile: dict[str, str]) -> None:
    assert r"\<script\>alert(1)\</script\> \]\]\> \`x\`" in hostile["md"]
    assert r"\[a\](http://b.c) \&" in hostile["md"]


def test_a_worlds_text_is_no_markup_in_svg(hostile: dict[str, str]) -> None:
    tree = ET.fromstring(hostile["svg"])  # noqa: S314 - our own
    assert not [node for node in tree.iter() if node.tag.endswith("script")]
    assert "@font-face" not in hostile["svg"]


def test_a_cast_is_asciicast_two_with_a_marker_at_each_choice() -> None:
    run, _ = golden("another-answer")
    header, *events = map(json.loads, export_golden("cast").splitlines())
    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    assert all(len(event) == 3 and event[1] in "om" and isinstance(event[2], str) for event in events)
    times = [event[0] for event in events]
    assert times == sorted(times)
    marks = [event[2] for event in events if event[1] == "m"]
    assert marks == [f"{n}. {choice_text(run, turn).replace('*', '')}" for n, turn in enumerate(run.turns, 1)]
    text = "".join(event[2] for event in events if event[1] == "o")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(len(line) for line in plain.split("\r\n")) <= 80
    assert "\x1b[1;38;2;" in text  # in colour
    assert "█" in plain
    assert "The decoder comes (measured)." in plain
    assert times[-1] < 4 * 60
    assert max(later - earlier for earlier, later in pairwise(times)) < 4


def test_an_export_to_a_file_is_atomic(tmp_path: Path) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    out = tmp_path / "run.md"
    assert command("export", f"{WORLD}/1", "--format", "md", "-o", out, "--saves", tmp_path).code == 0
    assert out.read_text().startswith("# First Light\n")
    result = command("export", f"{WORLD}/1", "-o", tmp_path / "no" / "run.md", "--saves", tmp_path)
    assert (result.code, "cannot write" in result.err) == (2, True)
    assert "is there already" in command("export", f"{WORLD}/1", "-o", out, "--saves", tmp_path).err
    before = out.read_bytes()
    out.write_text("mine")
    assert command("export", f"{WORLD}/1", "-o", out, "--force", "--saves", tmp_path).code == 0
    assert out.read_bytes() == before  # the format is that of the name
    run_file = tmp_path / WORLD / "001-run.jsonl"
    kept = run_file.read_bytes()
    assert command("export", f"{WORLD}/1", "--format", "txt", "-o", run_file, "--force", "--saves", tmp_path).code == 2
    assert run_file.read_bytes() == kept
    assert "a document ends with .txt" in command("export", f"{WORLD}/1", "-o", tmp_path / "x.doc", "--saves", tmp_path).err
    assert command("export", f"{WORLD}/1", "-o", "-", "--saves", tmp_path).out.startswith("First Light\n===")
    (tmp_path / "taken").mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        write_document("x", f"{tmp_path / 'taken'}")
    assert not list(tmp_path.glob(".*.part"))


def test_a_run_that_diverges_is_not_exported(tmp_path: Path) -> None:
    path = write_run(tmp_path, *TO_ENDINGS["half-said"])
    path.write_text(path.read_text().replace('"scene":"half-said"', '"scene":"by-the-door"'))
    result = command("export", f"{WORLD}/1", "--saves", tmp_path)
    assert (result.code, "diverged at turn 2 of 2" in result.err, result.out) == (1, True, "")


# -- SVG of a turn --------------------------------------------------------------------------------------------------------


def picture_text(picture: str) -> str:
    """Return the text of an SVG."""
    return " ".join("".join(ET.fromstring(picture).itertext()).replace("\xa0", " ").split())  # noqa: S314 - our own


@pytest.mark.parametrize("colour", ["dark", "light"])
def test_an_svg_of_a_turn_shows_what_the_terminal_shows(colour: str) -> None:
    run, header = golden("another-answer")
    turn = next(number for number, turn in enumerate(run.turns, 1) if turn.word is not None)
    picture = export_run(run, header, "svg", Picture(turn, "scene", colour))
    words = picture_text(picture)
    assert "The decoder comes (measured)." in words
    assert "by layer, │ at 32 and 72: likeliest from layer" in words
    assert "1. " in words
    assert "Ending:" not in words
    assert ("#d9b44a" in picture) == (colour == "dark")


def test_the_opening_and_a_turn_without_a_decoding_can_be_exported_as_svg() -> None:
    run, header = golden("another-answer")
    assert "A: Your" in picture_text(export_run(run, header, "svg", Picture(0)))
    assert "decoder comes" not in picture_text(export_run(run, header, "svg", Picture(1)))


@pytest.mark.parametrize(("view", "expected"), [("lens", "All of this is measured."), ("prompt", "Q: How many eyes does")])
def test_an_svg_can_show_a_view_of_its_turn(view: str, expected: str) -> None:
    run, header = golden("another-answer")
    assert view in PICTURE_VIEWS
    assert expected in picture_text(export_run(run, header, "svg", Picture(3, view, "light")))


def test_the_text_of_a_choice_is_in_the_svg_of_its_turn(tmp_path: Path) -> None:
    write_run(tmp_path, "feel-slope", "leave-label")
    picture = command("export", f"{WORLD}/1", "--format", "svg", "--turn", "2", "--saves", tmp_path).out
    assert "I picked again, because it is short and it never goes off." in picture_text(picture)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--turn", "9"), "turn 9 is beyond the cursor of 001-run.jsonl, which is at turn 2"),
        (("--show", "lens"), "--show lens needs --turn N"),
    ],
)
def test_options_of_a_picture_that_do_not_apply_are_usage_errors(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    write_run(tmp_path, *TO_ENDINGS["half-said"])
    result = command("export", f"{WORLD}/1", "--format", "svg", *arguments, "--saves", tmp_path)
    assert (result.code, result.err) == (2, f"forward-pass: {message}\n")
