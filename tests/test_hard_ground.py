"""What befell other people with such software (public reports): each case as it should be. Others are beside what they test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from unicodedata import normalize
from unittest.mock import patch

import pytest

from building import built, changed
from fixtures_play import WORLD, clean_environment, command, printed_text, write_run
from forward_pass.loading import paths
from forward_pass.session import plain_text
from forward_pass.session.input import answer
from forward_pass.session.launch import open_store, start_new
from forward_pass.storage.folder import is_run_name, other_files, resolve_run
from forward_pass.storage.listing import local_day
from test_frame import PLAIN

# -- the environment


@pytest.mark.parametrize("arguments", [("play", WORLD, "--plain", "--new"), ("runs", WORLD), ("settings",), ("check", WORLD)])
def test_without_a_home_everything_works_and_nothing_is_cached(arguments: tuple[str, ...], tmp_path: Path) -> None:
    none = RuntimeError("no home")
    cache, config = (f"forward_pass.loading.paths.user_{kind}_path" for kind in ("cache", "config"))
    with patch(cache, side_effect=none), patch(config, side_effect=none):
        done = command(*arguments, FORWARD_PASS_SAVES=f"{tmp_path}", typed="say-now\n")
        assert paths.cache_folder() == paths.config_folder() == paths.NO_FOLDER
    assert (done.code, "Traceback" in done.err) == (0, False)
    said = "There is no home folder: settings are the defaults, and runs are stored in"
    assert (said in done.err) == (arguments[0] == "play")


@pytest.mark.parametrize("term", ["unknown", "dumb", "DUMB", ""])
def test_a_terminal_that_knows_no_codes_gets_plain_lines(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", term)
    assert not plain_text.is_interactive()


def test_json_and_exports_are_utf_8_in_any_locale(tmp_path: Path) -> None:
    run = write_run(tmp_path, "feel-slope", "let-be")
    in_utf_8 = clean_environment(PYTHONUTF8="1")
    in_ascii = clean_environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    typed, outputs = '{"about":"größe"}\nsay-now\n'.encode(), []
    for arguments in (("export", str(run), "--format", "html"), ("play", WORLD, "--json", "--new", "--no-save", "--fresh")):
        first, second = (
            subprocess.run(
                [sys.executable, "-m", "forward_pass", *arguments], capture_output=True, check=True, env=env, input=typed
            ).stdout.decode("utf8")
            for env in (in_utf_8, in_ascii)
        )
        assert first == second
        outputs.append(first)
    assert not outputs[0].isascii(), "an export with nothing beyond ASCII in it tests nothing"
    assert "größe" in json.loads(outputs[1].splitlines()[2])["message"]


def test_a_users_own_module_called_game_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "game.py").write_text("raise SystemExit(9)")
    here = clean_environment(PYTHONPATH=f"{tmp_path}:{paths.SOURCE_ROOT}")
    done = subprocess.run([sys.executable, "-m", "forward_pass", "--version"], capture_output=True, check=False, env=here)
    assert done.returncode == 0


def test_the_day_of_a_run_is_the_players(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert local_day("2026-11-27T23:30:00+00:00") == "2026-11-28"
        assert local_day("yesterday") == "yesterday"
    finally:
        monkeypatch.undo()
        time.tzset()


# -- names and folders


def test_a_name_is_the_same_in_every_normal_form_typed_too(tmp_path: Path) -> None:
    session = start_new(open_store(built(changed(PLAIN, ("say: Knock.", "say: Klopfe, müde."))), tmp_path)).session
    assert "Somebody looked out." in printed_text(answer(session, normalize("NFD", "müde")), session)
    answer(session, normalize("NFD", "save café"))
    session.recorder.close()
    folder = tmp_path / "tiny"
    (name,) = (path.name for path in folder.glob("*.jsonl"))
    (folder / name).rename(folder / normalize("NFD", name))
    assert resolve_run(tmp_path, "tiny", "café") == folder / normalize("NFD", name)


@pytest.mark.parametrize("name", ["नमस्ते", "café", "Ω", "길", "عربى", "run-2", "x_1"])
def test_letters_have_their_marks(name: str) -> None:
    assert is_run_name(name)


@pytest.mark.parametrize("name", ["", "42", "-x", "a b", "a/b", "a.b", "\u0301a", "a\u202eb", "x" * 61])
def test_what_is_no_name_is_none(name: str) -> None:
    assert not is_run_name(name)


def test_copies_of_a_sync_service_are_named_and_two_files_of_one_number_are_offered(tmp_path: Path) -> None:
    run = write_run(tmp_path, "say-now")
    for name in ("001-run (conflicted copy).jsonl", "001-run.sync-conflict-20261128.jsonl", "001-run 2.jsonl", "labels.jsonl"):
        shutil.copy(run, run.with_name(name))
    assert [path.name for path in other_files(run.parent)] == [
        "001-run (conflicted copy).jsonl",
        "001-run 2.jsonl",
        "001-run.sync-conflict-20261128.jsonl",
    ]
    done = command("runs", WORLD, "--saves", tmp_path)
    assert done.err.count("not read: its name is not a run's; `forward-pass import` takes it in") == 3
    shutil.copy(run, run.with_name("001-run-DESKTOP.jsonl"))
    refused = command("play", WORLD, "--load", "1", "--saves", tmp_path)
    assert f"{run}" in refused.err
    assert f"{run.with_name('001-run-DESKTOP.jsonl')}; give one of these files" in refused.err
    assert command("import", run.with_name("001-run 2.jsonl"), "--saves", tmp_path).code == 0


def test_nothing_is_written_over_a_run_or_a_worlds_file(tmp_path: Path) -> None:
    run = write_run(tmp_path, "say-now")
    before = run.read_bytes()
    link = tmp_path / "page.html"
    link.symlink_to(run)
    for target in (run, paths.worlds_folder() / WORLD / "world.yaml", tmp_path / "new.jsonl"):
        assert command("export", run, "--format", "html", "-o", target, "--force").code == 2
    command("export", run, "--format", "html", "-o", link, "--force")
    assert run.read_bytes() == before
    there = tmp_path / "there.html"
    there.write_text("mine")
    assert command("export", run, "-o", there).code == 2
    assert there.read_text() == "mine"


def test_the_copy_of_a_folder_goes_on_with_the_run_that_was_played_last(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", "say-now")
    time.sleep(1.1)  # a line has whole seconds
    write_run(tmp_path / "a", "feel-slope")
    os.utime(first)
    shutil.copytree(tmp_path / "a", tmp_path / "b", copy_function=shutil.copy)
    done = command("play", WORLD, "--continue", "--plain", "--saves", tmp_path / "b")
    assert "--load 2 " in done.out


def test_a_new_world_may_be_made_in_a_folder_with_nothing_but_hidden_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my-world"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert command("new", ".").code == 0
    assert command("check", ".").out.count("\nmy-world: ") == 1
