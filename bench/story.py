"""One story in three languages: ours, ink, bardic. The same words, the same choices, the same conditions.

Forty scenes, four choices each, a text that differs at the second visit, a paragraph and a choice with a condition, and a
number that every choice raises. It never ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

SCENES = 40
CHOICES = 4
GUARD = 50  # the count from which a scene says more
NEEDED = 10  # the count from which the last choice of a scene is there
MOST = 1000
WORDS = (
    *("light", "layer", "token", "question", "answer", "heads", "keys", "floor", "door", "room", "word", "slope", "morning"),
    *("switch", "sentence", "value", "vector", "quiet", "second", "reader", "thumb", "window", "stairs", "slippers", "match"),
    *("wall", "elbow", "house", "lamp", "kettle", "garden", "letter", "pocket", "ladder", "corner"),
)


class Choice(NamedTuple):
    """What a choice says, and the scene that it leads to."""

    say: str
    goto: int


class Scene(NamedTuple):
    """The texts of a scene: always, at the first visit, at later ones, from a count on; and its choices."""

    always: str
    first: str
    again: str
    more: str
    choices: tuple[Choice, ...]


def scenes(count: int = SCENES) -> list[Scene]:
    """Return the story, or one of another length."""
    chance = Random(400)  # noqa: S311 - the same story every time

    def words(count: int) -> str:
        return " ".join(chance.choice(WORDS) for _ in range(count)).capitalize() + "."

    return [
        Scene(
            words(70),
            words(25),
            words(25),
            words(20),
            tuple(Choice(words(7), chance.randrange(count)) for _ in range(CHOICES)),
        )
        for _ in range(count)
    ]


def ours(count: int = SCENES) -> Iterator[str]:
    """Yield the lines of the story as a world."""
    yield "format: 1\ntitle: Bench\nversion: 1.0.0\nabout: The story of the bench.\nlayers: 12\nwaking: 3\nboundary: 9"
    yield "start: s0\nprompt: A word\nvariables:\n  count: {from: 0, to: " + str(MOST) + "}"
    yield "tokens:\n  3:\n    written: {end: 1.0}\n    then: {otherwise: the-end}"
    yield "endings:\n  the-end:\n    title: The End\n    text: It ends.\nscenes:"
    for number, scene in enumerate(scenes(count)):
        guarded = f"      [count > {GUARD}] {scene.more}"
        yield f"  s{number}:\n    text: |\n      {scene.always}\n\n      {{visit: {scene.first} | {scene.again}}}\n\n{guarded}"
        yield "    choices:"
        for index, choice in enumerate(scene.choices):
            condition = f"        if: count > {NEEDED}\n" if index == CHOICES - 1 else ""
            effect = f"        cost: 0\n        do: count += 1\n        goto: s{choice.goto}"
            yield f"      s{number}-c{index}:\n        say: {choice.say}\n{condition}{effect}"


def ink() -> Iterator[str]:
    """Yield the lines of the story in ink."""
    yield "VAR count = 0\n-> s0"
    for number, scene in enumerate(scenes()):
        yield f"=== s{number} ===\n{scene.always}\n{{{scene.first}|{scene.again}}}\n{{count > {GUARD}: {scene.more}}}"
        for index, choice in enumerate(scene.choices):
            condition = f"{{count > {NEEDED}}} " if index == CHOICES - 1 else ""
            yield f"+ {condition}[{choice.say}]\n  ~ count = MIN(count + 1, {MOST})\n  -> s{choice.goto}"


def bardic() -> Iterator[str]:
    """Yield the lines of the story in bardic, where the number is raised at the door of each scene."""
    yield ":: Start\n~ count = -1\n-> s0\n"
    for number, scene in enumerate(scenes()):
        yield f":: s{number}\n~ count = min(count + 1, {MOST})\n{scene.always}"
        yield f"@if _visits.get('s{number}', 0) == 1:\n{scene.first}\n@else:\n{scene.again}\n@endif"
        yield f"@if count > {GUARD}:\n{scene.more}\n@endif"
        for index, choice in enumerate(scene.choices):
            condition = f"{{count > {NEEDED}}} " if index == CHOICES - 1 else ""
            yield f"+ {condition}[{choice.say}] -> s{choice.goto}"
        yield ""


def write_stories(folder: Path) -> None:
    """Write the story in its three languages into a folder."""
    (folder / "bench").mkdir(parents=True, exist_ok=True)
    for path, lines in ((folder / "bench" / "world.yaml", ours()), (folder / "s.ink", ink()), (folder / "s.bard", bardic())):
        path.write_text("\n".join(lines) + "\n", encoding="utf8")
