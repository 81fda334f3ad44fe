"""How a session begins: the store of a world's runs, and a run that is new, resumed or forked. Knows no front end.

The only place where chance is asked, and with the recorder, which times turns, where the clock is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import RunError
from forward_pass.network.passes import open_pass
from forward_pass.session.session import Session
from forward_pass.storage.journal import Header
from forward_pass.storage.store import RunStore, Stored, StoreOptions
from forward_pass.story.state import Prior
from forward_pass.story.world import World

MAX_SEED = 2**31 - 1


class Sampling(NamedTuple):
    """How words are drawn in new runs; the seed is random where there is none."""

    temperature: float = 0.0
    seed: int | None = None


class Started(NamedTuple):
    """A session, and what its player should be told first."""

    session: Session
    notes: tuple[str, ...] = ()


def open_store(
    world: World,
    saves: Path,
    world_argument: str = "",
    sampling: Sampling | None = None,
    options: StoreOptions = StoreOptions(),  # noqa: B008 - it is a value
) -> RunStore:
    """Return the store of a world's runs; ``world_argument`` is how a command line calls the world."""
    header = header_maker(world, sampling or Sampling())
    return RunStore(saves, world, open_pass(world), header, world_argument, options)


def header_maker(world: World, sampling: Sampling) -> Callable[[Prior], Header]:
    """Return a function that makes the header of a new run, with the present time and, unless given, a random seed."""

    def header(prior: Prior) -> Header:
        return Header(
            world=world.id,
            version=world.version,
            hash=world.hash,
            weights=world.network,
            seed=int.from_bytes(os.urandom(4)) % MAX_SEED if sampling.seed is None else sampling.seed,
            temperature=sampling.temperature,
            prior=prior,
            created_at=time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),  # importing datetime takes 4 ms
        )

    return header


def start(store: RunStore, stored: Stored, *notes: str) -> Started:
    """Return a session with a run, and the notes on it."""
    return Started(Session(store, stored), (*notes, *stored.notes))


def start_fork(store: RunStore, stored: Stored, choice: str = "") -> Started:
    """Return a session at a fork of a run, with a choice taken at once where there is one, and the notes on it."""
    started = start(store, stored)
    if not choice:
        return started
    started.session.choose(choice)
    return started._replace(notes=(f"This is {started.session.recorder.label}, a branch; the other run stays as it is.",))


def start_new(store: RunStore) -> Started:
    """Return a session at the opening of a new run."""
    return start(store, store.new())


def continue_latest(store: RunStore) -> Started:
    """Return a session at the run that was appended to last, with notes on files that cannot be read; raises ``RunError``."""
    stored, errors = store.resume_latest()
    if stored is None:
        nothing = f"no run of {store.world.id} is kept in {store.saves}: begin one with {store.play_command()}"
        raise RunError("\n".join([*map(str, errors), nothing]))
    return start(store, stored, *map(str, errors))
