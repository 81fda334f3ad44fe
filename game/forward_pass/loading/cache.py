"""The cache of read worlds: a world's nodes in the user's cache folder, until its files or the code that reads them change."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from forward_pass import __version__
from forward_pass.atomic_write import write_whole
from forward_pass.gc_pause import gc_paused
from forward_pass.loading.codec import decode_story, encode_story
from forward_pass.loading.paths import PACKAGE, Contents, cache_folder, world_hash
from forward_pass.story.nodes import Story

READERS = ("loading", "story")  # the folders of the modules that decide what comes of a world's files


def read_cached_story(folder: Path, contents: Contents) -> Story | None:
    """Return the nodes of these contents from the cache, None where they were not read since they last changed."""
    with suppress(OSError, ValueError, TypeError):
        checksum, data = (_cache_folder() / _key(folder.resolve().name, contents)).read_bytes().split(b"\n", 1)
        if checksum == _checksum(data):
            with gc_paused():
                return decode_story(data)
    return None


def cache_story(folder: Path, contents: Contents, story: Story) -> None:
    """Write the nodes of a world for the next start; a cache that cannot be written is done without."""
    with suppress(OSError):
        data = encode_story(story)
        write_whole(_cache_folder() / _key(folder.resolve().name, contents), _checksum(data) + b"\n" + data, make_folder=True)


def _checksum(data: bytes) -> bytes:
    """Return the sum by which a damaged cache is known: the key is over what was read, not over what came of it."""
    return sha256(data).hexdigest().encode()


def _cache_folder() -> Path:
    return cache_folder() / "worlds"


def _key(folder_name: str, contents: Contents) -> str:
    """Return the cache's key of a world: over its folder's name, its files' contents, and the code that would read them."""
    digest = sha256(f"{__version__} {folder_name} {world_hash(contents)}".encode(errors="surrogateescape"))
    for folder in READERS:
        modules = [entry for entry in os.scandir(PACKAGE / folder) if entry.name.endswith(".py")]
        for module in sorted(modules, key=lambda entry: entry.name):
            digest.update(f"{module.name} {module.stat().st_mtime_ns}".encode())
    return f"{digest.hexdigest()}.json"
