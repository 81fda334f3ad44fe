"""Baselines for players of a world, over the Python API: what each finds, and how well the word can be foretold.

    python bench/agents.py [--world WORLD] [--runs N] [--seconds S] [--json]

``random`` takes any open choice, ``least-taken`` the one that it took least so far; ``best-first`` searches for each ending: it
goes on from the state that is nearest to it by the graph of the scenes, and copies sessions where it branches.
``Environment`` has the shape of Gymnasium's (reset, step, seed), without the dependency. The prediction task: given what the
lens says of a pass up to some layer, foretell the word; scored in nats, less is better.
"""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from math import log
from random import Random
from typing import Any, NamedTuple

import forward_pass as fp
from forward_pass.session.way_there import choices_away

MAX_TURNS = 200
LENS_LAYERS = (40, 48, 56, 64, 68, 72)


class Found(NamedTuple):
    """What an agent came to: how often each ending, after how many choices and seconds first, and its choices in all."""

    endings: Counter[str]
    first: dict[str, tuple[int, float]]
    steps: int
    seconds: float


class Environment:
    """A world as an environment of Gymnasium's shape: an action is the number (from 0) of an open choice.

    The reward of a step is 0 until an ending; there it is 1 if ``targets`` has it (without targets: if it was not reached
    before in this environment), and ``likelihood_weight`` times the nats by which the words are likelier than under untouched
    passes.
    """

    def __init__(
        self, world: Any, *, targets: frozenset[str] = frozenset(), temperature: float = 0.0, likelihood_weight: float = 0.0
    ) -> None:
        self.world, self.targets, self.temperature = world, targets, temperature
        self.likelihood_weight = likelihood_weight
        self.reached: set[str] = set()
        self.session = fp.Session(world, temperature=temperature)
        self.inspector = self.session.inspector

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin another run; return the observation and its info. ``options`` may have the ``facts`` of the run."""
        facts = (options or {}).get("facts")
        self.session = fp.Session(
            self.world, facts=facts, temperature=self.temperature, seed=seed or 0, inspector=self.inspector
        )
        return self.observation(), self.info()

    def step(self, action: int) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Take a choice; return observation, reward, whether the run ended, whether it was cut off, and its info."""
        self.session.choose(self.session.open_ids[action])
        ended = self.session.at_ending
        reward = self._reward() if ended else 0.0
        return self.observation(), reward, ended, self.session.turn >= MAX_TURNS, self.info()

    def _reward(self) -> float:
        ending = self.session.ending or ""
        hit = ending in self.targets if self.targets else ending not in self.reached
        self.reached.add(ending)
        if not self.likelihood_weight:
            return float(hit)
        return float(hit) + self.likelihood_weight * (self.session.log_likelihood - self.session.untouched_log_likelihood)

    def observation(self) -> dict[str, Any]:
        """Return what a player is shown: the text, the open choices in words, and the forecast where it is given."""
        forecast = self.session.forecast
        return {
            "text": self.session.text,
            "choices": [offer.say for offer in self.session.offers if offer.is_open],
            "forecast": dict(forecast.top) if forecast else None,
        }

    def info(self) -> dict[str, Any]:
        """Return what no player is shown: the digest, which names the state, the scene and the ending."""
        return {"digest": self.session.digest, "scene": self.session.state.scene, "ending": self.session.ending}


# -- players ----------------------------------------------------------------------------------------------------------------


def play_random(world: Any, runs: int, seed: int, *, least_taken: bool = False) -> Found:
    """Play runs at random, or by the choice least taken so far; return what was found."""
    chance, taken = Random(seed), Counter[str]()  # noqa: S311 - a player, no secret
    endings, first, steps, start = Counter[str](), dict[str, tuple[int, float]](), 0, time.perf_counter()
    session = fp.Session(world)
    for _ in range(runs):
        session.restart()
        while not session.at_ending and session.turn < MAX_TURNS:
            present = session.open_ids
            fewest = min(taken[choice] for choice in present) if least_taken else 0
            choice = chance.choice([one for one in present if not least_taken or taken[one] == fewest])
            taken[choice] += 1
            session.choose(choice)
            steps += 1
        if session.ending:
            endings[session.ending] += 1
            first.setdefault(session.ending, (steps, time.perf_counter() - start))
    return Found(endings, first, steps, time.perf_counter() - start)


