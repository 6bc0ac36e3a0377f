"""REST-JSON on the wire (Lambda): paths, errors as recorded from AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from noria.errors import AwsError
from noria.http.types import Request
from noria.protocol.models import load_service
from noria.protocol.paths import PathMatcher
from noria.protocol.restjson import RestJsonCodec

LAMBDA = RestJsonCodec(load_service("lambda"))


def decode(
    method: str, path: str, query: str = "", body: bytes = b"", **headers: str
) -> tuple[str, dict[str, Any]]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(method, path, query, names, body)
    route = LAMBDA.route(request)
    return route.operation.name, LAMBDA.decode(request, route.operation, route.uri_params)


def test_an_invocation_is_read_from_path_query_headers_and_raw_body() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
    for path in (arn, arn.replace(":", "%3A")):
        assert decode(
            "POST",
            f"/2015-03-31/functions/{path}/invocations",
            "Qualifier=%24LATEST",
            b"{not json",
            x_amz_invocation_type="Event",
            x_amz_log_type="Tail",
        ) == (
            "Invoke",
            {
                "function_name": arn,
                "qualifier": "$LATEST",
                "invocation_type": "Event",
                "log_type": "Tail",
                "payload": b"{not json",
            },
        )
    assert decode("POST", "/2015-03-31/functions/f/invocations") == ("Invoke", {"function_name": "f"})


def test_bodies_lists_and_numbers() -> None:
    assert decode(
        "POST", "/2015-03-31/functions", body=b'{"FunctionName":"f","Code":{"ZipFile":"AAE="},"Timeout":3}'
    ) == ("CreateFunction", {"function_name": "f", "code": {"ZipFile": b"\0\1"}, "timeout": 3})
    assert decode("DELETE", "/2017-03-31/tags/arn%3Aa%2Fb", "tagKeys=a&tagKeys=b+c&other=1") == (
        "UntagResource",
        {"resource": "arn:a/b", "tag_keys": ["a", "b c"]},
    )
    assert decode("GET", "/2015-03-31/functions/", "MaxItems=7") == ("ListFunctions", {"max_items": 7})


def test_fixed_parts_of_the_query_tell_operations_apart() -> None:
    path = "/2018-10-31/layers"
    assert decode("GET", path)[0] == "ListLayers"
    assert decode("GET", path, "find=LayerVersion&Arn=a") == ("GetLayerVersionByArn", {"arn": "a"})
    provisioned = "/2019-09-30/functions/f/provisioned-concurrency"
    assert decode("GET", provisioned, "List=ALL")[0] == "ListProvisionedConcurrencyConfigs"
    assert decode("GET", provisioned)[0] == "GetProvisionedConcurrencyConfig"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/2015-03-31/functions/f/nope"),
        ("PATCH", "/2015-03-31/functions/f"),
        ("GET", "/2016-03-31/functions/f"),
        ("POST", "/2015-03-31/functions//invocations"),
    ],
)
def test_an_unknown_path_is_an_unknown_operation(method: str, path: str) -> None:
    with pytest.raises(AwsError) as caught:
        LAMBDA.route(Request(method, path, "", {}, b""))
    assert (caught.value.code, caught.value.status) == ("UnknownOperationException", 404)


def test_a_literal_goes_before_a_parameter() -> None:
    matcher = PathMatcher([("Get", "GET", "/x/{Name}"), ("List", "GET", "/x/list")])
    assert matcher.match("GET", "/x/list", "") == ("List", {})
    assert matcher.match("GET", "/x/lis%74", "") == ("Get", {"Name": "list"})


def test_what_cannot_be_read_is_refused() -> None:
    create = ("POST", "/2015-03-31/functions")
    for body, code, text in (
        (b"{", "InvalidRequestContentException", "Could not parse request body into json"),
        (b'{"Timeout":"x"}', "SerializationException", "STRING_VALUE can not be converted to an Integer"),
        (b'{"Code":{"ZipFile":"$"}}', "SerializationException", "'$' can not be converted to a Blob"),
    ):
        with pytest.raises(AwsError, match=code) as caught:
            decode(*create, body=body)
        assert caught.value.message.startswith(text)
    for query in ("MaxItems=x", "MaxItems=" + "9" * 30, "MaxItems=%FF"):
        with pytest.raises(AwsError, match="SerializationException"):
            decode("GET", "/2015-03-31/functions", query)


def test_an_invocations_answer_is_status_headers_and_raw_payload() -> None:
    operation = LAMBDA.service.operation("Invoke")
    assert operation is not None
    result = {"StatusCode": 202, "FunctionError": None, "ExecutedVersion": "$LATEST", "Payload": b"null"}
    response = LAMBDA.encode(operation, result, "id-1")
    assert (response.status, response.body) == (202, b"null")
    assert response.headers == [
        ("x-amzn-RequestId", "id-1"),
        ("Content-Type", "application/json"),
        ("X-Amz-Executed-Version", "$LATEST"),
    ]


def test_answers_have_the_models_status() -> None:
    for name, status in (("CreateFunction", 201), ("DeleteAlias", 204), ("CreateEventSourceMapping", 202)):
        operation = LAMBDA.service.operation(name)
        assert operation is not None
        assert LAMBDA.encode(operation, {}, "id-1").status == status


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (
            AwsError("ResourceNotFoundException", "Function not found: f", 404),
            {"Type": "User", "Message": "Function not found: f"},
        ),
        (AwsError("ResourceConflictException", "c", 409), {"Type": "User", "message": "c"}),
        (AwsError("ServiceException", "s", 500), {"Type": "Service", "Message": "s"}),
        (AwsError("AccessDeniedException", "User: x", 403), {"Message": "User: x"}),
        (AwsError("ValidationException", "1 validation error", 400), {"message": "1 validation error"}),
        (
            AwsError(
                "TooManyRequestsException",
                "Rate Exceeded.",
                429,
                members={"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": None},
            ),
            {"message": "Rate Exceeded.", "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"},
        ),
    ],
)
def test_errors_have_the_members_that_aws_sends(error: AwsError, body: dict[str, str]) -> None:
    response = LAMBDA.encode_error(error, "id-1")
    assert response.status == error.status
    assert ("x-amzn-ErrorType", error.code) in response.headers
    assert json.loads(response.body) == body
