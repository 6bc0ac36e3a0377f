"""Which service a request is for, and in which form the refused are refused."""

from __future__ import annotations

import pytest

from noria.errors import AwsError
from noria.http.types import Request
from noria.protocol.identify import Identifier

IDENTIFIER = Identifier(["sqs", "lambda", "iam", "sts", "logs"])


def scoped(service: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"


def request(
    method: str = "POST", path: str = "/", query: str = "", body: bytes = b"", **headers: str
) -> Request:
    return Request(method, path, query, {k.replace("_", "-"): v for k, v in headers.items()}, body)


@pytest.mark.parametrize(
    ("sent", "service"),
    [
        (request(x_amz_target="AmazonSQS.SendMessage"), "sqs"),
        (request(x_amz_target="Logs_20140328.PutLogEvents", authorization=scoped("logs")), "logs"),
        (request(x_amz_target="AmazonSQS.Nope", authorization=scoped("logs")), "sqs"),
        (request(body=b"Action=CreateRole&Version=x", authorization=scoped("iam")), "iam"),
        (
            request("GET", "/", "Action=X&X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fsts%2Faws4_request"),
            "sts",
        ),
        (request("GET", "/2015-03-31/functions", authorization=scoped("lambda")), "lambda"),
        (request("GET", "/2015-03-31/functions"), "lambda"),
        (request(body=b"Action=GetCallerIdentity&Version=2011-06-15"), "sts"),
        (request("GET", "/", "Version=2010-05-08&Action=ListRoles"), "iam"),
        (request(authorization=scoped("sqs"), body=b"Action=ListQueues"), "sqs"),
        (request(body=b"Action=ListQueues&Version=2012-11-05"), "sqs"),
        (request("GET", "/000000000000/q.fifo", "Action=ReceiveMessage"), "sqs"),
    ],
)
def test_target_scope_version_and_path_tell_the_service(sent: Request, service: str) -> None:
    assert IDENTIFIER.codec(sent).service.name == service


@pytest.mark.parametrize(
    ("sent", "status", "body"),
    [
        (request("GET", "/bucket", authorization=scoped("s3")), 501, b"<Code>NotImplemented</Code>"),
        (
            request(x_amz_target="DynamoDB_20120810.PutItem", authorization=scoped("dynamodb")),
            501,
            b'{"__type":"NotImplemented","message":"The service dynamodb is not supported',
        ),
        (request(x_amz_target="Nope.Nope"), 400, b'{"__type":"UnknownOperationException"}'),
        (request(authorization=scoped("sqs")), 400, b"<Code>MissingAction</Code>"),
        (request("GET", "/"), 403, b"<Code>MissingAuthenticationToken</Code>"),
    ],
)
def test_what_nobody_serves_is_refused_by_name_in_its_own_form(
    sent: Request, status: int, body: bytes
) -> None:
    codec = IDENTIFIER.codec(sent)
    with pytest.raises(AwsError) as caught:
        codec.route(sent)
    response = codec.encode_error(caught.value, "id-1")
    assert response.status == status
    assert body in response.body
