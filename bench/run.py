"""Measure speed, compare it with other programs that are installed here, and write docs/bench.md.

Both sides of a row run alternately, as children of this process, and a row is a ratio of medians, so that the speed and the
load of the machine cancel out. Needs node and npm. ``make bench``; some eight minutes, half of them for checks with
every pass measured. ``run.py PART…`` measures parts and writes nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from measuring import in_turn, machine
from story import write_stories

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
sys.path.append(str(ROOT / "tests"))

from made_worlds import hub_world  # noqa: E402 - it lies beside the tests

PEERS = BENCH / ".peers"
INKJS = PEERS / "node_modules" / "inkjs"
BARDIC = PEERS / "venv" / "bin"
STORIES = PEERS / "stories"
GAME = str(Path(sys.executable).with_name("forward-pass"))
VERSIONS = {"inkjs": "2.4.0", "bardic": "0.10.2"}
PROMPT = (b"\x1b[?2004h", b">")  # what a prompt says when it begins to take keys, and shows
STARTS = 21
ROUNDS = 7
ANSWERS = 31


HOLDS = {True: "yes", False: "**no**", None: ""}


def figure(number: float) -> str:
    """Return a number with three digits, or as many as it has before its point."""
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"  # noqa: PLR2004 - from there on they are too many


class Row(NamedTuple):
    """One line of the table: what was measured on both sides, and whether its bound holds."""

    what: str
    ours: float
    theirs: float
    unit: str
    peer: str
    ratio: float
    bound: str
    holds: bool | None  # None where no bound was set

    def line(self) -> str:
        """Return the row as a line of a table."""
        theirs = f"{figure(self.theirs)} {self.unit}" if self.theirs else ""
        ratio = f"{self.ratio:.2f}" if self.ratio else ""
        cells = (self.what, f"{figure(self.ours)} {self.unit}", self.peer, theirs, ratio, self.bound)
        return f"| {' | '.join(cells)} | {HOLDS[self.holds]} |"


def most(what: str, ours: float, theirs: float, peer: str, bound: float) -> Row:
    """Return a row of seconds whose ratio may be as much as its bound."""
    return Row(what, ours * 1000, theirs * 1000, "ms", peer, ours / theirs, f"≤ {bound:g} ×", ours / theirs <= bound)


def least(what: str, ours: float, theirs: float, peer: str, bound: float) -> Row:
    """Return a row whose ratio is to be as much as its bound."""
    return Row(what, ours, theirs, "steps/s", peer, ours / theirs, f"≥ {bound:g} ×", ours / theirs >= bound)


def limit(what: str, ours: float, bound: float, unit: str) -> Row:
    """Return a row that is held against a number."""
    return Row(what, ours, 0.0, unit, "", ours / bound, f"≤ {bound:g} {unit}", ours <= bound)


def at_least(what: str, ours: float, bound: float, unit: str) -> Row:
    """Return a row that is to be as much as a number."""
    return Row(what, ours, 0.0, unit, "", ours / bound, f"≥ {bound:g} {unit}", ours >= bound)


def bare(what: str, ours: float, unit: str) -> Row:
    """Return a row that is held against nothing."""
    return Row(what, ours, 0.0, unit, "", 0.0, "", None)


# -- peers ----------------------------------------------------------------------------------------------------------


def install_peers() -> None:
    """Install what is measured against, and write the story in everybody's language."""
    PEERS.mkdir(exist_ok=True)
    if not INKJS.is_dir():
        subprocess.run(["npm", "install", "--silent", "--prefix", PEERS, f"inkjs@{VERSIONS['inkjs']}"], check=True)
    if not (BARDIC / "bardic").exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS / "venv"], check=True)
        subprocess.run([BARDIC / "pip", "install", "--quiet", f"bardic=={VERSIONS['bardic']}"], check=True)
    write_stories(STORIES)
    subprocess.run(["node", BENCH / "ink_compile.js", INKJS, STORIES / "s.ink", STORIES / "s.ink.json"], check=True)
    compiled = [str(BARDIC / "bardic"), "compile", str(STORIES / "s.bard"), "-o", str(STORIES / "s.bard.json")]
    subprocess.run(compiled, check=True, capture_output=True)


# -- measuring ------------------------------------------------------------------------------------------------------


