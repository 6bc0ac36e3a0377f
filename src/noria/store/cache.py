"""A cache of what was read from records: whole until one changes, then empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class GenerationCache(Generic[K, V]):
    """Bounded; values are never None. Changes are rare beside reads: what they touch is not tracked."""

    def __init__(self, now: Callable[[], int], size: int) -> None:
        """now: the records' generation. size: entries at most; when it is reached, all are forgotten."""
        self._now = now
        self._size = size
        self._kept: dict[K, V] = {}
        self.generation = -1

    def get(self, key: K) -> V | None:
        """None where it has to be read; `put` it then, with the `generation` that the cache is of now."""
        now = self._now()
        if now != self.generation or len(self._kept) >= self._size:
            self._kept.clear()
            self.generation = now
        return self._kept.get(key)

    def put(self, key: K, value: V, generation: int) -> None:
        """Keep what was read since the cache was of this `generation`, if nothing has changed meanwhile."""
        if generation == self.generation == self._now():
            self._kept[key] = value

    def __len__(self) -> int:
        return len(self._kept)
