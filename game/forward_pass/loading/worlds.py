"""Worlds opened by name or folder, from the cache where nothing has changed since they were read."""

from __future__ import annotations

from forward_pass.errors import Problem, WorldError
from forward_pass.loading.cache import cache_story, read_cached_story
from forward_pass.loading.paths import read_world_files, world_folder, worlds_folder
from forward_pass.story.world import World


def open_world(name: str | None) -> World:
    """Return the world with this name or folder, or the flagship; raises ``WorldError`` with every problem in its files."""
    folder = world_folder(name)
    contents, problems = read_world_files(folder)
    story = None if problems else read_cached_story(folder, contents)
    if story is None:
        from forward_pass.loading.loader import read_contents  # noqa: PLC0415 - PyYAML only for what is not in the cache

        loaded = read_contents(folder.resolve().name, str(folder), contents, problems)
        if loaded.story is None:
            raise WorldError(loaded.problems)
        story = loaded.story
        cache_story(folder, contents, story)
    return World(story, folder, worlds_folder())


def open_world_of_run(world_id: str) -> World:
    """Return the world that a run belongs to, by the id in its header; raises ``WorldError`` where none has it."""
    world = open_world(world_id)
    if world.id != world_id:
        message = f"the run belongs to a world with the id {world_id}; this one has the id {world.id}"
        raise WorldError((Problem(str(world.folder), 1, 1, "E001", message),))
    return world
