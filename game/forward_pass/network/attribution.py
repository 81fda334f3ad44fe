"""What each part of a pass contributes to a word's logit, from its recorded sites.

Sources: nostalgebraist 2020 (logit lens), Elhage et al. 2021 (heads as terms of a sum on the stream). Shapes: as in `model`, W
words asked about.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported; see `weights` for the reason

import numpy as np

from forward_pass.network.hooks import Sites
from forward_pass.network.model import rms
from forward_pass.network.weights import Array, Weights


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each part of a pass contributes to the logits of W words; all parts together sum to the logits."""

    embedding: Array  # [W]
    heads: Array  # [A, H, W]
    mlps: Array  # [L, W]
    acts: Array  # [L, W]: what pushes, bends and hooks put on the stream after each layer

    def total(self) -> Array:
        """Return the logits, [W]."""
        return np.asarray(self.embedding + self.heads.sum((0, 1)) + self.mlps.sum(0) + self.acts.sum(0))


def head_contributions(weights: Weights, sites: Sites, words: Sequence[int]) -> Contributions:
    """Return how far each head and each MLP raises the logits of `words` by itself (direct logit attribution).

    The scale of the norm before the unembedding is frozen at that of the finished stream, so that the parts add up: heads
    within a layer, layers, and what acts put in. Raises `IndexError` for a word that is not in the vocabulary.
    """
    s = weights.shape
    unembed = weights.unembed[:, list(words)] / rms(sites.stream[-1])  # [d, W]
    w_o = weights.w_o.reshape(s.n_attend, s.n_head, s.d_head, s.n_embd)
    heads = np.einsum("lhe,lhed->lhd", sites.head, w_o)  # [A, H, d]
    acts = np.diff(sites.stream, axis=0) - sites.mlp  # [L, d]
    acts[: s.n_attend] -= heads.sum(1)
    return Contributions(sites.stream[0] @ unembed, heads @ unembed, sites.mlp @ unembed, acts @ unembed)
