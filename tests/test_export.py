"""Runs as documents: the same run gives the same bytes, nothing in a world is markup, nothing is fetched from anywhere."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from fixtures_golden import golden
from fixtures_play import TO_ENDINGS, WORLD, changed_world, command, first_light, header, played, resumed_play
from forward_pass.commands.runs import _write_whole
from forward_pass.errors import UsageError
from forward_pass.interface.export import FORMATS, SHOWN, Picture, build_document, export_run
from forward_pass.story.history import at_turn
from forward_pass.story.state import Prior

HOSTILE = {"Three layers of arithmetic": "<script>alert(1)</script> ]]> `x` **b** [a](http://b.c) & Three layers of arithmetic"}
VOID = {"meta", "br", "hr", "img", "link"}


class Balanced(HTMLParser):
    """Reads a page, and holds every end tag against its start."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a tag; nothing may be fetched by it or run in it."""
        self.seen.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("src", "action", "formaction"), name
            assert name != "href" or (value or "").startswith("#"), value
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close a tag, which must be the last that was opened."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Gather the text."""
        self.text += data


def told(kind: str, name: str = "another-answer") -> str:
    """Return a golden run of the flagship in a format."""
    run, head = golden(name)
    return export_run(run, head, kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_run_gives_the_same_bytes(kind: str) -> None:
    assert told(kind) == told(kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_scene_and_choice_of_a_run_is_in_every_format(kind: str) -> None:
    text = told(kind)
    if kind == "cast":
        text = "".join(row[2] for row in map(json.loads, text.splitlines()[1:]) if row[1] == "o")
    if kind == "html":
        reader = Balanced()
        reader.feed(text)
        text = reader.text
    if kind == "svg":
        text = " ".join(ET.fromstring(text).itertext())  # noqa: S314 - our own
    letters = re.sub(r"[^a-z]", "", text.casefold())
    for passage in build_document(*golden("another-answer")).passages:
        for said in (passage.choice, passage.then, passage.text.rpartition("\n\n")[2]):
            assert re.sub(r"[^a-z]", "", said.casefold()) in letters


@pytest.mark.parametrize("name", TO_ENDINGS)
def test_every_run_of_the_small_world_can_be_written_in_every_format(tmp_path: Path, name: str) -> None:
    played(tmp_path, *TO_ENDINGS[name])
    for kind in FORMATS:
        done = command("export", f"{WORLD}/1", "--format", kind, "--saves", tmp_path)
        assert (done.code, done.err) == (0, "")
        assert first_light().endings[name] in done.out or kind == "svg"


def test_a_page_is_whole_and_fetches_and_runs_nothing() -> None:
    page = told("html")
    reader = Balanced()
    reader.feed(page)
    assert reader.open == []
    assert "script" not in reader.seen
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page
    assert "default-src 'none'" in page
    assert [f'href="#token-{token}"' in page and f'id="token-{token}"' in page for token in (400, 401, 402)] == [True] * 3


def test_a_page_can_be_read_in_light_and_in_dark() -> None:
    themes = re.findall(r"--(ground|ink|quiet): (#[0-9a-f]{6})", told("html"))
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
    """Return a run in every format, of a world whose text tries to be markup."""
    world = changed_world(HOSTILE)
    path = played(tmp_path, *TO_ENDINGS["half-said"], world=world)
    play, _ = resumed_play(tmp_path, path, world)
    return {kind: export_run(at_turn(play.run, 2), header(Prior()), kind) for kind in FORMATS}


def test_what_a_world_says_is_no_markup_in_a_page(hostile: dict[str, str]) -> None:
    reader = Balanced()
    reader.feed(hostile["html"])
    assert "script" not in reader.seen
    assert "<script>alert(1)</script> ]]>" in reader.text


def test_what_a_world_says_is_no_markup_in_markdown(hostile: dict[str, str]) -> None:
    assert r"\<script\>alert(1)\</script\> \]\]\> \`x\`" in hostile["md"]
    assert r"\[a\](http://b.c) \&" in hostile["md"]


def test_what_a_world_says_is_no_markup_in_a_picture(hostile: dict[str, str]) -> None:
    tree = ET.fromstring(hostile["svg"])  # noqa: S314 - our own
    assert not [node for node in tree.iter() if node.tag.endswith("script")]
    assert "@font-face" not in hostile["svg"]


def test_a_recording_is_asciicast_two_with_a_marker_at_each_choice() -> None:
    run, _ = golden("another-answer")
    head, *events = map(json.loads, told("cast").splitlines())
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24)
    assert all(len(event) == 3 and event[1] in "om" and isinstance(event[2], str) for event in events)
    times = [event[0] for event in events]
    assert times == sorted(times)
    assert [event[2] for event in events if event[1] == "m"] == [f"{n}. {turn.choice}" for n, turn in enumerate(run.turns, 1)]
    assert max(len(event[2].rstrip()) for event in events if event[1] == "o") <= 80


def test_an_export_goes_to_a_file_whole_or_not_at_all(tmp_path: Path) -> None:
    played(tmp_path, *TO_ENDINGS["half-said"])
    out = tmp_path / "run.md"
    assert command("export", f"{WORLD}/1", "--format", "md", "-o", out, "--saves", tmp_path).code == 0
    assert out.read_text().startswith("# First Light\n")
    done = command("export", f"{WORLD}/1", "-o", tmp_path / "no" / "run.md", "--saves", tmp_path)
    assert (done.code, "cannot write" in done.err) == (2, True)
    (tmp_path / "taken").mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        _write_whole(tmp_path / "taken", "x")
    assert not list(tmp_path.glob(".*.part"))


def test_a_run_that_is_not_what_it_was_is_not_told(tmp_path: Path) -> None:
    path = played(tmp_path, *TO_ENDINGS["half-said"])
    path.write_text(path.read_text().replace('"scene":"half-said"', '"scene":"by-the-door"'))
    done = command("export", f"{WORLD}/1", "--saves", tmp_path)
    assert (done.code, "diverged at turn 2 of 2" in done.err, done.out) == (1, True, "")


# -- a turn as a picture --------------------------------------------------------------------------------------------------


def words_in(picture: str) -> str:
    """Return the words of a picture."""
    return " ".join("".join(ET.fromstring(picture).itertext()).replace("\xa0", " ").split())  # noqa: S314 - our own


@pytest.mark.parametrize("colour", ["dark", "light"])
def test_a_turn_alone_is_shown_as_a_terminal_shows_it(colour: str) -> None:
    run, head = golden("another-answer")
    turn = next(number for number, turn in enumerate(run.turns, 1) if turn.word is not None)
    picture = export_run(run, head, "svg", Picture(turn, "scene", colour))
    words = words_in(picture)
    assert "The decoder comes (measured)." in words
    assert "by layer, │ at 32 and 72: likeliest from layer" in words
    assert "1. " in words
    assert "Ending:" not in words
    assert ("#d9b44a" in picture) == (colour == "dark")


def test_the_opening_and_a_turn_without_a_decoding_are_pictures_too() -> None:
    run, head = golden("another-answer")
    assert "A: Your" in words_in(export_run(run, head, "svg", Picture(0)))
    assert "decoder comes" not in words_in(export_run(run, head, "svg", Picture(1)))


@pytest.mark.parametrize(("shows", "expected"), [("lens", "All of this is measured."), ("prompt", "Q: How many eyes does")])
def test_an_instrument_is_shown_as_it_read_there(shows: str, expected: str) -> None:
    run, head = golden("another-answer")
    assert shows in SHOWN
    assert expected in words_in(export_run(run, head, "svg", Picture(3, shows, "light")))


def test_what_a_choice_says_stands_in_the_picture_of_its_turn(tmp_path: Path) -> None:
    played(tmp_path, "feel-slope", "leave-label")
    picture = command("export", f"{WORLD}/1", "--format", "svg", "--turn", "2", "--saves", tmp_path).out
    assert "I picked again, because it is short and it never goes off." in words_in(picture)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--turn", "9"), "001-run.jsonl stands at turn 2; there is no turn 9"),
        (("--show", "lens"), "--show lens is of one turn: --turn N"),
    ],
)
def test_a_picture_that_cannot_be_taken_is_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    played(tmp_path, *TO_ENDINGS["half-said"])
    done = command("export", f"{WORLD}/1", "--format", "svg", *arguments, "--saves", tmp_path)
    assert (done.code, done.err) == (2, f"forward-pass: {message}\n")
