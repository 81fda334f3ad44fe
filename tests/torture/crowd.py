"""Many processes that play into one folder at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from fixtures_faults import sound
from fixtures_play import ROOT, played, surroundings
from forward_pass.storage.journal import list_run_files, read_journal
from forward_pass.storage.labels import read_labels
from torture.ground import scratch
from torture.tally import Tally

WORLD = "first-light"
REQUESTS = ("read-question", "read-again", '{"undo":1}', "to-slope", '{"undo":2}', "say-now", '{"undo":1}', "feel-slope") * 3


def _at_once(commands: list[list[str]], typed: str) -> list[tuple[int, str, str]]:
    """Start command lines and give them all their input when all have been started; return codes and what they said."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "forward_pass", *words],
            cwd=ROOT,
            env=surroundings(),
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


def _lost(saves: Path, out: str) -> str:
    """Return a turn that a process was told is taken, and that no file has; or nothing."""
    scenes = {
        f"{WORLD}/{run.number}": [turn.scene for turn in read_journal(run.path).turns] for run in list_run_files(saves / WORLD)
    }
    rows: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    for row in rows:
        turn, run = row.get("turn") or 0, row.get("run")
        if turn and run and scenes.get(run, [])[turn - 1 : turn] != [row.get("scene") or row["id"]]:
            return f"{run} turn {turn}"
    return ""


def together(count: int, rounds: int) -> Tally:
    """Let processes play at once, some beginning runs and some going on with the one played last."""
    tally = Tally(f"{count} processes that play into one folder at once, {rounds} rounds", "nothing")
    for _ in range(rounds):
        saves = scratch(memory=False)
        played(saves, "read-question")
        how = ["--continue", "--new"] * count
        words = [["play", WORLD, "--json", how[index], "--saves", str(saves)] for index in range(count)]
        for code, out, err in _at_once(words, "\n".join((*REQUESTS, ""))):
            refused = [row["message"] for row in map(json.loads, out.splitlines()) if row["type"] == "error"]
            wrong = (
                sound(saves)
                or _lost(saves, out)
                or ("" if code == 0 and "kept" not in " ".join(refused) else f"{code} {err} {refused}")
            )
            tally.case(err, code, wrong)
        shutil.rmtree(saves)
    return tally


def one_thing(count: int) -> Tally:
    """Let processes put labels on one turn, and forget one run, at once."""
    tally = Tally(f"{count} processes that label one turn, and that forget one run, at once", "nothing")
    saves = scratch(memory=False)
    path = played(saves, "read-question")
    digest = read_journal(path).turns[0].digest
    labels = [["tree", WORLD, "--label", "1", "1", f"mine{index}", "--saves", str(saves)] for index in range(count)]
    for code, _, err in _at_once(labels, ""):
        tally.case(err, code, "" if code == 0 else err)
    lines = (path.parent / "labels.jsonl").read_text().splitlines()
    if len(lines) != count or not read_labels(path.parent)[digest].label.startswith("mine"):
        tally.broken.append(f"{len(lines)} labels")
    forgets = [["runs", WORLD, "--forget", "1", "--saves", str(saves)] for _ in range(count)]
    codes = []
    for code, _, err in _at_once(forgets, ""):
        codes.append(code)
        tally.case(err, code, "" if code in (0, 1) and "Traceback" not in err else err)
    if codes.count(0) != 1 or not (path.parent / ".trash" / path.name).is_file():
        tally.broken.append(f"forgotten by {codes.count(0)}")
    return tally
