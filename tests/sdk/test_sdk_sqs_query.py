"""SQS in the Query protocol: forms as older SDKs and `curl` send them, answers as AWS recorded them."""

from __future__ import annotations

import http.client
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.support.aws import ACCOUNT, unique
from tests.support.server import ServerProcess

NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"
VERSION = "2012-11-05"

Ask = Callable[..., tuple[int, ET.Element]]


@pytest.fixture
def ask(server: ServerProcess) -> Ask:
    """Send a signed form; (status, the answer's document). Form names have ``__`` where the wire has dots."""

    def send(path: str = "/", method: str = "POST", **form: str) -> tuple[int, ET.Element]:
        text = urllib.parse.urlencode({name.replace("__", "."): value for name, value in form.items()})
        target, body = (path, text) if method == "POST" else (f"{path}?{text}", "")
        request = AWSRequest(method, server.url + target, data=body)
        request.headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        keys = Credentials(server.root.access_key_id, server.root.secret_access_key)
        SigV4Auth(keys, "sqs", "us-east-1").add_auth(request)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            connection.request(method, target, body, dict(request.headers))
            response = connection.getresponse()
            return response.status, ET.fromstring(response.read())
        finally:
            connection.close()

    return send


def texts(root: ET.Element, path: str) -> list[str | None]:
    steps = "/".join(NAMESPACE + step for step in path.split("/"))
    return [element.text for element in root.findall(steps)]


def error(answer: tuple[int, ET.Element]) -> tuple[int, str, str, str]:
    """(status, type, code, text); every error has an empty Detail, too."""
    status, root = answer
    [kind], [code], [text] = (texts(root, f"Error/{name}") for name in ("Type", "Code", "Message"))
    assert texts(root, "Error/Detail") == [None]
    assert kind is not None
    assert code is not None
    assert text is not None
    return status, kind, code, text


def queue(ask: Ask, **form: str) -> str:
    """The path of a new queue."""
    name = unique("form")
    status, root = ask(Action="CreateQueue", QueueName=name, Version=VERSION, **form)
    assert status == 200
    [url] = texts(root, "CreateQueueResult/QueueUrl")
    assert url is not None
    assert url.endswith(f"/{ACCOUNT}/{name}")
    return urllib.parse.urlsplit(url).path


def test_attributes_and_tags_are_flattened(ask: Ask) -> None:
    path = queue(
        ask,
        Attribute__1__Name="VisibilityTimeout",
        Attribute__1__Value="33",
        Attribute__2__Name="DelaySeconds",
        Attribute__2__Value="1",
        Tag__1__Key="team",
        Tag__1__Value="a&b",
    )
    _, root = ask(
        path,
        Action="GetQueueAttributes",
        AttributeName__1="DelaySeconds",
        AttributeName__2="VisibilityTimeout",
    )
    assert texts(root, "GetQueueAttributesResult/Attribute/Name") == ["DelaySeconds", "VisibilityTimeout"]
    assert texts(root, "GetQueueAttributesResult/Attribute/Value") == ["1", "33"]
    _, root = ask(path, Action="ListQueueTags")
    assert texts(root, "ListQueueTagsResult/Tag/Key") == ["team"]
    assert texts(root, "ListQueueTagsResult/Tag/Value") == ["a&b"]
    assert ask(path, Action="UntagQueue", TagKey__1="team")[0] == 200
    _, root = ask(Action="ListQueues", QueueNamePrefix=path.rpartition("/")[2], Version=VERSION)
    [url] = texts(root, "ListQueuesResult/QueueUrl")
    assert url is not None
    assert url.endswith(path)


