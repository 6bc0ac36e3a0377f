"""What botocore sends is read whole, and what is written is what botocore reads, for every operation."""

from __future__ import annotations

import datetime
import io
from typing import Any
from urllib.parse import urlsplit

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.errors import AwsError
from noria.http.types import Request
from noria.protocol.codec import Codec
from noria.protocol.identify import Identifier
from noria.protocol.models import DIRECTORIES

SERVICES = ("sqs", "lambda", "iam", "sts", "logs", "monitoring")
# Event streams have no single answer; they are none of the operations that are served.
STREAMED = {"InvokeWithResponseStream", "StartLiveTail", "GetLogObject"}

loader = botocore.loaders.Loader()
models = {
    name: botocore.model.ServiceModel(
        loader.load_service_model(DIRECTORIES.get(name, name), "service-2"), name
    )
    for name in SERVICES
}
identifier = Identifier(SERVICES)
CBOR = "smithy-rpc-v2-cbor"
protocols = {name: [models[name].metadata["protocol"]] for name in SERVICES}
protocols["monitoring"] = ["json", "query", CBOR]
spoken = [(service, protocol) for service in SERVICES for protocol in protocols[service]]
operations = [
    (service, protocol, operation)
    for service, protocol in spoken
    for operation in models[service].operation_names
    if operation not in STREAMED
]

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
words = st.text("abcXYZ019-_:$/ é+%", min_size=1, max_size=8).map(lambda text: text.strip() or "x")
visible = st.from_regex("[!-~]{1,9}", fullmatch=True)


