"""Colours: enough contrast on every background, and none where the background is unknown or colour is off."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest
from rich.console import Console
from rich.style import Style

from fixtures_play import close_session, inspectable_session
from forward_pass.interface.theme import BACKGROUNDS, STYLES, background, theme
from forward_pass.interface.view import event_view
from test_export import contrast


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_every_colour_has_enough_contrast_on_its_backgrounds(name: str) -> None:
    for style in STYLES[name].values():
        colour = Style.parse(style).color
        assert colour is not None
        assert colour.triplet is not None
        for background_colour in BACKGROUNDS[name]:
            assert contrast(colour.triplet.hex, background_colour) >= 4.5, (style, background_colour)


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
def test_the_background_is_that_of_the_setting_or_of_the_terminal(
    colour: str, environment: dict[str, str], expected: str
) -> None:
    with patch.dict("os.environ", environment, clear=True):
        assert background(colour) == expected


@pytest.mark.parametrize("colour", STYLES)
def test_without_colours_a_screen_has_the_same_text(tmp_path: Path, colour: str) -> None:
    session = inspectable_session(tmp_path)
    texts = []
    for events in (session.opening(), session.choose("say-now")):
        for event in events:
            out = StringIO()
            console = Console(file=out, width=72, force_terminal=True, color_system="truecolor", theme=theme(colour))
            console.print(event_view(event, session, 72))
            assert ("38;2;" in out.getvalue()) == (colour != "none")
            texts.append(Console(file=StringIO()).render_str(out.getvalue(), markup=False).plain)
    assert any("█" in text and "0." in text for text in texts)
    close_session(session)