def run_seconds(*command: Any) -> float:
    """Return how long a command takes."""
    begun = perf_counter()
    quiet = subprocess.DEVNULL
    subprocess.run([str(part) for part in command], check=True, stdout=quiet, stderr=quiet, stdin=quiet, cwd=ROOT)
    return perf_counter() - begun


def said(*command: Any) -> Any:
    """Return what a command prints as JSON."""
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, cwd=ROOT)
    return json.loads(done.stdout)


class Screen:
    """A process at a terminal of 80 by 24, and what it has written since it was last waited for."""

    def __init__(self, *command: Any) -> None:
        self.begun = perf_counter()
        self.pid, self.file = pty.fork()
        if not self.pid:
            environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
            os.execvpe(str(command[0]), [str(part) for part in command], environment)  # noqa: S606
        self.written = b""

    def seconds_to(self, *texts: bytes) -> float:
        """Wait until all texts were written, in their order; return how long that took since the start, or since an answer."""
        while True:
            at = 0
            for text in texts:
                found = self.written.find(text, at)
                at = found + len(text) if found >= 0 else -1
                if at < 0:
                    break
            if at >= 0:
                self.written = self.written[at:]
                return perf_counter() - self.begun
            if not select.select([self.file], [], [], 20)[0]:
                message = f"never wrote {texts!r}"
                raise TimeoutError(message)
            piece = os.read(self.file, 65536)
            self.written += piece
            if b"\x1b[6n" in piece:  # asked where the cursor is, as terminals are
                os.write(self.file, b"\x1b[24;1R")

    def answer(self, text: bytes) -> None:
        """Type an answer; from here on the time counts."""
        self.written = b""
        self.begun = perf_counter()
        os.write(self.file, text + b"\r")

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.file)


@contextlib.contextmanager
def screen(*command: Any) -> Iterator[Screen]:
    """Start a command at a terminal, and end it."""
    seen = Screen(*command)
    try:
        yield seen
    finally:
        seen.close()


def seconds_on_screen(command: tuple[Any, ...], *texts: bytes) -> float:
    """Return how long it takes from starting a command to some texts on its terminal."""
    with screen(*command) as seen:
        return seen.seconds_to(*texts)


# -- rows -----------------------------------------------------------------------------------------------------------


def starts(saves: Path) -> Iterator[Row]:
    """Yield what is measured from the start of a process."""
    base, version = in_turn(STARTS, lambda: run_seconds(sys.executable, "-c", "pass"), lambda: run_seconds(GAME, "--version"))
    yield most("`--version`", version, base, "`python -c pass`", 2.5)
    ours = (GAME, "play", STORIES / "bench", "--new", "--saves", saves)
    flagship = (GAME, "play", "--new", "--saves", saves)
    ink = ("node", BENCH / "ink_play.js", INKJS, STORIES / "s.ink.json")
    first, flagship_first, ink_first = in_turn(
        STARTS,
        lambda: seconds_on_screen(ours, b"\n3. ", b"\n"),
        lambda: seconds_on_screen(flagship, b"\n3. ", b"\n"),
        lambda: seconds_on_screen(ink, b"\n3. ", b"\n"),
    )
    yield most("first scene on a terminal, same story", first, ink_first, "inkjs", 0.9)
    yield most("first scene on a terminal, the flagship", flagship_first, ink_first, "inkjs", 0.9)
    ready, flagship_ready, ink_ready = in_turn(
        STARTS,
        lambda: seconds_on_screen(ours, *PROMPT),
        lambda: seconds_on_screen(flagship, *PROMPT),
        lambda: seconds_on_screen(ink, b"\n> "),
    )
    yield most("input ready, same story", ready, ink_ready, "inkjs", 1.8)
    yield most("input ready, the flagship", flagship_ready, ink_ready, "inkjs", 1.8)


