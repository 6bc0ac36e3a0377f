"""What CloudWatch is told of queues."""

from __future__ import annotations

import pytest
from tests.support.metrics import FakeMetrics
from tests.support.sqs import SqsClient

from noria.services.sqs import metrics as module
from noria.services.sqs.metrics import QueueMetrics
from noria.store.messages import NewMessage

ARN = "arn:aws:sqs:us-east-1:000000000000:q"
BY = {"QueueName": "q"}


def sink_of(sqs: SqsClient) -> FakeMetrics:
    sink = sqs.api.metrics._sink
    assert isinstance(sink, FakeMetrics)
    return sink


def message(body: str, attributes: bytes | None = None) -> NewMessage:
    return NewMessage("id", body, attributes, "AIDA", 0)


def test_sizes_are_told_apart_to_a_bound_and_nothing_is_lost(
    sqs: SqsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SIZES", 3)
    metrics: QueueMetrics = sqs.api.metrics
    metrics.sent(ARN, [message("x" * size) for size in range(1, 21)])
    metrics.sent(ARN, [message("é")])
    assert len(metrics._meters[ARN].sizes) <= 3
    metrics.collect(60.0)
    sizes, count = sink_of(sqs).of("SentMessageSize", **BY), sink_of(sqs).of("NumberOfMessagesSent", **BY)
    assert sizes is not None
    assert (sizes.count, sizes.sum, sizes.minimum, sizes.maximum) == (21.0, 212.0, 1.0, 20.0)
    assert sizes.unit == "Bytes"
    assert count is not None
    assert (count.sum, count.unit) == (21.0, "Count")


@pytest.mark.parametrize("fifo", [False, True])
async def test_what_comes_and_goes_is_counted(sqs: SqsClient, fifo: bool) -> None:
    name = "q.fifo" if fifo else "q"
    url = await sqs.queue(name, **({"FifoQueue": "true"} if fifo else {}))
    ids: list[dict[str, str]] = [{}, {}, {}]
    if fifo:
        ids = [{"MessageGroupId": str(n), "MessageDeduplicationId": str(n)} for n in range(3)]
    entries = [{"Id": str(n), "MessageBody": "four", **ids[n]} for n in range(2)]
    await sqs("send_message_batch", queue_url=url, entries=entries)
    one = {"message_group_id": "2", "message_deduplication_id": "2"} if fifo else {}
    text = {"DataType": "String", "StringValue": "12"}
    await sqs.send(url, "é", message_attributes={"n": text}, **one)
    first, *rest = await sqs.receive(url, 3)
    assert await sqs.receive(url) == []
    await sqs("delete_message", queue_url=url, receipt_handle=first["ReceiptHandle"])
    entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(rest)]
    await sqs("delete_message_batch", queue_url=url, entries=entries)
    sqs.api.metrics.collect(sqs.clock.now_s())
    assert sink_of(sqs).sums(QueueName=name) == {
        "NumberOfMessagesSent": 3.0,
        "SentMessageSize": 4.0 + 4.0 + (2 + 1 + 6 + 2),
        "NumberOfMessagesReceived": 3.0,
        "NumberOfMessagesDeleted": 3.0,
        "NumberOfEmptyReceives": 1.0,
    }


async def test_what_a_queue_holds_is_measured_while_it_is_active(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await sqs.queue("idle")
    await sqs.send(url, "a", "b", "c")
    await sqs.send(url, "later", delay_seconds=60)
    await sqs.receive(url, 1)
    sqs.clock.advance(7)
    await sqs.api.metrics.measure()
    assert sink_of(sqs).sums(**BY) == {
        "ApproximateNumberOfMessagesVisible": 2.0,
        "ApproximateNumberOfMessagesNotVisible": 1.0,
        "ApproximateNumberOfMessagesDelayed": 1.0,
        "ApproximateAgeOfOldestMessage": 7.0,
    }
    assert sink_of(sqs).sums(QueueName="idle") == {}


async def test_an_empty_queue_is_active_for_six_hours_after_its_last_use(sqs: SqsClient) -> None:
    await sqs.queue()
    sqs.api.metrics.received(ARN, 0)
    sqs.api.metrics.collect(sqs.clock.now_s())
    for hours, times in ((0, 1), (6, 2), (1, 2)):
        sqs.clock.advance(hours * 3600)
        await sqs.api.metrics.measure()
        visible = sink_of(sqs).of("ApproximateNumberOfMessagesVisible", **BY)
        assert visible is not None
        assert (visible.count, visible.sum) == (times, 0.0)


async def test_groups_that_hold_much_are_noisy_and_the_others_counted_without_them(sqs: SqsClient) -> None:
    url = await sqs.queue()
    for number in range(40):
        await sqs.send(url, str(number), message_group_id="noisy")
    for _ in range(4):
        await sqs.receive(url, 10)
    sqs.clock.advance(5)
    await sqs.send(url, "waits", message_group_id="noisy")
    await sqs.send(url, "quiet", message_group_id="quiet")
    sqs.clock.advance(3)
    await sqs.api.metrics.measure()
    found = sink_of(sqs).sums(**BY)
    assert found["ApproximateNumberOfMessagesVisible"] == 2.0
    assert found["ApproximateNumberOfMessagesNotVisible"] == 40.0
    assert found["ApproximateAgeOfOldestMessage"] == 8.0
    assert {name: value for name, value in found.items() if "Noisy" in name or "Quiet" in name} == {
        "ApproximateNumberOfNoisyGroups": 1.0,
        "ApproximateNumberOfMessagesVisibleInQuietGroups": 1.0,
        "ApproximateNumberOfMessagesNotVisibleInQuietGroups": 0.0,
        "ApproximateNumberOfMessagesDelayedInQuietGroups": 0.0,
        "ApproximateAgeOfOldestMessageInQuietGroups": 3.0,
    }
