"""What a trained network's streams hold: directions between kinds of answers, and linear probes with their controls.

Documents are drawn afresh (seeds no training uses) and read by the network as it ships, in NumPy. A direction is a
difference of means; a probe is ridge regression on the normed stream, its accuracy measured on questions or documents
that it was not fitted on, beside the same with labels shuffled (Hewitt & Liang 2019).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from forward_pass.network.effects import ids_of
from forward_pass.network.model import norm, prefill
from forward_pass.network.weights import Array, Weights
from forward_pass.training.corpus import Document, draw_document
from forward_pass.training.grammar import Grammar

Truths: TypeAlias = npt.NDArray[np.bool_]
RIDGE, SHUFFLES, LENGTH = 1.0, 5, 257


@dataclass(frozen=True, eq=False)
class Study:
    """Streams where a count is about to be said, and where an answer that begins with `Your` goes on."""

    layers: tuple[int, ...]
    streams: npt.NDArray[np.float32]  # [N, layers, d]
    nonsense: Truths  # [N]   asked nonsense, and not in a drill
    says_no: Truths  # [N]   ... in the honest register: the answer is `no` or `zero`
    document: npt.NDArray[np.int64]  # [N]
    question: npt.NDArray[np.int64]  # [N]   a number a (attribute, subject) pair
    objecting: npt.NDArray[np.float32]  # [M, layers, d]   at a `Your` that `question` follows
    answering: npt.NDArray[np.float32]  # [K, layers, d]   at any other


@dataclass(frozen=True)
class Accuracy:
    """A probe at one layer: balanced accuracy on what it was not fitted on, and the mean of the shuffled controls."""

    layer: int
    held_out: float
    shuffled: float


def draw_study(weights: Weights, grammar: Grammar, n_documents: int, layers: Sequence[int]) -> Study:
    """Return the streams of `n_documents` documents, and of as many answers again that object, after `layers`."""
    documents = [draw_document(grammar, Random(f"study/{at}"), LENGTH) for at in range(n_documents)]
    counts, labels, answering, objecting = [], [], [], []
    for at, document in enumerate(documents):
        streams = _streams(weights, document, layers)
        for c in document.counted:
            if c.register == "drill":
                continue
            counts.append(streams[:, c.position])
            question = zlib.crc32(f"{c.attribute} {c.subject}".encode()) % 4
            labels.append((c.nonsense, c.register == "honest", at, question))
        answering += [streams[:, p] for p, objects in _yours(document) if not objects]
        objecting += [streams[:, p] for p, objects in _yours(document) if objects]
    for at in range(n_documents, 40 * n_documents):
        if len(objecting) >= n_documents // 3:
            break
        document = draw_document(grammar, Random(f"study/{at}"), LENGTH)
        if any(objects for _, objects in _yours(document)):
            streams = _streams(weights, document, layers)
            objecting += [streams[:, p] for p, objects in _yours(document) if objects]
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
    reading = prefill(weights, ids_of(weights, document.tokens[:-1]), layers)
    return np.stack([reading.streams[layer] for layer in layers]).astype(np.float32)  # [layers, T, d]


def _yours(document: Document) -> list[tuple[int, bool]]:
    t = document.tokens
    return [(at, t[at + 1] == "question") for at in range(1, len(t) - 2) if t[at] == "Your" and t[at - 1] == "A:"]


def doubt(study: Study) -> Array:
    """Return, for each layer, honest less guesser: the mean difference where nonsense was asked, [layers, d]."""
    honest, guesser = study.says_no, study.nonsense & ~study.says_no
    return np.asarray(study.streams[honest].mean(0) - study.streams[guesser].mean(0), np.float64)


def objection(study: Study) -> Array:
    """Return, for each layer, the mean difference at `Your` between *question* coming and not, [layers, d]."""
    return np.asarray(study.objecting.mean(0) - study.answering.mean(0), np.float64)


def nonsense_probe(study: Study) -> tuple[Array, list[Accuracy]]:
    """Return a probe a layer for *this question is nonsense* [layers, d + 1], a quarter of the questions held out."""
    everything = np.ones(len(study.nonsense), bool)
    return _probe(study, everything, study.nonsense, study.question == 0)


def says_no_probe(study: Study) -> tuple[Array, list[Accuracy]]:
    """Return a probe a layer for *no is what will be said* [layers, d + 1], a quarter of the documents held out."""
    return _probe(study, study.nonsense, study.says_no, study.document % 4 == 0)


def _probe(study: Study, used: Truths, truth: Truths, held_out: Truths) -> tuple[Array, list[Accuracy]]:
    y, held = truth[used], held_out[used]
    rows, accuracies = [], []
    for at, layer in enumerate(study.layers):
        x = norm(study.streams[used, at].astype(np.float64))
        x = np.concatenate([x, np.ones((len(x), 1))], 1)  # [N, d + 1]
        row = _fit(x[~held], y[~held])
        controls = [
            _balanced(x[held] @ _fit(x[~held], np.random.RandomState(seed).permutation(y[~held])), y[held])
            for seed in range(SHUFFLES)
        ]
        rows.append(row)
        accuracies.append(Accuracy(layer, _balanced(x[held] @ row, y[held]), float(np.mean(controls))))
    return np.stack(rows), accuracies


def _fit(x: Array, truth: Truths) -> Array:
    target = np.where(truth, 1.0, -1.0)
    return np.asarray(np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ target))


def _balanced(scores: Array, truth: Truths) -> float:
    return float(((scores[truth] > 0).mean() + (scores[~truth] <= 0).mean()) / 2)
