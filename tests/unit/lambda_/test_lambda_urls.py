"""Function URLs: their configurations, and what becomes of requests to them."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.unit.lambda_.conftest import Lambda
from tests.unit.lambda_.support import ARN, active, conflict, not_found, publish, refused

from noria.http.types import Request, Response
from noria.services.lambda_.url_events import response_of

ECHO = "def handler(event, context):\n    return event\n"
HOST = "127.0.0.1:4566"
GONE = not_found("The resource you requested does not exist.")


async def url_of(service: Lambda, **members: Any) -> str:
    request = {"function_name": "f", "auth_type": "NONE", **members}
    url: str = (await service.api.create_function_url_config(service.ctx(), **request))["FunctionUrl"]
    return url


async def fetch(
    service: Lambda, url: str, method: str = "GET", body: bytes = b"", **headers: str
) -> Response:
    parts = urlsplit(url)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(method, parts.path, parts.query, {"host": HOST, **named}, body, "10.0.0.9")
    answer = service.api.web(request)
    assert answer is not None
    response: Response = await answer
    return response


async def test_a_configuration_answers_as_awss(service: Lambda) -> None:
    await active(service)
    api, ctx = service.api, service.ctx()
    cors = {"AllowOrigins": ["*"], "MaxAge": 5}
    created = await api.create_function_url_config(ctx, function_name="f", auth_type="NONE", cors=cors)
    assert created.keys() == {"FunctionUrl", "FunctionArn", "AuthType", "Cors", "CreationTime", "InvokeMode"}
    assert (created["FunctionArn"], created["AuthType"], created["Cors"]) == (ARN, "NONE", cors)
    updated = await api.update_function_url_config(ctx, function_name="f", auth_type="AWS_IAM")
    assert (updated["AuthType"], updated["Cors"]) == ("AWS_IAM", cors)
    assert updated["FunctionUrl"] == created["FunctionUrl"]
    assert await api.get_function_url_config(ctx, function_name="f") == updated
    again = api.create_function_url_config(ctx, function_name="f", auth_type="NONE")
    assert await refused(again) == conflict(
        f"Failed to create function url config for [functionArn = {ARN}]. Error message:  "
        "FunctionUrlConfig exists for this Lambda function"
    )


async def test_an_alias_has_a_url_of_its_own_that_outlives_it(service: Lambda) -> None:
    await active(service)
    await publish(service)
    api, ctx = service.api, service.ctx()
    await api.create_alias(ctx, function_name="f", name="live", function_version="1")
    await url_of(service)
    url = await url_of(service, qualifier="live")
    assert (await fetch(service, url)).status == 200
    listed = await api.list_function_url_configs(ctx, function_name="f")
    assert [each["FunctionArn"] for each in listed["FunctionUrlConfigs"]] == [ARN, f"{ARN}:live"]
    await api.delete_function_url_config(ctx, function_name="f")
    assert await refused(api.get_function_url_config(ctx, function_name="f")) == GONE
    await api.delete_alias(ctx, function_name="f", name="live")
    assert (await api.get_function_url_config(ctx, function_name="f", qualifier="live"))["FunctionUrl"] == url
    assert (await fetch(service, url)).status == 403
    await api.delete_function(ctx, function_name="f")
    await active(service)
    gone = api.get_function_url_config(ctx, function_name="f", qualifier="live")
    assert await refused(gone) == GONE


async def test_there_is_no_url_without_a_function(service: Lambda) -> None:
    api, ctx = service.api, service.ctx()
    assert await refused(url_of(service)) == not_found("Function does not exist")
    assert await refused(api.get_function_url_config(ctx, function_name="f")) == GONE
    assert await refused(api.delete_function_url_config(ctx, function_name="f")) == GONE
    await active(service)
    assert await refused(url_of(service, qualifier="nope")) == not_found("Function does not exist")


async def test_the_function_sees_the_request_in_payload_format_2(service: Lambda) -> None:
    await service.create(ECHO)
    url = await url_of(service)
    url_id = url.rstrip("/").rpartition("/")[2]
    response = await fetch(
        service,
        f"{url}pa2%Fth/1?q=query&multi=foo&multi=%2Fbar",
        "POST",
        b'{"foo": "bar"}',
        content_type="application/json",
        user_agent="test/echo",
        cookie="a=1; b=2",
    )
    assert response.status == 200
    event = json.loads(response.body)
    context = event.pop("requestContext")
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/pa2%Fth/1",
        "rawQueryString": "q=query&multi=foo&multi=%2Fbar",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": HOST,
            "content-type": "application/json",
            "user-agent": "test/echo",
            "x-forwarded-for": "10.0.0.9",
            "x-forwarded-port": "4566",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"q": "query", "multi": "foo,/bar"},
        "body": '{"foo": "bar"}',
        "isBase64Encoded": False,
    }
    assert context.pop("time").endswith(" +0000")
    assert context.pop("timeEpoch") > 0
    assert context.pop("requestId") == dict(response.headers)["x-amzn-RequestId"]
    assert context == {
        "accountId": "anonymous",
        "apiId": url_id,
        "domainName": HOST,
        "domainPrefix": url_id,
        "http": {
            "method": "POST",
            "path": "/pa2%Fth/1",
            "protocol": "HTTP/1.1",
            "sourceIp": "10.0.0.9",
            "userAgent": "test/echo",
        },
        "routeKey": "$default",
        "stage": "$default",
    }


async def test_what_is_no_text_is_base64(service: Lambda) -> None:
    await service.create(ECHO)
    url = await url_of(service)
    form = b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\nv\r\n--x--\r\n'
    response = await fetch(service, url, "POST", form, content_type="multipart/form-data; boundary=x")
    event = json.loads(response.body)
    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(form).decode(), True)


async def test_names_like_awss_lead_to_the_function_too(service: Lambda) -> None:
    await service.create(ECHO)
    url_id = (await url_of(service)).rstrip("/").rpartition("/")[2]
    host = f"{url_id}.lambda-url.{service.ctx().region}.on.aws"
    response = await fetch(service, "http://x/a/b", host=host)
    assert json.loads(response.body)["rawPath"] == "/a/b"


@pytest.mark.parametrize(
    ("returned", "status", "headers", "body"),
    [
        (b'"hi"', 200, {"Content-Type": "application/json"}, b"hi"),
        (b'{"a": 1}', 200, {"Content-Type": "application/json"}, b'{"a": 1}'),
        (b"null", 200, {"Content-Type": "application/json"}, b"null"),
        (
            b'{"statusCode": 201, "headers": {"Content-Type": "text/plain", "X-N": 5}, "body": "made"}',
            201,
            {"Content-Type": "text/plain", "X-N": "5"},
            b"made",
        ),
        (
            b'{"statusCode": "200", "body": "aGk=", "isBase64Encoded": true, "cookies": ["a=1"]}',
            200,
            {"Content-Type": "application/json", "Set-Cookie": "a=1"},
            b"hi",
        ),
        (b'{"statusCode": 204}', 204, {"Content-Type": "application/json"}, b""),
        (b'{"statusCode": "x"}', 502, {"Content-Type": "application/json"}, b"Internal Server Error"),
        (b'{"statusCode": 99}', 502, {"Content-Type": "application/json"}, b"Internal Server Error"),
        (
            b'{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}',
            502,
            {"Content-Type": "application/json"},
            b"Internal Server Error",
        ),
        (b'{"statusCode": 200, "headers": ["a"]}', 502, {"Content-Type": "application/json"},
         b"Internal Server Error"),
    ],
)  # fmt: skip
def test_what_a_function_returns_becomes_http(
    returned: bytes, status: int, headers: dict[str, str], body: bytes
) -> None:
    response = response_of(returned)
    assert (response.status, dict(response.headers), response.body) == (status, headers, body)


async def test_a_function_that_fails_is_a_bad_gateway(service: Lambda) -> None:
    await service.create("def handler(event, context):\n    raise ValueError\n")
    response = await fetch(service, await url_of(service))
    assert (response.status, response.body) == (502, b"Internal Server Error")


async def test_a_throttled_request_says_so(service: Lambda) -> None:
    await service.create(ECHO)
    url = await url_of(service)
    await service.api.put_function_concurrency(
        service.ctx(), function_name="f", reserved_concurrent_executions=0
    )
    response = await fetch(service, url)
    assert response.status == 429
    assert json.loads(response.body) == {
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
        "Message": "Rate Exceeded.",
    }


async def test_a_request_that_is_too_large_reaches_no_function(service: Lambda) -> None:
    await service.create(ECHO)
    url = await url_of(service)
    assert (await fetch(service, url, "POST", b"x" * 6_291_456, content_type="text/plain")).status == 413


async def test_nobody_is_told_why_not(service: Lambda) -> None:
    await service.create(ECHO)
    service.permissions.denied.add("lambda:InvokeFunctionUrl")
    for url in (await url_of(service), f"http://{HOST}/lambda-url/{'a' * 32}/"):
        response = await fetch(service, url)
        assert response.status == 403
        assert dict(response.headers)["x-amzn-ErrorType"] == "AccessDeniedException"
        assert json.loads(response.body) == {
            "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
            "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
        }


async def test_a_signed_url_tells_the_function_who_calls(service: Lambda) -> None:
    await service.create(ECHO)
    url = await url_of(service, auth_type="AWS_IAM")
    assert (await fetch(service, url)).status == 403
    event = json.loads((await fetch(service, url, authorization="signed")).body)
    principal = service.ctx().principal
    assert event["requestContext"]["accountId"] == principal.account
    assert event["requestContext"]["authorizer"]["iam"]["userArn"] == principal.arn
    assert service.permissions.required[-1] == (
        "lambda:InvokeFunctionUrl",
        ARN,
        {"lambda:FunctionUrlAuthType": "AWS_IAM", "lambda:FunctionArn": ARN},
    )


CORS = {
    "AllowOrigins": ["https://page.example"],
    "AllowMethods": ["GET", "POST"],
    "AllowHeaders": ["x-own"],
    "ExposeHeaders": ["x-seen"],
    "AllowCredentials": True,
    "MaxAge": 60,
}


async def test_preflight_requests_are_answered_for_the_function(service: Lambda) -> None:
    await active(service)
    url = await url_of(service, cors=CORS, auth_type="AWS_IAM")
    asked = {"origin": "https://page.example", "access_control_request_method": "POST"}
    response = await fetch(service, url, "OPTIONS", b"", **asked)
    headers = dict(response.headers)
    del headers["x-amzn-RequestId"]
    assert response.status == 200
    assert headers == {
        "Access-Control-Allow-Origin": "https://page.example",
        "Vary": "Origin",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "GET,POST",
        "Access-Control-Allow-Headers": "x-own",
        "Access-Control-Max-Age": "60",
    }
    other = await fetch(service, url, "OPTIONS", b"", **{**asked, "origin": "https://other.example"})
    assert "Access-Control-Allow-Origin" not in dict(other.headers)


async def test_the_configuration_decides_about_cors_not_the_function(service: Lambda) -> None:
    await service.create(
        "def handler(event, context):\n"
        "    return {'statusCode': 200, 'headers': {'access-control-allow-origin': 'x'}}\n"
    )
    plain = await fetch(service, await url_of(service), origin="https://page.example")
    assert dict(plain.headers)["access-control-allow-origin"] == "x"
    await service.api.update_function_url_config(service.ctx(), function_name="f", cors=CORS)
    url = (await service.api.get_function_url_config(service.ctx(), function_name="f"))["FunctionUrl"]
    headers = dict((await fetch(service, url, origin="https://page.example")).headers)
    assert headers["Access-Control-Allow-Origin"] == "https://page.example"
    assert headers["Access-Control-Expose-Headers"] == "x-seen"
    assert "access-control-allow-origin" not in headers
