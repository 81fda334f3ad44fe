"""Killed, or told to end, at each system call that writes: strace delivers the signal as the call is entered.

What the call before has done is there and the call itself is not carried out, so every state between two writes is met.
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

from fixtures_faults import SCRIPT, between
from fixtures_play import ROOT, Done, command, played, surroundings
from torture.ground import Ground, kept, scratch
from torture.tally import Tally

CALLS = (
    "write,?pwrite64,?writev,fsync,?fdatasync,ftruncate,?mkdir,?mkdirat,?link,?linkat,?unlink,?unlinkat,"
    "?rename,?renameat,?renameat2,?utimensat,openat"
)
CALL = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)")
FLAGSHIP = (
    "speak-at-once",
    "end-after-all",
    "undo",
    "insist",
    "redo",
    "insist",
    "keep-it",
    "back 1",
    "redo 2",
    "save Held",
    "keep-to-myself",
    "hail",
    "hailed-wait",
    "still",
)
AT_ONCE = 3  # processes


class Point(NamedTuple):
    """A system call by its name and how many of that name came before it."""

    name: str
    number: int
    what: str


def there() -> bool:
    """Return whether strace can trace here."""
    strace = shutil.which("strace")
    return strace is not None and subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode == 0


def traced(arguments: list[str], typed: str, options: list[str], log: Path, **environment: str) -> Done:
    """Carry out a command line under strace."""
    done = subprocess.run(
        ["strace", "-f", "-o", str(log), *options, sys.executable, "-m", "forward_pass", *arguments],
        cwd=ROOT,
        env=surroundings(PYTHONDONTWRITEBYTECODE="1", **environment),
        input=typed,
        capture_output=True,
        encoding="utf8",
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def points(log: Path) -> Iterator[Point]:
    """Yield the calls of a traced process that write, or make a file."""
    counts: Counter[str] = Counter()
    main = ""
    for line in log.read_text(errors="replace").splitlines():
        match = CALL.match(line)
        main = main or line.split()[0]
        if match is None or match["pid"] != main:
            continue
        counts[match["name"]] += 1
        if match["name"] != "openat" or "O_CREAT" in match["rest"]:
            yield Point(match["name"], counts[match["name"]], match["rest"][:60])


def at_each(
    arguments: Callable[[Path], list[str]], typed: str, number: signal.Signals, tried: Callable[[Path, Done], None]
) -> None:
    """Carry out a command line once for each of its writes, with a signal as that one is entered, in a folder of its own."""
    top = scratch(memory=False)
    numbers = count()

    def prepared() -> Path:
        folder = top / f"{next(numbers)}"
        folder.mkdir()
        return folder

    def surrounded(folder: Path) -> dict[str, str]:
        return {"FORWARD_PASS_CONFIG": f"{folder}"}

    def one(point: Point) -> tuple[Path, Done, bool]:
        folder = prepared()
        words = arguments(folder)
        inject = f"inject={point.name}:signal={number.name}:when={point.number}"
        options = ["-e", f"trace={CALLS}", "-e", inject]
        done = traced(words, typed, options, top / f"{folder.name}.log", **surrounded(folder))
        return folder, done, point.name == "utimensat" and done.code == 0  # made only where the clock did not tick in between

    for _ in range(2):  # the second time everything is warm
        first = prepared()
        traced(arguments(first), typed, ["-e", f"trace={CALLS}"], top / "log", **surrounded(first))
    with ThreadPoolExecutor(AT_ONCE) as together:
        for folder, done, missed in together.map(one, list(points(top / "log"))):
            if not missed:
                tried(folder, done)  # here: signals are for the main thread
    shutil.rmtree(top)


class Snapshots:
    """Standard input that looks at the files before each answer."""

    def __init__(self, ground: Ground, saves: Path, script: tuple[str, ...]) -> None:
        self.ground, self.saves, self.left = ground, saves, list(script)
        self.moments: list[dict[str, bytes]] = []

    def readline(self, _size: int) -> str:
        """Return the next answer."""
        self.moments.append(kept(self.saves, self.ground.name))
        return f"{self.left.pop(0)}\n" if self.left else ""

    def isatty(self) -> bool:
        """Return that this is no terminal."""
        return False


def play(ground: Ground, number: signal.Signals) -> Tally:
    """Play a world's script with a signal at each write."""
    script = SCRIPT if ground.name == "first-light" else FLAGSHIP
    words = ["play", ground.name, "--plain", "--new", "--seed", "7"]
    saves = scratch()
    stdin = Snapshots(ground, saves, script)
    straight = command(*words, "--saves", saves, stdin=stdin)
    moments = [*stdin.moments, stdin.moments[-1]]
    if straight.out.count("\n> ") != len(script) + 1 or "could not be" in straight.out:
        raise AssertionError(straight.out)
    tally = Tally(f"{number.name} at each writing call of a play, {ground.name}", "the choice that was not answered")
    wanted = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}[number.name]

    def tried(folder: Path, done: Done) -> None:
        answered = max(done.out.count("\n> ") - 1, 0)
        broken = between(kept(folder, ground.name), moments[answered], moments[answered + 1]) or ground.unsound(folder)
        if done.code != wanted or "Traceback" in done.err:
            broken = broken or f"{done.code}: {done.err}"
        again = command("play", ground.name, "--continue", "--plain", "--saves", folder)
        if again.code != (0 if kept(folder, ground.name) else 1):
            broken = broken or f"--continue: {again.code} {again.err}"
        tally.case(re.sub(r"/\d+\.", "/N.", done.err), done.code, broken)

    at_each(lambda folder: [*words, "--saves", str(folder)], "\n".join((*script, "")), number, tried)
    return tally


