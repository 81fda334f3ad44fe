"""A run as a picture: tokens across, layers down, what was chosen where, the acts with what each is worth, the words said.

Here it is a value, and lines that say in words what the terminal draws.
"""

from __future__ import annotations

from typing import NamedTuple

from forward_pass.session.decision import ActWorth, Decision, decision, decision_text, worth_text
from forward_pass.session.transcript import choice_text, quoted, wrap
from forward_pass.story.distribution import format_probability
from forward_pass.story.engine import offers
from forward_pass.story.history import Run


class Stop(NamedTuple):
    """Where a choice was made: its turn (from 1), the layer, its words and verb, the acts made, the open ways not taken."""

    turn: int
    token: int
    layer: int
    say: str
    verb: str
    acts: tuple[ActWorth, ...]  # with their worth for the word that stands for the run; empty after that word
    acted: bool
    decided: bool  # whether an act made here is among those that decided the word
    others: int


class TokenColumn(NamedTuple):
    """One token of a run: its word, the word that was said after it with its probability, and where choices were made."""

    token: int
    word: str
    said: str  # empty where the token was not decoded
    probability: float
    stops: tuple[Stop, ...]


class RunPicture(NamedTuple):
    """A run as a picture, and what decided its word in a sentence; empty where the world has no such word."""

    columns: tuple[TokenColumn, ...]
    word: str  # that stands for the run; empty where it was not said
    decided: str
    first_layer: int
    boundary: int

    @property
    def stops(self) -> tuple[Stop, ...]:
        """All stops, in the order of their turns."""
        return tuple(stop for column in self.columns for stop in column.stops)

    @property
    def deciding(self) -> Stop | None:
        """The first stop at which an act was made that decided the word; None where none did."""
        return next((stop for stop in self.stops if stop.decided), None)


def run_picture(run: Run) -> RunPicture:
    """Return a run, up to its present turn, as a picture."""
    world, found = run.world, decision(run)
    stops: dict[int, list[Stop]] = {}
    said: dict[int, tuple[str, float]] = {}
    for number, turn in enumerate(run.path, 1):
        stops.setdefault(turn.before.token, []).append(_stop(run, number, found))
        if turn.word is not None:
            said[turn.before.token] = (turn.word, turn.probability or 0.0)
    words = (world.prompt[-1], *run.state.words)
    columns = [
        TokenColumn(token, words[token - world.first_token], *said.get(token, ("", 0.0)), tuple(stops[token]))
        for token in sorted(stops)
    ]
    word, decided = (found.word, decision_text(found)) if found else ("", "")
    return RunPicture(tuple(columns), word, decided, world.first_layer, world.boundary)


def _stop(run: Run, number: int, found: Decision | None) -> Stop:
    turn = run.turns[number - 1]
    made = [(index, act) for index, act in enumerate(found.acts if found else ()) if act.turn == number]
    return Stop(
        turn=number,
        token=turn.before.token,
        layer=turn.before.layer,
        say=choice_text(run, turn),
        verb=turn.taken(run.world).node.verb or "",
        acts=tuple(act for _, act in made),
        acted=len(turn.state.acts[turn.before.token - run.world.first_token]) > len(turn.before.acts[-1]),
        decided=any(index in (found.by or ()) for index, _ in made) if found else False,
        others=sum(offer.is_open for offer in offers(run.world, turn.before)) - 1,
    )


def stop_text(stop: Stop, word: str) -> str:
    """Return a stop as a sentence or two: its words, what its acts were worth, and how many ways were not taken there."""
    parts = [stop.say.replace("*", "")]
    parts += [f"[{act.verb or 'act'}: {act.about}; {worth_text(act, word)}]" for act in stop.acts]
    if stop.acted and not stop.acts:
        parts.append("[an act, after the word was said]")
    if stop.decided:
        parts.append("It decided the word.")
    if stop.others:
        parts.append(f"{stop.others} other way{'s' * (stop.others > 1)}.")
    return " ".join(parts)


def picture_lines(run: Run, columns: int) -> list[str]:
    """Return the picture of a run in words: each token with its word, and where choices were made on its layers."""
    picture = run_picture(run)
    lines: list[str] = []
    for column in picture.columns:
        said = f", said {quoted(column.said)} {format_probability(column.probability)}" if column.said else ""
        lines += ["", *wrap(f"{column.token} {quoted(column.word)}{said}", columns)] if run.world.has_pass else [""]
        for stop in column.stops:
            layer = f"layer {stop.layer}, turn" if run.world.has_pass else "turn"
            text = f"{layer} {stop.turn}: {stop_text(stop, picture.word)}"
            first, *rest = wrap(text, columns - 4)
            lines += [f"  {first}", *(f"    {line}" for line in rest)]
    return [*lines[1:], *(["", *wrap(picture.decided, columns)] if picture.decided else [])]


def picture_object(run: Run) -> dict[str, object]:
    """Return the picture of a run as an object."""
    rows = [
        {
            "token": column.token,
            "word": column.word,
            "said": column.said or None,
            "stops": [
                {"turn": stop.turn, "layer": stop.layer, "say": stop.say, "verb": stop.verb or None, "acted": stop.acted}
                | {"decided": stop.decided, "others": stop.others}
                for stop in column.stops
            ],
        }
        for column in run_picture(run).columns
    ]
    return {"type": "picture", "tokens": rows}
