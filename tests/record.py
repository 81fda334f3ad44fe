"""The moving picture of the README: pieces of a real run at a terminal, as an asciicast that ``make pictures`` renders as SVG.

    python tests/record.py CAST

Four pieces of the golden run ``zero`` are played, each by a process of its own that goes on where the run then stood: the
waking, half a doubt and what it moved, the decoder, and the run as a picture. What is shown is what the program wrote, when it
wrote it; only the time between two pieces is left out.
"""

from __future__ import annotations

import codecs
import json
import sys
import tempfile
import time
from pathlib import Path

import pexpect
import pyte

from building import ROOT
from fixtures_play import clean_environment, command

COLUMNS, ROWS, START = 80, 24, 20.0  # seconds within which a process is ready
PIECES = (
    (0, (("", 2.5), ("see-end\r", 1.5))),
    (20, (("", 1.0), ("half-doubt\r", 3.0))),
    (24, (("", 0.8), ("push-zero\r", 1.0), (" ", 0.5), ("hold-breath\r", 3.0), (" ", 2.0))),
    (34, (("", 0.3), ("let-close\r", 0.7), (" ", 0.7), (" ", 0.7), (" ", 1.5), ("\x1b[A", 0.6), ("\x1b[A", 1.2))),
)
"""At which turn of the run a piece begins, and the keys of it, each with the seconds that are recorded after it."""


def golden_choices() -> list[str]:
    """Return the choices of the golden run that is played."""
    first = (ROOT / "tests/golden/forward-pass/zero.txt").read_text(encoding="utf8").splitlines()[0]
    return first.removeprefix("play: ").split(" / ")


class Recorder:
    """A process at a terminal, its emulated screen, and what it wrote."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        size = (ROWS, COLUMNS)
        self.child: pexpect.spawn[bytes] = pexpect.spawn(
            sys.executable, arguments, cwd=str(ROOT), env=environment, dimensions=size
        )
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream, self.decoder = pyte.Stream(self.screen), codecs.getincrementaldecoder("utf8")()

    def read(self) -> str:
        """Return what the process wrote just now; answer its request for the cursor's position."""
        try:
            text = self.decoder.decode(bytes(self.child.read_nonblocking(65536, timeout=0.05)))
        except (pexpect.TIMEOUT, pexpect.EOF):
            return ""
        self.stream.feed(text)
        if "\x1b[6n" in text:
            self.child.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")
        return text

    def to_the_prompt(self) -> str:
        """Return what is written up to the prompt, with Space pressed wherever the scene stops."""
        text, deadline = "", time.monotonic() + START
        while not any(line.strip() == ">" for line in self.screen.display):
            if time.monotonic() > deadline:
                raise SystemExit("no prompt in:\n" + "\n".join(self.screen.display))
            if any("[more]" in line for line in self.screen.display):
                self.child.send(" ")
            text += self.read()
        return text


def record(number: int, turn: int, keys: tuple[tuple[str, float], ...], folder: Path) -> list[tuple[float, str]]:
    """Return what a process wrote that goes on with a run from a turn, as (seconds since its prompt, text)."""
    saves, choices = folder / f"{number}", golden_choices()[:turn]
    if choices:
        command("play", "--plain", "--new", "--saves", saves, typed="\n".join([*choices, "quit\n"]))
    environment = clean_environment(TERM="xterm-256color", COLORTERM="truecolor", COLORFGBG="15;0")
    del environment["COLUMNS"]
    environment["FORWARD_PASS_CONFIG"] = str(folder / "config")
    arguments = ["-m", "forward_pass", "play", "--saves", str(saves), "--continue" if choices else "--new"]
    process = Recorder(arguments, environment)
    written = [(0.0, process.to_the_prompt())]
    start = time.monotonic()
    for key, seconds in keys:
        process.child.send(key)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            text = process.read()
            if text:
                written.append((time.monotonic() - start, text))
    process.child.close(force=True)
    return written


def main() -> None:
    """Record all pieces and write them one after the other."""
    rows: list[object] = [{"version": 2, "width": COLUMNS, "height": ROWS, "title": "Forward Pass"}]
    offset = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number, (turn, keys) in enumerate(PIECES):
            rows.append([round(offset, 3), "o", "\x1b[?1049l\x1b[2J\x1b[H"])
            for seconds, text in record(number, turn, keys, Path(folder)):
                rows.append([round(offset + seconds, 3), "o", text])
            offset += sum(seconds for _, seconds in keys)
    Path(sys.argv[1]).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf8")


if __name__ == "__main__":
    main()