WRITERS = (
    "runs first-light --forget 1 --saves {at}",
    "import {source}/first-light/001-run.jsonl --saves {at}",
    "tree first-light --label 1 1 mine --saves {at}",
    "settings measure 60",
    "export first-light/1 -o {at}/out.txt --saves {at}",
)


def commands() -> Tally:
    """Kill each command that writes at each of its writes: what it changes is as it was before, or as asked."""
    fault = "SIGKILL at each writing call of `--forget`, `import`, `--label`, `settings`, `export -o`"
    tally = Tally(fault, "what was asked for")
    source = scratch()
    run = played(source, "read-question", "stop-reading")
    whole = command("export", "first-light/1", "--saves", source).out

    def words(line: str, folder: Path) -> list[str]:
        (folder / "first-light").mkdir(parents=True)
        (folder / "first-light" / "001-run.jsonl").write_bytes(run.read_bytes())
        (folder / "out.txt").write_text("before\n")
        return line.format(at=folder, source=source).split()

    def tried(folder: Path, done: Done) -> None:
        wrong = [path.name for path in folder.rglob("*.*") if path.is_file() and not _fine(path, run, whole)]
        runs = [path for path in folder.rglob("*.jsonl") if path.name != "labels.jsonl"]
        broken = wrong or not runs or "Traceback" in done.err
        tally.case(done.err, done.code, f"{done}: {wrong}" if broken else "")

    for line in WRITERS:
        at_each(partial(words, line), "", signal.SIGKILL, tried)
    return tally


def _fine(path: Path, run: Path, whole: str) -> bool:
    """Return whether a file that a killed command left is as before, or as asked; what is hidden nobody reads."""
    content = path.read_text(encoding="utf8")
    if path.name.startswith("."):
        return True
    if path.name == "labels.jsonl":
        return content == "" or content.endswith('"label":"mine"}\n')
    if path.suffix == ".jsonl":
        return content.split("\n")[1:] == run.read_text(encoding="utf8").split("\n")[1:]
    return content in ("before\n", whole, "motion = on\nmeasure = 60\ncolour = auto\nplain = off\n")
