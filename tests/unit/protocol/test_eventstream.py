"""Event streams, as botocore reads them."""

from __future__ import annotations

from botocore.eventstream import EventStreamBuffer

from noria.protocol.eventstream import encoded, initial_response


def test_botocore_reads_what_is_written() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(
        encoded(
            [
                {"PayloadChunk": {"Payload": b"\x00chunk"}},
                {"InvokeComplete": {"ErrorCode": "Unhandled", "LogResult": None}},
            ]
        )
    )
    chunk, complete = list(buffer)
    assert chunk.headers == {
        ":event-type": "PayloadChunk",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    assert chunk.payload == b"\x00chunk"
    assert complete.headers[":event-type"] == "InvokeComplete"
    assert complete.payload == b'{"ErrorCode":"Unhandled"}'


def test_a_stream_of_nothing_is_empty() -> None:
    assert encoded([]) == b""


def test_a_json_services_stream_begins_and_fails_as_botocore_expects() -> None:
    buffer = EventStreamBuffer()
    failed = {"SessionTimeoutException": {"message": "over"}}
    buffer.add_data(initial_response({}) + encoded([failed], {"SessionTimeoutException"}))
    initial, exception = list(buffer)
    assert initial.headers[":event-type"] == "initial-response"
    assert initial.payload == b"{}"
    assert exception.to_response_dict() == {
        "status_code": 400,
        "headers": {
            ":content-type": "application/json",
            ":exception-type": "SessionTimeoutException",
            ":message-type": "exception",
        },
        "body": b'{"message":"over"}',
    }
