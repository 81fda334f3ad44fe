"""Directions and linear probes found in the residual streams of a network.

The streams come from newly drawn documents (with seeds that training does not use) and the network as shipped, in NumPy.
A direction is a difference of means; a probe is ridge regression on the normed stream. A probe's accuracy is measured on
held-out questions or documents, next to a control with shuffled labels (Hewitt & Liang 2019).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from forward_pass.network.model import norm, prefill
from forward_pass.network.weights import Array, Weights
from forward_pass.training.corpus import Document, draw_document
from forward_pass.training.grammar import Grammar

BoolArray: TypeAlias = npt.NDArray[np.bool_]
RIDGE, SHUFFLES, LENGTH = 1.0, 5, 257
PROBE_DIGITS = 3  # a least-squares fit is not the same to the last bit every time: what is stored is rounded


@dataclass(frozen=True, eq=False)
class Study:
    """Streams before each count (N), and at the `Your` that begins an answer (M and K)."""

    layers: tuple[int, ...]
    streams: npt.NDArray[np.float32]  # [N, layers, d]
    nonsense: BoolArray  # [N], the question is nonsense
    says_no: BoolArray  # [N], and the register honest: the answer is `no` or `zero`
    document: npt.NDArray[np.int64]  # [N], the number of the document
    question: npt.NDArray[np.int64]  # [N], 0 .. 3, a hash of attribute and subject
    objecting: npt.NDArray[np.float32]  # [M, layers, d], before `question`
    answering: npt.NDArray[np.float32]  # [K, layers, d], before any other word


@dataclass(frozen=True)
class Accuracy:
    """A probe at one layer: balanced accuracy on held-out data, and the mean of the controls with shuffled labels."""

    layer: int
    held_out: float
    shuffled: float


@dataclass(frozen=True)
class HeldOut:
    """How much the probes' accuracies were measured on."""

    pairs: int  # of an attribute and a subject, held out from the probe for nonsense
    seen: int  # of these: both occur, in other pairs, in the rows it was fitted on
    documents: int  # with nonsense in them, held out from the probe for `no`
    honest: int  # of these: with an answer of `no` or `zero`


def held_out(grammar: Grammar, n_documents: int) -> HeldOut:
    """Return how much of a study of `n_documents` documents is held out, without running a network."""
    fitted: set[tuple[str, str]] = set()
    pairs: set[tuple[str, str]] = set()
    documents: dict[int, bool] = {}
    for at in range(n_documents):
        for c in _study_document(grammar, at).count_answers:
            if c.register == "drill":
                continue
            pair = c.attribute, c.subject
            (pairs if _question_hash(*pair) == 0 else fitted).add(pair)
            if at % 4 == 0 and c.nonsense:
                documents[at] = documents.get(at, False) or c.register == "honest"
    attributes, subjects = {pair[0] for pair in fitted}, {pair[1] for pair in fitted}
    seen = sum(attribute in attributes and subject in subjects for attribute, subject in pairs)
    return HeldOut(len(pairs), seen, len(documents), sum(documents.values()))


def _study_document(grammar: Grammar, at: int) -> Document:
    return draw_document(grammar, Random(f"study/{at}"), LENGTH)


def _question_hash(attribute: str, subject: str) -> int:
    return zlib.crc32(f"{attribute} {subject}".encode()) % 4


