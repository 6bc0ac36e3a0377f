"""Random operations against the queues and against a small, obvious reference, with a clock moved by hand."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from tests.support.metrics import FakeMetrics
from tests.support.sqs import SqsClient

from noria.clock import ManualClock
from noria.errors import AwsError
from noria.services.sqs.api import SqsApi
from noria.store.sqlite.store import SqliteStore

MOST_RECEIVES = 2
ROUNDS = 10  # a receive clears dead letters out of its way that often, and once for each message it wants
DEDUPLICATION_MS = 300_000
VISIBILITY_MS = 10_000


class Message:
    def __init__(self, body: str, group: str, at_ms: int, visible_ms: int) -> None:
        self.body = body
        self.group = group
        self.visible_ms = visible_ms
        self.state = "delayed" if visible_ms > at_ms else "visible"
        self.receives = 0
        self.handle = ""

    def is_visible(self, now_ms: int) -> bool:
        return self.visible_ms <= now_ms


class Reference:
    """A queue as a list in the order of arrival."""

    def __init__(self, fifo: bool, dead_letters: Reference | None = None) -> None:
        self.fifo = fifo
        self.dead_letters = dead_letters
        self.messages: list[Message] = []
        self.seen: dict[str, int] = {}  # deduplication id: until when

    def send(self, message: Message, deduplication: str, now_ms: int) -> None:
        if self.fifo:
            if self.seen.get(deduplication, 0) > now_ms:
                return
            self.seen[deduplication] = now_ms + DEDUPLICATION_MS
        self.messages.append(message)

    def receive(self, count: int, now_ms: int) -> list[Message]:
        received: list[Message] = []
        for _ in range(ROUNDS + count if self.fifo else ROUNDS):
            found = (self._of_a_group if self.fifo else self._the_oldest)(count - len(received), now_ms)
            dead = [one for one in found if self.dead_letters and one.receives >= MOST_RECEIVES]
            for one in dead:
                self._bury(one, now_ms)
            good = [one for one in found if one not in dead]
            for one in good:
                one.receives += 1
                one.state = "in flight"
                one.visible_ms = now_ms + VISIBILITY_MS
            received += good
            if not found or len(received) == count or (good and not self.fifo):
                break
        return received

    def _the_oldest(self, count: int, now_ms: int) -> list[Message]:
        visible = [one for one in self.messages if one.is_visible(now_ms)]
        first = sorted(visible, key=lambda one: one.visible_ms)[:count]
        return [one for one in self.messages if one in first]

    def _of_a_group(self, count: int, now_ms: int) -> list[Message]:
        """The visible messages at the front of the group whose first one is visible the longest."""
        groups: dict[str, list[Message]] = {}
        for one in self.messages:
            groups.setdefault(one.group, []).append(one)
        open_ = [group for group in groups.values() if group[0].is_visible(now_ms)]
        if not open_:
            return []
        front = []
        for one in min(open_, key=lambda group: group[0].visible_ms)[:count]:
            if not one.is_visible(now_ms):
                break
            front.append(one)
        return front

    def _bury(self, message: Message, now_ms: int) -> None:
        assert self.dead_letters is not None
        self.messages.remove(message)
        buried = Message(message.body, message.group, now_ms, now_ms)
        buried.receives = message.receives
        self.dead_letters.messages.append(buried)

    def depth(self, now_ms: int) -> tuple[int, int, int]:
        visible = sum(one.is_visible(now_ms) for one in self.messages)
        hidden = [one.state for one in self.messages if not one.is_visible(now_ms)]
        return visible, hidden.count("in flight"), hidden.count("delayed")


NAMES = ("s", "f.fifo", "s-dead", "f-dead.fifo")
QUEUES = st.sampled_from(NAMES)
SOURCES = st.sampled_from(NAMES[:2])


class Machine(RuleBasedStateMachine):
    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock()
        self.store = SqliteStore(None)
        self.number = 0
        self.run(self._start())

    async def _start(self) -> None:
        await self.store.start()
        self.sqs = SqsClient(SqsApi(self.store, self.clock, FakeMetrics()), self.store, self.clock)
        self.urls = {}
        fifo = {"FifoQueue": "true"}
        common = {"VisibilityTimeout": str(VISIBILITY_MS // 1000)}
        for name in reversed(NAMES):
            attributes = common | (fifo if name.endswith(".fifo") else {})
            if "dead" not in name:
                dead = name.replace(".fifo", "") + "-dead" + (".fifo" if "fifo" in name else "")
                arn = f"arn:aws:sqs:us-east-1:000000000000:{dead}"
                redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": MOST_RECEIVES}
                attributes["RedrivePolicy"] = json.dumps(redrive)
            self.urls[name] = await self.sqs.queue(name, **attributes)
        dead_of = {name: Reference(name.endswith(".fifo")) for name in NAMES[2:]}
        self.references = {
            "s": Reference(False, dead_of["s-dead"]),
            "f.fifo": Reference(True, dead_of["f-dead.fifo"]),
            **dead_of,
        }

    def run(self, call: Any) -> Any:
        return self.loop.run_until_complete(call)

    def teardown(self) -> None:
        self.run(self.sqs.api.stop())
        self.run(self.store.close())
        self.loop.close()

    @rule(
        queue=SOURCES,
        group=st.sampled_from("abc"),
        deduplication=st.integers(0, 20),
        delay_s=st.just(0) | st.just(5),
    )
    def send(self, queue: str, group: str, deduplication: int, delay_s: int) -> None:
        self.number += 1
        body = f"{group}{self.number}"
        now_ms = self.clock.now_ms()
        if queue == "s":
            params: dict[str, Any] = {"delay_seconds": delay_s}
        else:
            params = {"message_group_id": group, "message_deduplication_id": str(deduplication)}
            delay_s = 0
        self.run(self.sqs.send(self.urls[queue], body, **params))
        message = Message(body, group, now_ms, now_ms + delay_s * 1000)
        self.references[queue].send(message, str(deduplication), now_ms)

    @rule(target=handles, queue=QUEUES, count=st.integers(1, 10))
    def receive(self, queue: str, count: int) -> Any:
        names = ["ApproximateReceiveCount"]
        received = self.run(self.sqs.receive(self.urls[queue], count, message_system_attribute_names=names))
        expected = self.references[queue].receive(count, self.clock.now_ms())
        assert [one["Body"] for one in received] == [one.body for one in expected]
        counts = [int(one["Attributes"]["ApproximateReceiveCount"]) for one in received]
        assert counts == [one.receives for one in expected]
        for one, message in zip(received, expected, strict=True):
            message.handle = one["ReceiptHandle"]
        return multiple(*((queue, one.handle, one) for one in expected))

    @rule(receipt=handles)
    def delete(self, receipt: tuple[str, str, Message]) -> None:
        queue, handle, message = receipt
        reference = self.references[queue]
        there = message in reference.messages
        latest = there and message.handle == handle
        in_flight = message.state == "in flight" and not message.is_visible(self.clock.now_ms())
        try:
            self.run(self.sqs("delete_message", queue_url=self.urls[queue], receipt_handle=handle))
        except AwsError:
            # Of a message that is gone the place may be another's, and the handle then counts as expired.
            assert reference.fifo
            assert not (latest and in_flight)
            return
        if there:
            assert not reference.fifo or (latest and in_flight)
            if latest:
                reference.messages.remove(message)

    @rule(receipt=handles, timeout_s=st.sampled_from([0, 1, 20]))
    def change_visibility(self, receipt: tuple[str, str, Message], timeout_s: int) -> None:
        queue, handle, message = receipt
        latest = message in self.references[queue].messages and message.handle == handle
        change = self.sqs(
            "change_message_visibility",
            queue_url=self.urls[queue],
            receipt_handle=handle,
            visibility_timeout=timeout_s,
        )
        try:
            self.run(change)
        except AwsError:
            assert not latest
            return
        assert latest
        message.visible_ms = self.clock.now_ms() + timeout_s * 1000
        message.state = "in flight"

    @rule(seconds=st.sampled_from([1, 5, 10, 301]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def depths_agree(self) -> None:
        now_ms = self.clock.now_ms()
        for name, reference in self.references.items():
            assert self.run(self.sqs.depth(self.urls[name])) == reference.depth(now_ms), name


TestQueues = Machine.TestCase
TestQueues.settings = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
