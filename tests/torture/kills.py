"""A signal at each system call that writes: strace sends it as the call is entered.

The calls before are done and the call itself is not carried out, so every state between two writes is tested.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

from building import ROOT
from fixtures_faults import SCRIPT, difference_from_expected
from fixtures_play import CommandResult, clean_environment, command, write_run
from forward_pass.session.settings import Settings
from torture.ground import Target, new_folder, run_contents
from torture.tally import FaultReport

CALLS = (
    "write,?pwrite64,?writev,fsync,?fdatasync,ftruncate,?mkdir,?mkdirat,?link,?linkat,?unlink,?unlinkat,"
    "?rename,?renameat,?renameat2,?utimensat,openat"
)
CALL = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)")
FLAGSHIP = (
    "see-end",
    "end-ask",
    "undo",
    "redo",
    "slope-pen",
    "back 1",
    "redo 2",
    "save Held",
    "pen-honest",
    "note-wait",
    "undo",
    "note-wait",
    "foot-wait-at-once",
)
PROCESSES = 3  # that run at the same time


class WritePoint(NamedTuple):
    """A system call, by its name and its count among those of that name."""

    name: str
    number: int
    arguments: str


def has_strace() -> bool:
    """Return whether strace is installed and may trace."""
    strace = shutil.which("strace")
    return strace is not None and subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode == 0


def run_traced(arguments: list[str], typed: str, options: list[str], log: Path, **environment: str) -> CommandResult:
    """Run a command line under strace."""
    result = subprocess.run(
        ["strace", "-f", "-o", str(log), *options, sys.executable, "-m", "forward_pass", *arguments],
        cwd=ROOT,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1", **environment),
        input=typed,
        capture_output=True,
        encoding="utf8",
        timeout=120,
        check=False,
    )
    return CommandResult(result.returncode, result.stdout, result.stderr)


def write_points(log: Path) -> Iterator[WritePoint]:
    """Yield the system calls in a strace log that write or create a file."""
    counts: Counter[str] = Counter()
    main = ""
    for line in log.read_text(errors="replace").splitlines():
        match = CALL.match(line)
        main = main or line.split()[0]
        if match is None or match["pid"] != main:
            continue
        counts[match["name"]] += 1
        if match["name"] != "openat" or "O_CREAT" in match["rest"]:
            yield WritePoint(match["name"], counts[match["name"]], match["rest"][:60])


def run_with_signal_at_each_write(
    arguments: Callable[[Path], list[str]], typed: str, number: signal.Signals, check: Callable[[Path, CommandResult], None]
) -> None:
    """Run a command line once for each of its writes, with a signal as that call is entered; ``check`` each outcome."""
    top = new_folder(memory=False)
    numbers = count()

    def prepare() -> Path:
        folder = top / f"{next(numbers)}"
        folder.mkdir()
        return folder

    def environment_of(folder: Path) -> dict[str, str]:
        return {"FORWARD_PASS_CONFIG": f"{folder}"}

    def run_at(point: WritePoint) -> tuple[Path, CommandResult, bool]:
        folder = prepare()
        words = arguments(folder)
        inject = f"inject={point.name}:signal={number.name}:when={point.number}"
        options = ["-e", f"trace={CALLS}", "-e", inject]
        result = run_traced(words, typed, options, top / f"{folder.name}.log", **environment_of(folder))
        skipped = point.name == "utimensat" and result.code == 0  # made only if the clock has not advanced
        return folder, result, skipped

    for _ in range(2):  # the second run finds filled caches
        first = prepare()
        run_traced(arguments(first), typed, ["-e", f"trace={CALLS}"], top / "log", **environment_of(first))
    with ThreadPoolExecutor(PROCESSES) as executor:
        for folder, result, skipped in executor.map(run_at, list(write_points(top / "log"))):
            if not skipped:
                check(folder, result)  # in the main thread, which handles signals
    shutil.rmtree(top)


class Snapshots:
    """Standard input that records the run files before each line."""

    def __init__(self, target: Target, saves: Path, script: tuple[str, ...]) -> None:
        self.target, self.saves, self.remaining = target, saves, list(script)
        self.snapshots: list[dict[str, bytes]] = []

    def readline(self, _size: int) -> str:
        """Return the next line."""
        self.snapshots.append(run_contents(self.saves, self.target.name))
        return f"{self.remaining.pop(0)}\n" if self.remaining else ""

    def isatty(self) -> bool:
        """Return False: not a terminal."""
        return False


def signal_play(target: Target, number: signal.Signals) -> FaultReport:
    """Play a world's script with a signal at each write."""
    script = SCRIPT if target.name == "first-light" else FLAGSHIP
    words = ["play", target.name, "--plain", "--new", "--seed", "7"]
    saves = new_folder()
    stdin = Snapshots(target, saves, script)
    uninterrupted = command(*words, "--saves", saves, stdin=stdin)
    snapshots = [*stdin.snapshots, stdin.snapshots[-1]]
    if uninterrupted.out.count("\n> ") != len(script) + 1 or "could not be" in uninterrupted.out:
        raise AssertionError(uninterrupted.out)
    report = FaultReport(f"{number.name} at each write of a session, {target.name}", "the choice that was not answered")
    expected_code = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}[number.name]

    def check(folder: Path, result: CommandResult) -> None:
        answered = max(result.out.count("\n> ") - 1, 0)
        failure = difference_from_expected(run_contents(folder, target.name), snapshots[answered], snapshots[answered + 1])
        failure = failure or target.find_damage(folder)
        if result.code != expected_code or "Traceback" in result.err:
            failure = failure or f"{result.code}: {result.err}"
        resumed = command("play", target.name, "--continue", "--plain", "--saves", folder)
        if resumed.code != (0 if run_contents(folder, target.name) else 1):
            failure = failure or f"--continue: {resumed.code} {resumed.err}"
        report.case(re.sub(r"/\d+\.", "/N.", result.err), result.code, failure)

    run_with_signal_at_each_write(lambda folder: [*words, "--saves", str(folder)], "\n".join((*script, "")), number, check)
    return report


