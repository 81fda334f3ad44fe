"""The training schedule in `training.yaml`: shape, stages, rates, losses. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from forward_pass.network.weights import Shape
from forward_pass.training.grammar import Grammar, read_yaml


@dataclass(frozen=True)
class Stage:
    """A stage: its layers, its steps, and the factors on the learning rates at its start and end."""

    n_local: int
    n_global: int
    n_mlp: int
    steps: int
    batch: int
    first_rate: float
    last_rate: float
    chances: Mapping[str, float] = field(default_factory=dict)  # those that differ in this stage
    honest: float | None = None  # the share of honest documents, if it differs

    @property
    def n_layer(self) -> int:
        """The number of layers."""
        return self.n_local + self.n_global + self.n_mlp

    def adjust(self, grammar: Grammar) -> Grammar:
        """Return the grammar with this stage's probabilities."""
        registers = grammar.registers
        honest = registers.honest if self.honest is None else self.honest
        return replace(grammar, registers=replace(registers, honest=honest, chances={**registers.chances, **self.chances}))


@dataclass(frozen=True)
class Rates:
    """The full learning rates, the steps of warm-up, weight decay, and the norm to which gradients are clipped."""

    muon: float
    adam: float
    warm_up: int
    weight_decay: float
    clip: float


@dataclass(frozen=True)
class AuxiliaryWeights:
    """The weights of the auxiliary losses (see `losses`)."""

    flat: float  # KL(uniform || lens) up to the boundary layer
    early: float  # cross-entropy of the lens above it
    late: float  # distance between registers in the first quarter of the global layers


@dataclass(frozen=True)
class Schedule:
    """A training schedule."""

    n_embd: int
    n_head: int
    d_head: int
    n_hidden: int
    pair_marks: tuple[str, ...]
    context: int
    stages: tuple[Stage, ...]
    rates: Rates
    auxiliary: AuxiliaryWeights
    study_documents: int  # for the directions and probes that are published
    quick_study_documents: int  # for the choice among snapshots
    checkpoint_every: int  # steps
    average: float  # decay of the running average of parameters, per step
    history: str = ""  # how this schedule was arrived at, for the card
    differences: tuple[str, ...] = ()  # between the result and the design, for the card

    def shape(self, stage: Stage, n_vocab: int) -> Shape:
        """Return the network's shape at `stage`."""
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
        auxiliary=AuxiliaryWeights(*(float(raw["anatomy"][name]) for name in ("flat", "early", "late"))),
        study_documents=int(raw["study"]["documents"]),
        quick_study_documents=int(raw["study"]["quick"]),
        checkpoint_every=int(raw["checkpoints"]["every"]),
        average=float(raw["checkpoints"]["average"]),
        history=" ".join(str(raw.get("history", "")).split()),
        differences=tuple(" ".join(str(row).split()) for row in raw.get("differs", [])),
    )


def _stage(raw: dict[str, Any]) -> Stage:
    layers = (int(raw["local"]), int(raw["global"]), int(raw["mlp"]))
    chances = {name: float(chance) for name, chance in raw.get("chances", {}).items()}
    honest = float(raw["honest"]) if "honest" in raw else None
    return Stage(*layers, int(raw["steps"]), int(raw["batch"]), float(raw["from"]), float(raw["to"]), chances, honest)
