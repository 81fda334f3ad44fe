"""Coverage-guided fuzzing of the seven surfaces on which a stranger's bytes arrive: ``make fuzz``. No test, and not collected.

    python tests/fuzz.py [SURFACE ...] [--seconds 60] [--runs N] [--corpus DIR]

Each surface runs in a process of its own, guided by atheris, or without guidance by hypothesis where atheris is not installed.
An input with an unexpected outcome is stored under ``tests/fuzz_cases/``, once for each place in the code, and from then on
``tests/test_strangers.py`` tries it again. Exits with 1 where there is any.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from hashlib import sha256
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CASES = HERE / "fuzz_cases"
MEMORY = "/dev/shm"  # noqa: S108 - where there is such a thing, so that no disk is worn out
MAX_SECONDS = 2.0  # for one input, in processor time
NAMES = ("loader", "expressions", "journal", "lines", "laboratory", "api", "weights")


def place_of(error: BaseException) -> str:
    """Return the error's type and place, so that two inputs with the same fault are one finding."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "atheris" not in frame.filename]
    where = " ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:])
    return f"{type(error).__name__} {where}"


class Watched:
    """A surface that stores the inputs that fail and goes on, counting inputs."""

    def __init__(self, name: str) -> None:
        surface = importlib.import_module("fixtures_surfaces").SURFACES[name]
        self.name = name
        self.check = surface.check
        self.tried = 0
        self.slowest = 0.0
        self.places: set[str] = set()

    def try_one(self, data: bytes) -> None:
        """Try an input; store it where its outcome is unexpected."""
        self.tried += 1
        start = time.process_time()
        try:
            self.check(data)
        except Exception as error:  # noqa: BLE001 - whatever is not expected is what is looked for
            self.store(data, place_of(error), f"{error}")
        took = time.process_time() - start
        if took > self.slowest:
            self.slowest = took
            print(f"SLOWEST {took:.2f} s, {len(data)} bytes", flush=True)
        if took > MAX_SECONDS:
            self.store(data, f"slow {len(data)}", f"{took:.1f} s")

    def store(self, data: bytes, place: str, what: str) -> None:
        """Store an input that is the first with its fault."""
        if place in self.places:
            return
        self.places.add(place)
        CASES.mkdir(exist_ok=True)
        path = CASES / f"{self.name}-{sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        print(f"FOUND {self.name}: {place}: {what[:200]!a} ({path})", flush=True)


def fuzz_with_atheris(name: str, options: argparse.Namespace) -> None:
    """Fuzz one surface until its time is over, and end the process, as atheris does."""
    atheris = importlib.import_module("atheris")  # no dependency: the target installs it
    with atheris.instrument_imports(include=["forward_pass"], enable_loader_override=False):
        surfaces = importlib.import_module("fixtures_surfaces")
    CASES.mkdir(exist_ok=True)
    watched, surface = Watched(name), surfaces.SURFACES[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as made:
        corpus = Path(options.corpus or made) / name
        corpus.mkdir(parents=True, exist_ok=True)
        for seed in surface.seeds():
            (corpus / sha256(seed).hexdigest()).write_bytes(seed[: surface.max_bytes])
        words = Path(made) / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in surface.words), encoding="utf8")
        arguments = [f"-max_total_time={options.seconds}", f"-max_len={surface.max_bytes}", f"-dict={words}", "-timeout=60"]
        arguments += [f"-artifact_prefix={CASES}/{name}-", "-rss_limit_mb=3000", "-verbosity=1"]
        arguments += [f"-runs={options.runs}"] if options.runs else []
        atheris.Setup([sys.argv[0], *arguments, str(corpus)], watched.try_one)
        atheris.Fuzz()


def _escaped(word: str) -> str:
    """Return a word as libFuzzer's dictionaries spell it."""
    return "".join(character if character.isalnum() else f"\\x{ord(character):02x}" for character in word)


def fuzz_with_hypothesis(name: str, options: argparse.Namespace) -> None:
    """Fuzz one surface with mutations of its seeds, without coverage as a guide."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    watched = Watched(name)
    surface: Any = importlib.import_module("fixtures_surfaces").SURFACES[name]
    seeds = surface.seeds()
    ends = time.monotonic() + options.seconds
    pieces = st.one_of(st.binary(max_size=8), st.sampled_from([word.encode() for word in surface.words]))

    @settings(max_examples=options.runs or 1000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.sampled_from(seeds), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), pieces), max_size=4))
    def mutated(seed: bytes, changes: list[tuple[float, int, bytes]]) -> None:
        for place, length, piece in changes:
            start = int(place * len(seed))
            seed = seed[:start] + piece + seed[start + length :]
        watched.try_one(seed[: surface.max_bytes])

    while time.monotonic() < ends:
        mutated()
        if options.runs and watched.tried >= options.runs:
            break
    print(f"Done {watched.tried} runs", flush=True)


def has_atheris() -> bool:
    """Return whether atheris is installed."""
    return importlib.util.find_spec("atheris") is not None


def fuzz_apart(name: str, options: argparse.Namespace) -> bool:
    """Fuzz one surface in a process of its own; return whether it ended normally and nothing was found."""
    command = [sys.executable, __file__, name, "--child", "--seconds", f"{options.seconds}", "--runs", f"{options.runs}"]
    command += ["--corpus", options.corpus] if options.corpus else []
    tried, slowest, reached, last, findings = 0, "", "", "", 0
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory) as folder,  # atheris leaves without clearing away
        subprocess.Popen(
            command,
            cwd=HERE.parent,
            env={**os.environ, "TMPDIR": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        for line in process.stdout or ():
            last = line.strip() or last
            if match := re.match(r"Done ([0-9]+) runs", line):
                tried = int(match[1])
            elif match := re.match(r"#[0-9]+.* cov: ([0-9]+)", line):
                reached = f", {match[1]} places in the code reached"
            elif line.startswith("SLOWEST "):
                slowest = f", the slowest input {last.removeprefix('SLOWEST ')}"
            elif line.startswith(("FOUND ", "==")):
                findings += 1
                print(last, flush=True)
    print(f"{name}: {tried} inputs tried, {findings} new findings{reached}{slowest}", flush=True)
    if process.returncode or not tried:
        print(f"{name} ended with {process.returncode}: {last}", flush=True)
    return not process.returncode and tried > 0 and not findings


def main() -> int:
    """Fuzz the surfaces that were asked for, one after the other; return 1 where anything was found."""
    parser = argparse.ArgumentParser(description="Fuzz the surfaces on which a stranger's bytes arrive.")
    parser.add_argument("surfaces", nargs="*", metavar="SURFACE", help=f"{', '.join(NAMES)}; all if left out")
    parser.add_argument("--seconds", type=int, default=60, help="how long for each surface (60)")
    parser.add_argument(
        "--runs", type=int, default=0, help="how many inputs for each surface at most (as many as there is time for)"
    )
    parser.add_argument("--corpus", help="a folder in which inputs that reach something new are stored for the next time")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.surfaces) - set(NAMES):
        parser.error(f"no surface is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if options.child:
        (fuzz_with_atheris if has_atheris() else fuzz_with_hypothesis)(options.surfaces[0], options)
        return 0
    if not has_atheris():
        print("atheris is not installed: hypothesis takes its place, without coverage as its guide")
    clean = [fuzz_apart(name, options) for name in options.surfaces or NAMES]
    return int(not all(clean))


if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parent), str(HERE)]
    sys.exit(main())
