"""What a world is made of and what random runs leave of it unread: words by scene and ending, choices, passages."""

from __future__ import annotations

from typing import NamedTuple

from forward_pass.checker.simulation import SimulationStats
from forward_pass.checker.text_coverage import TextKind, passages, texts
from forward_pass.story.nodes import Scene
from forward_pass.story.world import World


class SceneWords(NamedTuple):
    """A scene or an ending: its id, its token (0: any), and the words of its text and of its choices, every variant counted."""

    id: str
    token: int
    text: int
    choices: int


def words_by_scene(world: World) -> list[SceneWords]:
    """Return the words of every scene and ending, in the order of writing."""
    counts = {text_id: sum(passage.words for passage in passages(text)) for text_id, text in texts(world)}
    rows = []
    for scene in world.scenes.values():
        choices = scene.choices if isinstance(scene, Scene) else ()
        kinds = (TextKind.SAY, TextKind.WHY, TextKind.THEN)
        of_choices = sum(counts.get((kind, choice.id), 0) for choice in choices for kind in kinds)  # type: ignore[call-overload]
        rows.append(SceneWords(scene.id, scene.token, counts[TextKind.SCENE, scene.id], of_choices))  # type: ignore[index]
    return rows


def statistics_lines(world: World, stats: SimulationStats, runs: int) -> list[str]:
    """Return words by scene and ending, the choices that no random run took, and the texts that none showed, as plain lines."""
    rows = words_by_scene(world)
    width = max(len(row.id) for row in rows)
    total = sum(row.text + row.choices for row in rows)
    lines = [f"{world.title}: {total:,} words with every variant, in {len(rows)} scenes and endings", ""]
    for row in rows:
        kind = "ending" if row.id in world.endings else f"token {row.token}" if row.token else ""
        choices = f", {row.choices:,} in its choices" if row.choices else ""
        lines.append(f"  {row.id:<{width}}  {kind:<9}  {row.text:>5,} words{choices}")
    lines += ["", f"Choices that none of {runs:,} random runs took: {len(stats.never_taken)}"]
    lines += [f"  {choice}" for choice in stats.never_taken]
    unread = sum(text.words for text in stats.unread)
    lines += ["", f"Passages that none of them showed: {sum(text.passages for text in stats.unread)}, {unread:,} words"]
    lines += [f"  {text.owner} ({text.kind}): {text.passages}, {text.words:,} words" for text in stats.unread]
    return lines


def statistics_object(world: World, stats: SimulationStats, runs: int) -> dict[str, object]:
    """Return the same as an object."""
    return {
        "type": "stats",
        "world": world.id,
        "runs": runs,
        "scenes": [row._asdict() for row in words_by_scene(world)],
        "never_taken": list(stats.never_taken),
        "unread": [text._asdict() for text in stats.unread],
    }
