"""Random play by a program: through JSON lines and in process. Prints steps a second and memory, as JSON: seat.py RUNS."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from time import perf_counter

import forward_pass as fp

GAME = str(Path(sys.executable).with_name("forward-pass"))


def by_json(runs: int, *flags: str) -> dict[str, float]:
    """Play runs at random through pipes; return steps a second, and the memory in MB after a tenth of them and at the end."""
    chance, steps, memory = Random(1), 0, 0.0  # noqa: S311 - a player, no secret
    with tempfile.TemporaryDirectory() as saves:
        command = [GAME, "play", "--json", "--new", "--saves", saves, *flags]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf8", bufsize=1)
        assert process.stdin is not None  # noqa: S101 - it is piped
        assert process.stdout is not None  # noqa: S101 - as above
        start = perf_counter()
        early = 0.0
        for run in range(runs):
            while (row := json.loads(process.stdout.readline()))["type"] != "ending":
                if row["type"] == "scene":
                    chosen = chance.choice([offer["id"] for offer in row["offers"] if offer["open"]])
                    process.stdin.write(f"{chosen}\n")
                    steps += 1
            if run == runs // 10:
                early = _memory(process.pid)
            process.stdin.write('{"new":true}\n')
        seconds, memory = perf_counter() - start, _memory(process.pid)
        process.kill()
        process.wait()
    return {"steps": steps / seconds, "early": early, "memory": memory}


def _memory(process: int) -> float:
    """Return the resident memory of a process in MB; 0 where the system does not say."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text(encoding="utf8").splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def in_process(runs: int) -> float:
    """Play runs at random over the Python API; return steps a second."""
    chance, steps = Random(1), 0  # noqa: S311 - as above
    session = fp.Session(fp.load_world())
    start = perf_counter()
    for _ in range(runs):
        session.restart()
        while not session.at_ending:
            session.choose(chance.choice(session.open_ids))
            steps += 1
    return steps / (perf_counter() - start)


if __name__ == "__main__":
    asked = int(sys.argv[1])
    print(json.dumps({"files": by_json(asked), "none": by_json(asked, "--fresh", "--no-save"), "api": in_process(asked)}))
