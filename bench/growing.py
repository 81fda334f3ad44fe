"""Worlds, folders of runs and single runs for ``scale.py``, as large as they are asked to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from forward_pass.errors import WorldError
from forward_pass.loading.loader import LoadedWorld, read_contents
from forward_pass.network.passes import open_pass
from forward_pass.storage.journal import Header, turn_line
from forward_pass.story.engine import offers
from forward_pass.story.history import Run, append, make_turn, new_run
from forward_pass.story.ports import Inspector
from forward_pass.story.state import Prior
from forward_pass.story.world import World

LAYERS = 9_000
MAX_TURNS = 30  # of a run in a folder, its last word included
WORDS = ("two", "no", "zero")
ENDINGS = 20
SCENES_PER_FILE = 1_000


def grown_world(scenes: int) -> list[tuple[str, bytes]]:
    """Return the files of a world: a ring of scenes with ways across, texts that vary, a variable for every tenth."""
    files = {"world.yaml": _frame(scenes)}
    files |= {f"{at // SCENES_PER_FILE:03}.yaml": _scenes(scenes, at) for at in range(0, scenes, SCENES_PER_FILE)}
    return [(name, ("\n".join(lines) + "\n").encode()) for name, lines in sorted(files.items())]


def _frame(scenes: int) -> Iterator[str]:
    """Yield the lines of a world but for its scenes."""
    yield f"format: 1\ntitle: Made\nversion: 1.0.0\nabout: Made by a loop.\nlayers: {LAYERS + 2}"
    yield f"waking: 1\nboundary: {LAYERS}\nstart: s0\nprompt: Why? Because the\nvariables:"
    variables = max(scenes // 10, 1)
    yield from (f"  v{at}: {{from: 0, to: 3}}" for at in range(variables))
    yield "tokens:\n  5:\n    written: {two: 0.5, no: 0.3, zero: 0.2}\n    then:"
    for word in WORDS[:-1]:
        cases = (f"{{if: v{at % variables} == {at % 3}, goto: e{at}}}" for at in range(ENDINGS - 1))
        yield f"      {word}: [{', '.join(cases)}, {{goto: e{ENDINGS - 1}}}]"
    yield f"      otherwise: e{ENDINGS - 1}\nendings:"
    yield from (f"  e{at}: {{title: Ending {at}, text: It ended.}}" for at in range(ENDINGS))


def _scenes(scenes: int, first: int) -> Iterator[str]:
    """Yield the lines of a file of scenes."""
    chance = Random(first)  # noqa: S311 - the same world every time
    yield "scenes:"
    for at in range(first, min(first + SCENES_PER_FILE, scenes)):
        v = at % max(scenes // 10, 1)
        yield f"  s{at}:\n    text: |\n      I was in room {at}. {{visit: It was new to me. | I knew it.}}"
        yield "      Somebody had left a lamp on.\n"
        yield f"      [v{v} > 1] The door at the back was open, and through it came the noise of the next room.\n    choices:"
        yield f"      on-{at}: {{say: Go on., cost: 0, do: v{v} += 1, goto: s{(at + 1) % scenes}}}"
        yield f"      across-{at}: {{say: Cross over., cost: 1, goto: s{chance.randrange(scenes)}}}"
        yield f"      back-{at}: {{say: Go back., if: v{v} > 0, cost: 0, goto: s{(at - 1) % scenes}}}"
        yield f"      say-{at}: {{say: Say it., goto: decode}}"


def opened(scenes: int) -> World:
    """Return a world of so many scenes."""
    return _world(read_contents("made", "", grown_world(scenes), []))


def _world(reading: LoadedWorld) -> World:
    if reading.story is None:
        raise WorldError(reading.problems)
    return World(reading.story)


def header_of(world: World, prior: Prior) -> Header:
    """Return the header of a run."""
    return Header(world.id, world.version, world.hash, None, 0, 0.0, prior, "2021-03-22T00:00:00+00:00")


def write_run(path: Path, header: Header, run: Run) -> None:
    """Write a run as the store does."""
    path.write_text("".join(f"{line}\n" for line in (header.line(), *map(turn_line, run.turns))), encoding="utf8")


def grown_folder(count: int, saves: Path) -> tuple[World, Inspector, Callable[[Prior], Header]]:
    """Write so many runs of a world of a hundred scenes, each of a random player; return the world, its pass, a header."""
    world = opened(100)
    inspector = open_pass(world)
    chance = Random(count)  # noqa: S311 - the same runs every time
    (saves / world.id).mkdir()
    header = partial(header_of, world)
    for number in range(1, count + 1):
        prior = Prior(number)
        run = new_run(world, inspector, prior)
        for at in range(1, MAX_TURNS + 1):
            choices = [offer.id for offer in offers(world, run.state) if offer.decoder_comes == (at == MAX_TURNS)]
            run = append(run, make_turn(run, chance.choice(choices), lambda _, __: chance.choice(WORDS)))
        write_run(saves / world.id / f"{number:03d}-run.jsonl", header(prior), run)
    return world, inspector, header


def grown_run(count: int, saves: Path) -> tuple[World, Inspector, Path]:
    """Write one run of so many turns in a world of two rooms; return the world, its pass and the file."""
    lines = [
        *("format: 1", "title: Made", "version: 1.0.0", "layers: 12", "waking: 3", "boundary: 9", "start: here"),
        *("prompt: Why? Because the", "tokens:", "  5:", "    written: {two: 1.0}", "    then: {otherwise: done}", "scenes:"),
        "  here: {text: Here., choices: {go: {say: Go., cost: 0, goto: there}, stop: {say: Stop., goto: decode}}}",
        "  there: {text: There., choices: {come: {say: Come back., cost: 0, goto: here}}}",
        "endings: {done: {title: Done, text: It was done.}}",
    ]
    world = _world(read_contents("made", "", [("made.yaml", ("\n".join(lines) + "\n").encode())], []))
    inspector = open_pass(world)
    run = new_run(world, inspector, Prior())
    turns = []
    for at in range(count):
        turn = make_turn(run, ("go", "come")[at % 2], lambda _, __: "two")
        turns.append(turn)
        run = run._replace(turns=(turn,), at=1)  # only the last one is asked for: no copies of all that came before
    path = saves / "001-run.jsonl"
    write_run(path, header_of(world, Prior()), run._replace(turns=tuple(turns), at=count))
    return world, inspector, path
