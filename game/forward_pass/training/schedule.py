"""How a network is grown, as `training.yaml` tells it: shape, stages, rates, losses. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from forward_pass.network.weights import Shape
from forward_pass.training.grammar import Grammar, read_yaml


@dataclass(frozen=True)
class Stage:
    """One depth: its layers, its steps, and the share of the full rates it begins and ends with."""

    n_local: int
    n_global: int
    n_mlp: int
    steps: int
    batch: int
    first_rate: float
    last_rate: float
    chances: Mapping[str, float] = field(default_factory=dict)  # chances that are others in this stage
    honest: float | None = None  # and the share of honest documents, if it is another

    @property
    def n_layer(self) -> int:
        """Return the depth."""
        return self.n_local + self.n_global + self.n_mlp

    def leaning(self, grammar: Grammar) -> Grammar:
        """Return the grammar as this stage draws from it."""
        registers = grammar.registers
        honest = registers.honest if self.honest is None else self.honest
        return replace(grammar, registers=replace(registers, honest=honest, chances={**registers.chances, **self.chances}))


@dataclass(frozen=True)
class Rates:
    """Full learning rates and what goes with them."""

    muon: float
    adam: float
    warm_up: int
    weight_decay: float
    clip: float


@dataclass(frozen=True)
class Anatomy:
    """The weights of the small losses (see `losses`)."""

    flat: float
    early: float
    late: float


@dataclass(frozen=True)
class Schedule:
    """A whole training."""

    n_embd: int
    n_head: int
    d_head: int
    n_hidden: int
    pair_marks: tuple[str, ...]
    context: int
    stages: tuple[Stage, ...]
    rates: Rates
    anatomy: Anatomy
    study: int
    quick_study: int
    checkpoint_every: int
    average: float
    history: str = ""  # how this schedule was come by, for the card
    differs: tuple[str, ...] = ()  # where what it gave differs from what was designed, for the card

    def shape(self, stage: Stage, n_vocab: int) -> Shape:
        """Return the network's shape at a stage."""
        layers = (stage.n_local, stage.n_global, stage.n_mlp)
        return Shape(n_vocab, self.n_embd, self.n_head, self.d_head, self.n_hidden, *layers)


def read_schedule(path: Path) -> Schedule:
    """Return the schedule in `path`. Raises `KeyError`, `ValueError`, `OSError` or a YAML error if it is not one."""
    raw = read_yaml(path)
    rates = {name: float(value) for name, value in raw["rates"].items()}
    return Schedule(
        **{name: int(value) for name, value in raw["shape"].items()},
        pair_marks=tuple(raw["pair_marks"]),
        context=int(raw["context"]),
        stages=tuple(_stage(stage) for stage in raw["stages"]),
        rates=Rates(rates["muon"], rates["adam"], int(rates["warm_up"]), rates["weight_decay"], rates["clip"]),
        anatomy=Anatomy(*(float(raw["anatomy"][name]) for name in ("flat", "early", "late"))),
        study=int(raw["study"]["documents"]),
        quick_study=int(raw["study"]["quick"]),
        checkpoint_every=int(raw["checkpoints"]["every"]),
        average=float(raw["checkpoints"]["average"]),
        history=" ".join(str(raw.get("history", "")).split()),
        differs=tuple(" ".join(str(row).split()) for row in raw.get("differs", [])),
    )


def _stage(raw: dict[str, Any]) -> Stage:
    layers = (int(raw["local"]), int(raw["global"]), int(raw["mlp"]))
    chances = {name: float(chance) for name, chance in raw.get("chances", {}).items()}
    honest = float(raw["honest"]) if "honest" in raw else None
    return Stage(*layers, int(raw["steps"]), int(raw["batch"]), float(raw["from"]), float(raw["to"]), chances, honest)
