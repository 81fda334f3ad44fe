"""Conversion of a trained network to the weights file's parameters: the one place where tensors become NumPy arrays."""

import numpy as np

from forward_pass.network.weights import Array, Parameters
from forward_pass.training.checkpoints import Snapshot


def parameters_of(snapshot: Snapshot) -> Parameters:
    """Return the parameters of `snapshot`, stacked over the layers, in float64."""
    shape, named = snapshot.shape, {name: p.numpy().astype(np.float64) for name, p in snapshot.parameters.items()}

    def stack(name: str, n_layer: int) -> Array:
        return np.stack([named[f"h.{index}.{name}"] for index in range(n_layer)])

    return Parameters(
        shape,
        wte=named["wte"],
        ln_f=named["ln_f"],
        ln_1=stack("ln_1", shape.n_attend),
        ln_2=stack("ln_2", shape.n_layer),
        w_qkv=stack("w_qkv", shape.n_attend),
        w_o=stack("w_o", shape.n_attend),
        w_up=stack("w_up", shape.n_layer),
        w_down=stack("w_down", shape.n_layer),
    )
