"""Signals while a prompt_toolkit application runs: they end it in order, so that it restores the terminal.

A handler that raises would not do: the event loop reports an exception in a callback and goes on. Imports prompt_toolkit for
its types alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from forward_pass.errors import Interrupted

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def run_application(app: Application[Any], on_start: Callable[[], None] = lambda: None) -> Any:
    """Run an application and return its result; a signal raises ``Interrupted``. ``on_start`` is called once it runs."""

    def start() -> None:
        install_handlers(app)
        on_start()

    with preserve_handlers():
        return app.run(pre_run=start)


def install_handlers(app: Application[Any]) -> None:
    """Have signals end a running application; to be called inside its event loop."""
    app.renderer.cpr_not_supported_callback = None  # the library would warn amid the prose of a terminal that never answers
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        with suppress(NotImplementedError):  # Windows has no such handlers
            loop.add_signal_handler(number, partial(end_application, app, number))
    if hasattr(signal, "SIGTSTP"):
        loop.add_signal_handler(signal.SIGTSTP, partial(suspend, app))


def suspend(app: Application[Any]) -> None:
    """Stop the process as a terminal program stops: the terminal as the shell had it, and drawn again afterwards."""
    from prompt_toolkit.application import run_in_terminal  # noqa: PLC0415 - this module is imported before it is needed

    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_signal_handler(signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGTSTP)  # returns once the process goes on
        loop.add_signal_handler(signal.SIGTSTP, partial(suspend, app))

    run_in_terminal(stop)


def end_application(app: Application[Any], number: int) -> None:
    """End an application with ``Interrupted``."""
    with suppress(Exception):  # prompt_toolkit raises a bare Exception where the application is ending already
        app.exit(exception=Interrupted(number))


@contextmanager
def preserve_handlers() -> Iterator[None]:
    """Restore the signal handlers afterwards: an event loop that closes resets those it replaced to the default."""
    handlers = [(number, signal.getsignal(number)) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