WRITERS = (
    "runs first-light --forget 1 --saves {at}",
    "import {source}/first-light/001-run.jsonl --saves {at}",
    "tree first-light --label 1 1 mine --saves {at}",
    "settings measure 60",
    "export first-light/1 -o {at}/out.txt --force --saves {at}",
)


def kill_commands() -> FaultReport:
    """Kill each command that writes at each of its writes: its files are unchanged or complete."""
    fault = "SIGKILL at each write of `--forget`, `import`, `--label`, `settings`, `export -o`"
    report = FaultReport(fault, "the requested change")
    source = new_folder()
    run = write_run(source, "read-question", "stop-reading")
    exported = command("export", "first-light/1", "--saves", source).out

    def arguments_of(line: str, folder: Path) -> list[str]:
        (folder / "first-light").mkdir(parents=True)
        (folder / "first-light" / "001-run.jsonl").write_bytes(run.read_bytes())
        (folder / "out.txt").write_text("before\n")
        return line.format(at=folder, source=source).split()

    def check(folder: Path, result: CommandResult) -> None:
        invalid = [path.name for path in folder.rglob("*.*") if path.is_file() and not _is_valid(path, run, exported)]
        runs = [path for path in folder.rglob("*.jsonl") if path.name != "labels.jsonl"]
        failure = invalid or not runs or "Traceback" in result.err
        report.case(result.err, result.code, f"{result}: {invalid}" if failure else "")

    for line in WRITERS:
        run_with_signal_at_each_write(partial(arguments_of, line), "", signal.SIGKILL, check)
    return report


def _is_valid(path: Path, run: Path, exported: str) -> bool:
    """Return whether a file is unchanged or complete; hidden files are not checked."""
    content = path.read_text(encoding="utf8")
    if path.name.startswith("."):
        return True
    if path.name == "labels.jsonl":
        return content == "" or content.endswith('"label":"mine"}\n')
    if path.suffix == ".jsonl":
        return content.split("\n")[1:] == run.read_text(encoding="utf8").split("\n")[1:]
    settings = "".join(f"{name} = {value}\n" for name, value in Settings(measure="60")._asdict().items())
    return content in ("before\n", exported, settings)