def steps(saves: Path) -> Iterator[Row]:
    """Yield steps and restoring, in process; every peer must have said the same words."""
    words: set[str] = set()

    def speed(count: int, *command: Any) -> float:
        found = said(*command)
        words.add(found["said"])
        return count / float(found["seconds"])

    count = 10_000
    ours = (sys.executable, BENCH / "steps.py", STORIES / "bench", count)
    free, digested, ink, bardic = in_turn(
        ROUNDS,
        lambda: speed(count, *ours),
        lambda: speed(count, *ours, "digests"),
        lambda: speed(count, "node", BENCH / "ink_steps.js", INKJS, STORIES / "s.ink.json", count),
        lambda: speed(2_000, BARDIC / "python", BENCH / "bardic_steps.py", STORIES / "s.bard.json", 2_000),
    )
    if len(words) > 1:
        sys.exit("the peers do not tell the same story")
    yield least("steps a second, text made", free, ink, "inkjs", 6)
    yield least("steps a second, text made", free, bardic, "bardic", 6)
    yield least("steps a second, text made, with digests", digested, ink, "inkjs", 0)._replace(bound="", holds=None)
    path = saves / "restored.jsonl"
    restore = (sys.executable, BENCH / "steps.py", STORIES / "bench")
    base, short, long = in_turn(
        ROUNDS,
        lambda: run_seconds(sys.executable, "-c", "pass"),
        lambda: float(said(*restore, 1_000, "restore", path)["seconds"]),
        lambda: float(said(*restore, 20_000, "restore", path)["seconds"]),
    )
    yield most("replaying 1,000 turns, digests checked", short, base, "`python -c pass`", 3)
    yield most("replaying 20,000 turns, digests checked", long, base, "`python -c pass`", 40)


def walks(saves: Path) -> Iterator[Row]:
    """Yield the control walk of a world of 150,000 states, held against the same graph walked in inkjs."""
    del saves
    found = said(sys.executable, BENCH / "walk.py", INKJS)
    speed = least("exploration, states a second", found["ours"], found["inkjs"], "inkjs", 100)
    yield speed._replace(unit="states/s")
    yield limit("exploration, memory per state", found["bytes"], 100, "bytes")


def answers(saves: Path) -> Iterator[Row]:
    """Yield what is measured from Enter to the next prompt, and what a turn takes on disk."""
    with screen(GAME, "play", STORIES / "bench", "--new", "--saves", saves) as seen:
        seen.seconds_to(*PROMPT)
        found = []
        for _ in range(ANSWERS):
            seen.answer(b"1")
            found.append(seen.seconds_to(PROMPT[0], b" 3. ", PROMPT[1]))
    yield limit("Enter to the next prompt", statistics.median(found) * 1000, 30, "ms")
    sizes = []
    for typed in ("2\n3\n1\n", "1\n1\n2\n3\n1\n", "3\n3\n1\n", "2\n1\n1\n1\n"):
        play = [GAME, "play", "first-light", "--new", "--plain", "--saves", str(saves)]
        subprocess.run(play, input=typed, capture_output=True, check=True, encoding="utf8")
    for path in (saves / "first-light").glob("*.jsonl"):
        for line in path.read_text(encoding="utf8").splitlines()[1:]:
            row = {key: value for key, value in json.loads(line).items() if key not in ("p", "time")}
            sizes.append(len(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()) + 1)
    yield limit("a turn on disk, without its probability and its time (the longest)", max(sizes), 120, "bytes")


def readings(saves: Path) -> Iterator[Row]:
    """Yield what reading a world takes, held against PyYAML's fastest loader, which keeps no places and checks nothing."""
    del saves
    plain = "plain `CSafeLoader`"
    for found, bound in zip(said(sys.executable, BENCH / "reading.py"), (1.0, 0.4), strict=True):
        size = f"{found['bytes'] / 1e6:.1f} MB"
        yield most(f"YAML with positions, validated, {size}", found["tree"], found["plain"], plain, bound)
        world = most(f"a whole world: conditions, texts and targets too, {size}", found["world"], found["plain"], plain, 1)
        yield world._replace(bound="", holds=None)


def passes(saves: Path) -> Iterator[Row]:
    """Yield what the model takes."""
    del saves
    found = said(sys.executable, BENCH / "model.py")
    yield limit("reading the weights and computing the prompt (400 tokens)", found["reading"] * 1000, 500, "ms")
    yield limit("a token", found["token"] * 1000, 10, "ms")
    yield limit("a token with three interventions", found["acted"] * 1000, 10, "ms")
    yield limit("a token with a bend at the boundary", found["bent"] * 1000, 10, "ms")
    yield limit("a pass in a batch of 256 with one prefix, each with a push", found["pushed"] * 1000, 0.5, "ms")
    yield bare("a pass in a batch of 256 with any intervention, including cache rewrites", found["batched"] * 1000, "ms")
    each = found["restored"] / found["decodings"]
    yield limit(f"replaying the golden runs, per distinct decoding (of {found['decodings']})", each * 1000, 10, "ms")


