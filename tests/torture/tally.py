"""What came of a fault: how many cases were tried, what was lost, said and returned, and what broke the promise."""

from __future__ import annotations

import re
import threading
from collections import Counter

MOST_SAID = 2  # different sayings that a row of the table has room for
LONGEST = 110


class Tally:
    """A row of the table, while its cases are tried."""

    def __init__(self, fault: str, lost: str) -> None:
        self.fault = fault
        self.lost = lost  # at most, where no case is broken
        self.cases = 0
        self.said: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.broken: list[str] = []
        self._lock = threading.Lock()

    def case(self, said: str, code: int | None, broken: str = "") -> None:
        """Count a case: what was said, the exit code (None where no process ended), and how it broke the promise, if it did."""
        with self._lock:
            self.cases += 1
            self.said[plain(said)] += 1
            if code is not None:
                self.codes[f"{code}"] += 1
            if broken:
                self.broken.append(broken)

    def line(self) -> str:
        """Return the row."""
        most = self.said.most_common()
        said = (
            "; ".join(f"{text} ({count})" if len(most) > 1 else text for text, count in most[:MOST_SAID] if text) or "nothing"
        )
        said += f"; {len(most) - MOST_SAID} more" if len(most) > MOST_SAID else ""
        codes = ", ".join(sorted(self.codes, key=int)) or "–"
        lost = f"**BROKEN in {len(self.broken)}**" if self.broken else self.lost
        return f"| {self.fault} | {self.cases:,} | {lost} | {said} | {codes} |"


def plain(said: str) -> str:
    """Return a saying without what differs from case to case: folders, numbers of bytes, all but its first line."""
    first = next((line for line in said.strip().splitlines() if line.strip()), "")
    first = re.sub(r"/[^ :;,]*/(?=[^/ :;,]*)", "…/", first).replace("|", "/").removeprefix("forward-pass: ")
    first = re.sub(r"\b\d{3}-run", "NNN-run", first)
    return first if len(first) <= LONGEST else f"{first[:LONGEST]}…"
