"""Runs to look through, as a tree, with what is written on them: all that are kept of a world, or a checkout's golden ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from forward_pass.errors import RunError
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.paths import CHECKOUT
from forward_pass.storage.journal import Header, Journal, list_run_files, read_journal
from forward_pass.storage.labels import Annotation, read_labels, write_label
from forward_pass.storage.tree import Tree, build_tree
from forward_pass.story.distribution import Distribution, PassPort, draw_word
from forward_pass.story.engine import offers
from forward_pass.story.history import RecordedTurn, Run, append, make_turn, new_run
from forward_pass.story.state import Prior
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.storage.replay import ReplayResult


class RunSet:
    """Runs by number, with the tree that they make; ``folder`` is where labels and notes are kept, None where none can be."""

    def __init__(self, world: World, measure: PassPort, runs: Sequence[tuple[int, Journal]], folder: Path | None) -> None:
        self.world = world
        self.measure = measure
        self.journals = dict(runs)
        self.folder = folder
        self.faults: tuple[str, ...] = ()  # what kept any run from being read
        self.names: Mapping[int, str] = {}  # by run, where runs go by names and not by numbers

    @cached_property
    def tree(self) -> Tree:
        """The tree of the runs."""
        return build_tree(self.journals.items())

    @property
    def read_only(self) -> bool:
        """Whether nothing can be put on a turn."""
        return self.folder is None

    def annotations(self) -> Mapping[str, Annotation]:
        """Return what is written on turns, by digest; a run that goes by a name has it as the label of its last turn."""
        return read_labels(self.folder) if self.folder else self._named()

    def _named(self) -> Mapping[str, Annotation]:
        found: dict[str, Annotation] = {}
        for run, name in self.names.items():
            digest = self.journals[run].turns[-1].digest
            found[digest] = Annotation(", ".join(filter(None, (found.get(digest, Annotation()).label, name))))
        return found

    def name_of(self, run: int) -> str:
        """Return what a run goes by: its name, or its number."""
        return self.names.get(run, f"run {run}")

    def annotate(self, digest: str, kind: str, text: str) -> None:
        """Put a ``label`` or a ``note`` on a turn; raises ``RunError`` where it cannot be kept."""
        if self.folder is None:
            raise RunError("golden runs are read only: nothing can be put on their turns")
        write_label(self.folder, digest, **{kind: text})

    def replay_to(self, run: int, turn: int) -> ReplayResult:
        """Return a run walked again up to a turn, or as far as it goes."""
        journal = self.journals[run]
        from forward_pass.storage.replay import replay_run  # noqa: PLC0415 - a start can do without

        return replay_run(self.world, self.measure, journal, min(turn, len(journal.turns)))


def stored_runs(world: World, measure: PassPort, folder: Path) -> RunSet:
    """Return the runs in the folder of a world; a file that is no run is passed over, and named among the faults."""
    found, faults = [], []
    with gc_paused():
        for run in list_run_files(folder):
            try:
                found.append((run.number, read_journal(run.path)))
            except RunError as error:
                faults.append(str(error))
    shelf = RunSet(world, measure, found, folder)
    shelf.faults = tuple(faults)
    return shelf


def golden_runs(world: World, measure: PassPort) -> RunSet:
    """Return the golden runs that came with a checkout, numbered in the order of their names; raises ``RunError``."""
    folder = (CHECKOUT or Path()) / "tests" / "golden" / world.id
    files = sorted(folder.glob("*.txt")) if CHECKOUT else []
    if not files:
        raise RunError(f"there are no golden runs of {world.id} here: they come with a checkout")
    shelf = RunSet(world, measure, [(number, _golden(world, measure, path)) for number, path in enumerate(files, 1)], None)
    shelf.names = {number: path.stem for number, path in enumerate(files, 1)}
    return shelf


def _golden(world: World, measure: PassPort, path: Path) -> Journal:
    """Return a golden run, walked as it is typed."""
    head = dict(line.split(": ", 1) for line in path.read_text(encoding="utf8").partition("\n\n")[0].splitlines())
    seed, temperature = int(head["seed"]), float(head["temperature"])
    known = frozenset(name for name in head.get("after", "").split(", ") if name)
    facts = Prior(len(known) + 1, known)
    run = new_run(world, measure, facts)
    for choice in head["play"].split(" / "):
        run = append(run, make_turn(run, _typed(run, choice), partial(_drawn, temperature, seed)))
    turns = tuple(RecordedTurn(one.choice, one.state.scene, one.word, one.probability, one.digest) for one in run.turns)
    header = Header(world.id, world.version, world.hash, world.weights, seed, temperature, facts, path.stem)
    return Journal(header, turns, len(turns), 0, torn=False, fault="")


def _typed(run: Run, choice: str) -> str:
    """Return the id of a choice that was typed, by its id or its number."""
    if not choice.isdigit():
        return choice
    return [offer.choice.id for offer in offers(run.world, run.measure, run.state) if offer.open][int(choice) - 1]


def _drawn(temperature: float, seed: int, distribution: Distribution, token: int) -> str:
    return draw_word(distribution, temperature, seed, token)
