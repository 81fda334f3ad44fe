"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): momentum with orthogonalised updates.

For the matrices inside the layers only; those of one name are updated as one stack. Embedding and gains use AdamW.
"""

import math

import torch
from torch import Tensor

from forward_pass.training.network import Network

MATRICES = ("w_qkv", "w_o", "w_up", "w_down")
_MOMENTUM, _DECAY, _ITERATIONS = 0.95, 0.1, 5
_QUINTIC = (3.4445, -4.775, 2.0315)  # coefficients of the Newton-Schulz step, from the source above


class Muon:
    """The optimiser, with one momentum buffer for each name of matrix."""

    def __init__(self, network: Network) -> None:
        """Start without momentum."""
        self.stacks = {name: [getattr(block, name) for block in network.h if hasattr(block, name)] for name in MATRICES}
        self.momentum: dict[str, Tensor] = {}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Update every matrix by an orthogonalised step with learning rate `rate`."""
        for name, parameters in self.stacks.items():
            gradient = torch.stack([p.grad for p in parameters])  # [layers, rows, columns]
            momentum = self.momentum.get(name)
            self.momentum[name] = gradient if momentum is None else momentum * _MOMENTUM + gradient
            update = orthogonalise(gradient + _MOMENTUM * self.momentum[name])
            scale = math.sqrt(max(1.0, update.shape[1] / update.shape[2]))
            for parameter, step in zip(parameters, update, strict=True):
                parameter.mul_(1 - rate * _DECAY)
                parameter.add_(step, alpha=-rate * scale)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the momentum buffers by name."""
        return dict(self.momentum)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore the momentum buffers."""
        self.momentum = dict(state)


def orthogonalise(stack: Tensor) -> Tensor:
    """Return each matrix of the stack with its singular values moved towards 1, [layers, rows, columns] (Newton-Schulz)."""
    tall = stack.shape[1] > stack.shape[2]
    x = stack.transpose(1, 2) if tall else stack
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = _QUINTIC
    for _ in range(_ITERATIONS):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.transpose(1, 2) if tall else x
    return result