def values(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Anything that the shape can hold; constraints are the validator's affair."""
    kind = shape.type_name
    if kind == "structure":
        if depth > 4:
            return st.just({})
        if shape.is_tagged_union:
            one_each = [
                st.fixed_dictionaries({name: values(member, depth + 1)})
                for name, member in shape.members.items()
            ]
            return st.one_of(*one_each)
        return st.fixed_dictionaries(
            {}, optional={name: values(member, depth + 1) for name, member in shape.members.items()}
        )
    if kind == "list":
        return st.lists(values(shape.member, depth + 1), min_size=1, max_size=3)
    if kind == "map":
        return st.dictionaries(words, values(shape.value, depth + 1), min_size=1, max_size=3)
    if kind == "string":
        return texts
    if kind in {"integer", "long"}:
        return st.integers(-(2**31), 2**31 - 1)
    if kind in {"float", "double"}:
        return st.floats(allow_nan=False, allow_infinity=False, width=32)
    if kind == "boolean":
        return st.booleans()
    if kind == "blob":
        return st.binary(max_size=8)
    assert kind == "timestamp"
    return st.integers(0, 2**31).map(lambda s: datetime.datetime.fromtimestamp(s, datetime.UTC))


def inputs(operation: Any) -> st.SearchStrategy[dict[str, Any]]:
    shape = operation.input_shape
    if shape is None:
        return st.just({})
    strategies: dict[str, st.SearchStrategy[Any]] = {}
    for name, member in shape.members.items():
        location, kind = member.serialization.get("location"), member.type_name
        if location == "uri" and kind == "string":
            strategies[name] = words
        elif location == "header" and kind == "string":
            strategies[name] = visible
        elif name == shape.serialization.get("payload") and kind == "blob":
            strategies[name] = st.binary(min_size=1, max_size=20)  # an empty one is no payload
        else:
            strategies[name] = values(member)
    uri = {name for name, m in shape.members.items() if m.serialization.get("location") == "uri"}
    return st.fixed_dictionaries(
        {name: s for name, s in strategies.items() if name in uri},
        optional={name: s for name, s in strategies.items() if name not in uri},
    )


def codec_of(service: str, protocol: str) -> Codec:
    if service != "monitoring":
        return identifier._codecs[service]
    target = Request("POST", "/", "", {"x-amz-target": "GraniteServiceVersion20100801.X"}, b"")
    form = Request("POST", "/", "", {}, b"Action=X&Version=2010-08-01")
    path = Request("POST", "/service/GraniteServiceVersion20100801/operation/X", "", {}, b"")
    return identifier.codec({"json": target, "query": form, CBOR: path}[protocol])


def sent_by_botocore(service: str, protocol: str, operation: Any, parameters: dict[str, Any]) -> Request:
    serializer = botocore.serialize.create_serializer(protocol, False)
    made = serializer.serialize_to_request(parameters, operation)
    url = f"http://h{made['url_path']}"
    request = AWSRequest(
        made["method"], url, made["headers"], made["body"], params=made["query_string"] or {}
    ).prepare()
    parts = urlsplit(request.url)
    headers = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential=A/1/r/{service}/aws4_request, X=y"
    body = request.body or b""
    raw = body.encode() if isinstance(body, str) else body
    return Request(made["method"], parts.path, parts.query, headers, raw)


def plain(value: Any) -> Any:
    """As api methods have it: timestamps are seconds."""
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def without_empty(value: Any) -> Any:
    """XML cannot tell an empty list or structure from none at all."""
    if isinstance(value, dict):
        cleaned = {name: without_empty(item) for name, item in value.items()}
        return {name: item for name, item in cleaned.items() if item not in ({}, [])}
    if isinstance(value, list):
        return [item for item in (without_empty(element) for element in value) if item not in ({}, [])]
    return value


def test_every_operation_is_found_by_what_botocore_sends() -> None:
    for service, protocol, name in operations:
        operation = models[service].operation_model(name)
        shape = operation.input_shape
        uri = {
            member: 7 if inner.type_name in {"integer", "long"} else "arn:aws:x:1:2:a/b"
            for member, inner in (shape.members.items() if shape else ())
            if inner.serialization.get("location") == "uri"
        }
        request = sent_by_botocore(service, protocol, operation, uri)
        codec = identifier.codec(request)
        route = codec.route(request)
        assert (codec.service.name, route.operation.name) == (service, name)
        decoded = codec.decode(request, route.operation, route.uri_params)
        assert {member: decoded[xform_name(member)] for member in uri} == uri


@settings(max_examples=400, derandomize=True, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_every_request_is_read_whole(data: st.DataObject) -> None:
    service, protocol, name = data.draw(st.sampled_from(operations))
    operation = models[service].operation_model(name)
    parameters = data.draw(inputs(operation))
    request = sent_by_botocore(service, protocol, operation, parameters)
    codec = identifier.codec(request)
    route = codec.route(request)
    decoded = codec.decode(request, route.operation, route.uri_params)
    expected = {xform_name(member): plain(value) for member, value in parameters.items()}
    if codec.protocol != "json":  # forms and payloads cannot tell an empty structure from none
        decoded, expected = without_empty(decoded), without_empty(expected)
    for member in operation.idempotent_members:  # botocore fills them in
        if member not in parameters:
            decoded.pop(xform_name(member), None)
    assert decoded == expected


@settings(max_examples=400, derandomize=True, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_every_answer_is_read_by_botocore_as_it_was_meant(data: st.DataObject) -> None:
    service, protocol, name = data.draw(st.sampled_from(operations))
    operation = models[service].operation_model(name)
    codec = codec_of(service, protocol)
    shape = operation.output_shape
    result = data.draw(outputs(shape)) if shape is not None else {}
    ours = codec.service.operation(name)
    assert ours is not None
    absent = dict.fromkeys(shape.members if shape is not None else ())
    response = codec.encode(ours, {**absent, **plain(result)}, "request-1")
    parser = botocore.parsers.create_parser(protocol)
    headers = botocore.awsrequest.HeadersDict(response.headers)
    body = io.BytesIO(response.body) if operation.has_streaming_output else response.body
    raw = {"headers": headers, "status_code": response.status, "body": body}
    parsed = parser.parse(raw, shape)
    metadata = parsed.pop("ResponseMetadata")
    if shape is not None or protocol != CBOR:  # of which botocore does not read empty answers
        assert metadata["RequestId"] == "request-1"
    if operation.has_streaming_output and "payload" in shape.serialization:
        payload = shape.serialization["payload"]
        parsed[payload] = parsed[payload].read()
        result.setdefault(payload, b"")
    for member, inner in shape.members.items() if shape is not None else ():
        if inner.serialization.get("location") == "statusCode":
            result[member] = response.status
    assert without_empty(parsed) == without_empty(result)


def outputs(shape: Any) -> st.SearchStrategy[dict[str, Any]]:
    members = {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        if location == "header":
            members[name] = visible if member.type_name == "string" else values(member)
        elif location == "statusCode":
            members[name] = st.sampled_from([200, 202, 204])
        elif name == shape.serialization.get("payload") and member.type_name == "blob":
            members[name] = st.binary(max_size=20)
        else:
            members[name] = values(member)
    return st.fixed_dictionaries({}, optional=members)


@pytest.mark.parametrize(("service", "protocol"), spoken)
def test_an_error_is_read_by_botocore_as_it_was_meant(service: str, protocol: str) -> None:
    codec = codec_of(service, protocol)
    text = "User: x is not <allowed> & so on"
    error = AwsError("AccessDeniedException", text, 403, query_code="AccessDenied")
    response = codec.encode_error(error, "request-1")
    parser = botocore.parsers.create_parser(protocol)
    raw = {
        "headers": botocore.awsrequest.HeadersDict(response.headers),
        "status_code": response.status,
        "body": response.body,
    }
    name = next(iter(models[service].operation_names))
    parsed = parser.parse(raw, models[service].operation_model(name).output_shape)
    code = "AccessDenied" if service in {"sqs", "iam", "sts", "monitoring"} else "AccessDeniedException"
    assert parsed["Error"]["Code"] == code
    assert parsed["Error"]["Message"] == text
    assert parsed["ResponseMetadata"]["RequestId"] == "request-1"