def best_first(world: Any, seconds: float, facts: Any = None) -> Found:
    """Search for each ending for at most some seconds, from the state that is nearest to it by the graph of the scenes.

    To that distance is added how often a state of its kind (place, words, variables) was met, so that the search does not stay
    where a condition stops it. What is found on the way to another ending counts too.
    """
    endings, first, steps, start = Counter[str](), dict[str, tuple[int, float]](), 0, time.perf_counter()
    inspector = fp.Session(world).inspector
    for target in world.endings:
        if target in first:
            continue
        begun = time.perf_counter()
        for ending, taken in search(world, target, fp.Session(world, facts=facts, inspector=inspector), seconds):
            steps += taken
            if ending:
                endings[ending] += 1
                first.setdefault(ending, (steps, time.perf_counter() - begun))
    return Found(endings, first, steps, time.perf_counter() - start)


def search(world: Any, target: str, opening: Any, seconds: float) -> Iterator[tuple[str | None, int]]:
    """Yield each choice that was tried as the ending it led to, or None, and 1; stop at the target or when time is up."""
    away, start = choices_away(world, target), time.perf_counter()
    expanded, order, seen = Counter[Any](), count(), set()
    frontier = [(0, 0.0, next(order), opening)]
    chance = Random(1)  # noqa: S311 - as above
    while frontier and time.perf_counter() - start < seconds:
        *_, session = heapq.heappop(frontier)
        for choice in session.open_ids:
            child = session.copy()
            child.choose(choice)
            yield child.ending, 1
            if child.ending == target:
                return
            place = (child.state.token, child.state.scene)
            if child.ending is None and place in away and child.state not in seen:
                seen.add(child.state)
                known = (*place, child.words, child.state.variables)
                expanded[known] += 1
                heapq.heappush(frontier, (away[place] + expanded[known], chance.random(), next(order), child))


# -- foretelling ------------------------------------------------------------------------------------------------------------


def foretold(world: Any, runs: int, seed: int) -> dict[str, float]:
    """Return the mean score in nats of foretelling words: by the lens after some layers, and by guessing what is said most.

    The passes are those that random runs drew words from; a score is the negative log of the probability given to the word.
    """
    chance, passes = Random(seed), fp.Pass(world)  # noqa: S311 - as above
    session = fp.Session(world)
    drawn: dict[Any, str] = {}
    for _ in range(runs):
        session.restart()
        while not session.at_ending and session.turn < MAX_TURNS:
            session.choose(chance.choice(session.open_ids))
        for turn in session.turns:
            if turn.word is not None:
                drawn[turn.decoding] = turn.word
    scores: dict[str, list[float]] = {f"the lens after layer {layer}": [] for layer in LENS_LAYERS}
    often = Counter(drawn.values())
    scores["the word said most, smoothed"] = [
        -log((often[word] + 1) / (len(drawn) + len(passes.vocabulary))) for word in drawn.values()
    ]
    for key, word in drawn.items():
        result = passes.run(key.words, key.acts)
        for layer in LENS_LAYERS:
            scores[f"the lens after layer {layer}"].append(-passes.lens(result, layer).logprob(word))
        scores.setdefault("the whole pass", []).append(-result.distribution.logprob(word))
    return {name: sum(found) / len(found) for name, found in scores.items()}


# -- the table --------------------------------------------------------------------------------------------------------------


def rows(world: Any, runs: int, seconds: float) -> Iterator[tuple[str, Found]]:
    """Yield each agent with what it found."""
    yield "random", play_random(world, runs, 1)
    yield "least-taken", play_random(world, runs, 1, least_taken=True)
    yield "best-first", best_first(world, seconds)
    everything = fp.Prior(world.instantiations, frozenset(world.endings), frozenset(world.scenes_remembered))
    yield "best-first, everything found before", best_first(world, seconds, everything)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="forward-pass")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the search for an ending")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    world = fp.load_world(options.world)
    scores = foretold(world, min(options.runs, 100), 2) if world.model else {}
    if options.json:
        agents = {name: found._asdict() for name, found in rows(world, options.runs, options.seconds)}
        print(json.dumps({"agents": agents, "foretold": scores}))
        return 0
    for name, found in rows(world, options.runs, options.seconds):
        missing = sorted(set(world.endings) - set(found.first))
        slowest = max((seconds for _, seconds in found.first.values()), default=0.0)
        text = f"{name}: {len(found.first)} of {len(world.endings)} endings in {found.steps:,} choices, {found.seconds:.0f} s"
        print(f"{text}, the slowest after {slowest:.1f} s{'; not: ' if missing else ''}{', '.join(missing)}")
    for name, score in scores.items():
        print(f"{name}: {score:.3f} nats")
    return 0


if __name__ == "__main__":
    sys.exit(main())
