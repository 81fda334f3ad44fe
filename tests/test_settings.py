"""The settings: reading, writing, messages for faulty lines, and their effect."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from fixtures_play import WORLD, CommandResult, command
from forward_pass.session.settings import ALLOWED, Settings, read_settings, settings_file, write_setting
from test_docs import OBJECTS, hold


def settings_command(config: Path, *arguments: str) -> CommandResult:
    """Return the result of ``settings`` with the given config folder."""
    return command("settings", *arguments, FORWARD_PASS_CONFIG=str(config))


def test_without_a_file_the_settings_are_the_defaults(tmp_path: Path) -> None:
    result = settings_command(tmp_path)
    assert (result.code, result.err) == (0, "")
    assert [line.split(" = ")[0] for line in result.out.splitlines()[::2]] == list(Settings._fields) == list(ALLOWED)
    assert (
        settings_command(tmp_path, "measure").out
        == "measure = 72\n  the widest line of prose, in columns: a number of columns from 40 to 120\n"
    )


def test_a_setting_is_written_and_the_others_are_unchanged(tmp_path: Path) -> None:
    assert settings_command(tmp_path, "motion", "off").out == f"motion = off, in {tmp_path}/settings.txt\n"
    assert settings_command(tmp_path, "measure", "50").code == 0
    row = settings_command(tmp_path, "--json").objects[0]
    hold(OBJECTS["settings"], row)
    assert (row["motion"], row["measure"], row["plain"]) == ("off", "50", "off")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("motoin", "on"),
            "there is no setting 'motoin' (did you mean motion?); there are motion, measure, colour, plain, pace, mouse",
        ),
        (("nonsense",), "there is no setting 'nonsense'; there are motion, measure, colour, plain, pace, mouse"),
        (("motion", "maybe"), "motion must be on or off, not 'maybe'"),
        (("measure", "39"), "measure must be a number of columns from 40 to 120, not '39'"),
        (("measure", "١٢٠"), "measure must be a number of columns from 40 to 120, not '١٢٠'"),
        (("colour", "pink"), "colour must be auto, dark, light or none, not 'pink'"),
        (("pace", "fast"), "pace must be held, timed or off, not 'fast'"),
    ],
)
def test_an_unknown_setting_or_value_is_a_usage_error(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = settings_command(tmp_path, *arguments)
    assert (result.code, result.err) == (2, f"forward-pass: {message}\n")
    assert not list(tmp_path.iterdir())


def test_faulty_lines_of_the_file_are_reported_with_their_place_and_ignored(tmp_path: Path) -> None:
    (tmp_path / "settings.txt").write_text("# mine\n\nmeasure = wide\nmotion=off\ncolor = dark\n")
    result = settings_command(tmp_path, "motion")
    assert (result.code, result.out.splitlines()[0]) == (0, "motion = off")
    assert result.err.splitlines() == [
        f"{tmp_path}/settings.txt:3:1: measure must be a number of columns from 40 to 120, not 'wide'",
        (
            f"{tmp_path}/settings.txt:5:1: there is no setting 'color' (did you mean colour?); "
            "there are motion, measure, colour, plain, pace, mouse"
        ),
    ]


def test_a_file_that_cannot_be_read_or_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("a file")
    result = settings_command(tmp_path / "there", "motion", "off")
    assert (result.code, "cannot write" in result.err) == (2, True)
    with patch.object(Path, "read_text", side_effect=PermissionError(13, "Permission denied")):
        (tmp_path / "settings.txt").write_text("motion = off\n")
        assert settings_command(tmp_path).err == f"{tmp_path}/settings.txt: cannot be read: Permission denied\n"


def test_prose_is_wrapped_to_the_measure_in_the_settings(tmp_path: Path) -> None:
    settings_command(tmp_path, "measure", "44")
    out = command("play", WORLD, "--plain", "--saves", tmp_path, FORWARD_PASS_CONFIG=str(tmp_path), COLUMNS="200").out
    assert 40 < max(map(len, out.splitlines())) <= 44


def test_play_begins_in_plain_lines_where_the_settings_say_so(tmp_path: Path) -> None:
    settings_command(tmp_path, "plain", "on")
    result = command("play", WORLD, "--saves", tmp_path, FORWARD_PASS_CONFIG=str(tmp_path), terminal=True, typed="1\n")
    assert "Read it once more" in result.out
    assert "\x1b" not in result.out


def test_the_settings_are_in_the_xdg_config_folder(tmp_path: Path) -> None:
    with patch.dict("os.environ", {"XDG_CONFIG_HOME": str(tmp_path), "FORWARD_PASS_CONFIG": ""}):
        assert settings_file() == tmp_path / "forward-pass" / "settings.txt"
        write_setting("colour", "light")
        assert read_settings() == (Settings(colour="light"), [])
    with patch.dict("os.environ", {"XDG_CONFIG_HOME": "", "HOME": str(tmp_path), "FORWARD_PASS_CONFIG": ""}):
        assert settings_file() == tmp_path / ".config" / "forward-pass" / "settings.txt"
