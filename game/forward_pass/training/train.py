"""The command `forward-pass train WORLD`: train on a world's corpus, and publish the best snapshot that meets the bands.

Checkpoints and log are written to one folder; at the end weights, calibration and card to another, usually the world's.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from forward_pass.network.weights import Weights, quantise
from forward_pass.training.bands import MissedBand, distance, find_carriers, measure_bands, missed_bands
from forward_pass.training.checkpoints import read_snapshot, snapshots
from forward_pass.training.export import parameters_of
from forward_pass.training.flagship_effects import unsigned_push_layers
from forward_pass.training.growth import Step, grow_network, make_plan
from forward_pass.training.progress import Observer, SilentObserver
from forward_pass.training.publish import Corpus, ModelFiles, bare_metadata, publish, read_corpus
from forward_pass.training.study import doubt_direction, draw_study

_LOG_EVERY = 20  # steps
_FINALISTS = 6
_QUICK_DOCUMENTS = 16


class BandsMissedError(ValueError):
    """No snapshot meets the declared bands, and nothing was written; `missed` are the bands that the best one misses."""

    def __init__(self, snapshot: str, missed: Sequence[MissedBand]) -> None:
        """Name the best snapshot and every band it misses."""
        self.missed = tuple(missed)
        lines = "\n".join(f"  {band}" for band in missed)
        super().__init__(f"no snapshot meets the bands; the nearest is {snapshot}, which misses:\n{lines}")


@dataclass(frozen=True)
class Candidate:
    """A snapshot with its measurements."""

    path: Path
    carriers: Mapping[str, int]
    measured: Mapping[str, float]


@dataclass(frozen=True)
class TrainingResult:
    """The files that a training wrote, and the snapshot it chose."""

    files: ModelFiles
    chosen: Candidate


def train(  # noqa: PLR0913  (all but two are keywords with a default)
    world: Path,
    checkpoints: Path,
    *,
    seed: int = 1,
    resume: bool = True,
    observer: Observer | None = None,
    folder: Path | None = None,
) -> TrainingResult:
    """Train on the corpus of `world`; write checkpoints and log to `checkpoints`, the model to `folder` or `world`.

    With `resume`, continues from the last checkpoint. Raises `BandsMissedError`, before any file of the model is
    written, if no snapshot meets the bands, and what `read_corpus` raises.
    """
    corpus, observer = read_corpus(world), observer or SilentObserver()
    checkpoints.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()

    def observe(step: Step) -> None:
        observer.on_step(step)
        if step.completed % _LOG_EVERY == 0:
            seconds = round(time.monotonic() - start, 1)
            entry = {"stage": step.stage, "step": step.completed, "loss": round(step.loss, 4), "seconds": seconds}
            _log(checkpoints, entry)
        if step.snapshot is not None and step.stage == len(corpus.schedule.stages) - 1:
            _score(corpus, checkpoints, step.snapshot, observer)

    grow_network(make_plan(corpus.grammar, corpus.schedule, checkpoints, seed), observe, resume=resume)
    _log(checkpoints, {"trained": True, "seconds": round(time.monotonic() - start, 1)})
    chosen = choose_snapshot(corpus, checkpoints, observer)
    made = {"seed": str(seed), "snapshot": chosen.path.stem}
    files = publish(corpus, parameters_of(read_snapshot(chosen.path)), chosen.carriers, made, folder or world)
    return TrainingResult(files, chosen)


def choose_snapshot(corpus: Corpus, checkpoints: Path, observer: Observer) -> Candidate:
    """Return the best snapshot in `checkpoints`. Raises `BandsMissedError` if it does not meet all bands."""
    last = len(corpus.schedule.stages) - 1
    paths = [path for path in snapshots(checkpoints) if path.name.startswith(f"stage{last}-")]
    scored = sorted((_score(corpus, checkpoints, path, observer) for path in paths), key=lambda c: _order(corpus, c))
    finalists = [replace(c, measured=_measure_all_bands(corpus, c)) for c in scored[:_FINALISTS]]
    for candidate in finalists:
        _log(checkpoints, {"finalist": candidate.path.name, **_rounded(candidate.measured)})
    best = min(finalists, key=lambda c: _order(corpus, c))
    missed = missed_bands(corpus.bands, best.measured)
    if missed:
        raise BandsMissedError(best.path.name, missed)
    observer.on_message(f"{best.path.name} is within all bands")
    return best


def _score(corpus: Corpus, checkpoints: Path, path: Path, observer: Observer) -> Candidate:
    """Return a snapshot with its bands (all but `unsigned`), measured once and cached in a file next to it."""
    cache = path.with_suffix(".bands.json")
    if not cache.exists():
        weights = quantise(parameters_of(read_snapshot(path)), bare_metadata(corpus))
        carriers = find_carriers(weights, corpus.grammar)
        measured = measure_bands(weights, corpus.grammar, carriers, _QUICK_DOCUMENTS)
        cache.write_text(json.dumps({"carriers": carriers, "measured": _rounded(measured)}), encoding="utf-8")
        _log(checkpoints, {"snapshot": path.name, **_rounded(measured)})
        observer.on_bands(measured, corpus.bands)
    raw = json.loads(cache.read_text(encoding="utf-8"))
    return Candidate(path, raw["carriers"], raw["measured"])


def _measure_all_bands(corpus: Corpus, candidate: Candidate) -> dict[str, float]:
    """Return the measurement of every band, with the direction that `unsigned` needs found first."""
    parameters, metadata = parameters_of(read_snapshot(candidate.path)), bare_metadata(corpus)
    bare, layers = quantise(parameters, metadata), unsigned_push_layers(parameters.shape)
    directions = np.zeros((parameters.shape.n_layer, parameters.shape.n_embd))
    study = draw_study(bare, corpus.grammar, corpus.schedule.quick_study_documents, layers)
    directions[[layer - 1 for layer in layers]] = doubt_direction(study)
    weights: Weights = quantise(parameters, replace(metadata, directions={"doubt": directions}))
    return measure_bands(weights, corpus.grammar, candidate.carriers)


def _order(corpus: Corpus, candidate: Candidate) -> tuple[float, float]:
    """Return a sort key: least distance from the bands first, then the largest sum of distances from their bounds."""
    bands = [band for band in corpus.bands if band.name in candidate.measured]
    room = sum(min(0.3, candidate.measured[b.name] - b.minimum, b.maximum - candidate.measured[b.name]) for b in bands)
    return distance(bands, candidate.measured), -room


def _rounded(measured: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(number), 4) for name, number in measured.items()}


def _log(folder: Path, entry: Mapping[str, Any]) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")
