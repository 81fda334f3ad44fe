"""The plain front end: append-only lines, numbered choices, no escape codes. A screen reader can follow it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from forward_pass.errors import without_controls
from forward_pass.session.decision import decision, decision_text
from forward_pass.session.events import Event, Quit
from forward_pass.session.input import MAX_INPUT, answer
from forward_pass.session.plain_text import event_lines, opening_lines, read_line, text_width
from forward_pass.session.session import Session
from forward_pass.session.transcript import opening_line, scene_lines, turn_lines, wrap
from forward_pass.storage.replay import ReplayResult
from forward_pass.story.engine import is_ending
from forward_pass.story.history import at_turn

PROMPT = "> "


def show(events: Iterable[Event], session: Session) -> bool:
    """Print events; return False after ``Quit``."""
    playing = True
    for event in events:
        print("\n".join(event_lines(event, session, text_width())))
        playing = playing and not isinstance(event, Quit)
    sys.stdout.flush()
    return playing


def show_replay(result: ReplayResult) -> None:
    """Print a replay: each turn with its digest, or how it differs, then the summary."""
    columns = text_width()
    run = result.run
    print("\n".join(wrap(opening_line(run.world, run.inspector, run.opening.prior.instantiation), columns)))
    print("\n".join(["", *scene_lines(at_turn(run, 0), columns)]))
    reasons = {difference.turn: difference.what for difference in result.differences}
    for number, turn in enumerate(run.turns, 1):
        print("\n".join(["", *turn_lines(run, number, columns), *scene_lines(at_turn(run, number), columns), ""]))
        proof = f"DIFFERENT: {reasons[number]}" if number in reasons else f"digest {turn.digest}, identical"
        print("\n".join(wrap(f"[Turn {number}: {proof}]", columns)))
    for number, reason in reasons.items():
        if number > len(run.turns):
            print("\n".join(["", *wrap(f"[Turn {number} cannot be replayed: {reason}]", columns)]))
    decided = decision(run)
    if decided and not is_ending(run.world, run.state):  # an ending has said so
        print("\n".join(["", *wrap(decision_text(decided), columns)]))
    print(f"\n{result.summary}")


def run(session: Session) -> None:
    """Play from standard input to its end or to ``Quit``; where it is not a terminal, answers are echoed."""
    print("\n".join(opening_lines(session, text_width())), flush=True)
    session.inspector.warm_up()  # while the first scene is read
    interactive = sys.stdin.isatty()
    while True:
        print(f"\n{PROMPT}", end="", flush=True)
        line = read_line()
        if not line:
            print()
            show([session.quit_event()], session)
            return
        if not interactive:
            print(without_controls(line.strip(), MAX_INPUT))
        if not show(answer(session, line), session):
            return
