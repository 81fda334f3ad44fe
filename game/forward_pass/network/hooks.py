"""Hooks for a laboratory: what stands at a site of a pass is recorded, replaced or added to. Knows no run loop.

A site is a kind and a layer (from 1), and for `head`, `key` and `value` a head (from 0). In the order of a layer's work:

- `key`, `value`: this word's own, after notes, the key before its rotation, [e]; what this word and later ones attend to.
- `head`: what a head gives to the output matrix, [e].
- `attention`: what the heads together add to the stream, [d].
- `mlp`: what the MLP adds, [d].
- `stream`: the residual stream after the layer, after drops, pushes and bends, [d].

Every hook comes down to edits: a vector put at a site, or added to what stands there. Hooks of one pass apply in their order.
`model` calls a `HookTable` at every site; a pass without hooks has none. Sources: Olsson et al. 2022 (heads silenced, patterns
apart), Wang et al. 2022 (mean ablation, path patching), Meng et al. 2022 (patched streams). Shapes: as in `model`.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported; see `weights` for the reason

import numpy as np

from forward_pass.network.weights import Array, Shape

SiteKind: TypeAlias = Literal["key", "value", "head", "attention", "mlp", "stream"]

_OF_HEADS = ("key", "value", "head")
_PATCHED = ("stream", "head", "key", "value")


@dataclass(frozen=True, eq=False)
class Sites:
    """What a pass had at every site; row l - 1 of each but `stream` belongs to layer l.

    A layer that the pass dropped added nothing: its rows of `head`, `attention` and `mlp` are zeros.
    """

    key: Array  # [A, H, e], not rotated
    value: Array  # [A, H, e]
    head: Array  # [A, H, e]
    attention: Array  # [A, d]
    mlp: Array  # [L, d]
    stream: Array  # [L + 1, d]; row 0 is the embedding


@dataclass(frozen=True, eq=False)
class Edit:
    """A vector put at a site, or added to what stands there."""

    site: SiteKind
    layer: int
    head: int | None
    vector: Array  # [e] for the sites of heads, [d] for the others
    add: bool = False


@dataclass(frozen=True, eq=False)
class Silence:
    """The output of a head is zero, or `mean` [e] where given. Its keys and values stay."""

    layer: int
    head: int
    mean: Array | None = None

    def edits(self, shape: Shape) -> Iterator[Edit]:
        """Yield the edit. Raises `ValueError` for a layer, a head or a mean that the network cannot have."""
        _check_layer(self, self.layer, shape.n_attend, "layers with attention")
        _check_head(self, self.head, shape)
        mean = np.zeros(shape.d_head) if self.mean is None else self.mean
        _check_size(self, mean, shape.d_head)
        yield Edit("head", self.layer, self.head, mean)


@dataclass(frozen=True, eq=False)
class Freeze:
    """In layers `first` .. `last` attention, the MLP, or both add exactly what they added in the pass `source`.

    This word's keys and values are still those of its own stream. A layer that the pass drops adds nothing, frozen or not.
    """

    first: int
    last: int
    source: Sites
    attention: bool = True
    mlp: bool = True

    def edits(self, shape: Shape) -> Iterator[Edit]:
        """Yield the edits. Raises `ValueError` for layers that the network does not have, or where nothing is frozen."""
        _check_layer(self, self.first, shape.n_layer, "layers")
        _check_layer(self, self.last, shape.n_layer, "layers")
        _check_source(self, self.source, shape)
        if self.last < self.first or not (self.mlp or (self.attention and self.first <= shape.n_attend)):
            raise ValueError(f"Freeze: nothing is frozen from layer {self.first} to {self.last}")
        for layer in range(self.first, self.last + 1):
            if self.attention and layer <= shape.n_attend:
                for head in range(shape.n_head):  # only so that they are recorded as frozen
                    yield Edit("head", layer, head, self.source.head[layer - 1, head])
                yield Edit("attention", layer, None, self.source.attention[layer - 1])
            if self.mlp:
                yield Edit("mlp", layer, None, self.source.mlp[layer - 1])


@dataclass(frozen=True, eq=False)
class Patch:
    """A site has what it had in the pass `source`: the stream after a layer (`head` None), or a head's output, key or value."""

    site: Literal["stream", "head", "key", "value"]
    layer: int
    head: int | None
    source: Sites

    def edits(self, shape: Shape) -> Iterator[Edit]:
        """Yield the edit. Raises `ValueError` for a site that the network does not have."""
        if self.site not in _PATCHED:
            raise ValueError(f"Patch: no site {self.site!r}; the sites are {', '.join(_PATCHED)}")
        _check_source(self, self.source, shape)
        if self.site == "stream":
            _check_layer(self, self.layer, shape.n_layer, "layers")
            if self.head is not None:
                raise ValueError(f"Patch: the stream has no head {self.head}")
            yield Edit("stream", self.layer, None, self.source.stream[self.layer])
        else:
            _check_layer(self, self.layer, shape.n_attend, "layers with attention")
            _check_head(self, self.head, shape)
            source: Array = getattr(self.source, self.site)
            yield Edit(self.site, self.layer, self.head, source[self.layer - 1, self.head])


