"""The transformer in PyTorch, for training only: the same network as `forward_pass.network.model`, with gradients.

The first layers attend within the current question-and-answer pair, the next ones to everything before, the last have
no attention. Pre-RMSNorm, RoPE (base 1000), ReLU MLP, tied embedding, no biases. Sources: Vaswani et al. 2017
(attention), Zhang & Sennrich 2019 (RMSNorm), Su et al. 2021 (RoPE), Press & Wolf 2017 (tied embedding).
"""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forward_pass.network.weights import NORM_EPSILON, ROPE_BASE, Shape

CHUNK = 32  # no pair is longer, so a local layer needs only this chunk of words and the one before


class Block(nn.Module):
    """One layer: attention (unless its kind is `mlp`), then the MLP, each after its RMSNorm."""

    def __init__(self, shape: Shape, kind: str) -> None:
        """Initialise the matrices; those that write to the stream are scaled down by the depth."""
        super().__init__()
        d, e, h, depth = shape.n_embd, shape.n_head * shape.d_head, shape.n_hidden, math.sqrt(2 * shape.n_layer)
        self.shape, self.kind = shape, kind
        if kind != "mlp":
            self.ln_1 = nn.Parameter(torch.ones(d))
            self.w_qkv = nn.Parameter(torch.randn(3 * e, d) / math.sqrt(d))
            self.w_o = nn.Parameter(torch.randn(d, e) / math.sqrt(e) / depth)
        self.ln_2 = nn.Parameter(torch.ones(d))
        self.w_up = nn.Parameter(torch.randn(h, d) / math.sqrt(d))
        self.w_down = nn.Parameter(torch.randn(d, h) / math.sqrt(h) / depth)

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """Return the residual stream after this layer, [B, T, d]."""
        if self.kind != "mlp":
            x = x + self.attend(rms_norm(x, self.ln_1), rope, mask)
        return x + F.linear(F.relu(F.linear(rms_norm(x, self.ln_2), self.w_up)), self.w_down)

    def attend(self, x: Tensor, rope: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """Return what the heads add to the stream, [B, T, d]."""
        n_batch, n_time, _ = x.shape
        n_head, d_head = self.shape.n_head, self.shape.d_head
        q, k, v = F.linear(x, self.w_qkv).view(n_batch, n_time, 3, n_head, d_head).permute(2, 0, 3, 1, 4)  # [B, H, T, e]
        q, k = rotate(q, rope), rotate(k, rope)
        if self.kind == "global":
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)  # [B, T, H, e]
        else:
            y = self.attend_local(q, k, v, mask)
        return F.linear(y.reshape(n_batch, n_time, n_head * d_head), self.w_o)

    def attend_local(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """Return attention over this chunk and the one before, with the pair mask, [B, T, H, e]."""
        n_batch, n_head, n_time, d_head = q.shape
        n_chunk = n_time // CHUNK

        def chunks(z: Tensor) -> Tensor:  # [B, C, H, 32, e]
            return z.reshape(n_batch, n_head, n_chunk, CHUNK, d_head).transpose(1, 2)

        def with_previous(z: Tensor) -> Tensor:  # [B*C, H, 64, e]
            z = chunks(z)
            before = torch.cat([torch.zeros_like(z[:, :1]), z[:, :-1]], 1)
            return torch.cat([before, z], 3).reshape(n_batch * n_chunk, n_head, 2 * CHUNK, d_head)

        queries = chunks(q).reshape(n_batch * n_chunk, n_head, CHUNK, d_head)
        y = F.scaled_dot_product_attention(queries, with_previous(k), with_previous(v), attn_mask=mask)
        return y.view(n_batch, n_chunk, n_head, CHUNK, d_head).permute(0, 1, 3, 2, 4).reshape(n_batch, n_time, n_head, d_head)


class Network(nn.Module):
    """The network: embedding, layers, final norm, and the tied unembedding."""

    def __init__(self, shape: Shape, pair_marks: tuple[int, ...]) -> None:
        """Initialise a network; `pair_marks` are the ids that open a pair (`Q:`, `Note:`)."""
        super().__init__()
        self.shape, self.pair_marks = shape, pair_marks
        self.wte = nn.Parameter(torch.randn(shape.n_vocab, shape.n_embd) * 0.1)
        self.ln_f = nn.Parameter(torch.ones(shape.n_embd))
        self.h = nn.ModuleList([Block(shape, kind) for kind in shape.kinds])

    def lens(self, x: Tensor) -> Tensor:
        """Return the logits that the unembedding reads from a stream at any layer, [..., V] (nostalgebraist 2020)."""
        return F.linear(rms_norm(x, self.ln_f), self.wte)

    def forward(self, ids: Tensor, taps: frozenset[int] = frozenset()) -> tuple[Tensor, dict[int, Tensor]]:
        """Return the residual stream after the last layer, and after each layer in `taps` (counted from 1), [B, T, d] each."""
        n_time = ids.shape[1]
        ids = F.pad(ids, (0, -n_time % CHUNK))
        mask = self.pair_mask(ids)
        rope = rope_tables(ids.shape[1], self.shape.d_head, ids.device)
        x, streams = self.wte[ids], {}
        for layer, block in enumerate(self.h, start=1):
            x = block(x, rope, mask)
            if layer in taps:
                streams[layer] = x[:, :n_time]
        return x[:, :n_time], streams

    def pair_mask(self, ids: Tensor) -> Tensor:
        """Return the additive mask of the local layers, which admits earlier words of the same pair, [B*C, 1, 32, 64]."""
        n_batch, n_time = ids.shape
        opens = torch.zeros_like(ids)
        for mark in self.pair_marks:
            opens = opens + (ids == mark)
        pair = opens.cumsum(1).view(n_batch, n_time // CHUNK, CHUNK)
        before = torch.cat([torch.full_like(pair[:, :1], -1), pair[:, :-1]], 1)
        keys = torch.cat([before, pair], 2)
        index = torch.arange(2 * CHUNK, device=ids.device)
        causal = index[None] <= index[:CHUNK, None] + CHUNK
        visible = (pair[:, :, :, None] == keys[:, :, None, :]) & causal
        visible = visible.view(-1, 1, CHUNK, 2 * CHUNK)
        return torch.zeros(visible.shape, device=ids.device).masked_fill(~visible, -1e9)


def rms_norm(x: Tensor, gain: Tensor) -> Tensor:
    """Return x / rms(x) * gain."""
    return F.rms_norm(x, (x.shape[-1],), gain, NORM_EPSILON)


def rope_tables(n_time: int, d_head: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of the rotation angles by position, [T, e/2] each."""
    frequency = ROPE_BASE ** (-torch.arange(d_head // 2, device=device) / (d_head // 2))
    angle = torch.arange(n_time, device=device)[:, None] * frequency[None]
    return angle.cos(), angle.sin()


def rotate(x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    """Return queries or keys rotated to their positions, each number paired with the one half a head away, [..., T, e]."""
    cos, sin = rope
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def double_depth(network: Network, generator: torch.Generator, noise: float = 0.02) -> Network:
    """Return a network of twice the depth that computes nearly the same function.

    Every layer is copied into two with halved outputs. Gaussian noise on the second copy's matrices, of `noise` times
    their standard deviation, breaks the symmetry.
    """
    shape = network.shape
    deeper = Network(
        replace(shape, n_local=2 * shape.n_local, n_global=2 * shape.n_global, n_mlp=2 * shape.n_mlp),
        network.pair_marks,
    )
    with torch.no_grad():
        deeper.wte.copy_(network.wte)
        deeper.ln_f.copy_(network.ln_f)
        for index, block in enumerate(deeper.h):
            block.load_state_dict(network.h[index // 2].state_dict())
            for name, parameter in block.named_parameters():
                if name in ("w_o", "w_down"):
                    parameter.mul_(0.5)
                if index % 2 and parameter.ndim == 2:  # noqa: PLR2004  (a matrix)
                    gaussian = torch.randn(parameter.shape, generator=generator).to(parameter)
                    parameter.add_(gaussian * parameter.std() * noise)
    return deeper
