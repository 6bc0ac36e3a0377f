"""Caches of records: never stale, bounded."""

from __future__ import annotations

from noria.store.cache import GenerationCache


class World:
    """Records whose generation tests set."""

    def __init__(self, size: int = 10) -> None:
        self.generation = 0
        self.cache: GenerationCache[str, int] = GenerationCache(lambda: self.generation, size)

    def keep(self, key: str, value: int) -> None:
        assert self.cache.get(key) is None
        self.cache.put(key, value, self.cache.generation)


def test_what_was_read_is_kept_until_something_changes() -> None:
    world = World()
    world.keep("a", 1)
    assert world.cache.get("a") == 1
    world.generation += 1
    assert world.cache.get("a") is None


def test_what_changed_while_it_was_read_is_not_kept() -> None:
    world = World()
    assert world.cache.get("a") is None
    before = world.cache.generation
    world.generation += 1
    world.cache.put("a", 1, before)
    assert world.cache.get("a") is None


def test_what_changed_while_it_was_read_is_not_kept_though_another_looked_meanwhile() -> None:
    world = World()
    assert world.cache.get("a") is None
    before = world.cache.generation
    world.generation += 1
    world.keep("b", 2)
    world.cache.put("a", 1, before)
    assert world.cache.get("a") is None
    assert world.cache.get("b") == 2


def test_it_is_bounded() -> None:
    world = World(size=3)
    for number in range(100):
        world.keep(str(number), number)
        assert len(world.cache) <= 3
    assert world.cache.get("99") == 99
