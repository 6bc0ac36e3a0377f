"""What is appended to log groups, told to those who follow them right now. Nobody polls for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple


class GroupName(NamedTuple):
    account: str
    region: str
    name: str


Events = Sequence[tuple[int, str]]  # (time in ms, message)
Follower = Callable[[GroupName, str, Events, int], None]
"""Called on the event loop with the group, the stream's name, the events and the time of their ingestion."""


class Feed:
    """Appends are published when they are durable."""

    def __init__(self) -> None:
        self._followers: dict[GroupName, list[Follower]] = {}

    @contextmanager
    def follow(self, groups: Sequence[GroupName], follower: Follower) -> Iterator[None]:
        """groups: no two the same."""
        for group in groups:
            self._followers.setdefault(group, []).append(follower)
        try:
            yield
        finally:
            for group in groups:
                self._followers[group].remove(follower)
                if not self._followers[group]:
                    del self._followers[group]

    def publish(self, group: GroupName, stream: str, events: Events, ingested_ms: int) -> None:
        for follower in self._followers.get(group, ()):
            follower(group, stream, events, ingested_ms)
