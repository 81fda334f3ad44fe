"""A world to start from: one small file that passes its check, with a line of comment where a line of its own would stand."""

from __future__ import annotations

from pathlib import Path

from forward_pass.errors import UsageError
from forward_pass.loading.schema import schema_text
from forward_pass.loading.symbols import ID

FILE = "world.yaml"

SCHEMA_FILE = "SCHEMA.json"

WORLD = """\
# yaml-language-server: $schema=SCHEMA.json
# A world is a folder of files like this one. docs/worlds.md explains every line.
format: 1
title: @TITLE@
version: 0.1.0
about: A line about it, for whoever chooses among worlds.

# The pass: how deep it is, where a token's story begins in it, and where the decoder comes.
layers: 12
waking: 3
boundary: 9
start: waking

# Its words, the first token's word last. With the mark that every document begins with, "The" is token 11.
prompt: |
  Q: What did the cat see?
  A: The

variables:
  looked: false

acts:
  lean: {about: A little weight laid on one word.}

tokens:
  11:
    # What comes out of the pass: the first case that holds. A case knows only the pass, never the story.
    written:
      - if: acted(lean)
        say: {window: 0.6, mouse: 0.4}
      - say: {mouse: 0.9, window: 0.1}
    # Where each word leads. The machine ends after its last token, so here every word leads to an ending.
    then:
      mouse: as-ever
      otherwise: something-else

scenes:
  waking:
    text: |
      I woke up at the end of a short question.

      [looked] I had read it by now. It was about a cat.
    choices:
      read-it:
        say: Read the question.
        if: not looked
        cost: 2
        do: looked = true
        goto: waking
      lean-over:
        say: Lean a little.
        needs: looked
        why: I did not know yet which way.
        cost: 2
        act: lean
        goto: leaning
      wait-here:
        say: Wait for them to come.
        goto: decode
        then: I waited.

  leaning:
    text: |
      I leaned, with {spelled(left)} layers left. *Mouse* stood at {now('mouse')}.
    choices:
      let-go:
        say: Let them come.
        goto: decode
        then: I let them come.

endings:
  as-ever:
    title: As Ever
    text: |
      *Mouse*, at {p('mouse')}. {looked: I could have told them. | Nobody asked me.}

  something-else:
    title: Something Else
    text: |
      *{word}*, they said. That was me.
"""


def scaffold_text(name: str) -> str:
    """Return the one file of a new world."""
    return WORLD.replace("@TITLE@", name.replace("-", " ").title())


def write_scaffold(folder: Path) -> list[str]:
    """Write a world into a folder that is new or empty; return what to tell whoever asked. Raises ``UsageError``."""
    name = folder.resolve().name
    if not ID.fullmatch(name):
        shape = "use lowercase letters, digits and -, a letter first"
        raise UsageError(f"{name!r} is not a valid folder name for a world: {shape}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(not path.name.startswith(".") for path in folder.iterdir()):
            raise UsageError(f"{folder} is not empty; a new world needs an empty folder")
        (folder / FILE).write_text(scaffold_text(name), encoding="utf8")
        (folder / SCHEMA_FILE).write_text(schema_text(), encoding="utf8")
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror or error}") from None
    return [
        f"{folder / FILE} is a world. Play it, check it, change it:",
        f"  forward-pass play {folder}",
        f"  forward-pass check {folder}",
    ]
