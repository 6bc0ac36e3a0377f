"""JSON 1.0 and 1.1 on the wire: AWS's texts for what cannot be read, errors as clients expect them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import AwsError
from noria.http.types import Request, Response
from noria.protocol.json import JsonCodec
from noria.protocol.models import load_service

SQS = JsonCodec(load_service("sqs"))
LOGS = JsonCodec(load_service("logs"))
METRICS = JsonCodec(load_service("monitoring"))


def request(codec: JsonCodec, operation: str, body: bytes) -> Request:
    target = f"{codec.service.target_prefix}.{operation}"
    return Request("POST", "/", "", {"host": "h", "x-amz-target": target}, body)


def decode(codec: JsonCodec, operation: str, body: bytes) -> dict[str, Any]:
    sent = request(codec, operation, body)
    route = codec.route(sent)
    return codec.decode(sent, route.operation, route.uri_params)


def refusal(codec: JsonCodec, operation: str, body: bytes) -> str:
    """The error's code, "" where there is none."""
    try:
        decode(codec, operation, body)
    except AwsError as error:
        return error.code
    return ""


def body_of(response: Response) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(response.body)
    return document


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_json_has_no_number_for_is_a_text(text: str) -> None:
    """As the JavaScript SDK writes it."""
    sent = {"MetricData": [{"MetricName": "m", "Value": text}]}
    (datum,) = decode(METRICS, "PutMetricData", json.dumps(sent).encode())["metric_data"]
    assert str(datum["Value"]) == str(float(text))
    sent["MetricData"][0]["Value"] = "1"
    assert refusal(METRICS, "PutMetricData", json.dumps(sent).encode()) == "SerializationException"


def test_members_get_their_python_names_and_nested_ones_keep_theirs() -> None:
    sent = {
        "QueueUrl": "u",
        "MessageBody": "é",
        "DelaySeconds": 5,
        "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "AAE="}},
        "MessageGroupId": None,
        "NotInTheModel": {"deep": []},
    }
    assert decode(SQS, "SendMessage", json.dumps(sent).encode()) == {
        "queue_url": "u",
        "message_body": "é",
        "delay_seconds": 5,
        "message_attributes": {"a": {"DataType": "Binary", "BinaryValue": b"\0\1"}},
    }


@pytest.mark.parametrize(
    ("codec", "operation", "body", "text"),
    [
        (
            SQS,
            "ReceiveMessage",
            '{"MaxNumberOfMessages":"1"}',
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            SQS,
            "ReceiveMessage",
            '{"MaxNumberOfMessages":true}',
            "TRUE_VALUE can not be converted to an Integer",
        ),
        (SQS, "ReceiveMessage", '{"MaxNumberOfMessages":[1]}', "Start of list found where not expected"),
        (
            SQS,
            "ReceiveMessage",
            '{"MaxNumberOfMessages":{}}',
            "Start of structure or map found where not expected.",
        ),
        (SQS, "SendMessage", '{"MessageBody":5}', "NUMBER_VALUE can not be converted to a String"),
        (SQS, "SendMessage", '{"MessageBody":1.5}', "NUMBER_VALUE can not be converted to a String"),
        (SQS, "SendMessage", '{"MessageBody":false}', "FALSE_VALUE can not be converted to a String"),
        (SQS, "SendMessageBatch", '{"Entries":"x"}', "Expected list or null"),
        (SQS, "SendMessageBatch", '{"Entries":3}', "Expected list or null"),
        (SQS, "SendMessageBatch", '{"Entries":{}}', "Start of structure or map found where not expected."),
        (SQS, "SendMessageBatch", '{"Entries":["x"]}', "Expected null"),
        (SQS, "SendMessageBatch", '{"Entries":[[]]}', "Start of list found where not expected"),
        (
            SQS,
            "SetQueueAttributes",
            '{"Attributes":{"DelaySeconds":5}}',
            "NUMBER_VALUE can not be converted to a String",
        ),
        (LOGS, "GetLogEvents", '{"startFromHead":"true"}', "STRING_VALUE can not be converted to a Boolean"),
        (LOGS, "GetLogEvents", '{"startTime":"1"}', "STRING_VALUE can not be converted to a Long"),
        (SQS, "SendMessage", "[]", "Start of list found where not expected"),
        (SQS, "SendMessage", "null", ""),
        (SQS, "SendMessage", '"x"', ""),
        (SQS, "SendMessage", "", ""),
        (SQS, "SendMessage", "{", ""),
        (SQS, "SendMessage", '{"MessageBody":"x",}', ""),
        (SQS, "SendMessage", "[" * 100_000, ""),
        (SQS, "SendMessage", '{"a":' * 100_000, ""),
        (SQS, "ReceiveMessage", '{"MaxNumberOfMessages":1e999}', ""),
    ],
)
def test_what_cannot_be_read_is_told_in_awss_words(
    codec: JsonCodec, operation: str, body: str, text: str
) -> None:
    with pytest.raises(AwsError) as caught:
        decode(codec, operation, body.encode())
    assert caught.value.code == "SerializationException"
    assert caught.value.status == 400
    assert caught.value.message == text


