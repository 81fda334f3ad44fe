"""The terminal display of a training: stage, step, loss, bands, time left. It makes no decisions."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from forward_pass.training.bands import Band
from forward_pass.training.growth import Step
from forward_pass.training.schedule import Schedule

_SMOOTHING = 0.95  # of the loss shown


class Observer(Protocol):
    """Receives the events of a training."""

    def on_step(self, step: Step) -> None:
        """Handle a completed step."""

    def on_bands(self, measured: Mapping[str, float], bands: Sequence[Band]) -> None:
        """Handle a snapshot's measurements."""

    def on_message(self, text: str) -> None:
        """Handle any other event, described in one line."""


class SilentObserver:
    """An observer that shows nothing."""

    def on_step(self, step: Step) -> None:
        """Show nothing."""

    def on_bands(self, measured: Mapping[str, float], bands: Sequence[Band]) -> None:
        """Show nothing."""

    def on_message(self, text: str) -> None:
        """Show nothing."""


class Display:
    """An observer that draws on a terminal; a context manager, which restores the terminal."""

    def __init__(self, schedule: Schedule, console: Console | None = None) -> None:
        """Prepare a display of the whole schedule."""
        self.schedule, self.console = schedule, console or Console(stderr=True)
        self.work = [stage.steps * stage.batch * stage.n_layer for stage in schedule.stages]
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
        )
        self.task = self.bar.add_task("waiting", total=None, loss=0.0, left="")
        self.loss, self.bands = 0.0, Table.grid(padding=(0, 2))
        self.first: tuple[float, float] | None = None
        self.live = Live(self._view(), console=self.console, refresh_per_second=4)

    def __enter__(self) -> Self:
        """Start the display."""
        self.live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the display and restore the terminal."""
        self.live.__exit__(kind, error, trace)

    def on_step(self, step: Step) -> None:
        """Show stage, step, smoothed loss and the time left."""
        stage = self.schedule.stages[step.stage]
        self.loss = _SMOOTHING * self.loss + (1 - _SMOOTHING) * step.loss if self.loss else step.loss
        name = f"stage {step.stage + 1} of {len(self.schedule.stages)}, {stage.n_layer} layers"
        done = sum(self.work[: step.stage]) + self.work[step.stage] * step.completed / stage.steps
        left = self._left(done)
        self.bar.update(self.task, description=name, total=stage.steps, completed=step.completed, loss=self.loss, left=left)

    def on_bands(self, measured: Mapping[str, float], bands: Sequence[Band]) -> None:
        """Show every measured band, with `missed` where it is."""
        table = Table.grid(padding=(0, 2))
        for band in bands:
            number = measured.get(band.name)
            if number is not None:
                status = "" if band.minimum <= number <= band.maximum else "missed"
                table.add_row(band.name, f"{number:.3f}", status)
        self.bands = table
        self.live.update(self._view())

    def on_message(self, text: str) -> None:
        """Print the line above the display."""
        self.live.console.print(text, markup=False)

    def _left(self, done: float) -> str:
        """Return the estimated time left, after `done` units of work (steps x documents x layers)."""
        now = self.bar.get_time()
        if self.first is None:
            self.first = (now, done)
        start_time, start_work = self.first
        if done <= start_work:
            return ""
        minutes = (now - start_time) / (done - start_work) * (sum(self.work) - done) / 60
        return f"about {minutes:.0f} min left"

    def _view(self) -> Table:
        view = Table.grid()
        view.add_row(self.bar)
        view.add_row(self.bands)
        return view
