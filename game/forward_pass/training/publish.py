"""What a world ships of a network: its weights, their calibration, their card. NumPy only; training is not needed for it.

`publish` writes all three from parameters; `recalibrate` measures a world's weights again and writes the other two; `recard`
writes the card from what was measured: `python -m forward_pass.training.publish WORLD`.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forward_pass.checker.pass_table import TABLE_FILE, PassTable
from forward_pass.loading.loader import read_world
from forward_pass.network.passes import open_pass
from forward_pass.network.weights import (
    Array,
    Metadata,
    Parameters,
    Weights,
    pack_weights,
    parse_weights,
    quantise,
    read_weights,
)
from forward_pass.story.world import World
from forward_pass.training.bands import Band, find_carriers, measure, read_bands
from forward_pass.training.calibrate import calibrate
from forward_pass.training.card import card
from forward_pass.training.grammar import Grammar, read_grammar, vocabulary
from forward_pass.training.schedule import Schedule, read_schedule
from forward_pass.training.study import Accuracy, doubt, draw_study, nonsense_probe, objection, says_no_probe

WEIGHTS, CALIBRATION, CARD = "weights.fpw", "calibration.json", "MODEL.md"


@dataclass(frozen=True)
class Corpus:
    """All that a world's `corpus/` folder tells."""

    grammar: Grammar
    schedule: Schedule
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Files:
    """Where a world's model lies."""

    weights: Path
    calibration: Path
    card: Path


@dataclass(frozen=True, eq=False)
class Findings:
    """What a study of a network finds: directions and probes by name, and how well each probe reads."""

    directions: Mapping[str, Array]
    probes: Mapping[str, Array]
    accuracies: Mapping[str, list[Accuracy]]


def read_corpus(world: Path) -> Corpus:
    """Return what the corpus of `world` tells. Raises `GrammarError`, `OSError` or a YAML error."""
    folder = world / "corpus"
    bands = read_bands(folder / "bands.yaml")
    return Corpus(read_grammar(folder), read_schedule(folder / "training.yaml"), bands)


def bare_label(corpus: Corpus) -> Metadata:
    """Return the label of a network of this corpus before anything has been found in it."""
    words = vocabulary(corpus.grammar)
    return Metadata(words, tuple(words.index(mark) for mark in corpus.schedule.pair_marks), {}, {}, {})


def publish(corpus: Corpus, parameters: Parameters, carriers: Mapping[str, int], made: Mapping[str, str], into: Path) -> Files:
    """Write weights, calibration and card of a network to the folder `into`; `made` says how it was made."""
    label = bare_label(corpus)
    found = study(corpus, quantise(parameters, label))
    label = replace(label, directions=found.directions, probes=found.probes, made=made)
    data = pack_weights(parameters, label)
    _write(into / WEIGHTS, data)
    return describe(corpus, parse_weights(data), carriers, found.accuracies, into)


def recalibrate(world: Path) -> Files:
    """Measure the weights of `world` again and write their calibration and card. Raises `WeightsError` and corpus errors."""
    corpus, weights = read_corpus(world), read_weights(world / WEIGHTS)
    carriers = find_carriers(weights, corpus.grammar)
    return describe(corpus, weights, carriers, study(corpus, weights).accuracies, world)


def recard(world: Path) -> Path:
    """Write the card of `world` again, from its calibration and its table of decodings; measure nothing. Return the card.

    Raises `ValueError` where the calibration is of other weights, and what reading the files raises.
    """
    corpus, weights = read_corpus(world), read_weights(world / WEIGHTS)
    calibration = json.loads((world / CALIBRATION).read_text(encoding="utf8"))
    if calibration["weights"] != weights.checksum:
        message = f"{world / CALIBRATION} was measured on other weights"
        raise ValueError(message)
    text = card(weights, corpus.grammar, corpus.schedule, calibration, decodings_of(world))
    _write(world / CARD, text.encode())
    return world / CARD


def decodings_of(world: Path) -> list[list[Any]]:
    """Return the rows of a world's table of decodings; none where it has no table, or one that is not of it as it is now."""
    data = read_world(world).data
    if data is None or not (world / TABLE_FILE).is_file():
        return []
    kept = json.loads((world / TABLE_FILE).read_text(encoding="utf8"))
    read = World(data, world)
    rows: list[list[Any]] = kept["rows"]
    return rows if kept["of"] == PassTable(read, open_pass(read), 0).digest else []


def study(corpus: Corpus, weights: Weights) -> Findings:
    """Return the directions and probes of a network, after every layer."""
    read = draw_study(weights, corpus.grammar, corpus.schedule.study, range(1, weights.shape.n_layer + 1))
    (nonsense, nonsense_fit), (says_no, says_no_fit) = nonsense_probe(read), says_no_probe(read)
    return Findings(
        {"doubt": doubt(read), "objection": objection(read)},
        {"nonsense": nonsense, "says_no": says_no},
        {"nonsense": nonsense_fit, "says_no": says_no_fit},
    )


def describe(
    corpus: Corpus, weights: Weights, carriers: Mapping[str, int], fits: Mapping[str, list[Accuracy]], into: Path
) -> Files:
    """Write calibration and card of `weights` to `into`."""
    measured = measure(weights, corpus.grammar, carriers)
    bands = [(band, measured[band.name]) for band in corpus.bands]
    calibration = calibrate(weights, corpus.grammar.prompt, carriers, bands, fits)
    files = Files(into / WEIGHTS, into / CALIBRATION, into / CARD)
    _write(files.calibration, _as_json(calibration).encode())
    _write(files.card, card(weights, corpus.grammar, corpus.schedule, calibration).encode())
    return files


def _as_json(calibration: Mapping[str, Any]) -> str:
    """Return the calibration one row a line, so that a change can be read in a diff."""
    parts = []
    for key, value in calibration.items():
        if isinstance(value, list):
            rows = ",\n  ".join(json.dumps(row) for row in value)
            parts.append(f"{json.dumps(key)}: [\n  {rows}\n ]")
        elif isinstance(value, dict) and len(value) > 1:
            rows = ",\n  ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            parts.append(f"{json.dumps(key)}: {{\n  {rows}\n }}")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_bytes(data)
    partial.replace(path)


if __name__ == "__main__":
    recard(Path(sys.argv[1]))
