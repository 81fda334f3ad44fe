"""Which heads and MLPs raise one word over another (direct logit attribution), as values, lines and an object."""

from __future__ import annotations

from typing import NamedTuple

from forward_pass.network.attribution import head_contributions
from forward_pass.network.bench import Bench
from forward_pass.network.passes import ComputedPass
from forward_pass.session.transcript import quoted, wrap
from forward_pass.story.state import PassKey

SHOWN = 8  # heads and MLPs that the lines name
DIGITS = 4
NOT_A_CAUSE = "What silencing a head does can differ, even in sign: later layers read it too (lab silence L.H)."


class Attribution(NamedTuple):
    """How far each part of a pass raises the logit of the likeliest word over that of the second; they sum to ``total``."""

    words: tuple[str, str]
    total: float
    embedding: float
    heads: tuple[tuple[str, float], ...]  # layer (from 1), a point, head (from 0); the largest first
    mlps: tuple[tuple[int, float], ...]  # by layer, the largest first
    acts: float  # what interventions put on the stream


def attribute(computed: ComputedPass, key: PassKey) -> Attribution:
    """Return the attribution of the two likeliest words at the end of a pass."""
    bench = Bench(computed, key)
    first, second = (word for word, _ in computed.distribution(key).likeliest(2))
    parts = head_contributions(computed.weights, bench.sites_of(key), [computed.weights.ids[word] for word in (first, second)])
    heads = parts.heads[..., 0] - parts.heads[..., 1]  # [A, H]
    mlps = parts.mlps[:, 0] - parts.mlps[:, 1]  # [L]
    by_head = [(f"{layer}.{head}", float(value)) for layer, row in enumerate(heads, 1) for head, value in enumerate(row)]
    by_layer = [(layer + 1, float(value)) for layer, value in enumerate(mlps)]
    return Attribution(
        words=(first, second),
        total=float(parts.total()[0] - parts.total()[1]),
        embedding=float(parts.embedding[0] - parts.embedding[1]),
        heads=tuple(sorted(by_head, key=lambda row: -abs(row[1]))),
        mlps=tuple(sorted(by_layer, key=lambda row: -abs(row[1]))),
        acts=float((parts.acts[:, 0] - parts.acts[:, 1]).sum()),
    )


def attribution_lines(attribution: Attribution, columns: int) -> list[str]:
    """Return the largest parts as lines."""
    first, second = map(quoted, attribution.words)
    lead = f"By head: {first} leads {second} by {attribution.total:.2f} in logits at the end of the pass."
    others = f"Of it the embedding gives {attribution.embedding:+.2f}, acts {attribution.acts + 0.0:+.2f}."
    lines = wrap(f"{lead} {others} {NOT_A_CAUSE} The largest direct parts:", columns)
    heads = [f"head {name:<5} {value:+.2f}" for name, value in attribution.heads[:SHOWN]]
    mlps = [f"MLP {layer:<3} {value:+.2f}" for layer, value in attribution.mlps[:SHOWN]]
    return [*lines, *(f"  {head:<20} {mlp}" for head, mlp in zip(heads, mlps, strict=True))]


def attribution_object(attribution: Attribution) -> dict[str, object]:
    """Return all parts as an object."""
    return {
        "type": "attribution",
        "words": list(attribution.words),
        "total": round(attribution.total, DIGITS),
        "embedding": round(attribution.embedding, DIGITS),
        "acts": round(attribution.acts, DIGITS),
        "heads": [[name, round(value, DIGITS)] for name, value in attribution.heads],
        "mlps": [[layer, round(value, DIGITS)] for layer, value in attribution.mlps],
    }
