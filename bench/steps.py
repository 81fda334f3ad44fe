"""Our side of the step rows, as JSON; each step's text is made. steps.py WORLD STEPS [digests | restore RUN]."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from forward_pass.loading.worlds import open_world
from forward_pass.network.passes import open_pass
from forward_pass.storage.journal import Header, read_journal
from forward_pass.story.engine import Availability, carry_out, initial_state, offers
from forward_pass.story.history import RecordedTurn, digest, replay
from forward_pass.story.state import Prior

if TYPE_CHECKING:
    from forward_pass.story.ports import Inspector
    from forward_pass.story.state import State
    from forward_pass.story.world import World

COMPARED_STEPS = 300  # steps whose text is compared with the peers'


def scene_text(world: World, inspector: Inspector, state: State) -> tuple[str, list[Availability], list[str]]:
    """Return the text of a scene, the offers that are open, and their words."""
    open_offers = [offer for offer in offers(world, state) if offer.is_open]
    words = [offer.choice.say(state, inspector) for offer in open_offers]
    return world.scene(state.scene).text(state, inspector), open_offers, words


def walk(world: World, inspector: Inspector, steps: int, *, digests: bool = False) -> tuple[float, str, list[RecordedTurn]]:
    """Walk; return the seconds that it took, a digest of the first texts, and the turns where ``digests`` are made."""
    state, chain, number = initial_state(world, Prior()), "", 1
    texts: list[str] = []
    turns: list[RecordedTurn] = []
    start = perf_counter()
    for step in range(steps):
        text, open_offers, words = scene_text(world, inspector, state)
        if step < COMPARED_STEPS:
            texts.append(" ".join(text.split()) + "|" + "|".join(words))
        number = number * 16807 % 2147483647
        offer = open_offers[(number >> 8) % len(open_offers)]
        state = carry_out(world, inspector, state, offer)
        if digests:
            chain = digest(world, state, chain)
            turns.append(RecordedTurn(offer.id, state.scene, None, None, chain))
    return perf_counter() - start, sha256("\n".join(texts).encode()).hexdigest(), turns


def write_run(world: World, turns: list[RecordedTurn], path: Path) -> None:
    """Write turns as a run file."""
    header = Header(world.id, world.version, world.hash, None, 0, 0.0, Prior(), "2021-03-22T00:00:00+00:00")
    rows = [json.dumps({"choice": turn.choice, "scene": turn.scene, "digest": turn.digest}) for turn in turns]
    path.write_text("\n".join([header.line(), *rows]) + "\n", encoding="utf8")


def main() -> None:
    """Walk, or restore a run, and print how long it took."""
    folder, steps, *more = sys.argv[1:]
    world = open_world(folder)
    inspector = open_pass(world)
    walk(world, inspector, 500)  # every scene is compiled when it is first met
    if more[:1] == ["restore"]:
        path = Path(more[1])
        write_run(world, walk(world, inspector, int(steps), digests=True)[2], path)
        start = perf_counter()
        journal = read_journal(path)
        replayed = replay(world, inspector, journal.header.prior, journal.turns)
        seconds = perf_counter() - start
        if replayed.differences or len(replayed.run.turns) < int(steps):
            sys.exit(f"not restored: {replayed.differences}")
        print(json.dumps({"seconds": seconds, "bytes": path.stat().st_size / int(steps)}))
        return
    seconds, texts, _ = walk(world, inspector, int(steps), digests=bool(more))
    print(json.dumps({"seconds": seconds, "said": texts}))


if __name__ == "__main__":
    main()
