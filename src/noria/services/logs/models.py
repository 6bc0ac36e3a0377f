"""What Logs shows of a group, a stream and an event: ARNs, descriptions, ids and tokens."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Literal

import msgspec

from noria.services.logs.errors import invalid_parameter, invalid_token
from noria.services.logs.settings import GroupSettings, MetricFilter, Subscription
from noria.store.log_events import LogGroup, LogStream, Position

ID_DIGITS = 56  # of AWS's event ids
TIME_SHIFT = 144  # puts the time of today's events into the first of 56 digits, as AWS's ids have it
GROUP_SHIFT = 72

Direction = Literal["f", "b"]

EVENTS_TOKEN = re.compile(rf"([fb])/(\d{{{ID_DIGITS}}})/s")


def group_arn(account: str, region: str, group: str) -> str:
    return f"arn:aws:logs:{region}:{account}:log-group:{group}"


def stream_arn(account: str, region: str, group: str, stream: str) -> str:
    """Also what IAM checks: AWS's denials show this form with the stream, or group and stream, left empty."""
    return f"{group_arn(account, region, group)}:log-stream:{stream}"


def describe_group(account: str, region: str, group: LogGroup, settings: GroupSettings) -> dict[str, Any]:
    arn = group_arn(account, region, group.name)
    return {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "retentionInDays": settings.retention_days,
        "metricFilterCount": len(settings.metric_filters),
        "arn": f"{arn}:*",
        "storedBytes": group.stored_bytes,
        "logGroupClass": "STANDARD",
        "logGroupArn": arn,
        "deletionProtectionEnabled": settings.protected or None,
    }


def summarize_group(account: str, region: str, group: LogGroup) -> dict[str, Any]:
    arn = group_arn(account, region, group.name)
    return {"logGroupName": group.name, "logGroupArn": arn, "logGroupClass": "STANDARD"}


def describe_stream(account: str, region: str, group: str, stream: LogStream) -> dict[str, Any]:
    """storedBytes: always 0, as AWS answers since 2019."""
    description: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": stream_arn(account, region, group, stream.name),
        "storedBytes": 0,
    }
    if stream.last_event_ms is not None and stream.last_ingestion_ms is not None:
        description["firstEventTimestamp"] = stream.first_event_ms
        description["lastEventTimestamp"] = stream.last_event_ms
        description["lastIngestionTime"] = stream.last_ingestion_ms
        description["uploadSequenceToken"] = sequence_token(stream)
    return description


def describe_metric_filter(group: str, each: MetricFilter) -> dict[str, Any]:
    return {
        "filterName": each.name,
        "filterPattern": each.pattern,
        "metricTransformations": [
            {
                "metricName": each.metric,
                "metricNamespace": each.namespace,
                "metricValue": each.value,
                "defaultValue": each.default,
                "dimensions": each.dimensions or None,
                "unit": each.unit or None,
            }
        ],
        "creationTime": each.created_ms,
        "logGroupName": group,
        "applyOnTransformedLogs": False,
    }


def describe_subscription(group: str, each: Subscription) -> dict[str, Any]:
    return {
        "filterName": each.name,
        "logGroupName": group,
        "filterPattern": each.pattern,
        "destinationArn": each.destination,
        "distribution": each.distribution,
        "applyOnTransformedLogs": False,
        "creationTime": each.created_ms,
    }


def sequence_token(stream: LogStream) -> str:
    """AWS still hands one out and no longer looks at it."""
    return f"{(stream.last_ingestion_ms or 0) << TIME_SHIFT | stream.id:0{ID_DIGITS}}"


def event_id(group_id: int, position: Position) -> str:
    """Unique, and in the order of the events of a group."""
    number = position.time_ms << TIME_SHIFT | group_id << GROUP_SHIFT | position.seq
    return f"{number:0{ID_DIGITS}}"


def record_pointer(group_id: int, position: Position) -> str:
    """Insights' ``@ptr`` of an event, which GetLogRecord takes."""
    return base64.b64encode(event_id(group_id, position).encode()).decode()


def parse_record_pointer(pointer: str) -> tuple[int, Position]:
    """The group's id and the event's place. Raises InvalidParameterException."""
    try:
        number = int(base64.b64decode(pointer, validate=True))
    except (binascii.Error, ValueError) as error:
        raise invalid_parameter("Invalid log record pointer.") from error
    time_ms, rest = divmod(number, 1 << TIME_SHIFT)
    group_id, seq = divmod(rest, 1 << GROUP_SHIFT)
    if number < 0 or max(time_ms, group_id, seq) >> 63:
        raise invalid_parameter("Invalid log record pointer.")
    return group_id, Position(time_ms, seq)


def events_token(direction: Direction, position: Position) -> str:
    """From here on forward or backward; stays good, because it names a place and not a page."""
    number = position.time_ms << TIME_SHIFT | position.seq
    return f"{direction}/{number:0{ID_DIGITS}}/s"


def parse_events_token(token: str) -> tuple[Direction, Position]:
    match = EVENTS_TOKEN.fullmatch(token)
    if match is None:
        raise invalid_token()
    number = int(match[2])
    seq = number & (1 << TIME_SHIFT) - 1
    if seq >> 63:
        raise invalid_token()
    return "f" if match[1] == "f" else "b", Position(number >> TIME_SHIFT, seq)


class ListToken(msgspec.Struct, frozen=True, array_like=True):
    """Where a listing goes on: after this name; of streams by last event, after this time and name."""

    name: str
    last_event_ms: int = 0


def list_token(name: str, last_event_ms: int = 0) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(ListToken(name, last_event_ms))).decode()


def parse_list_token(token: str) -> ListToken:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token), type=ListToken)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise invalid_token() from error


def filter_token(group: str, name: str) -> str:
    """Where a listing of filters goes on: after this one."""
    return base64.urlsafe_b64encode(msgspec.json.encode((group, name))).decode()


def parse_filter_token(token: str) -> tuple[str, str]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token), type=tuple[str, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise invalid_token() from error
