"""A message as it is sent and as it is received: checks, sizes, MD5 digests, attributes and their filters."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from noria.context import new_request_id
from noria.services.sqs import errors, receipt
from noria.services.sqs.limits import (
    MAX_ATTRIBUTE_NAME_BYTES,
    MAX_ATTRIBUTES,
    MAX_DELAY_S,
    MAX_GROUP_ID_LENGTH,
)
from noria.services.sqs.queue import Queue, QueueRecord
from noria.store.messages import NewMessage, ReceivedMessage

INVALID_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
TRACE_HEADER = "AWSTraceHeader"
LINEAGE = "Lineage="  # the part of a trace header in which Lambda counts
MAX_TRACE_HEADER_LENGTH = 1024  # a header of a request may be longer; Lambda's own are shorter
SYSTEM_ATTRIBUTES = frozenset(
    (
        "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
        "MessageDeduplicationId", "MessageGroupId", "SequenceNumber", "DeadLetterQueueSourceArn",
        TRACE_HEADER,
    )
)  # fmt: skip
GROUP_ID = re.compile(rf"[!-~]{{1,{MAX_GROUP_ID_LENGTH}}}")
FIRST_SEQUENCE = 18_000_000_000_000_000_000  # twenty digits, as AWS's have


Attributes = dict[str, tuple[str, bytes]]
"""Name → (type, value); a String's or Number's value is encoded as UTF-8."""


class Sent(msgspec.Struct):
    """A message ready for the store, and what its sender is answered."""

    row: NewMessage
    answer: dict[str, Any]


class Extras(msgspec.Struct, omit_defaults=True, array_like=True):
    """What the store keeps beside the body."""

    attributes: Attributes = {}
    attributes_md5: str = ""
    trace_header: str = ""
    group: str = ""
    deduplication: str = ""


_encode_extras = msgspec.msgpack.Encoder().encode
_decode_extras = msgspec.msgpack.Decoder(Extras).decode


def prepare(
    queue: Queue, now_ms: int, sender_id: str, entry: Mapping[str, Any], trace_header: str = ""
) -> Sent:
    """Check a message and make it ready. entry: a SendMessageBatchRequestEntry. Raises AwsError.

    trace_header: of the request; it is kept where it says which functions led to it, so that loops are found.
    """
    get, record = entry.get, queue.record
    body = get("MessageBody")
    if not body:
        raise errors.missing_parameter("MessageBody")
    if has_invalid_characters(body):
        raise errors.invalid_contents()
    delay_s = get("DelaySeconds")
    delay_s = record.delay_s if delay_s is None else _delay(record, delay_s)
    encoded = body.encode()
    size_bytes = len(encoded)
    message_id = new_request_id()
    answer = {"MessageId": message_id, "MD5OfMessageBody": _md5(encoded)}
    attributes = get("MessageAttributes")
    system_attributes = get("MessageSystemAttributes")
    group, deduplication = get("MessageGroupId"), get("MessageDeduplicationId")
    if record.fifo or group is not None or deduplication is not None:
        group, deduplication = _ids(record, group, deduplication, encoded)
    extras = None
    inherited = trace_header if LINEAGE in trace_header else ""
    if attributes or system_attributes or group or inherited:
        kept = Extras(group=group or "", deduplication=deduplication or "")
        if attributes:
            kept.attributes = _check_attributes(attributes)
            size_bytes += sum(map(_size, kept.attributes.items()))
            kept.attributes_md5 = answer["MD5OfMessageAttributes"] = attributes_md5(kept.attributes)
        if inherited and not system_attributes and not has_invalid_characters(inherited):
            kept.trace_header = inherited[:MAX_TRACE_HEADER_LENGTH]
        if system_attributes:
            kept.trace_header = _check_system_attributes(system_attributes)
            header = {TRACE_HEADER: ("String", kept.trace_header.encode())}
            answer["MD5OfMessageSystemAttributes"] = attributes_md5(header)
        extras = _encode_extras(kept)
    if size_bytes > record.maximum_message_bytes:
        raise errors.message_too_long(record.maximum_message_bytes)
    if record.deduplication_scope == "messageGroup":
        deduplication = f"{group}\n{deduplication}"  # no id has a line's end in it
    row = NewMessage(
        message_id, body, extras, sender_id, now_ms + delay_s * 1000, group or None, deduplication or ""
    )
    return Sent(row, answer)


def _delay(record: QueueRecord, delay_s: int) -> int:
    if not 0 <= delay_s <= MAX_DELAY_S:
        raise errors.invalid_value(delay_s, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    if record.fifo:
        if delay_s:
            raise errors.not_of_this_type(delay_s, "DelaySeconds")
        return record.delay_s
    return delay_s


def _ids(record: QueueRecord, group: str | None, deduplication: str | None, body: bytes) -> tuple[str, str]:
    """(message group, deduplication id), as the queue's kind has them; "" where there is none."""
    if group is not None:
        check_id("MessageGroupId", group)
    if deduplication is not None:
        check_id("MessageDeduplicationId", deduplication)
    if not record.fifo:
        if deduplication is not None:
            raise errors.not_of_this_type(deduplication, "MessageDeduplicationId")
        return group or "", ""
    if group is None:
        raise errors.missing_parameter("MessageGroupId")
    if deduplication is None:
        if not record.content_deduplication:
            raise errors.invalid_parameter(
                "The queue should either have ContentBasedDeduplication enabled or"
                " MessageDeduplicationId provided explicitly"
            )
        deduplication = hashlib.sha256(body).hexdigest()
    return group, deduplication


