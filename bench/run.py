"""Measure what is promised of speed, against peers that are installed here, and write docs/bench.md.

Both sides of a row run in turn, in this one process's children, and a row is a ratio of medians: the machine's speed and
whatever else it does fall out. Needs node and npm. ``make bench``; some eight minutes, half of them for checks with
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
    yield most("first scene on a terminal, same story", first, ink_first, "inkjs", 0.6)
    yield most("first scene on a terminal, the flagship", flagship_first, ink_first, "inkjs", 0.6)
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
    yield least("steps a second, text made", free, ink, "inkjs", 8)
    yield least("steps a second, text made", free, bardic, "bardic", 15)
    yield least("the same with a digest each", digested, ink, "inkjs", 0)._replace(bound="", holds=None)
    path = saves / "restored.jsonl"
    restore = (sys.executable, BENCH / "steps.py", STORIES / "bench")
    base, short, long = in_turn(
        ROUNDS,
        lambda: run_seconds(sys.executable, "-c", "pass"),
        lambda: float(said(*restore, 1_000, "restore", path)["seconds"]),
        lambda: float(said(*restore, 20_000, "restore", path)["seconds"]),
    )
    yield most("restoring 1,000 turns, digests checked", short, base, "`python -c pass`", 1)
    yield most("restoring 20,000 turns, digests checked", long, base, "`python -c pass`", 20)


def walks(saves: Path) -> Iterator[Row]:
    """Yield the control walk of a world of 150,000 states, held against the same graph walked in inkjs."""
    del saves
    found = said(sys.executable, BENCH / "walk.py", INKJS)
    speed = least("control walk, states a second", found["ours"], found["inkjs"], "inkjs", 30)
    yield speed._replace(unit="states/s")
    yield limit("control walk, a state in memory", found["bytes"], 400, "bytes")


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
            row = {key: value for key, value in json.loads(line).items() if key != "p"}
            sizes.append(len(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()) + 1)
    yield limit("a turn on disk, probabilities apart (the longest)", max(sizes), 100, "bytes")


def readings(saves: Path) -> Iterator[Row]:
    """Yield what reading a world takes, held against PyYAML's fastest loader, which keeps no places and checks nothing."""
    del saves
    plain = "plain `CSafeLoader`"
    for found, bound in zip(said(sys.executable, BENCH / "reading.py"), (1.0, 0.4), strict=True):
        size = f"{found['bytes'] / 1e6:.1f} MB"
        yield most(f"YAML with places, validated, {size}", found["tree"], found["plain"], plain, bound)
        world = most(f"a whole world: every condition, text and target read, {size}", found["world"], found["plain"], plain, 1)
        yield world._replace(bound="", holds=None)


def passes(saves: Path) -> Iterator[Row]:
    """Yield what the model takes."""
    del saves
    found = said(sys.executable, BENCH / "model.py")
    yield limit("weights and prompt read (400 tokens)", found["reading"] * 1000, 500, "ms")
    yield limit("a token", found["token"] * 1000, 10, "ms")
    yield limit("a token with three interventions", found["acted"] * 1000, 10, "ms")
    yield limit("a token bent at the decoder's door", found["bent"] * 1000, 10, "ms")
    yield limit("a pass among 256 on one prefix, each pushed at some layer", found["pushed"] * 1000, 0.5, "ms")
    yield bare("a pass among 256 with any intervention, rewritten caches among them", found["batched"] * 1000, "ms")
    each = found["restored"] / found["decodings"]
    yield limit(f"restoring the golden runs, a distinct decoding (of {found['decodings']})", each * 1000, 10, "ms")


def checks(saves: Path) -> Iterator[Row]:
    """Yield what checking both worlds takes, with the table of decodings that came with them, and with nothing known."""
    os.environ["XDG_CACHE_HOME"] = str(saves / "cache")
    check = (sys.executable, "-m", "forward_pass", "check")
    yield bare("`check` of both worlds for the first time, the table of decodings at hand", run_seconds(*check), "s")
    yield limit("`check` of both worlds, as they were", run_seconds(*check), 15, "s")
    yield limit("`check --again`, every pass measured", run_seconds(*check, "--again"), 300, "s")
    made = generated(saves / "worlds" / "forward-pass")
    yield limit("`check` of a generated world with the model, from nothing", run_seconds(*check, made), 300, "s")


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


