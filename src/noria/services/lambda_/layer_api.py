"""Layers and their permissions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from noria.context import RequestContext
from noria.services.lambda_ import checks, errors, policies
from noria.services.lambda_.core import Core
from noria.services.lambda_.layers import (
    VERSION_ARN,
    LayerVersion,
    layer_key,
    layer_version,
    whole_layer_version,
)
from noria.services.lambda_.policies import FunctionPolicy
from noria.services.lambda_.tables import LIST_PAGE, after_marker, next_after


class LayerApi:
    """A version that functions use can be deleted: they keep it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._layers = core.layers

    async def publish_layer_version(
        self,
        ctx: RequestContext,
        *,
        layer_name: str,
        content: Mapping[str, Any],
        description: str = "",
        compatible_architectures: list[str] | None = None,
        compatible_runtimes: list[str] | None = None,
        license_info: str | None = None,
    ) -> dict[str, Any]:
        account, name = _layer(ctx, layer_name)
        if account != ctx.account:
            raise errors.other_account()
        data = checks.zip_file(content, "PublishLayerVersion's Content")
        await self._core.check_code_storage(ctx, len(data))
        version = await self._layers.next_version(ctx.account, ctx.region, name)
        holder = f"arn:aws:lambda:{ctx.region}:{ctx.account}:layer:{name}:{version}"
        layer = LayerVersion(
            account=ctx.account,
            region=ctx.region,
            name=name,
            version=version,
            description=description,
            license_info=license_info,
            runtimes=compatible_runtimes,
            architectures=compatible_architectures,
            code_sha256=await self._core.packages.add(data, holder),
            code_size_bytes=len(data),
            created_ms=self._core.clock.now_ms(),
        )
        await self._layers.versions.insert(ctx.account, ctx.region, layer_key(name, version), layer)
        return self._whole(ctx, layer)

    def _whole(self, ctx: RequestContext, layer: LayerVersion) -> dict[str, Any]:
        return whole_layer_version(layer, self._core.downloads.url(ctx.base_url, layer.code_sha256))

    async def _get(self, ctx: RequestContext, layer_name: str, version: int) -> LayerVersion | None:
        account, name = _layer(ctx, layer_name)
        return await self._layers.versions.get(account, ctx.region, layer_key(name, version))

    async def get_layer_version(
        self, ctx: RequestContext, *, layer_name: str, version_number: int
    ) -> dict[str, Any]:
        layer = await self._get(ctx, layer_name, version_number)
        if layer is None:
            raise errors.not_found()
        return self._whole(ctx, layer)

    async def get_layer_version_by_arn(self, ctx: RequestContext, *, arn: str) -> dict[str, Any]:
        match = VERSION_ARN.fullmatch(arn)
        if match is None:
            raise errors.not_found()
        region, account, name, version = match.groups()
        layer = await self._layers.versions.get(account, region, layer_key(name, int(version)))
        if layer is None or region != ctx.region:
            raise errors.not_found()
        return self._whole(ctx, layer)

    async def delete_layer_version(
        self, ctx: RequestContext, *, layer_name: str, version_number: int
    ) -> None:
        """There need not be one."""
        layer = await self._get(ctx, layer_name, version_number)
        if layer is None:
            return
        key = layer_key(layer.name, layer.version)
        await self._layers.policies.delete(layer.account, layer.region, key)
        if await self._layers.versions.delete(layer.account, layer.region, key):
            await self._core.packages.release(layer.code_sha256, layer.arn)

    async def list_layer_versions(
        self,
        ctx: RequestContext,
        *,
        layer_name: str,
        compatible_architecture: str | None = None,
        compatible_runtime: str | None = None,
        marker: str | None = None,
        max_items: int = LIST_PAGE,
    ) -> dict[str, Any]:
        """The newest first."""
        account, name = _layer(ctx, layer_name)
        versions = [
            layer
            for _, layer in reversed(await self._layers.versions.all_of(account, ctx.region, f"{name}:"))
            if _is_compatible(layer, compatible_architecture, compatible_runtime)
        ]
        below = after_marker(marker)
        if below:
            versions = [layer for layer in versions if layer_key(layer.name, layer.version) < below]
        limit = min(max_items, LIST_PAGE)
        answer: dict[str, Any] = {"LayerVersions": [layer_version(layer) for layer in versions[:limit]]}
        if len(versions) > limit:
            answer["NextMarker"] = next_after(layer_key(name, versions[limit - 1].version))
        return answer

    async def list_layers(
        self,
        ctx: RequestContext,
        *,
        compatible_architecture: str | None = None,
        compatible_runtime: str | None = None,
        marker: str | None = None,
        max_items: int = LIST_PAGE,
    ) -> dict[str, Any]:
        """Each with its newest version that is compatible."""
        newest: dict[str, LayerVersion] = {}
        for _, layer in await self._layers.versions.all_of(ctx.account, ctx.region):
            if _is_compatible(layer, compatible_architecture, compatible_runtime):
                newest[layer.name] = layer
        names = sorted(name for name in newest if name > after_marker(marker))
        limit = min(max_items, LIST_PAGE)
        answer: dict[str, Any] = {
            "Layers": [
                {
                    "LayerName": name,
                    "LayerArn": newest[name].layer_arn,
                    "LatestMatchingVersion": layer_version(newest[name]),
                }
                for name in names[:limit]
            ]
        }
        if len(names) > limit:
            answer["NextMarker"] = next_after(names[limit - 1])
        return answer

    # Permissions

    async def _existing(
        self, ctx: RequestContext, layer_name: str, version: int
    ) -> tuple[LayerVersion, FunctionPolicy | None]:
        layer = await self._get(ctx, layer_name, version)
        if layer is None:
            account, name = _layer(ctx, layer_name)
            arn = f"arn:aws:lambda:{ctx.region}:{account}:layer:{name}:{version}"
            raise errors.not_found(f"Layer version {arn} does not exist.")
        key = layer_key(layer.name, layer.version)
        return layer, await self._layers.policies.get(layer.account, layer.region, key)

    async def add_layer_version_permission(
        self,
        ctx: RequestContext,
        *,
        layer_name: str,
        version_number: int,
        statement_id: str,
        action: str,
        principal: str,
        organization_id: str | None = None,
        revision_id: str | None = None,
    ) -> dict[str, Any]:
        layer, old = await self._existing(ctx, layer_name, version_number)
        condition = {"StringEquals": {"aws:PrincipalOrgID": organization_id} if organization_id else {}}
        added = policies.statement(
            statement_id, policies.principal_element(principal), action, layer.arn, condition
        )
        new = policies.with_statement(old, added, revision_id, "GetLayerPolicy")
        await self._store(layer, old, new)
        return {"Statement": json.dumps(added, separators=(",", ":")), "RevisionId": new.revision_id}

    async def _store(
        self, layer: LayerVersion, old: FunctionPolicy | None, new: FunctionPolicy | None
    ) -> None:
        """Raises PreconditionFailedException where another request came between."""
        place = (layer.account, layer.region, layer_key(layer.name, layer.version))
        if new is None:
            stored = await self._layers.policies.delete(*place)
        elif old is None:
            stored = await self._layers.policies.insert(*place, new)
        else:
            stored = await self._layers.policies.replace(*place, old, new)
        if not stored:
            raise errors.revision_mismatch("GetLayerPolicy")

    async def get_layer_version_policy(
        self, ctx: RequestContext, *, layer_name: str, version_number: int
    ) -> dict[str, Any]:
        _, policy = await self._existing(ctx, layer_name, version_number)
        if policy is None:
            raise errors.not_found("No policy is associated with the given resource.")
        return {"Policy": policy.document, "RevisionId": policy.revision_id}

    async def remove_layer_version_permission(
        self,
        ctx: RequestContext,
        *,
        layer_name: str,
        version_number: int,
        statement_id: str,
        revision_id: str | None = None,
    ) -> None:
        layer, old = await self._existing(ctx, layer_name, version_number)
        new = policies.without_statement(old, statement_id, revision_id, "GetLayerPolicy")
        await self._store(layer, old, new)


def _layer(ctx: RequestContext, layer_name: str) -> tuple[str, str]:
    """(account, name) of a name or an ARN."""
    if not layer_name.startswith("arn:"):
        return ctx.account, layer_name
    _, _, _, region, account, _, name = layer_name.split(":")
    if region != ctx.region:
        raise errors.not_found()
    return account, name


def _is_compatible(layer: LayerVersion, architecture: str | None, runtime: str | None) -> bool:
    return (architecture is None or architecture in (layer.architectures or [])) and (
        runtime is None or runtime in (layer.runtimes or [])
    )
