"""Which service, in which protocol, a request is for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from noria.errors import AwsError, not_implemented
from noria.http.types import Request, Response
from noria.protocol.codec import Codec, Route
from noria.protocol.compression import Inflating
from noria.protocol.errors import unknown_operation
from noria.protocol.json import JsonCodec
from noria.protocol.models import Operation, ServiceModel, load_service
from noria.protocol.query import QueryCodec
from noria.protocol.restjson import RestJsonCodec
from noria.protocol.rpccbor import PATH, RpcV2CborCodec
from noria.protocol.sqs_query import QUEUE_PATH, SqsQueryCodec

_CODECS: dict[str, type[JsonCodec | QueryCodec | RestJsonCodec]] = {
    "json": JsonCodec,
    "query": QueryCodec,
    "rest-json": RestJsonCodec,
}
# The scope of a credential, in the Authorization header or, percent-encoded, in a presigned URL.
_SCOPE = re.compile(
    r"Credential=[^/,&]*(?:/|%2F)[^/,&%]*(?:/|%2F)[^/,&%]*(?:/|%2F)([a-z0-9-]{1,64})(?:/|%2F)"
)
_DATED_PATH = re.compile(r"/\d{4}-\d\d-\d\d/")
_VERSION = re.compile(rb"(?:^|[&?])Version=(\d{4}-\d\d-\d\d)")


class Identifier:
    """Finds a request's codec among the services that are served."""

    def __init__(self, services: Iterable[str]) -> None:
        self._codecs: dict[str, Codec] = {}  # by service name
        self._targets: dict[str, Codec] = {}  # by the prefix of X-Amz-Target
        self._versions: dict[str, Codec] = {}  # the Query protocol's, by API version
        self._rest: Codec | None = None  # whose paths begin with a date
        self._forms: SqsQueryCodec | None = None  # for who still speaks SQS's older protocol
        self._metrics: Codec | None = None  # CloudWatch in CBOR
        for name in services:
            service = load_service(name)
            if name == "monitoring":
                self._add_metrics(service)
                continue
            codec: Codec = _CODECS[service.protocol](service)
            self._codecs[name] = codec
            if service.protocol == "json":
                self._targets[service.target_prefix] = codec
                if service.query_compatible:
                    self._forms = self._versions[service.api_version] = SqsQueryCodec()
            elif service.protocol == "query":
                self._versions[service.api_version] = codec
            else:
                self._rest = codec

    def _add_metrics(self, service: ServiceModel) -> None:
        """CloudWatch: SDKs speak JSON 1.0 (boto3), CBOR (JavaScript) or, older ones, the Query protocol."""
        if service.target_prefix:  # older models know the Query protocol only
            self._metrics = Inflating(RpcV2CborCodec(service))
            self._targets[service.target_prefix] = Inflating(JsonCodec(service))
        query = Inflating(QueryCodec(service))
        self._codecs[service.name] = self._versions[service.api_version] = query

    def codec(self, request: Request) -> Codec:
        """Never raises: a request that is for none of the services gets a codec whose `route` refuses it.

        Usage: ``codec = identifier.codec(request)``; then, in one try whose AwsError `codec.encode_error`
        answers: ``route = codec.route(request)``, authenticate, ``codec.decode(...)``, ``validate(...)``.
        """
        target = request.headers.get("x-amz-target")
        if target is not None:
            codec = self._targets.get(target.rpartition(".")[0])
            if codec is not None:
                return codec
        if self._metrics is not None and request.path.startswith(PATH):
            return self._metrics
        scope = _scope(request)
        codec = self._codecs.get(scope)
        if codec is not None:
            return codec if target is not None else self._in_its_protocol(codec)
        if scope:
            return _refusing(scope, target is not None, not_implemented(f"The service {scope}"))
        if target is not None:
            return _refusing("", True, unknown_operation(400))
        return self._unsigned(request)

    def _in_its_protocol(self, codec: Codec) -> Codec:
        """SQS without a target is SQS's older protocol."""
        if self._forms is not None and self._forms.service.name == codec.service.name:
            return self._forms
        return codec

    def _unsigned(self, request: Request) -> Codec:
        if self._rest is not None and _DATED_PATH.match(request.path):
            return self._rest
        if self._forms is not None and QUEUE_PATH.fullmatch(request.path):
            return self._forms
        version = _VERSION.search(request.body) or _VERSION.search(request.query.encode("latin-1"))
        codec = self._versions.get(version[1].decode("ascii")) if version else None
        if codec is not None:
            return codec
        missing = AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        return _refusing("", False, missing)


def _scope(request: Request) -> str:
    """The service that the signature is for; "" where there is none."""
    found = _SCOPE.search(request.headers.get("authorization", "")) or (
        _SCOPE.search(request.query) if "X-Amz-Credential" in request.query else None
    )
    return found[1] if found else ""


class _Refusing:
    """A codec that refuses every request, in the form that its client understands."""

    def __init__(self, codec: Codec, error: AwsError) -> None:
        self._codec = codec
        self._error = error
        self.protocol = codec.protocol
        self.service = codec.service

    def route(self, request: Request) -> Route:
        raise self._error

    def decode(self, request: Request, operation: Operation, uri_params: Mapping[str, str]) -> dict[str, Any]:
        raise self._error

    def encode(self, operation: Operation, result: Mapping[str, Any], request_id: str) -> Response:
        raise self._error

    def encode_error(self, error: AwsError, request_id: str) -> Response:
        return self._codec.encode_error(error, request_id)


def _refusing(name: str, speaks_json: bool, error: AwsError) -> Codec:
    metadata = {"apiVersion": "", "protocol": "", "jsonVersion": "1.1"}
    service = ServiceModel(name, {"metadata": metadata, "operations": {}, "shapes": {}})
    return _Refusing(JsonCodec(service) if speaks_json else QueryCodec(service), error)