def test_a_message_with_attributes_goes_through(ask: Ask) -> None:
    path = queue(ask)
    _, root = ask(
        path,
        Action="SendMessage",
        MessageBody="hé\r\n<&>",
        MessageAttribute__1__Name="attr1",
        MessageAttribute__1__Value__DataType="Binary",
        MessageAttribute__1__Value__BinaryValue="AP8=",
        MessageAttribute__2__Name="kind",
        MessageAttribute__2__Value__DataType="String",
        MessageAttribute__2__Value__StringValue="greeting",
    )
    assert texts(root, "SendMessageResult/MD5OfMessageBody") == ["1533bf74b231e8ab5e6557c669380efc"]
    status, root = ask(
        path, "GET", Action="ReceiveMessage", AttributeName__1="SenderId", MessageAttributeName__1="All"
    )
    assert status == 200
    message = "ReceiveMessageResult/Message"
    assert texts(root, f"{message}/Body") == ["hé\r\n<&>"]
    assert texts(root, f"{message}/Attribute/Name") == ["SenderId"]
    assert texts(root, f"{message}/MessageAttribute/Name") == ["attr1", "kind"]
    assert texts(root, f"{message}/MessageAttribute/Value/BinaryValue") == ["AP8="]
    assert texts(root, f"{message}/MessageAttribute/Value/StringValue") == ["greeting"]
    [handle] = texts(root, f"{message}/ReceiptHandle")
    assert handle is not None
    status, root = ask(path, Action="DeleteMessage", ReceiptHandle=handle)
    assert (status, root.tag) == (200, f"{NAMESPACE}DeleteMessageResponse")
    _, root = ask(path, Action="ReceiveMessage")
    assert texts(root, message) == []


def test_batches_carry_the_names_of_their_entries(ask: Ask) -> None:
    path = queue(ask)
    entry = "SendMessageBatchRequestEntry"
    form = {
        f"{entry}.1.Id": "good",
        f"{entry}.1.MessageBody": "a",
        f"{entry}.2.Id": "bad",
        f"{entry}.2.MessageBody": "b",
        f"{entry}.2.DelaySeconds": "901",
    }
    _, root = ask(path, Action="SendMessageBatch", **form)
    result = "SendMessageBatchResult"
    assert texts(root, f"{result}/SendMessageBatchResultEntry/Id") == ["good"]
    assert texts(root, f"{result}/BatchResultErrorEntry/Id") == ["bad"]
    assert texts(root, f"{result}/BatchResultErrorEntry/Code") == ["InvalidParameterValue"]
    assert texts(root, f"{result}/BatchResultErrorEntry/SenderFault") == ["true"]


PREFIX = "AWS.SimpleQueueService."


@pytest.mark.parametrize(
    ("form", "code", "text"),
    [
        (
            {"Action": "ReceiveMessage", "MaxNumberOfMessages": "11"},
            "InvalidParameterValue",
            "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if"
            " provided.",
        ),
        (
            {
                "Action": "SendMessageBatch",
                "SendMessageBatchRequestEntry.1.Id": "message:1",
                "SendMessageBatchRequestEntry.1.MessageBody": "a",
            },
            PREFIX + "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
            " It can be at most 80 letters long.",
        ),
        (
            {
                "Action": "SendMessage",
                "MessageBody": "a",
                "MessageAttribute.1.Name": "ErrorDetails",
                "MessageAttribute.1.Value.DataType": "String",
                "MessageAttribute.1.Value.StringValue": "",
            },
            "InvalidParameterValue",
            "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
        ),
        (
            {
                "Action": "SetQueueAttributes",
                "Attribute.1.Name": "FifoQueue",
                "Attribute.1.Value": "true",
            },
            "InvalidAttributeName",
            "Unknown Attribute FifoQueue.",
        ),
        (
            {"Action": "DeleteMessageBatch"}
            | {f"DeleteMessageBatchRequestEntry.{n}.Id": f"{n}" for n in range(1, 21)}
            | {f"DeleteMessageBatchRequestEntry.{n}.ReceiptHandle": "x" for n in range(1, 21)},
            PREFIX + "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10. You have sent 20.",
        ),
    ],
)
def test_errors_have_aws_codes_and_texts(ask: Ask, form: dict[str, str], code: str, text: str) -> None:
    assert error(ask(queue(ask), **form)) == (400, "Sender", code, text)


def test_a_missing_queue(ask: Ask) -> None:
    assert error(ask(f"/{ACCOUNT}/nope", Action="ReceiveMessage")) == (
        400,
        "Sender",
        PREFIX + "NonExistentQueue",
        "The specified queue does not exist.",
    )


def test_the_queue_url_of_the_form_wins_over_the_path(ask: Ask) -> None:
    path = queue(ask)
    form = {"Action": "SendMessage", "QueueUrl": f"https://sqs.us-east-1.amazonaws.com{path}"}
    assert ask(f"/{ACCOUNT}/nope", MessageBody="a", **form)[0] == 200


def test_an_action_that_sqs_does_not_have(ask: Ask) -> None:
    status, root = ask(Action="Nope", Version=VERSION)
    codes = [element.text for element in root.iter() if element.tag.endswith("}Code")]
    assert (status, codes) == (400, ["InvalidAction"])
