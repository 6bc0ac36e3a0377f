"""Layers: archives that functions share, published in versions that never change."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.lambda_ import errors
from noria.services.lambda_.limits import LAYERS
from noria.services.lambda_.models import LayerUse, base64_sha256, timestamp
from noria.services.lambda_.policies import FunctionPolicy
from noria.services.lambda_.tables import Table
from noria.services.ports import Permissions
from noria.store.base import Records

VERSION_ARN = re.compile(r"arn:aws:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+):(\d{1,10})")


class Layer(msgspec.Struct, frozen=True):
    """versions: how many were ever published; numbers are not used again."""

    versions: int


class LayerVersion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """runtimes, architectures: that it is said to be compatible with; None where the request said nothing."""

    account: str
    region: str
    name: str
    version: int
    description: str = ""
    license_info: str | None = None
    runtimes: list[str] | None = None
    architectures: list[str] | None = None
    code_sha256: str
    code_size_bytes: int
    created_ms: int

    @property
    def layer_arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}"

    @property
    def arn(self) -> str:
        return f"{self.layer_arn}:{self.version}"


def layer_version(layer: LayerVersion) -> dict[str, Any]:
    """As lists have it."""
    return {
        "LayerVersionArn": layer.arn,
        "Version": layer.version,
        "Description": layer.description,
        "CreatedDate": timestamp(layer.created_ms),
        "CompatibleRuntimes": layer.runtimes,
        "CompatibleArchitectures": layer.architectures,
        "LicenseInfo": layer.license_info,
    }


def whole_layer_version(layer: LayerVersion, location: str) -> dict[str, Any]:
    """location: the URL from which its archive can be fetched."""
    content = {
        "CodeSha256": base64_sha256(layer.code_sha256),
        "CodeSize": layer.code_size_bytes,
        "Location": location,
    }
    return {**layer_version(layer), "LayerArn": layer.layer_arn, "Content": content}


def layer_key(name: str, version: int) -> str:
    """Versions are listed in the order of their numbers."""
    return f"{name}:{version:010d}"


class LayerTable:
    """counts: of versions, by the layer's name. versions and policies: by `layer_key`."""

    def __init__(self, records: Records) -> None:
        self.counts = Table(records, "lambda-layer", Layer)
        self.versions = Table(records, "lambda-layer-version", LayerVersion)
        self.policies = Table(records, "lambda-layer-policy", FunctionPolicy)

    async def next_version(self, account: str, region: str, name: str) -> int:
        """A number that no other version of the layer gets."""
        while True:
            old = await self.counts.get(account, region, name)
            new = Layer(1 if old is None else old.versions + 1)
            if old is None and await self.counts.insert(account, region, name, new):
                return new.versions
            if old is not None and await self.counts.replace(account, region, name, old, new):
                return new.versions

    async def used_by(self, ctx: RequestContext, arns: list[str], permissions: Permissions) -> list[LayerUse]:
        """The layers of a function, which exist and which the caller may read. Raises AWS's errors."""
        if len(arns) > LAYERS:
            raise errors.invalid_parameter(f"Cannot reference more than {LAYERS} layers.")
        used: dict[str, LayerUse] = {}
        for arn in arns:
            match = VERSION_ARN.fullmatch(arn)
            if match is None:
                raise errors.invalid_parameter(f"Layer version {arn} does not exist.")
            region, account, name, version = match.groups()
            if region != ctx.region:
                raise errors.invalid_parameter(
                    "Layers are not in the same region as the function. "
                    f"Layers are expected to be in region {ctx.region}."
                )
            await permissions.require(ctx, "lambda:GetLayerVersion", arn)
            layer = await self.versions.get(account, region, layer_key(name, int(version)))
            if layer is None:
                raise errors.invalid_parameter(f"Layer version {arn} does not exist.")
            if layer.layer_arn in used:
                raise errors.invalid_parameter(
                    "Two different versions of the same layer are not allowed to be referenced in the same "
                    f"function. {arn} and {used[layer.layer_arn].arn} are versions of the same layer."
                )
            used[layer.layer_arn] = LayerUse(layer.arn, layer.code_sha256, layer.code_size_bytes)
        return list(used.values())

    async def references(self) -> dict[str, set[str]]:
        """The packages that layers hold, and as whom."""
        held: dict[str, set[str]] = {}
        for layer in await self.versions.everywhere():
            held.setdefault(layer.code_sha256, set()).add(layer.arn)
        return held
