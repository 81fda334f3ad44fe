"""The command ``settings``: the settings listed, or one changed."""

from __future__ import annotations

import argparse
import json

from forward_pass.commands.front_end import settings_or_defaults
from forward_pass.commands.options import add_output_options
from forward_pass.session.settings import ALLOWED, DESCRIPTIONS, settings_file, validate_setting, write_setting

NAME = "settings"
HELP = "list or change settings: motion, measure, colour, plain, pace"
DESCRIPTION = (
    "List the settings, or change one: settings motion off, settings measure 60, settings colour light, settings plain on, "
    "settings pace timed."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("key", metavar="KEY", nargs="?", help="motion, measure (columns of prose), colour, plain or pace")
    parser.add_argument("value", metavar="VALUE", nargs="?", help="the new value")
    add_output_options(parser, "plain lines (same as the default)")


def run(options: argparse.Namespace) -> int:
    """List the settings, or change one; return the exit code."""
    if options.value is not None:
        print(f"{options.key} = {options.value}, in {write_setting(options.key, options.value)}")
        return 0
    settings = settings_or_defaults()._asdict()
    if options.key is not None and options.key not in settings:
        validate_setting(options.key, "")
    if options.json:
        print(json.dumps({"type": "settings", "file": str(settings_file()), **settings}, ensure_ascii=False))
        return 0
    for key, value in settings.items():
        if options.key in (None, key):
            print(f"{key} = {value}\n  {DESCRIPTIONS[key]}: {ALLOWED[key][1]}")
    return 0
