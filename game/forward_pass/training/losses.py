"""What is minimised: weighted cross-entropy, and three small losses that make the anatomy.

Everything random in a step is drawn from that step's own seed, so that a training resumed is the training unbroken.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from forward_pass.training.corpus import Document, draw_document
from forward_pass.training.grammar import Grammar
from forward_pass.training.network import Network
from forward_pass.training.schedule import Anatomy


@dataclass(frozen=True)
class Batch:
    """Documents as ids, and the weight of each next word in the loss."""

    ids: Tensor  # [B, T]
    targets: Tensor  # [B, T]
    weights: Tensor  # [B, T]
    honest: Tensor  # [N, 2]   row and position where the honest are about to answer nonsense
    guessing: Tensor  # [M, 2]   ... and guessers


@dataclass(frozen=True)
class Taps:
    """The layers at which this step's small losses are taken, and the positions (a quarter of them)."""

    flat: tuple[int, ...]
    early: int | None
    late: int
    positions: Tensor  # [N]


@dataclass(frozen=True)
class Loss:
    """The total to minimise, and the cross-entropy alone."""

    total: Tensor
    cross_entropy: float


def draw_batch(  # noqa: PLR0913, PLR0917  (six plain things, none of which belongs to another)
    grammar: Grammar, ids: Mapping[str, int], seed: str, n_batch: int, context: int, device: torch.device
) -> Batch:
    """Return `n_batch` documents drawn from `seed`."""
    rng = Random(seed)
    documents = [draw_document(grammar, rng, context + 1) for _ in range(n_batch)]
    words = torch.tensor([[ids[token] for token in document.tokens] for document in documents], device=device)
    weights = torch.tensor([document.weights for document in documents], device=device)
    honest, guessing = (_where(documents, register, device) for register in ("honest", "guesser"))
    return Batch(words[:, :-1], words[:, 1:], weights[:, 1:], honest, guessing)


def _where(documents: Sequence[Document], register: str, device: torch.device) -> Tensor:
    places = [
        (row, c.position)
        for row, document in enumerate(documents)
        for c in document.counted
        if c.nonsense and c.register == register
    ]
    return torch.tensor(places, dtype=torch.long, device=device).view(-1, 2)


def draw_taps(network: Network, seed: str, n_positions: int) -> Taps:
    """Return where this step's small losses are taken."""
    rng = Random(seed)
    silent, depth = network.shape.n_local + network.shape.n_global, network.shape.n_layer
    generator = torch.Generator().manual_seed(rng.getrandbits(63))
    positions = torch.randperm(n_positions, generator=generator)[: n_positions // 4].to(network.wte.device)
    early = rng.randint(silent + 1, depth - 1) if silent + 1 < depth else None
    first = network.shape.n_local + 1
    late = rng.randint(first, max(first, network.shape.n_local + network.shape.n_global // 4))
    return Taps((rng.randint(1, silent), silent), early, late, positions)


def loss_of(network: Network, batch: Batch, taps: Taps, anatomy: Anatomy) -> Loss:
    """Return the loss of `network` on `batch`; `anatomy` weighs the three small losses."""
    wanted = {*taps.flat, taps.late} | ({taps.early} if taps.early else set())
    x, seen = network(batch.ids, frozenset(wanted))
    targets, weights = batch.targets.reshape(-1), batch.weights.reshape(-1)
    word = F.cross_entropy(network.lens(x).flatten(0, 1), targets, reduction="none")
    main = (word * weights).sum() / weights.sum()
    total = main
    for layer in sorted(set(taps.flat)):
        total = total + anatomy.flat * unevenness(_lens_at(network, seen[layer], taps))
    if taps.early is not None:
        silent, depth = network.shape.n_local + network.shape.n_global, network.shape.n_layer
        share = ((taps.early - silent) / (depth - silent)) ** 2
        at = taps.positions
        said = _lens_at(network, seen[taps.early], taps).gather(1, targets[at, None])[:, 0]
        total = total - anatomy.early * share * (said * weights[at]).sum() / weights[at].sum()
    total = total + anatomy.late * resolve(seen[taps.late], batch)
    return Loss(total, main.item())


def resolve(x: Tensor, batch: Batch) -> Tensor:
    """Return how far apart honest and guessing streams are on average, squared, as a share of a stream's length squared.

    Documents in even and in odd rows are compared apart and the two differences multiplied: chance differences inside
    a small batch then count for nothing, on average. Nothing, if a half lacks one of the two.
    """
    differences = []
    for half in (0, 1):
        means = []
        for places in (batch.honest, batch.guessing):
            rows, positions = places[places[:, 0] % 2 == half].T
            if not len(rows):
                return x.new_zeros(())
            means.append(x[rows, positions].mean(0))
        differences.append(means[0] - means[1])
    return (differences[0] * differences[1]).sum() / (x * x).sum(-1).mean().detach()


def unevenness(log_p: Tensor) -> Tensor:
    """Return KL(uniform || lens), the mean over positions."""
    return (-log_p.mean(-1) - math.log(log_p.shape[-1])).mean()


def _lens_at(network: Network, x: Tensor, taps: Taps) -> Tensor:
    return network.lens(x.flatten(0, 1)[taps.positions]).log_softmax(-1)  # [N, V]
