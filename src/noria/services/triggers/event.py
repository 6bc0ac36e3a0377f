"""The event that a function gets of an SQS batch, and what its answer says of the messages."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from noria.services.triggers.filters import Filters
from noria.services.triggers.limits import MAX_PAYLOAD_BYTES
from noria.services.triggers.names import Queue

BEFORE, BETWEEN, AFTER = b'{"Records":[', b",", b"]}"


class Received(msgspec.Struct, frozen=True):
    """A message that is in flight for us. record: its part of the event, JSON. trace: its X-Ray header."""

    message_id: str
    receipt_handle: str
    record: bytes
    received_ms: int = 0
    trace: str = ""


def received(
    message: Mapping[str, Any], queue: Queue, filters: Filters, now_ms: int
) -> tuple[Received, bool]:
    """(the message, whether the filters let it through). message: with all attributes, as SQS answers it."""
    record = _record(message, queue)
    if filters and "md5OfMessageAttributes" not in record:
        record["md5OfMessageAttributes"] = None  # recorded so of mappings with filters, and only of these
    one = Received(
        message["MessageId"],
        message["ReceiptHandle"],
        msgspec.json.encode(record),
        now_ms,
        message["Attributes"].get("AWSTraceHeader", ""),
    )
    return one, filters.match(record)


def _record(message: Mapping[str, Any], queue: Queue) -> dict[str, Any]:
    attributes = message.get("MessageAttributes") or {}
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
    }
    if attributes:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record | {
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": queue.region,
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {}
    if value.get("StringValue") is not None:
        attribute["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return attribute | {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def payload(batch: Sequence[Received]) -> bytes:
    return BEFORE + BETWEEN.join(message.record for message in batch) + AFTER


def payload_bytes(batch: Iterable[Received]) -> int:
    """Length of the payload, give or take a comma."""
    return len(BEFORE) + len(AFTER) + sum(len(message.record) + len(BETWEEN) for message in batch)


def cut(batch: Sequence[Received]) -> list[list[Received]]:
    """In parts that a synchronous invocation can carry; one part, for all but very large messages."""
    parts: list[list[Received]] = [[]]
    size = payload_bytes(())
    for message in batch:
        size += len(message.record) + len(BETWEEN)
        if size > MAX_PAYLOAD_BYTES and parts[-1]:
            parts.append([])
            size = payload_bytes((message,))
        parts[-1].append(message)
    return parts


def failed_ids(answer: bytes, batch: Sequence[Received]) -> set[str]:
    """Of a function with ReportBatchItemFailures: the messages that it reports as failed.

    As AWS documents it (services-sqs-errorhandling.html): no answer, an empty one, or one without failures is
    success; an answer that is not of the right form, or names a message that is not of the batch, fails all.
    """
    ids = {message.message_id for message in batch}
    try:
        document = msgspec.json.decode(answer or b"null")
    except msgspec.MsgspecError:
        return ids
    if document is None:
        return set()
    if not isinstance(document, dict):
        return ids
    failures = document.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return ids
    failed = set()
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, str) or identifier not in ids:
            return ids
        failed.add(identifier)
    return failed
