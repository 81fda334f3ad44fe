"""Nodes that are made when they are first asked for, so that a large world starts as soon as a small one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Deferred(Generic[T]):
    """What can be read like a tuple, and whose members are made by ``make`` from what is stored of them, each once."""

    def __init__(self, stored: Sequence[bytes], make: Callable[[bytes], T]) -> None:
        self._stored, self._make = stored, make
        self._made: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._stored)

    def __iter__(self) -> Iterator[T]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> T:
        if index not in self._made:
            self._made[index] = self._make(self._stored[index])
        return self._made[index]
