"""Requests byte by byte: signed by a signer of the tests' own, changed by attackers, sent as they are."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
from typing import NamedTuple
from urllib.parse import quote

from tests.support.server import Keys, ServerProcess


class Raw(NamedTuple):
    """One request. headers: in the order sent; names may repeat."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def with_header(self, name: str, value: str) -> Raw:
        """In the place of one that it has, else added."""
        kept = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        return self._replace(headers=[*kept, (name, value)])

    def header(self, name: str) -> str:
        return next(value for n, value in self.headers if n.lower() == name.lower())


class Answer(NamedTuple):
    status: int
    request_id: str
    text: str


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def signature(keys: Keys, at: str, region: str, service: str, canonical: str) -> str:
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    key = b"AWS4" + keys.secret_access_key.encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return _hmac(key, f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}").hex()


def signed(
    keys: Keys,
    host: str,
    service: str,
    *,
    method: str = "POST",
    path: str = "/",
    query: str = "",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    region: str = "us-east-1",
    age_s: float = 0,
) -> Raw:
    """A right request of `keys`, signed `age_s` seconds ago. path, query: in canonical form."""
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - age_s))
    sent = {"host": host, "x-amz-date": at} | {name.lower(): v for name, v in (headers or {}).items()}
    if keys.session_token:
        sent["x-amz-security-token"] = keys.session_token
    names = sorted(sent)
    lines = [method, path, query, *(f"{name}:{sent[name]}" for name in names), "", ";".join(names)]
    proof = signature(keys, at, region, service, "\n".join([*lines, hashlib.sha256(body).hexdigest()]))
    credential = f"{keys.access_key_id}/{at[:8]}/{region}/{service}/aws4_request"
    claim = f"Credential={credential}, SignedHeaders={';'.join(names)}, Signature={proof}"
    return Raw(method, path, query, [*sent.items(), ("authorization", f"AWS4-HMAC-SHA256 {claim}")], body)


def presigned(keys: Keys, host: str, service: str, parameters: dict[str, str], age_s: float = 0) -> Raw:
    """A right presigned GET that is valid for a minute after it was signed."""
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - age_s))
    every = parameters | {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.access_key_id}/{at[:8]}/us-east-1/{service}/aws4_request",
        "X-Amz-Date": at,
        "X-Amz-Expires": "60",
        "X-Amz-SignedHeaders": "host",
    }
    if keys.session_token:
        every["X-Amz-Security-Token"] = keys.session_token
    query = "&".join(f"{quote(name, '')}={quote(value, '')}" for name, value in sorted(every.items()))
    canonical = "\n".join(["GET", "/", query, f"host:{host}", "", "host", hashlib.sha256(b"").hexdigest()])
    proof = signature(keys, at, "us-east-1", service, canonical)
    return Raw("GET", "/", f"{query}&X-Amz-Signature={proof}", [("host", host)], b"")


def send(server: ServerProcess, request: Raw) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        target = f"{request.path}?{request.query}" if request.query else request.path
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(request.body)))
        connection.endheaders(request.body)
        response = connection.getresponse()
        request_id = response.getheader("x-amzn-RequestId") or ""
        return Answer(response.status, request_id, response.read().decode(errors="replace"))
    finally:
        connection.close()
