"""What is settled once: read, said where it is wrong, and heeded."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from fixtures_play import WORLD, Done, command
from forward_pass.session.settings import ALLOWED, Settings, read_settings, settings_file, write_setting
from test_docs import OBJECTS, hold


def settled(config: Path, *arguments: str) -> Done:
    """Return what ``settings`` says, with a config folder of its own."""
    return command("settings", *arguments, FORWARD_PASS_CONFIG=str(config))


def test_without_a_file_everything_is_as_it_is_from_the_start(tmp_path: Path) -> None:
    done = settled(tmp_path)
    assert (done.code, done.err) == (0, "")
    assert [line.split(" = ")[0] for line in done.out.splitlines()[::2]] == list(Settings._fields) == list(ALLOWED)
    assert (
        settled(tmp_path, "measure").out
        == "measure = 72\n  the widest line of prose, in columns: a number of columns from 40 to 120\n"
    )


def test_something_is_settled_and_the_rest_stays(tmp_path: Path) -> None:
    assert settled(tmp_path, "motion", "off").out == f"motion = off, in {tmp_path}/settings.txt\n"
    assert settled(tmp_path, "measure", "50").code == 0
    row = settled(tmp_path, "--json").objects[0]
    hold(OBJECTS["settings"], row)
    assert (row["motion"], row["measure"], row["plain"]) == ("off", "50", "off")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("motoin", "on"), "there is no setting 'motoin' (did you mean motion?); there are motion, measure, colour, plain"),
        (("nonsense",), "there is no setting 'nonsense'; there are motion, measure, colour, plain"),
        (("motion", "maybe"), "motion is on or off, not 'maybe'"),
        (("measure", "39"), "measure is a number of columns from 40 to 120, not '39'"),
        (("measure", "١٢٠"), "measure is a number of columns from 40 to 120, not '١٢٠'"),
        (("colour", "pink"), "colour is auto, dark, light or none, not 'pink'"),
    ],
)
def test_what_cannot_be_settled_is_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = settled(tmp_path, *arguments)
    assert (done.code, done.err) == (2, f"forward-pass: {message}\n")
    assert not list(tmp_path.iterdir())


def test_what_is_wrong_in_the_file_is_said_with_its_place_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / "settings.txt").write_text("# mine\n\nmeasure = wide\nmotion=off\ncolor = dark\n")
    done = settled(tmp_path, "motion")
    assert (done.code, done.out.splitlines()[0]) == (0, "motion = off")
    assert done.err.splitlines() == [
        f"{tmp_path}/settings.txt:3:1: measure is a number of columns from 40 to 120, not 'wide'",
        (
            f"{tmp_path}/settings.txt:5:1: there is no setting 'color' (did you mean colour?); "
            "there are motion, measure, colour, plain"
        ),
    ]


def test_settings_that_cannot_be_read_or_written_are_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("a file")
    done = settled(tmp_path / "there", "motion", "off")
    assert (done.code, "cannot write" in done.err) == (2, True)
    with patch.object(Path, "read_text", side_effect=PermissionError(13, "Permission denied")):
        (tmp_path / "settings.txt").write_text("motion = off\n")
        assert settled(tmp_path).err == f"{tmp_path}/settings.txt: cannot be read: Permission denied\n"


def test_prose_is_set_to_the_measure_that_is_settled(tmp_path: Path) -> None:
    settled(tmp_path, "measure", "44")
    out = command("play", WORLD, "--plain", "--saves", tmp_path, FORWARD_PASS_CONFIG=str(tmp_path), COLUMNS="200").out
    assert 40 < max(map(len, out.splitlines())) <= 44


def test_play_begins_in_plain_lines_where_that_is_settled(tmp_path: Path) -> None:
    settled(tmp_path, "plain", "on")
    done = command("play", WORLD, "--saves", tmp_path, FORWARD_PASS_CONFIG=str(tmp_path), terminal=True, typed="1\n")
    assert "Read it once more" in done.out
    assert "\x1b" not in done.out


def test_settings_lie_where_the_desktop_says(tmp_path: Path) -> None:
    with patch.dict("os.environ", {"XDG_CONFIG_HOME": str(tmp_path)}):
        assert settings_file() == tmp_path / "forward-pass" / "settings.txt"
        write_setting("colour", "light")
        assert read_settings() == (Settings(colour="light"), [])
    with patch.dict("os.environ", {"XDG_CONFIG_HOME": "", "HOME": str(tmp_path)}):
        assert settings_file() == tmp_path / ".config" / "forward-pass" / "settings.txt"
