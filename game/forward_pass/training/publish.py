"""The files of a world's model: weights, calibration and card. NumPy only; torch is not needed.

`publish` writes all three from parameters, `recalibrate` measures a world's weights again and writes the other two, and
`rewrite_card` writes the card from the calibration: `python -m forward_pass.training.publish WORLD`.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forward_pass.atomic_write import write_whole
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
from forward_pass.training.bands import Band, find_carriers, measure_bands, read_bands
from forward_pass.training.calibrate import calibrate
from forward_pass.training.card import card
from forward_pass.training.controls import measure_other_questions
from forward_pass.training.grammar import Grammar, read_grammar, vocabulary
from forward_pass.training.schedule import Schedule, read_schedule
from forward_pass.training.second_seed import compare, section
from forward_pass.training.study import (
    Accuracy,
    doubt_direction,
    draw_study,
    nonsense_probe,
    objection_direction,
    says_no_probe,
)

WEIGHTS, CALIBRATION, CARD, SECOND_SEED = "weights.fpw", "calibration.json", "MODEL.md", "second-seed.json"


@dataclass(frozen=True)
class Corpus:
    """The contents of a world's `corpus/` folder."""

    grammar: Grammar
    schedule: Schedule
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class ModelFiles:
    """The paths of a world's model files."""

    weights: Path
    calibration: Path
    card: Path


@dataclass(frozen=True, eq=False)
class StudyResult:
    """Directions and probes by name, and each probe's accuracy by layer."""

    directions: Mapping[str, Array]
    probes: Mapping[str, Array]
    accuracies: Mapping[str, list[Accuracy]]


def read_corpus(world: Path) -> Corpus:
    """Return the corpus of `world`. Raises `GrammarError`, `OSError` or a YAML error."""
    folder = world / "corpus"
    bands = read_bands(folder / "bands.yaml")
    return Corpus(read_grammar(folder), read_schedule(folder / "training.yaml"), bands)


def bare_metadata(corpus: Corpus) -> Metadata:
    """Return the metadata of a network trained on `corpus`, without directions and probes."""
    words = vocabulary(corpus.grammar)
    return Metadata(words, tuple(words.index(mark) for mark in corpus.schedule.pair_marks), {}, {}, {})


def publish(
    corpus: Corpus, parameters: Parameters, carriers: Mapping[str, int], made: Mapping[str, str], folder: Path
) -> ModelFiles:
    """Write weights, calibration and card of a network to `folder`; `made` says how it was made."""
    metadata = bare_metadata(corpus)
    result = study_network(corpus, quantise(parameters, metadata))
    metadata = replace(metadata, directions=result.directions, probes=result.probes, made=made)
    data = pack_weights(parameters, metadata)
    write_whole(folder / WEIGHTS, data, make_folder=True)
    return write_reports(corpus, parse_weights(data), carriers, result.accuracies, folder)


def recalibrate(world: Path) -> ModelFiles:
    """Measure the weights of `world` again, and write their calibration and card.

    Raises `WeightsError`, and what `read_corpus` raises.
    """
    corpus, weights = read_corpus(world), read_weights(world / WEIGHTS)
    carriers = find_carriers(weights, corpus.grammar)
    return write_reports(corpus, weights, carriers, study_network(corpus, weights).accuracies, world)


def rewrite_card(world: Path) -> Path:
    """Write the card of `world` from what was measured, without measuring; return its path. Raises what `card_text` raises."""
    write_whole(world / CARD, card_text(world).encode(), make_folder=True)
    return world / CARD


def card_text(world: Path) -> str:
    """Return the card of `world` from its calibration, its pass table and the comparison with a second seed.

    Raises `ValueError` if the calibration was measured on other weights, and what reading the files raises.
    """
    corpus, weights = read_corpus(world), read_weights(world / WEIGHTS)
    calibration = json.loads((world / CALIBRATION).read_text(encoding="utf8"))
    if calibration["weights"] != weights.checksum:
        message = f"{world / CALIBRATION} was measured on other weights"
        raise ValueError(message)
    text = card(weights, corpus.grammar, corpus.schedule, calibration, read_pass_rows(world))
    second = read_second_seed(world, weights)
    return text + (f"\n{section(second)}" if second else "")


def read_pass_rows(world: Path) -> list[list[Any]]:
    """Return the rows of a world's pass table; none if it has no table, or one whose digest is not the world's."""
    story = read_world(world).story
    if story is None or not (world / TABLE_FILE).is_file():
        return []
    table = json.loads((world / TABLE_FILE).read_text(encoding="utf8"))
    loaded = World(story, world)
    rows: list[list[Any]] = table["rows"]
    return rows if table["of"] == PassTable(loaded, open_pass(loaded), 0).digest else []


def compare_second_seed(world: Path, calibration: Path, seed: int, snapshot: str) -> Path:
    """Write what a network of another seed, given by its calibration, has in common with the world's, and the card."""
    shipped, other = (json.loads(path.read_text(encoding="utf8")) for path in (world / CALIBRATION, calibration))
    found = {"of": shipped["weights"], "seed": seed, "snapshot": snapshot, **compare(shipped, other)}
    write_whole(world / SECOND_SEED, (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode())
    return rewrite_card(world)


def read_second_seed(world: Path, weights: Weights) -> dict[str, Any] | None:
    """Return what a second network showed beside these weights; None if none was compared with them."""
    path = world / SECOND_SEED
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf8")) if path.is_file() else {}
    return found if found.get("of") == weights.checksum else None


def study_network(corpus: Corpus, weights: Weights) -> StudyResult:
    """Return the directions and probes of a network, after every layer."""
    study = draw_study(weights, corpus.grammar, corpus.schedule.study_documents, range(1, weights.shape.n_layer + 1))
    (nonsense, nonsense_fit), (says_no, says_no_fit) = nonsense_probe(study), says_no_probe(study)
    return StudyResult(
        {"doubt": doubt_direction(study), "objection": objection_direction(study)},
        {"nonsense": nonsense, "says_no": says_no},
        {"nonsense": nonsense_fit, "says_no": says_no_fit},
    )


def write_reports(
    corpus: Corpus, weights: Weights, carriers: Mapping[str, int], accuracies: Mapping[str, list[Accuracy]], folder: Path
) -> ModelFiles:
    """Write calibration and card of `weights` to `folder`."""
    measured = measure_bands(weights, corpus.grammar, carriers)
    bands = [(band, measured[band.name]) for band in corpus.bands]
    calibration = calibrate(weights, corpus.grammar.prompt, carriers, bands, accuracies)
    calibration["other_questions"] = measure_other_questions(weights, corpus.grammar, carriers)
    files = ModelFiles(folder / WEIGHTS, folder / CALIBRATION, folder / CARD)
    write_whole(files.calibration, _as_json(calibration).encode(), make_folder=True)
    write_whole(files.card, card(weights, corpus.grammar, corpus.schedule, calibration).encode(), make_folder=True)
    return files


def _as_json(calibration: Mapping[str, Any]) -> str:
    """Return the calibration as JSON with one row a line, for readable diffs."""
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


if __name__ == "__main__":
    rewrite_card(Path(sys.argv[1]))
