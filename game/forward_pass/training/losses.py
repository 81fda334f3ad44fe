"""The loss: weighted cross-entropy, and three small auxiliary losses that shape what happens at which layer.

Everything random in a step is drawn from that step's own seed, so that a resumed training gives the same result.
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
from forward_pass.training.schedule import AuxiliaryWeights


@dataclass(frozen=True)
class Batch:
    """Documents as ids, and the loss weight of each next word."""

    ids: Tensor  # [B, T]
    targets: Tensor  # [B, T]
    weights: Tensor  # [B, T]
    honest: Tensor  # [N, 2], row and position before the count that an honest document gives to a nonsense question
    guessing: Tensor  # [M, 2], the same for guessers


@dataclass(frozen=True)
class Taps:
    """The layers of a step's auxiliary losses, and the positions (a quarter of all) of the first two."""

    flat: tuple[int, ...]
    early: int | None
    late: int
    positions: Tensor  # [N], into the flattened batch


@dataclass(frozen=True)
class Loss:
    """The total to minimise, and the cross-entropy alone, in nats."""

    total: Tensor
    cross_entropy: float


def draw_batch(  # noqa: PLR0913, PLR0917  (six independent inputs)
    grammar: Grammar, ids: Mapping[str, int], seed: str, n_batch: int, context: int, device: torch.device
) -> Batch:
    """Return `n_batch` documents drawn from `seed`."""
    rng = Random(seed)
    documents = [draw_document(grammar, rng, context + 1) for _ in range(n_batch)]
    words = torch.tensor([[ids[token] for token in document.tokens] for document in documents], device=device)
    weights = torch.tensor([document.weights for document in documents], device=device)
    honest, guessing = (_count_positions(documents, register, device) for register in ("honest", "guesser"))
    return Batch(words[:, :-1], words[:, 1:], weights[:, 1:], honest, guessing)


def _count_positions(documents: Sequence[Document], register: str, device: torch.device) -> Tensor:
    """Return row and position before each count given to a nonsense question in `register`, [N, 2]."""
    positions = [
        (row, c.position)
        for row, document in enumerate(documents)
        for c in document.count_answers
        if c.nonsense and c.register == register
    ]
    return torch.tensor(positions, dtype=torch.long, device=device).view(-1, 2)


def draw_taps(network: Network, seed: str, n_positions: int) -> Taps:
    """Return the layers and positions of a step's auxiliary losses, drawn from `seed`."""
    rng = Random(seed)
    boundary, depth = network.shape.n_local + network.shape.n_global, network.shape.n_layer
    generator = torch.Generator().manual_seed(rng.getrandbits(63))
    positions = torch.randperm(n_positions, generator=generator)[: n_positions // 4].to(network.wte.device)
    early = rng.randint(boundary + 1, depth - 1) if boundary + 1 < depth else None
    first = network.shape.n_local + 1
    late = rng.randint(first, max(first, network.shape.n_local + network.shape.n_global // 4))
    return Taps((rng.randint(1, boundary), boundary), early, late, positions)


def compute_loss(network: Network, batch: Batch, taps: Taps, auxiliary: AuxiliaryWeights) -> Loss:
    """Return the loss of `network` on `batch`, with the auxiliary losses weighted by `auxiliary`."""
    layers = {*taps.flat, taps.late} | ({taps.early} if taps.early else set())
    x, streams = network(batch.ids, frozenset(layers))
    targets, weights = batch.targets.reshape(-1), batch.weights.reshape(-1)
    losses = F.cross_entropy(network.lens(x).flatten(0, 1), targets, reduction="none")  # [B * T]
    main = (losses * weights).sum() / weights.sum()
    total = main
    for layer in sorted(set(taps.flat)):
        total = total + auxiliary.flat * kl_from_uniform(_lens_at(network, streams[layer], taps))
    if taps.early is not None:
        boundary, depth = network.shape.n_local + network.shape.n_global, network.shape.n_layer
        share = ((taps.early - boundary) / (depth - boundary)) ** 2
        at = taps.positions
        log_p = _lens_at(network, streams[taps.early], taps).gather(1, targets[at, None])[:, 0]  # [N]
        total = total - auxiliary.early * share * (log_p * weights[at]).sum() / weights[at].sum()
    total = total + auxiliary.late * register_distance(streams[taps.late], batch)
    return Loss(total, main.item())


def register_distance(x: Tensor, batch: Batch) -> Tensor:
    """Return the squared distance between the mean honest and the mean guessing stream, relative to a stream's squared length.

    Estimated without bias as the product of the differences in even and in odd rows, in which noise averages out.
    0 if either half lacks one of the registers.
    """
    differences = []
    for half in (0, 1):
        means = []
        for register in (batch.honest, batch.guessing):
            rows, positions = register[register[:, 0] % 2 == half].T
            if not len(rows):
                return x.new_zeros(())
            means.append(x[rows, positions].mean(0))
        differences.append(means[0] - means[1])
    return (differences[0] * differences[1]).sum() / (x * x).sum(-1).mean().detach()


def kl_from_uniform(log_p: Tensor) -> Tensor:
    """Return KL(uniform || p) in nats, the mean over positions; `log_p` is [N, V]."""
    return (-log_p.mean(-1) - math.log(log_p.shape[-1])).mean()


def _lens_at(network: Network, x: Tensor, taps: Taps) -> Tensor:
    """Return the lens's log-probabilities at the tapped positions, [N, V]; `x` is [B, T, d]."""
    return network.lens(x.flatten(0, 1)[taps.positions]).log_softmax(-1)
