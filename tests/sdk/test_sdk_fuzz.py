"""A live server under requests that no client means: each is refused or a success, and none costs anything.

Well signed, so that they come as far as they can: into the decoders and SQS itself. What is wrong with the
framing alone is tested with the HTTP server.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.raw import Answer, send, signed
from tests.support.server import Keys, ServerProcess

JSON, FORM = "application/x-amz-json-1.0", "application/x-www-form-urlencoded"
GROWTH_KB = 30_000  # of memory, by thousands of requests: caches fill, nothing else
URL = "http://localhost/000000000000/fuzzed"
ARN = "arn:aws:sqs:us-east-1:000000000000:fuzzed"
HANDLE = "AQEBzWwaftRI0KuVm4tP+/7q1rGgNqicHq"
ENTRY: dict[str, Any] = {
    "Id": "a",
    "MessageBody": "x",
    "DelaySeconds": 1,
    "MessageAttributes": {"k": {"DataType": "Binary", "BinaryValue": "AAEC"}},
    "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
    "MessageDeduplicationId": "d",
    "MessageGroupId": "g",
}
REQUESTS: dict[str, dict[str, Any]] = {
    "CreateQueue": {"QueueName": "fuzzed", "Attributes": {"DelaySeconds": "1"}, "tags": {"a": "b"}},
    "SetQueueAttributes": {"QueueUrl": URL, "Attributes": {"RedrivePolicy": "{}", "Policy": "{}"}},
    "GetQueueAttributes": {"QueueUrl": URL, "AttributeNames": ["All"]},
    "GetQueueUrl": {"QueueName": "fuzzed", "QueueOwnerAWSAccountId": "000000000000"},
    "ListQueues": {"QueueNamePrefix": "f", "NextToken": "x", "MaxResults": 2},
    "SendMessage": {"QueueUrl": URL, **ENTRY},
    "SendMessageBatch": {"QueueUrl": URL, "Entries": [ENTRY, ENTRY | {"Id": "b"}]},
    "ReceiveMessage": {
        "QueueUrl": URL,
        "MaxNumberOfMessages": 1,
        "VisibilityTimeout": 0,
        "WaitTimeSeconds": 0,
        "MessageAttributeNames": ["k.*"],
        "AttributeNames": ["All"],
        "ReceiveRequestAttemptId": "r",
    },
    "DeleteMessageBatch": {"QueueUrl": URL, "Entries": [{"Id": "a", "ReceiptHandle": HANDLE}]},
    "ChangeMessageVisibility": {"QueueUrl": URL, "ReceiptHandle": HANDLE, "VisibilityTimeout": 1},
    "ChangeMessageVisibilityBatch": {
        "QueueUrl": URL,
        "Entries": [{"Id": "a", "ReceiptHandle": HANDLE, "VisibilityTimeout": 1}],
    },
    "AddPermission": {"QueueUrl": URL, "Label": "l", "AWSAccountIds": ["000000000000"], "Actions": ["*"]},
    "TagQueue": {"QueueUrl": URL, "Tags": {"a": "b"}},
    "UntagQueue": {"QueueUrl": URL, "TagKeys": ["a"]},
    "StartMessageMoveTask": {"SourceArn": ARN, "MaxNumberOfMessagesPerSecond": 1},
    "CancelMessageMoveTask": {"TaskHandle": HANDLE},
}
NESTED: Any = "x"
for _ in range(200):
    NESTED = [NESTED]
JUNK = st.sampled_from(
    [
        None, True, -1, 0, 2**31, 2**63, -(2**70), 1.5, 1e400, "", "x" * 5_000, "\x00", "\ud800", "\x0b",
        "\uffff", "é" * 90, "🎉", "..", "%", "2", "null", [], {}, [[]], {"": ""}, [None], NESTED,
        {"a": {"DataType": "Number", "StringValue": "9" * 200}}, {"DataType": ""}, ["a"] * 50,
    ]
)  # fmt: skip
RAW = [
    b"", b"{", b"}", b"null", b"[]", b'"x"', b"1", b"\xff\xfe", b'{"a":\xc3\x28}', b"[" * 100_000,
    b'{"QueueUrl":' * 5_000, b'{"QueueName":"a","QueueName":"b"}', b'{"QueueName":"\\ud800"}', b"{\x00}",
    b"\xef\xbb\xbf{}", b'{"QueueName":"' + b"x" * 2_000_000 + b'"}', b"1e999999999", b"9" * 10_000,
    b"Action", b"=&=&", b"Action=%", b"Action=SendMessage&Version=2012-11-05&MessageBody=%ff",
    b"Action=SendMessageBatch&Version=2012-11-05&SendMessageBatchRequestEntry.99999999999.Id=a",
    b"Action=SendMessageBatch&Version=2012-11-05&SendMessageBatchRequestEntry.-1.Id=a",
    b"Action=SendMessageBatch&Version=2012-11-05&SendMessageBatchRequestEntry.1.1.1.Id=a",
    b"Action=SendMessage&Version=2012-11-05" + b"&a=b" * 50_000, b"Action=SendMessage&Version=1999",
]  # fmt: skip
FRAMES = [
    b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 5_000, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"\r\n" * 999, b"POST /" + b"a" * 100_000, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
]  # fmt: skip


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("fuzzed") / "data") as server:
        yield server


@pytest.fixture
def unharmed(fuzzed: ServerProcess) -> Iterator[ServerProcess]:
    """A queue is there before, and everything as it should be after."""
    fuzzed.client("sqs").create_queue(QueueName="fuzzed")
    before_kb = _memory_kb(fuzzed)
    yield fuzzed
    assert fuzzed.client("sqs").get_queue_url(QueueName="fuzzed")["QueueUrl"].endswith("/fuzzed")
    assert _memory_kb(fuzzed) - before_kb < GROWTH_KB
    assert [line for line in fuzzed.output().splitlines() if "a bug" in line or "Traceback" in line] == []


def _memory_kb(server: ServerProcess) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def _ask(server: ServerProcess, operation: str, body: bytes, kind: str) -> Answer:
    root = server.root
    headers = {"content-type": kind} | ({"x-amz-target": f"AmazonSQS.{operation}"} if kind == JSON else {})
    keys = Keys(root.access_key_id, root.secret_access_key)
    host = f"127.0.0.1:{server.port}"
    answer = send(server, signed(keys, host, "sqs", body=body, headers=headers))
    assert answer.status == 200 or 400 <= answer.status < 500, (operation, body[:500], answer)
    return answer


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key, below in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(below, dict | list):
            yield from _places(below, (*path, key))
        else:
            yield (*path, key)


def _with(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = _with(value[path[0]], path[1:], junk)
    return copied


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An operation's request, with one or two of its values replaced by what does not belong there."""
    operation = draw(st.sampled_from(sorted(REQUESTS)))
    request = REQUESTS[operation]
    for _ in range(draw(st.integers(1, 2))):
        request = _with(request, draw(st.sampled_from(list(_places(request)))), draw(JUNK))
    return operation, request


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """As the Query protocol spells it, more or less."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _flat(below, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list) and len(prefix) < 100:
        for number, below in enumerate(value, 1):
            yield from _flat(below, f"{prefix}.{number}")
    else:
        yield prefix, str(value)


HYPOTHESIS = settings(
    derandomize=True, max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@HYPOTHESIS
@given(spoiled())
def test_values_that_do_not_belong_there_are_refused_in_json(
    unharmed: ServerProcess, case: tuple[str, dict[str, Any]]
) -> None:
    operation, request = case
    _ask(unharmed, operation, json.dumps(request).encode(), JSON)


@HYPOTHESIS
@given(spoiled())
def test_values_that_do_not_belong_there_are_refused_in_query(
    unharmed: ServerProcess, case: tuple[str, dict[str, Any]]
) -> None:
    operation, request = case
    fields = [("Action", operation), ("Version", "2012-11-05"), *_flat(request)]
    _ask(unharmed, operation, urlencode(fields, errors="surrogatepass").encode(), FORM)


@pytest.mark.parametrize("kind", [JSON, FORM])
def test_bodies_that_are_no_requests_are_refused(unharmed: ServerProcess, kind: str) -> None:
    for body in RAW:
        for operation in ("SendMessage", "CreateQueue", "NoSuchOperation"):
            answer = _ask(unharmed, operation, body, kind)
            assert answer.status >= 400 or b"QueueName" in body, (operation, body[:100], answer)


@HYPOTHESIS
@given(st.lists(st.sampled_from(FRAMES) | st.binary(max_size=20), min_size=1, max_size=3), st.booleans())
def test_broken_framing_is_refused_or_the_connection_closed(
    unharmed: ServerProcess, frames: list[bytes], half: bool
) -> None:
    data = b"".join(frames)
    with socket.create_connection(("127.0.0.1", unharmed.port), timeout=5) as connection:
        with contextlib.suppress(ConnectionError):  # it was closed before all was sent
            connection.sendall(data[: len(data) // 2] if half else data)
            connection.shutdown(socket.SHUT_WR)
        answered = b""
        with contextlib.suppress(ConnectionError):
            while received := connection.recv(65_536):
                answered += received
    statuses = {int(line.split()[1]) for line in answered.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")}
    assert all(status < 500 or status == 501 for status in statuses), (data[:200], statuses)


def test_bodies_that_never_end_do_not_keep_others_waiting(unharmed: ServerProcess) -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n{"
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", unharmed.port)))
            connection.sendall(head)
        assert _ask(unharmed, "GetQueueUrl", b'{"QueueName": "fuzzed"}', JSON).status == 200