def test_fractions_are_cut_off_and_nulls_dropped_as_aws_does() -> None:
    assert decode(SQS, "ReceiveMessage", b'{"MaxNumberOfMessages":1.9,"AttributeNames":["All",null]}') == {
        "max_number_of_messages": 1,
        "attribute_names": ["All"],
    }


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["QueueUrl", "Entries", "Id", "MessageAttributes", "DelaySeconds", "BinaryValue", "?"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(junk)
def test_no_document_crashes_the_decoder(document: Any) -> None:
    body = json.dumps({"Entries": document, "QueueUrl": document}).encode()
    assert refusal(SQS, "SendMessageBatch", body) in {"", "SerializationException"}


@given(st.binary(max_size=50))
def test_no_bytes_crash_the_decoder(body: bytes) -> None:
    sent = b'{"MessageBody":"' + body + b'"}'
    assert refusal(SQS, "SendMessage", sent) in {"", "SerializationException"}


def test_text_that_is_no_unicode_is_refused() -> None:
    for body in (b'{"MessageBody":"\xff"}', b'{"MessageBody":"\\ud800"}'):
        with pytest.raises(AwsError):
            decode(SQS, "SendMessage", body)


@pytest.mark.parametrize("target", ["AmazonSQS.Nope", "AmazonSQS.", "SendMessage", "amazonsqs.SendMessage"])
def test_an_unknown_operation_has_no_text(target: str) -> None:
    with pytest.raises(AwsError) as caught:
        SQS.route(Request("POST", "/", "", {"x-amz-target": target}, b"{}"))
    response = SQS.encode_error(caught.value, "id")
    assert response.status == 400
    assert body_of(response) == {"__type": "com.amazon.coral.service#UnknownOperationException"}


def test_an_answer_leaves_out_what_is_none_and_writes_bytes_as_base64() -> None:
    operation = SQS.service.operation("ReceiveMessage")
    assert operation is not None
    message = {
        "Body": "b",
        "MD5OfBody": None,
        "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": b"\0\1", "StringValue": None}},
    }
    response = SQS.encode(operation, {"Messages": [message]}, "id-1")
    assert response.status == 200
    assert response.headers == [("x-amzn-RequestId", "id-1"), ("Content-Type", "application/x-amz-json-1.0")]
    assert body_of(response) == {
        "Messages": [{"Body": "b", "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "AAE="}}}]
    }
    empty = SQS.service.operation("DeleteMessage")
    assert empty is not None
    assert SQS.encode(empty, {}, "id-1").body == b""


def test_an_sqs_error_names_its_namespace_and_keeps_the_query_code() -> None:
    error = AwsError(
        "QueueDoesNotExist",
        "The specified queue does not exist.",
        query_code="AWS.SimpleQueueService.NonExistentQueue",
    )
    response = SQS.encode_error(error, "id-1")
    assert response.status == 400
    assert ("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender") in response.headers
    assert body_of(response) == {
        "__type": "com.amazonaws.sqs#QueueDoesNotExist",
        "message": "The specified queue does not exist.",
    }


def test_a_denial_by_sqs_reads_as_recorded_from_aws() -> None:
    response = SQS.encode_error(
        AwsError("AccessDeniedException", "User: x", 403, query_code="AccessDenied"), "id-1"
    )
    assert response.status == 403
    assert ("x-amzn-query-error", "AccessDenied;Sender") in response.headers
    assert body_of(response) == {
        "__type": "com.amazon.coral.service#AccessDeniedException",
        "Message": "User: x",
    }


def test_logs_answers_every_fault_of_the_client_with_400_and_a_bare_type() -> None:
    response = LOGS.encode_error(AwsError("ResourceNotFoundException", "No such group.", 404), "id-1")
    assert response.status == 400
    assert response.headers == [("x-amzn-RequestId", "id-1"), ("Content-Type", "application/x-amz-json-1.1")]
    assert body_of(response) == {"__type": "ResourceNotFoundException", "message": "No such group."}
    failed = LOGS.encode_error(AwsError("ServiceUnavailable", "Later.", 503, members={"retry": 1}), "id-1")
    assert failed.status == 503
    assert body_of(failed)["retry"] == 1
