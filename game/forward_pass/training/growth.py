"""The training loop over stages and steps, which resumes from its last checkpoint. It knows no bands and no screen.

`observe` is called after every step. A snapshot is written at the end of each stage, and at every checkpoint of the
second half of the last one, because predictions vary from step to step there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from forward_pass.training.checkpoints import Snapshot, read_latest, write_latest, write_snapshot
from forward_pass.training.grammar import Grammar, vocabulary
from forward_pass.training.losses import compute_loss, draw_batch, draw_taps
from forward_pass.training.muon import Muon
from forward_pass.training.network import Network, double_depth
from forward_pass.training.schedule import Rates, Schedule, Stage


@dataclass(frozen=True)
class Step:
    """A completed step: its stage (from 0), the steps completed in it, its cross-entropy, and the snapshot written, if any."""

    stage: int
    completed: int
    loss: float
    snapshot: Path | None


@dataclass(frozen=True)
class TrainingPlan:
    """The inputs of a training, constant over its steps."""

    grammar: Grammar
    schedule: Schedule
    ids: Mapping[str, int]
    folder: Path
    seed: int
    device: torch.device

    def network(self, stage: int) -> Network:
        """Return a newly initialised network with the shape of `stage`."""
        marks = tuple(self.ids[mark] for mark in self.schedule.pair_marks)
        shape = self.schedule.shape(self.schedule.stages[stage], len(self.ids))
        return Network(shape, marks).to(self.device)


class Trainer:
    """A network, its running average, and its optimisers: Muon for the layers' matrices, AdamW for embedding and gains."""

    def __init__(self, network: Network, rates: Rates, average: float) -> None:
        """Start with empty optimiser state."""
        gains = [p for p in network.parameters() if p.ndim == 1]
        groups = [
            {"params": [network.wte], "weight_decay": rates.weight_decay},
            {"params": gains, "weight_decay": 0.0},
        ]
        self.network, self.rates, self.average = network, rates, average
        self.averaged = {name: p.detach().clone() for name, p in network.state_dict().items()}
        self.muon = Muon(network)
        self.adam = torch.optim.AdamW(groups, rates.adam, betas=(0.9, 0.98), fused=True)

    def minimise(self, loss: torch.Tensor, rate: float) -> None:
        """Take one step on `loss`, with learning rates `rate` times the full ones."""
        for parameter in self.network.parameters():
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.rates.clip)
        for group in self.adam.param_groups:
            group["lr"] = self.rates.adam * rate
        self.muon.step(self.rates.muon * rate)
        self.adam.step()
        for name, parameter in self.network.state_dict().items():
            self.averaged[name].lerp_(parameter, 1 - self.average)


def make_plan(grammar: Grammar, schedule: Schedule, folder: Path, seed: int) -> TrainingPlan:
    """Return a plan for a GPU if there is one, otherwise for one thread of the CPU; `folder` takes the checkpoints."""
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ids = {word: index for index, word in enumerate(vocabulary(grammar))}
    return TrainingPlan(grammar, schedule, ids, folder, seed, device)


def grow_network(plan: TrainingPlan, observe: Callable[[Step], None], *, resume: bool) -> None:
    """Train to the end of the last stage; with `resume`, from the last checkpoint in the plan's folder, if there is one."""
    trainer, first_stage, first_step = _resumed(plan) if resume else _fresh(plan)
    for index in range(first_stage, len(plan.schedule.stages)):
        stage = plan.schedule.stages[index]
        if trainer.network.shape.n_layer < stage.n_layer:
            deeper = double_depth(trainer.network, torch.Generator().manual_seed(plan.seed + index))
            trainer = Trainer(deeper, plan.schedule.rates, plan.schedule.average)
        for step in range(first_step if index == first_stage else 0, stage.steps):
            loss = _take_step(plan, trainer, index, step)
            observe(Step(index, step + 1, loss, _checkpoint(plan, trainer, index, step + 1)))


def rate_factor(stage: Stage, rates: Rates, step: int) -> float:
    """Return the factor on the full learning rates at a step: linear in the step, after a short warm-up."""
    progress = step / stage.steps
    return (stage.first_rate + (stage.last_rate - stage.first_rate) * progress) * min(1.0, (step + 1) / rates.warm_up)


def _fresh(plan: TrainingPlan) -> tuple[Trainer, int, int]:
    torch.manual_seed(plan.seed)
    return Trainer(plan.network(0), plan.schedule.rates, plan.schedule.average), 0, 0


def _resumed(plan: TrainingPlan) -> tuple[Trainer, int, int]:
    state = read_latest(plan.folder)
    if state is None:
        return _fresh(plan)
    network = plan.network(state["stage"])
    network.load_state_dict(state["parameters"])
    trainer = Trainer(network, plan.schedule.rates, plan.schedule.average)
    trainer.averaged = {name: p.to(plan.device) for name, p in state["averaged"].items()}
    trainer.muon.load_state_dict(state["muon"])
    trainer.adam.load_state_dict(state["adam"])
    return trainer, state["stage"], state["step"]


def _take_step(plan: TrainingPlan, trainer: Trainer, index: int, step: int) -> float:
    schedule, stage = plan.schedule, plan.schedule.stages[index]
    seed = f"{plan.seed}/{index}/{step}"
    batch = draw_batch(stage.adjust(plan.grammar), plan.ids, seed, stage.batch, schedule.context, plan.device)
    taps = draw_taps(trainer.network, f"{seed}/taps", batch.ids.numel())
    loss = compute_loss(trainer.network, batch, taps, schedule.auxiliary)
    trainer.minimise(loss.total, rate_factor(stage, schedule.rates, step))
    return loss.cross_entropy


def _checkpoint(plan: TrainingPlan, trainer: Trainer, index: int, completed: int) -> Path | None:
    """Write the state if a checkpoint is due; return the path of the snapshot, if one is due too."""
    stages, every = plan.schedule.stages, plan.schedule.checkpoint_every
    stage, last = stages[index], index == len(stages) - 1
    if completed % every and completed != stage.steps:
        return None
    state = {"stage": index, "step": completed, "parameters": trainer.network.state_dict(), "averaged": trainer.averaged}
    write_latest(plan.folder, {**state, "muon": trainer.muon.state_dict(), "adam": trainer.adam.state_dict()})
    if completed == stage.steps or (last and 2 * completed >= stage.steps):
        parameters = {name: p.cpu() for name, p in trainer.averaged.items()}
        return write_snapshot(plan.folder, Snapshot(trainer.network.shape, parameters, index, completed))
    return None