PARTS = {
    "starts": starts,
    "steps": steps,
    "answers": answers,
    "walks": walks,
    "readings": readings,
    "passes": passes,
    "checks": checks,
}

# -- the page -------------------------------------------------------------------------------------------------------

HEAD = """# Speed

`make bench` wrote this page: medians of interleaved runs, ratios between two things measured in turn in one run, on a machine
that did other things as well. The story of the rows named *same story* is one of forty scenes, written in our language, in ink
and in bardic by [bench/story.py](../bench/story.py); all three said the same words.

| what | ours | against | theirs | ratio | bound | holds |
|---|---|---|---|---|---|---|
"""

WHY = """
## What the rows mean

- **First scene**: from starting the process to the last choice of the first scene on a real terminal, with the world read
  before (its cache warm). **Input ready**: to the prompt that takes keys. inkjs is a plain loop over node's `readline`.
- **Steps**: a choice taken, the next scene's text and all its choices' words made, no disk and no screen. Where *digest*
  stands, each state is hashed as well, as play and replay do.
- **Restoring**: a run's file read and walked again in a process that has the world already, every digest compared.
- **Control walk**: every state of rooms in a ring with switches in them, ours whole, inkjs's first 4,000 (a state loaded for
  each choice, the knot and the variables compared).
- **YAML with places, validated**: the story of the bench, longer, to a tree in which every node has its place, with
  duplicate keys, aliases, tags, second documents, depth and forbidden characters refused: what a loader of YAML does. **A whole
  world** is that and all that comes after it; a world is read so once, and from a cache at every later start.
- **`check`** remembers what came of worlds that have not changed since. For the first time it walks the flagship: 1.3 million
  states, 2 million more with words drawn, and thousands of concrete runs as witnesses, with no pass measured. The
  **generated world** has 90 scenes, 5 tokens of 40 layers and 12 acts a token, of which 6 change the pass: some 80,000
  decodings are measured, and 4 million states walked.
- **A token**: one pass of 96 layers over a prompt that was read, in float64. **Restoring** counts whatever it takes to walk
  all golden runs again, over the decodings in them that differ.
"""

NEAR = (
    "Python's own start and the modules that play needs take some 50 ms here, node's start takes 90 to 110: within a few "
    "hundredths of the bound the row goes either way from one run to the next."
)
REASONS = {
    ("first scene on a terminal, same story", "inkjs"): NEAR,
    ("first scene on a terminal, the flagship", "inkjs"): "as above, and 3 MB that are read and summed.",
    ("input ready, the flagship", "inkjs"): "as above; most of it is prompt_toolkit's import.",
    ("steps a second, text made", "bardic"): "a step of ours makes its text and four choices' words in some 8 µs, of which "
    "most is the cost of calling the functions that make them.",
    ("restoring 1,000 turns, digests checked", "`python -c pass`"): "a digest is over the whole state, and this story's is "
    "wide: 160 choices and 40 scenes, and after 1,000 turns nearly all of them have a count that is written out. It is half of "
    "the time. A run of the flagship has a tenth of that. (An earlier page had this row hold: the process that was measured "
    "had made the same digests just before, and remembered their parts.)",
    ("restoring 20,000 turns, digests checked", "`python -c pass`"): "as for 1,000 turns.",
}


def reasons(rows: list[Row]) -> str:
    """Return why some bounds do not hold, where that is known."""
    missed = [(row.what, row.peer) for row in rows if row.holds is False]
    known = [
        f"- **{what}**{f' (against {peer})' * bool(peer)}: {REASONS[what, peer]}\n"
        for what, peer in missed
        if (what, peer) in REASONS
    ]
    return "\n## Why some bounds do not hold\n\n" + "".join(known) if known else ""


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
