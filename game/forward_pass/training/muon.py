"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): momentum whose update is made orthogonal.

For the matrices inside the layers only; all layers' matrices of one name are stepped together as one stack. The
embedding and the gains are AdamW's.
"""

import math

import torch
from torch import Tensor

from forward_pass.training.network import Network

MATRICES = ("w_qkv", "w_o", "w_up", "w_down")
_MOMENTUM, _DECAY, _ROUNDS = 0.95, 0.1, 5
_QUINTIC = (3.4445, -4.775, 2.0315)  # coefficients of the Newton-Schulz step, from the source above


class Muon:
    """One momentum buffer for each kind of matrix."""

    def __init__(self, network: Network) -> None:
        """Begin without momentum."""
        self.stacks = {name: [getattr(block, name) for block in network.h if hasattr(block, name)] for name in MATRICES}
        self.momentum: dict[str, Tensor] = {}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every matrix against its gradient by an orthogonal step of size `rate`."""
        for name, parameters in self.stacks.items():
            gradient = torch.stack([p.grad for p in parameters])  # [layers, rows, columns]
            held = self.momentum.get(name)
            self.momentum[name] = gradient if held is None else held * _MOMENTUM + gradient
            update = orthogonal(gradient + _MOMENTUM * self.momentum[name])
            size = math.sqrt(max(1.0, update.shape[1] / update.shape[2]))
            for parameter, step in zip(parameters, update, strict=True):
                parameter.mul_(1 - rate * _DECAY)
                parameter.add_(step, alpha=-rate * size)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the momentum, to be kept in a checkpoint."""
        return dict(self.momentum)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take the momentum up again."""
        self.momentum = dict(state)


def orthogonal(stack: Tensor) -> Tensor:
    """Return each matrix of the stack with its singular values driven towards one, [layers, rows, columns]."""
    tall = stack.shape[1] > stack.shape[2]
    x = stack.transpose(1, 2) if tall else stack
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = _QUINTIC
    for _ in range(_ROUNDS):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    done: Tensor = x.transpose(1, 2) if tall else x
    return done
