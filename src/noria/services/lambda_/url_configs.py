"""Function URLs: what is kept of one, and how answers show it."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from noria.services.lambda_.models import function_arn

PREFIX = "/lambda-url/"  # of the path, followed by the URL's id
ID_LENGTH = 32
ALPHABET = string.ascii_lowercase + string.digits


class UrlConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """qualifier: an alias, or "" for the function. cors: as the request has it, with what it names only."""

    account: str
    region: str
    function: str
    qualifier: str = ""
    url_id: str
    auth_type: Literal["AWS_IAM", "NONE"]
    cors: dict[str, Any] = {}
    invoke_mode: Literal["BUFFERED", "RESPONSE_STREAM"] = "BUFFERED"
    created_ms: int
    modified_ms: int

    @property
    def arn(self) -> str:
        return function_arn(self.account, self.region, self.function, self.qualifier)


def new_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def _timestamp(ms: int) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(ms // 1000))}.{ms % 1000:03d}000Z"


def url_config(config: UrlConfig, base_url: str) -> dict[str, Any]:
    """As answers have it; CreateFunctionUrlConfig's leaves LastModifiedTime out.

    AWS gives each URL a host name of its own; ours is a path, which needs no name service.
    """
    return {
        "FunctionUrl": f"{base_url}{PREFIX}{config.url_id}/",
        "FunctionArn": config.arn,
        "AuthType": config.auth_type,
        "Cors": config.cors or None,
        "CreationTime": _timestamp(config.created_ms),
        "LastModifiedTime": _timestamp(config.modified_ms),
        "InvokeMode": config.invoke_mode,
    }


def cors_headers(cors: Mapping[str, Any], origin: str, *, preflight: bool) -> list[tuple[str, str]]:
    """The headers that let a page of `origin` see the answer; none where the configuration does not."""
    allowed = cors.get("AllowOrigins") or []
    if not origin or not ("*" in allowed or origin in allowed):
        return []
    credentials = bool(cors.get("AllowCredentials"))
    headers = [("Access-Control-Allow-Origin", "*" if "*" in allowed and not credentials else origin)]
    if headers[0][1] != "*":
        headers.append(("Vary", "Origin"))
    if credentials:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if not preflight:
        if cors.get("ExposeHeaders"):
            headers.append(("Access-Control-Expose-Headers", ",".join(cors["ExposeHeaders"])))
        return headers
    if cors.get("AllowMethods"):
        headers.append(("Access-Control-Allow-Methods", ",".join(cors["AllowMethods"])))
    if cors.get("AllowHeaders"):
        headers.append(("Access-Control-Allow-Headers", ",".join(cors["AllowHeaders"])))
    if cors.get("MaxAge") is not None:
        headers.append(("Access-Control-Max-Age", str(cors["MaxAge"])))
    return headers
