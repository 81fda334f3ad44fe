"""Signals while an application owns the terminal: they end it in order, so that the terminal is as it was. Imports no screen.

A handler that raises is no use there: what it raises inside a callback of the event loop is reported and goes nowhere.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from forward_pass.errors import Interrupted

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def run_application(app: Application[Any], begin: Callable[[], None] = lambda: None) -> Any:
    """Run an application and return its result; a signal ends it with ``Interrupted``. ``begin`` is called when it runs."""

    def ready() -> None:
        install_handlers(app)
        begin()

    with preserve_handlers():
        return app.run(pre_run=ready)


def install_handlers(app: Application[Any]) -> None:
    """From inside an application that runs, see to it that a signal ends it in order."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        with suppress(NotImplementedError):  # Windows has no such handlers
            loop.add_signal_handler(number, partial(end_application, app, number))


def end_application(app: Application[Any], number: int) -> None:
    """End an application as a signal does."""
    with suppress(Exception):  # what prompt_toolkit raises where the application is on its way out already
        app.exit(exception=Interrupted(number))


@contextmanager
def preserve_handlers() -> Iterator[None]:
    """Put back afterwards who heeds signals: an event loop that closes leaves them to end the process unasked."""
    before = [(number, signal.getsignal(number)) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
