"""Weights from a world's corpus, with one call: grow a network, hold its snapshots to the bands, write the best or none.

This is what `forward-pass train WORLD` runs. Everything that lasts goes to two folders: checkpoints and log to `out`,
and at the end the weights, their calibration and their card to the world.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from forward_pass.network.effects import unsigned_layers
from forward_pass.network.weights import Weights, quantise
from forward_pass.training.bands import Missed, distance, find_carriers, measure, missed
from forward_pass.training.checkpoints import read_snapshot, snapshots
from forward_pass.training.export import parameters_of
from forward_pass.training.growth import Step, course, grow_network
from forward_pass.training.progress import Quiet, Watcher
from forward_pass.training.publish import Corpus, Files, bare_label, publish, read_corpus
from forward_pass.training.study import doubt, draw_study

_LOG_EVERY = 20
_FINALISTS = 6
_QUICK_DOCUMENTS = 16


class BandsMissedError(ValueError):
    """No snapshot is within the declared bands: nothing was written. `missed` says what the nearest one misses."""

    def __init__(self, snapshot: str, missed_bands: Sequence[Missed]) -> None:
        """Say which snapshot came nearest and every band it misses."""
        self.missed = tuple(missed_bands)
        lines = "\n".join(f"  {miss}" for miss in missed_bands)
        super().__init__(f"no snapshot is within its bands; {snapshot} comes nearest, but\n{lines}")


@dataclass(frozen=True)
class Candidate:
    """A snapshot with what was measured on it."""

    path: Path
    carriers: Mapping[str, int]
    measured: Mapping[str, float]


@dataclass(frozen=True)
class Trained:
    """The files a training wrote, and the snapshot it chose."""

    files: Files
    chosen: Candidate


def train(  # noqa: PLR0913  (all but two are by name, and have a default)
    world: Path,
    out: Path,
    *,
    seed: int = 1,
    resume: bool = True,
    watcher: Watcher | None = None,
    into: Path | None = None,
) -> Trained:
    """Train on the corpus of `world`, keeping checkpoints and log in `out`; write weights to `into` (the world).

    Resumes from `out` after a kill. Raises `BandsMissedError` if no snapshot is within the bands: then nothing is
    written. Raises what `read_corpus` raises.
    """
    corpus, watcher = read_corpus(world), watcher or Quiet()
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def observe(step: Step) -> None:
        watcher.saw_step(step)
        if step.done % _LOG_EVERY == 0:
            seconds = round(time.monotonic() - began, 1)
            _log(out, {"stage": step.stage, "step": step.done, "loss": round(step.loss, 4), "seconds": seconds})
        if step.snapshot is not None and step.stage == len(corpus.schedule.stages) - 1:
            _score(corpus, out, step.snapshot, watcher)

    grow_network(course(corpus.grammar, corpus.schedule, out, seed), observe, resume=resume)
    _log(out, {"trained": True, "seconds": round(time.monotonic() - began, 1)})
    chosen = choose(corpus, out, watcher)
    made = {"seed": str(seed), "snapshot": chosen.path.stem}
    files = publish(corpus, parameters_of(read_snapshot(chosen.path)), chosen.carriers, made, into or world)
    return Trained(files, chosen)


def choose(corpus: Corpus, out: Path, watcher: Watcher) -> Candidate:
    """Return the snapshot in `out` that is best within all bands. Raises `BandsMissedError` if there is none."""
    last = len(corpus.schedule.stages) - 1
    paths = [path for path in snapshots(out) if path.name.startswith(f"stage{last}-")]
    scored = sorted((_score(corpus, out, path, watcher) for path in paths), key=lambda c: _order(corpus, c))
    finalists = [replace(c, measured=_measured_in_full(corpus, c)) for c in scored[:_FINALISTS]]
    for candidate in finalists:
        _log(out, {"finalist": candidate.path.name, **_short(candidate.measured)})
    best = min(finalists, key=lambda c: _order(corpus, c))
    misses = missed(corpus.bands, best.measured)
    if misses:
        raise BandsMissedError(best.path.name, misses)
    watcher.saw_event(f"{best.path.name} is within all bands")
    return best


def _score(corpus: Corpus, out: Path, path: Path, watcher: Watcher) -> Candidate:
    """Return a snapshot with its bands (all but `unsigned`), measured once and kept beside it."""
    kept = path.with_suffix(".bands.json")
    if not kept.exists():
        weights = quantise(parameters_of(read_snapshot(path)), bare_label(corpus))
        carriers = find_carriers(weights, corpus.grammar)
        measured = measure(weights, corpus.grammar, carriers, _QUICK_DOCUMENTS)
        kept.write_text(json.dumps({"carriers": carriers, "measured": _short(measured)}), encoding="utf-8")
        _log(out, {"snapshot": path.name, **_short(measured)})
        watcher.saw_bands(measured, corpus.bands)
    raw = json.loads(kept.read_text(encoding="utf-8"))
    return Candidate(path, raw["carriers"], raw["measured"])


def _measured_in_full(corpus: Corpus, candidate: Candidate) -> dict[str, float]:
    """Return every band of a candidate, found with the direction that `unsigned` needs."""
    parameters, label = parameters_of(read_snapshot(candidate.path)), bare_label(corpus)
    bare, layers = quantise(parameters, label), unsigned_layers(parameters.shape)
    directions = np.zeros((parameters.shape.n_layer, parameters.shape.n_embd))
    read = draw_study(bare, corpus.grammar, corpus.schedule.quick_study, layers)
    directions[[layer - 1 for layer in layers]] = doubt(read)
    weights: Weights = quantise(parameters, replace(label, directions={"doubt": directions}))
    return measure(weights, corpus.grammar, candidate.carriers)


def _order(corpus: Corpus, candidate: Candidate) -> tuple[float, float]:
    """Sort the nearest to the bands first, and of those inside, the one with most room."""
    bands = [band for band in corpus.bands if band.name in candidate.measured]
    room = sum(min(0.3, candidate.measured[b.name] - b.least, b.most - candidate.measured[b.name]) for b in bands)
    return distance(bands, candidate.measured), -room


def _short(measured: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(number), 4) for name, number in measured.items()}


def _log(out: Path, entry: Mapping[str, Any]) -> None:
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")
