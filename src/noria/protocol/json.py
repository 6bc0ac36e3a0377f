"""JSON 1.0 and 1.1: the operation in ``X-Amz-Target``, the members in the body (SQS, CloudWatch Logs)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from noria.errors import AwsError
from noria.http.types import Request, Response, StreamedResponse
from noria.protocol import eventstream, jsonvalues
from noria.protocol.codec import Route
from noria.protocol.errors import unknown_operation
from noria.protocol.models import Member, Operation, ServiceModel, Shape

# Errors of the frame around the services write their text as ``Message``; so AWS does, errors of the services
# and of signatures write what their shape says, ``message`` mostly.
_CAPITAL_MESSAGE = frozenset({"AccessDeniedException", "SerializationException"})

Members = Callable[[Mapping[str, Any]], dict[str, Any]]
Written = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class JsonCodec:
    """See `codec.Codec`."""

    protocol = "json"

    def __init__(self, service: ServiceModel) -> None:
        self.service = service
        self._content_type = f"application/x-amz-json-{service.json_version}"
        self._readers = jsonvalues.Readers()
        self._writers = jsonvalues.Writers()
        self._decoders: dict[str, Members] = {}
        self._encoders: dict[str, Written] = {}
        self._routes: dict[str, Route] = {}

    def route(self, request: Request) -> Route:
        target = request.headers.get("x-amz-target", "")
        route = self._routes.get(target)
        if route is None:
            prefix, _, name = target.rpartition(".")
            operation = self.service.operation(name)
            if operation is None or prefix != self.service.target_prefix:
                raise unknown_operation(400)
            route = self._routes[target] = Route(operation, {})
        return route

    def decode(self, request: Request, operation: Operation, uri_params: Mapping[str, str]) -> dict[str, Any]:
        decoder = self._decoders.get(operation.name)
        if decoder is None:
            decoder = self._readers.members(operation.arguments.items())
            self._decoders[operation.name] = decoder
        return decoder(jsonvalues.parse(request.body))

    def encode(self, operation: Operation, result: Mapping[str, Any], request_id: str) -> Response:
        if operation.output is None:
            return self._response(200, b"", request_id)
        encoder = self._encoders.get(operation.name)
        if encoder is None:
            if (stream := _event_stream(operation.output)) is not None:
                return self._streamed(stream, result, request_id)
            encoder = self._writers.members(operation.output.members.values())
            self._encoders[operation.name] = encoder
        return self._response(200, jsonvalues.encode(encoder(result)), request_id)

    def _streamed(self, stream: Member, result: Mapping[str, Any], request_id: str) -> StreamedResponse:
        """result: the stream, an asynchronous generator of events. No service of ours has other members."""
        exceptions = {name for name, event in stream.shape.members.items() if event.shape.exception}
        events: AsyncGenerator[Mapping[str, Any], None] = result[stream.name]

        async def parts() -> AsyncGenerator[bytes, None]:
            async with contextlib.aclosing(events):
                yield eventstream.initial_response({})
                async for event in events:
                    yield eventstream.encoded([event], exceptions)

        headers = [("x-amzn-RequestId", request_id), ("Content-Type", eventstream.CONTENT_TYPE)]
        return StreamedResponse(200, parts(), headers)

    def encode_error(self, error: AwsError, request_id: str) -> Response:
        shape = self.service.error_shape(error.code)
        body: dict[str, Any] = {"__type": self._type(error.code, shape is not None)}
        if error.message:
            capital = "Message" in shape.members if shape else error.code in _CAPITAL_MESSAGE
            body["Message" if capital else "message"] = error.message
        body.update((name, value) for name, value in error.members.items() if value is not None)
        status = error.status
        if status < 500 and not self.service.query_compatible:
            status = 400  # the only one that JSON services know
        response = self._response(status, jsonvalues.encode(body), request_id)
        if self.service.query_compatible:
            header = ("x-amzn-query-error", f"{error.query_code};{error.fault}")
            response.headers = [*response.headers, header]
        return response

    def _type(self, code: str, modelled: bool) -> str:
        """JSON 1.0 names the error's namespace, JSON 1.1 does not."""
        if self.service.json_version != "1.0":
            return code
        namespace = f"com.amazonaws.{self.service.name}" if modelled else "com.amazon.coral.service"
        return f"{namespace}#{code}"

    def _response(self, status: int, body: bytes, request_id: str) -> Response:
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", self._content_type)]
        return Response(status, body, headers)


def _event_stream(output: Shape) -> Member | None:
    return next((member for member in output.members.values() if member.shape.eventstream), None)