def check_id(parameter: str, value: str) -> None:
    if not GROUP_ID.fullmatch(value):
        raise errors.invalid_value(
            value,
            parameter,
            f"{parameter} can only include alphanumeric and punctuation characters."
            f" 1 to {MAX_GROUP_ID_LENGTH} in length.",
        )


def sequence_number(sequence: int) -> str:
    return str(FIRST_SEQUENCE + sequence)


def has_invalid_characters(text: str) -> bool:
    # isprintable() is many times faster, and true only of texts without any of them.
    return not text.isprintable() and INVALID_CHARACTER.search(text) is not None


_EMPTY_MD5 = hashlib.md5(usedforsecurity=False)  # a copy takes half the time of a new one


def _md5(data: bytes) -> str:
    digest = _EMPTY_MD5.copy()
    digest.update(data)
    return digest.hexdigest()


def size_of(entry: Mapping[str, Any]) -> int:
    """Bytes of a batch's entry, checked or not: its body, and its attributes' names, types and values."""
    parts = [entry.get("MessageBody")]
    for name, value in (entry.get("MessageAttributes") or {}).items():
        parts += [name, value.get("DataType"), value.get("StringValue"), value.get("BinaryValue")]
    return sum(_length(part) for part in parts)


def stored_bytes(row: NewMessage) -> int:
    """Bytes of a message that was accepted, as its limit counts them."""
    size_bytes = len(row.body) if row.body.isascii() else len(row.body.encode())
    if row.attributes is not None:
        size_bytes += sum(map(_size, _decode_extras(row.attributes).attributes.items()))
    return size_bytes


def _length(part: str | bytes | None) -> int:
    # Characters that have no encoding are refused later, with an error of their own.
    return len(part.encode(errors="surrogatepass") if isinstance(part, str) else part or b"")


def _size(item: tuple[str, tuple[str, bytes]]) -> int:
    name, (data_type, value) = item
    return len(name.encode()) + len(data_type.encode()) + len(value)


def _check_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> Attributes:
    if len(attributes) > MAX_ATTRIBUTES:
        raise errors.invalid_parameter(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum"
            f" [{MAX_ATTRIBUTES}]."
        )
    checked = {}
    for name, value in attributes.items():
        _check_name(name)
        checked[name] = _check_value(name, value)
    return checked


def _check_name(name: str) -> None:
    if not name:
        raise errors.invalid_parameter("The request must contain non-empty message (user) attribute names.")
    if len(name.encode(errors="replace")) > MAX_ATTRIBUTE_NAME_BYTES:
        raise errors.invalid_parameter("Message (user) attribute name must be shorter than 256 bytes.")
    if not ATTRIBUTE_NAME.fullmatch(name):
        raise errors.invalid_parameter(
            f"The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9,"
            " underscore (_), hyphen (-), and period (.) characters."
        )
    if name.lower().startswith(("aws.", "amazon.")):
        raise errors.invalid_parameter(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon'."
            " These strings are reserved for internal use."
        )


def _check_value(name: str, value: Mapping[str, Any]) -> tuple[str, bytes]:
    if value.get("StringListValues") or value.get("BinaryListValues"):
        raise errors.invalid_parameter(
            "Message attribute list values in SendMessage operation are not supported."
        )
    data_type = value.get("DataType") or ""
    if not data_type:
        raise errors.invalid_parameter(
            f"The message (user) attribute '{name}' must contain a non-empty message attribute type."
        )
    if len(data_type.encode(errors="replace")) > MAX_ATTRIBUTE_NAME_BYTES:
        raise errors.invalid_parameter("Message (user) attribute type must be shorter than 256 bytes.")
    kind = data_type.partition(".")[0]
    if kind not in ("String", "Number", "Binary") or has_invalid_characters(data_type):
        raise errors.invalid_parameter(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following"
            " supported type prefixes: Binary, Number, String."
        )
    field, other = ("Binary", "String") if kind == "Binary" else ("String", "Binary")
    if value.get(f"{other}Value"):
        raise errors.invalid_parameter(
            f"Message (user) attribute '{name}' with type '{kind}' must use field '{field}'."
        )
    content: str | bytes | None = value.get(f"{field}Value")
    if not content:
        raise errors.invalid_parameter(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
        )
    if isinstance(content, str):
        if has_invalid_characters(content):
            raise errors.invalid_contents()
        if kind == "Number" and not NUMBER.fullmatch(content):
            raise errors.invalid_parameter(
                f"Can't cast the value of message (user) attribute '{name}' to a number."
            )
    return data_type, content.encode() if isinstance(content, str) else content