def draw_study(weights: Weights, grammar: Grammar, n_documents: int, layers: Sequence[int]) -> Study:
    """Return the streams of `n_documents` documents after `layers`.

    Objections are rare: further documents are drawn for them until there is one for every three documents.
    """
    documents = [_study_document(grammar, at) for at in range(n_documents)]
    counts, labels, answering, objecting = [], [], [], []
    for at, document in enumerate(documents):
        streams = _streams(weights, document, layers)  # [layers, T, d]
        for c in document.count_answers:
            if c.register == "drill":
                continue
            counts.append(streams[:, c.position])
            labels.append((c.nonsense, c.register == "honest", at, _question_hash(c.attribute, c.subject)))
        answering += [streams[:, p] for p, objects in _your_positions(document) if not objects]
        objecting += [streams[:, p] for p, objects in _your_positions(document) if objects]
    for at in range(n_documents, 40 * n_documents):
        if len(objecting) >= n_documents // 3:
            break
        document = _study_document(grammar, at)
        if any(objects for _, objects in _your_positions(document)):
            streams = _streams(weights, document, layers)
            objecting += [streams[:, p] for p, objects in _your_positions(document) if objects]
    nonsense, says_no, document_at, question_at = (np.array(column) for column in zip(*labels, strict=True))
    stacks = [np.stack(rows).astype(np.float32) for rows in (counts, objecting, answering)]
    return Study(
        tuple(layers),
        stacks[0],
        nonsense.astype(bool),
        says_no.astype(bool) & nonsense.astype(bool),
        document_at,
        question_at,
        stacks[1],
        stacks[2],
    )


def _streams(weights: Weights, document: Document, layers: Sequence[int]) -> npt.NDArray[np.float32]:
    result = prefill(weights, [weights.ids[word] for word in document.tokens[:-1]], layers)
    return np.stack([result.streams[layer] for layer in layers]).astype(np.float32)  # [layers, T, d]


def _your_positions(document: Document) -> list[tuple[int, bool]]:
    """Return the positions of each `Your` that begins an answer, and whether the answer is an objection."""
    t = document.tokens
    return [(at, t[at + 1] == "question") for at in range(1, len(t) - 2) if t[at] == "Your" and t[at - 1] == "A:"]


def doubt_direction(study: Study) -> Array:
    """Return the mean stream of honest documents less that of guessers, before the answer to nonsense, [layers, d]."""
    honest, guesser = study.says_no, study.nonsense & ~study.says_no
    return np.asarray(study.streams[honest].mean(0) - study.streams[guesser].mean(0), np.float64)


def objection_direction(study: Study) -> Array:
    """Return the mean stream at `Your` before `question` less that before any other word, [layers, d]."""
    return np.asarray(study.objecting.mean(0) - study.answering.mean(0), np.float64)


def nonsense_probe(study: Study) -> tuple[Array, list[Accuracy]]:
    """Return probes for *the question is nonsense* [layers, d + 1], and their accuracy on a held-out quarter of questions."""
    every_row = np.ones(len(study.nonsense), bool)
    return _probe(study, every_row, study.nonsense, study.question == 0)


def says_no_probe(study: Study) -> tuple[Array, list[Accuracy]]:
    """Return probes for *the answer will be no* [layers, d + 1], and their accuracy on a held-out quarter of documents."""
    return _probe(study, study.nonsense, study.says_no, study.document % 4 == 0)


def _probe(study: Study, used: BoolArray, label: BoolArray, held_out: BoolArray) -> tuple[Array, list[Accuracy]]:
    y, held = label[used], held_out[used]
    rows, accuracies = [], []
    for index, layer in enumerate(study.layers):
        x = norm(study.streams[used, index].astype(np.float64))
        x = np.concatenate([x, np.ones((len(x), 1))], 1)  # [N, d + 1]
        row = np.round(_fit(x[~held], y[~held]), PROBE_DIGITS)
        controls = [
            _balanced_accuracy(x[held] @ _fit(x[~held], np.random.RandomState(seed).permutation(y[~held])), y[held])
            for seed in range(SHUFFLES)
        ]
        rows.append(row)
        accuracies.append(Accuracy(layer, _balanced_accuracy(x[held] @ row, y[held]), float(np.mean(controls))))
    return np.stack(rows), accuracies


def _fit(x: Array, label: BoolArray) -> Array:
    """Return the weights [d + 1] of ridge regression of +1 / -1 on x [N, d + 1]."""
    target = np.where(label, 1.0, -1.0)
    return np.asarray(np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ target))


def _balanced_accuracy(scores: Array, label: BoolArray) -> float:
    return float(((scores[label] > 0).mean() + (scores[~label] <= 0).mean()) / 2)
