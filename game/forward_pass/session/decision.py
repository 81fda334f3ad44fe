"""What decided the word that stands for a run, and what each act was worth: as values, lines and an object."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from forward_pass.story.distribution import format_probability
from forward_pass.story.forecast import (
    CHANCE,
    NOTHING,
    PlacedAct,
    deciding_acts,
    deciding_index,
    leave_out,
    placed_acts,
    sets_deciding_together,
    worth,
)
from forward_pass.story.history import Run
from forward_pass.story.state import PassKey

DIGITS = 4


class ActWorth(NamedTuple):
    """An act, where it was made, its worth for the word that was said, and the word that would be said without it."""

    act: str
    about: str
    verb: str
    token: int
    turn: int  # that made it, from 1
    worth: float
    without: str  # the first word that would be another; empty where every word would be the same


class Decision(NamedTuple):
    """The word that stands for a run, its probability, the acts that decided it, and the worth of every act up to it.

    ``by`` has the acts' numbers in ``acts``; it is ``None`` where the word was drawn by chance, and empty where nothing did it.
    """

    token: int
    word: str
    probability: float
    by: tuple[int, ...] | None
    acts: tuple[ActWorth, ...]
    without: str  # the word that would be said without the deciding acts together; empty where there are none
    others: int = 0  # how many other sets of as many acts would decide it in the same way, where no act does alone


def decision(run: Run) -> Decision | None:
    """Return what decided the word that stands for a run; None where it is not said yet, or the world names no such word."""
    world, inspector, state = run.world, run.inspector, run.state
    if world.telling is None:
        return None
    index = deciding_index(inspector, state.words, world.telling_index)
    if index is None:
        return None
    said = PassKey(state.words[: index + 1], state.acts[: index + 1])
    by, every = deciding_acts(inspector, said, index), placed_acts(said)
    return Decision(
        token=world.first_token + index,
        word=state.words[index],
        probability=inspector.distribution(said.at(index)).p(state.words[index]),
        by=None if by is None else tuple(every.index(placed) for placed in by),
        acts=tuple(_act_worth(run, said, index, placed) for placed in every),
        without=_other_word(run, said, by) if by else "",
        others=_other_sets(run, said, by or []),
    )


def _other_sets(run: Run, said: PassKey, by: list[PlacedAct]) -> int:
    """Return how many other sets of acts decide a word together as these do; 0 where one of them does it alone."""
    if len(by) < 2 or _other_word(run, said, by[:1]):  # noqa: PLR2004 - one act is no set
        return 0
    return len(sets_deciding_together(run.inspector, said)) - 1


def _act_worth(run: Run, said: PassKey, index: int, placed: PlacedAct) -> ActWorth:
    declared = run.world.acts[placed.act.name]
    value, other = worth(run.inspector, said, index, [placed]), _other_word(run, said, [placed])
    token = run.world.first_token + placed.at
    return ActWorth(placed.act.name, declared.about.rstrip("."), declared.verb, token, turn_of_act(run, placed), value, other)


def _other_word(run: Run, said: PassKey, left_out: list[PlacedAct]) -> str:
    """Return the first word that is another without some acts; empty where every word up to the last is the same."""
    for index, word in enumerate(said.words):
        likeliest = run.inspector.distribution(leave_out(said.at(index), left_out)).best
        if likeliest != word and run.inspector.distribution(said.at(index)).best == word:
            return likeliest
    return ""


def turn_of_act(run: Run, placed: PlacedAct) -> int:
    """Return the turn (from 1) that made an act."""
    return next(
        number
        for number, turn in enumerate(run.turns, 1)
        if len(turn.state.acts) > placed.at and len(turn.state.acts[placed.at]) > placed.number
    )


def decision_text(found: Decision) -> str:
    """Return what decided the word as a sentence or two."""
    said = f"{_quoted(found.word)} at {found.token} ({format_probability(found.probability)})"
    if found.by is None:
        return f"Decided by chance: {said} was drawn and was not the likeliest word."
    if not found.by:
        return f"Decided by nothing that was done: {said} would have been said all the same."
    acts = [found.acts[number] for number in found.by]
    rows = "; ".join(map(_act_text, acts))
    if len(acts) > 1 and not all(act.without for act in acts):
        alone = f"Take any one of them away and it is {_quoted(found.word)} still; take them all away and it is"
        others = f" The same holds for {found.others} other set{'s' * (found.others > 1)} of acts." if found.others else ""
        return f"Decided: {said}, by these together: {rows}. {alone} {_quoted(found.without)}.{others}"
    without = dict.fromkeys(_quoted(act.without) for act in acts)
    which = "it" if len(acts) == 1 else "any of them"
    return f"Decided: {said}, by {rows}. Without {which}, all else the same: {' or '.join(without)}."


def _act_text(act: ActWorth) -> str:
    verb = f"{act.verb}, " if act.verb else ""
    return f"{act.about} ({verb}turn {act.turn})"


def _quoted(word: str) -> str:
    return "a new line" if word == "\n" else f"“{word}”"


def worth_text(act: ActWorth, word: str) -> str:
    """Return what an act was worth: the probability that it gave the word that was said, and the word without it."""
    points = f"{act.worth:+.2f}"
    shown = "it moved nothing" if points in ("+0.00", "-0.00") else f"worth {points} to {_quoted(word)}"
    return f"{shown}; without it {_quoted(act.without)}" if act.without else shown


def act_rows(found: Decision, only: Container[int] | None = None) -> list[str]:
    """Return a row for each act, or only for those with some numbers: where it was made, its worth, and whether it decided."""
    rows = []
    for number, act in enumerate(found.acts):
        if only is None or number in only:
            decided = "; it decided the word" if number in (found.by or ()) else ""
            verb = f"{act.verb}: " if act.verb else ""
            where = f"Turn {act.turn}, at {act.token}: {verb}{act.about}"
            rows.append(f"{where}; {worth_text(act, found.word)}{decided}.")
    return rows


def decision_object(found: Decision | None) -> dict[str, object] | None:
    """Return what decided the word as an object; None where there is nothing to say."""
    if found is None:
        return None
    names = [CHANCE] if found.by is None else [found.acts[number].act for number in found.by] or [NOTHING]
    acts = [
        {
            "act": act.act,
            "at": act.token,
            "turn": act.turn,
            "worth": round(act.worth, DIGITS),
            "without": act.without or None,
        }
        for act in found.acts
    ]
    return {"token": found.token, "word": found.word, "by": names, "acts": acts, "without": found.without or None}
