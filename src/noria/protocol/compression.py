"""Requests that come compressed, as SDKs send large ones of the operations that the models mark so."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from noria.errors import AwsError
from noria.http.types import Request, Response
from noria.protocol.codec import Codec, Route
from noria.protocol.errors import serialization
from noria.protocol.models import Operation

MAX_INFLATED_BYTES = 1 << 20  # PutMetricData's limit (API reference), the only one that is compressed
GZIP = 16 + zlib.MAX_WBITS


class Inflating:
    """A codec before which bodies with ``Content-Encoding: gzip`` are inflated; the signature is of them
    as they were sent."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.protocol = codec.protocol
        self.service = codec.service

    def route(self, request: Request) -> Route:
        return self._codec.route(inflated(request))

    def decode(self, request: Request, operation: Operation, uri_params: Mapping[str, str]) -> dict[str, Any]:
        return self._codec.decode(inflated(request), operation, uri_params)

    def encode(self, operation: Operation, result: Mapping[str, Any], request_id: str) -> Response:
        return self._codec.encode(operation, result, request_id)

    def encode_error(self, error: AwsError, request_id: str) -> Response:
        return self._codec.encode_error(error, request_id)


def inflated(request: Request) -> Request:
    """The request with its body as it was before compression. Raises AwsError."""
    encoding = request.headers.get("content-encoding", "")
    if "gzip" not in encoding:  # the only one that SDKs send
        return request
    inflater = zlib.decompressobj(GZIP)
    try:
        body = inflater.decompress(request.body, MAX_INFLATED_BYTES + 1)
    except zlib.error as error:
        raise serialization("The body is not gzip") from error
    if len(body) > MAX_INFLATED_BYTES:
        text = f"The request is longer than {MAX_INFLATED_BYTES} bytes"
        raise AwsError("RequestEntityTooLarge", text, 413)
    if not inflater.eof:
        raise serialization("The body is not gzip")
    return Request(request.method, request.path, request.query, request.headers, body, request.peer)
