"""SQS's forms: what they decode to, and that whatever is sent is read or refused."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from noria.errors import AwsError
from noria.http.types import Request
from noria.protocol.models import load_service
from noria.protocol.sqs_query import SqsQueryCodec, load_sqs_query

CODEC = SqsQueryCodec()


def decode(form: dict[str, str], path: str = "/") -> dict[str, Any]:
    request = Request("POST", path, "", {}, urlencode(form).encode())
    return CODEC.decode(request, CODEC.route(request).operation, {})


def test_flattened_members() -> None:
    assert decode(
        {
            "Action": "SendMessageBatch",
            "QueueUrl": "http://h/1/q",
            "SendMessageBatchRequestEntry.1.Id": "a",
            "SendMessageBatchRequestEntry.1.MessageAttribute.1.Name": "n",
            "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType": "Binary",
            "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.BinaryValue": "AP8=",
            "SendMessageBatchRequestEntry.2.Id": "b",
        }
    ) == {
        "queue_url": "http://h/1/q",
        "entries": [
            {"Id": "a", "MessageAttributes": {"n": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}},
            {"Id": "b"},
        ],
    }
    assert decode(
        {
            "Action": "AddPermission",
            "Label": "l",
            "AWSAccountId.1": "111111111111",
            "ActionName.1": "SendMessage",
            "ActionName.2": "ReceiveMessage",
        },
        "/000000000000/q",
    ) == {
        "queue_url": "/000000000000/q",
        "label": "l",
        "aws_account_ids": ["111111111111"],
        "actions": ["SendMessage", "ReceiveMessage"],
    }


def test_the_model_is_that_of_json_but_for_names() -> None:
    ours, json = load_sqs_query(), load_service("sqs")
    assert set(ours.operation_names()) == set(json.operation_names())
    for name in ours.operation_names():
        operation, original = ours.operation(name), json.operation(name)
        assert operation is not None
        assert original is not None
        assert operation.arguments.keys() == original.arguments.keys()


NAMES = st.sampled_from(
    ["Attribute", "1", "Name", "Value", "SendMessageBatchRequestEntry", "x", "", "-1", "é"]
)
FORMS = st.dictionaries(st.lists(NAMES, max_size=6).map(".".join), st.text(max_size=8), max_size=12)


@given(FORMS, st.sampled_from(sorted(load_sqs_query().operation_names())))
def test_any_form_is_read_or_refused(form: dict[str, str], action: str) -> None:
    with contextlib.suppress(AwsError):  # anything else would be a bug
        assert isinstance(decode({**form, "Action": action}), dict)
