"""Colours: enough contrast on every ground they are meant for, none where nobody knows the ground or wants any."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest
from rich.console import Console
from rich.style import Style

from fixtures_play import glass_play, let_go
from forward_pass.interface.theme import GROUNDS, STYLES, ground, theme
from forward_pass.interface.view import event_view
from test_export import contrast


@pytest.mark.parametrize("name", GROUNDS)
def test_every_colour_can_be_read_on_its_grounds(name: str) -> None:
    for style in STYLES[name].values():
        colour = Style.parse(style).color
        assert colour is not None
        assert colour.triplet is not None
        for behind in GROUNDS[name]:
            assert contrast(colour.triplet.hex, behind) >= 4.5, (style, behind)


@pytest.mark.parametrize(
    ("colour", "environment", "expected"),
    [
        ("auto", {}, "none"),
        ("auto", {"COLORFGBG": "15;0"}, "dark"),
        ("auto", {"COLORFGBG": "0;default;15"}, "light"),
        ("auto", {"COLORFGBG": "0;odd"}, "none"),
        ("dark", {"COLORFGBG": "0;15"}, "dark"),
        ("light", {"NO_COLOR": "1"}, "none"),
        ("dark", {"FORCE_COLOR": "0"}, "none"),
        ("none", {}, "none"),
    ],
)
def test_the_ground_is_what_is_settled_or_what_the_terminal_says(
    colour: str, environment: dict[str, str], expected: str
) -> None:
    with patch.dict("os.environ", environment, clear=True):
        assert ground(colour) == expected


@pytest.mark.parametrize("colour", STYLES)
def test_without_its_colours_a_screen_says_the_same(tmp_path: Path, colour: str) -> None:
    play = glass_play(tmp_path)
    texts = []
    for events in (play.opening(), play.choose("say-now")):
        for event in events:
            out = StringIO()
            console = Console(file=out, width=72, force_terminal=True, color_system="truecolor", theme=theme(colour))
            console.print(event_view(event, play, 72))
            assert ("38;2;" in out.getvalue()) == (colour != "none")
            texts.append(Console(file=StringIO()).render_str(out.getvalue(), markup=False).plain)
    assert any("█" in text and "0." in text for text in texts)
    let_go(play)
