"""Our side of the step rows, as JSON; each step's text is made. steps.py WORLD STEPS [digests | restore RUN]."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from forward_pass.cli import open_world
from forward_pass.network.passes import open_pass
from forward_pass.storage.journal import Header, read_journal
from forward_pass.story.engine import initial_state, offers, take
from forward_pass.story.history import RecordedTurn, digest, replay
from forward_pass.story.state import Prior

if TYPE_CHECKING:
    from forward_pass.story.distribution import PassPort
    from forward_pass.story.state import State
    from forward_pass.story.world import World

TOLD = 300  # steps whose text is held against the peers'


def text_of(world: World, measure: PassPort, state: State) -> tuple[str, list[str], list[str]]:
    """Return what a scene says, and the ids and the words of the choices that are open."""
    here = [offer for offer in offers(world, measure, state) if offer.open]
    says = [offer.choice.say(state, measure) for offer in here]
    return world.scene(state.scene).text(state, measure), [offer.choice.id for offer in here], says


def stepped(world: World, measure: PassPort, steps: int, *, digests: bool = False) -> tuple[float, str, list[RecordedTurn]]:
    """Walk; return the seconds that it took, what was said in the first steps, and the turns if digests were asked for."""
    state, chain, number = initial_state(world, Prior()), "", 1
    said: list[str] = []
    turns: list[RecordedTurn] = []
    begun = perf_counter()
    for step in range(steps):
        text, ids, says = text_of(world, measure, state)
        if step < TOLD:
            said.append(" ".join(text.split()) + "|" + "|".join(says))
        number = number * 16807 % 2147483647
        choice = ids[(number >> 8) % len(ids)]
        state = take(world, measure, state, choice)
        if digests:
            chain = digest(world, state, chain)
            turns.append(RecordedTurn(choice, state.scene, None, None, chain))
    return perf_counter() - begun, sha256("\n".join(said).encode()).hexdigest(), turns


def written(world: World, turns: list[RecordedTurn], path: Path) -> None:
    """Write turns down as a run."""
    header = Header(world.id, world.version, world.hash, None, 0, 0.0, Prior(), "2021-03-22T00:00:00+00:00")
    rows = [json.dumps({"choice": turn.choice, "scene": turn.scene, "digest": turn.digest}) for turn in turns]
    path.write_text("\n".join([header.line(), *rows]) + "\n", encoding="utf8")


def main() -> None:
    """Walk, or restore, and say how long it took."""
    folder, steps, *more = sys.argv[1:]
    world = open_world(folder)
    measure = open_pass(world)
    stepped(world, measure, 500)  # every scene is compiled when it is first met
    if more[:1] == ["restore"]:
        path = Path(more[1])
        written(world, stepped(world, measure, int(steps), digests=True)[2], path)
        begun = perf_counter()
        journal = read_journal(path)
        run, differences, _ = replay(world, measure, journal.header.prior, journal.turns)
        seconds = perf_counter() - begun
        if differences or len(run.turns) < int(steps):
            sys.exit(f"not restored: {differences}")
        print(json.dumps({"seconds": seconds, "bytes": path.stat().st_size / int(steps)}))
        return
    seconds, said, _ = stepped(world, measure, int(steps), digests=bool(more))
    print(json.dumps({"seconds": seconds, "said": said}))


if __name__ == "__main__":
    main()
