"""The laboratory on a terminal: a prompt with completion and the lines of this session as its history."""

from __future__ import annotations

import json
from collections.abc import Callable

from forward_pass.errors import ForwardPassError
from forward_pass.session.laboratory import Laboratory
from forward_pass.session.laboratory_input import FIRST_WORDS
from forward_pass.session.laboratory_text import answer_message, usage_text
from forward_pass.session.plain_text import message_lines, read_line, text_width

LEAVE = ("quit", "exit", "q")


def laboratory_prompt() -> Callable[[], str]:
    """Return a function that prompts for a line; it raises ``EOFError`` at Ctrl-D and ``KeyboardInterrupt`` at Ctrl-C."""
    from prompt_toolkit import PromptSession  # plain lines do without
    from prompt_toolkit.completion import WordCompleter

    prompt = PromptSession[str](completer=WordCompleter([*FIRST_WORDS, "help", "quit"]))
    return lambda: prompt.prompt("lab> ")


def run_laboratory(laboratory: Laboratory, *, prompted: bool = True, as_json: bool = False) -> None:
    """Answer lines, prompted for or from standard input, until they end or one says quit."""
    ask = read_line
    if prompted:
        print("\n".join(message_lines(usage_text(), text_width())))
        ask = laboratory_prompt()
    while True:
        try:
            line = ask()
        except EOFError:
            return
        if not line or line.strip() in LEAVE:
            return
        if line.strip():
            _answer(laboratory, line, as_json=as_json)


def _answer(laboratory: Laboratory, line: str, *, as_json: bool) -> None:
    try:
        text, row = answer_message(laboratory, line)
    except ForwardPassError as error:
        text, row = f"{error}", {"type": "error", "code": error.code, "message": f"{error}"}
    lines = ["", *message_lines(text, text_width())]
    print(json.dumps(row, ensure_ascii=False) if as_json else "\n".join(lines), flush=True)
