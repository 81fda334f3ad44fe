"""The prompt of the laboratory on a terminal, with completion and the lines of this session as its history."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter

from forward_pass.session.laboratory_input import FIRST_WORDS


def laboratory_prompt() -> Callable[[], str]:
    """Return a function that prompts for a line; it raises ``EOFError`` at Ctrl-D and ``KeyboardInterrupt`` at Ctrl-C."""
    prompt = PromptSession[str](completer=WordCompleter([*FIRST_WORDS, "help", "quit"]))
    return lambda: prompt.prompt("lab> ")
