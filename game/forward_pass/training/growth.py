"""The loop: stage after stage, step after step, resumable at any kill. It knows nothing of bands or screens.

Whoever runs it hands in an `observe` that is told of every step; a snapshot is kept at the end of each stage and
often through the last half of the last one, because what a network says swings there from step to step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from forward_pass.training.checkpoints import Snapshot, read_latest, write_latest, write_snapshot
from forward_pass.training.grammar import Grammar, vocabulary
from forward_pass.training.losses import draw_batch, draw_taps, loss_of
from forward_pass.training.muon import Muon
from forward_pass.training.network import Network, grow
from forward_pass.training.schedule import Rates, Schedule, Stage


@dataclass(frozen=True)
class Step:
    """What is told of a step: its stage (from 0), the steps done in it, its loss, and the snapshot kept, if any."""

    stage: int
    done: int
    loss: float
    snapshot: Path | None


@dataclass(frozen=True)
class Course:
    """All that a training goes by and that no step changes."""

    grammar: Grammar
    schedule: Schedule
    ids: Mapping[str, int]
    folder: Path
    seed: int
    device: torch.device

    def network(self, stage: int) -> Network:
        """Return a fresh network as deep as `stage` is."""
        marks = tuple(self.ids[mark] for mark in self.schedule.pair_marks)
        shape = self.schedule.shape(self.schedule.stages[stage], len(self.ids))
        return Network(shape, marks).to(self.device)


class Learner:
    """A network with its optimisers (Muon for the matrices in the layers, AdamW for embedding and gains)."""

    def __init__(self, network: Network, rates: Rates, average: float) -> None:
        """Begin without momentum."""
        gains = [p for p in network.parameters() if p.ndim == 1]
        groups = [
            {"params": [network.wte], "weight_decay": rates.weight_decay},
            {"params": gains, "weight_decay": 0.0},
        ]
        self.network, self.rates, self.average = network, rates, average
        self.averaged = {name: p.detach().clone() for name, p in network.state_dict().items()}
        self.muon = Muon(network)
        self.adam = torch.optim.AdamW(groups, rates.adam, betas=(0.9, 0.98), fused=True)

    def learn(self, loss: torch.Tensor, share: float) -> None:
        """Take one step down `loss` at this share of the full rates."""
        for parameter in self.network.parameters():
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.rates.clip)
        for group in self.adam.param_groups:
            group["lr"] = self.rates.adam * share
        self.muon.step(self.rates.muon * share)
        self.adam.step()
        for name, parameter in self.network.state_dict().items():
            self.averaged[name].lerp_(parameter, 1 - self.average)


def course(grammar: Grammar, schedule: Schedule, folder: Path, seed: int) -> Course:
    """Return a course on a GPU if there is one, else on one core of the processor."""
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ids = {word: at for at, word in enumerate(vocabulary(grammar))}
    return Course(grammar, schedule, ids, folder, seed, device)


def grow_network(plan: Course, observe: Callable[[Step], None], *, resume: bool) -> None:
    """Train to the end of the last stage, from nothing or from what the course's folder holds."""
    learner, first_stage, first_step = _resumed(plan) if resume else _fresh(plan)
    for at in range(first_stage, len(plan.schedule.stages)):
        stage = plan.schedule.stages[at]
        if learner.network.shape.n_layer < stage.n_layer:
            deeper = grow(learner.network, torch.Generator().manual_seed(plan.seed + at))
            learner = Learner(deeper, plan.schedule.rates, plan.schedule.average)
        for step in range(first_step if at == first_stage else 0, stage.steps):
            loss = _take_step(plan, learner, at, step)
            observe(Step(at, step + 1, loss, _keep(plan, learner, at, step + 1)))


def rate_share(stage: Stage, rates: Rates, step: int) -> float:
    """Return the share of the full rates at a step: along a line, after a short warm-up."""
    along = step / stage.steps
    return (stage.first_rate + (stage.last_rate - stage.first_rate) * along) * min(1.0, (step + 1) / rates.warm_up)


def _fresh(plan: Course) -> tuple[Learner, int, int]:
    torch.manual_seed(plan.seed)
    return Learner(plan.network(0), plan.schedule.rates, plan.schedule.average), 0, 0


def _resumed(plan: Course) -> tuple[Learner, int, int]:
    kept = read_latest(plan.folder)
    if kept is None:
        return _fresh(plan)
    network = plan.network(kept["stage"])
    network.load_state_dict(kept["parameters"])
    learner = Learner(network, plan.schedule.rates, plan.schedule.average)
    learner.averaged = {name: p.to(plan.device) for name, p in kept["averaged"].items()}
    learner.muon.load_state_dict(kept["muon"])
    learner.adam.load_state_dict(kept["adam"])
    return learner, kept["stage"], kept["step"]


def _take_step(plan: Course, learner: Learner, at: int, step: int) -> float:
    schedule, stage = plan.schedule, plan.schedule.stages[at]
    seed = f"{plan.seed}/{at}/{step}"
    batch = draw_batch(stage.leaning(plan.grammar), plan.ids, seed, stage.batch, schedule.context, plan.device)
    taps = draw_taps(learner.network, f"{seed}/taps", batch.ids.numel())
    loss = loss_of(learner.network, batch, taps, schedule.anatomy)
    learner.learn(loss.total, rate_share(stage, schedule.rates, step))
    return loss.cross_entropy


def _keep(plan: Course, learner: Learner, at: int, done: int) -> Path | None:
    stages, every = plan.schedule.stages, plan.schedule.checkpoint_every
    stage, last = stages[at], at == len(stages) - 1
    if done % every and done != stage.steps:
        return None
    state = {"stage": at, "step": done, "parameters": learner.network.state_dict(), "averaged": learner.averaged}
    write_latest(plan.folder, {**state, "muon": learner.muon.state_dict(), "adam": learner.adam.state_dict()})
    if done == stage.steps or (last and 2 * done >= stage.steps):
        parameters = {name: p.cpu() for name, p in learner.averaged.items()}
        return write_snapshot(plan.folder, Snapshot(learner.network.shape, parameters, at, done))
    return None
