"""How a session begins: the store of a world's runs, and a run that is new, resumed or forked. Knows no front end.

The only place where chance is asked, and with the recorder, which times turns, where the clock is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import RunError, WorldError
from forward_pass.network.passes import open_pass
from forward_pass.session.events import Event, Message, Rejected
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


def start_at(store: RunStore, scene: str, condition: str | None = None) -> Started:
    """Return a session at a scene, by choices that lead there at temperature 0, where a condition holds if one is given.

    Raises ``UsageError`` where none do.
    """
    from forward_pass.session.way_there import condition_on, way_to  # noqa: PLC0415 - play begins without

    wanted = None if condition is None else condition_on(store.world, condition)
    started = start_new(store)
    choices = way_to(store.world, store.inspector, scene, started.session.recorder.prior, wanted)
    for choice in choices:
        started.session.choose(choice)
    path = ", ".join(choices) or "it is where a run begins"
    stored = "" if started.session.recorder.is_saving else ", which is not stored"
    return started._replace(notes=(f"A rehearsal at {scene}{stored}. The way there: {path}.",))


class Watch:
    """Looks whether the files of a session's world have changed, and plays on in the world as it is then."""

    def __init__(self, session: Session, open_again: Callable[[], World]) -> None:
        self._session, self._open_again = session, open_again
        self._seen = self._stamp()

    def _stamp(self) -> tuple[tuple[str, int, int], ...]:
        found = []
        for path in sorted(self._session.world.folder.rglob("*.yaml")):
            with suppress(OSError):
                status = path.stat()
                found.append((path.name, status.st_mtime_ns, status.st_size))
        return tuple(found)

    def __call__(self) -> list[Event]:
        """Return what there is to be told: nothing where no file has changed, the problems, or the scene as it is now."""
        stamp = self._stamp()
        if stamp == self._seen:
            return []
        self._seen = stamp
        try:
            world = self._open_again()
        except WorldError as error:
            return [Rejected(f"The world has changed and cannot be read; it is played on as it was.\n{error}")]
        session, turns = self._session, self._session.run.at
        header = header_maker(world, Sampling(*session.recorder.sampling))
        store = RunStore(
            session.store.saves, world, open_pass(world), header, options=StoreOptions(session.recorder.prior, saving=False)
        )
        kept, why = session.play_in(store)
        told = "The world was read again." if kept == turns else f"The world was read again; at turn {kept + 1}: {why}."
        return [Message(told), *session.opening()]


def continue_latest(store: RunStore) -> Started:
    """Return a session at the run that was appended to last, with notes on files that cannot be read; raises ``RunError``."""
    stored, errors = store.resume_latest()
    if stored is None:
        nothing = f"no run of {store.world.id} is kept in {store.saves}: begin one with {store.play_command()}"
        raise RunError("\n".join([*map(str, errors), nothing]))
    return start(store, stored, *map(str, errors))
