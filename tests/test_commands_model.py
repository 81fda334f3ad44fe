"""The commands that inspect the model and train it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from building import ROOT, WORLDS
from fixtures_play import command


def test_lens_inspects_the_unmodified_pass_and_gives_its_word() -> None:
    result = command("lens", "forward-pass", "--at", "402")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "Token 402, “has”, up to layer 96 of 96. All of this is measured."
    assert lines[-1].startswith("So it says: “two” 0.7")
    assert "Probe for nonsense: +" in result.out
    assert max(map(len, lines)) <= 72


def test_lens_stops_at_the_given_layer() -> None:
    result = command("lens", "--layer", "40", "--json")
    row = json.loads(result.out)
    assert (row["type"], row["token"], row["word"], row["layer"], row["source"]) == ("lens", 400, "Your", 40, "model")
    assert [lens["layer"] for lens in row["lens"]] == [32, 40]
    assert len(row["attention"]) == 400
    assert "So it says" not in command("lens", "--layer", "40").out


def test_lens_goes_on_past_the_story() -> None:
    assert "Token 408, “Q:”" in command("lens", "--at", "408").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--at", "399"], "forward-pass: forward-pass can be inspected at tokens 400 to 471, not at 399\n"),
        (["--layer", "97"], "forward-pass: forward-pass has layers 1 to 96, not 97\n"),
        (["--layer", "0"], "forward-pass: forward-pass has layers 1 to 96, not 0\n"),
    ],
)
def test_a_token_or_layer_out_of_range_is_a_usage_error(arguments: list[str], message: str) -> None:
    result = command("lens", *arguments)
    assert (result.code, result.out, result.err) == (2, "", message)


@pytest.mark.parametrize("name", ["lens", "effects"])
def test_a_written_world_cannot_be_inspected(name: str) -> None:
    result = command(name, "first-light")
    message = "forward-pass: first-light has no model to inspect: its words are written\n"
    assert (result.code, result.out, result.err) == (1, "", message)


def test_effects_are_measured_row_by_row() -> None:
    lines = command("effects").out.splitlines()
    assert len(lines) > 300
    assert lines[0].startswith("untouched: nothing: “two” 0.7")
    for line in lines:
        shares, _, winner = line.rpartition("; ")
        assert shares.rpartition(": ")[2].startswith(winner.split(" by ")[0]), line
    rows = [json.loads(line) for line in command("effects", "--json").out.splitlines()]
    assert len(rows) == len(lines)
    doubts = {row["layer"]: row["shares"] for row in rows if row["act"] == "doubt x1"}
    assert doubts[min(doubts)]["two"] == pytest.approx(rows[0]["shares"]["two"], abs=0.01)
    assert doubts[max(doubts)]["no"] > doubts[max(doubts)]["two"]


def test_the_measured_table_is_the_one_on_the_model_card() -> None:
    recorded = json.loads((WORLDS / "forward-pass" / "calibration.json").read_bytes())["effects"]
    rows = [json.loads(line) for line in command("effects", "--json").out.splitlines()]
    now = {(row["group"], row["act"], row["layer"]): (row["winner"], row["margin"]) for row in rows}
    then = {(row["group"], row["act"], row["layer"]): (row["winner"], row["margin"]) for row in recorded}
    assert now.keys() == then.keys()
    assert {key: winner for key, (winner, _) in now.items()} == {key: winner for key, (winner, _) in then.items()}
    assert all(abs(now[key][1] - then[key][1]) < 1e-3 for key in now)


def test_effects_say_where_the_calibration_is_missing(tmp_path: Path) -> None:
    copy = tmp_path / "forward-pass"
    copy.mkdir()
    for path in (WORLDS / "forward-pass").iterdir():
        if path.is_file() and path.name != "calibration.json":
            (copy / path.name).write_bytes(path.read_bytes())
    result = command("effects", str(copy))
    assert result.code == 1
    assert result.err.startswith(f"forward-pass: {copy}/calibration.json: does not name the token that carries each note (")


def test_any_world_with_the_model_has_the_effects_of_its_own_acts(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf8")
    folder = tmp_path / "giraffe"
    folder.mkdir()
    (folder / "world.yaml").write_text(page.split("```yaml world\n")[1].split("```")[0], encoding="utf8")
    rows = [json.loads(line) for line in command("effects", folder, "--json").out.splitlines()]
    untouched, doubts, looks = rows[0], rows[1:5], rows[5:9]
    assert (untouched["act"], untouched["layer"], untouched["winner"]) == ("nothing", None, "two")
    assert [(row["act"], row["layer"]) for row in doubts] == [("doubt", layer) for layer in (33, 42, 52, 62)]
    assert [row["act"] for row in looks] == ["stare"] * 4
    assert max(row["shares"]["no"] for row in doubts) > 1.5 * untouched["shares"]["no"]
    assert looks[0]["shares"]["two"] > untouched["shares"]["two"]
    line = command("effects", folder).out.splitlines()[1]
    assert line.startswith("word 53, made at 53: doubt from layer 33: ")


def test_training_needs_a_corpus() -> None:
    result = command("train", "first-light")
    assert (result.code, result.out) == (2, "")
    assert result.err == f"forward-pass: {WORLDS / 'first-light'} has no corpus/ to train on\n"


def test_training_says_where_torch_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = command("train", "forward-pass")
    assert (result.code, result.err) == (1, "forward-pass: training needs torch: pip install 'forward-pass[train]'\n")
