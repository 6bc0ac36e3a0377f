"""REST-JSON: operation and members in method, path, query, headers and a JSON or raw body (Lambda)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from noria.errors import AwsError
from noria.http.types import Request, Response, StreamedResponse
from noria.protocol import eventstream, jsonvalues
from noria.protocol.codec import Route
from noria.protocol.errors import serialization, unknown_operation
from noria.protocol.models import Member, Operation, ServiceModel, Shape
from noria.protocol.paths import PathMatcher

Read = Callable[[Request, Mapping[str, str]], dict[str, Any]]
Text = Callable[[str], Any]


class RestJsonCodec:
    """See `codec.Codec`."""

    protocol = "rest-json"

    def __init__(self, service: ServiceModel) -> None:
        self.service = service
        self._matcher = PathMatcher(service.operation_uris())
        self._readers = jsonvalues.Readers()
        self._writers = jsonvalues.Writers()
        self._decoders: dict[str, Read] = {}
        self._encoders: dict[str, Callable[[Mapping[str, Any]], Response]] = {}

    def route(self, request: Request) -> Route:
        found = self._matcher.match(request.method, request.path, request.query)
        operation = self.service.operation(found[0]) if found else None
        if found is None or operation is None:
            raise unknown_operation(404)
        return Route(operation, found[1])

    def decode(self, request: Request, operation: Operation, uri_params: Mapping[str, str]) -> dict[str, Any]:
        decoder = self._decoders.get(operation.name)
        if decoder is None:
            decoder = self._decoders[operation.name] = self._decoder(operation)
        return decoder(request, uri_params)

    def encode(self, operation: Operation, result: Mapping[str, Any], request_id: str) -> Response:
        encoder = self._encoders.get(operation.name)
        if encoder is None:
            encoder = self._encoders[operation.name] = self._encoder(operation)
        response = encoder(result)
        response.headers = [("x-amzn-RequestId", request_id), *response.headers]
        return response

    def encode_error(self, error: AwsError, request_id: str) -> Response:
        shape = self.service.error_shape(error.code)
        members = shape.members if shape else {}
        body: dict[str, Any] = {}
        if "Type" in members:
            body["Type"] = "User" if error.status < 500 else "Service"
        if error.message:
            capital = "Message" in members or error.code == "AccessDeniedException"
            body["Message" if capital else "message"] = error.message
        body.update(error.members)
        headers = [
            ("x-amzn-RequestId", request_id),
            ("x-amzn-ErrorType", error.code),
            ("Content-Type", "application/json"),
        ]
        sent = {name: value for name, value in body.items() if value is not None}
        return Response(error.status, jsonvalues.encode(sent), headers)

    # Requests

    def _decoder(self, operation: Operation) -> Read:
        members = operation.arguments
        reads = [self._located(name, m) for name, m in members.items() if m.location]
        read_body = self._body_reader(operation.input, members)

        def read(request: Request, uri_params: Mapping[str, str]) -> dict[str, Any]:
            query = _query(request.query)
            result = read_body(request.body)
            for name, read_member in reads:
                value = read_member(request, uri_params, query)
                if value is not None:
                    result[name] = value
            return result

        return read

    @staticmethod
    def _located(
        name: str, member: Member
    ) -> tuple[str, Callable[[Request, Mapping[str, str], Mapping[str, list[str]]], Any]]:
        wire_name, shape = member.wire_name, member.shape
        if member.location == "querystring" and shape.type == "list":
            assert shape.element is not None
            convert = _text_reader(shape.element.shape)
            return (
                name,
                lambda request, uri, query: (
                    [convert(text) for text in query[wire_name]] if wire_name in query else None
                ),
            )
        convert = _text_reader(shape)
        if shape.type == "timestamp" and member.location != "querystring":
            raise NotImplementedError(f"a timestamp in {member.location}")
        if member.location == "querystring":
            return (
                name,
                lambda request, uri, query: convert(query[wire_name][0]) if wire_name in query else None,
            )
        if member.location == "uri":
            return name, lambda request, uri, query: convert(uri[wire_name])
        header = wire_name.lower()
        return (
            name,
            lambda request, uri, query: (
                convert(request.headers[header]) if header in request.headers else None
            ),
        )

    def _body_reader(
        self, shape: Shape | None, members: Mapping[str, Member]
    ) -> Callable[[bytes], dict[str, Any]]:
        if shape is None:
            return lambda body: {}
        if shape.payload:
            payload = next(name for name, m in members.items() if m.name == shape.payload)
            if shape.members[shape.payload].shape.type == "blob":
                return lambda body: {payload: body} if body else {}
            read_payload = self._readers.reader(shape.members[shape.payload].shape)
            return lambda body: {payload: read_payload(_document(body))} if body else {}
        in_body = [(name, m) for name, m in members.items() if not m.location]
        if not in_body:
            return lambda body: {}
        read_members = self._readers.members(in_body)
        return lambda body: read_members(_document(body)) if body else {}

    # Answers

    def _encoder(self, operation: Operation) -> Callable[[Mapping[str, Any]], Response]:
        shape, status = operation.output, operation.response_code
        if shape is None:
            return lambda result: Response(status, b"", [("Content-Type", "application/json")])
        in_headers = [(m.name, m.wire_name) for m in shape.members.values() if m.location == "header"]
        status_name = next((m.name for m in shape.members.values() if m.location == "statusCode"), "")
        write_body = self._body_writer(shape)
        streams = bool(shape.payload) and shape.members[shape.payload].shape.eventstream
        content_type = eventstream.CONTENT_TYPE if streams else "application/json"

        def encode(result: Mapping[str, Any]) -> Response:
            headers = [("Content-Type", content_type)]
            for name, header in in_headers:
                value = result.get(name)
                if value is not None:
                    headers.append((header, _header_text(value)))
            if streams and isinstance(events := result.get(shape.payload), AsyncGenerator):
                return StreamedResponse(result.get(status_name) or status, _encoded(events), headers)
            return Response(result.get(status_name) or status, write_body(result), headers)

        return encode

    def _body_writer(self, shape: Shape) -> Callable[[Mapping[str, Any]], bytes]:
        payload = shape.payload
        if payload:
            if shape.members[payload].shape.type == "blob":
                return lambda result: result.get(payload) or b""
            if shape.members[payload].shape.eventstream:
                return lambda result: eventstream.encoded(result.get(payload) or ())
            write = self._writers.members(shape.members[payload].shape.members.values())
            return lambda result: jsonvalues.encode(write(result.get(payload) or {}))
        in_body = [m for m in shape.members.values() if not m.location]
        elsewhere = frozenset(m.name for m in shape.members.values() if m.location)
        if not in_body:
            return lambda result: b""
        write_members = self._writers.members(in_body)
        if not elsewhere:
            return lambda result: jsonvalues.encode(write_members(result))
        return lambda result: jsonvalues.encode(
            write_members({name: value for name, value in result.items() if name not in elsewhere})
        )


async def _encoded(events: AsyncGenerator[Mapping[str, Any], None]) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(events):
        async for event in events:
            yield eventstream.encoded([event])


def _document(body: bytes) -> dict[str, Any]:
    """Raises AwsError as Lambda words it."""
    try:
        return jsonvalues.parse(body)
    except AwsError as error:
        if error.message:
            raise
        text = "Could not parse request body into json: the body is not a JSON document"
        raise AwsError("InvalidRequestContentException", text) from error


def _query(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if text:
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=1000)
        except ValueError as error:
            raise serialization("The query string is not UTF-8 or has too many parameters") from error
        for name, value in pairs:
            found.setdefault(name, []).append(value)
    return found


def _text_reader(shape: Shape) -> Text:
    """Values of paths, queries and headers are texts, whatever their type."""
    if shape.type in {"integer", "long"}:
        return _integer
    if shape.type == "boolean":
        return _boolean
    if shape.type == "timestamp":
        return _timestamp
    if shape.type != "string":
        raise NotImplementedError(f"{shape.type} in a path, query or header")
    return lambda text: text


def _integer(text: str) -> int:
    try:
        return int(text) if len(text) < 20 else int("-")
    except ValueError as error:
        raise serialization("STRING_VALUE can not be converted to an Integer") from error


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise serialization("STRING_VALUE can not be converted to a Boolean")
    return text.lower() == "true"


def _timestamp(text: str) -> float:
    """As query strings have it, ISO 8601."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise serialization("STRING_VALUE can not be converted to a Timestamp") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _header_text(value: Any) -> str:
    if value.__class__ is bool:
        return "true" if value else "false"
    return str(value)
