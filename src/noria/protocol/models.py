"""botocore's service models, read as they are shipped: what every codec and validator is compiled from.

The JSON files are read directly (botocore.loaders alone takes 0.1 s to import); shapes and operations are
built when first asked for, so that a start pays for the files only.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from botocore import xform_name


class Member:
    """A member of a structure, or the element, key or value of a list or map.

    name: in the model (``QueueUrl``); empty for elements, keys and values.
    location: "" (body), ``uri``, ``querystring``, ``header``, ``headers`` or ``statusCode``.
    location_name: the model's ``locationName``, or "".
    """

    def __init__(self, service: ServiceModel, name: str, definition: Mapping[str, Any]) -> None:
        self._service = service
        self.name = name
        self.shape_name: str = definition["shape"]
        self.location: str = definition.get("location", "")
        self.location_name: str = definition.get("locationName", "")

    @cached_property
    def shape(self) -> Shape:
        return self._service.shape(self.shape_name)

    @property
    def wire_name(self) -> str:
        return self.location_name or self.name


class Shape:
    """One shape.

    type: structure, list, map, string, integer, long, float, double, boolean, blob or timestamp.
    """

    def __init__(self, service: ServiceModel, name: str, definition: Mapping[str, Any]) -> None:
        self.name = name
        self.type: str = definition["type"]
        self.members: dict[str, Member] = {
            member: Member(service, member, spec) for member, spec in definition.get("members", {}).items()
        }
        self.required: frozenset[str] = frozenset(definition.get("required", ()))
        self.payload: str = definition.get("payload", "")
        self.flattened: bool = definition.get("flattened", False)
        self.eventstream: bool = definition.get("eventstream", False)
        self.exception: bool = definition.get("exception", False)
        self.error: Mapping[str, Any] = definition.get("error", {})
        self.min: float | None = definition.get("min")
        self.max: float | None = definition.get("max")
        self.pattern: str | None = definition.get("pattern")
        self.enum: tuple[str, ...] = tuple(definition.get("enum", ()))
        self.sensitive: bool = definition.get("sensitive", False)
        self.element = self._part(service, definition, "member")
        self.key = self._part(service, definition, "key")
        self.value = self._part(service, definition, "value")

    @staticmethod
    def _part(service: ServiceModel, definition: Mapping[str, Any], part: str) -> Member | None:
        return Member(service, "", definition[part]) if part in definition else None


class Operation:
    """One operation. method_name: of the api's method (``send_message``).

    request_uri: REST's template (``/2015-03-31/functions/{FunctionName}``). response_code: REST's status.
    arguments: the api method's keyword (``queue_url``) → the input member.
    """

    def __init__(self, service: ServiceModel, name: str, definition: Mapping[str, Any]) -> None:
        self.service = service
        self.name = name
        self.method_name: str = xform_name(name)
        http = definition["http"]
        self.request_uri: str = http["requestUri"]
        self.response_code: int = http.get("responseCode", 200)
        self._input: str | None = definition.get("input", {}).get("shape")
        self._output: str | None = definition.get("output", {}).get("shape")
        self.result_wrapper: str = definition.get("output", {}).get("resultWrapper", "")

    @cached_property
    def input(self) -> Shape | None:
        return self.service.shape(self._input) if self._input else None

    @cached_property
    def output(self) -> Shape | None:
        return self.service.shape(self._output) if self._output else None

    @cached_property
    def arguments(self) -> dict[str, Member]:
        members = self.input.members.values() if self.input else ()
        return {xform_name(member.name): member for member in members}


class ServiceModel:
    """One service's model.

    name: as endpoints and credential scopes have it: ``sqs``, ``lambda``, ``iam``, ``sts``, ``logs``,
        ``monitoring`` (CloudWatch).
    protocol: ``json``, ``query``, ``rest-json`` or ``smithy-rpc-v2-cbor``; where there are several, any one.
    """

    def __init__(self, name: str, definition: Mapping[str, Any]) -> None:
        metadata = definition["metadata"]
        self.name = name
        self.api_version: str = metadata["apiVersion"]
        self.protocol: str = metadata["protocol"]
        self.json_version: str = metadata.get("jsonVersion", "")
        self.target_prefix: str = metadata.get("targetPrefix", "")
        self.xml_namespace: str = metadata.get("xmlNamespace", "")
        self.query_compatible: bool = "awsQueryCompatible" in metadata
        self._operations: Mapping[str, Any] = definition["operations"]
        self._shapes: Mapping[str, Any] = definition["shapes"]
        self._built_operations: dict[str, Operation] = {}
        self._built_shapes: dict[str, Shape] = {}

    def operation_names(self) -> Iterable[str]:
        return self._operations.keys()

    def operation_uris(self) -> Iterable[tuple[str, str, str]]:
        """Name, HTTP method and URI template of each operation, without building them."""
        for name, operation in self._operations.items():
            yield name, operation["http"]["method"], operation["http"]["requestUri"]

    def operation(self, name: str) -> Operation | None:
        """The operation; None where the model has none of that name."""
        built = self._built_operations.get(name)
        if built is None and name in self._operations:
            built = self._built_operations[name] = Operation(self, name, self._operations[name])
        return built

    def shape(self, name: str) -> Shape:
        built = self._built_shapes.get(name)
        if built is None:
            built = self._built_shapes[name] = Shape(self, name, self._shapes[name])
        return built

    def error_shape(self, code: str) -> Shape | None:
        """The shape of an error; None for what every service answers without declaring it."""
        if self._shapes.get(code, {}).get("exception"):
            return self.shape(code)
        return None


# Where botocore names a service otherwise than its credential scopes do.
DIRECTORIES = {"monitoring": "cloudwatch"}


def _data_dir() -> Path:
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("botocore, whose service models Noria reads, is not installed")
    return Path(spec.origin).parent / "data"


@cache  # a handful of services exists
def load_service(name: str) -> ServiceModel:
    """The newest version of a service's model. Raises FileNotFoundError for a name botocore has not."""
    return ServiceModel(name, load_definition(name))


def load_definition(name: str) -> Mapping[str, Any]:
    """The model as botocore has it."""
    versions = _data_dir() / DIRECTORIES.get(name, name)
    newest = max(version for version in versions.iterdir() if version.is_dir())  # dates sort as text
    packed = newest / "service-2.json.gz"
    raw = gzip.decompress(packed.read_bytes()) if packed.exists() else packed.with_suffix("").read_bytes()
    definition: Mapping[str, Any] = msgspec.json.decode(raw)
    return definition
