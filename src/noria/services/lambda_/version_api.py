"""Versions and aliases."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.lambda_ import errors
from noria.services.lambda_.core import Core
from noria.services.lambda_.functions import qualified
from noria.services.lambda_.models import (
    LATEST,
    Alias,
    Function,
    alias_configuration,
    base64_sha256,
    configuration,
    function_arn,
    listed,
)
from noria.services.lambda_.names import Reference, require_function, resolve
from noria.services.lambda_.tables import LIST_PAGE, next_after


class VersionApi:
    """Published versions never change; aliases are names for them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._aliases = core.functions.aliases

    async def publish_version(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        code_sha256: str | None = None,
        description: str | None = None,
        revision_id: str | None = None,
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name)
        require_function(reference)
        latest = await self._core.control.for_update(reference, revision_id)
        current = base64_sha256(latest.code_sha256)
        if code_sha256 and code_sha256 != current:
            raise errors.invalid_parameter(
                f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST ({current}). "
                "Please try again with the CodeSHA256 in $LATEST."
            )
        await self._core.check_code_storage(ctx, latest.code_size_bytes)
        version = await self._core.control.publish(latest, description)
        return configuration(version, version.version)

    async def list_versions_by_function(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        marker: str | None = None,
        max_items: int = LIST_PAGE,
    ) -> dict[str, Any]:
        _, latest = await self._core.latest(ctx, function_name)
        room = min(max_items, LIST_PAGE) - (1 if marker is None else 0)  # $LATEST comes first
        prefix = f"{latest.name}:"
        versions: list[Function] = []
        next_marker: str | None = next_after(prefix)
        if room:
            versions, next_marker = await self._core.functions.versions.listed(
                latest.account, latest.region, prefix, marker, room
            )
        shown = [latest, *versions] if marker is None else versions
        answer: dict[str, Any] = {"Versions": [listed(version, version.version) for version in shown]}
        if next_marker is not None:
            answer["NextMarker"] = next_marker
        return answer

    async def create_alias(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        name: str,
        function_version: str,
        description: str = "",
        routing_config: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name)
        weights = _weights(routing_config) or {}
        await self._check_versions(reference, function_version, weights)
        alias = Alias(
            account=reference.account,
            region=reference.region,
            function=reference.name,
            name=name,
            version=function_version,
            description=description,
            weights=weights,
            revision_id=str(uuid.uuid4()),
        )
        key = qualified(alias.function, alias.name)
        if not await self._aliases.insert(alias.account, alias.region, key, alias):
            raise errors.conflict(f"Alias already exists: {alias.arn}")
        return alias_configuration(alias)

    async def _check_versions(self, reference: Reference, version: str, weights: Mapping[str, float]) -> None:
        """An alias's versions exist and can be combined."""
        if len(weights) > 1:
            raise errors.invalid_parameter(
                "Number of items in AdditionalVersionWeights cannot be greater than 1"
            )
        if version == LATEST and weights:
            raise errors.invalid_parameter(
                "$LATEST is not supported for an alias pointing to more than 1 version"
            )
        for wanted in (version, *weights):
            found = await self._core.functions.version(
                reference.account, reference.region, reference.name, wanted
            )
            if found is None:
                arn = function_arn(reference.account, reference.region, reference.name, wanted)
                raise errors.function_not_found(arn)
        if version in weights:
            raise errors.invalid_parameter(
                f"Invalid function version {version}. Function version {version} is already included in "
                "routing configuration."
            )

    async def _alias(self, ctx: RequestContext, function_name: str, name: str) -> Alias:
        reference = resolve(ctx, function_name)
        of_alias = Reference(reference.account, reference.region, reference.name, name)
        alias = await self._core.functions.alias(of_alias)
        if alias is None:
            raise errors.alias_not_found(of_alias.arn)
        return alias

    async def get_alias(self, ctx: RequestContext, *, function_name: str, name: str) -> dict[str, Any]:
        return alias_configuration(await self._alias(ctx, function_name, name))

    async def update_alias(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        name: str,
        function_version: str | None = None,
        description: str | None = None,
        routing_config: Mapping[str, Any] | None = None,
        revision_id: str | None = None,
    ) -> dict[str, Any]:
        old = await self._alias(ctx, function_name, name)
        if revision_id is not None and revision_id != old.revision_id:
            raise errors.revision_mismatch()
        weights = _weights(routing_config)
        new = msgspec.structs.replace(
            old,
            version=old.version if function_version is None else function_version,
            description=old.description if description is None else description,
            weights=old.weights if weights is None else weights,
            revision_id=str(uuid.uuid4()),
        )
        reference = Reference(old.account, old.region, old.function)
        await self._check_versions(reference, new.version, new.weights)
        key = qualified(old.function, old.name)
        if not await self._aliases.replace(old.account, old.region, key, old, new):
            raise errors.revision_mismatch()
        await self._core.provisioning.refresh(reference)
        return alias_configuration(new)

    async def delete_alias(self, ctx: RequestContext, *, function_name: str, name: str) -> None:
        """What belongs to the alias goes with it; there need not be one."""
        reference = resolve(ctx, function_name)
        key = qualified(reference.name, name)
        await self._aliases.delete(reference.account, reference.region, key)
        await self._core.forget(reference, name)

    async def list_aliases(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        function_version: str | None = None,
        marker: str | None = None,
        max_items: int = LIST_PAGE,
    ) -> dict[str, Any]:
        _, latest = await self._core.latest(ctx, function_name)
        aliases, next_marker = await self._aliases.listed(
            latest.account, latest.region, f"{latest.name}:", marker, max_items
        )
        shown = [
            alias_configuration(alias)
            for alias in aliases
            if function_version is None or function_version in {alias.version, *alias.weights}
        ]
        return {"Aliases": shown, "NextMarker": next_marker}


def _weights(routing_config: Mapping[str, Any] | None) -> dict[str, float] | None:
    if routing_config is None:
        return None
    return dict(routing_config.get("AdditionalVersionWeights") or {})
