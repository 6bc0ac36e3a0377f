"""SQS in the Query protocol, which SDKs spoke until 2023 and `curl` still does.

botocore's model says only what JSON needs; the names that forms and XML have are those of the API reference's
examples (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from noria.http.types import Request
from noria.protocol.codec import Route
from noria.protocol.models import Operation, ServiceModel, load_definition
from noria.protocol.query import QueryCodec

QUEUE_PATH = re.compile(r"/\d{12}/[A-Za-z0-9_.-]{1,80}")
NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"
# Lists are flattened: ``Attributes`` is sent as ``Attribute.1.Name``, ``Entries`` under their shape's name.
MEMBERS = {
    "AWSAccountIds": "AWSAccountId",
    "Actions": "ActionName",
    "AttributeNames": "AttributeName",
    "Attributes": "Attribute",
    "BinaryListValues": "BinaryListValue",
    "MessageAttributeNames": "MessageAttributeName",
    "MessageAttributes": "MessageAttribute",
    "MessageSystemAttributeNames": "MessageSystemAttributeName",
    "MessageSystemAttributes": "MessageSystemAttribute",
    "Messages": "Message",
    "QueueUrls": "QueueUrl",
    "StringListValues": "StringListValue",
    "TagKeys": "TagKey",
    "Tags": "Tag",
    "queueUrls": "QueueUrl",
    "tags": "Tag",
}
OF_THEIR_SHAPE = frozenset(("Entries", "Failed", "Results", "Successful"))


@cache
def load_sqs_query() -> ServiceModel:
    """SQS's model with what the Query protocol needs."""
    definition = load_definition("sqs")
    metadata = {**definition["metadata"], "protocol": "query", "xmlNamespace": NAMESPACE}
    shapes = definition["shapes"]
    patched = {name: _shape(shape, shapes) for name, shape in shapes.items()}
    return ServiceModel("sqs", {**definition, "metadata": metadata, "shapes": patched})


def _shape(shape: Mapping[str, Any], shapes: Mapping[str, Any]) -> Mapping[str, Any]:
    if shape["type"] == "list":
        return {**shape, "flattened": True}
    if shape["type"] == "map":
        key, value = ("Key", "Value") if shape["key"]["shape"] == "TagKey" else ("Name", "Value")
        return {
            **shape,
            "flattened": True,
            "key": {**shape["key"], "locationName": key},
            "value": {**shape["value"], "locationName": value},
        }
    members = {name: _member(name, member, shapes) for name, member in shape.get("members", {}).items()}
    return {**shape, "members": members}


def _member(name: str, member: Mapping[str, Any], shapes: Mapping[str, Any]) -> Mapping[str, Any]:
    if name in OF_THEIR_SHAPE:
        wire_name = shapes[member["shape"]]["member"]["shape"]
    else:
        wire_name = MEMBERS.get(name, name)
    return {**member, "locationName": wire_name}


class SqsQueryCodec(QueryCodec):
    """See `codec.Codec`. The queue may be named by the request's path instead of ``QueueUrl``."""

    def __init__(self) -> None:
        super().__init__(load_sqs_query())

    def decode(self, request: Request, operation: Operation, uri_params: Mapping[str, str]) -> dict[str, Any]:
        arguments = super().decode(request, operation, uri_params)
        if "queue_url" in operation.arguments and request.path != "/":
            arguments.setdefault("queue_url", unquote(request.path))
        return arguments

    def route(self, request: Request) -> Route:
        """The version may be left out: there is one only."""
        return self._route(request, default_version=self.service.api_version)
