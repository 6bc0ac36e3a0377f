"""The contract of the queues' messages (see `noria.store.base`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

VisibilityChange = Literal["changed", "gone", "too_long"]


class NewMessage(NamedTuple):
    """attributes: the service's own encoding of everything else that it must give back; opaque here.

    visible_at_ms: later than the time of sending for a delayed message.
    """

    message_id: str
    body: str
    attributes: bytes | None
    sender_id: str
    visible_at_ms: int


class Receipt(NamedTuple):
    """One receive of one message; its next receive has another nonce. Both are signed 64-bit integers."""

    message: int
    nonce: int


class ReceivedMessage(NamedTuple):
    receipt: Receipt
    message_id: str
    body: str
    attributes: bytes | None
    sender_id: str
    sent_ms: int
    first_received_ms: int
    receive_count: int


class Counts(NamedTuple):
    visible: int
    in_flight: int
    delayed: int


class Messages(Protocol):
    """Messages of queues. A queue is a 63-bit integer of the service's choice, there while it has messages.

    What the hot operations cost does not grow with a queue's depth; what must touch many messages does it
    in slices, between which others run.
    """

    async def send(self, queue: int, messages: Sequence[NewMessage], now_ms: int) -> None:
        """All or none of them."""

    async def receive(
        self,
        queue: int,
        *,
        limit: int,
        now_ms: int,
        visibility_timeout_ms: int,
        sent_after_ms: int,
        in_flight_limit: int,
    ) -> list[ReceivedMessage] | None:
        """Claim up to `limit` visible messages, the longest visible first; they come back after the timeout.

        Messages sent at `sent_after_ms` or before have expired and are never delivered. Where very many have,
        there may be fewer messages than the queue holds; `next_visible_ms` then says that there is more.
        None where `in_flight_limit` messages are in flight already.
        """

    async def delete(self, queue: int, receipts: Sequence[Receipt]) -> None:
        """Receipts of messages that are gone or were received again since are passed over."""

    async def change_visibility(
        self, queue: int, receipt: Receipt, *, now_ms: int, timeout_ms: int, max_total_ms: int
    ) -> VisibilityChange:
        """Make a received message visible in `timeout_ms` from now.

        ``gone`` where the receipt is not the message's latest; ``too_long`` where the message would then have
        been hidden for more than `max_total_ms` since that receive.
        """

    async def counts(self, queue: int, now_ms: int) -> Counts: ...

    async def next_visible_ms(self, queue: int) -> int | None:
        """When the first message is or becomes visible; None in an empty queue."""

    async def expire(self, queue: int, sent_until_ms: int) -> None:
        """Delete messages sent until then; one received before may stay, undelivered, a while longer."""

    async def drop(self, queue: int) -> None:
        """Delete every message."""

    async def queues(self) -> list[int]:
        """The queues that have messages."""
