"""Checkpoints on disk: one file to resume from, and snapshots to choose among. Every write is atomic."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from forward_pass.atomic_write import write_whole_by
from forward_pass.network.weights import Shape

LATEST = "latest.pt"


@dataclass(frozen=True)
class Snapshot:
    """A network's parameters by name, its shape, and the stage and step at which it was saved."""

    shape: Shape
    parameters: dict[str, Tensor]
    stage: int
    step: int


def write_latest(folder: Path, state: dict[str, Any]) -> None:
    """Write the state from which training resumes."""
    _write(folder / LATEST, state)


def read_latest(folder: Path) -> dict[str, Any] | None:
    """Return the state of `write_latest`, or None if there is none. Pickled code in the file is not run."""
    path = folder / LATEST
    return torch.load(path, weights_only=True) if path.exists() else None


def write_snapshot(folder: Path, snapshot: Snapshot) -> Path:
    """Write a snapshot; return its path."""
    path = folder / f"stage{snapshot.stage}-step{snapshot.step:05d}.pt"
    fields = {"parameters": snapshot.parameters, "stage": snapshot.stage, "step": snapshot.step}
    _write(path, {"shape": asdict(snapshot.shape), **fields})
    return path


def read_snapshot(path: Path) -> Snapshot:
    """Return the snapshot at `path`. Pickled code in the file is not run."""
    raw = torch.load(path, weights_only=True)
    return Snapshot(Shape(**raw["shape"]), raw["parameters"], raw["stage"], raw["step"])


def snapshots(folder: Path) -> list[Path]:
    """Return the paths of the snapshots in `folder`, oldest first."""
    return sorted(folder.glob("stage*-step*.pt"))


def _write(path: Path, content: dict[str, Any]) -> None:
    write_whole_by(path, lambda partial: torch.save(content, partial), make_folder=True)
