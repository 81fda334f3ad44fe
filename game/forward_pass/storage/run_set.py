"""Runs to browse as a tree, with their annotations: all stored runs of a world, or the golden runs of a source checkout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from forward_pass.errors import RunError, printable
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.paths import CHECKOUT
from forward_pass.storage.folder import list_run_files
from forward_pass.storage.journal import Header, Journal, read_journal
from forward_pass.storage.labels import Annotation, read_labels, write_label
from forward_pass.storage.listing import set_aside_note
from forward_pass.storage.replay import replay_run
from forward_pass.storage.tree import Tree, build_tree
from forward_pass.story.distribution import Distribution, draw_word
from forward_pass.story.engine import offers
from forward_pass.story.history import RecordedTurn, Run, append, make_turn, new_run
from forward_pass.story.ports import Inspector
from forward_pass.story.state import Prior
from forward_pass.story.world import World

if TYPE_CHECKING:
    from forward_pass.storage.replay import ReplayResult


class RunSet:
    """Runs by number, and the tree they form; ``folder`` holds their annotations, None where they are read only."""

    def __init__(self, world: World, inspector: Inspector, runs: Sequence[tuple[int, Journal]], folder: Path | None) -> None:
        self.world = world
        self.inspector = inspector
        self.journals = dict(runs)
        self.folder = folder
        self.faults: tuple[str, ...] = ()  # messages about files that could not be read
        self.names: Mapping[int, str] = {}  # by run, where runs are shown by name instead of number

    @cached_property
    def tree(self) -> Tree:
        """The tree of the runs."""
        return build_tree(self.journals.items(), self.world.endings)

    @property
    def read_only(self) -> bool:
        """Whether turns cannot be annotated."""
        return self.folder is None

    def annotations(self) -> Mapping[str, Annotation]:
        """Return annotations by digest; in a read-only set the name of a run labels its last turn."""
        return read_labels(self.folder) if self.folder else self._names_as_labels()

    def _names_as_labels(self) -> Mapping[str, Annotation]:
        annotations: dict[str, Annotation] = {}
        for run, name in self.names.items():
            digest = self.journals[run].turns[-1].digest
            annotations[digest] = Annotation(", ".join(filter(None, (annotations.get(digest, Annotation()).label, name))))
        return annotations

    def name_of(self, run: int) -> str:
        """Return the name that a run is shown by, or ``run NUMBER``."""
        return self.names.get(run, f"run {run}")

    def annotate(self, digest: str, kind: str, text: str) -> None:
        """Put a ``label`` or a ``note`` on a turn; raises ``RunError`` where it cannot be saved."""
        if self.folder is None:
            raise RunError("golden runs are read only: their turns cannot be labelled")
        write_label(self.folder, digest, **{kind: text})

    def replay_to(self, run: int, turn: int) -> ReplayResult:
        """Replay a run up to a turn, or to its end where it has fewer."""
        journal = self.journals[run]
        return replay_run(self.world, self.inspector, journal, min(turn, len(journal.turns)))


def stored_runs(world: World, inspector: Inspector, folder: Path) -> RunSet:
    """Return the runs in a world's folder; files that cannot be read are reported in ``faults``. Raises ``RunError``."""
    runs, faults = [], []
    with gc_paused():
        for run_file in list_run_files(folder):
            try:
                journal = read_journal(run_file.path)
            except RunError as error:
                faults.append(str(error))
                continue
            set_aside = set_aside_note(run_file.path, journal.header, world)
            if set_aside:
                faults.append(f"{printable(str(run_file.path))}: {set_aside}")
            else:
                runs.append((run_file.number, journal))
    run_set = RunSet(world, inspector, runs, folder)
    run_set.faults = tuple(faults)
    return run_set


def golden_runs(world: World, inspector: Inspector) -> RunSet:
    """Return the golden runs of a source checkout, numbered in the order of their names; raises ``RunError`` without any."""
    folder = (CHECKOUT or Path()) / "tests" / "golden" / world.id
    files = sorted(folder.glob("*.txt")) if CHECKOUT else []
    if not files:
        raise RunError(f"no golden runs of {world.id}: they are part of a source checkout")
    runs = [(number, _play_golden_run(world, inspector, path)) for number, path in enumerate(files, 1)]
    run_set = RunSet(world, inspector, runs, None)
    run_set.names = {number: path.stem for number, path in enumerate(files, 1)}
    return run_set


def _play_golden_run(world: World, inspector: Inspector, path: Path) -> Journal:
    """Return a golden run as a journal, by playing the choices in the head of its transcript."""
    head = dict(line.split(": ", 1) for line in path.read_text(encoding="utf8").partition("\n\n")[0].splitlines())
    seed, temperature = int(head["seed"]), float(head["temperature"])
    endings = frozenset(name for name in head.get("after", "").split(", ") if name)
    before = [_play_golden_run(world, inspector, path.with_stem(name)) for name in endings]
    met = {turn.scene for journal in before for turn in journal.turns}
    prior = Prior(len(endings) + 1, endings, frozenset(met & world.scenes_remembered))
    run = new_run(world, inspector, prior)
    for choice in head["play"].split(" / "):
        run = append(run, make_turn(run, _choice_id(run, choice), partial(_draw, temperature, seed)))
    turns = tuple(RecordedTurn(turn.choice, turn.state.scene, turn.word, turn.probability, turn.digest) for turn in run.turns)
    header = Header(world.id, world.version, world.hash, world.network, seed, temperature, prior, path.stem)
    return Journal(header, turns, len(turns), 0, torn=False, fault="")


def _choice_id(run: Run, typed: str) -> str:
    """Return the id of a choice given by its id or by its number among the open ones."""
    if not typed.isdigit():
        return typed
    return [offer.id for offer in offers(run.world, run.state) if offer.is_open][int(typed) - 1]


def _draw(temperature: float, seed: int, distribution: Distribution, token: int) -> str:
    return draw_word(distribution, temperature, seed, token)
