"""Smithy RPC v2 in CBOR: the operation in the path, the members in the body (CloudWatch, newer SDKs).

https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from noria.errors import AwsError
from noria.http.types import Request, Response
from noria.protocol import cbor, jsonvalues
from noria.protocol.codec import Route
from noria.protocol.errors import unknown_operation
from noria.protocol.models import Operation, ServiceModel, Shape

PATH = "/service/"  # then the service, /operation/, and the operation


class RpcV2CborCodec:
    """See `codec.Codec`."""

    protocol = "json"  # whose names the errors have

    def __init__(self, service: ServiceModel) -> None:
        self.service = service
        self._prefix = f"{PATH}{service.target_prefix}/operation/"
        self._readers = jsonvalues.Readers()
        self._writers = _CborWriters()

    def route(self, request: Request) -> Route:
        operation = None
        if request.path.startswith(self._prefix) and request.method == "POST":
            operation = self.service.operation(request.path.removeprefix(self._prefix))
        if operation is None:
            raise unknown_operation(404)
        return Route(operation, {})

    def decode(self, request: Request, operation: Operation, uri_params: Mapping[str, str]) -> dict[str, Any]:
        return self._readers.members(operation.arguments.items())(cbor.parse(request.body))

    def encode(self, operation: Operation, result: Mapping[str, Any], request_id: str) -> Response:
        if operation.output is None:
            return _response(200, b"", request_id)
        write = self._writers.members(operation.output.members.values())
        return _response(200, cbor.encode(write(result)), request_id)

    def encode_error(self, error: AwsError, request_id: str) -> Response:
        body: dict[str, Any] = {"__type": error.code, "message": error.message}
        response = _response(error.status, cbor.encode(body), request_id)
        query_error = ("x-amzn-query-error", f"{error.query_code};{error.fault}")
        response.headers = [*response.headers, query_error]
        return response


class _CborWriters(jsonvalues.Writers):
    """Times and floating numbers are types of their own in CBOR."""

    def writer(self, shape: Shape) -> Callable[[Any], Any] | None:
        if shape.type == "timestamp":
            return cbor.Time
        return float if shape.type in ("double", "float") else super().writer(shape)


def _response(status: int, body: bytes, request_id: str) -> Response:
    headers = [("x-amzn-RequestId", request_id), ("smithy-protocol", "rpc-v2-cbor")]
    if body:
        headers.append(("Content-Type", "application/cbor"))
    return Response(status, body, headers)
