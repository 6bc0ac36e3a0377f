"""What a protocol does for a service: find the operation, read its input, write its output or its error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from noria.errors import AwsError
from noria.http.types import Request, Response
from noria.protocol.models import Operation, ServiceModel


class Route:
    """Which operation a request is for. uri_params: the path's parameters, decoded, by their wire name."""

    __slots__ = ("operation", "uri_params")

    def __init__(self, operation: Operation, uri_params: Mapping[str, str]) -> None:
        self.operation = operation
        self.uri_params = uri_params


class Codec(Protocol):
    """One service in one protocol. `identify.Identifier.codec` finds the one for a request.

    protocol: ``json``, ``query`` or ``rest-json``, for `auth.sigv4`, whose error codes differ by it.
    service: the model; its name is the one that credentials must be scoped to.
    """

    @property
    def protocol(self) -> str: ...

    @property
    def service(self) -> ServiceModel: ...

    def route(self, request: Request) -> Route:
        """Raises AwsError for an operation that the service does not have."""

    def decode(self, request: Request, operation: Operation, uri_params: Mapping[str, str]) -> dict[str, Any]:
        """The api method's keyword arguments (not validated yet, see `validate`).

        Keys are `Operation.arguments`; nested structures keep the model's member names; blobs are bytes,
        timestamps float seconds. Members absent or null are left out. Raises AwsError
        (SerializationException).
        """

    def encode(self, operation: Operation, result: Mapping[str, Any], request_id: str) -> Response:
        """result: by the output's member names; None is not sent."""

    def encode_error(self, error: AwsError, request_id: str) -> Response: ...