def checks(saves: Path) -> Iterator[Row]:
    """Yield what checking both worlds takes, with the table of decodings that came with them, and with nothing known."""
    os.environ["XDG_CACHE_HOME"] = str(saves / "cache")
    check = (sys.executable, "-m", "forward_pass", "check")
    yield bare("`check` of both worlds for the first time, with the table of decodings", run_seconds(*check), "s")
    yield limit("`check` of both worlds, unchanged", run_seconds(*check), 15, "s")
    again = run_seconds(*check, "--again")
    yield limit("`check --again`, every pass measured", again, 300, "s")
    yield from edits(saves, check, again)
    made = generated(saves / "worlds" / "forward-pass")
    yield limit("`check` of a generated world with the model, without a table", run_seconds(*check, made), 300, "s")


def edits(saves: Path, check: tuple[str, ...], again: float) -> Iterator[Row]:
    """Yield what a check of the flagship takes after a word, and after a choice of one scene, was changed."""
    copy = saves / "edited" / "forward-pass"
    shutil.copytree(ROOT / "worlds" / "forward-pass", copy)
    run_seconds(*check, copy)
    path = copy / "400-your.yaml"
    written = path.read_text(encoding="utf8")
    path.write_text(written.replace("a good deal of arithmetic", "a fair deal of arithmetic"), encoding="utf8")
    word = run_seconds(*check, copy)
    small = run_seconds(*check, "first-light", "--again")
    yield most("`check` of the flagship after a word was changed", word, small, "`check first-light --again`", 2)
    path.write_text(written.replace("verb: ask\n", "verb: let\n", 1), encoding="utf8")
    yield most("`check` of the flagship after a choice was changed", run_seconds(*check, copy), again, "`check --again`", 0.5)


def generated(folder: Path) -> Path:
    """Write a world of the flagship's size that a few loops made, over its weights and its prompt; return its folder."""
    flagship = ROOT / "worlds" / "forward-pass"
    written = (flagship / "world.yaml").read_text(encoding="utf8")
    prompt = written[written.index("\nprompt:") + 1 : written.index("\nvariables:") + 1]
    folder.mkdir(parents=True)
    world = hub_world(tokens=5, scenes=18, model=True, banded=True, first=400)
    (folder / "world.yaml").write_text(world + prompt, encoding="utf8")
    for name in ("weights.fpw", "calibration.json"):
        shutil.copy(flagship / name, folder)
    return folder


def programs(_: Path) -> Iterator[Row]:
    """Yield how fast a program plays the flagship at random, from a process in which no pass was computed, and its memory."""
    done = subprocess.run([sys.executable, BENCH / "seat.py", "1000"], check=True, capture_output=True, cwd=ROOT)
    found = json.loads(done.stdout)
    yield at_least("random play by JSON lines, 1,000 runs, with files", found["files"]["steps"], 300, "steps/s")
    yield at_least("the same without files", found["none"]["steps"], 1000, "steps/s")
    yield at_least("random play from Python, 1,000 runs", found["api"], 2000, "steps/s")
    yield limit("memory after 1,000 runs by JSON lines", found["files"]["memory"], 200, "MB")
    yield limit("what it grew by since the hundredth", found["files"]["memory"] - found["files"]["early"], 20, "MB")


PARTS = {
    "starts": starts,
    "steps": steps,
    "answers": answers,
    "walks": walks,
    "readings": readings,
    "passes": passes,
    "programs": programs,
    "checks": checks,
}

# -- the page -------------------------------------------------------------------------------------------------------

HEAD = """# Speed

`make bench` wrote this page. Each figure is a median, and the two sides of a ratio are measured alternately in one run,
because the machine does other work too. In the rows named *same story*, all programs play one story of forty scenes, written
in our language, in ink and in bardic by [bench/story.py](../bench/story.py); all three print the same words.

| what | ours | compared with | theirs | ratio | bound | within bound |
|---|---|---|---|---|---|---|
"""

