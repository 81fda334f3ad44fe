"""The base of all front ends: append-only lines, numbers, no escape codes, no boxes. A screen reader can follow it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from forward_pass.session.plain_text import event_lines, opening_lines, read_line, width
from forward_pass.session.play import MOST_TYPED, Event, Left, Play
from forward_pass.session.transcript import opening_line, standing_lines, turn_lines, wrapped
from forward_pass.storage.replay import Replayed
from forward_pass.story.history import moved

ASK = "> "


def show(events: Iterable[Event], play: Play) -> bool:
    """Print events; return whether play goes on."""
    goes_on = True
    for event in events:
        print("\n".join(event_lines(event, play, width())))
        goes_on = goes_on and not isinstance(event, Left)
    sys.stdout.flush()
    return goes_on


def show_replay(outcome: Replayed) -> None:
    """Print a replay: each turn with the digest that it had again, and the proof."""
    columns = width()
    run = outcome.run
    print("\n".join(wrapped(opening_line(run.world, run.measure, run.opening.facts.instantiation), columns)))
    print("\n".join(["", *standing_lines(moved(run, 0), columns)]))
    different = {difference.turn: difference.what for difference in outcome.differences}
    for number, turn in enumerate(run.turns, 1):
        print("\n".join(["", *turn_lines(run, number, columns), *standing_lines(moved(run, number), columns), ""]))
        proof = f"DIFFERENT: {different[number]}" if number in different else f"digest {turn.digest}, identical"
        print("\n".join(wrapped(f"[Turn {number}: {proof}]", columns)))
    for number, what in different.items():
        if number > len(run.turns):
            print("\n".join(["", *wrapped(f"[Turn {number} cannot be walked: {what}]", columns)]))
    print(f"\n{outcome.proof}")


def run(play: Play) -> None:
    """Play from standard input until it ends or whoever plays leaves; typed from no terminal, answers are printed."""
    print("\n".join(opening_lines(play, width())), flush=True)
    play.measure.begin()  # while the first scene is read
    typed_by_hand = sys.stdin.isatty()
    while True:
        print(f"\n{ASK}", end="", flush=True)
        line = read_line()
        if not line:
            print()
            show([play.left()], play)
            return
        if not typed_by_hand:
            print("".join(character for character in line.strip()[:MOST_TYPED] if character.isprintable()))
        if not show(play.answer(line), play):
            return
