"""Queue attributes: what CreateQueue and SetQueueAttributes take, and what GetQueueAttributes answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from noria.errors import AwsError, not_implemented
from noria.services.sqs import errors
from noria.services.sqs.queue import Queue, QueueRecord
from noria.store.messages import Counts

# attribute: (field of a QueueRecord, least, greatest). All are whole numbers.
INTEGERS = {
    "DelaySeconds": ("delay_s", 0, 900),
    "MaximumMessageSize": ("maximum_message_bytes", 1024, 1_048_576),
    "MessageRetentionPeriod": ("retention_s", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": ("wait_time_s", 0, 20),
    "VisibilityTimeout": ("visibility_timeout_s", 0, 43_200),
}
MANAGED_SSE = "SqsManagedSseEnabled"
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
FIXED = ("QueueArn", "CreatedTimestamp", "LastModifiedTimestamp")
GETTABLE = frozenset((*INTEGERS, MANAGED_SSE, *COUNTS, *FIXED))
UNSET = frozenset(
    (
        "Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds",
        "FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit",
    )
)  # fmt: skip
"""Known names of what no queue of ours has set: not answered, as AWS doesn't answer what isn't set."""
FIFO_ONLY = frozenset(("DeduplicationScope", "FifoThroughputLimit"))
UNKNOWN_TO_STANDARD = frozenset(("FifoQueue", "ContentBasedDeduplication"))


def parse(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a QueueRecord and their values. Raises InvalidAttributeName and InvalidAttributeValue."""
    fields: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in INTEGERS:
            field, least, greatest = INTEGERS[name]
            fields[field] = _integer(name, value, least, greatest)
        elif name == MANAGED_SSE:
            if value not in ("true", "false"):
                raise errors.invalid_attribute_value(name)
            fields["managed_sse"] = value == "true"
        else:
            raise _refusal(name)
    return fields


def _integer(name: str, value: object, least: int, greatest: int) -> int:
    # Up to seven ASCII digits: int() also takes " 6", "+6", "1_0", other scripts' digits, megabytes of them.
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 7:
        number = int(value)
        if least <= number <= greatest:
            return number
    raise errors.invalid_attribute_value(name)


def _refusal(name: str) -> AwsError:
    if name in FIFO_ONLY:
        return AwsError(
            "InvalidAttributeName", f"You can specify the {name} only when FifoQueue is set to true."
        )
    if name in UNKNOWN_TO_STANDARD:
        return errors.unknown_attribute(name)
    if name in UNSET:
        return not_implemented(f"The queue attribute {name}")
    return errors.unknown_attribute(name)


def different(record: QueueRecord, attributes: Mapping[str, Any]) -> str | None:
    """The first of the given attributes (validated) whose value is not the queue's."""
    for name, value in attributes.items():
        ((field, wanted),) = parse({name: value}).items()
        if getattr(record, field) != wanted:
            return name
    return None


def requested(names: Iterable[str]) -> frozenset[str]:
    """The attributes to answer. Raises InvalidAttributeName."""
    wanted: set[str] = set()
    for name in names:
        if name == "All":
            wanted |= GETTABLE
        elif name in GETTABLE:
            wanted.add(name)
        elif name not in UNSET:
            raise errors.unknown_attribute(name)
    return frozenset(wanted)


def render(queue: Queue, wanted: frozenset[str], counts: Counts | None) -> dict[str, str]:
    """Their values, in AWS's order (alphabetic). counts: needed where one of COUNTS is wanted."""
    record = queue.record
    values = {name: str(getattr(record, field)) for name, (field, _, _) in INTEGERS.items()}
    values[MANAGED_SSE] = "true" if record.managed_sse else "false"
    values["QueueArn"] = queue.arn
    values["CreatedTimestamp"] = str(record.created_ms // 1000)
    values["LastModifiedTimestamp"] = str(record.modified_ms // 1000)
    if counts is not None:
        values.update(zip(COUNTS, map(str, counts), strict=True))
    return {name: values[name] for name in sorted(wanted)}
