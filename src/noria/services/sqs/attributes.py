"""Queue attributes: what CreateQueue and SetQueueAttributes take, and what GetQueueAttributes answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from noria.errors import AwsError
from noria.services.sqs import errors, redrive
from noria.services.sqs.policy import checked_policy
from noria.services.sqs.queue import Queue, QueueRecord
from noria.store.messages import Counts

# attribute: (field of a QueueRecord, least, greatest). All are whole numbers.
INTEGERS = {
    "DelaySeconds": ("delay_s", 0, 900),
    "KmsDataKeyReusePeriodSeconds": ("kms_reuse_s", 60, 86_400),
    "MaximumMessageSize": ("maximum_message_bytes", 1024, 1_048_576),
    "MessageRetentionPeriod": ("retention_s", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": ("wait_time_s", 0, 20),
    "VisibilityTimeout": ("visibility_timeout_s", 0, 43_200),
}
MANAGED_SSE = "SqsManagedSseEnabled"
KMS_KEY, KMS_REUSE = "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"
FIFO = "FifoQueue"
BOOLEANS = {MANAGED_SSE: "managed_sse", FIFO: "fifo", "ContentBasedDeduplication": "content_deduplication"}
CHOICES = {
    "DeduplicationScope": ("deduplication_scope", ("queue", "messageGroup")),
    "FifoThroughputLimit": ("throughput_limit", ("perQueue", "perMessageGroupId")),
}
DOCUMENTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "RedrivePolicy": redrive.parse,
    "RedriveAllowPolicy": redrive.parse_allow,
    "Policy": lambda text: {"policy": checked_policy(text)},
}
"""JSON; an empty text removes it."""
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
FIXED = ("QueueArn", "CreatedTimestamp", "LastModifiedTimestamp")
FIFO_ONLY = frozenset((*CHOICES, FIFO, "ContentBasedDeduplication"))
GETTABLE = frozenset((*INTEGERS, *BOOLEANS, *CHOICES, *DOCUMENTS, *COUNTS, *FIXED, KMS_KEY))


def parse(attributes: Mapping[str, Any], *, fifo: bool) -> dict[str, Any]:
    """Fields of a QueueRecord and their values. Raises InvalidAttributeName, InvalidAttributeValue and, for
    documents, InvalidParameterValue."""
    fields: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in FIFO_ONLY and not fifo:
            raise _fifo_only(name)
        if name in INTEGERS:
            field, least, greatest = INTEGERS[name]
            fields[field] = _integer(name, value, least, greatest)
        elif name in BOOLEANS:
            if value not in ("true", "false"):
                raise errors.invalid_attribute_value(name)
            fields[BOOLEANS[name]] = value == "true"
        elif name in CHOICES:
            field, choices = CHOICES[name]
            if value not in choices:
                raise errors.invalid_attribute_value(name)
            fields[field] = value
        elif name in DOCUMENTS:
            if not isinstance(value, str):
                raise errors.invalid_attribute_value(name)
            fields |= DOCUMENTS[name](value)
        elif name == KMS_KEY:
            if not isinstance(value, str):
                raise errors.invalid_attribute_value(name)
            fields["kms_key"] = value
        else:
            raise errors.unknown_attribute(name)
    return fields | _one_encryption(fields)


def _one_encryption(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A key of KMS takes the place of SQS's own encryption, and the other way round."""
    if fields.get("kms_key"):
        if fields.get("managed_sse"):
            raise AwsError(
                "InvalidAttributeValue",
                "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS"
                " SSE or SQS SSE.",
            )
        return {"managed_sse": False}
    return {"kms_key": ""} if fields.get("managed_sse") else {}


def check_together(record: QueueRecord) -> None:
    """What attributes ask of each other. Raises InvalidAttributeValue."""
    if record.throughput_limit == "perMessageGroupId" and record.deduplication_scope != "messageGroup":
        raise errors.invalid_attribute_value(
            "FifoThroughputLimit",
            "The perMessageGroupId value is allowed only when the value for DeduplicationScope is"
            " messageGroup.",
        )


def check_change(queue: Queue, attributes: Mapping[str, Any]) -> None:
    """A queue stays of its type. Raises InvalidAttributeName, InvalidAttributeValue."""
    if queue.record.fifo and attributes.get(FIFO, "true") != "true":
        raise errors.invalid_attribute_value(FIFO, "Modifying queue type is not supported.")


def _integer(name: str, value: object, least: int, greatest: int) -> int:
    # Up to seven ASCII digits: int() also takes " 6", "+6", "1_0", other scripts' digits, megabytes of them.
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 7:
        number = int(value)
        if least <= number <= greatest:
            return number
    raise errors.invalid_attribute_value(name)


def _fifo_only(name: str) -> AwsError:
    if name in CHOICES:
        return AwsError(
            "InvalidAttributeName", f"You can specify the {name} only when FifoQueue is set to true."
        )
    return errors.unknown_attribute(name)


def different(record: QueueRecord, attributes: Mapping[str, Any]) -> str | None:
    """The first of the given attributes (validated) whose value is not the queue's."""
    for name, value in attributes.items():
        wanted = parse({name: value}, fifo=record.fifo)
        if any(getattr(record, field) != given for field, given in wanted.items()):
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
        else:
            raise errors.unknown_attribute(name)
    return frozenset(wanted)


def render(queue: Queue, wanted: frozenset[str], counts: Counts | None) -> dict[str, str]:
    """Their values, in AWS's order (alphabetic). counts: needed where one of COUNTS is wanted."""
    record = queue.record
    values = {name: str(getattr(record, field)) for name, (field, _, _) in INTEGERS.items()}
    if record.kms_key:
        values[KMS_KEY] = record.kms_key
    else:
        del values[KMS_REUSE]
    values[MANAGED_SSE] = _boolean(record.managed_sse)
    values["QueueArn"] = queue.arn
    values["CreatedTimestamp"] = str(record.created_ms // 1000)
    values["LastModifiedTimestamp"] = str(record.modified_ms // 1000)
    if record.fifo:
        values[FIFO] = "true"
        values["ContentBasedDeduplication"] = _boolean(record.content_deduplication)
        values |= {name: getattr(record, field) for name, (field, _) in CHOICES.items()}
    documents = {
        "Policy": record.policy,
        "RedrivePolicy": redrive.render(record),
        "RedriveAllowPolicy": record.redrive_allow,
    }
    values |= {name: text for name, text in documents.items() if text}
    if counts is not None:
        values.update(zip(COUNTS, map(str, counts), strict=True))
    return {name: values[name] for name in sorted(wanted) if name in values}


def _boolean(value: bool) -> str:
    return "true" if value else "false"
