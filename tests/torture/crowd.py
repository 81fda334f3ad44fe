"""Many processes that use one saves folder at the same time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from building import ROOT
from fixtures_faults import find_damage
from fixtures_play import clean_environment, write_run
from forward_pass.storage.folder import list_run_files
from forward_pass.storage.journal import read_journal
from forward_pass.storage.labels import read_labels
from torture.ground import new_folder
from torture.tally import FaultReport

WORLD = "first-light"
REQUESTS = ("read-question", "read-again", '{"undo":1}', "to-slope", '{"undo":2}', "say-now", '{"undo":1}', "feel-slope") * 3


def _run_together(commands: list[list[str]], typed: str) -> list[tuple[int, str, str]]:
    """Start command lines, then give each the input; return the exit code, output and error output of each."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "forward_pass", *words],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf8",
        )
        for words in commands
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(typed)
        process.stdin.flush()
    outcomes = [process.communicate() for process in processes]
    return [(process.returncode, *outcome) for process, outcome in zip(processes, outcomes, strict=True)]


def _find_lost_turn(saves: Path, out: str) -> str:
    """Return a turn that a process reported and that no file contains, or an empty text."""
    scenes = {
        f"{WORLD}/{run.number}": [turn.scene for turn in read_journal(run.path).turns] for run in list_run_files(saves / WORLD)
    }
    rows: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    for row in rows:
        turn, run = row.get("turn") or 0, row.get("run")
        if turn and run and scenes.get(run, [])[turn - 1 : turn] != [row.get("scene") or row["id"]]:
            return f"{run} turn {turn}"
    return ""


def play_together(count: int, rounds: int) -> FaultReport:
    """Play in several processes, some with new runs and some continuing the latest."""
    report = FaultReport(f"{count} processes play in one folder at the same time, {rounds} rounds", "nothing")
    for _ in range(rounds):
        saves = new_folder(memory=False)
        write_run(saves, "read-question")
        modes = ["--continue", "--new"] * count
        commands = [["play", WORLD, "--json", modes[index], "--saves", str(saves)] for index in range(count)]
        for code, out, err in _run_together(commands, "\n".join((*REQUESTS, ""))):
            rejected = [row["message"] for row in map(json.loads, out.splitlines()) if row["type"] == "error"]
            failure = (
                find_damage(saves)
                or _find_lost_turn(saves, out)
                or ("" if code == 0 and "saved" not in " ".join(rejected) else f"{code} {err} {rejected}")
            )
            report.case(err, code, failure)
        shutil.rmtree(saves)
    return report


def label_and_forget_together(count: int) -> FaultReport:
    """Label one turn in several processes, then forget one run in several."""
    report = FaultReport(f"{count} processes label one turn, then forget one run, at the same time", "nothing")
    saves = new_folder(memory=False)
    path = write_run(saves, "read-question")
    digest = read_journal(path).turns[0].digest
    labels = [["tree", WORLD, "--label", "1", "1", f"mine{index}", "--saves", str(saves)] for index in range(count)]
    for code, _, err in _run_together(labels, ""):
        report.case(err, code, "" if code == 0 else err)
    lines = (path.parent / "labels.jsonl").read_text().splitlines()
    if len(lines) != count or not read_labels(path.parent)[digest].label.startswith("mine"):
        report.failures.append(f"{len(lines)} labels")
    forgets = [["runs", WORLD, "--forget", "1", "--saves", str(saves)] for _ in range(count)]
    codes = []
    for code, _, err in _run_together(forgets, ""):
        codes.append(code)
        report.case(err, code, "" if code in (0, 1) and "Traceback" not in err else err)
    if codes.count(0) != 1 or not (path.parent / ".trash" / path.name).is_file():
        report.failures.append(f"forgotten by {codes.count(0)}")
    return report
