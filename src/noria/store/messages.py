"""The contract of the queues' messages (see `noria.store.base`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar

T = TypeVar("T")

VisibilityChange = Literal["changed", "gone", "too_long"]


class NewMessage(NamedTuple):
    """attributes: the service's own encoding of everything else that it must give back; opaque here.

    visible_at_ms: later than the time of sending for a delayed message.
    group: the message group; of every message in a FIFO queue.
    deduplication: in a FIFO queue, messages sent with the same one within five minutes are one message.
    """

    message_id: str
    body: str
    attributes: bytes | None
    sender_id: str
    visible_at_ms: int
    group: str | None = None
    deduplication: str = ""


class Accepted(NamedTuple):
    """What a FIFO queue has made of a message; of a duplicate, what it had made of the first one."""

    message_id: str
    sequence: int


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
    sequence: int | None = None
    source: str | None = None


class DeadLetters(NamedTuple):
    """Where messages go that were received `max_receives` times without being deleted.

    queue: of the same kind. source: what such a message is to say of its origin (`ReceivedMessage.source`).
    """

    queue: int
    max_receives: int
    source: str


class Moved(NamedTuple):
    """How many messages. unknown_source: of the message that stopped the move; "" where it has none."""

    messages: int
    unknown_source: str | None = None


class Counts(NamedTuple):
    visible: int
    in_flight: int
    delayed: int


class Messages(Protocol):
    """What messages of standard and FIFO queues have in common.

    A queue is a 63-bit integer of the service's choice, there while it has messages.

    What the hot operations cost does not grow with a queue's depth; what must touch many messages does it
    in slices, between which others run.
    """

    def receive(
        self,
        queue: int,
        *,
        limit: int,
        now_ms: int,
        visibility_timeout_ms: int,
        sent_after_ms: int,
        in_flight_limit: int,
        dead_letters: DeadLetters | None = None,
    ) -> Awaitable[list[ReceivedMessage] | None]:
        """Claim up to `limit` visible messages, the longest visible first; they come back after the timeout.

        Groups that hold more than a tenth of the messages in flight, and 30 at least, come after the others.
        Messages sent at `sent_after_ms` or before have expired and are never delivered. Where very many have,
        there may be fewer messages than the queue holds; `next_visible_ms` then says that there is more.
        None where `in_flight_limit` messages are in flight already.
        """

    async def change_visibility(
        self, queue: int, receipt: Receipt, *, now_ms: int, timeout_ms: int, max_total_ms: int
    ) -> VisibilityChange:
        """Make a received message visible in `timeout_ms` from now.

        ``gone`` where the receipt is not the message's latest; ``too_long`` where the message would then have
        been hidden for more than `max_total_ms` since that receive.
        """

    async def move(
        self,
        queue: int,
        *,
        limit: int,
        now_ms: int,
        destination: int | None,
        destinations: Mapping[str, int],
        new_id: Callable[[], str],
    ) -> Moved:
        """Move up to `limit` visible messages, as new messages, to `destination`, a queue of the same kind.

        Where that is None each goes to the one of `destinations` that its source names.
        """

    async def counts(self, queue: int, now_ms: int) -> Counts: ...

    async def next_visible_ms(self, queue: int) -> int | None:
        """When the first message is or becomes visible; None in an empty queue."""

    async def expire(self, queue: int, sent_until_ms: int, now_ms: int) -> None:
        """Delete messages sent until then; one received before may stay, undelivered, a while longer."""

    async def drop(self, queue: int) -> None:
        """Delete every message, and what the queue remembers."""

    async def queues(self) -> list[int]:
        """The queues that have messages or remember anything, of both kinds."""


class StandardMessages(Messages, Protocol):
    """Messages of standard queues."""

    def send(self, queue: int, messages: Sequence[NewMessage], now_ms: int, result: T) -> Awaitable[T]:
        """All or none of them; the result comes when they are durable."""

    def delete(self, queue: int, receipts: Sequence[Receipt], now_ms: int) -> Awaitable[None]:
        """Receipts of messages that are gone or were received again since are passed over."""


class FifoMessages(Messages, Protocol):
    """Messages of FIFO queues: in the order of sending within each group, of which only the visible ones
    before the first hidden one can be received."""

    async def send_once(self, queue: int, messages: Sequence[NewMessage], now_ms: int) -> list[Accepted]:
        """All or none of them; but for duplicates, which are not sent again."""

    async def delete_in_flight(
        self, queue: int, receipts: Sequence[Receipt], now_ms: int
    ) -> Collection[Receipt]:
        """Receipts of messages that are gone or were received again since are passed over.

        Returned are those that are refused, because the messages are not in flight any more.
        """

    async def delay(self, queue: int, delay_ms: int, now_ms: int) -> None:
        """Messages that are still delayed become visible `delay_ms` after they were sent."""

    async def receive_again(
        self, queue: int, attempt: str, *, now_ms: int, visibility_timeout_ms: int
    ) -> list[ReceivedMessage]:
        """What the attempt received in the last five minutes, hidden anew; nothing if any of it is not in
        flight as it was."""

    async def remember(
        self, queue: int, attempt: str, received: Sequence[ReceivedMessage], now_ms: int
    ) -> None:
        """For `receive_again`."""
