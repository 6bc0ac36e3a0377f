"""What CloudWatch is told of queues: ``AWS/SQS``, with AWS's names.

What is sent, received and deleted is counted in dictionaries, and handed on once a minute; how much a queue
holds is looked up once a minute while the queue is active.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from noria.clock import Clock
from noria.services.ports import MetricSink
from noria.services.sqs.message import stored_bytes
from noria.services.sqs.queue import Queue, Queues
from noria.store.base import Store
from noria.store.messages import Counts, NewMessage
from noria.store.metrics import Minute, Series

NAMESPACE = "AWS/SQS"
ACTIVE_MS = 6 * 3_600_000  # a queue that nobody used for longer says nothing (developer guide)
MEASURED_AT_ONCE = 20  # queues in one turn of the loop: 2 ms
MAX_SIZES = 1_000  # told apart until they are summed up


class Meter:
    """Of one queue since the last minute was over. sizes: of sent messages, in bytes → how many."""

    __slots__ = ("deleted", "empty", "received", "sizes", "sums")

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.sums = Minute(0, "Bytes")
        self.received = self.empty = self.deleted = 0

    def sum_up(self) -> None:
        for size, count in self.sizes.items():
            self.sums.add(float(size), float(count))
        self.sizes = {}


class QueueMetrics:
    """One for all queues; these are told apart by their ARNs."""

    def __init__(self, sink: MetricSink, queues: Queues, store: Store, clock: Clock) -> None:
        self._sink = sink
        self._queues = queues
        self._standard = store.messages
        self._fifo = store.fifo_messages
        self._depths = store.depths
        self._clock = clock
        self._meters: dict[str, Meter] = {}
        self._used_ms: dict[str, int] = {}  # of the queues that are active

    # -- counting, where every request comes by ---------------------------------------------------------

    def sent(self, arn: str, messages: Sequence[NewMessage]) -> None:
        meter = self._meters.get(arn) or self._meter(arn)
        sizes = meter.sizes
        for message in messages:
            size = stored_bytes(message)
            sizes[size] = sizes.get(size, 0) + 1
        if len(sizes) > MAX_SIZES:
            meter.sum_up()

    def received(self, arn: str, messages: int) -> None:
        meter = self._meters.get(arn) or self._meter(arn)
        if messages:
            meter.received += messages
        else:
            meter.empty += 1

    def deleted(self, arn: str, messages: int) -> None:
        (self._meters.get(arn) or self._meter(arn)).deleted += messages

    def _meter(self, arn: str) -> Meter:
        meter = self._meters[arn] = Meter()
        return meter

    # -- handing on -------------------------------------------------------------------------------------

    def collect(self, until_s: float) -> None:
        """Hand on what was counted until then."""
        meters, self._meters = self._meters, {}
        for arn, meter in meters.items():
            self._used_ms[arn] = round(until_s * 1000)
            meter.sum_up()
            sent = meter.sums
            sent.minute = int(until_s // 60)
            if sent.count:
                self._sink.merge(_series(arn, "SentMessageSize"), sent)
                self._count(arn, "NumberOfMessagesSent", sent.count, until_s)
            self._count(arn, "NumberOfMessagesReceived", meter.received, until_s)
            self._count(arn, "NumberOfMessagesDeleted", meter.deleted, until_s)
            self._count(arn, "NumberOfEmptyReceives", meter.empty, until_s)

    def _count(self, arn: str, name: str, events: float, until_s: float) -> None:
        """Each event is a 1, as AWS has it."""
        if events:
            minute = Minute(int(until_s // 60), "Count")
            minute.add(1.0, float(events))
            self._sink.merge(_series(arn, name), minute)

    async def measure(self) -> None:
        """Put what the active queues hold: those that were used, or hold anything."""
        now_ms = self._clock.now_ms()
        holding = set(await self._standard.queues())
        queues = await self._queues.all()
        known = {queue.arn for queue in queues}
        self._used_ms = {
            arn: used_ms
            for arn, used_ms in self._used_ms.items()
            if arn in known and now_ms - used_ms <= ACTIVE_MS
        }
        for number, queue in enumerate(queues):
            if queue.arn in self._used_ms or queue.record.messages in holding:
                await self._measure(queue, now_ms)
            if number % MEASURED_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _measure(self, queue: Queue, now_ms: int) -> None:
        place = queue.record.messages
        messages = self._fifo if queue.record.fifo else self._standard
        self._put_counts(queue.arn, await messages.counts(place, now_ms), "")
        self._put_age(queue.arn, await self._depths.oldest_sent_ms(place), "", now_ms)
        quiet = await self._depths.quiet(place)
        if quiet is not None:
            self._put(queue.arn, "ApproximateNumberOfNoisyGroups", quiet.noisy_groups)
            self._put_counts(queue.arn, quiet.counts, "InQuietGroups")
            self._put_age(queue.arn, quiet.oldest_sent_ms, "InQuietGroups", now_ms)

    def _put_counts(self, arn: str, counts: Counts, suffix: str) -> None:
        self._put(arn, f"ApproximateNumberOfMessagesVisible{suffix}", counts.visible)
        self._put(arn, f"ApproximateNumberOfMessagesNotVisible{suffix}", counts.in_flight)
        self._put(arn, f"ApproximateNumberOfMessagesDelayed{suffix}", counts.delayed)

    def _put_age(self, arn: str, oldest_sent_ms: int | None, suffix: str, now_ms: int) -> None:
        age_s = 0 if oldest_sent_ms is None else max(0, now_ms - oldest_sent_ms) // 1000
        self._put(arn, f"ApproximateAgeOfOldestMessage{suffix}", age_s, "Seconds")

    def _put(self, arn: str, name: str, value: float, unit: str = "Count") -> None:
        account, region, _, _, dimensions = _series(arn, name)
        self._sink.put(account, region, NAMESPACE, name, dict(dimensions), value, unit)


def _series(arn: str, name: str) -> Series:
    _, _, _, region, account, queue = arn.split(":")
    return Series(account, region, NAMESPACE, name, (("QueueName", queue),))