def _check_system_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    for name in attributes:
        if name != TRACE_HEADER:
            raise errors.invalid_parameter(f"Message system attribute name '{name}' is invalid.")
    value = attributes[TRACE_HEADER]
    header: str = value.get("StringValue") or ""
    if value.get("DataType") != "String" or not header:
        raise errors.invalid_parameter(
            f"Message (system) attribute '{TRACE_HEADER}' must contain a non-empty value of type 'String'."
        )
    if has_invalid_characters(header):
        raise errors.invalid_contents()
    return header


def attributes_md5(attributes: Attributes) -> str:
    """AWS's digest, as its developer guide says under "Calculating the MD5 message digest"."""
    data = bytearray()
    for name in sorted(attributes):
        data_type, value = attributes[name]
        for part in (name.encode(), data_type.encode()):
            data += struct.pack(">I", len(part)) + part
        transport = b"\x02" if _is_binary(data_type) else b"\x01"
        data += transport + struct.pack(">I", len(value)) + value
    return _md5(bytes(data))


class Wanted(msgspec.Struct, frozen=True):
    """Which attributes a ReceiveMessage asks for. prefixes: of ``bar.*``."""

    system: frozenset[str]
    names: frozenset[str]
    prefixes: tuple[str, ...]
    all: bool


def wanted(
    attribute_names: Iterable[str] | None, system_names: Iterable[str] | None, names: Iterable[str] | None
) -> Wanted:
    """`attribute_names` is the old spelling of `system_names`; both count. Raises InvalidAttributeName."""
    system: set[str] = set()
    for name in (*(attribute_names or ()), *(system_names or ())):
        if name == "All":
            system |= SYSTEM_ATTRIBUTES
        elif name in SYSTEM_ATTRIBUTES:
            system.add(name)
        else:
            raise errors.unknown_attribute(name)
    exact = frozenset(names or ())
    prefixes = tuple(name[:-2] for name in exact if name.endswith(".*") and name != ".*")
    return Wanted(frozenset(system), exact, prefixes, bool(exact & {"All", ".*"}))


def render(queue: Queue, message: ReceivedMessage, want: Wanted) -> dict[str, Any]:
    """A received message with the attributes that were asked for."""
    answer: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": receipt.render(queue, message.receipt),
        "MD5OfBody": _md5(message.body.encode()),
        "Body": message.body,
    }
    extras = _decode_extras(message.attributes) if message.attributes is not None else None
    if want.system:
        answer["Attributes"] = _system_attributes(message, extras, want.system)
    if extras is not None and (want.all or want.names):
        chosen = {name: value for name, value in extras.attributes.items() if _is_wanted(name, want)}
        if chosen:
            whole = len(chosen) == len(extras.attributes)
            answer["MessageAttributes"] = {name: _attribute(*value) for name, value in chosen.items()}
            answer["MD5OfMessageAttributes"] = extras.attributes_md5 if whole else attributes_md5(chosen)
    return answer


def _is_wanted(name: str, want: Wanted) -> bool:
    return want.all or name in want.names or name.startswith(want.prefixes)


def _is_binary(data_type: str) -> bool:
    return data_type.partition(".")[0] == "Binary"


def _attribute(data_type: str, value: bytes) -> dict[str, Any]:
    if _is_binary(data_type):
        return {"DataType": data_type, "BinaryValue": value}
    return {"DataType": data_type, "StringValue": value.decode()}


def _system_attributes(
    message: ReceivedMessage, extras: Extras | None, names: frozenset[str]
) -> dict[str, str]:
    values = {
        "SenderId": message.sender_id,
        "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(message.receive_count),
        "ApproximateFirstReceiveTimestamp": str(message.first_received_ms),
    }
    if extras is not None:
        if extras.trace_header:
            values[TRACE_HEADER] = extras.trace_header
        if extras.group:
            values["MessageGroupId"] = extras.group
        if extras.deduplication:
            values["MessageDeduplicationId"] = extras.deduplication
    if message.sequence is not None:
        values["SequenceNumber"] = sequence_number(message.sequence)
    if message.source is not None:
        values["DeadLetterQueueSourceArn"] = message.source
    return {name: value for name, value in values.items() if name in names}
