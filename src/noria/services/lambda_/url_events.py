"""A request to a function URL as the function's event (payload format 2.0), and its answer as HTTP.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from noria.context import RequestContext
from noria.http.types import Request, Response
from noria.services.lambda_.url_configs import UrlConfig

TEXTS = ("text/", "application/json", "application/javascript", "application/xml")
TEXT_SUFFIXES = ("+json", "+xml")
NO_HEADERS = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "date"})
JSON_HEADERS = [("Content-Type", "application/json")]


def event_of(
    request: Request, path: str, config: UrlConfig, request_id: str, now_ms: int, ctx: RequestContext | None
) -> dict[str, Any]:
    """path: after the URL's own prefix. ctx: of the caller, for a URL that asks for a signature."""
    headers = dict(request.headers)
    cookies = [cookie.strip() for cookie in headers.pop("cookie", "").split(";") if cookie.strip()]
    host = headers.get("host", "")
    headers.setdefault("x-forwarded-for", request.peer)
    headers.setdefault("x-forwarded-proto", "http")
    headers.setdefault("x-forwarded-port", host.rpartition(":")[2] if ":" in host else "80")
    context: dict[str, Any] = {
        "accountId": ctx.account if ctx else "anonymous",
        "apiId": config.url_id,
        "domainName": host,
        "domainPrefix": config.url_id,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.peer,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now_ms // 1000)),
        "timeEpoch": now_ms,
    }
    if ctx is not None:
        context["authorizer"] = {"iam": _caller(ctx)}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": context,
    }
    if cookies:
        event["cookies"] = cookies
    if request.query:
        event["queryStringParameters"] = _parameters(request.query)
    return event | _body(request)


def _caller(ctx: RequestContext) -> dict[str, Any]:
    principal = ctx.principal
    return {
        "accessKey": ctx.access_key_id,
        "accountId": principal.account,
        "callerId": principal.user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": principal.arn,
        "userId": principal.user_id,
    }


def _parameters(query: str) -> dict[str, str]:
    """Values of a name that is given more than once are joined by commas."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _body(request: Request) -> dict[str, Any]:
    if not request.body:
        return {"isBase64Encoded": False}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith(TEXTS) or kind.endswith(TEXT_SUFFIXES):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass  # then it is no text, whatever it says
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def response_of(payload: bytes) -> Response:
    """What a function returned. An answer that is no HTTP answer is the body of one."""
    try:
        answer = json.loads(payload or b"null")
    except ValueError:
        return bad_gateway()
    if not isinstance(answer, dict) or "statusCode" not in answer:
        body = answer.encode() if isinstance(answer, str) else payload
        return Response(200, body, JSON_HEADERS)
    try:
        return _http(answer)
    except (ValueError, TypeError, AttributeError, binascii.Error):
        return bad_gateway()


def _http(answer: Mapping[str, Any]) -> Response:
    """Raises ValueError, TypeError or AttributeError where its members are not what they should be."""
    status, headers = status_and_headers(answer, "application/json")
    body = answer.get("body")
    if body is None:
        data = b""
    elif answer.get("isBase64Encoded"):
        data = base64.b64decode(body)
    else:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Response(status, data, headers)


def status_and_headers(answer: Mapping[str, Any], content_type: str) -> tuple[int, list[tuple[str, str]]]:
    """content_type: where the answer names none. Raises as `_http`."""
    status = int(answer["statusCode"])
    if not 100 <= status <= 599:
        raise ValueError(status)
    headers = [
        (str(name), _value(value))
        for name, value in (answer.get("headers") or {}).items()
        if name.lower() not in NO_HEADERS
    ]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", content_type))
    headers += [("Set-Cookie", str(cookie)) for cookie in answer.get("cookies") or []]
    for name, value in headers:
        if any(character in name + value for character in "\r\n\0"):
            raise ValueError(name)
    return status, headers


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def bad_gateway() -> Response:
    """The function failed, or what it returned cannot be sent."""
    return Response(502, b"Internal Server Error", JSON_HEADERS)
