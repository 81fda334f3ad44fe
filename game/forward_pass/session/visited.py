"""The turns that a session has been at, so that any can be gone to again by its digest. Holds no states: paths are replayed."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from forward_pass.errors import RequestError
from forward_pass.story.history import RecordedTurn, Run, Turn, recorded_turn, replay

if TYPE_CHECKING:
    from forward_pass.storage.recorder import Recorder

MAX_TURNS = 10_000  # that are remembered, some 400 bytes each; the earliest are forgotten first


class _Visited(NamedTuple):
    before: str  # the digest of the turn before
    turn: RecordedTurn
    recorder: Recorder  # with the header, and so the facts, of the run


class VisitedTurns:
    """The turns of a session by digest, of equal ones the latest."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, _Visited] = OrderedDict()

    def add(self, before: str, turn: Turn, recorder: Recorder) -> None:
        """Remember a turn, the digest of the turn before it, and what recorded it."""
        self._turns[turn.digest] = _Visited(before, recorded_turn(turn), recorder)
        self._turns.move_to_end(turn.digest)
        if len(self._turns) > MAX_TURNS:
            self._turns.popitem(last=False)

    def run_to(self, present: Run, digest: str) -> tuple[Run, Recorder]:
        """Return the run that leads to the turn of a digest, and what recorded it; raises ``RequestError`` without one."""
        path: list[RecordedTurn] = []
        at = digest
        while at:
            if at not in self._turns:
                raise RequestError(f"no turn of this session has the digest {digest!r}", "unknown")
            path.append(self._turns[at].turn)
            at = self._turns[at].before
        recorder = self._turns[digest].recorder
        run, differences, _ = replay(present.world, present.inspector, recorder.prior, path[::-1])
        if differences:
            raise RequestError(f"the turn {digest!r} cannot be reached again under the facts of its run", "unknown")
        return run._replace(at=len(path)), recorder
