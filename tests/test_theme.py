"""Colours: enough contrast on every background, those that hold on both where it is unknown, none where they are off."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest
from rich.console import Console
from rich.style import Style
from rich.theme import Theme

from fixtures_play import close_session, inspectable_session
from forward_pass.interface.theme import BACKGROUNDS, STYLES, background, ground_of, screen_style, theme
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
        ("auto", {}, "unknown"),
        ("auto", {"COLORFGBG": "15;0"}, "dark"),
        ("auto", {"COLORFGBG": "0;default;15"}, "light"),
        ("auto", {"COLORFGBG": "0;odd"}, "unknown"),
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
            console = Console(file=out, width=72, force_terminal=True, color_system="truecolor", theme=Theme(STYLES[colour]))
            console.print(event_view(event, session, 72))
            assert ("38;2;" in out.getvalue()) == (colour in BACKGROUNDS)
            texts.append(Console(file=StringIO()).render_str(out.getvalue(), markup=False).plain)
    assert any("█" in text and "0." in text for text in texts)
    close_session(session)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("\x1b]11;rgb:0000/0000/0000\x07", "15;0"),
        ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "0;15"),
        ("\x1b]11;rgb:fd/f6/e3\x07", "0;15"),
        ("\x1b]11;rgb:0000/2b2b/3636\x07", "15;0"),
        ("\x1b]11;rgba:1e1e/1e1e/1e1e/ffff\x07", "15;0"),
        ("\x1b]11;?\x07", None),
        ("", None),
    ],
)
def test_a_terminals_reply_tells_its_ground(reply: str, expected: str | None) -> None:
    assert ground_of(reply) == expected


@pytest.mark.parametrize("ground", ["15;0", "0;15", ""])
def test_both_libraries_have_the_same_styles(ground: str) -> None:
    with patch.dict("os.environ", {"COLORFGBG": ground, "NO_COLOR": "", "FORCE_COLOR": ""}):
        names = {name for name, _ in screen_style().style_rules}
        assert set(STYLES["dark"]) <= names
        assert set(STYLES["dark"]) <= set(theme("auto").styles)


def test_every_ground_has_every_style() -> None:
    assert len({tuple(sorted(styles)) for styles in STYLES.values()}) == 1
