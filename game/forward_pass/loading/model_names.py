"""What the model of a world has names for: its vocabulary, directions and probes. Runs nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from forward_pass.errors import Place
from forward_pass.loading.fields import Entry, string
from forward_pass.loading.paths import CALIBRATION
from forward_pass.loading.report import Report
from forward_pass.loading.yaml_tree import Node
from forward_pass.network.weights import WeightsError, parse_weights

MAX_WORDS_LISTED = 10


class ModelNames(NamedTuple):
    """The model of a world: its file, the checksums of file and network, and what it has names for."""

    file: str
    checksum: str
    network: str
    vocabulary: frozenset[str]
    directions: tuple[str, ...]
    probes: tuple[str, ...]


def read_model_names(report: Report, entry: Entry | None, files: Mapping[str, bytes]) -> ModelNames | None:
    """Return what the world's model has names for, None where its words are written or the model cannot be read."""
    file = string(report, entry.value, "model") if entry else ""
    if not entry or not file:
        return None
    if file not in files and (Path(file).name != file or not file.endswith(".fpw")):
        message = "the model must be a .fpw file in the world's own folder, or the name of a world that came with the game"
        report.add(entry.value, "E501", message)
        return None
    if file not in files:
        report.add(entry.value, "E501", f"{file!r} is not in the world's folder")
        return None
    try:
        weights = parse_weights(files[file])
    except WeightsError as error:
        report.add(entry.value, "E501", f"the model cannot be read: {error}")
        return None
    _check_calibration(report, entry.value, files.get(CALIBRATION), weights.checksum)
    metadata = weights.metadata
    return ModelNames(
        file=file,
        checksum=weights.checksum,
        network=weights.network,
        vocabulary=frozenset(metadata.vocabulary),
        directions=tuple(metadata.directions),
        probes=tuple(metadata.probes),
    )


def _check_calibration(report: Report, node: Node, content: bytes | None, checksum: str) -> None:
    """Warn where a calibration stands beside the weights that was not measured on them, or that cannot be read."""
    if content is None:
        return
    try:
        measured = json.loads(content)["weights"]
    except (ValueError, KeyError, TypeError, RecursionError):
        what = f"{CALIBRATION} cannot be read, or does not say which weights it was measured on"
    else:
        if measured == checksum:
            return
        what = f"{CALIBRATION} was measured on other weights ({str(measured)[:16]}, these are {checksum[:16]})"
    report.add(node, "W507", f"{what}: its numbers do not apply to this model; measure again")


def missing_words(model: ModelNames | None, words: Iterable[str]) -> str:
    """Return the words that a model does not have, quoted; empty where there is no model or it has them all."""
    known: Collection[str] = model.vocabulary if model else ()
    missing = [word for word in dict.fromkeys(words) if model and word not in known]
    return ", ".join(map(repr, missing[:MAX_WORDS_LISTED]))


def word_place(node: Node, word: str) -> Node | Place:
    """Return where a word first stands in a prompt; where it is not found as it is, the prompt itself."""
    pending = [node]
    while pending:
        one = pending.pop(0)
        if isinstance(one.value, str):
            at = one.value.find(word)
            if at >= 0:
                return one.locator()(at)
        elif isinstance(one.value, list):
            pending = [*one.value, *pending]
        else:
            pending = [*(value for _, value in one.value.values()), *pending]
    return node  # pragma: no cover - every word of a prompt is written in it


def check_word(report: Report, model: ModelNames | None, node: Node) -> None:
    """Report a scalar that is not a word of the world's model, if there is one."""
    if model and node.value and node.value not in model.vocabulary:
        near = report.near(node.value, model.vocabulary)
        report.add(node, "E504", f"{node.value!r} is not in the model's vocabulary{near}")