WHY = """
## What the rows mean

- **First scene**: the time from starting the process to the last choice of the first scene on a real terminal, with the
  world in the cache. **Input ready**: the time to the prompt that accepts keys. The inkjs program is a plain loop over
  node's `readline`.
- **Steps**: take a choice and make the text of the next scene and of all its choices, without disk or screen. In the row
  *with digests*, each state is hashed too, as play and replay do.
- **Replaying**: read a run file and replay it in a process that has loaded the world already, and compare every digest.
- **Exploration**: visit every state of a world of rooms in a ring, with switches in them. Ours visits all states, inkjs the
  first 4,000 (it loads a state for each choice, and compares the knot and the variables).
- **YAML with positions, validated**: read a longer version of the bench's story into a tree in which every node has its
  position; duplicate keys, aliases, tags, second documents, deep nesting and forbidden characters are refused. **A whole
  world** is this and all later steps of loading. A world is loaded this way once, and from a cache at every later start.
- **`check`** caches its results until a world changes. The first time it explores the flagship world: 1.3 million states, 2
  million more with sampled words, and thousands of concrete runs as witnesses, without measuring a pass. The **generated
  world** has 90 scenes, 5 tokens of 40 layers and 12 acts per token, of which 6 change the pass: some 80,000 decodings are
  measured, and 4 million states explored.
- **A token**: one pass of 96 layers after a cached prompt, in float64. **Replaying the golden runs** is the time to replay
  all golden runs, divided by the number of distinct decodings in them.
"""

NEAR = (
    "starting Python and importing the modules takes some 50 ms here, starting node takes 90 to 110 ms. The ratio is within a "
    "few hundredths of the bound, so the result changes from run to run."
)
REASONS = {
    ("first scene on a terminal, same story", "inkjs"): NEAR,
    (
        "first scene on a terminal, the flagship",
        "inkjs",
    ): "as above, and 1.5 MB of weights are read and their checksum computed.",
    ("input ready, same story", "inkjs"): "most of the time is the import of prompt_toolkit, 70 to 95 ms here.",
    ("input ready, the flagship", "inkjs"): "most of the time is the import of prompt_toolkit, 70 to 95 ms here.",
    ("the same without files", ""): "a new pass of 96 layers, 4 to 6 ms, is computed at every eighth step: a thousand runs ask "
    "about some two thousand of them. Everything else takes 0.2 ms a step.",
    ("random play from Python, 1,000 runs", ""): "as above. The figure is within a few hundredths of the bound, so the result "
    "changes from run to run.",
    ("steps a second, text made", "bardic"): "one of our steps makes the text of a scene and of four choices in some 8 µs, "
    "most of which is the cost of function calls.",
    ("replaying 1,000 turns, digests checked", "`python -c pass`"): "a digest covers the whole state, and the state of this "
    "story is large: 160 choices and 40 scenes, nearly all of which have a count after 1,000 turns. Digests take half of the "
    "time. A run of the flagship world takes a tenth of that. (An earlier version of this page reported this row as within its "
    "bound, because the measured process had computed the same digests before and cached their parts.)",
    ("replaying 20,000 turns, digests checked", "`python -c pass`"): "as for 1,000 turns.",
}


def reasons(rows: list[Row]) -> str:
    """Return the known reasons why some bounds are missed, as a section of the page."""
    missed = [(row.what, row.peer) for row in rows if row.holds is False]
    known = [
        f"- **{what}**{f' (compared with {peer})' * bool(peer)}: {REASONS[what, peer]}\n"
        for what, peer in missed
        if (what, peer) in REASONS
    ]
    return "\n## Why some bounds are missed\n\n" + "".join(known) if known else ""


def node() -> str:
    """Return the version of node."""
    return subprocess.run(["node", "--version"], capture_output=True, check=True, encoding="utf8").stdout.strip()


def main() -> None:
    """Measure, print the table, and write it down where it is whole."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody's start is to be measured with a compiler in it
    os.environ["PYTHONPATH"] = str(ROOT / "game")  # this checkout's game, whichever one the environment was made for
    asked = sys.argv[1:] or list(PARTS)
    install_peers()
    saves = Path(tempfile.mkdtemp())
    print(HEAD.rpartition("\n\n")[2], end="", flush=True)
    rows = []
    try:
        for part in asked:
            for row in PARTS[part](saves):
                rows.append(row)
                print(row.line(), flush=True)
    finally:
        shutil.rmtree(saves)
    if len(asked) == len(PARTS):
        measured = machine(f"node {node()}", *(f"{name} {version}" for name, version in VERSIONS.items()))
        page = HEAD + "".join(f"{row.line()}\n" for row in rows) + "\n" + measured + WHY + reasons(rows)
        (ROOT / "docs" / "bench.md").write_text(page, encoding="utf8")


if __name__ == "__main__":
    main()
