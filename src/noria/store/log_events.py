"""The contract of log groups, streams and events (see `noria.store.base`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

MAX_PAGE_BYTES = 1 << 20  # of one page; AWS's bound for GetLogEvents and FilterLogEvents
MAX_PAGE_EVENTS = 10_000  # likewise
EVENT_OVERHEAD_BYTES = 26  # what AWS counts for each event beside its message
MAX_SCANNED_EVENTS = 10_000  # a page looks through no more, so that a rare match can't hold anyone up
MAX_SCANNED_CHARS = 16 << 20  # likewise


class Position(NamedTuple):
    """A place between events: events are ordered by time, then by `seq`, which grows from 1 within a group.

    ``Position(t, 0)`` lies before every event of time t.
    """

    time_ms: int
    seq: int


BEGINNING = Position(0, 0)
END = Position(1 << 62, 0)


class LogGroup(msgspec.Struct, frozen=True):
    """id: never used again, also after the group's deletion.

    stored_bytes: of the messages as UTF-8, and AWS's 26 for each event.
    """

    id: int
    name: str
    created_ms: int
    stored_bytes: int


class LogStream(msgspec.Struct, frozen=True):
    """The event times are None until the first append."""

    id: int
    name: str
    created_ms: int
    first_event_ms: int | None = None
    last_event_ms: int | None = None
    last_ingestion_ms: int | None = None


class LogEvent(NamedTuple):
    time_ms: int
    seq: int
    stream: str
    message: str
    ingested_ms: int

    @property
    def position(self) -> Position:
        return Position(self.time_ms, self.seq)


class LogPage(msgspec.Struct, frozen=True):
    """events: in the order asked for. position: the last event looked at, from where to read on.

    finished: nothing lies beyond `position`.
    """

    events: list[LogEvent]
    position: Position
    finished: bool


class LogEvents(Protocol):
    """Groups of an account and region, their streams, and the streams' events. Names are ordered by bytes."""

    async def create_group(self, account: str, region: str, name: str, now_ms: int) -> bool:
        """False, with nothing changed, where the group exists."""

    async def delete_group(self, account: str, region: str, name: str) -> bool:
        """Its streams and events too, whose space is freed bit by bit. False where there is no such group."""

    async def group(self, account: str, region: str, name: str) -> LogGroup | None: ...

    async def groups(
        self,
        account: str,
        region: str,
        *,
        prefix: str = "",
        contains: str = "",
        after: str = "",
        limit: int = 50,
    ) -> list[LogGroup]: ...

    async def place(self, group_id: int) -> tuple[str, str, str] | None:
        """A group's account, region and name."""

    async def stored_bytes(self) -> int:
        """Of all groups of all accounts."""

    async def largest_group(self) -> int:
        """The id of the group that stores the most; 0 where there is none."""

    async def erase_oldest(self, group_id: int, before_ms: int = END.time_ms) -> int:
        """Erase some of the group's events before a time, beginning with the oldest, as many as hold nobody
        up; how many. Call it again until that is 0.
        """

    async def create_stream(self, group_id: int, name: str, now_ms: int) -> bool | None:
        """False where the stream exists, None where the group is gone."""

    async def delete_stream(self, group_id: int, name: str) -> bool:
        """As `delete_group`."""

    async def stream(self, group_id: int, name: str) -> LogStream | None: ...

    async def streams(
        self, group_id: int, *, prefix: str = "", after: str = "", descending: bool = False, limit: int = 50
    ) -> list[LogStream]:
        """By name; `after` is the name that the page before ended with, "" for the first page."""

    async def streams_by_last_event(
        self,
        group_id: int,
        *,
        after: tuple[int, str] | None = None,
        descending: bool = False,
        limit: int = 50,
    ) -> list[LogStream]:
        """By the time of the last event, then by name; streams without events count as time 0."""

    async def append(self, stream_id: int, events: Sequence[tuple[int, str]], now_ms: int) -> int | None:
        """Add (time in ms, message) in the order given. The first one's `seq`, the others' follow; None where
        the stream is gone.
        """

    async def read(
        self,
        group_id: int,
        *,
        stream_ids: Sequence[int] | None = None,
        stream_prefix: str = "",
        after: Position = BEGINNING,
        before: Position = END,
        descending: bool = False,
        matches: Callable[[str], bool] | None = None,
        limit: int = MAX_PAGE_EVENTS,
    ) -> LogPage:
        """A page of the events strictly between `after` and `before`, of all streams or of those named.

        At most `limit` events and MAX_PAGE_BYTES, but one event at least where one was found before
        MAX_SCANNED_EVENTS were looked at.
        """

    @property
    def path(self) -> Path | None:
        """The file that `noria.store.sqlite.log_scan` reads in another process; None where there is none."""

    async def delete_account(self, account: str) -> None:
        """Every group of an account (`noria reset`)."""