@dataclass(frozen=True, eq=False)
class AddDirection:
    """Add `vector` [d] to the stream, once, after a layer: after its drops, pushes and bends."""

    layer: int
    vector: Array

    def edits(self, shape: Shape) -> Iterator[Edit]:
        """Yield the edit. Raises `ValueError` for a layer that the network does not have, or another width."""
        _check_layer(self, self.layer, shape.n_layer, "layers")
        _check_size(self, self.vector, shape.n_embd)
        yield Edit("stream", self.layer, None, self.vector, add=True)


Hook: TypeAlias = Silence | Freeze | Patch | AddDirection


def random_direction(seed: int, length: float, d: int) -> Array:
    """Return a vector [d] of a length, uniform on the sphere: the direction of a `RandomPush` with the same seed."""
    u = np.random.RandomState(seed).standard_normal(d)  # a fixed stream (NEP 19)
    return np.asarray(u * length / np.sqrt((u * u).sum()))


class HookTable:
    """The hooks on passes run together, by site and layer; with `record`, keeps what the first pass had at each site.

    Raises `TypeError` for what is no hook, and `ValueError` for one that the network cannot carry out, that is not finite, or
    that would change nothing as another freezes the attention that it feeds.
    """

    def __init__(self, shape: Shape, hooks: Sequence[Sequence[Hook]], *, record: bool = False) -> None:
        self._shape, self._record = shape, record
        self._edits: dict[tuple[SiteKind, int], list[tuple[int, Edit]]] = {}  # (site, layer) -> (row, edit)
        self._recorded: dict[tuple[SiteKind, int], Array] = {}
        for row, hooks_of_row in enumerate(hooks):
            _check_kinds(hooks_of_row)
            _check_frozen(hooks_of_row)
            for hook in hooks_of_row:
                self._add(row, hook)

    def _add(self, row: int, hook: Hook) -> None:
        for edit in hook.edits(self._shape):
            if not np.isfinite(edit.vector).all():
                raise ValueError(f"{type(hook).__name__}: a number for the {edit.site} of layer {edit.layer} is not finite")
            self._edits.setdefault((edit.site, edit.layer), []).append((row, edit))

    def apply(self, site: SiteKind, layer: int, x: Array) -> Array:
        """Return what stands at a site with the edits made: [H, B, e] for the sites of heads, [B, d] for the others."""
        entries = self._edits.get((site, layer), ())
        if entries:
            x = x.copy()
        for row, edit in entries:
            at = row if edit.head is None else (edit.head, row)
            x[at] = x[at] + edit.vector if edit.add else edit.vector
        if self._record and site != "stream":
            self._recorded[site, layer] = (x[:, 0] if site in _OF_HEADS else x[0]).copy()
        return x

    def sites(self, streams: Array, dropped: frozenset[int] = frozenset()) -> Sites:
        """Return what was recorded; `streams` [L + 1, d] are those of the pass, `dropped` the layers that it left out."""
        s = self._shape

        def stacked(site: SiteKind, n_layers: int) -> Array:
            rows = np.stack([self._recorded[site, layer] for layer in range(1, n_layers + 1)])
            if site not in {"key", "value"}:
                rows[[layer - 1 for layer in dropped if layer <= n_layers]] = 0
            rows.flags.writeable = False
            return rows

        key, value, head, attention = (stacked(site, s.n_attend) for site in ("key", "value", "head", "attention"))
        return Sites(key, value, head, attention, stacked("mlp", s.n_layer), streams)


def _check_kinds(hooks: Sequence[Hook]) -> None:
    """Raise `TypeError` for what is no hook."""
    for hook in hooks:
        if not isinstance(hook, Hook):
            raise TypeError(f"{type(hook).__name__} is not a kind of hook")


def _check_frozen(hooks: Sequence[Hook]) -> None:
    """Raise `ValueError` for a head's output changed in a layer whose attention is frozen."""
    freezes = [hook for hook in hooks if isinstance(hook, Freeze) and hook.attention]
    on_heads = [hook for hook in hooks if isinstance(hook, Silence) or (isinstance(hook, Patch) and hook.site == "head")]
    for hook in on_heads:
        if any(freeze.first <= hook.layer <= freeze.last for freeze in freezes):
            name = f"{type(hook).__name__}: head {hook.head} of layer {hook.layer}"
            raise ValueError(f"{name} changes nothing, as its attention is frozen")


def _check_layer(hook: Hook, layer: int, last: int, what: str) -> None:
    if not 1 <= layer <= last:
        raise ValueError(f"{type(hook).__name__}: no layer {layer}; the {what} are 1 to {last}")


def _check_head(hook: Hook, head: int | None, shape: Shape) -> None:
    if head is None or not 0 <= head < shape.n_head:
        raise ValueError(f"{type(hook).__name__}: no head {head}; the heads are 0 to {shape.n_head - 1}")


def _check_size(hook: Hook, vector: Array, size: int) -> None:
    if np.shape(vector) != (size,):
        raise ValueError(f"{type(hook).__name__}: the vector has shape {np.shape(vector)}, not ({size},)")


def _check_source(hook: Hook, source: Sites, shape: Shape) -> None:
    if not isinstance(source, Sites):
        raise TypeError(f"{type(hook).__name__}: the source is the sites of a pass, not a {type(source).__name__}")
    heads = shape.n_attend, shape.n_head, shape.d_head
    if source.stream.shape != (shape.n_layer + 1, shape.n_embd) or source.head.shape != heads:
        raise ValueError(f"{type(hook).__name__}: the source is a pass of another network")
