"""The command ``lab``: the laboratory outside play, on a stored run or on the untouched pass."""

from __future__ import annotations

import argparse
import json

from forward_pass.commands.front_end import store_of
from forward_pass.commands.options import RUN_HELP, add_output_options, add_saves, add_world, turn_number
from forward_pass.errors import ForwardPassError
from forward_pass.loading.worlds import open_world
from forward_pass.session.laboratory import Laboratory
from forward_pass.session.laboratory_text import answer_message, open_laboratory, turn_of, usage_text
from forward_pass.session.plain_text import is_interactive, message_lines, read_line, text_width

NAME = "lab"
HELP = "try interventions and hooks on a pass"
DESCRIPTION = (
    "A laboratory on the model of a world: set acts, pushes, looks, notes, silenced heads, frozen layers and patches, a line "
    "each, and see what the model would say. It is opened at a turn of a stored run, or without a run at the untouched pass, "
    "and changes neither. Lines are read from standard input; help lists them."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_world(parser)
    parser.add_argument("run", metavar="RUN", nargs="?", help=RUN_HELP)
    parser.add_argument("turn", metavar="TURN", nargs="?", type=turn_number, help="turn of the run (default: where it stands)")
    add_output_options(parser, "plain lines, without a prompt", "one JSON object per line, for programs")
    add_saves(parser)


def run(options: argparse.Namespace) -> int:
    """Answer lines until the input ends or says quit; return the exit code."""
    world = open_world(options.world)
    store = store_of(world, options, options.world or "")
    run = store.new().run if options.run is None else store.view(options.run)
    if options.turn is not None:
        run = turn_of(run, options.run, options.turn)
    laboratory = open_laboratory(run, store.inspector, store)
    ask = read_line
    if not (options.json or options.plain) and is_interactive():
        from forward_pass.interface.laboratory_prompt import laboratory_prompt  # noqa: PLC0415 - plain lines do without

        print("\n".join(message_lines(usage_text(), text_width())))
        ask = laboratory_prompt()
    while True:
        try:
            line = ask()
        except EOFError:
            return 0
        if not line or line.strip() in ("quit", "exit", "q"):
            return 0
        if line.strip():
            _answer(laboratory, line, as_json=options.json)


def _answer(laboratory: Laboratory, line: str, *, as_json: bool) -> None:
    try:
        text, row = answer_message(laboratory, line)
    except ForwardPassError as error:
        text, row = f"{error}", {"type": "error", "message": f"{error}"}
    lines = ["", *message_lines(text, text_width())]
    print(json.dumps(row, ensure_ascii=False) if as_json else "\n".join(lines), flush=True)
