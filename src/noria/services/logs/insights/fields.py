"""The fields that an event has before a query makes any: AWS's own, Lambda's, and those of JSON.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from noria.services.logs.insights.dates import Timestamp
from noria.services.logs.models import record_pointer
from noria.store.log_events import Position

LAMBDA_GROUPS = "/aws/lambda/"  # embedded JSON and the fields of REPORT lines are found in their events
MAX_FIELDS = 200  # found in an event, says AWS


class Source(NamedTuple):
    """A log group that is queried."""

    group_id: int
    account: str
    name: str


UNREAD = object()


class Row:
    """An event, or a group of ``stats``, on its way through a query. A million are made for some.

    source: which of the query's groups the event is in. values: what the query computed, by number.
    document: the event's JSON, once it was asked for. key: what the row is sorted by.
    """

    __slots__ = (
        "document",
        "ingested_ms",
        "key",
        "message",
        "seq",
        "source",
        "stream",
        "time_ms",
        "values",
    )

    def __init__(
        self, time_ms: int, seq: int, stream: str, message: str, ingested_ms: int, source: int
    ) -> None:
        self.time_ms = time_ms
        self.seq = seq
        self.stream = stream
        self.message = message
        self.ingested_ms = ingested_ms
        self.source = source
        self.values: dict[int, Any] = {}
        self.document: Any = UNREAD
        self.key: Any = None

    @staticmethod
    def of_group(values: dict[int, Any]) -> Row:
        """It has no fields of events: nobody asks for them after ``stats``."""
        row = Row(0, 0, "", "", 0, 0)
        row.values = values
        return row


Getter = Callable[[Row], Any]

_decode = msgspec.json.Decoder().decode
_embedded = json.JSONDecoder().raw_decode

_REPORT = {
    "@duration": (re.compile(r"\tDuration: ([\d.]+) ms"), 1),
    "@billedDuration": (re.compile(r"\tBilled Duration: (\d+) ms"), 1),
    "@initDuration": (re.compile(r"\tInit Duration: ([\d.]+) ms"), 1),
    "@memorySize": (re.compile(r"\tMemory Size: (\d+) MB"), 1_000_000),
    "@maxMemoryUsed": (re.compile(r"\tMax Memory Used: (\d+) MB"), 1_000_000),
}
_XRAY = {
    "@xrayTraceId": re.compile(r"\tXRAY TraceId: (\S+)"),
    "@xraySegmentId": re.compile(r"\tSegmentId: (\S+)"),
}
_TYPE = re.compile(r"(START|END|REPORT) RequestId: ")
_UUID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_REQUEST_ID = re.compile(rf"(?:RequestId: |\t){_UUID}\b")


class Fields:
    """Gives the getter of a field, by its name."""

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources
        self._is_lambda = [source.name.startswith(LAMBDA_GROUPS) for source in sources]

    def getter(self, name: str) -> Getter:
        if name in (own := self._own()):
            return own[name]
        if name in _REPORT:
            return self._of_lambda(_reported(*_REPORT[name]))
        if name in _XRAY:
            return self._of_lambda(_found(_XRAY[name]))
        if name.startswith("@") and not name.startswith("@@"):
            return lambda row: None
        return self._json(name.removeprefix("@"))  # a JSON field that begins with @ has one more in queries

    def _own(self) -> dict[str, Getter]:
        logs = [f"{source.account}:{source.name}" for source in self._sources]
        ids = [source.group_id for source in self._sources]
        return {
            "@timestamp": lambda row: Timestamp(row.time_ms),
            "@message": lambda row: row.message,
            "@ingestionTime": lambda row: Timestamp(row.ingested_ms),
            "@logStream": lambda row: row.stream,
            "@log": lambda row: logs[row.source],
            "@ptr": lambda row: record_pointer(ids[row.source], Position(row.time_ms, row.seq)),
            "@type": self._of_lambda(_type),
            "@requestId": self._of_lambda(_found(_REQUEST_ID)),
        }

    def _of_lambda(self, find: Callable[[str], Any]) -> Getter:
        is_lambda = self._is_lambda

        def get(row: Row) -> Any:
            return find(row.message) if is_lambda[row.source] else None

        return get

    def _json(self, name: str) -> Getter:
        path = name.split(".")

        def get(row: Row) -> Any:
            document = row.document
            if document is UNREAD:
                document = row.document = self.document(row)
            if document is None:
                return None
            found = document.get(name)
            return _leaf(found if found is not None or len(path) == 1 else _walk(document, path))

        return get

    def document(self, row: Row) -> dict[str, Any] | None:
        """The event's JSON object; in Lambda's logs the first one that is embedded in the text."""
        message = row.message
        at = message.find("{")
        embeds = self._is_lambda[row.source]
        if at < 0 or (at and not embeds and not message[:at].isspace()):
            return None
        try:
            found = _decode(message)
        except (ValueError, RecursionError):  # msgspec's are ValueErrors
            if not embeds:
                return None
            try:
                found, _ = _embedded(message, at)
            except (ValueError, RecursionError):
                return None
        return found if isinstance(found, dict) else None


def discovered(document: dict[str, Any]) -> dict[str, Any]:
    """``a.b.0`` → value, of all leaves, up to MAX_FIELDS."""
    found: dict[str, Any] = {}
    pending: list[tuple[str, Any]] = [(name, value) for name, value in reversed(document.items())]
    while pending and len(found) < MAX_FIELDS:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{name}.{key}", inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            pending += [(f"{name}.{number}", inner) for number, inner in reversed(list(enumerate(value)))]
        else:
            found[f"@{name}" if name.startswith("@") else name] = value
    return found


def _walk(document: Any, path: list[str]) -> Any:
    for key in path:
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def _leaf(value: Any) -> Any:
    """Truths are 1 and 0 in queries; what has parts is shown as JSON."""
    if value is True or value is False:
        return int(value)
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return value


def _reported(pattern: re.Pattern[str], factor: int) -> Callable[[str], Any]:
    def find(message: str) -> float | None:
        match = pattern.search(message) if message.startswith("REPORT ") else None
        if match is None:
            return None
        return int(match[1]) * factor if match[1].isdecimal() else float(match[1])

    return find


def _found(pattern: re.Pattern[str]) -> Callable[[str], Any]:
    def find(message: str) -> str | None:
        match = pattern.search(message)
        return str(match[1]) if match else None

    return find


def _type(message: str) -> str | None:
    match = _TYPE.match(message)
    return str(match[1]) if match else None
