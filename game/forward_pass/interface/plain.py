"""The base of all front ends: append-only lines, numbers, no escape codes, no boxes. A screen reader can follow it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from forward_pass.session.plain_text import event_lines, opening_lines, read_line, text_width
from forward_pass.session.session import MAX_TYPED, Event, Quit, Session
from forward_pass.session.transcript import opening_line, standing_lines, turn_lines, wrap
from forward_pass.storage.replay import ReplayResult
from forward_pass.story.history import at_turn

ASK = "> "


def show(events: Iterable[Event], play: Session) -> bool:
    """Print events; return whether play goes on."""
    goes_on = True
    for event in events:
        print("\n".join(event_lines(event, play, text_width())))
        goes_on = goes_on and not isinstance(event, Quit)
    sys.stdout.flush()
    return goes_on


def show_replay(outcome: ReplayResult) -> None:
    """Print a replay: each turn with the digest that it had again, and the proof."""
    columns = text_width()
    run = outcome.run
    print("\n".join(wrap(opening_line(run.world, run.measure, run.opening.prior.instantiation), columns)))
    print("\n".join(["", *standing_lines(at_turn(run, 0), columns)]))
    different = {difference.turn: difference.what for difference in outcome.differences}
    for number, turn in enumerate(run.turns, 1):
        print("\n".join(["", *turn_lines(run, number, columns), *standing_lines(at_turn(run, number), columns), ""]))
        proof = f"DIFFERENT: {different[number]}" if number in different else f"digest {turn.digest}, identical"
        print("\n".join(wrap(f"[Turn {number}: {proof}]", columns)))
    for number, what in different.items():
        if number > len(run.turns):
            print("\n".join(["", *wrap(f"[Turn {number} cannot be walked: {what}]", columns)]))
    print(f"\n{outcome.proof}")


def run(play: Session) -> None:
    """Play from standard input until it ends or whoever plays leaves; typed from no terminal, answers are printed."""
    print("\n".join(opening_lines(play, text_width())), flush=True)
    play.pass_port.warm_up()  # while the first scene is read
    typed_by_hand = sys.stdin.isatty()
    while True:
        print(f"\n{ASK}", end="", flush=True)
        line = read_line()
        if not line:
            print()
            show([play.quit_event()], play)
            return
        if not typed_by_hand:
            print("".join(character for character in line.strip()[:MAX_TYPED] if character.isprintable()))
        if not show(play.answer(line), play):
            return
