"""What a person sees while a network is trained: stage, step, loss, bands, time left. It decides nothing."""

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

_SMOOTH = 0.95


class Watcher(Protocol):
    """Whoever is told how a training goes."""

    def saw_step(self, step: Step) -> None:
        """Hear of a step."""

    def saw_bands(self, measured: Mapping[str, float], bands: Sequence[Band]) -> None:
        """Hear what a snapshot measures."""

    def saw_event(self, text: str) -> None:
        """Hear of anything else, in one line."""


class Quiet:
    """A watcher that shows nothing."""

    def saw_step(self, step: Step) -> None:
        """Show nothing."""

    def saw_bands(self, measured: Mapping[str, float], bands: Sequence[Band]) -> None:
        """Show nothing."""

    def saw_event(self, text: str) -> None:
        """Show nothing."""


class Display:
    """A watcher on a terminal; a context manager, so that the terminal is left as it was."""

    def __init__(self, schedule: Schedule, console: Console | None = None) -> None:
        """Prepare a display of a whole schedule."""
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
        """Begin to show."""
        self.live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave the terminal as it was."""
        self.live.__exit__(kind, error, trace)

    def saw_step(self, step: Step) -> None:
        """Show stage, step, smoothed loss and the time left."""
        stage = self.schedule.stages[step.stage]
        self.loss = _SMOOTH * self.loss + (1 - _SMOOTH) * step.loss if self.loss else step.loss
        name = f"stage {step.stage + 1} of {len(self.schedule.stages)}, {stage.n_layer} layers"
        done = sum(self.work[: step.stage]) + self.work[step.stage] * step.done / stage.steps
        left = self._left(done)
        self.bar.update(self.task, description=name, total=stage.steps, completed=step.done, loss=self.loss, left=left)

    def saw_bands(self, measured: Mapping[str, float], bands: Sequence[Band]) -> None:
        """Show every band, with a word where it is missed."""
        table = Table.grid(padding=(0, 2))
        for band in bands:
            number = measured.get(band.name)
            if number is not None:
                kept = "" if band.least <= number <= band.most else "missed"
                table.add_row(band.name, f"{number:.3f}", kept)
        self.bands = table
        self.live.update(self._view())

    def saw_event(self, text: str) -> None:
        """Print the line above the display."""
        self.live.console.print(text, markup=False)

    def _left(self, done: float) -> str:
        now = self.bar.get_time()
        if self.first is None:
            self.first = (now, done)
        began, had = self.first
        if done <= had:
            return ""
        minutes = (now - began) / (done - had) * (sum(self.work) - done) / 60
        return f"about {minutes:.0f} min left"

    def _view(self) -> Table:
        view = Table.grid()
        view.add_row(self.bar)
        view.add_row(self.bands)
        return view
