"""What will be said if nothing more is done; what decided the word that was said; what an act was worth. Pure functions.

All of them ask a ``PassPort`` about passes that are made of a run's words and acts: the pass as it stands, the same without
some acts, the same run on with the likeliest words. ``telling`` is the index (from 0, among the words said) of the word that
the story is about. Knows no world and no state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

from forward_pass.story.distribution import Distribution
from forward_pass.story.ports import PassPort
from forward_pass.story.state import Act, PassKey

CHANCE, NOTHING = "chance", "nothing"
"""What decides a word where no act does: it was drawn and was not the likeliest; or it would have come anyway."""


class Forecast(NamedTuple):
    """What will be said: the index of the word, and its distribution if nothing more is done."""

    at: int
    distribution: Distribution


class PlacedAct(NamedTuple):
    """An act of a run: the index of its token, its number among the acts there (from 0), and the act."""

    at: int
    number: int
    act: Act


def forecast(port: PassPort, key: PassKey, telling: int) -> Forecast:
    """Return what will be said at the telling word, run on from a pass with the likeliest words.

    Where the telling word has been said, or other words than the untouched pass's were, it is the next word's instead.
    """
    key = forecast_key(port, key, telling)
    return Forecast(len(key.words), port.distribution(key))


def forecast_key(port: PassPort, key: PassKey, telling: int) -> PassKey:
    """Return the pass whose distribution is the forecast."""
    if is_off_template(port, key.words[:telling]):
        return key
    while len(key.words) < telling:
        key = key.followed_by(port.distribution(key).best)
    return key


def is_off_template(port: PassPort, words: tuple[str, ...]) -> bool:
    """Return whether words differ from the likeliest ones of passes in which nothing was done."""
    return first_departure(port, words) is not None


def first_departure(port: PassPort, words: tuple[str, ...]) -> int | None:
    """Return the index of the first word that is not the likeliest of the untouched pass; None where all are."""
    untouched = PassKey((), ((),))
    for index, word in enumerate(words):
        if port.distribution(untouched).best != word:
            return index
        untouched = untouched.followed_by(word)
    return None


# -- acts left out ----------------------------------------------------------------------------------------------------


def placed_acts(key: PassKey) -> list[PlacedAct]:
    """Return all acts of a pass and of those before it, in the order in which they were made."""
    return [PlacedAct(index, number, act) for index, acts in enumerate(key.acts) for number, act in enumerate(acts)]


def acts_named(key: PassKey, name: str) -> list[PlacedAct]:
    """Return the acts of a name."""
    return [placed for placed in placed_acts(key) if placed.act.name == name]


def leave_out(key: PassKey, left_out: Collection[PlacedAct]) -> PassKey:
    """Return a pass without some acts, after the same words."""
    places = {(placed.at, placed.number) for placed in left_out}
    return PassKey(
        key.words,
        tuple(
            tuple(act for number, act in enumerate(acts) if (index, number) not in places)
            for index, acts in enumerate(key.acts)
        ),
    )


# -- what decided the word --------------------------------------------------------------------------------------------


def deciding_index(port: PassPort, words: tuple[str, ...], telling: int) -> int | None:
    """Return the index of the word that stands for a run; None where it has not been said yet.

    That is the telling word; or, said before it, the first word that the untouched pass would not have said.
    """
    departure = first_departure(port, words[:telling])
    if departure is not None:
        return departure
    return telling if len(words) > telling else None


def deciding_acts(port: PassPort, key: PassKey, index: int) -> list[PlacedAct] | None:
    """Return the acts that decided word ``index`` of a run's words: none of them where nothing did, None where chance did.

    These are the acts whose removal alone changes a word up to that one. Where there are none: the smallest set whose removal
    does, of several that with the latest acts. A word counts as changed if it was the likeliest and no longer is.
    """
    said = PassKey(key.words[: index + 1], key.acts[: index + 1])
    if port.distribution(said.at(index)).best != said.words[index]:
        return None
    alone = [placed for placed in placed_acts(said) if _changes_word(port, said, (placed,))]
    return alone or list(max(sets_deciding_together(port, said), key=_latest_first, default=()))


def sets_deciding_together(port: PassPort, said: PassKey) -> list[tuple[PlacedAct, ...]]:
    """Return the smallest sets of two acts and more whose removal changes a word that was said; none where no set does."""
    acts = placed_acts(said)
    for size in range(2, len(acts) + 1):
        found: list[tuple[PlacedAct, ...]] = [some for some in combinations(acts, size) if _changes_word(port, said, some)]
        if found:
            return found
    return []


def _latest_first(acts: Iterable[PlacedAct]) -> list[tuple[int, int]]:
    return [(placed.at, placed.number) for placed in reversed(tuple(acts))]


def _changes_word(port: PassPort, said: PassKey, left_out: tuple[PlacedAct, ...]) -> bool:
    without = leave_out(said, left_out)
    return any(
        port.distribution(said.at(index)).best == word != port.distribution(without.at(index)).best
        for index, word in enumerate(said.words)
        if index >= left_out[0].at
    )


def ablated_passes(key: PassKey) -> Iterator[PassKey]:
    """Yield the passes without one act each that ``deciding_acts`` asks about first."""
    for placed in placed_acts(key):
        for index in range(placed.at, len(key.words) + 1):
            yield leave_out(key.at(index), (placed,))


def decided_by(port: PassPort, key: PassKey, telling: int) -> tuple[str, ...] | None:
    """Return by name what decided the word that stands for a run: acts, ``nothing`` or ``chance``; None before it is said."""
    index = deciding_index(port, key.words, telling)
    if index is None:
        return None
    acts = deciding_acts(port, key, index)
    if acts is None:
        return (CHANCE,)
    return tuple(dict.fromkeys(placed.act.name for placed in acts)) or (NOTHING,)


def worth(port: PassPort, key: PassKey, index: int, left_out: Collection[PlacedAct]) -> float:
    """Return the probability of word ``index`` as it was said, less that without some acts after the same words."""
    said = key.at(index)
    word = key.words[index]
    return port.distribution(said).p(word) - port.distribution(leave_out(said, left_out)).p(word)


# -- what the figures took --------------------------------------------------------------------------------------------


def passes_run(key: PassKey, telling: int, *, asked: bool = False) -> Iterator[PassKey]:
    """Yield the passes that were run for the figures of a run: each forecast's chain of passes, each pass once.

    A forecast is measured before and after every act, and where one was ``asked`` for; a run without either yields nothing.
    At the telling token each earlier act is left out once, to show what it does there, and when that token's word has been
    said every act up to it, to find what decided it. The words that were said stand for the likeliest ones, which makes no
    difference to how many there are.
    """
    acts = placed_acts(key)
    if not acts and not asked:
        return
    chains = [(leave_out(key, acts[count:]), acts[count - 1].at if count else 0) for count in range(len(acts) + 1)]
    last_left_out = telling if len(key.words) > telling else telling - 1 if len(key.words) == telling else -1
    chains += [(leave_out(key, [placed]), placed.at) for placed in acts if placed.at <= last_left_out]
    seen: set[PassKey] = set()
    for made, start in chains:
        for index in range(start, max(telling, start) + 1):
            words = (*key.words[:index], *("",) * (index - len(key.words)))
            one = PassKey(words, (*made.acts[: index + 1], *((),) * (index + 1 - len(made.acts))))
            if one not in seen:
                seen.add(one)
                yield one
