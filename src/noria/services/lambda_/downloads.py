"""Code.Location: URLs from which a package can be fetched for ten minutes, without credentials."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets

from noria.clock import Clock
from noria.http.types import Request, Response
from noria.services.lambda_.package import PackageStore

PREFIX = "/_noria/code/"
VALID_S = 600  # as AWS's presigned URLs of S3
DIGEST = re.compile(r"[0-9a-f]{64}")
QUERY = re.compile(r"expires=(\d{1,12})&signature=([0-9a-f]{64})")
FORBIDDEN = Response(403, b"Request has expired or was not signed here.\n", [("Content-Type", "text/plain")])


class Downloads:
    """The URLs are of one run of the server: its key is in no file."""

    def __init__(self, packages: PackageStore, clock: Clock) -> None:
        self._packages = packages
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def url(self, base_url: str, sha256: str) -> str:
        expires_s = self._clock.now_ms() // 1000 + VALID_S
        return (
            f"{base_url}{PREFIX}{sha256}?expires={expires_s}&signature={self._sign(sha256, str(expires_s))}"
        )

    def _sign(self, sha256: str, expires: str) -> str:
        return hmac.new(self._key, f"{sha256}/{expires}".encode(), hashlib.sha256).hexdigest()

    async def handle(self, request: Request) -> Response:
        sha256 = request.path.removeprefix(PREFIX)
        query = QUERY.fullmatch(request.query)
        if request.method != "GET" or query is None or not DIGEST.fullmatch(sha256):
            return FORBIDDEN
        expires, signature = query.groups()
        is_signed = hmac.compare_digest(signature, self._sign(sha256, expires))
        if not is_signed or int(expires) < self._clock.now_ms() // 1000:
            return FORBIDDEN
        data = await asyncio.to_thread(self._packages.read_zip, sha256)
        if data is None:
            return Response(404, b"The package is gone.\n", [("Content-Type", "text/plain")])
        return Response(200, data, [("Content-Type", "application/zip")])
