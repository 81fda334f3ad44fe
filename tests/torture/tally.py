"""The result of injecting a fault: cases, data lost, messages, exit codes, and failures."""

from __future__ import annotations

import re
import threading
from collections import Counter

MAX_MESSAGES = 2  # different messages shown in a row
MAX_LENGTH = 110


class FaultReport:
    """A row of the table, filled while its cases run."""

    def __init__(self, fault: str, lost: str) -> None:
        self.fault = fault
        self.lost = lost  # at most, where no case failed
        self.cases = 0
        self.messages: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.failures: list[str] = []
        self._lock = threading.Lock()

    def case(self, message: str, code: int | None, failure: str = "") -> None:
        """Add a case: the message, the exit code (None where no process ended), and a description of the failure, if any."""
        with self._lock:
            self.cases += 1
            self.messages[normalise(message)] += 1
            if code is not None:
                self.codes[f"{code}"] += 1
            if failure:
                self.failures.append(failure)

    def line(self) -> str:
        """Return the row."""
        messages = self.messages.most_common()
        message = (
            "; ".join(f"{text} ({count})" if len(messages) > 1 else text for text, count in messages[:MAX_MESSAGES] if text)
            or "nothing"
        )
        message += f"; {len(messages) - MAX_MESSAGES} more" if len(messages) > MAX_MESSAGES else ""
        codes = ", ".join(sorted(self.codes, key=int)) or "–"
        lost = f"**BROKEN in {len(self.failures)}**" if self.failures else self.lost
        return f"| {self.fault} | {self.cases:,} | {lost} | {message} | {codes} |"


def normalise(message: str) -> str:
    """Return the first line of a message, without the parts that differ between cases, such as folders."""
    first = next((line for line in message.strip().splitlines() if line.strip()), "")
    first = re.sub(r"/[^ :;,]*/(?=[^/ :;,]*)", "…/", first).replace("|", "/").removeprefix("forward-pass: ")
    first = re.sub(r"\b\d{3}-run", "NNN-run", first)
    return first if len(first) <= MAX_LENGTH else f"{first[:MAX_LENGTH]}…"
